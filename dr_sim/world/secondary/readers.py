"""The people who read the databases at the secondary: nothing can be restored into a database while
somebody reads it.
"""

from __future__ import annotations

from dr_sim.engines.model import ModelEngine
from dr_sim.engines.port import EngineError
from dr_sim.world.kernel.context import Context

IN_USE = (60027, "Readers hold the database open.")


class StandbyReaders:
    """The people who read databases here, and the databases that nobody may read."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reading: list[int] = []  # a database for each who reads it
        # databases that the recovery manager holds for itself
        self._shut: set[int] = set()

    def __bool__(self) -> bool:
        """Return whether anybody reads anything."""
        return bool(self._reading)

    def enter(self, database: int) -> str:
        """Let someone read the database; return why he cannot, '' if he can."""
        if database in self._shut:
            return "readers are turned away: the recovery manager holds the database for itself"
        if not self._is_here(database):
            return "readers find no copy of the database"
        self._reading.append(database)
        return ""

    def leave(self, database: int) -> None:
        """Let one of them go, who may have been disconnected before."""
        if database in self._reading:
            self._reading.remove(database)

    def refusal(self, database: int) -> EngineError | None:
        """Return the engine's error for a restore or a recovery while the database is being read;
        None: nobody reads it. Who read a copy that is gone reads nothing.
        """
        if database not in self._reading:
            return None
        if self._is_here(database):
            return self.exclusive(database)
        self._let_go(database)
        return None

    def _let_go(self, database: int) -> None:
        self._reading = [each for each in self._reading if each != database]

    def _is_here(self, database: int) -> bool:
        name = self._context.scenario.databases[database].name
        return self._context.secondary_engine.state(name).exists

    def exclusive(self, database: int) -> EngineError:
        """Return the engine's error where it needs the database for itself and cannot have it."""
        engine = self._context.secondary_engine
        if not isinstance(engine, ModelEngine):
            return EngineError(*IN_USE)
        return engine.refusal(
            3101, db=self._context.scenario.databases[database].name
        )

    def disconnect(self, database: int) -> None:
        """Disconnect everyone who reads the database, and let nobody else in (single user)."""
        self._let_go(database)
        self._shut.add(database)

    def admit(self, database: int) -> None:
        """Let people read the database again."""
        self._shut.discard(database)

    def admit_all(self) -> None:
        """Let people read every database again: who held them for himself is gone."""
        self._shut.clear()
