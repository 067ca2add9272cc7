"""Reads `wal-g backup-list --json --detail`: a flat list over all clusters that back up to one
place.

A delta names in its own name, after `_D_`, the WAL segment at which the backup began on which it
stands. A backup that failed is not in the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dr_sim.backups.model import Kind
from dr_sim.errors import Problem
from dr_sim.importers.cells import BadValueError, error, refusal
from dr_sim.importers.json_values import (
    instant_of,
    lsn_of,
    number_of,
    text_of,
    wal_name_of,
)
from dr_sim.importers.postgres_backups import (
    BaseBackup,
    Cluster,
    wal_timeline,
)


def is_walg(values: Sequence[object]) -> bool:
    rows = [
        row for value in values if isinstance(value, list) for row in value
    ]
    return any(
        isinstance(row, Mapping) and "backup_name" in row for row in rows
    )


def read_walg(values: Sequence[object], file: str) -> list[Cluster]:
    """The clusters in the list. Raises InputError with every kind of mistake found."""
    found: dict[str, Cluster] = {}
    taken: set[tuple[str, str]] = set()
    problems: list[Problem] = []
    rows = [
        row
        for value in values
        for row in (value if isinstance(value, list) else [value])
    ]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise error(
                file,
                f"backup {number} is {str(row)[:40]!r}, an object with keys is needed",
            )
        try:
            system_id = text_of(row, "system_identifier")
            backup = _backup(row)
        except BadValueError as wrong:
            problems.append(
                Problem(file, 0, 0, f"backup {number}: {wrong}")
            )
            continue
        cluster = found.setdefault(
            system_id,
            Cluster(
                f"cluster {system_id or '(no system identifier)'}",
                system_id,
            ),
        )
        if (system_id, backup.label) in taken:
            cluster.remarks.append(
                f"{backup.label} is listed twice (in two storages, say): counted once"
            )
        else:
            taken.add((system_id, backup.label))
            cluster.backups.append(backup)
    if problems:
        raise refusal(problems)
    for cluster in found.values():
        _name_parents(cluster)
        cluster.settle()
    return list(found.values())


def _backup(row: Mapping[str, object]) -> BaseBackup:
    label = text_of(row, "backup_name")
    if not label:
        raise BadValueError("it has no backup_name")
    uploaded = instant_of(row, "time")
    started, finished = (
        instant_of(row, "start_time"),
        instant_of(row, "finish_time"),
    )
    end = finished if finished is not None else uploaded
    if end is None:
        raise BadValueError("it has neither finish_time nor time")
    begin = started if started is not None else end
    if end < begin:
        raise BadValueError(
            "it ends before it starts: finish_time lies before start_time"
        )
    first_wal = wal_name_of(row, "wal_file_name") or wal_name_of(
        {"of": label.removeprefix("base_")}, "of"
    )
    is_delta = "_D_" in label
    plain, stored = (
        number_of(row, "uncompressed_size") or 0,
        number_of(row, "compressed_size") or 0,
    )
    return BaseBackup(
        label,
        Kind.INCREMENTAL if is_delta else Kind.FULL,
        label.partition("_D_")[2],
        begin,
        end,
        started is not None,
        first_timeline=wal_timeline(first_wal),
        timeline=wal_timeline(first_wal),
        first_lsn=lsn_of(row, "start_lsn"),
        last_lsn=lsn_of(row, "finish_lsn"),
        first_wal=first_wal,
        cluster_bytes=0 if is_delta else max(plain, 0),
        moved_bytes=max(stored, 0),
        read_bytes=max(plain, 0),
    )


def _name_parents(cluster: Cluster) -> None:
    """The segment that a delta names becomes the label of the backup that began there."""
    by_segment = {
        backup.first_wal: backup.label
        for backup in cluster.backups
        if backup.first_wal
    }
    for backup in cluster.backups:
        if backup.kind is Kind.INCREMENTAL:
            backup.parent = by_segment.get(
                backup.parent[:24].upper(), f"base_{backup.parent}"
            )
