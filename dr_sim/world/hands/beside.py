"""A server beside the service: backups are restored onto it, and what was lost is copied back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.engines.port import Engine, EngineError, RestoreOp
from dr_sim.machines import Machine
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.scenario.model import BackupCost
from dr_sim.units import SECOND_US
from dr_sim.world.driver import Driver
from dr_sim.world.hands.surroundings import Surroundings
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.sharing import Flow
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.primary_database import FIRST_LSN

NOT_THERE = (60005, "The file is not in the share.")


@dataclass(frozen=True, slots=True)
class StopBeside:
    """An instant up to which a database is restored beside the service, and the commits before
    it.
    """

    utc_us: int
    commits: int


@dataclass(frozen=True, slots=True)
class CopyingBack:
    """The copy back to the primary when a database has been restored beside the service.
    stops: the instants that people try, one after the other; the last is that of the mistake.
    lost_bytes, cost: what is copied, and how long that takes. given_up: called when the backups do
    not lead there, or the place is lost. others: tells whether another way could be tried then.
    copied: called when it is done, in place of the record of a mistake that is put right.
    """

    stops: list[StopBeside]
    lost_bytes: int
    cost: BackupCost
    given_up: Callable[[], None]
    others: Callable[[], bool]
    copied: Callable[[], None] | None = None


@dataclass(slots=True)
class _Restore:
    """A restore that is under way. flow: its part of the disk."""

    file: BackupFile
    op: RestoreOp
    life: int
    stop_commits: int | None
    flow: Flow | None = None


class BesideHands:
    """Hands for servers beside the service. table: a hand for each class of command. obeyed: called
    when an order has been obeyed; refused: called when one is refused.
    """

    def __init__(
        self,
        context: Context,
        driver: Driver[Machine],
        around: Surroundings,
    ) -> None:
        self._context = context
        self._driver = driver
        self._around = around
        self._index = driver.place.entities
        self._servers: dict[int, tuple[Any, Engine]] = {}
        self._ready_us: dict[int, int] = {}
        self._restores: dict[int, _Restore] = {}
        # what the order that is given next copies back, and what those that were obeyed do
        self._expected: dict[int, CopyingBack] = {}
        self._copies: dict[int, CopyingBack] = {}
        self._wrong: set[int] = set()  # the first of their stops is wrong
        # what is being copied back, and the life that awaits the answer; what was, last
        self._copying: dict[int, int] = {}
        self._copied_back: set[int] = set()
        # those that people have turned away from while nobody was here
        self._called_off: set[int] = set()
        driver.hooks.on_death.append(self._died)
        driver.hooks.on_start.append(self._say_what_is_over)
        self.obeyed: Callable[[], None] = lambda: None
        self.refused: Callable[[Any], None] = lambda command: None
        self.table: dict[type, Callable[[Any], None]] = {
            c.GetServerBeside: self._get_server,
            c.RestoreBeside: self._restore,
            c.CopyBack: self._copy_back,
            c.RefuseBeside: self._refuse,
            c.GiveUpBeside: self._give_up,
        }

    def expect(self, database: int, what: CopyingBack) -> None:
        """Note what an order that is about to be given copies back."""
        self._expected[database] = what

    def is_on(self, database: int) -> bool:
        """Return whether a restore of that database is on here, or was ordered."""
        return database in self._copies or database in self._expected

    def _refuse(self, command: c.RefuseBeside) -> None:
        self._expected.pop(self._index[command.database], None)
        self.refused(command)

    # ---- the server
    def _get_server(self, command: c.GetServerBeside) -> None:
        """Set up an empty server. It continues while the recovery manager is dead."""
        self.obeyed()
        context, index = self._context, self._index[command.database]
        now = context.now_us
        self._copied_back.discard(index)
        if index in self._expected:
            self._copies[index] = self._expected.pop(index)
        if index in self._wrong:
            self._wrong.remove(index)
            del self._copies[index].stops[0]
        ready_us = self._ready_us.setdefault(
            index, now + self._around.machine_us
        )
        old = self._servers.pop(index, None)
        if old is not None:
            old[1].close()
        self._servers[index] = self._around.another()
        self._driver.answer_after(
            max(0, ready_us - now),
            self._driver.incarnation,
            e.ServerBesideIsThere,
            command.database,
        )

    def _died(self) -> None:
        """Stop with the recovery manager. If it is not back soon, people try another way."""
        self._abort_all()
        if self._copies:
            context = self._context
            lease_us = context.scenario.failover.lease_us
            context.agenda.at(
                context.now_us + lease_us + 1,
                Class.HOUSEKEEPING,
                -1,
                self._turn_away,
                self._driver.incarnation,
            )

    def _turn_away(self, life: int) -> None:
        driver = self._driver
        if driver.machine is not None or driver.incarnation != life:
            return
        for index, copy in list(self._copies.items()):
            if copy.others():
                del self._copies[index]
                self._wrong.discard(index)
                self._called_off.add(index)
                copy.given_up()

    def _say_what_is_over(self) -> None:
        over, self._called_off = self._called_off, set()
        names = {index: name for name, index in self._index.items()}
        for index in sorted(over):
            self._ready_us.pop(index, None)
            self._driver.tell_new(e.BesideCalledOff, names[index])

    def _abort_all(self) -> None:
        for restore in self._restores.values():
            assert restore.flow is not None
            self._around.secondary.disk.stop(restore.flow)
        self._restores.clear()

    # ---- restores
    def _restore(self, command: c.RestoreBeside) -> None:
        context, index = self._context, self._index[command.database]
        file = context.by_name[index].get(command.name)
        files, engine = self._servers[index]
        stop_at, stop_commits = None, None
        if command.stop_before_utc_us:
            at_us = context.first_stamped_us(command.stop_before_utc_us)
            commits, written = context.workloads[index].written(at_us)
            stop_at = commits, written + FIRST_LSN
            stop_commits = commits
        try:
            if file is None:
                raise EngineError(*NOT_THERE)
            path = context.at_secondary(file)
            files.write(path, context.secondary_files.read(path))
            op = engine.begin_restore(
                command.database,
                path,
                replace=file.kind is Kind.FULL,
                stop_at=stop_at,
            )
        except KeyError:
            self._not_restored(command, EngineError(*NOT_THERE))
            return
        except EngineError as error:
            self._not_restored(command, error)
            return
        self._begin(index, _Restore(file, op, 0, stop_commits))

    def _begin(self, index: int, restore: _Restore) -> None:
        """Read the backup: it takes what any restore here takes."""
        secondary, file = self._around.secondary, restore.file
        restore.life = self._driver.incarnation
        fixed_us, amount = secondary.restore_durations.of(
            file.database_name,
            file.kind,
            file.begun_us,
            1,
            file.content.nominal_bytes,
        )
        spec = self._context.scenario.secondary.restore[file.kind]
        self._restores[index] = restore
        restore.flow = secondary.disk.start(
            index,
            amount,
            spec.rate_bytes_s,
            self._finish,
            restore,
            0,
            fixed_us,
        )

    def _not_restored(
        self, command: c.RestoreBeside, error: EngineError
    ) -> None:
        self._driver.soon(
            e.NotRestoredBeside,
            command.database,
            command.name,
            error.number,
            error.text,
        )

    def _finish(self, restore: _Restore) -> None:
        file, driver = restore.file, self._driver
        index = file.database
        del self._restores[index]
        files, engine = self._servers[index]
        who = (restore.life,)
        try:
            state: RestoreState = restore.op.finish()
        except EngineError as error:
            driver.answer(
                *who,
                e.NotRestoredBeside,
                file.database_name,
                file.name,
                error.number,
                error.text,
            )
            return
        finally:
            files.delete(self._context.at_secondary(file))
        reading = engine.read_witness(file.database_name)
        self._context.note(
            "truth.restored_beside",
            index,
            file.content.number,
            state.fork,
            state.redo_lsn,
            reading.commits,
        )
        driver.answer(
            *who,
            e.RestoredBeside,
            file.database_name,
            file.name,
            state.fork,
            state.redo_lsn,
            state.differential_base_lsn,
        )

    # ---- back to the primary
    def _copy_back(self, command: c.CopyBack) -> None:
        """Copy what was lost to the primary, which writes log for it. The copy continues while the
        recovery manager is dead: one that orders it again gets the answer.
        """
        context, index = self._context, self._index[command.database]
        if index in self._copying:
            self._copying[index] = self._driver.incarnation
            return
        if index in self._copied_back:
            self._driver.soon(e.CopiedBack, command.database)
            return
        copy = self._copies.get(index)
        if copy is None:
            return  # people have gone over to another way
        _, engine = self._servers[index]
        state = engine.state(command.database)
        reading = engine.read_witness(command.database)
        context.witness.copies_back(
            context.now_us,
            index,
            state.fork,
            reading,
            copy.stops[0].commits,
        )
        if len(copy.stops) > 1:
            self._wrong.add(index)
            wanted_us = copy.stops[1].utc_us
            self._driver.soon(e.BesideIsWrong, command.database, wanted_us)
            return
        if not self._can_write(index):
            self._driver.soon(e.NotCopiedBack, command.database)
            return
        bits = context.scenario.link.bandwidth_bit_s
        rate = max(1, min(copy.cost.rate_bytes_s, bits // 8))
        over_us = -(-copy.lost_bytes * SECOND_US // rate)
        self._copying[index] = self._driver.incarnation
        begins_us = context.now_us + copy.cost.fixed_us
        context.workloads[index].add_burst(
            begins_us, copy.lost_bytes, over_us, 0
        )
        self._around.remote.writes_more(index)
        context.agenda.at(
            begins_us + over_us,
            Class.DISK,
            index,
            self._copied,
            command.database,
        )

    def _copied(self, database: str) -> None:
        context, index = self._context, self._index[database]
        life = self._copying.pop(index)
        if not self._can_write(index):
            self._driver.answer(life, e.NotCopiedBack, database)
            return
        copy = self._copies.pop(index, None)
        if copy is None:
            return  # people have gone over to another way
        if copy.copied is not None:
            copy.copied()
        else:
            context.note(
                "truth.copied_back",
                index,
                copy.stops[0].commits,
                copy.lost_bytes,
            )
        self._ready_us.pop(index, None)
        self._copied_back.add(index)
        self._driver.answer(life, e.CopiedBack, database)

    def _can_write(self, index: int) -> bool:
        """Return whether the primary is reached from here and takes writes."""
        return self._around.remote.takes_writes(index)

    def _give_up(self, command: c.GiveUpBeside) -> None:
        index = self._index[command.database]
        self._ready_us.pop(index, None)
        copy = self._copies.pop(index, None)
        if copy is not None:
            copy.given_up()
