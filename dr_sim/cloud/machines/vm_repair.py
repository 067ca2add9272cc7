"""Repair of machines that are silent, or that could not be deployed.

Theory of operation. A machine that has been silent for a while is replaced on another physical
machine. There is one exception: a large share of the network's machines at that site is silent.
Then the site or its network is lost, and a repair of each machine would only make it worse, so a
notice is raised instead. A machine that was given up, because no deployment of it succeeded, is
tried again.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.cloud.commands import Notify
from dr_sim.cloud.machines.machine_config import MachinesConfig
from dr_sim.cloud.machines.vm import Vm, VmMove, VmState
from dr_sim.cloud.machines.vm_records import Side, VmRecords
from dr_sim.cloud.out import Out
from dr_sim.cloud.telling import StateOfThings, Telling
from dr_sim.cloud.texts import counted
from dr_sim.cloud.words import Notice

_PPM = 1_000_000


class VmRepair:
    """retire: takes a machine out of service."""

    def __init__(
        self,
        config: MachinesConfig,
        records: VmRecords,
        telling: Telling,
        retire: Callable[[Vm, Out], None],
    ) -> None:
        self._config = config
        self._records = records
        self._telling = telling
        self._retire = retire

    def look(self, side: Side, known: bool, out: Out) -> bool:
        """Repair what is due at a side. Return whether anything was due. known: the side has said
        what is there; until then none is replaced, and somebody is told of many.
        """
        due = [
            vm
            for vm in self._records.at(side)
            if vm.state is VmState.FAILED and vm.repair_us <= out.mono_us
        ]
        if not due:
            return False
        silent = [vm for vm in due if vm.physical]
        for vm in due:
            if not vm.physical:  # no machine was made of it
                vm.tries, vm.not_on = 0, ()
                self._records.move(vm, VmMove.AGAIN, out)
        if not self._many_failed(side, out) and known:
            for vm in silent:
                self._replace(vm, out)
        else:
            for vm in silent:
                vm.repair_us = out.mono_us + self._config.retry_us
        return True

    def _many_failed(self, side: Side, out: Out) -> bool:
        """Tell whether so many machines are silent that none is replaced; somebody is told."""
        there = [
            vm
            for vm in self._records.at(side)
            if vm.state in (VmState.RUNNING, VmState.FAILED) and vm.physical
        ]
        failed = sum(vm.state is VmState.FAILED for vm in there)
        many = failed * _PPM > self._config.most_silent_ppm * len(there)
        about = (
            f"{failed} of {counted(len(there), 'machine')} at {side[1]}: "
            "none is replaced"
        )
        self._telling.tell(
            StateOfThings(
                side[0],
                Notice.MANY_FAILED,
                ("many", *side),
                failed if many else 0,
                about,
            ),
            out,
        )
        return many

    def _replace(self, vm: Vm, out: Out) -> None:
        """Replace a silent machine by one on another physical machine; where the network has as
        many as it may have at that site, when the silent one is removed.
        """
        about = f"{vm.name} at {vm.site}, on {vm.physical}"
        out.commands.append(
            Notify(vm.network, Notice.REPLACED, about, out.utc_us)
        )
        side, of = (vm.network, vm.site), (vm.farm, vm.role, vm.image)
        if self._records.room(side).has(vm.farm):
            self._records.new(side, of, (vm.physical,), out)
        self._retire(vm, out)
