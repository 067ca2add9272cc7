"""What engineers write: scenario files in, plain values out, with line-numbered errors."""

from dr_sim.scenario.dump import dump_resolved
from dr_sim.scenario.editor import json_schema
from dr_sim.scenario.load import load_scenario, validate
from dr_sim.scenario.model import Scenario

__all__ = ["Scenario", "dump_resolved", "json_schema", "load_scenario", "validate"]
