"""How long a failover would wait for the directory: for entries that had not replicated yet.

Theory of operation. Entries are made by the primary's own draws, so all of them are known. What
was made before the last replication that arrived is at the secondary. If the primary's site is
lost, each of the others is made by hand. If its share is left, and the link carries when a failover
comes to it, the directory replicates once more instead.
"""

from __future__ import annotations

import functools

import numpy as np

from dr_sim.measures.link_use import link_cut
from dr_sim.measures.outage_now.falling import (
    Falling,
    in_steps,
    levels,
    no_curve,
)
from dr_sim.measures.outage_now.way_over import SITE
from dr_sim.measures.tables import Ints, Tables, run_end_us
from dr_sim.record.sets import each_once
from dr_sim.scenario.model import DirectorySpec, Scenario
from dr_sim.scenario.usual import after_the_drain_us, usual_us
from dr_sim.streams import Streams


def directory_wait(
    t: Tables, scenario: Scenario, outage: Falling, failure_class: str
) -> Falling:
    """Return how long a failover would wait for directory entries, while a curve of its outage
    without them is defined; all in one leg's time.
    """
    spec = scenario.directory
    if not spec.changes_num or not len(outage.start_us):
        return no_curve()
    made = _made_us(t, scenario)
    arrived = t["truth.directory_arrived"]["time_us"]
    start = each_once(
        np.array([outage.begin_us], np.int64),
        _within(outage, made),
        _within(outage, arrived),
    )
    # entries made before this are at the secondary
    last = np.searchsorted(arrived, start, side="right")
    synced = np.append(np.zeros(1, np.int64), arrived - spec.lag_us)[last]
    up_to = np.searchsorted(made, start, side="right")
    lacking = up_to - np.searchsorted(made, synced, side="left")
    curve = in_steps(start, outage.end_us, lacking * spec.provision_us)
    if failure_class == SITE:
        return curve
    return _where_cut_off(curve, outage, scenario, link_cut(t, scenario))


def _within(outage: Falling, times: Ints) -> Ints:
    return times[(times > outage.begin_us) & (times < outage.end_us)]


def _made_us(t: Tables, scenario: Scenario) -> Ints:
    """Return when entries were made in a leg, in its time."""
    began_us = scenario.begins_us
    luck = scenario.seed, scenario.replication_no
    until_us = began_us + run_end_us(t, scenario)
    made = _all_made_us(luck, scenario.directory, until_us) - began_us
    return made[made >= 0]


@functools.lru_cache(maxsize=16)
def _all_made_us(
    luck: tuple[int, int], spec: DirectorySpec, until_us: int
) -> Ints:
    """Return them in the run's time: drawn once for all standbys and legs."""
    stream = Streams(*luck).of("directory", "change")
    return np.fromiter(stream.arrivals(spec.gaps, until_us), np.int64)


def _where_cut_off(
    by_hand: Falling,
    outage: Falling,
    scenario: Scenario,
    down: list[tuple[int, int]],
) -> Falling:
    """Return that curve where the link is down when a failover comes to the directory, and the time
    of one more replication elsewhere. All but sending users over and warming up is done by then.
    """
    f = scenario.failover
    after_us = after_the_drain_us(scenario) - usual_us(f.recover)
    cuts = [
        edge_us + after_us - outage.floor_us
        for span in down
        for edge_us in span
    ]
    start = each_once(
        by_hand.start_us,
        _within(outage, outage.start_us),
        *(_within(outage, cut) for cut in cuts),
    )
    of_outage = np.searchsorted(outage.start_us, start, side="right") - 1
    ends = np.maximum(
        outage.floor_us[of_outage] + start, outage.until_us[of_outage]
    )
    comes = ends - after_us
    cut_off = np.zeros(len(start), np.bool_)
    for begin_us, end_us in down:
        cut_off |= (comes >= begin_us) & (comes < end_us)
    takes = np.where(
        cut_off, levels(by_hand, start), scenario.directory.lag_us
    )
    return in_steps(start, outage.end_us, takes)
