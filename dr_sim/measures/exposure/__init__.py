"""Exposure: the data loss if a failure came now, true and reported; how far a copy is behind."""
