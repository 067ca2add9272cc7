"""The oldest log that is not restored, as a walk through all files finds it."""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.world.outside import Outside
from dr_sim.world.world import World

from .build import scenario

SATURATED = """\
run_for: 20 h
databases:
  crm: {copies: 4, size: 1 GB, log_volume: 20 MB per 5 min, full: none, differential: daily 02:00}
link: {bandwidth: 1.5 Mbit/s}
primary: {retention: 8 h}
secondary: {retention: 8 h}
"""
BUSY = """\
faults:
  corrupt_in_transit: {rate: 12 per day}
  link_outage: {rate: 5 per day, duration: 9 min}
  duplicate_file: {rate: 5 per day, database: crm-002}
  missing_file: {rate: 5 per day, database: crm-003}
events:
  - {at: 5 h, manager_crash: {}}
  - {at: 16 h, lose: host}
"""


def walked_us(outside: Outside, index: int, up_to_us: int) -> int:
    """Go through all files: logs before the database's newest log that is restored do not count."""
    context = outside._context
    state = context.secondary_engine.state(context.scenario.databases[index].name)
    found = []
    for file in reversed(context.by_name[index].values()):
        if file.kind is not Kind.LOG:
            continue
        if file.ends_us > up_to_us:
            if file.whole and file.header.last_lsn > state.redo_lsn:
                found.append(file.ends_us)
        elif file.header.backup_id == file.number:
            break
    return min(found, default=-1)


@pytest.mark.parametrize(
    ("faults", "bandwidth"), [("", "1.5 Mbit/s"), (BUSY, "1.5 Mbit/s"), (BUSY, "3 Mbit/s")]
)
def test_it_is_what_a_walk_through_all_files_finds(
    faults: str, bandwidth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    looked_up = Outside._missing_us

    def both(outside: Outside, index: int, up_to_us: int) -> int:
        found_us = looked_up(outside, index, up_to_us)
        assert found_us == walked_us(outside, index, up_to_us)
        asked.append(found_us)
        return found_us

    monkeypatch.setattr(Outside, "_missing_us", both)
    World(scenario(SATURATED + faults, f"link.bandwidth={bandwidth}")).run()
    assert len(asked) > 200 and len(set(asked)) > 50 and -1 in asked
