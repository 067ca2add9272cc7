"""The rows of quiet logs, written by columns: the rows that the ordinary steps would write, each at
its place.

A quiet log's life has six points at which rows are written together. Between them come rows of the
witness and of the alarm 'window'. The caller knows the order of all of them, for one database or
for many, and gives the seq of the first row at each point, by log. `in_turn` computes it for logs
of one database, where each log is restored before the next is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat

import numpy as np

from dr_sim.record.pairs import AnyJournal
from dr_sim.record.patterns import Column, Ints

POINTS = (
    "at_cut",
    "at_finish",
    "at_landing",
    "at_told",
    "at_hash",
    "at_restore",
)
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
"""The fields that differ from log to log, or from stretch to stretch: texts by their ids, points by
their seq.
"""
_MOVING_LINE = (*_LINE, "host", "site", "lacking")

_SIZE = "last_lsn-first_lsn"
_CARRIED = "carried"
"""A placeholder for the base that a log's header carries: the field 'base', or 0 for an engine
whose logs carry none.
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
    (
        "truth.file_state",
        "at_finish+1",
        "finished",
        "index",
        "number",
        "sending",
    ),
    (
        "truth.transfer_bytes",
        "at_landing",
        "landed",
        "index",
        "number",
        _SIZE,
    ),
    (
        "truth.file_state",
        "at_landing+1",
        "landed",
        "index",
        "number",
        "there",
    ),
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
    (
        "seen.RenameWorkingCopy",
        "at_hash+2",
        "hashed",
        "index",
        "database",
        "name",
        "1",
    ),
    (
        "seen.Restore",
        "at_hash+3",
        "hashed",
        "index",
        "database",
        "name",
        "0",
    ),
    (
        "truth.restored",
        "at_restore",
        "restored",
        "index",
        "number",
        "fork",
        "last_lsn",
        "commits",
    ),
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
    (
        "truth.survivable",
        "at_finish-1",
        "finished",
        "index",
        "host",
        "fork",
        "commits",
        "lacking",
    ),
    (
        "truth.survivable",
        "at_told-1",
        "landed",
        "index",
        "site",
        "fork",
        "commits",
        "lacking",
    ),
)
"""The rows that the witness writes for nearly every log: once the log is finished, and once it has
landed, a later commit would survive.
"""
_SURVIVABLE = (
    "truth.survivable",
    "seq",
    "at",
    "index",
    "class",
    "fork",
    "commits",
    "lacking",
)
_STATE = ("truth.file_state", "seq", "at", "index", "number", "state")
_RING = (
    "seq",
    "at",
    "goes_to",
    "index",
    "scope",
    "what",
    "incarnation",
    "start",
)
_RING_ROWS = (
    (
        "seen.Alarm",
        "seq",
        "at",
        "index",
        "at",
        "at+start",
        "incarnation",
        "scope",
        "what",
    ),
    ("seen.SetAlarm", "seq+1", "at", "-1", "scope", "what", "goes_to"),
)


@dataclass(slots=True)
class Ring:
    """The alarm 'window' goes off before the rows at that point of a log's life, and only sets
    itself again; at most once in a log's life.
    """

    point: int  # of POINTS
    at_us: int
    goes_to_us: int


@dataclass(slots=True)
class Places:
    """The seqs of the rows of some logs.

    points: the seq of the first row at each point, by log; host, site: the seq of the witness's row
    of that class, by log, if it writes one; rings: the seqs of the alarms, in the order of the
    logs; rows: the number of rows in all.
    """

    points: dict[str, list[int]]
    host: list[int]
    site: list[int]
    rings: list[int]
    rows: int


def in_turn(
    first: int,
    host_us: Sequence[int],
    site_us: Sequence[int],
    rings: Mapping[int, Ring],
) -> Places:
    """Return the places of the rows of consecutive logs of one database; first: the first seq.

    host_us, site_us: the results of Witness.shipped; rings: the alarms by log, in the order of the
    logs.
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
            at_ring.append(
                (cut, at_host, landing, at_site, hash_, restore)[rung][log]
                - 2
            )
    points = dict(
        zip(
            POINTS,
            (cut, finish, landing, told, hash_, restore),
            strict=True,
        )
    )
    return Places(points, at_host, at_site, at_ring, at - first)


class QuietRows:
    """The writer of the rows, of one database or of many, in any order. Each field is one column, a
    sequence or an array: repeat(value) where all rows have the same value.
    """

    def __init__(self, journal: AnyJournal, carries_base: bool) -> None:
        carried = "base" if carries_base else "0"
        rows = [_with_base(row, carried) for row in _ROWS]
        self._texts = journal.texts
        self._logs = journal.pattern(_LINE, rows)
        self._moving = journal.pattern(_MOVING_LINE, [*rows, *_SHOWN])
        self._survivable = journal.pattern(_SURVIVABLE[1:], [_SURVIVABLE])
        self._rings = journal.pattern(_RING, _RING_ROWS)
        self._states = journal.pattern(_STATE[1:], [_STATE])
        self._lately = self._logs  # the pattern that was written to last

    def written(self, first: int, last: int) -> list[list[tuple[int, ...]]]:
        """Return the rows of some of the logs written last, a list for each log: see
        `Pattern.lately`.
        """
        return self._lately.lately(first, last)

    def rings_written(
        self, first: int, last: int
    ) -> list[list[tuple[int, ...]]]:
        """Return the same for alarms."""
        return self._rings.lately(first, last)

    def logs(self, columns: Mapping[str, Column]) -> None:
        """Write logs. columns: by the names in _LINE."""
        self._lately = self._logs
        self._logs.write(columns)

    def changed_state(self, columns: Mapping[str, Column]) -> None:
        """Write the new state of logs that wait for their transfers. columns: by the names in
        _STATE.
        """
        self._states.write(columns)

    def moving_logs(
        self,
        columns: Mapping[str, Iterable[int]],
        lacking_us: Iterable[int],
    ) -> None:
        """Write logs with the witness's rows of both classes. columns: as in `logs`."""
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
        self,
        cls: str,
        lacking_us: Sequence[int],
        columns: Mapping[str, Iterable[int]],
    ) -> None:
        """Write the witness's rows of one class of failures, where lacking_us is not -1. columns:
        'seq', 'at', 'index', 'fork', 'commits'.
        """
        shows = [at_us >= 0 for at_us in lacking_us]
        columns = {
            **columns,
            "lacking": lacking_us,
            "class": repeat(self._texts[cls]),
        }
        shown = {
            name: compress(column, shows)
            for name, column in columns.items()
        }
        self._survivable.write(shown)

    def survivable_of_waves(
        self, cls: str, lacking_us: Ints, columns: Mapping[str, Column]
    ) -> None:
        """Write the same, with columns as arrays."""
        these = lacking_us >= 0
        shown: dict[str, Column] = dict(columns)
        shown["lacking"] = lacking_us
        for name, column in shown.items():
            if isinstance(column, np.ndarray):
                shown[name] = column[these]
        shown["class"] = repeat(self._texts[cls])
        self._survivable.write(shown)

    def rings(
        self, rings: Sequence[Ring], columns: Mapping[str, Iterable[int]]
    ) -> None:
        """Write alarms. columns: 'seq', 'index', 'scope', 'incarnation', 'start'."""
        at = [ring.at_us for ring in rings]
        goes_to = [ring.goes_to_us for ring in rings]
        what = repeat(self._texts["window"])
        self._rings.write(
            {**columns, "at": at, "goes_to": goes_to, "what": what}
        )


def _with_base(row: tuple[str, ...], carried: str) -> tuple[str, ...]:
    return tuple(
        carried if column is _CARRIED else column for column in row
    )
