"""`copies` of a database: the same as so many written one by one."""

from __future__ import annotations

import jsonschema
import pytest

from dr_sim.faults import KINDS
from dr_sim.loading import load_scenario
from dr_sim.loading.editor import json_schema
from dr_sim.loading.load import validate
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.keys.copies import MOST_COPIES
from tests.scenario.conftest import SMALLEST, Write
from tests.world.build import ran, rows

FLEET = SMALLEST.replace(
    "{crm: {size: 500 GB}}", "{crm: {copies: 3, size: 5 GB, log: every 10 min}, hr: {size: 1 GB}}"
)
BY_HAND = SMALLEST.replace(
    "{crm: {size: 500 GB}}",
    "{"
    + ", ".join(f"crm-00{i}: {{size: 5 GB, log: every 10 min}}" for i in (1, 2, 3))
    + ", hr: {size: 1 GB}}",
)
FOLDERS = """\
replication:
  groups:
    g:
      folders:
        many: {databases: [crm], primary: //p/many, secondary: //s/many, staging: 4 GB}
        rest: {databases: [hr], primary: //p/rest, secondary: //s/rest, staging: 4 GB}
"""


def test_they_are_what_one_would_write_by_hand(write: Write) -> None:
    fleet = load_scenario(write(FLEET, "a/s.yaml"))
    assert fleet == load_scenario(write(BY_HAND, "b/s.yaml"))
    assert [d.name for d in fleet.databases] == ["crm-001", "crm-002", "crm-003", "hr"]
    assert load_scenario(write(dump_resolved(fleet), "again.yaml")).databases == fleet.databases


def test_how_many_can_be_set(write: Write) -> None:
    names = [d.name for d in load_scenario(write(FLEET), ["databases.crm.copies=1,000"]).databases]
    assert (len(names), names[0], names[999]) == (1001, "crm-0001", "crm-1000")
    assert [
        d.name for d in load_scenario(write(SMALLEST), ["databases.crm.copies=1"]).databases
    ] == ["crm-001"]


def test_a_folder_that_holds_it_holds_them_all(write: Write) -> None:
    folders = load_scenario(write(FLEET + FOLDERS)).replication.folders
    assert [folder.databases for folder in folders] == [("crm-001", "crm-002", "crm-003"), ("hr",)]


def test_they_share_the_restore_workers() -> None:
    """Three logs of 8 s restore each land together; with one worker they are restored one after the
    other.
    """
    text = FLEET.replace("every 10 min", "every 10 min, full: none, differential: none")
    ends = {}
    for workers in (1, 3):
        slow = (
            f"replay.workers={workers}",
            "secondary.restore_fixed=8 s",
            "secondary.restore_rate=100 GB/s",
            "secondary.disk=1 TB/s",
        )
        w = ran(text, "run_for=11 min", "databases.hr.log=none", *slow)
        ends[workers] = list(rows(w.journal, "truth.restored"))
    first, second, third = ends[1]
    assert 8_000_000 <= second - first < 8_100_000 and 8_000_000 <= third - second < 8_100_000
    assert max(ends[3]) - min(ends[3]) < 100_000


@pytest.mark.parametrize(
    "copies", ["0", "-1", "x", "1.5", str(MOST_COPIES + 1), "[1]", "{a: 1}", "~"]
)
def test_it_is_a_whole_number(write: Write, copies: str) -> None:
    (problem,) = validate(write(FLEET), [f"databases.crm.copies={copies}"])
    assert (
        problem.message
        == "databases.crm.copies: is a whole number from 1 to 1,000, as in copies: 100"
    )


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("databases.crm.size=5", "databases.crm.size: '5' has no unit"),
        ("databases.crm.siz=5 GB", "unknown key 'databases.crm.siz'"),
        ("databases.crm.on=sql9", "databases.crm.on: unknown machine 'sql9'"),
        ("databases.crm.machine=sql9", "databases.crm.machine: unknown machine 'sql9'"),
        (
            "databases.crm.transactions=0 per s",
            "databases.crm.transactions: log is written by transactions",
        ),
        (
            "databases.crm-002={size: 5 GB}",
            "databases.crm: a copy of it would be called 'crm-002', as another is",
        ),
        (
            f"databases={{{'x' * 125}: {{copies: 2, size: 5 GB}}}}",
            f"databases: {'x' * 40!r} is no name; use 1 to 128",
        ),
    ],
)
def test_a_mistake_in_it_is_told_once(write: Write, setting: str, told: str) -> None:
    (problem,) = validate(write(FLEET), [setting])
    assert problem.message.startswith(told)


def test_editors_know_it() -> None:
    editor = jsonschema.Draft202012Validator(json_schema(KINDS))
    fleet = {
        "run_for": "14 days",
        "databases": {"crm": {"copies": 100, "size": "5 GB"}},
        "link": {"bandwidth": "1 Gbit/s"},
    }
    assert list(editor.iter_errors(fleet)) == []
    fleet["databases"]["crm"]["copies"] = 0  # type: ignore[index]
    assert list(editor.iter_errors(fleet))
