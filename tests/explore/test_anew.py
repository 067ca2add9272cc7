"""A manager that would forget something in a crash shows at once; one that keeps all does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.mirror.sending import NUMBER, Sending
from dr_sim.explore import anew, search
from dr_sim.explore.anew import unlike
from dr_sim.explore.case import RESTART, Tree, load, look
from dr_sim.machines import Save
from dr_sim.recovery.alerts.alerts import AlertBook
from dr_sim.recovery.files.file import File
from dr_sim.recovery.repair.repair import Repair
from dr_sim.world.world import World

STUCK: Tree = {
    "run_for": "70 min",
    "databases": {"crm": {"size": "5 GB", "full": "none", "incremental": "none"}},
    "link": {"bandwidth": "20 Mbit/s"},
    "replay": {"on_hole": "resync"},
    "events": [{"at": "1000 s", "missing_file": "crm"}],
}
CLOUD: Tree = {
    "run_for": "40 min",
    "link": {"bandwidth": "20 Mbit/s"},
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none"}},
    "cloud": {"mirror": {"mode": "jobs", "every": "5 min"}},
    "clients": {"portal": {"calls": "60 per h", "actions": "50 %"}},
    "events": [{"at": "20 min", "script_hangs": {"times": "30", "duration": "30 min"}}],
}


def forgets(tree: Tree) -> set[str]:
    """Return what the managers of a case would forget."""
    scenario = load(tree)
    assert scenario is not None
    signs = look(scenario).signs
    return {sign.what.split()[0] for sign in signs if sign.requirement == RESTART}


def without(key: str, of: Callable[..., None]) -> Callable[..., None]:
    """Return a function that does the same and forgets what is saved under a key."""

    def does(self: Any, *args: Any) -> None:
        of(self, *args)
        out = args[-1]
        saves = {name: value for name, value in out.saves.items() if key not in name}
        out.saves.clear()
        out.saves.update(saves)

    return does


@pytest.mark.parametrize("tree", (STUCK, CLOUD), ids=("recovery", "cloud"))
def test_what_is_saved_in_time_is_not_forgotten(tree: Tree) -> None:
    assert not forgets(tree)


def test_a_repair_that_is_not_saved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repair, "_save", lambda self, out: None)
    assert "Repair._phase" in forgets(STUCK)


def test_a_clock_of_an_alert_that_is_not_saved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AlertBook, "_save", lambda self: Save(self._key, ""))
    assert forgets(STUCK) == {"AlertBook.begun"}


def test_attempts_that_are_not_found_again_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(File, "attempts", property(lambda self: 7, lambda self, value: None))
    assert "File.attempts" in forgets(STUCK)


def test_a_job_that_is_not_saved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobBook, "_save", lambda self, job, out: None)
    assert "JobBook.open" in forgets(CLOUD)


def test_a_number_that_is_not_saved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sending, "take", without(NUMBER, Sending.take))
    assert "Sending.number" in forgets(CLOUD)


def test_a_stop_before_which_nothing_was_recorded_is_passed_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[int] = []

    def compared(world: World) -> list[str]:
        rows.append(len(world.journal))
        return []

    monkeypatch.setattr(anew, "_forgotten", compared)
    scenario = load(STUCK)
    assert scenario is not None
    look(scenario)
    assert len(rows) == len(set(rows)) < len(anew.stops(scenario))


def test_a_case_that_shows_it_is_written_with_a_test_that_can_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Repair, "_save", lambda self, out: None)
    scenario = load(STUCK)
    assert scenario is not None
    sign, sentence = next(iter(look(scenario).signs.items()))
    found = search.Found(sign, sentence, 0, STUCK, 0, search.on_sqlite(STUCK, sign))
    path = search.write_case(found, tmp_path)
    test = next(tmp_path.glob("test_*.py"))
    assert pytest.main(["-q", "-p", "no:cacheprovider", str(test)]) == pytest.ExitCode.TESTS_FAILED
    assert "the test beside it" in path.read_text(encoding="utf-8")


def test_what_differs_is_said_with_both_values() -> None:
    assert list(unlike(1, 2, "x")) == ["x is not in the store as it is: [1] here, [2] there"]
