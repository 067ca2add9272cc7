"""The headers of the backup files of real engines."""

from __future__ import annotations

from dr_sim.backups.model import BackupHeader
from dr_sim.engines import backup_set
from dr_sim.engines.backup_set import DamagedError
from dr_sim.engines.own_errors import DAMAGE, refusal


def header_of(magic: bytes, data: bytes, path: str) -> BackupHeader:
    """Return the header of a file with that content. Raises EngineError if it is damaged. magic:
    how the engine's files begin.
    """
    try:
        found = backup_set.decode(magic, data)
        backup_set.check_length(found, data)
    except DamagedError as damage:
        raise refusal(DAMAGE[damage.what], path=path) from None
    return found.header()
