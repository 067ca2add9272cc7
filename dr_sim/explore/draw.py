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
from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from dr_sim.explore.case import Tree, load
from dr_sim.faults import KINDS
from dr_sim.faults.manager_crash import KIND as CRASH_KIND
from dr_sim.scenario.kind import COPY, EventKind
from dr_sim.world.play import play

CRASH = CRASH_KIND.name
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
SERVICES = 48
"""How many sets of options one exploration draws from."""


FAULTS: dict[str, EventKind] = {
    kind.name: kind for kind in KINDS if kind.draws is not None
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


@dataclass(frozen=True, slots=True)
class Service:
    """A scenario without events, and the instants at which something happens in its run.

    sla: the lines that it promises. own: the kinds of event that its user has written: where a case
    holds no other, the lines are judged.
    """

    tree: Tree
    instants: tuple[int, ...]
    sla: Any = None
    own: frozenset[str] = frozenset()


def service(r: random.Random) -> Tree:
    """Options of a small service; a day costs some tens of milliseconds."""
    names = ["crm", "web", "archive"][: r.choice([1, 1, 2, 3])]
    databases = {name: _database(r) for name in names}
    tree: Tree = {
        "name": "explored",
        "seed": str(r.randrange(1, 10**6)),
        "run_for": r.choices(*_LENGTHS)[0],
        "machines": ["sql1", "sql2"],
        "databases": databases,
        "link": {
            "bandwidth": r.choice(["20 Mbit/s", "200 Mbit/s"]),
            "sharing": r.choice(["fair", "fifo", "priority"]),
        },
        "replication": {
            "retry": r.choice(["0 s", "1 min", "3 min"]),
            "slots": r.choice(["1", "2", "16"]),
        },
        "primary": {
            "retention": r.choice(["4 h", "1 d"]),
            "keep_fulls": r.choice("12"),
        },
        "secondary": {
            "retention": r.choice(["4 h", "1 d"]),
            "keep_fulls": r.choice("12"),
        },
        "replay": {
            "on_hole": r.choice(["bridge", "skip_ahead", "resync"]),
            "otherwise": r.choice(["resync", "bridge", "skip_ahead"]),
            "workers": r.choice("14"),
            "reverify": r.choice(["0 s", "3 h"]),
            "delay": r.choice(["0 s", "0 s", "7 min"]),
            "every": r.choice(["0 s", "0 s", "15 min"]),
            "validate": r.choice(["[hash]", "[hash, properties]"])
            .strip("[]")
            .split(", "),
            "attempts": r.choice("23"),
            "age": r.choice(["10 min", "15 min"]),
            "retry": r.choice(["2 min", "5 min"]),
        },
        "heartbeat": {"path": r.choice(["own", "data link"])},
        "failover": {
            "mode": r.choice(["automatic", "automatic", "manual"]),
            "silent_for": r.choice(["30 s", "90 s"]),
            "machines_silent": r.choice(["1", "all"]),
            "operator": {"approves": r.choice(["true", "true", "false"])},
            "drain_limit": r.choice(["3 min", "10 min"]),
            "restore_limit": r.choice(["30 min", "4 h"]),
        },
    }
    if r.random() < 0.3:
        tree["directory"] = {"changes": "30 per h"}
    if r.random() < 0.4:
        tree["after_failover"] = {
            "new_secondary": r.choice(["20 min", "2 h"])
        }
    if r.random() < 0.3:
        tree["engine"] = {"imitates": "postgres"}
    if r.random() < 0.25:
        held = sum(_MB[database["size"]] for database in databases.values())
        tree["secondary"]["data_capacity"] = (
            f"{held * r.choice([10, 15, 18]) // 10} MB"
        )
    beside = r.choices(
        (_alone, _several_standbys, _a_store, _a_cloud_manager),
        (6, 1, 1, 2),
    )
    beside[0](r, tree)
    return tree


def _alone(r: random.Random, tree: Tree) -> None:
    """Leave it at one standby, and no cloud manager."""


def _several_standbys(r: random.Random, tree: Tree) -> None:
    """Put a second standby at another place."""
    far = {"replay": {"delay": r.choice(["0 s", "0 s", "20 min"])}}
    tree["copies"] = {"near": {}, "far": far}
    _a_policy(r, tree)


def _a_store(r: random.Random, tree: Tree) -> None:
    """Put a store behind the standby."""
    tree.pop("directory", None)
    store = {
        "hold": r.choice(["0 s", "1 h"]),
        "every": r.choice(["none", "every 4 h"]),
        "transit": r.choice(["0 s", "30 min"]),
        "retention": "7 days",
    }
    tree["copies"] = {"near": {}, "vault": {"store": store}}
    _a_policy(r, tree)


def _a_policy(r: random.Random, tree: Tree) -> None:
    """Say which of the two takes over."""
    within = {"least_loss_within": r.choice(["3 min", "1 h"])}
    tree["failover"]["choose"] = r.choice(
        ["preferred", "least_loss", "fastest", within]
    )


def _a_cloud_manager(r: random.Random, tree: Tree) -> None:
    """Let a cloud manager keep both sides configured the same."""
    mirror = {
        "mode": r.choice(["jobs", "reconcile", "runbook"]),
        "every": r.choice(["0 s", "5 min"]),
        "audit": "1 h",
    }
    tree["cloud"] = {"mirror": mirror}
    tree["jobs"] = {
        "time_limit": "8 min",
        "retry": "1 min",
        "at_once": r.choice("28"),
        "rebuild": "3 min",
    }
    tree["changes"] = {"takes": "1 min", "fail": r.choice(["0 %", "2 %"])}
    tree["clients"] = {"portal": {"calls": "20 per h", "actions": "50 %"}}
    if r.random() < 0.5:
        _tenants(tree)


def _tenants(tree: Tree) -> None:
    """Add a network of one tenant, which the client of another one may not use; both have a farm
    of one name, so that a call that goes astray names a thing that is there.
    """
    tree["networks"] = {
        "shared": {"tenants": "shared", "farms": ["content"]},
        "gov": {"tenants": "acme", "farms": ["content"]},
    }
    tree["clients"]["portal"]["tenant"] = "contoso"


_MB = {"200 MB": 200, "1 GB": 1000, "5 GB": 5000}


_LENGTHS = (("8 h", "14 h", "30 h", "50 h"), (5, 2, 1, 1))
"""How long runs are, and how often: a long one costs as much as six short ones, and only retention
and the second day need it.
"""


def _database(r: random.Random) -> Tree:
    """Draw a database; one of ten has no logs, and so restores fulls and incrementals alone."""
    drawn = _with_logs(r)
    if r.random() < 0.1:
        often = {
            "full": r.choice(["every 2 h", "every 6 h"]),
            "incremental": r.choice(["every 30 min", "none"]),
            "log": "none",
        }
        drawn.update(often)
    return drawn


def _with_logs(r: random.Random) -> Tree:
    return {
        "size": r.choice(list(_MB)),
        "log_volume": r.choice(["20 MB per 5 min", "1 MB per 5 min"]),
        "transactions": "10 per s",
        "full": r.choice(["every 6 h", "daily 03:00", "none"]),
        "incremental": r.choice(["every 2 h", "none"]),
        "log": r.choice(["every 5 min", "every 5 min", "every 15 min"]),
        "on": r.choice(["sql1", "sql2"]),
        "serial": r.choice(["true", "false"]),
    }


def anchored(tree: Tree, manager: str = "") -> Service | None:
    """The service with the instants of its own run without events; None if it is no scenario."""
    quiet = {
        key: value
        for key, value in tree.items()
        if key not in ("events", "faults", "sla")
    }
    scenario = load(quiet, manager)
    if scenario is None:
        return None
    journal = play(scenario)
    kinds = (
        "truth.backup_begin",
        "truth.backup_finished",
        "truth.landed",
        "truth.restored",
    )
    instants: set[int] = set()
    for kind in kinds:
        instants.update(row.time_us for row in journal.rows(kind))
    latest = scenario.run_for_us
    return Service(
        quiet,
        tuple(at for at in sorted(instants) if at < latest * 3 // 5),
        tree.get("sla"),
        frozenset(_kinds_of(tree)),
    )


def _kinds_of(tree: Tree) -> list[str]:
    """Names the kinds of event that a scenario holds."""
    names = [name for event in tree.get("events") or [] for name in event]
    names += list(tree.get("faults") or {})
    return [name for name in names if name in EVERY]


def mode_of(mode: CaseMode, seed: int, number: int) -> CaseMode:
    """The mode of the case of that number."""
    if mode is not CaseMode.BOTH:
        return mode
    half = random.Random(f"{seed} mode {number}").random() < 0.5
    return CaseMode.RECOVERABLE if half else CaseMode.BEYOND


def is_recoverable(tree: Tree) -> bool:
    """Return whether the design gets past all that a case holds."""
    return all(EVERY[name].heals for name in _kinds_of(tree))


def draw(
    services: Sequence[Service],
    seed: int,
    number: int,
    mode: CaseMode = CaseMode.BOTH,
) -> Tree:
    """The case of that number: a service, a few kinds of event, each at an anchored instant."""
    r = random.Random(f"{seed} case {number}")
    base = services[r.randrange(len(services))]
    tree = deepcopy(base.tree)
    mode = mode_of(mode, seed, number)
    possible = kinds_for(tree, mode)
    if mode is CaseMode.RECOVERABLE:
        base = _early(base)
    if base.own and r.random() < 0.5:
        possible = sorted(base.own.intersection(possible)) or possible
    fewer = _fewer(r, tree, possible)
    kinds = r.sample(fewer, min(len(fewer), r.randint(1, 4)))
    events = [
        _event(r, base, r.choice(kinds)) for _ in range(r.randint(0, 4))
    ]
    if r.random() < 0.6:
        events += _end(r, base, kinds, possible)
    if r.random() < 0.35:
        at = (
            _instant(r, base, events)
            if r.random() < 0.5 or not events
            else 0
        )
        events.append({"at": _text(at), **_what(r, CRASH, tree)})
    tree["events"] = events or [_event(r, base, r.choice(kinds))]
    return _promising(tree, base)


def _early(base: Service) -> Service:
    """The service with the instants of the first third alone."""
    return replace(
        base, instants=base.instants[: len(base.instants) * 5 // 9]
    )


def _promising(tree: Tree, base: Service) -> Tree:
    """The case with the lines that its user promises, if it meets nothing but what he expects."""
    tree.pop("sla", None)
    if base.sla and base.own.issuperset(_kinds_of(tree)):
        tree["sla"] = base.sla
    return tree


def _fewer(r: random.Random, tree: Tree, possible: list[str]) -> list[str]:
    """Keep to what affects the cloud manager, where there is one, in most cases."""
    if "cloud" not in tree or r.random() < 0.4:
        return possible
    return [name for name in possible if FAULTS[name].needs_cloud]


def kinds_for(tree: Tree, mode: CaseMode = CaseMode.BEYOND) -> list[str]:
    """Names of the kinds of event that a service may meet."""
    logs = bool(_databases_of(tree, needs_log=True))
    names = [
        name
        for name, kind in FAULTS.items()
        if (kind.heals or mode is not CaseMode.RECOVERABLE)
        and (logs or not kind.needs_log)
    ]
    if "copies" in tree:
        return sorted(name for name in names if _befalls(name))
    cloud = "cloud" in tree
    return sorted(
        name for name in names if cloud or not FAULTS[name].needs_cloud
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
    assert kind.draws is not None
    value = kind.draws(random.Random(0), "any")
    return kind.affects(_params(kind, value))


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
    end = _what(r, kind.name, base.tree)
    events = [{"at": _text(at), **end}]
    for _ in range(r.choice([0, 0, 1, 2])):
        near = _near(r, at)
        name = r.choice([CRASH, *kinds, r.choice(possible)])
        events.append({"at": _text(near), **_what(r, name, base.tree)})
    lost = kind.loses(_params(kind, end[kind.name])) if kind.loses else ""
    returns = RETURNS.get(lost)
    if returns and r.random() < 0.4:
        later = at + r.choice([20, 300, 3600, 14_400]) * SECOND_US
        events.append({"at": _text(later), returns: {}})
    return events


def _ends(possible: Collection[str]) -> list[str]:
    """Names what a failover may come of, among what is possible if that holds any of them."""
    return [name for name in ENDS if name in possible] or list(ENDS)


def mutate(
    tree: Tree,
    services: Sequence[Service],
    r: random.Random,
    mode: CaseMode = CaseMode.BEYOND,
) -> Tree:
    """A case near one that has reached something new: an event more, less, elsewhere or twice."""
    new = deepcopy(tree)
    known = _service_of(services, new)
    base = replace(known, tree=new)
    if mode is CaseMode.RECOVERABLE:
        base = _early(base)
    possible = kinds_for(new, mode)
    events = new["events"]
    for _ in range(r.randint(1, 2)):
        how = r.randrange(5)
        if how == 0 and len(events) > 1:
            events.pop(r.randrange(len(events)))
        elif how == 1:
            events.append(_event(r, base, r.choice(possible)))
        elif how == 2:
            at = r.choice(events)["at"]
            events.append({"at": at, **_what(r, CRASH, new)})
        elif how == 3:
            events.append(_event(r, base, r.choice(_ends(possible))))
        else:
            event = r.choice(events)
            event["at"] = _text(_instant(r, base, []))
    return _promising(new, known)


def _service_of(services: Sequence[Service], tree: Tree) -> Service:
    alike = [
        s for s in services if s.tree["databases"] == tree["databases"]
    ]
    return (alike or services)[0]


def _event(r: random.Random, base: Service, name: str) -> Tree:
    return {"at": _text(_instant(r, base, [])), **_what(r, name, base.tree)}


def _what(r: random.Random, name: str, tree: Tree) -> Tree:
    """An event of that kind, without its instant; where there are several copies, it affects one
    of those that it may affect.
    """
    kind = FAULTS[name]
    assert kind.draws is not None
    value = kind.draws(r, r.choice(_databases_of(tree, kind.needs_log)))
    copies = tree.get("copies")
    if not copies:
        return {name: value}
    params = _params(kind, value)
    if kind.affects(params) != COPY:
        return {name: value}
    at_stores = kind.at_stores(params)
    places = [
        place
        for place, of in copies.items()
        if at_stores or "store" not in of
    ]
    return {name: value, "copy": r.choice(places)}


def _instant(r: random.Random, base: Service, events: list[Tree]) -> int:
    """Draw an instant at, just before or just after something that happens in the run without
    events.
    """
    if not base.instants:
        return r.randrange(60) * MINUTE_US
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


def _text(at_us: int) -> str:
    seconds, us = divmod(at_us, SECOND_US)
    return f"{seconds} s" if not us else f"{seconds} s {us} us"
