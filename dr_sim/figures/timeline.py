"""The lanes of a run: what happened in it, over one time axis that they share (charts.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.figures.charts import (
    COLOUR_NAMES,
    MOST_POINTS,
    MS_US,
    Chart,
    LineStyle,
    level,
    line,
    packed,
    points_of,
    share_below,
    spans,
    thinned,
)
from dr_sim.figures.style import ALERT_MARKS
from dr_sim.figures.views import Views
from dr_sim.formatting.words import counted, instant, size
from dr_sim.measures.alerts import Alert
from dr_sim.measures.lag import Backlog, backlog
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Tables
from dr_sim.measures.whole import AnyCurve
from dr_sim.scenario.model import SlaLine
from dr_sim.units import DAY_US, SECOND_US, clock

FAR_BEYOND = 10  # times the ordinary: an axis that reached there would show nothing else
MOST_BARS = 10_000  # logs drawn one by one; of more those close together are drawn as one bar
MOST_JOINED = 2_000  # bars of the whole service then, and at least as many per database as:
FEWEST_JOINED = 24
LINK_SLICES = 2_000
MOST_TEXTS = 1_000  # of so many alerts the texts are shown by hovering; of more only their kind
MOST_SIGNS = (
    30_000  # of alerts; of more those close together are drawn as one
)
MOST_ROWS = 16  # of alerts: a row for each database up to here, for each kind of alert beyond
ALERT_SHAPES = {1: "triangle", 2: "circle", 3: "square"}
OTHER_SHAPE = "diamond"
MOST_POINTS_OF_ALL = (
    120_000  # of the curves of single databases, all together
)
FEWEST_POINTS = 240  # of one of them


class Timeline:
    """The lanes of one run, all its legs, over one time axis. Each is made once: a page and still
    pictures may share them.

    selectable: with the curves of single databases, for a page on which a reader chooses one.
    """

    def __init__(self, seen: Views, selectable: bool = True) -> None:
        self.seen, self.scenario = seen, seen.whole.legs[0].scenario
        self.end_us = seen.end_us
        names = [database.name for database in self.scenario.databases]
        self._choices = names if selectable and len(names) > 1 else []

    def axis(self, views: list[tuple[str, int, int]]) -> dict[str, Any]:
        """The time axis that the lanes share. views: (name, from, until) of the buttons above
        it.
        """
        start_us = self.scenario.start_utc_us
        local = (
            datetime.fromtimestamp(0, UTC)
            + timedelta(microseconds=start_us)
        ).astimezone(ZoneInfo(self.scenario.time_zone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        before_us = (local - midnight) // timedelta(microseconds=1)
        names = [database.name for database in self.scenario.databases]
        shown = [
            [name, begin / MS_US, end / MS_US] for name, begin, end in views
        ]
        return {
            "from": 0,
            "to": self.end_us / MS_US,
            "start": start_us / MS_US,
            "zone": self.scenario.time_zone,
            "midnight": (-before_us) % DAY_US / MS_US,
            "names": names,
            "views": shown,
        }

    def when(self, us: int) -> str:
        return instant(us, self.scenario)

    @cached_property
    def lanes(self) -> list[Chart]:
        """Every lane, from what happened down to what it did to recovery."""
        sites = [self._sites()] if len(self.seen.legs) > 1 else []
        return [
            *sites,
            self._events(),
            self._backups(),
            self._link(),
            self._behind(),
            self.exposure,
            self._backlog(),
            self._alerts(),
        ]

    def limits(self) -> list[tuple[str, int]]:
        """The SLA's bounds on data loss of the whole service, by name."""
        return [
            (f"SLA {line.id}", line.bound)
            for line in self.scenario.sla
            if line.measure == "data_loss"
            and line.at_most
            and self._database_of(line) is None
        ]

    @cached_property
    def shares(self) -> list[Chart]:
        """Return how exposure was distributed over the measured time; nothing of a run without
        any.
        """
        measured_us = (self.scenario.measure_from_us, self.end_us)
        whole = self.seen.whole
        exposed = whole.exposure().window(*measured_us)
        if not exposed.duration_us:
            return []
        of_each = {
            i: whole.exposure(name).window(*measured_us)
            for i, name in enumerate(self._choices)
        }
        return [share_below(exposed, self.limits(), of_each)]

    def _database_of(self, line: SlaLine) -> int | None:
        """The index of the one database that a line is about; None where it is about all."""
        names = [d.name for d in self.scenario.databases]
        if len(names) == 1 or not line.database:
            return None
        return names.index(line.database)

    # ---- parts
    def lane(
        self,
        y: dict[str, Any],
        marks: list[dict[str, Any]],
        height: int = 190,
    ) -> dict[str, Any]:
        """Return a lane over the time axis; failures and unprotected time lie behind its marks."""
        uprights = [at / MS_US for at in self.seen.failures_us]
        grounds = [
            [begin / MS_US, end / MS_US]
            for begin, end in self.seen.unprotected
        ]
        return {
            "x": {"kind": "time"},
            "y": y,
            "height": height,
            "marks": marks,
            "uprights": uprights,
            "grounds": grounds,
        }

    def _bar(
        self,
        row: int,
        begin_us: int,
        end_us: int,
        words: str,
        database: int = -1,
    ) -> dict[str, Any]:
        return {
            "row": row,
            "from": begin_us / MS_US,
            "to": end_us / MS_US,
            "words": words,
            "of": database,
        }

    def of_each(
        self, curve: Callable[[str], AnyCurve]
    ) -> dict[int, dict[str, list[Any]]] | None:
        """The curves of single databases, for the selector; None if nothing is to be chosen."""
        names = self._choices
        if not names:
            return None
        most = max(
            FEWEST_POINTS,
            min(MOST_POINTS, MOST_POINTS_OF_ALL // len(names)),
        )
        return {
            i: points_of(curve(name), most) for i, name in enumerate(names)
        }

    # ---- lanes
    def _sites(self) -> Chart:
        """Return which site is the primary, and where the service was unprotected."""
        stretches = self.seen.sites()
        names = sorted({v.leg.primary for v in self.seen.legs})
        rows = [
            self._bar(names.index(v.leg.primary), begin, end, words)
            for v, (begin, end, words) in zip(
                self.seen.legs, stretches, strict=True
            )
        ]
        spec = self.lane({"rows": names}, [_bars(rows, "grey")])
        told = "; ".join(
            f"{words} from {self.when(begin)}"
            for begin, _, words in stretches
        )
        bare = "; ".join(
            f"{clock(end - begin)} from {self.when(begin)}"
            for begin, end in self.seen.unprotected
        )
        return Chart(
            "sites",
            "Which site is the primary (shaded: unprotected)",
            f"{told}. Unprotected: {bare or 'never'}.",
            spec,
        )

    def _events(self) -> Chart:
        happenings = sorted(self.seen.happenings, key=lambda h: h.begin_us)
        labels = list(
            dict.fromkeys(h.what.replace("_", " ") for h in happenings)
        )
        rows: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
        for h in happenings:
            words = f"{h.label}: {h.what.replace('_', ' ')} {h.detail} "
            words += f"({clock(h.end_us - h.begin_us)})"
            end_us = h.begin_us if h.fatal else h.end_us
            row = labels.index(h.what.replace("_", " "))
            rows[h.fatal].append(
                self._bar(row, h.begin_us, end_us, words, h.database)
            )
        marks = [_bars(rows[False], "red"), _bars(rows[True], "black")]
        spec = self.lane({"rows": labels or ["nothing"]}, marks)
        each = Counter(
            f"{h.what.replace('_', ' ')} {self.when(h.begin_us)}"
            for h in happenings
        )
        shown = list(each.items())[:12]
        listed = "; ".join(
            f"{words} ({count} times)" if count > 1 else words
            for words, count in shown
        )
        left_out = len(happenings) - sum(count for _, count in shown)
        more = f"; and {left_out} more" if left_out else ""
        return Chart(
            "events",
            "What happened",
            f"{counted(len(happenings), 'event')}: {listed}{more}."
            if happenings
            else "Nothing happened.",
            spec,
        )

    def _backups(self) -> Chart:
        words = {
            Kind.FULL: "full",
            Kind.INCREMENTAL: "incremental",
            Kind.LOG: "log",
        }
        seen = dict.fromkeys(Kind, 0)
        rows: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in Kind}
        names = [d.name for d in self.scenario.databases]
        order = list(words)
        for v in self.seen.legs:
            for database, file in (
                (d, f)
                for index, d in enumerate(v.leg.scenario.databases)
                for f in v.causes.files(index)
            ):
                kind = Kind(file.kind)
                seen[kind] += 1
                stop = file.finished_us or file.cut_off_us or v.ends_us
                state = (
                    ""
                    if file.finished_us
                    else ", cut off"
                    if file.cut_off_us
                    else ", unfinished"
                )
                text = (
                    f"{words[kind]} of {database.name}: {size(file.nominal_bytes)} in "
                    f"{clock(stop - file.begin_us)}{state}"
                )
                began_us = v.leg.begins_us
                bar = self._bar(
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
            rows[Kind.LOG] = self._joined(rows[Kind.LOG])
        marks = [_bars(rows[kind], colours[kind]) for kind in order]
        spec = self.lane({"rows": list(words.values())}, marks)
        told = ", ".join(counted(seen[kind], words[kind]) for kind in order)
        note = " Logs close together are drawn as one." if joined else ""
        return Chart("backups", "Backups", f"{told}.{note}", spec)

    def _joined(self, bars: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Few bars in place of very many: those of the whole service, and of each database."""
        names = self._choices
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

    def _link(self) -> Chart:
        capacity = self.scenario.link.bandwidth_bit_s / 1e6
        rate, edges = sent_rate(
            self.seen, (0, self.end_us), LINK_SLICES, capacity
        )
        marks = [
            line(
                packed(edges, np.append(rate, rate[-1:])),
                LineStyle("sent", "blue", width=1.5, steps=True),
            )
        ]
        ends = packed([0, self.end_us], [capacity, capacity])
        marks.append(line(ends, LineStyle("bandwidth", "grey", "dotted")))
        down = []
        for v in self.seen.legs:  # a lost site has no link
            lost_us = min(
                [
                    v.ends_us,
                    *(
                        f.failed_us
                        for f in v.found
                        if f.failure_class == "site"
                    ),
                ]
            )
            mine = [
                (begin, min(end, lost_us))
                for begin, end in v.causes.link_down
                if begin < lost_us
            ]
            down += [
                (v.leg.begins_us + begin, v.leg.begins_us + end)
                for begin, end in mine
            ]
        if down:
            marks.append(spans(down, "down", "red"))
        total = sum(end - begin for begin, end in down)
        return Chart(
            "link",
            "Link",
            f"{size(sum(int(v.t['truth.transfer_bytes']['bytes'].sum()) for v in self.seen.legs))} "
            f"crossed a link of {capacity:g} Mbit/s; it was "
            f"{f'down for {clock(total)}' if total else 'never down'}.",
            self.lane(
                {"kind": "number", "title": "Mbit/s", "least": 0.001}, marks
            ),
        )

    def _behind(self) -> Chart:
        whole = self.seen.whole
        lag = whole.replay_lag()
        looks = LineStyle("replay lag", "blue", width=1.5)
        marks = [
            line(points_of(lag), looks, self.of_each(whole.replay_lag))
        ]
        marks.append(
            level(self.scenario.danger_us, "danger", "red", "dashed")
        )
        return Chart(
            "replay",
            "Replay: how far the secondary was behind",
            f"Replay lag was at most {clock(lag.max_us())}.",
            self.lane({"kind": "duration", "title": ""}, marks),
        )

    @cached_property
    def exposure(self) -> Chart:
        """Draw the true and the reported exposure."""
        return self._exposure(None)

    def exposure_near(self, window_us: tuple[int, int]) -> Chart:
        """The same, of a part of the run: all that is drawn, to the point."""
        return self._exposure(window_us)

    def _exposure(self, window_us: tuple[int, int] | None) -> Chart:
        whole = self.seen.whole
        true, told = whole.exposure(), whole.reported()
        seen, believed_in = true, told
        if window_us is not None:
            seen, believed_in = (
                true.window(*window_us),
                told.window(*window_us),
            )
        lines = [
            j
            for j in self.scenario.sla
            if j.measure in ("data_loss", "exposure.max") and j.at_most
        ]
        # the reported one is a wide band behind, the true one lies in front: both are always seen
        believed = LineStyle("reported", "sky", width=6, edge=True)
        looks = LineStyle("true", "orange", width=1.8)
        marks = [
            line(
                points_of(believed_in),
                believed,
                self.of_each(whole.reported),
            ),
            line(points_of(seen), looks, self.of_each(whole.exposure)),
        ]
        dashes = cycle(("solid", "dotdash", "dotted", "dashed"))
        for j in lines:
            of = self._database_of(j)
            dash = "solid" if of is not None else next(dashes)
            marks.append(level(j.bound, f"SLA {j.id}", "black", dash, of))
        bounds = {j.bound for j in lines if self._database_of(j) is None}
        if self.scenario.danger_us not in bounds:
            marks.append(
                level(self.scenario.danger_us, "danger", "red", "dashed")
            )
        words = (
            f"If the site had been lost, at most {clock(true.max_us())} of data would have "
            f"gone; the recovery manager believed in at most {clock(told.max_us())}."
        )
        y: dict[str, Any] = {"kind": "duration", "title": ""}
        title = "Exposure: true beside reported"
        ordinary_us = self._ordinary_us([*bounds, self.scenario.danger_us])
        highest_us = max(true.max_us(), told.max_us())
        if window_us is None and highest_us > FAR_BEYOND * ordinary_us > 0:
            y["most"] = 1.5 * ordinary_us / MS_US
            title += f" (after a failure up to {clock(highest_us)}, beyond the axis)"
        return Chart("exposure", title, words, self.lane(y, marks, 260))

    def _ordinary_us(self, bounds: Iterable[int]) -> int:
        """Return the highest exposure before the first failure, or the highest bound."""
        whole = self.seen.whole
        before = (0, whole.first_failure_us)
        curves = (whole.exposure(), whole.reported())
        peaks = [curve.window(*before).max_us() for curve in curves]
        return max(*peaks, *bounds)

    def _backlog(self) -> Chart:
        to_land: list[tuple[int, int, Backlog]] = []
        to_restore: list[tuple[int, int, Backlog]] = []
        for view in self.seen.legs:
            not_landed, not_restored = backlog(view.t, view.leg.scenario)
            to_land.append((view.leg.begins_us, view.ends_us, not_landed))
            to_restore.append(
                (view.leg.begins_us, view.ends_us, not_restored)
            )
        landing, restoring = over_legs(to_land), over_legs(to_restore)
        marks = []
        for part, colour, word, dash in (
            (landing, "orange", "not landed", "solid"),
            (restoring, "blue", "landed, not restored", "dashed"),
        ):
            looks = LineStyle(word, colour, dash, 1.5, steps=True)
            marks.append(line(packed(*self._steps(part)), looks))
        staging = self._staging()
        if staging:
            marks.append(spans(staging, "staging full", "purple"))
        full = sum(end - begin for begin, end in staging)
        held = f"full for {clock(full)}" if staging else "never full"
        of = " of all databases" if len(self.scenario.databases) > 1 else ""
        words = (
            f"At most {counted(landing.most, 'log')}{of} waited to land and {restoring.most:,} "
            f"to be restored; staging was {held}."
        )
        spec = self.lane(
            {"kind": "number", "title": "logs", "least": 1}, marks, 170
        )
        return Chart("backlog", "Backlog and staging", words, spec)

    def _steps(self, part: Backlog) -> tuple[Any, Any]:
        x = np.append(np.insert(part.at_us, 0, 0), self.end_us)
        return thinned(
            x,
            np.append(np.insert(part.count, 0, 0), part.last),
            MOST_POINTS // 2,
        )

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
        databases = sorted({alert.database for alert in alerts})
        few = len(databases) <= MOST_ROWS
        keys = sorted({(a.database if few else a.event_id) for a in alerts})
        names = [
            (self._subject(key) if few else _event(key)) for key in keys
        ]
        drawn = far_apart(alerts, MOST_SIGNS)
        marks = []
        for event_id in sorted({a.event_id for a in alerts}):
            chosen = [a for a in drawn if a.event_id == event_id]
            items = [
                [
                    keys.index(a.database if few else event_id),
                    a.time_us // MS_US,
                    a.database,
                    int(a.false_alarm),
                ]
                for a in chosen
            ]
            words = [
                f"{self._subject(a.database)}: {a.text} ({a.level}"
                + (", false alarm)" if a.false_alarm else ")")
                for a in (chosen if len(alerts) <= MOST_TEXTS else ())
            ]
            marks.append(
                {
                    "type": "points",
                    "shape": ALERT_SHAPES.get(event_id, OTHER_SHAPE),
                    "colour": COLOUR_NAMES[ALERT_MARKS[event_id][1]],
                    "label": _event(event_id),
                    "items": items,
                    "words": words,
                }
            )
        qualities = [view.quality for view in self.seen.legs]
        due = sum(quality.due for quality in qualities)
        missed = sum(quality.missed for quality in qualities)
        late = sum(quality.late for quality in qualities)
        false = sum(quality.false for quality in qualities)
        told = (
            f"{counted(len(alerts), 'alert')}; {counted(due, 'lasting danger')} asked for "
            f"one, {missed} missed, {late} answered late; {false} false."
        )
        if not few:
            told += f" They are about {len(databases)} subjects, so they are drawn by kind."
        if len(drawn) < len(alerts):
            told += " Those of one kind about one database close together are drawn as one."
        return Chart(
            "alerts",
            "Alerts",
            told,
            self.lane({"rows": names or ["none"]}, marks),
        )

    def _subject(self, database: int) -> str:
        return (
            "whole service"
            if database < 0
            else self.scenario.databases[database].name
        )


def far_apart(alerts: Sequence[Alert], most: int) -> list[Alert]:
    """Alerts to be drawn, in their order: all where there are at most `most`. Else time is cut into
    slots of the smallest power of two seconds that leaves no more, and of one kind about one
    database the first in each slot is drawn. Slots of different databases begin at different
    instants, so that together they leave no holes. False alerts do not stand for true ones.
    """
    slot_us, drawn = 0, list(alerts)
    databases = 1 + max((alert.database for alert in alerts), default=0)
    while len(drawn) > most:
        slot_us = 2 * slot_us or SECOND_US
        last: dict[tuple[int, int, bool], int] = {}
        drawn = []
        for alert in alerts:
            key = (alert.event_id, alert.database, alert.false_alarm)
            shift_us = slot_us * max(0, alert.database) // databases
            slot = (alert.time_us + shift_us) // slot_us
            if last.get(key) != slot:
                last[key] = slot
                drawn.append(alert)
        if slot_us > 2 * alerts[-1].time_us:
            break  # all instants of a database are in one slot, or in two
    return drawn


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


def _bars(items: list[dict[str, Any]], colour: str) -> dict[str, Any]:
    return {"type": "bars", "label": "", "colour": colour, "items": items}


def _event(event_id: int) -> str:
    """'2 no new logs': the number that the README lists, and what it is in short."""
    return f"{event_id} {ALERT_MARKS[event_id][2]}"


def _held(t: Tables, end_us: int) -> list[tuple[int, int]]:
    """Return when single files waited because staging was full."""
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


def sent_rate(
    views: Views, window: tuple[int, int], slices: int, capacity: float
) -> tuple[Any, Any]:
    """(Mbit/s in each slice, the slices' edges) over all legs."""
    rate = np.zeros(slices)
    edges = np.linspace(*window, slices + 1)
    width_s = (window[1] - window[0]) / slices / SECOND_US
    for v in views.legs:
        sent = v.t["truth.transfer_bytes"]
        bits, _ = np.histogram(
            sent["time_us"] + v.leg.begins_us,
            bins=slices,
            range=window,
            weights=8.0 * sent["bytes"],
        )
        # what it sent it sent since it began
        first = (
            int(np.searchsorted(edges, v.leg.begins_us, side="right")) - 1
        )
        rate[first:] += spread(bits[first:] / width_s / 1e6, capacity)
    return rate, edges


def spread(rate: Any, capacity: float) -> Any:
    """Bytes are recorded when a transfer ends; what is more than the link carries in a slice was
    sent in those before.
    """
    out = np.array(rate, dtype=np.float64)
    over = 0.0
    for i in range(len(out) - 1, -1, -1):
        out[i] += over
        over = max(0.0, float(out[i]) - capacity)
        out[i] -= over
    return out
