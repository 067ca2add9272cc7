"""The hours around a failover: the worst database's files one by one, and the phases of the
outage.
"""

from __future__ import annotations

from typing import Any

from dr_sim.figures.charts import COLOUR_NAMES, MS_US, Chart, spans
from dr_sim.figures.style import PHASE_COLOURS
from dr_sim.figures.views import View
from dr_sim.formatting.words import counted
from dr_sim.measures.causes.causes import BackupFate, Causes
from dr_sim.measures.outcome.outcome import FailoverOutcome
from dr_sim.measures.outcome.phases import named_phases
from dr_sim.measures.tables import Tables
from dr_sim.units import HOUR_US, MINUTE_US, clock

MOST_FILES = 40  # drawn one by one
STATES = {
    "backup": ("green", "backup"),
    "sending": ("blue", "sending"),
    "queued": ("grey", "queued"),
    "staging": ("purple", "staging full"),
    "backoff": ("orange", "back-off"),
    "waiting": ("orange", "waits for the link"),
    "landed": ("sky", "landed, not restored"),
    "damaged": ("red", "landed damaged"),
}
Window = tuple[int, int]


def zoom_window(causes: Causes, failover: FailoverOutcome) -> Window:
    """Return the stretch from some logs before the recovery point, and the link outage before it if
    there was one, until served again.
    """
    point = failover.worst.recovery_point_us
    point = failover.failed_us if point is None else point
    # an outage that never ended is not drawn to its end
    until = min(failover.until_us, point + 20 * HOUR_US)
    begin = min(point, failover.failed_us - 15 * MINUTE_US)
    for down, back in causes.link_down:
        if down < failover.failed_us and back > begin - 15 * MINUTE_US:
            begin = min(begin, down)
    margin = (until - begin) // 16
    return max(0, begin - margin), until + margin


def failover_charts(view: View, failover: FailoverOutcome) -> list[Chart]:
    """The worst database's files and the outage's phases, in the whole run's time."""
    return [_files(view, failover), _phases(view, failover)]


def near(
    t: Tables, causes: Causes, failover: FailoverOutcome, window: Window
) -> list[BackupFate]:
    """The worst database's files that were made or on their way in the window."""
    rows = t["truth.file_state"]
    # when each file's way ended
    last = dict(
        zip(rows["file"].tolist(), rows["time_us"].tolist(), strict=True)
    )
    files = causes.files(failover.worst.database)
    return [
        f
        for f in files
        if f.begin_us < window[1]
        and last.get(f.number, f.begin_us) > window[0]
    ]


def _files(view: View, failover: FailoverOutcome) -> Chart:
    window = zoom_window(view.causes, failover)
    # nothing leaves a lost site
    sent_until = (
        failover.failed_us
        if failover.failure_class == "site"
        else window[1]
    )
    there = near(view.t, view.causes, failover, window)
    shown = there[-MOST_FILES:]
    rows = view.t["truth.restored"]
    restored = dict(
        zip(rows["file"].tolist(), rows["time_us"].tolist(), strict=True)
    )
    begins_us = view.leg.begins_us
    items: dict[str, list[dict[str, Any]]] = {state: [] for state in STATES}
    ends = []
    for row, file in enumerate(shown):
        at = restored.get(file.number)
        for begin, end, state in _life(
            view.causes, file, at, sent_until, window[1]
        ):
            items[state].append(
                _bar(row, begin + begins_us, end + begins_us)
            )
        if at is not None:
            ends.append([row, (at + begins_us) / MS_US, -1, 0])
    marks: list[dict[str, Any]] = _lost(view, failover)
    down = [
        (a + begins_us, b + begins_us)
        for a, b in view.causes.link_down
        if a < sent_until
    ]
    if down:
        marks.append(spans(down, "link down", "red"))
    marks += [
        {
            "type": "bars",
            "label": STATES[state][1],
            "colour": STATES[state][0],
            "items": bars,
        }
        for state, bars in items.items()
        if bars
    ]
    if ends:
        restores = {
            "type": "points",
            "label": "restored",
            "colour": "black",
            "shape": "diamond",
        }
        marks.append(
            {**restores, "items": ends, "words": ["restored"] * len(ends)}
        )
    name = view.leg.scenario.databases[failover.worst.database].name
    of = (
        f" (last {MOST_FILES} of {len(there)})"
        if len(there) > MOST_FILES
        else ""
    )
    names = [_name(file, view) for file in shown]
    lost = failover.worst.data_loss_us
    words = f"{counted(len(shown), 'file')}; {'nothing' if not lost else clock(lost)} was lost."
    spec = _lane(names or ["none"], marks, view, failover)
    return Chart(
        "files", f"Files of {name}, from cut to restore{of}", words, spec
    )


def _lost(view: View, failover: FailoverOutcome) -> list[dict[str, Any]]:
    """The time that was lost, as a band."""
    point, lost = (
        failover.worst.recovery_point_us,
        failover.worst.data_loss_us,
    )
    if point is None or not lost:
        return []
    begin = point + view.leg.begins_us
    return [
        spans([(begin, begin + lost)], f"lost: {clock(lost)}", "yellow")
    ]


def _name(file: BackupFate, view: View) -> str:
    kind = ("full", "incremental", "log")[int(file.kind)]
    return f"{kind} {file.number}"


def _life(
    causes: Causes,
    file: BackupFate,
    restored_us: int | None,
    sent_until: int,
    end_us: int,
) -> list[tuple[int, int, str]]:
    """(begin, end, what) of a file's life; a file still to be sent from a lost site waits no
    more.
    """
    made = file.stopped_us
    bars = [(file.begin_us, made if made is not None else end_us, "backup")]
    states = causes.states(file.number)
    for i, (begin, state) in enumerate(states):
        end = states[i + 1][0] if i + 1 < len(states) else end_us
        if state == "landed":
            if restored_us is not None and restored_us >= begin:
                end = min(end, restored_us)
            bars.append(
                (
                    begin,
                    end,
                    "landed"
                    if causes.intact(file.number, begin)
                    else "damaged",
                )
            )
        elif state in STATES and min(end, sent_until) > begin:
            bars.append((begin, min(end, sent_until), state))
    return bars


def _phases(view: View, failover: FailoverOutcome) -> Chart:
    """The outage cut by its phases, a row each."""
    begins_us = view.leg.begins_us
    lengths = [(phase, end - begin) for begin, end, phase in failover.spans]
    named = named_phases(lengths)
    names = [name for name, _ in named]
    bars = []
    for row, (begin, end, phase) in enumerate(failover.spans):
        bar = _bar(row, begin + begins_us, end + begins_us)
        bar["colour"] = COLOUR_NAMES[PHASE_COLOURS[phase]]
        bar["beside"] = clock(end - begin)
        bars.append(bar)
    total = (
        "unknown"
        if failover.outage_us is None
        else clock(failover.outage_us)
    )
    words = "; ".join(f"{name} {clock(us)}" for name, us in named)
    mark = {
        "type": "bars",
        "label": "",
        "colour": "blue",
        "items": bars,
        "beside": True,
    }
    spec = _lane(names or ["none"], [mark], view, failover)
    return Chart(
        "phases",
        f"Outage {total}, phase by phase",
        f"{words or 'none'}.",
        spec,
    )


def _lane(
    rows: list[str],
    marks: list[dict[str, Any]],
    view: View,
    failover: FailoverOutcome,
) -> dict[str, Any]:
    failed_ms = (failover.failed_us + view.leg.begins_us) / MS_US
    return {
        "x": {"kind": "time"},
        "y": {"rows": rows},
        "marks": marks,
        "uprights": [failed_ms],
    }


def _bar(row: int, begin_us: int, end_us: int) -> dict[str, Any]:
    return {
        "row": row,
        "from": begin_us / MS_US,
        "to": end_us / MS_US,
        "words": "",
        "of": -1,
    }
