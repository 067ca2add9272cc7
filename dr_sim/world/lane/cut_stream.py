"""The logs of several databases, in the order in which they are cut.

Each database has a schedule of its own. Logs that are cut at one instant are one `Batch`. The
stream looks as far ahead as it is asked to, and ends at a limit: what would come there, or after
it, is left to the ordinary steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from itertools import count

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.scenario.model import Schedule
from dr_sim.scenario.schedule import next_start
from dr_sim.world.kernel.agenda import NEVER_US, Entry
from dr_sim.world.lane.quiet_rows import Ring
from dr_sim.world.lane.wave_plan import Log
from dr_sim.world.primary.primary_database import PrimaryDatabase


@dataclass(slots=True, eq=False)
class Member:
    """A database whose logs are in the waves.

    due_us: when its next log is cut; alarm: its alarm 'window', which goes off next at alarm_us;
    cuts, commits, reached: by log, the instant of its cut, the commits and the LSN there; waves:
    the wave of each log; landing_keys: the place of its landing (wave_plan.py), in absolute time.
    """

    db: PrimaryDatabase
    due_us: int
    state: RestoreState
    alarm: Entry | None
    alarm_us: int = NEVER_US
    cuts: list[int] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    waves: list[int] = field(default_factory=list)
    landing_keys: list[int] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)

    def keep(self, waves: int) -> None:
        """Forget the logs after that many waves."""
        end = len(self.waves)
        while end and self.waves[end - 1] >= waves:
            end -= 1
        for column in (
            self.cuts,
            self.commits,
            self.reached,
            self.waves,
            self.landing_keys,
        ):
            del column[end:]


@dataclass(slots=True)
class Batch:
    """Logs that are cut at one instant, in the order of their databases."""

    at_us: int
    logs: list[Log]
    members: list[Member]
    commits: list[int]
    reached: list[int]


class CutStream:
    """The stream. limit_us: nothing of it happens at this instant or later.

    written_at: commits and LSN of a database at an instant; restore_cost: the fixed time and the
    amount of a restore.
    """

    def __init__(
        self,
        members: Sequence[Member],
        limit_us: int,
        start_utc_us: int,
        written_at: Callable[[PrimaryDatabase, int], tuple[int, int]],
        restore_cost: Callable[[str, Kind, int, int, int], tuple[int, int]],
    ) -> None:
        self.limit_us = limit_us
        self._start_utc_us = start_utc_us
        self._written_at = written_at
        self._restore_cost = restore_cost
        self._lsn = {m.db.index: m.state.redo_lsn for m in members}
        self._ahead: deque[Batch] = deque()
        groups: dict[tuple[Schedule, int], list[Member]] = {}
        for member in members:
            key = member.db.spec.log, member.due_us
            groups.setdefault(key, []).append(member)
        # databases of one schedule; the number keeps groups from being compared
        numbers = count()
        self._groups = [
            (due_us, next(numbers), schedule, those)
            for (schedule, due_us), those in groups.items()
        ]
        heapify(self._groups)

    def peek(self, place: int) -> Batch | None:
        """Return the batch at that place from here on; None: the stream has ended before it."""
        while len(self._ahead) <= place:
            batch = self._next()
            if batch is None:
                return None
            self._ahead.append(batch)
        return self._ahead[place]

    def take(self) -> Batch:
        """Return the next batch, and go on behind it."""
        return self._ahead.popleft()

    def _next(self) -> Batch | None:
        groups = self._groups
        at_us = groups[0][0]
        if at_us >= self.limit_us:
            return None
        members: list[Member] = []
        together = 0
        while groups[0][0] == at_us:
            _, number, schedule, those = groups[0]
            following = next_start(schedule, at_us, self._start_utc_us)
            due_us = NEVER_US if following is None else following
            heapreplace(groups, (due_us, number, schedule, those))
            members += those
            together += 1
        if together > 1:
            members.sort(key=lambda member: member.db.index)
        batch = self._batch(at_us, members)
        if batch is None:
            self.limit_us = at_us
        return batch

    def _batch(self, at_us: int, members: list[Member]) -> Batch | None:
        """Return the logs that are cut at that instant; None if one of them would be empty."""
        written_at, restore_cost = self._written_at, self._restore_cost
        lsn_of = self._lsn
        batch = Batch(at_us, [], members, [], [])
        for member in members:
            db = member.db
            commits, lsn = written_at(db, at_us)
            size = lsn - lsn_of[db.index]
            if size <= 0:
                return None
            lsn_of[db.index] = lsn
            batch.commits.append(commits)
            batch.reached.append(lsn)
            fixed_us, amount = restore_cost(
                db.spec.name, Kind.LOG, at_us, 1, size
            )
            batch.logs.append(
                Log(db.index, db.spec.machine, size, fixed_us, amount)
            )
        return batch
