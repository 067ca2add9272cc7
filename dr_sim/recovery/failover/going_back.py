"""Going back: a failover that has stopped the old primary, and that nobody can bring to its end, is
left, and the old primary serves again (R15).

Theory of operation. A fence that was obeyed leaves users without a service until this copy serves.
If it never can, the old primary is sound and stopped for nothing. So the failover goes back

- where it was planned, and has waited for as long as it may;

- where nothing at all could be restored here, and the machines of the primary are heard;

- where a database still has to be restored from a full here, and the machines of the primary are
  heard again: that may take hours, and the old primary has all its data;

- by the order of an operator.

Two primaries must never accept writes, so it goes back only while no copy can have taken over: in a
phase in which nothing has been ordered online here (the table says which), and while this copy
holds the claim. From before the order goes out, the fence counts as unknown: whatever becomes of
the order, the next failover stops the old primary first. The order is given again until it is
obeyed. The old primary refuses it where it is lost, or where another copy has stopped it since.
People are alerted when a failover goes back (event 25), and for as long as the old primary does not
serve again (event 26).

If its machines fall silent meanwhile it is left alone, and that is durable: the silence begins a
failover as usual. Where none comes of it, because the machines are heard again or the operator
wants none, the old primary is stopped for nothing still: the order is given again.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from dr_sim.machines import CancelAlarm, Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.commands import Claim, RefuseOrder, Unfence
from dr_sim.recovery.events import NotUnfenced
from dr_sim.recovery.failover.failover_table import (
    BEFORE_RECOVERY,
    EMPTYING,
    FailoverEvent,
    FailoverPhase,
)
from dr_sim.recovery.repair.refusals import OrderRefused, WhyNoFailover
from dr_sim.recovery.replay.limits import elapsed_us
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover


class WhyBack(enum.StrEnum):
    """Why a failover goes back, in the words of its alert."""

    LIMIT = "it was planned, and has waited for too long"
    NOTHING_CAME = "nothing could be restored at the secondary"
    ORDERED = "an operator has ordered so"
    HEARD = "the primary is heard again, and a full is still being restored at the secondary"
    LEFT_STOPPED = "the primary was left stopped, and nobody takes over"


# ---- when
def set_limit(f: Failover, e: Event, out: list[Command]) -> None:
    """Set the alarm at the limit of a planned failover; a restart does not begin it again."""
    limit_us = f.config.planned_limit_us
    if f.planned and limit_us is not None:
        passed_us = elapsed_us(e.mono_us, e.utc_us, *f.emptying.since)
        at_us = e.mono_us + max(0, limit_us - passed_us)
        out.append(SetAlarm("", Timer.PLANNED, at_us))


def limit_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'planned'. While the primary is silent, or the claim is asked for again, it
    is looked at again later.
    """
    if not f.planned or f.phase not in EMPTYING:
        return
    if f.claiming.held and not f.silence.is_long(e.mono_us):
        go_back(f, WhyBack.LIMIT, e, out)
    else:
        again_us = e.mono_us + f.config.silent_for_us
        out.append(SetAlarm("", Timer.PLANNED, again_us))


def if_better(f: Failover, e: Event, out: list[Command]) -> bool:
    """Go back if the old primary, which has stopped and is heard again, serves sooner and with all
    its data. Return whether it does.
    """
    if f.claiming.held and f.needless and _takes_long(f):
        go_back(f, WhyBack.HEARD, e, out)
        return True
    return False


def _takes_long(f: Failover) -> bool:
    """Return whether a database still has to be restored from a full here, and nothing is online or
    will be by an order.
    """
    if not f.fencing.confirmed:
        return False
    if all(db.state.exists for db in f.databases.values()):
        return False
    if f.phase is FailoverPhase.RECOVERING:
        return f.online.none_is_under_way
    return f.phase in BEFORE_RECOVERY


def in_vain(f: Failover, e: Event, out: list[Command]) -> bool:
    """Go back if nothing was restored here, and the primary is heard. Return whether it does. It is
    the last moment: nothing has been ordered online.
    """
    heard = f.silence.at_us() is None
    if not heard or any(db.state.exists for db in f.databases.values()):
        return False
    go_back(f, WhyBack.NOTHING_CAME, e, out)
    return True


def ordered(
    f: Failover, e: events.UnfenceOrdered, out: list[Command]
) -> None:
    """Obey an operator who orders that the old primary serves again, or refuse it."""
    watches = f.phase is FailoverPhase.WATCHING
    if e.operator not in f.config.operators:
        reason = OrderRefused(WhyNoFailover.NOT_AUTHORISED)
        out.append(RefuseOrder(e.operator, reason))
    elif watches and f.claiming.alone and f.fencing.open:
        reason = OrderRefused(WhyNoFailover.NONE_IS_ON)
        out.append(RefuseOrder(e.operator, reason))
    elif f.claiming.held and (watches or f.phase in BEFORE_RECOVERY):
        go_back(f, WhyBack.ORDERED, e, out)
    elif watches:
        f.claiming.ask(e.operator, to_unfence=True)
        f.move(FailoverEvent.CLAIMS, out)
        out.append(Claim(f.stands_ready, even_if_heard=True))
    elif f.phase is not FailoverPhase.UNFENCING:
        reason = OrderRefused(WhyNoFailover.ONE_IS_ON, (f.phase.value,))
        out.append(RefuseOrder(e.operator, reason))


# ---- how
def go_back(
    f: Failover, why: WhyBack, e: Event, out: list[Command]
) -> None:
    """Leave the failover, and have the old primary serve again. Where no order to stop can have
    arrived it serves already.
    """
    if f.phase in BEFORE_RECOVERY and f.fencing.open:
        f.call_off(e, out)
        return
    f.fencing.over(out)
    out.append(CancelAlarm("", Timer.FENCE))
    f.forget(out)
    f.fencing.lifts()
    # before the phase is durable: a manager that dies in between goes back again, and tells again
    f.fencing.tell_goes_back(e, f.minutes(e), why, out)
    f.move(FailoverEvent.GOES_BACK, out)
    f.stand_by(e, out)
    out.append(Unfence())


def again(f: Failover, e: Event, out: list[Command]) -> None:
    """Go back once more, where the old primary was left stopped and no failover follows: its
    machines are heard, or the operator has said no.
    """
    silent = f.silence.at_us() is not None
    may_follow = silent and not f.silence.declined_all
    watches = f.phase is FailoverPhase.WATCHING
    if not f.fencing.left_stopped or not watches or may_follow:
        return
    if f.claiming.held:
        go_back(f, WhyBack.LEFT_STOPPED, e, out)
    else:
        f.claiming.ask("", to_unfence=True)
        f.move(FailoverEvent.CLAIMS, out)
        out.append(Claim(f.stands_ready, even_if_heard=True))


def _is_silent(f: Failover, e: Event) -> bool:
    """Return whether the old primary has been silent for long enough, and a failover may follow."""
    return f.silence.is_long(e.mono_us) and not f.silence.declined_all


def ask(f: Failover, e: Event, out: list[Command]) -> None:
    """Order the old primary to serve again, while no other copy can take over. One whose machines
    are silent is left alone (watching.silent_rang).
    """
    if f.claiming.held and not _is_silent(f, e):
        out.append(Unfence())


def unfenced(f: Failover, e: events.Unfenced, out: list[Command]) -> None:
    if f.phase is not FailoverPhase.UNFENCING:
        return
    f.fencing.lifted()
    _leave(f, FailoverEvent.UNFENCED, e, out)


def failed(
    f: Failover, e: events.UnfenceFailed, out: list[Command]
) -> None:
    """Report that the old primary does not serve yet, and ask again later. If it refuses, or if its
    machines are silent, the order is not given again.
    """
    if f.phase is not FailoverPhase.UNFENCING:
        return
    f.fencing.tell_not_unfenced(e, f.minutes(e), out)
    if e.reason is NotUnfenced.REFUSED:
        leave_it(f, e, out)
    elif _is_silent(f, e):
        fell_silent(f, e, out)
    else:
        # users have no primary at all
        again_us = e.mono_us + f.config.silent_for_us
        out.append(SetAlarm("", Timer.UNFENCE, again_us))


def rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'unfence'."""
    if f.phase is not FailoverPhase.UNFENCING:
        return
    if _is_silent(f, e):
        fell_silent(f, e, out)
    else:
        ask(f, e, out)


def fell_silent(f: Failover, e: Event, out: list[Command]) -> None:
    """Leave the old primary stopped for now: it may be lost, and an answer may never come."""
    f.fencing.stays()
    leave_it(f, e, out)


def leave_it(f: Failover, e: Event, out: list[Command]) -> None:
    """Leave the old primary as it is: it is lost, or another copy takes over."""
    _leave(f, FailoverEvent.NOT_UNFENCED, e, out)


def _leave(
    f: Failover, how: FailoverEvent, e: Event, out: list[Command]
) -> None:
    out.append(CancelAlarm("", Timer.UNFENCE))
    f.fencing.alerts.over(Danger.NOT_UNFENCED, out)
    f.abandon(how, out)
    f.watch_silence(e, out)
