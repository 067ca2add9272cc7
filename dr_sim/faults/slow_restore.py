"""Hashes are as fast as usual, but every restore takes a multiple of its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.laws import FactorLaw, Law
from dr_sim.scenario.kind import COPY, EventKind, Explains

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class SlowRestore(Params):
    by: FactorLaw = default(
        "3",
        "Azure VM noise trace: writes of remote disks, 61.8 MiB/s (p1) to 195 (p50), a third",
    )
    duration: Law


def happen(event: Occurrence, params: SlowRestore) -> None:
    slowness = event.world.secondary.restore_durations.slowness
    streams = event.world.context.streams

    def factor(of: str, occurrence: int) -> int:
        """Drawn by the backup and the attempt, so a restore more shifts no other's."""
        return streams.of(
            f"fault {event.kind}",
            f"factor {of}",
            f"{event.lane} {event.index}",
        ).law(occurrence, params.by)

    event.acts_on(slowness)
    event.for_a_time(
        params.duration,
        lambda: slowness.append(factor),
        lambda: slowness.remove(factor),
        "slow restores",
    )


KIND = EventKind(
    "slow_restore",
    SlowRestore,
    None,
    True,
    "a disk that others use too, or a slow replay; a law gives it a "
    "heavy tail",
    "Azure VM noise trace (three-fold is ordinary); field reports: 4 MB of log went from "
    "under 1 to 20-25 min",
    happen,
    place=lambda params: "secondary",
    turned=lambda params: None,
    explains=(Explains.SLOW_RESTORE,),
    draws=lambda r, db: {
        "by": r.choice(["3", "40", "2000"]),
        "duration": r.choice(["20 min", "2 h"]),
    },
    affects=lambda params: COPY,
    at_stores=lambda params: True,
)
