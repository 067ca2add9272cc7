"""Backup jobs report success and leave a file with nothing useful inside.

Whether the server believes them is a choice. By SQL Server's rules a job that never got the server
to back up (a script that ignores errors) truncates nothing: a backup that the server itself makes
fails loudly (3201, 3202) where its file cannot be written. The server is deceived only where the
device accepts what it throws away (BACKUP ... TO DISK = 'NUL', a virtual device of another product,
storage that loses writes): then it has made its backup, truncates the log, and a full moves the
differential base. By PostgreSQL's rules the archiver's exit code is all that the server hears: it
recycles the segment. Its base backups are taken by a client, and move nothing in the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.backups.model import KIND_OF_WORD
from dr_sim.backups.model import Kind as BackupKind
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import YesNo
from dr_sim.scenario.kind import PRIMARY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class SilentBackups(Params):
    database: DatabaseName
    kind: Literal["any", "full", "incremental", "log"] = Field(
        "any", description="the kind of backup file; any: all kinds"
    )
    duration: Law
    truncates: YesNo | None = Field(
        None,
        description="whether the server believes that the backup was "
        "made, so that a log backup truncates the log; if "
        "left out: yes by PostgreSQL's rules, no by SQL "
        "Server's rules",
    )


def happen(event: Occurrence, params: SilentBackups) -> None:
    index = event.world.index_of(params.database)
    db = event.world.primary.databases[index]
    postgres = event.world.context.scenario.engine.postgres_rules
    kinds = (
        list(BackupKind)
        if params.kind == "any"
        else [KIND_OF_WORD[params.kind]]
    )
    believed = [k for k in kinds if k is BackupKind.LOG or not postgres]
    if not (postgres if params.truncates is None else params.truncates):
        believed = []

    def start() -> None:
        db.hollow.extend(kinds)
        db.believed.extend(believed)

    def stop() -> None:
        for kind in kinds:
            db.hollow.remove(kind)
        for kind in believed:
            db.believed.remove(kind)

    event.for_a_time(
        params.duration, start, stop, "backups fail silently", index
    )


KIND = EventKind(
    "silent_backups",
    SilentBackups,
    None,
    True,
    "backups that end with exit code 0 and an empty file, whose hash "
    "agrees with its manifest; if the server believes that the backup "
    "was made (`truncates`), the log is truncated and its range is lost "
    "for good",
    "operators' threads: exit 0 with an empty file, set-ups that report success while "
    "nothing works; WAL-G issues 619 and 1578:"
    " an archive command that reports success and stored nothing; vendor documentation: "
    "BACKUP LOG to NUL truncates the log",
    happen,
    needs_primary=True,
    explains=(Explains.EMPTY_BACKUP,),
    draws=lambda r, db: {
        "database": db,
        "kind": r.choice(["any", "full", "log"]),
        "duration": r.choice(["4 min", "40 min", "200 min"]),
    },
    affects=lambda params: PRIMARY,
)
