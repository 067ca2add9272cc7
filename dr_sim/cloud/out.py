"""Result of one event: one save of everything that changed, then the rest.

The parts of the manager write what must be durable into `saves` and what is to be done into
`commands`. Nothing is done before all of it is durable, and a crash leaves all of it or none.
"""

from __future__ import annotations

from typing import Protocol

from dr_sim.machines import Command, SaveAll

LOG = "log/"
"""Keys in the store: of lines of the log. They are saved, and the manager never reads them."""


class Kept(Protocol):
    """Something that is saved as a text: as it stands when the event has been dealt with."""

    def text(self) -> str: ...


class Out:
    """mono_us, utc_us: of the event."""

    __slots__ = ("commands", "mono_us", "saves", "utc_us")

    def __init__(self, mono_us: int, utc_us: int) -> None:
        self.mono_us = mono_us
        self.utc_us = utc_us
        self.saves: dict[str, str | Kept] = {}
        self.commands: list[Command] = []

    def all(self, kept: dict[str, str]) -> list[Command]:
        """Return the commands, the save first; what is saved is kept from now on, but for lines of
        the log.
        """
        entries = []
        for key, value in self.saves.items():
            text = value if isinstance(value, str) else value.text()
            entries.append((key, text))
            if key.startswith(LOG):
                continue
            if text:
                kept[key] = text
            else:
                kept.pop(key, None)
        return [SaveAll(tuple(entries)), *self.commands]
