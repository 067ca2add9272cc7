"""Emptying the pipe of one database in a failover: what is on its way lands, what has landed is
replayed.

There is no next log and no waiting for one, and no retry of a primary that does not answer: a
damaged file is copied again only if the primary's share was reached, otherwise it is given up at
once (17 minutes of outage instead of 2 is what the ordinary retries would cost). Past a hole the
best way among all landed files is taken. What stays behind is told before the database is
recovered. A planned failover loses nothing, so its drain is patient: it asks again until the share
answers, and gives up nothing. Of a database without logs it takes one last incremental, or a full
where that does not fit. If that cannot be begun because another one is running, it is asked for
again when that lands. One that is damaged at the primary or that the engine refuses is taken anew,
at once within the attempts limit, then whenever the drain's alarm rings. A refusal that passes
(refusals.py) is no reason to take another remedy: the same one is tried again at every retry, until
the drain's limit ends the wait.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies
from dr_sim.recovery import events, landing, standby
from dr_sim.recovery.alerts import LEFT_BEHIND, left_behind_text
from dr_sim.recovery.commands import (
    AdmitReaders,
    AskShare,
    Command,
    Disconnect,
    SetAlarm,
    TakeBackup,
)
from dr_sim.recovery.files import BAD, CHECKING, FULL, INCREMENTAL, LOG, LOST, VALID, File, kind_of
from dr_sim.recovery.refusals import ENDED_ERRORS, IN_USE_ERRORS, Refusal, passes_here
from dr_sim.recovery.waiting import behind, reached_utc_us, stopped

if TYPE_CHECKING:
    from dr_sim.recovery.replay import DatabaseReplay

NEVER_US = 1 << 62


class Drain:
    """reachable: None until the primary's share has answered, or been given up. waiting: names
    still to land, and when each was finished, by the primary's clock. without_tail: the log after
    the last backup cannot be had.

    left: how many were still on their way when they were given up; given_up: damaged files that
    nobody sends again. asked, last, refused_last: the last backup of a database without logs is
    being taken, its name once it is finished, and the kind that has to be asked for again (-1:
    none); taken_anew: how often one was taken in place of another. rebuilds: there was no copy
    here. held: files whose refusal passes, by name; they are tried again at the next retry. ended:
    files whose restore hung and was ended; each is tried again once.
    """

    __slots__ = (
        "asked",
        "db",
        "ended",
        "given_up",
        "held",
        "last",
        "left",
        "patient",
        "reachable",
        "rebuilds",
        "refused_last",
        "shut_us",
        "taken_anew",
        "waiting",
        "without_tail",
    )

    def __init__(self, db: DatabaseReplay, patient: bool) -> None:
        self.db = db
        self.patient = patient
        self.reachable: bool | None = None
        self.waiting: dict[str, int] = {}
        self.without_tail = False
        self.shut_us = -1  # when readers were last disconnected
        self.left = 0
        self.given_up: list[File] = []
        self.held: dict[str, File] = {}
        self.rebuilds = False
        self.ended: set[str] = set()
        self.asked = False
        self.last = ""
        self.refused_last = -1
        self.taken_anew = 0

    def start(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Ask what is on its way, and go on with what is here; neither delay nor retry interval
        holds any longer.
        """
        for file in self.db.files.values():
            if file.refused:
                self.refused(file, mono_us, out)
        if self.db.pending:
            landing.look_into_unknown(self.db, out)
        elif not self.db.state.exists:
            standby.look_into_logs(self.db, out)
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
            finished_utc_us: dict[str, int] = json.loads(e.waiting)
            self.waiting.update(
                (name, at) for name, at in finished_utc_us.items() if name not in db.files
            )
            for file in sorted((f for f in db.bad.values() if f.state == BAD), key=File.age_order):
                if self.patient and file.outcome != "no_manifest":
                    landing.recopy(db, file.name, out)
                else:
                    self.damaged(file, out)
            landing.look_at_names(db, e, out)
        else:
            self.abandon_waiting()
        db.advance(e.mono_us, e.utc_us, out)

    def damaged(self, file: File, out: list[Command]) -> None:
        """One more copy, if there is anyone to send it; a backup that was cut off is no better
        there.
        """
        if self.reachable is None:
            return  # decided when the share has answered
        if (
            self.reachable
            and file.outcome != "no_manifest"
            and file.failures <= self.db.rules.attempts
        ):
            landing.recopy(self.db, file.name, out)
        elif self._is_last(file):
            self.take_anew(file, out)
        elif not self.patient or file.outcome == "no_manifest":
            self.give_up(file)

    def not_sent(self, file: File, reason: str, out: list[Command]) -> None:
        """It could not be copied again."""
        if reason == "missing" and self._is_last(file):
            self.take_anew(file, out)
        elif not self.patient or reason == "missing":
            self.give_up(file)

    def give_up(self, file: File) -> None:
        self.given_up.append(file)
        self.db.bad.pop(file.name, None)
        self.db.recopying.discard(file.name)
        file.state = LOST

    def refused(self, file: File, mono_us: int, out: list[Command]) -> None:
        """Tried again at once while its attempts allow, and then no more; at every retry if the
        refusal passes. Readers are disconnected whenever they are in the way: this copy is about to
        be promoted, and nothing is wrong with the file.
        """
        if file.error_number in IN_USE_ERRORS and mono_us > self.shut_us:
            self.shut_us = mono_us
            out.append(Disconnect(self.db.name))
            file.retry_at_mono_us = mono_us
            return
        if passes_here(file.error_number):
            file.retry_at_mono_us = mono_us + self.db.rules.retry_us
            self.hold(file)
            out.append(SetAlarm(self.db.name, "room", file.retry_at_mono_us))
            return
        hopeless = file.hopeless(self.db.rules.attempts)
        if file.error_number in ENDED_ERRORS:
            hopeless = file.name in self.ended
            self.ended.add(file.name)
        file.retry_at_mono_us = NEVER_US if hopeless else mono_us
        if hopeless and self._is_last(file):
            self.take_anew(file, out)

    def hold(self, file: File) -> None:
        """Keep a file whose refusal passes until its next retry."""
        self.held[file.name] = file

    def called_off(self, out: list[Command]) -> None:
        """The copy stays a standby: people may read it again."""
        if self.shut_us >= 0:
            out.append(AdmitReaders(self.db.name))

    def abandon_waiting(self, tail: bool = False) -> None:
        """Wait for nothing more from the primary; tail: that was still awaited too."""
        db = self.db
        self.left += len(self.waiting.keys() | db.recopying) + (tail or self.lacks_last)
        self.reachable = self.patient = False
        db.fetching.coming.clear()
        self.asked, self.last, self.refused_last = False, "", -1
        self.waiting.clear()
        db.recopying.clear()
        for file in [f for f in db.bad.values() if f.state == BAD]:
            self.give_up(file)

    def wait_no_longer(self, tail: bool) -> None:
        """The limit: what has not come by now stays behind, and so does what is refused still."""
        self.abandon_waiting(tail)
        for file in self.held.values():
            file.retry_at_mono_us = NEVER_US
        self.held.clear()

    # ---- the last backup of a database without logs
    def take_last(self, kind: int, out: list[Command]) -> None:
        self.asked, self.refused_last = True, -1
        out.append(TakeBackup(self.db.name, kind))

    def take_anew(self, file: File, out: list[Command]) -> None:
        """The last backup is of no use: another in its place, while its attempts allow, then at the
        drain's alarm.
        """
        self.give_up(file)
        self.last = ""
        self.taken_anew += 1
        if self.taken_anew <= self.db.rules.attempts:
            self.take_last(file.kind, out)
        else:
            self.refused_last = file.kind

    def again(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """A retry, or the drain's alarm: whatever was in the way of the last backup may be over by
        now.
        """
        file = self.db.files.get(self.last)
        if self.refused_last >= 0:
            self.take_last(self.refused_last, out)
        elif file is not None and file.refused:
            file.retry_at_mono_us = mono_us
            self.db.advance(mono_us, utc_us, out)

    @property
    def lacks_last(self) -> bool:
        """Is the last backup yet to be taken, or here and not restored? (On its way it is one of
        `waiting`.)
        """
        file = self.db.files.get(self.last)
        here = file is not None and not file.done and file.name not in self.db.recopying
        passed = file is not None and file.header is not None and behind(self.db, file.header)
        return self.asked or self.refused_last >= 0 or (here and not passed)

    @property
    def holds(self) -> bool:
        """Is any file yet to be tried again, as its refusal passes?"""
        return any(
            not (f.done or ((h := f.header) is not None and behind(self.db, h)))
            for f in self.held.values()
        )

    def _is_last(self, file: File) -> bool:
        return self.patient and file.name == self.last

    def landed(self, file: File, out: list[Command]) -> None:
        """If one of that kind was running when the last was asked for, it has ended."""
        self.waiting.pop(file.name, None)
        if self.refused_last == file.kind and file.name != self.last:
            self.take_last(file.kind, out)

    def taken(self, e: events.BackupTaken) -> None:
        if self.asked:
            self.asked = False
            self.last = e.name
            if e.name not in self.db.files:
                self.waiting[e.name] = e.utc_us

    def failed(self, e: events.BackupFailed, out: list[Command]) -> None:
        """Asked for again when one of its kind lands, and at every retry. Where an incremental
        cannot help, a full does.
        """
        if not self.asked:
            return
        self.asked = False
        if e.kind == INCREMENTAL and not Refusal.of(e.reason).passes:
            self.take_last(FULL, out)
            return
        self.ask_later(e.kind, e.mono_us, out)

    def ask_later(self, kind: int, mono_us: int, out: list[Command]) -> None:
        """Ask for the last backup at the next retry."""
        self.refused_last = kind
        out.append(SetAlarm(self.db.name, "last", mono_us + self.db.rules.retry_us))

    def validated(self, file: File, out: list[Command]) -> None:
        """An incremental on another full than the one here does not help."""
        header = file.header
        if file.name != self.last or file.kind != INCREMENTAL or header is None:
            return
        if applies(header, self.db.state) not in (Fit.APPLIES, Fit.STALE):
            self.take_last(FULL, out)

    # ---- what lies in the primary's share
    def look_further(self, mono_us: int, out: list[Command]) -> None:
        """Nothing more comes by itself, and the chain does not lead on, or is restored from its
        beginning: does the primary's share hold what does? Where no full is here that is asked at
        once, so that nothing else is sent before it.
        """
        db = self.db
        self.rebuilds = self.rebuilds or not db.state.exists
        if not self.reachable or db.looking or db.restoring is not None or db.fetching.busy:
            return
        if db.stop_before_utc_us and db.state.exists:
            return  # nothing that lies further is wanted
        full_here = any(file.kind == FULL and file.state == VALID for file in db.files.values())
        if (db.state.exists or full_here) and not (self.idle() and (db.pending or self.rebuilds)):
            return
        if db.fetching.there is None:
            db.fetching.ask(out)
            return
        self.waiting.update(dict.fromkeys(db.fetching.fetch(out), 0))

    @property
    def only_way(self) -> bool:
        """Is there nothing here to be brought online, and is something awaited?"""
        db = self.db
        awaited = bool(
            self.waiting
            or db.recopying
            or db.fetching.asked
            or self.holds
            or self.reachable is None
        )
        return not db.state.exists and awaited

    # ---- the end
    def idle(self) -> bool:
        """Everything that can be replayed has been. Fulls and incrementals are waited for where the
        chain of logs does not lead on, and where no tail can be had and they were finished after
        the last log restored was cut.
        """
        db = self.db
        if stopped(db):
            return db.restoring is None
        if self.reachable is None or db.restoring is not None or db.looking or db.fetching.asked:
            return False
        stuck = bool(db.pending) or not db.state.exists
        if (stuck and self.patient) or self.lacks_last or self.holds:
            return False
        needed = stuck or not db.config.log_interval_us
        further_utc_us = (
            reached_utc_us(self.db) if self.without_tail and db.last is not None else NEVER_US
        )
        if any(
            needed or kind_of(name) == LOG or at > further_utc_us or name == self.last
            for name, at in self.waiting.items()
        ):
            return False
        for file in db.files.values():
            owed = needed or file.kind == LOG or file.modified_utc_us > further_utc_us
            if owed and not file.done and (file.state == CHECKING or file.state == BAD):
                return False
        return True

    def tell_left(self, e: events.Event, out: list[Command]) -> None:
        """Everything that can be restored has been: tell what stays behind, and the first cause of
        it.
        """
        db, watch = self.db, self.db.watch
        if stopped(db):
            return  # what stays behind does so by order
        lost = sorted((f for f in self.given_up if self._lacks(f)), key=File.age_order)
        refused = [f for f in db.pending if f.refused]
        here = len({f.name for f in (*lost, *db.pending)})
        first = min((*lost, *refused), key=File.age_order, default=None)
        if first is not None and (
            not db.pending or first.modified_utc_us <= db.pending[0].modified_utc_us
        ):
            watch.tell_chain(first, e.mono_us, e.utc_us, out)
        elif db.pending:
            watch.tell_chain(None, e.mono_us, e.utc_us, out)
        if self.left or here:
            text = left_behind_text(db.name, self.left, here)
            minutes = db.minutes(e.mono_us, e.utc_us)
            db.alerts.tell(e.mono_us, e.utc_us, "left behind", LEFT_BEHIND, minutes, "", text, out)

    def _lacks(self, file: File) -> bool:
        """Does the database lack what this damaged file held? Not if it was made before the last
        one restored was cut.
        """
        chain = file.kind == LOG or not self.db.config.log_interval_us
        return (
            chain
            and file.state == LOST
            and not file.done
            and file.modified_utc_us > reached_utc_us(self.db)
        )
