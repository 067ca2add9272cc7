"""The recovery manager at the secondary: every event in, a list of commands out.

Theory of operation. It routes each event to the database or to the failover it concerns. After a
start or a restart it asks for an inventory first and does nothing else until that is there: events
that nobody asked for are kept meanwhile. Answers to commands of an earlier incarnation are dropped;
what they told is in the inventory. What is durable lies in the store under these keys:
  attempts/<database>/<name>   times the file was handed to the engine (R5)
  restored/<database>          the last successful restore: mono_us utc_us modified_utc_us
                               started_utc_us name
  header/<database>/<name>     headers of validated fulls and incrementals
  alert/<database>             since when each danger has been told; alert/ alone: of the service as
                               a whole
  repair/<database>            the repair that is on
  failover                     its state
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dr_sim.backups.model import RestoreState
from dr_sim.recovery import events, landing, notices, standby
from dr_sim.recovery.absorb import Standing, quiet, stand
from dr_sim.recovery.alerts import AlertBook
from dr_sim.recovery.commands import ClearRestoreFolder, Command, TakeInventory
from dr_sim.recovery.config import ManagerConfig
from dr_sim.recovery.failover import Failover
from dr_sim.recovery.replay import DatabaseReplay

_OF_DATABASE: dict[type[events.Event], Callable[[DatabaseReplay, Any, list[Command]], None]] = {
    events.Landed: landing.landed,
    events.Validated: landing.validated,
    events.ValidationFailed: landing.validation_failed,
    events.RecopyFailed: landing.recopy_failed,
    events.Restored: DatabaseReplay.restored,
    events.RestoreFailed: DatabaseReplay.restore_failed,
    events.PrimaryAnswered: DatabaseReplay.primary_answered,
    events.BackupTaken: DatabaseReplay.backup_taken,
    events.BackupFailed: DatabaseReplay.backup_failed,
    events.ShareAnswered: DatabaseReplay.share_answered,
    events.NoRoom: DatabaseReplay.no_room,
    events.PrimaryError: notices.primary_error,
}
_OF_FAILOVER: dict[type[events.Event], Callable[[Failover, Any, list[Command]], None]] = {
    events.HeartbeatLost: Failover.lost,
    events.HeartbeatBack: Failover.back,
    events.FailoverOrdered: Failover.ordered,
    events.FailoverOrderedToPoint: Failover.ordered_to_point,
    events.OperatorAnswered: Failover.answered,
    events.Fenced: Failover.fenced,
    events.FenceFailed: Failover.fenced,
    events.TailTaken: Failover.tail,
    events.TailFailed: Failover.tail,
    events.Recovered: Failover.recovered,
    events.RecoverFailed: Failover.recover_failed,
    events.Redirected: Failover.redirected,
    events.Provisioned: Failover.provisioned,
    events.Inventory: Failover.observed,
    events.ShareListed: Failover.share_listed,
    events.RestoreGoesOn: Failover.restore_goes_on,
}


class RecoveryManager:
    """One for the service. saved: the store's content at the start, key to value; never written to
    here.
    """

    __slots__ = ("_early", "config", "databases", "failover", "incarnation", "ready")

    def __init__(self, config: ManagerConfig, incarnation: int, saved: dict[str, str]) -> None:
        self.config = config
        self.incarnation = incarnation
        self.databases = {
            each.name: DatabaseReplay(each, config.replay, saved) for each in config.databases
        }
        alerts = AlertBook("", config.replay.critical_after_us, saved.get("alert/", ""))
        self.failover = Failover(
            config.failover,
            self.databases,
            config.replay.retry_us,
            saved.get("failover", ""),
            alerts,
        )
        self.ready = False
        self._early: list[events.Event] = []

    def resume(self) -> list[Command]:
        """The first thing after a start or a restart: away with what was under way, then look at
        what is there.
        """
        return [ClearRestoreFolder(), TakeInventory()]

    def handle(self, event: events.Event) -> list[Command]:
        """What to do about an event, in order."""
        incarnation = event.incarnation
        if incarnation and incarnation != self.incarnation:
            return []
        out: list[Command] = []
        if not self.ready:
            if isinstance(event, events.Inventory):
                self._inventory(event, out)
            elif not isinstance(event, events.Alarm):
                self._early.append(event)
            return out
        self._route(event, out)
        return out

    def quiet(self, database: str, fork: int, first_lsn: int) -> bool:
        """May a log that begins at that position be absorbed (recovery/absorb.py)?"""
        return (
            self.ready and not self.failover.on and quiet(self.databases[database], fork, first_lsn)
        )

    def stand_in(self, database: str, at: Standing) -> RecoveryManager:
        """A fresh machine for that database alone, which stands there and knows of no file."""
        config = self.config
        alone = replace(config, databases=(self.databases[database].config,))
        machine = type(self)(alone, self.incarnation, {})
        stand(machine.databases[database], at)
        machine.ready = True
        return machine

    def _route(self, event: events.Event, out: list[Command]) -> None:
        kind = type(event)
        handler = _OF_DATABASE.get(kind)
        failover = self.failover
        if handler is not None:
            database = self.databases.get(event.database)  # type: ignore[attr-defined]
            if database is None or database.promoted:
                return
            handler(database, event, out)
        elif kind is events.Alarm:
            assert isinstance(event, events.Alarm)
            if event.scope:
                database = self.databases.get(event.scope)
                if database is not None:
                    database.alarm(event, out)
            else:
                failover.alarm(event, out)
        elif kind in _OF_FAILOVER:
            if isinstance(event, events.Inventory):
                self._look_again(event, out)
            _OF_FAILOVER[kind](failover, event, out)
        if failover.on:
            failover.progress(event, out)

    def _inventory(self, event: events.Inventory, out: list[Command]) -> None:
        """What is observed beats what is stored."""
        self.ready = True
        for database, state, found in self._seen(event):
            if state.exists and not state.restoring and not self.failover.brings_online:
                state = RestoreState(0, 0, 0, exists=False)  # somebody brought it online by mistake
                database.replaces = True
            database.observe(event.mono_us, event.utc_us, state, found, out)
        self.failover.resume(event.mono_us, event.utc_us, json.loads(event.silent), out)
        for database in self.databases.values():
            if (
                not database.state.exists
                and database.last is not None
                and database.last.name
                and not self.failover.on
            ):
                standby.begin_again(database, event, out)
        early, self._early = self._early, []
        for kept in early:
            self._route(kept, out)

    def _seen(
        self, event: events.Inventory
    ) -> list[tuple[DatabaseReplay, RestoreState, list[tuple[str, int, int]]]]:
        """What an inventory says of each database and of its files."""
        states: dict[str, dict[str, Any]] = json.loads(event.databases)
        files: dict[str, list[list[Any]]] = json.loads(event.files)
        found = []
        for name, database in self.databases.items():
            seen = states.get(name, {"exists": False})
            state = RestoreState(0, 0, 0, exists=False)
            if seen["exists"]:
                state = RestoreState(
                    seen["fork"],
                    seen["redo_lsn"],
                    seen["differential_base_lsn"],
                    bool(seen["restoring"]),
                    True,
                )
            there = [
                (str(file), int(modified), int(size))
                for file, modified, size in files.get(name, [])
            ]
            found.append((database, state, there))
        return found

    def _look_again(self, event: events.Inventory, out: list[Command]) -> None:
        """A look in the middle of things, as a copy here has turned out to be gone."""
        for database, state, found in self._seen(event):
            if database.looking and not database.promoted:
                if database.name in self.failover.online.ordered_before and state.exists:
                    # online by our own order, perhaps: Failover.observed looks at that
                    database.looking = False
                    continue
                standby.looked(database, event, state, found, out)
