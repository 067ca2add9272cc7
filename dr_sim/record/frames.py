"""The journal as tidy columns and tables: what measures, notebooks and figures read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.record.columns import Columns, Parted
from dr_sim.record.journal import Journal
from dr_sim.record.kinds import KIND_ID, KINDS
from dr_sim.record.pairs import PAIR_BITS

if TYPE_CHECKING:
    import pandas as pd


def columns(journal: Journal, kind_name: str) -> Columns:
    """All rows of one kind as int64 arrays: seq, time_us, entity and each field (texts as ids:
    journal.text(id)). Each is read when it is asked for.
    """
    return journal.columns(KIND_ID[kind_name])


def parted(journal: Journal, kind_name: str) -> Parted:
    """The same by entity."""
    return journal.parted(KIND_ID[kind_name])


def frame(journal: Journal, kind_name: str) -> pd.DataFrame:
    """The same as a DataFrame, texts spelled out. leg: whose row it is (1 for the first pair of
    sites); entity is plain.
    """
    # here: workers of many replications read columns only, and start in half the time
    import pandas as pd

    kind = KINDS[KIND_ID[kind_name]]
    found = columns(journal, kind_name)
    pair = (found["entity"] + 1) >> PAIR_BITS
    cols: dict[str, object] = {
        **found,
        "entity": found["entity"] - (pair << PAIR_BITS),
    }
    cols["leg"] = pair + 1
    for name, type_ in kind.fields:
        if type_ not in ("int", "seen-int"):
            texts = journal.texts if type_ == "str" else journal.seen_texts
            cols[name] = texts.spelled(found[name])
    return pd.DataFrame(cols)
