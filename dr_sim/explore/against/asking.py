"""Asks the other side: one process that plays cases with other code, started when it is needed.

It may crash, or run without end: then it is ended, the case has an answer that says so, and the
next case starts another process.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dr_sim.errors import input_error
from dr_sim.explore.against.changed import ChangedFunctions
from dr_sim.explore.against.code import OPTION, OtherCode, parts_of
from dr_sim.explore.case import Tree

_START_S = 300.0
"""How long a start may take: a fresh folder is compiled first, perhaps on a busy machine."""
_LEAST_S = 60.0
_TIMES = 20.0
"""How many times as long as here a case may take there, and at least how long."""
_ROWS = 2000
"""How many rows are asked for at one time."""


class _GoneError(Exception):
    """The other side has ended, or does not come to an end."""


@dataclass(frozen=True, slots=True)
class Played:
    """The result of a case on the other side. refused: it is no scenario there. wrong: what went
    wrong, in words; '': nothing. digest, rows: of its journal.
    """

    digest: str = ""
    rows: int = 0
    refused: str = ""
    wrong: str = ""


class OtherSide:
    """Plays cases with other code, one at a time. cpu_s: what it has taken so far."""

    def __init__(self, code: OtherCode, manager: str = "") -> None:
        self.code = code
        self.cpu_s = 0.0
        self._manager = manager
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._began = 0.0
        self._is_asked = False
        self._changed: ChangedFunctions | None = None

    def runs_change(self) -> bool:
        """Return whether a function that differs from the other code has run in this process since
        this was asked last. The functions are watched from the first question on.
        """
        if self._changed is None:
            self._changed = ChangedFunctions.between(
                parts_of(self._manager), self.code.folders
            )
        return self._changed.ran()

    def ready(self) -> None:
        """Start it. Raises InputError if that code cannot be run."""
        self._started()

    # ---- a case
    def begin(self, tree: Tree, stops: Sequence[int]) -> None:
        """Let it play a case, stopped at these instants, and do not wait. Raises InputError if that
        code cannot be run.
        """
        if self._is_asked:
            self.played()  # nobody wanted to know
        self._began = time.monotonic()
        asked = {
            "do": "play",
            "tree": tree,
            "manager": self._manager,
            "stops": list(stops),
        }
        try:
            self._send(asked)
        except _GoneError:
            self.close()  # it is started anew once
            self._send(asked)
        self._is_asked = True

    def played(self) -> Played:
        """Return what became of the case that was begun last."""
        took_s = time.monotonic() - self._began
        limit_s = max(_LEAST_S, _TIMES * took_s)
        self._is_asked = False
        try:
            told = self._receive(limit_s)
        except _GoneError as error:
            self.close()
            return Played(wrong=str(error))
        wrong = told.get("raises", "") or told.get("broken", "")
        if wrong:
            return Played(wrong=f"the run raises {wrong}")
        if "refused" in told:
            return Played(refused=told["refused"])
        return Played(told["digest"], told["count"])

    def summary(self) -> Any:
        """Return the summary of the case that was played last; None if there is none."""
        try:
            self._send({"do": "summary"})
            return self._receive(_LEAST_S).get("summary")
        except _GoneError:
            self.close()
            return None

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows of the case that was played last."""
        begin = 0
        while True:
            try:
                self._send({"do": "rows", "rows": [begin, begin + _ROWS]})
                rows = self._receive(_LEAST_S).get("rows", [])
            except _GoneError:
                self.close()
                return
            yield from rows
            begin += _ROWS
            if len(rows) < _ROWS:
                return

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    _closed(stream.close)
            self._process.wait()
        self._process = None

    # ---- the process
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            return self._process
        paths = [path for path in sys.path if path]
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                str(Path(__file__).with_name("side.py")),
                *self.code.folders,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([*self.code.folders, *paths]),
            },
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(
            target=_read_on,
            args=(self._process.stdout, self._lines),
            daemon=True,
        ).start()
        try:
            told = self._receive(_START_S)
        except _GoneError as error:
            told = {"broken": str(error)}
        if "broken" in told:
            self.close()
            raise input_error(
                f"{OPTION} {self.code.name}",
                f"that code cannot be run beside this one: {told['broken']}",
            )
        self._began = time.monotonic()
        return self._process

    def _send(self, asked: dict[str, Any]) -> None:
        process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise _GoneError("the process ended") from None

    def _receive(self, limit_s: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            raise _GoneError(
                f"the run has not ended after {limit_s:.0f} s"
            ) from None
        if not line:
            raise _GoneError("the process ended in the middle of the run")
        told: dict[str, Any] = json.loads(line)
        self.cpu_s += told.get("cpu_s", 0.0)
        return told


def _read_on(stream: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Pass on each line, and an empty one at the end."""

    def read() -> None:
        for line in stream:
            lines.put(line)

    _closed(read)
    lines.put(b"")


def _closed(act: Callable[[], None]) -> None:
    """Do something to a stream that may be closed already."""
    try:
        act()
    except (OSError, ValueError):
        return
