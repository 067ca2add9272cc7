"""The life of the file that would have carried the first lacking commit, cut into pieces that
follow without a gap.

It waits to be cut, is backed up, queues, is sent, waits for the link, lies there damaged, is copied
again. If it is lost for good, or if there is nothing to restore it onto, the life of the backup
that would help goes on from there: one that bridges the hole, or the full that seeds the secondary
anew. If that one is lost too, the next.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from dr_sim.backups.model import Kind
from dr_sim.measures.causes import FILE_BITS, BackupFate, Causes, SafeTime, joined
from dr_sim.measures.lag import link_pieces
from dr_sim.measures.waits import unrestored
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.throughput import stream_cap_bit_s
from dr_sim.units import format_duration, format_ppb

UNEXPLAINED = "unexplained"  # time that no record accounts for


@dataclass(slots=True)
class LedgerLine:
    """One stretch of time and what it was spent on."""

    begin_us: int
    duration_us: int
    cause: str
    detail: str = ""


@dataclass(slots=True)
class Lost:
    """From that instant on a file is of no use. based: there is something to restore it onto, so it
    is the file that is lost. cause: its cause and detail while nothing is done about it; None: a
    hole in the chain, or no copy.
    """

    at_us: int
    based: bool
    cause: tuple[str, str] | None = None


Piece = tuple[int, str, str]  # this cause and detail hold until that instant
Hopes = Generator[Piece, None, Lost | None]  # pieces, and whether the file was of no use in the end


def cut_up(
    causes: Causes,
    database: int,
    commits: int,
    from_us: int,
    until_us: int,
    lacking_us: int | None = None,
) -> list[LedgerLine]:
    """[from_us, until_us) as lines; commit number `commits` is the first that is lacking, made at
    lacking_us (default: at from_us).
    """
    made_us = from_us if lacking_us is None else lacking_us
    return as_lines(_life(causes, database, commits, made_us, until_us), from_us, until_us)


def seeded_anew(causes: Causes, database: int, from_us: int, until_us: int) -> list[LedgerLine]:
    """[from_us, until_us), in which a database has nothing at the secondary and is seeded with a
    full, as lines.
    """
    return as_lines(
        _repair(causes, database, Lost(from_us, False), (-1, None), until_us), from_us, until_us
    )


def as_lines(pieces: Iterable[Piece], from_us: int, until_us: int) -> list[LedgerLine]:
    """[from_us, until_us) by pieces that follow each other; what they leave is unexplained."""
    lines: list[LedgerLine] = []
    at = from_us
    for stop, cause, detail in pieces:
        stop = min(stop, until_us)
        if stop <= at:
            continue
        if lines and (lines[-1].cause, lines[-1].detail) == (cause, detail):
            lines[-1].duration_us += stop - at
        else:
            lines.append(LedgerLine(at, stop - at, cause, detail))
        at = stop
        if at >= until_us:
            break
    if at < until_us:
        lines.append(LedgerLine(at, until_us - at, UNEXPLAINED))
    return lines


def _life(
    causes: Causes, database: int, commits: int, from_us: int, until_us: int
) -> Iterator[Piece]:
    """Yield what the first lacking commit waited for, piece after piece."""
    if causes.scenario.databases[database].log.kind == "none":
        yield from _without_logs(causes, database, commits, from_us, until_us)
        return
    log = next(
        (
            f
            for f in causes.files(database)
            if f.kind == Kind.LOG
            and from_us <= f.begin_us < until_us
            and f.commits > commits
            and not _dead(causes, f)
        ),
        None,
    )
    until_cut = until_us if log is None else log.begin_us
    truncated = next((x for x in causes.truncated(database) if from_us <= x < until_cut), None)
    if truncated is not None:  # the commit is in no log
        detail = "until the log was truncated without a backup"
        yield from _until_begun(
            causes, database, (Kind.LOG,), from_us, truncated, ("log interval", detail)
        )
        broken = _broken(causes, database, truncated)
        yield from _repair(
            causes, database, Lost(truncated, True, broken), (commits, None), until_us
        )
        return
    detail = (
        "the next log was not cut yet" if log is None else f"until {_name(causes, log)} was cut"
    )
    yield from _until_begun(
        causes, database, (Kind.LOG,), from_us, until_cut, ("log interval", detail)
    )
    if log is None:
        return
    if log.finished_us is None or log.finished_us >= until_us:
        yield until_us, "log backup", f"{_name(causes, log)} was still being made"
        return
    yield log.finished_us, "log backup", log.name
    lost = yield from _way(causes, log, commits, until_us, "")
    if lost is not None:
        yield from _repair(causes, database, lost, (commits, log), until_us)


def _broken(causes: Causes, database: int, time: int) -> tuple[str, str]:
    """The cause from an instant on at which log was truncated that is in no backup."""
    if any(f.empty and f.cut_off_us == time for f in causes.files(database)):
        label = causes.during(time, time + 1, Explains.EMPTY_BACKUP, database)
        return "hole in the chain" + _of(
            label
        ), "a log backup was empty, and its log was truncated all the same"
    label = causes.during(time, time + 1, Explains.REFUSED, database)
    return "log chain broken" + _of(
        label
    ), "the log was truncated, and what it held is in no log backup"


def _without_logs(
    causes: Causes, database: int, commits: int, from_us: int, until_us: int
) -> Iterator[Piece]:
    """A database without log backups: its writes wait for the next full or incremental, which holds
    them as of its end.
    """
    kinds = (Kind.FULL, Kind.INCREMENTAL)
    at = from_us
    own = ("backup interval", "no log backups; the next full or incremental was not begun yet")
    for backup in causes.files(database):
        if backup.begin_us >= until_us or backup.kind == Kind.LOG or _dead(causes, backup):
            continue
        if backup.finished_us is not None and backup.commits <= commits:
            continue
        begun = f"no log backups; until {_name(causes, backup)} was begun"
        yield from _until_begun(causes, database, kinds, at, backup.begin_us, (own[0], begun))
        at = max(at, backup.begin_us)
        if backup.finished_us is None or backup.finished_us >= until_us:
            yield until_us, f"{backup.word} backup", f"{_name(causes, backup)} was still being made"
            return
        yield backup.finished_us, f"{backup.word} backup", backup.name
        lost = yield from _way(causes, backup, commits, until_us, "")
        if lost is None:
            return
        if not lost.based:
            yield from _repair(causes, database, lost, (commits, backup), until_us)
            return
        at = max(lost.at_us, backup.finished_us)
        own = (
            "backup lost" + _of(_loser(causes, backup, at)),
            f"{backup.name} is lost; waits for the next one",
        )
    yield from _until_begun(causes, database, kinds, at, until_us, own)


def _dead(causes: Causes, file: BackupFate) -> bool:
    """Its job did not make a backup, and it was not the failure that ended it."""
    return file.cut_off_us is not None and (
        bool(file.error) or file.empty or file.cut_off_us not in causes.failed_us
    )


def _until_begun(
    causes: Causes,
    database: int,
    kinds: tuple[Kind, ...],
    from_us: int,
    until_us: int,
    own: tuple[str, str],
) -> Iterator[Piece]:
    """From a write to the begin of the backup that takes it: the schedule's interval, and, from
    each time on at which a backup was to be made and none came of it, why. own: cause and detail
    until then.
    """
    turns = [
        turn for turn in _came_to_nothing(causes, database, kinds) if from_us <= turn[0] < until_us
    ]
    if turns:
        own = (own[0], "until the next one was to be made")
    for (time, _, _), (cause, detail) in zip(
        turns, [own, *((c, d) for _, c, d in turns)], strict=False
    ):
        yield time, cause, detail
    yield until_us, *(turns[-1][1:] if turns else own)


def _came_to_nothing(
    causes: Causes, database: int, kinds: tuple[Kind, ...]
) -> list[tuple[int, str, str]]:
    """(instant, cause, detail) of every backup of these kinds that was skipped, waited, was cut
    off, failed or was empty.
    """
    found: list[tuple[int, int, str, str]] = []  # instant, place in the record, cause, detail
    skipped = causes.t.of("truth.backup_skipped", database)
    for time, seq, kind, reason_id, words_id in zip(
        *(skipped[column].tolist() for column in ("time_us", "seq", "kind", "reason", "words")),
        strict=True,
    ):
        if kind in kinds and not _said_already(causes, database, kind, time):
            words = causes.t.journal.seen_texts.all[words_id]
            found.append(
                (
                    time,
                    seq,
                    *_of_skipped(
                        causes, database, Kind(kind).word, time, (causes.t.text(reason_id), words)
                    ),
                )
            )
    waits = causes.t.of("truth.backup_waits", database)
    for time, seq, kind in zip(
        *(waits[column].tolist() for column in ("time_us", "seq", "kind")), strict=True
    ):
        if kind in kinds:
            found.append(
                (
                    time,
                    seq,
                    f"{Kind(kind).word} backup waits",
                    "its job waits for another of the database",
                )
            )
    turns = [(time, cause, detail) for time, _, cause, detail in sorted(found)]
    turns += [
        _of_dead(causes, f, database)
        for f in causes.files(database)
        if f.kind in kinds and _dead(causes, f)
    ]
    return sorted(turns, key=lambda turn: turn[0])


def _said_already(causes: Causes, database: int, kind: int, time: int) -> bool:
    """Does the job before it wait for another one at that instant, or is it one that comes to
    nothing?
    """
    if any(
        f.kind == kind and _dead(causes, f) and f.begin_us < time < _or(f.cut_off_us, 0)
        for f in causes.files(database)
    ):
        return True
    waits = causes.t.of("truth.backup_waits", database)
    since = waits["time_us"][(waits["kind"] == kind) & (waits["time_us"] <= time)]
    if not len(since):
        return False
    return not any(
        f.kind == kind and since[-1] <= f.begin_us < time for f in causes.files(database)
    )


def _of_dead(causes: Causes, file: BackupFate, database: int) -> tuple[int, str, str]:
    assert file.cut_off_us is not None
    if file.error:
        label = causes.during(file.begin_us, file.cut_off_us + 1, Explains.NO_ROOM)
        return file.begin_us, f"{file.word} backup failed" + _of(label), file.error
    if file.empty:
        label = causes.during(file.cut_off_us, file.cut_off_us + 1, Explains.EMPTY_BACKUP, database)
        return (
            file.begin_us,
            f"empty {file.word} backups" + _of(label),
            "they were made without an error, and were empty",
        )
    label = causes.during(file.begin_us, file.cut_off_us + 1, Explains.CUT_OFF, database)
    goes_on = (
        "the next log covers its range" if file.kind == Kind.LOG else "the next one is waited for"
    )
    return file.begin_us, f"{file.word} backup cut off" + _of(label), goes_on


def _of_skipped(
    causes: Causes, database: int, word: str, time: int, why: tuple[str, str]
) -> tuple[str, str]:
    """why: the reason in the record, and the engine's own words."""
    reason, words = why
    if reason.startswith("paused"):
        return f"{word} backups paused" + _of(
            causes.during(time, time + 1, Explains.PAUSED, database)
        ), reason
    if reason.startswith(("4208", "4214", "55000")):
        return f"{word} backup refused" + _of(
            causes.during(time, time + 1, Explains.REFUSED, database)
        ), reason
    if reason == "overrun":
        return f"{word} backup skipped", "the one before it was still running"
    if words:
        return f"{word} backup refused", words
    return f"{word} backup skipped", reason


def _way(
    causes: Causes, file: BackupFate, commits: int, until_us: int, prefix: str, since_us: int = 0
) -> Hopes:
    """From the end of a backup, or from an instant on, to its copy lying whole at the secondary,
    and being of use there.
    """
    gone = causes.gone_unlanded(file)
    limit = until_us if gone is None else min(gone, until_us)
    states = [s for s in causes.states(file.number) if s[0] < limit]
    current = max((i for i, (begin, _) in enumerate(states) if begin <= since_us), default=0)
    states = states[current:]
    offered = None  # since when it has been on its way
    lost = None
    for i, (begin, state) in enumerate(states):
        end = limit if i + 1 == len(states) else states[i + 1][0]
        if end <= begin:
            continue
        yield begin, prefix + UNEXPLAINED, ""
        lost = None
        if state == "landed":
            offered = None
            last = i + 1 == len(states)
            lost = yield from _landed(
                causes, file, commits, (begin, max(begin, since_us), end, until_us, last), prefix
            )
            if lost is not None and not lost.based:
                return lost
            prefix = prefix if prefix.endswith("recopy: ") else prefix + "recopy: "
        elif state == "gone":
            offered, lost = None, Lost(begin, True)
            if i + 1 < len(states):
                yield end, prefix + "not in the primary's share", "until it was there again"
        elif state == "sending":
            yield from _sending(causes, file, begin, end, prefix)
        else:
            offered = begin if offered is None else offered
            yield from _waiting(causes, file, state, (offered, begin, end), prefix)
    if lost is None and gone is not None and gone < until_us:
        return Lost(gone, True)
    return lost


def _waiting(
    causes: Causes, file: BackupFate, state: str, times: tuple[int, int, int], prefix: str
) -> Iterator[Piece]:
    """A file that is not being sent, as its record says. While the link is down that is why nothing
    is sent. A file that queues behind one for which a staging area is purged, or room is lacking,
    waits for the same. times: since when it has been on its way, and the begin and end of this
    state.
    """
    offered, begin, end = times
    database = file.number >> FILE_BITS
    replication = causes.scenario.replication
    filled = _of(causes.during(begin, end, Explains.STAGING_FULL))
    staging = (
        "staging full" + filled,
        "nothing more can be staged" if filled else "replication pauses while it is purged",
    )
    no_room = (
        "secondary's share full" + _of(causes.during(begin, end, Explains.NO_ROOM)),
        "replication pauses until there is room",
    )
    own = {
        "no_room": no_room,
        "off": (
            "replication switched off" + _of(causes.during(begin, end, Explains.SWITCHED_OFF)),
            "a membership of its folder",
        ),
        "backoff": (
            "replicator back-off",
            "it tries again at intervals, not when the link is back",
        ),
        "waiting": ("replicator waits", "for the link"),
        "staging": staging,
        "stopped": (
            "replication stopped" + _of(causes.during(begin, end, Explains.STOPPED)),
            "until somebody resumes it",
        ),
        "queued": ("queued", f"waits for one of {replication.slots} slots"),
    }[state]
    over: list[tuple[tuple[int, int], tuple[str, str]]] = []
    if state in ("backoff", "waiting", "queued"):
        over = list(_link_down(causes, begin, end))
    if state == "queued":
        if replication.every_us:
            due = -(-offered // replication.every_us) * replication.every_us
            over.append(((begin, due), ("copy job", "files go at its next run")))
        folder = _folder(causes, database)
        over += [(span, staging) for span in causes.any_in("staging", begin, end, folder)]
        over += [(span, no_room) for span in causes.any_in("no_room", begin, end)]
    yield from _overlaid(begin, end, over, own, prefix)


def _folder(causes: Causes, database: int) -> frozenset[int]:
    """The databases whose files share a staging area with those of this one."""
    scenario = causes.scenario
    name = scenario.databases[database].name
    mine = next(
        (folder.databases for folder in scenario.replication.folders if name in folder.databases),
        None,
    )
    return frozenset(i for i, d in enumerate(scenario.databases) if mine is None or d.name in mine)


def _link_down(
    causes: Causes, begin: int, end: int
) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    for down, back in causes.link_down:
        left, right = max(down, begin), min(back, end)
        if left >= right:
            continue
        turns = causes.turns(left, right, Explains.LINK_DOWN, -1)
        for since, until in pairwise(sorted({left, right} | turns)):
            label = causes.during(since, until, Explains.LINK_DOWN)
            yield (since, until), ("link down" + _of(label), "")


def _overlaid(
    begin: int,
    end: int,
    over: list[tuple[tuple[int, int], tuple[str, str]]],
    own: tuple[str, str],
    prefix: str,
) -> Iterator[Piece]:
    """[begin, end) by what lies over it, the first of it that does; what nothing lies over has a
    cause of its own.
    """
    cuts = sorted({begin, end, *(x for span, _ in over for x in span if begin < x < end)})
    for left, right in pairwise(cuts):
        cause, detail = next((why for (b, e), why in over if b <= left and right <= e), own)
        yield right, prefix + cause, detail


def _sending(
    causes: Causes, file: BackupFate, begin: int, end: int, prefix: str
) -> Iterator[Piece]:
    """A transfer, cut where the link or what is sent beside it changes; after its last byte has
    crossed, a file may still be held back on its way.
    """
    crossed = [x for x in causes.times("truth.transfer_bytes", file.number) if begin < x <= end]
    arrived = crossed[0] if crossed else end
    others = causes.sent_beside(file.number, begin, arrived)
    down = list(_link_down(causes, begin, arrived))
    cuts = {begin, arrived}
    for since, until, _ in others:
        cuts |= {since, until}
    for span, _ in down:
        cuts.update(span)
    cuts |= causes.turns(begin, arrived, Explains.SLOW_LINK, -1)
    rates = [
        (b, e, bit_s)
        for b, e, _, bit_s in link_pieces(causes.t, causes.scenario)
        if b < arrived and e > begin
    ]
    cuts |= {b for b, _, _ in rates if b > begin}
    for left, right in pairwise(sorted(cuts)):
        beside = [other for since, until, other in others if since <= left and right <= until]
        why = next((why for (b, e), why in down if b <= left and right <= e), None)
        if why is None:
            bit_s = next(
                (rate for b, e, rate in rates if b <= left < e),
                causes.scenario.link.bandwidth_bit_s,
            )
            why = _crossing(causes, (left, right), beside, bit_s)
        yield right, prefix + why[0], why[1]
    if arrived < end:
        label = causes.during(begin, end, Explains.HELD_BACK, file.number >> FILE_BITS)
        yield end, prefix + "held back on its way" + _of(label), ""


def _crossing(
    causes: Causes, span: tuple[int, int], beside: list[int], bit_s: int
) -> tuple[str, str]:
    """Return what limits a transfer while the same files cross a link that carries bit_s."""
    link = causes.scenario.link
    files = [f for f in map(causes.file, beside) if f is not None]
    largest = (
        f"beside {max(files, key=lambda f: f.nominal_bytes).name}"
        if files
        else "beside another file"
        if beside
        else ""
    )
    slow = causes.during(*span, Explains.SLOW_LINK)
    if slow:
        return f"transfer, link slowed ({slow})", largest
    cap = stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb)
    if beside and not (link.sharing == "fair" and cap * (len(beside) + 1) <= bit_s):
        return "transfer, sharing the link", largest
    if cap < bit_s:
        most = (
            f"one stream carries {cap / 1e6:.3g} Mbit/s at {format_ppb(link.loss_ppb)} and "
            f"{format_duration(link.rtt_us)}"
        )
        return "transfer, capped by loss", most
    return "transfer", ""


def _landed(
    causes: Causes,
    file: BackupFate,
    commits: int,
    times: tuple[int, int, int, int, bool],
    prefix: str,
) -> Hopes:
    """A copy that lies at the secondary and did not help: it landed damaged, was lost again, was
    not restored, or there is nothing to restore it onto. times: when it landed, since when that is
    asked, the end of this state, the end of the ledger, and whether no other state follows.
    """
    landed, begin, end, until_us, last = times
    database = file.number >> FILE_BITS
    lies = _at(causes.lies(file), landed)
    if lies is None:
        return (yield from _landed_damaged(causes, file, landed, end, prefix))
    kept = _at(joined([*causes.lies(file), *causes.holds(database, commits)]), begin)
    base = kept if file.kind == Kind.FULL else _at(causes.based(database), begin)
    if base is None:  # it is whole, and of no use
        return Lost(begin, False)
    lost_us = begin if kept is None else min(kept.end_us, base.end_us)
    if lost_us >= until_us:
        yield from unrestored(causes, file, begin, end, prefix)
        return None
    yield (
        min(lost_us, end),
        prefix + "landed whole, lost later" + _of(_loser(causes, file, lost_us)),
        file.name,
    )
    if lost_us >= end:
        return None
    if _at(causes.based(database), lost_us) is None:
        return Lost(lost_us, False)
    word = "damaged at rest" if (kept or lies).why == "damaged" else "deleted at the secondary"
    cause = (
        prefix + word + _of(_loser(causes, file, lost_us if kept is not None else lies.end_us)),
        file.name,
    )
    asked = next((x for x in causes.told("seen.Recopy", file.name) if lost_us <= x < end), None)
    if asked is None and last:
        return Lost(lost_us, True, cause)
    asked = _or(asked, end)
    given_up = next(
        (x for x in causes.told("seen.RecopyFailed", file.name) if asked <= x <= end), None
    )
    yield asked, *cause
    yield _or(given_up, end), prefix + "copy asked for again", file.name
    return None if given_up is None else Lost(given_up, True)


def _landed_damaged(causes: Causes, file: BackupFate, begin: int, end: int, prefix: str) -> Hopes:
    database = file.number >> FILE_BITS
    noticed = next(
        (x for x in causes.told("seen.ValidationFailed", file.name) if begin <= x < end), end
    )
    asked = next((x for x in causes.told("seen.Recopy", file.name) if noticed <= x < end), end)
    given_up = next(
        (x for x in causes.told("seen.RecopyFailed", file.name) if asked <= x <= end), None
    )
    label = causes.during(begin, begin + 1, Explains.DAMAGED_COPY, database)
    # nobody validates here
    if any(begin <= x < noticed for x in causes.told("seen.Validated", file.name)):
        yield end, prefix + "landed damaged, taken as it was" + _of(label), file.name
        return None
    yield noticed, prefix + "landed damaged, being validated" + _of(label), file.name
    yield asked, prefix + "damaged copy, nothing done yet" + _of(label), file.name
    yield _or(given_up, end), prefix + "copy asked for again", file.name
    return None if given_up is None else Lost(given_up, True)


def _at(kept: list[SafeTime], time_us: int) -> SafeTime | None:
    """The one that holds at an instant."""
    return next((k for k in kept if k.begin_us <= time_us < k.end_us), None)


def _loser(causes: Causes, file: BackupFate, time_us: int) -> str:
    """The event that took or damaged something at the secondary at an instant."""
    database = file.number >> FILE_BITS
    kinds = (Explains.COPY_LOST, Explains.FILE_LOST, Explains.DAMAGED_COPY)
    return next(
        (label for why in kinds if (label := causes.during(time_us, time_us + 1, why, database))),
        "",
    )


def _repair(
    causes: Causes, database: int, lost: Lost, of: tuple[int, BackupFate | None], until_us: int
) -> Iterator[Piece]:
    """Something is lost for good: from then on the backup that would bridge the hole, or seed the
    secondary anew, is what is waited for. If that one comes to nothing, the next. of: the first
    lacking commit, and the file that held it.
    """
    at = lost.at_us
    what = _what(causes, database, lost)
    hole = lost.cause or _hole(causes, database, lost, of[1])
    tried: set[tuple[int, int]] = set()
    while at < until_us:
        chosen = _next_way_out(causes, database, (at, of[0], what != "repair"), tried)
        if chosen is None or chosen[0] >= until_us:
            break
        begin, backup = chosen
        tried.add((begin, backup.number))
        yield begin, *hole
        at = max(at, begin)
        if _dead(causes, backup):
            assert backup.cut_off_us is not None
            _, cause, detail = _of_dead(causes, backup, database)
            hole = (f"{what}: {cause}", detail)
            yield backup.cut_off_us, *hole
            at = max(at, backup.cut_off_us)
            continue
        if backup.finished_us is None or backup.finished_us >= until_us:
            yield (
                until_us,
                f"{what}: {backup.word} backup",
                f"{_name(causes, backup)} was still being made",
            )
            return
        yield backup.finished_us, f"{what}: {backup.word} backup", _name(causes, backup)
        at = max(at, backup.finished_us)
        way = _way(causes, backup, backup.commits - 1, until_us, f"{what}: {backup.word} ", at)
        onto = (
            None
            if backup.commits > of[0]
            else next((k.begin_us for k in causes.lies(backup) if k.end_us > at), None)
        )
        # an older full: onto it what was lacking can be restored
        if onto is not None and onto < until_us and of[1] is not None:
            yield from _until(way, onto)
            at = max(at, onto)
            again = yield from _way(causes, of[1], of[0], until_us, "", at)
        else:
            again = yield from way
        if again is None:
            return
        at = max(at, again.at_us)
        what = what if again.based else _what(causes, database, again)
        hole = again.cause or _hole(causes, database, again, backup)
    yield until_us, *hole


def _until(pieces: Hopes, until_us: int) -> Iterator[Piece]:
    """The pieces as far as an instant."""
    for stop, cause, detail in pieces:
        yield min(stop, until_us), cause, detail
        if stop >= until_us:
            return


def _what(causes: Causes, database: int, lost: Lost) -> str:
    """Return what is on its way: a repair, the first seed of a secondary, or one in the place of a
    copy that was lost.
    """
    if lost.based:
        return "repair"
    return (
        "re-seed" if any(kept.end_us <= lost.at_us for kept in causes.based(database)) else "seed"
    )


def _hole(causes: Causes, database: int, lost: Lost, of: BackupFate | None) -> tuple[str, str]:
    """The cause while nothing is done about it yet."""
    if lost.based:
        assert of is not None
        label = causes.during(of.begin_us, lost.at_us + 1, Explains.FILE_LOST, database)
        if of.kind == Kind.FULL:
            return "waits for a full" + _of(label), f"{_name(causes, of)} is lost"
        return "hole in the chain" + _of(label), f"{_name(causes, of)} is lost; waits for a repair"
    ends = [kept.end_us for kept in causes.based(database) if kept.end_us <= lost.at_us]
    if not ends:
        return "waits for a full", "there is nothing at the secondary to restore onto yet"
    label = causes.during(max(ends), max(ends) + 1, Explains.COPY_LOST, database)
    return "waits for a re-seed" + _of(label), "the secondary's copy of the database is lost"


def _next_way_out(
    causes: Causes, database: int, of: tuple[int, int, bool], tried: set[tuple[int, int]]
) -> tuple[int, BackupFate] | None:
    """(instant, backup) of the first that is on its way, or is begun, from an instant on and would
    help. of: that instant, the first lacking commit, and whether nothing but a full helps.
    """
    at, commits, full = of
    found: list[tuple[int, int, BackupFate]] = []
    for f in causes.files(database):
        if f.kind == Kind.LOG or (full and f.kind != Kind.FULL):
            continue
        if not full and f.finished_us is not None and f.commits <= commits:
            continue  # it ends before what is lost
        active = _active_from(causes, f, at)
        if active is not None and (active, f.number) not in tried:
            found.append((active, f.begin_us, f))
    if not found:
        return None
    best = min(found, key=lambda x: x[:2])
    return best[0], best[2]


def _active_from(causes: Causes, f: BackupFate, at: int) -> int | None:
    """The first instant from that one on at which a backup is being made or is on its way; None if
    there is none.
    """
    made = f.finished_us if f.finished_us is not None else f.cut_off_us
    if f.begin_us >= at or made is None or made > at:
        return max(at, f.begin_us)
    if _dead(causes, f):
        return None
    gone = causes.gone_unlanded(f)
    if gone is not None and gone <= at:
        return None
    states = causes.states(f.number)
    current = next((state for time, state in reversed(states) if time <= at), "")
    lies = _at(causes.lies(f), at)
    if current not in ("", "gone", "landed") or lies is not None:
        return at
    return next((time for time, _ in states if time > at), None)


def _name(causes: Causes, file: BackupFate) -> str:
    if file.name:
        return file.name
    begun = datetime.fromtimestamp((causes.scenario.start_utc_us + file.begin_us) // 1_000_000, UTC)
    return f"the {file.word} begun {begun:%Y-%m-%dT%H:%M:%SZ}"


def _of(label: str) -> str:
    return f" ({label})" if label else ""


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
