"""Bugs that leave jobs waiting for ever. They were committed before the law of requests that wait
(dr_sim/oracle/cloud/waiting.py).
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

STALLED: tuple[Mutant, ...] = (
    one(
        "next_of_a_lane_is_not_ready", "C5", "the job behind one that has ended never begins",
        "cloud/jobs/job_lanes.py",
        "        elif first and lane[0].state is _QUEUED:\n"
        "            self.now_ready(lane[0])\n",
        "",
    ),
    one(
        "slot_is_never_free_again", "C5", "a job that has ended counts as one that runs",
        "cloud/jobs/jobs.py",
        "            self._busy[job.agent] += 1 if after else -1\n",
        "            self._busy[job.agent] += 1 if after else 0\n",
    ),
    one(
        "nobody_goes_on_after_the_last", "C5", "the end of a job starts none of those that wait",
        "cloud/jobs/jobs.py",
        "            self._sets_have(job, out)\n"
        "        self.pump(job.agent, out)\n",
        "            self._sets_have(job, out)\n",
    ),
)  # fmt: skip
