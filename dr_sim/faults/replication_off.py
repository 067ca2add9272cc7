"""A membership of replicated folders is switched off for a while: by an operator, who may forget it."""

from __future__ import annotations

from pydantic import Field

from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import FolderName, GroupName, Law, Params


class ReplicationOff(Params):
    duration: Law
    group: GroupName | None = Field(None, description="only this group's folders; all if left out")
    folder: FolderName | None = Field(None, description="only this folder; all if left out")


def happen(event: Occurrence, params: ReplicationOff) -> None:
    replication = event.world.replication
    folders = replication.folders(params.group, params.folder)
    what = params.folder or params.group or "every folder"
    event.for_a_time(
        params.duration,
        lambda: replication.switch_off(folders),
        lambda: replication.switch_on(folders),
        f"membership of {what} off",
    )


KIND = Kind(
    "replication_off", ReplicationOff, "duration", True,
    "an operator disables a membership of a replicated folder (R2); what is finished meanwhile is sent when it is on again",
    "mission R2; Windows DFS Replication: memberships are enabled and disabled folder by folder",
    happen,
)  # fmt: skip
