"""Replications: the same for any number of workers, after an interruption, after kill -9, and never
another scenario's.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.cli.playing import kept
from dr_sim.errors import DrSimError, InputError
from dr_sim.experiments.replications import batches, until
from dr_sim.experiments.replications import executor as executors
from dr_sim.experiments.replications import take as taking
from dr_sim.experiments.replications.batches import Batches, BatchJob, stretches
from dr_sim.experiments.replications.executor import Batch, BrokenReplicationError, Processes
from dr_sim.experiments.replications.replicate import Course, look_by_look, looks, play_all
from dr_sim.experiments.replications.sample import pack, unpack
from dr_sim.experiments.replications.store import BATCHES, BatchStore, key_of
from dr_sim.experiments.replications.take import take
from dr_sim.experiments.replications.worker import receive, start
from dr_sim.loading import load_scenario
from dr_sim.scenario.asked_model import Replications
from tests.experiments.worlds import sample, small, small_file

ROOT = Path(__file__).parents[2]


class Counting:
    """Plays nothing: hands out made samples one by one, and counts them. stops_after: then
    Ctrl-C.
    """

    def __init__(self, stops_after: int = 10**9) -> None:
        self.played: list[int] = []
        self.stops_after = stops_after

    def play(self, jobs: Sequence[BatchJob]) -> Iterator[Batch]:
        for job in jobs:
            for number in job.numbers:
                if len(self.played) == self.stops_after:
                    raise KeyboardInterrupt
                self.played.append(number)
                yield job.key, pack([sample(number, {"outage": number})])

    def close(self) -> None: ...


def test_a_replication_depends_on_its_number_alone(tmp_path: Path) -> None:
    scenario = small(tmp_path)
    assert take(scenario, 3) == take(scenario, 3)
    assert take(scenario, 3).values != take(scenario, 4).values
    one = take(scenario, 3)
    assert unpack(pack([one, one])) == [one, one]


NOWHERE = "/nowhere/there/is/no/postgres"


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Two processes that have played already. They find no PostgreSQL."""
    playing = Processes(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executors, "WORTH_WORKERS_S", 0.0)
        patch.setattr(batches, "BATCH_S", 0.02)
        patch.setenv("DR_SIM_POSTGRES_BIN", NOWHERE)
        play_all([Course(small(tmp_path_factory.mktemp("first")))], 8, playing)
    yield playing
    playing.close()


def test_processes_give_the_same_to_the_bit(
    tmp_path: Path, two_workers: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_S", 0.02)
    scenario = small(tmp_path)
    alone = [take(scenario, i) for i in range(8)]
    course, again = Course(scenario), Course(small(tmp_path, "seed: 2\n"))
    play_all([course, again], 8, two_workers)
    assert len(two_workers._pool) == 2  # it did not stay in this process
    assert course.first(8) == alone
    assert again.first(8) != alone
    swapped = Course(small(tmp_path, "seed: 2\n"))
    # the same processes, a key that meant another scenario before
    play_all([swapped], 8, two_workers)
    assert swapped.first(8) == again.first(8)


def test_a_worker_that_is_killed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "WORTH_WORKERS_S", 0.0)
    monkeypatch.setattr(batches, "BATCH_S", 0.02)
    scenario = small(tmp_path)
    playing = Processes(2)
    seen: list[int] = []
    killed = 0
    try:
        for _, batch in playing.play([BatchJob("a", scenario, range(10))]):
            seen += [s.number for s in unpack(batch)]
            # one under way, one that waits
            busy = [w.process.pid for w in playing._pool if len(w.batches) == 2]
            if busy and not killed:
                killed = busy[0]
                os.kill(killed, signal.SIGKILL)
    finally:
        playing.close()
    assert killed
    assert sorted(seen) == list(range(10))


def scratch() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("dr-sim-*"))


@pytest.mark.long
def test_real_engines_give_what_the_model_gives_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two processes that are ended while they are at work, and then to the end."""
    monkeypatch.setattr(executors, "WORTH_WORKERS_S", 0.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    real = small(tmp_path, "engine: {kind: sqlite}\n")
    with until.executor(2) as playing:
        coming = playing.play([BatchJob("a", real, range(20))])
        first = next(unpack(batch) for _, batch in coming if len(playing._pool) == 2)  # type: ignore[attr-defined]
        deadline = time.monotonic() + 30
        while not scratch() and time.monotonic() < deadline:
            time.sleep(0.005)
        assert scratch()  # they are at it
    assert not scratch()
    assert first == [take(small(tmp_path), s.number) for s in first]
    with until.executor(2) as playing:
        course = Course(real)
        play_all([course], 4, playing)
    assert course.first(4) == [take(small(tmp_path), i) for i in range(4)]
    assert not scratch()


def test_what_is_timed_by_the_clock_is_played_one_after_another_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "WORTH_WORKERS_S", 0.0)
    monkeypatch.setattr(
        taking, "take", lambda scenario, number: sample(number, {"outage": os.getpid()})
    )
    timed = small(tmp_path, "engine: {kind: sqlite, timing: measured}\n")
    with until.executor(2) as playing:
        course = Course(timed)
        play_all([course], 5, playing)
        assert not playing._pool  # type: ignore[attr-defined]
    assert {v.low for s in course.first(5) for v in s.values} == {os.getpid()}


def test_a_replication_that_ends_its_process_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not tried for ever: a worker that dies at every batch, here because it is no worker at
    all.
    """
    monkeypatch.setattr(executors, "WORTH_WORKERS_S", 0.0)
    monkeypatch.setattr(executors, "start", _dying)
    with (
        until.executor(2) as playing,
        pytest.raises(BrokenReplicationError, match="worker processes do not start"),
    ):
        play_all([Course(small(tmp_path))], 5, playing)


def test_what_the_user_can_mend_is_told_as_it_is_whoever_plays(
    tmp_path: Path, two_workers: Processes
) -> None:
    play_all([Course(small(tmp_path))], 8, two_workers)
    assert two_workers._pool
    with pytest.raises(DrSimError, match=NOWHERE) as told:
        play_all([Course(small(tmp_path, "engine: {kind: postgres}\n"))], 2, two_workers)
    assert (told.value.exit_code, str(told.value).count("\n")) == (2, 0)


def _dying() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_a_worker_that_is_told_nothing_ends() -> None:
    """Where its parent may forget it. One that is at work, or that waits for ever, does not."""
    forgotten, waits = start(0.3), start()
    try:
        # by itself, so that it takes along what its engines have left
        assert forgotten.wait(20) == 0
        assert waits.stdout is not None and receive(waits.stdout) == ("ready",)
        time.sleep(0.4)
        assert waits.poll() is None
    finally:
        for process in (forgotten, waits):
            process.kill()
            process.communicate()


def test_what_is_kept_is_not_played_again(tmp_path: Path) -> None:
    scenario, folder = small(tmp_path), tmp_path / "out"
    first = Counting(stops_after=5)
    with pytest.raises(KeyboardInterrupt):
        play_all([Course(scenario, BatchStore(folder, scenario))], 8, first)
    second = Counting()
    course = Course(scenario, BatchStore(folder, scenario))
    assert course.missing(8) == [5, 6, 7]
    play_all([course], 8, second)
    assert (first.played, second.played) == ([0, 1, 2, 3, 4], [5, 6, 7])
    assert [s.number for s in course.first(8)] == list(range(8))


def test_a_batch_that_is_not_whole_is_played_again(tmp_path: Path) -> None:
    scenario, folder = small(tmp_path), tmp_path / "out"
    play_all([Course(scenario, BatchStore(folder, scenario))], 4, Counting())
    files = sorted((folder / BATCHES).glob("*.batch"))
    files[1].write_text(files[1].read_text()[:-20])  # torn
    files[2].write_text(files[2].read_text().replace("outage", "outagf"))  # flipped
    assert Course(scenario, BatchStore(folder, scenario)).missing(4) == [1, 2]


def test_a_folder_is_one_scenarios(tmp_path: Path) -> None:
    scenario, folder = small(tmp_path), tmp_path / "out"
    BatchStore(folder, scenario)
    with pytest.raises(InputError, match="of another scenario, seed or version"):
        BatchStore(folder, small(tmp_path, "seed: 2\n"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no replications"):
        BatchStore(tmp_path / "full", scenario)


def test_what_changes_no_run_changes_no_key(tmp_path: Path) -> None:
    key = key_of(small(tmp_path))
    assert key_of(small(tmp_path, "replications: 7\non_unknown: warn\n")) == key
    assert key_of(small(tmp_path, "users: {requests: 5 per s}\n")) != key
    assert key_of(load_scenario(small_file(tmp_path), [], 9)) != key


def test_looks_are_fixed_numbers_and_the_first_is_always_there() -> None:
    assert looks(Replications(20, 100)) == [20, 30, 45, 67, 100]
    # at_most, though a half more would be 150
    assert looks(Replications(20, 110)) == [20, 30, 45, 67, 100, 110]
    assert looks(Replications(3, 3)) == [3]
    found = list(look_by_look([], Replications(20, 100, budget_us=0), Counting()))
    assert found == [(0, 20, True)]


def test_until_stops_where_the_interval_is_narrow_enough(tmp_path: Path) -> None:
    """Outage i of run i: the half width of the median's interval falls as the number of runs
    grows.
    """
    scenario = small(
        tmp_path, "replications: {at_least: 20, at_most: 2000, until: {outage.p50: +/- 10 %}}\n"
    )
    assert scenario.replications is not None
    found = until.replicate_until(Course(scenario), scenario.replications, Counting())
    i = found.interval("outage.p50")
    assert 300 < found.n < 2000
    assert max(i.high - i.estimate, i.estimate - i.low) <= 0.1 * i.estimate
    wide = until.replicate_until(
        Course(scenario), Replications(20, 30, scenario.replications.until), Counting()
    )
    assert wide.n == 30


def test_stretches() -> None:
    assert list(stretches([5, 1, 2, 3, 9])) == [(1, 3), (5, 1), (9, 1)]
    assert list(stretches([])) == []


@pytest.mark.parametrize(
    ("seconds", "hands", "least_s", "sizes"),
    [
        (None, 4, 0.0, [1] * 100),  # nobody knows how long they take
        (1.0, 4, 0.0, [1] * 100),  # longer than a batch should be
        (0.01, 4, 0.0, [25, 19, 14, 11, 8, 6, 5, 3, 3, 2, 1, 1, 1, 1]),
        (0.01, 4, 0.05, [25, 19, 14, 11, 8, 6, 5, 5, 5, 2]),
        (0.01, 2, 0.0, [50, 25, 13, 6, 3, 2, 1]),
        (0.01, 1, 0.0, [50, 50]),  # at most half a second
        (0.0, 2, 0.0, [50, 25, 13, 6, 3, 2, 1]),  # too short to be measured
    ],
)
def test_batches_grow_shorter_until_all_end_together(
    tmp_path: Path, seconds: float | None, hands: int, least_s: float, sizes: list[int]
) -> None:
    cut = Batches([BatchJob("a", small(tmp_path), range(100))], hands, least_s)
    if seconds is not None:
        cut.took("a", seconds)
    given = list(iter(cut.next, None))
    assert [count for _, _, count in given] == sizes
    assert [n for _, first, count in given for n in range(first, first + count)] == list(range(100))
    cut.again(given[-1])
    again = [n for _, first, count in iter(cut.next, None) for n in range(first, first + count)]
    assert again == list(range(given[-1][1], 100)) and cut.left == 0


@pytest.mark.long
def test_the_command_is_killed_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in mid-run; then the same command, which plays only what is missing, and gives what
    an undisturbed one does.
    """
    path, out = small_file(tmp_path), tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "dr_sim",
        "run",
        str(path),
        "--replications",
        "40",
        "--workers",
        "1",
        "--out",
        str(out),
    ]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("batches/*.batch")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = {p.name: p.stat().st_mtime_ns for p in out.glob("batches/*.batch")}
    assert kept and not (out / "summary.json").exists()
    assert main(command[3:]) == 0
    assert {
        p.name: p.stat().st_mtime_ns for p in out.glob("batches/*.batch") if p.name in kept
    } == kept
    assert (
        main(["run", str(path), "--replications", "40", "--out", str(tmp_path / "whole"), "--json"])
        == 0
    )
    assert (out / "summary.json").read_bytes() == (tmp_path / "whole" / "summary.json").read_bytes()
    shown = json.loads(
        capsys.readouterr().out.split("\n}\n")[0].split("summary.json distribution.svg\n")[1] + "}"
    )
    assert shown["replications"] == 40


def test_a_worker_whose_parent_is_gone_ends_without_a_word() -> None:
    """Killed before the worker was ready to tell it so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dr_sim.experiments.replications.worker", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_ctrl_c_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(until, "open_executor", lambda workers, on: Counting(stops_after=3))
    path = small_file(tmp_path, "replications: 9\n")
    with pytest.raises(KeyboardInterrupt), kept(Counting(), tmp_path):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == ""  # nothing is finished, so nothing is kept
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 130
    told = capsys.readouterr().err
    assert (
        f"3 replications are kept in {tmp_path / 'out'}; the same command continues from there"
        in told
    )
    monkeypatch.setattr(until, "open_executor", lambda workers, on: Counting())
    assert main(["run", str(path), "--out", str(tmp_path / "out")]) == 0
    assert "9 x 12 h" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--replications", "4", "--replication", "1"], "does not go with --replication"),
        (["--replications", "4", "--on", "10.0.0.1"], "write dask://HOST:PORT"),
    ],
)
def test_bad_input_of_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["run", str(small_file(tmp_path)), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert told in capsys.readouterr().err


def test_one_replication_by_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was seen in a distribution can be looked at whole."""
    path = small_file(tmp_path, "replications: 9\n")
    assert (
        main(["run", str(path), "--replication", "2", "--out", str(tmp_path / "out"), "--json"])
        == 0
    )
    summary = json.loads(capsys.readouterr().out)
    of = take(load_scenario(path), 2)
    mean = next(
        v.low for v in of.values if v.measure == "exposure.mean" and v.failure_class == "site"
    )
    assert (summary["replication_no"], summary["exposure"]["mean_us"]) == (2, mean)


@pytest.mark.long
def test_a_terminal_shows_how_far_it_is_and_how_long_it_will_take(tmp_path: Path) -> None:
    """And nothing of that goes into a pipe."""
    path = small_file(tmp_path)
    command = [sys.executable, "-m", "dr_sim", "run", str(path), "--workers", "1", "--replications"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*command, "80", "--out", str(tmp_path / "seen")],
        env=env,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # so a terminal ends
            while more := os.read(ours, 4096):
                shown += more
        assert process.wait() == 0
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"small +\S+ +[1-9]\d? % +0:0\d:\d\d", text)
    piped = subprocess.run(
        [*command, "3", "--out", str(tmp_path / "piped")], env=env, capture_output=True, check=True
    )
    assert piped.stderr == b""
