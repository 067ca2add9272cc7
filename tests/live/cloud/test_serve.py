"""The cloud manager as a server: one command starts it, curl asks it, kill -9 loses nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.cloud.serving import Served, is_alive, script, within

TWO_SIDES = [
    "A crm operators/r1 1 begun",
    "A crm operators/r1 1 done",
    "B crm operators/r1 1 begun",
    "B crm operators/r1 1 done",
]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as found:
        yield found


def by_side(effects: list[str]) -> list[str]:
    """The same without the numbers of attempts: a script that is copied first costs one."""
    return [" ".join([*line.split()[:3], "1", line.split()[4]]) for line in effects]


def test_a_request_is_done_once_at_both_sides_also_if_the_manager_is_killed(
    served: Served,
) -> None:
    script(served.folder, "rotate_secret", "while [ ! -e go ]; do sleep 0.02; done")
    assert served.start().startswith("http://127.0.0.1:")
    assert served.put("r1")[1] == {
        "outcome": "accepted",
        "job": "operators/r1",
        "state": "starting",
    }
    within(20, served.effects)
    assert served.put("r1") == (
        200,
        {"outcome": "again", "job": "operators/r1", "state": "running"},
    )
    served.kill()
    # the script goes on without the manager, and ends while nobody is there
    (served.folder / "go").touch()
    within(20, lambda: len(served.effects()) == 2)
    served.start()
    assert served.put("r1")[1]["outcome"] == "again"
    within(20, lambda: served.state("r1") == "done")
    within(20, lambda: len(served.effects()) == 4)
    assert by_side(served.effects()) == TWO_SIDES
    assert served.put("r1", params={"size": "2"})[0] == 409
    assert served.lives == [1, 2]
    assert served.stop() == (0, "")


def test_a_script_that_hangs_is_ended_with_its_children_and_cleaned_up_once(
    served: Served,
) -> None:
    script(served.folder, "rotate_secret", "sleep 600 & echo $! > child; wait")
    script(served.folder, "rotate_secret.clean_up")
    served.start()
    served.put("r1")
    within(30, lambda: served.state("r1") == "cancelled")
    child = int((served.folder / "child").read_text())
    assert not is_alive(child)
    assert served.effects() == [
        "A crm operators/r1 2 begun",  # the first attempt found no script, and it was copied
        "A crm operators/r1 2 begun",  # the clean-up
        "A crm operators/r1 2 done",
    ]
    code, errors = served.stop()
    assert code == 0
    assert re.fullmatch(r"20\S+Z prod: job overdue: operators/r1\n", errors)


def test_a_script_that_fails_is_tried_again_and_then_cleaned_up(served: Served) -> None:
    script(served.folder, "rotate_secret", "exit 3")
    script(served.folder, "rotate_secret.clean_up")
    served.start()
    served.put("r1")
    within(30, lambda: served.state("r1") == "failed")
    attempts = [line.split()[3] for line in served.effects()]
    assert attempts == ["2", "3", "3", "3"]  # two attempts, and the clean-up of the last one


def test_sigterm_leaves_scripts_running_and_the_next_life_takes_them_up(served: Served) -> None:
    script(served.folder, "rotate_secret", "while [ ! -e go ]; do sleep 0.02; done")
    served.start()
    served.put("r1")
    within(20, served.effects)
    assert served.stop() == (0, "")
    served.start()
    assert served.state("r1") == "running"
    (served.folder / "go").touch()
    within(20, lambda: served.state("r1") == "done")
