"""The copies of the databases at the secondary: the room that each takes on the data disk, and how
one is lost or broken while the backup files stay.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from dr_sim.backups.model import RestoreState
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.own_errors import refusal as own_refusal
from dr_sim.engines.port import EngineError
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.volume import Volume

DATA_DISK = "//secondary/data"
MISTAKEN_FORK = 1 << 20
"""The first of the forks of standbys that were brought online by mistake."""


class Break(enum.Enum):
    """The events that make a standby's database unusable while its backup files stay."""

    DROPPED = "dropped"
    # nothing can be restored into it any more, and it has left the primary's history
    ONLINE = "brought online"
    REDO = "redo fails"  # its undo file is gone, or a page of it: it cannot be rolled forward
    WRONG = (
        "turned out wrong"  # it cannot be used once it is brought online
    )


_ERRORS = {Break.REDO: (3456, 60030), Break.WRONG: (3414, 60032)}
"""How a copy became unusable -> the model's error, and the one at a real engine."""


@dataclass(slots=True)
class WrongAtEnd:
    """A copy that turns out to be unusable when it is brought online.

    times: how many times in a row; noticed_us: the time until somebody sees it; over: called when
    it has happened for the last time.
    """

    database: int
    times: int
    noticed_us: int
    over: Callable[[], None]


class StandbyCopies:
    """The databases that lie restored at the secondary. data: its disk."""

    def __init__(self, context: Context, data: Volume) -> None:
        self._context = context
        self._data = data
        self._bytes: dict[int, int] = {}  # the room of each database's copy
        # copies whose redo fails, and the engine's error
        self.unusable: dict[int, EngineError] = {}
        self._mistakes = 0  # copies that were brought online by mistake
        self._wrong: list[
            WrongAtEnd
        ] = []  # in the order in which they happen

    def put(self, database: int, size_bytes: int) -> None:
        """Note that a database of that size lies restored here, instead of what lay there; 0:
        none.
        """
        self._data.remove(self._bytes.pop(database, 0))
        if size_bytes:
            self._data.put(size_bytes)
            self._bytes[database] = size_bytes

    def let_go(self) -> None:
        """Count none of these databases as a copy any more: roles have changed, and a copy that
        continues is counted by the next pair.
        """
        for database in list(self._bytes):
            self.put(database, 0)

    def room_of(self, database: int) -> int:
        """Return the bytes that the copy of a database takes."""
        return self._bytes.get(database, 0)

    def standing(self, database: int) -> RestoreState | None:
        """Return where the copy of a database stands, if logs can be restored into it."""
        name = self._context.scenario.databases[database].name
        state = self._context.secondary_engine.state(name)
        if database in self.unusable or not (
            state.exists and state.restoring
        ):
            return None
        return state

    def drop(self, database: int, why: str) -> None:
        """Drop the copy of a database: to make room for a new one, or because somebody wiped it."""
        context = self._context
        if database in self._bytes:
            context.note("truth.copy_gone", database, why)
        name = context.scenario.databases[database].name
        engine = context.secondary_engine
        engine.destroy(name)
        self.unusable.pop(database, None)
        self.put(database, 0)
        context.witness.restore_failed(
            context.now_us, database, engine.state(name)
        )

    def lost_by_restore(self, database: int, name: str) -> None:
        """Note what a restore that failed has left: an old copy under it may be gone."""
        context = self._context
        if context.secondary_engine.state(name).exists:
            return
        if database in self._bytes:
            context.note(
                "truth.copy_gone", database, "a restore over it failed"
            )
        self.put(database, 0)

    def break_one(self, database: int, how: Break, why: str) -> None:
        """Break the copy of a database into which nothing is being restored."""
        context = self._context
        engine = context.secondary_engine
        name = context.scenario.databases[database].name
        state = engine.state(name)
        if how is Break.DROPPED or not (state.exists and state.restoring):
            self.drop(database, why)
            return
        context.note("truth.copy_gone", database, why)
        if how is Break.ONLINE:
            engine.recover(name, MISTAKEN_FORK + self._mistakes)
            self._mistakes += 1
        else:
            self._make_unusable(database, how)
        context.witness.restore_failed(
            context.now_us, database, RestoreState(0, 0, 0, exists=False)
        )

    def _make_unusable(self, database: int, how: Break) -> None:
        """Leave no usable copy. Its disk space stays taken, like that of any suspect database."""
        engine = self._context.secondary_engine
        name = self._context.scenario.databases[database].name
        number, own_number = _ERRORS[how]
        engine.destroy(name)
        self.unusable[database] = (
            engine.refusal(number, db=name)
            if isinstance(engine, ModelEngine)
            else own_refusal(own_number, db=name)
        )

    # ---- a copy that turns out to be unusable
    def wrong_at_end(self, wrong: WrongAtEnd) -> None:
        """Let a database turn out to be unusable when it is next brought online."""
        self._wrong.append(wrong)

    def noticed_us(self, database: int) -> int:
        """Return how much longer it takes to bring a database online that turns out to be unusable:
        the time until somebody sees it. 0: it is usable.
        """
        wrong = self._wrong_of(database)
        return 0 if wrong is None else wrong.noticed_us

    def turns_out_wrong(self, database: int) -> None:
        """Break the copy that is brought online, if it turns out to be unusable."""
        wrong = self._wrong_of(database)
        if wrong is None or self.standing(database) is None:
            return
        self.break_one(database, Break.WRONG, "turned out to be unusable")
        wrong.times -= 1
        if not wrong.times:
            self._wrong.remove(wrong)
            wrong.over()

    def _wrong_of(self, database: int) -> WrongAtEnd | None:
        return next(
            (w for w in self._wrong if w.database == database), None
        )
