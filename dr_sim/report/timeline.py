"""The lanes of a report: what happened in one run, over one time axis that zooms in all of them
(charts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    BoxZoomTool,
    CustomJSHover,
    CustomJSTickFormatter,
    HoverTool,
    NoOverlap,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dr_sim.backups.model import Kind
from dr_sim.figures.style import ALERT_MARKS, BLACK, BLUE, GREEN, GREY, ORANGE, RED, SKY
from dr_sim.figures.timeline import sent_rate
from dr_sim.figures.views import Views
from dr_sim.measures.exposure import Curve
from dr_sim.measures.lag import Backlog, backlog
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Tables
from dr_sim.report.charts import LEFT_PX, MOST_POINTS, Chart, above_it, stairs, thinned
from dr_sim.screen.run import counted, instant, size
from dr_sim.units import MINUTE_US, clock

MOST_BARS = 10_000  # logs drawn one by one; more than that are left out, and the lane says so
LINK_SLICES = 2_000
LONGEST_LABEL = 18  # letters that find room there; the rest of a longer name is told by hovering
MOST_ROWS = 16  # of alerts: a row for each database up to here, for each kind of alert beyond
ALERT_MARKERS = {1: "inverted_triangle", 2: "circle", 3: "square"}
OTHER_MARKER = "diamond"
_ALERT_COLOURS = {1: RED, 2: ORANGE, 3: "#CC79A7"}
_WHEN_JS = (
    "new Intl.DateTimeFormat('en-GB', {timeZone: zone, weekday: 'short', day: '2-digit', "
    "month: 'short', "
    "hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'}).format(new Date(%s))"
)
_TICK_JS = """
const far = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 0
const day = {timeZone: zone, weekday: 'short', day: '2-digit', month: 'short'}
const hour = {timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23'}
const form = far >= 86400e3 ? day
  : far >= 60e3 ? {...hour, weekday: far >= 3600e3 ? 'short' : undefined}
  : {...hour, second: '2-digit'}
return new Intl.DateTimeFormat('en-GB', form).format(new Date(tick))
"""


class Timeline:
    """The lanes of one run, all its legs, over one time axis."""

    def __init__(self, seen: Views) -> None:
        self.seen, self.scenario = seen, seen.whole.legs[0].scenario
        self.end_us = seen.end_us
        begin, end = self.ms(0), self.ms(self.end_us)
        self.x = Range1d(begin, end, bounds=(begin, end), min_interval=1_000, name="time")

    def ms(self, us: Any) -> Any:
        """Bokeh's time: milliseconds since 1970, UTC; shown in the scenario's zone."""
        return (np.asarray(us, dtype=np.float64) + self.scenario.start_utc_us) / 1000.0

    def when(self, us: int) -> str:
        return instant(us, self.scenario)

    def charts(self) -> list[Chart]:
        """Every lane, from what happened down to what it did to recovery."""
        sites = [self._sites()] if len(self.seen.legs) > 1 else []
        return [
            *sites,
            self._events(),
            self._backups(),
            self._link(),
            self._behind(),
            self._exposure(),
            self._backlog(),
            self._alerts(),
        ]

    # ---- parts
    def _lane(self, key: str, height: int, y_range: Any, label: str, tooltips: Any = None) -> Any:
        drag = BoxZoomTool(dimensions="width")
        f = figure(
            name=key,
            x_range=self.x,
            y_range=y_range,
            height=height,
            sizing_mode="stretch_width",
            x_axis_type="datetime",
            tools=[
                drag,
                PanTool(dimensions="width"),
                WheelZoomTool(dimensions="width"),
                ResetTool(),
            ],
            toolbar_location="above",
            toolbar_inner=True,
            min_border_left=LEFT_PX,
            min_border_right=12,
            y_axis_label=label,
        )
        f.toolbar.logo = None
        f.toolbar.autohide = True
        f.toolbar.active_drag, f.toolbar.active_scroll = drag, None  # the wheel scrolls the page
        f.xaxis.formatter = CustomJSTickFormatter(
            code=_TICK_JS, args={"zone": self.scenario.time_zone}
        )
        f.xaxis.major_label_policy = NoOverlap()  # on a phone there is room for three
        f.ygrid.grid_line_color = None if isinstance(y_range, list) else "#E0E0E0"
        f.xgrid.grid_line_color = "#E0E0E0"
        f.yaxis.major_label_text_font_size = "10px"
        f.outline_line_color = None
        if tooltips:
            f.add_tools(HoverTool(tooltips=tooltips))
        for failed_us in self.seen.failures_us:
            f.add_layout(
                Span(
                    location=float(self.ms(failed_us)),
                    dimension="height",
                    line_color=BLACK,
                    line_dash="dashed",
                )
            )
        for begin, until in self.seen.unprotected:
            left, right = float(self.ms(begin)), float(self.ms(until))
            f.add_layout(
                BoxAnnotation(
                    left=left,
                    right=right,
                    fill_color="#DCE6F2",
                    fill_alpha=0.6,
                    hatch_pattern="dot",
                    hatch_color=BLUE,
                    hatch_alpha=0.4,
                    line_color=None,
                    level="underlay",
                )
            )
        return f

    def _when_hover(self, renderers: list[Any], value: str, side: str = "right") -> HoverTool:
        """Tells the curve's value above or below the pointer ($y would be the pointer's own)."""
        code = f"return {_WHEN_JS % 'special_vars.snap_x'}"
        args = {"zone": self.scenario.time_zone}
        return HoverTool(
            renderers=renderers,
            mode="vline",
            line_policy="interp",
            attachment=side,
            tooltips=[("at", "$snap_x{custom}"), *((r.name, value) for r in renderers[:1])],
            formatters={"$snap_x": CustomJSHover(code=code, args=args)},
        )

    def _bars(
        self,
        f: Any,
        rows: list[tuple[Any, int, int, str]],
        colour: str,
        label: str = "",
        hatch: str | None = None,
    ) -> None:
        """rows: (y, begin_us, end_us, words)."""
        if not rows:
            return
        y, begin, end, words = zip(*rows, strict=True)
        data = {"y": list(y), "left": self.ms(begin), "right": self.ms(end), "words": list(words)}
        data["when"] = [self.when(us) for us in begin]
        more: dict[str, Any] = {"legend_label": label} if label else {}
        if hatch:
            more |= {
                "hatch_pattern": hatch,
                "hatch_color": colour,
                "hatch_alpha": 0.7,
                "fill_alpha": 0.25,
            }
        f.hbar(
            y="y",
            left="left",
            right="right",
            height=0.7,
            color=colour,
            line_color=colour,
            source=data,
            **more,
        )

    def _curve(
        self, f: Any, curve: Curve, colour: str, label: str, width: float, side: str = "right"
    ) -> Any:
        """A curve in minutes as a line that tells its value where the pointer is, on that side of
        it.
        """
        x, y = np.empty(0), np.empty(0)
        for part in curve.parts() if curve.duration_us else ():
            px, py = thinned(*part.points())
            gap = [px[0]] if len(x) else []  # where it is not defined the line breaks
            x, y = np.concatenate((x, gap, px)), np.concatenate((y, [np.nan] * len(gap), py))
        line = f.line(
            self.ms(x),
            y / MINUTE_US,
            color=colour,
            line_width=width,
            legend_label=label,
            name=label,
        )
        f.add_tools(self._when_hover([line], "$snap_y{0.0} min", side))
        return line

    def _level(self, f: Any, at_us: int, words: str, colour: str, dash: str) -> None:
        """A horizontal line with its name, as long as the run."""
        ends = self.ms([0, self.end_us])
        f.line(
            ends,
            [at_us / MINUTE_US] * 2,
            color=colour,
            line_dash=dash,
            legend_label=f"{words} {clock(at_us)}",
        )

    # ---- lanes
    def _sites(self) -> Chart:
        """Which site is the primary, and where the service was unprotected."""
        spans = self.seen.sites()
        names = sorted({v.leg.primary for v in self.seen.legs})
        f = self._lane(
            "sites", 60 + 26 * len(names), names[::-1], "", [("", "@words"), ("from", "@when")]
        )
        rows = [
            (v.leg.primary, begin, end, words)
            for v, (begin, end, words) in zip(self.seen.legs, spans, strict=True)
        ]
        self._bars(f, rows, GREY)
        told = "; ".join(f"{words} from {self.when(begin)}" for begin, _, words in spans)
        bare = "; ".join(
            f"{clock(end - begin)} from {self.when(begin)}" for begin, end in self.seen.unprotected
        )
        return Chart(
            "sites",
            "Which site is the primary (dotted ground: unprotected)",
            f"{told}. Unprotected: {bare or 'never'}.",
            f,
        )

    def _events(self) -> Chart:
        happenings = sorted(self.seen.happenings, key=lambda h: h.begin_us)
        labels = list(dict.fromkeys(_label(h.what.replace("_", " ")) for h in happenings))
        f = self._lane(
            "events",
            60 + 26 * max(len(labels), 1),
            labels[::-1] or ["nothing"],
            "",
            [("", "@words"), ("from", "@when")],
        )
        shortest = self.end_us // 1000
        for fatal, colour in ((False, RED), (True, BLACK)):
            chosen = [h for h in happenings if h.fatal == fatal]
            rows = [
                (
                    _label(h.what.replace("_", " ")),
                    h.begin_us,
                    max(h.begin_us if fatal else h.end_us, h.begin_us + shortest),
                    f"{h.label}: {h.what.replace('_', ' ')} {h.detail} "
                    f"({clock(h.end_us - h.begin_us)})",
                )
                for h in chosen
            ]
            self._bars(f, rows, colour)
        listed = "; ".join(
            f"{h.what.replace('_', ' ')} {self.when(h.begin_us)}" for h in happenings[:12]
        )
        more = f"; and {len(happenings) - 12} more" if len(happenings) > 12 else ""
        return Chart(
            "events",
            "What happened",
            f"{counted(len(happenings), 'event')}: {listed}{more}."
            if happenings
            else "Nothing happened.",
            f,
        )

    def _backups(self) -> Chart:
        words = {Kind.FULL: "full", Kind.INCREMENTAL: "incremental", Kind.LOG: "log"}
        f = self._lane(
            "backups", 150, ["log", "incremental", "full"], "", [("", "@words"), ("begun", "@when")]
        )
        seen = dict.fromkeys(Kind, 0)
        left_out = 0
        rows: dict[Kind, list[tuple[Any, int, int, str]]] = {kind: [] for kind in Kind}
        shortest = self.end_us // 20_000
        for v in self.seen.legs:
            began_us = v.leg.begins_us
            for database, file in (
                (d, f)
                for index, d in enumerate(v.leg.scenario.databases)
                for f in v.causes.files(index)
            ):
                kind = Kind(file.kind)
                seen[kind] += 1
                if kind is Kind.LOG and seen[kind] > MOST_BARS:
                    left_out += 1
                    continue
                stop = file.finished_us or file.cut_off_us or v.ends_us
                state = (
                    "" if file.finished_us else ", cut off" if file.cut_off_us else ", unfinished"
                )
                text = (
                    f"{words[kind]} of {database.name}: {size(file.nominal_bytes)} in "
                    f"{clock(stop - file.begin_us)}{state}"
                )
                rows[kind].append(
                    (
                        words[kind],
                        began_us + file.begin_us,
                        began_us + max(stop, file.begin_us + shortest),
                        text,
                    )
                )
        for kind, colour in ((Kind.FULL, BLUE), (Kind.INCREMENTAL, SKY), (Kind.LOG, GREEN)):
            self._bars(f, rows[kind], colour)
        told = ", ".join(counted(seen[kind], words[kind]) for kind in Kind)
        return Chart(
            "backups",
            "Backups",
            f"{told}." + (f" {left_out:,} logs are not drawn." if left_out else ""),
            f,
        )

    def _link(self) -> Chart:
        capacity = self.scenario.link.bandwidth_bit_s / 1e6
        f = self._lane("link", 170, (0, capacity * 1.2), "Mbit/s")
        rate, edges = sent_rate(self.seen, (0, self.end_us), LINK_SLICES, capacity, np.asarray)
        x, y = stairs(edges[:-1], rate)
        area = f.line(self.ms(x), y, color=BLUE, legend_label="sent", name="sent")
        f.add_tools(self._when_hover([area], "$snap_y{0.00} Mbit/s"))
        f.line(
            self.ms([0, self.end_us]),
            [capacity] * 2,
            color=GREY,
            line_dash="dotted",
            legend_label="bandwidth",
        )
        down = []
        for v in self.seen.legs:  # a lost site has no link
            lost_us = min([v.ends_us, *(f.failed_us for f in v.found if f.failure_class == "site")])
            mine = [
                (begin, min(end, lost_us)) for begin, end in v.causes.link_down if begin < lost_us
            ]
            down += [(v.leg.begins_us + begin, v.leg.begins_us + end) for begin, end in mine]
        if down:
            f.quad(
                left=self.ms([b for b, _ in down]),
                right=self.ms([e for _, e in down]),
                bottom=0,
                top=capacity,
                color=RED,
                fill_alpha=0.2,
                hatch_pattern="right_diagonal_line",
                hatch_color=RED,
                legend_label="down",
            )
        above_it(f)
        total = sum(end - begin for begin, end in down)
        return Chart(
            "link",
            "Link",
            f"{size(sum(int(v.t['truth.transfer_bytes']['bytes'].sum()) for v in self.seen.legs))} "
            f"crossed a link of {capacity:g} Mbit/s; it was "
            f"{f'down for {clock(total)}' if total else 'never down'}.",
            f,
        )

    def _behind(self) -> Chart:
        lag = self.seen.whole.replay_lag()
        f = self._lane("replay", 190, (0, _top(lag.max_us(), self.scenario.danger_us)), "minutes")
        self._curve(f, lag, BLUE, "replay lag", 1.5)
        self._level(f, self.scenario.danger_us, "danger", RED, "dashed")
        above_it(f)
        return Chart(
            "replay",
            "Replay: how far the secondary was behind",
            f"Replay lag was at most {clock(lag.max_us())}.",
            f,
        )

    def _exposure(self) -> Chart:
        true, told = self.seen.whole.exposure(), self.seen.whole.reported()
        lines = [
            j for j in self.scenario.sla if j.measure in ("data_loss", "exposure.max") and j.at_most
        ]
        near = [j.bound for j in lines if j.bound <= 4 * true.max_us()]
        f = self._lane("exposure", 240, (0, _top(true.max_us(), told.max_us(), *near)), "minutes")
        self._curve(f, true, ORANGE, "true", 3.5)
        self._curve(f, told, BLUE, "reported", 1.2, "left")
        for j in lines:
            if j.bound in near:
                self._level(f, j.bound, f"SLA {j.id}", BLACK, "solid")
        above_it(f)
        words = (
            f"If the site had been lost, at most {clock(true.max_us())} of data would have "
            f"gone; the recovery manager believed in at most {clock(told.max_us())}."
        )
        far = [j for j in lines if j.bound not in near]
        return Chart(
            "exposure",
            "Exposure: true beside reported",
            words + "".join(f" The SLA's {clock(j.bound)} lies far above." for j in far),
            f,
        )

    def _backlog(self) -> Chart:
        each = [(v.leg.begins_us, v.ends_us, *backlog(v.t, v.leg.scenario)) for v in self.seen.legs]
        landing, restoring = (
            over_legs([(begins, ends, b[i]) for begins, ends, *b in each]) for i in (0, 1)
        )
        f = self._lane("backlog", 170, (0, max(landing.most, restoring.most, 1) * 1.15), "logs")
        for part, colour, word, dash, side in (
            (landing, ORANGE, "not landed", "solid", "right"),
            (restoring, BLUE, "landed, not restored", "dashed", "left"),
        ):
            x, y = stairs(*self._steps(part))
            line = f.line(self.ms(x), y, color=colour, line_dash=dash, legend_label=word, name=word)
            f.add_tools(self._when_hover([line], "$snap_y{0} logs", side))
        staging = self._staging()
        if staging:
            f.quad(
                left=self.ms([b for b, _ in staging]),
                right=self.ms([e for _, e in staging]),
                bottom=0,
                top=max(landing.most, 1),
                color="#CC79A7",
                fill_alpha=0.2,
                hatch_pattern="cross",
                hatch_color="#CC79A7",
                legend_label="staging full",
            )
        above_it(f)
        full = sum(end - begin for begin, end in staging)
        held = f"full for {clock(full)}" if staging else "never full"
        words = (
            f"At most {counted(landing.most, 'log')} waited to land and {restoring.most:,} to "
            f"be restored; staging was {held}."
        )
        return Chart("backlog", "Backlog and staging", words, f)

    def _steps(self, part: Backlog) -> tuple[Any, Any]:
        x = np.append(np.insert(part.at_us, 0, 0), self.end_us)
        # stairs() doubles them
        return thinned(x, np.append(np.insert(part.count, 0, 0), part.last), MOST_POINTS // 2)

    def _staging(self) -> list[tuple[int, int]]:
        """The maximal intervals in which some file waited because staging was full."""
        held: list[tuple[int, int]] = []
        for v in self.seen.legs:
            held += [
                (v.leg.begins_us + begin, v.leg.begins_us + end)
                for begin, end in _held(v.t, v.ends_us)
            ]
        return maximal(sorted(held))

    def _alerts(self) -> Chart:
        alerts = self.seen.alerts
        databases = [
            i
            for i in (-1, *range(len(self.scenario.databases)))
            if any(a.database == i for a in alerts)
        ]
        few = len(databases) <= MOST_ROWS
        rows = {
            (a.database if few else a.event_id): ""
            for a in sorted(alerts, key=lambda a: a.database if few else a.event_id)
        }
        for i, row in enumerate(rows):
            label = _label(self._subject(row)) if few else _label(_event(row))
            rows[row] = label if label not in rows.values() else _label(label, f" {i}")
        named = list(rows.values())
        f = self._lane("alerts", 60 + 26 * max(len(named), 1), named[::-1] or ["none"], "",
                       [("", "@of"), ("", "@words"), ("at", "@when"), ("", "@judged")])  # fmt: skip
        for event_id in sorted({a.event_id for a in alerts}):
            chosen = [a for a in alerts if a.event_id == event_id]
            data = {
                "x": self.ms([a.time_us for a in chosen]),
                "y": [rows[a.database if few else event_id] for a in chosen],
                "words": [a.text for a in chosen],
                "when": [self.when(a.time_us) for a in chosen],
                "of": [self._subject(a.database) for a in chosen],
                "judged": [a.level + (", false alarm" if a.false_alarm else "") for a in chosen],
                "fill": [0.0 if a.false_alarm else 0.9 for a in chosen],
            }
            f.scatter(
                "x",
                "y",
                source=data,
                marker=ALERT_MARKERS.get(event_id, OTHER_MARKER),
                size=9,
                fill_alpha="fill",
                color=_ALERT_COLOURS.get(event_id, GREY),
                legend_label=_event(event_id),
            )
        f.hover.limit = 5  # of hundreds that lie upon each other
        if alerts:
            above_it(f)
        due, missed, late, false = (
            sum(getattr(v.quality, what) for v in self.seen.legs)
            for what in ("due", "missed", "late", "false")
        )
        words = (
            f"{counted(len(alerts), 'alert')}; {counted(due, 'lasting danger')} asked for "
            f"one, {missed} missed, {late} answered late; {false} false."
        )
        if not few:
            words += f" They are about {len(databases)} subjects, so they are drawn by kind."
        return Chart("alerts", "Alerts", words, f)

    def _subject(self, database: int) -> str:
        return "whole service" if database < 0 else self.scenario.databases[database].name


def _event(event_id: int) -> str:
    """'2 no new logs': the number that the README lists, and what it is in short."""
    return f"{event_id} {ALERT_MARKS[event_id][2]}"


def _label(name: str, end: str = "") -> str:
    """A name that finds room beside an axis."""
    return (
        f"{name[: LONGEST_LABEL - len(end) - 1]}…{end}"
        if len(name) + len(end) > LONGEST_LABEL
        else name + end
    )


def _held(t: Tables, end_us: int) -> list[tuple[int, int]]:
    """When single files waited because staging was full."""
    rows = t["truth.file_state"]
    order = np.lexsort((rows["seq"], rows["file"]))
    file, time = rows["file"][order], rows["time_us"][order]
    held = t.has_text(rows["state"][order], "staging")
    same = np.append(file[1:] == file[:-1], False)
    stop = np.where(same, np.append(time[1:], end_us), end_us)
    return list(zip(time[held].tolist(), stop[held].tolist(), strict=True))


def over_legs(each: Sequence[tuple[int, int, Backlog]]) -> Backlog:
    """(begins_us, ends_us, backlog in the leg's time) of every leg, as one in the run's time; each
    begins with nothing.
    """
    at, count = [], []
    for begins, ends, of in each:
        there = of.at_us < ends
        first = np.zeros(int(begins > 0), np.int64)
        at += [first + begins, of.at_us[there] + begins]
        count += [first, of.count[there]]
    return Backlog(np.concatenate(at), np.concatenate(count))


def _top(*values_us: int) -> float:
    return max(*values_us, 5 * MINUTE_US) / MINUTE_US * 1.15
