"""The words that a PostgreSQL server or its programs say where SQL Server has a message, for the
model that imitates PostgreSQL.

The key is SQL Server's number, under which the model knows the situation. Where the server raises
an error its number is the SQLSTATE's five characters read to base 36 (as the real engine's, see
postgres/errors.py), and the text begins with the SQLSTATE. Where only a program or a line of the
server's log speaks, or nobody, there is no SQLSTATE: the number is dr_sim's own (own_errors.py),
and the text theirs as far as there is one. From the facts about real servers of version 15 to 18,
and the source of versions 17 and 18.
"""

from __future__ import annotations

from dr_sim.engines.own_errors import ERRORS as OWN
from dr_sim.engines.port import EngineError

_WRONG_SIZE = (
    'archive file "{path}" has wrong size: {size} instead of 16777216'
)
_NO_SUMMARIES = "WAL summaries are required, but no summaries for that timeline and LSN range exist"

WORDS: dict[int, tuple[str | int, str]] = {
    596: ("57P01", "terminating connection due to administrator command"),
    824: ("XX001", "invalid page in block {page} of relation base/{file}"),
    911: ("3D000", 'database "{db}" does not exist'),
    927: ("57P03", "the database system is not accepting connections"),
    1801: ("42P04", 'database "{db}" already exists'),
    3035: ("55000", _NO_SUMMARIES),
    3043: (60001, "pg_basebackup: error: checksum error occurred"),
    3101: ("55006", 'database "{db}" is being accessed by other users'),
    3117: ("55000", "recovery is not in progress"),
    3118: ("3D000", 'database "{db}" does not exist'),
    3136: (
        60017,
        'pg_combinebackup: error: backup at "base" starts at LSN {carried}, but expected {base}',
    ),
    3153: ("55000", "recovery is not in progress"),
    3154: (60015, "WAL file is from different database system"),
    3159: (
        60023,
        'pg_basebackup: error: directory "{db}" exists but is not empty',
    ),
    3183: ("XX001", "invalid page in block {page} of relation base/{file}"),
    3189: (
        60001,
        'pg_verifybackup: error: checksum mismatch for file "{path}"',
    ),
    3201: (
        "58P01",
        'could not open file "{path}": No such file or directory',
    ),
    3202: (
        "53100",
        'could not write to file "{path}": No space left on device',
    ),
    3203: ("XX000", _WRONG_SIZE),
    3241: (60011, 'invalid magic number 0000 in WAL segment "{path}"'),
    3256: (
        60013,
        'pg_verifybackup: error: could not open file "{path}/backup_manifest": No such '
        "file or directory",
    ),
    3257: (
        "53100",
        'could not extend file "{volume}": No space left on device',
    ),
    3414: ("XX001", "invalid page in block 0 of relation pg_class of {db}"),
    3456: ("XX000", "PANIC: WAL contains references to invalid pages"),
    4208: ("55000", "WAL level not sufficient for making an online backup"),
    4214: (
        "55000",
        'WAL was generated with "wal_level=minimal", cannot continue recovering',
    ),
    4305: (60004, "waiting for WAL to become available at {redo}"),
    4326: (60016, OWN[60016]),
    4330: (
        "XX000",
        "requested timeline {fork} is not a child of this server's history",
    ),
    5133: ("58P01", 'FATAL: directory "{path}" does not exist'),
    9002: (
        "53100",
        'PANIC: could not write to file "pg_wal/xlogtemp": No space left on device',
    ),
}
"""SQL Server's number -> the SQLSTATE, or a number of dr_sim's own, and the text."""

_POSITIONS = ("lsn", "redo", "carried", "base")


def refusal(number: int, **holes: object) -> EngineError:
    """The error in PostgreSQL's words. number: SQL Server's, of the same situation."""
    if number == 3241 and not holes.get("size", 1):
        number = 3203  # an empty file has the wrong size before anybody looks for a header
    state, text = WORDS[number]
    filled = text.format(
        **{key: _shown(key, value) for key, value in holes.items()}
    )
    return (
        EngineError(state, filled)
        if isinstance(state, int)
        else EngineError(int(state, 36), f"{state} {filled}")
    )


def _shown(key: str, value: object) -> object:
    """A position as PostgreSQL writes it: 0/8F0D1801."""
    return (
        f"{value >> 32:X}/{value & 0xFFFFFFFF:X}"
        if key in _POSITIONS and isinstance(value, int)
        else value
    )
