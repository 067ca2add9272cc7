"""The witness of jobs and of what they change: the numbers 1, 3 to 6, 8 to 11, 13, 15 and
21.
"""

from __future__ import annotations

import json

from dr_sim.formatting.words import counted
from dr_sim.oracle.cloud.asked import (
    goes_astray,
    hits_another,
    is_of_another,
    thing_of_set,
)
from dr_sim.oracle.cloud.breach import Broken
from dr_sim.oracle.cloud.machines import MACHINE_SCRIPTS
from dr_sim.oracle.cloud.seen import CloudSeen, Key
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Row

_ENDS = ("done", "failed", "killed", "died", "escaped")


def started(row: Row, seen: CloudSeen) -> Broken:
    v = row.values
    job, change = v["job"], v["change"]
    seen.change_of[job] = change
    seen.known.attempt[job] = v["attempt"]
    if job in seen.known.over:
        yield 6, f"{job} was {seen.known.over[job]}, and is started"
    foreign = _of_another_site(row)
    if foreign:
        yield 8, f"{job} is started at {v['site']} with {foreign}"
    asks = seen.known.asked.get(change)
    if asks is not None and v["script"] != asks[0]:
        yield (
            3,
            f"{change} asks for {asks[0]}, and {v['script']} is started",
        )
    by_mirror = ">" in job or v["script"] in MACHINE_SCRIPTS
    off_us = seen.known.off_since.get(row.entity)
    begun_us = seen.begun.get(change, -1)
    mirrored = ">" in job and not thing_of_set(change)
    if (
        mirrored
        and off_us is not None
        and begun_us > off_us
        and v["site"] == seen.sites.second
    ):
        yield (
            21,
            f"{change} is brought to {v['site']}, and people had switched the mirror off",
        )
    if (
        v["site"] != seen.sites.active
        and seen.sites.second
        and not by_mirror
    ):
        yield (
            13,
            f"{job} is done at {v['site']}, which is not the active side",
        )


def _of_another_site(row: Row) -> str:
    """Return the first identifier of another site that a script is started with; '' if there is
    none. An identifier ends with the site to which it belongs.
    """
    v = row.values
    for value in json.loads(v["params"]).values():
        known, _, site = str(value).rpartition("-at-")
        if known.startswith(f"{v['network']}-") and site != v["site"]:
            return str(value)
    return ""


class _Script:
    """A row of a script, with the names under which what it does is noted.

    side: network and site; key: the job there; made: the change there; thing: what it changes.
    """

    def __init__(self, row: Row, seen: CloudSeen) -> None:
        v = row.values
        self.row = row
        self.job: str = v["job"]
        self.site: str = v["site"]
        self.change = seen.change_of.get(self.job, self.job)
        self.side = (row.entity, self.site)
        self.key: Key = (*self.side, self.job)
        self.made: Key = (*self.side, self.change)
        self.thing: Key = (*self.side, v["entity_name"])


def script(row: Row, seen: CloudSeen) -> Broken:
    """Check the beginning and the end of each script, and of each clean-up."""
    if row.values["script"] in MACHINE_SCRIPTS:
        # machines that die are replaced as long as they do: that is no calm
        seen.last_disturbed_us = row.time_us
    its, what = _Script(row, seen), row.values["what"]
    if what == "begins":
        yield from _begins(its, seen)
    elif what == "cleaning":
        yield from _cleaning(its, seen)
    elif what == "cleaned":
        seen.cleaned.add(its.key)
    elif what in _ENDS:
        _ends(its, seen)
        if what == "died":
            seen.died.add(its.key)
        elif what == "escaped":
            seen.escaped.add(its.made)
            seen.not_known.add((row.entity, row.values["entity_name"]))
        elif what == "done":
            yield from _done(its, seen)


def _begins(its: _Script, seen: CloudSeen) -> Broken:
    """Check that nothing else makes this change, or changes this thing, at the same time."""
    row, job, key = its.row, its.job, its.key
    attempt, entity = row.values["attempt"], row.values["entity_name"]
    seen.begun_at[job].add(key)
    seen.begun_there.add(its.made)
    seen.owed.pop(its.made, None)
    seen.begun.setdefault(its.change, row.time_us)
    if key in seen.alive:
        yield (
            4,
            f"attempt {seen.alive[key]} of {job} lives, and {attempt} begins",
        )
    elif its.made in seen.changing:
        other = seen.changing[its.made]
        yield (
            4,
            f"{its.change} is being made by {other}, and {job} begins",
        )
    if not goes_astray(row, its.change, seen):
        yield from hits_another(row, its.change, seen)
        at_work = seen.at_work.get(its.thing)
        if at_work is not None and key not in seen.alive:
            yield (
                9,
                f"{at_work} changes {entity} at {its.site}, and {job} begins",
            )
        seen.at_work[its.thing] = job
    seen.alive[key] = attempt
    seen.changing[its.made] = job
    running = seen.at_once.get(its.side, 0) + 1
    seen.at_once[its.side] = running
    most = seen.spec.jobs.at_once
    if running > most:
        yield (
            10,
            f"{counted(running, 'script')} at one time at {its.site}: the most is {most}",
        )


def _ends(its: _Script, seen: CloudSeen) -> None:
    """Note that a script does not run any more, however it ended."""
    if seen.alive.pop(its.key, None) is not None:
        seen.at_once[its.side] -= 1
    seen.changing.pop(its.made, None)
    if seen.at_work.get(its.thing) == its.job:
        del seen.at_work[its.thing]


def _done(its: _Script, seen: CloudSeen) -> Broken:
    """Check that a change is made once."""
    before = seen.done.get(its.made)
    excused = its.made in seen.escaped or seen.restored_us >= 0
    if before is not None and not excused:
        yield (
            1,
            f"{its.change} was made at {its.site} by {before}, and again by {its.job}",
        )
    seen.done[its.made] = its.job
    seen.done_of[its.thing].add(its.made)
    seen.made.add(its.key)


def _cleaning(its: _Script, seen: CloudSeen) -> Broken:
    """Check that a job is cleaned up once, and after it has ended."""
    if its.key in seen.alive:
        attempt = seen.alive[its.key]
        yield (
            5,
            f"{its.job} is cleaned up while attempt {attempt} lives",
        )
    if its.key in seen.cleaned and seen.restored_us < 0:
        yield 5, f"{its.job} is cleaned up again"


def ended(row: Row, seen: CloudSeen) -> Broken:
    """A job that is saved as done was really done. One that was given up was told to somebody."""
    entries = row.values["entries"]
    if "ended/" not in entries:
        return
    for name, state in pairs_from_text(entries):
        job = name.removeprefix("ended/")
        if job == name:
            continue
        if state == "done" and not seen.begun_at[job] & seen.made:
            yield 1, f"{job} counts as done, and no script of it was done"
        if state == "failed" and job not in seen.told_of:
            yield 15, f"{job} is given up, and no notice says so"
        if state in ("cancelled", "failed"):
            yield from _not_cleaned(job, state, seen)


def _not_cleaned(job: str, state: str, seen: CloudSeen) -> Broken:
    """A job that came to nothing, and had begun, was cleaned up by then: half-done work would lie
    there, and what it had paused would stay paused. While a failover is in progress, jobs of the
    old side are closed as they are.
    """
    begun = seen.begun_at[job] - seen.made - seen.died
    if seen.sites.second and begun and not begun & seen.cleaned:
        yield 5, f"{job} is {state}, and was never cleaned up"


def effect(row: Row, seen: CloudSeen) -> Broken:
    v = row.values
    site, change, entity = v["site"], v["change"], v["entity_name"]
    if site == seen.sites.active:
        seen.last_disturbed_us = row.time_us
    for value in json.loads(v["params"]).values():
        owner = value.rpartition("-at-")[2] if "-at-" in value else site
        if owner != site:
            yield 8, f"{value} is in use at {site}"
    thing = (row.entity, entity)
    if not seen.sites.second and not is_of_another(row, change, seen):
        yield from _in_failover(row, seen)
    if v["how"] == "set" or v["change"].startswith("set "):
        # what it had before may be made once more
        for made in seen.done_of.pop((row.entity, site, entity), ()):
            seen.done.pop(made, None)
    if v["how"] != "script":
        seen.not_known.add(thing)
        return
    if change not in seen.may_be and not _is_of_upgrade(change, seen):
        yield (
            11,
            f"{change} takes effect at {site}, and nobody who may has asked for it",
        )
    if is_of_another(row, change, seen):
        return  # it stands among the changes of the thing that it was asked for
    if site == seen.sites.active:
        seen.order[thing].append(change)
        return
    if site != seen.sites.second or change not in seen.order[thing]:
        return
    if (row.entity, site, change) in seen.escaped:
        return  # it comes when it comes: nobody can hold it back
    place = seen.order[thing].index(change)
    if place < seen.reached.get(thing, -1):
        later = seen.order[thing][seen.reached[thing]]
        yield (
            9,
            f"{change} of {entity} takes effect at {site} after {later}, which came later",
        )
    seen.reached[thing] = max(place, seen.reached.get(thing, -1))


def _is_of_upgrade(change: str, seen: CloudSeen) -> bool:
    """Tell whether a change moves a database for an upgrade that somebody has asked for."""
    return any(change.startswith(move) for move in seen.upgrades)


def _in_failover(row: Row, seen: CloudSeen) -> Broken:
    """An older change takes effect at the new side after a newer one of its thing.
    A store that was put back has forgotten what is older.
    """
    v = row.values
    change, thing = v["change"], (row.entity, v["entity_name"])
    if v["site"] != seen.sites.active:
        seen.older[thing].add(change)
    elif change not in seen.older[thing]:
        if v["how"] == "script":
            seen.newer.setdefault(thing, change)
    elif thing in seen.newer and seen.restored_us < 0:
        made: Key = (row.entity, v["site"], change)
        if made not in seen.escaped:
            yield (
                9,
                f"{change} of {v['entity_name']} takes effect at {v['site']} "
                f"after {seen.newer[thing]}, which came later",
            )
