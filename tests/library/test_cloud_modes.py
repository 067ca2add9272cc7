"""The table of docs/cloud.md: three ways to mirror, over the same changes and the same luck."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from dr_sim.experiments.replications.sampling import replication as replication_of
from dr_sim.loading import load_scenario
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US, clock
from dr_sim.world.world import World

from .runs import SCENARIOS

DOCS = Path(__file__).parents[2] / "docs" / "cloud.md"
RUNS = 20


def played(mode: str, replication: int) -> tuple[int, int, int, bool]:
    """Mean and worst drift before the failover, how long that waited, and whether all was in place."""
    settings = [f"cloud.mirror.mode={mode}"]
    path = SCENARIOS / "cloud" / "drift.yaml"
    scenario: Scenario = replication_of(load_scenario(path, settings), replication)
    whole = Whole.of(World(scenario).run(), scenario)
    failed_us = whole.first_failure_us
    drift = whole.drift().window(0, failed_us)
    begun, ended = list(whole.legs[0].journal.rows("truth.cloud_provision"))[:2]
    return (
        round(drift.mean_us()),
        drift.max_us(),
        ended.time_us - begun.time_us,
        bool(ended.values["ready"]),
    )


def line(mode: str) -> str:
    """One row of the table."""
    found = [played(mode, i) for i in range(RUNS)]
    mean = round(statistics.fmean(mean for mean, _, _, _ in found))
    worst = [worst for _, worst, _, _ in found]
    waited = [waited for _, _, waited, _ in found]
    ended = sum(not ready for _, _, _, ready in found)
    cells = (
        f"`{mode}`",
        clock(mean),
        f"{clock(round(statistics.median(worst)))}; {clock(max(worst))}",
        f"{clock(round(statistics.median(waited)))}; {clock(max(waited))}",
        f"in {ended} of {RUNS}",
    )
    return "| " + " | ".join(cells) + " |"


@pytest.mark.long
@pytest.mark.parametrize("mode", ["jobs", "reconcile", "runbook"])
def test_the_table_of_the_three_modes_is_what_comes_out(mode: str) -> None:
    assert line(mode) in DOCS.read_text(encoding="utf-8").splitlines()


@pytest.mark.long
def test_what_the_scenario_promises_by_arithmetic_holds_in_every_run() -> None:
    """drift.p90 and provision_if_now.max; outage.provision depends on the luck of a run."""
    path = SCENARIOS / "cloud" / "drift.yaml"
    for number in range(RUNS):
        scenario = replication_of(load_scenario(path), number)
        whole = Whole.of(World(scenario).run(), scenario)
        drift = whole.drift()
        above = sum(end - begin for begin, end in drift.above(25 * MINUTE_US))
        assert 10 * above <= drift.duration_us
        assert whole.provision_if_now().window(0, whole.end_us).max_us() <= 30 * MINUTE_US
