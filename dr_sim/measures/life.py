"""The life of the file that would have carried the first lacking commit, cut into pieces that follow without a gap.

It waits to be cut, is backed up, queues, is sent, waits for the link, lies there damaged, is copied again; if it is lost
for good, the life of the backup that would bridge the hole goes on from there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from dr_sim.backups.model import Kind
from dr_sim.measures.causes import COPY_KINDS, HOLE_KINDS, LINK_KINDS, SLOW_KINDS, STOP_KINDS, Causes, File
from dr_sim.throughput import stream_cap_bit_s
from dr_sim.units import format_duration, format_ppb

UNEXPLAINED = "unexplained"  # time that no record accounts for


@dataclass(slots=True)
class Line:
    """One stretch of time and what it was spent on."""

    begin_us: int
    duration_us: int
    cause: str
    detail: str = ""


Piece = tuple[int, str, str]  # this cause and detail hold until that instant
Hopes = Generator[Piece, None, int | None]  # pieces, and the instant from which the file was given up, if it was


def cut_up(causes: Causes, database: int, commits: int, from_us: int, until_us: int) -> list[Line]:
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
    if causes.scenario.databases[database].log.kind == "none":
        yield from _without_logs(causes, database, commits, until_us)
        return
    at = from_us
    made = [f for f in causes.files(database) if f.begin_us < until_us]
    for log in made:
        if log.kind != Kind.LOG or log.begin_us < from_us or log.commits <= commits:
            continue
        yield from _interval(causes, database, at, log.begin_us, f"until {_name(causes, log)} was cut")
        if log.believed and log.cut_off_us is not None:
            yield log.cut_off_us, "log backup", f"{_name(causes, log)} holds nothing, and its log was truncated"
            yield from _repair(causes, made, log, log.cut_off_us, until_us)
            return
        if log.cut_off_us is not None and (log.error or log.cut_off_us not in causes.failed_us):
            if log.error:
                yield log.cut_off_us, "log backup failed", log.error
            else:
                label = causes.during(log.begin_us, log.cut_off_us + 1, ("backup_cut_off",), database)
                yield log.cut_off_us, "log backup cut off" + _of(label), "the next log covers its range"
            at = log.cut_off_us
            continue
        if log.finished_us is None or log.finished_us >= until_us:
            yield until_us, "log backup", f"{_name(causes, log)} was still being made"
            return
        yield log.finished_us, "log backup", log.name
        hopeless = yield from _way(causes, log, until_us, "")
        if hopeless is not None:
            yield from _repair(causes, made, log, hopeless, until_us)
        return
    yield from _interval(causes, database, at, until_us, "the next log was not cut yet")


def _without_logs(causes: Causes, database: int, commits: int, until_us: int) -> Iterator[Piece]:
    """A database without log backups: its writes wait for the next full or incremental, which holds them as of its end."""
    for backup in (f for f in causes.files(database) if f.begin_us < until_us and f.cut_off_us is None):
        if backup.finished_us is not None and backup.commits <= commits:
            continue
        yield backup.begin_us, "backup interval", f"no log backups; until {_name(causes, backup)} was begun"
        if backup.finished_us is None or backup.finished_us >= until_us:
            yield until_us, f"{backup.word} backup", f"{_name(causes, backup)} was still being made"
            return
        yield backup.finished_us, f"{backup.word} backup", backup.name
        if (yield from _way(causes, backup, until_us, "")) is None:
            return
    yield until_us, "backup interval", "no log backups; the next full or incremental was not begun yet"


def _interval(causes: Causes, database: int, from_us: int, until_us: int, detail: str) -> Iterator[Piece]:
    """From a write to the cut of the log that takes it: the schedule's interval, and backups that were skipped."""
    skipped = causes.t.of("truth.backup_skipped", database)
    mine = (skipped["kind"] == Kind.LOG) & (skipped["time_us"] >= from_us) & (skipped["time_us"] < until_us)
    cause = "log interval"
    for time, reason_id, words_id in zip(*(skipped[column][mine].tolist() for column in ("time_us", "reason", "words")), strict=True):
        yield time, cause, detail
        reason = causes.t.text(reason_id)
        if reason.startswith("paused"):
            label = causes.during(time, time + 1, ("paused_backups",))
            cause, detail = "log backups paused" + _of(label), reason
        elif reason.startswith(("4208", "4214")):
            label = causes.during(time, time + 1, ("recovery_model",))
            cause, detail = "log backup refused" + _of(label), reason
        elif reason == "overrun":
            cause, detail = "log backup skipped", "the one before it was still running"
        else:
            cause, detail = "log backup skipped", causes.t.journal.seen_texts.all[words_id] or reason
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
    filled = _of(causes.during(begin, end, ("staging_full",)))
    staging = ("staging full" + filled, "nothing more can be staged" if filled else "replication pauses while it is purged")
    no_room = ("secondary's share full", "replication pauses until there is room")
    own = {
        "no_room": no_room,
        "off": ("replication switched off" + _of(causes.during(begin, end, ("replication_off",))), "a membership of its folder"),
        "backoff": backoff,
        "waiting": ("replicator waits", "for the link"),
        "staging": staging,
        "stopped": ("replication stopped" + _of(causes.during(begin, end, STOP_KINDS)), "until somebody resumes it"),
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
        over += [(span, no_room) for span in causes.any_in("no_room", begin, end)]
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
    link = causes.scenario.link
    cap = stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb)
    if slow:
        yield arrived, prefix + f"transfer, link slowed ({slow})", f"beside {beside}" if beside else ""
    elif cap < link.bandwidth_bit_s:  # what it takes on an empty link is the cap's doing, the rest that of the others
        alone = begin - (-causes.crossing(file, begin, arrived) * 8_000_000 // cap) if beside else arrived
        most = f"one stream carries {cap / 1e6:.3g} Mbit/s at {format_ppb(link.loss_ppb)} and {format_duration(link.rtt_us)}"
        yield min(alone, arrived), prefix + "transfer, capped by loss", most
        yield arrived, prefix + "transfer, sharing the link", f"beside {beside}"
    else:
        yield arrived, prefix + ("transfer, sharing the link" if beside else "transfer"), f"beside {beside}" if beside else ""
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
    label = causes.during(begin, begin + 1, COPY_KINDS)
    if any(begin <= x < noticed for x in causes.told("seen.Validated", file.name)):  # nobody validates here
        yield end, prefix + "landed damaged, taken as it was" + _of(label), file.name
        return None
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
    label = causes.during(lost.begin_us, from_us + 1, HOLE_KINDS, lost.number >> 32)
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
