"""The lists of a database's files: which are whole and which are not, kept up to date so that
retention need not look at each file (R18).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import RestoreState
from dr_sim.backups.retention import prunable
from dr_sim.backups.shelf import Shelf
from dr_sim.backups.stored import Stored
from dr_sim.recovery.config import DatabaseConfig
from dr_sim.recovery.files.file_life import Content

if TYPE_CHECKING:
    from dr_sim.recovery.files.file import File
    from dr_sim.recovery.files.files import HeldFiles


class Shelves:
    """The whole files of a database, and the others that are known.

    A shelf is spoilt when one of its files is no longer whole. Files on neither shelf are found by
    looking at each file.
    """

    __slots__ = ("_shelf", "_torn")

    def __init__(self) -> None:
        self._shelf = Shelf()
        self._torn: list[File] = []

    # ---- what happens to files
    def put(self, file: File) -> None:
        """Put a whole file on the shelf."""
        self._shelf.add(cast(Stored, file))

    def put_run(self, run: LogRun) -> None:
        """Put whole, consecutive logs on the shelf."""
        self._shelf.add_run(run)

    def hold_as_run(self, run: LogRun) -> None:
        """Hold whole logs that lie here one by one as a run from now on."""
        self._shelf.hold_as_run(run)

    def tear(self, file: File) -> None:
        """Take a file that is not whole, or no longer, off the shelf."""
        if file.header is not None:
            self._shelf.spoil()
        elif file not in self._torn:
            self._torn.append(file)

    def spoil(self) -> None:
        """Note that something unusual has happened to a whole file."""
        self._shelf.spoil()

    def take_away(self, *names: str) -> None:
        """Remove whole files that are not here any more."""
        self._shelf.remove(*names)

    def take_run_away(self, run: LogRun) -> None:
        """Remove whole logs that are not here any more."""
        self._shelf.remove_run(run)

    # ---- retention
    def usual(self, files: Mapping[str, File]) -> bool:
        """Tell whether all files lie on the shelves, so that none has to be looked at."""
        self._torn = [
            file
            for file in self._torn
            if files.get(file.name) is file
            and file.content is not Content.WHOLE
        ]
        if any(file.content is Content.UNREAD for file in self._torn):
            return False
        return len(self._shelf) + len(self._torn) == len(files)

    def prunable(
        self, config: DatabaseConfig, state: RestoreState, utc_us: int
    ) -> list[str] | None:
        """Return the names of whole files that may go; None: each file must be looked at."""
        return self._shelf.prunable(
            utc_us, config.retention_us, config.keep_fulls, state
        )

    def prunable_of_each(
        self,
        files: HeldFiles,
        config: DatabaseConfig,
        state: RestoreState,
        utc_us: int,
    ) -> list[str]:
        """Return the same, having looked at each file."""
        self._torn = [f for f in files.not_in_runs() if not _is_whole(f)]
        if not self._shelf.usual or len(self._shelf) + len(
            self._torn
        ) != len(files):
            self._shelf = Shelf.of(_whole(files.with_runs()))
            names = self.prunable(config, state, utc_us)
            if names is not None:
                return names
        return prunable(
            cast(list[Stored], _whole(files.values())),
            utc_us,
            config.retention_us,
            config.keep_fulls,
            state,
        )

    def useless(self, finished_before_utc_us: int) -> list[File]:
        """Return old files that no copy makes whole and nothing waits for."""
        return [
            file
            for file in self._torn
            if file.modified_utc_us < finished_before_utc_us
            and (
                file.content is Content.LOST
                or (file.done and file.content is Content.BAD)
            )
        ]


def _is_whole(file: File) -> bool:
    return file.content is Content.WHOLE and file.header is not None


def _whole(files: Iterable[File | LogRun]) -> list[Stored | LogRun]:
    """Return those that are whole, as the logs of a run are."""
    found = [f for f in files if isinstance(f, LogRun) or _is_whole(f)]
    return cast(list[Stored | LogRun], found)
