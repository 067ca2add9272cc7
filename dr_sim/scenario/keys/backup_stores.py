"""Stores under `copies:`: places that keep backup files and replay none.

A copy with a section `store` is a store. Its backups come from the primary's share, or from another
store (a level): a backup stays at its source for `hold`, is fetched at the next instant of `every`,
crosses the link and is on its way for `transit`. After a failure getting a machine there and the
service is restored; the machine is the next primary, and the store stands behind it. A service may
have stores and no standby.

What a store's place needs beyond that (the link, what restores cost, how files are checked) is in
the sections that a standby has, too. Its replay has no delay and no hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dr_sim.errors import Problem
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.keys.events import EventLine, FaultLine
from dr_sim.scenario.kind import ALL, PRIMARY
from dr_sim.scenario.model import (
    BackupStoreSpec,
    DatabaseSpec,
    Monitor,
    ReplicationSpec,
    Scenario,
    Schedule,
    StandbySpec,
)
from dr_sim.scenario.reading.tree import Node
from dr_sim.scenario.schedule import longest_gap_us
from dr_sim.units import format_duration

COPIES = "copies"
STORE = "store"
INCREMENTAL = "incremental"
LOG = "log"
PRIMARY_SHARE = "primary"
"""The value of `from` for a store that is fed by the primary."""


# ---- from the file
_ENOUGH = 1 << 60
"""Bytes, more than any run has."""


def check_stores(
    root: Any, tree: Node, lines: Sequence[EventLine | FaultLine]
) -> Iterator[Problem]:
    """Find sources that there are not, and what is not supported with stores."""
    copies: dict[str, Any] = getattr(root, COPIES, None) or {}
    stores = {
        name: keys.store
        for name, keys in copies.items()
        if getattr(keys, "store", None)
    }
    if not stores:
        return
    before: list[str] = []
    for name, keys in stores.items():
        yield from _source(name, keys, before, tree)
        yield from _own_schedule(name, keys, copies, tree)
        yield from _own_kinds(name, keys, root, tree)
        yield from _kept_too_short(name, keys, stores, tree)
        yield from _nothing_comes(name, keys, root, tree)
        before.append(name)
    for line in lines:
        yield from _line(line, tuple(copies), tuple(stores))


def _source(
    name: str, keys: Any, before: Sequence[str], tree: Node
) -> Iterator[Problem]:
    source = getattr(keys, "source", PRIMARY_SHARE)
    if source == PRIMARY_SHARE or source in before:
        return
    node = tree.at((COPIES, name, STORE, "from"))
    known = (PRIMARY_SHARE, *before)
    yield node.problem(
        f"{COPIES}.{name}.{STORE}.from: no store {source!r} is written before this one; "
        f"{did_you_mean(source, known)}"
    )


def _own_schedule(
    name: str, keys: Any, copies: dict[str, Any], tree: Node
) -> Iterator[Problem]:
    """Find a schedule of its own that makes no second chain, or one of a store behind a store."""
    own = getattr(keys, "schedule", None)
    if own is None:
        source = getattr(keys, "source", PRIMARY_SHARE)
        of = getattr(copies.get(source), "store", None)
        if getattr(of, "schedule", None) is not None:
            told = f"{source} has a schedule of its own, and feeds no other store yet"
            node = tree.at((COPIES, name, STORE, "from"))
            yield node.problem(
                f"{COPIES}.{name}.{STORE}.from: {told}; write primary"
            )
        return
    where = f"{COPIES}.{name}.{STORE}.schedule"
    node = tree.at((COPIES, name, STORE, "schedule"))
    if getattr(own.full, "kind", "") == "none":
        yield node.problem(
            f"{where}.full: none makes no chain; write daily 02:00, or leave schedule out"
        )
    if getattr(keys, "source", PRIMARY_SHARE) != PRIMARY_SHARE:
        told = "its fulls are taken at the primary"
        yield node.problem(
            f"{where}: {told}; leave out from, or write from: primary"
        )
    if len(copies) == 1:
        told = f"{name} is the only copy, so there is no second chain"
        yield node.problem(
            f"{where}: {told}; write the schedule under databases"
        )


_NO_OWN_BASE = (
    "by SQL Server's rules an incremental is based on the last full that is not copy-only, "
    "whoever took it, so it does not fit these fulls; write fulls more often, or engine: "
    "{imitates: postgres}"
)
_ONE_ARCHIVE = (
    "the real PostgreSQL server has one archive yet; leave it out, or "
    "leave out engine.kind"
)


def _own_kinds(
    name: str, keys: Any, root: Any, tree: Node
) -> Iterator[Problem]:
    """Find incrementals and logs of its own that the engine has not, or that it does not take."""
    own = getattr(keys, "schedule", None)
    engine = getattr(root, "engine", None)
    kind = getattr(engine, "kind", "model")
    imitates = getattr(engine, "imitates", "")
    postgres = kind == "model" and imitates == "postgres"
    for what in (INCREMENTAL, LOG):
        if getattr(getattr(own, what, None), "kind", "none") == "none":
            continue
        node = tree.at((COPIES, name, STORE, "schedule", what))
        told = ""
        if kind == "postgres":
            told = _ONE_ARCHIVE
        elif what == INCREMENTAL and not postgres:
            told = _NO_OWN_BASE
        elif what not in (getattr(keys, "takes", None) or (what,)):
            told = (
                f"takes leaves out {what}; add it there, or leave this out"
            )
        if told:
            where = f"{COPIES}.{name}.{STORE}.schedule.{what}"
            yield node.problem(f"{where}: {told}")


def _kept_too_short(
    name: str, keys: Any, stores: dict[str, Any], tree: Node
) -> Iterator[Problem]:
    """Find a store that deletes backups before the store that is fed from it fetches them."""
    source = getattr(keys, "source", PRIMARY_SHARE)
    of = stores.get(source)
    kept_us, hold_us, every = (
        getattr(of, "retention", None),
        getattr(keys, "hold", None),
        getattr(keys, "every", None),
    )
    if kept_us is None or hold_us is None or every is None:
        return
    stays_us = hold_us
    if every.kind != "none":
        stays_us += longest_gap_us(replace(every, zone=every.zone or "UTC"))
    if kept_us <= stays_us:
        node = tree.at((COPIES, source, STORE, "retention"))
        told = f"{COPIES}.{source}.{STORE}.retention: {name} fetches a backup up to"
        long = format_duration(stays_us)
        yield node.problem(
            f"{told} {long} after it has come; write more than that"
        )


def _nothing_comes(
    name: str, keys: Any, root: Any, tree: Node
) -> Iterator[Problem]:
    """Find a database of which no backup is scheduled that the store takes."""
    takes = getattr(keys, "takes", None)
    databases = getattr(root, "databases", None) or {}
    for database, of in databases.items():
        if getattr(keys, "schedule", None) is not None:
            continue
        schedules = [getattr(of, kind, None) for kind in takes or ()]
        kinds = {getattr(schedule, "kind", "") for schedule in schedules}
        if kinds == {"none"}:
            node = tree.at((COPIES, name, STORE, "takes"))
            yield node.problem(
                f"{COPIES}.{name}.{STORE}.takes: none of these is scheduled for {database}; "
                "add log, for example, or write a schedule"
            )


def _line(
    line: EventLine | FaultLine,
    names: Sequence[str],
    stores: Sequence[str],
) -> Iterator[Problem]:
    """Find an event that is about replay and affects a store, or that is back after a restore."""
    if line.params is None:
        return
    kind = line.kind
    if isinstance(line, EventLine):
        where = f"event {line.number}"
    else:
        where = f"faults.{kind.name}"
    if kind.brings_back:
        told = f"{where}: {kind.name} does not go with stores yet"
        yield line.node.problem(f"{told}; leave it out")
        return
    place = line.copy or names[0]
    at_one = kind.whom(line.params) not in (PRIMARY, ALL)
    at_a_store = at_one and place in stores
    if at_a_store and not kind.at_stores(line.params):
        told = (
            f"{where}: {kind.name} does not go with the store {place} yet"
        )
        yield line.node.problem(f"{told}; name a standby, or leave it out")


# ---- for the world and the measures
def with_delays(standbys: Sequence[StandbySpec]) -> tuple[StandbySpec, ...]:
    """Return them, each store with the time by which its newest backup may be late by design, and
    with the kinds of backups that its source has.
    """
    held: dict[str, int] = {"": 0}
    gaps: dict[str, int] = {"": 0}
    kinds: dict[str, tuple[str, ...]] = {}
    found = []
    for spec in standbys:
        store = spec.store
        if store is None:
            found.append(spec)
            continue
        held_us = held[store.source] + store.hold_us + store.transit_us
        gap_us = gaps[store.source]
        if store.every.kind != "none":
            gap_us += longest_gap_us(store.every)
        there = kinds.get(store.source, store.kinds)
        if store.own is not None and not store.own.has_incrementals:
            # they stand on fulls that do not come here
            there = tuple(kind for kind in there if kind != INCREMENTAL)
        comes = tuple(kind for kind in store.kinds if kind in there)
        held[spec.name], gaps[spec.name] = held_us, gap_us
        kinds[spec.name] = comes
        of_it = replace(
            store,
            delay_us=held_us + gap_us,
            held_us=held_us,
            kinds=comes,
        )
        found.append(replace(spec, store=of_it))
    return tuple(found)


def as_seen_at_store(
    scenario: Scenario, store: BackupStoreSpec
) -> Scenario:
    """Return the scenario for the place of a store: no copy stands there, it is read at its own
    rate, and nobody watches restores.
    """
    seeded = tuple(d.name for d in scenario.databases if d.seeded)
    databases = tuple(as_kept(d, store) for d in scenario.databases)
    # the time between two logs of a database is added to the window of that one. Backups that are
    # held, or on the road, come as often as they are made: only the first one comes later
    replay = replace(
        scenario.replay,
        delay_us=0,
        every_us=0,
        window_us=scenario.replay.window_us
        + store.delay_us
        - store.held_us,
    )
    secondary = replace(
        scenario.secondary,
        disk_bytes_s=store.read_bytes_s,
        retention_us=store.retention_us,
        retention_count=store.retention_count,
        share_capacity_bytes=store.capacity_bytes,
    )
    primary = scenario.primary
    if store.own is not None:
        primary = replace(primary, full=store.own.cost)
    return replace(
        scenario,
        databases=databases,
        primary=primary,
        secondary=secondary,
        replay=replay,
        monitor=Monitor(False),
        replication=_without_staging(scenario.replication),
        new_secondary_us=None,
        store=replace(store, seeded=seeded),
    )


def _without_staging(spec: ReplicationSpec) -> ReplicationSpec:
    """Return the same without a staging area: backups are read where they lie."""
    folders = tuple(replace(f, staging_bytes=_ENOUGH) for f in spec.folders)
    return replace(spec, staging_bytes=_ENOUGH, folders=folders)


def as_kept(database: DatabaseSpec, store: BackupStoreSpec) -> DatabaseSpec:
    """Return a database as a store knows it: by the backups that it takes."""
    none = Schedule("none")
    full, incremental, log = (
        database.full,
        database.incremental,
        database.log,
    )
    own = store.own
    if own is not None:
        full, incremental = own.full, own.incremental
        if own.has_logs and log.kind != "none":
            log = own.log
    return replace(
        database,
        seeded=False,
        full=full,
        incremental=incremental if INCREMENTAL in store.kinds else none,
        log=log if LOG in store.kinds else none,
    )


def as_the_primary_has_it(seen: Scenario, scenario: Scenario) -> Scenario:
    """Return what is seen at a store with the schedules and costs that the primary has."""
    if seen.store is None:
        return seen
    databases = tuple(
        replace(
            d,
            full=spec.full,
            incremental=spec.incremental,
            log=spec.log,
        )
        for d, spec in zip(seen.databases, scenario.databases, strict=True)
    )
    return replace(seen, databases=databases, primary=scenario.primary)
