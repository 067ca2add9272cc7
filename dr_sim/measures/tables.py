"""The measures' view of a journal: whole columns of one kind of record at a time, kept once they
were read.

Nothing here or in any measure asks the world: a journal and the scenario are the only inputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.columns import Columns, Parted
from dr_sim.record.frames import columns, parted
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.model import Scenario

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
WHOLE_SERVICE = -1  # the entity of a row that concerns no single database


class Tables:
    """One journal's kinds of record as int64 columns: 'seq', 'time_us', 'entity' and every field
    (texts as ids).
    """

    __slots__ = ("_parted", "_rows", "journal")

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._parted: dict[str, Parted] = {}
        self._rows: dict[str, list[Row]] = {}

    def __getitem__(self, kind_name: str) -> dict[str, Ints]:
        return columns(self.journal, kind_name)

    def of(self, kind_name: str, entity: int) -> dict[str, Ints]:
        """Return the rows of a kind that concern one database (or the service alone), in order. The
        rows of a fleet are split once, not searched for each database.
        """
        parts = self._parted.get(kind_name)
        if parts is None:
            parts = parted(self.journal, kind_name)
            self._parted[kind_name] = parts
        return parts.of(entity)

    def rows(self, kind_name: str) -> list[Row]:
        """Return all rows of a kind one by one, with texts: for kinds with few rows in a run."""
        found = self._rows.get(kind_name)
        if found is None:
            found = self._rows[kind_name] = list(
                self.journal.rows(kind_name)
            )
        return found

    def text(self, text_id: int) -> str:
        return self.journal.text(text_id)

    def has_text(self, ids: Ints, wanted: str) -> NDArray[np.bool_]:
        """Return where a column of text ids holds that text."""
        text_id = self.journal.texts.get(wanted, -1)
        return np.asarray(ids == text_id)


Record = Journal | Tables
"""The input of a measure: a journal, or the tables of one that are already open."""


def tables(record: Record) -> Tables:
    return record if isinstance(record, Tables) else Tables(record)


def pick(
    columns_of_kind: dict[str, Ints], where: NDArray[np.bool_]
) -> dict[str, Ints]:
    """Return the rows of a kind for which `where` holds."""
    places = np.flatnonzero(where)
    return Columns(
        columns_of_kind, lambda name: columns_of_kind[name][places]
    )


def run_end_us(t: Tables, scenario: Scenario) -> int:
    """Return the instant the run ended; a journal without truth.end ran to its planned end."""
    ends = t["truth.end"]["time_us"]
    return int(ends[-1]) if len(ends) else scenario.run_for_us


def opened_us(t: Tables, database: int, failed_us: int) -> int | None:
    """Return when a database that failed at that instant took writes again at its primary, without
    a failover; None: it never did.
    """
    opened = t.of("truth.opened", database)["time_us"]
    later = opened[opened >= failed_us]
    return int(later[0]) if len(later) else None


def failed_for_good(t: Tables, database: int) -> list[tuple[int, str]]:
    """Return (instant, class) of each failure of a database that did not come back."""
    found = []
    for row in t.rows("truth.failed"):
        concerns = row.entity in (database, WHOLE_SERVICE)
        if concerns and opened_us(t, database, row.time_us) is None:
            found.append((row.time_us, row.values["class"]))
    return found


def restored_of_primary_us(t: Tables, database: int) -> Ints:
    """Return when backups of the leg's own primary were restored: not those of the primary before
    it, on which a copy catches up.
    """
    rows = t.of("truth.restored", database)
    begins = t.of("truth.begins", database)["fork"][:1]
    if not len(begins):
        return rows["time_us"]
    return pick(rows, rows["fork"] == begins[0])["time_us"]


def up_until_us(t: Tables, scenario: Scenario, database: int) -> int:
    """Return how long a database took writes at the primary: until it or the whole primary failed,
    until its writes were stopped for a planned failover, until the secondary was promoted in its
    place, or until the run's end.
    """
    ends = [run_end_us(t, scenario)]
    ends.extend(time_us for time_us, _ in failed_for_good(t, database))
    promoted = t["truth.promoted"]
    concerned = (promoted["entity"] == database) | (
        promoted["entity"] == WHOLE_SERVICE
    )
    ends.extend(promoted["time_us"][concerned][:1].tolist())
    ends.extend(writes_stopped_us(t)[:1])
    down = t.of("truth.down", database)
    if (
        len(down["seq"]) and down["begins"][-1]
    ):  # it did not come back by itself
        ends.append(int(down["time_us"][-1]))
    return min(ends)


def writes_stopped_us(t: Tables) -> list[int]:
    """Return when a fence has stopped the primary's writes for good: that of this copy, or of
    another one that had begun a failover before.
    """
    fenced = t["truth.fenced"]
    own = fenced["time_us"][fenced["writes_stop"] == 1].tolist()
    stops = [*own, *t["truth.stopped_before"]["stop_us"].tolist()]
    undone = undone_stops_us(t)
    for begin, end in undone:
        stops = [at for at in stops if not begin <= at < end]
    return sorted(stops)


def undone_stops_us(t: Tables) -> list[tuple[int, int]]:
    """Return (from when, until when) the primary was stopped for a failover that was left: it
    serves again.
    """
    until: dict[int, int] = {}
    rows = t["truth.unfenced"]
    for stop_us, at_us in zip(
        rows["stop_us"].tolist(), rows["time_us"].tolist(), strict=True
    ):
        until[stop_us] = max(at_us, until.get(stop_us, at_us))
    return sorted(until.items())


def down_for_a_while_us(t: Tables, database: int) -> list[tuple[int, int]]:
    """Return (from when, until when) a database took no writes at its primary and came back by
    itself: it had failed, its server had fallen, or it was stopped for a failover that was left.
    They may overlap.
    """
    rows = t.of("truth.unfenced", database)
    stopped = zip(
        rows["stop_us"].tolist(), rows["time_us"].tolist(), strict=True
    )
    found = list(stopped)
    for row in t.rows("truth.failed"):
        if row.entity in (database, WHOLE_SERVICE):
            back_us = opened_us(t, database, row.time_us)
            if back_us is not None:
                found.append((row.time_us, back_us))
    fell = t.of("truth.down", database)
    ups = fell["time_us"][fell["begins"] == 0].tolist()
    downs = fell["time_us"][fell["begins"] == 1].tolist()
    found += zip(downs, ups, strict=False)
    return sorted(found)


def not_offered_yet(
    t: Tables, database: int, time_us: Ints, since_us: Ints
) -> Ints:
    """Return since when something is lacking, of rows at these instants, without what was offered
    to a stopped primary: the first commit after that came when it took writes again.
    """
    rows = t.of("truth.unfenced", database)
    for stop_us, at_us in zip(
        rows["stop_us"].tolist(), rows["time_us"].tolist(), strict=True
    ):
        refused = (time_us < at_us) & (since_us >= stop_us)
        since_us = np.where(refused, np.maximum(since_us, at_us), since_us)
    return since_us


def service_up_until_us(t: Tables, scenario: Scenario) -> int:
    """Return how long all databases took writes at the primary."""
    return min(
        up_until_us(t, scenario, i) for i in range(len(scenario.databases))
    )


def first_of(keys: Ints, values: Ints, wanted: Ints, missing: int) -> Ints:
    """Return the first value of each wanted key; missing if there is none."""
    if not len(keys):
        return np.full(len(wanted), missing, np.int64)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], missing)
