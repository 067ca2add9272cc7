"""Fulls and incrementals that lead over a hole among the logs of a copy.

Theory of operation. A log may never come, or not begin where the one before it ends. What is behind
it is of no use until a full or an incremental has landed that reaches past it. From then on a
failover restores that backup, and then the logs that follow it. What lies between the hole and the
end of the backup is not needed any more. Those that were restored in the run are known from there;
of others the first that landed is taken, if its landing has changed what survives
(truth.survivable), so that it can be used.
"""

from __future__ import annotations

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.tables import Bools, Ints, Tables, pick
from dr_sim.record.sets import among

Files = dict[str, Ints]
"""Finished backups, in the order in which they are restored: by the end of what they hold."""


def leads_over(t: Tables, database: int, files: Files) -> Ints:
    """Return the backups that lead over a hole behind which a log has landed, as file ids; those of
    them that were restored are among them.
    """
    ordered = in_order(files)
    holes = _holes(ordered)
    if not holes:
        return np.zeros(0, np.int64)
    kept = t.of("truth.survivable", database)
    kept = pick(kept, t.has_text(kept["class"], "site"))
    restored = t.of("truth.restored", database)["file"]
    logs = ordered["kind"] == Kind.LOG
    here = ordered["landed_us"] < NEVER_US
    usable = among(ordered["landed_us"], kept["time_us"])
    usable |= among(ordered["file"], restored)
    usable &= ~logs & here
    landed_logs = ordered["last_lsn"][logs & here]
    furthest = int(landed_logs.max(initial=-1))
    found: list[int] = []
    reached = 0  # how many of the files are looked at
    for hole in holes:
        if hole < reached:
            continue
        over = np.flatnonzero(usable[hole:]) + hole
        over = over[ordered["last_lsn"][over] < furthest]
        if not len(over):
            break
        first = int(over[np.argmin(ordered["landed_us"][over])])
        found.append(int(ordered["file"][first]))
        reached = first + 1
    return np.array(found, np.int64)


def without_what_is_passed(files: Files) -> Files:
    """Return the files without the logs that nobody needs: from a hole to the end of the backup
    that leads over it.
    """
    others = np.flatnonzero(files["kind"] != Kind.LOG)
    passed = np.zeros(len(files["file"]), np.bool_)
    reached = 0
    for hole in _holes(files):
        later = others[others > hole]
        if hole < reached or not len(later):
            continue
        reached = int(later[0])
        passed[hole:reached] = True
    return pick(files, ~passed) if passed.any() else files


def in_order(files: Files) -> Files:
    """Return the files in the order in which they are restored."""
    logs = files["kind"] == Kind.LOG
    order = np.lexsort((logs, files["last_lsn"]))
    return {key: values[order] for key, values in files.items()}


def _holes(files: Files) -> list[int]:
    """Return the places of logs that never land, or begin beyond all that comes before them."""
    if not len(files["file"]):
        return []
    logs = files["kind"] == Kind.LOG
    reached = np.maximum.accumulate(files["last_lsn"])
    holes: Bools = logs & (files["landed_us"] >= NEVER_US)
    holes[1:] |= logs[1:] & (files["first_lsn"][1:] > reached[:-1])
    places: list[int] = np.flatnonzero(holes).tolist()
    return places
