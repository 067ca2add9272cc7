"""The end of a run cuts off what is under way: that it is unknown does not mean that it never
comes. A run and a longer one under the same random events say the same of the shorter one's time.
"""

from __future__ import annotations

import numpy as np
import pytest

from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.outage_now.after_the_end import RestoreTimes, begin_later, ends_later
from dr_sim.measures.outage_now.best import falling_at
from dr_sim.measures.outage_now.falling import Falling
from dr_sim.measures.outage_now.outage_now import outage_if_now, outage_of_service
from dr_sim.measures.outage_now.reported_outage import (
    reported_outage,
    reported_outage_of_service,
)
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.world.world import World
from tests.world.build import MINUTE, SECOND, scenario

BASE = """\
run_for: 4 h
databases: {crm: {size: 20 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
"""
BIG = BASE.replace("20 GB", "20 GB, log_volume: 3 GB per 5 min").replace("100 M", "1000 M")
SLOW_LINK = BASE.replace("20 GB", "20 GB, log_volume: 300 MB per 5 min").replace("100 M", "10 M")
ASKED = "mode: manual, operator: {answers_in: 40 min}"
RUNS = {
    "a log is due at the end": (BASE + "replay: {delay: 1 h}\n", 240),
    "logs are due while an operator is asked": (
        BIG.replace("mode: automatic", ASKED) + "replay: {delay: 1 h}\n",
        233,
    ),
    "the restore job runs after the end": (
        BIG.replace("mode: automatic", ASKED) + "replay: {every: 30 min}\n",
        226,
    ),
    "a hash is under way": (BIG.replace("3 GB per", "8 GB per"), 182),
    "a restore is under way": (BIG.replace("3 GB per", "8 GB per"), 186),
    "a log is on its way": (SLOW_LINK, 182),
    "a slow restore is under way": (
        BASE + "events:\n  - {at: 64 min, slow_restore: {by: 4000, duration: 90 s}}\n",
        66,
    ),
    "a delay while restores are slow": (
        BASE + "replay: {delay: 30 min}\nevents:\n"
        "  - {at: 1 h, slow_restore: {by: 100, duration: 90 min}}\n",
        100,
    ),
    "readers let no restore begin": (
        BASE + "events:\n  - {at: 61 min, readers: {database: crm, duration: 2 h}}\n",
        100,
    ),
    "the manager is dead": (
        BASE + "manager: {restart_after: 1 h}\nevents:\n  - {at: 60 min, manager_crash: {}}\n",
        65,
    ),
}
CLASSES = ("site", "host", "database")


def curves(text: str, minutes: int) -> dict[str, Falling]:
    of = scenario(text.replace("run_for: 4 h", f"run_for: {minutes} min"))
    journal = World(of).run()
    found = {}
    for failure_class in CLASSES:
        mine = outage_if_now(journal, of, 0, failure_class=failure_class)
        found[failure_class] = outage_of_service(journal, of, [mine])
    believed = reported_outage(journal, of, 0)
    found["reported"] = reported_outage_of_service(journal, of, [believed])
    return found


@pytest.mark.parametrize("what", RUNS)
def test_a_longer_run_says_the_same(what: str) -> None:
    text, minutes = RUNS[what]
    short, long = curves(text, minutes), curves(text, 540)
    at_us = np.arange(0, minutes * MINUTE, SECOND)
    for name, curve in short.items():
        here = falling_at(curve, at_us).height(at_us)
        there = falling_at(long[name], at_us).height(at_us)
        assert np.abs(here - there).max() <= 2 * SECOND, name


def test_a_log_that_is_due_at_the_end_does_not_hang() -> None:
    """The failure at 3:59:54: 51 s to detect and fence, then the logs that were cut from 3:05 to
    3:55 are restored, 11 times 1.05618 s (1 s and 20 MB), and 78.46 s until users are served. The
    one that was cut at 3:00 is due at 4:00, by itself.
    """
    found = curves(*RUNS["a log is due at the end"])
    at_us = 239 * MINUTE + 54 * SECOND
    for name in ("site", "reported"):
        assert found[name].at(at_us) == 51_000_000 + 11 * 1_056_180 + 78_460_000


def test_a_log_that_is_on_its_way_is_waited_for_as_long_as_the_link_takes() -> None:
    """300 MB take 240 s at 10 Mbit/s: of the log that was cut at 3:00 the failover waits for that
    at most, and not for the drain's limit of 10 min.
    """
    found = curves(*RUNS["a log is on its way"])
    host = found["host"]
    values = [host.at(180 * MINUTE + s * SECOND) for s in range(3, 119)]
    assert max(values) < (240 + 35 + 79 + 5) * SECOND


def test_what_should_have_come_before_the_end_is_held_by_something_else() -> None:
    """The link went down at 2:04 and is still down at 2:30, when the run ends: nobody knows for how
    long, and a failover waits up to the drain's limit of 10 min.
    """
    text = BASE + "events:\n  - {at: 124 min, link_outage: 100 min}\n"
    host = curves(text, 150)["host"]
    assert host.at(149 * MINUTE) == (35 + 600) * SECOND + 78_460_000


def test_a_manager_that_its_restart_does_not_bring_back_is_no_way_over() -> None:
    """The standby's host is away at the end of the run, long after a restart was due."""
    text = BASE + "events:\n  - {at: 1 h, lose_secondary: 10 h}\n"
    assert curves(text, 100)["site"].at(99 * MINUTE) >= NO_WAY_US


def test_restores_begin_one_after_the_other_but_only_after_the_end() -> None:
    never = np.full(3, NEVER_US, np.int64)
    times = RestoreTimes(never.copy(), never.copy(), np.array([5, 7, 9], np.int64))
    ends_later(times, 0, 98, 5, 100)
    begin_later(times, np.array([90, 91, 120], np.int64), 100)
    assert times.begun_us.tolist() == [98, 103, 120]
    assert times.done_us.tolist() == [103, 110, 129]

    held = RestoreTimes(never.copy(), never.copy(), np.array([5, 7, 9], np.int64))
    begin_later(held, np.array([90, 120, 130], np.int64), 100)
    assert held.begun_us.tolist() == [NEVER_US] * 3


def test_a_restore_that_is_overdue_ends_at_the_end_at_the_earliest() -> None:
    never = np.full(1, NEVER_US, np.int64)
    times = RestoreTimes(never.copy(), never.copy(), np.array([5], np.int64))
    ends_later(times, 0, 40, 5, 100)
    assert times.done_us.tolist() == [100]
