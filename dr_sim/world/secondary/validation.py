"""Validation at the secondary: a file is read and hashed, and compared with its manifest.

It takes as long as its bytes take on the secondary's disk, which restores share. Without it nothing
but the header of a file is read, and that takes no time. The header says of which database it is a
backup: one of another database fails, whatever its hash says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from dr_sim.backups.model import BackupHeader
from dr_sim.engines.port import EngineError
from dr_sim.scenario.model import BackupCost
from dr_sim.world.kernel.clock import pace
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.sharing import SharedRate
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.secondary.secondary_work import NOT_THERE, Work


@dataclass(frozen=True, slots=True)
class _WrongFile:
    """Something wrong that validation finds: its outcome, and the error that it reports."""

    outcome: str
    number: int
    text: str


NO_MANIFEST = _WrongFile(
    "no_manifest",
    60003,
    "The backup has no manifest: it was cut off while it was being made.",
)
OTHER_HASH = _WrongFile(
    "hash_mismatch",
    60001,
    "The hash of the file is not the one in its manifest.",
)
OTHER_PROPERTIES = _WrongFile(
    "properties_mismatch",
    60002,
    "The size and the time of last write of the file are not those that the primary's share "
    "lists for it.",
)

OTHER_DATABASE = _WrongFile(
    "properties_mismatch",
    60002,
    "The header of the file says that it is a backup of another database.",
)


def _is_of_another(header: BackupHeader, file: BackupFile) -> bool:
    """Return whether a file holds a backup of another database than its name says."""
    return header.database != file.database_name


class Validation:
    """Files that are being validated. disk: the secondary's."""

    def __init__(self, context: Context, disk: SharedRate) -> None:
        self._context = context
        self._disk = disk
        self._cost = BackupCost(0, context.scenario.secondary.hash_bytes_s)
        self._hash = context.scenario.replay.validate_hash
        self._properties = context.scenario.replay.validate_properties
        self.under_way: list[Work] = []

    def begin(
        self,
        file: BackupFile,
        incarnation: int,
        done: Callable[[Work, str, BackupHeader | None, int, str], None],
    ) -> None:
        """Read and hash the file; done(work, outcome, header, error number, error text), outcome
        'ok' if it passed.

        Without validation nothing but the header is read, which takes no time.
        """
        work = Work(file, incarnation, done)
        self.under_way.append(work)
        size = (
            file.content.nominal_bytes
            if file.at_secondary and self._hash
            else 0
        )
        cost = self._cost
        clock, now = self._context.clock, self._context.now_us
        if clock.measured and self._hash:
            _, took_us = clock.time(lambda: self._look(file))
            clock.note(now, file.database, file.number, "hash", took_us)
            cost = pace(size, took_us)
        work.flow = self._disk.start(
            file.database,
            size,
            cost.rate_bytes_s,
            self._hashed,
            work,
            0,
            cost.fixed_us,
        )

    def _look(self, file: BackupFile) -> None:
        """Do validation's work on a file, only for the time that it takes."""
        path = self._context.at_secondary(file)
        with suppress(KeyError, EngineError):
            file.content.agrees(self._context.secondary_files.read(path))
            self._context.secondary_engine.read_header(path)

    def _hashed(self, work: Work) -> None:
        self.under_way.remove(work)
        file = work.file
        path = self._context.at_secondary(file)
        try:
            data = self._context.secondary_files.read(path)
        except KeyError:
            work.done(work, "missing", None, *NOT_THERE)
            return
        wrong = self._wrong_with(file, data)
        if wrong is not None:
            work.done(work, wrong.outcome, None, wrong.number, wrong.text)
            return
        try:
            header = self._context.secondary_engine.read_header(path)
        except EngineError as error:
            work.done(work, "hash_mismatch", None, error.number, error.text)
            return
        if _is_of_another(header, file):
            wrong = OTHER_DATABASE
            work.done(work, wrong.outcome, None, wrong.number, wrong.text)
            return
        file.validated = True
        made_as = file.content.header
        # one object for what is the same, as long as the file lies here
        work.done(
            work, "ok", made_as if header == made_as else header, 0, ""
        )

    def _wrong_with(
        self, file: BackupFile, data: bytes
    ) -> _WrongFile | None:
        """Return what tells that a file is not as it was made; None if it is."""
        content = file.content
        if content.made is None:
            return NO_MANIFEST
        if self._hash and not content.agrees(data):
            return OTHER_HASH
        if self._properties and content.properties != file.properties:
            return OTHER_PROPERTIES
        return None

    def abort_all(self) -> None:
        """Stop reading: whoever asked for it is dead."""
        for work in self.under_way:
            if work.flow is not None:
                self._disk.stop(work.flow)
        self.under_way.clear()
