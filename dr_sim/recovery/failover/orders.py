"""Orders to fail over: who may give them, and when they are refused (R14).

People give an order again when the recovery manager died over it. It may have been durable by then.
Where the failover that it began still claims, or stops before the same instant, the order is the
same one, and is not refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import Command
from dr_sim.recovery import events
from dr_sim.recovery.alerts.alert_texts import utc_text
from dr_sim.recovery.commands import RefuseOrder
from dr_sim.recovery.failover import going_back, watching
from dr_sim.recovery.failover.failover_table import (
    EMPTYING,
    FailoverEvent,
    FailoverPhase,
)
from dr_sim.recovery.repair.refusals import OrderRefused, WhyNoFailover
from dr_sim.recovery.replay.waiting import has_full_before, holds_later

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover
    from dr_sim.recovery.replay.replay import DatabaseReplay

_MAY_BEGIN = (
    FailoverPhase.WATCHING,
    FailoverPhase.CHOOSING,
    FailoverPhase.DECIDING,
)


def ordered(
    f: Failover, e: events.FailoverOrdered, out: list[Command]
) -> None:
    if (
        e.operator in f.config.operators
        and f.planned
        and not e.planned
        and f.phase in EMPTYING
    ):
        f.stop_waiting()
        f.save(out)
        f.emptying.lose_patience(e, out)
        return
    if _is_on_already(f, e.operator, e.planned, {}):
        return
    refused = _refused(f, e.operator)
    if refused is None and not watching.something_here(f):
        if not e.planned and f.silence.at_us() is not None:
            watching.look_elsewhere(f, e, out)
            return
        refused = OrderRefused(WhyNoFailover.NOTHING_RESTORED)
    if refused is None and e.planned:
        refused = _broken_chain(f)
    _begin_or_refuse(f, e.operator, e.planned, refused, out)


def ordered_to_point(
    f: Failover, e: events.FailoverOrderedToPoint, out: list[Command]
) -> None:
    """Obey an order to stop replay just before an instant. A copy that already holds later writes
    cannot go back: where the order allows it, it is restored again.
    """
    at = e.stop_before_utc_us
    concerned = [
        db for name, db in f.databases.items() if e.target in ("", name)
    ]
    if _is_on_already(
        f, e.operator, False, {db.name: at for db in concerned}
    ):
        return
    refused = _refused(f, e.operator)
    if refused is None and not watching.something_here(f):
        refused = OrderRefused(WhyNoFailover.NOTHING_RESTORED)
    if refused is None:
        refused = _past_the_point(concerned, e)
    if refused is None:
        for db in concerned:
            db.stop_before(at)
    _begin_or_refuse(f, e.operator, False, refused, out)


def ordered_beside(
    f: Failover, e: events.BesideOrdered, out: list[Command]
) -> None:
    """Obey an order to restore a database beside the service, or refuse it."""
    db = f.databases.get(e.database)
    if db is None or db.promoted:
        return
    db.beside.ordered(e, f.config.operators, out)
    if db.beside.on:
        db.look_into_unread(out)


def answered(
    f: Failover, e: events.OperatorAnswered, out: list[Command]
) -> None:
    """Handle the answer of the operator who was paged."""
    if f.phase is not FailoverPhase.DECIDING:
        return
    if e.operator not in f.config.operators:
        out.append(
            RefuseOrder(
                e.operator, OrderRefused(WhyNoFailover.NOT_AUTHORISED)
            )
        )
    elif e.approve:
        f.begin(False, True, out)
        return
    f.silence.decline()
    f.abandon(FailoverEvent.DECLINED, out)
    going_back.again(f, e, out)


def _begin_or_refuse(
    f: Failover,
    operator: str,
    planned: bool,
    refused: OrderRefused | None,
    out: list[Command],
) -> None:
    if refused is not None:
        out.append(RefuseOrder(operator, refused))
    elif not f.claiming.held:
        f.claim(planned, operator, out)
    else:
        f.begin(planned, False, out)


def _is_on_already(
    f: Failover, operator: str, planned: bool, stops: dict[str, int]
) -> bool:
    """Return whether that very order claims now, or is being carried out. stops: by database, the
    instant to stop before. An order without one is refused while a failover is on.
    """
    stop_before = {
        name: db.stop_before_utc_us
        for name, db in f.databases.items()
        if db.stop_before_utc_us
    }
    if f.planned != planned or stop_before != stops:
        return False
    if f.on:
        return bool(stops) and operator in f.config.operators
    claims = f.phase is FailoverPhase.CLAIMING
    return claims and f.claiming.operator == operator


def _refused(f: Failover, operator: str) -> OrderRefused | None:
    """Return why an order of that person is not obeyed, whatever the order says."""
    if operator not in f.config.operators:
        return OrderRefused(WhyNoFailover.NOT_AUTHORISED)
    if f.phase not in _MAY_BEGIN:
        return OrderRefused(WhyNoFailover.ONE_IS_ON, (f.phase.value,))
    return None


def _broken_chain(f: Failover) -> OrderRefused | None:
    """Return why a planned failover is refused: it loses nothing, so no chain may be broken."""
    for name, db in f.databases.items():
        if db.watch.breaks_the_chain or db.repair.on:
            return OrderRefused(WhyNoFailover.CHAIN_BROKEN, (name,))
    return None


def _past_the_point(
    concerned: list[DatabaseReplay], e: events.FailoverOrderedToPoint
) -> OrderRefused | None:
    """Return why one of these databases cannot be had as of before the instant."""
    at = e.stop_before_utc_us
    for db in concerned:
        about = (db.name, utc_text(at))
        past = holds_later(db, at)
        if past and not e.anew:
            return OrderRefused(WhyNoFailover.COPY_HOLDS_LATER, about)
        restores = past or not db.state.exists
        if restores and not has_full_before(db, at):
            return OrderRefused(WhyNoFailover.NO_FULL_BEFORE, about)
    return None
