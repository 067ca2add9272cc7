"""Logs that took the ordinary steps and are past, held by columns as those that took a lane.

Theory of operation. While a link is full or down a fleet makes hundreds of thousands of logs step
by step, and each leaves an object with every part of the world that knows of it. Once a log is
restored and another one after it, nothing waits for it: it lies in both shares until retention
deletes it, as a quiet log does. So from time to time such logs of a database go into a run
(backups/log_run.py). Only logs go that are in every respect as a run would make them, and each
owner looks for itself whether what it knows of a log is. So nothing that anybody asks of a file
changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dr_sim.backups.log_run import FEWEST, LogRun, LogsAlike
from dr_sim.backups.model import Kind
from dr_sim.engines.files import MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.shipping import Cuts, collected
from dr_sim.machines import Machine
from dr_sim.recovery.replay.absorb import hold_as_runs, holds_on_to_none
from dr_sim.stores import MemoryStore
from dr_sim.world.driver import Driver
from dr_sim.world.kernel.context import Context
from dr_sim.world.own_logic import absorbing
from dr_sim.world.primary.backup_file import BackupFile, FilesOfRun
from dr_sim.world.primary.primary import Primary
from dr_sim.world.primary.primary_database import PrimaryDatabase
from dr_sim.world.primary.transfer_state import TransferState
from dr_sim.world.secondary.secondary import Secondary

EVERY = 48
"""The number of a database's logs that take the steps before its past ones are looked for: four
hours of them at one each five minutes.
"""


class PastLogs:
    """Puts logs that are past into runs. together: how many it has put there."""

    def __init__(
        self,
        context: Context,
        primary: Primary,
        secondary: Secondary,
        driver: Driver[Machine],
    ) -> None:
        self._context = context
        self._primary = primary
        self._secondary = secondary
        self._driver = driver
        # by database: its files when it was looked at last
        self._files_then: dict[int, int] = {}
        self.together = 0

    def stepped(self, db: PrimaryDatabase) -> None:
        """Note that one more log of that database takes the ordinary steps."""
        self._look(db, EVERY)

    def before_quiet(self, db: PrimaryDatabase) -> None:
        """Note that the next logs of that database are quiet, and will be a run of their own."""
        self._look(db, FEWEST)
        self._files_then[db.index] = db.files_made

    def quiet_over(self, db: PrimaryDatabase) -> None:
        """Note that quiet logs of that database are in a run."""
        self._files_then[db.index] = db.files_made

    def _look(self, db: PrimaryDatabase, fewest: int) -> None:
        """Look for logs that are past, if there are that many files more than the last time."""
        then = self._files_then.setdefault(db.index, db.files_made)
        if db.files_made - then < fewest or self._primary.succeeded:
            return
        self._files_then[db.index] = db.files_made
        manager = absorbing(self._driver.machine)
        if manager is None or not manager.ready or manager.failover.on:
            return
        replay = manager.databases[db.spec.name]
        if not holds_on_to_none(replay):
            return
        for files in self._past(db):
            self._put_away(db, files)

    # ---- which logs
    def _past(self, db: PrimaryDatabase) -> list[list[BackupFile]]:
        """Return the logs since the last run of which each but the first follows the one before it,
        and which lie on both sides and behind the position of the database's copy.
        """
        context = self._context
        state = context.secondary_engine.state(db.spec.name)
        if not (state.exists and state.restoring):
            return []
        kept = self._secondary.at_work_on(db.index)
        found: list[list[BackupFile]] = [[]]
        for each in _since_the_last_run(context.by_name[db.index]):
            header = each.header
            past = (
                _is_usual(each)
                and header.fork == state.fork
                and header.last_lsn < state.redo_lsn
                and each.number not in kept
            )
            if not past:
                found.append([])
                continue
            if found[-1] and not _follows(each, found[-1][-1]):
                found.append([])
            found[-1].append(each)
        return [files for files in found if len(files) >= FEWEST]

    # ---- into a run
    def _put_away(
        self, db: PrimaryDatabase, files: Sequence[BackupFile]
    ) -> None:
        context, index = self._context, db.index
        made = [file.made for file in files if file.made is not None]
        engine, store = context.primary_engine, self._driver.store
        assert isinstance(engine, ModelEngine)
        found = collected(engine, *_columns(db.spec.name, files), made)
        if found is None:
            return
        run, contents = found
        if any(
            file.header != run.header(i) for i, file in enumerate(files)
        ):
            return
        its = FilesOfRun(index, run, contents)
        context.by_name[index].hold_as_runs(
            run, lambda i, file: file is files[i], lambda part, first: its
        )
        db.shelf.hold_as_run(run)
        for side, folder in (
            (context.primary_files, context.primary_shares[index]),
            (context.secondary_files, context.secondary_shares[index]),
        ):
            assert isinstance(side, MemoryFiles)
            side.hold_as_runs(folder, run, made, contents)
        manager = absorbing(self._driver.machine)
        assert manager is not None
        hold_as_runs(manager.databases[db.spec.name], run)
        context.witness.hold_as_runs(index, run)
        if isinstance(store, MemoryStore):
            store.hold_as_runs(f"attempts/{db.spec.name}/", run, "1")
        self.together += len(run)


def _columns(
    database: str, files: Sequence[BackupFile]
) -> tuple[LogsAlike, Cuts]:
    """Return what logs have in common, and the rest by columns."""
    number, first = files[0].number, files[0].header
    ahead_us = first.started_utc_us - files[0].begun_us
    names, commits, lsn, begun, finished = [], [], [], [], []
    for file in files:
        names.append(file.name)
        commits.append(file.commits)
        lsn.append(file.header.last_lsn)
        begun.append(file.begun_us)
        finished.append(file.header.finished_utc_us - ahead_us)
    alike = LogsAlike(
        database,
        first.fork,
        number,
        first.checkpoint_lsn,
        first.database_backup_lsn,
        ahead_us,
    )
    return alike, Cuts(
        number, names, commits, lsn, begun, finished, ahead_us
    )


def _since_the_last_run(by_name: Any) -> list[BackupFile]:
    """Return the files since the last run, the oldest first."""
    found: list[BackupFile] = []
    for each in by_name.newest_first():
        if isinstance(each, LogRun):
            break
        found.append(each)
    found.reverse()
    return found


def _is_usual(file: BackupFile) -> bool:
    """Return whether it is a log that has landed once, is whole, and lies on both sides."""
    return (
        type(file) is BackupFile
        and file.kind is Kind.LOG
        and file.state is TransferState.LANDED
        and file.landings == 1
        and file.validated
        and file.whole
        and file.at_primary
        and file.at_secondary
        and file.replaced_by is None
        and not file.sent_bytes
        and file.number == file.header.backup_id
        and file.ends_us == file.begun_us
        and file.nominal_bytes == file.header.nominal_bytes
        and file.modified_utc_us == file.header.finished_utc_us
    )


def _follows(file: BackupFile, before: BackupFile) -> bool:
    """Return whether both may be in one run, one after the other."""
    here, there = file.header, before.header
    return (
        file.number == before.number + 1
        and here.first_lsn == there.last_lsn
        and here.fork == there.fork
        and here.checkpoint_lsn == there.checkpoint_lsn
        and here.database_backup_lsn == there.database_backup_lsn
        and here.started_utc_us - file.begun_us
        == there.started_utc_us - before.begun_us
        and len(file.name) == len(before.name)
        and file.name > before.name
    )
