"""The journal as tidy columns and tables: what measures, notebooks and figures read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dr_sim.journal import KIND_ID, KINDS, ROW_HEAD, Journal


def columns(journal: Journal, kind_name: str) -> dict[str, np.ndarray]:
    """All rows of one kind as int64 arrays: seq, time_us, entity and each field (texts as ids: journal.text(id))."""
    data, starts, kinds = journal.arrays()
    kind = KINDS[KIND_ID[kind_name]]
    seq = np.flatnonzero(kinds == kind.id)
    at = starts[seq]
    out = {"seq": seq, "time_us": data[at + 1], "entity": data[at + 2]}
    for j, (name, _) in enumerate(kind.fields):
        out[name] = data[at + ROW_HEAD + j]
    return out


def frame(journal: Journal, kind_name: str) -> pd.DataFrame:
    """The same as a DataFrame, texts spelled out."""
    kind = KINDS[KIND_ID[kind_name]]
    cols: dict[str, object] = dict(columns(journal, kind_name))
    for name, type_ in kind.fields:
        if type_ != "int":
            table = journal.texts if type_ == "str" else journal.seen_texts
            cols[name] = [table.all[int(i)] for i in columns(journal, kind_name)[name]]
    return pd.DataFrame(cols)
