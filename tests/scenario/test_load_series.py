"""Loads of farms that are written step by step, or read from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.scenario.machine_model import Load
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.reading.dump import dump_resolved
from dr_sim.units import HOUR_US
from dr_sim.world.cloud.loads import Week

TEXT = """
start: 2026-01-05 00:00
run_for: 8 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {}}
physical: {A: {compute: 8}, B: {compute: 8}}
images: {web 1: {size: 4 GB, at: [A, B]}}
farms: {content: {network: prod, image: web 1, front_end: 2, per_machine: 10 per s, load: LOAD}}
"""
STEPS = "{series: {0 h: 100 per s, 2 h: 1800 per min, 7 h: 50 per s}}"
ROWS = "when,rate\n2024-03-01 10:00,100\n2024-03-01 12:00,30\n2024-03-01 13:00,30\n2024-03-01 17:00,50\n"


def read(folder: Path, load: str) -> tuple[Scenario, Load]:
    path = folder / "s.yaml"
    path.write_text(TEXT.replace("LOAD", load))
    (folder / "load.csv").write_text(ROWS)
    scenario = load_scenario(path)
    assert scenario.cloud is not None and scenario.cloud.machines is not None
    follows = scenario.cloud.machines.farms[0].load
    assert follows is not None
    return scenario, follows.load


def week(folder: Path, load: str) -> Week:
    scenario, _ = read(folder, load)
    assert scenario.cloud is not None and scenario.cloud.machines is not None
    follows = scenario.cloud.machines.farms[0].load
    assert follows is not None
    return Week.of(follows, scenario)


def test_steps_hold_until_the_next_and_the_last_to_the_end(tmp_path: Path) -> None:
    of = week(tmp_path, STEPS)
    assert of.levels == [360_000, 108_000, 180_000]
    assert of.lengths == [2 * HOUR_US, 5 * HOUR_US, HOUR_US + 1]


def test_a_series_may_begin_again(tmp_path: Path) -> None:
    of = week(tmp_path, STEPS.replace("}}", "}, repeat: 24 h}"))
    assert of.lengths == [2 * HOUR_US, 5 * HOUR_US, 17 * HOUR_US]


def test_a_file_is_as_its_steps_and_is_written_out(tmp_path: Path) -> None:
    """Two rows with the same value are one step."""
    scenario, found = read(tmp_path, "{series: load.csv, at: when, value: rate}")
    assert found == read(tmp_path, STEPS)[1]
    again = tmp_path / "again.yaml"
    again.write_text(dump_resolved(scenario))
    (tmp_path / "load.csv").unlink()
    resolved = load_scenario(again)
    assert resolved.cloud == scenario.cloud


def test_a_file_is_scaled_to_a_mean(tmp_path: Path) -> None:
    """100 for 2 h, 30 for 5 h and 50 for 4 h (as long as the row before it) are 50 on average; a
    mean of 100 is twice as much.
    """
    load = "{series: load.csv, at: when, value: rate, mean: 100 per s}"
    assert [level // 3_600 for _, level in read(tmp_path, load)[1].steps] == [200, 60, 100]


@pytest.mark.parametrize(
    ("load", "wanted"),
    [
        ("{series: {1 h: 100 per s}}", "write 0 h first"),
        ("{series: {0 h: 100 per s, 3 h: 5 per s, 2 h: 5 per s}}", "2 h does not come after 3 h"),
        ("{series: {0 h: 100 per s, 2 h: lots}}", "lots"),
        ("{series: {0 h: 100 per s, noon: 5 per s}}", "noon"),
        ("{series: {0 h: [1]}}", "a rate belongs here"),
        ("{series: {}}", "write instants since the start and rates"),
        ("{series: {0 h: 1 per s, 2 h: 2 per s}, repeat: 2 h}", "longer than the last step"),
        ("{series: {0 h: 1 per s}, at: 1}", "unknown key 'at'"),
        ("{series: {0 h: 100001 per s}}", "more machines than can be played"),
        ("{series: load.csv}", "either the column of instants"),
        ("{series: load.csv, at: hour, value: rate}", "no column 'hour'"),
        ("{series: load.csv, at: when, value: when}", "is no number"),
        ("{series: load.csv, at: when, repeat: 7 h}", "longer than the last row"),
        ("{series: other.csv, at: when}", "cannot read the series"),
    ],
)
def test_a_wrong_line_is_one_clear_error(load: str, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=wanted) as found:
        read(tmp_path, load)
    assert len(str(found.value).splitlines()) == 1 and "s.yaml:" in str(found.value)
