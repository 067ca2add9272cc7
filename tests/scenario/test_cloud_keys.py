"""What is wrong with a cloud manager's sections is one clear line."""

from __future__ import annotations

import pytest

from dr_sim.loading import validate

from .conftest import SMALLEST, Write


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "networks: {gov: {tenant: acme}}\nclients: {p: {tenant: acmee}}\n",
            "clients.p.tenant: unknown tenant 'acmee'; did you mean 'acme'?",
        ),
        (
            "clients: {p: {tenant: acme}}\n",
            "unknown tenant 'acme'; no database or network names any; write 'tenants: [...]'",
        ),
        (
            "networks: {prod: {most_machines: 5}}\n",
            "networks.prod.most_machines: there are no machines; write physical, images and farms",
        ),
        (
            "networks: {prod: {quotas: {acme: 5}}}\n",
            "networks.prod.quotas: there are no machines; write physical, images and farms",
        ),
        ("clients: {a/b: {}}\n", "clients.a/b: such a name has none of / > @"),
        ("clients: {operators: {}}\n", "operators ask for the changes of `changes`"),
        ('networks: {"": {}}\n', "networks: '' is no name; use 1 to 128 printable characters"),
        ('clients: {"a\\tb": {}}\n', "is no name; use 1 to 128 printable characters"),
        ("clients: {portal: 5}\n", "a mapping of settings belongs here, not '5'"),
        ("clients: {portal: {calls: 40}}\n", "'40' is not a rate"),
        ("clients: {put: {}}\n", "the cloud manager's own jobs begin with put"),
        ("networks: {a@b: {}}\n", "networks.a@b: such a name has none of / > @"),
        ("changes: {rate: 1000000 per s}\n", "more than 2,000,000 changes"),
        ("clients: {p: {calls: 1000 per s}}\n", "would ask for a change"),
        ("networks: {a: {databases: zzz}}\n", "unknown database 'zzz'"),
        ("networks: {a: {farms: [crm]}}\n", "'crm' is a database"),
        (
            "networks: {a-b: {farms: [c]}, a: {farms: [b-c]}}\n",
            "networks.a: its 'b-c' and 'c' of 'a-b' would have the same identifier, a-b-c",
        ),
        (
            "networks: {a: {farms: [w]}, b: {farms: [v]}}\n"
            "events: [{at: 1 h, changed_by_hand: {entity: w, network: b}}]\n",
            "network 'b' has no 'w'; 'a' has one",
        ),
        (
            "networks: {a: {farms: [w]}}\n"
            "events: [{at: 1 h, wrong_mapping: {entity: w, network: c}}]\n",
            "unknown network 'c'; ",
        ),
        ("jobs: {time_limit: 10 s}\nchanges: {takes: 1 min}\n", "takes longer than that"),
        (
            "jobs: {time_limit: 4 min}\n",
            "with jobs.rebuild a script takes longer than that (1202 s)",
        ),
        ("jobs: {time_limit: 30 min, set: 30 min}\n", "with jobs.set a script takes longer"),
        ("clients: {p: {calls: 0 per min}}\n", "a client that never calls does nothing"),
        (
            "cloud: {}\nevents: [{at: 1 h, script_fails: {times: 0}}]\n",
            "0 times is never; write for example 1, or all",
        ),
        (
            "cloud: {}\nevents: [{at: 1 h, cloud_store_restored: 2 weeks}]\n",
            "would do nothing: what it is for happens 14 days 1 h after the start",
        ),
        (
            "cloud: {mirror: {mode: reconcile, on_failure: skip}}\n",
            "skip is for mode jobs, which mirrors changes one by one; with mode reconcile write retry",
        ),
        (
            "cloud: {mirror: {mode: runbook, on_failure: rebuild}}\n",
            "rebuild is for mode jobs, which mirrors changes one by one; with mode runbook write retry",
        ),
        ("sla: {drift.max: at most 1 min}\n", "there is none; write for example cloud"),
        ("events: [{at: 1 h, mirror_off: 1 min}]\n", "there is no cloud manager"),
        (
            "networks: {prod: {}}\n"
            "events: [{at: 1 h, mirror_off: {duration: 1 min, network: prd}}]\n",
            "unknown network 'prd'; did you mean 'prod'?",
        ),
        (
            "cloud: {}\nevents: [{at: 1 h, admin_change: {move_database: content}}]\n",
            "'content' is a farm; name a database, for example 'crm'",
        ),
        (
            "cloud: {}\nevents: [{at: 1 h, admin_change: {set_version: crm}}]\n",
            "'crm' is a database; name a farm, for example 'content'",
        ),
        (
            "cloud: {}\nevents: [{at: 1 h, script_hangs: {script: nope}}]\n",
            "unknown script 'nope'; there is 'rotate_secret'",
        ),
    ],
)
def test_one_line_says_what_is_wrong(text: str, told: str, write: Write) -> None:
    (problem,) = validate(write(SMALLEST + text))
    assert told in str(problem)


def test_a_mirror_of_one_network_or_of_all_can_be_off(write: Write) -> None:
    for network in ("", ", network: prod"):
        event = f"{{at: 1 h, mirror_off: {{duration: 1 min{network}}}}}"
        assert validate(write(f"{SMALLEST}networks: {{prod: {{}}}}\nevents: [{event}]\n")) == []


def test_a_database_that_is_in_no_network_is_one_line(write: Write) -> None:
    two = SMALLEST.replace("{size: 500 GB}", "{size: 500 GB}, web: {size: 1 GB}")
    (problem,) = validate(write(two + "networks: {a: {databases: web}}\n"))
    assert "networks: database 'crm' is in no network; name it in one" in str(problem)
    assert validate(write(two + "networks: {a: {databases: web}, b: {}}\n")) == []


def test_a_client_whose_tenant_may_use_no_network_is_one_line(write: Write) -> None:
    two = SMALLEST.replace("{size: 500 GB}", "{size: 500 GB, tenants: acme}")
    network = "networks: {gov: {tenants: [acme]}, hr: {tenant: corp}}\n"
    assert validate(write(f"{two}{network}clients: {{p: {{tenant: corp}}}}\n")) == []
    network = "networks: {gov: {tenants: [acme]}}\n"
    shared = two.replace("tenants: acme", "tenants: [acme, corp]")
    problems = validate(write(f"{shared}{network}clients: {{p: {{tenant: corp}}}}\n"))
    assert any("clients.p.tenant: no network is shared" in str(each) for each in problems)


@pytest.mark.parametrize("databases", ["500", "{}"])
def test_databases_that_cannot_be_read_are_what_is_wrong(databases: str, write: Write) -> None:
    broken = SMALLEST.replace("{crm: {size: 500 GB}}", databases)
    cloud = (
        "networks: {a: {databases: [crm], farms: [web]}}\n"
        "events: [{at: 1 h, admin_change: {rotate_secret: web}}]\n"
    )
    problems = [str(problem) for problem in validate(write(broken + cloud))]
    assert any("databases" in problem for problem in problems)
    assert not any("name a database" in problem for problem in problems)


@pytest.mark.parametrize(
    ("tenants", "text", "told"),
    [
        (
            "other",
            "networks: {gov: {tenant: acme}}\n",
            "networks.gov: 'crm' holds data of 'other', and the network is dedicated to acme; name it",
        ),
        (
            "[acme, other]",
            "networks: {gov: {tenants: [acme, corp]}}\n",
            "'crm' holds data of 'other', and the network is dedicated to acme and corp; name it",
        ),
    ],
)
def test_what_would_isolate_nobody_is_one_line(
    tenants: str, text: str, told: str, write: Write
) -> None:
    owned = SMALLEST.replace("{size: 500 GB}", f"{{size: 500 GB, tenants: {tenants}}}")
    (problem,) = validate(write(owned + text))
    assert told in str(problem)
    mine = SMALLEST.replace("{size: 500 GB}", "{size: 500 GB, tenants: acme}")
    assert validate(write(mine + text)) == []
