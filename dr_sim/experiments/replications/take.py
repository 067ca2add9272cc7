"""One replication of a scenario, played and measured."""

from __future__ import annotations

from dr_sim.errors import DrSimError
from dr_sim.errors.bugs import Broken, broken_by
from dr_sim.experiments.replications.sample import Sample
from dr_sim.experiments.replications.sampling import (
    from_summary,
    replication,
)
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario
from dr_sim.world.kernel.tilted import TiltedStreams
from dr_sim.world.play import play


def take_several(
    scenario: Scenario, first: int, count: int
) -> tuple[list[Sample], list[Broken]]:
    """Play a stretch of replications: what they left, and those that ended in an error. DrSimError
    if the scenario cannot be played at all.
    """
    done: list[Sample] = []
    broken: list[Broken] = []
    for number in range(first, first + count):
        try:
            done.append(take(scenario, number))
        except DrSimError:
            raise
        except Exception as error:
            broken.append(broken_by(error, number, scenario.manager))
    return done, broken


def take(scenario: Scenario, number: int) -> Sample:
    """Play one replication and measure it."""
    of = replication(scenario, number)
    luck = TiltedStreams(of) if of.tilts else None
    whole = Whole.of(play(of, luck=luck), of)
    sample = from_summary(whole, summarise(whole), of)
    if luck is not None:
        sample.logs = luck.logs
    return sample
