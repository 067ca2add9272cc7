"""Reads `pgbackrest info --output=json`.

A stanza has a database for each cluster that it ever held (an upgrade makes a new one), under an id
of its own in each repository: backups of one system-id belong together, and one that lies in two
repositories counts once. Instants are the timestamps; a label only looks like one.
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

_KINDS = {
    "full": Kind.FULL,
    "diff": Kind.INCREMENTAL,
    "incr": Kind.INCREMENTAL,
}
# by the last letter of a label, where a type is absent
_TYPES = {"F": "full", "D": "diff", "I": "incr"}


def is_pgbackrest(values: Sequence[object]) -> bool:
    """Stanzas have lists of backups and databases, or a status that says why not."""
    rows = [
        row
        for value in values
        for row in (value if isinstance(value, list) else [value])
    ]
    return any(
        isinstance(row, Mapping)
        and "backup" in row
        and ("db" in row or "status" in row)
        for row in rows
    )


def read_pgbackrest(values: Sequence[object], file: str) -> list[Cluster]:
    """The clusters of all stanzas. Raises InputError with every kind of mistake found."""
    clusters: list[Cluster] = []
    mistakes = Mistakes()
    for stanza in (
        row
        for value in values
        for row in (value if isinstance(value, list) else [value])
    ):
        if not isinstance(stanza, Mapping) or "backup" not in stanza:
            raise error(
                file,
                f"holds {str(stanza)[:40]!r} among its stanzas: an object with a list of "
                "backups is needed",
            )
        try:
            clusters += _clusters(stanza, file, mistakes)
        except BadValueError as wrong:
            mistakes.refuse(
                Problem(
                    file,
                    0,
                    0,
                    f"a stanza, its databases or its archives: {wrong}",
                )
            )
    mistakes.check(sum(len(cluster.backups) for cluster in clusters))
    return clusters


def _clusters(
    stanza: Mapping[str, object], file: str, mistakes: Mistakes
) -> list[Cluster]:
    name = text_of(stanza, "name") or "stanza"
    by_key: dict[tuple[int, int], Cluster] = {}
    found: dict[str, Cluster] = {}

    def cluster_of(row: Mapping[str, object], own: str) -> Cluster:
        key = (
            number_of(row, *own.split(), "id") or 0,
            number_of(row, *own.split(), "repo-key") or 1,
        )
        if key not in by_key:
            by_key[key] = found.setdefault(
                f"id {key[0]} in repository {key[1]}",
                Cluster(name, "", name),
            )
        return by_key[key]

    for row in _rows(stanza, "db"):
        key = (number_of(row, "id") or 0, number_of(row, "repo-key") or 1)
        system_id = text_of(row, "system-id")
        by_key[key] = found.setdefault(
            system_id or f"{key}", Cluster(name, system_id, name)
        )
    taken: set[tuple[int, str]] = set()
    for number, row in enumerate(_rows(stanza, "backup"), 1):
        place = RowPlace(file, f"stanza {name}, backup {number}")
        try:
            cluster = cluster_of(row, "database")
            backup = _backup(row, place)
        except BadInstantError as wrong:
            cluster.strange.append(_strange(row, place.problem(wrong)))
            mistakes.skip(place.problem(wrong))
            continue
        except BadValueError as wrong:
            mistakes.refuse(place.problem(wrong))
            continue
        if backup is None:
            cluster.remarks.append(
                f"{text_of(row, 'label') or number} has no stop: unfinished, skipped"
            )
        elif (id(cluster), backup.label) in taken:
            cluster.remarks.append(
                f"{backup.label} lies in two repositories: counted once"
            )
        else:
            taken.add((id(cluster), backup.label))
            mistakes.forget(backup.size_mistakes)
            cluster.backups.append(backup)
    for row in _rows(stanza, "archive"):
        first, last = wal_name_of(row, "min"), wal_name_of(row, "max")
        if first and last:
            cluster = cluster_of(row, "database")
            cluster.archive.append((first, last))
            cluster.oldest_wal = min(cluster.oldest_wal or first, first)
    clusters = list(found.values())
    for cluster in clusters:
        if len(clusters) > 1:
            cluster.name = f"{name} ({cluster.system_id or 'no system-id'})"
        _name_parts(cluster)
        cluster.settle()
    return clusters


def _rows(
    stanza: Mapping[str, object], key: str
) -> list[Mapping[str, object]]:
    rows = stanza.get(key)
    return (
        [row for row in rows if isinstance(row, Mapping)]
        if isinstance(rows, list)
        else []
    )


def _label(row: Mapping[str, object]) -> str:
    label = text_of(row, "label")
    if not label:
        raise BadValueError("it has no label")
    return label


def _kind(row: Mapping[str, object]) -> Kind:
    last = _label(row)[-1]
    kind = _KINDS.get(text_of(row, "type") or _TYPES.get(last, ""))
    if kind is None:
        raise BadValueError(
            f"type is {text_of(row, 'type')[:40]!r}, one of full, diff, incr is needed"
        )
    return kind


def _strange(row: Mapping[str, object], problem: Problem) -> StrangeRow:
    lsns = lsns_of(lsn_of(row, "lsn", "start"), lsn_of(row, "lsn", "stop"))
    return StrangeRow(problem, _kind(row), _label(row), lsns)


def _backup(
    row: Mapping[str, object], place: RowPlace
) -> BaseBackup | None:
    label, kind = _label(row), _kind(row)
    first_lsn = lsn_of(row, "lsn", "start")
    last_lsn = lsn_of(row, "lsn", "stop")
    started, finished = (
        instant_of(row, "timestamp", "start"),
        instant_of(row, "timestamp", "stop"),
    )
    if finished is None:
        return None
    starts_are_known = started is not None
    started = finished if started is None else started
    if finished < started:
        raise BadInstantError(
            "it ends before it starts: timestamp.stop lies before timestamp.start"
        )
    first_wal, last_wal = (
        wal_name_of(row, "archive", "start"),
        wal_name_of(row, "archive", "stop"),
    )
    mistakes: list[str] = []
    cluster_bytes = size_of(row, mistakes, "info", "size") or 0
    moved_bytes = size_of(row, mistakes, "info", "repository", "delta") or 0
    read_bytes = size_of(row, mistakes, "info", "delta") or 0
    return BaseBackup(
        label,
        kind,
        "" if kind is Kind.FULL else _parent(row),
        started,
        finished,
        starts_are_known,
        first_timeline=wal_timeline(first_wal),
        timeline=wal_timeline(last_wal or first_wal),
        first_lsn=first_lsn,
        last_lsn=last_lsn,
        first_wal=first_wal,
        last_wal=last_wal,
        cluster_bytes=cluster_bytes,
        moved_bytes=moved_bytes,
        read_bytes=read_bytes,
        has_page_errors=at_path(row, "error") is True,
        parts=() if kind is Kind.FULL else _references(row),
        size_mistakes=[place.problem(wrong) for wrong in mistakes],
    )


def _references(row: Mapping[str, object]) -> list[str]:
    """Return the backups that are required to restore this one; empty where the row names none."""
    found = row.get("reference")
    listed = found if isinstance(found, list) else []
    return [label for label in listed if isinstance(label, str)]


def _name_parts(cluster: Cluster) -> None:
    """Where an incremental names no references, the backups from its full on are its parts. One
    whose chain is broken keeps its parent alone.
    """
    by_label = {backup.label: backup for backup in cluster.backups}
    for backup in cluster.backups:
        if backup.kind is Kind.FULL or backup.parts:
            continue
        chain: list[str] = []
        below = by_label.get(backup.parent)
        while below is not None and below.label not in chain:
            chain.append(below.label)
            if below.kind is Kind.FULL:
                backup.parts = chain[::-1]
                break
            below = by_label.get(below.parent)


def _parent(row: Mapping[str, object]) -> str:
    """prior; where that is absent the last that is referred to, or the full in front of the label's
    underscore.
    """
    references = row.get("reference")
    last = (
        references[-1]
        if isinstance(references, list) and references
        else None
    )
    return text_of(row, "prior") or (
        last
        if isinstance(last, str)
        else text_of(row, "label").partition("_")[0]
    )
