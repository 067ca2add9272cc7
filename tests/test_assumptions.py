"""Which assumed inputs flip the verdict: found where they do, and not where they do not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dr_sim.cli import main as cli
from dr_sim.experiments.comparing import assumptions
from dr_sim.experiments.comparing.assumptions import scaled
from dr_sim.experiments.comparing.flips import Examined, Flip
from dr_sim.experiments.replications import store
from dr_sim.loading import load_scenario
from dr_sim.scenario.reading.dump import Resolved

SCENARIO = """\
run_for: 80 min
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic, silent_for: 30 s}
events: [{at: 32 min, lose: site}]
sla: {data_loss: at most 10 min, outage: at most 160 s}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Examined:
    path = tmp_path_factory.mktemp("examined") / "s.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return assumptions.examine(path, "pass")


@pytest.mark.parametrize(
    ("text", "factor", "said"),
    [
        ("30 s", 2.0, "60 s"), ("30 s", 0.1, "3 s"), ("2", 0.5, "1"), ("3", 0.5, "2"), ("60 %", 2.0, "100 %"), ("0.5 %", 10.0, "5 %"),
        ("356 MB/s", 0.5, "178 MB/s"), ("1460 B", 0.1, "146 B"), ("100 per s", 10.0, "1000 per s"),
    ],
)  # fmt: skip
def test_a_text_with_a_number_is_scaled(text: str, factor: float, said: str) -> None:
    assert scaled(text, factor) == said


@pytest.mark.long
def test_what_flips_the_verdict_is_found_at_the_nearest_value_that_does(found: Examined) -> None:
    """Outage is detect 30-40 s, fence 21 s, recover 10 s, redirect 60 s, warm up: a second over two
    minutes. 160 s are missed when redirect takes 60 s more, and when the fence or recovery takes
    ten times its time, not twice.
    """
    flips = {flip.key: flip for flip in found.flips}
    assert flips["failover.redirect.switch"].tried == "120 s"
    assert flips["failover.fence_timeout"].tried == "210 s"
    assert flips["failover.recover"].tried == "100 s"
    assert {flip.outcome for flip in found.flips} == {"fail"}
    assert "outage" in flips["failover.recover"].words
    # a cold cache that serves half of them is full for 45 s more
    assert flips["users.utilisation"].tried == "100 %"
    assert not any(
        key.startswith(("databases", "secondary.retention", "sla", "events")) for key in flips
    )
    assert found.tried > 40
    assert found.left_out > 10


@pytest.mark.long
def test_the_report_tells_of_them(
    found: Examined,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def examined(path: Path, verdict: str, *_: object) -> Examined:
        assert load_scenario(path) == load_scenario(tmp_path / "s.yaml") and verdict == "pass"
        return found

    monkeypatch.setattr(assumptions, "examine", examined)  # once for all tests here
    (tmp_path / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    assert cli.main(["run", str(tmp_path / "s.yaml"), "--out", str(tmp_path / "r")]) == 0
    assert "Nobody has tried yet" in (tmp_path / "r/report.html").read_text(encoding="utf-8")
    assert cli.main(["report", str(tmp_path / "r")]) == 0
    assert (
        "failover.redirect.switch: 60 s was assumed; at 120 s the verdict is fail"
        in capsys.readouterr().out
    )
    page = (tmp_path / "r/report.html").read_text(encoding="utf-8")
    assert "<td>failover.redirect.switch</td>" in page
    assert "Nobody has tried yet" not in page


FLEET = """\
run_for: 1 h
databases:
  crm: {copies: 3, size: 1 GB}
  web: {size: 1 GB, log_volume: 7 MB per 5 min}
link: {bandwidth: 100 Mbit/s}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET, encoding="utf-8")
    return path


def numbers_of(path: Path) -> list[assumptions.Assumed]:
    resolved = load_scenario(path).resolved
    assert isinstance(resolved, Resolved)
    return assumptions._numbers(resolved)


def test_what_is_assumed_alike_of_several_databases_is_one_number(fleet: Path) -> None:
    by_key = {number.key: number for number in numbers_of(fleet)}
    crm = [f"databases.crm-00{i}.log_volume" for i in (1, 2, 3)]
    assert by_key["databases.*.log_volume"].keys == tuple(crm)
    assert "databases.web.log_volume" not in by_key
    of_all = by_key["databases.*.incremental_share"]
    assert of_all.keys[-1] == "databases.web.incremental_share"
    assert len(of_all.keys) == 4


def test_what_an_interrupted_examination_has_found_is_not_tried_again(
    fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left to be tried here, so no process starts. It is not true of another verdict, and
    of other code.
    """
    place, scenario = fleet.with_name(assumptions.KEPT_FILE), load_scenario(fleet)
    kept = assumptions._KeptTrials(place, scenario, "pass")
    flip = Flip("link.rtt", "0 s", "assumed", "1 s", "fail", "outage 1 s")
    for number in numbers_of(fleet):
        kept.add(number, [flip] if number.key == "monitor.every" else [])
    assert assumptions._KeptTrials(place, scenario, "pass").found == kept.found
    assert assumptions._KeptTrials(place, scenario, "fail").found == {}
    with monkeypatch.context() as other:
        other.setattr(store, "code_digest", lambda: "of another version")
        assert assumptions._KeptTrials(place, scenario, "pass").found == {}
    monkeypatch.setattr(assumptions, "_flips", None)
    told: list[str] = []
    found = assumptions.examine(fleet, "pass", tell=told.append)
    assert found.flips == [flip]
    assert found.tried == len(kept.found)
    assert told == [
        f"{found.tried} assumed numbers ({found.tried} known), 2 to 4 runs for each, 1 at a time"
    ]
    assert not place.exists()


def test_an_interrupt_ends_what_is_under_way() -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), assumptions._processes(1) as pool:
        assert pool.submit(int, "7").result() == 7
        pool.submit(time.sleep, 60)
        raise KeyboardInterrupt
    assert time.monotonic() - began < 30


def test_a_folder_that_holds_no_run_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
