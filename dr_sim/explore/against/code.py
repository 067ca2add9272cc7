"""Finds the other code: a git ref of the checkout that dr_sim, or the user's own logic, lies in, or
a folder.

Theory of operation. Whoever changes code has it as it was: in git. `git archive` writes the package
of a ref into a temporary folder, so neither the checkout nor its index is touched. Git need not be
installed: then only folders can be named, and nothing is compared by itself.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dr_sim.errors import input_error
from dr_sim.world.own_logic import look_here_too

OPTION = "--against"
NONE = "none"
HEAD = "HEAD"
PACKAGE = Path(__file__).parents[2]
"""The package that runs."""
_GIT_S = 60
_MOVED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
)
"""Git sets these where it runs a hook; they would hide where the package lies."""


@dataclass(frozen=True, slots=True)
class OtherCode:
    """Code to compare with. name: as people call it. folders: they hold a package dr_sim, or logic
    of the user's own. version: differs where the code may differ (a commit, or the folder).
    """

    name: str
    folders: tuple[str, ...]
    version: str


class _GitError(Exception):
    """Git did not do what it was asked to. Its text is one line."""


def _git(folder: Path, *arguments: str) -> bytes:
    """Return what git prints. Raises _GitError."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in _MOVED
    }
    env["GIT_OPTIONAL_LOCKS"] = "0"
    env["LC_ALL"] = "C"
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_S,
            check=False,
        )
    except FileNotFoundError:
        raise _GitError("git is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _GitError(f"git failed ({error})") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        raise _GitError(lines[0] if lines else "git failed")
    return done.stdout


def _text(folder: Path, *arguments: str) -> str:
    return _git(folder, *arguments).decode("utf-8", "replace").strip()


# ---- what is compared
def parts_of(manager: str = "") -> tuple[Path, ...]:
    """Return what may be other code: dr_sim, and before it the package or module of logic of the
    user's own.
    """
    if not manager:
        return (PACKAGE,)
    look_here_too()
    spec = find_spec(manager.partition(":")[0].partition(".")[0])
    assert spec is not None, "it was imported before"
    folders = list(spec.submodule_search_locations or ())
    own = Path(folders[0] if folders else str(spec.origin)).resolve()
    return (PACKAGE,) if own == PACKAGE else (own, PACKAGE)


@dataclass(frozen=True, slots=True)
class _Tracked:
    """A part that git knows: the top of its checkout, and where it lies in there."""

    top: Path
    inside: str


def _tracked(part: Path) -> _Tracked:
    """Raises _GitError if a part is in no checkout, or if git does not know it there."""
    above = part.parent
    if not _text(above, "ls-files", "--", part.name):
        raise _GitError(f"git does not know {part}")
    top = Path(_text(above, "rev-parse", "--show-toplevel"))
    prefix = _text(above, "rev-parse", "--show-prefix")
    return _Tracked(top, f"{prefix}{part.name}")


# ---- without an option
def changed_files(parts: Sequence[Path] = (PACKAGE,)) -> int | None:
    """Return how many Python files of these parts differ from HEAD in the checkouts that they lie
    in. A part that lies in none, or that git does not know, counts for nothing; None: none of them
    lies in a checkout.
    """
    counts = [_changed_in(part) for part in parts]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _changed_in(part: Path) -> int | None:
    try:
        _tracked(part)
        said = _text(
            part.parent,
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--no-renames",
            "--",
            part.name,
        )
        _git(part.parent, "rev-parse", "--verify", "--quiet", HEAD)
    except _GitError:
        return None
    lines = said.splitlines()
    return sum(line.rstrip('"').endswith(".py") for line in lines)


# ---- by name
@contextmanager
def other_code(
    named: str, parts: Sequence[Path] = (PACKAGE,)
) -> Iterator[OtherCode]:
    """Open the code that `--against` names, as long as it is needed: all of these parts that lie in
    the checkout of the first one. Raises InputError.
    """
    root = _root_in(Path(named), parts) if named else None
    if root is not None:
        yield OtherCode(named, (root,), root)
        return
    tracked = _in_one_checkout(named, parts)
    top = tracked[0].top
    commit = _commit(named, top)
    inside = [each.inside for each in tracked]
    with tempfile.TemporaryDirectory(
        prefix="dr_sim-against-", ignore_cleanup_errors=True
    ) as kept:
        try:
            packed = _git(
                top, "archive", "--format=tar", commit, "--", *inside
            )
        except _GitError as error:
            what = " or ".join(inside)
            raise _refused(
                named, f"holds no {what} that git can read ({error})"
            ) from None
        with tarfile.open(fileobj=io.BytesIO(packed)) as files:
            files.extractall(kept, filter="data")
        above = [str((Path(kept) / each).parent) for each in inside]
        name = (
            named if commit.startswith(named) else f"{named} ({commit[:8]})"
        )
        yield OtherCode(name, tuple(dict.fromkeys(above)), commit)


def _root_in(folder: Path, parts: Sequence[Path]) -> str | None:
    """Return the folder that holds one of these parts: this one, or the one above it; None:
    neither.
    """
    for part in parts:
        if (folder / part.name).exists():
            return str(folder.resolve())
        if folder.name == part.name and (folder / "__init__.py").is_file():
            return str(folder.resolve().parent)
    return None


def _in_one_checkout(named: str, parts: Sequence[Path]) -> list[_Tracked]:
    """Return the first part, and those others that lie in the same checkout. Raises InputError."""
    try:
        first = _tracked(parts[0])
    except _GitError as error:
        known = "not installed" in str(error) or "safe" in str(error)
        why = str(error) if known else f"{parts[0]} is in no git checkout"
        raise _refused(
            named,
            f"cannot be a git ref here: {why}; "
            f"a folder with the other {parts[0].name} can be named too",
        ) from None
    found = [first]
    for part in parts[1:]:
        try:
            tracked = _tracked(part)
        except _GitError:
            continue
        if tracked.top == first.top:
            found.append(tracked)
    return found


def _commit(named: str, top: Path) -> str:
    """Return the commit that a ref names. Raises InputError."""
    try:
        return _text(
            top,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{named}^{{commit}}",
        )
    except _GitError:
        if named and Path(named).is_dir():
            raise _refused(
                named, f"is a folder without a package {PACKAGE.name}"
            ) from None
        raise _refused(
            named,
            f"is no folder, and no git ref in {top} (a shallow clone lacks older commits and "
            "other branches: fetch them first)",
        ) from None


def _refused(named: str, why: str) -> Exception:
    return input_error(f"{OPTION} {named}", why)
