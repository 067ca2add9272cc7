"""Clients and faults of a scenario, played against a real API.

Theory of operation. It is the simulated world with its clients, its bad network and its clock, and
instead of the cloud manager a machine that decides nothing: it hands each call that reaches the
manager to the API, and waits for the answer. No virtual time passes meanwhile, so timeouts and
repeated calls come as they would in the simulation. Where the simulated manager dies, the API is
killed; where it is started again, so is the API.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from dr_sim.chaos.api import OUTCOMES, ApiUnderTest, CallMade
from dr_sim.chaos.judging import WhatHappened
from dr_sim.cloud.commands import AnswerCall
from dr_sim.cloud.events import Called
from dr_sim.cloud.words import CallOutcome, JobState
from dr_sim.errors import input_error
from dr_sim.machines import Command, Event, TakeInventory
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.world.world import World


class RemoteManager:
    """A machine whose answers are those of an API."""

    def __init__(self, api: ApiUnderTest, happened: WhatHappened) -> None:
        self._api = api
        self._happened = happened

    def resume(self) -> Sequence[Command]:
        self._api.start()
        return [TakeInventory()]

    def handle(self, event: Event) -> Sequence[Command]:
        if not isinstance(event, Called):
            return []
        params: dict[str, str] = json.loads(event.params)
        asked = CallMade(
            event.caller,
            event.request,
            event.operation,
            event.network,
            event.entity,
            tuple(params.items()),
        )
        answered = self._api.call(asked)
        if answered.outcome not in OUTCOMES:
            raise input_error(
                "the API",
                f"answered {answered.outcome!r}; there are {', '.join(OUTCOMES)}",
            )
        self._happened.calls.append((asked, answered))
        outcome = CallOutcome(answered.outcome)
        job = (
            asked.name if answered.outcome in ("accepted", "again") else ""
        )
        return [AnswerCall(event.call, outcome, job, JobState.QUEUED)]


def check_playable(scenario: Scenario, name: str) -> None:
    """Raise InputError where the scenario has something that no real API can be made to meet."""
    if scenario.cloud is None:
        raise input_error(name, "has no cloud manager: write `clients`")
    kinds = [event.kind for event in scenario.events]
    kinds += [fault.kind for fault in scenario.faults]
    for kind in kinds:
        if not kind.at_api:
            raise input_error(
                name, f"{kind.name} cannot be played against a real API"
            )


def play_against(
    scenario: Scenario, api: ApiUnderTest, happened: WhatHappened
) -> Journal:
    """Play a scenario's clients and faults against an API that is not running. happened: is given
    every call that reached it. Return the record of what clients saw; the API is up then.
    """
    world = World(scenario)
    cloud = world.pair.cloud
    assert cloud is not None
    cloud.driver.build = lambda life, stored: RemoteManager(api, happened)  # type: ignore[assignment,return-value]
    cloud.driver.hooks.on_death.append(api.kill)
    journal = world.run()
    if not cloud.lives.up:
        api.start()  # it was down at the end, and must do what is left all the same
    return journal
