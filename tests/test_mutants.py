"""Planted bugs: each is put into the real recovery logic, run through the world, and caught by the
witness; the same run without it has nothing to catch. The six of the house, and those of a restart.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import test_restart
from world.build import MINUTE, SECOND, scenario

from dr_sim.backups.chain import Fit, applies
from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.backups.names import backup_name
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.port import BackupOrder
from dr_sim.machines import Command, Event
from dr_sim.recovery import events
from dr_sim.recovery.alerts import alerts
from dr_sim.recovery.commands import RenameWorkingCopy, Restore, RestoreBeside
from dr_sim.recovery.events import BesideOrdered
from dr_sim.recovery.failover import draining, emptying, failover
from dr_sim.recovery.failover.drain import Drain, Remedy
from dr_sim.recovery.files import landing
from dr_sim.recovery.files.file import File
from dr_sim.recovery.repair.beside import Beside
from dr_sim.recovery.replay import replay, waiting
from dr_sim.recovery.replay.replay import DatabaseReplay
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.roles.reach import Reach
from dr_sim.world.world import World

TEXT = """\
run_for: 2 h
start: 2026-01-04 23:50
databases: {crm: {size: 2 GB, full: none, incremental: daily 00:10}}
link: {bandwidth: 100 Mbit/s}
secondary: {restore_fixed: 2 s}
manager: {restart_after: 10 s}
failover: {mode: automatic}
"""
Patch = pytest.MonkeyPatch


def caught(
    *happenings: str, during: tuple[tuple[int, Callable[[World], object]], ...] = ()
) -> set[str]:
    """The invariants that broke in a run with these events."""
    return broken(
        TEXT + ("events:\n" + "".join(f"  - {h}\n" for h in happenings) if happenings else ""),
        during,
    )


def broken(text: str, during: tuple[tuple[int, Callable[[World], object]], ...] = ()) -> set[str]:
    """Quiet logs take the long way, past the planted bug."""
    world = World(scenario(text), express=False)
    for at_us, do in during:
        world.context.agenda.at(at_us, Class.FAULT, -1, do, world)
    world.run()
    found = [v.invariant for pair in world.pairs for v in pair.context.witness.violations]
    assert [r.values["invariant"] for r in world.journal.rows("truth.violation")] == found
    return set(found)


# ---- the bugs
def skip_the_gap_check(patch: Patch) -> None:
    """A log that begins past the position is as good as any."""

    def careless(header: BackupHeader, state: RestoreState, *forks: Any) -> Fit:
        fit = applies(header, state, *forks)
        return Fit.APPLIES if fit is Fit.GAP else fit

    patch.setattr(waiting, "applies", careless)


def replay_twice(patch: Patch) -> None:
    """A log is handed over again when it has been restored."""
    restored = replay.ON_EVENT[events.Restored]

    def again(db: DatabaseReplay, e: events.Restored, out: list[Any]) -> None:
        file = db.files.in_hand
        restored(db, e, out)
        if file is not None and db.files.in_hand is None and file.attempts == 1:
            db.hand_over(file, False, out)

    patch.setitem(replay.ON_EVENT, events.Restored, again)


def forget_the_counter(patch: Patch) -> None:
    """The read is not counted before it."""

    def uncounted(self: DatabaseReplay, file: Any, replace: bool, out: list[Any]) -> None:
        self.files.hand_over(file)
        out.append(RenameWorkingCopy(self.name, file.name, file.attempts))
        out.append(Restore(self.name, file.name, replace))

    patch.setattr(DatabaseReplay, "hand_over", uncounted)


def forget_the_counter_in_a_crash(patch: Patch) -> None:
    """What the store says of attempts is not read when the manager comes back."""
    begin = DatabaseReplay.__init__

    def forgetful(self: DatabaseReplay, config: Any, rules: Any, saved: dict[str, str]) -> None:
        begin(self, config, rules, saved)
        self.files._stored_attempts = {}

    patch.setattr(DatabaseReplay, "__init__", forgetful)


def choose_by_lsn_across_forks(patch: Patch) -> None:
    """LSNs are compared, forks are not."""

    def by_lsn(header: BackupHeader, state: RestoreState, *forks: Any) -> Fit:
        return applies(dataclasses.replace(header, fork=state.fork, first_fork=state.fork), state)

    patch.setattr(waiting, "applies", by_lsn)


def promote_over_a_hole(patch: Patch) -> None:
    """A failover waits for nothing: what has landed beyond a hole, or in it, is left behind."""
    patch.setattr(Drain, "idle", lambda self: True)


def go_without_the_tail(patch: Patch) -> None:
    """What the old primary's log still holds is not asked for."""
    patch.setattr(emptying.Emptying, "take_tails", lambda self, e, planned, out: None)


def skip_the_hash(patch: Patch) -> None:
    """A mismatch is taken for a match, and the header for what the neighbour's says."""
    failed = landing.validation_failed

    def credulous(self: DatabaseReplay, e: events.ValidationFailed, out: list[Any]) -> None:
        if e.outcome is not events.ValidationOutcome.HASH_MISMATCH:
            failed(self, e, out)
            return
        before = max(
            (f for f in self.files.values() if f.header), key=lambda f: f.modified_utc_us
        ).header
        assert before is not None
        size = before.last_lsn - before.first_lsn
        header = dataclasses.replace(
            before, first_lsn=before.last_lsn, last_lsn=before.last_lsn + size
        )
        landing.validated(
            self,
            events.Validated(e.mono_us, e.utc_us, e.incarnation, e.database, e.name, header),
            out,
        )

    patch.setitem(replay.ON_EVENT, events.ValidationFailed, credulous)


def skip_the_hash_where_it_is_computed(patch: Patch) -> None:
    """The other half of it: whoever validates does not compare."""
    import dr_sim.world.secondary.validation as validation

    def blind(self: Any, work: Any) -> None:
        self.under_way.remove(work)
        work.file.validated = True
        work.done(work, "ok", work.file.header, 0, "")

    patch.setattr(validation.Validation, "_hashed", blind)


# ---- those of a drain: each is what an excuse of the witness might hide
def give_up_what_is_on_its_way(patch: Patch) -> None:
    """The share has answered, and what it told is not waited for."""
    answered = draining.share_answered

    def careless(db: DatabaseReplay, drain: Drain, e: events.ShareAnswered, out: list[Any]) -> None:
        answered(db, drain, e, out)
        draining.shut(db, drain, tail=False)

    patch.setattr(draining, "share_answered", careless)


def stop_draining_before_the_limit(patch: Patch) -> None:
    """The drain's alarm rings after a second."""
    begin = emptying.Emptying.start

    def hasty(self: emptying.Emptying, *args: Any) -> None:
        limit, self._limit_us = self._limit_us, SECOND
        begin(self, *args)
        self._limit_us = limit

    patch.setattr(emptying.Emptying, "start", hasty)


def never_ask_the_share(patch: Patch) -> None:
    """It is taken for dead."""

    def mute(db: DatabaseReplay, e: events.Event, out: list[Any]) -> None:
        assert db.drain is not None
        draining.shut(db, db.drain, tail=False)
        db.advance(e, out)

    patch.setattr(draining, "start", mute)


def call_what_is_whole_damaged(patch: Patch) -> None:
    """What lands in a drain is given up, as if its hash did not agree."""
    passed = landing.validated

    def harsh(db: DatabaseReplay, e: events.Validated, out: list[Any]) -> None:
        if db.drain is None:
            passed(db, e, out)
            return
        file = db.files[e.name]
        db.drain.await_no_longer(e.name)
        draining._give_up(db, db.drain, file)

    patch.setitem(replay.ON_EVENT, events.Validated, harsh)


def end_the_drain_at_once(patch: Patch) -> None:
    """Nothing is waited for, nothing is replayed any more."""
    patch.setattr(Drain, "idle", lambda self: True)


def ask_for_no_second_copy(patch: Patch) -> None:
    """A file that the way there has damaged is given up at the first try."""
    patch.setattr(Drain, "damaged", lambda self, file: Remedy.GIVE_UP)


def restore_in_the_wrong_order(patch: Patch) -> None:
    """In a drain the last log is handed over first; the engine refuses it, and all is given up."""

    def wrong(db: DatabaseReplay, mono_us: int, out: list[Any]) -> Any:
        if db.drain is None or len(db.files.pending) < 2:
            return usual(db, mono_us, out)
        last = db.files.pending[-1]
        return None if last.refused else last

    usual = waiting.next_log
    patch.setattr(waiting, "next_log", wrong)


# ---- those of a restart: what the store holds is not read
def forget_saved(patch: Patch, cls: type, place: int, key: str) -> None:
    """The machine's part is begun without what is saved under keys that begin so."""
    begin = cls.__init__

    def forgetful(self: Any, *args: Any) -> None:
        kept = {k: v for k, v in args[place].items() if not k.startswith(key)}
        begin(self, *args[:place], kept, *args[place + 1 :])

    patch.setattr(cls, "__init__", forgetful)


def forget_the_alerts(patch: Patch) -> None:
    forget_saved(patch, alerts.AlertBook, 2, "alert/")


def forget_the_last_restore(patch: Patch) -> None:
    forget_saved(patch, DatabaseReplay, 2, "restored/")


def forget_the_attempts(patch: Patch) -> None:
    forget_saved(patch, DatabaseReplay, 2, "attempts/")


def forget_the_failover(patch: Patch) -> None:
    forget_saved(patch, failover.Failover, 3, "failover")


SILENT = 75 * MINUTE  # nothing has landed for long, and that has been told


@pytest.mark.parametrize(
    ("mutant", "story", "crash_at"),
    [
        (forget_the_alerts, "bridge, site", SILENT),
        (forget_the_last_restore, "bridge, site", SILENT),
        (forget_the_attempts, "bridge, site", "restore"),
        (forget_the_failover, "skip ahead, planned", "fence"),
    ],
)
def test_the_tests_of_restarts_catch(
    mutant: Callable[[Patch], None], story: str, crash_at: int | str
) -> None:
    usual = test_restart.undisturbed(story)
    if isinstance(crash_at, str):
        begin, end = test_restart.spans(usual.journal, *test_restart.OPERATIONS[crash_at])[-1]
        crash_at = (begin + end) // 2
    test_restart.check(story, test_restart.run(story, crash_at=(crash_at,)))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(AssertionError):
        mutant(patch)
        test_restart.check(story, test_restart.run(story, crash_at=(crash_at,)))


# ---- the worlds in which they show
def crash_in_mid_restore(world: World) -> None:
    """The first restore that is under way from now on is killed."""
    if world.secondary._restoring:
        world.driver.crash()
    else:
        world.context.agenda.at(
            world.context.now_us + SECOND // 2, Class.FAULT, -1, crash_in_mid_restore, world
        )


@dataclass
class Rehearsal:
    """Someone brings a copy of the standby online at 12 minutes, on a fork of its own; its logs end
    up in the share.
    """

    clone: ModelEngine | None = None

    def begin(self, world: World) -> None:
        engine = world.context.secondary_engine
        assert isinstance(engine, ModelEngine)
        self.clone = ModelEngine(MemoryFiles(), checksum=True)
        self.clone.databases["crm"] = copy.deepcopy(engine.databases["crm"])
        self.clone.recover("crm", 7)

    def back_up(self, world: World, log_bytes: int) -> BackupFile:
        """It writes so much more log, which a log backup takes."""
        context, clone = world.context, self.clone
        assert clone is not None
        database = clone.databases["crm"]
        clone.commit_to("crm", database.commits + 100, database.lsn + log_bytes)
        utc = context.utc_us()
        name = backup_name("crm", utc, Kind.LOG, 0, list(context.by_name[0]))
        number = (1 << 31) + utc % (1 << 30)
        op = clone.begin_backup(
            "crm", BackupOrder(Kind.LOG, name, utc, log_bytes, backup_id=number)
        )
        header = op.finish(database.commits, database.lsn, utc + SECOND).header
        file = BackupFile(number, 0, name, header, database.commits, context.now_us)
        data = clone.files.read(name)
        file.finished(header, data, database.commits)
        context.by_name[0][name] = file
        context.witness.made(context.now_us, 0, number, header, database.commits)
        world.secondary.land(file, data)
        return file


def with_a_second_fork() -> set[str]:
    """The fork's first log ends before the standby's position, its second begins there and is
    wholly on the fork.
    """
    rehearsal = Rehearsal()

    def first(world: World) -> None:
        behind = (
            world.context.secondary_engine.state("crm").redo_lsn
            - rehearsal.clone.databases["crm"].lsn
        )  # type: ignore[union-attr]
        rehearsal.back_up(world, behind)
        assert behind > 0

    def second(world: World) -> None:
        rehearsal.back_up(world, 20_000_000)

    return caught(
        during=((12 * MINUTE, rehearsal.begin), (17 * MINUTE, first), (18 * MINUTE, second))
    )


def with_a_hole() -> set[str]:
    return caught("{at: 16 min, missing_file: crm}")


def with_damage_on_the_way() -> set[str]:
    return caught("{at: 16 min, corrupt_in_transit: {database: crm, files: 2}}")


def with_a_crash() -> set[str]:
    return caught(during=((16 * MINUTE, crash_in_mid_restore),))


def with_a_hole_that_an_incremental_bridges() -> set[str]:
    """Nobody has repaired the hole of 1:15 when the site goes at 1:29; the incremental of 1:20 gets
    past it.
    """
    text = TEXT.replace("daily 00:10", "daily 01:10") + (
        "replay: {on_hole: skip_ahead, age: 1 h}\nevents: [{at: 74 min, missing_file: "
        "crm}, {at: 89 min, lose: site}]\n"
    )
    return broken(text)


def with_a_slow_restore_and_a_lost_site() -> set[str]:
    """Logs have landed and wait for a restore job: the drain has work to do."""
    return broken(TEXT + "replay: {every: 30 min}\nevents: [{at: 89 min, lose: site}]\n")


def with_a_lost_database() -> set[str]:
    """Its log can be read: with the tail nothing is lost."""
    return broken(TEXT + "events: [{at: 88 min, lose: database}]\n")


def with_a_planned_failover() -> set[str]:
    return broken(TEXT + "events: [{at: 88 min, order_failover: {by: dba, planned: true}}]\n")


def with_a_lost_host() -> set[str]:
    """The log of 1:25 is in the share there, and on its way when the host goes."""
    text = TEXT.replace("100 Mbit/s", "2 Mbit/s")
    return broken(text + "events: [{at: 85 min 20 s, lose: host}]\n")


def with_a_lost_host_and_damage_on_the_way() -> set[str]:
    """The log of 1:25 is damaged on its way; the share has it whole."""
    text = TEXT.replace("100 Mbit/s", "2 Mbit/s")
    return broken(
        text + "events: [{at: 85 min, corrupt_in_transit: crm}, {at: 85 min 20 s, lose: host}]\n"
    )


def with_a_lost_host_behind_a_dead_link() -> set[str]:
    """Nothing comes over the data link before the drain's limit is over: what the share has is not
    to be had.
    """
    return broken(TEXT + "events: [{at: 84 min, link_outage: 30 min}, {at: 86 min, lose: host}]\n")


def with_a_lost_host_and_no_path() -> set[str]:
    """Questions go over the data link as well: the share does not answer."""
    text = TEXT.replace("100 Mbit/s", "2 Mbit/s") + "heartbeat: {path: data link}\n"
    return broken(
        text + "events: [{at: 85 min 20 s, link_outage: 30 min}, {at: 85 min 20 s, lose: host}]\n"
    )


def with_damage_on_every_way() -> set[str]:
    """Each copy of the log of 1:25 lands damaged."""
    text = TEXT.replace("100 Mbit/s", "2 Mbit/s")
    return broken(
        text + "events: [{at: 85 min, corrupt_in_transit: {database: crm, files: 20}}, {at: 85 "
        "min 20 s, lose: host}]\n"
    )


def with_a_mistake() -> set[str]:
    """It is made in the middle of a log, and a store is restored to just before it."""
    text = TEXT.replace("full: none", "full: daily 00:00")
    event = "{at: 62 min, mistake: {database: crm, noticed: 20 min, then: restore_before}}"
    return broken(text + f"copies: {{vault: {{store: {{}}}}}}\nevents: [{event}]\n")


def with_a_restore_beside() -> set[str]:
    """The same mistake; the store is restored beside the service."""
    text = TEXT.replace("full: none", "full: daily 00:00")
    event = (
        "{at: 62 min, mistake: {database: crm, noticed: 10 min, then: restore_beside, lost: 1 GB}}"
    )
    return broken(text + f"copies: {{vault: {{store: {{}}}}}}\nevents: [{event}]\n")


EXCUSED = [
    with_a_lost_host_behind_a_dead_link,
    with_a_lost_host_and_no_path,
    with_damage_on_every_way,
]


@pytest.mark.parametrize("world", EXCUSED, ids=lambda w: w.__name__)
def test_what_nobody_could_have_had_is_not_asked_for(world: Callable[[], set[str]]) -> None:
    assert world() == set()


@pytest.mark.parametrize("world", EXCUSED, ids=lambda w: w.__name__)
def test_without_its_excuse_it_would_be(world: Callable[[], set[str]]) -> None:
    """Else the excuse is of no use, and may hide something."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Reach,
            "due_class",
            lambda self, database: self._primary.databases[database].failed or "site",
        )
        assert "short_recovery" in world()


def restore_the_mistake_s_log_whole(patch: Patch) -> None:
    hand_over = DatabaseReplay.hand_over

    def whole(self: DatabaseReplay, file: File, takes_place: bool, out: list[Command]) -> None:
        stop, self.stop_before_utc_us = self.stop_before_utc_us, 0
        hand_over(self, file, takes_place, out)
        self.stop_before_utc_us = stop

    patch.setattr(DatabaseReplay, "hand_over", whole)


def stop_one_log_too_early(patch: Patch) -> None:
    ordered = DatabaseReplay.stop_before
    patch.setattr(
        DatabaseReplay,
        "stop_before",
        lambda self, utc_us: ordered(self, utc_us and utc_us - 5 * MINUTE),
    )


def replay_one_log_too_many(patch: Patch) -> None:
    ordered = DatabaseReplay.stop_before
    patch.setattr(
        DatabaseReplay,
        "stop_before",
        lambda self, utc_us: ordered(self, utc_us and utc_us + 5 * MINUTE),
    )


def restore_the_mistake_s_log_whole_beside(patch: Patch) -> None:
    go_on = Beside.go_on

    def whole(self: Beside, e: Event, out: list[Command]) -> None:
        go_on(self, e, out)
        for command in out:
            if isinstance(command, RestoreBeside):
                command.stop_before_utc_us = 0

    patch.setattr(Beside, "go_on", whole)


def restore_beside_up_to_another_instant(minutes: int, patch: Patch) -> None:
    ordered = Beside.ordered

    def moved(
        self: Beside, e: BesideOrdered, operators: tuple[str, ...], out: list[Command]
    ) -> None:
        later = e.stop_before_utc_us + minutes * MINUTE
        ordered(self, dataclasses.replace(e, stop_before_utc_us=later), operators, out)

    patch.setattr(Beside, "ordered", moved)


def restore_one_log_too_many_beside(patch: Patch) -> None:
    restore_beside_up_to_another_instant(5, patch)


def restore_one_log_too_few_beside(patch: Patch) -> None:
    restore_beside_up_to_another_instant(-5, patch)


MUTANTS = [
    (restore_the_mistake_s_log_whole_beside, with_a_restore_beside, "beside"),
    (restore_one_log_too_many_beside, with_a_restore_beside, "beside"),
    (restore_one_log_too_few_beside, with_a_restore_beside, "beside"),
    (restore_the_mistake_s_log_whole, with_a_mistake, "past_the_stop"),
    (replay_one_log_too_many, with_a_mistake, "past_the_stop"),
    (stop_one_log_too_early, with_a_mistake, "short_recovery"),
    (skip_the_gap_check, with_a_hole, "gap"),
    (replay_twice, with_a_hole, "replayed_twice"),
    (forget_the_counter, with_a_hole, "attempts"),
    (forget_the_counter_in_a_crash, with_a_crash, "attempts"),
    (choose_by_lsn_across_forks, with_a_second_fork, "wrong_fork"),
    (promote_over_a_hole, with_a_slow_restore_and_a_lost_site, "short_recovery"),
    (promote_over_a_hole, with_a_hole_that_an_incremental_bridges, "short_recovery"),
    (promote_over_a_hole, with_a_lost_host, "short_recovery"),
    (go_without_the_tail, with_a_lost_database, "short_recovery"),
    (go_without_the_tail, with_a_planned_failover, "short_recovery"),
    (give_up_what_is_on_its_way, with_a_lost_host, "short_recovery"),
    (stop_draining_before_the_limit, with_a_lost_host, "short_recovery"),
    (never_ask_the_share, with_a_lost_host, "short_recovery"),
    (call_what_is_whole_damaged, with_a_lost_host, "short_recovery"),
    (end_the_drain_at_once, with_a_lost_host, "short_recovery"),
    (end_the_drain_at_once, with_a_slow_restore_and_a_lost_site, "short_recovery"),
    (ask_for_no_second_copy, with_a_lost_host_and_damage_on_the_way, "short_recovery"),
    (restore_in_the_wrong_order, with_a_slow_restore_and_a_lost_site, "short_recovery"),
    (skip_the_hash, with_damage_on_the_way, "damaged_file"),
    (skip_the_hash_where_it_is_computed, with_damage_on_the_way, "damaged_file"),
]


@pytest.mark.parametrize(
    ("mutant", "world", "invariant"), MUTANTS, ids=lambda f: getattr(f, "__name__", f)
)
def test_the_witness_catches(
    mutant: Callable[[Patch], None], world: Callable[[], set[str]], invariant: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        assert invariant in world()


@pytest.mark.parametrize(
    "world", sorted({w for _, w, _ in MUTANTS}, key=lambda w: w.__name__), ids=lambda w: w.__name__
)
def test_without_the_bug_there_is_nothing_to_catch(world: Callable[[], set[str]]) -> None:
    assert world() == set()


def test_all_six_of_the_house_are_here() -> None:
    names = {mutant.__name__ for mutant, _, _ in MUTANTS}
    assert {
        "skip_the_gap_check",
        "replay_twice",
        "forget_the_counter",
        "choose_by_lsn_across_forks",
        "promote_over_a_hole",
        "skip_the_hash",
    } <= names
