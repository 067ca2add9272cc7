"""Reads the failovers of a run: each from its first phase to its end, with the rows in it."""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.oracle.monitors.story import (
    OFF,
    SLACK_US,
    PhaseRow,
    Story,
)
from dr_sim.record.journal import Row
from dr_sim.scenario.model import Scenario

LEFT_BEHIND, NOT_FENCED, TWO_PRIMARIES, NOTHING_HERE = 6, 12, 13, 15
ORDERS = ("seen.FailoverOrdered", "seen.FailoverOrderedToPoint")
EMPTYING = ("fencing", "preparing", "draining", "tail")
"""Phases in which nothing has been ordered online yet."""

_FREE = ("", "watching")
"""Phases in which an order that is passed on is taken up."""


@dataclass(slots=True)
class Attempt:
    """One failover, from its first phase to its end or the run's. until_seq: the row that ended
    it.
    """

    begin: PhaseRow
    phases: list[PhaseRow]
    until_seq: int
    until_us: int

    def first(self, phase: str) -> PhaseRow | None:
        return next(
            (row for row in self.phases if row.phase == phase), None
        )

    @property
    def last(self) -> str:
        return self.phases[-1].phase

    @property
    def emptied_us(self) -> int:
        """Return when it has left its drain and its tails."""
        for row in self.phases:
            if row.phase not in EMPTYING:
                return row.time_us
        return self.until_us


def attempts(story: Story) -> list[Attempt]:
    """Return the failovers of a run. What comes after one that serves is part of it."""
    found: list[Attempt] = []
    going: Attempt | None = None
    for row in story.phases:
        if going is None and row.phase not in OFF:
            going = Attempt(row, [], len(story.journal), story.end_us)
            found.append(going)
        if going is not None:
            going.phases.append(row)
            if row.phase == "abandoned":
                going.until_seq, going.until_us = row.seq, row.time_us
                going = None
    return found


def drains_since_us(story: Story, attempt: Attempt) -> int | None:
    """Return when the drain began; None: it never did. A phase is durable before it is announced,
    so one that a restart announces first was begun when the manager died.
    """
    draining = attempt.first("draining")
    if draining is None:
        return None
    life_us = story.life_at(draining.time_us)[0]
    is_first = not any(
        row.time_us >= life_us and row.seq < draining.seq
        for row in attempt.phases
    )
    ends = [end for _, end in story.lives if end <= life_us]
    if is_first and ends and attempt.begin.time_us <= ends[-1]:
        return ends[-1]
    return draining.time_us


def rows_in(story: Story, attempt: Attempt, *kinds: str) -> list[Row]:
    """Return the rows of those kinds from the begin of a failover to its end."""
    return story.rows_in(attempt.begin.seq + 1, attempt.until_seq, *kinds)


def cannot_serve(story: Story, attempt: Attempt) -> bool:
    """Return whether the old primary was asked to serve again, and cannot: it has refused, or its
    machines are silent; or people have started it by hand.
    """
    if attempt.first("unfencing") is None:
        return bool(rows_in(story, attempt, "truth.unfencing"))
    refused = [
        row
        for row in rows_in(story, attempt, "seen.UnfenceFailed")
        if row.values["reason"] == "refused" and is_accepted(story, row)
    ]
    return bool(refused or story.silent_at(attempt.until_seq))


def is_accepted(story: Story, row: Row) -> bool:
    """Return whether an answer reached the life of the manager that had asked for it."""
    incarnation = 0
    for life in story.rows("truth.manager"):
        if life.seq > row.seq:
            break
        incarnation = life.values["incarnation"]
    return row.values["incarnation"] in (0, incarnation)


def order_before(story: Story, begin: PhaseRow) -> Row | None:
    """Return the order of somebody who may that could have begun it: the share may have been
    looked at first, or the manager may have died before it announced the phase.
    """
    orders = [
        row
        for row in story.rows(*ORDERS)
        if row.seq < begin.seq
        and story.up_us(row.time_us, begin.time_us) <= 2 * SLACK_US
        and row.values["operator"] in story.scenario.failover.operators
    ]
    orders += _passed_on_before(story, begin)
    return orders[-1] if orders else None


def planned_before(story: Story, seq: int) -> bool:
    """Return whether a planned failover was ordered before a row, here or at another copy."""
    return any(
        order.seq < seq and order.values["planned"]
        for order in story.rows(
            "seen.FailoverOrdered", "seen.OrderPassedOn"
        )
    )


def most_turns(spec: Scenario) -> int:
    """Return how many turns a copy may wait at the longest: it may be the last one, and where it
    lacks a database it lets all others go first.
    """
    return 2 * spec.ranks if spec.ranks > 1 else 0


def _passed_on_before(story: Story, begin: PhaseRow) -> list[Row]:
    """Return the orders that another copy could not carry out: this one takes its turn, after it
    has waited for offers for a turn at most. It takes up no order while a failover is due here.
    """
    failover = story.scenario.failover
    turns_us = (most_turns(story.scenario) + 1) * failover.turn_us
    return [
        row
        for row in story.rows("seen.OrderPassedOn")
        if row.seq < begin.seq
        and begin.time_us - row.time_us <= turns_us + 2 * SLACK_US
        and row.values["operator"] in failover.operators
        and story.phase_at(row.seq) in _FREE
    ]
