"""Pages to the operator: their number names the draws of his answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pages:
    """Pages to the operator. Each answer is a draw that is named by the hour and, if the page is
    not the first in it, by its number: a page on another day shifts none.
    """

    _hour: int = -1
    _before: int = 0  # pages that came before the last one, in its hour

    def lane(self, hour: int) -> str:
        """Count one more page, in that hour of the run; return the lane of its draws."""
        self._before = self._before + 1 if self._hour == hour else 0
        self._hour = hour
        return f"again {self._before}" if self._before else ""
