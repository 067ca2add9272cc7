"""Reads `wal-g backup-list --json --detail`: a flat list over all clusters that back up to one
place.

A delta names in its own name, after `_D_`, the WAL segment at which the backup began on which it
stands. A backup that failed is not in the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dr_sim.backups.model import Kind
from dr_sim.errors import Problem
from dr_sim.importers.cells import (
    BadInstantError,
    BadValueError,
    error,
)
from dr_sim.importers.json_values import (
    instant_of,
    lsn_of,
    lsns_of,
    size_of,
    text_of,
    wal_name_of,
)
from dr_sim.importers.postgres_backups import BaseBackup, Cluster
from dr_sim.importers.strange_rows import Mistakes, RowPlace, StrangeRow
from dr_sim.importers.wal_names import wal_timeline


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
    mistakes = Mistakes()
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
        place = RowPlace(file, f"backup {number}")
        try:
            system_id = text_of(row, "system_identifier")
            cluster = found.setdefault(
                system_id,
                Cluster(
                    f"cluster {system_id or '(no system identifier)'}",
                    system_id,
                ),
            )
            backup = _backup(row, place)
        except BadInstantError as wrong:
            cluster.strange.append(_strange(row, place.problem(wrong)))
            mistakes.skip(place.problem(wrong))
            continue
        except BadValueError as wrong:
            mistakes.refuse(place.problem(wrong))
            continue
        if (system_id, backup.label) in taken:
            cluster.remarks.append(
                f"{backup.label} is listed twice (in two storages, say): counted once"
            )
        else:
            taken.add((system_id, backup.label))
            mistakes.forget(backup.size_mistakes)
            cluster.backups.append(backup)
    mistakes.check(sum(len(cluster.backups) for cluster in found.values()))
    for cluster in found.values():
        _name_parents(cluster)
        cluster.settle()
    return list(found.values())


def _label(row: Mapping[str, object]) -> str:
    label = text_of(row, "backup_name")
    if not label:
        raise BadValueError("it has no backup_name")
    return label


def _kind(label: str) -> Kind:
    return Kind.INCREMENTAL if "_D_" in label else Kind.FULL


def _strange(row: Mapping[str, object], problem: Problem) -> StrangeRow:
    label = _label(row)
    lsns = lsns_of(lsn_of(row, "start_lsn"), lsn_of(row, "finish_lsn"))
    return StrangeRow(problem, _kind(label), label, lsns)


def _backup(row: Mapping[str, object], place: RowPlace) -> BaseBackup:
    label = _label(row)
    first_lsn = lsn_of(row, "start_lsn")
    last_lsn = lsn_of(row, "finish_lsn")
    uploaded = instant_of(row, "time")
    started, finished = (
        instant_of(row, "start_time"),
        instant_of(row, "finish_time"),
    )
    end = finished if finished is not None else uploaded
    if end is None:
        raise BadInstantError("it has neither finish_time nor time")
    begin = started if started is not None else end
    if end < begin:
        raise BadInstantError(
            "it ends before it starts: finish_time lies before start_time"
        )
    first_wal = wal_name_of(row, "wal_file_name") or wal_name_of(
        {"of": label.removeprefix("base_")}, "of"
    )
    is_delta = _kind(label) is Kind.INCREMENTAL
    mistakes: list[str] = []
    plain = size_of(row, mistakes, "uncompressed_size") or 0
    stored = size_of(row, mistakes, "compressed_size") or 0
    return BaseBackup(
        label,
        _kind(label),
        label.partition("_D_")[2],
        begin,
        end,
        started is not None,
        first_timeline=wal_timeline(first_wal),
        timeline=wal_timeline(first_wal),
        first_lsn=first_lsn,
        last_lsn=last_lsn,
        first_wal=first_wal,
        cluster_bytes=0 if is_delta else plain,
        moved_bytes=stored,
        read_bytes=plain,
        size_mistakes=[place.problem(wrong) for wrong in mistakes],
    )


def _name_parents(cluster: Cluster) -> None:
    """The segment that a delta names becomes the label of the backup that began there.

    Several may have begun there, on a standby, which switches no segment when a backup begins: the
    delta itself, say. WAL-G takes the newest backup, and only if that ended before.
    """
    for delta in cluster.backups:
        if delta.kind is Kind.FULL:
            continue
        segment = delta.parent[:24].upper()
        found = [
            backup
            for backup in cluster.backups
            if backup.first_wal == segment and _lies_before(backup, delta)
        ]
        newest = max(found, key=_end, default=None)
        delta.parent = (
            newest.label if newest is not None else f"base_{segment}"
        )
        if len(found) > 1:
            cluster.remarks.append(
                f"{len(found)} backups began in the segment that {delta.label} names: taken as "
                f"based on {delta.parent}, the newest"
            )


def _lies_before(backup: BaseBackup, delta: BaseBackup) -> bool:
    """Return whether a backup ended before a delta began."""
    if backup is delta:
        return False
    if backup.last_lsn is not None and delta.first_lsn is not None:
        return backup.last_lsn <= delta.first_lsn
    return backup.finished_utc_us <= delta.started_utc_us


def _end(backup: BaseBackup) -> tuple[int, int]:
    return backup.last_lsn or 0, backup.finished_utc_us
