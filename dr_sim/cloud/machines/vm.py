"""A virtual machine: what it is for, where it is, and how it stands, with the literal table of its
states.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass

from dr_sim.machines import Transitions


class VmState(enum.StrEnum):
    WAITING = "waiting"  # for its image, or for room
    PROVISIONING = "provisioning"
    RUNNING = "running"
    UPGRADING = "upgrading"  # where it is; it does not serve meanwhile
    FAILED = "failed"  # it does not answer, or could not be deployed
    STOPPED = "stopped"  # it is out of service, and is being removed
    RETIRED = "retired"


class VmMove(enum.StrEnum):
    PLACED = "placed"
    DEPLOYED = "deployed"
    NOT_DEPLOYED = "not deployed"
    GIVEN_UP = "given up"  # it failed as often as a job is tried
    AGAIN = "again"  # one that was given up is tried again
    UPGRADE = "upgrade in place"
    UPGRADED = "upgraded"
    NOT_UPGRADED = "not upgraded"  # it runs as before
    SILENT = "silent"
    HEARD = "heard"
    RETIRE = "retire"
    REMOVED = "removed"
    NOT_REMOVED = "not removed"
    NOT_THERE = "not there"  # its site says that there is no such machine


VMS: Transitions[VmState, VmMove] = Transitions(
    "virtual machine",
    VmState.WAITING,
    {
        VmState.WAITING: {
            VmMove.PLACED: VmState.PROVISIONING,
            VmMove.HEARD: VmState.RUNNING,
            VmMove.RETIRE: VmState.RETIRED,
        },
        VmState.PROVISIONING: {
            VmMove.DEPLOYED: VmState.RUNNING,
            VmMove.NOT_DEPLOYED: VmState.WAITING,
            VmMove.GIVEN_UP: VmState.FAILED,
            VmMove.HEARD: VmState.RUNNING,
            VmMove.NOT_THERE: VmState.RETIRED,
        },
        VmState.UPGRADING: {
            VmMove.UPGRADED: VmState.RUNNING,
            VmMove.NOT_UPGRADED: VmState.RUNNING,
            VmMove.NOT_THERE: VmState.RETIRED,
        },
        VmState.RUNNING: {
            VmMove.UPGRADE: VmState.UPGRADING,
            VmMove.SILENT: VmState.FAILED,
            VmMove.RETIRE: VmState.STOPPED,
            VmMove.NOT_THERE: VmState.RETIRED,
        },
        VmState.FAILED: {
            VmMove.HEARD: VmState.RUNNING,
            VmMove.AGAIN: VmState.WAITING,
            VmMove.RETIRE: VmState.STOPPED,
            VmMove.NOT_THERE: VmState.RETIRED,
        },
        VmState.STOPPED: {
            VmMove.REMOVED: VmState.RETIRED,
            VmMove.NOT_REMOVED: VmState.FAILED,
            VmMove.NOT_THERE: VmState.RETIRED,
        },
        VmState.RETIRED: {},
    },
)

COUNTS = (
    VmState.WAITING,
    VmState.PROVISIONING,
    VmState.RUNNING,
    VmState.UPGRADING,
    VmState.FAILED,
)
"""States that count towards a goal: a failed machine does until it is replaced."""
IN_SERVICE = (*COUNTS, VmState.STOPPED)
"""States in which there may be a machine, or there will be one."""
TAKES_ROOM = (
    VmState.PROVISIONING,
    VmState.RUNNING,
    VmState.UPGRADING,
    VmState.FAILED,
    VmState.STOPPED,
)


@dataclass(slots=True)
class Vm:
    """physical: '' until it is placed. tries: deployments that failed. jobs: that were made for it.
    not_on: physical machines on which it, or one that it takes the place of, failed.
    """

    name: str
    network: str
    site: str
    farm: str
    role: str
    image: str
    physical: str = ""
    state: VmState = VmState.WAITING
    tries: int = 0
    jobs: int = 0
    not_on: tuple[str, ...] = ()
    repair_us: int = 0  # when it is replaced; of this life, never stored

    def text(self) -> str:
        return json.dumps(
            [
                self.network,
                self.farm,
                self.role,
                self.image,
                self.physical,
                self.state,
                self.tries,
                self.jobs,
                list(self.not_on),
            ]
        )

    @classmethod
    def from_text(cls, site: str, name: str, text: str) -> Vm:
        network, farm, role, image, physical, state, *rest = json.loads(
            text
        )
        tries, jobs, not_on = rest
        return cls(
            name=name,
            network=network,
            site=site,
            farm=farm,
            role=role,
            image=image,
            physical=physical,
            state=VmState(state),
            tries=tries,
            jobs=jobs,
            not_on=tuple(not_on),
        )
