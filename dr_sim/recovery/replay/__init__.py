"""Replay: restores in order, never over a gap, and what is watched about them."""
