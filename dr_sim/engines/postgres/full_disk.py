"""A primary whose disk is full of log that nobody takes: what the server really does then.

Its archive_command fails (cp finds no room: /dev/full), so closed segments stay in pg_wal whatever
checkpoints there are, and pg_wal grows, for real. Its budget is one that we impose, without being
root: after BEYOND segments no process of the server may make a file as large as a segment (prlimit,
RLIMIT_FSIZE; the system then says EFBIG, 'File too large', where a full disk says ENOSPC; the way
through the server is the same). What PostgreSQL says is a PANIC, for it can no longer write its
log, and it is gone (with restart_after_crash it tries to recover, cannot write that down either,
and is gone). It does not only refuse writes, as SQL Server does with 9002: it takes no reads, and
its archiver is gone with it. So the next who wants something of it (a log backup) first makes room,
as people do who keep a ballast file for that, and starts it again: it recovers, archives what has
gathered, and continues; or falls again, if what was taken of it still cannot go anywhere.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from dr_sim.engines.own_errors import refusal
from dr_sim.engines.port import EngineError
from dr_sim.engines.postgres.home import Home, children
from dr_sim.engines.postgres.server import (
    FULL,
    GONE_S,
    SEGMENT_BYTES,
    PostgresServer,
)

PRLIMIT = Path("/usr/bin/prlimit")
"""A program of util-linux, there on every Linux."""
BEYOND = 4
"""Segments that pg_wal grows by before its budget is used up."""
MESSAGE_BYTES = SEGMENT_BYTES // 8
MOST_MESSAGES = (
    200  # a server that had made segments in advance uses those up first
)
_MESSAGE = "SELECT pg_logical_emit_message(false, 'other work', repeat('x', %s::int))"


def run_out(server: PostgresServer) -> EngineError:
    """Let its log grow until there is no room: the server's last words. It is down afterwards; what
    it acknowledged is there.
    """
    if not PRLIMIT.exists() or not server.pid:
        return refusal(
            60007
        )  # this system cannot bound another process: it was not asked
    (server.folder / FULL).touch()
    server.forget()
    with contextlib.suppress(EngineError):  # the one that falls
        for count in range(MOST_MESSAGES):
            if count == BEYOND * SEGMENT_BYTES // MESSAGE_BYTES:
                for pid in (server.pid, *children(server.pid)):
                    _bound(server.home, pid)
            server.execute(_MESSAGE, (str(MESSAGE_BYTES),))
    server.wait(lambda: not server.running, GONE_S)
    words = server.last_words()
    server.stop()
    return words


def _bound(home: Home, pid: int) -> None:
    """Limit the file size of a process. It runs as the server's user, since root may lack the right
    (CAP_SYS_RESOURCE) to do that to others. The process leaves no core file when it falls.
    """
    with contextlib.suppress(EngineError):  # one that has ended meanwhile
        home.run(
            str(PRLIMIT),
            "--pid",
            str(pid),
            f"--fsize={SEGMENT_BYTES - 1}",
            "--core=0",
        )


def make_room(server: PostgresServer) -> None:
    """Let archiving work again: there is room, and the server is to be started."""
    (server.folder / FULL).unlink(missing_ok=True)


def no_room_for_a_file(home: Home, source: Path) -> EngineError:
    """Return what the system says to a program that writes where no room is left."""
    try:
        home.run("/bin/cp", source, "/dev/full")
    except EngineError as error:
        return error
    return refusal(60007)  # no such device here
