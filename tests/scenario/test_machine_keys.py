"""What is wrong with the sections about machines is one clear line."""

from __future__ import annotations

import pytest

from dr_sim.loading import load_scenario, validate
from dr_sim.scenario.keys.machine_keys import (
    DeploymentKeys,
    FarmKeys,
    ImageKeys,
    PhysicalKeys,
    SizeKeys,
)
from dr_sim.scenario.keys.section import Section

from .conftest import SMALLEST, Write

PARTS = {
    "physical": "{A: {compute: 2}, B: {compute: 2}}",
    "images": "{web 1: {size: 40 GB}}",
    "farms": "{content: {image: web 1, front_end: 4}}",
}


def text(**more: str) -> str:
    parts = PARTS | more
    return SMALLEST + "".join(f"{key}: {value}\n" for key, value in parts.items() if value)


TWO_IMAGES = "{web 1: {size: 40 GB}, web 2: {size: 40 GB}}"
NONSENSE = ("-1", "1.5", "", "[1]", "{x: 1}", "0", "maybe")
KEYS: dict[type[Section], str] = {
    PhysicalKeys: "physical",
    ImageKeys: "images",
    FarmKeys: "farms",
    DeploymentKeys: "deployment",
    SizeKeys: "compute",
}


def nonsense(section: type[Section], key: str, value: str) -> dict[str, str]:
    """The sections with one key that is wrong."""
    if section is SizeKeys:
        return {"deployment": f"{{storage: {{{key}: {value}}}, compute: {{{key}: {value}}}}}"}
    name = KEYS[section]
    if section is DeploymentKeys:
        return {"deployment": f"{{{key}: {value}}}"}
    others = {
        "physical": "compute: 2",
        "images": "size: 40 GB",
        "farms": "image: web 1, front_end: 4",
    }
    named = {"physical": "A", "images": "web 1", "farms": "content"}
    kept = [each for each in others[name].split(", ") if not each.startswith(f"{key}:")]
    written = ", ".join([*kept, f"{key}: {value}"])
    return {name: f"{{{named[name]}: {{{written}}}}}"}


@pytest.mark.parametrize("value", NONSENSE)
def test_a_value_that_cannot_be_read_stops_no_other_check(value: str, write: Write) -> None:
    """Whatever stands at one key, all that is said is what is wrong there, or nothing."""
    refused = 0
    for section in KEYS:
        for key, of in section.model_fields.items():
            more = nonsense(section, of.alias or key, value)
            refused += bool(validate(write(text(**more))))
    assert refused >= 15


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (
            {"farms": ""},
            "farms: none is written, so no machine can be deployed; write for example farms:",
        ),
        ({"images": ""}, "images: none is written"),
        ({"physical": ""}, "physical: none is written"),
        ({"physical": "{B: {compute: 2}}"}, "physical: A is missing, where the primary is"),
        (
            {"physical": "{A: {compute: 2}, B: {compute: 1}, x1: {compute: 1}}"},
            "physical: 'x1' is no site; sites are A, B, C and so on",
        ),
        (
            {"physical": "{A: {compute: 90000}, B: {}}"},
            "physical.A.compute: 90,000 machines are more than can be played; write 2,000 at most",
        ),
        (
            {"images": "{web 1: {size: 40 GB, at: [A, D]}}"},
            "images.web 1.at: 'D' has no physical machines",
        ),
        (
            {"images": "{web 1: {size: 40 GB, at: [B]}}"},
            "images.web 1.at: A is missing, from where",
        ),
        (
            {"images": "{web 1: {at: [A]}}"},
            "images.web 1.size is missing; write for example 'size: 40 GB'",
        ),
        (
            {"farms": "{content: {image: web 2, front_end: 4}}"},
            "unknown image 'web 2'; did you mean 'web 1'",
        ),
        (
            {"farms": "{content: {image: web 1}}"},
            "farms.content: a farm without machines does nothing",
        ),
        (
            {"farms": "{contents: {image: web 1, front_end: 4}}"},
            "farms.contents: the network 'main' has no farm of that name; did you mean 'content'? "
            "Or write it in networks.main.farms",
        ),
        (
            {"farms": "{zzz: {image: web 1, front_end: 4}}"},
            "farms.zzz: the network 'main' has no farm of that name; write it in networks.main.farms",
        ),
        (
            {"farms": "{content: {image: web 1, front_end: 4, per_machine: 10 per s}}"},
            "farms.content.per_machine: the farm follows no load; write farms.content.load, or",
        ),
        (
            {"farms": "{content: {image: web 1, front_end: 4, tenant: acme}}"},
            "farms.content.tenant: unknown tenant 'acme'; no database or network names any",
        ),
        (
            {"deployment": "{load_every: 5 min}"},
            "deployment.load_every: no farm follows a load; write farms.*.load, or leave it out",
        ),
        (
            {"farms": "{content: {network: prod, image: web 1, front_end: 4}}"},
            "farms.content.network: unknown network 'prod'",
        ),
        (
            {"farms": "{content: {image: web 1, front_end: 4, databases: zzz}}"},
            "farms.content.databases: unknown database 'zzz'",
        ),
        (
            {"farms": "{content: {image: web 1, front_end: 9}}"},
            "farms.content: its 9 machines have no room at A; write fewer, or more of physical.A.compute",
        ),
        (
            {"images": "{web 1: {size: 4 TB}}"},
            "a deployment of it takes 32360 s, longer than jobs.time_limit, so it would be ended",
        ),
        ({"deployment": "{most_silent: 140 %}"}, "deployment.most_silent"),
        (
            {"images": "{web 1: {size: 40 GB, cpus: 33}}"},
            "images.web 1: a machine of it needs 33 processors, and a physical machine of the class "
            "compute has 32; write fewer, or more of deployment.compute.cpus",
        ),
        (
            {"images": "{web 1: {size: 40 GB, ram: 1 TB}}"},
            "images.web 1: a machine of it needs 1 TB of memory, and a physical machine of the class "
            "compute has 256 GB; write less, or more of deployment.compute.ram",
        ),
        (
            {"images": "{web 1: {size: 40 GB}, web 2: {size: 40 GB, class: storage}}"},
            "images.web 2: a machine of it runs on the class storage, and physical.A has none; write",
        ),
        ({"physical": "[A, B]"}, "physical: a mapping of settings belongs here, not a list"),
        (
            {"events": "[{at: 1 h, upgrade: {farm: content, to: web 1}}]", "images": TWO_IMAGES},
            "event 1: upgrade: 'content' has 'web 1' already; name another image, or leave it out",
        ),
    ],
)
def test_one_line_says_what_is_wrong(parts: dict[str, str], told: str, write: Write) -> None:
    (problem,) = validate(write(text(**parts)))
    assert told in str(problem)


def test_a_line_about_machines_needs_machines(write: Write) -> None:
    (problem,) = validate(write(SMALLEST + "cloud: {}\nsla: {to_goal.max: at most 1 h}\n"))
    assert "to_goal.max is measured of machines, and there are none; write physical" in str(problem)


def test_defaults_and_whose_databases_a_farm_serves(write: Write) -> None:
    scenario = load_scenario(write(text()))
    assert scenario.cloud is not None and scenario.cloud.machines is not None
    (farm,) = scenario.cloud.machines.farms
    assert (farm.network, farm.goals, farm.databases) == ("main", (("front_end", 4),), (0,))
    (image,) = scenario.cloud.machines.images
    assert (image.cpus, image.machine_class, image.sites) == (8, "compute", ("A", "B"))
