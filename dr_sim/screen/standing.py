"""The first table of a screen: each database beside its targets, the worst first, and in two
sentences why, and what would help.
"""

from __future__ import annotations

from dr_sim.measures.standing import ADVISE_TRIES, remedy
from dr_sim.measures.summary.types import Summary, TargetMet
from dr_sim.scenario.model import Scenario
from dr_sim.units import clock

MOST_ROWS = 12
_WIDEST_NAME = 24


def standing_table(summary: Summary) -> list[str]:
    """The service and the worst databases; nothing where there is only one."""
    rows = summary.standings
    if len(rows) <= 2:
        return []
    shown = rows[: 1 + MOST_ROWS]
    wide = min(_WIDEST_NAME, max(len(row.database) for row in shown))
    wide = max(wide, len("service"))
    out = [
        "DATABASES  worst first; exposure (site) before the first failure, and from then on",
        f" {'':<{wide}}  {'data loss':<15} {'outage':<15} {'p50':>7} {'p99':>7} {'max':>7}"
        f" {'then':>7} {'lag p99':>7} {'alerts':>7}  worst cause",
    ]
    for row in shown:
        name = row.database or "service"
        cut = name if len(name) <= wide else f"{name[: wide - 1]}…"
        missed = f" ({row.alerts_missed} missed)" if row.alerts_missed else ""
        out.append(
            f" {cut:<{wide}}  {_target(row.data_loss):<15} {_target(row.outage):<15}"
            f" {_time(row.before.p50_us):>7} {_time(row.before.p99_us):>7}"
            f" {_time(row.before.max_us):>7} {_time(row.after.max_us):>7}"
            f" {_time(row.lag.p99_us):>7} {row.alerts_raised:>7,}  {row.cause}{missed}"
        )
    if len(rows) > len(shown):
        out.append(
            f" {len(rows) - len(shown)} more; all of them stand on the page"
        )
    return out


def why_and_help(summary: Summary, scenario: Scenario) -> list[str]:
    """One sentence on why the worst number is what it is, and one on what would help."""
    rows = summary.standings
    service = rows[0] if rows else None
    if service is None or not service.cause or service.cause_us is None:
        return []
    worst = rows[1].database
    lost = service.data_loss.value_us
    number = "the data loss" if lost else "the highest exposure"
    of = f" of {worst}" if len(rows) > 2 else ""
    out = [
        f"Why: most of {number}{of} is {service.cause} ({clock(service.cause_us)})."
    ]
    helps = remedy(service.cause, scenario)
    missed = {service.data_loss.outcome, service.outage.outcome} & {
        "fail",
        "unknown",
    }
    if helps and (missed or not lost):
        tries = " `dr-sim advise` tries such changes."
        tried = any(key in helps for key in ADVISE_TRIES)
        out.append(f"What would help: {helps}.{tries if tried else ''}")
    return out


def _target(target: TargetMet) -> str:
    if target.value_us is None and target.outcome == "none":
        return "–"
    value = "unknown" if target.value_us is None else clock(target.value_us)
    outcome = "" if target.outcome == "none" else target.outcome.upper()
    return f"{value:>7} {outcome}".rstrip()


def _time(us: int | None) -> str:
    return "–" if us is None else clock(us)
