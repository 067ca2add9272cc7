"""Luck in which rare things happen more often: the draws of one replication under another law.

Theory of operation. A replication draws one of several laws, each with the same chance: the first
is the scenario's own, every other one has some lines of faults that occur more often, or last
longer. Whatever it drew, each draw notes how much more likely it was under each of the laws than
under the scenario's own. The weight of the replication follows from the products of these, which
are kept as logarithms. As the scenario's own law is among them, no weight is above the number of
laws. Source: Owen and Zhou, Safe and effective importance sampling, J. Amer. Statist. Assoc. 95
(2000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dr_sim.scenario.asked_model import Tilt
from dr_sim.scenario.model import Law, Scenario
from dr_sim.streams import Stream, Streams, chance_above, exceeded_with
from dr_sim.world.kernel.agenda import NEVER_US

ARRIVAL, DURATION = "arrival", "duration"


class TiltedStreams(Streams):
    """The streams of one replication of a scenario that has `tilts`."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario.seed, scenario.replication_no)
        laws = len(scenario.tilts)
        self.drawn = self.of("rare", "which law").below(0, laws)
        # for each law, how much more likely it made what was drawn than the scenario's own did, as
        # a logarithm
        self.logs = [0.0] * laws
        self._scenario = scenario
        self._lines = _lines_of(scenario)
        self._by_line = list(map(_by_line, scenario.tilts))
        self._tilted: dict[tuple[str, str, str], Stream] = {}

    def of(self, entity: str, purpose: str, lane: str = "") -> Stream:
        plain = super().of(entity, purpose, lane)
        if purpose not in (ARRIVAL, DURATION):
            return plain
        # 'line 2', 'line 2 after 7' and 'line 2 with the site' are draws of one line
        line = self._lines.get((entity, " ".join(lane.split(" ")[:2])))
        if line is None:
            return plain
        name = (entity, purpose, lane)
        found = self._tilted.get(name)
        if found is None:
            found = self._tilted[name] = self._tilt(plain, line, name)
        return found

    def _tilt(
        self, plain: Stream, line: int, name: tuple[str, str, str]
    ) -> Stream:
        tilts = [tilts.get(line) for tilts in self._by_line]
        if name[1] == ARRIVAL:
            fault = self._scenario.faults[line]
            # where changes have windows the faults' clock is not the run's: no gap is cut there
            even = fault.in_windows_ppm < 0
            end_us = self._scenario.run_for_us if even else NEVER_US
            return _Gaps(plain, self, tilts, end_us)
        entity, purpose, lane = name
        which = super().of(entity, f"{purpose}, longer", lane)
        return _Durations(plain, which, self, tilts)


class _Tilted(Stream):
    """Draws of one name: each is made once and noted once, however often it is asked for."""

    __slots__ = ("_found", "_luck", "_plain", "_tilts")

    def __init__(
        self,
        plain: Stream,
        luck: TiltedStreams,
        tilts: Sequence[Tilt | None],
    ) -> None:
        """tilts: that of each law; None: it draws here as the scenario says."""
        self._plain = plain
        self._luck = luck
        self._tilts = tilts
        self._found: dict[int, int] = {}

    def word(self, occurrence: int) -> int:
        return self._plain.word(occurrence)

    def law(self, occurrence: int, law: Law) -> int:
        if occurrence not in self._found:
            self._found[occurrence] = self._draw(occurrence, law)
        return self._found[occurrence]

    def _draw(self, occurrence: int, law: Law) -> int:
        raise NotImplementedError

    def _note(self, number: int, log: float) -> None:
        """Note how much more likely a draw was under one law, as a logarithm."""
        self._luck.logs[number] += log


class _Gaps(_Tilted):
    """Gaps between the occurrences of one line. end_us: of the run; a gap that reaches beyond it
    says only that there was none before. NEVER_US: it is not known.
    """

    __slots__ = ("_at_us", "_end_us")

    def __init__(
        self,
        plain: Stream,
        luck: TiltedStreams,
        tilts: Sequence[Tilt | None],
        end_us: int,
    ) -> None:
        super().__init__(plain, luck, tilts)
        self._end_us = end_us
        self._at_us = 0

    def _draw(self, occurrence: int, law: Law) -> int:
        mine = self._tilts[self._luck.drawn]
        times = 1.0 if mine is None else mine.rate_times
        gap = self._plain.law(
            occurrence, Law(law.kind, max(1, round(law.a / times)))
        )
        at_us = self._at_us + max(1, gap)
        beyond = at_us > self._end_us
        seen_us = self._end_us - self._at_us if beyond else gap
        self._at_us = at_us
        for number, tilt in enumerate(self._tilts):
            if tilt is None:
                continue
            log = -(tilt.rate_times - 1) * seen_us / law.a
            if not beyond:
                log += math.log(tilt.rate_times)
            self._note(number, log)
        return gap


class _Durations(_Tilted):
    """How long the occurrences of one line last. which: tells which of them are long."""

    __slots__ = ("_which",)

    def __init__(
        self,
        plain: Stream,
        which: Stream,
        luck: TiltedStreams,
        tilts: Sequence[Tilt | None],
    ) -> None:
        super().__init__(plain, luck, tilts)
        self._which = which

    def _draw(self, occurrence: int, law: Law) -> int:
        mine = self._tilts[self._luck.drawn]
        least_us = 0
        if mine is not None and mine.long_part:
            place = self._which.uniform(occurrence) / mine.long_part
            if place < 1:
                least_us = mine.least_us[int(place * len(mine.least_us))]
        if least_us:
            chance = chance_above(law, least_us)
            u = self._plain.uniform(occurrence)
            lasts_us = max(least_us + 1, exceeded_with(law, chance * u))
        else:
            lasts_us = self._plain.law(occurrence, law)
        for number, tilt in enumerate(self._tilts):
            if tilt is not None and tilt.long_part:
                self._note(number, math.log(_ratio(law, tilt, lasts_us)))
        return lasts_us


def _ratio(law: Law, tilt: Tilt, value: int) -> float:
    """Return how much more likely a tilt draws that value than the law alone."""
    each = tilt.long_part / len(tilt.least_us)
    ratio = 1 - tilt.long_part
    for least_us in tilt.least_us:
        if value > least_us:
            ratio += each / chance_above(law, least_us)
    return ratio


def _by_line(tilts: Sequence[Tilt]) -> dict[int, Tilt]:
    return {tilt.fault: tilt for tilt in tilts}


def _lines_of(scenario: Scenario) -> dict[tuple[str, str], int]:
    """Return the index of each line of faults by the names of its draws."""
    found: dict[tuple[str, str], int] = {}
    seen: dict[str, int] = {}
    for index, fault in enumerate(scenario.faults):
        nth = seen[fault.kind.name] = seen.get(fault.kind.name, -1) + 1
        found[f"fault {fault.kind.name}", f"line {nth}"] = index
    return found
