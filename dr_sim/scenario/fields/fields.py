"""The base of a scenario's fields: defaults with their sources, refusals, what every type carries.

A value from a file is always text, so a bare number is refused where a unit is needed. Every
refusal says what would be right. Each type carries a `Quantity` that knows the way back to text.
The types are in quantities.py (values with units), laws.py (what is drawn) and named.py (names).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

from dr_sim import units

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


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the word that was probably meant; None if none is near."""
    near = difflib.get_close_matches(word, known, 1, 0.6) or [
        k for k in known if k.lower() == word.lower()
    ]
    return near[0] if near else None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """', did you mean X?', else what there is to choose from."""
    meant = nearest(word, known)
    if meant is not None:
        return f"did you mean {meant!r}?"
    return f"there is {_listed(known)}" if known else "there is none"


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join([repr(word) for word in words[:12]])
    more = len(words) - 12
    return f"{shown} and {more} more" if more > 0 else shown


def from_text(parse: Callable[[str], T], value: Any, *inside: str) -> T:
    """parse(value), its UnitError (and anything that is no text) turned into a refusal."""
    if not isinstance(value, str):
        raise refuse(
            f"one value belongs here, not {_shape(value)}", *inside
        )
    if len(value) > LONGEST_VALUE:
        raise refuse(
            f"{value[:20]!r}... is too long for one value", *inside
        )
    try:
        return parse(value)
    except units.UnitError as error:
        raise refuse(str(error), *inside) from None


def _shape(value: Any) -> str:
    """Return the type, in words, of a value that is not a text."""
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else "nothing"
