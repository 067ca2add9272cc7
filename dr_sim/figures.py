"""Two pictures of a run, from its record: what happened when (timeline), and how exposed it was (exposure).

Colours are Okabe and Ito's eight, which colour-blind readers can tell apart; nothing is told by colour alone. What is
too dense to draw one by one (4,000 logs in two weeks) is drawn as the band between the least and the most in each
narrow slice of time; a second panel shows the hours around the failover file by file. The same record gives the same
bytes: no dates, no random ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dr_sim.backups.model import Kind
from dr_sim.journal import Journal
from dr_sim.measures.alerts import Alert, judge
from dr_sim.measures.causes import Causes, File
from dr_sim.measures.exposure import Curve, service_exposure
from dr_sim.measures.lag import service_lag
from dr_sim.measures.outcome import Failover, failovers
from dr_sim.measures.reported import service_reported
from dr_sim.measures.tables import Ints, Tables, run_end_us, tables
from dr_sim.scenario.model import Scenario
from dr_sim.units import DAY_US, HOUR_US, MINUTE_US, SECOND_US, clock

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
)  # fmt: skip
GREY = "#8A8A8A"
PHASE_COLOURS = {
    "detect": YELLOW, "decide": ORANGE, "fence": PURPLE, "drain": SKY, "recover": BLUE, "provision": GREY,
    "redirect": GREEN, "warm_up": "#A6DCC8",
}  # fmt: skip
ALERT_MARKS = {1: ("v", RED, "missing log"), 2: ("o", ORANGE, "no new logs"), 3: ("s", PURPLE, "errors while restoring")}
OTHER_ALERT = ("D", GREY, "other")
_STYLE = {
    "svg.hashsalt": "dr_sim", "svg.fonttype": "none", "font.size": 9, "font.family": "DejaVu Sans",
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left",
}  # fmt: skip
_SLICES = 900  # about one a pixel of the overview
_MOST_LINES = 40  # files drawn one by one


def timeline_svg(journal: Journal, scenario: Scenario, path: Path) -> None:
    """Backups, link, how far behind, alerts and the failover, over the run and around the failover."""
    with mpl.rc_context(_STYLE):
        _save(timeline(journal, scenario), path)


def exposure_svg(journal: Journal, scenario: Scenario, path: Path) -> None:
    """True and reported exposure to the loss of the site, with the SLA's line and the failures."""
    with mpl.rc_context(_STYLE):
        _save(exposure(journal, scenario), path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "dr_sim"})


@dataclass(slots=True)
class _Clock:
    """Simulated microseconds as matplotlib's days, shown in the scenario's time zone."""

    start: float
    zone: ZoneInfo

    def days(self, us: Any) -> Any:
        return self.start + np.asarray(us, dtype=np.float64) / DAY_US

    def axis(self, ax: Axes, begin_us: int, end_us: int) -> None:
        ax.set_xlim(float(self.days(begin_us)), float(self.days(end_us)))
        length = end_us - begin_us
        locator = mdates.AutoDateLocator(tz=self.zone, minticks=4, maxticks=15)
        form = "%a %d %b" if length > 3 * DAY_US else "%a %H:%M" if length > 2 * HOUR_US else "%H:%M" if length > 10 * MINUTE_US else "%H:%M:%S"
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(mdates.DateFormatter(form, tz=self.zone))


def _clock(scenario: Scenario) -> _Clock:
    start = datetime.fromtimestamp(scenario.start_utc_us // SECOND_US, UTC)
    return _Clock(float(mdates.date2num(start)), ZoneInfo(scenario.time_zone))


# ---- timeline --------------------------------------------------------------------------------------------------------------
def timeline(journal: Journal, scenario: Scenario) -> Figure:
    t = tables(journal)
    causes = Causes(t, scenario)
    end = run_end_us(t, scenario)
    found = failovers(t, scenario)
    lanes = [0.7, 0.9, 1.3, 1.7, 0.6]
    if found:
        window = _zoom_window(causes, found[0])
        lanes += [0.45, 1.2 + 0.11 * min(len(_near(t, causes, found[0], window)), _MOST_LINES), 0.55]
    figure = Figure(figsize=(13, 1.35 * sum(lanes) + 0.9), layout="constrained")
    axes = figure.subplots(len(lanes), 1, gridspec_kw={"height_ratios": lanes}, squeeze=False)[:, 0]
    time = _clock(scenario)
    for ax, draw in zip(axes[:5], (_events, _backups, _link, _behind, _alerts), strict=True):
        draw(ax, t, causes, time, (0, end), found)
        time.axis(ax, 0, end)
        for failover in found:
            ax.axvline(float(time.days(failover.failed_us)), color=BLACK, lw=1, ls="--", zorder=5)
    for ax in axes[:4]:
        ax.tick_params(labelbottom=False)
    axes[0].set_title(f"{scenario.name}: the run" + (" (dashed: the failure)" if found else ""))
    if found:
        _zoom(axes[5:], t, causes, time, found[0], window)
    return figure


Window = tuple[int, int]


def _events(ax: Axes, t: Tables, causes: Causes, time: _Clock, window: Window, found: list[Failover]) -> None:
    """Faults and orders as spans, with the number they bear in the scenario; what lies close together is stacked."""
    shortest = (window[1] - window[0]) // 250
    rows: list[int] = []  # where each row is free again
    for h in sorted(causes.happenings, key=lambda h: h.begin_us):
        label = f"{h.number} {h.what.replace('_', ' ')}" if h.number else ""
        ends_us = h.begin_us if h.what == "lose" else h.end_us  # what is lost stays lost: the instant matters
        width = max(ends_us - h.begin_us, shortest)
        needs = width + (len(label) * (window[1] - window[0]) // 140 if label else 0)
        row = next((i for i, free in enumerate(rows) if free <= h.begin_us), len(rows))
        rows[row : row + 1] = [h.begin_us + needs]
        colour = BLACK if h.what == "lose" else RED
        ax.barh(row, width / DAY_US, left=float(time.days(h.begin_us)), height=0.7, color=colour, alpha=0.85)
        if label and h.begin_us + needs < window[1]:
            ax.text(float(time.days(h.begin_us + width + shortest)), row, label, va="center", fontsize=8)
        elif label:
            ax.text(float(time.days(h.begin_us - shortest)), row, label, va="center", ha="right", fontsize=8)
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.set_yticks([])
    _lane(ax, "events")
    if not causes.happenings:
        ax.text(0.01, 0.5, "none", transform=ax.transAxes, va="center", color=GREY)


def _backups(ax: Axes, t: Tables, causes: Causes, time: _Clock, window: Window, found: list[Failover]) -> None:
    """Fulls and incrementals as bars; of logs how many were finished in each slice."""
    shortest = (window[1] - window[0]) / 500
    colours = {Kind.FULL: BLUE, Kind.INCREMENTAL: SKY}
    logs: list[int] = []
    for database in range(len(causes.scenario.databases)):
        for f in causes.files(database):
            if f.kind == Kind.LOG:
                if f.finished_us is not None:
                    logs.append(f.finished_us)
                continue
            stop = f.finished_us or f.cut_off_us or window[1]
            ax.barh(1 - f.kind, max(stop - f.begin_us, shortest) / DAY_US, left=float(time.days(f.begin_us)), height=0.7, color=colours[Kind(f.kind)])
    count, edges = np.histogram(logs, bins=min(200, _SLICES), range=window)
    if count.max(initial=0):
        ax.stairs(-0.4 - 0.0 * count + 0.8 * count / count.max() - 1.0, time.days(edges), baseline=-1.4, fill=True, color=GREEN)
    ax.set_ylim(-1.6, 1.6)
    ax.set_yticks([1, 0, -1], ["full", "incremental", "logs"])
    _lane(ax, "backups")


def _link(ax: Axes, t: Tables, causes: Causes, time: _Clock, window: Window, found: list[Failover]) -> None:
    """What crossed the link in each slice, against its capacity; hatched where it was down."""
    sent = t["truth.transfer_bytes"]
    bits, edges = np.histogram(sent["time_us"], bins=_SLICES // 3, range=window, weights=8.0 * sent["bytes"])
    width_s = (window[1] - window[0]) / (_SLICES // 3) / SECOND_US
    rate = _spread(bits / width_s / 1e6, causes.scenario.link.bandwidth_bit_s / 1e6)
    ax.stairs(rate, time.days(edges), fill=True, color=BLUE)
    capacity = causes.scenario.link.bandwidth_bit_s / 1e6
    ax.axhline(capacity, color=GREY, lw=1, ls=":")
    _shade(ax, time, causes.link_down, (window[0], found[0].failed_us if found else window[1]))
    ax.set_ylim(0, capacity * 1.15)
    _lane(ax, "link\nMbit/s")


def _spread(rate: Any, capacity: float) -> Any:
    """Bytes are recorded when a transfer ends; what is more than the link carries in a slice was sent in those before."""
    out = np.array(rate, dtype=np.float64)
    over = 0.0
    for i in range(len(out) - 1, -1, -1):
        out[i] += over
        over = max(0.0, float(out[i]) - capacity)
        out[i] -= over
    return out


def _shade(ax: Axes, time: _Clock, spans: list[tuple[int, int]], window: Window) -> None:
    shortest = (window[1] - window[0]) // 800
    for begin, end in spans:
        if begin < window[1] and end > window[0]:
            right = float(time.days(min(max(end, begin + shortest), window[1])))
            ax.axvspan(float(time.days(max(begin, window[0]))), right, facecolor="#F6D5C3", edgecolor=RED, hatch="///", lw=0, zorder=0)


def _behind(ax: Axes, t: Tables, causes: Causes, time: _Clock, window: Window, found: list[Failover]) -> None:
    scenario = causes.scenario
    lag, exposed = service_lag(t, scenario), service_exposure(t, scenario)
    _band(ax, time, exposed, window, ORANGE, "true exposure (site)")
    _over(ax, time, lag, window, BLUE, "replay lag")
    ax.axhline(scenario.danger_us / MINUTE_US, color=RED, lw=1, ls="--")
    ax.annotate("danger", (1, scenario.danger_us / MINUTE_US), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8, color=RED)
    ax.set_ylim(0, max(_top(exposed, lag), scenario.danger_us) / MINUTE_US * 1.12)
    ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=2)
    _lane(ax, "behind\nminutes")


def _top(*curves: Curve) -> int:
    return max(c.max_us() for c in curves)


def _band(ax: Axes, time: _Clock, curve: Curve, window: Window, colour: str, label: str) -> None:
    """A curve in minutes: as a broad line while it has few pieces, else as the band of each slice's least and most."""
    curve = curve.window(*window)
    if not curve.duration_us:
        ax.plot([], [], color=colour, lw=3.5, alpha=0.6, label=label)
        return
    x, y = curve.points()
    if len(curve.start_us) <= _SLICES // 2:
        ax.plot(time.days(x), y / MINUTE_US, color=colour, lw=3.5, alpha=0.6, label=label)
        return
    edges, low, high = _slices(x, y, curve)
    left = time.days(edges[:-1])
    ax.fill_between(left, low / MINUTE_US, high / MINUTE_US, step="post", color=colour, alpha=0.6, lw=0.8, label=label)


def _over(ax: Axes, time: _Clock, curve: Curve, window: Window, colour: str, label: str) -> None:
    """A second curve, to be seen over the first: a thin line, where it is dense the most of each slice."""
    curve = curve.window(*window)
    x, y = curve.points() if curve.duration_us else (np.empty(0, np.int64), np.empty(0, np.int64))
    if len(curve.start_us) > _SLICES // 2:
        edges, _, y = _slices(x, y, curve)
        x = edges[:-1]
        label += " (highest)"
    ax.plot(time.days(x), y / MINUTE_US, color=colour, lw=1.1, label=label)


def _slices(x: Ints, y: Ints, curve: Curve) -> tuple[Ints, Ints, Ints]:
    """(edges, least, most) of the points in each slice of the curve's time; an empty slice goes on as the one before."""
    edges = np.linspace(curve.begin_us, curve.end_us, _SLICES + 1).astype(np.int64)
    first = np.minimum(np.searchsorted(x, edges[:-1], side="left"), len(x) - 1)
    high, low = np.maximum.reduceat(y, first), np.minimum.reduceat(y, first)
    return edges, low, high


def _alerts(ax: Axes, t: Tables, causes: Causes, time: _Clock, window: Window, found: list[Failover]) -> None:
    _draw_alerts(ax, judge(t, causes.scenario).alerts, time, window)
    _lane(ax, "alerts")


def _draw_alerts(ax: Axes, raised: list[Alert], time: _Clock, window: Window) -> None:
    shown = [a for a in raised if window[0] <= a.time_us < window[1]]
    ax.set_ylim(-1, 1)
    ax.set_yticks([])
    for event_id in sorted({min(a.event_id, 4) for a in shown}):
        mark, colour, word = ALERT_MARKS.get(event_id, OTHER_ALERT)
        mine = [a for a in shown if min(a.event_id, 4) == event_id]
        for is_false in (False, True):
            at = [a.time_us for a in mine if a.false_alarm == is_false]
            if at:
                label = f"{word}{', false alarm' if is_false else ''} ({len(at)})"
                face = "none" if is_false else colour
                ax.scatter(time.days(at), np.zeros(len(at)), marker=mark, s=26, facecolors=face, edgecolors=colour, label=label)
    if shown:
        ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=6, bbox_to_anchor=(0, 1.15))
    else:
        ax.text(0.01, 0.5, "none", transform=ax.transAxes, va="center", color=GREY)


def _lane(ax: Axes, name: str) -> None:
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.yaxis.set_label_coords(-0.09, 0.5)
    ax.grid(axis="x", color="#E0E0E0", lw=0.6)
    ax.set_axisbelow(True)


# ---- around the failover ----------------------------------------------------------------------------------------------------
def _zoom_window(causes: Causes, failover: Failover) -> Window:
    """From some logs before the recovery point, and the link outage before it if there was one, until served again."""
    point = failover.worst.recovery_point_us
    point = failover.failed_us if point is None else point
    until = min(failover.until_us, point + 20 * HOUR_US)  # an outage that never ended is not drawn to its end
    begin = min(point, failover.failed_us - 15 * MINUTE_US)
    for down, back in causes.link_down:
        if down < failover.failed_us and back > begin - 15 * MINUTE_US:
            begin = min(begin, down)
    margin = (until - begin) // 16
    return max(0, begin - margin), until + margin


def _near(t: Tables, causes: Causes, failover: Failover, window: Window) -> list[File]:
    """The worst database's files that were made or on their way in the window."""
    rows = t["truth.file_state"]
    last = dict(zip(rows["file"].tolist(), rows["time_us"].tolist(), strict=True))  # when each file's way ended
    files = causes.files(failover.worst.database)
    return [f for f in files if f.begin_us < window[1] and last.get(f.number, f.begin_us) > window[0]]


def _zoom(axes: Any, t: Tables, causes: Causes, time: _Clock, failover: Failover, window: Window) -> None:
    """The worst database's files one by one, alerts and the phases of the outage."""
    worst = failover.worst
    name = causes.scenario.databases[worst.database].name
    axes[0].set_title(f"Around the failover: files of {name}, from cut to restore")
    _draw_alerts(axes[0], [a for a in judge(t, causes.scenario).alerts if a.database in (worst.database, -1)], time, window)
    _lane(axes[0], "alerts")
    _files(axes[1], t, causes, time, window, failover)
    _phases(axes[2], time, failover, window)
    for ax in axes:
        time.axis(ax, *window)
        ax.axvline(float(time.days(failover.failed_us)), color=BLACK, lw=1.2, ls="--", zorder=5)
    point = worst.recovery_point_us
    if worst.data_loss_us and point is not None:
        axes[1].axvspan(float(time.days(point)), float(time.days(point + worst.data_loss_us)), color=YELLOW, alpha=0.25, lw=0, zorder=0)
        text = f"lost: {clock(worst.data_loss_us)}"
        axes[1].annotate(text, (float(time.days(point)), 1), xycoords=("data", "axes fraction"), xytext=(3, -3),
                         textcoords="offset points", va="top", fontsize=9, weight="bold")  # fmt: skip
    for ax in axes[:2]:
        ax.tick_params(labelbottom=False)


STATE_COLOURS = {
    "backup": (GREEN, "backup"), "sending": (BLUE, "sending"), "queued": (GREY, "queued"), "staging": (PURPLE, "staging full"),
    "backoff": (ORANGE, "back-off"), "waiting": (ORANGE, "waits for the link"), "landed": (SKY, "landed, not restored"),
    "damaged": (RED, "landed damaged"),
}  # fmt: skip


def _files(ax: Axes, t: Tables, causes: Causes, time: _Clock, window: Window, failover: Failover) -> None:
    sent_until = failover.failed_us if failover.failure_class == "site" else window[1]  # nothing leaves a lost site
    near = _near(t, causes, failover, window)
    restored = dict(zip(t["truth.restored"]["file"].tolist(), t["truth.restored"]["time_us"].tolist(), strict=True))
    shortest = (window[1] - window[0]) / 400
    used: set[str] = set()
    left_out = len(near) - _MOST_LINES
    for row, f in enumerate(near[-_MOST_LINES:]):
        for begin, end, state in _bars(causes, f, restored.get(f.number), sent_until, window[1]):
            colour, word = STATE_COLOURS[state]
            label = word if word not in used else None
            used.add(word)
            left = max(begin, window[0])
            ax.barh(row, max(min(end, window[1]) - left, shortest) / DAY_US, left=float(time.days(left)), height=0.75, color=colour, label=label)
        if f.number in restored and window[0] <= restored[f.number] < window[1]:
            word = "restored" if "restored" not in used else None
            used.add("restored")
            ax.plot(float(time.days(restored[f.number])), row, marker="|", color=BLACK, ms=7, ls="none", label=word)
    _shade(ax, time, causes.link_down, (window[0], sent_until))
    ax.set_ylim(max(min(len(near), _MOST_LINES), 4) + 2.5, -1.5)
    ax.set_yticks([])
    _lane(ax, "files" + (f"\n(last {_MOST_LINES}\nof {len(near)})" if left_out > 0 else ""))
    ax.fill_between([], [], facecolor="#F6D5C3", edgecolor=RED, hatch="///", lw=0, label="link down")
    ax.legend(loc="lower left", fontsize=8, frameon=True, framealpha=0.9, ncols=3)


def _bars(causes: Causes, f: File, restored_us: int | None, sent_until: int, end_us: int) -> list[tuple[int, int, str]]:
    """(begin, end, what) of a file's life; a file still to be sent from a lost site waits no more."""
    made = f.finished_us or f.cut_off_us
    bars = [(f.begin_us, made if made is not None else end_us, "backup")]
    states = causes.states(f.number)
    for i, (begin, state) in enumerate(states):
        end = states[i + 1][0] if i + 1 < len(states) else end_us
        if state == "landed":
            end = min(end, restored_us) if restored_us is not None and restored_us >= begin else end
            bars.append((begin, end, "landed" if causes.intact(f.number, begin) else "damaged"))
        elif state in STATE_COLOURS and min(end, sent_until) > begin:
            bars.append((begin, min(end, sent_until), state))
    return bars


def _phases(ax: Axes, time: _Clock, failover: Failover, window: Window) -> None:
    """The outage cut by its phases; the words stand before it, where nothing is drawn."""
    words = []
    for begin, end, phase in failover.spans:
        left, right = max(begin, window[0]), min(end, window[1])
        ax.barh(0, max(right - left, 0) / DAY_US, left=float(time.days(left)), height=0.8, color=PHASE_COLOURS[phase], edgecolor="white", lw=0.5)
        words.append(f"{phase.replace('_', ' ')} {clock(end - begin)}")
        if right - left > (window[1] - window[0]) // 16:
            ax.text(float(time.days((left + right) // 2)), 0, phase.replace("_", " "), ha="center", va="center", fontsize=8)
    total = "unknown" if failover.outage_us is None else clock(failover.outage_us)
    lines = [f"outage {total}", *(",  ".join(words[i : i + 4]) for i in range(0, len(words), 4))]
    ax.annotate("\n".join(lines), (float(time.days(failover.outage_from_us)), 0.5), xycoords=("data", "axes fraction"), xytext=(-6, 0),
                textcoords="offset points", ha="right", va="center", fontsize=8)  # fmt: skip
    ax.set_yticks([])
    ax.set_ylim(-0.6, 0.6)
    _lane(ax, "outage")


# ---- exposure --------------------------------------------------------------------------------------------------------------------
def exposure(journal: Journal, scenario: Scenario) -> Figure:
    t = tables(journal)
    end = run_end_us(t, scenario)
    true, told = service_exposure(t, scenario), service_reported(t, scenario)
    found = failovers(t, scenario)
    windows = [(0, end)]
    peak = _peak(true)
    if peak is not None and end > 2 * DAY_US:
        reach = max(3 * true.max_us(), 2 * HOUR_US)
        windows.append((max(0, peak - reach), min(end, peak + reach // 2)))
    figure = Figure(figsize=(13, 3.6 * len(windows)), layout="constrained")
    time = _clock(scenario)
    for ax, window in zip(figure.subplots(len(windows), 1, squeeze=False)[:, 0], windows, strict=True):
        _draw_exposure(ax, scenario, time, window, true, told, found)
    figure.axes[0].set_title(f"{scenario.name}: exposure to the loss of the site" + (" (dashed: the failure)" if found else ""))
    if len(windows) > 1:
        figure.axes[1].set_title("Around the highest")
    return figure


def _peak(curve: Curve) -> int | None:
    """When the curve is at its highest."""
    if not curve.duration_us:
        return None
    x, y = curve.points()
    return int(x[int(np.argmax(y))])


def _draw_exposure(
    ax: Axes, scenario: Scenario, time: _Clock, window: Window, true: Curve, told: Curve, found: list[Failover]
) -> None:
    _band(ax, time, true, window, ORANGE, "true")
    _over(ax, time, told, window, BLUE, "reported: what the recovery manager believes")
    top = max(_top(true.window(*window), told.window(*window)), 10 * MINUTE_US)
    lines = [(f"SLA {j.id}", j.bound, BLACK) for j in scenario.sla if j.measure in ("data_loss", "exposure.max") and j.at_most]
    for word, level, colour in [*lines, ("danger", scenario.danger_us, RED)]:
        if level <= 3 * top:
            top = max(top, level)
            ax.axhline(level / MINUTE_US, color=colour, lw=1, ls="--" if word == "danger" else "-")
            side = "right" if word == "danger" else "left"
            ax.annotate(f"{word} {clock(level)}", (1 if side == "right" else 0, level / MINUTE_US), xycoords=("axes fraction", "data"),
                        ha=side, va="bottom", fontsize=8, color=colour)  # fmt: skip
    for f in found:
        if window[0] <= f.failed_us < window[1]:
            ax.axvline(float(time.days(f.failed_us)), color=BLACK, lw=1.2, ls="--")
    ax.set_ylim(0, top / MINUTE_US * 1.15)
    ax.set_ylabel("minutes")
    ax.grid(color="#E0E0E0", lw=0.6)
    ax.set_axisbelow(True)
    ax.legend(loc="upper left", fontsize=8, frameon=True, framealpha=0.9, ncols=2)
    time.axis(ax, *window)
