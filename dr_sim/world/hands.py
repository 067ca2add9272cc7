"""The hands: they execute the recovery manager's commands in the world and tell it what came of
them.

The commands of one handle() run in order; a Save is durable before it is recorded and the next
starts. If the manager dies between two commands, or a Save fails, the rest of the list is dropped,
its sessions at the engine are killed and its alarms are gone; after a while a new incarnation
resumes from the store. Answers carry the incarnation that asked. An answer that is known at once is
told in the next round of the same instant, never in the middle of a list.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.record.journal import pairs_text
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.config import ManagerConfig
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.recovery.saved import header_text
from dr_sim.stores import MemoryStore, Store, StoreError
from dr_sim.units import HOUR_US
from dr_sim.world.agenda import Class, Entry
from dr_sim.world.backup_file import BackupFile
from dr_sim.world.context import Context
from dr_sim.world.directory import Directory
from dr_sim.world.heartbeat import Heartbeats
from dr_sim.world.primary_database import FIRST_LSN
from dr_sim.world.promotion import Online, Promotion
from dr_sim.world.pruning import RETENTION, Pruning
from dr_sim.world.remote import Remote
from dr_sim.world.secondary import Secondary, StopAt, Work


class Hands:
    """before_command is asked before each command runs; True kills the manager there."""

    def __init__(
        self,
        context: Context,
        config: ManagerConfig,
        store: Store,
        secondary: Secondary,
        remote: Remote,
        promotion: Promotion,
    ) -> None:
        self._context = context
        self._config = config
        self._secondary = secondary
        self._remote = remote
        self._promotion = promotion
        self.heartbeats: Heartbeats  # both hear of the hands too, so they are given later
        self.directory: Directory
        self._index = {d.name: i for i, d in enumerate(context.scenario.databases)}
        self.alarms: dict[tuple[str, str], Entry] = {}
        # the hour of the last page to the operator, how many came before it in that hour
        self._pages = (-1, 0)
        self._orders: list[Callable[[], None]] = []  # those that nobody was there to take
        self.store = store
        self.incarnation = 0
        self.manager: RecoveryManager | None = None
        self.down = 0  # reasons for it to stay down after a crash
        self.death_hook: Callable[[], None] = lambda: None  # the manager has died
        self.dead_channels = 0  # reasons for alerts and pages to reach nobody
        self.on_alert: list[Callable[[], None]] = []  # who acts once an alert is delivered
        self._page_open = 0  # the incarnation that has paged and awaits the operator's answer
        self.before_command: Callable[[c.Command], bool] | None = None
        self.pruning: Pruning | None = None
        secondary.landed_hook = self._landed
        self._do: dict[type, Callable[[Any], None]] = {
            c.SetAlarm: self._set_alarm,
            c.CancelAlarm: self._cancel_alarm,
            c.TakeInventory: self._take_inventory,
            c.Validate: self._validate,
            c.Recopy: self._recopy,
            c.RenameWorkingCopy: self._rename_copy,
            c.Delete: self._delete,
            c.Restore: self._restore,
            c.RestoreUntil: self._restore_until,
            c.Recover: self._recover,
            c.AskPrimary: self._ask_primary,
            c.TakeBackup: self._take_backup,
            c.AskShare: self._ask_share,
            c.RaiseAlert: self._alert,
            c.PageOperator: self._page,
            c.RefuseOrder: _recorded_only,
            c.EnterPhase: self._enter_phase,
            c.Fence: self._fence,
            c.TakeTail: self._take_tail,
            c.Redirect: self._redirect,
            c.Provision: self._provision,
            c.Drop: self._drop,
            c.ListShare: self._list_share,
            c.Fetch: self._fetch,
            c.ClearRestoreFolder: self._clear_copies,
            c.Disconnect: self._disconnect,
            c.AdmitReaders: self._admit,
            c.EndRestore: self._end_restore,
        }

    # ---- the life of the manager
    def start(self) -> None:
        """A new incarnation resumes from the store."""
        if self.down or self.manager is not None:
            return
        self.incarnation += 1
        self.manager = RecoveryManager(self._config, self.incarnation, self.store.load())
        self._context.note("truth.manager", -1, self.incarnation, 1)
        self._run(self.manager.resume())
        orders, self._orders = self._orders, []
        for order in orders:
            self._context.agenda.at(self._context.now_us, Class.ANSWER, -1, order)

    def crash(self) -> None:
        """The manager dies now; it is started again after manager_restart."""
        if self.manager is None:
            return
        self.manager = None
        self._context.note("truth.manager", -1, self.incarnation, 0)
        for entry in self.alarms.values():
            entry.cancel()
        self.alarms.clear()
        self._secondary.abort_all()
        at = self._context.now_us + self._context.scenario.manager_restart_us
        self._context.agenda.at(at, Class.HOUSEKEEPING, -1, self.start)
        self.death_hook()

    def attempts_in_store(self, database: str, name: str) -> int:
        return int(self.store.get(f"attempts/{database}/{name}") or 0)

    # ---- telling
    def tell(self, event: e.Event) -> None:
        """Hand an event over; nobody hears it while the manager is down."""
        manager = self.manager
        if manager is None:
            return
        context = self._context
        now = context.agenda._now
        index = self._index[event.database] if event.__class__ in _OF_A_DATABASE else -1  # type: ignore[attr-defined]
        if event.incarnation and event.incarnation != self.incarnation:
            context.note("seen.ignored", index, type(event).__name__, event.incarnation)
        context.journal.record(event, now, index)
        commands = manager.handle(event)
        if commands:
            self._run(commands)

    def _soon(self, make: Callable[..., e.Event], *args: Any) -> None:
        """Tell make(mono, utc, incarnation, *args) in the next round of this instant."""
        self._soon_to(self.incarnation, make, *args)

    def _soon_to(self, incarnation: int, make: Callable[..., e.Event], *args: Any) -> None:
        """Likewise, an answer to what that incarnation asked."""
        context = self._context
        database = self._index.get(args[0], -1) if args and isinstance(args[0], str) else -1
        context.agenda.at(
            context.now_us, Class.ANSWER, database, self._answer, make, incarnation, args
        )

    def _answer(
        self, make: Callable[..., e.Event], incarnation: int, args: tuple[Any, ...]
    ) -> None:
        self.tell(make(self._context.now_us, self._context.utc_us(), incarnation, *args))

    def _later(self, delay_us: int, make: Callable[..., e.Event], *args: Any) -> None:
        at = self._context.now_us + delay_us
        self._context.agenda.at(at, Class.ANSWER, -1, self._answer, make, self.incarnation, args)

    def _run(self, commands: list[Any]) -> None:
        context = self._context
        journal = context.journal
        now: int = context.agenda._now
        index, do = self._index, self._do
        together = 0  # so many of the commands have been carried out at once
        for done, command in enumerate(commands):
            if done < together:
                continue
            if self.before_command is not None and self.before_command(command):
                self._die(done, len(commands))
                return
            cls = command.__class__
            if cls is c.Delete and (at_once := self._prune(commands, done)):
                together = done + at_once
            elif cls is c.Save:
                try:
                    self.store.save(command.key, command.value)
                except StoreError:
                    there = int(self.store.get(command.key) == command.value)
                    context.note("truth.store_write", -1, command.key, command.value, there)
                    self._die(done, len(commands))
                    return
                journal.record(command, now, -1)
            elif cls is c.SaveAll:
                if not self._save_all(command):
                    self._die(done, len(commands))
                    return
                journal.record(command, now, -1)
            else:
                journal.record(
                    command, now, index.get(command.database, -1) if cls in _OF_A_DATABASE else -1
                )
                do[cls](command)

    def _save_all(self, command: c.SaveAll) -> bool:
        """Save them together; False: it failed, and is recorded."""
        try:
            self.store.save_all(dict(command.entries))
        except StoreError:
            there = all(self.store.get(key) == value for key, value in command.entries)
            text = pairs_text(command.entries)
            self._context.note("truth.store_write_all", -1, text, int(there))
            return False
        return True

    def _prune(self, commands: list[Any], first: int) -> int:
        """Deletes and Saves from that one on, carried out at once: how many."""
        store = self.store
        if (
            self.pruning is None
            or self.before_command is not None
            or not isinstance(store, MemoryStore)
        ):
            return 0
        return self.pruning.at_secondary(
            commands, first, self._index[commands[first].database], store
        )

    def _die(self, done: int, of: int) -> None:
        """The manager dies when so many of these commands have been carried out."""
        self._context.note("truth.commands_done", -1, done, of)
        self.crash()

    # ---- files and the engine
    def _file(self, command: Any) -> BackupFile | None:
        return self._context.by_name[self._index[command.database]].get(command.name)

    def _landed(self, file: BackupFile) -> None:
        now, utc = self._context.agenda._now, self._context.utc_us()
        size_bytes, modified_utc_us = file.content.properties
        self.tell(e.Landed(now, utc, 0, file.database_name, file.name, modified_utc_us, size_bytes))

    def _validate(self, command: c.Validate) -> None:
        file = self._file(command)
        if file is None:
            self._soon(
                e.ValidationFailed,
                command.database,
                command.name,
                "missing",
                60005,
                "The file is not in the share.",
            )
            return
        self._secondary.validate(file, self.incarnation, self._validated)

    def _validated(
        self, work: Work, outcome: str, header: BackupHeader | None, number: int, text: str
    ) -> None:
        file = work.file
        now, utc = self._context.agenda._now, self._context.utc_us()
        who = (now, utc, work.incarnation, file.database_name, file.name)
        self.tell(
            e.ValidationFailed(*who, outcome, number, text)
            if header is None
            else e.Validated(*who, header)
        )

    def _rename_copy(self, command: c.RenameWorkingCopy) -> None:
        file = self._file(command)
        if file is not None:
            self._secondary.restore_folder.rename(file, command.attempts)

    def _clear_copies(self, command: c.ClearRestoreFolder) -> None:
        self._secondary.restore_folder.clear()

    def _restore(self, command: c.Restore) -> None:
        file = self._file(command)
        if file is None:
            self._soon(
                e.RestoreFailed,
                command.database,
                command.name,
                60005,
                False,
                "The file is not in the share.",
            )
            return
        self._secondary.restore(file, command.replace, self.incarnation, self._restored)

    def _restore_until(self, command: c.RestoreUntil) -> None:
        """The instant is by the primary's clock, as in the log itself; the engine stops at a place
        in the log.
        """
        context = self._context
        file = self._file(command)
        if file is None:
            self._restore(c.Restore(command.database, command.name, False))
            return
        at_us = context.first_stamped_us(command.stop_before_utc_us)
        commits, written = context.workloads[file.database].written(at_us)
        stop = StopAt(commits, written + FIRST_LSN, at_us)
        self._secondary.restore(file, False, self.incarnation, self._restored, stop)

    def _restored(self, work: Work, state: RestoreState | None, number: int, text: str) -> None:
        context, file = self._context, work.file
        now = context.agenda._now
        who = (now, context.utc_us(), work.incarnation, file.database_name, file.name)
        if state is not None:
            self._promotion.restored(work.content, work.stop)
            self.tell(e.Restored(*who, state.fork, state.redo_lsn, state.differential_base_lsn))
        elif work.lacks is not None:
            self.tell(e.NoRoom(*who, number, *work.lacks, text))
        else:
            there = context.secondary_engine.state(file.database_name)
            lost = not (there.exists and there.restoring)
            self.tell(e.RestoreFailed(*who, number, lost, text))

    def _end_restore(self, command: c.EndRestore) -> None:
        begun_us = self._secondary.end_restore(
            self._index[command.database], command.begun_before_mono_us
        )
        if begun_us is not None:
            self._soon(e.RestoreGoesOn, command.database, command.name, begun_us)

    def _delete(self, command: c.Delete) -> None:
        file = self._file(command)
        if file is not None:
            self._secondary.delete(file, RETENTION)

    def _drop(self, command: c.Drop) -> None:
        self._secondary.drop(self._index[command.database], "dropped to make room")

    def primary_error(self, database: str, what: str, number: int, text: str) -> None:
        """The primary's error log tells, if it can be heard here."""
        if self._remote.path_up():
            half_us = self._remote.round_trip_us // 2
            if half_us:
                self._context.agenda.at(
                    self._context.now_us + half_us,
                    Class.ANSWER,
                    self._index[database],
                    self._answer,
                    e.PrimaryError,
                    0,
                    (database, what, number, text),
                )
                return
            self.tell(
                e.PrimaryError(
                    self._context.now_us, self._context.utc_us(), 0, database, what, number, text
                )
            )

    def _recover(self, command: c.Recover) -> None:
        context, index = self._context, self._index[command.database]
        context.witness.recovery_begins(index)
        outcome, took_us = (
            context.clock.time(lambda: self._bring_online(index))
            if context.clock.measured
            else (None, 0)
        )
        if outcome is not None:
            context.clock.note(context.now_us, index, -1, "recover", took_us)
        at = context.now_us + (took_us or self._promotion.recover_us(index))
        context.agenda.at(
            at, Class.DISK, index, self._recovered, command.database, self.incarnation, outcome
        )

    def _recovered(self, database: str, incarnation: int, outcome: Online | None) -> None:
        index = self._index[database]
        in_use = self._secondary.in_use(index)
        if in_use is not None and outcome is None:
            outcome = (in_use.number, in_use.text, 0, 0)
        number, text, fork, lsn = self._promotion.recover(
            index, outcome or self._bring_online(index)
        )
        now, utc = self._context.now_us, self._context.utc_us()
        if number:
            self.tell(e.RecoverFailed(now, utc, incarnation, database, number, text))
        else:
            self.tell(e.Recovered(now, utc, incarnation, database, fork, lsn))

    def _bring_online(self, index: int) -> Online:
        error = self._secondary.unusable.get(index)
        return (
            self._promotion.bring_online(index)
            if error is None
            else (error.number, error.text, 0, 0)
        )

    def is_promoted(self, index: int) -> bool:
        return self._promotion.is_promoted(index)

    def _disconnect(self, command: c.Disconnect) -> None:
        self._secondary.disconnect(self._index[command.database])

    def _admit(self, command: c.AdmitReaders) -> None:
        self._secondary.admit(self._index[command.database])

    # ---- time and restart
    def _set_alarm(self, command: c.SetAlarm) -> None:
        key = (command.scope, command.what)
        old = self.alarms.get(key)
        if old is not None:
            old.cancel()
        at = max(command.at_mono_us, self._context.now_us)
        index = self._index.get(command.scope, -1)
        self.alarms[key] = self._context.agenda.at(
            at, Class.ALARM, index, self.alarm, command.scope, command.what
        )

    def _cancel_alarm(self, command: c.CancelAlarm) -> None:
        old = self.alarms.pop((command.scope, command.what), None)
        if old is not None:
            old.cancel()

    def alarm(self, scope: str, what: str) -> None:
        del self.alarms[scope, what]
        context = self._context
        event = e.Alarm(context.now_us, context.utc_us(), self.incarnation, scope, what)
        manager = self.manager
        assert manager is not None, "alarms die with the manager"
        context.journal.record(event, context.now_us, self._index.get(scope, -1))
        self._run(manager.handle(event))

    def _take_inventory(self, command: c.TakeInventory) -> None:
        context = self._context
        databases, files = {}, {}
        for i, d in enumerate(context.scenario.databases):
            state = context.secondary_engine.state(d.name)
            databases[d.name] = {
                "fork": state.fork,
                "redo_lsn": state.redo_lsn,
                "differential_base_lsn": state.differential_base_lsn,
                "restoring": state.restoring,
                "exists": state.exists,
            }
            there = sorted(
                (f for f in context.by_name[i].values() if f.at_secondary), key=lambda f: f.number
            )
            files[d.name] = [[f.name, *reversed(f.content.properties)] for f in there]
        self._soon(
            e.Inventory,
            json.dumps(databases),
            json.dumps(files),
            json.dumps(self.heartbeats.silent),
        )

    # ---- the primary, over the management path
    def _ask(self, question: Callable[[int], None]) -> None:
        """Ask the other site: question(half of a round trip) is carried out when it has got there.
        Where nothing gets there that is known at once.
        """
        half_us = self._remote.round_trip_us // 2
        if half_us and self._remote.path_up():
            self._context.agenda.at(
                self._context.now_us + half_us, Class.ANSWER, -1, question, half_us
            )
        else:
            question(0)

    def _reply(
        self, incarnation: int, back_us: int, make: Callable[..., e.Event], *args: Any
    ) -> None:
        """Tell what the other site answers to what that incarnation asked, when the answer has come
        back.
        """
        if back_us:
            at = self._context.now_us + back_us
            self._context.agenda.at(
                at, Class.ANSWER, self._index[args[0]], self._answer, make, incarnation, args
            )
        else:
            self._soon_to(incarnation, make, *args)

    def _ask_primary(self, command: c.AskPrimary) -> None:
        incarnation = self.incarnation

        def asked(back_us: int) -> None:
            answer = self._remote.ask_primary(
                self._index[command.database], command.fork, command.lsn
            )
            self._reply(incarnation, back_us, e.PrimaryAnswered, command.database, *answer)

        self._ask(asked)

    def _recopy(self, command: c.Recopy) -> None:
        incarnation = self.incarnation

        def asked(back_us: int) -> None:
            reason = self._remote.recopy(self._file(command))
            if reason:
                self._reply(
                    incarnation, back_us, e.RecopyFailed, command.database, command.name, reason
                )

        self._ask(asked)

    def _take_backup(self, command: c.TakeBackup) -> None:
        incarnation, database, kind = self.incarnation, command.database, command.kind

        def asked(back_us: int) -> None:
            def answer(file: BackupFile | None) -> None:
                make, text = (e.BackupTaken, file.name) if file else (e.BackupFailed, "cut off")
                self._reply(incarnation, back_us, make, database, kind, text)

            reason = self._remote.take_backup(self._index[database], Kind(kind), answer)
            if reason:
                self._reply(incarnation, back_us, e.BackupFailed, database, kind, reason)

        self._ask(asked)

    def _ask_share(self, command: c.AskShare) -> None:
        incarnation = self.incarnation

        def asked(back_us: int) -> None:
            reachable, waiting = self._remote.ask_share(self._index[command.database])
            listed = json.dumps({f.name: f.modified_utc_us for f in waiting})
            self._reply(incarnation, back_us, e.ShareAnswered, command.database, reachable, listed)

        self._ask(asked)

    def _list_share(self, command: c.ListShare) -> None:
        reachable, headers = self._remote.list_share(self._index[command.database])
        files = {name: header_text(header) for name, header in headers.items()}
        self._soon(
            e.ShareListed, command.database, reachable, json.dumps(files, ensure_ascii=False)
        )

    def _fetch(self, command: c.Fetch) -> None:
        index = self._index[command.database]
        for name, reason in self._remote.fetch(index, json.loads(command.names)).items():
            self._soon(e.RecopyFailed, command.database, name, reason)

    # ---- people and failover
    def order_failover(self, operator: str, planned: bool) -> None:
        """Who gives an order gives it again when the recovery manager is back, should it be down or
        die of it.
        """
        context = self._context
        if self.manager is not None:
            self.tell(e.FailoverOrdered(context.now_us, context.utc_us(), 0, operator, planned))
        if self.manager is None:
            self._orders.append(partial(self.order_failover, operator, planned))

    def order_failover_to_point(self, operator: str, target: str, stop_before_utc_us: int) -> None:
        """As order_failover, unplanned; replay stops before an instant. target: the database, or ''
        for all.
        """
        context = self._context
        if self.manager is not None:
            now, utc = context.now_us, context.utc_us()
            self.tell(e.FailoverOrderedToPoint(now, utc, 0, operator, target, stop_before_utc_us))
        if self.manager is None:
            again = partial(self.order_failover_to_point, operator, target, stop_before_utc_us)
            self._orders.append(again)

    def _alert(self, command: c.RaiseAlert) -> None:
        """The record is all there is to it, but somebody may act on what he is told."""
        self.deliver(self._index.get(command.database, -1))

    def deliver(self, database: int) -> None:
        """An alert about that database (-1: the service) has been raised, by the manager or by the
        monitor.
        """
        if self.dead_channels:
            self._context.note("truth.alert_lost", database)
            return
        for act in list(self.on_alert):
            act()

    def _page(self, command: c.PageOperator) -> None:
        if self.dead_channels or self._page_open == self.incarnation:
            return  # it reaches nobody, or is read by one who is on his way already
        self._page_open = self.incarnation
        failover = self._context.scenario.failover
        # a draw named by the hour and, if it is not the first in it, the number of the page: one on
        # another day shifts none
        hour = self._context.now_us // HOUR_US
        self._pages = (hour, self._pages[1] + 1 if self._pages[0] == hour else 0)
        lane = f"again {self._pages[1]}" if self._pages[1] else ""
        delay = self._context.streams.of("operator", "answers in", lane).law(
            hour, failover.answers_in
        )
        self._later(delay, self._operator_answered, failover.on_duty, failover.approves)

    def _operator_answered(
        self, mono_us: int, utc_us: int, incarnation: int, *what: Any
    ) -> e.Event:
        self._page_open = 0
        return e.OperatorAnswered(mono_us, utc_us, incarnation, *what)

    def _fence(self, command: c.Fence) -> None:
        delay, reason = self._promotion.fence(command.planned)
        if reason:
            self._later(delay, e.FenceFailed, reason)
        else:
            self._later(delay, e.Fenced)

    def _take_tail(self, command: c.TakeTail) -> None:
        incarnation, database = self.incarnation, command.database
        index = self._index[database]

        def asked(back_us: int) -> None:
            def answer(file: BackupFile | None) -> None:
                make, text = (e.TailTaken, file.name) if file else (e.TailFailed, "cut off")
                if file is None:
                    self._promotion.reach.tail_cut_off(index)
                self._reply(incarnation, back_us, make, database, text)

            reason = self._remote.take_tail(index, answer)
            if reason == "nothing new":
                self._reply(incarnation, back_us, e.TailTaken, database, "")
            elif reason:
                self._reply(incarnation, back_us, e.TailFailed, database, reason)

        self._ask(asked)

    def _provision(self, command: c.Provision) -> None:
        takes_us, entries = self.directory.provision()
        self._later(takes_us, e.Provisioned, entries)

    def _enter_phase(self, command: c.EnterPhase) -> None:
        """Phases are read from the journal. From the drain on a failover restores by its own
        script.
        """
        self._promotion.reach.phase(command.phase)
        if command.phase in ("draining", "abandoned"):
            self._secondary.by_hand(command.phase == "draining")

    def _redirect(self, command: c.Redirect) -> None:
        incarnation = self.incarnation
        self._promotion.redirect(lambda: self._answer(e.Redirected, incarnation, ()))


_OF_A_DATABASE = frozenset(
    cls
    for cls in (*e.EVENTS, *c.COMMANDS)
    if "database" in cls.__dataclass_fields__  # type: ignore[attr-defined]
)


def entity_of(told: e.Event | c.Command, database: int) -> int:
    """The entity of a row about something that concerns that database."""
    return database if told.__class__ in _OF_A_DATABASE else -1


def _recorded_only(command: c.Command) -> None:
    """The record is all there is to it: refusals are read from the journal."""
