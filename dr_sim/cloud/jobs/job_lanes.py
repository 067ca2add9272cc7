"""The order in which jobs may begin: a lane for each thing that is changed, and for each agent the
jobs that are ready.

Theory of operation. Jobs of one thing at one side form a lane, in the order in which they were
made. Only jobs that have not begun let an older change pass (`rank`). The first job of a lane is
ready if it has not begun. Among the ready jobs of an agent, changes begin before machines are made
or removed (BEGINS).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.words import BEGINS, JobState

AgentOf = tuple[str, str]  # network, site
_QUEUED = JobState.QUEUED  # a member costs several times a name


class JobLanes:
    """All lanes of open jobs."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str, str], deque[CloudJob]] = {}
        self._ready: dict[AgentOf, deque[CloudJob]] = defaultdict(deque)

    # ---- lanes
    def enter(self, job: CloudJob) -> None:
        """Put a job in its lane."""
        lane = self._lanes.get(job.lane)
        if lane is None:
            lane = self._lanes[job.lane] = deque()
        if lane and job.rank < lane[-1].rank:
            self._go_before(lane, job)
        else:
            lane.append(job)
        if job.state is _QUEUED and lane[0] is job:
            self.now_ready(job)

    def _go_before(self, lane: deque[CloudJob], job: CloudJob) -> None:
        """Put a job in front of those of a higher rank that have not begun: they came later."""
        place = len(lane)
        while place and lane[place - 1].is_behind(job):
            place -= 1
        if not place:
            self.not_ready(lane[0])
        lane.insert(place, job)

    def put_in_front(self, job: CloudJob) -> None:
        """Put a job that has begun in front of all others of its lane that are not at work."""
        lane = self._lanes.setdefault(job.lane, deque())
        place = 0
        while place < len(lane) and lane[place].state is not _QUEUED:
            place += 1
        if lane and not place:
            self.not_ready(lane[0])
        lane.insert(place, job)

    def has_begun(self, job: CloudJob) -> None:
        """A job of a lane turns out to be at work: put it in front of those that are not."""
        self._lanes[job.lane].remove(job)
        self.not_ready(job)
        self.put_in_front(job)

    def leave(self, job: CloudJob) -> None:
        """Take a job out of its lane: the one behind the first is ready then."""
        lane = self._lanes[job.lane]
        first = lane[0] is job
        lane.remove(job)
        if not lane:
            del self._lanes[job.lane]
        elif first and lane[0].state is _QUEUED:
            self.now_ready(lane[0])
        self.not_ready(job)

    def of(
        self, network: str, site: str, entity: str
    ) -> Sequence[CloudJob]:
        """Return the jobs of that thing at that side, the first one first."""
        return self._lanes.get((network, site, entity), ())

    def is_first(self, job: CloudJob) -> bool:
        """Return whether an open job is the first one of its lane."""
        return self._lanes[job.lane][0] is job

    def changing(self, network: str, sites: tuple[str, str]) -> set[str]:
        """Return the things that may be half changed at those sides: an attempt at a job of them
        has begun, and the job is not over.
        """
        return {
            entity
            for (of, site, entity), lane in self._lanes.items()
            if of == network and site in sites and lane[0].attempt > 0
        }

    # ---- jobs that are ready
    def agents(self) -> list[AgentOf]:
        """Return all agents at which a job was ready at some time."""
        return list(self._ready)

    def take(self, agent: AgentOf) -> CloudJob | None:
        """Take out the job that begins next at an agent; None if none is ready."""
        ready = self._ready.get(agent)
        return ready.popleft() if ready else None

    def now_ready(self, job: CloudJob) -> None:
        """Let a job begin: before those that are ready and of a higher number in BEGINS. Nothing if
        it is ready already, or others of its lane go before it.
        """
        if not self.is_first(job):
            return
        ready = self._ready[job.agent]
        if any(each is job for each in ready):
            return
        place, begins = len(ready), BEGINS[job.kind]
        while place and BEGINS[ready[place - 1].kind] > begins:
            place -= 1
        ready.insert(place, job)

    def not_ready(self, job: CloudJob) -> None:
        """Let a job begin no more; nothing if it was not ready."""
        ready = self._ready.get(job.agent)
        if ready and job in ready:
            ready.remove(job)
