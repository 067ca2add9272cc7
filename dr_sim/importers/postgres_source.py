"""A cluster of PostgreSQL, as its backup tool tells of it, for a restore plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dr_sim.backups.target import Told
from dr_sim.importers.cells import BadValueError
from dr_sim.importers.import_postgres import Tool
from dr_sim.importers.json_values import lsn_text, parse_lsn
from dr_sim.importers.plan_source import (
    Forks,
    Opened,
    RestoreCosts,
)
from dr_sim.importers.postgres_backups import Cluster, Positions
from dr_sim.importers.strange_rows import StrangeRow
from dr_sim.importers.wal_names import wal_names, wal_start
from dr_sim.importers.wal_placement import place
from dr_sim.units import SECOND_US

_WAL_NAME = re.compile(r"[0-9A-Fa-f]{24}")


@dataclass(slots=True)
class PostgresSource:
    cluster: Cluster
    kind: str
    costs: RestoreCosts = field(default_factory=RestoreCosts)
    positions: Positions = field(init=False)

    def __post_init__(self) -> None:
        self.positions = self.cluster.positions()

    @property
    def database(self) -> str:
        return self.cluster.name

    @property
    def strange(self) -> Sequence[StrangeRow]:
        rows = self.cluster.strange
        if self.positions is Positions.LSN:
            return rows
        return [replace(row, lsns=None) for row in rows]

    @property
    def slack_us(self) -> int:
        """Return a second where ends are told in whole seconds, as pgBackRest and lists of Barman
        do. pgBackRest too takes no backup that ended within the second asked for.
        """
        if self.kind == Tool.WALG.value:  # it tells parts of a second
            return 0
        ends = [backup.finished_utc_us for backup in self.cluster.backups]
        return SECOND_US if any(us % SECOND_US == 0 for us in ends) else 0

    def knows(self, name: str) -> bool:
        if any(backup.label == name for backup in self.cluster.backups):
            return True
        return (
            bool(_WAL_NAME.fullmatch(name))
            and self.positions is not Positions.TIME
        )

    def open(self, without: Sequence[str], forks: Forks) -> Opened:
        gone = frozenset(
            name.upper() for name in without if _WAL_NAME.fullmatch(name)
        )
        placed = place(self.cluster, forks.timelines, gone)
        left = {
            label: header
            for label, header in placed.backups.items()
            if label not in without
        }
        opened = Opened(
            [*left.values(), *placed.wal],
            {},
            Told(
                placed.forks,
                placed.bases,
                placed.parts,
                frozenset(placed.incomplete),
                placed.awaited,
                by_number=True,
            ),
        )
        opened.remarks = [*self.cluster.remarks, *placed.remarks]
        if placed.wal:
            opened.remarks.append(
                "the list names no WAL files: WAL is taken as whole up to its last known end"
            )
        for label, header in left.items():
            opened.names[header.backup_id] = label
        moved = {
            backup.label: backup.moved_bytes
            for backup in self.cluster.backups
        }
        for label, header in left.items():
            opened.stored_bytes[header.backup_id] = moved[label]
        for header in placed.wal:
            opened.names[header.backup_id] = self._wal_text(
                header.fork, header.first_lsn, header.last_lsn
            )
        return opened

    def _wal_text(self, fork: int, first_lsn: int, last_lsn: int) -> str:
        if self.positions is Positions.TIME:
            return f"the WAL of timeline {fork} in between"
        return "WAL " + " to ".join(
            wal_names(fork, first_lsn, last_lsn, self.cluster.segment_bytes)
        )

    def fork(self, text: str) -> int:
        if not re.fullmatch(r"\d{1,9}|[0-9A-Fa-f]{8}", text):
            raise BadValueError(
                f"{text[:60]!r} is no timeline: write its number, or the eight digits "
                "before WAL names"
            )
        return int(text, 16 if len(text) == 8 else 10)

    def fork_text(self, fork: int) -> str:
        return f"timeline {fork}"

    def lsn(self, text: str) -> int:
        if self.positions is Positions.TIME:
            raise BadValueError(
                "the history has no LSNs: write an instant, or latest"
            )
        if _WAL_NAME.fullmatch(text):
            return wal_start(text.upper(), self.cluster.segment_bytes)
        return (
            int(text)
            if re.fullmatch(r"\d{1,20}", text)
            else parse_lsn(text, "the target")
        )

    def lsn_text(self, lsn: int) -> str:
        return lsn_text(lsn)

    def position_text(self, fork: int, lsn: int) -> str:
        if self.positions is Positions.TIME:
            return f"timeline {fork}"
        return f"timeline {fork}, LSN {lsn_text(lsn)}"

    def stretch_text(self, fork: int, first_lsn: int, last_lsn: int) -> str:
        return self._wal_text(fork, first_lsn, last_lsn)
