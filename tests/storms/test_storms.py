"""Swarm tests: scenarios drawn at random, options and faults alike, run through the whole of
dr_sim.

Whatever happens in them, no invariant and no requirement may break (dr_sim/oracle/monitors: among
them that every lasting danger is told), the recorded events must give the recorded commands again,
every number must be had, and every ledger must add up. Then the same with real database files:
SQLite must tell the same story as the model, row by row.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.engines.sides import open_sides
from dr_sim.measures.causes.ledger import explain_failover
from dr_sim.measures.summary import summarise
from dr_sim.record.journal import Journal
from dr_sim.record.verify import verify
from dr_sim.recovery.alerts.alerts import AlertBook
from dr_sim.scenario.model import Scenario
from dr_sim.world.own_logic import builders
from dr_sim.world.world import World
from tests.at_length import some_or_all
from tests.measures.make import whole_of
from tests.storms.draw import scenario


def weathers(seed: int, folder: Path, limited: bool = False) -> None:
    spec = scenario(seed, folder, limited)
    journal = World(spec).run()
    broken = [(r.time_us, r.values) for r in journal.rows("truth.violation")]
    assert not broken, f"seed {seed}: {broken[0]}"
    found = verify(journal, builders(journal, spec))
    assert found.mismatch is None, f"seed {seed}: {found.mismatch}"
    whole = whole_of(journal, spec)
    summary = summarise(whole)
    assert not summary.violations, f"seed {seed}: {summary.violations[0]}"
    for leg in whole.legs:
        mine = [f for f in summary.failovers if f.leg == leg.number]
        ledgers_add_up(seed, leg.journal, leg.scenario, len(mine))


def ledgers_add_up(seed: int, journal: Journal, spec: Scenario, failovers: int) -> None:
    for n in range(1, failovers + 1):
        for ledger in explain_failover(journal, spec, n):
            if ledger.total_us is not None:
                assert sum(line.duration_us for line in ledger.lines) == ledger.total_us, (
                    f"seed {seed}: {ledger.title}"
                )


def test_a_mute_manager_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(AlertBook, "tell", lambda *args: None)
    spec = scenario(92, tmp_path)
    broken = summarise(whole_of(World(spec).run(), spec)).violations
    assert {"R9", "S8"} <= {violation.invariant for violation in broken}


@pytest.mark.parametrize("decade", some_or_all(range(5), 5))
def test_storms(decade: int, tmp_path: Path) -> None:
    for seed in range(decade * 10, decade * 10 + 10):
        weathers(seed, tmp_path)


@pytest.mark.parametrize("decade", some_or_all(range(2), 2))
def test_storms_on_disks_that_can_be_full(decade: int, tmp_path: Path) -> None:
    for seed in range(decade * 10, decade * 10 + 10):
        weathers(seed, tmp_path, limited=True)


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(1, 5))
def test_storms_on_disks_that_can_be_full_at_length(hundred: int, tmp_path: Path) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        weathers(seed, tmp_path, limited=True)


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(11))
def test_storms_at_length(hundred: int, tmp_path: Path) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        weathers(seed, tmp_path)


def same_story(seed: int, folder: Path) -> None:
    spec = scenario(seed, folder)
    with open_sides("sqlite", scale=100_000) as sides:
        real = World(spec, sides=sides).run()
    assert real.digest() == World(spec).run().digest(), f"seed {seed}: SQLite and the model differ"


def test_real_files_tell_the_same_story(tmp_path: Path) -> None:
    for seed in range(4):
        same_story(seed, tmp_path)


@pytest.mark.long
def test_real_files_tell_the_same_story_at_length(tmp_path: Path) -> None:
    for seed in range(100, 200):
        same_story(seed, tmp_path)
