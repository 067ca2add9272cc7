"""An engine's error in the words of ledgers and screens: its number and its message. (The texts of
alerts have a form of their own: a number always comes first.)

SQL Server's errors have numbers. PostgreSQL's have a SQLSTATE of five characters, which is kept as
a number to base 36 and with which the message begins: then the message says it all.
"""

from __future__ import annotations

_STATE_LENGTH = 5
_BASE = 36


def said(number: int, message: str) -> str:
    """Return '3101 Exclusive access ...' or '55006 database "crm" is being accessed ...'."""
    return (
        message
        if _begins_with_state(number, message)
        else f"{number} {message}"
    )


def _begins_with_state(number: int, message: str) -> bool:
    state = message.split(" ", 1)[0]
    if len(state) != _STATE_LENGTH or not (
        state.isascii() and state.isalnum()
    ):
        return False
    return int(state, _BASE) == number
