"""The events that began a failover: what was lost, what made a server fall, and what kept the
heartbeats from being heard where nothing had failed.
"""

from __future__ import annotations

from dr_sim.measures.causes.causes import Causes, named_once
from dr_sim.measures.outcome.outcome import FailoverOutcome
from dr_sim.scenario.kind import Explains

_FILLS_A_LOG = (Explains.LOG_FULL, Explains.PAUSED, Explains.NO_ROOM)
"""Why a log was full, the nearest reason first: it could not grow, or it was not backed up."""


def begun_by(causes: Causes, f: FailoverOutcome, order: str | None) -> str:
    """Return 'event 3, event 5'; '' if no event began it. order: the event of the order that was
    obeyed, '' if it has none; None: nobody ordered it.
    """
    found = causes.each_during(f.failed_us, f.failed_us + 1, Explains.LOSS)
    if f.fell:
        found += _filled_a_log(causes, f.failed_us)
    if f.failure_class == "none" and order is None:
        found += _silenced(causes, f.failed_us)
    if order:
        found.append(order)
    return named_once(found)


def _filled_a_log(causes: Causes, fell_us: int) -> list[str]:
    """Return the events for which the log of a server that fell then was full."""
    fell = [
        row.entity
        for row in causes.t.rows("truth.down")
        if row.time_us == fell_us and row.values["begins"]
    ]
    for why in _FILLS_A_LOG:
        for database in fell:
            found = causes.each_during(fell_us, fell_us + 1, why, database)
            if found:
                return found
    return []


def _silenced(causes: Causes, until_us: int) -> list[str]:
    """Return the events for which machines had not been heard when the failover took its course:
    they were lost before the beat that was missed, or the path of the heartbeats was cut then.
    """
    beat = causes.scenario.heartbeat
    labels = []
    for missed_us in _missed(causes, until_us):
        lost_from = missed_us - 2 * beat.every_us
        labels += causes.each_during(
            lost_from, missed_us + 1, Explains.LOSS
        )
        if not beat.own_path:
            labels += causes.each_during(
                missed_us, missed_us + 1, Explains.LINK_DOWN
            )
    return labels


def _missed(causes: Causes, until_us: int) -> list[int]:
    """Return when each machine that was silent at an instant was first not heard."""
    silent: dict[str, int] = {}
    rows = [
        *causes.t.rows("seen.HeartbeatLost"),
        *causes.t.rows("seen.HeartbeatBack"),
    ]
    for row in sorted(rows, key=lambda row: row.seq):
        if row.time_us > until_us:
            break
        machine = row.values["machine"]
        if row.kind == "seen.HeartbeatLost":
            silent.setdefault(machine, row.time_us)
        else:
            silent.pop(machine, None)
    return sorted(silent.values())
