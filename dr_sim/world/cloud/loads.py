"""Loads of farms: how many requests users make, over time, and what the balancer measures.

Theory of operation. A load is constant for a while: for the whole run, by the hour of the week, or
from one step of a series to the next.
A surge multiplies it. The balancer counts requests over whole intervals of `deployment.load_every`.
At the end of an interval it reports the number to the manager if it has changed. Nothing polls: the
balancer counts in an interval in which the load changes, and in the following ones until a whole
interval was like the previous one. A manager that was down learns the last number when it is back.

Users make the same requests whether they are served or not: an outage changes no load.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dr_sim.cloud.events import LoadSeen
from dr_sim.scenario.machine_model import Farm, FarmLoad, Load
from dr_sim.scenario.model import LogVolume, Scenario
from dr_sim.units import HOUR_US, PPM
from dr_sim.world.kernel.workload import segments

if TYPE_CHECKING:
    from dr_sim.world.cloud.hardware import Hardware
    from dr_sim.world.cloud.service import CloudWorld


@dataclass(slots=True)
class Week:
    """A load without surges, of a week or of the period of a series. levels: requests an hour, for
    so long each; then from the first on.
    """

    levels: list[int]
    lengths: list[int]

    @classmethod
    def of(cls, load: FarmLoad, scenario: Scenario) -> Week:
        """Return the load of a farm from the beginning of a run on."""
        shape, mean = load.load.shape, load.load
        if shape == "series":
            return cls._of_series(load.load, scenario)
        volume = LogVolume(shape, mean.num, mean.den_us)
        _, lengths, sums = segments(volume, scenario)
        levels = []
        for i, length in enumerate(lengths):
            levels.append((sums[i + 1] - sums[i]) * HOUR_US // length)
        return cls(levels, lengths)

    @classmethod
    def _of_series(cls, load: Load, scenario: Scenario) -> Week:
        """Return a load that was written step by step; without `repeat` its last step lasts to the
        end of the run.
        """
        begins = [at_us for at_us, _ in load.steps]
        ends_us = load.repeat_us
        if not ends_us:
            ends_us = max(begins[-1], scenario.run_for_us) + 1
        ends = [*begins[1:], ends_us]
        lengths = [e - b for b, e in zip(begins, ends, strict=True)]
        return cls([level for _, level in load.steps], lengths)


@dataclass(slots=True)
class _Meter:
    """One farm's load. level: requests an hour now; told: those that were measured last. counted:
    requests of this interval until since_us, times an hour. counts: an interval is being counted.
    """

    farm: Farm
    load: FarmLoad
    network: int
    week: Week
    position: int = 0
    level: int = 0
    told: int = 0
    factors: Counter[int] = field(default_factory=Counter)
    counts: bool = False
    counted: int = 0
    since_us: int = 0

    def now(self) -> int:
        """Return the load by the week and the surges in progress."""
        level = self.week.levels[self.position]
        for factor_ppm, times in sorted(self.factors.items()):
            for _ in range(times):
                level = level * factor_ppm // PPM
        return level


class FarmLoads:
    """The loads of all farms that follow one."""

    def __init__(
        self, world: CloudWorld, hardware: Hardware, scenario: Scenario
    ) -> None:
        self._world = world
        self._context = world.context
        self._hardware = hardware
        self._every_us = hardware.spec.load_every_us
        self._meters: dict[str, _Meter] = {}
        for farm in hardware.spec.farms:
            if farm.load is not None:
                week = Week.of(farm.load, scenario)
                network = world.names.index[farm.network]
                self._meters[farm.name] = _Meter(
                    farm, farm.load, network, week
                )

    def start(self) -> None:
        """Record the loads with which the run begins."""
        for meter in self._meters.values():
            meter.level = meter.told = meter.now()
            self._note(meter)
            self._next_step(meter)

    def _next_step(self, meter: _Meter) -> None:
        if len(meter.week.levels) > 1:
            length = meter.week.lengths[meter.position]
            at = self._context.now_us + length
            self._world.soon(at, self._step, meter)

    def _step(self, meter: _Meter) -> None:
        meter.position = (meter.position + 1) % len(meter.week.levels)
        self._next_step(meter)
        self._changed(meter)

    def surge(self, farm: str, factor_ppm: int, by: int) -> None:
        """Multiply a farm's load (by 1), or end that (by -1)."""
        meter = self._meters[farm]
        meter.factors[factor_ppm] += by
        self._changed(meter)

    def _changed(self, meter: _Meter) -> None:
        level = meter.now()
        if level == meter.level:
            return
        now = self._context.now_us
        if meter.counts:
            meter.counted += meter.level * (now - meter.since_us)
        else:
            begin = now // self._every_us * self._every_us
            meter.counts = True
            meter.counted = meter.level * (now - begin)
            self._world.soon(begin + self._every_us, self._measure, meter)
        meter.since_us = now
        meter.level = level
        self._note(meter)

    def _measure(self, meter: _Meter) -> None:
        """An interval is over: tell what was counted."""
        now = self._context.now_us
        meter.counted += meter.level * (now - meter.since_us)
        found = meter.counted // self._every_us
        meter.counted, meter.since_us = 0, now
        if found != meter.told:
            meter.told = found
            if self._world.lives.up:
                self._tell(meter)
        meter.counts = found != meter.level
        if meter.counts:
            self._world.soon(now + self._every_us, self._measure, meter)

    def _tell(self, meter: _Meter) -> None:
        farm = meter.farm
        self._world.driver.tell_new(
            LoadSeen, farm.network, farm.name, meter.told
        )

    def tell_all(self) -> None:
        """Tell a manager that is up again what was measured last."""
        for meter in self._meters.values():
            if self._world.lives.up:
                self._tell(meter)

    def _note(self, meter: _Meter) -> None:
        farm = meter.farm.name
        self._hardware.farms.needs(farm, meter.load.needed(meter.level))
        self._context.note(
            "truth.cloud_load", meter.network, farm, meter.level
        )
