"""Reasons why a remedy was refused, and whether the refusal passes.

A refusal that passes says nothing about the remedy (R8, R11): the jobs are paused, the primary
cannot be reached, there is no room just now, another backup is running, somebody reads the
database. The same remedy is requested again. Only a refusal that says that this remedy cannot fit
makes the repair choose another one.

A third class of refusals lasts until somebody acts at the secondary (`needs_somebody`), because its
set-up differs from what the log needs. Then neither waiting nor any remedy helps. It is reported at
every retry, and nothing else is requested.

The primary's side answers with a word and details after it (`Refused`). The engine at the secondary
answers with an error number (`passes_here`). The manager itself refuses an order to fail over
(`OrderRefused`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Refusal(enum.Enum):
    """Why the primary's side took no backup. The value is the word that its answer begins with."""

    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    RUNNING = "overrun"  # one of its kind is being taken already
    CUT_OFF = "cut off"  # it died: no room, or the database was needed for something else
    FENCED = "fenced"
    LOST = "primary lost"
    SIMPLE_MODEL = "4208"  # the recovery model keeps no log
    NO_CHAIN = "4214"  # there is no full that a log could follow
    NO_FULL = (
        "60020"  # the same in dr_sim's words, of an engine that has none
    )
    WAL_LEVEL = (
        "55000"  # PostgreSQL: wal_level keeps, or kept, too little log
    )
    ENGINE = (
        "refused by the engine"  # no full to build on, or the wrong one
    )
    NO_LOGS = "takes no log backups"
    OTHER = ""

    @property
    def passes(self) -> bool:
        """Return whether the refusal says nothing about whether the backup would help."""
        return self not in _FOR_GOOD

    @staticmethod
    def of(reason: str) -> Refusal:
        """Return the refusal that an answer's text names."""
        return next(
            refusal
            for refusal in Refusal
            if reason.startswith(refusal.value)
        )


_FOR_GOOD = (
    Refusal.SIMPLE_MODEL,
    Refusal.NO_CHAIN,
    Refusal.NO_FULL,
    Refusal.WAL_LEVEL,
    Refusal.ENGINE,
    Refusal.NO_LOGS,
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the primary's side took no backup, in its own words."""

    words: str

    @property
    def refusal(self) -> Refusal:
        return Refusal.of(self.words)

    @classmethod
    def from_words(cls, words: str) -> Refused:
        return cls(words)


class WhyNoFailover(enum.StrEnum):
    """Why an order to fail over is not obeyed. {0} and {1} stand for what it is about."""

    NOT_AUTHORISED = "not authorised"
    ONE_IS_ON = "a failover is {0} already"
    NONE_IS_ON = (
        "no failover is in progress, and none has stopped the primary"
    )
    NOTHING_RESTORED = "no usable copy of any database is here"
    CHAIN_BROKEN = (
        "the chain of database [{0}] is broken: data would be lost"
    )
    ANOTHER_TAKES_OVER = "the standby at {0} is already taking over"
    COPY_HOLDS_LATER = "the copy of database [{0}] already holds data that were written after {1}"
    BESIDE_IS_ON = (
        "database [{0}] is already being restored beside the service"
    )
    NO_FULL_BEFORE = (
        "no usable full of database [{0}] that ended before {1} is here"
    )


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """Why an order to fail over is not obeyed. about: the phase, or the database and the time."""

    why: WhyNoFailover
    about: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return self.why.format(*self.about)

    @classmethod
    def from_words(cls, words: str) -> OrderRefused:
        """Return the refusal that was written so. Raises ValueError."""
        for why in WhyNoFailover:
            about = _about(words, why.value)
            if about is not None:
                return cls(why, about)
        raise ValueError(f"{words!r} is no refusal of an order")


def _about(words: str, pattern: str) -> tuple[str, ...] | None:
    """Return the texts instead of {0} and {1}; None if the words do not fit the pattern."""
    first, *rest = pattern.replace("{1}", "{0}").split("{0}")
    if not rest:
        return () if words == pattern else None
    last = rest[-1]
    if not (words.startswith(first) and words.endswith(last)):
        return None
    inside = words[len(first) : len(words) - len(last)]
    if len(rest) == 1:
        return (inside,)
    return tuple(inside.rsplit(rest[0], 1)) if rest[0] in inside else None


IN_USE_ERRORS = (3101, 60027, int("55006", 36))
"""Errors of a restore into a database that is being read, in SQL Server, in dr_sim where one is
silent, and in PostgreSQL (its SQLSTATE to base 36): nothing is wrong with the file.
"""

NO_ROOM_ERRORS = (3257, 60007, int("53100", 36))
"""Errors of engines, and of the restore folder, when there is no room for the file or its content.
"""

ENDED_ERRORS = (596, 60031, int("57P01", 36))
"""Errors of engines when the session of a restore was killed."""

GONE_ERROR = 60028
"""The database that a file was being restored into was dropped meanwhile."""

SETUP_ERRORS = frozenset((
    # SQL Server: the place of a file is not there, or cannot be used
    5105, 5110, 5120, 5123, 5133, 3156,
    909, 933, 948, 3169,  # its version or edition is not the primary's
    15507, 15581, 33111,  # a key or a certificate is not there
    int("58P01", 36),  # PostgreSQL: the directory of a tablespace is not there
))  # fmt: skip
"""Errors of engines when the secondary is not set up for what the backup holds. Somebody has to act
there: no other copy, incremental or full would need less.
"""


def needs_somebody(error_number: int) -> bool:
    """Return whether the refusal lasts until somebody sets up the secondary like the primary."""
    return error_number in SETUP_ERRORS


def passes_here(error_number: int) -> bool:
    """Return whether a refusal at the secondary says nothing about the file."""
    return (
        error_number in IN_USE_ERRORS
        or error_number in NO_ROOM_ERRORS
        or error_number == GONE_ERROR
    )


def says_nothing_of_it(error_number: int) -> bool:
    """Return whether the refusal speaks of the secondary, and of no file: any other backup would be
    refused in the same way.
    """
    return passes_here(error_number) or needs_somebody(error_number)
