"""An order to fail over that another copy could not carry out (W2, W4).

Theory of operation. An operator has ordered one copy to take over, and it has stopped the old
primary. Then its place is lost, or nothing can be restored there. The order is passed on to all
other copies. They take their turns with it as after a loss: in the order of preference, or by their
offers. One of them gets the claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.failover import choosing, claiming, watching
from dr_sim.recovery.failover.failover_table import FailoverPhase
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover


def take_up(
    f: Failover, e: events.OrderPassedOn, out: list[Command]
) -> None:
    """Take this copy's turn to carry out the order, where something is here."""
    may = e.operator in f.config.operators and not f.claiming.alone
    if not may or f.phase is not FailoverPhase.WATCHING:
        return
    if not watching.something_here(f):
        choosing.say_nothing_is_here(f, out)
        return
    f.claiming.wait_with(e)
    if f.choosing.by_order:
        turn_us = watching.turns(f) * f.config.turn_us
        begin_us = max(e.mono_us, f.choosing.rests_until_us)
        out.append(SetAlarm("", Timer.TURN, begin_us + turn_us))
    else:
        choosing.begin(f, e, out)


def turn_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'turn'."""
    if f.phase is FailoverPhase.WATCHING and f.claiming.passed_on:
        claiming.claim_in_turn(f, out)
