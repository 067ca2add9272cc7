"""Long commands are killed at random instants: nothing is left running, nothing is lost, and the
next run gives the same.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOW = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
COMMANDS = {
    "run": ("run", "s.yaml", "--out", "out"),
    "replications": ("run", "s.yaml", "--replications", "40", "--out", "out"),
    "check": ("check", "s.yaml", "--replications", "20", "--junit", "out.xml"),
}
SCENARIO = """
run_for: 2 days
databases: {crm: {size: 5 GB}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic}
faults: {lose: {rate: 1 per day, what: site}}
sla: {outage: at most 10 min}
"""


def command(here: Path, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dr_sim", *COMMANDS[name]],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def result(here: Path) -> object:
    """What a finished command has left, without what differs by the clock."""
    summary = here / "out/summary.json"
    if summary.exists():
        found = json.loads(summary.read_text(encoding="utf-8"))
        return {
            key: found[key] for key in sorted(found) if key not in ("python", "seconds", "took_s")
        }
    return (here / "out.xml").exists()


@pytest.mark.parametrize(
    ("name", "kills"),
    [("run", 1), *(pytest.param(name, 50, marks=pytest.mark.long) for name in COMMANDS)],
)
def test_a_command_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    tmp_path: Path, name: str, kills: int
) -> None:
    undisturbed, here = tmp_path / "undisturbed", tmp_path / "here"
    for folder in (undisturbed, here):
        folder.mkdir()
        (folder / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    began = time.monotonic()
    assert command(undisturbed, name).wait(300) in (0, 1)
    takes_s = time.monotonic() - began
    chance = random.Random(f"{name} {kills}")
    for i in range(kills):
        program = command(here, name)
        time.sleep(chance.uniform(0, takes_s))
        program.send_signal(HOW[i % len(HOW)])
        program.wait(60)
    assert command(here, name).wait(300) in (0, 1)
    assert result(here) == result(undisturbed)
    left = [path.name for path in here.rglob("*") if path.name.startswith((".making-", ".old-"))]
    assert left == []
