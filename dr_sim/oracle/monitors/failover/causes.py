"""Monitors of a failover's begin (R14): orders are obeyed or refused, it is begun for a reason, and
a silent primary is acted upon.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from dr_sim.oracle.monitors.alert_rows import ERRORS, MISSING
from dr_sim.oracle.monitors.attempts import (
    NOTHING_HERE,
    ORDERS,
    attempts,
    most_turns,
    order_before,
)
from dr_sim.oracle.monitors.story import (
    OFF,
    SECOND_US,
    SLACK_US,
    Breach,
    PhaseRow,
    Story,
)
from dr_sim.record.journal import Row

_UNFENCING = "unfencing"
IN_USE = (3101, int("55006", 36), 60027)
"""Error numbers of SQL Server, PostgreSQL and SQLite of a database that people are reading."""


# ---- R14
def orders_are_obeyed_or_refused(story: Story) -> Iterator[Breach]:
    """Whoever may orders a failover, and it begins or is refused; whoever may not is refused."""
    operators = story.scenario.failover.operators
    for row in story.rows(*ORDERS):
        operator = row.values["operator"]
        refused = [
            each
            for each in story.rows("seen.RefuseOrder")
            if each.seq > row.seq
            and each.time_us <= row.time_us + 2 * SLACK_US
            and each.values["operator"] == operator
        ]
        until_us = row.time_us + 2 * SLACK_US
        if until_us > story.end_us or not story.up_between(
            row.time_us, until_us
        ):
            continue
        if operator not in operators and not refused:
            yield Breach(
                "R14",
                row.seq,
                row.time_us,
                -1,
                f"an order of {operator!r}, who may not give one, is not refused",
            )
        begun = story.failover_within(row.time_us, until_us)
        if operator in operators and not refused and not begun:
            yield Breach(
                "R14",
                row.seq,
                row.time_us,
                -1,
                f"an order of {operator!r} is neither obeyed nor refused",
            )


def begun_for_a_reason(story: Story) -> Iterator[Breach]:
    """A failover begins by an order, by an operator's word, or by silence that is long enough; a
    planned one only if the chain is whole.
    """
    for attempt in attempts(story):
        begin = attempt.begin
        if begin.phase != "fencing" or _was_on_before(story, begin):
            continue
        order = order_before(story, begin)
        if (
            order is None
            and not _approved(story, begin)
            and not _silent_for_long(story, begin)
        ):
            yield Breach(
                "R14",
                begin.seq,
                begin.time_us,
                -1,
                "a failover begins without an order, an operator's word, or silence that is "
                "long enough",
            )
        # silence may begin one just after an order that was refused; where an order is passed on
        # the old primary has stopped already
        planned = (
            order is not None
            and order.kind != "seen.OrderPassedOn"
            and order.values.get("planned")
        )
        if planned and not _silent_for_long(story, begin):
            yield from _begun_over_a_hole(story, begin)


def _was_on_before(story: Story, begin: PhaseRow) -> bool:
    """Return whether a restart only announces again what a life before had begun and saved."""
    life = story.life_at(begin.time_us)[0]
    return begin.time_us - life <= SECOND_US and life > story.first_start_us


def _approved(story: Story, begin: PhaseRow) -> bool:
    return any(
        row.seq < begin.seq
        and begin.time_us - row.time_us <= SECOND_US
        and row.values["approve"]
        and row.values["operator"] in story.scenario.failover.operators
        for row in story.rows("seen.OperatorAnswered")
    )


def long_from_us(story: Story, silent: dict[str, int]) -> int | None:
    """Return from when on enough machines have been silent for long enough; None: too few are."""
    spec, machines = story.scenario.failover, story.scenario.machines
    needed = spec.machines_silent or len(machines)
    seen = sorted(
        at for machine, at in silent.items() if machine in machines
    )
    return (
        seen[needed - 1] + spec.silent_for_us
        if len(seen) >= needed
        else None
    )


def _silent_for_long(story: Story, begin: PhaseRow) -> bool:
    if story.scenario.failover.mode != "automatic":
        return False
    at = long_from_us(story, story.silent_at(begin.seq))
    return at is not None and at <= begin.time_us


def _begun_over_a_hole(story: Story, begin: PhaseRow) -> Iterator[Breach]:
    for row in story.rows("seen.RaiseAlert"):
        database = story.database(row.values["database"])
        recent = (
            begin.time_us - story.retry_us - SLACK_US
            <= row.time_us
            <= begin.time_us
        )
        if (
            not recent
            or row.seq > begin.seq
            or row.values["event_id"] not in (MISSING, ERRORS)
            or _held_by_readers(story, database, row)
            or _was_cut_off(story, database, row)
        ):
            continue
        news = ("seen.Restored", "seen.Landed", "seen.Validated")
        if not story.any_between(news, database, row.seq, begin.seq):
            yield Breach(
                "R15",
                begin.seq,
                begin.time_us,
                database,
                "a planned failover begins while the chain is broken: it would lose data",
            )
            return


def _held_by_readers(story: Story, database: int, alert: Row) -> bool:
    """Return whether the engine refused that file last because people read the database: a failover
    disconnects them, and loses nothing.
    """
    refused = [
        row
        for row in story.rows("seen.RestoreFailed")
        if row.entity == database
        and row.seq < alert.seq
        and row.values["name"] == alert.values["name"]
    ]
    return bool(refused) and refused[-1].values["error_number"] in IN_USE


def _was_cut_off(story: Story, database: int, alert: Row) -> bool:
    """Return whether that alert is about a log whose backup was cut off: the tail covers its range,
    as the next log would (R10).
    """
    failed = [
        row
        for row in story.rows("seen.ValidationFailed")
        if row.entity == database
        and row.seq < alert.seq
        and row.values["name"] == alert.values["name"]
    ]
    return bool(failed) and failed[-1].values["outcome"] == "no_manifest"


def a_silent_primary_is_acted_upon(story: Story) -> Iterator[Breach]:
    """Silence that is long enough is acted upon: a failover, a page that is sent again until it is
    answered, or word that there is nothing to fail over to. One of several standbys waits its turn,
    and then claims; another may be there before it.
    """
    changes = story.rows(
        "seen.HeartbeatLost", "seen.HeartbeatBack", "seen.Inventory"
    )
    for row, following in pairwise([*changes, None]):
        assert row is not None
        at = long_from_us(story, story.silent_at(row.seq + 1))
        if at is None:
            continue
        end_us = (
            following.time_us if following is not None else story.end_us
        )
        from_us = max(at, row.time_us)
        from_us = max(from_us, story.life_at(from_us)[0])
        wait_us = 2 * SLACK_US
        wait_us += _turns(story) * story.scenario.failover.turn_us
        due_us = _left_at(story, from_us, from_us + wait_us) + wait_us
        if due_us >= end_us or not story.up_between(
            due_us - 2 * SLACK_US, due_us
        ):
            continue
        if _acted(story, at, due_us):
            continue
        yield Breach(
            "R14",
            row.seq,
            due_us,
            -1,
            "the primary has been silent for long enough, and nothing is done",
        )
    yield from _pages_are_repeated(story)


def _left_at(story: Story, from_us: int, until_us: int) -> int:
    """Return when, in that time, a copy stopped asking the old primary to serve again: it may not
    choose before. If it never did, return the begin.
    """
    left = [
        row.time_us
        for before, row in pairwise(story.phases)
        if from_us < row.time_us <= until_us
        and before.phase == _UNFENCING != row.phase
    ]
    return left[0] if left else from_us


def _turns(story: Story) -> int:
    """Return how many turns this copy may wait at the longest: in the order of the copies; or else
    one in which the others may say what they offer, and those of all others.
    """
    spec = story.scenario
    if spec.failover.choose.policy == "preferred":
        return most_turns(spec)
    return spec.ranks if spec.ranks > 1 else 0


def _acted(story: Story, at_us: int, due_us: int) -> bool:
    if story.failover_within(0, due_us):
        return any(
            row.phase not in OFF
            for row in story.phases
            if row.time_us <= due_us
        )
    declined = any(
        row.time_us <= due_us
        and not row.values["approve"]
        and _is_about(story, row, due_us)
        for row in story.rows("seen.OperatorAnswered")
    )
    told = any(
        row.values["event_id"] == NOTHING_HERE and row.time_us <= due_us
        for row in story.rows("seen.RaiseAlert")
    )
    paged = any(
        row.time_us <= due_us
        and (row.time_us >= at_us or not _is_answered(story, row, at_us))
        for row in story.rows("seen.PageOperator")
    )
    looked = any(
        at_us <= row.time_us <= due_us
        for row in story.rows("seen.ListShare")
    )
    no = (
        "seen.RefuseOrder",
        "seen.ClaimRefused",
    )  # an order, or another standby takes over
    refused = any(row.time_us <= due_us for row in story.rows(*no))
    return declined or told or paged or looked or refused


def _is_about(story: Story, no: Row, until_us: int) -> bool:
    """Return whether the operator's no is about the silence of that time: none of the machines that
    were silent has been heard since.
    """
    silent = set(story.silent_at(no.seq))
    for row in story.rows("seen.HeartbeatBack", "seen.Inventory"):
        since = row.seq > no.seq and row.time_us <= until_us
        if since and not silent.isdisjoint(story.heard_at(row)):
            return False
    return True


def _is_answered(story: Story, page: Row, until_us: int) -> bool:
    """Return whether a page was answered by then, or what it was about had ended."""
    ends = [
        (row.seq, row.time_us)
        for row in story.rows("seen.OperatorAnswered")
    ]
    for phase in story.phases:
        if phase.phase != "deciding":
            ends.append((phase.seq, phase.time_us))
    return any(
        page.seq < seq and time_us <= until_us for seq, time_us in ends
    )


def _pages_are_repeated(story: Story) -> Iterator[Breach]:
    """A page may reach nobody: it is sent again at every retry until it is answered."""
    pages = story.rows("seen.PageOperator")
    for row, following in pairwise([*pages, None]):
        assert row is not None
        due_us = row.time_us + story.retry_us + SLACK_US
        if following is not None and following.time_us <= due_us:
            continue
        if due_us >= story.end_us or not story.up_between(
            row.time_us, due_us
        ):
            continue
        later = [
            (r.seq, r.time_us) for r in story.rows("seen.OperatorAnswered")
        ]
        later += [(r.seq, r.time_us) for r in story.phases]
        over = any(
            row.seq < seq and time_us <= due_us for seq, time_us in later
        )
        if not over:
            yield Breach(
                "R14",
                row.seq,
                row.time_us,
                -1,
                "a page that nobody has answered is not sent again at the next retry",
            )
