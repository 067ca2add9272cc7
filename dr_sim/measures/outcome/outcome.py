"""Tells what a failover cost: data loss, outage and its phases, discarded writes, two primaries,
requests that failed.

A failover begins with the first `truth.failed`, or, where no database had failed, with the writes
being stopped (planned) or with the promotion (needless: the primary was alive and only silent). A
run that ends too early leaves None, which means unknown, never zero.

A server that falls (truth.down: PostgreSQL's, when its log's disk is full) is a failure of class
'database', whose data and log survive. If it was taken over, the failover began when it fell. If it
came back by itself it is an outage without a failover: it loses nothing, and is listed with the
others (`by_itself`). So is the loss of a host or a site that came back before anybody had failed
over (truth.opened), and a failover that stopped the primary and was left: the primary serves again
(truth.unfenced).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dr_sim.measures.conservation import FIRST_LSN
from dr_sim.measures.exposure.exposure import (
    NEVER_US,
    all_since_us,
    bare_us,
    furthest_elsewhere,
)
from dr_sim.measures.outcome.phases import (
    PHASE_OF,
    lengths_us,
    phase_spans,
)
from dr_sim.measures.outcome.served import SERVED_AGAIN_PPM, Served, served
from dr_sim.measures.tables import (
    Record,
    Tables,
    failed_for_good,
    opened_us,
    run_end_us,
    tables,
    undone_stops_us,
    writes_stopped_us,
)
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario

ROUNDING_US = 1_000  # two millionths of a rise that takes up to ten minutes


@dataclass(slots=True)
class DatabaseLoss:
    """Holds what one database lost. recovery_point_us and data_loss_us are None if it was never
    promoted, unless nothing is left of it behind its primary (total): then all that was ever
    written is lost, but what a place of an earlier role still holds (left_at).
    """

    database: int
    failed_us: int
    promoted_us: int | None = None
    survivor_commits: int = 0
    recovery_point_us: int | None = None
    data_loss_us: int | None = None
    user_bytes: int = 0
    maintenance_bytes: int = 0
    transactions: int = 0
    # acknowledged by the old primary after the promotion; counted in user_bytes too
    discarded_bytes: int = 0
    discarded_transactions: int = 0
    total: bool = False
    left_at: str = ""


@dataclass(slots=True)
class FailoverOutcome:
    """One failover. Durations in microseconds; None is unknown: the run ended first."""

    number: int
    failed_us: int
    failure_class: str  # 'database', 'host', 'site', 'planned', or 'none': no database had failed
    losses: list[DatabaseLoss]
    outage_from_us: int
    served_again_us: int | None
    until_us: int  # served again, or the end of the run
    phases_us: dict[str, int]  # add up to until_us - outage_from_us
    promoted_us: int | None
    requests_failed: int
    requests_offered: int
    two_primaries_us: int
    # (begin, end, phase), the phases in order
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    by_itself: bool = (
        False  # nobody failed over: the servers that had fallen came back
    )
    fell: bool = False  # it began with a server that fell
    unfenced: bool = False  # a failover was left, and the old primary that it stopped serves again

    @property
    def outage_us(self) -> int | None:
        return (
            None
            if self.served_again_us is None
            else self.served_again_us - self.outage_from_us
        )

    @property
    def worst(self) -> DatabaseLoss:
        """The database with the largest loss; of unknown losses the first."""
        unknown = [
            loss for loss in self.losses if loss.data_loss_us is None
        ]
        return (
            unknown[0]
            if unknown
            else max(
                self.losses,
                key=lambda loss: (loss.data_loss_us or 0, -loss.database),
            )
        )

    @property
    def data_loss_us(self) -> int | None:
        return self.worst.data_loss_us


def failovers(record: Record, scenario: Scenario) -> list[FailoverOutcome]:
    """Every failover of the run, in order. Only the first location's loss is one: after the
    promotion the old primary is out of service, whatever happens to it.
    """
    t = tables(record)
    first = _beginning(t, scenario)
    found = _came_back(t, scenario, None if first is None else first[0])
    if first is not None:
        found.append(_failover(t, scenario, *first, number=len(found) + 1))
    return found


def _failover(
    t: Tables,
    scenario: Scenario,
    failed_us: int,
    failure_class: str,
    number: int,
) -> FailoverOutcome:
    s = served(t, scenario)
    losses = [
        _loss(t, scenario, i, failed_us)
        for i in range(len(scenario.databases))
    ]
    promoted = [
        loss.promoted_us for loss in losses if loss.promoted_us is not None
    ]
    stopped_us = min(writes_stopped_us(t), default=failed_us)
    outage_from = (
        failed_us
        if failure_class in FAILURE_CLASSES and stopped_us >= failed_us
        else _first_lost(t, s, failed_us)
    )
    again = exact(t, s.again(outage_from, run_end_us(t, scenario)))
    if failure_class in FAILURE_CLASSES and not promoted:
        again = None
    until = s.end_us if again is None else again
    spans = phase_spans(t, scenario, outage_from, until, lacking(s, losses))
    users = scenario.users
    return FailoverOutcome(
        number=number,
        failed_us=failed_us,
        failure_class=failure_class,
        losses=losses,
        outage_from_us=outage_from,
        served_again_us=again,
        until_us=until,
        phases_us=lengths_us(spans),
        promoted_us=max(promoted, default=None),
        requests_failed=int(s.failed(users, outage_from, until)),
        requests_offered=(until - outage_from)
        * users.requests_num
        // users.requests_den_us,
        two_primaries_us=two_primaries_us(t, run_end_us(t, scenario)),
        spans=spans,
        fell=any(begin == failed_us for begin, _ in _down(t)),
    )


def _down(t: Tables) -> list[tuple[int, int | None]]:
    """(from when, until when) servers were down, stretches that overlap joined. None: they did not
    come back by themselves.
    """
    found: list[tuple[int, int | None]] = []
    begun: dict[int, int] = {}
    since = 0
    for row in t.rows("truth.down"):
        if row.values["begins"]:
            since = row.time_us if not begun else since
            begun[row.entity] = row.time_us
        else:
            del begun[row.entity]
            if not begun:
                found.append((since, row.time_us))
    return [*found, (since, None)] if begun else found


def _away(t: Tables, scenario: Scenario) -> list[tuple[int, int, str]]:
    """(from when, until when, class) parts of the primary were lost that came back, stretches that
    overlap joined.
    """
    found: list[tuple[int, int, str]] = []
    for row in t.rows("truth.failed"):
        each = (
            [row.entity]
            if row.entity >= 0
            else list(range(len(scenario.databases)))
        )
        back = [
            us
            for i in each
            if (us := opened_us(t, i, row.time_us)) is not None
        ]
        if len(back) < len(each):
            continue
        begin, end, cls = row.time_us, max(back), row.values["class"]
        if found and begin < found[-1][1]:
            before = found.pop()
            cls = max(cls, before[2], key=FAILURE_CLASSES.index)
            begin, end = before[0], max(end, before[1])
        found.append((begin, end, cls))
    return found


def _came_back(
    t: Tables, scenario: Scenario, before_us: int | None
) -> list[FailoverOutcome]:
    """The outages that ended without a failover, before the failover of this leg."""
    s = served(t, scenario)
    users = scenario.users
    found: list[FailoverOutcome] = []
    ended = [
        (begin, end, "database")
        for begin, end in _down(t)
        if end is not None
    ]
    fell = {begin for begin, _, _ in ended}
    ended += _away(t, scenario)
    left = [
        (*span, _class_of_left(t, span[0])) for span in undone_stops_us(t)
    ]
    for begin, end, cls in sorted([*ended, *left]):
        if before_us is not None and begin >= before_us:
            continue
        spans = phase_spans(t, scenario, begin, end)
        each = range(len(scenario.databases))
        losses = [
            DatabaseLoss(i, begin, recovery_point_us=begin, data_loss_us=0)
            for i in each
        ]
        found.append(
            FailoverOutcome(
                number=len(found) + 1,
                failed_us=begin,
                failure_class=cls,
                losses=losses,
                outage_from_us=begin,
                served_again_us=end,
                until_us=end,
                phases_us=lengths_us(spans),
                promoted_us=None,
                requests_failed=int(s.failed(users, begin, end)),
                requests_offered=(end - begin)
                * users.requests_num
                // users.requests_den_us,
                two_primaries_us=0,
                spans=spans,
                by_itself=True,
                fell=begin in fell,
                unfenced=(begin, end, cls) in left
                or _was_left(t, begin, end),
            )
        )
    return found


def _was_left(t: Tables, begin_us: int, end_us: int) -> bool:
    """Return whether a failover was begun in that time, and left for the old primary."""
    return any(
        begin_us <= r.time_us <= end_us
        for r in t.rows("seen.EnterPhase")
        if r.values["phase"] == "unfencing"
    )


def _class_of_left(t: Tables, stop_us: int) -> str:
    """Return the class of a failover that was left: no database had failed when it stopped the
    primary.
    """
    fences = t["seen.Fence"]
    before = fences["planned"][fences["time_us"] <= stop_us].tolist()
    return "planned" if before and before[-1] else "none"


def exact(t: Tables, computed_us: int | None) -> int | None:
    """The recorded instant of being served again, if it is the one that the lines of truth.served
    lead to: these are rounded to parts in a million, and so the instant computed from them to some
    microseconds.
    """
    if computed_us is None:
        return None
    # of anyone
    recorded = [
        x
        for x in t["truth.served_again"]["time_us"].tolist()
        if abs(x - computed_us) <= ROUNDING_US
    ]
    return min(
        recorded, key=lambda x: abs(x - computed_us), default=computed_us
    )


def _beginning(t: Tables, scenario: Scenario) -> tuple[int, str] | None:
    """Return when the failover began and what had died by the promotion."""
    promoted = t["truth.promoted"]
    before = promoted["time_us"][0] if len(promoted["time_us"]) else None
    each = range(len(scenario.databases))
    dead = list(
        dict.fromkeys(
            failed for i in each for failed in failed_for_good(t, i)
        )
    )
    dead += [(begin, "database") for begin, end in _down(t) if end is None]
    dead = sorted(d for d in dead if before is None or d[0] <= before)
    if dead:
        return dead[0][0], max(
            (c for _, c in dead), key=FAILURE_CLASSES.index
        )
    fenced = writes_stopped_us(t)
    if fenced and (before is None or fenced[0] <= before):
        planned = bool(t["seen.Fence"]["planned"].any())
        return fenced[0], "planned" if planned else "none"
    return None if before is None else (int(before), "none")


def _first_lost(t: Tables, s: Served, failed_us: int) -> int:
    """Return, where nothing died before a fence stopped the writes: the first instant users lost
    service, from the failover's first own act on.
    """
    again_us = max((until for _, until in undone_stops_us(t)), default=0)
    begins = [
        r.time_us
        for r in t.rows("seen.EnterPhase")
        if PHASE_OF[r.values["phase"]] in ("fence", "drain")
        and r.time_us >= again_us
    ]
    lost = s.first_below(min([failed_us, *begins]))
    return failed_us if lost is None else lost


def _loss(
    t: Tables, scenario: Scenario, database: int, service_failed_us: int
) -> DatabaseLoss:
    """failed_us of a database that did not fail itself: when its writes stopped, at the latest at
    its promotion.
    """
    own = [time_us for time_us, _ in failed_for_good(t, database)]
    down = t.of("truth.down", database)
    own += (
        down["time_us"][-1:].tolist()
        if len(down["seq"]) and down["begins"][-1]
        else []
    )
    fenced = writes_stopped_us(t)
    promoted = next(
        (r for r in t.rows("truth.promoted") if r.entity == database), None
    )
    if promoted is None:
        failed = min([*own, *fenced], default=service_failed_us)
        return _total(t, scenario, DatabaseLoss(database, failed))
    failed = min([*own, *fenced, promoted.time_us])
    v = promoted.values
    loss = DatabaseLoss(
        database,
        failed,
        promoted.time_us,
        v["commits"],
        user_bytes=v["user_bytes_lost"],
        maintenance_bytes=v["maintenance_bytes_lost"],
        transactions=v["transactions_lost"],
    )
    last_ack = failed
    for r in t.rows("truth.discarded"):
        if r.entity == database:
            loss.discarded_bytes += r.values["user_bytes"]
            loss.discarded_transactions += r.values["transactions"]
            last_ack = max(last_ack, r.values["last_ack_us"])
    loss.user_bytes += loss.discarded_bytes
    loss.transactions += loss.discarded_transactions
    loss.recovery_point_us = min(v["lacking_us"], last_ack)
    loss.data_loss_us = last_ack - loss.recovery_point_us
    return loss


def _total(
    t: Tables, scenario: Scenario, loss: DatabaseLoss
) -> DatabaseLoss:
    """The loss of a database that was not promoted. If nothing is left of it, wherever what it lost
    leaves something (truth.survivable), that is everything that was written: since the run began,
    and all before; or since what another place still holds (dr_sim/measures/exposure/elsewhere.py).
    """
    database = loss.database
    classes = [cls for _, cls in failed_for_good(t, database)]
    totals = [
        row.values
        for row in t.rows("truth.commits_total")
        if row.entity == database
    ]
    if not classes or not totals or _has_a_copy(t, scenario, database):
        return loss
    rows = t.of("truth.survivable", database)
    worst = max(classes, key=FAILURE_CLASSES.index)
    mine = t.has_text(rows["class"], worst)
    if mine.any() and int(rows["commits"][mine][-1]):
        return loss
    loss.total = True
    since_us = all_since_us(scenario, database, loss.failed_us)
    from_us, until_us = bare_us(t, scenario, database, worst)
    if mine.any() and not (
        from_us < NEVER_US and loss.failed_us < until_us
    ):
        since_us = int(rows["lacking_us"][mine][-1])
    loss.recovery_point_us = min(since_us, loss.failed_us)
    loss.data_loss_us = loss.failed_us - loss.recovery_point_us
    held = furthest_elsewhere(scenario, database, loss.failed_us)
    from_lsn = FIRST_LSN if held is None else held.lsn
    loss.left_at = "" if held is None else held.place
    loss.user_bytes = totals[-1]["user_bytes"]
    loss.user_bytes += _written_before(t, database, from_lsn)
    loss.maintenance_bytes = totals[-1]["maintenance_bytes"]
    loss.transactions = totals[-1]["commits"]
    loss.transactions -= 0 if held is None else held.commits
    return loss


def _written_before(t: Tables, database: int, from_lsn: int) -> int:
    """Return the bytes of log, from a position on, in the history with which this leg's primary
    began.
    """
    began = [
        row.values["lsn"]
        for row in t.rows("truth.begins")
        if row.entity == database
    ]
    return began[0] - from_lsn if began else 0


def _has_a_copy(t: Tables, scenario: Scenario, database: int) -> bool:
    """Return whether there is a copy at the secondary when the run ends."""
    gone = t.of("truth.copy_gone", database)["time_us"]
    since_us = int(gone[-1]) if len(gone) else -1
    restored = t.of("truth.restored", database)["time_us"]
    seeded = scenario.databases[database].seeded and not len(gone)
    return seeded or bool((restored > since_us).any())


def manager_down(
    t: Tables, begin_us: int, end_us: int
) -> list[tuple[int, int]]:
    """Return when in [begin_us, end_us) the recovery manager was dead, and had anything to do: once
    it has sent users over nobody waits for it.
    """
    serving = [
        r.time_us
        for r in t.rows("seen.EnterPhase")
        if r.values["phase"] == "serving"
    ]
    end_us = min([end_us, *serving])
    found, since = [], None
    for r in t.rows("truth.manager"):
        if not r.values["up"]:
            since = r.time_us
        elif since is not None:
            found.append((since, r.time_us))
            since = None
    found += [(since, end_us)] if since is not None else []
    return [
        (max(b, begin_us), min(e, end_us))
        for b, e in found
        if b < end_us and e > begin_us
    ]


def lacking(
    s: Served, losses: Sequence[DatabaseLoss]
) -> list[tuple[int, int]]:
    """Return when nothing gets better and a database is not online: what users wait for then is
    that one.
    """
    online_us = [
        s.end_us if loss.promoted_us is None else loss.promoted_us
        for loss in losses
    ]
    last_us = max(online_us, default=0)
    return [
        (begin, min(end, last_us))
        for begin, end, a, b in s.lines
        if a == b < SERVED_AGAIN_PPM and begin < last_us
    ]


def two_primaries_us(t: Tables, end_us: int) -> int:
    """Return for how long two primaries accepted writes."""
    total, began = 0, None
    for r in t.rows("truth.two_primaries"):
        if r.values["begins"] and began is None:
            began = r.time_us
        elif not r.values["begins"] and began is not None:
            total, began = total + r.time_us - began, None
    return total + (end_us - began if began is not None else 0)
