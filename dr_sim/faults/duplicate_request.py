"""Requests arrive twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import Share, disturb, draw_share
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class DuplicateRequest(Share):
    pass


def happen(event: Occurrence, params: DuplicateRequest) -> None:
    disturb(event, "duplicate", params)


KIND = EventKind(
    "duplicate_request",
    DuplicateRequest,
    "share",
    True,
    "a proxy or a client library sends a request again",
    "requirement C1: the same call may arrive many times",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=draw_share,
)
