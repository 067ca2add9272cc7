"""Monitors of the choice between several copies (W2): each claims in the turn that the policy gives
it, by what it has heard of the others.

What is better is said here once more, pair by pair, and not as the recovery logic says it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dr_sim.oracle.monitors.attempts import (
    EMPTYING,
    NOTHING_HERE,
    ORDERS,
    is_accepted,
    most_turns,
)
from dr_sim.oracle.monitors.failover.causes import long_from_us
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import LOG, OFF, SLACK_US, Breach, Story
from dr_sim.record.journal import Row
from dr_sim.scenario.model import Choose

_ORDER = "preferred"


def claimed_in_its_turn(story: Story) -> Iterator[Breach]:
    """A copy that nobody has ordered to take over claims no sooner than the policy lets it: a turn
    later for each copy that is better.
    """
    spec = story.scenario
    if spec.ranks == 1:
        return
    for row in story.rows("seen.Claim"):
        if _ordered(story, row) or _claims_again(story, row):
            continue
        if spec.failover.choose.policy == _ORDER:
            before, since_us = spec.rank, _turns_since_us(story, row)
        else:
            before, since_us = _better_ones(story, row)
        if since_us is None:
            continue
        due_us = since_us + before * spec.failover.turn_us
        if row.time_us < due_us:
            yield Breach(
                "R14",
                row.seq,
                row.time_us,
                -1,
                f"a copy claims to take over before its turn: {before} are before it",
            )


def the_claim_is_let_go(story: Story) -> Iterator[Breach]:
    """A copy that only watches, as it has left its failover or people want none, lets its claim go,
    so that another can take over.
    """
    if story.scenario.ranks == 1:
        return
    for row in story.phases:
        until_us = row.time_us + SLACK_US
        if row.phase != "watching" or until_us >= story.end_us:
            continue
        if not _has_the_claim(story, row.seq):
            continue
        if not story.up_between(row.time_us, until_us):
            continue
        let_go = any(
            row.seq < each.seq and each.time_us <= until_us
            for each in story.rows("seen.ReleaseClaim")
        )
        if not let_go:
            yield Breach(
                "R14",
                row.seq,
                row.time_us,
                -1,
                "a copy only watches, and does not let its claim go: no other may take over",
            )


def without_the_claim_it_is_left(story: Story) -> Iterator[Breach]:
    """A failover whose claim is refused is left, if nothing has been ordered online yet: another
    copy takes over, or people have let the old primary serve again.
    """
    for row in story.rows("seen.ClaimRefused"):
        until_us = row.time_us + SLACK_US
        if story.phase_at(row.seq) not in EMPTYING:
            continue
        if not is_accepted(story, row) or until_us >= story.end_us:
            continue
        if not story.up_between(row.time_us, until_us):
            continue
        left = any(
            row.seq < each.seq
            and each.time_us <= until_us
            and each.phase in OFF
            for each in story.phases
        )
        if not left:
            yield Breach(
                "R16",
                row.seq,
                row.time_us,
                -1,
                "the claim is refused, and the failover goes on",
            )


def _has_the_claim(story: Story, seq: int) -> bool:
    """Return whether the claim was given to this copy, and neither taken from it nor let go."""
    kinds = ("seen.ClaimGiven", "seen.ClaimRefused", "seen.ReleaseClaim")
    rows = [row for row in story.rows(*kinds) if row.seq < seq]
    return bool(rows) and rows[-1].kind == "seen.ClaimGiven"


def a_freed_claim_is_taken(story: Story) -> Iterator[Breach]:
    """A copy that was refused, and hears that nobody takes over any more, takes its turn while the
    primary is silent; after an attempt of its own it may rest for a retry.
    """
    if story.scenario.ranks == 1:
        return
    for row in story.rows("seen.ClaimFreed"):
        since_us = _long_since_us(story, row)
        if since_us is None or _people_want_none(story, row):
            continue
        due_us = max(since_us, row.time_us) + story.retry_us + 2 * SLACK_US
        due_us += (
            most_turns(story.scenario) * story.scenario.failover.turn_us
        )
        if due_us >= story.end_us or not story.up_between(
            row.time_us, due_us
        ):
            continue
        acts = any(
            row.seq < each.seq and each.time_us <= due_us
            for each in (*story.rows(*_ACTS), *_told_why_not(story))
        )
        if not acts:
            yield Breach(
                "R14",
                row.seq,
                row.time_us,
                -1,
                "nobody takes over any more, the primary is silent, and this copy does nothing",
            )


_ACTS = (
    "seen.Claim",
    "seen.ClaimGiven",  # it had claimed before it heard that nobody does
    "seen.ClaimRefused",
    "seen.MakeOffer",
    "seen.ListShare",
    "seen.HeartbeatBack",
    "seen.ClaimFreed",
    "seen.OrderPassedOn",
    *ORDERS,
)
"""Rows of a copy that does something about a silent primary, and what changes its task."""


def _told_why_not(story: Story) -> list[Row]:
    return [
        row
        for row in story.rows("seen.RaiseAlert")
        if row.values["event_id"] == NOTHING_HERE
    ]


def _people_want_none(story: Story, row: Row) -> bool:
    """Return whether an operator has said no to a failover, here or at another copy."""
    if row.values["declined"]:
        return True
    answers = story.rows("seen.OperatorAnswered")
    said_no = any(
        each.seq < row.seq and not each.values["approve"]
        for each in answers
    )
    freed = story.rows("seen.ClaimFreed")
    return said_no or any(
        each.seq < row.seq and each.values["declined"] for each in freed
    )


def no_copy_offers_more_than_it_has(story: Story) -> Iterator[Breach]:
    """A copy offers no later instant than that up to which the worst of its databases could be had
    from what is here and whole.
    """
    if story.scenario.store is not None or clocks_may_be_wrong(story):
        return
    for row in story.rows("seen.MakeOffer"):
        if not row.values["open"]:
            continue
        for database in story.databases:
            most_us = _most_utc_us(story, database, row)
            if row.values["holds_until_utc_us"] > most_us:
                yield Breach(
                    "R14",
                    row.seq,
                    row.time_us,
                    database,
                    f"a copy offers more than it could have of {story.name(database)}",
                )
                break


def _most_utc_us(story: Story, database: int, row: Row) -> int:
    """Return up to when a database could be had: by what has been found to be whole, and the copy
    that was here at the start.
    """
    rows = story.of("seen.Validated", database)
    before = rows["seq"] < row.seq
    logs = before & (rows["header.kind"] == LOG)
    others = before & (rows["header.kind"] != LOG)
    held = [story.scenario.start_utc_us + story.first_start_us]
    held += rows["header.started_utc_us"][logs].tolist()
    held += rows["header.finished_utc_us"][others].tolist()
    return int(max(held))


def _ordered(story: Story, claim: Row) -> bool:
    return any(
        claim.time_us - 2 * SLACK_US <= row.time_us <= claim.time_us
        for row in story.rows(*ORDERS, "seen.UnfenceOrdered")
    )


def _claims_again(story: Story, claim: Row) -> bool:
    """Return whether a restart only claims again what a life before had begun."""
    return claim.time_us == story.life_at(claim.time_us)[0]


def _turns_since_us(story: Story, claim: Row) -> int | None:
    """Return from when on the copies take their turns: since an order was passed on to them, or
    since the silence has been long enough.
    """
    passed_on = _last_before(story, "seen.OrderPassedOn", claim)
    claimed = _last_before(story, "seen.Claim", claim)
    if passed_on is not None and (
        claimed is None or claimed.seq < passed_on.seq
    ):
        return passed_on.time_us
    return _long_since_us(story, claim)


def _long_since_us(story: Story, claim: Row) -> int | None:
    """Return from when on the silence has been long enough."""
    return long_from_us(story, story.silent_at(claim.seq))


def _better_ones(story: Story, claim: Row) -> tuple[int, int | None]:
    """Return how many of the copies that this one has heard of are better, and when it has made its
    offer.
    """
    mine = _last_before(story, "seen.MakeOffer", claim)
    heard = _last_before(story, "seen.OffersHeard", claim)
    if mine is None or heard is None:
        return 0, None
    offers = json.loads(heard.values["offers"])
    own = [each for each in offers if each["rank"] == story.scenario.rank]
    if not own:
        return 0, None
    choose = story.scenario.failover.choose
    better = [each for each in offers if _is_better(each, own[0], choose)]
    return len(better), mine.time_us


def _last_before(story: Story, kind: str, claim: Row) -> Row | None:
    before = [row for row in story.rows(kind) if row.seq < claim.seq]
    return before[-1] if before else None


def _is_better(
    one: dict[str, Any], than: dict[str, Any], choose: Choose
) -> bool:
    lacks = [not each["holds_until_utc_us"] for each in (one, than)]
    if lacks[0] != lacks[1]:
        return lacks[1]
    loses = than["holds_until_utc_us"] - one["holds_until_utc_us"]
    slower = one["takes_us"] - than["takes_us"]
    by_rank = one["rank"] - than["rank"]
    in_order = [loses, slower, by_rank]
    if choose.policy == "fastest":
        in_order = [slower, loses, by_rank]
    elif choose.policy == "least_loss_within":
        late = [each["takes_us"] > choose.within_us for each in (one, than)]
        if late[0] != late[1]:
            return bool(late[1])
        if late[0]:
            in_order = [slower, loses, by_rank]
    first: int = next((each for each in in_order if each), 0)
    return first < 0
