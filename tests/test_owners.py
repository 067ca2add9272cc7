"""Owners in the recovery logic: nobody writes into another's fields, and parts decide without
acting.

The walk is over syntax, so it sees what is written down, not what runs. A method may write to
`self.x` and to what lies in it (`self.x[key]`), and a module to objects of classes that it defines,
or that OWNED names.
Everything else is a breach: `db.looking = True`, `self.db.looking = True`, `db.files.bad.pop(name)`,
an alias of another's list that is appended to, `setattr`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.syntax import tree_of

ROOM = Path(__file__).parents[1] / "dr_sim" / "recovery"
MODULES = sorted(ROOM.rglob("*.py"))
PATH_OF = {path.stem: path for path in MODULES if path.stem != "__init__"}
MUTATORS = {
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "insert",
    "intersection_update", "pop", "popitem", "popleft", "remove", "reverse", "setdefault", "sort",
    "symmetric_difference_update", "update",
}  # fmt: skip
"""Methods of lists, dicts, sets and deques that change them. No class of the room has a method of
such a name (there is a test).
"""
WRITES_BY_NAME = {"setattr", "delattr", "vars", "__setattr__", "__dict__"}
PARTS = (
    "beside", "drain", "fencing", "fetching", "files", "hanging", "lag", "last_backup", "log_window", "progress", "remake",
    "repair", "shelves", "silence", "watch", "ways",
)  # fmt: skip
"""Modules whose classes write to themselves alone and return what they have found."""
OWNED = {"files": {"File"}}
"""Classes that stand in a module of their own, and the one other module that writes to them."""
ALERTS = {"tell", "over"}  # of an AlertBook: to tell people changes no decision


class Function:
    """What is known of the names in one function: objects of the module's own classes, and aliases
    of what belongs to others.
    """

    def __init__(self, node: ast.FunctionDef, own_classes: set[str]) -> None:
        self.node = node
        self._own_classes = own_classes
        self.own: set[str] = set()
        self.aliases: set[str] = set()
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for argument in arguments:
            if argument.annotation is not None and self._is_own(argument.annotation):
                self.own.add(argument.arg)
        for statement in ast.walk(node):
            self._learn(statement)

    def _is_own(self, annotation: ast.expr) -> bool:
        names = {each.id for each in ast.walk(annotation) if isinstance(each, ast.Name)}
        return bool(names & self._own_classes)

    def _learn(self, statement: ast.AST) -> None:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if self._is_own(statement.annotation):
                self.own.add(statement.target.id)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    self._assigned(target.id, statement.value)
        elif isinstance(statement, ast.For) and isinstance(statement.target, ast.Name):
            self._drawn_from(statement.target.id, statement.iter)

    def _assigned(self, name: str, value: ast.expr) -> None:
        made = value.func if isinstance(value, ast.Call) else None
        if isinstance(made, ast.Name) and made.id in self._own_classes:
            self.own.add(name)
        elif isinstance(value, ast.Attribute) and not _is_of_self(value):
            self.aliases.add(name)

    def _drawn_from(self, name: str, drawn_from: ast.expr) -> None:
        """A loop over what the object itself holds, in the module of the owner."""
        roots = {each.id for each in ast.walk(drawn_from) if isinstance(each, ast.Name)}
        if "File" in self._own_classes and roots <= {"self", "list", "files", "logs"}:
            self.own.add(name)

    def may_write(self, target: ast.expr) -> bool:
        """May it change what this expression names?"""
        if isinstance(target, ast.Subscript):
            return self.may_write(target.value)
        if isinstance(target, ast.Name):
            return target.id not in self.aliases
        if isinstance(target, ast.Attribute):
            base = target.value
            if isinstance(base, ast.Name):
                return base.id == "self" or base.id in self.own
        return False


def _is_of_self(value: ast.Attribute) -> bool:
    return isinstance(value.value, ast.Name) and value.value.id == "self"


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def classes(tree: ast.AST) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def changed_by(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions whose objects a statement or a call changes."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _flat(target)
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        if isinstance(node, ast.AugAssign) or not isinstance(node.target, ast.Name):
            yield node.target
    elif isinstance(node, ast.Delete):
        yield from node.targets
    elif isinstance(node, (ast.For, ast.comprehension)):
        yield from _flat(node.target)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            yield node.func.value
        elif isinstance(node.func, ast.Name) and node.func.id in ("insort", "heappush", "heappop"):
            yield node.args[0]


def _flat(target: ast.expr) -> Iterator[ast.expr]:
    """Names that are bound anew change nothing."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from _flat(each)
    elif isinstance(target, ast.Starred):
        yield from _flat(target.value)
    elif not isinstance(target, ast.Name):
        yield target


def breaches(text: str, owned: Collection[str] = ()) -> list[str]:
    """Every place at which a module writes into what it does not own."""
    tree = ast.parse(text)
    own_classes = {node.name for node in classes(tree)} | set(owned)
    found = []
    for node in ast.walk(tree):
        named = getattr(node, "id", getattr(node, "attr", ""))
        if named in WRITES_BY_NAME:
            found.append((node.lineno, named))  # type: ignore[attr-defined]
    for node in functions(tree):
        function = Function(node, own_classes)
        for inner in ast.walk(node):
            for target in changed_by(inner):
                if not function.may_write(target):
                    found.append((target.lineno, ast.unparse(target)))
    return [f"{line}: {what}" for line, what in sorted(set(found))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_nobody_writes_into_anothers_fields(path: Path) -> None:
    owned = OWNED.get(path.stem, set())
    assert breaches(path.read_text(encoding="utf-8"), owned) == []


@pytest.mark.parametrize("path", [PATH_OF[stem] for stem in OWNED], ids=lambda path: path.name)
def test_without_its_name_here_the_owner_is_a_breach(path: Path) -> None:
    assert breaches(path.read_text(encoding="utf-8")) != []


PLANTED = [
    "def f(db):\n    db.looking = True\n",
    "def f(db):\n    db.state.exists = False\n",
    "def f(db):\n    db.fetching.there: int = 0\n",
    "def f(db, x):\n    db.files.pending.append(x)\n",
    "def f(db):\n    del db.files.bad['x']\n",
    "def f(db):\n    db.drain.waiting['x'] = 1\n",
    "def f(db):\n    db.drain.left += 1\n",
    "def f(db, x):\n    waiting = db.drain.waiting\n    waiting.pop(x)\n",
    "def f(db, x):\n    pending = db.files.pending\n    pending += [x]\n",
    "def f(db, x):\n    insort(db.files.pending, x)\n",
    "def f(db):\n    for db.name in 'ab':\n        pass\n",
    "def f(db):\n    setattr(db, 'looking', True)\n",
    "class Part:\n    def f(self):\n        self.db.looking = True\n",
    "class Part:\n    def f(self, x):\n        self.db.files.recopying.discard(x)\n",
    "class Part:\n    def f(self, file):\n        file.done, self.x = True, 1\n",
    "class Own:\n    x = 0\ndef f(mine: Own, other: Foreign):\n    mine.x = 1\n    other.x = 1\n",
]
ALLOWED = [
    "class Part:\n    def f(self, x):\n        self.x = x\n        self.seen[x] = 1\n",
    "class Part:\n    def f(self, x):\n        self.names.add(x)\n        del self.seen[x]\n",
    "class Own:\n    x = 0\ndef f(mine: Own | None):\n    mine.x = 1\n",
    "class Own:\n    x = 0\ndef f():\n    mine = Own()\n    mine.x = 1\n",
    "def f(out, db):\n    names = list(db.names)\n    names.append(1)\n    out.append(names)\n",
    "def f(db):\n    db.look(1)\n    x, y = db.pair\n",
]


@pytest.mark.parametrize("text", PLANTED)
def test_a_planted_breach_is_found(text: str) -> None:
    assert len(breaches(text)) == 1


@pytest.mark.parametrize("text", ALLOWED)
def test_what_an_owner_does_to_itself_is_none(text: str) -> None:
    assert breaches(text) == []


def test_a_breach_in_the_real_text_is_found() -> None:
    text = PATH_OF["landing"].read_text(encoding="utf-8")
    asked = "        db.recopy(file.name, out)\n"
    assert text.count(asked) == 1
    (found,) = breaches(text.replace(asked, "        db.files.recopying.add(file.name)\n"))
    assert found.endswith("db.files.recopying")


def test_no_method_has_the_name_of_one_that_changes_a_list_or_a_dict() -> None:
    """Else the walk would take it for that."""
    for path in MODULES:
        tree = tree_of(path)
        names = {node.name for each in classes(tree) for node in functions(each)}
        assert not names & MUTATORS, path.name


# ---- parts decide, they do not act
def writing_methods() -> set[str]:
    """Names of methods of the room that change their object, by themselves or by another method of
    it.
    """
    writes: set[str] = set()
    calls: dict[str, set[str]] = {}
    for path in MODULES:
        for each in classes(tree_of(path)):
            for method in functions(each):
                if method.name == "__init__":
                    continue
                if any(_of_self(t) for inner in ast.walk(method) for t in changed_by(inner)):
                    writes.add(method.name)
                calls.setdefault(method.name, set()).update(_calls_of_self(method))
    while True:
        more = {name for name, called in calls.items() if called & writes} - writes
        if not more:
            return writes
        writes |= more


def _of_self(target: ast.expr) -> bool:
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return isinstance(target, ast.Name) and target.id == "self"


def _calls_of_self(method: ast.FunctionDef) -> set[str]:
    return {
        node.func.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
    }


def acts(text: str, writing: set[str]) -> list[str]:
    """Every place at which a part calls a method that changes what it reads."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in writing or node.func.attr in ALERTS:
            continue
        owner = ast.unparse(node.func.value)
        through = owner.split(".")
        if "db" in through or "_db" in through or "_databases" in owner:
            found.append(f"{node.lineno}: {owner}.{node.func.attr}")
    return found


@pytest.mark.parametrize("part", PARTS)
def test_a_part_changes_nothing_but_itself(part: str) -> None:
    assert acts(PATH_OF[part].read_text(encoding="utf-8"), writing_methods()) == []


def test_a_part_that_acts_is_found() -> None:
    writing = writing_methods()
    assert {"hand_over", "give_up", "lose_copy", "told", "ask_past_hole", "stop_before"} <= writing
    assert not {"minutes", "get", "idle", "candidate_of", "hopeless", "ready"} & writing
    text = PATH_OF["drain"].read_text(encoding="utf-8")
    acting = text.replace(
        "        self.given_up.append(file)\n", "        self._db.files.give_up(file)\n"
    )
    assert acting != text
    (found,) = acts(acting, writing)
    assert found.endswith("self._db.files.give_up")
