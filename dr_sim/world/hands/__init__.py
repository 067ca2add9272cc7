"""The hands of the recovery manager: they carry out its commands in the world, by topic, and report
the results. The manager's life is the driver's (world/driver.py).
"""

from __future__ import annotations

from dr_sim.world.hands.hands import Hands
from dr_sim.world.hands.place import entity_of, place_of
from dr_sim.world.hands.surroundings import Surroundings

__all__ = ["Hands", "Surroundings", "entity_of", "place_of"]
