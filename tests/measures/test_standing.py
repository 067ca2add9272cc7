"""How each database stands: targets, curves, alerts, the worst cause, and which is the worst."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.remedies import remedy
from dr_sim.measures.standing import _badness, standings
from dr_sim.measures.summary.types import DatabaseStanding, Summary, TargetMet
from dr_sim.measures.tables import Tables
from dr_sim.measures.verdict import Judged, Outcome
from dr_sim.runs.run import Result, run
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import Scenario
from dr_sim.screen.standing import (
    MOST_ROWS,
    own_targets,
    standing_notes,
    standing_table,
    why_and_help,
)
from dr_sim.units import MINUTE_US
from tests.library.runs import SCENARIOS
from tests.measures.make import TWO_DATABASES


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[DatabaseStanding], Summary]:
    path = tmp_path_factory.mktemp("two") / "two.yaml"
    path.write_text(TWO_DATABASES, encoding="utf-8")
    result = run(load_scenario(path))
    return standings(result.whole, result.summary), result.summary


def test_the_worst_stands_first_and_the_service_above(
    found: tuple[list[DatabaseStanding], Summary],
) -> None:
    service, worst, best = found[0]
    assert (service.database, worst.database, best.database) == ("", "loud", "quiet")
    assert worst.data_loss.outcome == service.data_loss.outcome == "fail"
    assert best.data_loss.outcome == "pass" and best.outage.outcome == "pass"
    assert worst.data_loss.bound_us == 30 * 60_000_000
    assert service.data_loss.value_us == worst.data_loss.value_us
    assert "paused" in worst.cause and service.cause == worst.cause
    assert worst.alerts_raised > best.alerts_raised


def test_normal_days_and_the_time_after_a_failure_are_apart(
    found: tuple[list[DatabaseStanding], Summary],
) -> None:
    _, worst, best = found[0]
    assert worst.before.max_us is not None and best.before.max_us is not None
    assert worst.before.max_us > 100 * 60_000_000 > 10 * 60_000_000 > best.before.max_us
    # the whole history while the new second side is seeded, and usual exposure from then on
    assert worst.after.max_us is not None and worst.after.p50_us is not None
    assert worst.after.max_us > worst.before.max_us > 10 * worst.after.p50_us


def test_the_record_of_a_leg_is_opened_once_for_all_databases(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(TWO_DATABASES, encoding="utf-8")
    result = run(load_scenario(path, ["events=[]", "run_for=6 h"]))
    opened: list[Scenario] = []
    begin = Causes.__init__

    def counted(causes: Causes, t: Tables, scenario: Scenario) -> None:
        opened.append(scenario)
        begin(causes, t, scenario)

    monkeypatch.setattr(Causes, "__init__", counted)
    rows = standings(result.whole, result.summary)
    assert all(row.cause for row in rows), "each is explained by its highest exposure"
    assert len(opened) == 1


def test_the_screen_shows_the_worst_and_says_how_many_more(
    found: tuple[list[DatabaseStanding], Summary],
) -> None:
    summary = replace(found[1])
    lines = standing_table(summary)
    assert lines[2].split()[0] == "service" and lines[3].split()[0] == "loud"
    assert "FAIL" in lines[3] and "FAIL" not in lines[4]
    wide = replace(summary.standings[1].before, p50_us=81_060_000_000, p99_us=81_060_000_000)
    far = replace(summary.standings[1], before=wide)
    summary.standings = [summary.standings[0], far, *summary.standings[2:]]
    assert "22 h 31  22 h 31  " in standing_table(summary)[3]  # columns do not touch
    rows = list(summary.standings)
    summary.standings = rows + [rows[-1]] * 30
    lines = standing_table(summary)
    assert len(lines) == 2 + 1 + MOST_ROWS + 1 and lines[-1].startswith(" 20 more")
    summary.standings = rows[:2]
    assert standing_table(summary) == []  # one database is told of below


def test_why_and_what_would_help(found: tuple[list[DatabaseStanding], Summary]) -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml")
    why, helps = why_and_help(found[1], scenario)
    assert why.startswith('Why: most of the data loss of loud is "log backups paused (event 1)"')
    assert "paused backup jobs are reported sooner" in helps
    assert "advise" not in helps, "it does not try that"
    assert remedy("nothing that is known", scenario) is None


def test_a_database_that_misses_a_line_is_told_of_beside_the_worst(
    found: tuple[list[DatabaseStanding], Summary],
) -> None:
    """The worst number may have no target; the line that is missed is another database's."""
    scenario = load_scenario(SCENARIOS / "quickstart.yaml")
    service, loud, quiet, *_ = found[1].standings
    met = TargetMet(2, 3, "pass")
    loud = replace(loud, data_loss=met, outage=met)
    quiet = replace(quiet, data_loss=met, outage=met, cause="log interval", cause_us=300_000_000)
    rows = [replace(service, data_loss=met, outage=met), loud, quiet, replace(quiet, database="c")]
    summary = replace(found[1], standings=rows)
    line = SlaLine("e", "exposure.p99", True, 1, database=quiet.database)
    judged = [Judged(line, Outcome.FAIL, 2, "us")]
    assert " of loud is " in why_and_help(summary, scenario)[0]
    why, helps = why_and_help(summary, scenario, judged)
    assert f' of {quiet.database} is "log interval"' in why
    assert f"(databases.{quiet.database}.log)" in helps


def test_no_remedy_is_named_that_is_set_already_or_is_none() -> None:
    """A full disk or an empty backup is no matter of the disk's speed, and who bridges holes is not
    told to bridge them.
    """
    bridge = load_scenario(SCENARIOS / "quickstart.yaml", ["replay.on_hole=bridge"])
    resync = load_scenario(SCENARIOS / "quickstart.yaml", ["replay.on_hole=resync"])
    for cause in (
        "log backup failed (event 1)",
        "empty log backups (event 1)",
        "log backup refused",
    ):
        assert remedy(cause, bridge) is None
    assert "primary.log.rate" in helped("log backup", bridge)
    assert "replay.age" in helped("hole in the chain (event 1)", bridge)
    assert "replay.on_hole: bridge" in helped("hole in the chain (event 1)", resync)


def helped(cause: str, scenario: Scenario) -> str:
    found = remedy(cause, scenario)
    assert found is not None
    return found.helps


def test_no_rule_of_sharing_helps_an_overloaded_link() -> None:
    scenario = load_scenario(SCENARIOS / "quickstart.yaml")
    found = remedy("queued", scenario, overloaded=True)
    assert found is not None and "sharing" not in found.helps and "link.bandwidth" in found.helps


def test_a_missed_outage_has_its_own_reason(
    found: tuple[list[DatabaseStanding], Summary],
) -> None:
    """The data loss is met, the outage is not: its longest phase is named, and what helps there."""
    summary = replace(found[1])
    missed = TargetMet(3_600_000_000, 60_000_000, "fail")
    met = TargetMet(1, 2, "pass")
    summary.standings = [replace(r, data_loss=met, outage=missed) for r in summary.standings]
    phases = {"detect": 10_000_000, "decide": 50_000_000, "fence": 5_000_000}
    summary.failovers = [replace(summary.failovers[0], phases_us=phases)]
    asked = load_scenario(SCENARIOS / "quickstart.yaml", ["failover.mode=manual"])
    automatic = load_scenario(SCENARIOS / "quickstart.yaml")
    *_, why, helps = why_and_help(summary, asked)
    assert why == 'Why: most of the outage is "decide" (0:50): somebody had to decide.'
    assert "failover.mode: automatic" in helps
    assert "failover.mode" not in why_and_help(summary, automatic)[-1]
    summary.standings = [replace(r, outage=met) for r in summary.standings]
    assert not any("outage" in line for line in why_and_help(summary, asked))


DRAINS = """\
run_for: 8 h
databases: {dw: {size: 200 GB, log_volume: 50 MB per 5 min, full: none, incremental: none}}
link: {bandwidth: 1 Gbit/s}
failover: {mode: automatic, drain_limit: 1 h, restore_limit: 2 h}
events: [WHAT, {at: 5 h 1 min, lose: host}]
"""


@pytest.mark.parametrize(
    ("what", "why", "helps"),
    [
        (
            "{at: 2 h 9 min, slow_restore: {by: 100000, duration: 2 min}}",
            "a restore hung until it was ended",
            "failover.restore_limit",
        ),
        (
            "{at: 1 h 2 min, restore_job_off: {duration: 5 h}}",
            "what had landed and waited was restored",
            "secondary.restore_rate",
        ),
        (
            "{at: 4 h, link_outage: 3 h}",
            "the last backups were still on the way",
            "failover.drain_limit",
        ),
    ],
)
def test_a_long_drain_is_explained_by_what_it_was_spent_on(
    what: str, why: str, helps: str, tmp_path: Path
) -> None:
    path = tmp_path / "drain.yaml"
    path.write_text(DRAINS.replace("WHAT", what), encoding="utf-8")
    scenario = load_scenario(path, ["failover.redirect.switch=1 s", "sla=[{outage: at most 1 s}]"])
    summary = run(scenario).summary
    *_, said, help_ = why_and_help(summary, scenario)
    assert said.endswith(f": {why}.") and 'the outage is "drain"' in said
    assert helps in help_


OWN_LINES = """\
name: own
run_for: 8 h
databases:
  quiet: {size: 1 GB, full: none, incremental: none}
  slow: {size: 1 GB, full: none, incremental: none, log: every 30 min}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
events: [{at: 6 h 1 min, lose: site}]
sla:
  - {data_loss: at most 2 h}
  - {data_loss: at most 1 s, database: quiet}
  - {exposure_before.p99: at most 10 min, database: slow}
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Result:
    path = tmp_path_factory.mktemp("own") / "own.yaml"
    path.write_text(OWN_LINES, encoding="utf-8")
    return run(load_scenario(path))


def test_a_line_of_one_database_is_told_beside_a_service_that_meets_its_own(own: Result) -> None:
    service, *rows = own.summary.standings
    assert service.data_loss.outcome == "pass"
    by_name = {row.database: row for row in rows}
    assert by_name["quiet"].data_loss.outcome == "fail"
    said = standing_table(own.summary)[-1]
    assert said.strip() == (
        "service: judged by the lines for the whole service; quiet misses a line of its own"
    )
    assert by_name["slow"].misses == ["exposure_before.p99"]
    assert own_targets([service, by_name["slow"]]) == ""


def test_a_missed_line_on_exposure_says_that_it_counts_the_time_after_the_failure(
    own: Result,
) -> None:
    service, *rows = own.summary.standings
    assert rows[0].after.max_us is not None
    assert not any("whole run" in note for note in standing_notes([service, *rows]))
    missed = replace(rows[0], misses=["exposure.max"])
    assert any("counts the whole run" in note for note in standing_notes([service, missed]))
    before = replace(rows[0], misses=["exposure_before.max"])
    assert not any("whole run" in note for note in standing_notes([service, before]))


def test_a_missed_exposure_is_explained_where_it_was_that_and_not_by_the_loss(
    own: Result,
) -> None:
    """Its data loss meets every line: what was lost is not what the line is about."""
    (row,) = [row for row in own.summary.standings if row.database == "slow"]
    assert (row.explained, row.cause) == ("exposure_before.p99", "log interval")
    assert row.explained_us is not None and 29 < row.explained_us / MINUTE_US < 31
    said = why_and_help(own.summary, own.scenario, own.verdict.lines)
    assert any('the exposure_before.p99 of slow is "log interval"' in line for line in said)
    assert "What would help: a shorter log interval (databases.slow.log)." in said


THREE = """\
name: three
run_for: 4 h
databases:
  quiet: {size: 1 GB, full: none, incremental: none}
  slow: {size: 1 GB, full: none, incremental: none, log: every 30 min}
  slower: {size: 1 GB, full: none, incremental: none, log: every 60 min}
link: {bandwidth: 100 Mbit/s}
sla: {exposure.max: at most 10 min, exposure.p99: at most MOST}
"""


@pytest.mark.parametrize(
    ("most", "missed"),
    [("2 h", ["exposure.max"]), ("20 min", ["exposure.max", "exposure.p99"])],
)
def test_every_database_that_misses_a_line_of_the_service_is_marked(
    tmp_path: Path, most: str, missed: list[str]
) -> None:
    """Not only the one with the highest exposure: else the others look as if they met it."""
    path = tmp_path / "three.yaml"
    path.write_text(THREE.replace("MOST", most), encoding="utf-8")
    _, *rows = run(load_scenario(path)).summary.standings
    found = {row.database: row.misses for row in rows}
    assert found == {"quiet": [], "slow": missed, "slower": missed}


@pytest.mark.parametrize("first", ["loud", "quiet", "slow"])
def test_of_equal_losses_the_database_that_the_failover_names_is_the_worst(
    found: tuple[list[DatabaseStanding], Summary], first: str
) -> None:
    """The others have a higher exposure, which decides only where no failover names one."""
    rows = [replace(found[0][1], database=name, misses=[]) for name in ("loud", "quiet", "slow")]
    calm = replace(rows[0].before, max_us=0)
    rows = [replace(r, before=calm, after=calm) if r.database == first else r for r in rows]
    assert max(rows, key=lambda row: _badness(row, first)).database == first
    assert max(rows, key=lambda row: _badness(row, "")).database != first


def test_a_larger_loss_is_worse_than_the_one_that_the_failover_names(
    found: tuple[list[DatabaseStanding], Summary],
) -> None:
    row = found[0][1]
    more = replace(row.data_loss, value_us=(row.data_loss.value_us or 0) + MINUTE_US)
    larger = replace(row, database="larger", data_loss=more)
    assert _badness(larger, row.database) > _badness(row, row.database)


ONE_OF_TWO = """
run_for: 2 h
machines: [sql1, sql2]
databases: {crm: {size: 5 GB, on: sql1}, web: {size: 5 GB, on: sql2}}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic, machines_silent: SILENT}
events: [{at: 60 min, lose: {what: host, machine: sql1}}]
sla: {outage: at most 1 min}
"""


@pytest.mark.parametrize(("silent", "told"), [("all", True), ("1", False)])
def test_a_failover_that_needs_more_silent_machines_is_not_helped_by_heartbeats(
    silent: str, told: bool, tmp_path: Path
) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(ONE_OF_TWO.replace("SILENT", silent), encoding="utf-8")
    scenario = load_scenario(path)
    words = "\n".join(why_and_help(run(scenario).summary, scenario))
    assert ("failover.machines_silent" in words) == told
    if told:
        assert "heartbeats" not in words


def test_a_log_that_is_there_and_empty_is_not_said_to_be_missing(tmp_path: Path) -> None:
    """The empty files are here; the log is truncated all the same, so the chain has a hole."""
    path = tmp_path / "empty.yaml"
    path.write_text(
        "run_for: 3 h\nlink: {bandwidth: 200 Mbit/s}\n"
        "databases: {crm: {size: 5 GB, full: none, differential: none, log: every 5 min}}\n"
        "events:\n- at: 64 min\n"
        "  silent_backups: {database: crm, kind: log, duration: 12 min, truncates: true}\n",
        encoding="utf-8",
    )
    result = run(load_scenario(path))
    summary = replace(result.summary, standings=standings(result.whole, result.summary))
    why = why_and_help(summary, load_scenario(path))[0]
    assert "hole in the chain (event 1)" in why
    assert "a backup was missing or of no use, and those after it could not be restored" in why
