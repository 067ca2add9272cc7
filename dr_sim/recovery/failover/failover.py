"""Failover: when it begins, who may order it, and in which order its steps run (R14, R15).

Theory of operation. There is one phase and one literal table of the events that move it
(failover_table.py). Silence of the machines (silence.py) is one alarm, at the instant at which the
silence will have been long enough; watching.py says what follows, and orders.py who may order a
failover. The old primary is fenced (stopping.py). The databases are emptied (emptying.py) and
brought online here (online.py), each with its own retries; way_over.py gives the order. The point
of no return is a confirmed fence, or else the first order to bring a database online here. Before
that point, a failover that silence began is called off when the machines are heard again, and a
planned one when nothing can be fenced. Between a confirmed fence and that first order it can only
be left by letting the old primary serve again (going_back.py).

State is durable before anything is done in it. So a restart continues in the same phase, from what
the inventory shows. It announces its phase again, which changes nothing: the first announcement
counts.

`Failover` owns the phase and what is stored with it. Its parts write only to themselves; the
functions of the modules named above apply what they decide.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dr_sim.machines import (
    Alarm,
    CancelAlarm,
    Command,
    Event,
    Phase,
    Save,
    SetAlarm,
)
from dr_sim.recovery import events
from dr_sim.recovery.alerts.alerts import AlertBook, Danger
from dr_sim.recovery.commands import (
    Claim,
    EnterPhase,
    Fence,
    GetMachine,
    PageOperator,
    Provision,
    Redirect,
)
from dr_sim.recovery.config import FailoverConfig
from dr_sim.recovery.failover import (
    choosing,
    claiming,
    going_back,
    orders,
    passed_on,
    stopping,
    watching,
    way_over,
)
from dr_sim.recovery.failover.choosing import Choosing
from dr_sim.recovery.failover.claiming import Claiming
from dr_sim.recovery.failover.emptying import Emptying
from dr_sim.recovery.failover.failover_table import (
    BEFORE_RECOVERY,
    BRINGS_ONLINE,
    FAILOVER,
    OFF,
    FailoverEvent,
    FailoverPhase,
    FenceStatus,
)
from dr_sim.recovery.failover.fencing import Fencing
from dr_sim.recovery.failover.hanging import Hanging
from dr_sim.recovery.failover.online import Online
from dr_sim.recovery.failover.silence import Silence
from dr_sim.recovery.failover.watching import Seeking
from dr_sim.recovery.replay.replay import DatabaseReplay
from dr_sim.recovery.saved import of_type, read
from dr_sim.recovery.timers import Timer

KEY = "failover"


@dataclass(frozen=True, slots=True)
class StoredFailover:
    """The stored part of a failover. stop_before: for each database, the instant before which
    replay stops. claims_for: the operator whose order has claimed it. claims_to_unfence: he has
    ordered that the old primary serves again. later: databases that are restored while the others
    are online. silent: the silent machines of an old primary that may live. left_stopped: as
    Fencing has it.
    """

    phase: FailoverPhase = FailoverPhase.WATCHING
    planned: bool = False
    by_silence: bool = False
    fence: FenceStatus = FenceStatus.OPEN
    drain_since: tuple[int, int] = (0, 0)
    declined: tuple[str, ...] = ()
    stop_before: tuple[tuple[str, int], ...] = ()
    claims_for: str = ""
    claims_to_unfence: bool = False
    later: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    left_stopped: bool = False

    def text(self) -> str:
        values: dict[str, object] = {
            "state": self.phase,
            "planned": self.planned,
            "by_silence": self.by_silence,
            "fence": self.fence,
            "drain_since": self.drain_since,
            "declined": self.declined,
        }
        if self.stop_before:
            values["stop_before"] = dict(self.stop_before)
        if self.claims_for:
            values["claims_for"] = self.claims_for
        if self.claims_to_unfence:
            values["claims_to_unfence"] = True
        if self.later:
            values["later"] = self.later
        if self.silent:
            values["silent"] = self.silent
        if self.left_stopped:
            values["left_stopped"] = True
        return json.dumps(values, ensure_ascii=False)


def stored_from_text(text: str) -> StoredFailover:
    found = of_type(json.loads(text), dict)
    mono_us, utc_us = of_type(found["drain_since"], list)
    stops = of_type(found.get("stop_before", {}), dict)
    declined = tuple(
        of_type(machine, str)
        for machine in of_type(found["declined"], list)
    )
    stop_before = tuple(
        (name, of_type(at, int)) for name, at in stops.items()
    )
    later, silent = (
        _names(found.get(key, [])) for key in ("later", "silent")
    )
    return StoredFailover(
        FailoverPhase(found["state"]),
        of_type(found["planned"], bool),
        of_type(found["by_silence"], bool),
        FenceStatus(found["fence"]),
        (of_type(mono_us, int), of_type(utc_us, int)),
        declined,
        stop_before,
        of_type(found.get("claims_for", ""), str),
        of_type(found.get("claims_to_unfence", False), bool),
        later,
        silent,
        of_type(found.get("left_stopped", False), bool),
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(of_type(name, str) for name in of_type(value, list))


class Failover:
    """One failover of the service.

    planned: nothing may be lost, so it waits. by_silence: it was begun because machines were
    silent, not because someone ordered it.
    """

    __slots__ = (
        "_phase",
        "by_silence",
        "choosing",
        "claiming",
        "config",
        "databases",
        "emptying",
        "fencing",
        "hanging",
        "online",
        "planned",
        "retry_us",
        "seeking",
        "silence",
    )

    def __init__(
        self,
        config: FailoverConfig,
        databases: dict[str, DatabaseReplay],
        retry_us: int,
        saved: dict[str, str],
        alerts: AlertBook,
    ) -> None:
        """saved: the whole store; alerts: those of the service as a whole."""
        text = saved.get(KEY, "")
        stored = (
            read(KEY, text, stored_from_text) if text else StoredFailover()
        )
        self.config = config
        self.databases = databases
        self.retry_us = retry_us
        self._phase = Phase(FAILOVER, stored.phase)
        self.planned = stored.planned
        self.by_silence = stored.by_silence
        self.claiming = Claiming(
            config.standbys, stored.claims_for, stored.claims_to_unfence
        )
        self.choosing = Choosing(config.choose, config.rank)
        self.seeking = Seeking()
        self.fencing = Fencing(alerts, stored.fence, stored.left_stopped)
        self.silence = Silence(config, stored.declined, stored.silent)
        self.emptying = Emptying(
            databases,
            config.drain_limit_us,
            retry_us,
            stored.drain_since,
            stored.later,
        )
        self.hanging = Hanging(databases, config, retry_us)
        self.online = Online(databases, retry_us)
        for name, at in stored.stop_before:
            if name in databases:
                databases[name].stop_before(at)

    # ---- the phase
    @property
    def phase(self) -> FailoverPhase:
        return self._phase.state

    @property
    def on(self) -> bool:
        return self._phase.state not in OFF

    @property
    def brings_online(self) -> bool:
        """Return whether the first database has been ordered to be brought online here."""
        return self._phase.state in BRINGS_ONLINE

    @property
    def old_primary_may_live(self) -> bool:
        """Tell whether the old primary may accept writes beside this side: nothing confirms that it
        was stopped.
        """
        return self.brings_online and not self.fencing.confirmed

    @property
    def stands_ready(self) -> bool:
        """Return whether a copy of every database stands here."""
        return all(db.state.exists for db in self.databases.values())

    @property
    def needless(self) -> bool:
        """Return whether silence began the failover and has ended."""
        return self.by_silence and self.silence.at_us() is None

    def move(self, event: FailoverEvent, out: list[Command]) -> None:
        """Move to the next phase: durable first, then announced. Raises IllegalTransitionError."""
        phase = self._phase.move(event)
        self.save(out)
        out.append(EnterPhase(phase))

    def save(self, out: list[Command]) -> None:
        stops = [
            (n, db.stop_before_utc_us) for n, db in self.databases.items()
        ]
        stored = StoredFailover(
            self.phase,
            self.planned,
            self.by_silence,
            self.fencing.stored,
            self.emptying.since,
            tuple(sorted(self.silence.declined)),
            tuple((name, at) for name, at in stops if at),
            self.claiming.operator,
            self.claiming.to_unfence,
            tuple(sorted(self.emptying.later)),
            tuple(sorted(self.silence.silent))
            if self.old_primary_may_live
            else (),
            self.fencing.left_stopped,
        )
        out.append(Save(KEY, stored.text()))

    def minutes(self, e: Event) -> int:
        """Return whole minutes since the last successful restore of the database that waits
        longest.
        """
        return max(
            (db.minutes(e) for db in self.databases.values()), default=0
        )

    # ---- begin, and call off
    def begin(
        self, planned: bool, by_silence: bool, out: list[Command]
    ) -> None:
        self.fencing.alerts.over(Danger.NOTHING_HERE, out)
        self.planned, self.by_silence = planned, by_silence
        self.fencing.ask()
        self.move(FailoverEvent.BEGUN, out)
        out.append(Fence(planned))

    def claim(
        self, planned: bool, operator: str, out: list[Command]
    ) -> None:
        """Claim a failover that is due, by the order of an operator or ('') by silence: there are
        other standbys.
        """
        self.planned, self.by_silence = planned, not operator
        self.claiming.ask(operator)
        self.move(FailoverEvent.CLAIMS, out)
        out.append(Claim(self.stands_ready, even_if_heard=bool(operator)))

    def offers(self, out: list[Command]) -> None:
        """Move on to wait for the offers of other copies: a failover is due by silence."""
        self.planned, self.by_silence = False, True
        self.move(FailoverEvent.OFFERS, out)

    def stop_waiting(self) -> None:
        """Change a planned failover to an unplanned one: what cannot be had stays behind."""
        self.planned = False

    def abandon(self, event: FailoverEvent, out: list[Command]) -> None:
        self.move(event, out)
        self.move(FailoverEvent.OVER, out)
        self.claiming.let_go(bool(self.silence.declined), out)

    def call_off(self, e: Event, out: list[Command]) -> None:
        """Call the failover off. Nothing has been changed yet: the databases continue as those of a
        secondary.
        """
        self.fencing.tell_heard_again(e, self.minutes(e), False, out)
        self.fencing.over(out)
        self.leave_off(e, out)

    def leave_off(
        self,
        e: Event,
        out: list[Command],
        event: FailoverEvent = FailoverEvent.CALLED_OFF,
    ) -> None:
        """Leave off before anything is brought online: the databases continue as those of a
        secondary.
        """
        self.forget(out)
        self.abandon(event, out)
        self.stand_by(e, out)
        self.watch_silence(e, out)

    def forget(self, out: list[Command]) -> None:
        """Forget what this failover was to do. The caller moves to a phase in which none is on."""
        out.append(CancelAlarm("", Timer.DRAIN))
        if self.planned:
            out.append(CancelAlarm("", Timer.PLANNED))
        self.planned = False
        for db in self.databases.values():
            db.stop_before(0)
        self.emptying.called_off()
        self.online.called_off(out)
        self.fencing.leave()

    def stand_by(self, e: Event, out: list[Command]) -> None:
        """Let the databases continue as those of a secondary."""
        for db in self.databases.values():
            db.stop_draining(e, out)

    def fence(self, out: list[Command]) -> None:
        """Ask for the fence, again if need be; the possible outcome is durable first."""
        self.fencing.ask()
        self.save(out)
        out.append(Fence(self.planned))

    def fence_again(self, out: list[Command]) -> None:
        """Ask for the fence, unless it is confirmed or asked for."""
        if not self.fencing.confirmed and not self.fencing.asked:
            self.fence(out)

    # ---- silence
    def watch_silence(self, e: Event, out: list[Command]) -> None:
        at = self.silence.at_us()
        if at is None:
            return
        if self.silence.declined_all:
            return
        if self.phase is FailoverPhase.UNFENCING:
            out.append(SetAlarm("", Timer.SILENT, max(at, e.mono_us)))
        elif self.phase is FailoverPhase.WATCHING:
            begin_us = max(at, e.mono_us, self.choosing.rests_until_us)
            if self.choosing.by_order:
                begin_us += watching.turns(self) * self.config.turn_us
            out.append(SetAlarm("", Timer.SILENT, begin_us))

    def page(self, e: Event, out: list[Command]) -> None:
        """Page the operator, at every retry until there is an answer: a page may reach nobody."""
        ways = choosing.ways_in_words(self, e)
        out.append(PageOperator(self.silence.reason(ways)))
        out.append(SetAlarm("", Timer.PAGE, e.mono_us + self.retry_us))

    # ---- a restart
    def resume(self, e: events.Inventory, out: list[Command]) -> None:
        """Continue in the phase that was saved; databases that the engines show as recovered are
        not recovered again.
        """
        declined = self.silence.declined
        heard = self.silence.observed(e.silent)
        if self.silence.declined != declined:
            # a no ends with its silence, also for a later life
            self.save(out)
        for machine in e.silent:
            watching.hear(self, machine, heard=False)
        self.fencing.alerts.resume(e, self.minutes(e), out)
        stopping.heard_meanwhile(self, heard, e, out)
        phase = self.phase
        if phase is not FailoverPhase.WATCHING:
            out.append(EnterPhase(phase))
        claiming.resume(self, out)
        if self.brings_online and self.claiming.held:
            way_over.later_again(self, e, out)
        go_on = _ON_RESUME.get(phase)
        if go_on is not None:
            go_on(self, e, out)
        if phase in BEFORE_RECOVERY and self.fencing.open and self.needless:
            self.call_off(e, out)
        elif self.on and self.claiming.held:
            self.fence_again(
                out
            )  # an answer to the incarnation before is lost
        self.watch_silence(e, out)
        going_back.again(self, e, out)

    # ---- time
    def alarm(self, e: Alarm, out: list[Command]) -> None:
        _ON_ALARM[e.what](self, e, out)

    def progress(self, e: Event, out: list[Command]) -> None:
        """Check after every event of a failover whether this phase's work is done."""
        way_over.progress(self, e, out)

    def look_at_hanging(self, e: Event, out: list[Command]) -> None:
        if self.on:
            self.hanging.look(e, out)

    def restore_goes_on(
        self, e: events.RestoreGoesOn, out: list[Command]
    ) -> None:
        file = self.hanging.goes_on(e, out)
        if file is not None:
            self.databases[e.database].tell_waits(file, e, out)


_ON_ALARM: dict[str, Callable[[Failover, Event, list[Command]], None]] = {
    Timer.SILENT: watching.silent_rang,
    Timer.CHOOSE: choosing.rang,
    Timer.TURN: passed_on.turn_rang,
    Timer.PAGE: watching.page_rang,
    Timer.FENCE: stopping.fence_rang,
    Timer.DRAIN: way_over.drain_rang,
    Timer.PLANNED: going_back.limit_rang,
    Timer.UNFENCE: going_back.rang,
    Timer.TAIL: way_over.tail_rang,
    Timer.HANGS: Failover.look_at_hanging,
    Timer.RECOVER: way_over.recover_rang,
}

ON_EVENT: dict[
    type[Event], Callable[[Failover, Any, list[Command]], None]
] = {
    events.HeartbeatLost: watching.lost,
    events.HeartbeatBack: watching.back,
    events.ShareListed: watching.share_listed,
    events.FailoverOrdered: orders.ordered,
    events.FailoverOrderedToPoint: orders.ordered_to_point,
    events.BesideOrdered: orders.ordered_beside,
    events.OperatorAnswered: orders.answered,
    events.Fenced: stopping.answered,
    events.FenceFailed: stopping.answered,
    events.UnfenceOrdered: going_back.ordered,
    events.Unfenced: going_back.unfenced,
    events.UnfenceFailed: going_back.failed,
    events.ClaimGiven: way_over.claim_given,
    events.ClaimRefused: claiming.refused,
    events.ClaimFreed: claiming.freed,
    events.OrderPassedOn: passed_on.take_up,
    events.OffersHeard: choosing.heard,
    events.ConfigurationTimeTold: choosing.told,
    events.ClaimYielded: choosing.yielded,
    events.ReadyCopyWaits: choosing.ready_copy_waits,
    events.MachineIsThere: way_over.machine_is_there,
    events.TailTaken: way_over.tail_taken,
    events.TailFailed: way_over.tail_failed,
    events.Recovered: way_over.recovered,
    events.RecoverFailed: way_over.recover_failed,
    events.Provisioned: way_over.provisioned,
    events.Redirected: way_over.redirected,
    events.Inventory: way_over.observed,
    events.RestoreGoesOn: Failover.restore_goes_on,
}


# ---- what a phase begins with after a restart
_Inventory = events.Inventory


def _is_over(f: Failover, e: _Inventory, out: list[Command]) -> None:
    f.move(FailoverEvent.OVER, out)


def _is_not_here(f: Failover, e: _Inventory, out: list[Command]) -> None:
    f.move(FailoverEvent.NOT_HERE, out)


def _asks_again(f: Failover, e: _Inventory, out: list[Command]) -> None:
    """Page the operator again, unless the machines are heard by now."""
    if f.silence.at_us() is None:
        f.abandon(FailoverEvent.DECLINED, out)
    else:
        f.page(e, out)


def _prepares(f: Failover, e: _Inventory, out: list[Command]) -> None:
    out.append(GetMachine())


def _empties(f: Failover, e: _Inventory, out: list[Command]) -> None:
    f.emptying.start(e, f.planned, out)
    going_back.set_limit(f, e, out)


def _recovers(f: Failover, e: _Inventory, out: list[Command]) -> None:
    way_over.recover_again(f, e, out)


def _provisions(f: Failover, e: _Inventory, out: list[Command]) -> None:
    out.append(Provision())


def _redirects(f: Failover, e: _Inventory, out: list[Command]) -> None:
    out.append(Redirect())


_ON_RESUME: dict[
    FailoverPhase, Callable[[Failover, _Inventory, list[Command]], None]
] = {
    FailoverPhase.ABANDONED: _is_over,
    FailoverPhase.CHOOSING: _is_not_here,
    FailoverPhase.DECIDING: _asks_again,
    FailoverPhase.UNFENCING: going_back.ask,
    FailoverPhase.PREPARING: _prepares,
    FailoverPhase.DRAINING: _empties,
    FailoverPhase.TAIL: _empties,
    FailoverPhase.RECOVERING: _recovers,
    FailoverPhase.SERVING: _recovers,
    FailoverPhase.PROVISIONING: _provisions,
    FailoverPhase.REDIRECTING: _redirects,
}
"""Steps that a phase begins again: the answer to the incarnation before is lost. In the other
phases there is nothing to do.
"""
