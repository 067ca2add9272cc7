"""The walls of the house: the recovery logic is pure and knows no fault, the witness and the
engines share no chain logic with it, and nobody changes what was told.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from dr_sim.cloud.events import LoadSeen
from dr_sim.faults import KINDS
from dr_sim.loading import load_scenario
from dr_sim.record.kinds import CLOUD_CLASS, SEEN_CLASS, hints_of
from dr_sim.record.kinds import KINDS as KINDS_OF_ROWS
from dr_sim.record.row_code import rebuilt
from dr_sim.recovery.commands import COMMANDS, Command, RaiseAlert, Recover, Redirect
from dr_sim.recovery.events import EVENTS, Event, Restored, Validated
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.scenario.kind import EventKind
from dr_sim.world.play import play
from tests.syntax import forget_trees, nodes_of, tree_of
from tests.world.build import ONE, ran

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def _trees() -> Iterator[None]:
    yield
    forget_trees()


PURE_STDLIB = {
    "__future__",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "json",
    "typing",
}
"""hashlib computes; none of these reads a clock, a file, the network or a random number unless it
is asked to by a method that BANNED_CALLS names.
"""
BANNED_CALLS = {
    "now",
    "utcnow",
    "today",
    "open",
    "input",
    "print",
    "eval",
    "exec",
    "__import__",
    "hash",
    "id",
}


def module_path(name: str) -> Path | None:
    return _module_below(ROOT, name)


@cache
def _module_below(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, by full name; names imported from a package
    count as modules where such modules exist.
    """
    found: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = path.relative_to(ROOT).parent.parts[
                    : len(path.relative_to(ROOT).parts) - node.level
                ]
                base = ".".join([*package, *([node.module] if node.module else [])])
            found.add(base)
            found.update(
                f"{base}.{alias.name}"
                for alias in node.names
                if module_path(f"{base}.{alias.name}")
            )
    return found


def reached_from(*rooms: str) -> dict[str, str]:
    """Every module that is imported from these, transitively within dr_sim -> the file that imports
    it.
    """
    todo = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))] if rooms else []
    todo += [ROOT / room for room in rooms if room.endswith(".py")]
    seen: dict[str, str] = {}
    done: set[Path] = set()
    while todo:
        path = todo.pop()
        if path in done:
            continue
        done.add(path)
        for name in sorted(imports_of(path)):
            seen.setdefault(name, str(path.relative_to(ROOT)))
            inner = module_path(name) if name.split(".")[0] == "dr_sim" else None
            if inner is not None:
                todo.append(inner)
    return seen


PURE_ROOMS = {  # and which others each may import
    "machines": (),
    "backups": (),
    "recovery": ("backups", "machines"),
    "cloud": ("machines",),
}


def impure(room: str) -> list[str]:
    """What is imported from that pure room, at any distance, and may not be."""
    allowed = (room, *PURE_ROOMS[room])
    found = []
    for name, importer in reached_from(f"dr_sim/{room}").items():
        top, _, rest = name.partition(".")
        pure = (
            not rest or rest.split(".")[0] in allowed
            if top == "dr_sim"
            else top in PURE_STDLIB and top in sys.stdlib_module_names
        )
        if not pure:
            found.append(f"{importer} imports {name}")
    return found


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_decisions_are_pure(room: str) -> None:
    assert any(name.startswith(f"dr_sim.{room}.") for name in reached_from(f"dr_sim/{room}"))
    assert impure(room) == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("machines", "import time"),
        ("machines", "import random"),
        ("machines", "import numpy as np"),
        ("machines", "from dr_sim.backups import model"),
        ("machines", "from dr_sim import recovery"),
        ("recovery", "import dr_sim.stores"),
        ("recovery", "import simpy"),
    ],
)
def test_an_import_that_a_pure_room_may_not_have_is_found(
    room: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (*PURE_ROOMS, "stores"):
        (tmp_path / "dr_sim" / each).mkdir(parents=True)
        (tmp_path / "dr_sim" / each / "__init__.py").write_text("")
    (tmp_path / "dr_sim" / "backups" / "model.py").write_text("")
    (tmp_path / "dr_sim" / room / "planted.py").write_text(f"def f() -> None:\n    {line}\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (found,) = {each.split(" imports ")[0] for each in impure(room)}
    assert found == f"dr_sim/{room}/planted.py"


@pytest.mark.parametrize(
    "path",
    sorted(path for room in PURE_ROOMS for path in (ROOT / "dr_sim" / room).rglob("*.py")),
    ids=lambda p: f"{p.parent.name}/{p.name}",
)
def test_decisions_ask_no_clock_and_no_one_else(path: Path) -> None:
    for node in nodes_of(path):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert name not in BANNED_CALLS, f"{path.name}:{node.lineno} calls {name}"


PLAIN_BACKUPS = (
    "dr_sim.backups",
    "dr_sim.backups.model",
    "dr_sim.backups.log_run",
    "dr_sim.backups.run_tables",
)
"""What a backup is, and how logs are held by columns: no chain logic."""


def test_the_witness_and_the_engines_share_no_chain_logic() -> None:
    reached = reached_from("dr_sim/engines", "dr_sim/oracle/witness.py")
    assert "dr_sim.engines.commits" in reached
    for name, importer in reached.items():
        assert not name.startswith("dr_sim.recovery"), f"{importer} imports {name}"
        shared = name in PLAIN_BACKUPS or not name.startswith("dr_sim.backups")
        assert shared, f"{importer} imports {name}"


def test_the_monitors_know_the_requirements_alone() -> None:
    """They read the journal, which spells out what machines are told and command; of the logic that
    decides, of the planner and of the world they import nothing.
    """
    allowed = ("dr_sim.oracle.monitors", "dr_sim.record", "dr_sim.scenario")
    paths = sorted((ROOT / "dr_sim" / "oracle" / "monitors").rglob("*.py"))
    assert len(paths) > 5
    for path in paths:
        for name in imports_of(path):
            assert (
                not name.startswith("dr_sim")
                or name.startswith(allowed)
                or name in ("dr_sim.oracle",)
            ), f"{path.name} imports {name}"


def test_the_wall_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted import, three steps away, is found."""
    room = tmp_path / "dr_sim" / "recovery"
    room.mkdir(parents=True)
    (room / "a.py").write_text("from dr_sim.recovery import b\n")
    (room / "b.py").write_text("def f() -> None:\n    from dr_sim.recovery.c import x\n")
    (room / "c.py").write_text("import time\nx = 1\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert reached_from("dr_sim/recovery")["time"].endswith("c.py")


# ---- rooms import each other in one direction


def room_of(name: str) -> str:
    """The folder under dr_sim/ that a module lies in; a module beside them is a room of its own."""
    return name.split(".")[1] if "." in name else name


def rooms() -> dict[str, dict[str, str]]:
    """Room -> the rooms that it imports, anywhere in it and for types too, each with one place."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((ROOT / "dr_sim").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        mine = found.setdefault(room_of(name), {})
        for other in sorted(imports_of(path)):
            if not other.startswith("dr_sim.") or room_of(other) == room_of(name):
                continue
            mine.setdefault(room_of(other), f"{path.relative_to(ROOT)} imports {other}")
    return found


def circle(graph: dict[str, dict[str, str]]) -> list[str]:
    """The imports of one circle between rooms, [] if there is none."""
    done: set[str] = set()

    def walk(room: str, way: list[str]) -> list[str]:
        if room in way:
            steps = [*way[way.index(room) :], room]
            return [graph[a][b] for a, b in pairwise(steps)]
        if room in done:
            return []
        for other in graph.get(room, ()):
            if found := walk(other, [*way, room]):
                return found
        done.add(room)
        return []

    return next((found for room in graph if (found := walk(room, []))), [])


AT_THE_ROOT = {
    "__init__",
    "__main__",
    "api",
    "pytest_plugin",
    "streams",
    "units",
    "version",
}


def test_the_root_holds_a_handful_of_modules_and_everything_else_has_a_room() -> None:
    assert {path.stem for path in (ROOT / "dr_sim").glob("*.py")} == AT_THE_ROOT
    for path in (ROOT / "dr_sim").iterdir():
        if path.is_dir() and path.name != "__pycache__":
            assert (path / "__init__.py").exists() or not list(path.glob("*.py")), path


MODULES_OF_A_ROOM = 32
"""The number of names that a reader can look through at a glance. Rooms had up to ninety modules."""
ONE_A_FAULT = "dr_sim/faults"


def crowded_rooms() -> list[str]:
    """The folders that hold more modules than that, the one with a module for each fault apart."""
    folders = {path.parent for path in (ROOT / "dr_sim").rglob("*.py")}
    crowded = [each for each in folders if len(list(each.glob("*.py"))) > MODULES_OF_A_ROOM]
    names = [each.relative_to(ROOT).as_posix() for each in crowded]
    return sorted(set(names) - {ONE_A_FAULT})


def test_no_room_is_crowded() -> None:
    assert crowded_rooms() == []


def test_a_crowded_room_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "dr_sim" / "world"
    room.mkdir(parents=True)
    for number in range(MODULES_OF_A_ROOM + 1):
        (room / f"part_{number}.py").write_text("")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert crowded_rooms() == ["dr_sim/world"]


def test_no_rooms_import_each_other_in_a_circle() -> None:
    graph = rooms()
    assert len(graph) > 20
    assert circle(graph) == []


@pytest.mark.parametrize(
    "line",
    [
        "from dr_sim.screen import run",
        "def f():\n    from dr_sim.screen import run",
        "if TYPE_CHECKING:\n    import dr_sim.screen.run",
    ],
)
def test_a_circle_that_is_planted_is_found(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three rooms, the last of which imports the first one."""
    files = {
        "screen/run.py": "from dr_sim.measures import sums\n",
        "measures/causes/sums.py": "from dr_sim.record import rows\n",
        "record/rows.py": f"{line}\n",
    }
    for name, text in files.items():
        path = tmp_path / "dr_sim" / name
        path.parent.mkdir(parents=True)
        (path.parent / "__init__.py").write_text("")
        path.write_text(text)
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    found = circle(rooms())
    assert len(found) == 3 and any(text.startswith("dr_sim/record/rows.py") for text in found)


# ---- what is measured and shown loads no simulator
LOADED = """
import importlib, pkgutil, sys
for room in sys.argv[1:]:
    package = importlib.import_module("dr_sim." + room)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
    print(room, "simpy" in sys.modules)
"""


def test_what_is_measured_and_shown_loads_no_simulator() -> None:
    """The last of the rooms shows that the question can be answered with yes."""
    rooms = ["measures", "figures", "screen", "report", "world"]
    command = [sys.executable, "-c", LOADED, *rooms]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{room} {room == 'world'}" for room in rooms]


# ---- one name, one thing
def classes_twice() -> dict[str, list[str]]:
    """Class name -> the files that define one of that name, where these are several."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "dr_sim").rglob("*.py")):
        for node in nodes_of(path):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return {name: files for name, files in found.items() if len(files) > 1}


def test_a_class_name_stands_for_one_class() -> None:
    assert classes_twice() == {}


def test_a_class_name_that_is_used_twice_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / "dr_sim").mkdir(exist_ok=True)
        (tmp_path / "dr_sim" / name).write_text("class File: ...\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert list(classes_twice()) == ["File"]


# ---- what decides knows no fault
def names_in(path: Path) -> set[str]:
    """Every name, keyword argument, attribute and text in the code of a file, comments and
    docstrings left out.
    """
    tree = tree_of(path)
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documents
        ):
            found.add(node.value)
        for field in ("name", "id", "attr", "arg"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.add(value)
    return found


def faults_named_in(path: Path) -> list[str]:
    words = {word for name in names_in(path) for word in re.findall(r"[a-z]+(?:_[a-z]+)*", name)}
    text = path.read_text(encoding="utf-8")
    return [
        kind.name
        for kind in KINDS
        if kind.name in words or ("_" in kind.name and kind.name in text)
    ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "dr_sim" / "recovery").rglob("*.py")), ids=lambda p: p.name
)
def test_no_fault_is_named_where_it_is_decided(path: Path) -> None:
    """A fault changes bytes, times or reachability, never a flag that the logic could read."""
    assert faults_named_in(path) == []


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("if self.throttle:\n    pass\n", ["throttle"]),
        ("def handle(packet_loss=0):\n    pass\n", ["packet_loss"]),
        ("reason = 'partition'\n", ["partition"]),
        ("# after a link_outage\n", ["link_outage"]),
        ('"""Nothing is to partition or to lose here."""\n', []),
    ],
)
def test_a_fault_that_is_named_is_found(tmp_path: Path, code: str, named: list[str]) -> None:
    path = tmp_path / "planted.py"
    path.write_text(code)
    assert faults_named_in(path) == named


# ---- what other rooms need to know of a fault stands in its own file
def kinds_written_in(path: Path) -> list[str]:
    """Every text in a file's code that is the name of a kind of event, whole."""
    names = {kind.name for kind in KINDS}
    found = []
    for node in nodes_of(path):
        if isinstance(node, ast.Constant) and node.value in names:
            found.append(f"{path.name}:{node.lineno} {node.value!r}")
    return found


BY_CHANCE = {"scenario/reading/problems.py", "cli/ways.py"}


def test_no_kind_of_event_is_written_outside_of_its_own_file() -> None:
    """A measure, a picture or a check asks a kind what it explains, where it is and what it loses:
    a new fault is one new file, and nothing else. problems.py names what people write from habit
    in place of a key, and cli/ways.py a class of failure that is asked about: some of those words
    are kinds, and that is chance.
    """
    outside = [
        path
        for path in sorted((ROOT / "dr_sim").rglob("*.py"))
        if path.parent.name != "faults" and str(path.relative_to(ROOT / "dr_sim")) not in BY_CHANCE
    ]
    assert len(outside) > 200
    for path in outside:
        assert kinds_written_in(path) == []


@pytest.mark.parametrize("code", ["x = kind == 'lose'", "LASTING = {'readers': 1}"])
def test_a_kind_that_is_written_elsewhere_is_found(tmp_path: Path, code: str) -> None:
    path = tmp_path / "planted.py"
    path.write_text(code)
    assert len(kinds_written_in(path)) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_pickled_as_the_module_it_lives_in(kind: EventKind) -> None:
    assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize("cls", [*EVENTS, *COMMANDS], ids=lambda c: c.__name__)
def test_events_and_commands_have_slots_and_nothing_else(cls: type) -> None:
    assert dataclasses.is_dataclass(cls)
    assert all("__slots__" in vars(each) for each in cls.__mro__[:-1])
    told = object.__new__(cls)
    assert not hasattr(told, "__dict__")


def test_nobody_changes_what_was_told_or_commanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are immutable by convention (freezing them costs a third of the run): through a run with
    damage, a repair and a failover each event and command reads at the end as it did when it was
    given.
    """
    given: list[tuple[object, str]] = []
    handle = RecoveryManager.handle

    def watched(self: RecoveryManager, event: Event) -> list[Command]:
        given.append((event, repr(event)))
        out = handle(self, event)
        given.extend((command, repr(command)) for command in out)
        return out

    monkeypatch.setattr(RecoveryManager, "handle", watched)
    faults = (
        "{at: 12 min, missing_file: crm}, {at: 50 min, corrupt_in_transit: crm}, {at: 58 "
        "min, manager_crash: {}}, "
        "{at: 63 min, lose: database}"
    )
    ran(f"{ONE}events: [{faults}]\n")
    kinds = {type(told) for told, _ in given}
    assert {Validated, Restored, RaiseAlert, Recover, Redirect} <= kinds
    assert [then for told, then in given if repr(told) != then] == []


# ---- types inside, texts at the border
TEXTS_OF_OTHERS = {"params", "value"}
"""Fields that may hold JSON: the parameters of a script, and what a Save keeps in the store."""


def texts_with_json(told: object) -> list[str]:
    """Return the fields of an event or command that are texts and hold a JSON list or object."""
    found = []
    for name, hint in hints_of(type(told)):
        text = getattr(told, name)
        if hint is str and name not in TEXTS_OF_OTHERS and text[:1] in ("{", "["):
            with suppress(ValueError):
                json.loads(text)
                found.append(f"{type(told).__name__}.{name}")
    return found


@pytest.mark.parametrize("name", ["cloud/restored.yaml", "cloud/small_recovery_site.yaml"])
def test_no_event_or_command_holds_a_json_text(name: str) -> None:
    journal = play(load_scenario(ROOT / "scenarios" / name))
    kinds = {**SEEN_CLASS, **CLOUD_CLASS}
    found, told = set(), set()
    for kind, cls in kinds.items():
        for row in journal.rows(KINDS_OF_ROWS[kind].name):
            found.update(texts_with_json(rebuilt(cls, row.values)))
            told.add(cls.__name__)
    assert found == set()
    assert {"AgentsObserved", "Restored"} <= told


def test_a_json_text_in_an_event_is_found() -> None:
    assert texts_with_json(LoadSeen(0, 0, 0, '["web"]', "{}", 1)) == [
        "LoadSeen.network",
        "LoadSeen.farm",
    ]
    assert texts_with_json(LoadSeen(0, 0, 0, "[prod]", "web", 1)) == []


# ---- states are members of an enum
STATES = {"state", "phase", "status"}


def _is_state(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in STATES


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, (ast.Tuple, ast.Set, ast.List)):
        return any(_is_text(each) for each in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def states_as_texts(path: Path) -> list[str]:
    """Return the lines where the state of an object is set to a text, or compared with one."""
    found = []
    for node in nodes_of(path):
        if isinstance(node, ast.Assign):
            bad = _is_text(node.value) and any(_is_state(each) for each in node.targets)
        elif isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            bad = any(_is_state(each) for each in sides) and any(_is_text(each) for each in sides)
        else:
            continue
        if bad:
            found.append(f"{path}:{node.lineno}")
    return found


@pytest.mark.parametrize("room", ["backups", "cloud", "live", "machines", "recovery", "world"])
def test_a_state_is_a_member_of_an_enum(room: str) -> None:
    paths = sorted((ROOT / "dr_sim" / room).rglob("*.py"))
    assert [found for path in paths for found in states_as_texts(path)] == []


@pytest.mark.parametrize(
    ("code", "n"),
    [
        ("file.state = 'landed'\n", 1),
        ("if file.state != 'landed':\n    pass\n", 1),
        ("x = self.phase in ('a', 'b')\n", 1),
        ("file.state = State.LANDED\nx = file.state is State.NEW\ny.name = 'z'\n", 0),
    ],
)
def test_a_state_that_is_a_text_is_found(tmp_path: Path, code: str, n: int) -> None:
    path = tmp_path / "planted.py"
    path.write_text(code)
    assert len(states_as_texts(path)) == n


# ---- one comprehension a statement
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
PARTS = (ast.stmt, ast.excepthandler, ast.match_case)
"""Statements inside another statement, which are counted by themselves."""


def comprehensions_of(statement: ast.stmt) -> int:
    """Return how many comprehensions a statement has, without the statements in its body."""
    found = 0
    todo: list[ast.AST] = [statement]
    while todo:
        for child in ast.iter_child_nodes(todo.pop()):
            if not isinstance(child, PARTS):
                found += isinstance(child, COMPREHENSIONS)
                todo.append(child)
    return found


def packed_in(path: Path) -> list[str]:
    """Return the statements with more than one comprehension."""
    statements = [node for node in nodes_of(path) if isinstance(node, ast.stmt)]
    return [f"{path}:{node.lineno}" for node in statements if comprehensions_of(node) > 1]


def test_a_statement_has_one_comprehension_at_most() -> None:
    paths = sorted((ROOT / "dr_sim").rglob("*.py"))
    assert len(paths) > 400
    for path in paths:
        assert packed_in(path) == []


@pytest.mark.parametrize(
    ("code", "n"),
    [
        ("x = [[a for a in b] for b in c]\n", 1),
        ("f({a for a in b}, {a: 1 for a in b})\n", 1),
        ("x, y = (a for a in b), [a for a in c]\n", 1),
        ("def f(x):\n    if any(a for a in x):\n        return [a for a in x]\n", 0),
        ("for a in [b for b in c]:\n    x = [d for d in a]\n", 0),
    ],
)
def test_a_statement_with_two_comprehensions_is_found(tmp_path: Path, code: str, n: int) -> None:
    path = tmp_path / "planted.py"
    path.write_text(code)
    assert len(packed_in(path)) == n


# ---- only tables are laid out by hand
def laid_out_by_hand(path: Path) -> list[str]:
    """Return the lines with `fmt: skip` that do not end a table: an assignment in the module
    itself, not in a function.
    """
    text = path.read_text(encoding="utf-8")
    tables = [node for node in tree_of(path).body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    ends = {node.end_lineno for node in tables}
    lines = enumerate(text.splitlines(), 1)
    return [f"{path}:{number}" for number, line in lines if "# fmt:" in line and number not in ends]


def test_only_tables_are_laid_out_by_hand() -> None:
    paths = sorted((ROOT / "dr_sim").rglob("*.py"))
    assert any("# fmt: skip" in path.read_text(encoding="utf-8") for path in paths)
    assert [found for path in paths for found in laid_out_by_hand(path)] == []


@pytest.mark.parametrize(
    ("code", "n"),
    [
        ("def f():\n    return [\n        1, 2,\n    ]  # fmt: skip\n", 1),
        ("f(\n    1, 2,\n)  # fmt: skip\n", 1),
        ("# fmt: off\nx = 1\n", 1),
        ("X = {\n    1: 2, 3: 4,\n}  # fmt: skip\n", 0),
    ],
)
def test_a_statement_that_is_laid_out_by_hand_is_found(tmp_path: Path, code: str, n: int) -> None:
    path = tmp_path / "planted.py"
    path.write_text(code)
    assert len(laid_out_by_hand(path)) == n


# ---- docstrings
CLIPPED = re.compile(r"(As|Of|What|Whose|So many|Likewise)\b")


CLAUSE = re.compile(
    r"(Whether|When|How|Why|Which|Who|Is|Are|Does|May|Can|Its|Those|For|At|To|In|By|Without"
    r"|None|Nothing|Until|True)\b"
)
"""Words by which the docstring of a function begins with a clause, not with what it does. Monitors
state laws, which may begin so.
"""


def clauses_in(path: Path) -> list[str]:
    """Docstrings of functions that begin with a clause."""
    found = []
    for node in nodes_of(path):
        text = (ast.get_docstring(node) or "") if isinstance(node, ast.FunctionDef) else ""
        if CLAUSE.match(text):
            found.append(f"{path}:{node.lineno} {text[:40]}")
    return found


def clipped_in(path: Path) -> list[str]:
    """Docstrings, of attributes too, that begin with a clipped phrase instead of a verb or a noun
    phrase.
    """
    found = []
    for node in nodes_of(path):
        lines = getattr(node, "body", ())
        for line in lines if isinstance(lines, list) else ():
            text = getattr(getattr(line, "value", None), "value", None)
            if isinstance(line, ast.Expr) and isinstance(text, str) and CLIPPED.match(text.strip()):
                found.append(f"{path}:{line.lineno} {text.strip()[:40]}")
    return found


def test_a_docstring_that_begins_with_a_clause_is_found(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text('def f() -> bool:\n    """Whether it is so."""\n    return True\n')
    (found,) = clauses_in(path)
    assert found.endswith("Whether it is so.")


def test_docstrings_begin_with_a_verb_or_a_noun_phrase() -> None:
    paths = sorted((ROOT / "dr_sim").rglob("*.py"))
    assert len(paths) > 400
    for path in paths:
        assert clipped_in(path) == []
        assert "oracle" in path.parts or clauses_in(path) == []


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ('def f():\n    """Of the first leg."""\n', 1),
        ('X = 1\n"""What it is."""\n', 1),
        ('class A:\n    """So many of them."""\n', 1),
        ('"""Likewise."""\n', 1),
        ('"""As above."""\n', 1),
        ('"""Offers, whatever they are."""\n', 0),
    ],
)
def test_a_clipped_docstring_is_found(tmp_path: Path, text: str, n: int) -> None:
    path = tmp_path / "planted.py"
    path.write_text(text)
    assert len(clipped_in(path)) == n


# ---- what is checked loads no simulator


OF_A_COMMAND = """
import sys
from dr_sim.cli.main import main
code = main({argv!r})
print(code, *(name for name in sys.modules if name.startswith(("simpy", "dr_sim.world"))))
"""
QUICKSTART = "scenarios/quickstart.yaml"
OFFERED = {"dr_sim.world", "dr_sim.world.link", "dr_sim.world.link.offered"}


def _loaded(*argv: str) -> tuple[str, set[str]]:
    """The exit code of a subcommand, and what it has loaded of the simulator."""
    command = [sys.executable, "-c", OF_A_COMMAND.format(argv=list(argv))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    code, *names = done.stdout.splitlines()[-1].split()
    return code, set(names)


def test_a_scenario_is_loaded_without_the_simulator() -> None:
    """What an event does in the world is imported when it happens, since that takes half of the
    time of a check. How much the link is offered is plain arithmetic, the one module of that room.
    """
    code, names = _loaded("validate", QUICKSTART)
    assert code == "0" and names <= OFFERED


def test_a_run_does_load_it(tmp_path: Path) -> None:
    code, names = _loaded("run", QUICKSTART, "--out", str(tmp_path / "out"))
    assert code in ("0", "1") and {"simpy", "dr_sim.world.play"} <= names
