"""Differences in the setup of the secondary, and their effect on its engine.

A change at the primary is a record in the log, at one LSN. As long as the secondary is not set up
for it, it refuses every backup that ends past that LSN: the log that holds the record, each later
log, and incrementals and fulls that contain the change. Files land as always. The errors are the
engine's own.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dr_sim.engines.port import EngineError
from dr_sim.engines.postgres_words import refusal as postgres_refusal
from dr_sim.engines.sql_server_errors import refusal
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.backup_file import BackupFile


class Reason(enum.Enum):
    FILE_ADDED = "file_added"
    DISK_MISSING = "disk_missing"
    NEWER_VERSION = "newer_version"
    KEY_MISSING = "key_missing"


POSTGRES_REASONS = (Reason.FILE_ADDED, Reason.DISK_MISSING)
"""The changes in the log that can stop a PostgreSQL standby: versions are those of the whole
server, and backups are encrypted by separate tools.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """One difference. lsn: the place of the change in the primary's log."""

    database: int
    lsn: int
    reason: Reason

    def error(self, database: str, imitates: str) -> EngineError:
        """Return the secondary engine's error for a backup that holds the change."""
        if imitates == "postgres":
            return postgres_refusal(
                5133, path=f"/data/tablespaces/{database}_2"
            )
        if self.reason is Reason.NEWER_VERSION:
            return refusal(3169, there="16.00.4165", here="16.00.4085")
        if self.reason is Reason.KEY_MISSING:
            return refusal(33111, thumbprint="0x7E3A5C1D90B2")
        file = f"{database}_2"
        drive, why = ("F", "3(The system cannot find the path specified.)")
        if self.reason is Reason.DISK_MISSING:
            drive, why = "G", "21(The device is not ready.)"
        return refusal(
            5133, path=rf"{drive}:\data\{file}.ndf", why=why, file=file
        )


class SetUp:
    """The set-up of the secondary: which changes at the primary it knows nothing of."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.differences: list[Difference] = []

    def differs(self, difference: Difference) -> None:
        """Note that the primary was changed, and nobody has set this side up for it."""
        self.differences.append(difference)
        self._tell_witness(difference.database)

    def set_right(self, difference: Difference) -> None:
        """Note that somebody has set this side up for the change."""
        self.differences.remove(difference)
        self._tell_witness(difference.database)

    def _tell_witness(self, database: int) -> None:
        stops = [d.lsn for d in self.differences if d.database == database]
        context = self._context
        context.witness.stops_at(context.now_us, database, stops)

    def refusal(self, content: BackupFile) -> EngineError | None:
        """Return the engine's error for a backup that holds a change that this side is not set up
        for.
        """
        for difference in self.differences:
            if difference.database != content.database:
                continue
            if content.header.last_lsn > difference.lsn:
                return difference.error(
                    content.database_name,
                    self._context.scenario.engine.imitates,
                )
        return None
