"""The recovery manager dies where it stands and is started again; what it had under way at the
engine dies with it.
"""

from __future__ import annotations

from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import Params


class ManagerCrash(Params):
    pass


def happen(event: Occurrence, params: ManagerCrash) -> None:
    event.begins("recovery manager crashed")
    event.world.hands.crash()
    event.ends("recovery manager crashed")


KIND = Kind(
    "manager_crash",
    ManagerCrash,
    None,
    True,
    "a crash of the recovery manager at any instant, in mid-restore too; it resumes from its store",
    "mission R5; back after manager.restart_after",
    happen,
)
