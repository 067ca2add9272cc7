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
from dr_sim.cloud.words import CallOutcome, JobKind, Word
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud_witness import cloud_broken
from dr_sim.screen.cloud import api_words
from dr_sim.units import HOUR_US
from dr_sim.world.world import World
from tests.cloud.bench import Bench, config
from tests.library.runs import ran

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
