"""Detection: machines fall silent or are heard again, and the consequences (R14).

Where nothing is restored here, and the primary's share holds no way back either (fetching.py), no
failover begins, by order or by silence: an alert is raised (event 15) at every retry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import CancelAlarm, Command, Event, SetAlarm
from dr_sim.recovery import answers, events
from dr_sim.recovery.alerts.alerts import Danger
from dr_sim.recovery.commands import RefuseOrder
from dr_sim.recovery.config import Mode
from dr_sim.recovery.failover import choosing, going_back, stopping
from dr_sim.recovery.failover.estimate import is_hashed_yet
from dr_sim.recovery.failover.failover_table import (
    FailoverEvent,
    FailoverPhase,
)
from dr_sim.recovery.files.file import FULL
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair.refusals import OrderRefused, WhyNoFailover
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Seeking:
    """The search for a way back in the primary's share, as there is none here. An order may wait
    for its result.
    """

    __slots__ = ("_order", "on")

    def __init__(self) -> None:
        self.on = False
        self._order: events.FailoverOrdered | None = None

    def begin(self, order: events.FailoverOrdered | None) -> None:
        """Begin, or go on: an order that waits is kept when silence has been long, too."""
        self.on = True
        self._order = order or self._order

    def end(self) -> events.FailoverOrdered | None:
        """Return the order that has waited."""
        order, self._order = self._order, None
        self.on = False
        return order


# ---- machines
def lost(f: Failover, e: events.HeartbeatLost, out: list[Command]) -> None:
    hear(f, e.machine, heard=False)
    if f.silence.lost(e.machine, e.last_seen_mono_us):
        stopping.fell_silent(f, out)
        f.watch_silence(e, out)


def back(f: Failover, e: events.HeartbeatBack, out: list[Command]) -> None:
    hear(f, e.machine, heard=True)
    declined = f.silence.is_declined(e.machine)
    if not f.silence.back(e.machine):
        return
    if declined:
        f.save(out)  # the operator's no is over, also for a later life
    over = f.silence.at_us() is None
    if f.phase is FailoverPhase.DECIDING and over:
        f.abandon(FailoverEvent.DECLINED, out)
    if f.phase is FailoverPhase.CHOOSING and over:
        choosing.withdraw(f, out)
    if f.phase is FailoverPhase.WATCHING and over:
        out.append(CancelAlarm("", Timer.SILENT))
        f.fencing.alerts.over(Danger.NOTHING_HERE, out)
    going_back.again(f, e, out)
    if f.on:
        stopping.heard_again(f, e, out)


def hear(f: Failover, machine: str, heard: bool) -> None:
    for db in f.databases.values():
        if db.config.machine == machine:
            db.hear_machine(heard)


# ---- it has been silent for long
def silent_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'silent': perhaps the machines have been silent for long enough."""
    waits = f.phase is FailoverPhase.UNFENCING
    if f.phase is not FailoverPhase.WATCHING and not waits:
        return
    if not f.silence.is_long(e.mono_us):
        f.watch_silence(e, out)
    elif waits:
        going_back.fell_silent(f, e, out)
    elif something_here(f):
        _silent_for_long(f, True, e, out)
    else:
        choosing.say_nothing_is_here(f, out)
        look_elsewhere(f, None, out)


def page_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'page': the operator has not answered."""
    if f.phase is FailoverPhase.DECIDING:
        f.page(e, out)


def something_here(f: Failover) -> bool:
    """Return whether any database could be brought online here. If not, a failover would only stop
    a primary that may be alive. At a standby a full that has not been validated does not count: it
    may have been cut off. At a store that takes hours, and the machine is got meanwhile.
    """
    return any(map(_could_come_online, f.databases.values()))


def turns(f: Failover) -> int:
    """Return how many turns this copy waits in the order of preference: one for each copy before
    it. One that lacks a database lets all others take their turn first.
    """
    goes_last = not f.claiming.alone and _lacks_some(f)
    return f.config.rank + goes_last * f.config.standbys


def _lacks_some(f: Failover) -> bool:
    """Return whether some databases could be brought online here, and others could not."""
    found = [_could_come_online(db) for db in f.databases.values()]
    return any(found) and not all(found)


def _could_come_online(db: DatabaseReplay) -> bool:
    if db.state.exists and not db.rotten.copy:
        return True
    return any(
        file.kind is FULL
        and (file.content is Content.WHOLE or is_hashed_yet(db, file))
        for file in db.files.not_in_runs()
    )


def _silent_for_long(
    f: Failover, found: bool, e: Event, out: list[Command]
) -> None:
    """Begin, if anything could be brought online; otherwise raise an alert at every retry."""
    if not found:
        f.fencing.tell_nothing_here(e, f.minutes(e), out)
        out.append(SetAlarm("", Timer.SILENT, e.mono_us + f.retry_us))
    elif not f.claiming.held and not f.choosing.by_order:
        choosing.begin(f, e, out)
    elif not f.claiming.held:
        f.claim(False, "", out)
    elif f.config.mode is Mode.AUTOMATIC:
        f.begin(False, True, out)
    else:
        f.move(FailoverEvent.SILENT_FOR_LONG, out)
        f.page(e, out)


# ---- what lies in the primary's share
def look_elsewhere(
    f: Failover, order: events.FailoverOrdered | None, out: list[Command]
) -> None:
    """Look in the primary's share, as nothing is here: a failover begins only if the share holds a
    way back.
    """
    f.seeking.begin(order)
    for db in f.databases.values():
        db.fetching.ask(out)


def share_listed(
    f: Failover, e: events.ShareListed, out: list[Command]
) -> None:
    db = f.databases.get(e.database)
    if db is None or db.promoted:
        return
    answers.share_listed(db, e, out)
    if not f.seeking.on or any(
        one.fetching.asked for one in f.databases.values()
    ):
        return
    order = f.seeking.end()
    found = any(
        one.fetching.busy or one.fetching.lacking()
        for one in f.databases.values()
    )
    if f.phase is not FailoverPhase.WATCHING:
        return
    if order is not None:
        if found and not f.claiming.held:
            f.claim(order.planned, order.operator, out)
        elif found:
            f.begin(order.planned, False, out)
        else:
            reason = OrderRefused(WhyNoFailover.NOTHING_RESTORED)
            out.append(RefuseOrder(order.operator, reason))
    elif f.silence.is_long(e.mono_us):
        _silent_for_long(f, found, e, out)
