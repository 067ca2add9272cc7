"""Tells what engineers write, as plain values, and the parts that read and write it."""

from dr_sim.scenario.model import Scenario
from dr_sim.scenario.reading.dump import dump_resolved

__all__ = ["Scenario", "dump_resolved"]
