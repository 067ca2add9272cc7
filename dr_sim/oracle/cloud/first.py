"""The witness of farms that serve other farms (law 29 of docs/machines.md): the machines on which
other farms of a network depend are made before those of the others.

It reads what the manager saves in one step. Of the machines whose first deployment is ordered
there, those of a network's own farm come first, and then those of federated farms. And none is
placed while one of a farm on which it depends waits for room and would fit in its place. Nothing
is said of a machine whose deployment failed before: it goes elsewhere when that is known, whatever
was placed meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.saved import SavedMachine, machines_saved
from dr_sim.oracle.cloud.told import Place
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario

_DEPLOYS = "job/deploy "
_WAITS = "waiting"


Known = dict[Place, SavedMachine]
Ranks = dict[str, int]
"""Place of each farm in the order in which machines are made."""


def first_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield everything that broke; nothing where all farms are of one kind."""
    spec = scenario.cloud
    if spec is None or spec.machines is None:
        return
    ranks = {of.name: of.kind.rank for of in spec.machines.farms}
    if len(set(ranks.values())) < 2:
        return
    known: Known = {}
    for row in journal.rows("cloud.SaveAll", "truth.cloud_store_restored"):
        if row.kind == "truth.cloud_store_restored":
            known.clear()
            continue
        for sentence in _saved(row.values["entries"], ranks, known):
            yield CloudBreach(row.time_us, row.seq, "cloud 29", sentence)


def _saved(entries: str, ranks: Ranks, known: Known) -> Iterator[str]:
    """Look at what is saved in one step."""
    saved = dict(machines_saved(entries))
    if not saved:
        return
    for at, machine in saved.items():
        known.pop(at, None)
        if machine is not None:
            known[at] = machine
    ordered: list[tuple[int, Place]] = []
    for key, value in pairs_from_text(entries):
        if key.startswith(_DEPLOYS) and value:
            order, _, _, site, name, *_ = json.loads(value)
            ordered.append((order, (site, name)))
    placed = [
        at
        for _, at in sorted(ordered)
        if at in known and known[at].jobs == 1
    ]
    yield from _too_early(placed, ranks, known)
    yield from _in_the_way(placed, ranks, known)


def _too_early(
    placed: list[Place], ranks: Ranks, known: Known
) -> Iterator[str]:
    """Yield those that are ordered before one on which they depend."""
    for number, at in enumerate(placed):
        mine = known[at]
        for later in placed[number + 1 :]:
            other = known[later]
            same = (later[0], other.network) == (at[0], mine.network)
            if same and ranks[other.farm] < ranks[mine.farm]:
                yield f"{at[1]} is deployed at {at[0]} before {later[1]}"


def _in_the_way(
    placed: list[Place], ranks: Ranks, known: Known
) -> Iterator[str]:
    """Yield those that take the place of one on which they depend."""
    for at in placed:
        mine = known[at]
        for place, other in known.items():
            alike = (other.network, other.image) == (
                mine.network,
                mine.image,
            )
            waits = other.state == _WAITS and not other.jobs
            fits = place[0] == at[0] and mine.physical not in other.not_on
            before = ranks[other.farm] < ranks[mine.farm]
            if before and alike and waits and fits:
                yield (
                    f"{at[1]} is deployed at {at[0]} on {mine.physical}, and "
                    f"{place[1]} waits for room there"
                )
