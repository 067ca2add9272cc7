"""The life of the cloud manager: it is started, told, obeyed, killed and resumed from its store.

The commands of one event run in order; a save is durable before the next starts. If the manager
dies between two commands, or a save fails, the rest are dropped and its alarms are gone; after a
while a new life resumes from the store. Answers carry the life that asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dr_sim.cloud import CloudConfig, CloudManager
from dr_sim.cloud.events import AgentsObserved, CallsAlike
from dr_sim.machines import Alarm, CancelAlarm, Command, Event, SaveAll, SetAlarm, TakeInventory
from dr_sim.record.encoding import pairs_text
from dr_sim.stores import MemoryStore, Store, StoreError
from dr_sim.world.agenda import Class, Entry

if TYPE_CHECKING:
    from dr_sim.world.cloud.service import CloudWorld


class CloudLife:
    """before_command is asked before each command runs; True kills the manager there."""

    def __init__(self, world: CloudWorld, config: CloudConfig, store: Store | None) -> None:
        self._world = world
        self._context = world.context
        self._config = config
        self.store: Store = store or MemoryStore()
        self.incarnation = 0
        self.manager: CloudManager | None = None
        self.stopped = 0  # reasons for it to stay down
        self.gone = False  # its site is lost, and it never comes back
        self._alarms: dict[tuple[str, str], Entry] = {}
        self._waiting: list[Callable[[], None]] = []  # who tells it as soon as it is up
        self.before_command: Callable[[Command], bool] | None = None
        self.ghost: CloudManager | None = None  # an older one that does not know that it is over
        self._copies: list[tuple[int, dict[str, str]]] = []  # of the store, with their instants

    @property
    def up(self) -> bool:
        return self.manager is not None

    def start(self) -> None:
        """A new life resumes from the store."""
        if self.stopped or self.gone or self.manager is not None:
            return
        self.incarnation += 1
        self.manager = CloudManager(self._config, self.incarnation, self.store.load())
        self._context.note("truth.cloud_manager", -1, self.incarnation, 1)
        self._world.front.plan_all()
        self._run(self.manager.resume())

    def crash(self, down_us: int | None = None, dying: bool = False) -> None:
        """It dies now, and is back after that time (by default cloud.restart_after). dying: in the
        middle of what it was told.
        """
        context = self._context
        if self.manager is not None:
            if not dying:
                self._world.front.count_all()
            self.manager = None
            context.note("truth.cloud_manager", -1, self.incarnation, 0)
            for entry in self._alarms.values():
                entry.cancel()
            self._alarms.clear()
            self._world.front.plan_all()
            self._world.front.crashed()
        after = self._world.spec.restart_us if down_us is None else down_us
        context.agenda.at(context.now_us + after, Class.HOUSEKEEPING, -1, self.start)

    def upgrade(self, side_by_side: bool, takes_us: int) -> None:
        """A new version takes over from this one: after it has stopped, or beside it."""
        self._context.note("truth.cloud_upgrade", -1, 1)
        at = self._context.now_us + takes_us
        self._context.agenda.at(at, Class.HOUSEKEEPING, -1, self._upgraded, side_by_side)
        if not side_by_side:
            self.crash(takes_us)

    def _upgraded(self, side_by_side: bool) -> None:
        """The new one is up and resumes; one that ran beside it ends at the same instant."""
        self._context.note("truth.cloud_upgrade", -1, 0)
        if side_by_side:
            self.crash(0)

    # ---- two at once
    def split(self) -> None:
        """The manager cannot be reached by who watches it, and a second one is started. The first
        goes on, until its store refuses it: a store takes nothing from a life before the last.
        """
        if self.manager is None:
            return
        ghost = self.manager
        self.crash(0)
        self.ghost = ghost

    def tell_ghost(self, event: Event) -> None:
        """The older one is told something: it acts, as far as it is let."""
        ghost, world = self.ghost, self._world
        if ghost is None:
            return
        incarnation = self.incarnation - 1
        for command in ghost.handle(event):
            if isinstance(command, SaveAll):
                self._context.note("truth.cloud_older", -1, incarnation, "save refused")
                self.ghost = None
                return
            self._context.note("truth.cloud_older", -1, incarnation, type(command).__name__)
            if hasattr(command, "site") and hasattr(command, "job"):
                world.do(command, incarnation)

    # ---- old copies of the store
    def keep_copy(self) -> None:
        self._copies.append((self._context.now_us, self.store.load()))
        self._context.note("truth.cloud_store_copied", -1)

    def restore_copy(self) -> bool:
        """The last copy takes the place of the store. False: there is none."""
        if not self._copies:
            return False
        as_of_us, copy = self._copies[-1]
        if self.manager is not None:
            self.crash()
        gone = dict.fromkeys(self.store.load(), "")
        self.store.save_all({**gone, **copy})
        self._context.note("truth.cloud_store_restored", -1, as_of_us)
        return True

    # ---- telling
    def tell(self, event: Event, network: int = -1) -> bool:
        """Hand an event over; False: nobody was there to hear it."""
        manager = self.manager
        if manager is None:
            return False
        context = self._context
        if event.incarnation and event.incarnation != self.incarnation:
            context.note("cloud.ignored", network, type(event).__name__, event.incarnation)
            return True
        if self._may_die and not isinstance(event, CallsAlike):
            self._world.front.count_all()
        context.journal.record_cloud(event, context.now_us, network)
        self._run(manager.handle(event))
        return True

    @property
    def _may_die(self) -> bool:
        """In the middle of what it is told: then calls that were counted are logged before."""
        return self.before_command is not None or not isinstance(self.store, MemoryStore)

    def tell_soon(self, make: Callable[[int, int], Event]) -> None:
        """Tell it what somebody repeats until it is heard."""

        def tell() -> None:
            if not self.tell(make(self._context.now_us, self._world.utc_us())):
                self._waiting.append(tell)

        tell()

    def absorb(self, caller: str, request: str, calls: int) -> None:
        """Calls that were counted, all answered before this instant."""
        now, utc = self._context.now_us, self._world.utc_us()
        event = CallsAlike(now, utc, 0, caller, request, calls)
        if self.manager is None:  # it was up until this instant
            return
        self.tell(event)

    # ---- commands
    def _run(self, commands: list[Command]) -> None:
        context, world = self._context, self._world
        for done, command in enumerate(commands):
            if self.before_command is not None and self.before_command(command):
                self._die(done, len(commands))
                return
            cls = command.__class__
            if cls is SaveAll:
                assert isinstance(command, SaveAll)
                if not self._save(command):
                    self._die(done, len(commands))
                    return
                context.journal.record_cloud(command, context.now_us, -1)
                continue
            context.journal.record_cloud(command, context.now_us, world.index_in(command))
            if cls is SetAlarm:
                self._set_alarm(command)
            elif cls is CancelAlarm:
                self._cancel_alarm(command)
            elif cls is TakeInventory:
                context.agenda.at(
                    context.now_us + world.spec.rtt_us,
                    Class.ANSWER,
                    -1,
                    self._observed,
                    self.incarnation,
                )
            else:
                world.do(command, self.incarnation)

    def _save(self, command: SaveAll) -> bool:
        try:
            self.store.save_all(dict(command.entries))
        except StoreError:
            there = all(self.store.get(key) == value for key, value in command.entries)
            self._context.note(
                "truth.cloud_store_write", -1, pairs_text(command.entries), int(there)
            )
            return False
        return True

    def _die(self, done: int, of: int) -> None:
        self._context.note("truth.cloud_commands_done", -1, done, of)
        self.crash(dying=True)

    def _observed(self, incarnation: int) -> None:
        attempts, silent = self._world.observe()
        now, utc = self._context.now_us, self._world.utc_us()
        self.tell(AgentsObserved(now, utc, incarnation, attempts, silent))
        waiting, self._waiting = self._waiting, []
        for tell in waiting:
            tell()

    def _set_alarm(self, command: Any) -> None:
        key = (command.scope, command.what)
        old = self._alarms.get(key)
        if old is not None:
            old.cancel()
        at = max(command.at_mono_us, self._context.now_us)
        self._alarms[key] = self._context.agenda.at(at, Class.ALARM, -1, self._alarm, *key)

    def _cancel_alarm(self, command: Any) -> None:
        old = self._alarms.pop((command.scope, command.what), None)
        if old is not None:
            old.cancel()

    def _alarm(self, scope: str, what: str) -> None:
        del self._alarms[scope, what]
        now, utc = self._context.now_us, self._world.utc_us()
        self.tell(Alarm(now, utc, self.incarnation, scope, what))
