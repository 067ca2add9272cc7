"""The restore folder at the secondary, on the share's disk: the working copies that the engine
reads (R5).

A copy has the name of its file with the number of attempts in it, as in the store, and is renamed
at each further attempt. It is removed when the engine has taken it, and when the file lands again
or is deleted; after a restore that failed it stays for the next attempt. Whatever a crash leaves
here, whole or in part, is cleared by the next life. The share itself is only read for this. A copy
takes room on the share's disk, from before its first byte is copied, unless it is cloned: then it
shares its file's blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dr_sim.backups.names import with_attempts
from dr_sim.world.kernel.volume import Volume
from dr_sim.world.primary.backup_file import BackupFile

FOLDER = "//secondary/restore"
PART = ".part"  # of a copy that is being made


class RestoreFolder:
    """The restore folder. files: the secondary's (port.Files); share: the path of a replicated file
    on that volume.
    """

    __slots__ = (
        "_claimed",
        "_cloned",
        "_copies",
        "_files",
        "_parts",
        "_share",
        "_volume",
    )

    def __init__(
        self,
        files: Any,
        share: Callable[[BackupFile], str],
        volume: Volume,
        cloned: bool,
    ) -> None:
        self._files = files
        self._share = share
        self._volume = volume
        self._cloned = cloned
        self._claimed: dict[int, int] = {}  # by file number, bytes
        self._copies: dict[int, str] = {}  # by file number, the path
        self._parts: list[str] = []

    def path_of(self, file: BackupFile) -> str:
        """Return the path of the file's working copy; '' if there is none."""
        return self._copies.get(file.number, "")

    def claim(self, file: BackupFile) -> bool:
        """Claim room for a copy of the file; return False if there is none."""
        if not self._cloned and file.number not in self._claimed:
            if not self._volume.fits(file.nominal_bytes):
                return False
            self._claimed[file.number] = file.nominal_bytes
            self._volume.put(file.nominal_bytes)
        return True

    def make(self, file: BackupFile, attempts: int) -> str:
        """Make a whole copy under the name that carries its attempts. Raises KeyError if the share
        has no such file.
        """
        path = f"{FOLDER}/{with_attempts(file.name, attempts)}"
        self._files.copy(self._share(file), path)
        self._copies[file.number] = path
        return path

    def rename(self, file: BackupFile, attempts: int) -> None:
        """Rename the file's working copy, if there is one, to the name that carries these
        attempts.
        """
        old = self._copies.get(file.number)
        if old is not None:
            new = self._copies[file.number] = (
                f"{FOLDER}/{with_attempts(file.name, attempts)}"
            )
            self._files.rename(old, new)

    def leave_part(
        self, file: BackupFile, attempts: int, done_bytes: int
    ) -> None:
        """Leave a partial copy: copying was interrupted after that many of its nominal bytes. It
        has its full size, with zeros instead of the rest.
        """
        path = f"{FOLDER}/{with_attempts(file.name, attempts)}{PART}"
        try:
            data = self._files.read(self._share(file))
        except KeyError:
            return  # it was removed from the share meanwhile
        done = len(data) * done_bytes // max(1, file.nominal_bytes)
        self._files.write(path, data[:done] + bytes(len(data) - done))
        self._parts.append(path)

    def drop(self, file: BackupFile) -> None:
        path = self._copies.pop(file.number, None)
        if path is not None:
            self._files.delete(path)
        if self._claimed:
            self._volume.remove(self._claimed.pop(file.number, 0))

    def clear(self) -> None:
        for path in (*self._copies.values(), *self._parts):
            self._files.delete(path)
        self._copies.clear()
        self._parts.clear()
        claimed, self._claimed = self._claimed, {}
        if claimed:
            self._volume.remove(sum(claimed.values()))
