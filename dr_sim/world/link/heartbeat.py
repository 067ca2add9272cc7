"""Heartbeats of the primary's machines, as the secondary hears them. Nothing ticks: when the path
or a machine fails, the last beat that came through is computed, and one event is due when the next
beat is missed.

A beat says that the machine and every database on it are up. Beats go over their own path or over
the data link.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.link import PairLink


class Heartbeats:
    """The heartbeats of all machines. lost(machine, last seen) and back(machine) report to the
    recovery manager.
    """

    def __init__(
        self,
        context: Context,
        link: PairLink,
        lost: Callable[[str, int], None],
        back: Callable[[str], None],
    ) -> None:
        self._context = context
        self._link = link
        self._spec = context.scenario.heartbeat
        self._lost = lost
        self._back = back
        self._machines_down: set[str] = set()
        self._servers_down: list[
            str
        ] = []  # the machine of each server that has fallen
        self._last_seen: dict[str, int] = {}
        self._last_sent: dict[str, int] = {}
        self._due: dict[str, Entry] = {}
        self.silent: dict[
            str, int
        ] = {}  # reported as lost: machine -> last seen
        link.on_change.append(self.changed)

    def silent_since_us(self) -> int | None:
        """Return when the last beat was sent that came through, where so many machines are silent
        that they count as a failure; None: too few are. It is the same for all places that hear a
        machine, however long their ways are.
        """
        scenario = self._context.scenario
        needed = scenario.failover.machines_silent or len(scenario.machines)
        sent = sorted(self._last_sent[machine] for machine in self.silent)
        return sent[needed - 1] if len(sent) >= needed else None

    def machine_down(self, machine: str) -> None:
        if machine not in self._machines_down:
            self._machines_down.add(machine)
            self.changed()

    def machine_up(self, machine: str) -> None:
        if machine in self._machines_down:
            self._machines_down.discard(machine)
            self.changed()

    def is_down(self, machine: str) -> bool:
        return machine in self._machines_down

    def server_down(self, machine: str) -> None:
        """Note that a database server on that machine has fallen, or is up again."""
        self._servers_down.append(machine)
        self.changed()

    def server_up(self, machine: str) -> None:
        self._servers_down.remove(machine)
        self.changed()

    def _beats(self, machine: str) -> bool:
        return (
            machine not in self._machines_down
            and machine not in self._servers_down
        )

    @property
    def _on_way_us(self) -> int:
        """Return how long a beat takes beyond the usual time."""
        return (
            self._link.distance_us
            if self._spec.own_path
            else self._link.wait_us
        ) // 2

    def changed(self) -> None:
        """Note that the path or a machine has changed."""
        path, on_way_us = (
            self._spec.own_path or self._link.forward_up,
            self._on_way_us,
        )
        now, every = self._context.now_us, self._spec.every_us
        for machine in self._context.scenario.machines:
            heard = path and self._beats(machine)
            if not heard and machine not in self._last_seen:
                self._last_sent[machine] = now // every * every
                self._last_seen[machine] = (
                    self._last_sent[machine] + on_way_us
                )
                self._plan(
                    machine, self._last_seen[machine] + every, self._missed
                )
            elif heard and machine in self._last_seen:
                # a beat that is due is not missed if the path is back in time; this instant's was
                # over before
                self._plan(
                    machine,
                    now // every * every + every + on_way_us,
                    self._heard,
                )

    def _plan(
        self, machine: str, at: int, do: Callable[[str], None]
    ) -> None:
        pending = self._due.pop(machine, None)
        if pending is not None:
            pending.cancel()
        self._due[machine] = self._context.agenda.at(
            max(at, self._context.now_us), Class.HEARTBEAT, -1, do, machine
        )

    def _missed(self, machine: str) -> None:
        del self._due[machine]
        self.silent[machine] = self._last_seen[machine]
        self._lost(machine, self._last_seen[machine])

    def _heard(self, machine: str) -> None:
        del self._due[machine]
        if not (
            self._spec.own_path or self._link.forward_up
        ) or not self._beats(machine):
            # it was back and went again before this beat: the beat is missed
            if machine not in self.silent:
                self.silent[machine] = self._last_seen[machine]
                self._lost(machine, self._last_seen[machine])
            return
        del self._last_seen[machine]
        if self.silent.pop(machine, None) is not None:
            self._back(machine)
