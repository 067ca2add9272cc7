"""Reads what the cloud manager was told of machines: which fell silent, are back, or run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str, str]
"""A site, and a machine there."""
RUNNING = "running"


def machines_named(v: Mapping[str, Any]) -> list[Place]:
    """Return the machines that cloud.MachinesSilent or cloud.MachinesBack names."""
    return [(v["site"], name) for name in json.loads(v["machines"])]


def machines_read(v: Mapping[str, Any]) -> Iterator[tuple[Place, bool]]:
    """Yield each machine that a site has told of (cloud.MachinesRead), and whether it runs."""
    if not v["machines"]:
        return
    for name, state, *_ in json.loads(v["machines"])["machines"]:
        yield (v["site"], name), state == RUNNING
