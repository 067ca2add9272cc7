"""Files and folders made whole, beside their places, and then moved there.

Theory of operation. Whatever is written for a user is first made in a hidden folder next to its
place and moved from there by one rename. The folder holds a lock while its process lives. A process
that is killed leaves the folder behind, and the lock is free: the next one that makes something
there removes it. If the killed process had moved an older run aside, to replace it, and nothing has
taken its place yet, the older run is put back. A lock, unlike a process id, also tells the truth
between containers that share a folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dr_sim.files.held import LOCK, held, is_free, was_held

PREFIX = ".making-"
_OLD = "old"  # what lay at the place that is being replaced
_PLACE = "place"  # a file with the name of that place
# between making the folder and holding its lock lie microseconds; a stopped process takes longer
_GRACE_S = 60.0


_OF_THE_DISK = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
)


def why_not(error: OSError) -> str:
    """Return why a file cannot be written, in the system's words: libraries wrap them in others."""
    if error.errno in _OF_THE_DISK:
        return os.strerror(error.errno)
    return error.strerror or str(error)


@contextmanager
def folder_made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it. If what follows fails, remove those that were made here and
    are still empty. Raises OSError.
    """
    missing = [
        place for place in (folder, *folder.parents) if not place.exists()
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for place in missing:
            with suppress(OSError):
                place.rmdir()
        raise


@contextmanager
def making(parent: Path, *, tidy_first: bool = True) -> Iterator[Path]:
    """Yield an empty folder beside the places in `parent`; remove it afterwards. Raises OSError."""
    if tidy_first:
        tidy(parent)
    outer = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with held(outer):
            try:
                inner = outer / "new"
                inner.mkdir()
                yield inner
            finally:
                _put_back(outer)
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def replace_folder(new: Path, place: Path) -> None:
    """Move a folder made by `making` into a place where an older one may lie. Raises OSError."""
    outer = new.parent
    old = outer / _OLD
    if place.exists():
        (outer / _PLACE).write_text(place.name, encoding="utf-8")
        place.rename(old)
    new.rename(place)


def move_to_free_number(new: Path, parent: Path) -> Path:
    """Move a folder to the first of parent/1, parent/2, ... that is free, and return its place.

    A rename onto a folder with files in it fails, so two processes never get the same number.
    """
    number = 1
    while True:
        place = parent / str(number)
        if not place.exists():
            try:
                new.rename(place)
                return place
            except OSError:
                if not place.exists():
                    raise
        number += 1


def tidy(parent: Path) -> None:
    """Remove what killed processes have left in a folder; put back what they had moved aside."""
    with suppress(OSError):
        for outer in sorted(parent.glob(PREFIX + "*")):
            if outer.is_dir() and not outer.is_symlink():
                _tidy_one(outer)


def _tidy_one(outer: Path) -> None:
    if not was_held(outer):
        # its process is about to hold it, or was killed before it did
        if time.time() - outer.stat().st_mtime > _GRACE_S:
            shutil.rmtree(outer, ignore_errors=True)
    elif is_free(outer / LOCK):
        _put_back(outer)
        shutil.rmtree(outer, ignore_errors=True)


def _put_back(outer: Path) -> None:
    """Put the older folder back where a replacement was interrupted between its two renames."""
    old, named = outer / _OLD, outer / _PLACE
    if not old.exists() or not named.exists():
        return
    place = outer.parent / os.path.basename(
        named.read_text(encoding="utf-8")
    )
    if not place.exists():
        old.rename(place)
