"""Tells what a process leaves behind if it is killed, and how the next one clears it away.

Each process that starts servers keeps a note, a file in the user's state folder: its folders, and
the id of each server and of each program under way, with the instant at which that process began.
Beside it lies a lock that the process holds. Whoever starts servers next reads these notes: where
the lock is free, the writer is gone; then the processes are stopped, if they are still the ones
noted, and the folders removed. Nothing is ever stopped by name.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock

from dr_sim.engines.postgres.errors import ServerError
from dr_sim.engines.scratch import began
from dr_sim.files.held import is_free

PREFIX = "dr-sim-pg-"
LOCK = ".lock"
STOP_S = 10
LOST = "lost.log"
"""Beside the notes: the last log lines of the server that was last ended from outside."""
LAST_LINES = 50
_numbers = count()


def notes_folder() -> Path:
    """Raises ServerError if nothing can be written there: what is not noted could not be stopped by
    the next if we are killed.
    """
    try:
        state = (
            os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        )
    except RuntimeError:
        raise ServerError(
            "servers are noted in the user's home, and this user has none: name a folder "
            "in XDG_STATE_HOME"
        ) from None
    notes = Path(state) / "dr-sim" / "postgres"
    try:
        notes.mkdir(parents=True, exist_ok=True)
        writable = os.access(notes, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise ServerError(
            f"{notes}: servers are noted here, and it cannot be written: name another "
            "folder in XDG_STATE_HOME"
        )
    return notes


class Note:
    """This process's. It is written in place, at once as far as a kill -9 can tell (write(2) of a
    page or two), and never shorter than before: a file put in its place by a rename takes 0.1 ms,
    and now and then seconds on a busy disk.
    """

    def __init__(self) -> None:
        """Raises ServerError."""
        self.place = notes_folder() / f"{os.getpid()}-{next(_numbers)}.json"
        self.folders: list[Path] = []
        self._lock = FileLock(self.place.with_suffix(LOCK))
        self._lock.acquire()
        self._file = os.open(
            self.place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
        )
        self._bytes = 0
        self._servers: dict[int, str] = {}
        self._programs: dict[int, str] = {}

    def _write(self) -> None:
        said = {
            "folders": [str(folder) for folder in self.folders],
            "servers": list(self._servers.items()),
            "programs": list(self._programs.items()),
        }
        text = json.dumps(said).encode()
        self._bytes = max(self._bytes, len(text))
        os.pwrite(self._file, text.ljust(self._bytes), 0)

    def add_folder(self, folder: Path) -> None:
        self.folders.append(folder)
        self._write()

    def add(self, pid: int, *, server: bool) -> None:
        """A process that was just started."""
        since = began(pid)
        if since is not None:
            (self._servers if server else self._programs)[pid] = since
            self._write()

    def remove(self, pid: int) -> None:
        """Note that it is gone."""
        if self._servers.pop(pid, None) or self._programs.pop(pid, None):
            self._write()

    def keep_log(self, title: str, log: Path) -> Path:
        """Put a server's last log lines where they outlast this process; returns where."""
        place = self.place.with_name(LOST)
        lines = (
            log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            if log.exists()
            else []
        )
        part = self.place.with_suffix(".lost")
        part.write_text("\n".join([title, *lines, ""]))
        part.replace(place)
        return place

    def close(self) -> None:
        """Forget all servers and delete the notes: nothing was left behind."""
        self._servers.clear()
        self._programs.clear()
        os.close(self._file)
        self.place.unlink(missing_ok=True)
        self._lock.release()
        self.place.with_suffix(LOCK).unlink(missing_ok=True)


# ---- of processes that are gone
def clear_leftovers() -> list[int]:
    """Stop the processes and remove the folders of those that are gone; returns the ids of what was
    stopped.
    """
    stopped: list[int] = []
    for note in sorted(notes_folder().glob("*.json")):
        lock = note.with_suffix(LOCK)
        if not is_free(lock):
            continue
        running: list[tuple[Callable[[int, str], None], int, str]] = []
        folders: list[Path] = []
        # cut off before anything was started
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            said: dict[str, Any] = json.loads(note.read_text())
            folders = [Path(text) for text in said["folders"]]
            running = [
                (_end_server, pid, since) for pid, since in said["servers"]
            ]
            running += [
                (_end_program, pid, since)
                for pid, since in said["programs"]
            ]
        for end, pid, since in running:
            if began(pid) == since:
                stopped.append(pid)
                end(pid, since)
        for folder in folders:
            if folder.name.startswith(PREFIX):
                shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
    return stopped


def _end_server(pid: int, since: str) -> None:
    """Stop it at once (SIGQUIT), and kill it if it does not obey."""
    for how in (signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        if _gone(pid, since):
            return


def _end_program(pid: int, since: str) -> None:
    """Kill it, and what it has started in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _gone(pid, since)


def _gone(pid: int, since: str) -> bool:
    """Wait for the end of a process."""
    until = time.monotonic() + STOP_S
    while time.monotonic() < until:
        if began(pid) != since:
            return True
        time.sleep(0.005)
    return False
