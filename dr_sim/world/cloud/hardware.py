"""The hardware that really stands at the sites: virtual machines on physical ones, and images at
install points.

Theory of operation. Scripts of the machine manager make virtual machines and remove them; agents
run those scripts (agents.py). A machine is up from the end of its deployment until it is removed,
its physical machine dies or its site is lost. One that cannot be heard for `deployment.silent_for`
is reported to the manager, and again when it is heard. The manager learns all of it when it asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.cloud.commands import (
    CopyImage,
    ReadMachines,
    StartScript,
)
from dr_sim.cloud.events import (
    FoundMachine,
    MachinesAtSite,
    MachinesBack,
    MachinesRead,
    MachinesSilent,
)
from dr_sim.cloud.machines.machine_config import (
    MachinesConfig,
    PhysicalConfig,
)
from dr_sim.cloud.words import (
    DEPLOY_MACHINE,
    REMOVE_MACHINE,
    UPGRADE_MACHINE,
    WhyFailed,
)
from dr_sim.scenario.machine_model import Machines
from dr_sim.scenario.model import Law
from dr_sim.units import PPM
from dr_sim.world.cloud.farm_orders import FarmOrders
from dr_sim.world.cloud.image_copies import ImageCopies
from dr_sim.world.cloud.loads import FarmLoads

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld

NO_ONE_US = -1


@dataclass(slots=True)
class RealMachine:
    """A virtual machine. watched: from when it first runs until it is taken out of service.
    unheard_us: since when it cannot be heard, -1 if it can. told: the manager has been told that it
    is silent.
    """

    name: str
    network: int
    site: str
    farm: str
    role: str
    image: str
    physical: str
    up: bool = False
    watched: bool = False
    unheard_us: int = NO_ONE_US
    told: bool = False


class Hardware:
    """machines: by site and name, those that are up, half made, or down."""

    def __init__(
        self, world: CloudWorld, spec: Machines, config: MachinesConfig
    ) -> None:
        self._world = world
        self._context = world.context
        self.spec = spec
        self._config = config
        self.machines: dict[tuple[str, str], RealMachine] = {}
        self._images: dict[str, set[str]] = {}
        # install points at which an image of that name is an older one
        self._older: set[tuple[str, str]] = set()
        self._lost: set[str] = set()  # sites
        # reasons for a physical machine to be dead, and for each deployment on it to fail
        self._dead: Counter[tuple[str, str]] = Counter()
        self._bad: Counter[tuple[str, str]] = Counter()
        self.bad_images: dict[
            str, Law
        ] = {}  # when a machine made of one dies
        self._taken_ppm: dict[str, int] = {}  # of a site, by others
        self.farms = FarmOrders(world, self)
        self.copies = ImageCopies(world, self)
        self.loads = FarmLoads(world, self, self._context.scenario)
        for image in spec.images:
            for site in image.sites:
                self._images.setdefault(site, set()).add(image.name)

    def start(self) -> None:
        """Record what runs when the run begins."""
        index = self._world.names.index
        for each in self._config.first:
            machine = RealMachine(
                each.name,
                index[each.network],
                each.site,
                each.farm,
                each.role,
                each.image,
                each.physical,
                up=True,
                watched=True,
            )
            self.machines[machine.site, machine.name] = machine
            self._note(machine, "running")
        self.loads.start()

    # ---- what scripts do
    def refusal(
        self, site: str, command: StartScript, params: dict[str, str]
    ) -> WhyFailed:
        """Return why a script cannot begin."""
        if command.script == REMOVE_MACHINE:
            return WhyFailed.NONE
        if params["image"] not in self._images.get(site, ()):
            return WhyFailed.NO_IMAGE
        if (site, params["image"]) in self._older:
            return WhyFailed.OLD_IMAGE
        at = (site, params["physical"])
        if self._dead[at]:
            return WhyFailed.NO_PHYSICAL
        if not self._has_room(site, params):
            return WhyFailed.NO_ROOM
        return WhyFailed.NONE

    def _has_room(self, site: str, params: dict[str, str]) -> bool:
        """Tell whether a physical machine has room for one more machine."""
        physical = self._physical(site, params["physical"])
        image = self.spec.image(params["image"])
        taken_ppm = self._taken_ppm.get(site, 0)
        cpus = image.cpus - (-physical.cpus * taken_ppm // PPM)
        ram = image.ram_bytes
        for machine in self.machines.values():
            if machine.name == params["machine"]:
                continue  # it is upgraded where it is
            if (machine.site, machine.physical) == (site, physical.name):
                of = self.spec.image(machine.image)
                cpus, ram = cpus + of.cpus, ram + of.ram_bytes
        return cpus <= physical.cpus and ram <= physical.ram_bytes

    def _physical(self, site: str, name: str) -> PhysicalConfig:
        return next(
            each for each in self._config.at(site) if each.name == name
        )

    def begins(
        self,
        network: int,
        site: str,
        command: StartScript,
        of: dict[str, str],
    ) -> None:
        """Begin a deployment: a half-made machine takes room. A removal takes it out of service,
        as does an upgrade where it is, for a while.
        """
        key = (site, of["machine"])
        machine = self.machines.get(key)
        if command.script != DEPLOY_MACHINE:
            if machine is not None:
                machine.watched = False
            if machine is not None and machine.up:
                machine.up = False
                upgrades = command.script == UPGRADE_MACHINE
                self._note(machine, "upgrading" if upgrades else "stopped")
            return
        if machine is None:
            machine = self.machines[key] = RealMachine(
                of["machine"],
                network,
                site,
                of["farm"],
                of["role"],
                of["image"],
                of["physical"],
            )
        self._note(machine, "provisioning")

    def copy_us(self, of: dict[str, str]) -> int:
        """Return how long the image of a deployment takes from the install point."""
        return self.spec.copy_us(self.spec.image(of["image"]))

    def fails(
        self, site: str, command: StartScript, of: dict[str, str]
    ) -> bool:
        """Tell whether a deployment is bound to fail where it is."""
        deploys = command.script == DEPLOY_MACHINE
        return deploys and self._bad[site, of["physical"]] > 0

    def is_dead(self, site: str, physical: str) -> bool:
        """Tell whether nothing runs on a physical machine any more."""
        return self._dead[site, physical] > 0

    def effect(
        self, site: str, command: StartScript, of: dict[str, str]
    ) -> None:
        """Let a script take effect."""
        key = (site, of["machine"])
        machine = self.machines.get(key)
        if machine is None:
            return
        if command.script == DEPLOY_MACHINE:
            machine.up = not self._dead[site, machine.physical]
            if machine.up:
                machine.watched = True
                self._note(machine, "running")
                self._may_die(machine)
            return
        if command.script == UPGRADE_MACHINE:
            machine.image = of["image"]
            self._goes_on(machine)
            if machine.up:
                self._may_die(machine)
            return
        del self.machines[key]
        self._note(machine, "removed")

    def _goes_on(self, machine: RealMachine) -> None:
        """Start a machine again that was upgraded where it is, or was not."""
        machine.watched = True
        at = (machine.site, machine.physical)
        machine.up = not self._dead[at] and machine.site not in self._lost
        self._note(machine, "running" if machine.up else "down")
        self.look_at(machine.site)

    def _may_die(self, machine: RealMachine) -> None:
        """Let a machine die later if its image is bad."""
        law = self.bad_images.get(machine.image)
        if law is None:
            return
        name = f"cloud {machine.name} at {machine.site}"
        after_us = self._context.streams.once(name, "dies").law(0, law)
        at = self._context.now_us + after_us
        self._world.soon(at, self._dies, machine)

    def _dies(self, machine: RealMachine) -> None:
        if machine.up:
            self._down([machine])

    def cleaned(self, site: str, name: str) -> None:
        """Remove a half-made machine: its deployment was cleaned up."""
        machine = self.machines.get((site, name))
        if machine is not None and not machine.up:
            del self.machines[site, name]
            self._note(machine, "removed")

    def as_before(self, site: str, name: str) -> None:
        """Start a machine again with the image that it has: its upgrade was cleaned up."""
        machine = self.machines.get((site, name))
        if machine is not None and not machine.watched:
            self._goes_on(machine)

    # ---- images
    def has_image(self, site: str, image: str) -> bool:
        """Tell whether an image is at a site's install point, and is the one that is meant."""
        return site not in self._lost and image in self._good_images(site)

    def _good_images(self, site: str) -> set[str]:
        there = self._images.get(site, set())
        return {each for each in there if (site, each) not in self._older}

    def image_arrives(self, site: str, image: str) -> None:
        self._images.setdefault(site, set()).add(image)
        self._older.discard((site, image))

    def put_older_image(self, site: str, image: str) -> bool:
        """Put an older image in the place of one; tell whether one was there."""
        if image not in self._good_images(site):
            return False
        self._context.in_step()  # the right one may cross the link
        self._older.add((site, image))
        self.copies.cut(site, image)
        self._context.note("truth.cloud_image", -1, site, image, "older", 0)
        return True

    def lose_images(self, site: str, image: str) -> list[str]:
        """Lose an image at a site's install point; '': all. Return those that are gone."""
        self._context.in_step()  # images may cross the link
        there = self._images.get(site, set())
        gone = {each for each in there if image in ("", each)}
        there -= gone
        self._older -= {(site, each) for each in gone}
        self.copies.cut(site, image)
        for each in sorted(gone):
            self._context.note(
                "truth.cloud_image", -1, site, each, "gone", 0
            )
        return sorted(gone)

    def take(self, site: str, part_ppm: int) -> None:
        """Let others take a part of a site's processors, or give it back."""
        self._taken_ppm[site] = self._taken_ppm.get(site, 0) + part_ppm

    def order_copy(self, command: CopyImage) -> None:
        image = self.spec.image(command.image)
        self.copies.order(command.site, image.name, image.size_bytes)

    # ---- sites
    def lose_site(self, site: str) -> None:
        self._lost.add(site)
        self.copies.interrupt()
        self._down(m for m in self.at(site) if m.up)

    def site_back(self, site: str) -> None:
        """Bring a site back: its machines start again."""
        self._lost.discard(site)
        self._start_again(self.at(site))
        self.look_at(site)

    def new_site(self, site: str, store: str = "") -> None:
        """Add a site, or put a new one in the place of what was there: it has no machines yet.
        store: the store that is restored there; its images lie at the site's install point.
        """
        self._context.in_step()  # images cross the link to it
        self._lost.discard(site)
        for machine in self.at(site):
            del self.machines[site, machine.name]
        self._images[site] = set(self._images.get(store, ()))
        self._older = {place for place in self._older if place[0] != site}

    def roles_changed(self) -> None:
        self.copies.interrupt()

    def lose_physical(self, site: str, name: str) -> None:
        """Let a physical machine die, with all that runs on it."""
        self._dead[site, name] += 1
        self._down(m for m in self.at(site) if m.physical == name and m.up)

    def physical_back(self, site: str, name: str) -> None:
        """Take one reason away for a physical machine to be dead."""
        self._dead[site, name] -= 1
        self._start_again(m for m in self.at(site) if m.physical == name)
        self.look_at(site)

    def _start_again(self, machines: Iterable[RealMachine]) -> None:
        """Start those that neither their site nor their physical machine holds down any more."""
        for machine in machines:
            site = machine.site
            held_down = (
                site in self._lost or self._dead[site, machine.physical]
            )
            if held_down or machine.up:
                continue
            if not machine.watched:
                continue  # it was half made, or half removed
            machine.up = True
            self._note(machine, "running")

    def refuse(self, site: str, name: str, by: int) -> None:
        """Add one reason (1) for each deployment on a physical machine to fail, or take it away
        (-1).
        """
        self._bad[site, name] += by

    def at(self, site: str) -> list[RealMachine]:
        """Return the machines of a site."""
        return [m for m in self.machines.values() if m.site == site]

    def _down(self, machines: Iterable[RealMachine]) -> None:
        sites = set()
        for machine in machines:
            machine.up = False
            self._note(machine, "down")
            sites.add(machine.site)
        for site in sorted(sites):
            self.look_at(site)

    # ---- who can be heard
    def look_at(self, site: str) -> None:
        """Something has changed about who can be heard at a site."""
        now = self._context.now_us
        reached = site not in self._lost and self._world.reaches(site)
        any_unheard = False
        for machine in self.at(site):
            if machine.up and reached:
                machine.unheard_us = NO_ONE_US
            elif machine.watched and machine.unheard_us < 0:
                machine.unheard_us = now
                any_unheard = True
        back = [m for m in self.at(site) if m.told and m.unheard_us < 0]
        self._tell(MachinesBack, site, back)
        if any_unheard:
            at = now + self.spec.silent_us
            self._world.soon(at, self._silent, site)

    def _silent(self, site: str) -> None:
        now = self._context.now_us
        silent = [
            m
            for m in self.at(site)
            if not m.told
            and m.watched
            and m.unheard_us >= 0
            and m.unheard_us + self.spec.silent_us <= now
        ]
        self._tell(MachinesSilent, site, silent)

    def _tell(
        self,
        event: type[MachinesSilent] | type[MachinesBack],
        site: str,
        machines: list[RealMachine],
    ) -> None:
        """Tell the manager, if it is up; one that is down reads it all when it is up again."""
        by_network: dict[int, list[str]] = {}
        for machine in machines:
            machine.told = event is MachinesSilent
            by_network.setdefault(machine.network, []).append(machine.name)
        if not self._world.lives.up:
            return
        for network, names in sorted(by_network.items()):
            name = self._world.spec.networks[network].name
            self._world.driver.tell_new(event, name, site, tuple(names))

    # ---- what the manager reads
    def read(self, command: ReadMachines) -> None:
        at = self._context.now_us + self._world.spec.rtt_us
        life = self._world.driver.incarnation
        self._world.soon(at, self._read, command, life)

    def _read(self, command: ReadMachines, incarnation: int) -> None:
        site = command.site
        found = None
        agent = self._world.agents[command.network, site]
        if not agent.dead and self._world.reaches(site):
            found = self._found(command.network, site)
        self._world.driver.answer(
            incarnation,
            MachinesRead,
            command.network,
            site,
            command.number,
            found,
        )

    def _found(self, network: str, site: str) -> MachinesAtSite:
        index = self._world.names.index[network]
        found = tuple(
            FoundMachine(m.name, m.up, m.physical, m.image, m.farm, m.role)
            for m in self.at(site)
            if m.network == index
        )
        images = sorted(self._good_images(site))
        return MachinesAtSite(found, tuple(images))

    def _note(self, machine: RealMachine, what: str) -> None:
        if what == "running":
            self.farms.look_complete()
        self._context.note(
            "truth.cloud_machine",
            machine.network,
            machine.site,
            machine.name,
            machine.farm,
            machine.role,
            machine.image,
            machine.physical,
            what,
        )
