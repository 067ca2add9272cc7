"""A farm is upgraded: a new farm of another image, tenants moved over, the old one retired."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dr_sim.faults.cloud_events import check_named, hardware_of
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.quantities import Count
from dr_sim.scenario.fields.values import Positive
from dr_sim.scenario.kind import (
    EventKind,
    MachinesThere,
    RestOfScenario,
)

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class FarmToImage(Params):
    farm: str = Field(description="the farm")
    to: str = Field(description="the image that it gets")
    tenants_at_once: Annotated[Count, Positive] = default(
        "1",
        "assumed",
        "the number of tenants whose databases are moved at one time; a database without tenants "
        "counts as one",
    )
    style: Literal["new_farm", "replaced", "in_place"] = default(
        "new_farm",
        "requirement C9",
        "new_farm: machines of the new image are made beside the old "
        "ones, and databases are moved; replaced: each machine is "
        "removed and made again, and databases stay; in_place: each "
        "machine stays, and a script changes it to the new image, as "
        "domain controllers are upgraded",
    )
    machines_at_once: Annotated[Count, Positive] = default(
        "1",
        "Kubernetes documentation, StatefulSets: a rolling update takes one Pod at a time",
        "with style replaced or in_place, the number of machines of each role that are away at one "
        "time, at each side",
    )


def happen(event: Occurrence, params: FarmToImage) -> None:
    hardware = hardware_of(event)
    if hardware is None:
        return
    why = hardware.farms.why_no_upgrade(params.farm, params.to)
    if why:
        event.nothing(why)
        return
    told = f"an upgrade of {params.farm} to {params.to} is asked for"
    event.begins(told)
    new_farm = params.style == "new_farm"
    at_once = (
        params.tenants_at_once if new_farm else params.machines_at_once
    )
    hardware.farms.upgrade(params.farm, params.to, params.style, at_once)
    event.ends(told)


def check(params: FarmToImage, around: RestOfScenario) -> list[str]:
    """Refuse a farm or an image that there is not, and the image that the farm has."""
    farm, image = params.farm, params.to
    wrong = check_named("farm", farm, tuple(around.farms))
    wrong = wrong or check_named("image", image, around.images)
    wrong = wrong or _check_style(params)
    if wrong:
        return wrong
    if len(around.images) == 1:
        return [f"{farm!r} has {image!r}; name another image under images:"]
    asked = [
        each
        for kind, each in around.events
        if kind is KIND and each.farm == farm
    ]
    if len(asked) == 1 and around.farms[farm] == image:
        return [
            f"{farm!r} has {image!r} already; name another image, or leave it out"
        ]
    return []


def _check_style(params: FarmToImage) -> list[str]:
    """Refuse a number that the style has no use for."""
    without, of = "tenants_at_once", "new_farm"
    if params.style == "new_farm":
        without, of = "machines_at_once", "replaced or in_place"
    if (
        getattr(params, without) == 1
    ):  # the default, as a resolved scenario has it
        return []
    return [
        f"{without} is for style: {of}; leave it out, or write style: {of}"
    ]


def draw(r: Random, there: MachinesThere) -> dict[str, str] | None:
    """Draw a farm, and an image that it does not have; None where there is only one."""
    farm = r.choice(list(there.farms))
    others = [each for each in there.images if each != there.farms[farm]]
    if not others:
        return None
    drawn = {"farm": farm, "to": r.choice(others)}
    at_once = r.choice("12")
    way = r.random()
    if way < 0.3:
        style = "in_place" if way < 0.15 else "replaced"
        return {**drawn, "style": style, "machines_at_once": at_once}
    return {**drawn, "tenants_at_once": at_once}


KIND = EventKind(
    "upgrade",
    FarmToImage,
    None,
    False,
    "an upgrade night: machines of the new image are deployed at both "
    "sides, databases are moved to them, which pauses their backups, and "
    "the old machines are retired (C9, C10)",
    "requirement C9, C10, R9",
    happen,
    example="farm: content, to: web 12.4, tenants_at_once: 2",
    check=check,
    needs_cloud=True,
    needs_machines=True,
    draws_of_machines=draw,
)
