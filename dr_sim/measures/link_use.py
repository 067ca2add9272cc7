"""The link over time, and how much of what it could carry crossed it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Record, Tables, run_end_us, tables
from dr_sim.scenario.model import Scenario


@dataclass(slots=True)
class LinkUse:
    bytes_sent: int
    capacity_bits: Fraction  # what the link could have carried in that time; none while it was down
    down_us: int

    @property
    def share(self) -> Fraction | None:
        """Return the part of its capacity that was used; None if it never had any."""
        if not self.capacity_bits:
            return None
        return Fraction(8 * self.bytes_sent) / self.capacity_bits


def link_pieces(
    t: Tables, scenario: Scenario
) -> list[tuple[int, int, int, int]]:
    """Return (begin_us, end_us, up, bit_s) over the whole run; before its first record the link is
    as in the scenario.
    """
    rows = t["truth.link"]
    times = [0, *rows["time_us"].tolist()]
    ups = [1, *rows["up"].tolist()]
    rates = [scenario.link.bandwidth_bit_s, *rows["bit_s"].tolist()]
    stops = [*times[1:], run_end_us(t, scenario)]
    pieces = zip(times, stops, ups, rates, strict=True)
    return [
        (begin, end, up, bit_s)
        for begin, end, up, bit_s in pieces
        if end > begin
    ]


def link_down(t: Tables, scenario: Scenario) -> list[tuple[int, int]]:
    """Return the maximal intervals in which the link carried nothing."""
    pieces = link_pieces(t, scenario)
    return maximal(
        (begin, end)
        for begin, end, up, bit_s in pieces
        if not (up and bit_s)
    )


def link_cut(t: Tables, scenario: Scenario) -> list[tuple[int, int]]:
    """Return the maximal intervals in which nothing could be asked over the link."""
    pieces = link_pieces(t, scenario)
    return maximal((begin, end) for begin, end, up, _ in pieces if not up)


def link_use(record: Record, scenario: Scenario, until_us: int) -> LinkUse:
    """Return how much crossed the link until until_us, and how much could have. Bytes count when
    their transfer ends or is cut.
    """
    t = tables(record)
    sent = t["truth.transfer_bytes"]
    total = sum(sent["bytes"][sent["time_us"] <= until_us].tolist())
    capacity, down = Fraction(0), 0
    for begin, end, up, bit_s in link_pieces(t, scenario):
        length = max(0, min(end, until_us) - begin)
        if up and bit_s:
            capacity += Fraction(length * bit_s, 1_000_000)
        else:
            down += length
    return LinkUse(total, capacity, down)
