"""For random runs, each microsecond of every ledger has a cause that the record confirms: the file
was in that state then, the link was down, the jobs were paused. An oracle of its own (oracle.py)
reads the record; planted bugs show that it looks.

A ledger's lines are checked at both their ends and in the middle, and at some instants drawn
between.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.causes import arrival, before_backup, life, on_the_way
from dr_sim.measures.causes.causes import Causes, SafeTime
from dr_sim.measures.causes.ledger import Ledger, explain_at, explain_failover
from dr_sim.measures.causes.pieces import Piece
from dr_sim.measures.exposure.exposure import true_exposure
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario
from dr_sim.world.world import World
from tests.at_length import some_or_all
from tests.measures.oracle import Oracle
from tests.storms.draw import limits, text

MORE = (
    "replication.slots=1",
    "replication.slots=2",
    "replication.every=7 min",
    "replication.staging=300 MB",
    "link.sharing=fifo",
    "link.sharing=priority",
    "replication.retry=0 s",
    "replication.retry=9 min",
    "link.bandwidth=3 Mbit/s",
)


def drawn(seed: int, folder: Path) -> Scenario:
    """A storm, with more of what makes files wait: few slots, copy jobs, small staging areas,
    back-off, databases without logs, seeds on their way, full disks.
    """
    r = random.Random(f"causes {seed}")
    path = folder / f"causes-{seed}.yaml"
    lines = text(seed)
    names = [
        line.strip(" :")
        for line in lines.splitlines()
        if line.startswith("  ") and line.endswith(":")
    ]
    path.write_text(lines, encoding="utf-8")
    sets = r.sample(MORE, r.randint(0, 3))
    sets = list({s.split("=")[0]: s for s in sets}.values())
    odd = []
    if r.random() < 0.15:
        odd += limits(seed)
    if r.random() < 0.3:
        odd.append(f"databases.{r.choice(names)}.log=none")
    if r.random() < 0.3 and "recovery_model" not in lines:
        odd.append(f"databases.{r.choice(names)}.seeded=false")
    try:
        return load_scenario(path, sets + odd)
    except InputError:  # an event needs logs, logs need a full
        return load_scenario(path, sets)


# a ledger, its database, first lacking commit and when it was made, its end
Asked = tuple[Ledger, int, int, int, int]


def ledgers(journal: Journal, scenario: Scenario, seed: int) -> list[Asked]:
    """Of data loss and of exposure at some instants each."""
    r = random.Random(f"instants {seed}")
    found: list[Asked] = []
    survivable = [x for x in journal.rows("truth.survivable") if x.values["class"] == "site"]
    for database in range(len(scenario.databases)):
        curve = true_exposure(journal, scenario, database)
        mine = [x for x in survivable if x.entity == database]
        instants = [r.randint(curve.begin_us, curve.end_us) for _ in range(4)] + [curve.end_us]
        instants += [
            x.time_us for x in r.sample(mine, min(len(mine), 2)) if x.time_us > curve.begin_us
        ]
        for t in instants:
            if t > curve.end_us or not len(curve.start_us):
                continue
            (ledger,) = explain_at(journal, scenario, t, database)
            assert ledger.total_us == curve.at(t)
            commits = [x.values["commits"] for x in mine if x.time_us < max(t, 1)][-1]
            found.append((ledger, database, commits, t - ledger.total_us, t))
        for n, failover in enumerate(failovers(journal, scenario), 1):
            loss = failover.losses[database]
            ledger = explain_failover(journal, scenario, n, database)[0]
            if loss.recovery_point_us is not None and ledger.total_us:
                until = min(loss.failed_us, loss.recovery_point_us + ledger.total_us)
                found.append(
                    (ledger, database, loss.survivor_commits, loss.recovery_point_us, until)
                )
    return found


def untrue(seed: int, folder: Path, causes: Counter[str] | None = None) -> list[str]:
    """What the oracle does not confirm, in words."""
    scenario = drawn(seed, folder)
    journal = World(scenario).run()
    oracle = Oracle(journal, scenario)
    r = random.Random(f"between {seed}")
    out = []
    for ledger, database, commits, lacking, until in ledgers(journal, scenario, seed):
        at = lacking
        for line in ledger.lines:
            assert line.begin_us == at
            at += line.duration_us
            if line.cause == "split brain":
                continue
            if causes is not None:
                causes[line.cause.split(" (")[0]] += 1
            for t in {line.begin_us, line.begin_us + r.randrange(line.duration_us), at - 1}:
                wrong = oracle.disagrees(database, commits, lacking, until, t, line.cause)
                if wrong:
                    out.append(
                        f"seed {seed} database {database} at {t} of {lacking}..{until}: "
                        f"{line.cause!r}, and {wrong}"
                    )
        assert at - lacking == ledger.total_us
    return out


@pytest.mark.parametrize("ten", some_or_all(range(3), 3))
def test_each_microsecond_has_a_cause_that_the_record_confirms(ten: int, tmp_path: Path) -> None:
    for seed in range(ten * 10, ten * 10 + 10):
        assert untrue(seed, tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize("hundred", range(10))
def test_each_microsecond_has_a_cause_that_the_record_confirms_at_length(
    hundred: int, tmp_path: Path
) -> None:
    for seed in range(1000 + hundred * 100, 1100 + hundred * 100):
        assert untrue(seed, tmp_path) == []


# ---- the oracle looks: planted bugs
Pieces = Iterator[Piece]


def swapped(
    place: ModuleType, name: str, one: str, other: str
) -> Callable[[pytest.MonkeyPatch], None]:
    """Swap two causes in the pieces of one part of the ledger."""
    real = getattr(place, name)
    places = {one: other, other: one}

    def wrong(*args: Any) -> Pieces:
        pieces = real(*args)
        while True:
            try:
                until, cause, detail = next(pieces)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield until, places.get(cause, cause), detail

    return lambda patch: patch.setattr(place, name, wrong)


def without(place: ModuleType, name: str, instead: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Let one part of the ledger find nothing."""
    return lambda patch: patch.setattr(place, name, lambda *args: instead)


PLANTED: dict[str, tuple[int, Callable[[pytest.MonkeyPatch], None]]] = {
    "a queue is called back-off": (0, swapped(arrival, "waiting", "queued", "replicator back-off")),
    "a queue is called a full staging area": (
        0,
        swapped(arrival, "waiting", "queued", "staging full"),
    ),
    "a copy job is called a queue": (0, swapped(arrival, "waiting", "queued", "copy job")),
    "back-off while the link is down": (13, without(on_the_way, "_link_down", ())),
    "sharing is called a transfer alone": (
        0,
        swapped(arrival, "sending", "transfer", "transfer, sharing the link"),
    ),
    "what was lost is called not restored": (
        82,
        swapped(arrival, "_landed", "landed whole, lost later", "landed, not restored"),
    ),
    "skipped backups are forgotten": (0, without(before_backup, "_came_to_nothing", [])),
    "the way of a repair is not followed": (0, without(life, "_next_way_out", None)),
    "a wiped copy is never noticed": (
        35,
        lambda patch: patch.setattr(Causes, "based", lambda *args: [SafeTime(0, 1 << 62, "")]),
    ),
    "truncated log is forgotten": (
        0,
        lambda patch: patch.setattr(Causes, "truncated", lambda *args: []),
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seed, plant = PLANTED[bug]
    plant(monkeypatch)
    assert untrue(seed, tmp_path) != []
