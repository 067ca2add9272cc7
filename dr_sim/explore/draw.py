"""What an exploration draws: options of a service, and a few events at instants that matter.

Theory of operation. A drawn service is one of many sets of options (a swarm: each case uses a small
subset of the kinds of event, so that rare ones are not drowned). Its run without any event is
looked at once, and gives the instants: when a backup is cut or finished, when a file lands, while
it is restored, and just around them. Crashes are drawn by command: before the nth of a class. After
the last event there is calm, long enough for everything to be restored and for retention to run.
All draws are functions of (seed, number of the case).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from dr_sim.explore.case import Tree, load
from dr_sim.world.play import play

Drawn = Callable[[random.Random, str], object]
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
SERVICES = 48
"""How many sets of options one exploration draws from."""

CRASHES = (
    "Fence", "EnterPhase", "Recover", "Redirect", "TakeTail", "AskShare", "Save", "Restore",
    "TakeBackup", "RaiseAlert", "Recopy", "RenameWorkingCopy", "Validate", "AskPrimary", "Drop",
    "Delete", "SetAlarm", "Provision",
)  # fmt: skip


def _of(*values: object) -> Callable[[random.Random], object]:
    return lambda r: r.choice(values)


FAULTS: dict[str, Drawn] = {
    "link_outage": lambda r, db: r.choice(["1 min", "4 min", "11 min", "40 min", "3 h"]),
    "partition": lambda r, db: {
        "cut": r.choice(["to_secondary", "to_primary", "both"]),
        "duration": r.choice(["40 s", "2 min", "20 min"]),
    },
    "throttle": lambda r, db: {"to": r.choice(["300 kbit/s", "2 Mbit/s"]), "duration": "25 min"},
    "corrupt_in_transit": lambda r, db: {"database": db, "files": r.choice(["1", "2", "5", "12"])},
    "corrupt_at_rest": lambda r, db: {
        "database": db,
        "where": r.choice(["primary", "secondary"]),
        "files": r.choice(["1", "3", "9"]),
    },
    "backup_cut_off": lambda r, db: {"database": db, "after": r.choice(["0 %", "30 %", "99 %"])},
    "missing_file": lambda r, db: db,
    "late_file": lambda r, db: {
        "database": db,
        "by": r.choice(["20 s", "6 min", "33 min"]),
        "files": r.choice(["1", "3"]),
    },
    "older_version": lambda r, db: {
        "database": db,
        "kind": r.choice(["log", "incremental", "full"]),
        "files": r.choice(["1", "3"]),
    },
    "paused_backups": lambda r, db: {"database": db, "duration": r.choice(["7 min", "50 min"])},
    "torn_copy": lambda r, db: {
        "database": db,
        "leaves": r.choice(["the part", "whole size"]),
        "files": r.choice(["1", "3"]),
    },
    "half_written": lambda r, db: {"database": db, "after": r.choice(["1 %", "50 %", "99 %"])},
    "duplicate_file": lambda r, db: {
        "database": db,
        "name": r.choice(["same", "other"]),
        "after": r.choice(["0 s", "1 min", "20 min"]),
    },
    "silent_backups": lambda r, db: {
        "database": db,
        "kind": r.choice(["any", "full", "log"]),
        "duration": r.choice(["4 min", "40 min", "200 min"]),
    },
    "second_log_job": lambda r, db: {
        "database": db,
        "times": r.choice(["1", "3"]),
        "every": "17 min",
    },
    "ad_hoc_full": lambda r, db: {"database": db, "copy_only": r.choice(["true", "false"])},
    "recovery_model": lambda r, db: {"database": db, "duration": r.choice(["2 min", "50 min"])},
    "careless_clean_up": lambda r, db: {
        "where": r.choice(["primary", "secondary"]),
        "database": db,
        "older_than": r.choice(["0 s", "3 min", "2 h"]),
    },
    "slow_restore": lambda r, db: {
        "by": r.choice(["3", "40", "2000"]),
        "duration": r.choice(["20 min", "2 h"]),
    },
    "readers": lambda r, db: {"database": db, "duration": r.choice(["3 min", "45 min"])},
    "staging_full": lambda r, db: r.choice(["3 min", "50 min"]),
    "dead_alert_channel": lambda r, db: "2 h",
    "lose_secondary": lambda r, db: r.choice(["5 min", "90 min"]),
    "operator_mistake": lambda r, db: r.choice(["wipes the secondary", "wipes the secondary host"]),
    "standby_broken": lambda r, db: {
        "database": db,
        "how": r.choice(["dropped", "brought online", "redo fails"]),
    },
    "index_maintenance": lambda r, db: {"database": db, "log": r.choice(["200 MB", "2 GB"])},
    "restore_job_off": lambda r, db: {"database": db, "duration": r.choice(["20 min", "90 min"])},
    "manager_crash": lambda r, db: {"before": r.choice(CRASHES), "nth": r.choice("11123")},
}
ENDS: tuple[Tree, ...] = (
    {"lose": "site"},
    {"lose": "host"},
    {"lose": "database"},
    {"order_failover": {"by": "dba", "planned": "true"}},
    {"order_failover": {"by": "dba", "planned": "false"}},
    {"order_failover": {"by": "mallory", "planned": "false"}},
    {"partition": {"cut": "both", "duration": "3 min"}},
    {"partition": {"cut": "to_secondary", "duration": "6 min"}},
)


@dataclass(frozen=True, slots=True)
class Service:
    """A scenario without events, and the instants at which something happens in its run."""

    tree: Tree
    instants: tuple[int, ...]


def service(r: random.Random) -> Tree:
    """Options of a small service; a day costs some tens of milliseconds."""
    names = ["crm", "web", "archive"][: r.choice([1, 1, 2, 3])]
    databases = {name: _database(r) for name in names}
    tree: Tree = {
        "name": "explored",
        "seed": str(r.randrange(1, 10**6)),
        "run_for": r.choice(["8 h", "14 h", "30 h", "50 h"]),
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
        "primary": {"retention": r.choice(["4 h", "1 d"]), "keep_fulls": r.choice("12")},
        "secondary": {"retention": r.choice(["4 h", "1 d"]), "keep_fulls": r.choice("12")},
        "replay": {
            "on_hole": r.choice(["bridge", "skip_ahead", "resync"]),
            "otherwise": "resync",
            "workers": r.choice("14"),
            "reverify": r.choice(["0 s", "1 h"]),
            "delay": r.choice(["0 s", "0 s", "7 min"]),
            "every": r.choice(["0 s", "0 s", "15 min"]),
            "validate": r.choice(["[hash]", "[hash, properties]"]).strip("[]").split(", "),
            "attempts": r.choice("23"),
            "age": r.choice(["10 min", "15 min"]),
        },
        "heartbeat": {"path": r.choice(["own", "data link"])},
        "failover": {
            "mode": r.choice(["automatic", "automatic", "manual"]),
            "silent_for": r.choice(["30 s", "90 s"]),
            "machines_silent": r.choice(["1", "all"]),
            "operator": {"approves": r.choice(["true", "true", "false"])},
        },
    }
    if r.random() < 0.3:
        tree["directory"] = {"changes": "30 per h"}
    if r.random() < 0.4:
        tree["after_failover"] = {"new_secondary": r.choice(["20 min", "2 h"])}
    if r.random() < 0.25:
        held = sum(_MB[database["size"]] for database in databases.values())
        tree["secondary"]["data_capacity"] = f"{held * r.choice([10, 15, 18]) // 10} MB"
    return tree


_MB = {"200 MB": 200, "1 GB": 1000, "5 GB": 5000}


def _database(r: random.Random) -> Tree:
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


def anchored(tree: Tree) -> Service | None:
    """The service with the instants of its own run without events; None if it is no scenario."""
    quiet = {key: value for key, value in tree.items() if key not in ("events", "faults", "sla")}
    scenario = load(quiet)
    if scenario is None:
        return None
    journal = play(scenario)[0].journal
    kinds = ("truth.backup_begin", "truth.backup_finished", "truth.landed", "truth.restored")
    instants: set[int] = set()
    for kind in kinds:
        instants.update(row.time_us for row in journal.rows(kind))
    latest = scenario.run_for_us
    return Service(quiet, tuple(at for at in sorted(instants) if at < latest * 3 // 5))


def draw(services: Sequence[Service], seed: int, number: int) -> Tree:
    """The case of that number: a service, a few kinds of event, each at an anchored instant."""
    r = random.Random(f"{seed} case {number}")
    base = services[r.randrange(len(services))]
    tree = deepcopy(base.tree)
    names = list(tree["databases"])
    kinds = r.sample(sorted(FAULTS), r.randint(1, 4))
    events = [_event(r, base, r.choice(kinds), names) for _ in range(r.randint(0, 4))]
    if r.random() < 0.6:
        at = _instant(r, base, events)
        events.append({"at": _text(at), **deepcopy(r.choice(ENDS))})
        around = [_near(r, at) for _ in range(r.choice([0, 0, 1, 2]))]
        events += [{"at": _text(t), **_what(r, r.choice(NEAR_AN_END), names)} for t in around]
    if r.random() < 0.35:
        at = _instant(r, base, events) if r.random() < 0.5 or not events else 0
        crash = {"before": r.choice(CRASHES), "nth": r.choice("11123")}
        events.append({"at": _text(at), "manager_crash": crash})
    tree["events"] = events or [_event(r, base, r.choice(kinds), names)]
    return tree


NEAR_AN_END = (
    "manager_crash", "manager_crash", "corrupt_in_transit", "missing_file", "link_outage",
    "partition", "late_file", "readers", "slow_restore", "standby_broken", "torn_copy",
)  # fmt: skip


def mutate(tree: Tree, services: Sequence[Service], r: random.Random) -> Tree:
    """A case near one that has reached something new: an event more, less, elsewhere or twice."""
    new = deepcopy(tree)
    base = Service(new, _instants_of(services, new))
    events, names = new["events"], list(new["databases"])
    for _ in range(r.randint(1, 2)):
        how = r.randrange(5)
        if how == 0 and len(events) > 1:
            events.pop(r.randrange(len(events)))
        elif how == 1:
            events.append(_event(r, base, r.choice(sorted(FAULTS)), names))
        elif how == 2:
            crash = {"before": r.choice(CRASHES), "nth": r.choice("11123")}
            at = r.choice(events)["at"]
            events.append({"at": at, "manager_crash": crash})
        elif how == 3:
            events.append({"at": _text(_instant(r, base, [])), **deepcopy(r.choice(ENDS))})
        else:
            event = r.choice(events)
            event["at"] = _text(_instant(r, base, []))
    return new


def _instants_of(services: Sequence[Service], tree: Tree) -> tuple[int, ...]:
    alike = [s for s in services if s.tree["databases"] == tree["databases"]]
    return (alike or services)[0].instants


def _event(r: random.Random, base: Service, kind: str, names: list[str]) -> Tree:
    return {"at": _text(_instant(r, base, [])), **_what(r, kind, names)}


def _what(r: random.Random, kind: str, names: list[str]) -> Tree:
    return {kind: FAULTS[kind](r, r.choice(names))}


def _instant(r: random.Random, base: Service, events: list[Tree]) -> int:
    """At, just before or just after something that happens in the run without events."""
    if not base.instants:
        return r.randrange(60) * MINUTE_US
    return _near(r, r.choice(base.instants))


def _near(r: random.Random, at_us: int) -> int:
    off_us = r.choice(
        [0, 1, SECOND_US // 2, SECOND_US, 20 * SECOND_US, 2 * MINUTE_US, 9 * MINUTE_US]
    )
    return max(0, at_us + r.choice([-1, 1, 1]) * off_us)


def _text(at_us: int) -> str:
    seconds, us = divmod(at_us, SECOND_US)
    return f"{seconds} s" if not us else f"{seconds} s {us} us"
