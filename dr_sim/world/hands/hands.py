"""All hands of the recovery manager together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dr_sim.machines import Machine
from dr_sim.recovery.commands import Delete
from dr_sim.stores import MemoryStore
from dr_sim.world.driver import Driver
from dr_sim.world.hands.beside import BesideHands
from dr_sim.world.hands.failover import FailoverHands
from dr_sim.world.hands.other_side import OtherSideHands
from dr_sim.world.hands.people import PeopleHands
from dr_sim.world.hands.standby import StandbyHands
from dr_sim.world.hands.surroundings import Surroundings
from dr_sim.world.kernel.context import Context
from dr_sim.world.own_logic import watched
from dr_sim.world.primary.pruning import Pruning


class Hands:
    """All hands, one for each class of command, for the driver.

    standby: files and the engine here. people: alerts, the operator and orders. beside: servers
    beside the service.
    """

    def __init__(
        self,
        context: Context,
        driver: Driver[Machine],
        around: Surroundings,
    ) -> None:
        self._context = context
        self._driver = driver
        self._promotion = around.promotion
        self.standby = StandbyHands(
            context,
            driver,
            around.secondary,
            around.promotion,
            around.heartbeats,
        )
        self.standby.recover_hook = lambda: around.claims.keep(around.place)
        self.standby.none_online_hook = lambda: (
            around.claims.keep_no_longer(around.place)
        )
        self.other_side = OtherSideHands(
            context, driver, around.remote, around.promotion.reach
        )
        self.people = PeopleHands(context, driver, around.heartbeats)
        failover = FailoverHands(driver, around)
        failover.begins_hook = self.people.failover_begins
        failover.goes_on_hook = self.people.obeyed
        self.beside = BesideHands(context, driver, around)
        self.beside.obeyed = self.people.obeyed
        self.beside.refused = self.people.refused
        for part in (
            self.standby,
            self.other_side,
            self.people,
            failover,
            self.beside,
        ):
            own = context.scenario.manager
            driver.give(watched(own, part.table) if own else part.table)
        driver.hooks.on_death.append(around.secondary.abort_all)
        self.pruning: Pruning | None = None

    def prune_together(self, pruning: Pruning) -> None:
        """Carry out consecutive deletes at once from now on."""
        self.pruning = pruning
        self._driver.together[Delete] = self._prune

    def _prune(self, commands: Sequence[Any], first: int) -> int:
        """Carry out Deletes and Saves from that one on at once; return how many."""
        store = self._driver.store
        assert self.pruning is not None
        if not isinstance(store, MemoryStore):
            return 0
        index = self._driver.place.entities[commands[first].database]
        return self.pruning.at_secondary(commands, first, index, store)

    def attempts_in_store(self, database: str, name: str) -> int:
        """Return the read counter of a file, as it is stored."""
        return int(
            self._driver.store.get(f"attempts/{database}/{name}") or 0
        )

    def is_promoted(self, index: int) -> bool:
        return self._promotion.is_promoted(index)
