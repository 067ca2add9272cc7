"""Several standbys: which of them takes over (R14, W5).

Theory of operation. Before a failover begins here, by silence or by order, this standby claims it
at a place that all standbys reach (as etcd is for Patroni). One standby gets the claim. The others
are refused, and notified when it is free again. So two standbys never take over from one primary.
Time keeps the order of preference: after the silence that counts as a failure, the preferred one
claims at once, the next one a turn later, and so on. With another policy than 'preferred', that
order is determined first (choosing.py). An order to this standby claims at once.

A copy whose own link is cut hears nothing, though the primary serves. So a claim by silence is
refused as long as another copy hears the primary, as the sentinels of Redis have to agree. When no
other copy hears it any more, this one is notified and takes its turn. An order needs no agreement.

If a copy has stopped the old primary but cannot carry out an order, the order is passed on to the
others. They take their turns with it as after a loss.

The claim is released when the failover is called off or declined, and lost when this manager is
dead for long. The first order to bring a database online keeps it for good. A manager that dies
just before that order may lose the claim. So a manager that resumes in the middle of a failover
claims again. It brings nothing online before it has an answer, until a database is known to be
online here. If it is refused, it yields: another standby has taken over, or people have let the old
primary serve again. A standby that is the only one claims only in that case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import CancelAlarm, Command
from dr_sim.recovery import events
from dr_sim.recovery.commands import Claim, RefuseOrder, ReleaseClaim
from dr_sim.recovery.config import Mode
from dr_sim.recovery.failover import going_back
from dr_sim.recovery.failover.failover_table import (
    BEFORE_RECOVERY,
    FailoverEvent,
    FailoverPhase,
)
from dr_sim.recovery.repair.refusals import OrderRefused, WhyNoFailover
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover


_NOT_BEGUN = (
    FailoverPhase.WATCHING,
    FailoverPhase.CHOOSING,
    FailoverPhase.ABANDONED,
)


_CLAIMED_AGAIN = (
    *BEFORE_RECOVERY,
    FailoverPhase.RECOVERING,
    FailoverPhase.UNFENCING,
)
"""The phases in which even the only standby claims after a restart."""


class Claiming:
    """held: no other standby can take over now. operator: whose order has claimed, '' if none.
    to_unfence: he has ordered that the old primary serves again. passed_on: the order, to another
    copy, that waits for this one's turn.
    """

    __slots__ = ("alone", "held", "operator", "passed_on", "to_unfence")

    def __init__(
        self, standbys: int, operator: str = "", to_unfence: bool = False
    ) -> None:
        self.alone = standbys == 1
        self.held = self.alone
        self.operator = operator
        self.to_unfence = to_unfence
        self.passed_on: events.OrderPassedOn | None = None

    def ask(self, operator: str, to_unfence: bool = False) -> None:
        self.operator, self.to_unfence = operator, to_unfence

    def wait_with(self, order: events.OrderPassedOn) -> None:
        self.passed_on = order

    def answered(self, given: bool) -> tuple[str, bool]:
        """Return whose order has claimed, and whether it was given to this copy."""
        self.held = given
        operator, self.operator = self.operator, ""
        self.to_unfence = False
        passed_on, self.passed_on = self.passed_on, None
        return operator, passed_on is None

    def let_go(self, declined: bool, out: list[Command]) -> None:
        """declined: the operator has said no."""
        if self.alone:
            self.held = True
        elif self.held:
            self.held = False
            out.append(ReleaseClaim(declined))

    def keep(self) -> None:
        """Nobody else is given it any more."""
        self.held = True

    def doubt(self) -> None:
        """Note that it may have been lost: it is asked for again."""
        self.held = False


def given(f: Failover, e: events.ClaimGiven, out: list[Command]) -> None:
    to_unfence = f.claiming.to_unfence
    operator, _ = f.claiming.answered(True)
    if f.phase is FailoverPhase.UNFENCING:
        going_back.ask(f, e, out)
    elif f.on:
        f.fence_again(out)
    elif f.phase in _NOT_BEGUN:
        f.claiming.let_go(bool(f.silence.declined), out)
    if f.phase is not FailoverPhase.CLAIMING:
        return
    if to_unfence:
        why = going_back.WhyBack.ORDERED
        if not operator:
            why = going_back.WhyBack.LEFT_STOPPED
        going_back.go_back(f, why, e, out)
    elif operator:
        f.begin(f.planned, False, out)
    elif f.needless:
        f.move(FailoverEvent.NOT_HERE, out)
        f.claiming.let_go(False, out)
        going_back.again(f, e, out)
    elif f.config.mode is Mode.AUTOMATIC:
        f.begin(False, True, out)
    else:
        f.move(FailoverEvent.SILENT_FOR_LONG, out)
        f.page(e, out)


def refused(
    f: Failover, e: events.ClaimRefused, out: list[Command]
) -> None:
    """Leave it to the standby that takes over, with what was begun here before a crash."""
    operator, given_here = f.claiming.answered(False)
    if f.phase is FailoverPhase.CLAIMING:
        f.move(FailoverEvent.NOT_HERE, out)
        if operator and given_here:
            for db in f.databases.values():
                db.stop_before(0)
            reason = OrderRefused(
                WhyNoFailover.ANOTHER_TAKES_OVER, (e.holder,)
            )
            out.append(RefuseOrder(operator, reason))
    elif f.phase is FailoverPhase.DECIDING:
        f.abandon(FailoverEvent.DECLINED, out)
    elif f.phase is FailoverPhase.UNFENCING:
        going_back.leave_it(f, e, out)
    elif f.phase is FailoverPhase.RECOVERING:
        _leave(f, e, FailoverEvent.YIELDED, out)
    elif f.phase in BEFORE_RECOVERY:
        _leave(f, e, FailoverEvent.CALLED_OFF, out)
    if f.claiming.alone:
        f.claiming.keep()


def _leave(
    f: Failover,
    e: events.ClaimRefused,
    event: FailoverEvent,
    out: list[Command],
) -> None:
    """Leave off: nothing has been ordered online here."""
    f.fencing.over(out)
    f.leave_off(e, out, event)
    out.append(CancelAlarm("", Timer.FENCE))


def freed(f: Failover, e: events.ClaimFreed, out: list[Command]) -> None:
    """Take this standby's turn if there is still need: nobody takes over any more."""
    if e.declined:
        f.silence.decline()
        f.save(out)
    f.watch_silence(e, out)
    going_back.again(f, e, out)


def claim_in_turn(f: Failover, out: list[Command]) -> None:
    """Claim: it is this copy's turn, after silence or by an order that was passed on."""
    order = f.claiming.passed_on
    if order is None:
        f.claim(False, "", out)
    else:
        f.claim(order.planned, order.operator, out)


def resume(f: Failover, out: list[Command]) -> None:
    """Claim again after a restart: what was claimed before may have been lost. The only standby
    does so in the middle of a failover: people may have let the old primary serve again meanwhile.
    """
    if f.claiming.alone:
        if f.phase in _CLAIMED_AGAIN:
            f.claiming.doubt()
            out.append(Claim(f.stands_ready, even_if_heard=True))
    elif f.brings_online and f.phase is not FailoverPhase.RECOVERING:
        f.claiming.keep()
    elif f.phase in _NOT_BEGUN:
        out.append(ReleaseClaim(bool(f.silence.declined)))
    else:
        out.append(Claim(f.stands_ready, even_if_heard=True))
