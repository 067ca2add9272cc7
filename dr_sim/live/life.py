"""The driver of a machine in a real service: one thread, a store, a clock, and your hands.

    with FileStore(Path("recovery store")) as store:
        Live(partial(RecoveryManager, config), hands, store).run()

Theory of operation. Each start is a new life: its number is durable before the machine is built
from what was saved, and every command carries it. Commands of one event are carried out in order; a
save is durable before the next command. Where a save fails, StoreError is raised and the rest of
the list is dropped: let the process end, and start it again. Nothing else needs to be done after a
crash, whenever it comes: the machine looks at what is there (TakeInventory) before it decides.

`LiveHands.wait` is the only place where time passes. Between two calls of it everything that was
heard, and every alarm that was due, has been answered. An answer to an earlier life is ignored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dr_sim.live.clock import LiveClock, SystemClock
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
from dr_sim.stores import Store

LIFE = "live/incarnation"
CLOCK = "live/clock"
OWN = "live/"
"""The prefix of the driver's own keys. The machine does not see them."""
_log = logging.getLogger("dr_sim.live")


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that the hands have heard; the driver adds the clocks.

    kind: the class of the event. fields: its own fields, after the clocks and the incarnation.
    incarnation: the life whose command it answers; 0: nobody asked for it.
    """

    kind: Callable[..., Event]
    fields: tuple[Any, ...]
    incarnation: int = 0


def heard(kind: Callable[..., Event], *fields: Any) -> Heard:
    """Report an event that nobody asked for: heard(Landed, 'crm', name, modified_utc_us,
    size_bytes).
    """
    return Heard(kind, fields)


def answered(
    incarnation: int, kind: Callable[..., Event], *fields: Any
) -> Heard:
    """Report the answer to a command of that life."""
    return Heard(kind, fields, incarnation)


class LiveHands(Protocol):
    """The interface that you implement: it carries commands out and reports events."""

    def carry_out(self, command: Command, incarnation: int) -> None:
        """Begin to carry out a command, and return soon. Its answer comes out of `wait` later, with
        that incarnation. Saves and alarms are not passed on to the hands.
        """

    def wait(self, seconds: float | None) -> Heard | None:
        """Return the next event; None if there was none within that many seconds. seconds None:
        wait without a limit.
        """


class Live:
    """One life of a machine in this process.

    build: makes the machine from the number of its life and from what is saved. record: is called
    with each event and each command, before it is answered or carried out. Raises StoreError where
    the store cannot be read or written.
    """

    def __init__(
        self,
        build: Callable[[int, dict[str, str]], Machine],
        hands: LiveHands,
        store: Store,
        clock: LiveClock | None = None,
        record: Callable[[Event | Command], None] = lambda told: None,
    ) -> None:
        self._hands = hands
        self._store = store
        self._clock = clock or SystemClock()
        self._record = record
        self._alarms: dict[tuple[str, str], int] = {}
        saved = store.load()
        self.incarnation = int(saved.get(LIFE, "0")) + 1
        begun = self._clock.begin(saved.get(CLOCK, ""))
        store.save_all({LIFE: str(self.incarnation), CLOCK: begun})
        kept = {
            key: value
            for key, value in saved.items()
            if not key.startswith(OWN)
        }
        self.machine = build(self.incarnation, kept)
        self._carry_out(self.machine.resume())

    def run(self) -> None:
        """Run until the store, the hands or the machine raises an exception."""
        while True:
            self.step()

    def step(self, longest_s: float | None = None) -> bool:
        """Wait for the next event or alarm and answer it. longest_s: the longest wait. Return False
        if there was none.
        """
        told = self._hands.wait(self._wait_s(longest_s))
        if told is not None:
            self._hear(told)
        return self._ring() or told is not None

    def _wait_s(self, longest_s: float | None) -> float | None:
        if not self._alarms:
            return longest_s
        until_s = (
            max(0, min(self._alarms.values()) - self._clock.mono_us()) / 1e6
        )
        return until_s if longest_s is None else min(until_s, longest_s)

    def _hear(self, told: Heard) -> None:
        if told.incarnation not in (0, self.incarnation):
            _log.info(
                "ignored an answer to life %s: %s", told.incarnation, told
            )
            return
        clock = self._clock
        event = told.kind(
            clock.mono_us(), clock.utc_us(), told.incarnation, *told.fields
        )
        self._tell(event)

    def _ring(self) -> bool:
        """Answer the alarms that are due now, the earliest first."""
        now_us = self._clock.mono_us()
        due = sorted(
            (at_us, key)
            for key, at_us in self._alarms.items()
            if at_us <= now_us
        )
        for at_us, key in due:
            if self._alarms.get(key) != at_us:
                continue  # an earlier one has moved or cancelled it
            del self._alarms[key]
            clock = self._clock
            self._tell(
                Alarm(
                    clock.mono_us(), clock.utc_us(), self.incarnation, *key
                )
            )
        return bool(due)

    def _tell(self, event: Event) -> None:
        self._record(event)
        self._carry_out(self.machine.handle(event))

    def _carry_out(self, commands: Sequence[Any]) -> None:
        for command in commands:
            self._record(command)
            match command:
                case Save(key=key, value=value):
                    self._store.save(key, value)
                case SaveAll(entries=entries):
                    self._store.save_all(dict(entries))
                case SetAlarm(scope=scope, what=what, at_mono_us=at_us):
                    self._alarms[scope, what] = at_us
                case CancelAlarm(scope=scope, what=what):
                    self._alarms.pop((scope, what), None)
                case _:
                    self._hands.carry_out(command, self.incarnation)
