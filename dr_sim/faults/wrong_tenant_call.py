"""A tenant's client asks for a change of what is another's."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dr_sim.faults.cloud_events import Share, cloud_of, disturb, draw_share
from dr_sim.scenario.cloud_model import CloudClient
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld
    from dr_sim.world.kernel.occurrence import Occurrence

_NAMES = ("network", "thing", "identifier")


class WrongTenantCall(Share):
    names: Literal["network", "thing", "identifier"] = Field(
        "network",
        description="what the request names of another tenant: its "
        "network; its database in a network that both may "
        "use (thing); or that database's identifier in a "
        "request about a thing of the client's own. The last "
        "two request a move, which would pause the "
        "database's backups",
    )


def happen(event: Occurrence, params: WrongTenantCall) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    if params.names == "network":
        if all(_uses_all(cloud, client) for client in cloud.spec.clients):
            event.nothing("each client may use every network")
            return
        disturb(event, "other tenant", params)
        return
    if not any(map(cloud.names.of_others, cloud.spec.clients)):
        event.nothing("each client may change all that is in its networks")
        return
    disturb(event, f"other {params.names}", params)


def _uses_all(cloud: CloudWorld, client: CloudClient) -> bool:
    networks = cloud.names.networks_of(client)
    return len(networks) == len(cloud.spec.networks)


def draw(r: Random, db: str) -> dict[str, str]:
    """Draw what an exploration lets clients ask for."""
    drawn = draw_share(r, db)
    return {**drawn, "names": r.choice(_NAMES)}


KIND = EventKind(
    "wrong_tenant_call",
    WrongTenantCall,
    "share",
    True,
    "a client asks for another tenant's thing, by mistake or as an "
    "attack: administration is isolated too (R17)",
    "LinuxForHealth/FHIR issue 4226: tenants read each other",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=draw,
)
