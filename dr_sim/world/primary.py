"""The primary: databases that write, and the jobs that back them up.

A job costs a fixed time and then reads its bytes from its machine's disk, shared with the other
jobs there. A log is cut when its job starts; logs go on during a full. A job that overruns its slot
skips the next. A database whose jobs are serial has them wait for each other. How a backup goes
wrong has a room of its own (backup_mishaps.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.engines import postgres_words
from dr_sim.engines.files import Unread
from dr_sim.engines.port import BackupOrder, EngineError
from dr_sim.engines.sql_server_errors import ERRORS
from dr_sim.record.kinds import KIND_ID
from dr_sim.scenario.model import BackupCost, Schedule
from dr_sim.scenario.schedule import next_start
from dr_sim.units import MINUTE_US
from dr_sim.world import backup_mishaps as mishaps
from dr_sim.world import naming, recovery_model
from dr_sim.world.agenda import Class, Entry
from dr_sim.world.backup_file import BackupFile, CarriedFile
from dr_sim.world.clock import pace
from dr_sim.world.context import Context
from dr_sim.world.log_space import LogSpace
from dr_sim.world.primary_database import (
    FIRST_LSN,
    REFUSED,
    Job,
    Order,
    PrimaryDatabase,
)
from dr_sim.world.sharing import SharedRate
from dr_sim.world.volume import BackupShare

_BEGIN = KIND_ID["truth.backup_begin"]
_FINISHED = KIND_ID["truth.backup_finished"]
SHARE = "//primary/backup"  # where no folder says otherwise
ELSEWHERE = "//elsewhere/backup"
"""The folder of other people's backups: it takes no room in our share."""
REAL_TRANSACTIONS = 4
"""The number of transactions in which a real engine commits what was written since the last backup:
enough for a log to be applied in part.
"""


class Primary:
    def __init__(
        self, context: Context, offer: Callable[[BackupFile], None]
    ) -> None:
        self.context = context
        self.offer = offer
        scenario = context.scenario
        self.databases = [
            PrimaryDatabase(i, d) for i, d in enumerate(scenario.databases)
        ]
        disk = context.clock.disk(scenario.primary.disk_bytes_s)
        self.disks = {
            m: SharedRate(context.agenda, Class.DISK, disk)
            for m in scenario.machines
        }
        self._costs: dict[Kind, BackupCost] = {
            Kind.FULL: scenario.primary.full,
            Kind.INCREMENTAL: scenario.primary.incremental,
            Kind.LOG: scenario.primary.log,
        }
        # a model knows its commits by their number; in a real one a damaged log may end after some
        # of its transactions
        self._transactions = (
            1
            if context.primary_engine.name == "model"
            else REAL_TRANSACTIONS
        )
        self._scheduled = False
        self.share_up = True
        self.share = BackupShare(
            context.agenda,
            scenario.primary.share_capacity_bytes,
            partial(mishaps.no_room, self),
        )
        self._watch_rates()
        self.share.changed.append(self._watch_rates)
        self.error_hook: Callable[
            [PrimaryDatabase, str, int, str], None
        ] = lambda db, what, number, text: None
        self.log_space = LogSpace(
            context,
            lambda db, number, text: self.error_hook(
                db, "writes", number, text
            ),
            self.catch_up,
        )
        # after a planned failover: no more writes, but a last backup can be taken
        self.quiesced = False
        self._may_come_back = scenario.brings_back
        self.over = False  # another one is the primary, for good
        # by database: its next log, on the agenda
        self._log_dues: dict[int, tuple[int, Entry]] = {}
        # may play whole lives of logs at once
        self.express: Callable[[PrimaryDatabase], int] | None = None
        # called when a backup of that database takes the ordinary steps
        self.stepped_hook: Callable[[int], None] = lambda database: None
        # called when a long backup of that database has ended
        self.finished_hook: Callable[[int], None] = lambda database: None
        # by database: when its last backup (of the log, if it has any) ended
        self.last_finished_us: dict[int, int] = {}

    def _watch_rates(self) -> None:
        """Let a limited share plan anew when a disk's rates change. A fault may limit it later."""
        for disk in self.disks.values():
            disk.replanned = self.share.plan if self.share.limited else None

    # ---- schedules
    def start(self) -> None:
        """Put the first job of every schedule from now on on the agenda, unless that has been
        done.
        """
        if self._scheduled:
            return
        self._scheduled = True
        for db in self.databases:
            for kind in Kind:
                self._schedule_next(db, kind, self.context.now_us)
            self.log_space.changed(db)

    def schedule_of(self, db: PrimaryDatabase, kind: Kind) -> Schedule:
        return (db.spec.full, db.spec.incremental, db.spec.log)[kind]

    def _schedule_next(
        self, db: PrimaryDatabase, kind: Kind, after_us: int
    ) -> None:
        at = next_start(
            self.schedule_of(db, kind),
            after_us,
            self.context.scenario.start_utc_us,
        )
        if at is not None:
            entry = self.context.agenda.at(
                at, Class.JOB, db.index, self._due, db, kind
            )
            if kind is Kind.LOG:
                self._log_dues[db.index] = at, entry

    def stands(self, database: int) -> bool:
        """Return whether nothing is backed up here any more by that database's schedule."""
        db = self.databases[database]
        return bool(db.failed) or db.writes_until_us is not None

    def _due(self, db: PrimaryDatabase, kind: Kind) -> None:
        now = self.context.agenda._now
        if self.stands(
            db.index
        ):  # nothing is backed up here any more, unless it comes back
            if self._may_come_back and not self.over:
                self._schedule_next(db, kind, now)
            return
        if kind is Kind.LOG and self.log_space.full(db):
            self.log_space.tell(db)
        taken_until_us = (
            self.express(db)
            if kind is Kind.LOG and self.express is not None
            else -1
        )
        self._schedule_next(db, kind, max(now, taken_until_us))
        if taken_until_us < 0:
            self.stepped_hook(db.index)
            self.begin(db, kind)

    # ---- one backup
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
        refused = self._refused_by_the_rules(db, order.kind)
        if refused is not None:
            words = refused.text
            if not self.context.scenario.engine.postgres_rules:
                words = (
                    f"{refused.number} {words}"  # else it begins with it
                )
            self.context.note(
                "truth.backup_skipped", db.index, int(order.kind), words, ""
            )
            self._tell_refused(db, order, refused)
            return words
        reason = self._obstacle(db, order)
        if reason == "waits":
            db.waiting.append(order)
            self.context.note(
                "truth.backup_waits", db.index, int(order.kind)
            )
            return ""
        if reason:
            self.context.note(
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
        self.context.note(
            "truth.backup_skipped",
            db.index,
            int(order.kind),
            REFUSED,
            words,
        )
        self._tell_refused(db, order, error)
        return REFUSED

    def _refused_by_the_rules(
        self, db: PrimaryDatabase, kind: Kind
    ) -> EngineError | None:
        """Return the engine's answer where no log is kept, or its chain is broken."""
        postgres = self.context.scenario.engine.postgres_rules
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
            self.error_hook(db, word, error.number, error.text)

    def _obstacle(self, db: PrimaryDatabase, order: Order) -> str:
        kind = order.kind
        if order.tail:
            for job in [
                job for k, job in db.running.items() if k is not Kind.LOG
            ]:
                mishaps.cut_off(
                    self, job
                )  # the tail takes the database for itself
            return "waits" if kind in db.running else ""
        if db.failed:
            return "primary lost"
        if db.writes_until_us is not None and not self.quiesced:
            return "fenced"
        if db.down and (kind is not Kind.LOG or order.elsewhere):
            return "its server is down"
        if db.paused and not order.elsewhere:
            return f"paused: {db.paused[-1]}"
        if kind in db.running:
            return "overrun"
        if db.spec.serial and not order.elsewhere and db.runs_ours:
            return (
                "overrun"
                if any(waiting.kind is kind for waiting in db.waiting)
                else "waits"
            )
        return ""

    def _open(
        self, db: PrimaryDatabase, order: Order
    ) -> EngineError | None:
        context = self.context
        kind = order.kind
        now = context.agenda._now
        try:
            commits, lsn = self.catch_up(db)
        except EngineError as error:  # its tail is taken, it is restoring
            return error
        engine = context.primary_engine
        name_of = db.spec.name
        utc = context.primary_utc_us()
        number = db.next_number
        name = naming.name(context, db, now, kind)
        path = f"{ELSEWHERE if order.elsewhere else context.primary_shares[db.index]}/{name}"
        size = self._size(db, kind, lsn)
        wanted = BackupOrder(
            kind, path, utc, size, number, order.copy_only, order.tail
        )
        clock, took_us = context.clock, 0
        try:
            if clock.measured and not order.tail:
                files = context.primary_files
                took_us = clock.rehearse(
                    engine, files, name_of, wanted, commits, lsn
                )
            op, began_us = clock.time(
                lambda: engine.begin_backup(name_of, wanted)
            )
        except EngineError as error:
            return error
        if (
            not order.elsewhere
        ):  # names collide only where files lie side by side
            db.name_given(name, now)
        db.files_made += 1
        h = op.header
        file = BackupFile(number, db.index, name, h, commits, now)
        job = db.running[kind] = Job(db, op, file, order, path)
        context.journal.append(
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

    def _size(self, db: PrimaryDatabase, kind: Kind, lsn: int) -> int:
        """Return the bytes of a backup that begins at that LSN."""
        if kind is Kind.LOG:
            return lsn - self.log_space.log_from(db)
        if kind is Kind.INCREMENTAL:
            return min(
                db.spec.size_bytes,
                (lsn - db.base_lsn)
                * db.spec.incremental_share_ppm
                // 1_000_000,
            )
        return db.spec.size_bytes

    def note_base(self, db: PrimaryDatabase) -> None:
        """A full or an incremental is finished, or the server believes so: what does the next
        incremental stand on?
        """
        state = self.context.primary_engine.state(db.spec.name)
        db.base_lsn = state.differential_base_lsn or db.base_lsn

    def _read(self, job: Job, size: int, cost: BackupCost) -> None:
        """Read the job's bytes from its machine's disk, as far as it comes."""
        db, kind, number = job.db, job.file.kind, job.file.number
        job.amount = size
        ours = not job.order.elsewhere
        done: Callable[[Job], None] = self._finish
        if kind is Kind.LOG and db.cut_next_ppm and ours:
            job.amount, db.cut_next_ppm = (
                size * db.cut_next_ppm // 1_000_000,
                0,
            )
            done = partial(mishaps.cut_reached, self)
        if db.log_broken and kind is not Kind.LOG:
            recovery_model.begin_chain(self, db)
        if db.show_next_ppm and kind is Kind.LOG and ours:
            mishaps.show_early(self, job, cost, db.show_next_ppm)
        disk = self.disks[db.spec.machine]
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
            self.share.begin(number, disk, job.flow, job.amount, job)

    def _needs_room(self, job: Job) -> bool:
        """Return whether the backup needs room in our share. Someone else's needs none here, nor
        does a tail by PostgreSQL's rules: its segments lie in pg_wal, and are sent from there.
        """
        tail = (
            job.order.tail and self.context.scenario.engine.postgres_rules
        )
        return not (job.order.elsewhere or tail)

    def _finish(self, job: Job) -> None:
        ours = not job.order.elsewhere
        if self.share.overfull and self._needs_room(job):
            mishaps.no_room(self, job)
            return
        context = self.context
        db = job.db
        now: int = context.agenda._now
        file = job.file
        kind = file.kind
        commits, lsn = file.commits, 0
        if kind is not Kind.LOG:
            try:
                commits, lsn = self.catch_up(db)
            except EngineError:
                # the tail was taken meanwhile and left the database restoring: the job dies
                mishaps.cut_reached(self, job)
                return
        if kind in db.hollow and ours:
            mishaps.finish_hollow(self, job)
            return
        utc = context.primary_utc_us()
        header = job.op.finish(commits, lsn, utc).header
        if kind is Kind.LOG and self.log_space.limit_bytes(db):
            self.log_space.changed(db)
        file.finished(header, context.primary_files.read(job.path), commits)
        if kind is not Kind.LOG:
            file.ends_us = now
        if kind is not Kind.LOG:
            self.note_base(db)
        if kind is Kind.LOG and not header.copy_only:
            db.crosses_fork = False
        context.witness.made(now, db.index, file.number, header, commits)
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
        self.ended(db, job)
        if ours:
            self.offer(file)
        else:
            context.file_gone(
                file, "primary", "elsewhere"
            )  # nothing of it was ever in our share
        if job.order.answer is not None:
            job.order.answer(file)

    def ended(self, db: PrimaryDatabase, job: Job) -> None:
        """End the job; the file in the share may be copied now, whole or not."""
        file = job.file
        del db.running[file.kind]
        if job.order.elsewhere:
            self.context.primary_files.delete(job.path)
            self.next_of(db)
            return
        self.share.end(file.number)
        self._keep(file)
        if file.made is not None and (
            file.kind is Kind.LOG or db.spec.log.kind == "none"
        ):
            self.last_finished_us[db.index] = now = self.context.agenda._now
            if now - file.begun_us > MINUTE_US:
                self.finished_hook(db.index)
        if self.share.limited:
            self.share.plan()
        self.next_of(db)

    def next_of(self, db: PrimaryDatabase) -> None:
        """Start the next of the jobs that wait for each other."""
        if db.waiting and (db.waiting[0].tail or not db.runs_ours):
            order = db.waiting.pop(0)
            if self.begin_order(db, order) and order.answer is not None:
                order.answer(None)

    # ---- for the express lane
    def lone_cost(self, db: PrimaryDatabase) -> tuple[int, int]:
        """Return the cost of a log backup that is alone on its machine: a fixed time, then its
        bytes at that rate (0: it is not alone).
        """
        cost = self._costs[Kind.LOG]
        return cost.fixed_us, self.disks[db.spec.machine].lone_rate(
            cost.rate_bytes_s
        )

    def log_goes_on(self, db: PrimaryDatabase, after_us: int) -> None:
        """Make the first log after that instant the next one, not the one that is due."""
        self._log_dues[db.index][1].cancel()
        self._schedule_next(db, Kind.LOG, after_us)

    def logs_due(self, at_us: int) -> list[tuple[PrimaryDatabase, Entry]]:
        """Return the databases whose next log is due at that instant, in the order in which they
        are cut, each with its entry on the agenda.
        """
        dues = sorted(
            (index, entry)
            for index, (due_us, entry) in self._log_dues.items()
            if due_us == at_us and not self.stands(index)
        )
        return [(self.databases[index], entry) for index, entry in dues]

    @property
    def cost_of_logs(self) -> BackupCost:
        return self._costs[Kind.LOG]

    def shipped(
        self,
        db: PrimaryDatabase,
        cuts_us: Sequence[int],
        commits: Sequence[int],
        made: Sequence[tuple[BackupHeader, Unread]],
    ) -> list[BackupFile]:
        """Record logs that were cut at these instants, each finished before the next was cut. Their
        names depend on those before them.
        """
        index, by_name = db.index, self.context.by_name[db.index]
        files = []
        for name, cut_us, held, (header, data) in zip(
            naming.names_of_logs(self.context, db, cuts_us),
            cuts_us,
            commits,
            made,
            strict=True,
        ):
            file = BackupFile(
                header.backup_id, index, name, header, held, cut_us
            )
            file.finished(header, data, held)
            file.at_primary = True
            by_name[name] = file
            files.append(file)
        db.files_made += len(files)
        self.share.put(made[-1][0].last_lsn - made[0][0].first_lsn)
        db.shelf.add_logs(files)
        return files

    def made(
        self, db: PrimaryDatabase, file: BackupFile, cut_us: int
    ) -> None:
        """Record that the log was cut at that instant and is finished."""
        db.name_given(file.name, cut_us)
        db.files_made += 1
        self._keep(file)

    def _keep(self, file: BackupFile) -> None:
        file.at_primary = True
        self.share.put(file.nominal_bytes)
        db = self.databases[file.database]
        if file.whole:
            db.shelf.add(file)
        else:
            db.torn.append(file)
        self.context.keep(file)

    # ---- writes, and until when
    def written(self, db: PrimaryDatabase) -> tuple[int, int]:
        """Return (commits acknowledged, LSN) by now."""
        return self.written_at(db, self._writes_until(db))

    def _writes_until(self, db: PrimaryDatabase) -> int:
        """Return now, or when the database acknowledged its last commit."""
        now: int = self.context.agenda._now
        return (
            now
            if db.writes_until_us is None
            else min(now, db.writes_until_us)
        )

    def written_at(self, db: PrimaryDatabase, t: int) -> tuple[int, int]:
        commits, lsn = self.context.workloads[db.index].written(t)
        return commits, lsn + FIRST_LSN

    def catch_up(self, db: PrimaryDatabase) -> tuple[int, int]:
        """Let the engine commit everything acknowledged so far, a real one in a few transactions;
        return (commits, LSN).
        """
        engine, name = self.context.primary_engine, db.spec.name
        t = self._writes_until(db)
        if self._transactions > 1:
            since = db.committed_us
            for i in range(1, self._transactions):
                engine.commit_to(
                    name,
                    *self.written_at(
                        db, since + (t - since) * i // self._transactions
                    ),
                )
            db.committed_us = t
        written = self.written_at(db, t)
        engine.commit_to(name, *written)
        return written

    def fail(self, db: PrimaryDatabase, failure_class: str) -> None:
        """Let the database fail: it is gone from here, and its running jobs die."""
        if db.failed:
            return
        # else it has had its last commit, and perhaps its tail taken
        wrote_until_now = db.writes_until_us is None
        if wrote_until_now:
            db.writes_until_us = self.context.now_us
        db.failed = failure_class
        self.log_space.stopped(db)
        db.waiting.clear()
        for job in list(db.running.values()):
            mishaps.cut_off(self, job)
        if wrote_until_now:
            self.catch_up(db)
            if (
                self._may_come_back
            ):  # what is offered until then is not written
                self.context.workloads[db.index].refuse_from(
                    self.context.now_us
                )
                self.context.witness.writes_changed(
                    self.context.now_us, db.index
                )

    def go_on(self, db: PrimaryDatabase) -> None:
        """It is back, and takes writes again."""
        db.writes_until_us = None
        db.committed_us = self.context.now_us
        self.log_space.changed(db)

    def fallen(self, db: PrimaryDatabase, down: bool) -> None:
        """Record that its server has fallen, with its jobs, or is up again."""
        db.down = down
        if down:
            db.waiting.clear()
            for job in list(db.running.values()):
                mishaps.cut_off(self, job)

    def stop_writes(self, db: PrimaryDatabase) -> None:
        """Stop writes, as the primary was fenced or quiesced: nothing is acknowledged from
        now on.
        """
        if db.writes_until_us is None:
            db.writes_until_us = self.context.now_us
            self.log_space.stopped(db)
            self.catch_up(db)

    def delete(self, file: BackupFile, why: str) -> None:
        """Delete a file from the primary's share."""
        if file.at_primary:
            self.let_go((file,))
            self.context.file_gone(file, "primary", why)

    def let_go(self, files: Sequence[BackupFile]) -> None:
        """Forget files of one database that lay in the share."""
        at, delete, share = (
            self.context.at_primary,
            self.context.primary_files.delete,
            self.share,
        )
        db = self.databases[files[0].database]
        for file in files:
            file.at_primary = False
            if isinstance(file, CarriedFile):
                delete(at(file))
                if file.lay_in_backup_share:
                    share.remove(file.nominal_bytes)
                continue
            # seen before it was finished, and not a file of its own yet
            if not share.writing(file.number):
                share.remove(file.nominal_bytes)
            if not file.whole and file in db.torn:
                db.torn.remove(file)
            delete(at(file))
        mine = [file for file in files if file.whole and not file.carried]
        db.shelf.remove(*[file.name for file in mine])
