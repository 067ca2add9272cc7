"""Commands that every machine may give, whatever it decides about.

The commands of one `handle` run in order. A save is durable before the next command starts; if it
fails, the rest are dropped and the machine is thrown away and resumed from the store.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Command:
    """A command of a machine."""


@dataclass(slots=True)
class Save(Command):
    """Put value under key in the store; an empty value removes the key."""

    key: str
    value: str


@dataclass(slots=True)
class SaveAll(Command):
    """Save several keys together: after a crash all of them are as they were, or all are new.

    entries: pairs of key and value, no key twice; an empty value removes the key.
    """

    entries: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class SetAlarm(Command):
    """Set the one alarm of (scope, what); setting it again moves it. An instant in the past goes
    off at once. All alarms end with the machine's life.
    """

    scope: str
    what: str
    at_mono_us: int


@dataclass(slots=True)
class CancelAlarm(Command):
    """Cancel the alarm of (scope, what), if it is set."""

    scope: str
    what: str


@dataclass(slots=True)
class TakeInventory(Command):
    """Report the real state; answered by an Observation. It is part of every resume, before
    anything is decided.
    """
