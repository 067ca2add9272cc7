"""The log chain: does a backup fit a database that is being restored, where are its holes, is a set
unbroken?

Rules (facts about SQL Server's backupset and restore headers; error numbers are that engine's):
- a log covers [first_lsn, last_lsn) and applies if it holds the position: first_lsn <= redo_lsn <
last_lsn. Overlap is fine, a log that ends before is stale (4326, harmless), one that begins after
leaves a gap (4305). An empty one (first_lsn == last_lsn) brings nothing, but it says that the log
continues from there: beyond the position it shows a gap;
- an incremental fits if the database carries its base (3136) and it ends past the position, however
much log has been replayed already. By SQL Server's rule the base is the last full. By PostgreSQL's
it is the last backup, which may be an incremental itself: the whole chain is needed;
- forks come before LSNs: the same LSN means different things on two forks (4330). A fork leaves its
parent at its fork point; up to there the parent's backups are its own. The first log made after a
failover lies on both;
- what tells how forks hang together is the log that crosses the fork point, or a fork history that
the engine keeps apart from the backups (PostgreSQL's timeline files, SQL Server's
recovery_fork_points). If that log is lost, the history alone shows the hole: from the fork point to
the first log at hand;
- a full or an incremental cannot begin below the fork point of the fork on which it lies.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dr_sim.backups.model import BackupHeader, Kind, RestoreState

# fork -> (the fork it left, the LSN at which it left it)
type_forks = Mapping[int, tuple[int, int]]
NO_FORKS: type_forks = {}


class Fit(enum.Enum):
    """Holds what the engine would say to a backup now. The value is its error number, 0 or less
    where it has none.
    """

    APPLIES = 0
    EMPTY = (
        -1
    )  # a log without content, where nothing lacks before it: ignore it
    STALE = 4326  # behind the database: skip it
    GAP = 4305
    WRONG_FORK = 4330
    WRONG_BASE = 3136
    NOT_RESTORING = 3117  # recovered, or nothing restored yet


@dataclass(slots=True)
class Hole:
    """[first_lsn, last_lsn) on a fork, which no log at hand covers. after: the first log beyond
    it.
    """

    fork: int
    first_lsn: int
    last_lsn: int
    after: BackupHeader


def stands_on_full(incremental: BackupHeader) -> bool:
    """Return whether an incremental names the last full before it as its base."""
    return (
        incremental.differential_base_lsn == incremental.database_backup_lsn
    )


def bases_by_lsn(headers: Iterable[BackupHeader]) -> dict[int, int]:
    """Return the incremental on which an incremental stands, both by backup_id, where LSNs name
    one: its base LSN is that of no full, and an incremental began there.

    A full and an incremental may begin at one instant, and at one LSN. So one that stands on the
    full, which may not be here, is known by that full's own LSN.
    """
    known = list(headers)
    fulls = {
        h.first_lsn
        for h in known
        if h.kind is Kind.FULL and not h.copy_only
    }
    begun = {h.first_lsn: h for h in known if h.kind is Kind.INCREMENTAL}
    found: dict[int, int] = {}
    for header in known:
        if (
            header.kind is not Kind.INCREMENTAL
            or header.differential_base_lsn in fulls
        ):
            continue
        base = begun.get(header.differential_base_lsn)
        if (
            base is not None
            and base.first_lsn < header.first_lsn
            and not stands_on_full(header)
        ):
            found[header.backup_id] = base.backup_id
    return found


def applies(
    header: BackupHeader, state: RestoreState, forks: type_forks = NO_FORKS
) -> Fit:
    """Would the engine take this backup in this state? A full always applies (with replace).

    forks adds what is known of other forks (forks_of) to what the header says of its own.
    """
    if header.kind is Kind.FULL:
        return Fit.APPLIES
    if not state.exists or not state.restoring:
        return Fit.NOT_RESTORING
    redo = state.redo_lsn
    empty = header.kind is Kind.LOG and header.first_lsn == header.last_lsn
    if (
        empty
        and header.first_lsn == redo
        and header.first_fork == state.fork != header.fork
    ):
        return (
            Fit.APPLIES
        )  # it holds nothing, and brings the database onto the new fork
    if empty and (header.first_lsn <= redo or header.fork != state.fork):
        return Fit.EMPTY
    if header.fork != state.fork and not _leads_to(
        state.fork, redo, header, forks
    ):
        behind = header.last_lsn <= redo and leads_to(
            header.fork, header.last_lsn, state.fork, forks
        )
        return Fit.STALE if behind else Fit.WRONG_FORK
    if (
        header.kind is Kind.INCREMENTAL
        and header.differential_base_lsn != state.differential_base_lsn
    ):
        return Fit.WRONG_BASE
    if header.last_lsn <= redo:
        return Fit.STALE
    if header.kind is Kind.LOG and header.first_lsn > redo:
        return Fit.GAP
    return Fit.APPLIES


def forks_of(
    headers: Iterable[BackupHeader], histories: type_forks = NO_FORKS
) -> dict[int, tuple[int, int]]:
    """Return what the headers tell of forks: child -> (parent, fork point). A log across two
    failovers names the fork before the last but one: the latest fork point counts. histories: the
    engine's own, which beat what headers tell.
    """
    forks: dict[int, tuple[int, int]] = {}
    for header in headers:
        if (
            header.first_fork != header.fork
            and header.fork not in histories
        ):
            told = (header.first_fork, header.fork_point_lsn)
            known = forks.get(header.fork)
            if known is None or (told[1], told[0]) > (known[1], known[0]):
                forks[header.fork] = told
    forks.update(histories)
    return forks


def is_possible(header: BackupHeader, forks: type_forks) -> bool:
    """Return False for a full or an incremental that begins before its fork existed: no engine
    makes one.
    """
    if (
        header.kind is Kind.LOG
        or header.first_fork != header.fork
        or header.fork not in forks
    ):
        return True
    return header.first_lsn >= forks[header.fork][1]


def leads_to(fork: int, lsn: int, end: int, forks: type_forks) -> bool:
    """Return whether position (fork, lsn) lies on the path that leads to fork `end`. A fork point
    lies on both its forks.
    """
    seen = set()  # headers of damaged origin may name forks in a circle
    while end != fork:
        if end in seen or end not in forks:
            return False
        seen.add(end)
        end, point = forks[end]
        if lsn > point:
            return False
    return True


def _leads_to(
    fork: int, lsn: int, header: BackupHeader, forks: type_forks
) -> bool:
    if header.first_fork != header.fork:
        return lsn <= header.fork_point_lsn and leads_to(
            fork, lsn, header.first_fork, forks
        )
    return leads_to(fork, lsn, header.fork, forks)


def ends_of_history(
    headers: Sequence[BackupHeader], forks: type_forks
) -> list[int]:
    """The forks on which some history ends: those that no other fork of which something is at hand
    continues from their last position at hand.
    """
    ends = _last_lsns(headers)
    seen = _leading_to(ends, forks)
    continued = {
        parent
        for child, (parent, point) in forks.items()
        if child in seen and point >= ends.get(parent, point)
    }
    return [fork for fork in sorted(ends) if fork not in continued]


def unseen_continuations(
    headers: Sequence[BackupHeader], forks: type_forks
) -> dict[int, int]:
    """Return the forks of which nothing is at hand and that continue another from its last position
    at hand, or from beyond: fork -> child.
    """
    ends = _last_lsns(headers)
    seen = _leading_to(ends, forks)
    return {
        parent: child
        for child, (parent, point) in sorted(forks.items())
        if child not in seen and parent in ends and point >= ends[parent]
    }


def _last_lsns(headers: Iterable[BackupHeader]) -> dict[int, int]:
    """Return, by fork, the last position at hand."""
    ends: dict[int, int] = {}
    for header in headers:
        ends[header.fork] = max(
            ends.get(header.fork, header.last_lsn), header.last_lsn
        )
    return ends


def _leading_to(ends: Iterable[int], forks: type_forks) -> set[int]:
    """Return these forks and all from which they come."""
    found: set[int] = set()
    for end in ends:
        fork = end
        while fork not in found:
            found.add(fork)
            fork = forks.get(fork, (fork, 0))[0]
    return found


def on_path(
    headers: Iterable[BackupHeader], end: int, forks: type_forks
) -> list[BackupHeader]:
    """The headers that lie wholly on the path to fork `end`, in order; along it LSNs alone give the
    order.

    What cannot be (is_possible) is left out.
    """
    found = [
        header
        for header in headers
        if is_possible(header, forks)
        and leads_to(header.fork, header.last_lsn, end, forks)
        and (
            header.first_fork == header.fork
            or leads_to(header.first_fork, header.first_lsn, end, forks)
        )
    ]
    found.sort(key=order)
    return found


def order(header: BackupHeader) -> tuple[int, int, int, int]:
    """Sort key along one path: by end; a full before an incremental before a log; then the longer
    log.
    """
    return (
        header.last_lsn,
        header.kind,
        header.first_lsn,
        header.backup_id,
    )


def gaps(
    headers: Iterable[BackupHeader], histories: type_forks = NO_FORKS
) -> list[Hole]:
    """The holes between the logs of each fork (one database's), by fork and LSN.

    What lies before the first or after the last log at hand is no hole; a log across a fork point
    counts on both sides. histories: forks that the engine tells of (forks_of). A fork whose parent
    has logs at hand begins at its fork point: the stretch from there to its first log is a hole
    too, which shows where the log across the fork point is lost.
    """
    pieces: dict[int, list[tuple[int, int, int, BackupHeader]]] = {}
    for header in headers:
        if (
            header.kind is not Kind.LOG
            or header.first_lsn >= header.last_lsn
        ):
            continue
        begin = header.first_lsn
        if header.first_fork != header.fork:
            point = header.fork_point_lsn
            pieces.setdefault(header.first_fork, []).append(
                (begin, point, header.backup_id, header)
            )
            begin = point
        pieces.setdefault(header.fork, []).append(
            (begin, header.last_lsn, header.backup_id, header)
        )
    holes: list[Hole] = []
    for fork in sorted(pieces):
        parent, point = histories.get(fork, (fork, 0))
        reached: int | None = (
            point if parent != fork and parent in pieces else None
        )
        for begin, end, _, header in sorted(
            pieces[fork], key=lambda piece: piece[:3]
        ):
            if reached is not None and begin > reached:
                holes.append(Hole(fork, reached, begin, header))
            reached = end if reached is None else max(reached, end)
    return holes


def chain_is_valid(
    headers: Sequence[BackupHeader], bases: Mapping[int, int] | None = None
) -> bool:
    """Return whether this is one unbroken restore: one full (it may stand in several files),
    incrementals on it, and logs without a hole.

    bases: the backup on which an incremental stands, by backup_id, where a tool names it
    (PostgreSQL): it must be the one just before it in the chain, a full or another incremental.
    Where LSNs name an incremental (bases_by_lsn) the same holds. Logs that end before the full or
    incremental they would follow, and empty ones, do no harm.
    """
    fulls = {
        (h.database, h.fork, h.first_lsn, h.last_lsn, h.checkpoint_lsn)
        for h in headers
        if h.kind is Kind.FULL
    }
    if len(fulls) != 1 or any(h.first_lsn > h.last_lsn for h in headers):
        return False
    ((database, fork, base, reached, _),) = fulls
    if any(header.database != database for header in headers):
        return False
    forks = forks_of(headers)
    state = RestoreState(fork, reached, base)
    named_bases = bases_by_lsn(headers) | dict(bases or {})
    last = {
        header.backup_id for header in headers if header.kind is Kind.FULL
    }
    for header in sorted(headers, key=order):
        if header.kind is Kind.INCREMENTAL:
            named = named_bases.get(header.backup_id)
            if named is not None and named not in last:
                return False
            last = {header.backup_id}
            own = (
                state.differential_base_lsn
                if named is not None
                else header.differential_base_lsn
            )
            fit = applies(
                replace(header, differential_base_lsn=own), state, forks
            )
            if fit is not Fit.APPLIES:
                return False
            state.fork, state.redo_lsn = header.fork, header.last_lsn
    for header in sorted(headers, key=order):
        if header.kind is Kind.LOG:
            fit = applies(header, state, forks)
            if fit is Fit.APPLIES:
                state.fork, state.redo_lsn = header.fork, header.last_lsn
            elif fit not in (Fit.STALE, Fit.EMPTY):
                return False
    return True
