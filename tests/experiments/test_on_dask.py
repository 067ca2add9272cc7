"""A real Dask scheduler with two worker processes on loopback: identical to local, and a killed
worker costs nothing.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli.main import main
from dr_sim.experiments.replications import batches, on_dask, until
from dr_sim.experiments.replications.batches import BatchJob
from dr_sim.experiments.replications.executor import BrokenReplicationError
from dr_sim.experiments.replications.sample import unpack
from dr_sim.experiments.replications.take import take
from tests.experiments.worlds import small, small_file
from tests.local_cluster import address_of, local_cluster

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with local_cluster(2) as started:
        yield started


@pytest.fixture
def address(cluster: Any) -> str:
    return address_of(cluster)


@pytest.mark.long
def test_the_same_as_local_to_the_bit(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_S", 0.05)
    scenario = small(tmp_path)
    with until.executor(on=address) as playing:
        found = {
            s.number: s
            for _, batch in playing.play([BatchJob("a", scenario, range(12))])
            for s in unpack(batch)
        }
    assert found == {i: take(scenario, i) for i in range(12)}


@pytest.mark.long
def test_a_worker_killed_in_mid_run_loses_nothing_and_nothing_counts_twice(
    cluster: Any, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_S", 0.05)
    scenario, other = small(tmp_path), small(tmp_path, "seed: 2\n")
    pids = list(cluster.workers.values())
    killed = 0
    came: Counter[tuple[str, int]] = Counter()
    with until.executor(on=address) as playing:
        for key, batch in playing.play(
            [BatchJob("a", scenario, range(40)), BatchJob("b", other, range(40))]
        ):
            came.update((key, s.number) for s in unpack(batch))
            if len(came) > 15 and not killed:
                killed = next(w.pid for w in pids if w.pid is not None)
                os.kill(killed, signal.SIGKILL)
    assert killed
    assert came == Counter({(key, i): 1 for key in ("a", "b") for i in range(40)})


@pytest.mark.long
def test_a_process_beside_a_dask_worker_that_ends_is_replaced(address: str, tmp_path: Path) -> None:
    """Each thread of a Dask worker has a process of its own, kept from task to task until nobody
    asks for it any more.
    """
    scenario = small(tmp_path)
    with until.executor(on=address) as playing:
        before = Counter(
            s.number
            for _, batch in playing.play([BatchJob("a", scenario, range(6))])
            for s in unpack(batch)
        )
        client = playing._client  # type: ignore[attr-defined]
        beside: dict[str, list[int]] = client.run(_beside)
        assert all(len(pids) <= 1 for pids in beside.values()) and any(beside.values())
        for pid in (pid for pids in beside.values() for pid in pids):
            os.kill(pid, signal.SIGKILL)
        after = Counter(
            s.number
            for _, batch in playing.play([BatchJob("a", scenario, range(6))])
            for s in unpack(batch)
        )
        again = client.run(_beside)
    assert before == after == Counter(range(6))
    assert not {pid for pids in again.values() for pid in pids} & {
        pid for pids in beside.values() for pid in pids
    }


def _beside() -> list[int]:
    return [process.pid for process in on_dask._idle]


@pytest.mark.long
def test_the_threads_of_one_dask_worker_do_not_share_an_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_S", 0.05)
    with (
        local_cluster(1, threads=2) as started,
        until.executor(on=address_of(started)) as playing,
    ):
        for _ in playing.play([BatchJob("a", small(tmp_path), range(40))]):
            pass
        (beside,) = playing._client.run(_beside).values()  # type: ignore[attr-defined]
    assert len(set(beside)) == 2


@pytest.mark.long
def test_the_command_gives_what_it_gives_at_home(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(small_file(tmp_path))
    command = ["run", path, "--replications", "10", "--json", "--out"]
    assert main([*command, str(tmp_path / "there"), "--on", address]) == 0
    assert main([*command, str(tmp_path / "here"), "--workers", "1"]) == 0
    there, here = ((tmp_path / x / "summary.json").read_bytes() for x in ("there", "here"))
    assert there == here and json.loads(here)["replications"] == 10


@pytest.mark.long
def test_a_worker_of_another_version_is_refused(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its replications would be others, and nobody could tell."""
    monkeypatch.setattr(on_dask, "code_digest", lambda: "another")
    with (
        until.executor(on=address) as playing,
        pytest.raises(BrokenReplicationError, match="another version of dr_sim"),
    ):
        list(playing.play([BatchJob("a", small(tmp_path), range(2))]))


@pytest.mark.long
def test_what_is_timed_by_the_clock_is_not_for_other_machines(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(small_file(tmp_path))
    command = [
        "run",
        path,
        "--replications",
        "2",
        "--engine",
        "sqlite",
        "--timing",
        "measured",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*command, "--on", address]) == 2
    assert "leave --on out" in capsys.readouterr().err


@pytest.mark.long
def test_nobody_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(on_dask, "CONNECT_S", 1)
    path = str(small_file(tmp_path))
    assert (
        main(
            [
                "run",
                path,
                "--replications",
                "2",
                "--out",
                str(tmp_path / "out"),
                "--on",
                "dask://127.0.0.1:9",
            ]
        )
        == 2
    )
    told = capsys.readouterr().err
    assert "no Dask scheduler answers there" in told and len(told.splitlines()) == 1
