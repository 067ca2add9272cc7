"""How the load of a farm is written in a scenario: a rate, a profile, or a series of steps, written
out or in a CSV file.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from dr_sim import units
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.fields import did_you_mean, from_text, refuse
from dr_sim.scenario.keys.recorded import RecordedFile, steps_in
from dr_sim.scenario.machine_model import Load
from dr_sim.scenario.reading.series import SeriesError
from dr_sim.units import HOUR_US

NONE = "none"
SERIES = "series"
BUSIEST = {NONE: 1, "steady": 1, "business_hours": 3, SERIES: 1}
"""More times the mean than the busiest hour of a week has, by shape."""
MOST_STEPS = 20_000
"""Steps of a series: a resolved scenario has a line for each."""
_PROFILES = ("steady", "business_hours")
_MEAN_KEYS = ("mean", "profile")
_STEPS_KEYS = (SERIES, "repeat")
_FILE_KEYS = (*_STEPS_KEYS, "at", "value", "every", "mean")
_FORMS = (
    "a load is none, '400 per s', {mean: 400 per s, profile: business_hours}, "
    "{series: {0 h: 200 per s, 2 h: 900 per s}} or {series: load.csv, at: 1}"
)


@dataclass(frozen=True, slots=True)
class LoadFile:
    """A series that has not been read yet. mean: what it is scaled to; None: values are requests
    per second.
    """

    file: RecordedFile
    mean: tuple[int, int] | None
    repeat_us: int


def _read(value: Any) -> Load | LoadFile:
    if isinstance(value, Load | LoadFile):
        return value
    if isinstance(value, str):
        if value.strip() == NONE:
            return Load(NONE)
        return Load("steady", *from_text(bounds.rate, value))
    if not isinstance(value, dict):
        raise refuse(_FORMS)
    known = _known_keys(value)
    for key in value:
        if key not in known:
            raise refuse(
                f"unknown key {key!r}; {did_you_mean(key, known)}", key
            )
        if not isinstance(value[key], str) and key != SERIES:
            raise refuse("one value belongs here", key)
    if SERIES in value:
        repeat_us = _repeat(value)
        if isinstance(value[SERIES], str):
            return _file(value, repeat_us)
        return series(_steps(value[SERIES]), repeat_us)
    if "mean" not in value:
        raise refuse("a load needs a mean, as in {mean: 400 per s}")
    profile = value.get("profile", "steady")
    if profile not in _PROFILES:
        raise refuse(
            f"unknown profile {profile!r:.60}; {did_you_mean(str(profile), _PROFILES)}",
            "profile",
        )
    return Load(profile, *from_text(bounds.rate, value["mean"], "mean"))


def _known_keys(value: dict[str, Any]) -> tuple[str, ...]:
    if SERIES not in value:
        return (*_MEAN_KEYS, SERIES)
    return _FILE_KEYS if isinstance(value[SERIES], str) else _STEPS_KEYS


def _repeat(value: dict[str, Any]) -> int:
    if "repeat" not in value:
        return 0
    repeat_us = from_text(bounds.duration, value["repeat"], "repeat")
    if repeat_us <= 0:
        raise refuse("must be above 0, as in 24 h", "repeat")
    return repeat_us


# ---- steps that are written out
def _steps(written: Any) -> list[tuple[int, int]]:
    """Return the steps of a mapping of instants to rates."""
    if not isinstance(written, dict) or not written:
        raise refuse(
            "write instants since the start and rates, as in {0 h: 200 per s, 2 h: 900 per s}, "
            "or a CSV file",
            SERIES,
        )
    steps = []
    for at, rate in written.items():
        at_us = from_text(bounds.duration, at, SERIES)
        if not isinstance(rate, str):
            raise refuse(
                f"{at}: a rate belongs here, as in 900 per s", SERIES
            )
        num, den_us = from_text(bounds.rate, rate, SERIES)
        steps.append((at_us, _rounded(Fraction(num * HOUR_US, den_us))))
    return steps


def series(steps: list[tuple[int, int]], repeat_us: int) -> Load:
    """Return a load of steps: (instant, requests an hour). Refuse what has no order."""
    if len(steps) > MOST_STEPS:
        raise refuse(
            f"{len(steps):,} steps are more than {MOST_STEPS:,}", SERIES
        )
    if steps[0][0]:
        raise refuse(
            "the first step is at the start of the run; write 0 h first",
            SERIES,
        )
    for (before, _), (at, _) in pairwise(steps):
        if at <= before:
            raise refuse(
                f"{units.format_duration(at)} does not come after "
                f"{units.format_duration(before)}; write steps in the order of time",
                SERIES,
            )
    if repeat_us and repeat_us <= steps[-1][0]:
        raise refuse(
            "must be longer than the last step's instant", "repeat"
        )
    most = max(level for _, level in steps)
    return Load(SERIES, most, HOUR_US, tuple(steps), repeat_us)


def _rounded(per_hour: Fraction) -> int:
    return int(per_hour + Fraction(1, 2))


def plain(load: Load) -> dict[str, Any]:
    """Return the form for a resolved scenario, which needs no other file."""
    steps = {
        units.format_duration(at_us): f"{level} per h"
        for at_us, level in load.steps
    }
    if not load.repeat_us:
        return {SERIES: steps}
    return {SERIES: steps, "repeat": units.format_duration(load.repeat_us)}


# ---- steps in a file
def _file(value: dict[str, Any], repeat_us: int) -> LoadFile:
    if ("at" in value) == ("every" in value):
        raise refuse(
            "write either the column of instants (at: seconds) or how far apart the rows "
            "are (every: 5 min)"
        )
    every_us = 0
    if "every" in value:
        every_us = from_text(bounds.duration, value["every"], "every")
        if every_us <= 0:
            raise refuse("must be above 0, as in 5 min", "every")
    mean = None
    if "mean" in value:
        mean = from_text(bounds.rate, value["mean"], "mean")
    file = RecordedFile(
        "load",
        value[SERIES],
        value.get("at", ""),
        value.get("value", "2" if "at" in value else "1"),
        every_us,
        (),
        0,
        0,
        "",
    )
    return LoadFile(file, mean, repeat_us)


def read_load(wanted: LoadFile, scenario_file: str) -> Load:
    """Return the load that a file holds. Raises SeriesError."""
    rows = steps_in(wanted.file, scenario_file)
    last_us = rows[-1][0] - rows[-2][0]
    ends_us = wanted.repeat_us or rows[-1][0] + last_us
    if ends_us <= rows[-1][0]:
        raise SeriesError(
            "must be longer than the last row's instant", "repeat"
        )
    scale = Fraction(1, 1_000_000)
    if wanted.mean is not None:
        instants = [*(at for at, _ in rows), ends_us]
        total = sum(
            value * (end - begin)
            for (_, value), (begin, end) in zip(
                rows, pairwise(instants), strict=True
            )
        )
        if not total:
            raise SeriesError(
                f"{wanted.file.file}: the values are 0 on average; nothing can be scaled to a mean"
            )
        scale = Fraction(*wanted.mean) * ends_us / total
    steps: list[tuple[int, int]] = []
    for at_us, value in rows:
        level = _rounded(value * scale * HOUR_US)
        if steps and steps[-1][0] == at_us:
            raise SeriesError(
                f"{wanted.file.file}: two rows have the instant {units.format_duration(at_us)}"
            )
        if not steps or steps[-1][1] != level:
            steps.append((at_us, level))
    if len(steps) > MOST_STEPS:
        raise SeriesError(
            f"{wanted.file.file}: {len(steps):,} steps are more than {MOST_STEPS:,}"
        )
    return series(steps, wanted.repeat_us)


_RATE = {
    "type": "string",
    "description": "requests, on average",
    "pattern": r"^\s*[0-9].* per .+$",
    "examples": ["400 per s"],
}
_REPEAT = {
    "type": "string",
    "description": "time after which the series begins again; if left out: its last value holds",
}


def _column(of: str) -> dict[str, Any]:
    return {
        "type": ["string", "integer"],
        "description": f"the column of {of}",
    }


LoadField = Annotated[
    Load | LoadFile,
    PlainValidator(_read),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": NONE},
                _RATE,
                {
                    "type": "object",
                    "properties": {
                        "mean": _RATE,
                        "profile": {
                            "description": "how it changes over the week",
                            "enum": list(_PROFILES),
                        },
                    },
                    "required": ["mean"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {
                        "series": {
                            "type": "object",
                            "description": "the rate from each instant on, since the start",
                            "additionalProperties": _RATE,
                        },
                        "repeat": _REPEAT,
                    },
                    "required": ["series"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {
                        "series": {
                            "type": "string",
                            "description": "a CSV file, relative to this scenario",
                        },
                        "at": _column(
                            "instants: seconds, or dates with times"
                        ),
                        "value": _column("rates: requests per second"),
                        "every": {
                            "type": "string",
                            "description": "time between two rows, if no column has instants",
                        },
                        "mean": _RATE,
                        "repeat": _REPEAT,
                    },
                    "required": ["series"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
