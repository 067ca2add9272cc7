"""Alerts: their ids, their texts, and the clocks that survive a restart."""
