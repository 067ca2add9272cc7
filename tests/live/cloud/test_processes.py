"""Scripts as processes: they outlive whoever started them, and whoever asks learns how they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dr_sim.live.cloud import runner
from dr_sim.live.cloud.processes import ScriptRuns
from tests.live.cloud.serving import is_alive, within

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs sessions and locks of Unix")
ENVIRONMENT = {"PATH": os.environ["PATH"], "WHO": "crm"}


def program(folder: Path, lines: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def test_a_run_has_an_exit_code_and_its_own_folder_and_environment(tmp_path: Path) -> None:
    runs = ScriptRuns(tmp_path / "runs")
    runs.start(
        1, program(tmp_path, 'echo "$WHO in $(basename "$PWD")"; touch here; exit 3'), ENVIRONMENT
    )
    runs.wait(1)
    assert runs.exit_code(1) == 3 and not runs.is_alive(1)
    assert (tmp_path / "runs" / "1" / runner.OUTPUT).read_text() == "crm in work\n"
    runs.forget(1)
    left = [path.name for path in (tmp_path / "runs" / "1").iterdir()]
    assert left == [runner.OUTPUT] and runs.left_over() == []


def test_a_program_that_cannot_be_run_fails(tmp_path: Path) -> None:
    path = program(tmp_path, "")
    path.write_text("no program")
    runs = ScriptRuns(tmp_path / "runs")
    runs.start(1, path, ENVIRONMENT)
    runs.wait(1)
    assert runs.exit_code(1) == runner.CANNOT_RUN
    assert "Exec format error" in (tmp_path / "runs" / "1" / runner.OUTPUT).read_text()


def test_a_run_that_is_killed_takes_its_children_with_it_and_has_no_exit_code(
    tmp_path: Path,
) -> None:
    runs = ScriptRuns(tmp_path / "runs")
    pids = tmp_path / "pids"
    runs.start(1, program(tmp_path, f"sleep 600 & echo $$ $! > {pids}; sleep 600"), ENVIRONMENT)
    within(20, lambda: pids.exists() and pids.read_text())
    assert runs.is_alive(1)
    runs.kill(1)
    runs.wait(1)
    assert runs.exit_code(1) is None
    for pid in pids.read_text().split():
        within(20, lambda pid=pid: not is_alive(int(pid)))


def test_what_a_program_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    runs = ScriptRuns(tmp_path / "runs")
    pids = tmp_path / "pids"
    runs.start(1, program(tmp_path, f"sleep 600 & echo $! > {pids}"), ENVIRONMENT)
    runs.wait(1)
    assert runs.exit_code(1) == 0
    within(20, lambda: not is_alive(int(pids.read_text())))


def test_a_process_that_has_left_its_group_counts_as_alive(tmp_path: Path) -> None:
    """Nobody may clean up beside it: it is seen by its lock, not by its group."""
    runs = ScriptRuns(tmp_path / "runs")
    pids = tmp_path / "pids"
    leave = "import os,sys,time; os.setsid(); print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(600)"
    lines = f'{sys.executable} -c "{leave}" {pids} & while [ ! -s {pids} ]; do sleep 0.02; done'
    runs.start(1, program(tmp_path, lines), ENVIRONMENT)
    within(20, lambda: runs.exit_code(1) == 0)
    escaped = int(pids.read_text())
    try:
        runs.kill(1)
        assert runs.is_alive(1)
    finally:
        os.kill(escaped, signal.SIGKILL)
    runs.wait(1)


STARTS = """
import os, signal, sys
from pathlib import Path
from dr_sim.live.cloud.processes import ScriptRuns
runs = ScriptRuns(Path(sys.argv[1]))
runs.start(1, Path(sys.argv[2]), {"PATH": os.environ["PATH"]})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_goes_on_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    folder, go = tmp_path / "runs", tmp_path / "go"
    path = program(tmp_path, f"while [ ! -e {go} ]; do sleep 0.02; done; exit 5")
    died = subprocess.run([sys.executable, "-c", STARTS, str(folder), str(path)])
    assert died.returncode == -signal.SIGKILL
    runs = ScriptRuns(folder)
    assert runs.left_over() == [1] and runs.is_alive(1)
    go.touch()
    runs.wait(1)
    assert runs.exit_code(1) == 5


def test_an_id_that_belongs_to_somebody_else_by_now_is_not_killed(tmp_path: Path) -> None:
    """The planted record of a leader: the id of a process of ours, with another start."""
    runs = ScriptRuns(tmp_path / "runs")
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        go = tmp_path / "go"
        runs.start(1, program(tmp_path, f"while [ ! -e {go} ]; do sleep 0.02; done"), ENVIRONMENT)
        leader = tmp_path / "runs" / "1" / runner.LEADER
        within(20, leader.exists)
        leader.write_text(f"{other.pid} 1")
        runs.kill(1)
        assert is_alive(other.pid)
        go.touch()
        runs.wait(1)
    finally:
        other.kill()
        other.wait()
