"""Monitors of failovers that stop the old primary and are left: it serves again, or people are told
why not, and two primaries never serve (R15, R16).
"""

from __future__ import annotations

from collections.abc import Iterator

from dr_sim.oracle.monitors.attempts import (
    ORDERS,
    Attempt,
    attempts,
    drains_since_us,
    is_accepted,
    order_before,
)
from dr_sim.oracle.monitors.story import (
    SLACK_US,
    Breach,
    PhaseRow,
    Story,
)
from dr_sim.record.journal import Row

GOES_BACK, NOT_UNFENCED = 25, 26
_UNFENCING = "unfencing"
REFUSED = "refused"


def goes_back_for_a_reason(story: Story) -> Iterator[Breach]:
    """The old primary is asked to serve again where a planned failover has waited for as long as it
    may, where somebody who may has ordered so, or where nothing at all was restored here; and again
    where that was left without an answer.
    """
    for entered in _begins(story):
        reasons = (
            is_called_off(story, -1, entered.seq)
            or _limit_is_over(story, entered)
            or nothing_was_restored(story, entered.seq)
            or _goes_back_again(story, entered)
        )
        if not reasons:
            yield Breach(
                "R15",
                entered.seq,
                entered.time_us,
                -1,
                "a failover is left, and the old primary is to serve again, without a reason",
            )
        told = _told(story, GOES_BACK, entered.time_us)
        told = told or _told_before_a_crash(story, entered.time_us)
        if not told and story.up_between(
            entered.time_us, entered.time_us + SLACK_US
        ):
            yield Breach(
                "R15",
                entered.seq,
                entered.time_us,
                -1,
                "a failover is called off, and no alert says that the old primary "
                "has to serve again",
            )


def asked_until_it_serves(story: Story) -> Iterator[Breach]:
    """The order to serve again is given, and given again until it is obeyed or refused, and people
    are told each time that it is not. Once a failover has begun after that, it is not asked.
    """
    failover = story.scenario.failover
    for entered, left_us in _stretches(story):
        if not _acts(story, entered.seq, entered.time_us, SLACK_US):
            yield _not_asked(entered.seq, entered.time_us)
        for row in _failures(story, entered, left_us):
            told = _told(story, NOT_UNFENCED, row.time_us)
            told_by_us = row.time_us + SLACK_US
            if not told and story.up_between(row.time_us, told_by_us):
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    -1,
                    "the old primary does not serve again, and no alert says so",
                )
            within_us = failover.silent_for_us + SLACK_US
            refused = row.values["reason"] == REFUSED
            until_us = row.time_us + within_us
            if refused or story.failover_within(row.time_us, until_us):
                continue
            if not _acts(story, row.seq, row.time_us, within_us):
                yield _not_asked(row.seq, row.time_us)


def never_left_stopped(story: Story) -> Iterator[Breach]:
    """An old primary that was to serve again, and fell silent, is asked again as soon as it is
    heard, unless a failover has begun.
    """
    for entered, left_us in _stretches(story):
        if _is_over(story, entered, left_us):
            continue
        heard = _heard_again(story, left_us)
        if heard is None or story.failover_within(left_us, heard.time_us):
            continue
        if story.phase_at(heard.seq) == _UNFENCING:
            continue  # it is asked again already
        if not _acts(story, heard.seq, heard.time_us, SLACK_US):
            yield _not_asked(heard.seq, heard.time_us)


def planned_ones_keep_their_limit(story: Story) -> Iterator[Breach]:
    """A planned failover that has waited for as long as it may goes back: a restart gives it no new
    limit.
    """
    limit_us = story.scenario.failover.planned_limit_us
    if limit_us is None:
        return
    for attempt in attempts(story):
        draining = attempt.first("draining")
        if draining is None or not is_planned(story, attempt):
            continue
        over_us = draining.time_us + limit_us
        due_us = max(over_us, story.life_at(over_us)[0]) + 2 * SLACK_US
        if due_us >= min(attempt.emptied_us, story.end_us):
            continue
        if story.silent_at(_last_seq(story, due_us)):
            continue  # it may be the only way
        if story.up_between(over_us, due_us):
            yield Breach(
                "R15",
                draining.seq,
                due_us,
                -1,
                "a planned failover has waited for longer than it may, and does not go back",
            )


def never_two_serve(story: Story) -> Iterator[Breach]:
    """The old primary is asked to serve again only while nothing has been ordered online here and
    this copy has the claim; and once it serves, nothing is ordered online before a new fence.
    """
    for row in story.rows("seen.Unfence"):
        online = any(
            each.seq < row.seq and not _was_refused(story, each, row.seq)
            for each in story.rows("seen.Recover", "truth.promoted")
        )
        if online or story.phase_at(row.seq) != _UNFENCING:
            yield Breach(
                "R16",
                row.seq,
                row.time_us,
                -1,
                "the old primary is asked to serve again, and a database may be online here",
            )
        elif not _has_the_claim(story, row):
            yield Breach(
                "R16",
                row.seq,
                row.time_us,
                -1,
                "the old primary is asked to serve again without the claim: another copy may "
                "take over",
            )
    for row in story.rows("truth.unfenced"):
        for each in story.rows("seen.Recover"):
            fenced = any(
                row.seq < fence.seq < each.seq
                for fence in story.rows("seen.Fence")
            )
            if each.seq > row.seq and not fenced:
                yield Breach(
                    "R16",
                    each.seq,
                    each.time_us,
                    each.entity,
                    f"{story.name(each.entity)} is ordered online, and the old primary serves "
                    "again",
                )
                break


# ---- what several ask
def _was_refused(story: Story, order: Row, before_seq: int) -> bool:
    """Return whether the answer to an order online was, by then, that it failed."""
    if order.kind != "seen.Recover":
        return False
    return any(
        order.seq < answer.seq < before_seq
        for answer in story.rows_of("seen.RecoverFailed", order.entity)
    )


def _not_asked(seq: int, time_us: int) -> Breach:
    return Breach(
        "R15",
        seq,
        time_us,
        -1,
        "the old primary is stopped, and is not asked to serve again: nobody serves",
    )


def _begins(story: Story) -> list[PhaseRow]:
    """Return where failovers go back. A restart announces its phase again."""
    found: list[PhaseRow] = []
    before = ""
    for row in story.phases:
        if row.phase == _UNFENCING != before:
            found.append(row)
        before = row.phase
    return found


def _stretches(story: Story) -> Iterator[tuple[PhaseRow, int]]:
    """Yield where each begins, and when it is over."""
    for entered in _begins(story):
        later = [
            row.time_us
            for row in story.phases
            if row.seq > entered.seq and row.phase != _UNFENCING
        ]
        yield entered, min(later, default=story.end_us)


def _is_over(story: Story, entered: PhaseRow, left_us: int) -> bool:
    """Return whether nobody need ask: it has obeyed or refused, or another copy takes over."""
    return any(
        entered.seq < row.seq
        and row.time_us <= left_us
        and row.values.get("reason", REFUSED) == REFUSED
        for row in story.rows(
            "seen.Unfenced", "seen.UnfenceFailed", "seen.ClaimRefused"
        )
    )


def _heard_again(story: Story, from_us: int) -> Row | None:
    """Return the first row from then on after which no machine is silent."""
    rows = story.rows("seen.HeartbeatBack", "seen.Inventory")
    later = [row for row in rows if row.time_us >= from_us]
    return next((r for r in later if not story.silent_at(r.seq + 1)), None)


def _failures(story: Story, entered: PhaseRow, left_us: int) -> list[Row]:
    return [
        row
        for row in story.rows("seen.UnfenceFailed")
        if entered.seq < row.seq
        and row.time_us <= left_us
        and is_accepted(story, row)
    ]


def _acts(story: Story, seq: int, from_us: int, within_us: int) -> bool:
    """Return whether the old primary is asked to serve again in that time. Nobody need ask where it
    serves, where its machines are silent, or where another copy has the claim.
    """
    until_us = from_us + within_us
    if until_us >= story.end_us or not story.up_between(from_us, until_us):
        return True
    if story.silent_at(_last_seq(story, until_us)):
        return True
    if _serves(story, until_us):
        return True
    return any(
        row.seq > seq and row.time_us <= until_us
        for row in story.rows("seen.Unfence", "seen.ClaimRefused")
    )


def _serves(story: Story, at_us: int) -> bool:
    """Return whether the old primary had been started again, and not been stopped since."""
    rows = story.rows("truth.fenced", "truth.unfenced")
    last = [row.kind for row in rows if row.time_us <= at_us][-1:]
    return last == ["truth.unfenced"]


def _told(story: Story, event: int, at_us: int) -> bool:
    return any(
        row.values["event_id"] == event
        and at_us <= row.time_us <= at_us + SLACK_US
        for row in story.rows("seen.RaiseAlert")
    )


def _told_before_a_crash(story: Story, at_us: int) -> bool:
    """Return whether people were told, and the manager died before it entered the phase."""
    first_us = at_us - story.scenario.manager_restart_us - SLACK_US
    return any(
        row.values["event_id"] == GOES_BACK
        and first_us <= row.time_us <= at_us
        and not story.up_between(row.time_us, at_us)
        for row in story.rows("seen.RaiseAlert")
    )


def is_called_off(story: Story, first: int, last: int) -> bool:
    """Return whether somebody who may ordered to leave a failover: first < seq < last."""
    operators = story.scenario.failover.operators
    return any(
        first < row.seq < last and row.values["operator"] in operators
        for row in story.rows("seen.UnfenceOrdered")
    )


def _limit_is_over(story: Story, entered: PhaseRow) -> bool:
    limit_us = story.scenario.failover.planned_limit_us
    if limit_us is None:
        return False
    for attempt in attempts(story):
        begun_us = drains_since_us(story, attempt)
        if begun_us is None or attempt.first(_UNFENCING) != entered:
            continue
        waited_us = entered.time_us - begun_us
        return is_planned(story, attempt) and waited_us >= limit_us
    return False


def nothing_was_restored(story: Story, seq: int) -> bool:
    """Return whether no copy of any database was here when that row was written."""
    for database in story.databases:
        gone = story.of("truth.copy_gone", database)
        since = gone["seq"][gone["seq"] < seq]
        since_seq = int(since[-1]) if len(since) else -1
        restored = story.of("truth.restored", database)["seq"]
        if ((restored > since_seq) & (restored < seq)).any():
            return False
        if story.scenario.databases[database].seeded and since_seq < 0:
            return story.scenario.store is not None
    return True


def _goes_back_again(story: Story, entered: PhaseRow) -> bool:
    """Return whether a failover went back before, and since then the old primary has not answered,
    nor been stopped.
    """
    before = [row.seq for row in _begins(story) if row.seq < entered.seq]
    return bool(before) and not any(
        before[-1] < row.seq < entered.seq
        for row in story.rows("seen.Unfenced", "seen.Fence")
    )


def is_planned(story: Story, attempt: Attempt) -> bool:
    """Return whether a failover was begun by a planned order of somebody who may, and every order
    since, before it goes back or ends, was one too.
    """
    begun = order_before(story, attempt.begin)
    if begun is None or not begun.values.get("planned"):
        return False
    if _is_refused(story, begun, attempt.begin.seq):
        return False
    back = attempt.first(_UNFENCING)
    until_seq = attempt.until_seq if back is None else back.seq
    # An order that is given while one is on can only end its patience. One that names an instant is
    # refused then, and so is one that comes before the old primary has stopped.
    return all(
        row.values.get("planned", True) or _is_refused_at_once(story, row)
        for row in story.rows(*ORDERS, "seen.OrderPassedOn")
        if attempt.begin.seq < row.seq < until_seq
        and row.values["operator"] in story.scenario.failover.operators
    )


def _is_refused_at_once(story: Story, order: Row) -> bool:
    """Return whether the answer to an order was that it is refused."""
    return any(
        row.seq > order.seq
        and row.time_us == order.time_us
        and row.values["operator"] == order.values["operator"]
        for row in story.rows("seen.RefuseOrder")
    )


def _is_refused(story: Story, order: Row, until_seq: int) -> bool:
    """Return whether an order was refused before that: whether that was right is judged by
    itself (R14).
    """
    return any(
        order.seq < row.seq < until_seq
        and row.values["operator"] == order.values["operator"]
        for row in story.rows("seen.RefuseOrder")
    )


def _last_seq(story: Story, until_us: int) -> int:
    """Return a seq beyond all rows about machines up to that instant."""
    rows = story.rows(
        "seen.HeartbeatLost", "seen.HeartbeatBack", "seen.Inventory"
    )
    return (
        max((r.seq for r in rows if r.time_us <= until_us), default=0) + 1
    )


def _has_the_claim(story: Story, row: Row) -> bool:
    """Return whether this life of the manager has the claim. The only copy asks for it after a
    restart.
    """
    life_us = story.life_at(row.time_us)[0]
    first = life_us <= story.first_start_us
    if story.scenario.ranks == 1 and first:
        return True
    answers = [
        each
        for each in story.rows("seen.ClaimGiven", "seen.ClaimRefused")
        if each.seq < row.seq and each.time_us >= life_us
    ]
    if not answers:
        return story.scenario.ranks == 1 and not _was_on(story, life_us)
    return answers[-1].kind == "seen.ClaimGiven"


def _was_on(story: Story, life_us: int) -> bool:
    """Return whether the failover had begun in a life before: whoever is only asked about one needs
    no claim that may be lost.
    """
    before = [row for row in story.phases if row.time_us < life_us]
    return bool(before) and before[-1].phase not in (
        "watching",
        "choosing",
        "claiming",
        "deciding",
        "abandoned",
    )
