"""The recovery manager at the secondary: every event in, a list of commands out.

Theory of operation. It routes each event to the database or to the failover it concerns. After a
start or a restart it asks for an inventory first and does nothing else until that is there: events
that nobody asked for are kept meanwhile. Answers to commands of an earlier incarnation are dropped;
what they told is in the inventory. What is durable lies in the store under these keys:
  attempts/<database>/<name>   times the file was handed to the engine (R5)
  copy/<database>              there was a copy at the start (where replay waits on purpose)
  restored/<database>          the last successful restore: mono_us utc_us modified_utc_us
                               started_utc_us name
  header/<database>/<name>     headers of validated fulls and incrementals
  alert/<database>             since when each danger has been told, and the alert if it has yet to
                               be raised; alert/ alone: of the service as a whole
  repair/<database>            the repair that is on
  remake/<database>            when the primary has taken a full or an incremental in the place of
                               one that cannot be had
  rot/<database>               the fulls with rotten pages that people have named
  beside/<database>            the restore beside the service: its phase, and the instant
  failover                     its phase
"""

from __future__ import annotations

from dataclasses import replace

from dr_sim.machines import Alarm, Command, Event, TakeInventory
from dr_sim.recovery import events
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import AlertBook
from dr_sim.recovery.commands import ClearRestoreFolder
from dr_sim.recovery.config import ManagerConfig
from dr_sim.recovery.failover.failover import ON_EVENT as OF_FAILOVER
from dr_sim.recovery.failover.failover import Failover
from dr_sim.recovery.repair import repairs, standby
from dr_sim.recovery.replay.absorb import Standing, quiet, stand
from dr_sim.recovery.replay.replay import NO_COPY, DatabaseReplay
from dr_sim.recovery.replay.replay import ON_EVENT as OF_DATABASE


class RecoveryManager:
    """The manager of one service.

    Raises DamagedStoreError if the store holds what no manager has written.
    """

    __slots__ = (
        "_early",
        "config",
        "databases",
        "failover",
        "incarnation",
        "ready",
    )

    def __init__(
        self, config: ManagerConfig, incarnation: int, saved: dict[str, str]
    ) -> None:
        """saved: the store's content at the start, key to value; never written to here."""
        self.config = config
        self.incarnation = incarnation
        self.databases = {
            each.name: DatabaseReplay(each, config.replay, saved)
            for each in config.databases
        }
        alerts = AlertBook("", config.replay.critical_after_us, saved)
        self.failover = Failover(
            config.failover,
            self.databases,
            config.replay.retry_us,
            saved,
            alerts,
        )
        self.ready = False
        self._early: list[Event] = []

    def resume(self) -> list[Command]:
        """Start, or restart: end what was under way, then ask what is there."""
        return [ClearRestoreFolder(), TakeInventory()]

    def handle(self, event: Event) -> list[Command]:
        """Return what to do about an event, in order."""
        incarnation = event.incarnation
        if incarnation and incarnation != self.incarnation:
            return []
        out: list[Command] = []
        if self.ready:
            self._route(event, out)
        elif isinstance(event, events.Inventory):
            self._inventory(event, out)
        elif not isinstance(event, Alarm):
            self._early.append(event)
        return out

    def quiet(self, database: str, fork: int, first_lsn: int) -> bool:
        """Return whether a log that begins at that position may be absorbed (absorb.py)."""
        return (
            self.ready
            and not self.failover.on
            and quiet(self.databases[database], fork, first_lsn)
        )

    def stand_in(self, database: str, at: Standing) -> RecoveryManager:
        """Return a fresh machine for that database alone, which stands at that place and knows no
        file.
        """
        config = self.config
        alone = replace(
            config, databases=(self.databases[database].config,)
        )
        machine = type(self)(alone, self.incarnation, {})
        machine._begin_at(database, at)
        return machine

    def _begin_at(self, database: str, at: Standing) -> None:
        """Begin without an inventory: the place at which that database stands is known."""
        stand(self.databases[database], at)
        self.ready = True

    def _route(self, event: Event, out: list[Command]) -> None:
        kind = type(event)
        failover = self.failover
        handler = OF_DATABASE.get(kind)
        if handler is not None:
            database = self.databases.get(event.database)  # type: ignore[attr-defined]
            if database is None or database.promoted:
                return
            handler(database, event, out)
            if database.beside.on:
                database.beside.go_on(event, out)
        elif isinstance(event, Alarm):
            self._alarm(event, out)
        elif kind in OF_FAILOVER:
            if isinstance(event, events.Inventory):
                self._look_again(event, out)
            OF_FAILOVER[kind](failover, event, out)
        if failover.on:
            failover.progress(event, out)

    def _alarm(self, event: Alarm, out: list[Command]) -> None:
        if not event.scope:
            self.failover.alarm(event, out)
            return
        database = self.databases.get(event.scope)
        if database is not None:
            database.alarm(event, out)

    def _inventory(
        self, event: events.Inventory, out: list[Command]
    ) -> None:
        """Take up the inventory: what is observed beats what is stored."""
        self.ready = True
        for name, database in self.databases.items():
            seen = event.of(name)
            # somebody brought it online by mistake
            online = seen.state.exists and not seen.state.restoring
            useless = online and not self.failover.brings_online
            if useless:
                seen = replace(seen, state=NO_COPY)
            database.observe(event, seen, useless, out)
            telling.raise_unraised(database, event, out)
        self.failover.resume(event, out)
        for database in self.databases.values():
            if self.failover.on:
                continue
            if telling.copy_is_lost(database):
                standby.begin_again(database, event, out)
            repairs.resume(database, event, out)
        early, self._early = self._early, []
        for kept in early:
            self._route(kept, out)

    def _look_again(
        self, event: events.Inventory, out: list[Command]
    ) -> None:
        """Take up a later inventory, which was asked for because a copy here has turned out to be
        gone.
        """
        for name, database in self.databases.items():
            if not database.looking or database.promoted:
                continue
            seen = event.of(name)
            if (
                name in self.failover.online.ordered_before
                and seen.state.exists
            ):
                # perhaps our own order brought it online: the failover checks that
                # (way_over.observed)
                database.looked_at_copy()
            else:
                standby.looked(database, event, seen, out)
