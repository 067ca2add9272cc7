"""Tells what is wrong with a scenario although each of its values is right by itself.

A value that could not be read is absent here (None), so a mistake in one place does not hide one in
another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dr_sim import units
from dr_sim.errors import Problem
from dr_sim.scenario.asked_model import Replications
from dr_sim.scenario.checks.machine_checks import check_built
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.keys.cloud_keys import check_cloud
from dr_sim.scenario.keys.events import EventLine, FaultLine
from dr_sim.scenario.keys.recorded import KEYS as RECORDED_KEYS
from dr_sim.scenario.keys.recorded import sections_of
from dr_sim.scenario.model import LogVolume, Outages, Recorded, Schedule
from dr_sim.scenario.reading.tree import Node
from dr_sim.scenario.schedule import mean_gap_us
from dr_sim.scenario.usual import PREFERRED

# of backups in one run, and of log: sums, in bits and sent again, stay below 2^63
MOST_BYTES = 10**17
MOST_COUNTED = 10**17  # transactions and requests of one run
# retries and the like in one run, were it in trouble from beginning to end: about 2 GB of records
MOST_TRIES = 5_000_000
# what is tried less often than this is not counted: its default is not refused for a long run
OFTEN_US = units.MINUTE_US
MOST_JOBS = (
    50_000_000  # backups in one run: 475 database-years of five-minute logs
)


def check_sections(root: Any, tree: Node) -> list[Problem]:
    """Checks across the values of the fixed sections. root: schema.Root, or what could be read of
    it.
    """
    problems: list[Problem] = []
    run_for, measure_from = (
        value_of(root, "run_for"),
        value_of(root, "measure_from"),
    )
    if (
        run_for is not None
        and measure_from is not None
        and measure_from >= run_for
    ):
        told = (
            "measure_from: nothing would be measured, the run ends after "
            f"{units.format_duration(run_for)}; write less"
        )
        problems.append(tree.at(("measure_from",)).problem(told))
    for name, database in (value_of(root, "databases") or {}).items():
        problems.extend(
            _database(name, database, tree.at(("databases", name)))
        )
    problems.extend(_jobs(root, tree, run_for))
    problems.extend(_replication(value_of(root, "replication"), tree))
    problems.extend(_failover(root, tree))
    problems.extend(_capacity(root, tree))
    problems.extend(_engine(value_of(root, "engine"), tree))
    problems.extend(_folders(root, tree))
    problems.extend(check_cloud(root, tree))
    problems.extend(check_built(root, tree))
    return problems


def value_of(section: Any, name: str) -> Any:
    return getattr(section, name, None)


def _database(name: str, database: Any, node: Node) -> list[Problem]:
    problems = []
    full, seeded = value_of(database, "full"), value_of(database, "seeded")
    for kind in ("incremental", "log"):
        schedule = value_of(database, kind)
        if (
            schedule
            and full
            and schedule.kind != "none"
            and full.kind == "none"
            and seeded is False
        ):
            told = (
                f"databases.{name}.{' '.join(node.as_written((kind,)))}: {kind} backups need "
                "a full before them (4214); give it a full, or write none"
            )
            problems.append(
                _shown(node, kind, "full", "seeded").problem(told)
            )
    volume, transactions = (
        value_of(database, "log_volume"),
        value_of(database, "transactions"),
    )
    silent = (
        isinstance(volume, LogVolume)
        and volume.num_bytes == 0
        and not any(volume.series_bytes)
    )
    if (
        volume is not None
        and not silent
        and transactions
        and transactions[0] == 0
    ):
        told = (
            f"databases.{name}.transactions: log is written by transactions; write more than "
            "0, or log_volume: 0 B/s"
        )
        problems.append(node.at(("transactions",)).problem(told))
    return problems


def _shown(node: Node, *keys: str) -> Node:
    """The first of these that someone wrote."""
    written = [
        child
        for key in keys
        if (child := node.get(key)) is not None and not child.source
    ]
    return written[0] if written else node


def _jobs(root: Any, tree: Node, run_for: int | None) -> list[Problem]:
    if run_for is None:
        return []
    jobs, most, where = 0, 0, tree
    for name, database in (value_of(root, "databases") or {}).items():
        for kind in ("full", "incremental", "log"):
            schedule = value_of(database, kind)
            if isinstance(schedule, Schedule) and schedule.kind == "every":
                count = run_for // schedule.interval_us
                jobs += count
                if count > most:
                    most, where = count, tree.at(("databases", name, kind))
    if jobs <= MOST_JOBS:
        return []
    return [
        where.problem(
            f"the run would take {jobs:,} backups, more than {MOST_JOBS:,}; write longer "
            "intervals or a shorter run_for"
        )
    ]


def _replication(replication: Any, tree: Node) -> list[Problem]:
    low, high = (
        value_of(replication, "low_watermark"),
        value_of(replication, "high_watermark"),
    )
    if low is None or high is None or low < high:
        return []
    node = _shown(
        tree.at(("replication",)), "low_watermark", "high_watermark"
    )
    told = (
        f"replication: low_watermark ({units.format_ppm(low)}) must be below high_watermark "
        f"({units.format_ppm(high)})"
    )
    return [node.problem(told)]


def _engine(engine: Any, tree: Node) -> list[Problem]:
    if value_of(engine, "timing") != "measured" or value_of(
        engine, "kind"
    ) not in (None, "model"):
        return []
    node = _shown(tree.at(("engine",)), "timing", "kind")
    return [
        node.problem(
            "engine.timing: measured takes a real engine, the model takes no time; write "
            "kind: sqlite or postgres"
        )
    ]


def _failover(root: Any, tree: Node) -> list[Problem]:
    problems = []
    failover, node = value_of(root, "failover"), tree.at(("failover",))
    operators, on_duty = (
        value_of(failover, "operators"),
        value_of(failover, "on_duty"),
    )
    if operators and on_duty is not None and on_duty not in operators:
        told = (
            f"failover.on_duty: {on_duty!r} is not among failover.operators; "
            f"{did_you_mean(on_duty, operators)}"
        )
        problems.append(_shown(node, "on_duty", "operators").problem(told))
    silent_for, every = (
        value_of(failover, "silent_for"),
        value_of(value_of(root, "heartbeat"), "every"),
    )
    if silent_for is not None and every is not None and silent_for < every:
        told = (
            "failover.silent_for: must not be shorter than heartbeat.every "
            f"({units.format_duration(every)}), or every pause is a failure"
        )
        shown = (
            _shown(node, "silent_for")
            if (node.get("silent_for") or node).source == ""
            else tree.at(("heartbeat", "every"))
        )
        problems.append(shown.problem(told))
    choose = value_of(failover, "choose")
    copies = value_of(root, "copies") or {}
    if choose is not None and choose.policy != PREFERRED and not copies:
        told = (
            "failover.choose: there is one copy, so there is nothing to choose from; write copies, "
            "or leave it out"
        )
        problems.append(_shown(node, "choose").problem(told))
    machines, silent = (
        value_of(root, "machines"),
        value_of(failover, "machines_silent"),
    )
    if machines and silent and silent > len(machines):
        count = (
            "is 1 machine"
            if len(machines) == 1
            else f"are {len(machines)} machines"
        )
        told = (
            f"failover.machines_silent: there {count}, so {silent} can never be silent; write "
            f"at most {len(machines)}, or all"
        )
        problems.append(node.at(("machines_silent",)).problem(told))
    return problems


def _capacity(root: Any, tree: Node) -> list[Problem]:
    problems = []
    databases = value_of(root, "databases") or {}
    for name, database in databases.items():
        log, capacity = (
            value_of(database, "log"),
            value_of(database, "log_capacity"),
        )
        if isinstance(log, Schedule) and log.kind == "none" and capacity:
            told = (
                f"databases.{name}.log_capacity: without log backups nothing frees its log; "
                "write none, or give it a log"
            )
            problems.append(
                tree.at(("databases", name, "log_capacity")).problem(told)
            )
    capacity = value_of(value_of(root, "secondary"), "data_capacity")
    seeded = [
        value_of(d, "size") or 0
        for d in databases.values()
        if value_of(d, "seeded")
    ]
    if capacity and sum(seeded) > capacity:
        held = units.format_size(sum(seeded))
        told = (
            f"secondary.data_capacity: the databases seeded there take {held}; write at least "
            "that, or none"
        )
        problems.append(
            tree.at(("secondary", "data_capacity")).problem(told)
        )
    return problems


def _folders(root: Any, tree: Node) -> list[Problem]:
    """Each database in one folder, each folder with a name and shares of its own."""
    problems = []
    databases = tuple(value_of(root, "databases") or {})
    seen: dict[str, str] = {}  # a folder, a database or a share -> where
    groups = value_of(value_of(root, "replication"), "groups") or {}
    unread = False
    for group, keys in groups.items():
        folders = value_of(keys, "folders") or {}
        unread = (
            unread
            or not folders
            or any(
                not value_of(folder, "databases")
                for folder in folders.values()
            )
        )
        for name, folder in folders.items():
            where = f"replication.groups.{group}.folders.{name}"
            node = tree.at(
                ("replication", "groups", group, "folders", name)
            )
            held = value_of(folder, "databases") or ()
            shares = filter(
                None,
                (
                    value_of(folder, "primary"),
                    value_of(folder, "secondary"),
                ),
            )
            unique = [("folder", name)]
            unique += [("database", database) for database in held]
            unique += [("share", share) for share in shares]
            for what, each in unique:
                if what == "database" and each not in databases:
                    told = (
                        f"{where}.databases: unknown database {each!r}; "
                        f"{did_you_mean(each, databases)}"
                    )
                    problems.append(node.at(("databases",)).problem(told))
                elif f"{what} {each}" in seen:
                    told = (
                        f"{where}: the {what} {each!r} is in {seen[f'{what} {each}']} "
                        "already; write another"
                    )
                    problems.append(node.problem(told))
                seen.setdefault(f"{what} {each}", where)
    missing = [name for name in databases if f"database {name}" not in seen]
    if groups and missing and not problems and not unread:
        told = f"replication.groups: no folder holds {missing[0]!r}; add it to the databases of one"
        problems.append(tree.at(("replication", "groups")).problem(told))
    return problems


def check_rare(
    replications: Replications | None, tree: Node, faults: list[FaultLine]
) -> list[Problem]:
    """Refuse to look for what is rare where no fault is drawn."""
    if replications is None or not replications.rare:
        return []
    if any(line.rate[0] for line in faults):
        return []
    told = (
        "replications.rare looks for what faults seldom do, and none has a rate; write for "
        "example faults: {link_outage: {rate: 2 per week, duration: {mean: 30 min}}}"
    )
    return [tree.at(("replications", "rare")).problem(told)]


# ---- what a run adds up to
def check_totals(
    root: Any,
    tree: Node,
    series: dict[str, tuple[int, ...]],
    events: list[EventLine],
    faults: list[FaultLine],
) -> list[Problem]:
    """Bytes, transactions, requests and tries of the whole run. Each value may be possible by
    itself, and their sum may leave 64 bits or take more memory than there is.
    """
    run_for = value_of(root, "run_for")
    if run_for is None:
        return []
    problems = []
    bytes_in_all, most, where = 0, 0, tree
    for name, database in (value_of(root, "databases") or {}).items():
        node = tree.at(("databases", name))
        total = _backed_up(database, run_for, series.get(name, ()))
        bytes_in_all += total
        if total > most:
            most, where = total, _shown(node, "log_volume", "size")
        rate = value_of(database, "transactions")
        if rate and rate[0] * run_for > MOST_COUNTED * rate[1]:
            problems.append(
                _too_many(
                    node.at(("transactions",)),
                    f"databases.{name}.transactions",
                    "transactions",
                    rate,
                    run_for,
                )
            )
    for node, log_bytes, times in _bursts(events, faults, run_for):
        bytes_in_all += log_bytes * times
        if log_bytes * times > most:
            most, where = log_bytes * times, node
    if bytes_in_all > MOST_BYTES:
        told = (
            f"the run would back up about {bytes_in_all // 10**15:,} PB, more than "
            f"{MOST_BYTES // 10**15:,} PB"
        )
        problems.append(
            where.problem(f"{told}; write less, or a shorter run_for")
        )
    rate = value_of(value_of(root, "users"), "requests")
    if rate and rate[0] * run_for > MOST_COUNTED * rate[1]:
        problems.append(
            _too_many(
                tree.at(("users", "requests")),
                "users.requests",
                "requests",
                rate,
                run_for,
            )
        )
    return problems + _tries(root, tree, run_for)


def _too_many(
    node: Node, where: str, what: str, rate: tuple[int, int], run_for: int
) -> Problem:
    return node.problem(
        f"{where}: would be about {rate[0] * run_for // rate[1]:,} {what} in the run, "
        f"more than {MOST_COUNTED:,}; write fewer"
    )


def _backed_up(database: Any, run_for: int, series: tuple[int, ...]) -> int:
    """Bytes of all fulls, and of the log once in logs and at the most once a day in
    incrementals.
    """
    size, volume, full = (
        value_of(database, key) for key in ("size", "log_volume", "full")
    )
    fulls = (
        1
        if full is None
        else 1 + run_for // max(1, mean_gap_us(full) or run_for)
    )
    numbers = series or getattr(volume, "series_bytes", ())
    if numbers:
        period_us = len(numbers) * max(
            1,
            getattr(volume, "series_interval_us", 0)
            or getattr(volume, "interval_us", 1),
        )
        log = sum(numbers) * (run_for // period_us + 1)
    else:
        log = (
            getattr(volume, "num_bytes", 0)
            * run_for
            // max(1, getattr(volume, "den_us", 1))
        )
    return (size or 0) * fulls + 2 * log


def _bursts(
    events: list[EventLine], faults: list[FaultLine], run_for: int
) -> Iterator[tuple[Node, int, int]]:
    """Yield the bursts of log: the line, bytes of each, about how many."""
    for event in events:
        yield event.node, int(getattr(event.params, "log", 0) or 0), 1
    for fault in faults:
        yield (
            fault.node,
            int(getattr(fault.params, "log", 0) or 0),
            1 + times_drawn(fault, run_for),
        )


def times_drawn(fault: FaultLine, run_for: int) -> int:
    """About how often it happens, each with those of its cluster."""
    num, den_us = fault.rate
    again = fault.together.again
    return (
        num
        * run_for
        // den_us
        * 1_000_000
        // (1_000_000 - (again.chance if again is not None else 0))
    )


def _tries(root: Any, tree: Node, run_for: int) -> list[Problem]:
    """Whatever is tried again and again as long as something is wrong, or by the clock."""
    databases = max(1, len(value_of(root, "databases") or {}))
    asked = (
        (("replay", "retry"), databases, OFTEN_US, "retries"),
        (
            ("replay", "reverify"),
            databases,
            units.HOUR_US,
            "checks of all files",
        ),
        (("replication", "retry"), 1, OFTEN_US, "retries"),
        (("directory", "replicate"), 1, OFTEN_US, "replications"),
        (("change_windows", "start"), 1, OFTEN_US, "change windows"),
        (("monitor", "every"), databases, OFTEN_US, "jobs"),
        (("monitor", "repeat"), databases, OFTEN_US, "alerts"),
    )
    problems = []
    for path, each, often_us, what in asked:
        value = value_of(value_of(root, path[0]), path[1])
        every_us = (
            mean_gap_us(value) if isinstance(value, Schedule) else value
        )
        if (
            every_us
            and every_us < often_us
            and each * run_for > MOST_TRIES * every_us
        ):
            problems.append(
                tree.at(path).problem(
                    _would_have(
                        ".".join(path), each * run_for // every_us, what
                    )
                )
            )
    changes = value_of(value_of(root, "directory"), "changes")
    if changes and changes[0] * run_for > MOST_TRIES * changes[1]:
        told = _would_have(
            "directory.changes",
            changes[0] * run_for // changes[1],
            "changes",
        )
        problems.append(tree.at(("directory", "changes")).problem(told))
    return problems


def _would_have(where: str, count: int, what: str) -> str:
    return (
        f"{where}: this run may have about {count:,} {what}, more than {MOST_TRIES:,}; write "
        "a longer time, or a shorter run_for"
    )


def check_recorded(
    root: Any, tree: Node, read: dict[tuple[str, ...], Any]
) -> list[Problem]:
    """Return how often recorded conditions change in the run, where that is too often. read: what
    lay in files, by the path of the key.
    """
    run_for = value_of(root, "run_for")
    problems: list[Problem] = []
    if run_for is None:
        return problems
    for section, keys in sections_of(root):
        for key in RECORDED_KEYS:
            path = (*section, key)
            changes = _changes(read.get(path, value_of(keys, key)), run_for)
            if changes > MOST_TRIES:
                told = _would_have(".".join(path), changes, "changes")
                problems.append(tree.at(path).problem(told))
    return problems


def _changes(series: Any, run_for_us: int) -> int:
    """Return how often a recorded series changes in the run."""
    if isinstance(series, Recorded) and series.values:
        return int(run_for_us // max(1, series.step_us))
    if isinstance(series, Outages) and series.spans:
        periods = run_for_us // max(1, series.period_us) + 1
        return int(periods * len(series.spans))
    return 0
