"""The place where the recovery manager runs, for its driver."""

from __future__ import annotations

from dr_sim.machines import Alarm, Command, Event
from dr_sim.record.row_code import Recorder, Subject
from dr_sim.recovery.commands import COMMANDS
from dr_sim.recovery.events import EVENTS
from dr_sim.world.driver import Place
from dr_sim.world.kernel.context import Context

_OF_A_DATABASE = frozenset(
    cls
    for cls in (*EVENTS, *COMMANDS)
    if "database" in cls.__dataclass_fields__  # type: ignore[attr-defined]
)


_SCOPE: dict[type, str] = {
    Alarm: "scope"
}  # an alarm is about what it was set for


def entity_of(told: Event | Command, database: int) -> int:
    """Return the entity of a row about that database."""
    return database if told.__class__ in _OF_A_DATABASE else -1


def place_of(context: Context) -> Place:
    """Return the secondary, with its clocks."""
    index = {d.name: i for i, d in enumerate(context.scenario.databases)}
    journal = context.journal

    def recorder(cls: type) -> Recorder:
        about = "database" if cls in _OF_A_DATABASE else ""
        subject = Subject(_SCOPE.get(cls, about), index)
        return journal.recorder(cls, subject)

    def entity(event: Event) -> int:
        return entity_of(
            event, index.get(getattr(event, "database", ""), -1)
        )

    return Place(
        context.agenda,
        context.utc_us,
        index,
        recorder,
        entity,
        journal.note,
    )
