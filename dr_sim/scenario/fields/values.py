"""The types of values that only a scenario's own sections use: instants, zones, names, schedules,
rates.

What events and faults may use as well stands in quantities.py, laws.py and named.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from dr_sim import units
from dr_sim.scenario.fields import bounds, times
from dr_sim.scenario.fields.fields import (
    Quantity,
    did_you_mean,
    from_text,
    refuse,
)
from dr_sim.scenario.fields.quantities import Duration
from dr_sim.scenario.model import BackupCost, Schedule

LONGEST_RUN_US = bounds.LONGEST_US
CLONE = "clone"  # how a copy that takes no time is written
LONGEST_NAME = 128  # SQL Server's limit for a database's name
NOT_ABOVE_0 = "must be above 0"  # what would be right is the field's own example (problems.py)


def _above_zero(value: int) -> int:
    if value <= 0:
        raise refuse(NOT_ABOVE_0)
    return value


def _run_length(value: int) -> int:
    if value > LONGEST_RUN_US:
        raise refuse("a run takes at most 100 years")
    return _above_zero(value)


def _zone(text: str) -> str:
    return times.zone(text).key


def is_name(text: str) -> bool:
    """Return whether a database, a machine or an operator can be called so."""
    return (
        bool(text.strip())
        and len(text) <= LONGEST_NAME
        and text.isprintable()
    )


def _name(text: Any) -> str:
    if not isinstance(text, str) or not is_name(text):
        raise refuse(f"a name has 1 to {LONGEST_NAME} printable characters")
    return text


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise refuse("a list of names belongs here, as in [sql1, sql2]")
    names = tuple(_name(name) for name in value)
    if not names:
        raise refuse("name at least one")
    for i, name in enumerate(names):
        if name in names[:i]:
            raise refuse(f"{name!r} is named twice", i)
    return names


def _schedule(value: Any) -> Schedule:
    if isinstance(value, dict):
        if set(value) != {"at", "zone"} or not all(
            isinstance(text, str) for text in value.values()
        ):
            raise refuse(
                "a schedule is a text, or {at: 'daily 01:00', zone: Europe/Berlin}"
            )
        schedule: Schedule = from_text(
            times.parse_schedule, value["at"], "at"
        )
        if (
            schedule.kind not in ("daily", "weekly", "monthly")
            or schedule.zone
        ):
            raise refuse(
                "only a schedule by the calendar has a zone, and only one",
                "zone",
            )
        zone = from_text(_zone, value["zone"], "zone")
        return replace(schedule, zone=zone)
    return from_text(times.parse_schedule, value)


def _validation(value: Any) -> tuple[str, ...]:
    if value == "none":
        return ()
    if value not in (
        ["hash"],
        ["hash", "properties"],
        ["properties", "hash"],
    ):
        raise refuse("write [hash] or [hash, properties], or none")
    return tuple(value)


def _backup_kinds(value: Any) -> tuple[str, ...]:
    words = {"differential": "incremental"}
    kinds = ("full", "incremental", "log")
    if not isinstance(value, list):
        raise refuse("a list belongs here, as in [full, incremental, log]")
    found = [words.get(each, each) for each in value]
    for place, each in enumerate(found):
        if each not in kinds:
            raise refuse("write full, incremental or log", place)
        if each in found[:place]:
            raise refuse(f"{each!r} is written twice", place)
    if "full" not in found:
        raise refuse("nothing can be restored without fulls; add full")
    return tuple(kind for kind in kinds if kind in found)


def _machines_silent(value: Any) -> int:
    if value == "all":
        return 0
    if (
        not isinstance(value, str)
        or not value.isdecimal()
        or int(value[:9]) == 0
    ):
        raise refuse(
            "write how many machines must be silent, 1 or more, or all"
        )
    return int(value[:9])


def _copy_rate(value: Any) -> int:
    if value == CLONE:
        return 0
    if isinstance(value, str) and not value.strip()[:1].isdecimal():
        raise refuse(
            f"{value[:40]!r} is no rate; write {CLONE}, or for example 300 MB/s"
        )
    rate: int = from_text(bounds.disk_rate, value)
    if rate == 0:
        raise refuse(
            f"must be above 0, as in 300 MB/s; {CLONE} takes no time"
        )
    return rate


_COST_KEYS = ("fixed", "rate")


def _restore_cost(value: Any) -> BackupCost | None:
    if value is None or isinstance(value, BackupCost):
        return value
    if value == "none":
        return None
    if not isinstance(value, dict):
        raise refuse("write {fixed: 2 s, rate: 300 MB/s}, or none")
    for key in value:
        if key not in _COST_KEYS:
            raise refuse(
                f"unknown key {key!r}; {did_you_mean(key, _COST_KEYS)}", key
            )
    if set(value) != set(_COST_KEYS):
        raise refuse("write both, as in {fixed: 2 s, rate: 300 MB/s}")
    rate: int = from_text(bounds.disk_rate, value["rate"], "rate")
    if rate == 0:
        raise refuse("must be above 0, as in 300 MB/s", "rate")
    return BackupCost(
        from_text(bounds.duration, value["fixed"], "fixed"), rate
    )


def _cost_text(cost: BackupCost | None) -> Any:
    if cost is None:
        return "none"
    return {
        "fixed": units.format_duration(cost.fixed_us),
        "rate": units.format_disk_rate(cost.rate_bytes_s),
    }


def _json(kind: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more})


Positive = AfterValidator(_above_zero)
RunLength = Annotated[Duration, AfterValidator(_run_length)]
Moment = Annotated[
    datetime,
    PlainValidator(lambda value: from_text(times.parse_moment, value)),
    _json("string", examples=["2026-01-05", "2026-01-05 08:00"]),
]
ZoneName = Annotated[
    str,
    PlainValidator(lambda value: from_text(_zone, value)),
    _json("string", examples=["UTC", "Europe/Berlin"]),
]
Name = Annotated[
    str,
    PlainValidator(_name),
    _json("string", minLength=1, maxLength=LONGEST_NAME),
]
NameList = Annotated[
    tuple[str, ...],
    PlainValidator(_names),
    _json("array", items={"type": "string"}, minItems=1, uniqueItems=True),
]


def _tenants(value: Any) -> tuple[str, ...]:
    return (
        ()
        if value == "none"
        else (_name(value),)
        if isinstance(value, str)
        else _names(value)
    )


Tenants = Annotated[
    tuple[str, ...],
    PlainValidator(_tenants),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "uniqueItems": True,
                },
            ],
            "examples": ["acme", ["acme", "contoso"], "none"],
        }
    ),
]
"""Names of tenants: one, or a list; none: nobody's."""

LONGEST_PATH = 200


def _share(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    server, _, rest = text.removeprefix("//").partition("/")
    if (
        not text.startswith("//")
        or not server
        or not rest
        or len(text) > LONGEST_PATH
        or not text.isprintable()
    ):
        raise refuse(
            f"{str(value)[:40]!r} is no share; write //server/share, as in //dr1/landing"
        )
    if any(step in ("", ".", "..") for step in (server, *rest.split("/"))):
        raise refuse(
            f"{str(value)[:40]!r} is no share; write each folder by its own name, as in "
            "//dr1/landing/crm"
        )
    return text


ShareName = Annotated[
    str,
    PlainValidator(_share),
    _json(
        "string", pattern=r"^//[^/]+(/[^/]+)+$", examples=["//dr1/landing"]
    ),
]
Rate = Annotated[
    tuple[int, int],
    PlainValidator(lambda value: from_text(bounds.rate, value)),
    _json(
        "string",
        pattern=r"^\s*[0-9].* per .+$",
        examples=["3 per week", "10 per s"],
    ),
]
_SCHEDULE_TEXT = {
    "type": "string",
    "description": "when it starts, by the clock of time_zone",
    "pattern": times.SCHEDULE_PATTERN,
    "examples": [
        "weekly Sun 01:00",
        "daily 01:00",
        "daily 06:00 and 18:00",
        "Mon-Fri 22:00",
        "monthly first Sun 03:00",
        "every 5 min",
        "every 5 min offset 2 min",
        "none",
    ],
}
ScheduleField = Annotated[
    Schedule,
    PlainValidator(_schedule),
    WithJsonSchema(
        {
            "anyOf": [
                _SCHEDULE_TEXT,
                {
                    "type": "object",
                    "properties": {
                        "at": _SCHEDULE_TEXT,
                        "zone": {
                            "type": "string",
                            "description": "the zone of that clock",
                            "examples": ["Europe/Berlin"],
                        },
                    },
                    "required": ["at", "zone"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Validation = Annotated[
    tuple[str, ...],
    PlainValidator(_validation),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "array",
                    "items": {"enum": ["hash", "properties"]},
                    "uniqueItems": True,
                    "contains": {"const": "hash"},
                },
                {"const": "none"},
            ]
        }
    ),
]
BackupKinds = Annotated[
    tuple[str, ...],
    PlainValidator(_backup_kinds),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "enum": ["full", "incremental", "differential", "log"]
            },
            "uniqueItems": True,
            "contains": {"const": "full"},
            "examples": ["[full, incremental, log]"],
        }
    ),
]
MachinesSilent = Annotated[
    int,
    PlainValidator(_machines_silent),
    WithJsonSchema(
        {"anyOf": [{"const": "all"}, {"type": "integer", "minimum": 1}]}
    ),
]
CopyRate = Annotated[
    int,
    PlainValidator(_copy_rate),
    Quantity(
        "copy rate",
        lambda value: units.format_disk_rate(value) if value else CLONE,
    ),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": CLONE},
                {"type": "string", "examples": ["300 MB/s"]},
            ]
        }
    ),
]
"""Bytes per second; 0: no time."""
RestoreCost = Annotated[
    BackupCost | None,
    PlainValidator(_restore_cost),
    Quantity("cost of a restore", _cost_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "none"},
                {
                    "type": "object",
                    "properties": {
                        "fixed": {
                            "type": "string",
                            "description": "fixed cost of one restore",
                            "examples": ["2 s"],
                        },
                        "rate": {
                            "type": "string",
                            "description": "speed of one restore alone",
                            "examples": ["300 MB/s"],
                        },
                    },
                    "required": list(_COST_KEYS),
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""None: the same as any other restore's."""


def _copy_cost(value: Any) -> BackupCost:
    cost = _restore_cost(value)
    if cost is None:
        raise refuse("write {fixed: 2 s, rate: 300 MB/s}")
    return cost


CopyCost = Annotated[
    BackupCost,
    PlainValidator(_copy_cost),
    Quantity("cost of a copy", _cost_text),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "fixed": {
                    "type": "string",
                    "description": "fixed cost of one copy",
                    "examples": ["2 s"],
                },
                "rate": {
                    "type": "string",
                    "description": "speed of one copy by itself",
                    "examples": ["50 MB/s"],
                },
            },
            "required": list(_COST_KEYS),
            "additionalProperties": False,
        }
    ),
]
"""The cost of a copy: a fixed time, and its bytes at a rate."""


def names_or(word: str) -> Any:
    """Return the type of a list of names for which a word may stand: then it is empty."""

    def read(value: Any) -> tuple[str, ...]:
        if value == word:
            return ()
        return (_name(value),) if isinstance(value, str) else _names(value)

    return Annotated[
        tuple[str, ...],
        PlainValidator(read),
        WithJsonSchema(
            {
                "anyOf": [
                    {"const": word},
                    {"type": "string"},
                    {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 1,
                    },
                ]
            }
        ),
    ]


NamesOrAll: Any = names_or("all")
