"""Says what a restore plan is made from: one database, with the files that are at hand.

Each source opens into files with headers, with some of them taken away, and knows how its positions
and forks are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dr_sim.backups.model import BackupHeader
from dr_sim.backups.target import (
    ASSUMED_FIXED_US,
    ASSUMED_RATE_BYTES_S,
    Told,
)
from dr_sim.importers.strange_rows import StrangeRow

ASSUMED_COSTS = "assumed, from 500 GB in 23 min 24 s; give --restore-rate and --restore-fixed"


@dataclass(frozen=True, slots=True)
class RestoreCosts:
    fixed_us: int = ASSUMED_FIXED_US
    rate_bytes_s: int = ASSUMED_RATE_BYTES_S
    source: str = ASSUMED_COSTS


@dataclass(slots=True)
class Opened:
    """Holds what is at hand. names, stored bytes and whole paths of files by backup_id; sizes that
    nothing tells are 0. positions: where in its file a backup lies, as far as it is told.
    """

    headers: list[BackupHeader]
    names: dict[int, str]
    told: Told = field(default_factory=Told)
    stored_bytes: dict[int, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    paths: dict[int, list[str]] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Forks:
    """Fork histories as they were given: child -> (parent, fork point), timelines by number, SQL
    Server's by GUID.
    """

    timelines: dict[int, tuple[int, int]] = field(default_factory=dict)
    guids: dict[str, tuple[str, int]] = field(default_factory=dict)


class Source(Protocol):
    """One database. BadValueError from any of these says what is wrong with a text that the user
    gave.
    """

    @property
    def database(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def costs(self) -> RestoreCosts: ...
    @property
    def strange(self) -> Sequence[StrangeRow]: ...
    @property
    def slack_us(self) -> int:
        """Return how much later than it tells a backup may have ended (Target.slack_us)."""

    def knows(self, name: str) -> bool:
        """Return whether there is a file of that name."""

    def open(self, without: Sequence[str], forks: Forks) -> Opened: ...

    def fork(self, text: str) -> int: ...

    def fork_text(self, fork: int) -> str: ...

    def lsn(self, text: str) -> int: ...

    def lsn_text(self, lsn: int) -> str: ...

    def position_text(self, fork: int, lsn: int) -> str: ...

    def stretch_text(
        self, fork: int, first_lsn: int, last_lsn: int
    ) -> str: ...
