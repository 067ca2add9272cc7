"""What the recovery manager believes an outage would last, beside what it would last."""

from __future__ import annotations

import numpy as np
import pytest

from dr_sim.measures.outage_now.outage_now import outage_if_now, outage_of_service
from dr_sim.measures.outage_now.reported_outage import (
    last_before,
    reported_outage,
    reported_outage_of_service,
)
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.world.world import World
from tests.world.build import MINUTE, SECOND, scenario

BASE = """\
run_for: 4 h
databases: {crm: {size: 20 GB, full: every 100 min, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
"""
KNOWN = {
    "nothing waits": BASE,
    "a replay delay": BASE + "replay: {delay: 1 h}\n",
    "nothing lands": BASE + "events:\n  - {at: 70 min, link_outage: 1 h}\n",
    "logs wait for a hole": BASE + "events:\n  - {at: 64 min, late_file: "
        "{database: crm, by: 12 min}}\n",
    "six databases, two workers": BASE.replace("incremental: none", "incremental: none, copies: 6")
        + "replay: {workers: 2, delay: 2 h}\n",
    "an incremental bridges a hole": BASE + "events:\n  - {at: 61 min, second_log_job: crm}\n",
    "a first full is on its way": BASE.replace("incremental: none", "incremental: none, seeded: false"),
}  # fmt: skip
INSTANTS = [round(m * MINUTE) for m in (61.5, 62.05, 75.123, 100.7, 130.3, 177.77, 200.01)]


def both(text: str, at_us: int) -> tuple[int, int]:
    """What an outage would last then, and what the manager believes."""
    world = World(scenario(text))
    world.run()
    of, journal = world.context.scenario, world.journal
    databases = range(len(of.databases))
    true = [outage_if_now(journal, of, i) for i in databases]
    told = [reported_outage(journal, of, i) for i in databases]
    service = outage_of_service(journal, of, true)
    believed = reported_outage_of_service(journal, of, told)
    assert (service.begin_us, service.end_us) == (believed.begin_us, believed.end_us)
    return service.at(at_us), believed.at(at_us)


@pytest.mark.parametrize("what", KNOWN)
def test_what_it_is_told_it_believes_rightly(what: str) -> None:
    """Within a restore or two, which go on while it is found out that the site is lost."""
    for at_us in INSTANTS[:: 1 if what == "a replay delay" else 3]:
        true, believed = both(KNOWN[what], at_us)
        assert abs(true - believed) <= 7 * SECOND, at_us / MINUTE


SLOW = BASE + "events:\n  - {at: 64 min, slow_restore: {by: 4000, duration: 2 min}}\n"
DEAD = BASE + "manager: {restart_after: 1 h}\nevents:\n  - {at: 60 min, manager_crash: {}}\n"
LOST = BASE + "events:\n  - {at: 130 min, lose_secondary: {duration: 30 min}}\n"
WIPED = BASE + "events:\n  - {at: 121 min, operator_mistake: wipes the secondary host}\n"


@pytest.mark.parametrize(
    ("text", "minutes", "true_min", "believed_min"),
    [
        (SLOW, 66.5, 60, 3),  # one restore takes an hour, and was begun a minute ago
        (DEAD, 75, 40, 3),
        (LOST, 140, None, 3),  # it is dead, too
        (LOST, 165, None, None),  # it has looked
        (WIPED, 123, None, 3),  # no log has met that yet
        (WIPED, 127, None, None),
    ],
)
def test_what_it_is_not_told_it_does_not_believe(
    text: str, minutes: float, true_min: int | None, believed_min: int | None
) -> None:
    """true_min: at least so long; believed_min: at most so long. None: never."""
    true, believed = both(text, round(minutes * MINUTE))
    if true_min is None:
        assert true >= NO_WAY_US
    else:
        assert true_min * MINUTE < true < NO_WAY_US
    if believed_min is None:
        assert believed >= NO_WAY_US
    else:
        assert believed < believed_min * MINUTE


def test_a_store_restores_nothing_before_a_failover_and_so_nothing_is_believed() -> None:
    world = World(scenario(BASE + "copies: {vault: {store: {}}}\n"))
    world.run()
    of = world.pairs[0].context.scenario
    assert of.store is not None
    assert not reported_outage(world.journal, of, 0).duration_us


def test_the_last_instant_before() -> None:
    told = (np.array([1, 1, 2]), np.array([10, 20, 15]))
    wanted = (np.array([1, 1, 2, 3]), np.array([19, 20, 14, 7]))
    assert last_before(told, wanted).tolist() == [10, 20, 14, 7]
