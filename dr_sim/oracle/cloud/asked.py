"""The things that work was asked for, and those that it really changed.

A row of the mapping table that is wrong leads the work of one thing to another. As long as it is in
the store, and for work that was translated by it, the manager believes in a change of the wrong
thing. Whether a row was wrong is known from what people told the manager.
"""

from __future__ import annotations

import re

from dr_sim.oracle.cloud.breach import Broken
from dr_sim.oracle.cloud.seen import CloudSeen, Key
from dr_sim.record.journal import Journal, Row

_SET = re.compile(r"^set/[^/]+/(.+)>[^>]+$")


def thing_of_set(name: str) -> str:
    """Return the thing that a change or a job of that name sets as a whole, '' if it sets none."""
    a_set = _SET.match(name)
    return a_set[1] if a_set else ""


def things_of_requests(journal: Journal) -> dict[str, tuple[str, str]]:
    """Return the network and the thing that each accepted request was for. Callers may ask about a
    request before it arrives, and such a call names nothing.
    """
    calls: dict[int, Row] = {}
    found: dict[str, tuple[str, str]] = {}
    for row in journal.rows("cloud.Called", "cloud.AnswerCall"):
        v = row.values
        if row.kind == "cloud.Called":
            calls[v["call"]] = row
        elif v["outcome"] == "accepted" and v["call"] in calls:
            call = calls[v["call"]].values
            name = f"{call['caller']}/{call['request']}"
            found.setdefault(name, (call["network"], call["entity"]))
    return found


def asked_thing(change: str, seen: CloudSeen) -> str:
    """Return the thing that a change was asked for, '' if that is not known."""
    return thing_of_set(change) or seen.lane_of.get(change, ("", ""))[1]


def is_of_another(row: Row, change: str, seen: CloudSeen) -> bool:
    """Return whether a change was asked for another thing than the one that it changes."""
    return asked_thing(change, seen) not in ("", row.values["entity_name"])


def note_edit(row: Row, seen: CloudSeen) -> None:
    """Take up that a person has changed a row of the mapping table."""
    v = row.values
    network = seen.spec.networks[row.entity].name
    key: Key = (row.entity, v["site"], v["entity"])
    if v["identifier"] == f"{network}-{v['entity']}-at-{v['site']}":
        seen.known.wrong_rows.discard(key)
        return
    seen.known.wrong_rows.add(key)
    seen.once_wrong.add((row.entity, v["entity"]))


def goes_astray(row: Row, change: str, seen: CloudSeen) -> bool:
    """Return whether a row of the mapping table that is wrong, or was, leads this script to another
    thing than was asked for: at this side, or at the one from which it was mirrored. What is there
    of both things is not known to the manager any more.
    """
    v = row.values
    if not is_of_another(row, change, seen):
        return False
    asked = (row.entity, asked_thing(change, seen))
    if asked not in seen.once_wrong:
        return False
    seen.not_known.add(asked)
    seen.not_known.add((row.entity, v["entity_name"]))
    return True


def hits_another(row: Row, change: str, seen: CloudSeen) -> Broken:
    """Yield a break if a script changes another thing than was asked for."""
    v = row.values
    if is_of_another(row, change, seen):
        asked = asked_thing(change, seen)
        yield (
            11,
            f"{change} is asked for {asked}, and changes {v['entity_name']} at {v['site']}",
        )


def left_behind(row: Row, seen: CloudSeen) -> Broken:
    """The manager says that a failover's site is configured, and it lacks what the manager knew to
    be done at the old side. Excused is what the manager cannot know.
    """
    v = row.values
    change, thing = v["change"], (row.entity, v["entity_name"])
    if seen.restored_us >= 0 or thing in seen.not_known:
        return
    if not _is_known(change, seen):
        return
    if seen.left_silent and change in seen.lane_of:
        # what was left there is done at the new side as well
        made: Key = (row.entity, v["site"], change)
        if made not in seen.begun_there:
            seen.owed[made] = change
    else:
        yield (
            14,
            f"{v['site']} counts as configured, and lacks {change} of {v['entity_name']}",
        )


def still_runs(row: Row, seen: CloudSeen) -> Broken:
    """The manager says that a failover's site is configured, while what a caller asked for still
    runs at the old side: nobody brings it over. If that side was silent as the failover began it
    cannot be told from one that is lost: then the change must be begun at the new side as well.
    """
    site = row.values["site"]
    if site != seen.goes_to:
        return  # it says so again
    seen.goes_to = ""
    if seen.restored_us >= 0:
        return
    for network, at, job in seen.alive:
        change = seen.change_of.get(job, job)
        if at == site or change not in seen.lane_of or ">" in job:
            continue
        if not seen.left_silent:
            yield 14, f"{site} counts as configured, and {job} runs at {at}"
        elif (network, site, change) not in seen.begun_there:
            seen.owed[network, site, change] = job


def not_begun(seen: CloudSeen) -> Broken:
    """After a calm, what ran at a silent side that a failover left was begun at the new one. A
    thing whose row of the mapping table is wrong may wait for that.
    """
    if seen.restored_us >= 0 or seen.cut:
        return
    for (network, site, change), job in seen.owed.items():
        thing = (network, asked_thing(change, seen))
        if thing not in seen.once_wrong:
            yield (
                14,
                f"{job} was left at a silent side, and {change} is never begun at {site}",
            )


_ANEW = "made anew"


def _is_known(change: str, seen: CloudSeen) -> bool:
    """Return whether the manager knew that a change was done at the old side. That a new side has
    nothing yet it knows always.
    """
    if change == _ANEW:
        return True
    jobs = [
        job
        for job, makes in seen.change_of.items()
        if makes == change and ">" not in job
    ]
    return any(seen.known.over.get(job) == "done" for job in jobs)
