"""The target of a restore, by which policy among several ways, and which recovery fork that means.

A target is the end of the history, an instant, or an LSN. At an instant two readings are in use. A
log holds what was written before it was cut, at its start: so it reaches an instant only if it
started at or after it (Microsoft's rule). Some tools go by the finish instead, and stop a log too
early where the instant lies while a log's backup ran. The start is the safe reading: where the two
differ, it takes the next log too.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dr_sim.backups.chain import (
    ends_of_history,
    forks_of,
    leads_to,
    type_forks,
)
from dr_sim.backups.model import BackupHeader, Kind, RestoreState

# a file; as secondary.restore_fixed where a scenario gives none: assumed
ASSUMED_FIXED_US = 1_000_000
ASSUMED_RATE_BYTES_S = (
    356_000_000  # as secondary.restore_rate: 500 GB in 23 min 24 s
)


class Reading(enum.Enum):
    """Which instant of a log's backup decides what it reaches."""

    START = "start"
    FINISH = "finish"


class Policy(enum.Enum):
    """Which of several ways to one position is taken.

    NEWEST_SET: the newest full or incremental that leads there, with what it stands on, then logs.
    LEAST_TIME: by the fixed cost of each file and the rate. LEAST_BYTES: fewest bytes.
    """

    NEWEST_SET = "newest-set"
    LEAST_TIME = "least-time"
    LEAST_BYTES = "least-bytes"


@dataclass(frozen=True, slots=True)
class Target:
    """The end, if both are None; else an instant or a position's LSN (all before it is wanted),
    never both. slack_us: a backup may have ended this much later than is told, less one
    microsecond (a second, where instants are told in whole seconds).
    """

    utc_us: int | None = None
    lsn: int | None = None
    reading: Reading = Reading.START
    slack_us: int = 0

    def is_met_by(self, log: BackupHeader) -> bool:
        """Return True if nothing beyond this log is needed, once it is replayed whole."""
        if self.utc_us is not None:
            when = (
                log.started_utc_us
                if self.reading is Reading.START
                else log.finished_utc_us
            )
            return when >= self.utc_us
        return self.lsn is not None and log.last_lsn >= self.lsn

    def is_overshot_by(self, header: BackupHeader) -> bool:
        """Return True for a full or an incremental that already holds more than is wanted: it
        cannot stop earlier.
        """
        if self.utc_us is not None:
            return header.finished_utc_us + self.slack_us > self.utc_us
        return self.lsn is not None and header.last_lsn > self.lsn

    def is_held_by(self, header: BackupHeader) -> bool:
        """Return True for a full or an incremental that surely ends just at the instant or the LSN:
        it holds what was committed until then, and no log is needed.
        """
        if header.kind is Kind.LOG:
            return False
        if self.lsn is not None:
            return header.last_lsn == self.lsn
        return header.finished_utc_us == self.utc_us and not self.slack_us

    @property
    def is_end(self) -> bool:
        return self.utc_us is None and self.lsn is None


THE_END = Target()


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy, and what a file costs: a fixed time, and its bytes by a rate."""

    policy: Policy = Policy.NEWEST_SET
    fixed_us: int = ASSUMED_FIXED_US
    rate_bytes_s: int = ASSUMED_RATE_BYTES_S

    def duration_us(self, size: int) -> int:
        return self.fixed_us + size * 1_000_000 // self.rate_bytes_s


NEWEST_SET = Choice()


@dataclass(frozen=True, slots=True)
class Told:
    """Facts beside the headers.

    forks: fork histories, child -> (parent, fork point). bases: the backup on which an incremental
    stands, by backup_id, where a tool names it (PostgreSQL 17, pgBackRest, WAL-G: it may be an
    incremental itself). One that is named is needed; without a name SQL Server's rule holds, the
    full that the differential base LSN names. parts: all backups of which an incremental holds
    files by reference, in order, where a tool names them (pgBackRest): these alone are needed, on
    whatever fork they lie, and its base is not. incomplete: backup_ids of fulls and incrementals
    that lack the log which was written while they ran. A restore cannot end with one of them, but
    an incremental that needs one can still stand on it. awaited: fork -> LSN from which its log is
    yet to come. by_number: forks are numbered in the order in which they were born, as PostgreSQL's
    timelines are.
    """

    forks: type_forks = field(default_factory=dict)
    bases: Mapping[int, int] = field(default_factory=dict)
    parts: Mapping[int, Sequence[int]] = field(default_factory=dict)
    incomplete: frozenset[int] = frozenset()
    awaited: Mapping[int, int] = field(default_factory=dict)
    by_number: bool = False


NOTHING_ELSE = Told()


def _is_reachable(
    end: int, begins: set[tuple[int, int]], forks: type_forks
) -> bool:
    """Return whether any of these positions leads to that fork."""
    return any(leads_to(fork, lsn, end, forks) for fork, lsn in begins)


def fork_for(
    headers: Sequence[BackupHeader],
    state: RestoreState | None,
    target: Target,
    forks: type_forks,
    by_number: bool = False,
) -> int | None:
    """The fork whose history a plan follows when nobody says which; None if there is nothing to
    start from.

    From a state: the one that continues it; if two do, its own. Else, among the forks to which a
    full leads (one that does not lie behind the target, if there is such a full): for a target, one
    whose history covers it (for an instant: a log of it met the instant, or a full or an
    incremental ended then), of several the one with the greatest LSN; for the end, or a target that
    none covers, the newest. by_number: as Told has it.
    """
    ends = ends_of_history(headers, forks)
    if state is not None and state.exists:
        onward = [
            end
            for end in ends
            if leads_to(state.fork, state.redo_lsn, end, forks)
        ]
        return onward[0] if len(onward) == 1 else state.fork
    fulls = [header for header in headers if header.kind is Kind.FULL]
    early = [full for full in fulls if not target.is_overshot_by(full)]
    begins = {(full.fork, full.last_lsn) for full in early or fulls}
    reachable = [end for end in ends if _is_reachable(end, begins, forks)]
    if len(reachable) < 2:
        return reachable[0] if reachable else None
    covering = [
        end for end in reachable if _covers(headers, end, target, forks)
    ]
    if covering and not target.is_end:
        return max(
            covering,
            key=lambda end: (
                _greatest_lsn(headers, end),
                birth(headers, end, by_number),
            ),
        )
    return max(reachable, key=lambda end: birth(headers, end, by_number))


def newest_fork(headers: Sequence[BackupHeader], told: Told) -> int:
    """The fork that was born last, whether anything leads to it or not. headers: at least one."""
    forks = forks_of(headers, told.forks)
    return max(
        ends_of_history(headers, forks),
        key=lambda end: birth(headers, end, told.by_number),
    )


def birth(
    headers: Sequence[BackupHeader], fork: int, by_number: bool = False
) -> tuple[int, int]:
    """Sort key of forks: by their numbers, where these tell; else by the start of the first backup
    on each. An old primary that writes on is no newer for it.
    """
    if by_number:
        return (fork, fork)
    return (min(h.started_utc_us for h in headers if h.fork == fork), fork)


def _greatest_lsn(headers: Sequence[BackupHeader], fork: int) -> int:
    return max(h.last_lsn for h in headers if h.fork == fork)


def _covers(
    headers: Sequence[BackupHeader],
    end: int,
    target: Target,
    forks: type_forks,
) -> bool:
    for header in headers:
        if not leads_to(header.fork, header.last_lsn, end, forks):
            continue
        if header.kind is Kind.LOG and target.is_met_by(header):
            return True
        if target.is_held_by(header):
            return True
        if target.lsn is not None and header.last_lsn >= target.lsn:
            return True
    return False
