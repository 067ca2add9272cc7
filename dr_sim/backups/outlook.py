"""The open questions of a plan: what is missing before the target, what cannot be used and why, and
what is newer.

A stretch of log that is missing is lost if some backup at hand lies beyond it, and late if none
does: then it may be on its way, which a current position can tell, or the tool that waits for it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dr_sim.backups.chain import (
    bases_by_lsn,
    forks_of,
    is_possible,
    leads_to,
    on_path,
    type_forks,
    unseen_continuations,
)
from dr_sim.backups.model import BackupHeader, Kind, finishing_order
from dr_sim.backups.plan import Plan, plan
from dr_sim.backups.target import (
    NEWEST_SET,
    NOTHING_ELSE,
    THE_END,
    Choice,
    Target,
    Told,
    newest_fork,
)


class OutlookState(enum.Enum):
    LOST = "lost"
    LATE = "late"


class Why(enum.Enum):
    """Why a backup at hand is of no use."""

    BEFORE_ITS_FORK = (
        "begins below the point at which its recovery fork began: "
        "no such backup can be"
    )
    NO_BASE = "the backup on which it stands is not at hand"
    INCOMPLETE = "log that was written while it ran is not at hand: a restore cannot end with it"


@dataclass(frozen=True, slots=True)
class Missing:
    """[first_lsn, last_lsn) of the log of a fork, which no backup at hand covers."""

    fork: int
    first_lsn: int
    last_lsn: int
    state: OutlookState


@dataclass(slots=True)
class Outlook:
    """plan, and beside it: missing log before the target, in order; unusable backups; elsewhere:
    backups that hold what is no part of the history of the fork that is followed; newer_fork: one
    that was born later than that one (None: it is the newest), be it one that only a fork history
    tells of.
    """

    plan: Plan
    missing: list[Missing] = field(default_factory=list)
    unusable: list[tuple[BackupHeader, Why]] = field(default_factory=list)
    elsewhere: list[BackupHeader] = field(default_factory=list)
    newer_fork: int | None = None


def look_ahead(
    headers: Iterable[BackupHeader],
    *,
    fork: int | None = None,
    target: Target = THE_END,
    told: Told = NOTHING_ELSE,
    choice: Choice = NEWEST_SET,
    current: tuple[int, int] | None = None,
) -> Outlook:
    """Plan a restore from nothing, and say what it leaves open. current: the position (fork, LSN)
    of the primary now, where it is known: what lies between the last backup at hand and it is late,
    and no part of the plan.
    """
    known = list({header.backup_id: header for header in headers}.values())
    if not known:
        return Outlook(Plan())
    forks = forks_of(known, told.forks)
    found = plan(known, fork=fork, target=target, told=told, choice=choice)
    outlook = Outlook(found, unusable=_unusable(known, forks, told))
    newest = newest_fork(known, told)
    newest = unseen_continuations(known, forks).get(newest, newest)
    followed = found.fork if found.fork is not None else newest
    path = on_path(known, followed, forks)
    outlook.elsewhere = _elsewhere(known, [*path, *found.steps], forks)
    if newest != followed:
        outlook.newer_fork = newest
        if target.is_end and fork is None:
            found.met = False  # the end is that of the newest fork, to which nothing at hand leads
    if found.reaches is None:
        return outlook
    ahead = [
        h
        for h in path
        if h.kind is Kind.LOG and h.last_lsn > found.reaches[1]
    ]
    if not found.met:
        goal = _goal(path, ahead, found.reaches[1], target)
        uncovered = _uncovered(
            ahead, found.reaches[1], goal, followed, forks
        )
        outlook.missing += [
            Missing(*stretch, _state_of(stretch, told))
            for stretch in uncovered
        ]
    if current is not None and leads_to(*current, followed, forks):
        end = max([found.reaches[1], *(h.last_lsn for h in path)])
        if current[1] > end and (target.lsn is None or target.lsn > end):
            tail = _by_fork(end, current[1], followed, forks)
            outlook.missing += [
                Missing(*stretch, OutlookState.LATE) for stretch in tail
            ]
    return outlook


def _elsewhere(
    known: Sequence[BackupHeader],
    path: Sequence[BackupHeader],
    forks: type_forks,
) -> list[BackupHeader]:
    """Return the backups that can be, and are not on the path, in the order of their ends. path:
    what lies on it, and what the plan uses.
    """
    on_it = {header.backup_id for header in path}
    found = [
        header
        for header in known
        if header.backup_id not in on_it and is_possible(header, forks)
    ]
    return sorted(found, key=finishing_order)


def _goal(
    path: Sequence[BackupHeader],
    ahead: Sequence[BackupHeader],
    reached: int,
    target: Target,
) -> int:
    """Up to which LSN log is wanted that cannot be had."""
    if target.lsn is not None:
        return min(
            target.lsn, max((h.last_lsn for h in path), default=reached)
        )
    if target.utc_us is not None:
        meeting = [log.first_lsn for log in ahead if target.is_met_by(log)]
        if meeting:
            return min(meeting)
        return max(
            [
                reached,
                *(h.last_lsn for h in path if not target.is_overshot_by(h)),
            ]
        )
    return max([reached, *(h.last_lsn for h in path)])


def _state_of(stretch: tuple[int, int, int], told: Told) -> OutlookState:
    """Return whether log that no backup at hand covers is late or lost."""
    fork, first_lsn, _ = stretch
    is_late = fork in told.awaited and first_lsn >= told.awaited[fork]
    return OutlookState.LATE if is_late else OutlookState.LOST


def _uncovered(
    logs: Sequence[BackupHeader],
    reached: int,
    goal: int,
    end: int,
    forks: type_forks,
) -> list[tuple[int, int, int]]:
    """The stretches from a position to the goal that no log covers, cut at the fork points between
    them, as (fork, first LSN, last LSN).
    """
    found: list[tuple[int, int, int]] = []
    stretches = sorted(
        (log.first_lsn, log.last_lsn)
        for log in logs
        if log.first_lsn < log.last_lsn
    )
    for first, last in [*stretches, (goal, goal)]:
        if first > reached and reached < goal:
            found += _by_fork(reached, min(first, goal), end, forks)
        reached = max(reached, last)
    return found


def _by_fork(
    first: int, last: int, end: int, forks: type_forks
) -> list[tuple[int, int, int]]:
    """A stretch on the path to fork `end`, as (fork, first LSN, last LSN) of each fork that it
    crosses.
    """
    pieces: list[tuple[int, int, int]] = []
    fork, seen = end, set()
    while last > first and fork not in seen:
        seen.add(fork)
        parent, point = forks.get(fork, (fork, first))
        begin = max(first, point) if parent != fork else first
        if last > begin:
            pieces.append((fork, begin, last))
        fork, last = parent, min(last, begin)
    return pieces[::-1]


def _unusable(
    headers: Sequence[BackupHeader], forks: type_forks, told: Told
) -> list[tuple[BackupHeader, Why]]:
    """Fulls and incrementals that no plan could use, whatever its target: in the order of their
    ends.
    """
    at_hand = {
        header.backup_id: header
        for header in headers
        if is_possible(header, forks)
    }
    bases = {
        h.first_lsn
        for h in at_hand.values()
        if h.kind is Kind.FULL and not h.copy_only
    }
    named = bases_by_lsn(at_hand.values()) | dict(told.bases)
    carried = _CarriedBases(list(at_hand.values()), told)
    found: list[tuple[BackupHeader, Why]] = []
    for header in sorted(
        headers, key=lambda h: (h.last_lsn, h.kind, h.backup_id)
    ):
        if header.backup_id not in at_hand:
            found.append((header, Why.BEFORE_ITS_FORK))
        elif header.backup_id in told.parts:
            if not set(told.parts[header.backup_id]) <= set(at_hand):
                found.append((header, Why.NO_BASE))
            elif header.backup_id in told.incomplete:
                found.append((header, Why.INCOMPLETE))
        elif header.kind is Kind.INCREMENTAL and not (
            _stands(header, at_hand, bases, named)
            or carried.lead_to(header)
        ):
            found.append((header, Why.NO_BASE))
        elif header.backup_id in told.incomplete:
            found.append((header, Why.INCOMPLETE))
    return found


class _CarriedBases:
    """The bases that log at hand carries to a database that was restored from an older full."""

    def __init__(self, at_hand: Sequence[BackupHeader], told: Told) -> None:
        self.told = told
        self.full_and_log = [
            h for h in at_hand if h.kind is not Kind.INCREMENTAL
        ]
        self.by_base: dict[int, int | None] = {}

    def lead_to(self, incremental: BackupHeader) -> bool:
        """Return whether log can be replayed from a full at hand until the database carries the
        base of this incremental, which is not named by a tool, and not as far as its end?
        """
        if incremental.backup_id in self.told.bases:
            return False
        found = [
            self._carried(base)
            for base in (
                incremental.database_backup_lsn,
                incremental.differential_base_lsn,
            )
        ]
        return any(
            lsn is not None and lsn < incremental.last_lsn for lsn in found
        )

    def _carried(self, base: int) -> int | None:
        if base not in self.by_base:
            self.by_base[base] = self._carried_at(base)
        return self.by_base[base]

    def _carried_at(self, base: int) -> int | None:
        """Return the first position that can be reached at which the database carries a base."""
        logs = [
            h
            for h in self.full_and_log
            if h.kind is Kind.LOG and h.database_backup_lsn == base
        ]
        if not base or not logs:
            return None
        first = min(logs, key=lambda log: (log.last_lsn, log.backup_id))
        reached = plan(
            self.full_and_log,
            fork=first.fork,
            target=Target(lsn=first.last_lsn),
            told=self.told,
        )
        return first.last_lsn if reached.met else None


def _stands(
    header: BackupHeader,
    at_hand: Mapping[int, BackupHeader],
    bases: set[int],
    named_bases: Mapping[int, int],
) -> bool:
    """Return whether an incremental depends on a full, directly or by other incrementals. Damaged
    lists may name them in a circle.
    """
    seen: set[int] = set()
    below: BackupHeader | None = header
    while (
        below is not None
        and below.kind is Kind.INCREMENTAL
        and below.backup_id not in seen
    ):
        named = named_bases.get(below.backup_id)
        if named is None:
            return below.differential_base_lsn in bases
        seen.add(below.backup_id)
        below = at_hand.get(named)
    return below is not None and below.kind is Kind.FULL
