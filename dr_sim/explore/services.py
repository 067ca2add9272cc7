"""Tells what services an exploration draws from: sets of options, and the instants at which
something happens in the run of each without events.

Theory of operation. The sets are a swarm: each holds a few of the things that a service may have,
so that rare ones are not drowned. The run that gives the instants is made when a service is drawn
for the first time, so the first case is run at once.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dr_sim.backups.model import Kind
from dr_sim.explore.case import Tree, load
from dr_sim.faults import KINDS
from dr_sim.scenario.kind import MachinesThere
from dr_sim.scenario.model import Scenario
from dr_sim.world.play import play

SERVICES = 96
"""How many sets of options one exploration draws from."""
NAMES = frozenset(kind.name for kind in KINDS)
"""Names all kinds of event."""


@dataclass(frozen=True, slots=True)
class Service:
    """A scenario without events, and the instants at which something happens in its run.

    machines: None where there are none. sla: the lines that it promises. own: the kinds of event
    that its user has written: where a case holds no other, the lines are judged. rare: the instants
    of fulls and incrementals, of which there are few.
    """

    tree: Tree
    instants: tuple[int, ...]
    sla: Any = None
    own: frozenset[str] = frozenset()
    machines: MachinesThere | None = None
    rare: tuple[int, ...] = ()


def service(r: random.Random) -> Tree:
    """Options of a small service; a day costs some tens of milliseconds. One that runs for longer
    has one database and few logs: what takes so long is retention.
    """
    run_for = r.choices(*_LENGTHS)[0]
    number = 1 if run_for in _LONG else r.choice([1, 1, 1, 2, 2, 3])
    names = ["crm", "web", "archive"][:number]
    databases = {name: _database(r) for name in names}
    if run_for in _LONG and databases["crm"]["log"] != "none":
        databases["crm"]["log"] = _LONG[run_for]
        databases["crm"]["full"] = r.choice(["every 6 h", "daily 03:00"])
    tree: Tree = {
        "name": "explored",
        "seed": str(r.randrange(1, 10**6)),
        "run_for": run_for,
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
            "retention": r.choice(["4 h", "4 h", "1 d"]),
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
        "manager": {
            "restart_after": r.choice(["30 s", "30 s", "3 min", "25 min"])
        },
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
        (5, 1, 1, 3),
    )
    beside[0](r, tree)
    tree["failover"]["planned_limit"] = r.choice(
        ["none", "none", "2 min", "15 min"]
    )
    if "cloud" in tree and r.random() < 0.25:
        _another_standby_to_configure(r, tree)
    elif "cloud" in tree and r.random() < 0.2:
        _a_store_to_configure_from(r, tree)
    if "farms" in tree and r.random() < 0.25:
        _a_farm_for_others(r, tree)
    if "vault" in tree.get("copies", {}) and r.random() < 0.4:
        often = r.choice(["every 2 h", "every 6 h", "daily 03:00"])
        tree["copies"]["vault"]["store"]["schedule"] = {"full": often}
    return tree


def _alone(r: random.Random, tree: Tree) -> None:
    """Leave it at one standby, and no cloud manager."""


def _several_standbys(r: random.Random, tree: Tree) -> None:
    """Put a second standby at another place."""
    far = {"replay": {"delay": r.choice(["0 s", "0 s", "20 min"])}}
    tree["copies"] = {"near": {}, "far": far}
    _a_policy(r, tree)


def _another_standby_to_configure(r: random.Random, tree: Tree) -> None:
    """Put a second standby at another place, to which a cloud manager does not mirror."""
    tree["copies"] = {"B": {}, "C": {}}
    if "physical" in tree and r.random() < 0.7:
        tree["physical"]["C"] = {"compute": r.choice("24")}


def _a_store(r: random.Random, tree: Tree) -> None:
    """Put a store behind the standby."""
    tree.pop("directory", None)
    tree["copies"] = {"near": {}, "vault": {"store": _store(r)}}
    _a_policy(r, tree)


def _store(r: random.Random) -> Tree:
    return {
        "hold": r.choice(["0 s", "1 h"]),
        "every": r.choice(["none", "every 4 h"]),
        "transit": r.choice(["0 s", "30 min"]),
        "retention": "7 days",
    }


def _a_store_to_configure_from(r: random.Random, tree: Tree) -> None:
    """Put a store behind the standby of a cloud manager: a new site is configured from nothing if
    the service is restored from there.
    """
    tree.pop("directory", None)
    tree["copies"] = {"B": {}, "vault": {"store": _store(r)}}


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
    if mirror["mode"] == "jobs":
        policies = ["retry", "retry", "skip", "rebuild"]
        mirror["on_failure"] = r.choice(policies)
    tree["cloud"] = {"mirror": mirror}
    tree["jobs"] = {
        "time_limit": "8 min",
        "retry": "1 min",
        "at_once": r.choice("28"),
        "rebuild": "3 min",
    }
    tree["changes"] = {"takes": "1 min", "fail": r.choice(["0 %", "2 %"])}
    tree["clients"] = {"portal": {"calls": "20 per h", "actions": "50 %"}}
    has_tenants = r.random() < 0.5
    if has_tenants:
        _tenants(tree)
    if r.random() < 0.65:
        _machines(r, tree, has_tenants)


_OWNERS = (("contoso", "acme"), ("contoso",), ("acme",))
"""Names the tenants whose data each database holds: shared, the caller's own, another's."""


def _tenants(tree: Tree) -> None:
    """Add a network of one tenant, which the client of another one may not use; both have a farm
    of one name, so that a call that goes astray names a thing that is there. Databases are shared,
    the client's own, and another's.
    """
    tree["networks"] = {
        "shared": {"tenants": "shared", "farms": ["content"]},
        "gov": {"tenants": "acme", "farms": ["content"]},
    }
    tree["clients"]["portal"]["tenant"] = "contoso"
    for database, whose in zip(
        tree["databases"].values(), _OWNERS, strict=False
    ):
        database["tenants"] = list(whose)


def _limits(r: random.Random, tree: Tree) -> None:
    """Let the network have no more machines than a limit, or its tenant than a quota."""
    shared = tree["networks"]["shared"]
    if r.random() < 0.5:
        shared["most_machines"] = r.choice("358")
        return
    shared["quotas"] = {"contoso": r.choice("35")}
    tree["farms"]["content"]["tenant"] = "contoso"


def _machines(r: random.Random, tree: Tree, has_tenants: bool) -> None:
    """Let it look after machines: small sites, one of which may have too little room, and an image
    to upgrade to that the second site does not have yet. Its front ends may follow a load.
    """
    kind = {
        "role": "front_end",
        "size": "4 GB",
        "cpus": "8",
        "ram": "32 GB",
    }
    tree["physical"] = {
        "A": {"compute": r.choice("234")},
        "B": {"compute": r.choice("1234")},
    }
    tree["images"] = {
        "old": {**kind, "at": ["A", "B"]},
        "new": {**kind, "at": ["A"]},
    }
    farm = {"image": "old", "front_end": r.choice("244"), "timer": "1"}
    if r.random() < 0.4:
        load = {"load": r.choice(["40 per s", "80 per s"])}
        farm |= {"front_end": "1", "per_machine": "20 per s", **load}
    tree["farms"] = {"content": farm}
    if has_tenants:
        farm["network"] = "shared"
        if r.random() < 0.4:
            _limits(r, tree)
    tree["deployment"] = {"takes": "2 min", "repair_after": "5 min"}


def _a_farm_for_others(r: random.Random, tree: Tree) -> None:
    """Put a farm that serves it beside the other one, where no limit may leave too little room."""
    networks = tree.get("networks", {})
    if {"quotas", "most_machines"} & networks.get("shared", {}).keys():
        return
    kind = r.choice(["federated", "network"])
    farm = {"image": "old", "kind": kind, "search": "1"}
    if networks:
        networks["shared"]["farms"] = ["content", "services"]
        farm["network"] = "shared"
    tree["farms"]["services"] = farm


_MB = {"200 MB": 200, "1 GB": 1000, "5 GB": 5000}


_LENGTHS = (("8 h", "14 h", "30 h", "50 h"), (14, 2, 2, 2))
"""How long runs are, and how often: only retention and the second day need a long one."""
_LONG = {"30 h": "every 20 min", "50 h": "every 30 min"}
"""How often logs come in a long run: it is to cost no more than a short one."""


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
    """Draw a database with logs. A small one may have many fulls and incrementals, so that there is
    a choice among several when a log is lost.
    """
    drawn = {
        "size": r.choice(list(_MB)),
        "log_volume": r.choice(["20 MB per 5 min", "1 MB per 5 min"]),
        "transactions": "10 per s",
        "full": r.choice(["every 6 h", "daily 03:00", "none"]),
        "incremental": r.choice(["every 2 h", "none"]),
        "log": r.choice(["every 5 min", "every 5 min", "every 15 min"]),
        "on": r.choice(["sql1", "sql2"]),
        "serial": r.choice(["true", "false"]),
    }
    if drawn["size"] == "200 MB" and r.random() < 0.4:
        drawn["full"] = r.choice(["every 1 h", "every 2 h", "none"])
        drawn["incremental"] = r.choice(["every 20 min", "every 40 min"])
    return drawn


def _quiet(tree: Tree) -> Tree:
    """Return the service without its events."""
    return {
        key: value
        for key, value in tree.items()
        if key not in ("events", "faults", "sla")
    }


def anchored(tree: Tree, manager: str = "") -> Service | None:
    """Return the service with the instants of its own run without events; None if it is no
    scenario.
    """
    quiet = _quiet(tree)
    scenario = load(quiet, manager)
    if scenario is None:
        return None
    journal = play(replace(scenario, steps=False))
    kinds = (
        "truth.backup_begin",
        "truth.backup_finished",
        "truth.landed",
        "truth.restored",
    )
    instants: set[int] = set()
    rare: set[int] = set()
    kind_of: dict[int, int] = {}
    for row in journal.rows(*kinds):
        instants.add(row.time_us)
        file = row.values["file"]
        kind = kind_of.setdefault(file, row.values.get("kind", Kind.LOG))
        if kind != Kind.LOG:
            rare.add(row.time_us)
    until_us = scenario.run_for_us * 3 // 5
    return Service(
        quiet,
        _before(instants, until_us),
        tree.get("sla"),
        frozenset(kinds_of(tree)),
        machines_of(scenario),
        _before(rare, until_us),
    )


def _before(instants: Collection[int], until_us: int) -> tuple[int, ...]:
    return tuple(at for at in sorted(instants) if at < until_us)


def machines_of(scenario: Scenario) -> MachinesThere | None:
    """Return the machines of a service; None where there are none."""
    machines = scenario.cloud.machines if scenario.cloud else None
    if machines is None:
        return None
    physical = []
    for at in machines.physical:
        for of, count in at.counts:
            numbers = range(1, count + 1)
            physical += [f"{at.site}-{of}-{number}" for number in numbers]
    farms = {farm.name: farm.image for farm in machines.farms}
    images = tuple(image.name for image in machines.images)
    loads = tuple(farm.name for farm in machines.farms if farm.load)
    return MachinesThere(farms, images, tuple(physical), loads)


def kinds_of(tree: Tree) -> list[str]:
    """Names the kinds of event that a scenario holds."""
    names = [name for event in tree.get("events") or [] for name in event]
    names += list(tree.get("faults") or {})
    return [name for name in names if name in NAMES]


class Services:
    """The services of one exploration, by number."""

    def __init__(
        self,
        trees: Sequence[Tree],
        manager: str = "",
        known: Sequence[Service] = (),
    ) -> None:
        """known: those whose instants are known already, the first ones."""
        self._trees = list(trees)
        self._manager = manager
        self._known = dict(enumerate(known))

    @classmethod
    def of(cls, *services: Service) -> Services:
        return cls([each.tree for each in services], known=services)

    @classmethod
    def drawn(cls, seed: int, manager: str = "") -> Services:
        """Return drawn ones; with logic of the user's own those into which it can be put."""
        trees = (
            service(random.Random(f"{seed} service {i}"))
            for i in range(SERVICES)
        )
        return cls(
            [tree for tree in trees if load(tree, manager) is not None],
            manager,
        )

    @property
    def trees(self) -> Sequence[Tree]:
        """Return the options of each."""
        return self._trees

    def __len__(self) -> int:
        return len(self._trees)

    def __getitem__(self, place: int) -> Service:
        known = self._known.get(place)
        if known is None:
            known = anchored(self._trees[place], self._manager)
            assert known is not None
            self._known[place] = known
        return known

    def like(self, tree: Tree) -> Service:
        """Return the one that a case was made of."""
        for place, each in enumerate(self._trees):
            if each["databases"] == tree["databases"]:
                return self[place]
        return self[0]
