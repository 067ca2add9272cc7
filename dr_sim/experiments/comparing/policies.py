"""Policies side by side: scenarios run under the same random events, a row each, our alerts and the
incumbent's held against one danger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dr_sim.errors import DrSimError
from dr_sim.errors.bugs import Broken, broken_by
from dr_sim.loading import load_each, load_scenario
from dr_sim.measures.alerts.alerts import (
    MONITOR,
    Alert,
    AlertQuality,
    judge,
    raised,
)
from dr_sim.measures.alerts.incumbent import judge_incumbent
from dr_sim.runs.run import Result, run
from dr_sim.scenario.model import Scenario
from dr_sim.units import clock

HEADS = (
    "policy",
    "exposure mean",
    "p99",
    "max",
    "in danger",
    "sent",
    "told in time",
    "false",
    "built-in: in time",
    "false",
)


def policy_table(
    paths: Iterable[Path],
    overrides: Sequence[str] = (),
    seed: int | None = None,
    broken: list[Broken] | None = None,
    played: Callable[[Scenario], Scenario] = lambda scenario: scenario,
) -> str:
    """A table of the scenarios in these files, each run once with the same seed: by default that of
    the first. In danger: the part of the time in which true exposure was above danger.above.
    broken: takes the errors of scenarios that ended in one; the others continue. Without it such an
    error is raised. played: makes of each what is to be played (every fast path off, another
    manager).
    """
    lines = []
    for scenario in _alike_seeded(list(paths), overrides, seed):
        try:
            result = run(played(scenario))
        except DrSimError:
            raise
        except Exception as error:
            if broken is None:
                raise
            broken.append(broken_by(error, manager=scenario.manager))
            lines.append(
                (scenario.name, "BROKEN", *[""] * (len(HEADS) - 2))
            )
            continue
        exposure = result.summary.exposure
        first = result.whole.legs[0].journal
        in_danger = exposure.above[scenario.danger_us].ppm
        lines.append(
            (
                scenario.name,
                *(
                    clock(us or 0)
                    for us in (
                        exposure.mean_us,
                        exposure.p99_us,
                        exposure.max_us,
                    )
                ),
                f"{in_danger / 10_000:.2f} %",
                f"{result.summary.link.bytes_sent / 1e9:.0f} GB",
                *_told(
                    judge(first, scenario, _managers(result)),
                    judge_incumbent(first, scenario),
                ),
            )
        )
    return _markdown(lines)


def _alike_seeded(
    paths: Sequence[Path], overrides: Sequence[str], seed: int | None
) -> list[Scenario]:
    """Load all before the first is played, each with the same seed."""
    loaded = load_each(
        paths, lambda path: load_scenario(path, overrides, seed)
    )
    if seed is None and loaded:
        return _alike_seeded(paths, overrides, loaded[0].seed)
    return loaded


def _managers(result: Result) -> list[Alert]:
    """The recovery manager's own alerts: the monitor beside it has the incumbent's thresholds,
    which are judged by themselves.
    """
    return [
        alert
        for alert in raised(result.whole.legs[0].journal, result.scenario)
        if alert.source != MONITOR
    ]


def _told(ours: AlertQuality, theirs: AlertQuality) -> tuple[str, ...]:
    """Return how many of the dangers that lasted were reported before they fell due, and how many
    alerts were for nothing.
    """
    return tuple(
        text
        for q in (ours, theirs)
        for text in (
            f"{q.due - q.missed - q.late} of {q.due}",
            str(q.false),
        )
    )


def _markdown(lines: list[tuple[str, ...]]) -> str:
    columns = zip(HEADS, *lines, strict=True)
    widths = [max(map(len, column)) for column in columns]

    def row(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return (
            "| "
            + " | ".join(
                [
                    first[0].ljust(first[1]),
                    *(cell.rjust(width) for cell, width in rest),
                ]
            )
            + " |"
        )

    rule = (
        "| "
        + " | ".join(
            [
                "-" * widths[0],
                *("-" * (width - 1) + ":" for width in widths[1:]),
            ]
        )
        + " |"
    )
    return "\n".join([row(HEADS), rule, *(row(line) for line in lines)])
