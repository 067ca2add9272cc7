"""Compares the code at hand with other code: with that of a git ref, or of a folder."""
