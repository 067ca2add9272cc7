"""The tables of a file's life and of a failover: any events in any order, legal or not.

What is illegal raises and changes nothing at all; what is legal keeps what the owner promises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.machines import IllegalTransitionError, Save
from dr_sim.recovery import commands as c
from dr_sim.recovery.alerts.alerts import AlertBook
from dr_sim.recovery.events import ValidationOutcome
from dr_sim.recovery.failover.drain import PIPE
from dr_sim.recovery.failover.failover import KEY, Failover
from dr_sim.recovery.failover.failover_table import FAILOVER, FENCE, FailoverEvent, FailoverPhase
from dr_sim.recovery.files.file import Failure, File
from dr_sim.recovery.files.file_life import CONTENT, NEED, Content, FileEvent, Need
from dr_sim.recovery.files.files import HeldFiles
from dr_sim.recovery.files.last_backup import LAST
from dr_sim.recovery.repair.repair import REPAIR
from tests.recovery.fake_world import MINUTE, config

DAMAGED = Failure(ValidationOutcome.HASH_MISMATCH, 60001, "The hash does not agree.")
REFUSED = Failure(None, 3183, "RESTORE detected an error on page (1:1).")
QUICK = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
HUNT = settings(
    QUICK,
    max_examples=100,
    phases=(Phase.generate,),
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)
NAMES = [
    f"crm_2026_09_01_00_{minute:02}_00_{kind}_000"
    for minute, kind in ((0, "full"), (5, "log"), (10, "log"), (15, "log"), (20, "incremental"))
]


def header(number: int, kind: Kind, first: int, last: int) -> BackupHeader:
    return BackupHeader("crm", number, kind, 1, first, last, first, 0, 0, 1, 0, first, last)


def header_of(name: str, version: int) -> BackupHeader:
    """Version 0 is the one that the name was given to; another covers another range."""
    place = NAMES.index(name)
    kind = Kind.FULL if place == 0 else Kind.INCREMENTAL if place == 4 else Kind.LOG
    first = 100 * max(0, place - 1) + 1000 * version
    return header(place + 10 * version, kind, first, first + 100)


class FileLife(RuleBasedStateMachine):
    """Everything that can be told to the owner of the files, of any file, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.files = HeldFiles("crm", {})
        self.state = RestoreState(1, 0, 0)
        self.reads: dict[str, int] = {}

    def picture(self) -> Any:
        """Everything that there is to see; headers and failures are never changed, but replaced."""
        files = self.files
        return (
            [[getattr(file, slot) for slot in File.__slots__] for file in files.values()],
            [file.name for file in files.pending],
            list(files.bad),
            sorted(files.recopying),
            files.in_hand and files.in_hand.name,
        )

    def do(self, file: File, event: FileEvent, act: Callable[[], object]) -> None:
        """It happens if the table names it, and else changes nothing."""
        table, at = (NEED, file.need) if event in OF_NEED else (CONTENT, file.content)
        before = self.picture()
        if table.allows(at, event):  # type: ignore[arg-type]
            act()
            after = file.need if event in OF_NEED else file.content
            assert after is table.after(at, event)  # type: ignore[arg-type]
        else:
            with pytest.raises(IllegalTransitionError):
                act()
            assert self.picture() == before

    def any_file(self, place: int) -> File | None:
        files = list(self.files.values())
        return files[place % len(files)] if files else None

    # ---- it comes and goes
    @rule(name=st.sampled_from(NAMES), again=st.booleans())
    def lands(self, name: str, again: bool) -> None:
        file = self.files.get(name)
        if file is None:
            file = File(name, header_of(name, 0).kind, 5, 100, 0)
            self.files.arrived(file)
            assert file.content is Content.CHECKING
        elif again:
            read = file.content in (Content.CHECKING, Content.UNREAD)
            assert self.files.arrived_again(file, 6, 100) is not read
            assert file.content in (Content.CHECKING, Content.UNREAD)

    @rule(name=st.sampled_from(NAMES), last=st.integers(0, 10), suspect=st.booleans())
    def is_found(self, name: str, last: int, suspect: bool) -> None:
        if name not in self.files:
            file = File(name, header_of(name, 0).kind, 5, 100, 0)
            self.files.found(file, last, "", suspect)

    @rule(place=st.integers(0, 4), by_retention=st.booleans())
    def goes(self, place: int, by_retention: bool) -> None:
        file = self.any_file(place)
        if file is None or file is self.files.in_hand:
            return
        if by_retention:
            self.reads.pop(file.name, None)
            self.files.delete([file])
        else:
            self.files.forget(file)
        assert file.content is Content.ABSENT and file.name not in self.files

    # ---- what lies here
    @rule(place=st.integers(0, 4))
    def is_looked_into(self, place: int) -> None:
        if (file := self.any_file(place)) is not None:
            self.do(file, FileEvent.LOOKED_INTO, lambda: self.files.look_into(file))

    @rule(place=st.integers(0, 4), version=st.sampled_from([0, 0, 0, 1]))
    def passes(self, place: int, version: int) -> None:
        file = self.any_file(place)
        if file is None:
            return
        of = header_of(file.name, version)

        def act() -> None:
            self.files.passed(file, of, self.state)
            if file.kind is Kind.LOG and not file.done:
                self.files.queue(file)

        self.do(file, FileEvent.PASSED, act)

    @rule(place=st.integers(0, 4))
    def fails(self, place: int) -> None:
        if (file := self.any_file(place)) is not None:
            unneeded = file.done and file.header is None
            event = FileEvent.FAILED_UNNEEDED if unneeded else FileEvent.FAILED
            self.do(file, event, lambda: self.files.failed(file, DAMAGED, 7))

    @rule(place=st.integers(0, 4))
    def is_given_up(self, place: int) -> None:
        if (file := self.any_file(place)) is not None:
            self.do(file, FileEvent.GIVEN_UP, lambda: self.files.give_up(file))

    @rule(place=st.integers(0, 4))
    def is_taken_up_again(self, place: int) -> None:
        if (file := self.any_file(place)) is not None:
            self.do(file, FileEvent.TAKEN_UP_AGAIN, lambda: self.files.take_up_again(file))

    # ---- the engine
    @rule(place=st.integers(0, 4))
    def is_handed_over(self, place: int) -> None:
        file = self.any_file(place)
        if file is None or self.files.in_hand not in (None, file):
            return
        self.do(file, FileEvent.HANDED_OVER, lambda: self.files.hand_over(file))
        self.reads[file.name] = max(self.reads.get(file.name, 0), file.attempts)

    @rule(place=st.integers(0, 4))
    def is_restored(self, place: int) -> None:
        file = self.any_file(place)
        if file is None:
            return

        def act() -> None:
            self.files.restored(file)
            self.files.unqueue_restored(file)

        self.do(file, FileEvent.RESTORED, act)

    @rule(place=st.integers(0, 4), passes=st.booleans())
    def is_refused(self, place: int, passes: bool) -> None:
        file = self.any_file(place)
        if file is None or file.content is Content.UNREAD:
            return

        def act() -> None:
            self.files.sent_back(file)
            self.files.refused(file, REFUSED, 9, passes)
            self.files.check_refused(file)

        self.do(file, FileEvent.SENT_BACK, act)

    # ---- the position
    @rule(lsn=st.integers(0, 500))
    def database_moves(self, lsn: int) -> None:
        self.state = RestoreState(1, lsn, 0)
        self.files.decide_all(self.state)

    @rule(until=st.integers(0, 10))
    def bad_logs_are_passed_by(self, until: int) -> None:
        self.files.pass_bad_logs_by(until)

    @rule()
    def first_is_passed_by(self) -> None:
        if self.files.pending:
            first = self.files.pending[0]
            self.files.pass_front_by()
            assert first.done and first not in self.files.pending

    # ---- what the owner promises
    @invariant()
    def at_most_one_is_in_hand(self) -> None:
        held = [f for f in self.files.values() if f.need in (Need.IN_HAND, Need.IN_HAND_AGAIN)]
        assert held == ([self.files.in_hand] if self.files.in_hand is not None else [])

    @invariant()
    def what_waits_is_in_order(self) -> None:
        pending = self.files.pending
        assert pending == sorted(pending, key=File.order)
        assert len({file.name for file in pending}) == len(pending)
        assert all(file.kind is Kind.LOG and file.header is not None for file in pending)

    @invariant()
    def what_is_bad_may_be_copied_again(self) -> None:
        for name, file in self.files.bad.items():
            assert self.files.get(name) is file
            assert file.content in (Content.BAD, Content.CHECKING)

    @invariant()
    def reads_are_never_forgotten(self) -> None:
        for name, reads in self.reads.items():
            if name in self.files:
                assert self.files[name].attempts >= reads


OF_NEED = {event for state in NEED.states for event in NEED.moves(state)}


def test_life_of_a_file() -> None:
    run_state_machine_as_test(FileLife, settings=QUICK)


@pytest.mark.parametrize(
    ("owner", "wrong"),
    [
        ("hand_over", lambda files, file: setattr(files, "in_hand", file)),  # and not counted
        ("give_up", lambda files, file: file.__setattr__("content", Content.LOST)),  # still bad
        ("pass_front_by", lambda files: files.pending.pop()),  # the wrong one
    ],
)
def test_an_owner_that_does_it_wrongly_is_found(
    owner: str, wrong: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HeldFiles, owner, wrong)
    with pytest.raises((AssertionError, IllegalTransitionError, pytest.fail.Exception)):
        run_state_machine_as_test(FileLife, settings=HUNT)


# ---- a failover
class FailoverTable(RuleBasedStateMachine):
    """Any event at any time, and a restart from the store between any two."""

    def __init__(self) -> None:
        super().__init__()
        self.store: dict[str, str] = {}
        self.restart()

    @rule()
    def restart(self) -> None:
        alerts = AlertBook("", 30 * MINUTE, {})
        at = self.failover.phase if hasattr(self, "failover") else FailoverPhase.WATCHING
        self.failover = Failover(config().failover, {}, 5 * MINUTE, dict(self.store), alerts)
        assert self.failover.phase is at

    @rule(event=st.sampled_from(list(FailoverEvent)))
    def happens(self, event: FailoverEvent) -> None:
        at, out = self.failover.phase, list[c.Command]()
        if not FAILOVER.allows(at, event):
            with pytest.raises(IllegalTransitionError):
                self.failover.move(event, out)
            assert self.failover.phase is at and out == []
            return
        self.failover.move(event, out)
        to = FAILOVER.after(at, event)
        saved, announced = out  # durable first
        assert isinstance(saved, Save) and saved.key == KEY
        assert announced == c.EnterPhase(to) and self.failover.phase is to
        self.store[saved.key] = saved.value

    @invariant()
    def no_way_leads_back_from_the_first_order_to_bring_a_database_online(self) -> None:
        if self.failover.brings_online:
            reached = reachable(self.failover.phase)
            assert FailoverPhase.WATCHING not in reached and FailoverPhase.ABANDONED not in reached


def reachable(phase: FailoverPhase) -> set[FailoverPhase]:
    reached, todo = set[FailoverPhase](), [phase]
    while todo:
        at = todo.pop()
        if at not in reached:
            reached.add(at)
            todo += [FAILOVER.after(at, event) for event in FAILOVER.moves(at)]
    return reached


def test_table_of_a_failover() -> None:
    run_state_machine_as_test(FailoverTable, settings=QUICK)


@pytest.mark.parametrize("table", [CONTENT, NEED, REPAIR, PIPE, LAST, FAILOVER, FENCE])
def test_every_table_names_what_it_does_not_allow(table: Any) -> None:
    """A table that allows everything everywhere forbids nothing."""
    events = {event for state in table.states for event in table.moves(state)}
    illegal = [(s, e) for s in table.states for e in events if not table.allows(s, e)]
    assert illegal
    for state, event in illegal:
        with pytest.raises(IllegalTransitionError, match=event.name):
            table.after(state, event)
