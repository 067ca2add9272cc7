"""Orders to agents about attempts at jobs.

An order may be lost, and so may its answer. So each job is looked at again after the retry, and the
order that is due then is given again.
"""

from __future__ import annotations

from dr_sim.cloud.commands import (
    AskScript,
    CleanUp,
    CopyScript,
    KillScript,
    StartScript,
)
from dr_sim.cloud.config import CloudConfig
from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.jobs.job_dues import JobDues
from dr_sim.cloud.out import Out


class JobOrders:
    def __init__(self, config: CloudConfig, dues: JobDues) -> None:
        self._version = config.version
        self._retry_us = config.jobs.retry_us
        self._dues = dues

    def start(self, job: CloudJob, out: Out) -> None:
        """Order an attempt, whose number has been saved."""
        out.commands.append(
            StartScript(
                job.network,
                job.site,
                job.id,
                job.attempt,
                job.script,
                self._version,
                job.change,
                job.params,
            )
        )
        self._look_again(job, out)

    def ask(self, job: CloudJob, out: Out) -> None:
        """Ask how an attempt stands. An agent that has not begun it never does from then on."""
        out.commands.append(
            AskScript(job.network, job.site, job.id, job.attempt)
        )
        self._look_again(job, out)

    def kill(self, job: CloudJob, out: Out) -> None:
        """End an attempt."""
        out.commands.append(
            KillScript(job.network, job.site, job.id, job.attempt)
        )
        self._look_again(job, out)

    def clean(self, job: CloudJob, out: Out) -> None:
        """Clean up after an attempt of which no process is alive."""
        out.commands.append(
            CleanUp(job.network, job.site, job.id, job.attempt, job.params)
        )
        self._look_again(job, out)

    def copy(self, job: CloudJob, out: Out) -> None:
        """Copy the script of a job to its site."""
        out.commands.append(
            CopyScript(job.network, job.site, job.script, self._version)
        )

    def _look_again(self, job: CloudJob, out: Out) -> None:
        self._dues.look_at(job, out.mono_us + self._retry_us)
