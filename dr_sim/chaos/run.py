"""One run of clients and faults against a real API, from the scenario to the verdict."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from dr_sim.chaos.api import (
    ApiUnderTest,
    CallAnswered,
    CallMade,
    EffectSeen,
)
from dr_sim.chaos.judging import WhatHappened, broken
from dr_sim.chaos.own_server import OwnServer, ServedScenario, emptied
from dr_sim.chaos.playing import check_playable, play_against
from dr_sim.chaos.rows import (
    call_rows,
    effects_in,
    first_difference,
    other_orders,
)
from dr_sim.cloud.texts import OPERATORS
from dr_sim.errors import DrSimError, input_error
from dr_sim.errors.bugs import EXIT_BUG, in_one_line
from dr_sim.formatting.words import counted
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.world.own_logic import look_here_too, object_of
from dr_sim.world.play import play

_STILL_S = 5.0
"""Nothing more comes of what was asked once nothing has for so long."""
_POLL_S = 0.05
_LONGEST_CALL_S = (
    0.05  # a kill comes at any instant of a call, or just after it
)
_MOST_TOLD = 20
EXIT_BROKEN = 4


@dataclass(slots=True)
class ChaosResult:
    """calls: that reached the API. kills: of it. rows: that were compared with the model's; 0: none
    were. wrong: what broke or is not as in the model, a sentence each.
    """

    calls: int
    effects: int
    kills: int
    rows: int
    wrong: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return EXIT_BROKEN if self.wrong else 0

    def screen(self, name: str) -> str:
        verdict = "FAIL" if self.wrong else "PASS"
        lines = [
            f"{verdict}  {name}",
            f"  {counted(self.calls, 'call')} reached the API and had "
            f"{counted(self.effects, 'effect')}; it was killed {counted(self.kills, 'time')}",
        ]
        if self.rows:
            lines.append(
                f"  {counted(self.rows, 'row')} compared with the model's"
            )
        lines += [f"  {line}" for line in self.wrong[:_MOST_TOLD]]
        if len(self.wrong) > _MOST_TOLD:
            lines.append(f"  and {len(self.wrong) - _MOST_TOLD} more")
        return "\n".join(lines)


class ApiFailedError(DrSimError):
    """A method of the API under test raised an exception."""

    exit_code = EXIT_BUG


class _Guarded:
    """An API whose kills are counted, and whose own exceptions are said to be its own."""

    def __init__(self, api: ApiUnderTest) -> None:
        self._api = api
        self.kills = 0

    def start(self) -> None:
        with _its_own("start"):
            self._api.start()

    def kill(self) -> None:
        self.kills += 1
        with _its_own("kill"):
            self._api.kill()

    def call(self, asked: CallMade) -> CallAnswered:
        with _its_own(f"call of {asked.name} for {asked.operation!r}"):
            return self._api.call(asked)

    def effects(self) -> list[EffectSeen]:
        with _its_own("effects"):
            return self._api.effects()


@contextmanager
def _its_own(what: str) -> Iterator[None]:
    try:
        yield
    except DrSimError:
        raise
    except Exception as error:
        raise ApiFailedError(
            f"the API under test, {what}: {in_one_line(error)}"
        ) from error


def against_own_server(
    scenario: Scenario, served: ServedScenario, kills: int = 0
) -> ChaosResult:
    """Play it against dr_sim's own server, and compare logical rows with the model's. kills: how
    often it is killed in the middle of a call, beside the crashes of the scenario.
    """
    check_playable(scenario, str(served.path))
    assert scenario.cloud is not None
    callers = [client.name for client in scenario.cloud.clients]
    model = play(scenario)
    rows = call_rows(model)
    with (
        emptied(served.store),
        tempfile.TemporaryDirectory(prefix="dr_sim-chaos-") as name,
    ):
        api = OwnServer(served, Path(name), [OPERATORS, *callers])
        api.cuts = _cuts(scenario.seed, kills, model)
        found, happened, real = _played(scenario, api)
    found.kills += kills
    found.wrong += api.lost
    difference = first_difference(rows, call_rows(real))
    if difference:
        found.wrong.append(difference)
    effects = effects_in(model, scenario.cloud)
    found.wrong += other_orders(effects, happened.effects)
    found.rows = len(rows) + len(effects)
    return found


def _cuts(seed: int, kills: int, model: Journal) -> dict[int, float]:
    """Draw the calls that are cut off by a kill: number -> seconds after its beginning."""
    calls = sum(1 for _ in model.rows("cloud.Called"))
    if kills > calls:
        raise input_error(
            "--kills", f"the number of calls is {calls}: write that or less"
        )
    draws = Random(f"kills {seed}")
    numbers = draws.sample(range(1, calls + 1), kills)
    return {
        number: draws.uniform(0, _LONGEST_CALL_S)
        for number in sorted(numbers)
    }


def against_own_api(
    scenario: Scenario, path: str, name: str
) -> ChaosResult:
    """Play it against a user's API, by the name of its factory."""
    check_playable(scenario, path)
    look_here_too()
    make: Callable[[], Any] = object_of(name, "--api")
    with _its_own(name):
        api = make()
    for method in ("start", "kill", "call", "effects"):
        if not callable(getattr(api, method, None)):
            raise input_error(
                f"--api {name}",
                f"has no {method}(); dr_sim/chaos/api.py says what it does",
            )
    return _played(scenario, api)[0]


def _played(
    scenario: Scenario, api: ApiUnderTest
) -> tuple[ChaosResult, WhatHappened, Journal]:
    guarded, happened = _Guarded(api), WhatHappened()
    try:
        journal = play_against(scenario, guarded, happened)
        happened.effects = _settled(guarded)
        kills = guarded.kills
    finally:
        guarded.kill()
    found = ChaosResult(
        len(happened.calls),
        len(happened.effects),
        kills,
        0,
        broken(happened),
    )
    return found, happened, journal


def _settled(api: ApiUnderTest) -> list[EffectSeen]:
    """Return the effects once nothing more comes."""
    effects = api.effects()
    until = time.monotonic() + _STILL_S
    while time.monotonic() < until:
        time.sleep(_POLL_S)
        found = api.effects()
        if len(found) != len(effects):
            effects, until = found, time.monotonic() + _STILL_S
    return effects
