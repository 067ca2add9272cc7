"""What `dr-sim cloud serve` cannot do is one clear line, with exit code 2, and nothing is left."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.cloud import CloudConfig
from dr_sim.errors import InputError
from dr_sim.live.cloud import serve as serving
from dr_sim.live.cloud.tokens import make_tokens, read_tokens
from dr_sim.stores import SqlStore, StoreError
from tests.live.cloud.serving import SCENARIO, Served, script

SERVE = ["cloud", "serve", "served.yaml", "--store", "cloud.db", "--scripts", "scripts"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "served.yaml").write_text(SCENARIO)
    script(tmp_path, "rotate_secret")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*(arguments or SERVE)]) == 2
    found = capsys.readouterr()
    assert found.out == "" and found.err.count("\n") == 1
    return found.err


def test_the_time_of_simulated_scripts_refuses_no_time_limit_of_real_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation with such a limit is refused: each script would be ended. A real script does not
    take the time that is written for simulated ones.
    """
    Path("served.yaml").write_text(SCENARIO.replace("takes: 1 s", "takes: 10 min"))
    assert "it would be ended" in refused(capsys, "run", "served.yaml")
    served: list[CloudConfig] = []
    monkeypatch.setattr(serving, "serve", lambda config, *given: served.append(config))
    assert main(SERVE) == 0
    (config,) = served
    assert config.jobs.time_limit_us == 3_000_000
    assert "it would be ended" in refused(capsys, "run", "served.yaml")


def test_without_the_extra(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = importlib.util.find_spec
    monkeypatch.setattr(
        "dr_sim.cli.cloud.find_spec", lambda name: None if name == "uvicorn" else usual(name)
    )
    assert refused(capsys) == "dr-sim cloud: needs uvicorn: pip install 'dr-sim[cloud]'\n"
    assert not Path("cloud.db").exists()


def test_scripts_that_are_not_there_or_cannot_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("scripts/README").write_text("about")
    assert refused(capsys).startswith("scripts/README: cannot be run; make it executable")
    assert refused(capsys, *SERVE[:-1], "none").startswith("none: there is no such folder")
    assert not Path("cloud.db").exists() and not Path("cloud.db.tokens").exists()


def test_scenarios_without_networks_and_with_machines(capsys: pytest.CaptureFixture[str]) -> None:
    Path("served.yaml").write_text(
        "run_for: 1 h\ndatabases: {crm: {size: 1 GB}}\nlink: {bandwidth: 1 Gbit/s}\n"
    )
    assert "has no cloud manager" in refused(capsys)


def test_a_port_that_is_taken_or_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "cannot be listened at" in refused(capsys, *SERVE, "--port", port)
    assert "cannot be listened at" in refused(capsys, *SERVE, "--port", "70000")
    assert "cannot be listened at" in refused(capsys, *SERVE, "--host", "no.such.host.invalid")


def test_a_store_of_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cloud.db").write_text("something else")
    assert "cannot be used as a store" in refused(capsys)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("portal", "write NAME TOKEN"),
        ("portal short", "the token is too short"),
        (f"a/b {'x' * 40}", "a/b: such a name has none of / > @"),
        (f"put {'x' * 40}", "the cloud manager's own jobs begin with put"),
        ("portal 0123456789abcdef network=prod", "write networks=A,B or operations=A,B"),
        ("portal 'unfinished", "No closing quotation"),
        ("first 0123456789abcdef\nsecond 0123456789abcdef", "another caller has the same token"),
        ("one 0123456789abcdef\none 0123456789abcdeg", "one has a token already"),
    ],
)
def test_tokens_that_are_wrong(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(line)
    path.chmod(0o600)
    with pytest.raises(InputError, match=words) as found:
        read_tokens(path)
    assert str(found.value).startswith(f"{path}:{line.count(chr(10)) + 1}:1: ")


def test_tokens_that_others_can_read_and_callers_without_networks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("tokens").write_text("stranger 0123456789abcdef\n")
    Path("tokens").chmod(0o644)
    assert "others can read it" in refused(capsys, *SERVE, "--tokens", "tokens")
    Path("tokens").chmod(0o600)
    assert "stranger is no client of the scenario" in refused(capsys, *SERVE, "--tokens", "tokens")
    Path("tokens").write_text("stranger 0123456789abcdef networks=none\n")
    assert "there is no network 'none'" in refused(capsys, *SERVE, "--tokens", "tokens")
    assert "cannot be read" in refused(capsys, *SERVE, "--tokens", "no tokens")


def test_tokens_that_are_made_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    make_tokens(path, ("portal", "night shift"))
    assert path.stat().st_mode & 0o777 == 0o600
    tokens = read_tokens(path)
    assert [each.name for each in tokens.holders] == ["portal", "night shift"]
    _, token = path.read_text().splitlines()[1].split()
    holder = tokens.holder(f"Bearer {token}")
    assert holder is not None and holder.name == "portal"
    assert tokens.holder(f"Basic {token}") is None and tokens.holder("") is None


def test_a_store_that_is_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Served(tmp_path) as served:
        served.start()
        told = refused(capsys)
        assert f"is in use by process {served.pid}; end that one first" in told
        assert served.put("r1")[0] == 202


URL = "postgresql://nobody:secret@127.0.0.1:1/none"


def test_a_database_that_is_no_store(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = [*SERVE[:3], *SERVE[5:], "--store"]
    assert "name the agents' folder (--agents)" in refused(capsys, *of, URL)
    told = refused(capsys, *of, URL, "--agents", "agents")
    assert "postgresql://nobody@127.0.0.1:1/none cannot be used as a store" in told
    assert "secret" not in told
    other = refused(capsys, *of, "mysql://localhost/none")
    assert "write a file's name, or postgresql://HOST/DATABASE" in other
    usual = importlib.util.find_spec
    monkeypatch.setattr(
        "dr_sim.cli.cloud.find_spec", lambda name: None if name == "psycopg" else usual(name)
    )
    assert "needs psycopg" in refused(capsys, *of, URL, "--agents", "agents")


def test_the_agents_of_another_store_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Served(tmp_path) as served:
        served.start()
        assert served.put("r1")[0] == 202
        served.stop()
    told = refused(capsys, *SERVE, "--agents", "others")
    assert "others is not the agents' folder that this store had before" in told
    with Served(tmp_path, ("--agents", "cloud.db.agents")) as served:
        assert served.start()
        assert served.stop()[0] == 0
    with SqlStore(Path("cloud.db")) as store:
        store.save("live/agents", "")  # as the message says
    with Served(tmp_path, ("--agents", "others")) as served:
        assert served.start()


def test_a_store_that_cannot_be_written_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = SqlStore.save_all

    def save_all(self: SqlStore, entries: Mapping[str, str]) -> None:
        if any(key.startswith("request/") for key in entries):
            raise StoreError("the disk is full; make room, then resume")
        usual(self, entries)

    monkeypatch.setattr(SqlStore, "save_all", save_all)
    with Served(tmp_path) as served:
        served.start()
        with pytest.raises((OSError, AssertionError, HTTPException)):
            assert served.put("r1")[0] != 503
        code, errors = served.ended()
    assert (code, errors) == (2, "cloud.db: the disk is full; make room, then resume\n")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    with Served(tmp_path) as served:
        served.start()
        assert served.put("r1")[1]["outcome"] == "accepted"


def test_ctrl_c_ends_it_as_sigterm_does(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        served.start()
        os.kill(served.pid, signal.SIGINT)
        assert served.ended() == (0, "")
