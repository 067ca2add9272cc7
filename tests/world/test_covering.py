"""The log that holds a position, as a walk through all files finds it."""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.world.primary import covering
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.covering import Covering
from dr_sim.world.world import World

from .build import scenario
from .test_oldest_missing import BUSY, SATURATED


def walked(files: dict[str, BackupFile], fork: int, lsn: int) -> BackupFile | None:
    """Go through all files, the newest first."""
    for file in reversed(files.values()):
        header = file.header
        on_fork = header.fork == fork
        crosses = header.first_fork == fork and lsn <= header.fork_point_lsn
        is_log = header.kind is Kind.LOG
        holds = header.first_lsn <= lsn < header.last_lsn and (on_fork or crosses)
        if is_log and holds and file.at_primary and file.whole:
            return file
        if is_log and on_fork and header.last_lsn <= lsn and file.whole:
            return None
    return None


@pytest.mark.parametrize(
    ("faults", "bandwidth"), [("", "1.5 Mbit/s"), (BUSY, "1.5 Mbit/s"), (BUSY, "3 Mbit/s")]
)
def test_it_is_what_a_walk_through_all_files_finds(
    faults: str, bandwidth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[BackupFile | None] = []
    looked_up = Covering._newest

    def both(self: Covering, fork: int, lsn: int) -> BackupFile | None:
        newest = looked_up(self, fork, lsn)
        assert newest is walked(self._by_name, fork, lsn)
        found.append(newest)
        return newest

    monkeypatch.setattr(Covering, "_newest", both)
    World(scenario(SATURATED + faults, f"link.bandwidth={bandwidth}")).run()
    assert len(set(found)) > 50


def test_a_backlog_is_not_walked_through_for_each_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A log is looked at a few times, however many wait behind it."""
    looks: list[BackupFile] = []
    covers = covering._covers

    def counted(file: BackupFile, fork: int, lsn: int) -> bool:
        looks.append(file)
        return covers(file, fork, lsn)

    monkeypatch.setattr(covering, "_covers", counted)
    world = World(scenario(SATURATED))
    world.run()
    logs = sum(len(files) for files in world.context.by_name)
    asked = len(list(world.journal.rows("seen.AskPrimary")))
    assert logs > 400 and asked > 100
    assert len(looks) <= 4 * asked
