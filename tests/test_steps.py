"""--steps: every fast path is off, wherever runs are asked for, and the records are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dr_sim
from dr_sim.cli.main import main
from dr_sim.world.lane.express import ExpressLane
from dr_sim.world.lane.waves import WaveLane
from dr_sim.world.primary.pruning import Pruning

SCENARIO = """\
run_for: 6 h
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
events: [{at: 5 h, lose: site}]
sla: {exposure.p99: at most 1 h}
"""
LANES: list[tuple[type, str]] = [
    (ExpressLane, "take"),
    (WaveLane, "take"),
    (Pruning, "at_primary"),
    (Pruning, "at_secondary"),
]


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two scenarios in the folder that one is in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(SCENARIO.replace("100 Mbit", "50 Mbit"), encoding="utf-8")
    return tmp_path


def shut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes a fast path fails."""
    for owner, method in LANES:
        monkeypatch.setattr(owner, method, taken)


def taken(*_: Any) -> int:
    raise AssertionError("a fast path was taken")


def digest(folder: str) -> str:
    return str(json.loads((Path(folder) / "manifest.json").read_text())["journal_digest"])


def test_a_run_in_steps_has_the_same_digest(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["run", "a.yaml", "--out", "quick"])
    shut(monkeypatch)
    main(["run", "a.yaml", "--out", "slow", "--steps"])
    assert digest("quick") == digest("slow")
    assert main(["run", "a.yaml", "--out", "other"]) == 70, "without --steps a fast path is taken"


@pytest.mark.parametrize("command", [
    "run a.yaml --replications 2 --workers 1", "check a.yaml --workers 1", "compare a.yaml b.yaml --replications 2 --workers 1",
    "sweep a.yaml --vary replay.age=10min,20min "
        "--replications 1 --workers 1", "policies a.yaml b.yaml",
])  # fmt: skip
def test_so_does_every_command_that_runs(
    there: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shut(monkeypatch)
    assert main([*command.split(), "--steps"]) in (0, 3)  # two replications are too few to judge by
    assert main(command.split()) == 70, "what was played in steps is not taken for what was not"


def test_replications_in_steps_have_a_folder_of_their_own(there: Path) -> None:
    for more in ([], ["--steps"], []):
        assert main(["run", "a.yaml", "--replications", "2", "--workers", "1", *more]) == 3
    folders = sorted((there / "results" / "a").glob("replications-*"))
    assert len(folders) == 2
    quick, slow = (json.loads((folder / "summary.json").read_text()) for folder in folders)
    assert quick == slow


def test_so_does_python(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (dr_sim.load_scenario(name) for name in ("a.yaml", "b.yaml"))
    calls: list[Callable[[bool], Any]] = [
        lambda steps: dr_sim.run(a, steps=steps).digest,
        lambda steps: dr_sim.replicate(a, 2, workers=1, steps=steps).summary(),
        lambda steps: dr_sim.compare(a, b, 2, workers=1, steps=steps).differences.to_json(),
        lambda steps: dr_sim.sweep(
            "a.yaml", {"replay.age": ["10 min", "20 min"]}, 1, workers=1, steps=steps
        ).table.to_json(),
    ]
    quick = [call(False) for call in calls]
    shut(monkeypatch)
    assert [call(True) for call in calls] == quick
