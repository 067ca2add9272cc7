"""Orders to fail over, as a person gave them."""

from __future__ import annotations

import pytest

from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.types import AlertsSummary, FailoverSummary
from dr_sim.measures.whole import Whole
from dr_sim.world.world import World
from tests.world.build import SECOND, scenario

PASSED_ON = """\
run_for: 2 h
databases: {{crm: {{size: 20 GB, log_volume: 20 MB per 5 min}}}}
link: {{bandwidth: 100 Mbit/s}}
copies: {{near: {{replay: {{delay: 30 min}}}}, far: {{}}}}
events:
  - {{at: 62 min, order_failover: {{by: dba, planned: {planned}}}, copy: near}}
"""
LOST = '  - {at: "1 h 2 min 3 s", lose_secondary: 10 h, copy: near}\n'
GIVEN_US = 3720 * SECOND


def failover(text: str) -> FailoverSummary:
    world = World(scenario(text))
    world.run()
    (found,) = summarise(Whole.of(world.journal, world.context.scenario)).failovers
    return found


@pytest.mark.parametrize("planned", ["true", "false"])
def test_an_order_that_was_passed_on_is_dated_from_when_it_was_given(planned: str) -> None:
    """The order is given at 1:02:00. 5 s later the old primary is stopped: the outage begins. The
    copy is lost, the order is passed on at 1:02:33, and the other one obeys it.
    """
    found = failover(PASSED_ON.format(planned=planned) + LOST)
    assert (found.new_primary, found.ordered_by) == ("far", "dba")
    assert found.ordered_us == GIVEN_US
    assert found.ordered_planned == (planned == "true")
    assert found.outage_from_us == GIVEN_US + 5 * SECOND
    assert found.events == "event 1"


def test_an_order_that_is_obeyed_at_once_is_dated_from_the_same_instant() -> None:
    found = failover(PASSED_ON.format(planned="false"))
    assert (found.new_primary, found.ordered_us) == ("near", GIVEN_US)


def test_a_loss_that_nobody_ordered_has_no_order() -> None:
    text = PASSED_ON.format(planned="false").replace(
        "order_failover: {by: dba, planned: false}, copy: near", "lose: site"
    )
    assert failover(text).ordered_us is None


LEFT = """\
run_for: 90 min
databases: {crm: {size: 1 GB, log_volume: 1 MB per 5 min}}
link: {bandwidth: 100 Mbit/s}
heartbeat: {path: data link}
failover: {mode: automatic, silent_for: 90 s}
events:
  - {at: 50 min, link_outage: 20 min}
  - {at: 50 min 1 s, order_failover: {by: dba, planned: true}}
  - {at: 50 min 2 s, call_off_failover: {by: dba}}
"""


def test_a_failover_by_silence_is_not_ordered_though_one_before_it_was() -> None:
    """The order of 0:50:01 is called off, and reaches nobody: the link is down. The silence begins
    a failover of its own.
    """
    found = failover(LEFT)
    assert found.failure_class == "none" and found.served_again_us is not None
    assert (found.ordered_us, found.ordered_by) == (None, None)


def test_a_standby_beside_a_planned_failover_is_in_no_danger_behind_the_old_primary() -> None:
    """The old primary takes no writes from 1:02:05 on: what its other standby lacks then is no
    danger that anybody has to be told of. A link that is down for two hours before is one.
    """
    text = PASSED_ON.format(planned="true").replace("run_for: 2 h", "run_for: 5 h")
    assert alerts_of(text).due == 0
    at_fault = text.replace("62 min", "4 h") + "  - {at: 1 h, link_outage: 2 h}\n"
    assert alerts_of(at_fault).due > 0


def alerts_of(text: str) -> AlertsSummary:
    world = World(scenario(text))
    world.run()
    return summarise(Whole.of(world.journal, world.context.scenario)).alerts
