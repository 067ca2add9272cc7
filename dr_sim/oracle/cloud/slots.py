"""How long scripts took all that may run at one time at a side: what waits behind them waits, and
that is no break of any law. Known from the scripts that really ran.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from dr_sim.record.journal import Journal
from dr_sim.scenario.cloud_model import Cloud

_MOVES = "move_database"
_ENDS = ("done", "failed", "killed", "died", "escaped")
SideOf = tuple[int, str]  # network, site


@dataclass(slots=True)
class _Slots:
    """running: scripts. full_us: how long no other could begin, up to last_us."""

    running: int = 0
    full_us: int = 0
    last_us: int = 0


def full_sides(
    journal: Journal, spec: Cloud, since_us: int, until_us: int
) -> set[SideOf]:
    """Return the sides at which no other script could begin for more than half of that time."""
    slots: dict[SideOf, _Slots] = defaultdict(_Slots)
    for row in journal.rows("truth.cloud_script"):
        of = slots[row.entity, row.values["site"]]
        _goes_on(of, spec, since_us, row.time_us)
        if row.values["what"] == "begins":
            of.running += 1
        elif row.values["what"] in _ENDS:
            of.running -= 1
    for of in slots.values():
        _goes_on(of, spec, since_us, until_us)
    half_us = (until_us - since_us) // 2
    return {side for side, of in slots.items() if of.full_us > half_us}


def _goes_on(of: _Slots, spec: Cloud, since_us: int, now_us: int) -> None:
    if of.running >= spec.jobs.at_once:
        of.full_us += max(0, now_us - max(of.last_us, since_us))
    of.last_us = now_us


def others_at_work_us(
    journal: Journal, names: set[str], since_us: int, until_us: int
) -> int:
    """Return for how long the things of those names were changed in that time by scripts that move
    no database, added up: a move of one waits for the changes before it.
    """
    total_us = 0
    began: dict[tuple[str, int], int] = {}
    for row in journal.rows("truth.cloud_script"):
        v = row.values
        attempt = (v["job"], v["attempt"])
        if v["entity_name"] not in names or v["script"] == _MOVES:
            continue
        if v["what"] == "begins":
            began[attempt] = max(since_us, row.time_us)
        elif v["what"] in _ENDS:
            begin_us = began.pop(attempt, row.time_us)
            total_us += max(0, row.time_us - begin_us)
    return total_us + sum(until_us - each for each in began.values())
