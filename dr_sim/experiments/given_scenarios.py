"""Scenarios as the public face is given them: loaded, or the path of a file, or a mapping."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dr_sim.experiments.input_checks import shortened
from dr_sim.loading.load import Source, load_scenario
from dr_sim.scenario.model import Scenario

ScenarioInput = Scenario | Source
"""A scenario, the path of its file, or a mapping that holds what the file would."""


def a_scenario(given: ScenarioInput) -> Scenario:
    """Return the scenario; a file or a mapping is loaded. Raises TypeError for anything else."""
    if isinstance(given, Scenario):
        return given
    if isinstance(given, (str, os.PathLike, Mapping)):
        return load_scenario(given)
    raise TypeError(
        f"takes a scenario, its file's path or a mapping, not {shortened(given)}"
    )


def named_scenarios(
    given: Mapping[str, ScenarioInput],
) -> dict[str, Scenario]:
    """Return scenarios by name. Raises ValueError if there are none."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"takes scenarios by name, as in {{'now': a, 'then': b}}, not {shortened(given)}"
        )
    if not given:
        raise ValueError("no scenarios to put side by side")
    return {name: a_scenario(one) for name, one in given.items()}
