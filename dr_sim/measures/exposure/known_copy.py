"""The copy of a database as the recovery manager knows it: when it learnt that the copy is gone,
and which validated backups it took to lie here then.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np

from dr_sim.measures.tables import Ints, Tables, pick
from dr_sim.scenario.model import Scenario


def known_as_gone(
    t: Tables, scenario: Scenario, database: int, whole: bool
) -> list[tuple[int, int]]:
    """Return when the manager learnt that its copy is gone, as (row, instant): by a restore, or
    when it looked after it had been dead. whole: there was a copy at the beginning.
    """
    name = scenario.databases[database].name
    failed = t.of("seen.RestoreFailed", database)
    failed = pick(failed, failed["position_lost"] == 1)
    turns = [(*row, False) for row in _rows(failed)]
    for row in t.rows("seen.Inventory"):
        there = _exists(row.values["databases"], name)
        turns.append((row.seq, row.time_us, there))
    if all(there for *_, there in turns):
        return []
    restored = t.of("seen.Restored", database)
    turns += [(*row, True) for row in _rows(restored)]
    found, exists = [], whole
    for seq, at, there in sorted(turns):
        if exists and not there and at > 0:
            found.append((seq, at))
        exists = there
    return found


def believed_here(
    t: Tables, scenario: Scenario, database: int, seq: int
) -> dict[str, Ints]:
    """Return the rows of seen.Validated of the backups that the manager takes to lie here at a row:
    each was whole when it was last looked at, was not deleted since, and was here when the manager
    last looked after it had been dead.
    """
    rows = t.of("seen.Validated", database)
    rows = pick(rows, rows["seq"] < seq)
    _, from_the_end = np.unique(rows["name"][::-1], return_index=True)
    rows = pick(rows, np.sort(len(rows["name"]) - 1 - from_the_end))
    for kind in ("seen.ValidationFailed", "seen.Delete"):
        gone = t.of(kind, database)
        gone = pick(gone, gone["seq"] < seq)
        after = np.zeros(len(rows["name"]), bool)
        for name, at in zip(gone["name"], gone["seq"], strict=True):
            after |= (rows["name"] == name) & (rows["seq"] < at)
        rows = pick(rows, ~after)
    looks = [row for row in t.rows("seen.Inventory") if row.seq <= seq]
    if looks:
        look = looks[-1]
        listed = _read(look.values["files"])
        name = scenario.databases[database].name
        ids = t.journal.texts
        here = [ids.get(file[0], -1) for file in listed.get(name, [])]
        found = np.isin(rows["name"], here)
        rows = pick(rows, found | (rows["seq"] > look.seq))
    return rows


def _rows(rows: dict[str, Ints]) -> list[tuple[int, int]]:
    return list(
        zip(rows["seq"].tolist(), rows["time_us"].tolist(), strict=True)
    )


def _exists(databases: str, name: str) -> bool:
    state = _read(databases).get(name, {})
    return bool(state.get("exists", bool(state)))


@functools.lru_cache(maxsize=8)
def _read(text: str) -> dict[str, Any]:
    """Return a part of an inventory, read once for all databases of a fleet."""
    found: dict[str, Any] = json.loads(text)
    return found
