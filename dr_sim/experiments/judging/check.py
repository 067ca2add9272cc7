"""Every scenario under some paths, its SLA judged, and held against a baseline: what a build asks.

The scenarios share one pool of workers. The error that may turn a build red by chance, 1 in 1,000,
is that of the whole check: it is shared by all lines, all looks, and all comparisons with the
baseline.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path

from dr_sim.errors import DrSimError, InputError, Problem
from dr_sim.errors.bugs import EXIT_BUG, breaker, broken_by
from dr_sim.experiments.judging.baseline import Baseline, Change, changes
from dr_sim.experiments.judging.judge import LineVerdict, least_runs
from dr_sim.experiments.judging.tolerance import DEFAULT, Tolerance
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.executor import Executor
from dr_sim.experiments.replications.replicate import (
    Course,
    Progress,
    looks,
    play_all,
)
from dr_sim.experiments.replications.until import plan_of, replicate_until
from dr_sim.files.reading import read_regular
from dr_sim.formatting.words import counted
from dr_sim.loading import load_each, load_scenario
from dr_sim.measures.verdict import EXIT_SILENT, EXIT_VIOLATION, Outcome
from dr_sim.scenario.asked_model import Replications
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.reading.tree import MAX_BYTES, parse_yaml

_TELLS = (
    "run_for",
    "databases",
    "extends",
)  # one of them stands in every scenario


class Exit(IntEnum):
    """In the order in which the worse wins."""

    PASS = 0
    UNKNOWN = 3
    FAIL = 1
    SILENT = EXIT_SILENT
    VIOLATION = EXIT_VIOLATION
    BROKEN = EXIT_BUG


@dataclass(slots=True)
class Checked:
    """One scenario's outcome. changes: against the baseline, if it is in there."""

    path: Path
    scenario: Scenario
    distribution: Distribution
    seconds: float
    changes: list[Change] = field(default_factory=list)

    @property
    def regressions(self) -> list[Change]:
        return [c for c in self.changes if c.worse]

    @property
    def outcome(self) -> Outcome:
        return (
            Outcome.FAIL if self.regressions else self.distribution.outcome
        )

    @property
    def exit(self) -> Exit:
        if self.distribution.broken:
            return Exit.BROKEN
        if self.distribution.violations:
            return Exit.VIOLATION
        if self.distribution.silent:
            return Exit.SILENT
        if (
            self.outcome is Outcome.UNKNOWN
            and self.scenario.on_unknown == "warn"
        ):
            return Exit.PASS
        return {
            Outcome.PASS: Exit.PASS,
            Outcome.UNKNOWN: Exit.UNKNOWN,
            Outcome.FAIL: Exit.FAIL,
        }[self.outcome]


@dataclass(slots=True)
class Check:
    """All of them. without: scenarios that promise nothing, so that nothing was run; unmatched: not
    in the baseline.
    """

    checked: list[Checked]
    without: list[Path]
    unmatched: list[Path]
    tolerance: Tolerance | None = (
        None  # of the comparison with a baseline, if there was one
    )

    @property
    def exit_code(self) -> int:
        order = list(Exit)
        return max(
            (c.exit for c in self.checked),
            key=order.index,
            default=Exit.PASS,
        ).value


# ---- which files
def scenario_files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and below folders every YAML file that is meant as a scenario. Raises
    InputError if there is none.
    """
    found: list[Path] = []
    problems = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                p
                for p in path.rglob("*")
                if p.suffix in (".yaml", ".yml") and p.is_file()
            )
            inside = [
                p for p in inside if not _is_hidden(p.relative_to(path))
            ]
            of = [p for p in inside if is_scenario(p)]
            if not of:
                problems.append(
                    Problem(
                        str(path),
                        0,
                        0,
                        "holds no scenario; name files, or a folder with scenarios in it",
                    )
                )
            found += of
        else:
            found.append(path)
    if problems:
        raise InputError(problems)
    return list(dict.fromkeys(found))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def is_scenario(path: Path) -> bool:
    """Return whether a YAML file is meant as one: it says how long to run, on which databases, or
    what it extends.
    """
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
        tree = parse_yaml(text, str(path), [])
    except (OSError, UnicodeDecodeError):
        return False
    return (
        tree is not None
        and isinstance(tree.value, dict)
        and any(key in tree.value for key in _TELLS)
    )


def load_all(
    paths: Iterable[Path],
    overrides: Sequence[str] = (),
    seed: int | None = None,
) -> list[tuple[Path, Scenario]]:
    """Every scenario, or InputError with every mistake in any of them."""
    files = list(scenario_files(paths))
    loaded = load_each(
        files, lambda path: load_scenario(path, overrides, seed)
    )
    return list(zip(files, loaded, strict=True))


def told_before(
    loaded: Iterable[tuple[Path, Scenario]], n: int | None
) -> list[str]:
    """Return a sentence for each scenario with lines on a quantile: how many runs these need to
    pass, and whether it plays as many. n: runs of each, instead of what it asks for.
    """
    out = []
    for path, scenario in loaded:
        plan = plan_of(scenario, n)
        needed = {
            line.measure: least
            for line in scenario.sla
            if (least := least_runs(line, len(looks(plan)))) is not None
        }
        if not needed:
            continue
        most = max(needed.values())
        which = ", ".join(
            f"{counted(least, 'run')} for {measure}"
            for measure, least in needed.items()
        )
        told = f"{path}: needs at least {which} to pass, and plays {_planned(plan)}"
        if plan.at_most < most:
            told += f"; more with --replications {most}, or 'replications: {most}' in the file"
        out.append(told)
    return out


def _planned(plan: Replications) -> str:
    if plan.at_least == plan.at_most:
        return counted(plan.at_most, "run")
    return f"{plan.at_least:,} to {plan.at_most:,} runs"


# ---- the check
@dataclass(frozen=True, slots=True)
class Against:
    """A baseline, and the smallest difference from it that matters."""

    baseline: Baseline
    tolerance: Tolerance = DEFAULT


def check(
    loaded: Sequence[tuple[Path, Scenario]],
    playing: Executor,
    *,
    n: int | None = None,
    budget_us: int | None = None,
    against: Against | None = None,
    progress: Progress | None = None,
) -> Check:
    """n: runs of every scenario, instead of what it asks for; budget_us: for all together, after
    it nobody looks again.
    """
    base = None if against is None else against.baseline
    began = time.monotonic()
    ends = None if budget_us is None else began + budget_us / 1e6
    judged = [
        (p, s)
        for p, s in loaded
        if s.sla or (base is not None and base.has(p))
    ]
    courses = {p: Course(s) for p, s in judged}
    plans = {p: plan_of(s, n) for p, s in judged}
    lines = sum(len(s.sla) for _, s in judged)
    play_all(
        list(courses.values()),
        [plans[p].at_least for p, _ in judged],
        playing,
        progress,
    )
    share = (time.monotonic() - began) / max(1, len(judged))
    done: list[Checked] = []
    for path, scenario in judged:
        started = time.monotonic()
        plan = _within(
            plans[path], None if ends is None else ends - started
        )
        found = _judged(courses[path], plan, playing, progress, lines)
        done.append(
            Checked(
                path, scenario, found, share + time.monotonic() - started
            )
        )
    if against is not None and base is not None:
        asked = sum(base.comparisons(p) for p, _ in judged)
        for item in done:
            if base.has(item.path):
                started = time.monotonic()
                try:
                    item.changes = changes(
                        base,
                        item.path,
                        courses[item.path],
                        playing,
                        asked,
                        against.tolerance,
                    )
                except DrSimError:
                    raise
                except Exception as error:
                    item.distribution = _ended(item.scenario, error)
                item.seconds += time.monotonic() - started
    without = [p for p, s in loaded if p not in courses]
    unmatched = [
        p for p, _ in loaded if base is not None and not base.has(p)
    ]
    return Check(
        done,
        without,
        unmatched,
        None if against is None else against.tolerance,
    )


def _judged(
    course: Course,
    plan: Replications,
    playing: Executor,
    progress: Progress | None,
    lines: int,
) -> Distribution:
    """Return what the replications of one scenario give. An error in judging them is that
    scenario's result, and no other's.
    """
    try:
        found = replicate_until(
            course, plan, playing, progress, until_judged=True, lines=lines
        )
        found.verdict  # noqa: B018 - judged here, where an error concerns this scenario alone
    except DrSimError:
        raise
    except Exception as error:
        return _ended(course.scenario, error)
    return found


def _ended(scenario: Scenario, error: Exception) -> Distribution:
    """Describe a scenario whose numbers could not be had: nothing but the error."""
    return Distribution(
        scenario, [], broken=(broken_by(error, manager=scenario.manager),)
    )


def _within(plan: Replications, left_s: float | None) -> Replications:
    if left_s is None:
        return plan
    left = max(0, int(left_s * 1e6))
    return replace(
        plan,
        budget_us=left
        if plan.budget_us is None
        else min(left, plan.budget_us),
    )


def broken(found: Distribution) -> str:
    """Return what makes every number of a scenario suspect, '' if nothing does."""
    if found.broken:
        return found.told_broken
    if found.violations:
        broken = counted(found.violations, "violation")
        return (
            f"{broken} of an invariant, {breaker(found.scenario.manager)}"
        )
    return (
        f"{counted(found.silent, 'time')} a recovery was silently short of what it claimed"
        if found.silent
        else ""
    )


def place(verdict: LineVerdict, path: Path) -> tuple[str, int]:
    """The file and line of an SLA line, the file as it is seen from here: a base scenario's line is
    in the base.
    """
    file = verdict.line.file or str(path)
    relative = os.path.relpath(file)
    return (file if relative.startswith("..") else relative), max(
        1, verdict.line.line
    )
