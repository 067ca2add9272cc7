"""`dr-sim explain`: one number of a stored run as a ledger of causes that adds up to it, to the
microsecond.
"""

from __future__ import annotations

from pathlib import Path

from dr_sim import units
from dr_sim.errors import InputError, Problem
from dr_sim.measures import alerts
from dr_sim.measures.ledger import (
    Ledger,
    NoSuchThing,
    explain_alert,
    explain_at,
    explain_failover,
    explain_lag,
)
from dr_sim.measures.life import Line
from dr_sim.measures.outage_parts import explain_outage_at
from dr_sim.measures.outcome import failovers
from dr_sim.measures.sums import summed
from dr_sim.runs.results import Stored, read_results
from dr_sim.scenario import times
from dr_sim.scenario.model import Scenario
from dr_sim.screen.run import instant

_US = 1_000_000


def explain(
    folder: Path,
    *,
    failover: int | None = None,
    at: str | None = None,
    alert: int | None = None,
    lag: str | None = None,
    database: str | None = None,
    stretches: bool = False,
) -> str:
    """The ledgers asked for, as text, equal causes summed; stretches: every stretch of time by
    itself. InputError if there is no such failover, alert, instant or database.
    """
    stored = read_results(folder)
    scenario = stored.scenario
    index = _database(scenario, database)
    try:
        if failover is not None:
            ledgers = _failover(stored, failover, index)
        elif alert is not None:
            ledgers = _alert(stored, alert)
        elif lag is not None:
            ledgers = _lag(stored, _instant(scenario, lag, "--lag"), database)
        else:
            ledgers = _at(stored, _instant(scenario, at or "", "--at"), database)
    except NoSuchThing as error:
        raise InputError([Problem(str(folder), 0, 0, str(error))]) from None
    return "\n\n".join(_text(ledger, stretches) for ledger in ledgers)


def _failover(stored: Stored, n: int, database: int | None) -> list[Ledger]:
    """The ledgers of the n-th failover of all legs together."""
    before = 0
    for each in stored.legs:
        found = len(failovers(each.leg.journal, each.leg.scenario))
        if before < n <= before + found:
            return explain_failover(each.leg.journal, each.leg.scenario, n - before, database)
        before += found
    raise NoSuchThing(f"there is no failover {n} in this run: it has {before}")


def _at(stored: Stored, t_us: int, database: str | None) -> list[Ledger]:
    """Exposure at an instant of the whole run: of the leg whose primary took writes then."""
    leg = max(
        (each.leg for each in stored.legs if each.leg.begins_us <= max(t_us, 0)),
        key=lambda leg: leg.number,
    )
    names = [d.name for d in leg.scenario.databases]
    if database is not None and database not in names:
        raise NoSuchThing(
            f"{database} was not up at that instant: it was never brought online again"
        )
    promoted = [
        r for r in leg.journal.rows("truth.promoted") if database in (None, names[r.entity])
    ]
    alone_us = leg.begins_us + max((r.time_us for r in promoted), default=0)
    # no leg follows: there never is a second side
    if promoted and alone_us < t_us <= leg.begins_us + leg.scenario.run_for_us:
        title = f"exposure of {names[promoted[-1].entity]} (site)"
        line = Line(
            alone_us,
            t_us - alone_us,
            "no second side",
            "none is ever put in place: all since the promotion would be lost",
        )
        return [Ledger(title, t_us - alone_us, [line])]
    about = (
        leg.journal,
        leg.scenario,
        t_us - leg.begins_us,
        None if database is None else names.index(database),
    )
    return [*explain_at(*about), *explain_outage_at(*about)]


def _lag(stored: Stored, t_us: int, database: str | None) -> list[Ledger]:
    """Replay lag at an instant of the whole run: of the leg whose secondary replayed then."""
    leg = max(
        (each.leg for each in stored.legs if each.leg.begins_us <= max(t_us, 0)),
        key=lambda leg: leg.number,
    )
    names = [d.name for d in leg.scenario.databases]
    if database is not None and database not in names:
        raise NoSuchThing(
            f"{database} was not replayed at that instant: it was never brought online again"
        )
    return explain_lag(
        leg.journal,
        leg.scenario,
        t_us - leg.begins_us,
        None if database is None else names.index(database),
    )


def _alert(stored: Stored, n: int) -> list[Ledger]:
    """The n-th alert of all legs together."""
    before = 0
    for each in stored.legs:
        raised = len(alerts.raised(each.leg.journal, each.leg.scenario))
        if before < n <= before + raised:
            found = explain_alert(each.leg.journal, each.leg.scenario, n - before)
            found[0].title = found[0].title.replace(f"alert {n - before}:", f"alert {n}:", 1)
            return found
        before += raised
    raise NoSuchThing(f"there is no alert {n} in this run: it has {before}")


def _database(scenario: Scenario, name: str | None) -> int | None:
    names = [d.name for d in scenario.databases]
    if name is None:
        return None
    if name not in names:
        raise InputError(
            [Problem("--database", 0, 0, f"there is no {name!r}; there is {', '.join(names)}")]
        )
    return names.index(name)


def _instant(scenario: Scenario, text: str, option: str) -> int:
    """As under `events:`: 'Wed 02:40', '2 h 5 min' from the start, a date and time of the
    scenario's zone.
    """
    try:
        return times.parse_instant(text).resolve(scenario.start_utc_us, scenario.time_zone)
    except units.UnitError as error:
        raise InputError([Problem(option, 0, 0, str(error))]) from None


def alerts_of(folder: Path, database: str | None = None) -> str:
    """Every alert of a stored run, a line each: its number for --alert, when, event id, level,
    text.
    """
    stored = read_results(folder)
    scenario = stored.scenario
    _database(scenario, database)
    raised: list[tuple[int, int, alerts.Alert]] = []  # number, instant in the whole run
    before = 0
    for each in stored.legs:
        names = {i: d.name for i, d in enumerate(each.leg.scenario.databases)}
        mine = alerts.raised(each.leg.journal, each.leg.scenario)
        wanted = [
            a for a in mine if database is None or a.database < 0 or names[a.database] == database
        ]
        raised += [(before + a.number, each.leg.begins_us + a.time_us, a) for a in wanted]
        before += len(mine)
    if not raised:
        return "no alert was raised in this run"
    wide = len(str(raised[-1][0]))
    return "\n".join(
        f"{n:>{wide}}  {instant(at_us, scenario)}  event {a.event_id}  {a.level:<8}  "
        f"{'' if a.delivered else '(reached nobody) '}{a.text}"
        for n, at_us, a in raised
    )


def _text(ledger: Ledger, stretches: bool) -> str:
    lines = [f"{ledger.title}: {'unknown' if ledger.total_us is None else _exact(ledger.total_us)}"]
    each = [(line.cause, line.duration_us, line.detail) for line in ledger.lines]
    shown = [(x.cause, x.duration_us, x.detail) for x in summed(each)] if not stretches else each
    lines += [
        f"  {_exact(us):>16}  {cause}{f'  ({detail})' if detail else ''}"
        for cause, us, detail in shown
    ]
    if ledger.note:
        lines.append(f"  {ledger.note}")
    if ledger.total_us is not None and ledger.lines:
        total = sum(line.duration_us for line in ledger.lines)
        lines.append(f"  {_exact(total):>16}  = the sum of the lines")
    return "\n".join(lines)


def _exact(us: int) -> str:
    """h:mm:ss.uuuuuu, nothing rounded."""
    sign, us = ("-", -us) if us < 0 else ("", us)
    seconds, part = divmod(us, _US)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{part:06d}"
