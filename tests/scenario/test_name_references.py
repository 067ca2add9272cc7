"""Every key that names something else is checked: the schema is walked, and each of its keys gets a
word that names nothing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from dr_sim.errors import InputError
from dr_sim.faults import KINDS
from dr_sim.loading import load_scenario
from dr_sim.scenario.keys.schema import Root
from dr_sim.scenario.keys.section import Section
from dr_sim.scenario.kind import EventKind

Tree = dict[str, Any]
Path = tuple[str, ...]

WORD = "zzz"
WHOLE: Tree = {
    "run_for": "2 days",
    "machines": ["m1"],
    "databases": {
        "crm": {"size": "5 GB", "machine": "m1", "tenants": ["acme"]},
        "web": {"size": "1 GB", "tenants": ["contoso"]},
    },
    "link": {"bandwidth": "200 Mbit/s"},
    "copies": {"B": {"link": {"bandwidth": "200 Mbit/s"}}},
    "failover": {"operators": ["ann"]},
    "networks": {"prod": {"farms": ["content"], "quotas": {"acme": "9"}}},
    "cloud": {},
    "clients": {"portal": {}},
    "physical": {"A": {"compute": "3"}, "B": {"compute": "3"}},
    "images": {"web 1": {"size": "4 GB", "at": ["A", "B"]}, "web 2": {"size": "4 GB"}},
    "farms": {
        "content": {
            "network": "prod",
            "image": "web 1",
            "front_end": "2",
            "tenant": "acme",
            "load": "20 per s",
            "per_machine": "10 per s",
        }
    },
}
"""A scenario that has a thing of each kind that a key may name."""

NEW_NAMES: set[Path] = {
    ("name",),
    ("description",),
    ("databases", "*", "tenants"),
    ("failover", "operators"),
}
"""Keys that make a name, or hold a text that nothing else depends on."""

REQUIRED = {
    "after": "1 h",
    "class": "compute",
    "database": "crm",
    "duration": "1 h",
    "entity": "crm",
    "farm": "content",
    "image": "web 2",
    "machine": "A-compute-1",
    "of": "web",
    "part": "50 %",
    "site": "B",
    "to": "web 2",
}
"""What to write where an event must say something."""


def told(tree: Tree) -> str:
    """Return what is wrong with a scenario; '' for nothing."""
    try:
        load_scenario(tree)
    except InputError as error:
        return str(error)
    return ""


def keys_in(of: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of the values of a section; '*' is any name."""
    if isinstance(of, type) and issubclass(of, Section):
        for name, field in of.model_fields.items():
            yield from keys_in(field.annotation, (*path, field.alias or name))
        return
    arguments = typing.get_args(of)
    origin = typing.get_origin(of)
    if origin is dict:
        yield from keys_in(arguments[1], (*path, "*"))
    elif origin in (typing.Union, types.UnionType):
        for each in arguments:
            if each is not types.NoneType:
                yield from keys_in(each, path)
    else:
        yield path


def with_value(path: Path, value: Any) -> Tree:
    """Return the whole scenario with a value at a path."""
    tree = deepcopy(WHOLE)
    at = tree
    for key in path[:-1]:
        step = next(iter(at), "new") if key == "*" else key
        at = at.setdefault(step, {})
    at[path[-1] if path[-1] != "*" else WORD] = value
    return tree


def test_the_scenario_that_is_changed_is_right() -> None:
    assert not told(WHOLE)


def test_no_key_of_a_section_takes_any_word() -> None:
    accepted = set()
    for path in keys_in(Root):
        for value in (WORD, [WORD]):
            if not told(with_value(path, value)):
                accepted.add(path)
    assert accepted == NEW_NAMES


def texts_of(kind: EventKind) -> list[str]:
    """Return the keys of an event that may hold any text as far as their type says."""
    found = []
    for name, field in kind.params.model_fields.items():
        annotation = str(field.annotation)
        if "str" in annotation and "Literal" not in annotation:
            found.append(field.alias or name)
    return found


def event(kind: EventKind, **more: Any) -> Tree:
    """Return the whole scenario with an event that names only what there is."""
    params = {
        field.alias or name: REQUIRED[field.alias or name]
        for name, field in kind.params.model_fields.items()
        if field.is_required() and (field.alias or name) in REQUIRED
    }
    return WHOLE | {"events": [{"at": "1 h", kind.name: params | more}]}


FREE = {
    ("call_off_failover", "by"),
    ("mistake", "what"),
    ("operator_mistake", "by"),
    ("order_failover", "by"),
    ("paused_backups", "reason"),
}
"""Texts of events that nothing else depends on, and persons: an order of somebody without the right
to give it is refused in the run, and recorded.
"""
BESIDE = {("admin_change", "network"): {"rotate_secret": "crm"}}
"""What else an event must say where its key is about it."""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if texts_of(kind)], ids=repr)
def test_no_key_of_an_event_takes_any_word(kind: EventKind) -> None:
    for key in texts_of(kind):
        where = (kind.name, key)
        if where in FREE:
            continue
        wrong = told(event(kind, **BESIDE.get(where, {}), **{key: WORD}))
        assert WORD in wrong, key


def test_a_key_that_takes_any_word_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk is no good if it finds nothing where a check is missing."""
    module = "dr_sim.scenario.keys.cloud_keys"
    monkeypatch.setattr(f"{module}.check_named_tenants", lambda root, tree: [])
    assert not told(with_value(("clients", "*", "tenant"), WORD))
