"""Tables of files in which runs of quiet logs stand (log_run.py).

Theory of operation. A table of files (`ByName`, `ByNumber`) holds a run at its place among the
other files. Whoever asks for one file of a run, or goes through all files, finds objects: the table
makes those of that run, and from then on it holds them in the run's place. Logs that were made one
by one go into runs when nothing waits for them any more (`hold_as_runs`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import (
    Callable,
    Container,
    Iterator,
    MutableMapping,
    Sequence,
)
from typing import Any, Generic, TypeVar, overload

from dr_sim.backups.log_run import FEWEST, LogRun

_FIELDS = 8  # of a name, after the database's (names.py)

Key = TypeVar("Key", str, int)
T = TypeVar("T")
D = TypeVar("D")


class _Table(MutableMapping[Key, T], Generic[Key, T]):
    """Files by a key; some are held as runs.

    in_order: the table is gone through in the order in which they came. Otherwise it has no order,
    and to make the objects of one run costs the same however many files there are.
    """

    __slots__ = ("_bound", "_held", "_in_order", "_last_of", "_runs_of")

    def __init__(self, in_order: bool = True) -> None:
        # of a run, which is its own key: the function that makes the object of each place
        self._held: dict[Any, Any] = {}
        self._in_order = in_order
        # by what the keys of one database begin with: its runs, in the order of their keys
        self._runs_of: dict[Any, list[LogRun]] = {}
        # and the last key in them: nearly all that is looked for in vain comes after it
        self._last_of: dict[Any, Key] = {}
        # no run of any database holds a key beyond this one, nor has ever held one; None before
        # there has been a run
        self._bound: Any = None

    def _key(self, run: LogRun, i: int) -> Key:
        raise NotImplementedError

    def _keys(self, run: LogRun) -> Sequence[Key]:
        raise NotImplementedError

    def _series(self, key: Key) -> Any:
        """Return what the key has in common with those of the same database's logs."""
        raise NotImplementedError

    def _last_key(self, run: LogRun) -> Key:
        return self._key(run, len(run) - 1)

    def _place(self, run: LogRun, key: Key) -> int:
        raise NotImplementedError

    # ---- runs
    def add_run(self, run: LogRun, make: Callable[[int], T]) -> bool:
        """Add the logs of a run. make(i): the object of the log at that place. Return whether they
        are held as a run; else each is made now.
        """
        first = self._key(run, 0)
        series = self._series(first)
        follows = (
            series not in self._last_of or first > self._last_of[series]
        )
        if len(run) < FEWEST or not follows:
            self._held.update(self._made(run, make))
            return False
        self._held[run] = make
        self._runs_of.setdefault(series, []).append(run)
        self._ends_with(series, run)
        return True

    def hold_as_runs(
        self,
        run: LogRun,
        fits: Callable[[int, T], bool],
        maker: Callable[[LogRun, int], Callable[[int], T]],
    ) -> list[LogRun]:
        """Hold logs that are held one by one as runs from now on, in their place; return the runs.

        run: these logs. fits(i, object): the object of the log at that place is as it would be
        made. maker(part, first): the function that makes the objects of a part of the run, which
        begins at that place. Logs between which something else is held go into different parts, and
        parts that are not worth their columns stay as they are.
        """
        first = self._key(run, 0)
        series = self._series(first)
        if series in self._last_of and first <= self._last_of[series]:
            return []
        part_at: dict[int, LogRun] = {
            begin: run.part(begin, end)
            for begin, end in sorted(self._stretches(run, fits))
        }
        for begin, part in part_at.items():
            self._put_in_place(part, maker(part, begin))
        if not part_at:
            return []
        parts = [*part_at.values()]
        self._runs_of.setdefault(series, []).extend(parts)
        self._ends_with(series, parts[-1])
        return parts

    def _ends_with(self, series: Any, run: LogRun) -> None:
        """Note that a run is now the last one of its database."""
        last = self._last_of[series] = self._last_key(run)
        if self._bound is None or last > self._bound:
            self._bound = last

    def _put_in_place(self, run: LogRun, make: Callable[[int], T]) -> None:
        """Hold a run in the place of its logs, which are held one after the other."""
        keys = self._keys(run)
        if not self._in_order:
            for key in keys:
                del self._held[key]
            self._held[run] = make
            return
        held, these = self._held, set(keys)
        for key in self._newest(1, keys[:1]):
            value = held.pop(key)
            if key not in these:
                held[key] = value
            elif key == keys[0]:
                held[run] = make

    def _newest(self, number: int, keys: Container[Key]) -> list[Any]:
        """Return the keys of what came last, in order: from the first of that number of keys on.

        What becomes a run came lately, and before it may lie the files of weeks.
        """
        found: list[Any] = []
        for key in reversed(self._held):
            found.append(key)
            number -= key in keys
            if not number:
                break
        found.reverse()
        return found

    def _stretches(
        self, run: LogRun, fits: Callable[[int, T], bool]
    ) -> list[tuple[int, int]]:
        """Return the places of logs of a run that are held one after the other, and fit: from the
        first, and before the second of each pair.
        """
        keys: list[Any] = [*self._keys(run)]
        places = {key: i for i, key in enumerate(keys)}
        held = self._held
        found: list[tuple[int, int]] = []
        begin = before = -1
        if self._in_order:
            here = sum(key in held for key in places)
            keys = self._newest(here, places) if here else []
        # the runs among the keys are the keys of nothing here
        for key in keys:
            i = places.get(key, -1)
            if i >= 0 and (key not in held or not fits(i, held[key])):
                i = -1
            if i < 0 or before < 0 or i != before + 1:
                if begin >= 0:
                    found.append((begin, before + 1))
                begin = i
            before = i
        if begin >= 0:
            found.append((begin, before + 1))
        return [each for each in found if each[1] - each[0] >= FEWEST]

    def run_from(self, key: Key) -> LogRun | None:
        """Return the run that begins with that key, if there is one."""
        run = None if key in self._held else self._run_of(key)
        begins = run is not None and self._place(run, key) == 0
        return run if begins else None

    def several(self, keys: Sequence[Key]) -> Iterator[T | LogRun]:
        """Return what has these keys, in their order, until one is not there. A run whose keys
        follow one another is one thing.
        """
        at = 0
        while at < len(keys):
            run = self._run_at(keys, at)
            if run is not None:
                yield run
                at += len(run)
                continue
            found = self.get(keys[at])
            if found is None:
                return
            yield found
            at += 1

    def _run_at(self, keys: Sequence[Key], at: int) -> LogRun | None:
        """Return the run whose keys are those from that place on, if there is one."""
        run = self.run_from(keys[at])
        if run is None:
            return None
        these = keys[at : at + len(run)]
        return run if list(these) == list(self._keys(run)) else None

    def drop(self, keys: Sequence[Key]) -> None:
        """Forget what has these keys, where it is there. No object is made of a run of which all
        logs go.
        """
        at = 0
        while at < len(keys):
            run = self._run_at(keys, at)
            if run is None:
                self.pop(keys[at], None)
                at += 1
            else:
                self.let_go(run)
                at += len(run)

    def maker(self, run: LogRun) -> Any:
        """Return what makes the objects of a run; None if it is not held as a run."""
        return self._held.get(run)

    def with_runs(self) -> Iterator[T | LogRun]:
        """Go through everything that is held, in its order, with runs as they are."""
        for key, value in self._held.items():
            yield key if isinstance(key, LogRun) else value

    def newest_first(self) -> Iterator[T | LogRun]:
        """Go through everything that is held, from the newest on, with runs as they are."""
        runs = bool(self._runs_of)
        for key, value in reversed(self._held.items()):
            yield key if runs and isinstance(key, LogRun) else value

    def apart(self) -> list[T]:
        """Return the files that are not in runs."""
        if not self._runs_of:
            return list(self._held.values())
        held = self._held.items()
        return [value for key, value in held if not isinstance(key, LogRun)]

    def drop_apart(self, drops: Callable[[T], bool]) -> None:
        """Forget those of the files that are not in runs for which drops(file) is true."""
        self._held = {
            key: value
            for key, value in self._held.items()
            if isinstance(key, LogRun) or not drops(value)
        }

    @property
    def runs(self) -> list[LogRun]:
        return [run for runs in self._runs_of.values() for run in runs]

    def spread(self, *these: LogRun) -> None:
        """Hold the logs of these runs one by one (of all runs if none is given)."""
        if not self._runs_of:
            return
        runs = set(these or self.runs)
        if not self._in_order:
            for run in runs:
                self._held.update(self._objects(run, self._held.pop(run)))
            return
        held: dict[Any, Any] = {}
        for key, value in self._held.items():
            if isinstance(key, LogRun) and key in runs:
                held.update(self._objects(key, value))
            else:
                held[key] = value
        self._held = held

    def _objects(
        self, run: LogRun, make: Callable[[int], T]
    ) -> dict[Key, T]:
        """Make the objects that are held in the place of a run from now on."""
        made = self._made(run, make)
        self._spread_hook(run, list(made.values()))
        self._no_run(run)
        return made

    def let_go(self, run: LogRun) -> None:
        """Forget all logs of a run."""
        self._no_run(run)
        del self._held[run]

    def _no_run(self, run: LogRun) -> None:
        series = self._series(self._key(run, 0))
        runs = self._runs_of[series]
        runs.remove(run)
        if runs:
            self._last_of[series] = self._last_key(runs[-1])
        else:
            del self._runs_of[series], self._last_of[series]

    def _spread_hook(self, run: LogRun, made: list[T]) -> None:
        """Do what depends on objects that stand for a run from now on."""

    def _made(self, run: LogRun, make: Callable[[int], T]) -> dict[Key, T]:
        return {key: make(i) for i, key in enumerate(self._keys(run))}

    def _run_of(self, key: Any) -> LogRun | None:
        """Return the run that holds that key."""
        series = self._series(key)
        last = self._last_of.get(series)
        if last is None or key > last:
            return None
        runs = self._runs_of[series]
        run = runs[bisect_left(runs, key, key=self._last_key)]
        return run if self._place(run, key) >= 0 else None

    # ---- a mapping
    @overload
    def get(self, key: Key) -> T | None: ...
    @overload
    def get(self, key: Key, otherwise: T | D) -> T | D: ...
    def get(self, key: Key, otherwise: Any = None) -> Any:
        found = self._held.get(key)
        if found is not None:
            return found
        if not self._runs_of or key > self._bound:
            return otherwise
        run = self._run_of(key)
        if run is None:
            return otherwise
        self.spread(run)
        return self._held[key]

    def look(self, key: Key) -> T | None:
        """Return what is there, only to be read: an object that is made of a run is not kept."""
        found: T | None = self._held.get(key)
        if found is not None or not self._runs_of:
            return found
        run = self._run_of(key)
        if run is None:
            return None
        make: Callable[[int], T] = self._held[run]
        return make(self._place(run, key))

    def __getitem__(self, key: Key) -> T:
        found = self._held.get(key)
        if found is None:
            found = self.get(key)
            if found is None:
                raise KeyError(key)
        return found

    def __setitem__(self, key: Key, value: T) -> None:
        # what is new nearly always comes after all runs
        if self._runs_of and key <= self._bound and key not in self._held:
            self._spread_at(key)
        self._held[key] = value

    def __delitem__(self, key: Key) -> None:
        if self._runs_of and key not in self._held:
            self._spread_at(key)
        del self._held[key]

    def _spread_at(self, key: Key) -> None:
        """Hold the logs of the run that holds that key one by one, if there is one."""
        run = self._run_of(key)
        if run is not None:
            self.spread(run)

    def __contains__(self, key: object) -> bool:
        if key in self._held:
            return True
        if not self._runs_of or key > self._bound:
            return False
        return self._run_of(key) is not None

    def __len__(self) -> int:
        runs = self.runs
        return len(self._held) - len(runs) + sum(map(len, runs))

    def __iter__(self) -> Iterator[Key]:
        """Go through the keys; no object is made for it."""
        if not self._runs_of:
            yield from self._held
            return
        for key in self._held:
            if isinstance(key, LogRun):
                for i in range(len(key)):
                    yield self._key(key, i)
            else:
                yield key

    def values(self) -> Any:
        self.spread()
        return self._held.values()

    def items(self) -> Any:
        self.spread()
        return self._held.items()

    def clear(self) -> None:
        self._held.clear()
        self._runs_of.clear()
        self._last_of.clear()
        self._bound = None


class ByName(_Table[str, T]):
    """Files by their names."""

    __slots__ = ()

    def _key(self, run: LogRun, i: int) -> str:
        return run.name(i)

    def _keys(self, run: LogRun) -> Sequence[str]:
        return run.names()

    def _place(self, run: LogRun, key: str) -> int:
        return run.place_of_name(key)

    def _series(self, key: str) -> str:
        return key.rsplit("_", _FIELDS)[0]


class ByNumber(_Table[int, T]):
    """Files of one database by their numbers. spread_hook(run, objects) is called when objects take
    the place of a run.
    """

    __slots__ = ("_hook",)

    def __init__(
        self, spread_hook: Callable[[LogRun, list[T]], None]
    ) -> None:
        super().__init__()
        self._hook = spread_hook

    def _key(self, run: LogRun, i: int) -> int:
        return run.first_number + i

    def _keys(self, run: LogRun) -> Sequence[int]:
        return run.numbers

    def _place(self, run: LogRun, key: int) -> int:
        return run.place_of_number(key)

    def _series(self, key: int) -> int:
        return 0

    def _spread_hook(self, run: LogRun, made: list[T]) -> None:
        self._hook(run, made)
