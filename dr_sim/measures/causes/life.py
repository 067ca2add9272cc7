"""The life of the file that would have carried the first lacking commit, cut into pieces that
follow without a gap.

It waits to be cut and is backed up (before_backup.py). It queues, is sent and waits for the link
(on_the_way.py). It lands damaged, or is lost, and is copied again (arrival.py). If it is lost for
good, or if there is nothing to restore it onto, the life of the backup that would help follows: one
that bridges the hole, or the full that seeds the secondary again. If that one is lost too, the
next.
"""

from __future__ import annotations

from collections.abc import Iterator

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.arrival import loser, way_across
from dr_sim.measures.causes.before_backup import (
    made_nothing,
    refused,
    until_begun,
    why_nothing,
)
from dr_sim.measures.causes.causes import BackupFate, Causes
from dr_sim.measures.causes.pieces import (
    Hopes,
    LedgerLine,
    Lost,
    Piece,
    as_lines,
    holding_at,
    name_of,
    noted,
)
from dr_sim.scenario.kind import Explains


def cut_up(
    causes: Causes,
    database: int,
    commits: int,
    from_us: int,
    until_us: int,
    lacking_us: int | None = None,
) -> list[LedgerLine]:
    """Return [from_us, until_us) as lines. Commit number `commits` is the first that is lacking; it
    was made at lacking_us (default: at from_us).
    """
    made_us = from_us if lacking_us is None else lacking_us
    pieces = _life(causes, database, commits, made_us, until_us)
    return as_lines(pieces, from_us, until_us)


def seeded_anew(
    causes: Causes, database: int, from_us: int, until_us: int
) -> list[LedgerLine]:
    """Return [from_us, until_us) as lines: a database has nothing at the secondary and is seeded
    with a full.
    """
    lost = Lost(from_us, based=False)
    pieces = _repair(causes, database, lost, (-1, None), until_us)
    return as_lines(pieces, from_us, until_us)


def _life(
    causes: Causes, database: int, commits: int, from_us: int, until_us: int
) -> Iterator[Piece]:
    """Yield what the first lacking commit waited for, piece after piece."""
    if causes.scenario.databases[database].log.kind == "none":
        yield from _without_logs(
            causes, database, commits, from_us, until_us
        )
        return
    kinds = (Kind.LOG,)
    log = _log_with(causes, database, commits, from_us, until_us)
    truncated = next(
        (
            at
            for at, lsn in causes.truncated(database)
            if from_us <= at < until_us and not _holds_it(log, at, lsn)
        ),
        None,
    )
    if truncated is not None:  # the commit is in no log
        own = (
            "log interval",
            "until the log was truncated without a backup here",
        )
        yield from until_begun(
            causes, database, kinds, from_us, truncated, own
        )
        lost = Lost(
            truncated,
            based=True,
            cause=_broken(causes, database, truncated),
        )
        yield from _repair(
            causes, database, lost, (commits, None), until_us
        )
        return
    if log is None:
        own = ("log interval", "the next log was not cut yet")
        yield from until_begun(
            causes, database, kinds, from_us, until_us, own
        )
        return
    own = ("log interval", f"until {name_of(causes, log)} was cut")
    yield from until_begun(
        causes, database, kinds, from_us, log.begin_us, own
    )
    if log.finished_us is None or log.finished_us >= until_us:
        yield (
            until_us,
            "log backup",
            f"{name_of(causes, log)} was still being made",
        )
        return
    yield log.finished_us, "log backup", log.name
    lost_again = yield from way_across(causes, log, commits, until_us, "")
    if lost_again is not None:
        yield from _repair(
            causes, database, lost_again, (commits, log), until_us
        )


def _log_with(
    causes: Causes, database: int, commits: int, from_us: int, until_us: int
) -> BackupFate | None:
    """Return the first log begun in that time that holds commit number `commits`."""
    for file in causes.files(database):
        in_time = from_us <= file.begin_us < until_us
        holds = file.kind == Kind.LOG and file.commits > commits
        if in_time and holds and not made_nothing(causes, file):
            return file
    return None


def _holds_it(log: BackupFate | None, at_us: int, lsn: int) -> bool:
    """Return whether a log holds what was truncated at that instant, up to that LSN: it was begun
    before that, or at the same instant and holds that part.
    """
    if log is None or at_us < log.begin_us:
        return False
    return at_us > log.begin_us or log.first_lsn < lsn


def _broken(causes: Causes, database: int, time: int) -> tuple[str, str]:
    """Return the cause since the log was truncated, although no backup holds that part of it."""
    if any(
        file.empty and file.cut_off_us == time
        for file in causes.files(database)
    ):
        label = causes.during(
            time, time + 1, Explains.EMPTY_BACKUP, database
        )
        detail = (
            "a log backup was empty, and its log was truncated all the same"
        )
        return noted("hole in the chain", label), detail
    if causes.scenario.has_own_logs:
        detail = "the log backup of another tool took it, and that file is not here"
        return "hole in the chain", detail
    label = causes.during(time, time + 1, Explains.REFUSED, database)
    detail = "the log was truncated, and what it held is in no log backup"
    return noted("log chain broken", label), detail


def _without_logs(
    causes: Causes, database: int, commits: int, from_us: int, until_us: int
) -> Iterator[Piece]:
    """Yield the pieces for a database without log backups: its writes wait for the next full or
    incremental, which holds the writes up to its end.
    """
    kinds = (Kind.FULL, Kind.INCREMENTAL)
    at = from_us
    own = (
        "backup interval",
        "no log backups; the next full or incremental was not begun yet",
    )
    for backup in causes.files(database):
        if (
            backup.begin_us >= until_us
            or backup.kind == Kind.LOG
            or made_nothing(causes, backup)
        ):
            continue
        if backup.finished_us is not None and backup.commits <= commits:
            continue
        begun = f"no log backups; until {name_of(causes, backup)} was begun"
        yield from until_begun(
            causes, database, kinds, at, backup.begin_us, (own[0], begun)
        )
        at = max(at, backup.begin_us)
        if backup.finished_us is None or backup.finished_us >= until_us:
            yield (
                until_us,
                f"{backup.word} backup",
                f"{name_of(causes, backup)} was still being made",
            )
            return
        yield backup.finished_us, f"{backup.word} backup", backup.name
        lost = yield from way_across(causes, backup, commits, until_us, "")
        if lost is None:
            return
        if not lost.based:
            yield from _repair(
                causes, database, lost, (commits, backup), until_us
            )
            return
        at = max(lost.at_us, backup.finished_us)
        label = loser(causes, backup, at)
        own = (
            noted("backup lost", label),
            f"{backup.name} is lost; waits for the next one",
        )
    yield from until_begun(causes, database, kinds, at, until_us, own)


def _repair(
    causes: Causes,
    database: int,
    lost: Lost,
    of: tuple[int, BackupFate | None],
    until_us: int,
) -> Iterator[Piece]:
    """Yield the pieces after something is lost for good: everything waits for the backup that would
    bridge the hole, or seed the secondary again; if that one fails, for the next. of: the first
    lacking commit, and the file that held it.
    """
    at = lost.at_us
    what = _what(causes, database, lost)
    hole = lost.cause or _hole(causes, database, lost, of[1])
    tried: set[tuple[int, int]] = set()
    while at < until_us:
        chosen = _next_way_out(
            causes, database, (at, of[0], what != "repair"), tried
        )
        if chosen is None or chosen[0] >= until_us:
            break
        begin, backup = chosen
        tried.add((begin, backup.number))
        yield from _not_begun(causes, database, what, hole, (at, begin))
        at = max(at, begin)
        if made_nothing(causes, backup):
            assert backup.cut_off_us is not None
            _, cause, detail = why_nothing(causes, backup, database)
            hole = (f"{what}: {cause}", detail)
            yield backup.cut_off_us, *hole
            at = max(at, backup.cut_off_us)
            continue
        if backup.finished_us is None or backup.finished_us >= until_us:
            yield (
                until_us,
                f"{what}: {backup.word} backup",
                f"{name_of(causes, backup)} was still being made",
            )
            return
        yield (
            backup.finished_us,
            f"{what}: {backup.word} backup",
            name_of(causes, backup),
        )
        at = max(at, backup.finished_us)
        prefix = f"{what}: {backup.word} "
        way = way_across(
            causes, backup, backup.commits - 1, until_us, prefix, at
        )
        onto = (
            None
            if backup.commits > of[0]
            else next(
                (k.begin_us for k in causes.lies(backup) if k.end_us > at),
                None,
            )
        )
        # an older full: the missing file can be restored onto it
        if onto is not None and onto < until_us and of[1] is not None:
            yield from _until(way, onto)
            at = max(at, onto)
            again = yield from way_across(
                causes, of[1], of[0], until_us, "", at
            )
        else:
            again = yield from way
        if again is None:
            return
        at = max(at, again.at_us)
        what = what if again.based else _what(causes, database, again)
        hole = again.cause or _hole(causes, database, again, backup)
    yield from _not_begun(causes, database, what, hole, (at, until_us))


def _not_begun(
    causes: Causes,
    database: int,
    what: str,
    hole: tuple[str, str],
    span: tuple[int, int],
) -> Iterator[Piece]:
    """Yield the pieces in which no backup that would help is begun: nothing is done yet, or one was
    to be made and could not be begun.
    """
    from_us, until_us = span
    kinds = (
        {Kind.FULL, Kind.INCREMENTAL} if what == "repair" else {Kind.FULL}
    )
    for time, cause, detail in refused(
        causes, database, kinds, from_us, until_us
    ):
        yield time, *hole
        hole = f"{what}: {cause}", detail
    yield until_us, *hole


def _until(pieces: Hopes, until_us: int) -> Iterator[Piece]:
    """Yield the pieces up to an instant."""
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
    had_a_copy = any(
        kept.end_us <= lost.at_us for kept in causes.based(database)
    )
    return "re-seed" if had_a_copy else "seed"


def _hole(
    causes: Causes, database: int, lost: Lost, of: BackupFate | None
) -> tuple[str, str]:
    """Return the cause, and its detail, while nothing is done about it yet."""
    if lost.based:
        assert of is not None
        label = causes.during(
            of.begin_us, lost.at_us + 1, Explains.FILE_LOST, database
        )
        detail = f"{name_of(causes, of)} is lost"
        if of.kind == Kind.FULL:
            return noted("waits for a full", label), detail
        return noted(
            "hole in the chain", label
        ), f"{detail}; waits for a repair"
    ends = [
        kept.end_us
        for kept in causes.based(database)
        if kept.end_us <= lost.at_us
    ]
    if not ends:
        return (
            "waits for a full",
            "there is nothing at the secondary to restore onto yet",
        )
    label = causes.during(
        max(ends), max(ends) + 1, Explains.COPY_LOST, database
    )
    return noted(
        "waits for a re-seed", label
    ), "the secondary's copy of the database is lost"


def _next_way_out(
    causes: Causes,
    database: int,
    of: tuple[int, int, bool],
    tried: set[tuple[int, int]],
) -> tuple[int, BackupFate] | None:
    """Return (instant, backup) of the first backup that is on its way, or is begun, from an instant
    on and would help; None if there is none. of: that instant, the first lacking commit, and
    whether only a full helps.
    """
    at, commits, full = of
    found: list[tuple[int, int, BackupFate]] = []
    for file in causes.files(database):
        if file.kind == Kind.LOG or (full and file.kind != Kind.FULL):
            continue
        if (
            not full
            and file.finished_us is not None
            and file.commits <= commits
        ):
            continue  # it ends before the lost part
        active = _active_from(causes, file, at)
        if active is not None and (active, file.number) not in tried:
            found.append((active, file.begin_us, file))
    if not found:
        return None
    instant, _, backup = min(found, key=lambda each: each[:2])
    return instant, backup


def _active_from(causes: Causes, f: BackupFate, at: int) -> int | None:
    """Return the first instant from that one on at which a backup is being made or is on its way;
    None if there is none.
    """
    made = f.finished_us if f.finished_us is not None else f.cut_off_us
    if f.begin_us >= at or made is None or made > at:
        return max(at, f.begin_us)
    if made_nothing(causes, f):
        return None
    gone = causes.gone_unlanded(f)
    if gone is not None and gone <= at:
        return None
    states = causes.states(f.number)
    current = next(
        (state for time, state in reversed(states) if time <= at), ""
    )
    lies = holding_at(causes.lies(f), at)
    if current not in ("", "gone", "landed") or lies is not None:
        return at
    return next((time for time, _ in states if time > at), None)
