"""The pytest plugin in sessions of its own: off unless asked for, a test for each SLA line, ids
that say where.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import dr_sim.api  # noqa: F401 - a session in this process would otherwise load numpy anew, and more than once
from dr_sim.errors.bugs import EXIT_BUG
from tests.experiments.worlds import SMALL

pytest_plugins = ["pytester"]

QUIET = SMALL.partition("faults:")[0]  # no failure, no fault: exposure is 302 s at most
LINES = """\
sla:
  - {id: peak, exposure.max: at most 6 min}
  - {id: typical, exposure.p99: at most 1 min}
  - {outage: at most 5 min}
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with a scenario, a YAML file that is none, and a test."""
    monkeypatch.setenv("PYTEST_PLUGINS", "dr_sim.pytest_plugin")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    (pytester.path / "s.yaml").write_text(QUIET + LINES)
    (pytester.path / "workflow.yml").write_text("on: push\n")
    pytester.makepyfile(test_nothing="def test_nothing(): pass")
    return pytester


def run(session: pytest.Pytester, *arguments: str, apart: bool = False) -> pytest.RunResult:
    """A session in this process, or apart in one of its own, which takes seconds to start."""
    begin = session.runpytest_subprocess if apart else session.runpytest_inprocess
    return begin("-p", "no:cacheprovider", *arguments)


def test_without_the_option_nothing_is_collected_or_imported(session: pytest.Pytester) -> None:
    session.makepyfile(
        test_nothing="""
        import sys
        def test_nothing():
            heavy = {"numpy", "simpy", "dr_sim.scenario", "dr_sim.api", "ruamel"} & set(sys.modules)
            assert not heavy
        """
    )
    result = run(session, apart=True)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*s.yaml*")


@pytest.mark.parametrize("by", ["option", "ini"])
def test_each_line_of_the_sla_is_a_test(session: pytest.Pytester, by: str) -> None:
    if by == "ini":
        session.makeini("[pytest]\ndr_sim = true\n")
    result = run(session, "-rA", *(["--dr-sim"] if by == "option" else []))
    # one is the Python test; no failover happened: unknown is not pass
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines_random([
        "PASSED s.yaml::peak: exposure.max at most 6:00",
        "FAILED s.yaml::typical: exposure.p99 at most 1:00 - FAIL *",
        "FAILED s.yaml::outage at most 5:00 - UNKNOWN *",
        "*s.yaml:9: FAIL*exposure.p99 at most 1:00*", "*s.yaml:10: UNKNOWN*no failover happened*",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_line_of_a_tenant_is_a_test(session: pytest.Pytester) -> None:
    body = QUIET.replace("crm: {", "crm: {tenants: [acme], ")
    (session.path / "s.yaml").write_text(
        body + "sla:\n  - {exposure.max: at most 6 min, tenant: acme}\n  - {alerts_missed: at "
        "most 0, tenant: acme}\n"
    )
    result = run(session, "-rA", "--dr-sim", "s.yaml")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(
        [
            "PASSED s.yaml::exposure.max acme at most 6:00",
            "PASSED s.yaml::alerts_missed acme at most 0",
        ]
    )


def test_a_line_is_run_by_its_id(session: pytest.Pytester) -> None:
    run(session, "--dr-sim", "s.yaml::peak: exposure.max at most 6:00").assert_outcomes(passed=1)


def test_a_missed_line_fails_and_an_unknown_one_may_be_skipped(session: pytest.Pytester) -> None:
    missed = QUIET + "on_unknown: warn\n" + LINES.replace("6 min", "5 min")
    (session.path / "s.yaml").write_text(missed)
    result = run(session, "--dr-sim")
    result.assert_outcomes(passed=1, failed=2, skipped=1)
    result.stdout.fnmatch_lines(["*s.yaml:9: FAIL*peak: exposure.max at most 5:00*"])


def test_a_mistake_in_a_scenario_is_an_error_with_its_line(session: pytest.Pytester) -> None:
    (session.path / "s.yaml").write_text(QUIET + "lnk: {}\n")
    result = run(session, "--dr-sim")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*s.yaml:7:1: unknown key 'lnk'; did you mean 'link'?*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_more_replications_decide_what_one_cannot(session: pytest.Pytester) -> None:
    (session.path / "s.yaml").write_text(
        QUIET + LINES.replace("exposure.p99: at most 1 min", "alerts_missed.p50: at most 0")
    )
    typical = "s.yaml::typical: alerts_missed.p50 at most 0"
    run(session, "--dr-sim", typical).assert_outcomes(failed=1)
    result = run(session, "--dr-sim", "--dr-sim-replications", "25")
    result.assert_outcomes(passed=3, failed=1)


def test_fixtures_build_worlds_and_measure_them(session: pytest.Pytester) -> None:
    session.makepyfile(
        test_nothing=f"""
        TEXT = {SMALL!r}
        def test_one(dr_sim_scenario, dr_sim_run):
            run = dr_sim_run(dr_sim_scenario("s.yaml", "link.bandwidth=1 Gbit/s"))
            assert 300_000_000 < run.summary.exposure.max_us < 303_000_000
        def test_many(dr_sim_scenario, dr_sim_replicate):
            found = dr_sim_replicate(dr_sim_scenario(TEXT, seed=3), 4)
            assert found.n == 4 and found.scenario.seed == 3
            assert set(found.measures["replication"]) == {{0, 1, 2, 3}}
        """
    )
    run(session).assert_outcomes(passed=2)


@pytest.mark.skipif("xdist" not in sys.modules, reason="pytest-xdist is not loaded")
@pytest.mark.long
def test_beside_xdist(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_PLUGINS", "dr_sim.pytest_plugin,xdist.plugin")
    run(session, "--dr-sim", "-n", "2", apart=True).assert_outcomes(passed=2, failed=2)


def test_a_bug_is_no_missed_sla(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session leaves with a code of its own, and says where the traceback is."""
    monkeypatch.setattr("tempfile.tempdir", str(session.path))

    def broken(scenario: object, number: int) -> object:
        raise KeyError("erp")

    monkeypatch.setattr("dr_sim.experiments.replications.take.take", broken)
    result = run(session, "--dr-sim", "s.yaml")
    assert result.ret == EXIT_BUG
    result.stdout.fnmatch_lines(["*KeyError: 'erp'; a bug in dr_sim*its traceback is in *"])
    monkeypatch.setattr("dr_sim.experiments.replications.until.replicate_until", broken)
    result = run(session, "--dr-sim", "s.yaml")
    assert result.ret == EXIT_BUG
