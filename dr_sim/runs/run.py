"""One run from a scenario to its numbers: the world, the measures, the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dr_sim.measures.standing import summary_of
from dr_sim.measures.summary import Summary
from dr_sim.measures.verdict import Verdict, judge
from dr_sim.measures.whole import Whole
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.world.play import play


@dataclass(slots=True)
class Result:
    """A finished run. `summary` holds every number; `digest` names the run bit for bit."""

    journal: Journal
    whole: Whole
    summary: Summary
    verdict: Verdict
    digest: str

    @property
    def scenario(self) -> Scenario:
        return self.whole.scenario


def run(
    scenario: Scenario, progress: Callable[[float], None] | None = None
) -> Result:
    """Simulate a scenario and measure it, on the engine that it names. progress is called with the
    part that is done, 0 to 1.
    """
    journal = play(scenario, progress)
    whole = Whole.of(journal, scenario)
    summary = summary_of(whole)
    return Result(
        journal, whole, summary, judge(summary, scenario), journal.digest()
    )
