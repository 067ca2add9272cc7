"""What makes the command line easy: sums first, headlines, the true error first, no page unless
asked for.
"""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dr_sim.cli.help import next_step
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.experiments.replications import executor, store
from dr_sim.experiments.replications.sample import Sample
from dr_sim.files.output import argument, json_rows
from dr_sim.formatting.layout import table_lines
from dr_sim.loading import load_scenario
from dr_sim.record import journal_file
from dr_sim.screen import progress
from dr_sim.screen.progress import part_of, progress_bar
from tests.at_length import some_or_all

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
    # it is a run as any other: it can be explained and written over
    out_of(capsys, "explain", "bare", "--at", "2 h")
    told = out_of(capsys, "run", "short.yaml", "--out", "bare")
    assert (here / "bare/timeline.svg").exists() and "report.html" in told
    # a file of the user's own is not lost with the run before, and the error names it
    (here / "bare/mine.txt").write_text("notes")
    assert main(["run", "short.yaml", "--out", "bare"]) == 2
    assert (
        "holds 'mine.txt' beside a run, and all of it would be replaced; name another"
        in capsys.readouterr().err
    )
    assert (here / "bare/mine.txt").read_text() == "notes"


@pytest.mark.parametrize("options", [["--no-report"], ["--no-report", "--out", "new/folder/run"]])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
) -> None:
    def full(*_: object) -> None:
        told = "Error writing bytes to file. Detail: [errno 28] No space left on device"
        raise OSError(errno.ENOSPC, told)

    monkeypatch.setattr(journal_file, "save", full)
    assert main(["run", "short.yaml", *options]) == 2
    place = options[-1] if len(options) > 1 else str(Path("results/short"))
    assert capsys.readouterr().err == (
        f"{place}: cannot be written (No space left on device); name another folder with --out\n"
    )
    assert [path.name for path in here.iterdir()] == ["short.yaml"]


def test_a_disk_that_is_full_at_the_first_batch_is_left_as_it_was(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.BatchStore(here / "results/short/x", load_scenario(here / "short.yaml"))
    assert (here / "results/short/x" / store.BATCHES).is_dir()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "write_whole", full)
    one = Sample(0, [], [], 0)
    with pytest.raises(InputError, match="cannot be written"):
        kept.keep([one], b"")
    assert [path.name for path in here.iterdir()] == ["short.yaml"]


def test_alerts_are_summed_unless_all_are_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out_of(capsys, "run", "short.yaml", "--no-report", "--out", "run")
    each = out_of(capsys, "explain", "run", "--alerts", "--all").splitlines()
    sums = out_of(capsys, "explain", "run", "--alerts").splitlines()
    assert len(each) > len(sums) > 1
    assert sums[-1].startswith(f"{len(each)} alerts; ")
    assert sum(int(re.search(r"(\d+) x", line)[1]) for line in sums[:-1]) == len(each)  # type: ignore[index]


def test_explain_alone_begins_with_what_is_asked_first(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first failover; the highest exposure of a run without one."""
    out_of(capsys, "run", "short.yaml", "--no-report", "--out", "calm")
    head, _, ledger = out_of(capsys, "explain", "calm").partition("\n\n")
    found = re.match(r"no failover; the highest exposure, at (Mon 0\d:\d\d:\d\d); --at", head)
    assert found is not None, head
    assert ledger == out_of(capsys, "explain", "calm", "--at", found[1])
    assert ledger.startswith("exposure of crm (site): 1:3")  # 90 min without a backup, and a log
    lost = SCENARIO.replace("paused_backups: {database: crm, duration: 90 min}", "lose: site")
    (here / "lost.yaml").write_text(lost)
    out_of(capsys, "run", "lost.yaml", "--no-report", "--out", "lost")
    head, _, ledger = out_of(capsys, "explain", "lost").partition("\n\n")
    assert head == "failover 1 of 1; --failover, --at, --lag, --alert: others"
    assert ledger == out_of(capsys, "explain", "lost", "--failover", "1")


@pytest.mark.parametrize("command", ["compare", "policies", "validate", "check"])
def test_every_bad_file_is_named_before_anything_runs(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for name in ("one.yaml", "two.yaml"):
        (here / name).write_text(SCENARIO + "nothing: 1\n", encoding="utf-8")
    assert main([command, "one.yaml", "two.yaml"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == ["one.yaml", "two.yaml"]


def test_a_comparison_begins_with_what_differs_and_both_verdicts(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = SCENARIO.replace("90 min", "4 h")
    (here / "worse.yaml").write_text(worse)
    lines = out_of(
        capsys, "compare", "short.yaml", "worse.yaml", "--replications", "3", "-o", "beside"
    ).splitlines()
    assert lines[0].startswith("B is worse: exposure mean by ")
    assert lines[2].startswith("A PASS     short.yaml")
    assert lines[3].startswith("B FAIL     worse.yaml  (exposure.max)")
    page = (here / "beside/report.html").read_text(encoding="utf-8")
    assert "FAIL</span> B is worse: exposure mean by " in page and '">✗ fail ' in page
    assert "A meets its SLA, B misses its SLA.</p>" in page
    table = page.split("Every measure that differs")[1].split("</table>")[0]
    assert table.count('<td class="n" data-value="') == table.count('<td class="n"') > 0
    assert "3 pairs of runs under the same random events" in page
    # the other way round it is better, and the same with itself
    lines = out_of(
        capsys, "compare", "worse.yaml", "short.yaml", "--replications", "3"
    ).splitlines()
    assert lines[0].startswith("B is better: exposure mean by ") and "less on average" in lines[0]
    lines = out_of(
        capsys, "compare", "short.yaml", "short.yaml", "--replications", "1", "-o", "same"
    ).splitlines()
    page = (here / "same/report.html").read_text(encoding="utf-8")
    assert "1 pair of runs under the same random events" in page
    assert lines[0].startswith("A and B do not differ")


def test_a_base_that_cannot_be_read_is_the_first_error(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "base.yaml").write_text("run_for: [\n")
    (here / "child.yaml").write_text("extends: base.yaml\nlink: {rtt: 3}\n")
    assert main(["validate", "child.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("base.yaml:2:1: is not YAML")
    assert lines[1:] == ["child.yaml:2:13: link.rtt: '3' has no unit; write '3 ms'"]


def test_the_bar_goes_on_while_pages_are_drawn() -> None:
    told: list[float] = []
    drawing = part_of(told.append, 0.8, 1.0)
    assert drawing is not None
    for part in (0.0, 0.5, 1.0):
        drawing(part)
    assert told == pytest.approx([0.8, 0.9, 1.0])
    assert part_of(None, 0.8, 1.0) is None


def test_a_log_gets_a_line_now_and_then_instead_of_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job in CI that plays a thousand runs is not silent until its end."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress_bar("nightly") as (tell, _):
        for second in range(100):
            now[0] = float(second)
            tell(second / 99)
    assert capsys.readouterr().err.splitlines() == [
        "nightly: 30 % done after 0:30, about 1:09 more",
        "nightly: 61 % done after 1:00, about 0:39 more",
        "nightly: 91 % done after 1:30, about 0:09 more",
    ]


def test_columns_of_a_table_on_screen_do_not_touch() -> None:
    long = "120 h 04 [100 h 04, 130 h 37]"
    head, wide, short = table_lines(
        [["", "p50", "most"], ["a", long, "4:32"], ["b", "2:47", "9:01"]]
    )
    assert wide.endswith(f" {long}  4:32")
    assert head.index("most") == wide.index("4:32") == short.index("9:01")


def test_a_line_of_json_holds_one_item_of_a_list() -> None:
    alerts = [{"id": 1, "of": ["a", "b"]}, {"id": 2, "of": []}]
    value = {"name": "ü", "none": {}, "two": {"x": [1, 2], "alerts": alerts}, "last": None}
    assert json.loads(json_rows(value)) == value
    assert json_rows(value).splitlines() == [
        "{",
        ' "name": "ü",',
        ' "none": {},',
        ' "two": {',
        '  "x": [1, 2],',
        '  "alerts": [',
        '   {"id": 1, "of": ["a", "b"]},',
        '   {"id": 2, "of": []}',
        "  ]",
        " },",
        ' "last": null',
        "}",
    ]


def test_a_line_of_json_holds_what_is_said_of_one_of_many_databases() -> None:
    each = {"time_us": 1, "above": {"900": {"ppm": 0}}}
    value = {"exposure": {"databases": {"a": each, "b": each}}}
    assert json.loads(json_rows(value)) == value
    assert json_rows(value).splitlines() == [
        "{",
        ' "exposure": {',
        '  "databases": {',
        '   "a": {"time_us": 1, "above": {"900": {"ppm": 0}}},',
        '   "b": {"time_us": 1, "above": {"900": {"ppm": 0}}}',
        "  }",
        " }",
        "}",
    ]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("scenarios/mine-2.yaml", "scenarios/mine-2.yaml"),
        ("Sicherung Müller/mein szenario.yaml", '"Sicherung Müller/mein szenario.yaml"'),
        (r"D:\Backup\mine.yaml", r'"D:\Backup\mine.yaml"'),
        ("for $5.yaml", "'for $5.yaml'"),
    ],
)
def test_a_command_that_people_copy_names_its_file_whole(path: str, shown: str) -> None:
    assert argument(path) == shown
    assert next_step(Path(path)).endswith(f"dr-sim run {shown}")


HEAVY = ("pandas", "matplotlib", "bokeh", "scipy.stats", "distributed", "psycopg", "rich")
OF_A_CLOUD = ("dr_sim.cloud.manager", "dr_sim.world.cloud.service")  # where a scenario has one
NEEDED_BY_RUNS = ("pydantic", "numpy", "simpy", "pyarrow", "ruamel.yaml", "jinja2")


def loaded_by(*argv: str) -> set[str]:
    """The modules that a process of its own has loaded after that command."""
    code = (
        f"import sys; from dr_sim.cli.main import main;main({argv!r}); print(); print(*sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    return set(told.stdout.splitlines()[-1].split())


def test_a_run_loads_nothing_heavy(here: Path) -> None:
    """They take longer to import than a short run takes: what is not needed must not be loaded."""
    loaded = loaded_by("run", "short.yaml", "--out", "all")
    assert not loaded & {*HEAVY, *OF_A_CLOUD}
    assert loaded >= set(NEEDED_BY_RUNS)


def test_what_plays_nothing_loads_nothing_that_plays() -> None:
    """A shell asks for completions while somebody types."""
    loaded = loaded_by("completion", "bash")
    assert "argparse" in loaded
    assert not loaded & {*HEAVY, *NEEDED_BY_RUNS}


# what Windows has not, so that nothing on the way may need it (engines of PostgreSQL apart)
WITHOUT_POSIX = """
import importlib.abc, os, signal, subprocess, sys
class Lacking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "posix_ipc"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Lacking())
for name in ("fork", "getuid", "geteuid", "getgid", "getpgid", "killpg", "setsid", "chown"):
    delattr(os, name)
for name in ("SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGCHLD", "pthread_sigmask", "alarm",
             "setitimer"):
    delattr(signal, name)
"""


@pytest.mark.parametrize(
    "argv",
    some_or_all(
        [
            ["run", "short.yaml", "--out", "run"],
            ["validate", "short.yaml"],
            ["run", "short.yaml", "--replications", "2", "--workers", "2", "--out", "many"],
            ["library", "quickstart"],
            ["new", "mine.yaml", "--template", "postgres"],
            ["keys", "link"],
            ["completion", "powershell"],
        ],
        2,
    ),
    ids=lambda argv: " ".join(argv[:2]),
)
def test_nothing_on_the_way_needs_what_windows_lacks(here: Path, argv: list[str]) -> None:
    code = f"{WITHOUT_POSIX}\nfrom dr_sim.__main__ import run\nsys.argv = ['dr-sim', *{argv}]\n"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(run())"], env=env, capture_output=True, text=True
    )
    assert done.returncode in (0, 3), done.stderr[-2000:]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("several", "workers"), [(True, 4), (False, 1)])
def test_without_pipes_and_timers_one_process_plays_all(
    monkeypatch: pytest.MonkeyPatch, several: bool, workers: int
) -> None:
    """A worker on Windows would end at once: it has no SIGALRM, and its pipes cannot be waited for."""
    monkeypatch.setattr(executor, "SEVERAL_PROCESSES", several)
    opened = executor.open_executor(4)
    assert isinstance(opened, executor.Processes) and opened.workers == workers
    assert several or executor.cores() == 1
    opened.close()


def test_what_is_hidden_is_missed_by_what_needs_it(here: Path) -> None:
    code = f"{WITHOUT_POSIX}\nimport fcntl"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "No module named 'fcntl'" in done.stderr


def test_dir_lists_the_face_and_nothing_else() -> None:
    import dr_sim

    assert dir(dr_sim) == sorted(dr_sim.__all__)
    assert all(hasattr(dr_sim, name) for name in dir(dr_sim))
