"""The protection of a pair: it begins when the second side is in place.

Theory of operation. After a failover the second side may be in place only later: a new machine has
to be put up. Until then the primary runs alone: nobody watches over it, and nothing is backed up or
sent. Then backups begin by their schedules, and each database that has no copy there is seeded by a
full at once. Another site may be in place before the one that was to be: it is the second side then
(second_side.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.primary.primary_database import PrimaryDatabase
from dr_sim.world.roles.seeding import clear_second_side
from dr_sim.world.site import Site

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


class Protection:
    """The protection of one pair."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        # when the second side will be in place; None: it is
        self._comes: Entry | None = None

    @property
    def waits(self) -> bool:
        """Return whether the second side is not in place yet."""
        return self._comes is not None

    @property
    def _is_preferred(self) -> bool:
        """Return whether no standby before this one in the order is in place."""
        rank = self._pair.roles.rank
        before = [
            pair
            for pair in self._pair.together
            if pair.roles.rank < rank and not pair.is_store
        ]
        return all(pair.protection.waits for pair in before)

    def begin(self) -> None:
        """Begin to protect the pair, now or once its second side is in place."""
        roles = self._pair.roles
        if roles.ready_us <= roles.begins_us:
            self._protect()
            return
        self._stop()
        self._comes = self._pair.context.agenda.at(
            roles.ready_us, Class.HOUSEKEEPING, -1, self._in_place
        )

    def _stop(self) -> None:
        """Let the primary run alone."""
        pair = self._pair
        pair.driver.down += 1
        pair.replication.stop()
        if pair.lead is pair:
            for db in pair.primary.databases:
                pair.primary.log_space.changed(db)

    def _in_place(self) -> None:
        pair = self._pair
        self._comes = None
        pair.driver.down -= 1
        pair.replication.resume()
        self._protect()

    def is_built(self) -> None:
        """Let the second side that was to be be in place: everything there is built."""
        context, roles = self._pair.context, self._pair.roles
        assert self._comes is not None
        self._comes.cancel()
        roles.ready_us = context.now_us
        context.note("truth.second_side", -1, roles.secondary)
        self._in_place()

    def second_side_is(
        self, site: Site, copies: Mapping[str, RestoreState]
    ) -> None:
        """Make that site the second side: it is in place before the one that was to be. copies: of
        the databases that follow there without a new seed.
        """
        pair = self._pair
        context, roles = pair.context, pair.roles
        assert self._comes is not None
        self._comes.cancel()
        roles.secondary_site, roles.ready_us = site, context.now_us
        heirs = roles.heirs or {}
        roles.heirs = {
            name: replace(heir, copy=copies.get(name))
            for name, heir in heirs.items()
        }
        context.secondary_site = site
        pair.secondary.stands_at_its_site()
        pair.replication.lands_in(pair.secondary.share)
        link = pair.sites.link(roles.primary, site.name)
        pair.link.moved(link, site.name)
        if pair.express is not None:
            pair.open_lanes()
        context.note("truth.second_side", -1, site.name)
        for name, copy in copies.items():
            self._stands_there(name, copy)
        self._in_place()

    def _stands_there(self, name: str, copy: RestoreState) -> None:
        """Record that a copy of the database stands at the second side already."""
        pair, context = self._pair, self._pair.context
        index = pair.index_of(name)
        assert pair.roles.heirs is not None
        commits = pair.roles.heirs[name].lineage.commits
        size = context.scenario.databases[index].size_bytes
        pair.secondary.copies.put(index, size)
        context.witness.stands_there(context.now_us, index, copy, commits)
        where = copy.fork, copy.redo_lsn, commits
        context.note("truth.copy_there", index, *where)

    def _protect(self) -> None:
        """Begin the backups by their schedules, and the watch over them."""
        pair, context = self._pair, self._pair.context
        heirs = pair.roles.heirs
        clear_second_side(context, pair.primary.databases, heirs or {})
        pair.primary.start()
        if pair.own_backups is not None:
            pair.own_backups.start()
        if heirs is not None:
            for db in pair.primary.databases:
                heir = heirs.get(db.spec.name)
                if heir is None or heir.needs_a_full:
                    context.agenda.at(
                        context.now_us, Class.JOB, db.index, self._seed, db
                    )
            mirrored = pair.cloud is not None and not pair.is_store
            if mirrored and self._is_preferred:
                assert pair.cloud is not None
                pair.cloud.sites.stands(
                    pair.roles.primary, pair.roles.secondary
                )
        context.agenda.at(
            context.now_us, Class.ANSWER, -1, pair.driver.start
        )
        if context.scenario.monitor.enabled:
            pair.outside.start()

    def _seed(self, db: PrimaryDatabase) -> None:
        """Begin a full of a database that has no copy there: it does not wait for the schedule."""
        if db.failed or db.writes_until_us is not None:
            return
        if self._pair.own_backups is not None:
            self._pair.own_backups.take(db, Kind.FULL)
            return
        if len(self._pair.together) > 1 and Kind.FULL in db.running:
            return  # it will be sent to this standby, too
        self._pair.primary.backups.begin(db, Kind.FULL)
