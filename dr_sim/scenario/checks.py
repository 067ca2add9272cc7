"""Tells what is wrong with a scenario although each of its values is right by itself.

A value that could not be read is absent here (None), so a mistake in one place does not hide one in
another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dr_sim import units
from dr_sim.errors import Problem
from dr_sim.scenario.cloud_keys import check_cloud, things_in
from dr_sim.scenario.events import EventLine, FaultLine
from dr_sim.scenario.fields import NEVER, did_you_mean
from dr_sim.scenario.kind import RestOfScenario
from dr_sim.scenario.model import LogVolume, Outages, Recorded, Schedule
from dr_sim.scenario.schedule import mean_gap_us
from dr_sim.scenario.sites import site_name
from dr_sim.scenario.tree import Node

# of backups in one run, and of log: sums, in bits and sent again, stay below 2^63
MOST_BYTES = 10**17
MOST_COUNTED = 10**17  # transactions and requests of one run
# retries and the like in one run, were it in trouble from beginning to end: about 2 GB of records
MOST_TRIES = 5_000_000
# what is tried less often than this is not counted: its default is not refused for a long run
OFTEN_US = units.MINUTE_US
MOST_JOBS = 50_000_000  # backups in one run: 475 database-years of five-minute logs
MOST_FAULTS = 1_000_000


def check_sections(root: Any, tree: Node) -> list[Problem]:
    """Checks across the values of the fixed sections. root: schema.Root, or what could be read of
    it.
    """
    problems: list[Problem] = []
    run_for, measure_from = _of(root, "run_for"), _of(root, "measure_from")
    if run_for is not None and measure_from is not None and measure_from >= run_for:
        told = (
            "measure_from: nothing would be measured, the run ends after "
            f"{units.format_duration(run_for)}; write less"
        )
        problems.append(tree.at(("measure_from",)).problem(told))
    for name, database in (_of(root, "databases") or {}).items():
        problems.extend(_database(name, database, tree.at(("databases", name))))
    problems.extend(_jobs(root, tree, run_for))
    problems.extend(_replication(_of(root, "replication"), tree))
    problems.extend(_failover(root, tree))
    problems.extend(_capacity(root, tree))
    problems.extend(_engine(_of(root, "engine"), tree))
    problems.extend(_folders(root, tree))
    problems.extend(check_cloud(root, tree))
    return problems


def _of(section: Any, name: str) -> Any:
    return getattr(section, name, None)


def _database(name: str, database: Any, node: Node) -> list[Problem]:
    problems = []
    full, seeded = _of(database, "full"), _of(database, "seeded")
    for kind in ("incremental", "log"):
        schedule = _of(database, kind)
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
            problems.append(_shown(node, kind, "full", "seeded").problem(told))
    volume, transactions = _of(database, "log_volume"), _of(database, "transactions")
    silent = (
        isinstance(volume, LogVolume) and volume.num_bytes == 0 and not any(volume.series_bytes)
    )
    if volume is not None and not silent and transactions and transactions[0] == 0:
        told = (
            f"databases.{name}.transactions: log is written by transactions; write more than "
            "0, or log_volume: 0 B/s"
        )
        problems.append(node.at(("transactions",)).problem(told))
    return problems


def _shown(node: Node, *keys: str) -> Node:
    """The first of these that someone wrote."""
    written = [child for key in keys if (child := node.get(key)) is not None and not child.source]
    return written[0] if written else node


def _jobs(root: Any, tree: Node, run_for: int | None) -> list[Problem]:
    if run_for is None:
        return []
    jobs, most, where = 0, 0, tree
    for name, database in (_of(root, "databases") or {}).items():
        for kind in ("full", "incremental", "log"):
            schedule = _of(database, kind)
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
    low, high = _of(replication, "low_watermark"), _of(replication, "high_watermark")
    if low is None or high is None or low < high:
        return []
    node = _shown(tree.at(("replication",)), "low_watermark", "high_watermark")
    told = (
        f"replication: low_watermark ({units.format_ppm(low)}) must be below high_watermark "
        f"({units.format_ppm(high)})"
    )
    return [node.problem(told)]


def _engine(engine: Any, tree: Node) -> list[Problem]:
    if _of(engine, "timing") != "measured" or _of(engine, "kind") not in (None, "model"):
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
    failover, node = _of(root, "failover"), tree.at(("failover",))
    operators, on_duty = _of(failover, "operators"), _of(failover, "on_duty")
    if operators and on_duty is not None and on_duty not in operators:
        told = (
            f"failover.on_duty: {on_duty!r} is not among failover.operators; "
            f"{did_you_mean(on_duty, operators)}"
        )
        problems.append(_shown(node, "on_duty", "operators").problem(told))
    silent_for, every = _of(failover, "silent_for"), _of(_of(root, "heartbeat"), "every")
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
    machines, silent = _of(root, "machines"), _of(failover, "machines_silent")
    if machines and silent and silent > len(machines):
        count = "is 1 machine" if len(machines) == 1 else f"are {len(machines)} machines"
        told = (
            f"failover.machines_silent: there {count}, so {silent} can never be silent; write "
            f"at most {len(machines)}, or all"
        )
        problems.append(node.at(("machines_silent",)).problem(told))
    return problems


def _capacity(root: Any, tree: Node) -> list[Problem]:
    problems = []
    databases = _of(root, "databases") or {}
    for name, database in databases.items():
        log, capacity = _of(database, "log"), _of(database, "log_capacity")
        if isinstance(log, Schedule) and log.kind == "none" and capacity:
            told = (
                f"databases.{name}.log_capacity: without log backups nothing frees its log; "
                "write none, or give it a log"
            )
            problems.append(tree.at(("databases", name, "log_capacity")).problem(told))
    capacity = _of(_of(root, "secondary"), "data_capacity")
    seeded = [_of(d, "size") or 0 for d in databases.values() if _of(d, "seeded")]
    if capacity and sum(seeded) > capacity:
        held = units.format_size(sum(seeded))
        told = (
            f"secondary.data_capacity: the databases seeded there take {held}; write at least "
            "that, or none"
        )
        problems.append(tree.at(("secondary", "data_capacity")).problem(told))
    return problems


def _folders(root: Any, tree: Node) -> list[Problem]:
    """Each database in one folder, each folder with a name and shares of its own."""
    problems = []
    databases = tuple(_of(root, "databases") or {})
    seen: dict[str, str] = {}  # a folder, a database or a share -> where
    groups = _of(_of(root, "replication"), "groups") or {}
    unread = False
    for group, keys in groups.items():
        folders = _of(keys, "folders") or {}
        unread = (
            unread
            or not folders
            or any(not _of(folder, "databases") for folder in folders.values())
        )
        for name, folder in folders.items():
            where = f"replication.groups.{group}.folders.{name}"
            node = tree.at(("replication", "groups", group, "folders", name))
            held = _of(folder, "databases") or ()
            shares = filter(None, (_of(folder, "primary"), _of(folder, "secondary")))
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
    run_for = _of(root, "run_for")
    if run_for is None:
        return []
    problems = []
    bytes_in_all, most, where = 0, 0, tree
    for name, database in (_of(root, "databases") or {}).items():
        node = tree.at(("databases", name))
        total = _backed_up(database, run_for, series.get(name, ()))
        bytes_in_all += total
        if total > most:
            most, where = total, _shown(node, "log_volume", "size")
        rate = _of(database, "transactions")
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
        problems.append(where.problem(f"{told}; write less, or a shorter run_for"))
    rate = _of(_of(root, "users"), "requests")
    if rate and rate[0] * run_for > MOST_COUNTED * rate[1]:
        problems.append(
            _too_many(tree.at(("users", "requests")), "users.requests", "requests", rate, run_for)
        )
    return problems + _tries(root, tree, run_for)


def _too_many(node: Node, where: str, what: str, rate: tuple[int, int], run_for: int) -> Problem:
    return node.problem(
        f"{where}: would be about {rate[0] * run_for // rate[1]:,} {what} in the run, "
        f"more than {MOST_COUNTED:,}; write fewer"
    )


def _backed_up(database: Any, run_for: int, series: tuple[int, ...]) -> int:
    """Bytes of all fulls, and of the log once in logs and at the most once a day in
    incrementals.
    """
    size, volume, full = (_of(database, key) for key in ("size", "log_volume", "full"))
    fulls = 1 if full is None else 1 + run_for // max(1, mean_gap_us(full) or run_for)
    numbers = series or getattr(volume, "series_bytes", ())
    if numbers:
        period_us = len(numbers) * max(
            1, getattr(volume, "series_interval_us", 0) or getattr(volume, "interval_us", 1)
        )
        log = sum(numbers) * (run_for // period_us + 1)
    else:
        log = getattr(volume, "num_bytes", 0) * run_for // max(1, getattr(volume, "den_us", 1))
    return (size or 0) * fulls + 2 * log


def _bursts(
    events: list[EventLine], faults: list[FaultLine], run_for: int
) -> Iterator[tuple[Node, int, int]]:
    """Where log is written in bursts: the line, bytes of each, about how many."""
    for event in events:
        yield event.node, int(getattr(event.params, "log", 0) or 0), 1
    for fault in faults:
        yield fault.node, int(getattr(fault.params, "log", 0) or 0), 1 + _times(fault, run_for)


def _times(fault: FaultLine, run_for: int) -> int:
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
    databases = max(1, len(_of(root, "databases") or {}))
    asked = (
        (("replay", "retry"), databases, OFTEN_US, "retries"),
        (("replay", "reverify"), databases, units.HOUR_US, "checks of all files"),
        (("replication", "retry"), 1, OFTEN_US, "retries"),
        (("directory", "replicate"), 1, OFTEN_US, "replications"),
        (("change_windows", "start"), 1, OFTEN_US, "change windows"),
        (("monitor", "every"), databases, OFTEN_US, "jobs"),
        (("monitor", "repeat"), databases, OFTEN_US, "alerts"),
    )
    problems = []
    for path, each, often_us, what in asked:
        value = _of(_of(root, path[0]), path[1])
        every_us = mean_gap_us(value) if isinstance(value, Schedule) else value
        if every_us and every_us < often_us and each * run_for > MOST_TRIES * every_us:
            problems.append(
                tree.at(path).problem(_would_have(".".join(path), each * run_for // every_us, what))
            )
    changes = _of(_of(root, "directory"), "changes")
    if changes and changes[0] * run_for > MOST_TRIES * changes[1]:
        told = _would_have("directory.changes", changes[0] * run_for // changes[1], "changes")
        problems.append(tree.at(("directory", "changes")).problem(told))
    return problems


def _would_have(where: str, count: int, what: str) -> str:
    return (
        f"{where}: this run may have about {count:,} {what}, more than {MOST_TRIES:,}; write "
        "a longer time, or a shorter run_for"
    )


def check_recorded(root: Any, tree: Node, read: dict[str, Any]) -> list[Problem]:
    """How often recorded conditions change in the run. read: what lay in files, by key."""
    run_for, problems = _of(root, "run_for"), []
    for key in ("link", "restores", "outages"):
        found = read.get(key, _of(_of(root, "recorded"), key))
        changes = 0
        if run_for is not None and isinstance(found, Recorded) and found.values:
            changes = run_for // max(1, found.step_us)
        elif run_for is not None and isinstance(found, Outages) and found.spans:
            changes = (run_for // max(1, found.period_us) + 1) * len(found.spans)
        if changes > MOST_TRIES:
            problems.append(
                tree.at(("recorded", key)).problem(
                    _would_have(f"recorded.{key}", changes, "changes")
                )
            )
    return problems


def check_events(
    lines: list[EventLine], start_utc_us: int, zone: str, run_for: int
) -> tuple[list[int], list[Problem]]:
    """The instant of each event, and what is wrong with them."""
    instants, problems = [], []
    for line in lines:
        at_us = line.instant.resolve(start_utc_us, zone) if line.instant else 0
        instants.append(at_us)
        if at_us < 0:
            early = units.format_duration(-at_us)
            problems.append(
                line.node.problem(
                    f"event {line.number}: is {early} before the start; write a later instant"
                )
            )
        elif at_us >= run_for and line.instant:
            ends, late = units.format_duration(run_for), units.format_duration(at_us)
            told = (
                f"event {line.number}: would never happen: it is {late} after the start, and "
                f"the run ends after {ends}"
            )
            problems.append(
                line.node.problem(f"{told}; write an earlier instant or a longer run_for")
            )
    return instants, problems


def check_lost(lines: list[EventLine], instants: list[int], root: Any) -> list[Problem]:
    """Find what happens to a primary that is lost: where no new recovery network follows, it is
    lost once, and nothing can be done to it afterwards.
    """
    if _of(_of(root, "after_failover"), "new_secondary") != NEVER:
        return []
    problems: list[Problem] = []
    losses: list[EventLine] = []
    databases = _of(root, "databases") or {}
    for line in _in_time(lines, instants):
        if line.kind.brings_back:
            losses = _still_lost(line, losses)
        if line.kind.loses:
            before = next((loss for loss in losses if _takes(loss, line)), None)
        elif line.kind.needs_primary:
            before = next(
                (
                    loss
                    for loss in losses
                    if _has_taken(loss, _of(line.params, "database"), databases)
                ),
                None,
            )
        else:
            continue
        if before is not None:
            told = (
                f"event {line.number}: {line.kind.name} would change nothing: event "
                f"{before.number} has taken the {_of(before.params, 'what')}"
            )
            problems.append(line.node.problem(f"{told}; write an earlier instant, or leave it out"))
        elif line.kind.loses and line.params is not None:
            losses.append(line)
    return problems


def _in_time(lines: list[EventLine], instants: list[int]) -> list[EventLine]:
    each = sorted(zip(instants, lines, strict=True), key=lambda pair: (pair[0], pair[1].number))
    return [line for _, line in each]


def check_returns(
    lines: list[EventLine], faults: list[FaultLine], instants: list[int]
) -> list[Problem]:
    """Find what comes back without having been lost, and sites that there are not. A loss that is
    drawn may have come before.
    """
    problems = []
    drawn = any(line.kind.loses for line in faults)
    lost: list[EventLine] = []
    for line in _in_time(lines, instants):
        if line.kind.loses and line.params is not None:
            lost.append(line)
        if not line.kind.brings_back or line.params is None:
            continue
        told = _no_such_site(line, lines) if drawn else _comes_from_nowhere(line, lines, lost)
        if told:
            problems.append(line.node.problem(f"event {line.number}: {line.kind.name}: {told}"))
        lost = _still_lost(line, lost)
    return problems


def _comes_from_nowhere(line: EventLine, lines: list[EventLine], lost: list[EventLine]) -> str:
    """Say what is wrong with it; '' if something that it brings back is lost by then."""
    told = _no_such_site(line, lines)
    of_site = line.kind.brings_back == "site"
    found = any(_loses_a_site(x) if of_site else _brings_back(line, x) for x in lost)
    if told or found:
        return told
    what, machine = line.kind.brings_back, _of(line.params, "machine")
    if any(_of(loss.params, "what") == "site" for loss in lost):
        return "the whole site is lost by then; write site_returns"
    if what == "site" and any(_of(loss.params, "what") == "host" for loss in lost):
        return "no site is lost by then, only a host; write host_returns"
    named = f"machine {machine!r}" if machine else f"a {what}"
    return f"{named} must be lost first; write a later instant, or an event lose: {what} before it"


def _no_such_site(line: EventLine, lines: list[EventLine]) -> str:
    site = _of(line.params, "site")
    losses = sum(1 for each in lines if _loses_a_site(each))
    names = tuple(site_name(number) for number in range(2 + losses))
    if site is None or site in names:
        return ""
    return f"unknown site {site!r}; {did_you_mean(site, names)}"


def _loses_a_site(line: EventLine) -> bool:
    return bool(line.kind.loses) and _of(line.params, "what") == "site"


def _still_lost(line: EventLine, lost: list[EventLine]) -> list[EventLine]:
    """The losses that a return leaves: one site comes back at a time, the last one first."""
    found = [loss for loss in lost if not _brings_back(line, loss)]
    sites = [loss for loss in lost if _loses_a_site(loss)]
    return found + sites[:-1] if line.kind.brings_back == "site" else found


def _brings_back(line: EventLine, loss: EventLine) -> bool:
    """Is what that loss took there again by it? Data that were destroyed are not."""
    what = _of(loss.params, "what")
    if line.kind.brings_back == "site":
        return what in ("site", "host")
    machines = {_of(each.params, "machine") for each in (line, loss)}
    return what == "host" and (None in machines or len(machines) == 1)


def _takes(loss: EventLine, later: EventLine) -> bool:
    """Had that loss taken all that the later one would take?"""
    what = _of(loss.params, "what")
    if what == "site":
        return True
    then = _of(later.params, "what")
    if what == then:
        key = {"host": "machine", "database": "database"}[what]
        return _of(loss.params, key) in (None, _of(later.params, key))
    return bool(what == "host" and then == "database" and _of(loss.params, "machine") is None)


def _has_taken(loss: EventLine, database: str | None, databases: Any) -> bool:
    """Is that database at the primary lost by it?"""
    what = _of(loss.params, "what")
    if what == "database":
        return _of(loss.params, "database") in (None, database)
    return bool(
        what == "site"
        or _of(loss.params, "machine") in (None, _of(databases.get(database), "machine"))
    )


def check_logs(lines: Sequence[EventLine | FaultLine], databases: Any) -> list[Problem]:
    """Find what is done to the log backups of a database that takes none."""
    problems = []
    for line in lines:
        name = getattr(line.params, "database", None)
        about_logs = line.kind.needs_log and getattr(line.params, "kind", "log") == "log"
        log = _of((databases or {}).get(name), "log") if about_logs else None
        if log is not None and log.kind == "none":
            told = (
                f"{_where(line)}: {name} takes no log backups (log: none), so nothing can "
                "happen to one; name a database that does"
            )
            problems.append(line.node.problem(told))
    return problems


def check_kinds(
    lines: Sequence[EventLine | FaultLine], events: list[EventLine], root: Any
) -> list[Problem]:
    """Ask each line's own kind what is wrong with its parameters in this scenario."""
    engine = _of(root, "engine")
    around = RestOfScenario(
        _of(engine, "kind") or "",
        _of(engine, "imitates") or "",
        things_in(root),
        tuple(_of(root, "databases") or ()),
        [(line.kind, line.params) for line in events],
    )
    problems = []
    for line in lines:
        if line.params is None:
            continue
        for told in line.kind.check(line.params, around):
            problems.append(line.node.problem(f"{_where(line)}: {told}"))
    return problems


def _where(line: EventLine | FaultLine) -> str:
    """Name a line as people find it in their file."""
    if isinstance(line, EventLine):
        return f"event {line.number}: {line.kind.name}"
    return f"faults.{line.kind.name}"


def check_faults(lines: list[FaultLine], run_for: int, windows: Any) -> list[Problem]:
    problems = []
    start = _of(windows, "start")
    for line in lines:
        if (
            line.together.in_change_windows is not None
            and start is not None
            and start.kind == "none"
        ):
            told = (
                f"faults.{line.kind.name}.in_change_windows: there are no change windows; write "
                f"change_windows: {{start: weekly Tue 21:00}}"
            )
            problems.append(line.node.problem(told))
        if _times(line, run_for) > MOST_FAULTS:
            told = (
                f"faults.{line.kind.name}.rate: would draw about {_times(line, run_for):,} faults, "
                f"more than {MOST_FAULTS:,}; write fewer"
            )
            problems.append(line.node.problem(told))
    return problems
