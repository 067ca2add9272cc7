"""A machine in a real service: its life in a process of yours, with hands of your own."""

from __future__ import annotations

from dr_sim.live.clock import LiveClock, SystemClock
from dr_sim.live.life import Heard, Live, LiveHands, answered, heard

__all__ = ["Heard", "Live", "LiveClock", "LiveHands", "SystemClock", "answered", "heard"]
