"""The small pure kernel that all logic shares: the events of a machine, its commands, and its
phases.

Theory of operation. A machine decides and does nothing else. A driver gives it its life: it builds
the machine with the number of its life (the incarnation) and with what earlier lives have saved,
carries out the commands of `resume()`, and then hands over one event after the other. It carries
out the commands of each event in their order. A save is durable before the next command starts; if
it fails, the rest are dropped, the machine is thrown away, and a new one resumes from the store.
Time arrives on the event, and so does everything else that the machine may know.

This room imports nothing but pure parts of the standard library; tests/test_walls.py checks that.
The other events of recovery and cloud are defined in their own rooms.
"""

from __future__ import annotations

from dr_sim.machines.commands import (
    CancelAlarm,
    Command,
    Save,
    SaveAll,
    SetAlarm,
    TakeInventory,
)
from dr_sim.machines.events import (
    Alarm,
    Event,
    Observation,
    OwnNumber,
    observed,
)
from dr_sim.machines.machine import Machine
from dr_sim.machines.transitions import (
    IllegalTransitionError,
    Phase,
    Transitions,
)

__all__ = [
    "Alarm",
    "CancelAlarm",
    "Command",
    "Event",
    "IllegalTransitionError",
    "Machine",
    "Observation",
    "OwnNumber",
    "Phase",
    "Save",
    "SaveAll",
    "SetAlarm",
    "TakeInventory",
    "Transitions",
    "observed",
]
