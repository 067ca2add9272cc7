"""What an exploration finds is the same on a Dask cluster as in processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dr_sim.cli.main import main
from dr_sim.explore.case import yaml_text
from dr_sim.explore.runners import case_runner
from tests.explore.test_explore import SMALL
from tests.local_cluster import address_of, local_cluster

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")


@pytest.fixture
def address() -> Iterator[str]:
    with local_cluster(1) as started:
        yield address_of(started)


@pytest.mark.long
def test_the_same_as_local(address: str) -> None:
    batches = [[SMALL, {"run_for": "no time"}], [{**SMALL, "seed": "2"}]]
    with case_runner(1, address, "") as there, case_runner(1, "", "") as here:
        assert there.count == 1
        far = [looks for looks, _ in there.look(batches)]
        near = [looks for looks, _ in here.look(batches)]
    assert far == near
    assert far[0][1] is None and far[0][0].reached


def test_an_address_that_is_none_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(yaml_text(SMALL), encoding="utf-8")
    assert main(["explore", "mine.yaml", "--on", "localhost:8786", "--runs", "1"]) == 2
    told: Any = capsys.readouterr().err
    assert "write dask://HOST:PORT" in told and "Traceback" not in told
