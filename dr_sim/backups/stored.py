"""Whole files in a share, as retention sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

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


class Gone(NamedTuple):
    """A file that retention deletes."""

    finished_utc_us: int
    name: str


def gone_of(file: Stored) -> Gone:
    return Gone(file.header.finished_utc_us, file.name)


def in_order(gone: list[Gone]) -> list[str]:
    """Return the names, the oldest file first."""
    return [name for _, name in sorted(gone)]
