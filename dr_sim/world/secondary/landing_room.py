"""The room for files in the share where they land, claimed before they are sent."""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.world.kernel.volume import Volume
from dr_sim.world.primary.backup_file import BackupFile


class LandingRoom:
    """The room in one share. changed: called when there may be more of it."""

    def __init__(self, share: Volume, changed: Callable[[], None]) -> None:
        self._share = share
        self._changed = changed
        # by number: the room for a file that has not landed
        self._claimed: dict[int, int] = {}
        share.changed.append(changed)

    def moves_to(self, share: Volume) -> None:
        """Use another share from now on. No room has been claimed yet."""
        self._share.changed.remove(self._changed)
        self._share = share
        share.changed.append(self._changed)

    @property
    def claimed_bytes(self) -> int:
        """Return the room for files that have not landed."""
        return sum(self._claimed.values())

    def suffices_for(self, file: BackupFile) -> bool:
        return (
            file.at_secondary
            or file.number in self._claimed
            or self._share.fits(file.nominal_bytes)
        )

    def claim(self, file: BackupFile) -> None:
        if not file.at_secondary and file.number not in self._claimed:
            self._claimed[file.number] = file.nominal_bytes
            self._share.put(file.nominal_bytes)

    def give_back(self, file: BackupFile) -> None:
        """Give back the room for a file that will not land."""
        self._share.remove(self._claimed.pop(file.number, 0))

    def give_all_back(self) -> None:
        self._share.remove(self.claimed_bytes)
        self._claimed.clear()

    def use(self, file: BackupFile) -> None:
        """Note that a file has landed."""
        claimed = self._claimed.pop(file.number, None)
        if claimed is None and not file.at_secondary:
            # sent over a copy that was deleted meanwhile
            self._share.put(file.nominal_bytes)
