"""Temporary folders of real engines: gone when they are left, and, of a process that was killed, at the next start.

In each lies a file that names the process that made it and the instant at which that began, in the system's own terms:
ids of processes are given again. A folder whose process is gone is removed by the next who makes one. Nobody else's is.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "dr-sim-"
OWNER = "owner.json"
_open: dict[Path, int] = {}
"""Folders that are in use, and by which process: a forked one does not own them."""


def began(pid: int) -> str | None:
    """When that process began, in the system's own terms; None if there is none (or only its remains)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]  # state and starttime, proc(5)
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return None
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=30)
    return told.stdout.strip() or None


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder, removed afterwards, whatever happens: if the removal itself is interrupted, when the process ends."""
    clear_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    _open[folder] = os.getpid()
    try:
        part = folder / "owner.part"
        part.write_text(json.dumps([os.getpid(), began(os.getpid())]))
        part.replace(folder / OWNER)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        del _open[folder]


@atexit.register
def _remove_open() -> None:
    for folder, pid in _open.items():
        if pid == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers() -> list[Path]:
    """Remove what killed processes of this user left behind; returns what."""
    found: list[Path] = []
    for note in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{OWNER}"):
        try:
            pid, since = json.loads(note.read_text())
            ours = note.stat().st_uid == os.geteuid() and not note.parent.is_symlink()
        except (OSError, ValueError, TypeError):
            continue
        if ours and isinstance(pid, int) and began(pid) != since:
            shutil.rmtree(note.parent, ignore_errors=True)
            found.append(note.parent)
    return found
