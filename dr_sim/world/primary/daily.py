"""The work that is done once a day for all standbys behind one primary: old files are deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING

from dr_sim.units import DAY_US
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.primary.primary_database import PrimaryDatabase
from dr_sim.world.primary.pruning import (
    RETENTION,
    due_at_primary,
    one_by_one,
)

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


class DailyWork:
    """lead: the first pair behind the primary."""

    def __init__(self, lead: Pair) -> None:
        self._pair = lead

    def begin(self) -> None:
        """Begin a day from now."""
        self._next(self._pair.context.now_us + DAY_US)

    def _next(self, at_us: int) -> None:
        self._pair.context.agenda.at(
            at_us, Class.HOUSEKEEPING, -1, self._do, at_us
        )

    def _do(self, at_us: int) -> None:
        lead = self._pair
        if lead.retired:
            return
        self._next(at_us + DAY_US)
        if lead.cloud is not None:
            lead.cloud.catch_up()
        lead.journal.pack()
        for pair in lead.together:
            if pair.left_behind is not None and not lead.site_lost:
                pair.left_behind.prune()
        uncopied = self._uncopied()
        for db in lead.primary.databases:
            # on a dead host nobody is there to delete
            if db.failed not in ("host", "site"):
                self._prune(db, uncopied[db.index])
                for pair in lead.together:
                    if pair.own_backups is not None:
                        pair.own_backups.prune(db, uncopied[db.index])

    def _uncopied(self) -> dict[int, set[str]]:
        """Return the names of the files that are yet to be copied, by database."""
        found: dict[int, set[str]] = defaultdict(set)
        for pair in self._pair.together:
            for file in pair.replication.uncopied():
                found[file.database].add(file.name)
        return found

    def _prune(
        self, db: PrimaryDatabase, uncopied: Collection[str]
    ) -> None:
        lead = self._pair
        files = due_at_primary(lead.shared, db, uncopied)
        if lead.hands.pruning is not None:
            lead.hands.pruning.at_primary(files)
            return
        for file in one_by_one(lead.shared, files):
            lead.primary.delete(file, RETENTION)
