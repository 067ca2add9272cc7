"""Logic that goes round in circles, or that ends its process, is found; the exploration goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
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


WAITS = f"""
import sys
from dr_sim.explore.runners import case_runner
if __name__ == "__main__":
    with case_runner(2, "", "{HERE}:Circles") as playing:
        found = playing.look([[{SMALL!r}], [{SMALL!r}]])
        print("begun", flush=True)
        next(found)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_an_interrupt_ends_the_processes_in_the_middle_of_a_run(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    script = tmp_path / "waits.py"
    script.write_text(WAITS, encoding="utf-8")
    begun = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert begun.stdout is not None
    begun.stdout.readline()
    time.sleep(0.5)
    os.killpg(begun.pid, signal.SIGINT)
    _, told = begun.communicate(timeout=60)  # all that share its standard error have ended
    assert told.count("Traceback") == 1 and "SpawnProcess" not in told


def test_an_exploration_that_is_left_ends_its_processes() -> None:
    others = set(multiprocessing.active_children())
    with pytest.raises(ValueError), case_runner(1, "", "") as playing:
        batches = playing.look([[SMALL]])
        next(batches)
        begun = set(multiprocessing.active_children()) - others
        raise ValueError
    assert begun
    limit = time.monotonic() + 60
    while begun & set(multiprocessing.active_children()):
        # The pool's own thread waits for them too, and join() returns at once if it was first.
        assert time.monotonic() < limit
        time.sleep(0.05)
