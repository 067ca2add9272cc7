"""Ledgers of causes: why a number is what it is, in parts that add up to it."""
