"""Where code differs from other code, and whether a case runs that."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dr_sim.explore import search
from dr_sim.explore.against.changed import ChangedFunctions, changed_functions
from dr_sim.explore.case import DIFFERS, Looked, Sign

SOUND = """
import functools
from contextlib import contextmanager
from dataclasses import dataclass

LIMIT = 3
WORDS = {"a": 1}


def counts(n):
    return n + 1


def within(n):
    return n < LIMIT


def said(word):
    # a comment
    return WORDS[word]


class Base:
    def of(self):
        return 1


@dataclass
class Part(Base):
    size: int = 4

    def of(self):
        return super().of() + 1

    @property
    def twice(self):
        return 2 * self.size

    @staticmethod
    def none():
        return None

    @classmethod
    def made(cls):
        return cls()

    @functools.cached_property
    def kept(self):
        return 1


@contextmanager
def opened():
    yield 1


TABLE = {"counts": counts, "part": Part.of}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "its_logic").mkdir(parents=True)
    (folder / "its_logic" / "__init__.py").write_text("")
    (folder / "its_logic" / "part.py").write_text(text)
    return folder / "its_logic"


def changed(tmp_path: Path, old: str, new: str) -> set[str]:
    assert old in SOUND
    here = written(tmp_path / "here", SOUND.replace(old, new))
    found = changed_functions(here, written(tmp_path / "there", SOUND))
    assert set(found) <= {"its_logic.part"}
    return set(found.get("its_logic.part", ()))


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("return n + 1", "return n + 2", {"counts"}),
        ("# a comment", "# another one", set()),
        ("return n + 1", "return (n +\n        1)", set()),
        ("LIMIT = 3", "LIMIT = 4", {"within"}),
        ('{"a": 1}', '{"a": 2}', {"said"}),
        ("size: int = 4", "size: int = 5", {"Part.twice"}),
        ("2 * self.size", "3 * self.size", {"Part.twice"}),
        ("super().of() + 1", "super().of()", {"Part.of"}),
        ("def counts(n):\n    return n + 1\n", "def counts(n):\n    return 7\n", {"counts"}),
        ('\n\nTABLE = {"counts": counts, "part": Part.of}', "", set()),
    ],
)
def test_what_differs_is_found(tmp_path: Path, old: str, new: str, found: set[str]) -> None:
    assert changed(tmp_path, old, new) == found


def test_a_new_file_differs_as_a_whole(tmp_path: Path) -> None:
    here, there = written(tmp_path / "here", SOUND), written(tmp_path / "there", SOUND)
    (here / "more.py").write_text("def more():\n    return 1\n")
    assert changed_functions(here, there) == {"its_logic.more": frozenset({"more"})}


def test_a_single_module_is_compared_too(tmp_path: Path) -> None:
    here, there = tmp_path / "mine.py", tmp_path / "theirs.py"
    here.write_text("def of():\n    return 1\n")
    there.write_text("def of():\n    return 2\n")
    assert changed_functions(here, there) == {"mine": frozenset({"of"})}


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    written(tmp_path, SOUND)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("its_logic.part")
    for name in ("its_logic", "its_logic.part"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("counts", "TABLE['counts'](1)"),
        ("Part.of", "TABLE['part'](Part())"),
        ("Part.twice", "Part().twice"),
        ("Part.none", "Part.none()"),
        ("Part.made", "Part.made()"),
        ("Base.of", "Part().of()"),
        ("opened", "opened().__enter__()"),
    ],
)
def test_it_is_noted_whoever_holds_the_function(loaded: object, name: str, call: str) -> None:
    usual = eval(call, dict(vars(loaded)))
    watched = ChangedFunctions({"its_logic.part": frozenset({name})})
    assert not watched.ran()
    eval("within(1), Part(3).size", dict(vars(loaded)))
    assert not watched.ran()
    again = eval(call, dict(vars(loaded)))
    assert again == usual or type(again) is type(usual)
    assert watched.ran() and not watched.ran()


def test_a_module_that_cannot_be_loaded_is_not_watched() -> None:
    assert not ChangedFunctions({"there.is.none": frozenset({"of"})}).ran()


# ---- what is made of it
APART = Looked(differs={Sign(DIFFERS, "x"): "x"}, runs_change=True)
NEAR = Looked(runs_change=True)
FAR = Looked()


def explored(*looks: Looked) -> search.Exploration:
    state = search.Exploration(1)
    for number, looked in enumerate(looks):
        state.take_difference(number, {"name": f"case {number}"}, looked)
    return state


def names(cases: list[search.KeptCase]) -> list[str]:
    return [kept.tree["name"] for kept in cases]


def test_cases_that_differ_are_kept_apart_from_those_that_only_run_the_change() -> None:
    state = explored(FAR, NEAR, APART, FAR, NEAR)
    assert (names(state.apart), names(state.near)) == (["case 2"], ["case 1", "case 4"])
    assert state.take_code("new", "", None) == []
    assert state.apart == state.near == []


def test_they_outlive_the_process(tmp_path: Path) -> None:
    state = explored(NEAR, APART)
    state.write(tmp_path / "kept")
    again = search.Exploration.read(tmp_path / "kept", 1)
    assert (again.apart, again.near) == (state.apart, state.near)


@pytest.mark.parametrize(
    ("looks", "among"), [((FAR,), ()), ((NEAR, FAR), ("case 0",)), ((NEAR, APART), ("case 1",))]
)
def test_half_of_the_cases_are_made_of_those(
    monkeypatch: pytest.MonkeyPatch, looks: tuple[Looked, ...], among: tuple[str, ...]
) -> None:
    """Of 400, with a chance of a half each: 200, within four standard deviations of 10."""
    state = explored(*looks)
    made_of: list[str] = []
    monkeypatch.setattr(search.draw, "draw", lambda *_: {"name": "drawn"})
    monkeypatch.setattr(search.draw, "mutate", lambda tree, *_: tree)
    services = search.Services.of()
    for number in range(400):
        made_of.append(search._next_case(state, services, number)["name"])
    assert set(made_of) == {"drawn", *among}
    near = sum(name in among for name in made_of)
    assert 160 <= near <= 240 if among else near == 0
