"""One PostgreSQL server on one data folder: started as a primary or as a standby, spoken to through
its private socket.

Beside the data folder lie `spool` (where archive_command puts closed segments), `released` (the
only place from which a standby's restore_command takes any) and `log`. Both commands are plain
/bin/sh, relative to the data folder. A standby asks for its next segment when it is woken and
otherwise every RETRY_S, so an idle one costs nothing; what is wrong with a released segment it says
in its log, in a line of its startup process.

A server ends because we stop it, or because it falls over what the scenario gave it, a damaged log
or a full disk: then its log has a FATAL or PANIC of its own, or a crash, and that is an EngineError
in its words. Every other end is from outside, and an OutsideError.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from dr_sim.engines.port import EngineError
from dr_sim.engines.postgres.errors import OutsideError, server_error
from dr_sim.engines.postgres.home import Home, sent

SEGMENT_BYTES = 1 << 20
"""--wal-segsize=1: a log backup is whole segments, and every one of them costs its size to archive
and to restore.
"""
START_S = 60
ANSWER_S = 60
RETRY_S = 10
GONE_S = 30
"""A server one of whose processes has crashed ends the others first, those that do not hear it
after 5 s (postmaster.c).
"""
FULL = "full"
"""A file of this name beside the data folder: there is no room where archive_command puts segments.
"""
POLL_S = 0.0005

SETTINGS = {
    # the first, so that what is wrong with the others is reported in this form too
    "log_line_prefix": "%p %e ",
    "listen_addresses": "",
    "unix_socket_directories": "..",
    "unix_socket_permissions": "0700",
    "port": "5432",
    # what dies in the simulation is this process, never the machine: the system's cache survives
    "fsync": "off",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "max_connections": "10",
    "hot_standby": "on",
    "archive_mode": "on",
    "archive_command": f"if test -e ../{FULL}; then cp %p /dev/full; else cp %p ../spool/%f; fi",
    "restore_command": "test -f ../released/%f && cp ../released/%f %p",
    "wal_retrieve_retry_interval": f"{RETRY_S}s",
    "summarize_wal": "on",
    # segments are new files of zeros, so that what has not been written yet reads as the log's end
    "wal_recycle": "off",
    "wal_init_zero": "on",
    "min_wal_size": "2MB",
    "max_wal_size": "64MB",
    # a server that falls stays down until somebody starts it, as under a cluster manager
    "restart_after_crash": "off",
    # nothing is done at times of the real clock
    "checkpoint_timeout": "1d",
    "autovacuum": "off",
    "max_logical_replication_workers": "0",
    "shared_buffers": "8MB",
    "dynamic_shared_memory_type": "mmap",
    "jit": "off",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "cluster_name": "",
}
SETTINGS_BY_VERSION = {18: {"io_method": "sync"}}

_LINE = re.compile(
    r"^(\d+) (\w{5}) (LOG|WARNING|ERROR|FATAL|PANIC):  (.*)$", re.M
)
_SIGNALLED = re.compile(r"terminated by signal (\d+)")
_ORDERED = re.compile(r"received (smart|fast|immediate) shutdown request")
_CONSEQUENCE = "57P0"
"""How the SQLSTATEs begin that processes give as they go because they were told to, or because
another one has fallen.
"""
CRASH_SHUTDOWN = "57P02"
_CHATTER = re.compile(
    r"restored log file|redo (starts|done|in progress)|entering standby|starting "
    r"(backup|archive|point)|consistent recovery"
    r"|completed backup|database system (was|is) |new target timeline|switched WAL|last completed "
    r"transaction|backup label"
    r"|waiting for WAL|successfully skipped missing contrecord|received promote|selected "
    r"new timeline|archive recovery complete|invalid checkpoint|parameter .* "
    r"changed|received SIGHUP"
)


class PostgresServer:
    """A server; `standby`: it waits for segments. The folder must hold `data`; the rest is made."""

    __slots__ = (
        "_connection",
        "_heard",
        "_process",
        "_started",
        "folder",
        "home",
        "name",
        "settings",
        "standby",
        "startup_pid",
    )

    def __init__(self, home: Home, folder: Path, name: str) -> None:
        self.home = home
        self.name = name
        self.folder = folder
        self.standby = False
        self.startup_pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: psycopg.Connection[tuple[object, ...]] | None = (
            None
        )
        # bytes of the log: looked at already; from before it was started
        self._heard = self._started = 0
        self.settings = dict(SETTINGS)
        for version, more in SETTINGS_BY_VERSION.items():
            if home.binaries.major >= version:
                self.settings.update(more)
        for name in ("spool", "released"):
            if not (folder / name).exists():
                home.make_folder(folder / name)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """0: it is stopped."""
        return (
            self._process.pid
            if self._process is not None and self.running
            else 0
        )

    @property
    def running(self) -> bool:
        """Raises OutsideError if somebody else has ended it."""
        if self._process is None or self._process.poll() is None:
            return self._process is not None
        why = self._ended_from_outside(self._process.returncode)
        if why:
            raise self.lost(why)
        return False

    def start(self, *, standby: bool = False, **settings: str) -> None:
        """Start it and wait until it answers: a standby when what it holds is consistent.

        Raises EngineError with the server's last words if it falls, OutsideError if it is not heard
        of.
        """
        mark = self.data / "standby.signal"
        self.standby = standby
        if standby:
            mark.touch()
            self.home.own(mark)
        else:
            mark.unlink(missing_ok=True)
        self._heard = self._started = (
            self.log.stat().st_size if self.log.exists() else 0
        )
        given = [
            f"--{name}={value}"
            for name, value in {**self.settings, **settings}.items()
        ]
        self._process = self.home.start(["-D", self.data, *given], self.log)
        self._connect()
        if standby:
            row = self.row(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'"
            )
            self.startup_pid = int(str(row[0]))

    def _connect(self) -> None:
        until = time.monotonic() + START_S
        socket = self.folder / ".s.PGSQL.5432"
        while True:
            if not self.running:
                raise self.last_words()
            if socket.exists():
                try:
                    self._connection = psycopg.connect(
                        host=str(self.folder),
                        user="postgres",
                        dbname="postgres",
                        autocommit=True,
                        connect_timeout=START_S,
                        options=f"-c statement_timeout={ANSWER_S}s",
                    )
                    return
                except psycopg.OperationalError as error:
                    if time.monotonic() > until:
                        raise self.lost(
                            f"was not up after {START_S} s ({error})"
                        ) from error
            elif time.monotonic() > until:
                raise self.lost(f"was not up after {START_S} s")
            time.sleep(0.003)

    def execute(
        self, sql: str, values: tuple[object, ...] = ()
    ) -> psycopg.Cursor[tuple[object, ...]]:
        """Raises EngineError: the server's SQLSTATE and text, or if it falls its last words."""
        if self._connection is None:
            raise server_error("08003", "the server is stopped")
        try:
            return self._connection.execute(sql.encode(), values)
        except psycopg.Error as error:
            if self._connection.broken:
                raise self._fallen() from error
            if isinstance(error, psycopg.errors.QueryCanceled):
                raise self.lost(f"gave no answer ({error})") from error
            raise server_error(
                error.sqlstate or "08006", f"{error}".strip().split("\n")[0]
            ) from error

    def row(
        self, sql: str, values: tuple[object, ...] = ()
    ) -> tuple[object, ...]:
        row = self.execute(sql, values).fetchone()
        if row is None:
            raise server_error("02000", "no row")
        return row

    def wait(self, done: Callable[[], bool], limit_s: float) -> bool:
        """Look until it is so, or for so long."""
        until = time.monotonic() + limit_s
        while not done():
            if time.monotonic() > until:
                return False
            time.sleep(POLL_S)
        return True

    def wake(self) -> None:
        """Have a standby look for its next segment now: SIGHUP ends its startup process's wait."""
        if self.startup_pid:
            # it has fallen: whoever waits for it will see
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.startup_pid, signal.SIGHUP)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it. By default that happens at once, as in a power failure: what it has flushed is
        in its files.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self.home.stop(self._process, how)
            self._process = None
        self.startup_pid = 0

    # ---- what it says
    def forget(self) -> None:
        """Forget what it has said up to now."""
        self._heard = self.log.stat().st_size

    def complaint(self) -> str:
        """The first thing the startup process has complained of since, of a file that it has taken
        since; '' if nothing. What it says before it takes one is about an earlier file.
        """
        if self.log.stat().st_size == self._heard:
            return ""
        taken = False
        for pid, _, _, words in self._lines(self._heard):
            if int(pid) != self.startup_pid:
                continue
            taken = taken or words.startswith("restored log file")
            if taken and not _CHATTER.search(words):
                return words
        return ""

    def _lines(self, since: int) -> list[tuple[str, str, str, str]]:
        with self.log.open("rb") as file:
            file.seek(since)
            return _LINE.findall(file.read().decode(errors="replace"))

    def last_words(self) -> EngineError:
        """Return why a server that fell is gone, by its log."""
        return self._reason() or server_error(
            CRASH_SHUTDOWN,
            "the server is gone and its log does not say why",
        )

    def _reason(self) -> EngineError | None:
        """Return what it gives as the reason of its fall: a PANIC, a FATAL that is no consequence
        of another, or a crash.
        """
        lines = self._lines(self._started)
        reasons = [
            line
            for line in lines
            if line[2] in ("PANIC", "FATAL")
            and not line[1].startswith(_CONSEQUENCE)
        ]
        reasons.sort(key=lambda line: line[2] != "PANIC")
        found = [(state, words) for _, state, _, words in reasons]
        found += [
            (CRASH_SHUTDOWN, words)
            for _, _, _, words in lines
            if _SIGNALLED.search(words)
        ]
        return server_error(*found[0]) if found else None

    def _ended_from_outside(self, code: int) -> str:
        """Return how it was ended by somebody else, after 'the server'; '' if it fell by itself.
        code: as of subprocess.
        """
        if sent(code):
            return sent(code)
        for _, _, _, words in self._lines(self._started):
            found = _SIGNALLED.search(words)
            if found and sent(-int(found[1])):
                return f"fell ({words})"
        if self._told_to_stop():
            return self._told_to_stop()
        if code >= 0 and self._reason() is None:
            return (
                f"ended with exit code {code}, and its log does not say why"
            )
        return ""

    def _told_to_stop(self) -> str:
        """Return that somebody else has stopped the server since it was started; '' if nobody
        has.
        """
        orders = [
            words
            for _, _, _, words in self._lines(self._started)
            if _ORDERED.search(words)
        ]
        return f"was told to stop ({orders[0]})" if orders else ""

    def check(self) -> None:
        """A program has failed that spoke to it. Raises EngineError if it has fallen, OutsideError
        if that is from outside.
        """
        self.execute("SELECT 1")
        if (
            self._told_to_stop()
        ):  # it waits for us to go, and lets nobody else in
            raise self.lost(self._told_to_stop())

    def _fallen(self) -> EngineError:
        """Our connection has ended, so the server is falling: its last words. Raises OutsideError
        if it is not.
        """
        if not self.wait(lambda: not self.running, GONE_S):
            raise self.lost("has ended our connection, and goes on")
        return self.last_words()

    def lost(self, why: str) -> OutsideError:
        """The run cannot continue: why, after 'the server', and where to look; one line."""
        why = " ".join(why.split())
        who = f"{'standby' if self.standby else 'primary'} of database {self.name}"
        place = self.home.note.keep_log(f"{who}: {why}", self.log)
        return OutsideError(
            f"PostgreSQL, {who}: the server {why}. Nothing in the scenario does that: the "
            "run ends here, and nothing of it is written."
            f" The server's last log lines are in {place}"
        )
