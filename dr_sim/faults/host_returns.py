"""A host of the primary that was lost is back, with its disks as they were when it died."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.named import MachineName
from dr_sim.scenario.kind import PRIMARY, EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class HostReturns(Params):
    machine: MachineName | None = Field(
        None, description="the machine; if left out: all lost machines"
    )


def happen(event: Occurrence, params: HostReturns) -> None:
    machines = event.world.context.scenario.machines
    wanted = machines if params.machine is None else (params.machine,)
    event.world.back_hook(event, "host", "", wanted)


KIND = EventKind(
    "host_returns",
    HostReturns,
    "machine",
    False,
    "a lost machine of the primary is up again, with its databases at "
    "their last durable write. They first ask the other side: if no "
    "failover has begun, they accept writes again; otherwise they stay "
    "closed. After a failover the machine belongs to the second side, if "
    "that is not in place yet",
    "PostgreSQL's manual, 'Failover': an old primary that starts again must be informed that it "
    "is the primary no more; Microsoft's 'Automatic Failover' of database mirroring: a former "
    "principal that is back takes the mirror's role",
    happen,
    affects=lambda params: PRIMARY,
    brings_back="host",
)
