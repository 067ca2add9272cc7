"""The drain of one database in a failover: files in transfer land, and landed files are replayed.

Theory of operation. There is no next log to wait for, and a primary that does not answer is not
asked again. A damaged file is copied again only if the primary's share was reached; otherwise it is
given up at once (the ordinary retries would cost 17 minutes of outage instead of 2). How often it
was damaged before does not count: there is no full or incremental to ask for instead. Behind a
hole, the best way among all landed files is taken. Files that are left behind are reported before
the database is recovered. A planned failover loses nothing, so its drain is patient: it asks again
until the share answers, and gives up nothing. A refusal that passes (refusals.py) does not lead to
another remedy: the same remedy is tried again at every retry, until the drain's limit ends the
wait.

A literal table (PIPE) says what is known of the primary's share. The last backup of a database
without logs has its own module (last_backup.py). A `Drain` changes only itself. It returns a
`Remedy` for a file, which draining.py applies.
"""

from __future__ import annotations

import enum
from collections import Counter
from typing import TYPE_CHECKING

from dr_sim.machines import Command, Phase, SetAlarm, Transitions
from dr_sim.recovery import events
from dr_sim.recovery.commands import Disconnect
from dr_sim.recovery.events import NotSent
from dr_sim.recovery.files.file import FULL, LOG, File, kind_of
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.files.last_backup import LastBackup
from dr_sim.recovery.repair.refusals import (
    ENDED_ERRORS,
    IN_USE_ERRORS,
    needs_somebody,
    passes_here,
)
from dr_sim.recovery.replay.waiting import behind, reached_utc_us, stopped
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay

NEVER_US = 1 << 62


class Pipe(enum.StrEnum):
    """The drain's knowledge of the primary's share."""

    ASKING = "asking"
    OPEN = "open"  # it has answered: what is on its way is waited for
    SHUT = "shut"  # nothing more is waited for


class PipeEvent(enum.StrEnum):
    ANSWERED = "answered"
    GIVEN_UP = "given up"  # it does not answer, or the limit is over


PIPE: Transitions[Pipe, PipeEvent] = Transitions(
    "the pipe of a drain",
    Pipe.ASKING,
    {
        Pipe.ASKING: {
            PipeEvent.ANSWERED: Pipe.OPEN,
            PipeEvent.GIVEN_UP: Pipe.SHUT,
        },
        Pipe.OPEN: {
            PipeEvent.ANSWERED: Pipe.OPEN,  # a patient drain asks again
            PipeEvent.GIVEN_UP: Pipe.SHUT,
        },
        Pipe.SHUT: {
            PipeEvent.GIVEN_UP: Pipe.SHUT,
        },
    },
)


class Remedy(enum.Enum):
    """The decision about a file that is damaged, refused or not sent."""

    NONE = enum.auto()  # decided later
    COPY_AGAIN = enum.auto()
    TAKE_ANEW = enum.auto()  # it is the last backup: another in its place
    GIVE_UP = enum.auto()


class Drain:
    """The drain of one database.

    waiting: names still to land, and when each was finished, by the primary's clock. given_up:
    damaged files that nobody sends again. held: files whose refusal passes, by name; they are tried
    again at the next retry. last: the last backup of a database without logs. ended: names of files
    whose restore hung and was ended; each is tried again once. patient: the failover is planned.
    """

    __slots__ = (
        "_db",
        "_late",
        "_left",
        "_pipe",
        "_rebuilds",
        "_refused_by_setup",
        "_sent",
        "_shut_us",
        "_sought",
        "_unnamed_left",
        "_without_tail",
        "ended",
        "given_up",
        "held",
        "last",
        "patient",
        "waiting",
    )

    def __init__(self, db: DatabaseReplay, patient: bool) -> None:
        self._db = db
        self.patient = patient
        self._pipe = Phase(PIPE)
        self.waiting: dict[str, int] = {}
        # names of damaged files: how often each was asked for again in this drain
        self._sent: Counter[str] = Counter()
        # files that are awaited beyond the limit
        self._late: set[str] = set()
        self._without_tail = False
        # names of files that were refused in this drain until somebody acts: it does not wait for
        # them, as even with the right bytes they would be refused
        self._refused_by_setup: set[str] = set()
        self._shut_us = -1  # when readers were last disconnected
        # names of what was on its way when it was given up; backups that had yet to be taken then
        self._left: set[str] = set()
        self._unnamed_left = 0
        self.given_up: list[File] = []
        self.held: dict[str, File] = {}
        self._rebuilds = False  # there was no copy here
        self._sought = False  # what the share has more has been asked for
        self.ended: set[str] = set()
        self.last = LastBackup(db)

    # ---- what is known
    @property
    def pipe(self) -> Pipe:
        return self._pipe.state

    @property
    def undecided(self) -> bool:
        """Tell whether the share has neither answered nor been given up."""
        return self._pipe.state is Pipe.ASKING

    @property
    def has_disconnected(self) -> bool:
        """Tell whether readers have been disconnected."""
        return self._shut_us >= 0

    # ---- what comes from the primary
    def share_answered(self, e: events.ShareAnswered) -> bool:
        """Return whether the answer is news: a patient drain asks again when its alarm rings."""
        if self.patient:
            if not e.reachable:
                return False
        elif self._pipe.state is not Pipe.ASKING:
            return False
        if e.reachable:
            self._pipe.move(PipeEvent.ANSWERED)
            here = self._db.files
            self.waiting.update(
                (name, at)
                for name, at in e.waiting.items()
                if name not in here
            )
        return True

    def await_file(self, name: str, finished_utc_us: int) -> None:
        """Note that a file is on its way."""
        self.waiting[name] = finished_utc_us
        if self._pipe.state is Pipe.SHUT:
            self._late.add(name)

    def await_fetched(self, finished_utc_us: dict[str, int]) -> None:
        """Note that files of the primary's share were asked for; when each was finished."""
        self._sought = True
        self.waiting.update(finished_utc_us)

    def await_no_longer(self, name: str) -> None:
        """Note that the file has landed, or is not sent."""
        self.waiting.pop(name, None)

    def lacks_tail(self) -> None:
        """Note that the log after the last backup cannot be had."""
        self._without_tail = True

    def lose_patience(self) -> None:
        self.patient = False

    def shut(self, tail: bool) -> None:
        """Wait for nothing more from the primary: a backup that is here and still being checked may
        lead further than the logs. tail: the tail was still awaited too.
        """
        self._without_tail = True
        self._left |= self.waiting.keys() | self._db.files.recopying
        self._unnamed_left += tail or self.last.is_lacking
        self._pipe.move(PipeEvent.GIVEN_UP)
        self.last.give_up()
        self.patient = False
        self.waiting.clear()
        self._late.clear()

    def tail_has_come(self, name: str) -> None:
        """Note that the tail was taken after it had been given up; '': there was nothing to take.
        It is restored if it lands while something else is being restored.
        """
        if self._unnamed_left:
            self._unnamed_left -= 1
            if name:
                self._left.add(name)

    def drop_held(self) -> list[File]:
        """Return the files that were held: what is refused still stays behind."""
        held = list(self.held.values())
        self.held.clear()
        return held

    # ---- what is to become of a file
    def damaged(self, file: File) -> Remedy:
        """Decide about a damaged file: ask for one more copy, if there is anyone to send it. A
        backup that was cut off is no better there.
        """
        name = file.name
        if self._pipe.state is Pipe.ASKING:
            return Remedy.NONE  # decided when the share has answered
        sends = self._pipe.state is Pipe.OPEN or name in self._late
        if (
            sends
            and not file.cut_off
            and self._sent[name] < self._db.rules.attempts
        ):
            self._sent[name] += 1
            return Remedy.COPY_AGAIN
        if self._is_last(file):
            return Remedy.TAKE_ANEW
        hopeless = file.cut_off or not self.patient
        return Remedy.GIVE_UP if hopeless else Remedy.NONE

    def damaged_before(self, file: File) -> Remedy:
        """Decide about a file that was damaged before the share answered."""
        return (
            Remedy.COPY_AGAIN
            if self.patient and not file.cut_off
            else self.damaged(file)
        )

    def not_sent(self, file: File, reason: NotSent) -> Remedy:
        """Decide about a file that could not be copied again."""
        missing = reason == NotSent.MISSING
        if missing and self._is_last(file):
            return Remedy.TAKE_ANEW
        return (
            Remedy.GIVE_UP if not self.patient or missing else Remedy.NONE
        )

    def refused_before(
        self, file: File, mono_us: int, out: list[Command]
    ) -> tuple[int, Remedy]:
        """Do the same for a file that was refused before the drain began: readers who were in the
        way of several files are disconnected once, and all these files are tried again.
        """
        in_use = file.failure.error_number in IN_USE_ERRORS
        if in_use and mono_us == self._shut_us:
            return mono_us, Remedy.NONE
        return self.refused(file, mono_us, out)

    def refused(
        self, file: File, mono_us: int, out: list[Command]
    ) -> tuple[int, Remedy]:
        """Return when the file is tried again, and the remedy. It is tried at once while its
        attempts allow, and then no more; at every retry if the refusal passes, or if somebody may
        act while the drain waits for something else. Readers are disconnected whenever they are in
        the way: this copy is about to be promoted, and nothing is wrong with the file.
        """
        db, number = self._db, file.failure.error_number
        if number in IN_USE_ERRORS and mono_us > self._shut_us:
            self._shut_us = mono_us
            out.append(Disconnect(db.name))
            return mono_us, Remedy.NONE
        if passes_here(number):
            self.hold(file)
            return self._at_next_retry(mono_us, out), Remedy.NONE
        hopeless = file.hopeless(db.rules.attempts)
        if needs_somebody(number) and (hopeless or not self.patient):
            self._refused_by_setup.add(file.name)
            if not self.patient:
                return self._at_next_retry(mono_us, out), Remedy.NONE
        if number in ENDED_ERRORS:
            hopeless = file.name in self.ended
            self.ended.add(file.name)
        if not hopeless:
            return mono_us, Remedy.NONE
        return NEVER_US, Remedy.TAKE_ANEW if self._is_last(
            file
        ) else Remedy.NONE

    def _at_next_retry(self, mono_us: int, out: list[Command]) -> int:
        """Set the alarm for the next retry, and return its time."""
        retry_at_us = mono_us + self._db.rules.retry_us
        out.append(SetAlarm(self._db.name, Timer.ROOM, retry_at_us))
        return retry_at_us

    def hold(self, file: File) -> None:
        """Keep a file whose refusal passes until its next retry."""
        self.held[file.name] = file

    def gave_up(self, file: File) -> None:
        self.given_up.append(file)

    def _is_last(self, file: File) -> bool:
        return self.patient and file.name == self.last.name

    # ---- the last backup
    def landed(self, file: File, out: list[Command]) -> None:
        """Note that a backup has landed."""
        self.await_no_longer(file.name)
        self.last.landed(file, out)

    def taken(self, e: events.BackupTaken) -> None:
        """Note that the last backup, or another one, has been taken."""
        is_last = self.last.taken(e)
        if is_last and e.name not in self._db.files:
            self.await_file(e.name, e.utc_us)

    # ---- is it over?
    @property
    def holds(self) -> bool:
        """Tell whether any file has yet to be tried again because its refusal passes."""
        return any(
            not (
                file.done
                or ((h := file.header) is not None and behind(self._db, h))
            )
            for file in self.held.values()
        )

    def looks_further(self) -> bool:
        """Tell whether to look in the primary's share for files that lead further: nothing more
        comes by itself, and the chain does not lead on or is restored from its beginning. Where no
        full is here the share is asked at once, so that nothing else is sent before the full. So it
        is at a store: what it lacks comes while the full is restored, which takes long. After a
        restart the share is asked, too, unless a log has landed since: one that was here may have
        been lost meanwhile, and no next log shows the hole.
        """
        db = self._db
        self._rebuilds = self._rebuilds or not db.state.exists
        if self._pipe.state is not Pipe.OPEN or db.looking:
            return False
        if db.rules.keeps and not self._sought:
            return not db.fetching.busy
        if db.files.in_hand is not None or db.fetching.busy:
            return False
        if db.stop_before_utc_us and db.state.exists:
            return False  # nothing beyond this point is wanted
        if not db.state.exists and not db.files.whole_fulls:
            return True
        may_lack = db.config.log_interval_us and not db.log_window.one_came
        stuck = bool(db.files.pending) or self._rebuilds or may_lack
        return bool(stuck) and self._has_nothing_to_do()

    @property
    def only_way(self) -> bool:
        """Tell whether nothing here could be brought online while something is awaited."""
        db = self._db
        awaited = (
            self.waiting
            or db.files.recopying
            or db.fetching.asked
            or self.holds
            or self.hashed_yet
        )
        return not db.state.exists and (bool(awaited) or self.undecided)

    @property
    def hashed_yet(self) -> set[str]:
        """Return the names of the fulls that are here and still being hashed."""
        return {
            file.name
            for file in self._db.files.values()
            if file.kind is FULL and file.content is Content.CHECKING
        }

    @property
    def _is_stuck(self) -> bool:
        """Tell whether what is here does not lead on."""
        return bool(self._db.files.pending) or not self._db.state.exists

    @property
    def stands_before_hole(self) -> bool:
        """Tell whether a planned failover would lose something, as nothing that is here or on its
        way leads on.
        """
        return self.patient and self._is_stuck and self._has_nothing_to_do()

    def idle(self) -> bool:
        """Tell whether everything that can be replayed has been; of a planned failover, whether
        nothing is lost either.
        """
        if self.patient and self._is_stuck and not stopped(self._db):
            return False
        return self._has_nothing_to_do()

    def _has_nothing_to_do(self) -> bool:
        """Tell whether nothing that is here or on its way leads further. Fulls and incrementals are
        waited for where the chain of logs does not lead on, and where no tail can be had and they
        were finished after the last restored log was cut.
        """
        db = self._db
        if stopped(db):
            return db.files.in_hand is None
        busy = (
            db.files.in_hand is not None or db.looking or db.fetching.asked
        )
        if self.undecided or busy:
            return False
        if self.last.is_lacking or self.holds:
            return False
        return not self._awaits() and not self.owed()

    def _leads_further(self) -> tuple[bool, int]:
        """Return whether fulls and incrementals lead further too; if not, those that were finished
        after that.
        """
        db = self._db
        needed = self._is_stuck or not db.config.log_interval_us
        further_utc_us = NEVER_US
        if self._without_tail and db.last is not None:
            further_utc_us = reached_utc_us(db)
        return needed, further_utc_us

    def _awaits(self) -> bool:
        """Tell whether anything that leads further is on its way."""
        needed, further_utc_us = self._leads_further()
        return any(
            needed
            or kind_of(name) is LOG
            or at > further_utc_us
            or name == self.last.name
            for name, at in self.waiting.items()
        )

    def owed(self) -> set[str]:
        """Return the files here that lead further, once they are known to be whole."""
        needed, further_utc_us = self._leads_further()
        unsure = (Content.CHECKING, Content.BAD)
        return {
            file.name
            for file in self._db.files.values()
            if (
                needed
                or file.kind is LOG
                or file.modified_utc_us > further_utc_us
            )
            and not file.done
            and file.content in unsure
            and file.name not in self._refused_by_setup
        }

    @property
    def checks(self) -> bool:
        """Tell whether a file that may lead further is here and is being checked."""
        needed, _ = self._leads_further()
        return any(
            (needed or file.kind is LOG)
            and not file.done
            and file.content is Content.CHECKING
            for file in self._db.files.values()
        )

    def still_left(self, besides: set[str]) -> int:
        """Return how many backups were given up on their way and have not landed whole since.
        besides: names that are counted elsewhere.
        """
        files = self._db.files
        away = [
            name
            for name in self._left - besides
            if (file := files.get(name)) is None
            or file.content is not Content.WHOLE
        ]
        return len(away) + self._unnamed_left

    def lost_files(self) -> list[File]:
        """Return the damaged files that hold what the database lacks, without those that were made
        before the last restored one was cut.
        """
        db = self._db
        chain_of_all = not db.config.log_interval_us
        lost = [
            file
            for file in self.given_up
            if (file.kind is LOG or chain_of_all)
            and file.content is Content.LOST
            and not file.done
            and file.modified_utc_us > reached_utc_us(db)
        ]
        return sorted(lost, key=File.age_order)
