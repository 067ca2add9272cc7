"""The life of the cloud manager: crashes, upgrades, a second manager beside it, an old copy of its
store. The driver runs the life itself, as every machine's (world/driver.py).

Theory of operation. Calls that only ask are counted, and the manager learns of them when something
else happens (front.py). So they are counted before a life ends. People repeat their messages to the
manager until it has survived one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dr_sim.cloud import CloudManager
from dr_sim.machines import Alarm, Event, SaveAll
from dr_sim.world.driver import Driver
from dr_sim.world.kernel.agenda import Class

if TYPE_CHECKING:
    from dr_sim.world.cloud.missing import At
    from dr_sim.world.cloud.service import CloudWorld


class CloudLives:
    """older: a manager that does not know that another one has taken its place. upgrading: a new
    version is about to take over.
    """

    def __init__(
        self, world: CloudWorld, driver: Driver[CloudManager]
    ) -> None:
        self._world = world
        self._context = world.context
        self._driver = driver
        self._waiting: list[
            Callable[[], None]
        ] = []  # who tells it as soon as it is up
        self._gone = False  # its site is lost
        self._put_back_to_us = (
            -1
        )  # its store may know the roles of that time
        self.older: CloudManager | None = None
        self.upgrading = False
        self._older_life = 0
        # of the store, each with its instant and the rows that lead astray
        self._copies: list[tuple[int, dict[str, str], frozenset[At]]] = []
        driver.hooks.on_start.append(self._up_or_down)
        driver.hooks.on_death.append(self._dead)

    @property
    def up(self) -> bool:
        return self._driver.machine is not None

    # ---- death
    def crash(self, down_us: int | None = None) -> None:
        """Kill the manager now; it is back after that time (by default cloud.restart_after)."""
        self._world.front.count_all()
        self._driver.crash(down_us)

    def lost(self) -> None:
        """Note that the manager's site is lost."""
        self._gone = True
        self._driver.down += 1
        self.crash()

    def site_back(self) -> None:
        """Start the manager again if it stood at a site that was lost."""
        if self._gone:
            self._gone = False
            self._driver.down -= 1
            at_us = self._context.now_us + self._world.spec.restart_us
            self._context.agenda.at(
                at_us, Class.HOUSEKEEPING, -1, self._driver.start
            )

    def _up_or_down(self) -> None:
        self._world.front.plan_all()
        if self._put_back_to_us >= 0 and self.up:
            self._world.sites.tell_roles(self._put_back_to_us)
            if self.up:
                self._put_back_to_us = -1

    def _dead(self) -> None:
        self._world.front.plan_all()
        self._world.front.crashed()

    # ---- upgrades
    def upgrade(self, side_by_side: bool, takes_us: int) -> None:
        """Let a new version take over from this one: after it has stopped, or beside it."""
        context = self._context
        self.upgrading = True
        context.note("truth.cloud_upgrade", -1, 1)
        if not side_by_side:
            self._driver.down += 1
            self.crash()
        at = context.now_us + takes_us
        context.agenda.at(
            at, Class.HOUSEKEEPING, -1, self._upgraded, side_by_side
        )

    def _upgraded(self, side_by_side: bool) -> None:
        """Let the new version resume; one that ran beside it ends at the same instant."""
        self._context.note("truth.cloud_upgrade", -1, 0)
        self.upgrading = False
        self._world.newer_version()
        if side_by_side:
            self.crash(0)
        else:
            self._driver.down -= 1
            self._driver.start()

    # ---- two at once
    def split(self) -> None:
        """Start a second manager, as the first cannot be reached by its watchers. The first goes
        on, with its alarms and for some callers, until its store refuses it: a store takes nothing
        from a life before the last.
        """
        driver = self._driver
        older = driver.machine
        if older is None:
            return
        for key, entry in driver.alarms.items():
            entry.instead(self._rings, older, key)
        driver.alarms.clear()
        self._older_life = driver.incarnation
        self.crash(0)
        self.older = older

    def _rings(self, older: CloudManager, key: tuple[str, str]) -> None:
        if older is self.older:
            now, utc = self._context.now_us, self._world.utc_us()
            self.tell_older(Alarm(now, utc, self._older_life, *key))

    def tell_older(self, event: Event) -> None:
        """Hand an event to the older manager: it acts, as far as it may."""
        older = self.older
        if older is None:
            return
        for command in older.handle(event):
            if isinstance(command, SaveAll):
                self._context.note(
                    "truth.cloud_older",
                    -1,
                    self._older_life,
                    "save refused",
                )
                self.older = None
                return
            what = type(command).__name__
            self._context.note(
                "truth.cloud_older", -1, self._older_life, what
            )
            self._world.do_for_older(command, self._older_life)

    # ---- old copies of the store
    def keep_copy(self) -> None:
        self._copies.append(
            (
                self._context.now_us,
                self._driver.store.load(),
                self._world.missing.astray(),
            )
        )
        self._context.note("truth.cloud_store_copied", -1)

    def restore_copy(self) -> bool:
        """Put the last copy in the store's place. Return False if there is none."""
        if not self._copies:
            return False
        as_of_us, copy, astray = self._copies[-1]
        if self._world.hardware is not None:
            self._context.in_step()  # an upgrade of then may go on
        self.crash()
        store = self._driver.store
        gone = dict.fromkeys(store.load(), "")
        store.save_all({**gone, **copy})
        self._context.note("truth.cloud_store_restored", -1, as_of_us)
        self._world.missing.forget()
        self._world.missing.put_back(astray)
        self._put_back_to_us = as_of_us
        return True

    # ---- telling
    def tell_until_heard(
        self, make: Callable[..., Event], *args: Any
    ) -> None:
        """Hand over make(mono, utc, 0, *args), again at each start until the manager
        survives it.
        """
        driver = self._driver
        if self.up:
            driver.tell_new(make, *args)
        if not self.up:
            self._waiting.append(
                partial(self.tell_until_heard, make, *args)
            )

    def looked(self) -> None:
        """Give it the events that wait: it is up, and has seen what is there."""
        waiting, self._waiting = self._waiting, []
        for tell in waiting:
            tell()
        if self._world.hardware is not None:
            self._world.hardware.loads.tell_all()
