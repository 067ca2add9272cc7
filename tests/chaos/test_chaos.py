"""Clients and faults against a real API: what the witness finds, and that dr_sim's own server does
what the model does.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dr_sim.chaos import CallAnswered, CallMade, own_server, run
from dr_sim.cli.main import main
from dr_sim.stores.postgres import TABLE, PostgresStore
from tests.stores.own_postgres import database

ROOT = Path(__file__).parents[2]
TOYS = "tests.chaos.toys"
CHAOS = """
name: chaos
run_for: {run_for}
databases: {{crm: {{size: 1 GB}}, shop: {{size: 1 GB}}}}
link: {{bandwidth: 200 Mbit/s}}
clients: {{portal: {{calls: 40 per min, actions: 30 %, timeout: 5 s, retries: 6}}}}
changes: {{takes: 10 s}}
faults:
  lost_request: {{share: 2 %}}
  lost_answer: {{share: 5 %}}
  duplicate_request: {{share: 5 %}}
  late_duplicate: {{share: 5 %, later: {{mean: 30 s}}}}
  id_reused: {{share: 10 %}}
events:
  - {{at: 1 min, cloud_crash: {{}}}}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "_STILL_S", 0.1)  # of an API in this process
    Path("chaos.yaml").write_text(CHAOS.format(run_for="5 min"))


def chaos(capsys: pytest.CaptureFixture[str], *against: str) -> tuple[int, str]:
    code = main(["cloud", "chaos", "chaos.yaml", *against])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_an_api_that_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = chaos(capsys, "--api", f"{TOYS}:Right")
    assert code == 0 and told.startswith("PASS  chaos.yaml\n")
    assert "it was killed 1 time" in told


@pytest.mark.parametrize(
    ("bug", "number"),
    [("Forgets", 2), ("NoFingerprint", 3), ("DoesItAgain", 1), ("NeverDoesIt", 1)],
)
def test_planted_bugs_of_an_api_are_found(
    bug: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = chaos(capsys, "--api", f"{TOYS}:{bug}")
    assert code == 4 and told.startswith("FAIL") and f"\n  {number}: " in told


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("Raises", 70, "the API under test, call of portal/ for 'read': KeyError"),
        ("OtherWords", 2, "the API: answered 'OK'; there are accepted, again"),
        ("NoApi", 2, f"--api {TOYS}:NoApi: has no start()"),
        ("Missing", 2, f"--api {TOYS}:Missing: {TOYS} has no 'Missing'"),
    ],
)
def test_an_api_that_is_none_is_one_clear_line(
    name: str, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, told = chaos(capsys, "--api", f"{TOYS}:{name}")
    assert found == code and told.startswith(words) and told.count("\n") == 1


def test_an_api_that_is_down_at_the_end_is_started_to_do_what_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("chaos.yaml").write_text(CHAOS.format(run_for="61 s"))
    code, told = chaos(capsys, "--api", f"{TOYS}:MustBeUp")
    assert code == 0, told


def test_what_cannot_be_played_for_real_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    text = CHAOS.format(run_for="5 min") + "  - {at: 2 min, lose: site}\n"
    Path("chaos.yaml").write_text(text)
    code, told = chaos(capsys, "--api", f"{TOYS}:Right")
    assert (code, told) == (2, "chaos.yaml: lose cannot be played against a real API\n")


def test_dr_sims_own_server_does_what_the_model_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_STILL_S", 3.0)
    Path("chaos.yaml").write_text(CHAOS.format(run_for="75 s"))
    code, told = chaos(capsys, "--real", "--kills", "1")
    assert code == 0, told
    assert told.startswith("PASS") and "rows compared with the model's" in told
    assert "it was killed 2 times" in told


def test_its_state_may_be_in_an_empty_postgresql_database(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is empty again at the end, so the same call can be made twice. What another cloud manager
    has in it stays.
    """
    monkeypatch.setattr(run, "_STILL_S", 3.0)
    Path("chaos.yaml").write_text(CHAOS.format(run_for="75 s"))
    here = database()
    here.execute(f"DROP TABLE IF EXISTS {TABLE}")
    code, told = chaos(capsys, "--real", "--kills", "1", "--store", here.url)
    assert code == 0, told
    assert told.startswith("PASS") and "it was killed 2 times" in told
    with PostgresStore(here.url) as store:
        assert store.load() == {}
        store.save("log/1.1", "precious")
    code, told = chaos(capsys, "--real", "--store", here.url)
    assert code == 2 and told.count("\n") == 1
    assert told.startswith("--store: postgresql://postgres@")
    assert "holds the state of a cloud manager; name an empty database" in told
    with PostgresStore(here.url) as store:
        assert store.load() == {"log/1.1": "precious"}


def test_a_database_that_cannot_be_used_is_one_clear_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("chaos.yaml").write_text(CHAOS.format(run_for="75 s"))
    url = "postgresql://nobody:secret@127.0.0.1:1/none"
    code, told = chaos(capsys, "--real", "--store", url)
    assert code == 2 and told.count("\n") == 1
    assert told.startswith("--store: postgresql://nobody@127.0.0.1:1/none cannot be used")


def test_a_server_that_answers_otherwise_than_the_model_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: one call in the middle is not handed on, and said to be accepted."""
    usual = run.OwnServer.call
    calls = [0]

    def call(self: run.OwnServer, asked: run.CallMade) -> run.CallAnswered:
        calls[0] += asked.operation != "read"
        if calls[0] == 5 and asked.operation != "read":
            return run.CallAnswered("accepted")
        return usual(self, asked)

    monkeypatch.setattr(run.OwnServer, "call", call)
    quiet = CHAOS.partition("events:")[0]
    Path("chaos.yaml").write_text(quiet.format(run_for="40 s"))
    code, told = chaos(capsys, "--real")
    assert code == 4 and "\n  1: portal/" in told


@pytest.mark.parametrize(
    ("known", "first", "second", "answer", "lost"),
    [
        (False, "accepted", "again", "accepted", 0),
        (False, "", "accepted", "accepted", 0),  # the request had not arrived
        (False, "", "again", "accepted", 0),  # it was durable, and the answer was lost
        (True, "", "again", "again", 0),
        (True, "again", "again", "again", 0),
        (False, "accepted", "accepted", "accepted", 1),  # forgotten
        (True, "again", "accepted", "again", 1),
        (True, "found", "unknown", "found", 1),
    ],
)
def test_what_a_call_that_is_cut_off_by_a_kill_shows(
    known: bool, first: str, second: str, answer: str, lost: int, tmp_path: Path
) -> None:
    asked = CallMade("portal", "7", "rotate_secret", "prod", "crm", ())
    api = own_server.OwnServer(own_server.ServedScenario(Path("s.yaml")), tmp_path, ["portal"])
    outcomes = iter([first, second])

    def call(asked: CallMade) -> CallAnswered:
        if outcome := next(outcomes):
            return CallAnswered(outcome)
        raise own_server.NoServerError("cut off")

    api._call = call  # type: ignore[method-assign]
    api.start = api.kill = lambda: None  # type: ignore[method-assign]
    api._process = subprocess.Popen(["true"], text=True)
    api.cuts = {1: 0.0}
    if known:
        api._accepted.add(asked.name)
    assert api.call(asked).outcome == answer
    assert len(api.lost) == lost
    api._process.wait()


def test_kills_that_cannot_be_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert chaos(capsys, "--real", "--kills", "9999")[1].startswith(
        "--kills: the number of calls is "
    )
    code, told = chaos(capsys, "--api", f"{TOYS}:Right", "--kills", "1")
    assert (code, told) == (2, "--kills: goes with --real only\n")


@pytest.mark.parametrize(
    ("against", "told"),
    [
        (("--api", f"{TOYS}:Right", "--store", "postgresql:///x"), "goes with --real only"),
        (("--real", "--store", "cloud.db"), "write postgresql://HOST/DATABASE"),
    ],
)
def test_a_store_that_cannot_be_is_refused(
    against: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chaos(capsys, *against) == (2, f"--store: {told}\n")


@pytest.mark.long
def test_api_chaos_for_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(run, "_STILL_S", 10.0)
    code = main(["cloud", "chaos", "scenarios/cloud/api_chaos.yaml", "--real"])
    assert code == 0, capsys.readouterr().out
