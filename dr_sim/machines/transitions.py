"""Phases as literal tables: which event moves a thing from which state to which.

    class Light(enum.Enum):
        RED = "red"
        GREEN = "green"

    class Move(enum.Enum):
        GO = "go"
        STOP = "stop"

    LIGHT = Transitions("light", Light.RED, {
        Light.RED: {Move.GO: Light.GREEN},
        Light.GREEN: {Move.STOP: Light.RED},
    })

A table is checked when it is made: each state has a row, and each can be reached. A state with an
empty row is never left. An event that its row does not name is an illegal transition: it raises,
and whoever asked still stands where it stood.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from enum import Enum
from typing import Generic, TypeVar

StateT = TypeVar("StateT", bound=Hashable)
MoveT = TypeVar("MoveT", bound=Hashable)


class IllegalTransitionError(Exception):
    """The table has no such event in this state: a bug in the logic that moved it."""


class Transitions(Generic[StateT, MoveT]):
    """A table of (state, event) to the next state.

    what: the thing that has these states, for messages. start: the state of a new one.
    table: for each state its row: event (an enum member or a class of events) to the next state.
    Raises ValueError if the table is not whole.
    """

    __slots__ = ("_rows", "start", "what")

    def __init__(
        self,
        what: str,
        start: StateT,
        table: Mapping[StateT, Mapping[MoveT, StateT]],
    ) -> None:
        self.what = what
        self.start = start
        self._rows = {state: dict(row) for state, row in table.items()}
        self._check()

    def after(self, state: StateT, move: MoveT) -> StateT:
        """Return where that event leads. Raises IllegalTransitionError if the row lacks it."""
        try:
            return self._rows[state][move]
        except KeyError:
            raise IllegalTransitionError(
                self._refusal(state, move)
            ) from None

    def allows(self, state: StateT, move: MoveT) -> bool:
        """Tell whether that event may happen in that state."""
        return move in self._rows.get(state, {})

    def ends(self, state: StateT) -> bool:
        """Tell whether nothing leads out of that state."""
        return not self._rows[state]

    @property
    def states(self) -> tuple[StateT, ...]:
        """All states, in the order of the table."""
        return tuple(self._rows)

    def moves(self, state: StateT) -> tuple[MoveT, ...]:
        """Return the events that may happen in that state, in the order of its row."""
        return tuple(self._rows[state])

    def _check(self) -> None:
        known = set(self._rows)
        leads_to = {
            state for row in self._rows.values() for state in row.values()
        }
        self._refuse("has no row for", [*({self.start} | leads_to) - known])
        if isinstance(self.start, Enum):
            self._refuse("has no row for", [*set(type(self.start)) - known])
        self._refuse("cannot reach", [*known - self._reached()])

    def _reached(self) -> set[StateT]:
        reached: set[StateT] = set()
        todo = [self.start]
        while todo:
            state = todo.pop()
            if state not in reached:
                reached.add(state)
                todo += self._rows[state].values()
        return reached

    def _refuse(self, how: str, states: list[StateT]) -> None:
        if states:
            raise ValueError(
                f"the table of {self.what} {how} {_listed(states)}"
            )

    def _refusal(self, state: StateT, move: MoveT) -> str:
        if state not in self._rows:
            return f"{self.what}: {_word(state)} is no state of its table"
        legal = _listed(self._rows[state]) or "nothing, it is a last state"
        return f"{self.what}: {_word(move)} in state {_word(state)}, which allows {legal}"


class Phase(Generic[StateT, MoveT]):
    """The state of one thing, which moves only as its table says.

    state: the current state; by default that of a new thing.
    """

    __slots__ = ("_state", "_table")

    def __init__(
        self, table: Transitions[StateT, MoveT], state: StateT | None = None
    ) -> None:
        self._table = table
        self._state = table.start if state is None else state
        if self._state not in table.states:
            raise ValueError(
                f"{_word(self._state)} is no state of {table.what}"
            )

    @property
    def state(self) -> StateT:
        return self._state

    @property
    def ended(self) -> bool:
        """Return whether the state can never change again."""
        return self._table.ends(self._state)

    def allows(self, move: MoveT) -> bool:
        return self._table.allows(self._state, move)

    def move(self, move: MoveT) -> StateT:
        """Move along the table and return the new state. Raises IllegalTransitionError, and then
        the state is unchanged.
        """
        self._state = self._table.after(self._state, move)
        return self._state


def _word(name: object) -> str:
    if isinstance(name, Enum):
        return name.name
    return name.__name__ if isinstance(name, type) else repr(name)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(_word(name) for name in names))
