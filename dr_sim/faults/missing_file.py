"""The next backup's file of a kind vanishes: from the primary's share before it is copied, from the
secondary's as soon as it has landed, or from both, as a deletion in one replicated share deletes
the file in the other.

Its log is truncated all the same. A file that is lost at the secondary alone can be copied again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.backups.model import KIND_OF_WORD
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.kind import BOTH, COPY, PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


class MissingFile(Params):
    database: DatabaseName
    kind: Literal["full", "incremental", "log"] = Field(
        "log",
        description="the kind: the file of the next backup of this kind "
        "disappears",
    )
    where: Literal["primary", "secondary", "both"] = Field(
        "primary",
        description="primary: the file disappears before it is copied; "
        "secondary: as soon as it has landed; both: as soon "
        "as it has landed, at both sides at once",
    )


def happen(event: Occurrence, params: MissingFile) -> None:
    world = event.world
    index = world.index_of(params.database)
    kind = KIND_OF_WORD[params.kind]
    event.begins("file lost", index)
    chosen: list[BackupFile] = []

    def offered(file: BackupFile) -> bool:
        """Return whether the file is lost before anybody copies it."""
        if (
            chosen
            or file.database != index
            or file.kind is not kind
            or not file.whole
        ):
            return False
        chosen.append(file)
        if params.where != "primary":
            world.on_landing.append(landed)
            return False  # and this stays in the list until then: nothing about it is quiet
        world.primary.delete(file, "lost")
        over(file)
        return True

    def landed(file: BackupFile) -> None:
        if file is not chosen[0]:
            return
        world.on_landing.remove(landed)
        if params.where == "both":
            there = world.lead.context.by_name[index].get(file.name)
            if there is not None:
                world.primary.delete(there, "lost")
        world.secondary.delete(file, "lost")
        over(file)

    def over(file: BackupFile) -> None:
        world.on_offer.remove(offered)
        event.ends(f"file lost: {file.name}", index)

    world.on_offer.append(offered)


_BEFALLS = {"primary": PRIMARY, "secondary": COPY, "both": BOTH}

KIND = EventKind(
    "missing_file",
    MissingFile,
    "database",
    True,
    "a second job, a clean-up script or a person removes a backup. A "
    "missing log cannot be made again from the primary's log. A deletion "
    "in one replicated share also deletes the file in the other",
    "operators' threads: a second log-backup job elsewhere steals log; retention that "
    "deletes what is still needed; Windows DFS"
    " Replication replicates deletions",
    happen,
    needs_log=True,
    explains=(Explains.FILE_LOST,),
    affects=lambda params: _BEFALLS[params.where],
    draws=lambda r, db: db,
)
