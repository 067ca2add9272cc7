"""Failover: when, by whose word, and in which order (R14, R15).

Theory of operation. One state and a literal table of the moves there are; any other move raises and
leaves the state as it was. Silence of the machines (silence.py) is one alarm at the instant at
which it will have been long enough. Where nothing is restored here and the primary's share holds no
way back either (fetching.py), nothing begins, by order or by silence: it is told (event 15), at
every retry. The databases are emptied (emptying.py) and brought online here (online.py), each with
retries of its own. The point of no return is a fence that is confirmed, or else the first order to
bring a database online here: before it a failover that silence began is called off when the
machines are heard again, and a planned one when nothing can be fenced. Where the fence may have
been obeyed (fencing.py) it is asked for again, and the answer decides: a primary that has been
stopped must not be left without a successor. State is durable before anything is done in it, so a
restart goes on in the same state from what the inventory shows; it announces its phase again, which
changes nothing: the first announcement counts.
"""

from __future__ import annotations

import enum
import json

from dr_sim.recovery import events, hanging
from dr_sim.recovery.alerts import NOTHING_HERE, AlertBook, nothing_here_text, utc_text
from dr_sim.recovery.commands import (
    CancelAlarm,
    Command,
    EnterPhase,
    Fence,
    PageOperator,
    Provision,
    Redirect,
    RefuseOrder,
    Save,
    SetAlarm,
)
from dr_sim.recovery.config import FailoverConfig
from dr_sim.recovery.emptying import Emptying
from dr_sim.recovery.fencing import OPEN, Fencing
from dr_sim.recovery.files import FULL, VALID
from dr_sim.recovery.hanging import Hanging
from dr_sim.recovery.online import Online
from dr_sim.recovery.replay import DatabaseReplay
from dr_sim.recovery.silence import Silence
from dr_sim.recovery.waiting import reached_utc_us


class State(enum.Enum):
    WATCHING = "watching"
    DECIDING = "deciding"
    FENCING = "fencing"
    DRAINING = "draining"
    TAIL = "tail"
    RECOVERING = "recovering"
    PROVISIONING = "provisioning"
    REDIRECTING = "redirecting"
    SERVING = "serving"
    ABANDONED = "abandoned"


MOVES: dict[State, tuple[State, ...]] = {
    State.WATCHING: (State.DECIDING, State.FENCING),
    State.DECIDING: (State.FENCING, State.ABANDONED),
    State.FENCING: (State.DRAINING, State.ABANDONED),
    State.DRAINING: (State.TAIL, State.ABANDONED),
    State.TAIL: (State.RECOVERING, State.ABANDONED),
    State.RECOVERING: (State.PROVISIONING, State.REDIRECTING, State.ABANDONED),
    State.PROVISIONING: (State.REDIRECTING,),
    State.REDIRECTING: (State.SERVING,),
    State.SERVING: (),
    State.ABANDONED: (State.WATCHING,),
}


_OFF = (State.WATCHING, State.DECIDING, State.ABANDONED)
_NOTHING = "nothing here"
_NONE_RESTORED = "no database has been restored here yet"
_BEFORE_RECOVERY = (State.FENCING, State.DRAINING, State.TAIL)


class IllegalMoveError(Exception):
    """A move that is not in the table: a bug in the recovery logic."""


class Failover:
    __slots__ = (
        "by_silence",
        "config",
        "databases",
        "emptying",
        "fencing",
        "hanging",
        "online",
        "order",
        "planned",
        "retry_us",
        "seeking",
        "silence",
        "state",
    )

    def __init__(
        self,
        config: FailoverConfig,
        databases: dict[str, DatabaseReplay],
        retry_us: int,
        saved: str,
        alerts: AlertBook,
    ) -> None:
        """saved: the state as stored, '' if there is none; alerts: those of the service as a
        whole.
        """
        self.config = config
        self.databases = databases
        self.retry_us = retry_us
        self.state = State.WATCHING
        self.planned = False
        self.seeking = False  # a way back in the primary's share, as there is none here
        self.order: events.FailoverOrdered | None = None  # it waits for what comes of that
        # begun because machines were silent, not because someone ordered it
        self.by_silence = False
        self.fencing = Fencing(alerts, retry_us)
        self.silence = Silence(config)
        self.emptying = Emptying(databases, config.drain_limit_us, retry_us)
        self.hanging = Hanging(databases, config.restore_limit_us, config.drain_limit_us, retry_us)
        self.online = Online(databases, retry_us)
        if saved:
            values = json.loads(saved)
            self.state = State(values["state"])
            self.planned = values["planned"]
            self.by_silence = values["by_silence"]
            self.fencing.status = values["fence"]
            self.emptying.since = (values["drain_since"][0], values["drain_since"][1])
            self.silence.declined = set(values["declined"])
            for name, at in values.get("stop_before", {}).items():
                if name in databases:
                    databases[name].stop_before_utc_us = at

    # ---- states
    def move(self, state: State, out: list[Command]) -> None:
        if state not in MOVES[self.state]:
            raise IllegalMoveError(f"no move from {self.state.value} to {state.value}")
        self.state = state
        self._save(out)
        out.append(EnterPhase(state.value))

    def _save(self, out: list[Command]) -> None:
        values: dict[str, object] = {
            "state": self.state.value,
            "planned": self.planned,
            "by_silence": self.by_silence,
            "fence": self.fencing.status,
            "drain_since": self.emptying.since,
            "declined": sorted(self.silence.declined),
        }
        stops = {
            name: db.stop_before_utc_us
            for name, db in self.databases.items()
            if db.stop_before_utc_us
        }
        if stops:
            values["stop_before"] = stops
        out.append(Save("failover", json.dumps(values, ensure_ascii=False)))

    @property
    def on(self) -> bool:
        return self.state not in _OFF

    def resume(self, mono_us: int, utc_us: int, silent: dict[str, int], out: list[Command]) -> None:
        """Go on in the state that was saved; what the engines show to be recovered is not recovered
        again.
        """
        self.silence.observed(silent)
        for machine in silent:
            self._mark_silent(machine, True)
        state = self.state
        if state is not State.WATCHING:
            out.append(EnterPhase(state.value))
        if state is State.ABANDONED:
            self.move(State.WATCHING, out)
        if state is State.DECIDING:
            if self.silence.at_us() is None:
                self._abandon(out)
            else:
                self._page(mono_us, out)
        elif state in (State.DRAINING, State.TAIL):
            self.emptying.start(mono_us, utc_us, self.planned, out)
        elif state is State.RECOVERING:
            self._recover(out, again=True)
        elif state is State.PROVISIONING:
            out.append(Provision())
        elif state is State.REDIRECTING:
            out.append(Redirect())
        elif state is State.SERVING:
            self._recover(out, again=True)
        if state in _BEFORE_RECOVERY and self.fencing.status == OPEN and self._needless():
            self._call_off(events.Event(mono_us, utc_us, 0), out)
        elif state is State.FENCING or (self.on and not self.fencing.confirmed):
            self._fence(out)  # an answer to the incarnation before is lost
        self._watch_silence(mono_us, out)

    # ---- detection
    def lost(self, e: events.HeartbeatLost, out: list[Command]) -> None:
        self._mark_silent(e.machine, True)
        if self.silence.lost(e.machine, e.last_seen_mono_us):
            self._watch_silence(e.mono_us, out)

    def _mark_silent(self, machine: str, silent: bool) -> None:
        for db in self.databases.values():
            if db.config.machine == machine:
                db.machine_silent = silent

    def back(self, e: events.HeartbeatBack, out: list[Command]) -> None:
        self._mark_silent(e.machine, False)
        if not self.silence.back(e.machine):
            return
        if self.state is State.DECIDING and self.silence.at_us() is None:
            self._abandon(out)
        if self.state is State.WATCHING and self.silence.at_us() is None:
            out.append(CancelAlarm("", "silent"))
            self.fencing.alerts.clear(_NOTHING, out)
        if self.on:
            self._heard_again(e, out)

    def _heard_again(self, e: events.HeartbeatBack, out: list[Command]) -> None:
        """A machine of the old primary is heard again in the middle of a failover, or after it."""
        fencing = self.fencing
        if self.state in _BEFORE_RECOVERY:
            if not self._needless() or fencing.asked:
                return  # begun by an order, or the answer to the fence decides
            if fencing.confirmed:
                fencing.tell_heard_again(e, self._minutes(e), True, out)
            elif fencing.status == OPEN:
                self._call_off(e, out)
            else:
                self._fence(out)
        elif not fencing.confirmed:
            fencing.tell_two_primaries(e, self._minutes(e), out)
            if not fencing.asked:
                self._fence(out)

    def _needless(self) -> bool:
        """Silence began it, and there is none any more."""
        return self.by_silence and self.silence.at_us() is None

    def _minutes(self, e: events.Event) -> int:
        """Whole minutes since the last successful restore of the database that waits longest."""
        return max((db.minutes(e.mono_us, e.utc_us) for db in self.databases.values()), default=0)

    def _watch_silence(self, mono_us: int, out: list[Command]) -> None:
        at = self.silence.at_us()
        if self.state is State.WATCHING and at is not None and not self.silence.declined_all:
            out.append(SetAlarm("", "silent", max(at, mono_us)))

    def _something_here(self) -> bool:
        """Could any database be brought online here? Otherwise a failover would only stop a primary
        that may be alive. A full that has not been validated opens no gate: it may have been cut
        off.
        """
        return any(
            db.state.exists
            or any(file.kind == FULL and file.state == VALID for file in db.files.values())
            for db in self.databases.values()
        )

    def _page(self, mono_us: int, out: list[Command]) -> None:
        """Again at every retry until there is an answer: a page may reach nobody."""
        out.append(PageOperator(self.silence.reason()))
        out.append(SetAlarm("", "page", mono_us + self.retry_us))

    def alarm(self, e: events.Alarm, out: list[Command]) -> None:
        if e.what == "silent" and self.state is State.WATCHING:
            at = self.silence.at_us()
            if at is None or at > e.mono_us:
                self._watch_silence(e.mono_us, out)
            elif self._something_here():
                self._silent_for_long(True, e, out)
            else:
                self._look_elsewhere(None, out)
        elif e.what == "page" and self.state is State.DECIDING:
            self._page(e.mono_us, out)
        elif e.what == "drain" and (
            self.state in (State.DRAINING, State.TAIL) or self.emptying.later
        ):
            if self.planned and not self.silence.is_long(e.mono_us):
                self.emptying.wait_on(e, out)
                return
            self.planned = False  # if it was, the primary died in the middle of it
            self.emptying.wait_no_longer(e, out)
            self.hanging.look(e, out)
            self.progress(e, out)
        elif e.what == hanging.ALARM and self.on:
            self.hanging.look(e, out)
        elif e.what == "tail" and self.state in (State.DRAINING, State.TAIL) and self.planned:
            self.emptying.tails_again(out)
        elif (
            e.what == "fence" and self.on and not self.fencing.confirmed and not self.fencing.asked
        ):
            self._fence(out)
        elif e.what == "recover":
            self._recover_again(e, out)

    def _recover_again(self, e: events.Alarm, out: list[Command]) -> None:
        """A retry: what could not be brought online is ordered again; where nothing is here, it is
        looked for again.
        """
        self.online.again(out)
        for name in self.emptying.without_a_way():
            self.online.tell(name, e, out)
            self.emptying.restore_first(name, e, out)
        if self.emptying.later:
            out.append(SetAlarm("", "recover", e.mono_us + self.retry_us))

    # ---- what lies in the primary's share
    def _look_elsewhere(self, order: events.FailoverOrdered | None, out: list[Command]) -> None:
        """Nothing is here: a failover begins only if the primary's share holds a way back."""
        self.order = order
        self.seeking = True
        for db in self.databases.values():
            db.fetching.ask(out)

    def share_listed(self, e: events.ShareListed, out: list[Command]) -> None:
        db = self.databases.get(e.database)
        if db is None or db.promoted:
            return
        db.share_listed(e, out)
        if not self.seeking or any(one.fetching.asked for one in self.databases.values()):
            return
        self.seeking = False
        order, self.order = self.order, None
        found = any(one.fetching.busy or one.fetching.lacking() for one in self.databases.values())
        if self.state is not State.WATCHING:
            return
        if order is not None:
            if found:
                self._begin(order.planned, False, out)
            else:
                out.append(RefuseOrder(order.operator, _NONE_RESTORED))
        elif self.silence.is_long(e.mono_us):
            self._silent_for_long(found, e, out)

    def _silent_for_long(self, found: bool, e: events.Event, out: list[Command]) -> None:
        """Begin, if there is anything to be brought online; else tell, at every retry."""
        if not found:
            text = nothing_here_text()
            self.fencing.alerts.tell(
                e.mono_us, e.utc_us, _NOTHING, NOTHING_HERE, self._minutes(e), "", text, out
            )
            out.append(SetAlarm("", "silent", e.mono_us + self.retry_us))
        elif self.config.mode == "automatic":
            self._begin(False, True, out)
        else:
            self.move(State.DECIDING, out)
            self._page(e.mono_us, out)

    def restore_goes_on(self, e: events.RestoreGoesOn, out: list[Command]) -> None:
        self.hanging.goes_on(e, out)

    # ---- orders
    def ordered(self, e: events.FailoverOrdered, out: list[Command]) -> None:
        broken = [
            name
            for name, db in self.databases.items()
            if db.watch.breaks_the_chain or db.repair.policy
        ]
        if e.operator not in self.config.operators:
            out.append(RefuseOrder(e.operator, "not authorised"))
        elif self.planned and not e.planned and self.state in (State.DRAINING, State.TAIL):
            self.planned = False
            self._save(out)
            self.emptying.lose_patience(e, out)
        elif self.state not in (State.WATCHING, State.DECIDING):
            out.append(RefuseOrder(e.operator, f"a failover is {self.state.value} already"))
        elif not self._something_here():
            if e.planned or self.silence.at_us() is None:
                out.append(RefuseOrder(e.operator, _NONE_RESTORED))
            else:
                self._look_elsewhere(e, out)
        elif e.planned and broken:
            out.append(
                RefuseOrder(
                    e.operator, f"the chain of database [{broken[0]}] is broken: data would be lost"
                )
            )
        else:
            self._begin(e.planned, False, out)

    def ordered_to_point(self, e: events.FailoverOrderedToPoint, out: list[Command]) -> None:
        """Replay stops just before an instant. A copy that holds later writes already cannot go
        back.
        """
        at = e.stop_before_utc_us
        concerned = [db for name, db in self.databases.items() if e.target in ("", name)]
        past = [db.name for db in concerned if db.state.exists and _holds_later(db, at)]
        if e.operator not in self.config.operators:
            out.append(RefuseOrder(e.operator, "not authorised"))
        elif self.state not in (State.WATCHING, State.DECIDING):
            out.append(RefuseOrder(e.operator, f"a failover is {self.state.value} already"))
        elif not self._something_here():
            out.append(RefuseOrder(e.operator, "no database has been restored here yet"))
        elif past:
            why = (
                f"the copy of database [{past[0]}] holds what was written after "
                f"{utc_text(at)} already"
            )
            out.append(RefuseOrder(e.operator, why))
        else:
            for db in concerned:
                db.stop_before_utc_us = at
            self._begin(False, False, out)

    def answered(self, e: events.OperatorAnswered, out: list[Command]) -> None:
        if self.state is not State.DECIDING:
            return
        if e.operator not in self.config.operators:
            out.append(RefuseOrder(e.operator, "not authorised"))
        elif e.approve:
            self._begin(False, True, out)
            return
        self.silence.decline()
        self._abandon(out)

    def _abandon(self, out: list[Command]) -> None:
        self.move(State.ABANDONED, out)
        self.move(State.WATCHING, out)

    def _begin(self, planned: bool, by_silence: bool, out: list[Command]) -> None:
        self.fencing.alerts.clear(_NOTHING, out)
        self.planned, self.by_silence = planned, by_silence
        self.fencing.status = OPEN
        self.fencing.about_to_ask()
        self.move(State.FENCING, out)
        out.append(Fence(planned))

    # ---- fencing
    def _fence(self, out: list[Command]) -> None:
        """Ask (again); what may come of it is durable first."""
        self.fencing.about_to_ask()
        self._save(out)
        out.append(Fence(self.planned))

    def fenced(self, e: events.Fenced | events.FenceFailed, out: list[Command]) -> None:
        """Unplanned, it goes on whether or not the old primary could be reached: two may then
        accept writes, and it is told. But a primary that is heard again is not left for one that is
        not needed.
        """
        fencing = self.fencing
        if not self.on or not fencing.asked:
            return
        fencing.answered(e, out)
        needless = self._needless() and self.state in _BEFORE_RECOVERY
        if fencing.confirmed:
            if needless:
                fencing.tell_heard_again(e, self._minutes(e), True, out)
        elif fencing.status == OPEN and (
            needless or (self.planned and self.state is State.FENCING)
        ):
            self._call_off(e, out)
            return
        elif isinstance(e, events.FenceFailed):
            waits = (
                self.state is State.FENCING
                and (needless or self.planned)
                and not self.silence.is_long(e.mono_us)
            )
            # users may have no primary at all
            again_us = self.config.silent_for_us if waits or needless else self.retry_us
            fencing.tell_failed(e, self._minutes(e), again_us, self.state is State.SERVING, out)
            if waits:
                self._save(out)
                return
        if self.state is State.FENCING:
            self._drain(e, out)
        else:
            self._save(out)

    def _call_off(self, e: events.Event, out: list[Command]) -> None:
        """Nothing has been changed yet: the databases go on as those of a secondary."""
        self.fencing.tell_heard_again(e, self._minutes(e), False, out)
        self.fencing.over(out)
        out.append(CancelAlarm("", "drain"))
        self.planned = False
        for db in self.databases.values():
            db.stop_before_utc_us = 0
        self.emptying.called_off()
        self._abandon(out)
        for db in self.databases.values():
            db.stop_draining(e.mono_us, e.utc_us, out)
        self._watch_silence(e.mono_us, out)

    # ---- the way over
    def _drain(self, e: events.Event, out: list[Command]) -> None:
        self.planned = self.planned and not self.silence.is_long(e.mono_us)
        self.emptying.since = (e.mono_us, e.utc_us)
        self.move(State.DRAINING, out)
        self.emptying.start(e.mono_us, e.utc_us, self.planned, out)
        self.progress(e, out)

    def progress(self, e: events.Event, out: list[Command]) -> None:
        """After every event of a failover: is this state's work done?"""
        emptying = self.emptying
        draining = self.state in (State.DRAINING, State.TAIL)
        if (draining or emptying.later) and emptying.look_further(e, out):
            self._save(out)
        if self.state is State.DRAINING and emptying.idle():
            self.move(State.TAIL, out)
        if draining or emptying.later:
            emptying.take_tails(self.planned, out)
        if self.brings_online:
            for name in emptying.restored_by_now():
                emptying.later.discard(name)
                emptying.tell_left_of(name, e, out)
                self.online.order(name, out)
        # until the old primary has said whether it stopped
        undecided = self._needless() and not self.fencing.confirmed
        if self.state is State.TAIL and emptying.done() and not undecided:
            out.append(CancelAlarm("", "drain"))
            emptying.tell_left(e, out)
            self.move(State.RECOVERING, out)
            self._recover(out)

    def tail(self, e: events.TailTaken | events.TailFailed, out: list[Command]) -> None:
        self.emptying.tail(e, self.planned, out)

    def _recover(self, out: list[Command], again: bool = False) -> None:
        self.online.begin(self.emptying.later, again, out)
        self._recovered_all(out)

    def recovered(self, e: events.Recovered, out: list[Command]) -> None:
        self.online.recovered(e, out)
        self._recovered_all(out)

    def recover_failed(self, e: events.RecoverFailed, out: list[Command]) -> None:
        self.online.failed(e, out)
        self._recovered_all(out)

    def observed(self, e: events.Inventory, out: list[Command]) -> None:
        if self.brings_online:
            for recovered in self.online.observed(e):
                self.recovered(recovered, out)
            for name in self.online.of_nothing():
                self.online.unrecovered.discard(name)
                self.emptying.restore_first(name, e, out)

    @property
    def brings_online(self) -> bool:
        """Has the first database been ordered to be brought online here?"""
        return self.state in (
            State.RECOVERING,
            State.PROVISIONING,
            State.SERVING,
            State.REDIRECTING,
        )

    def _recovered_all(self, out: list[Command]) -> None:
        if self.state is not State.RECOVERING or self.online.unanswered:
            return
        if any(db.promoted for db in self.databases.values()):
            if self.config.directory:
                self.move(State.PROVISIONING, out)
                out.append(Provision())
                return
            self.move(State.REDIRECTING, out)
            out.append(Redirect())

    def provisioned(self, e: events.Provisioned, out: list[Command]) -> None:
        """Accounts and computers that the directory here lacked are there: users can come."""
        if self.state is State.PROVISIONING:
            self.move(State.REDIRECTING, out)
            out.append(Redirect())

    def redirected(self, e: events.Redirected, out: list[Command]) -> None:
        if self.state is State.REDIRECTING:
            self.move(State.SERVING, out)


def _holds_later(db: DatabaseReplay, at_utc_us: int) -> bool:
    """Return whether the copy holds, or is being given, what was written at that instant or
    later.
    """
    restoring = db.restoring.header if db.restoring is not None else None
    return reached_utc_us(db) > at_utc_us or (
        restoring is not None and restoring.started_utc_us > at_utc_us
    )
