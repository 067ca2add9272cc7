"""Notices of machines that are missing for a reason: a limit, a quota, no room, or no image.

Each reason is told of once, and again only when its number changes or the manager forgets it.
"""

from __future__ import annotations

from collections.abc import Mapping

from dr_sim.cloud.machines.machine_config import MachinesConfig
from dr_sim.cloud.machines.vm_records import Side
from dr_sim.cloud.out import Out
from dr_sim.cloud.telling import StateOfThings, Telling
from dr_sim.cloud.texts import counted
from dr_sim.cloud.words import Notice


def _machines_are(count: int, of: str) -> str:
    """Return '1 machine of web is', '12 machines of web are'."""
    are = "is" if count == 1 else "are"
    return f"{counted(count, 'machine')} of {of} {are}"


class Shortages:
    """Tells people why machines are missing."""

    def __init__(self, config: MachinesConfig, telling: Telling) -> None:
        self._config = config
        self._telling = telling

    def at_limit(self, side: Side, beyond: int, out: Out) -> None:
        """Tell how many machines are beyond what the network may have at a site."""
        network, site = side
        most = self._config.most.get(network)
        about = f"{_machines_are(beyond, network)} beyond {most} at {site}"
        self._tell(
            network, Notice.AT_LIMIT, ("limit", *side), beyond, about, out
        )

    def at_quota(
        self, side: Side, over: Mapping[str, int], out: Out
    ) -> None:
        """Tell how many machines each tenant wants beyond a quota. over: by tenant."""
        for (network, tenant), quota in self._config.quotas.items():
            if network != side[0]:
                continue
            count, site = over.get(tenant, 0), side[1]
            about = (
                f"{_machines_are(count, tenant)} beyond {quota} at {site}"
            )
            key = ("quota", network, tenant, site)
            self._tell(network, Notice.AT_QUOTA, key, count, about, out)

    def no_room(
        self, site: str, waiting: Mapping[tuple[str, str], int], out: Out
    ) -> None:
        """Tell how many machines of each farm no physical machine has room for. waiting: by network
        and farm.
        """
        for farm in self._config.farms:
            count = waiting.get((farm.network, farm.name), 0)
            have = "has" if count == 1 else "have"
            machines = counted(count, "machine")
            about = f"{machines} of {farm.name} {have} no room at {site}"
            key = ("room", site, farm.name)
            self._tell(farm.network, Notice.NO_ROOM, key, count, about, out)

    def no_image(
        self, network: str, place: tuple[str, str], lacks: bool, out: Out
    ) -> None:
        """Tell that an image cannot be had at a site. place: the site and the image."""
        site, image = place
        about = f"{image} at {site}"
        key = ("image", *place)
        self._tell(network, Notice.NO_IMAGE, key, int(lacks), about, out)

    def image_arrived(self, site: str, image: str) -> None:
        self._telling.forget("image", site, image)

    def _tell(
        self,
        network: str,
        notice: Notice,
        key: tuple[str, ...],
        count: int,
        about: str,
        out: Out,
    ) -> None:
        of = StateOfThings(network, notice, key, count, about)
        self._telling.tell(of, out)
