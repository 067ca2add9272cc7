"""The ways back that people order after a mistake, or from rotten pages: how a scenario writes
them, and what is wrong with them.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from dr_sim.scenario.fields.fields import Quantity, did_you_mean, refuse
from dr_sim.scenario.kind import RestOfScenario
from dr_sim.units import format_size

NOTHING = "nothing"
"""The word for no way at all."""
Way = TypeVar("Way", bound=enum.StrEnum)


def ways_of(kind: type[Way], value: Any) -> tuple[Way, ...]:
    """Read one way, or a list of ways that are tried one after the other."""
    known = [NOTHING, *map(str, kind)]
    words = value if isinstance(value, (list, tuple)) else [value]
    if value == []:
        raise refuse(
            f"no way back is written; write {NOTHING}, or leave it out"
        )
    for word in words:
        if word not in known:
            raise refuse(
                f"{str(word)[:40]!r} is no way back; {did_you_mean(str(word), known)}"
            )
    if NOTHING in words and len(words) > 1:
        raise refuse(f"{NOTHING} goes with no other way; leave it out")
    return tuple(kind(word) for word in words if word != NOTHING)


def _written(ways: Sequence[enum.StrEnum]) -> str | list[str]:
    words = [str(way) for way in ways] or [NOTHING]
    return words[0] if len(words) == 1 else words


WAYS = Quantity("ways back", _written)


def schema_of(kind: type[enum.StrEnum]) -> dict[str, Any]:
    """Return the JSON schema of one way or several."""
    words = [str(way) for way in kind]
    return {
        "description": "a way back, or several that are tried one after the other",
        "anyOf": [
            {"enum": [NOTHING, *words]},
            {
                "type": "array",
                "minItems": 1,
                "items": {"enum": words},
            },
        ],
    }


# ---- what is wrong with them
def unknown_place(place: str | None, around: RestOfScenario) -> list[str]:
    """Say that there is no such standby or store."""
    places = (*around.stores, *around.standbys)
    if place is None or place in places:
        return []
    return [
        f"there is no copy {place[:40]!r}; {did_you_mean(place, places)}"
    ]


def more_than_all(
    key: str, size: int | None, database: str, around: RestOfScenario
) -> list[str]:
    """Say that the value of a key is larger than the database. size: None if none is written."""
    all_of_it = around.sizes.get(database)
    if not size or not all_of_it or size <= all_of_it:
        return []
    return [
        f"{key}: {format_size(size)} is more than {database} holds "
        f"({format_size(all_of_it)}); write less"
    ]


def to_no_standby(
    way: enum.StrEnum,
    place: str | None,
    there: Collection[str],
    right: enum.StrEnum,
) -> list[str]:
    """Say that a way leads to a place that cannot take it. there: the places that can; right: a way
    that every place can take.
    """
    if not there:
        return [
            f"then: {way} is to a standby, and there is none; write {right}"
        ]
    if place is None or place in there:
        return []
    return [
        f"then: {way} is to a standby, and {place} is a store; write "
        f"{right}, or place: {next(iter(there))}"
    ]
