"""Attempts to take over that failed.

Theory of operation. A copy that has claimed fences the old primary, gets a machine where it is a
store, and restores. If nothing can be restored, if less comes than another copy has, or if the
place is lost meanwhile, the claim is let go or lapses, and another copy begins from the beginning.
Each copy has a record of its own. So the record of the copy that took over in the end says nothing
of the time before; it is read off the records of the others. An attempt lasts from its first phase
until it is abandoned, or until its recovery manager has died and the claim has lapsed.

A restore can also turn out to be wrong at its end, and is begun again at the same place. That
attempt lasts from the first restore until somebody sees that its result is unusable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from dr_sim.scenario.model import FailedAttempt

if TYPE_CHECKING:
    from dr_sim.measures.legs import Leg
    from dr_sim.measures.tables import Tables
    from dr_sim.record.journal import Row

_NOT_BEGUN = ("watching", "choosing", "claiming", "deciding")
_LEFT = ("abandoned", "unfencing")
_WORDS = {
    "fencing": "the old primary is stopped",
    "preparing": "getting a machine",
    "draining": "backups are restored",
    "tail": "the last backups are waited for",
}
_LAPSES = "its recovery manager has died, and its claim lapses"
_RESTORED_IN_VAIN = "what was restored turned out to be unusable"


@dataclass(frozen=True, slots=True)
class BegunAgain:
    """A restore that is begun again, as its result could not be brought online: the service has
    waited for it from from_us to until_us, and then restores once more until online_us.
    """

    from_us: int
    until_us: int
    online_us: int


@dataclass(frozen=True, slots=True)
class _Begun:
    """A failover that a copy began: its phases, and when it was over for certain."""

    phases: list[tuple[int, str]]
    over_us: int


def failed_attempts(leg: Leg) -> tuple[FailedAttempt, ...]:
    """Return the attempts of the copies of a leg that failed, stretch by stretch, in the order of
    time. leg: that of the copy that took over, or of the last one that began to.
    """
    attempts = [*_in_vain(leg.tables, leg.secondary)]
    if leg.beside:
        attempts += _left_to_others(leg)
    attempts.sort(key=lambda stretches: stretches[0].from_us)
    numbered = [
        replace(stretch, number=number)
        for number, stretches in enumerate(attempts, 1)
        for stretch in stretches
    ]
    return tuple(sorted(numbered, key=lambda each: each.from_us))


def _left_to_others(leg: Leg) -> Iterator[list[FailedAttempt]]:
    """Yield the attempts that one copy began and that another one has begun anew."""
    given = sorted(
        row.time_us
        for one in leg.every
        for row in one.journal.rows("seen.ClaimGiven")
    )
    for one in leg.every:
        for begun in _begun(one, given):
            stretches = [*_stretches(one, begun)]
            if stretches:
                yield stretches


def begun_again(t: Tables) -> list[BegunAgain]:
    """Return the restores of a failover that were begun again, in the order of time. A database
    that is restored while others are online already is none of them.
    """
    failed = _nothing_came_online(t)
    if not failed:
        return []
    phases = [
        (r.time_us, r.values["phase"]) for r in t.rows("seen.EnterPhase")
    ]
    begins = [at for at, phase in phases if phase == "draining"]
    orders = [r.time_us for r in t.rows("seen.Recover")]
    found: list[BegunAgain] = []
    for failed_us in failed:
        before = [phase for at, phase in phases if at < failed_us]
        if not before or before[-1] != "recovering":
            continue
        next_us = min((at for at in orders if at > failed_us), default=-1)
        moves = [move for move in phases if move[0] >= failed_us]
        waited = (
            not moves or moves[0][1] in _LEFT or 0 <= next_us < moves[0][0]
        )
        if not waited:
            continue
        since_us = max(at for at in begins if at < failed_us)
        if found:
            since_us = max(since_us, found[-1].until_us)
        if since_us < failed_us:
            found.append(BegunAgain(since_us, failed_us, next_us))
    return found


def _nothing_came_online(t: Tables) -> list[int]:
    """Return when a copy turned out to be unusable, or an order online was refused and a restore
    followed it. A copy that was lost under an order is known to be unusable when that is refused.
    """
    refused = t.rows("seen.RecoverFailed")
    if not refused:
        return sorted({gone.time_us for gone in t.rows("truth.copy_gone")})
    restores = [(r.time_us, r.entity) for r in t.rows("seen.Restore")]
    orders = [(r.time_us, r.entity) for r in t.rows("seen.Recover")]
    known_later = {
        gone.seq
        for row in refused
        for gone in _gone_under(t, _ordered_us(row, orders), row)
    }
    found = {
        gone.time_us
        for gone in t.rows("truth.copy_gone")
        if gone.seq not in known_later
    }
    for row in refused:
        later = [
            at
            for at, entity in orders
            if entity == row.entity and at > row.time_us
        ]
        until_us = min(later, default=None)
        if any(
            entity == row.entity
            and row.time_us <= at
            and (until_us is None or at < until_us)
            for at, entity in restores
        ):
            found.add(row.time_us)
    return sorted(found)


def _gone_under(t: Tables, ordered_us: int, refused: Row) -> list[Row]:
    """Return what copies of the database were lost under the order online that was refused."""
    return [
        gone
        for gone in t.rows("truth.copy_gone")
        if gone.entity == refused.entity
        and ordered_us <= gone.time_us < refused.time_us
    ]


def _ordered_us(refused: Row, orders: list[tuple[int, int]]) -> int:
    """Return when the order online was given that was refused."""
    return max(
        at
        for at, entity in orders
        if entity == refused.entity and at <= refused.time_us
    )


def _in_vain(t: Tables, place: str) -> Iterator[list[FailedAttempt]]:
    """Yield those restores as attempts that failed at the place itself."""
    for each in begun_again(t):
        stretch = FailedAttempt(
            0, place, each.from_us, each.until_us, _RESTORED_IN_VAIN
        )
        yield [stretch]


def _begun(leg: Leg, given: list[int]) -> Iterator[_Begun]:
    """Yield what that copy has begun and not brought to its end: abandoned, or given to another."""
    phases: list[tuple[int, str]] = []
    for row in leg.journal.rows("seen.EnterPhase"):
        phase = row.values["phase"]
        if phase in _LEFT and phases:
            yield _Begun(phases, _first_after(given, phases, row.time_us))
            phases = []
        elif phases or phase not in (*_NOT_BEGUN, *_LEFT):
            phases.append((row.time_us, phase))
    over_us = _first_after(given, phases, -1) if phases else -1
    if over_us < 0 and phases:
        over_us = _dead_for_good(leg)
    if over_us >= 0:
        yield _Begun(phases, over_us)


def _dead_for_good(leg: Leg) -> int:
    """Return when the claim of a copy has lapsed whose manager is dead to the end; -1: it lives, or
    has brought something online.
    """
    lives = list(leg.journal.rows("truth.manager"))
    online = any(leg.journal.rows("truth.promoted"))
    if online or not lives or lives[-1].values["up"]:
        return -1
    return lives[-1].time_us + leg.scenario.failover.lease_us


def _first_after(
    given: list[int], phases: list[tuple[int, str]], until_us: int
) -> int:
    """Return when another copy was given the claim after these phases began; until_us if that is
    earlier, or if none was.
    """
    later = [at for at in given if at > phases[0][0]]
    if until_us >= 0:
        later.append(until_us)
    return min(later, default=-1)


def _stretches(leg: Leg, begun: _Begun) -> Iterator[FailedAttempt]:
    """Yield the stretches of an attempt. After its recovery manager died its claim lapses."""
    begin_us, end_us = begun.phases[0][0], begun.over_us
    died = [
        row.time_us
        for row in leg.journal.rows("truth.manager")
        if not row.values["up"] and begin_us <= row.time_us < end_us
    ]
    dead_us = died[-1] if died else end_us
    lapsed_us = min(end_us, dead_us + leg.scenario.failover.lease_us)
    cuts = [cut for cut in begun.phases if cut[0] < dead_us]
    for (left, phase), (right, _) in pairwise([*cuts, (dead_us, "")]):
        if left < right:
            what = _WORDS.get(phase, phase)
            yield FailedAttempt(0, leg.secondary, left, right, what)
    if dead_us < lapsed_us:
        yield FailedAttempt(0, leg.secondary, dead_us, lapsed_us, _LAPSES)
