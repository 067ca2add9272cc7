"""Gives each backup of a cluster, and the WAL between them, a position.

The tools list base backups, and at best both ends of the WAL archive. So WAL is taken as whole
between the backups of a timeline and up to where the archive is said to end; a history file of the
timelines, or `--without` a segment, tells otherwise. WAL is cut at the instants that the backups
give: a piece ends where a backup began or ended.

Positions are LSNs where every backup has them and they agree with the WAL names, else WAL names,
else instants in microseconds: old versions tell less. Positions by WAL names rank the ends within
one segment in the order of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.importers.json_values import lsn_text
from dr_sim.importers.postgres_backups import Cluster, Positions
from dr_sim.importers.wal_names import wal_names, wal_start, wal_timeline


@dataclass(slots=True)
class Placed:
    """A cluster with positions: headers of backups (by label) and of WAL pieces, and what they
    stand on.
    """

    cluster: Cluster
    positions: Positions
    backups: dict[str, BackupHeader] = field(default_factory=dict)
    wal: list[BackupHeader] = field(default_factory=list)
    bases: dict[int, int] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
    # timeline -> position from which WAL is yet to come
    awaited: dict[int, int] = field(default_factory=dict)
    forks: dict[int, tuple[int, int]] = field(default_factory=dict)
    incomplete: set[int] = field(
        default_factory=set
    )  # backups whose own WAL is gone, by backup_id
    remarks: list[str] = field(default_factory=list)

    def position_text(self, fork: int, lsn: int) -> str:
        if self.positions is Positions.LSN:
            return f"timeline {fork}, LSN {lsn_text(lsn)}"
        if self.positions is Positions.WAL:
            return (
                f"timeline {fork}, segment "
                f"{wal_names(fork, lsn, lsn, self.cluster.segment_bytes)[0]}"
            )
        return f"timeline {fork}"


def place(
    cluster: Cluster,
    histories: Mapping[int, tuple[int, int]],
    without_wal: frozenset[str] = frozenset(),
) -> Placed:
    """Give everything a position. histories: child timeline -> (parent, LSN of the switch), from
    history files.

    without_wal: names of segments that are gone.
    """
    placed = Placed(cluster, cluster.positions())
    if not cluster.backups:
        return placed
    if placed.positions is Positions.TIME:
        placed.remarks.append(
            "the history has neither LSNs nor WAL names of all backups: ordered by their instants"
        )
    elif placed.positions is Positions.WAL and any(
        b.first_lsn is not None for b in cluster.backups
    ):
        placed.remarks.append(
            "LSNs are lacking or disagree with the WAL names: positions go by the WAL names"
        )
    ends = _ends(cluster, placed.positions)
    ids = {
        backup.label: number
        for number, backup in enumerate(cluster.backups, 1)
    }
    for backup in cluster.backups:
        first, last = ends[backup.label]
        base = (
            ids.get(backup.parent, -1)
            if backup.kind is Kind.INCREMENTAL
            else 0
        )
        crosses = backup.first_timeline != backup.timeline
        header = BackupHeader(
            cluster.name,
            ids[backup.label],
            backup.kind,
            backup.timeline,
            first,
            last,
            first,
            0,
            base,
            backup.first_timeline,
            first if crosses else 0,
            backup.started_utc_us,
            backup.finished_utc_us,
            nominal_bytes=backup.cluster_bytes
            if backup.kind is Kind.FULL
            else backup.read_bytes or backup.moved_bytes,
        )
        placed.backups[backup.label] = header
        if backup.kind is Kind.INCREMENTAL:
            placed.bases[header.backup_id] = base
        if backup.parts:
            placed.parts[header.backup_id] = [
                ids.get(label, -1) for label in backup.parts
            ]
    _place_forks(placed, histories)
    _place_awaited(placed)
    gone = _Gone.of(placed, without_wal)
    _place_wal(placed, gone)
    placed.incomplete = {
        header.backup_id
        for header in placed.backups.values()
        if gone.touches(header)
    }
    return placed


@dataclass(frozen=True, slots=True)
class _Gone:
    """Segments of WAL that are not at hand: those of some names, all before the archive's first,
    and what is yet to come.

    starts: by timeline, in order. awaited: timeline -> position from which it is yet to come. A
    backup without the WAL that was written while it ran can never be consistent.
    """

    size: int
    starts: Mapping[int, list[int]]
    awaited: Mapping[int, int]
    oldest: tuple[int, int] = (
        0,
        0,
    )  # timeline and start of the first segment of the archive

    @classmethod
    def of(cls, placed: Placed, names: frozenset[str]) -> _Gone:
        size = placed.cluster.segment_bytes
        starts: dict[int, list[int]] = {}
        if placed.positions is Positions.TIME:
            return cls(size, starts, placed.awaited)
        for name in sorted(names):
            starts.setdefault(wal_timeline(name), []).append(
                wal_start(name, size)
            )
        oldest = placed.cluster.oldest_wal
        return cls(
            size,
            starts,
            placed.awaited,
            (wal_timeline(oldest), wal_start(oldest, size))
            if oldest
            else (0, 0),
        )

    def left_of(
        self, timeline: int, first: int, last: int
    ) -> list[tuple[int, int]]:
        """The pieces of a stretch of WAL that are at hand."""
        if timeline < self.oldest[0]:
            return []
        if timeline == self.oldest[0]:
            first = max(first, self.oldest[1])
        last = min(last, self.awaited.get(timeline, last))
        return _without(
            first, last, self.starts.get(timeline, []), self.size
        )

    def touches(self, header: BackupHeader) -> bool:
        """Return whether WAL is gone that was written while this backup ran."""
        point = (
            header.fork_point_lsn
            if header.first_fork != header.fork
            else header.first_lsn
        )
        stretches = [(header.fork, point, max(header.last_lsn, point + 1))]
        if header.first_fork != header.fork and point > header.first_lsn:
            stretches.append((header.first_fork, header.first_lsn, point))
        return any(
            self.left_of(*stretch) != [stretch[1:]] for stretch in stretches
        )


def _ends(
    cluster: Cluster, positions: Positions
) -> dict[str, tuple[int, int]]:
    """First and last position of each backup."""
    if positions is Positions.LSN:
        return {
            b.label: (
                b.first_lsn or 0,
                max(b.last_lsn or 0, b.first_lsn or 0),
            )
            for b in cluster.backups
        }
    if positions is Positions.TIME:
        return {
            b.label: (b.started_utc_us, b.finished_utc_us)
            for b in cluster.backups
        }
    size = cluster.segment_bytes
    marks = [
        (wal_start(b.first_wal, size), b.started_utc_us, 0, b.label)
        for b in cluster.backups
    ]
    marks += [
        (
            wal_start(b.last_wal or b.first_wal, size),
            b.finished_utc_us,
            1,
            b.label,
        )
        for b in cluster.backups
    ]
    place: dict[tuple[str, int], int] = {}
    rank: dict[int, int] = {}
    for start, _, which, label in sorted(marks):
        rank[start] = min(rank.get(start, -1) + 1, size - 1)
        place[label, which] = start + rank[start]
    return {
        b.label: (
            place[b.label, 0],
            max(place[b.label, 0], place[b.label, 1]),
        )
        for b in cluster.backups
    }


def _place_forks(
    placed: Placed, histories: Mapping[int, tuple[int, int]]
) -> None:
    """Note where each timeline left the one before it: as the history says, else at the end of what
    the history has of that.
    """
    if placed.positions is Positions.TIME:
        histories = {}
    placed.forks.update(histories)
    headers = sorted(placed.backups.values(), key=lambda h: h.last_lsn)
    timelines = {h.first_fork for h in headers}
    timelines.update(h.fork for h in headers)
    if placed.positions is not Positions.TIME:
        timelines.update(
            wal_timeline(last) for _, last in placed.cluster.archive
        )
    for child in sorted(timelines - {0}):
        if child in placed.forks:
            continue
        parents = [
            h for h in headers if h.fork < child and h.first_fork < child
        ]
        first = min(
            (
                h.first_lsn
                for h in headers
                if h.fork == child and h.first_fork == child
            ),
            default=None,
        )
        crossing = [
            h for h in headers if h.fork == child and h.first_fork < child
        ]
        if crossing:
            placed.forks[child] = (
                crossing[0].first_fork,
                crossing[0].first_lsn,
            )
        elif parents:
            point = (
                parents[-1].last_lsn
                if first is None
                else min(parents[-1].last_lsn, first)
            )
            placed.forks[child] = (parents[-1].fork, point)
            if placed.positions is Positions.TIME:
                continue
            placed.remarks.append(
                f"where timeline {child} left {parents[-1].fork} is not in the history: taken as "
                "the end of the last backup before; "
                "give its .history file with --forks"
            )
    for header in headers:
        if header.first_fork != header.fork and header.fork in placed.forks:
            header.fork_point_lsn = placed.forks[header.fork][1]


def _place_awaited(placed: Placed) -> None:
    """Note from where on WAL is yet to come on timelines with backups that wait for it: from the
    end of what the archive or a backup that does not wait shows to be there.
    """
    cluster, size = placed.cluster, placed.cluster.segment_bytes
    by_segment = placed.positions is not Positions.TIME
    shown: dict[int, int] = {}
    if by_segment:
        for _, newest in cluster.archive:
            timeline = wal_timeline(newest)
            end = wal_start(newest, size) + size
            shown[timeline] = max(shown.get(timeline, 0), end)
    waiting: list[BackupHeader] = []
    for backup in cluster.backups:
        header = placed.backups[backup.label]
        if backup.waits_for_wal:
            waiting.append(header)
            continue
        end = header.last_lsn
        if by_segment:
            end = -(-end // size) * size
        shown[header.fork] = max(shown.get(header.fork, 0), end)
    for header in waiting:
        end = shown.get(header.fork, 0)
        if header.last_lsn > end:
            placed.awaited[header.fork] = end


def _place_wal(placed: Placed, gone: _Gone) -> None:
    """Pieces of WAL between the instants that are known, on each timeline, less the segments that
    are gone.
    """
    cluster = placed.cluster
    size = cluster.segment_bytes
    marks: dict[int, dict[int, int]] = {}  # timeline -> position -> instant
    for header in placed.backups.values():
        marks.setdefault(header.first_fork, {}).setdefault(
            header.first_lsn, header.started_utc_us
        )
        own = marks.setdefault(header.fork, {})
        own[header.last_lsn] = max(
            own.get(header.last_lsn, 0), header.finished_utc_us
        )
    archives = (
        []
        if placed.positions is Positions.TIME
        else [newest for _, newest in cluster.archive]
    )
    at_hand = {*marks, *map(wal_timeline, archives)}
    _mark_switches(marks, at_hand, placed.forks)
    for newest in archives:
        own = marks.get(wal_timeline(newest), {})
        end = wal_start(newest, size) + size
        if own and end > max(own):
            own[end] = max(own.values())
    number = len(placed.backups)
    for timeline in sorted(marks):
        known = sorted(marks[timeline].items())
        for (first, begun), (last, ended) in pairwise(known):
            for begin, end in gone.left_of(timeline, first, last):
                number += 1
                at = max(ended, begun) if end == last else begun
                placed.wal.append(
                    BackupHeader(
                        cluster.name,
                        number,
                        Kind.LOG,
                        timeline,
                        begin,
                        end,
                        begin,
                        0,
                        0,
                        timeline,
                        0,
                        at,
                        at,
                        nominal_bytes=end - begin
                        if placed.positions is not Positions.TIME
                        else 0,
                    )
                )


def _mark_switches(
    marks: dict[int, dict[int, int]],
    at_hand: Iterable[int],
    forks: Mapping[int, tuple[int, int]],
) -> None:
    """Mark where timelines left the ones before them, on both sides, for all that lead to one of
    which something is at hand. On some of these nothing but the switch is known. marks: timeline ->
    position -> instant; it is changed.
    """
    on_the_way: list[int] = []
    for timeline in at_hand:
        path: list[int] = []
        while timeline in forks and timeline not in (*path, *on_the_way):
            path.append(timeline)
            timeline, _ = forks[timeline]
        on_the_way += reversed(path)
    for child in on_the_way:  # each after its parent
        parent, point = forks[child]
        before = [
            at for lsn, at in marks.get(parent, {}).items() if lsn <= point
        ]
        if before:
            marks[parent].setdefault(point, max(before))
            marks.setdefault(child, {}).setdefault(point, max(before))


def _without(
    first: int, last: int, lost: list[int], size: int
) -> list[tuple[int, int]]:
    pieces = []
    for start in lost:
        if start < last and start + size > first:
            if start > first:
                pieces.append((first, start))
            first = max(first, start + size)
    if first < last:
        pieces.append((first, last))
    return pieces
