"""Backup jobs report success and leave a file with nothing useful inside."""

from __future__ import annotations

from typing import Literal

from dr_sim.backups.model import KIND_OF_WORD
from dr_sim.backups.model import Kind as BackupKind
from dr_sim.faults.kind import Kind, Occurrence
from dr_sim.scenario.fields import DatabaseName, Law, Params


class SilentBackups(Params):
    database: DatabaseName
    kind: Literal["any", "full", "incremental", "log"] = "any"
    duration: Law


def happen(event: Occurrence, params: SilentBackups) -> None:
    hollow = event.world.primary.databases[event.world.index_of(params.database)].hollow
    kinds = list(BackupKind) if params.kind == "any" else [KIND_OF_WORD[params.kind]]

    def stop() -> None:
        for kind in kinds:
            hollow.remove(kind)

    event.for_a_time(params.duration, lambda: hollow.extend(kinds), stop, "backups fail silently")


KIND = Kind(
    "silent_backups", SilentBackups, None, True,
    "exit code 0 and an empty file, whose hash agrees with its manifest; the log is not truncated, as no backup was made",
    "operators' threads: exit 0 with an empty file, set-ups that report success while nothing works",
    happen, needs_primary=True,
)  # fmt: skip
