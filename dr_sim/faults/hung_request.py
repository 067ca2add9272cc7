"""Requests hang in transit until their callers give up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import Share, disturb, draw_share
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class HungRequest(Share):
    pass


def happen(event: Occurrence, params: HungRequest) -> None:
    disturb(event, "hung request", params)


KIND = EventKind(
    "hung_request",
    HungRequest,
    "share",
    True,
    "a connection is open but carries nothing; for the caller the "
    "request is lost",
    "requirement C1: any request may hang in transit",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=draw_share,
)
