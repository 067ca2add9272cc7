"""Tells what a scenario promises: `sla:` as a mapping, or as a list of lines with ids and
databases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dr_sim import units
from dr_sim.errors import Problem
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.fields import (
    LONGEST_VALUE,
    did_you_mean,
    nearest,
)
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario
from dr_sim.scenario.reading.tree import Node
from dr_sim.scenario.sla_measures import (
    ABOVE,
    CLASSED,
    CLOUD_CURVES,
    CLOUD_PARTS,
    COUNTED,
    DURATIONS,
    PLACED,
    WAYS_OPEN,
    head_of,
    kind_of,
    split,
    unknown_place,
)

_KEYS = ("id", "database", "class", "fault", "tenant")
_OF_SERVICE = ("jobs_twice", "jobs_lost", "api", "to_goal")
_BOUND = re.compile(r"\s*at\s+(most|least)\s+(.+?)\s*", re.DOTALL)
_SHARES_OF_TIME = ("availability", "uptime", "nines")
_TIMES_TO_REPAIR = ("mttr", "recovery_time")
_OTHER_BOUND = re.compile(
    r"\s*(?:<=?|≤|=|(?:no more|not more|less) than|up to|max(?:imum)?|under|below|within)?:?\s*"
    r"(.+?)(?:\s+(?:or less|at most|max))?\s*",
    re.DOTALL | re.IGNORECASE,
)
"""A bound as people write it from habit: '<= 30 min', 'under 30 min', '30 min max'."""
_UNKNOWN_IS = (
    "data_loss, outage, outage.detect (and the other phases), unprotected, alert_delay, "
    "writes_refused, degraded, each for every run or "
    "with .mean, .p50, .p90, .p95, .p99, .max; exposure.p99, exposure.above_15_min, "
    "exposure_before.p99 (before the first failure), "
    "exposure_after.p99, replay_lag.p99, outage_if_now.p99, outage_if_now.above_30_min, "
    "alerts_missed, alerts_late, alerts_false or ways_open; of one of several copies "
    "outage_if_now@NAME.p99 or exposure@NAME.p99; with a cloud manager drift.max, "
    "provision_if_now.max, jobs_twice, jobs_lost, api.first_try, api.unanswered or pause.max; "
    "with machines to_goal.max"
)


@dataclass(frozen=True, slots=True)
class SlaNames:
    """Names of what a line may be about. kinds: of events and faults; places: of copies."""

    databases: tuple[str, ...]
    kinds: tuple[str, ...]
    tenants: tuple[str, ...]
    places: tuple[str, ...]


def read_sla(
    node: Node | None, names: SlaNames, problems: list[Problem]
) -> tuple[SlaLine, ...]:
    """Return every line that is right; the others become problems. Aliases (rpo, rto) are already
    resolved.
    """
    if node is None or node.value is None:
        return ()
    lines: list[SlaLine] = []
    if isinstance(node.value, dict):
        for measure, bound in node.value.items():
            if line := _line(measure, measure, bound, "", problems):
                lines.append(line)
                _check_place(bound, measure, names.places, problems)
    elif isinstance(node.value, list):
        for item in node.value:
            if line := _item(item, names, problems):
                if any(line.id == other.id for other in lines):
                    problems.append(
                        item.problem(
                            f"sla: the id {line.id!r} is already taken; write another 'id:'"
                        )
                    )
                lines.append(line)
    else:
        problems.append(
            node.problem(
                "sla is {data_loss: at most 15 min, ...} or a list of such lines"
            )
        )
    return tuple(lines)


def _item(
    item: Node, names: SlaNames, problems: list[Problem]
) -> SlaLine | None:
    if not isinstance(item.value, dict):
        problems.append(
            item.problem(
                "sla: a line is {id: rpo, data_loss: at most 15 min}"
            )
        )
        return None
    found = len(problems)
    words: dict[str, str] = {}
    for key in _KEYS:
        child = item.value.get(key)
        if (
            child is not None
            and isinstance(child.value, str)
            and child.value
        ):
            words[key] = child.value
        elif child is not None:
            problems.append(child.problem(f"sla: {key} is a name"))
    _check_names(item.value, words, names, problems)
    measures = [key for key in item.value if key not in _KEYS]
    if len(measures) != 1:
        named = " and ".join(measures) or "none"
        told = f"sla: a line has one measure, and this has {named}"
        if "copy" in measures:
            told += "; of one copy write outage_if_now@NAME.max"
        problems.append(item.problem(told))
        return None
    measure = measures[0]
    _check_fits(item.value, words, measure.split(".")[0], problems)
    _check_place(item.value[measure], measure, names.places, problems)
    database, failure_class, fault, tenant = (
        words.get(key, "")
        for key in ("database", "class", "fault", "tenant")
    )
    name = words.get("id") or " ".join(
        filter(None, (measure, database, tenant, failure_class, fault))
    )
    line = _line(name, measure, item.value[measure], database, problems)
    if line is not None:
        line = replace(
            line, failure_class=failure_class, fault=fault, tenant=tenant
        )
    return line if len(problems) == found else None


def _check_names(
    line: dict[str, Node],
    words: dict[str, str],
    names: SlaNames,
    problems: list[Problem],
) -> None:
    """Check that there is what a line is about."""
    database = words.get("database", "")
    if database and database not in names.databases:
        hint = did_you_mean(database, names.databases)
        problems.append(
            line["database"].problem(
                f"sla: unknown database {database!r}; {hint}"
            )
        )
    failure_class = words.get("class", "")
    if failure_class and failure_class not in FAILURE_CLASSES:
        problems.append(
            line["class"].problem(
                f"sla: no class of failure {failure_class[:40]!r}; write site, host or database"
            )
        )
    fault = words.get("fault", "")
    if fault and fault not in names.kinds:
        problems.append(
            line["fault"].problem(
                f"sla: unknown kind of event or fault {fault[:40]!r}; "
                f"{did_you_mean(fault, names.kinds)}"
            )
        )
    tenant = words.get("tenant", "")
    if tenant and tenant not in names.tenants:
        known = (
            did_you_mean(tenant, names.tenants)
            if names.tenants
            else "no database names any; write 'tenants: [...]' beside its size"
        )
        problems.append(
            line["tenant"].problem(
                f"sla: unknown tenant {tenant[:40]!r}; {known}"
            )
        )


def _check_place(
    bound: Node,
    measure: str,
    places: tuple[str, ...],
    problems: list[Problem],
) -> None:
    """Check that there is the place that a measure is about, if it is about one."""
    told = unknown_place(measure, places)
    if told:
        problems.append(bound.key_problem(f"sla: {told}"))


def _check_fits(
    line: dict[str, Node],
    words: dict[str, str],
    head: str,
    problems: list[Problem],
) -> None:
    """Check that the measure is taken of what a line is about."""
    of_service = (*_OF_SERVICE, *CLOUD_CURVES, *WAYS_OPEN)
    for word in ("database", "tenant"):
        if word in words and (head in of_service or "@" in head):
            problems.append(
                line[word].problem(
                    f"sla: {head[:60]} is of the whole service; leave {word!r} out"
                )
            )
    if "class" in words and head_of(head) not in CLASSED:
        problems.append(
            line["class"].problem(
                f"sla: {head[:60]} is the same for every class; leave 'class' out"
            )
        )
    if "tenant" in words and "database" in words:
        problems.append(
            line["tenant"].problem(
                "sla: a line is about a tenant or a database; leave 'tenant' or 'database' out"
            )
        )


def _line(
    name: str,
    measure: str,
    bound: Node,
    database: str,
    problems: list[Problem],
) -> SlaLine | None:
    kind = kind_of(measure)
    if not kind:
        hint = _meant(measure)
        problems.append(
            bound.key_problem(
                f"sla: unknown measure {measure[:60]!r}; {hint}"
            )
        )
        return None
    text = bound.value if isinstance(bound.value, str) else ""
    try:
        at_most, value = parse_bound(kind, text)
        if measure in WAYS_OPEN and at_most:
            raise units.UnitError("this number of ways is no danger")
    except units.UnitError as error:
        told = str(error)
        if measure in WAYS_OPEN:
            told = "a bound is written 'at least 1'"
        where = f"sla.{measure}"
        if bound.written:  # rpo, rto
            where = f"sla.{bound.written} (the same as {measure})"
        problems.append(bound.problem(f"{where}: {told}"))
        return None
    return SlaLine(
        name,
        measure,
        at_most,
        value,
        database,
        bound.key_line or bound.line,
        file=bound.file,
    )


def _meant(measure: str) -> str:
    """Return what someone who writes this measure may mean."""
    if "@" in measure:
        return (
            "of one copy write outage_if_now@NAME.max or exposure@NAME.max"
        )
    if measure.lower() in _SHARES_OF_TIME:
        return (
            "a share of the time depends on how often failures come: write what one may cost, as "
            "in 'outage: at most 30 min'"
        )
    if measure.lower() in _TIMES_TO_REPAIR:
        return "write 'outage.mean: at most 30 min'"
    meant = nearest(
        measure,
        (
            *DURATIONS,
            *COUNTED,
            *CLOUD_PARTS,
            "exposure.above_15_min",
            "rpo",
            "rto",
        ),
    )
    if meant is None:
        return f"write {_UNKNOWN_IS}"
    return f"did you mean {meant!r}?"


def parse_bound(kind: str, text: str) -> tuple[bool, int]:
    """'at most 15 min' -> (True, microseconds); kind: of the measure, as kind_of() gives it. Raises
    UnitError.
    """
    example = {"duration": "15 min", "part": "0.1 %", "count": "0"}[kind]
    given = text if len(text) <= LONGEST_VALUE else ""
    match = _BOUND.fullmatch(given)
    if match is None:
        other = _OTHER_BOUND.fullmatch(given)
        amount = other[1] if other else ""
        right = (
            f"'at most {amount}'"
            if amount and _parsed(kind, amount) is not None
            else f"'at most {example}'"
        )
        raise units.UnitError(f"a bound is written {right}")
    return match[1] == "most", _parse(kind, match[2])


def _parse(kind: str, text: str) -> int:
    if kind == "duration":
        return bounds.duration(text)
    if kind == "part":
        return units.parse_ppm(text)
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise units.UnitError(
            f"{text[:40]!r} is not a whole number; write for example 'at most 0'"
        )
    return int(text)


def _parsed(kind: str, text: str) -> int | None:
    try:
        return _parse(kind, text)
    except units.UnitError:
        return None


_MEANINGS = {
    "rpo": "the same as data_loss",
    "rto": "the same as outage",
    "data_loss": "data lost in a failover, as a time",
    "outage": "time in which users had no service",
    "unprotected": "time after a failover without a second copy",
    "alert_delay": "time until an alert reached somebody",
    "writes_refused": "time in which users could not write",
    "degraded": (
        "time in which the service ran without data that a "
        "mistake had destroyed, or with fewer front ends than "
        "the goals of its farms"
    ),
    "pause": (
        "time in which a database's backups were paused because it "
        "was moved"
    ),
    "to_goal": (
        "time in which a farm lacked machines, at a side that is in use"
    ),
    "exposure": "what a failure now would lose",
    "exposure_before": "exposure before the first failure",
    "exposure_after": "exposure from the first failure on",
    "replay_lag": (
        "how far the secondary's databases are behind, beyond a replay.delay"
    ),
    "outage_if_now": (
        "how long an outage would last if the site were lost now"
    ),
    "ways_open": "the smallest number of open ways back at any instant",
    "ways_open_before": "the same before the first failure",
    "alerts_missed": "dangers without an alert in time",
    "alerts_late": "alerts that came later than danger.grace",
    "alerts_false": "alerts without a danger",
    "drift": "the age of the oldest change that is not in effect at the secondary",
    "provision_if_now": "how long a failover now would wait for its site to be configured",
    "jobs_twice": "changes that were carried out more than once at one side",
    "jobs_lost": "changes that were acknowledged and never begun",
    "api.first_try": (
        "share of the calls that were answered at the first try"
    ),
    "api.unanswered": "share of the calls that were never answered",
}


def _in_words(measure: str) -> str:
    base, statistic = split(measure)
    if base in CLOUD_PARTS:
        return _MEANINGS[base]
    whole, _, phase = base.partition(".")
    words = _MEANINGS[whole] + (f": its phase {phase}" if phase else "")
    return f"{words}; {statistic}" if statistic else words


def schema() -> dict[str, Any]:
    """JSON Schema of the section."""
    bound = {
        "type": "string",
        "pattern": r"^\s*at\s+(most|least)\s+.+$",
        "examples": ["at most 15 min", "at most 0"],
    }
    measures = {
        measure: bound | {"description": _in_words(measure)}
        for measure in ("rpo", "rto", *DURATIONS, *COUNTED, *CLOUD_PARTS)
    }
    at_least = {
        "pattern": r"^\s*at\s+least\s+.+$",
        "examples": ["at least 1"],
    }
    for measure in WAYS_OPEN:
        words = {"description": _in_words(measure)}
        measures[measure] = bound | at_least | words
    patterns = {
        rf"^{ABOVE.pattern}$": bound
        | {"description": "the part of the time above it"},
        rf"^{PLACED.pattern}$": bound
        | {"description": "of one of several copies by itself"},
    }

    def text(description: str) -> dict[str, Any]:
        return {"type": "string", "description": description}

    one = {
        "type": "object",
        "properties": measures,
        "patternProperties": patterns,
        "additionalProperties": False,
    }
    line = one | {
        "properties": {
            "id": text("how reports call this line"),
            "database": text("only what concerns this database"),
            "class": {
                "enum": list(FAILURE_CLASSES),
                "description": "only where this was lost",
            },
            "fault": text(
                "only runs in which a fault of this kind happened"
            ),
            "tenant": text("only what concerns this tenant"),
            **measures,
        }
    }
    return {
        "description": "the promised values, which the run is judged by",
        "anyOf": [one, {"type": "array", "items": line}],
    }


def bound_of(
    scenario: Scenario, measure: str, database: str = ""
) -> float | None:
    """Return the SLA's bound on that measure: seconds, parts of 1, or a count; None if there is
    none. A line on 'data_loss' holds for every failover, so it bounds 'data_loss.max' too.
    """
    bounds = {
        line.measure: line.bound
        for line in reversed(scenario.sla)
        if line.database == database and not line.tenant
    }
    bound = bounds.get(measure, bounds.get(measure.removesuffix(".max")))
    if bound is None:
        return None
    if kind_of(measure) == "count":
        return float(bound)
    return bound / units.SECOND_US


def check_ways_open(
    lines: Sequence[SlaLine], copies: Sequence[str]
) -> Iterator[Problem]:
    """Find more ways back than there are places that could give one."""
    most = max(1, len(copies))
    for line in lines:
        if line.measure in WAYS_OPEN and line.bound > most:
            there = "is 1 copy" if most == 1 else f"are {most} copies"
            told = (
                f"sla.{line.measure}: there {there}, so {line.bound} ways are never open; write "
                f"at least {most}"
            )
            yield Problem(line.file, line.line, 1, told)
