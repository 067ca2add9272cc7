"""pytest: scenario files as tests, one test an SLA line; fixtures to build worlds and assert on
measures.

    pytest --dr-sim scenarios/             # or `dr_sim = true` in the ini file, for what lies under
    testpaths

Collection is opt-in, so a session without it neither reads YAML nor imports anything of dr_sim but
this file. The id of a test is what its line of the SLA promises
(`scenarios/ci.yaml::rto: outage.p95 at most 10:00`), and its failure says what `dr-sim check` says,
with the place of the line. The fixtures are there without any option:

    def test_a_smaller_link(dr_sim_scenario):
        scenario = dr_sim_scenario("scenarios/ci.yaml", "link.bandwidth=50 Mbit/s")
        assert dr_sim.replicate(scenario, 200).interval("outage.p95").high < 600
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import ReprFileLocation, TerminalRepr

if TYPE_CHECKING:
    from dr_sim.api import Run
    from dr_sim.experiments.judging.judge import LineVerdict
    from dr_sim.experiments.replications.distribution import Distribution
    from dr_sim.experiments.replications.executor import Executor
    from dr_sim.scenario.asked_model import SlaLine
    from dr_sim.scenario.model import Scenario

SUFFIXES = (".yaml", ".yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dr_sim")
    group.addoption(
        "--dr-sim",
        action="store_true",
        help="collect dr_sim scenarios: one test a line of their SLA",
    )
    group.addoption(
        "--dr-sim-replications",
        type=int,
        metavar="N",
        help="of each scenario, in place of what it asks for",
    )
    group.addoption(
        "--dr-sim-workers",
        type=int,
        metavar="N",
        default=1,
        help="processes for each scenario (default: 1)",
    )
    group.addoption(
        "--dr-sim-manager",
        metavar="MODULE:FACTORY",
        default="",
        help="logic of your own in the recovery manager's place, in every scenario",
    )
    parser.addini(
        "dr_sim", "collect dr_sim scenarios", type="bool", default=False
    )


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """A YAML file that is meant as a scenario, if scenarios are asked for."""
    if file_path.suffix not in SUFFIXES:
        return None
    if not (
        parent.config.getoption("--dr-sim")
        or parent.config.getini("dr_sim")
    ):
        return None
    from dr_sim.experiments.judging.check import is_scenario

    return (
        ScenarioFile.from_parent(parent, path=file_path)
        if is_scenario(file_path)
        else None
    )


class ScenarioFile(pytest.File):
    """One scenario. Its replications are played when its first test runs, and shared by all."""

    _found: Distribution | None = None
    scenario: Scenario

    def collect(self) -> Iterable[pytest.Item]:
        from dr_sim.errors import InputError
        from dr_sim.loading import load_scenario

        try:
            self.scenario = _managed(load_scenario(self.path), self.config)
        except InputError as error:
            raise self.CollectError(str(error)) from None
        names = promises(self.scenario.sla)
        for i, name in enumerate(names):
            yield SlaItem.from_parent(self, name=name, index=i)

    def played(self) -> Distribution:
        if self._found is None:
            from dr_sim.experiments.replications import until
            from dr_sim.experiments.replications.replicate import Course

            plan = until.plan_of(
                self.scenario,
                self.config.getoption("--dr-sim-replications"),
            )
            with until.executor(
                self.config.getoption("--dr-sim-workers")
            ) as playing:
                self._found = until.replicate_until(
                    Course(self.scenario), plan, playing, until_judged=True
                )
        return self._found


def promises(lines: Sequence[SlaLine]) -> list[str]:
    """The names of the tests: what each line promises, no two the same."""
    from dr_sim.experiments.judging.words import promise

    names = [promise(line) for line in lines]
    return [
        name if names.count(name) == 1 else f"{name} (line {line.line})"
        for name, line in zip(names, lines, strict=True)
    ]


_BUG = pytest.StashKey[
    bool
]()  # a scenario ended in an error that is no verdict


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A bug is no missed SLA: the session leaves with the exit code of a bug, where it would with
    that of failed tests.
    """
    if (
        session.config.stash.get(_BUG, False)
        and exitstatus == pytest.ExitCode.TESTS_FAILED
    ):
        from dr_sim.errors.bugs import EXIT_BUG

        session.exitstatus = EXIT_BUG


class Missed(Exception):  # noqa: N818  (what a report calls it)
    """An SLA line that is not met, or could not be judged."""


class WhyMissed(TerminalRepr):
    """Why a line is not met: below the test, and in pytest's short summary (which takes it from
    `reprcrash`).
    """

    def __init__(self, file: str, line: int, why: str) -> None:
        self.text = f"{file}:{line}: {why}"
        self.reprcrash = ReprFileLocation(file, line, why)

    def __str__(self) -> str:
        return self.text

    def toterminal(self, tw: Any) -> None:
        tw.line(self.text)


class SlaItem(pytest.Item):
    """One line of a scenario's SLA."""

    def __init__(self, *, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index

    def runtest(self) -> None:
        from dr_sim.experiments.judging.check import broken
        from dr_sim.measures.verdict import Outcome

        file = self.parent
        assert isinstance(file, ScenarioFile)
        found = file.played()
        if found.broken:
            self.config.stash[_BUG] = True
        if told := broken(found):
            raise Missed(f"{told}; trust no number of it")
        verdict = found.verdict[self.index]
        if (
            verdict.outcome is Outcome.UNKNOWN
            and file.scenario.on_unknown == "warn"
        ):
            pytest.skip(_told(verdict))
        if verdict.outcome is not Outcome.PASS:
            raise Missed(_told(verdict))

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,
    ) -> Any:
        from dr_sim.errors import DrSimError
        from dr_sim.errors.bugs import broken_by, told

        if isinstance(excinfo.value, Exception) and not isinstance(
            excinfo.value, (Missed, DrSimError, pytest.fail.Exception)
        ):
            self.config.stash[_BUG] = True
            return f"{told([broken_by(excinfo.value)])}\n{super().repr_failure(excinfo, style)}"
        if isinstance(excinfo.value, Missed):
            file, line, _ = self.reportinfo()
            return WhyMissed(str(file), line + 1, str(excinfo.value))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        file = self.parent
        assert isinstance(file, ScenarioFile)
        line = file.scenario.sla[self.index]
        return (
            Path(line.file or file.path),
            max(0, line.line - 1),
            f"{file.path.name}::{self.name}",
        )


def _told(verdict: LineVerdict) -> str:
    from dr_sim.experiments.judging.words import line_text

    return line_text(verdict).strip()


# ---- fixtures
@pytest.fixture
def dr_sim_scenario(
    request: pytest.FixtureRequest,
) -> Callable[..., Scenario]:
    """dr_sim_scenario(path or YAML text, *overrides): a scenario. A path is taken from the test's
    own folder first, then from pytest's root; a text of several lines is a scenario itself.
    """

    def load(
        source: str | Path, *overrides: str, seed: int | None = None
    ) -> Scenario:
        from dr_sim.loading import load_scenario

        if isinstance(source, str) and "\n" in source:
            folder: Path = request.getfixturevalue("tmp_path")
            path = folder / "scenario.yaml"
            path.write_text(source, encoding="utf-8")
        else:
            near = request.path.parent / source
            path = (
                near if near.exists() else request.config.rootpath / source
            )
        return _managed(
            load_scenario(path, overrides, seed), request.config
        )

    return load


def _managed(scenario: Scenario, config: pytest.Config) -> Scenario:
    """The scenario with the manager that the session asks for."""
    manager = config.getoption("--dr-sim-manager")
    if not manager:
        return scenario
    from dr_sim.world.own_logic import look_here_too, with_manager

    look_here_too()
    return with_manager(scenario, manager)


@pytest.fixture(scope="session")
def _dr_sim_executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Worker processes, started once a session when the first replications are long enough to want
    them.
    """
    from dr_sim.experiments.replications import until

    with until.executor(
        request.config.getoption("--dr-sim-workers")
    ) as playing:
        yield playing


@pytest.fixture
def dr_sim_replicate(
    _dr_sim_executor: Executor,
) -> Callable[..., Distribution]:
    """dr_sim_replicate(scenario, n): its replications, on the session's workers. n: by default what
    the scenario asks for, or --dr-sim-replications.
    """

    def replicate(scenario: Scenario, n: int | None = None) -> Distribution:
        from dr_sim.experiments.replications import until
        from dr_sim.experiments.replications.replicate import Course

        return until.replicate_until(
            Course(scenario), until.plan_of(scenario, n), _dr_sim_executor
        )

    return replicate


@pytest.fixture
def dr_sim_run() -> Callable[..., Run]:
    """dr_sim_run(scenario, seed=None, number=0): one run, whole. AssertionError if an invariant
    broke in it.
    """

    def run(
        scenario: Scenario, seed: int | None = None, number: int = 0
    ) -> Run:
        from dr_sim import api

        found = api.run(scenario, seed, number)
        assert not found.summary.violations, found.summary.violations
        return found

    return run
