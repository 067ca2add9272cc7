"""Cut sets: the smallest sets of things at the secondary whose loss, with the primary's site,
breaks the RPO at an instant.

Theory of operation. A way is a set of files (and perhaps the restored copy) that together, by the
rules of the log chain, hold everything written until the RPO before the instant. A cut set takes at
least one thing out of every way. Ways are found as they are needed: the smallest set that hits all
known ways is computed exactly (scipy's milp); if a way survives it, that way is added, and so on.
When none survives, the set is a smallest one: no set of fewer things breaks the RPO, and that is
the certificate. Sets that were found are excluded, and the next smallest is looked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from dr_sim.backups.model import Kind
from dr_sim.oracle.monitors import Story
from dr_sim.record.journal import Journal
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import Scenario
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.secondary.standby_copies import Break
from dr_sim.world.world import World

COPY = "the restored copy"


@dataclass(frozen=True, slots=True)
class Holding:
    """A whole file in the secondary's share, or the restored copy (kind -1). holds_us: up to when
    it holds all writes, if everything before it is there.
    """

    name: str
    kind: int
    first_lsn: int
    last_lsn: int
    base_lsn: int
    holds_us: int


@dataclass(slots=True)
class CutSets:
    """of: how many things there are. sets: the smallest first. certificate: no set of fewer things
    breaks it; confirmed: by a run, for each set.
    """

    database: str
    at_us: int
    rpo_us: int
    of: int
    sets: list[tuple[str, ...]] = field(default_factory=list)
    certificate: int = 0
    confirmed: list[bool] = field(default_factory=list)

    def ranked(
        self, scenario: Scenario
    ) -> list[tuple[tuple[str, ...], bool, float]]:
        """The sets with whether a run confirmed them and how likely they are in an hour, by the
        rates of the scenario's faults; the likeliest first. All 0 if it has no such faults.
        """
        each = [
            (names, seen, likely(names, scenario))
            for names, seen in zip(self.sets, self.confirmed, strict=True)
        ]
        return sorted(each, key=lambda one: (-one[2], len(one[0]), one[0]))


def likely(names: Sequence[str], scenario: Scenario) -> float:
    """Return how often in an hour all of these are lost, were each lost by itself, by the
    scenario's rates.
    """
    copies = _rate(scenario, Explains.COPY_LOST, Explains.RESTORE_REFUSED)
    files = _rate(scenario, Explains.DAMAGED_COPY, Explains.FILE_LOST)
    return math.prod(copies if name == COPY else files for name in names)


def _rate(scenario: Scenario, *causes: Explains) -> float:
    return sum(
        fault.num * 3_600_000_000 / fault.den_us
        for fault in scenario.faults
        if fault.num and set(causes) & set(fault.kind.explains)
    )


def things_at(
    journal: Journal, scenario: Scenario, database: int, at_us: int
) -> list[Holding]:
    """Return what lies whole at the secondary then, and the copy that is restored there."""
    story = Story(journal, scenario)
    rows = story.of("seen.Validated", database)
    holds = _holds_us(story, database)
    gone: dict[str, int] = {}
    numbers = {
        int(file): story.text(name)
        for file, name in zip(
            story.of("truth.landed", database)["file"].tolist(),
            story.of("truth.landed", database)["name"].tolist(),
            strict=True,
        )
    }
    for row in story.rows("truth.file_gone"):
        if row.entity == database and row.values["where"] == "secondary":
            gone[numbers.get(row.values["file"], "")] = row.time_us
    found: dict[str, Holding] = {}
    for i in range(len(rows["seq"])):
        name = story.text(rows["name"][i])
        if (
            rows["time_us"][i] > at_us
            or rows["time_us"][i] <= gone.get(name, at_us + 1) <= at_us
        ):
            continue
        found[name] = Holding(
            name,
            int(rows["header.kind"][i]),
            int(rows["header.first_lsn"][i]),
            int(rows["header.last_lsn"][i]),
            int(rows["header.differential_base_lsn"][i]),
            holds.get(name, -1),
        )
    things = list(found.values())
    done = story.within("seen.Restored", database, 0, at_us)
    lost = story.within("truth.copy_gone", database, 0, at_us)
    if done.stop and lost.stop == lost.start:
        restored = story.of("seen.Restored", database)
        last = story.text(restored["name"][done.stop - 1])
        redo = int(restored["redo_lsn"][done.stop - 1])
        base = int(restored["differential_base_lsn"][done.stop - 1])
        things.append(
            Holding(COPY, -1, base, redo, base, holds.get(last, -1))
        )
    return things


def _holds_us(story: Story, database: int) -> dict[str, int]:
    """Return the files by name: a log holds what was written before it was cut, any other before it
    was finished.
    """
    cut = {
        row.values["file"]: row.time_us
        for row in story.rows("truth.backup_begin")
    }
    return {
        row.values["name"]: cut.get(row.values["file"], row.time_us)
        if row.values["kind"] == Kind.LOG
        else row.time_us
        for row in story.rows("truth.backup_finished")
        if row.entity == database
    }


def a_way(
    things: Sequence[Holding], needed_us: int
) -> list[Holding] | None:
    """Return the way of the fewest things that holds everything until an instant, None if none
    does.
    """
    logs = sorted(
        (t for t in things if t.kind == Kind.LOG), key=lambda t: t.first_lsn
    )
    best: list[Holding] | None = None
    for start in _starts(things):
        way, holds_us = _led_on(start, logs, needed_us)
        if holds_us >= needed_us and (best is None or len(way) < len(best)):
            best = way
    return best


def _starts(things: Sequence[Holding]) -> Iterator[list[Holding]]:
    """Fulls and the copy, by themselves and with each chain of incrementals that stands on them."""
    ways = [[thing] for thing in things if thing.kind in (Kind.FULL, -1)]
    while ways:
        way = ways.pop()
        yield way
        base = way[-1]
        for inc in things:
            stands = (
                inc.base_lsn == base.first_lsn
                and inc.last_lsn > base.last_lsn
            )
            begins_later = len(way) == 1 or inc.first_lsn > base.first_lsn
            if inc.kind == Kind.INCREMENTAL and stands and begins_later:
                ways.append([*way, inc])


def _led_on(
    start: list[Holding], logs: Sequence[Holding], needed_us: int
) -> tuple[list[Holding], int]:
    """Take the log that leads furthest, again and again."""
    way, holds_us, at = list(start), start[-1].holds_us, start[-1].last_lsn
    place = 0
    while holds_us < needed_us:
        furthest: Holding | None = None
        while place < len(logs) and logs[place].first_lsn <= at:
            if logs[place].last_lsn > at and (
                furthest is None or logs[place].last_lsn > furthest.last_lsn
            ):
                furthest = logs[place]
            place += 1
        if furthest is None:
            break
        way.append(furthest)
        at, holds_us = furthest.last_lsn, max(holds_us, furthest.holds_us)
    return way, holds_us


def smallest_cuts(
    things: Sequence[Holding], needed_us: int, count: int
) -> Iterator[tuple[int, ...]]:
    """Yield the smallest sets (places among the things) that no way survives, smallest first."""
    place = {thing.name: i for i, thing in enumerate(things)}
    hit: list[np.ndarray] = []  # ways: at least one of each is taken
    excluded: list[
        np.ndarray
    ] = []  # sets that were found, and all that contain them
    found = 0
    while found < count:
        taken = _solved(len(things), hit, excluded)
        if taken is None:
            return
        left = [thing for i, thing in enumerate(things) if i not in taken]
        way = a_way(left, needed_us)
        row = np.zeros(len(things))
        if way is not None:
            row[[place[thing.name] for thing in way]] = 1
            hit.append(row)
            continue
        found += 1
        row[list(taken)] = 1
        excluded.append(row)
        yield tuple(sorted(taken))


def _solved(
    size: int, hit: Sequence[np.ndarray], excluded: Sequence[np.ndarray]
) -> set[int] | None:
    constraints = [LinearConstraint(row, lb=1) for row in hit]
    constraints += [
        LinearConstraint(row, ub=row.sum() - 1) for row in excluded
    ]
    if not constraints:
        return set()
    solved = milp(
        np.ones(size),
        constraints=constraints,
        integrality=1,
        bounds=Bounds(0, 1),
    )
    return (
        set(np.flatnonzero(np.round(solved.x)).tolist())
        if solved.success
        else None
    )


def cut_sets(
    journal: Journal,
    scenario: Scenario,
    database: int,
    at_us: int,
    rpo_us: int,
    count: int = 5,
) -> CutSets:
    """Return the smallest sets whose loss breaks the RPO then, each confirmed by a run."""
    things = things_at(journal, scenario, database, at_us)
    name = scenario.databases[database].name
    answer = CutSets(name, at_us, rpo_us, len(things))
    for cut in smallest_cuts(things, at_us - rpo_us, count):
        answer.certificate = answer.certificate or len(cut)
        names = tuple(things[i].name for i in cut)
        answer.sets.append(names)
        answer.confirmed.append(
            breaks(scenario, database, at_us, rpo_us, names)
        )
    return answer


def breaks(
    scenario: Scenario,
    database: int,
    at_us: int,
    rpo_us: int,
    names: Sequence[str],
) -> bool:
    """Run the scenario to that instant, take these things away, lose the site, and see what is
    lost.
    """
    failover = replace(
        scenario.failover, mode="automatic", machines_silent=0
    )
    events = tuple(
        event for event in scenario.events if event.at_us < at_us
    )
    of = replace(
        scenario,
        failover=failover,
        events=events,
        steps=True,
        run_for_us=at_us + 86_400_000_000,
    )
    world = World(of)

    def lose() -> None:
        pair = world.pair
        files = pair.context.by_name[database]
        if COPY in names:
            pair.break_standby(database, Break.DROPPED, "taken away")
        for name in names:
            if name != COPY and name in files and files[name].at_secondary:
                pair.secondary.delete(files[name], "taken away")
        pair.losses.lose(
            "site", list(pair.primary.databases), list(of.machines)
        )

    world.context.agenda.at(at_us, Class.FAULT, -1, lose)
    journal = world.run()
    promoted = [
        r for r in journal.rows("truth.promoted") if r.entity == database
    ]
    return not promoted or promoted[0].values["lacking_us"] < at_us - rpo_us
