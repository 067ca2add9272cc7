"""The load that the backups offer to the link on average, by their schedules and volumes, and the
link's capacity.

A full offers its size in each period. A log offers what is written. An incremental holds a part of
the log written since its base, never more than the database. The base is the last full that was
finished before it begins; by PostgreSQL's rule it is the last backup of either kind. The mean is
taken over the incrementals of a whole period of fulls. Resends, seeds after a failover and ordered
backups come on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from dr_sim.scenario.model import DatabaseSpec, LogVolume, Scenario
from dr_sim.scenario.schedule import mean_gap_us, next_start
from dr_sim.scenario.throughput import stream_cap_bit_s
from dr_sim.units import SECOND_US

_MOST = 10_000
"""The most incrementals that are looked at: a month of one every 5 minutes, which is enough for a
mean.
"""


MOST_TOLD = 3  # links of many scenarios that are offered too much


@dataclass(frozen=True, slots=True)
class Offered:
    """Averages in bit/s, rounded to whole ones."""

    logs: int
    incrementals: int
    fulls: int
    carries: int

    @property
    def total(self) -> int:
        return self.logs + self.incrementals + self.fulls


def offered(scenario: Scenario) -> Offered:
    """Return the load that the scheduled backups of all databases offer, and the link's
    capacity.
    """
    logs = incrementals = fulls = Fraction(0)
    for database in scenario.databases:
        written = _bytes_per_us(database.log_volume)
        if database.log.kind != "none":
            logs += written
        if period := mean_gap_us(database.full):
            fulls += Fraction(database.size_bytes, period)
        incrementals += _incremental(scenario, database, written)
    return Offered(
        _bit_s(logs),
        _bit_s(incrementals),
        _bit_s(fulls),
        _carries(scenario),
    )


def _bit_s(bytes_per_us: Fraction) -> int:
    return round(bytes_per_us * 8 * SECOND_US)


def overload(scenario: Scenario) -> str:
    """Return one line that warns that the load exceeds the link's capacity; '' if it does not."""
    found = offered(scenario)
    if found.total <= found.carries:
        return ""
    parts = ", ".join(
        f"{word} {_mbit(bits)}"
        for word, bits in (
            ("logs", found.logs),
            ("incrementals", found.incrementals),
            ("fulls", found.fulls),
        )
        if bits
    )
    return (
        f"warning: link.bandwidth: the backups offer {_mbit(found.total)} Mbit/s on "
        f"average ({parts}) and the link carries"
        f" {_mbit(found.carries)} Mbit/s: what it cannot carry piles up without end"
    )


def overloads(named: Iterable[tuple[str, Scenario]]) -> list[str]:
    """Return a line for each of many scenarios, by what it is called, whose link is offered more
    than it carries; the first few, and how many more.
    """
    found = [
        f"{name}: {line}"
        for name, scenario in named
        if (line := overload(scenario))
    ]
    more = len(found) - MOST_TOLD
    return [
        *found[:MOST_TOLD],
        *([f"and {more} more like that"] if more > 0 else []),
    ]


def _incremental(
    scenario: Scenario, database: DatabaseSpec, written: Fraction
) -> Fraction:
    """Return bytes a microsecond."""
    period = mean_gap_us(database.incremental)
    if not period:
        return Fraction(0)
    share = written * Fraction(database.incremental_share_ppm, 1_000_000)
    since = _since_base_us(scenario, database)
    held = sum(
        (min(Fraction(database.size_bytes), share * us) for us in since),
        Fraction(0),
    )
    return held / len(since) / period


def _since_base_us(scenario: Scenario, database: DatabaseSpec) -> list[int]:
    """Return for each incremental in a period of fulls (of the run, where there are none) how long
    before it its base began.
    """
    start_utc_us = scenario.start_utc_us
    cost = scenario.primary.full
    takes_us = (
        cost.fixed_us + database.size_bytes * SECOND_US // cost.rate_bytes_s
    )
    first = next_start(database.full, -1, start_utc_us) or 0
    end = first + (mean_gap_us(database.full) or scenario.run_for_us)
    found: list[int] = []
    chained = scenario.engine.postgres_rules
    base, base_before = first, first - mean_gap_us(database.full)
    if chained:
        base_before = first - mean_gap_us(database.incremental)
    at = next_start(database.incremental, first - 1, start_utc_us)
    while at is not None and at < end and len(found) < _MOST:
        if database.full.kind != "none" and at - first < takes_us:
            # the full is still being taken: the one before is the base
            found.append(at - base_before)
            base_before = at if chained else base_before
        else:
            found.append(at - base)
            base = at if chained else base
        at = next_start(database.incremental, at, start_utc_us)
    return found or [end - first]


def _bytes_per_us(volume: LogVolume) -> Fraction:
    if volume.shape == "series":
        return Fraction(
            sum(volume.series_bytes),
            len(volume.series_bytes) * volume.series_interval_us,
        )
    return Fraction(volume.num_bytes, volume.den_us)


def _carries(scenario: Scenario) -> int:
    """Return the link's capacity: its bandwidth, or the mean of a recorded one, less what packet
    loss takes from that many streams.
    """
    link, recorded = scenario.link, scenario.recorded.link.values
    bandwidth = (
        sum(recorded) // len(recorded) if recorded else link.bandwidth_bit_s
    )
    return min(
        bandwidth,
        scenario.replication.slots
        * stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb),
    )


def _mbit(bit_s: int) -> str:
    """Write three figures."""
    value = bit_s / 1e6
    return f"{value:.0f}" if value >= 99.95 else f"{value:.3g}"
