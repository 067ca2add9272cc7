"""Failover: when, by whose word, and in which order (R14, R15).

Theory of operation. One state and a literal table of the moves there are; any other move raises and leaves the state
as it was. Silence of the machines is one alarm at the instant at which the last one needed will have been silent long
enough. The point of no return is a fence that is confirmed, or else the first order to bring a database online here:
before it a failover that silence began is called off when the machines are heard again, and a planned one when nothing
can be fenced. Where the fence may have been obeyed (fencing.py) it is asked for again, and the answer decides: a
primary that has been stopped must not be left without a successor. State is durable before anything is done in it, so a
restart goes on in the same state from what the inventory shows; it announces its phase again, which changes nothing:
the first announcement counts.
"""

from __future__ import annotations

import enum
import json

from dr_sim.recovery import events
from dr_sim.recovery.alerts import (
    NOT_RECOVERED,
    WAITS,
    AlertBook,
    not_recovered_text,
    waits_text,
)
from dr_sim.recovery.commands import (
    AskShare,
    CancelAlarm,
    Command,
    EnterPhase,
    Fence,
    PageOperator,
    Provision,
    Recover,
    Redirect,
    RefuseOrder,
    Save,
    SetAlarm,
    TakeInventory,
    TakeTail,
)  # fmt: skip
from dr_sim.recovery.config import FailoverConfig
from dr_sim.recovery.drain import Drain
from dr_sim.recovery.fencing import OPEN, Fencing
from dr_sim.recovery.files import INCREMENTAL
from dr_sim.recovery.limits import elapsed_us
from dr_sim.recovery.replay import DatabaseReplay


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
_BEFORE_RECOVERY = (State.FENCING, State.DRAINING, State.TAIL)


class IllegalMoveError(Exception):
    """A move that is not in the table: a bug in the recovery logic."""


class Failover:
    __slots__ = (
        "by_silence", "config", "databases", "declined", "drain_since", "emptied", "fencing", "planned", "retry_us",
        "silent", "state", "tail_tries", "tails", "unanswered", "unrecovered",
    )  # fmt: skip

    def __init__(
        self, config: FailoverConfig, databases: dict[str, DatabaseReplay], retry_us: int, saved: str, alerts: AlertBook
    ) -> None:  # fmt: skip
        """saved: the state as stored, '' if there is none; alerts: those of the service as a whole."""
        self.config = config
        self.databases = databases
        self.retry_us = retry_us
        self.state = State.WATCHING
        self.planned = False
        self.by_silence = False  # begun because machines were silent, not because someone ordered it
        self.fencing = Fencing(alerts, retry_us)
        self.drain_since = (0, 0)  # when draining began, on both clocks: its limit counts from there
        self.emptied: set[str] = set()  # databases whose drain is done: their tails have been asked for
        self.declined: set[str] = set()  # silent machines for which the operator has said no
        self.silent: dict[str, int] = {}
        self.tails: set[str] = set()  # databases whose tail is still awaited
        self.tail_tries: dict[str, int] = {}  # how often a database's tail was cut off
        self.unanswered: set[str] = set()  # databases that have yet to be recovered
        self.unrecovered: set[str] = set()  # those that could not be
        if saved:
            values = json.loads(saved)
            self.state = State(values["state"])
            self.planned = values["planned"]
            self.by_silence = values["by_silence"]
            self.fencing.status = values["fence"]
            self.drain_since = (values["drain_since"][0], values["drain_since"][1])
            self.declined = set(values["declined"])

    # ---- states -----------------------------------------------------------------------------------------------------
    def move(self, state: State, out: list[Command]) -> None:
        if state not in MOVES[self.state]:
            raise IllegalMoveError(f"no move from {self.state.value} to {state.value}")
        self.state = state
        self._save(out)
        out.append(EnterPhase(state.value))

    def _save(self, out: list[Command]) -> None:
        values = {
            "state": self.state.value, "planned": self.planned, "by_silence": self.by_silence,
            "fence": self.fencing.status, "drain_since": self.drain_since, "declined": sorted(self.declined),
        }  # fmt: skip
        out.append(Save("failover", json.dumps(values, ensure_ascii=False)))

    @property
    def on(self) -> bool:
        return self.state not in _OFF

    def resume(self, mono_us: int, utc_us: int, silent: dict[str, int], out: list[Command]) -> None:
        """Go on in the state that was saved; what the engines show to be recovered is not recovered again."""
        for machine in self.config.machines:
            if machine in silent:
                self.silent[machine] = silent[machine]
        self.declined &= set(self.silent)
        state = self.state
        if state is not State.WATCHING:
            out.append(EnterPhase(state.value))
        if state is State.ABANDONED:
            self.move(State.WATCHING, out)
        if state is State.DECIDING:
            if self._silent_at() is None:
                self._abandon(out)
            else:
                self._page(mono_us, out)
        elif state in (State.DRAINING, State.TAIL):
            self._start_draining(mono_us, utc_us, out)
        elif state is State.RECOVERING:
            self._recover(mono_us, out)
        elif state is State.PROVISIONING:
            out.append(Provision())
        elif state is State.REDIRECTING:
            out.append(Redirect())
        elif state is State.SERVING:
            self._recover(mono_us, out)
        if state in _BEFORE_RECOVERY and self.fencing.status == OPEN and self._needless():
            self._call_off(events.Event(mono_us, utc_us, 0), out)
        elif state is State.FENCING or (self.on and not self.fencing.confirmed):
            self._fence(out)  # an answer to the incarnation before is lost
        self._watch_silence(mono_us, out)

    # ---- detection ----------------------------------------------------------------------------------------------------
    def lost(self, e: events.HeartbeatLost, out: list[Command]) -> None:
        if e.machine in self.config.machines:
            self.silent[e.machine] = e.last_seen_mono_us
            self._watch_silence(e.mono_us, out)

    def back(self, e: events.HeartbeatBack, out: list[Command]) -> None:
        if self.silent.pop(e.machine, None) is None:
            return
        self.declined.discard(e.machine)
        if self.state is State.DECIDING and self._silent_at() is None:
            self._abandon(out)
        if self.state is State.WATCHING and self._silent_at() is None:
            out.append(CancelAlarm("", "silent"))
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
        return self.by_silence and self._silent_at() is None

    def _minutes(self, e: events.Event) -> int:
        """Whole minutes since the last successful restore of the database that waits longest."""
        return max((db.minutes(e.mono_us, e.utc_us) for db in self.databases.values()), default=0)

    def _silent_at(self) -> int | None:
        """The instant from which enough machines have been silent for long enough; None if too few are silent."""
        needed = self.config.machines_silent or len(self.config.machines)
        seen = sorted(self.silent.values())
        return seen[needed - 1] + self.config.silent_for_us if len(seen) >= needed else None

    def _watch_silence(self, mono_us: int, out: list[Command]) -> None:
        at = self._silent_at()
        if self.state is State.WATCHING and at is not None and self.declined != set(self.silent):
            out.append(SetAlarm("", "silent", max(at, mono_us)))

    def _reason(self) -> str:
        return f"no heartbeat of {', '.join(sorted(self.silent))}"

    def _page(self, mono_us: int, out: list[Command]) -> None:
        """Again at every retry until there is an answer: a page may reach nobody."""
        out.append(PageOperator(self._reason()))
        out.append(SetAlarm("", "page", mono_us + self.retry_us))

    def alarm(self, e: events.Alarm, out: list[Command]) -> None:
        if e.what == "silent" and self.state is State.WATCHING:
            at = self._silent_at()
            if at is None or at > e.mono_us:
                self._watch_silence(e.mono_us, out)
            elif self.config.mode == "automatic":
                self._begin(False, True, out)
            else:
                self.move(State.DECIDING, out)
                self._page(e.mono_us, out)
        elif e.what == "page" and self.state is State.DECIDING:
            self._page(e.mono_us, out)
        elif e.what == "drain" and self.state in (State.DRAINING, State.TAIL):
            if self.planned and not self._primary_is_silent(e.mono_us):
                self._be_patient(e, out)
                return
            self.planned = False  # if it was, the primary died in the middle of it
            for name, db in self.databases.items():
                if db.drain is not None:
                    db.drain.abandon_waiting(name in self.tails)
                db.advance(e.mono_us, e.utc_us, out)
            self.tails.clear()
            self.emptied.update(self.databases)  # no time is left for the tails of the others
            self.progress(e, out)
        elif e.what == "fence" and self.on and not self.fencing.confirmed and not self.fencing.asked:
            self._fence(out)
        elif e.what == "recover":
            out.extend(Recover(name) for name in self.databases if name in self.unrecovered)

    # ---- orders -------------------------------------------------------------------------------------------------------
    def ordered(self, e: events.FailoverOrdered, out: list[Command]) -> None:
        broken = [name for name, db in self.databases.items() if db.watch.stuck is not None or db.repair.policy]
        if e.operator not in self.config.operators:
            out.append(RefuseOrder(e.operator, "not authorised"))
        elif self.planned and not e.planned and self.state in (State.DRAINING, State.TAIL):
            self._lose_patience(e, out)
        elif self.state not in (State.WATCHING, State.DECIDING):
            out.append(RefuseOrder(e.operator, f"a failover is {self.state.value} already"))
        elif e.planned and broken:
            out.append(RefuseOrder(e.operator, f"the chain of database [{broken[0]}] is broken: data would be lost"))
        else:
            self._begin(e.planned, False, out)

    def answered(self, e: events.OperatorAnswered, out: list[Command]) -> None:
        if self.state is not State.DECIDING:
            return
        if e.operator not in self.config.operators:
            out.append(RefuseOrder(e.operator, "not authorised"))
        elif e.approve:
            self._begin(False, True, out)
            return
        self.declined = set(self.silent)
        self._abandon(out)

    def _abandon(self, out: list[Command]) -> None:
        self.move(State.ABANDONED, out)
        self.move(State.WATCHING, out)

    def _begin(self, planned: bool, by_silence: bool, out: list[Command]) -> None:
        self.planned, self.by_silence = planned, by_silence
        self.fencing.status = OPEN
        self.fencing.about_to_ask()
        self.move(State.FENCING, out)
        out.append(Fence(planned))

    # ---- fencing ----------------------------------------------------------------------------------------------------
    def _fence(self, out: list[Command]) -> None:
        """Ask (again); what may come of it is durable first."""
        self.fencing.about_to_ask()
        self._save(out)
        out.append(Fence(self.planned))

    def fenced(self, e: events.Fenced | events.FenceFailed, out: list[Command]) -> None:
        """Unplanned, it goes on whether or not the old primary could be reached: two may then accept writes, and it is
        told. But a primary that is heard again is not left for one that is not needed."""
        fencing = self.fencing
        if not self.on or not fencing.asked:
            return
        fencing.answered(e, out)
        needless = self._needless() and self.state in _BEFORE_RECOVERY
        if fencing.confirmed:
            if needless:
                fencing.tell_heard_again(e, self._minutes(e), True, out)
        elif fencing.status == OPEN and (needless or (self.planned and self.state is State.FENCING)):
            self._call_off(e, out)
            return
        elif isinstance(e, events.FenceFailed):
            waits = self.state is State.FENCING and (needless or self.planned) and not self._primary_is_silent(e.mono_us)
            again_us = self.config.silent_for_us if waits or needless else self.retry_us  # users may have no primary at all
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
        self.tails.clear()
        self.emptied.clear()
        self._abandon(out)
        for db in self.databases.values():
            db.stop_draining(e.mono_us, e.utc_us, out)
        self._watch_silence(e.mono_us, out)

    # ---- the way over -----------------------------------------------------------------------------------------------
    def _drain(self, e: events.Event, out: list[Command]) -> None:
        self.planned = self.planned and not self._primary_is_silent(e.mono_us)
        self.drain_since = (e.mono_us, e.utc_us)
        self.move(State.DRAINING, out)
        self._start_draining(e.mono_us, e.utc_us, out)
        self.progress(e, out)

    def _start_draining(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """One limit for draining and the tails, and no other for a restart in the middle of them."""
        left_us = max(0, self.config.drain_limit_us - elapsed_us(mono_us, utc_us, *self.drain_since))
        out.append(SetAlarm("", "drain", mono_us + left_us))
        for db in self.databases.values():
            if not db.promoted:
                db.drain = Drain(db, self.planned)
                db.drain.start(mono_us, utc_us, out)

    def _take_tails(self, out: list[Command]) -> None:
        """Of each database that has been emptied. Always tried: whether the log can still be read is known only by
        trying. A planned failover takes a last incremental of one without logs, so that it loses nothing either."""
        for name, db in self.databases.items():
            if name in self.emptied or not (db.drain is None or db.promoted or db.drain.idle()):
                continue
            self.emptied.add(name)
            if db.drain is None or db.promoted:
                continue
            if db.config.log_interval_us:
                self.tails.add(name)
                out.append(TakeTail(name))
            elif self.planned:
                db.drain.take_last(INCREMENTAL, out)

    def tail(self, e: events.TailTaken | events.TailFailed, out: list[Command]) -> None:
        """Its file is waited for like any other on its way. One that was cut off truncated nothing: it is taken again at
        once. A planned failover does not go on without it."""
        db = self.databases.get(e.database)
        if isinstance(e, events.TailFailed) and e.reason == "cut off" and e.database in self.tails and db is not None:
            tries = self.tail_tries[e.database] = self.tail_tries.get(e.database, 0) + 1
            if tries <= db.rules.attempts:
                out.append(TakeTail(e.database))
                return
        if self.planned and isinstance(e, events.TailFailed):
            return  # taken again when the drain's alarm rings
        self.tails.discard(e.database)
        if db is None or db.drain is None or not isinstance(e, events.TailTaken):
            return
        if e.name and e.name not in db.files:
            db.drain.waiting.add(e.name)

    def progress(self, e: events.Event, out: list[Command]) -> None:
        """After every event of a failover: is this state's work done?"""
        if self.state is State.DRAINING and self._idle():
            self.move(State.TAIL, out)
        if self.state in (State.DRAINING, State.TAIL):
            self._take_tails(out)
        undecided = self._needless() and not self.fencing.confirmed  # until the old primary has said whether it stopped
        if self.state is State.TAIL and not self.tails and self._idle() and not undecided:
            out.append(CancelAlarm("", "drain"))
            for db in self.databases.values():
                if db.drain is not None and not db.promoted:
                    db.drain.tell_left(e, out)
            self.move(State.RECOVERING, out)
            self._recover(e.mono_us, out)

    def _primary_is_silent(self, mono_us: int) -> bool:
        at = self._silent_at()
        return at is not None and at <= mono_us

    def _be_patient(self, e: events.Alarm, out: list[Command]) -> None:
        """A planned failover waits for what it would lose, asks again, and tells that it waits."""
        out.append(SetAlarm("", "drain", e.mono_us + self.config.drain_limit_us))
        for name, db in self.databases.items():
            if db.drain is None or db.promoted:
                continue
            waits = len(db.drain.waiting | db.recopying) + (name in self.tails or db.drain.lacks_last)
            if waits or db.drain.reachable is None:
                text = waits_text(name, waits)
                minutes = db.minutes(e.mono_us, e.utc_us)
                db.alerts.tell(e.mono_us, e.utc_us, "left behind", WAITS, minutes, "", text, out)
            out.append(AskShare(name))
            if name in self.tails:
                out.append(TakeTail(name))
            else:
                db.drain.again(e.mono_us, e.utc_us, out)

    def _lose_patience(self, e: events.FailoverOrdered, out: list[Command]) -> None:
        """Someone who may says that it is to go on, whatever is lost: within the drain's limit it does."""
        self.planned = False
        self._save(out)
        for name, db in self.databases.items():
            if db.drain is not None:
                db.drain.patient = False
                if db.drain.reachable is None:
                    out.append(AskShare(name))
        out.append(SetAlarm("", "drain", e.mono_us + self.config.drain_limit_us))

    def _idle(self) -> bool:
        return all(db.drain is None or db.promoted or db.drain.idle() for db in self.databases.values())

    def _recover(self, mono_us: int, out: list[Command]) -> None:
        self.unanswered = {name for name, db in self.databases.items() if not db.promoted}
        for name in self.unanswered:
            self.databases[name].recovering = True
        out.extend(Recover(name) for name in self.databases if name in self.unanswered)
        self._recovered_all(mono_us, out)

    def recovered(self, e: events.Recovered, out: list[Command]) -> None:
        db = self.databases.get(e.database)
        if db is None:
            return
        db.promoted = True
        db.state.restoring = False
        db.state.fork, db.state.redo_lsn = e.fork, e.fork_point_lsn
        for danger in ("recover", "chain", "silence", "left behind"):
            db.alerts.clear(danger, out)
        self.unanswered.discard(e.database)
        self.unrecovered.discard(e.database)
        self._recovered_all(e.mono_us, out)

    def recover_failed(self, e: events.RecoverFailed, out: list[Command]) -> None:
        """Told, and tried again at every retry; the other databases do not wait for it. It may have been recovered by
        an order from before a restart, whose answer was lost: so it is looked at."""
        db = self.databases.get(e.database)
        if db is None:
            return
        text = not_recovered_text(e.database, e.error_number, e.error_text)
        minutes = db.minutes(e.mono_us, e.utc_us)
        db.alerts.tell(e.mono_us, e.utc_us, "recover", NOT_RECOVERED, minutes, "", text, out)
        self.unanswered.discard(e.database)
        self.unrecovered.add(e.database)
        out.append(SetAlarm("", "recover", e.mono_us + self.retry_us))
        out.append(TakeInventory())
        self._recovered_all(e.mono_us, out)

    def observed(self, e: events.Inventory, out: list[Command]) -> None:
        """A later look at what is there: a database that is online here has been recovered, whoever was told."""
        if self.state not in (State.RECOVERING, State.PROVISIONING, State.SERVING, State.REDIRECTING):
            return
        for name, seen in json.loads(e.databases).items():
            db = self.databases.get(name)
            if db is not None and not db.promoted and seen["exists"] and not seen["restoring"]:
                lsn = seen["redo_lsn"]
                self.recovered(events.Recovered(e.mono_us, e.utc_us, e.incarnation, name, seen["fork"], lsn), out)

    def _recovered_all(self, mono_us: int, out: list[Command]) -> None:
        if self.state is not State.RECOVERING or self.unanswered:
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
