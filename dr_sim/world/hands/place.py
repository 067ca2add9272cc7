"""The place where the recovery manager runs, for its driver."""

from __future__ import annotations

from typing import Any

from dr_sim.machines import Command, Event
from dr_sim.recovery.commands import COMMANDS
from dr_sim.recovery.events import EVENTS
from dr_sim.world.context import Context
from dr_sim.world.driver import Place

_OF_A_DATABASE = frozenset(
    cls
    for cls in (*EVENTS, *COMMANDS)
    if "database" in cls.__dataclass_fields__  # type: ignore[attr-defined]
)


def entity_of(told: Event | Command, database: int) -> int:
    """Return the entity of a row about that database."""
    return database if told.__class__ in _OF_A_DATABASE else -1


def place_of(context: Context) -> Place:
    """Return the secondary, with its clocks."""
    index = {d.name: i for i, d in enumerate(context.scenario.databases)}
    of_a_database = _OF_A_DATABASE

    def entity(told: Any) -> int:
        cls: type = told.__class__
        return index.get(told.database, -1) if cls in of_a_database else -1

    journal = context.journal
    return Place(
        context.agenda,
        context.utc_us,
        index,
        entity,
        journal.record,
        journal.note,
    )
