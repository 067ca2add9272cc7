"""Costs of a service's recovery a month, by the scenario's prices: links, kept backups, standby
machines and what is sent. Money is in millionths of the prices' unit; None: a price is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from dr_sim.scenario.keys.standbys import as_seen_at, copy_names
from dr_sim.scenario.model import Scenario
from dr_sim.units import DAY_US, SECOND_US
from dr_sim.world.link.offered import Offered, offered

_MONTH_US = Fraction(365 * DAY_US, 12)
_GB_BITS = 8 * 10**9


@dataclass(frozen=True, slots=True)
class CopyCost:
    """Needs of one standby or store. sent_bit_s: the backups that cross its link on average, and
    that it keeps. machines: those that run before a failure.
    """

    bandwidth_bit_s: int
    sent_bit_s: int
    kept_us: int
    machines: int


def costs_of_copies(scenario: Scenario) -> list[CopyCost]:
    """Return it for each standby and store; without `copies` for the one standby."""
    found = offered(scenario)
    each = []
    for place in copy_names(scenario) or [""]:
        seen = as_seen_at(scenario, place)
        bandwidth, kept_us = (
            seen.link.bandwidth_bit_s,
            seen.secondary.retention_us,
        )
        if seen.store is None:
            each.append(CopyCost(bandwidth, found.total, kept_us, 1))
            continue
        taken = _taken(found, seen.store.kinds)
        each.append(CopyCost(bandwidth, taken, kept_us, 0))
    return each


def _taken(found: Offered, kinds: tuple[str, ...]) -> int:
    """Return what is offered of these kinds of backups."""
    by_kind = {
        "full": found.fulls,
        "incremental": found.incrementals,
        "log": found.logs,
    }
    return sum(by_kind[kind] for kind in kinds)


def sum_of_parts(parts: dict[str, int]) -> int | None:
    """Return what the parts cost together; None: a price is not known."""
    return sum(parts.values()) if parts else None


def parts_of_copy(scenario: Scenario, copy: CopyCost) -> dict[str, int]:
    """Return what a standby or a store costs a month, part by part; empty: a price is not known."""
    prices = scenario.prices
    needed = [prices.link, prices.storage, prices.egress]
    needed += [prices.machine] if copy.machines else []
    if min(needed) < 0:
        return {}
    parts = {
        "link": prices.link * copy.bandwidth_bit_s // 10**6,
        "what is sent": _sent(prices.egress, copy.sent_bit_s),
        "backups kept": _kept(
            prices.storage, copy.sent_bit_s, copy.kept_us
        ),
    }
    if copy.machines:
        parts["machine"] = prices.machine * copy.machines
    return parts


def cost_now(scenario: Scenario) -> int | None:
    """Return what the service's recovery costs a month as it is: what the primary keeps, and each
    standby and store.
    """
    each = [
        sum_of_parts(parts_of_copy(scenario, copy))
        for copy in costs_of_copies(scenario)
    ]
    if None in each:
        return None
    primary = _kept(
        scenario.prices.storage,
        offered(scenario).total,
        scenario.primary.retention_us,
    )
    return primary + sum(cost for cost in each if cost is not None)


def cost_of_retention(scenario: Scenario) -> int | None:
    """Return what it costs to keep all backups for as long again as now."""
    price = scenario.prices.storage
    if price < 0:
        return None
    all_of_them = offered(scenario).total
    cost = _kept(price, all_of_them, scenario.primary.retention_us)
    for copy in costs_of_copies(scenario):
        cost += _kept(price, copy.sent_bit_s, copy.kept_us)
    return cost


def cost_of_links(scenario: Scenario) -> int | None:
    """Return what all links cost."""
    price = scenario.prices.link
    if price < 0:
        return None
    each = costs_of_copies(scenario)
    return sum(price * copy.bandwidth_bit_s // 10**6 for copy in each)


def _kept(price: int, bit_s: int, kept_us: int) -> int:
    return round(price * Fraction(bit_s * kept_us, SECOND_US) / _GB_BITS)


def _sent(price: int, bit_s: int) -> int:
    a_month = Fraction(bit_s) * _MONTH_US / SECOND_US
    return round(price * a_month / _GB_BITS)
