"""The primary: databases that write, when they are backed up, and what lies in its share.

The jobs that back them up are in backup_jobs.py, the room that logs need in log_space.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dr_sim.backups.model import Kind
from dr_sim.engines.shipping import Shipped
from dr_sim.scenario.model import BackupCost, Schedule
from dr_sim.scenario.schedule import next_start
from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary import backup_mishaps as mishaps
from dr_sim.world.primary.backup_file import (
    BackupFile,
    CarriedFile,
    FilesOfRun,
    quiet_file,
)
from dr_sim.world.primary.backup_jobs import BackupJobs
from dr_sim.world.primary.log_space import LogSpace
from dr_sim.world.primary.primary_database import (
    FIRST_LSN,
    OnlyFor,
    PrimaryDatabase,
)

SHARE = "//primary/backup"  # where no folder says otherwise
REAL_TRANSACTIONS = 4
"""The number of transactions in which a real engine commits what was written since the last backup:
enough for a log to be applied in part.
"""


class DueLog(NamedTuple):
    """The next log of a database, and its entry on the agenda."""

    db: PrimaryDatabase
    at_us: int
    entry: Entry


class Primary:
    """Databases that write. offer: takes each backup that is finished, or can be seen."""

    def __init__(
        self, context: Context, offer: Callable[[BackupFile], None]
    ) -> None:
        self.context = context
        self.offer = offer
        scenario = context.scenario
        self.databases = [
            PrimaryDatabase(i, d) for i, d in enumerate(scenario.databases)
        ]
        disks = context.primary_site.primary_disks(
            scenario, context.agenda, context.clock
        )
        self.disks = disks.machines
        self.backups = BackupJobs(self)
        # a model knows its commits by their number; in a real one a damaged log may end after some
        # of its transactions
        self._transactions = (
            1
            if context.primary_engine.name == "model"
            else REAL_TRANSACTIONS
        )
        self._scheduled = False
        self.share_up = True
        self.share = disks.share
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
        self.succeeded = False  # another one is the primary
        self.over = False  # another one is the primary, for good
        # (database, kind) of schedules that stand still, as it was stopped
        self._standing: set[tuple[int, Kind]] = set()
        # by database: its next log, on the agenda
        self._log_dues: dict[int, tuple[int, Entry]] = {}
        # backups of stores' own schedules in the share, by number: who knows each
        self._own_backups: dict[int, Context] = {}
        # may play whole lives of logs at once
        self.express: Callable[[PrimaryDatabase], int] | None = None
        # called when a backup of that database takes the ordinary steps
        self.stepped_hook: Callable[[int], None] = lambda database: None
        # called when a long backup of that database has ended
        self.finished_hook: Callable[[int], None] = lambda database: None
        # by database: when its last backup (of the log, if it has any) ended
        self.last_finished_us: dict[int, int] = {}

    def _watch_rates(self) -> None:
        """Let a limited share plan again when a disk's rates change. A fault may limit it later."""
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
            else:
                self._standing.add((db.index, kind))
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
            self.backups.begin(db, kind)

    # ---- for the express lane
    def lone_cost(self, db: PrimaryDatabase) -> tuple[int, int]:
        """Return the cost of a log backup that is alone on its machine: a fixed time, then its
        bytes at that rate (0: it is not alone).
        """
        cost = self.context.scenario.primary.log
        return cost.fixed_us, self.disks[db.spec.machine].lone_rate(
            cost.rate_bytes_s
        )

    def log_goes_on(self, db: PrimaryDatabase, after_us: int) -> None:
        """Make the first log after that instant the next one, not the one that is due."""
        self._log_dues[db.index][1].cancel()
        self._schedule_next(db, Kind.LOG, after_us)

    def logs_ahead(self, from_us: int) -> list[DueLog]:
        """Return the next log of each database whose next one is cut at that instant or later, in
        the order of the databases.
        """
        return [
            DueLog(self.databases[index], due_us, entry)
            for index, (due_us, entry) in sorted(self._log_dues.items())
            if due_us >= from_us and not self.stands(index)
        ]

    @property
    def cost_of_logs(self) -> BackupCost:
        return self.context.scenario.primary.log

    def shipped(
        self,
        db: PrimaryDatabase,
        made: Shipped,
        commits: int,
        cut_us: int,
    ) -> BackupFile:
        """Record quiet logs, each finished before the next was cut; commits, cut_us: of the last.
        Return the last.
        """
        index, by_name = db.index, self.context.by_name[db.index]
        run, contents, last = made.run, made.contents, made.last
        first_lsn = last.first_lsn
        if run is not None and contents is not None:
            by_name.add_run(run, FilesOfRun(index, run, contents))
            db.shelf.add_run(run)
            first_lsn = run.lsn[0]
        file = quiet_file(
            index, made.last_name, last, commits, cut_us, made.last_content
        )
        by_name[file.name] = file
        db.shelf.add(file)
        db.files_made += len(made)
        self.share.put(last.last_lsn - first_lsn)
        return file

    def made(
        self, db: PrimaryDatabase, file: BackupFile, cut_us: int
    ) -> None:
        """Record that the log was cut at that instant and is finished."""
        db.name_given(file.name, cut_us)
        db.files_made += 1
        self.keep(file)

    def keep(self, file: BackupFile) -> None:
        """Record that a backup lies in the share, whole or not."""
        file.at_primary = True
        self.share.put(file.nominal_bytes)
        db = self.databases[file.database]
        if file.whole:
            db.shelf.add(file)
        else:
            db.torn.append(file)
        self.context.of_kind(file.kind).keep(file)

    def keep_only_for(self, only_for: OnlyFor, file: BackupFile) -> None:
        """Record that a backup of a store's own schedule lies in the share, whole or not."""
        file.at_primary = True
        self.share.put(file.nominal_bytes)
        self._own_backups[file.number] = only_for.context
        only_for.context.keep(file)

    def is_of_schedules(self, file: BackupFile) -> bool:
        """Return whether a file in the share is of the databases' schedules, not of a store's."""
        return file.number not in self._own_backups

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
        for job in db.jobs:
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
        """Let it take writes again: it is back."""
        db.writes_until_us = None
        db.committed_us = self.context.now_us
        self.log_space.changed(db)

    def serve_again(self, db: PrimaryDatabase) -> None:
        """Let it take writes again, as it was stopped for a failover that has been left: its
        schedules continue.
        """
        self.go_on(db)
        mine = [each for each in self._standing if each[0] == db.index]
        for each in sorted(mine):
            self._standing.discard(each)
            self._schedule_next(db, each[1], self.context.now_us)

    def fallen(self, db: PrimaryDatabase, down: bool) -> None:
        """Record that its server has fallen, with its jobs, or is up again."""
        db.down = down
        if down:
            db.waiting.clear()
            for job in db.jobs:
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
        file = file.at_home
        if not file.at_primary:
            return
        context = self._own_backups.pop(file.number, None)
        if context is None:
            self.let_go((file,))
            context = self.context.of_kind(file.kind)
        else:
            file.at_primary = False
            self.share.remove(file.nominal_bytes)
            context.primary_files.delete(context.at_primary(file))
        context.file_gone(file, "primary", why)

    def let_run_go(self, files: FilesOfRun) -> None:
        """Forget the logs of a run that lay in the share."""
        files.at_primary = False
        self.share.remove(files.size_bytes)
        folder = self.context.primary_shares[files.database]
        self.context.primary_files.delete_run(folder, files.run)
        self.databases[files.database].shelf.remove_run(files.run)

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
                where = (
                    share
                    if file.lay_in_backup_share
                    else self.context.primary_site.landing_share
                )
                where.remove(file.nominal_bytes)
                continue
            # seen before it was finished, and not a file of its own yet
            if not share.writing(file.number):
                share.remove(file.nominal_bytes)
            if not file.whole and file in db.torn:
                db.torn.remove(file)
            delete(at(file))
        mine = [file for file in files if file.whole and not file.carried]
        db.shelf.remove(*[file.name for file in mine])
