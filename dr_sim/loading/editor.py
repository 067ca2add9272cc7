"""The JSON Schema that editors complete and check scenario files with."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from dr_sim.faults import KINDS
from dr_sim.scenario.fields import times
from dr_sim.scenario.keys import copies, experiment, sla
from dr_sim.scenario.keys.events import ALL_DATABASES, COPY, Together
from dr_sim.scenario.keys.schema import ALIASES, EXAMPLES, Root
from dr_sim.scenario.kind import EventKind
from dr_sim.scenario.reading.defaults import DEFAULTS, DERIVED
from dr_sim.scenario.reading.sources import IF_WRITTEN, default_value
from dr_sim.scenario.reading.tree import Path
from dr_sim.version import VERSION

IDENTIFIER = f"urn:dr-sim:scenario:{VERSION}"
SCHEMA_FILE = "dr-sim.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""The line by which editors find the schema: a file of that name beside the scenario."""
COPY_SCHEMA = {
    "type": "string",
    "description": (
        "with several standbys: the one that it affects, by "
        "its name under copies; if left out: the first one "
        "that exists"
    ),
    "examples": ["near"],
}
_MOST_EXAMPLES = 4
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(
    kinds: tuple[EventKind, ...] | None = None,
) -> dict[str, Any]:
    """Every key with its description, unit, default and the default's source. kinds: of events, all
    by default.
    """
    kinds = KINDS if kinds is None else kinds
    schema = _inlined(
        Root.model_json_schema(schema_generator=GenerateJsonSchema)
    )
    properties = schema["properties"]
    written, _ = properties["copies"].pop("anyOf")  # the other is: left out
    properties["copies"] |= written
    del properties["copies"]["default"]
    properties["extends"] = {
        "type": "string",
        "description": (
            "the base scenario that this file changes; its "
            "path is relative to this file"
        ),
    }
    for path, text, source in DEFAULTS:
        _tell(schema, tuple(path.split(".")), source, default_value(text))
    for path, source in DERIVED:
        _tell(schema, tuple(path.split(".")), source, None)
    _at(schema, ("databases", "*"))["properties"][copies.COPIES] = dict(
        copies.SCHEMA
    )
    _drop_required(schema)
    # one that extends another may leave out what that one says
    schema["if"] = {"required": ["extends"]}
    schema["else"] = _required(
        [tuple(path.split(".")) for path in EXAMPLES]
    )
    properties["events"] = _events(kinds)
    properties["faults"] = _faults(kinds)
    properties["sla"] = sla.schema()
    properties.update(experiment.schema())
    for alias, name in ALIASES:
        if alias[0] != "sla":
            inside = _at(schema, alias[:-1])["properties"]
            inside[alias[-1]] = inside[name] | {
                "description": f"the same as {name}: {inside[name].get('description', '')}"
            }
    _explain_patterns(schema)
    return {
        "$schema": DIALECT,
        "$id": IDENTIFIER,
        "title": "dr_sim scenario",
    } | {k: v for k, v in schema.items() if k != "title"}


def _explain_patterns(schema: Any) -> None:
    """Give each pattern a text that editors show in its place when it does not match."""
    if isinstance(schema, list):
        for child in schema:
            _explain_patterns(child)
    if not isinstance(schema, dict):
        return
    for child in schema.values():
        _explain_patterns(child)
    if isinstance(schema.get("pattern"), str) and schema.get("examples"):
        shown = [
            f"'{example}'"
            for example in schema["examples"][:_MOST_EXAMPLES]
        ]
        schema["patternErrorMessage"] = (
            f"cannot be read; write for example {' or '.join(shown)}"
        )


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without $ref and $defs, so that each place can carry a default of its own.
    Titles are left out.
    """
    definitions = schema.pop("$defs", {})

    def walk(value: Any, properties: bool = False) -> Any:
        if isinstance(value, list):
            return [walk(child) for child in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value and not properties:
            target = definitions[value["$ref"].rsplit("/", 1)[1]]
            return walk(
                target
                | {
                    key: child
                    for key, child in value.items()
                    if key != "$ref"
                }
            )
        return {
            key: walk(child, key == "properties")
            for key, child in value.items()
            if properties or key != "title"
        }

    walked: dict[str, Any] = walk(schema)
    return walked


def _at(schema: dict[str, Any], path: Path) -> dict[str, Any]:
    for step in path:
        schema = (
            schema["additionalProperties"]
            if step == "*"
            else schema["properties"][step]
        )
    return schema


def _tell(
    schema: dict[str, Any], path: Path, source: str, value: Any
) -> None:
    here = _at(schema, path)
    if value is not None:
        here["default"] = _typed(here.get("type"), value)
    shown = f"{_brief(value)} ({source})" if value is not None else source
    here["description"] = (
        f"{here.get('description', '')}; default: {shown}".lstrip("; ")
    )


def _typed(kind: Any, value: Any) -> Any:
    """A default as its own schema wants it: the texts of defaults.py are numbers and truths to an
    editor.
    """
    if not isinstance(value, str) or kind not in ("integer", "boolean"):
        return value
    return int(value) if kind == "integer" else value == "true"


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{key}: {child}" for key, child in value.items())
            + "}"
        )
    return (
        "[" + ", ".join(value) + "]"
        if isinstance(value, list)
        else str(value) or "empty"
    )


def _drop_required(schema: dict[str, Any]) -> None:
    """Drop the keys that have a default from those that are required."""
    schema.pop("required", None)
    for child in schema.get("properties", {}).values():
        if "anyOf" not in child:
            _drop_required(child)
    if isinstance(schema.get("additionalProperties"), dict):
        _drop_required(schema["additionalProperties"])


def _required(paths: list[Path]) -> dict[str, Any]:
    """A schema that demands these keys, and nothing else."""
    demands: dict[str, Any] = {}
    for first in dict.fromkeys(path[0] for path in paths):
        inside = [
            path[1:] for path in paths if path[0] == first and len(path) > 1
        ]
        if first == "*":
            demands["additionalProperties"] = _required(inside)
            continue
        named = any(path[0] == "*" for path in inside)
        may_lack = named or first in IF_WRITTEN  # there may be no entry
        if (first,) in paths or not may_lack:
            demands.setdefault("required", []).append(first)
        if inside:
            demands.setdefault("properties", {})[first] = _required(inside)
    return demands


def _params_schema(kind: EventKind) -> dict[str, Any]:
    schema = _inlined(kind.params.model_json_schema())
    for child in schema.get("properties", {}).values():
        source = child.pop("source", None)
        if source and child.get("default") is not None:
            child["description"] = (
                f"{child.get('description', '')}; default: {_brief(child['default'])} ({source})"
            )
        if child.get("default", 0) is None:
            del child["default"]
        elif "default" in child:
            child["default"] = _typed(child.get("type"), child["default"])
    named = schema.get("properties", {}).get("database")
    if named is not None:
        schema["properties"]["database"] = _one_or_several(named)
    return schema


def _one_or_several(named: dict[str, Any]) -> dict[str, Any]:
    """A database's name, a list of names, or all of them."""
    name = {"type": "string", "examples": ["crm"]}
    names = {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "uniqueItems": True,
    }
    about = named.get("description", "which database")
    return {
        "description": f"{about}; a list, or all: the same for each of them",
        "anyOf": [name, names, {"const": ALL_DATABASES}],
    }


def _events(kinds: tuple[EventKind, ...]) -> dict[str, Any]:
    words: dict[str, Any] = {
        "at": {
            "type": "string",
            "description": "when it happens, once",
            "examples": [
                "Tue 21:30",
                "day 9 02:47:12",
                "2 h 5 min",
                "2026-01-06 21:30",
            ],
            "pattern": times.INSTANT_PATTERN,
        },
        "every": {
            "type": "string",
            "description": "when it happens, as a schedule",
            "examples": [
                "daily 02:00",
                "Mon-Fri 22:00",
                "weekly Sun 03:00",
                "6 h",
            ],
            "pattern": times.RECURRENCE_PATTERN,
        },
    }
    words[COPY] = COPY_SCHEMA
    for kind in kinds:
        mapping = _params_schema(kind)
        ways = (
            [mapping, mapping["properties"][kind.scalar]]
            if kind.scalar
            else [mapping]
        )
        words[kind.name] = {"anyOf": ways, "description": _about(kind)}
    line = {
        "type": "object",
        "properties": words,
        "oneOf": [{"required": ["at"]}, {"required": ["every"]}],
        "additionalProperties": False,
        "if": {"required": [COPY]},
        "then": {"minProperties": 3, "maxProperties": 3},
        "else": {"maxProperties": 2},
    }
    return {
        "type": "array",
        "items": line | {"minProperties": 2},
        "description": "events at instants that you write",
    }


def _about(kind: EventKind) -> str:
    """Return what a kind of event stands for."""
    written = " ".join((kind.params.__doc__ or kind.name).split())
    return str(getattr(kind, "models", written))


def _faults(kinds: tuple[EventKind, ...]) -> dict[str, Any]:
    rate = {
        "type": "string",
        "description": (
            "how often it happens on average; each database "
            "has this rate for itself"
        ),
        "examples": ["3 per week", "1 per year"],
        "pattern": r"^\s*[0-9].* per .+$",
    }
    words: dict[str, Any] = {}
    together = _inlined(Together.model_json_schema())["properties"]
    for child in together.values():
        child.pop("default", None)
    for kind in kinds:
        if kind.drawable:
            mapping = _params_schema(kind)
            apart = {"rate": rate, COPY: COPY_SCHEMA, **together}
            mapping["properties"] = apart | mapping.get("properties", {})
            if not kind.steady:
                mapping["anyOf"] = [
                    {"required": ["rate"]},
                    {"required": ["with_site_loss"]},
                ]
            words[kind.name] = {
                "description": _about(kind),
                "anyOf": [mapping, {"type": "array", "items": mapping}],
            }
    return {
        "type": "object",
        "properties": words,
        "additionalProperties": False,
        "description": "faults that happen at random, at rates",
    }
