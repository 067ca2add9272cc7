"""A scenario played once, from nothing to its journals: one for each leg of the run."""

from __future__ import annotations

import gc
from collections.abc import Callable

from dr_sim.engines.sides import open_sides
from dr_sim.runs.legs import Leg, first_leg, next_leg
from dr_sim.scenario.model import Scenario
from dr_sim.world.succession import heirs_of
from dr_sim.world.world import World


def play(scenario: Scenario, progress: Callable[[float], None] | None = None) -> list[Leg]:
    """Build the scenario's world, on the engine that it names, and run it to its end, and after
    each failover the world that follows (dr_sim/runs/legs.py).

    progress is told the part that is done, 0 to 1, of the first leg: what follows a failover is
    short beside it.
    """
    was_on = gc.isenabled()
    # a run makes millions of small objects and no cycles worth collecting; a third of its time
    # otherwise
    gc.disable()
    spec = scenario.engine
    try:
        with open_sides(
            spec.kind, spec.scale, scenario.replay.validate_hash, spec.imitates
        ) as sides:
            world = World(scenario, sides=sides)
            legs = [first_leg(scenario, world.run(progress), world.effects)]
            while (following := next_leg(legs[-1])) is not None:
                heirs = heirs_of(world, following.begins_us - legs[-1].begins_us)
                following.follow([name for name, heir in heirs.items() if heir.copy is not None])
                sides = sides.turned(following.sites > legs[-1].sites)
                world = World(following.scenario, sides=sides, heirs=heirs)
                following.journal, following.effects = world.run(), world.effects
                legs.append(following)
            return legs
    finally:
        if was_on:
            gc.enable()
