"""Getting past what cannot be restored (R11): by an incremental over the hole, by what lands next,
or by a new full.

Theory of operation. A repair is begun at a limit and ends when the database's position has moved
past the place. Its phases are one literal table (REPAIR): it seeks what it needs, it has asked the
primary for a backup, or that backup is coming. It is durable, so that a restart neither forgets it
nor asks for the same backup twice.

`candidate` says what to restore next, if it is there. If it is not, `bridge` and `resync` ask the
primary for it and wait for it to land and to be validated; the old copy stays until the engine has
taken the new one (`replace`). Where the policy cannot work, the repair switches to `otherwise`, and
from there to resync, which always can while the primary lives. A refusal that passes (refusals.py)
says nothing about the policy: the same backup is asked for again at every retry. One of that kind
that is being taken already, for whoever asked for it, is as good: it ends later than the place, and
is waited for before another is asked for.

Where there is no copy here, a full is looked for in this order: among the files here, on its way,
in the primary's share. Only then is a new one asked for. The newest chain in the share is fetched
(fetching.py) if it is the better first copy, or if the primary takes no full now or is silent.

A `Repair` writes to nothing but itself; what follows from it is done in repairs.py.
"""

from __future__ import annotations

import enum
import json
from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.machines import Command, Event, Phase, Save, Transitions
from dr_sim.recovery import events
from dr_sim.recovery.commands import AskShare, TakeBackup
from dr_sim.recovery.config import OnHole
from dr_sim.recovery.files.file import FULL, File, kind_of
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair.refusals import Refusal
from dr_sim.recovery.replay.limits import elapsed_us
from dr_sim.recovery.saved import object_of, read

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay

# a file may be landing while the primary's share is looked at: one answer without it proves nothing
_ABSENT_TWICE = 2


class RepairPhase(enum.StrEnum):
    OFF = "off"
    SEEKING = "seeking"  # nothing has been asked for
    ASKED = "asked"  # the primary's answer is awaited
    # the answer is awaited, and a backup of that kind was found on its way meanwhile
    ASKED_ONE_COMES = "asked, one comes"
    UNANSWERED = "unanswered"  # asked by an earlier incarnation, which took the answer with it
    COMING = "coming"  # the backup has a name: it is on its way, or here


class RepairEvent(enum.StrEnum):
    BEGUN = "begun"
    ASKED = "asked"
    TAKEN = "taken"
    REFUSED = "refused"
    FOUND = "found on its way"
    CAME = "one of that kind came"
    OVERDUE = "overdue"
    USELESS = "no copy of it is whole, or nobody has it"
    SWITCHED = "switched to another policy"
    COPY_LOST = "the copy is lost"
    ENDED = "ended"
    RESTARTED = "restarted"


_ANYWHERE = {
    RepairEvent.SWITCHED: RepairPhase.SEEKING,
    RepairEvent.COPY_LOST: RepairPhase.SEEKING,
    RepairEvent.ENDED: RepairPhase.OFF,
}

REPAIR: Transitions[RepairPhase, RepairEvent] = Transitions(
    "a repair",
    RepairPhase.OFF,
    {
        RepairPhase.OFF: {
            RepairEvent.BEGUN: RepairPhase.SEEKING,
        },
        RepairPhase.SEEKING: {
            **_ANYWHERE,
            RepairEvent.ASKED: RepairPhase.ASKED,
            RepairEvent.FOUND: RepairPhase.COMING,
        },
        RepairPhase.ASKED: {
            **_ANYWHERE,
            RepairEvent.TAKEN: RepairPhase.COMING,
            RepairEvent.REFUSED: RepairPhase.SEEKING,
            RepairEvent.FOUND: RepairPhase.ASKED_ONE_COMES,
            RepairEvent.RESTARTED: RepairPhase.UNANSWERED,
        },
        RepairPhase.ASKED_ONE_COMES: {
            **_ANYWHERE,
            RepairEvent.TAKEN: RepairPhase.COMING,
            RepairEvent.REFUSED: RepairPhase.COMING,
            RepairEvent.USELESS: RepairPhase.ASKED,
            RepairEvent.RESTARTED: RepairPhase.COMING,
        },
        RepairPhase.UNANSWERED: {
            **_ANYWHERE,
            RepairEvent.FOUND: RepairPhase.COMING,
            RepairEvent.CAME: RepairPhase.SEEKING,
            RepairEvent.OVERDUE: RepairPhase.SEEKING,
        },
        RepairPhase.COMING: {
            **_ANYWHERE,
            RepairEvent.USELESS: RepairPhase.SEEKING,
            RepairEvent.ASKED: RepairPhase.ASKED,
        },
    },
)

_ASKED = (RepairPhase.ASKED, RepairPhase.ASKED_ONE_COMES)
_NO_KIND = -1  # the text in the store for no kind

_STORED = {
    "policy": str,
    "kind": int,
    "name": str,
    "asked": bool,
    "failures": int,
    "fork": int,
    "lsn": int,
    "asked_mono_us": int,
    "asked_utc_us": int,
}


class Repair:
    """The repair of one database.

    policy: the way that is tried to get past the place. kind, name: the backup that was asked for.
    failures: how often that was refused, though none of its kind was being taken. sought_first: the
    primary's share has been asked for a first full that is on its way. sought_chain: it has been
    listed for backups to restore first. one_runs: one of that kind was being taken when it was
    asked for.
    """

    __slots__ = (
        "_absent",
        "_asked_mono_us",
        "_asked_utc_us",
        "_db",
        "_fork",
        "_lsn",
        "_phase",
        "failures",
        "kind",
        "name",
        "one_runs",
        "policy",
        "sought_chain",
        "sought_first",
    )

    def __init__(self, db: DatabaseReplay, saved: dict[str, str]) -> None:
        """saved: the whole store."""
        self._db = db
        self._phase = Phase(REPAIR)
        self.policy = OnHole.RESYNC
        self.kind: Kind | None = None
        self.name = ""
        self.failures = 0
        self.sought_first = False
        self.sought_chain = False
        self.one_runs = False
        self._absent = 0
        self._fork = 0
        self._lsn = 0
        self._asked_mono_us = 0
        self._asked_utc_us = 0
        text = saved.get(self._key, "")
        if text:
            read(self._key, text, self._go_on)

    # ---- what it is at
    @property
    def phase(self) -> RepairPhase:
        return self._phase.state

    @property
    def on(self) -> bool:
        return self._phase.state is not RepairPhase.OFF

    @property
    def asked(self) -> bool:
        """Return whether the primary's answer is awaited."""
        return self._phase.state in _ASKED

    @property
    def coming(self) -> str:
        """Return the name of the backup that is waited for; '' if none."""
        return self.name if self.on else ""

    @property
    def unanswered(self) -> bool:
        return self._phase.state is RepairPhase.UNANSWERED

    # ---- begin and end
    def begin(self, policy: OnHole, out: list[Command]) -> None:
        self._phase.move(RepairEvent.BEGUN)
        state = self._db.state
        self.policy = policy
        self._fork = state.fork
        self._lsn = state.redo_lsn if state.exists else -1
        self._forget()
        self._save(out)

    def _forget(self) -> None:
        """Forget what was asked for."""
        self.kind, self.name, self.failures = None, "", 0
        self.one_runs = self.sought_chain = False

    def moved(self, out: list[Command]) -> None:
        """Check whether the place is behind the database's new position."""
        state = self._db.state
        if not self.on or not state.exists:
            return
        if state.fork != self._fork or state.redo_lsn > self._lsn:
            self.end(out)

    def end(self, out: list[Command]) -> None:
        self._phase.move(RepairEvent.ENDED)
        self.sought_first = False
        self._save(out)

    def switch(self, out: list[Command]) -> None:
        """Take the other policy, as this one cannot work."""
        self._phase.move(RepairEvent.SWITCHED)
        other = self._db.rules.otherwise
        self.policy = other if other is not self.policy else OnHole.RESYNC
        self._forget()
        self._save(out)

    def take_what_lies_here(self, out: list[Command]) -> None:
        """Note that a plan over the files here leads past the place."""
        self.policy = OnHole.SKIP_AHEAD
        self._save(out)

    def copy_is_lost(self, out: list[Command]) -> None:
        """Note that the copy is lost: only a full helps now, so any other backup is no longer
        waited for.
        """
        if self.policy is not OnHole.RESYNC:
            self._phase.move(RepairEvent.COPY_LOST)
            self.policy = OnHole.RESYNC
            self._forget()
        self._lsn = -1
        self._save(out)

    # ---- the backup that it needs
    def seek_first(self, out: list[Command]) -> None:
        """Look for the first full, which may be on its way already."""
        self.sought_first = True
        out.append(AskShare(self._db.name))

    def seek_chain(self) -> None:
        """Note that the share has been listed for backups to restore first."""
        self.sought_chain = True

    def ask(self, kind: Kind, e: Event, out: list[Command]) -> None:
        self._phase.move(RepairEvent.ASKED)
        self.kind, self.name, self._absent = kind, "", 0
        self.one_runs = False
        self._asked_mono_us, self._asked_utc_us = e.mono_us, e.utc_us
        self._save(out)
        out.append(TakeBackup(self._db.name, kind))

    def taken(self, e: events.BackupTaken, out: list[Command]) -> bool:
        """Handle a backup that the primary has taken. Return False if it is not the one that was
        asked for here.
        """
        if not self.asked or e.kind != self.kind:
            return False
        self._phase.move(RepairEvent.TAKEN)
        self.name = e.name
        self._save(out)
        return True

    def refused(self, e: events.BackupFailed, out: list[Command]) -> bool:
        """Handle a refusal of the primary: it is asked again at the next retry. Return True if the
        refusal says that this backup cannot help.
        """
        if not self.asked or e.kind != self.kind:
            return False
        refusal = e.reason.refusal
        self._phase.move(RepairEvent.REFUSED)
        if refusal is Refusal.RUNNING:
            # it is looked for before another is asked for
            self.sought_first = False
            self.one_runs = self._db.state.exists and not self.name
        else:
            self.sought_chain = False
        self.failures += refusal not in (
            Refusal.UNREACHABLE,
            Refusal.RUNNING,
        )
        self._save(out)
        return not refusal.passes and self.policy is not OnHole.RESYNC

    def _came(self, file: File, out: list[Command]) -> None:
        """Note that a full or an incremental is here and whole."""
        if self.unanswered and file.kind is self.kind:
            self._phase.move(RepairEvent.CAME)
            self._save(out)

    def whole(self, file: File, out: list[Command]) -> None:
        """Note that a full or an incremental is here and whole: it may be the one that was being
        taken.
        """
        self._came(file, out)
        header = file.header
        if (
            self.one_runs
            and file.kind is self.kind
            and header is not None
            and header.finished_utc_us >= self._asked_utc_us
        ):
            self._found(file.name, out)

    def _found(self, name: str, out: list[Command]) -> None:
        self._phase.move(RepairEvent.FOUND)
        self.name, self.one_runs = name, False
        self._save(out)

    def comes(self, name: str, out: list[Command]) -> None:
        """Note that a full of the primary's share is being sent: no other one is asked for."""
        self.kind = FULL
        self._found(name, out)

    def useless(self, out: list[Command]) -> None:
        """Forget the named backup, if there is one: it is of no use."""
        self.sought_chain = False
        if self.name:
            self._phase.move(RepairEvent.USELESS)
            self.name = ""
            self._save(out)

    def look_for_it(self, e: Event, out: list[Command]) -> bool:
        """Check at every retry whether the backup that was asked for is still coming. Return
        whether to ask for it.
        """
        db = self._db
        file = db.files.get(self.name) if self.name else None
        if file is not None:
            if (
                file.content is Content.LOST
                or file.failures > db.rules.attempts
            ):
                # no copy of it is whole: another one is asked for
                self.useless(out)
        elif self.name or self.unanswered or self.one_runs:
            out.append(AskShare(db.name))
            if self.unanswered and self._overdue(e):
                self._phase.move(RepairEvent.OVERDUE)
                self._save(out)
        return not self.name and not self.one_runs

    def _overdue(self, e: Event) -> bool:
        """Return whether a request whose answer was lost has brought nothing for twice as long as
        the last such backup took.
        """
        known = [
            h.finished_utc_us - h.started_utc_us
            for f in self._db.files.values()
            if f.kind is self.kind and (h := f.header) is not None
        ]
        patience_us = 2 * max(known, default=0) + self._db.rules.age_us
        asked = self._asked_mono_us, self._asked_utc_us
        return elapsed_us(e.mono_us, e.utc_us, *asked) > patience_us

    def share_answered(
        self, e: events.ShareAnswered, out: list[Command]
    ) -> bool:
        """Handle the list of backups that are finished at the primary and on their way. Return
        whether to ask for the one that is needed.
        """
        if not self.on or not e.reachable:
            return False
        if self.one_runs:
            return self._look_for_running(e, out)
        if (self.sought_first or self.unanswered) and not self.name:
            sought = FULL if self.sought_first else self.kind
            found = [
                name
                for name in e.waiting
                if kind_of(name) is sought and name not in self._db.rotten
            ]
            if found:
                self.kind = sought
                self._found(found[-1], out)
                return False
            return self.sought_first and not self.asked
        if self.name and self.name not in self._db.files:
            self._absent = 0 if self.name in e.waiting else self._absent + 1
            if self._absent >= _ABSENT_TWICE:
                self.useless(out)
                return True
        return False

    def _look_for_running(
        self, e: events.ShareAnswered, out: list[Command]
    ) -> bool:
        """Look for the backup that was being taken when the primary was asked. Return whether to
        ask for another one.
        """
        on_way = [
            name
            for name, written_utc_us in e.waiting.items()
            if kind_of(name) is self.kind
            and written_utc_us >= self._asked_utc_us
            and name not in self._db.rotten
        ]
        if on_way:
            self._found(on_way[-1], out)
            return False
        self.one_runs = any(
            file.kind is self.kind and file.content is Content.CHECKING
            for file in self._db.files.values()
        )
        return not self.one_runs

    # ---- the store
    @property
    def _key(self) -> str:
        return f"repair/{self._db.name}"

    def _save(self, out: list[Command]) -> None:
        value = ""
        if self.on:
            state = {
                "policy": self.policy,
                "kind": _NO_KIND if self.kind is None else int(self.kind),
                "name": self.name,
                "asked": self.asked or self.unanswered,
                "failures": self.failures,
                "fork": self._fork,
                "lsn": self._lsn,
                "asked_mono_us": self._asked_mono_us,
                "asked_utc_us": self._asked_utc_us,
            }
            value = json.dumps(state, ensure_ascii=False)
        out.append(Save(self._key, value))

    def _go_on(self, text: str) -> None:
        """Take up what an earlier incarnation has stored."""
        stored = object_of(text, _STORED)
        self.policy = OnHole(stored["policy"])
        self.kind = (
            None if stored["kind"] == _NO_KIND else Kind(stored["kind"])
        )
        self.name = stored["name"]
        self.failures = stored["failures"]
        self._fork = stored["fork"]
        self._lsn = stored["lsn"]
        self._asked_mono_us = stored["asked_mono_us"]
        self._asked_utc_us = stored["asked_utc_us"]
        phase = RepairPhase.COMING if self.name else RepairPhase.SEEKING
        if stored["asked"]:
            phase = (
                RepairPhase.ASKED_ONE_COMES
                if self.name
                else RepairPhase.ASKED
            )
        self._phase = Phase(REPAIR, phase)
        if stored["asked"]:
            self._phase.move(RepairEvent.RESTARTED)
