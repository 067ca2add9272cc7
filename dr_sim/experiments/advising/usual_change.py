"""One usual change to a scenario, as keys to set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PLAIN = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class UsualChange:
    """One change. sets: as after `--set`. cost: more money a month, in millionths of the unit in
    which the scenario's prices are; None: a price is not known. cost_parts: what makes up the cost
    of one more copy.
    """

    name: str
    sets: tuple[str, ...]
    cost: int | None = 0
    cost_parts: tuple[tuple[str, int], ...] = ()


def sets_of(changes: Iterable[UsualChange]) -> list[str]:
    """Return what several changes set. A whole section comes first: it replaces what is set inside
    it before.
    """
    sets = dict.fromkeys(text for change in changes for text in change.sets)
    return sorted(sets, key=_is_inside)


def _is_inside(text: str) -> bool:
    key, _, _ = text.partition("=")
    return "." in key


def step(name: str) -> str:
    """Return a name as one step of a key after `--set`."""
    return name if _PLAIN.fullmatch(name) else f'"{name}"'
