"""The face of the reference: which keys a scenario has, what can happen in one."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from typing import TYPE_CHECKING, Any

from dr_sim.cli.printing import show
from dr_sim.errors import InputError, input_error
from dr_sim.formatting.layout import WIDEST, width

if TYPE_CHECKING:
    from dr_sim.loading.reference import Key

_MOST_MEANT = 3  # names in one question


def add_reference(commands: Any) -> None:
    """Add `dr-sim keys` and `dr-sim faults`."""
    keys = commands.add_parser(
        "keys",
        help="list the keys of a scenario file, with defaults and sources",
    )
    keys.add_argument(
        "key",
        nargs="?",
        default="",
        metavar="KEY",
        help="only this key and those inside it, e.g. link",
    )
    keys.set_defaults(command=_keys)

    faults = commands.add_parser(
        "faults",
        help="list the events and faults of a scenario, with their sources",
    )
    faults.add_argument(
        "name",
        nargs="?",
        default="",
        metavar="NAME",
        help="only this kind, with its keys and an example",
    )
    faults.set_defaults(command=_faults)


def _keys(a: argparse.Namespace) -> int:
    from dr_sim.loading.reference import keys

    found = keys()
    wanted = [key for key in found if not a.key or _inside(key.path, a.key)]
    if not wanted:
        raise unknown(
            "keys",
            a.key,
            sorted({part for key in found for part in _prefixes(key.path)}),
        )
    for key in wanted:
        show(_key_text(key, ""))
    return 0


def _inside(path: str, wanted: str) -> bool:
    """Return whether a key is the wanted one or lies inside it. A name may stand for '*'."""
    steps, asked = path.split("."), wanted.strip(".").split(".")
    if len(asked) > len(steps):
        return False
    return all(
        step in ("*", other)
        for step, other in zip(steps, asked, strict=False)
    )


def _prefixes(path: str) -> list[str]:
    steps = path.split(".")
    return [".".join(steps[: i + 1]) for i in range(len(steps))]


def _key_text(key: Key, indent: str) -> str:
    head = f"{indent}{key.path}"
    if key.same_as:
        return f"{head}\n{indent}    another word for {key.same_as}"
    rows = [
        ("", key.about),
        ("write", "  or  ".join(key.forms)),
        ("default", default_text(key)),
    ]
    lines = [head]
    for word, text in rows:
        if text:
            lines += wrapped(
                f"{indent}    {word:<9}" if word else f"{indent}    ", text
            )
    return "\n".join(lines)


def default_text(key: Key) -> str:
    """Return the default with its source, or what it means that there is none."""
    if key.default:
        return (
            f"{key.default}  ({key.source})" if key.source else key.default
        )
    if key.required:
        return "none (required)"
    return key.source or "none (optional)"


def wrapped(head: str, text: str) -> list[str]:
    """Return the lines of a text behind a head, as wide as the terminal allows."""
    return textwrap.wrap(
        text,
        min(width(), WIDEST),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _faults(a: argparse.Namespace) -> int:
    from dr_sim.faults import BY_NAME, KINDS
    from dr_sim.loading.reference import kind_reference

    if not a.name:
        for kind in KINDS:
            lines = [
                kind.name,
                *wrapped("    models  ", kind.models),
                *wrapped("    source  ", kind.source),
            ]
            show("\n".join(lines))
        return 0
    if a.name not in BY_NAME:
        word = a.name.lower().replace("-", "_")
        also = [kind.name for kind in KINDS if word in kind.also]
        if also:
            message = (
                f"there is no {a.name[:60]!r}; did you mean {also[0]}?"
            )
            raise input_error("dr-sim faults", message)
        raise unknown("faults", a.name, list(BY_NAME))
    found = kind_reference(BY_NAME[a.name])
    out = [
        found.name,
        *wrapped("    models  ", found.models),
        *wrapped("    source  ", found.source),
    ]
    out += ["", "    keys"]
    out += [_key_text(key, "      ") for key in found.keys]
    out += [
        "",
        "    at an instant",
        "      events:",
        f"        {found.event}",
    ]
    if found.fault:
        out += [
            "",
            "    at a rate",
            "      faults:",
            f"        {found.fault}",
        ]
    show("\n".join(out))
    return 0


def unknown(
    command: str, name: str, known: list[str], where: str = ""
) -> InputError:
    """The error about a name that is not there, with the nearest one. command: lists all of them;
    where: the command that was given, if it is another one.
    """
    near = _nearest(name, known)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"`dr-sim {command}` lists all of them"
    )
    return input_error(
        f"dr-sim {where or command}", f"there is no {name[:60]!r}; {hint}"
    )


def _nearest(name: str, known: list[str]) -> list[str]:
    """Return up to three paths with that word in them, else one that is spelt like it, or one whose
    last word is.
    """
    with_it = [path for path in known if _holds(path, name)]
    if with_it:
        return sorted(with_it, key=len)[:_MOST_MEANT]
    near = difflib.get_close_matches(name, known, 1, 0.6)
    if near:
        return near
    by_last = {path.rpartition(".")[2]: path for path in reversed(known)}
    return [
        by_last[word]
        for word in difflib.get_close_matches(name, by_last, 1, 0.7)
    ]


def _holds(path: str, name: str) -> bool:
    """Tell whether a step of a path is that word, or begins with it."""
    return any(
        step == name or step.startswith(f"{name}_")
        for step in path.split(".")
    )
