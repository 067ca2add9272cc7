"""The costs of a scenario, measured: the section that `dr-sim calibrate` writes, and that section
read again.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dr_sim import units
from dr_sim.backups.model import Kind
from dr_sim.calibrate.cost_line import (
    FASTEST_BYTES_S,
    LineFit,
    rate_text,
    time_text,
)
from dr_sim.errors import InputError, Problem, input_error
from dr_sim.files.reading import read_regular
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.reading.tree import MAX_BYTES, Node, parse_yaml

RESTORE_KEYS = {
    Kind.FULL: ("restore_full.fixed", "restore_full.rate"),
    Kind.INCREMENTAL: (
        "restore_incremental.fixed",
        "restore_incremental.rate",
    ),
    Kind.LOG: ("restore_fixed", "restore_rate"),
}
"""Where a scenario's `secondary` says what restores cost."""
RATES = ("rate", ".disk")


@dataclass(slots=True)
class FittedCosts:
    """All fits of one engine, by operation ('log backup', 'full restore', 'hash', ...), and the
    promotions.
    """

    engine: str
    version: str
    fits: dict[str, LineFit]
    recover_s: list[float] = field(default_factory=list)

    def overrides(self, scale: int) -> list[str]:
        """Return `--set` texts for a scenario whose databases are `scale` times larger than they
        lie on disk.
        """
        found = [
            f"{side}.disk={rate_text(min(FASTEST_BYTES_S * scale, bounds.DISK_RATE.most))}"
            for side in ("primary", "secondary")
        ]
        found += [
            f"secondary.hash_rate={_scaled(self.fits['hash'], scale)}",
            f"failover.recover={_us(self.recover_us)}",
        ]
        for kind in Kind:
            backup, restore = (
                self.fits[f"{kind.word} {what}"]
                for what in ("backup", "restore")
            )
            found += [
                f"primary.{kind.word}.fixed={_us(backup.fixed_us)}",
                f"primary.{kind.word}.rate={_scaled(backup, scale)}",
            ]
            fixed, rate = RESTORE_KEYS[kind]
            found += [
                f"secondary.{fixed}={_us(restore.fixed_us)}",
                f"secondary.{rate}={_scaled(restore, scale)}",
            ]
        return found

    @property
    def recover_us(self) -> int:
        return round(float(np.median(self.recover_s)) * 1e6)


def _operation_line(key: str, fit: LineFit) -> str:
    rate = rate_text(fit.rate_bytes_s)
    return f"  {key}: {{fixed: {_us(fit.fixed_us)}, rate: {rate}}}  # {fit.words()}"


def _us(us: int) -> str:
    return units.format_duration(us)


def _scaled(fit: LineFit, scale: int) -> str:
    return rate_text(fit.rate_bytes_s * scale)


def cost_section(costs: FittedCosts, name: str) -> str:
    """YAML for a scenario to extend: each figure with its uncertainty beside it. Of databases at
    scale 1.
    """
    f = costs.fits
    restore = f["log restore"]
    system = f"{platform.system()} {platform.release()}"
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, {system}"
    recover = (
        f"{len(costs.recover_s)} promotions, {time_text(min(costs.recover_s))} to "
        f"{time_text(max(costs.recover_s))}; the median"
    )
    lines = [
        f"# {name}: the costs of {costs.version} on this machine, measured by dr-sim "
        "calibrate; a scenario may extend this file.",
        f"# {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}, {machine}. Each operation ran alone;",
        "# duration = fixed + bytes / rate, and the 95 % interval of each. Bytes are "
        "those of the database (scale 1).",
        "primary:",
        f"  disk: {rate_text(FASTEST_BYTES_S)}  # not measured: so fast that backups side "
        "by side do not wait for each other",
        *(
            _operation_line(kind.word, f[f"{kind.word} backup"])
            for kind in Kind
        ),
        "secondary:",
        f"  disk: {rate_text(FASTEST_BYTES_S)}  # not measured: the same",
        f"  hash_rate: {rate_text(f['hash'].rate_bytes_s)}  # {f['hash'].words()}",
        f"  restore_fixed: {_us(restore.fixed_us)}  # of logs; {restore.words()}",
        f"  restore_rate: {rate_text(restore.rate_bytes_s)}",
        _operation_line("restore_full", f["full restore"]),
        _operation_line("restore_incremental", f["incremental restore"]),
        "failover:",
        f"  recover: {_us(costs.recover_us)}  # {recover}",
    ]
    return "\n".join(lines) + "\n"


# ---- read again
@dataclass(slots=True)
class StoredCosts:
    """Holds what stands in such a section: texts by key path."""

    values: dict[str, str]

    def overrides(self, scale: int) -> list[str]:
        """Return the texts of `Costs.overrides`."""
        return [
            f"{key}={self._at(key, text, scale)}"
            for key, text in self.values.items()
        ]

    def _at(self, key: str, text: str, scale: int) -> str:
        if not key.endswith(RATES):
            return text
        rate = units.parse_disk_rate(text) * scale
        return units.format_disk_rate(min(rate, bounds.DISK_RATE.most))


def read_costs(path: Path) -> StoredCosts:
    """The costs in a file that `dr-sim calibrate -o` wrote. Raises InputError with its place where
    there is another thing.
    """
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else "is not UTF-8"
        )
        raise input_error(str(path), f"cannot be read: {reason}") from None
    problems: list[Problem] = []
    tree = parse_yaml(text, str(path), problems)
    values: dict[str, str] = {}
    if tree is not None and isinstance(tree.value, dict):
        _flatten(tree, "", values, problems)
    elif not problems:
        problems.append(
            Problem(
                str(path),
                1,
                1,
                "holds no costs; write one with dr-sim calibrate --engine ENGINE -o FILE",
            )
        )
    if problems:
        raise InputError(problems)
    wanted = []
    for kind in Kind:
        wanted += [
            f"primary.{kind.word}.fixed",
            f"primary.{kind.word}.rate",
        ]
    wanted.append("secondary.hash_rate")
    for kind in Kind:
        wanted += [f"secondary.{key}" for key in RESTORE_KEYS[kind]]
    wanted.append("failover.recover")
    missing = [key for key in wanted if key not in values]
    if missing:
        what = (
            f"holds no {missing[0]}; write a file of costs with dr-sim calibrate --engine "
            "ENGINE -o FILE"
        )
        raise InputError([Problem(str(path), 1, 1, what)])
    return StoredCosts(values)


def _flatten(
    node: Node, path: str, values: dict[str, str], problems: list[Problem]
) -> None:
    for key, child in node.items():
        here = f"{path}.{key}" if path else key
        if isinstance(child.value, dict):
            _flatten(child, here, values, problems)
            continue
        if here.partition(".")[0] not in (
            "primary",
            "secondary",
            "failover",
        ) or not isinstance(child.value, str):
            problems.append(
                child.key_problem(
                    f"{here} is no cost; a file of costs holds primary, secondary and failover"
                )
            )
            continue
        if here.endswith(RATES):
            try:
                units.parse_disk_rate(child.value)
            except units.UnitError as error:
                problems.append(child.problem(f"{here}: {error}"))
                continue
        values[here] = child.value
