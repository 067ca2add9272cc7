"""A second cloud manager is started while the first still runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import cloud_of
from dr_sim.scenario.fields.fields import Params
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class TwoManagers(Params):
    pass


def happen(event: Occurrence, params: TwoManagers) -> None:
    cloud = cloud_of(event)
    if cloud is None:
        return
    event.begins("a second cloud manager was started")
    cloud.lives.split()
    event.ends("a second cloud manager was started")


KIND = EventKind(
    "two_managers",
    TwoManagers,
    None,
    True,
    "a second cloud manager is started, because the first one is cut off "
    "from its watchdog. The first continues to serve half of the "
    "callers, but its store refuses its writes, and agents obey the "
    "newest manager",
    "cilium PR 42920: two leaders act",
    happen,
    needs_cloud=True,
    draws=lambda r, db: {},
    heals=False,
)
