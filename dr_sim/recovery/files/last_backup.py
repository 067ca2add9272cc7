"""The last backup of a database without logs, which a planned failover takes.

Theory of operation. A planned failover loses nothing. For a database without logs it takes one last
incremental, or a full if an incremental does not fit. For a database with logs it does the same if
a log is missing that nobody has. If the backup cannot begin because another one is running, it is
requested again when that one lands. If it is damaged at the primary, or the engine refuses it, it
is taken again: at once within the attempts limit, and then at each alarm of the drain. A literal
table (LAST) says which event moves it. It changes only itself.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit
from dr_sim.backups.model import Kind
from dr_sim.machines import Command, Phase, SetAlarm, Transitions
from dr_sim.recovery import events
from dr_sim.recovery.commands import TakeBackup
from dr_sim.recovery.files.file import FULL, INCREMENTAL, File
from dr_sim.recovery.replay.waiting import behind
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay


class Last(enum.StrEnum):
    """The last backup of a database without logs."""

    NOT_WANTED = "not wanted"
    ASKED = "asked"
    TAKEN = "taken"
    TO_BE_ASKED = "to be asked"  # it was refused, or is of no use: asked for again later


class LastEvent(enum.StrEnum):
    ASKED = "asked"
    TAKEN = "taken"
    REFUSED = "refused"
    USELESS = "useless"
    GIVEN_UP = "given up"


LAST: Transitions[Last, LastEvent] = Transitions(
    "the last backup of a drain",
    Last.NOT_WANTED,
    {
        Last.NOT_WANTED: {
            LastEvent.ASKED: Last.ASKED,
            LastEvent.GIVEN_UP: Last.NOT_WANTED,
        },
        Last.ASKED: {
            LastEvent.TAKEN: Last.TAKEN,
            LastEvent.REFUSED: Last.TO_BE_ASKED,
            LastEvent.GIVEN_UP: Last.NOT_WANTED,
        },
        Last.TAKEN: {
            LastEvent.ASKED: Last.ASKED,  # an incremental that does not fit: a full
            LastEvent.USELESS: Last.TO_BE_ASKED,
            LastEvent.GIVEN_UP: Last.NOT_WANTED,
        },
        Last.TO_BE_ASKED: {
            LastEvent.ASKED: Last.ASKED,
            LastEvent.GIVEN_UP: Last.NOT_WANTED,
        },
    },
)


class LastBackup:
    """The last backup of one database. name: '' until it is finished."""

    __slots__ = ("_db", "_kind", "_phase", "_taken_anew", "name")

    def __init__(self, db: DatabaseReplay) -> None:
        self._db = db
        self._phase = Phase(LAST)
        self._kind = INCREMENTAL
        self.name = ""
        self._taken_anew = 0

    @property
    def wanted(self) -> bool:
        """Tell whether one has been asked for."""
        return self._phase.state is not Last.NOT_WANTED

    def ask(self, kind: Kind, out: list[Command]) -> None:
        """Ask the primary for a backup of that kind."""
        self._phase.move(LastEvent.ASKED)
        self.name = ""
        out.append(TakeBackup(self._db.name, kind))

    def ask_past_hole(self, out: list[Command]) -> None:
        """Take a backup that leads past a log which nobody has: an incremental, or a full where
        that was of no use.
        """
        if self._phase.state is Last.NOT_WANTED:
            self.ask(INCREMENTAL, out)
        else:
            self.ask_anew(FULL, out)

    def ask_anew(self, kind: Kind, out: list[Command]) -> None:
        """Ask for another last backup instead of one that is of no use: at once while its attempts
        allow, then whenever the drain's alarm goes off.
        """
        self._phase.move(LastEvent.USELESS)
        self.name = ""
        self._kind = kind
        self._taken_anew += 1
        if self._taken_anew <= self._db.rules.attempts:
            self.ask(kind, out)

    def ask_again(self, out: list[Command]) -> bool:
        """Retry, since whatever was in the way of the last backup may be over by now. Return
        whether the last backup was waiting to be asked for again.
        """
        if self._phase.state is not Last.TO_BE_ASKED:
            return False
        self.ask(self._kind, out)
        return True

    def landed(self, file: File, out: list[Command]) -> None:
        """Note that a backup has landed: one of that kind that was running when the last backup was
        asked for has ended.
        """
        if (
            self._phase.state is Last.TO_BE_ASKED
            and file.kind is self._kind
        ):
            self.ask(file.kind, out)

    def give_up(self) -> None:
        """Want it no longer."""
        self._phase.move(LastEvent.GIVEN_UP)
        self.name = ""

    def taken(self, e: events.BackupTaken) -> bool:
        """Return whether that backup is the last one."""
        if self._phase.state is not Last.ASKED:
            return False
        self._phase.move(LastEvent.TAKEN)
        self.name = e.name
        return True

    def failed(self, e: events.BackupFailed, out: list[Command]) -> None:
        """Note that the last backup failed. It is asked for again when one of its kind lands, and
        at every retry. Where an incremental cannot help, a full is asked for.
        """
        if self._phase.state is not Last.ASKED:
            return
        self._phase.move(LastEvent.REFUSED)
        if e.kind == INCREMENTAL and not e.reason.refusal.passes:
            self.ask(FULL, out)
            return
        self._kind = Kind(e.kind)
        at = e.mono_us + self._db.rules.retry_us
        out.append(SetAlarm(self._db.name, Timer.LAST, at))

    def validated(self, file: File, out: list[Command]) -> None:
        """Note that a backup is whole. An incremental that is based on another full than the one
        here does not help.
        """
        header = file.header
        if (
            file.name != self.name
            or file.kind is not INCREMENTAL
            or header is None
        ):
            return
        if self._db.ways.fit(header) not in (Fit.APPLIES, Fit.STALE):
            self.ask(FULL, out)

    @property
    def is_lacking(self) -> bool:
        """Tell whether the last backup has yet to be taken, or is here and not restored. (While on
        its way the drain awaits it.)
        """
        if self._phase.state in (Last.ASKED, Last.TO_BE_ASKED):
            return True
        file = self._db.files.get(self.name)
        if (
            file is None
            or file.done
            or file.name in self._db.files.recopying
        ):
            return False
        return file.header is None or not behind(self._db, file.header)
