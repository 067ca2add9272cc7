"""A store in memory: durable for as long as the process lives, which outlives the simulated
machines in it.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.run_tables import ByName


class MemoryStore:
    """port.Store in dicts: one for each beginning of keys up to their last '/'. So the keys of a
    hundred thousand files, which bear the files' names, take no room of their own.
    """

    __slots__ = ("_folders",)

    def __init__(self) -> None:
        self._folders: dict[str, MutableMapping[str, str]] = {}

    def load(self) -> dict[str, str]:
        return {
            before + name: value
            for before, entries in self._folders.items()
            for name, value in entries.items()
        }

    def get(self, key: str) -> str:
        entries, name = self._place(key)
        if isinstance(entries, ByName):
            return entries.look(name) or ""
        return entries.get(name, "")

    def save(self, key: str, value: str) -> None:
        entries, name = self._place(key)
        if value:
            entries[name] = value
        else:
            entries.pop(name, None)

    def save_all(self, entries: Mapping[str, str]) -> None:
        folders = self._folders
        # as `save` does, without a call for each of them
        for key, value in entries.items():
            folder, slash, name = key.rpartition("/")
            place = folders.setdefault(folder + slash, {})
            if value:
                place[name] = value
            else:
                place.pop(name, None)

    def save_same(self, before: str, run: LogRun, value: str) -> None:
        """Save the same value for each log of a run: under `before`, which ends with '/', and its
        name.
        """
        self._by_name(before).add_run(run, lambda _: value)

    def hold_as_runs(self, before: str, run: LogRun, value: str) -> None:
        """Hold the values of a run's logs, saved one by one, as runs from now on where they are
        this one.
        """
        self._by_name(before).hold_as_runs(
            run,
            lambda _, saved: saved == value,
            lambda part, first: lambda _: value,
        )

    def _by_name(self, before: str) -> ByName[str]:
        """Return the entries whose keys begin like that, as a table that can hold runs."""
        entries = self._folders.get(before)
        if not isinstance(entries, ByName):
            by_name: ByName[str] = ByName()
            by_name.update(entries or {})
            entries = self._folders[before] = by_name
        return entries

    def forget(self, before: str, names: Sequence[str]) -> None:
        """Remove the entries whose keys are `before`, which ends with '/', and one of the names."""
        self._by_name(before).drop(names)

    def _place(self, key: str) -> tuple[MutableMapping[str, str], str]:
        """Return the entries whose keys begin as this one does, and the rest of the key."""
        folder, slash, name = key.rpartition("/")
        return self._folders.setdefault(folder + slash, {}), name

    def close(self) -> None:
        """Do nothing: nothing is held open."""
