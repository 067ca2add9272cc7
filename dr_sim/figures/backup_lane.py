"""The lane of backups: a row for each kind. Of very many logs, those close together are one bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.backups.model import Kind
from dr_sim.figures.charts import MS_US, Chart
from dr_sim.formatting.words import counted, size
from dr_sim.measures.causes.causes import BackupFate
from dr_sim.units import clock

if TYPE_CHECKING:
    from dr_sim.figures.timeline import Timeline

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
MOST_BARS = 10_000  # logs drawn one by one; of more those close together are drawn as one bar
MOST_JOINED = 2_000  # bars of the whole service then, and at least as many per database as:
FEWEST_JOINED = 10


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A backup that was begun; began_us, stop_us: from the start of the run. of: its database."""

    of: int
    began_us: int
    stop_us: int
    file: BackupFate


def backup_lane(timeline: Timeline) -> Chart:
    words = {
        Kind.FULL: "full",
        Kind.INCREMENTAL: "incremental",
        Kind.LOG: "log",
    }
    names = [d.name for d in timeline.scenario.databases]
    begun = _begun(timeline, names)
    seen = {kind: _made_here(begun[kind]) for kind in Kind}
    order = list(words)
    joined = seen[Kind.LOG] > MOST_BARS
    colours = {
        Kind.FULL: "blue",
        Kind.INCREMENTAL: "sky",
        Kind.LOG: "green",
    }
    marks = []
    for row, kind in enumerate(order):
        if joined and kind is Kind.LOG:
            spans = [
                (each.began_us / MS_US, each.stop_us / MS_US, each.of)
                for each in begun[kind]
            ]
            bars = joined_bars(timeline.choices, row, spans)
        else:
            bars = []
            for each in begun[kind]:
                took_us = each.stop_us - each.began_us
                text = f"{words[kind]} of {names[each.of]}: {_made(each.file, took_us)}"
                bars.append(
                    timeline.bar(
                        row, each.began_us, each.stop_us, text, each.of
                    )
                )
        marks.append(coloured_bars(bars, colours[kind]))
    spec = timeline.lane({"rows": list(words.values())}, marks)
    told = ", ".join(counted(seen[kind], words[kind]) for kind in order)
    note = " Logs close together are drawn as one." if joined else ""
    return Chart("backups", "Backups", f"Begun: {told}.{note}", spec)


def _begun(
    timeline: Timeline, names: Sequence[str]
) -> dict[Kind, list[_Drawn]]:
    """Return the backups of each kind. names: of the databases."""
    begun: dict[Kind, list[_Drawn]] = {kind: [] for kind in Kind}
    for v in timeline.seen.legs:
        began_us = v.leg.begins_us
        for index, database in enumerate(v.leg.scenario.databases):
            of = names.index(database.name)
            for file in v.causes.files(index):
                if file.begin_us < 0:
                    continue  # an earlier leg made it, and has drawn it
                stop_us = (
                    v.ends_us
                    if file.stopped_us is None
                    else file.stopped_us
                )
                begun[Kind(file.kind)].append(
                    _Drawn(
                        of,
                        began_us + file.begin_us,
                        began_us + stop_us,
                        file,
                    )
                )
    return begun


def _made_here(begun: Sequence[_Drawn]) -> int:
    """Return how many were begun in the run."""
    return sum(not _from_the_start(each.file) for each in begun)


def _from_the_start(file: BackupFate) -> bool:
    """Return whether a backup was there before the run."""
    return file.finished_us == file.begin_us == 0


def _made(file: BackupFate, took_us: int) -> str:
    """Return how large a backup is and how long it took; 'cut off', if it was."""
    if _from_the_start(file):
        return f"{size(file.nominal_bytes)}, there from the start"
    took = f"{size(file.nominal_bytes)} in {clock(took_us)}"
    if file.finished_us is not None:
        return took
    return (
        f"{took}, {'unfinished' if file.cut_off_us is None else 'cut off'}"
    )


def joined_bars(
    names: Sequence[str],
    row: int,
    spans: Sequence[tuple[float, float, int]],
) -> list[dict[str, Any]]:
    """Few bars of a row instead of very many: those of the whole service, and of each database.

    spans: from, until, and the database, by its place among the names.
    """
    most = max(FEWEST_JOINED, MOST_BARS // max(1, len(names)))
    out = _together(row, spans, MOST_JOINED, "the service")
    for bar in out:
        bar["only"], bar["of"] = "service", -1
    if not names:
        return out
    each: dict[int, list[tuple[float, float, int]]] = {}
    for span in spans:
        each.setdefault(span[2], []).append(span)
    for index, mine in each.items():
        for bar in _together(row, mine, most, names[index]):
            out.append({**bar, "only": "chosen", "of": index})
    return out


def _together(
    row: int,
    spans: Sequence[tuple[float, float, int]],
    most: int,
    of: str,
) -> list[dict[str, Any]]:
    """Bars of one row, those closer than a gap drawn as one; the gap is the smallest power of two
    milliseconds that leaves at most `most` of them.
    """
    table = np.array([span[:2] for span in spans], dtype=np.float64)
    begins, ends = table[np.lexsort((table[:, 1], table[:, 0]))].T
    reached = np.maximum.accumulate(ends)
    gap = 0
    while len(first := _firsts(begins, reached, gap)) > most:
        gap = 2 * gap or 1
    last = np.append(first[1:], len(begins)) - 1
    return [
        {
            "row": row,
            "from": begin,
            "to": end,
            "words": f"{counted(count, 'log')} of {of}",
        }
        for begin, end, count in zip(
            begins[first].tolist(),
            reached[last].tolist(),
            (last - first + 1).tolist(),
            strict=True,
        )
    ]


def _firsts(begins: Floats, reached: Floats, gap: float) -> Places:
    """Return the places of those that begin further than a gap behind all before them. reached: by
    when all up to each have ended.
    """
    apart = np.flatnonzero(begins[1:] > reached[:-1] + gap)
    return np.concatenate(([0], apart + 1))


def coloured_bars(
    items: list[dict[str, Any]], colour: str
) -> dict[str, Any]:
    return {"type": "bars", "label": "", "colour": colour, "items": items}
