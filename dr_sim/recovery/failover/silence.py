"""The machines of the primary that are silent, and from when on that is a reason for a failover
(R14).

The silence that counts is one instant: the one at which the last machine needed will have been
silent for long enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dr_sim.recovery.commands import PageReason
from dr_sim.recovery.config import FailoverConfig


class Silence:
    """silent: machine to when it was last seen, on the monotonic clock; declined: those for which
    the operator has said no.
    """

    __slots__ = ("_before", "_config", "declined", "silent")

    def __init__(
        self,
        config: FailoverConfig,
        declined: Iterable[str] = (),
        before: Iterable[str] = (),
    ) -> None:
        """before: the machines that were silent when that was last stored."""
        self._config = config
        self._before = tuple(before)
        self.silent: dict[str, int] = {}
        self.declined: set[str] = set(declined)

    def lost(self, machine: str, last_seen_mono_us: int) -> bool:
        """Note that a machine's heartbeat is lost. Return whether it is one of the primary's."""
        if machine not in self._config.machines:
            return False
        self.silent[machine] = last_seen_mono_us
        return True

    def back(self, machine: str) -> bool:
        """Note that a machine is heard again. Return whether it was silent."""
        if self.silent.pop(machine, None) is None:
            return False
        self.declined.discard(machine)
        return True

    def observed(self, silent: Mapping[str, int]) -> list[str]:
        """Take up, after a restart, the machines that are silent now. Return those that were silent
        before, and are heard again.
        """
        for machine, last_seen_mono_us in silent.items():
            self.lost(machine, last_seen_mono_us)
        self.declined = self.declined & set(self.silent)
        return [
            machine
            for machine in self._before
            if machine not in self.silent
        ]

    def decline(self) -> None:
        self.declined = set(self.silent)

    def is_declined(self, machine: str) -> bool:
        """Return whether the operator has said no for that machine."""
        return machine in self.declined

    @property
    def declined_all(self) -> bool:
        """Return whether the operator has declined exactly for the machines that are silent."""
        return self.declined == set(self.silent)

    def at_us(self) -> int | None:
        """Return the instant from which enough machines have been silent for long enough; None if
        too few are silent.
        """
        since_us = self.since_us()
        if since_us is None:
            return None
        return since_us + self._config.silent_for_us

    def since_us(self) -> int | None:
        """Return the instant at which the last machine needed fell silent; None if too few are."""
        needed = self._config.machines_silent or len(self._config.machines)
        seen = sorted(self.silent.values())
        return seen[needed - 1] if len(seen) >= needed else None

    def is_long(self, mono_us: int) -> bool:
        at_us = self.at_us()
        return at_us is not None and at_us <= mono_us

    def reason(self, ways: tuple[str, ...]) -> PageReason:
        """ways: the ways back, in words."""
        return PageReason(tuple(sorted(self.silent)), ways)
