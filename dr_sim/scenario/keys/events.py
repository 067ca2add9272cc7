"""`events:` (scripted, at instants) and `faults:` (drawn, at rates): lines whose words are the
kinds in dr_sim/faults.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, ValidationError, field_validator

from dr_sim import units
from dr_sim.errors import Problem
from dr_sim.scenario.fields import bounds, times
from dr_sim.scenario.fields.fields import Names, Params, Quantity, refuse
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import Ppm
from dr_sim.scenario.fields.unknown_kinds import unknown_kind
from dr_sim.scenario.kind import EventKind
from dr_sim.scenario.model import Schedule
from dr_sim.scenario.reading.problems import keys_of, told
from dr_sim.scenario.reading.tree import Node, Path, beside
from dr_sim.scenario.schedule import mean_gap_us, next_start


@dataclass(frozen=True, slots=True)
class EventLine:
    """A line under `events:`, or one database of it, or one of the times at which it happens."""

    number: int
    node: Node  # of its `at` or `every`
    instant: (
        times.Instant | None
    )  # None: a problem has been reported, or it happens again and again
    kind: EventKind
    params: Params | None  # None: a problem has been reported
    every: Schedule | None = None
    copy: str = ""  # the standby that it affects
    of_all: bool = False  # it names all databases, not this one


MOST_AGAIN_PPM = 990_000
MOST_TIMES_AGAIN = (
    40_000  # of one line under events: a day's work in a hundred years
)


class Again(Params):
    """A cluster: what has happened once is likely to happen again, at the same place."""

    chance: Ppm = Field(
        description="probability that another one follows, at most 99 %"
    )
    after: Law = Field(description="how much later")

    @field_validator("chance")
    @classmethod
    def _ends(cls, value: int) -> int:
        if value > MOST_AGAIN_PPM:
            raise refuse("at most 99 %, or it would never end")
        return value


class Together(Params):
    """Holds what the occurrences of a fault have to do with other things."""

    in_change_windows: Ppm | None = Field(
        None,
        description="share of the occurrences that fall into "
        "change windows",
    )
    with_site_loss: Ppm | None = Field(
        None,
        description="probability that one comes together with the loss "
        "of the primary's site",
    )
    again: Again | None = Field(None, description="clusters")


@dataclass(frozen=True, slots=True)
class FaultLine:
    node: Node  # of its `rate`
    kind: EventKind
    rate: tuple[int, int]
    params: Params | None  # None: a problem has been reported
    together: Together
    steady: bool = (
        False  # without a rate: it is on from the start to the end
    )
    copy: str = ""  # the standby that it affects
    of_all: bool = False  # it names all databases, not this one


def read_events(
    node: Node | None,
    kinds: tuple[EventKind, ...],
    names: Names,
    problems: list[Problem],
) -> list[EventLine]:
    """Every line of a known kind; whatever is wrong becomes a problem. Fills defaults into the
    tree.
    """
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        problems.append(
            node.problem(
                "events is a list, each line as in '- {at: Tue 21:30, link_outage: 40 min}'"
            )
        )
        return []
    lines: list[EventLine] = []
    for number, item in enumerate(node.value, start=1):
        lines += _event(number, item, kinds, names, problems)
    return lines


def _event(
    number: int,
    item: Node,
    kinds: tuple[EventKind, ...],
    names: Names,
    problems: list[Problem],
) -> list[EventLine]:
    """The line, once for each database that it names."""
    where = f"event {number}"
    if not isinstance(item.value, dict):
        problems.append(
            item.problem(
                f"{where}: a line is {{at: Tue 21:30, link_outage: 40 min}}"
            )
        )
        return []
    instant, every = _when(where, item, problems)
    copy = _copy(where, item, problems)
    words = [
        word for word in item.value if word not in _WHEN and word != COPY
    ]
    known = {kind.name: kind for kind in kinds}
    for word in words:
        if word not in known:
            problems.append(
                item.value[word].key_problem(
                    unknown_kind(where, word, known)
                )
            )
    if len(words) != 1:
        wrong = f"{where} has one kind of event beside 'at', and this has {' and '.join(words)}"
        if not words:
            wrong = (
                f"{where} says when, and not what happens; write for example "
                "'link_outage: 40 min', or what else `dr-sim faults` lists"
            )
        problems.append(item.problem(wrong))
        return []
    if words[0] not in known:
        return []
    kind, named = known[words[0]], item.value[words[0]]
    params = _params_of_each(
        kind,
        named,
        ("events", str(number), words[0]),
        names,
        problems,
    )
    of_all = _names_all(named.get("database"), names)
    shown = item.value.get("at") or item.value.get("every") or item
    return [
        EventLine(number, shown, instant, kind, each, every, copy, of_all)
        for each in params
    ]


_WHEN = ("at", "every")
COPY = "copy"
"""Beside a kind of event: the name of the standby that it affects."""


def _copy(where: str, item: Node, problems: list[Problem]) -> str:
    """The standby that a line names; '' if it names none."""
    node = item.get(COPY)
    if node is None:
        return ""
    if not isinstance(node.value, str):
        problems.append(
            node.problem(f"{where}: copy is the name of one standby")
        )
        return ""
    return node.value


def _when(
    where: str, item: Node, problems: list[Problem]
) -> tuple[times.Instant | None, Schedule | None]:
    """Return when a line happens: at an instant, or by a schedule; neither if a problem was
    told.
    """
    at, every = (item.get(word) for word in _WHEN)
    if at is not None and every is not None:
        problems.append(
            every.key_problem(
                f"{where} has both 'at' and 'every'; write one of the two"
            )
        )
    elif at is None and every is None:
        problems.append(
            item.problem(
                f"{where} has no 'at'; write when it happens, as in 'at: Tue 21:30' or "
                "'every: daily 02:00'"
            )
        )
    elif at is not None:
        if not isinstance(at.value, str):
            problems.append(
                at.problem(f"{where}: 'at' is one instant, as in Tue 21:30")
            )
            return None, None
        try:
            return times.parse_instant(at.value), None
        except units.UnitError as error:
            problems.append(at.problem(f"{where}: {error}"))
    elif every is not None:
        if not isinstance(every.value, str):
            problems.append(
                every.problem(
                    f"{where}: 'every' is a schedule, as in daily 02:00"
                )
            )
            return None, None
        try:
            return None, times.parse_recurrence(every.value)
        except units.UnitError as error:
            problems.append(every.problem(f"{where}: {error}"))
    return None, None


def read_faults(
    node: Node | None,
    kinds: tuple[EventKind, ...],
    names: Names,
    problems: list[Problem],
) -> list[FaultLine]:
    """Every line with a rate; whatever is wrong becomes a problem. Fills defaults into the tree."""
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, dict):
        problems.append(
            node.problem(
                "faults is a mapping, as in {link_outage: {rate: 3 per week, duration: 10 min}}"
            )
        )
        return []
    drawable = {kind.name: kind for kind in kinds if kind.drawable}
    lines: list[FaultLine] = []
    for word, child in node.value.items():
        if word not in drawable:
            scripted = any(kind.name == word for kind in kinds)
            message = (
                f"faults: {word!r} is not drawn at a rate; put it under events"
                if scripted
                else ""
            )
            problems.append(
                child.key_problem(
                    message or unknown_kind("faults", word, drawable)
                )
            )
            continue
        for i, item in enumerate(
            child.value if isinstance(child.value, list) else [child],
            start=1,
        ):
            path = (
                ("faults", word, str(i))
                if isinstance(child.value, list)
                else ("faults", word)
            )
            lines += _fault(drawable[word], item, path, names, problems)
    return lines


def _fault(
    kind: EventKind,
    item: Node,
    path: Path,
    names: Names,
    problems: list[Problem],
) -> list[FaultLine]:
    """The line, once for each database that it names: each has the rate for itself."""
    where = ".".join(path)
    rate_node = item.get("rate")
    with_site = item.get("with_site_loss")
    lasting = rate_node is None and with_site is None
    if not isinstance(item.value, dict) or (lasting and not kind.steady):
        problems.append(
            item.problem(
                f"{where} needs a rate, as in {{rate: 3 per week, ...}}"
            )
        )
        return []
    steady = lasting and kind.steady
    if rate_node is None:
        rate_node = beside(item, "0 per week", "none by itself")
    rate = None
    try:
        rate = bounds.rate(
            rate_node.value if isinstance(rate_node.value, str) else ""
        )
    except units.UnitError as error:
        problems.append(rate_node.problem(f"{where}.rate: {error}"))
    apart = {
        key: child
        for key, child in item.value.items()
        if key in Together.model_fields
    }
    copy = _copy(where, item, problems)
    named = {COPY: item.value[COPY]} if COPY in item.value else {}
    others = ("rate", COPY, *apart)
    rest = beside(
        item,
        {
            key: child
            for key, child in item.value.items()
            if key not in others
        },
    )
    params = _params_of_each(kind, rest, path, names, problems)
    together = Together()
    try:
        together = Together.model_validate(
            beside(item, apart).plain(), context=names
        )
    except ValidationError as error:
        problems.extend(told(error, Together, item, path))
    item.value = {
        **({} if steady else {"rate": rate_node}),
        **apart,
        **named,
        **(rest.value if isinstance(rest.value, dict) else {}),
    }
    if rate is None:
        return []
    of_all = _names_all(rest.get("database"), names)
    return [
        FaultLine(
            rate_node, kind, rate, each, together, steady, copy, of_all
        )
        for each in params
    ]


ALL_DATABASES = "all"


def _params_of_each(
    kind: EventKind,
    node: Node,
    path: Path,
    names: Names,
    problems: list[Problem],
) -> list[Params | None]:
    """The checked params of a kind, once for each database that they name."""
    named = node.get("database")
    several = (
        _databases(named, path, names, problems)
        if "database" in keys_of(kind.params)
        else None
    )
    if named is None or several is None:
        return [_params(kind, node, path, names, problems)]
    if not several:
        return []
    found = []
    for database in several:
        one = deepcopy(node)
        assert isinstance(one.value, dict)
        one.value["database"] = database
        found.append(_params(kind, one, path, names, problems))
    assert isinstance(one.value, dict)
    # written back as it stands in the file, with the defaults
    node.value = one.value | {"database": named}
    return found


def _databases(
    named: Node | None, path: Path, names: Names, problems: list[Problem]
) -> list[Node] | None:
    """The databases that a list, or the word all, stands for; None if it is one name."""
    if named is None:
        return None
    if _names_all(named, names):
        return [beside(named, name) for name in names.databases]
    if not isinstance(named.value, list):
        return None
    where = ".".join((*path, "database"))
    if not named.value:
        problems.append(
            named.problem(f"{where}: name at least one, or write all")
        )
    seen: set[str] = set()
    for each in named.value:
        if isinstance(each.value, str) and each.value in seen:
            problems.append(
                each.problem(f"{where}: {each.value!r} is named twice")
            )
        elif isinstance(each.value, str):
            seen.add(each.value)
    return named.value


def _names_all(named: Node | None, names: Names) -> bool:
    """Return whether it is the word for all databases, and not the name of one."""
    return (
        named is not None
        and named.value == ALL_DATABASES
        and ALL_DATABASES not in names.databases
    )


def each_time(
    lines: list[EventLine],
    start_utc_us: int,
    zone: str,
    run_for: int,
    problems: list[Problem],
) -> list[EventLine]:
    """The lines, those that happen again and again once for each of their times."""
    found: list[EventLine] = []
    for line in lines:
        if line.every is None:
            found.append(line)
            continue
        schedule = (
            line.every
            if line.every.zone
            else replace(line.every, zone=zone)
        )
        about = run_for // mean_gap_us(schedule)
        if about > MOST_TIMES_AGAIN:
            problems.append(
                line.node.problem(
                    f"event {line.number}: would happen about {about:,} times, more than "
                    f"{MOST_TIMES_AGAIN:,}; write it less often, or put it under faults"
                )
            )
            continue
        at_us = next_start(schedule, 0, start_utc_us)
        if at_us is None or at_us >= run_for:
            problems.append(
                line.node.problem(
                    f"event {line.number}: would never happen: the run ends after "
                    f"{units.format_duration(run_for)}; write an earlier time or a longer run_for"
                )
            )
        while at_us is not None and at_us < run_for:
            instant = times.Instant("offset", us=at_us)
            found.append(replace(line, instant=instant, every=None))
            at_us = next_start(schedule, at_us, start_utc_us)
    return found


def _params(
    kind: EventKind,
    node: Node,
    path: Path,
    names: Names,
    problems: list[Problem],
) -> Params | None:
    """The checked params of a kind; node is turned into the mapping with every default in it."""
    keys = keys_of(kind.params)
    if isinstance(node.value, str) and kind.scalar is not None:
        node.value = {
            kind.scalar: Node(node.file, node.line, node.column, node.value)
        }
    if node.value is None:
        node.value = {}
    if not isinstance(node.value, dict):
        message = (
            f"{'.'.join(path)} takes {', '.join(keys) or 'no settings'}, written as "
            f"{{{keys[0] if keys else ''}: ...}}"
        )
        problems.append(node.problem(message))
        return None
    try:
        params: Params = kind.params.model_validate(
            node.plain(), context=names
        )
    except ValidationError as error:
        problems.extend(told(error, kind.params, node, path))
        return None
    for name, field in kind.params.model_fields.items():
        value = getattr(params, name)
        key = field.alias or name
        if key not in node.value and value is not None:
            extra = field.json_schema_extra
            source = (
                str(extra.get("source", "assumed"))
                if isinstance(extra, dict)
                else "assumed"
            )
            node.value[key] = from_plain(
                node, _written(value, field.metadata), source
            )
    return params


def from_plain(near: Node, plain: Any, source: str) -> Node:
    """A default's node, shown at `near` in problems."""
    if isinstance(plain, dict):
        return beside(
            near,
            {
                key: from_plain(near, value, source)
                for key, value in plain.items()
            },
            source,
        )
    if isinstance(plain, list | tuple):
        return beside(
            near,
            [from_plain(near, value, source) for value in plain],
            source,
        )
    return beside(near, str(plain), source)


def _written(value: Any, metadata: list[Any]) -> Any:
    for mark in metadata:
        if isinstance(mark, Quantity):
            return mark.write(value)
    return (
        ("true" if value else "false") if isinstance(value, bool) else value
    )
