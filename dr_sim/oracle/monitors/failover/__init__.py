"""Monitors of the requirements on failovers."""
