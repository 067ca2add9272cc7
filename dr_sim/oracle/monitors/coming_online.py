"""Monitors of how the databases come online here (R15, R16): only those that an order names stop
before an instant, nothing is being restored any more, each is ordered once, and the old primary
that is heard again has answered first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from dr_sim.oracle.monitors.attempts import (
    ORDERS,
    Attempt,
    attempts,
    is_accepted,
    rows_in,
)
from dr_sim.oracle.monitors.failover.back import is_called_off, is_planned
from dr_sim.oracle.monitors.failover.causes import long_from_us
from dr_sim.oracle.monitors.failover.course import ONLY_WAY
from dr_sim.oracle.monitors.story import (
    FULL,
    SLACK_US,
    Breach,
    Story,
    kind_in_name,
    restored_us,
)
from dr_sim.record.journal import Row


def only_what_is_ordered_stops_early(story: Story) -> Iterator[Breach]:
    """A log is restored up to an instant only of a database that somebody has ordered so (R15)."""
    for row in story.rows("seen.RestoreUntil"):
        targets = [
            each.values["target"]
            for each in story.rows("seen.FailoverOrderedToPoint")
            if each.seq < row.seq
        ]
        if not {"", row.values["database"]}.intersection(targets):
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                f"{row.values['name']} is restored up to an instant, and nobody has ordered that "
                f"{row.values['database']} stops there",
            )


def planned_ones_need_the_primary(story: Story) -> Iterator[Breach]:
    """A planned failover whose order to stop has reached nobody is called off (R15). One that an
    operator has called off by then waits until the primary is known to serve.
    """
    for attempt in attempts(story):
        if not is_planned(story, attempt):
            continue
        for row in rows_in(story, attempt, "seen.FenceFailed")[:1]:
            until_us = row.time_us + SLACK_US
            if not _reached_nobody(story, attempt, row):
                continue
            if is_called_off(story, attempt.begin.seq, row.seq):
                continue
            if until_us >= story.end_us or not story.up_between(
                attempt.begin.time_us, until_us
            ):
                continue
            if attempt.last != "abandoned" or attempt.until_us > until_us:
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    -1,
                    "the order to stop has not reached the primary, and a planned failover goes "
                    "on",
                )


def _reached_nobody(story: Story, attempt: Attempt, row: Row) -> bool:
    """Return whether no order to stop can have reached the primary by that answer."""
    asked = [
        each for each in story.rows("seen.Fence") if each.seq < row.seq
    ]
    first = len(asked) == 1 and asked[0].seq >= attempt.begin.seq
    unreachable = row.values["reason"] == "unreachable"
    return first and unreachable and is_accepted(story, row)


def nothing_is_being_restored(story: Story) -> Iterator[Breach]:
    """A database is not ordered online while the engine is at a restore of it (R15)."""
    for row in story.rows("seen.Recover"):
        answered_us = restored_us(story, row.entity, row.time_us)
        if answered_us > row.time_us:
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                f"{story.name(row.entity)} is ordered online in the middle of a restore",
            )


def ordered_online_once(story: Story) -> Iterator[Breach]:
    """A database that is online here is not ordered online again (R15)."""
    for row in story.rows("seen.Recover"):
        life_us = story.life_at(row.time_us)[0]
        online = any(
            each.entity == row.entity
            and each.seq < row.seq
            and each.time_us >= life_us
            and is_accepted(story, each)
            for each in story.rows("seen.Recovered")
        )
        if online:
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                f"{story.name(row.entity)} is online here, and is ordered online again",
            )


def the_only_way_is_waited_for(story: Story) -> Iterator[Breach]:
    """A database of which nothing is here, and that people were told waits for its only way back,
    is not ordered online before something of it is restored, or all of it has come and holds no
    full (R15).
    """
    for attempt in attempts(story):
        told: dict[int, Row] = {}
        for row in rows_in(
            story,
            attempt,
            "seen.RaiseAlert",
            "seen.Restored",
            "seen.Recover",
        ):
            if row.kind == "seen.Restored":
                told.pop(row.entity, None)
            elif row.kind == "seen.RaiseAlert":
                if row.values["event_id"] == ONLY_WAY:
                    told[story.database(row.values["database"])] = row
            elif (
                row.entity in told
                and story.up_between(told[row.entity].time_us, row.time_us)
                and not _leads_nowhere(story, told[row.entity], row)
            ):
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{story.name(row.entity)} is ordered online, and its only way back is still "
                    "waited for",
                )
                del told[row.entity]


def _leads_nowhere(story: Story, told: Row, row: Row) -> bool:
    """Return whether no copy is here, and all that the primary's share had for a database has been
    hashed since, without a full in it: logs alone make no copy.
    """
    seen = [
        each for each in story.rows("seen.Inventory") if each.seq < row.seq
    ]
    here = json.loads(seen[-1].values["databases"]) if seen else {}
    copy = here.get(story.name(row.entity))
    if copy is None or copy["exists"]:
        return False
    answers = story.rows_of("seen.ShareAnswered", row.entity)
    before = [each for each in answers if each.seq < told.seq]
    waited = json.loads(before[-1].values["waiting"]) if before else {}
    hashed = {
        each.values["name"]
        for kind in ("seen.Validated", "seen.ValidationFailed")
        for each in story.rows_of(kind, row.entity)
        if told.seq < each.seq < row.seq
    }
    fulls = [name for name in hashed if kind_in_name(name) == FULL]
    return not fulls and bool(waited) and hashed.issuperset(waited)


def the_primary_that_is_heard_has_answered(
    story: Story,
) -> Iterator[Breach]:
    """A failover that silence began brings nothing online while the machines are heard again, until
    the old primary has answered that it has stopped (R16).
    """
    operators = story.scenario.failover.operators
    for attempt in attempts(story):
        entered = attempt.first("recovering")
        ordered = any(
            row.seq < attempt.until_seq
            and row.values["operator"] in operators
            for row in story.rows(*ORDERS, "seen.OrderPassedOn")
        )
        if entered is None or ordered:
            continue
        if long_from_us(story, story.silent_at(entered.seq)) is not None:
            continue
        stopped = any(
            row.seq < entered.seq and is_accepted(story, row)
            for row in rows_in(story, attempt, "seen.Fenced")
        )
        if not stopped:
            yield Breach(
                "R16",
                entered.seq,
                entered.time_us,
                -1,
                "the primary is heard again and has not answered that it has stopped, and "
                "databases are ordered online",
            )
