"""Spot checks: the default run itself finds a bug on the quiet path, although nearly all logs take
the lanes there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery.commands import Command, RenameWorkingCopy, Restore, Save, SetAlarm
from dr_sim.recovery.events import Restored
from dr_sim.recovery.replay import absorb as absorbing
from dr_sim.recovery.replay import replay as replaying
from dr_sim.recovery.replay import retries
from dr_sim.recovery.replay.log_window import LogWindow
from dr_sim.recovery.replay.replay import DatabaseReplay
from dr_sim.runs import run as runs
from dr_sim.world.lane import quiet_logs, quiet_rows
from dr_sim.world.world import World

from .build import MINUTE, ran, rows, scenario, violations

Patch = pytest.MonkeyPatch
ALONE = """\
run_for: 1 day
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
"""
TOGETHER = """\
run_for: 1 day
databases: {crm: {copies: 3, size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 1 Gbit/s}
"""
WORLDS = pytest.mark.parametrize("text", [ALONE, TOGETHER], ids=["one database", "three databases"])
LOGS = 287  # of a database in a day; the last one is not restored by its end


# ---- mutants
def hand_over(
    patch: Patch, change: Callable[[DatabaseReplay, list[Command]], list[Command]]
) -> None:
    """The commands of a hand-over are others."""
    usual = DatabaseReplay.hand_over

    def changed(
        self: DatabaseReplay, file: Any, replaces: bool, out: list[Command], *more: Any
    ) -> None:
        commands: list[Command] = []
        usual(self, file, replaces, commands, *more)
        out.extend(change(self, commands))

    patch.setattr(DatabaseReplay, "hand_over", changed)


def no_save(patch: Patch) -> None:
    """The read is not counted."""
    hand_over(patch, lambda db, commands: [c for c in commands if not isinstance(c, Save)])


def save_after_restore(patch: Patch) -> None:
    """It is counted after the read has begun."""
    hand_over(patch, lambda db, commands: [*commands[1:], commands[0]])


def rename_before_save(patch: Patch) -> None:
    hand_over(patch, lambda db, commands: [commands[1], commands[0], *commands[2:]])


def no_rename(patch: Patch) -> None:
    """The working copy's name does not tell of the attempt."""
    hand_over(
        patch, lambda db, commands: [c for c in commands if not isinstance(c, RenameWorkingCopy)]
    )


def attempts_stay(patch: Patch) -> None:
    """The counter is saved and never goes up."""

    def as_before(db: DatabaseReplay, commands: list[Command]) -> list[Command]:
        assert db.files.in_hand is not None
        db.files.in_hand.attempts = 0
        save, rename, *rest = commands
        assert isinstance(save, Save) and isinstance(rename, RenameWorkingCopy)
        return [replace(save, value="0"), replace(rename, attempts=0), *rest]

    hand_over(patch, as_before)


def another_clock(patch: Patch) -> None:
    """The last restore is saved before it is brought up to date."""
    usual = replaying.ON_EVENT[Restored]

    def stale(db: DatabaseReplay, e: Any, out: list[Command]) -> None:
        assert db.last is not None
        text = db.last.text()
        usual(db, e, out)
        out[:] = [
            replace(c, value=text) if isinstance(c, Save) and c.key == db.clock_key else c
            for c in out
        ]

    patch.setitem(replaying.ON_EVENT, Restored, stale)


def alarm_not_set(patch: Patch) -> None:
    """The alarm 'window' goes off once and is not set again: silence is never told of."""
    usual = retries.window

    def quietly(db: DatabaseReplay, e: Any, out: list[Command]) -> None:
        commands: list[Command] = []
        usual(db, e, commands)
        out += [c for c in commands if not isinstance(c, SetAlarm)]

    patch.setitem(replaying._ON_ALARM, "window", quietly)


def noted_by_steps_alone(patch: Patch) -> None:
    """The window notes of a log that landed in steps what it does not note of an absorbed one."""
    usual = LogWindow.log_landed

    def noted(self: LogWindow, e: Any, file: Any, out: list[Command]) -> None:
        usual(self, e, file, out)
        self.one_came = file.name

    patch.setattr(LogWindow, "log_landed", noted)


WITNESSED = [no_save, save_after_restore, attempts_stay]
UNSEEN = [rename_before_save, no_rename, another_clock, alarm_not_set]


@WORLDS
def test_what_only_the_steps_note_is_found(text: str, monkeypatch: Patch) -> None:
    """No row shows it: the lane and the steps would differ in what the machine decides later."""
    noted_by_steps_alone(monkeypatch)
    found = violations(ran(text).journal)
    assert [each for each in found if "window for new logs" in each]


@WORLDS
def test_a_sound_run_is_looked_at_and_nothing_is_found(text: str) -> None:
    world = ran(text)
    assert violations(world.journal) == []
    assert world.express is not None and world.waves is not None
    assert world.express.taken + world.waves.taken > 0.9 * LOGS * len(world.primary.databases)
    assert 4 * len(world.primary.databases) <= world.express.spot.looked_at


@WORLDS
@pytest.mark.parametrize("mutant", [*WITNESSED, *UNSEEN], ids=lambda m: m.__name__)
def test_the_default_run_finds_it_and_records_what_the_machine_did(
    mutant: Callable[[Patch], None], text: str, monkeypatch: Patch
) -> None:
    """One violation names the difference. No row is false: the record is that of the steps, and so
    are its violations.
    """
    mutant(monkeypatch)
    of = scenario(text)
    result = runs.run(of)
    found = violations(result.journal)
    assert result.verdict.exit_code == 4
    assert [v for v in found if v.startswith("fast_path: log crm")]
    steps = World(of, express=False)
    steps.run()
    witnessed = [v for v in found if not v.startswith("fast_path")]
    assert witnessed == violations(steps.journal)
    assert bool(witnessed) is (mutant in WITNESSED)
    for command in ("Save", "RenameWorkingCopy", "Restore", "SetAlarm"):
        kind = f"seen.{command}"
        first = next(steps.journal.rows(kind), None)
        fields = list(first.values) if first else []
        assert rows(result.journal, kind, *fields) == rows(steps.journal, kind, *fields)


def test_a_counter_that_is_not_saved_is_in_no_row(monkeypatch: Patch) -> None:
    """With the lane that used to say what it liked there were as many of its rows as logs, and one
    violation.
    """
    no_save(monkeypatch)
    world = ran(ALONE)
    assert not [
        key for _, key in rows(world.journal, "seen.Save", "key") if key.startswith("attempts/")
    ]
    assert len(violations(world.journal)) == LOGS + 1


# ---- what shows only now and then
@WORLDS
def test_a_bug_of_some_logs_is_found_in_the_rows(text: str, monkeypatch: Patch) -> None:
    """Every third log is not counted. The first one is, which is asked about. The row that is false
    is named.
    """

    def every_third(db: DatabaseReplay, commands: list[Command]) -> list[Command]:
        assert db.files.in_hand is not None and db.files.in_hand.header is not None
        if db.files.in_hand.header.started_utc_us % (15 * MINUTE):
            return commands
        return [c for c in commands if not isinstance(c, Save)]

    hand_over(monkeypatch, every_third)
    # the cut ends the first stretch, which all databases take together
    cut = "events: [{at: 12 h, link_outage: 1 min}]\n"
    found = violations(ran(text + cut).journal)
    (first,) = [v for v in found if v.startswith("fast_path")]
    assert (
        "Save(key='attempts/crm" in first
        and "was recorded" in first
        and "RenameWorkingCopy" in first
    )
    assert [v for v in found if v.startswith("attempts")], "what follows takes the steps"


@WORLDS
def test_a_row_that_the_lane_writes_wrongly_is_found(text: str, monkeypatch: Patch) -> None:
    wrong = [
        tuple("2" if row[0] == "seen.RenameWorkingCopy" and c == "1" else c for c in row)
        for row in quiet_rows._ROWS
    ]
    monkeypatch.setattr(quiet_rows, "_ROWS", wrong)
    (found,) = violations(ran(text).journal)
    assert "RenameWorkingCopy(database='crm" in found and "attempts=2) was recorded" in found


@WORLDS
def test_a_row_too_few_or_too_many_is_found(text: str, monkeypatch: Patch) -> None:
    usual = quiet_rows._ROWS
    for changed in ([r for r in usual if r[0] != "seen.Restore"], [*usual, usual[-1]]):
        monkeypatch.setattr(quiet_rows, "_ROWS", changed)
        (found,) = violations(ran(text).journal)
        assert found.startswith("fast_path: row ")


@WORLDS
def test_an_alarm_that_the_lane_moves_wrongly_is_found(text: str, monkeypatch: Patch) -> None:
    usual = quiet_rows.QuietRows.rings

    def later(self: Any, rings: Any, columns: Any) -> None:
        usual(self, [replace(ring, goes_to_us=ring.goes_to_us + 1) for ring in rings], columns)

    monkeypatch.setattr(quiet_rows.QuietRows, "rings", later)
    found = violations(ran(text).journal)
    assert len(found) == 1 and "SetAlarm" in found[0]


def test_a_state_that_is_left_wrong_is_found(monkeypatch: Patch) -> None:
    usual = absorbing.absorb

    def careless(db: DatabaseReplay, logs: Any, *more: Any) -> Any:
        answer = usual(db, logs, *more)
        db.files[logs.names[-1]].attempts = 0
        return answer

    monkeypatch.setattr(quiet_logs, "absorb", careless)
    (found,) = violations(ran(ALONE).journal)
    assert "attempts of the file is 0 in the machine, 1 after the steps" in found


def test_a_store_that_is_left_wrong_is_found(monkeypatch: Patch) -> None:
    monkeypatch.setattr(quiet_logs.MemoryStore, "save_same", lambda self, *logs: None)
    found = violations(ran(ALONE).journal)
    assert any("the store holds" in v for v in found)


def test_the_alarm_and_the_restore_are_among_what_is_asked() -> None:
    """What a fresh machine is asked before the first log is what the rows can say."""
    at = ran(ALONE)
    assert at.driver.machine is not None
    db = at.driver.machine.databases["crm"]
    header = next(f.header for f in at.context.by_name[0].values() if f.kind is Kind.LOG)
    log = absorbing.QuietLog("crm_x", header, 1, 2, 3)
    commands = [c for answer in absorbing.usual_answers(db, log, 0) for c in answer]
    kinds = [row[0] for row in (*quiet_rows._ROWS, *quiet_rows._RING_ROWS)]
    assert [f"seen.{type(c).__name__}" for c in commands] == [
        k
        for k in kinds
        if k
        in ("seen.Validate", "seen.Save", "seen.RenameWorkingCopy", "seen.Restore", "seen.SetAlarm")
    ]
    assert any(isinstance(c, Restore) for c in commands)
