"""The fulls of a store's own schedule: a second chain of each database.

Theory of operation. A second backup tool takes fulls at the primary by its own schedule, at its own
cost, and sends them to one store. They are copy-only: no incremental is based on them, and no log
is truncated. So the chain of the database's schedules is the same with and without them. The logs
are those of the database's schedules: a full of either chain is followed by the same logs. Each
chain is deleted by the rules of the place that has it.

The file lies in the primary's share until it has been copied, and is deleted there when it is older
than `primary.retention`. The other places know nothing of it, and its store knows nothing of the
fulls and incrementals of the database's schedules (world/roles/together.py).

Microsoft, "Copy-only backups": a copy-only full is no differential base, and logs follow it. Of two
fulls of one database the later one waits for a lock (LCK_M_U on BULKOP_BACKUP_DB). PostgreSQL,
"Continuous archiving": base backups are independent, and several may be made at one time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from dr_sim.backups.model import Kind
from dr_sim.scenario.model import Schedule
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


class OwnFullsAtPrimary:
    """The fulls that a primary takes for one store alone."""

    def __init__(
        self, primary: Primary, only_for: OnlyFor, schedule: Schedule
    ) -> None:
        self._primary = primary
        self._only_for = only_for
        self._schedule = schedule

    def start(self) -> None:
        """Put the first full of each database from now on on the agenda."""
        for db in self._primary.databases:
            self._schedule_next(db)

    def _schedule_next(self, db: PrimaryDatabase) -> None:
        context = self._only_for.context
        at = next_start(
            self._schedule, context.now_us, context.scenario.start_utc_us
        )
        if at is not None:
            context.agenda.at(at, Class.JOB, db.index, self._due, db)

    def _due(self, db: PrimaryDatabase) -> None:
        if self._primary.over:
            return
        self._schedule_next(db)
        if not self._primary.stands(db.index):
            self.take(db)

    def take(
        self,
        db: PrimaryDatabase,
        answer: Callable[[BackupFile | None], None] | None = None,
    ) -> str:
        """Take a full of a database; return '' or why there is none."""
        order = Order(
            Kind.FULL, answer, copy_only=True, only_for=self._only_for
        )
        return self._primary.backups.begin_order(db, order)

    def prune(self, db: PrimaryDatabase, uncopied: Collection[str]) -> None:
        """Delete the fulls in the primary's share that are old and copied, and what is left of old
        ones that were cut off.
        """
        context = self._only_for.context
        retention_us = context.scenario.primary.retention_us
        old_us = context.primary_utc_us() - retention_us
        files = list(context.by_name[db.index].values())
        for file in files:
            mine = file.kind is Kind.FULL and not file.carried
            there = file.at_primary and file.name not in uncopied
            if mine and there and file.modified_utc_us < old_us:
                self._primary.delete(file, RETENTION)
