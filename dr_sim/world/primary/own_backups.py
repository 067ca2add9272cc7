"""The backups of a store's own schedule: a second chain of each database.

Theory of operation. A second backup tool takes backups at the primary by its own schedule, and
sends them to one store. What that means for the first tool depends on the engine.

- Fulls alone: they are copy-only. No incremental is based on them, and no log is truncated. So the
  chain of the database's schedules is the same with and without them, and a full of either chain is
  followed by the same logs.
- Logs of its own by SQL Server's rules: a log backup truncates the log, whoever takes it. Each log
  is in the files of one tool, and the chain of the other tool has a hole there, until an
  incremental or a full leads past it. So both tools break each other's chain. That is what happens
  in reality, and nobody's error message says it.
- By PostgreSQL's rules each archive gets the whole log, and each tool's incrementals stand on its
  own backups: neither chain knows of the other. The server keeps the log until each archive has it.

The file lies in the primary's share until it has been copied, and is deleted there when it is older
than `primary.retention`. The other places know nothing of it, and its store knows nothing of what
is made for the others (world/roles/together.py). Each chain is deleted by the rules of the place
that has it.

Microsoft, "Copy-only backups": a copy-only full is no differential base, and logs follow it.
"Transaction log backups": a log backup truncates the log, and all of them are one chain. Of two
fulls of one database the later one waits for a lock (LCK_M_U on BULKOP_BACKUP_DB); so does the
later one of two logs (BULKOP_BACKUP_LOG). PostgreSQL, "Continuous archiving": base backups are
independent, and several may be made at one time; pg_basebackup --incremental stands on the manifest
that it is given; pgBackRest archives each segment to all of its repositories.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from dr_sim.backups.model import Kind
from dr_sim.scenario.model import OwnSchedule, Scenario, Schedule
from dr_sim.scenario.schedule import next_start
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary import Primary
from dr_sim.world.primary.primary_database import (
    OnlyFor,
    Order,
    PrimaryDatabase,
)
from dr_sim.world.primary.pruning import RETENTION


def chain_of(seen: Scenario) -> str:
    """Return the name of the chain of the place that sees that scenario, where the engine keeps
    chains apart; '' for the first one.
    """
    own = seen.own_schedule
    if own is None:
        return ""
    apart = own.has_logs or own.has_incrementals
    if not (apart and seen.engine.postgres_rules):
        return ""
    return f"own {seen.rank}"


class OwnBackupsAtPrimary:
    """The backups that a primary takes for one store alone."""

    def __init__(
        self, primary: Primary, only_for: OnlyFor, schedule: OwnSchedule
    ) -> None:
        self._primary = primary
        self.only_for = only_for
        self._schedules: dict[Kind, Schedule] = {
            Kind.FULL: schedule.full,
            Kind.INCREMENTAL: schedule.incremental,
            Kind.LOG: schedule.log,
        }
        if only_for.chain and self.makes(Kind.LOG):
            primary.log_space.chains[only_for.chain] = only_for.context

    @property
    def chain(self) -> str:
        return self.only_for.chain

    def makes(self, kind: Kind) -> bool:
        """Return whether backups of that kind are taken for the store alone."""
        return self._schedules[kind].kind != "none"

    def start(self) -> None:
        """Put the first backup of each kind of each database from now on on the agenda."""
        for db in self._primary.databases:
            for kind in Kind:
                keeps_log = db.spec.log.kind != "none"
                if kind is not Kind.LOG or keeps_log:
                    self._schedule_next(db, kind)

    def _schedule_next(self, db: PrimaryDatabase, kind: Kind) -> None:
        context = self.only_for.context
        at = next_start(
            self._schedules[kind],
            context.now_us,
            context.scenario.start_utc_us,
        )
        if at is not None:
            context.agenda.at(at, Class.JOB, db.index, self._due, db, kind)

    def _due(self, db: PrimaryDatabase, kind: Kind) -> None:
        if self._primary.over:
            return
        self._schedule_next(db, kind)
        if not self._primary.stands(db.index):
            self.take(db, kind)

    def take(
        self,
        db: PrimaryDatabase,
        kind: Kind,
        answer: Callable[[BackupFile | None], None] | None = None,
    ) -> str:
        """Take a backup of a database; return '' or why there is none."""
        copy_only = kind is Kind.FULL and not self.chain
        order = Order(
            kind, answer, copy_only=copy_only, only_for=self.only_for
        )
        return self._primary.backups.begin_order(db, order)

    def prune(self, db: PrimaryDatabase, uncopied: Collection[str]) -> None:
        """Delete the backups in the primary's share that are old and copied, and what is left of
        old ones that were cut off.
        """
        context = self.only_for.context
        retention_us = context.scenario.primary.retention_us
        old_us = context.primary_utc_us() - retention_us
        files = list(context.by_name[db.index].values())
        for file in files:
            mine = not self._primary.is_of_schedules(file)
            there = file.at_primary and file.name not in uncopied
            if mine and there and file.modified_utc_us < old_us:
                self._primary.delete(file, RETENTION)
