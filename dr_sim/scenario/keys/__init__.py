"""The sections of a scenario file: which keys they have, and the plain values they become."""
