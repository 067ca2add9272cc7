"""What a run keeps of what is over: a run collects no cycles, so what knows itself is never freed."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from dr_sim.world.kernel.sharing import Flow
from dr_sim.world.secondary.secondary_work import Work
from dr_sim.world.world import World

from .build import scenario
from .test_waves import FLEET

STAYS = {
    "BackupFile", "BackupHeader", "File", "SurvivingFile", "Failure", "Overdue", "RestoreState",
    "_UnreadLog", "LastRestore", "LowerBounds",
}  # fmt: skip
"""What is known of a file as long as it lies in a share."""


@pytest.fixture
def without_the_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("dr_sim.engines.model.MOST_PARSED", 16)  # a bounded number stays parsed
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held_after(hours: int) -> Counter[str]:
    """How many objects of each class of dr_sim a run of that length adds, step by step."""
    before = counted()
    world = World(scenario(FLEET, f"run_for={hours} h"), express=False)
    world.run()
    return counted() - before


def counted() -> Counter[str]:
    return Counter(
        type(each).__qualname__
        for each in gc.get_objects()
        if str(type(each).__module__).startswith("dr_sim")
    )


@pytest.mark.usefixtures("without_the_collector")
def test_nothing_of_a_log_stays_but_what_its_file_is_known_by() -> None:
    short, long = held_after(2), held_after(4)
    logs = long["BackupFile"] - short["BackupFile"]
    assert logs > 12 * 20
    grows = {name for name in long if long[name] - short[name] > logs // 4}
    assert grows <= STAYS


@pytest.mark.usefixtures("without_the_collector")
def test_that_count_finds_jobs_that_know_their_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative case: a flow that keeps what it was for."""
    monkeypatch.setattr("dr_sim.world.kernel.sharing._over", lambda flow: flow.done(flow.what))
    found = held_after(2)
    assert found[Work.__qualname__] > 100 and found[Flow.__qualname__] > 100
