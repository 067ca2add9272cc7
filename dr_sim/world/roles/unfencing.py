"""The old primary that was stopped for a failover, and serves again.

Theory of operation. A recovery manager orders it (recovery/failover/going_back.py), or people start
the servers by hand if no manager is left that could. Nothing was lost: each database continues
where it was stopped. By SQL Server's rules its tail may have left it restoring, and it is brought
online (RESTORE DATABASE ... WITH RECOVERY). By PostgreSQL's rules its server is started again on
the same timeline. Both take as long as it takes elsewhere to bring a database online
(failover.recover). The log continues from there, and so do the schedules of its backups. Writes
that were offered in the meantime were refused and are not repeated.

Two primaries must never accept writes. So before the old primary starts a server, it asks the place
where claims are recorded: nobody else may hold the claim, and nothing may have been ordered online.
A fence that arrives while servers start stops them. A manager that is dead at that time, perhaps in
the middle of its failover, is refused when it is back and claims again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dr_sim.recovery.events import UnfenceOrdered
from dr_sim.units import HOUR_US
from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.primary.primary_database import PrimaryDatabase

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair

Answer = Callable[[str], None]
"""Takes '' or why the old primary does not serve again."""
UNREACHABLE, NO_ANSWER, REFUSED = "unreachable", "no answer", "refused"


class Unfencing:
    """The way of one primary back into service. lead: the first of its pairs."""

    def __init__(self, lead: Pair) -> None:
        self._lead = lead
        # by database: its server starts
        self._starting: dict[int, Entry] = {}
        # who waits for all of them
        self._waiting: list[Answer] = []

    @property
    def stopped(self) -> list[PrimaryDatabase]:
        """Return the databases that are there, and were stopped for a failover."""
        closed = self._lead.coming_back.closed
        return [
            db
            for db in self._lead.primary.databases
            if not db.failed
            and db.writes_until_us is not None
            and db.index not in closed
        ]

    @property
    def _is_lost(self) -> bool:
        """Return whether no database is left that could be started."""
        return all(db.failed for db in self._lead.primary.databases)

    # ---- by a recovery manager
    def order(self, pair: Pair, answer: Answer) -> None:
        """Take the order of the manager at that pair's standby."""
        context, remote = pair.context, pair.remote
        timeout_us = context.scenario.failover.fence_timeout_us
        if not remote.order_arrives():
            self._later(timeout_us, answer, UNREACHABLE)
            return
        back_us = remote.round_trip_us - remote.round_trip_us // 2

        def answered(why: str) -> None:
            if remote.path_up():
                self._later(back_us, answer, why)
            else:
                self._later(timeout_us, answer, NO_ANSWER)

        # orders are carried out one after the other
        arrived_us = context.now_us + remote.round_trip_us // 2
        fences = [one.promotion.fence_due_us for one in pair.together]
        at_us = max(arrived_us, *fences)
        context.agenda.at(
            at_us, Class.FAULT, -1, self._arrived, pair, answered
        )

    def _later(self, us: int, answer: Answer, why: str) -> None:
        context = self._lead.context
        context.agenda.at(
            context.now_us + us, Class.ANSWER, -1, answer, why
        )

    def _arrived(self, pair: Pair, answer: Answer) -> None:
        claims = self._lead.claims
        mine = claims.holder in ("", pair.roles.secondary)
        is_off = self._is_lost or not self._lead.is_on()
        if not mine or claims.kept or is_off:
            answer(REFUSED)
            return
        claims.given_back(pair.roles.secondary)
        self._waiting.append(answer)
        self._start()

    # ---- by people
    def by_people(self, waited: bool = False) -> None:
        """Let people have a primary serve again that is stopped, and that nobody takes over from:
        by an order to a recovery manager that is there, or else by hand. They wait for a retry for
        one that has crashed: it may continue. waited: they have.
        """
        lead, claims = self._lead, self._lead.claims
        taken = claims.kept or claims.holder
        if not lead.is_on() or taken or not self.stopped:
            return
        there = [pair for pair in lead.together if pair.stands_by]
        alive = [pair for pair in there if pair.driver.machine is not None]
        if len(alive) < len(there) and not waited:
            retry_us = lead.context.scenario.replay.retry_us
            lead.later(retry_us, partial(self.by_people, True))
            return
        if alive:
            on_duty = alive[0].context.scenario.failover.on_duty
            alive[0].hands.people.order(UnfenceOrdered, on_duty)
        elif lead.primary.share_up:
            claims.given_back("")
            self._start(by_hand=True)

    # ---- servers start
    def _start(self, by_hand: bool = False) -> None:
        context = self._lead.shared
        if self.stopped and not self._starting:
            context.note("truth.unfencing", -1, int(by_hand))
        for db in self.stopped:
            if db.index in self._starting:
                continue
            draw = context.streams.of(
                db.spec.name, "start again", "unfenced"
            )
            takes_us = draw.law(
                context.now_us // HOUR_US, context.scenario.failover.recover
            )
            at_us = context.now_us + takes_us
            self._starting[db.index] = context.agenda.at(
                at_us, Class.FAULT, db.index, self._started, db
            )
        self._look()

    def _started(self, db: PrimaryDatabase) -> None:
        del self._starting[db.index]
        if not db.failed:
            self._open(db)
        self._look()

    def _open(self, db: PrimaryDatabase) -> None:
        pair, context, index = self._lead, self._lead.shared, db.index
        workload = context.workloads[index]
        stop_us = db.writes_until_us
        assert stop_us is not None
        workload.refuse_from(stop_us)
        refused = workload.accept_from(context.now_us)
        context.primary_engine.serve_again(db.spec.name)
        context.note("truth.unfenced", index, stop_us, refused)
        pair.primary.serve_again(db)
        context.witness.writes_changed(context.now_us, index)
        if not db.down:
            pair.users.back(index)
            pair.losses.tell_before(db, up=True)

    def _look(self) -> None:
        """Answer if all servers are up, or have been lost while they started."""
        if self._starting:
            return
        if self._is_lost:
            self._refuse()
            return
        self._lead.primary.quiesced = False
        self._lead.coming_back.start_again()
        for pair in self._lead.together:
            pair.promotion.unfenced()
            pair.remote.forget_tails()
            pair.outside.turn()
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer("")

    def fenced(self) -> None:
        """Note that a fence has arrived: servers that start do so no more."""
        for entry in self._starting.values():
            entry.cancel()
        self._starting.clear()
        self._refuse()

    def _refuse(self) -> None:
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer(REFUSED)
