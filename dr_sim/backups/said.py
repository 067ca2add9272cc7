"""An engine's error as alerts, ledgers and screens give it: its number and its message.

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
