"""Alerts judged by danger: which ones were due, and which ones were true."""
