"""Finds the other code: a git ref of the checkout that this package lies in, or a folder.

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dr_sim.errors import input_error

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
    """Code to compare with. name: as people call it. folder: it holds a package dr_sim. version:
    differs where the code may differ (a commit, or the folder).
    """

    name: str
    folder: str
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


# ---- without an option
def changed_files(package: Path = PACKAGE) -> int:
    """Return how many Python files of the package differ from HEAD in the checkout that it lies
    in. 0 too if it lies in none, or if git does not know it.
    """
    try:
        _git(package, "ls-files", "--error-unmatch", "__init__.py")
        said = _text(
            package,
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--no-renames",
            "--",
            ".",
        )
        _git(package, "rev-parse", "--verify", "--quiet", HEAD)
    except _GitError:
        return 0
    paths = [line[3:].strip('"') for line in said.splitlines()]
    return sum(path.endswith(".py") for path in paths)


# ---- by name
@contextmanager
def other_code(named: str, package: Path = PACKAGE) -> Iterator[OtherCode]:
    """Open the code that `--against` names, as long as it is needed. Raises InputError."""
    root = _root_in(Path(named)) if named else None
    if root is not None:
        yield OtherCode(named, root, root)
        return
    commit, inside, top = _found(named, package)
    with tempfile.TemporaryDirectory(
        prefix="dr_sim-against-", ignore_cleanup_errors=True
    ) as kept:
        try:
            packed = _git(
                top, "archive", "--format=tar", commit, "--", inside
            )
        except _GitError as error:
            raise _refused(
                named, f"holds no {inside} that git can read ({error})"
            ) from None
        with tarfile.open(fileobj=io.BytesIO(packed)) as files:
            files.extractall(kept, filter="data")
        above = (Path(kept) / inside).parent
        short = commit[:8]
        name = named if commit.startswith(named) else f"{named} ({short})"
        yield OtherCode(name, str(above), commit)


def _root_in(folder: Path) -> str | None:
    """Return the folder that holds the package: this one, or the one above it; None: neither."""
    if (folder / PACKAGE.name / "__init__.py").is_file():
        return str(folder.resolve())
    if folder.name == PACKAGE.name and (folder / "__init__.py").is_file():
        return str(folder.resolve().parent)
    return None


def _found(named: str, package: Path) -> tuple[str, str, Path]:
    """Return the commit that a ref names, the package's path in the checkout, and the checkout.
    Raises InputError.
    """
    try:
        _git(package, "ls-files", "--error-unmatch", "__init__.py")
        top = Path(_text(package, "rev-parse", "--show-toplevel"))
        inside = _text(package, "rev-parse", "--show-prefix").rstrip("/")
    except _GitError as error:
        why = (
            str(error)
            if "not installed" in str(error) or "safe" in str(error)
            else f"{package} is in no git checkout"
        )
        raise _refused(
            named,
            f"cannot be a git ref here: {why}; "
            f"a folder with the other {PACKAGE.name} can be named too",
        ) from None
    try:
        commit = _text(
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
    return commit, inside, top


def _refused(named: str, why: str) -> Exception:
    return input_error(f"{OPTION} {named}", why)
