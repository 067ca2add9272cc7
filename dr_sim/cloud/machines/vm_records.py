"""The records of all virtual machines, as they are saved."""

from __future__ import annotations

from collections.abc import Iterator

from dr_sim.cloud.machines.limits import Room
from dr_sim.cloud.machines.machine_config import MachinesConfig
from dr_sim.cloud.machines.vm import IN_SERVICE, VMS, Vm, VmMove, VmState
from dr_sim.cloud.out import Out

VM, NEXT = "vm/", "machines/next"
"""Keys in the store: of a machine's record, of the next machine's number."""
Side = tuple[str, str]  # network, site


class VmRecords:
    """vms: by site and name."""

    def __init__(
        self, config: MachinesConfig, stored: dict[str, str]
    ) -> None:
        self._config = config
        self._is_first = NEXT not in stored
        self._next = int(stored.get(NEXT, "1"))
        self.vms: dict[tuple[str, str], Vm] = {}
        for vm in self._recorded(stored):
            self.vms[vm.site, vm.name] = vm

    def _recorded(self, stored: dict[str, str]) -> Iterator[Vm]:
        if self._is_first:
            for each in self._config.first:
                yield Vm(
                    name=each.name,
                    network=each.network,
                    site=each.site,
                    farm=each.farm,
                    role=each.role,
                    image=each.image,
                    physical=each.physical,
                    state=VmState.RUNNING,
                )
            return
        for key, text in stored.items():
            if key.startswith(VM):
                site, _, name = key.removeprefix(VM).partition("/")
                yield Vm.from_text(site, name, text)

    def wake(self, out: Out) -> None:
        """Save what runs when the service is first started; begin to wait for silent machines."""
        if self._is_first:
            self._is_first = False
            self._next = 1 + len(self.vms)
            out.saves[NEXT] = str(self._next)
            for vm in self.vms.values():
                self.save(vm, out)
        for vm in self.vms.values():
            if vm.state is VmState.FAILED:
                vm.repair_us = out.mono_us + self._config.repair_after_us

    def at(self, side: Side) -> list[Vm]:
        return [
            vm for vm in self.vms.values() if (vm.network, vm.site) == side
        ]

    def room(self, side: Side) -> Room:
        """Return what the network may still have at that site."""
        there = (vm.farm for vm in self.at(side) if vm.state in IN_SERVICE)
        return Room(self._config, side[0], there)

    def new(
        self,
        side: Side,
        of: tuple[str, str, str],
        not_on: tuple[str, ...],
        out: Out,
    ) -> None:
        """Make a record of a machine that is to be. of: its farm, role and image."""
        farm, role, image = of
        name = f"{farm}-{role}-{self._next}"
        self._next += 1
        out.saves[NEXT] = str(self._next)
        self.take_up(Vm(name, *side, farm, role, image, not_on=not_on), out)

    def take_up(self, vm: Vm, out: Out) -> None:
        self.vms[vm.site, vm.name] = vm
        self.save(vm, out)

    def move(self, vm: Vm, move: VmMove, out: Out) -> None:
        vm.state = VMS.after(vm.state, move)
        vm.repair_us = 0
        if vm.state is VmState.FAILED:
            vm.repair_us = out.mono_us + self._config.repair_after_us
        if vm.state is VmState.RETIRED:
            del self.vms[vm.site, vm.name]
        self.save(vm, out)

    def save(self, vm: Vm, out: Out) -> None:
        key = f"{VM}{vm.site}/{vm.name}"
        retired = vm.state is VmState.RETIRED
        out.saves[key] = "" if retired else vm.text()
