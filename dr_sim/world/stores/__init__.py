"""Stores: places that keep backup files and replay none."""
