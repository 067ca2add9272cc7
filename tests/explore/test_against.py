"""Exploration compares the code at hand with other code: a git ref, or a folder."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dr_sim.cli import explore as cli
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.explore import search
from dr_sim.explore.against import asking, code, difference
from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.code import OtherCode, changed_files, other_code, parts_of
from dr_sim.explore.against.measures import MEASURES, NEVER, Key, Value, measured, shown, value_of
from dr_sim.explore.case import DIFFERS, WORSE, Sign, Tree, load, read_tree, stops_of, yaml_text
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.whole import Whole
from dr_sim.world.play import play
from tests.mutants.planting import Edit, Mutant, planted

ROOT = Path(__file__).parents[2]
LOST: Tree = {
    "run_for": "3 h",
    "databases": {
        "crm": {"size": "200 MB", "full": "none", "incremental": "none"},
        "web": {"size": "200 MB", "full": "none", "incremental": "none"},
    },
    "link": {"bandwidth": "100 Mbit/s"},
    "failover": {"mode": "automatic"},
    "replay": {"attempts": "2"},
    "events": [
        {"at": "40 min", "link_outage": "4 min"},
        {"at": "62 min", "lose": "host"},
        {"at": "50 min", "manager_crash": {"before": "Save", "nth": "2"}},
        {"at": "30 min", "slow_restore": {"by": "2", "duration": "5 min"}},
    ],
}
LATE = Mutant(
    "acts_late",
    "R14",
    "a silent primary is acted upon three minutes late",
    (
        Edit(
            "world/manager_config.py",
            "        silent_for_us=f.silent_for_us,\n",
            "        silent_for_us=f.silent_for_us + 180_000_000,\n",
        ),
    ),
)


# ---- the measures of two runs
def _signs(here: dict[Key, Value], there: dict[Key, Value]) -> dict[Sign, str]:
    found = difference._compared(here, there, "HEAD")
    return {sign: apart.sentence for sign, apart in found.items()}


@pytest.mark.parametrize(
    ("what", "here", "there"),
    [
        ("data loss", 250_000_000, 10_000_000),
        ("outage", NEVER, 10_000_000),
        ("fewest ways back", 1, 2),
        ("alerts missed", 1, 0),
        ("bytes sent", 2_000_000, 1_000_000),
        ("end of an upgrade", NEVER, 3_600_000_000),
    ],
)
def test_a_measure_is_worse_one_way_and_differs_the_other_way(
    what: str, here: Value, there: Value
) -> None:
    key = (what, "crm")
    assert list(_signs({key: here}, {key: there})) == [Sign(WORSE, what)]
    assert list(_signs({key: there}, {key: here})) == [Sign(DIFFERS, what)]


def test_a_sentence_names_the_measure_and_both_values() -> None:
    key = ("data loss", "crm")
    told = _signs({key: 250_000_000}, {key: 10_000_000})
    assert list(told.values()) == ["data loss, crm: 4:10; with HEAD: 0:10"]
    told = _signs({key: 10_000_003}, {key: 10_000_000})
    assert list(told.values()) == [
        "data loss, crm: 0:10 (10,000,003 us); with HEAD: 0:10 (10,000,000 us)"
    ]


def test_a_microsecond_is_not_worse() -> None:
    key = ("outage", "")
    assert list(_signs({key: 10_000_001}, {key: 10_000_000})) == [Sign(DIFFERS, "outage")]
    assert list(_signs({key: 11_000_000}, {key: 10_000_000})) == [Sign(WORSE, "outage")]


def test_more_effort_is_not_worse_where_less_is_lost() -> None:
    here: dict[Key, Value] = {("data loss", "crm"): 0, ("bytes sent", ""): 9_000_000}
    there: dict[Key, Value] = {("data loss", "crm"): 60_000_000, ("bytes sent", ""): 1_000_000}
    assert list(_signs(here, there)) == [Sign(DIFFERS, "data loss")]


def test_an_alert_that_does_not_come_is_worse_only_if_nothing_is_better() -> None:
    alert = ("first alert", "event 3 of crm (error)")
    assert list(_signs({}, {alert: 600_000_000})) == [Sign(WORSE, "first alert")]
    better = ("highest exposure", "crm")
    here: dict[Key, Value] = {better: 300_000_000}
    there: dict[Key, Value] = {better: 900_000_000, alert: 600_000_000}
    assert list(_signs(here, there)) == [Sign(DIFFERS, "highest exposure")]


def test_of_texts_the_first_line_that_differs_is_shown() -> None:
    key = ("text of alerts", "")
    (told,) = _signs({key: "a\nb\nd"}, {key: "a\nc\nd"}).values()
    assert told == "text of alerts: b; with HEAD: c"


def test_runs_with_the_same_measures_differ_in_their_record() -> None:
    key = ("outage", "")
    assert list(_signs({key: 5}, {key: 5})) == [difference.RECORD]


@pytest.mark.parametrize("path", ["faults/missing_file.yaml", "cloud/upgrade_night.yaml"])
def test_each_measure_of_a_run_is_known_and_can_be_shown(path: str) -> None:
    scenario = load(read_tree(ROOT / "scenarios" / path))
    assert scenario is not None
    summary = summarise(Whole.of(play(scenario), scenario))
    values = measured(summary_json(summary))
    assert {what for what, _ in values} <= set(MEASURES)
    for (what, of), value in values.items():
        assert shown(MEASURES[what], value)
        assert value_of(summary, what, of) == value


# ---- which code
def _git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A checkout with a package in a folder of it, committed twice."""
    package = tmp_path / "top" / "below" / "dr_sim"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("first = 1\n")
    _git(tmp_path / "top", "init", "-q", "-b", "main")
    _git(tmp_path / "top", "add", ".")
    _git(tmp_path / "top", "commit", "-qm", "first")
    (package / "__init__.py").write_text("second = 2\n")
    _git(tmp_path / "top", "commit", "-qam", "second")
    return package


def test_the_package_of_a_ref_is_written_beside_and_goes_afterwards(package: Path) -> None:
    with other_code("HEAD~1", [package]) as code:
        text = Path(code.folders[0], "dr_sim", "__init__.py").read_text()
        assert text == "first = 1\n"
        assert code.name.startswith("HEAD~1 (")
    assert not Path(code.folders[0]).exists()
    with other_code("main", [package]) as code:
        assert Path(code.folders[0], "dr_sim", "__init__.py").read_text() == "second = 2\n"


def test_a_folder_with_the_package_or_the_package_itself(package: Path) -> None:
    for named in (package, package.parent):
        with other_code(str(named)) as code:
            assert Path(code.folders[0]) == package.parent.resolve()


def test_changed_files_are_counted_whether_git_knows_them_or_not(package: Path) -> None:
    assert changed_files([package]) == 0
    (package / "__init__.py").write_text("third = 3\n")
    (package / "new.py").write_text("")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "new.pyc").write_text("")
    (package.parent / "beside.py").write_text("")
    assert changed_files([package]) == 2


def test_a_package_that_git_does_not_know_is_not_compared(package: Path, tmp_path: Path) -> None:
    installed = package.parent / "site-packages" / "dr_sim"
    shutil.copytree(package, installed)
    assert changed_files([installed]) is None
    assert changed_files([tmp_path]) is None
    with pytest.raises(InputError, match="is in no git checkout"), other_code("main", [installed]):
        pass


def test_git_need_not_be_installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "__init__.py").write_text("third = 3\n")
    monkeypatch.setenv("PATH", "")
    assert changed_files([package]) is None
    with pytest.raises(InputError, match="git is not installed"), other_code("HEAD", [package]):
        pass


def test_in_a_hook_git_looks_at_the_package_and_not_at_the_hooks_checkout(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    with other_code("HEAD~1", [package]) as code:
        assert code.version


@pytest.mark.parametrize("named", ["no-such-branch", "origin/main", "HEAD~9", "", "a b"])
def test_a_bad_ref_is_one_line(package: Path, named: str) -> None:
    with (
        pytest.raises(InputError, match="is no folder, and no git ref") as raised,
        other_code(named, [package]),
    ):
        pass
    assert "\n" not in str(raised.value)


def test_a_bad_ref_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["explore", "--runs", "1", "--against", "no/such"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("--against no/such: ") and told.count("\n") == 1
    Path("empty").mkdir()
    assert main(["explore", "--runs", "1", "--against", "empty"]) == 2
    assert "package" in capsys.readouterr().err
    there = ["explore", "--runs", "1", "--against", "empty", "--on", "dask://localhost:1"]
    assert main(there) == 2
    assert "leave out --on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (None, "no case is compared with other code (--against names a folder)"),
        (0, "no Python file differs from HEAD: no case is compared with other code"),
        (1, "1 Python file differs from HEAD: each case is compared with it"),
        (2, "2 Python files differ from HEAD: each case is compared with it"),
    ],
)
def test_what_cases_are_compared_with_is_said(
    changed: int | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(code, "changed_files", lambda parts: changed)
    arguments = argparse.Namespace(against=None, manager="")
    with cli._compared(arguments) as compared_with:
        assert (compared_with is not None) == bool(changed)
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1


def test_logic_of_the_users_own_is_compared_in_its_own_checkout(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = package.parents[1]
    (top / "mine.py").write_text("Mine = 1\n")
    _git(top, "add", "mine.py")
    _git(top, "commit", "-qm", "third")
    monkeypatch.chdir(top)
    monkeypatch.syspath_prepend(str(top))
    parts = parts_of("mine:Mine")
    assert parts == ((top / "mine.py").resolve(), ROOT / "dr_sim")
    assert changed_files(parts[:1]) == 0
    (top / "mine.py").write_text("Mine = 2\n")
    assert changed_files(parts[:1]) == 1
    with other_code("HEAD", parts) as code:
        (folder,) = code.folders
        assert Path(folder, "mine.py").read_text() == "Mine = 1\n"
        assert not Path(folder, "dr_sim").exists()
    with other_code(str(top), parts) as code:
        assert code.folders == (str(top.resolve()),)


# ---- the other side, with a package that stands for the other code
_STANDS_FOR: dict[str, str] = {
    "__init__.py": "",
    "errors.py": "class InputError(Exception): pass\n",
    "loading.py": (
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Scenario:\n"
        "    tree: object\n"
        "    steps: bool = False\n"
        "def load_scenario(tree, **_):\n"
        "    if tree['do'] == 'refuse':\n"
        "        from dr_sim.errors import InputError\n"
        "        raise InputError('no such key')\n"
        "    return Scenario(tree)\n"
    ),
    "world/__init__.py": "",
    "world/own_logic.py": "def look_here_too(): pass\nwith_manager = None\n",
    "world/world.py": "def Stops(*_): pass\n",
    "world/play.py": (
        "import os\n"
        "class Journal(list):\n"
        "    def digest(self): return 'abc'\n"
        "def play(scenario, stops):\n"
        "    print('a print must not get in between')\n"
        "    do = scenario.tree['do']\n"
        "    if do == 'die': os._exit(3)\n"
        "    if do == 'raise': raise KeyError('erp')\n"
        "    while do == 'loop': pass\n"
        "    return Journal([1, 2])\n"
    ),
}


@pytest.fixture
def side(tmp_path: Path) -> Iterator[OtherSide]:
    for name, text in _STANDS_FOR.items():
        path = tmp_path / "dr_sim" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    other = OtherSide(OtherCode("there", (str(tmp_path),), ""))
    yield other
    other.close()


def _played(side: OtherSide, do: str) -> asking.Played:
    side.begin({"do": do}, [])
    return side.played()


def test_the_other_side_survives_what_the_other_code_does(
    side: OtherSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _played(side, "play") == asking.Played("abc", 2)
    assert _played(side, "refuse").refused == "no such key"
    assert _played(side, "raise").wrong == "the run raises KeyError: 'erp'"
    assert _played(side, "die").wrong == "the process ended in the middle of the run"
    assert _played(side, "play") == asking.Played("abc", 2)
    monkeypatch.setattr(asking, "_LEAST_S", 1.0)
    assert _played(side, "loop").wrong == "the run has not ended after 1 s"
    monkeypatch.setattr(asking, "_LEAST_S", 60.0)
    side.begin({"do": "die"}, [])  # nobody asks what became of it
    assert _played(side, "play") == asking.Played("abc", 2)


def test_code_that_cannot_be_imported_is_one_line(side: OtherSide, tmp_path: Path) -> None:
    (tmp_path / "dr_sim" / "__init__.py").write_text("import no_such_thing\n")
    with pytest.raises(InputError, match="cannot be run beside this one") as raised:
        side.begin({"do": "play"}, [])
    assert "no_such_thing" in str(raised.value)


def test_the_other_side_ends_with_its_parent_in_the_middle_of_a_run(side: OtherSide) -> None:
    side.begin({"do": "loop"}, [])
    process = side._process
    assert process is not None and process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0


# ---- a whole comparison
def test_the_same_code_makes_the_same_of_a_case() -> None:
    scenario = load(LOST)
    assert scenario is not None
    other = OtherSide(OtherCode("the same", (str(ROOT),), ""))
    try:
        other.begin(LOST, stops_of(scenario))
        journal = play(scenario)
        assert difference.differences(other, journal, Whole.of(journal, scenario)) == {}
        assert difference.first_row_apart(other, journal) == ""
    finally:
        other.close()


def _run(code: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    env = {**os.environ, "PYTHONPATH": str(code)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_a_change_for_the_worse_is_cut_down_to_its_event_and_kept_as_a_test(
    tmp_path: Path,
) -> None:
    planted(LATE, tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml_text(LOST), encoding="utf-8")
    shrink = ("dr_sim.cli.main", "shrink", "mine.yaml", "--out", "small", "--runs", "60")
    done = _run(tmp_path, *shrink, "--against", str(ROOT), cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith("R14: ")  # what a monitor says comes first
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("worse: ")]
    late, before = (each.rpartition(" ")[2].split(":") for each in told.split("; "))
    assert told.startswith("worse: outage: ")
    assert int(late[0]) - int(before[0]) == 3 and late[1] == before[1]
    small = tmp_path / "small" / "worse_outage.yaml"
    assert [set(each) for each in read_tree(small)["events"]] == [{"at", "lose"}]
    text = small.read_text(encoding="utf-8")
    assert "# The first row that differs is row" in text
    assert "#   here: at " in text and f"#   with {ROOT}: at " in text
    test = str(tmp_path / "small" / "test_worse_outage.py")
    quiet = ("pytest", "-q", "-p", "no:cacheprovider", test)
    assert _run(tmp_path, *quiet, cwd=small.parent).returncode == 1
    assert _run(ROOT, *quiet, cwd=small.parent).returncode == 0


def test_what_was_found_is_looked_at_again_when_the_code_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = search.Found(Sign("R9", "silence"), "silence", 3, LOST)
    two = search.Found(Sign("R14", "late"), "late", 4, LOST)
    monkeypatch.setattr(search, "shows_sign", lambda manager, other, tree, sign: sign == two.sign)
    state = search.Exploration(1, found=[one, two], code="a", differs=3)
    assert state.take_code("a", "", None) == []
    assert state.found == [one, two] and state.differs == 3
    assert state.take_code("b", "", None) == [one]
    assert state.found == [two] and state.code == "b" and state.differs == 0
