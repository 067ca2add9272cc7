"""Disks that can be full: the files on a volume, the room that something else takes, and backups
that are being written.

A backup's file grows while its job reads. So a share is not full when a backup that will not fit
begins, but when the last free byte is written. At that instant every backup there that has bytes
left to write fails, since none of them finds room for its next one (SQL Server: 3202 with operating
system error 112). A live server removes the partial file of a failed backup [unsure: the facts are
silent], so the space is free again at once. A restore and a copy claim their room before they
begin: a restore creates its files at full size (3257 says how much is missing), and a copy sets its
file's size before it writes (assumed, as Windows' own copying does).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.world.kernel.agenda import Agenda, Class, Entry
from dr_sim.world.kernel.sharing import MICRO

if TYPE_CHECKING:
    from dr_sim.world.kernel.sharing import Flow, SharedRate

NO_LIMIT_BYTES = 1 << 62


class Volume:
    """One disk. changed() is called whenever there may be more room, or whenever something else
    takes room.
    """

    __slots__ = (
        "_caps",
        "_taken",
        "capacity_bytes",
        "changed",
        "used_bytes",
    )

    def __init__(self, capacity_bytes: int) -> None:
        """capacity_bytes 0: not limited."""
        self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self._taken: list[int] = []  # the room that something else takes
        # of an unlimited disk: the room in use while something else has all the rest
        self._caps: list[int] = []
        self.changed: list[Callable[[], None]] = []

    @property
    def limited(self) -> bool:
        return bool(self.capacity_bytes or self._caps)

    @property
    def free_bytes(self) -> int:
        """Return the free bytes, never negative; NO_LIMIT_BYTES if the disk is not limited."""
        if not self.limited:
            return NO_LIMIT_BYTES
        holds = (
            self.capacity_bytes - sum(self._taken)
            if self.capacity_bytes
            else NO_LIMIT_BYTES
        )
        if self._caps:
            holds = min(holds, *self._caps)
        return max(0, holds - self.used_bytes)

    def fits(self, size_bytes: int) -> bool:
        return (
            not (self.capacity_bytes or self._caps)
            or size_bytes <= self.free_bytes
        )

    def put(self, size_bytes: int) -> None:
        self.used_bytes += size_bytes

    def remove(self, size_bytes: int) -> None:
        self.used_bytes -= size_bytes
        if self.capacity_bytes or self._caps:
            self._tell()

    def take(self, size_bytes: int | None) -> Callable[[], None]:
        """Let something else take that much of the free room, or all of it if None or if there is
        no more. Return a function that gives it back.

        Files that come later do not change how much it takes: on a disk that is not limited it
        leaves the room that is used now.
        """
        free = self.free_bytes
        if self.capacity_bytes:
            kept, amount = (
                self._taken,
                free if size_bytes is None else min(size_bytes, free),
            )
        else:
            kept, amount = (
                self._caps,
                self.used_bytes + self.writing_bytes(),
            )
        kept.append(amount)
        self._tell()

        def back() -> None:
            kept.remove(amount)
            self._tell()

        return back

    def writing_bytes(self) -> int:
        """Return the bytes of files that are not finished yet, rounded up."""
        return 0

    def _tell(self) -> None:
        for do in self.changed:
            do()


@dataclass(slots=True)
class Writing:
    """A file that is being written: the flow that it comes by, on which disk, and its bytes (or
    those until it dies). failed() is called when there is no room for it.
    """

    disk: SharedRate
    flow: Flow
    amount: int
    failed: Callable[[], None]


class BackupShare(Volume):
    """The primary's share, where files grow. Each of them that finds no room fails at that
    instant.
    """

    __slots__ = ("_agenda", "_alarm", "_writing")

    def __init__(self, agenda: Agenda, capacity_bytes: int) -> None:
        super().__init__(capacity_bytes)
        self._agenda = agenda
        self._writing: dict[int, Writing] = {}  # by the file's number
        self._alarm: Entry | None = None
        self.changed.append(self.plan)

    @property
    def free_bytes(self) -> int:
        return (
            max(0, super().free_bytes - self.writing_bytes())
            if self.limited
            else NO_LIMIT_BYTES
        )

    def writing_bytes(self) -> int:
        return -(-self._written() // MICRO)

    def _written(self) -> int:
        """Return the bytes written, in millionths."""
        return sum(
            file.amount * MICRO - file.disk.left(file.flow)
            for file in self._writing.values()
        )

    def begin(self, number: int, file: Writing) -> None:
        """Begin to write a file."""
        self._writing[number] = file
        self.plan()

    def writing(self, number: int) -> bool:
        return number in self._writing

    def end(self, number: int) -> None:
        """End a backup; its file is added with `put`."""
        self._writing.pop(number, None)

    @property
    def overfull(self) -> bool:
        """Return whether the files being written do not fit: the last byte of one that ends now may
        be one too many.
        """
        return self.limited and super().free_bytes * MICRO < self._written()

    def plan(self) -> None:
        """Plan when the last free byte will be written at the present rates. It is planned again
        each time that a rate changes.
        """
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self.limited or not self._writing:
            return
        at_us = self._full_at_us()
        if at_us is not None:
            self._alarm = self._agenda.at(at_us, Class.JOB, -1, self._full)

    def _full_at_us(self) -> int | None:
        """Return when the disk is full, at constant rates of the flows from their beginnings on;
        None: they end before that.
        """
        now = self._agenda._now
        free = (super().free_bytes) * MICRO - self._written()
        total = sum(
            file.disk.left(file.flow) for file in self._writing.values()
        )
        if total <= free:
            return None
        begins = sorted(
            (max(now, file.flow.begins_us), file.flow.rate)
            for file in self._writing.values()
        )
        at, rate = now, 0
        for begin, its_rate in begins:
            if rate and at - (-free // rate) <= begin:
                break
            free -= rate * (begin - at)
            at, rate = begin, rate + its_rate
        if not rate:
            return None
        return at - (-free // rate) if free > 0 else at

    def _full(self) -> None:
        self._alarm = None
        if self.free_bytes:
            self.plan()  # a flow ended before its time
            return
        now = self._agenda._now
        for number, file in list(self._writing.items()):
            grows = file.flow.begins_us <= now and file.disk.left(file.flow)
            if number in self._writing and grows:
                file.failed()
        self.plan()
