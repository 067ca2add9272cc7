"""The assumed inputs that change a verdict, as assumptions.py finds them and the report shows them.

They stand apart from the search because the report loads no simulator.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Flip:
    """An assumption and a value of it that changes the verdict."""

    key: str
    assumed: str
    source: str
    tried: str
    outcome: str
    words: str


@dataclass(slots=True)
class Examined:
    """The result of an examination: the flips, in the order of the scenario's keys, the number of
    assumptions that were tried, and the number left out because they are not numbers.
    """

    flips: list[Flip]
    tried: int
    left_out: int
