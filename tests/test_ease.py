"""What makes the command line easy: sums first, headlines, the true error first, no page unless
asked for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.screen.progress import part_of

SCENARIO = """
name: short
run_for: 6 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
events:
  - {at: 1 h, paused_backups: {database: crm, duration: 90 min}}
sla: {exposure.max: at most 3 h}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.yaml").write_text(SCENARIO)
    return tmp_path


def out_of(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def test_no_report_leaves_page_and_pictures_out(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = out_of(capsys, "run", "short.yaml", "--no-report", "--out", "bare")
    assert {path.name for path in (here / "bare").iterdir()} == {
        "journal.parquet", "manifest.json", "scenario.yaml", "summary.json",
    }  # fmt: skip
    assert told.rstrip().endswith("bare/  summary.json")
    # it is a run as any other: it can be explained, drawn later and written over
    out_of(capsys, "explain", "bare", "--at", "2 h")
    out_of(capsys, "report", "bare")
    assert (here / "bare/report.html").exists()
    told = out_of(capsys, "run", "short.yaml", "--out", "bare")
    assert (here / "bare/timeline.svg").exists() and "report.html" in told


def test_alerts_are_summed_unless_all_are_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_of(capsys, "run", "short.yaml", "--no-report", "--out", "run")
    each = out_of(capsys, "explain", "run", "--alerts", "--all").splitlines()
    sums = out_of(capsys, "explain", "run", "--alerts").splitlines()
    assert len(each) > len(sums) > 1
    assert sums[-1].startswith(f"{len(each)} alerts; ")
    assert sum(int(re.search(r"(\d+) x", line)[1]) for line in sums[:-1]) == len(each)  # type: ignore[index]


def test_a_comparison_begins_with_what_differs_and_both_verdicts(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = SCENARIO.replace("90 min", "4 h")
    (here / "worse.yaml").write_text(worse)
    lines = out_of(
        capsys, "compare", "short.yaml", "worse.yaml", "--replications", "3"
    ).splitlines()
    assert lines[0].startswith("B is worse: exposure.mean by ")
    assert lines[2].startswith("A PASS     short.yaml")
    assert lines[3].startswith("B FAIL     worse.yaml  (exposure.max)")
    # the other way round it is better, and the same with itself
    lines = out_of(
        capsys, "compare", "worse.yaml", "short.yaml", "--replications", "3"
    ).splitlines()
    assert lines[0].startswith("B is better: exposure.mean by ") and "less on average" in lines[0]
    lines = out_of(
        capsys, "compare", "short.yaml", "short.yaml", "--replications", "3"
    ).splitlines()
    assert lines[0].startswith("A and B do not differ")


def test_a_base_that_cannot_be_read_is_the_first_error(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "base.yaml").write_text("run_for: [\n")
    (here / "child.yaml").write_text("extends: base.yaml\nlink: {rtt: 3}\n")
    assert main(["validate", "child.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("base.yaml:2:1: is not YAML")
    assert lines[1:] == [
        "child.yaml:2:13: link.rtt: '3' has no unit; write '3 s', '3 min', '3 h' or '3 days'"
    ]


def test_the_bar_goes_on_while_pages_are_drawn() -> None:
    told: list[float] = []
    drawing = part_of(told.append, 0.8, 1.0)
    assert drawing is not None
    for part in (0.0, 0.5, 1.0):
        drawing(part)
    assert told == pytest.approx([0.8, 0.9, 1.0])
    assert part_of(None, 0.8, 1.0) is None


HEAVY = ("pandas", "matplotlib", "bokeh", "scipy.stats", "distributed", "psycopg")


def test_a_run_without_a_report_loads_nothing_heavy(here: Path) -> None:
    """They take longer to import than a short run takes: what is not needed must not be loaded."""
    code = (
        "import sys; from dr_sim.cli.main import main;"
        "main(['run', 'short.yaml', '--no-report', '--out', 'bare']);"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == "[]"
