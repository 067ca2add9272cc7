"""Shrinking: the smallest case that still shows the same sign.

Each step proposes smaller trees: without an event, without a database, without an option, with a
rounder instant, a shorter run. One is kept if its run shows the same sign. Steps are repeated until
none helps any more or the runs are used up. A tree that is no scenario shows nothing, so the loader
is the judge of what may go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

from dr_sim.explore.against.asking import OtherSide
from dr_sim.explore.against.difference import look_beside
from dr_sim.explore.case import (
    DIFFERS,
    LANE_DIFFERS,
    Sign,
    Tree,
    load,
    yaml_text,
)
from dr_sim.units import UnitError, parse_duration

MOST_RUNS = 250
MOST_S = 600.0
"""A case whose runs do not end would keep it busy for hours."""
MINUTE_US = 60_000_000
KEPT = ("name", "run_for", "databases", "events")
"""Keys that a scenario needs, or that have steps of their own."""
_OF_A_DATABASE = ("size",)
ROUND_US = (60 * MINUTE_US, 10 * MINUTE_US, MINUTE_US, 1_000_000)


@dataclass(slots=True)
class Shrunk:
    """Holds what is left of a case, and in how many runs."""

    tree: Tree
    runs: int


def shrink(
    tree: Tree,
    sign: Sign,
    most_runs: int = MOST_RUNS,
    manager: str = "",
    shows: Callable[[Tree, Sign], bool] | None = None,
    other: OtherSide | None = None,
) -> Shrunk:
    """Return the smallest case found that shows that sign. shows: how that is seen (tests). other:
    plays the same cases with other code.
    """
    seen = shows or partial(shows_sign, manager, other)
    tried: set[str] = set()
    runs = 0
    going = True
    began = time.monotonic()

    def is_used_up() -> bool:
        return runs >= most_runs or time.monotonic() - began > MOST_S

    while going and not is_used_up():
        going = False
        for step in _STEPS:
            helped = True
            while helped and not is_used_up():
                helped = False
                for smaller in step(tree):
                    text = yaml_text(smaller)
                    if text in tried or is_used_up():
                        continue
                    tried.add(text)
                    runs += 1
                    if seen(smaller, sign):
                        tree, helped, going = smaller, True, True
                        break
    return Shrunk(tree, runs)


def shows_sign(
    manager: str, other: OtherSide | None, tree: Tree, sign: Sign
) -> bool:
    """Return whether a case shows a sign. other: plays it with other code."""
    scenario = load(tree, manager)
    if scenario is None:
        return False
    looked = look_beside(
        tree,
        scenario,
        sign == LANE_DIFFERS,
        other if sign.is_compared() else None,
    )
    if sign.requirement == DIFFERS:
        return bool(looked.differs)
    return sign in looked.signs


def _fewer_events(tree: Tree) -> Iterator[Tree]:
    events = tree.get("events", [])
    half = len(events) // 2
    if half > 1:
        yield {**tree, "events": events[:half]}
        yield {**tree, "events": events[half:]}
    for i in range(len(events)):
        if len(events) > 1:
            yield {**tree, "events": events[:i] + events[i + 1 :]}
    if len(events) == 1:
        yield {key: value for key, value in tree.items() if key != "events"}
    if tree.get("faults"):
        yield {key: value for key, value in tree.items() if key != "faults"}


def _no_options(tree: Tree) -> Iterator[Tree]:
    """Keep nothing but the databases, the events and the length of the run."""
    bare = {key: value for key, value in tree.items() if key in KEPT}
    if len(bare) < len(tree):
        yield bare


def _fewer_databases(tree: Tree) -> Iterator[Tree]:
    databases = tree.get("databases", {})
    for name in databases:
        if len(databases) == 1:
            return
        rest = {
            each: value for each, value in databases.items() if each != name
        }
        yield {**tree, "databases": rest}


def _shorter_run(tree: Tree) -> Iterator[Tree]:
    length_us = _us(tree.get("run_for"))
    for part in (4, 2):
        if length_us is not None and length_us // part >= 60 * MINUTE_US:
            yield {
                **tree,
                "run_for": f"{length_us // part // MINUTE_US} min",
            }


def _fewer_options(tree: Tree) -> Iterator[Tree]:
    for key, value in tree.items():
        if key in KEPT:
            continue
        yield {each: below for each, below in tree.items() if each != key}
        if isinstance(value, dict):
            for inner in value:
                if len(value) > 1:
                    rest = {
                        each: below
                        for each, below in value.items()
                        if each != inner
                    }
                    yield {**tree, key: rest}
    for name, database in tree.get("databases", {}).items():
        for key in database:
            if key not in _OF_A_DATABASE:
                rest = {
                    each: below
                    for each, below in database.items()
                    if each != key
                }
                yield {
                    **tree,
                    "databases": {**tree["databases"], name: rest},
                }
    for i, event in enumerate(tree.get("events", [])):
        for kind, params in event.items():
            if not isinstance(params, dict):
                continue
            for key in params:
                rest = {
                    each: below
                    for each, below in params.items()
                    if each != key
                }
                yield _with_event(tree, i, {**event, kind: rest})


def _rounder(tree: Tree) -> Iterator[Tree]:
    for i, event in enumerate(tree.get("events", [])):
        at_us = _us(event.get("at"))
        if at_us is None:
            continue
        for step_us in ROUND_US:
            for rounded in (
                at_us // step_us * step_us,
                -(-at_us // step_us) * step_us,
            ):
                if rounded != at_us and len(_text(rounded)) < len(
                    _text(at_us)
                ):
                    yield _with_event(
                        tree, i, {**event, "at": _text(rounded)}
                    )
    for name, database in tree.get("databases", {}).items():
        if database.get("size") not in ("200 MB", None):
            small = {**database, "size": "200 MB"}
            yield {**tree, "databases": {**tree["databases"], name: small}}


_STEPS = (
    _fewer_events,
    _fewer_databases,
    _no_options,
    _shorter_run,
    _fewer_options,
    _rounder,
    _fewer_events,
)
"""The boldest first. A step is repeated as long as it helps."""


def _with_event(tree: Tree, place: int, event: Tree) -> Tree:
    events = deepcopy(tree["events"])
    events[place] = event
    return {**tree, "events": events}


def _text(us: int) -> str:
    for unit_us, unit in (
        (60 * MINUTE_US, "h"),
        (MINUTE_US, "min"),
        (1_000_000, "s"),
    ):
        if us % unit_us == 0:
            return f"{us // unit_us} {unit}"
    return f"{us // 1_000_000} s {us % 1_000_000} us"


def _us(text: object) -> int | None:
    """An instant or a length as people write it; None if it is none of that simple form."""
    if not isinstance(text, str):
        return None
    try:
        return parse_duration(text)
    except UnitError:
        return None
