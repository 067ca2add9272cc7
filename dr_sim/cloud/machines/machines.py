"""The machine manager: virtual machines by farm, role and image, at both sides of each network.

Theory of operation. A farm has goals: how many machines of each role (farm_goals.py). At each side
that is in use, the active one and the second, the manager counts the machines that it has a record
of, makes records for those that are missing and retires those that are too many. A machine waits
until its image lies at the site's install point and a physical machine has room (placing.py); then
a job runs the script that deploys it. Each deployment is one attempt: if it fails, its clean-up
removes what is there, and the machine is placed again, never on a physical machine on which it
failed.

An image is copied to the install point of a site once, from the active site's, over the link
between the sites. At the second side the same goals hold; it serves nobody until it is active.

A machine that falls silent is replaced after a while (vm_repair.py).

What a site says of itself beats the records (MachinesRead). It is asked at each start of the
manager, when a side is new, when a deployment has failed there, and when an agent says so late that
one is done that the machine may have died since. Until it has answered nothing
is decided about it.

A machine that is to be taken out of service serves until its agent begins the script. Meanwhile
others may fall silent, or this one may answer again. So an order that has not begun is taken back
when machines fall silent or answer again, and when others are wanted; one that its agent never got
comes to nothing. Then the site is asked, and it is decided again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator

from dr_sim.cloud.commands import Notify, ReadMachines
from dr_sim.cloud.config import CloudConfig
from dr_sim.cloud.events import (
    FoundMachine,
    GoalsSet,
    ImageSaid,
    LoadSeen,
    MachinesBack,
    MachinesRead,
    MachinesSilent,
    RollBackAsked,
    UpgradeAsked,
)
from dr_sim.cloud.jobs.job import CloudJob
from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.machines.farm_goals import FarmGoals, OfFarm
from dr_sim.cloud.machines.install_points import InstallPoints
from dr_sim.cloud.machines.machine_config import ImageConfig
from dr_sim.cloud.machines.machine_jobs import job_of
from dr_sim.cloud.machines.placing import Used, WantedPlace, place
from dr_sim.cloud.machines.shortages import Shortages
from dr_sim.cloud.machines.upgrades import AddMove, Upgrades
from dr_sim.cloud.machines.vm import (
    TAKES_ROOM,
    VMS,
    Vm,
    VmMove,
    VmState,
)
from dr_sim.cloud.machines.vm_records import Side, VmRecords
from dr_sim.cloud.machines.vm_repair import VmRepair
from dr_sim.cloud.out import Out
from dr_sim.cloud.telling import Telling
from dr_sim.cloud.texts import counted
from dr_sim.cloud.words import (
    ImageWord,
    JobKind,
    JobState,
    Notice,
    UpgradePhase,
)
from dr_sim.machines import SetAlarm

LOOK_AT_MACHINES = "machines"
_BEGINS = {
    JobKind.DEPLOY: VmMove.PLACED,
    JobKind.REMOVE: VmMove.RETIRE,
    JobKind.UPGRADE: VmMove.UPGRADE,
}
"""How the record of a machine moves as its job begins."""
_AT_WORK = (VmState.PROVISIONING, VmState.UPGRADING)
"""States that end in a machine that runs, when its agent says that its script is done."""


class MachineManager:
    """All virtual machines. sides: returns the sites of a network that are in use, the active one
    first.
    """

    def __init__(
        self,
        config: CloudConfig,
        stored: dict[str, str],
        book: JobBook,
        sides: Callable[[str], tuple[str, ...]],
        add_move: AddMove,
    ) -> None:
        assert config.machines is not None
        self.config = config.machines
        self._book = book
        self._sides = sides
        self._images: dict[str, ImageConfig] = {
            image.name: image for image in self.config.images
        }
        self._records = VmRecords(self.config, stored)
        self.vms = self._records.vms
        self.upgrades = Upgrades(self.config, stored, add_move)
        self._points = InstallPoints(self.config, stored)
        self._goals = FarmGoals(
            self.config,
            stored,
            self._records,
            self.upgrades,
            self._points,
        )
        self._telling = Telling()
        self._shortages = Shortages(self.config, self._telling)
        self._repair = VmRepair(
            self.config, self._records, self._telling, self._retire
        )
        self._known: set[Side] = set()  # sides that have been read
        self._asked: set[Side] = set()  # sides that are being read
        self._again_us: dict[Side, int] = {}  # when a side is read again
        # machines whose job may have been done long ago, so that they may have died since
        self._unsure: set[tuple[str, str]] = set()
        self._reading = 0
        self._alarm_us = 0
        self._awake = False

    # ---- life
    def wake(self, out: Out) -> None:
        """Ask what is really there. Copies of images that were under way are ordered again."""
        self._awake = True
        self._unsure = {
            at for at, vm in self.vms.items() if vm.state in _AT_WORK
        }
        self._records.wake(out)
        self._points.wake(out)
        self.sides_changed(out)

    def sides_changed(self, out: Out) -> None:
        """Sides have changed their roles: plan for those in use, once they have been read."""
        if not self._awake:
            return
        in_use = set(self._sides_in_use())
        self._known &= in_use
        self._asked &= in_use
        for side in set(self._again_us) - in_use:
            del self._again_us[side]
        self._telling.forget_all()
        for side in sorted(in_use - self._known - self._asked):
            self._read(side, out)
        for side in sorted(self._known):
            self._plan(side, out)
        self._set_alarm(out)

    def _sides_in_use(self) -> Iterator[Side]:
        for network in {farm.network for farm in self.config.farms}:
            for site in self._sides(network):
                yield network, site

    def _read(self, side: Side, out: Out) -> None:
        self._reading += 1
        self._known.discard(side)
        self._asked.add(side)
        self._again_us.pop(side, None)
        out.commands.append(ReadMachines(*side, self._reading))

    def _look_again(self, side: Side, out: Out) -> None:
        """Ask a site what is really there, unless it is being asked already."""
        if side in self._known:
            self._read(side, out)

    # ---- what a site says of itself
    def read(self, e: MachinesRead, out: Out) -> None:
        side = (e.network, e.site)
        if side not in self._asked:
            return
        self._asked.discard(side)
        found = e.machines
        if found is None or not self._book.is_heard(side):
            if found is None:
                self._none_answers(side, out)
            self._again_us[side] = out.mono_us + self.config.retry_us
            self._set_alarm(out)
            return
        self._points.read(e.site, found.images, out)
        there = {each.name: each for each in found.machines}
        for vm in self._records.at(side):
            if not self._is_at_work(vm):
                self._compare(vm, there.get(vm.name), out)
        for name in sorted(there):
            if (e.site, name) not in self.vms:
                self._take_up(side, there[name], out)
        self._known.add(side)
        self._plan(side, out)
        self._set_alarm(out)

    def _none_answers(self, side: Side, out: Out) -> None:
        """A site does not answer, so none of its machines does: they may have fallen silent while
        nobody was there to hear of it.
        """
        for vm in self._records.at(side):
            if vm.state is VmState.RUNNING:
                self._records.move(vm, VmMove.SILENT, out)

    def _is_at_work(self, vm: Vm) -> bool:
        """Return whether a job of it is open: it is half made, or half removed."""
        return bool(self._book.of_lane(vm.network, vm.site, vm.name))

    def _compare(
        self, vm: Vm, there: FoundMachine | None, out: Out
    ) -> None:
        """Compare a record with what is there."""
        if there is None:
            if vm.physical and VMS.allows(vm.state, VmMove.NOT_THERE):
                self._records.move(vm, VmMove.NOT_THERE, out)
            return
        if (vm.physical, vm.image) != (there.physical, there.image):
            vm.physical, vm.image = there.physical, there.image
            self._records.save(vm, out)
        if there.runs and VMS.allows(vm.state, VmMove.HEARD):
            self._records.move(vm, VmMove.HEARD, out)
        elif not there.runs and vm.state is VmState.RUNNING:
            self._records.move(vm, VmMove.SILENT, out)
        elif vm.state is VmState.STOPPED:
            self._add_job(vm, JobKind.REMOVE, out)

    def _take_up(self, side: Side, there: FoundMachine, out: Out) -> None:
        """Make a record of a machine that has none: the store has forgotten it. It counts as one of
        its farm, and if the farm has enough it is retired.
        """
        vm = Vm(
            there.name,
            *side,
            there.farm,
            there.role,
            there.image,
            there.physical,
        )
        if self._is_at_work(vm):
            return
        vm.state = VmState.RUNNING
        self._records.take_up(vm, out)

    # ---- goals
    def _upgrade(self, network: str, out: Out) -> None:
        """Take upgrades further, where machines have come to where they should be."""
        sides = [(network, site) for site in self._sides(network)]
        for upgrade in self.upgrades.of_network(network):
            if upgrade.phase in (
                UpgradePhase.DEPLOYING,
                UpgradePhase.MOVING,
            ):
                known = sides[0] in self._known
                if known and self._goals.has_new_ones(upgrade, sides[0]):
                    self.upgrades.go_on(upgrade, out)
                continue
            goes = upgrade.phase in (
                UpgradePhase.RETIRING,
                UpgradePhase.REPLACING,
            )
            if goes and not self._goals.has_old_ones(upgrade, sides):
                self.upgrades.retired(upgrade, out)

    def asked(self, e: UpgradeAsked, out: Out) -> None:
        """Somebody asks for an upgrade."""
        if self.upgrades.asked(e, out):
            self._is_wanted_otherwise(e.network, out)

    def roll_back_asked(self, e: RollBackAsked, out: Out) -> None:
        """Somebody asks to take an upgrade back."""
        if self.upgrades.roll_back(e.farm, out):
            self._is_wanted_otherwise(e.network, out)

    def goals_set(self, e: GoalsSet, out: Out) -> None:
        """Somebody sets the goals of a farm."""
        if self._goals.set(e, out):
            self._is_wanted_otherwise(e.network, out)

    def load_seen(self, e: LoadSeen, out: Out) -> None:
        """The load of a farm has changed."""
        if self._goals.load_seen(e, out):
            self._is_wanted_otherwise(e.network, out)
        else:
            self._set_alarm(out)

    def move_ended(self, job: CloudJob, out: Out) -> None:
        """A job that moves a database has ended."""
        self.upgrades.move_ended(job, out)
        self._plan_all(job.network, out)

    def backlog_changed(self, network: str, out: Out) -> None:
        """Other changes than before are pending at the second side of a network."""
        if any(
            upgrade.phase is UpgradePhase.RETIRING
            for upgrade in self.upgrades.of_network(network)
        ):
            self._plan_all(network, out)

    def _is_wanted_otherwise(self, network: str, out: Out) -> None:
        """Other machines of a network are wanted than before."""
        for side in sorted(self._known):
            if side[0] == network:
                self._decide_again(side, out)
        self._plan_all(network, out)

    def _plan_all(self, network: str, out: Out) -> None:
        for side in sorted(self._known):
            if side[0] == network:
                self._plan(side, out)
        self._set_alarm(out)

    def _plan_site(self, site: str, out: Out) -> None:
        for side in sorted(self._known):
            if side[1] == site:
                self._plan(side, out)

    def _plan(self, side: Side, out: Out) -> None:
        """Make records of machines that are missing, and retire those that are too many."""
        if side not in self._known:
            return
        self._upgrade(side[0], out)
        missing, too_many = self._goals.difference(side)
        for vm in too_many:
            self._retire(vm, out)
        self._make(side, missing, out)
        for vm in list(self._goals.to_upgrade(side)):
            self._upgrade_in_place(vm, out)
        self._place_waiting(side[1], out)

    def _make(self, side: Side, missing: list[OfFarm], out: Out) -> None:
        """Make records of machines that are missing, as many as the network may have at a site:
        first those on which other farms depend.
        """
        missing.sort(key=lambda of: self.config.rank(of[0]))
        room = self._records.room(side)
        beyond = 0
        over: Counter[str] = Counter()
        for of in missing:
            tenant = room.over_quota(of[0])
            if tenant:
                over[tenant] += 1
            elif room.full:
                beyond += 1
            else:
                self._records.new(side, of, (), out)
                room.take(of[0])
        self._shortages.at_quota(side, over, out)
        self._shortages.at_limit(side, beyond, out)

    def _upgrade_in_place(self, vm: Vm, out: Out) -> None:
        """Begin to make a machine one of its farm's new image, where that image is."""
        to = self.upgrades.on[vm.farm].to
        if not self._points.has(vm.site, to):
            self._want_image(vm, to, out)
            return
        self._records.move(vm, VmMove.UPGRADE, out)
        self._add_job(vm, JobKind.UPGRADE, out, to)

    def _retire(self, vm: Vm, out: Out) -> None:
        self._records.move(vm, VmMove.RETIRE, out)
        if vm.state is VmState.STOPPED:
            self._add_job(vm, JobKind.REMOVE, out)

    # ---- placement and deployment
    def _place_waiting(self, site: str, out: Out) -> None:
        waiting = [
            vm
            for vm in self.vms.values()
            if vm.site == site
            and vm.state is VmState.WAITING
            and (vm.network, site) in self._known
        ]
        waiting.sort(key=lambda vm: self.config.rank(vm.farm))
        used = self._used(site) if waiting else {}
        physical = self.config.at(site) if waiting else ()
        no_room: dict[tuple[str, str], int] = {}
        for vm in waiting:
            if not self._points.has(site, vm.image):
                self._want_image(vm, vm.image, out)
                continue
            image = self._images[vm.image]
            owner = self.config.owner(vm.network)
            wanted = WantedPlace(image, vm.farm, vm.role, vm.not_on, owner)
            found = place(wanted, physical, used)
            if not found:
                of = (vm.network, vm.farm)
                no_room[of] = no_room.get(of, 0) + 1
                continue
            used.setdefault(found, Used()).take(image, vm.farm, vm.role)
            vm.physical = found
            self._records.move(vm, VmMove.PLACED, out)
            self._add_job(vm, JobKind.DEPLOY, out)
        self._shortages.no_room(site, no_room, out)

    def _used(self, site: str) -> dict[str, Used]:
        used: dict[str, Used] = {}
        for vm in self.vms.values():
            if vm.site == site and vm.state in TAKES_ROOM and vm.physical:
                of = used.setdefault(vm.physical, Used())
                of.take(self._images[vm.image], vm.farm, vm.role)
        return used

    def _add_job(
        self, vm: Vm, kind: JobKind, out: Out, image: str = ""
    ) -> None:
        """Add a job of a machine. image: that it gets; '': its own."""
        vm.jobs += 1
        self._records.save(vm, out)
        self._book.add(job_of(vm, kind, image), out)

    def taken_up(self, job: CloudJob, out: Out) -> None:
        """A job continues that an agent knows and the store has forgotten: the record of its
        machine says so too.
        """
        vm = self.vms.get((job.site, job.entity))
        if vm is None:
            return
        vm.jobs = max(vm.jobs, int(job.id.rpartition(" ")[2]))
        move = _BEGINS[job.kind]
        waits = vm.state is VmState.WAITING
        if waits is (job.kind is JobKind.DEPLOY) and VMS.allows(
            vm.state, move
        ):
            vm.physical = json.loads(job.params)["physical"]
            self._records.move(vm, move, out)

    # ---- jobs that are over
    def ended(self, job: CloudJob, out: Out) -> None:
        """A job of a machine has ended."""
        side = (job.network, job.site)
        vm = self.vms.get((job.site, job.entity))
        if vm is None:  # the store has forgotten it: the site knows
            self._look_again(side, out)
            return
        done = job.state is JobState.DONE
        if job.never_begun or (job.site, job.entity) in self._unsure:
            self._unsure.discard((job.site, job.entity))
            self._look_again(side, out)
        if job.kind is JobKind.REMOVE:
            self._removed(vm, done, out)
        elif job.kind is JobKind.UPGRADE:
            self._upgraded(vm, job, out)
        elif done:
            self._deployed(vm, out)
        elif vm.state is VmState.PROVISIONING:
            self._not_deployed(vm, out)
        self._plan(side, out)
        self._set_alarm(out)

    def _removed(self, vm: Vm, done: bool, out: Out) -> None:
        move = VmMove.REMOVED if done else VmMove.NOT_REMOVED
        if VMS.allows(vm.state, move):
            self._records.move(vm, move, out)

    def _upgraded(self, vm: Vm, job: CloudJob, out: Out) -> None:
        """The upgrade of a machine where it is has ended; if it failed, it runs as before."""
        if vm.state is not VmState.UPGRADING:
            return
        if job.state is JobState.DONE:
            vm.image = json.loads(job.params)["image"]
            self._records.move(vm, VmMove.UPGRADED, out)
            return
        self._records.move(vm, VmMove.NOT_UPGRADED, out)
        if not job.never_begun:
            about = f"{vm.name} at {vm.site}"
            self.upgrades.not_upgraded(vm.farm, about, out)
        self._look_again((vm.network, vm.site), out)

    def _deployed(self, vm: Vm, out: Out) -> None:
        vm.tries = 0
        if VMS.allows(vm.state, VmMove.DEPLOYED):
            self._records.move(vm, VmMove.DEPLOYED, out)

    def _not_deployed(self, vm: Vm, out: Out) -> None:
        """Place it again, on another physical machine. After as many attempts as a job has it has
        failed: somebody is told, and it is replaced later.
        """
        vm.tries += 1
        vm.not_on = (*vm.not_on, vm.physical)
        vm.physical = ""
        if vm.tries >= self.config.attempts:
            self._records.move(vm, VmMove.GIVEN_UP, out)
            about = f"{vm.name} at {vm.site}, after {counted(vm.tries, 'attempt')}"
            out.commands.append(
                Notify(vm.network, Notice.NOT_DEPLOYED, about, out.utc_us)
            )
        else:
            self._records.move(vm, VmMove.NOT_DEPLOYED, out)
        self._look_again((vm.network, vm.site), out)

    def closed(self, job: CloudJob, out: Out) -> None:
        """A job was closed because its side is not used any more; when the side is used again it
        is read.
        """
        vm = self.vms.get((job.site, job.entity))
        if vm is None:
            return
        if vm.state is VmState.PROVISIONING:
            vm.physical = ""
            self._records.move(vm, VmMove.NOT_DEPLOYED, out)
        elif vm.state is VmState.STOPPED:
            self._records.move(vm, VmMove.NOT_REMOVED, out)
        elif vm.state is VmState.UPGRADING:
            self._records.move(vm, VmMove.NOT_UPGRADED, out)

    # ---- images
    def _want_image(self, vm: Vm, image: str, out: Out) -> None:
        place = (vm.site, image)
        active = self._sides(vm.network)[0]
        can_be = self._points.want(place, active, out)
        self._shortages.no_image(vm.network, place, not can_be, out)

    def image_said(self, e: ImageSaid, out: Out) -> None:
        """A copy of an image is there, or came to nothing."""
        if self._points.said(e, out):
            self._shortages.image_arrived(e.site, e.image)
            self._plan_site(e.site, out)
        elif e.word is ImageWord.NO_SOURCE:
            self._plan_site(e.site, out)  # whoever waits for it is told of
        self._set_alarm(out)

    # ---- machines that fall silent
    def silent(self, e: MachinesSilent, out: Out) -> None:
        """Machines do not answer any more."""
        for name in e.machines:
            vm = self.vms.get((e.site, name))
            if vm is not None and vm.state is VmState.RUNNING:
                self._records.move(vm, VmMove.SILENT, out)
            elif vm is not None and vm.state in _AT_WORK:
                self._unsure.add((vm.site, vm.name))
        self._decide_again((e.network, e.site), out)
        self._set_alarm(out)

    def _decide_again(self, side: Side, out: Out) -> None:
        """Other machines answer now, or are wanted, than when some were to be taken out of service
        there.
        """
        for job in self._book.take_back(side, out):
            self.ended(job, out)

    def back(self, e: MachinesBack, out: Out) -> None:
        """Machines answer again."""
        for name in e.machines:
            vm = self.vms.get((e.site, name))
            if vm is not None and VMS.allows(vm.state, VmMove.HEARD):
                self._records.move(vm, VmMove.HEARD, out)
        self._decide_again((e.network, e.site), out)
        self._plan_site(e.site, out)
        self._set_alarm(out)

    def look(self, out: Out) -> None:
        """The alarm went off: do what is due."""
        self._alarm_us = 0
        for side, at_us in sorted(self._again_us.items()):
            if at_us <= out.mono_us:
                self._read(side, out)
        for network in self._goals.look(out):
            self._plan_all(network, out)
        again = self._points.rings(out)
        for side in sorted(self._heard_or_not()):
            repaired = self._repair.look(side, side in self._known, out)
            if repaired or again:
                self._plan(side, out)
        self._set_alarm(out)

    # ---- bookkeeping
    def _heard_or_not(self) -> set[Side]:
        """Return the sides that have been read, and those that did not answer when they were."""
        return self._known | self._again_us.keys()

    def _set_alarm(self, out: Out) -> None:
        """One alarm, at the first instant at which something is due."""
        sides = self._heard_or_not()
        dues = [
            vm.repair_us
            for vm in self.vms.values()
            if vm.repair_us and (vm.network, vm.site) in sides
        ]
        dues += self._again_us.values()
        dues += self._goals.dues()
        if self._points.retry_us:
            dues.append(self._points.retry_us)
        first = min(dues, default=0)
        if first and (not self._alarm_us or first < self._alarm_us):
            self._alarm_us = first
            out.commands.append(SetAlarm("", LOOK_AT_MACHINES, first))
