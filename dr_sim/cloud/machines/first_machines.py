"""The machines that run when the service is first started: each farm's goals, as far as a side has
room and the image, and limits allow it.
"""

from __future__ import annotations

from dataclasses import replace

from dr_sim.cloud.machines.limits import Room
from dr_sim.cloud.machines.machine_config import (
    FirstMachine,
    MachinesConfig,
)
from dr_sim.cloud.machines.placing import Used, WantedPlace, place


def with_first(
    config: MachinesConfig, sites: tuple[str, str]
) -> MachinesConfig:
    """Return the configuration with them, placed in the order of the farms, those on
    which others depend first."""
    images = {image.name: image for image in config.images}
    found: list[FirstMachine] = []
    for site in sites:
        used: dict[str, Used] = {}
        rooms = {
            farm.network: Room(config, farm.network, ())
            for farm in config.farms
        }
        for farm in sorted(config.farms, key=lambda of: of.rank):
            room = rooms[farm.network]
            image = images[farm.image]
            if site not in image.sites:
                continue
            for role, count in farm.goals:
                for _ in range(count):
                    owner = config.owner(farm.network)
                    wanted = WantedPlace(image, farm.name, role, (), owner)
                    at = place(wanted, config.at(site), used)
                    if not at or not room.has(farm.name):
                        break
                    room.take(farm.name)
                    used.setdefault(at, Used()).take(image, farm.name, role)
                    found.append(
                        FirstMachine(
                            f"{farm.name}-{role}-{len(found) + 1}",
                            farm.network,
                            site,
                            farm.name,
                            role,
                            image.name,
                            at,
                        )
                    )
    return replace(config, first=tuple(found))
