"""Texts in which things are saved: JSON arrays of texts and whole numbers. And the names that
callers may give, which become parts of the names of jobs and of keys in the store.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted

SEPARATORS = "/>@"
"""Characters that part the names of jobs. With one of them a caller's name, or the id of a request,
could make the name of another one's job.
"""
_SEPARATORS = frozenset(SEPARATORS)
OPERATORS = "operators"
"""The caller of the changes of `changes` and of events: operators do not give up."""
OWN_JOBS = ("put", "set", "move")
"""The beginnings of the names of jobs that are of no caller's request."""


def counted(n: int, thing: str) -> str:
    """Return a number of things in words: '1 machine', '12 machines'."""
    return f"{n} {thing}{'s' * (n != 1)}"


def parts_names(text: str) -> bool:
    """Return whether such a character is in a text."""
    return not _SEPARATORS.isdisjoint(text)


def wrong_name(name: str) -> str:
    """Return what is wrong with the name of a network; '' if nothing is."""
    if parts_names(name):
        return f"such a name has none of {' '.join(SEPARATORS)}"
    return ""


def wrong_caller(name: str) -> str:
    """Return what is wrong with the name of a caller; '' if nothing is."""
    if wrong := wrong_name(name):
        return wrong
    if name in OWN_JOBS:
        return f"the cloud manager's own jobs begin with {name}; write another name"
    return ""


def listed(*values: str | int) -> str:
    """Return what json.dumps gives for that list. Each event saves several of them, and this is
    several times quicker.
    """
    return (
        "["
        + ", ".join(
            [quoted(v) if isinstance(v, str) else str(v) for v in values]
        )
        + "]"
    )
