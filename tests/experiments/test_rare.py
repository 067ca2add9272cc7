"""Rare losses: laws with known answers, what the weights are, and what a user sees."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.rare import (
    LAWS,
    beyond_us,
    coverage,
    exactly,
    with_outages,
    with_two_lines,
)
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.experiments.replications import rare
from dr_sim.loading import load_scenario
from dr_sim.scenario.asked_model import RareQuestion
from dr_sim.scenario.model import Law, Scenario
from dr_sim.streams import Streams, chance_above, exceeded_with
from dr_sim.units import HOUR_US
from dr_sim.world.kernel.tilted import TiltedStreams

SCENARIO = Path(__file__).parents[2] / "scenarios" / "rare_loss.yaml"
QUESTION = RareQuestion("data_loss", HOUR_US, "data_loss > 1 h")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(SCENARIO)


def drawn(scenario: Scenario, question: RareQuestion, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """What outages lasted beyond the limit in each run, and what each law says of it."""
    tilted = rare.tilted(scenario, question)
    found = [beyond_us(replace(tilted, replication_no=i), question.limit_us) for i in range(runs)]
    over = np.array([beyond for beyond, _ in found], float)
    return over, np.array([logs for _, logs in found])


@pytest.mark.parametrize("rate", [4.0, 1.0, 0.02])
@pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
def test_intervals_hold_what_an_integral_gives(scenario: Scenario, law: Law, rate: float) -> None:
    """60 experiments: at 95 % fewer than 51 hold it with a chance of 1 in 2,000."""
    with_them = with_outages(scenario, law, rate)
    part, mean, _, gain = coverage(with_them, HOUR_US, 60, 40)
    assert part >= 51 / 60
    assert 0.7 < mean < 1.4
    assert gain > 100


@pytest.mark.parametrize(("runs", "least"), [(20, 57), (40, 55)])
def test_intervals_of_two_databases_hold_it(scenario: Scenario, runs: int, least: int) -> None:
    """Two lines of faults are four laws: few of the runs that met it weigh most. Of 60 experiments
    of 20 runs the spread of all runs that met it held it in 46, and of 40 runs in 52.
    """
    part, mean, _, _ = coverage(with_two_lines(scenario), 2 * HOUR_US, 60, runs)
    assert part >= least / 60
    assert 0.7 < mean < 1.4


def test_as_many_laws_as_runs_leave_the_limit_that_always_holds() -> None:
    """What each law says fits six runs exactly: nothing is left that tells how precise it is."""
    rng = np.random.default_rng(1)
    over, whole = rng.uniform(0, 1e9, 6), np.full(6, 1e12)
    found, _ = rare.weighted_share(over, whole, rng.normal(0, 1, (6, 6)))
    assert found.low < found.estimate < found.high
    assert found.high > 1e-3


def test_without_the_weights_it_would_be_wrong(scenario: Scenario) -> None:
    """The negative case: what is drawn more often, counted as if it came as often as that."""
    with_them = with_outages(scenario, LAWS["exponential"], 0.02)
    over, logs = drawn(with_them, QUESTION, 200)
    truth = exactly(with_them, HOUR_US)
    whole = np.full(len(over), float(scenario.run_for_us))
    found, _ = rare.weighted_share(over, whole, logs)
    unweighted, _ = rare.weighted_share(over, whole, np.zeros_like(logs))
    assert found.low <= truth <= found.high
    assert unweighted.low > 100 * truth


def test_what_each_law_says_is_1_on_average(scenario: Scenario) -> None:
    """Under the law that was drawn from, one of several with the same chance, each law's likelihood
    over theirs together has the mean 1, and none is above the number of laws.
    """
    several = replace(scenario, faults=scenario.faults * 2)
    tilted = rare.tilted(several, QUESTION)
    assert len(tilted.tilts) == 4  # its own, one for each line, one for both
    logs = []
    for number in range(400):
        streams = TiltedStreams(replace(tilted, replication_no=number))
        for nth in (0, 1):
            line = f"line {nth}"
            gaps = streams.of("fault link_outage", "arrival", line)
            lasts = streams.of("fault link_outage", "duration", line)
            gaps.law(0, Law("exponential", 7 * 24 * HOUR_US))
            lasts.law(0, several.faults[nth].params.duration)
        logs.append(streams.logs)
    found = np.array(logs)
    parts = np.exp(found - found.max(axis=1, keepdims=True))
    ratios = parts / parts.mean(axis=1, keepdims=True)
    assert ratios.max() <= 4
    error = ratios.std(axis=0) / math.sqrt(len(ratios))
    assert (abs(ratios.mean(axis=0) - 1) < 4 * error).all()


def test_its_own_law_draws_what_the_scenario_draws(
    scenario: Scenario,
) -> None:
    tilted = rare.tilted(scenario, QUESTION)
    law = scenario.faults[0].params.duration
    compared = 0
    for number in range(20):
        streams = TiltedStreams(replace(tilted, replication_no=number))
        plain = Streams(scenario.seed, number)
        name = ("fault link_outage", "duration", "line 0 after 3")
        same = streams.of(*name).law(5, law) == plain.of(*name).law(5, law)
        if streams.drawn == 0:
            assert same
            compared += 1
    assert compared


def test_a_draw_that_is_asked_for_twice_counts_once(
    scenario: Scenario,
) -> None:
    streams = TiltedStreams(rare.tilted(scenario, QUESTION))
    lasts = streams.of("fault link_outage", "duration", "line 0")
    law = scenario.faults[0].params.duration
    first, said = lasts.law(0, law), list(streams.logs)
    again = streams.of("fault link_outage", "duration", "line 0")
    assert (again.law(0, law), streams.logs) == (first, said)


@pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
def test_a_value_is_exceeded_with_its_chance(law: Law) -> None:
    for chance in (0.9, 0.5, 1e-3, 1e-6):
        value = exceeded_with(law, chance)  # whole microseconds
        assert chance_above(law, value) == pytest.approx(chance, rel=1e-3)


def test_few_runs_that_met_it_leave_the_limit_that_always_holds() -> None:
    """None of 40 runs met it. With two laws no weight is above 2: where the share times weight was
    more than 2 x (1 - 0.025^(1/40)) on average, 40 runs without any had a chance below 2.5 %.
    """
    nothing, whole = np.zeros(40), np.full(40, 1e12)
    found, _ = rare.weighted_share(nothing, whole, np.zeros((40, 2)))
    assert found.low == found.estimate == 0
    assert found.high >= 2 * (1 - 0.025 ** (1 / 40))
    assert found.high < 0.5


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("rare: data_loss", "write for example 'data_loss > 1 h'"),
        ("rare: exposure > 1 h", "write for example 'data_loss > 1 h'"),
        ("rare: data_loss > 1 parsec", "replications.rare:"),
        ("rare: [data_loss > 1 h, 7]", "write for example 'data_loss > 1 h'"),
    ],
)
def test_a_question_that_cannot_be_read_is_told(tmp_path: Path, written: str, told: str) -> None:
    text = SCENARIO.read_text()
    begins = text.rindex("rare: [")
    ends = text.index("]", begins) + 1
    path = tmp_path / "mine.yaml"
    path.write_text(text[:begins] + written + text[ends:])
    line = text[:begins].count("\n") + 1
    with pytest.raises(InputError) as error:
        load_scenario(path)
    assert f"mine.yaml:{line}:" in str(error.value)
    assert told in str(error.value)


def test_without_a_fault_that_has_a_rate_nothing_is_rare(
    tmp_path: Path,
) -> None:
    text = SCENARIO.read_text()
    begins = text.index("faults:\n")
    path = tmp_path / "mine.yaml"
    path.write_text(text[:begins] + text[text.rindex("replications:") :])
    with pytest.raises(InputError, match="none has a rate"):
        load_scenario(path)


def test_a_user_sees_it_on_the_screen_the_page_and_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four runs and four more; a second time nothing is played again."""
    out = tmp_path / "out"
    arguments = [
        "run",
        str(SCENARIO),
        "--set",
        "run_for=2 days",
        "--set",
        "faults.link_outage.rate=2 per week",
        "--replications",
        "4",
        "--out",
        str(out),
    ]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "a failure at a random instant" in shown
    assert "data_loss > 2 h" in shown
    asked = json.loads((out / "summary.json").read_text())["rare"]
    assert [each["asked"] for each in asked] == [
        "data_loss > 2 h",
        "data_loss > 12 h",
    ]
    assert all(each["runs"] == 4 for each in asked)
    assert "A failure at a random instant" in (out / "report.html").read_text(encoding="utf-8")
    kept = sorted(out.glob("rare_*/batches/*.batch"))
    assert kept
    times = [path.stat().st_mtime_ns for path in kept]
    assert main(arguments) == 0
    capsys.readouterr()
    assert [path.stat().st_mtime_ns for path in kept] == times
