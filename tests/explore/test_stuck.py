"""Logic that goes round in circles, or that ends its process, is found; the exploration goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dr_sim.explore import stuck
from dr_sim.explore.case import Looked, Tree, load, look
from dr_sim.explore.runners import PROCESS_ENDS, case_runner
from dr_sim.machines import Event
from dr_sim.recovery.events import Restored
from dr_sim.recovery.manager import RecoveryManager

SMALL: Tree = {
    "run_for": "20 min",
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none"}},
    "link": {"bandwidth": "100 Mbit/s"},
}
HERE = "tests.explore.test_stuck"


class Circles(RecoveryManager):
    """Never returns from the first restore, and catches whatever it can."""

    def handle(self, event: Event) -> list[object]:  # type: ignore[override]
        while isinstance(event, Restored):
            try:
                sum(range(1000))
            except Exception:
                continue
        return super().handle(event)  # type: ignore[return-value]


class Dies(RecoveryManager):
    """Ends its process at the first restore, if the database is called web."""

    def handle(self, event: Event) -> list[object]:  # type: ignore[override]
        if isinstance(event, Restored) and event.database == "web":
            os._exit(3)
        return super().handle(event)  # type: ignore[return-value]


def test_a_run_without_headway_is_ended_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "MOST_CPU_S", 2.0)
    scenario = load(SMALL, f"{HERE}:Circles")
    assert scenario is not None
    (sign,) = look(scenario).signs
    assert sign.text() == "raises: the run does not end: it makes no headway"


def test_a_run_with_headway_is_not_ended() -> None:
    scenario = load(SMALL)
    assert scenario is not None
    assert look(scenario) != Looked()
    assert not look(scenario).signs


def test_a_case_that_ends_its_process_is_found_among_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    web = {**SMALL, "databases": {"web": SMALL["databases"]["crm"]}}
    batches = [[SMALL, web, SMALL], [SMALL]]
    with case_runner(1, "", f"{HERE}:Dies") as playing:
        looks = [looked for batch, _ in playing.look(batches) for looked in batch]
    found = [looked is not None and PROCESS_ENDS in looked.signs for looked in looks]
    assert found == [False, True, False, False]
