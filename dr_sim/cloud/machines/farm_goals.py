"""Goals of farms: how many machines of each role, with which image, a side should have.

Theory of operation. The goals are the same at both sides. They come from the configuration, until
people set others, or from a farm's load (load.py). While a farm is being upgraded, it should have
machines of both images: as many of the new one as the goals say, and also those of the old one
until all databases have been moved at that side. From then on old machines are kept there in place
of new ones that do not run yet; one less, if the new ones have their image and find no room. An
upgrade that replaces machines where they are has as many machines of both images together as the
goals say, minus those that are being replaced at one time.

A goal may become smaller while machines are still being deployed for the previous goal. Then a
running machine is removed only when as many others run as the goal says. Until then, the machines
that are being deployed are the surplus. A silent machine is not removed before that either, as it
may come back. The same holds for the old machines that an upgrade keeps.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dr_sim.cloud.events import GoalsSet, LoadSeen
from dr_sim.cloud.machines.install_points import InstallPoints
from dr_sim.cloud.machines.load import LoadGoal
from dr_sim.cloud.machines.machine_config import FarmConfig, MachinesConfig
from dr_sim.cloud.machines.upgrades import (
    FarmUpgrade,
    Upgrades,
)
from dr_sim.cloud.machines.vm import COUNTS, IN_SERVICE, Vm, VmState
from dr_sim.cloud.machines.vm_records import Side, VmRecords
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import UpgradePhase, UpgradeStyle

OfFarm = tuple[str, str, str]  # a farm, a role and an image
GOALS = "goals/"
"""Key in the store: of the goals of a farm that people have set, or its load."""
BY_HAND = "by_hand/"
"""Key in the store: of a farm that followed its load until people set its goal."""


@dataclass(frozen=True, slots=True)
class Goal:
    """How many machines of a role, made of an image, a farm is to have at a side."""

    farm: str
    role: str
    image: str
    count: int


class FarmGoals:
    """The goals of all farms, as upgrades stand and as machines run."""

    def __init__(
        self,
        config: MachinesConfig,
        stored: dict[str, str],
        records: VmRecords,
        upgrades: Upgrades,
        points: InstallPoints,
    ) -> None:
        self._farms = {farm.name: farm for farm in config.farms}
        self._by_role = {
            farm.name: _goals(farm, stored) for farm in config.farms
        }
        self._loads: dict[str, LoadGoal] = {}
        for farm in config.farms:
            if farm.load is not None and BY_HAND + farm.name not in stored:
                goal = self._by_role[farm.name][farm.load.role]
                self._loads[farm.name] = LoadGoal(farm.load, goal)
        self._records = records
        self._upgrades = upgrades
        self._points = points

    def set(self, e: GoalsSet, out: Out) -> bool:
        """Take up goals that people have set. Return False if no such farm is known."""
        if e.farm not in self._farms:
            return False
        self._set(e.farm, e.goals, out)
        follows = self._loads.get(e.farm)
        if follows is not None and follows.config.role in e.goals:
            del self._loads[e.farm]
            out.saves[BY_HAND + e.farm] = follows.config.role
        return True

    def _set(self, farm: str, goals: dict[str, int], out: Out) -> None:
        self._by_role[farm].update(goals)
        out.saves[GOALS + farm] = json.dumps(self._by_role[farm])

    # ---- goals that follow a load
    def load_seen(self, e: LoadSeen, out: Out) -> bool:
        """Take up the load of a farm. Return whether its goal is another."""
        follows = self._loads.get(e.farm)
        if follows is None or not follows.seen(e.per_hour, out.mono_us):
            return False
        self._follow(e.farm, follows, out)
        return True

    def look(self, out: Out) -> list[str]:
        """Want fewer machines where that is due. Return the networks of those farms."""
        found = []
        for name, follows in self._loads.items():
            if follows.look(out.mono_us):
                self._follow(name, follows, out)
                found.append(self._farms[name].network)
        return found

    def _follow(self, farm: str, follows: LoadGoal, out: Out) -> None:
        self._set(farm, {follows.config.role: follows.goal}, out)

    def dues(self) -> list[int]:
        """Return when fewer machines may be wanted."""
        dues = [follows.due_us for follows in self._loads.values()]
        return [due for due in dues if due is not None]

    def at(self, side: Side) -> Iterator[Goal]:
        """Yield the goals of a side."""
        for farm in self._farms.values():
            if farm.network == side[0]:
                yield from self._of(farm, side)

    def difference(self, side: Side) -> tuple[list[OfFarm], list[Vm]]:
        """Return the machines that a side lacks, and those that are too many there."""
        wanted = {
            (goal.farm, goal.role, goal.image): goal.count
            for goal in self.at(side)
        }
        have: dict[OfFarm, list[Vm]] = {of: [] for of in wanted}
        for vm in self._records.at(side):
            if vm.state in COUNTS:
                have.setdefault((vm.farm, vm.role, vm.image), []).append(vm)
        for of in have.keys() - wanted.keys():
            wanted[of] = self._left_over(of, side)
        missing: list[OfFarm] = []
        too_many: list[Vm] = []
        for of, mine in have.items():
            count = wanted.get(of, 0) - len(mine)
            missing += [of] * count
            first = _retired_first(mine)[: max(0, -count)]
            if not self._makes_way(of):
                first = _while_others_run(first, mine, wanted.get(of, 0))
            too_many += first
        return missing, too_many

    def _makes_way(self, of: OfFarm) -> bool:
        """Return whether machines of an image go before others run in their place: an upgrade
        replaces them where they are.
        """
        upgrade = self._upgrades.on.get(of[0])
        if upgrade is None or upgrade.style is UpgradeStyle.NEW_FARM:
            return False
        return of[2] == upgrade.before

    def _left_over(self, of: OfFarm, side: Side) -> int:
        """Return how many machines stay of an image that the farm has no more: the side was not in
        use when the others were replaced.
        """
        farm, role, before = of
        if farm in self._upgrades.on or role not in self._by_role[farm]:
            return 0
        count = self._by_role[farm][role]
        new = Goal(farm, role, self._upgrades.image(farm), count)
        return self._old_ones(new, before, side)

    def _of(self, farm: FarmConfig, side: Side) -> Iterator[Goal]:
        upgrade = self._upgrades.on.get(farm.name)
        for role, count in self._by_role[farm.name].items():
            name = farm.name
            if upgrade is None:
                yield Goal(name, role, self._upgrades.image(name), count)
                continue
            new = Goal(name, role, upgrade.to, count)
            if upgrade.style is UpgradeStyle.IN_PLACE:
                yield from self._both_images(new, upgrade.before, side)
                continue
            if upgrade.style is UpgradeStyle.REPLACED:
                yield from self._one_for_another(new, upgrade, side)
                continue
            yield new
            before = count
            retiring = upgrade.phase is UpgradePhase.RETIRING
            if retiring and self._upgrades.are_moved(name, side):
                before = self._old_ones(new, upgrade.before, side)
                if self._upgrades.may_lack_moves(name, side):
                    there = self._counted(new, upgrade.before, side)
                    before = min(count, len(there))
            yield Goal(name, role, upgrade.before, before)

    def _old_ones(self, new: Goal, before: str, side: Side) -> int:
        """Return how many machines of the old image are kept until enough new ones run."""
        states = [vm.state for vm in self._made_of(new, new.image, side)]
        old = self._made_of(new, before, side)
        there_are = sum(vm.state in COUNTS for vm in old)
        run = states.count(VmState.RUNNING)
        waits = VmState.WAITING in states
        there = self._points.has(side[1], new.image)
        needed = max(0, new.count - run - (waits and there))
        return min(there_are, needed)

    def _one_for_another(
        self, new: Goal, upgrade: FarmUpgrade, side: Side
    ) -> Iterator[Goal]:
        """Yield the goals of both images while machines are replaced where they are: an old one
        goes as long as not too many are missing, and a new one is made when an old one has gone.
        Where the new image is yet to be copied nothing goes. A new one that runs stays, whatever is
        left of old ones, and an old one that waits keeps no place.
        """
        made = _states(self._made_of(new, new.image, side))
        old = _states(self._made_of(new, upgrade.before, side))
        wanted, stay = made.total(), old.total() - old[VmState.STOPPED]
        if self._points.has(side[1], new.image):
            old_run, new_run = old[VmState.RUNNING], made[VmState.RUNNING]
            left = old.total() - old[VmState.WAITING]
            wanted = max(min(new.count, new_run), new.count - left)
            lacking = max(0, new.count - new_run - old_run)
            may_go = max(0, upgrade.at_once - lacking)
            stay = old[VmState.PROVISIONING] + max(0, old_run - may_go)
        elif old:
            wanted = max(wanted, 1)  # whoever waits has the image copied
        yield replace(new, count=wanted)
        yield replace(new, image=upgrade.before, count=stay)

    def _both_images(
        self, new: Goal, before: str, side: Side
    ) -> Iterator[Goal]:
        """Yield the goals of both images while machines become one of another where they are: what
        is missing is made of the new one, and what is too many goes from the old one first, as far
        as new ones run in its place.
        """
        made = len(self._counted(new, new.image, side))
        old = len(self._counted(new, before, side))
        missing = max(0, new.count - made - old)
        yield replace(new, count=min(new.count, made + missing))
        run = len(self._running(new, new.image, side))
        stay = min(old, max(0, new.count - run))
        yield replace(new, image=before, count=stay)

    def _counted(self, goal: Goal, image: str, side: Side) -> list[Vm]:
        """Return the same as _made_of, without those that are on their way out."""
        made = self._made_of(goal, image, side)
        return [vm for vm in made if vm.state in COUNTS]

    def to_upgrade(self, side: Side) -> Iterator[Vm]:
        """Yield the machines that are to be upgraded where they are now: as many of each role as
        may be missing at one time, less those that are.
        """
        for upgrade in self._upgrades.of_network(side[0]):
            in_place = upgrade.style is UpgradeStyle.IN_PLACE
            if not in_place or upgrade.phase is not UpgradePhase.REPLACING:
                continue
            for role, count in self._by_role[upgrade.farm].items():
                new = Goal(upgrade.farm, role, upgrade.to, count)
                old = self._running(new, upgrade.before, side)
                run = len(old) + len(self._running(new, new.image, side))
                may_go = upgrade.at_once - max(0, count - run)
                yield from old[: max(0, may_go)]

    def _running(self, goal: Goal, image: str, side: Side) -> list[Vm]:
        made = self._made_of(goal, image, side)
        return [vm for vm in made if vm.state is VmState.RUNNING]

    def _made_of(self, goal: Goal, image: str, side: Side) -> list[Vm]:
        """Return the machines of a goal's farm and role that are made of an image."""
        of = (goal.farm, goal.role, image)
        return [
            vm
            for vm in self._records.at(side)
            if (vm.farm, vm.role, vm.image) == of
        ]

    def has_new_ones(self, upgrade: FarmUpgrade, side: Side) -> bool:
        """Tell whether as many machines of the new image run at a side as the goals say."""
        roles = [
            vm.role
            for vm in self._records.at(side)
            if (vm.farm, vm.image) == (upgrade.farm, upgrade.to)
            and vm.state is VmState.RUNNING
        ]
        goals = self._by_role[upgrade.farm]
        return all(
            roles.count(role) >= count for role, count in goals.items()
        )

    def has_old_ones(
        self, upgrade: FarmUpgrade, sides: Iterable[Side]
    ) -> bool:
        """Tell whether a machine of the old image is left at one of the sides, or one that is on
        its way to an image.
        """
        return any(
            vm.farm == upgrade.farm
            and (
                vm.image == upgrade.before or vm.state is VmState.UPGRADING
            )
            for side in sides
            for vm in self._records.at(side)
        )


def _states(machines: Iterable[Vm]) -> Counter[VmState]:
    """Count machines that are there, or are to be, by their states."""
    return Counter(vm.state for vm in machines if vm.state in IN_SERVICE)


def _retired_first(mine: list[Vm]) -> list[Vm]:
    """Return those that may be retired: those that wait or have failed first, then the newest."""
    return [
        vm
        for state in (VmState.WAITING, VmState.FAILED, VmState.RUNNING)
        for vm in reversed(mine)
        if vm.state is state
    ]


def _while_others_run(
    first: list[Vm], mine: list[Vm], goal: int
) -> list[Vm]:
    """Return those of the first that may go now: a machine that runs goes only as long as as many
    others run as the goal says, and one that is silent may come back until they do. The rest go
    when those that are being deployed run.
    """
    spare = sum(vm.state is VmState.RUNNING for vm in mine) - goal
    idle = [vm for vm in first if not vm.physical]
    if spare < 0:
        return idle
    silent = [
        vm for vm in first if vm.physical and vm.state is VmState.FAILED
    ]
    running = [vm for vm in first if vm.state is VmState.RUNNING]
    return idle + silent + running[:spare]


def _goals(farm: FarmConfig, stored: dict[str, str]) -> dict[str, int]:
    """Return a farm's goals by role, as people have set them or as configured."""
    text = stored.get(GOALS + farm.name)
    if text is None:
        return dict(farm.goals)
    found: dict[str, int] = json.loads(text)
    return found
