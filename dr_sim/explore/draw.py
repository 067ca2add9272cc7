"""Tells what an exploration draws: options of a service, and a few events at instants that matter.

Theory of operation. A drawn service is one of many sets of options (a swarm: each case uses a small
subset of the kinds of event, so that rare ones are not drowned). Its run without any event is
looked at once, and gives the instants: when a backup is cut or finished, when a file lands, while
it is restored, and just around them. Crashes are drawn by command: before the nth of a class. After
the last event there is calm, long enough for everything to be restored and for retention to run.
All draws are functions of (seed, number of the case).

A case is drawn in one of two modes. What is recoverable by design meets only events that the design
gets past (`EventKind.heals`), early in the run, so that the calm after them is long: then
everything must be restored again. Beyond that anything may happen, and nothing wrong may be done.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

from dr_sim.explore.case import Tree, load
from dr_sim.explore.services import Service, Services, kinds_of
from dr_sim.explore.stories import (
    Event,
    EventStory,
    has_store,
    named,
    told_of,
    with_options,
)
from dr_sim.explore.variety import (
    REPEATED,
    instant_text,
    once_more,
    varied,
)
from dr_sim.faults import KINDS
from dr_sim.faults.call_off_failover import KIND as CALL_OFF_KIND
from dr_sim.faults.cloud_crash import KIND as CLOUD_CRASH_KIND
from dr_sim.faults.manager_crash import KIND as CRASH_KIND
from dr_sim.scenario.kind import COPY, EventKind
from dr_sim.units import MINUTE_US, SECOND_US

CRASH = CRASH_KIND.name
_CLOUD_CRASH = CLOUD_CRASH_KIND.name
_CALL_OFF = CALL_OFF_KIND.name
_CALLED_OFF = 0.15
"""How often a failover is called off by hand, beside the cases that draw that by themselves."""
_STORIES = 0.45
"""How often a case tells a story (stories.py), in the place of events that have nothing to do with
each other.
"""
_AT_A_MOMENT = 0.6
"""How often a case is changed where its own run did something rare."""
_MOST_EVENTS = 9
"""A case that has so many events is changed by taking one away."""
_AT_A_FULL = 0.2
"""How often an event falls while a full or an incremental is made, sent or restored."""
_TRIED = 40
"""Draws of a kind's parameters after which it is taken for one that fits no copy of a service."""
_TRIES = 8
"""How often a case is drawn until it is a scenario."""
_LEFT = ("Unfence", "EnterPhase", "Save", "AdmitReaders", "RaiseAlert")
"""Commands before which the manager dies then."""


FAULTS: dict[str, EventKind] = {
    kind.name: kind
    for kind in KINDS
    if kind.draws is not None or kind.draws_of_machines is not None
}
"""Names the kinds of event that say what to draw for them (dr_sim/faults)."""
EVERY: dict[str, EventKind] = {kind.name: kind for kind in KINDS}
ENDS = tuple(kind.name for kind in KINDS if kind.leads_over)
"""Names what a failover may come of."""
RETURNS = {
    kind.brings_back: kind.name for kind in KINDS if kind.brings_back
}
"""Names what brings back what was lost, by the class of failure that it undoes."""


class CaseMode(enum.StrEnum):
    """Kinds of case: the events that a case of an exploration may meet."""

    BOTH = "both"  # half of the cases each
    RECOVERABLE = "recoverable"
    BEYOND = "beyond"


def mode_of(mode: CaseMode, seed: int, number: int) -> CaseMode:
    """The mode of the case of that number."""
    if mode is not CaseMode.BOTH:
        return mode
    half = random.Random(f"{seed} mode {number}").random() < 0.5
    return CaseMode.RECOVERABLE if half else CaseMode.BEYOND


def is_recoverable(tree: Tree) -> bool:
    """Return whether the design gets past all that a case holds."""
    return all(EVERY[name].heals for name in kinds_of(tree))


def draw(
    services: Services,
    seed: int,
    number: int,
    mode: CaseMode = CaseMode.BOTH,
) -> Tree:
    """The case of that number: a service, a few kinds of event, each at an anchored instant."""
    r = random.Random(f"{seed} case {number}")
    base = services[r.randrange(len(services))]
    mode = mode_of(mode, seed, number)
    return _that_fits(lambda: _drawn(r, base, services, mode))


def _that_fits(drawn: Callable[[], Tree]) -> Tree:
    """Draw until the result is a scenario, a few times at most. Where there are several copies some
    events do not go with some of them, and the loader knows that best.
    """
    for _ in range(_TRIES):
        tree = drawn()
        if "copies" not in tree or load(tree) is not None:
            break
    return tree


def _drawn(
    r: random.Random, base: Service, services: Services, mode: CaseMode
) -> Tree:
    """Draw a case of a service, which the loader may refuse."""
    tree = deepcopy(base.tree)
    varied(r, tree, services.trees)
    possible = kinds_for(base, mode)
    if mode is CaseMode.RECOVERABLE:
        base = _early(base)
    if base.own and r.random() < 0.5:
        possible = sorted(base.own.intersection(possible)) or possible
    stories = told_of(base, possible)
    if stories and not base.own and r.random() < _STORIES:
        events = _told(r, base, r.choice(stories), tree, possible)
        tree["events"] = _repeated(r, base, events)
        return _promising(tree, base)
    fewer = _fewer(r, base, possible)
    kinds = r.sample(fewer, min(len(fewer), r.randint(1, 4)))
    least, ends = (2, 0.3) if len(fewer) < len(possible) else (0, 0.6)
    events = [
        _event(r, base, r.choice(kinds)) for _ in range(r.randint(least, 4))
    ]
    if r.random() < ends:
        events += _end(r, base, kinds, possible)
    if r.random() < 0.35:
        at = (
            _instant(r, base, events)
            if r.random() < 0.5 or not events
            else 0
        )
        crash = _what(r, _whose_crash(r, possible), base)
        events.append({"at": instant_text(at), **crash})
    events = events or [_event(r, base, r.choice(kinds))]
    tree["events"] = _repeated(r, base, events)
    return _promising(tree, base)


def _repeated(
    r: random.Random, base: Service, events: list[Tree]
) -> list[Tree]:
    """Let, perhaps, one of these events happen once more."""
    if base.instants and r.random() < REPEATED:
        events.append(once_more(r, events, base.instants[-1]))
    return events


def _whose_crash(r: random.Random, possible: Collection[str]) -> str:
    """Draw whether the recovery manager dies, or the cloud manager if there is one."""
    if _CLOUD_CRASH in possible and r.random() < 0.5:
        return _CLOUD_CRASH
    return CRASH


def _told(
    r: random.Random,
    base: Service,
    story: EventStory,
    tree: Tree,
    possible: Collection[str],
) -> list[Tree]:
    """Tell a story: what it begins with, what follows, and what goes wrong around it."""
    with_options(r, story, tree)
    at = _instant(r, base, [])
    begins = [
        each for each in map(named, story.begins) if each[0] in possible
    ]
    events = [_written(r, base, at, r.choice(begins))]
    for written, later in story.follows:
        each = named(written)
        returns = each[0] in RETURNS.values() and not has_store(base)
        if each[0] in possible or returns:
            after = max(0, at + r.choice(later) * SECOND_US)
            events.append(_written(r, base, after, each))
    wrong = [
        each for each in map(named, story.goes_wrong) if each[0] in possible
    ]
    for _ in range(r.randint(1, 3)):
        near = max(0, at + r.choice(story.when) * SECOND_US)
        events.append(_written(r, base, near, r.choice(wrong)))
    if story.dies_before and r.random() < 0.3:
        dies = {
            "before": r.choice(story.dies_before),
            "nth": r.choice("112"),
        }
        events.append(_written(r, base, at, (CRASH, dies)))
    return events


def _written(
    r: random.Random, base: Service, at_us: int, written: Event
) -> Tree:
    """An event of a story."""
    name, value = written
    if name not in FAULTS:  # what brings back what was lost
        return {"at": instant_text(at_us), name: {}}
    event = _what(r, name, base)
    if isinstance(value, dict) and "database" in value:
        value = {**value, "database": event[name]["database"]}
    if value is not None:
        event[name] = value
    return {"at": instant_text(at_us), **event}


def _early(base: Service) -> Service:
    """The service with the instants of the first third alone."""
    instants = base.instants[: len(base.instants) * 5 // 9]
    latest = instants[-1] if instants else 0
    rare = tuple(at for at in base.rare if at <= latest)
    return replace(base, instants=instants, rare=rare)


def _promising(tree: Tree, base: Service) -> Tree:
    """The case with the lines that its user promises, if it meets nothing but what he expects."""
    tree.pop("sla", None)
    if base.sla and base.own.issuperset(kinds_of(tree)):
        tree["sla"] = base.sla
    return tree


def _fewer(
    r: random.Random, base: Service, possible: list[str]
) -> list[str]:
    """Keep to what affects the cloud manager, where there is one, in most cases; where it looks
    after machines, to what affects them in many of those.
    """
    if "cloud" not in base.tree:
        return possible
    drawn = r.random()
    if drawn < 0.3:
        return possible
    if base.machines is not None and drawn < 0.65:
        of_machines = [
            name for name in possible if FAULTS[name].needs_machines
        ]
        return of_machines or possible
    of_cloud = [name for name in possible if FAULTS[name].needs_cloud]
    return of_cloud or possible


def kinds_for(base: Service, mode: CaseMode = CaseMode.BEYOND) -> list[str]:
    """Names of the kinds of event that a service may meet."""
    tree = base.tree
    logs = bool(_databases_of(tree, needs_log=True))
    names = [
        name
        for name, kind in FAULTS.items()
        if (kind.heals or mode is not CaseMode.RECOVERABLE)
        and (logs or not kind.needs_log)
        and ("cloud" in tree or not kind.needs_cloud)
        and _has_machines_for(kind, base)
    ]
    if "copies" in tree:
        names = [
            name
            for name in names
            if _befalls(name) and _has_a_place(name, tree)
        ]
    return sorted(names)


def _has_machines_for(kind: EventKind, base: Service) -> bool:
    """Return whether a kind that needs machines has some to happen to."""
    if kind.draws_of_machines is None:
        return True
    there = base.machines
    return (
        there is not None
        and kind.draws_of_machines(random.Random(0), there) is not None
    )


def _databases_of(tree: Tree, needs_log: bool) -> list[str]:
    """Names the databases of a service, or those of them that have logs."""
    return [
        name
        for name, database in tree["databases"].items()
        if not needs_log or database.get("log") != "none"
    ]


@cache
def _befalls(name: str) -> str:
    """Whom a kind of event affects where there are several copies; '': it does not go with them."""
    kind = FAULTS[name]
    if kind.needs_cloud:
        return kind.whom(None)
    if kind.draws is None:
        return ""
    value = kind.draws(random.Random(0), "any")
    return kind.whom(_params(kind, value))


def _has_a_place(name: str, tree: Tree) -> bool:
    """Return whether a copy is there that such an event may affect, with some of its parameters:
    a store replays nothing, so many kinds do not affect it.
    """
    kind = FAULTS[name]
    if kind.draws is None:
        return True
    values = (kind.draws(random.Random(i), "any") for i in range(_TRIED))
    return any(_places(kind, value, tree) != [] for value in values)


def _params(kind: EventKind, value: Any) -> Any:
    """The parameters that people write, as their kind reads them."""
    written = value if isinstance(value, dict) else {kind.scalar: value}
    return kind.params.model_validate(written)


def _end(
    r: random.Random, base: Service, kinds: list[str], possible: list[str]
) -> list[Tree]:
    """Draw what a failover may come of, what happens around it, and perhaps the return of what was
    lost.
    """
    at = _instant(r, base, [])
    kind = FAULTS[r.choice(_ends(possible))]
    end = _what(r, kind.name, base)
    events = [{"at": instant_text(at), **end}]
    if r.random() < _CALLED_OFF and _CALL_OFF in possible:
        soon = at + r.choice([1, 1, 5, 20, 90]) * SECOND_US
        events.append(
            {"at": instant_text(soon), **_what(r, _CALL_OFF, base)}
        )
        if r.random() < 0.5:
            died = {CRASH: {"before": r.choice(_LEFT)}}
            events.append({"at": instant_text(at), **died})
    crashes = [CRASH]
    if _CLOUD_CRASH in possible:
        crashes.append(_CLOUD_CRASH)
    for _ in range(r.choice([0, 0, 1, 2])):
        near = _near(r, at)
        name = r.choice([*crashes, *kinds, r.choice(possible)])
        events.append({"at": instant_text(near), **_what(r, name, base)})
    lost = kind.loses(_params(kind, end[kind.name])) if kind.loses else ""
    returns = RETURNS.get(lost)
    if returns and r.random() < 0.4 and not has_store(base):
        later = at + r.choice([20, 300, 3600, 14_400]) * SECOND_US
        events.append({"at": instant_text(later), returns: {}})
    return events


def _ends(possible: Collection[str]) -> list[str]:
    """Names what a failover may come of, among what is possible if that holds any of them."""
    return [name for name in ENDS if name in possible] or list(ENDS)


def mutate(
    tree: Tree,
    services: Services,
    r: random.Random,
    mode: CaseMode = CaseMode.BEYOND,
    moments: Sequence[int] = (),
) -> Tree:
    """A case near one that has reached something new: an event more, less, elsewhere or twice.
    moments: when the logic did something rare in its run. Events fall there in most cases.
    """
    return _that_fits(lambda: _changed(tree, services, r, mode, moments))


def _changed(
    tree: Tree,
    services: Services,
    r: random.Random,
    mode: CaseMode,
    moments: Sequence[int],
) -> Tree:
    """Change a case into one that the loader may refuse."""
    new = deepcopy(tree)
    known = services.like(new)
    base = replace(known, tree=new)
    if mode is CaseMode.RECOVERABLE:
        base = _early(base)
    if moments and base.instants and r.random() < _AT_A_MOMENT:
        latest = base.instants[-1]
        early = tuple(at for at in moments if at <= latest)
        base = replace(base, instants=early or base.instants, rare=())
    possible = kinds_for(base, mode)
    fewer = _fewer(r, base, possible)
    events = new["events"]
    for _ in range(r.randint(1, 2)):
        how = r.randrange(6) if len(events) < _MOST_EVENTS else 0
        if how == 0 and len(events) > 1:
            events.pop(r.randrange(len(events)))
        elif how == 1:
            events.append(_event(r, base, r.choice(fewer)))
        elif how == 2:
            at = r.choice(events)["at"]
            if moments and r.random() < 0.5:
                at = instant_text(_instant(r, base, []))
            crash = _what(r, _whose_crash(r, possible), base)
            events.append({"at": at, **crash})
        elif how == 3:
            events.append(_event(r, base, r.choice(_ends(possible))))
        elif how == 4 and base.instants:
            events.append(once_more(r, events, base.instants[-1]))
        else:
            event = r.choice(events)
            event["at"] = instant_text(_instant(r, base, []))
    return _promising(new, known)


def _event(r: random.Random, base: Service, name: str) -> Tree:
    return {
        "at": instant_text(_instant(r, base, [])),
        **_what(r, name, base),
    }


def _what(r: random.Random, name: str, base: Service) -> Tree:
    """An event of that kind, without its instant; where there are several copies, it affects one
    of those that it may affect.
    """
    while True:
        value = _value(r, name, base)
        places = _places(FAULTS[name], value, base.tree)
        if places is None:
            return {name: value}
        if places:
            return {name: value, "copy": r.choice(places)}


def _value(r: random.Random, name: str, base: Service) -> Any:
    """Draw the parameters of an event of that kind, as people write them."""
    kind, tree = FAULTS[name], base.tree
    if kind.draws_of_machines is not None:
        assert base.machines is not None
        return kind.draws_of_machines(r, base.machines)
    hosts = tree.get("machines", ())
    if kind.draws_of_host is not None and hosts and r.random() < 0.3:
        return kind.draws_of_host(r, r.choice(hosts))
    assert kind.draws is not None
    return kind.draws(r, r.choice(_databases_of(tree, kind.needs_log)))


def _places(kind: EventKind, value: Any, tree: Tree) -> list[str] | None:
    """Names the copies of which such an event may affect one; None: it names no copy."""
    copies = tree.get("copies")
    if not copies:
        return None
    params = _params(kind, value)
    if kind.whom(params) != COPY:
        return None
    at_stores = kind.at_stores(params)
    return [
        place
        for place, of in copies.items()
        if at_stores or "store" not in of
    ]


def _instant(r: random.Random, base: Service, events: list[Tree]) -> int:
    """Draw an instant at, just before or just after something that happens in the run without
    events.
    """
    if not base.instants:
        return r.randrange(60) * MINUTE_US
    if base.rare and r.random() < _AT_A_FULL:
        return _near(r, r.choice(base.rare))
    return _near(r, r.choice(base.instants))


def _near(r: random.Random, at_us: int) -> int:
    off_us = r.choice(
        [
            0,
            1,
            SECOND_US // 2,
            SECOND_US,
            20 * SECOND_US,
            2 * MINUTE_US,
            9 * MINUTE_US,
        ]
    )
    return max(0, at_us + r.choice([-1, 1, 1]) * off_us)
