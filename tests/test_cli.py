"""The face: every subcommand and every exit code, results whole or not at all, and never a
traceback.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dr_sim import __version__
from dr_sim.cli import main as cli
from dr_sim.faults import KINDS
from dr_sim.recovery.failover.drain import Drain
from dr_sim.results import run_folder as run_files

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    "scenario.yaml",
    "manifest.json",
    "journal.parquet",
    "summary.json",
    "timeline.svg",
    "exposure.svg",
    "report.html",
}

SCENARIO = """\
name: short
run_for: 90 min
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
events:
  - {at: 20 min, link_outage: 40 min}
  - {at: 70 min 40 s, lose: site}
sla: {data_loss: at most 10 min, outage: at most 10 min}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with short.yaml in it."""
    (tmp_path / "short.yaml").write_text(SCENARIO, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures cost most of a short run and have tests of their own: an outline stands for them
    here.
    """

    def outlines(result: Any, folder: Path, drawing: Any) -> None:
        for name in ("timeline.svg", "exposure.svg", "report.html"):
            (folder / name).write_text("<svg/>")

    monkeypatch.setattr(run_files, "draw_pictures", outlines)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one run, to look into and not to change."""
    folder = tmp_path_factory.mktemp("results")  # with its pictures: made before they are sketched
    (folder / "short.yaml").write_text(SCENARIO, encoding="utf-8")
    assert cli.main(["run", str(folder / "short.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """(exit code, what it printed, what it complained of); a traceback is a bug."""
    capsys.readouterr()
    try:
        code = cli.main(list(argv))
    except SystemExit as leaving:  # argparse's own way out
        code = int(leaving.code or 0)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def process(*argv: str, cwd: Path, **how: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **how.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "dr_sim", *argv],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        check=False,
        **how,
    )


# ---- run: exit codes
def test_0_an_sla_that_is_met(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "run", "short.yaml")
    assert (code, err) == (0, "")
    assert out.startswith("PASS  short.yaml  seed 1")
    assert "FAILOVER 1" in out
    assert {p.name for p in (here / "results/short/1").iterdir()} == FILES


def test_0_no_sla_at_all(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bare.yaml").write_text(re.sub(r"sla:.*\n", "", SCENARIO), encoding="utf-8")
    assert told(capsys, "run", "bare.yaml")[0] == 0


def test_1_an_sla_that_is_missed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "run", "short.yaml", "--set", "sla.data_loss=at most 10 s")
    assert code == 1
    assert out.startswith("FAIL")


def test_2_a_scenario_that_is_wrong(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "wrong.yaml").write_text(
        SCENARIO.replace("crm: {size: 1 GB", "crm: {size: 1 parsec"), encoding="utf-8"
    )
    code, out, err = told(capsys, "run", "wrong.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("wrong.yaml:3:")
    assert not (here / "results").exists()


def test_3_what_could_not_be_judged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run ends before users are served again; and where nothing fails, a data loss is not
    known.
    """
    code, out, _ = told(capsys, "run", "short.yaml", "--set", "run_for=71 min")
    assert code == 3
    assert out.startswith("UNKNOWN")
    (here / "calm.yaml").write_text(re.sub(r"  - .*lose.*\n", "", SCENARIO), encoding="utf-8")
    assert told(capsys, "run", "calm.yaml")[0] == 3


def test_4_an_invariant_that_broke(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: a failover that waits for nothing."""
    monkeypatch.setattr(Drain, "idle", lambda self: True)
    code, out, _ = told(capsys, "run", "short.yaml", "--set", "replay.every=30 min", "--json")
    assert code == 4
    found = json.loads(out)
    assert found["verdict"]["exit_code"] == 4
    assert found["violations"]
    assert (here / "results/short/1/journal.parquet").is_file()  # to look into


def test_130_interrupted_in_mid_run_leaves_nothing_behind(here: Path) -> None:
    """A run that takes minutes, and Ctrl-C once it is simulating."""
    code = (
        "import sys; from dr_sim.cli import main as cli; from dr_sim.world.world import World; plain "
        "= World.run\n"
        "def begun(self, *more):\n"
        "    self.context.agenda.at(86_400_000_000, 0, -1, print, 'simulating')\n"
        "    self.context.agenda.at(86_400_000_000, 1, -1, sys.stdout.flush)\n"
        "    return plain(self, *more)\n"
        "World.run = begun\n"
        "sys.exit(cli.main(['run', 'short.yaml', '--set', 'run_for=30000 days', '--set', "
        "'events=[]', '--out', 'x/y']))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=here,
        env=env,
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline() == "simulating\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        assert "Traceback" not in running.stderr.read()
    assert {p.name for p in here.iterdir()} == {"short.yaml"}


def test_the_end_of_the_process_looks_for_no_cycles() -> None:
    """That took a third of a second of CPU after each run, and two seconds after Ctrl-C where the
    processor was shared.
    """
    code = (
        "import atexit, gc, sys; from dr_sim.__main__ import run\n"
        "atexit.register(lambda: print(len(gc.get_objects()), gc.get_freeze_count()))\n"
        "sys.argv = ['dr-sim', '--version']\n"
        "sys.exit(run())\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60
    )
    assert done.returncode == 0
    looked_at, left_alone = map(int, done.stdout.splitlines()[-1].split())
    assert looked_at < left_alone / 10


WHEN_LOADING = """
plain = builtins.__import__
def signalled(name, *more, **named):
    if name == "dr_sim.cli.main":
        os.kill(os.getpid(), NUMBER)
    return plain(name, *more, **named)
builtins.__import__ = signalled
"""
LATER = "threading.Timer(0.7, lambda: os.kill(os.getpid(), NUMBER)).start()\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", [WHEN_LOADING, LATER])
def test_130_interrupted_while_it_is_loaded_and_while_it_runs(
    here: Path, number: int, when: str
) -> None:
    run_it = (
        "sys.argv = ['dr-sim', 'run', 'short.yaml', '--set', 'run_for=30000 days', '--out', "
        "'x/y']\nsys.exit(run())\n"
    )
    imports = "import builtins, os, sys, threading\nfrom dr_sim.__main__ import run\n"
    code = imports + when.replace("NUMBER", str(int(number))) + run_it
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=here, env=env, timeout=60
    )
    assert (done.returncode, done.stderr.count("\n"), "interrupted" in done.stderr) == (
        130,
        1,
        True,
    ), done.stderr
    assert {p.name for p in here.iterdir()} == {"short.yaml"}


@pytest.mark.parametrize(
    "what",
    [
        # CPython ends by the signal after one that has crossed an exec
        'exec("os.kill(os.getpid(), 2)\\nwhile True: pass")',
        "try:\n        os.kill(os.getpid(), 2)\n        time.sleep(9)\n    except "
        "KeyboardInterrupt:\n        raise ImportError('numpy')",
        # as pyo3 does
        "try:\n        os.kill(os.getpid(), 2)\n        time.sleep(9)\n    except "
        "KeyboardInterrupt:\n        raise type('PanicException', (BaseException,), {})",
        # Python drops what is raised while an object is being deleted
        "class Deleted:\n        def __del__(self):\n            os.kill(os.getpid(), 2)\n"
        "            time.sleep(0)\n    Deleted()\n    time.sleep(9)\n    sys.exit(7)",
    ],
)
def test_130_whatever_a_module_that_is_loaded_makes_of_the_interruption(
    what: str, tmp_path: Path
) -> None:
    code = (
        "import os, sys, time\nfrom dr_sim.cli import scenario_files\nfrom dr_sim.__main__ import run\n"
        f"def schema(arguments):\n    {what}\n"
        "scenario_files._schema = schema\nsys.argv = ['dr-sim', 'schema']\nsys.exit(run())\n"
    )
    (tmp_path / "as_a_module.py").write_text(code, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-m", "as_a_module"], capture_output=True, text=True, env=env, timeout=60
    )
    assert (done.returncode, done.stderr) == (
        130,
        "interrupted; what is not finished was not written\n",
    )


# ---- run: options
def test_seed_and_set_are_in_the_results(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        told(capsys, "run", "short.yaml", "--seed", "8", "--set", "link.loss=0.1 %", "--out", "a")[
            0
        ]
        == 0
    )
    manifest = json.loads((here / "a/manifest.json").read_text())
    assert manifest["seed"] == 8
    assert manifest["versions"]["dr-sim"] == __version__
    text = (here / "a/scenario.yaml").read_text()
    assert "0.1 %" in text and "seed: 8" in text


def test_the_resolved_scenario_gives_the_same_run_again(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "run", "short.yaml", "--seed", "8", "--set", "link.loss=0.1 %", "--out", "a")
    told(capsys, "run", "a/scenario.yaml", "--out", "b")
    digests = [json.loads((here / r / "manifest.json").read_text())["journal_digest"] for r in "ab"]
    assert digests[0] == digests[1]


def test_json_is_one_object_and_the_same_as_in_the_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, "run", "short.yaml", "--json")
    shown = json.loads(out)
    assert shown == json.loads((here / "results/short/1/summary.json").read_text())
    assert shown["verdict"]["exit_code"] == code == 0


def test_another_engine_is_another_way_to_the_same_record(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for engine in ("model", "sqlite"):
        assert told(capsys, "run", "short.yaml", "--engine", engine, "--out", engine)[0] == 0
    manifests = [json.loads((here / e / "manifest.json").read_text()) for e in ("model", "sqlite")]
    assert len({manifest["journal_digest"] for manifest in manifests}) == 1
    assert [manifest["engine"] for manifest in manifests] == [
        {"name": "model", "version": __version__},
        {"name": "sqlite", "version": sqlite3.sqlite_version},
    ]
    assert told(capsys, "verify", "sqlite")[0] == 0


@pytest.mark.parametrize("argv", [
    ["--set", "link.bandwith=1 Gbit/s"], ["--set", "link.loss"], ["--set", "link.loss=much"], ["--set", "=1"],
    ["--seed", "x"], ["--engine", "oracle"], ["--nonsense"],
])  # fmt: skip
def test_2_options_that_are_wrong(
    here: Path, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    code, out, err = told(capsys, "run", "short.yaml", *argv)
    assert (code, out) == (2, "")
    assert err
    assert {p.name for p in here.iterdir()} == {"short.yaml"}


# ---- run: where results go
def test_a_second_run_has_a_folder_of_its_own(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in (1, 2):
        assert told(capsys, "run", "short.yaml")[0] == 0
        assert {p.name for p in (here / f"results/short/{n}").iterdir()} == FILES
    digests = {
        json.loads((here / f"results/short/{n}/manifest.json").read_text())["journal_digest"]
        for n in (1, 2)
    }
    assert len(digests) == 1
    assert {p.name for p in (here / "results/short").iterdir()} == {"1", "2"}


def test_over_an_old_run_the_new_one_takes_its_place(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "run", "short.yaml", "--out", "r")
    assert told(capsys, "run", "short.yaml", "--seed", "2", "--out", "r")[0] == 0
    assert json.loads((here / "r/manifest.json").read_text())["seed"] == 2
    assert {p.name for p in (here / "r").iterdir()} == FILES
    assert {p.name for p in here.iterdir()} == {"short.yaml", "r"}


def test_into_an_empty_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "r").mkdir()
    assert told(capsys, "run", "short.yaml", "--out", "r")[0] == 0
    assert {p.name for p in (here / "r").iterdir()} == FILES


def a_folder(here: Path) -> str:
    (here / "r").mkdir()
    (here / "r/thesis.tex").write_text("years of work")
    return "r"


def a_web_project(here: Path) -> str:
    """Many kinds of project have a manifest.json."""
    a_folder(here)
    (here / "r/manifest.json").write_text('{"name": "my app"}')
    return "r"


def a_run_with_notes_beside_it(here: Path) -> str:
    a_folder(here)
    (here / "r/manifest.json").write_text('{"journal_digest": "0"}')
    return "r"


def a_file(here: Path) -> str:
    (here / "r").write_text("notes")
    return "r"


def below_a_file(here: Path) -> str:
    a_file(here)
    return "r/run"


def the_working_folder(here: Path) -> str:
    return "."


def far_too_long_a_name(here: Path) -> str:
    return "x" * 5000


@pytest.mark.parametrize("target", [
    a_folder, a_web_project, a_run_with_notes_beside_it, a_file, below_a_file, the_working_folder, far_too_long_a_name,
])  # fmt: skip
def test_2_what_is_no_run_of_ours_is_never_replaced(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    target: Callable[[Path], str],
) -> None:
    """And that is said at once, before anything is simulated."""
    monkeypatch.setattr("dr_sim.runs.run.run", lambda *a: pytest.fail("it was simulated first"))
    out = target(here)
    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}
    code, shown, err = told(capsys, "run", "short.yaml", "--out", out)
    assert (code, shown) == (2, "")
    assert "name another folder with --out" in err
    assert len(err.splitlines()) == 1
    assert {p: p.read_bytes() for p in here.rglob("*") if p.is_file()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_2_a_folder_that_may_not_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "locked").mkdir(mode=0o555)
    code, _, err = told(capsys, "run", "short.yaml", "--out", "locked/r")
    assert code == 2
    assert "cannot be written" in err


@pytest.mark.parametrize("broken", ["draw_pictures", "full_summary"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"]
)
def test_results_appear_whole_or_not_at_all(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    error: BaseException,
) -> None:
    """Whatever goes wrong while they are written, nothing is there; and an old run stays as it
    was.
    """
    told(capsys, "run", "short.yaml", "--out", "old")
    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}

    def fail(*a: Any) -> None:
        raise error

    monkeypatch.setattr(run_files, broken, fail)
    for out in ("new", "old"):
        code, shown, err = told(capsys, "run", "short.yaml", "--out", out)
        assert (code, shown) == (2 if isinstance(error, OSError) else 130, "")
        assert len(err.splitlines()) == 1
    assert {p: p.read_bytes() for p in here.rglob("*") if p.is_file()} == before
    assert {p.name for p in here.iterdir()} == {"short.yaml", "old"}


def test_an_interruption_between_old_and_new_puts_the_old_run_back(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(capsys, "run", "short.yaml", "--out", "old")
    plain = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if Path(target).name == "old" and self.name == "new":
            raise KeyboardInterrupt
        return plain(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert told(capsys, "run", "short.yaml", "--seed", "2", "--out", "old")[0] == 130
    assert json.loads((here / "old/manifest.json").read_text())["seed"] == 1
    assert {p.name for p in here.iterdir()} == {"short.yaml", "old"}


def test_a_scenarios_name_is_made_fit_for_a_folder(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, folder in (
        ("../up", "_up"),
        ("a/b", "a_b"),
        ("..", "scenario"),
        ("日" * 100, "日" * 66),
    ):
        text = SCENARIO.replace("name: short", f'name: "{name}"')
        (here / "named.yaml").write_text(text, encoding="utf-8")
        assert told(capsys, "run", "named.yaml")[0] == 0
        assert (here / "results" / folder / "1/manifest.json").is_file()


# ---- verify, explain
def test_verify_holds(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "verify", str(results))
    assert (code, err) == (0, "")
    assert out.startswith("holds: ")


def copied(results: Path, here: Path) -> Path:
    return Path(shutil.copytree(results, here / "copy"))


def test_4_verify_names_the_row(
    results: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = copied(results, here)
    table = pq.read_table(folder / "journal.parquet")
    times = table["time_us"].to_pylist()
    times[77] += 1
    changed = table.set_column(table.column_names.index("time_us"), "time_us", pa.array(times))
    pq.write_table(changed, folder / "journal.parquet")
    code, out, err = told(capsys, "verify", str(folder))
    assert (code, out) == (4, "")
    assert "journal.parquet: row 77 (" in err
    pq.write_table(table[:-1], folder / "journal.parquet")
    code, _, err = told(capsys, "verify", str(folder))
    assert code == 4
    assert "digest" in err


def microseconds(text: str) -> int:
    sign, h, m, s, part = re.fullmatch(r"(-?)(\d+):(\d\d):(\d\d)\.(\d{6})", text).groups()  # type: ignore[union-attr]
    return int(f"{sign}1") * ((int(h) * 60 + int(m)) * 60 + int(s)) * 1_000_000 + int(
        f"{sign}1"
    ) * int(part)


def ledgers(out: str) -> list[tuple[int, list[int], int]]:
    """Of each ledger shown: (its number, its lines, the sum that it states)."""
    found = []
    for block in out.strip().split("\n\n"):
        title, *lines = block.splitlines()
        numbers = [
            microseconds(m[0])
            for line in lines
            if (m := re.match(r" *(-?\d+:\d\d:\d\d\.\d{6})  ", line)) and (m := [m[1]])
        ]
        found.append((microseconds(title.rsplit(": ", 1)[1]), numbers[:-1], numbers[-1]))
    return found


@pytest.mark.parametrize("what", [
    ["--failover", "1"], ["--at", "33 min"], ["--at", "Mon 01:00"], ["--at", "4000 s"], ["--at", "2026-01-05T00:59:59.5"],
    ["--at", "2026-01-05T01:30:00+01:00"], ["--alert", "1"], ["--failover", "1", "--database", "crm"],
])  # fmt: skip
def test_explain_gives_lines_that_add_up(
    results: Path, capsys: pytest.CaptureFixture[str], what: list[str]
) -> None:
    code, out, err = told(capsys, "explain", str(results), *what)
    assert (code, err) == (0, "")
    found = ledgers(out)
    # of a failover: data loss, outage, and the time unprotected after it
    assert len(found) == {"--alert": 1, "--failover": 3}.get(what[0], 2)
    for total, lines, stated in found:
        assert lines
        assert sum(lines) == total == stated
        assert all(us > 0 for us in lines)


def test_explain_explains_the_numbers_of_the_summary(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = json.loads((results / "summary.json").read_text())
    loss, outage, unprotected = ledgers(told(capsys, "explain", str(results), "--failover", "1")[1])
    assert loss[0] == summary["failovers"][0]["data_loss_us"]
    assert unprotected[0] == summary["failovers"][0]["unprotected_us"]
    assert (
        outage[0]
        == summary["failovers"][0]["outage_us"]
        == sum(summary["failovers"][0]["phases_us"].values())
    )


@pytest.mark.parametrize("what", [
    ["--failover", "2"], ["--failover", "0"], ["--alert", "99"], ["--at", "soon"], ["--at", "99 days"],
    ["--at", "2020-01-01"], ["--failover", "1", "--database", "hr"], ["--failover", "1", "--at", "1 h"],
])  # fmt: skip
def test_2_explain_what_there_is_not(
    results: Path, capsys: pytest.CaptureFixture[str], what: list[str]
) -> None:
    code, out, err = told(capsys, "explain", str(results), *what)
    assert (code, out) == (2, "")
    assert err


def locked(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As for a user who may not look into what is called so: the tests' own may look anywhere if
    they are root's.
    """
    stat = os.stat

    def refused(path: Any, *a: Any, **how: Any) -> os.stat_result:
        if name in str(path):
            raise PermissionError(13, "Permission denied", path)
        return stat(path, *a, **how)

    monkeypatch.setattr(os, "stat", refused)


def test_2_results_that_nobody_may_look_into(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked(monkeypatch, "results")
    assert told(capsys, "run", "short.yaml") == (
        2, "", "results/short: cannot be written (Permission denied); name another folder with "
            "--out\n",
    )  # fmt: skip


def test_2_an_empty_folder_in_one_that_may_not_be_written(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told before anything is simulated: the results are moved into their place, and nothing may be
    moved there.
    """
    (here / "locked" / "r").mkdir(parents=True)
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "locked" not in str(path) and access(path, mode)
    )
    monkeypatch.setattr("dr_sim.runs.run.run", lambda *a: pytest.fail("it was simulated first"))
    code, _, err = told(capsys, "run", "short.yaml", "--out", "locked/r")
    assert (code, err) == (
        2,
        f"locked/r: cannot be written (nothing may be put into {here / 'locked'}); name "
        "another folder with --out\n",
    )


def test_2_a_file_is_no_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "verify", "short.yaml") == (
        2, "", "short.yaml: holds no manifest.json; name the folder of a run, as `dr-sim run` "
            "printed it\n",
    )  # fmt: skip


def test_2_a_folder_of_runs_is_no_run_and_the_newest_in_it_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("a", "b"):
        assert told(capsys, "run", "short.yaml", "--no-report", "--out", f"runs/{run}")[0] == 0
    os.utime(here / "runs/b/manifest.json", ns=(1, 1))
    code, _, err = told(capsys, "explain", "runs")
    assert code == 2
    assert err == (
        "runs: holds no manifest.json; name the folder of a run, as `dr-sim run` printed it; "
        f"the newest run there is {Path('runs/a')}\n"
    )


# ---- results that cannot be read
def nothing_there(folder: Path) -> None:
    shutil.rmtree(folder)


def empty_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("")


def manifest_of_something_else(folder: Path) -> None:
    (folder / "manifest.json").write_text("[1, 2]")


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def no_journal(folder: Path) -> None:
    (folder / "journal.parquet").unlink()


def half_a_journal(folder: Path) -> None:
    data = (folder / "journal.parquet").read_bytes()
    (folder / "journal.parquet").write_bytes(data[: len(data) // 2])


def flipped_journal(folder: Path) -> None:
    data = bytearray((folder / "journal.parquet").read_bytes())
    data[len(data) // 3 : len(data) // 3 + 64] = bytes(
        b ^ 0xFF for b in data[len(data) // 3 : len(data) // 3 + 64]
    )
    (folder / "journal.parquet").write_bytes(bytes(data))


def no_scenario(folder: Path) -> None:
    (folder / "scenario.yaml").unlink()


def another_scenario(folder: Path) -> None:
    (folder / "scenario.yaml").write_text("run_for: nonsense\n")


@pytest.mark.parametrize("command", [["verify"], ["explain", "--failover", "1"]])
@pytest.mark.parametrize("damage", [
    nothing_there, empty_manifest, manifest_of_something_else, no_manifest, no_journal, half_a_journal, flipped_journal,
    no_scenario, another_scenario,
])  # fmt: skip
def test_2_results_that_cannot_be_read(
    results: Path,
    here: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    command: list[str],
) -> None:
    folder = copied(results, here)
    damage(folder)
    code, out, err = told(capsys, *command, str(folder))
    assert code == 2 or (damage is flipped_journal and code == 4)
    assert out == ""
    assert "copy" in err


# ---- the others
def test_validate_says_every_mistake_of_every_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "validate", "short.yaml")[:2] == (0, "1 scenario: no mistakes\n")
    assert told(capsys, "validate", "short.yaml", "short.yaml")[1] == "2 scenarios: no mistakes\n"
    (here / "wrong.yaml").write_text("run_for: 3 parsecs\nlink: {bandwidth: 1 Mbit/s, los: 1 %}\n")
    code, out, err = told(capsys, "validate", "wrong.yaml", "short.yaml", "gone.yaml")
    assert (code, out) == (2, "")
    places = [line.split(": ")[0] for line in err.splitlines()]
    assert "wrong.yaml:1:10" in places and any(p.startswith("wrong.yaml:2:") for p in places)
    assert any(p.startswith("gone.yaml") for p in places)


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "schema")
    assert code == 0
    assert "databases" in json.loads(out)["properties"]


def test_faults_lists_every_kind_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "faults")
    assert code == 0
    for kind in KINDS:
        assert f"\n{kind.name}\n" in f"\n{out}"
        told_words = " ".join(out.split())
        assert (
            " ".join(f"{kind.name} models {kind.models} source {kind.source}".split()) in told_words
        )


@pytest.mark.parametrize(
    ("argv", "code"),
    [([], 2), (["fly"], 2), (["run"], 2), (["--version"], 0), (["run", "--help"], 0)],
)
def test_usage(capsys: pytest.CaptureFixture[str], argv: list[str], code: int) -> None:
    found, out, err = told(capsys, *argv)
    assert found == code
    assert out if code == 0 else err.startswith("usage: dr-sim")


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "--help")[1]
    assert all(f"{n} " in out for n in (0, 1, 2, 3, 4, 130))


# ---- as a process
def test_python_dash_m(here: Path) -> None:
    done = process("run", "short.yaml", "--set", "sla.data_loss=at most 10 s", cwd=here)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("FAIL")
    assert "\x1b" not in done.stdout  # no colours into a pipe


def test_a_reader_that_goes_away_is_no_mistake(here: Path) -> None:
    """| head -1: of much output and of little, and the verdict stands."""
    for argv, code in (
        (["schema"], 0),
        (["faults"], 0),
        (["run", "short.yaml", "--set", "sla.outage=at most 1 s"], 1),
    ):
        reading, writing = os.pipe()
        os.close(reading)  # nobody reads at all
        with os.fdopen(writing, "w") as out:
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                [sys.executable, "-m", "dr_sim", *argv],
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                cwd=here,
                env=env,
                check=False,
            )
        assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
@pytest.mark.parametrize(
    "argv",
    [["schema"], ["validate", "short.yaml"], ["run", "short.yaml", "--json"]],
    ids=lambda argv: argv[0],
)
def test_2_what_cannot_be_printed_is_one_line(here: Path, argv: list[str]) -> None:
    with open("/dev/full", "w") as full:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "dr_sim", *argv],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=here,
            env=env,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        2,
        "standard output: cannot be written (No space left on device)\n",
    )


def test_no_standard_output_at_all_is_no_mistake(here: Path) -> None:
    """dr-sim ... >&- 2>&-: the exit code is all that is asked for."""
    command = f'"{sys.executable}" -m dr_sim validate "$0" >&- 2>&-'
    for name, code in (("short.yaml", 0), ("nope.yaml", 2)):
        assert (
            subprocess.run(
                ["sh", "-c", command, name],
                cwd=here,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                check=False,
            ).returncode
            == code
        )


def test_a_home_that_cannot_be_written_is_nothing_to_tell(here: Path) -> None:
    (here / "home").write_text("no folder")
    env = {
        "HOME": str(here / "home"),
        "XDG_CONFIG_HOME": "",
        "XDG_CACHE_HOME": "",
        "MPLCONFIGDIR": "",
    }
    done = process("run", "short.yaml", cwd=here, env=env)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("term", "terminal", "codes"),
    [("xterm", True, True), ("dumb", True, False), ("xterm", False, False)],
)
def test_colours_are_for_terminals_that_know_them(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    term: str,
    terminal: bool,
    codes: bool,
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert ("\x1b" in told(capsys, "run", "short.yaml")[1]) is codes


def test_a_terminal_that_lacks_letters_shows_the_rest(here: Path) -> None:
    (here / "named.yaml").write_text(SCENARIO.replace("crm:", "Bücher 数:"), encoding="utf-8")
    done = process(
        "run", "named.yaml", cwd=here, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PASS  named.yaml")


def test_at_takes_what_events_take_in_the_scenarios_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "z.yaml").write_text(SCENARIO + "time_zone: Europe/Berlin\n", encoding="utf-8")
    told(capsys, "run", "z.yaml", "--out", "z")
    ways = ["Mon 00:33", "day 1 00:33", "33 min", "2026-01-05 00:33", "2026-01-04T23:33:00Z"]
    assert len({told(capsys, "explain", "z", "--at", way)[1] for way in ways}) == 1
    code, _, err = told(capsys, "explain", "z", "--at", "Mon 25:00")
    assert (code, err.count("\n")) == (2, 1) and "a time of day" in err


def test_alerts_are_listed_by_the_numbers_that_alert_takes(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, "explain", str(results), "--alerts", "--all")
    lines = out.splitlines()
    assert code == 0 and len(lines) > 1
    for n, line in enumerate(lines, 1):
        number, rest = line.split(maxsplit=1)
        assert int(number) == n and re.match(
            r"Mon \d\d:\d\d:\d\d  event +\d+  (error|critical|warning) ", rest
        )
    assert (
        lines[0].partition("error")[2].strip()
        in told(capsys, "explain", str(results), "--alert", "1")[1]
    )


def test_a_star_in_set_is_every_database(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = SCENARIO.replace("databases: {crm:", "databases: {other: {size: 3 GB}, crm:")
    (here / "two.yaml").write_text(two, encoding="utf-8")
    assert told(capsys, "run", "two.yaml", "--set", "databases.*.size=2 GB", "--out", "two")[0] == 0
    text = (here / "two/scenario.yaml").read_text()
    assert text.count("size: 2 GB") == 2 and "*" not in text
    code, _, err = told(capsys, "run", "short.yaml", "--set", "sla.*.x.*=1")
    assert (code, err.count("\n") >= 1, "Traceback" in err) == (2, True, False)
