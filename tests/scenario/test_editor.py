"""The JSON Schema accepts what loads, marks what does not, and tells defaults with their
sources.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from dr_sim import __version__
from dr_sim.faults import KINDS
from dr_sim.loading import json_schema, load_scenario
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.fields.times import (
    INSTANT_PATTERN,
    RECURRENCE_PATTERN,
    SCHEDULE_PATTERN,
    parse_instant,
    parse_recurrence,
    parse_schedule,
)
from dr_sim.scenario.reading.defaults import DEFAULTS
from dr_sim.units import UnitError
from tests.at_length import some_or_all
from tests.scenario.conftest import SMALLEST, Write
from tests.scenario.examples import EVERYTHING, NIGHTLY, library


@cache
def schema() -> dict[str, Any]:
    return json_schema()


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(schema())


def _as_an_editor_reads(text: str) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(child) for key, child in value.items()}
        if isinstance(value, list):
            return [plain(child) for child in value]
        return value if isinstance(value, int | float | str) or value is None else str(value)

    return plain(YAML(typ="safe", pure=True).load(text))


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("text", [SMALLEST, NIGHTLY, EVERYTHING, *some_or_all(library(), 4)])
def test_it_accepts_what_loads(write: Write, text: str) -> None:
    # what editors offer
    text = text.replace("serial: yes", "serial: true").replace("approves: no", "approves: false")
    load_scenario(write(text))
    assert [error.message for error in validator().iter_errors(_as_an_editor_reads(text))] == []
    resolved = dump_resolved(load_scenario(write(text)))
    assert [error.message for error in validator().iter_errors(_as_an_editor_reads(resolved))] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "run_for: 14",
        "lnk: {}",
        "link: {bandwidth: 200 Mbit}",
        "link: {rtt: 30 ms}",
        "link: {bandwidth: 1 Gbit/s, sharing: fare}",
        "databases: {crm: {}}",
        "databases: {crm: {size: 500}}",
        "databases: {crm: {size: 5 GB, log: hourly}}",
        "replay: {attempts: many}",
        "failover: {operator: {answers_in: {p50: 4 min}}}",
        "events: [{at: 1 h, link_outag: 3 min}]",
        "events: [{at: 1 h}]",
        "faults: {link_outage: {duration: 3 min}}",
        "faults: {order_failover: {rate: 1 per day, by: dba}}",
        "events: [{at: Tue 25:30, link_outage: 3 min}]",
        "events: [{at: Toe 21:30, link_outage: 3 min}]",
        "events: [{every: daily 24:00, link_outage: 3 min}]",
        "events: [{at: 1 h, every: 1 h, link_outage: 3 min}]",
        "events: [{at: 1 h, index_maintenance: {database: [], log: 3 GB}}]",
        "databases: {crm: {size: 5 GB, full: weekly Son 01:00}}",
        "databases: {crm: {size: 5 GB, full: daily 1:60}}",
        "databases: {crm: {size: 5 GB, full: monthly 31 01:00}}",
        "sla: {data_los: at most 3 min}",
        "sla: {data_loss: 3 min}",
    ],
)
def test_it_marks_what_is_wrong(wrong: str) -> None:
    scenario = _as_an_editor_reads(SMALLEST) | _as_an_editor_reads(wrong)
    assert list(validator().iter_errors(scenario))


def test_one_that_extends_another_may_leave_things_out() -> None:
    assert list(validator().iter_errors({"extends": "nightly.yaml", "link": {"loss": "1 %"}})) == []
    assert list(validator().iter_errors({"link": {"loss": "1 %"}}))


def test_defaults_and_sources_are_told() -> None:
    for path, _, source in DEFAULTS:
        here = schema()
        for step in path.split("."):
            here = here["additionalProperties"] if step == "*" else here["properties"][step]
        assert source in here["description"] and "default" in here, path
    assert schema()["properties"]["link"]["properties"]["rtt"] | {
        "examples": [],
        "pattern": "",
    } == {
        "description": "round-trip time. The part above 30 ms delays everything that crosses the "
        "link; the part up to 30 ms is already in the costs and time-outs of the scenario. With "
        "packet loss, the whole time slows each stream; default: 30 ms (assumed)",
        "default": "30 ms",
        "type": "string",
        "examples": [],
        "pattern": "",
        "patternErrorMessage": "cannot be read; write for example '30 ms' or '0.5 ms'",
    }


def test_every_kind_is_there() -> None:
    words = schema()["properties"]["events"]["items"]["properties"]
    assert set(words) == {"at", "every", "copy", *(kind.name for kind in KINDS)}
    assert set(schema()["properties"]["faults"]["properties"]) == {
        kind.name for kind in KINDS if kind.drawable
    }


def test_defaults_are_of_the_type_that_the_schema_asks_for() -> None:
    def wrong(part: object) -> list[object]:
        if isinstance(part, list):
            return [x for child in part for x in wrong(child)]
        if not isinstance(part, dict):
            return []
        kinds = {"integer": int, "boolean": bool, "string": str}
        value, kind = part.get("default"), kinds.get(str(part.get("type")))
        mine = (
            [part] if value is not None and kind is not None and not isinstance(value, kind) else []
        )
        return mine + [x for child in part.values() for x in wrong(child)]

    assert wrong(json_schema()) == []
    assert json_schema()["properties"]["seed"]["default"] == 1


def _keys(part: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every key that the schema knows, with its schema."""
    found: list[tuple[tuple[str, ...], dict[str, Any]]] = []
    if isinstance(part, list):
        return [x for child in part for x in _keys(child, path)]
    if not isinstance(part, dict):
        return []
    for key, child in part.get("properties", {}).items():
        # what stands under "else" only says what is required
        found += [((*path, key), child), *_keys(child, (*path, key))]
    for key in ("additionalProperties", "items", "anyOf"):
        found += _keys(part.get(key), path)
    return found


def test_every_key_says_something_when_one_points_at_it() -> None:
    lacking = {".".join(path) for path, node in _keys(schema()) if not node.get("description")}
    assert lacking == set()


def test_a_text_that_cannot_be_read_is_answered_in_words() -> None:
    patterns: list[dict[str, Any]] = []

    def walk(part: Any) -> None:
        if isinstance(part, list):
            for child in part:
                walk(child)
        if isinstance(part, dict):
            if isinstance(part.get("pattern"), str):
                patterns.append(part)
            for child in part.values():
                walk(child)

    walk(schema())
    assert len(patterns) > 100
    assert [
        p["pattern"] for p in patterns if "for example" not in p.get("patternErrorMessage", "")
    ] == []


def test_it_has_an_identity_that_names_the_version() -> None:
    assert schema()["$id"] == f"urn:dr-sim:scenario:{__version__}"


@pytest.mark.parametrize("text", [
    "none", "every 5 min", "every 1 h offset 2 min", "daily 01:00", "daily 1:00 UTC",
    "daily 06:00 and 18:00", "daily 06:00, 12:00 and 18:00", "weekly Sun 01:00",
    "weekly sunday 01:00:30", "Mon-Fri 22:00", "weekly Sat and Sun 03:00", "monthly day 1 03:00",
    "monthly 1st 03:00", "monthly last day 03:00", "monthly first Sun 03:00 Europe/Berlin",
    # and what is none
    "weekly Son 01:00", "daily 24:00", "daily 1:60", "monthly 31 03:00", "monthly Sun 03:00",
    "01:00", "hourly", "0 2 * * *", "weekly 01:00", "Mon", "daily Mon 01:00",
])  # fmt: skip
def test_editors_and_the_loader_agree_on_schedules(text: str) -> None:
    try:
        parse_schedule(text)
    except UnitError:
        loads = False
    else:
        loads = True
    assert (re.search(SCHEDULE_PATTERN, text) is not None) == loads


@pytest.mark.parametrize("text", [
    "Tue 21:30", "tuesday 21:30", "Tue 21:30:15.5", "Tue 21:30 Europe/Berlin", "day 9 02:47:12",
    "Day 10 00:00", "2 h 5 min", "90 s", "2026-01-06", "2026-01-06 21:30", "1.5 h",
    "Fri 16 Jan 10:00:01", "friday 6 january 9:00 UTC",
    # and what is none
    "Toe 21:30", "Tue 25:30", "Tue 21:60", "Tue", "21:30", "day 0 02:00", "tomorrow", "day 9",
    "Fri 16 Foo 10:00", "Fri 16 Jan", "day 6 Jan 10:00",
])  # fmt: skip
def test_editors_and_the_loader_agree_on_instants(text: str) -> None:
    try:
        parse_instant(text)
    except UnitError:
        loads = False
    else:
        loads = True
    assert (re.search(INSTANT_PATTERN, text) is not None) == loads


@pytest.mark.parametrize(
    "text", ["daily 02:00", "6 h", "every 6 h", "Mon-Fri 22:00", "none", "daily 24:00", "02:00"]
)
def test_editors_and_the_loader_agree_on_recurrences(text: str) -> None:
    try:
        parse_recurrence(text)
    except UnitError:
        loads = False
    else:
        loads = True
    assert (re.search(RECURRENCE_PATTERN, text) is not None) == loads
