"""The express lane writes what the steps write: the same records to the last bit, and the same
world at the end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dr_sim.backups.log_run import FEWEST
from dr_sim.backups.run_tables import ByName, ByNumber
from dr_sim.backups.shelf import Shelf
from dr_sim.engines import shipping
from dr_sim.loading import load_scenario
from dr_sim.record.verify import verify
from dr_sim.scenario.model import Scenario
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.lane import express, past_logs, quiet_logs
from dr_sim.world.own_logic import builders
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.roles.pair import Pair
from dr_sim.world.world import World

from .build import DAY, MINUTE, ONE, ran, rows, scenario, violations, within

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


# ---- what a world comes to
PLAIN = frozenset({int, bool, str, bytes, type(None)})
REMEMBERED = frozenset({"_parsed"})
"""What an engine remembers of bytes that it has read: it changes no answer."""


@cache
def slots_of(cls: type) -> frozenset[str]:
    return frozenset(name for part in cls.__mro__ for name in getattr(part, "__slots__", ()))


def picture(thing: Any, above: tuple[int, ...] = ()) -> Any:
    """Everything that an object holds, and what that holds, as plain values."""
    if isinstance(thing, (int, str, bytes, Enum, type(None))):
        return thing
    if id(thing) in above:
        return "itself"  # a part that knows its whole
    above = (*above, id(thing))
    if isinstance(thing, dict):
        return {
            key if type(key) in PLAIN else picture(key): value
            if type(value) in PLAIN
            else picture(value, above)
            for key, value in thing.items()
        }
    if isinstance(thing, (ByName, ByNumber)):
        return picture(dict(thing.items()), above)
    if isinstance(thing, Shelf):
        others = {name: file.header for name, file in thing._others.items()}
        logs = [(log.name, log.header) for log in thing.logs()]
        return picture((thing.usual, others, logs, len(thing)), above)
    if isinstance(thing, (list, tuple, deque)):
        return [each if type(each) in PLAIN else picture(each, above) for each in thing]
    if isinstance(thing, (set, frozenset)):
        return sorted(thing)
    if callable(thing) or isinstance(thing, Pair):
        return None  # what state_of() looks at of a pair is named there
    names = slots_of(type(thing)) | getattr(thing, "__dict__", {}).keys()
    names -= REMEMBERED
    held = {name: getattr(thing, name) for name in names}
    return {
        name: value if type(value) in PLAIN else picture(value, above)
        for name, value in held.items()
    }


def state_of(world: World) -> dict[str, Any]:
    """What the next log of the first pair could depend on, but for the agenda."""
    pair = world.pairs[0]
    context, manager, replication = pair.context, pair.driver.machine, pair.replication
    files = {}
    for history in context.witness._databases:
        history.one_by_one()
    for side in (context.primary_files, context.secondary_files):
        files[side is context.primary_files] = {path: side.read(path) for path in side.paths()}
    made: dict[int, BackupFile] = {}
    for file in (f for files in context.by_name for f in files.values()):
        # made by now, or for the first time: the same bytes have the same hash
        for each in (file, file.replaced_by):
            if each is not None and id(each) not in made:
                made[id(each)] = each
                each.made = each.manifest
    return {
        "files": files,
        "store": pair.driver.store.load(),
        "alarms": sorted(pair.driver.alarms),
        "manager": manager and picture(manager.databases),
        "failover": manager and (manager.failover.phase, manager.ready),
        "witness": picture(context.witness._databases),
        "engines": picture((context.primary_engine.databases, context.secondary_engine.databases)),  # type: ignore[attr-defined]
        "primary": picture(pair.primary.databases),
        "known": picture(context.by_name),
        "staged": picture([(f._staged, f._bytes, f._oldest) for f in replication.staging.folders]),
    }


def taken(world: World) -> int:
    """How many logs took the lane, in all pairs of the run."""
    return sum(pair.express.taken for pair in world.pairs if pair.express is not None)


def both_ways(of: Scenario, cpu_s: int = 10) -> World:
    """Run with the lane and without; the world with it. It fails if that takes longer. Logs that
    are past go into runs as often as they can.
    """
    fast, slow = World(of), World(of, express=False)
    with within(cpu_s), patch.object(past_logs, "EVERY", FEWEST):
        fast.run()
        slow.run()
    assert all(pair.primary.express is None for pair in slow.pairs)
    assert len(fast.journal) == len(slow.journal)
    assert fast.journal.digest() == slow.journal.digest()
    mine, theirs = state_of(fast), state_of(slow)
    for part in mine:
        assert mine[part] == theirs[part], part
    return fast


# ---- every scenario of the library
LIBRARY = sorted(p for p in SCENARIOS.rglob("*.yaml") if p.parent.name != "bad_input")


def modelled(path: Path) -> Scenario:
    """Durations measured by a clock are no two runs' the same."""
    return load_scenario(path, engine="model", timing="modelled")


@pytest.mark.parametrize("path", LIBRARY[::8], ids=lambda p: str(p.relative_to(SCENARIOS)))
def test_the_library_runs_alike_with_the_lane_and_without(path: Path) -> None:
    """Of every eighth one the first days; of all the whole run at length."""
    both_ways(shortened(modelled(path), 3 * DAY), 120)


@pytest.mark.long
@pytest.mark.parametrize("path", LIBRARY, ids=lambda p: str(p.relative_to(SCENARIOS)))
def test_the_library_runs_alike_to_its_end(path: Path) -> None:
    both_ways(modelled(path), 1800)


def shortened(of: Scenario, days_us: int) -> Scenario:
    return replace(of, run_for_us=min(of.run_for_us, days_us))


def test_nearly_all_logs_of_an_ordinary_week_take_the_lane() -> None:
    world = both_ways(load_scenario(SCENARIOS / "quickstart.yaml"), 120)
    before_the_failover = 11 * 288 + 120
    first, second = (pair.express for pair in world.pairs)  # each pair has a lane of its own
    assert first is not None and first.taken > 0.97 * before_the_failover
    after_it = 14 * 288 - before_the_failover  # the new secondary is seeded in the first hour
    assert second is not None and second.taken > 0.95 * after_it


def test_verify_holds_over_what_was_absorbed() -> None:
    of = load_scenario(SCENARIOS / "sanity" / "base.yaml", ["run_for=3 days"])
    world = World(of)
    world.run()
    assert taken(world) > 800
    found = verify(world.journal, builders(world.journal, of))
    assert found.mismatch is None
    assert found.commands > 5 * taken(world)


def test_a_run_in_pieces_is_the_same_run() -> None:
    """A progress bar stops the agenda a hundred times; no log's life goes past a stop."""
    of = scenario(ONE)
    parts: list[float] = []
    watched = World(of)
    assert watched.run(parts.append).digest() == ran(ONE).journal.digest()
    assert len(parts) == 100
    assert taken(watched) < len(watched.context.by_name[0])


# ---- how a stretch ends, and what comes into it
COPIES = "secondary.copy_rate=100 MB/s"
ENDS: dict[str, tuple[str, ...]] = {
    "the run's end": (),
    "another job": ("databases.crm.full=every 37 min",),
    "a log that takes until the next": (
        "databases.crm.log_volume={bytes: 2000000 2000000 2000000 9000000000, interval: 10 min}",
    ),
    "no room in the staging area": ("replication.staging=100 MB",),
    "no room at the primary": ("primary.share_capacity=100 MB",),
    "no room at the secondary": ("secondary.share_capacity=100 MB",),
    "no room for a copy of the last": (COPIES, "secondary.share_capacity=110 MB"),
    "a silence that would be told of": ("replay.window=2 min",),
    "logs that end no transaction": ("databases.crm.transactions=3 per h",),
    "logs within a minute": ("databases.crm.log=every 20 s",),
    "draws of the restores": ("secondary.restore_tail={p50: 1, p95: 30}",),
}


@pytest.mark.parametrize("sets", ENDS.values(), ids=ENDS)
def test_a_stretch_ends_where_the_steps_must_go_on(sets: tuple[str, ...]) -> None:
    assert taken(both_ways(scenario(ONE, *sets))) > 0


BEGIN = 30 * MINUTE  # of the log whose steps the alarm is made to meet


def steps_of_a_log() -> list[int]:
    """When it is cut, finished, landed, hashed and restored."""
    journal = ran(ONE).journal
    kinds = (
        "truth.backup_begin",
        "truth.backup_finished",
        "truth.landed",
        "seen.Validated",
        "truth.restored",
    )
    return [min(t for t in rows(journal, kind) if t >= BEGIN) for kind in kinds]


@pytest.mark.parametrize("step", range(5))
@pytest.mark.parametrize("after_us", [-1, 0, 1])
def test_the_window_alarm_may_go_off_at_any_step(
    step: int, after_us: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes off a window after a log has landed: here just before one of the next one's steps,
    with it or just after.
    """
    steps = steps_of_a_log()
    window_us = steps[step] + after_us - (steps[2] - 3 * 5 * MINUTE)
    points: list[int] = []
    places = express.in_turn

    def in_turn(first: int, host_us: Any, site_us: Any, rings: Any) -> Any:
        points.extend(ring.point for ring in rings.values())
        return places(first, host_us, site_us, rings)

    monkeypatch.setattr(express, "in_turn", in_turn)
    world = both_ways(scenario(ONE, f"replay.window={window_us} us"))
    assert taken(world) > 20
    passed = step + (after_us >= 0)
    assert (0, 1, 2, 4, 5, 0)[passed] in points


def test_a_copy_that_is_no_prefix_is_found_with_the_lane_as_without() -> None:
    """The witness looks at the state after a stretch alone, and lets nothing begin from one that is
    wrong already.
    """

    def spoil(world: World) -> None:
        world.context.secondary_engine.databases["crm"].restored_digest ^= 1  # type: ignore[attr-defined]

    found = []
    for fast in (True, False):
        world = World(scenario(ONE), express=fast)
        world.context.agenda.at(31 * MINUTE, Class.FAULT, -1, spoil, world)
        world.run()
        found.append((violations(world.journal), world.journal.digest()))
    assert found[0] == found[1]
    # of the logs cut from 0:35 to 1:55
    assert [text.partition(":")[0] for text in found[0][0]] == ["prefix"] * 17


def test_a_stretch_that_left_a_wrong_state_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def ship(at: Any, to: Any, database: str, logs: Any) -> Any:
        made = shipping.ship(at, to, database, logs)
        to.databases[database].restored_digest ^= 1
        return made

    monkeypatch.setattr(quiet_logs, "ship", ship)
    assert violations(ran(ONE).journal)


# ---- retention
SHORT = (
    "run_for=3 days",
    "primary.retention=6 h",
    "secondary.retention=6 h",
    "databases.crm.full=daily 02:00",
)


def gone_together(world: World) -> int:
    assert world.hands.pruning is not None
    return world.hands.pruning.together


def test_what_retention_deletes_goes_together_on_both_sides() -> None:
    world = both_ways(scenario(ONE, *SHORT))
    gone = len(rows(world.journal, "truth.file_gone"))
    assert 0.9 * gone < gone_together(world) < gone


@pytest.mark.parametrize("limit", ["primary.share_capacity=1 TB", "secondary.share_capacity=1 TB"])
def test_on_a_limited_disk_files_go_one_by_one(limit: str) -> None:
    """Each may make room that something waits for."""
    assert (
        0
        < gone_together(both_ways(scenario(ONE, *SHORT, limit)))
        < gone_together(both_ways(scenario(ONE, *SHORT)))
    )


def test_what_waits_for_the_link_stays_and_goes_later() -> None:
    outage = ONE + "events: [{at: 20 h, link_outage: 12 h}]\n"
    assert gone_together(both_ways(scenario(outage, *SHORT))) > 0


# ---- storms
DATABASE = st.fixed_dictionaries(
    {
        "size": st.sampled_from(["1 GB", "20 GB"]),
        "log_volume": st.sampled_from(
            [
                "20 MB per 5 min",
                "1 kB per 5 min",
                "0 B/s",
                "{mean: 350 KiB/s, profile: business_hours}",
                "{bytes: 1000 200000000 30 0 0 5, interval: 4 min}",
                "700 MB per 5 min",
            ]
        ),
        "full": st.sampled_from(["none", "daily 02:00", "every 90 min offset 4 min"]),
        "differential": st.sampled_from(["none", "daily 01:00", "every 40 min"]),
        "log": st.sampled_from(
            ["every 5 min", "every 5 min offset 2 min", "every 7 min", "every 15 min", "every 20 s"]
        ),
        "serial": st.sampled_from(["yes", "no"]),
        "machine": st.sampled_from(["a", "b"]),
    }
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "link.bandwidth": st.sampled_from(["1 Gbit/s", "20 Mbit/s", "2 Mbit/s"]),
        "link.sharing": st.sampled_from(["fifo", "priority"]),
        "primary.log.fixed": st.sampled_from(["0 s", "290 s"]),
        "primary.retention": st.sampled_from(["1 h", "3 h"]),
        "primary.share_capacity": st.sampled_from(["200 MB", "30 GB"]),
        "secondary.share_capacity": st.sampled_from(["200 MB", "30 GB"]),
        "replication.retry": st.just("0 s"),
        "replication.staging": st.sampled_from(["30 MB", "1 GB"]),
        "replication.slots": st.just("1"),
        "replication.every": st.just("15 min"),
        "secondary.restore_tail": st.sampled_from(["{p50: 1, p95: 30}", "{p50: 40, p95: 200}"]),
        "secondary.restore_fixed": st.sampled_from(["0 s", "4 min"]),
        "secondary.copy_rate": st.sampled_from(["300 MB/s", "100 kB/s"]),
        "secondary.retention": st.sampled_from(["1 h", "6 h"]),
        "replay.delay": st.just("10 min"),
        "replay.every": st.just("15 min"),
        "replay.reverify": st.sampled_from(["20 min", "3 h"]),
        "replay.validate": st.just("[hash, properties]"),
        "replay.window": st.sampled_from(["1 min", "4 min", "1 h"]),
        "replay.workers": st.just("1"),
        "replay.on_hole": st.sampled_from(["resync", "skip_ahead"]),
        "failover.mode": st.just("automatic"),
        "heartbeat.path": st.just("data link"),
        "manager.restart_after": st.sampled_from(["0 s", "17 min"]),
        "seed": st.integers(1, 9).map(str),
    },
)
EVENT = st.sampled_from(
    [
        "link_outage: 12 min",
        "packet_loss: {loss: 1 %, duration: 1 h}",
        "throttle: {to: 500 kbit/s, duration: 40 min}",
        "partition: {cut: to_secondary, duration: 20 min}",
        "corrupt_in_transit: DB",
        "older_version: {database: DB, files: 2}",
        "corrupt_at_rest: {database: DB, files: 3}",
        "corrupt_at_rest: {database: DB, where: primary, files: 2}",
        "backup_cut_off: DB",
        "missing_file: DB",
        "late_file: {database: DB, by: 17 min, files: 2}",
        "paused_backups: {database: DB, duration: 30 min}",
        "manager_crash: {}",
        "manager_crash: {}",
        "index_maintenance: {database: DB, log: 900 MB}",
        "order_failover: dba",
        "lose: host",
        "lose: {what: database, database: DB}",
    ]
)
EVENTS = st.lists(
    st.tuples(st.integers(1, 240), st.integers(0, 9_000_000), EVENT, st.integers(0, 2)), max_size=5
)


@st.composite
def storms(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    databases = draw(st.lists(DATABASE, min_size=1, max_size=3))
    lines = ["run_for: 5 h", "machines: [a, b]", "databases:"]
    for i, fields in enumerate(databases):
        lines.append(
            f"  db{i}: {{{', '.join(f'{key}: {value}' for key, value in fields.items())}}}"
        )
    lines += ["link: {bandwidth: 200 Mbit/s}", "events:"]
    for minute, us, what, of in draw(EVENTS):
        name = f"db{of % len(databases)}"
        at_us = minute * 60_000_000 + us
        lines.append(f'  - {{at: "{at_us} us", {what.replace("DB", name)}}}')
    if lines[-1] == "events:":
        lines.pop()
    return "\n".join(lines) + "\n", tuple(f"{key}={value}" for key, value in draw(OPTIONS).items())


FENCED_THEN_LOST = ONE + "events: [{at: 1 min, order_failover: dba}, {at: 2 min, lose: host}]\n"
"""The tail is taken when the machine dies: nothing more is written there, not even what was
acknowledged before.
"""


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(storms())
@example((FENCED_THEN_LOST, ()))
@example((ONE, ("secondary.copy_rate=5 MB/s",)))
# a log is still on its way when the next is cut
@example((ONE, ("secondary.restore_fixed=299 s",)))
@example((ONE, ("primary.log.fixed=290 s", "link.bandwidth=10 Mbit/s")))
@example((ONE, ("run_for=3 days", "primary.retention=6 h", "secondary.retention=6 h")))
def test_any_run_is_alike_with_the_lane_and_without(storm: tuple[str, tuple[str, ...]]) -> None:
    text, overrides = storm
    both_ways(scenario(text, *overrides))


@pytest.mark.long
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(storms())
def test_any_run_is_alike_with_the_lane_and_without_at_length(
    storm: tuple[str, tuple[str, ...]],
) -> None:
    text, overrides = storm
    both_ways(scenario(text, *overrides))
