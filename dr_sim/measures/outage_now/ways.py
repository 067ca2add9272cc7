"""The ways back from a failure at an instant: which copy could be promoted, which store restored
from, what each would lose and how long it would take.

Theory of operation. Exposure and `outage_if_now` of each place say what that place by itself would
lose and take, exactly, at each instant (exposure.py, outage_now.py). A way is closed where nothing
lies there that could be brought online. Of a failure that happened the way that was taken is
marked, and what came true stands beside what was foretold; so are those that were tried without
success. The order is that of the places: the preferred one first. Where the primary's share is
left, what a store lacks is fetched from it: that is counted in what is lost, and not in how long it
takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.formatting.words import counted, size
from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.happenings import turns_of
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.legs import Leg
from dr_sim.measures.outage_now.outage_from_store import WayBack, ways_back
from dr_sim.measures.outage_now.outage_now import outage_at
from dr_sim.measures.outage_now.way_over import (
    NO_WAY_US,
    SITE,
    is_ordered,
    way_over,
)
from dr_sim.measures.tables import Tables
from dr_sim.measures.whole import Whole
from dr_sim.scenario.kind import Explains

HOST, DATABASE = "host", "database"
CLOSED, POSSIBLE, TAKEN, FAILED = "closed", "possible", "taken", "failed"
PROMOTE, RESTORE = "promote", "restore"
_NOT_CONFIGURED = (
    "it would wait for ever for its configuration: the cloud manager is lost with the site, and "
    "provision.at_most is none"
)


@dataclass(slots=True)
class WaySummary:
    """One way back from a failure. how: 'promote' or 'restore'; standing: 'taken', 'failed' (it was
    tried, and left), 'possible' or 'closed'. why: why it is closed, or what a restore reads.
    loss_us, outage_us: as foretold at the failure; came_loss_us, came_outage_us: what came true of
    the way that was taken. tried_us: how long it was tried without success.
    """

    place: str
    how: str
    standing: str
    why: str
    loss_us: int | None = None
    outage_us: int | None = None
    came_loss_us: int | None = None
    came_outage_us: int | None = None
    tried_us: int = 0


@dataclass(frozen=True, slots=True)
class CameTrue:
    """The outcome of a failover. at_us: when its primary failed, in the leg's time."""

    at_us: int
    failure_class: str
    place: str
    loss_us: int | None
    outage_us: int | None


def is_foretold(failure_class: str, ordered_by: str | None) -> bool:
    """Return whether there is an outage to foretell: a silence may have begun a failover although
    no database had failed, and the old primary serves on.
    """
    return failure_class != "none" or ordered_by is not None


def ways_at(
    whole: Whole, leg: Leg, t_us: int, failure_class: str
) -> list[WaySummary]:
    """List the ways at an instant of a leg, in its time, were that failure to come then. Empty
    where no primary was up.
    """
    places = sorted(whole.at(leg), key=lambda one: one[0].scenario.rank)
    found = [_way(whole, one, t_us, failure_class) for one in places]
    return [way for way in found if way is not None]


def ways_of(whole: Whole, leg: Leg, came: CameTrue) -> list[WaySummary]:
    """List the ways that there were when a failover's primary failed, or when the first copy was
    ordered to take over.
    """
    ordered = [
        each.from_us
        for each in leg.scenario.failed_attempts
        if each.from_us <= came.at_us < each.until_us
    ]
    begun_us = min(ordered, default=came.at_us)
    found = ways_at(whole, leg, begun_us, came.failure_class)
    for way in found:
        way.tried_us = sum(
            max(0, each.until_us - max(each.from_us, came.at_us))
            for each in leg.scenario.failed_attempts
            if each.place == way.place
        )
        if way.tried_us:
            way.standing = FAILED
        if way.place == came.place:
            way.standing = TAKEN
            way.came_loss_us = came.loss_us
            way.came_outage_us = came.outage_us
    return found


def best_of(ways: Sequence[WaySummary]) -> WaySummary | None:
    """Return the way that loses least; of equal ones, the fastest. None: all are closed."""
    open_ones = [way for way in ways if way.loss_us is not None]
    return min(open_ones, key=_loss_then_time, default=None)


def _loss_then_time(way: WaySummary) -> tuple[int, int]:
    assert way.loss_us is not None and way.outage_us is not None
    return way.loss_us, way.outage_us


def _way(
    whole: Whole, one: tuple[Leg, Tables], t_us: int, failure_class: str
) -> WaySummary | None:
    leg, t = one
    scenario = leg.scenario
    curve = whole.time_over_to(one, failure_class)
    if (
        not len(curve.start_us)
        or not curve.begin_us <= t_us <= curve.end_us
    ):
        return None
    takes_us = outage_at(curve, scenario, t_us, failure_class)
    how = PROMOTE if scenario.store is None else RESTORE
    if gone := _gone_with_it(t, leg, t_us):
        why = f"the place was lost at the same instant ({gone})"
        return WaySummary(leg.secondary, how, CLOSED, why)
    if takes_us >= NO_WAY_US // 2:
        own = whole.outage_of_copy(one, failure_class=failure_class)
        why = _why_closed(t, leg, t_us)
        own_us = outage_at(own, scenario, t_us, failure_class)
        if own_us < NO_WAY_US // 2:
            why = _NOT_CONFIGURED
        return WaySummary(leg.secondary, how, CLOSED, why)
    why = ""
    if scenario.store is not None:
        why = _of_a_store(t, leg, t_us, failure_class)
    lost_us = whole.exposure_of_copy(one, failure_class).at(t_us)
    if failure_class in (HOST, DATABASE):
        left_us = _left_behind_us(whole, one, t_us, failure_class)
        lost_us = max(lost_us, left_us)
    if scenario.store is None:
        drained_us = t_us + takes_us - way_over(t, scenario).after_us
        refused_us = _refused_here_us(one, t_us, drained_us)
        lost_us = max(lost_us, refused_us)
    return WaySummary(leg.secondary, how, POSSIBLE, why, lost_us, takes_us)


def _left_behind_us(
    whole: Whole, one: tuple[Leg, Tables], t_us: int, failure_class: str
) -> int:
    """Return what is lost where the host or a database is, and what the primary's share still sends
    comes too late: what has landed counts when the drain's limit is over, or all is restored if
    that is later. Of a lost database a tail is taken: it is of use where no log before it is left
    behind.
    """
    leg, t = one
    scenario = leg.scenario
    way = way_over(t, scenario, failure_class=failure_class)
    at = np.array([t_us], np.int64)
    limit_us = int(way.before(at)[0]) + way.drain_limit_us
    curve = whole.outage_of_copy(one, failure_class=failure_class)
    takes_us = outage_at(curve, scenario, t_us, failure_class)
    restored_us = takes_us - way.after_us
    until_us = t_us + max(limit_us, restored_us)
    lost_us = 0
    for database in range(len(scenario.databases)):
        rows = t.of("truth.survivable", database)
        there = t.has_text(rows["class"], SITE) & (rows["commits"] > 0)
        there &= rows["time_us"] <= until_us
        for lacking_us in rows["lacking_us"][there][-1:].tolist():
            has_tail = failure_class == DATABASE
            if not has_tail or _last_cut_us(t, database, t_us) > lacking_us:
                lost_us = max(lost_us, t_us - lacking_us)
    return lost_us


def _refused_here_us(
    one: tuple[Leg, Tables], t_us: int, drained_us: int
) -> int:
    """Return what a standby loses at an instant because it is not set up for a change at the
    primary: all backups that were begun after the change are refused, although they have landed.
    drained_us: when the drain ends; whoever acts later is too late.
    """
    leg, t = one
    lost_us = 0
    for number, database in enumerate(leg.scenario.databases):
        begun_us = t.of("truth.backup_begin", number)["time_us"]
        for from_us, until_us in _not_set_up(one, database.name):
            if from_us <= t_us and until_us > drained_us:
                cut_us = int(begun_us[begun_us < from_us].max(initial=0))
                lost_us = max(lost_us, t_us - cut_us)
    return lost_us


def _not_set_up(
    one: tuple[Leg, Tables], database: str
) -> list[tuple[int, int]]:
    """Return when the standby was not set up for what that database contains."""
    leg, t = one
    found: list[tuple[int, int]] = []
    for row in turns_of(t, leg.scenario, Explains.NOT_SET_UP, database):
        if row.values["begins"]:
            found.append((row.time_us, NEVER_US))
        elif found:
            found[-1] = found[-1][0], row.time_us
    return found


def _last_cut_us(t: Tables, database: int, t_us: int) -> int:
    """Return when the newest log was cut of those that are finished at an instant; 0: there is
    none.
    """
    made = t.of("truth.backup_finished", database)
    logs = (made["kind"] == Kind.LOG) & (made["time_us"] <= t_us)
    files = made["file"][logs][-1:].tolist()
    begun = t.of("truth.backup_begin", database)
    cuts = begun["time_us"][np.isin(begun["file"], files)].tolist()
    return max(cuts, default=0)


def _gone_with_it(t: Tables, leg: Leg, t_us: int) -> str:
    """Name the event by which the place was lost at that very instant; '' if it was not. The curves
    hold what was there just before.
    """
    died = [
        row.time_us
        for row in t.rows("truth.manager")
        if not row.values["up"]
    ]
    if t_us not in died:
        return ""
    began = [
        each.label
        for each in Causes(t, leg.scenario).happenings
        if each.begin_us == t_us and Explains.COPY_LOST in each.explains
    ]
    return ", ".join(dict.fromkeys(began))


def _why_closed(t: Tables, leg: Leg, t_us: int) -> str:
    what = "nothing lies there that could be restored"
    if leg.scenario.store is None:
        what = "no copy has been restored there, and no full has landed"
    label = Causes(t, leg.scenario).during(
        t_us - 1, t_us + 1, Explains.COPY_LOST
    )
    return f"{what} ({label})" if label else what


def _of_a_store(t: Tables, leg: Leg, t_us: int, failure_class: str) -> str:
    """Return what a restore from a store reads: where the primary's share is left, what that has,
    too. What is on the road from there for longer than the drain's limit comes too late.
    """
    scenario, read = leg.scenario, _read(t, leg, t_us)
    if failure_class == SITE:
        return read
    if not read:
        return "what the share has"
    assert scenario.store is not None
    limit_us = scenario.failover.drain_limit_us
    # an order waits for longer
    failed = not is_ordered(failure_class)
    if failed and scenario.store.transit_us > limit_us:
        return f"{read}; most of what the share has comes too late"
    return f"{read}, and what the share has"


def _read(t: Tables, leg: Leg, t_us: int) -> str:
    """Say what a restore from a store reads; '' where nothing lies there that could be restored."""
    needed: list[WayBack] = []
    for database in range(len(leg.scenario.databases)):
        backs = ways_back(t, leg.scenario, database)
        needed.append([back for back in backs if back.since_us < t_us][-1])
    files = sum(back.files for back in needed)
    read = sum(back.reads_bytes for back in needed)
    if not files:
        return ""
    told = f"{counted(files, 'file')}, {size(read)}"
    own = leg.scenario.own_schedule
    if own is None:
        return told
    return f"{told}; {own.made_for_it} of its own schedule"
