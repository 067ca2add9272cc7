"""Tells what engineers write, as plain values, and the parts that read and write it."""

from dr_sim.scenario.dump import dump_resolved
from dr_sim.scenario.model import Scenario

__all__ = ["Scenario", "dump_resolved"]
