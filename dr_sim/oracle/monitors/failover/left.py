"""A monitor of several copies together. If one of them has stopped the old primary and abandons its
failover, one of these must happen: another copy takes over, it asks the operator for permission, or
an alert says that nothing could be brought online (R15).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dr_sim.oracle.monitors.attempts import (
    NOTHING_HERE,
    Attempt,
    attempts,
    cannot_serve,
    most_turns,
)
from dr_sim.oracle.monitors.story import SLACK_US, Breach, Story


def left_alone(stories: Sequence[Story]) -> Iterator[Breach]:
    """stories: those of all copies behind one primary."""
    for story in stories:
        for attempt in attempts(story):
            if attempt.last != "abandoned" or not _stopped(story, attempt):
                continue
            if cannot_serve(story, attempt):
                continue
            if _goes_on(stories, attempt) or _told(story, attempt.until_us):
                continue
            if any(_asks(each, attempt.until_us) for each in stories):
                continue
            yield Breach(
                "R15",
                attempt.until_seq,
                attempt.until_us,
                -1,
                "the failover is left, the old primary has been stopped, and no other copy takes "
                "over: nobody serves",
            )


def _stopped(story: Story, attempt: Attempt) -> bool:
    return any(
        attempt.begin.seq < row.seq < attempt.until_seq
        and row.values["writes_stop"]
        and not story.serves_again(row.time_us)
        for row in story.rows("truth.fenced")
    )


def _goes_on(stories: Sequence[Story], left: Attempt) -> bool:
    """Return whether a copy begins a failover soon, or the run ends before; or has begun one while
    the manager of the one that is left was dead.
    """
    left_us = left.until_us
    spec = stories[0].scenario
    turns = most_turns(spec) * spec.failover.turn_us
    due_us = left_us + turns + spec.failover.lease_us + 2 * SLACK_US
    if due_us >= stories[0].end_us:
        return True
    every = [each for story in stories for each in attempts(story)]
    return any(
        left_us < each.begin.time_us <= due_us
        or left.begin.time_us
        < each.begin.time_us
        <= left_us
        < each.until_us
        for each in every
    )


def _asks(story: Story, left_us: int) -> bool:
    """Return whether a copy pages the operator, who decides, when another leaves its failover."""
    answered = [
        row.time_us
        for row in story.rows("seen.OperatorAnswered")
        if row.time_us <= left_us
    ]
    since_us = max([left_us - story.retry_us, *answered])
    due_us = left_us + story.retry_us + SLACK_US
    return any(
        since_us < row.time_us <= due_us
        for row in story.rows("seen.PageOperator")
    )


def _told(story: Story, left_us: int) -> bool:
    return any(
        row.values["event_id"] == NOTHING_HERE
        and abs(row.time_us - left_us) <= SLACK_US
        for row in story.rows("seen.RaiseAlert")
    )
