"""Ends a run that makes no more headway: logic that goes round in circles would keep an exploration
waiting for ever.

A thread looks now and then whether the run has come to its next stop. If it has not, though much
CPU time has passed, an exception is raised in the middle of whatever the run is doing.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOST_CPU_S = 120.0
"""A stretch of five minutes, or less, of a large service takes seconds."""
_LOOK_S = 1.0


class NoHeadwayError(BaseException):
    """Stands for a run that makes no headway. It is no Exception: logic that catches those goes on
    in circles.
    """


class Headway:
    """How far a run is. cpu_s: the CPU time of the process when it was last told."""

    def __init__(self) -> None:
        self.cpu_s = time.process_time()

    def made(self) -> None:
        self.cpu_s = time.process_time()


@contextmanager
def ended_if_stuck() -> Iterator[Headway]:
    """Raise NoHeadwayError in this thread when no headway is made."""
    headway, over = Headway(), threading.Event()
    mine = ctypes.c_ulong(threading.get_ident())

    def watch() -> None:
        while not over.wait(_LOOK_S):
            if time.process_time() - headway.cpu_s > MOST_CPU_S:
                error = ctypes.py_object(NoHeadwayError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(mine, error)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield headway
    finally:
        over.set()
