"""How a record keeps the lists and dicts in the cloud manager's events: each is one JSON text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dr_sim.cloud.events import (
    FoundAttempt,
    FoundMachine,
    FoundThing,
    MachinesAtSite,
    SilentAgent,
)
from dr_sim.cloud.words import WhyFailed, Word
from dr_sim.record.codec import Codec, checked
from dr_sim.recovery.saved import of_type

NOBODY = ""
"""The text of an answer that nobody gave."""


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(of_type(text, str) for text in of_type(found, list))


def _or_nobody(codec: Codec) -> Codec:
    """Return the codec of an answer that may be None: nobody answers."""

    def text(value: Any) -> str:
        return NOBODY if value is None else codec.text(value)

    def value(text: str) -> Any:
        return None if text == NOBODY else codec.value(text)

    return Codec(text, value)


def _listed(listed: Callable[[Any], Any]) -> Callable[[Any], str]:
    """Return how a tuple becomes a text: each member is listed as that says."""
    return lambda members: json.dumps([listed(one) for one in members])


# ---- attempts at jobs
def _attempt_list(found: FoundAttempt) -> list[Any]:
    listed = [found.job, found.attempt, found.word, found.reason]
    if found.network:
        listed += [found.network, found.site]
        listed += [found.script, found.change, found.params]
    return listed


def _attempts(found: Any) -> tuple[FoundAttempt, ...]:
    return tuple(_attempt(*of_type(one, list)) for one in found)


def _attempt(
    job: Any, attempt: Any, word: Any, reason: Any, *what: Any
) -> FoundAttempt:
    return FoundAttempt(
        of_type(job, str),
        of_type(attempt, int),
        Word(word),
        WhyFailed(reason),
        *_texts(list(what)),
    )


# ---- agents
def _agent_list(agent: SilentAgent) -> list[str]:
    return [agent.network, agent.site]


def _agents(found: Any) -> tuple[SilentAgent, ...]:
    return tuple(SilentAgent(*_texts(one)) for one in of_type(found, list))


# ---- things of a side
def _things_text(things: dict[str, FoundThing]) -> str:
    listed = {
        name: [thing.value, thing.ids] for name, thing in things.items()
    }
    return json.dumps(listed)


def _things(found: Any) -> dict[str, FoundThing]:
    things = {}
    for name, (value, ids) in of_type(found, dict).items():
        things[name] = FoundThing(of_type(value, str), _texts(ids))
    return things


# ---- identifiers
def _identifiers(found: Any) -> dict[str, dict[str, str]]:
    identifiers = {}
    for network, names in of_type(found, dict).items():
        of_network = of_type(names, dict)
        for name in of_network.values():
            of_type(name, str)
        identifiers[network] = of_network
    return identifiers


# ---- machines of a site
_RUNS = {True: "running", False: "down"}


def _machines_text(found: MachinesAtSite) -> str:
    machines = [_machine_list(machine) for machine in found.machines]
    return json.dumps({"machines": machines, "images": found.images})


def _machine_list(machine: FoundMachine) -> list[str]:
    return [
        machine.name,
        _RUNS[machine.runs],
        machine.physical,
        machine.image,
        machine.farm,
        machine.role,
    ]


def _machines(found: Any) -> MachinesAtSite:
    machines = tuple(_machine(*_texts(one)) for one in found["machines"])
    return MachinesAtSite(machines, _texts(found["images"]))


def _machine(name: str, state: str, *what: str) -> FoundMachine:
    return FoundMachine(name, state == _RUNS[True], *what)


CLOUD_CODECS: dict[Any, Codec] = {
    tuple[FoundAttempt, ...]: Codec(
        _listed(_attempt_list), checked(_attempts)
    ),
    tuple[SilentAgent, ...]: Codec(_listed(_agent_list), checked(_agents)),
    dict[str, FoundThing] | None: _or_nobody(
        Codec(_things_text, checked(_things))
    ),
    dict[str, dict[str, str]]: Codec(json.dumps, checked(_identifiers)),
    MachinesAtSite | None: _or_nobody(
        Codec(_machines_text, checked(_machines))
    ),
}
"""By type, as typing.get_type_hints gives it."""
