"""A standby whose copy cannot follow a new primary, and that is restored from backups at hand.

Theory of operation. Its copy may have gone further than the new primary begins, hold other data, or
be gone. Its place may still hold backups of the common history: a full, incrementals on it, and
logs up to the point where the new primary begins. A full from before that point, these logs and the
new primary's logs are one chain, by the engine's own rules. So the copy is restored from them, and
no new full is taken. Two chains are looked for, in this order:

1. one whose full lies here. Only logs and incrementals that lack here are sent, by the new primary;
2. one whose full lies at the new primary's site, which has landed it before. It saves the time of a
new full. It is taken if its full outweighs what follows it: the restores of the logs and
incrementals must not take longer than that of the full. The recovery logic has the same rule for a
copy that is lost. This chain needs a place that is there: one that is lost gets a newer full later.

A chain must lead exactly to the position at which the new primary begins. If none does, or a file
of it turns out to be damaged, the database is seeded with a new full.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.backups.chain import leads_to, type_forks
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.plan import plan
from dr_sim.backups.target import Told
from dr_sim.oracle.witnessed import Lineage
from dr_sim.scenario.model import Scenario
from dr_sim.world.manager_config import restore_costs
from dr_sim.world.primary.backup_file import (
    BackupFile,
    CarriedFile,
    LeftFile,
)
from dr_sim.world.roles.catching_up import is_right
from dr_sim.world.roles.left_behind import left_at

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


class SeededBy(enum.StrEnum):
    """From what a copy that cannot follow is restored."""

    NEW_FULL = "a new full"
    HERE = "backups that lie there"
    NEW_PRIMARY = "backups that lie at the new primary"


@dataclass(frozen=True, slots=True)
class ChainAtHand:
    """The backups from which a copy is restored, in their order. full_here: the full lies at its
    place.
    """

    files: tuple[CarriedFile, ...]
    full_here: bool

    @property
    def seeded_by(self) -> SeededBy:
        return SeededBy.HERE if self.full_here else SeededBy.NEW_PRIMARY

    def take_files(self) -> None:
        """Take the files at the standby over from the pair that had them."""
        for file in self.files:
            if file.own is not None:
                file.own.set_lies(False)


def chain_at_hand(
    pair: Pair,
    index: int,
    lineage: Lineage,
    new_primary: str,
    earlier: Sequence[Pair],
) -> ChainAtHand | None:
    """Return the backups from which the copy of another standby of the same primary is restored
    behind the new one; None: they do not lead there. earlier: all pairs up to now.
    """
    forks = {
        fork: (branch.left, branch.lsn)
        for fork, branch in lineage.parents.items()
    }
    here = _on_the_path(
        (
            left
            for left in left_at(earlier, pair.roles.secondary, index)
            if left.side == "secondary"
        ),
        lineage,
        forks,
    )
    there = _on_the_path(
        left_at(earlier, new_primary, index), lineage, forks
    )
    logs_there = {
        number: left
        for number, left in there.items()
        if left.file.kind is not Kind.FULL
    }
    steps = _leads_there(here | logs_there, lineage, forks)
    if not steps and not pair.driver.down:
        steps = _leads_there(here | there, lineage, forks)
        if steps and not _is_worth_it(steps, pair.context.scenario):
            steps = []
    if not steps or not is_right(pair, index, lineage):
        return None
    files = [
        CarriedFile(
            here.get(step.backup_id),
            there.get(step.backup_id),
        )
        for step in steps
    ]
    return ChainAtHand(tuple(files), steps[0].backup_id in here)


def _on_the_path(
    left: Iterable[LeftFile], lineage: Lineage, forks: type_forks
) -> dict[int, LeftFile]:
    """Return the whole ones of these files that hold nothing but history of the new primary, by
    number.
    """
    found = {}
    for each in left:
        file: BackupFile = each.file
        header = file.header
        if (
            file.of_use
            and file.content is file
            and leads_to(header.fork, header.last_lsn, lineage.fork, forks)
        ):
            found[file.number] = each
    return found


def _leads_there(
    files: dict[int, LeftFile], lineage: Lineage, forks: type_forks
) -> list[BackupHeader]:
    """Return the best chain over these files; empty if it does not lead exactly to where the new
    primary begins.
    """
    parent = lineage.parents[lineage.fork].left
    headers = [each.file.header for each in files.values()]
    way = plan(headers, fork=parent, told=Told(forks=forks))
    if not way.steps or way.reaches != (parent, lineage.lsn):
        return []
    last = files[way.steps[-1].backup_id].file
    return way.steps if last.commits == lineage.commits else []


def _is_worth_it(steps: Sequence[BackupHeader], scenario: Scenario) -> bool:
    """Return whether what follows the full takes no longer to restore than the full."""
    costs = restore_costs(scenario)
    full_us, *rest_us = [
        costs[step.kind].takes_us(step.nominal_bytes) for step in steps
    ]
    return sum(rest_us) <= full_us
