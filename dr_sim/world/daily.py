"""The work that is done once a day for all standbys behind one primary: old files are deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.units import DAY_US
from dr_sim.world.agenda import Class
from dr_sim.world.primary_database import PrimaryDatabase
from dr_sim.world.pruning import RETENTION, due_at_primary

if TYPE_CHECKING:
    from dr_sim.world.pair import Pair


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
        for db in lead.primary.databases:
            # on a dead host nobody is there to delete
            if db.failed not in ("host", "site"):
                self._prune(db)

    def _prune(self, db: PrimaryDatabase) -> None:
        lead = self._pair
        replications = [pair.replication for pair in lead.together]
        files = due_at_primary(lead.context, db, replications)
        if lead.hands.pruning is not None:
            lead.hands.pruning.at_primary(files)
            return
        for file in files:
            lead.primary.delete(file, RETENTION)
