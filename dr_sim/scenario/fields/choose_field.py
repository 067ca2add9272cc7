"""The field `failover.choose`: the policy by which one of several copies takes over."""

from __future__ import annotations

from collections.abc import Mapping
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
from dr_sim.scenario.model import Choose

WORDS = ("preferred", "least_loss", "fastest")
WITHIN = "least_loss_within"
_RIGHT = f"{', '.join(WORDS)} or {{{WITHIN}: 4 h}}"


def _word(text: str) -> str:
    if text in WORDS:
        return text
    if text == WITHIN:
        raise units.UnitError(
            f"{WITHIN} needs a time, as in {{{WITHIN}: 4 h}}"
        )
    raise units.UnitError(
        f"{text[:40]!r} is no policy; {did_you_mean(text, (*WORDS, WITHIN))}"
    )


def _read(value: Any) -> Choose:
    if isinstance(value, Choose):
        return value
    if isinstance(value, str):
        return Choose(from_text(_word, value))
    if not isinstance(value, Mapping):
        raise refuse(f"a policy belongs here: {_RIGHT}")
    for key in value:
        if key != WITHIN:
            raise refuse(
                f"unknown key {key!r}; {did_you_mean(key, [WITHIN])}", key
            )
    if WITHIN not in value:
        raise refuse(f"a policy belongs here: {_RIGHT}")
    within_us = from_text(bounds.duration, value[WITHIN], WITHIN)
    if not within_us:
        raise refuse(
            f"within no time nothing is back; write more, or {WORDS[2]}",
            WITHIN,
        )
    return Choose(WITHIN, within_us)


def _write(value: Choose) -> Any:
    if value.policy != WITHIN:
        return value.policy
    return {WITHIN: units.format_duration(value.within_us)}


ChooseField = Annotated[
    Choose,
    PlainValidator(_read),
    Quantity("policy", _write),
    WithJsonSchema(
        {
            "description": f"a policy: {_RIGHT}",
            "anyOf": [
                {"enum": list(WORDS)},
                {
                    "type": "object",
                    "properties": {
                        WITHIN: {
                            "type": "string",
                            "description": (
                                "the copy with the least loss among those "
                                "that are back within this time"
                            ),
                            "examples": ["4 h", "30 min"],
                        }
                    },
                    "required": [WITHIN],
                    "additionalProperties": False,
                },
            ],
        }
    ),
]
"""A model.Choose."""
