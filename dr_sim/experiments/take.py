"""One replication of a scenario, played and measured."""

from __future__ import annotations

from dr_sim.experiments.sample import Sample, from_summary, replication
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario
from dr_sim.world.play import play


def take(scenario: Scenario, number: int) -> Sample:
    """Play one replication and measure it."""
    of = replication(scenario, number)
    whole = Whole.of(play(of), of)
    return from_summary(whole, summarise(whole), of)
