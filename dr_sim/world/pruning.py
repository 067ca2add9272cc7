"""Retention: the files that are due at the primary, and the deletion of many files at once, with
rows by columns and each owner in one step.

Only logs that the secondary's database already holds are deleted at once, which is nearly all:
their loss changes nothing that would survive. Where disks are limited or somebody watches the
commands, and for all other files, each file is deleted by itself (Primary.delete, Hands). The
records are the same either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, repeat
from typing import Any

from dr_sim.backups.log_run import ByName
from dr_sim.backups.model import Kind
from dr_sim.backups.retention import Shelf, StoredFile, prunable
from dr_sim.recovery import commands as c
from dr_sim.stores import MemoryStore
from dr_sim.world.backup_file import BackupFile
from dr_sim.world.context import Context
from dr_sim.world.primary import Primary
from dr_sim.world.primary_database import PrimaryDatabase
from dr_sim.world.replication import Replication
from dr_sim.world.secondary import Secondary

RETENTION = "retention"
_FILE = ("index", "number", "where", "why")
_GONE = ("truth.file_gone", "seq", "at", *_FILE)
_DELETED = (
    ("seen.Delete", "seq", "at", "index", "database", "name"),
    ("truth.file_gone", "seq+1", "at", *_FILE),
    ("seen.Save", "seq+2", "at", "-1", "key", "nothing"),
)


class Pruning:
    """The deletion of many files at once. together: how many files were deleted so, on
    either side.
    """

    def __init__(
        self, context: Context, primary: Primary, secondary: Secondary
    ) -> None:
        self._context = context
        self._primary = primary
        self._secondary = secondary
        self.together = 0
        journal = context.journal
        self._gone = journal.pattern(("seq", "at", *_FILE), [_GONE])
        self._deleted = journal.pattern(
            ("seq", "at", *_FILE, "database", "name", "key", "nothing"),
            _DELETED,
        )

    def at_primary(self, files: Sequence[BackupFile]) -> None:
        """Delete files of one database from the primary's share, in that order."""
        for alike, group in groupby(
            files, key=lambda file: file.at_primary and _is_log(file)
        ):
            logs = list(group)
            if not (alike and self._at_once(logs, "primary")):
                for file in logs:
                    self._primary.delete(file, RETENTION)
                continue
            journal, now = self._context.journal, self._context.now_us
            texts, seq = journal.texts, journal.take(len(logs))
            columns = {
                "seq": range(seq, seq + len(logs)),
                "at": repeat(now),
                "index": repeat(logs[0].database),
                "number": [file.number for file in logs],
                "where": repeat(texts["primary"]),
                "why": repeat(texts[RETENTION]),
            }
            self._gone.write(columns)

    def at_secondary(
        self,
        commands: Sequence[Any],
        first: int,
        index: int,
        store: MemoryStore,
    ) -> int:
        """Carry out commands from that one on, as long as each deletes a log of the database and
        the next one its counter; return how many.
        """
        database = commands[first].database
        prefix = f"attempts/{database}/"
        by_name = self._context.by_name[index]
        logs, keys = [], []
        for at in range(first, len(commands) - 1, 2):
            delete, save = commands[at], commands[at + 1]
            if (
                not (
                    isinstance(delete, c.Delete)
                    and isinstance(save, c.Save)
                )
                or delete.database != database
            ):
                break
            file = by_name.get(delete.name)
            if (
                file is None
                or not file.at_secondary
                or not _is_log(file)
                or save.key != prefix + delete.name
                or save.value
            ):
                break
            logs.append(file)
            keys.append(save.key)
        if not self._at_once(logs, "secondary"):
            return 0
        store.forget(keys)
        journal, now = self._context.journal, self._context.now_us
        texts, seq = journal.texts, journal.take(3 * len(logs))
        # texts get their ids in the order in which the steps would first use them
        used = (database, logs[0].name, "secondary", RETENTION, keys[0], "")
        database_id, _, where, why, _, nothing = (
            texts[text] for text in used
        )
        numbers = [file.number for file in logs]
        names = [texts[file.name] for file in logs]
        saved = [texts[key] for key in keys]
        self._deleted.write(
            {
                "seq": range(seq, seq + 3 * len(logs), 3),
                "at": repeat(now),
                "index": repeat(index),
                "number": numbers,
                "where": repeat(where),
                "why": repeat(why),
                "database": repeat(database_id),
                "name": names,
                "key": saved,
                "nothing": repeat(nothing),
            }
        )
        return 2 * len(logs)

    def _at_once(self, logs: list[BackupFile], where: str) -> bool:
        """Remove the logs from everything that has them or knows of them. Return False if they are
        still there.
        """
        context, side = (
            self._context,
            self._primary if where == "primary" else self._secondary,
        )
        if len(logs) < 2 or side.share.limited:
            return False
        index = logs[0].database
        if not context.witness.not_missed(
            index, [file.number for file in logs], where
        ):
            return False
        side.let_go(logs)
        self.together += len(logs)
        by_name = context.by_name[index]
        for file in logs:
            if not file.at_primary and not file.at_secondary:
                by_name.pop(file.name, None)
        return True


def due_at_primary(
    context: Context,
    db: PrimaryDatabase,
    replications: Sequence[Replication],
) -> list[BackupFile]:
    """Return the files that retention deletes from the primary's share now (R18): never one that a
    chain still needs, or that is yet to be copied to one of the standbys.
    """
    spec, by_name = context.scenario.primary, context.by_name[db.index]
    keep = (
        context.primary_utc_us(),
        spec.retention_us,
        spec.retention_count,
    )
    if not db.shelf.usual:
        db.shelf = Shelf.of(_whole(by_name))
    on_way = {
        file.number
        for each in replications
        for file in each.uncopied(db.index)
    }
    busy = any(replication.busy for replication in replications)
    gone = None if busy else db.shelf.prunable(*keep)
    if gone is None:
        gone = prunable(
            [
                StoredFile(f.name, f.header, copied=f.number not in on_way)
                for f in _whole(by_name)
            ],
            *keep,
        )
    old_us = context.primary_utc_us() - spec.retention_us
    gone += [f.name for f in db.torn if f.modified_utc_us < old_us]
    return [by_name[name] for name in gone]


def _whole(by_name: ByName[BackupFile]) -> list[BackupFile]:
    """Return the files at the primary. What lies there since an earlier role goes by itself
    (left_behind.py).
    """
    return [
        file
        for file in by_name.values()
        if file.at_primary and file.whole and not file.carried
    ]


def _is_log(file: BackupFile) -> bool:
    return file.kind is Kind.LOG and file.whole
