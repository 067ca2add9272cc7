"""Marks on the fields of a summary, which its JSON heeds (plain.py)."""

from __future__ import annotations

OMITTED = {"omit_none": True}
"""Marks a field that JSON does not show where it is None."""


def key(name: str) -> dict[str, object]:
    """Mark a field that has another name in JSON, one that Python reserves."""
    return {"key": name}
