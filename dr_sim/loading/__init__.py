"""Scenario files in, Scenario values out: the loader, which knows every kind of event and fault."""

from dr_sim.loading.editor import json_schema
from dr_sim.loading.load import load_each, load_scenario, validate

__all__ = ["json_schema", "load_each", "load_scenario", "validate"]
