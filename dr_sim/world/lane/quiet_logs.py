"""Quiet logs: the lives of logs that take a lane, and what they leave behind.

Theory of operation. A lane computes when each step in the life of a quiet log happens: the express
lane for a log that is alone (express.py), the waves for logs of many databases (waves.py). Here
every owner takes such logs of one database in one step: the engines and the shares of both sides,
the recovery manager, its store, the witness. Afterwards each of them stands where the ordinary
steps would have left it. The lane records the places in the staging area, and writes the rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.shipping import Cuts, Shipped, ship
from dr_sim.machines import Machine
from dr_sim.oracle.witnessed import LastOfStretch, WitnessedLogs
from dr_sim.recovery.replay.absorb import AbsorbedLogs, absorb
from dr_sim.recovery.replay.replay import DatabaseReplay
from dr_sim.stores import MemoryStore
from dr_sim.world.driver import Driver
from dr_sim.world.kernel.context import Context
from dr_sim.world.lane.past_logs import PastLogs
from dr_sim.world.lane.quiet_rows import Ring
from dr_sim.world.own_logic import absorbing
from dr_sim.world.primary import naming
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary import Primary
from dr_sim.world.primary.primary_database import PrimaryDatabase
from dr_sim.world.roles.promotion import Promotion
from dr_sim.world.secondary.secondary import Secondary


@dataclass(slots=True)
class Lives:
    """Logs by columns: commits and LSN at their cuts, then their instants. rings: alarms, by log;
    begun: the cuts in UTC.
    """

    rings: dict[int, Ring]
    begun: Sequence[int]
    commits: Sequence[int]
    lsn: Sequence[int]
    cut: Sequence[int]
    finished: Sequence[int]
    landed: Sequence[int]
    hashed: Sequence[int]
    restored: Sequence[int]

    def __len__(self) -> int:
        return len(self.cut)


@dataclass(slots=True)
class Left:
    """The remains of logs of one database, by log. last: the last of them; first: the header of the
    first; keys, counter, clock_key, clocks: the saved values; host_us, site_us: the results of
    Witness.shipped.
    """

    shipped: Shipped
    first: BackupHeader
    last: BackupFile
    names: list[str]
    keys: list[str]
    counter: str
    clock_key: str
    clocks: list[str]
    host_us: list[int]
    site_us: list[int]

    @property
    def numbers(self) -> range:
        first = self.first.backup_id
        return range(first, first + len(self.names))


class QuietLogs:
    """Hands quiet logs to their owners. past: puts older logs into runs, too."""

    def __init__(
        self,
        context: Context,
        primary: Primary,
        secondary: Secondary,
        driver: Driver[Machine],
        promotion: Promotion,
    ) -> None:
        at, to = context.primary_engine, context.secondary_engine
        assert isinstance(at, ModelEngine) and isinstance(to, ModelEngine)
        at_files, to_files = context.primary_files, context.secondary_files
        assert isinstance(at_files, MemoryFiles)
        assert isinstance(to_files, MemoryFiles)
        self._at, self._to = at, to
        self._at_files, self._to_files = at_files, to_files
        self._context = context
        self._primary = primary
        self._secondary = secondary
        self._driver = driver
        self._promotion = promotion
        self.past = PastLogs(context, primary, secondary, driver)

    def replay(self, db: PrimaryDatabase) -> DatabaseReplay:
        """Return what the recovery manager, which is up, knows of that database."""
        manager = absorbing(self._driver.machine)
        assert manager is not None
        return manager.databases[db.spec.name]

    def leave(self, db: PrimaryDatabase, lives: Lives) -> Left:
        """Hand what quiet logs leave behind to its owners, to each in one step. The places in the
        staging area and the rows are not included.
        """
        context = self._context
        start = context.scenario.start_utc_us
        index, database = db.index, db.spec.name
        self.past.before_quiet(db)
        names = naming.names_of_logs(context, db, lives.cut)
        cuts = Cuts(
            db.next_number,
            names,
            lives.commits,
            lives.lsn,
            lives.cut,
            lives.finished,
            start,
        )
        made = ship(self._at, self._to, database, cuts)
        last = self._primary.shipped(
            db, made, lives.commits[-1], lives.cut[-1]
        )
        self._put(index, made)
        first = made.header(0)
        self._secondary.took(made.last.last_lsn - first.first_lsn)
        self._secondary.last_restored[index] = (
            lives.restored[-1],
            last.ends_us,
        )
        self._primary.last_finished_us[index] = lives.finished[-1]
        counter, clocks = absorb(
            self.replay(db),
            AbsorbedLogs(
                made.run,
                made.last,
                names,
                lives.cut,
                lives.finished,
                array("q", lives.landed),
                lives.restored,
            ),
            start,
        )
        before, clock_key = f"attempts/{database}/", f"restored/{database}"
        store = self._driver.store
        assert isinstance(store, MemoryStore)
        if made.run is not None:
            store.save_same(before, made.run, counter)
        store.save(before + names[-1], counter)
        store.save(clock_key, clocks[-1])
        host_us, site_us = context.witness.shipped(
            index,
            WitnessedLogs(made.run, made.last, lives.commits, lives.lsn),
            lives.hashed[-1],
            LastOfStretch(
                lives.restored[-1],
                self._to.state(database),
                self._to.read_witness(database),
            ),
        )
        return Left(
            made,
            first,
            last,
            names,
            [before + name for name in names],
            counter,
            clock_key,
            clocks,
            host_us,
            site_us,
        )

    def _put(self, index: int, made: Shipped) -> None:
        """Write the bytes of logs on both sides."""
        context = self._context
        at = context.primary_shares[index]
        to = context.secondary_shares[index]
        for files, folder in ((self._at_files, at), (self._to_files, to)):
            if made.run is not None and made.contents is not None:
                files.put(folder, made.run, made.contents)
            files.write_later(
                f"{folder}/{made.last_name}", made.last_content
            )

    def go_on(self, db: PrimaryDatabase, left: Left, alarm_us: int) -> None:
        """Do what depends on the last log. alarm_us: the instant at which the alarm 'window' is set
        now; -1: it is unchanged.
        """
        self._promotion.restored(left.last)
        self.past.quiet_over(db)
        if self._primary.log_space.limit_bytes(db):
            self._primary.log_space.changed(db)
        self.alarm_goes_to(db, alarm_us)

    def alarm_goes_to(self, db: PrimaryDatabase, alarm_us: int) -> None:
        """Set the alarm 'window' of a database to that instant; -1: it is unchanged."""
        if alarm_us >= 0:
            key = (db.spec.name, "window")
            self._driver.alarms[key].cancel()
            self._driver.put_alarm(key, alarm_us)
