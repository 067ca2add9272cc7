"""The context that every part of the world shares: the scenario, the agenda, the journal, the
draws, the oracle, both sides' files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.run_tables import ByName
from dr_sim.engines.port import Engine
from dr_sim.oracle.witness import Witness
from dr_sim.record.kinds import KIND_ID
from dr_sim.record.pairs import AnyJournal
from dr_sim.scenario.model import Scenario
from dr_sim.streams import Streams
from dr_sim.world.kernel.agenda import Agenda
from dr_sim.world.kernel.clock import Clock
from dr_sim.world.kernel.wall_clock import WallClock
from dr_sim.world.kernel.workload import Workload
from dr_sim.world.primary.backup_file import BackupFile, TwinFile

if TYPE_CHECKING:
    from dr_sim.world.site import Site

_FILE_GONE = KIND_ID["truth.file_gone"]


@dataclass(slots=True)
class Context:
    scenario: Scenario
    agenda: Agenda
    journal: AnyJournal
    streams: Streams
    witness: Witness
    primary_site: Site
    secondary_site: Site
    workloads: list[Workload]
    clock: Clock
    by_name: list[
        ByName[BackupFile]
    ]  # per database, while either side has them
    primary_shares: list[str]  # per database: where its files lie
    secondary_shares: list[str]
    out_of_service: frozenset[int] = (
        frozenset()
    )  # databases that no failover brought online
    # of the other standbys behind the same primary, in what the primary is given
    beside: list[Context] = field(default_factory=list)
    # in what the primary is given: of those that get the fulls and incrementals of the databases'
    # schedules, where a store has fulls of its own (None: all get them)
    first_chain: Context | None = None
    # of those that get the logs of the databases' schedules, where a store has logs of its own
    # (None: all get them)
    first_logs: Context | None = None
    # of each chain of logs; none: there is one, and all get it
    log_chains: list[Context] = field(default_factory=list)

    @property
    def primary_files(self) -> Any:
        """Return the files at the primary: port.Files, with what faults need (engines/files.py)."""
        return self.primary_site.files

    @property
    def secondary_files(self) -> Any:
        return self.secondary_site.files

    @property
    def primary_engine(self) -> Engine:
        return self.primary_site.engine

    @property
    def secondary_engine(self) -> Engine:
        return self.secondary_site.engine

    @property
    def primary_wall(self) -> WallClock:
        return self.primary_site.wall

    def at_primary(self, file: BackupFile) -> str:
        """Return the file's path at the primary."""
        folder = file.folder or self.primary_shares[file.database]
        return f"{folder}/{file.name}"

    def at_secondary(self, file: BackupFile) -> str:
        return f"{self.secondary_shares[file.database]}/{file.name}"

    def site_of(self, side: str) -> Site:
        """Return the site of 'primary' or 'secondary'."""
        return (
            self.primary_site if side == "primary" else self.secondary_site
        )

    @property
    def now_us(self) -> int:
        return self.agenda._now

    def utc_us(self) -> int:
        """Return the time on the secondary's wall clock."""
        return (
            self.scenario.start_utc_us
            + self.agenda._now
            + self.secondary_site.wall.beyond_us
        )

    def primary_utc_us(self) -> int:
        """Return the time on the primary's wall clock: it goes into names, headers and the files'
        times.
        """
        return (
            self.scenario.start_utc_us
            + self.agenda._now
            + self.primary_site.wall.beyond_us
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

    def of_kind(self, kind: Kind) -> Context:
        """Return the context in which the primary makes such a backup by a database's schedule."""
        first = self.first_logs if kind is Kind.LOG else self.first_chain
        return self if first is None else first

    def truncated_for_others(
        self,
        taken_by: Context,
        database: int,
        header: BackupHeader,
        commits: int,
    ) -> None:
        """Record that a log backup of one chain has truncated the log, so that its part is in no
        file of the other chains (SQL Server's rule). PostgreSQL keeps each segment until every
        archive has it.
        """
        if self.scenario.engine.postgres_rules or header.copy_only:
            return
        for other in self.log_chains:
            if other is not taken_by:
                other.truncated(database, header, commits)

    def truncated(
        self, database: int, header: BackupHeader, commits: int
    ) -> None:
        """Record that log was truncated, and is in no file that is known here."""
        now, number = self.now_us, header.backup_id
        span = header.first_lsn, header.last_lsn
        self.note("truth.log_truncated", database, *span)
        self.witness.made(now, database, number, header, commits)
        self.witness.gone(now, database, number, "primary")

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
