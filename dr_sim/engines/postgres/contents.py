"""Tells what lies inside a database: the witness's commits and the position, written and read
through SQL.

A call of commit_to is one transaction with one row of `witness`: the commits [first, next), what
they add to the digest, the running digest, and `marks`, a mark of each commit in its own place: the
k-th is commit first + k * step's, hashint8extended(n, seed), the seed being that of the database
and fork. step is 1 up to MARKS commits; beyond that every step-th is marked, and those between
stand or fall with them: a transaction is there or it is not. Rows of payload
(dr_sim/engines/payload.py) give the database its weight: one to a page, of which it fills half, so
that an update finds room beside the row that it replaces. They are written before the commits that
they are of. The position (commits, LSN, path of forks) is written in the same transaction. LSNs are
text: they have no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from dr_sim.engines.backup_set import Path as Forks
from dr_sim.engines.commits import MASK, content
from dr_sim.engines.payload import ROW_BYTES, Payload
from dr_sim.engines.port import WitnessReading
from dr_sim.engines.postgres.errors import server_error
from dr_sim.engines.postgres.server import PostgresServer

MARKS = 4096
"""Marks a transaction at the most: 32 KiB of log."""

SCHEMA = """
CREATE TABLE witness (
    next int8 PRIMARY KEY, first int8 NOT NULL, fork numeric NOT NULL, content numeric NOT NULL,
    running numeric NOT NULL, step int8 NOT NULL, marks int8[] NOT NULL);
ALTER TABLE witness ALTER marks SET STORAGE EXTERNAL;
CREATE TABLE payload (id int8 PRIMARY KEY, data text NOT NULL) WITH (fillfactor = 50);
ALTER TABLE payload ALTER data SET STORAGE PLAIN;
CREATE TABLE position (commits int8 NOT NULL, lsn text NOT NULL, forks text NOT NULL);
INSERT INTO position VALUES (0, '0', '1,0,0');
"""
_COMMIT = """
WITH batch AS (
  INSERT INTO witness SELECT b.next, b.first, %s::numeric, %s::numeric, %s::numeric, b.step,
    ARRAY(SELECT hashint8extended(n, b.seed) FROM generate_series(b.first, b.next - 1, b.step) n)
  FROM (SELECT %s::int8, %s::int8, %s::int8, %s::int8) b(next, first, step, seed))
UPDATE position SET commits = %s::int8, lsn = %s::text"""
_MOVE = "UPDATE position SET commits = %s::int8, lsn = %s::text, forks = %s::text"
_FILL = (
    f"INSERT INTO payload SELECT n, repeat(md5(n::text), {ROW_BYTES // 32}) FROM "
    "generate_series(0, %s::int8 - 1) n"
)
_OVERWRITE = (
    f"UPDATE payload SET data = repeat(md5(%s::text || id), {ROW_BYTES // 32}) WHERE id >= "
    "%s::int8 AND id < %s::int8"
)
_READ = """
SELECT next, first, fork::text, content::text, running::text, step,
       marks = ARRAY(SELECT hashint8extended(n, seed)
                     FROM generate_series(first, next - 1, greatest(step, 1)) n)
FROM witness LEFT JOIN unnest(%s::numeric[], %s::int8[]) AS s(fork, seed) USING (fork)
WHERE next > %s ORDER BY next"""


@dataclass(slots=True)
class PostgresPosition:
    """commits, LSN and path of forks as the database itself gives them."""

    commits: int
    lsn: int
    forks: Forks


def seed(database: str, fork: int) -> int:
    """The seed of a database's marks on a fork, signed 64-bit."""
    key = blake2b(
        b"seed %d " % fork + database.encode(), digest_size=8
    ).digest()
    return int.from_bytes(key, "little", signed=True)


def commit(
    server: PostgresServer,
    database: str,
    at: PostgresPosition,
    running: int,
    commits: int,
    lsn: int,
) -> int:
    """One transaction that holds the commits from at.commits to commits - 1; returns the running
    digest after it.
    """
    if commits == at.commits:
        server.execute(
            _MOVE, (str(commits), str(lsn), _forks_text(at.forks))
        )
        return running
    first, fork = at.commits, at.forks[-1][0]
    added = content(database, fork, first, commits)
    running = (running + added) & MASK
    step = -(-(commits - first) // MARKS)
    # numbers as text: PostgreSQL then plans one statement for all sizes of them
    values = (
        fork,
        added,
        running,
        commits,
        first,
        step,
        seed(database, fork),
        commits,
        lsn,
    )
    server.execute(_COMMIT, tuple(map(str, values)))
    return running


def fill(server: PostgresServer, payload: Payload) -> None:
    """The rows of a new database."""
    server.execute(_FILL, (str(payload.rows),))


def overwrite(
    server: PostgresServer, payload: Payload, lsn: int, until_lsn: int
) -> None:
    """The rows that this log overwrites; one transaction for each round, so that a page has room
    for the next.
    """
    for first, end in payload.due(lsn, until_lsn):
        server.execute(_OVERWRITE, (str(until_lsn), str(first), str(end)))


def set_forks(server: PostgresServer, at: PostgresPosition) -> None:
    server.execute(
        _MOVE, (str(at.commits), str(at.lsn), _forks_text(at.forks))
    )


def running(server: PostgresServer) -> int:
    """The digest that the last transaction left; whether all before it is there, `read` tells."""
    row = server.execute(
        "SELECT running::text FROM witness ORDER BY next DESC LIMIT 1"
    ).fetchone()
    return int(str(row[0])) if row is not None else 0


def position(server: PostgresServer) -> PostgresPosition:
    """Raises EngineError: what is stored there is no position (XX001), or the server's own."""
    commits, lsn, text = map(
        str, server.row("SELECT commits, lsn, forks FROM position")
    )
    try:
        steps = [
            tuple(map(int, step.split(","))) for step in text.split(";")
        ]
        return PostgresPosition(
            int(commits),
            int(lsn),
            tuple((fork, begins, n) for fork, begins, n in steps),
        )
    except ValueError:
        raise server_error(
            "XX001", "the position in the database is damaged"
        ) from None


def read(
    server: PostgresServer,
    database: str,
    forks: Forks,
    since: WitnessReading,
) -> tuple[WitnessReading, bool]:
    """Return what it holds, every row after those of `since` checked, and whether all is in order.

    Otherwise the digest is none of any commits.
    """
    names = [fork for fork, _, _ in forks]
    rows = server.execute(
        _READ,
        (names, [seed(database, fork) for fork in names], since.commits),
    ).fetchall()
    commits, digest, sound = since.commits, since.digest, True
    for row in rows:
        following, first, fork, added, running, step = map(
            int, map(str, row[:6])
        )
        digest = (digest + added) & MASK
        sound = (
            sound
            and bool(row[6])
            and first == commits
            and digest == running
            and added == content(database, fork, first, following)
            and step == -(-(following - first) // MARKS)
        )
        commits = following
    if not sound:
        digest = int.from_bytes(
            blake2b(repr(rows).encode(), digest_size=8).digest(), "little"
        )
    return WitnessReading(commits, digest), sound


def _forks_text(forks: Forks) -> str:
    return ";".join(",".join(map(str, step)) for step in forks)
