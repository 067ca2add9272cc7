"""Alerts judged by danger: was everyone told who had to be, in time, and was anyone told for nothing?

Danger is true exposure (class 'site') of a database above scenario.danger_us, an episode of it a maximal interval. Where
backups come no more often than that, exposure is above it by design: then it counts from when the next one is due.
- An episode is *due* an alert once it has lasted danger_grace_us; one that ends earlier, by itself or because the
  primary failed, asks for none.
- It was *answered* by the first alert for that database (or for the whole service) from so long before its onset as the
  limit is, when the first of what it lacks was written, until its end. Its delay is alert minus onset: negative is early.
- A due episode that was never answered is *missed*; one answered after it fell due is *late*.
- An alert that reached nobody (a dead channel) counts for nothing.
- An alert is *false* if no danger of the database it names (of any database, if it names none) overlaps
  [t - danger_us, t + danger_us]. From a failure to the end of the run all is danger.
- One that says that the primary's log is full (event 10) is of another danger: it is false if no commit was refused there.
Alerts about a failover itself (events 12 to 14) are neither an answer to a danger nor false: nobody's data is in question.
So a mute system misses every due episode, and one that always cries has a false alert for every quiet hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dr_sim.measures.exposure import true_exposure
from dr_sim.measures.tables import Record, Tables, run_end_us, tables, up_until_us
from dr_sim.measures.writes import refusals
from dr_sim.scenario.model import Scenario, Schedule

DAY_US = 86_400_000_000

ABOUT_WRITES = 10  # the primary's log is full, and commits are refused
ABOUT_FAILOVER = frozenset((12, 13, 14))  # the old primary was not fenced, two primaries, heard again (recovery/alerts.py)


@dataclass(slots=True)
class Alert:
    """One alert as it was raised. database -1: the whole service. delivered: it reached someone. false_alarm is filled by
    `judge`."""

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
    """One lasting danger of one database: [onset_us, end_us)."""

    database: int
    onset_us: int
    end_us: int
    ended_by_failure: bool
    due_us: int | None  # None: too short to ask for an alert
    alert: Alert | None

    @property
    def missed(self) -> bool:
        return self.due_us is not None and self.alert is None

    @property
    def late(self) -> bool:
        return self.due_us is not None and self.alert is not None and self.alert.time_us > self.due_us

    @property
    def delay_us(self) -> int | None:
        return None if self.alert is None else self.alert.time_us - self.onset_us


@dataclass(slots=True)
class AlertQuality:
    alerts: list[Alert] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)

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
        """The longest wait of a due episode for its alert, one that was missed counted to its end (at least so long);
        None if none was due."""
        waits = [e.end_us - e.onset_us if e.alert is None else e.alert.time_us - e.onset_us for e in self.episodes if e.due_us]
        return max(waits, default=None)

    def of(self, database: int) -> AlertQuality:
        """The same for one database: its own episodes and the alerts that name it."""
        return AlertQuality(
            [a for a in self.alerts if a.database == database], [e for e in self.episodes if e.database == database]
        )


def raised(record: Record, scenario: Scenario) -> list[Alert]:
    """Every alert of the run, in order."""
    index = {d.name: i for i, d in enumerate(scenario.databases)}
    lost = {(row.time_us, row.entity) for row in tables(record).rows("truth.alert_lost")}
    found = []
    for number, row in enumerate(tables(record).rows("seen.RaiseAlert"), 1):
        v = row.values
        database = index.get(v["database"], -1)
        delivered = (row.time_us, database) not in lost
        found.append(
            Alert(
                number, row.time_us, v["source"], database, v["event_id"], v["level"], v["minutes"], v["text"], v["name"], delivered
            )
        )  # fmt: skip
    return found


def judge(record: Record, scenario: Scenario, of: list[Alert] | None = None) -> AlertQuality:
    """All alerts and all danger of the measured part of the run (from measure_from_us on), held against each other.
    of: someone else's alerts (default: the recovery manager's)."""
    t = tables(record)
    alerts = [a for a in (raised(t, scenario) if of is None else of) if a.time_us >= scenario.measure_from_us and a.delivered]
    quality = AlertQuality(alerts)
    dangers: list[list[tuple[int, int]]] = []
    for database in range(len(scenario.databases)):
        limit = danger_us(scenario, database)
        spans, failed_us = _danger(t, scenario, database, limit)
        quality.episodes += [_episode(scenario, alerts, database, span, limit, failed_us) for span in spans]
        if failed_us is not None:
            spans = [*spans, (failed_us, run_end_us(t, scenario) + 1)]
        dangers.append(spans)
    refused = refusals(t, scenario)
    everywhere = [span for spans in dangers for span in spans]
    for alert in alerts:
        near = everywhere if alert.database < 0 else dangers[alert.database]
        if alert.event_id == ABOUT_WRITES:
            near = [*near, *((r.begin_us, r.end_us) for r in refused if r.database == alert.database)]
        reach = danger_us(scenario, alert.database)
        alert.false_alarm = not any(b <= alert.time_us + reach and e > alert.time_us - reach for b, e in near)
        alert.false_alarm &= alert.event_id not in ABOUT_FAILOVER
    quality.episodes.sort(key=lambda e: (e.onset_us, e.database))
    return quality


def danger_us(scenario: Scenario, database: int) -> int:
    """The exposure above which that database is in danger (-1: the whole service): danger.above, and where its backups come
    no more often than that, so long after the next is due."""
    if database < 0:
        return scenario.danger_us
    spec = scenario.databases[database]
    steps = (spec.log,) if spec.log.kind != "none" else (spec.full, spec.incremental)
    between = min((_between_us(s) for s in steps if s.kind != "none"), default=0)
    return scenario.danger_us if between < scenario.danger_us else between + scenario.danger_us


def _between_us(schedule: Schedule) -> int:
    return {"every": schedule.interval_us, "daily": DAY_US, "weekly": 7 * DAY_US}[schedule.kind]


def _danger(t: Tables, scenario: Scenario, database: int, limit_us: int) -> tuple[list[tuple[int, int]], int | None]:
    """The episodes of a database, and the instant from which it was no longer up (None: up to the end)."""
    curve = true_exposure(t, scenario, database).window(scenario.measure_from_us, run_end_us(t, scenario))
    up_until = up_until_us(t, scenario, database)
    return curve.above(limit_us), up_until if up_until < run_end_us(t, scenario) else None


def _episode(
    scenario: Scenario, alerts: list[Alert], database: int, span: tuple[int, int], limit_us: int, failed_us: int | None
) -> Episode:
    onset, end = span
    due = onset + scenario.danger_grace_us
    answer = next(
        (
            a for a in alerts
            if a.database in (database, -1) and onset - limit_us <= a.time_us <= end and a.event_id not in ABOUT_FAILOVER
        ), None,
    )  # fmt: skip
    return Episode(database, onset, end, failed_us is not None and end >= failed_us, due if due < end else None, answer)
