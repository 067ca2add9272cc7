"""One tenant is restored while the others serve: who is down, who is degraded, and who is neither
(W6).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.sampling import from_summary
from dr_sim.experiments.replications.take import take
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.types import MistakeSummary
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result, run
from dr_sim.screen.distribution import _per_run
from tests.library.runs import HOUR, MINUTE, SCENARIOS, SECOND, ran, rows

BASE = """
run_for: 1 day
databases:
  a: {size: 5 GB, full: none, incremental: none, tenants: [acme, globex]}
  b: {size: 5 GB, full: none, incremental: none, tenants: [globex, initech]}
link: {bandwidth: 1 Gbit/s}
copies: {vault: {store: {}}}
"""
BESIDE = "noticed: 10 min, then: restore_beside, lost: 1 GB"


def played(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def only(result: Result) -> MistakeSummary:
    (mistake,) = result.summary.mistakes
    return mistake


def outcomes(result: Result) -> dict[str, Outcome]:
    return {line.line.id: line.outcome for line in result.verdict.lines}


def test_a_tenant_is_down_while_its_neighbours_serve() -> None:
    """By hand, in the file's head: 1 h, 10 min, 500 GB at 200 MB/s, 121 logs, what is hashed
    meanwhile (12 logs of each database, 0.1 s, on the same device), 20 GB at 50 MB/s.
    """
    result = ran("mistakes/one_tenant")
    mistake = only(result)
    restored_us = HOUR + 10 * MINUTE + 2501 * SECOND + 121 * 1_100_000
    beside_us = mistake.lasted_us - restored_us - 400 * SECOND
    assert 0 < beside_us <= 24 * 100_000 + SECOND
    assert (mistake.tenants, mistake.stopped) == (["acme"], ["acme"])
    assert not (mistake.stops_database or mistake.stops_service)
    assert mistake.degraded_us == mistake.lasted_us
    assert set(outcomes(result).values()) == {Outcome.PASS}
    assert result.summary.failovers == []


def test_many_runs_judge_a_tenant_as_one_run_does() -> None:
    """The other tenant counts with no time at all."""
    result = ran("mistakes/one_tenant")
    sample = from_summary(result.whole, result.summary, result.scenario)
    lasted_us = only(result).lasted_us

    def found(measure: str, database: str, tenant: str) -> list[int | None]:
        return [
            v.high
            for v in sample.values
            if (v.measure, v.database, v.tenant) == (measure, database, tenant)
        ]

    assert found("outage", "", "acme") == [lasted_us]
    assert found("degraded", "", "globex") == [0]
    assert found("degraded", "shard2", "") == [0]
    assert found("degraded", "", "") == [lasted_us]
    assert found("outage", "", "") == []


def test_many_runs_tell_of_mistakes_that_stop_everybody() -> None:
    scenario = load_scenario(SCENARIOS / "incidents/resend_2024_restored_twice.yaml")
    runs = Distribution(scenario, [take(scenario, number) for number in range(2)])
    assert "MISTAKES  nobody could work, in 2 of 2 runs" in "\n".join(_per_run(runs))


def test_a_tenant_with_data_elsewhere_is_degraded_and_not_down(tmp_path: Path) -> None:
    events = f"""
events:
  - {{at: Mon 10:00, mistake: {{database: a, tenants: [globex], stops_users: true, {BESIDE}}}}}
sla:
  - {{id: globex, degraded: at most 1 min, tenant: globex}}
  - {{id: down, outage: at most 1 min, tenant: globex}}
  - {{id: acme, degraded: at most 1 min, tenant: acme}}
"""
    result = played(tmp_path, BASE + events)
    assert only(result).stopped == []
    assert outcomes(result) == {
        "globex": Outcome.FAIL,
        "down": Outcome.UNKNOWN,
        "acme": Outcome.PASS,
    }


def test_a_database_is_down_while_the_service_is_degraded(tmp_path: Path) -> None:
    events = f"""
events:
  - {{at: Mon 10:00, mistake: {{database: a, stops_users: true, {BESIDE}}}}}
sla:
  - {{id: a, outage: at most 1 min, database: a}}
  - {{id: acme, outage: at most 1 min, tenant: acme}}
  - {{id: b, degraded: at most 1 min, database: b}}
  - {{id: service, degraded: at most 1 min}}
  - {{id: not down, outage: at most 1 min}}
"""
    result = played(tmp_path, BASE + events)
    assert only(result).stops_database
    assert outcomes(result) == {
        "a": Outcome.FAIL,
        "acme": Outcome.FAIL,
        "b": Outcome.PASS,
        "service": Outcome.FAIL,
        "not down": Outcome.UNKNOWN,
    }


def test_the_only_database_without_which_nobody_works_is_an_outage(tmp_path: Path) -> None:
    events = f"""
run_for: 1 day
databases: {{a: {{size: 5 GB, full: none, incremental: none}}}}
link: {{bandwidth: 1 Gbit/s}}
copies: {{vault: {{store: {{}}}}}}
events:
  - {{at: Mon 10:00, mistake: {{database: a, stops_users: true, {BESIDE}}}}}
sla: {{outage: at most 1 min, degraded: at most 0 s}}
"""
    result = played(tmp_path, events)
    assert only(result).stops_service
    assert outcomes(result) == {"outage": Outcome.FAIL, "degraded": Outcome.PASS}


def test_users_who_can_go_on_are_never_down(tmp_path: Path) -> None:
    events = f"""
events:
  - {{at: Mon 10:00, mistake: {{database: a, tenants: acme, {BESIDE}}}}}
sla:
  - {{id: degraded, degraded: at most 1 min, tenant: acme}}
  - {{id: down, outage: at most 1 min, tenant: acme}}
"""
    result = played(tmp_path, BASE + events)
    assert outcomes(result) == {"degraded": Outcome.FAIL, "down": Outcome.UNKNOWN}


TWO = f"""
events:
  - {{at: "Mon 10:00", mistake: {{database: a, tenants: acme, stops_users: true, {BESIDE}}}}}
  - {{at: "Mon 10:00:10", mistake: {{database: a, tenants: globex, {BESIDE}}}}}
"""


def test_two_tenants_of_one_database_are_restored_one_after_the_other(tmp_path: Path) -> None:
    """The second one was refused and never restored. People look again after a retry, 5 min."""
    result = played(tmp_path, BASE + TWO)
    first, second = result.summary.mistakes
    assert first.right_us is not None and second.right_us is not None
    assert second.right_us > first.right_us
    servers = [row.time_us for row in rows(result, "seen.GetServerBeside")]
    assert len(servers) == 2
    waited_us = servers[1] - (second.noticed_us or 0)
    assert waited_us % (5 * MINUTE) == 0
    assert 0 <= servers[1] - first.right_us < 5 * MINUTE
    assert result.summary.orders_refused == []


def test_or_side_by_side_at_two_places(tmp_path: Path) -> None:
    places = BASE.replace("{vault: {store: {}}}", "{vault: {store: {}}, other: {store: {}}}")
    result = played(tmp_path, places + TWO)
    assert {m.place for m in result.summary.mistakes} == {"vault", "other"}
    servers = [row.time_us for row in rows(result, "seen.GetServerBeside")]
    assert servers[1] - servers[0] == 10 * SECOND


@pytest.mark.parametrize(
    ("database", "named", "told"),
    [
        ("a", "initech", "'initech' has no data in a"),
        ("b", "glbex", "did you mean 'globex'?"),
    ],
)
def test_a_tenant_without_data_there_is_refused(
    tmp_path: Path, database: str, named: str, told: str
) -> None:
    events = f"events: [{{at: Mon 10:00, mistake: {{database: {database}, tenants: {named}}}}}]\n"
    with pytest.raises(InputError, match=told):
        played(tmp_path, BASE + events)
