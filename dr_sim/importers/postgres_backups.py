"""Tells what the backup tools of PostgreSQL tell, as one model: clusters, their base backups, the
ends of the WAL archive (placed in wal_placement.py).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from dr_sim.backups.model import Kind
from dr_sim.errors import Problem
from dr_sim.importers.strange_rows import StrangeRow, remarks_on
from dr_sim.importers.wal_names import (
    SEGMENT_SIZES,
    USUAL_SEGMENT,
    in_named_segments,
    wal_start,
)


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
        fitting = [
            size for size in SEGMENT_SIZES if in_named_segments(size, pairs)
        ]
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
