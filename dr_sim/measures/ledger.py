"""Why: any one number as a ledger of causes that adds up to it, to the microsecond.

Theory of operation. The data loss (or the exposure at an instant) is the time from the first lacking commit to the
failure. Had that commit's file landed whole, the commit would not be lacking; so the whole interval is spent somewhere
in the life of that file: it waits to be cut, is backed up, queues, is sent, waits for the link, lies there damaged, is
copied again. If the file is lost for good, the life of the backup that would bridge the hole goes on from there. The
interval is cut into pieces that follow one another without a gap, so the sum is right by construction; what no record
accounts for becomes a line 'unexplained', never a share of another cause. The outage is cut the same way by its phases.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from dr_sim.backups.model import Kind
from dr_sim.measures import alerts
from dr_sim.measures.causes import LINK_KINDS, SLOW_KINDS, Causes, File
from dr_sim.measures.exposure import true_exposure
from dr_sim.measures.outcome import DatabaseLoss, Failover, failovers
from dr_sim.measures.tables import Record, Tables, tables
from dr_sim.scenario.model import Scenario

UNEXPLAINED = "unexplained"


@dataclass(slots=True)
class Line:
    """One stretch of time and what it was spent on."""

    begin_us: int
    duration_us: int
    cause: str
    detail: str = ""


@dataclass(slots=True)
class Ledger:
    """A number and its lines, which add up to it; in the order of time, without gaps. None: the number is unknown."""

    title: str
    total_us: int | None
    lines: list[Line] = field(default_factory=list)
    note: str = ""

    def by_cause(self) -> list[Line]:
        """The lines with equal causes added together, in the order in which each cause first appears."""
        merged: dict[str, Line] = {}
        for line in self.lines:
            if line.cause in merged:
                merged[line.cause].duration_us += line.duration_us
            else:
                merged[line.cause] = Line(line.begin_us, line.duration_us, line.cause, line.detail)
        return list(merged.values())


class NoSuchThing(LookupError):  # noqa: N818, it is read as what it says
    """There is no failover, alert or instant of that number in the run; the text says what there is."""


# ---- the three questions -------------------------------------------------------------------------------------------
def explain_failover(record: Record, scenario: Scenario, n: int, database: int | None = None) -> list[Ledger]:
    """The ledgers of the n-th failover (1-based): of its data loss, for the worst database or the one asked for, and of
    its outage. Raises NoSuchThing if there is no such failover."""
    t = tables(record)
    found = failovers(t, scenario)
    if not 1 <= n <= len(found):
        raise NoSuchThing(f"there is no failover {n} in this run: it has {len(found)}")
    failover = found[n - 1]
    loss = failover.worst if database is None else failover.losses[database]
    return [loss_ledger(t, scenario, loss), outage_ledger(t, scenario, failover)]


def explain_at(record: Record, scenario: Scenario, t_us: int, database: int | None = None) -> list[Ledger]:
    """The ledger of the exposure to the loss of the site at one instant, for the worst database or the one asked for.
    Raises NoSuchThing if the service was not up then."""
    t = tables(record)
    curves = {i: true_exposure(t, scenario, i) for i in range(len(scenario.databases)) if database in (None, i)}
    for i, curve in curves.items():
        if not curve.begin_us <= t_us <= curve.end_us or not len(curve.start_us):
            name = scenario.databases[i].name
            raise NoSuchThing(f"{name} was not up at that instant: it was from {curve.begin_us} us to {curve.end_us} us")
    worst = max(curves, key=lambda i: (curves[i].at(t_us), -i))
    return [_exposure_ledger(t, scenario, worst, t_us)]


def explain_alert(record: Record, scenario: Scenario, n: int) -> list[Ledger]:
    """The ledger of the exposure of the alert's database when the n-th alert (1-based) was raised. An alert after the
    primary failed is explained by the exposure at the failure. Raises NoSuchThing if there is no such alert."""
    t = tables(record)
    raised = alerts.raised(t, scenario)
    if not 1 <= n <= len(raised):
        raise NoSuchThing(f"there is no alert {n} in this run: it has {len(raised)}")
    alert = raised[n - 1]
    database = None if alert.database < 0 else alert.database
    until = min(true_exposure(t, scenario, i).end_us for i in range(len(scenario.databases)) if database in (None, i))
    (ledger,) = explain_at(t, scenario, min(alert.time_us, until), database)
    ledger.title = f"alert {n}: {alert.text}"
    if alert.time_us > until:
        ledger.note = "the primary had failed before this alert: exposure at the failure"
    return [ledger]


def loss_ledger(t: Tables, scenario: Scenario, loss: DatabaseLoss) -> Ledger:
    title = f"data loss of {scenario.databases[loss.database].name}"
    if loss.data_loss_us is None or loss.recovery_point_us is None:
        return Ledger(title, None, note="the run ended before the promotion: what is lost is unknown")
    end = loss.recovery_point_us + loss.data_loss_us
    stop = min(max(loss.failed_us, loss.recovery_point_us), end)
    lines = _cut_up(Causes(t, scenario), loss.database, loss.survivor_commits, loss.recovery_point_us, stop)
    if end > stop:
        lines.append(Line(stop, end - stop, "split brain", "the old primary went on acknowledging what was thrown away"))
    return Ledger(title, loss.data_loss_us, lines)


def _exposure_ledger(t: Tables, scenario: Scenario, database: int, t_us: int) -> Ledger:
    rows = t["truth.survivable"]
    mine = (rows["entity"] == database) & t.has_text(rows["class"], "site") & (rows["time_us"] < max(t_us, 1))
    title = f"exposure of {scenario.databases[database].name} (site)"
    if not mine.any():
        return Ledger(title, 0)
    last = mine.nonzero()[0][-1]
    lacking = min(int(rows["lacking_us"][last]), t_us)
    lines = _cut_up(Causes(t, scenario), database, int(rows["commits"][last]), lacking, t_us)
    return Ledger(title, t_us - lacking, lines)


# ---- the life of what carries the first lacking commit --------------------------------------------------------------
Piece = tuple[int, str, str]  # this cause and detail hold until that instant
Hopes = Generator[Piece, None, int | None]  # pieces, and the instant from which the file was given up, if it was


def _cut_up(causes: Causes, database: int, commits: int, from_us: int, until_us: int) -> list[Line]:
    """[from_us, until_us) as lines; commit number `commits` is the first that is lacking, made at from_us."""
    lines: list[Line] = []
    at = from_us
    for stop, cause, detail in _life(causes, database, commits, from_us, until_us):
        stop = min(stop, until_us)
        if stop <= at:
            continue
        if lines and (lines[-1].cause, lines[-1].detail) == (cause, detail):
            lines[-1].duration_us += stop - at
        else:
            lines.append(Line(at, stop - at, cause, detail))
        at = stop
        if at >= until_us:
            break
    if at < until_us:
        lines.append(Line(at, until_us - at, UNEXPLAINED))
    return lines


def _life(causes: Causes, database: int, commits: int, from_us: int, until_us: int) -> Iterator[Piece]:
    """What the first lacking commit waited for, piece after piece."""
    at = from_us
    made = [f for f in causes.files(database) if f.begin_us < until_us]
    for log in made:
        if log.kind != Kind.LOG or log.begin_us < from_us or log.commits <= commits:
            continue
        yield from _interval(causes, database, at, log.begin_us, f"until {_name(causes, log)} was cut")
        if log.cut_off_us is not None:
            label = causes.during(log.begin_us, log.cut_off_us + 1, ("backup_cut_off",), database)
            yield log.cut_off_us, "log backup cut off" + _of(label), "the next log covers its range"
            at = log.cut_off_us
            continue
        yield _or(log.finished_us, until_us), "log backup", _name(causes, log)
        if log.finished_us is None:
            return
        hopeless = yield from _way(causes, log, until_us, "")
        if hopeless is not None:
            yield from _repair(causes, made, log, hopeless, until_us)
        return
    yield from _interval(causes, database, at, until_us, "no log was cut after it")


def _interval(causes: Causes, database: int, from_us: int, until_us: int, detail: str) -> Iterator[Piece]:
    """From a write to the cut of the log that takes it: the schedule's interval, and backups that were skipped."""
    skipped = causes.t["truth.backup_skipped"]
    mine = (skipped["entity"] == database) & (skipped["kind"] == Kind.LOG)
    mine &= (skipped["time_us"] >= from_us) & (skipped["time_us"] < until_us)
    cause = "log interval"
    for time, reason_id in zip(skipped["time_us"][mine].tolist(), skipped["reason"][mine].tolist(), strict=True):
        yield time, cause, detail
        reason = causes.t.text(reason_id)
        if reason.startswith("paused"):
            label = causes.during(time, time + 1, ("paused_backups",))
            cause, detail = "log backups paused" + _of(label), reason
        elif reason == "overrun":
            cause, detail = "log backup skipped", "the one before it was still running"
        else:
            cause, detail = "log backup skipped", reason
    yield until_us, cause, detail


def _way(causes: Causes, file: File, until_us: int, prefix: str) -> Hopes:
    """From the end of a backup to its copy lying whole at the secondary. Returns the instant from which that can
    no longer happen, None if it did or may yet."""
    gone = causes.gone_unlanded(file)
    limit = until_us if gone is None else min(gone, until_us)
    states = [s for s in causes.states(file.number) if s[0] < limit]
    for i, (begin, state) in enumerate(states):
        last = i + 1 == len(states)
        end = limit if last else states[i + 1][0]
        if end <= begin:
            continue
        yield begin, prefix + UNEXPLAINED, ""
        if state == "gone" and last:
            return begin
        if state == "landed":
            hopeless = yield from _landed(causes, file, begin, end, prefix)
            prefix = prefix if prefix.endswith("recopy: ") else prefix + "recopy: "
            if hopeless is not None and last:
                return hopeless
        elif state == "sending":
            yield from _sending(causes, file, begin, end, prefix)
        else:
            yield from _waiting(causes, state, begin, end, prefix)
    return gone


def _waiting(causes: Causes, state: str, begin: int, end: int, prefix: str) -> Iterator[Piece]:
    """A file that is not being sent: while the link is down that is why, the rest is the replicator's own doing. A file
    that queues up behind others waits for what those wait for."""
    replication = causes.scenario.replication
    backoff = ("replicator back-off", "it tries again at intervals, not when the link is back")
    staging = ("staging full", "replication pauses while it is purged")
    own = {
        "backoff": backoff,
        "waiting": ("replicator waits", "for the link"),
        "staging": staging,
        "queued": ("queued", f"waits for one of {replication.slots} slots"),
        "gone": ("not in the primary's share", "until it was there again"),
    }[state]
    if state == "queued" and replication.every_us:
        own = ("copy job", "files go at its next run")
    over = [
        ((max(down, begin), min(back, end)), ("link down" + _of(causes.during(down, back, LINK_KINDS)), ""))
        for down, back in causes.link_down
        if down < end and back > begin
    ]
    if state == "queued":
        over += [(span, backoff) for span in causes.any_in("backoff", begin, end)]
        over += [(span, staging) for span in causes.any_in("staging", begin, end)]
    cuts = sorted({begin, end, *(instant for span, _ in over for instant in span)})
    for left, right in pairwise(cuts):
        cause, detail = next((why for (b, e), why in over if b <= left and right <= e), own)
        yield right, prefix + cause, detail


def _sending(causes: Causes, file: File, begin: int, end: int, prefix: str) -> Iterator[Piece]:
    """A transfer; after its last byte has crossed, a file may still be held back on its way."""
    crossed = [x for x in causes.times("truth.transfer_bytes", file.number) if begin < x <= end]
    arrived = crossed[0] if crossed else end
    slow = causes.during(begin, arrived, SLOW_KINDS)
    beside = causes.beside(file.number, begin, arrived)
    cause = f"transfer, link slowed ({slow})" if slow else "transfer, sharing the link" if beside else "transfer"
    yield arrived, prefix + cause, f"beside {beside}" if beside else ""
    if arrived < end:
        yield end, prefix + "held back on its way" + _of(causes.during(begin, end, ("late_file",), file.number >> 32)), ""


def _landed(causes: Causes, file: File, begin: int, end: int, prefix: str) -> Hopes:
    """A copy that lies at the secondary and did not help. Returns the instant it was given up, None if it was not."""
    noticed = next((x for x in causes.told("seen.ValidationFailed", file.name) if begin <= x < end), end)
    asked = next((x for x in causes.told("seen.Recopy", file.name) if noticed <= x < end), end)
    given_up = next((x for x in causes.told("seen.RecopyFailed", file.name) if asked <= x <= end), None)
    if causes.intact(file.number, begin):
        damaged = next((x for x in causes.times("truth.damaged", file.number) if begin < x < end), end)
        yield damaged, prefix + "landed, not restored", file.name
        yield end, prefix + "damaged at rest", file.name
        return None
    label = causes.during(begin, begin + 1, ("corrupt_in_transit", "corrupt_at_rest"))
    yield noticed, prefix + "landed damaged, being validated" + _of(label), file.name
    yield asked, prefix + "damaged copy, nothing done yet" + _of(label), file.name
    yield _or(given_up, end), prefix + "copy asked for again", file.name
    return given_up


def _repair(causes: Causes, made: list[File], lost: File, from_us: int, until_us: int) -> Iterator[Piece]:
    """The file is lost for good: from then on the backup that would bridge the hole is what is waited for."""
    name = _name(causes, lost)
    fits = [
        f
        for f in made
        if f.kind != Kind.LOG and f.cut_off_us is None and (f.finished_us is None or f.finished_us > lost.begin_us)
    ]
    bridge = min(fits, key=lambda f: (_or(f.finished_us, until_us), f.begin_us), default=None)
    label = causes.during(lost.begin_us, from_us + 1, ("missing_file", "corrupt_at_rest"), lost.number >> 32)
    hole = "hole in the chain" + _of(label)
    if bridge is None:
        yield until_us, hole, f"{name} is lost, and no backup after it was begun"
        return
    yield max(bridge.begin_us, from_us), hole, f"{name} is lost; waits for a repair"
    yield _or(bridge.finished_us, until_us), f"repair: {bridge.word} backup", _name(causes, bridge)
    if bridge.finished_us is not None:
        yield from _way(causes, bridge, until_us, f"repair: {bridge.word} ")


def _name(causes: Causes, file: File) -> str:
    if file.name:
        return file.name
    begun = datetime.fromtimestamp((causes.scenario.start_utc_us + file.begin_us) // 1_000_000, UTC)
    return f"the {file.word} begun {begun:%Y-%m-%dT%H:%M:%SZ}"


def _of(label: str) -> str:
    return f" ({label})" if label else ""


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


# ---- outage ----------------------------------------------------------------------------------------------------------
def outage_ledger(t: Tables, scenario: Scenario, failover: Failover) -> Ledger:
    """The outage by its phases. Of one that outlasted the run the total is unknown and the lines say how far it got."""
    lines = [Line(begin, end - begin, phase, _why(t, scenario, phase, begin, end)) for begin, end, phase in failover.spans]
    note = "" if failover.outage_us is not None else "not served again by the end of the run: unknown, at least the sum"
    return Ledger("outage", failover.outage_us, lines, note)


def _why(t: Tables, scenario: Scenario, phase: str, begin: int, end: int) -> str:
    """What the record says was going on in one phase."""

    def count(kind_name: str) -> int:
        time = t[kind_name]["time_us"]
        return int(((time >= begin) & (time <= end)).sum())

    if phase == "detect":
        return "heartbeats missing" if count("seen.HeartbeatLost") else "nobody has noticed"
    if phase == "decide":
        if count("seen.OperatorAnswered"):
            return "an operator was asked and answered"
        return "an operator was asked" if count("seen.PageOperator") else "conditions checked"
    if phase == "fence":
        if count("seen.FenceFailed"):
            return "the old primary could not be reached"
        return "the old primary was told to stop" if count("seen.Fenced") else "no answer yet"
    if phase == "drain":
        return f"{count('truth.restored')} backups restored, {count('seen.TailTaken')} tail-log backups taken"
    if phase == "recover":
        return f"{count('seen.Recovered')} of {len(scenario.databases)} databases brought online"
    if phase == "redirect":
        return "users are sent to the new primary"
    return "until 99 % of requests succeed"
