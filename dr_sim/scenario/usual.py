"""Times that things usually take by a scenario, without a draw."""

from __future__ import annotations

from dr_sim.scenario.model import Law, Scenario

PREFERRED = "preferred"
"""The policy by which copies are taken in the order in which they are written."""
SERVED_AGAIN_PPM = 990_000
_ALL_PPM = 1_000_000


def usual_us(law: Law) -> int:
    """Return a law's median, for an exponential one its mean."""
    return (law.a + law.b) // 2 if law.kind == "uniform" else law.a


def after_the_drain_us(scenario: Scenario) -> int:
    """Return how long it takes from the last restore until 99 % of requests succeed again, all
    databases online, where no transaction must be undone.
    """
    f = scenario.failover
    spread = f.ttl_us + f.reconnect_us
    arrived = -(-SERVED_AGAIN_PPM * spread // _ALL_PPM)
    load = max(1, scenario.users.utilisation_ppm)
    needed = -(-SERVED_AGAIN_PPM * load // _ALL_PPM)
    cold = f.warm_up_from_ppm
    warm = 0
    if f.warm_up_us and needed > cold:
        warm = -(-(needed - cold) * f.warm_up_us // (_ALL_PPM - cold))
    return usual_us(f.recover) + f.switch_us + max(arrived, warm)


def beat_on_way_us(scenario: Scenario) -> int:
    """Return how long the last heartbeat is on its way to this copy, beyond what is usual."""
    return scenario.link.distance_us // 2


def turn_us(scenario: Scenario) -> int:
    """Return how long this copy waits for its turn, once the silence is long enough here. Copies
    that are taken in their order wait for those before them. By any other policy the one that is
    chosen waits until all have said what they offer: until the farthest has heard of the silence,
    and has asked the cloud manager, if there is one.
    """
    f = scenario.failover
    if f.choose.policy == PREFERRED:
        return scenario.rank * f.turn_us
    if scenario.ranks == 1:
        return 0
    own_us = beat_on_way_us(scenario)
    each = [spec.link.distance_us // 2 for spec in scenario.standbys]
    asks_us = 0
    if scenario.cloud is not None:
        asks_us = scenario.cloud.rtt_us // 2 * 2
    return max([own_us, *each]) - own_us + asks_us
