"""The types of a scenario's fields: texts with units come in, integers come out.

A value from a file is always text, so a bare number is refused where a unit is needed; a value from
Python code is taken as the integer it already is (microseconds, bytes, bit/s, bytes/s, parts).
Every refusal says what would be right. Each type carries a `Quantity` that knows the way back to
text, and the JSON Schema that editors complete with.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from dr_sim import units
from dr_sim.scenario import bounds
from dr_sim.scenario.bounds import Bound
from dr_sim.scenario.model import Law as LawValue

T = TypeVar("T")
LONGEST_VALUE = 200  # characters of a quantity, a schedule, a bound


@dataclass(frozen=True, slots=True)
class Quantity:
    """Marks a field's type: how its value is written as YAML (a text, or a mapping of texts)."""

    what: str
    write: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Names:
    """Holds what the scenario at hand has names for; the validation context of every params object.

    A validation without it (in Python code) takes any name.
    """

    databases: tuple[str, ...]
    machines: tuple[str, ...]
    groups: tuple[str, ...] = ()  # of replication
    folders: tuple[str, ...] = ()


class Params(BaseModel):
    """Base of what an event or fault kind takes. Frozen, unknown keys refused, defaults checked
    like values.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        defer_build=True,
    )


def default(
    value: Any, source: str, description: str = "", **schema: Any
) -> Any:
    """A field with a default and where that comes from ('assumed' if from nowhere).

    value: as written in a file, '3 min'. description: one line for editors and errors.
    """
    return Field(
        default=value,
        description=description or None,
        json_schema_extra={"source": source, **schema},
    )


def refuse(message: str, *inside: str | int) -> PydanticCustomError:
    """The error a validator raises; inside: the keys (and numbers, in lists) that lead from the
    field to the bad part of its value.
    """
    return PydanticCustomError(
        "dr_sim", "{message}", {"message": message, "inside": list(inside)}
    )


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """', did you mean X?', else what there is to choose from."""
    near = difflib.get_close_matches(word, known, 1, 0.6) or [
        k for k in known if k.lower() == word.lower()
    ]
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there is {_listed(known)}" if known else "there is none"


def _listed(words: list[str] | tuple[str, ...]) -> str:
    shown = [repr(word) for word in words[:12]]
    return ", ".join(shown) + (
        f" and {len(words) - 12} more" if len(words) > 12 else ""
    )


def from_text(parse: Callable[[str], T], value: Any, *inside: str) -> T:
    """parse(value), its UnitError (and anything that is no text) turned into a refusal."""
    if not isinstance(value, str):
        kind = (
            "a list"
            if isinstance(value, list)
            else "a mapping"
            if isinstance(value, Mapping)
            else "nothing"
        )
        raise refuse(f"one value belongs here, not {kind}", *inside)
    if len(value) > LONGEST_VALUE:
        raise refuse(
            f"{value[:20]!r}... is too long for one value", *inside
        )
    try:
        return parse(value)
    except units.UnitError as error:
        raise refuse(str(error), *inside) from None


# ---- quantities
def _reader(
    parse: Callable[[str], int], bound: Bound | None = None
) -> BeforeValidator:
    """bound: for a value from Python code, which `parse` never sees; 0 and the marks below it are
    left as they are.
    """

    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return from_text(parse, value)
        if value < 0:
            raise refuse(f"{value} is negative")
        if bound is not None and value:
            from_text(lambda text: bound.check(value, text), str(value))
        return value

    return BeforeValidator(read)


def _within(bound: Bound, or_none_at_all: bool = False) -> AfterValidator:
    """For a quantity that has closer bounds than its kind. or_none_at_all: 0 is allowed, it means
    something else.
    """

    def check(value: int) -> int:
        if value or not or_none_at_all:
            from_text(
                lambda text: bound.check(value, text), bound.write(value)
            )
        return value

    return AfterValidator(check)


_DECIMAL = r"^\s*[0-9][0-9,]*(\.[0-9]+)?"


def _text(what: str, pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "description": what,
            "pattern": pattern,
            "examples": list(examples),
        }
    )


_TIME_UNITS = "us|µs|ms|s|sec|seconds?|min|minutes?|h|hours?|d|days?|weeks?"
_WITH_UNITS = rf"([0-9][0-9,]*(\.[0-9]+)?\s*({_TIME_UNITS})\s*)+"
_AS_CLOCK = r"([0-9]+:)?[0-9]+:[0-9]{2}(\.[0-9]+)?\s*"
_DURATION_PATTERN = rf"^\s*({_WITH_UNITS}|{_AS_CLOCK})$"
_SIZE_UNITS = "B|bytes?|[kKMGT]B|[KMGT]iB"

Duration = Annotated[
    int,
    _reader(bounds.duration, bounds.DURATION),
    Quantity("duration", units.format_duration),
    _text(
        f"a duration, {bounds.DURATION.told()}",
        _DURATION_PATTERN,
        "15 min",
        "30 s",
        "1 h 30 min",
        "14 days",
    ),
]
"""Microseconds."""

Period = Annotated[Duration, _within(bounds.PERIOD)]
"""Microseconds between two tries, or two of anything that repeats."""
PeriodOrAtOnce = Annotated[
    Duration, _within(bounds.PERIOD, or_none_at_all=True)
]
"""A duration too; 0: at once."""
Reverify = Annotated[
    Duration, _within(bounds.REVERIFY, or_none_at_all=True)
]
Beat = Annotated[Duration, _within(bounds.BEAT)]

Size = Annotated[
    int,
    _reader(bounds.size, bounds.SIZE),
    Quantity("size", units.format_size),
    _text(
        f"a size in bytes, {bounds.SIZE.told()}",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})\s*$",
        "500 GB",
        "64 KiB",
        "1460 B",
    ),
]
"""Bytes."""

NO_LIMIT = "none"


def _parse_capacity(text: str) -> int:
    if text.strip().lower() == NO_LIMIT:
        return 0
    found = bounds.size(text)
    if not found:
        raise units.UnitError(
            "a capacity of 0 B holds nothing; write a size above it, or none for no limit"
        )
    return found


Capacity = Annotated[
    int,
    _reader(_parse_capacity),
    Quantity(
        "capacity",
        lambda value: units.format_size(value) if value else NO_LIMIT,
    ),
    _text(
        "a size in bytes, or none: not limited",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})\s*$|^\s*none\s*$",
        "2 TB",
        "none",
    ),
]
"""Bytes; 0: not limited."""

NEVER = -1

DurationOrNone = Annotated[
    int,
    _reader(
        lambda text: (
            NEVER
            if text.strip().lower() == NO_LIMIT
            else bounds.duration(text)
        )
    ),
    Quantity(
        "duration or none",
        lambda value: (
            NO_LIMIT if value == NEVER else units.format_duration(value)
        ),
    ),
    _text(
        "a duration, or none: never",
        rf"{_DURATION_PATTERN}|^\s*none\s*$",
        "4 h",
        "none",
    ),
]
"""Microseconds; NEVER for none."""

ALL = -1


def _parse_amount(text: str) -> int:
    return ALL if text.strip().lower() == "all" else bounds.size(text)


AmountOrAll = Annotated[
    int,
    BeforeValidator(
        lambda value: (
            value
            if isinstance(value, int)
            else from_text(_parse_amount, value)
        )
    ),
    Quantity(
        "size",
        lambda value: "all" if value == ALL else units.format_size(value),
    ),
    _text(
        "a size in bytes, or all",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})\s*$|^\s*all\s*$",
        "all",
        "200 GB",
    ),
]
"""Bytes; ALL: all that there is."""

NO_PRICE = -1
MOST_PRICE = 10**9


def _parse_price(text: str) -> int:
    if text.strip().lower() == NO_LIMIT:
        return NO_PRICE
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,6})?", text.strip()):
        raise units.UnitError(
            f"{text[:40]!r} is no price; write a number with at most 6 decimals, as 0.023, or none"
        )
    found = int(Decimal(text.strip()) * units.PPM)
    if found > MOST_PRICE * units.PPM:
        raise units.UnitError(f"a price is at most {MOST_PRICE:,}")
    return found


def _format_price(value: int) -> str:
    if value == NO_PRICE:
        return NO_LIMIT
    text = f"{Decimal(value) / units.PPM:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


Price = Annotated[
    int,
    BeforeValidator(
        lambda value: (
            value
            if isinstance(value, int)
            else from_text(_parse_price, value)
        )
    ),
    Quantity("price", _format_price),
    WithJsonSchema(
        {
            "description": "a price in whatever money you like, or none: not known",
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MOST_PRICE},
                {"const": "none"},
            ],
            "examples": ["0.023", "none"],
        }
    ),
]
"""Millionths of the money's unit; NO_PRICE: not known."""

Bandwidth = Annotated[
    int,
    _reader(bounds.bandwidth, bounds.BANDWIDTH),
    Quantity("bandwidth", units.format_bandwidth),
    _text(
        f"a bandwidth, {bounds.BANDWIDTH.told()}",
        rf"{_DECIMAL}\s*([kMGT]?(bit/s|bps)|({_SIZE_UNITS})/s)\s*$",
        "200 Mbit/s",
        "10 Gbps",
    ),
]
"""Bits per second."""

DiskRate = Annotated[
    int,
    _reader(bounds.disk_rate, bounds.DISK_RATE),
    Quantity("disk rate", units.format_disk_rate),
    _text(
        f"a rate in bytes, {bounds.DISK_RATE.told()}",
        rf"{_DECIMAL}\s*({_SIZE_UNITS})/s\s*$",
        "400 MB/s",
        "350 KiB/s",
    ),
]
"""Bytes per second."""

_PART_PATTERN = rf"{_DECIMAL}\s*(%|ppm|ppb)\s*$"
Ppm = Annotated[
    int,
    _reader(units.parse_ppm),
    Quantity("part", units.format_ppm),
    _text("a part of something", _PART_PATTERN, "30 %", "500 ppm"),
]
"""Parts in 10^6, at most all."""

Ppb = Annotated[
    int,
    _reader(units.parse_ppb),
    Quantity("part", units.format_ppb),
    _text("a small part of something", _PART_PATTERN, "0.01 %", "3 ppb"),
]
"""Parts in 10^9, at most all."""


def _not_all(value: int) -> int:
    if value >= units.PPB:
        raise refuse(
            "at a loss of 100 % nothing arrives; write less, or an event link_outage"
        )
    return value


Loss = Annotated[Ppb, AfterValidator(_not_all)]
"""Packets lost, parts in 10^9: less than all."""


# ---- counts and yes or no
def _parse_count(text: str) -> int:
    digits = text.strip().replace(",", "")
    if not (digits.isascii() and digits.isdecimal()):
        raise units.UnitError(
            f"{text[:40]!r} is not a whole number from 0 up; write for example 16"
        )
    if len(digits) > 18:
        raise units.UnitError(
            f"{text[:40]!r} is a larger number than dr_sim can count; write one of at "
            "most 18 digits"
        )
    return int(digits)


def _parse_yes_no(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false", "yes", "no"):
        raise units.UnitError(
            f"{text[:40]!r} is neither; write true or false"
        )
    return word in ("true", "yes")


Count = Annotated[
    int,
    _reader(
        lambda text: bounds.COUNT.check(_parse_count(text), text),
        bounds.COUNT,
    ),
    Quantity("count", str),
    WithJsonSchema(
        {"type": "integer", "minimum": 0, "maximum": bounds.COUNT.most}
    ),
]
"""A whole number, not negative, without a unit."""

ALL_TIMES = -1
"""The value of Times that stands for all of them."""


def _times(value: Any) -> int:
    if value == ALL_TIMES or (
        isinstance(value, str) and value.strip() == "all"
    ):
        return ALL_TIMES
    text = str(value) if isinstance(value, int) else value
    times = from_text(
        lambda text: bounds.COUNT.check(_parse_count(text), text), text
    )
    if not times:
        raise refuse("0 times is never; write for example 1, or all")
    return times


Times = Annotated[
    int,
    BeforeValidator(_times),
    Quantity(
        "times", lambda value: "all" if value == ALL_TIMES else str(value)
    ),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": bounds.COUNT.most,
                },
                {"const": "all"},
            ]
        }
    ),
]
"""How often something happens: a whole number above 0, or all."""

Seed = Annotated[
    int,
    _reader(_parse_count, bounds.SEED),
    Quantity("count", str),
    WithJsonSchema(
        {"type": "integer", "minimum": 0, "maximum": bounds.SEED.most}
    ),
]
"""A count that may have 18 digits."""

YesNo = Annotated[
    bool,
    PlainValidator(
        lambda value: (
            value
            if isinstance(value, bool)
            else from_text(_parse_yes_no, value)
        )
    ),
    Quantity("yes or no", lambda value: "true" if value else "false"),
    WithJsonSchema({"type": "boolean"}),
]


# ---- laws
_LAW_KEYS = (
    (("p50", "p95"), "lognormal"),
    (("mean",), "exponential"),
    (("from", "to"), "uniform"),
)
_LAW_WORDS = {
    "p50": "its median, of a lognormal law",
    "p95": "19 of 20 are below this, of a lognormal law",
    "mean": "its mean, of an exponential law",
    "from": "the least, of a uniform law",
    "to": "the most, of a uniform law",
}
_LAW_WAYS = "{p50: ..., p95: ...}, {mean: ...} or {from: ..., to: ...}"


def _law_reader(
    parse: Callable[[str], int], example: str
) -> PlainValidator:
    def read(value: Any) -> LawValue:
        if isinstance(value, LawValue):
            return value
        if isinstance(value, str):
            return LawValue("fixed", from_text(parse, value))
        if not isinstance(value, Mapping):
            raise refuse(f"a law belongs here: {example}, or {_LAW_WAYS}")
        for keys, kind in _LAW_KEYS:
            if set(value) == set(keys):
                return _law(
                    kind,
                    keys,
                    [from_text(parse, value[key], key) for key in keys],
                )
        for key in value:
            if not any(key in keys for keys, _ in _LAW_KEYS):
                known = [word for keys, _ in _LAW_KEYS for word in keys]
                raise refuse(
                    f"unknown key {key!r}; {did_you_mean(key, known)}", key
                )
        raise refuse(
            f"a law is {example}, or {_LAW_WAYS}; this has {' and '.join(value) or 'no key'}"
        )

    return PlainValidator(read)


def _law(kind: str, keys: tuple[str, ...], numbers: list[int]) -> LawValue:
    a, b = numbers[0], numbers[-1] if len(numbers) > 1 else 0
    if kind == "lognormal" and not 0 < a < b:
        raise refuse(
            "p95 must be above p50, and p50 above 0, as in {p50: 4 min, p95: 20 min}",
            keys[-1],
        )
    if kind == "uniform" and a > b:
        raise refuse("'to' must not be below 'from'", keys[-1])
    if kind == "exponential" and a == 0:
        raise refuse(
            "a mean must be above 0, as in {mean: 10 min}", keys[0]
        )
    return LawValue(kind, a, b)


def _law_writer(write: Callable[[int], str]) -> Callable[[LawValue], Any]:
    def text(law: LawValue) -> Any:
        if law.kind == "fixed":
            return write(law.a)
        keys = next(keys for keys, kind in _LAW_KEYS if kind == law.kind)
        return {
            key: write(number)
            for key, number in zip(keys, (law.a, law.b), strict=False)
        }

    return text


def _law_schema(what: str, one: dict[str, Any]) -> WithJsonSchema:
    def mapping(*keys: str) -> dict[str, Any]:
        fields = {
            key: one | {"description": _LAW_WORDS[key]} for key in keys
        }
        return {
            "type": "object",
            "properties": fields,
            "required": list(keys),
            "additionalProperties": False,
        }

    return WithJsonSchema(
        {
            "description": what,
            "anyOf": [one, *(mapping(*keys) for keys, _ in _LAW_KEYS)],
        }
    )


Law = Annotated[
    LawValue,
    _law_reader(bounds.duration, "4 min"),
    Quantity("law of a duration", _law_writer(units.format_duration)),
    _law_schema(
        "a duration or its law: fixed, {p50, p95} lognormal, {mean} exponential, {from, "
        "to} uniform",
        {
            "type": "string",
            "pattern": _DURATION_PATTERN,
            "examples": ["4 min", "30 s"],
        },
    ),
]
"""A law of a duration, model.Law in microseconds."""

FactorLaw = Annotated[
    LawValue,
    _law_reader(bounds.factor_ppm, "1.5"),
    Quantity("law of a factor", _law_writer(units.format_factor_ppm)),
    _law_schema(
        "a factor or its law: fixed, {p50, p95} lognormal, {mean} exponential, {from, to} uniform",
        {"type": ["number", "string"], "examples": [1, "150 %"]},
    ),
]
"""A law of a factor on a duration, model.Law in millionths."""


# ---- names
def _name_reader(
    what: str, known: Callable[[Names], tuple[str, ...]]
) -> BeforeValidator:
    def read(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            raise refuse(f"the name of a {what} belongs here")
        if isinstance(info.context, Names) and value not in known(
            info.context
        ):
            raise refuse(
                f"unknown {what} {value!r}; {did_you_mean(value, known(info.context))}"
            )
        return value

    return BeforeValidator(read)


DatabaseName = Annotated[
    str,
    _name_reader("database", lambda names: names.databases),
    WithJsonSchema(
        {"type": "string", "description": "a database of this scenario"}
    ),
]

MachineName = Annotated[
    str,
    _name_reader("machine", lambda names: names.machines),
    WithJsonSchema(
        {"type": "string", "description": "a machine of this scenario"}
    ),
]

GroupName = Annotated[
    str,
    _name_reader("replication group", lambda names: names.groups),
    WithJsonSchema(
        {
            "type": "string",
            "description": "a replication group of this scenario",
        }
    ),
]

FolderName = Annotated[
    str,
    _name_reader("replicated folder", lambda names: names.folders),
    WithJsonSchema(
        {
            "type": "string",
            "description": "a replicated folder of this scenario",
        }
    ),
]
