"""A tenant's client asks for a change in a network that is another's."""

from __future__ import annotations

from dr_sim.faults.cloud_events import Share, cloud_of, disturb, draw_share
from dr_sim.scenario.kind import EventKind
from dr_sim.world.occurrence import Occurrence


class WrongTenantCall(Share):
    pass


def happen(event: Occurrence, params: WrongTenantCall) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    networks = len(cloud.spec.networks)
    clients = cloud.spec.clients
    if all(
        len(cloud.names.networks_of(client)) == networks
        for client in clients
    ):
        event.nothing("each client may use every network")
        return
    disturb(event, "other tenant", params)


KIND = EventKind(
    "wrong_tenant_call",
    WrongTenantCall,
    "share",
    True,
    "a mistake or an attack: administration is isolated too (R17)",
    "LinuxForHealth/FHIR issue 4226: tenants read each other",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=draw_share,
)
