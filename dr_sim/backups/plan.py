"""The planner: the furthest position that can be reached from what is at hand, and the best way to
it.

Theory of operation. First a path of forks is chosen; along one path LSNs alone give the order, and
everything not wholly on it is put aside. Then each backup ends at a position, and each may be the
last step to it: a full from nothing, an incremental from any earlier position with its base, a log
from any position that it covers. Backups are taken in the order of their ends, so every position
before is settled: for each a best way is kept for each base that the database may carry there. Ways
have a rank: by the policy the set that they start from, then their cost. An incremental that is
taken after log belongs to no set: it is taken where that costs less than the log in its place. A
log looks for the best position in its range: that is the minimum of a suffix, kept as a stack of
ever dearer positions. So n backups cost O(n log n) for each base alive.

Replaying logs carries the base forward: a log names by its database_backup_lsn the latest full
before it (0: it names none). A copy-only full is no base and moves none. An incremental whose base
is named, by a tool or by an LSN at which an incremental began (bases_by_lsn), stands on that backup
alone, which may be an incremental itself: the whole chain is needed, and nothing else comes in
between. Where the database that the plan continues from carries that base, the chain need not be
restored again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dr_sim.backups.chain import (
    Hole,
    bases_by_lsn,
    ends_of_history,
    forks_of,
    leads_to,
    on_path,
)
from dr_sim.backups.model import (
    BackupHeader,
    Kind,
    RestoreState,
    finishing_order,
)
from dr_sim.backups.target import (
    NEWEST_SET,
    NOTHING_ELSE,
    THE_END,
    Choice,
    Policy,
    Target,
    Told,
    birth,
    fork_for,
)

# newest full or incremental, its full, cost, steps: the smaller the better
Rank = tuple[int, int, int, int]


@dataclass(slots=True)
class Plan:
    """steps in order (empty: nothing helps), the position (fork, LSN) after them, and the hole that
    ends it there.

    reaches: None if there is nothing to start from. hole: None if no log at hand lies beyond. fork:
    the one whose history is followed. met: is the target reached? For the end: does nothing at hand
    on that path lie beyond?
    """

    steps: list[BackupHeader] = field(default_factory=list)
    reaches: tuple[int, int] | None = None
    hole: Hole | None = None
    fork: int | None = None
    met: bool = False


@dataclass(slots=True)
class _Way:
    """The best way found to a position with a base."""

    lsn: int
    base_lsn: int  # first_lsn of the full it carries
    is_base: bool  # False: that full is copy-only, no incremental fits it
    rank: Rank
    last: BackupHeader | None  # None: the state that we started from
    before: _Way | None


class _Ways:
    """The ways with one base, in order of position, each dearer than all before it: those that
    nothing later beats.

    start: the way from which an incremental on this base continues, whatever other incremental that
    took.
    """

    __slots__ = ("lsns", "start", "ways")

    def __init__(self) -> None:
        self.lsns: list[int] = []
        self.ways: list[_Way] = []
        self.start: _Way | None = None

    def add(self, way: _Way) -> None:
        if self.start is None or _rank_of_start(way) < _rank_of_start(
            self.start
        ):
            self.start = way
        while self.ways and self.ways[-1].rank >= way.rank:
            self.ways.pop()
            self.lsns.pop()
        self.lsns.append(way.lsn)
        self.ways.append(way)

    def cheapest_from(self, lsn: int) -> _Way | None:
        index = bisect_left(self.lsns, lsn)
        return self.ways[index] if index < len(self.ways) else None


def _rank_of_start(way: _Way) -> tuple[int, ...]:
    return way.rank[1:]


def plan(
    headers: Iterable[BackupHeader],
    state: RestoreState | None = None,
    *,
    fork: int | None = None,
    target: Target = THE_END,
    told: Told = NOTHING_ELSE,
    choice: Choice = NEWEST_SET,
) -> Plan:
    """The steps to the target or the furthest position before it, from state on or starting over
    from a full; never over a hole.

    headers: of one database, in any order, one twice does no harm. For a way without starting over
    leave the fulls out. fork: the one whose history is wanted; by default fork_for chooses it.
    Fulls and incrementals that hold more than the target are left out; the first log that meets it
    is the last step. choice: among ways to one position. A way that continues from the state is the
    newest set of all: what is restored already is not read again.
    """
    known = list({header.backup_id: header for header in headers}.values())
    forks = forks_of(known, told.forks)
    end = fork
    if end is None:
        end = fork_for(known, state, target, forks, told.by_number)
    if end is None:
        return Plan()
    usable = on_path(known, end, forks)
    if not target.is_end:
        usable = [
            h
            for h in usable
            if h.kind is Kind.LOG or not target.is_overshot_by(h)
        ]
    start = None
    if (
        state is not None
        and _goes_on(state, target)
        and leads_to(state.fork, state.redo_lsn, end, forks)
    ):
        start = _Way(
            state.redo_lsn,
            state.differential_base_lsn,
            True,
            (0, 0, 0, 0),
            None,
            None,
        )
    search = _Search(usable, target, told, choice)
    search.at_hand = {header.backup_id: header for header in known}
    way, met = search.furthest(start)
    if way is None:
        return Plan(fork=end)
    steps: list[BackupHeader] = []
    step: _Way | None = way
    while step is not None and step.last is not None:
        steps.append(step.last)
        step = step.before
    steps.reverse()
    reached_fork = (
        steps[-1].fork
        if steps
        else (state.fork if state is not None else end)
    )
    if target.is_end:
        met = max((h.last_lsn for h in usable), default=way.lsn) <= way.lsn
    hole = (
        None
        if met and not target.is_end
        else _hole(usable, reached_fork, way.lsn)
    )
    return Plan(steps, (reached_fork, way.lsn), hole, end, met)


def plan_from_newest_full(headers: Sequence[BackupHeader]) -> Plan:
    """Plan a restore where there is no copy yet, on the fork of the newest full, or on a later one
    that continues from its last position at hand: the newest of those. Without a full the plan is
    empty.
    """
    fulls = [header for header in headers if header.kind is Kind.FULL]
    if not fulls:
        return Plan()
    newest = max(fulls, key=finishing_order)
    return plan(headers, fork=fork_of_restore(headers, newest))


def fork_of_restore(
    headers: Sequence[BackupHeader], full: BackupHeader
) -> int:
    """Return the fork to follow from a full: its own, or where another one continues from the last
    position of that at hand, the newest of those.
    """
    forks = forks_of(headers)
    ends = ends_of_history(headers, forks)
    if full.fork in ends:
        return full.fork
    onward = [
        end
        for end in ends
        if leads_to(full.fork, full.last_lsn, end, forks)
    ]
    return max(
        onward, key=lambda end: birth(headers, end), default=full.fork
    )


def _goes_on(state: RestoreState, target: Target) -> bool:
    """Return whether logs and incrementals may be added to this state, and it holds no more than is
    wanted.
    """
    return (
        state.exists
        and state.restoring
        and (target.lsn is None or state.redo_lsn <= target.lsn)
    )


class _Search:
    """The search for one plan. by_base: ways by the base that they carry; by_last: ways that end
    with a full or an incremental, by its backup_id. at_hand: every backup, also of other forks.
    """

    def __init__(
        self,
        usable: Sequence[BackupHeader],
        target: Target,
        told: Told,
        choice: Choice,
    ) -> None:
        self.usable = usable
        self.target = target
        self.named_by_tool = told.bases
        self.named_base = bases_by_lsn(usable) | dict(told.bases)
        self.parts = told.parts
        self.incomplete = told.incomplete
        self.choice = choice
        self.at_hand = {header.backup_id: header for header in usable}
        self.by_base: dict[tuple[int, bool], _Ways] = {}
        self.by_last: dict[int, _Way] = {}
        self.bases = {
            h.checkpoint_lsn: h.first_lsn
            for h in usable
            if h.kind is Kind.FULL and not h.copy_only
        }
        self.bases.update(
            {
                h.database_backup_lsn: h.differential_base_lsn
                for h in usable
                if h.kind is Kind.INCREMENTAL
            }
        )
        self.bases.pop(0, None)  # 0 names no full
        # newer than any full
        self.rank_of_state = -2 - max(
            (h.last_lsn for h in usable), default=0
        )

    def furthest(self, start: _Way | None) -> tuple[_Way | None, bool]:
        """The best way to the furthest position that is wanted; True if that meets the target."""
        usable, target = self.usable, self.target
        if start is not None and self.choice.policy is Policy.NEWEST_SET:
            start.rank = (self.rank_of_state, self.rank_of_state, 0, 0)
        best: _Way | None = None
        index, count = 0, len(usable)
        pending = start
        while index < count or pending is not None:
            here: list[
                _Way
            ] = []  # all ways to one position: none of them leads to another
            if pending is not None and (
                index == count or pending.lsn <= usable[index].last_lsn
            ):
                here.append(pending)
                lsn, pending = pending.lsn, None
            else:
                lsn = usable[index].last_lsn
            final: list[_Way] = []
            while index < count and usable[index].last_lsn == lsn:
                header = usable[index]
                is_final = target.is_held_by(header) or (
                    header.kind is Kind.LOG
                    and not target.is_end
                    and target.is_met_by(header)
                )
                (final if is_final else here).extend(self._ways_by(header))
                index += 1
            if final:
                return min(final, key=_preference), True
            # so that the best is added last and stays
            for way in sorted(here, key=_preference, reverse=True):
                self.by_base.setdefault(
                    (way.base_lsn, way.is_base), _Ways()
                ).add(way)
            best = min(here, key=_preference, default=best)
            if (
                target.lsn is not None
                and best is not None
                and best.lsn >= target.lsn
            ):
                return best, True
        return best, best is not None and self._nothing_was_written_after(
            best.lsn
        )

    def _nothing_was_written_after(self, lsn: int) -> bool:
        """Return whether a log that meets the target holds nothing beyond this position. Then
        nothing was written until then.
        """
        target = self.target
        logs = (
            h
            for h in self.usable
            if h.kind is Kind.LOG and h.last_lsn <= lsn
        )
        return not target.is_end and any(
            target.is_met_by(log) for log in logs
        )

    def _ways_by(self, header: BackupHeader) -> list[_Way]:
        """The ways whose last step is this backup, at most one for each base; by_base holds all
        that end before it.
        """
        if header.kind is Kind.FULL:
            rank = self._rank(
                (-1 - header.last_lsn, -1 - header.last_lsn, 0, 0), header
            )
            first = _Way(
                header.last_lsn,
                header.first_lsn,
                not header.copy_only,
                rank,
                header,
                None,
            )
            self.by_last[header.backup_id] = first
            return [] if header.backup_id in self.incomplete else [first]
        if header.kind is Kind.INCREMENTAL:
            way = self._by_incremental(header)
            return (
                []
                if way is None or header.backup_id in self.incomplete
                else [way]
            )
        found: dict[tuple[int, bool], _Way] = {}
        named = self.bases.get(
            header.database_backup_lsn, header.database_backup_lsn
        )
        for (base, is_base), ways in self.by_base.items():
            before = ways.cheapest_from(header.first_lsn)
            if before is None:
                continue
            way = self._step(
                before,
                header,
                *((named, True) if named > base else (base, is_base)),
            )
            key = (way.base_lsn, way.is_base)
            if key not in found or way.rank < found[key].rank:
                found[key] = way
        return list(found.values())

    def _by_parts(self, header: BackupHeader) -> _Way | None:
        """Return the way by the backups of which an incremental holds files, if all are at hand."""
        parts = [self.at_hand.get(n) for n in self.parts[header.backup_id]]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            return None
        oldest = -1 - found[0].last_lsn
        rank: Rank = (-1 - header.last_lsn, oldest, 0, 0)
        way: _Way | None = None
        for part in (*found, header):
            rank = self._rank(rank, part)
            way = _Way(
                part.last_lsn, found[0].first_lsn, True, rank, part, way
            )
        return way

    def _by_incremental(self, header: BackupHeader) -> _Way | None:
        if self.parts.get(header.backup_id):
            return self._by_parts(header)
        named = self.named_base.get(header.backup_id)
        by_tool = header.backup_id in self.named_by_tool
        starts = [] if named is None else [self.by_last.get(named)]
        if not by_tool:
            ways = self.by_base.get((header.differential_base_lsn, True))
            starts.append(None if ways is None else ways.start)
        found = [start for start in starts if start is not None]
        if not found:
            return None
        before = min(found, key=_rank_of_start)
        after_log = before.last is not None and before.last.kind is Kind.LOG
        if after_log and named is None:
            # its base was not restored: log that was replayed carried it here
            before = self.by_base[header.differential_base_lsn, True].ways[
                0
            ]
        carries = header.differential_base_lsn
        if named is not None:
            carries = before.base_lsn if by_tool else header.first_lsn
        way = self._step(before, header, carries, True)
        # from a state on, or after log, it is no newer set: cost alone counts
        if not after_log and way.rank[1] not in (0, self.rank_of_state):
            way.rank = (-1 - header.last_lsn, *way.rank[1:])
        self.by_last[header.backup_id] = way
        return way

    def _step(
        self,
        before: _Way,
        header: BackupHeader,
        base_lsn: int,
        is_base: bool,
    ) -> _Way:
        return _Way(
            header.last_lsn,
            base_lsn,
            is_base,
            self._rank(before.rank, header),
            header,
            before,
        )

    def _rank(self, before: Rank, header: BackupHeader) -> Rank:
        """The rank of a way that continues with this backup; only the policy that prefers new sets
        looks at them.
        """
        newest, full, cost, steps = before
        if self.choice.policy is Policy.LEAST_BYTES:
            return (0, 0, cost + header.nominal_bytes, steps + 1)
        cost += self.choice.duration_us(header.nominal_bytes)
        if self.choice.policy is Policy.LEAST_TIME:
            return (0, 0, cost, steps + 1)
        return (newest, full, cost, steps + 1)


def _preference(way: _Way) -> tuple[Rank, bool, int]:
    return (way.rank, not way.is_base, -way.base_lsn)


def _hole(
    usable: Sequence[BackupHeader], fork: int, lsn: int
) -> Hole | None:
    """Return what lies between a position and the next log beyond it."""
    beyond = [
        h
        for h in usable
        if h.kind is Kind.LOG and lsn < h.first_lsn < h.last_lsn
    ]
    if not beyond:
        return None
    after = min(
        beyond, key=lambda h: (h.first_lsn, h.last_lsn, h.backup_id)
    )
    return Hole(fork, lsn, after.first_lsn, after)
