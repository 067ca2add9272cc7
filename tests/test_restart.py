"""Restart: the recovery manager dies after every command, in the middle of every kind of operation,
and at every failing Save. It comes back, and the end is the undisturbed run's but for attempts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from world.build import MINUTE, SECOND, scenario, violations

from dr_sim.record.journal import Journal, Row
from dr_sim.record.verify import verify
from dr_sim.recovery.commands import Command, Save
from dr_sim.stores import FileStore, MemoryStore, Store, StoreError
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.own_logic import builders
from dr_sim.world.world import World

BACK_US = 10 * SECOND
RETRY_US = 3 * MINUTE
CRITICAL_US = 6 * MINUTE

COMMON = """\
run_for: 2 h 10 min
start: 2026-01-04 23:50
link: {bandwidth: 100 Mbit/s}
replication: {retry: 20 s}
secondary: {restore_fixed: 2 s, hash_rate: 20 MB/s}
replay: {age: 7 min, retry: 3 min, critical_after: 6 min, window: 11 min, on_hole: POLICY}
heartbeat: {every: 5 s}
manager: {restart_after: 10 s}
"""
ONE = "databases: {crm: {size: 2 GB, full: none, incremental: daily 00:10}}\n"
TWO = """\
databases:
  crm: &d {size: 2 GB, full: none, incremental: daily 00:10}
  b_2: {size: 1 GB, full: none, incremental: none, log_volume: 5 MB per 5 min}
"""

STORIES = {
    # a torn copy, silence, a hole that is bridged, and the site gone while a log is under way
    "bridge, site": COMMON.replace("POLICY", "bridge")
    + TWO
    + """\
failover: {mode: automatic}
events:
  - {at: 16 min, corrupt_in_transit: {database: crm}}
  - {at: 31 min, missing_file: crm}
  - {at: 56 min, paused_backups: {database: crm, duration: 22 min}}
  - {at: 115 min 2 s, lose: site}
""",
    # a hole that takes a new full, an operator who is asked, and a tail from the log that survives
    "resync, database": COMMON.replace("POLICY", "resync")
    + ONE
    + """\
failover: {mode: manual, operator: {answers_in: 90 s}}
events:
  - {at: 26 min, missing_file: crm}
  - {at: 50 min, paused_backups: {database: crm, duration: 22 min}}
  - {at: 83 min, backup_cut_off: crm}
  - {at: 96 min 30 s, lose: database}
""",
    # damage at rest at the moment of replay, silence, and a planned failover that loses nothing
    "skip ahead, planned": COMMON.replace("POLICY", "skip_ahead")
    + ONE.replace("full: none", "full: daily 00:40")
    + """\
failover: {mode: manual}
events:
  - {at: 21 min, missing_file: crm}
  - {at: 70 min, paused_backups: {database: crm, duration: 14 min}}
  - {at: 100 min 2 s, order_failover: dba}
""",
}


# ---- running
@dataclass
class Run:
    world: World
    commands: list[Command] = field(default_factory=list)

    @property
    def journal(self) -> Journal:
        return self.world.journal


class FailingStore(MemoryStore):
    """The save of that number, counted from 0, fails: with nothing changed, or when it is done."""

    def __init__(self, fails: int, done: bool) -> None:
        super().__init__()
        self.fails = fails
        self.done = done

    def save(self, key: str, value: str) -> None:
        self.fails -= 1
        if self.fails != -1 or self.done:
            super().save(key, value)
        if self.fails == -1:
            raise StoreError("no room")


def run(
    story: str, crash_before: int = -1, crash_at: tuple[int, ...] = (), store: Store | None = None
) -> Run:  # fmt: skip
    """One run; crash_before: the number of the command, counted from 0, before which the manager
    dies.
    """
    done = Run(World(scenario(STORIES[story]), store=store))

    def before(command: Command) -> bool:
        done.commands.append(command)
        return len(done.commands) - 1 == crash_before

    done.world.driver.hooks.before_command = before
    for at_us in crash_at:
        done.world.context.agenda.at(at_us, Class.FAULT, -1, done.world.driver.crash)
    done.world.run()
    return done


@cache
def undisturbed(story: str) -> Run:
    return run(story)


# ---- what the end is
def covered(ranges: list[tuple[int, int]]) -> list[list[int]]:
    """The union of ranges: a log made on request shifts where others begin, not what they hold
    together.
    """
    union: list[list[int]] = []
    for first, last in sorted(ranges):
        if union and first <= union[-1][1]:
            union[-1][1] = max(union[-1][1], last)
        else:
            union.append([first, last])
    return union


def end_of(world: World) -> dict[str, Any]:
    """Positions, promotions, commits held, logs held: what must not depend on the manager's
    life.
    """
    engine = world.context.secondary_engine
    end: dict[str, Any] = {}
    for d in world.context.scenario.databases:
        state, reading = engine.state(d.name), engine.read_witness(d.name)
        logs = [
            f
            for where in ("primary", "secondary")
            for f in world.pair.files_at(where, world.pair.index_of(d.name))
            if f.kind == 2
        ]
        end[d.name] = {
            "position": (state.fork, state.redo_lsn, state.restoring, state.exists),
            "commits": (reading.commits, reading.digest),
            "log held": covered(
                [(f.header.first_lsn, f.header.last_lsn) for f in logs if f.manifest is not None]
            ),
        }
    lost = ("fork_point_lsn", "commits", "lacking_us", "transactions_lost", "user_bytes_lost")
    end["promoted"] = {
        r.entity: [r.values[name] for name in lost] for r in world.journal.rows("truth.promoted")
    }
    end["phase"] = [r.values["phase"] for r in world.journal.rows("seen.EnterPhase")][-1]
    end["served again"] = len(list(world.journal.rows("truth.served_again")))
    return end


def planned_end(end: dict[str, Any]) -> dict[str, Any]:
    """Of a planned failover: when the fence falls depends on when it is ordered; that nothing is
    lost does not.
    """
    return {
        "lost": {entity: values[3] for entity, values in end["promoted"].items()},
        "phase": end["phase"],
        "served again": end["served again"],
    }


def saved(row: Row) -> bool:
    """Is it a save that happened, told or not?"""
    return row.kind == "seen.Save" or (row.kind == "truth.store_write" and bool(row.values["ok"]))


SAVES = ("seen.Save", "truth.store_write")


# ---- what must hold in between
def alarm_clocks(journal: Journal) -> Iterator[str]:
    """Every alert against the instants of the restores and the clocks in the store: minutes and
    levels go on (R12).
    """
    restored: dict[str, list[int]] = {}
    clocks: dict[str, dict[str, list[int]]] = {}
    names = {0: "crm", 1: "b_2"}
    danger_of = {
        1: "chain",
        2: "silence",
        3: "chain",
        5: "recover",
        6: "left behind",
        7: "left behind",
        8: "lag",
        12: "fence",
        13: "two primaries",
        14: "heard again",
    }
    for row in journal.rows("truth.restored", *SAVES, "seen.RaiseAlert"):
        t, v = row.time_us, row.values
        if row.kind == "truth.restored":
            restored.setdefault(names[row.entity], []).append(t)
        elif row.kind in SAVES:
            if saved(row) and v["key"].startswith("alert/"):
                database = v["key"].removeprefix("alert/")
                before, now = clocks.get(database, {}), json.loads(v["value"] or "{}")
                for danger in before.keys() & now.keys():
                    if before[danger][:2] != now[danger][:2]:
                        yield f"{t}: the clock of {danger} was set anew"
                clocks[database] = now
        else:
            database, danger = v["database"], danger_of.get(v["event_id"], v["name"])
            since = clocks.get(database, {}).get(danger)
            if since is None:
                yield f"{t}: alert {v['event_id']} without a clock in the store"
                continue
            level = "critical" if t - since[0] >= CRITICAL_US else "error"
            if v["level"] != level:
                yield f"{t}: alert {v['event_id']} is {v['level']}, since {since[0]}"
            # a restore whose answer died with the manager is not known to the next: then it is the
            # one before
            known = restored.get(database, [0])[-2:]
            # of the whole service: since the restore of the database that waits longest
            if not database:
                known = [at for name in names.values() for at in restored.get(name, [0])[-2:]]
            if v["minutes"] not in {
                (t - at) // MINUTE for at in [*known, *([0] if len(known) < 2 else [])]
            }:
                yield f"{t}: alert {v['event_id']} says {v['minutes']} minutes, restored {known}"


def dangers(journal: Journal) -> dict[tuple[str, str], list[int]]:
    """When each danger was first told, episode by episode."""
    found: dict[tuple[str, str], list[int]] = {}
    known: dict[str, dict[str, Any]] = {}
    for row in journal.rows(*SAVES):
        if saved(row) and row.values["key"].startswith("alert/"):
            database = row.values["key"].removeprefix("alert/")
            now = json.loads(row.values["value"] or "{}")
            for danger in sorted(now.keys() - known.get(database, {}).keys()):
                found.setdefault((database, danger), []).append(row.time_us)
            known[database] = now
    return found


def alerts_of(journal: Journal) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = {}
    for row in journal.rows("seen.RaiseAlert"):
        found.setdefault((row.values["database"], row.values["event_id"]), []).append(row.time_us)
    return found


def attempts_forgotten(journal: Journal) -> Iterator[str]:
    """The counter of a file only rises, one for each read that began, and is in the store before
    it.
    """
    counts: dict[str, int] = {}
    reads: dict[str, int] = {}
    for row in journal.rows(*SAVES, "seen.Restore"):
        v = row.values
        if saved(row) and v["key"].startswith("attempts/") and v["value"]:
            name = v["key"].removeprefix("attempts/")
            if int(v["value"]) != counts.get(name, 0) + 1:
                yield f"{row.time_us}: {name} goes from {counts.get(name, 0)} to {v['value']}"
            counts[name] = int(v["value"])
        elif row.kind == "seen.Restore":
            name = f"{v['database']}/{v['name']}"
            reads[name] = reads.get(name, 0) + 1
            if reads[name] > counts.get(name, 0):
                yield f"{row.time_us}: read {reads[name]} of {name} is not counted"


def check(story: str, crashed: Run, crashes: int = 1) -> None:
    """The whole of the promise."""
    usual = undisturbed(story)
    journal = crashed.journal
    assert violations(journal) == []
    assert list(alarm_clocks(journal)) == []
    assert list(attempts_forgotten(journal)) == []
    s = crashed.world.context.scenario
    found = verify(journal, builders(journal, s))
    assert found.mismatch is None
    mine, usually = end_of(crashed.world), end_of(usual.world)
    if "planned" in story:
        mine, usually = planned_end(mine), planned_end(usually)
    assert mine == usually
    told, usually_told = dangers(journal), dangers(usual.journal)
    slack = RETRY_US + crashes * 2 * BACK_US
    for danger, instants in usually_told.items():
        assert danger in told, f"{danger} is told in the undisturbed run"
        assert told[danger][0] <= instants[0] + slack
    raised = alerts_of(journal)
    for alert, instants in alerts_of(usual.journal).items():
        for t in instants:  # it is raised again at every retry, crash or no crash (R12)
            assert any(abs(t - again) <= slack for again in raised.get(alert, [])), (
                f"{alert} of {t} is not raised again"
            )
    kept = crashed.world.driver.store.load()
    for key, value in usual.world.driver.store.load().items():
        if key.startswith("attempts/") and key in kept:
            assert int(value) <= int(kept[key]) <= int(value) + crashes


# ---- the undisturbed runs are what they are meant to be
@pytest.mark.parametrize("story", STORIES)
def test_the_undisturbed_run_has_a_hole_a_repair_alerts_and_a_failover(story: str) -> None:
    usual = undisturbed(story)
    check(story, usual, 0)
    kinds = {type(c).__name__ for c in usual.commands}
    assert {"RaiseAlert", "AskPrimary", "Recover", "Redirect", "Fence"} <= kinds
    levels = {r.values["level"] for r in usual.journal.rows("seen.RaiseAlert")}
    assert levels == {"error", "critical"}
    assert end_of(usual.world)["phase"] == "serving"
    if "skip" not in story:
        assert "TakeBackup" in kinds
    assert 140 < len(usual.commands) < 700


# ---- after every command
def crashed_before(story: str, nth: int) -> Run:
    return run(story, crash_before=nth)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("part", range(8))
def test_a_crash_at_every_eighth_command(story: str, part: int) -> None:
    """A sample that visits each kind of command: the first of its kind, and one in eighty of
    all.
    """
    commands = undisturbed(story).commands
    firsts = {
        next(i for i, c in enumerate(commands) if type(c) is kind)
        for kind in {type(c) for c in commands}
    }
    chosen = sorted(firsts | set(range(7, len(commands), 41)))
    for nth in chosen[part::8]:
        check(story, crashed_before(story, nth))


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_after_every_command(story: str) -> None:
    for nth in range(len(undisturbed(story).commands)):
        check(story, crashed_before(story, nth))


# ---- at a failing Save
def saves(story: str) -> list[Save]:
    return [c for c in undisturbed(story).commands if isinstance(c, Save)]


def check_a_failing_save(story: str, nth: int) -> None:
    """Whether nothing has changed or all is done when it fails."""
    for there in (0, 1):
        failed = run(story, store=FailingStore(nth, bool(there)))
        (row,) = failed.journal.rows("truth.store_write")
        assert row.values["ok"] == there
        check(story, failed)


@pytest.mark.parametrize("story", STORIES)
def test_a_save_that_fails_drops_the_rest_and_the_machine_comes_back(story: str) -> None:
    """The first Save of every key's kind, and a few more."""
    kinds: dict[str, int] = {}
    for n, command in enumerate(saves(story)):
        kinds.setdefault(command.key.split("/")[0], n)
    for nth in sorted({*kinds.values(), *range(5, len(saves(story)), 23)}):
        check_a_failing_save(story, nth)


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_every_save_that_fails(story: str) -> None:
    for nth in range(len(saves(story))):
        check_a_failing_save(story, nth)


# ---- a store on disk
@pytest.mark.parametrize("story", STORIES)
def test_over_a_store_on_disk_the_run_is_the_same_with_a_crash_and_without(
    story: str, tmp_path: Path
) -> None:
    crash_at = (31 * MINUTE + 7 * SECOND,)
    for name, at in (("undisturbed", ()), ("crashed", crash_at)):
        with FileStore(tmp_path / name) as store:
            on_disk, in_memory = run(story, crash_at=at, store=store), run(story, crash_at=at)
            assert on_disk.journal.digest() == in_memory.journal.digest()
            assert store.load() == in_memory.world.driver.store.load() != {}


# ---- in the middle of every operation
OPERATIONS = {
    "restore": ("seen.Restore", "seen.Restored"),
    "validation": ("seen.Validate", "seen.Validated"),
    "recopy": ("seen.Recopy", "seen.Landed"),
    "backup request": ("seen.TakeBackup", "seen.BackupTaken"),
    "page": ("seen.PageOperator", "seen.OperatorAnswered"),
    "fence": ("seen.Fence", "seen.Fenced"),
    "fence that fails": ("seen.Fence", "seen.FenceFailed"),
    "tail": ("seen.TakeTail", "seen.TailTaken"),
    "recover": ("seen.Recover", "seen.Recovered"),
    "redirect": ("seen.Redirect", "seen.Redirected"),
}


def spans(journal: Journal, begin: str, end: str) -> list[tuple[int, int]]:
    """From each beginning to the next end."""
    ends = [r.time_us for r in journal.rows(end)]
    found = []
    for row in journal.rows(begin):
        after = [t for t in ends if t >= row.time_us]
        if after:
            found.append((row.time_us, after[0]))
    return found


def drains(journal: Journal) -> list[tuple[int, int]]:
    phases = {r.values["phase"]: r.time_us for r in journal.rows("seen.EnterPhase")}
    return [(phases["draining"], phases["tail"]), (phases["tail"], phases["recovering"])]


def operations(story: str) -> Iterator[tuple[str, int, int]]:
    journal = undisturbed(story).journal
    for name, (begin, end) in OPERATIONS.items():
        found = spans(journal, begin, end)
        # the first, the last, and for files some in between
        for b, e in {*found[:1], *found[-1:], *found[::9]}:
            yield name, b, e
    for b, e in drains(journal):
        yield "drain", b, e


@pytest.mark.parametrize("story", STORIES)
def test_a_crash_in_the_middle_of_every_kind_of_operation(story: str) -> None:
    seen = set()
    for name, begin, end in sorted(operations(story)):
        if end - begin < 2:
            continue
        seen.add(name)
        check(story, run(story, crash_at=((begin + end) // 2,)))
    wanted = {"bridge, site": {"recopy", "fence that fails", "backup request"},
              "resync, database": {"page", "fence", "drain", "tail", "backup request"},
              "skip ahead, planned": {"fence", "drain", "tail"}}[story]  # fmt: skip
    assert wanted | {"restore", "validation", "recover", "redirect"} <= seen


@pytest.mark.parametrize("story", STORIES)
def test_crash_upon_crash(story: str) -> None:
    """It dies in the restore, in the validation that follows its return, and while it recovers."""
    journal = undisturbed(story).journal
    begin, end = spans(journal, *OPERATIONS["restore"])[8]
    recover, recovered = spans(journal, *OPERATIONS["recover"])[0]
    middle = (begin + end) // 2
    crashed = run(story, crash_at=(middle, middle + BACK_US + 300_000, (recover + recovered) // 2))
    check(story, crashed, 3)
    assert crashed.world.driver.incarnation == 4


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_second_minute(story: str) -> None:
    for k in range(130):
        check(story, run(story, crash_at=(k * MINUTE + (7 * k % 60) * SECOND + 1,)))
