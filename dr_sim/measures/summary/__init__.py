"""The one object behind `--json`, summary.json, the screen and the verdict: every number of a run,
from its record.

Durations and instants are integers in microseconds (`..._us`) and, where people read them, also
seconds (`..._s`, floats, for reading only); parts are in ppm; None is unknown. A mean or a quantile
that is no whole microsecond is rounded half up, once, here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from dr_sim.measures.alerts import AlertQuality
from dr_sim.measures.conservation import Conservation, conservation
from dr_sim.measures.lag import LinkUse, backlog, backups_made, bytes_offered, link_use
from dr_sim.measures.owed import not_told
from dr_sim.measures.summary.alerts import alerts_summary, qualities_of
from dr_sim.measures.summary.curves import (
    EXPOSED_CLASS,
    curve_summary,
    exposure_part,
    exposure_summary,
    lag_summary,
    outage_if_now_summary,
)
from dr_sim.measures.summary.failovers import failovers_summary, orders_refused
from dr_sim.measures.summary.mistakes import mistakes_summary
from dr_sim.measures.summary.values import half_up
from dr_sim.measures.tables import run_end_us, service_up_until_us
from dr_sim.measures.tenants import asked_of
from dr_sim.measures.whole import Whole, unprotected_spans
from dr_sim.measures.writes import any_refused_us, refusals
from dr_sim.oracle.monitors import broken
from dr_sim.units import format_duration


def summarise(whole: Whole) -> dict[str, Any]:
    """All measures of one run, ready for json.dumps. Without a failover `failovers` is empty.

    Everything is of all legs, in the whole run's time: failovers and alerts are numbered through,
    curves joined (dr_sim/measures/whole.py), counts added up. `legs` says which site was which
    when.
    """
    scenario = whole.scenario
    qualities = qualities_of(whole)
    conserved = [conservation(t, leg.scenario) for leg, t in whole.each]
    return {
        "name": scenario.name,
        "seed": scenario.seed,
        "replication_no": scenario.replication_no,
        "databases": [d.name for d in scenario.databases],
        "start_utc_us": scenario.start_utc_us,
        "time_zone": scenario.time_zone,
        "measured_us": {
            "from": scenario.measure_from_us,
            "end": whole.end_us,
            "up_until": service_up_until_us(whole.opened[0], scenario),
        },
        "legs": _legs(whole),
        "failovers": failovers_summary(whole, qualities),
        "orders_refused": orders_refused(whole),
        "mistakes": mistakes_summary(whole),
        "exposure": exposure_summary(whole),
        "exposure_before": exposure_part(whole, "exposure_before"),
        "exposure_after": exposure_part(whole, "exposure_after"),
        "replay_lag": lag_summary(whole),
        "outage_if_now": outage_if_now_summary(whole),
        "backlog": _backlog(whole),
        "alerts": alerts_summary(whole, qualities),
        "link": _link(whole),
        "backups": dict(sum((Counter(backups_made(t)) for t in whole.opened), Counter())),
        "writes_refused": _writes_refused(whole),
        "happened": _happened(whole),
        "silent_recoveries": _silent_recoveries(whole),
        "violations": _violations(whole)
        + _not_conserved(whole, conserved)
        + _requirements_broken(whole)
        + _not_told(whole, qualities),
        "conservation": [
            {leg.scenario.databases[c.database].name: c.parts() for c in found}
            for leg, found in zip(whole.legs, conserved, strict=True)
        ],
    }


def _legs(whole: Whole) -> list[dict[str, Any]]:
    """Which site is the primary and which the secondary, from when to when, and since when
    unprotected until when.
    """
    spans = unprotected_spans(whole)
    out = []
    for leg, t in whole.each:
        end = whole.until_us(leg)
        bare = [span for span in spans if leg.begins_us <= span[0] < end and leg.number > 1]
        out.append(
            {
                "leg": leg.number,
                "begins_us": leg.begins_us,
                "ends_us": end,
                "primary": leg.primary,
                "secondary": leg.secondary,
                "unprotected_us": list(bare[0]) if bare else None,
                "exposure": curve_summary(
                    whole.exposure_in(leg, EXPOSED_CLASS), leg.scenario, run_end_us(t, leg.scenario)
                ),
            }
        )
    return out


def _silent_recoveries(whole: Whole) -> list[dict[str, Any]]:
    return [
        {
            "time_us": leg.begins_us + r.time_us,
            "database": leg.scenario.databases[r.entity].name,
            "claimed": r.values["claimed"],
            "held": r.values["held"],
            "sound": bool(r.values["sound"]),
        }
        for leg, t in whole.each
        for r in t.rows("truth.silent_recovery")
    ]


def _violations(whole: Whole) -> list[dict[str, Any]]:
    """What the witness found."""
    return [
        {
            "time_us": leg.begins_us + r.time_us,
            "invariant": r.values["invariant"],
            "detail": r.values["detail"],
        }
        for leg, t in whole.each
        for r in t.rows("truth.violation")
    ]


def _requirements_broken(whole: Whole) -> list[dict[str, Any]]:
    """What the monitors found (dr_sim/oracle/monitors): the requirement, the row that shows it, and
    one sentence.
    """
    return [
        {
            "time_us": leg.begins_us + b.time_us,
            "invariant": b.requirement,
            "detail": f"row {b.seq}: {b.sentence}",
        }
        for leg in whole.legs
        for b in broken(leg.journal, leg.scenario)
        if whole.still_in(leg, b.time_us)
    ]


def _not_told(whole: Whole, qualities: Sequence[AlertQuality]) -> list[dict[str, Any]]:
    """Lasting dangers that nobody was told of in time."""
    return [
        {
            "time_us": leg.begins_us + each.deadline_us,
            "invariant": "S8",
            "detail": f"{leg.scenario.databases[each.database].name} is in danger since "
            f"{format_duration(leg.begins_us + each.onset_us)}, and nobody is told",
        }
        for (leg, t), quality in zip(whole.each, qualities, strict=True)
        for each in not_told(t, leg.scenario, quality.episodes)
        if whole.still_in(leg, each.deadline_us)
    ]


def _not_conserved(whole: Whole, conserved: list[list[Conservation]]) -> list[dict[str, Any]]:
    """What does not add up at the end of a leg breaks an invariant too."""
    return [
        {
            "time_us": leg.begins_us + run_end_us(t, leg.scenario),
            "invariant": "conservation",
            "detail": f"{leg.scenario.databases[c.database].name}: {wrong}",
        }
        for (leg, t), found in zip(whole.each, conserved, strict=True)
        for c in found
        for wrong in c.wrong
    ]


def _backlog(whole: Whole) -> dict[str, int]:
    each = [backlog(t, leg.scenario) for leg, t in whole.each]
    return {
        "not_landed_max": max(to_land.most for to_land, _ in each),
        "not_landed_at_end": each[-1][0].last,
        "not_restored_max": max(to_restore.most for _, to_restore in each),
        "not_restored_at_end": each[-1][1].last,
    }


def _happened(whole: Whole) -> dict[str, int]:
    """How often each kind of event and fault happened, scripted or drawn, in each leg until the
    next begins; what goes on in the next has happened once.
    """
    found: Counter[str] = Counter()
    for leg, t in whole.each:
        found.update(
            r.values["what"]
            for r in t.rows("truth.event")
            if r.values["begins"] and whole.still_in(leg, r.time_us)
        )
        found.subtract(event.kind.name for event in leg.scenario.events[: leg.scenario.carried_num])
    return dict(sorted((what, n) for what, n in found.items() if n))


def _writes_refused(whole: Whole) -> dict[str, Any]:
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
    tenants = {
        tenant: [databases[i].name for i in of] for tenant, of in asked_of(whole.scenario).items()
    }
    by_database = {
        d.name: {
            "time_us": sum(r.end_us - r.begin_us for _, name, r in named if name == d.name),
            "transactions": sum(r.transactions for _, name, r in named if name == d.name),
        }
        for d in databases
    }
    return {
        "time_us": sum(any_refused_us(found) for _, found in each),
        "transactions": sum(r.transactions for _, _, r in named),
        "first_us": min((begins_us + r.begin_us for begins_us, _, r in named), default=None),
        "by_database": by_database,
        "by_tenant": {
            tenant: {
                "time_us": sum(
                    any_refused_us(
                        [r for r in found if leg.scenario.databases[r.database].name in of]
                    )
                    for leg, found in each
                ),
                "transactions": sum(by_database[name]["transactions"] for name in of),
            }
            for tenant, of in tenants.items()
        },
    }


def _link(whole: Whole) -> dict[str, Any]:
    """While there was a primary to send from."""
    uses = [
        link_use(t, leg.scenario, service_up_until_us(t, leg.scenario)) for leg, t in whole.each
    ]
    use = LinkUse(
        sum(u.bytes_sent for u in uses),
        sum((u.capacity_bits for u in uses), Fraction(0)),
        sum(u.down_us for u in uses),
    )
    share = use.share
    offered = sum(bytes_offered(t) for t in whole.opened)
    return {
        "offered_bytes": offered,
        "could_carry_bytes": int(use.capacity_bits // 8),
        "overloaded": offered * 8 > use.capacity_bits,
        "bytes_sent": use.bytes_sent,
        "used_ppm": None if share is None else half_up(share * 1_000_000),
        "down_us": use.down_us,
    }
