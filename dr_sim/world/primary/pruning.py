"""Retention: the files that are due at the primary, and the deletion of many files at once, with
rows by columns and each owner in one step.

Only logs that the secondary's database already holds are deleted at once, which is nearly all:
their loss changes nothing that would survive. Where disks are limited or somebody watches the
commands, and for all other files, each file is deleted by itself (Primary.delete, Hands). The
records are the same either way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, repeat, takewhile
from typing import Any

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import Kind
from dr_sim.backups.retention import prunable
from dr_sim.backups.run_tables import ByName
from dr_sim.backups.shelf import Shelf
from dr_sim.backups.stored import StoredFile
from dr_sim.recovery import commands as c
from dr_sim.stores import MemoryStore
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.backup_file import BackupFile, FilesOfRun
from dr_sim.world.primary.primary import Primary
from dr_sim.world.primary.primary_database import PrimaryDatabase
from dr_sim.world.secondary.secondary import Secondary

RETENTION = "retention"
Pruned = BackupFile | FilesOfRun
"""A file, or the logs of a run."""
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

    def at_primary(self, files: Sequence[Pruned]) -> None:
        """Delete files of one database from the primary's share, in that order."""
        for alike, group in groupby(files, key=_goes_with_others):
            logs = list(group)
            if not (alike and self._at_once(logs, "primary")):
                for file in one_by_one(self._context, logs):
                    self._primary.delete(file, RETENTION)
                continue
            numbers = _numbers(logs)
            journal, now = self._context.journal, self._context.now_us
            texts, seq = journal.texts, journal.take(len(numbers))
            columns = {
                "seq": range(seq, seq + len(numbers)),
                "at": repeat(now),
                "index": repeat(logs[0].database),
                "number": numbers,
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
        names, keys = [], []
        for at in range(first, len(commands) - 1, 2):
            delete, save = commands[at], commands[at + 1]
            if (
                not (
                    isinstance(delete, c.Delete)
                    and isinstance(save, c.Save)
                )
                or delete.database != database
                or save.key != prefix + delete.name
                or save.value
            ):
                break
            names.append(delete.name)
            keys.append(save.key)
        logs = list(takewhile(_lies_there, pruned(by_name, names)))
        del names[_count(logs) :], keys[_count(logs) :]
        if not self._at_once(logs, "secondary"):
            return 0
        store.forget(prefix, names)
        journal, now = self._context.journal, self._context.now_us
        texts, seq = journal.texts, journal.take(3 * len(names))
        # texts get their ids in the order in which the steps would first use them
        used = (database, names[0], "secondary", RETENTION, keys[0], "")
        database_id, _, where, why, _, nothing = (
            texts[text] for text in used
        )
        ids = [texts[name] for name in names]
        saved = [texts[key] for key in keys]
        self._deleted.write(
            {
                "seq": range(seq, seq + 3 * len(names), 3),
                "at": repeat(now),
                "index": repeat(index),
                "number": _numbers(logs),
                "where": repeat(where),
                "why": repeat(why),
                "database": repeat(database_id),
                "name": ids,
                "key": saved,
                "nothing": repeat(nothing),
            }
        )
        return 2 * len(names)

    def _at_once(self, logs: Sequence[Pruned], where: str) -> bool:
        """Remove the logs from everything that has them or knows of them. Return False if they are
        still there.
        """
        context = self._context
        side = self._primary if where == "primary" else self._secondary
        if _count(logs) < 2 or side.share.limited:
            return False
        index = logs[0].database
        known = [
            each.run if isinstance(each, FilesOfRun) else each.number
            for each in logs
        ]
        if not context.witness.not_missed(index, known, where):
            return False
        self.together += _count(logs)
        by_name = context.by_name[index]
        for each in logs:
            if isinstance(each, FilesOfRun):
                side.let_run_go(each)
            else:
                side.let_go((each,))
            if each.at_primary or each.at_secondary:
                continue
            if isinstance(each, FilesOfRun):
                by_name.let_go(each.run)
            else:
                by_name.pop(each.name, None)
        return True


def pruned(
    by_name: ByName[BackupFile], names: Sequence[str]
) -> Iterator[Pruned]:
    """Return the files with these names, in their order, until one is not there. Logs of a run
    whose names follow one another are one thing.
    """
    for each in by_name.several(names):
        yield by_name.maker(each) if isinstance(each, LogRun) else each


def one_by_one(
    context: Context, logs: Sequence[Pruned]
) -> Iterator[BackupFile]:
    """Return the files, each log of a run by itself."""
    for each in logs:
        if isinstance(each, FilesOfRun):
            by_name = context.by_name[each.database]
            for name in each.run.names():
                yield by_name[name]
        else:
            yield each


def _goes_with_others(each: Pruned) -> bool:
    if isinstance(each, FilesOfRun):
        return True
    return each.at_primary and _is_log(each)


def _lies_there(each: Pruned) -> bool:
    if isinstance(each, FilesOfRun):
        return each.at_secondary
    return each.at_secondary and _is_log(each)


def _numbers(logs: Sequence[Pruned]) -> list[int]:
    found: list[int] = []
    for each in logs:
        if isinstance(each, FilesOfRun):
            found += each.run.numbers
        else:
            found.append(each.number)
    return found


def _count(logs: Sequence[Pruned]) -> int:
    return sum(
        len(each.run) if isinstance(each, FilesOfRun) else 1
        for each in logs
    )


def due_at_primary(
    context: Context,
    db: PrimaryDatabase,
    uncopied: Collection[str],
) -> list[Pruned]:
    """Return the files that retention deletes from the primary's share now (R18): never one that a
    chain still needs, or that is yet to be copied to one of the standbys: `uncopied`, by name.
    """
    spec, by_name = context.scenario.primary, context.by_name[db.index]
    keep = (
        context.primary_utc_us(),
        spec.retention_us,
        spec.retention_count,
    )
    if not db.shelf.usual:
        db.shelf = Shelf.of(_whole(by_name))
    gone = db.shelf.prunable(*keep, uncopied=uncopied)
    if gone is None:
        gone = prunable(
            [
                StoredFile(f.name, f.header, copied=f.name not in uncopied)
                for f in _whole(by_name)
            ],
            *keep,
        )
    old_us = context.primary_utc_us() - spec.retention_us
    gone += [f.name for f in db.torn if f.modified_utc_us < old_us]
    return list(pruned(by_name, gone))


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
