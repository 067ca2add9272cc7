"""Replay of one database's backups at the secondary: land, validate, restore, in order, never over
a gap.

Theory of operation. A file that lands is validated (`landing`); a validated log waits in the queue,
in order of its first LSN. `advance` hands the engine the first log that covers the database's
position, one at a time, and before each hand-over raises the file's attempts in the store.
Everything unusual has a room of its own: `watch` finds what is stuck or silent, `repair` gets past
what cannot be restored, `keeping` re-verifies and prunes, `drain` empties the pipe in a failover.
On the quiet path a log costs three events and no more than six commands.

Owners. `DatabaseReplay` owns where the copy here stands; `HeldFiles` owns the files. The parts
(`Watch`, `Repair`, `Ways`, `Remake`, `Fetching`, `Progress`, `Overdue`, `Lag`, `Drain`, `Beside`)
write to nothing but themselves and return what they have found. What follows from that is done in
one place: by the functions of landing.py, restoring.py, retries.py, repairs.py, answers.py,
draining.py and standby.py, which get the whole replay and call its owners' methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dr_sim.backups.model import BackupHeader, RestoreState
from dr_sim.machines import Alarm, Command, Event, Save, TakeInventory
from dr_sim.recovery import answers, events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import LACKS_COPY, AlertBook
from dr_sim.recovery.commands import (
    AdmitReaders,
    Disconnect,
    Recopy,
    Recover,
    RenameWorkingCopy,
    Restore,
    RestoreUntil,
    Validate,
)
from dr_sim.recovery.config import DatabaseConfig, ReplayConfig
from dr_sim.recovery.failover import draining
from dr_sim.recovery.failover.drain import Drain
from dr_sim.recovery.files import keeping, kept, landing
from dr_sim.recovery.files.fetching import Fetching
from dr_sim.recovery.files.file import FULL, LOG, Failure, File, kind_of
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.files.files import HeldFiles
from dr_sim.recovery.files.remake import Remake
from dr_sim.recovery.files.rotten import RottenFulls
from dr_sim.recovery.repair import besides, rot, standby
from dr_sim.recovery.repair.beside import Beside
from dr_sim.recovery.repair.repair import Repair
from dr_sim.recovery.repair.ways import Ways
from dr_sim.recovery.replay import restoring, retries, waiting
from dr_sim.recovery.replay.lag import Lag
from dr_sim.recovery.replay.limits import elapsed_us, whole_minutes
from dr_sim.recovery.replay.log_window import LogWindow
from dr_sim.recovery.replay.overdue import overdue_watches
from dr_sim.recovery.replay.progress import Progress
from dr_sim.recovery.replay.watch import Watch
from dr_sim.recovery.saved import LastRestore, last_restore_from_text, read
from dr_sim.recovery.timers import Timer

NO_COPY = RestoreState(0, 0, 0, exists=False)


class DatabaseReplay:
    """The replay of one database. Methods take an event and append commands to `out`.

    state: where the copy here stands. last: the last successful restore. replaces: something that
    is of no use may lie in the next full's place. looking: the copy has turned out to be gone, and
    what is really there is being looked at. recovering: it is being brought online: nothing more is
    handed over, whatever lands. promoted: it is online here. drain: how the pipe is emptied in a
    failover. stop_before_utc_us: a failover replays up to just before this instant; 0: everything.
    machine_silent: its machine at the primary is not heard. job_open: the restore job's hour is not
    over. had_copy: there is a copy here, or there was one.
    """

    __slots__ = (
        "_attempts_key",
        "_copy_key",
        "_readers_are_out",
        "_until_utc_us",
        "alerts",
        "beside",
        "clock_key",
        "config",
        "drain",
        "fetching",
        "files",
        "had_copy",
        "job_open",
        "lag",
        "landed_meanwhile",
        "last",
        "log_window",
        "looking",
        "machine_silent",
        "name",
        "overdue",
        "progress",
        "promoted",
        "recovering",
        "remake",
        "repair",
        "replaces",
        "rotten",
        "rules",
        "state",
        "stop_before_utc_us",
        "watch",
        "ways",
    )

    def __init__(
        self,
        config: DatabaseConfig,
        rules: ReplayConfig,
        saved: dict[str, str],
    ) -> None:
        """saved: the whole store; what belongs to this database is read out of it."""
        self.config = config
        self.rules = rules
        self.name = name = config.name
        self._attempts_key = f"attempts/{name}/"
        self.clock_key = f"restored/{name}"
        self.state = NO_COPY
        clock = saved.get(self.clock_key, "")
        self.last = (
            read(self.clock_key, clock, last_restore_from_text)
            if clock
            else None
        )
        self._copy_key = f"copy/{name}"
        restored = self.last is not None and bool(self.last.name)
        self.had_copy = restored or bool(saved.get(self._copy_key))
        self.files = HeldFiles(name, saved)
        self.rotten = RottenFulls(name, saved)
        self.alerts = AlertBook(name, rules.critical_after_us, saved)
        self.watch = Watch(self)
        self.log_window = LogWindow(self)
        self.overdue = overdue_watches(self)
        self.progress = Progress(self)
        self.lag = Lag(self)
        self.remake = Remake(self, saved)
        self.repair = Repair(self, saved)
        self.ways = Ways(self)
        self.fetching = Fetching(self)
        self.beside = Beside(self, saved)
        self.drain: Drain | None = None
        self.stop_before_utc_us = 0
        self._until_utc_us = 0  # where the restore in hand stops
        self.replaces = False
        self.looking = False
        self.landed_meanwhile: set[str] = set()
        self.promoted = False
        self.recovering = False
        self.machine_silent = False
        self.job_open = False
        self._readers_are_out = False

    # ---- after a start: what is really there
    def observe(
        self, e: Event, seen: events.Seen, useless: bool, out: list[Command]
    ) -> None:
        """The position is the engine's. Files finished after the last restored one are validated
        again; older ones are taken for restored, and looked into when the chain turns out to need
        them. useless: there is a copy, and nothing can be restored into it.
        """
        self.state = seen.state
        self.replaces = useless
        self.promoted = not seen.state.restoring
        if self.last is None:
            self.last = LastRestore(e.mono_us, e.utc_us)
            out.append(Save(self.clock_key, self.last.text()))
        if seen.state.exists and not self.had_copy:
            self.had_copy = True
            if self.replay_waits:  # else a restore is saved soon
                out.append(Save(self._copy_key, "1"))
        self._take_up(e, seen, out)
        rot.set_aside(self)
        gone = [
            d
            for d in self.alerts.begun
            if kind_of(d) is not None and d not in self.files
        ]
        for danger in gone:
            self.alerts.over(danger, out)
        if self.promoted:
            return
        self.log_window.begin(e, out)
        self.progress.begin()
        for watch in self.overdue:
            watch.begin(e, out)
        if self.rules.keeps:
            kept.begin(self, e, out)
        elif not self.state.exists:
            standby.wait_for_first(self, e, out)
        keeping.begin(self, e, out)
        self.beside.resume(out)
        self.repair.moved(
            out
        )  # the engine may have continued since its state was saved

    def _take_up(
        self, e: Event, seen: events.Seen, out: list[Command]
    ) -> None:
        last = self.last
        assert last is not None
        if self.rules.keeps and not seen.state.exists:
            last = LastRestore(0, 0)  # nothing of it is restored any more
        for there in seen.files:
            kind = kind_of(there.name)
            if kind is None:
                continue
            file = File(
                there.name,
                kind,
                there.modified_utc_us,
                there.size_bytes,
                e.mono_us,
            )
            suspect = there.name in self.alerts.begun
            self.files.found(file, last.modified_utc_us, last.name, suspect)
            if file.content is Content.CHECKING:
                out.append(Validate(self.name, there.name))
        for name in self.files.headers_of_nothing():
            out.append(Save(f"header/{self.name}/{name}", ""))

    # ---- the engine
    def advance(self, e: Event, out: list[Command]) -> None:
        """Hand over the next backup that applies, if there is one and none is being restored."""
        files, mono_us = self.files, e.mono_us
        if (
            files.in_hand is not None
            or self.promoted
            or self.recovering
            or self.looking
            or self.only_keeps
        ):
            kept.give_up_copy(self, out)
            return
        if self.rotten.copy and self.state.exists:
            rot.begin_again(self, e, out)
            return  # whatever is at hand was handed over there
        if waiting.stopped(self):
            return
        if self.alerts.begun:
            self._end_what_nobody_needs(out)
        file = self.ways.next_step(mono_us) if self.ways.steps else None
        takes_place = (
            file is not None and file.kind is FULL and self.state.exists
        )
        if file is None:
            file = waiting.next_log(self, mono_us, out)
        if file is None and self._may_jump:
            file, takes_place = self.ways.candidate(mono_us)
        if file is not None and not self._holds_too_much(file):
            self.hand_over(
                file,
                takes_place or (self.replaces and file.kind is FULL),
                out,
            )
            return
        self.job_open = False
        if (
            files.pending
            or files.bad
            or self.watch.stuck is not None
            or self.remake.lost
        ):
            self.look(e, out)

    def _end_what_nobody_needs(self, out: list[Command]) -> None:
        """End the alerts about a copy that is lost, or about a full or an incremental that could
        not be restored, once the logs lead on. The news of a restore may be lost with a manager.
        """
        if self._may_jump or self.ways.steps:
            return
        for danger in LACKS_COPY:
            self.alerts.over(danger, out)

    @property
    def replay_waits(self) -> bool:
        """Return whether replay waits on purpose: for a delay, or for the restore job's hour."""
        return bool(self.rules.delay_us or self.rules.every_us)

    @property
    def in_failover(self) -> bool:
        """Return whether a failover is at this database: a manager that was started while the
        databases are brought online drains nothing.
        """
        return self.drain is not None or self.recovering

    @property
    def must_not_come_online(self) -> bool:
        """Return whether the copy here, as it is, may not be brought online: people have said that
        it holds rotten pages, or it holds what was written after the instant that was ordered.
        """
        if self.rotten.copy:
            return True
        stop_utc_us = self.stop_before_utc_us
        return (
            bool(stop_utc_us) and waiting.reached_utc_us(self) > stop_utc_us
        )

    @property
    def only_keeps(self) -> bool:
        """Return whether files are kept here, and none is restored now."""
        return self.rules.keeps and self.drain is None and not self.promoted

    @property
    def _may_jump(self) -> bool:
        """Return whether something other than the next log may be restored."""
        return (
            self.repair.on
            or self.drain is not None
            or not self.state.exists
            or not self.config.log_interval_us
        )

    def _holds_too_much(self, file: File) -> bool:
        """Return whether the file holds writes after the instant before which a failover stops, and
        cannot be restored in part.
        """
        stop_utc_us = self.stop_before_utc_us
        return (
            bool(stop_utc_us)
            and file.kind is not LOG
            and file.modified_utc_us > stop_utc_us
        )

    def hand_over(
        self, file: File, takes_place: bool, out: list[Command]
    ) -> None:
        """Hand a file to the engine, in this order: the counter of reads, durable (R5); the working
        copy's name; the read.
        """
        attempts = self.files.hand_over(file)
        name = file.name
        out.append(Save(self._attempts_key + name, str(attempts)))
        out.append(RenameWorkingCopy(self.name, name, attempts))
        stop, header = self.stop_before_utc_us, file.header
        if (
            stop
            and file.kind is LOG
            and header is not None
            and header.started_utc_us > stop
        ):
            self._until_utc_us = stop
            out.append(RestoreUntil(self.name, name, stop))
        else:
            self._until_utc_us = 0
            out.append(Restore(self.name, name, takes_place))

    # ---- where the copy stands
    def restored_to(
        self, e: events.Restored, file: File, header: BackupHeader
    ) -> str:
        """Record that a backup was restored; return what the store keeps of it."""
        old = self.state
        self.state = RestoreState(
            e.fork,
            e.redo_lsn,
            e.differential_base_lsn,
            old.restoring,
            old.exists,
        )
        self.last = LastRestore(
            e.mono_us,
            e.utc_us,
            file.modified_utc_us,
            header.started_utc_us,
            file.name,
            self._until_utc_us,
        )
        return self.last.text()

    def has_copy(self) -> None:
        """Record that a full or an incremental was restored."""
        self.state = replace(self.state, exists=True)
        self.had_copy = True
        self.replaces = False

    def stands_at(self, state: RestoreState, last: LastRestore) -> None:
        """Record that logs have been absorbed (absorb.py)."""
        self.state = state
        self.last = last

    def copy_has_made_way(self) -> None:
        """Record that the copy was dropped for a full, but something else took the room."""
        if self.state.exists:
            self.state = replace(self.state, exists=False)
            self.files.decide_all(self.state)

    def lose_copy(self) -> None:
        """Record that the copy here is of no use."""
        self.state = replace(self.state, exists=False)
        self.replaces = True
        self.files.decide_all(self.state)

    def look_at_copy(self, out: list[Command]) -> None:
        """Ask for an inventory of the copy; nothing is restored until it has come."""
        if not self.looking:
            self.looking = True
            out.append(TakeInventory())

    def note_landing(self, name: str) -> None:
        """Note that a file has landed: an inventory that is out may not list it."""
        if self.looking:
            self.landed_meanwhile.add(name)

    def looked_at_copy(self) -> set[str]:
        """Return the names of the files that have landed since the inventory was asked for."""
        self.looking = False
        landed, self.landed_meanwhile = self.landed_meanwhile, set()
        return landed

    def open_job(self) -> None:
        """Open the restore job's hour: the logs that wait are restored, one after the other."""
        self.job_open = True

    def hear_machine(self, heard: bool) -> None:
        """Note whether the database's machine at the primary is heard."""
        self.machine_silent = not heard

    # ---- what several parts need
    def look(self, e: Event, out: list[Command]) -> None:
        """Find what keeps the chain from continuing, and do what is due about it."""
        if self.only_keeps:
            self.watch.arm(e, out)
        elif not self.in_failover and not self.promoted:
            retries.look(self, e, out)

    def look_into_unread(self, out: list[Command]) -> None:
        """Read the headers of logs that a restart took for restored: one of them may be missing
        from the chain.
        """
        for file in self.files.look_into_unread():
            out.append(Validate(self.name, file.name))

    def file_failed(
        self, file: File, failure: Failure, e: Event, out: list[Command]
    ) -> None:
        landing.failed(self, file, failure, e, out)

    def recopy(self, name: str, out: list[Command]) -> None:
        """Have the file sent again; for a file that is on its way that changes nothing."""
        self.files.copy_again(name)
        out.append(Recopy(self.name, name))

    def minutes(self, e: Event) -> int:
        """Return whole minutes since the last successful restore (R12)."""
        last = self.last
        assert last is not None
        return whole_minutes(
            elapsed_us(e.mono_us, e.utc_us, last.mono_us, last.utc_us)
        )

    # ---- a failover
    def stop_before(self, utc_us: int) -> None:
        """Replay up to just before that instant; 0: without an end."""
        self.stop_before_utc_us = utc_us

    def start_draining(
        self, planned: bool, e: Event, out: list[Command]
    ) -> None:
        self._note_disconnected()
        self.drain = Drain(self, planned)
        draining.start(self, e, out)

    def stop_draining(self, e: Event, out: list[Command]) -> None:
        """End the drain, as the failover was called off: files that were given up are tried again,
        and delays and limits apply as before.
        """
        self._note_disconnected()
        drain, self.drain = self.drain, None
        held, self.recovering = self.recovering, False
        if drain is None and not held:
            return
        if drain is not None:
            draining.call_off(self, drain, e, out)
        self._admit_readers(out)
        self.watch.goes_on()
        self.log_window.goes_on(e, out)
        for watch in self.overdue:
            watch.goes_on(e, out)
        self.look(e, out)
        self.advance(e, out)
        standby.failover_left(self, e, out)

    def _note_disconnected(self) -> None:
        """Note whether the drain, which ends, has disconnected readers."""
        if self.drain is not None and self.drain.has_disconnected:
            self._readers_are_out = True

    def disconnect_readers(self, out: list[Command]) -> None:
        """Disconnect whoever reads the copy. Nobody else may read it while the failover goes on."""
        self._readers_are_out = True
        out.append(Disconnect(self.name))

    def _admit_readers(self, out: list[Command]) -> None:
        if self._readers_are_out:
            self._readers_are_out = False
            out.append(AdmitReaders(self.name))

    def order_online(self, out: list[Command]) -> None:
        self.recovering = True
        out.append(Recover(self.name))

    def hold_for_recovery(self) -> None:
        """Restore nothing more: the order to bring it online waits for the claim."""
        self.recovering = True

    def restore_after_all(self) -> None:
        """Restore the database first: it could not be brought online, as there is no copy here."""
        self.recovering = False
        self.fetching.forget_list()

    def brought_online(self, fork: int, lsn: int) -> None:
        """Record that the database is online here, on a new fork that begins at that LSN."""
        self.promoted = True
        self.state = replace(
            self.state, restoring=False, fork=fork, redo_lsn=lsn
        )

    # ---- time
    def alarm(self, e: Alarm, out: list[Command]) -> None:
        if not self.promoted:
            _ON_ALARM[e.what](self, e, out)

    def job_rang(self, e: Event, out: list[Command]) -> None:
        self.open_job()
        self.advance(e, out)

    def waits_rang(self, e: Event, out: list[Command]) -> None:
        if self.progress.look(e, out):
            self.lag.told(e.mono_us)

    def tell_waits(self, file: File, e: Event, out: list[Command]) -> None:
        """Report that the restore of that file takes long. From a store, a full does."""
        if self.rules.keeps and file.kind is FULL:
            return
        self.progress.tell(file, e, out)
        self.lag.told(e.mono_us)

    def last_rang(self, e: Event, out: list[Command]) -> None:
        if self.drain is not None:
            draining.again(self, self.drain, e, out)


_ON_ALARM: dict[
    str, Callable[[DatabaseReplay, Event, list[Command]], None]
] = {
    Timer.RETRY: retries.retry,
    Timer.WINDOW: retries.window,
    Timer.UNPROTECTED: retries.unprotected,
    Timer.CHAIN: kept.chain_rang,
    Timer.WAITS: DatabaseReplay.waits_rang,
    Timer.LATE: lambda db, e, out: db.lag.restoring_rang(e, out),
    Timer.LATE_LANDING: lambda db, e, out: db.lag.landing_rang(e, out),
    Timer.OVERDUE: lambda db, e, out: db.overdue[0].rang(e, out),
    Timer.FULL_OVERDUE: lambda db, e, out: db.overdue[1].rang(e, out),
    Timer.DELAY: DatabaseReplay.advance,
    Timer.ROOM: DatabaseReplay.advance,
    Timer.STANDBY: standby.alarm,
    Timer.LAST: DatabaseReplay.last_rang,
    Timer.JOB: DatabaseReplay.job_rang,
    Timer.BESIDE: lambda db, e, out: db.beside.rang(e, out),
    Timer.REVERIFY: keeping.reverify,
    Timer.PRUNE: keeping.prune,
}

ON_EVENT: dict[
    type[Event], Callable[[DatabaseReplay, Any, list[Command]], None]
] = {
    events.Landed: landing.landed,
    events.Validated: landing.validated,
    events.ValidationFailed: landing.validation_failed,
    events.RecopyFailed: landing.recopy_failed,
    events.Restored: restoring.restored,
    events.RestoreFailed: restoring.refused,
    events.NoRoom: restoring.no_room,
    events.PrimaryAnswered: retries.primary_answered,
    events.BackupTaken: answers.backup_taken,
    events.BackupFailed: answers.backup_failed,
    events.ShareAnswered: answers.share_answered,
    events.PrimaryError: telling.tell_primary_error,
    events.CopySeen: standby.copy_seen,
    events.PagesRot: rot.said,
    events.PagesSound: rot.sound_again,
    **besides.ON_EVENT,
}
