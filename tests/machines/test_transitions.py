"""Literal tables: they are whole, and what they do not say raises and changes nothing."""

from __future__ import annotations

import enum

import pytest

from dr_sim.machines import Alarm, Event, IllegalTransitionError, Phase, Transitions


class Job(enum.Enum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Move(enum.Enum):
    BEGIN = "begin"
    SUCCEED = "succeed"
    FAIL = "fail"
    AGAIN = "again"


TABLE: dict[Job, dict[Move, Job]] = {
    Job.QUEUED: {Move.BEGIN: Job.RUNNING},
    Job.RUNNING: {Move.SUCCEED: Job.DONE, Move.FAIL: Job.FAILED},
    Job.DONE: {},
    Job.FAILED: {Move.AGAIN: Job.QUEUED},
}
JOBS = Transitions("job", Job.QUEUED, TABLE)


def test_a_thing_goes_the_way_that_its_table_says() -> None:
    job = Phase(JOBS)
    went = [job.move(m) for m in (Move.BEGIN, Move.FAIL, Move.AGAIN, Move.BEGIN, Move.SUCCEED)]
    assert went == [Job.RUNNING, Job.FAILED, Job.QUEUED, Job.RUNNING, Job.DONE]
    assert job.state is Job.DONE and job.ended


def test_every_pair_that_the_table_lacks_raises_and_leaves_the_state() -> None:
    legal = {(state, move) for state, row in TABLE.items() for move in row}
    assert len(legal) == 4
    for state in Job:
        for move in Move:
            job = Phase(JOBS, state)
            assert job.allows(move) is JOBS.allows(state, move) is ((state, move) in legal)
            if (state, move) in legal:
                assert job.move(move) is JOBS.after(state, move)
                continue
            with pytest.raises(
                IllegalTransitionError, match=f"job: {move.name} in state {state.name}"
            ):
                job.move(move)
            assert job.state is state


def test_the_refusal_says_what_would_be_right() -> None:
    with pytest.raises(
        IllegalTransitionError, match=r"AGAIN in state RUNNING, which allows FAIL, SUCCEED$"
    ):
        JOBS.after(Job.RUNNING, Move.AGAIN)
    with pytest.raises(IllegalTransitionError, match=r"which allows nothing, it is a last state$"):
        JOBS.after(Job.DONE, Move.BEGIN)
    with pytest.raises(IllegalTransitionError, match="'lost' is no state of its table"):
        JOBS.after("lost", Move.BEGIN)  # type: ignore[type-var]


def test_nobody_sets_a_state_by_hand() -> None:
    job = Phase(JOBS)
    with pytest.raises(AttributeError):
        job.state = Job.DONE  # type: ignore[misc]
    with pytest.raises(AttributeError):
        job.other = Job.DONE  # type: ignore[attr-defined]


def test_a_table_cannot_be_changed_from_outside_later() -> None:
    rows = {state: dict(row) for state, row in TABLE.items()}
    table = Transitions("job", Job.QUEUED, rows)
    rows[Job.DONE][Move.AGAIN] = Job.QUEUED
    assert not table.allows(Job.DONE, Move.AGAIN)


def without(state: Job) -> dict[Job, dict[Move, Job]]:
    return {s: row for s, row in TABLE.items() if s is not state}


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (without(Job.DONE), "has no row for DONE"),
        (without(Job.QUEUED), "has no row for QUEUED"),
        ({**TABLE, Job.FAILED: {}, Job.RUNNING: {Move.SUCCEED: Job.DONE}}, "cannot reach FAILED"),
        ({**TABLE, Job.QUEUED: {}}, "cannot reach DONE, FAILED, RUNNING"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(table: dict[Job, dict[Move, Job]], what: str) -> None:
    with pytest.raises(ValueError, match=f"the table of job {what}"):
        Transitions("job", Job.QUEUED, table)


def test_a_member_that_no_row_leads_to_is_missed_as_well() -> None:
    rows: dict[Job, dict[Move, Job]] = {Job.QUEUED: {Move.BEGIN: Job.DONE}, Job.DONE: {}}
    with pytest.raises(ValueError, match="has no row for FAILED, RUNNING"):
        Transitions("job", Job.QUEUED, rows)


def test_classes_of_events_and_plain_names_will_do() -> None:
    table: Transitions[str, type[Event]] = Transitions(
        "lamp", "off", {"off": {Alarm: "on"}, "on": {}}
    )
    assert table.after("off", Alarm) == "on"
    assert table.states == ("off", "on") and table.moves("off") == (Alarm,)
    with pytest.raises(
        IllegalTransitionError, match="lamp: Event in state 'off', which allows Alarm"
    ):
        table.after("off", Event)
    with pytest.raises(ValueError, match="'dim' is no state of lamp"):
        Phase(table, "dim")
