"""Places of earlier roles, and what they still hold of a database.

Theory of operation. After a failover the places of earlier roles keep what they hold: an old
primary that was stopped, or is back, has the database itself; one whose host was lost has its
backup share; a standby that did not take over has its copy. Nobody restores the service from there,
as that is a decision for people. But while such a place stands, a failure of the new primary does
not cost the whole history, and once none does, it does. The record of the earlier legs tells which.
What they hold counts up to the change of roles: what the old primary wrote beyond is not in the new
history.

Not counted: what lies at the present primary's own place, and what retention will take.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.tables import (
    Ints,
    Tables,
    failed_for_good,
    pick,
)
from dr_sim.scenario.model import HeldElsewhere

if TYPE_CHECKING:
    from dr_sim.measures.legs import Leg

FOREVER_US = 1 << 62


def held_elsewhere(
    earlier: Sequence[Leg], leg: Leg
) -> tuple[HeldElsewhere, ...]:
    """Return what places apart from the leg's primary hold of its databases, in the leg's time.

    earlier: the legs before it, the first one first.
    """
    found: list[HeldElsewhere] = []
    for i, database in enumerate(leg.scenario.databases):
        for before in earlier:
            later = [*earlier[before.number :], leg]
            for held in _left_in(before, database.name, later):
                if held.place == leg.primary:
                    continue
                end_us = _replaced_us(held.place, database.name, later)
                found.append(_in_time_of(leg, i, held, end_us))
    return tuple(held for held in found if held.from_us < held.until_us)


def held_at_the_end_us(legs: Sequence[Leg], name: str) -> int:
    """Return since when a database would be lost with the primary that took over last, where no
    second side ever stands behind it; in the run's time.
    """
    found = [0]
    for before in legs:
        later = legs[before.number :]
        for held in _left_in(before, name, later):
            if held.place != legs[-1].secondary:
                found.append(held.lacking_us)
    return max(found)


def _in_time_of(
    leg: Leg, database: int, held: HeldElsewhere, end_us: int
) -> HeldElsewhere:
    return replace(
        held,
        database=database,
        from_us=max(held.from_us - leg.begins_us, 0),
        until_us=min(held.until_us, end_us) - leg.begins_us,
        lacking_us=held.lacking_us - leg.begins_us,
    )


def _left_in(
    leg: Leg, name: str, later: Sequence[Leg]
) -> Iterator[HeldElsewhere]:
    """Yield what is left of a database at the places of one leg, in the run's time."""
    t = leg.tables
    database = _index(leg, name)
    promoted = t.of("truth.promoted", database)
    if database < 0 or not len(promoted["seq"]):
        return
    changed_us = leg.begins_us + int(promoted["time_us"][0])
    commits, lsn = (
        int(promoted["commits"][0]),
        int(promoted["fork_point_lsn"][0]),
    )
    whole = HeldElsewhere(
        database=database,
        place=leg.primary,
        from_us=changed_us,
        until_us=FOREVER_US,
        lacking_us=changed_us,
        commits=commits,
        lsn=lsn,
    )
    classes = {cls for _, cls in failed_for_good(t, database)}
    back_us = _back_us(leg, classes, later)
    if back_us is None:
        pass
    elif "database" in classes or ("host" in classes and back_us < 0):
        yield from _in_share(t, leg, whole, back_us)
    else:
        yield replace(whole, from_us=max(changed_us, back_us))
    for other in leg.beside:
        yield from _of_standby(other, name, whole)


def _index(leg: Leg, name: str) -> int:
    names = [database.name for database in leg.scenario.databases]
    return names.index(name) if name in names else -1


def _back_us(
    leg: Leg, classes: set[str], later: Sequence[Leg]
) -> int | None:
    """Return from when on the old primary's place stands again; -1: it was never away, though its
    machines may be. None: it is lost.
    """
    if not classes & {"host", "site"}:
        return -1
    for each in (leg, *later):
        for row in each.tables.rows("truth.returned"):
            what = row.values["what"]
            mine = row.values["site"] == leg.primary
            if mine and (what == "site" or "site" not in classes):
                return each.begins_us + row.time_us
    return None if "site" in classes else -1


def _in_share(
    t: Tables, leg: Leg, whole: HeldElsewhere, back_us: int
) -> Iterator[HeldElsewhere]:
    """Yield what the backups in the old primary's share reach to: from the newest full in it, and
    each log that follows without a hole.
    """
    made = t.of("truth.backup_finished", whole.database)
    spoilt: set[int] = set()
    for kind in ("truth.file_gone", "truth.damaged"):
        rows = t.of(kind, whole.database)
        spoilt.update(
            rows["file"][t.has_text(rows["where"], "primary")].tolist()
        )
    for kind in ("truth.backup_cut_off", "truth.backup_empty"):
        spoilt.update(t.of(kind, whole.database)["file"].tolist())
    good = pick(made, ~np.isin(made["file"], list(spoilt)))
    fulls = pick(good, good["kind"] == Kind.FULL)
    if not len(fulls["seq"]):
        return
    last = pick(fulls, fulls["last_lsn"] == fulls["last_lsn"].max())
    reached = int(last["last_lsn"][0])
    commits, as_of_us = int(last["commits"][0]), int(last["time_us"][0])
    logs = pick(good, good["kind"] == Kind.LOG)
    begun = _begun_us(t, whole.database)
    for i in np.argsort(logs["first_lsn"], kind="stable").tolist():
        if int(logs["first_lsn"][i]) > reached:
            break
        if int(logs["last_lsn"][i]) > reached:
            reached, commits = (
                int(logs["last_lsn"][i]),
                int(logs["commits"][i]),
            )
            as_of_us = begun[int(logs["file"][i])]
    all_of_it = commits >= whole.commits
    yield replace(
        whole,
        from_us=max(whole.from_us, back_us),
        lacking_us=whole.lacking_us
        if all_of_it
        else leg.begins_us + as_of_us,
        commits=min(whole.commits, commits),
        lsn=min(whole.lsn, reached),
    )


def _begun_us(t: Tables, database: int) -> dict[int, int]:
    """Return by file when its backup was begun."""
    rows = t.of("truth.backup_begin", database)
    return dict(
        zip(rows["file"].tolist(), rows["time_us"].tolist(), strict=True)
    )


def _of_standby(
    other: Leg, name: str, whole: HeldElsewhere
) -> Iterator[HeldElsewhere]:
    """Yield what a standby holds that did not take over. A store stands behind the next primary
    with what it has kept (world/stores/kept_chain.py).
    """
    if other.scenario.store is not None:
        return
    t = other.tables
    rows = t.of("truth.survivable", _index(other, name))
    rows = pick(
        rows,
        t.has_text(rows["class"], "site")
        & (rows["time_us"] <= whole.from_us - other.begins_us),
    )
    if not len(rows["seq"]) or not int(rows["commits"][-1]):
        return
    commits = min(whole.commits, int(rows["commits"][-1]))
    lacking_us = other.begins_us + int(rows["lacking_us"][-1])
    yield replace(
        whole,
        place=other.secondary,
        lacking_us=min(whole.lacking_us, lacking_us),
        commits=commits,
        lsn=_lsn_of(t, whole, commits),
    )


def _lsn_of(t: Tables, whole: HeldElsewhere, commits: int) -> int:
    """Return the position at which that many commits end: where a backup was cut."""
    if commits >= whole.commits:
        return whole.lsn
    made = t.of("truth.backup_finished", whole.database)
    ends: Ints = made["last_lsn"][made["commits"] == commits]
    return int(ends[0]) if len(ends) else whole.lsn


def _replaced_us(place: str, name: str, later: Sequence[Leg]) -> int:
    """Return when another copy took the place of what a place held, in the run's time: it is the
    second side of a later leg, and a backup was restored there, or its copy went.
    """
    found = [FOREVER_US]
    for leg in [each for part in later for each in part.every]:
        t = leg.tables
        for kind in ("truth.restored", "truth.copy_gone"):
            if leg.secondary == place:
                rows = t.of(kind, _index(leg, name))
                found += (rows["time_us"][:1] + leg.begins_us).tolist()
    return min(found)
