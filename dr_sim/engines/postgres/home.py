"""The home of this process's servers: where they live, as whom they run, and how they are gone
afterwards.

All lies in one private temporary folder per process: databases, sockets, logs. It is removed, and
its servers are stopped, when the process ends, by itself or by Ctrl-C; if it is killed, by its
watcher, and what the watcher did not get to, by the next one (notes.py).

PostgreSQL refuses to run as root, so root runs it as `nobody`, from a folder which that user can
reach.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import select
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
from dr_sim.engines.postgres.errors import OutsideError, ServerError
from dr_sim.engines.postgres.notes import (
    PREFIX,
    STOP_S,
    Note,
    clear_leftovers,
)

# the longest path of a Unix socket on Linux, less its end (sys/un.h); 103 on macOS
SOCKET_BYTES = 107
_LONGEST_BELOW = len("/12345/.s.PGSQL.5432")
GIVE_BACK_S = 5
_WATCH = """
servers=' '
nl='
'
folders=''
while IFS= read -r line; do
  case $line in
    +*) servers="$servers${line#+} " ;;
    -*) gone=${line#-}; servers="${servers%% $gone *} ${servers#* $gone }" ;;
    /*) folders="$folders$line$nl" ;;
    done) exit 0 ;;
  esac
done
for id in $servers; do kill -QUIT "$id"; done
sleep 1
for id in $servers; do kill -KILL "$id"; done
printf '%s' "$folders" | while IFS= read -r folder; do rm -rf -- "$folder"; done
"""
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 << 30
PROGRAM_S = 120  # no program of PostgreSQL may take longer
CRASHES = (signal.SIGILL, signal.SIGABRT, signal.SIGFPE, signal.SIGSEGV)
"""Signals that a process brings upon itself; all others are sent to it."""


def server_user() -> User | None:
    """Whom servers run as; None: as ourselves. Raises ServerError."""
    uid = os.geteuid()
    if uid != 0:
        try:
            pwd.getpwuid(uid)
        except KeyError:  # as after `docker run --user 54321`
            raise ServerError(
                f"initdb refuses to run for user id {uid}, which has no name here: add a "
                "line to /etc/passwd"
                f" (dr-sim:x:{uid}:{os.getegid()}::/tmp:/bin/sh), or run dr-sim as a user "
                "that has one, or as root"
            ) from None
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError(
            "PostgreSQL refuses to run as root, and there is no user 'nobody': use another user"
        ) from None
    return User(entry.pw_uid, entry.pw_gid)


def _temporary(user: User | None, candidates: Sequence[Path]) -> Path:
    """A new folder, in the first of these that user can reach, on a path short enough for a
    socket.
    """
    for parent in candidates:
        reach = user is None or all(
            p.stat().st_mode & 0o001
            for p in (parent, *parent.parents)
            if p.exists()
        )
        if (
            parent.is_dir()
            and reach
            and len(str(parent)) + len(PREFIX) + 10 + _LONGEST_BELOW
            < SOCKET_BYTES - 4
        ):
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            if user is not None:
                folder.chmod(
                    0o711
                )  # others may pass through, to what belongs to them
            return folder
    tried = ", ".join(map(str, candidates))
    raise ServerError(
        f"no temporary folder that the server's user can reach on a short path: tried {tried}"
    )


def _on_disk() -> list[Path]:
    return [
        Path(tempfile.gettempdir()).resolve(),
        Path("/tmp"),
        Path("/var/tmp"),
    ]


def _candidates() -> list[Path]:
    """Memory if there is plenty of it and TMPDIR does not say otherwise: a database is 300 files,
    and laying one out takes 20 ms there and up to 300 ms on a slow disk.
    """
    try:
        plenty = shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    except OSError:
        plenty = False
    return (
        [MEMORY, *_on_disk()]
        if plenty and "TMPDIR" not in os.environ
        else _on_disk()
    )


def children(pid: int) -> list[int]:
    """The ids of a process's children; none where the system does not tell (no /proc)."""
    try:
        return [
            int(word)
            for word in Path(f"/proc/{pid}/task/{pid}/children")
            .read_text()
            .split()
        ]
    except OSError:
        return []


def sent(code: int) -> str:
    """Return how a process ended that gave this code (of subprocess), if somebody sent it the
    signal; else ''.
    """
    return (
        f"was ended by signal {-code} ({signal.strsignal(-code)})"
        if code < 0 and -code not in CRASHES
        else ""
    )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started: first so that it gives its shared memory back, then
    for good.
    """
    for how, wait_s in (
        (signal.SIGTERM, GIVE_BACK_S),
        (signal.SIGKILL, STOP_S),
    ):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)
            return


class Watcher:
    """A shell that ends the servers of this process when this process is gone, however that ended.

    It reads a line for each server that begins (+id) or ends (-id), and one for each folder
    (/path). Its input ends with this process, since nobody else holds the other end: then it stops
    what is left, and removes the folders.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin"},
            cwd="/",
        )

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(
            BrokenPipeError
        ):  # somebody ended it: the notes are still there
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Everything has been ended and removed by ourselves."""
        self.tell("done")
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)


class Home:
    """This process's folder, programs and servers."""

    def __init__(self) -> None:
        self.user = server_user()
        clear_leftovers()
        self.pid = os.getpid()
        self.note = Note()
        self.watcher = Watcher()
        self._servers: dict[int, tuple[subprocess.Popen[bytes], int]] = {}
        """By process id; with it what ends with the last of its processes."""
        self._count = 0
        try:
            self.folder = self._temporary(_candidates())
            self.binaries = binaries.find(self.user, self._for_programs)
        except BaseException:
            self.close()
            raise

    def _temporary(self, candidates: Sequence[Path]) -> Path:
        folder = _temporary(self.user, candidates)
        self.note.add_folder(folder)
        self.watcher.tell(str(folder))
        return folder

    def _for_programs(self) -> Path:
        """A folder for programs: from memory they may not be executed everywhere."""
        return self._temporary(_on_disk())

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
        who: dict[str, Any] = {
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            "cwd": self.folder,
        }
        if self.user is not None:
            who.update(
                user=self.user.uid, group=self.user.gid, extra_groups=[]
            )
        return who

    def run(self, program: str, *arguments: str | Path) -> bytes:
        """Run one of PostgreSQL's programs, or one of /bin, as the server's user; returns its
        standard output.

        Raises EngineError: its exit code and what it wrote to standard error. OutsideError:
        somebody else ended it.
        """
        path = (
            program
            if program.startswith("/")
            else self.binaries.folder / program
        )
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **self._who(),
        )
        with process:
            try:
                self.note.add(process.pid, server=False)
                output, said = process.communicate(timeout=PROGRAM_S)
            except BaseException as error:
                _end_group(process)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise OutsideError(
                        f"{program} was not done after {PROGRAM_S} s: the run ends here, "
                        "and nothing of it is written"
                    ) from None
                raise
            finally:
                process.wait()
                self.note.remove(process.pid)
        how = sent(process.returncode)
        if how:
            raise OutsideError(
                f"{program} {how}. Nothing in the scenario does that: the run ends here, "
                "and nothing of it is written"
            )
        if process.returncode:
            words = (
                said.decode(errors="replace")
                .replace(f"{self.folder}/", "")
                .splitlines()
            )
            lines = [
                line
                for line in words
                if line and not line.startswith("WARNING")
            ]
            raise EngineError(
                process.returncode,
                " / ".join(lines[:3]) or f"{program} failed",
            )
        return output

    def start(
        self, arguments: Sequence[str | Path], log: Path
    ) -> subprocess.Popen[bytes]:
        """Start a server; its output is appended to log. It does not hear the terminal's Ctrl-C: we
        stop it.
        """
        # all its processes hold one end, and nobody writes: the other ends with the last of them
        alive, held = os.pipe()
        try:
            with log.open("ab") as output:
                server = subprocess.Popen(
                    [self.binaries.folder / "postgres", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=[held],
                    **self._who(),
                )
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(held)
        self._servers[server.pid] = server, alive
        self.note.add(server.pid, server=True)
        self.watcher.tell(f"+{server.pid}")
        return server

    def stop(
        self,
        server: subprocess.Popen[bytes],
        how: signal.Signals = signal.SIGQUIT,
    ) -> None:
        """Stop a server, by default as a power failure would, and wait until it is gone."""
        self._end(server, how)
        if server.pid in self._servers:
            _, alive = self._servers.pop(server.pid)
            # the processes of one that was killed end by themselves, a little later
            select.select([alive], [], [], STOP_S)
            os.close(alive)
            self.note.remove(server.pid)
            self.watcher.tell(f"-{server.pid}")

    @staticmethod
    def _end(server: subprocess.Popen[bytes], how: signal.Signals) -> None:
        """Wait for it. A process of it that runs a command (archive_command, restore_command) does
        not hear a SIGQUIT (system(3)), and PostgreSQL gives it 5 s before it kills it: so tell it
        again.
        """
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
        """Stop all servers and remove everything. A forked child of the process that opened it
        leaves it alone.
        """
        if os.getpid() != self.pid:
            return
        servers = [server for server, _ in self._servers.values()]
        for server in servers:
            if server.poll() is None:
                server.send_signal(
                    signal.SIGQUIT
                )  # all at once, then wait for each
        for server in servers:
            self.stop(server)
        for folder in self.note.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.watcher.close()
        self.note.close()


_home: Home | None = None


def home() -> Home:
    """Return this process's home; opened when it is first asked for, closed when the process
    ends.
    """
    global _home
    if (
        _home is None
        or _home.pid != os.getpid()
        or not _home.folder.exists()
    ):
        _home = Home()
        atexit.register(_home.close)
    return _home
