"""Requests to the cloud manager are lost on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import Share, disturb, draw_share
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class LostRequest(Share):
    pass


def happen(event: Occurrence, params: LostRequest) -> None:
    disturb(event, "lost request", params)


KIND = EventKind(
    "lost_request",
    LostRequest,
    "share",
    True,
    "a request never arrives; its caller learns nothing until the timeout",
    "Google AIP-155: a caller cannot tell a lost request from a lost answer",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=draw_share,
)
