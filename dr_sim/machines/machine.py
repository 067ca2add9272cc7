"""The interface of every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dr_sim.machines.commands import Command
from dr_sim.machines.events import Event


class Machine(Protocol):
    """A machine decides: events in, commands out.

    One object is one life, an incarnation. It is built with the number of that life (1, 2, ...) and
    with what earlier lives have saved, key to value. It reads no clock and no file, draws no random
    number, and never changes an event.
    """

    def resume(self) -> Sequence[Command]:
        """Return the first commands of this life; TakeInventory is one of them."""

    def handle(self, event: Event) -> Sequence[Command]:
        """Return the answer to an event: commands, in their order."""
