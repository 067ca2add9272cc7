"""The primary: databases that write, and the jobs that back them up.

A job costs a fixed time and then reads its bytes from its machine's disk, shared with the other jobs there. A log is
cut when its job starts; logs go on during a full. A job that overruns its slot skips the next. A database whose jobs
are serial has them wait for each other. A job that dies leaves the part of its file that was written, without a
manifest, and has not truncated the log. A job that finds the share full fails (3202) and leaves no file; it is tried
again at its next time.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.backups.model import Kind
from dr_sim.backups.names import backup_name
from dr_sim.backups.retention import Shelf
from dr_sim.engines.port import Backup, EngineError
from dr_sim.journal import KIND_ID
from dr_sim.scenario.model import BackupCost, Database, Schedule
from dr_sim.world.agenda import Class
from dr_sim.world.backup_file import FILE_BITS, BackupFile
from dr_sim.world.context import Context
from dr_sim.world.log_space import LogSpace
from dr_sim.world.schedule import last_start, next_start
from dr_sim.world.sharing import Flow, SharedRate
from dr_sim.world.volume import BackupShare

_BEGIN = KIND_ID["truth.backup_begin"]
_FINISHED = KIND_ID["truth.backup_finished"]
SHARE = "//primary/backup"
FIRST_LSN = 1  # of every database: 0 is no LSN, a base of 0 means none
NAME_MEMORY_US = 60_000_000  # names are by the second; after a quiet minute all are forgotten
LONGEST_MEMORY_US = 3_600_000_000  # of one that is never quiet: a log each second and fulls between run ahead by seconds a day


class Job:
    """One backup being made."""

    __slots__ = ("amount", "answer", "db", "file", "flow", "op")

    def __init__(
        self, db: PrimaryDatabase, op: Backup, file: BackupFile, answer: Callable[[BackupFile | None], None] | None
    ) -> None:
        self.db = db
        self.op = op
        self.file = file
        self.answer = answer
        self.flow: Flow | None = None
        self.amount = 0  # what it reads before it ends, or before it dies


class PrimaryDatabase:
    """One database at the primary. writes_until_us: it acknowledges nothing from then on (None: it goes on)."""

    __slots__ = (
        "cut_next_ppm", "failed", "files_made", "index", "last_full_lsn", "named", "named_us", "paused", "running", "shelf",
        "spec", "torn", "waiting", "writes_until_us",
    )  # fmt: skip

    def __init__(self, index: int, spec: Database) -> None:
        self.index = index
        self.spec = spec
        self.running: dict[Kind, Job] = {}
        self.waiting: list[tuple[Kind, Callable[[BackupFile | None], None] | None, bool]] = []
        self.paused: list[str] = []
        self.files_made = 0
        self.shelf = Shelf()  # the whole files in the share, for retention
        self.torn: list[BackupFile] = []  # the others there
        self.named: dict[str, int] = {}  # names given lately, and when, oldest first: the next must differ from them
        self.named_us = 0
        self.last_full_lsn = FIRST_LSN
        self.cut_next_ppm = 0  # a fault: the next log backup is cut off at this part of its bytes
        self.failed = ""  # the failure class that took it
        self.writes_until_us: int | None = None

    def names_taken(self, now_us: int) -> dict[str, int]:
        """The names that a backup begun now could collide with."""
        named = self.named
        if now_us - self.named_us > NAME_MEMORY_US:
            named.clear()
        while named and now_us - named[oldest := next(iter(named))] > LONGEST_MEMORY_US:
            del named[oldest]
        return named

    def name_given(self, name: str, now_us: int) -> None:
        self.named[name] = self.named_us = now_us


class Primary:
    def __init__(self, context: Context, offer: Callable[[BackupFile], None]) -> None:
        self._context = context
        self._offer = offer
        scenario = context.scenario
        self.databases = [PrimaryDatabase(i, d) for i, d in enumerate(scenario.databases)]
        disk = scenario.primary.disk_bytes_s
        self._disks = {m: SharedRate(context.agenda, Class.DISK, disk) for m in scenario.machines}
        self._costs: dict[Kind, BackupCost] = {
            Kind.FULL: scenario.primary.full,
            Kind.INCREMENTAL: scenario.primary.incremental,
            Kind.LOG: scenario.primary.log,
        }
        self.share_up = True
        self.share = BackupShare(context.agenda, scenario.primary.share_capacity_bytes, self._no_room)
        for shared in self._disks.values():
            shared.replanned = self.share.plan if self.share.limited else None
        self.share.changed.append(self._watch_rates)
        self.error_hook: Callable[[PrimaryDatabase, str, int, str], None] = lambda db, what, number, text: None
        self.log_space = LogSpace(context, lambda db, number, text: self.error_hook(db, "writes", number, text))
        self.express: Callable[[PrimaryDatabase], int] | None = None  # may do whole lives of logs at once

    # ---- schedules ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Put the first job of every schedule on the agenda."""
        for db in self.databases:
            for kind in Kind:
                self._schedule_next(db, kind, 0)
            self.log_space.changed(db)

    def schedule_of(self, db: PrimaryDatabase, kind: Kind) -> Schedule:
        return (db.spec.full, db.spec.incremental, db.spec.log)[kind]

    def _schedule_next(self, db: PrimaryDatabase, kind: Kind, after_us: int) -> None:
        at = next_start(self.schedule_of(db, kind), after_us, self._context.scenario.start_utc_us)
        if at is not None:
            self._context.agenda.at(at, Class.JOB, db.index, self._due, db, kind)

    def _due(self, db: PrimaryDatabase, kind: Kind) -> None:
        if db.failed or db.writes_until_us is not None:
            return  # nothing is backed up here any more
        now = self._context.agenda._now
        if kind is Kind.LOG and self.log_space.full(db):
            self.log_space.tell(db)
        taken_until_us = self.express(db) if kind is Kind.LOG and self.express is not None else -1
        self._schedule_next(db, kind, max(now, taken_until_us))
        if taken_until_us < 0:
            self.begin(db, kind)

    def last_log_start(self, db: PrimaryDatabase, before_us: int) -> int | None:
        return last_start(db.spec.log, before_us, self._context.scenario.start_utc_us)

    # ---- one backup -----------------------------------------------------------------------------------------------
    def begin(
        self,
        db: PrimaryDatabase,
        kind: Kind,
        answer: Callable[[BackupFile | None], None] | None = None,
        tail: bool = False,
    ) -> str:
        """Start a backup; returns '' or why there is none. answer is called with the finished file, None if it died."""
        reason = self._obstacle(db, kind, tail)
        if reason == "waits":
            db.waiting.append((kind, answer, tail))
            return ""
        if not reason:
            reason = self._open(db, kind, answer, tail)
        if reason:
            self._context.note("truth.backup_skipped", db.index, int(kind), reason)
        return reason

    def _obstacle(self, db: PrimaryDatabase, kind: Kind, tail: bool) -> str:
        if tail:
            for job in [job for k, job in db.running.items() if k is not Kind.LOG]:
                self.cut_off(db, job)  # the tail takes the database for itself
            return "waits" if kind in db.running else ""
        if db.failed:
            return "primary lost"
        if db.writes_until_us is not None:
            return "fenced"
        if db.paused:
            return f"paused: {db.paused[-1]}"
        if kind in db.running:
            return "overrun"
        if db.spec.serial and db.running:
            return "overrun" if any(k is kind for k, _, _ in db.waiting) else "waits"
        return ""

    def _open(
        self, db: PrimaryDatabase, kind: Kind, answer: Callable[[BackupFile | None], None] | None, tail: bool
    ) -> str:
        context = self._context
        now = context.agenda._now
        commits, lsn = self.written(db)
        engine = context.primary_engine
        name_of = db.spec.name
        engine.commit_to(name_of, commits, lsn)
        utc = context.scenario.start_utc_us + now
        number = (db.index << FILE_BITS) | db.files_made
        name = backup_name(name_of, utc, kind, 0, db.names_taken(now))
        path = f"{SHARE}/{name}"
        size = db.spec.size_bytes
        if kind is Kind.LOG:
            size = lsn - engine.log_starts_at(name_of)
        elif kind is Kind.INCREMENTAL:
            size = min(size, (lsn - db.last_full_lsn) * db.spec.incremental_share_ppm // 1_000_000)
        try:
            op = engine.begin_backup(name_of, kind, path, utc, size, backup_id=number, tail=tail)
        except EngineError as error:
            return f"{error.number} {error.text}"
        db.name_given(name, now)
        db.files_made += 1
        h = op.header
        file = BackupFile(number, db.index, name_of, kind, name, h, commits)
        job = db.running[kind] = Job(db, op, file, answer)
        context.journal.append(
            _BEGIN, now, db.index, number, kind, h.fork, h.first_lsn, h.last_lsn, commits
        )
        cost = self._costs[kind]
        job.amount = size
        done = self._finish
        if kind is Kind.LOG and db.cut_next_ppm:
            job.amount, db.cut_next_ppm = size * db.cut_next_ppm // 1_000_000, 0
            done = self._cut_reached
        disk = self._disks[db.spec.machine]
        job.flow = disk.start(db.index, job.amount, cost.rate_bytes_s, done, job, 0, cost.fixed_us)
        self.share.begin(number, disk, job.flow, job.amount, job)
        return ""

    def _finish(self, job: Job) -> None:
        if self.share.overfull:
            self._no_room(job)
            return
        context = self._context
        db = job.db
        now: int = context.agenda._now
        file = job.file
        kind = file.kind
        commits, lsn = file.commits, 0
        if kind is not Kind.LOG:
            commits, lsn = self.written(db)
            context.primary_engine.commit_to(db.spec.name, commits, lsn)
        utc = context.scenario.start_utc_us + now
        header = job.op.finish(commits, lsn, utc).header
        if kind is Kind.LOG and self.log_space.limit_bytes(db):
            self.log_space.changed(db)
        file.finished(header, context.primary_files.read(f"{SHARE}/{file.name}"), commits)
        if kind is Kind.FULL and not header.copy_only:
            db.last_full_lsn = header.first_lsn
        context.witness.made(now, db.index, file.number, header, commits)
        context.journal.append(
            _FINISHED, now, db.index,
            file.number, kind, header.fork, header.first_lsn, header.last_lsn, commits, file.nominal_bytes, context.journal.texts[file.name],
        )  # fmt: skip
        self._ended(db, job)
        self._offer(file)
        if job.answer is not None:
            job.answer(file)

    def _ended(self, db: PrimaryDatabase, job: Job) -> None:
        """The job is over; what lies in the share is there to be copied, whole or not."""
        file = job.file
        del db.running[file.kind]
        self.share.end(file.number)
        self._keep(file)
        if self.share.limited:
            self.share.plan()
        self._next_of(db)

    def _next_of(self, db: PrimaryDatabase) -> None:
        """The next of the jobs that wait for each other."""
        if db.waiting and (db.waiting[0][2] or not db.running):
            kind, answer, tail = db.waiting.pop(0)
            if self.begin(db, kind, answer, tail) and answer is not None:
                answer(None)

    # ---- for the express lane ---------------------------------------------------------------------------------------
    def lone_cost(self, db: PrimaryDatabase) -> tuple[int, int]:
        """What a log backup alone on its machine costs: a fixed time, then its bytes at that rate (0: it is not alone)."""
        cost = self._costs[Kind.LOG]
        return cost.fixed_us, self._disks[db.spec.machine].lone_rate(cost.rate_bytes_s)

    def made(self, db: PrimaryDatabase, file: BackupFile, cut_us: int) -> None:
        """It was cut then and is finished."""
        db.name_given(file.name, cut_us)
        db.files_made += 1
        self._keep(file)

    def _keep(self, file: BackupFile) -> None:
        file.at_primary = True
        self.share.put(file.nominal_bytes)
        db = self.databases[file.database]
        if file.made is None:
            db.torn.append(file)
        else:
            db.shelf.add(file)
        self._context.files[file.number] = file
        self._context.by_name[file.database][file.name] = file

    # ---- cut off ------------------------------------------------------------------------------------------------------
    def _cut_reached(self, job: Job) -> None:
        job.flow = None
        self.cut_off(job.db, job)

    def cut_off(self, db: PrimaryDatabase, job: Job) -> None:
        """The job dies now, with the part of its bytes that it has read."""
        context = self._context
        done = job.amount
        if job.flow is not None:
            done -= self._disks[db.spec.machine].stop(job.flow)
        file = job.file
        job.op.abort(done * 1_000_000 // file.nominal_bytes if file.nominal_bytes else 0)
        file.nominal_bytes = done
        file.modified_utc_us = context.utc_us()
        context.note("truth.backup_cut_off", db.index, file.number, int(file.kind))
        self._ended(db, job)
        self._offer(file)
        if job.answer is not None:
            job.answer(None)

    # ---- no room ------------------------------------------------------------------------------------------------------
    def _watch_rates(self) -> None:
        """A share that a fault has made a limited one is watched from now on."""
        for disk in self._disks.values():
            disk.replanned = self.share.plan if self.share.limited else None

    def _no_room(self, job: Job) -> None:
        """The share is full: the job fails by the engine's own words, what it had written goes, no log is truncated."""
        context = self._context
        db, file = job.db, job.file
        path = f"{SHARE}/{file.name}"
        error = context.primary_engine.no_space("backup", path=path)
        if job.flow is not None:
            self._disks[db.spec.machine].stop(job.flow)
        job.op.abort(0)
        context.primary_files.delete(path)
        del db.running[file.kind]
        self.share.end(file.number)
        context.note("truth.backup_cut_off", db.index, file.number, int(file.kind))
        context.note("truth.backup_failed", db.index, file.number, int(file.kind), error.number, error.text)
        self._next_of(db)
        self.error_hook(db, file.kind.word, error.number, error.text)
        if job.answer is not None:
            job.answer(None)

    # ---- what the primary knows -------------------------------------------------------------------------------------
    def written(self, db: PrimaryDatabase) -> tuple[int, int]:
        """(commits acknowledged, LSN) by now."""
        t: int = self._context.agenda._now
        if db.writes_until_us is not None and db.writes_until_us < t:
            t = db.writes_until_us
        return self.written_at(db, t)

    def written_at(self, db: PrimaryDatabase, t: int) -> tuple[int, int]:
        commits, lsn = self._context.workloads[db.index].written(t)
        return commits, lsn + FIRST_LSN

    def up(self, db: PrimaryDatabase) -> bool:
        return not db.failed

    def fail(self, db: PrimaryDatabase, failure_class: str) -> None:
        """The database is gone from here; its running jobs die."""
        if db.failed:
            return
        wrote_until_now = db.writes_until_us is None  # else it has had its last commit, and perhaps its tail taken
        if wrote_until_now:
            db.writes_until_us = self._context.now_us
        db.failed = failure_class
        self.log_space.stopped(db)
        db.waiting.clear()
        for job in list(db.running.values()):
            self.cut_off(db, job)
        if wrote_until_now:
            self._context.primary_engine.commit_to(db.spec.name, *self.written(db))

    def stop_writes(self, db: PrimaryDatabase) -> None:
        """Fenced or quiesced: nothing is acknowledged from now on."""
        if db.writes_until_us is None:
            db.writes_until_us = self._context.now_us
            self.log_space.stopped(db)
            self._context.primary_engine.commit_to(db.spec.name, *self.written(db))

    def delete(self, file: BackupFile, why: str) -> None:
        """A file goes from the primary's share."""
        context = self._context
        if not file.at_primary:
            return
        file.at_primary = False
        self.share.remove(file.nominal_bytes)
        db = self.databases[file.database]
        if file.made is None:
            db.torn.remove(file)
        else:
            db.shelf.remove(file.name)
        context.primary_files.delete(file.path_at(SHARE))
        context.file_gone(file, "primary", why)
