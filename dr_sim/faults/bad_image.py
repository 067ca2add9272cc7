"""An image that passes: machines made of it run, and die a while later."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pydantic import Field

from dr_sim.faults.cloud_events import check_named, hardware_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class BadImage(Params):
    image: str = Field(description="the image")
    after: Law = Field(
        description="time from the deployment of such a machine until it "
        "dies"
    )


def happen(event: Occurrence, params: BadImage) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    told = f"machines made of {params.image} die"
    event.begins(told)
    hardware.bad_images[params.image] = params.after
    event.lasts(None)


def check(params: BadImage, around: RestOfScenario) -> list[str]:
    """Refuse an image that there is not."""
    return check_named("image", params.image, around.images)


def draw(r: Random, there: MachinesThere) -> dict[str, str]:
    """Draw one of the images."""
    after = r.choice(["1 min", "20 min"])
    return {"image": r.choice(there.images), "after": after}


KIND = EventKind(
    "bad_image",
    BadImage,
    None,
    False,
    "machines of an image pass every check and die later (C7, C9); this "
    "affects machines that are deployed from then on",
    "taskcluster issue 7422: after an upgrade of an image nothing was provisioned any more",
    happen,
    example="image: web 12.4, after: 30 min",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
