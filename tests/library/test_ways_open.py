"""How many ways back are open, and each of them by itself (W7). Instants are worked out by hand."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.experiments.sweeps.sweep import check_measures
from dr_sim.figures.charts import Chart
from dr_sim.figures.timeline import Timeline
from dr_sim.figures.views import views_of
from dr_sim.figures.ways import way_charts
from dr_sim.loading import load_scenario
from dr_sim.measures.outage_now.each_way import exposure_of_place, open_ways, outage_of_place
from dr_sim.measures.outage_now.outage_now import outage_at
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result, run
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.screen.run import screen
from dr_sim.screen.ways import NOTHING_FORETOLD, ways_taken
from dr_sim.units import clock

from .runs import DAY, HOUR, MINUTE, SCENARIOS, SECOND, at, failover, ran

CLOSES = SCENARIOS / "negative" / "last_way_closes.yaml"
COMMIT = SECOND // 10
CLASSES = ("site", "host", "database")


def played(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def ways(result: Result, failure_class: str = "site") -> dict[int, list[tuple[int, int]]]:
    """When so many ways were open."""
    found = open_ways(result.whole, failure_class)
    return {int(n): found.spans_with(int(n)) for n in np.unique(found.number)}


# ---- how many are open
@pytest.mark.parametrize("failure_class", CLASSES)
def test_a_standby_and_then_the_store_are_lost(failure_class: str) -> None:
    assert ways(ran("negative/last_way_closes"), failure_class) == {
        2: [(0, at(1, "11:00"))],
        1: [(at(1, "11:00"), at(1, "14:00"))],
        0: [(at(1, "14:00"), DAY)],
    }


ONE = """
run_for: 1 day
databases:
  crm: {size: 50 GB, log_volume: 20 MB per 5 min, full: none, differential: none, log: every 5 min}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic}
"""


def test_a_single_standby_is_the_only_way_until_it_is_lost(tmp_path: Path) -> None:
    text = ONE + 'events: [{at: "Mon 09:00", lose_secondary: 20 h}]\nsla: {ways_open: at least 1}\n'
    result = played(tmp_path, text)
    assert ways(result) == {1: [(0, at(1, "09:00"))], 0: [(at(1, "09:00"), DAY)]}
    (line,) = result.verdict.lines
    assert (line.outcome, line.value) == (Outcome.FAIL, 0)
    assert "from Mon 09:00:00 for 15 h 00" in line.reason
    assert "promote B" in line.reason
    assert "event 1" in line.reason


def test_a_lost_standby_is_a_way_again_when_a_full_has_landed_there() -> None:
    """near burns at 9:00 for eight hours. The site is lost at 10:07; far takes over, and nothing
    stands behind it until C, a new site, holds a full.
    """
    result = ran("copies/lost")
    found = ways(result)
    assert found[2][0] == (0, at(1, "09:00"))
    assert found[1][0] == (at(1, "09:00"), at(1, "10:07"))
    ((begin, end), *_) = found[0]
    assert begin == result.whole.legs[1].begins_us
    landed = [
        leg.begins_us + row.time_us
        for leg, t in result.whole.at(result.whole.legs[1])
        for row in t.rows("truth.landed")
        if row.values["intact"]
    ]
    assert end in landed


def test_two_standbys_are_two_ways_before_the_failure() -> None:
    found = open_ways(ran("copies/two").whole).window(0, at(1, "10:07"))
    assert found.fewest() == 2


def test_an_outage_to_the_end_of_the_run_is_not_known_and_no_pass() -> None:
    result = ran("negative/ways_not_known")
    (line,) = result.verdict.lines
    assert (line.outcome, line.value) == (Outcome.UNKNOWN, 1)
    assert "from Mon 11:59:30 to the end of the run" in line.reason


def test_what_was_closed_before_such_an_outage_fails_all_the_same(tmp_path: Path) -> None:
    text = ONE + (
        'events: [{at: "Mon 09:00", lose_secondary: 20 h}, {at: "Mon 10:07", lose: site}]\n'
        "sla: [{ways_open: at least 1}, {ways_open_before: at least 1, class: host}]\n"
    )
    result = played(tmp_path, text)
    assert [line.outcome for line in result.verdict.lines] == [Outcome.FAIL, Outcome.FAIL]
    assert result.summary.ways_open["site"].with_fewest_us == 67 * MINUTE


def test_before_the_first_failure_is_judged_by_itself(tmp_path: Path) -> None:
    text = ONE + (
        'events: [{at: "Mon 10:07", lose: site}]\n'
        "sla: [{ways_open_before: at least 1}, {ways_open: at least 1}]\n"
    )
    before, whole = played(tmp_path, text).verdict.lines
    assert (before.outcome, before.value) == (Outcome.PASS, 1)
    assert (whole.outcome, whole.value) == (Outcome.FAIL, 0)  # until the new site is seeded


# ---- in a build
def test_a_build_fails_when_the_last_way_back_closes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    junit = tmp_path / "junit.xml"
    assert main(["check", str(CLOSES), "--replications", "2", "--junit", str(junit)]) == 1
    (failure,) = ElementTree.parse(junit).iter("failure")
    wanted = "no way back is open from Mon 14:00:00 for 10 h 00; closed: promote near: "
    assert "broken in 2 of 2 runs; in replication 0 " + wanted in failure.attrib["message"]
    shown = capsys.readouterr().out
    (command,) = [line for line in shown.splitlines() if line.startswith("::error")]
    assert wanted in command
    written = CLOSES.read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(written, 1) if "ways_open" in text)
    assert f"last_way_closes.yaml,line={line}," in command


def test_runs_that_end_in_an_outage_leave_a_check_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = SCENARIOS / "negative" / "ways_not_known.yaml"
    assert main(["check", str(path), "--replications", "2"]) == 3
    assert "2 of 2 runs ended before it was known" in capsys.readouterr().out


# ---- each by itself
def test_the_vault_by_itself() -> None:
    """levels.yaml says by hand what the vault would lose and take when the site is lost."""
    whole = ran("stores/levels").whole
    failed = at(2, "12:07")
    assert abs(exposure_of_place(whole, "vault").at(failed) - (26 * HOUR + 22 * MINUTE)) <= COMMIT
    outage_us = failover(ran("stores/levels"))["outage_us"]
    assert outage_at(outage_of_place(whole, "vault"), whole.scenario, failed) == outage_us


def test_a_place_is_no_way_while_it_is_lost_and_not_counted_while_it_is_the_primary() -> None:
    """near is lost from 9:00 to 17:00; far is the primary from its promotion on."""
    whole = ran("copies/lost").whole
    near, far = (outage_of_place(whole, place) for place in ("near", "far"))
    assert near.at(at(1, "08:59")) < HOUR
    assert near.at(at(1, "09:30")) >= NO_WAY_US
    assert near.at(at(1, "16:59")) >= NO_WAY_US
    assert far.end_us == at(1, "10:07")


@pytest.mark.parametrize("name", ["copies/lost", "stores/beside_a_standby", "stores/levels"])
def test_the_service_is_as_good_as_its_best_way(name: str) -> None:
    whole = ran(name).whole
    failed = whole.first_failure_us
    names = [copy.name for copy in whole.scenario.standbys]
    service = whole.outage_if_now().window(0, failed)
    exposed = whole.exposure().window(0, failed)
    for t_us in range(MINUTE, failed, 17 * MINUTE):
        each = [outage_of_place(whole, place).at(t_us) for place in names]
        assert service.at(t_us) == min(each)
        lost = [exposure_of_place(whole, place).at(t_us) for place in names]
        assert exposed.at(t_us) == min(lost)


LINES = """
copies:
  near: {}
  vault: {store: {hold: 1 h}}
events: [{at: "Mon 12:00", lose_secondary: 40 h, copy: near}]
sla:
  - {id: slow, outage_if_now@vault.max: at most 5 min}
  - {id: never, outage_if_now@near.max: at most 5 min, class: host}
  - {id: half, outage_if_now@near.above_1_h: at most 49.9 %}
  - {id: met, outage_if_now@near.above_1_h: at most 50 %}
  - {id: held, exposure@vault.max: at least 1 h}
"""


def test_lines_on_one_copy_are_judged_in_one_run_and_in_many(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(ONE + LINES, encoding="utf-8")
    outcomes = {"slow": "fail", "never": "fail", "half": "fail", "met": "pass", "held": "pass"}
    found = run(load_scenario(path)).verdict.lines
    assert {line.line.id: line.outcome.name.lower() for line in found} == outcomes
    out = tmp_path / "many"
    main(["run", str(path), "--replications", "1", "--out", str(out)])
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    lines = summary["verdict"]["lines"]
    assert {line["id"]: line["outcome"] for line in lines} == outcomes


ODD = """
copies: {"far.off": {}, "a@b max": {store: {}}}
sla:
  - {outage_if_now@far.off.max: at most 1 h}
  - {"outage_if_now@a@b max.max": at most 1 h}
  - {"exposure@far.off.above_15_min": at most 0 %}
"""


def test_names_with_dots_and_signs_in_them(tmp_path: Path) -> None:
    verdict = played(tmp_path, ONE.replace("full: none", "full: daily 01:00") + ODD).verdict
    assert [line.outcome for line in verdict.lines] == 3 * [Outcome.PASS]


WRONG = [
    ("{ways_open: at most 1}", "a bound is written 'at least 1'"),
    ("{ways_open: at least 1.5}", "a bound is written 'at least 1'"),
    ("{data_loss@near: at most 1 h}", "of one copy write outage_if_now@NAME.max"),
    ("{outage_if_now@near: at most 1 h}", "of one copy write outage_if_now@NAME.max"),
    ("{ways_open: at least 1, database: crm}", "ways_open is of the whole service"),
    ("{outage_if_now.max: at most 1 h, copy: near}", "of one copy write outage_if_now@NAME.max"),
    ("{outage_if_now@nera.max: at most 1 h}", "unknown copy 'nera'; did you mean 'near'?"),
    ("{replay_lag@near.max: at most 1 h}", "unknown measure 'replay_lag@near.max'"),
    ("{exposure@near.max: at most 1 h, tenant: x}", "exposure@near is of the whole service"),
]


@pytest.mark.parametrize(("line", "told"), WRONG)
def test_a_line_that_cannot_be_is_told_in_one_sentence(
    tmp_path: Path, line: str, told: str
) -> None:
    with pytest.raises(InputError) as error:
        played(tmp_path, f"{ONE}copies: {{near: {{}}}}\nsla: [{line}]\n")
    assert told in error.value.problems[-1].message or told in error.value.problems[0].message


def test_without_copies_no_place_has_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no copies; write copies: "):
        played(tmp_path, f"{ONE}sla: {{outage_if_now@B.max: at most 1 h}}\n")


def test_a_sweep_takes_the_outage_of_one_copy_and_no_other(tmp_path: Path) -> None:
    scenario = ran("stores/levels").scenario
    check_measures(["outage_if_now@vault.p99"], scenario)
    with pytest.raises(InputError, match="unknown copy 'valt'; did you mean 'vault'"):
        check_measures(["outage_if_now@valt.p99"], scenario)


# ---- on the page
def lines_of(chart: Chart) -> tuple[list[int], list[int | None]]:
    """The instants (ms) and values (ms) of a lane's line."""
    (mark,) = [mark for mark in chart.spec["marks"] if mark["type"] == "line"]
    return np.cumsum(mark["x"]).tolist(), mark["y"]


def closed_in(chart: Chart) -> list[list[float]]:
    return [item for m in chart.spec["marks"] if m["type"] == "spans" for item in m["items"]]


def test_each_way_has_a_lane_which_breaks_off_where_it_is_closed() -> None:
    timeline = Timeline(views_of(ran("negative/last_way_closes").whole))
    service, near, vault = way_charts(timeline)
    ms = 1_000
    assert closed_in(service) == closed_in(vault) == [[at(1, "14:00") / ms, DAY / ms]]
    assert closed_in(near) == [[at(1, "11:00") / ms, DAY / ms]]
    for chart, until in ((service, "14:00"), (near, "11:00"), (vault, "14:00")):
        x, y = lines_of(chart)
        assert x[-1] == at(1, until) / ms
        assert max(value for value in y if value is not None) < DAY / ms
    assert "by promoting near" in near.title
    assert "by a restore from vault" in vault.title
    assert near.words.endswith("for 13 h 00 there was no way back.")


def test_one_way_has_no_second_lane_and_the_bounds_are_drawn() -> None:
    (service,) = way_charts(Timeline(views_of(ran("stores/vault_only").whole)))
    labels = [mark["label"] for mark in service.spec["marks"] if mark["type"] == "level"]
    assert labels == [f"SLA outage {clock(line.bound)}" for line in outage_lines("vault_only")]


def outage_lines(name: str) -> list[SlaLine]:
    return [line for line in ran(f"stores/{name}").scenario.sla if line.measure == "outage"]


def test_a_bound_on_one_copy_stands_in_its_own_lane(tmp_path: Path) -> None:
    result = played(tmp_path, ONE + LINES)
    drawn = [
        [mark["label"] for mark in chart.spec["marks"] if mark["type"] == "level"]
        for chart in way_charts(Timeline(views_of(result.whole)))
    ]
    assert drawn == [[], [], ["SLA slow 5:00"]]


# ---- the time limb at a store
def test_a_restore_that_grows_is_caught_by_a_line_on_the_store_alone() -> None:
    """Each day without a good full adds 96 logs, of 1 GB in 6 s each, and exposure does not move."""
    result = ran("negative/restore_grows")
    vault = outage_of_place(result.whole, "vault")
    # a little after a log has landed, so that it is checked
    each = [vault.at(at(day, "12:14")) for day in (2, 3, 4, 5)]
    assert [b - a for a, b in pairwise(each)] == 3 * [96 * 6 * SECOND]
    outcomes = {line.line.id: line.outcome for line in result.verdict.lines}
    assert outcomes == {
        "the store": Outcome.FAIL,
        "told": Outcome.PASS,
        "data": Outcome.PASS,
    }
    assert result.summary.alerts.due == 0
    assert (
        result.summary.alerts.raised > 0
    )  # the empty fulls are told of, and that is no false alarm
    assert result.summary.alerts.false == 0


TWO = """
run_for: 1 day
databases:
  crm: {size: 10 GB, log_volume: 2 MB per 5 min, full: daily 01:00, differential: none, log: every 5 min}
  erp: {size: 10 GB, log_volume: 2 MB per 5 min, full: daily 06:00, differential: none, log: every 5 min,
        seeded: false}
link: {bandwidth: 1 Gbit/s}
copies: {near: {}, vault: {store: {}}}
sla: [{ways_open: at least 1}, {id: later, ways_open: at least 1, class: host}]
"""


def test_a_way_is_open_when_every_database_is_there(tmp_path: Path) -> None:
    """Nothing of erp lies anywhere until its first full has landed, a little after 6:00. The loss of
    the host leaves the primary's share: then near waits for what is finished there, and the vault
    fetches it.
    """
    result = played(tmp_path, TWO)
    finished, landed = (
        min(
            row.time_us for row in result.journal.rows(kind) if row.values["name"].startswith("erp")
        )
        for kind in ("truth.backup_finished", "truth.landed")
    )
    assert landed - finished == 80 * SECOND  # 10 GB at 1 Gbit/s
    assert ways(result, "site") == {0: [(0, landed)], 2: [(landed, DAY)]}
    for failure_class in ("host", "database"):
        assert ways(result, failure_class) == {
            0: [(0, finished)],
            2: [(finished, DAY)],
        }


def test_with_a_cloud_manager_there_is_one_way() -> None:
    """The site is lost at 10:30; then nothing stands behind the new primary until it is seeded."""
    whole = ran("cloud/drift").whole
    before = open_ways(whole).window(0, at(1, "04:30"))
    assert set(before.number.tolist()) == {1}
    assert open_ways(whole).fewest() == 0


def test_the_screen_shows_each_copy_and_the_fewest_ways() -> None:
    result = ran("negative/last_way_closes")
    text = screen(result.summary, result.scenario, result.verdict)
    assert "near behind A  exposure p50 12 h 00" in text
    assert "outage if now p50 never" in text
    assert "\n  no way back is open from Mon 14:00:00 for 10 h 00\n" in text
    always = screen(
        *(lambda r: (r.summary, r.scenario, r.verdict))(ran("stores/worst_loss/weekly_tape"))
    )
    assert "ways back are open all the time" in always
    nobody = ran(
        "copies/two",
        "failover={mode: manual, operator: {approves: false}}",
        "events=[]",
    )
    text = screen(nobody.summary, nobody.scenario, nobody.verdict)
    assert "\n  no way back is open at any time\n" in text


# ---- by order
@pytest.mark.parametrize("planned", ["true", "false"])
def test_of_an_order_neither_detection_nor_a_page_is_foretold(planned: str) -> None:
    """The outage begins when the primary has stopped. Then the tail of two minutes, 8 MB over 200
    Mbit/s and restored, 10 s to come online, 60 s to redirect and 8 s to warm up.
    """
    order = f"events=[{{at: 'Mon 10:02', order_failover: {{by: dba, planned: {planned}}}}}]"
    found = failover(ran("copies/two", "failover.mode=manual", order))
    (way,) = [way for way in found["ways"] if way["standing"] == "taken"]
    assert found["phases_us"]["detect"] == found["phases_us"]["decide"] == 0
    assert way["outage_us"] == way["came_outage_us"] == found["outage_us"]


# ---- a silence that was no failure
def test_of_a_silence_that_was_no_failure_nothing_is_foretold(tmp_path: Path) -> None:
    """Heartbeats share the link, which is cut: the standby takes over, and the primary had not
    failed. No outage was to be foretold, neither in the result nor in `explain --ways`.
    """
    result = played(
        tmp_path,
        "run_for: 6 h\n"
        "databases: {crm: {size: 1 GB, log: every 5 min, log_volume: {mean: 1 MiB/s}}}\n"
        "link: {bandwidth: 200 Mbit/s}\n"
        "heartbeat: {path: data link}\n"
        "failover: {mode: automatic, silent_for: 30 s}\n"
        "events: [{at: 3 h, link_outage: 10 min}]\n",
    )
    [found] = result.summary.failovers
    assert (found.failure_class, found.ordered_by, found.ways) == ("none", None, [])
    assert NOTHING_FORETOLD in ways_taken(result.whole)


# ---- what the drain's limit leaves behind
@pytest.mark.parametrize("limit_us", [3 * MINUTE, 20 * MINUTE])
def test_a_way_foretells_what_the_drain_s_limit_leaves_in_the_share(
    tmp_path: Path, limit_us: int
) -> None:
    """Replication stands still until somebody resumes it: what was cut after 03:00 stays in the
    share of the host that is lost at 03:32, and the drain waits for it in vain.
    """
    result = played(
        tmp_path,
        "run_for: 6 h\n"
        "databases: {crm: {size: 1 GB, full: none, log: every 5 min,\n"
        "                  log_volume: {mean: 100 KiB/s}}}\n"
        "link: {bandwidth: 200 Mbit/s}\n"
        "failover: {mode: automatic, silent_for: 30 s, "
        f"drain_limit: {limit_us // MINUTE} min}}\n"
        "copies: {near: {}, far: {}}\n"
        "events:\n"
        "- {at: 181 min, copy: near, replication_stopped: {resumed_in: 2 h}}\n"
        "- {at: 212 min, lose: host}\n",
    )
    [found] = result.summary.failovers
    [taken] = [way for way in found.ways if way.place == "near"]
    assert taken.standing == "taken"
    assert taken.loss_us == taken.came_loss_us == 32 * MINUTE
    assert taken.outage_us == taken.came_outage_us
    assert found.phases_us["drain"] == limit_us


def test_each_way_foretells_the_answer_of_its_own_operator(tmp_path: Path) -> None:
    """The people whom each standby pages answer by draws of their own. Near is gone, and far
    takes over.
    """
    result = played(
        tmp_path,
        "run_for: 12 h\n"
        "databases: {crm: {size: 1 GB, full: none, log: every 5 min,\n"
        "                  log_volume: {mean: 100 KiB/s}}}\n"
        "link: {bandwidth: 200 Mbit/s}\n"
        "failover: {mode: manual, operator: {answers_in: {p50: 4 min, p95: 20 min}}}\n"
        "copies: {near: {}, far: {}}\n"
        "events:\n"
        "- {at: 3 h 20 min, copy: near, lose_secondary: 6 h}\n"
        "- {at: 3 h 31 min, lose: site}\n",
    )
    [found] = result.summary.failovers
    [taken] = [way for way in found.ways if way.standing == "taken"]
    assert (taken.place, found.new_primary) == ("far", "far")
    assert taken.outage_us == taken.came_outage_us
    assert found.phases_us["decide"] > MINUTE
