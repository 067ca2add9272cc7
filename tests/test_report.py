"""report.html: self-contained, true to the summary, and alive in a real browser."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.report import (
    CHARTS_DRAWN,
    CHROMIUM,
    DRIVER,
    MOST_BYTES,
    MOST_MS,
    open_browser,
    times,
)
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.take import take
from dr_sim.figures.charts import thinned
from dr_sim.figures.many import many_charts
from dr_sim.figures.timeline import Timeline
from dr_sim.figures.views import views_of
from dr_sim.formatting.numbers import with_interval
from dr_sim.loading import load_scenario
from dr_sim.measures.summary import summarise
from dr_sim.measures.verdict import judge
from dr_sim.record.journal import Journal
from dr_sim.report import Shown, _verdict, report_html
from dr_sim.report.many import distribution_html, seconds
from dr_sim.report.page import SortedCell, coded, sort_key
from dr_sim.report.standings import STANDING_HEADS, StandingRow, with_values
from dr_sim.results.run_folder import REPORT_FILE, write_results
from dr_sim.runs.run import run
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.units import DAY_US
from tests.library.runs import ran
from tests.measures.make import TWO_DATABASES, a_scenario, whole_of

ROOT = Path(__file__).resolve().parents[1]
WITHIN_MS = 4 * MOST_MS  # a machine may have other work


@pytest.fixture(scope="module")
def two_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the quickstart: two weeks, as `dr-sim run` writes it."""
    folder = tmp_path_factory.mktemp("report") / "run"
    write_results(run(load_scenario(ROOT / "scenarios/quickstart.yaml")), folder)
    return folder / REPORT_FILE


def a_page(tmp_path: Path, text: str) -> str:
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    result = run(load_scenario(tmp_path / "s.yaml"))
    return report_html(
        Timeline(views_of(result.whole)), Shown(result.summary, result.verdict, result.digest)
    )


# ---- what stands on it
def test_it_is_one_file_of_a_bearable_size_that_fetches_nothing(two_weeks: Path) -> None:
    page = two_weeks.read_text(encoding="utf-8")
    assert len(page.encode()) < MOST_BYTES
    assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?!data:)""", page)


def test_numbers_are_the_summary_s(two_weeks: Path) -> None:
    page = two_weeks.read_text(encoding="utf-8")
    summary = json.loads((two_weeks.parent / "summary.json").read_text(encoding="utf-8"))
    assert summary["journal_digest"] in page
    assert "5:01 of data are lost: 20.1 MB, 3,010 transactions." in page
    assert (
        "Outage 2:08: detect 0:29; fence 0:21; recover 0:10; redirect 1:00; warm up 0:08." in page
    )
    assert page.count("For database [crm] no new transaction logs") >= 2
    assert page.count("<td>DR Log Replay</td>") == summary["alerts"]["raised"]
    assert "(UTC)" in page or "Times are in UTC" in page


SAFE = {*(["#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"])}


def test_its_colours_are_those_that_colour_blind_readers_tell_apart(two_weeks: Path) -> None:
    """Okabe and Ito's eight, tints of them for phases and grounds, and greys."""
    data = two_weeks.read_text(encoding="utf-8").rpartition("</main>")[2]
    found = {colour.upper() for colour in re.findall(r"#[0-9A-Fa-f]{6}", data)}
    assert {"#0072B2", "#D55E00", "#009E73"} <= found
    tints = {"#A6DCC8", "#DCE6F2", "#F0B49A"}
    grey = {
        c
        for c in found
        if max(int(c[i : i + 2], 16) for i in (1, 3, 5))
        - min(int(c[i : i + 2], 16) for i in (1, 3, 5))
        <= 8
    }
    assert found - SAFE - tints - grey == set()


def test_the_sla_is_drawn_where_exposure_is(two_weeks: Path) -> None:
    page = two_weeks.read_text(encoding="utf-8")
    assert page.count('"SLA data_loss 15:00"') >= 2  # over time, and in the distribution


def test_every_chart_is_told_in_words(two_weeks: Path) -> None:
    page = two_weeks.read_text(encoding="utf-8")
    labels = re.findall(r'role="img" aria-label="([^"]+)"', page)
    assert len(labels) == 13  # with which site is the primary, and the time unprotected
    assert all(len(label) > 30 for label in labels)


@pytest.mark.parametrize(
    ("sla", "said"),
    [
        ("{data_loss: at most 1 min}", "The SLA is missed: data_loss is"),
        ("{data_loss: at most 1 h}", "The SLA is met in this run."),
        ("{}", "The scenario names no SLA to be judged by."),
    ],
)
def test_the_verdict_comes_first(tmp_path: Path, sla: str, said: str) -> None:
    page = a_page(
        tmp_path,
        "run_for: 1 h\ndatabases: {crm: {size: 1 GB, full: none, incremental: "
        "none}}\nlink: {bandwidth: 100 Mbit/s}\n"
        f"failover: {{mode: automatic}}\nevents: [{{at: 32 min, lose: site}}]\nsla: {sla}\n",
    )
    assert said in page
    assert page.index(said) < page.index("<h2")


def test_the_order_is_from_the_verdict_to_how_to_get_it_again(two_weeks: Path) -> None:
    """Verdict, SLA, numbers; the timeline; what the failover cost; distribution; backlog; alerts;
    what it rests on; again.
    """
    page = two_weeks.read_text(encoding="utf-8")
    main = page[page.index("<header>") :]
    order = [
        "The SLA is met",
        ">SLA<",
        "The run in numbers",
        "5:01 of data lost, outage 2:08",
        ">Timeline<",
        ">Backups<",
        ">Link<",
        ">What happened<",
        ">Replay: how far",
        ">Exposure: true beside reported",
        ">Failover 1: site lost",
        ">Data loss: what",
        ">Outage: phase by phase<",
        ">How exposure was distributed",
        ">Backlog and staging<",
        "4 alerts, with their texts",
        "What the verdict rests on",
        "This run again",
        "The resolved scenario",
    ]
    order.remove(">What happened<")  # among the lanes
    assert ">What happened<" in main
    places = [main.index(word) for word in order]
    assert places == sorted(places)


def test_a_met_sla_does_not_hide_what_it_does_not_ask() -> None:
    """A database is gone for good and its tenant is never served again; the SLA asks about the
    others.
    """
    result = ran("after_failover/tenants")
    page = report_html(
        Timeline(views_of(result.whole)), Shown(result.summary, result.verdict, result.digest)
    )
    assert (
        "The SLA is met in this run. But failover 1 lost all of a database "
        "(no copy of erp was ever restored at the secondary" in page
    )
    assert (
        "; the outage of failover 1 was not over by the end of the run: no line of it "
        "asks about that." in page
    )
    assert "Outage of acme: unknown, at least 6 h 00." in page
    assert "Outage of globex, initech, each: 2:09." in page  # one line for both
    assert "Outage of initech" not in page


MANY_NAMES = """\
run_for: 4 h
databases: {%s}
link: {bandwidth: 100 Mbit/s}
events: [{at: 1 h, link_outage: 40 min}]
monitor: {enabled: false}
"""


def test_names_of_any_length_and_number_leave_room_for_the_charts(tmp_path: Path) -> None:
    long = [f"a_database_of_a_name_that_is_longer_than_any_axis_{i}" for i in range(2)]
    few = a_page(
        tmp_path,
        MANY_NAMES
        % ", ".join(f"{name}: {{size: 1 GB, full: none, incremental: none}}" for name in long),
    )
    rows = re.findall(r'"rows":(\[[^\]]*a_data[^\]]*\])', few)
    # the page cuts them in the middle to what there is room for, so that they stay two
    assert json.loads(rows[0]) == long
    many = a_page(
        tmp_path, MANY_NAMES % "crm: {copies: 20, size: 1 GB, full: none, incremental: none}"
    )
    assert "They concern too many databases for a line each, so each kind has one." in many
    assert '"rows":["2 no new logs"]' in many


@pytest.mark.parametrize("lines", [(), (SlaLine("rpo", "data_loss", True, 3600 * 10**6),)])
def test_a_silently_short_recovery_is_never_a_met_sla(lines: tuple[SlaLine, ...]) -> None:
    journal = Journal()
    for row in (
        ("truth.failed", 10, -1, "site"),
        ("truth.promoted", 20, 0, 2, 1, 1, 10, 0, 0, 0),
        ("truth.silent_recovery", 20, 0, 5, 1, 1),
    ):
        journal.note(*row)
    journal.note("truth.end", 60 * 10**6, -1)
    scenario = replace(a_scenario(), sla=lines)
    summary = summarise(whole_of(journal, scenario))
    outcome, said = _verdict(Shown(summary, judge(summary, scenario), ""), scenario)
    assert outcome == "fail"
    assert said.startswith("A recovery lost data silently")


def test_a_run_without_failover_and_a_name_that_is_no_html(tmp_path: Path) -> None:
    page = a_page(
        tmp_path,
        "name: 'a <b> & c'\nrun_for: 20 min\ndatabases: {'x<y': {size: 1 GB, log: "
        "none}}\nlink: {bandwidth: 1 Mbit/s}\n",
    )
    assert "<h1>a &lt;b&gt; &amp; c</h1>" in page
    assert "<b>" not in page.split("<main>")[1].split("</main>")[0]
    assert "Nothing happened." in page
    assert "None was raised." in page


def test_a_thinned_line_keeps_its_ends_and_its_peaks() -> None:
    x = np.arange(100_000.0)
    y = np.sin(x / 50)
    y[77_777] = 9.0
    y[33_333] = -9.0
    few_x, few_y = thinned(x, y, 1000)
    assert len(few_x) <= 1000
    assert (few_x[0], few_x[-1], few_y.max(), few_y.min()) == (0.0, 99_999.0, 9.0, -9.0)
    assert (np.diff(few_x) > 0).all()
    assert thinned(x[:999], y[:999], 1000)[1].tolist() == y[:999].tolist()


REPLICATED = """\
run_for: 40 min
databases: {crm: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
after_failover: {new_secondary: none}
faults: {lose: {rate: 100 per day, what: site}}
"""


@pytest.mark.parametrize(
    ("sla", "runs", "said"),
    [
        ("{exposure.p50: at most 10 s}", 40, "the SLA is missed."),
        ("{data_loss.p99: at most 15 min}", 8, "the SLA cannot be judged yet"),
        ("{}", 8, "the scenario names no SLA to be judged by"),
    ],
)
def test_a_page_of_many_runs_says_what_they_say(
    tmp_path: Path, sla: str, runs: int, said: str
) -> None:
    (tmp_path / "s.yaml").write_text(f"{REPLICATED}sla: {sla}\n", encoding="utf-8")
    scenario = load_scenario(tmp_path / "s.yaml")
    found = Distribution(scenario, [take(scenario, number) for number in range(runs)])
    page = distribution_html(found)
    assert said in page
    assert page.index(said) < page.index("<h2")
    interval = found.interval("data_loss.p50")
    ends = seconds(interval.low), seconds(interval.high)
    assert f"p50 {with_interval(seconds(interval.estimate), *ends)}" in page
    assert "--replications" in page
    mean = found.interval("outage.mean")
    assert f"Mean outage {seconds(mean.estimate)}: detect 0:" in page  # as a waterfall of phases
    worst = max(
        found.samples,
        key=lambda s: max((v.low for v in s.values if v.measure == "data_loss"), default=-1),
    )
    assert (
        f"data loss {seconds(found.values('data_loss').max())} in replication {worst.number};"
        in page
    )
    longest = seconds(found.interval("exposure.max").estimate)
    assert f"for a lost site at most {longest}" in page  # and not the grid's next value
    assert f"<span>{longest}</span></td>" in page  # nothing bounds the most: it has no interval
    assert "<td>outage: drain</td>" not in page  # no outage had this phase
    assert not re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["'](?!data:)""", page)


def test_a_duration_without_a_limit_has_none() -> None:
    assert [seconds(x) for x in (-np.inf, -0.2, 0.0, 75.0, np.inf)] == [
        "0:00",
        "0:00",
        "0:00",
        "1:15",
        "?",
    ]


# ---- in a browser
@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        if os.environ.get("CI"):
            pytest.fail(
                "no chromium and chromedriver here, and in CI this test must not be skipped"
            )
        pytest.skip(
            "needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)"
        )
    with open_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


WAIT_FOR_CHARTS = f"""
const done = arguments[arguments.length - 1]
const look = () => {{ if ({CHARTS_DRAWN}) done(true); else setTimeout(look, 20) }}
look()
"""
TIME_RANGE = "return [drSim.state.from, drSim.state.to]"


def test_it_lives_offline_in_a_real_browser(browser: Any, two_weeks: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    browser.get("about:blank")
    browser.get_log("performance")  # what the browser's own first page asked for
    browser.get(two_weeks.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    charts = browser.find_elements(By.CSS_SELECTOR, "main figure")
    assert len(charts) == 13
    assert all(chart.size["height"] > 60 for chart in charts)

    whole = browser.execute_script(TIME_RANGE)
    buttons = {b.text: b for b in browser.find_elements(By.CSS_SELECTOR, "#views button")}
    buttons["around failover 1"].click()
    around = browser.execute_script(TIME_RANGE)
    assert around[1] - around[0] < 0.05 * (whole[1] - whole[0])
    buttons["whole run"].click()
    assert browser.execute_script(TIME_RANGE) == whole

    exposure = next(c for c in charts if "Exposure: true" in c.text)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", exposure)
    ActionChains(browser).move_to_element_with_offset(
        exposure, -100, 0
    ).click_and_hold().move_by_offset(200, 0).release().perform()
    zoomed = browser.execute_script(TIME_RANGE)
    assert whole[0] < zoomed[0] < zoomed[1] < whole[1]
    assert (zoomed[1] - zoomed[0]) * 1000 < 5 * DAY_US  # 200 of about 1,000 pixels of two weeks

    assert [
        entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
    ] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    assert [url[:60] for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


SHOWN_NEARBY = """
return [...document.querySelectorAll('.tip')].filter(e => !e.hidden).map(e => e.textContent).join(' ')
"""


def test_hovering_tells_the_curve_and_not_where_the_pointer_is(
    browser: Any, two_weeks: Path
) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    browser.get(two_weeks.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    for title, words in (
        ("Link", "sent: "),
        ("Exposure: true", "true: "),
        ("Replay", "replay lag: "),
        ("Backlog", "not landed: "),
    ):
        chart = next(
            c for c in browser.find_elements(By.CSS_SELECTOR, "main figure") if title in c.text
        )
        canvas = chart.find_element(By.CSS_SELECTOR, '[role="img"]')
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
        told = []
        for below_px in (5, 25):  # a quiet week-end: nothing is above 6 minutes, and the pointer is
            ActionChains(browser).move_to_element_with_offset(canvas, -42, below_px).move_by_offset(
                2, 0
            ).perform()
            for _ in range(30):
                if words in (shown := browser.execute_script(SHOWN_NEARBY)):
                    break
                time.sleep(0.1)
            told.append(shown)
        assert words in told[0] and told[0].startswith("Sat "), title
        assert told[0] == told[1], title
        assert float(told[0].partition(words)[2].split()[0].partition(":")[0]) < 6, told[0]


def test_it_opens_soon(browser: Any, two_weeks: Path) -> None:
    """benchmarks/report.py holds it to two seconds; here something must have gone wrong."""
    found = min((times(browser, two_weeks) for _ in range(2)), key=lambda of: of["drawn"])
    assert all(0 < found[what] < WITHIN_MS for what in ("painted", "loaded", "drawn"))


def test_on_paper_nothing_is_cut_off(browser: Any, two_weeks: Path) -> None:
    """What scrolls on a screen, or is folded up, is all there."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 760, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get(two_weeks.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    wide = (
        "return [...document.querySelectorAll('html, .scroll, pre')].filter(e => "
        "e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert browser.execute_script(wide) == []
    assert browser.execute_script(
        "return [...document.querySelectorAll('pre')].every(e => "
        "e.checkVisibility({contentVisibilityAuto: true}) && e.offsetHeight > 100)"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


WORST_CASE = """
document.querySelectorAll('.standing tbody tr').forEach(row => {
  const [name, ...cells] = row.cells;
  name.textContent = 'warehouse_reporting_eu_west_' + name.textContent;
  cells.forEach(cell => { if (/\\d:|\\d h/.test(cell.textContent)) cell.textContent = '22 h 51' });
  cells.at(-1).textContent = 'replication switched off (event 12)';
});
"""


def test_the_table_of_databases_can_be_read_on_paper(browser: Any, several: Path) -> None:
    paper = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", paper)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get(several.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    browser.execute_script(WORST_CASE)
    unnamed = (
        "return [...document.querySelectorAll('.standing thead tr:last-child th')]"
        ".filter(e => e.innerText.trim() === '' || !(e.querySelector('button') ?? e).offsetHeight)"
        ".length"
    )
    assert browser.execute_script(unnamed) == 0
    table = "const t = document.querySelector('.standing'); "
    assert browser.execute_script(table + "return t.offsetWidth <= t.parentElement.clientWidth")
    tallest = table + "return Math.max(...[...t.tBodies[0].rows].map(r => r.offsetHeight))"
    assert browser.execute_script(tallest) < 5 * 20  # a cause of several words has a few lines
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


BESIDE = """
const cut = [];
for (const chart of drSim.charts) {
  for (const mark of chart.marks.filter((m) => m.type === "bars" && m.beside)) {
    for (const bar of mark.items) {
      const wide = chart.context.measureText(bar.beside).width;
      if (chart.px(bar.to) + 6 + wide > chart.holder.clientWidth) cut.push(bar.beside);
    }
  }
}
return cut;
"""


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Any, two_weeks: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get(two_weeks.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    texts = (
        "return [...document.querySelectorAll('.alerts td:last-child')].map(e => "
        "e.getBoundingClientRect()).filter(r => r.left < 0 || r.right > 390 || r.width < "
        "200).length"
    )
    assert browser.execute_script(texts) == 0  # an alert's text is read without scrolling sideways
    assert browser.execute_script(BESIDE) == []
    pitch = "return drSim.charts.find((c) => c.holder.id === 'chart-events').pitch"
    assert browser.execute_script(pitch) == 40, "index maintenance stands above its bars"
    # a command that people copy is broken, not cut off
    browser.execute_script(
        "document.querySelector('.why').innerHTML = '<code>dr-sim advise ' + "
        "'a/long/path/'.repeat(9) + '</code>'"
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_chart_on_paper_is_drawn_as_wide_as_the_paper(browser: Any, two_weeks: Path) -> None:
    """So its words are not shrunk, however wide the window is: they have 12 pixels on A4."""
    wide = {"width": 1600, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", wide)
    browser.get(two_weeks.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    widest = "return Math.max(...drSim.charts.map(c => parseFloat(c.canvas.style.width)))"
    assert browser.execute_script(widest) > 1000
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script(widest) < (210 - 2 * 10) / 25.4 * 96  # A4, margins of 1 cm
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(widest) > 1000
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_shows_every_leg_of_a_run() -> None:
    result = ran("after_failover/failback")
    page = report_html(
        Timeline(views_of(result.whole)), Shown(result.summary, result.verdict, result.digest)
    )
    for word in (
        "Which site is the primary",
        "primary B, secondary C",
        "around failover 2",
        "unprotected 2",
        "A until Tue 00:01:01",
        "Failover 2: ordered by",
    ):
        assert word in page, f"{word!r} is not on the page"


# ---- several databases
@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    (folder / "s.yaml").write_text(TWO_DATABASES, encoding="utf-8")
    write_results(run(load_scenario(folder / "s.yaml")), folder / "run")
    return folder / "run" / REPORT_FILE


def test_each_database_stands_beside_its_targets_the_worst_first(several: Path) -> None:
    page = several.read_text(encoding="utf-8")
    assert page.index("two databases, one of them") < page.index("<main>")
    rows = re.findall(r"<tr (?:data-of|class=.service).*?</tr>", page)
    assert [re.search(r"<td>(.*?)</td>", row)[1] for row in rows] == ["service", "loud", "quiet"]  # type: ignore[index]
    assert "✗ fail" in rows[0] and "✗ fail" in rows[1] and "✗ fail" not in rows[2]
    assert "paused" in rows[1]
    assert "Why: most of the data loss of loud is" in page and "What would help: " in page


ROWS = (
    "return [...document.querySelectorAll('.standing tbody tr')].map(r => r.cells[0].textContent)"
)
DRAWN_MOST = "return drSim.charts.find(c => c.holder.id === 'chart-exposure').most"


def test_the_selector_is_obeyed_and_tables_sort(browser: Any, several: Path) -> None:
    from selenium.webdriver.common.by import By

    browser.get(several.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    browser.execute_script("drSim.zoom(0, 2 * 3600e3)")  # before the failure
    whole = browser.execute_script(DRAWN_MOST)
    browser.execute_script(
        "const s = document.getElementById('database'); s.value = '0'; s.onchange()"
    )
    assert browser.execute_script(DRAWN_MOST) < whole / 3  # quiet has no gap of two hours
    browser.find_element(By.CSS_SELECTOR, "tr[data-of='1']").click()
    assert browser.execute_script("return document.getElementById('database').value") == "1"
    assert browser.execute_script(DRAWN_MOST) == pytest.approx(whole, rel=0.01)
    about = "return [...document.querySelectorAll('tr[data-about]')].filter(r => r.hidden).length"
    hidden = browser.execute_script(about)
    browser.execute_script("drSim.choose(0)")
    note = "return drSim.charts.find((c) => c.holder.id === 'chart-{}').note.hidden"
    assert browser.execute_script(note.format("exposure")), "it shows that database"
    assert not browser.execute_script(note.format("link")), "it cannot, and says so"
    assert browser.execute_script(about) > hidden  # the alerts are about the other one
    browser.find_element(By.CSS_SELECTOR, ".standing th button").click()
    assert browser.execute_script(ROWS) == ["service", "quiet", "loud"]
    browser.find_element(By.CSS_SELECTOR, ".standing th button").click()
    assert browser.execute_script(ROWS) == ["loud", "quiet", "service"]


SIDEWAYS = """
return [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length
"""
PHONE = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}


def test_a_phone_shows_a_database_as_a_card_and_a_list_sorts(browser: Any, several: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get(several.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    assert browser.execute_script(SIDEWAYS) == 0
    pitch = "return drSim.charts.find((c) => c.holder.id === 'chart-{}').pitch"
    assert browser.execute_script(pitch.format("loss_1")) == 40, "long names stand above their bars"
    assert browser.execute_script(pitch.format("outage_1")) == 24
    cell = "const c = document.querySelector('.standing tbody tr').cells[1]; return "
    before = "getComputedStyle(c, '::before').content"
    assert "data loss, worst" in browser.execute_script(cell + before)
    heads = (
        "return [...document.querySelectorAll('.standing tbody tr td')].map(c => c.dataset.head)"
    )
    assert "exposure from then on, max" in browser.execute_script(heads)
    choose = "const s = document.querySelector('label.narrow select'); s.value = '{}'; s.onchange()"
    browser.execute_script(choose.format(0))
    assert browser.execute_script(ROWS) == ["loud", "quiet", "service"]
    browser.execute_script(choose.format(-1))
    assert browser.execute_script(ROWS) == ["service", "loud", "quiet"]
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    shown = "return getComputedStyle(document.querySelector('label.narrow')).display"
    assert browser.execute_script(shown) == "none"


CONTRASTS = r"""
const parts = (colour) => {
  const c = document.createElement('canvas').getContext('2d');
  c.fillStyle = colour; c.fillRect(0, 0, 1, 1);
  return [...c.getImageData(0, 0, 1, 1).data];
};
const light = (colour) => {
  const [r, g, b] = parts(colour).map((x) => x / 255)
    .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (x, y) => {
  const [low, high] = [light(x), light(y)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (parts(colour)[3] === 255) return colour;
  }
  return 'white';
};
const found = [];
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own || !e.checkVisibility() || ['SCRIPT', 'OPTION'].includes(e.tagName)) continue;
  found.push([contrast(getComputedStyle(e).color, ground(e)), e.tagName, e.textContent.slice(0, 40)]);
}
const real = CanvasRenderingContext2D.prototype.fillText;
const at = getComputedStyle(document.body).backgroundColor;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  if (this.globalAlpha === 1) found.push([contrast(this.fillStyle, at), 'canvas', text]);
  return real.call(this, text, ...rest);
};
drSim.charts.forEach((chart) => chart.draw());
CanvasRenderingContext2D.prototype.fillText = real;
return [light(at), found];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(browser: Any, several: Path, scheme: str) -> None:
    """4.5 to 1 is what WCAG 2.2 asks of text (1.4.3)."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(several.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    ground, found = browser.execute_script(CONTRASTS)
    assert (ground < 0.1) == (scheme == "dark")
    assert {"canvas", "TD", "P"} <= {tag for _, tag, _ in found}
    assert [part for part in found if part[0] < 4.5] == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


AXES = """
const c = drSim.charts.find(c => c.holder.id === 'chart-exposure')
const level = c.spec.marks.find(m => m.type === 'level')
return [c.y.ticks.map(t => t[1]), c.py(level.y), c.x.ticks.map(t => t[1])]
"""


def test_axes_are_chosen_for_what_is_in_sight(browser: Any, several: Path) -> None:
    """The unit changes with the zoom, and the SLA stays inside."""
    browser.get(several.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    whole = browser.execute_script(AXES)
    assert all(text.endswith(" min") for text in whole[0]) and whole[1] > 8
    browser.execute_script("drSim.zoom(600e3, 640e3)")
    near = browser.execute_script(AXES)
    assert near[1] > 8 and near[0] != whole[0]
    assert all(text.count(":") == 2 for text in near[2])  # seconds are shown now


def test_the_narrowest_bar_can_be_seen(browser: Any, two_weeks: Path) -> None:
    """A backup of a second in two weeks has a width in pixels."""
    browser.get(two_weeks.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    painted = browser.execute_script("""
        const c = drSim.charts.find(c => c.holder.id === 'chart-events'), wide = []
        const real = c.context.fillRect
        CanvasRenderingContext2D.prototype.fillRect = function (x, y, w, h) { wide.push(w) }
        c.draw()
        CanvasRenderingContext2D.prototype.fillRect = real
        return Math.min(...wide)
    """)
    assert painted >= 2


BANDS = """
drSim.zoom(arguments[0], arguments[1])
const c = drSim.charts.find(c => c.holder.id === 'chart-exposure')
const context = CanvasRenderingContext2D.prototype, real = context.fill
let bands = 0
context.fill = function (...rest) { bands += this.globalAlpha < 0.5; return real.apply(this, rest) }
c.draw()
context.fill = real
return bands
"""


def test_a_saw_is_a_band_until_its_teeth_can_be_told_apart(browser: Any, several: Path) -> None:
    """Logs every five minutes: six hours of them are too narrow on a phone, an hour is not."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get(several.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    hour = 3_600_000
    assert browser.execute_script(BANDS, 0, 6 * hour) > 0
    assert browser.execute_script(BANDS, 0, hour) == 0
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_teeth_of_a_thinned_line_are_a_band(browser: Any, two_weeks: Path) -> None:
    """The page has not all points of two weeks, so it cannot show each tooth of one day."""
    browser.get(two_weeks.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    day = 86_400_000
    assert browser.execute_script(BANDS, 3 * day, 4 * day) > 0


def test_the_bound_lies_inside_the_axis_of_many_runs(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        f"{REPLICATED}sla: {{outage: at most 5 h}}\n", encoding="utf-8"
    )
    scenario = load_scenario(tmp_path / "s.yaml")
    found = Distribution(scenario, [take(scenario, number) for number in range(4)])
    page = distribution_html(found)
    data = page[page.index("const DATA = ") + len("const DATA = ") :]
    spec = json.JSONDecoder().raw_decode(data)[0]["charts"]["many_outage"]
    bound = next(mark for mark in spec["marks"] if mark["type"] == "upright")
    assert bound["x"] == 5 * 3_600_000 < spec["x"]["to"]


def test_an_axis_of_many_runs_begins_near_what_it_shows(tmp_path: Path) -> None:
    """An outage takes longer than a minute in each run: an axis from half a second on would leave
    two thirds of the chart empty. What has no known limit goes on to the axis' end.
    """
    (tmp_path / "s.yaml").write_text(f"{REPLICATED}sla: {{outage: at most 5 h}}\n", "utf-8")
    scenario = load_scenario(tmp_path / "s.yaml")
    found = Distribution(scenario, [take(scenario, number) for number in range(4)])
    (chart,) = [c for c in many_charts(found) if c.key == "many_outage"]
    assert chart.spec["x"]["from"] == 60_000
    last = [m for m in chart.spec["marks"] if m["label"] == "interval of a quantile"][-1]
    assert sum(last["x"]) == pytest.approx(chart.spec["x"]["to"])


def test_many_runs_that_lose_nothing_at_all_are_drawn(tmp_path: Path) -> None:
    """A planned failover in each run: it ended with an error, as no quantile was above nothing."""
    text = """
run_for: 2 h
databases: {crm: {size: 5 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
events: [{at: 1 h, order_failover: dba}]
"""
    (tmp_path / "s.yaml").write_text(text, "utf-8")
    scenario = load_scenario(tmp_path / "s.yaml")
    found = Distribution(scenario, [take(scenario, number) for number in range(3)])
    assert set(found.values("data_loss")) == {0}
    assert "many_data_loss" in {chart.key for chart in many_charts(found)}


def test_what_stands_between_backticks_is_code_and_nothing_else_is_markup() -> None:
    assert coded("`dr-sim advise` <b>") == "<code>dr-sim advise</code> &lt;b&gt;"
    assert coded("`<i>`") == "<code>&lt;i&gt;</code>"


def test_what_is_too_long_for_paper_stays_folded_there(browser: Any, tmp_path: Path) -> None:
    """A legend is printed, thousands of lines are not: the page holds them."""
    (tmp_path / "s.yaml").write_text(TWO_DATABASES, encoding="utf-8")
    write_results(run(load_scenario(tmp_path / "s.yaml")), tmp_path / "run")
    page = tmp_path / "run" / REPORT_FILE
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("<details>", '<details class="long">'), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get(page.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    shown = "return [...document.querySelectorAll('%s')].map(e => e.offsetHeight > 0)"
    assert not any(browser.execute_script(shown % "details.long pre"))
    assert any(browser.execute_script(shown % ".legend button"))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


PAINTED = """
const c = drSim.charts.find(c => c.holder.id === 'chart-exposure')
const level = c.spec.marks.find(m => m.label === 'one'), keys = [...c.legend.children]
return [c.marks.includes(level), !keys.find(k => k.mark === level).hidden]
"""


def test_a_line_of_one_database_is_drawn_while_it_is_chosen(browser: Any, several: Path) -> None:
    text = several.read_text(encoding="utf-8")
    mark = '{"type":"level","y":1,"label":"one","colour":"black","dash":"solid","of":0}'
    place = text.index('"marks":[', text.index('"exposure":{')) + len('"marks":[')
    page = several.with_name("with_a_line.html")
    page.write_text(f"{text[:place]}{mark},{text[place:]}", encoding="utf-8")
    browser.get(page.as_uri())
    assert browser.execute_async_script(WAIT_FOR_CHARTS)
    assert browser.execute_script(PAINTED) == [False, False]
    browser.execute_script("drSim.choose(0)")
    assert browser.execute_script(PAINTED) == [True, True]
    browser.execute_script("drSim.choose(1)")
    assert browser.execute_script(PAINTED) == [False, False]


def test_a_column_sorts_by_numbers_never_last_and_unknown_first() -> None:
    values = (9.0, math.inf, math.nan, 1e9)
    assert [sort_key(x) for x in values] == ["9", "Infinity", "-Infinity", "1000000000"]


def test_a_column_without_values_is_left_out() -> None:
    def row(*texts: str) -> StandingRow:
        return StandingRow("crm", 0, [SortedCell(text, 1) for text in texts], "", [])

    full = row(*"abcdefghijkl")
    heads, rows = with_values([full])
    assert heads == list(STANDING_HEADS) and rows == [full]
    quiet = row("–", "–", "–", "–", "1", "2", "3", "–", "–", "4", "5", "6")
    heads, rows = with_values([quiet, quiet])  # nothing has failed
    assert [group for group, _ in heads] == ["exposure", "replay lag", "alerts", ""]
    assert [cell.text for cell in rows[1].cells] == ["1", "2", "3", "4", "5", "6"]
    heads, _ = with_values([quiet, full])
    assert heads == list(STANDING_HEADS)
    assert with_values([])[1] == []
