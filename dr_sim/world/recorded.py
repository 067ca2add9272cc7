"""What was recorded somewhere happens here: the link's bandwidth and outages, and how slow restores
are, step by step.

Each change is an entry of the agenda, so nothing quiet is taken past one.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.scenario.kind import RECORDED_OUTAGE
from dr_sim.scenario.model import Outages, Recorded
from dr_sim.world.agenda import Class
from dr_sim.world.context import Context
from dr_sim.world.link import Link
from dr_sim.world.secondary import Secondary


class Recordings:
    def __init__(self, context: Context, link: Link, secondary: Secondary) -> None:
        self._context = context
        self._link = link
        self._secondary = secondary
        self._factor_ppm = 1_000_000

    def start(self) -> None:
        recorded = self._context.scenario
        if recorded.recorded_link.values:
            self._play(recorded.recorded_link, self._link.set_bandwidth, 0)
        if recorded.recorded_restores.values:
            self._secondary.slowness.append(lambda of, occurrence: self._factor_ppm)
            self._play(recorded.recorded_restores, self._slow, 0)
        if recorded.recorded_outages.spans:
            self._next_outage(recorded.recorded_outages, 0)

    def _slow(self, factor_ppm: int) -> None:
        self._factor_ppm = factor_ppm

    def _play(self, series: Recorded, use: Callable[[int], None], step: int) -> None:
        """That step begins; the next entry is for the next step that differs, or the next round."""
        values, n = series.values, len(series.values)
        use(values[step % n])
        following = step + 1
        while values[following % n] == values[step % n] and following - step < n:
            following += 1
        at = following * series.step_us
        if at <= self._context.scenario.run_for_us:
            self._context.agenda.at(at, Class.LINK, -1, self._play, series, use, following)

    def _next_outage(self, outages: Outages, number: int) -> None:
        periods, nth = divmod(number, len(outages.spans))
        begin, end = outages.spans[nth]
        since = periods * outages.period_us
        agenda = self._context.agenda
        if since + begin > self._context.scenario.run_for_us:
            return

        def down() -> None:
            self._context.note("truth.event", -1, 0, RECORDED_OUTAGE, 1, "link down")
            self._link.down()
            agenda.at(since + end, Class.LINK, -1, up)

        def up() -> None:
            self._link.up()
            self._context.note("truth.event", -1, 0, RECORDED_OUTAGE, 0, "link down")
            self._next_outage(outages, number + 1)

        agenda.at(since + begin, Class.LINK, -1, down)
