"""Reads Barman: `barman list-backups` and `barman show-backup` with `-f json`, and
`barman-cloud-backup-list --format json`.

A list tells when a backup ended, its size and the WAL since; show-backup adds begin, LSNs, timeline
and parent. Several outputs in one file are read together: what two of them tell of one backup is
added up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dr_sim.backups.model import Kind
from dr_sim.importers.cells import BadInstantError, BadValueError
from dr_sim.importers.json_values import (
    at_path,
    instant_of,
    lsn_of,
    lsns_of,
    number_of,
    size_of,
    text_of,
    wal_name_of,
)
from dr_sim.importers.postgres_backups import BaseBackup, Cluster
from dr_sim.importers.strange_rows import Mistakes, RowPlace, StrangeRow
from dr_sim.importers.wal_names import wal_timeline

Row = Mapping[str, object]
# copied, but nothing has shown yet that all WAL of its run is archived
_WAITING = "WAITING_FOR_WALS"
_ZONE = re.compile(r"\d(?:Z|[+-]\d\d:?\d\d)\s*$")


def is_barman(values: Sequence[object]) -> bool:
    return any(_holds_barman(value) for value in values)


def _holds_barman(value: object) -> bool:
    has_a_backup = any(True for _ in _backups(value))
    return has_a_backup or bool(_empty_servers(value))


def _empty_servers(value: object) -> list[str]:
    """Return the servers of one output that have no backup at all."""
    if not isinstance(value, Mapping):
        return []
    if value.get("backups_list") == []:
        return ["server"]
    if not all(map(_is_list_of_backups, value.values())):
        return []
    return [str(server) for server, own in value.items() if not own]


def _is_list_of_backups(own: object) -> bool:
    if not isinstance(own, list):
        return False
    return all(
        isinstance(row, Mapping) and "backup_id" in row for row in own
    )


def read_barman(values: Sequence[object], file: str) -> list[Cluster]:
    """The servers' backups. Raises InputError with every kind of mistake found."""
    merged: dict[tuple[str, str], dict[str, object]] = {}
    mistakes = Mistakes()
    for value in values:
        for server, row in _backups(value):
            key = (server, str(row.get("backup_id")))
            own = merged.setdefault(key, {})
            own.update(
                {k: v for k, v in _flat(row).items() if v is not None}
            )
    found: dict[str, Cluster] = {}
    system_ids = _system_ids(merged)
    for (server, backup_id), row in merged.items():
        system_id = system_ids[server, backup_id]
        cluster = found.setdefault(
            f"{server} {system_id}", Cluster(server, system_id, server)
        )
        place = RowPlace(file, f"server {server}, backup {backup_id}")
        try:
            backup = _backup(backup_id, row, cluster, place)
        except BadInstantError as wrong:
            strange = StrangeRow(
                place.problem(wrong),
                _kind(row),
                backup_id,
                lsns_of(*_lsns(row)),
            )
            cluster.strange.append(strange)
            mistakes.skip(place.problem(wrong))
            continue
        except BadValueError as wrong:
            mistakes.refuse(place.problem(wrong))
            continue
        if backup is not None:
            mistakes.forget(backup.size_mistakes)
            cluster.backups.append(backup)
    mistakes.check(sum(len(cluster.backups) for cluster in found.values()))
    named = {cluster.place for cluster in found.values()}
    for server in dict.fromkeys(
        server for value in values for server in _empty_servers(value)
    ):
        if named and server not in named:
            found[f"{server} "] = Cluster(
                server,
                "",
                server,
                remarks=["the list holds no backup of it"],
            )
    clusters = [
        cluster
        for key, cluster in found.items()
        if cluster.backups or not _named_elsewhere(cluster, found)
    ]
    for cluster in clusters:
        if sum(other.name == cluster.name for other in clusters) > 1:
            cluster.remarks.append(
                f"server {cluster.name} has held several clusters: this is "
                f"{cluster.system_id or 'of no system id'}"
            )
        cluster.settle()
    several = [cluster.name for cluster in clusters]
    for cluster in clusters:
        if several.count(cluster.name) > 1:
            cluster.name = (
                f"{cluster.name} ({cluster.system_id or 'no system id'})"
            )
    return clusters


def _system_ids(
    merged: Mapping[tuple[str, str], Row],
) -> dict[tuple[str, str], str]:
    """Return the system id of each backup, by (server, backup id); '' if nothing tells it.

    A list tells none, and show-backup and the cloud's list call it by different names. Backup ids
    are instants, so a backup without one is of its neighbours' cluster, where they agree.
    """
    found = {
        key: str(row.get("systemid") or row.get("system_id") or "")
        for key, row in merged.items()
    }
    in_order = sorted(found)
    before = _last_told(found, in_order)
    after = _last_told(found, reversed(in_order))
    for key in in_order:
        around = {before[key], after[key]} - {""}
        if len(around) == 1:
            found[key] = around.pop()
    return found


def _last_told(
    ids: Mapping[tuple[str, str], str], keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return, by backup, the system id of it or of the last one of its server before it that has
    one; '' if none has. keys: the backups in their order.
    """
    told: dict[str, str] = {}
    found = {}
    for key in keys:
        server, _ = key
        told[server] = ids[key] or told.get(server, "")
        found[key] = told[server]
    return found


def _named_elsewhere(
    cluster: Cluster, found: Mapping[str, Cluster]
) -> bool:
    """An unfinished backup names no system id: its remarks go to the server's one cluster."""
    others = [
        other
        for other in found.values()
        if other.name == cluster.name and other.backups
    ]
    if others:
        others[0].remarks += cluster.remarks
    return bool(others)


def _backups(value: object) -> Iterator[tuple[str, Row]]:
    """(server, row) of every backup in one output."""
    if not isinstance(value, Mapping):
        return
    listed = value.get("backups_list")
    if isinstance(listed, list):
        for row in listed:
            if isinstance(row, Mapping) and row.get("backup_id"):
                yield str(row.get("server_name") or _server_of(listed)), row
        return
    for server, own in value.items():
        for row in own if isinstance(own, list) else [own]:
            if isinstance(row, Mapping) and row.get("backup_id"):
                yield str(server), row


def _server_of(rows: Sequence[object]) -> str:
    return next(
        (
            str(row["server_name"])
            for row in rows
            if isinstance(row, Mapping) and row.get("server_name")
        ),
        "server",
    )


def _flat(row: Row) -> dict[str, object]:
    """show-backup's sections, one within the other, as one level of keys; the WAL section keeps its
    own.
    """
    flat = {
        key: value
        for key, value in row.items()
        if not isinstance(value, Mapping)
    }
    for section in (
        "base_backup_information",
        "catalog_information",
        "server_information",
    ):
        inner = at_path(row, section)
        if isinstance(inner, Mapping):
            flat.update(
                {
                    key: value
                    for key, value in inner.items()
                    if value is not None
                }
            )
    flat["last_available"] = at_path(
        row, "wal_information", "last_available"
    )
    archived = at_path(row, "wal_information", "disk_usage_bytes")
    if archived is not None:
        flat["wal_size_bytes"] = archived
    return flat


def _kind(row: Row) -> Kind:
    is_incremental = text_of(row, "backup_type") == "incremental"
    return Kind.INCREMENTAL if is_incremental or _parent(row) else Kind.FULL


def _parent(row: Row) -> str:
    return text_of(row, "parent_backup_id").strip("- ")


def _lsns(row: Row) -> tuple[int | None, int | None]:
    """First and last LSN."""
    return (
        lsn_of(row, "begin_lsn") or lsn_of(row, "begin_xlog"),
        lsn_of(row, "end_lsn") or lsn_of(row, "end_xlog"),
    )


def _backup(
    backup_id: str, row: Row, cluster: Cluster, place: RowPlace
) -> BaseBackup | None:
    status = text_of(row, "status")
    if status not in ("DONE", _WAITING):
        cluster.remarks.append(
            f"{backup_id} has the status {status[:30] or 'none'}: skipped"
        )
        return None
    first_lsn, last_lsn = _lsns(row)
    finished = _instant(row, "end_time_timestamp", "end_time", cluster)
    if finished is None:
        cluster.remarks.append(f"{backup_id} has no end: skipped")
        return None
    started = _instant(row, "begin_time_timestamp", "begin_time", cluster)
    if started is not None and started > finished:
        raise BadInstantError(
            "it ends before it starts: end_time lies before begin_time"
        )
    kind = _kind(row)
    first_wal, last_wal = (
        wal_name_of(row, "begin_wal"),
        wal_name_of(row, "end_wal"),
    )
    mistakes: list[str] = []
    size = _bytes(
        row, mistakes, "cluster_size_bytes", "cluster_size", "size"
    )
    stored = _bytes(
        row,
        mistakes,
        "backup_size_bytes",
        "incremental_size_bytes",
        "disk_usage_bytes",
        "deduplicated_size",
    )
    wal = size_of(row, mistakes, "wal_size_bytes")
    # of the list: the backup with the WAL that it needs itself
    moved = stored or size_of(row, mistakes, "size_bytes") or 0
    timeline = number_of(row, "timeline") or wal_timeline(
        last_wal or first_wal
    )
    segment = number_of(row, "xlog_segment_size") or 0
    cluster.segment_bytes = cluster.segment_bytes or (
        segment if segment > 0 and segment & (segment - 1) == 0 else 0
    )
    last_archived = wal_name_of(row, "last_available")
    if last_archived and first_wal:
        cluster.archive.append((first_wal, last_archived))
    return BaseBackup(
        backup_id,
        kind,
        _parent(row),
        started if started is not None else finished,
        finished,
        started is not None,
        first_timeline=wal_timeline(first_wal) or timeline,
        timeline=timeline,
        first_lsn=first_lsn,
        last_lsn=last_lsn,
        first_wal=first_wal,
        last_wal=last_wal,
        cluster_bytes=size or (moved if kind is Kind.FULL else 0),
        moved_bytes=moved,
        read_bytes=moved,
        wal_bytes=wal,
        waits_for_wal=status == _WAITING,
        size_mistakes=[place.problem(wrong) for wrong in mistakes],
    )


def _bytes(row: Row, mistakes: list[str], *keys: str) -> int:
    """The first of these that is a number; some outputs have a text for people under such a key
    ('52.7 MiB').
    """
    for key in keys:
        if row.get(key) is not None and not isinstance(row[key], str):
            return size_of(row, mistakes, key) or 0
    return 0


def _instant(
    row: Row, stamp: str, text: str, cluster: Cluster
) -> int | None:
    """The text where it names a zone, as it has parts of a second; else the epoch seconds; else the
    text, whose zone Barman's old lists do not name.
    """
    for key in (f"{text}_iso", text):
        if _ZONE.search(str(row.get(key) or "")):
            return instant_of(row, key)
    found = instant_of(row, stamp)
    if found is not None:
        return found
    found = instant_of(row, text)
    remark = "instants name no time zone: taken as UTC"
    if found is not None and remark not in cluster.remarks:
        cluster.remarks.append(remark)
    return found
