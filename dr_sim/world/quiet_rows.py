"""The rows of quiet logs, written by columns: of every log the rows that the steps would write,
each at its place.

A quiet log's life has six points at which rows are written together. Between them come rows of the
witness and of the alarm 'window'. Who knows the order of all of them, of one database or of many,
gives the seq of the first row at each point, by log; `in_turn` finds it for logs of one database,
of which each is restored before the next is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat

from dr_sim.record.pairs import AnyJournal

POINTS = ("at_cut", "at_finish", "at_landing", "at_told", "at_hash", "at_restore")
_LINE = (
    "index",
    "start",
    "incarnation",
    "database",
    "number",
    "name",
    "fork",
    "first_lsn",
    "last_lsn",
    "commits",
    "base",
    "differential_base",
    "cut",
    "finished",
    "landed",
    "hashed",
    "restored",
    *POINTS,
    "sending",
    "there",
    "counter_key",
    "counter",
    "clock_key",
    "clock",
)
"""What differs from log to log, or from stretch to stretch. Texts by their ids; the points by seq.
"""
_MOVING_LINE = (*_LINE, "host", "site", "lacking")

_SIZE = "last_lsn-first_lsn"
_CARRIED = "carried"
"""Stands for the base that a log tells of, which is 'base', or 0 by the rules of an engine whose
logs tell of none.
"""
_ROWS = (
    (
        "truth.backup_begin",
        "at_cut",
        "cut",
        "index",
        "number",
        "2",
        "fork",
        "first_lsn",
        "last_lsn",
        "commits",
    ),
    (
        "truth.backup_finished",
        "at_finish",
        "finished",
        "index",
        "number",
        "2",
        "fork",
        "first_lsn",
        "last_lsn",
        "commits",
        _SIZE,
        "name",
    ),
    ("truth.file_state", "at_finish+1", "finished", "index", "number", "sending"),
    ("truth.transfer_bytes", "at_landing", "landed", "index", "number", _SIZE),
    ("truth.file_state", "at_landing+1", "landed", "index", "number", "there"),
    (
        "truth.landed",
        "at_landing+2",
        "landed",
        "index",
        "number",
        "2",
        "fork",
        "first_lsn",
        "last_lsn",
        "1",
        "name",
    ),
    (
        "seen.Landed",
        "at_told",
        "landed",
        "index",
        "landed",
        "landed+start",
        "0",
        "database",
        "name",
        "finished+start",
        _SIZE,
    ),
    ("seen.Validate", "at_told+1", "landed", "index", "database", "name"),
    (
        "seen.Validated",
        "at_hash",
        "hashed",
        "index",
        "hashed",
        "hashed+start",
        "incarnation",
        "database",
        "name",
        "database",
        "number",
        "2",
        "fork",
        "first_lsn",
        "last_lsn",
        "base",
        _CARRIED,
        "0",
        "fork",
        "0",
        "cut+start",
        "finished+start",
        "0",
        "0",
        _SIZE,
    ),
    ("seen.Save", "at_hash+1", "hashed", "-1", "counter_key", "counter"),
    ("seen.RenameWorkingCopy", "at_hash+2", "hashed", "index", "database", "name", "1"),
    ("seen.Restore", "at_hash+3", "hashed", "index", "database", "name", "0"),
    ("truth.restored", "at_restore", "restored", "index", "number", "fork", "last_lsn", "commits"),
    (
        "seen.Restored",
        "at_restore+1",
        "restored",
        "index",
        "restored",
        "restored+start",
        "incarnation",
        "database",
        "name",
        "fork",
        "last_lsn",
        "differential_base",
    ),
    ("seen.Save", "at_restore+2", "restored", "-1", "clock_key", "clock"),
)


_SHOWN = (
    ("truth.survivable", "at_finish-1", "finished", "index", "host", "fork", "commits", "lacking"),
    ("truth.survivable", "at_told-1", "landed", "index", "site", "fork", "commits", "lacking"),
)
"""What the witness shows of nearly every log: another commit would survive, once it is finished and
once it has landed.
"""
_SURVIVABLE = ("truth.survivable", "seq", "at", "index", "class", "fork", "commits", "lacking")
_SENT = ("truth.file_state", "seq", "at", "index", "number", "state")
_RING = ("seq", "at", "goes_to", "index", "scope", "what", "incarnation", "start")
_RING_ROWS = (
    ("seen.Alarm", "seq", "at", "index", "at", "at+start", "incarnation", "scope", "what"),
    ("seen.SetAlarm", "seq+1", "at", "-1", "scope", "what", "goes_to"),
)


@dataclass(slots=True)
class Ring:
    """The alarm 'window' goes off before the rows at that point of a log's life, and only moves
    itself on; once in a life at the most.
    """

    point: int  # of POINTS
    at_us: int
    goes_to_us: int


@dataclass(slots=True)
class Places:
    """Seqs: by log, of the first row at each point, and of what the witness shows of class 'host'
    and 'site', if it does; in the order of the logs, of the alarm's. rows: how many there are in
    all.
    """

    points: dict[str, list[int]]
    host: list[int]
    site: list[int]
    rings: list[int]
    rows: int


def in_turn(
    first: int, host_us: Sequence[int], site_us: Sequence[int], rings: Mapping[int, Ring]
) -> Places:
    """Of logs of one database, one after the other, from that seq on. host_us, site_us: as
    Witness.shipped tells; rings: by log, in their order.
    """
    cut: list[int] = []
    finish: list[int] = []
    landing: list[int] = []
    told: list[int] = []
    hash_: list[int] = []
    restore: list[int] = []
    at_host: list[int] = []
    at_site: list[int] = []
    at_ring: list[int] = []
    at = first
    for log, (host, site) in enumerate(zip(host_us, site_us, strict=True)):
        rung = rings[log].point if log in rings else -1
        at += 2 * (rung == 0)
        cut.append(at)
        at += 1 + 2 * (rung == 1)
        at_host.append(at)
        at += host >= 0
        finish.append(at)
        at += 2 + 2 * (rung == 2)
        landing.append(at)
        at += 3 + 2 * (rung == 3)
        at_site.append(at)
        at += site >= 0
        told.append(at)
        at += 2 + 2 * (rung == 4)
        hash_.append(at)
        at += 4 + 2 * (rung == 5)
        restore.append(at)
        at += 3
        if rung >= 0:
            at_ring.append((cut, at_host, landing, at_site, hash_, restore)[rung][log] - 2)
    points = dict(zip(POINTS, (cut, finish, landing, told, hash_, restore), strict=True))
    return Places(points, at_host, at_site, at_ring, at - first)


class QuietRows:
    """Where they are written, in any order, of one database or of many: a column each,
    repeat(value) where all are alike.
    """

    def __init__(self, journal: AnyJournal, carries_base: bool) -> None:
        carried = "base" if carries_base else "0"
        rows = [tuple(carried if column is _CARRIED else column for column in row) for row in _ROWS]
        self._texts = journal.texts
        self._logs = journal.pattern(_LINE, rows)
        self._moving = journal.pattern(_MOVING_LINE, [*rows, *_SHOWN])
        self._survivable = journal.pattern(_SURVIVABLE[1:], [_SURVIVABLE])
        self._rings = journal.pattern(_RING, _RING_ROWS)
        self._sent = journal.pattern(_SENT[1:], [_SENT])
        self._lately = self._logs  # what was written to last

    def written(self, first: int, last: int) -> list[list[tuple[int, ...]]]:
        """The rows of some of the logs written last, a list a log: see journal.Pattern.lately."""
        return self._lately.lately(first, last)

    def rings_written(self, first: int, last: int) -> list[list[tuple[int, ...]]]:
        """Likewise, of alarms."""
        return self._rings.lately(first, last)

    def logs(self, columns: Mapping[str, Iterable[int]]) -> None:
        """columns: by the names in _LINE."""
        self._lately = self._logs
        self._logs.write(columns)

    def sent(self, columns: Mapping[str, Iterable[int]]) -> None:
        """Of logs that have waited for their transfer: that begins. columns: by the names in
        _SENT.
        """
        self._sent.write(columns)

    def moving_logs(self, columns: Mapping[str, Iterable[int]], lacking_us: Iterable[int]) -> None:
        """Logs of which each shows that another commit would survive, of both classes; columns: as
        of `logs`.
        """
        texts = self._texts
        self._lately = self._moving
        self._moving.write(
            {
                **columns,
                "host": repeat(texts["host"]),
                "site": repeat(texts["site"]),
                "lacking": lacking_us,
            }
        )

    def survivable(
        self, cls: str, lacking_us: Sequence[int], columns: Mapping[str, Iterable[int]]
    ) -> None:
        """What the witness shows of a class of failures, where lacking_us is not -1. columns:
        'seq', 'at', 'index', 'fork', 'commits'.
        """
        shows = [at_us >= 0 for at_us in lacking_us]
        columns = {**columns, "lacking": lacking_us, "class": repeat(self._texts[cls])}
        self._survivable.write({name: compress(column, shows) for name, column in columns.items()})

    def rings(self, rings: Sequence[Ring], columns: Mapping[str, Iterable[int]]) -> None:
        """columns: 'seq', 'index', 'scope', 'incarnation', 'start'."""
        at, goes_to = [ring.at_us for ring in rings], [ring.goes_to_us for ring in rings]
        self._rings.write(
            {**columns, "at": at, "goes_to": goes_to, "what": repeat(self._texts["window"])}
        )
