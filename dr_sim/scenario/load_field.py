"""How the load of a farm is written in a scenario."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from dr_sim.scenario import bounds
from dr_sim.scenario.fields import did_you_mean, from_text, refuse
from dr_sim.scenario.machine_model import Load

NONE = "none"
BUSIEST = {NONE: 1, "steady": 1, "business_hours": 3}
"""More times the mean than the busiest hour of a week has, by shape."""
_PROFILES = ("steady", "business_hours")
_KEYS = ("mean", "profile")


def _read(value: Any) -> Load:
    if isinstance(value, Load):
        return value
    if isinstance(value, str):
        if value.strip() == NONE:
            return Load(NONE)
        return Load("steady", *from_text(bounds.rate, value))
    if not isinstance(value, dict):
        raise refuse(
            "a load is none, '400 per s' or {mean: 400 per s, profile: business_hours}"
        )
    for key in value:
        if key not in _KEYS:
            raise refuse(
                f"unknown key {key!r}; {did_you_mean(key, _KEYS)}", key
            )
    if "mean" not in value:
        raise refuse("a load needs a mean, as in {mean: 400 per s}")
    profile = value.get("profile", "steady")
    if profile not in _PROFILES:
        raise refuse(
            f"unknown profile {profile!r:.60}; {did_you_mean(str(profile), _PROFILES)}",
            "profile",
        )
    return Load(profile, *from_text(bounds.rate, value["mean"], "mean"))


_RATE = {
    "type": "string",
    "description": "requests, on average",
    "pattern": r"^\s*[0-9].* per .+$",
    "examples": ["400 per s"],
}
LoadField = Annotated[
    Load,
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
            ]
        }
    ),
]
