"""The first table of a screen: each database beside its targets, the worst first, and in two
sentences why, and what would help.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from dr_sim.files.output import argument
from dr_sim.measures.standing import (
    CauseRemedy,
    longest_phase,
    outage_remedy,
    remedy,
)
from dr_sim.measures.summary.types import (
    DatabaseStanding,
    Summary,
    TargetMet,
)
from dr_sim.measures.verdict import Outcome
from dr_sim.scenario.model import Scenario
from dr_sim.units import clock

MOST_ROWS = 12
_WIDEST_NAME = 24
NOT_MET = {"fail", "unknown"}


def standing_table(summary: Summary) -> list[str]:
    """The service and the worst databases; nothing where there is only one."""
    rows = summary.standings
    if len(rows) <= 2:
        return []
    shown = rows[: 1 + MOST_ROWS]
    wide = min(_WIDEST_NAME, max(len(row.database) for row in shown))
    wide = max(wide, len("service"))
    out = [
        "DATABASES  worst first; exposure (site): p50, p99, max before the first failure, then max",
        f" {'':<{wide}}  {'data loss':<15} {'outage':<15} {'p50':>7}  {'p99':>7}  {'max':>7}"
        f"  {'then':>7}  {'lag p99':>7}  {'alerts':>7}  worst cause",
    ]
    for row in shown:
        name = row.database or "service"
        cut = name if len(name) <= wide else f"{name[: wide - 1]}…"
        missed = (
            f" ({row.alerts_missed} missed)" if row.alerts_missed else ""
        )
        out.append(
            f" {cut:<{wide}}  {_target(row.data_loss):<15} {_target(row.outage):<15}"
            f" {_time(row.before.p50_us):>7}  {_time(row.before.p99_us):>7}"
            f"  {_time(row.before.max_us):>7}  {_time(row.after.max_us):>7}"
            f"  {_time(row.lag.p99_us):>7}  {row.alerts_raised:>7,}  {row.cause}{missed}"
        )
    if len(rows) > len(shown):
        out.append(
            f" {len(rows) - len(shown)} more; the page shows all of them"
        )
    return out


def why_and_help(summary: Summary, scenario: Scenario) -> list[str]:
    """One sentence on why the worst number is what it is, and one on what would help; of the
    outage too where its target is not met.
    """
    rows = summary.standings
    if not rows:
        return []
    out = _of_the_loss(rows, scenario)
    if {row.outage.outcome for row in rows} & NOT_MET:
        out += _of_the_outage(summary, scenario)
    return out


def how_to_meet(
    outcomes: Iterable[Outcome], file: str, runs: int = 1
) -> list[str]:
    """Name the command that tells which changes meet an SLA that is missed: it plays many runs, so
    nobody has it played unasked. outcomes: of the SLA's lines.
    """
    if Outcome.FAIL not in outcomes:
        return []
    command = f"dr-sim advise {argument(file)}"
    if runs > 1:
        command += f" --replications {runs}"
    return [f"`{command}` tells which changes would meet the SLA."]


def scenario_file(
    scenario: Scenario, source: Path | None, folder: Path | None
) -> str:
    """Return a file that makes these results: the one in their folder, which holds what was
    overridden, too.
    """
    if folder is not None:
        return str(folder / "scenario.yaml")
    return f"{scenario.name}.yaml" if source is None else str(source)


def _of_the_loss(
    rows: Sequence[DatabaseStanding], scenario: Scenario
) -> list[str]:
    service = rows[0]
    if not service.cause or service.cause_us is None:
        return []
    worst = rows[1]
    lost = worst.data_loss.value_us
    peak = max(worst.before.max_us or 0, worst.after.max_us or 0)
    number = "the data loss" if lost else "the highest exposure"
    of = f" of {worst.database}" if len(rows) > 2 else ""
    part = _part(service.cause_us, lost or peak)
    known = remedy(service.cause, scenario)
    what = f": {known.what}" if known else ""
    out = [
        f"Why: {part} {number}{of} is {service.cause} "
        f"({clock(service.cause_us)}){what}."
    ]
    missed = {row.data_loss.outcome for row in rows} & NOT_MET
    if known and (missed or not lost):
        out.append(_help(known))
    return out


def _of_the_outage(summary: Summary, scenario: Scenario) -> list[str]:
    """The longest outage; one that was not over by the end of the run, if there is any."""
    worst = max(
        summary.failovers,
        key=lambda f: math.inf if f.outage_us is None else f.outage_us,
    )
    found = longest_phase(worst)
    if found is None:
        return []
    phase, us = found
    part = _part(us, sum(worst.phases_us.values()))
    known = outage_remedy(phase, scenario, worst)
    what = f": {known.what}" if known else ""
    words = phase.replace("_", " ")
    why = f"Why: {part} the outage is {words} ({clock(us)}){what}."
    return [why, _help(known)] if known else [why]


def _part(us: int, of_us: int) -> str:
    return "most of" if 2 * us > of_us else "the largest part of"


def _help(known: CauseRemedy) -> str:
    return f"What would help: {known.helps}."


def _target(target: TargetMet) -> str:
    if target.value_us is None and target.outcome == "none":
        return "–"
    value = "unknown" if target.value_us is None else clock(target.value_us)
    outcome = "" if target.outcome == "none" else target.outcome.upper()
    return f"{value:>7} {outcome}".rstrip()


def _time(us: int | None) -> str:
    return "–" if us is None else clock(us)
