"""Repairs that people try before they order a failover (W4).

Theory of operation. The operator who is paged answers after a while, and only then do people begin
to repair what has failed. His word to fail over comes when the repair was in vain. A recovery
manager that is started again in the meantime pages again, and so does the one of another copy. What
is being repaired is not begun again for that: a repair covers each silence that began before it.
"""

from __future__ import annotations

from dataclasses import dataclass

_NEVER = -1


@dataclass(slots=True)
class Repairs:
    """The repair that was begun last, microseconds of the run."""

    begin_us: int = _NEVER
    end_us: int = _NEVER

    def word_after_us(
        self,
        now_us: int,
        silent_since_us: int,
        answers_us: int,
        repair_us: int,
    ) -> int:
        """Return how long after a page the operator's word comes. silent_since_us: when the machine
        that he is paged about was heard last.
        """
        if silent_since_us > self.begin_us:
            self.begin_us = now_us + answers_us
            self.end_us = self.begin_us + repair_us
        return max(answers_us, self.end_us - now_us)
