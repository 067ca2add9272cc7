"""The one object behind `--json`, summary.json, the screen and the verdict: every number of a run,
from its record (types.py).

A mean or a quantile that is no whole microsecond is rounded half up, once, here.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from dr_sim.measures.backups_made import backups_made, bytes_offered
from dr_sim.measures.conservation import Conservation
from dr_sim.measures.exposure.backlog import backlog
from dr_sim.measures.exposure.writes import (
    RefusedWrites,
    any_refused_us,
    refusals,
)
from dr_sim.measures.legs import Leg
from dr_sim.measures.link_use import LinkUse, link_use
from dr_sim.measures.outcome.tenants import asked_of
from dr_sim.measures.outcome.unprotected import unprotected_spans
from dr_sim.measures.summary.alerts import alerts_summary, qualities_of
from dr_sim.measures.summary.cloud import cloud_summary
from dr_sim.measures.summary.curves import (
    EXPOSED_CLASS,
    curve_summary,
    exposure_part,
    exposure_summary,
    lag_summary,
    outage_if_now_summary,
)
from dr_sim.measures.summary.failovers import failovers_summary
from dr_sim.measures.summary.mistakes import mistakes_summary
from dr_sim.measures.summary.orders import orders_refused
from dr_sim.measures.summary.rot import rot_summary
from dr_sim.measures.summary.types import (
    BacklogSummary,
    CopySummary,
    LegSummary,
    LinkSummary,
    MeasuredTime,
    RefusedTime,
    SilentRecovery,
    Summary,
    WritesRefusedSummary,
)
from dr_sim.measures.summary.values import half_up
from dr_sim.measures.summary.violations import (
    conserved_in,
    laws_broken,
    never_told,
    seen_by_the_witness,
)
from dr_sim.measures.summary.ways import ways_open_summary
from dr_sim.measures.tables import (
    run_end_us,
    service_up_until_us,
    writes_stopped_us,
)
from dr_sim.measures.whole import Whole

__all__ = ["Summary", "summarise"]


def summarise(whole: Whole) -> Summary:
    """Measure everything in one run. Instants are counted from the start of the run, not of the
    leg.
    """
    scenario = whole.scenario
    qualities = qualities_of(whole)
    failovers = failovers_summary(whole, qualities)
    conserved = conserved_in(whole)
    parts = [
        _conserved_parts(leg, found)
        for (leg, _), found in zip(whole.every, conserved, strict=True)
    ]
    violations = seen_by_the_witness(whole)
    violations += laws_broken(whole, conserved)
    violations += never_told(whole, qualities)
    return Summary(
        name=scenario.name,
        seed=scenario.seed,
        replication_no=scenario.replication_no,
        databases=[d.name for d in scenario.databases],
        start_utc_us=scenario.start_utc_us,
        time_zone=scenario.time_zone,
        measured_us=MeasuredTime(
            scenario.measure_from_us,
            whole.end_us,
            service_up_until_us(whole.opened[0], scenario),
        ),
        legs=_legs(whole),
        failovers=failovers,
        orders_refused=orders_refused(whole),
        mistakes=mistakes_summary(whole, failovers)
        + rot_summary(whole, failovers),
        exposure=exposure_summary(whole),
        exposure_before=exposure_part(whole, "exposure_before"),
        exposure_after=exposure_part(whole, "exposure_after"),
        replay_lag=lag_summary(whole),
        outage_if_now=outage_if_now_summary(whole),
        backlog=_backlog(whole),
        alerts=alerts_summary(whole, qualities),
        link=_link(whole),
        backups=_backups(whole),
        writes_refused=_writes_refused(whole),
        happened=_happened(whole),
        silent_recoveries=_silent_recoveries(whole),
        violations=violations,
        ways_open=ways_open_summary(whole, "ways_open"),
        ways_open_before=ways_open_summary(whole, "ways_open_before"),
        cloud=cloud_summary(whole),
        conservation=parts,
    )


def _backups(whole: Whole) -> dict[str, int]:
    """Return how many backups were made, by kind."""
    made: Counter[str] = Counter()
    for tables in whole.opened:
        made.update(backups_made(tables))
    return dict(made)


def _conserved_parts(
    leg: Leg, conserved: list[Conservation]
) -> dict[str, dict[str, int]]:
    """Return the parts of each database's bytes, by the database's name."""
    databases = leg.scenario.databases
    return {
        databases[each.database].name: each.parts() for each in conserved
    }


def _legs(whole: Whole) -> list[LegSummary]:
    """Return which site is the primary and which the secondary, from when to when, and since when
    unprotected until when.
    """
    spans = unprotected_spans(whole)
    out = []
    for leg, t in whole.each:
        end = whole.until_us(leg)
        bare = spans.get(leg.number - 1)
        exposed = whole.exposure_in(leg, EXPOSED_CLASS)
        out.append(
            LegSummary(
                leg.number,
                leg.begins_us,
                end,
                leg.primary,
                leg.secondary,
                list(bare) if bare else None,
                curve_summary(
                    exposed, leg.scenario, run_end_us(t, leg.scenario)
                ),
                _copies(whole, leg),
            )
        )
    return out


def _copies(whole: Whole, leg: Leg) -> list[CopySummary]:
    """List several standbys by themselves, until a fence at the order of any of them has stopped
    the primary's writes; one alone is the leg.
    """
    found = []
    together = list(whole.at(leg)) if leg.beside else []
    stops = [at_us for _, t in together for at_us in writes_stopped_us(t)]
    for one in together:
        of, t = one
        end = min([run_end_us(t, of.scenario), *stops])
        found.append(
            CopySummary(
                of.secondary,
                curve_summary(
                    whole.exposure_of_copy(one, EXPOSED_CLASS),
                    of.scenario,
                    end,
                ),
                curve_summary(whole.time_over_to(one), of.scenario, end),
                curve_summary(whole.lag_of_copy(one), of.scenario, end),
            )
        )
    ranks = {of.secondary: of.scenario.rank for of, _ in whole.at(leg)}
    return sorted(found, key=lambda copy: ranks[copy.place])


def _silent_recoveries(whole: Whole) -> list[SilentRecovery]:
    return [
        SilentRecovery(
            leg.begins_us + r.time_us,
            leg.scenario.databases[r.entity].name,
            r.values["claimed"],
            r.values["held"],
            bool(r.values["sound"]),
        )
        for leg, t in whole.every
        for r in t.rows("truth.silent_recovery")
    ]


def _backlog(whole: Whole) -> BacklogSummary:
    """Take the standby that has most."""
    backlogs = [backlog(t, leg.scenario) for leg, t in whole.every]
    at_end = [
        backlog(t, leg.scenario) for leg, t in whole.at(whole.legs[-1])
    ]
    not_landed_max = max(to_land.most for to_land, _ in backlogs)
    not_restored_max = max(to_restore.most for _, to_restore in backlogs)
    not_landed_at_end = max(to_land.last for to_land, _ in at_end)
    not_restored_at_end = max(to_restore.last for _, to_restore in at_end)
    return BacklogSummary(
        not_landed_max=not_landed_max,
        not_landed_at_end=not_landed_at_end,
        not_restored_max=not_restored_max,
        not_restored_at_end=not_restored_at_end,
    )


def _happened(whole: Whole) -> dict[str, int]:
    """Return how often each kind of event and fault happened, scripted or drawn, in each leg until
    the next begins; what continues in the next has happened once.
    """
    found: Counter[str] = Counter()
    seen: set[tuple[object, ...]] = (
        set()
    )  # what affects the primary is in the rows of each standby
    for leg, t in whole.every:
        for r in t.rows("truth.event"):
            if not r.values["begins"] or not whole.still_in(leg, r.time_us):
                continue
            which = (leg.number, r.time_us, r.entity, *r.values.values())
            found[r.values["what"]] += (
                which not in seen or leg in whole.legs
            )
            seen.add(which)
        found.subtract(what for _, what in leg.goes_on)
    return dict(sorted((what, n) for what, n in found.items() if n))


def _writes_refused(whole: Whole) -> WritesRefusedSummary:
    """Commits that were refused because a transaction log was full, and for how long, in all
    legs.
    """
    each = [(leg, refusals(t, leg.scenario)) for leg, t in whole.each]
    named = [
        (leg.begins_us, leg.scenario.databases[r.database].name, r)
        for leg, found in each
        for r in found
    ]
    databases = whole.scenario.databases
    by_database: dict[str, RefusedTime] = {}
    for d in databases:
        mine = [r for _, name, r in named if name == d.name]
        time_us = sum(r.end_us - r.begin_us for r in mine)
        transactions = sum(r.transactions for r in mine)
        by_database[d.name] = RefusedTime(
            time_us=time_us, transactions=transactions
        )
    by_tenant: dict[str, RefusedTime] = {}
    for tenant, of in asked_of(whole.scenario).items():
        names = [databases[i].name for i in of]
        time_us = sum(
            any_refused_us(_of_these(leg, found, names))
            for leg, found in each
        )
        transactions = sum(by_database[name].transactions for name in names)
        by_tenant[tenant] = RefusedTime(
            time_us=time_us, transactions=transactions
        )
    first_us = min(
        (begins_us + r.begin_us for begins_us, _, r in named), default=None
    )
    time_us = sum(any_refused_us(found) for _, found in each)
    transactions = sum(total.transactions for total in by_database.values())
    return WritesRefusedSummary(
        time_us=time_us,
        transactions=transactions,
        first_us=first_us,
        by_database=by_database,
        by_tenant=by_tenant,
    )


def _of_these(
    leg: Leg, found: list[RefusedWrites], names: list[str]
) -> list[RefusedWrites]:
    return [
        r for r in found if leg.scenario.databases[r.database].name in names
    ]


def _link(whole: Whole) -> LinkSummary:
    """Return the traffic of all links while there was a primary to send from."""
    uses = [
        link_use(t, leg.scenario, service_up_until_us(t, leg.scenario))
        for leg, t in whole.every
    ]
    sent = sum(each.bytes_sent for each in uses)
    capacity_bits = sum((each.capacity_bits for each in uses), Fraction(0))
    down_us = sum(each.down_us for each in uses)
    use = LinkUse(sent, capacity_bits, down_us)
    share = use.share
    offered = sum(bytes_offered(t) for _, t in whole.every)
    return LinkSummary(
        offered_bytes=offered,
        could_carry_bytes=int(use.capacity_bits // 8),
        overloaded=offered * 8 > use.capacity_bits,
        bytes_sent=use.bytes_sent,
        used_ppm=None if share is None else half_up(share * 1_000_000),
        down_us=use.down_us,
    )
