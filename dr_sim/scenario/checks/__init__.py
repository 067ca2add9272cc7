"""Checks of a scenario whose values are right one by one."""
