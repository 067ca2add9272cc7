"""The life of one machine in the world: any machine (dr_sim/machines), whatever it decides about.

Theory of operation. The driver builds a machine from the number of its life and the content of its
store. It carries out the commands of the machine: a save by the store, an alarm by the agenda, and
every other command by the hand that was named for its class. The commands of one event run in
order. A save is durable before it is recorded and before the next command starts. If the machine
dies between two commands, or a save fails, the rest of the list is dropped and the alarms of the
machine are removed. After a while a new machine resumes from the store.

Answers carry the incarnation that asked. An answer that is known at once is delivered in the next
round of the same instant, never in the middle of a list. A late answer, to an earlier life, is
recorded as such and still delivered. The machine has to ignore it, and a machine that does not
should be detected.

An event that happens while the machine is down is not delivered. A part that must repeat it later
keeps it itself (`on_start`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dr_sim.machines import (
    Alarm,
    CancelAlarm,
    Command,
    Event,
    Machine,
    Save,
    SaveAll,
    SetAlarm,
)
from dr_sim.record.encoding import pairs_text
from dr_sim.record.row_code import Recorder
from dr_sim.stores import Store, StoreError
from dr_sim.world.kernel.agenda import Agenda, Class, Entry

MachineT = TypeVar("MachineT", bound=Machine)
_ALARM = Class.ALARM  # a member costs several times a name
_SAVES = (Save, SaveAll)
Hand = Callable[[Any], None]
Several = Callable[[Sequence[Any], int], int]
"""A function that carries out several commands of a list at once, from that place on, and records
them; it returns how many.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The place where a machine runs, and the way its life is recorded.

    utc_us: the wall clock there. entities: the entity that each name stands for, such as a
    database's; -1 for other names. recorder: gives the function that writes an event or command of
    a class as a record, and note(kind, now_us, entity, *values) writes another one, as Journal's
    do. entity_of: what an event is about.
    """

    agenda: Agenda
    utc_us: Callable[[], int]
    entities: Mapping[str, int]
    recorder: Callable[[type], Recorder]
    entity_of: Callable[[Any], int]
    note: Callable[..., None]


_NONE: dict[type, Several] = {}


class _Recorders(dict[type, Recorder]):
    """The function that writes a record of each class, made when the class is first met."""

    def __init__(self, make: Callable[[type], Recorder]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, cls: type) -> Recorder:
        recorder = self[cls] = self._make(cls)
        return recorder


@dataclass(frozen=True, slots=True)
class LifeRecords:
    """The kinds of record of a machine's life, by name (record/records.py)."""

    up_and_down: str = "truth.manager"
    commands_done: str = "truth.commands_done"
    not_saved: str = "truth.store_write"
    none_saved: str = "truth.store_write_all"
    ignored: str = "seen.ignored"


@dataclass(slots=True)
class Hooks:
    """Other participants in a machine's life. on_start, on_death: called in order, after it has
    resumed and after it has died. before_command: called before each command; True kills the
    machine there.
    """

    on_start: list[Callable[[], None]] = field(default_factory=list)
    on_death: list[Callable[[], None]] = field(default_factory=list)
    before_command: Callable[[Command], bool] | None = None


class Driver(Generic[MachineT]):
    """The driver of one machine.

    build: makes a machine from the number of its life and from what is stored. restart_us: how long
    after its death a new one is started. hands: the function that carries out each class of
    command. together: functions that may carry out several commands at once, by the class of the
    first; unset where commands are watched.

    down: reasons for the machine to stay down after a death. alarms: those that are set, by scope
    and name. carries_out: whether commands are being carried out: until all are, the machine is
    told nothing, as it has decided on all of them.
    """

    def __init__(
        self,
        place: Place,
        build: Callable[[int, dict[str, str]], MachineT],
        store: Store,
        restart_us: int,
        records: LifeRecords | None = None,
    ) -> None:
        self.place = place
        self.store = store
        self.machine: MachineT | None = None
        self.incarnation = 0
        self.down = 0
        self.alarms: dict[tuple[str, str], Entry] = {}
        self.carries_out = False
        self.hooks = Hooks()
        self.together: dict[type, Several] = {}
        self._hands: dict[type, Hand] = {
            SetAlarm: self._set_alarm,
            CancelAlarm: self._cancel_alarm,
        }
        self.build = build
        self._restart_us = restart_us
        self._records = records or LifeRecords()
        self._agenda = place.agenda
        self._entities = place.entities
        self._recorders = _Recorders(place.recorder)

    def give(self, hands: Mapping[type, Hand]) -> None:
        """Add the functions that carry out these classes of command."""
        self._hands.update(hands)

    # ---- life and death
    def start(self) -> None:
        """Build a new machine and let it resume from the store, unless one lives or something keeps
        it down.
        """
        if self.down or self.machine is not None:
            return
        self.incarnation += 1
        self.machine = self.build(self.incarnation, self.store.load())
        self._note(self._records.up_and_down, self.incarnation, 1)
        self._run(self.machine.resume())
        for hook in self.hooks.on_start:
            hook()

    def crash(self, down_us: int | None = None) -> None:
        """Kill the machine now; it is started again after that time, by default its usual one."""
        if self.machine is None:
            return
        self._end_life()
        for hook in self.hooks.on_death:
            hook()
        after_us = self._restart_us if down_us is None else down_us
        self._agenda.at(
            self._agenda.now_us + after_us,
            Class.HOUSEKEEPING,
            -1,
            self.start,
        )

    def retire(self) -> None:
        """End the machine for good: its subject has ended."""
        self.down += 1
        if self.machine is not None:
            self._end_life()

    def _end_life(self) -> None:
        self.machine = None
        self._note(self._records.up_and_down, self.incarnation, 0)
        for entry in self.alarms.values():
            entry.cancel()
        self.alarms.clear()

    # ---- events and answers
    def tell(self, event: Event) -> None:
        """Hand an event over now; while commands are carried out, in the next round of this
        instant. While the machine is down nobody receives it.
        """
        machine = self.machine
        if machine is None:
            return
        if self.carries_out:
            now_us = self._agenda.now_us
            self._agenda.at(now_us, Class.ANSWER, -1, self.tell, event)
            return
        now = self._agenda._now
        if event.incarnation and event.incarnation != self.incarnation:
            self._note_ignored(event)
        self._recorders[event.__class__](event, now)
        commands = machine.handle(event)
        if commands:
            self._run(commands)

    def tell_new(self, make: Callable[..., Event], *args: Any) -> None:
        """Hand over make(mono, utc, 0, *args) now: an event that nobody asked for."""
        now, utc_us = self._agenda._now, self.place.utc_us()
        self.tell(make(now, utc_us, 0, *args))

    def answer(
        self, incarnation: int, make: Callable[..., Event], *args: Any
    ) -> None:
        """Hand over make(mono, utc, incarnation, *args) now: the answer to a command of
        that life.
        """
        self._tell(incarnation, make, args)

    def soon(self, make: Callable[..., Event], *args: Any) -> None:
        """Answer a command of this life in the next round of this instant."""
        self.answer_after(0, self.incarnation, make, *args)

    def answer_after(
        self,
        delay_us: int,
        incarnation: int,
        make: Callable[..., Event],
        *args: Any,
    ) -> None:
        """Answer a command of that life after a while, at the earliest in the next round of this
        instant.
        """
        entity = -1
        if args and isinstance(args[0], str):
            entity = self.place.entities.get(args[0], -1)
        self._agenda.at(
            self._agenda._now + delay_us,
            Class.ANSWER,
            entity,
            self._tell,
            incarnation,
            make,
            args,
        )

    def _tell(
        self,
        incarnation: int,
        make: Callable[..., Event],
        args: tuple[Any, ...],
    ) -> None:
        self.tell(
            make(self._agenda._now, self.place.utc_us(), incarnation, *args)
        )

    # ---- carrying out
    def _run(self, commands: Sequence[Any]) -> None:
        now: int = self._agenda._now
        before = self.hooks.before_command
        together = self.together if before is None else _NONE
        self.carries_out = True
        if before is None and not together:
            self._run_each(commands, now)
        else:
            self._run_watched(commands, now, together)
        self.carries_out = False

    def _run_watched(
        self,
        commands: Sequence[Any],
        now: int,
        together: Mapping[type, Several],
    ) -> None:
        """Carry out commands that somebody watches, or several of them at once."""
        hands, recorders = self._hands, self._recorders
        before = self.hooks.before_command
        done = 0  # those before it have been carried out
        for number, command in enumerate(commands):
            if number < done:
                continue
            if before is not None and before(command):
                self._die(number, len(commands))
                return
            cls = command.__class__
            if cls in _SAVES:
                if not self._saved(command):
                    self._die(number, len(commands))
                    return
                recorders[cls](command, now)
                continue
            if cls in together:
                done = number + together[cls](commands, number)
                if done > number:
                    continue
            recorders[cls](command, now)
            hands[cls](command)

    def _run_each(self, commands: Sequence[Any], now: int) -> None:
        """Carry out commands that nobody watches, one after the other."""
        hands, recorders = self._hands, self._recorders
        for command in commands:
            cls = command.__class__
            if cls not in _SAVES:
                recorders[cls](command, now)
                hands[cls](command)
            elif self._saved(command):
                recorders[cls](command, now)
            else:
                self._die(commands.index(command), len(commands))
                return

    def _saved(self, command: Any) -> bool:
        """Save; return False if that failed, which is recorded."""
        store = self.store
        try:
            if command.__class__ is SaveAll:
                store.save_all(dict(command.entries))
            else:
                store.save(command.key, command.value)
        except StoreError:
            self._note_not_saved(command)
            return False
        return True

    def _note_not_saved(self, command: Save | SaveAll) -> None:
        """Record that the store reported a failure, and whether the value is there all the same."""
        if isinstance(command, Save):
            there = self.store.get(command.key) == command.value
            self._note(
                self._records.not_saved,
                command.key,
                command.value,
                int(there),
            )
            return
        there = all(
            self.store.get(key) == value for key, value in command.entries
        )
        self._note(
            self._records.none_saved,
            pairs_text(command.entries),
            int(there),
        )

    def _die(self, done: int, of: int) -> None:
        """Kill the machine when that many of these commands have been carried out."""
        self._note(self._records.commands_done, done, of)
        self.crash()

    # ---- alarms
    def _set_alarm(self, command: SetAlarm) -> None:
        key = (command.scope, command.what)
        old = self.alarms.get(key)
        if old is not None:
            old.cancel()
        now, at_us = self._agenda._now, command.at_mono_us
        self.put_alarm(key, at_us if at_us > now else now)

    def put_alarm(self, key: tuple[str, str], at_us: int) -> None:
        """Put the alarm of (scope, name) on the agenda."""
        entity = self._entities.get(key[0], -1)
        self.alarms[key] = self._agenda.at(
            at_us, _ALARM, entity, self._ring, *key
        )

    def _cancel_alarm(self, command: CancelAlarm) -> None:
        old = self.alarms.pop((command.scope, command.what), None)
        if old is not None:
            old.cancel()

    def _ring(self, scope: str, what: str) -> None:
        del self.alarms[scope, what]
        machine = self.machine
        assert machine is not None, "alarms end with the machine"
        now = self._agenda._now
        event = Alarm(
            now, self.place.utc_us(), self.incarnation, scope, what
        )
        self._recorders[Alarm](event, now)
        self._run(machine.handle(event))

    # ---- records
    def _note_ignored(self, event: Event) -> None:
        """Record that a late answer, to an earlier life, arrives."""
        name = type(event).__name__
        about = self.place.entity_of(event)
        self.place.note(
            self._records.ignored,
            self._agenda._now,
            about,
            name,
            event.incarnation,
        )

    def _note(self, kind: str, *values: int | str) -> None:
        self.place.note(kind, self._agenda._now, -1, *values)
