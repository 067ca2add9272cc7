"""dr_sim's own errors, from 60001 on: what real engines have no words for, since none of them knows
a chain of backups.
"""

from __future__ import annotations

from dr_sim.engines.port import EngineError

ERRORS: dict[int, str] = {
    60001: "The hash of the file's content is not the one it carries.",
    60004: "The chain has a hole: the log begins at LSN {lsn}, the database is at {redo}.",
    60005: "The file '{path}' is not in the share.",
    60007: "There is not enough space on the disk.",
    60011: "The header of '{path}' cannot be read.",
    60012: "The file '{path}' has been cut off.",
    60013: "The backup '{path}' was cut off while it was being made.",
    60014: "The file '{path}' does not end as a backup does, or what it holds does not add up.",
    60015: "The backup is of another database than '{db}'.",
    60016: "The backup ends at LSN {lsn}, the database is past that at {redo}.",
    60017: "The incremental is based on another full than the database carries.",
    60018: "The backup is on another fork than the database.",
    60019: "Database '{db}' is not being restored.",
    60020: "There is no full backup of '{db}' to go on from.",
    60021: "Database '{db}' does not exist.",
    60022: "Database '{db}' is being restored.",
    60023: "Database '{db}' exists already.",
    60024: "The server stopped replaying at {native}: {words}",
    60025: "The server had not replayed up to {native} after {seconds} s; it stands at {stands}.",
    60026: "The server of database '{db}' is stopped.",
    60030: "The copy of database '{db}' cannot be rolled forward any more: redo failed.",
    60032: "The copy of database '{db}' is unusable: it cannot be brought online.",
    60031: "The restore was ended.",
}
DAMAGE = {
    "header": 60011,
    "cut": 60012,
    "not_ended": 60013,
    "mark": 60014,
    "checksum": 60001,
}
"""By what a DamagedError says."""
OBSTACLES = {
    "wrong_fork": 60018,
    "wrong_base": 60017,
    "gap": 60004,
    "stale": 60016,
}
"""By what backup_set.obstacle says."""


def refusal(number: int, **holes: object) -> EngineError:
    return EngineError(number, ERRORS[number].format(**holes))
