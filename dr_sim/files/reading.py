"""Files read for the user: regular files only, of a bounded size, and inside the scenario's folder
tree.

A scenario may come from somebody else (a pull request that a build server runs). So a path in it
must not lead to a device without end, to a pipe that never answers, or to a file of the machine
that runs it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_CHECKOUT = (".git", ".hg")
_tree: ContextVar[Path | None] = ContextVar("tree", default=None)
outside_allowed: ContextVar[bool] = ContextVar(
    "outside_allowed", default=False
)
"""Whether files outside the folder tree may be read: the command line's --allow-outside."""


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return the bytes of a regular file of at most that size. OSError with a reason otherwise."""
    try:
        handle = os.open(
            path,
            os.O_RDONLY
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_BINARY", 0),
        )
    except ValueError as error:  # a path with a zero byte in it
        raise OSError(22, str(error)) from None
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if stat.S_ISDIR(found.st_mode):
            raise OSError(21, "it is a folder")
        if not stat.S_ISREG(found.st_mode):
            raise OSError(22, "it is no regular file")
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(27, f"it is larger than {size_text(most_bytes)}")
    return data


def is_utf16(data: bytes) -> bool:
    """Return whether a text is UTF-16 or UTF-32, as editors and PowerShell of Windows write it: a
    byte order mark, or a zero byte beside its first character.
    """
    return data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:2]


def size_text(size_bytes: int) -> str:
    """Return '4 MiB' or '1 GiB'."""
    return (
        f"{size_bytes // 2**30} GiB"
        if size_bytes >= 2**30
        else f"{size_bytes // 2**20} MiB"
    )


def tree_of(scenario: str | os.PathLike[str]) -> Path:
    """Return the folder whose files a scenario may read.

    It is the checkout that the scenario lies in (whoever may change the scenario may change the
    rest of it too); else the folder from which the command is run, where the scenario lies below
    that; else the scenario's own folder. The root of the file system is no such folder.
    """
    own = Path(os.path.abspath(scenario)).parent.resolve()
    for folder in (own, *own.parents):
        if any(
            os.path.exists(folder / mark) for mark in _CHECKOUT
        ) and folder != Path(folder.anchor):
            return folder
    here = Path.cwd().resolve()
    below = here != Path(here.anchor) and own.is_relative_to(here)
    return here if below else own


@contextmanager
def inside_tree_of(scenario: str | os.PathLike[str]) -> Iterator[None]:
    """Let read_inside, while this lasts, refuse what lies outside that scenario's folder tree."""
    before = _tree.set(tree_of(scenario))
    try:
        yield
    finally:
        _tree.reset(before)


def read_inside(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return the bytes of a regular file in the folder tree, links followed. OSError with a reason
    otherwise.
    """
    tree = _tree.get()
    if (
        tree is not None
        and not outside_allowed.get()
        and not _lies_in(path, tree)
    ):
        remedy = "run the command from a folder above both, or add --allow-outside"
        raise OSError(13, f"it lies outside {tree}; {remedy}")
    return read_regular(path, most_bytes)


def _lies_in(path: str | os.PathLike[str], tree: Path) -> bool:
    try:
        return Path(path).resolve().is_relative_to(tree)
    except (OSError, RuntimeError, ValueError):
        return True  # reading it says why it cannot be read
