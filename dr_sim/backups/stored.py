"""Whole files in a share, as retention sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dr_sim.backups.model import (
    BackupHeader,
)


class Stored(Protocol):
    """A whole file in a share. copied: it lies intact on the other side too (or need not)."""

    @property
    def name(self) -> str: ...
    @property
    def header(self) -> BackupHeader: ...
    @property
    def copied(self) -> bool: ...


@dataclass(slots=True)
class StoredFile:
    """The plainest Stored."""

    name: str
    header: BackupHeader
    copied: bool = True


def in_order(gone: list[Stored]) -> list[str]:
    gone.sort(key=lambda file: (file.header.finished_utc_us, file.name))
    return [file.name for file in gone]
