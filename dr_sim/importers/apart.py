"""Keeps databases of one name apart: by their family, and within it by what ties their forks
together.

A family GUID stays with a database for life, through every restore. A restored copy under the same
name has the same family, a database GUID of its own, and a recovery fork of its own. After a
failover that is the same database going on: a log crosses from fork to fork, or both share a fork.
Without such a tie it is another database, a test copy say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader


@dataclass(frozen=True, slots=True)
class Identity:
    """Holds what a row says of whose it is; '' where the export has no such column. forks: GUIDs of
    those that it lies on.
    """

    family: str
    database: str
    forks: tuple[str, ...] = ()
    # else the fork on which the row begins is taken as the one on which it ends
    names_first_fork: bool = False


def keep_apart(rows: Sequence[tuple[BackupHeader, Identity]]) -> list[str]:
    """Rename the database in the headers of every further one of a name; return a remark for each
    name concerned.
    """
    by_name: dict[str, list[tuple[BackupHeader, Identity]]] = {}
    for row in rows:
        by_name.setdefault(row[0].database, []).append(row)
    taken = set(by_name)
    remarks = []
    for name, own in by_name.items():
        groups = _groups(own)
        if len(groups) < 2:
            continue
        for number, group in enumerate(groups[1:], 2):
            label = f"{name} ({number})"
            while label in taken:
                label += "'"
            taken.add(label)
            for header, _ in group:
                header.database = label
        remarks.append(
            f"{len(groups)} databases bear the name {name}: kept apart by family, database and fork"
        )
    return remarks


def _groups(
    rows: Sequence[tuple[BackupHeader, Identity]],
) -> list[list[tuple[BackupHeader, Identity]]]:
    """Rows of one name by database, in the order in which each is met."""
    families = {identity.family for _, identity in rows if identity.family}
    only = families.pop() if len(families) == 1 else ""
    tied_to: dict[tuple[str, ...], tuple[str, ...]] = {}

    def root(key: tuple[str, ...]) -> tuple[str, ...]:
        while (above := tied_to.setdefault(key, key)) != key:
            key = above
        return key

    def own(identity: Identity) -> tuple[str, ...]:
        return ("database", identity.family or only, identity.database)

    for _, identity in rows:
        for fork in identity.forks:
            tied_to[root(("fork", identity.family or only, fork))] = root(
                own(identity)
            )
    groups: dict[tuple[str, ...], list[tuple[BackupHeader, Identity]]] = {}
    for row in rows:
        groups.setdefault(root(own(row[1])), []).append(row)
    return list(groups.values())
