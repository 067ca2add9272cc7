"""The jobs that back up the primary's databases.

A job costs a fixed time and then reads its bytes from its machine's disk, shared with the other
jobs there. A log is cut when its job starts; logs continue during a full. A job that overruns its
slot skips the next. A database whose jobs are serial has them wait for each other. So do fulls and
incrementals of two chains by SQL Server's rules. How a backup goes wrong has a room of its own
(backup_mishaps.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.engines import postgres_words
from dr_sim.engines.port import BackupOrder, EngineError
from dr_sim.engines.sql_server_errors import ERRORS
from dr_sim.record.kinds import KIND_ID
from dr_sim.scenario.model import BackupCost
from dr_sim.units import MINUTE_US
from dr_sim.world.kernel.clock import pace
from dr_sim.world.kernel.volume import Writing
from dr_sim.world.primary import backup_mishaps as mishaps
from dr_sim.world.primary import naming, recovery_model
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary_database import (
    FIRST_LSN,
    REFUSED,
    Job,
    Order,
    PrimaryDatabase,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.context import Context
    from dr_sim.world.primary.primary import Primary

_BEGIN = KIND_ID["truth.backup_begin"]
_FINISHED = KIND_ID["truth.backup_finished"]

ELSEWHERE = "//elsewhere/backup"
"""The folder of other people's backups: it takes no room in our share."""
WAITS = "waits"
"""Not an obstacle: the backup begins when the one before it is finished."""


class BackupJobs:
    """Backups of one primary: those that run, and those that wait for another one."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary
        self._context = primary.context
        costs = primary.context.scenario.primary
        self._costs: dict[Kind, BackupCost] = {
            Kind.FULL: costs.full,
            Kind.INCREMENTAL: costs.incremental,
            Kind.LOG: costs.log,
        }

    def begin(
        self,
        db: PrimaryDatabase,
        kind: Kind,
        answer: Callable[[BackupFile | None], None] | None = None,
        tail: bool = False,
    ) -> str:
        """Start a backup; return '' or why there is none. answer is called with the finished file,
        None if it died.
        """
        return self.begin_order(db, Order(kind, answer, tail))

    def begin_order(self, db: PrimaryDatabase, order: Order) -> str:
        context = self.context_of(order)
        refused = self._refused_by_the_rules(db, order.kind)
        if refused is not None:
            words = refused.text
            if not self._context.scenario.engine.postgres_rules:
                words = (
                    f"{refused.number} {words}"  # else it begins with it
                )
            context.note(
                "truth.backup_skipped", db.index, int(order.kind), words, ""
            )
            self._tell_refused(db, order, refused)
            return words
        reason = self._obstacle(db, order)
        if reason == WAITS:
            db.waiting.append(order)
            context.note("truth.backup_waits", db.index, int(order.kind))
            return ""
        if reason:
            context.note(
                "truth.backup_skipped",
                db.index,
                int(order.kind),
                reason,
                "",
            )
            return reason
        error = self._open(db, order)
        if error is None:
            return ""
        # each engine has its own words, which are recorded; the recovery manager gets the same text
        # for all
        words = f"{error.number} {error.text}"
        context.note(
            "truth.backup_skipped",
            db.index,
            int(order.kind),
            REFUSED,
            words,
        )
        self._tell_refused(db, order, error)
        return REFUSED

    def context_of(self, order: Order) -> Context:
        """Return the context in which a backup is recorded."""
        if order.only_for is not None:
            return order.only_for.context
        return self._context.of_kind(order.kind)

    def _refused_by_the_rules(
        self, db: PrimaryDatabase, kind: Kind
    ) -> EngineError | None:
        """Return the engine's answer where no log is kept, or its chain is broken."""
        postgres = self._context.scenario.engine.postgres_rules
        if kind is Kind.LOG and (db.simple or db.log_broken):
            number = 4208 if db.simple else 4214
        elif postgres and db.simple:  # wal_level=minimal: no backup at all
            number = 4208
        elif postgres and kind is Kind.INCREMENTAL and db.log_broken:
            number = 3035
        else:
            return None
        if postgres:
            return postgres_words.refusal(number)
        return EngineError(number, ERRORS[number])

    def _tell_refused(
        self, db: PrimaryDatabase, order: Order, error: EngineError
    ) -> None:
        """Write it into the primary's error log, which the recovery manager reads."""
        takes_writes = not db.failed and db.writes_until_us is None
        if takes_writes and not order.elsewhere and not order.tail:
            word = order.kind.word
            self._primary.error_hook(db, word, error.number, error.text)

    def _obstacle(self, db: PrimaryDatabase, order: Order) -> str:
        kind, primary = order.kind, self._primary
        if order.tail:
            for job in db.jobs:
                if job.file.kind is not Kind.LOG:
                    mishaps.cut_off(self._primary, job)
            return WAITS if self._waits(db, order) else ""
        if db.failed:
            return "primary lost"
        stopped = db.writes_until_us is not None
        backs_up_yet = primary.quiesced and not primary.succeeded
        if stopped and not backs_up_yet:
            return "fenced"
        if db.down and (kind is not Kind.LOG or order.elsewhere):
            return "its server is down"
        if db.paused and not order.elsewhere:
            return f"paused: {db.paused[-1]}"
        if self._is_running(db, order):
            return "overrun"
        if self._waits(db, order):
            return "overrun" if _is_waiting(db, order) else WAITS
        return ""

    def _is_running(self, db: PrimaryDatabase, order: Order) -> bool:
        """Return whether the one before of the same schedule is still being made."""
        if order.only_for is not None:
            return (order.only_for.place, order.kind) in db.own_running
        return order.kind in db.running

    def _is_blocked(self, db: PrimaryDatabase, order: Order) -> bool:
        """Return whether a backup waits for one of another chain. SQL Server makes one full or
        incremental of a database at a time, and one log; PostgreSQL makes several base backups side
        by side, and each archive gets the same segments.
        """
        if order.elsewhere or self._context.scenario.engine.postgres_rules:
            return False
        if order.kind is Kind.LOG:
            return db.runs_log
        if order.only_for is not None:
            return db.runs_data
        own = db.own_running.values()
        return any(job.file.kind is not Kind.LOG for job in own)

    def _waits(self, db: PrimaryDatabase, order: Order) -> bool:
        """Return whether it waits for another job of ours."""
        if order.tail:
            return db.runs_log
        serial = db.spec.serial and not order.elsewhere and db.runs_ours
        return serial or self._is_blocked(db, order)

    def _open(
        self, db: PrimaryDatabase, order: Order
    ) -> EngineError | None:
        context = self._context
        kind = order.kind
        now = context.agenda._now
        try:
            commits, lsn = self._primary.catch_up(db)
        except EngineError as error:  # its tail is taken, it is restoring
            return error
        engine = context.primary_engine
        name_of = db.spec.name
        utc = context.primary_utc_us()
        number = db.next_number
        name = naming.name(context, db, now, kind)
        path = f"{ELSEWHERE if order.elsewhere else context.primary_shares[db.index]}/{name}"
        size = self._size(db, order, lsn)
        wanted = BackupOrder(
            kind,
            path,
            utc,
            size,
            number,
            order.copy_only,
            order.tail,
            order.chain,
        )
        clock, took_us, began_us = context.clock, 0, 0
        try:
            if clock.measured and not order.tail:
                files = context.primary_files
                took_us = clock.rehearse(
                    engine, files, name_of, wanted, commits, lsn
                )
            if clock.measured:
                op, began_us = clock.time(
                    lambda: engine.begin_backup(name_of, wanted)
                )
            else:
                op = engine.begin_backup(name_of, wanted)
        except EngineError as error:
            return error
        if (
            not order.elsewhere
        ):  # names collide only where files lie side by side
            db.name_given(name, now)
        db.files_made += 1
        h = op.header
        file = BackupFile(number, db.index, name, h, commits, now)
        job = Job(db, op, file, order, path)
        db.begins(job)
        self.context_of(order).journal.append(
            _BEGIN,
            now,
            db.index,
            number,
            kind,
            h.fork,
            h.first_lsn,
            h.last_lsn,
            commits,
        )
        cost = self._costs[kind]
        if order.only_for is not None and kind is Kind.FULL:
            cost = order.only_for.cost
        if clock.measured:
            cost = pace(size, took_us or began_us)
            clock.note(
                now,
                db.index,
                number,
                f"{kind.word} backup",
                took_us or began_us,
            )
        self._read(job, size, cost)
        return None

    def _size(self, db: PrimaryDatabase, order: Order, lsn: int) -> int:
        """Return the bytes of a backup that begins at that LSN."""
        kind, chain = order.kind, order.chain
        if kind is Kind.LOG:
            return lsn - self._primary.log_space.log_from(db, chain)
        if kind is Kind.INCREMENTAL:
            base_lsn = db.base_lsn
            if chain:
                base_lsn = db.own_bases.get(chain, FIRST_LSN)
            return min(
                db.spec.size_bytes,
                (lsn - base_lsn)
                * db.spec.incremental_share_ppm
                // 1_000_000,
            )
        return db.spec.size_bytes

    def note_base(self, db: PrimaryDatabase) -> None:
        """A full or an incremental is finished, or the server believes so: what does the next
        incremental stand on?
        """
        state = self._context.primary_engine.state(db.spec.name)
        db.base_lsn = state.differential_base_lsn or db.base_lsn

    def _read(self, job: Job, size: int, cost: BackupCost) -> None:
        """Read the job's bytes from its machine's disk, as far as it comes."""
        db, kind, number = job.db, job.file.kind, job.file.number
        job.amount = size
        ours = job.order.of_schedules
        done: Callable[[Job], None] = self._finish
        if kind is Kind.LOG and db.cut_next_ppm and ours:
            job.amount, db.cut_next_ppm = (
                size * db.cut_next_ppm // 1_000_000,
                0,
            )
            done = partial(mishaps.cut_reached, self._primary)
        if db.log_broken and self._begins_chain(job):
            recovery_model.begin_chain(self._primary, db)
        if db.show_next_ppm and kind is Kind.LOG and ours:
            mishaps.show_early(self._primary, job, cost, db.show_next_ppm)
        disk = self._primary.disks[db.spec.machine]
        job.flow = disk.start(
            db.index,
            job.amount,
            cost.rate_bytes_s,
            done,
            job,
            0,
            cost.fixed_us,
        )
        if self._needs_room(job):
            failed = partial(mishaps.no_room, self._primary, job)
            self._primary.share.begin(
                number, Writing(disk, job.flow, job.amount, failed)
            )

    def _begins_chain(self, job: Job) -> bool:
        """Return whether logs can follow a job. By SQL Server's rules a copy-only full begins no
        chain of logs.
        """
        if job.file.kind is Kind.LOG:
            return False
        postgres = self._context.scenario.engine.postgres_rules
        return postgres or job.order.only_for is None

    def _needs_room(self, job: Job) -> bool:
        """Return whether the backup needs room in our share. Someone else's needs none here, nor
        does a tail by PostgreSQL's rules: its segments lie in pg_wal, and are sent from there.
        """
        tail = (
            job.order.tail and self._context.scenario.engine.postgres_rules
        )
        return not (job.order.elsewhere or tail)

    def _finish(self, job: Job) -> None:
        if self._primary.share.overfull and self._needs_room(job):
            mishaps.no_room(self._primary, job)
            return
        context = self.context_of(job.order)
        db = job.db
        now: int = context.agenda._now
        file = job.file
        kind = file.kind
        commits, lsn = file.commits, 0
        if kind is not Kind.LOG:
            try:
                commits, lsn = self._primary.catch_up(db)
            except EngineError:
                # the tail was taken meanwhile and left the database restoring: the job dies
                mishaps.cut_reached(self._primary, job)
                return
        if kind in db.hollow and job.order.of_schedules:
            mishaps.finish_hollow(self._primary, job)
            return
        rot = db.rot if kind is Kind.FULL else None
        if rot is not None and rot.backup_reads(job):
            return
        utc = context.primary_utc_us()
        header = job.op.finish(commits, lsn, utc).header
        if kind is Kind.LOG and self._primary.log_space.limit_bytes(db):
            self._primary.log_space.changed(db)
        file.finished(header, context.primary_files.read(job.path), commits)
        if kind is not Kind.LOG:
            file.ends_us = now
        chain = job.order.chain
        if kind is not Kind.LOG and chain:
            db.own_bases[chain] = header.first_lsn
        elif kind is not Kind.LOG:
            self.note_base(db)
        elif not header.copy_only:
            db.crossed.add(chain)
            self._context.truncated_for_others(
                context, db.index, header, commits
            )
        if rot is not None:
            context.witness.made_rotten(
                db.index, file.number, header, commits
            )
            file.rotten = True
        else:
            context.witness.made(
                now, db.index, file.number, header, commits
            )
        context.journal.append(
            _FINISHED,
            now,
            db.index,
            file.number,
            kind,
            header.fork,
            header.first_lsn,
            header.last_lsn,
            commits,
            file.nominal_bytes,
            context.journal.texts[file.name],
        )
        if rot is not None:
            rot.full_made(file, context)
        self.ended(db, job)
        self.offer(job)
        if job.order.answer is not None:
            job.order.answer(file)

    def offer(self, job: Job) -> None:
        """Offer the file of a job that has ended to those whom it is for, whole or not."""
        order, file = job.order, job.file
        if order.elsewhere:  # nothing of it was ever in our share
            context = self.context_of(order)
            context.file_gone(file, "primary", "elsewhere")
        elif order.only_for is not None:
            order.only_for.offer(file)
        else:
            self._primary.offer(file)

    def ended(self, db: PrimaryDatabase, job: Job) -> None:
        """End the job; the file in the share may be copied now, whole or not."""
        file = job.file
        db.ends(job)
        if job.order.elsewhere:
            self._context.primary_files.delete(job.path)
            self.next_of(db)
            return
        self._primary.share.end(file.number)
        if job.order.only_for is None:
            self._primary.keep(file)
        else:
            self._primary.keep_only_for(job.order.only_for, file)
        if file.made is not None and (
            file.kind is Kind.LOG or db.spec.log.kind == "none"
        ):
            self._primary.last_finished_us[db.index] = now = (
                self._context.agenda._now
            )
            if now - file.begun_us > MINUTE_US:
                self._primary.finished_hook(db.index)
        if self._primary.share.limited:
            self._primary.share.plan()
        self.next_of(db)

    def next_of(self, db: PrimaryDatabase) -> None:
        """Start the next of the jobs that wait for each other."""
        may = (each for each in db.waiting if not self._waits(db, each))
        order = next(may, None)
        if order is None:
            return
        db.waiting.remove(order)
        if self.begin_order(db, order) and order.answer is not None:
            order.answer(None)


def _is_waiting(db: PrimaryDatabase, order: Order) -> bool:
    """Return whether one of the same schedule waits already."""
    return any(
        waiting.kind is order.kind and waiting.only_for is order.only_for
        for waiting in db.waiting
    )
