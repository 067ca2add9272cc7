"""The recovery manager dies where it stands and is started again; what it had under way at the
engine dies with it.
"""

from __future__ import annotations

from dr_sim.scenario.fields import Params
from dr_sim.scenario.kind import EventKind
from dr_sim.world.occurrence import Occurrence


class ManagerCrash(Params):
    pass


def happen(event: Occurrence, params: ManagerCrash) -> None:
    event.begins("recovery manager crashed")
    event.world.driver.crash()
    event.ends("recovery manager crashed")


KIND = EventKind(
    "manager_crash",
    ManagerCrash,
    None,
    True,
    "a crash of the recovery manager at any instant, in mid-restore too; it resumes from its store",
    "mission R5; back after manager.restart_after",
    happen,
)
