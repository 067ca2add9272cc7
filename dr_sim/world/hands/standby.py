"""Commands at the standby: its files, its engine, and the inventory of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dr_sim.backups.model import BackupHeader, RestoreState
from dr_sim.machines import Machine, TakeInventory
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.events import FoundFile, ValidationOutcome
from dr_sim.world.driver import Driver
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.link.heartbeat import Heartbeats
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary_database import FIRST_LSN
from dr_sim.world.primary.pruning import RETENTION
from dr_sim.world.roles.promotion import Online, Promotion
from dr_sim.world.secondary.secondary import Secondary
from dr_sim.world.secondary.secondary_work import StopAt, Work

_NOT_THERE = (60005, "The file is not in the share.")


class StandbyHands:
    """Hands at the standby. table: a hand for each class of command."""

    def __init__(
        self,
        context: Context,
        driver: Driver[Machine],
        secondary: Secondary,
        promotion: Promotion,
        heartbeats: Heartbeats,
    ) -> None:
        self._context = context
        self._driver = driver
        self._secondary = secondary
        self._promotion = promotion
        self._heartbeats = heartbeats
        self._index = driver.place.entities
        self._ordered: set[int] = (
            set()
        )  # databases with a restore that is not over
        # a database for each order online that is being carried out: by the engine, which does not
        # die with the manager
        self._under_way: list[int] = []
        driver.hooks.on_death.append(self._ordered.clear)
        secondary.landed_hook = self._landed
        # called when a database is ordered online
        self.recover_hook: Callable[[], None] = lambda: None
        # called when an order online has failed, and no database is online or is being brought so
        self.none_online_hook: Callable[[], None] = lambda: None
        self.table: dict[type, Callable[[Any], None]] = {
            TakeInventory: self._take_inventory,
            c.Validate: self._validate,
            c.RenameWorkingCopy: self._rename_copy,
            c.ClearRestoreFolder: self._clear_copies,
            c.Delete: self._delete,
            c.Restore: self._restore,
            c.RestoreUntil: self._restore_until,
            c.LookAtCopy: self._look_at_copy,
            c.EndRestore: self._end_restore,
            c.Recover: self._recover,
            c.Drop: self._drop,
            c.Disconnect: self._disconnect,
            c.AdmitReaders: self._admit,
        }

    # ---- files
    def file(self, command: Any) -> BackupFile | None:
        """Return the file that a command names."""
        return self._context.by_name[self._index[command.database]].get(
            command.name
        )

    def _landed(self, file: BackupFile) -> None:
        now, utc = self._context.agenda._now, self._context.utc_us()
        size_bytes, modified_utc_us = file.content.properties
        if self._driver.machine is None:
            self._context.witness.nobody_hears(file.database, file.number)
        self._driver.tell(
            e.Landed(
                now,
                utc,
                0,
                file.database_name,
                file.name,
                modified_utc_us,
                size_bytes,
            )
        )

    def _validate(self, command: c.Validate) -> None:
        file = self.file(command)
        if file is None:
            self._driver.soon(
                e.ValidationFailed,
                command.database,
                command.name,
                ValidationOutcome.MISSING,
                *_NOT_THERE,
            )
            return
        self._secondary.validation.begin(
            file, self._driver.incarnation, self._validated
        )

    def _validated(
        self,
        work: Work,
        outcome: str,
        header: BackupHeader | None,
        number: int,
        text: str,
    ) -> None:
        file = work.file
        now, utc = self._context.agenda._now, self._context.utc_us()
        who = (now, utc, work.incarnation, file.database_name, file.name)
        if header is None:
            self._driver.tell(
                e.ValidationFailed(
                    *who, ValidationOutcome(outcome), number, text
                )
            )
        else:
            self._driver.tell(e.Validated(*who, header))

    def _rename_copy(self, command: c.RenameWorkingCopy) -> None:
        file = self.file(command)
        if file is not None:
            self._secondary.restore_folder.rename(file, command.attempts)

    def _clear_copies(self, command: c.ClearRestoreFolder) -> None:
        self._secondary.restore_folder.clear()

    def _delete(self, command: c.Delete) -> None:
        file = self.file(command)
        if file is not None:
            self._secondary.delete(file, RETENTION)

    # ---- restores
    def _restore(self, command: c.Restore) -> None:
        file = self.file(command)
        if file is None:
            self._not_there(command)
            return
        if not self._refused(command):
            life = self._driver.incarnation
            self._secondary.restore(
                file, command.replace, life, self._restored
            )

    def _restore_until(self, command: c.RestoreUntil) -> None:
        """Restore a log up to an instant by the primary's clock, as in the log itself; the engine
        stops at a place in the log.
        """
        context = self._context
        file = self.file(command)
        if file is None:
            self._not_there(command)
            return
        if self._refused(command):
            return
        at_us = context.first_stamped_us(command.stop_before_utc_us)
        commits, written = context.workloads[file.database].written(at_us)
        stop = StopAt(commits, written + FIRST_LSN, at_us)
        self._secondary.restore(
            file, False, self._driver.incarnation, self._restored, stop
        )

    def _not_there(self, command: c.Restore | c.RestoreUntil) -> None:
        number, text = _NOT_THERE
        self._driver.soon(
            e.RestoreFailed,
            command.database,
            command.name,
            number,
            False,
            text,
        )

    def _refused(self, command: c.Restore | c.RestoreUntil) -> bool:
        """Refuse the command if another restore into that database is not over yet: no engine takes
        two.
        """
        index = self._index[command.database]
        if index not in self._ordered:
            self._ordered.add(index)
            return False
        refusal = self._secondary.readers.exclusive(index)
        failed = (
            command.database,
            command.name,
            refusal.number,
            False,
            refusal.text,
        )
        self._driver.soon(e.RestoreFailed, *failed)
        return True

    def _restored(
        self, work: Work, state: RestoreState | None, number: int, text: str
    ) -> None:
        context, file, tell = self._context, work.file, self._driver.tell
        self._ordered.discard(file.database)
        now = context.agenda._now
        who = (
            now,
            context.utc_us(),
            work.incarnation,
            file.database_name,
            file.name,
        )
        if state is not None:
            self._promotion.restored(work.content, work.stop)
            tell(
                e.Restored(
                    *who,
                    state.fork,
                    state.redo_lsn,
                    state.differential_base_lsn,
                )
            )
        elif work.lacks is not None:
            tell(e.NoRoom(*who, number, *work.lacks, text))
        else:
            there = context.secondary_engine.state(file.database_name)
            lost = not (there.exists and there.restoring)
            tell(e.RestoreFailed(*who, number, lost, text))

    def _end_restore(self, command: c.EndRestore) -> None:
        index = self._index[command.database]
        begun_us = self._secondary.end_restore(
            index, command.begun_before_mono_us
        )
        if begun_us is not None:
            self._driver.soon(
                e.RestoreGoesOn, command.database, command.name, begun_us
            )

    def _drop(self, command: c.Drop) -> None:
        self._secondary.copies.drop(
            self._index[command.database], "dropped"
        )

    # ---- bringing a database online
    def _recover(self, command: c.Recover) -> None:
        context, index = self._context, self._index[command.database]
        self.recover_hook()
        if index not in self._under_way:
            retry_us = context.scenario.replay.retry_us
            context.witness.recovery_begins(context.now_us, index, retry_us)
        self._under_way.append(index)
        outcome: Online | None = None
        took_us: int | None = None
        if context.clock.measured:
            outcome, took_us = context.clock.time(
                lambda: self._bring_online(index)
            )
            context.clock.note(
                context.now_us, index, -1, "recover", took_us
            )
        at = context.now_us + (took_us or self._promotion.recover_us(index))
        at += self._secondary.copies.noticed_us(index)
        life = self._driver.incarnation
        context.agenda.at(
            at,
            Class.DISK,
            index,
            self._recovered,
            command.database,
            life,
            outcome,
        )

    def _recovered(
        self, database: str, incarnation: int, outcome: Online | None
    ) -> None:
        index = self._index[database]
        self._under_way.remove(index)
        in_use = self._secondary.readers.refusal(index)
        if in_use is not None and outcome is None:
            outcome = (in_use.number, in_use.text, 0, 0)
        number, text, fork, lsn = self._promotion.recover(
            index, outcome or self._bring_online(index)
        )
        if number:
            if not self._under_way and not self._promotion.online_us:
                self.none_online_hook()
            self._driver.answer(
                incarnation, e.RecoverFailed, database, number, text
            )
        else:
            self._driver.answer(
                incarnation, e.Recovered, database, fork, lsn
            )

    def _bring_online(self, index: int) -> Online:
        self._secondary.copies.turns_out_wrong(index)
        error = self._secondary.copies.unusable.get(index)
        if error is None:
            return self._promotion.bring_online(index)
        return error.number, error.text, 0, 0

    # ---- readers
    def _disconnect(self, command: c.Disconnect) -> None:
        self._secondary.readers.disconnect(self._index[command.database])

    def _admit(self, command: c.AdmitReaders) -> None:
        self._secondary.readers.admit(self._index[command.database])

    # ---- the inventory
    def _look_at_copy(self, command: c.LookAtCopy) -> None:
        context, index = self._context, self._index[command.database]
        state = context.secondary_engine.state(command.database)
        usable = (
            index not in context.out_of_service
            and index not in self._under_way
            and state.exists
            and state.restoring
        )
        self._driver.soon(e.CopySeen, command.database, usable)

    def _take_inventory(self, command: TakeInventory) -> None:
        context = self._context
        databases: dict[str, RestoreState] = {}
        files: dict[str, tuple[FoundFile, ...]] = {}
        for i, d in enumerate(context.scenario.databases):
            if i in context.out_of_service:
                continue
            databases[d.name] = replace(
                context.secondary_engine.state(d.name)
            )
            there = [
                f for f in context.by_name[i].values() if f.at_secondary
            ]
            there.sort(key=lambda f: f.number)
            files[d.name] = tuple(_found(file) for file in there)
        self._driver.soon(
            e.Inventory, databases, files, dict(self._heartbeats.silent)
        )


def _found(file: BackupFile) -> FoundFile:
    size_bytes, modified_utc_us = file.content.properties
    return FoundFile(file.name, modified_utc_us, size_bytes)
