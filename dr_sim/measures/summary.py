"""The one object behind `--json`, summary.json, the screen and the verdict: every number of a run, from its record.

Durations and instants are integers in microseconds (`..._us`) and, where people read them, also seconds (`..._s`,
floats, for reading only); parts are in ppm; None is unknown. A mean or a quantile that is no whole microsecond is
rounded half up, once, here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from dr_sim.legs import Leg, first_leg
from dr_sim.measures.alerts import Alert, AlertQuality, Episode, judge
from dr_sim.measures.causes import Causes
from dr_sim.measures.conservation import conservation
from dr_sim.measures.exposure import Curve, service_exposure
from dr_sim.measures.lag import LinkUse, backlog, backups_made, link_use, unprotected
from dr_sim.measures.ledger import Ledger, loss_ledger, outage_ledger
from dr_sim.measures.outcome import DatabaseLoss, Failover, failovers, manager_down, why_unknown
from dr_sim.measures.tables import Record, Tables, run_end_us, tables, up_until_us
from dr_sim.measures.tenants import TenantOutcome, asked_of, tenant_outcomes
from dr_sim.measures.whole import Whole, unprotected_spans
from dr_sim.measures.writes import any_refused_us, refusals
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla import limit_of

QUANTILES = (50, 90, 95, 99)  # per cent
NEVER_US = 1 << 62
EXPOSED_CLASS = "site"  # the class that exposure means where none is named: only what has landed survives


def summarise(record: Record, scenario: Scenario, following: Sequence[Leg] = ()) -> dict[str, Any]:
    """All measures of one run, ready for json.dumps. Without a failover `failovers` is empty.

    following: the legs after the first failover. Everything is of all legs, in the whole run's time: failovers and alerts
    are numbered through, curves joined (dr_sim/measures/whole.py), counts added up. `legs` says which site was which when.
    """
    t = tables(record)
    end = run_end_us(t, scenario)
    legs = [first_leg(scenario, t.journal), *following]
    opened = [t, *(tables(leg.journal) for leg in following)]
    whole = Whole(legs, opened)
    qualities = qualities_of(whole)
    up_until = min((up_until_us(t, scenario, i) for i in range(len(scenario.databases))), default=end)
    return {
        "name": scenario.name,
        "seed": scenario.seed,
        "replication_no": scenario.replication_no,
        "databases": [d.name for d in scenario.databases],
        "start_utc_us": scenario.start_utc_us,
        "time_zone": scenario.time_zone,
        "measured_us": {"from": scenario.measure_from_us, "end": end, "up_until": up_until},
        "legs": _legs(whole),
        "failovers": _failovers(legs, opened, qualities),
        "orders_refused": _orders_refused(legs, opened),
        "exposure": _exposures(whole, scenario),
        "replay_lag": _with_parts(whole.replay_lag, scenario, end),
        "backlog": _backlog(whole),
        "alerts": _alerts(whole, qualities),
        "link": _link(whole),
        "backups": dict(sum((Counter(backups_made(of)) for of in opened), Counter(dict.fromkeys(backups_made(t), 0)))),
        "writes_refused": _writes_refused(legs, opened),
        "happened": _happened(legs, opened),
        "silent_recoveries": [
            {
                "time_us": leg.begins_us + r.time_us, "database": leg.scenario.databases[r.entity].name,
                "claimed": r.values["claimed"], "held": r.values["held"], "sound": bool(r.values["sound"]),
            }
            for leg, of in zip(legs, opened, strict=True)
            for r in of.rows("truth.silent_recovery")
        ],
        "violations": [
            {"time_us": leg.begins_us + r.time_us, "invariant": r.values["invariant"], "detail": r.values["detail"]}
            for leg, of in zip(legs, opened, strict=True)
            for r in of.rows("truth.violation")
        ]
        + [broken for leg, of in zip(legs, opened, strict=True) for broken in _not_conserved(leg, of)],
        "conservation": [_conserved(leg, of) for leg, of in zip(legs, opened, strict=True)],
    }


def qualities_of(whole: Whole) -> list[AlertQuality]:
    """Of each leg the alerts and dangers, in the leg's time; alerts are numbered through the whole run."""
    found, before = [], 0
    for leg, t in zip(whole.legs, whole.opened, strict=True):
        quality = judge(t, leg.scenario)
        for alert in quality.alerts:
            alert.number += before
        before += len(t["seen.RaiseAlert"]["seq"])
        found.append(quality)
    return found


def _legs(whole: Whole) -> list[dict[str, Any]]:
    """Which site is the primary and which the secondary, from when to when, and since when unprotected until when."""
    ends = [*(leg.begins_us for leg in whole.legs[1:]), whole.end_us]
    spans = unprotected_spans(whole)
    out = []
    for leg, t, end in zip(whole.legs, whole.opened, ends, strict=True):
        exposed = service_exposure(t, leg.scenario, EXPOSED_CLASS)
        bare = [span for span in spans if leg.begins_us <= span[0] < end and leg.number > 1]
        out.append({
            "leg": leg.number, "begins_us": leg.begins_us, "ends_us": end, "primary": leg.primary, "secondary": leg.secondary,
            "unprotected_us": list(bare[0]) if bare else None,
            "exposure": _curve(exposed, leg.scenario, run_end_us(t, leg.scenario)),
        })  # fmt: skip
    return out


def _not_conserved(leg: Leg, t: Tables) -> list[dict[str, Any]]:
    at_us = leg.begins_us + run_end_us(t, leg.scenario)
    return [
        {"time_us": at_us, "invariant": "conservation", "detail": f"{leg.scenario.databases[c.database].name}: {wrong}"}
        for c in conservation(t, leg.scenario)
        for wrong in c.wrong
    ]


def _conserved(leg: Leg, t: Tables) -> dict[str, dict[str, int]]:
    """Of one leg, by database: its log bytes."""
    return {leg.scenario.databases[c.database].name: c.parts() for c in conservation(t, leg.scenario)}


def half_up(value: Fraction | int) -> int:
    return int((2 * Fraction(value) + 1) // 2)


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / 1_000_000


# ---- exposure and lag ------------------------------------------------------------------------------------------------
def _exposures(whole: Whole, scenario: Scenario) -> dict[str, Any]:
    end = whole.end_us
    out = _with_parts(whole.exposure, scenario, end)
    out["class"] = EXPOSED_CLASS
    out["other_classes"] = {other: _curve(whole.exposure("", other), scenario, end) for other in ("database", "host")}
    out["reported"] = _curve(whole.reported(), scenario, end)
    return out


def _with_parts(of: Callable[..., Curve], scenario: Scenario, end: int) -> dict[str, Any]:
    """The worst of the databases' curves, each of them, and the worst of each tenant's that the SLA names."""
    return {
        **_curve(of(), scenario, end),
        "by_database": {d.name: _curve(of(d.name), scenario, end) for d in scenario.databases},
        "by_tenant": {name: _curve(of(tenant=name), scenario, end) for name in asked_of(scenario)},
    }


def _curve(curve: Curve, scenario: Scenario, end: int) -> dict[str, Any]:
    """mean, quantiles, maximum and the shares of time above the limits that the SLA and danger name. A curve with no
    time in the measured part of the run has none of them: None."""
    curve = curve.window(scenario.measure_from_us, end)
    total = curve.duration_us
    out: dict[str, Any] = {"time_us": total, "mean_us": None, "max_us": None, "mean_s": None, "max_s": None}
    out |= {f"p{q}_us": None for q in QUANTILES}
    out["above"] = {}
    if not total:
        return out
    out["mean_us"], out["max_us"] = half_up(curve.mean_us()), curve.max_us()
    out["mean_s"], out["max_s"] = _seconds(out["mean_us"]), _seconds(out["max_us"])
    for q, value in zip(QUANTILES, curve.quantiles_us([Fraction(q, 100) for q in QUANTILES]), strict=True):
        out[f"p{q}_us"] = half_up(value)
    for limit in limits_us(scenario):
        above = curve.above_us(limit)
        # rounded up: a share that is not nothing is not shown as nothing
        out["above"][str(limit)] = {"time_us": above, "ppm": -(-above * 1_000_000 // total)}
    return out


def limits_us(scenario: Scenario) -> list[int]:
    """The limits for which the time above is reported: danger, the SLA's data loss and its own limits of exposure."""
    found = {scenario.danger_us}
    found |= {line.bound for line in scenario.sla if line.measure.split(".")[0] == "data_loss"}
    found |= {limit for line in scenario.sla if (limit := limit_of(line.measure)) is not None}
    return sorted(found)


# ---- failovers ----------------------------------------------------------------------------------------------------------
def _failovers(legs: Sequence[Leg], opened: Sequence[Tables], qualities: Sequence[AlertQuality]) -> list[dict[str, Any]]:
    """Those of all legs, numbered through."""
    found: list[dict[str, Any]] = []
    for i, (leg, t, quality) in enumerate(zip(legs, opened, qualities, strict=True)):
        for f in failovers(t, leg.scenario):
            told = _failover(t, leg.scenario, f, quality)
            bare = unprotected(leg, f, legs[i + 1] if i + 1 < len(legs) else None)
            told["unprotected_us"], told["unprotected_censored"] = bare if bare is not None else (None, False)
            found.append({**_in_the_run_s_time(told, leg.begins_us), "number": len(found) + 1, "leg": leg.number, "primary": leg.primary})
    return found


_INSTANTS = ("end_us", "due_us", "failed_us", "recovery_point_us", "outage_from_us", "served_again_us", "begin_us", "onset_us", "time_us")


def _in_the_run_s_time(told: Any, begins_us: int) -> Any:
    """A failover's summary with every instant in it counted from the run's start; told as its leg counts."""
    if isinstance(told, dict):
        return {
            key: value + begins_us if key in _INSTANTS and isinstance(value, int) else _in_the_run_s_time(value, begins_us)
            for key, value in told.items()
        }
    return [_in_the_run_s_time(item, begins_us) for item in told] if isinstance(told, list) else told


def _failover(t: Tables, scenario: Scenario, f: Failover, quality: AlertQuality) -> dict[str, Any]:
    losses = [_loss(t, scenario, loss) for loss in f.losses]
    known = f.data_loss_us is not None
    return {
        "number": f.number,
        "class": f.failure_class,
        "mode": scenario.failover.mode,
        "ordered_by": _ordered_by(t, f),
        "failed_us": f.failed_us,
        "events": _events_of(t, scenario, f),
        "data_loss_us": f.data_loss_us,
        "data_loss_s": _seconds(f.data_loss_us),
        "recovery_point_us": f.worst.recovery_point_us,
        "worst_database": scenario.databases[f.worst.database].name,
        "user_bytes_lost": sum(x.user_bytes for x in f.losses) if known else None,
        "maintenance_bytes_lost": sum(x.maintenance_bytes for x in f.losses) if known else None,
        "transactions_lost": sum(x.transactions for x in f.losses) if known else None,
        "discarded_bytes": sum(x.discarded_bytes for x in f.losses),
        "discarded_transactions": sum(x.discarded_transactions for x in f.losses),
        "databases": losses,
        "loss_ledger": _ledger(loss_ledger(t, scenario, f.worst)),
        "outage_us": f.outage_us,
        "outage_s": _seconds(f.outage_us),
        "outage_from_us": f.outage_from_us,
        "served_again_us": f.served_again_us,
        "outage_note": _not_online(t, scenario, f),
        "phases_us": f.phases_us,
        "manager_down_us": sum(end - begin for begin, end in manager_down(t, f.outage_from_us, f.until_us)),
        "outage_ledger": _ledger(outage_ledger(t, scenario, f)),
        "requests_failed": f.requests_failed,
        "requests_offered": f.requests_offered,
        "two_primaries_us": f.two_primaries_us,
        "tenants": [_tenant(scenario, of) for of in tenant_outcomes(t, scenario, f)],
        "told": _told(t, scenario, f, quality),
    }


def _not_online(t: Tables, scenario: Scenario, f: Failover) -> str:
    """Why users are not served again though databases were promoted: others could not be."""
    left = [loss.database for loss in f.losses if loss.promoted_us is None]
    if f.outage_us is not None or f.promoted_us is None or not left:
        return ""
    more = f", and {len(left) - 1} more databases are not online" if len(left) > 1 else ""
    return why_unknown(t, scenario, left[0]) + more


def _tenant(scenario: Scenario, of: TenantOutcome) -> dict[str, Any]:
    return {
        "name": of.tenant,
        "databases": [scenario.databases[i].name for i in of.databases],
        "data_loss_us": of.data_loss_us,
        "outage_us": of.outage_us,
        "outage_from_us": of.outage_from_us,
        "served_again_us": of.served_again_us,
        "phases_us": of.phases_us,
    }


def _orders(t: Tables) -> list[tuple[int, str, str]]:
    """(instant, operator, why it was refused or '') of every order to fail over, in order."""
    refused = [(r.time_us, r.values["operator"], r.values["reason"]) for r in t.rows("seen.RefuseOrder")]
    orders = []
    for r in t.rows("seen.FailoverOrdered"):
        mine = next((x for x in refused if x[:2] == (r.time_us, r.values["operator"])), None)
        if mine is not None:
            refused.remove(mine)
        orders.append((r.time_us, r.values["operator"], mine[2] if mine is not None else ""))
    return orders


def _obeyed(t: Tables, f: Failover) -> tuple[int, str] | None:
    """The order that this failover began with: (instant, operator); None if it was begun without one."""
    fenced = t["seen.Fence"]["time_us"].tolist()
    by = fenced[0] if fenced else f.failed_us
    return next(((at, who) for at, who, refused in _orders(t) if not refused and at <= by), None)


def _ordered_by(t: Tables, f: Failover) -> str | None:
    order = _obeyed(t, f)
    return None if order is None else order[1]


def _events_of(t: Tables, scenario: Scenario, f: Failover) -> str:
    """'event 3, event 5': what was lost, and the order that was obeyed."""
    causes = Causes(t, scenario)
    order = _obeyed(t, f)
    found = [causes.during(f.failed_us, f.failed_us + 1, ("lose",))]
    found += [] if order is None else [causes.order(*order)]
    return ", ".join(dict.fromkeys(label for label in found if label))


def _orders_refused(legs: Sequence[Leg], opened: Sequence[Tables]) -> list[dict[str, Any]]:
    """Of every leg until the next one begins: what comes after that is for the next."""
    ends = [*(leg.begins_us for leg in legs[1:]), NEVER_US]
    return [
        {"time_us": leg.begins_us + at, "operator": who, "reason": why, "events": Causes(t, leg.scenario).order(at, who)}
        for leg, t, end in zip(legs, opened, ends, strict=True)
        for at, who, why in _orders(t)
        if why and leg.begins_us + at < end
    ]


def _loss(t: Tables, scenario: Scenario, loss: DatabaseLoss) -> dict[str, Any]:
    return {
        "note": why_unknown(t, scenario, loss.database) if loss.data_loss_us is None else "",
        "name": scenario.databases[loss.database].name,
        "failed_us": loss.failed_us,
        "recovery_point_us": loss.recovery_point_us,
        "data_loss_us": loss.data_loss_us,
        "user_bytes_lost": loss.user_bytes,
        "maintenance_bytes_lost": loss.maintenance_bytes,
        "transactions_lost": loss.transactions,
        "discarded_bytes": loss.discarded_bytes,
        "discarded_transactions": loss.discarded_transactions,
    }


def _ledger(ledger: Ledger) -> dict[str, Any]:
    return {
        "total_us": ledger.total_us,
        "note": ledger.note,
        "lines": [
            {"begin_us": x.begin_us, "duration_us": x.duration_us, "cause": x.cause, "detail": x.detail}
            for x in ledger.lines
        ],
    }


def _told(t: Tables, scenario: Scenario, f: Failover, quality: AlertQuality) -> dict[str, Any]:
    """Whether anyone had been told, before the failure, of the danger that it met."""
    at_failure = [e for e in quality.episodes if e.ended_by_failure and e.due_us is not None]
    if not at_failure:
        return {"answer": "no danger"}
    episode = next((e for e in at_failure if e.missed), min(at_failure, key=lambda e: e.onset_us))
    if episode.alert is None:
        return {"answer": "no", "database": scenario.databases[episode.database].name, "onset_us": episode.onset_us}
    fault = Causes(t, scenario).latest_before(episode.alert.time_us, episode.database)
    return {
        "answer": "yes",
        "database": scenario.databases[episode.database].name,
        "onset_us": episode.onset_us,
        "alert": _alert(scenario, episode.alert),
        "before_failure_us": f.failed_us - episode.alert.time_us,
        "after_fault_us": None if fault is None else episode.alert.time_us - fault.begin_us,
        "fault": None if fault is None else fault.label,
    }


# ---- alerts, backlog, link -----------------------------------------------------------------------------------------------
def _alert(scenario: Scenario, alert: Alert) -> dict[str, Any]:
    return {
        "number": alert.number,
        "time_us": alert.time_us,
        "source": alert.source,
        "database": "" if alert.database < 0 else scenario.databases[alert.database].name,
        "event_id": alert.event_id,
        "level": alert.level,
        "minutes": alert.minutes,
        "text": alert.text,
        "false": alert.false_alarm,
    }


def _episode(scenario: Scenario, e: Episode) -> dict[str, Any]:
    return {
        "database": scenario.databases[e.database].name,
        "onset_us": e.onset_us,
        "end_us": e.end_us,
        "ended_by_failure": e.ended_by_failure,
        "due_us": e.due_us,
        "alert": None if e.alert is None else e.alert.number,
        "delay_us": e.delay_us,
        "missed": e.missed,
        "late": e.late,
    }


def _alerts(whole: Whole, qualities: Sequence[AlertQuality]) -> dict[str, Any]:
    """Of all legs: an alert that was missed after a failover was missed."""
    each = list(zip(whole.legs, qualities, strict=True))
    told = [_in_the_run_s_time(_alert(leg.scenario, a), leg.begins_us) for leg, q in each for a in q.alerts]
    by_database = {d.name: [_score(qualities[0].of(i))] for i, d in enumerate(whole.legs[0].scenario.databases)}
    names = list(by_database)
    for leg, quality in each[1:]:
        for i, d in enumerate(leg.scenario.databases):
            by_database[d.name].append(_score(quality.of(i)))
    return {
        **_added([_score(q) for q in qualities]),
        "first": told[0] if told else None,
        "list": told,
        "episodes": [_in_the_run_s_time(_episode(leg.scenario, e), leg.begins_us) for leg, q in each for e in q.episodes],
        "by_database": {name: _added(scores) for name, scores in by_database.items()},
        "by_tenant": {
            tenant: _added([score for i in of for score in by_database[names[i]]]) for tenant, of in asked_of(whole.legs[0].scenario).items()
        },
    }


def _added(scores: Sequence[dict[str, Any]]) -> dict[str, int | None]:
    found: dict[str, int | None] = {key: sum(score[key] for score in scores) for key in ("raised", "due", "missed", "late", "false")}
    delays = [score["max_delay_us"] for score in scores if score["max_delay_us"] is not None]
    return found | {"max_delay_us": max(delays, default=None)}


def _score(quality: AlertQuality) -> dict[str, int | None]:
    return {
        "raised": len(quality.alerts),
        "due": quality.due,
        "missed": quality.missed,
        "late": quality.late,
        "false": quality.false,
        "max_delay_us": quality.max_delay_us,
    }


def _backlog(whole: Whole) -> dict[str, int]:
    each = [backlog(t, leg.scenario) for leg, t in zip(whole.legs, whole.opened, strict=True)]
    return {
        "not_landed_max": max(to_land.most for to_land, _ in each),
        "not_landed_at_end": each[-1][0].last,
        "not_restored_max": max(to_restore.most for _, to_restore in each),
        "not_restored_at_end": each[-1][1].last,
    }


def _happened(legs: Sequence[Leg], opened: Sequence[Tables]) -> dict[str, int]:
    """How often each kind of event and fault happened, scripted or drawn, in each leg until the next begins; what goes on
    in the next has happened once."""
    ends = [*(leg.begins_us for leg in legs[1:]), NEVER_US]
    found: Counter[str] = Counter()
    for leg, t, end in zip(legs, opened, ends, strict=True):
        begun = [r.values["what"] for r in t.rows("truth.event") if r.values["begins"] and leg.begins_us + r.time_us < end]
        found.update(begun)
        found.subtract(event.kind for event in leg.scenario.events[: leg.scenario.carried_num])
    return dict(sorted((what, n) for what, n in found.items() if n))


def _writes_refused(legs: Sequence[Leg], opened: Sequence[Tables]) -> dict[str, Any]:
    """Commits that were refused because a transaction log was full, and for how long, in all legs."""
    each = [(leg, refusals(t, leg.scenario)) for leg, t in zip(legs, opened, strict=True)]
    named = [(leg.begins_us, leg.scenario.databases[r.database].name, r) for leg, found in each for r in found]
    by_database = {
        d.name: {
            "time_us": sum(r.end_us - r.begin_us for _, name, r in named if name == d.name),
            "transactions": sum(r.transactions for _, name, r in named if name == d.name),
        }
        for d in legs[0].scenario.databases
    }
    return {
        "time_us": sum(any_refused_us(found) for _, found in each),
        "transactions": sum(r.transactions for _, _, r in named),
        "first_us": min((begins_us + r.begin_us for begins_us, _, r in named), default=None),
        "by_database": by_database,
    }


def _link(whole: Whole) -> dict[str, Any]:
    """While there was a primary to send from."""
    uses = []
    for leg, t in zip(whole.legs, whole.opened, strict=True):
        up_until = min((up_until_us(t, leg.scenario, i) for i in range(len(leg.scenario.databases))), default=0)
        uses.append(link_use(t, leg.scenario, up_until))
    use = LinkUse(sum(u.bytes_sent for u in uses), sum((u.capacity_bits for u in uses), Fraction(0)), sum(u.down_us for u in uses))
    share = use.share
    return {
        "bytes_sent": use.bytes_sent,
        "used_ppm": None if share is None else half_up(share * 1_000_000),
        "down_us": use.down_us,
    }
