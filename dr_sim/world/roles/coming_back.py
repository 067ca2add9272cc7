"""The lost primary, or one of its hosts, that returns with its disks as they were at the failure.

Theory of operation. Bytes, reachability and machines come back, and no decision is made for the
recovery logic. A site brings its share, with the files in it, and its end of the link; replication
continues with the files that had not landed. Each database is at its last durable write. Its server
starts, which takes as long as it takes elsewhere to bring a database online (failover.recover). Its
machine sends heartbeats again when all databases of the machine have started.

Then the server asks the other side whether a failover is in progress. If there is none, it accepts
writes again; writes that were offered in the meantime were refused and are not repeated. If there
is one, the database stays closed. It opens if that failover is called off. It never opens once the
primary was fenced or users have another one. So two primaries never accept writes at the same time.
If nobody can answer because the path is down, it waits for the path. That is the safe choice, and
its cost is an outage.

The side that fails over can read a closed database like any stopped primary: it can fetch its
files, and take its tail once it is fenced.

Data that a person or a disk has destroyed ('lose: database') do not return: such a database stays
lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dr_sim.units import HOUR_US
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.primary.primary_database import PrimaryDatabase

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


class ComingBack:
    """closed: databases that are back, and take no writes yet; starting: those of them whose server
    is not up yet.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.closed: set[int] = set()
        self._starting: set[int] = set()
        # called when databases take writes again
        self.opened_hook: Callable[[], None] = lambda: None
        pair.link.on_change.append(self._lead_looks)
        pair.promotion.reach.on_phase = self._lead_looks

    def _lead_looks(self) -> None:
        """Several standbys behind one primary: the first pair's is the one that acts."""
        self._pair.lead.coming_back.look()

    @property
    def _may_open(self) -> bool:
        """Have all standbys been asked, and has none of them begun a failover?"""
        pair = self._pair
        each = [standby.promotion for standby in pair.together]
        begun = any(p.fenced or p.reach.on or p.online_us for p in each)
        asked = all(standby.remote.path_up() for standby in pair.together)
        return pair.is_on() and not pair.retired and not begun and asked

    def may_open(self, database: int) -> bool:
        """Return whether the database is closed, and not for good."""
        fenced = any(
            standby.promotion.fenced for standby in self._pair.together
        )
        return database in self.closed and not fenced

    def lost_again(self, db: PrimaryDatabase) -> None:
        self.closed.discard(db.index)
        self._starting.discard(db.index)

    def site(self) -> None:
        """All of it."""
        pair = self._pair
        pair.primary.share_up = True
        for standby in pair.together:
            standby.link.up()
            if pair.is_on():
                standby.replication.release(standby.files_in_share())
        if pair.cloud is not None:
            pair.cloud.sites.back(pair.roles.primary)
        self._machines(("host", "site"), pair.context.scenario.machines)

    def host(self, machines: Sequence[str]) -> None:
        self._machines(("host",), machines)

    def _machines(
        self, lost: Sequence[str], machines: Sequence[str]
    ) -> None:
        for db in self._pair.primary.databases:
            if db.failed in lost and db.spec.machine in machines:
                self._back(db)
        for machine in machines:
            self._beats(machine)

    def _back(self, db: PrimaryDatabase) -> None:
        if db.data_lost:
            db.failed = "database"
            return
        db.failed = ""
        self.closed.add(db.index)
        self._start(db, "back", self._pair.remote.round_trip_us)

    def _start(self, db: PrimaryDatabase, why: str, more_us: int) -> None:
        """Start the server of a database; why names the draw of how long it takes."""
        context = self._pair.context
        self._starting.add(db.index)
        draw = context.streams.of(db.spec.name, "start again", why)
        takes_us = draw.law(
            context.now_us // HOUR_US, context.scenario.failover.recover
        )
        at_us = context.now_us + takes_us + more_us
        context.agenda.at(at_us, Class.FAULT, db.index, self._started, db)

    def _started(self, db: PrimaryDatabase) -> None:
        if db.index not in self._starting:
            return  # it was lost again
        self._starting.discard(db.index)
        if db.down:
            self._pair.losses.server_up(db)
        self._beats(db.spec.machine)
        self.look()

    def _beats(self, machine: str) -> None:
        """A beat says that the machine and every database on it are up."""
        databases = self._pair.primary.databases
        mine = [db for db in databases if db.spec.machine == machine]
        if not any(db.failed or db.index in self._starting for db in mine):
            for standby in self._pair.together:
                standby.heartbeats.machine_up(machine)

    def look(self) -> None:
        """Look again after a change: may a closed database take writes?"""
        waiting = sorted(self.closed - self._starting)
        if waiting and self._may_open:
            for index in waiting:
                self._open(self._pair.primary.databases[index])
            for standby in self._pair.together:
                standby.outside.turn()
            self.opened_hook()

    def start_again(self) -> None:
        """Bring those online whose tails were taken, as the failover is left: they open later."""
        for index in sorted(self.closed - self._starting):
            if any(
                standby.remote.has_tail(index)
                for standby in self._pair.together
            ):
                self._start(
                    self._pair.primary.databases[index], "unfenced", 0
                )

    def _open(self, db: PrimaryDatabase) -> None:
        pair, context, index = self._pair, self._pair.shared, db.index
        context.primary_engine.serve_again(db.spec.name)
        self.closed.discard(index)
        refused = context.workloads[index].accept_from(context.now_us)
        context.note("truth.opened", index, refused)
        pair.primary.go_on(db)
        context.witness.writes_changed(context.now_us, index)
        pair.users.back(index)
        pair.losses.tell_before(db, up=True)
