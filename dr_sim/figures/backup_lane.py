"""The lane of backups: a row for each kind. Of very many logs, those close together are one bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dr_sim.backups.model import Kind
from dr_sim.figures.charts import Chart
from dr_sim.formatting.words import counted, size
from dr_sim.measures.causes.causes import BackupFate
from dr_sim.units import clock

if TYPE_CHECKING:
    from dr_sim.figures.timeline import Timeline

MOST_BARS = 10_000  # logs drawn one by one; of more those close together are drawn as one bar
MOST_JOINED = 2_000  # bars of the whole service then, and at least as many per database as:
FEWEST_JOINED = 10


def backup_lane(timeline: Timeline) -> Chart:
    words = {
        Kind.FULL: "full",
        Kind.INCREMENTAL: "incremental",
        Kind.LOG: "log",
    }
    seen = dict.fromkeys(Kind, 0)
    rows: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in Kind}
    names = [d.name for d in timeline.scenario.databases]
    order = list(words)
    for v in timeline.seen.legs:
        for database, file in (
            (d, f)
            for index, d in enumerate(v.leg.scenario.databases)
            for f in v.causes.files(index)
        ):
            if file.begin_us < 0:
                continue  # an earlier leg made it, and has drawn it
            kind = Kind(file.kind)
            seen[kind] += not _from_the_start(file)
            stop = v.ends_us if file.stopped_us is None else file.stopped_us
            text = f"{words[kind]} of {database.name}: {_made(file, stop)}"
            began_us = v.leg.begins_us
            bar = timeline.bar(
                order.index(kind),
                began_us + file.begin_us,
                began_us + stop,
                text,
            )
            bar["of"] = names.index(database.name)
            rows[kind].append(bar)
    colours = {
        Kind.FULL: "blue",
        Kind.INCREMENTAL: "sky",
        Kind.LOG: "green",
    }
    joined = seen[Kind.LOG] > MOST_BARS
    if joined:
        rows[Kind.LOG] = joined_bars(timeline.choices, rows[Kind.LOG])
    marks = [coloured_bars(rows[kind], colours[kind]) for kind in order]
    spec = timeline.lane({"rows": list(words.values())}, marks)
    told = ", ".join(counted(seen[kind], words[kind]) for kind in order)
    note = " Logs close together are drawn as one." if joined else ""
    return Chart("backups", "Backups", f"Begun: {told}.{note}", spec)


def _from_the_start(file: BackupFate) -> bool:
    """Return whether a backup was there before the run."""
    return file.finished_us == file.begin_us == 0


def _made(file: BackupFate, stop_us: int) -> str:
    """Return how large a backup is and how long it took; 'cut off', if it was."""
    if _from_the_start(file):
        return f"{size(file.nominal_bytes)}, there from the start"
    took = f"{size(file.nominal_bytes)} in {clock(stop_us - file.begin_us)}"
    if file.finished_us is not None:
        return took
    return (
        f"{took}, {'unfinished' if file.cut_off_us is None else 'cut off'}"
    )


def joined_bars(
    names: Sequence[str], bars: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Few bars instead of very many: those of the whole service, and of each database."""
    most = max(FEWEST_JOINED, MOST_BARS // max(1, len(names)))
    out = _together(bars, MOST_JOINED, "the service")
    for bar in out:
        bar["only"], bar["of"] = "service", -1
    if not names:
        return out
    each: dict[int, list[dict[str, Any]]] = {}
    for bar in bars:
        each.setdefault(bar["of"], []).append(bar)
    for index, mine in each.items():
        for bar in _together(mine, most, names[index]):
            out.append({**bar, "only": "chosen", "of": index})
    return out


def _together(
    bars: list[dict[str, Any]], most: int, of: str
) -> list[dict[str, Any]]:
    """Bars of one row, those closer than a gap drawn as one; the gap is the smallest power of two
    milliseconds that leaves at most `most` of them.
    """
    spans = sorted((bar["from"], bar["to"]) for bar in bars)
    gap, found = 0, _with_gaps(spans, 0)
    while len(found) > most:
        gap = 2 * gap or 1
        found = _with_gaps(spans, gap)
    return [
        {
            "row": bars[0]["row"],
            "from": begin,
            "to": end,
            "words": f"{counted(count, 'log')} of {of}",
        }
        for begin, end, count in found
    ]


def _with_gaps(
    spans: Sequence[tuple[float, float]], gap: float
) -> list[tuple[float, float, int]]:
    """(from, until, how many) of what lies no further apart than a gap."""
    found: list[tuple[float, float, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1] + gap:
            first, last, count = found[-1]
            found[-1] = (first, max(last, end), count + 1)
        else:
            found.append((begin, end, 1))
    return found


def coloured_bars(
    items: list[dict[str, Any]], colour: str
) -> dict[str, Any]:
    return {"type": "bars", "label": "", "colour": colour, "items": items}
