"""Replay of one database's backups at the secondary: land, validate, restore, in order, never over
a gap.

Theory of operation. A file that lands is validated (`landing`); a validated log waits in `pending`,
in order of its first LSN. `advance` hands the engine the first log that covers the database's
position, one at a time, and before each hand-over raises the file's attempts in the store.
Everything unusual has a room of its own: `watch` looks after what is stuck, silent or damaged,
`repair` gets past what cannot be restored, `keeping` re-verifies and prunes, `drain` empties the
pipe in a failover. On the quiet path a log costs three events and no more than six commands.
"""

from __future__ import annotations

from dr_sim.backups.model import RestoreState
from dr_sim.recovery import events, notices, standby, waiting
from dr_sim.recovery.alerts import NO_ROOM, AlertBook, no_room_text, whole_minutes
from dr_sim.recovery.commands import (
    Command,
    Drop,
    RenameWorkingCopy,
    Restore,
    RestoreUntil,
    Save,
    SetAlarm,
    Validate,
)
from dr_sim.recovery.config import DatabaseConfig, ReplayConfig
from dr_sim.recovery.drain import Drain
from dr_sim.recovery.fetching import Fetching
from dr_sim.recovery.files import BAD, CHECKING, FULL, LOG, LOST, UNKNOWN, VALID, File, kind_of
from dr_sim.recovery.keeping import Keeping
from dr_sim.recovery.limits import elapsed_us
from dr_sim.recovery.progress import Progress
from dr_sim.recovery.refusals import needs_somebody, passes_here
from dr_sim.recovery.remake import Remake
from dr_sim.recovery.repair import Repair
from dr_sim.recovery.saved import LastRestore, header_from_text, last_restore_from_text
from dr_sim.recovery.watch import Watch


class DatabaseReplay:
    """The replay of one database. Methods take an event and append commands to `out`."""

    __slots__ = (
        "_attempts_key",
        "_clock_key",
        "alerts",
        "bad",
        "clock_off_us",
        "config",
        "counts",
        "drain",
        "fetching",
        "files",
        "job_open",
        "keeping",
        "last",
        "late_since_us",
        "late_told_us",
        "looking",
        "machine_silent",
        "name",
        "pending",
        "progress",
        "promoted",
        "recopying",
        "recovering",
        "remake",
        "repair",
        "replaces",
        "restoring",
        "rules",
        "saved_headers",
        "state",
        "stop_before_utc_us",
        "watch",
    )

    def __init__(self, config: DatabaseConfig, rules: ReplayConfig, saved: dict[str, str]) -> None:
        """saved: the whole store; what belongs to this database is read out of it."""
        self.config = config
        self.rules = rules
        self.name = name = config.name
        self.state = RestoreState(0, 0, 0, exists=False)
        self.files: dict[str, File] = {}
        self.pending: list[File] = []  # validated logs that may still be needed, by File.order
        self.bad: dict[str, File] = {}
        self.recopying: set[str] = set()
        self.restoring: File | None = None
        self._attempts_key = f"attempts/{name}/"
        self._clock_key = f"restored/{name}"
        self.counts = _under(saved, self._attempts_key)
        self.saved_headers = _under(saved, f"header/{name}/")
        self.last: LastRestore | None = None
        clock = saved.get(self._clock_key)
        if clock:
            self.last = last_restore_from_text(clock)
        self.alerts = AlertBook(name, rules.critical_after_us, saved.get(f"alert/{name}", ""))
        self.watch = Watch(self)
        self.progress = Progress(self)
        self.remake = Remake(self)
        self.repair = Repair(self, saved.get(f"repair/{name}", ""))
        self.keeping = Keeping(self)
        self.fetching = Fetching(self)
        self.drain: Drain | None = None
        # a failover replays up to just before this instant; 0: everything
        self.stop_before_utc_us = 0
        # at what is really there, since the copy here has turned out to be gone
        self.looking = False
        self.replaces = False  # something that is of no use may lie in the next full's place
        self.machine_silent = False  # its machine at the primary is not heard
        self.promoted = False
        # it is being brought online: nothing more is handed over, whatever lands
        self.recovering = False
        self.job_open = False
        # since when every log has been restored too late; 0: the last was in time
        self.late_since_us = 0
        self.late_told_us = 0
        # by how much the primary's clock is ahead of ours, when it was asked last; 0: not asked
        self.clock_off_us = 0

    # ---- after a start: what is really there
    def observe(
        self,
        mono_us: int,
        utc_us: int,
        state: RestoreState,
        found: list[tuple[str, int, int]],
        out: list[Command],
    ) -> None:
        """The position is the engine's. Files finished after the last restored one are validated
        again; older ones are taken for restored, and looked into when the chain turns out to need
        them.
        """
        self.state = state
        if not state.restoring:
            self.promoted = True
        if self.last is None:
            self.last = LastRestore(mono_us, utc_us)
            out.append(Save(self._clock_key, self.last.text()))
        last = self.last
        for name, modified_utc_us, size_bytes in found:
            kind = kind_of(name)
            if kind < 0:
                continue
            file = self.files[name] = File(name, kind, modified_utc_us, size_bytes, mono_us)
            if name in self.counts:
                file.attempts = int(self.counts.pop(name))
            header = self.saved_headers.pop(name, None)
            if header is not None:
                file.header = header_from_text(header)
                file.state = VALID
            if name in self.alerts.begun:
                file.state = CHECKING
                out.append(Validate(self.name, name))
            elif header is not None:
                continue
            elif kind == LOG and (modified_utc_us < last.modified_utc_us or name == last.name):
                file.state = UNKNOWN
                file.done = True
            else:
                out.append(Validate(self.name, name))
        for name in self.saved_headers:  # a file that is no longer there
            out.append(Save(f"header/{self.name}/{name}", ""))
        self.saved_headers = {}
        for danger in [
            danger
            for danger in self.alerts.begun
            if kind_of(danger) >= 0 and danger not in self.files
        ]:
            self.alerts.clear(danger, out)
        if not self.promoted:
            self.watch.begin(mono_us, utc_us, out)
            self.progress.begin()
            if not state.exists:
                self.watch.begin_unprotected(mono_us, utc_us, out)
            self.keeping.begin(mono_us, out)
            self.repair.moved(out)  # the engine may have gone on since its state was saved

    # ---- the engine
    def advance(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """Hand over the next backup that applies, if there is one and none is being restored."""
        if (
            self.restoring is not None
            or self.promoted
            or self.recovering
            or self.looking
            or waiting.stopped(self)
        ):
            return
        file = self.repair.next_step(mono_us) if self.repair.steps else None
        replace = file is not None and file.kind == FULL and self.state.exists
        if file is None:
            file = waiting.next_log(self, mono_us, out)
        if file is None and (
            self.repair.policy
            or self.drain is not None
            or not self.state.exists
            or not self.config.log_interval_us
        ):
            file, replace = self.repair.candidate(mono_us)
        stop = self.stop_before_utc_us
        if stop and file is not None and file.kind != LOG and file.modified_utc_us > stop:
            # it holds what was written after the instant, and cannot be restored in part
            file = None
        if file is not None:
            self._hand_over(file, replace or (self.replaces and file.kind == FULL), out)
            return
        self.job_open = False
        if self.pending or self.bad or self.watch.stuck is not None or self.remake.lost:
            self.watch.look(mono_us, utc_us, out)

    def _hand_over(self, file: File, replace: bool, out: list[Command]) -> None:
        """The read that the counter counts (R5): durable first, then the working copy's name, then
        the read.
        """
        file.attempts = attempts = file.attempts + 1
        self.restoring = file
        name = file.name
        out.append(Save(self._attempts_key + name, str(attempts)))
        out.append(RenameWorkingCopy(self.name, name, attempts))
        stop, header = self.stop_before_utc_us, file.header
        if stop and file.kind == LOG and header is not None and header.started_utc_us > stop:
            out.append(RestoreUntil(self.name, name, stop))
        else:
            out.append(Restore(self.name, name, replace))

    def restored(self, e: events.Restored, out: list[Command]) -> None:
        file = self.restoring
        if file is None or file.name != e.name:
            return
        header = file.header
        last = self.last
        assert header is not None and last is not None
        self.restoring = None
        file.done = True
        file.refused = False
        state = self.state
        state.fork = e.fork
        state.redo_lsn = e.redo_lsn
        state.differential_base_lsn = e.differential_base_lsn
        last.mono_us = e.mono_us
        last.utc_us = e.utc_us
        last.modified_utc_us = file.modified_utc_us
        last.started_utc_us = header.started_utc_us
        last.name = file.name
        out.append(Save(self._clock_key, last.text()))
        if (e.redo_lsn != header.last_lsn or self.alerts.begun) and not waiting.stopped(self):
            notices.watch_end(self, e, file, header, out)
        if file.kind == LOG:
            notices.watch_lag(self, e, file, out)
            if self.pending and self.pending[0] is file:
                del self.pending[0]
            elif file in self.pending:
                self.pending.remove(file)
        else:
            state.exists = True
            self.replaces = False
            if file.kind == FULL:
                self.progress.copy_since_us = e.mono_us
            self.alerts.clear("room", out)
            self.alerts.clear("unprotected", out)
            self.alerts.clear("set-up", out)
            if not self.config.log_interval_us:
                self.alerts.clear("lag", out)
            self.repair.stepped(file, out)
            waiting.rebuild(self)
        if self.bad:
            waiting.forget_covered(self, header)
        if self.watch.stuck is not None or self.alerts.begun:
            self.watch.restored(out)
        if self.repair.policy:
            self.repair.moved(out)
        self.advance(e.mono_us, e.utc_us, out)

    def restore_failed(self, e: events.RestoreFailed, out: list[Command]) -> None:
        """Damage at rest is looked for at once; if there is none the same file is tried again at
        the next retry.
        """
        file = self.restoring
        if file is None or file.name != e.name:
            return
        self.restoring = None
        self.keeping.shelf.spoil()
        file.refused = True
        file.error_number, file.error_text = e.error_number, e.error_text
        file.passing += passes_here(e.error_number) or (
            self.drain is None and needs_somebody(e.error_number)
        )
        file.state = CHECKING
        file.retry_at_mono_us = e.mono_us + self.rules.retry_us
        if self.drain is not None:
            self.drain.refused(file, e.mono_us, out)
        out.append(Validate(self.name, file.name))
        if e.position_lost:
            if file.kind != FULL:  # nothing is wrong with the file
                file.passing += not passes_here(e.error_number)
                file.refused = False
            standby.lost(self, out)
        self.repair.refused(file, e.mono_us, e.utc_us, out)
        self.watch.look(e.mono_us, e.utc_us, out)
        self.advance(e.mono_us, e.utc_us, out)

    def no_room(self, e: events.NoRoom, out: list[Command]) -> None:
        """The disk cannot hold a full beside the old copy. If it can hold it alone, the old copy
        makes way: the new one has landed and its hash agreed, or it would not have been handed over
        (R11). Else people are told, at every retry.
        """
        file = self.restoring
        if file is None or file.name != e.name:
            return
        self.restoring = None
        if e.old_copy_bytes and e.required_bytes <= e.free_bytes + e.old_copy_bytes:
            # where the database stands is asked after when the new one's restore is answered
            out.append(Drop(self.name))
            self._hand_over(file, True, out)
            return
        # it made way, and something else took the room
        if self.state.exists and not e.old_copy_bytes:
            self.state.exists = False
            waiting.rebuild(self)
        self.repair.steps = []
        file.refused = True
        file.passing += 1
        file.error_number, file.error_text = e.error_number, e.error_text
        file.retry_at_mono_us = e.mono_us + self.rules.retry_us
        if self.drain is not None:
            self.drain.hold(file)
        minutes = self.minutes(e.mono_us, e.utc_us)
        text = no_room_text(
            self.name, self.config.share_path + file.name, minutes, e.error_number, e.error_text
        )
        self.alerts.tell(e.mono_us, e.utc_us, "room", NO_ROOM, minutes, file.name, text, out)
        out.append(SetAlarm(self.name, "room", file.retry_at_mono_us))
        self.watch.look(e.mono_us, e.utc_us, out)
        self.advance(e.mono_us, e.utc_us, out)

    # ---- the primary
    def primary_answered(self, e: events.PrimaryAnswered, out: list[Command]) -> None:
        self.watch.answered(e, out)

    def backup_taken(self, e: events.BackupTaken, out: list[Command]) -> None:
        if e.kind == LOG:
            self.watch.log_requested = False
        elif self.drain is not None:
            self.drain.taken(e)
        else:
            self.remake.taken(e)
            self.repair.taken(e, out)

    def backup_failed(self, e: events.BackupFailed, out: list[Command]) -> None:
        if e.kind == LOG:
            self.watch.log_requested = False
        elif self.drain is not None:
            self.drain.failed(e, out)
        else:
            self.remake.failed(e)
            self.repair.failed(e, out)

    def share_answered(self, e: events.ShareAnswered, out: list[Command]) -> None:
        if self.drain is not None:
            self.drain.share_answered(e, out)
        else:
            self.repair.share_answered(e, out)

    def share_listed(self, e: events.ShareListed, out: list[Command]) -> None:
        self.fetching.listed(e)
        if self.drain is None and self.repair.policy and not self.state.exists:
            self.fetching.fetch(out)

    def stop_draining(self, mono_us: int, utc_us: int, out: list[Command]) -> None:
        """The failover has been called off: what was given up is tried again, delays and limits
        hold as before.
        """
        drain, self.drain = self.drain, None
        if drain is None:
            return
        drain.called_off(out)
        for file in drain.given_up:
            if file.state == LOST and file.name in self.files:
                file.state = BAD
                self.bad[file.name] = file
        for file in self.files.values():
            file.retry_at_mono_us = min(file.retry_at_mono_us, mono_us + self.rules.retry_us)
        self.watch.goes_on(mono_us, out)
        self.watch.look(mono_us, utc_us, out)
        self.advance(mono_us, utc_us, out)

    # ---- time
    def alarm(self, e: events.Alarm, out: list[Command]) -> None:
        if self.promoted:
            return
        what = e.what
        if what == "retry":
            self.watch.retry(e.mono_us, e.utc_us, out)
        elif what == "window":
            self.watch.window(e.mono_us, e.utc_us, out)
        elif what == "unprotected":
            if not self.state.exists and self.drain is None:
                self.watch.tell_unprotected(e.mono_us, e.utc_us, out)
        elif what == "waits":
            self.progress.look(e.mono_us, e.utc_us, out)
        elif what == "delay" or what == "room":
            self.advance(e.mono_us, e.utc_us, out)
        elif what == standby.ALARM:
            standby.alarm(self, e, out)
        elif what == "last" and self.drain is not None:
            self.drain.again(e.mono_us, e.utc_us, out)
        elif what == "job":
            self.job_open = True
            self.advance(e.mono_us, e.utc_us, out)
        elif what == "reverify":
            self.keeping.reverify(e.mono_us, out)
        elif what == "prune":
            self.keeping.prune(e.mono_us, e.utc_us, out)

    def minutes(self, mono_us: int, utc_us: int) -> int:
        """Whole minutes since the last successful restore (R12)."""
        last = self.last
        assert last is not None
        return whole_minutes(elapsed_us(mono_us, utc_us, last.mono_us, last.utc_us))


def _under(saved: dict[str, str], prefix: str) -> dict[str, str]:
    return {
        key[len(prefix) :]: value
        for key, value in saved.items()
        if key.startswith(prefix) and value
    }
