"""The first table of a screen: each database beside its targets, the worst first, and in two
sentences why, and what would help.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from dr_sim.files.output import argument
from dr_sim.formatting.layout import table_lines
from dr_sim.measures.remedies import (
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
from dr_sim.measures.verdict import Judged, Outcome
from dr_sim.scenario.model import Scenario
from dr_sim.units import clock

MOST_ROWS = 12
_WIDEST_NAME = 24
_HEAD = (
    "",
    "data loss",
    "outage",
    "p50",
    "p99",
    "max",
    "then",
    "lag p99",
    "alerts",
    "worst cause",
)
NOT_MET = {"fail", "unknown"}
MOST_EXPLAINED = (
    3  # causes, each by the worst database that misses a line by it
)
MOST_NAMED = 3  # databases in one sentence
_MEASURES_OF_DATA = ("data_loss", "exposure", "replay_lag")


def standing_table(summary: Summary) -> list[str]:
    """The service and the worst databases; nothing where there is only one."""
    rows = summary.standings
    if len(rows) <= 2:
        return []
    shown = rows[: 1 + MOST_ROWS]
    note = "worst first; exposure (site): p50, p99, max before the first failure, then max"
    cells = [_HEAD, *(_row(row) for row in shown)]
    out = [f"DATABASES  {note}", *table_lines(cells, range(3, 9), indent=1)]
    if len(rows) > len(shown):
        out.append(
            f" {len(rows) - len(shown)} more; the page shows all of them"
        )
    out += [f" {note}" for note in standing_notes(rows)]
    return out


def standing_notes(rows: Sequence[DatabaseStanding]) -> list[str]:
    """Say what a reader of the table of databases would wonder about."""
    return [
        note for note in (own_targets(rows), _over_all_time(rows)) if note
    ]


def _over_all_time(rows: Sequence[DatabaseStanding]) -> str:
    """Say what an SLA line on exposure counts, where the columns part the time at a failure; '' if
    no such line is missed.
    """
    after = any(row.after.max_us is not None for row in rows)
    missed = any(
        re.match(r"exposure\b", name) for row in rows for name in row.misses
    )
    if not (after and missed):
        return ""
    return (
        "an SLA line on exposure counts the whole run, the time after the failure too; the columns "
        "show the two apart"
    )


def _row(row: DatabaseStanding) -> list[str]:
    """Return the cells of one database, or of the service."""
    name = row.database or "service"
    cut = (
        name
        if len(name) <= _WIDEST_NAME
        else f"{name[: _WIDEST_NAME - 1]}…"
    )
    missed = f" ({row.alerts_missed} missed)" if row.alerts_missed else ""
    if row.misses:
        missed += f"; misses {', '.join(row.misses)}"
    return [
        cut,
        _target(row.data_loss),
        _target(row.outage),
        _time(row.before.p50_us),
        _time(row.before.p99_us),
        _time(row.before.max_us),
        _time(row.after.max_us),
        _time(row.lag.p99_us),
        f"{row.alerts_raised:,}",
        f"{row.cause}{missed}",
    ]


def own_targets(rows: Sequence[DatabaseStanding]) -> str:
    """Say whose stricter target is missed where the service meets its own; '' if nobody's is."""
    service = rows[0]
    names = [row.database for row in rows[1:] if _is_stricter(row, service)]
    if not names:
        return ""
    shown = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    also = f" and {more} more" if more > 0 else ""
    one = len(names) == 1
    return (
        f"service: judged by the lines for the whole service; {shown}{also} "
        f"{'misses a line of its own' if one else 'miss lines of their own'}"
    )


def _is_stricter(row: DatabaseStanding, service: DatabaseStanding) -> bool:
    """Tell whether a database misses a target where the service meets its own."""
    pairs = (
        (row.data_loss, service.data_loss),
        (row.outage, service.outage),
    )
    return any(
        its.outcome in NOT_MET and of_all.outcome not in NOT_MET
        for its, of_all in pairs
    )


def why_and_help(
    summary: Summary, scenario: Scenario, judged: Iterable[Judged] = ()
) -> list[str]:
    """One sentence on why the worst number is what it is, and one on what would help; of the
    outage too where its target is not met. judged: the SLA's lines: a database that misses one of
    its own is told of though another has the worst number.
    """
    rows = summary.standings
    if not rows:
        return []
    out: list[str] = []
    missing = _missing(rows, judged)
    for row in _one_a_cause(missing or rows[1:2]):
        known = remedy(row.cause, scenario, summary.link.overloaded)
        out += _of_the_loss(row, known, len(rows) > 2, bool(missing))
    if {row.outage.outcome for row in rows} & NOT_MET:
        out += _of_the_outage(summary, scenario)
    return out


def _missing(
    rows: Sequence[DatabaseStanding], judged: Iterable[Judged]
) -> list[DatabaseStanding]:
    """Return the databases that miss a target, or a line that names them; the worst first."""
    named = {
        j.line.database
        for j in judged
        if j.outcome.name.lower() in NOT_MET and _of_data(j.line.measure)
    }
    return [row for row in rows[1:] if _misses_data(row, named)]


def _misses_data(row: DatabaseStanding, named: Container[str]) -> bool:
    return (
        row.data_loss.outcome in NOT_MET
        or row.database in named
        or any(map(_of_data, row.misses))
    )


def _of_data(measure: str) -> bool:
    return measure.split(".")[0].startswith(_MEASURES_OF_DATA)


def _one_a_cause(
    rows: Sequence[DatabaseStanding],
) -> list[DatabaseStanding]:
    """Return the first of each cause of a measure, and of the first few causes."""
    by_cause: dict[tuple[str, str], DatabaseStanding] = {}
    for row in rows:
        if row.cause and row.cause_us is not None:
            by_cause.setdefault((row.cause, row.explained), row)
    return list(by_cause.values())[:MOST_EXPLAINED]


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
    worst: DatabaseStanding,
    known: CauseRemedy | None,
    several: bool,
    missing: bool,
) -> list[str]:
    """known: what would help against its cause; several: databases, so each is named; missing: it
    misses a target.
    """
    if worst.cause_us is None:
        return []
    about = worst.explained or "data loss"
    of = f" of {worst.database}" if several else ""
    part = _part(worst.cause_us, worst.explained_us or worst.cause_us)
    what = f": {known.what}" if known else ""
    out = [
        f'Why: {part} the {about}{of} is "{worst.cause}" '
        f"({clock(worst.cause_us)}){what}."
    ]
    if known and (missing or about != "data loss"):
        key = f"databases.{worst.database}." if several else "databases.*."
        out.append(_help(known.helps.replace("databases.*.", key)))
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
    why = f'Why: {part} the outage is "{words}" ({clock(us)}){what}.'
    return [why, _help(known.helps)] if known else [why]


def _part(us: int, of_us: int) -> str:
    return "most of" if 2 * us > of_us else "the largest part of"


def _help(helps: str) -> str:
    return f"What would help: {helps}."


def _target(target: TargetMet) -> str:
    if target.value_us is None and target.outcome == "none":
        return "–"
    value = "unknown" if target.value_us is None else clock(target.value_us)
    outcome = "" if target.outcome == "none" else target.outcome.upper()
    return f"{value:>7} {outcome}".rstrip()


def _time(us: int | None) -> str:
    return "–" if us is None else clock(us)
