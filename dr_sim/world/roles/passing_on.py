"""Orders to fail over that the copy to which they were given could not carry out.

Theory of operation. A copy that is ordered to take over claims it and stops the old primary. If it
lets go of the claim, or loses it, before anything is online there, nobody takes over by himself:
the machines of the old primary are not silent. So the order is passed on to the other copies, and
again after each retry until one of them has it, or the old primary takes writes. A planned failover
of a primary that is lost cannot be carried out by any copy, and its machines are silent: that order
ends there. People who ordered to stop before an instant try their next way instead (mistakes.py).

If nobody has taken it up after some retries, people have the old primary serve again
(unfencing.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.recovery.events import OrderPassedOn
from dr_sim.world.hands.people import OrderedFailover
from dr_sim.world.kernel.agenda import Class

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


_RETRIES = 2
"""How many retries people wait for somebody to take up an order."""


class PassingOn:
    """The order that is carried out behind one primary. lead: the first of its pairs."""

    def __init__(self, lead: Pair) -> None:
        self._lead = lead
        self._order: OrderedFailover | None = None
        self._retries = 0  # since somebody had the claim

    def begins(self, order: OrderedFailover | None) -> None:
        """Note that a copy has begun to take over: by that order, by one that was passed on, or by
        silence.
        """
        if order is not None:
            self._order = order

    def ended(self, place: str) -> None:
        """Note that the copy at that place has let go of its claim, or has lost it."""
        order = self._order
        if order is None:
            return
        if order.in_vain is not None:
            self._order = None
            order.in_vain()
        else:
            self._retries = 0
            self._pass_on()

    def _pass_on(self) -> None:
        lead, order = self._lead, self._order
        claims = lead.claims
        if order is None or claims.kept or claims.holder:
            return
        if not self._is_stopped(order):
            self._order = None
            return
        self._retries += 1
        if self._retries > _RETRIES:
            self._order = None
            lead.unfencing.by_people(waited=True)
            return
        several = (
            len(lead.together) > 1
        )  # the only copy has nobody to pass it to
        for pair in lead.together:
            if several and pair.stands_by:
                what = (OrderPassedOn, order.operator, order.planned)
                pair.driver.tell_new(*what)
        context = lead.shared
        at_us = context.now_us + context.scenario.replay.retry_us
        context.agenda.at(at_us, Class.HOUSEKEEPING, -1, self._pass_on)

    def _is_stopped(self, order: OrderedFailover) -> bool:
        """Return whether a database of the old primary is stopped, and no other takes its place."""
        return self._lead.is_on() and any(
            db.writes_until_us is not None
            and not (order.planned and db.failed)
            for db in self._lead.primary.databases
        )
