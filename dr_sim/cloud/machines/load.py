"""Goals that follow a load: the number of machines that the load of a farm needs.

Theory of operation. The balancer measures how many requests a farm's users make, and informs the
manager when that number has changed. More machines are wanted at once. Fewer are wanted only when
the load has needed fewer for a while, and then as many as the largest number in that time. A
deployment takes minutes, so a manager that retires machines at each dip would have to deploy them
again at the next rise. A goal that people set by hand stays as they set it.

The wait for fewer belongs to one life of the manager: after a restart it begins again.
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.cloud.machines.machine_config import LoadConfig

_HOUR_US = 3_600_000_000


@dataclass(slots=True)
class LoadGoal:
    """goal: how many machines are wanted. wanted: what the load asked for last. low_us: since when
    it asks for fewer; None: it does not. most: that it has asked for since then.
    """

    config: LoadConfig
    goal: int
    wanted: int = 0
    low_us: int | None = None
    most: int = 0

    def __post_init__(self) -> None:
        self.wanted = self.goal

    def seen(self, per_hour: int, now_us: int) -> bool:
        """Take up a load of that many requests an hour. Return whether the goal is another."""
        config = self.config
        each = config.per_num * _HOUR_US
        needed = -(-per_hour * config.per_den_us // each)
        self.wanted = max(config.least, needed)
        if self.wanted < self.goal:
            self._is_low(now_us)
            return self.look(now_us)
        self.low_us = None
        changed = self.wanted > self.goal
        self.goal = self.wanted
        return changed

    def _is_low(self, now_us: int) -> None:
        if self.low_us is None:
            self.low_us, self.most = now_us, self.wanted
        self.most = max(self.most, self.wanted)

    @property
    def due_us(self) -> int | None:
        """Return when fewer are wanted if nothing changes; None: they are not."""
        if self.low_us is None:
            return None
        return self.low_us + self.config.fewer_after_us

    def look(self, now_us: int) -> bool:
        """Want fewer if that is due. Return whether the goal is another."""
        due_us = self.due_us
        if due_us is None or due_us > now_us:
            return False
        self.goal, self.low_us = self.most, None
        if self.wanted < self.goal:
            self._is_low(now_us)
        return True
