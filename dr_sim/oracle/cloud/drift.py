"""The witness of drift (15): where the two sides differ beyond the limit, somebody is notified of
that very thing.

Only truth excuses: the manager was down, or what happened could be seen by comparing alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.asked import thing_of_set, things_of_requests
from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.failover import failover_is_told
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US, clock

_SILENT = re.compile(r"the agents of (\w+) are silent")
_OF_A_THING = (
    "blocked",
    "different",
    "foreign identifier",
    "not compared",
    "skipped",
)
"""The notices that name a thing of which the two sides differ, or may."""

_BEGUN = frozenset(("started", "running"))
_NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Something that no manager could see but by comparing. thing: '' if it may be any one."""

    time_us: int
    thing: str = ""


@dataclass(frozen=True, slots=True)
class _Unheard:
    """A script that was done while the agents of its site were silent. heard_us: when they were
    heard again. is_begun: whether a manager had heard that it was begun.
    """

    done_us: int
    heard_us: int
    is_begun: bool


@dataclass(slots=True)
class _Episode:
    """Drift of a network beyond its limit, from onset on. oldest_us: when the oldest change that
    was behind had been made, one after another.
    """

    network: int
    since_us: int
    onset_us: int
    end_us: int
    seq: int
    oldest_us: set[int] = field(default_factory=set)


def drift_is_told(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    spec = scenario.cloud
    assert spec is not None
    notices = [*journal.rows("cloud.Notify")]
    changed, made_by = _changed_at(journal), _things_of_jobs(journal)
    down = _down(journal)
    yield from failover_is_told(journal, scenario, down)
    unseen = _unseen(journal, len(spec.networks))
    unheard = _unheard(journal)
    for e in _episodes(journal, scenario):
        grace = spec.jobs.retry_us + MINUTE_US
        behind = {
            thing
            for since_us in e.oldest_us
            for thing in changed[e.network, since_us]
        }
        if not spec.mirror.audit_us:
            if _nobody_can_know(e, behind, unseen[e.network]):
                continue
        elif any(
            e.since_us - MINUTE_US <= each.time_us <= e.end_us
            for each in unseen[e.network]
        ):
            grace += 2 * spec.mirror.audit_us + spec.mirror.limit_us
        missed = [
            each
            for each in unheard[e.network]
            if e.since_us - MINUTE_US <= each.done_us <= e.onset_us
        ]
        if any(each.is_begun for each in missed):
            # of a job that nobody hears it is known at its limit
            grace += spec.jobs.time_limit_us
        deadline = e.onset_us + grace
        for each in missed:
            limit_us = each.done_us - spec.jobs.time_limit_us
            restarted = any(
                a <= each.heard_us and limit_us <= b for a, b in down
            )
            if restarted or not each.is_begun:
                # no time limit counts of what is not known to be begun
                known_us = each.heard_us + spec.mirror.limit_us
                deadline = max(deadline, known_us + grace)
        overlaps = [min(b, e.end_us) - max(a, e.since_us) for a, b in down]
        deadline += sum(us for us in overlaps if us > 0)
        told = any(
            e.since_us <= row.time_us <= deadline
            and row.entity == e.network
            and _tells_of(row, behind, made_by)
            for row in notices
        )
        if e.end_us > deadline and not told:
            name = spec.networks[e.network].name
            since = clock(e.onset_us)
            yield CloudBreach(
                deadline,
                e.seq,
                "cloud 15",
                f"{name} is behind beyond its limit since {since} into the run, and "
                "no notice says so",
            )


def _nobody_can_know(
    e: _Episode, behind: set[str], unseen: list[_Unseen]
) -> bool:
    """Tell whether something that was not seen explains that these things are behind, where nobody
    looks: it stays unseen, and later work on the same thing builds on it. Of what was behind
    from the start, as a new side was in place, it is not known what happened to them.
    """
    for each in unseen:
        if each.time_us > e.end_us:
            continue
        lasts = not each.thing or not behind or each.thing in behind
        if lasts or each.time_us >= e.since_us - MINUTE_US:
            return True
    return False


def _changed_at(journal: Journal) -> dict[tuple[int, int], set[str]]:
    """Return the things that were changed in a network at an instant."""
    found: dict[tuple[int, int], set[str]] = defaultdict(set)
    for row in journal.rows("truth.cloud_effect"):
        found[row.entity, row.time_us].add(row.values["entity_name"])
    return found


def _things_of_jobs(journal: Journal) -> dict[tuple[int, str], str]:
    """Return the thing that each job of a network changes."""
    found = {}
    for row in journal.rows("truth.cloud_script"):
        if row.values["what"] == "begins":
            job = (row.entity, row.values["job"])
            found[job] = row.values["entity_name"]
    return found


def _tells_of(
    notice: Row, behind: set[str], made_by: dict[tuple[int, str], str]
) -> bool:
    """Tell whether a notice is about drift, about one of the things that are behind, or about a job
    that changes one of them.
    """
    kind, about = notice.values["notice"], notice.values["about"]
    if kind == "drift":
        return True
    if made_by.get((notice.entity, about)) in behind:
        return True
    return kind in _OF_A_THING and any(
        about == thing or about.startswith(f"{thing}: ") for thing in behind
    )


def _drift_of_two_sides(journal: Journal, networks: int) -> list[Row]:
    """Return the rows about drift while there is a second side. From when a failover begins until
    the manager is told of a new second side nothing is behind: the side that was second is becoming
    the active one, and is changed by itself. A failover that does not end is told by itself
    (failover.py).
    """
    found = []
    in_failover = False
    kinds = (
        "truth.cloud_drift",
        "truth.cloud_provision",
        "truth.cloud_stands",
    )
    for row in journal.rows(*kinds):
        if row.kind == "truth.cloud_stands":
            in_failover = False
        elif row.kind == "truth.cloud_drift":
            found += [] if in_failover else [row]
        elif row.values["begins"] and not in_failover:
            in_failover = True
            for network in range(networks):
                none = {"since_us": -1}
                found.append(
                    Row(row.seq, row.kind, row.time_us, network, none)
                )
    return found


def _episodes(journal: Journal, scenario: Scenario) -> Iterator[_Episode]:
    spec = scenario.cloud
    assert spec is not None
    ends = [row.time_us for row in journal.rows("truth.end")]
    end_us = max(ends, default=scenario.run_for_us)
    open_: dict[int, _Episode] = {}
    rows = _drift_of_two_sides(journal, len(spec.networks))
    state: dict[int, tuple[int, int]] = {}  # network -> (since, seq)
    for row in [*rows, None]:
        everywhere = list(range(len(spec.networks)))
        networks = [row.entity] if row is not None else everywhere
        now = min(row.time_us, end_us) if row is not None else end_us
        for network in networks:
            since, seq = state.get(network, (-1, 0))
            onset = since + spec.mirror.limit_us
            if since >= 0 and onset < now and network not in open_:
                open_[network] = _Episode(network, since, onset, now, seq)
            if network in open_:
                open_[network].end_us = now
                open_[network].oldest_us.add(since)
            new = row.values["since_us"] if row is not None else -1
            still = new >= 0 and new + spec.mirror.limit_us <= now
            if network in open_ and not still:
                yield open_.pop(network)
            state[network] = (new, row.seq if row is not None else 0)


def _down(journal: Journal) -> list[tuple[int, int]]:
    """Return when the manager was down."""
    found, since = [], -1
    for row in journal.rows("truth.cloud_manager"):
        if not row.values["up"]:
            since = row.time_us
        elif since >= 0:
            found.append((since, row.time_us))
            since = -1
    return [*found, *([(since, _NEVER_US)] if since >= 0 else [])]


def _unseen(journal: Journal, networks: int) -> dict[int, list[_Unseen]]:
    """Return, by network, what came about that no manager could see but by comparing."""
    found: dict[int, list[_Unseen]] = defaultdict(list)
    kinds = (
        "truth.cloud_effect",
        "truth.cloud_script",
        "truth.cloud_forgotten",
    )
    for row in journal.rows(*kinds):
        v = row.values
        if (
            row.kind == "truth.cloud_forgotten"
            or v.get("how") == "hand"
            or v.get("what") == "done late"
        ):
            found[row.entity].append(_Unseen(row.time_us, v["entity_name"]))
    everywhere = [
        row.time_us for row in journal.rows("truth.cloud_store_restored")
    ]
    for network, astray in _astray(journal):
        found[network].append(astray)
    for network in range(networks):
        found[network] += [_Unseen(us) for us in everywhere]
        found[network] += _taken_over(journal, network, found[network])
    return found


def _astray(journal: Journal) -> Iterator[tuple[int, _Unseen]]:
    """Yield each change of one thing that a wrong row of the mapping table led to another, with its
    network: the first thing lacks it, and the second one has it.
    """
    if not any(True for _ in journal.rows("cloud.MappingEdited")):
        return
    things = things_of_requests(journal)
    for row in journal.rows("truth.cloud_script"):
        job, thing = row.values["job"], row.values["entity_name"]
        asked = thing_of_set(job)
        if not asked:  # it is mirrored, or was moved to another side
            request = re.split("[>@]", job, maxsplit=1)[0]
            asked = things[request][1] if request in things else thing
        if asked != thing and row.values["what"] == "done":
            yield row.entity, _Unseen(row.time_us, asked)
            yield row.entity, _Unseen(row.time_us, thing)


def _unheard(journal: Journal) -> dict[int, list[_Unheard]]:
    """Return, by network, when a script was done and no manager could hear it: the agents of its
    site were silent.
    """
    silent: dict[str, int] = defaultdict(int)
    begun: set[tuple[int, str, int]] = set()
    waits: dict[str, list[tuple[int, int, bool]]] = defaultdict(list)
    found: dict[int, list[_Unheard]] = defaultdict(list)
    kinds = ("truth.event", "truth.cloud_script", "cloud.AgentSaid")
    for row in journal.rows(*kinds):
        v = row.values
        if row.kind == "cloud.AgentSaid":
            if v["word"] in _BEGUN:
                begun.add((row.entity, v["job"], v["attempt"]))
        elif row.kind == "truth.cloud_script":
            if v["what"] == "done" and silent[v["site"]]:
                attempt = (row.entity, v["job"], v["attempt"])
                script = (row.entity, row.time_us, attempt in begun)
                waits[v["site"]].append(script)
        elif agents := _SILENT.search(v["detail"]):
            site = agents[1]
            silent[site] += 1 if v["begins"] else -1
            if not silent[site]:
                for network, done_us, is_begun in waits.pop(site, ()):
                    each = _Unheard(done_us, row.time_us, is_begun)
                    found[network].append(each)
    for left in waits.values():
        for network, done_us, is_begun in left:
            each = _Unheard(done_us, _NEVER_US, is_begun)
            found[network].append(each)
    return found


def _taken_over(
    journal: Journal, network: int, unseen: list[_Unseen]
) -> list[_Unseen]:
    """Return when a second side was in place behind one that a failover had made active with
    something unseen: what the manager takes for right is not what is there.
    """
    begun = [
        row.time_us
        for row in journal.rows("truth.cloud_provision")
        if row.values["begins"]
    ]
    behind_us = -1
    last = (-1, -1)  # from when to when the second side was last behind
    found = []
    for row in journal.rows("truth.cloud_drift", "truth.cloud_stands"):
        if row.kind == "truth.cloud_stands":
            before = [us for us in begun if us <= row.time_us]
            since, until = last
            in_failover = bool(before) and until >= before[-1]
            if in_failover:
                found += [
                    _Unseen(row.time_us, each.thing)
                    for each in unseen
                    if since <= each.time_us <= until
                ]
        elif row.entity == network:
            if row.values["since_us"] < 0 <= behind_us:
                last = (behind_us - MINUTE_US, row.time_us)
            behind_us = row.values["since_us"]
    return found
