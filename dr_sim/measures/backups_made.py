"""The backups that a leg has made, and their bytes."""

from __future__ import annotations

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.tables import Ints, Record, Tables, pick, tables
from dr_sim.record.sets import among


def bytes_offered(record: Record) -> int:
    """Return the bytes of our finished backups: all of them are to cross the link."""
    finished = _ours(tables(record), "truth.backup_finished")
    return int(finished["nominal_bytes"].sum())


def backups_made(record: Record) -> dict[str, int]:
    """Return the number of finished backups by kind, and of those that were cut off or skipped.
    Someone else's backups are not counted.
    """
    t = tables(record)
    kinds = _ours(t, "truth.backup_finished")["kind"]
    made = {kind.word: int(np.sum(kinds == kind)) for kind in Kind}
    made["cut_off"] = len(_ours(t, "truth.backup_cut_off")["file"])
    made["skipped"] = len(t["truth.backup_skipped"]["seq"])
    return made


def _ours(t: Tables, kind_name: str) -> dict[str, Ints]:
    """Return the rows about our own backups of this leg: those of other people go elsewhere."""
    gone = t["truth.file_gone"]
    elsewhere = gone["file"][t.has_text(gone["why"], "elsewhere")]
    rows = t[kind_name]
    mine = ~among(rows["file"], elsewhere) & (rows["time_us"] >= 0)
    return pick(rows, mine)
