"""The secondary: files land, are validated (validation.py), copied and restored. All of that shares
its disk. Restores share the redo workers, and a database has one restore at a time. A restore
reads a working copy (restore_folder.py), which its worker makes first if no earlier attempt has
left one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.own_errors import refusal as own_refusal
from dr_sim.engines.port import EngineError, RestoreOp
from dr_sim.oracle.witnessed import HandOver
from dr_sim.record.kinds import KIND_ID
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.clock import DoneRestore, pace
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.backup_file import BackupFile, FilesOfRun
from dr_sim.world.secondary.readers import StandbyReaders
from dr_sim.world.secondary.restore_durations import RestoreDurations
from dr_sim.world.secondary.restore_folder import RestoreFolder
from dr_sim.world.secondary.restore_job import RestoreJob
from dr_sim.world.secondary.secondary_work import NOT_THERE, StopAt, Work
from dr_sim.world.secondary.setup import SetUp
from dr_sim.world.secondary.standby_copies import (
    DATA_DISK,
    Break,
    StandbyCopies,
)
from dr_sim.world.secondary.validation import Validation

if TYPE_CHECKING:
    from dr_sim.world.roles.reach import Reach

_LANDED = KIND_ID["truth.landed"]
_RESTORED = KIND_ID["truth.restored"]
SHARE = "//secondary/landing"  # where no folder says otherwise
GONE = (60028, "The database is not there any more.")
CHANGED = (
    60029,
    "The file was written again after it was validated; it is not handed over before it "
    "is validated anew.",
)
NO_ROOM = (
    60007,
    "There is no room in the restore folder for a working copy of the file.",
)


class Secondary:
    """The secondary. landed_hook is called with every file that lands."""

    def __init__(
        self, context: Context, attempts_in_store: Callable[[str, str], int]
    ) -> None:
        self._context = context
        self._spec = context.scenario.secondary
        self._workers = context.scenario.replay.workers
        self._restoring: dict[int, Work] = {}
        self._waiting: deque[Work] = deque()
        self._attempts_in_store = attempts_in_store
        self.readers = StandbyReaders(context)
        self.set_up = SetUp(context)
        self.job = RestoreJob(self._start)
        # a full of that database has been restored
        self.full_hook: Callable[[int], None] = lambda database: None
        # by database: when the last restore ended, and the instant up to which its backup holds the
        # writes
        self.last_restored: dict[int, tuple[int, int]] = {}
        self.reach: Reach  # it looks at the whole world, so it is set later
        self.landed_hook: Callable[[BackupFile], None] = lambda file: None
        self.stands_at_its_site()

    def stands_at_its_site(self) -> None:
        """Stand at the site that the context names. Nothing has been done there yet."""
        context = self._context
        disks = context.secondary_site.standby_disks(
            context.scenario, context.agenda, context.clock
        )
        self.disk, self.share, self.data = (
            disks.rate,
            disks.share,
            disks.data,
        )
        self.restore_durations = RestoreDurations(context, disks.slowness)
        self.validation = Validation(context, self.disk)
        self.copies = StandbyCopies(context, self.data)
        self.restore_folder = RestoreFolder(
            context.secondary_files,
            context.at_secondary,
            self.share,
            not self._spec.copy_bytes_s,
        )

    def lets_go(self) -> None:
        """Leave the role: roles have changed. What lies in the share and in the databases stays."""
        self.copies.let_go()
        self.restore_folder.clear()

    # ---- landing
    def land(self, file: BackupFile, data: bytes) -> None:
        context = self._context
        now: int = context.agenda._now
        context.secondary_files.write(context.at_secondary(file), data)
        self.restore_folder.drop(file)
        file.at_secondary = True
        file.validated = False
        file.landings += 1
        intact = file.whole and file.agrees(data)
        h = file.header
        context.journal.append(
            _LANDED,
            now,
            file.database,
            file.number,
            file.kind,
            h.fork,
            h.first_lsn,
            h.last_lsn,
            intact,
            context.journal.texts[file.name],
        )
        context.witness.landed(now, file.database, file.number, intact)
        self.reach.landed(file, intact)
        self.landed_hook(file)

    def delete(self, file: BackupFile, why: str) -> None:
        if file.at_secondary:
            self.let_go((file,))
            self._context.file_gone(file, "secondary", why)

    def let_run_go(self, files: FilesOfRun) -> None:
        """Forget the logs of a run that lay in the share."""
        files.at_secondary = False
        self.share.remove(files.size_bytes)
        folder = self._context.secondary_shares[files.database]
        self._context.secondary_files.delete_run(folder, files.run)

    def let_go(self, files: Sequence[BackupFile]) -> None:
        """Forget files that lay in the share."""
        at, delete = (
            self._context.at_secondary,
            self._context.secondary_files.delete,
        )
        for file in files:
            file.at_secondary = False
            self.share.remove(file.nominal_bytes)
            delete(at(file))
            self.restore_folder.drop(file)

    # ---- restore
    def restore(
        self,
        file: BackupFile,
        replace: bool,
        incarnation: int,
        done: Callable[[Work, RestoreState | None, int, str], None],
        stop: StopAt | None = None,
    ) -> None:
        """Hand the file to the engine when a worker is free; done(work, state, 0, '') or done(work,
        None, number, text).
        """
        self.job.take(Work(file, incarnation, done, replace, stop))

    def _start(self, work: Work) -> None:
        if len(self._restoring) < self._workers:
            self._begin(work)
        else:
            self._waiting.append(work)

    def _begin(self, work: Work) -> None:
        file = work.file
        self._restoring[file.database] = work
        work.begun_us = self._context.now_us
        rate = self._spec.copy_bytes_s
        if not rate or self.restore_folder.path_of(file):
            self._hand_over(work)
        elif self.restore_folder.claim(file):
            work.flow = self.disk.start(
                file.database,
                file.nominal_bytes,
                rate,
                self._hand_over,
                work,
            )
        else:
            self._not_copied(work, NO_ROOM)

    def _hand_over(self, work: Work) -> None:
        """Let the engine open the working copy."""
        context = self._context
        file = work.file
        name = file.database_name
        now: int = context.agenda._now
        attempts = self._attempts_in_store(name, file.name)
        if work.landings != file.landings:
            self._not_copied(work, CHANGED)
            return
        try:
            path = self.restore_folder.path_of(
                file
            ) or self.restore_folder.make(file, attempts)
        except KeyError:
            self.restore_folder.drop(file)
            self._not_copied(work, NOT_THERE)
            return
        content = work.content
        intact = content.agrees(context.secondary_files.read(path))
        handed = HandOver(
            file.number,
            attempts,
            intact,
            file.validated,
            content.number,
            content.database != file.database,
        )
        context.witness.handed_over(now, file.database, handed)
        fixed_us, amount = self.restore_durations.of(
            name, file.kind, file.begun_us, attempts, content.nominal_bytes
        )
        try:
            in_use = self.readers.refusal(file.database)
            if in_use is not None:
                raise in_use
            differs = self.set_up.refusal(content)
            if differs is not None:
                raise differs
            if file.kind is Kind.FULL:
                self._claim(work)
            elif file.database in self.copies.unusable:
                raise self.copies.unusable[file.database]
            op: RestoreOp = context.secondary_engine.begin_restore(
                name,
                path,
                replace=work.replace,
                stop_at=None
                if work.stop is None
                else (work.stop.commits, work.stop.lsn),
            )
            work.op = (
                DoneRestore(context.clock, op)
                if context.clock.measured
                else op
            )
        except EngineError as error:
            self.data.remove(work.claimed_bytes)
            work.claimed_bytes = 0
            work.flow = None
            number, text = error.number, error.text
            self._refused(work, intact and in_use is None)
            work.entry = context.agenda.at(
                now + fixed_us,
                Class.DISK,
                file.database,
                self._over,
                work,
                None,
                number,
                text,
            )
            return
        rate = self._spec.restore[file.kind].rate_bytes_s
        if isinstance(work.op, DoneRestore):
            context.clock.note(
                now,
                file.database,
                content.number,
                f"{file.kind.word} restore",
                work.op.took_us,
            )
            cost = pace(amount, work.op.took_us)
            fixed_us, rate = cost.fixed_us, cost.rate_bytes_s
        work.flow = self.disk.start(
            file.database, amount, rate, self._finish, work, 0, fixed_us
        )

    def _refused(self, work: Work, whole: bool) -> None:
        """Note that nobody could have done better with the backup: it is whole and fits the copy,
        or there is no room for it.
        """
        header = work.content.header
        state = self._context.secondary_engine.state(
            work.file.database_name
        )
        fits = header.kind is Kind.FULL
        if header.kind is Kind.INCREMENTAL:
            fits = (
                state.exists
                and header.differential_base_lsn
                == state.differential_base_lsn
            )
        elif header.kind is Kind.LOG:
            fits = (
                state.exists
                and header.fork == state.fork
                and header.first_lsn <= state.redo_lsn < header.last_lsn
            )
        if work.lacks is not None or (whole and fits):
            self.reach.refused(work.file.database)

    def _not_copied(self, work: Work, why: tuple[int, str]) -> None:
        agenda = self._context.agenda
        if why is NO_ROOM:
            self.reach.refused(work.file.database)
        work.flow = None
        work.entry = agenda.at(
            agenda._now,
            Class.DISK,
            work.file.database,
            self._over,
            work,
            None,
            *why,
        )

    # ---- the data disk
    def _claim(self, work: Work) -> None:
        """Claim room for a full beside everything that is there: an old copy is dropped when the
        new one is whole. Raises EngineError.
        """
        file = work.file
        size = file.nominal_bytes
        if not self.data.fits(size):
            free = self.data.free_bytes
            work.lacks = (size, free, self.copies.room_of(file.database))
            raise self._context.secondary_engine.no_space(
                "restore",
                db=file.database_name,
                volume=DATA_DISK,
                required=size,
                free=free,
            )
        work.claimed_bytes = size
        self.data.put(size)

    def break_copy(self, database: int, how: Break, why: str) -> None:
        """Break the copy of a database; the files in the landing share stay."""
        self.abort(database)
        self.copies.break_one(database, how, why)

    def _unclaim(self, work: Work) -> None:
        """Release the room of a restore that failed; an old copy that the attempt has cost is gone
        too.
        """
        if work.file.kind is Kind.FULL:
            self.data.remove(work.claimed_bytes)
            work.claimed_bytes = 0
            self.copies.lost_by_restore(
                work.file.database, work.file.database_name
            )

    def at_work_on(self, database: int) -> set[int]:
        """Return the numbers of a database's files that are being validated or restored, or wait
        for that.
        """
        work = [*self.validation.under_way, *self._waiting]
        work += self._restoring.values()
        return {
            each.file.number
            for each in work
            if each.file.database == database
        }

    # ---- for the express lane
    @property
    def idle(self) -> bool:
        return not (
            self._restoring
            or self.validation.under_way
            or self._waiting
            or self.readers
            or self.job.off_for
            or self.set_up.differences
        )

    def lone_rates(self) -> tuple[int, int]:
        """Return the rates at which a log that is alone here would be hashed and restored; 0: it
        would not be alone.
        """
        return self.disk.lone_rate(
            self._spec.hash_bytes_s
        ), self.disk.lone_rate(self._spec.restore[Kind.LOG].rate_bytes_s)

    @property
    def copy_rate(self) -> int:
        """Return the rate at which a log that is alone would be copied; 0: copying takes no
        time.
        """
        return (
            self.disk.lone_rate(self._spec.copy_bytes_s)
            if self._spec.copy_bytes_s
            else 0
        )

    def took(self, size_bytes: int) -> None:
        """Record that quiet logs of that size landed, were hashed, copied and restored."""
        self.share.put(size_bytes)

    # ---- the end of a restore
    def _finish(self, work: Work) -> None:
        context = self._context
        file = work.file
        now: int = context.agenda._now
        assert work.op is not None
        engine = context.secondary_engine
        try:
            state = work.op.finish()
        except EngineError as error:
            self._unclaim(work)
            context.witness.restore_failed(
                now, file.database, engine.state(file.database_name)
            )
            self._refused(work, work.content.agrees(self._bytes_of(work)))
            self._over(work, None, error.number, error.text)
            return
        self._restored(work, state)
        self._over(work, state, 0, "")

    def _restored(self, work: Work, state: RestoreState) -> None:
        """Record that the backup is in the database."""
        context, file = self._context, work.file
        now: int = context.agenda._now
        if work.claimed_bytes:
            self.data.remove(work.claimed_bytes)
            self.copies.put(file.database, work.claimed_bytes)
        if file.kind is Kind.FULL:
            self.copies.unusable.pop(file.database, None)
        self.restore_folder.drop(file)
        self.reach.restored(file.database)
        reading = context.secondary_engine.read_witness(file.database_name)
        number = work.content.number
        self.last_restored[file.database] = now, work.content.ends_us
        context.witness.restored(
            now,
            file.database,
            number,
            state,
            reading,
            work.stop.commits if work.stop else None,
        )
        context.journal.append(
            _RESTORED,
            now,
            file.database,
            number,
            state.fork,
            state.redo_lsn,
            reading.commits,
        )
        if file.kind is Kind.FULL:
            self.full_hook(file.database)

    def _bytes_of(self, work: Work) -> bytes:
        """Return the bytes that were read; nothing if the file is gone."""
        path = self.restore_folder.path_of(work.file)
        try:
            return self._context.secondary_files.read(path) if path else b""
        except KeyError:
            return b""

    def _over(
        self, work: Work, state: RestoreState | None, number: int, text: str
    ) -> None:
        del self._restoring[work.file.database]
        if self._waiting:
            self._begin(self._waiting.popleft())
        work.done(work, state, number, text)

    def abort(self, database: int) -> None:
        """Fail the restore into a database that is gone."""
        work = self._restoring.get(database)
        if work is None:
            return
        if work.entry is not None:
            work.entry.cancel()
        elif work.flow is not None:
            self.disk.stop(work.flow)
        work.op = None
        self._unclaim(work)
        work.entry = self._context.agenda.at(
            self._context.now_us,
            Class.DISK,
            database,
            self._over,
            work,
            None,
            *GONE,
        )

    def end_restore(
        self, database: int, begun_before_us: int
    ) -> int | None:
        """Kill the session that restores into a database, if it began before that instant; the
        restore then fails. Return when it began if it continues, -1 if it waits for a worker; None:
        it was killed.
        """
        work = self._restoring.get(database)
        if work is None:
            return -1
        context = self._context
        now = context.now_us
        reads, ends = work.flow, work.entry
        over = reads is not None and ends is not None
        if work.begun_us >= begun_before_us or over:
            return work.begun_us
        if reads is not None:
            self.disk.stop(reads)
        elif ends is not None:  # it has yet to say that it refuses
            ends.cancel()
        if isinstance(
            work.op, DoneRestore
        ):  # the server itself has finished
            work.entry = context.agenda.at(
                now, Class.DISK, database, self._finish, work
            )
            return None
        if work.op is not None:
            work.op.abort(500_000)
        self._unclaim(work)
        engine = context.secondary_engine
        context.witness.restore_failed(
            now, database, engine.state(work.file.database_name)
        )
        if (
            now - work.begun_us
            >= context.scenario.failover.restore_limit_us
        ):
            context.witness.restore_hung(database)
        error = (
            engine.refusal(596)
            if isinstance(engine, ModelEngine)
            else own_refusal(60031)
        )
        work.entry = context.agenda.at(
            now,
            Class.DISK,
            database,
            self._over,
            work,
            None,
            error.number,
            error.text,
        )
        return None

    # ---- the end of a manager
    def abort_all(self) -> None:
        """Kill all sessions, as the recovery manager died: half-finished restores are undone by the
        engine's rules.
        """
        self._waiting.clear()
        self.readers.admit_all()
        self.job.forget()
        self.validation.abort_all()
        for work in list(self._restoring.values()):
            left = 0
            if work.entry is not None:
                work.entry.cancel()
            elif work.flow is not None:
                left = self.disk.stop(work.flow)
            if work.op is None and work.flow is not None:
                file = work.file
                attempts = self._attempts_in_store(
                    file.database_name, file.name
                )
                self.restore_folder.leave_part(
                    file, attempts, file.nominal_bytes - left
                )
            elif (
                isinstance(work.op, DoneRestore)
                and work.op.state is not None
            ):
                self._restored(
                    work, work.op.state
                )  # nobody is notified; the next life sees it
            elif work.op is not None:
                work.op.abort(500_000)
                self._unclaim(work)
                engine = self._context.secondary_engine
                state = engine.state(work.file.database_name)
                self._context.witness.restore_failed(
                    self._context.now_us, work.file.database, state
                )
        self._restoring.clear()
