"""The staging area of replicated folders is full for a while, and its clean-up frees nothing."""

from __future__ import annotations

from pydantic import Field

from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import FolderName, GroupName, Law, Params


class StagingFull(Params):
    duration: Law
    group: GroupName | None = Field(None, description="only this group's folders; all if left out")
    folder: FolderName | None = Field(None, description="only this folder; all if left out")


def happen(event: Occurrence, params: StagingFull) -> None:
    replication = event.world.replication
    folders = replication.folders(params.group, params.folder)
    what = params.folder or params.group or "every folder"
    event.for_a_time(
        params.duration,
        lambda: replication.fill_staging(folders),
        lambda: replication.free_staging(folders),
        f"staging area of {what} full",
    )


KIND = Kind(
    "staging_full", StagingFull, "duration", True,
    "files that no clean-up removes fill the staging area: what is being sent goes on, nothing else can be staged and so sent",
    "Windows DFS Replication event pages: 4206, clean-up of the staging area failed; 4212, it cannot be used",
    happen,
)  # fmt: skip
