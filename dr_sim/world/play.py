"""Play a scenario once, from nothing to its journal."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dr_sim.engines.sides import open_sides
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.streams import Streams
from dr_sim.world.world import Stops, World


def play(
    scenario: Scenario,
    progress: Callable[[float], None] | None = None,
    luck: Streams | None = None,
    stops: Stops | None = None,
) -> Journal:
    """Build the scenario's world, on the engine that it names, and run it to its end.

    progress is called with the part that is done, 0 to 1. luck: the draws (default: the
    scenario's own). stops: where the run is stopped to be looked at.
    """
    spec = scenario.engine
    with (
        without_looks_for_cycles(),
        open_sides(
            spec.kind,
            spec.scale,
            scenario.replay.validate_hash,
            spec.imitates,
        ) as sides,
    ):
        return World(scenario, sides=sides, luck=luck).run(progress, stops)


@contextmanager
def without_looks_for_cycles() -> Iterator[None]:
    """Keep Python from looking for cycles of objects that nobody holds: a run makes millions of
    small objects and no cycles worth collecting. The looks would take a third of its time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
