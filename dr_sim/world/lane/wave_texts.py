"""The texts of waves of logs, interned in the order in which the steps would.

A text gets its number when it is seen first. So the numbers of a stretch's texts follow from the
order of all its steps: each step brings two texts, its own and one that is the same for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.texts import Texts
from dr_sim.world.lane.quiet_logs import Left
from dr_sim.world.lane.wave_plan import Step, Waits
from dr_sim.world.primary.transfer_state import TransferState

Ints = NDArray[np.int64]
_STATES = (
    TransferState.SENDING,
    TransferState.QUEUED,
    TransferState.STAGING,
)  # of a log that is finished, by Waits
_WORDS = tuple(state.value for state in (*_STATES, TransferState.LANDED))


class WaveTexts:
    """The texts of a stretch of waves: those that each log has for itself, log after log, then
    those that each database has, then those of all.

    left: the remains of the logs, by database; counts: how many logs of each there are. A log is
    known by its place, database after database.
    """

    def __init__(
        self, texts: Texts, left: Sequence[Left], counts: Ints
    ) -> None:
        self._texts = texts
        self._counts = counts
        names = [name for its in left for name in its.names]
        keys = [key for its in left for key in its.keys]
        clocks = [clock for its in left for clock in its.clocks]
        databases = [its.first.database for its in left]
        clock_keys = [its.clock_key for its in left]
        self._counter = left[0].counter
        common = [*databases, *clock_keys, *_WORDS, self._counter]
        self._all = [*names, *keys, *clocks, *common]
        self._logs = len(names)
        self._databases = len(left)
        self._known = np.zeros(len(self._all), dtype=bool)
        self._known[3 * self._logs :] = [text in texts for text in common]
        self._ids = np.zeros(len(self._all), dtype=np.int64)

    def intern(self, kinds: Ints, logs: Ints, waits: Ints) -> None:
        """Intern all texts. kinds, logs: the steps in their order, and the log of each; waits: by
        log (Waits).
        """
        n = self._logs
        of_each_log = np.repeat(np.arange(self._databases), self._counts)
        of_database = 3 * n + of_each_log[logs]
        words = 3 * n + 2 * self._databases
        landed, counter = range(
            words + len(_STATES), words + len(_STATES) + 2
        )
        nothing = np.full_like(logs, -1)
        pairs = {
            Step.FINISHED: (logs, words + waits[logs]),
            Step.HELD: (np.full_like(logs, words + Waits.PURGE), nothing),
            Step.SENT: (np.full_like(logs, words + Waits.NOT), nothing),
            Step.LANDED: (np.full_like(logs, landed), of_database),
            Step.HASHED: (logs + n, np.full_like(logs, counter)),
            Step.RESTORED: (of_database + self._databases, logs + 2 * n),
        }
        seen = np.full((len(logs), 2), -1, dtype=np.int64)
        for step, pair in pairs.items():
            these = kinds == step
            for column, texts in enumerate(pair):
                seen[these, column] = texts[these]
        found = seen.ravel()
        found = found[found >= 0]
        found = found[~self._known[found]]
        self._ids[found] = self._texts.several(
            [self._all[i] for i in found.tolist()]
        )

    def columns(self, waits: Ints) -> dict[str, Any]:
        """Return the columns of texts, as quiet_rows.py names them. waits: by log (Waits)."""
        n, texts, counts = self._logs, self._texts, self._counts
        common = self._all[3 * n :]
        of_each = [texts.get(text, -1) for text in common]
        databases = of_each[: self._databases]
        clock_keys = of_each[self._databases : 2 * self._databases]
        *states, landed, counter = of_each[2 * self._databases :]
        return {
            "name": self._ids[:n],
            "counter_key": self._ids[n : 2 * n],
            "clock": self._ids[2 * n : 3 * n],
            "sending": np.array(states)[waits],
            "there": repeat(landed),
            "counter": repeat(counter),
            "database": np.repeat(databases, counts),
            "clock_key": np.repeat(clock_keys, counts),
        }
