"""When each open job is looked at next, and one alarm for all of them.

No instant is stored. The alarm is never later than it should be; if it is too early, whoever looks
finds nothing to do.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.out import Out
from dr_sim.machines import CancelAlarm, SetAlarm

LOOK = "jobs"
"""Alarm at which jobs are looked at."""


class JobDues:
    """jobs: all that are open, by name. ask_again_us: when agents are asked what they are doing; 0:
    never. alarm_us: where the alarm stands; 0: nowhere.
    """

    def __init__(self, jobs: dict[str, CloudJob]) -> None:
        self._jobs = jobs
        self._dues: list[tuple[int, int, str]] = []
        self.ask_again_us = 0
        self.alarm_us = 0

    def look_at(self, job: CloudJob, at_us: int) -> None:
        """Look at a job at that instant, and not at the one that was set before."""
        job.due_us = at_us
        heapq.heappush(self._dues, (at_us, job.order, job.id))

    def rang(self, now_us: int) -> bool:
        """Note that the alarm went off. Return whether agents are to be asked."""
        self.alarm_us = 0
        asks = 0 < self.ask_again_us <= now_us
        if asks:
            self.ask_again_us = 0
        return asks

    def due(self, now_us: int) -> Iterator[CloudJob]:
        """Yield the jobs that are to be looked at by now, in the order of their instants."""
        while self._dues and self._dues[0][0] <= now_us:
            due_us, _, name = heapq.heappop(self._dues)
            job = self._jobs.get(name)
            if job is not None and job.due_us == due_us:
                job.due_us = 0
                yield job

    def set_alarm(self, out: Out) -> None:
        """Set the alarm to the first instant at which something is due."""
        first_us = self._first_us()
        if not first_us:
            if self.alarm_us:
                self.alarm_us = 0
                out.commands.append(CancelAlarm("", LOOK))
        elif not self.alarm_us or first_us < self.alarm_us:
            self.alarm_us = first_us
            out.commands.append(SetAlarm("", LOOK, first_us))

    def _first_us(self) -> int:
        dues, first_us = self._dues, 0
        while dues:
            due_us, _, name = dues[0]
            job = self._jobs.get(name)
            if job is not None and job.due_us == due_us:
                first_us = due_us
                break
            heapq.heappop(dues)
        if self.ask_again_us:
            return min(first_us or self.ask_again_us, self.ask_again_us)
        return first_us
