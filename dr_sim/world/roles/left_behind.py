"""Files that earlier roles have left at a site: they take room there, and go in time (R18).

Theory of operation. A site keeps its files when the roles change. A primary's backups lie in its
backup share, what landed at a secondary in its landing share: two disks, each with the capacity
that the scenario gives to that role (site.py). Once a day the files of earlier roles are deleted by
the rules of retention, together with all other files of the database at the site: those that the
new chain does not need, and that are old enough.
Nothing is deleted while nobody is in charge of the site: while it is lost, or a spare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dr_sim.backups.retention import prunable
from dr_sim.backups.stored import StoredFile
from dr_sim.world.primary.backup_file import (
    BackupFile,
    CarriedFile,
    LeftFile,
)
from dr_sim.world.primary.pruning import RETENTION

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


class LeftBehind:
    """earlier: the pairs before this one."""

    def __init__(self, pair: Pair, earlier: Sequence[Pair]) -> None:
        self._pair = pair
        self._earlier = list(earlier)

    def prune(self) -> None:
        """Delete old files, once a day."""
        roles = self._pair.roles
        sites = [roles.primary] if self._pair.lead is self._pair else []
        if self._pair.context.now_us >= roles.ready_us:
            sites.append(roles.secondary)
        for site in sites:
            for database in range(
                len(self._pair.context.scenario.databases)
            ):
                self._prune(site, database)

    def wiped(self, database: int, why: str) -> None:
        """Record that the second side's disks are gone, or that somebody has emptied them."""
        place = self._pair.roles.secondary
        for before, where in sides_of(self._earlier, place):
            for file in _files(before, where, database):
                self._delete(before, where, file, why)

    def _prune(self, site: str, database: int) -> None:
        pair, context = self._pair, self._pair.context
        left = [
            (before, where, file)
            for before, where in sides_of(self._earlier, site)
            for file in _files(before, where, database)
        ]
        active = site == pair.roles.primary
        spec = (
            context.scenario.primary
            if active
            else context.scenario.secondary
        )
        utc_us = context.primary_utc_us() if active else context.utc_us()
        old_us = utc_us - spec.retention_us
        if not any(file.modified_utc_us < old_us for _, _, file in left):
            return
        now = _files(pair, "primary" if active else "secondary", database)
        there = [file for _, _, file in left] + now
        whole = [file for file in there if file.whole]
        stored = [StoredFile(file.name, file.header) for file in whole]
        gone = set(
            prunable(
                stored, utc_us, spec.retention_us, spec.retention_count
            )
        )
        for before, where, file in left:
            if file.name in gone or not (
                file.whole or file.modified_utc_us >= old_us
            ):
                self._delete(before, where, file, RETENTION)

    def _delete(
        self, before: Pair, where: str, file: BackupFile, why: str
    ) -> None:
        pair = self._pair
        if where == "primary":
            before.primary.delete(file, why)
        else:
            before.secondary.delete(file, why)
        for each in pair.together:
            known = each.context.by_name[file.database].get(file.name)
            carried = isinstance(known, CarriedFile) and known.there
            if known is not None and carried and carried.file is file:
                each.context.file_gone(known, "primary", why)


def sides_of(
    earlier: Sequence[Pair], site: str
) -> Iterator[tuple[Pair, str]]:
    """Yield the earlier pairs of which a site was a side, and which side. Of several standbys
    behind one primary each pair has the same files there: the first one counts.
    """
    for before in earlier:
        if before.roles.primary == site:
            if before.lead is before:
                yield before, "primary"
        elif before.roles.secondary == site:
            yield before, "secondary"


def left_at(
    earlier: Sequence[Pair], site: str, database: int
) -> Iterator[LeftFile]:
    """Yield the files of a database that lie at a site since its earlier roles."""
    for before, side in sides_of(earlier, site):
        shares = before.context.secondary_shares
        if side == "primary":
            shares = before.context.primary_shares
        for file in _files(before, side, database):
            yield LeftFile(file, side, shares[database])


def _files(pair: Pair, where: str, database: int) -> list[BackupFile]:
    """Return the files of a pair on one side. Those that it has carried along lie at the primary
    since an earlier role, and count there.
    """
    found = pair.context.by_name[database].values()
    if where == "secondary":
        return [file for file in found if file.at_secondary]
    return [file for file in found if file.at_primary and not file.carried]
