"""The pictures are the same bytes for the same record, name what is in it, and stay small however
long the run is.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dr_sim.figures import exposure_svg, save_svg, timeline_svg
from dr_sim.figures.style import ALERT_MARKS, slices
from dr_sim.figures.views import Views, views_of
from dr_sim.measures.exposure import Curve
from dr_sim.measures.whole import Whole
from dr_sim.monitor.database import BACKUP_OVERDUE, OUT_OF_SYNC
from dr_sim.record.journal import Journal
from dr_sim.recovery import alerts
from dr_sim.scenario.model import Scenario, SlaLine
from tests.library.runs import ran
from tests.measures.make import DAY, HOUR, MIN, S, a_log, a_scenario, alert, survivable, whole_of
from tests.test_screen import sketch


def seen(journal: Journal, scenario: Scenario | None = None) -> Views:
    return views_of(whole_of(journal, scenario or a_scenario()))


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
        assert b"<dc:date>" not in once.read_bytes()
    timeline_svg(seen(sketch()), once)
    timeline_svg(seen(sketch(alerted=False)), again)
    assert once.read_bytes() != again.read_bytes()


def test_the_timeline_names_what_happened(tmp_path: Path) -> None:
    timeline_svg(seen(sketch()), tmp_path / "t.svg")
    text = text_of(tmp_path / "t.svg")
    for word in (
        "events",
        "2 link outage",
        "3 lose",
        "backups",
        "Mbit/s",
        "replay lag",
        "true exposure (site)",
        "DR Log Replay 2: no new logs (1)",
        "lost: 47:12",
        "back-off",
        "link down",
        "outage 7:02",
        "detect 0:30",
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
    for word in ("true", "reported", "SLA rpo 20:00", "danger 15:00", "dashed: the failure"):
        assert word in text, f"{word!r} is not in the picture"


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


def test_a_dense_curve_keeps_its_peaks() -> None:
    start = np.arange(0, 4000, dtype=np.int64) * 300
    since = start.copy()
    since[2000] -= 100_000  # one short peak among thousands
    curve = Curve(start, since, 4000 * 300)
    x, y = curve.points()
    _, low, high = slices(x, y, curve)
    assert high.max() == curve.max_us() == 100_300
    assert low.min() == 0


def test_the_time_after_a_failover_is_drawn_with_its_sites_and_the_time_unprotected(
    tmp_path: Path,
) -> None:
    result = ran("after_failover/failback")
    timeline_svg(views_of(result.whole), tmp_path / "t.svg")
    text = text_of(tmp_path / "t.svg")
    for word in (
        "primary A, secondary B",
        "primary B, secondary C",
        "dotted: unprotected",
        "1 lose",
        "2 order failover",
        "Around the failover 1",
        "Around the failover 2",
        "outage 1:20",
        "Sat 10 Jan",
    ):
        assert word in text, f"{word!r} is not in the picture"
    exposure_svg(views_of(result.whole), tmp_path / "e.svg")
    text = text_of(tmp_path / "e.svg")
    assert "unprotected" in text and "300" in text.split()  # minutes: it rises for hours
    # a leg without the one that follows it does not rise: nothing is drawn of the time after it
    exposure_svg(views_of(Whole(result.whole.legs[:1])), tmp_path / "first.svg")
    assert (
        "unprotected" in text_of(tmp_path / "first.svg")
        and "300" not in text_of(tmp_path / "first.svg").split()
    )


def test_a_long_piece_of_a_dense_curve_is_a_slope_and_not_a_box() -> None:
    """Of 2,000 short pieces and one that is half of the time, each slice shows what the curve is
    there.
    """
    start = np.append(np.arange(2000), 2000)
    curve = Curve(start, start, 4000)
    edges, low, high = slices(*curve.points(), curve)
    middle = int(np.searchsorted(edges, 3000))
    assert 900 < low[middle] <= high[middle] < 1100


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


def test_the_same_figure_gives_the_same_bytes_wherever_it_was_drawn(tmp_path: Path) -> None:
    """Ids in an SVG are salted hashes: without a fixed salt they differ from run to run."""
    for name in ("a.svg", "b.svg"):
        figure = Figure()
        figure.subplots().plot([1, 2], [3, 4])
        save_svg(figure, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
