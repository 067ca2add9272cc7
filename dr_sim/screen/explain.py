"""`dr-sim explain`: one number of a run as a ledger of causes that adds up to it, to the
microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from dr_sim import units
from dr_sim.errors import input_error
from dr_sim.formatting.words import instant
from dr_sim.measures.alerts import alerts
from dr_sim.measures.causes.ledger import (
    Ledger,
    NoSuchThing,
    earlier_history,
    explain_alert,
    explain_at,
    explain_failover,
    explain_lag,
)
from dr_sim.measures.causes.pieces import LedgerLine
from dr_sim.measures.causes.sums import summed
from dr_sim.measures.cloud.cloud import provisionings_in
from dr_sim.measures.legs import Leg
from dr_sim.measures.outage_now.outage_parts import explain_outage_at
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.measures.outcome.unprotected import unprotected_ledger
from dr_sim.measures.tables import Tables
from dr_sim.measures.whole import Whole
from dr_sim.scenario.fields import times
from dr_sim.scenario.model import Scenario

_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """The number to explain: one of failover, at, alert and lag; without any of them the first
    failover, or the highest exposure of a run without one. everything: each stretch of time by
    itself, instead of equal causes summed. source: what the user called the run, for errors.
    """

    failover: int | None = None
    at: str | None = None
    alert: int | None = None
    lag: str | None = None
    database: str | None = None
    everything: bool = False
    source: str = ""


def explain(run: Whole, wanted: Wanted) -> str:
    """Return the wanted ledgers as text. Raises InputError if there is no such failover, alert,
    instant or database.
    """
    chosen = (wanted.failover, wanted.at, wanted.alert, wanted.lag)
    told = []
    try:
        if chosen == (None, None, None, None):
            wanted, found = _first_to_ask(run, wanted)
            told.append(found)
        ledgers = _ledgers(run, wanted)
    except NoSuchThing as error:
        raise input_error(wanted.source, str(error)) from None
    told += [_text(ledger, wanted.everything) for ledger in ledgers]
    return "\n\n".join(told)


def _first_to_ask(run: Whole, wanted: Wanted) -> tuple[Wanted, str]:
    """Return what is explained where nothing was chosen, and a line that says which it is."""
    several = sum(
        len(failovers(leg.journal, leg.scenario)) for leg in run.legs
    )
    if several:
        which = f"failover 1 of {several}; --failover, --at, --lag, --alert: others"
        return replace(wanted, failover=1), which
    _database(run.scenario, wanted.database)
    x, y = run.exposure(wanted.database or "").points()
    if not len(x):
        raise NoSuchThing(
            "nothing was exposed in this run: it has no failover either"
        )
    # the second before it falls
    at_s = max(0, (int(x[int(np.argmax(y))]) - 1) // _US)
    when = instant(at_s * _US, run.scenario)
    told = f"no failover; the highest exposure, at {when}; --at, --lag, --alert: others"
    return replace(wanted, at=f"{at_s} s"), told


def _ledgers(run: Whole, wanted: Wanted) -> list[Ledger]:
    scenario, database = run.scenario, wanted.database
    index = _database(scenario, database)
    if wanted.failover is not None:
        return _failover(run, wanted.failover, index)
    if wanted.alert is not None:
        return _alert(run, wanted.alert)
    if wanted.lag is not None:
        return _lag(run, _in_run(run, wanted.lag, "--lag"), database)
    return _at(run, _in_run(run, wanted.at or "", "--at"), database)


def _in_run(run: Whole, text: str, option: str) -> int:
    """Return an instant of the run. Raises NoSuchThing if it lies outside."""
    at_us = _instant(run.scenario, text, option)
    if not 0 <= at_us <= run.end_us:
        lasts = units.format_duration(run.end_us)
        raise NoSuchThing(
            f"{option} {text}: lies outside of the run, which lasts {lasts}"
        )
    return at_us


def _failover(run: Whole, n: int, database: int | None) -> list[Ledger]:
    """The ledgers of the n-th failover of all legs together."""
    before = 0
    for leg in run.legs:
        found = failovers(leg.journal, leg.scenario)
        if before < n <= before + len(found):
            waits = provisionings_in(leg, run.of_cloud)
            ledgers = explain_failover(
                leg.journal, leg.scenario, n - before, database, waits
            )
            name = (
                ""
                if database is None
                else leg.scenario.databases[database].name
            )
            why = unprotected_ledger(run, leg, found[n - before - 1], name)
            return ledgers if why is None else [*ledgers, why]
        before += len(found)
    raise NoSuchThing(
        f"there is no failover {n} in this run: it has {before}"
    )


def _leg_at(run: Whole, t_us: int) -> Leg:
    """Return the leg that an instant of the whole run lies in; the first where it is before all."""
    return max(
        (leg for leg in run.legs if leg.begins_us <= max(t_us, 0)),
        key=lambda leg: leg.number,
    )


def _at(run: Whole, t_us: int, database: str | None) -> list[Ledger]:
    """Exposure at an instant of the whole run: of the leg whose primary took writes then."""
    leg = _leg_at(run, t_us)
    names = [d.name for d in leg.scenario.databases]
    if database is not None and database not in names:
        raise NoSuchThing(
            f"{database} was not up at that instant: it was never brought online again"
        )
    promoted = [
        r
        for r in leg.journal.rows("truth.promoted")
        if database in (None, names[r.entity])
    ]
    alone_us = leg.begins_us + max((r.time_us for r in promoted), default=0)
    # no leg follows: there never is a second side
    if (
        promoted
        and alone_us < t_us <= leg.begins_us + leg.scenario.run_for_us
    ):
        name = names[promoted[-1].entity]
        exposed_us = run.exposure(name).at(t_us)
        line = LedgerLine(
            alone_us,
            t_us - alone_us,
            "no second side",
            "none is ever put in place",
        )
        lines = [*earlier_history(t_us - exposed_us, alone_us), line]
        return [Ledger(f"exposure of {name} (site)", exposed_us, lines)]
    best = _best(
        run,
        leg,
        lambda one: run.exposure_of_copy(one).at(t_us - leg.begins_us),
    )
    about = (
        best.journal,
        best.scenario,
        t_us - leg.begins_us,
        None if database is None else names.index(database),
    )
    provision_us = run.wait_for_cloud(best).at(t_us)
    return _of_copy(
        best,
        [*explain_at(*about), *explain_outage_at(*about, provision_us)],
    )


def _best(
    run: Whole, leg: Leg, value: Callable[[tuple[Leg, Tables]], int]
) -> Leg:
    """Return the leg of the standby with the smallest value, of several behind one primary."""
    return min(run.at(leg), key=value)[0] if leg.beside else leg


def _of_copy(leg: Leg, ledgers: list[Ledger]) -> list[Ledger]:
    """Say in the title which of several standbys it is."""
    if leg.scenario.ranks > 1:
        for ledger in ledgers:
            ledger.title += f", by the standby at {leg.secondary}"
    return ledgers


def _lag(run: Whole, t_us: int, database: str | None) -> list[Ledger]:
    """Replay lag at an instant of the whole run: of the leg whose secondary replayed then."""
    leg = _leg_at(run, t_us)
    names = [d.name for d in leg.scenario.databases]
    if database is not None and database not in names:
        raise NoSuchThing(
            f"{database} was not replayed at that instant: it was never brought online again"
        )
    best = _best(
        run, leg, lambda one: run.lag_of_copy(one).at(t_us - leg.begins_us)
    )
    found = explain_lag(
        best.journal,
        best.scenario,
        t_us - leg.begins_us,
        None if database is None else names.index(database),
    )
    return _of_copy(best, found)


def _alert(run: Whole, n: int) -> list[Ledger]:
    """The n-th alert of all legs of all standbys together."""
    before = 0
    for leg, _ in run.every:
        raised = len(alerts.raised(leg.journal, leg.scenario))
        if before < n <= before + raised:
            found = explain_alert(leg.journal, leg.scenario, n - before)
            found[0].title = found[0].title.replace(
                f"alert {n - before}:", f"alert {n}:", 1
            )
            return found
        before += raised
    raise NoSuchThing(f"there is no alert {n} in this run: it has {before}")


def _database(scenario: Scenario, name: str | None) -> int | None:
    names = [d.name for d in scenario.databases]
    if name is None:
        return None
    if name not in names:
        raise input_error(
            "--database",
            f"there is no {name!r}; there is {', '.join(names)}",
        )
    return names.index(name)


def _instant(scenario: Scenario, text: str, option: str) -> int:
    """Parse an instant as under `events:`: 'Wed 02:40', '2 h 5 min' from the start, or a date and
    time of the scenario's zone.
    """
    try:
        return times.parse_instant(text).resolve(
            scenario.start_utc_us, scenario.time_zone
        )
    except units.UnitError as error:
        raise input_error(option, str(error)) from None


def alerts_of(
    run: Whole, database: str | None = None, *, everything: bool = False
) -> str:
    """The alerts of a run: each kind about each database as one line with how many there
    were; everything: a line for each, with its number for --alert, when, event id, level, text.
    """
    scenario = run.scenario
    _database(scenario, database)
    raised: list[
        tuple[int, int, alerts.Alert]
    ] = []  # number, instant in the whole run
    before = 0
    for leg, _ in run.every:
        names = {i: d.name for i, d in enumerate(leg.scenario.databases)}
        mine = alerts.raised(leg.journal, leg.scenario)
        wanted = [
            a
            for a in mine
            if database is None
            or a.database < 0
            or names[a.database] == database
        ]
        raised += [
            (before + a.number, leg.begins_us + a.time_us, a)
            for a in wanted
        ]
        before += len(mine)
    if not raised:
        return "no alert was raised in this run"
    wide = len(str(before))
    raised.sort(
        key=lambda each: each[1]
    )  # several copies raise them side by side
    if not everything:
        return "\n".join(_sums_of_alerts(raised, scenario, wide))
    return "\n".join(
        f"{n:>{wide}}  {instant(at_us, scenario)}  event {a.event_id}  {a.level:<8}  "
        f"{'' if a.delivered else '(reached nobody) '}{a.text}"
        for n, at_us, a in raised
    )


def _sums_of_alerts(
    raised: list[tuple[int, int, alerts.Alert]],
    scenario: Scenario,
    wide: int,
) -> Iterator[str]:
    """One line for each event id about each database: how many, from when to when, the worst
    level, and the first one's number and text.
    """
    groups: dict[
        tuple[int, int, bool], list[tuple[int, int, alerts.Alert]]
    ] = {}
    for number, at_us, alert in raised:
        key = (alert.database, alert.event_id, alert.delivered)
        groups.setdefault(key, []).append((number, at_us, alert))
    for of in groups.values():
        first, begin_us, alert = of[0]
        level = (
            "critical"
            if any(each.level == "critical" for _, _, each in of)
            else alert.level
        )
        until = f" to {instant(of[-1][1], scenario)}" if len(of) > 1 else ""
        unheard = "" if alert.delivered else "(reached nobody) "
        yield (
            f"{first:>{wide}}  {len(of):>5} x  event {alert.event_id}  {level:<8}  "
            f"{instant(begin_us, scenario)}{until}  {unheard}{alert.text}"
        )
    if len(groups) < len(raised):
        yield f"{len(raised)} alerts; the text is that of the first of its kind; --all lists each"


def _text(ledger: Ledger, everything: bool) -> str:
    lines = [
        f"{ledger.title}: {'unknown' if ledger.total_us is None else _exact(ledger.total_us)}"
    ]
    each = [
        (line.cause, line.duration_us, line.detail) for line in ledger.lines
    ]
    shown = (
        [(x.cause, x.duration_us, x.detail) for x in summed(each)]
        if not everything
        else each
    )
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
