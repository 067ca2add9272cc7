"""The lanes of a run: what happened in it, over one time axis that they share (charts.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

from dr_sim.figures.alert_lane import alert_lane
from dr_sim.figures.backup_lane import backup_lane, coloured_bars
from dr_sim.figures.charts import (
    MOST_POINTS,
    MS_US,
    Chart,
    Exposed,
    LineStyle,
    Points,
    level,
    line,
    points_of,
    share_below,
)
from dr_sim.figures.machine_lanes import drift_lane, machine_lanes
from dr_sim.figures.traffic_lanes import backlog_lane, link_lane
from dr_sim.figures.views import Views
from dr_sim.formatting.words import counted, instant
from dr_sim.measures.causes.happenings import Happening
from dr_sim.measures.whole import AnyCurve
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.units import DAY_US, clock

FAR_BEYOND = 10  # times the ordinary: an axis that reached there would show nothing else
MOST_POINTS_OF_ALL = (
    70_000  # of the curves of single databases, all together: 0.7 MB
)
FEWEST_POINTS = 40  # of one of them


class Timeline:
    """The lanes of one run, all its legs, over one time axis. Each is made once: a page and still
    pictures may share them.

    selectable: with the curves of single databases, for a page on which a reader chooses one.
    """

    def __init__(self, seen: Views, selectable: bool = True) -> None:
        self.seen, self.scenario = seen, seen.whole.legs[0].scenario
        self.end_us = seen.end_us
        names = [database.name for database in self.scenario.databases]
        self.choices = names if selectable and len(names) > 1 else []

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
            backup_lane(self),
            link_lane(self),
            *machine_lanes(self),
            *drift_lane(self),
            *self._behind(),
            self.exposure,
            backlog_lane(self),
            alert_lane(self),
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
        begin_us = self.scenario.measure_from_us
        exposed = self._exposed(begin_us, self.end_us)
        if not exposed.whole.duration_us:
            return []
        failed_us = self.seen.whole.first_failure_us
        before = None
        if begin_us < failed_us < self.end_us:
            before = self._exposed(begin_us, failed_us)
        return [share_below(exposed, self.limits(), before)]

    def _exposed(self, begin_us: int, end_us: int) -> Exposed:
        exposure = self.seen.whole.exposure
        of_each = {
            i: exposure(name).window(begin_us, end_us)
            for i, name in enumerate(self.choices)
        }
        return Exposed(exposure().window(begin_us, end_us), of_each)

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

    def bar(
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
    ) -> dict[int, Points] | None:
        """The curves of single databases, for the selector; None if nothing is to be chosen."""
        names = self.choices
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
            self.bar(names.index(v.leg.primary), begin, end, words)
            for v, (begin, end, words) in zip(
                self.seen.legs, stretches, strict=True
            )
        ]
        spec = self.lane({"rows": names}, [coloured_bars(rows, "grey")])
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
        labels = list(dict.fromkeys(map(_in_words, happenings)))
        rows: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
        for h in happenings:
            detail = "" if h.fatal else f" {h.detail}"
            words = f"{h.label}: {_in_words(h)}{detail} "
            words += f"({clock(h.end_us - h.begin_us)})"
            end_us = h.begin_us if h.fatal else h.end_us
            row = labels.index(_in_words(h))
            rows[h.fatal].append(
                self.bar(row, h.begin_us, end_us, words, h.database)
            )
        marks = [
            coloured_bars(rows[False], "red"),
            coloured_bars(rows[True], "black"),
        ]
        spec = self.lane({"rows": labels or ["nothing"]}, marks)
        each = Counter(
            f"{_in_words(h)} {self.when(h.begin_us)}" for h in happenings
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

    def _behind(self) -> list[Chart]:
        """Draw the replay lag; nothing where no standby replays."""
        whole = self.seen.whole
        lag = whole.replay_lag()
        if not lag.duration_us:
            return []
        looks = LineStyle("replay lag", "blue", width=1.5)
        marks = [
            line(points_of(lag), looks, self.of_each(whole.replay_lag))
        ]
        marks.append(
            level(self.scenario.danger_us, "danger", "red", "dashed")
        )
        lane = self.lane({"kind": "duration", "title": ""}, marks)
        words = f"Replay lag was at most {clock(lag.max_us())}."
        title = "Replay: how far the secondary was behind"
        if self.scenario.delays_replay:
            title += ", beyond the replay delay"
        return [Chart("replay", title, words, lane)]

    @cached_property
    def exposure(self) -> Chart:
        """Draw the true and the reported exposure."""
        return self._exposure(None, capped=True)

    def exposure_near(
        self, window_us: tuple[int, int], capped: bool = False
    ) -> Chart:
        """The same, of a part of the run: all that is drawn, to the point. capped: the axis stops
        where it does for the whole run, if what comes after a failure is far beyond.
        """
        return self._exposure(window_us, capped)

    def _exposure(
        self, window_us: tuple[int, int] | None, capped: bool
    ) -> Chart:
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
            f"gone; the recovery manager's own estimate was at most {clock(told.max_us())}."
        )
        y: dict[str, Any] = {"kind": "duration", "title": ""}
        title = "Exposure: true beside reported"
        ordinary_us = self._ordinary_us([*bounds, self.scenario.danger_us])
        highest_us = max(seen.max_us(), believed_in.max_us())
        if capped and highest_us > FAR_BEYOND * ordinary_us > 0:
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


def _in_words(happening: Happening) -> str:
    """Return what a row is called: the event's name, of a failure what it takes ('site lost')."""
    if happening.fatal and happening.detail.endswith(" lost"):
        return happening.detail
    return happening.what.replace("_", " ")
