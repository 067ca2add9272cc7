"""Turns what pydantic found into lines that say where, what is wrong and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from dr_sim.errors import Problem
from dr_sim.scenario.fields.values import NOT_ABOVE_0
from dr_sim.scenario.keys.schema import ALIASES, APART, EXAMPLES, Root
from dr_sim.scenario.reading.defaults import DEFAULTS
from dr_sim.scenario.reading.tree import Node, Path, fits

_WORD_AND_MORE = re.compile(r"(\w*)(:?)\s*(.*)", re.DOTALL)
_MOST_LISTED = 16  # keys in one line
# required, but only where folders are
_STAGING = (("replication.groups.*.folders.*.staging", "4096 MiB"),)
_MOVED = {
    "replication.retention": "retention is set for each side: "
    "primary.retention, secondary.retention",
    "failover.reconnect": "it stands under redirect: failover.redirect.reconnect",
}
_PERIODS = ("interval", "period", "frequency", "schedule")
"""Names that people give to `every`."""

_HABITS: dict[str, dict[str, str]] = {
    "": {
        "rpo": "it is promised under sla, as in 'sla: {data_loss: at most 15 min}'",
        "rto": "it is promised under sla, as in 'sla: {outage: at most 30 min}'",
        "duration": "write 'run_for: 14 days'",
        "length": "write 'run_for: 14 days'",
        "failures": "what happens at a rate stands under faults, as in "
        "'faults: {lose: {what: site, rate: 1 per year}}'",
        "network": "write link: {bandwidth: 200 Mbit/s}",
        "database": "write databases: {crm: {size: 500 GB}}",
        "bandwidth": "it stands under link: link: {bandwidth: 200 Mbit/s}",
        "tz": "write 'time_zone: Europe/Berlin'",
        **dict.fromkeys(
            ("timezone", "zone"), "write 'time_zone: Europe/Berlin'"
        ),
        **dict.fromkeys(
            ("replica", "replicas", "standby", "standbys", "secondaries"),
            "several standbys are 'copies: {near: {}, far: {}}'",
        ),
        **dict.fromkeys(
            (
                "availability_group",
                "availability_groups",
                "synchronous_commit",
                "synchronous_standby_names",
                "max_wal_senders",
                "streaming_replication",
                "mirroring",
            ),
            "dr_sim simulates log shipping: copies of backups, not of each commit",
        ),
        **dict.fromkeys(
            (
                "max_wal_size",
                "wal_keep_size",
                "wal_level",
                "checkpoint_timeout",
            ),
            "a server's setting has no place here; log backups, WAL segments too, are "
            "'log: every 5 min' under databases",
        ),
        **dict.fromkeys(
            ("backup", "backups", "schedule", "schedules"),
            "each database has its own: databases: {crm: {full: weekly Sun 01:00}}",
        ),
    },
    "databases.*": {
        **dict.fromkeys(
            (
                "diff",
                "diffs",
                "differentials",
                "delta",
                "incr",
                "incrementals",
            ),
            "write 'differential: daily 01:00' (or incremental)",
        ),
        **dict.fromkeys(
            (
                "wal",
                "wals",
                "archive_timeout",
                "trn",
                "tlog",
                "transaction_log",
                "log_backup",
                "log_backups",
                "log_interval",
                "logs",
            ),
            "log backups, WAL segments too, are 'log: every 5 min'",
        ),
        **dict.fromkeys(
            ("base", "basebackup", "base_backup", "backup", "full_backup"),
            "full backups, base backups too, are 'full: weekly Sun 01:00'",
        ),
        **dict.fromkeys(
            ("wal_rate", "log_rate", "churn", "change_rate"),
            "write 'log_volume: 350 KiB/s'",
        ),
        "retention": "it is set for each side: primary.retention, secondary.retention",
    },
    "copies.*.store.schedule": {
        **dict.fromkeys(
            ("logs", "wal", "log_backup", "log_backups"),
            "write 'log: every 15 min'; without it the store gets the logs "
            "of the schedules under databases",
        ),
        **dict.fromkeys(
            ("diff", "incr", "incrementals", "differentials"),
            "write 'incremental: daily 13:00'",
        ),
    },
    "failover": {
        "automatic": "write 'mode: automatic'",
        "manual": "write 'mode: manual'",
        "auto": "write 'mode: automatic'",
        "type": "write 'mode: automatic' or 'mode: manual'",
        **dict.fromkeys(
            ("timeout", "after", "detection", "grace", "delay"),
            "write 'silent_for: 30 s', how long the primary may be silent",
        ),
    },
    "link": {
        "latency": "write 'rtt: 30 ms', the time there and back",
        "delay": "write 'rtt: 30 ms', the time there and back",
        "packet_loss": "write 'loss: 0.01 %' (the event packet_loss stands under events)",
        "speed": "write 'bandwidth: 200 Mbit/s'",
        "throughput": "write 'bandwidth: 200 Mbit/s'",
        "outage": "an outage is an event: '- {at: Tue 21:30, link_outage: 40 min}'",
    },
    "replication": {
        **dict.fromkeys(
            (*_PERIODS, "copy_interval", "copy_every"),
            "write 'every: 15 min', the interval of the copy job",
        ),
        **dict.fromkeys(
            ("retry_interval", "retry_delay", "retry_after"),
            "write 'retry: 1 min', the wait after a cut transfer",
        ),
    },
    "replay": {
        **dict.fromkeys(
            (*_PERIODS, "restore_interval", "restore_every"),
            "write 'every: 15 min', the interval of the restore job",
        ),
        **dict.fromkeys(
            (
                "recovery_min_apply_delay",
                "restore_delay",
                "apply_delay",
                "lag",
            ),
            "write 'delay: 4 h', how far replay lags on purpose",
        ),
        **dict.fromkeys(
            ("retries", "max_attempts", "max_retries"),
            "write 'attempts: 3', the reads after which a log is in trouble",
        ),
    },
    "heartbeat": {
        **dict.fromkeys(
            _PERIODS, "write 'every: 5 s', the time between heartbeats"
        ),
    },
}
"""Names what people write from habit, by the section (names of their own are '*'), and what to
write here.
"""


_SECTIONS = {
    "link": "link: {bandwidth: 200 Mbit/s}",
    "failover": "failover: {mode: automatic}",
    "sla": "sla: {data_loss: at most 15 min, outage: at most 30 min}",
    "databases": "databases: {crm: {size: 500 GB}}",
}
"""Examples of sections that people write as one value."""
_FAILOVER_MODES = ("manual", "automatic")
_CHOICES = {
    **dict.fromkeys(("datacenter", "data center", "dc", "region"), "site"),
    **dict.fromkeys(("primary", "server", "machine", "node", "vm"), "host"),
    "db": "database",
}
"""Names that people write from habit instead of one of few words."""
_OTHER_LOSSES = {
    **dict.fromkeys(
        ("secondary", "standby", "replica", "mirror", "copy", "dr", "b"),
        "the secondary is lost by lose_secondary, as in 'lose_secondary: 4 h'",
    ),
    **dict.fromkeys(
        ("link", "network", "wan", "connection"),
        "the link is lost by link_outage, as in 'link_outage: 40 min'",
    ),
    **dict.fromkeys(
        ("manager", "recovery manager"),
        "the recovery manager is lost by manager_crash or manager_dead",
    ),
}
"""Things that people write under lose, and the event that they mean."""


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that may stand in it."""
    return [
        field.alias or name for name, field in model.model_fields.items()
    ]


def _without_none(annotation: Any) -> Any:
    """Return the type of a key that may be left out, without None."""
    types = get_args(annotation)
    others = [each for each in types if each is not type(None)]
    left_out = len(others) == 1 and len(types) == 2
    return others[0] if left_out else annotation


def model_at(
    model: type[BaseModel], path: Iterable[str | int]
) -> type[BaseModel] | None:
    """The section at a key path, None if a value stands there."""
    here: Any = model
    for step in path:
        if get_origin(here) is dict:
            here = get_args(here)[1]
            continue
        if not (isinstance(here, type) and issubclass(here, BaseModel)):
            return None
        named = {
            field.alias or name: field
            for name, field in here.model_fields.items()
        }
        if step not in named:
            return None
        here = _without_none(named[str(step)].annotation)
    return (
        here
        if isinstance(here, type) and issubclass(here, BaseModel)
        else None
    )


EventLines = Callable[[str], str]
"""Gives the line that a kind of event of that name has under `events:`; '' if there is none."""


def _no_event(name: str) -> str:
    return ""


def told(
    error: ValidationError,
    model: type[BaseModel],
    node: Node,
    path: Path = (),
    event_lines: EventLines = _no_event,
) -> list[Problem]:
    """One problem for each mistake. node: what was validated; path: where it stands in the
    scenario.

    What is missing because it is misspelled is one mistake: only the unknown key is told, with what
    was meant.
    """
    found: list[dict[str, Any]] = [
        dict(each) for each in error.errors(include_url=False)
    ]
    unknown = [
        each["loc"] for each in found if each["type"] == "extra_forbidden"
    ]
    meant = {
        (
            *loc[:-1],
            _meant(
                str(loc[-1]),
                _known(model_at(model, loc[:-1]), len(loc) == 1),
            ),
        )
        for loc in unknown
    }
    return [
        _one(each, model, node, path, event_lines)
        for each in found
        if each["type"] != "missing" or not _within(each["loc"], meant)
    ]


def _within(
    loc: tuple[str | int, ...], meant: Container[tuple[str | int, ...]]
) -> bool:
    """Tell whether a place is one of these, or lies in one."""
    return any(loc[:end] in meant for end in range(1, len(loc) + 1))


def _one(
    found: dict[str, Any],
    model: type[BaseModel],
    node: Node,
    path: Path,
    event_lines: EventLines,
) -> Problem:
    context = found.get("ctx", {})
    loc: tuple[str | int, ...] = (*found["loc"], *context.get("inside", ()))
    where = ".".join((*path, *(str(step) for step in loc)))
    if found["type"] == "extra_forbidden":
        value = node.at(loc).value
        outermost = not path and len(loc) == 1 and where == where.strip()
        if outermost and isinstance(value, dict) and "size" in value:
            return node.at(loc).key_problem(
                f"unknown key {where!r}; a database stands under databases: indent its line"
            )
        said = unknown_key(
            str(loc[-1]), model_at(model, loc[:-1]), where, event_lines
        )
        return node.at(loc).key_problem(said)
    if found["type"] == "missing":
        example = _example((*path, *loc))
        remedy = (
            f"; write for example '{loc[-1]}: {example}'" if example else ""
        )
        if not remedy and path[:1] in (("events",), ("faults",)):
            remedy = f"; `dr-sim faults {path[-1]}` shows its keys, with an example"
        return node.at(loc[:-1]).key_problem(f"{where} is missing{remedy}")
    here = node.at(loc)
    message = (
        here.key_problem
        if "inside" in context and loc and _names_key(found, loc)
        else here.problem
    )
    where = ".".join((*path, *node.as_written(loc)))
    reason = _reason(found, here)
    example = _example((*path, *loc)) if reason == NOT_ABOVE_0 else ""
    return message(
        f"{where}: {reason}"
        + (f"; write for example {example}" if example else "")
    )


def _names_key(found: dict[str, Any], loc: tuple[str | int, ...]) -> bool:
    return str(found["ctx"].get("message", "")).startswith(
        f"unknown key {loc[-1]!r}"
    )


def unknown_key(
    key: str,
    model: type[BaseModel] | None,
    where: str,
    event_lines: EventLines = _no_event,
) -> str:
    """The line about a key that means nothing there."""
    if where in _MOVED:
        return f"unknown key {where!r}; {_MOVED[where]}"
    if habit := _habit(key, where, event_lines):
        return f"unknown key {where!r}; {habit}"
    known = _known(model, "." not in where)
    section = where[: -len(key)].rstrip(".")
    if typed := _typed(key, known) or _elsewhere(key, section):
        return f"unknown key {where!r}; {typed}"
    word = _near(key, known)
    if word:
        return f"unknown key {where!r}; did you mean {word!r}?"
    return (
        f"unknown key {where!r}; here may stand {_listed(known, section)}"
    )


def _typed(key: str, known: list[str]) -> str:
    """Return what was typed beside a key that is known: no space after its colon, no colon, spaces
    of another kind before it.
    """
    plain = key.strip()
    if plain != key:
        return "other characters than plain spaces stand beside it; write plain spaces"
    word, mark, value = _WORD_AND_MORE.match(key).groups()  # type: ignore[union-attr]
    if not value or word not in known:
        return ""
    lacking = (
        "a space after the colon"
        if mark == ":"
        else "a colon and a space after it"
    )
    return f"write '{word}: {value}', with {lacking}"


def _elsewhere(key: str, section: str) -> str:
    """Return where a key stands that was written into another section; '' if nowhere, or in more
    sections than one.
    """
    if section not in Root.model_fields:
        return ""
    found = [
        name
        for name in Root.model_fields
        if name != section and key in _known(model_at(Root, (name,)), False)
    ]
    return f"it stands under {found[0]}" if len(found) == 1 else ""


def _listed(known: list[str], section: str) -> str:
    """Return keys in a line that can be read: the first ones, and where the others are listed."""
    rest = len(known) - _MOST_LISTED
    if rest <= 0:
        return ", ".join(known)
    command = f"dr-sim keys {section}".rstrip()
    return f"{', '.join(known[:_MOST_LISTED])} and {rest} more, which `{command}` lists"


def _habit(key: str, where: str, event_lines: EventLines) -> str:
    """Return what someone who writes this from habit should write; '' if it is no habit that we
    know.
    """
    section = where[: -len(key)].rstrip(".")
    for several in ("databases.*", "copies.*.store.schedule"):
        if fits(tuple(section.split(".")), tuple(several.split("."))):
            section = several
    word = key.lower().replace("-", "_")
    if word in _HABITS.get(section, {}):
        return _HABITS[section][word]
    line = event_lines(word)
    return (
        f"{word} is an event; put it under events, as in '{line}'"
        if line
        else ""
    )


def _known(model: type[BaseModel] | None, top: bool) -> list[str]:
    known = keys_of(model) if model else []
    return [*known, "extends", *APART] if top else known


def _near(key: str, known: list[str]) -> str:
    """Return the key whose name, or another word for it, is nearest; '' if none is near."""
    words = dict(zip(known, known, strict=True))
    words.update(
        (alias[-1], name) for alias, name in ALIASES if name in known
    )
    by_lower = {word.lower().replace("-", "_"): word for word in words}
    near = difflib.get_close_matches(
        key[:64].lower().replace("-", "_"), list(by_lower), 1, 0.6
    )
    return by_lower[near[0]] if near else ""


def _meant(key: str, known: list[str]) -> str:
    """The key that the nearest word stands for."""
    head = _WORD_AND_MORE.match(key)[1]  # type: ignore[index]
    word = head if head in known else _near(key, known)
    return next(
        (
            name
            for alias, name in ALIASES
            if alias[-1] == word and name in known
        ),
        word,
    )


def _example(steps: tuple[str | int, ...]) -> str:
    """Return what may be written at a key path: an example, or the default; '' if there is none."""
    path = tuple(map(str, steps))
    for known, text in (
        *EXAMPLES.items(),
        *_STAGING,
        *((path, text) for path, text, _ in DEFAULTS),
    ):
        if fits(path, tuple(known.split("."))):
            return text
    return ""


def _reason(found: dict[str, Any], here: Node) -> str:
    kind, context, given = (
        found["type"],
        found.get("ctx", {}),
        found.get("input"),
    )
    shown = f"{given[:60]!r}" if isinstance(given, str) else _shape(here)
    if kind == "dr_sim":
        return str(context["message"])
    if kind == "literal_error":
        allowed = [
            word.strip("'\" ")
            for word in str(context["expected"])
            .replace(" or ", ", ")
            .split(",")
        ]
        near = (
            difflib.get_close_matches(given.lower(), allowed, 1, 0.6)
            if isinstance(given, str)
            else []
        )
        usual = (
            _CHOICES.get(given.lower()) if isinstance(given, str) else None
        )
        meant = usual if usual in allowed else near[0] if near else ""
        hint = f"; did you mean {meant!r}?" if meant else ""
        if not meant and "database" in allowed and isinstance(given, str):
            other = _OTHER_LOSSES.get(given.lower())
            one = f"of one database write {{what: database, database: {given[:60]}}}"
            hint = f"; {other or one}"
        return f"{shown} is not one of {', '.join(allowed)}{hint}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        example = "".join(
            f"; write {text}"
            for path, text in _SECTIONS.items()
            if found["loc"] and path == found["loc"][-1]
        )
        if given in _FAILOVER_MODES:
            example = example.replace("automatic", given)
        return f"a mapping of settings belongs here, not {shown}{example}"
    if kind in ("list_type", "tuple_type"):
        return f"a list belongs here, not {shown}"
    if kind == "string_type":
        return f"one text belongs here, not {_shape(here)}"
    if kind.startswith(("int_", "float_")):
        return f"{shown} is not a whole number; write for example 3"
    if kind.startswith("bool_"):
        return f"{shown} is neither; write true or false"
    if kind in (
        "greater_than_equal",
        "less_than_equal",
        "greater_than",
        "less_than",
    ):
        words = {
            "ge": "at least",
            "le": "at most",
            "gt": "more than",
            "lt": "less than",
        }
        word, bound = next(
            (words[key], value)
            for key, value in context.items()
            if key in words
        )
        return f"{given} must be {word} {bound}"
    text = str(found["msg"])
    return f"{shown}: {text[0].lower()}{text[1:]}"


def _shape(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    return "nothing" if node.value is None else f"{node.value[:60]!r}"
