"""Swarm tests: scenarios drawn at random, options and faults alike, run through the whole of
dr_sim.

Whatever happens in them, no invariant may break, the recorded events must give the recorded
commands again, every number must be had, every ledger must add up, a planned failover must lose
nothing, who is not allowed to must not fail over, and every lasting danger must be told. Then the
same with real database files: SQLite must tell the same story as the model, row by row.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.engines.sides import open_sides
from dr_sim.measures.alerts import danger_us, judge, raised
from dr_sim.measures.ledger import explain_failover
from dr_sim.measures.summary import summarise
from dr_sim.record.journal import Journal
from dr_sim.record.verify import verify
from dr_sim.recovery.alerts import AlertBook
from dr_sim.scenario.model import Scenario
from dr_sim.world.manager_config import manager_config
from dr_sim.world.world import World
from tests.measures.make import whole_of
from tests.storms.draw import scenario


def weathers(seed: int, folder: Path, limited: bool = False) -> None:
    spec = scenario(seed, folder, limited)
    journal = World(spec).run()
    broken = [(r.time_us, r.values) for r in journal.rows("truth.violation")]
    assert not broken, f"seed {seed}: {broken[0]}"
    found = verify(journal, manager_config(spec), spec.start_utc_us)
    assert found.mismatch is None, f"seed {seed}: {found.mismatch}"
    summary = summarise(whole_of(journal, spec))
    assert not summary["violations"], f"seed {seed}: {summary['violations'][0]}"
    ledgers_add_up(seed, journal, spec, len(summary["failovers"]))
    orders_are_kept(seed, journal, spec)
    everyone_was_told(seed, journal, spec)


def everyone_was_told(seed: int, journal: Journal, spec: Scenario) -> None:
    """S8: every lasting danger is told when it falls due, or, where a log landed so late that the
    window after it and a retry are not over by then, when they are; unless it is over before. A
    manager that was dead tells within a retry of its return; what it tells into a dead channel is
    told as far as it can know.
    """
    landed = [
        (r.entity, r.time_us) for r in journal.rows("truth.landed") if r.values["kind"] == Kind.LOG
    ]
    lives = [(r.time_us, r.values["up"]) for r in journal.rows("truth.manager")]
    deaths = [
        (t, back) for (t, up), (back, _) in pairwise([*lives, (spec.run_for_us, 1)]) if not up
    ]
    alerts = raised(journal, spec)
    for e in judge(journal, spec).episodes:
        if e.due_us is None:
            continue
        limit, retry_us = danger_us(spec, e.database), spec.replay.retry_us
        last = max(
            (t for database, t in landed if database == e.database and t < e.due_us), default=0
        )
        deadline = max(e.due_us, last + limit + retry_us)
        for died, back in deaths:
            if died <= deadline and back > e.onset_us:
                deadline = max(deadline, back + retry_us)
        answers = [
            a.time_us
            for a in alerts
            if a.database in (e.database, -1) and e.onset_us - limit <= a.time_us <= e.end_us
        ]
        told_us = min(answers, default=e.end_us)
        name = spec.databases[e.database].name
        assert told_us <= deadline, (
            f"seed {seed}: {name} was in danger from {e.onset_us} on, and nobody was told "
            f"by {deadline}"
        )


def ledgers_add_up(seed: int, journal: Journal, spec: Scenario, failovers: int) -> None:
    for n in range(1, failovers + 1):
        for ledger in explain_failover(journal, spec, n):
            if ledger.total_us is not None:
                assert sum(line.duration_us for line in ledger.lines) == ledger.total_us, (
                    f"seed {seed}: {ledger.title}"
                )


def orders_are_kept(seed: int, journal: Journal, spec: Scenario) -> None:
    orders = [r.values for r in journal.rows("seen.FailoverOrdered")]
    promoted = [r.values for r in journal.rows("truth.promoted")]
    if any(o["operator"] == "mallory" for o in orders):
        assert [r.values["operator"] for r in journal.rows("seen.RefuseOrder")] == ["mallory"], (
            f"seed {seed}"
        )
    planned = any(o["planned"] and o["operator"] == "dba" for o in orders)
    failed = list(journal.rows("truth.failed", "seen.HeartbeatLost"))
    if planned and not failed and not list(journal.rows("seen.RefuseOrder")):
        logs = {d.name for d in spec.databases if d.log.kind != "none"}
        lost = [p["transactions_lost"] for p in promoted]
        assert not any(lost), f"seed {seed}: a planned failover of {logs} lost {lost}"


def test_a_mute_manager_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(AlertBook, "tell", lambda *args: None)
    spec = scenario(92, tmp_path)
    with pytest.raises(AssertionError, match="nobody was told"):
        everyone_was_told(92, World(spec).run(), spec)


@pytest.mark.parametrize("decade", range(5))
def test_storms(decade: int, tmp_path: Path) -> None:
    for seed in range(decade * 10, decade * 10 + 10):
        weathers(seed, tmp_path)


@pytest.mark.parametrize("decade", range(2))
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
