"""Hints about a name that is no kind of event."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from dr_sim.scenario.kind import EventKind

MOST_LISTED = 30
_LOST = frozenset(
    (
        "lost",
        "loss",
        "fails",
        "failed",
        "failure",
        "down",
        "dies",
        "dead",
        "crash",
    )
)
_LOSABLE = frozenset(("site", "host", "database"))
"""Words of names such as site_lost, host_failure and database_down."""


def _some(known: list[str]) -> str:
    """The first of many words, in one line that can be read."""
    rest = len(known) - MOST_LISTED
    more = (
        f" and {rest} more, which `dr-sim faults` lists" if rest > 0 else ""
    )
    return ", ".join(known[:MOST_LISTED]) + more


def unknown_kind(
    where: str, word: str, known: Mapping[str, EventKind]
) -> str:
    """Say that a word is no kind of event, and what to write instead."""
    near = _meant(word.lower().replace("-", "_"), known)
    hint = (
        f"did you mean {' or '.join(map(repr, near))}?"
        if near
        else f"there is {_some(list(known))}"
    )
    return f"{where}: unknown kind {word[:60]!r}; {hint}"


def _meant(word: str, known: Mapping[str, EventKind]) -> list[str]:
    """The kinds that may be meant: one that people call so, that of a loss if the word speaks of
    one, else one that is spelt like it, else up to three that have its first word in their name.
    """
    for kind in known.values():
        if word in kind.also:
            return [kind.name]
    parts = word.split("_")
    losses = [
        kind.name for kind in known.values() if kind.loses is not None
    ]
    if (
        losses
        and _LOST.intersection(parts)
        and _LOSABLE.intersection(parts)
    ):
        return losses[:1]
    near = difflib.get_close_matches(word, known, 1, 0.6)
    if near and set(parts).intersection(near[0].split("_")):
        return near
    alike = [name for name in known if parts[0] in name.split("_")]
    return alike[:3] or near
