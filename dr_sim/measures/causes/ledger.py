"""Why: any one number as a ledger of causes that adds up to it, to the microsecond.

Theory of operation. The data loss (or the exposure at an instant) is the time from the first
lacking commit to the failure. Had that commit's file landed whole, the commit would not be lacking;
so the whole interval is spent somewhere in the life of that file: it waits to be cut, is backed up,
queues, is sent, waits for the link, lies there damaged, is copied again. If the file is lost for
good, the life of the backup that would bridge the hole continues from there. The interval is cut
into pieces that follow one another without a gap, so the sum is right by construction; what no
record accounts for becomes a line 'unexplained', never a share of another cause. The outage is cut
the same way by its phases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from dr_sim.formatting.words import counted
from dr_sim.measures.alerts import alerts
from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.life import cut_up, seeded_anew
from dr_sim.measures.causes.pieces import LedgerLine
from dr_sim.measures.causes.waits import slow_restores
from dr_sim.measures.cloud.cloud import Provisioning, provisioned_words
from dr_sim.measures.exposure.exposure import Curve, true_exposure
from dr_sim.measures.exposure.lag import replay_lag
from dr_sim.measures.outcome.outcome import (
    DatabaseLoss,
    FailoverOutcome,
    failovers,
    manager_down,
)
from dr_sim.measures.outcome.phases import ATTEMPT
from dr_sim.measures.outcome.protected import begins_with_all
from dr_sim.measures.outcome.unknown import why_unknown
from dr_sim.measures.tables import Record, Tables, tables
from dr_sim.scenario.model import Scenario
from dr_sim.units import format_duration


@dataclass(slots=True)
class Ledger:
    """A number and its lines, which add up to it; in the order of time, without gaps. None: the
    number is unknown.
    """

    title: str
    total_us: int | None
    lines: list[LedgerLine] = field(default_factory=list)
    note: str = ""


class NoSuchThing(LookupError):  # noqa: N818, it is read as what it says
    """There is no failover, alert or instant of that number in the run; the text says what there
    is.
    """


# ---- the three questions
def explain_failover(
    record: Record,
    scenario: Scenario,
    n: int,
    database: int | None = None,
    waits: Sequence[Provisioning] = (),
) -> list[Ledger]:
    """The ledgers of the n-th failover (1-based): of its data loss, for the worst database or the
    one asked for, and of its outage. waits: see outage_ledger. Raises NoSuchThing if there is no
    such failover.
    """
    t = tables(record)
    found = failovers(t, scenario)
    if not 1 <= n <= len(found):
        raise NoSuchThing(
            f"there is no failover {n} in this run: it has {len(found)}"
        )
    failover = found[n - 1]
    loss = failover.worst if database is None else failover.losses[database]
    causes = Causes(t, scenario)
    return [
        loss_ledger(causes, loss),
        outage_ledger(causes, failover, waits),
    ]


def explain_at(
    record: Record,
    scenario: Scenario,
    t_us: int,
    database: int | None = None,
) -> list[Ledger]:
    """The ledger of the exposure to the loss of the site at one instant, for the worst database or
    the one asked for. Raises NoSuchThing if the service was not up then.
    """
    return explain_exposure(
        Causes(tables(record), scenario), t_us, database
    )


def explain_exposure(
    causes: Causes, t_us: int, database: int | None = None
) -> list[Ledger]:
    """The same from a record that is open already."""
    t, scenario = causes.t, causes.scenario
    curves = {
        i: true_exposure(t, scenario, i)
        for i in range(len(scenario.databases))
        if database in (None, i)
    }
    missing = "was not up at that instant: no primary took its writes"
    worst = _worst_at(curves, t_us, scenario, missing)
    return [_exposure_ledger(causes, worst, t_us)]


def _worst_at(
    curves: Mapping[int, Curve], t_us: int, scenario: Scenario, missing: str
) -> int:
    """Return the database whose curve is the highest at an instant. Raises NoSuchThing if one has
    no value then. missing: what is said of that database.
    """
    for i, curve in curves.items():
        runs = curve.begin_us <= t_us <= curve.end_us
        if not runs or not len(curve.start_us):
            raise NoSuchThing(f"{scenario.databases[i].name} {missing}")
    return max(curves, key=lambda i: (curves[i].at(t_us), -i))


def explain_lag(
    record: Record,
    scenario: Scenario,
    t_us: int,
    database: int | None = None,
) -> list[Ledger]:
    """The ledger of the true replay lag at one instant, for the worst database or the one asked
    for. A replay delay that was asked for is no part of the lag. Raises NoSuchThing if nothing had
    been restored at the secondary by then.
    """
    t = tables(record)
    curves = {
        i: replay_lag(t, scenario, i)
        for i in range(len(scenario.databases))
        if database in (None, i)
    }
    missing = "had no copy at the secondary at that instant"
    worst = _worst_at(curves, t_us, scenario, missing)
    lag_us = curves[worst].at(t_us)
    title = f"replay lag of {scenario.databases[worst].name}"
    if not lag_us:
        return [Ledger(title, 0)]
    restored = t.of("truth.restored", worst)
    before = restored["commits"][restored["time_us"] < t_us]
    held = int(before[-1]) if len(before) else 0
    lacking_us = t_us - lag_us - scenario.replay.delay_us
    lines = cut_up(
        Causes(t, scenario), worst, held, t_us - lag_us, t_us, lacking_us
    )
    delay = format_duration(scenario.replay.delay_us)
    note = (
        f"the replay delay of {delay} that was asked for is no part of it"
        if scenario.replay.delay_us
        else ""
    )
    return [Ledger(title, lag_us, lines, note)]


def explain_alert(
    record: Record, scenario: Scenario, n: int
) -> list[Ledger]:
    """The ledger of the exposure of the alert's database when the n-th alert (1-based) was raised.
    An alert after the primary failed is explained by the exposure at the failure. Raises
    NoSuchThing if there is no such alert.
    """
    t = tables(record)
    raised = alerts.raised(t, scenario)
    if not 1 <= n <= len(raised):
        raise NoSuchThing(
            f"there is no alert {n} in this run: it has {len(raised)}"
        )
    alert = raised[n - 1]
    database = None if alert.database < 0 else alert.database
    until = min(
        true_exposure(t, scenario, i).end_us
        for i in range(len(scenario.databases))
        if database in (None, i)
    )
    (ledger,) = explain_at(t, scenario, min(alert.time_us, until), database)
    ledger.title = f"alert {n}: {alert.text}"
    if alert.time_us > until:
        ledger.note = "the primary had failed before this alert: exposure at the failure"
    return [ledger]


def loss_ledger(causes: Causes, loss: DatabaseLoss) -> Ledger:
    t, scenario = causes.t, causes.scenario
    title = f"data loss of {scenario.databases[loss.database].name}"
    if loss.data_loss_us is None or loss.recovery_point_us is None:
        return Ledger(
            title, None, note=why_unknown(t, scenario, loss.database)
        )
    end = loss.recovery_point_us + loss.data_loss_us
    stop = min(max(loss.failed_us, loss.recovery_point_us), end)
    ordered = _stop_ordered(t, loss)
    if ordered:
        whole = stop - loss.recovery_point_us
        lines = [
            LedgerLine(
                loss.recovery_point_us,
                whole,
                "stopped before an instant",
                ordered,
            )
        ]
    elif loss.total and scenario.leg_no > 1:
        lines = earlier_history(loss.recovery_point_us, 0)
        if begins_with_all(t, scenario, loss.database):
            lines += cut_up(causes, loss.database, 0, 0, stop)
        else:
            lines += _alone(causes, loss.database, 0, stop)
    else:
        lines = cut_up(
            causes,
            loss.database,
            loss.survivor_commits,
            loss.recovery_point_us,
            stop,
        )
    if end > stop:
        lines.append(
            LedgerLine(
                stop,
                end - stop,
                "split brain",
                "the old primary continued to acknowledge writes that were discarded",
            )
        )
    note = why_unknown(t, scenario, loss.database) if loss.total else ""
    if loss.left_at:
        name = scenario.databases[loss.database].name
        note = (
            f"nothing of {name} is left behind this primary; site {loss.left_at} still holds "
            "what was written before, and to bring that online is a decision for people"
        )
    return Ledger(title, loss.data_loss_us, lines, note)


def earlier_history(from_us: int, promoted_us: int) -> list[LedgerLine]:
    """All that was written before the primary took over, if that would be lost with it."""
    if from_us >= promoted_us:
        return []
    before = "was written before this primary took over, and no other place holds it"
    return [
        LedgerLine(
            from_us, promoted_us - from_us, "earlier history", before
        )
    ]


def _stop_ordered(t: Tables, loss: DatabaseLoss) -> str:
    """Return who ordered that replay stops where it did; '' if it reached further or not so far."""
    for row in t.rows("truth.stop_ordered"):
        if (
            row.entity == loss.database
            and row.values["commits"] == loss.survivor_commits
        ):
            return f"as {row.values['operator']} ordered: what came after it is left behind"
    return ""


def _exposure_ledger(causes: Causes, database: int, t_us: int) -> Ledger:
    t, scenario = causes.t, causes.scenario
    rows = t.of("truth.survivable", database)
    mine = t.has_text(rows["class"], "site") & (
        rows["time_us"] < max(t_us, 1)
    )
    title = f"exposure of {scenario.databases[database].name} (site)"
    if not mine.any():
        return Ledger(title, 0)
    last = mine.nonzero()[0][-1]
    lacking = min(int(rows["lacking_us"][last]), t_us)
    commits = int(rows["commits"][last])
    goes_on = begins_with_all(t, scenario, database)
    alone = scenario.leg_no > 1 and not goes_on
    exposed_us = true_exposure(t, scenario, database).at(t_us)
    if scenario.leg_no > 1 and not commits and exposed_us:
        since_us = t_us - exposed_us
        lines = earlier_history(since_us, 0)
        from_us = max(since_us, 0)
        if goes_on:
            lines += cut_up(causes, database, 0, from_us, t_us)
        else:
            lines += _alone(causes, database, from_us, t_us)
        return Ledger(title, exposed_us, lines)
    if not alone or (lacking >= scenario.secondary_from_us and commits):
        return Ledger(
            title,
            t_us - lacking,
            cut_up(causes, database, commits, lacking, t_us),
        )
    in_place = min(scenario.secondary_from_us, t_us)
    lines = [_none_yet(causes, lacking, in_place)]
    lines += cut_up(causes, database, commits, in_place, t_us, lacking)
    return Ledger(
        title, t_us - lacking, [line for line in lines if line.duration_us]
    )


def _none_yet(causes: Causes, from_us: int, until_us: int) -> LedgerLine:
    back = causes.t.rows("truth.second_side")
    until = "a new secondary was in place"
    if back:
        built = causes.scenario.new_secondary_built
        how = "in place" if built else "back"
        until = f"site {back[-1].values['site']} was {how}"
    return LedgerLine(
        from_us, until_us - from_us, "no second side", f"until {until}"
    )


def _alone(
    causes: Causes, database: int, from_us: int, until_us: int
) -> list[LedgerLine]:
    """The way of the first full to a new secondary, from the promotion on."""
    in_place = min(
        max(causes.scenario.secondary_from_us, from_us), until_us
    )
    none_yet = _none_yet(causes, from_us, in_place)
    seeding = seeded_anew(causes, database, in_place, until_us)
    return [line for line in (none_yet, *seeding) if line.duration_us]


# ---- outage
WAITS_FOR_A_COPY = (
    "there is no copy of a database to promote: it waits for a re-seed"
)
"""The detail of a part of the phase recover."""
WAITS_FOR_A_MACHINE = "until there was a machine to restore onto"
"""The detail of a part of the phase provision, before a restore from a store."""


def outage_ledger(
    causes: Causes,
    failover: FailoverOutcome,
    waits: Sequence[Provisioning] = (),
) -> Ledger:
    """The outage by its phases. Of one that outlasted the run the total is unknown and the lines
    say how far it got. waits: for the cloud manager, in the time of this leg.
    """
    t, scenario = causes.t, causes.scenario
    lines = []
    for begin, end, phase in failover.spans:
        if phase == ATTEMPT:
            lines += _attempt_lines(scenario, begin, end)
            continue
        down = manager_down(t, begin, end)
        for left, right in pairwise(
            sorted({begin, end, *(x for span in down for x in span)})
        ):
            dead = any(b <= left < e for b, e in down)
            if dead:
                why = "the recovery manager was down"
            elif phase == "provision":
                why = _provisioned(t, scenario, waits, left, right)
            else:
                databases = len(scenario.databases)
                why = _why(_InSpan(t, left, right), phase, databases)
            if phase == "drain" and not dead:
                slow = slow_restores(causes, left, right)
                why += f", restores were slow ({slow})" if slow else ""
            lines.append(LedgerLine(left, right - left, phase, why))
    note = (
        ""
        if failover.outage_us is not None
        else "not served again by the end of the run: unknown, at least the sum"
    )
    return Ledger("outage", failover.outage_us, lines, note)


def _attempt_lines(
    scenario: Scenario, begin: int, end: int
) -> list[LedgerLine]:
    """Return what attempts that failed were spent on in that time, stretch by stretch."""
    lines = []
    for each in scenario.failed_attempts:
        left, right = max(each.from_us, begin), min(each.until_us, end)
        if left < right:
            said = f"at {each.place}: {each.what}"
            lines.append(LedgerLine(left, right - left, ATTEMPT, said))
    return lines


def _recovering(t: Tables) -> Any:
    """Return which rows of seen.EnterPhase begin the recovery of databases."""
    return t.has_text(t["seen.EnterPhase"]["phase"], "recovering")


def _provisioned(
    t: Tables,
    scenario: Scenario,
    waits: Sequence[Provisioning],
    begin: int,
    end: int,
) -> str:
    """Return what the new primary waited for in that time: a machine to restore onto, or the
    directory and the cloud manager side by side.
    """
    recovering = t["seen.EnterPhase"]["time_us"][_recovering(t)]
    if not (recovering < end).any():
        return WAITS_FOR_A_MACHINE
    words = []
    missing = [r for r in t.rows("truth.directory") if r.time_us < end]
    if missing and (made := int(missing[-1].values["missing"])):
        noun = "entry" if made == 1 else "entries"
        words.append(f"{made} directory {noun} made by hand")
    elif missing:
        words.append("the directory replicated once more")
    for wait in waits:
        if wait.began_us < end and begin < wait.ended_us:
            words.append(provisioned_words(wait.lines, wait.ready))
    return "; ".join(words) or "nothing was missing"


@dataclass(frozen=True, slots=True)
class _InSpan:
    """The rows of a span of time."""

    t: Tables
    begin_us: int
    end_us: int

    def count(self, kind: str) -> int:
        """Return how many rows of a kind there are."""
        time = self.t[kind]["time_us"]
        return int(((time >= self.begin_us) & (time <= self.end_us)).sum())


def _why(span: _InSpan, phase: str, databases: int) -> str:
    """Return what the record says was in progress in one phase."""
    if phase == "unfence":
        return _why_unfence(span.t)
    if phase == "drain":
        restored = span.count("truth.restored")
        tails = span.count("seen.TailTaken")
        return f"{counted(restored, 'backup')} restored, {counted(tails, 'tail-log backup')} taken"
    if phase == "recover":
        recovering = span.t["seen.EnterPhase"]["time_us"]
        if not (recovering[_recovering(span.t)] < span.end_us).any():
            return WAITS_FOR_A_COPY
        online = span.count("seen.Recovered")
        return (
            f"{online} of {counted(databases, 'database')} brought online"
        )
    for kind, words in _SHOWN_BY.get(phase, ()):
        if span.count(kind):
            return words
    return _OTHERWISE.get(phase, "until 99 % of requests succeed")


def _why_unfence(t: Tables) -> str:
    if any(r.values["by_hand"] for r in t.rows("truth.unfencing")):
        return "people start the old primary again by hand"
    return "the failover is left, and the old primary is started again"


_PASSED_ON = "the order is passed on, and its turn comes"
_SHOWN_BY: dict[str, tuple[tuple[str, str], ...]] = {
    "detect": (
        ("seen.OrderPassedOn", _PASSED_ON),
        ("seen.ClaimFreed", "another copy has let go, and its turn comes"),
        ("seen.HeartbeatLost", "heartbeats missing"),
    ),
    "decide": (
        ("seen.OrderPassedOn", _PASSED_ON),
        ("seen.OperatorAnswered", "an operator was asked and answered"),
        ("seen.PageOperator", "an operator was asked"),
    ),
    "fence": (
        ("seen.FenceFailed", "the old primary could not be reached"),
        ("seen.Fenced", "the old primary was told to stop"),
    ),
}
"""Words for a phase: those of the first of these kinds of rows that occurs in it."""
_OTHERWISE = {
    "detect": "nobody has noticed",
    "decide": "conditions checked",
    "fence": "no answer yet",
    "repair": "people tried to repair what had failed",
    "redirect": "users are sent to the new primary",
}
"""Words for a phase in which none of them occurs."""
