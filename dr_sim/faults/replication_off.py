"""A membership of replicated folders is switched off for a while: by an operator, who may forget
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.some_folders import SomeFolders, for_a_time
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class ReplicationOff(SomeFolders):
    pass


def happen(event: Occurrence, params: ReplicationOff) -> None:
    replication = event.world.replication
    for_a_time(
        event,
        params,
        replication.switch_off,
        replication.switch_on,
        "membership of {} off",
    )


KIND = EventKind(
    "replication_off",
    ReplicationOff,
    "duration",
    True,
    "an operator disables a membership of a replicated folder (R2); "
    "files that are finished during this time are sent when it is "
    "enabled again",
    "requirement R2; Windows DFS Replication: memberships are enabled and disabled folder by "
    "folder",
    happen,
    explains=(Explains.SWITCHED_OFF,),
    affects=lambda params: COPY,
    draws=lambda r, db: {"duration": r.choice(["5 min", "50 min"])},
)
