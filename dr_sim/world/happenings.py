"""Events at their instants, and faults as often as they are drawn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dr_sim.scenario.kind import ALL, BOTH, PRIMARY
from dr_sim.scenario.model import DrawnFault, Law, ScriptedEvent
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.arrivals import Arrivals
from dr_sim.world.kernel.occurrence import Occurrence

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair
    from dr_sim.world.world import World


class Happenings:
    def __init__(self, world: World) -> None:
        self._world = world
        self._with_site: list[tuple[DrawnFault, str]] = []
        self._sites_lost: set[Pair] = set()
        self._cause_of = {
            id(fault): i for i, fault in enumerate(world.scenario.faults)
        }

    def start(self) -> None:
        """Put every event on the agenda, and the first occurrence of every fault."""
        scenario, agenda = self._world.scenario, self._world.agenda
        seen: dict[tuple[str, str], int] = {}

        def nth(kind: str, of: str) -> int:
            seen[kind, of] = seen.get((kind, of), -1) + 1
            return seen[kind, of]

        for index, event in enumerate(scenario.events):
            lane = f"at {event.at_us}"
            which = nth(event.kind.name, lane)
            agenda.at(
                event.at_us,
                Class.FAULT,
                -1,
                self._happen,
                event,
                lane,
                which,
                index,
            )
        for fault in scenario.faults:
            lane = f"line {nth(fault.kind.name, 'line')}"
            if fault.with_site_ppm:
                self._with_site.append((fault, lane))
            if fault.always:
                agenda.at(0, Class.FAULT, -1, self._arrive, fault, lane, 0)
            if fault.num:
                arrivals = Arrivals(
                    scenario.change_windows,
                    fault.in_windows_ppm,
                    scenario.start_utc_us,
                )
                self._draw_next(fault, lane, 0, 0, arrivals)

    def _happen(
        self,
        event: ScriptedEvent | DrawnFault,
        lane: str,
        nth: int,
        cause: int,
    ) -> None:
        """Apply an event to the pair that is in service. A database that did not come online in a
        failover does not exist any more: an event about it is recorded and has no effect.
        """
        pair = self._world.pair
        at_copy = self._world.at_copy(event.copy) if event.copy else pair
        number = event.number if isinstance(event, ScriptedEvent) else 0
        occurrence = Occurrence(
            at_copy or pair, event.kind.name, number, lane, nth, cause
        )
        affects = event.kind.whom(event.params)
        occurrence.of_all = affects in (PRIMARY, BOTH, ALL)
        if at_copy is None:
            occurrence.nothing(f"no standby is at {event.copy} now")
            return
        pair = at_copy
        database = getattr(event.params, "database", None)
        if database is not None and not pair.has(database):
            occurrence.nothing(f"database {database} is not in service")
            return
        happen = partial(event.kind.happen, occurrence, event.params)
        if pair.cloud is None:
            happen()
        else:
            pair.cloud.context.asked(happen)
        pair.outside.turn()

    def _draw_next(
        self,
        fault: DrawnFault,
        lane: str,
        index: int,
        after_us: int,
        arrivals: Arrivals,
    ) -> None:
        """Draw the index-th arrival of a Poisson process: exponential gaps, each under its own
        name.
        """
        gaps = self._world.context.streams.of(
            f"fault {fault.kind.name}", "arrival", lane
        )
        even = after_us + max(
            1,
            gaps.law(index, Law("exponential", fault.den_us // fault.num)),
        )
        at = arrivals.real_us(even)
        if at > self._world.scenario.run_for_us:
            return

        def arrive() -> None:
            self._arrive(fault, lane, index)
            self._draw_next(fault, lane, index + 1, even, arrivals)

        self._world.agenda.at(
            max(at, self._world.agenda.now_us), Class.FAULT, -1, arrive
        )

    def _arrive(self, fault: DrawnFault, lane: str, index: int) -> None:
        """Let the fault happen, and perhaps again after a while: the members of a cluster have
        names of their own.
        """
        self._happen(fault, lane, index, -1 - self._cause_of[id(fault)])
        if fault.again_in is None:
            return
        streams = self._world.context.streams
        if (
            streams.of(f"fault {fault.kind.name}", "again", lane).below(
                index, 1_000_000
            )
            >= fault.again_ppm
        ):
            return
        after_us = streams.of(
            f"fault {fault.kind.name}", "again after", lane
        ).law(index, fault.again_in)
        mine, _, nth = lane.partition(" after ")
        cluster = f"{mine} after {nth or index}"
        at = self._world.agenda.now_us + max(1, after_us)
        self._world.agenda.at(
            at,
            Class.FAULT,
            -1,
            self._arrive,
            fault,
            cluster,
            index + 1 if nth else 0,
        )

    def site_lost(self) -> None:
        """Let the events that come with the loss of the site happen, just before it, once for each
        site that is lost. A loss of the site may itself be such an event.
        """
        pair = self._world.pair
        if pair in self._sites_lost:
            return
        lost_before = len(self._sites_lost)
        self._sites_lost.add(pair)
        streams = self._world.context.streams
        for fault, lane in self._with_site:
            draw = streams.of(
                f"fault {fault.kind.name}", "with the site", lane
            )
            if draw.below(lost_before, 1_000_000) < fault.with_site_ppm:
                self._arrive(fault, f"{lane} with the site", lost_before)
