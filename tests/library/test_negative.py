"""Scenarios that must fail, through the command line: a missed SLA is 1, wrong input 2, what cannot
be judged 3, a silent short recovery 5.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dr_sim.cli.main import main

from .runs import SCENARIOS

NEGATIVE = sorted((SCENARIOS / "negative").glob("*.yaml"))
BAD_INPUT = sorted((SCENARIOS / "negative" / "bad_input").glob("*.yaml"))
MUST_GIVE = re.compile(
    r"must give exit code (\d)(?: and name line (\d+))?(?:: (did you mean '\w+'))?"
)


def promise(path: Path) -> tuple[int, int, str]:
    """What the file's first line says: (exit code, line, hint)."""
    match = MUST_GIVE.search(path.read_text(encoding="utf-8").splitlines()[0])
    assert match is not None
    return int(match[1]), int(match[2] or 0), match[3] or ""


def test_each_way_to_fail_is_there() -> None:
    assert {promise(path)[0] for path in NEGATIVE} == {1, 3, 5}
    assert {promise(path)[0] for path in BAD_INPUT} == {2}


@pytest.mark.parametrize("path", NEGATIVE, ids=lambda p: p.stem)
def test_it_must_fail(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # pictures have tests of their own, and take a second
    monkeypatch.setattr("dr_sim.results.run_folder.draw_pictures", lambda *args: None)
    code = main(["run", str(path), "--out", str(tmp_path / "results")])
    shown = capsys.readouterr()
    assert code == promise(path)[0]
    assert shown.out.startswith({1: "FAIL", 3: "UNKNOWN", 5: "FAIL"}[code])
    # a failed SLA is a result all the same
    assert (tmp_path / "results" / "summary.json").is_file()


@pytest.mark.parametrize("path", BAD_INPUT, ids=lambda p: p.stem)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_it_is_refused(
    command: str,
    path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, line, hint = promise(path)
    assert main([command, str(path)]) == code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    problems = shown.err.splitlines()
    assert any(f"{path}:{line}:" in problem for problem in problems), problems
    assert hint in shown.err
    assert "Traceback" not in shown.err
    assert list(tmp_path.iterdir()) == []  # nothing is written
