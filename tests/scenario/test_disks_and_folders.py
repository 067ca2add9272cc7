"""What is told of capacities and replicated folders that cannot be: one line each, where it stands,
what would be right.
"""

from __future__ import annotations

import pytest

from dr_sim.loading import load_scenario, validate

from .conftest import Write

SMALLEST = "run_for: 14 days\ndatabases: {crm: {size: 500 GB}}\nlink: {bandwidth: 200 Mbit/s}\n"
GROUPS = (
    "replication: {groups: {g: {folders: {f: {databases: [crm], primary: //a/b, secondary: "
    "//c/d, staging: 1 GB}}}}}"
)
OFF = "\nevents: [{at: 1 h, replication_off: {folder: g, duration: 1 h}}]"
ANOTHER = "e: {databases: [crm], primary: //a/c, secondary: //c/f, staging: 1 GB}, f: {data"


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("primary: {share_capacity: 0 B}", "4:27: primary.share_capacity: a capacity "
            "of 0 B holds nothing; write a size "
            "above it, "
         "or none for no limit"),
        ("secondary: {share_capacity: 5}", "4:29: secondary.share_capacity: '5' has "
            "no unit; write '5 MB', '5 GB' or '5 GiB'"),
        ("secondary: {data_capacity: 400 GB}", "4:28: secondary.data_capacity: the "
            "databases seeded there take 500 GB; write at "
         "least that, or none"),
        (GROUPS.replace("[crm]", "[crn]"), "4:53: replication.groups.g.folders.f.databases: "
            "unknown database 'crn'; did you "
            "mean 'crm'?"),
        (GROUPS.replace("//c/d", "//a/b"), "4:41: replication.groups.g.folders.f: "
            "the share '//a/b' is in "
         "replication.groups.g.folders.f already; write another"),
        (GROUPS.replace("//c/d", "dr1/landing"), "4:87: replication.groups.g.folders.f.secondary: "
            "'dr1/landing' is no share; "
         "write //server/share, as in //dr1/landing"),
        (GROUPS.replace("//c/d", "//dr1/../x"), "4:87: replication.groups.g.folders.f.secondary: "
            "'//dr1/../x' is no share; write "
         "each folder by its own name, as in //dr1/landing/crm"),
        (GROUPS.replace(", staging: 1 GB", ""), "4:38: replication.groups.g.folders.f.staging "
            "is missing; write for example "
            "'staging: 4096 MiB'"),
        (GROUPS.replace("f: {data", ANOTHER), "4:113: replication.groups.g.folders.f: "
            "the database 'crm' is in "
         "replication.groups.g.folders.e already; write another"),
        ("replication: {groups: {g: x}}", "4:27: replication.groups.g: a mapping "
            "of settings belongs here, not 'x'"),
        ("replication: {groups: [a]}", "4:23: replication.groups: a mapping "
            "of settings belongs here, not a list"),
        (GROUPS + OFF, "5:46: events.1.replication_off.folder: "
            "unknown replicated folder 'g'; there is "
            "'f'"),
        (GROUPS + OFF.replace("folder", "group").replace(": g", ": h"), "5:45: events.1.replication_off.group: "
            "unknown replication "
         "group 'h'; there is 'g'"),
    ],
)  # fmt: skip
def test_one_line_for_what_cannot_be(write: Write, added: str, told: str) -> None:
    assert [str(problem) for problem in validate(write(SMALLEST + added + "\n"))] == [
        f"s.yaml:{told}"
    ]


def test_a_database_that_no_folder_holds(write: Write) -> None:
    two = SMALLEST.replace("crm: {size: 500 GB}", "crm: {size: 500 GB}, web: {size: 1 GB}")
    (problem,) = validate(write(two + GROUPS + "\n"))
    assert (
        problem.message
        == "replication.groups: no folder holds 'web'; add it to the databases of one"
    )


def test_a_log_that_nothing_would_free(write: Write) -> None:
    (problem,) = validate(
        write(SMALLEST.replace("500 GB", "500 GB, log: none, log_capacity: 5 GB"))
    )
    assert (
        problem.message
        == "databases.crm.log_capacity: without log backups nothing frees its log; write "
        "none, or give it a log"
    )


def test_what_is_right_is_read(write: Write) -> None:
    limits = (
        "primary: {share_capacity: 2 TB}\nsecondary: {share_capacity: none, data_capacity: "
        "500 GB}\n"
    )
    scenario = load_scenario(
        write(SMALLEST.replace("500 GB", "500 GB, log_capacity: 40 GB") + GROUPS + "\n" + limits)
    )
    assert scenario.primary.share_capacity_bytes == 2 * 10**12
    assert (scenario.secondary.share_capacity_bytes, scenario.secondary.data_capacity_bytes) == (
        0,
        500 * 10**9,
    )
    assert scenario.databases[0].log_capacity_bytes == 40 * 10**9
    (folder,) = scenario.replication.folders
    assert (folder.group, folder.name, folder.databases) == ("g", "f", ("crm",))
    assert (folder.primary_share, folder.secondary_share, folder.staging_bytes) == (
        "//a/b",
        "//c/d",
        10**9,
    )
