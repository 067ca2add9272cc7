"""Reads the machines that the cloud manager saves: what it believes of them, and not what runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from dr_sim.oracle.cloud.told import Place
from dr_sim.record.encoding import pairs_from_text

_VM = "vm/"


@dataclass(frozen=True, slots=True)
class SavedMachine:
    """A machine as the manager has recorded it. jobs: how many were ordered for it so far; not_on:
    physical machines on which it must not be.
    """

    network: str
    farm: str
    role: str
    image: str
    physical: str
    state: str
    jobs: int
    not_on: tuple[str, ...]


def machines_saved(
    entries: str,
) -> Iterator[tuple[Place, SavedMachine | None]]:
    """Yield each machine that is saved in one step; None: its record is deleted."""
    if _VM not in entries:
        return
    for key, text in pairs_from_text(entries):
        if key.startswith(_VM):
            site, _, name = key.removeprefix(_VM).partition("/")
            yield (site, name), _machine(text) if text else None


def _machine(text: str) -> SavedMachine:
    network, farm, role, image, physical, state, _, jobs, not_on = (
        json.loads(text)
    )
    return SavedMachine(
        network, farm, role, image, physical, state, jobs, tuple(not_on)
    )
