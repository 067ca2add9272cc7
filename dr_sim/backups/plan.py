"""What to restore: the furthest position that can be reached from what is at hand, and the cheapest way to it.

Theory of operation. First a path of forks is chosen; along one path LSNs alone give the order, and everything not
wholly on it is put aside. Then each backup ends at a position, and each may be the last step to it: a full from
nothing, an incremental from any earlier position with its base, a log from any position that it covers. Backups are
taken in the order of their ends, so every position before is settled: for each a cheapest way (bytes, then
steps) is kept for each base that the database may carry there. A log looks for the cheapest position in its range: that
is the minimum of a suffix, kept as a stack of ever dearer positions. So n backups cost O(n log n) for each base alive.

Replaying logs carries the base forward: a log names by its database_backup_lsn the latest full before it. A copy-only
full is no base and moves none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dr_sim.backups.chain import Hole, ends_of_history, forks_of, leads_to, on_path, type_forks
from dr_sim.backups.model import BackupHeader, Kind, RestoreState


@dataclass(slots=True)
class Plan:
    """steps in order (empty: nothing helps), the position (fork, LSN) after them, and the hole that ends it there.

    reaches: None if there is nothing to start from. hole: None if no log at hand lies beyond.
    """

    steps: list[BackupHeader] = field(default_factory=list)
    reaches: tuple[int, int] | None = None
    hole: Hole | None = None


@dataclass(slots=True)
class _Way:
    """The cheapest way found to a position with a base."""

    lsn: int
    base_lsn: int  # first_lsn of the full it carries
    is_base: bool  # False: that full is copy-only, no incremental fits it
    cost: tuple[int, int]  # bytes, steps
    last: BackupHeader | None  # None: the state that we started from
    before: _Way | None


class _Ways:
    """The ways with one base, in order of position, each dearer than all before it: those that nothing later beats."""

    __slots__ = ("lsns", "ways")

    def __init__(self) -> None:
        self.lsns: list[int] = []
        self.ways: list[_Way] = []

    def add(self, way: _Way) -> None:
        while self.ways and self.ways[-1].cost >= way.cost:
            self.ways.pop()
            self.lsns.pop()
        self.lsns.append(way.lsn)
        self.ways.append(way)

    def cheapest_from(self, lsn: int) -> _Way | None:
        index = bisect_left(self.lsns, lsn)
        return self.ways[index] if index < len(self.ways) else None


def plan(
    headers: Iterable[BackupHeader],
    state: RestoreState | None = None,
    *,
    fork: int | None = None,
    until_utc_us: int | None = None,
) -> Plan:
    """The steps to the furthest position, from state on or starting over from a full; never over a hole.

    headers: of one database, in any order, one twice does no harm. For a way without starting over leave the fulls out.
    Among ways to one position the one with the fewest bytes counts, then the one with the fewest steps.
    fork: the one whose history is wanted. By default the one that continues state's; if two do, state's own.
    Without a state, raises ValueError if the fulls lead to different forks: nothing in a header says which counts.
    until_utc_us: stop with the first log that finished at or after that instant, as a restore to a point in time
    does; fulls and incrementals that finished later are left out.
    """
    known = list({header.backup_id: header for header in headers}.values())
    forks = forks_of(known)
    end = _end_of(known, state, forks) if fork is None else fork
    if end is None:
        return Plan()
    usable = on_path(known, end, forks)
    if until_utc_us is not None:
        usable = [h for h in usable if h.kind is Kind.LOG or h.finished_utc_us <= until_utc_us]
    start = None
    if state is not None and state.exists and state.restoring and leads_to(state.fork, state.redo_lsn, end, forks):
        start = _Way(state.redo_lsn, state.differential_base_lsn, True, (0, 0), None, None)
    way, complete = _furthest(usable, start, until_utc_us)
    if way is None:
        return Plan()
    steps: list[BackupHeader] = []
    step: _Way | None = way
    while step is not None and step.last is not None:
        steps.append(step.last)
        step = step.before
    steps.reverse()
    reached_fork = steps[-1].fork if steps else (state.fork if state is not None else end)
    return Plan(steps, (reached_fork, way.lsn), None if complete else _hole(usable, reached_fork, way.lsn))


def _end_of(headers: Sequence[BackupHeader], state: RestoreState | None, forks: type_forks) -> int | None:
    """The fork to aim at when nobody says which."""
    ends = ends_of_history(headers, forks)
    if state is not None and state.exists:
        onward = [end for end in ends if leads_to(state.fork, state.redo_lsn, end, forks)]
        return onward[0] if len(onward) == 1 else state.fork
    fulls = [header for header in headers if header.kind is Kind.FULL]
    reachable = [end for end in ends if any(leads_to(full.fork, full.last_lsn, end, forks) for full in fulls)]
    if len(reachable) > 1:
        raise ValueError(f"the fulls lead to several recovery forks {reachable}: say which one is wanted")
    return reachable[0] if reachable else None


def _furthest(
    usable: Sequence[BackupHeader], start: _Way | None, until_utc_us: int | None
) -> tuple[_Way | None, bool]:  # fmt: skip
    """The cheapest way to the furthest position; True if that is the instant asked for."""
    bases = {h.checkpoint_lsn: h.first_lsn for h in usable if h.kind is Kind.FULL and not h.copy_only}
    bases.update({h.database_backup_lsn: h.differential_base_lsn for h in usable if h.kind is Kind.INCREMENTAL})
    by_base: dict[tuple[int, bool], _Ways] = {}
    best: _Way | None = None
    index, count = 0, len(usable)
    pending = start
    while index < count or pending is not None:
        here: list[_Way] = []  # all ways to one position: none of them leads to another
        if pending is not None and (index == count or pending.lsn <= usable[index].last_lsn):
            here.append(pending)
            lsn, pending = pending.lsn, None
        else:
            lsn = usable[index].last_lsn
        final: list[_Way] = []
        while index < count and usable[index].last_lsn == lsn:
            header = usable[index]
            is_final = until_utc_us is not None and header.kind is Kind.LOG and header.finished_utc_us >= until_utc_us
            (final if is_final else here).extend(_ways_by(header, by_base, bases))
            index += 1
        if final:
            return min(final, key=_preference), True
        for way in sorted(here, key=_preference, reverse=True):  # so that the best is added last and stays
            by_base.setdefault((way.base_lsn, way.is_base), _Ways()).add(way)
        best = min(here, key=_preference, default=best)
    return best, False


def _preference(way: _Way) -> tuple[tuple[int, int], bool, int]:
    return (way.cost, not way.is_base, -way.base_lsn)


def _ways_by(
    header: BackupHeader, by_base: dict[tuple[int, bool], _Ways], bases: dict[int, int]
) -> list[_Way]:  # fmt: skip
    """The ways whose last step is this backup, at most one for each base; by_base holds all that end before it."""
    if header.kind is Kind.FULL:
        first = _Way(header.last_lsn, header.first_lsn, not header.copy_only, (header.nominal_bytes, 1), header, None)
        return [first]
    if header.kind is Kind.INCREMENTAL:
        base = header.differential_base_lsn
        ways = by_base.get((base, True))
        return [_step(ways.ways[0], header, base, True)] if ways is not None else []
    found: dict[tuple[int, bool], _Way] = {}
    named = bases.get(header.database_backup_lsn, header.database_backup_lsn)
    for (base, is_base), ways in by_base.items():
        before = ways.cheapest_from(header.first_lsn)
        if before is None:
            continue
        way = _step(before, header, *((named, True) if named > base else (base, is_base)))
        key = (way.base_lsn, way.is_base)
        if key not in found or way.cost < found[key].cost:
            found[key] = way
    return list(found.values())


def _step(before: _Way, header: BackupHeader, base_lsn: int, is_base: bool) -> _Way:
    cost = (before.cost[0] + header.nominal_bytes, before.cost[1] + 1)
    return _Way(header.last_lsn, base_lsn, is_base, cost, header, before)


def _hole(usable: Sequence[BackupHeader], fork: int, lsn: int) -> Hole | None:
    """What lies between a position and the next log beyond it."""
    beyond = [h for h in usable if h.kind is Kind.LOG and lsn < h.first_lsn < h.last_lsn]
    if not beyond:
        return None
    after = min(beyond, key=lambda h: (h.first_lsn, h.last_lsn, h.backup_id))
    return Hole(fork, lsn, after.first_lsn, after)
