"""The witness of an API: what must never happen, seen from outside, whatever the API is made of.

It knows what callers asked, what they were answered, which answers reached them, and what came of
it. The numbers are those of docs/cloud.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dr_sim.chaos.api import CallAnswered, CallMade, EffectSeen
from dr_sim.formatting.words import counted

_READ = "read"
_TAKEN = ("accepted", "again")


@dataclass(slots=True)
class WhatHappened:
    """calls: in the order in which they reached the API. effects: in their order."""

    calls: list[tuple[CallMade, CallAnswered]] = field(default_factory=list)
    effects: list[EffectSeen] = field(default_factory=list)


def broken(happened: WhatHappened) -> list[str]:
    """Return everything that broke, a sentence each."""
    asks: dict[str, CallMade] = {}
    found = list(_calls(happened.calls, asks))
    found += _effects(happened.effects, asks)
    found += _order(happened.effects)
    return found


def _calls(
    calls: Iterable[tuple[CallMade, CallAnswered]],
    asks: dict[str, CallMade],
) -> Iterator[str]:
    """asks: is given what each request that was taken asks for."""
    for asked, answered in calls:
        name, outcome = asked.name, answered.outcome
        known = asks.get(name)
        if asked.operation == _READ:
            if known is not None and outcome != "found":
                yield f"2: {name} was accepted, and a read is answered {outcome!r}"
            elif known is None and outcome == "found":
                yield f"11: {name} is found, and was never accepted"
            continue
        if known is None:
            if outcome == "again":
                yield f"11: {name} is answered 'again', and was never accepted"
            if outcome in _TAKEN:
                asks[name] = asked
        elif known != asked and outcome != "conflict":
            yield f"3: {name} asks for something else than before, and is answered {outcome!r}"
        elif known == asked and outcome != "again":
            yield f"2: {name} was accepted, and the same call is answered {outcome!r}"


def _effects(
    effects: Sequence[EffectSeen], asks: dict[str, CallMade]
) -> Iterator[str]:
    times: dict[tuple[str, str], int] = defaultdict(int)
    for effect in effects:
        name = effect.change
        times[effect.side, name] += 1
        if times[effect.side, name] == 2:
            yield f"1: {name} took effect at {effect.side} more than once"
        asked = asks.get(name)
        if asked is None:
            yield f"11: {name} took effect at {effect.side}, and was never accepted"
        elif (asked.network, asked.thing) != (effect.network, effect.thing):
            yield f"3: {name} asks for {asked.thing}, and {effect.thing} was changed"
    for side in sorted({effect.side for effect in effects}):
        for name in asks:
            if (side, name) not in times:
                yield f"1: {name} was accepted, and never took effect at {side}"
    if asks and not effects:
        yield f"1: {counted(len(asks), 'accepted request')}, and nothing took effect"


def _order(effects: Sequence[EffectSeen]) -> Iterator[str]:
    """Changes of a thing take effect in the same order at each side."""
    orders = orders_of(effects)
    first: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for (side, network, thing), order in orders.items():
        usual, wanted = first.setdefault((network, thing), (side, order))
        if order != wanted and sorted(order) == sorted(wanted):
            yield f"9: changes of {thing} took effect in another order at {side} than at {usual}"


def orders_of(
    effects: Sequence[EffectSeen],
) -> dict[tuple[str, str, str], list[str]]:
    """Return (side, network, thing) -> its changes in their order."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for effect in effects:
        place = (effect.side, effect.network, effect.thing)
        found[place].append(effect.change)
    return found
