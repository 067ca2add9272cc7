"""What happens in a run beside its work: events at their instants, faults as often as they are
drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.model import DrawnFault, Law, ScriptedEvent
from dr_sim.world.agenda import Class
from dr_sim.world.arrivals import Arrivals
from dr_sim.world.occurrence import Occurrence

if TYPE_CHECKING:
    from dr_sim.world.world import World


class Happenings:
    def __init__(self, world: World) -> None:
        self._world = world
        self._context = world.context
        self._with_site: list[tuple[DrawnFault, str]] = []
        self._site_lost = False
        self._cause_of = {id(fault): i for i, fault in enumerate(world.context.scenario.faults)}

    def start(self) -> None:
        """Put every event on the agenda, and the first occurrence of every fault."""
        scenario, agenda = self._context.scenario, self._context.agenda
        seen: dict[tuple[str, str], int] = {}

        def nth(kind: str, of: str) -> int:
            seen[kind, of] = seen.get((kind, of), -1) + 1
            return seen[kind, of]

        for index, event in enumerate(scenario.events):
            lane = f"at {event.at_us}"
            kind = event.kind.name
            occurrence = Occurrence(self._world, kind, event.number, lane, nth(kind, lane), index)
            agenda.at(event.at_us, Class.FAULT, -1, self._happen, occurrence, event)
        for fault in scenario.faults:
            lane = f"line {nth(fault.kind.name, 'line')}"
            if fault.with_site_ppm:
                self._with_site.append((fault, lane))
            if fault.always:
                agenda.at(0, Class.FAULT, -1, self._arrive, fault, lane, 0)
            if fault.num:
                arrivals = Arrivals(
                    scenario.change_windows, fault.in_windows_ppm, scenario.start_utc_us
                )
                self._draw_next(fault, lane, 0, 0, arrivals)

    def _happen(self, occurrence: Occurrence, event: ScriptedEvent | DrawnFault) -> None:
        """A database that did not come online in a failover is not there any more: what befalls it
        is a recorded nothing.
        """
        database = getattr(event.params, "database", None)
        if database is not None and not self._world.has(database):
            occurrence.nothing(f"database {database} is not in service")
            return
        event.kind.happen(occurrence, event.params)
        self._world.outside.turn()

    def _draw_next(
        self, fault: DrawnFault, lane: str, index: int, after_us: int, arrivals: Arrivals
    ) -> None:
        """The index-th arrival of a Poisson process: exponential gaps, each under its own name."""
        gaps = self._context.streams.of(f"fault {fault.kind.name}", "arrival", lane)
        even = after_us + max(1, gaps.law(index, Law("exponential", fault.den_us // fault.num)))
        at = arrivals.real_us(even)
        if at > self._context.scenario.run_for_us:
            return

        def arrive() -> None:
            self._arrive(fault, lane, index)
            self._draw_next(fault, lane, index + 1, even, arrivals)

        self._context.agenda.at(max(at, self._context.now_us), Class.FAULT, -1, arrive)

    def _arrive(self, fault: DrawnFault, lane: str, index: int) -> None:
        """It happens, and perhaps again after a while: the members of a cluster have names of their
        own.
        """
        cause = -1 - self._cause_of[id(fault)]
        self._happen(Occurrence(self._world, fault.kind.name, 0, lane, index, cause), fault)
        if fault.again_in is None:
            return
        streams = self._context.streams
        if (
            streams.of(f"fault {fault.kind.name}", "again", lane).below(index, 1_000_000)
            >= fault.again_ppm
        ):
            return
        after_us = streams.of(f"fault {fault.kind.name}", "again after", lane).law(
            index, fault.again_in
        )
        mine, _, nth = lane.partition(" after ")
        cluster = f"{mine} after {nth or index}"
        self._world.later(
            max(1, after_us), lambda: self._arrive(fault, cluster, index + 1 if nth else 0)
        )

    def site_lost(self) -> None:
        """What comes with the loss of the site comes just before it, once: a loss of the site may
        itself come with one.
        """
        if self._site_lost:
            return
        self._site_lost = True
        for fault, lane in self._with_site:
            if (
                self._context.streams.of(f"fault {fault.kind.name}", "with the site", lane).below(
                    0, 1_000_000
                )
                < fault.with_site_ppm
            ):
                self._arrive(fault, f"{lane} with the site", 0)
