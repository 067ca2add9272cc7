"""Sweeps: keys that are varied over a grid, and the answer."""
