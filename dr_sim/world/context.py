"""The context that every part of the world shares: the scenario, the agenda, the journal, the
draws, the oracle, both sides' files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dr_sim.engines.port import Engine
from dr_sim.oracle.witness import Witness
from dr_sim.record.kinds import KIND_ID
from dr_sim.record.pairs import AnyJournal
from dr_sim.scenario.model import Scenario
from dr_sim.streams import Streams
from dr_sim.units import YEAR_US
from dr_sim.world.agenda import Agenda
from dr_sim.world.backup_file import BackupFile, TwinFile
from dr_sim.world.clock import Clock
from dr_sim.world.workload import Workload

_FILE_GONE = KIND_ID["truth.file_gone"]
FARTHEST_US = 100 * YEAR_US
"""The most that a wall clock can be wrong: a clock that has lost its battery shows 1970, 1980 or
2000.
"""


class WallClock:
    """Holds by how much the wall clock of a place differs from the truth. before: until when it
    differed by how much.
    """

    __slots__ = ("_moved_us", "before", "beyond_us")

    def __init__(self) -> None:
        self.beyond_us = 0
        self.before: list[tuple[int, int]] = []
        self._moved_us = 0  # by how much all that moved it have moved it

    def move(self, now_us: int, by_us: int) -> None:
        """Move it by that much from now on. It stays within the calendar: a move beyond FARTHEST_US
        leaves it there until enough is moved back.
        """
        self._moved_us += by_us
        self.before.append((now_us, self.beyond_us))
        self.beyond_us = max(-FARTHEST_US, min(FARTHEST_US, self._moved_us))


@dataclass(slots=True)
class Context:
    scenario: Scenario
    agenda: Agenda
    journal: AnyJournal
    streams: Streams
    witness: Witness
    primary_files: (
        Any  # port.Files, with the faults: see dr_sim/engines/files.py
    )
    secondary_files: Any
    primary_engine: Engine
    secondary_engine: Engine
    workloads: list[Workload]
    clock: Clock
    by_name: list[
        dict[str, BackupFile]
    ]  # per database, while either side has them
    primary_shares: list[str]  # per database: where its files lie
    secondary_shares: list[str]
    out_of_service: frozenset[int] = (
        frozenset()
    )  # databases that no failover brought online
    # of the other standbys behind the same primary, in what the primary is given
    beside: list[Context] = field(default_factory=list)
    primary_wall: WallClock = field(default_factory=WallClock)
    secondary_wall: WallClock = field(default_factory=WallClock)

    def at_primary(self, file: BackupFile) -> str:
        """Return the file's path at the primary."""
        folder = file.folder or self.primary_shares[file.database]
        return f"{folder}/{file.name}"

    def at_secondary(self, file: BackupFile) -> str:
        return f"{self.secondary_shares[file.database]}/{file.name}"

    def move_clock(self, side: str, by_us: int) -> None:
        """Move the wall clock of 'primary' or 'secondary' by that much from now on."""
        wall = (
            self.primary_wall if side == "primary" else self.secondary_wall
        )
        wall.move(self.now_us, by_us)

    @property
    def now_us(self) -> int:
        return self.agenda._now

    def utc_us(self) -> int:
        """Return the time on the secondary's wall clock."""
        return (
            self.scenario.start_utc_us
            + self.agenda._now
            + self.secondary_wall.beyond_us
        )

    def primary_utc_us(self) -> int:
        """Return the time on the primary's wall clock: it goes into names, headers and the files'
        times.
        """
        return (
            self.scenario.start_utc_us
            + self.agenda._now
            + self.primary_wall.beyond_us
        )

    def first_stamped_us(self, utc_us: int) -> int:
        """Return the first instant at which the primary's wall clock, which stamps commits, showed
        that time or a later one.
        """
        shown_us = utc_us - self.scenario.start_utc_us
        since_us = 0
        for until_us, beyond_us in self.primary_wall.before:
            at_us = max(since_us, shown_us - beyond_us)
            if at_us < until_us:
                return at_us
            since_us = until_us
        return max(since_us, shown_us - self.primary_wall.beyond_us)

    def note(
        self, kind_name: str, database: int, *values: int | str
    ) -> None:
        """Write one record at this instant; for rows that are rare."""
        self.journal.note(kind_name, self.now_us, database, *values)

    def keep(self, file: BackupFile) -> None:
        """Note a file that lies in the primary's share: each standby may be sent it."""
        self.by_name[file.database][file.name] = file
        for other in self.beside:
            known = other.by_name[file.database]
            if file.name not in known:
                known[file.name] = TwinFile(file)

    def file_gone(self, file: BackupFile, where: str, why: str) -> None:
        """Record that a file has left the share at 'primary' or 'secondary'. A file that lies
        nowhere is forgotten.
        """
        now, journal = self.agenda._now, self.journal
        texts = journal.texts
        self.witness.gone(now, file.database, file.number, where)
        journal.append(
            _FILE_GONE,
            now,
            file.database,
            file.number,
            texts[where],
            texts[why],
        )
        if file.at_primary:
            return
        if not file.at_secondary:
            self.by_name[file.database].pop(file.name, None)
        for other in self.beside:
            twin = other.by_name[file.database].get(file.name)
            if twin is not None and not twin.at_secondary:
                del other.by_name[file.database][file.name]
