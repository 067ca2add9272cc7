"""Failovers in a summary: what each cost, why, who ordered it, and whether anyone had been notified
of the danger it met.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.formatting.words import counted
from dr_sim.measures.alerts.alerts import AlertQuality, Episode
from dr_sim.measures.causes.begun_by import begun_by
from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.ledger import Ledger, loss_ledger, outage_ledger
from dr_sim.measures.cloud.cloud import Provisioning, provisionings_in
from dr_sim.measures.legs import Leg
from dr_sim.measures.outage_now.ways import CameTrue, is_foretold, ways_of
from dr_sim.measures.outcome.drained import drained
from dr_sim.measures.outcome.outcome import (
    DatabaseLoss,
    FailoverOutcome,
    failovers,
    manager_down,
)
from dr_sim.measures.outcome.parts import PartOutcome, database_outcomes
from dr_sim.measures.outcome.protected import counts
from dr_sim.measures.outcome.tenants import tenant_outcomes
from dr_sim.measures.outcome.unknown import why_unknown
from dr_sim.measures.outcome.unprotected import (
    follows,
    restored_at_hand,
    unprotected,
    unprotected_ledger,
)
from dr_sim.measures.summary.alerts import alert_summary
from dr_sim.measures.summary.orders import GivenOrder, obeyed
from dr_sim.measures.summary.types import (
    CannotFollow,
    DatabaseCost,
    EndedWait,
    FailoverSummary,
    LedgerSummary,
    PhaseSpan,
    SiteBack,
    TenantCost,
    ToldSummary,
)
from dr_sim.measures.summary.values import in_the_run_s_time, seconds
from dr_sim.measures.tables import Tables
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import DatabaseSpec, Scenario

FIRST, SECOND = "primary", "second side"
"""The roles of what is back, as truth.returned names them."""


def failovers_summary(
    whole: Whole, qualities: Sequence[AlertQuality]
) -> list[FailoverSummary]:
    """Return those of all legs, numbered throughout."""
    every = [leg for leg, _ in whole.every]
    judged = dict(zip(every, qualities, strict=True))
    found: list[FailoverSummary] = []
    for leg, t in whole.each:
        copies = [
            (Causes(of_copy, copy.scenario), judged[copy])
            for copy, of_copy in whole.at(leg)
        ]
        for f in failovers(t, leg.scenario):
            waits = provisionings_in(leg, whole.of_cloud)
            order = obeyed(whole, leg, f)
            told = _told(copies, f)
            one = _failover(Causes(t, leg.scenario), f, told, waits, order)
            _add_unprotected(one, unprotected(whole, leg, f))
            one.seeded_anew = _seeded_anew(whole, leg)
            one.new_primary = "" if f.promoted_us is None else leg.secondary
            one.follow = _follow(whole, leg)
            one.cannot_follow = _cannot_follow(whole, leg)
            why = unprotected_ledger(whole, leg, f)
            one.unprotected_ledger = None if why is None else _ledger(why)
            came = CameTrue(
                one.failed_us,
                one.failure_class,
                one.new_primary,
                one.data_loss_us,
                one.outage_us,
            )
            to_an_instant = order is not None and order.to_an_instant
            one = in_the_run_s_time(one, leg.begins_us)
            foretold = is_foretold(f.failure_class, one.ordered_by)
            foretold &= not f.by_itself and not to_an_instant
            if whole.scenario.standbys and foretold:
                one.ways = ways_of(whole, leg, came)
            one.back = None if f.by_itself else _back(whole, leg)
            one.number, one.leg, one.primary = (
                len(found) + 1,
                leg.number,
                leg.primary,
            )
            found.append(one)
    return found


def _add_unprotected(
    one: FailoverSummary, found: dict[str, tuple[int, bool]]
) -> None:
    """Add the times to a failover, its databases and its tenants: of a tenant the worst of its
    databases, unknown (None) with one of them that was never promoted.
    """
    none = (None, False)
    one.unprotected_us, one.unprotected_censored = found.get("", none)
    for database in one.databases:
        unprotected_us, censored = found.get(database.name, none)
        database.unprotected_us, database.unprotected_censored = (
            unprotected_us,
            censored,
        )
    for tenant in one.tenants:
        each = [found[name] for name in tenant.databases if name in found]
        known = len(each) == len(tenant.databases)
        tenant.unprotected_us = max(us for us, _ in each) if known else None
        tenant.unprotected_censored = known and any(
            censored for _, censored in each
        )


def _back(whole: Whole, leg: Leg) -> SiteBack | None:
    """Find the old primary among what came back in its failover or after it; in the run's time."""
    following = whole.after(leg)
    if following is None:
        return None
    held = [
        r.values
        for _, t in whole.each[leg.number :]
        for r in t.rows("truth.still_there")
        if r.values["site"] == leg.primary
    ]
    for later, t in whole.each[leg.number - 1 :]:
        for row in t.rows("truth.returned"):
            in_it = later is leg
            if row.values["site"] != leg.primary or in_it is not (
                row.values["role"] == FIRST
            ):
                continue
            if not whole.still_in(later, row.time_us) or (
                in_it and _opened(t, row.time_us)
            ):
                continue
            user_bytes = sum(values["user_bytes"] for values in held)
            transactions = sum(values["transactions"] for values in held)
            return SiteBack(
                time_us=later.begins_us + row.time_us,
                what=row.values["what"],
                site=leg.primary,
                role=SECOND if in_it else row.values["role"],
                user_bytes=user_bytes,
                transactions=transactions,
            )
    return None


def _opened(t: Tables, back_us: int) -> bool:
    """Return whether what was back took writes again."""
    return bool((t["truth.opened"]["time_us"] >= back_us).any())


def _follow(whole: Whole, leg: Leg) -> list[str]:
    """List the places of which a database followed the new primary without a new seed."""
    following = whole.after(leg)
    if following is None:
        return []
    there = sorted(
        whole.at(following[0]), key=lambda one: one[0].scenario.rank
    )
    return [of.secondary for of, t in there if _following(of, t)]


def _cannot_follow(whole: Whole, leg: Leg) -> list[CannotFollow]:
    """List what another standby's copy could not follow the new primary with, and why."""
    following = whole.after(leg)
    if following is None:
        return []
    found = []
    for of, t in whole.at(following[0]):
        for row in t.rows("truth.cannot_follow"):
            name = of.scenario.databases[row.entity].name
            why, by = row.values["why"], row.values["by"]
            found.append(CannotFollow(of.secondary, name, why, by))
    return sorted(found, key=lambda one: (one.place, one.database))


def _seeded_anew(whole: Whole, leg: Leg) -> list[str]:
    """The databases for which a new full was needed after that failover. Of the others the old
    primary, or another standby, continued behind the new primary, or was restored from backups at
    hand.
    """
    following = whole.after(leg)
    if following is None:
        return []
    follows = {
        d.name for one in whole.at(following[0]) for d in _following(*one)
    }
    follows |= {
        d.name
        for of, t in whole.at(following[0])
        for i, d in enumerate(of.scenario.databases)
        if restored_at_hand(t, i)
    }
    return [
        d.name
        for d in following[0].scenario.databases
        if d.name not in follows
    ]


def _following(leg: Leg, t: Tables) -> list[DatabaseSpec]:
    """Return the databases of a leg with which its place continued without a new seed."""
    if not counts(leg.scenario):
        return []
    databases = enumerate(leg.scenario.databases)
    return [d for i, d in databases if follows(t, leg, i)]


def _failover(
    causes: Causes,
    f: FailoverOutcome,
    told: ToldSummary,
    waits: Sequence[Provisioning],
    order: GivenOrder | None,
) -> FailoverSummary:
    """waits: for the cloud manager, in the time of this leg."""
    t, scenario = causes.t, causes.scenario
    parts = database_outcomes(t, scenario, f)
    known = f.data_loss_us is not None
    away = manager_down(t, f.outage_from_us, f.until_us)
    user_bytes = sum(loss.user_bytes for loss in f.losses)
    maintenance_bytes = sum(loss.maintenance_bytes for loss in f.losses)
    transactions = sum(loss.transactions for loss in f.losses)
    discarded_bytes = sum(loss.discarded_bytes for loss in f.losses)
    discarded_transactions = sum(
        loss.discarded_transactions for loss in f.losses
    )
    databases = [
        _database(t, scenario, loss, part)
        for loss, part in zip(f.losses, parts, strict=True)
    ]
    spent = drained(causes, f.spans)
    outcomes = tenant_outcomes(t, scenario, f)
    tenants = [
        _tenant(scenario, name, outcome)
        for name, outcome in outcomes.items()
    ]
    phases = [
        PhaseSpan(phase, begin, end - begin)
        for begin, end, phase in f.spans
    ]
    return FailoverSummary(
        number=f.number,
        failure_class=f.failure_class,
        by_itself=f.by_itself,
        fell=f.fell,
        unfenced=f.unfenced,
        mode=scenario.failover.mode,
        ordered_by=None if order is None else order.operator,
        ordered_us=None if order is None else order.given_us,
        ordered_planned=None if order is None else order.planned,
        failed_us=f.failed_us,
        events=begun_by(causes, f, None if order is None else order.event),
        data_loss_us=f.data_loss_us,
        data_loss_s=seconds(f.data_loss_us),
        recovery_point_us=f.worst.recovery_point_us,
        worst_database=scenario.databases[f.worst.database].name,
        user_bytes_lost=user_bytes if known else None,
        maintenance_bytes_lost=maintenance_bytes if known else None,
        transactions_lost=transactions if known else None,
        discarded_bytes=discarded_bytes,
        discarded_transactions=discarded_transactions,
        databases=databases,
        loss_ledger=_ledger(loss_ledger(causes, f.worst)),
        outage_us=f.outage_us,
        outage_s=seconds(f.outage_us),
        outage_from_us=f.outage_from_us,
        served_again_us=f.served_again_us,
        outage_note=_not_online(t, scenario, f),
        phases_us=f.phases_us,
        phases=phases,
        manager_down_us=sum(end - begin for begin, end in away),
        outage_ledger=_ledger(outage_ledger(causes, f, waits)),
        drain_restoring_us=spent.restoring_us,
        drain_hung_us=spent.hung_us,
        limit_ended_the_wait=_limit_ended_the_wait(t, f),
        requests_failed=f.requests_failed,
        requests_offered=f.requests_offered,
        two_primaries_us=f.two_primaries_us,
        tenants=tenants,
        told=told,
    )


LEFT_BEHIND = 6
"""Event id as documented in dr_sim/recovery/alerts/alerts.py: measures import nothing of the
logic that they judge.
"""


def _limit_ended_the_wait(
    t: Tables, f: FailoverOutcome
) -> EndedWait | None:
    """Say where the drain limit decided what was lost: the instant, and how many files of databases
    that were then brought online without them were still on their way, and hold what those lack.
    None where nothing that was left behind could have come, or it would have brought nothing.
    """
    left = [
        r.time_us
        for r in t.rows("seen.RaiseAlert")
        if r.values["event_id"] == LEFT_BEHIND and r.time_us >= f.failed_us
    ]
    if not left:
        return None
    rang = [
        r.time_us
        for r in t.rows("seen.Alarm")
        if (r.values["scope"], r.values["what"]) == ("", "drain")
        and f.failed_us <= r.time_us <= left[-1]
    ]
    if not rang:
        return None
    behind = {
        r.entity
        for r in t.rows("seen.RaiseAlert")
        if r.values["event_id"] == LEFT_BEHIND and r.time_us >= rang[-1]
    }
    states: dict[tuple[int, int], str] = {}
    for row in t.rows("truth.file_state"):
        if row.time_us <= rang[-1] and row.entity in behind:
            states[row.entity, row.values["file"]] = row.values["state"]
    reached = {
        r.entity: r.values["fork_point_lsn"]
        for r in t.rows("truth.promoted")
    }
    needed = {
        (r.entity, r.values["file"])
        for r in t.rows("truth.backup_finished")
        if r.values["last_lsn"] > reached.get(r.entity, -1)
    }
    on_their_way = sum(
        state not in ("landed", "gone") and file in needed
        for file, state in states.items()
    )
    return EndedWait(rang[-1], on_their_way) if on_their_way else None


def _not_online(t: Tables, scenario: Scenario, f: FailoverOutcome) -> str:
    """Return why users are not served again though databases were promoted: others could not be."""
    left = [loss.database for loss in f.losses if loss.promoted_us is None]
    if f.outage_us is not None or f.promoted_us is None or not left:
        return ""
    others = len(left) - 1
    more = ""
    if others:
        are = "is" if others == 1 else "are"
        more = f", and {counted(others, 'more database')} {are} not online"
    return why_unknown(t, scenario, left[0]) + more


def _tenant(scenario: Scenario, name: str, of: PartOutcome) -> TenantCost:
    return TenantCost(
        name=name,
        databases=[scenario.databases[i].name for i in of.databases],
        data_loss_us=of.data_loss_us,
        outage_us=of.outage_us,
        outage_from_us=of.outage_from_us,
        served_again_us=of.served_again_us,
        phases_us=of.phases_us,
    )


def _database(
    t: Tables, scenario: Scenario, loss: DatabaseLoss, of: PartOutcome
) -> DatabaseCost:
    return DatabaseCost(
        note=why_unknown(t, scenario, loss.database)
        if loss.promoted_us is None
        else "",
        name=scenario.databases[loss.database].name,
        failed_us=loss.failed_us,
        recovery_point_us=loss.recovery_point_us,
        data_loss_us=loss.data_loss_us,
        user_bytes_lost=loss.user_bytes,
        maintenance_bytes_lost=loss.maintenance_bytes,
        transactions_lost=loss.transactions,
        discarded_bytes=loss.discarded_bytes,
        discarded_transactions=loss.discarded_transactions,
        outage_us=of.outage_us,
        outage_from_us=of.outage_from_us,
        served_again_us=of.served_again_us,
        phases_us=of.phases_us,
    )


def _ledger(ledger: Ledger) -> LedgerSummary:
    return LedgerSummary(ledger.total_us, ledger.note, ledger.lines)


def _told(
    copies: Sequence[tuple[Causes, AlertQuality]], f: FailoverOutcome
) -> ToldSummary:
    """Return whether anyone had been notified, before the failure, of the danger that was there.
    copies: those behind the primary, the one that took over first; each is judged by itself.
    """
    at_failure = [
        (causes, e)
        for causes, quality in copies
        for e in quality.episodes
        if _meets(f, e)
    ]
    if not at_failure:
        return ToldSummary(answer="no danger")
    causes, episode = next(
        (found for found in at_failure if found[1].missed),
        min(at_failure, key=lambda found: found[1].onset_us),
    )
    scenario = causes.scenario
    told = ToldSummary(
        answer="no",
        database=scenario.databases[episode.database].name,
        onset_us=episode.onset_us,
    )
    if episode.alert is None or episode.alert.time_us > f.failed_us:
        return told
    told.answer = "yes"
    told.alert = alert_summary(scenario, episode.alert)
    told.before_failure_us = f.failed_us - episode.alert.time_us
    fault = causes.latest_between(
        episode.since_us, episode.alert.time_us, episode.database
    )
    if fault is not None:
        told.after_fault_us = episode.alert.time_us - fault.begin_us
        told.fault = fault.label
    return told


def _meets(f: FailoverOutcome, episode: Episode) -> bool:
    """Return whether an alert about that danger was due, and the failure met it."""
    if episode.due_us is None:
        return False
    if f.by_itself:  # the danger continues beyond it
        return episode.due_us <= f.failed_us < episode.end_us
    return episode.ended_by_failure
