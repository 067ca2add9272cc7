"""A value as a text, and back: what encoding.py and cloud_encoding.py list by type."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Codec:
    """A value as a text, and back."""

    text: Callable[[Any], str]
    value: Callable[[str], Any]


def checked(read: Callable[[Any], Any]) -> Callable[[str], Any]:
    """A reader of JSON texts that raises ValueError alone."""

    def value(text: str) -> Any:
        try:
            return read(json.loads(text))
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(
                f"{text[:60]!r} holds something else: {error}"
            ) from None

    return value
