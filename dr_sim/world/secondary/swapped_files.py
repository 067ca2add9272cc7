"""Files that arrive with the content of another one, and a manifest that agrees with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence
    from dr_sim.world.primary.backup_file import BackupFile


@dataclass(frozen=True, slots=True)
class SwappedFiles:
    """The next arrivals of one kind of backup of a database. what: as the record calls it."""

    what: str
    database: int
    kind: str
    count: int


def arrive_as_others(
    event: Occurrence,
    files: SwappedFiles,
    other: Callable[[BackupFile], BackupFile | None],
) -> None:
    """Let files arrive as others. other: as which one; None: as itself, and the event waits for the
    next.
    """
    world, index, left = event.world, files.database, files.count
    event.begins(files.what, index)

    def swap(file: BackupFile, data: bytes) -> bytes:
        nonlocal left
        concerned = file.database == index and file.kind.word == files.kind
        found = other(file) if left and concerned else None
        if found is None:
            return data
        left -= 1
        if not left:
            event.ends(files.what, index)
            world.replication.in_transit.remove(swap)
        file.replaced_by = found
        world.context.note(
            "truth.damaged",
            index,
            file.number,
            "transit",
            0,
            max(1, file.nominal_bytes),
        )
        path = world.context.at_primary(found)
        return bytes(world.context.primary_files.read(path))

    world.replication.in_transit.append(swap)
