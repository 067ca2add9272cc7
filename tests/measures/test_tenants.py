"""What a failover cost each tenant, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from world.build import World, during, scenario

from dr_sim.experiments.replications.estimates import Question, values_of
from dr_sim.experiments.replications.take import take
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.measures.outcome.parts import database_outcomes
from dr_sim.measures.outcome.tenants import databases_of, tenant_outcomes
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.plain import plain
from dr_sim.measures.tables import tables
from dr_sim.record.journal import Journal
from dr_sim.scenario.asked_model import SlaLine
from tests.library.runs import HOUR, MINUTE, SECOND, failover, ran
from tests.measures.make import whole_of

AGAIN_US = 129_460_000  # 30 s, 21 s, 10 s, 60 s and 8.46 s: see the scenario


def tenant(name: str) -> dict[str, Any]:
    (found,) = [
        of for of in failover(ran("after_failover/tenants"))["tenants"] if of["name"] == name
    ]
    return dict(found)


@pytest.mark.parametrize("name", ["globex", "initech"])
def test_a_tenant_is_served_again_with_its_own_databases(name: str) -> None:
    of = tenant(name)
    assert (of["outage_from_us"], of["outage_us"]) == (2 * HOUR, AGAIN_US)
    assert of["served_again_us"] == 2 * HOUR + AGAIN_US
    assert sum(of["phases_us"].values()) == AGAIN_US
    assert (of["phases_us"]["recover"], of["phases_us"]["warm_up"]) == (10 * SECOND, 8_460_000)


def test_one_database_that_nobody_brings_online_keeps_its_tenant_s_outage_open() -> None:
    of = tenant("acme")
    assert of["outage_us"] is None
    assert of["data_loss_us"] == 2 * HOUR  # no copy of erp ever was: all that was written
    assert sum(of["phases_us"].values()) == 6 * HOUR  # at least: the rest of the run
    assert of["phases_us"]["warm_up"] < 10 * SECOND  # it is not warmth that is lacking


def test_so_does_the_service_s_of_which_it_is_a_third() -> None:
    f = failover(ran("after_failover/tenants"))
    assert f["outage_us"] is None
    assert "erp" in f["outage_note"]
    # a third fails to the end of the run, and of the rest what fails until it is warm
    rate, lost_s = 100, 6 * 3600
    assert lost_s * rate / 3 < f["requests_failed"] < lost_s * rate / 3 + 130 * rate


TWO = """\
run_for: 4 h
databases:
  a: {size: 1 GB, full: none, incremental: none, tenant: acme}
  b: {size: 1 GB, full: none, incremental: none, tenants: [globex, acme]}
machines: [m1, m2]
link: {bandwidth: 100 Mbit/s}
failover: {mode: manual, operator: {approves: no}}
"""


def outcomes(world: World) -> dict[str, int | None]:
    t = tables(world.journal)
    (f,) = failovers(t, world.context.scenario)
    return {
        name: of.outage_us for name, of in tenant_outcomes(t, world.context.scenario, f).items()
    }


def test_who_loses_nothing_has_no_outage() -> None:
    world = during(
        TWO, ("databases.b.machine=m2", "events=[{at: 1 h, lose: {what: database, database: a}}]")
    )
    assert outcomes(world) == {"acme": None, "globex": 0}
    assert databases_of(world.context.scenario) == {"acme": [0, 1], "globex": [1]}


def late(world: World) -> None:
    """b is promoted two hours after a, as if its copy had been had from elsewhere."""
    world.journal.note("truth.promoted", 3 * HOUR, 1, 2, 1, 1, HOUR, 0, 0, 0)
    world.users.online(1)


def test_a_database_that_comes_online_late_ends_the_outage_of_its_tenants() -> None:
    text = TWO.replace("b: {", "b: {seeded: false, ").replace(
        "full: none, incremental: none, tenants", "log: none, tenants"
    )
    lost = (
        "machines=[m1]",
        "failover={mode: automatic, silent_for: 30 s}",
        "events=[{at: 1 h, lose: site}]",
    )
    again_us = 30 * SECOND + 21 * SECOND + 10 * SECOND + 60 * SECOND + 8_460_000
    world = during(text, lost, (3 * HOUR, late))
    t, s = tables(world.journal), world.context.scenario
    (f,) = failovers(t, s)
    # acme has data in both
    assert [of.served_again_us for of in tenant_outcomes(t, s, f).values()] == [3 * HOUR, 3 * HOUR]
    assert f.served_again_us == 3 * HOUR
    # 60 % of its capacity
    full_us = HOUR + 30 * SECOND + 21 * SECOND + 10 * SECOND + 60 * SECOND + 9 * SECOND
    assert f.phases_us["recover"] == 10 * SECOND + 3 * HOUR - full_us
    (with_it,) = failovers(during(text, (*lost, "databases.b.seeded=true")).journal, s)
    assert with_it.served_again_us == HOUR + again_us


def test_replications_keep_each_tenant_s_own() -> None:
    (found,) = [take(ran("after_failover/tenants").scenario, 0)]
    of = {
        name: values_of([found], "outage", Question("outage", tenant=name))
        for name in ("globex", "acme", "")
    }
    assert [(v.low, v.high) for v in of["globex"]] == [(AGAIN_US, AGAIN_US)]
    assert (
        [(v.low, v.high) for v in of["acme"]]
        == [(6 * HOUR, None)]
        == [(v.low, v.high) for v in of[""]]
    )


def databases_outages(world: World) -> list[int | None]:
    t = tables(world.journal)
    (f,) = failovers(t, world.context.scenario)
    return [of.outage_us for of in database_outcomes(t, world.context.scenario, f)]


def test_each_database_has_an_outage_of_its_own_with_tenants_or_without() -> None:
    """a is lost and nobody takes it over; b, on a machine of its own, goes on."""
    bare = TWO.replace(", tenant: acme", "").replace(", tenants: [globex, acme]", "")
    lost = ("databases.b.machine=m2", "events=[{at: 1 h, lose: {what: database, database: a}}]")
    for text in (TWO, bare):
        world = during(text, lost)
        assert databases_outages(world) == [None, 0]
    assert not databases_of(scenario(bare))


def test_a_database_s_outage_lasts_until_it_is_online() -> None:
    """b is promoted two hours late: a is served again after 30 s, 21 s, 10 s, 60 s and 8.46 s, as
    if it were alone.
    """
    text = TWO.replace("b: {", "b: {seeded: false, ").replace(
        "full: none, incremental: none, tenants", "log: none, tenants"
    )
    world = during(
        text,
        (
            "machines=[m1]",
            "failover={mode: automatic, silent_for: 30 s}",
            "events=[{at: 1 h, lose: site}]",
        ),
        (3 * HOUR, late),
    )
    assert databases_outages(world) == [AGAIN_US, 2 * HOUR]


def test_of_the_only_database_nothing_is_recorded_apart_and_its_outage_is_the_service_s() -> None:
    text = TWO.replace(
        "  b: {size: 1 GB, full: none, incremental: none, tenants: [globex, acme]}\n", ""
    ).replace(", tenant: acme", "")
    world = during(
        text, ("machines=[m1]", "failover={mode: automatic}", "events=[{at: 1 h, lose: site}]")
    )
    t = tables(world.journal)
    assert set(t["truth.served"]["entity"].tolist()) == {-1}
    (f,) = failovers(t, world.context.scenario)
    assert databases_outages(world) == [f.outage_us]


def test_writes_refused_to_any_database_of_a_tenant_are_refused_to_it_once() -> None:
    """a for 1:00 to 1:30, b for 1:20 to 2:00: acme, which has data in both, for an hour; globex, in
    b alone, for 40 minutes.
    """
    asked = tuple(
        SlaLine(name, "writes_refused", True, 0, tenant=name) for name in ("acme", "globex")
    )
    of = replace(scenario(TWO), sla=asked)
    journal = Journal()
    for minute, database, refused, transactions in (
        (60, 0, 1, 0),
        (80, 1, 1, 0),
        (90, 0, 0, 7),
        (120, 1, 0, 9),
    ):
        journal.note("truth.writes", minute * MINUTE, database, refused, transactions)
    journal.note("truth.end", 4 * HOUR, -1)
    refused = plain(summarise(whole_of(journal, of)).writes_refused)
    assert refused["by_tenant"] == {
        "acme": {"time_us": 60 * MINUTE, "transactions": 16},
        "globex": {"time_us": 40 * MINUTE, "transactions": 9},
    }
    assert refused["time_us"] == 60 * MINUTE
