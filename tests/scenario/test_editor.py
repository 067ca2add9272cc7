"""The JSON Schema accepts what loads, marks what does not, and tells defaults with their
sources.
"""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from dr_sim.faults import KINDS
from dr_sim.scenario import dump_resolved, json_schema, load_scenario
from dr_sim.scenario.defaults import DEFAULTS
from tests.scenario.conftest import SMALLEST, Write
from tests.scenario.examples import EVERYTHING, NIGHTLY, library

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def _as_an_editor_reads(text: str) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(child) for key, child in value.items()}
        if isinstance(value, list):
            return [plain(child) for child in value]
        return value if isinstance(value, int | float | str) or value is None else str(value)

    return plain(YAML(typ="safe", pure=True).load(text))


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [SMALLEST, NIGHTLY, EVERYTHING, *library()])
def test_it_accepts_what_loads(write: Write, text: str) -> None:
    # what editors offer
    text = text.replace("serial: yes", "serial: true").replace("approves: no", "approves: false")
    load_scenario(write(text))
    assert [error.message for error in VALIDATOR.iter_errors(_as_an_editor_reads(text))] == []
    resolved = dump_resolved(load_scenario(write(text)))
    assert [error.message for error in VALIDATOR.iter_errors(_as_an_editor_reads(resolved))] == []


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
        "sla: {data_los: at most 3 min}",
        "sla: {data_loss: 3 min}",
    ],
)
def test_it_marks_what_is_wrong(wrong: str) -> None:
    scenario = _as_an_editor_reads(SMALLEST) | _as_an_editor_reads(wrong)
    assert list(VALIDATOR.iter_errors(scenario))


def test_one_that_extends_another_may_leave_things_out() -> None:
    assert list(VALIDATOR.iter_errors({"extends": "nightly.yaml", "link": {"loss": "1 %"}})) == []
    assert list(VALIDATOR.iter_errors({"link": {"loss": "1 %"}}))


def test_defaults_and_sources_are_told() -> None:
    for path, _, source in DEFAULTS:
        here = SCHEMA
        for step in path.split("."):
            here = here["additionalProperties"] if step == "*" else here["properties"][step]
        assert source in here["description"] and "default" in here, path
    assert SCHEMA["properties"]["link"]["properties"]["rtt"] | {"examples": [], "pattern": ""} == {
        "description": "round-trip time; default: 30 ms (assumed)",
        "default": "30 ms",
        "type": "string",
        "examples": [],
        "pattern": "",
    }


def test_every_kind_is_there() -> None:
    words = SCHEMA["properties"]["events"]["items"]["properties"]
    assert set(words) == {"at", *(kind.name for kind in KINDS)}
    assert set(SCHEMA["properties"]["faults"]["properties"]) == {
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
