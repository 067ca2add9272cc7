"""`outage_if_now` against reality: the site is lost at many instants of one run, and the outage
that follows is measured.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import dr_sim
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.outage_now.falling import Falling, joined_falling, worst_falling
from dr_sim.measures.outage_now.outage_now import (
    curve_of_life,
    outage_at,
    outage_if_now,
    outage_of_service,
)
from dr_sim.measures.outage_now.waiting_restores import Jobs, Life
from dr_sim.measures.outage_now.way_over import NO_WAY_US, Slowness, Way
from dr_sim.measures.outage_now.ways import ways_at
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.usual import after_the_drain_us
from dr_sim.world.world import World
from tests.world.build import MINUTE, SECOND, scenario

BASE = """\
run_for: 4 h
databases: {crm: {size: 20 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
"""
MANUAL = BASE.replace("automatic", "manual")
SIX = BASE.replace("incremental: none}", "incremental: none, copies: 6}")
POSTGRES = BASE + "engine: {imitates: postgres}\n"
BACKLOGS = {
    "nothing waits": BASE,
    "the operator is drawn by the hour": MANUAL,
    "restores are a hundred times slower": BASE + "events:\n  - {at: 1 h, slow_restore: "
        "{by: 100, duration: 90 min}}\n",
    "one restore takes an hour": BASE + "events:\n  - {at: 64 min, slow_restore: "
        "{by: 4000, duration: 2 min}}\n",
    "readers hold it open": BASE + "events:\n  - {at: 61 min, readers: "
        "{database: crm, duration: 2 h}}\n",
    "readers by PostgreSQL's rules": POSTGRES + "events:\n  - {at: 61 min, readers: "
        "{database: crm, duration: 2 h}}\n",
    "a replay delay": BASE + "replay: {delay: 1 h}\n",
    "a delay, slow restores and an operator": MANUAL + "replay: {delay: 30 min}\nevents:\n"
    "  - {at: 1 h, slow_restore: {by: 100, duration: 90 min}}\n",
    "a delay, and restores become slow": BASE + "replay: {delay: 1 h}\nevents:\n"
    "  - {at: 75.5 min, slow_restore: {by: 50, duration: 2 h}}\n",
    "a dead manager": BASE + "manager: {restart_after: 1 h}\nevents:\n "
        " - {at: 60 min, manager_crash: {}}\n",
    "six databases, two workers": SIX + "replay: {workers: 2, delay: 2 h}\n",
    "the sites are far apart": BASE.replace("100 Mbit/s}", "100 Mbit/s, rtt: 3 s}"),
    "a detour that heartbeats share": BASE.replace("100 Mbit/s}", "100 Mbit/s, rtt: 3 s}")
        + "heartbeat: {path: data link}\nevents:\n"
        "  - {at: 70 min, latency: {more: 20 s, duration: 1 h}}\n",
    "nothing lands": BASE + "events:\n  - {at: 70 min, link_outage: 1 h}\n",
    "a transaction is open": BASE + "events:\n  - {at: 60 min, long_transaction: "
        "{database: crm, log: 10 GB, over: 30 min, open_for: 90 min}}\n",
    "PostgreSQL undoes nothing": POSTGRES + "events:\n  - {at: 60 min, long_transaction: "
        "{database: crm, log: 10 GB, over: 30 min, open_for: 90 min}}\n",
    "one restore hangs": BASE.replace("automatic", "automatic, restore_limit: 50 min")
        + "events:\n  - {at: 64 min, slow_restore: {by: 100000, duration: 2 min}}\n",
    "all restores hang": BASE.replace("automatic", "automatic, restore_limit: 50 min")
        + "events:\n  - {at: 64 min, slow_restore: {by: 100000, duration: 12 h}}\n",
    "restores hang for an hour": BASE.replace("automatic", "automatic, restore_limit: 30 min")
        + "events:\n  - {at: 64 min, slow_restore: {by: 100000, duration: 1 h}}\n",
    "the restore job is off": BASE + "events:\n  - {at: 61 min, "
        "restore_job_off: {duration: 100 min}}\n",
    "the restore job is off to the end": BASE + "events:\n  - {at: 61 min, restore_job_off: {}}\n",
    "a restore job": BASE + "replay: {every: 30 min}\nfailover: "
        "{mode: automatic, silent_for: 1 min}\n".replace(
        "failover: {mode: automatic, silent_for: 1 min}\n", ""
    ),
    "empty logs of an idle database": BASE.replace("full: none", "log_volume: 0 MB per 5 min, "
        "full: none"),
    "files rot before they are restored": BASE + "events:\n  - {at: 61 min, readers: "
        "{database: crm, duration: 3 h}}\n  - {at: 117 min, corrupt_at_rest: "
        "{database: crm, files: 8}}\n",
    "the secondary is not set up for it": BASE + "events:\n  - {at: 62 min, setup_differs: "
        "{database: crm, repaired_after: 100 min}}\n",
    "a hole that nobody has bridged": BASE + "replay: {age: 4 h, window: 4 h}\nevents:\n"
        "  - {at: 61 min, second_log_job: crm}\n",
    "what leads over a hole takes long": BASE + "replay: {on_hole: bridge}\nevents:\n"
        "  - {at: 61 min, second_log_job: crm}\n"
        "  - {at: 70 min, slow_restore: {by: 1000, duration: 15 min}}\n",
    "what leads over a lost log takes long": BASE + "replay: {on_hole: bridge}\nevents:\n"
        "  - {at: 61 min, missing_file: crm}\n"
        "  - {at: 70 min, slow_restore: {by: 1000, duration: 15 min}}\n",
    "what leads over a hole waits for readers": BASE + "replay: {on_hole: bridge}\nevents:\n"
        "  - {at: 61 min, second_log_job: crm}\n"
        "  - {at: 62 min, readers: {database: crm, duration: 100 min}}\n",
    "a full leads over a hole": BASE + "replay: {on_hole: resync}\nevents:\n"
        "  - {at: 61 min, missing_file: crm}\n",
    "a full reaches past the logs": BASE.replace("full: none", "log: every 1 h, full: daily 01:00"),
    "an incremental reaches past them": BASE.replace(
        "full: none, incremental: none",
        "log: every 1 h, log_volume: 2 GB per 5 min, full: none, incremental: daily 01:00"),
    "an incremental by PostgreSQL's rules": POSTGRES.replace(
        "full: none, incremental: none",
        "log: every 1 h, full: daily 00:10, incremental: daily 01:00"),
}  # fmt: skip
INSTANTS = [round(m * MINUTE) for m in (61.5, 62.05, 75.123, 100.7, 130.3, 177.77, 200.01)]


def predicted(text: str) -> tuple[Falling, Scenario]:
    world = World(scenario(text))
    world.run()
    of = world.context.scenario
    curves = [outage_if_now(world.journal, of, i) for i in range(len(of.databases))]
    return outage_of_service(world.journal, of, curves), of


def measured(text: str, at_us: int) -> int | None:
    lost = f"  - {{at: {at_us // 1000} ms, lose: site}}\n"
    world = World(scenario(text + lost if "events:" in text else f"{text}events:\n{lost}"))
    world.run()
    return failovers(world.journal, world.context.scenario)[0].outage_us


@pytest.mark.parametrize("backlog", BACKLOGS)
def test_it_is_the_outage_that_follows_within_one_per_cent(backlog: str) -> None:
    text = BACKLOGS[backlog]
    curve, of = predicted(text)
    for at in INSTANTS:
        real = measured(text, at)
        assert real is not None
        assert abs(outage_at(curve, of, at) - real) <= real // 100, (
            f"{backlog} at {at / MINUTE} min"
        )
        # the curve counts a whole beat
        assert 0 <= curve.at(at) - outage_at(curve, of, at) < of.heartbeat.every_us


SLOW_LINK = BASE.replace("100 Mbit/s", "3 Mbit/s").replace(
    "automatic", "automatic, drain_limit: 5 min"
)
IN_TRANSIT = SLOW_LINK + "events:\n  - {at: 2 h 4 min, link_outage: 20 min}\n"


@pytest.mark.parametrize("failure_class", ["host", "database"])
def test_of_a_lost_host_or_database_the_share_is_waited_for(failure_class: str) -> None:
    """A log is 53 s on its way, and for 20 min the link is out: the failover waits for 5 of them. A
    tail holds up to 20 MB: what the curve counts in full is 53 s of sending at most.
    """
    world = World(scenario(IN_TRANSIT))
    world.run()
    of = world.context.scenario
    curve = outage_if_now(world.journal, of, 0, failure_class=failure_class)
    for minutes in (61.5, 65.3, 74.99, 100.7, 126, 139.5):
        at_us = round(minutes * MINUTE)
        lost = f"  - {{at: {at_us // 1000} ms, lose: {failure_class}}}\n"
        played = World(scenario(IN_TRANSIT + lost))
        played.run()
        real = failovers(played.journal, played.context.scenario)[0].outage_us
        assert real is not None
        early = outage_at(curve, of, at_us) - real
        assert -2 * 1_000_000 <= early <= (60_000_000 if failure_class == "database" else 2_000_000)


@pytest.mark.parametrize("failure_class", ["site", "host"])
def test_what_a_failover_restored_counts_the_same_before_it(failure_class: str) -> None:
    """A full lands at 88 min and holds what was written until 62 min, the next log lands at 2 h.
    Until then it is restored: 20 GB at 356 MB/s, and 1 s, are 57 s.
    """
    text = BACKLOGS["a full reaches past the logs"]
    more = f"events:\n  - {{at: 100 min, lose: {failure_class}}}\n"
    found = []
    for each in (text, text + more):
        world = World(scenario(each))
        world.run()
        curve = outage_if_now(world.journal, world.context.scenario, 0, failure_class=failure_class)
        found.append([curve.at(m * MINUTE) for m in (80, 89, 99)])
    assert found[0] == found[1]
    assert [(each - found[0][0]) // SECOND for each in found[0]] == [0, 57, 57]


def service_and_played(text: str, failure_class: str) -> tuple[int, int, int]:
    """Return the outage foretold at 64:59, the largest that one database foretells, and that of a
    run in which it fails then: the tail holds what the next log would have held.
    """
    world = World(scenario(text))
    world.run()
    of = world.context.scenario
    at_us = 65 * MINUTE - SECOND
    curves = [
        outage_if_now(world.journal, of, i, failure_class=failure_class)
        for i in range(len(of.databases))
    ]
    service = outage_of_service(world.journal, of, curves, failure_class=failure_class)
    lost = f"events:\n  - {{at: {at_us // 1000} ms, lose: {failure_class}}}\n"
    played = World(scenario(text + lost))
    played.run()
    real_us = failovers(played.journal, played.context.scenario)[0].outage_us
    assert real_us is not None
    alone_us = max(outage_at(curve, of, at_us) for curve in curves)
    return outage_at(service, of, at_us), alone_us, real_us


@pytest.mark.parametrize(
    ("databases", "mbit_s", "more_s"),
    # 60 restores of 1 s by 4 workers are 15 s, and 60 times 2 MB are 9.6 s on the link; three
    # times 20 MB are 48 s on a link of 10 Mbit/s, and one is 16 s
    [("copies: 60, log_volume: 2 MB per 5 min", 100, 23), ("copies: 3", 10, 32)],
)
def test_the_tails_of_all_databases_share_the_link_and_the_workers(
    databases: str, mbit_s: int, more_s: int
) -> None:
    text = BASE.replace("incremental: none", f"incremental: none, {databases}")
    text = text.replace("100 Mbit/s", f"{mbit_s} Mbit/s").replace("20 GB", "1 GB")
    foretold_us, alone_us, real_us = service_and_played(text, "database")
    assert abs(foretold_us - alone_us - more_s * SECOND) < 2 * SECOND
    assert abs(foretold_us - real_us) < 12 * SECOND  # a beat, and a round of restores


def test_where_no_tail_is_taken_none_is_waited_for() -> None:
    """The negative case: of a lost host no tail is left."""
    text = BASE.replace("incremental: none", "incremental: none, copies: 12")
    foretold_us, alone_us, real_us = service_and_played(text, "host")
    assert foretold_us == alone_us and abs(foretold_us - real_us) < 12 * SECOND


@pytest.mark.parametrize("failure_class", ["host", "database"])
def test_more_databases_than_workers_are_fenced_as_one_is(failure_class: str) -> None:
    """A fence is obeyed after 5 s, whatever waits for a worker: 16 s before one that nothing
    answers. A tail of 4 min of log, counted as one of 5, takes 0.5 s less.
    """
    text = SIX + "replay: {workers: 2}\n"
    world = World(scenario(text))
    world.run()
    of = world.context.scenario
    curves = [outage_if_now(world.journal, of, i, failure_class=failure_class) for i in range(6)]
    service = outage_of_service(world.journal, of, curves, failure_class=failure_class)
    played = World(scenario(f"{text}events:\n  - {{at: 64 min, lose: {failure_class}}}\n"))
    played.run()
    real = failovers(played.journal, played.context.scenario)[0].outage_us
    assert real is not None
    assert abs(outage_at(service, of, 64 * MINUTE) - real) < 12 * SECOND


def test_workers_that_hang_are_freed_by_the_limit_too() -> None:
    """The restore that hangs is no work to share: what waits behind it is off by a few restores."""
    text = SIX.replace("automatic", "automatic, restore_limit: 50 min") + (
        "replay: {workers: 2}\nevents:\n"
        "  - {at: 64 min, slow_restore: {by: 100000, duration: 2 min}}\n"
    )
    curve, of = predicted(text)
    for at in (75 * MINUTE, 100 * MINUTE):
        real = measured(text, at)
        assert real is not None
        assert abs(outage_at(curve, of, at) - real) <= real // 50


ENDED = BASE.replace("automatic", "automatic, restore_limit: 50 min")
HANGS = "slow_restore: {by: 100000, duration: 2 min}"


@pytest.mark.parametrize("copies", ["", "copies: {near: {}, far: {}}\n"])
def test_a_restore_that_a_failover_ends_had_hung_until_then(copies: str) -> None:
    """What a failover does later is nothing that one which begins earlier could count on: alone the
    standby is drained after its restore was ended; beside another it is left as that takes over.
    """
    hangs = f"{{at: 64 min, {HANGS}, copy: near}}" if copies else f"{{at: 64 min, {HANGS}}}"
    text = f"{ENDED}{copies}events:\n  - {hangs}\n"
    text = text.replace("50 min}", "50 min, choose: fastest}") if copies else text
    found = []
    for more in ("", "  - {at: 90 min, lose: site}\n"):
        run = dr_sim.run(scenario(text + more))
        leg = run.whole.legs[0]
        ways = [ways_at(run.whole, leg, m * MINUTE, "site") for m in (66, 75, 89)]
        found.append([[way.outage_us for way in each] for each in ways])
    assert found[0] == found[1]
    # begun at 65 min, it may take until 115 min
    assert [each[0] // MINUTE for each in found[0] if each[0]] == [50, 41, 27]


@pytest.mark.parametrize("failure_class", ["host", "database"])
def test_nobody_waits_for_what_is_not_in_the_share(failure_class: str) -> None:
    """Someone else's log backup is in no share of ours: the logs beyond are of no use, and the
    failover does not wait for it. A tail adds 3.7 s at most, of which 15 MB were written.
    """
    text = BACKLOGS["a hole that nobody has bridged"]
    world = World(scenario(text))
    world.run()
    of = world.context.scenario
    curve = outage_if_now(world.journal, of, 0, failure_class=failure_class)
    lost = f"  - {{at: 79 min, lose: {failure_class}}}\n"
    played = World(scenario(text + lost))
    played.run()
    real = failovers(played.journal, played.context.scenario)[0].outage_us
    assert real is not None
    assert abs(outage_at(curve, of, 79 * MINUTE) - real) < 2 * SECOND


def test_backlogs_matter() -> None:
    """Else the test above would pass for a constant."""
    plain = predicted(BASE)[0].max_us()
    more = [
        predicted(BACKLOGS[name])[0].max_us()
        for name in ("one restore takes an hour", "six databases, two workers")
    ]
    assert min(more) > plain * 5 // 4


def test_without_a_copy_and_a_full_there_is_no_way_over() -> None:
    text = BASE.replace("full: none", "full: every 1 h, seeded: false")
    curve, _ = predicted(text)
    assert curve.at(59 * MINUTE) >= NO_WAY_US
    assert measured(text, 59 * MINUTE) is None
    assert curve.at(100 * MINUTE) < 10 * MINUTE


def test_what_was_wiped_with_the_standby_is_no_way_over() -> None:
    """A full of 90 min lies there from about 119 min on. The secondary is lost with its files at 125
    min and is back at 130: nothing can be promoted until a new full has landed. A copy that was
    only dropped is restored from its files.
    """
    text = BASE.replace("full: none", "full: every 90 min").replace("4 h", "5 h")
    lost = text + "events:\n  - {at: 125 min, lose_secondary: {duration: 5 min}}\n"
    dropped = text + "events:\n  - {at: 125 min, operator_mistake: wipes the secondary}\n"
    assert predicted(dropped)[0].at(128 * MINUTE) < 10 * MINUTE
    curve, _ = predicted(lost)
    assert curve.at(124 * MINUTE) < 10 * MINUTE
    assert curve.at(128 * MINUTE) >= NO_WAY_US
    assert measured(lost, 128 * MINUTE) is None
    assert curve.at(280 * MINUTE) < 10 * MINUTE


# ---- a copy that is rebuilt from the primary's share
GONE = """\
run_for: 5 h
databases: {crm: {size: 5 GB, full: every 90 min, incremental: none}}
link: {bandwidth: 20 Mbit/s}
failover: {mode: automatic}
events:
"""
REBUILT = {
    "back after a while": "  - {at: 125 min, lose_secondary: {duration: 30 min}}\n",
    "empty at once": "  - {at: 125 min, operator_mistake: wipes the secondary host}\n",
    "the link is out": "  - {at: 125 min, operator_mistake: wipes the secondary host}\n"
    "  - {at: 130 min, link_outage: 15 min}\n",
}


@pytest.mark.parametrize("failure_class", ["host", "database"])
@pytest.mark.parametrize("gone", REBUILT)
def test_a_lost_copy_is_rebuilt_from_the_share_that_is_left(gone: str, failure_class: str) -> None:
    """A full takes 33 min 20 to send and the drain's limit is 10 min: it strands nothing. At first
    only that of 90 min lies in the share, then it is on its way again, with its logs, and by 200
    min it is restored. That of 180 min, which is newer, is fetched in its place. A log of 105 MB
    takes 42 s to send. The run's full is delayed by the logs that are sent beside it, of which a
    host that is lost at 126 min makes up to 18 less (until 155 min 6, and until the full is there
    at most 12): up to 12 min 36.
    """
    text = GONE + REBUILT[gone]
    world = World(scenario(text))
    world.run()
    of = world.context.scenario
    curve = outage_if_now(world.journal, of, 0, failure_class=failure_class)
    for minutes in (121.0, 126.0, 140.3, 158.0, 171.7, 186.0, 200.0):
        at_us = round(minutes * MINUTE)
        played = World(scenario(text + f"  - {{at: {at_us // 1000} ms, lose: {failure_class}}}\n"))
        played.run()
        (found,) = failovers(played.journal, played.context.scenario)[:1]
        assert found.outage_us is not None
        away = outage_at(curve, of, at_us) - found.outage_us
        assert -20 * SECOND <= away <= max(found.outage_us // 20, 18 * 42 * SECOND), minutes


@pytest.mark.parametrize("failure_class", ["host", "database"])
def test_without_a_full_in_the_share_or_a_standby_nothing_is_rebuilt(failure_class: str) -> None:
    seeding = BASE.replace("full: none", "full: every 1 h, seeded: false")
    for text in (seeding, GONE + "  - {at: 50 min, lose_secondary: {duration: 9 h}}\n"):
        world = World(scenario(text))
        world.run()
        of = world.context.scenario
        curve = outage_if_now(world.journal, of, 0, failure_class=failure_class)
        assert curve.at(59 * MINUTE) >= NO_WAY_US


# ---- by hand
def a_way(before_us: int, after_us: int, down: tuple[tuple[int, int], ...] = ()) -> Way:
    start, factor = np.zeros(1, np.int64), np.full(1, 1_000_000)
    slow = Slowness(start, factor)
    return Way(start, np.array([before_us]), after_us, list(down), slow, 30 * SECOND, start)


def a_life(*jobs: tuple[int, int, int], due: tuple[int, ...] = ()) -> Life:
    """jobs: landed, begun, done in seconds."""
    landed, begun, done = (np.array(x, np.int64) * SECOND for x in zip(*jobs, strict=True))
    takes = done - begun
    return Life(
        0,
        NEVER_US,
        True,
        Jobs(
            landed,
            begun,
            done,
            takes,
            takes,
            np.array(due or [0] * len(jobs), np.int64) * SECOND,
            np.zeros(len(jobs), np.bool_),
            np.zeros(len(jobs), np.int64),
            landed,
            landed,
        ),
    )


def test_a_restore_that_is_under_way_falls_to_the_floor() -> None:
    """It lands at 100, is restored from 100 to 400; a failover takes 50 before its drain and 20
    after it.
    """
    curve = curve_of_life(a_life((100, 100, 400)), a_way(50 * SECOND, 20 * SECOND), 1000 * SECOND)
    at = {t: curve.at(t * SECOND + 1) / SECOND for t in (99, 100, 200, 349, 351, 400)}
    assert at == {
        99: 70,
        100: pytest.approx(320),
        200: pytest.approx(220),
        349: pytest.approx(71),
        351: 70,
        400: 70,
    }
    assert curve.max_us() == 320 * SECOND
    assert curve.above_us(70 * SECOND) == 250 * SECOND
    assert curve.above(120 * SECOND) == [(100 * SECOND, 300 * SECOND)]
    mean = Fraction(70 * 750 + (320 + 70) * 250 // 2, 1000)
    assert curve.mean_us() == mean * SECOND


def test_what_waits_for_its_turn_is_counted_from_the_first_begin() -> None:
    """Three logs of 100 s each: after the first one's begin two more wait."""
    jobs = ((0, 0, 100), (10, 100, 200), (20, 200, 300))
    curve = curve_of_life(a_life(*jobs), a_way(50 * SECOND, 0), 1000 * SECOND)
    assert curve.at(21 * SECOND) == 279 * SECOND
    assert curve.at(15 * SECOND) == 185 * SECOND  # the third has not landed


def test_a_delay_holds_until_the_drain_begins() -> None:
    """Due at 3600 only; in a failover its 10 s come after what is before the drain."""
    curve = curve_of_life(
        a_life((0, 3600, 3610), due=(3600,)), a_way(50 * SECOND, 0), 7200 * SECOND
    )
    assert curve.at(1000 * SECOND) == 60 * SECOND
    assert curve.at(3605 * SECOND) == 50 * SECOND


def test_a_dead_manager_must_be_back_first() -> None:
    curve = curve_of_life(
        a_life((0, 0, 1)), a_way(50 * SECOND, 0, ((100 * SECOND, 500 * SECOND),)), 1000 * SECOND
    )
    assert curve.at(200 * SECOND) == (300 + 20) * SECOND  # and fences after that
    assert curve.at(600 * SECOND) == 50 * SECOND


def test_quantiles_of_a_curve_that_stands_and_falls() -> None:
    """100 s at 10, then from 60 down to 10 in 50 s, then 50 s at 10."""
    s = np.array([0, 100, 200], np.int64) * SECOND
    curve = Falling(
        s,
        np.array([100, 200, 250], np.int64) * SECOND,
        np.full(3, 10 * SECOND),
        np.array([0, 160, 0], np.int64) * SECOND,
    )
    assert curve.quantiles_us([Fraction(1, 2), Fraction(4, 5), Fraction(9, 10), Fraction(1)]) == [
        10 * SECOND, 10 * SECOND, 35 * SECOND, 60 * SECOND,
    ]  # fmt: skip
    above = curve.above_each_us(np.array([5, 10, 35, 60], np.int64) * SECOND)
    assert above.tolist() == [250 * SECOND, 50 * SECOND, 25 * SECOND, 0]
    assert (
        joined_falling(p.window(0, 300 * SECOND) for p in (curve,)).twice_area()
        == curve.twice_area()
    )


def test_spans_are_taken_out_of_a_curve() -> None:
    """One across two pieces, one that overlaps it, one before the curve and one at its end."""
    s = np.array([10, 100, 200], np.int64)
    curve = Falling(s, np.array([100, 200, 250], np.int64), np.full(3, 1), np.array([0, 260, 0]))
    left = curve.without([(0, 5), (90, 120), (110, 130), (240, 300)])
    spans = list(zip(left.start_us.tolist(), left.stop_us.tolist(), strict=True))
    assert spans == [(10, 90), (130, 200), (200, 240)]
    assert left.at(150) == curve.at(150)
    assert curve.without([]).duration_us == curve.duration_us
    assert not curve.without([(0, 300)]).duration_us


def test_the_worst_of_two_is_the_larger_at_every_instant() -> None:
    a = curve_of_life(a_life((100, 100, 400)), a_way(50 * SECOND, 0), 1000 * SECOND)
    b = curve_of_life(a_life((0, 50, 250), (300, 300, 700)), a_way(60 * SECOND, 0), 1000 * SECOND)
    both = worst_falling([a, b])
    for t in range(1, 1000, 7):
        assert both.at(t * SECOND) == max(a.at(t * SECOND), b.at(t * SECOND))


def test_what_comes_after_the_drain_is_what_users_wait_for() -> None:
    """recover 10 s, switch 60 s, and 45 s from half to all of the capacity, of which 60 % x 99 %
    are needed.
    """
    needed = -(-990_000 * 600_000 // 1_000_000)
    warm = -(-(needed - 500_000) * 45 * SECOND // 500_000)
    assert after_the_drain_us(scenario(BASE)) == 70 * SECOND + warm
