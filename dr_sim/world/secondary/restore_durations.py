"""The duration of a restore at a standby: a fixed part, and bytes at the rate of its disk.

Both have a factor with a heavy tail, a draw named by the backup and the attempt, so one more
restore shifts no other draw. For logs begun at whole minutes one block of words serves hours. Each
thing that slows restores down now gives another factor.
"""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.units import MINUTE_US
from dr_sim.world.kernel.context import Context
from dr_sim.world.site import Slowness


class RestoreDurations:
    """The durations at one standby. slowness: everything that slows restores down now."""

    def __init__(self, context: Context, slowness: list[Slowness]) -> None:
        self.slowness = slowness
        self._context = context
        self._spec = context.scenario.secondary

    def of(
        self, name: str, kind: Kind, begun_us: int, attempts: int, size: int
    ) -> tuple[int, int]:
        """Return (fixed time, bytes to do) of a restore into the database of that name."""
        factor = self._tail(name, kind, begun_us, attempts)
        for slow in self.slowness:
            factor = (
                factor
                * slow(
                    f"{name} {kind.word} {attempts} {begun_us % MINUTE_US}",
                    begun_us // MINUTE_US,
                )
                // 1_000_000
            )
        fixed_us = self._spec.restore[kind].fixed_us
        return fixed_us * factor // 1_000_000, size * factor // 1_000_000

    def _tail(
        self, name: str, kind: Kind, begun_us: int, attempts: int
    ) -> int:
        tail = self._spec.restore_tail
        if tail.kind == "fixed":
            return tail.a or 1_000_000
        minute, rest_us = divmod(begun_us, MINUTE_US)
        quiet = kind is Kind.LOG and attempts == 1 and not rest_us
        lane = "" if quiet else f"{kind.word} {rest_us} {attempts}"
        stream = self._context.streams.of(name, "restore tail", lane)
        return stream.law(minute, tail)
