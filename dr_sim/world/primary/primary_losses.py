"""The losses of a pair's primary: its site, its hosts, its databases, and servers that fall and are
up again. From that instant nothing is acknowledged there, and its machines fall silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dr_sim.scenario.model import FAILURE_CLASSES
from dr_sim.world.primary.primary_database import PrimaryDatabase

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


class PrimaryLosses:
    """The means to lose the primary of a pair, or a part of it."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def lose(
        self,
        what: str,
        hit: list[PrimaryDatabase],
        machines: Sequence[str] = (),
    ) -> None:
        """Let the primary fail: from this instant nothing is acknowledged there.

        machines: those that die. They fall silent, whether or not a database lives on them.
        """
        if what == "site" and self._pair.primary.share_up:
            self._pair.site_lost_hook()
        # whatever of it was lost before, now the rest goes too
        if what == "site" and self._pair.primary.share_up:
            self._pair.primary.share_up = False
            for pair in self._pair.together:
                if not pair.replication.outlives_primary:
                    pair.link.down()
                    pair.replication.hold()
            if self._pair.cloud is not None:
                self._pair.cloud.sites.lost(self._pair.roles.primary)
        worse: list[PrimaryDatabase] = []
        for db in hit:
            db.data_lost = db.data_lost or what == "database"
            if db.failed and FAILURE_CLASSES.index(
                what
            ) > FAILURE_CLASSES.index(db.failed):
                db.failed = what
                worse.append(db)
        if worse:
            self._note_failed(what, worse)
        hit = [db for db in hit if not db.failed]
        self._idle_machines_down(machines)
        if hit:
            self._databases_down(what, hit)
        for machine in (*(db.spec.machine for db in hit), *machines):
            for pair in self._pair.together:
                pair.heartbeats.machine_down(machine)

    def _idle_machines_down(self, machines: Sequence[str]) -> None:
        """Record the dead machines that no database lives on: no other record tells of them."""
        used = {db.spec.machine for db in self._pair.primary.databases}
        for machine in machines:
            if machine not in used and not self._pair.heartbeats.is_down(
                machine
            ):
                self._pair.shared.note("truth.machine_lost", -1, machine)

    def _databases_down(
        self, what: str, hit: list[PrimaryDatabase]
    ) -> None:
        self._note_failed(what, hit)
        for db in hit:
            self._pair.coming_back.lost_again(db)
            self._pair.primary.fail(db, what)
            self._pair.users.lost(db.index)
            self.tell_before(db, up=False)

    def _note_failed(self, what: str, hit: list[PrimaryDatabase]) -> None:
        everything = all(
            db.failed or db in hit for db in self._pair.primary.databases
        )
        for entity in [-1] if everything else [db.index for db in hit]:
            self._pair.shared.note("truth.failed", entity, what)

    def fallen(self, db: PrimaryDatabase, down: bool) -> None:
        """Note that the server of a database falls, so nobody is served and its machine's beats
        stop; or that it is up again.
        """
        self._pair.shared.note("truth.down", db.index, int(down))
        self._pair.primary.fallen(db, down)
        if down:
            self._pair.users.lost(db.index)
        else:
            self._pair.users.back(db.index)
        self.tell_before(db, up=not down)
        for pair in self._pair.together:
            if down:
                pair.heartbeats.server_down(db.spec.machine)
            else:
                pair.heartbeats.server_up(db.spec.machine)

    def has_lost(self, what: str, machines: Sequence[str]) -> bool:
        """Return whether the primary's site is lost, or a host of it, one of these."""
        if what == "site" or self._pair.site_lost:
            return what == "site" and self._pair.site_lost
        of = [
            db
            for db in self._pair.primary.databases
            if db.spec.machine in machines
        ]
        idle = set(machines) - {
            db.spec.machine for db in self._pair.primary.databases
        }
        return any(db.failed == "host" for db in of) or any(
            map(self._pair.heartbeats.is_down, idle)
        )

    def server_up(self, db: PrimaryDatabase) -> None:
        """Note that the server of a database, which had fallen before it was lost, has been
        started.
        """
        self._pair.shared.note("truth.down", db.index, 0)
        self._pair.primary.fallen(db, False)
        for pair in self._pair.together:
            pair.heartbeats.server_up(db.spec.machine)

    def tell_before(self, db: PrimaryDatabase, up: bool) -> None:
        """Tell the failover before: users whom it sends here may be on their way."""
        before = self._pair.lead.before
        if before is not None and up:
            before.users.back_there(db.index)
        elif before is not None:
            before.users.lost_there(db.index)
