"""One replication or scenario that ends in an error is that one's result: everything else goes on,
and nothing is lost.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from dr_sim import api
from dr_sim.cli import scenario_files
from dr_sim.cli.main import main
from dr_sim.errors import bugs
from dr_sim.errors.bugs import EXIT_BUG, BrokenReplicationError
from dr_sim.experiments.comparing import policies
from dr_sim.experiments.judging.check import Exit, check
from dr_sim.experiments.replications import executor as executors
from dr_sim.experiments.replications import take as taking
from dr_sim.experiments.replications import until
from dr_sim.experiments.replications.replicate import Course, play_all
from dr_sim.experiments.replications.sample import Sample, unpack
from dr_sim.experiments.replications.store import BATCHES, BatchStore
from dr_sim.experiments.replications.take import take
from dr_sim.experiments.replications.worker import receive
from dr_sim.scenario.model import Scenario
from tests.experiments.worlds import small, small_file

SLA = "sla: [{exposure.p99: at most 30 min}]\n"


@pytest.fixture(autouse=True)
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def breaking(monkeypatch: pytest.MonkeyPatch, *numbers: int, of: str = "") -> None:
    """Those replications (of the scenario of that name) raise."""

    def made(scenario: Scenario, number: int) -> Sample:
        if number in numbers and of in ("", scenario.name):
            raise KeyError("erp")
        return take(scenario, number)

    monkeypatch.setattr(taking, "take", made)


def poisoned(scenario: Scenario) -> Scenario:
    """What raises wherever it is played, in processes of their own too."""
    nothing: Any = None
    return replace(scenario, link=nothing)


def test_one_replication_that_breaks_is_told_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, 2)
    scenario = small(tmp_path)
    course = Course(scenario, BatchStore(tmp_path / "out", scenario))
    with until.executor(1) as playing:
        play_all([course], 6, playing)
    found = course.found(6)
    assert [s.number for s in found.samples] == [0, 1, 3, 4, 5]
    assert found.exit_code == EXIT_BUG and found.n == 5
    assert found.told_broken.startswith(
        "1 of 6 replications broke, the first is number 2: KeyError: 'erp'; a bug in dr_sim; its traceback"
    )
    trace = Path(found.told_broken.rpartition(" is in ")[2])
    assert "Traceback" in trace.read_text() and "test_broken.py" in trace.read_text()
    kept = [
        s.number
        for path in sorted((tmp_path / "out" / BATCHES).iterdir())
        for s in unpack(path.read_bytes().partition(b"\n")[2])
    ]
    assert kept == [0, 1, 3, 4, 5]


@pytest.mark.long
def test_in_processes_of_their_own_likewise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "WORTH_WORKERS_S", 0.0)
    good, bad = Course(small(tmp_path)), Course(poisoned(small(tmp_path)))
    with until.executor(2) as playing:
        play_all([good, bad], 8, playing)
        assert playing._pool  # type: ignore[attr-defined]
    assert good.found(8).n == 8 and not good.broken
    assert sorted(bad.broken) == list(range(8)) and not bad.found(8).n


TWO_AT_ONCE = (
    "import io, sys\nfrom dr_sim.experiments.replications.worker import send\nheld = io.BytesIO()\n"
    "send(held, 'first')\nsend(held, 'second')\nsys.stdout.buffer.write(held.getvalue())\n"
    "sys.stdout.buffer.flush()\nsys.stdin.read()\n"
)


def test_two_answers_that_come_at_once_are_both_seen() -> None:
    """On a busy machine a worker may answer twice before it is heard."""
    root = str(Path(bugs.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", TWO_AT_ONCE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    answers = executors._out(executors._Worker(process))
    with process, selectors.DefaultSelector() as waiting:
        waiting.register(answers, selectors.EVENT_READ)
        for message in ("first", "second"):
            assert waiting.select(60 if message == "first" else 0)
            assert receive(answers) == message


ENDS = (
    "import os, dr_sim.experiments.replications.take as s\ntake = s.take\ns.take = lambda scenario, n: "
    "os._exit(9) if n == 3 else take(scenario, n)\n"
)


@pytest.mark.long
def test_one_that_ends_every_process_is_played_by_itself_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "WORTH_WORKERS_S", 0.0)
    monkeypatch.setattr(executors, "start", lambda: _mined())
    course = Course(small(tmp_path))
    with until.executor(2) as playing:
        play_all([course], 12, playing)
    assert list(course.broken) == [3] and [s.number for s in course.found(12).samples] == [
        0,
        1,
        2,
        *range(4, 12),
    ]
    assert "ended 3 processes (exit code 9)" in course.found(12).told_broken


def _mined() -> subprocess.Popen[bytes]:
    """A worker that dies of replication 3."""
    told = f"{ENDS}import dr_sim.experiments.replications.worker as w\nw.main()\n"
    root = str(Path(bugs.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", told, "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )


@pytest.mark.parametrize("broken", [(1,), (0, 1, 2, 3)])
def test_run_with_replications(
    broken: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of some that broke the others are written; of all, nothing is there to be written."""
    breaking(monkeypatch, *broken)
    path = small_file(tmp_path)
    command = [
        "run",
        str(path),
        "--replications",
        "4",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(command) == EXIT_BUG
    told = capsys.readouterr()
    if len(broken) < 4:
        assert "BROKEN: 1 of 4 replications broke" in told.out and told.out.startswith("FAIL")
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert (
            summary["broken"] == [{"replication": 1, "error": "KeyError: 'erp'"}]
            and summary["replications"] == 3
        )
        assert summary["verdict"]["exit_code"] == EXIT_BUG
    else:
        assert told.err.startswith("4 of 4 replications broke") and len(told.err.splitlines()) == 1
        assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.parametrize("how", ["playing", "judging"])
def test_a_check_goes_on_without_a_scenario_that_breaks(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = small(tmp_path, SLA), replace(small(tmp_path, SLA), name="bad")
    if how == "playing":
        breaking(monkeypatch, 0, 1, 2, 3, 4, 5, of="bad")
    else:
        wrong: Any = None
        bad = replace(bad, sla=(replace(bad.sla[0], measure=wrong),))
    loaded = [
        (Path("good.yaml"), good),
        (Path("bad.yaml"), bad),
        (Path("again.yaml"), replace(good, seed=9)),
    ]
    with until.executor(1) as playing:
        found = check(loaded, playing, n=6)
    assert all(c.exit is not Exit.BROKEN and c.distribution.n == 6 for c in found.checked[::2])
    assert found.checked[1].exit is Exit.BROKEN and found.exit_code == EXIT_BUG


def test_a_check_says_what_broke_and_writes_it_as_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking(monkeypatch, 0, 1, 2, of="bad")
    for name in ("good", "bad"):
        (tmp_path / f"{name}.yaml").write_text(
            small_file(tmp_path, SLA).read_text().replace("name: small", f"name: {name}")
        )
    junit = tmp_path / "junit.xml"
    paths = [str(tmp_path / f"{name}.yaml") for name in ("good", "bad")]
    assert (
        main(
            [
                "check",
                *paths,
                "--replications",
                "3",
                "--workers",
                "1",
                "--junit",
                str(junit),
                "--github",
            ]
        )
        == EXIT_BUG
    )
    told = capsys.readouterr().out
    assert "BROKEN: 3 of 3 replications broke" in told and "::error file=" in told
    suites = {suite.get("name"): suite for suite in Xml.parse(junit).getroot()}
    good, bad = (suites[path] for path in paths)
    assert not any("KeyError" in str(error.get("message")) for error in good.iter("error"))
    assert any("KeyError" in str(error.get("message")) for error in bad.iter("error"))


def test_a_sweep_goes_on_without_a_point_that_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def made(scenario: Scenario, number: int) -> Sample:
        if scenario.link.bandwidth_bit_s == 200_000_000 or (
            number == 1 and scenario.link.bandwidth_bit_s == 400_000_000
        ):
            raise KeyError("erp")
        return take(scenario, number)

    monkeypatch.setattr(taking, "take", made)
    command = [
        "sweep",
        str(small_file(tmp_path)),
        "--vary",
        "link.bandwidth=100 Mbit/s, 200 Mbit/s, 400 Mbit/s",
        "--replications",
        "3",
    ]
    assert main([*command, "--workers", "1", "--out", str(tmp_path / "out")]) == EXIT_BUG
    told = capsys.readouterr().out
    assert (
        "BROKEN at link.bandwidth=200 Mbit/s: 3 of 3" in told
        and "BROKEN at link.bandwidth=400 Mbit/s: 1 of 3" in told
    )
    assert (tmp_path / "out" / "sweep.parquet").exists()
    with pytest.raises(BrokenReplicationError):
        breaking(monkeypatch, 0)
        api.sweep(small_file(tmp_path), {"link.rtt": ["1 ms"]}, 1, workers=1)


def test_a_comparison_has_what_both_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking(monkeypatch, 1)
    path = str(small_file(tmp_path))
    assert main(["compare", path, path, "--replications", "4", "--workers", "1"]) == EXIT_BUG
    assert "BROKEN in A: 1 of 4" in capsys.readouterr().out


def test_a_baseline_keeps_what_did_not_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking(monkeypatch, 1)
    path = small_file(tmp_path)
    assert (
        main(
            [
                "baseline",
                str(path),
                "-o",
                str(tmp_path / "b.parquet"),
                "--replications",
                "4",
                "--workers",
                "1",
            ]
        )
        == EXIT_BUG
    )
    assert (
        f"{path}: 1 of 4 replications broke" in capsys.readouterr().err
        and (tmp_path / "b.parquet").exists()
    )


def test_policies_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = policies.run

    def made(scenario: Scenario) -> Any:
        if scenario.seed == 1 and not made.done:  # type: ignore[attr-defined]
            made.done = True  # type: ignore[attr-defined]
            raise KeyError("erp")
        return run(scenario)

    made.done = False  # type: ignore[attr-defined]
    monkeypatch.setattr(policies, "run", made)
    path = str(small_file(tmp_path))
    assert main(["policies", path, path]) == EXIT_BUG
    told = capsys.readouterr()
    rows = told.out.splitlines()[2:]
    assert "BROKEN" in rows[0] and "BROKEN" not in rows[1]
    assert "KeyError: 'erp'" in told.err and len(told.err.splitlines()) == 1


# ---- what nobody caught
@pytest.mark.parametrize(
    "error",
    [
        KeyError("erp"),
        RecursionError("too deep"),
        MemoryError(),
        OSError(5, "disk"),
        OverflowError("x" * 5000),
        ValueError("a\nb"),
    ],
)
def test_an_error_that_nobody_caught_has_a_code_and_a_line_of_its_own(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def validate(arguments: object) -> int:
        raise error

    monkeypatch.setattr(scenario_files, "_validate", validate)
    assert main(["validate", "x.yaml"]) == EXIT_BUG
    told = capsys.readouterr().err
    assert (
        len(told.splitlines()) == 1
        and type(error).__name__ in told
        and "; a bug in dr_sim; its traceback" in told
    )
    assert (
        "Traceback" in Path(told.partition("its traceback is in ")[2].partition(";")[0]).read_text()
    )


def test_where_no_file_can_be_written_the_traceback_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert bugs.report(KeyError("erp")) == EXIT_BUG
    told = capsys.readouterr().err
    assert "KeyError: 'erp'" in told and "its traceback is in the lines above" in told


def test_the_whole_process_leaves_with_it(tmp_path: Path) -> None:
    made = (
        "import dr_sim.cli.scenario_files as cli, dr_sim.__main__ as m, sys\ndef f(a): raise "
        "KeyError('erp')\ncli._validate = f\nsys.argv = ['dr-sim', 'validate', "
        "'x.yaml']\nsys.exit(m.run())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", made],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert ended.returncode == EXIT_BUG and len(ended.stderr.splitlines()) == 1


def test_the_help_of_every_command_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "check", "sweep", "policies", "validate"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert "70 dr_sim or your own logic failed" in " ".join(capsys.readouterr().out.split())
