"""Tells what affects replicated folders for a while: which of them, as a scenario names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import FolderName, GroupName

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.link.folder import Folder


class SomeFolders(Params):
    duration: Law
    group: GroupName | None = Field(
        None, description="only this group's folders; if left out: all"
    )
    folder: FolderName | None = Field(
        None, description="only this folder; if left out: all"
    )


def for_a_time(
    event: Occurrence,
    params: SomeFolders,
    start: Callable[[list[Folder]], None],
    stop: Callable[[list[Folder]], None],
    detail: str,
) -> None:
    """Turn a fault on for a time, as Occurrence.for_a_time does; {} in detail stands for the names
    of the folders.
    """
    staging = event.world.replication.staging
    folders = staging.named(params.group, params.folder)
    which = params.folder or params.group or "every folder"
    event.for_a_time(
        params.duration,
        lambda: start(folders),
        lambda: stop(folders),
        detail.format(which),
    )
