"""Scripts as processes that outlive whoever started them.

Theory of operation. Each run of a script has a number and a folder. A file in the folder is locked
before the script's runner (runner.py) is started. The lock is handed down to the runner and to all
that it starts. So as long as the lock is held, something of the run is alive, and as soon as it is
free, nothing is: whoever asks needs no process id and no memory of its own, and learns the same
after any crash. A run that has ended has an exit code, or it was killed.

A run is ended by its group. A process that has left its group continues, and holds the lock: then
the run counts as alive. Only one that has also closed the lock is out of sight.

This needs Linux or macOS: elsewhere locks are not inherited.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dr_sim.live.cloud import runner

if sys.platform != "win32":
    import fcntl

LOCK = "lock"


class ScriptRuns:
    """Runs of scripts in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(
        self, number: int, program: Path, environment: Mapping[str, str]
    ) -> None:
        """Start a run. One that cannot be started counts as killed."""
        folder = self._of(number)
        try:
            (folder / runner.WORK).mkdir(parents=True, exist_ok=True)
            lock = self._open_lock(number)
        except OSError:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._started[number] = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", runner.__file__),
                    *(str(folder), str(lock), str(program)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                pass_fds=(lock,),
                start_new_session=True,
            )
        except OSError:
            return
        finally:
            os.close(lock)

    def is_alive(self, number: int) -> bool:
        """Tell whether any process of a run is alive."""
        if not self._of(number).is_dir():
            return False
        lock = self._open_lock(number)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def wait(self, number: int) -> None:
        """Wait until no process of a run is alive."""
        try:
            lock = self._open_lock(number)
        except FileNotFoundError:
            return  # its folder could not be made
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            os.close(lock)
        started = self._started.pop(number, None)
        if started is not None:
            started.wait()

    def has_begun(self, number: int) -> bool:
        """Tell whether the program of a run has surely or perhaps begun. False: it never will, if
        nothing of the run is alive.
        """
        return (self._of(number) / runner.LEADER).exists()

    def exit_code(self, number: int) -> int | None:
        """Return the exit code of a run that has ended; None: it was killed, or never began."""
        try:
            text = (self._of(number) / runner.OUTCOME).read_text()
        except FileNotFoundError:
            return None
        return int(text)

    def kill(self, number: int) -> None:
        """Kill the processes of a run; `wait` returns when they are dead."""
        try:
            text = (self._of(number) / runner.LEADER).read_text()
        except FileNotFoundError:
            return  # it has just been started, or has ended
        pid, _, began = text.partition(" ")
        leads = runner.started_at(int(pid))
        if leads and began and leads != began:
            return  # the id belongs to somebody else by now
        if self.is_alive(number):
            try:
                os.killpg(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                return  # it ended by itself, or what is left has left the group

    def forget(self, number: int) -> None:
        """Remove what a run that has ended leaves behind, all but what it has printed."""
        folder = self._of(number)
        shutil.rmtree(folder / runner.WORK, ignore_errors=True)
        for name in (runner.LEADER, runner.OUTCOME, LOCK):
            (folder / name).unlink(missing_ok=True)
        output = folder / runner.OUTPUT
        if output.exists() and not output.stat().st_size:
            output.unlink()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def left_over(self) -> list[int]:
        """Return the runs that have a lock: those that are alive or have not been forgotten."""
        found = self._folder.glob(f"*/{LOCK}")
        return sorted(int(path.parent.name) for path in found)

    def _of(self, number: int) -> Path:
        return self._folder / str(number)

    def _open_lock(self, number: int) -> int:
        flags = os.O_RDWR | os.O_CREAT
        return os.open(self._of(number) / LOCK, flags, 0o600)
