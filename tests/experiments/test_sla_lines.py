"""Every measure that an SLA may name, of the service, a database, a tenant and a kind of fault, at
most and at least.

One run in which all of them have a value; each line is held against it with the bound at that value
and one beside it, as `run` judges (verdict.py), and as `check` does, for this run alone and for
sixty alike (experiments/judging/judge.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.experiments.judging.judge import Errors, judge_line
from dr_sim.experiments.replications.sample import Sample
from dr_sim.experiments.replications.sampling import from_summary
from dr_sim.loading import load_scenario
from dr_sim.measures.summary import Summary, summarise
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome, judge
from dr_sim.measures.whole import Whole
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla_measures import (
    PHASES,
    kind_of,
    split,
)
from dr_sim.world.play import play
from tests.at_length import some_or_all

BODY = """\
run_for: 12 h
databases:
  crm: {size: 1 GB, log_volume: 70 kB/s, full: none, incremental: none, tenants: [acme, globex]}
  erp: {size: 1 GB, log_volume: 20 kB/s, full: none, incremental: none, tenants: [acme], log: every 15 min}
  web: {size: 1 GB, log_volume: 10 kB/s, full: none, incremental: none, tenants: [initech]}
link: {bandwidth: 100 Mbit/s, rtt: 30 ms}
danger: {above: 20 min, grace: 10 min}
failover: {mode: automatic, silent_for: 30 s}
after_failover: {new_secondary: 10 min}
events:
  - {at: 1 h, link_outage: 40 min}
  - {at: 3 h, paused_backups: {database: erp, duration: 50 min}}
  - {at: 5 h 7 min 12 s, lose: site}
"""
MEASURES = (
    "data_loss",
    "outage",
    *(f"outage.{phase}" for phase in PHASES),
    "unprotected",
    "alert_delay",
    "writes_refused",
    "exposure.mean",
    "exposure.p50",
    "exposure.p99",
    "exposure.max",
    "exposure.above_15_min",
    "exposure_before.max",
    "replay_lag.mean",
    "replay_lag.p99",
    "replay_lag.max",
    "replay_lag.above_10_min",
    "alerts_missed",
    "alerts_late",
    "alerts_false",
)
ABOUT: tuple[dict[str, str], ...] = (
    {},
    {"database": "erp"},
    {"tenant": "acme"},
    {"tenant": "initech"},
    {"fault": "link_outage"},
    {"class": "site"},
    {"database": "erp", "class": "host"},
    {"tenant": "initech", "class": "database"},
)
EACH = [(measure, about) for measure in MEASURES for about in ABOUT]
EXAMPLE = {"duration": "15 min", "part": "1 %", "count": "0"}


US = 1_000_000
LOST_US = (5 * 3600 + 7 * 60 + 12) * US  # when the site is lost


def refused(measure: str, about: dict[str, str]) -> str:
    """Why there is no such line, '' if there is one."""
    head = measure.split(".")[0]
    of_a_class = ("data_loss", "outage", "exposure", "exposure_before", "unprotected")
    if "class" in about and head not in of_a_class:
        return "is the same for every class"
    return ""


def without_a_value(measure: str, about: dict[str, str]) -> bool:
    """The site is lost, and no host or database."""
    return about.get("class", "site") != "site" and not measure.startswith("exposure")


def written(measure: str, about: dict[str, str]) -> str:
    words = ", ".join(
        f"{key}: {value}"
        for key, value in {measure: f"at most {EXAMPLE[kind_of(measure)]}", **about}.items()
    )
    return f"  - {{{words}}}\n"


@dataclass(slots=True)
class Ran:
    scenario: Scenario
    summary: Summary
    sample: Sample

    def line(self, measure: str, about: dict[str, str]) -> SlaLine:
        wanted = (
            measure,
            about.get("database", ""),
            about.get("tenant", ""),
            about.get("fault", ""),
            about.get("class", ""),
        )
        (line,) = [
            x
            for x in self.scenario.sla
            if (x.measure, x.database, x.tenant, x.fault, x.failure_class) == wanted
        ]
        return line

    def value(self, line: SlaLine) -> int:
        (found,) = judge(self.summary, replace(self.scenario, sla=(line,))).lines
        assert found.value is not None, found.reason
        return found.value


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    path = tmp_path_factory.mktemp("lines") / "s.yaml"
    path.write_text(
        BODY + "sla:\n" + "".join(written(*x) for x in EACH if not refused(*x)), encoding="utf-8"
    )
    scenario = load_scenario(path)
    whole = Whole.of(play(scenario), scenario)
    summary = summarise(whole)
    return Ran(scenario, summary, from_summary(whole, summary, scenario))


@pytest.mark.parametrize(
    "measured",
    some_or_all([x for x in EACH if not refused(*x) and not without_a_value(*x)], 4),
)
def test_a_line_is_met_at_its_value_and_missed_beside_it(
    ran: Ran, measured: tuple[str, dict[str, str]]
) -> None:
    measure, about = measured
    line = ran.line(measure, about)
    value = ran.value(line)
    one = [ran.sample]
    many = [replace(ran.sample, number=i) for i in range(60)]
    tail = split(measure)[1]
    for at_most, bound, outcome in (
        (True, value, Outcome.PASS),
        (True, value - 1, Outcome.FAIL),
        (False, value, Outcome.PASS),
        (False, value + 1, Outcome.FAIL),
    ):
        asked = replace(line, at_most=at_most, bound=bound)
        assert judge(ran.summary, replace(ran.scenario, sla=(asked,))).lines[0].outcome is outcome
        assert judge_line(one, asked, Errors.shared(1, 1)).outcome is outcome
        if tail in ("", "max"):
            assert judge_line(many, asked, Errors.shared(1, 1)).outcome is outcome
        if not tail and kind_of(f"{measure}.p50") == "duration":
            assert (
                judge_line(
                    many, replace(asked, measure=f"{measure}.p50"), Errors.shared(1, 1)
                ).outcome
                is outcome
            )


@pytest.mark.parametrize(("measure", "about"), [x for x in EACH if refused(*x)])
def test_a_line_that_nobody_measures_is_refused(
    tmp_path: Path, measure: str, about: dict[str, str]
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(BODY + "sla:\n" + written(measure, about), encoding="utf-8")
    with pytest.raises(InputError, match=refused(measure, about)):
        load_scenario(path)


@pytest.mark.parametrize(
    ("measure", "about"), [x for x in EACH if not refused(*x) and without_a_value(*x)]
)
def test_a_line_on_a_failure_that_did_not_come_is_unknown(
    ran: Ran, measure: str, about: dict[str, str]
) -> None:
    line = ran.line(measure, about)
    assert (
        judge(ran.summary, replace(ran.scenario, sla=(line,))).lines[0].outcome is Outcome.UNKNOWN
    )
    assert judge_line([ran.sample], line, Errors.shared(1, 1)).outcome is Outcome.UNKNOWN


def test_what_lines_are_about_differs(ran: Ran) -> None:
    """By hand: erp's logs stop for 50 minutes, which is acme's danger and not initech's; the last
    log that landed was begun at 5:05 for all and, since erp's come every 15 minutes, at 5:00 for
    it. After the loss nothing holds their history until the new second side is seeded: that is
    everybody's danger, and no less than the 5:07:12 that went before.
    """
    loss = {
        str(about): ran.value(ran.line("data_loss", about))
        for about in ABOUT
        if about.get("class", "site") == "site"
    }
    assert loss == {
        str({}): 432 * US,
        str({"database": "erp"}): 432 * US,
        str({"tenant": "acme"}): 432 * US,
        str({"tenant": "initech"}): 132 * US,
        str({"fault": "link_outage"}): 432 * US,
        str({"class": "site"}): 432 * US,
    }
    them = ({}, {"tenant": "acme"}, {"tenant": "initech"})
    longest = [ran.value(ran.line("exposure_before.max", about)) for about in them]
    assert min(ran.value(ran.line("exposure.max", about)) for about in them) > LOST_US
    assert longest[0] == longest[1] > 55 * 60 * US > longest[2] > 40 * 60 * US
    assert ran.value(ran.line("outage", {"tenant": "initech"})) > 60 * US


def test_exposure_to_other_failures_is_asked_of_a_database_or_a_tenant(ran: Ran) -> None:
    """erp's logs come every 15 minutes, and lie in the share of its host at once: but for the 50
    minutes' pause, no link outage matters to them. To a lost database nothing is lost while its log
    survives, but after the failover until the new primary, ten minutes later, has a full in its own
    share: all of its history then, as no full of it lies anywhere.
    """
    host = ran.value(ran.line("exposure_before.max", {"database": "erp", "class": "host"}))
    assert 50 * 60 * US < host < 66 * 60 * US
    assert host < ran.value(ran.line("exposure_before.max", {"database": "erp"}))
    survives = {"tenant": "initech", "class": "database"}
    assert (
        ran.value(ran.line("exposure.p50", survives))
        == 0
        < LOST_US + 610 * US
        < ran.value(ran.line("exposure.max", survives))
        < LOST_US + 700 * US
    )


def test_a_database_is_unprotected_until_its_own_copy_is_there_and_the_service_until_all_are(
    ran: Ran,
) -> None:
    """A new secondary after 10 minutes; three fulls of a gigabyte share its link."""
    (failover,) = summary_json(ran.summary)["failovers"]
    each = {of["name"]: of["unprotected_us"] for of in failover["databases"]}
    assert ran.value(ran.line("unprotected", {"database": "erp"})) == each["erp"]
    assert ran.value(ran.line("unprotected", {})) == max(each.values())
    assert ran.value(ran.line("unprotected", {"tenant": "acme"})) == max(each["crm"], each["erp"])
    assert ran.value(ran.line("unprotected", {"tenant": "initech"})) == each["web"]
    assert len(set(each.values())) > 1 and min(each.values()) > 10 * 60 * US
