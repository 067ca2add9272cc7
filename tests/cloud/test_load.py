"""Goals that follow a load, by themselves: loads and instants, with the goals expected."""

from __future__ import annotations

import pytest

from dr_sim.cloud.machines.load import LoadGoal
from dr_sim.cloud.machines.machine_config import LoadConfig

MINUTE = 60_000_000
PER_S = 3_600  # requests an hour
CONFIG = LoadConfig("front_end", 10, 1_000_000, 2, 5 * MINUTE)
Step = tuple[int, int, int]  # minutes, requests per s (-1: nothing but the time), the goal then

TALES: dict[str, list[Step]] = {
    "more at once": [(1, 50, 5), (2, 51, 6), (3, 100, 10)],
    "fewer after a while": [(1, 30, 4), (5, -1, 4), (6, -1, 3)],
    "a dip": [(1, 20, 4), (5, 40, 4), (6, -1, 4), (20, -1, 4)],
    "as many as the most meanwhile": [(1, 20, 4), (3, 30, 4), (4, 20, 4), (6, -1, 3), (11, -1, 2)],
    "two steps down": [(1, 30, 4), (6, -1, 3), (7, 20, 3), (11, -1, 3), (12, -1, 2)],
    "never below the least": [(1, 0, 4), (6, -1, 2)],
    "seen when it is due": [(1, 30, 4), (6, 29, 3)],
}


@pytest.mark.parametrize("tale", TALES)
def test_a_goal_follows_its_load(tale: str) -> None:
    goal = LoadGoal(CONFIG, 4)
    for minutes, per_s, wanted in TALES[tale]:
        before = goal.goal
        now_us = minutes * MINUTE
        changed = goal.look(now_us) if per_s < 0 else goal.seen(per_s * PER_S, now_us)
        assert goal.goal == wanted
        assert changed is (goal.goal != before)


def test_it_is_due_only_while_the_load_asks_for_fewer() -> None:
    goal = LoadGoal(CONFIG, 4)
    assert goal.due_us is None
    goal.seen(30 * PER_S, MINUTE)
    assert goal.due_us == 6 * MINUTE
    goal.seen(31 * PER_S, 2 * MINUTE)
    assert goal.due_us is None
