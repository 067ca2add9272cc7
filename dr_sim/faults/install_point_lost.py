"""A site's install point loses an image, or all of them."""

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


class InstallPointLost(Params):
    site: str = Field(description="the site")
    image: str = Field("", description="only that image; if left out: all")


def happen(event: Occurrence, params: InstallPointLost) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    gone = hardware.lose_images(params.site, params.image)
    if not gone:
        event.nothing(
            f"the install point of {params.site} has no such image"
        )
        return
    told = f"the install point of {params.site} has lost {', '.join(gone)}"
    event.begins(told)
    event.ends(told)


def check(params: InstallPointLost, around: RestOfScenario) -> list[str]:
    """Refuse a site or an image that there is not."""
    wrong = check_site(params.site, around)
    if wrong or not params.image:
        return wrong
    return check_named("image", params.image, around.images)


def draw(r: Random, there: MachinesThere) -> dict[str, str]:
    """Draw a site; all its images are gone, or one of them."""
    drawn = {"site": r.choice(there.sites)}
    if r.random() < 0.5:
        drawn["image"] = r.choice(there.images)
    return drawn


KIND = EventKind(
    "install_point_lost",
    InstallPointLost,
    "site",
    False,
    "an install point loses images (C7): the manager learns this when a "
    "deployment fails, and copies the images again",
    "coreos/bugs issue 2600: an image was gone in some regions",
    happen,
    example="site: B",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
