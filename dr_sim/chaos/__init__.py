"""Clients, faults and a witness against a real API: dr_sim's own cloud manager, or a user's."""

from __future__ import annotations

from dr_sim.chaos.api import (
    ApiUnderTest,
    CallAnswered,
    CallMade,
    EffectSeen,
)

__all__ = ["ApiUnderTest", "CallAnswered", "CallMade", "EffectSeen"]
