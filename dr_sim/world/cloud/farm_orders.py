"""Orders of people about farms: images, goals, and a site with all its machines.

Theory of operation. People ask for upgrades and set goals, and repeat this until the manager has
received it (lives.py). The resulting goals of each farm are kept here. So it is known when a site
is built: when all its machines run there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dr_sim.cloud.commands import ReportUpgrade
from dr_sim.cloud.events import GoalsSet, RollBackAsked, UpgradeAsked
from dr_sim.cloud.words import UpgradePhase, UpgradeStyle
from dr_sim.scenario.machine_model import FRONT_END

if TYPE_CHECKING:
    from dr_sim.world.cloud.hardware import Hardware
    from dr_sim.world.cloud.service import CloudWorld


@dataclass(frozen=True, slots=True)
class FarmImage:
    """The image that a farm is to have, and the way there. at_once: tenants whose databases are
    moved, or machines of a role at a side that are replaced, at one time.
    """

    image: str
    style: UpgradeStyle
    at_once: int


class FarmOrders:
    """Images and goals that farms are to have."""

    def __init__(self, world: CloudWorld, hardware: Hardware) -> None:
        self._world = world
        self._context = world.context
        self._hardware = hardware
        self._farms = farms = hardware.spec.farms
        self._image_of = {farm.name: farm.image for farm in farms}
        self._goals = {farm.name: dict(farm.goals) for farm in farms}
        self._by_hand: set[str] = (
            set()
        )  # farms that follow no load any more
        # farms with upgrades in progress, and what they are to be on the way back
        self._upgraded: dict[str, FarmImage] = {}
        # who waits until all machines of a site run
        self._wait: dict[str, Callable[[], None]] = {}

    # ---- upgrades
    def why_no_upgrade(self, farm: str, image: str) -> str:
        """Return why nobody would ask for an upgrade of a farm now; '': it can be asked for."""
        of = self._image_of[farm]
        if farm in self._upgraded:
            return f"{farm} is being upgraded to {of} already"
        return f"{farm} has {image} already" if of == image else ""

    def upgrade_stands(self, command: ReportUpgrade) -> None:
        """Take note of how far an upgrade is."""
        if command.phase is UpgradePhase.OVER:
            self._upgraded.pop(command.farm, None)
            if not self._upgraded and self._images_in_place():
                self._context.apart_again()

    def _images_in_place(self) -> bool:
        """Return whether no site needs an image from the other one."""
        sites = self._world.sites
        return all(
            self._hardware.has_image(site, image)
            for site in (sites.active, sites.second)
            for image in self._image_of.values()
        )

    def upgrade(
        self, farm: str, image: str, style: str, at_once: int
    ) -> None:
        """Let somebody ask for an upgrade of a farm. Its image may cross the link, and databases
        may be moved.
        """
        self._context.in_step_for_now()
        to = FarmImage(image, UpgradeStyle(style), at_once)
        self._upgraded[farm] = replace(to, image=self._image_of[farm])
        network = self._is_to_have(farm, to)
        self._world.lives.tell_until_heard(
            UpgradeAsked, network, farm, to.image, to.at_once, to.style
        )

    def roll_back(self, farm: str) -> bool:
        """Let somebody ask to roll an upgrade back. Return False if none is in progress."""
        if farm not in self._upgraded:
            return False
        back = self._upgraded[farm]
        self._upgraded[farm] = replace(back, image=self._image_of[farm])
        network = self._is_to_have(farm, back)
        self._world.lives.tell_until_heard(RollBackAsked, network, farm)
        return True

    def _is_to_have(self, farm: str, to: FarmImage) -> str:
        """Record the image that a farm is to have from now on. Return the farm's network."""
        self._image_of[farm] = to.image
        network = next(f.network for f in self._farms if f.name == farm)
        index = self._world.names.index[network]
        self._context.note(
            "truth.cloud_farm_upgrade",
            index,
            farm,
            to.image,
            to.style,
            to.at_once,
        )
        return network

    def set_goals(self, farm: str, goals: dict[str, int]) -> None:
        """Let somebody set how many machines of those roles a farm is to have."""
        network = next(f.network for f in self._farms if f.name == farm)
        index = self._world.names.index[network]
        if FRONT_END in goals:
            self._by_hand.add(farm)
        self._goals[farm].update(goals)
        self.look_complete()
        text = json.dumps(goals)
        self._context.note("truth.cloud_farm_goals", index, farm, text)
        self._world.lives.tell_until_heard(
            GoalsSet, network, farm, dict(goals)
        )

    def needs(self, farm: str, front_ends: int) -> None:
        """Take note of how many front ends the load of a farm needs."""
        if farm not in self._by_hand:
            self._goals[farm][FRONT_END] = front_ends
            self.look_complete()

    # ---- a site that is built
    def when_complete(self, site: str, done: Callable[[], None]) -> None:
        """Call done when as many machines run at a site as the goals of all farms say."""
        self._wait[site] = done
        self._context.asked(self.look_complete)

    def look_complete(self) -> None:
        for site in [s for s in self._wait if self._is_complete(s)]:
            done = self._wait.pop(site)
            self._world.soon(self._context.now_us, done)

    def _is_complete(self, site: str) -> bool:
        """Return whether a site has all the machines that it is to have."""
        run = Counter(
            (m.farm, m.role, m.image)
            for m in self._hardware.at(site)
            if m.up
        )
        return all(
            run[farm, role, self._image_of[farm]] >= count
            for farm, goals in self._goals.items()
            for role, count in goals.items()
        )
