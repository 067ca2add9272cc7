"""What backups, hashes, restores and promotions cost on this machine, measured on a real engine: `dr-sim calibrate`.

Two servers at scale 1 do what the world would have them do, on databases, logs and incrementals of several sizes, sizes
taking turns so that a slow minute of the machine falls on all of them. Each kind of operation then gets the line
duration = fixed + bytes / rate by least squares, weighted by 1 / duration^2 (the line's own): what is wanted is a small relative error for
small and large alike. Its uncertainty is the 95 % interval of both, from the scatter around the line. Neither is ever
negative: a fixed cost that would be is 0, a duration that does not grow with the size is all fixed.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dr_sim import units
from dr_sim.backups.model import Kind
from dr_sim.engines.files import DiskFiles
from dr_sim.engines.scratch import scratch_folder
from dr_sim.engines.sides import open_server
from dr_sim.world.backup_file import content_hash

DATABASE = "calibration"
MB = 1_000_000
DATABASES = (4 * MB, 16 * MB, 48 * MB)
LOGS = (MB // 16, MB // 2, 2 * MB, 8 * MB)
INCREMENTALS = (MB, 4 * MB, 16 * MB)
LOG_ROUNDS, ROUNDS = 6, 4
COMMITS_A_LOG = 100
REWEIGHTED = 6
FASTEST_BYTES_S = 10**11
"""Where a duration does not grow with the size: so fast that it never matters."""


@dataclass(slots=True)
class Fit:
    """duration = fixed + bytes / rate. Seconds, and seconds a byte; each with half its 95 % interval."""

    fixed_s: float
    fixed_half_s: float
    slope_s: float
    slope_half_s: float
    count: int
    smallest: int
    largest: int

    @property
    def fixed_us(self) -> int:
        return round(self.fixed_s * 1e6)

    @property
    def rate_bytes_s(self) -> int:
        return min(FASTEST_BYTES_S, round(1 / self.slope_s)) if self.slope_s > 1 / FASTEST_BYTES_S else FASTEST_BYTES_S

    def words(self) -> str:
        """Its uncertainty, for a comment."""
        of = f"{self.count} of {units.format_size(self.smallest)} to {units.format_size(self.largest)}"
        if not self.slope_s:
            return f"95 %: {_time(max(0.0, self.fixed_s - self.fixed_half_s))} to {_time(self.fixed_s + self.fixed_half_s)}, whatever the size; {of}"
        low, high = max(0.0, self.slope_s - self.slope_half_s), self.slope_s + self.slope_half_s
        fastest = f"{_rate(round(1 / low))}" if low > 1 / FASTEST_BYTES_S else "any"
        between = f"{_time(max(0.0, self.fixed_s - self.fixed_half_s))} to {_time(self.fixed_s + self.fixed_half_s)}"
        if not self.fixed_half_s:
            between = "no fixed cost"
        slowest = _rate(round(1 / high)) if high > 1 / FASTEST_BYTES_S else "any"
        return f"95 %: {between}; {slowest} to {fastest}; {of}"


@dataclass(slots=True)
class Costs:
    """All fits of one engine, by operation ('log backup', 'full restore', 'hash', ...), and the promotions."""

    engine: str
    version: str
    fits: dict[str, Fit]
    recover_s: list[float] = field(default_factory=list)

    def overrides(self, scale: int) -> list[str]:
        """As after --set, for a scenario whose databases are so many times larger than they lie on disk."""
        found = [f"primary.disk={_rate(FASTEST_BYTES_S)}", f"secondary.disk={_rate(FASTEST_BYTES_S)}"]
        for kind in Kind:
            fit = self.fits[f"{kind.word} backup"]
            found += [f"primary.{kind.word}.fixed={_us(fit.fixed_us)}", f"primary.{kind.word}.rate={_scaled(fit, scale)}"]
        restore = self.fits["log restore"]
        found += [f"secondary.hash_rate={_scaled(self.fits['hash'], scale)}", f"secondary.restore_fixed={_us(restore.fixed_us)}"]
        found += [f"secondary.restore_rate={_scaled(restore, scale)}", f"failover.recover={_us(self.recover_us)}"]
        return found

    @property
    def recover_us(self) -> int:
        return round(float(np.median(self.recover_s)) * 1e6)


def fit(sizes: list[int], durations_s: list[float], through_zero: bool = False) -> Fit:
    """The weighted least squares of the module's head; through_zero: no fixed cost. At least three durations."""
    x, t = np.array(sizes, float), np.array(durations_s, float)
    columns = [x] if through_zero else [np.ones_like(x), x]
    expected = t
    for _ in range(REWEIGHTED):  # by what the line says, not by what was seen: chance makes small durations smaller
        a, wanted = np.stack([c / expected for c in columns], axis=1), t / expected
        solution, *_ = np.linalg.lstsq(a, wanted, rcond=None)
        expected = np.maximum(np.stack(columns, axis=1) @ solution, t / 10)
    if not through_zero and solution[0] < 0:
        return fit(sizes, durations_s, through_zero=True)
    if not through_zero and solution[1] < 0:
        half = _t975(len(t) - 1) * float(np.std(t, ddof=1)) / len(t) ** 0.5
        return Fit(float(np.mean(t)), half, 0.0, 0.0, len(t), min(sizes), max(sizes))
    dof = len(t) - len(columns)
    residual = float(np.sum((wanted - a @ solution) ** 2)) / dof
    half = _t975(dof) * np.sqrt(residual * np.diag(np.linalg.inv(a.T @ a)))
    if through_zero:
        return Fit(0.0, 0.0, float(solution[0]), float(half[0]), len(t), min(sizes), max(sizes))
    return Fit(float(solution[0]), float(half[0]), float(solution[1]), float(half[1]), len(t), min(sizes), max(sizes))


def _t975(dof: int) -> float:
    """Student's t, 97.5 %: its expansion in 1 / dof (Abramowitz and Stegun 26.7.5), within 1 % from 3 on."""
    z = 1.959964
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * dof**2)
    return z + (z**3 + z) / (4 * dof) + second + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * dof**3)


# ---- measuring -----------------------------------------------------------------------------------------------------------
class _Bench:
    """Two servers, and the durations of what they did."""

    def __init__(self, primary: Any, secondary: Any) -> None:
        self.primary, self.secondary = primary, secondary
        self.sizes: dict[str, list[int]] = {}
        self.durations_s: dict[str, list[float]] = {}
        self.recover_s: list[float] = []
        self.commits = self.lsn = self.full_lsn = self.made = 0
        self.size = 0

    def timed(self, what: str, size: int, do: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        result = do()
        self.durations_s.setdefault(what, []).append(time.perf_counter() - begun)
        self.sizes.setdefault(what, []).append(size)
        return result

    def begin(self, size: int) -> None:
        """A new database of that size."""
        self.primary.destroy(DATABASE)
        self.primary.create(DATABASE, size)
        self.size, self.commits, self.lsn = size, 0, 1
        self.primary.commit_to(DATABASE, 0, 1)

    def write(self, size: int) -> None:
        """So much log."""
        for _ in range(4):  # transactions, as in the world
            self.commits += COMMITS_A_LOG // 4
            self.lsn += size // 4
            self.primary.commit_to(DATABASE, self.commits, self.lsn)

    def backup(self, kind: Kind, size: int) -> str:
        self.made += 1
        path = f"{kind.word} {self.made}"

        def whole() -> None:
            op = self.primary.begin_backup(DATABASE, kind, path, 0, size, backup_id=self.made)
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
            f"{kind.word} restore", size,
            lambda: self.secondary.begin_restore(DATABASE, path, replace=kind is Kind.FULL).finish(),
        )  # fmt: skip

    def ship(self, kind: Kind, size: int) -> None:
        path = self.backup(kind, size)
        self.restore(path, kind, size)
        self.secondary.files.delete(path)

    def recover(self) -> None:
        begun = time.perf_counter()
        self.secondary.recover(DATABASE, 2)
        self.recover_s.append(time.perf_counter() - begun)


def calibrate(engine: str, progress: Callable[[float], None] = lambda part: None, rounds: int = ROUNDS) -> Costs:
    """Measure a real engine. Raises DrSimError if there is none."""
    with (
        scratch_folder() as home,
        closing(open_server(engine, DiskFiles(home / "p"), home / "primary", 1, True)) as primary,
        closing(open_server(engine, DiskFiles(home / "s"), home / "secondary", 1, True)) as secondary,
    ):
        bench = _Bench(primary, secondary)
        _measure(bench, progress, rounds)
        version = _version(engine)
    fits = {what: fit(bench.sizes[what], bench.durations_s[what], what == "hash") for what in bench.sizes}
    return Costs(engine, version, fits, bench.recover_s)


def _measure(bench: _Bench, progress: Callable[[float], None], rounds: int) -> None:
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
                bench.ship(Kind.INCREMENTAL, min(bench.size, bench.lsn - bench.full_lsn))
        bench.recover()
        progress((step + 1) / steps)


def _version(engine: str) -> str:
    if engine == "sqlite":
        import sqlite3

        return f"SQLite {sqlite3.sqlite_version}"
    from dr_sim.engines.postgres.home import home

    return f"PostgreSQL {home().binaries.version}"


# ---- the cost section -------------------------------------------------------------------------------------------------------
def _us(us: int) -> str:
    return units.format_duration(us)


def _time(seconds: float) -> str:
    return units.format_duration(round(seconds * 1e6))


def _rate(bytes_s: int) -> str:
    """Three figures: more were never measured."""
    digits = max(0, len(str(bytes_s)) - 3)
    return units.format_disk_rate(round(bytes_s, -digits))


def _scaled(fit: Fit, scale: int) -> str:
    return _rate(fit.rate_bytes_s * scale)


def cost_section(costs: Costs, name: str) -> str:
    """YAML for a scenario to extend: each figure with its uncertainty beside it. Of databases at scale 1."""
    f = costs.fits
    restore = f["log restore"]
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}"
    recover = f"{len(costs.recover_s)} promotions, {_time(min(costs.recover_s))} to {_time(max(costs.recover_s))}; the median"
    lines = [
        f"# {name}: what {costs.version} costs on this machine, measured by dr-sim calibrate; to be extended by a scenario.",
        f"# {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}, {machine}. Each alone, nothing else beside it; least squares,",
        "# duration = fixed + bytes / rate, and the 95 % interval of each. Bytes are those of the database (scale 1).",
        "primary:",
        f"  disk: {_rate(FASTEST_BYTES_S)}  # not measured: so fast that backups side by side do not wait for each other",
        *(
            f"  {k.word}: {{fixed: {_us(f[f'{k.word} backup'].fixed_us)}, rate: {_rate(f[f'{k.word} backup'].rate_bytes_s)}}}"
            f"  # {f[f'{k.word} backup'].words()}"
            for k in Kind
        ),
        "secondary:",
        f"  disk: {_rate(FASTEST_BYTES_S)}  # not measured: likewise",
        f"  hash_rate: {_rate(f['hash'].rate_bytes_s)}  # {f['hash'].words()}",
        f"  restore_fixed: {_us(restore.fixed_us)}  # of logs; {restore.words()}",
        f"  restore_rate: {_rate(restore.rate_bytes_s)}  # of logs; a restore has one fixed cost and one rate, whatever it restores:",
        *(
            f"  # {k.word}s take {_us(f[f'{k.word} restore'].fixed_us)} and {_rate(f[f'{k.word} restore'].rate_bytes_s)}"
            f" ({f[f'{k.word} restore'].words()})"
            for k in (Kind.FULL, Kind.INCREMENTAL)
        ),
        "failover:",
        f"  recover: {_us(costs.recover_us)}  # {recover}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
