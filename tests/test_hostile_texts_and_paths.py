"""Texts that act, and paths that lead elsewhere: refused when they are read, harmless when they are
shown.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from filelock import FileLock

from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.files.making import PREFIX, making, move_to_free_number, replace_folder, tidy
from dr_sim.files.output import check_place, printable, write_whole
from dr_sim.loading import load_scenario, validate

BASE = "run_for: 1 h\ndatabases: {crm: {size: 1 GB}}\nlink: {bandwidth: 200 Mbit/s}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str, name: str = "s.yaml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


# ---- texts
@pytest.mark.parametrize(
    "char", ["\\x1b", "\\n", "\\r", "\\x07", "\\u2028", "\\u202e", "\\ufffe", "\\x85"]
)
@pytest.mark.parametrize(
    "line",
    ['name: "a{}b"', 'sla: {{outage: at most 3 min, id: "a{}b"}}', 'sla: [{{outage: at most 3 min, id: "a{}b"}}]',
     'failover: {{operators: ["a{}b"]}}', 'machines: ["a{}b"]', '"a{}b": 1', 'start: "a{}b"'],
)  # fmt: skip
def test_characters_that_act_are_refused_with_their_place(here: Path, char: str, line: str) -> None:
    name = written(BASE + line.format(char) + "\n")
    problems = validate(name)
    assert problems and problems[0].line == 4
    assert "\n" not in str(problems[0]) and str(problems[0]).isprintable()


def test_a_description_may_have_lines(here: Path) -> None:
    assert not validate(written(BASE + "description: |\n  one\n  two\n"))


def test_a_merge_key_is_named(here: Path) -> None:
    problems = validate(
        written(
            BASE.replace("databases:", "x: &x {size: 1 GB}\ndatabases:") + "machines: {<<: *x}\n"
        )
    )
    assert any("merge key" in p.message and "extends" in p.message for p in problems)


def test_dollar_signs_are_no_mathematics(here: Path) -> None:
    hostile = "a$\\frac{$b"
    text = (
        BASE.replace("crm", f"'{hostile}'")
        + "events: [{at: 30 min, lose: site}]\nfailover: {mode: automatic}\n"
    )
    assert main(["run", written(text), "--out", "out"]) == 0
    for picture in ("timeline.svg", "exposure.svg"):
        Xml.parse(here / "out" / picture)


def test_what_is_printed_does_not_act() -> None:
    assert printable("a\x1b[2Jb\r\x07") == "a\\x1b[2Jb\\r\\x07"
    assert printable("\x1b[1mPASS\x1b[0m\n\tcafé 日本") == "\x1b[1mPASS\x1b[0m\n\tcafé 日本"


# ---- paths that are read
@pytest.fixture
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("elsewhere") / "secret"
    path.write_text("root:hash:1\n")
    return path


def test_extends_does_not_lead_out_of_the_folder(here: Path, secret: Path) -> None:
    (here / "link.yaml").symlink_to(secret)
    for target in (str(secret), os.path.relpath(secret), "link.yaml"):
        (problem,) = validate(written(f"extends: {target}\n" + BASE))
        assert "lies outside" in str(problem) and "--allow-outside" in str(problem)
        assert "hash" not in str(problem)


def test_a_scenario_that_is_a_link_does_not_lead_out_either(
    here: Path, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.yaml").symlink_to(secret)
    assert main(["run", "s.yaml"]) == 2
    assert "hash" not in capsys.readouterr().err


def test_outside_is_read_where_it_is_allowed(here: Path, secret: Path) -> None:
    secret.write_text(BASE)
    name = written(f"extends: {secret}\n")
    with pytest.raises(InputError):
        load_scenario(name)
    assert load_scenario(name, allow_outside=True).databases
    assert main(["validate", name, "--allow-outside"]) == 0
    assert main(["validate", name]) == 2


def test_a_checkout_is_one_tree_from_wherever_it_is_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".git", "a", "b"):
        Path(name).mkdir()
    written(BASE, "a/base.yaml")
    name = str(Path(written("extends: ../a/base.yaml\n", "b/s.yaml")).absolute())
    monkeypatch.chdir("a")
    assert load_scenario(name).databases


@pytest.mark.parametrize("key", ["log_volume", "recorded"])
def test_series_do_not_lead_out(here: Path, secret: Path, key: str) -> None:
    text = BASE + f"recorded: {{restores: {{file: {secret}, at: '1'}}}}\n"
    if key == "log_volume":
        text = BASE.replace("1 GB", f"1 GB, log_volume: {{series: {secret}}}")
    problems = validate(written(text))
    assert problems and "lies outside" in str(problems[0]) and "hash" not in str(problems[0])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_devices_and_pipes_are_no_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe.yaml")
    for name in ("pipe.yaml", "/dev/zero", "/dev/stdin"):
        assert main(["run", name, "--allow-outside"]) == 2
        assert "no regular file" in capsys.readouterr().err
    assert main(["import", "sqlserver", "pipe.yaml", "-o", "m.yaml"]) == 2
    assert main(["check", "."]) == 2  # it holds no scenario


# ---- paths that are written
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_not_replaced(here: Path) -> None:
    os.mkfifo("pipe")
    for place in ("pipe", "/dev/full"):
        with pytest.raises(InputError, match="no regular file"):
            check_place(Path(place))


def test_a_link_is_followed_and_stays(here: Path) -> None:
    Path("real").mkdir()
    Path("link.xml").symlink_to("real/file.xml")
    write_whole(Path("link.xml"), "text")
    assert Path("link.xml").is_symlink() and Path("real/file.xml").read_text() == "text"


@pytest.mark.skipif(os.name == "nt", reason="/dev/stdout is not of Windows")
def test_streams_are_written_through(here: Path) -> None:
    words = (
        "from pathlib import Path; from dr_sim.files.output import write_together; "
        "write_together({Path('/dev/stdout'): 'said'})"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "said"
    write_whole(Path("/dev/null"), "nothing")
    assert not Path("/dev/null").is_file()


def test_results_do_not_replace_a_link_nor_the_folder_one_is_in(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = written(BASE)
    Path("target").mkdir()
    Path("link").symlink_to("target")
    for out, why in (
        ("link", "is a link"),
        (".", "is the folder that you are in"),
        ("..", "one above it"),
    ):
        assert main(["run", name, "--out", out]) == 2
        assert why in capsys.readouterr().err
    assert Path("link").is_symlink()


# ---- side by side, and after a kill
def test_runs_side_by_side_get_a_number_each(here: Path) -> None:
    def one() -> None:
        with making(here) as new:
            (new / "manifest.json").write_text("{}")
            barrier.wait(30)
            places.append(move_to_free_number(new, here))

    barrier, places = threading.Barrier(6), list[Path]()
    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(p.name for p in places) == list("123456")
    assert sorted(p.name for p in here.iterdir()) == list("123456")


def test_a_folder_whose_lock_is_not_held_yet_is_left_alone(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock file is made by one step and locked by the next; another run may look between."""

    class Slow(FileLock):
        def acquire(self, *args: Any, **kwargs: Any) -> Any:
            Path(self.lock_file).touch()
            monkeypatch.setattr("dr_sim.files.held.FileLock", FileLock)
            tidy(here)
            assert Path(self.lock_file).exists()
            return super().acquire(*args, **kwargs)

    monkeypatch.setattr("dr_sim.files.held.FileLock", Slow)
    with making(here) as new:
        (new / "file").write_text("new")
        replace_folder(new, here / "run")
    assert (here / "run" / "file").read_text() == "new"


KILLED = """
import os, sys
from pathlib import Path
from dr_sim.files.making import making, replace_folder
place = Path(sys.argv[1])
with making(place.parent) as new:
    (new / "file").write_text("new")
    if sys.argv[2] == "between":
        plain = Path.rename
        def rename(self, target):
            if self.name == "new":
                os.kill(os.getpid(), 9)
            return plain(self, target)
        Path.rename = rename
        replace_folder(new, place)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
@pytest.mark.parametrize("when", ["before", "between"])
def test_what_a_killed_process_leaves_is_tidied_by_the_next(here: Path, when: str) -> None:
    place = here / "run"
    place.mkdir()
    (place / "file").write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, str(place), when], check=False)
    assert any(p.name.startswith(PREFIX) for p in here.iterdir())
    tidy(here)
    assert (place / "file").read_text() == "old"
    assert [p.name for p in here.iterdir()] == ["run"]


def test_what_a_living_process_is_making_is_left_alone(here: Path) -> None:
    with making(here) as new:
        (new / "file").touch()
        tidy(here)
        assert (new / "file").exists()
        replace_folder(new, here / "run")
    assert [p.name for p in here.iterdir()] == ["run"]


def test_one_scenario_runs_after_a_killed_run_of_another(here: Path) -> None:
    left = here / "results/other/.making-1"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "held").touch()
    (left / "new").mkdir()
    assert main(["run", written(BASE)]) == 0
    assert not left.exists()


# ---- systems that lack things of Linux
def test_commands_work_without_what_windows_lacks(here: Path) -> None:
    """fcntl, pwd, resource, termios and some signals do not exist on Windows."""
    words = """
import sys
for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules[name] = None
import os, signal
for name in ("SIGALRM", "setitimer", "ITIMER_REAL", "SIGQUIT", "SIGKILL", "SIGHUP"):
    if hasattr(signal, name):
        delattr(signal, name)
for name in ("mkfifo", "getuid", "geteuid", "fork", "O_NONBLOCK"):
    if hasattr(os, name):
        delattr(os, name)
from dr_sim.cli.main import main
import dr_sim.experiments.replications.worker, dr_sim.stores, dr_sim.pytest_plugin
from dr_sim.stores.file import FileStore
assert main(["run", "s.yaml", "--out", "out"]) == 0
assert main(["verify", "out"]) == 0
assert main(["validate", "s.yaml"]) == 0
"""
    written(BASE)
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
