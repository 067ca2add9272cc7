"""A summary as plain values for json.dumps: summary.json, `--json`, and nothing else."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from dr_sim.measures.summary.types import Summary


def summary_json(summary: Summary) -> dict[str, Any]:
    """Return a summary as a mapping, ready for json.dumps."""
    found: dict[str, Any] = plain(summary)
    return found


def plain(value: Any) -> Any:
    """Return dataclasses as mappings and sequences as lists, all the way down."""
    if is_dataclass(value):
        return _mapping(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def _mapping(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields(value):
        held = getattr(value, each.name)
        if held is None and each.metadata.get("omit_none"):
            continue
        found[each.metadata.get("key", each.name)] = plain(held)
    return found
