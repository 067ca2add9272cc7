"""The names of sites: A is the first primary's, B the first secondary's, and so on."""

from __future__ import annotations

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def site_name(number: int) -> str:
    """The number-th site's, from 0 on: A, B, ... Z, site 27, ..."""
    return (
        _LETTERS[number] if number < len(_LETTERS) else f"site {number + 1}"
    )
