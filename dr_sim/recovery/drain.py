"""Emptying the pipe of one database in a failover: what is on its way lands, what has landed is replayed.

There is no next log and no waiting for one, and no retry of a primary that does not answer: a damaged file is copied
again only if the primary's share was reached, otherwise it is given up at once (17 minutes of outage instead of 2 is
what the ordinary retries would cost). Past a hole the best way among all landed files is taken.
A planned failover loses nothing, so its drain is patient: it asks again until the share answers, and gives up nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dr_sim.recovery import events
from dr_sim.recovery.commands import AskShare, Command, Disconnect
from dr_sim.recovery.files import BAD, CHECKING, IN_USE_ERRORS, LOG, LOST, File, kind_of

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay

NEVER_US = 1 << 62


class Drain:
    """reachable: None until the primary's share has answered, or been given up. waiting: names still to land."""

    __slots__ = ("alone", "db", "patient", "reachable", "waiting")

    def __init__(self, db: DatabaseReplay, patient: bool) -> None:
        self.db = db
        self.patient = patient
        self.reachable: bool | None = None
        self.waiting: set[str] = set()
        self.alone = False  # readers have been thrown out

    def start(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Ask what is on its way, and go on with what is here; neither delay nor retry interval holds any longer."""
        for file in self.db.files.values():
            if file.refused:
                self.refused(file, mono_us, out)
        if self.db.pending:
            self.db.look_into_unknown(out)
        out.append(AskShare(self.db.name))
        self.db.advance(mono_us, utc_us, out)

    def share_answered(self, e: events.ShareAnswered, out: list[Command]) -> None:
        db = self.db
        if self.reachable is not None and not self.patient:
            return
        if self.patient and not e.reachable:
            return  # asked again when the drain's alarm rings
        self.reachable = e.reachable
        if e.reachable:
            names: list[str] = json.loads(e.waiting)
            self.waiting.update(name for name in names if name not in db.files)
            for file in sorted((f for f in db.bad.values() if f.state == BAD), key=File.age_order):
                self.damaged(file, out)
        else:
            self.abandon_waiting()
        db.advance(e.mono_us, e.utc_us, out)

    def damaged(self, file: File, out: list[Command]) -> None:
        """One more copy, if there is anyone to send it; a backup that was cut off is no better there."""
        if self.reachable is None:
            return  # decided when the share has answered
        if self.reachable and file.outcome != "no_manifest" and file.failures <= self.db.rules.attempts:
            self.db.recopy(file.name, out)
        else:
            self.give_up(file)

    def give_up(self, file: File) -> None:
        self.db.bad.pop(file.name, None)
        self.db.recopying.discard(file.name)
        file.state = LOST

    def refused(self, file: File, mono_us: int, out: list[Command]) -> None:
        """Tried again at once while its attempts allow, and then no more. Readers go: this will be the primary."""
        if file.error_number in IN_USE_ERRORS and not self.alone:
            self.alone = True
            out.append(Disconnect(self.db.name))
            file.retry_at_mono_us = mono_us
            return
        file.retry_at_mono_us = mono_us if file.attempts <= self.db.rules.attempts else NEVER_US

    def abandon_waiting(self) -> int:
        """Wait for nothing more from the primary; how many files that leaves behind."""
        db = self.db
        left = len(self.waiting | db.recopying)
        self.reachable = False
        self.waiting.clear()
        db.recopying.clear()
        for file in [f for f in db.bad.values() if f.state == BAD]:
            self.give_up(file)
        return left

    def idle(self) -> bool:
        """Everything that can be replayed has been. Fulls and incrementals are waited for only where the chain of
        logs does not lead on."""
        db = self.db
        if self.reachable is None or db.restoring is not None:
            return False
        stuck = bool(db.pending) or not db.state.exists
        if stuck and self.patient:
            return False
        if any(stuck or kind_of(name) == LOG for name in self.waiting):
            return False
        for file in db.files.values():
            if (stuck or file.kind == LOG) and not file.done and (file.state == CHECKING or file.state == BAD):
                return False
        return True
