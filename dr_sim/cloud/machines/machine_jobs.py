"""Jobs that make, change and remove virtual machines."""

from __future__ import annotations

import json

from dr_sim.cloud.events import FoundAttempt
from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.machines.vm import Vm
from dr_sim.cloud.words import SCRIPT_OF, JobKind


def job_of(vm: Vm, kind: JobKind, image: str = "") -> CloudJob:
    """Return the newest job of a machine. image: that it gets; '': its own."""
    name = f"{kind.value} {vm.name} at {vm.site} {vm.jobs}"
    params = {
        "machine": vm.name,
        "farm": vm.farm,
        "role": vm.role,
        "image": image or vm.image,
        "physical": vm.physical,
    }
    return CloudJob(
        id=name,
        order=0,
        kind=kind,
        network=vm.network,
        site=vm.site,
        entity=vm.name,
        script=SCRIPT_OF[kind],
        params=json.dumps(params),
        change=name,
    )


def found_job(found: FoundAttempt) -> CloudJob:
    """Return the job, which the store has forgotten, of an attempt that an agent knows."""
    kinds = {script: kind for kind, script in SCRIPT_OF.items()}
    return CloudJob(
        id=found.job,
        order=0,
        kind=kinds[found.script],
        network=found.network,
        site=found.site,
        entity=json.loads(found.params)["machine"],
        script=found.script,
        params=found.params,
        change=found.change,
        attempt=found.attempt,
    )
