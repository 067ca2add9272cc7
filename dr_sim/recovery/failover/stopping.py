"""The fence around the old primary: its answers, and the meaning of a machine that is heard again
(R14 to R16).

Where the fence may have been obeyed (fencing.py) it is asked for again, and the answer decides: a
primary that has been stopped must not be left without a successor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event
from dr_sim.recovery import events
from dr_sim.recovery.failover import going_back, way_over
from dr_sim.recovery.failover.failover_table import (
    BEFORE_RECOVERY,
    FailoverPhase,
)

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover


def answered(
    f: Failover, e: events.Fenced | events.FenceFailed, out: list[Command]
) -> None:
    """Handle the answer to the fence. An unplanned failover continues whether or not the old
    primary could be reached: two primaries may then accept writes, and people are alerted. But it
    does not continue if it is needless because the primary is heard again.
    """
    fencing = f.fencing
    if not f.on or not fencing.asked:
        return
    fencing.answered(e, out)
    needless = f.needless and f.phase in BEFORE_RECOVERY
    first = f.phase is FailoverPhase.FENCING
    if fencing.confirmed:
        if needless:
            fencing.tell_heard_again(e, f.minutes(e), True, out)
    elif fencing.open and (needless or (f.planned and first)):
        f.call_off(e, out)
        return
    elif isinstance(e, events.FenceFailed) and _failed(f, e, needless, out):
        return
    if first:
        way_over.go_on(f, e, out)
    else:
        f.save(out)


def _failed(
    f: Failover, e: events.FenceFailed, needless: bool, out: list[Command]
) -> bool:
    """Report that the fence failed, and ask again later. Return whether the failover waits for the
    answer.
    """
    first = f.phase is FailoverPhase.FENCING
    waits = (
        first
        and (needless or f.planned)
        and not f.silence.is_long(e.mono_us)
    )
    f.fencing.tell_failed(
        e, f.minutes(e), f.phase is FailoverPhase.SERVING, out
    )
    # users may have no primary at all
    again_us = f.config.silent_for_us if waits or needless else f.retry_us
    f.fencing.ask_again_at(e.mono_us + again_us, out)
    if waits:
        f.save(out)
    return waits


def heard_again(
    f: Failover, e: events.HeartbeatBack, out: list[Command]
) -> None:
    """Handle a machine of the old primary that is heard again during a failover, or after it."""
    fencing = f.fencing
    if going_back.if_better(f, e, out):
        return
    if f.phase in BEFORE_RECOVERY:
        if not f.needless or fencing.asked:
            return  # it was begun by an order, or the answer to the fence decides
        if fencing.confirmed:
            fencing.tell_heard_again(e, f.minutes(e), True, out)
        elif fencing.open:
            f.call_off(e, out)
        else:
            f.fence(out)
    elif not fencing.confirmed:
        fencing.tell_two_primaries(e, e.machine, f.minutes(e), out)
        if not fencing.asked:
            f.fence(out)
        else:
            f.save(out)


def fell_silent(f: Failover, out: list[Command]) -> None:
    """Note, durably, that a machine of an old primary that may live is silent: it may be heard
    again while the manager is down.
    """
    if f.old_primary_may_live:
        f.save(out)


def heard_meanwhile(
    f: Failover, machines: list[str], e: Event, out: list[Command]
) -> None:
    """Handle machines that were heard again while the manager was down. The fence is asked for
    after a restart in any case.
    """
    if not f.old_primary_may_live:
        return
    if not f.fencing.two_told:
        for machine in machines:
            f.fencing.tell_two_primaries(e, machine, f.minutes(e), out)
    f.save(out)


def fence_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'fence': ask for the fence again."""
    if f.on:
        f.fence_again(out)
