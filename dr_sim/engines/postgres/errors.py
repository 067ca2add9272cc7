"""The errors of a PostgreSQL engine, and whose words report them.

- PostgreSQL's own errors keep its text. Their number is the SQLSTATE's five characters read as a
number to base 36 (`sqlstate_number`, and `sqlstate` back); the text begins with the SQLSTATE
itself.
- PostgreSQL's programs (pg_combinebackup, pg_verifybackup, ...) have no numbers but their exit
code: that, and what they wrote to standard error.
- A standby reports a damaged log as a LOG line without a SQLSTATE (00000) and continues waiting:
60024 with that line.
- Where PostgreSQL is silent (a gap is something it waits for) the numbers and texts are dr_sim's
own (own_errors.py).
"""

from __future__ import annotations

from dr_sim.engines.port import EngineError
from dr_sim.errors import DrSimError


class ServerError(DrSimError):
    """No PostgreSQL server can be run here. The text says what was looked for and what would do."""


class OutsideError(ServerError):
    """The machinery of the run failed, not what it simulates: a server or a program was ended by
    somebody else (the system, for lack of memory), or was not done in any sensible time. Whatever
    would be told from here on would not be true.
    """


def sqlstate_number(state: str) -> int:
    """The five characters of a SQLSTATE as a number to base 36: 'XX001' -> 56966977."""
    return int(state, 36)


def sqlstate(number: int) -> str:
    """The SQLSTATE of such a number."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return digits.rjust(5, "0")


def server_error(state: str, words: str) -> EngineError:
    return EngineError(sqlstate_number(state), f"{state} {words}")
