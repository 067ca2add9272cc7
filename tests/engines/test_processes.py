"""dr-sim as its users start it, on real servers: as whom it runs, and what is left when it ends in
whatever way.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from dr_sim.engines import scratch
from dr_sim.engines.postgres.home import Home, children
from dr_sim.engines.postgres.notes import LOST
from dr_sim.engines.scratch import PREFIX, began, clear_leftovers, scratch_folder
from dr_sim.files.held import HELD, LOCK

from .conftest import verdict_on_skip

ROOT = Path(__file__).parents[2]
LONG = str(ROOT / "scenarios/real/postgres-week.yaml")
SHORT = str(ROOT / "scenarios/real/tail.yaml")


def start(folder: Path, *argv: str) -> subprocess.Popen[str]:
    """dr-sim with a temporary folder and a state folder of its own."""
    for name in ("tmp", "state"):
        (folder / name).mkdir(exist_ok=True)
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "tmp"),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dr_sim", *argv],
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def servers(folder: Path, at_least: int = 1) -> list[int]:
    """The ids of the servers that the run under way has noted; waits until there are so many."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for note in (folder / "state").rglob("*.json"):
            try:
                said = json.loads(note.read_text())["servers"]
            except (OSError, ValueError):
                continue
            if len(said) >= at_least:
                return [pid for pid, _ in said]
        time.sleep(0.02)
    raise AssertionError("no server was started")


def wait_for_log_of(pid: int, folder: Path) -> None:
    """Wait until a server has written the first line of its log, in which its id stands first."""
    begins = re.compile(rf"^{pid} .*starting PostgreSQL", re.MULTILINE)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for note in (folder / "state").rglob("*.json"):
            try:
                places = json.loads(note.read_text())["folders"]
            except (OSError, ValueError):
                continue
            logs = [log for place in places for log in Path(place).glob("*/log")]
            if any(begins.search(log.read_text()) for log in logs):
                return
        time.sleep(0.02)
    raise AssertionError(f"server {pid} did not write its log")


def left(folder: Path) -> list[str]:
    return sorted(
        str(p.relative_to(folder))
        for name in ("tmp", "state")
        for p in (folder / name).iterdir()
        if name == "tmp"
    ) + [p.name for p in (folder / "state").rglob("*.json")]


@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_interrupted_it_takes_its_servers_along(tmp_path: Path, how: signal.Signals) -> None:
    program = start(tmp_path, "run", LONG, "--out", "out")
    pids = servers(tmp_path, 2)
    program.send_signal(how)
    assert program.wait(60) == 130
    assert [pid for pid in pids if began(pid) is not None] == []
    assert left(tmp_path) == [] and not (tmp_path / "out").exists()


def gone(pids: list[int], within_s: float = 30) -> bool:
    """Return whether all of them have ended, or end within that time."""
    until = time.monotonic() + within_s
    while any(began(pid) is not None for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(began(pid) is not None for pid in pids)


@pytest.mark.long
def test_killed_its_servers_end_with_it(tmp_path: Path) -> None:
    program = start(tmp_path, "run", LONG, "--out", "out")
    pids = servers(tmp_path, 2)
    program.kill()
    program.wait(60)
    assert gone(pids)
    until = time.monotonic() + 30
    while any(tmp_path.glob("tmp/dr-sim-pg-*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(tmp_path.glob("tmp/dr-sim-pg-*"))
    after = start(tmp_path, "run", SHORT, "--out", "after")
    assert after.wait(120) == 0
    assert left(tmp_path) == [] and not (tmp_path / "out").exists()


@pytest.mark.long
def test_killed_together_with_its_watcher_it_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    program = start(tmp_path, "run", LONG, "--out", "out")
    pids = servers(tmp_path, 2)
    (watcher,) = [pid for pid in children(program.pid) if pid not in pids]
    os.kill(watcher, signal.SIGKILL)
    program.kill()
    program.wait(60)
    assert [pid for pid in pids if began(pid) is not None] == pids and len(left(tmp_path)) >= 2
    after = start(tmp_path, "run", SHORT, "--out", "after")
    assert after.wait(120) == 0
    assert gone(pids)
    assert left(tmp_path) == [] and not (tmp_path / "out").exists()


def test_a_program_under_way_is_cleared_away_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    words = (
        "from dr_sim.engines.postgres.home import home; home().run('/bin/sh', '-c', 'sleep "
        "301 & sleep 302')"
    )
    dying = subprocess.Popen([sys.executable, "-c", words], cwd=ROOT)
    pids: list[int] = []
    until = time.monotonic() + 60
    while len(pids) < 3 and time.monotonic() < until:
        time.sleep(0.02)
        for note in tmp_path.rglob("*.json"):
            try:
                program = json.loads(note.read_text())["programs"]
            except ValueError:  # it is being written
                continue
            pids = [program[0][0], *children(program[0][0])] if program else []
    dying.kill()
    dying.wait(60)
    assert len(pids) == 3 and all(began(pid) for pid in pids)
    Home().close()
    assert [pid for pid in pids if began(pid) is not None] == []
    assert list(tmp_path.rglob("*.json")) == []


@pytest.mark.parametrize("which", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_server_that_somebody_else_kills_ends_the_run(tmp_path: Path, which: int) -> None:
    program = start(tmp_path, "run", LONG, "--out", "out")
    pids = servers(tmp_path, 2)
    wait_for_log_of(
        pids[which], tmp_path
    )  # a process that has only just begun has said nothing yet
    os.kill(pids[which], signal.SIGKILL)
    words, told = program.communicate(timeout=60)
    assert (program.returncode, words, told.count("\n")) == (2, "", 1)
    place = tmp_path / "state/dr-sim/postgres" / LOST
    assert (
        f"{('primary', 'standby')[which]} of database crm: the server was ended by signal "
        "9 (Killed)." in told
    )
    assert told.endswith(f" are in {place}\n") and "starting PostgreSQL" in place.read_text()
    assert [pid for pid in pids if began(pid) is not None] == []
    assert left(tmp_path) == [] and not (tmp_path / "out").exists()


def ordinary_python(user: int) -> str | None:
    """A Python of this version that this user may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            told = subprocess.run(
                [candidate, "-c", "import sys"],
                user=user,
                group=user,
                extra_groups=[],
                cwd="/",
                capture_output=True,
            )
        except OSError:
            continue
        if told.returncode == 0:
            return candidate
    return None


@pytest.mark.long
@pytest.mark.for_root
@pytest.mark.skipif(
    os.geteuid() != 0,
    reason="whoever runs this is an ordinary user, and all the other tests are the proof",
)
def test_an_ordinary_user_runs_servers_as_himself(tmp_path: Path) -> None:
    user = 65534
    python = ordinary_python(user)
    if python is None:
        pytest.skip("there is no Python here that an ordinary user may run")
    home = Path("/tmp") / f"dr-sim-user-{os.getpid()}"
    home.mkdir()
    try:
        os.chown(home, user, user)
        subprocess.run(
            ["cp", "-R", str(ROOT / "dr_sim"), str(ROOT / "scenarios"), str(home)], check=True
        )
        subprocess.run(["chmod", "-R", "a+rX", str(home)], check=True)
        packages = next(p for p in sys.path if p.endswith("site-packages"))
        env = {"HOME": str(home), "PYTHONPATH": f"{home}:{packages}", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [python, "-m", "dr_sim", "run", "scenarios/real/tail.yaml", "--out", str(home / "out")],
            user=user,
            group=user,
            extra_groups=[],
            cwd=home,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if (
            "No module named" in done.stderr
            or "Permission denied" in done.stderr.partition("dr_sim")[0]
        ):
            pytest.skip("an ordinary user may not read the packages here")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("PASS  tail.yaml")
        assert [path.stat().st_uid for path in (home / "out").iterdir()] == [user] * len(
            list((home / "out").iterdir())
        )
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


# ---- temporary folders
def test_a_temporary_folder_goes_with_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    dead, held = (tmp_path / f"{PREFIX}{name}" for name in ("dead", "held"))
    for folder in (dead, held):
        folder.mkdir()
        (folder / LOCK).touch()
        (folder / HELD).touch()
    (tmp_path / f"{PREFIX}bare").mkdir()
    elsewhere = FileLock(held / LOCK)  # as a process of another container holds it
    elsewhere.acquire()
    with scratch_folder() as mine:
        assert not dead.exists() and held.exists()
        assert clear_leftovers() == [] and mine.exists()
        with pytest.raises(RuntimeError), scratch_folder() as other:
            raise RuntimeError
        assert not other.exists()
    elsewhere.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}bare", f"{PREFIX}held"]


def test_a_removal_that_is_interrupted_is_made_up_for_at_the_end(tmp_path: Path) -> None:
    words = """
        import shutil, sys
        from dr_sim.engines import scratch
        scratch.tempfile.tempdir = sys.argv[1]
        remove = shutil.rmtree
        with scratch.scratch_folder() as folder:
            scratch.shutil.rmtree = lambda *a, **b: sys.exit(3)  # SIGTERM comes in the middle of it
            scratch.atexit.register(setattr, scratch.shutil, "rmtree", remove)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(words), str(tmp_path)], cwd=ROOT, timeout=60
    )
    assert done.returncode == 3 and list(tmp_path.iterdir()) == []


# ---- a skip is a failure
def test_a_skipped_engine_is_a_failure() -> None:
    def report() -> SimpleNamespace:
        return SimpleNamespace(
            outcome="skipped", skipped=True, longrepr=("file", 1, "Skipped: no server")
        )

    forbidden, allowed = report(), report()
    verdict_on_skip(forbidden, False)
    verdict_on_skip(allowed, True)
    assert (forbidden.outcome, allowed.outcome) == ("failed", "skipped")
    assert "no server" in str(forbidden.longrepr)
