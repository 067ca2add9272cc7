"""Run a machine in a real service: in a process of yours, with your own code for its commands."""

from __future__ import annotations

from dr_sim.live.clock import LiveClock, SystemClock
from dr_sim.live.life import Heard, Live, LiveHands, answered, heard

__all__ = [
    "Heard",
    "Live",
    "LiveClock",
    "LiveHands",
    "SystemClock",
    "answered",
    "heard",
]
