"""How a scenario is asked: `replications:` (how many runs, until when), `on_unknown:`, `sweep:`
(which keys take which values), `answer:` (which value of them is looked for).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dr_sim import units
from dr_sim.errors import Problem
from dr_sim.scenario.asked_model import (
    RareQuestion,
    Replications,
    SlaLine,
    Sweep,
    SweepAnswer,
    Until,
)
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.keys.sla import parse_bound
from dr_sim.scenario.reading.tree import Node
from dr_sim.scenario.sla_measures import (
    COUNTED,
    CURVES,
    DURATIONS,
    VALUES,
    kind_of,
    split,
)

AT_LEAST = 20  # a first look that leaves quartiles an interval of six order statistics
MOST_RUNS = 1_000_000
MOST_POINTS = 10_000
_KEYS = ("at_least", "at_most", "until", "budget", "rare")
_RARE = re.compile(r"\s*(data_loss|outage)\s*>\s*(.+?)\s*")
_RARE_IS = "write for example 'data_loss > 1 h' or 'outage > 8 h'"
_WITHIN = re.compile(r"\s*(?:±|\+/-|\+-)\s*(.+?)\s*", re.DOTALL)
_RANGE = re.compile(
    r"\s*([\d.,]+)\s*([^\d\s.,][^\s,:]*)?\s*\.\.\s*([\d.,]+)\s*([^\d\s.,][^\s,:]*)?\s*(?:,\s*|:\s*)(.+?)\s*",
    re.DOTALL,
)
_NUMBER_AND_UNIT = re.compile(
    r"\s*(every\s+)?([\d.]+)\s*([^\d\s.,][^\s,]*)?\s*"
)
_ONE_OR_TWO = re.compile(
    r"\s*\d{1,3},(000|(?<=\b\d,)\d{3})(\s*[^\d\s.,]\S*)?\s*"
)
"""'1,000 Mbit/s' and '1,500 Mbit/s': one number written with a comma, or two numbers."""
_ANSWER = re.compile(
    r"\s*(smallest|largest)\s+(\S+)(?:\s+with\s+(\S+)\s+(.+?))?\s*",
    re.DOTALL,
)
_STEPS = re.compile(
    r"(?:(\d+)\s*(log|linear)?\s*steps?|(log|lin|linear)(\d+))"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """All of it, as it stands in model.Scenario."""

    replications: Replications | None
    on_unknown: str
    sweep: tuple[Sweep, ...]
    answer: SweepAnswer | None


def read_asked(tree: Node, problems: list[Problem]) -> Asked:
    replications = read_replications(tree.get("replications"), problems)
    on_unknown = read_on_unknown(tree.get("on_unknown"), problems)
    sweeps = read_sweep(tree.get("sweep"), problems)
    return Asked(
        replications,
        on_unknown,
        sweeps,
        read_answer(tree.get("answer"), sweeps, problems),
    )


# ---- replications
def read_replications(
    node: Node | None, problems: list[Problem]
) -> Replications | None:
    """Return how many replications are to be run; None if the scenario does not say."""
    if node is None or node.value is None:
        return None
    if isinstance(node.value, str):
        count = _count(node, "replications", problems)
        return Replications(count, count) if count else None
    if not isinstance(node.value, dict):
        problems.append(
            node.problem(
                "replications is a number, or {until: {data_loss.p99: +/- 5 %}, at_most: 3000}"
            )
        )
        return None
    found = len(problems)
    for key, child in node.value.items():
        if key not in _KEYS:
            problems.append(
                child.key_problem(
                    f"unknown key 'replications.{key}'; {did_you_mean(key, _KEYS)}"
                )
            )
    most = (
        _count(node.value["at_most"], "replications.at_most", problems)
        if "at_most" in node.value
        else 0
    )
    least = (
        _count(node.value["at_least"], "replications.at_least", problems)
        if "at_least" in node.value
        else 0
    )
    until = _until(node.value.get("until"), problems)
    budget = _budget(node.value.get("budget"), problems)
    rare = _rare(node.value.get("rare"), problems)
    if len(problems) > found:
        return None
    if not most:
        if until or budget is not None or rare or not least:
            problems.append(
                node.key_problem(
                    "replications.at_most is missing; write how many runs there may be, "
                    "as in at_most: 3000"
                )
            )
            return None
        most = least
    least = least or (
        min(AT_LEAST, most) if until or budget is not None else most
    )
    if least > most:
        problems.append(
            node.value["at_least"].problem(
                f"replications.at_least ({least}) is more than at_most ({most})"
            )
        )
        return None
    return Replications(least, most, until, budget, rare)


def _count(node: Node, where: str, problems: list[Problem]) -> int:
    text = (
        node.value.replace(",", "").replace("_", "")
        if isinstance(node.value, str)
        else ""
    )
    if (
        text.isascii()
        and text.isdecimal()
        and 1 <= int(text[:9]) <= MOST_RUNS
    ):
        return int(text[:9])
    problems.append(
        node.problem(
            f"{where}: write a whole number from 1 to {MOST_RUNS:,}"
        )
    )
    return 0


def _until(node: Node | None, problems: list[Problem]) -> tuple[Until, ...]:
    if node is None or node.value is None:
        return ()
    if not isinstance(node.value, dict):
        problems.append(
            node.problem(
                "replications.until is a mapping, as in {data_loss.p99: +/- 5 %}"
            )
        )
        return ()
    out = []
    for measure, child in node.value.items():
        base, statistic = split(measure)
        if (
            (base not in VALUES and base not in CURVES)
            or not statistic
            or statistic == "max"
        ):
            example = (
                "a measure with a mean or a quantile, as in data_loss.p99, outage.mean or "
                "exposure.p95"
            )
            problems.append(
                child.key_problem(
                    f"replications.until: {measure[:60]!r} cannot be waited for; write {example}"
                )
            )
            continue
        match = (
            _WITHIN.fullmatch(child.value)
            if isinstance(child.value, str)
            else None
        )
        try:
            if match is None:
                raise units.UnitError("how exact is written '+/- 5 %'")
            out.append(
                Until(measure, _above_zero(units.parse_ppm(match[1])))
            )
        except units.UnitError as error:
            problems.append(
                child.problem(f"replications.until.{measure}: {error}")
            )
    return tuple(out)


def _above_zero(ppm: int) -> int:
    if not ppm:
        raise units.UnitError(
            "an interval of no width is never reached; write for example '+/- 5 %'"
        )
    return ppm


def _budget(node: Node | None, problems: list[Problem]) -> int | None:
    if node is None or node.value is None:
        return None
    try:
        return bounds.duration(
            node.value if isinstance(node.value, str) else ""
        )
    except units.UnitError as error:
        problems.append(node.problem(f"replications.budget: {error}"))
        return None


def _rare(
    node: Node | None, problems: list[Problem]
) -> tuple[RareQuestion, ...]:
    """Return what is rare and asked for: one text, or a list of them."""
    if node is None or node.value is None:
        return ()
    several = node.value if isinstance(node.value, list) else [node]
    found: list[RareQuestion] = []
    for child in several:
        text = child.value if isinstance(child.value, str) else ""
        match = _RARE.fullmatch(text)
        try:
            if match is None:
                raise units.UnitError(_RARE_IS)
            limit_us = bounds.duration(match[2])
        except units.UnitError as error:
            problems.append(child.problem(f"replications.rare: {error}"))
            continue
        found.append(
            RareQuestion(match[1], limit_us, " ".join(text.split()))
        )
    return tuple(found)


def read_on_unknown(node: Node | None, problems: list[Problem]) -> str:
    if node is None or node.value is None:
        return "fail"
    if node.value in ("fail", "warn"):
        return str(node.value)
    problems.append(
        node.problem(
            "on_unknown is 'warn' or 'fail': what a check makes of an SLA that could not be judged"
        )
    )
    return "fail"


# ---- sweeps
def read_sweep(
    node: Node | None, problems: list[Problem]
) -> tuple[Sweep, ...]:
    """Each key with the texts that it takes in turn."""
    if node is None or node.value is None:
        return ()
    if not isinstance(node.value, dict):
        problems.append(
            node.problem(
                "sweep is a mapping, as in {link.bandwidth: '10..1000 Mbit/s, 9 log steps'}"
            )
        )
        return ()
    out = []
    for key, child in node.value.items():
        try:
            if isinstance(child.value, list):
                values = tuple(
                    item.value
                    for item in child.value
                    if isinstance(item.value, str)
                )
                if len(values) != len(child.value) or not values:
                    raise units.UnitError(
                        "the list holds values, as in [resync, bridge]"
                    )
                values = with_one_unit(values)
            else:
                values = sweep_values(
                    child.value if isinstance(child.value, str) else ""
                )
        except units.UnitError as error:
            problems.append(child.problem(f"sweep.{key}: {error}"))
            continue
        out.append(Sweep(key, values))
    if math.prod(len(s.values) for s in out) > MOST_POINTS:
        problems.append(
            node.problem(
                f"sweep: has more than {MOST_POINTS:,} points; write fewer values"
            )
        )
    return tuple(out)


def read_answer(
    node: Node | None, sweeps: tuple[Sweep, ...], problems: list[Problem]
) -> SweepAnswer | None:
    """sweeps: the scenario's own; the key is one of them, if there are any."""
    if node is None or node.value is None:
        return None
    try:
        found = parse_answer(
            node.value if isinstance(node.value, str) else ""
        )
        check_answer(found, [s.key for s in sweeps])
    except units.UnitError as error:
        problems.append(node.problem(f"answer: {error}"))
        return None
    return found


def parse_answer(text: str) -> SweepAnswer:
    """'smallest link.bandwidth with exposure.p99 at most 15 min'; without 'with' the whole SLA is
    to be met. Raises UnitError.
    """
    match = _ANSWER.fullmatch(text)
    if match is None:
        told = (
            "write 'smallest link.bandwidth with exposure.p99 at most 15 min', or 'largest "
            "KEY' for the whole SLA"
        )
        raise units.UnitError(f"{text[:80]!r} asks for nothing; {told}")
    line = None
    if measure := match[3]:
        kind = kind_of(measure)
        if not kind:
            raise units.UnitError(
                f"unknown measure {measure[:60]!r}; {did_you_mean(measure, (*DURATIONS, *COUNTED))}"
            )
        line = SlaLine(measure, measure, *parse_bound(kind, match[4]))
    return SweepAnswer(match[2], match[1] == "smallest", line)


def check_answer(asked: SweepAnswer, keys: list[str]) -> None:
    """UnitError if the key is not one of those that vary; without any, they are still to be named
    (--vary).
    """
    if keys and asked.key not in keys:
        raise units.UnitError(
            f"{asked.key[:60]!r} does not vary; {did_you_mean(asked.key, tuple(keys))}"
        )


def sweep_values(text: str) -> tuple[str, ...]:
    """'10..1000 Mbit/s, 9 log steps' or '10..1000Mbit/s:log9' -> texts of nine values, a constant
    factor between them; '50..200, 4 steps' -> equal distances (whole numbers without a unit stay
    whole); '5, 10, 20 Mbit/s' -> three values of that unit; 'resync, bridge' -> the two. Raises
    UnitError.
    """
    if _ONE_OR_TWO.fullmatch(text):
        joined, apart = text.replace(",", ""), text.replace(",", ", ")
        raise units.UnitError(
            f"{text!r} may be one value or two; write {joined.strip()!r} or {apart.strip()!r}"
        )
    match = _RANGE.fullmatch(text)
    if match is None:
        values = tuple(
            part.strip() for part in text.split(",") if part.strip()
        )
        if ".." in text or not values:
            raise units.UnitError(
                f"{text[:60]!r} is no range; write '10..1000 Mbit/s, 9 log steps', or "
                "values with commas between, as in '5, 10, 20 Mbit/s'"
            )
        return with_one_unit(values)
    steps = _STEPS.fullmatch(match[5])
    if steps is None:
        raise units.UnitError(
            f"{match[5][:40]!r} does not say how many; write '9 log steps', '5 steps', log9 or lin5"
        )
    count = int((steps[1] or steps[4])[:6])
    if not 2 <= count <= MOST_POINTS:
        raise units.UnitError(f"takes 2 to {MOST_POINTS:,} steps")
    try:
        first, last = (
            float(match[1].replace(",", "")),
            float(match[3].replace(",", "")),
        )
    except ValueError:
        raise units.UnitError(
            f"{text[:60]!r}: the ends of a range are numbers"
        ) from None
    unit = match[4] or match[2] or ""
    if match[2] and match[2] != unit:
        raise units.UnitError(
            f"both ends have one unit: {match[2]!r} and {unit!r} are two"
        )
    logarithmic = (steps[2] or steps[3]) == "log"
    if logarithmic and not (first > 0 and last > 0):
        raise units.UnitError(
            "log steps go between numbers above 0, as in 10..1000 Mbit/s, 9 log steps"
        )
    parts = [i / (count - 1) for i in range(count)]
    numbers = [
        first * (last / first) ** x
        if logarithmic
        else first + (last - first) * x
        for x in parts
    ]
    if (
        not unit
        and first.is_integer()
        and last.is_integer()
        and abs(last - first) >= count - 1
    ):
        numbers = [
            float(round(x)) for x in numbers
        ]  # of databases or workers there are no halves
    return tuple(
        dict.fromkeys(
            f"{_short(number)} {unit}".strip() for number in numbers
        )
    )


def with_one_unit(values: Sequence[str]) -> tuple[str, ...]:
    """Give the unit that stands at one end of a list of numbers to those without: 5, 10, 20 Mbit/s.
    Where several have a unit, each keeps what it has.
    """
    parts = [_NUMBER_AND_UNIT.fullmatch(value) for value in values]
    found = [part for part in parts if part is not None]
    units_at = [place for place, part in enumerate(found) if part[3]]
    if len(found) < len(values) or units_at not in ([0], [len(values) - 1]):
        return tuple(values)
    if any(part[1] for part in found[1:]):
        return tuple(values)
    unit, before = found[units_at[0]][3], found[0][1] or ""
    return tuple(f"{before}{part[2]} {unit}" for part in found)


def _short(number: float) -> str:
    """Four digits are enough for a point of a sweep; ends are as written."""
    return f"{float(f'{number:.4g}'):f}".rstrip("0").rstrip(".")


def schema() -> dict[str, Any]:
    """JSON Schema of the four keys."""
    count = {"type": "integer", "minimum": 1, "maximum": MOST_RUNS}
    within = {
        "type": "string",
        "pattern": r"^\s*(±|\+/-|\+-)\s*.+$",
        "examples": ["+/- 5 %"],
    }
    rare = {
        "type": "string",
        "pattern": r"^\s*(data_loss|outage)\s*>\s*.+$",
        "examples": ["data_loss > 1 h"],
    }
    mapping = {
        "type": "object",
        "properties": {
            "at_least": count
            | {"description": "how many runs before the first look"},
            "at_most": count | {"description": "how many runs at most"},
            "until": {
                "type": "object",
                "additionalProperties": within,
                "description": "until intervals are so narrow",
            },
            "budget": {
                "type": "string",
                "examples": ["5 min"],
                "description": "no further look after this time",
            },
            "rare": {
                "anyOf": [rare, {"type": "array", "items": rare}],
                "description": "how likely a failure at a random instant costs more; as many "
                "runs again, in which what leads there is drawn more often",
            },
        },
        "additionalProperties": False,
    }
    several = {
        "anyOf": [
            {
                "type": "string",
                "examples": ["10..1000 Mbit/s, 9 log steps"],
            },
            {"type": "array"},
        ]
    }
    return {
        "replications": {
            "anyOf": [count, mapping],
            "description": "independent runs of the scenario",
        },
        "on_unknown": {
            "enum": ["warn", "fail"],
            "description": (
                "the verdict of a check on an SLA line that "
                "could not be judged; default: fail (unknown "
                "is not pass)"
            ),
        },
        "answer": {
            "type": "string",
            "pattern": r"^\s*(smallest|largest)\s+\S+(\s+with\s+\S+\s+at\s+(most|least)\s+.+)?$",
            "description": "the value that a sweep looks for",
            "examples": [
                "smallest link.bandwidth with exposure.p99 at most 15 min"
            ],
        },
        "sweep": {
            "type": "object",
            "additionalProperties": several,
            "description": "keys, and the values that each of them takes",
        },
    }
