"""Alerts judged by danger: was everyone notified who had to be, in time, and was anyone notified
for nothing?

Danger has two limbs. *Data*: true exposure (class 'site') of a database above scenario.danger_us.
Where backups come no more often than that, exposure is above it by design: then it counts from when
the next one is due. *Time*: `outage_if_now` (outage_now.py) above the limit of outage_limit_us
while the standby is behind by more than danger_us, or the standby behind by more than
scenario.danger_behind_us in any case. An episode is a maximal interval in which a database is in
danger by either limb.
- An episode is *due* an alert once it has lasted danger_grace_us; one that ends earlier, by itself
or because the primary failed, asks for none.
- It was *answered* by the first alert for that database (or for the whole service) from so long
before its onset as the limb's limit is, when the first of what it lacks was written, until its end.
Its delay is alert minus onset: negative is early.
- A due episode that was never answered is *missed*; one answered after it fell due is *late*.
- After a failover danger counts from so long after a second side is in place: until then everybody
knows that there is none, and nobody is there to tell of it.
- An alert that reached nobody (a dead channel) counts for nothing.
- An alert is *false* if no danger of the database it names (of any database, if it names none)
overlaps [t - danger_us, t + danger_us], and what it says is not true either (rightness.py: a clock
is wrong, a full is hollow, a restore was refused). From a failure to the end of the run all is
danger.
- One that says that the primary's log is full (event 10) is of another danger: it is right if a
commit was refused there. Alerts about a failover itself (events 12 to 14, 25 and 26) are neither an
answer to a danger nor false: nobody's data is in question. So a mute system misses every due
episode, and one that always alerts has a false alert for every quiet hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dr_sim.measures.alerts.rightness import says_the_truth
from dr_sim.measures.exposure.exposure import true_exposure
from dr_sim.measures.exposure.lag import replay_lag
from dr_sim.measures.exposure.writes import refusals
from dr_sim.measures.outage_now.outage_now import outage_if_now
from dr_sim.measures.outage_now.way_over import way_over
from dr_sim.measures.tables import (
    Record,
    Tables,
    run_end_us,
    tables,
    up_until_us,
)
from dr_sim.scenario.model import DatabaseSpec, Scenario
from dr_sim.scenario.schedule import longest_gap_us
from dr_sim.scenario.sla_measures import (
    split,
)
from dr_sim.units import HOUR_US, SECOND_US

DAY_US = 86_400_000_000
DEFAULT_OUTAGE_US = HOUR_US
"""Amazon Web Services' disaster recovery paper: a warm standby is back within minutes, a restore of
backups within hours.
"""

# the source of alerts from outside of the recovery manager (monitor/database.py)
MONITOR = "DR Monitor"
ABOUT_WRITES = 10  # the primary's log is full, and commits are refused
# the old primary was not fenced, two primaries, heard again; a failover goes back, and the old
# primary does not serve yet (recovery/alerts/alerts.py)
ABOUT_FAILOVER = frozenset((12, 13, 14, 25, 26))


@dataclass(slots=True)
class Alert:
    """One alert as it was raised. database -1: the whole service. delivered: it reached someone.
    false_alarm is filled by `judge`.
    """

    number: int  # 1-based, in the order they were raised
    time_us: int
    source: str
    database: int
    event_id: int
    level: str
    minutes: int  # whole minutes since the last successful restore
    text: str
    file_name: str
    delivered: bool = True
    false_alarm: bool = False


@dataclass(slots=True)
class Episode:
    """One lasting danger of one database: [onset_us, end_us). limbs: 'data', 'time' or 'data and
    time'. since_us: when the first of what is lacking was written; an alert from then on may be
    about it.
    """

    database: int
    onset_us: int
    end_us: int
    ended_by_failure: bool
    due_us: int | None  # None: too short to ask for an alert
    alert: Alert | None
    limbs: str = "data"
    since_us: int = 0

    @property
    def missed(self) -> bool:
        return self.due_us is not None and self.alert is None

    @property
    def late(self) -> bool:
        return (
            self.due_us is not None
            and self.alert is not None
            and self.alert.time_us > self.due_us
        )

    @property
    def delay_us(self) -> int | None:
        return (
            None
            if self.alert is None
            else self.alert.time_us - self.onset_us
        )


@dataclass(slots=True)
class AlertQuality:
    """Alerts and dangers of the measured part of a run. whole_run: the dangers of all of it,
    from its first instant on.
    """

    alerts: list[Alert] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    whole_run: list[Episode] = field(default_factory=list)

    @property
    def missed(self) -> int:
        return sum(e.missed for e in self.episodes)

    @property
    def late(self) -> int:
        return sum(e.late for e in self.episodes)

    @property
    def false(self) -> int:
        return sum(a.false_alarm for a in self.alerts)

    @property
    def due(self) -> int:
        return sum(e.due_us is not None for e in self.episodes)

    @property
    def max_delay_us(self) -> int | None:
        """The longest wait of a due episode for its alert, one that was missed counted to its end
        (at least so long); None if none was due.
        """
        waits = [
            e.end_us - e.onset_us
            if e.alert is None
            else e.alert.time_us - e.onset_us
            for e in self.episodes
            if e.due_us
        ]
        return max(waits, default=None)

    def of(self, database: int) -> AlertQuality:
        """Return the same for one database: its own episodes and the alerts that name it."""
        alerts = [
            alert for alert in self.alerts if alert.database == database
        ]
        episodes = [
            episode
            for episode in self.episodes
            if episode.database == database
        ]
        whole_run = [
            episode
            for episode in self.whole_run
            if episode.database == database
        ]
        return AlertQuality(alerts, episodes, whole_run)


def raised(record: Record, scenario: Scenario) -> list[Alert]:
    """Every alert of the run, of the recovery manager and of the monitor outside of it, in
    order.
    """
    index = {d.name: i for i, d in enumerate(scenario.databases)}
    lost = {
        (row.time_us, row.entity)
        for row in tables(record).rows("truth.alert_lost")
    }
    found = []
    rows = [
        row
        for kind in ("seen.RaiseAlert", "seen.MonitorAlert")
        for row in tables(record).rows(kind)
    ]
    for number, row in enumerate(sorted(rows, key=lambda row: row.seq), 1):
        v = row.values
        database = index.get(v["database"], -1)
        delivered = (row.time_us, database) not in lost
        found.append(
            Alert(
                number,
                row.time_us,
                v["source"],
                database,
                v["event_id"],
                v["level"],
                v["minutes"],
                v["text"],
                v["name"],
                delivered,
            )
        )
    return found


def judge(
    record: Record,
    scenario: Scenario,
    of: list[Alert] | None = None,
    until_us: int | None = None,
) -> AlertQuality:
    """All alerts and all danger of the measured part of the run (from measure_from_us on), held
    against each other. What was told before that part begins may be the answer to a danger that
    continues in it. of: someone else's alerts (default: the recovery manager's). until_us: when
    another copy's failover stopped the primary, which this copy's record may not say.
    """
    t = tables(record)
    told = [
        a
        for a in (raised(t, scenario) if of is None else of)
        if a.delivered
    ]
    alerts = [a for a in told if a.time_us >= scenario.measure_from_us]
    quality = AlertQuality(alerts)
    answers = _answers(told, len(scenario.databases))
    dangers: list[list[tuple[int, int]]] = []
    for database in range(len(scenario.databases)):
        limit = danger_us(scenario, database)
        found, failed_us = _danger(t, scenario, database, limit)
        if until_us is not None:
            found = _until(found, until_us)
            failed_us = (
                until_us if failed_us is None else min(until_us, failed_us)
            )
        quality.whole_run += [
            _episode(scenario, answers[database], database, span, failed_us)
            for span in found
        ]
        quality.episodes += [
            _episode(scenario, answers[database], database, span, failed_us)
            for span in _measured(scenario, found)
        ]
        spans = [(span.onset_us, span.end_us) for span in found]
        if failed_us is not None:
            spans.append((failed_us, run_end_us(t, scenario) + 1))
        dangers.append(spans)
    refused = refusals(t, scenario)
    everywhere = [span for spans in dangers for span in spans]
    for alert in alerts:
        near = everywhere if alert.database < 0 else dangers[alert.database]
        if alert.event_id == ABOUT_WRITES:
            near = [
                *near,
                *(
                    (r.begin_us, r.end_us)
                    for r in refused
                    if r.database == alert.database
                ),
            ]
        alert.false_alarm = _is_false(t, scenario, alert, near)
    quality.episodes.sort(key=lambda e: (e.onset_us, e.database))
    return quality


def _answers(told: Sequence[Alert], databases: int) -> list[list[Alert]]:
    """The alerts that may answer a danger of each database, in their order."""
    each: list[list[Alert]] = [[] for _ in range(databases)]
    for alert in told:
        if alert.event_id in ABOUT_FAILOVER:
            continue
        about = each if alert.database < 0 else [each[alert.database]]
        for those in about:
            those.append(alert)
    return each


def _is_false(
    t: Tables,
    scenario: Scenario,
    alert: Alert,
    near: Sequence[tuple[int, int]],
) -> bool:
    """near: the dangers that it may be about."""
    reach = danger_us(scenario, alert.database)
    if alert.event_id in ABOUT_FAILOVER or any(
        b <= alert.time_us + reach and e > alert.time_us - reach
        for b, e in near
    ):
        return False
    return not says_the_truth(
        t,
        scenario,
        alert.event_id,
        alert.database,
        alert.time_us,
        alert.file_name,
    )


def danger_us(scenario: Scenario, database: int) -> int:
    """The exposure above which that database is in danger (-1: the whole service): danger.above,
    and where its backups come no more often than that, so long after the next is due. At a store,
    and where it has nothing but fulls, so long after the next must have come.
    """
    if database < 0:
        return scenario.danger_us
    spec, store = scenario.databases[database], scenario.store
    steps = (
        (spec.log,)
        if spec.log.kind != "none"
        else (spec.full, spec.incremental)
    )
    between = min(
        (longest_gap_us(s) for s in steps if s.kind != "none"), default=0
    )
    sent_us = _fulls_on_the_way_us(scenario, spec)
    if store is not None:
        return between + store.delay_us + sent_us + scenario.danger_us
    if between < scenario.danger_us:
        return scenario.danger_us
    return between + sent_us + scenario.danger_us


def _fulls_on_the_way_us(scenario: Scenario, spec: DatabaseSpec) -> int:
    """Return how long the link takes to send a full of a database that has nothing else, with those
    of all that begin with it.
    """
    if {spec.log.kind, spec.incremental.kind} != {"none"}:
        return 0
    size = sum(
        other.size_bytes
        for other in scenario.databases
        if other.full == spec.full
    )
    return -(-size * 8 * SECOND_US // scenario.link.bandwidth_bit_s)


def behind_us(scenario: Scenario, database: int) -> int:
    """Return how far the standby may be behind: danger.behind, and where its backups come no more
    often than that, so long after the next is due.
    """
    beyond = danger_us(
        replace(scenario, danger_us=scenario.danger_behind_us), database
    )
    return beyond + scenario.replay.every_us


def outage_limit_us(scenario: Scenario, least_us: int) -> int:
    """The outage above which a database is in danger: danger.outage_above; without it the tightest
    outage that the SLA allows, or DEFAULT_OUTAGE_US. least_us: what a failover takes in any case;
    where that is above the limit by design, danger begins so far beyond it.
    """
    limit = scenario.danger_outage_us
    if limit is None:
        allowed = [
            line.bound
            for line in scenario.sla
            if line.at_most
            and split(line.measure)[0] == "outage"
            and line.failure_class in ("", "site")
        ]
        limit = min(allowed, default=DEFAULT_OUTAGE_US)
    return limit if least_us <= limit else least_us + limit


@dataclass(frozen=True, slots=True)
class Span:
    """One danger: [onset_us, end_us) and its limbs. since_us: when the first of what is lacking was
    written; an alert from then on may be about it.
    """

    onset_us: int
    end_us: int
    limbs: str
    since_us: int


def _danger(
    t: Tables, scenario: Scenario, database: int, limit_us: int
) -> tuple[list[Span], int | None]:
    """The episodes of a database, and the instant from which it was no longer up (None: up to the
    end).
    """
    in_place_us = scenario.secondary_from_us
    window = (
        in_place_us + limit_us if scenario.leg_no > 1 else 0,
        run_end_us(t, scenario),
    )
    data = (
        true_exposure(t, scenario, database).window(*window).above(limit_us)
    )
    behind = _behind(t, scenario, database, window)
    long = _long_outage(t, scenario, database, window)
    up_until = up_until_us(t, scenario, database)
    each = [
        *_spans(data, "data", limit_us),
        *_spans(behind, "time", behind_us(scenario, database)),
        *_spans(long, "time", limit_us),
    ]
    found: list[Span] = []
    for span in sorted(
        each, key=lambda span: (span.onset_us, span.end_us, span.limbs)
    ):
        if not found or span.onset_us > found[-1].end_us:
            found.append(span)
            continue
        before = found[-1]
        found[-1] = Span(
            before.onset_us,
            max(before.end_us, span.end_us),
            before.limbs if span.limbs in before.limbs else "data and time",
            min(before.since_us, span.since_us),
        )
    return found, up_until if up_until < run_end_us(t, scenario) else None


def _until(spans: Sequence[Span], until_us: int) -> list[Span]:
    """Return the parts of the episodes before an instant."""
    return [
        replace(span, end_us=min(span.end_us, until_us))
        for span in spans
        if span.onset_us < until_us
    ]


def _measured(scenario: Scenario, spans: Sequence[Span]) -> list[Span]:
    """The parts of the episodes that are measured."""
    from_us = scenario.measure_from_us
    return [
        replace(span, onset_us=max(span.onset_us, from_us))
        for span in spans
        if span.end_us > from_us
    ]


def _spans(
    of: Sequence[tuple[int, int]], limb: str, limit_us: int
) -> list[Span]:
    return [Span(onset, end, limb, onset - limit_us) for onset, end in of]


def _behind(
    t: Tables, scenario: Scenario, database: int, window: tuple[int, int]
) -> list[tuple[int, int]]:
    return (
        replay_lag(t, scenario, database)
        .window(*window)
        .above(behind_us(scenario, database))
    )


def _long_outage(
    t: Tables, scenario: Scenario, database: int, window: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the times at which what the standby lacks is older than the danger limit, too: nobody
    can know that a restore will take three hours when it begins. Before the first copy there is
    nothing to promote: that is no news, and exposure tells of it.
    """
    if scenario.store is not None:
        return []  # a restore takes its time by design
    curve = outage_if_now(t, scenario, database, usual=True).window(*window)
    if not len(curve.start_us):
        return []
    way = way_over(t, scenario, usual=True)
    limit = outage_limit_us(scenario, way.shortest_us + way.after_us)
    there = [
        t.of(kind, database)["time_us"]
        for kind in ("truth.restored", "truth.copy_there")
    ]
    restored = np.sort(np.concatenate(there))
    first = (
        0
        if scenario.databases[database].seeded
        else int(restored[0])
        if len(restored)
        else window[1]
    )
    behind = (
        replay_lag(t, scenario, database)
        .window(*window)
        .above(danger_us(scenario, database))
    )
    return [
        (max(onset, first), end)
        for onset, end in _both(curve.above(limit), behind)
        if end > first
    ]


def _both(
    a: Sequence[tuple[int, int]], b: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The intervals in which one of each holds."""
    found = [
        (max(begin, other), min(end, until))
        for begin, end in a
        for other, until in b
    ]
    return [(begin, end) for begin, end in found if begin < end]


def _episode(
    scenario: Scenario,
    answers: list[Alert],
    database: int,
    span: Span,
    failed_us: int | None,
) -> Episode:
    """answers: the alerts that may be about that database."""
    onset, end = span.onset_us, span.end_us
    due = onset + scenario.danger_grace_us
    answer = next(
        (
            alert
            for alert in answers
            if span.since_us <= alert.time_us <= end
        ),
        None,
    )
    return Episode(
        database,
        onset,
        end,
        failed_us is not None and end >= failed_us,
        due if due < end else None,
        answer,
        span.limbs,
        span.since_us,
    )
