"""Several copies, of which the policy chooses one: each says what it offers, and waits its turn in
the order that follows from all offers (W2).

Theory of operation. When the silence is long enough a copy makes its offer at the place that all
copies reach, and hears those of the others. Where a cloud manager has to configure its site, it
first asks that how long it would take. It waits for the copies whose managers live and have
said nothing yet, for one turn at most: one that has nothing says so at once, and the dead are not
waited for. Then every copy knows the same offers and puts them in the same order (policy.py). The
first claims at once, the next a turn later, and so on, as with copies that are taken in the order
in which they are written. So if the best one dies at that moment, the next takes over in its turn.

An attempt can fail: nothing could be restored, or less than was offered. Then, as long as nothing
has been brought online, it is left to another copy that is better by the same policy, if there is
one. By the policy 'preferred' only an attempt that restored nothing is left.

A copy can also be lost in the middle: it is refused, or cannot be brought online. It is restored
from a full, which may take hours. Meanwhile the attempt is left to another copy: by the policy
'preferred' to one that stands ready, with a copy of every database, as soon as it waits for the
claim; by any other policy to one that is better now.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dr_sim.machines import CancelAlarm, Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.alerts.alert_texts import way_text
from dr_sim.recovery.commands import (
    AskConfigurationTime,
    MakeOffer,
    OfferToYield,
    ReleaseClaim,
    YieldClaim,
)
from dr_sim.recovery.failover import claiming
from dr_sim.recovery.failover.estimate import (
    CopyEstimate,
    estimate,
    restores_us,
)
from dr_sim.recovery.failover.failover_table import (
    BEFORE_RECOVERY,
    EMPTYING,
    FailoverEvent,
    FailoverPhase,
)
from dr_sim.recovery.failover.policy import (
    NEVER_US,
    CopyChoice,
    CopyPolicy,
    Offer,
    best_first,
)
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Choosing:
    """heard: the offers that were heard last, at heard_us. settled_us: since when no other offer is
    waited for; -1: some still are. rests_until_us: an attempt here has failed, and none begins
    before that instant. would_yield: this copy has said that it leaves its attempt to a copy that
    stands ready. has_left: it has left an attempt so, and has not been restored since.
    configured_us: how long a failover would wait for its site to be configured, as was said last.
    """

    __slots__ = (
        "_rank",
        "choose",
        "configured_us",
        "has_left",
        "heard",
        "heard_us",
        "rests_until_us",
        "settled_us",
        "would_yield",
    )

    def __init__(self, choose: CopyChoice, rank: int) -> None:
        self.choose = choose
        self._rank = rank
        self.heard: tuple[Offer, ...] = ()
        self.heard_us = 0
        self.settled_us = -1
        self.rests_until_us = 0
        self.configured_us = 0
        self.would_yield = False
        self.has_left = False

    @property
    def by_order(self) -> bool:
        """Return whether copies are taken as they are written: nobody says what he offers."""
        return self.choose.policy is CopyPolicy.PREFERRED

    def begin(self) -> None:
        self.heard, self.settled_us = (), -1

    def hear(self, e: events.OffersHeard) -> None:
        self.heard, self.heard_us = e.offers, e.mono_us
        if not e.awaited:
            self.settle(e)

    def settle(self, e: Event) -> None:
        """Wait for no other offer."""
        if self.settled_us < 0:
            self.settled_us = e.mono_us

    def takes_to_configure(self, us: int) -> None:
        """Note how long a failover would wait for its site to be configured."""
        self.configured_us = us

    def rest(self, until_us: int) -> None:
        self.rests_until_us = until_us

    def stands(self) -> None:
        """Note that all copies stand here, or were never here."""
        self.would_yield = self.has_left = False

    def offer_to_yield(self, out: list[Command]) -> None:
        """Say once that the attempt is left to a copy that stands ready."""
        if not self.would_yield:
            self.would_yield = True
            out.append(OfferToYield())

    def was_told(self) -> None:
        """Note that such a copy waits: if this one stays, it would have to say so again."""
        self.would_yield = False

    def leave(self, until_us: int) -> None:
        """Leave the attempt, and begin none before that instant."""
        self.has_left = True
        self.rest(until_us)

    @property
    def turn(self) -> int:
        """Return the place of this copy among all offers, 0 is the best."""
        ranks = [o.rank for o in best_first(self.heard, self.choose)]
        return (
            ranks.index(self._rank) if self._rank in ranks else len(ranks)
        )

    @property
    def own(self) -> Offer | None:
        """Return what this copy has offered."""
        mine = [o for o in self.heard if o.rank == self._rank]
        return mine[0] if mine else None

    def others(self, mono_us: int) -> list[Offer]:
        """Return what the others would offer now, if nothing has changed there."""
        later_us = mono_us - self.heard_us
        return [
            replace(o, takes_us=o.takes_us + later_us)
            for o in self.heard
            if o.rank != self._rank
        ]


# ---- offers
def begin(f: Failover, e: Event, out: list[Command]) -> None:
    """Say what this copy offers, as the silence is long enough."""
    f.choosing.begin()
    f.offers(out)
    if f.config.costs.asks:
        out.append(AskConfigurationTime())
    else:
        _say(_offer(f, e, f.config.costs.before_us), out)
    out.append(SetAlarm("", Timer.CHOOSE, e.mono_us + f.config.turn_us))


def told(
    f: Failover, e: events.ConfigurationTimeTold, out: list[Command]
) -> None:
    """Say what this copy offers, as the cloud manager has said how long it would take."""
    f.choosing.takes_to_configure(_waits_us(f, e.takes_us))
    if f.phase is FailoverPhase.CHOOSING:
        _say(_offer(f, e, f.config.costs.before_us), out)


def _waits_us(f: Failover, takes_us: int) -> int:
    """Return for how long a failover would wait. If nobody answers, nobody configures anything."""
    most_us = f.config.costs.configured_at_most_us
    most_us = NEVER_US if most_us is None else most_us
    return most_us if takes_us < 0 else min(takes_us, most_us)


def say_nothing_is_here(f: Failover, out: list[Command]) -> None:
    """Say that nothing could be brought online here, so that nobody waits for this copy."""
    if not f.claiming.alone and not f.choosing.by_order:
        _say(Offer("", f.config.rank, False), out)


def _say(offer: Offer, out: list[Command]) -> None:
    out.append(
        MakeOffer(
            offer.rank,
            offer.open,
            offer.holds_until_utc_us,
            offer.takes_us,
        )
    )


def _offer(f: Failover, e: Event, before_us: int) -> Offer:
    """Return what this copy offers now. before_us: what passes before its first restore."""
    costs, rank = f.config.costs, f.config.rank
    each = _estimates(f, e)
    if not each:
        return Offer("", rank, False)
    # of a database of which nothing is here nobody can say anything
    holds = min(one.holds_until_utc_us for one in each)
    if len(each) < len(f.databases):
        holds = 0
    takes_us = _silent_us(f, e) + before_us
    takes_us += restores_us(each, costs) + costs.after_us
    takes_us += f.choosing.configured_us
    return Offer("", rank, True, holds, min(takes_us, NEVER_US))


def _estimates(f: Failover, e: Event) -> list[CopyEstimate]:
    found = [
        estimate(db, f.config.costs, e.mono_us)
        for db in f.databases.values()
    ]
    return [one for one in found if one is not None]


def _silent_us(f: Failover, e: Event) -> int:
    """Return how long the machines have been silent."""
    since = f.silence.since_us()
    return 0 if since is None else e.mono_us - since


# ---- turns
def heard(f: Failover, e: events.OffersHeard, out: list[Command]) -> None:
    f.choosing.hear(e)
    if (
        f.phase is FailoverPhase.CHOOSING
        and f.choosing.settled_us == e.mono_us
    ):
        _take_turn(f, e, out)


def rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'choose'."""
    if f.phase is not FailoverPhase.CHOOSING:
        return
    f.choosing.settle(e)
    _take_turn(f, e, out)


def _take_turn(f: Failover, e: Event, out: list[Command]) -> None:
    """Claim if it is this copy's turn; otherwise wait for it."""
    choosing = f.choosing
    at = choosing.settled_us + choosing.turn * f.config.turn_us
    if at <= e.mono_us:
        out.append(CancelAlarm("", Timer.CHOOSE))
        claiming.claim_in_turn(f, out)
    else:
        out.append(SetAlarm("", Timer.CHOOSE, at))


def withdraw(f: Failover, out: list[Command]) -> None:
    """Withdraw the offer: the machines are heard again."""
    out.append(CancelAlarm("", Timer.CHOOSE))
    f.move(FailoverEvent.NOT_HERE, out)
    out.append(ReleaseClaim(False))


# ---- a page
def ways_in_words(f: Failover, e: Event) -> tuple[str, ...]:
    """Return the ways that are open, the one that the policy names first, as a page says them."""
    failed_utc_us = e.utc_us - _silent_us(f, e)
    return tuple(
        _in_words(offer, failed_utc_us)
        for offer in best_first(f.choosing.heard, f.choosing.choose)
    )


def _in_words(offer: Offer, failed_utc_us: int) -> str:
    holds = offer.holds_until_utc_us
    lost_us = max(0, failed_utc_us - holds) if holds else None
    return way_text(offer.place, lost_us, offer.takes_us)


# ---- an attempt that fails
def leaves(f: Failover, e: Event, out: list[Command]) -> bool:
    """Leave the attempt to another copy, if it has failed and another is better. Return whether it
    was left. It is the last moment: nothing has been brought online.
    """
    if not _may_be_left(f, e):
        return False
    if not any(db.state.exists for db in f.databases.values()):
        _fail(f, e, out)
        return True
    if f.choosing.by_order or not _less_came(f, e):
        return False
    if not _another_is_better(f, e):
        return False
    _leave(f, e, out)
    return True


def _may_be_left(f: Failover, e: Event) -> bool:
    """Return whether another copy would continue: after a loss, or as an order is passed on."""
    needed = f.silence.is_long(e.mono_us) or not f.by_silence
    return needed and not f.claiming.alone


def waits_in_vain(f: Failover, e: Event, out: list[Command]) -> None:
    """Yield to a copy that waits for its turn, if there is one: the limit is over, nothing has been
    restored here, and what could be is still at the primary.
    """
    if not _may_be_left(f, e):
        return
    if not any(map(_gets_on, f.databases.values())):
        out.append(YieldClaim())


def _gets_on(db: DatabaseReplay) -> bool:
    """Return whether a copy is here, or a file of which it can be had."""
    hashed_yet = db.drain is not None and bool(db.drain.hashed_yet)
    return db.state.exists or db.files.in_hand is not None or hashed_yet


def yielded(
    f: Failover, e: events.ClaimYielded, out: list[Command]
) -> None:
    """Leave it to the copy that has waited."""
    if f.phase in EMPTYING:
        _fail(f, e, out)


def _fail(f: Failover, e: Event, out: list[Command]) -> None:
    """Leave an attempt that has restored nothing."""
    f.choosing.rest(e.mono_us + f.retry_us)
    f.fencing.tell_nothing_here(e, f.minutes(e), out)
    _leave(f, e, out)
    say_nothing_is_here(f, out)


def _less_came(f: Failover, e: Event) -> bool:
    """Return whether this copy holds less than it had offered."""
    offered, now = f.choosing.own, _offer(f, e, 0)
    return (
        offered is not None
        and now.holds_until_utc_us < offered.holds_until_utc_us
    )


def _another_is_better(f: Failover, e: Event) -> bool:
    """Return whether another copy is better now, by the policy and what all have offered."""
    now = _offer(f, e, 0)
    best = best_first(
        [*f.choosing.others(e.mono_us), now], f.choosing.choose
    )
    return bool(best) and best[0].rank != now.rank


# ---- a copy that is lost in the middle
def leave_if_lost(f: Failover, e: Event, out: list[Command]) -> bool:
    """Leave the attempt if a copy was lost here that another place has, or offer to leave it.
    Return whether it was left. Nothing has been brought online.
    """
    choosing = f.choosing
    if f.claiming.alone:
        return False
    if not _is_lost(f):
        choosing.stands()
        return False
    if not _may_be_left_now(f, e):
        return False
    ordered = not f.silence.is_long(e.mono_us)
    if ordered or not choosing.by_order:
        if choosing.has_left or not _others_could(f, e, ordered):
            return False
        _leave_to_the_ready(f, e, out)
        return True
    choosing.offer_to_yield(out)
    return False


def _others_could(f: Failover, e: Event, ordered: bool) -> bool:
    """Return whether another copy may continue: an order is passed on once the old primary is
    stopped; after a loss one is better by what all have offered.
    """
    return f.fencing.confirmed if ordered else _another_is_better(f, e)


def ready_copy_waits(
    f: Failover, e: events.ReadyCopyWaits, out: list[Command]
) -> None:
    """Leave the attempt to it, if a copy that was lost here has not been restored meanwhile."""
    f.choosing.was_told()
    if _is_lost(f) and _may_be_left_now(f, e):
        _leave_to_the_ready(f, e, out)


def _is_lost(f: Failover) -> bool:
    """Return whether the copy of some database was lost here, and has to be restored from a full.
    At a store no copy stands before it is restored there.
    """
    return any(
        db.had_copy and not db.state.exists and not db.promoted
        for db in f.databases.values()
    )


def _may_be_left_now(f: Failover, e: Event) -> bool:
    """Return whether another copy would continue, and nothing is or will be online here. An order
    to stop before an instant is not passed on.
    """
    stops = any(db.stop_before_utc_us for db in f.databases.values())
    if stops or not f.claiming.held or not _may_be_left(f, e):
        return False
    if f.phase is FailoverPhase.RECOVERING:
        return f.online.none_is_under_way
    return f.phase in BEFORE_RECOVERY


def _leave_to_the_ready(f: Failover, e: Event, out: list[Command]) -> None:
    """Leave the attempt, and let all others take their turn before this copy does."""
    f.choosing.leave(e.mono_us + f.config.standbys * f.config.turn_us)
    _leave(f, e, out)


def _leave(f: Failover, e: Event, out: list[Command]) -> None:
    f.fencing.over(out)
    out.append(CancelAlarm("", Timer.FENCE))
    recovers = f.phase is FailoverPhase.RECOVERING
    f.leave_off(
        e,
        out,
        FailoverEvent.YIELDED if recovers else FailoverEvent.CALLED_OFF,
    )
