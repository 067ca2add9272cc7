"""Isolation of tenants (R17, C11): what a tenant's client may ask for, in a manager by itself and in
whole runs, and bugs that the witness catches.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dr_sim.cloud import CallerConfig, EntityConfig, NetworkConfig, api
from dr_sim.cloud.isolation import Isolation
from dr_sim.cloud.machines import placing
from dr_sim.cloud.machines.machine_config import MachinesConfig, PhysicalConfig
from dr_sim.cloud.machines.placing import Used, WantedPlace
from dr_sim.cloud.words import CallOutcome, JobKind, Word
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.runs.run import Result
from dr_sim.screen.cloud import api_words
from dr_sim.units import HOUR_US
from dr_sim.world.world import World
from tests.cloud.bench import Bench, config
from tests.library.runs import SCENARIOS, ran

OWNERS = {"crm": ("acme",), "wiki": ("contoso",), "hr": ("acme", "contoso"), "web": ()}


def ids(name: str) -> tuple[tuple[str, str], ...]:
    return (("A", f"{name}-at-A"), ("B", f"{name}-at-B"))


def bench() -> Bench:
    """A shared network of two tenants, and one of contoso's that acme's client may not use."""
    things = tuple(EntityConfig(name, "", ids(name), of) for name, of in OWNERS.items())
    apart = (EntityConfig("shop", "", ids("shop"), ("contoso",)),)
    callers = (
        CallerConfig("ops", ("prod", "gov")),
        CallerConfig("acme", ("prod",), None, ("acme",)),
        CallerConfig("both", ("prod",), None, ("acme", "contoso")),
    )
    networks = (
        NetworkConfig("prod", ("A", "B"), things),
        NetworkConfig("gov", ("A", "B"), apart),
    )
    return Bench(replace(config(), networks=networks, callers=callers))


ACCEPTED, FORBIDDEN = CallOutcome.ACCEPTED, CallOutcome.FORBIDDEN
UNKNOWN = CallOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("caller", "thing", "outcome"),
    [
        ("acme", "crm", ACCEPTED),
        ("acme", "web", ACCEPTED),
        ("acme", "wiki", FORBIDDEN),
        ("acme", "hr", FORBIDDEN),
        ("acme", "erp", UNKNOWN),
        ("both", "hr", ACCEPTED),
        ("both", "wiki", ACCEPTED),
        ("ops", "hr", ACCEPTED),
    ],
)
def test_a_tenants_client_changes_what_is_all_its_own_or_nobodys_by_name(
    caller: str, thing: str, outcome: CallOutcome
) -> None:
    of = bench()
    assert of.call("r1", thing, caller=caller).outcome is outcome
    assert len(of.started()) == (outcome is ACCEPTED)


@pytest.mark.parametrize(
    ("params", "outcome"),
    [
        ({"id": "@crm"}, ACCEPTED),
        ({"id": "@crm", "beside": "@web"}, ACCEPTED),
        ({"id": "@crm", "size": "5 GB"}, ACCEPTED),
        ({"id": "@wiki"}, FORBIDDEN),
        ({"id": "wiki-at-A"}, FORBIDDEN),
        ({"id": "@crm", "copy": "wiki-at-B"}, FORBIDDEN),
        ({"id": "@crm", "copy": "@hr"}, FORBIDDEN),
        ({"id": "@crm", "copy": "shop-at-A"}, FORBIDDEN),
        ({"id": "@web"}, UNKNOWN),
        ({"id": "web-at-A"}, UNKNOWN),
    ],
)
def test_what_parameters_name_is_held_to_the_same_rule(
    params: dict[str, str], outcome: CallOutcome
) -> None:
    """A script works on what its parameters name: the identifier is that of the thing asked for."""
    of = bench()
    assert of.call("r1", "crm", caller="acme", params=json.dumps(params)).outcome is outcome
    assert len(of.started()) == (outcome is ACCEPTED)


def test_a_put_of_anothers_is_refused_although_it_was_made_before() -> None:
    of = bench()
    assert of.call("", "wiki", caller="ops").outcome is ACCEPTED
    assert of.call("", "wiki", caller="ops").outcome is CallOutcome.AGAIN
    assert of.call("", "wiki", caller="acme").outcome is FORBIDDEN
    assert of.call("", "wiki", caller="acme", put_on=7).outcome is FORBIDDEN


def test_what_is_refused_leaves_a_line_in_the_log_and_nothing_else() -> None:
    of = bench()
    before = of.store.load()
    of.call("r1", "wiki", caller="acme")
    kept = of.store.load()
    new = {key: kept[key] for key in kept if kept[key] != before.get(key)}
    assert new == {"log/1.1": '["acme", "r1", "rotate", "forbidden", ""]'}


def test_a_change_that_was_accepted_goes_over_to_the_secondary() -> None:
    """Nobody asks the tenant again there: what is mirrored is the manager's own work."""
    of = bench()
    job = of.call("r1", "crm", caller="acme").job
    of.say(job, Word.DONE)
    (started,) = of.started()
    assert (started.site, json.loads(started.params)) == ("B", {"id": "crm-at-B"})
    assert of.manager._book.open[started.job].kind is JobKind.MIRROR


# ---- whole runs
def test_two_tenants_of_one_network() -> None:
    """scenarios/cloud/isolation.yaml, with its arithmetic."""
    result = ran("cloud/isolation")
    refused = Counter(
        row.time_us // HOUR_US
        for row in result.journal.rows("truth.cloud_call")
        if row.values["outcome"] == "forbidden"
    )
    # both portals from 2:01 to 3:00, and from 4:01 to 5:00
    assert refused == {2: 118, 3: 2, 4: 118, 5: 2}
    (paused,) = result.summary.cloud.pauses
    assert (paused.database, paused.tenants) == ("hr", ["acme", "contoso"])
    assert paused.lasted_us == 32_000_000
    changed: dict[str, set[str]] = {"acme portal": set(), "contoso portal": set()}
    for row in result.journal.rows("truth.cloud_effect"):
        changed.get(row.values["change"].partition("/")[0], set()).add(row.values["entity_name"])
    farms = {"content", "services", "directory"}
    assert changed == {"acme portal": {"crm", *farms}, "contoso portal": {"wiki", *farms}}
    assert "240 forbidden" in api_words(result.summary.cloud.api)


TWO = """\
run_for: 4 h
databases:
  crm: {size: 5 GB, log_volume: 1 MB per 5 min, tenants: acme}
  wiki: {size: 5 GB, log_volume: 1 MB per 5 min, tenants: contoso}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}}
changes: {takes: 30 s, fail: 0 %}
clients:
  a: {calls: 1 per min, actions: 50 %, tenant: acme}
  c: {calls: 1 per min, actions: 50 %, tenant: contoso}
"""


def world(tmp_path: Path, more: str) -> World:
    path = tmp_path / "s.yaml"
    path.write_text(TWO + more)
    of = World(load_scenario(path))
    of.run()
    return of


def broken(of: World) -> set[str]:
    return {breach.invariant for breach in cloud_broken(of.journal, of.context.scenario)}


Patch = Callable[[pytest.MonkeyPatch], None]


def anybody_changes_any_thing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Isolation, "may_change", lambda self, *of: True)


def nobody_reads_the_parameters(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Isolation, "may_name", lambda self, *of: True)
    patch.setattr(Isolation, "is_about", lambda self, *of: True)


def requests_are_known_by_their_id_alone(patch: pytest.MonkeyPatch) -> None:
    def read(self: api.Api, e: api.Called) -> api._Told:
        for key, text in self._kept.items():
            if key.startswith(api.REQUEST) and key.endswith(f"/{e.request}") and text:
                return api._Told(CallOutcome.FOUND, json.loads(text)[1])
        return api._Told(UNKNOWN)

    patch.setattr(api.Api, "_read", read)


def wrong(names: str) -> str:
    return f"faults: {{wrong_tenant_call: {{share: 50 %, names: {names}}}}}\n"


@pytest.mark.parametrize(
    ("plant", "more"),
    [
        (anybody_changes_any_thing, wrong("thing")),
        (nobody_reads_the_parameters, wrong("identifier")),
        (requests_are_known_by_their_id_alone, "faults: {lost_answer: {share: 20 %}}\n"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_planted_bug_is_caught(
    plant: Patch, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert broken(world(tmp_path, more)) == set(), "it is sound without the bug"
    plant(monkeypatch)
    assert "cloud 22" in broken(world(tmp_path, more))


def test_a_wrong_row_of_the_mapping_table_is_no_fault_of_the_manager(tmp_path: Path) -> None:
    """Work on crm is led to wiki by a row that people have set: the manager cannot know."""
    event = "events: [{at: 1 h, wrong_mapping: {entity: crm, leads_to: other}}]\n"
    assert broken(world(tmp_path, event)) == set()


@pytest.mark.parametrize("names", ["thing", "identifier"])
def test_where_all_is_its_own_a_client_reaches_for_nothing(tmp_path: Path, names: str) -> None:
    event = f"events: [{{at: 1 h, wrong_tenant_call: {{share: 100 %, names: {names}}}}}]\n"
    of = world(tmp_path, event)
    calls = [row.values["outcome"] for row in of.journal.rows("truth.cloud_call")]
    assert calls.count("forbidden") > 100
    path = tmp_path / "alone.yaml"
    path.write_text((TWO + event).replace("tenants: contoso}", "tenants: acme}"))
    text = path.read_text().replace("  c: {calls: 1 per min, actions: 50 %, tenant: contoso}\n", "")
    path.write_text(text)
    alone = World(load_scenario(path))
    alone.run()
    details = [row.values["detail"] for row in alone.journal.rows("truth.event")]
    assert any("each client may change all that is in its networks" in each for each in details)


# ---- physical machines of a network's own
OWN = "networks.gov.own_machines.compute"


def short(result: Result, farm: str, site: str) -> list[tuple[int, int]]:
    """When a farm lacked machines at a side, and how long."""
    found = result.summary.cloud.machines.to_goal
    return [(x.began_us, x.lasted_us) for x in found if (x.farm, x.site) == (farm, site)]


def test_a_network_that_grows_takes_no_room_of_one_with_its_own_machines() -> None:
    """scenarios/cloud/own_machines.yaml: known after 60 s, replaced after 300 s, deployed in 682 s, and
    15 ms for the order. A deployment's end is known 15 ms later, and the machine runs then already.
    """
    apart, together = ran("cloud/own_machines"), ran("cloud/own_machines", f"{OWN}=0")
    died = 4 * HOUR_US
    made = (60 + 300 + 682) * 1_000_000 + 15_000
    assert short(apart, "records", "A") == [(died, made)]
    assert short(apart, "content", "A") == [(2 * HOUR_US, 4 * HOUR_US)]
    # 62 s until a machine of prod is gone, and 15 ms for each order and each word
    gone = (62 + 682) * 1_000_000 + 3 * 15_000
    assert short(together, "records", "A") == [(died, 2 * HOUR_US + gone)]
    told = {row.values["about"] for row in apart.journal.rows("cloud.Notify")}
    assert "12 machines of content have no room at A" in told
    assert not any("records have no room" in each for each in told)


def test_its_machines_are_on_its_own_and_nobody_elses_are_there() -> None:
    where: dict[str, set[str]] = {"records": set(), "content": set()}
    for row in ran("cloud/own_machines").journal.rows("truth.cloud_machine"):
        where[row.values["farm"]].add(row.values["physical"])
    mine = {f"{site}-compute-{number}" for site in "AB" for number in range(1, 5)}
    assert where["records"] == mine and not where["content"] & mine


def test_a_machine_that_is_put_among_others_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(SCENARIOS / "cloud" / "own_machines.yaml")

    def fits(wanted: WantedPlace, physical: PhysicalConfig, of: Used) -> bool:
        return real(replace(wanted, owner=physical.owner), physical, of)

    real = placing._fits
    monkeypatch.setattr(placing, "_fits", fits)
    of = World(scenario)
    of.run()
    sentences = {
        b.sentence for b in cloud_broken(of.journal, scenario) if b.invariant == "cloud 23"
    }
    assert any("of prod is put on A-compute-1, which is gov's own" in each for each in sentences)


def test_a_machine_of_it_that_is_put_elsewhere_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(SCENARIOS / "cloud" / "own_machines.yaml")
    monkeypatch.setattr(MachinesConfig, "owner", lambda self, network: "")
    of = World(scenario)
    of.run()
    sentences = {
        b.sentence for b in cloud_broken(of.journal, scenario) if b.invariant == "cloud 23"
    }
    assert any("of gov is put on A-compute-5, which is nobody's own" in each for each in sentences)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (f"{OWN}=11", "networks.gov.own_machines.compute: 11 in all at A, where there are 10; "),
        ("physical.B.compute=3", "own_machines.compute: 4 in all at B, where there are 3; "),
        (
            "networks.prod.own_machines={compute: 7}",
            "networks.prod.own_machines.compute: 11 in all at A, where there are 10; ",
        ),
        (
            "farms.records.front_end=17",
            "its 17 machines have no room on the physical machines of gov at A; write fewer, or "
            "more of networks.gov.own_machines.compute",
        ),
        ("farms.content.front_end=25", "its 25 machines have no room at A; write fewer, or more"),
    ],
)
def test_more_of_its_own_than_there_are_is_one_line(override: str, told: str) -> None:
    path = SCENARIOS / "cloud" / "own_machines.yaml"
    with pytest.raises(InputError) as error:
        load_scenario(path, [override])
    assert told in str(error.value)
