"""The parts of every section of a scenario file: keys that are known, each with a description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """The keys of a section; a key that it does not name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def about(description: str, alias: str | None = None) -> Any:
    """A key that must be there once the defaults are filled in."""
    return Field(description=description, alias=alias)


def if_any(description: str) -> Any:
    """A section that is None where the scenario does not have it."""
    return Field(default=None, description=description)
