"""The pictures are the same bytes for the same record, name what is in it, and stay small however
long the run is.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dr_sim.figures.alert_lane import alert_lane, far_apart
from dr_sim.figures.axes import (
    Axis,
    Calendar,
    roomy,
    sparse,
    text_middle,
    time_axis,
    value_axis,
    with_names_apart,
    with_names_fitted,
)
from dr_sim.figures.backup_lane import MOST_JOINED, backup_lane, joined_bars
from dr_sim.figures.charts import (
    COLOUR_NAMES,
    LineStyle,
    line,
    packed,
    points_of,
    waterfall,
)
from dr_sim.figures.comparison import MeasureChange, comparison_chart
from dr_sim.figures.drawing import Panel, picture_of
from dr_sim.figures.frame import Frame
from dr_sim.figures.marks import mark_shapes
from dr_sim.figures.on_matplotlib import figure_of
from dr_sim.figures.pictures import exposure_picture, timeline_picture
from dr_sim.figures.shapes import (
    CIRCLE,
    COLOURS,
    SIGNS,
    Area,
    Label,
    Picture,
    Spot,
    Stroke,
    text_width,
)
from dr_sim.figures.style import ALERT_MARKS, PHASE_COLOURS
from dr_sim.figures.svg import svg_text
from dr_sim.figures.sweep import value_places
from dr_sim.figures.timeline import Timeline
from dr_sim.figures.views import Views, views_of
from dr_sim.measures.alerts.alerts import Alert
from dr_sim.measures.causes.happenings import Happening
from dr_sim.measures.exposure.exposure import Curve
from dr_sim.measures.whole import Whole
from dr_sim.monitor.database import BACKUP_OVERDUE, OUT_OF_SYNC
from dr_sim.record.journal import Journal
from dr_sim.recovery.alerts import alerts
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla_measures import PHASES
from tests.library.runs import ran
from tests.measures.make import DAY, HOUR, MIN, S, a_log, a_scenario, alert, survivable, whole_of
from tests.test_screen import sketch


def seen(journal: Journal, scenario: Scenario | None = None) -> Views:
    return views_of(whole_of(journal, scenario or a_scenario()))


def timeline_svg(views: Views, path: Path) -> None:
    path.write_text(svg_text(timeline_picture(Timeline(views))), encoding="utf-8")


def exposure_svg(views: Views, path: Path) -> None:
    path.write_text(svg_text(exposure_picture(Timeline(views))), encoding="utf-8")


def text_of(path: Path) -> str:
    return "\n".join(
        "".join(e.itertext()) for e in ET.parse(path).iter() if e.tag.endswith("}text")
    )


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    for draw in (timeline_svg, exposure_svg):
        once, again = tmp_path / "once.svg", tmp_path / "again.svg"
        draw(seen(sketch()), once)
        draw(seen(sketch()), again)
        assert once.read_bytes() == again.read_bytes()
    timeline_svg(seen(sketch()), once)
    timeline_svg(seen(sketch(alerted=False)), again)
    assert once.read_bytes() != again.read_bytes()


def test_the_timeline_names_what_happened(tmp_path: Path) -> None:
    timeline_svg(seen(sketch()), tmp_path / "t.svg")
    text = text_of(tmp_path / "t.svg")
    for word in (
        "What happened",
        "link outage",
        "site lost",
        "Backups",
        "Mbit/s",
        "replay lag",
        "Exposure: true beside reported",
        "2 no new logs",
        "Around the failover",
        "lost: 47:12",
        "back-off",
        "link down",
        "Outage 7:02, phase by phase",
        "detect",
        "0:30",
        "decide",
    ):
        assert word in text, f"{word!r} is not in the picture"


def test_without_a_failover_there_is_no_second_panel(tmp_path: Path) -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    journal.note("truth.end", HOUR, -1)
    timeline_svg(seen(journal), tmp_path / "t.svg")
    assert "Around the failover" not in text_of(tmp_path / "t.svg")


def test_the_exposure_shows_true_reported_and_the_line_of_the_sla(tmp_path: Path) -> None:
    scenario = replace(a_scenario(), sla=(SlaLine("rpo", "data_loss", True, 20 * MIN),))
    exposure_svg(seen(sketch(), scenario), tmp_path / "e.svg")
    text = text_of(tmp_path / "e.svg")
    for word in (
        "true",
        "reported",
        "SLA rpo 20:00",
        "danger 15:00",
        "dashed: the failure",
        "at or below",
    ):
        assert word in text, f"{word!r} is not in the picture"


def test_an_axis_stops_below_what_is_lost_while_nothing_is_protected() -> None:
    """After the failover of quickstart all its history was at stake for an hour: the usual minutes
    could not be seen beside it. Looked at closely it is shown.
    """
    result = ran("quickstart")
    timeline = Timeline(views_of(result.whole))
    chart = timeline.exposure
    highest_us = result.summary.exposure.max_us
    assert highest_us > 200 * HOUR
    assert 20 * MIN < 1_000 * chart.spec["y"]["most"] < 40 * MIN
    assert "beyond the axis" in chart.title
    last_us = result.whole.first_failure_us
    near = timeline.exposure_near((last_us - HOUR, last_us + HOUR))
    assert "most" not in near.spec["y"] and "beyond" not in near.title
    # around the failover the minutes before it are what is looked for
    around = timeline.exposure_near((last_us - HOUR, last_us + HOUR), capped=True)
    assert around.spec["y"]["most"] == chart.spec["y"]["most"]
    # its highest is looked at closely too: a few hours, not the whole run again
    assert ">Fri 12:00<" in svg_text(exposure_picture(timeline))
    # and how it was distributed: minutes can be seen beside days, the usual time by itself
    (share,) = timeline.shares
    x = share.spec["x"]
    assert x["kind"] == "log_duration" and 1_000 <= x["from"] <= 60_000
    assert x["to"] > 200 * HOUR / 1_000
    labels = [mark["label"] for mark in share.spec["marks"]]
    assert labels == ["time at or below", "before the first failure", "SLA data_loss 15:00"]
    assert share.words.endswith("; before the first failure always at most 20:04.")
    # without a failure nothing is beyond it
    quiet = Timeline(seen(Journal(), a_scenario("a"))).exposure
    assert "most" not in quiet.spec["y"]


def test_how_exposure_was_distributed_is_drawn_evenly_where_all_of_it_can_be_seen() -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    journal.note("truth.end", HOUR, -1)
    (share,) = Timeline(seen(journal)).shares
    assert share.spec["x"]["kind"] == "duration" and share.spec["x"]["from"] == 0
    assert share.spec["marks"][0]["label"] == "time at or below"
    assert "first failure" not in share.words


def test_an_empty_record_is_drawn_too(tmp_path: Path) -> None:
    for draw in (timeline_svg, exposure_svg):
        draw(seen(Journal()), tmp_path / "empty.svg")
        assert (tmp_path / "empty.svg").stat().st_size > 1000


def test_four_thousand_logs_and_a_thousand_alerts_stay_readable_and_small(tmp_path: Path) -> None:
    journal = Journal()
    for k in range(1, 4033):
        a_log(journal, k, k * 5 * MIN)
        if k % 4 == 0:
            alert(journal, k * 5 * MIN + 4 * S)
    journal.note("truth.end", 14 * DAY, -1)
    for draw in (timeline_svg, exposure_svg):
        draw(seen(journal, replace(a_scenario(), run_for_us=14 * DAY)), tmp_path / "long.svg")
        assert (tmp_path / "long.svg").stat().st_size < 1_000_000


def frame(high_us: int, top_ms: float) -> Frame:
    """A frame of 900 pixels over the time up to high_us, its values up to top_ms."""
    x = value_axis("duration", 0, high_us / 1_000, 8, "")
    return Frame(100, 0, 900, 200, x, value_axis("duration", 0, top_ms, 5, ""))


def curve_mark(curve: Curve) -> dict[str, object]:
    looks = {"colour": "blue", "width": 1.5, "dash": "solid"}
    return {"type": "line", "label": "", **looks, **points_of(curve)}


def test_a_dense_curve_keeps_its_peaks() -> None:
    start = np.arange(0, 4000, dtype=np.int64) * 300_000
    since = start.copy()
    since[2000] -= 100_000_000  # one short peak among thousands
    curve = Curve(start, since, 4000 * 300_000)
    band, edge = mark_shapes(curve_mark(curve), frame(curve.end_us, curve.max_us() / 1_000))
    assert isinstance(band, Area) and isinstance(edge, Stroke)
    assert min(y for _, y in edge.points) == 0  # the peak is at the top
    assert max(y for _, y in band.points) == 200  # and the zeros at the bottom


@pytest.mark.parametrize(
    ("bit_s", "unit", "said"),
    [
        (10_000_000_000, "Gbit/s", "a link of 10 Gbit/s; it"),
        (200_000_000, "Mbit/s", "a link of 200 Mbit/s; it"),
        (64_000, "kbit/s", "a link of 64 kbit/s; it"),
    ],
)
def test_a_link_is_drawn_in_its_own_unit(bit_s: int, unit: str, said: str) -> None:
    scenario = a_scenario()
    link = replace(scenario.link, bandwidth_bit_s=bit_s)
    timeline = Timeline(seen(sketch(), replace(scenario, link=link)))
    chart = next(each for each in timeline.lanes if each.title == "Link")
    assert chart.spec["y"]["title"] == unit and said in chart.words


def test_an_axis_chooses_its_unit_and_its_ticks() -> None:
    assert value_axis("duration", 0, 3_000, 4, "").ticks[1] == (1_000, "1 s")
    assert [text for _, text in value_axis("duration", 0, 50 * 60_000, 5, "").ticks] == [
        "0 min",
        "10 min",
        "20 min",
        "30 min",
        "40 min",
        "50 min",
    ]
    assert value_axis("duration", 0, 20 * 86_400_000, 5, "").ticks[-1][1] == "20 d"
    assert value_axis("log_duration", 500, 4_000_000, 8, "").ticks[-1] == (3_600_000, "1 h")
    assert value_axis("log_percent", 0.5, 130, 5, "").ticks[0] == (1, "1 %")
    spring = Calendar(1_774_656_000_000, "Europe/Berlin", 82_800_000)  # 2026-03-28 01:00 there
    days = time_axis(0, 3 * 86_400_000, 5, spring)
    assert [text for _, text in days.ticks][:2] == ["Sun 29 Mar", "Mon 30 Mar"]


SPANS_MS = [20_000, 3_600_000, 9 * 3_600_000, 86_400_000, 14 * 86_400_000, 400 * 86_400_000]


@pytest.mark.parametrize("pixels", [150, 260, 930, 2400])
@pytest.mark.parametrize("kind", ["time", "duration", "log_duration", "log_percent", "number"])
def test_an_axis_has_as_many_ticks_as_there_is_room_for(kind: str, pixels: float) -> None:
    """No text touches the next, and half of the room at most is left empty."""
    calendar = Calendar(1_774_656_000_000, "Europe/Berlin", 82_800_000)
    for span in SPANS_MS:

        def make(count: float, span: float = span) -> Axis:
            if kind == "time":
                return time_axis(0, span, count, calendar)
            low = {"log_duration": 500.0, "log_percent": 1e-4}.get(kind, 0.0)
            return value_axis(kind, low, 130 if kind == "log_percent" else span, count, "logs")

        axis = roomy(make, pixels)
        assert len(axis.ticks) >= 2 or kind == "log_duration"
        middles = [axis.place(at) * pixels for at, _ in axis.ticks]
        halves = [text_width(text) / 2 for _, text in axis.ticks]
        places = [text_middle(at, half, pixels) for at, half in zip(middles, halves, strict=True)]
        edges = list(zip(places, halves, strict=True))
        if len(edges) > 2:
            for (left, a), (right, b) in pairwise(edges):
                assert right - b >= left + a + 10
        finer = make(2.6 * len(axis.ticks))
        if len(finer.ticks) > 2 * len(axis.ticks):  # steps are 1, 2, 5: twice as many is near
            assert sum(2 * half + 10 for half in halves) * 3.5 > pixels


def test_of_given_values_only_names_that_would_touch_are_left_out() -> None:
    """Every value keeps its grid line. 10, 20, 50, 100 and 500 Mbit/s by their logarithm: with
    412 pixels a decade there is room for each; by themselves only 20 and 50 are too near.
    """
    ticks = tuple((float(n), f"{n} Mbit/s") for n in (10, 20, 50, 100, 500))
    places = tuple((math.log10(n), text) for n, text in ticks)
    assert with_names_apart(Axis(1.0, math.log10(500), places), 700).ticks == places
    even = with_names_apart(Axis(0.0, 500.0, ticks), 700).ticks
    assert [at for at, _ in even] == [at for at, _ in ticks]
    assert [text for _, text in even] == ["10 Mbit/s", "", "", "100 Mbit/s", "500 Mbit/s"]


def test_each_column_of_a_table_has_a_name_that_fits() -> None:
    ticks = tuple((i + 0.5, f"policy number {i:02}") for i in range(12))
    wide, narrow = (with_names_fitted(Axis(0.0, 12.0, ticks), px) for px in (2400, 840))
    assert wide.ticks == ticks
    for i, (at, text) in enumerate(narrow.ticks):
        assert at == i + 0.5 and text.endswith(f"{i:02}") and text_width(text) <= 60


def test_ticks_that_are_computed_are_every_second_one_where_they_crowd() -> None:
    ticks = [(float(i), f"{i} Mbit/s") for i in range(12)]
    assert sparse(ticks, 12) == tuple(ticks)
    assert sparse(ticks, 6) == sparse(ticks, 11) == tuple(ticks[::2])


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [
        (["10 Mbit/s", "50 Mbit/s", "100 Mbit/s"], True),  # just a factor of 10
        (["0.07", "0.7"], True),
        (["1 min", "5 min", "9 min"], False),
        (["0", "1", "100"], False),  # zero has no logarithm
    ],
)
def test_the_axis_of_a_key_is_logarithmic_from_a_factor_of_ten_on(
    values: list[str], logarithmic: bool
) -> None:
    places, ordered = value_places(values)
    steps = [b - a for a, b in pairwise(places)]
    assert ordered and (sum(steps) == pytest.approx(1)) == logarithmic


def test_a_short_bar_can_be_seen_and_bars_that_touch_are_one() -> None:
    second = 1_000.0
    items = [{"row": 0, "from": k * 300 * second, "to": k * 300 * second + 1} for k in range(4000)]
    mark = {"type": "bars", "label": "", "colour": "green", "items": items}
    week = frame(4000 * 300 * 1_000_000, 1)
    shapes = mark_shapes(mark, week)
    assert len(shapes) == 1
    alone = mark_shapes({**mark, "items": items[:1]}, week)[0]
    assert isinstance(alone, Area)
    assert alone.points[1][0] - alone.points[0][0] == 2.5


def test_names_that_are_markup_or_do_not_print_are_harmless_in_a_file() -> None:
    label = Label("<script>&\x00\u202e", (0, 0))
    text = svg_text(Picture(10, 10, "]]>", "--><b>", [label]))
    ET.fromstring(text)
    assert "<script>" not in text and "\x00" not in text and "\u202e" not in text


def test_a_picture_is_the_same_as_a_figure() -> None:
    shapes = [Stroke([(0, 0), (9, 9)], "red", 2, "dashed"), Spot("circle", (3, 3), "blue", True)]
    figure = figure_of(Picture(96, 48, "", "", [*shapes, Label("here", (1, 2), "end")]))
    assert tuple(figure.get_size_inches()) == (1.0, 0.5)
    (ax,) = figure.axes
    assert len(ax.lines) == 1 and len(ax.patches) == 1
    assert [t.get_text() for t in ax.texts] == ["here"]


def test_the_time_after_a_failover_is_drawn_with_its_sites_and_the_time_unprotected(
    tmp_path: Path,
) -> None:
    result = ran("after_failover/failback")
    timeline_svg(views_of(result.whole), tmp_path / "t.svg")
    text = text_of(tmp_path / "t.svg")
    for word in (
        "Which site is the primary (shaded: unprotected)",
        "site lost",
        "order failover",
        "Around the failover 1",
        "Around the failover 2",
        "Outage 1:20, phase by phase",
        "Sat 10 Jan",
    ):
        assert word in text, f"{word!r} is not in the picture"
    exposure_svg(views_of(result.whole), tmp_path / "e.svg")
    text = text_of(tmp_path / "e.svg")
    assert "unprotected" in text and "\n1 d\n" in text  # it rises for hours
    # a leg without the one that follows it does not rise: nothing is drawn of the time after it
    exposure_svg(views_of(Whole(result.whole.legs[:1])), tmp_path / "first.svg")
    assert "unprotected" in text_of(tmp_path / "first.svg") and "\n1 d\n" not in text_of(
        tmp_path / "first.svg"
    )


def test_every_alert_that_there_is_has_a_mark_and_a_word() -> None:
    ids = set(alerts.AlertId)
    assert set(ALERT_MARKS) == ids | {BACKUP_OVERDUE, OUT_OF_SYNC} and ids == set(
        range(1, 1 + len(ids))
    )
    assert (
        len({(mark, colour) for mark, colour, _ in ALERT_MARKS.values()})
        == len({word for *_, word in ALERT_MARKS.values()})
        == len(ALERT_MARKS)
    )


def test_each_alert_is_drawn_with_its_own_sign() -> None:
    """Damaged file and old primary heard again were both diamonds. Nothing is told by colour
    alone: two kinds of alert with one sign have two colours and two words.
    """
    journal = Journal()
    for minute, event_id in enumerate(ALERT_MARKS):
        alert(journal, minute * MIN, event_id=event_id)
    journal.note("truth.end", HOUR, -1)
    chart = alert_lane(Timeline(seen(journal)))
    drawn = {mark["label"]: (mark["shape"], mark["colour"]) for mark in chart.spec["marks"]}
    assert len(drawn) == len(set(drawn.values())) == len(ALERT_MARKS)
    shapes = [shape for shape, _ in drawn.values()]
    assert set(shapes) == {CIRCLE, *SIGNS}
    assert max(shapes.count(shape) for shape in shapes) == 2
    text = svg_text(picture_of("", [Panel(chart)], Timeline(seen(journal)).axis([])))
    corners = {re.sub(r"[\d.-]+", "", path) for path in re.findall(r'<path d="(M[^"]+Z)"', text)}
    assert (
        len(corners) > 5
    )  # triangles, squares, the star, ... have numbers of corners of their own


def test_no_two_signs_are_alike() -> None:
    corners = [*SIGNS.values()]
    assert len(set(corners)) == len(corners)
    reach = [max(max(abs(x), abs(y)) for x, y in points) for points in SIGNS.values()]
    assert min(reach) >= 1 and max(reach) <= 1.25


def test_a_dense_curve_shows_what_it_does_where_it_has_few_points() -> None:
    """Two hundred databases land their logs within a second; in between the curve only rises."""
    minute = 60_000_000
    start = np.concatenate([minute * at + np.arange(200) for at in (1, 40, 41)]).astype(np.int64)
    since = start - np.concatenate([np.full(200, back) for back in (0, 0, 0)])
    mark = curve_mark(Curve(np.insert(start, 0, 0), np.insert(since, 0, 0), 42 * minute))
    shapes = mark_shapes(mark, frame(42 * minute, 40 * 60_000))
    edges = [shape for shape in shapes if isinstance(shape, Stroke)]
    assert len(edges) == 1  # it never breaks
    points = edges[0].points
    # from minute 1 to 40 it rises to 39 of 40 minutes: 5 of 200 pixels are left above it
    assert min(y for _, y in points) == pytest.approx(5, abs=0.5)
    rises = [(a, b) for a, b in pairwise(points) if b[0] - a[0] > 400]
    assert len(rises) == 1
    (_, from_y), (_, to_y) = rises[0]
    assert from_y == pytest.approx(200, abs=0.5) and to_y == pytest.approx(5, abs=0.5)


def a_saw(teeth: int, *, peak: int = 0) -> Curve:
    """A curve that rises for five minutes and falls to nothing, again and again. The tooth `peak`
    is three times as high.
    """
    start = 300_000_000 * np.arange(teeth, dtype=np.int64)
    since = start.copy()
    if peak:
        since[peak] -= 600_000_000
    return Curve(start, since, 300_000_000 * teeth)


def test_teeth_too_near_to_be_told_apart_are_a_band_with_a_line_along_their_tops() -> None:
    """A day of logs every five minutes: 288 teeth on 900 pixels. The one high tooth stays."""
    curve = a_saw(288, peak=100)
    shapes = mark_shapes(curve_mark(curve), frame(curve.end_us, 15 * 60_000))
    *bands, edge = shapes
    assert bands and isinstance(edge, Stroke)
    tops = [y for x, y in edge.points if 110 < x < 990]
    assert min(tops) == pytest.approx(0, abs=0.5)
    assert max(tops) == pytest.approx(200 * 2 / 3, abs=0.5)  # it never goes down to the bottom
    for band in bands:
        assert isinstance(band, Area)
        assert max(y for _, y in band.points) == pytest.approx(200, abs=0.5)
    without = {**curve_mark(curve), "edge": True}
    assert [type(shape) for shape in mark_shapes(without, frame(curve.end_us, 1e6))] == [Stroke]


def test_teeth_that_can_be_told_apart_are_drawn_as_they_are() -> None:
    curve = a_saw(24)
    (edge,) = mark_shapes(curve_mark(curve), frame(curve.end_us, 5 * 60_000))
    assert isinstance(edge, Stroke)
    assert sum(y == 0 for _, y in edge.points) == 24


def test_a_dense_curve_breaks_where_it_is_not_defined() -> None:
    x = np.concatenate([np.arange(200), [200], 500_000 + np.arange(200)])
    y = np.concatenate([np.full(200, 5.0), [np.nan], np.full(200, 5.0)])
    mark = line(packed(x * 1_000, y), LineStyle("x", "blue"))
    shapes = mark_shapes(mark, frame(500_300_000, 10))
    strokes = [shape for shape in shapes if isinstance(shape, Stroke)]
    assert all(a[0] - b[0] < 10 for s in strokes for a, b in pairwise(reversed(s.points)))


def test_the_line_of_one_database_is_not_that_of_the_service() -> None:
    """On a still picture nobody can choose the database, so its line is left out; the legend too.
    A scenario of one database has one line for both.
    """
    lines = (
        SlaLine("all", "data_loss", True, 40 * MIN),
        SlaLine("one", "data_loss", True, 20 * MIN, database="b"),
    )
    two = a_scenario("a", "b", sla=lines)
    shown = svg_text(exposure_picture(Timeline(seen(Journal(), two))))
    assert "SLA all" in shown and "SLA one" not in shown
    chart = Timeline(seen(Journal(), two)).exposure
    of = {m["label"]: m.get("of") for m in chart.spec["marks"] if m["type"] == "level"}
    assert of["SLA one 20:00"] == 1 and of["SLA all 40:00"] is None
    single = a_scenario("b", sla=lines[1:])
    assert "SLA one" in svg_text(exposure_picture(Timeline(seen(Journal(), single))))


def test_very_many_logs_are_drawn_to_the_end() -> None:
    """15,000 logs of two databases: few bars, and none of the time is left out."""
    second = 1_000.0
    spans = [(k * 300 * second, (k * 300 + 1) * second, k % 2) for k in range(15_000)]
    timeline = Timeline(seen(Journal(), a_scenario("a", "b")))
    joined = joined_bars(timeline.choices, 2, spans)
    whole = [bar for bar in joined if bar["only"] == "service"]
    assert len(whole) <= MOST_JOINED and len(joined) <= MOST_JOINED + 2 * 5_000
    assert (whole[0]["from"], whole[-1]["to"]) == (0, spans[-1][1])
    assert sum(int(bar["words"].split()[0].replace(",", "")) for bar in whole) == 15_000
    for index in (0, 1):
        mine = [bar for bar in joined if bar["only"] == "chosen" and bar["of"] == index]
        assert mine[-1]["to"] == spans[-2 + index][1]
    still = mark_shapes(
        {"type": "bars", "label": "", "colour": "green", "items": joined},
        frame(15_000 * 300 * 1_000_000, 1),
    )
    assert len(still) == 1  # those of single databases are drawn on the page only


def test_of_very_many_alerts_those_close_together_are_drawn_as_one() -> None:
    """Four a second of one kind about one database for 100 s, two of another, one false."""
    often = [Alert(k, k * S // 4, "log", 0, 2, "error", 0, "", "") for k in range(400)]
    other = [Alert(k, k * 50 * S, "log", 1, 2, "error", 0, "", "") for k in range(2)]
    false = [Alert(0, 7 * S, "log", 0, 2, "error", 0, "", "", false_alarm=True)]
    every = sorted([*often, *other, *false], key=lambda a: a.time_us)
    assert far_apart(every, len(every)) == every
    # a slot of 2 s leaves 50 of the first, of 1 s 100; the others are far apart
    kept = far_apart(every, 60)
    assert [a.time_us for a in kept if a in often] == [2 * k * S for k in range(50)]
    assert all(a in kept for a in (*other, *false)) and len(kept) == 53
    # fewer than one of each kind about each database cannot be
    last = far_apart(every, 1)
    assert {(a.database, a.false_alarm) for a in last} == {(0, False), (1, False), (0, True)}
    assert len(last) <= 4


def test_what_befalls_many_databases_at_once_is_told_once() -> None:
    """Index maintenance of three databases at one instant; and once more later."""
    views = seen(Journal(), a_scenario("a", "b", "c"))
    work = Happening(1, "index_maintenance", HOUR // 2, HOUR, 0, "")
    views.happenings = [replace(work, database=d) for d in range(3)]
    views.happenings.append(replace(work, begin_us=HOUR - 1))
    words = next(c for c in Timeline(views).lanes if c.key == "events").words
    assert words.count("index maintenance") == 2 and "00:30:00 (3 times); " in words


def test_alerts_of_many_databases_leave_no_holes_where_there_were_none() -> None:
    """64 databases, an alert of each every second for 1,024 s; 1,024 are drawn."""
    every = [
        Alert(0, k * S, "log", d, 2, "error", 0, "", "") for k in range(1024) for d in range(64)
    ]
    kept = far_apart(every, 1100)
    assert len(kept) <= 1100
    times = sorted({a.time_us for a in kept})
    assert max(b - a for a, b in pairwise(times)) <= 2 * S


def test_a_change_beyond_the_axis_is_told_in_its_row() -> None:
    """One measure changes 70 times as much as the others: theirs can still be told apart."""
    changes = [MeasureChange("link used", 700, 20, 2_000)]
    changes += [MeasureChange(f"m{i}", 10, 5, 15) for i in range(4)]
    spec = comparison_chart(changes).spec
    assert spec["x"]["to"] < 50  # three times the 15 of the row in the middle, and some room
    assert spec["y"]["rows"][:2] == ["link used (700 %)", "m0"]
    far, near = spec["marks"][1]["items"][:2]
    assert far["above"] and not far["below"] and not (near["above"] or near["below"])
    shapes = mark_shapes(spec["marks"][1], frame(100_000, 1))
    assert sum(isinstance(shape, Area) for shape in shapes) == 1  # one tip


def test_every_phase_of_an_outage_has_a_colour_of_its_own() -> None:
    """A failover that went back, with its phase `unfence`, could not be drawn."""
    assert set(PHASE_COLOURS) == set(PHASES)
    names = [COLOUR_NAMES[colour] for colour in PHASE_COLOURS.values()]
    assert len(set(names)) == len(names)
    assert set(names) <= set(COLOURS)


def test_a_phase_that_comes_back_and_each_attempt_has_a_bar_of_its_own() -> None:
    """The bars of a waterfall follow one another in time; an attempt's number is no other colour."""
    parts = [("fence", 2 * S), ("attempt 1", MIN), ("attempt 2", S), ("fence", 3 * S)]
    (bars,) = waterfall("outage", "Outage", parts, "").spec["marks"]
    placed = [(bar["from"], bar["to"], bar["colour"]) for bar in bars["items"]]
    assert placed == [
        (0, 2_000, "purple"),
        (2_000, 62_000, "red"),
        (62_000, 63_000, "red"),
        (63_000, 66_000, "purple"),
    ]


def test_a_failover_that_goes_back_is_drawn() -> None:
    whole = ran("after_failover/switch_back").whole
    assert "unfence" in svg_text(timeline_picture(Timeline(views_of(whole))))


def test_a_curve_of_one_of_very_many_databases_has_the_points_that_it_may_have() -> None:
    """Else the page of a thousand databases is twice as large. It keeps its lowest and its highest
    instants.
    """
    start = 60_000_000 * np.arange(1_000, dtype=np.int64)
    curve = Curve(start, start - 5_000_000 * (np.arange(1_000) % 7), int(start[-1]) + 60_000_000)
    few, all_of_it = points_of(curve, 80), points_of(curve)
    assert len(few["x"]) <= 80 < len(all_of_it["x"])
    assert sum(few["x"]) == sum(all_of_it["x"])
    assert (min(few["y"]), max(few["y"])) == (min(all_of_it["y"]), max(all_of_it["y"]))


def test_many_short_stretches_are_not_drawn_as_one_long_one() -> None:
    """A second in each of 4,000 minutes, 1.7 % of the time: 1.7 % of the frame, not all of it. Also
    where every 30th minute has one, so that they do not touch.
    """
    minute = 60_000.0
    items = [[k * minute, k * minute + 1_000] for k in range(4000)]
    crowded = frame(4000 * 60 * 1_000_000, 1)
    for every in (1, 30):
        mark = {"type": "spans", "label": "full", "colour": "purple", "items": items[::every]}
        heights = [box_height(shape) for shape in mark_shapes(mark, crowded)]
        assert max(heights) < crowded.height / 10
    (alone,) = mark_shapes({**mark, "items": items[7:8]}, crowded)
    assert box_height(alone) == crowded.height


def box_height(shape: object) -> float:
    assert isinstance(shape, Area)
    rows = [y for _, y in shape.points]
    return max(rows) - min(rows)


@pytest.mark.parametrize("name", ["stores/vault_only", "copies/least_loss", "stores/change_over"])
def test_a_backup_is_drawn_and_counted_once(name: str) -> None:
    """A failover hands over the files of the earlier roles; their new record names them again. A
    full that was there before the run was never begun.
    """
    result = ran(name)
    chart = backup_lane(Timeline(views_of(result.whole)))
    made = result.summary.backups
    words = re.findall(r"([\d,]+) (full|incremental|log)", chart.words)
    begun = {kind: int(count.replace(",", "")) for count, kind in words}
    unfinished = 1  # at most the one that the failure cut off
    for kind, count in begun.items():
        assert made[kind] <= count <= made[kind] + made["cut_off"] + unfinished
    bars = [bar for mark in chart.spec["marks"] for bar in mark["items"]]
    drawn = [(bar["row"], bar["from"], bar["of"]) for bar in bars]
    assert len(drawn) == len(set(drawn))
    assert min(bar["from"] for bar in bars) >= 0


def test_a_full_that_is_there_from_the_start_is_no_bar_through_the_run() -> None:
    """It was made before the run: made in no time, at its first instant."""
    scenario = a_scenario()
    journal = Journal()
    journal.note("truth.backup_begin", 0, 0, 0, 0, 1, 1, 1, 0)
    journal.note("truth.backup_finished", 0, 0, 0, 0, 1, 1, 1, 0, 10**12, "crm_full")
    journal.note("truth.end", DAY, -1)
    lanes = {chart.key: chart for chart in Timeline(seen(journal, scenario)).lanes}
    (full,) = [m["items"] for m in lanes["backups"].spec["marks"] if m["colour"] == "blue"]
    assert [(bar["from"], bar["to"]) for bar in full] == [(0, 0)]
    assert "there from the start" in full[0]["words"]
