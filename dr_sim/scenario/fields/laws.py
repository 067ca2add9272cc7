"""Laws of a duration or a factor: how a scenario writes that a value is drawn.

A law is one value, a median and a 95th percentile, a mean, or a range; which keys are there says
which law it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from dr_sim import units
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.fields.fields import (
    Quantity,
    did_you_mean,
    from_text,
    refuse,
)
from dr_sim.scenario.fields.quantities import DURATION_PATTERN
from dr_sim.scenario.model import Law as LawValue

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
            "pattern": DURATION_PATTERN,
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
