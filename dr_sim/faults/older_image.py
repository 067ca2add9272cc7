"""A site's install point has an older image under the name of the one that is meant."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import check_named, check_site, hardware_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class OlderImage(Params):
    site: str = Field(description="the site")
    image: str = Field(description="the image")


def happen(event: Occurrence, params: OlderImage) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    if not hardware.put_older_image(params.site, params.image):
        event.nothing(
            f"the install point of {params.site} has no {params.image}"
        )
        return
    told = f"{params.image} at the install point of {params.site} is an older one"
    event.begins(told)
    event.ends(told)


def check(params: OlderImage, around: RestOfScenario) -> list[str]:
    """Refuse a site or an image that there is not."""
    return check_site(params.site, around) or check_named(
        "image", params.image, around.images
    )


def draw(r: Random, there: MachinesThere) -> dict[str, str]:
    """Draw an install point and an image."""
    return {"site": r.choice(there.sites), "image": r.choice(there.images)}


KIND = EventKind(
    "older_image",
    OlderImage,
    None,
    False,
    "an image was built again under its old name at one site, but not at "
    "the other (C7). The manager's record of an image has its checksum, "
    "so a deployment from the older image is refused, and the image is "
    "copied again from the active site",
    "Kubernetes documentation, Images: a tag can come to name another image, a digest cannot",
    happen,
    example="site: B, image: web 12.3",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
