"""Drawn faults: at their rates, each with a stream of its own."""

from __future__ import annotations

from collections import Counter

from dr_sim.loading import load_scenario
from dr_sim.measures.verdict import Outcome
from dr_sim.world.world import World

from .runs import SCENARIOS, ran, rows


def begun(journal_rows: list) -> Counter[str]:
    return Counter(str(r.values["what"]) for r in journal_rows if r.values["begins"])


def test_every_kind_comes_about_as_often_as_its_rate_says() -> None:
    result = ran("rates")
    assert result.verdict.outcome is Outcome.PASS, result.verdict.lines
    found = begun(rows(result, "truth.event", number=0))
    for fault in result.scenario.faults:
        expected = result.scenario.run_for_us * fault.num / fault.den_us
        # five standard deviations of a Poisson count, and seed 1 is one of them for good
        assert abs(found[fault.kind.name] - expected) <= 5 * expected**0.5, fault.kind
    assert sum(found.values()) > 40
    assert set(found) >= {
        fault.kind.name
        for fault in result.scenario.faults
        if fault.num * 56 * 86_400_000_000 > 3 * fault.den_us
    }


def test_another_rate_leaves_the_other_kinds_where_they_were() -> None:
    """One kind's rate is changed: the instants and the details of all others' happenings stay."""

    def happenings(*overrides: str) -> list[tuple[int, str, str]]:
        scenario = load_scenario(SCENARIOS / "rates.yaml", ["run_for=14 days", *overrides])
        journal = World(scenario).run()
        found = [
            (r.time_us, str(r.values["what"]), str(r.values["detail"]))
            for r in journal.rows("truth.event")
            if r.values["begins"]
        ]
        return [h for h in found if h[1] != "link_outage"]

    few = happenings()
    assert len(few) >= 8
    assert happenings("faults.link_outage.rate=3 per week") == few
