"""A way back from a mistake, or from rotten pages, that might come, as it came true in a run of its
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.scenario.mistakes import MistakeWay
from dr_sim.scenario.rot import RotWay


@dataclass(frozen=True, slots=True)
class MistakeThatMightCome:
    """A mistake in a database at an instant, noticed after a time. lost_bytes: what it destroys.
    rotten: no mistake, but pages that rot; lost_bytes is their size.
    """

    database: str
    at_us: int
    noticed_us: int
    lost_bytes: int = 0
    rotten: bool = False


@dataclass(frozen=True, slots=True)
class MistakeWayTried:
    """A way back from a mistake or from rotten pages, and what came of it. closed: why it is
    closed; '' if it is open. loss_us, outage_us None: it was still in progress when the run ended.
    at_least: so was degraded_us.
    """

    way: MistakeWay | RotWay
    place: str
    closed: str
    loss_us: int | None = 0
    outage_us: int | None = 0
    degraded_us: int = 0
    at_least: bool = False


def best_mistake_way(
    ways: Sequence[MistakeWayTried],
) -> MistakeWayTried | None:
    """Return the way that loses least; of equal ones, the one that is over first. One that was
    still in progress when the run ended is none.
    """
    over = [way for way in ways if not (way.closed or lasts(way))]
    return min(over, key=_loss_then_time, default=None)


def lasts(way: MistakeWayTried) -> bool:
    """Return whether it was still in progress when the run ended."""
    return way.at_least or None in (way.loss_us, way.outage_us)


def _loss_then_time(way: MistakeWayTried) -> tuple[int, int, int]:
    return way.loss_us or 0, way.outage_us or 0, way.degraded_us
