"""Scenario files in, Scenario values out, or every mistake at once.

Theory of operation: files become one tree of texts with places (sources.py, tree.py); defaults are
filled in; pydantic turns the tree into typed sections (schema.py) and its complaints into lines
(problems.py); events, faults and SLA lines are read by their own modules; checks.py looks across
values; build.py makes the plain values of model.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from dr_sim.errors import InputError, Problem
from dr_sim.faults import BY_NAME, KINDS
from dr_sim.files.reading import inside_tree_of, outside_allowed
from dr_sim.loading.reference import kind_reference
from dr_sim.scenario.checks import checks, event_checks
from dr_sim.scenario.fields.fields import Names
from dr_sim.scenario.fields.values import LONGEST_NAME, is_name
from dr_sim.scenario.fields.workload import SeriesFile, read_series
from dr_sim.scenario.keys import standbys
from dr_sim.scenario.keys.cloud_keys import check_sla
from dr_sim.scenario.keys.copies import multiply, told_once
from dr_sim.scenario.keys.events import (
    EventLine,
    FaultLine,
    each_time,
    from_plain,
    read_events,
    read_faults,
)
from dr_sim.scenario.keys.experiment import read_asked
from dr_sim.scenario.keys.recorded import KEYS as RECORDED_KEYS
from dr_sim.scenario.keys.recorded import (
    RecordedFile,
    plain,
    read_recorded,
    sections_of,
)
from dr_sim.scenario.keys.schema import APART, Root
from dr_sim.scenario.keys.sla import SlaNames, check_ways_open, read_sla
from dr_sim.scenario.kind import EventKind
from dr_sim.scenario.model import (
    Outages,
    Recorded,
    Scenario,
    ScriptedEvent,
)
from dr_sim.scenario.reading import build
from dr_sim.scenario.reading.defaults import DERIVED
from dr_sim.scenario.reading.dump import Resolved, resolved_of
from dr_sim.scenario.reading.given import NAME, without_echo
from dr_sim.scenario.reading.load_files import read_loads
from dr_sim.scenario.reading.problems import told
from dr_sim.scenario.reading.series import SeriesError
from dr_sim.scenario.reading.sources import Options, names_of, read_tree
from dr_sim.scenario.reading.tree import Node

_NO_DATABASE = (
    "databases: name at least one, as in {crm: {size: 500 GB}}; "
    "a line of its own is indented"
)

Source = str | os.PathLike[str] | Mapping[str, Any]
"""A scenario file, or what one holds as a mapping in Python."""


def load_each(
    paths: Iterable[Path], load: Callable[[Path], Scenario]
) -> list[Scenario]:
    """Load several scenarios; InputError with every mistake in any of them."""
    loaded: list[Scenario] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            loaded.append(load(path))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return loaded


def load_scenario(  # noqa: PLR0913, users name what they set
    path: Source,
    overrides: Iterable[str] = (),
    seed: int | None = None,
    *,
    engine: str | None = None,
    timing: str | None = None,
    kinds: tuple[EventKind, ...] | None = None,
    allow_outside: bool = False,
) -> Scenario:
    """The scenario in a file, or in a mapping that holds what a file would, as in
    {'run_for': '14 days', 'databases': {'crm': {'size': '500 GB'}}, 'link': ...}.

    overrides: 'link.loss=1%', as after --set; seed, engine, timing: instead of its own; kinds: of
    events, all by default; allow_outside: files that it names may lie outside its folder tree
    (dr_sim/files/reading.py).

    Raises InputError with every mistake that was found; in a mapping the path of the key stands in
    place of file and line.
    """
    if isinstance(overrides, (str, Mapping)):
        raise TypeError(
            f"overrides is a list of texts, as in ['link.loss=1%'], not {str(overrides)[:60]!r}"
        )
    given = (
        ("--seed", ("seed",), seed),
        ("--engine", ("engine", "kind"), engine),
        ("--timing", ("engine", "timing"), timing),
    )
    options = tuple(
        (f"{name} {value}", steps, str(value))
        for name, steps, value in given
        if value is not None
    )
    allowed = outside_allowed.set(allow_outside or outside_allowed.get())
    try:
        scenario, problems = _load(
            _source(path), tuple(overrides), options, kinds
        )
    finally:
        outside_allowed.reset(allowed)
    if scenario is None:
        raise InputError(problems)
    return scenario


def validate(
    path: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    *,
    kinds: tuple[EventKind, ...] | None = None,
) -> list[Problem]:
    """Every mistake in a scenario file, in the order of its lines; empty if there is none."""
    return _load(os.fspath(path), tuple(overrides), (), kinds)[1]


def _source(given: Source) -> str | Mapping[str, Any]:
    return given if isinstance(given, Mapping) else os.fspath(given)


def _load(
    source: str | Mapping[str, Any],
    overrides: tuple[str, ...],
    options: Options,
    kinds: tuple[EventKind, ...] | None,
) -> tuple[Scenario | None, list[Problem]]:
    problems: list[Problem] = []
    path = source if isinstance(source, str) else NAME
    copies: dict[str, str] = {}
    scenario = None
    with inside_tree_of(path):
        tree = read_tree(source, overrides, options, problems)
        unread = _of_bases(problems, path)
        if tree is not None:
            copies = multiply(tree, problems)
            standbys.read_copies(tree, problems)
            scenario = _scenario(
                tree, KINDS if kinds is None else kinds, problems
            )
    if not isinstance(source, str):
        problems = [without_echo(problem) for problem in problems]
        unread = [without_echo(problem) for problem in unread]
    ordered = sorted(
        dict.fromkeys(standbys.told_once(told_once(problems, copies))),
        key=lambda problem: (
            problem not in unread,
            problem.file != path,
            problem,
        ),
    )
    return (None, ordered) if ordered else (scenario, [])


def _of_bases(problems: list[Problem], path: str) -> list[Problem]:
    """Return what is wrong with the files that this one extends, so that they could not be read:
    the rest follows from it.
    """
    return [
        problem
        for problem in problems
        if problem.message.startswith("extends: ")
        or (problem.file != path and problem.line > 0)
    ]


def _scenario(
    tree: Node, kinds: tuple[EventKind, ...], problems: list[Problem]
) -> Scenario | None:
    groups = tree.at(("replication", "groups"))
    folders = tuple(
        name
        for _, group in groups.items()
        for name in names_of(group.get("folders"))
    )
    names = Names(
        names_of(tree.get("databases")),
        names_of(tree.get("machines")),
        names_of(groups),
        folders,
    )
    root = _sections(tree, names, problems)
    problems.extend(read_loads(root, tree))
    events = read_events(tree.get("events"), kinds, names, problems)
    faults = read_faults(tree.get("faults"), kinds, names, problems)
    tenants = tuple(
        dict.fromkeys(
            t
            for d in (getattr(root, "databases", None) or {}).values()
            for t in getattr(d, "tenants", ())
        )
    )
    sla = read_sla(
        tree.get("sla"),
        SlaNames(
            names.databases,
            tuple(kind.name for kind in kinds),
            tenants,
            names_of(tree.get("copies")),
        ),
        problems,
    )
    problems.extend(check_sla(root, tree, sla))
    problems.extend(check_ways_open(sla, names_of(tree.get("copies"))))
    asked = read_asked(tree, problems)
    problems.extend(checks.check_rare(asked.replications, tree, faults))
    problems.extend(checks.check_sections(root, tree))
    databases = getattr(root, "databases", None)
    events = event_checks.with_logs(events, databases, problems)
    faults = event_checks.with_logs(faults, databases, problems)
    events = _each_time(root, events, problems)
    series = _series(root, tree, problems)
    recorded = _recorded(root, tree, problems)
    lines: list[EventLine | FaultLine] = [*events, *faults]
    problems.extend(event_checks.check_kinds(lines, events, root))
    problems.extend(checks.check_totals(root, tree, series, events, faults))
    problems.extend(checks.check_recorded(root, tree, recorded))
    problems.extend(
        standbys.check_copies(
            root, tree, lines, names_of(tree.get("copies"))
        )
    )
    instants = _times(root, events, faults, problems)
    if problems:
        return None
    beside = build.BesideSections(series, recorded, sla, asked)
    beside.events = tuple(
        ScriptedEvent(
            line.number,
            at_us,
            line.kind,
            _placed(line.params, root),
            line.copy,
        )
        for line, at_us in zip(events, instants, strict=True)
    )
    drawn = [build.drawn(line) for line in faults]
    beside.faults = tuple(line for line in drawn if line is not None)
    return _whole(root, tree, beside)


def _whole(
    root: Root, tree: Node, beside: build.BesideSections
) -> Scenario:
    """Return the scenario; the tree gets the contents of its files, so that it needs none of
    them.
    """
    for name, numbers in beside.series.items():
        node = tree.at(("databases", name, "log_volume"))
        volume = root.databases[name].log_volume
        assert isinstance(volume, SeriesFile)
        written = build.text_of_series(numbers, volume.interval_us)
        node.value = from_plain(node, written, node.source).value
    for path, found in beside.recorded.items():
        node = tree.at(path)
        node.value = from_plain(node, plain(found), node.source).value
    resolved: Resolved = resolved_of(tree)
    return build.scenario(root, beside, resolved)


def _placed(params: Any, root: Root) -> Any:
    """Params whose instants are on the calendar, so that they mean the same in every stretch of the
    run.
    """
    placed = getattr(params, "placed", None)
    return (
        params
        if placed is None
        else placed(build.start_utc_us(root), root.time_zone)
    )


def _sections(tree: Node, names: Names, problems: list[Problem]) -> Any:
    """schema.Root, or an incomplete one (and problems) that lacks what could not be read."""
    assert isinstance(tree.value, dict)
    fixed = Node(
        tree.file,
        tree.line,
        tree.column,
        {key: node for key, node in tree.value.items() if key not in APART},
    )
    found = len(problems)
    databases = fixed.get("databases")
    if (
        databases is not None
        and not names.databases
        and not isinstance(databases.value, list)
    ):
        problems.append(databases.problem(_NO_DATABASE))
    problems += _names_that_are_none(tree)
    try:
        root = Root.model_validate(fixed.plain(), context=names)
    except ValidationError as error:
        # a base that nobody could read
        lacking = bool(_of_bases(problems, tree.file))
        problems.extend(
            _without_echoes(
                told(error, Root, fixed, (), _event_line), tree, lacking
            )
        )
        return _salvaged(Root, fixed, names)
    return root if len(problems) == found else _salvaged(Root, fixed, names)


_NAMED = (
    ("databases",),
    ("networks",),
    ("clients",),
    ("images",),
    ("farms",),
    ("replication", "groups"),
)
"""Mappings whose keys are names that people give."""


def _names_that_are_none(tree: Node) -> list[Problem]:
    """Find keys that nothing can be called by."""
    problems = []
    for path in _NAMED:
        section: Node | None = tree
        for key in path:
            section = None if section is None else section.get(key)
        there = {} if section is None else section.value
        for name in there if isinstance(there, dict) else ():
            if not is_name(name):
                told = f"{'.'.join(path)}: {name[:40]!r} is no name"
                remedy = f"use 1 to {LONGEST_NAME} printable characters"
                node = tree.at((*path, name))
                problems.append(node.key_problem(f"{told}; {remedy}"))
    return problems


def _event_line(name: str) -> str:
    """Return how a kind of event is written, for somebody who wrote it as a key; '' if unknown."""
    return kind_reference(BY_NAME[name]).event if name in BY_NAME else ""


def _without_echoes(
    problems: list[Problem], tree: Node, lacking: bool
) -> list[Problem]:
    """Leave out those that only follow from another: defaults derived from a list that nobody could
    read, and what a base that is lacking may hold.
    """
    readable = names_of(tree.get("machines"))
    derived = tuple(
        f".{path.rsplit('.', 1)[-1]} is missing" for path, _ in DERIVED
    )
    return [
        problem
        for problem in problems
        if not problem.message.endswith(derived)
        and (readable or "unknown machine" not in problem.message)
        and not (lacking and " is missing" in problem.message)
    ]


def _salvaged(
    model: type[BaseModel], node: Node, names: Names
) -> BaseModel:
    """An instance with what can be read by itself, for the checks across values."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        child = node.get(field.alias or name)
        kind = field.annotation
        if child is None:
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            values[name] = _salvaged(kind, child, names)
        elif _holds_sections(kind):
            values[name] = {
                key: _salvaged(get_args(kind)[1], inner, names)
                for key, inner in child.items()
            }
        else:
            try:
                values[name] = _reader_of(model, name).validate_python(
                    child.plain(), context=names
                )
            except ValidationError:
                continue
    return model.model_construct(**values)


def _holds_sections(kind: Any) -> bool:
    """Tell whether a field is a mapping of names to sections, and not to values."""
    if get_origin(kind) is not dict:
        return False
    inner = get_args(kind)[1]
    return isinstance(inner, type) and issubclass(inner, BaseModel)


@cache
def _reader_of(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    """Return what reads that field by itself. It is kept: to make one takes longer than to read."""
    field = model.model_fields[name]
    kind: Any = field.annotation
    if field.metadata:
        kind = Annotated[(kind, *field.metadata)]
    return TypeAdapter(kind)


def _series(
    root: Any, tree: Node, problems: list[Problem]
) -> dict[str, tuple[int, ...]]:
    """Return what log_volume files hold, by database."""
    series: dict[str, tuple[int, ...]] = {}
    for name, database in (getattr(root, "databases", None) or {}).items():
        volume = getattr(database, "log_volume", None)
        if not isinstance(volume, SeriesFile):
            continue
        node = tree.at(("databases", name, "log_volume"))
        try:
            series[name] = read_series(
                volume, node.file if node.line else tree.file
            )
        except SeriesError as error:
            problems.append(
                node.at((error.inside,)).problem(
                    f"databases.{name}.log_volume: {error}"
                )
            )
    return series


def _recorded(
    root: Any, tree: Node, problems: list[Problem]
) -> dict[tuple[str, ...], Recorded | Outages]:
    """Return what files with recorded series hold, by the path of the key that names the file."""
    found: dict[tuple[str, ...], Recorded | Outages] = {}
    # copies that write none share the scenario's own
    once: dict[tuple[RecordedFile, str], Recorded | Outages] = {}
    for section, keys in sections_of(root):
        for key in RECORDED_KEYS:
            wanted = getattr(keys, key, None)
            if not isinstance(wanted, RecordedFile):
                continue
            path = (*section, key)
            node = tree.at(path)
            file = node.file if node.line else tree.file
            try:
                if (wanted, file) not in once:
                    once[wanted, file] = read_recorded(wanted, file)
                found[path] = once[wanted, file]
            except SeriesError as error:
                told = f"{'.'.join(path)}: {error}"
                problems.append(node.at(("file",)).problem(told))
    return found


def _each_time(
    root: Any, events: list[EventLine], problems: list[Problem]
) -> list[EventLine]:
    """The events, those that happen again and again once for each of their times."""
    if any(
        getattr(root, key, None) is None
        for key in ("start", "time_zone", "run_for")
    ):
        return events
    return each_time(
        events,
        build.start_utc_us(root),
        root.time_zone,
        root.run_for,
        problems,
    )


def _times(
    root: Any,
    events: list[EventLine],
    faults: list[FaultLine],
    problems: list[Problem],
) -> list[int]:
    if any(
        getattr(root, key, None) is None
        for key in ("start", "time_zone", "run_for")
    ):
        return []
    instants, wrong = event_checks.check_events(
        events, build.start_utc_us(root), root.time_zone, root.run_for
    )
    problems.extend(wrong)
    problems.extend(event_checks.check_lost(events, instants, root))
    problems.extend(event_checks.check_returns(events, faults, instants))
    problems.extend(
        event_checks.check_faults(
            faults, root.run_for, getattr(root, "change_windows", None)
        )
    )
    return instants
