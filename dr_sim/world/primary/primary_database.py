"""One database at the primary and the jobs that back it up: the orders, the backups being made, the
files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dr_sim.backups.model import Kind
from dr_sim.backups.shelf import Shelf
from dr_sim.engines.port import Backup
from dr_sim.scenario.model import BackupCost, DatabaseSpec
from dr_sim.world.kernel.sharing import Flow
from dr_sim.world.primary.backup_file import FILE_BITS, BackupFile

if TYPE_CHECKING:
    from dr_sim.world.kernel.context import Context

# why a backup was skipped; the engine's error stands beside it
REFUSED = "refused by the engine"
FIRST_LSN = 1  # of every database: 0 is no LSN, a base of 0 means none
NAME_MEMORY_US = 60_000_000  # names are by the second; after a quiet minute all are forgotten
# of one that is never quiet: a log each second and fulls between run ahead by seconds a day
LONGEST_MEMORY_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class OnlyFor:
    """The store that a backup of its own schedule is for. context: that store knows it, and nobody
    else. offer: takes the finished file. cost: of a full. chain: the name of its chain where the
    engine keeps several apart; '' where it knows one.
    """

    place: str
    context: Context
    offer: Callable[[BackupFile], None]
    cost: BackupCost
    chain: str


@dataclass(slots=True)
class Order:
    """An order for a backup. answer is called with the finished file, None if it died. elsewhere:
    someone else ordered it, and its file goes to a folder of theirs: it takes no room of ours, and
    is not copied, kept or counted. only_for: it is for that store alone; None: it is one of the
    database's schedules.
    """

    kind: Kind
    answer: Callable[[BackupFile | None], None] | None = None
    tail: bool = False
    copy_only: bool = False
    elsewhere: bool = False
    only_for: OnlyFor | None = None

    @property
    def of_schedules(self) -> bool:
        """Return whether it belongs to the chain that the database's schedules make."""
        return not self.elsewhere and self.only_for is None

    @property
    def chain(self) -> str:
        """Return the name of the chain that it continues, as the engine knows it."""
        return "" if self.only_for is None else self.only_for.chain


class Rot(Protocol):
    """Pages of a database that have rotted."""

    def backup_reads(self, job: Job) -> bool:
        """Return whether a full that has read them fails over them."""

    def full_made(self, file: BackupFile, context: Context) -> None:
        """Note a full that holds them. context: in which it is recorded."""


class Job:
    """One backup that is being made."""

    __slots__ = ("amount", "db", "file", "flow", "op", "order", "path")

    def __init__(
        self,
        db: PrimaryDatabase,
        op: Backup,
        file: BackupFile,
        order: Order,
        path: str,
    ) -> None:
        self.db = db
        self.path = path  # where it writes
        self.op = op
        self.file = file
        self.order = order
        self.flow: Flow | None = None
        self.amount = (
            0  # the bytes that it reads before it ends, or before it dies
        )


class PrimaryDatabase:
    """One database at the primary. writes_until_us: it acknowledges nothing from then on (None: it
    continues).
    """

    __slots__ = (
        "base_lsn",
        "believed",
        "committed_us",
        "crossed",
        "cut_next_ppm",
        "data_lost",
        "down",
        "failed",
        "files_made",
        "hollow",
        "index",
        "log_broken",
        "named",
        "named_us",
        "own_bases",
        "own_running",
        "paused",
        "rot",
        "running",
        "shelf",
        "show_next_ppm",
        "simple",
        "spec",
        "torn",
        "waiting",
        "was_promoted",
        "writes_until_us",
    )

    def __init__(self, index: int, spec: DatabaseSpec) -> None:
        self.index = index
        self.spec = spec
        self.running: dict[Kind, Job] = {}
        # backups of stores' own schedules that are being made, by the place
        self.own_running: dict[tuple[str, Kind], Job] = {}
        # by chain: the LSN of the backup that its next incremental stands on
        self.own_bases: dict[str, int] = {}
        self.waiting: list[Order] = []
        self.paused: list[str] = []
        self.files_made = 0
        self.shelf = Shelf()  # the whole files in the share, for retention
        self.torn: list[BackupFile] = []  # the others there
        # names given lately, and when, oldest first: the next must differ from them
        self.named: dict[str, int] = {}
        self.named_us = 0
        self.base_lsn = FIRST_LSN  # names the backup that the next incremental stands on
        self.committed_us = 0  # up to when a real engine has committed
        self.was_promoted = False
        # the chains of which a log has been made since
        self.crossed: set[str] = set()
        self.cut_next_ppm = 0  # a fault: the next log backup is cut off at this part of its bytes
        # a fault: the next log backup's file is replicated when so much of it is written
        self.show_next_ppm = 0
        # a fault: backups of these kinds report success and hold nothing
        self.hollow: list[Kind] = []
        # those of them of which the server thinks that they were made
        self.believed: list[Kind] = []
        self.simple = (
            False  # recovery model SIMPLE: there are no log backups (4208)
        )
        # it was: there are none until a full or an incremental begins a new chain (4214)
        self.log_broken = False
        self.rot: Rot | None = None  # a fault: pages of it have rotted
        self.failed = ""  # the failure class that took it
        self.data_lost = False  # its disks do not hold it any more
        self.down = (
            False  # its server has fallen: its data and its log are whole
        )
        self.writes_until_us: int | None = None

    def names_taken(self, now_us: int) -> dict[str, int]:
        """Return the names that a backup begun now could collide with."""
        named = self.named
        if now_us - self.named_us > NAME_MEMORY_US:
            named.clear()
        while (
            named
            and now_us - named[oldest := next(iter(named))]
            > LONGEST_MEMORY_US
        ):
            del named[oldest]
        return named

    def name_given(self, name: str, now_us: int) -> None:
        self.named[name] = self.named_us = now_us

    def crosses_fork(self, chain: str) -> bool:
        """Return whether the next log of a chain is the first one since it was promoted."""
        return self.was_promoted and chain not in self.crossed

    @property
    def runs_ours(self) -> bool:
        """Return whether a backup job of our own is running. Someone else's does not wait
        for ours.
        """
        return any(not job.order.elsewhere for job in self.jobs)

    @property
    def jobs(self) -> list[Job]:
        """Return all backups of it that are being made."""
        return [*self.running.values(), *self.own_running.values()]

    @property
    def runs_data(self) -> bool:
        """Return whether a full or an incremental of it is being made."""
        return any(job.file.kind is not Kind.LOG for job in self.jobs)

    @property
    def runs_log(self) -> bool:
        """Return whether a log of it is being backed up, by whom ever."""
        return any(job.file.kind is Kind.LOG for job in self.jobs)

    def begins(self, job: Job) -> None:
        """Note a job that is running from now on."""
        if job.order.only_for is None:
            self.running[job.file.kind] = job
        else:
            place = job.order.only_for.place
            self.own_running[place, job.file.kind] = job

    def ends(self, job: Job) -> None:
        """Note that a job runs no more."""
        if job.order.only_for is None:
            del self.running[job.file.kind]
        else:
            del self.own_running[job.order.only_for.place, job.file.kind]

    @property
    def next_number(self) -> int:
        """Return the number of the next backup's file; the files after it get the following
        numbers.
        """
        return (self.index << FILE_BITS) | self.files_made

    @property
    def odd(self) -> bool:
        """Return whether its next backup will be unusual."""
        return bool(
            self.cut_next_ppm
            or self.show_next_ppm
            or self.hollow
            or self.simple
            or self.log_broken
        )
