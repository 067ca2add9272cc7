"""Tells what is measured of the cloud manager: drift, true and as it believes it, what provisioning
would take, calls, jobs done twice or never, and how a failover's provisioning was spent.

Drift is the age of the oldest change that is not in effect at the second side; the service's is
that of its worst network. It is known while a primary works and a second side is in place. All of
it is read from the rows of the first leg, in which the cloud manager lives to the run's end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from dr_sim.measures.exposure.exposure import (
    NEVER_US,
    Curve,
    joined,
    step_curve,
    worst,
)
from dr_sim.measures.legs import Leg
from dr_sim.measures.outage_now.falling import Falling
from dr_sim.measures.outage_now.way_over import NO_WAY_US, SITE
from dr_sim.measures.tables import Ints, Tables, run_end_us
from dr_sim.record.sets import each_once
from dr_sim.scenario.cloud_model import FIRST, Cloud, CloudClient
from dr_sim.scenario.model import Scenario
from dr_sim.units import clock

_CLOSE_US = 60_000_000  # acknowledgements that are closer may come in another order than requests
_ENDS = ("done", "failed", "killed", "died", "escaped")
_SECRETS, _CHANGES, _REBUILT, _BY_HAND, _WAITING = (
    "secrets",
    "changes",
    "things set or made again",
    "by hand",
    "waiting",
)
_GROUPS = {"rotate_secret": _SECRETS, "set": _REBUILT, "rebuild": _REBUILT}


# ---- drift
Spans = Sequence[tuple[int, int]]
"""Stretches of the run, one after the other."""


def both_sides_us(
    t: Tables, scenario: Scenario, until_us: Sequence[int]
) -> list[tuple[int, int]]:
    """Return when there are two sides: from the run's beginning, if there is a standby then, and
    from each instant on at which a second site was in place again; until the next of the instants
    at which a primary failed.
    """
    into = {
        (row.time_us, row.values["site"])
        for row in t.rows("truth.cloud_provision")
        if row.values["begins"]
    }
    begins = [0] if _spec(scenario).sites[1] else []
    for row in t.rows("truth.cloud_stands"):
        # a failover to a site that was not mirrored begins with that
        if (row.time_us, row.values["site"]) not in into:
            begins.append(row.time_us)
    spans = []
    for place, begin in enumerate(begins):
        later = [us for us in until_us if us > begin]
        later += begins[place + 1 : place + 2] if later else []
        end = min(later, default=begin)
        if end > begin:
            spans.append((begin, end))
    return spans


def drift(t: Tables, scenario: Scenario, spans: Spans) -> Curve:
    """Return the true drift in those spans."""
    networks = range(len(_spec(scenario).networks))
    rows = [
        (t.of("truth.cloud_drift", i)["time_us"], _since(t, i))
        for i in networks
    ]
    return _behind(rows, spans)


def reported_drift(t: Tables, scenario: Scenario, spans: Spans) -> Curve:
    """Return the drift that the manager believes in; undefined while its site is lost."""
    found = []
    for i in range(len(_spec(scenario).networks)):
        rows = t.of("cloud.ReportDrift", i)
        since = rows["since_utc_us"]
        since = np.where(
            since == 0, NEVER_US, since - scenario.start_utc_us
        )
        found.append((rows["time_us"], since))
    without = _without_manager(t, scenario, "host")
    return _behind(found, _outside(spans, without))


def _outside(spans: Spans, without: Sequence[tuple[int, int]]) -> Spans:
    """Return the part of the spans that is in none of those stretches."""
    left = list(spans)
    for begin, end in without:
        before = [(a, min(b, begin)) for a, b in left]
        after = [(max(a, end), b) for a, b in left]
        left = sorted(span for span in before + after if span[0] < span[1])
    return left


def _since(t: Tables, network: int) -> Ints:
    since = t.of("truth.cloud_drift", network)["since_us"]
    return np.where(since < 0, NEVER_US, since)


def _behind(networks: Sequence[tuple[Ints, Ints]], spans: Spans) -> Curve:
    """Return the worst of all networks; at first nothing is behind."""
    last_us = max((end for _, end in spans), default=0)
    curves = []
    for time_us, since_us in networks:
        time = np.append(np.zeros(1, np.int64), time_us)
        since = np.append(np.full(1, NEVER_US, np.int64), since_us)
        curves.append(step_curve(time, since, last_us))
    parts = []
    for begin, end in spans:
        parts.append(worst(curve.window(begin, end) for curve in curves))
    return joined(parts)


def provision_if_now(
    t: Tables,
    scenario: Scenario,
    spans: Spans,
    failure_class: str = SITE,
    place: str = "",
) -> Falling:
    """Return how long a failover would wait for its site to be configured, by the usual length of a
    script; never longer than provision.at_most. Without the cloud manager it waits all of that.
    place: of the standby to which it goes; '': the second side, which is mirrored.
    """
    most_us = _spec(scenario).provision_us
    most_us = NO_WAY_US if most_us is None else most_us
    at_us, waits_us = _would_wait(t, scenario, place)
    without = _without_manager(t, scenario, failure_class)
    begins = np.array([begin for begin, _ in spans], np.int64)
    ends = np.array([end for _, end in spans], np.int64)
    edges = np.array(
        [us for stretch in without for us in stretch], np.int64
    )
    times = each_once(begins, edges, at_us)
    span = np.searchsorted(begins, times, side="right") - 1
    inside = (
        (span >= 0) & (times < ends[np.maximum(span, 0)])
        if len(spans)
        else times < 0
    )
    times, span = times[inside], span[inside]
    places = np.searchsorted(at_us, times, side="right") - 1
    # the last one for what comes before the first
    takes = np.append(waits_us, 0)[places]
    for begin, end in without:
        takes[(times >= begin) & (times < end)] = NO_WAY_US
    takes = np.minimum(takes, most_us)
    following = np.append(times[1:], np.int64(NEVER_US))[: len(times)]
    stops = np.minimum(following, ends[span])
    return Falling(times, stops, takes, np.zeros(len(times), np.int64))


def _would_wait(
    t: Tables, scenario: Scenario, place: str
) -> tuple[Ints, Ints]:
    """Return (since when, for how long) a failover to a standby would wait, one after another."""
    if not place:
        rows = t["truth.cloud_drift"]
        return rows["time_us"], rows["provision_us"]
    second = _spec(scenario).sites[1]
    of_second = of_place = 0
    at_us, waits_us = [], []
    kinds = (
        "truth.cloud_drift",
        "truth.cloud_stands",
        "truth.cloud_elsewhere",
    )
    for row in t.journal.rows(*kinds):
        v = row.values
        if row.kind == "truth.cloud_stands":
            second = v["site"]
        elif row.kind == "truth.cloud_drift":
            of_second = v["provision_us"]
        elif v["site"] == place:
            of_place = v["provision_us"]
        at_us.append(row.time_us)
        waits_us.append(of_second if second == place else of_place)
    return np.array(at_us, np.int64), np.array(waits_us, np.int64)


def _without_manager(
    t: Tables, scenario: Scenario, failure_class: str
) -> list[tuple[int, int]]:
    """Return when a failover would find no cloud manager: its site is lost, or would be."""
    home = _spec(scenario).home
    if not home:
        return []
    end_us = run_end_us(t, scenario) + 1
    found = []
    lost_us = -1
    rows = [
        *t.rows("truth.cloud_site_lost"),
        *t.rows("truth.cloud_site_back"),
    ]
    for row in sorted(rows, key=lambda each: each.seq):
        if row.values["site"] != home:
            continue
        if row.kind == "truth.cloud_site_lost" and lost_us < 0:
            lost_us = row.time_us
        elif row.kind == "truth.cloud_site_back" and lost_us >= 0:
            found.append((lost_us, row.time_us))
            lost_us = -1
    if lost_us >= 0:
        found.append((lost_us, end_us))
    if failure_class == SITE:
        found += _active_at(home, t, end_us)
    return found


def _active_at(home: str, t: Tables, end_us: int) -> list[tuple[int, int]]:
    """Return when users were served at that site."""
    begins = [(0, FIRST)]
    for row in t.rows("truth.cloud_provision"):
        if row.values["begins"]:
            begins.append((row.time_us, row.values["site"]))
    stops = [*(us for us, _ in begins[1:]), end_us]
    return [
        (us, stop)
        for (us, site), stop in zip(begins, stops, strict=True)
        if site == home
    ]


# ---- calls
@dataclass(frozen=True, slots=True)
class Calls:
    """Counts of all clients, in some time: all, answered at the first try, never answered."""

    calls: int
    first_try: int
    unanswered: int

    @property
    def first_try_ppm(self) -> int | None:
        return (
            None
            if not self.calls
            else self.first_try * 1_000_000 // self.calls
        )

    @property
    def unanswered_ppm(self) -> int | None:
        """Rounded up: a share that is not nothing is not shown as nothing."""
        return (
            None
            if not self.calls
            else -(-self.unanswered * 1_000_000 // self.calls)
        )


def calls(
    t: Tables, scenario: Scenario, from_us: int, until_us: int
) -> Calls:
    """Count the calls that were begun in [from_us, until_us) and are over."""
    clients = {client.name: client for client in _spec(scenario).clients}
    if not clients:
        return Calls(0, 0, 0)
    rows = t["truth.cloud_call"]
    names = [t.journal.texts.get(name, -1) for name in clients]
    mine = np.isin(rows["client"], names)
    began = rows["time_us"] - rows["took_us"]
    mine &= (began >= from_us) & (began < until_us)
    none = t.has_text(rows["outcome"], "")
    over = int(np.sum(mine))
    first = int(np.sum(mine & (rows["tries"] == 1) & ~none))
    unanswered = int(np.sum(mine & none))
    counted = t["truth.cloud_calls"]
    alike = 0
    for client, text in zip(clients.values(), names, strict=True):
        of = counted["client"] == text
        spans = zip(
            counted["from_us"][of].tolist(),
            counted["time_us"][of].tolist(),
            strict=True,
        )
        alike += sum(
            _called(client, max(a, from_us), min(b, until_us))
            for a, b in spans
            if b > from_us
        )
    return Calls(over + alike, first + alike, unanswered)


def _called(client: CloudClient, from_us: int, until_us: int) -> int:
    """Return how many calls a client begins in [from_us, until_us)."""
    if not client.calls_num or until_us <= from_us:
        return 0
    return _before(client, until_us) - _before(client, from_us)


def _before(client: CloudClient, us: int) -> int:
    """Return how many calls a client has begun before an instant: the n-th, from 0 on, is made at
    (n + 1) * den // num.
    """
    number = max(0, us * client.calls_num // client.calls_den_us - 1)
    while (number + 1) * client.calls_den_us // client.calls_num < us:
        number += 1
    return number


# ---- jobs
def jobs_twice(t: Tables) -> int:
    """Changes whose script was carried out more than once at one side."""
    done = Counter(
        (r.entity, r.values["site"], r.values["job"])
        for r in t.rows("truth.cloud_script")
        if r.values["what"] in ("done", "done late")
    )
    return sum(n > 1 for n in done.values())


def jobs_lost(t: Tables, scenario: Scenario) -> int:
    """Requests that were acknowledged, of which nothing was ever begun, and which did not just wait
    for their turn: one that was acknowledged later for the same thing was begun, or for longer than
    a job may take nothing was under way for it.
    """
    spec = _spec(scenario)
    patience = spec.jobs.time_limit_us + spec.jobs.retry_us
    lane_of = {
        f"{r.values['caller']}/{r.values['request']}": (
            r.values["network"],
            r.values["entity"],
        )
        for r in t.rows("cloud.Called")
        if r.values["operation"] != "read"
    }
    begun: dict[str, int] = {}
    busy: dict[
        tuple[str, str], list[int]
    ] = {}  # instants at which a lane's scripts begin or end
    names = [network.name for network in spec.networks]
    for r in t.rows("truth.cloud_script"):
        job = r.values["job"].partition("@")[0]
        busy.setdefault(
            (names[r.entity], r.values["entity_name"]), []
        ).append(r.time_us)
        if r.values["what"] == "begins":
            begun.setdefault(job, r.time_us)
    acknowledged: dict[str, int] = {}
    for r in t.rows("truth.cloud_acknowledged"):
        acknowledged.setdefault(r.values["job"], r.time_us)
    last_begun: dict[tuple[str, str], int] = {}
    for job, at_us in acknowledged.items():
        if job in begun and job in lane_of:
            lane = lane_of[job]
            last_begun[lane] = max(last_begun.get(lane, -1), at_us)
    lost = 0
    end = run_end_us(t, scenario)
    for job, at_us in acknowledged.items():
        if job in begun or job not in lane_of:
            continue
        lane = lane_of[job]
        later = [us for us in busy.get(lane, []) if us > at_us]
        gaps = [b - a for a, b in pairwise([at_us, *later, end])]
        overtaken = last_begun.get(lane, -1) > at_us + _CLOSE_US
        lost += overtaken or max(gaps) > patience
    return lost


# ---- a failover's provisioning
@dataclass(frozen=True, slots=True)
class Provisioning:
    """How a failover's wait for its site was spent: (what, how long), which add up to it. ready:
    everything was in place when it continued.
    """

    began_us: int
    ended_us: int
    ready: bool
    lines: tuple[tuple[str, int], ...]


def provisionings(t: Tables, scenario: Scenario) -> list[Provisioning]:
    """Return the provisionings in their order. Each instant counts for what has been under way
    longest then.
    """
    found = []
    begun: Any = None
    for row in t.rows("truth.cloud_provision"):
        if row.values["begins"]:
            begun = row
        elif begun is not None:
            window = (begun.time_us, row.time_us)
            lines = _spent(
                _works(t, scenario, begun.values["site"]), window
            )
            found.append(
                Provisioning(*window, bool(row.values["ready"]), lines)
            )
            begun = None
    return found


def provisionings_in(leg: Leg, t: Tables) -> list[Provisioning]:
    """Return them in the time of a leg. t: of the first leg, which has their rows."""
    return [
        replace(
            wait,
            began_us=wait.began_us - leg.begins_us,
            ended_us=wait.ended_us - leg.begins_us,
        )
        for wait in provisionings(t, leg.scenario)
    ]


def provisioned_words(lines: Iterable[tuple[str, int]], ready: bool) -> str:
    """'changes 0:40, secrets 0:17'. What is shorter than it can be shown is left out."""
    shown = [(what, us) for what, us in lines if clock(us) != clock(0)]
    spent = ", ".join(f"{what} {clock(us)}" for what, us in shown)
    if ready:
        return spent or "nothing was known to be missing"
    end = "the limit ended the wait, and the site lacks changes"
    return f"{spent or 'nothing was brought in'}; {end}"


def _works(
    t: Tables, scenario: Scenario, site: str
) -> list[tuple[int, int, str]]:
    """(from, until, what) of all that was done at a site."""
    found = []
    end = run_end_us(t, scenario)
    open_: dict[tuple[str, int], tuple[int, str]] = {}
    for r in t.rows("truth.cloud_script"):
        v = r.values
        key = (v["job"], v["attempt"])
        if v["site"] != site:
            continue
        if v["what"] == "begins":
            open_[key] = (r.time_us, _GROUPS.get(v["script"], _CHANGES))
        elif v["what"] in _ENDS and key in open_:
            since, what = open_.pop(key)
            found.append((since, r.time_us, what))
    found += [(since, end, what) for since, what in open_.values()]
    hands = {r.values["work"]: r.time_us for r in t.rows("cloud.HandsDone")}
    for r in t.rows("cloud.DoByHand"):
        if r.values["urgent"]:
            found.append(
                (r.time_us, hands.get(r.values["work"], end), _BY_HAND)
            )
    return sorted(found)


def _spent(
    works: list[tuple[int, int, str]], window: tuple[int, int]
) -> tuple[tuple[str, int], ...]:
    begin, end = window
    spent: Counter[str] = Counter()
    at = begin
    while at < end:
        running = [w for w in works if w[0] <= at < w[1]]
        if running:
            what, until = running[0][2], min(running[0][1], end)
        else:
            what, until = (
                _WAITING,
                min((w[0] for w in works if w[0] > at), default=end),
            )
            until = min(until, end)
        spent[what] += until - at
        at = until
    return tuple((what, us) for what, us in spent.items() if us)


def _spec(scenario: Scenario) -> Cloud:
    assert scenario.cloud is not None
    return scenario.cloud
