"""The cloud manager's answers are lost on their way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.faults.cloud_events import Share, disturb, draw_share
from dr_sim.scenario.kind import EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class LostAnswer(Share):
    pass


def happen(event: Occurrence, params: LostAnswer) -> None:
    disturb(event, "lost answer", params)


KIND = EventKind(
    "lost_answer",
    LostAnswer,
    "share",
    True,
    "a request is carried out, but its caller never gets the answer",
    "Google AIP-155; Amazon: making retries safe with idempotent APIs",
    happen,
    steady=True,
    needs_cloud=True,
    at_api=True,
    draws=draw_share,
)
