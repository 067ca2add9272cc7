"""A machine that takes the place of one which fell silent, on the same physical machine, is found."""

from __future__ import annotations

import pytest

from dr_sim.cloud.machines import vm_records
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.machines import machines_broken
from dr_sim.world.play import play

KIND = {"role": "front_end", "size": "4 GB", "cpus": "8", "ram": "32 GB"}
CLOUD: Tree = {
    "run_for": "3 h",
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none", "log": "none"}},
    "link": {"bandwidth": "200 Mbit/s"},
    "cloud": {"mirror": {"mode": "jobs"}},
    "physical": {"A": {"compute": "4"}, "B": {"compute": "4"}},
    "images": {"old": {**KIND, "at": ["A", "B"]}},
    "farms": {"content": {"image": "old", "front_end": "6", "timer": "0"}},
    "deployment": {"takes": "2 min", "repair_after": "5 min"},
    "events": [
        {"at": "30 min", "bad_machine": "A-compute-1"},
        {"at": "1 h", "bad_machine": {"machine": "A-compute-3", "how": "dies", "duration": "1 h"}},
    ],
}


def replaced_badly() -> list[str]:
    scenario = load(CLOUD)
    assert scenario is not None
    broken = machines_broken(play(scenario), scenario)
    return [each.sentence for each in broken if each.invariant == "cloud 16"]


def test_machines_are_replaced_on_others() -> None:
    assert not replaced_badly()


def test_a_machine_that_is_replaced_where_it_fell_silent_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new = vm_records.VmRecords.new

    def anywhere(self, side, of, not_on, out):  # type: ignore[no-untyped-def]
        new(self, side, of, (), out)

    monkeypatch.setattr(vm_records.VmRecords, "new", anywhere)
    assert any("replaces a machine that fell silent" in each for each in replaced_badly())
