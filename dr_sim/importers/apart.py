"""Keeps databases of one name apart: by their family, and within it by what ties their forks
together.

A family GUID stays with a database for life, through every restore. A restored copy under the same
name has the same family, a database GUID of its own, and a recovery fork of its own. After a
failover that is the same database continuing: a log crosses from fork to fork, or both share a
fork. Without such a tie it is another database, a test copy say.

Where rows have no GUIDs, servers and forks tell two databases apart: if no server and no fork has
backups of both, no log of one continues where a log of the other ended, each has a full of its own,
and both had backups taken at the same time. After a failover the old fork has none any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader, Kind


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
    server: str = ""

    @property
    def has_guid(self) -> bool:
        return bool(self.family or self.database)


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
        if any(identity.has_guid for _, identity in own):
            groups = _groups(own)
            told_by = "family, database and fork"
        else:
            groups = _strangers(own)
            told_by = "server and fork, as no log joins them"
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
            f"{len(groups)} databases bear the name {name}: kept apart by {told_by}"
        )
    return remarks


def forks_without_a_tie(
    rows: Sequence[tuple[BackupHeader, Identity]],
) -> list[str]:
    """Return a remark for each database without GUIDs of which several forks have a full, and no
    log at hand joins them.
    """
    by_name: dict[str, list[tuple[BackupHeader, Identity]]] = {}
    for row in rows:
        by_name.setdefault(row[0].database, []).append(row)
    remarks = []
    for name, own in by_name.items():
        if any(identity.has_guid for _, identity in own):
            continue
        parts = _tied(own, by_server=False)
        count = sum(map(_has_full, parts))
        if count > 1:
            remarks.append(
                f"{name} has fulls on {count} recovery forks that no log joins, or they are of "
                "several databases of that name: a plan follows one of them"
            )
    return remarks


Rows = list[tuple[BackupHeader, Identity]]


def _strangers(rows: Rows) -> list[Rows]:
    """Rows of one name, which have no GUIDs, by database; one group unless it is sure that there
    are several.
    """
    parts = _tied(rows, by_server=True)
    spans = [_span_us(part) for part in parts]
    has_origin = all(
        identity.server and identity.forks for _, identity in rows
    )
    sure = has_origin and all(map(_has_full, parts))
    latest_begin = max(begin for begin, _ in spans)
    earliest_end = min(end for _, end in spans)
    if sure and latest_begin < earliest_end:
        return parts
    return [rows]


def _span_us(part: Rows) -> tuple[int, int]:
    """Return when the first backup began and the last one ended."""
    begin = min(header.started_utc_us for header, _ in part)
    return begin, max(header.finished_utc_us for header, _ in part)


def _has_full(part: Rows) -> bool:
    return any(header.kind is Kind.FULL for header, _ in part)


def _tied(rows: Rows, by_server: bool) -> list[Rows]:
    """Return the rows in groups that share a fork, or where a log continues from the other's; and
    those of one server, if wanted.
    """
    tied_to: dict[tuple[str, object], tuple[str, object]] = {}

    def root(key: tuple[str, object]) -> tuple[str, object]:
        while (above := tied_to.setdefault(key, key)) != key:
            key = above
        return key

    ends = {
        header.last_lsn: header.fork
        for header, _ in rows
        if header.kind is Kind.LOG
    }
    for header, identity in rows:
        own: tuple[str, object] = ("fork", header.fork)
        tied_to[root(own)] = root(("fork", header.first_fork))
        if by_server:
            tied_to[root(own)] = root(("server", identity.server.lower()))
        before = ends.get(header.first_lsn)
        if header.kind is Kind.LOG and before is not None:
            tied_to[root(own)] = root(("fork", before))
    groups: dict[tuple[str, object], Rows] = {}
    for row in rows:
        groups.setdefault(root(("fork", row[0].fork)), []).append(row)
    return list(groups.values())


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
