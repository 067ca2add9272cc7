"""Files read and written for the user: whole or not at all, with one clear line where that cannot be."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from dr_sim.errors import InputError, Problem


def read_bytes(path: Path) -> bytes:
    """A file's content. InputError if it cannot be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError([Problem(str(path), 0, 0, f"cannot be read ({why})")]) from None


def show(text: str) -> None:
    """Print it; a reader who has gone away (| head) changes nothing of what was found, nor of its exit code."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        mute()


def mute() -> None:
    """Nobody listens any more: what is still said goes nowhere, and is no error at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_place(path: Path) -> None:
    """InputError if a file cannot be written there: before the work that would be lost. Nothing is left there."""
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        above = next(parent for parent in path.absolute().parents if parent.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(13, f"nothing may be put into {above}")
    except OSError as error:
        raise InputError([Problem(str(path), 0, 0, f"cannot be written ({error.strerror})")]) from None


def keep_apart(written: Iterable[Path], read: Iterable[Path]) -> None:
    """InputError if a file that was read would be written over."""
    sources = {path.resolve() for path in read}
    for path in written:
        if path.resolve() in sources:
            raise InputError([Problem(str(path), 0, 0, "is what was read: another name is needed for what is written")])


def check_outputs(written: Iterable[Path | None], read: Iterable[Path]) -> None:
    """Before work that takes long: InputError if a file that was read, or one place twice, would be written, or could not be."""
    places = [path for path in written if path is not None]
    keep_apart(places, read)
    for i, path in enumerate(places):
        if path.resolve() in (other.resolve() for other in places[:i]):
            raise InputError([Problem(str(path), 0, 0, "is written twice: each file needs a name of its own")])
        check_place(path)


def write_together(files: Mapping[Path, str]) -> None:
    """Write every file, or none: all are made beside their places first and then moved there, the last one last.

    InputError if a place cannot be written.
    """
    made: list[tuple[str, Path]] = []
    path = next(iter(files))
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            handle, temporary = tempfile.mkstemp(prefix=".making-", dir=path.parent)
            made.append((temporary, path))
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)
            os.chmod(temporary, 0o644)
        for temporary, path in made:
            os.replace(temporary, path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError([Problem(str(path), 0, 0, f"cannot be written ({why})")]) from None
    finally:
        for temporary, _ in made:
            if os.path.exists(temporary):
                os.unlink(temporary)
