"""What one event leads to: one save of everything that changed, then the rest.

The parts of the manager write what must be durable into `saves` and what is to be done into
`commands`. Nothing is done before all of it is durable, and a crash leaves all of it or none.
"""

from __future__ import annotations

from dr_sim.machines import Command, SaveAll


class Out:
    """mono_us, utc_us: of the event."""

    __slots__ = ("commands", "mono_us", "saves", "utc_us")

    def __init__(self, mono_us: int, utc_us: int) -> None:
        self.mono_us = mono_us
        self.utc_us = utc_us
        self.saves: dict[str, str] = {}
        self.commands: list[Command] = []

    def all(self) -> list[Command]:
        """Save first."""
        if not self.saves:
            return self.commands
        return [SaveAll(tuple(self.saves.items())), *self.commands]
