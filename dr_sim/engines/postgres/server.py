"""One PostgreSQL server on one data folder: started as a primary or as a standby, spoken to through its private socket.

Beside the data folder lie `spool` (where archive_command puts closed segments), `released` (the only place from which a
standby's restore_command takes any) and `log`. Both commands are plain /bin/sh, relative to the data folder. A standby
asks for its next segment when it is woken and otherwise every RETRY_S, so an idle one costs nothing; what is wrong
with a released segment it says in its log, in a line of its startup process.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from dr_sim.engines.port import EngineError
from dr_sim.engines.postgres.errors import server_error
from dr_sim.engines.postgres.home import Home

SEGMENT_BYTES = 1 << 20
"""--wal-segsize=1: a log backup is whole segments, and every one of them costs its size to archive and to restore."""
START_S = 60
ANSWER_S = 60
RETRY_S = 10
FULL = "full"
"""A file of this name beside the data folder: there is no room where archive_command puts segments."""
POLL_S = 0.0005

SETTINGS = {
    "listen_addresses": "", "unix_socket_directories": "..", "unix_socket_permissions": "0700", "port": "5432",
    # what dies in the simulation is this process, never the machine: the system's cache survives
    "fsync": "off",
    "wal_level": "replica", "max_wal_senders": "4", "max_connections": "10", "hot_standby": "on",
    "archive_mode": "on", "archive_command": f"if test -e ../{FULL}; then cp %p /dev/full; else cp %p ../spool/%f; fi",
    "restore_command": "test -f ../released/%f && cp ../released/%f %p", "wal_retrieve_retry_interval": f"{RETRY_S}s",
    "summarize_wal": "on",
    # segments are new files of zeros, so that what has not been written yet reads as the log's end
    "wal_recycle": "off", "wal_init_zero": "on", "min_wal_size": "2MB", "max_wal_size": "64MB",
    # a server that falls stays down until somebody starts it, as under a cluster manager
    "restart_after_crash": "off",
    # nothing is done at times of the real clock
    "checkpoint_timeout": "1d", "autovacuum": "off", "max_logical_replication_workers": "0",
    "shared_buffers": "8MB", "dynamic_shared_memory_type": "mmap", "jit": "off",
    "log_line_prefix": "%p %e ", "log_checkpoints": "off", "log_timezone": "UTC", "cluster_name": "",
}  # fmt: skip
SETTINGS_BY_VERSION = {18: {"io_method": "sync"}}

_LINE = re.compile(r"^(\d+) (\w{5}) (LOG|WARNING|ERROR|FATAL|PANIC):  (.*)$", re.M)
_CHATTER = re.compile(
    r"restored log file|redo (starts|done|in progress)|entering standby|starting (backup|archive|point)|consistent recovery"
    r"|completed backup|database system|new target timeline|switched WAL|last completed transaction|backup label"
    r"|waiting for WAL|successfully skipped missing contrecord|received promote|selected new timeline|archive recovery complete|invalid checkpoint|parameter .* changed|received SIGHUP"
)


class Server:
    """A server; `standby`: it waits for segments. The folder must hold `data`; the rest is made."""

    __slots__ = ("_connection", "_heard", "_process", "folder", "home", "settings", "standby", "startup_pid")

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.standby = False
        self.startup_pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._heard = 0
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
        return self._process.pid if self._process is not None and self.running else 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, standby: bool = False, **settings: str) -> None:
        """Start it and wait until it answers: a standby when what it holds is consistent.

        Raises EngineError with the server's last words if it does not come up, ServerError if it is not heard of.
        """
        mark = self.data / "standby.signal"
        self.standby = standby
        if standby:
            mark.touch()
            self.home.own(mark)
        else:
            mark.unlink(missing_ok=True)
        self._heard = self.log.stat().st_size if self.log.exists() else 0
        given = [f"--{name}={value}" for name, value in {**self.settings, **settings}.items()]
        self._process = self.home.start(["-D", self.data, *given], self.log)
        self._connect()
        if standby:
            row = self.row("SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'")
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
                        host=str(self.folder), user="postgres", dbname="postgres", autocommit=True,
                        connect_timeout=START_S, options=f"-c statement_timeout={ANSWER_S}s",
                    )  # fmt: skip
                    return
                except psycopg.OperationalError as error:
                    if time.monotonic() > until:
                        raise server_error(error.sqlstate or "08001", f"{error}".strip()) from error
            elif time.monotonic() > until:
                raise server_error("08001", f"the server was not up after {START_S} s")
            time.sleep(0.003)

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> psycopg.Cursor[tuple[object, ...]]:
        """Raises EngineError: the server's SQLSTATE and text."""
        if self._connection is None:
            raise server_error("08003", "the server is stopped")
        try:
            return self._connection.execute(sql.encode(), values)
        except psycopg.Error as error:
            raise server_error(error.sqlstate or "08006", f"{error}".strip().split("\n")[0]) from error

    def row(self, sql: str, values: tuple[object, ...] = ()) -> tuple[object, ...]:
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
            os.kill(self.startup_pid, signal.SIGHUP)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """By default at once, as a power failure would: what it has flushed is in its files."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self.home.stop(self._process, how)
            self._process = None
        self.startup_pid = 0

    # ---- what it says ------------------------------------------------------------------------------------------
    def forget(self) -> None:
        """What it has said up to now is of no interest."""
        self._heard = self.log.stat().st_size

    def complaint(self) -> str:
        """The first thing the startup process has complained of since; '' if nothing."""
        if self.log.stat().st_size == self._heard:
            return ""
        for pid, _, _, words in self._lines():
            if int(pid) == self.startup_pid and not _CHATTER.search(words):
                return words
        return ""

    def _lines(self) -> list[tuple[str, str, str, str]]:
        with self.log.open("rb") as file:
            file.seek(self._heard)
            return _LINE.findall(file.read().decode(errors="replace"))

    def last_words(self) -> EngineError:
        """Why a server is gone, by its log."""
        lines = [line for line in self._lines() if line[2] in ("FATAL", "PANIC")]
        lines.sort(key=lambda line: line[2] != "PANIC")  # what others say while it falls is of no interest
        if not lines:
            return server_error("57P02", "the server is gone and its log does not say why")
        _, state, _, words = lines[0]
        return server_error(state, words)
