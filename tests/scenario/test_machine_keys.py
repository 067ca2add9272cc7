"""What is wrong with the sections about machines is one clear line."""

from __future__ import annotations

import pytest

from dr_sim.loading import load_scenario, validate

from .conftest import SMALLEST, Write

PARTS = {
    "physical": "{A: {compute: 2}, B: {compute: 2}}",
    "images": "{web 1: {size: 40 GB}}",
    "farms": "{content: {image: web 1, front_end: 4}}",
}


def text(**more: str) -> str:
    parts = PARTS | more
    return SMALLEST + "".join(f"{key}: {value}\n" for key, value in parts.items() if value)


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
            "farms.contents: the network 'main' has no farm of that name; did you mean 'content'?",
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
