"""One journal for all pairs of a run: a primary and the copy behind it, from one change of roles to
the next (dr_sim/world/world.py).

A row's entity is the database's index, or -1 for the whole service, plus the pair's number times
2 to the power of PAIR_BITS. The first pair has number 0, so the rows of a run whose roles never
change are plain. Measures read one pair's rows at a time: `rows_of_pair` gives them as a journal
whose entities are plain and whose instants count from when the pair began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.journal import NOBODY, Journal, Row
from dr_sim.record.kinds import KIND_ID, ROW_HEAD
from dr_sim.record.patterns import Pattern
from dr_sim.record.row_code import Recorder, Subject
from dr_sim.record.texts import Texts

Ints = NDArray[Any]
PAIR_BITS = 20  # as many as the agenda leaves for databases
_NEVER_US = 1 << 62
INSTANTS = frozenset(
    {
        "lacking_us",
        "stop_us",
        "last_ack_us",
        "mono_us",
        "at_mono_us",
        "last_seen_mono_us",
        "begun_mono_us",
        "begun_before_mono_us",
    }
)
"""The fields that hold an instant of the run. Other times are durations, or by a wall clock."""


def pair_of(entity: int) -> int:
    """Return the number of the pair whose row has that entity."""
    return (entity + 1) >> PAIR_BITS


class PairJournal:
    """The run's journal as a later pair writes in it: entities are marked with the pair."""

    def __init__(self, journal: Journal, pair: int) -> None:
        self._journal = journal
        self._pair = pair
        self._offset = pair << PAIR_BITS
        self.texts: Texts = journal.texts
        self.seen_texts: Texts = journal.seen_texts

    def __len__(self) -> int:
        return len(self._journal)

    def append(
        self, kind_id: int, time_us: int, entity: int, *values: int
    ) -> None:
        self._journal.append(
            kind_id, time_us, entity + self._offset, *values
        )

    def note(
        self, kind_name: str, time_us: int, entity: int, *values: int | str
    ) -> None:
        self._journal.note(
            kind_name, time_us, entity + self._offset, *values
        )

    def recorder(self, cls: type, subject: Subject = NOBODY) -> Recorder:
        marked = {
            name: i + self._offset for name, i in subject.index.items()
        }
        otherwise = subject.otherwise + self._offset
        return self._journal.recorder(
            cls, Subject(subject.named_by, marked, otherwise)
        )

    def take(self, rows: int) -> int:
        return self._journal.take(rows)

    def pattern(
        self, fields: tuple[str, ...], rows: Iterable[tuple[str, ...]]
    ) -> Pattern:
        marked = [
            (kind, seq, time, f"{entity}+{self._offset}", *values)
            for kind, seq, time, entity, *values in rows
        ]
        return self._journal.pattern(fields, marked)

    def as_row(
        self, told: Any, seq: int, time_us: int, entity: int
    ) -> tuple[int, ...]:
        return self._journal.as_row(
            told, seq, time_us, entity + self._offset
        )

    def as_told(self, row: tuple[int, ...]) -> Any:
        return self._journal.as_told(row)

    def rows(self, *kind_names: str) -> Iterator[Row]:
        """The pair's own."""
        for row in self._journal.rows(*kind_names):
            if pair_of(row.entity) == self._pair:
                row.entity -= self._offset
                yield row

    def pack(self) -> None:
        self._journal.pack()

    def pack_if_many(self) -> None:
        self._journal.pack_if_many()


class SharedJournal(PairJournal):
    """The run's journal as one primary before several standbys writes in it: each row once for each
    of their pairs.
    """

    def __init__(self, journal: Journal, pairs: Sequence[int]) -> None:
        super().__init__(journal, pairs[0] if pairs else 0)
        self._offsets = [pair << PAIR_BITS for pair in pairs]

    def add(self, pair: int) -> None:
        """Write each row for one more pair."""
        self._offsets.append(pair << PAIR_BITS)

    def append(
        self, kind_id: int, time_us: int, entity: int, *values: int
    ) -> None:
        for offset in self._offsets:
            self._journal.append(kind_id, time_us, entity + offset, *values)

    def note(
        self, kind_name: str, time_us: int, entity: int, *values: int | str
    ) -> None:
        for offset in self._offsets:
            self._journal.note(kind_name, time_us, entity + offset, *values)


AnyJournal = Journal | PairJournal


@dataclass(frozen=True, slots=True)
class Brought:
    """The files that a pair has taken over from earlier ones, by number, and the numbers of the
    pairs in which their rows are.
    """

    files: frozenset[int] = frozenset()
    pairs: frozenset[int] = frozenset()


NOTHING_BROUGHT = Brought()
OF_FILES = (
    "truth.backup_begin",
    "truth.backup_finished",
    "truth.file_state",
    "truth.landed",
    "truth.damaged",
    "truth.file_gone",
)
"""The kinds of rows that a file has brought along when a later pair takes it over."""


def rows_of_pair(
    journal: Journal,
    pair: int,
    since_us: int = 0,
    databases: Sequence[int] | None = None,
    carried: Brought = NOTHING_BROUGHT,
) -> Journal:
    """Return the rows of one pair, as a journal of their own whose instant 0 is since_us.

    databases: the indexes of those in its service; each gets its place among them as its index.
    None: all are, and keep theirs. carried: what was recorded of these files before the pair began
    is there too, at instants before 0. A run of one pair is returned as it is.
    """
    whole = pair == 0 and not since_us and databases is None
    if whole and not _has_later_pairs(journal):
        return journal
    found = []
    kinds = journal.kinds_here()
    for kind in kinds:
        of_kind = journal.of_kind(kind.id)
        mine = _mine(of_kind, pair)
        if carried.files and kind.name in OF_FILES:
            there = of_kind
            names = [name for name, _ in kind.fields]
            if (
                "where" in names
            ):  # the share of an earlier primary is no more sent from
                where = of_kind[:, ROW_HEAD + names.index("where")]
                there = of_kind[where != journal.texts.get("primary", -1)]
            mine = _with_history(there, mine, pair, carried)
        found.append(mine)
    nothing = np.zeros(0, dtype=np.int64)
    seqs = np.sort(
        np.concatenate([nothing, *(each[:, 0] for each in found)])
    )
    part = Journal()
    part.texts, part.seen_texts = journal.texts, journal.seen_texts
    part.since_us = since_us
    for kind, table in zip(kinds, found, strict=True):
        if not len(table):
            continue
        table = table.copy()
        table[:, 0] = np.searchsorted(seqs, table[:, 0])
        table[:, 1] -= since_us
        table[:, 2] -= pair << PAIR_BITS
        if databases is not None:
            table[:, 2] = _renumbered(table[:, 2], databases)
        for column, (name, _) in enumerate(kind.fields, ROW_HEAD):
            if name in INSTANTS:
                at = table[:, column]
                table[:, column] = np.where(
                    (at >= 0) & (at < _NEVER_US), at - since_us, at
                )
        part.take_columns(kind.id, table)
    return part


def pairs_by_row(journal: Journal) -> Ints:
    """The number of the pair that wrote each row, by seq."""
    found = np.zeros(len(journal), dtype=np.int64)
    for kind in journal.kinds_here():
        rows = journal.of_kind(kind.id)
        found[rows[:, 0]] = (rows[:, 2] + 1) >> PAIR_BITS
    return found


@dataclass(frozen=True, slots=True)
class PairRoles:
    """Who is who in a pair, and since when. rank: the standby's place in the order of those behind
    the same primary; of: how many there are; lead: the number of the first one's pair.
    """

    number: int
    primary: str
    secondary: str
    begins_us: int = 0
    secondary_from_us: int = 0
    rank: int = 0
    of: int = 1
    lead: int = 0


def roles_by_pair(
    journal: Journal, first: tuple[str, str]
) -> dict[int, PairRoles]:
    """The roles of all pairs, by number. first: the primary and the secondary of the first one."""
    found = {0: PairRoles(0, *first)}
    for row in journal.rows("truth.roles"):
        pair = pair_of(row.entity)
        sites = row.values["primary"], row.values["secondary"]
        ready_us = row.values["secondary_from_us"]
        found[pair] = PairRoles(
            pair, *sites, row.time_us, ready_us, lead=pair
        )
    for row in journal.rows("truth.standby"):
        pair = pair_of(row.entity)
        order = {name: row.values[name] for name in ("rank", "of", "lead")}
        found[pair] = replace(found[pair], **order)
    return found


def carried_by_pair(
    journal: Journal, roles: dict[int, PairRoles]
) -> dict[int, Brought]:
    """Return what each pair has taken over from earlier pairs of the same standby."""
    files: dict[int, set[int]] = {}
    for row in journal.rows("truth.carried"):
        files.setdefault(pair_of(row.entity), set()).add(row.values["file"])
    found: dict[int, Brought] = {}
    for pair, mine in files.items():
        place = roles[pair].secondary
        earlier = [
            number
            for number, other in roles.items()
            if number < pair and other.secondary == place
        ]
        found[pair] = Brought(frozenset(mine), frozenset(earlier))
    return found


def serving_by_pair(journal: Journal) -> dict[int, list[int]]:
    """The databases that are in service in each pair but the first, by the pair's number."""
    found: dict[int, list[int]] = {}
    for row in journal.rows("truth.roles"):
        found[pair_of(row.entity)] = []
    for row in journal.rows("truth.begins"):
        pair = pair_of(row.entity)
        if pair in found:
            found[pair].append(row.entity - (pair << PAIR_BITS))
    return found


def _has_later_pairs(journal: Journal) -> bool:
    """Return whether a pair beyond the first has begun: its roles are recorded before anything
    else of it.
    """
    roles = journal.columns(KIND_ID["truth.roles"])["entity"]
    return any(pair_of(entity) for entity in roles.tolist())


def _mine(rows: Ints, pair: int) -> Ints:
    if not len(rows):
        return rows
    mine = ((rows[:, 2] + 1) >> PAIR_BITS) == pair
    return rows if mine.all() else rows[mine]


def _with_history(
    rows: Ints, mine: Ints, pair: int, carried: Brought
) -> Ints:
    """Return a pair's rows after those that the files had before, as the pair's own."""
    of = (rows[:, 2] + 1) >> PAIR_BITS
    wanted = np.isin(of, sorted(carried.pairs))
    wanted &= np.isin(rows[:, ROW_HEAD], sorted(carried.files))
    before = rows[wanted].copy()
    before[:, 2] += (pair - of[wanted]) << PAIR_BITS
    return np.concatenate((before, mine))


def _renumbered(entities: Ints, databases: Sequence[int]) -> Ints:
    place = {
        -1: -1,
        **{database: i for i, database in enumerate(databases)},
    }
    return np.array(
        [place.get(entity, -1) for entity in entities.tolist()],
        dtype=np.int64,
    )
