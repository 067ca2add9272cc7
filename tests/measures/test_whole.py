"""Curves over all legs of a run: joined, with gaps, and what exposure is while there is no second
side, by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dr_sim.experiments.replications.sampling import from_summary
from dr_sim.loading import load_scenario
from dr_sim.measures.causes.ledger import explain_failover
from dr_sim.measures.exposure.exposure import Curve, joined
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.measures.outcome.unprotected import unprotected_spans
from dr_sim.measures.summary.plain import summary_json
from dr_sim.results import run_folder
from dr_sim.results.run_folder import read_results, write_results
from dr_sim.runs.run import Result, run
from dr_sim.screen.explain import Wanted, alerts_of, explain
from tests.library.runs import HOUR, MINUTE, SECOND, ceil_div, ran

SCENARIO = """\
run_for: 12 h
databases: {{crm: {{size: 50 GB, log: every 5 min, log_volume: 20 MB per 5 min, incremental: none}}}}
link: {{bandwidth: 200 Mbit/s}}
failover: {{mode: automatic, silent_for: 30 s}}
after_failover: {{new_secondary: {new_secondary}}}
events: [{{at: 1 h, lose: site}}{more}]
"""
# 30 s of silence, a fence that reaches nothing for 21 s, 10 s to come online
PROMOTED = HOUR + 61 * SECOND


def made(tmp_path: Path, new_secondary: str = "0 s", more: str = "") -> Result:
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(new_secondary=new_secondary, more=more), encoding="utf-8")
    return run(load_scenario(path))


def test_joined_curves_have_gaps_that_count_for_nothing() -> None:
    a = Curve(np.array([0, 10]), np.array([0, 8]), 20)  # 0..10, then 2..12
    both = joined([a, Curve(np.array([5]), np.array([4]), 9).shifted(100)])  # at 105: 1..5
    assert (both.duration_us, both.max_us()) == (24, 12)
    assert both.mean_us() * 24 == (100 + 140 + 24) / 2
    assert both.above_us(4) == 6 + 8 + 1
    assert [(p.begin_us, p.end_us) for p in both.parts()] == [(0, 20), (105, 109)]
    assert both.window(15, 107).duration_us == 5 + 2
    assert both.window(20, 105).duration_us == 0
    assert both.above(4) == [(4, 20), (108, 109)] or both.above(4) == [
        (4, 10),
        (12, 20),
        (108, 109),
    ]
    assert joined([]).duration_us == 0 and joined([a]) is a


def test_the_whole_history_is_exposed_until_the_first_full_has_landed(tmp_path: Path) -> None:
    """The run is an hour, 30 s, 21 s and 10 s old at the promotion. A full of 50 GB is read in
    5 s + 50 GB / 191 MB/s, and crosses in 2,000 s and what five logs of 0.8 s take.
    """
    result = made(tmp_path)
    curve = result.whole.exposure()
    up, then = curve.parts()
    assert (up.begin_us, up.end_us, then.begin_us, then.end_us) == (0, HOUR, PROMOTED, 12 * HOUR)
    assert curve.at(PROMOTED + 20 * MINUTE) == PROMOTED + 20 * MINUTE
    least = PROMOTED + 5 * SECOND + ceil_div(50_000_000_000, 191_000_000) + 2_000 * SECOND
    assert least <= summary_json(result.summary)["exposure"]["max_us"] < least + 10 * SECOND
    assert (
        summary_json(result.summary)["exposure"]["max_us"]
        == curve.max_us()
        == summary_json(result.summary)["exposure"]["by_database"]["crm"]["max_us"]
    )
    assert summary_json(result.summary)["exposure"]["time_us"] == 12 * HOUR - 61 * SECOND
    reported = summary_json(result.summary)["exposure"]["reported"]["max_us"]
    # what has landed is not known to be good until it is restored
    assert reported > summary_json(result.summary)["exposure"]["max_us"]
    assert reported == PROMOTED + summary_json(result.summary)["failovers"][0]["unprotected_us"]


def test_to_the_end_of_the_run_where_no_second_side_ever_comes(tmp_path: Path) -> None:
    result = made(tmp_path, "none")
    assert (
        summary_json(result.summary)["exposure"]["max_us"]
        == summary_json(result.summary)["exposure"]["reported"]["max_us"]
        == 12 * HOUR
    )
    assert summary_json(result.summary)["exposure"]["other_classes"]["host"]["max_us"] == 12 * HOUR
    assert unprotected_spans(result.whole) == {1: (PROMOTED, 12 * HOUR)}


def test_later_by_as_much_as_the_new_secondary_is(tmp_path: Path) -> None:
    """Three hours, and what the first log holds that nobody could back up meanwhile: 36 times 20 MB
    over 200 Mbit/s.
    """
    late, at_once = (
        summary_json(made(tmp_path, "3 h").summary)["exposure"]["max_us"],
        summary_json(made(tmp_path).summary)["exposure"]["max_us"],
    )
    assert 3 * HOUR < late - at_once < 3 * HOUR + 28_800_000, "part of it crosses before the full"


def test_a_loss_while_unprotected_ends_it(tmp_path: Path) -> None:
    result = made(tmp_path, "4 h", ", {at: 2 h, lose: site}")
    assert summary_json(result.summary)["exposure"]["max_us"] == 2 * HOUR
    assert summary_json(result.summary)["failovers"][1]["data_loss_us"] == 2 * HOUR
    assert unprotected_spans(result.whole) == {1: (PROMOTED, 2 * HOUR)}
    assert [leg["unprotected_us"] for leg in summary_json(result.summary)["legs"]] == [
        None,
        [PROMOTED, 2 * HOUR],
    ]


def test_distributions_see_all_legs(tmp_path: Path) -> None:
    result = made(tmp_path)
    sample = from_summary(result.whole, result.summary, result.scenario)
    (site,) = [
        c
        for c in sample.curves
        if (c.measure, c.database, c.failure_class) == ("exposure", "", "site")
    ]
    assert site.time_us == 12 * HOUR - 61 * SECOND
    assert dict(map(tuple, site.exactly))[result.scenario.danger_us] > 20 * MINUTE
    (peak,) = [v for v in sample.values if (v.measure, v.failure_class) == ("exposure.max", "site")]
    assert peak.low == summary_json(result.summary)["exposure"]["max_us"]


def test_the_sites_change_places_and_a_lost_one_is_replaced() -> None:
    legs = summary_json(ran("after_failover/failback").summary)["legs"]
    assert [(leg["primary"], leg["secondary"]) for leg in legs] == [
        ("A", "B"),
        ("B", "C"),
        ("C", "B"),
    ]
    assert [leg["ends_us"] for leg in legs[:-1]] == [leg["begins_us"] for leg in legs[1:]]
    assert [leg["unprotected_us"] is None for leg in legs] == [True, False, False]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_folder, "draw_pictures", lambda *a: None)
        result = made(folder)
        write_results(result, folder / "run")
        write_results(made(folder, "none"), folder / "alone")
    return folder, result


@pytest.mark.parametrize(
    ("run_of", "at", "told"),
    [
        (
            "run",
            "1 h 21 min 1 s",
            ["1:01:01.000000  earlier history", "0:15", "seed: full transfer"],
        ),
        ("run", "11 h 1 min", ["log interval"]),
        (
            "alone",
            "3 h 1 min 1 s",
            ["1:01:01.000000  earlier history", "2:00:00.000000", "no second side"],
        ),
    ],
)
def test_an_instant_of_any_leg_is_explained_by_what_adds_up(
    stored: Any, run_of: str, at: str, told: list[str]
) -> None:
    text = explain(read_results(stored[0] / run_of).whole, Wanted(at=at))
    for word in told:
        assert word in text
    with pytest.raises(Exception, match="was not up at that instant"):
        explain(read_results(stored[0] / run_of).whole, Wanted(at="1 h 30 s"))
    for wanted in (Wanted(at="90 days"), Wanted(lag="90 days")):
        with pytest.raises(Exception, match="90 days: lies outside of the run, which lasts "):
            explain(read_results(stored[0] / run_of).whole, wanted)


def test_alerts_are_numbered_through_all_legs(stored: Any) -> None:
    folder, result = stored
    listed = alerts_of(read_results(folder / "run").whole, everything=True).splitlines()
    assert [int(line.split()[0]) for line in listed] == list(range(1, len(listed) + 1))
    told = summary_json(result.summary)["alerts"]["list"]
    assert [a["number"] for a in told] == sorted({a["number"] for a in told})
    last = told[-1]
    assert last["time_us"] > result.whole.legs[1].begins_us
    assert explain(read_results(folder / "run").whole, Wanted(alert=last["number"])).startswith(
        f"alert {last['number']}: {last['text'][:40]}"
    )


def test_alerts_of_several_copies_are_listed_by_time(tmp_path: Path) -> None:
    """near fences at 1:02:51, cannot come online, and far fences 41 s later: both say so."""
    path = tmp_path / "s.yaml"
    more = ", {at: 61 min, standby_broken: {database: crm, how: brought online}, copy: near}"
    text = SCENARIO.format(new_secondary="none", more=more).replace("1 h, lose", "62 min, lose")
    text = text.replace("12 h", "65 min")
    path.write_text(f"{text}copies: {{near: {{}}, far: {{}}}}\n", encoding="utf-8")
    whole = run(load_scenario(path)).whole
    times = [line.split()[2] for line in alerts_of(whole, everything=True).splitlines()]
    assert times == sorted(times) and len(times) > 3
    fenced = next(line for line in alerts_of(whole).splitlines() if "event 12 " in line)
    assert "01:02:51 to Mon 01:03:32" in fenced


ELSEWHERE = """\
run_for: 16 h
databases: {{crm: {{size: 50 GB, log_volume: 20 MB per 5 min, full: {full}, incremental: none}}}}
link: {{bandwidth: 200 Mbit/s}}
failover: {{mode: automatic}}
after_failover: {{new_secondary: {new}}}
events: [{events}]
"""


@pytest.mark.parametrize(
    ("full", "new", "events", "loss", "left_at"),
    [
        # the host's share holds the full of 1:00 and each log up to the one cut at 11:55, which is
        # all that B began with: 30 s of silence, 5 s of a fence that is obeyed, 10 s to come online
        pytest.param(
            "daily 01:00",
            "0 s",
            "{at: 12 h, lose: host}, {at: 12 h 20 min, lose: site}",
            20 * MINUTE - 45 * SECOND,
            "A",
            id="the share of a lost host",
        ),
        # without a full the logs in that share are of no use
        pytest.param(
            "none",
            "0 s",
            "{at: 12 h, lose: host}, {at: 12 h 20 min, lose: site}",
            12 * HOUR + 20 * MINUTE,
            "",
            id="a share without a full",
        ),
        # A is back with all that it had; B was promoted at 12:01:01 and is lost at 12:50:00
        pytest.param(
            "daily 01:00",
            "6 h",
            "{at: 12 h, lose: site}, {at: 12 h 30 min, site_returns: A}, "
            "{at: 12 h 50 min, lose: site}",
            48 * MINUTE + 59 * SECOND,
            "A",
            id="a site that is back",
        ),
        pytest.param(
            "daily 01:00",
            "6 h",
            "{at: 12 h, lose: site}, {at: 12 h 50 min, lose: site}, "
            "{at: 12 h 55 min, site_returns: A}",
            12 * HOUR + 50 * MINUTE,
            "",
            id="a site that was not back yet",
        ),
    ],
)
def test_what_an_earlier_place_still_holds_is_not_lost(
    tmp_path: Path, full: str, new: str, events: str, loss: int, left_at: str
) -> None:
    path = tmp_path / "elsewhere.yaml"
    path.write_text(ELSEWHERE.format(full=full, new=new, events=events), encoding="utf-8")
    result = run(load_scenario(path))
    second = result.whole.legs[1]
    (failover,) = failovers(second.journal, second.scenario)
    (lost,) = failover.losses
    assert (lost.data_loss_us, lost.left_at) == (loss, left_at)
    at_us = second.begins_us + lost.failed_us
    assert result.whole.exposure().at(at_us) == loss
    (ledger, *_) = explain_failover(second.journal, second.scenario, 1)
    assert sum(line.duration_us for line in ledger.lines) == loss
    assert ("site A still holds" in ledger.note) is (left_at == "A")
