"""The staging area of replicated folders is full for a while, and its clean-up frees nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.some_folders import SomeFolders, for_a_time
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class StagingFull(SomeFolders):
    pass


def happen(event: Occurrence, params: StagingFull) -> None:
    replication = event.world.replication
    for_a_time(
        event,
        params,
        replication.fill_staging,
        replication.free_staging,
        "staging area of {} full",
    )


KIND = EventKind(
    "staging_full",
    StagingFull,
    "duration",
    True,
    "files that no clean-up removes fill the staging area: transfers in "
    "progress continue, but no other file can be staged and sent",
    "Windows DFS Replication event pages: 4206, clean-up of the staging area failed; "
    "4212, it cannot be used",
    happen,
    explains=(Explains.STAGING_FULL,),
    draws=lambda r, db: r.choice(["3 min", "50 min"]),
    affects=lambda params: COPY,
)
