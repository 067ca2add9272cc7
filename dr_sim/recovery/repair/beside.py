"""A restore beside the service: a database is restored as of just before an instant, on a server of
its own, and what was lost is copied back to the primary (W3).

Theory of operation. The service continues, and so does replay here. The server that is restored
onto is empty at first. The plan is made over the whole backups that lie here: the newest full of
before the instant, and what leads on from there. It is made again when its steps are done, when one
of them is refused, and when a file has come: the log that holds the instant may not be here yet.
The last log is restored up to the instant. Then what was lost is copied back; where the primary
cannot be reached, that is tried again at every retry.

Where the backups here have a hole, the log that is missing may be on its way for a while. After
that the restore is given up, and people are free to try another way.

The phase and the instant are durable. A restart knows nothing of what the server holds: it begins
again with an empty one, or copies back again. `Beside` writes to nothing but itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader, RestoreState, finishing_order
from dr_sim.backups.plan import Plan, plan
from dr_sim.backups.target import Target
from dr_sim.machines import (
    CancelAlarm,
    Command,
    Event,
    Phase,
    Save,
    SetAlarm,
)
from dr_sim.recovery import events
from dr_sim.recovery.alerts.alert_texts import utc_text
from dr_sim.recovery.commands import (
    CopyBack,
    GetServerBeside,
    GiveUpBeside,
    RefuseBeside,
    RestoreBeside,
)
from dr_sim.recovery.files.file import FULL, LOG
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair.beside_table import (
    BESIDE,
    BesideEvent,
    BesidePhase,
)
from dr_sim.recovery.repair.refusals import OrderRefused, WhyNoFailover
from dr_sim.recovery.replay.waiting import has_full_before
from dr_sim.recovery.saved import of_type, read
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay

_EMPTY = RestoreState(0, 0, 0, exists=False)


def _stored(text: str) -> tuple[BesidePhase, int]:
    phase, stop_utc_us = of_type(json.loads(text), list)
    return BesidePhase(phase), of_type(stop_utc_us, int)


class Beside:
    """The restore of one database beside the service.

    stop_before_utc_us: everything before that instant is wanted. state: where the database on the
    server stands. full: what it was restored from. steps: names of the backups that are restored
    next. meets: with the last of them all is there. in_hand: the backup that is being restored, ''
    if none. useless: backups that were refused. waits_since_us: since when a log is missing, -1 if
    none is.
    """

    __slots__ = (
        "_db",
        "_key",
        "_phase",
        "full",
        "in_hand",
        "meets",
        "state",
        "steps",
        "stop_before_utc_us",
        "useless",
        "waits_since_us",
    )

    def __init__(self, db: DatabaseReplay, saved: dict[str, str]) -> None:
        self._db = db
        self._key = f"beside/{db.name}"
        text = saved.get(self._key, "")
        phase, stop_utc_us = BesidePhase.NONE, 0
        if text:
            phase, stop_utc_us = read(self._key, text, _stored)
        self._phase = Phase(BESIDE, phase)
        self.stop_before_utc_us = stop_utc_us
        self._begin_empty()

    def _begin_empty(self) -> None:
        self.state = _EMPTY
        self.full = ""
        self.steps: list[str] = []
        self.in_hand = ""
        self.useless: set[str] = set()
        self.waits_since_us = -1
        self.meets = False

    @property
    def on(self) -> bool:
        return self._phase.state is not BesidePhase.NONE

    def _move(self, event: BesideEvent, out: list[Command]) -> None:
        phase = self._phase.move(event)
        value = ""
        if phase is not BesidePhase.NONE:
            value = json.dumps([phase, self.stop_before_utc_us])
        out.append(Save(self._key, value))

    # ---- the order
    def ordered(
        self,
        e: events.BesideOrdered,
        operators: tuple[str, ...],
        out: list[Command],
    ) -> None:
        """Obey an order to restore beside the service, or refuse it."""
        refused = self._refused(e, operators)
        if refused is not None:
            out.append(RefuseBeside(self._db.name, e.operator, refused))
            return
        self.stop_before_utc_us = e.stop_before_utc_us
        self._begin_empty()
        self._move(BesideEvent.ORDERED, out)
        out.append(GetServerBeside(self._db.name))

    def _refused(
        self, e: events.BesideOrdered, operators: tuple[str, ...]
    ) -> OrderRefused | None:
        if e.operator not in operators:
            return OrderRefused(WhyNoFailover.NOT_AUTHORISED)
        if self.on:
            return OrderRefused(
                WhyNoFailover.BESIDE_IS_ON, (self._db.name,)
            )
        at = e.stop_before_utc_us
        if not has_full_before(self._db, at):
            about = (self._db.name, utc_text(at))
            return OrderRefused(WhyNoFailover.NO_FULL_BEFORE, about)
        return None

    # ---- a restart
    def resume(self, out: list[Command]) -> None:
        """Continue after a restart."""
        if self._phase.state is BesidePhase.COPYING:
            out.append(CopyBack(self._db.name))
        elif self.on:
            self._begin_empty()
            self._move(BesideEvent.BEGUN_AGAIN, out)
            out.append(GetServerBeside(self._db.name))

    # ---- answers
    def server_is_there(
        self, e: events.ServerBesideIsThere, out: list[Command]
    ) -> None:
        if self._phase.state is BesidePhase.PREPARING:
            self._move(BesideEvent.SERVER_IS_THERE, out)
            self.go_on(e, out)

    def restored(
        self, e: events.RestoredBeside, out: list[Command]
    ) -> None:
        self.state = RestoreState(
            e.fork, e.redo_lsn, e.differential_base_lsn
        )
        if self._is_full(self.in_hand):
            self.full = self.in_hand
        self.in_hand = ""
        self.rot_is_known()
        self.go_on(e, out)

    def rot_is_known(self) -> None:
        """Plan again where the full on the server holds pages that have rotted."""
        if self.full in self._db.rotten:
            self.state, self.full = _EMPTY, ""
            self.steps, self.meets = [], False

    def _is_full(self, name: str) -> bool:
        file = self._db.files.get(name)
        return file is not None and file.kind is FULL

    def refused(
        self, e: events.NotRestoredBeside, out: list[Command]
    ) -> None:
        """Plan again without a backup that the server has refused."""
        self.useless.add(e.name)
        self.in_hand = ""
        self.steps, self.meets = [], False
        self.go_on(e, out)

    def copied_back(self, e: events.CopiedBack, out: list[Command]) -> None:
        if self._phase.state is BesidePhase.COPYING:
            self._move(BesideEvent.COPIED_BACK, out)

    def wrong(self, e: events.BesideIsWrong, out: list[Command]) -> None:
        """Begin again, with an empty server and another instant."""
        if self._phase.state is BesidePhase.COPYING:
            self.stop_before_utc_us = e.stop_before_utc_us
            self._begin_empty()
            self._move(BesideEvent.WRONG_INSTANT, out)
            out.append(GetServerBeside(self._db.name))

    def not_copied_back(
        self, e: events.NotCopiedBack, out: list[Command]
    ) -> None:
        """Try again later: the primary could not be reached."""
        at_us = e.mono_us + self._db.rules.retry_us
        out.append(SetAlarm(self._db.name, Timer.BESIDE, at_us))

    def called_off(
        self, e: events.BesideCalledOff, out: list[Command]
    ) -> None:
        if self.on:
            self._move(BesideEvent.CALLED_OFF, out)

    def rang(self, e: Event, out: list[Command]) -> None:
        """Handle the alarm 'beside'."""
        if self._phase.state is BesidePhase.COPYING:
            out.append(CopyBack(self._db.name))
        else:
            self.go_on(e, out)

    # ---- the way
    def go_on(self, e: Event, out: list[Command]) -> None:
        """Restore the next backup, if there is one and none is being restored."""
        if self._phase.state is not BesidePhase.RESTORING or self.in_hand:
            return
        if not self.steps:
            if self.meets:
                self._reached(out)
                return
            way = self._plan()
            self.steps, self.meets = self._names(way), way.met
            if not self.steps:
                self._no_step(way, e, out)
                return
        self.waits_since_us = -1
        self.in_hand = self.steps.pop(0)
        header = self._headers()[self.in_hand]
        stop_utc_us = 0
        if header.kind is LOG and header.started_utc_us > self._stop:
            stop_utc_us = self._stop
        out.append(RestoreBeside(self._db.name, self.in_hand, stop_utc_us))

    @property
    def _stop(self) -> int:
        return self.stop_before_utc_us

    def _headers(self) -> dict[str, BackupHeader]:
        """Return the headers of the whole backups that lie here, by name."""
        return {
            name: file.header
            for name, file in self._db.files.items()
            if file.content is Content.WHOLE
            and file.header is not None
            and name not in self.useless
        }

    def _plan(self) -> Plan:
        headers = list(self._headers().values())
        before = [h for h in headers if h.finished_utc_us <= self._stop]
        if not before:
            return Plan()
        fork = max(before, key=finishing_order).fork
        state = self.state if self.state.exists else None
        target = Target(utc_us=self._stop)
        return plan(headers, state, fork=fork, target=target)

    def _names(self, way: Plan) -> list[str]:
        """Return the names of a plan's steps. A plan that begins again leads further than the way
        so far, or is none.
        """
        reached = (self.state.fork, self.state.redo_lsn)
        if way.reaches is None or way.reaches <= reached:
            return []
        names = {h.backup_id: name for name, h in self._headers().items()}
        return [names[step.backup_id] for step in way.steps]

    def _reached(self, out: list[Command]) -> None:
        """Copy back what was lost: all before the instant is there."""
        self._move(BesideEvent.REACHED, out)
        out.append(CancelAlarm(self._db.name, Timer.BESIDE))
        out.append(CopyBack(self._db.name))

    def _no_step(self, way: Plan, e: Event, out: list[Command]) -> None:
        """Wait for a log that has yet to come, for one that is missing only for a while."""
        db = self._db
        if way.hole is None and way.reaches is not None:
            return
        if self.waits_since_us < 0:
            self.waits_since_us = e.mono_us
            until_us = e.mono_us + db.rules.age_us
            out.append(SetAlarm(db.name, Timer.BESIDE, until_us))
        elif e.mono_us - self.waits_since_us >= db.rules.age_us:
            self._move(BesideEvent.GIVEN_UP, out)
            out.append(GiveUpBeside(db.name))
