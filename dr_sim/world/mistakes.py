"""Mistakes that were committed, the people who notice them, and the orders that these people give.

Theory of operation. A mistake is a commit like any other. People notice it after a time, and need
another time to decide. Then they try the ways back that the scenario names, in order. Each way is
an order at one place, in the order of the places: to fail over there and stop just before the
mistake, or to restore the database there, in the service's place or beside it. If a place refuses,
the next one is tried. The recovery manager at a place decides whether it obeys.

The instant is that of the mistake by the clock that stamped it, as the log contains it. The witness
of that place learns what an order asks for. If the order is refused, the witness returns to what it
knew before: a refused order excuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dr_sim.recovery.events import BesideOrdered, FailoverOrderedToPoint
from dr_sim.scenario.mistakes import MistakeWay
from dr_sim.scenario.model import BackupCost
from dr_sim.world.hands.beside import CopyingBack, StopBeside
from dr_sim.world.hands.people import OrderedFailover

if TYPE_CHECKING:
    from dr_sim.oracle.witness import Witness
    from dr_sim.world.roles.pair import Pair


@dataclass(frozen=True, slots=True)
class CommittedMistake:
    """A mistake in a database: it is the commit of that number. utc_us: when its log says that it
    was made.
    """

    database: str
    commit: int
    utc_us: int


@dataclass(frozen=True, slots=True)
class WhoseData:
    """Says whose data a mistake destroys. tenants: (): everybody's. stops_users: they cannot work
    until it is put right.
    """

    tenants: Sequence[str] = ()
    stops_users: bool = False


@dataclass(frozen=True, slots=True)
class CopyBackSpec:
    """The bytes that a mistake has destroyed, and how long it takes to copy them back.
    misjudged_us: how much too late the restores before the right one stop.
    """

    lost_bytes: int
    cost: BackupCost
    misjudged_us: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyToMistake:
    """The reply to a mistake. ways: tried one after the other. place: where; '': at each place that
    has such a way. copy_back: what was lost.
    """

    ways: Sequence[MistakeWay]
    decided_us: int
    place: str
    copy_back: CopyBackSpec


@dataclass(frozen=True, slots=True)
class Tries:
    """The ways back from a mistake that have not been tried yet, each with its place."""

    mistake: CommittedMistake
    reply: ReplyToMistake
    left: list[tuple[MistakeWay, Pair]]


@dataclass(frozen=True, slots=True)
class StopOrder:
    """An order to fail over and stop before an instant. target: the database, '' for all of them.
    again: a copy that is past it is restored again.
    """

    operator: str
    target: str
    stop_before_utc_us: int
    anew: bool = False


class MistakesMade:
    """The mistakes at one primary. lead: the first of the pairs of that primary."""

    def __init__(self, lead: Pair) -> None:
        self._lead = lead
        self.last: dict[str, CommittedMistake] = {}  # by database

    def commit(
        self, database: str, what: str, of: WhoseData
    ) -> CommittedMistake:
        """Make a wrong change: the first commit that is acknowledged from now on. A real engine has
        committed all before it.
        """
        context, index = self._lead.shared, self._lead.index_of(database)
        primary = self._lead.primary
        number, _ = primary.catch_up(primary.databases[index])
        context.note("truth.mistake", index, number, what)
        for tenant in of.tenants:
            context.note("truth.mistake_of", index, number, tenant)
        if of.stops_users:
            context.note("truth.users_stopped", index, number)
        made = CommittedMistake(database, number, context.primary_utc_us())
        self.last[database] = made
        return made

    # ---- somebody notices
    def noticed(
        self, mistake: CommittedMistake, reply: ReplyToMistake
    ) -> None:
        """Note that somebody has noticed a mistake. People decide after a while."""
        context, lead = self._lead.shared, self._lead
        index = lead.index_of(mistake.database)
        context.note("truth.mistake_noticed", index, mistake.commit)
        if reply.ways:
            tries = Tries(mistake, reply, list(self._tries(reply)))
            lead.later(reply.decided_us, partial(self._try, tries))

    def _tries(
        self, reply: ReplyToMistake
    ) -> Iterator[tuple[MistakeWay, Pair]]:
        """Yield each way at each place where it may lead back."""
        place = reply.place
        pairs = [
            pair
            for pair in self._lead.together
            if place in ("", pair.roles.secondary)
        ]
        stores = [p for p in pairs if p.context.scenario.store is not None]
        standbys = [p for p in pairs if p not in stores]
        for way in reply.ways:
            at_stores = [] if way is MistakeWay.FAILOVER_BEFORE else stores
            for pair in (*at_stores, *standbys):
                yield way, pair

    def _try(self, tries: Tries) -> None:
        """Order the next of these ways. Where the roles have changed meanwhile, nobody knows what
        the new primary holds: nothing is ordered. After the last way a primary that was stopped for
        one of them serves again. While the database is already being restored beside the service,
        because of another mistake, people wait.
        """
        left = tries.left
        while left and not left[0][1].stands_by:
            del left[0]
        if not left or not self._lead.is_on():
            self._lead.unfencing.by_people()
            return
        number = _free(tries)
        if number is None:
            retry_us = self._lead.context.scenario.replay.retry_us
            self._lead.later(retry_us, partial(self._try, tries))
            return
        way, pair = left.pop(number)
        failover, mistake = pair.context.scenario.failover, tries.mistake
        if not failover.approves:
            return
        next_one = partial(self._try, tries)
        if way is MistakeWay.RESTORE_BESIDE:
            self._order_beside(pair, tries, next_one)
            return
        order = StopOrder(
            failover.on_duty,
            mistake.database,
            mistake.utc_us,
            way is MistakeWay.RESTORE_BEFORE,
        )
        self.order(pair, order, next_one)

    def _order_beside(
        self, pair: Pair, tries: Tries, next_one: Callable[[], None]
    ) -> None:
        """Order a restore beside the service. next_one: called if it is refused, or given up."""
        mistake, reply, hands = tries.mistake, tries.reply, pair.hands
        stops = [
            self._too_late(mistake, by_us)
            for by_us in reply.copy_back.misjudged_us
        ]
        stops.append(self._just_before(mistake))
        copy = CopyingBack(
            stops,
            reply.copy_back.lost_bytes,
            reply.copy_back.cost,
            next_one,
            lambda: any(other.stands_by for _, other in tries.left),
        )
        hands.beside.expect(pair.index_of(mistake.database), copy)
        hands.people.if_refused(next_one)
        hands.people.order(
            BesideOrdered,
            pair.context.scenario.failover.on_duty,
            mistake.database,
            stops[0].utc_us,
        )

    def _just_before(self, mistake: CommittedMistake) -> StopBeside:
        """Return the instant of the mistake, as the log has it. If the clock was set back since, it
        has shown that time before: a restore stops at the first one.
        """
        context = self._lead.shared
        index = self._lead.index_of(mistake.database)
        at_us = context.first_stamped_us(mistake.utc_us)
        commits = context.workloads[index].commits(at_us)
        return StopBeside(mistake.utc_us, min(mistake.commit, commits))

    def _too_late(
        self, mistake: CommittedMistake, by_us: int
    ) -> StopBeside:
        """Return an instant that is too late by that much, at the latest now."""
        context = self._lead.shared
        index = self._lead.index_of(mistake.database)
        utc_us = min(mistake.utc_us + by_us, context.primary_utc_us())
        at_us = context.first_stamped_us(utc_us)
        return StopBeside(utc_us, context.workloads[index].commits(at_us))

    # ---- orders
    def order_by_hand(
        self,
        pair: Pair,
        operator: str,
        target: str | None,
        stop_before_utc_us: int | None,
    ) -> None:
        """Order a failover to that pair's standby. stop_before_utc_us None: before the last
        mistake, where there was one.
        """
        if stop_before_utc_us is None:
            made = [
                mistake.utc_us
                for name, mistake in self.last.items()
                if target in (None, name)
            ]
            if not made:
                return  # there is nothing to stop before
            stop_before_utc_us = max(made)
        self.order(
            pair, StopOrder(operator, target or "", stop_before_utc_us)
        )

    def order(
        self,
        pair: Pair,
        order: StopOrder,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Order a failover that stops before an instant; tell the witness what is due then.
        refused: called if the order is refused.
        """
        context, at = pair.context, order.stop_before_utc_us
        stop_us = context.first_stamped_us(at)
        if order.operator in context.scenario.failover.operators:
            for index in pair.indexes_of(order.target):
                commits = context.workloads[index].commits(stop_us)
                context.note(
                    "truth.stop_ordered",
                    index,
                    order.operator,
                    commits,
                    stop_us,
                )
                before = context.witness.stop_ordered(index, commits)
                lift = partial(_as_before, context.witness, index, before)
                pair.hands.people.if_refused(lift)
        people = pair.hands.people
        people.if_refused(refused)
        people.expect(OrderedFailover(order.operator, False, refused))
        what = (order.operator, order.target, at, order.anew)
        people.order(FailoverOrderedToPoint, *what)


def _free(tries: Tries) -> int | None:
    """Return which of the ways left is tried: the first one; where its place restores the database
    beside the service already, the same way at another place. None: there is no such place.
    """
    first, _ = tries.left[0]
    if first is not MistakeWay.RESTORE_BESIDE:
        return 0
    for number, (way, pair) in enumerate(tries.left):
        index = pair.index_of(tries.mistake.database)
        free = pair.stands_by and not pair.hands.beside.is_on(index)
        if way is first and free:
            return number
    return None


def _as_before(witness: Witness, index: int, commits: int) -> None:
    """Let what was ordered before hold again."""
    witness.stop_ordered(index, commits)
