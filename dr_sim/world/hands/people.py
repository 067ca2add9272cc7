"""Messages to people and from them: alerts, the operator's page, and orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from dr_sim.machines import Event, Machine
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.units import HOUR_US
from dr_sim.world.driver import Driver
from dr_sim.world.hands.pages import Pages
from dr_sim.world.hands.repairs import Repairs
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.heartbeat import Heartbeats


@dataclass(frozen=True, slots=True)
class OrderedFailover:
    """A failover that somebody has ordered. in_vain: what he does when it has been begun and has
    brought nothing online; None: the recovery managers pass the order on.
    """

    operator: str
    planned: bool
    in_vain: Callable[[], None] | None = None


class PeopleHands:
    """Hands for people. table: a hand for each class of command. dead_channels: reasons for alerts
    and pages to reach nobody. on_alert: called once an alert is delivered, for people who act on
    it. repairs: what they have tried before a failover; the same people act for all copies. pages:
    those that the operator has got so far, before earlier failovers too.
    """

    def __init__(
        self,
        context: Context,
        driver: Driver[Machine],
        heartbeats: Heartbeats,
    ) -> None:
        self._context = context
        self._driver = driver
        self._heartbeats = heartbeats
        self.repairs = Repairs()
        self._index = driver.place.entities
        self.dead_channels = 0
        self.on_alert: list[Callable[[], None]] = []
        self.pages = Pages()
        self._page_open = 0  # the incarnation that has paged and awaits the operator's answer
        self._orders: list[
            Callable[[], None]
        ] = []  # orders that nobody was there to take
        # the failover that was ordered last, until it is begun or refused
        self._failover: OrderedFailover | None = None
        # called with it when a failover begins here
        self.begun_hook: Callable[[OrderedFailover | None], None] = (
            lambda order: None
        )
        # what is done if an order is refused: of the one that is given next, and of each that was
        # given, until it is known to be obeyed
        self._next_refused: list[Callable[[], None]] = []
        self._if_refused: list[list[Callable[[], None]]] = []
        self._refusals = 0
        driver.hooks.on_start.append(self._order_again)
        self.table: dict[type, Callable[[Any], None]] = {
            c.RaiseAlert: self._alert,
            c.PageOperator: self._page,
            c.RefuseOrder: self.refused,
        }

    # ---- alerts and pages
    def _alert(self, command: c.RaiseAlert) -> None:
        """Deliver an alert: only a record, but somebody may act on it."""
        self.deliver(self._index.get(command.database, -1))

    def deliver(self, database: int) -> None:
        """Deliver an alert about that database (-1: the service), raised by the manager or by the
        monitor.
        """
        if self.dead_channels:
            self._context.note("truth.alert_lost", database)
            return
        for act in list(self.on_alert):
            act()

    def _page(self, command: c.PageOperator) -> None:
        driver = self._driver
        if self.dead_channels or self._page_open == driver.incarnation:
            return  # it reaches nobody, or its reader is on the way already
        self._page_open = driver.incarnation
        failover = self._context.scenario.failover
        hour = self._context.now_us // HOUR_US
        lane = self.pages.lane(hour)
        streams = self._context.streams
        answers = streams.of("operator", "answers in", lane)
        repair = streams.of("operator", "repairs first", lane)
        delay_us = self._tries_to_repair(
            answers.law(hour, failover.answers_in),
            repair.law(hour, failover.repairs_first),
        )
        who = (failover.on_duty, failover.approves)
        driver.answer_after(
            delay_us, driver.incarnation, self._operator_answered, *who
        )

    def _tries_to_repair(self, answers_us: int, repair_us: int) -> int:
        """Return how long it takes until the operator gives his word. A repair comes before it."""
        now_us = self._context.now_us
        silent = self._heartbeats.silent.values()
        word_us = self.repairs.word_after_us(
            now_us, min(silent, default=now_us), answers_us, repair_us
        )
        begin_us = max(now_us, self.repairs.begin_us)
        if begin_us < self.repairs.end_us:
            self._context.agenda.at(
                begin_us, Class.ANSWER, -1, self._note_repair
            )
        return word_us

    def _note_repair(self) -> None:
        """Note that what has failed is being repaired, unless it is back already."""
        if self._heartbeats.silent:
            self._context.note("truth.repair", -1)

    def _operator_answered(
        self, mono_us: int, utc_us: int, incarnation: int, *what: Any
    ) -> Event:
        self._page_open = 0
        return e.OperatorAnswered(mono_us, utc_us, incarnation, *what)

    # ---- orders
    def order_failover(self, operator: str, planned: bool) -> None:
        self.expect(OrderedFailover(operator, planned))
        self.order(e.FailoverOrdered, operator, planned)

    def order_failover_and(self, order: OrderedFailover) -> None:
        """Order a failover; if it brings nothing online, that says what is done then."""
        self.expect(order)
        self.order(e.FailoverOrdered, order.operator, order.planned)

    def tell(self, what: type[Event], *values: Any) -> None:
        """Tell the recovery manager something that is no order: it refuses nothing. If it is down,
        or dies of it, it is told when it is back.
        """
        if self._driver.carries_out:
            self._soon(partial(self.tell, what, *values))
            return
        self._driver.tell_new(what, *values)
        if self._driver.machine is None:
            self._orders.append(partial(self.tell, what, *values))

    def expect(self, order: OrderedFailover) -> None:
        """Note a failover that is about to be ordered."""
        self._failover = order

    def order(self, order: type[Event], *what: Any) -> None:
        """Give an order. If the recovery manager is down, or dies of it, the order is given again
        when it is back.
        """
        if_refused, self._next_refused = self._next_refused, []
        self._give(if_refused, order, *what)

    def _give(
        self,
        if_refused: list[Callable[[], None]],
        order: type[Event],
        *what: Any,
    ) -> None:
        if self._driver.carries_out:  # people act on what a command shows
            self._soon(partial(self._give, if_refused, order, *what))
            return
        before = self._refusals
        self._if_refused.append(if_refused)
        self._driver.tell_new(order, *what)
        # one that was refused is not given again, should the manager die of the next one
        if self._driver.machine is None and self._refusals == before:
            self._if_refused = [
                each for each in self._if_refused if each is not if_refused
            ]
            self._orders.append(
                partial(self._give, if_refused, order, *what)
            )

    def if_refused(self, do: Callable[[], None]) -> None:
        """Do that if the order is refused that is given next."""
        self._next_refused.append(do)

    def obeyed(self) -> None:
        """Note that no order that was given will be refused."""
        self._if_refused.clear()

    def failover_begins(self) -> None:
        """Note that a failover has begun, by order or by silence. An order that came while the
        manager was down may be refused yet: another one is in progress.
        """
        order, self._failover = self._failover, None
        self.begun_hook(order)

    def refused(self, command: c.RefuseOrder | c.RefuseBeside) -> None:
        """Let those act who gave the order; the refusal itself is read from the journal."""
        self._failover = None
        self._refusals += 1
        if self._if_refused:
            for do in self._if_refused.pop():
                do()

    def _order_again(self) -> None:
        orders, self._orders = self._orders, []
        for order in orders:
            self._soon(order)

    def _soon(self, do: Callable[[], None]) -> None:
        """Let people do that in the next round of this instant."""
        now_us = self._context.now_us
        self._context.agenda.at(now_us, Class.ANSWER, -1, do)
