"""Predicted beside observed: the model with this machine's measured costs, and the real engine by
the clock.

For each scenario the costs of its engine replace its own, it is played on the model,
and on the real engine with durations measured. The costs are those of a file that `dr-sim
calibrate` wrote, or measured just before and just after the real engine's run: a machine that has
other work is not the same a few minutes later. What the clock decides is compared quantity by
quantity; everything that the scenario fixes (detection, the fence, users' redirection) is the same
by construction and kept out of the median. Data loss must be the same to the microsecond wherever
no operation's duration decides it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from dr_sim.backups.model import Kind
from dr_sim.calibrate.calibration import Measured, measure
from dr_sim.errors import input_error
from dr_sim.loading import load_scenario
from dr_sim.record.journal import Journal
from dr_sim.runs.run import Result, run
from dr_sim.scenario.model import Scenario

WORSE_THAN = 0.15
ROUNDS_A_LOOK = 2
BY_THE_CLOCK = ("drain", "recover")
"""Phases of an outage that operations of the engine make up; the others are the scenario's."""


@dataclass(slots=True)
class Compared:
    """One quantity of one scenario, microseconds; None: unknown. clocked: the clock decides it."""

    scenario: str
    quantity: str
    predicted_us: int | None
    observed_us: int | None
    clocked: bool

    @property
    def error(self) -> float | None:
        """Relative to what was observed; None if that is nothing or unknown."""
        if self.predicted_us is None or not self.observed_us:
            return None
        return (self.predicted_us - self.observed_us) / self.observed_us


class MeasuredCosts(Protocol):
    def overrides(self, scale: int) -> list[str]:
        """Return `--set` texts for a scenario whose databases are `scale` times larger than they
        lie on disk.
        """


class _Measuring:
    """Holds what an engine costs here around now: each look is good for the run before it and for
    the one after it.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last: dict[str, Measured] = {}

    def look(self, engine: str) -> Measured:
        self._say(f"measuring what {engine} costs on this machine")
        found = self._last[engine] = measure(engine, rounds=ROUNDS_A_LOOK)
        return found

    def last(self, engine: str) -> Measured:
        return self._last.get(engine) or self.look(engine)


def compare(
    paths: Iterable[Path],
    say: Callable[[str], None] = lambda text: None,
    stored: Mapping[str, MeasuredCosts] | None = None,
) -> list[Compared]:
    """All quantities of these scenarios. stored: costs by engine; measured here if missing. Raises
    InputError, ServerError.
    """
    scenarios = [(path, load_scenario(path)) for path in paths]
    for path, scenario in scenarios:
        if scenario.engine.kind == "model":
            what = (
                "names no real engine to compare the model with; write engine: {kind: sqlite} "
                "or {kind: postgres}"
            )
            raise input_error(str(path), what)
    kinds = sorted({scenario.engine.kind for _, scenario in scenarios})
    for engine in stored or {}:
        if engine not in kinds:
            what = (
                f"no scenario here runs on {engine}, only on {' and '.join(kinds)}; give the "
                "costs of that, or leave them out"
            )
            raise input_error("--costs", what)
    measuring = _Measuring(say)
    out: list[Compared] = []
    for path, scenario in scenarios:
        kind = scenario.engine.kind
        costs = (stored or {}).get(kind)
        before = measuring.last(kind) if costs is None else None
        say(f"{path}: observed on {kind}")
        observed = run(load_scenario(path, timing="measured"))
        if costs is None:
            assert before is not None
            costs = (before + measuring.look(kind)).costs()
        predicted = run(
            load_scenario(
                path,
                costs.overrides(scenario.engine.scale),
                engine="model",
                timing="modelled",
            )
        )
        out += _quantities(scenario, predicted, observed)
    return out


def _quantities(
    scenario: Scenario, predicted: Result, observed: Result
) -> list[Compared]:
    pairs: list[tuple[str, Any, Any, bool]] = []
    p, o = predicted.summary, observed.summary
    for before, after in zip(p.failovers, o.failovers, strict=False):
        pairs.append(
            ("data loss", before.data_loss_us, after.data_loss_us, False)
        )
        for phase, us in after.phases_us.items():
            if us or before.phases_us[phase]:
                pairs.append(
                    (
                        f"outage: {phase.replace('_', ' ')}",
                        before.phases_us[phase],
                        us,
                        phase in BY_THE_CLOCK,
                    )
                )
        pairs.append(("outage", before.outage_us, after.outage_us, False))
    for quantile in ("p50", "p99", "max"):
        pairs.append(
            (
                f"replay lag {quantile}",
                p.replay_lag.statistic(quantile),
                o.replay_lag.statistic(quantile),
                False,
            )
        )
    one, two = _spans(predicted.journal), _spans(observed.journal)
    for what in two:
        if what in one:
            pairs.append(
                (
                    what,
                    round(median(one[what])),
                    round(median(two[what])),
                    True,
                )
            )
    return [Compared(scenario.name, *pair) for pair in pairs]


def _spans(journal: Journal) -> dict[str, list[int]]:
    """Return how long each backup and each restore took, and from a backup's begin until it was
    restored, by what it was.
    """
    begun: dict[int, tuple[int, int]] = {}
    handed_us: dict[int, int] = {}  # by database: it restores one at a time
    spans: dict[str, list[int]] = {}
    for row in journal.rows(
        "truth.backup_begin",
        "truth.backup_finished",
        "seen.Restore",
        "truth.restored",
    ):
        if row.kind == "seen.Restore":
            handed_us[row.entity] = row.time_us
            continue
        file = row.values["file"]
        if row.kind == "truth.backup_begin":
            begun[file] = (row.time_us, row.values["kind"])
            continue
        at_us, kind = begun[file]
        word = Kind(kind).word
        if row.kind == "truth.backup_finished":
            spans.setdefault(f"{word} backup", []).append(
                row.time_us - at_us
            )
            continue
        spans.setdefault(f"{word} restore", []).append(
            row.time_us - handed_us[row.entity]
        )
        spans.setdefault(
            f"{word}: from its begin until restored", []
        ).append(row.time_us - at_us)
    return spans


def median_error(compared: Iterable[Compared]) -> float | None:
    """Return the median of the relative errors, without their sign, of what the clock decides; None
    if there is none.
    """
    errors = [
        abs(c.error) for c in compared if c.clocked and c.error is not None
    ]
    return median(errors) if errors else None


def table(compared: list[Compared]) -> str:
    """Predicted beside observed, with the errors of what the clock decides and their median."""
    lines: list[str] = []
    shown = ""
    for c in compared:
        if c.scenario != shown:
            shown = c.scenario
            lines += [
                *([""] if lines else []),
                f"{shown:<44} {'predicted':>14} {'observed':>14}   error",
            ]
        lines.append(
            f"  {c.quantity:<42} {_time(c.predicted_us):>14} {_time(c.observed_us):>14}   "
            f"{_error(c)}".rstrip()
        )
    found = median_error(compared)
    worse = [
        c
        for c in compared
        if c.clocked and c.error is not None and abs(c.error) > WORSE_THAN
    ]
    count = sum(c.clocked and c.error is not None for c in compared)
    middle = "unknown" if found is None else f"{found:.1%}"
    lines += [
        "",
        f"median error of the {count} that the clock decides: {middle}; {len(worse)} of "
        f"them worse than {WORSE_THAN:.0%}",
    ]
    return "\n".join(lines)


def _time(us: int | None) -> str:
    if us is None:
        return "unknown"
    return (
        f"{us / 1e6:.4g} s"
        if us >= 10**6 or not us
        else f"{us / 1e3:.3g} ms"
    )


def _error(c: Compared) -> str:
    if not c.clocked:
        return (
            "as written"
            if c.predicted_us == c.observed_us
            else ""
            if c.error is None
            else f"({c.error:+.2%})"
        )
    return "-" if c.error is None else f"{c.error:+.1%}"
