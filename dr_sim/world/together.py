"""The things that several standbys behind one primary have in common.

Each standby and the primary are a pair (pair.py). Each pair has rows, a witness and files of its
own, as if there were no other. What the primary does is recorded in the rows of all of them, told
to each witness, and each of its backups is a file in each pair: so whatever reads the rows of one
pair finds all that happened to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.backups.model import BackupHeader
from dr_sim.oracle.witness import Witness
from dr_sim.streams import OnceStream, Stream, Streams


class Witnesses(Witness):
    """Tells each of them what happens at the primary. Nothing else may be asked of them
    together.
    """

    def __init__(self, each: Sequence[Witness]) -> None:
        self.each = list(each)

    def made(
        self, t: int, db: int, file: int, header: BackupHeader, commits: int
    ) -> None:
        for witness in self.each:
            witness.made(t, db, file, header, commits)

    def damaged(self, t: int, db: int, file: int, where: str) -> None:
        for witness in self.each:
            witness.damaged(t, db, file, where)

    def gone(self, t: int, db: int, file: int, where: str) -> None:
        for witness in self.each:
            witness.gone(t, db, file, where)

    def log_kept(self, t: int, db: int, kept: bool) -> None:
        for witness in self.each:
            witness.log_kept(t, db, kept)

    def writes_changed(self, t: int, db: int) -> None:
        for witness in self.each:
            witness.writes_changed(t, db)


class StreamsAt(Streams):
    """The draws of what happens at one place: named by it, so that two standbys do not share their
    luck.
    """

    def __init__(self, streams: Streams, place: str) -> None:
        self._streams = streams
        self._at = f" at {place}"

    def of(self, entity: str, purpose: str, lane: str = "") -> Stream:
        return self._streams.of(entity + self._at, purpose, lane)

    def once(self, entity: str, purpose: str, lane: str = "") -> OnceStream:
        return self._streams.once(entity + self._at, purpose, lane)
