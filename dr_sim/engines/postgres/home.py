"""Where this process's servers live, as whom they run, and how they are gone afterwards.

All lies in one private temporary folder per process: databases, sockets, logs. It is removed, and its servers are
stopped, when the process ends, by itself or by Ctrl-C. A process that was killed leaves a note behind (a file per
process in the user's state folder: its folders, and each server's process id with the instant at which that process
began). The next process to start servers reads those notes: whose writer is gone, its servers are stopped, if they are
still the ones noted, and its folders are removed. Nothing is ever stopped by name.

PostgreSQL refuses to run as root, so root runs it as `nobody`, from a folder which that user can reach.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dr_sim.engines.port import EngineError
from dr_sim.engines.postgres import binaries
from dr_sim.engines.postgres.binaries import User
from dr_sim.engines.postgres.errors import ServerError
from dr_sim.engines.scratch import began

PREFIX = "dr-sim-pg-"
SOCKET_BYTES = 107  # the longest path of a Unix socket on Linux, less its end (sys/un.h); 103 on macOS
_LONGEST_BELOW = len("/12345/.s.PGSQL.5432")
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 << 30
PROGRAM_S = 120  # no program of PostgreSQL may take longer
STOP_S = 10


def server_user() -> User | None:
    """Whom servers run as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError(
            "PostgreSQL refuses to run as root, and there is no user 'nobody': use another user"
        ) from None
    return User(entry.pw_uid, entry.pw_gid)


def _temporary(user: User | None, candidates: Sequence[Path]) -> Path:
    """A new folder, in the first of these that user can reach, on a path short enough for a socket."""
    for parent in candidates:
        reach = user is None or all(p.stat().st_mode & 0o001 for p in (parent, *parent.parents) if p.exists())
        if parent.is_dir() and reach and len(str(parent)) + len(PREFIX) + 10 + _LONGEST_BELOW < SOCKET_BYTES - 4:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            if user is not None:
                folder.chmod(0o711)  # others may pass through, to what belongs to them
            return folder
    tried = ", ".join(map(str, candidates))
    raise ServerError(f"no temporary folder that the server's user can reach on a short path: tried {tried}")


def _on_disk() -> list[Path]:
    return [Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")]


def _candidates() -> list[Path]:
    """Memory if there is plenty of it and TMPDIR does not say otherwise: a database is 300 files, and laying one out
    takes 20 ms there and up to 300 ms on a slow disk."""
    try:
        plenty = shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    except OSError:
        plenty = False
    return [MEMORY, *_on_disk()] if plenty and "TMPDIR" not in os.environ else _on_disk()


def children(pid: int) -> list[int]:
    """The ids of a process's children; none where the system does not tell (no /proc)."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def notes_folder() -> Path:
    """Raises ServerError where this user has no home and nothing else is named."""
    try:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    except RuntimeError:
        raise ServerError("servers are noted in the user's home, and this user has none: name a folder in XDG_STATE_HOME") from None
    return Path(state) / "dr-sim" / "postgres"


def clear_leftovers() -> list[int]:
    """Stop the servers and remove the folders of processes that are gone; returns the ids of what was stopped."""
    stopped: list[int] = []
    for note in sorted(notes_folder().glob("*.json")):
        try:
            said: dict[str, Any] = json.loads(note.read_text())
            owner, folders, servers = said["owner"], [Path(text) for text in said["folders"]], said["servers"]
        except (OSError, ValueError, KeyError, TypeError):
            note.unlink(missing_ok=True)  # cut off in the middle of writing: before any server was started
            continue
        if began(owner[0]) == owner[1]:
            continue
        for pid, since in servers:
            if began(pid) == since:
                stopped.append(pid)
                end_process(pid, since)
        for folder in folders:
            if folder.name.startswith(PREFIX):
                shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)
    return stopped


def end_process(pid: int, since: str) -> None:
    """Stop a server that is no child of ours: at once (SIGQUIT), and if it does not, for good."""
    for how in (signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        until = time.monotonic() + STOP_S
        while time.monotonic() < until:
            if began(pid) != since:
                return
            time.sleep(0.005)


class Home:
    """This process's folder, programs and servers."""

    def __init__(self) -> None:
        clear_leftovers()
        self.pid = os.getpid()
        notes = notes_folder()
        try:
            notes.mkdir(parents=True, exist_ok=True)
            writable = os.access(notes, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:  # what is not noted could not be stopped by the next if this process is killed
            raise ServerError(f"{notes}: servers are noted here, and it cannot be written: name another folder in XDG_STATE_HOME")
        self.user = server_user()
        self.folder = _temporary(self.user, _candidates())
        self._folders = [self.folder]
        self._servers: dict[int, subprocess.Popen[bytes]] = {}
        self._began: dict[int, str] = {}
        self._count = 0
        self._note = notes / f"{self.pid}-{self.folder.name}.json"
        try:
            self._write_note()
            self.binaries = binaries.find(self.user, self._for_programs)
        except BaseException:
            self.close()
            raise

    def _for_programs(self) -> Path:
        """A folder for programs: from memory they may not be executed everywhere."""
        folder = _temporary(self.user, _on_disk())
        self._folders.append(folder)
        self._write_note()
        return folder

    def _write_note(self) -> None:
        servers = [[pid, since] for pid, since in self._began.items()]
        owner, folders = [self.pid, began(self.pid)], [str(folder) for folder in self._folders]
        text = json.dumps({"owner": owner, "folders": folders, "servers": servers})
        part = self._note.with_suffix(".part")
        part.write_text(text)
        part.replace(self._note)

    def new_folder(self) -> Path:
        self._count += 1
        folder = self.folder / str(self._count)
        self.make_folder(folder)
        return folder

    def make_folder(self, folder: Path) -> None:
        """A folder that belongs to the server's user alone."""
        folder.mkdir(mode=0o700)
        self.own(folder)

    def own(self, place: Path) -> None:
        if self.user is not None:
            os.chown(place, self.user.uid, self.user.gid)

    def _who(self) -> dict[str, Any]:
        who: dict[str, Any] = {"env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}, "cwd": self.folder}
        if self.user is not None:
            who.update(user=self.user.uid, group=self.user.gid, extra_groups=[])
        return who

    def run(self, program: str, *arguments: str | Path) -> bytes:
        """Run one of PostgreSQL's programs, or one of /bin, as the server's user; returns its standard output.

        Raises EngineError: its exit code and what it wrote to standard error.
        """
        path = program if program.startswith("/") else self.binaries.folder / program
        try:
            told: subprocess.CompletedProcess[bytes] = subprocess.run(
                [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=PROGRAM_S, **self._who()
            )
        except subprocess.TimeoutExpired:
            raise EngineError(124, f"{program}: not done after {PROGRAM_S} s") from None
        if told.returncode:
            words = told.stderr.decode(errors="replace").replace(f"{self.folder}/", "").splitlines()
            lines = [line for line in words if line and not line.startswith("WARNING")]
            raise EngineError(told.returncode, " / ".join(lines[:3]) or f"{program} failed")
        return told.stdout

    def start(self, arguments: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
        """Start a server; its output is appended to log. It does not hear the terminal's Ctrl-C: we stop it."""
        with log.open("ab") as output:
            server = subprocess.Popen(
                [self.binaries.folder / "postgres", *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **self._who(),
            )  # fmt: skip
        self._servers[server.pid] = server
        since = began(server.pid)
        if since is not None:
            self._began[server.pid] = since
        self._write_note()
        return server

    def stop(self, server: subprocess.Popen[bytes], how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop a server, by default as a power failure would, and wait until it is gone."""
        self._end(server, how)
        self._servers.pop(server.pid, None)
        self._began.pop(server.pid, None)
        if self.folder.exists():
            self._write_note()

    @staticmethod
    def _end(server: subprocess.Popen[bytes], how: signal.Signals) -> None:
        """Wait for it. A process of it that runs a command (archive_command, restore_command) does not hear a SIGQUIT
        (system(3)), and PostgreSQL gives it 5 s before it kills it: so tell it again."""
        if server.poll() is not None:
            return
        server.send_signal(how)
        until = time.monotonic() + STOP_S
        while time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.02)
                return
            if how == signal.SIGQUIT:
                for child in children(server.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, how)
        server.kill()
        server.wait(STOP_S)

    def close(self) -> None:
        """Stop all servers and remove everything. A forked child of the process that opened it leaves it alone."""
        if os.getpid() != self.pid:
            return
        for server in list(self._servers.values()):
            if server.poll() is None:
                server.send_signal(signal.SIGQUIT)  # all at once, then wait for each
        for server in list(self._servers.values()):
            self.stop(server)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._note.unlink(missing_ok=True)


_home: Home | None = None


def home() -> Home:
    """This process's home; opened when it is first asked for, closed when the process ends."""
    global _home
    if _home is None or _home.pid != os.getpid() or not _home.folder.exists():
        _home = Home()
        atexit.register(_home.close)
    return _home
