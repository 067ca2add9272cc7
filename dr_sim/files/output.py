"""Files read and written for the user: whole or not at all, with one clear line where that cannot
be.

A file replaces a regular file, or is written where nothing is. A link is followed: what it leads
to is written. The process's own streams (/dev/stdout and the like) are written through. Any other
device, pipe or socket is refused: replacing it by a file would break whoever uses it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from dr_sim.errors import input_error
from dr_sim.files.making import folder_made, making, why_not
from dr_sim.files.reading import read_regular

# of one file that is read whole: a history of a million backups has a third of that
MOST_BYTES = 2**30
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/null")


def read_bytes(path: Path) -> bytes:
    """Return a file's content. Raises InputError if it cannot be read."""
    try:
        return read_regular(path, MOST_BYTES)
    except OSError as error:
        raise input_error(
            str(path), f"cannot be read ({error.strerror})"
        ) from None


_CONTROL = re.compile(r"\x1b\[[0-9;]*m|[^\n\t -~\u00a0-\U0010ffff]")


def printable(text: str) -> str:
    """Return a text whose control characters do nothing: they are shown as escapes.

    Line ends, tabs and the colours of a terminal stay.
    """

    def shown(match: re.Match[str]) -> str:
        found = match[0]
        return found if len(found) > 1 else ascii(found)[1:-1]

    return _CONTROL.sub(shown, text)


def argument(path: object) -> str:
    """A path as an argument of a command that people copy: in double quotes where it needs them,
    which cmd, PowerShell and the shells of Unix read alike.
    """
    text = str(path)
    if quote(text) == text or any(char in text for char in '"$`!'):
        return quote(text)
    return f'"{text}"'


def json_text(value: Any) -> str:
    """Return a value as JSON that people can read: a line each, letters as they are."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def json_rows(value: Any, indent: int = 0) -> str:
    """Return a value as JSON with a line for each entry, and one for each item of a list or of a
    mapping that lies deep: of very many items, such as alerts or databases, that takes a fraction
    of the time and room of `json_text`.
    """
    if isinstance(value, dict) and value and indent < _DEEP:
        ends = "{}"
        items = [
            f"{_on_a_line(str(key))}: {json_rows(each, indent + 1)}"
            for key, each in value.items()
        ]
    elif _holds_more(value):
        ends = "[]"
        items = [_on_a_line(each) for each in value]
    else:
        return _on_a_line(value)
    inside = "\n" + " " * (indent + 1)
    body = f",{inside}".join(items)
    return f"{ends[0]}{inside}{body}\n{' ' * indent}{ends[1]}"


_DEEP = 3
"""The depth from which on a mapping stands on a line: in a summary, that of one database."""
_on_a_line = json.JSONEncoder(ensure_ascii=False).encode


def _holds_more(value: Any) -> bool:
    """Return whether a value is a list in which lists or mappings stand."""
    return isinstance(value, list | tuple) and any(
        isinstance(each, dict | list | tuple) for each in value
    )


def show_as_is(text: str) -> None:
    """Print a text as it is, for a program to read; a reader who has gone away (| head) changes
    nothing of what was found, nor of its exit code. `cli.printing.show`: for a person.
    """
    try:
        print(printable(text), flush=True)
    except BrokenPipeError:
        mute()


def mute() -> None:
    """Nobody listens any more: what is still said goes nowhere, and is no error at the end of the
    process.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_stream(path: Path) -> bool:
    """Return whether a path names a stream of this process, or the place where nothing is kept."""
    text = os.path.normpath(path)
    return (
        text in _STREAMS
        or re.fullmatch(r"/dev/fd/[0-9]+", text) is not None
    )


def check_place(path: Path) -> None:
    """Raises InputError if a file cannot be written there: before the work that would be lost.
    Nothing is left there.
    """
    if _is_stream(path):
        return
    try:
        real = path.resolve()
        if real.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        if real.exists() and not real.is_file():
            raise OSError(
                22, "it is no regular file; name a file, or /dev/stdout"
            )
        above = next(parent for parent in real.parents if parent.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(13, f"nothing may be put into {above}")
    except (OSError, RuntimeError) as error:
        why = (
            getattr(error, "strerror", None) or "its links lead in a circle"
        )
        raise input_error(str(path), f"cannot be written ({why})") from None


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Raise InputError about a file or folder if something in this block cannot be written."""
    try:
        yield
    except OSError as error:
        why = why_not(error)
        raise input_error(
            str(place), f"cannot be written ({why})"
        ) from None


def write_file(
    path: Path, make: Callable[[Path], None], *, tidy_first: bool = True
) -> None:
    """Have `make` make a file beside a place, and move it there. Raises OSError.

    Whoever writes many small files into one folder tidies it once, and not each time.
    """
    if _is_stream(path):
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / (path.name or "out")
            make(made)
            with open(path, "wb") as stream:
                stream.write(made.read_bytes())
        return
    real = path.resolve()
    with making(real.parent, tidy_first=tidy_first) as folder:
        made = folder / real.name
        make(made)
        os.chmod(made, 0o644)
        os.replace(made, real)


def write_whole(
    path: Path, content: str | bytes, *, tidy_first: bool = True
) -> None:
    """Write a file that appears whole or not at all. Raises OSError."""
    data = _encoded(content)
    write_file(path, lambda made: _put(made, data), tidy_first=tidy_first)


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def keep_apart(written: Iterable[Path], read: Iterable[Path]) -> None:
    """Raises InputError if a file that was read would be written over."""
    sources = {path.resolve() for path in read}
    for path in written:
        if path.resolve() in sources:
            raise input_error(
                str(path),
                "is what was read: another name is needed for what is written",
            )


def check_outputs(
    written: Iterable[Path | None], read: Iterable[Path]
) -> None:
    """Raise InputError, before work that takes long, if a file that was read, or one place twice,
    would be written, or could not be.
    """
    places = [path for path in written if path is not None]
    keep_apart(places, read)
    for i, path in enumerate(places):
        if path.resolve() in (other.resolve() for other in places[:i]):
            raise input_error(
                str(path),
                "is written twice: each file needs a name of its own",
            )
        check_place(path)


def write_together(files: Mapping[Path, str | bytes]) -> None:
    """Write every file, or none: all are made beside their places first and then moved there, the
    last one last.

    Raises InputError if a place cannot be written.
    """
    path = next(iter(files))
    try:
        with ExitStack() as stack:
            made: list[tuple[Path, Path]] = []
            for path, content in files.items():
                if _is_stream(path):
                    continue
                real = path.resolve()
                stack.enter_context(folder_made(real.parent))
                check_place(path)
                part = stack.enter_context(making(real.parent)) / real.name
                _put(part, _encoded(content))
                os.chmod(part, 0o644)
                made.append((part, real))
            for part, real in made:
                os.replace(part, real)
        for path, content in files.items():
            if _is_stream(path):
                write_whole(path, content)
    except (OSError, ValueError) as error:
        why = why_not(error) if isinstance(error, OSError) else str(error)
        raise input_error(str(path), f"cannot be written ({why})") from None
