"""A small scenario with luck in it, whose replications take some hundredths of a second, and
samples written by hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dr_sim.experiments.replications.sample import GRID_TYPE, GRID_US, CurveSample, Sample, Value
from dr_sim.loading import load_scenario
from dr_sim.scenario.model import Scenario

SMALL = """\
name: small
run_for: 12 h
databases:
  crm: {size: 1 GB, log_volume: 70 kB/s, full: none, incremental: none, log: every 5 min}
link: {bandwidth: 200 Mbit/s, rtt: 30 ms}
failover: {mode: automatic, silent_for: 30 s}
faults:
  link_outage: {rate: 2 per day, duration: {p50: 12.8 min, p95: 117 min}}
  lose: {what: site, rate: 1 per day}
"""
S = 1_000_000


def small_file(folder: Path, more: str = "", name: str = "small.yaml") -> Path:
    path = folder / name
    path.write_text(SMALL + more, encoding="utf-8")
    return path


def small(folder: Path, more: str = "") -> Scenario:
    return load_scenario(small_file(folder, more))


def sample(
    number: int, values: dict[str, int | tuple[int, int | None] | None], violations: int = 0
) -> Sample:
    """values: measure -> what it is (microseconds or a count), or (at least, at most)."""
    made = []
    for measure, value in values.items():
        low, high = value if isinstance(value, tuple) else (value, value)
        assert low is not None
        unit = "count" if measure.startswith("alerts") else "us"
        failure_class = (
            "site" if measure.split(".")[0] in ("data_loss", "outage", "exposure") else ""
        )
        made.append(Value(measure, "", failure_class, unit, low, high))
    return Sample(number, made, [], violations)


def exposed(
    number: int, time_us: int, high_us: int, over_us: int = 0, over_high_us: int = 0
) -> Sample:
    """A run whose exposure rises evenly from 0 to high_us over and over, but for over_us in which
    it rises to over_high_us.
    """
    usual = time_us - over_us

    def above(limit: float) -> float:
        rest = usual * max(0.0, 1 - limit / high_us)
        return rest + (over_us * max(0.0, 1 - limit / over_high_us) if over_us else 0.0)

    grid = np.array([round(above(float(g))) for g in GRID_US])
    last = int(np.searchsorted(-grid, 0, side="left"))
    area = usual * high_us + over_us * over_high_us
    exactly = [[limit * S, round(above(limit * S))] for limit in (150, 200, 297, 299, 301, 900)]
    first = int(np.searchsorted(-grid, -time_us, side="right"))
    curve = CurveSample(
        "exposure",
        "",
        "site",
        time_us,
        area,
        first,
        grid[first:last].astype(GRID_TYPE).tobytes(),
        exactly,
    )
    return Sample(number, [], [curve], 0)
