"""Advice: the usual changes, tried under the same random events."""
