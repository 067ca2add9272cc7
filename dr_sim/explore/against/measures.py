"""Takes from a summary what is compared: each measure by name, of a database, a class or a site.

A summary is read as its JSON, which both codes write. So a measure that one of them lacks is left
out, and nothing else.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dr_sim.formatting.words import size
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.summary.types import Summary
from dr_sim.units import clock

NEVER = 1 << 62
"""Stands for a duration that has no end, or is unknown: longer than all others."""
_SECOND_US = 1_000_000

Json = Mapping[str, Any]
Key = tuple[str, str]
"""The name of a measure, and of what it is."""
Value = int | str


class Unit(enum.Enum):
    """Units of measures. An INSTANT may not come: then it is NEVER."""

    DURATION = "duration"
    INSTANT = "instant"
    COUNT = "count"
    BYTES = "bytes"
    PPM = "ppm"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Measure:
    """How a measure is compared. worse: 1 if more of it is worse, -1 if less is, 0 if nobody can
    say. grave: it is about data, users, or people who are not notified. Others are efforts: more of
    them is worse only where nothing grave has become better. least: the smallest difference that
    counts as worse.
    """

    unit: Unit
    worse: int = 1
    grave: bool = True
    least: int = 1


_LONG = Measure(Unit.DURATION, least=_SECOND_US)
_MEAN = Measure(Unit.DURATION, least=_SECOND_US // 10)
_MANY = Measure(Unit.COUNT)
_EFFORT = Measure(Unit.COUNT, grave=False)
_OTHER = Measure(Unit.COUNT, worse=0)
_WORDS = Measure(Unit.WORDS, worse=0)

MEASURES: dict[str, Measure] = {
    "recoveries that report success but have lost data": _MANY,
    "data loss": _LONG,
    "transactions lost": _MANY,
    "bytes lost": Measure(Unit.BYTES),
    "time with two primaries": _LONG,
    "outage": _LONG,
    "time without protection": _LONG,
    "time in which commits are refused": _LONG,
    "time until a mistake is undone": _LONG,
    "copied back after a mistake": Measure(Unit.BYTES, worse=0),
    "alerts missed": _MANY,
    "alerts late": _MANY,
    "delay of an alert": _LONG,
    "false alerts": _MANY,
    "highest exposure": _LONG,
    "mean exposure": _MEAN,
    "highest outage if now": _LONG,
    "mean outage if now": _MEAN,
    "fewest ways back": Measure(Unit.COUNT, worse=-1),
    "highest lag of the replay": _LONG,
    "mean lag of the replay": _MEAN,
    "highest drift of the configuration": _LONG,
    "mean drift of the configuration": _MEAN,
    "highest time to provision if now": _LONG,
    "mean time to provision if now": _MEAN,
    "time to provision in a failover": _LONG,
    "changes carried out twice": _MANY,
    "changes lost": _MANY,
    "calls unanswered": _MANY,
    "calls answered at once": Measure(Unit.COUNT, worse=-1),
    "time in which backups are paused": _LONG,
    "time in which front ends are missing": _LONG,
    "time in which the second side lacks front ends": _LONG,
    "front ends that a failover would find": Measure(Unit.PPM, worse=-1),
    "time until farms have their machines": _LONG,
    "machines over the quota": _MANY,
    "end of an upgrade": Measure(Unit.INSTANT, least=_SECOND_US),
    "first alert": Measure(Unit.INSTANT, grave=False, least=_SECOND_US),
    "backups that have not landed at the end": _EFFORT,
    "backups that are not restored at the end": _EFFORT,
    "most backups that have not landed": _EFFORT,
    "most backups that are not restored": _EFFORT,
    "bytes sent": Measure(Unit.BYTES, grave=False),
    "backups made": _EFFORT,
    "images sent": Measure(Unit.BYTES, grave=False),
    "scripts": _OTHER,
    "notices of the cloud manager": _OTHER,
    "answers to calls": _OTHER,
    "effects of jobs": _OTHER,
    "machines": _OTHER,
    "phase of an upgrade": Measure(Unit.INSTANT, worse=0),
    "number of alerts": _OTHER,
    "text of alerts": _WORDS,
    "orders refused": _WORDS,
    "failovers": _WORDS,
    "sites at the end": _WORDS,
    "reported exposure": Measure(Unit.DURATION, worse=0),
    "reported outage if now": Measure(Unit.DURATION, worse=0),
    "reported drift": Measure(Unit.DURATION, worse=0),
    "what happened": _OTHER,
}
"""The gravest first: the first that is worse names what is found."""


def shown(measure: Measure, value: Value) -> str:
    """Return a value as people read it."""
    if isinstance(value, str):
        return value or "none"
    if measure.unit in (Unit.DURATION, Unit.INSTANT):
        if value == NEVER:
            is_instant = measure.unit is Unit.INSTANT
            return "never" if is_instant else "without end"
        return clock(value)
    if measure.unit is Unit.BYTES:
        return size(value)
    if measure.unit is Unit.PPM:
        return f"{value / 10_000:g} %"
    return f"{value:,}"


def value_of(summary: Summary, what: str, of: str = "") -> Value:
    """Return one measure of a run; a measure that the run does not have is 0, or never."""
    without = NEVER if MEASURES[what].unit is Unit.INSTANT else 0
    return measured(summary_json(summary)).get((what, of), without)


def measured(summary: Json) -> dict[Key, Value]:
    """Return what is compared of a run, by measure and by what it is of."""
    found: dict[Key, Value] = {}
    for part in (
        _failovers,
        _mistakes,
        _alerts,
        _curves,
        _effort,
        _roles,
        _cloud,
    ):
        for name, of, value in part(summary):
            key = (name, of)
            before = found.get(key)
            if isinstance(value, int) and isinstance(before, int):
                value = min(NEVER, value + before)
            found[key] = value
    return found


_Part = Iterator[tuple[str, str, Value]]


def _or_never(value: int | None) -> int:
    return NEVER if value is None else value


def _failovers(summary: Json) -> _Part:
    """Sums over all failovers, so that a failover more is no other measure."""
    short = summary["silent_recoveries"]
    yield (
        "recoveries that report success but have lost data",
        "",
        len(short),
    )
    told = []
    for failover in summary["failovers"]:
        for each in failover["databases"]:
            of = each["name"]
            yield "data loss", of, _or_never(each["data_loss_us"])
            yield "transactions lost", of, each["transactions_lost"]
            yield "bytes lost", of, each["user_bytes_lost"]
            yield "outage", of, _or_never(each["outage_us"])
        yield "outage", "", _or_never(failover["outage_us"])
        alone_us = failover["unprotected_us"]
        if alone_us is not None:
            yield "time without protection", "", alone_us
        both_us = failover["two_primaries_us"]
        yield "time with two primaries", "", both_us
        told.append(
            f"{failover['mode']} to {failover['new_primary'] or 'nowhere'} "
            f"(lost: {failover['class']})"
        )
    yield "failovers", "", ", ".join(told)
    refused = [each["reason"] for each in summary["orders_refused"]]
    yield "orders refused", "", ", ".join(refused)
    writes = summary["writes_refused"]
    for of, each in writes["by_database"].items():
        yield "time in which commits are refused", of, each["time_us"]


def _mistakes(summary: Json) -> _Part:
    for each in summary["mistakes"]:
        of = each["database"]
        yield "time until a mistake is undone", of, each["lasted_us"]
        copied = each["copied_back_bytes"]
        if copied is not None:
            yield "copied back after a mistake", of, copied


def _alerts(summary: Json) -> _Part:
    alerts = summary["alerts"]
    yield "alerts missed", "", alerts["missed"]
    yield "alerts late", "", alerts["late"]
    yield "false alerts", "", alerts["false"]
    yield "delay of an alert", "", alerts["max_delay_us"] or 0
    first: dict[str, int] = {}
    texts: Counter[str] = Counter()
    for each in alerts["list"]:
        about = each["database"] or "the service"
        event = f"event {each['event_id']} of {about}"
        of = f"{event} ({each['level']})"
        first.setdefault(of, each["time_us"])
        yield "number of alerts", of, 1
        texts[f"{event}: {each['text']}"] += 1
    for of, at_us in first.items():
        yield "first alert", of, at_us
    yield "text of alerts", "", "\n".join(sorted(texts.elements()))


def _curves(summary: Json) -> _Part:
    for key, name in (
        ("exposure", "exposure"),
        ("outage_if_now", "outage if now"),
    ):
        of_site = summary[key]
        for of, curve in of_site["by_database"].items():
            yield from _curve(name, of, curve)
        for lost, curve in of_site["other_classes"].items():
            yield from _curve(name, f"a lost {lost}", curve)
        reported = of_site["reported"]
        mean_us = reported["mean_us"]
        yield f"reported {name}", "", _or_never(mean_us)
    lags = summary["replay_lag"]["by_database"]
    for of, curve in lags.items():
        yield from _curve("lag of the replay", of, curve)
    for lost, ways in summary["ways_open"].items():
        if ways["fewest"] is not None:
            yield "fewest ways back", f"a lost {lost}", ways["fewest"]


def _curve(name: str, of: str, curve: Json) -> _Part:
    if curve["time_us"]:
        yield f"highest {name}", of, _or_never(curve["max_us"])
        yield f"mean {name}", of, _or_never(curve["mean_us"])


def _effort(summary: Json) -> _Part:
    waits = summary["backlog"]
    for name, key in (
        ("most backups that have not landed", "not_landed_max"),
        ("backups that have not landed at the end", "not_landed_at_end"),
        ("most backups that are not restored", "not_restored_max"),
        ("backups that are not restored at the end", "not_restored_at_end"),
    ):
        yield name, "", waits[key]
    yield "bytes sent", "", summary["link"]["bytes_sent"]
    for kind, count in summary["backups"].items():
        yield "backups made", kind, count
    for what, count in summary["happened"].items():
        yield "what happened", what, count


def _roles(summary: Json) -> _Part:
    last = summary["legs"][-1]
    yield (
        "sites at the end",
        "",
        f"{last['primary']}, and behind it {last['secondary'] or 'none'}",
    )


def _cloud(summary: Json) -> _Part:
    cloud = summary.get("cloud")
    if cloud is None:
        return
    drift, provision = cloud["drift"], cloud["provision_if_now"]
    yield from _curve("drift of the configuration", "", drift)
    yield from _curve("time to provision if now", "", provision)
    yield "reported drift", "", _or_never(drift["reported"]["mean_us"])
    for each in cloud["provisionings"]:
        waited_us = each["ended_us"] - each["began_us"]
        if not each["ready"]:
            waited_us = NEVER
        yield "time to provision in a failover", "", waited_us
    api, jobs = cloud["api"], cloud["jobs"]
    yield "calls unanswered", "", api["unanswered"]
    yield "calls answered at once", "", api["first_try"]
    yield from _counts("answers to calls", api["outcomes"])
    yield "changes carried out twice", "", jobs["twice"]
    yield "changes lost", "", jobs["lost"]
    yield from _counts("scripts", jobs["scripts"])
    yield from _counts("notices of the cloud manager", jobs["notices"])
    yield from _counts("effects of jobs", jobs["effects"])
    yield from _lasted("time in which backups are paused", cloud["pauses"])
    if "machines" in cloud:
        yield from _machines(cloud["machines"])


def _counts(name: str, counts: Mapping[str, int]) -> _Part:
    for of, count in counts.items():
        yield name, of, count


def _lasted(name: str, stretches: Sequence[Json]) -> _Part:
    yield name, "", sum(each["lasted_us"] for each in stretches)


def _machines(machines: Json) -> _Part:
    yield from _lasted(
        "time in which front ends are missing", machines["degraded"]
    )
    yield from _lasted(
        "time in which the second side lacks front ends",
        machines["second_short"],
    )
    least = machines["second_least_ppm"]
    if least is not None:
        yield "front ends that a failover would find", "", least
    yield from _lasted(
        "time until farms have their machines", machines["to_goal"]
    )
    for each in machines["images"]:
        yield "images sent", each["image"], each["sent_bytes"]
    for number, each in enumerate(machines["upgrades"], 1):
        of = f"upgrade {number} of {each['farm']}"
        for phase, at_us in each["phases"].items():
            yield "phase of an upgrade", f"{of}: {phase}", at_us
        ended = [
            at_us
            for phase, at_us in each["phases"].items()
            if phase == _OVER
        ]
        yield "end of an upgrade", of, min(ended, default=NEVER)
    yield from _counts("machines", machines["counts"])
    for each in machines.get("quotas", ()):
        over = max(0, each["most"] - each["quota"])
        yield "machines over the quota", each["tenant"], over


_OVER = "over"
"""Names the last phase of an upgrade (dr_sim/cloud/machines/upgrades.py)."""
