"""Tells what backups, hashes, restores and promotions cost on this machine, measured on a real
engine: `dr-sim calibrate`.

Two servers at scale 1 do what the world would have them do, on databases, logs and incrementals of
several sizes, sizes taking turns so that a slow minute of the machine falls on all of them. Each
kind of operation then gets its line (cost_line.py), and all of them together are the cost section
of a scenario (cost_section.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from dr_sim.backups.model import Kind
from dr_sim.calibrate.cost_line import fit
from dr_sim.calibrate.cost_section import FittedCosts
from dr_sim.engines.files import DiskFiles
from dr_sim.engines.port import BackupOrder
from dr_sim.engines.scratch import scratch_folder
from dr_sim.engines.sides import open_server
from dr_sim.world.primary.backup_file import content_hash

PRODUCTS = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
DATABASE = "calibration"
MB = 1_000_000
DATABASES = (MB // 10, 8 * MB, 24 * MB, 72 * MB)
LOGS = (MB // 1000, MB // 16, MB // 2, 2 * MB, 8 * MB)
INCREMENTALS = (MB // 100, MB, 4 * MB, 16 * MB)
LOG_ROUNDS, ROUNDS = 6, 4
COMMITS_A_LOG = 3000
"""The witness's rows are a part of what is made and restored: 10 transactions a second for 5 min,
as a scenario has by default.
"""


# ---- measuring
@dataclass(slots=True)
class Measured:
    """Durations of one engine's operations, seconds, with what they moved, bytes; and of its
    promotions.
    """

    engine: str
    version: str
    sizes: dict[str, list[int]] = field(default_factory=dict)
    durations_s: dict[str, list[float]] = field(default_factory=dict)
    recover_s: list[float] = field(default_factory=list)

    def __add__(self, other: Measured) -> Measured:
        """Join two sets of measurements of the same engine."""
        both = Measured(self.engine, self.version)
        for what in self.sizes:
            both.sizes[what] = self.sizes[what] + other.sizes[what]
            both.durations_s[what] = (
                self.durations_s[what] + other.durations_s[what]
            )
        both.recover_s = self.recover_s + other.recover_s
        return both

    def costs(self) -> FittedCosts:
        fits = {
            what: fit(
                self.sizes[what], self.durations_s[what], what == "hash"
            )
            for what in self.sizes
        }
        return FittedCosts(self.engine, self.version, fits, self.recover_s)


class _Bench:
    """Two servers, and the durations of what they did."""

    def __init__(
        self, primary: Any, secondary: Any, measured: Measured
    ) -> None:
        self.primary, self.secondary = primary, secondary
        self.measured = measured
        self.commits = self.lsn = self.full_lsn = self.made = 0
        self.size = 0

    def timed(self, what: str, size: int, do: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        result = do()
        self.measured.durations_s.setdefault(what, []).append(
            time.perf_counter() - begun
        )
        self.measured.sizes.setdefault(what, []).append(size)
        return result

    def begin(self, size: int) -> None:
        """A new database of that size."""
        self.primary.destroy(DATABASE)
        self.primary.create(DATABASE, size)
        self.size, self.commits, self.lsn = size, 0, 1
        self.primary.commit_to(DATABASE, 0, 1)

    def write(self, size: int) -> None:
        """Write an amount of log."""
        for _ in range(4):  # transactions, as in the world
            self.commits += COMMITS_A_LOG // 4
            self.lsn += size // 4
            self.primary.commit_to(DATABASE, self.commits, self.lsn)

    def backup(self, kind: Kind, size: int) -> str:
        self.made += 1
        path = f"{kind.word} {self.made}"

        def whole() -> None:
            op = self.primary.begin_backup(
                DATABASE,
                BackupOrder(kind, path, 0, size, backup_id=self.made),
            )
            op.finish(self.commits, self.lsn, 0)

        self.timed(f"{kind.word} backup", size, whole)
        if kind is Kind.FULL:
            self.full_lsn = self.lsn
        data = self.primary.files.read(path)
        self.secondary.files.write(path, data)
        self.primary.files.delete(path)

        def hash_it() -> None:
            content_hash(self.secondary.files.read(path))
            self.secondary.read_header(path)

        self.timed("hash", size, hash_it)
        return path

    def restore(self, path: str, kind: Kind, size: int) -> None:
        self.timed(
            f"{kind.word} restore",
            size,
            lambda: self.secondary.begin_restore(
                DATABASE, path, replace=kind is Kind.FULL
            ).finish(),
        )

    def ship(self, kind: Kind, size: int) -> None:
        path = self.backup(kind, size)
        self.restore(path, kind, size)
        self.secondary.files.delete(path)

    def recover(self) -> None:
        begun = time.perf_counter()
        self.secondary.recover(DATABASE, 2)
        self.measured.recover_s.append(time.perf_counter() - begun)


def calibrate(
    engine: str,
    progress: Callable[[float], None] = lambda part: None,
    rounds: int = ROUNDS,
) -> FittedCosts:
    """Return what a real engine costs here. Raises DrSimError if there is none."""
    return measure(engine, progress, rounds).costs()


def measure(
    engine: str,
    progress: Callable[[float], None] = lambda part: None,
    rounds: int = ROUNDS,
) -> Measured:
    """Let it do everything, on databases of several sizes. Raises DrSimError if there is none."""
    with (
        scratch_folder() as home,
        closing(
            open_server(
                engine, DiskFiles(home / "p"), home / "primary", 1, True
            )
        ) as primary,
        closing(
            open_server(
                engine, DiskFiles(home / "s"), home / "secondary", 1, True
            )
        ) as secondary,
    ):
        measured = Measured(engine, f"{PRODUCTS[engine]} {primary.version}")
        _do_everything(
            _Bench(primary, secondary, measured), progress, rounds
        )
    return measured


def _do_everything(
    bench: _Bench, progress: Callable[[float], None], rounds: int
) -> None:
    steps = rounds * len(DATABASES)
    for step in range(steps):
        bench.begin(DATABASES[step % len(DATABASES)])
        bench.ship(Kind.FULL, bench.size)
        for _ in range(max(1, LOG_ROUNDS // len(DATABASES))):
            for size in LOGS:
                bench.write(size)
                bench.ship(Kind.LOG, size)
        bench.ship(Kind.FULL, bench.size)
        for size in INCREMENTALS:
            if size <= bench.size:
                bench.write(size)
                bench.ship(
                    Kind.INCREMENTAL,
                    min(bench.size, bench.lsn - bench.full_lsn),
                )
        bench.recover()
        progress((step + 1) / steps)
