"""The reference of scenario files, made from their schema: every key, every kind of event and
fault.

The same rows make `dr-sim keys`, `dr-sim faults NAME` and the pages of the documentation, so that
none of them can say something else than the loader does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dr_sim.loading.editor import json_schema
from dr_sim.scenario.keys.schema import EXAMPLES
from dr_sim.scenario.kind import EventKind
from dr_sim.scenario.reading.defaults import DEFAULTS, DERIVED

_MOST_FORMS = 4
_MOST_KEYS_SHOWN = 12  # of one mapping; what may stand in a longer one has a page of its own
_SAME = "the same as "
_APART = (
    "copies",
    "events",
    "faults",
    "sla",
    "sweep",
    "replications",
    "answer",
)
"""Keys with a form of their own, explained in words: no list of the keys inside would say more."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a scenario file. path: '*' stands for a name of the user's own. default: '' if
    there is none.

    required: it must be written. same_as: the key for which this is another word, or ''.
    """

    path: str
    about: str
    forms: tuple[str, ...]
    default: str
    source: str
    required: bool = False
    same_as: str = ""


def keys() -> list[Key]:
    """Return every key, in the order of the schema."""
    schema = json_schema()
    defaults = {path: (text, source) for path, text, source in DEFAULTS}
    derived = dict(DERIVED)
    found = []
    for path, node in _walk(schema, ()):
        name = ".".join(path)
        text, source = defaults.get(name, ("", derived.get(name, "")))
        about = str(node.get("description", "")).partition("; default: ")[0]
        same_as = ""
        if about.startswith(_SAME):
            same_as, _, about = about.removeprefix(_SAME).partition(": ")
        forms = _with_default(tuple(_forms(node)), text)
        found.append(
            Key(name, about, forms, text, source, name in EXAMPLES, same_as)
        )
    return found


def _with_default(forms: tuple[str, ...], default: str) -> tuple[str, ...]:
    """Show the default as the first example, where the first one is an example and no choice."""
    plain = default and default not in ("none", "0 s", "0 %", "{}", '""')
    choice = forms and (
        " | " in forms[0] or forms[0].startswith(("a whole", "["))
    )
    return (
        (default, *forms[1:]) if plain and forms and not choice else forms
    )


def _walk(
    schema: dict[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every key that has a value of its own, and the mappings that hold them."""
    for name, node in schema.get("properties", {}).items():
        here = (*path, name)
        if len(here) == 1 and name in _APART:
            yield here, node
            if name == "copies":
                yield from _walk(_of_a_store(node), (*here, "*", "store"))
            continue
        inside = node.get("additionalProperties")
        if isinstance(inside, dict) and "properties" in inside:
            yield from _walk(inside, (*here, "*"))
        elif "properties" in node:
            yield from _walk(node, here)
        else:
            yield here, node


def _of_a_store(copies: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that no other section has."""
    found: dict[str, Any] = copies["additionalProperties"]["properties"][
        "store"
    ]
    return found


def _forms(node: dict[str, Any]) -> Iterator[str]:
    """Yield examples of what may be written there."""
    yield from list(dict.fromkeys(_all_forms(node)))[:_MOST_FORMS]


def _all_forms(node: dict[str, Any]) -> Iterator[str]:
    if "enum" in node:
        yield " | ".join(str(value) for value in node["enum"])
    elif "const" in node:
        yield str(node["const"])
    elif node.get("examples"):
        yield str(node["examples"][0])
    elif node.get("type") == "boolean":
        yield "true | false"
    elif node.get("type") == "integer":
        yield (
            f"a whole number of at least {node['minimum']}"
            if "minimum" in node
            else "a whole number"
        )
    elif node.get("type") == "array":
        yield _list_form(node.get("items", {}))
    elif node.get("type") == "object" and node.get("properties"):
        shown = [f"{key}: ..." for key in node["properties"]]
        if len(shown) > _MOST_KEYS_SHOWN:
            shown = [*shown[:_MOST_KEYS_SHOWN], "..."]
        yield "{" + ", ".join(shown) + "}"
    elif node.get("type") == "object":
        yield "{name: value}"
    elif node.get("type") == "string":
        yield "a text"
    for one in node.get("anyOf", ()):
        yield from _all_forms(one)


def _list_form(items: dict[str, Any]) -> str:
    """Return an example of a list: of its words, of its mappings, or of names."""
    if "enum" in items:
        return f"[{', '.join(str(word) for word in items['enum'])}]"
    for key, node in items.get("properties", {}).items():
        if node.get("examples"):
            return f"- {{{key}: {node['examples'][0]}, ...}}, and more such lines"
    return "[a, b]"


# ---- events and faults
@dataclass(frozen=True, slots=True)
class KindReference:
    """Holds what a user needs to know to write one kind of event. event, fault: a line that may
    stand in a scenario; fault is '' if the kind cannot be drawn at a rate.
    """

    name: str
    models: str
    source: str
    keys: tuple[Key, ...]
    event: str
    fault: str


_MACHINES = """\
physical: {A: {compute: 10}, B: {compute: 10}}
images: {web 12.3: {size: 40 GB}, web 12.4: {size: 40 GB}}
farms: {content: {image: web 12.3, front_end: 12}}
"""


def needed_by(kind: EventKind) -> str:
    """Return the sections that a scenario must have for events of a kind, as an example; '' if it
    needs none.
    """
    if kind.needs_load:
        return _MACHINES.replace("front_end", "load: 400 per s, front_end")
    if kind.needs_machines:
        return _MACHINES
    return "cloud: {}\n" if kind.needs_cloud else ""


def kind_reference(kind: EventKind) -> KindReference:
    """Return the reference of one kind of event or fault."""
    schema = json_schema((kind,))
    node = schema["properties"]["events"]["items"]["properties"][kind.name]
    mapping = node["anyOf"][0] if "anyOf" in node else node
    required = mapping.get("required", [])
    found = []
    for name, child in mapping.get("properties", {}).items():
        about, _, default = str(child.get("description", "")).partition(
            "; default: "
        )
        value, _, source = default.partition(" (")
        forms = _with_default(tuple(_forms(child)), value)
        found.append(
            Key(
                name,
                about,
                forms,
                value,
                source.removesuffix(")"),
                name in required,
            )
        )
    values = [
        f"{key.path}: {_example(key)}" for key in found if key.required
    ]
    if kind.example:
        values = [kind.example]
    params = "{" + ", ".join(values) + "}"
    event = f"- {{at: Tue 10:02, {kind.name}: {params}}}"
    drawn = ", ".join(["rate: 1 per week", *values])
    fault = f"{kind.name}: {{{drawn}}}" if kind.drawable else ""
    return KindReference(
        kind.name, kind.models, kind.source, tuple(found), event, fault
    )


def _example(key: Key) -> str:
    """Return a value that may stand there; a database is called crm in every example."""
    form = key.forms[0] if key.forms else "..."
    first = form.partition(" | ")[0]
    return {"a text": "dba", "[a, b]": "[crm]"}.get(
        first, "3" if first.startswith("a whole") else first
    )
