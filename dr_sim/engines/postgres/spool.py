"""The log of one PostgreSQL cluster on its way into log backups.

The archiver copies each closed segment into the spool, where it stays until a finished log backup
holds it. A log backup closes the segment that is being written and waits until the archiver has it.
A tail is taken from a server that is stopped: from the spool, and from what lies in pg_wal.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dr_sim.engines.postgres import native
from dr_sim.engines.postgres.native import Native
from dr_sim.engines.postgres.server import SEGMENT_BYTES, PostgresServer

ARCHIVE_S = 60
Parts = list[tuple[str, bytes]]
"""Files of a backup: name, contents."""


@dataclass(slots=True)
class Segment:
    """A closed segment in the spool, written up to `used` bytes."""

    name: str
    used: int


class LogSpool:
    """The spool of a cluster whose folders lie in `folder`. timeline: that on which it writes;
    unread: something has been written since the last cut.
    """

    __slots__ = (
        "_next",
        "_pg_wal",
        "_server",
        "_spool",
        "segments",
        "timeline",
        "unread",
    )

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self._server = server
        self._spool = folder / "spool"
        self._pg_wal = server.data / "pg_wal"
        self._next = (
            0  # the number of the first segment that is not in the spool
        )
        self.timeline = 1
        self.segments: list[Segment] = []
        self.unread = False

    def begins_at(self, lsn: int) -> None:
        """Begin with the segment that holds a native LSN; none is in the spool."""
        self._next = native.segment_of(lsn)
        self.segments = []

    def cut(self) -> int:
        """Close the segment that is being written and wait until the archiver has it; return where
        it ends.
        """
        end = native.lsn(str(self._server.row("SELECT pg_switch_wal()")[0]))
        last = native.segment_of(end - 1)
        self.gather(last)
        if self.segments:
            self.segments[-1].used = end - last * SEGMENT_BYTES
        return end

    def gather(self, last: int) -> None:
        """Wait until the archiver has all segments up to that one. They are closed, and hold all
        that was written.
        """
        names = [
            native.segment_name(self.timeline, number)
            for number in range(self._next, last + 1)
        ]
        if names:
            self._wait_for(names)
        self.segments += [Segment(name, SEGMENT_BYTES) for name in names]
        self._next = max(self._next, last + 1)
        self.unread = False

    def is_offered(self) -> bool:
        """Return whether the archiver has, or has been given, every segment that is closed."""
        here = self._server.row("SELECT pg_current_wal_insert_lsn()")[0]
        now = native.segment_of(native.lsn(str(here)))
        status = self._pg_wal / "archive_status"
        for number in range(self._next, now):
            name = native.segment_name(self.timeline, number)
            marks = (
                self._spool / name,
                status / f"{name}.ready",
                status / f"{name}.done",
            )
            if not any(mark.exists() for mark in marks):
                return False
        return True

    def _wait_for(self, names: list[str]) -> None:
        """Raises EngineError: the server has fallen, or has not archived them in time."""
        server = self._server
        status = self._pg_wal / "archive_status"

        def archived() -> bool:
            return all(
                (self._spool / name).exists()
                and not (status / f"{name}.ready").exists()
                for name in reversed(names)
            )

        in_time = server.wait(
            lambda: archived() or not server.running, ARCHIVE_S
        )
        if not in_time:
            raise server.lost(
                f"had not archived segments {names[0]} to {names[-1]} after {ARCHIVE_S} s"
            )
        if not archived():
            raise server.last_words()

    def parts(self, segments: list[Segment]) -> Parts:
        """Return these segments as they go into a backup, after the history of the timeline."""
        parts = self._histories()
        for segment in segments:
            with (self._spool / segment.name).open("rb") as file:
                data = file.read(segment.used)
            if segment.used == SEGMENT_BYTES:
                # a backup or a failover has closed it: nobody knows how far it was written
                data = native.trimmed(data)
            parts.append((segment.name, data))
        return parts

    def _histories(self) -> Parts:
        if self.timeline == 1:
            return []
        places = sorted(self._pg_wal.glob("*.history"))
        return [(place.name, place.read_bytes()) for place in places]

    def drop(self, segments: list[Segment]) -> None:
        """Remove segments that are in a finished backup."""
        self.segments = [
            segment for segment in self.segments if segment not in segments
        ]
        for segment in segments:
            (self._spool / segment.name).unlink(missing_ok=True)

    def tail(self) -> Native:
        """Return what the log of a server that is stopped holds on disk, with the segment that it
        was writing.
        """
        first = self._next
        if self.segments:
            first = native.segment_number(self.segments[0].name)[1]
        found: dict[str, bytes] = {}
        for folder in (self._spool, self._pg_wal):
            for place in folder.iterdir():
                timeline, number = native.segment_number(place.name)
                if timeline == self.timeline and number >= first:
                    found[place.name] = native.trimmed(place.read_bytes())
        segments = [
            (name, data) for name, data in sorted(found.items()) if data
        ]
        begins = first * SEGMENT_BYTES
        parts = self._histories() + segments
        return Native(self.timeline, begins, 0, parts)
