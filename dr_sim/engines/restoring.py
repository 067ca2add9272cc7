"""Tells what the engines' restores have in common: what they hold, and what a killed one leaves."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Protocol, TypeVar

from dr_sim.backups.model import Kind
from dr_sim.engines import backup_set
from dr_sim.engines.backup_set import DamagedError


class Server(Protocol):
    databases: Any  # by name: something with `online`

    def destroy(self, database: str) -> None: ...


E = TypeVar("E", bound=Server)


class Restoring(Generic[E]):
    """A restore that is running: the bytes have been read, the database has not been touched."""

    __slots__ = ("_data", "_engine", "_name", "_path", "_replace")
    magic: ClassVar[bytes]

    def __init__(
        self, engine: E, name: str, path: str, data: bytes, replace: bool
    ) -> None:
        self._engine = engine
        self._name = name
        self._path = path
        self._data = data
        self._replace = replace

    def abort(self, fraction_ppm: int) -> None:
        """A full that had begun to take the place of what was there leaves nothing; all else has
        changed nothing.
        """
        try:
            s = backup_set.decode(self.magic, self._data)
        except DamagedError:
            return
        db = self._engine.databases.get(self._name)
        if (
            s.kind == Kind.FULL
            and s.database == self._name
            and (db is None or self._replace or not db.online)
        ):
            self._engine.destroy(self._name)


class RestoringUntil(Restoring[E]):
    """A restore of a real engine, which may stop in the middle of a log. stop_lsn: where; None: at
    its end.
    """

    __slots__ = ("_stop_lsn",)

    def __init__(
        self,
        engine: E,
        name: str,
        path: str,
        data: bytes,
        replace: bool,
        stop_lsn: int | None,
    ) -> None:
        super().__init__(engine, name, path, data, replace)
        self._stop_lsn = stop_lsn
