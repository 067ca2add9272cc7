"""Tells what the backup tools of PostgreSQL tell, as one model: clusters, their base backups, the
WAL that is archived.

The tools list base backups, and at best both ends of the WAL archive. So WAL is taken as whole
between the backups of a timeline and up to where the archive is said to end; a history file of the
timelines, or `--without` a segment, tells otherwise. WAL is cut at the instants that the backups
give: a piece ends where a backup began or ended.

Positions are LSNs where every backup has them and they agree with the WAL names, else WAL names,
else instants in microseconds: old versions tell less. Positions by WAL names rank the ends within
one segment in the order of time.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.errors import Problem
from dr_sim.importers.json_values import lsn_text
from dr_sim.importers.strange_rows import StrangeRow, remarks_on

SEGMENT_SIZES = tuple(2**n * 2**20 for n in range(11))  # 1 MiB to 1 GiB
USUAL_SEGMENT = 16 * 2**20


class Positions(enum.Enum):
    LSN = "LSNs"
    WAL = "WAL names"
    TIME = "instants"


@dataclass(slots=True)
class BaseBackup:
    """One base backup. 0, None and '' stand for what the tool does not tell; parent: label of what
    it stands on. parts: labels of all backups of which it holds files by reference, in order; empty
    where a tool names the parent only. waits_for_wal: the tool waits for WAL of its run.
    """

    label: str
    kind: Kind
    parent: str
    started_utc_us: int
    finished_utc_us: int
    starts_are_known: bool = True
    first_timeline: int = 0
    timeline: int = 0
    first_lsn: int | None = None
    last_lsn: int | None = None
    first_wal: str = ""
    last_wal: str = ""
    cluster_bytes: int = 0  # of the database files, plain
    moved_bytes: int = 0  # what this backup added to the store, compressed
    read_bytes: int = 0  # what it read of the database
    wal_bytes: int | None = None  # archived since, up to the next one
    has_page_errors: bool = False
    parts: Sequence[str] = ()
    waits_for_wal: bool = False
    # what is wrong with its sizes, which are then unknown
    size_mistakes: Sequence[Problem] = ()


@dataclass(slots=True)
class Cluster:
    """The backups of one cluster by time, wherever copies of them lie. name: the tool's, told apart
    from others; system_id: PostgreSQL's; place: stanza, server or list, which an upgraded cluster
    shares with the one before.
    """

    name: str
    system_id: str
    place: str = ""
    backups: list[BaseBackup] = field(default_factory=list)
    # first and last WAL name of each archive
    archive: list[tuple[str, str]] = field(default_factory=list)
    # the first segment that any archive holds, where the tool tells it: what lies before is gone
    oldest_wal: str = ""
    segment_bytes: int = 0  # 0: to be found out
    remarks: list[str] = field(default_factory=list)
    # backups that were skipped for their instants
    strange: list[StrangeRow] = field(default_factory=list)

    def settle(self) -> None:
        """Put what was read in order: backups by time, segment size, timelines, incrementals
        without their parents.
        """
        self.backups.sort(
            key=lambda b: (b.finished_utc_us, b.started_utc_us, b.label)
        )
        self.segment_bytes = (
            self.segment_bytes or self._found_segment_size()
        )
        by_label = {backup.label: backup for backup in self.backups}
        # a copy of it in another repository may be described rightly
        self.strange = [
            row for row in self.strange if row.name not in by_label
        ]
        sizes = [
            problem
            for backup in self.backups
            for problem in backup.size_mistakes
        ]
        self.remarks += remarks_on(
            [row.problem for row in self.strange], sizes
        )
        for backup in self.backups:
            above = by_label.get(backup.parent)
            for name in ("first_timeline", "timeline"):
                own = (
                    getattr(backup, name)
                    or backup.timeline
                    or backup.first_timeline
                    or 1
                )
                setattr(backup, name, own)
            if above is not None and above.timeline > backup.timeline:
                self.remarks.append(
                    f"{backup.label} names timeline {backup.timeline}, its parent ended "
                    f"on {above.timeline}: taken"
                )
                backup.first_timeline = backup.timeline = above.timeline
        errors = [
            backup.label
            for backup in self.backups
            if backup.has_page_errors
        ]
        if errors:
            self.remarks.append(
                f"page checksums were wrong in {', '.join(errors)}: they can be restored "
                "as they are"
            )

    def _found_segment_size(self) -> int:
        pairs = [
            (b.first_lsn, b.first_wal)
            for b in self.backups
            if b.first_lsn is not None and b.first_wal
        ]
        pairs += [
            (b.last_lsn - 1, b.last_wal)
            for b in self.backups
            if b.last_lsn and b.last_wal
        ]
        fitting = [size for size in SEGMENT_SIZES if _fits(size, pairs)]
        if not pairs or not fitting:
            return USUAL_SEGMENT
        return USUAL_SEGMENT if USUAL_SEGMENT in fitting else fitting[0]

    def positions(self) -> Positions:
        size = self.segment_bytes
        if self.backups and all(
            b.first_lsn is not None and b.last_lsn is not None
            for b in self.backups
        ):
            agree = all(
                not b.first_wal
                or wal_start(b.first_wal, size)
                == (b.first_lsn or 0) // size * size
                for b in self.backups
            )
            if agree:
                return Positions.LSN
        if self.backups and all(b.first_wal for b in self.backups):
            return Positions.WAL
        return Positions.TIME


def wal_start(name: str, segment_bytes: int) -> int:
    """The LSN at which a segment of this name begins."""
    return (
        int(name[8:16], 16) * 2**32 + int(name[16:24], 16) * segment_bytes
    )


def wal_timeline(name: str) -> int:
    return int(name[:8], 16) if name else 0


def wal_names(
    timeline: int, first_lsn: int, last_lsn: int, segment_bytes: int
) -> list[str]:
    """First and last name of the segments that hold [first_lsn, last_lsn) of a timeline; one name
    if it is one.
    """
    ends = (
        first_lsn // segment_bytes,
        max(last_lsn - 1, first_lsn) // segment_bytes,
    )
    per_file = 2**32 // segment_bytes
    names = [
        f"{timeline:08X}{number // per_file:08X}{number % per_file:08X}"
        for number in dict.fromkeys(ends)
    ]
    return names


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


def _fits(segment_size: int, pairs: Iterable[tuple[int, str]]) -> bool:
    """Return whether each position lies in the named WAL file, for segments of that size."""
    return all(
        wal_start(wal, segment_size) == lsn // segment_size * segment_size
        for lsn, wal in pairs
    )
