"""Events that every machine may receive, whatever it decides about."""

from __future__ import annotations

from dataclasses import dataclass, field

OwnNumber = int
"""The error number of something outside dr_sim, kept out of the digest: database engines refuse the
same damaged file with different numbers, and the outcome is the same.
"""


def observed() -> str:
    """A text field that is recorded but kept outside the journal's digest."""
    return field(default="", metadata={"observed": True})


@dataclass(slots=True)
class Event:
    """An event: something that a machine learns.

    mono_us: the monotonic clock of the place where the machine runs, in microseconds; for timers.
    utc_us: the wall clock there, in microseconds since 1970 UTC; for names and texts. It may be
    wrong or run backwards. incarnation: the life of the machine that gave the command which this
    event answers; 0: nobody asked for it. A machine ignores an answer to an earlier life.
    """

    mono_us: int
    utc_us: int
    incarnation: int


@dataclass(slots=True)
class Alarm(Event):
    """A timer set by SetAlarm went off. scope: its subject, '' for the machine as a whole."""

    scope: str
    what: str


@dataclass(slots=True)
class Observation(Event):
    """Answer to TakeInventory: the state that was found. Each kind of machine has a class of its
    own for it. What is observed beats what is stored.
    """
