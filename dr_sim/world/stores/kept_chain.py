"""A store behind a new primary: it continues with the backups of the old primary that it has kept.

The new primary is a standby that was promoted, or the machine onto which this store, or another,
was restored.

Theory of operation. Up to the point where the new primary begins, the old primary's backups are its
own history: a full from before the failover, its logs, and then the new primary's logs are one
chain. So these backups belong to the new pair from then on. The store still gets the backups that
it lacks: those on their way arrive, those at the previous store are fetched from there, and those
that have landed at the new primary's site are fetched from that site. Data that were written beyond
that point are not in the new history. They stay where they are, as files of an earlier role
(left_behind.py).

The recovery manager at the store continues with what was saved there about these files, so that a
full that has been hashed is not hashed again (truth.manager_goes_on).

If the chain leads up to the new primary's first position, no full is taken for the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.backups.chain import leads_to
from dr_sim.backups.plan import plan_from_newest_full
from dr_sim.oracle.witnessed import Lineage
from dr_sim.recovery.saved import of_files
from dr_sim.world.primary.backup_file import (
    BackupFile,
    CarriedFile,
    LeftFile,
)
from dr_sim.world.roles.left_behind import left_at
from dr_sim.world.stores.store_feed import StoreFeed

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


@dataclass(frozen=True, slots=True)
class KeptChain:
    """The files of one database that a store continues with. before: the pair that had them up to
    now. leads_on: they lead to where the new primary begins.
    """

    files: tuple[CarriedFile, ...]
    before: Pair
    leads_on: bool

    @property
    def feed(self) -> StoreFeed:
        """Return what has brought them up to now."""
        feed = self.before.replication
        assert isinstance(feed, StoreFeed)
        return feed

    def take_files(self) -> None:
        """Take the files at the store over from the pair that had them."""
        for file in self.files:
            if file.own is not None:
                file.validated = file.own.file.validated
                file.own.set_lies(False)


def kept_chain(
    pair: Pair,
    index: int,
    lineage: Lineage,
    new_primary: str,
    earlier: Sequence[Pair],
) -> KeptChain | None:
    """Return what the store of a pair continues with behind a new primary; None: it is no store.
    earlier: all pairs up to now.
    """
    feed = pair.replication
    if not isinstance(feed, StoreFeed):
        return None
    forks = {
        fork: (branch.left, branch.lsn)
        for fork, branch in lineage.parents.items()
    }

    def wanted(file: BackupFile) -> bool:
        header = file.header
        return (
            file.of_use
            and file.content is file
            and leads_to(header.fork, header.last_lsn, lineage.fork, forks)
        )

    theirs = {
        left.file.number: left
        for left in left_at(earlier, new_primary, index)
        if wanted(left.file)
    }
    folder = pair.context.secondary_shares[index]
    files = []
    for file in pair.context.by_name[index].values():
        there = theirs.get(file.number)
        if not wanted(file):
            continue
        if file.at_secondary:
            own = LeftFile(file, "secondary", folder)
            files.append(CarriedFile(own, there))
        elif not file.landings and feed.may_get(file, there is not None):
            files.append(CarriedFile(None, there, file))
    way = plan_from_newest_full([file.header for file in files])
    leads_on = way.reaches is not None and way.reaches[1] >= lineage.lsn
    return KeptChain(tuple(files), pair, leads_on)


def manager_goes_on(before: Pair, pair: Pair) -> None:
    """Let the recovery manager of a pair begin with what the one before has saved of files."""
    pair.driver.store.save_all(of_files(before.driver.store.load()))
    pair.context.note("truth.manager_goes_on", -1, before.roles.number)
