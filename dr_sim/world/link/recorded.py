"""Recorded series of one standby in the world, step by step: the bandwidth and the outages of its
link, and the slowness of its restores.

Each change is an entry of the agenda, so no fast path skips one.
"""

from __future__ import annotations

from collections.abc import Callable

from dr_sim.scenario.kind import RECORDED_OUTAGE
from dr_sim.scenario.model import Outages, Recorded
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.link import PairLink
from dr_sim.world.secondary.secondary import Secondary


class Recordings:
    def __init__(
        self, context: Context, link: PairLink, secondary: Secondary
    ) -> None:
        self._context = context
        self._link = link
        self._secondary = secondary
        self._factor_ppm = 1_000_000
        self._stopped = False

    def start(self) -> None:
        """Start with the value of each series at this instant."""
        now = self._context.now_us
        recorded = self._context.scenario.recorded
        link, outages = recorded.link, recorded.outages
        restores = recorded.restores
        if link.values:
            self._play(link, self._link.set_bandwidth, now // link.step_us)
        if restores.values:
            self._secondary.restore_durations.slowness.append(self._factor)
            self._play(restores, self._slow, now // restores.step_us)
        if outages.spans:
            self._next_outage(
                outages, now // outages.period_us * len(outages.spans)
            )

    def stop(self) -> None:
        """Stop: no series acts between these two sides any more."""
        self._stopped = True
        if self._factor in self._secondary.restore_durations.slowness:
            self._secondary.restore_durations.slowness.remove(self._factor)

    def _factor(self, of: str, occurrence: int) -> int:
        return self._factor_ppm

    def _slow(self, factor_ppm: int) -> None:
        self._factor_ppm = factor_ppm

    def _play(
        self, series: Recorded, use: Callable[[int], None], step: int
    ) -> None:
        """Apply a step; the next entry is for the next step that differs, or for the next round."""
        if self._stopped:
            return
        values, n = series.values, len(series.values)
        use(values[step % n])
        following = step + 1
        while (
            values[following % n] == values[step % n]
            and following - step < n
        ):
            following += 1
        at = following * series.step_us
        if at <= self._context.scenario.run_for_us:
            self._context.agenda.at(
                at, Class.LINK, -1, self._play, series, use, following
            )

    def _next_outage(self, outages: Outages, number: int) -> None:
        agenda, now = self._context.agenda, self._context.now_us
        while True:
            periods, nth = divmod(number, len(outages.spans))
            begin, end = outages.spans[nth]
            since = periods * outages.period_us
            if since + end > now:
                break
            number += (
                1  # the step was over when the two sides came together
            )
        if since + begin > self._context.scenario.run_for_us:
            return

        def down() -> None:
            if self._stopped:
                return
            self._context.note(
                "truth.event", -1, 0, RECORDED_OUTAGE, 1, "link down"
            )
            self._link.down()
            agenda.at(since + end, Class.LINK, -1, up)

        def up() -> None:
            self._link.up()
            if self._stopped:
                return
            self._context.note(
                "truth.event", -1, 0, RECORDED_OUTAGE, 0, "link down"
            )
            self._next_outage(outages, number + 1)

        agenda.at(max(since + begin, now), Class.LINK, -1, down)
