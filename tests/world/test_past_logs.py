"""Logs that took the steps go into runs when they are past, and nothing is another for it.

That each part of the world is as after the steps, `both_ways` checks here as for every other run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dr_sim.record import journal
from dr_sim.world.world import World

from .build import scenario
from .test_express import both_ways

BACKLOGS = """\
run_for: 16 h
databases:
  crm: {copies: 3, size: 3 GB, log_volume: 20 MB per 5 min, full: every 5 h, differential: none}
link: {bandwidth: 20 Mbit/s}
events:
  - {at: 1 h, link_outage: 5 h}
"""
"""The logs of five hours wait for the link, and for a full of each database."""


BESIDE = (
    "{at: 10 h, mistake: {database: crm-002, what: dropped table, noticed: 3 h, "
    "then: restore_beside, lost: 100 MB}}"
)


def together(world: World) -> int:
    assert world.pair.express is not None
    return world.pair.express.logs.past.together


def test_what_waited_for_the_link_is_in_runs_when_it_is_past() -> None:
    world = World(scenario(BACKLOGS))
    world.run()
    assert world.pair.express is not None and world.pair.waves is not None
    stepped = 3 * 12 * 16 - world.pair.express.taken - world.pair.waves.taken
    assert stepped > 150
    assert together(world) > 0.8 * stepped


@pytest.mark.parametrize(
    "event",
    [
        "",
        "{at: 3 h, corrupt_in_transit: crm-002}",
        "{at: 3 h, duplicate_file: {database: crm-002, after: 8 h}}",
        "{at: 3 h, duplicate_file: {database: crm-002, after: 8 h, name: other}}",
        "{at: 3 h, older_version: crm-002}",
        "{at: 3 h, late_file: {database: crm-002, by: 1 h}}",
        "{at: 12 h, corrupt_at_rest: {database: crm-002, files: 60}}",
        "{at: 12 h, corrupt_at_rest: {database: crm-002, where: primary, files: 60}}",
        "{at: 12 h, standby_broken: crm-002}",
        "{at: 12 h, manager_crash: {}}",
        "{at: 12 h, lose: host}",
        BESIDE,
    ],
)
@pytest.mark.parametrize("retention", ["5 h", "14 days"])
def test_whatever_happens_to_such_a_log_happens_as_in_the_steps(event: str, retention: str) -> None:
    keys = (f"primary.retention={retention}", f"secondary.retention={retention}")
    text = BACKLOGS + (f"  - {event}\n" if event else "")
    assert together(both_ways(scenario(text, *keys), 20)) > 0


def test_a_long_backlog_packs_the_journal_before_the_day_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "MOST_FRESH_ROWS", 200)
    world = World(scenario(BACKLOGS, "run_for=11 h"))
    for pair in world.pairs:
        monkeypatch.setattr(pair.journal, "pack", packs := Counted(pair.journal.pack))
    world.run()
    monkeypatch.undo()
    plain = World(scenario(BACKLOGS, "run_for=11 h"))
    assert packs.calls > len(world.journal) / 1000
    assert world.journal.digest() == plain.run().digest()


class Counted:
    def __init__(self, does: Callable[[], None]) -> None:
        self.does = does
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        self.does()


def test_a_log_that_is_not_restored_or_is_the_last_one_is_in_no_run() -> None:
    """The link is slow: at each moment logs wait."""
    world = World(scenario(BACKLOGS, "run_for=12 h", "link.bandwidth=2 Mbit/s"))
    world.run()
    found = 0
    for files, database in zip(world.pair.context.by_name, world.scenario.databases, strict=True):
        state = world.pair.context.secondary_engine.state(database.name)
        for run in files.runs:
            found += len(run)
            assert run.lsn[-1] < state.redo_lsn
    assert found > 0 and world.pair.replication.under_way()
