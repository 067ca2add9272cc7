"""`python -m dr_sim` is `dr-sim`: the process around the face.

Whoever ends it, with Ctrl-C or SIGTERM, at whatever instant, finds exit code 130, one line and
nothing half written.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from typing import Any

_AGAIN_S = 0.05
"""How long after it was dropped an interrupt comes again."""


_OBJECTS_BETWEEN_LOOKS = 50_000
"""New objects after which Python looks for cycles. Its own 700 makes it look 240 times while our
modules are loaded, where it finds next to nothing: a tenth of the time of a short run.
"""


def _at_once(number: int, frame: Any) -> None:
    """Let a stop signal end the program while modules are loaded: nothing is there to be tidied,
    and some of them would make another error of an interrupt.
    """
    os.write(2, b"interrupted; nothing was written\n")
    os._exit(130)


def run() -> int:
    """Run the whole process and return its exit code."""
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _at_once)
    # pydantic's Rust panics, and says so, where an interrupt keeps it from loading datetime
    import datetime  # noqa: F401

    from dr_sim.cli.main import main

    mine, interrupted = os.getpid(), False

    def interrupt(number: int, frame: Any) -> None:
        nonlocal interrupted
        if (
            os.getpid() != mine
        ):  # a worker that was forked from here has nothing to tidy
            os._exit(130)
        interrupted = True
        raise KeyboardInterrupt

    def lost(what: sys.UnraisableHookArgs) -> None:
        """Interrupt once more where an interrupt came while an object was being deleted: Python
        drops what is raised there.
        """
        if interrupted and issubclass(what.exc_type, KeyboardInterrupt):
            again = (mine, signal.SIGINT)
            threading.Timer(_AGAIN_S, os.kill, again).start()
        else:
            sys.__unraisablehook__(what)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    sys.unraisablehook = lost
    try:
        return main(None, lambda: interrupted)
    except (
        KeyboardInterrupt
    ):  # a second one, in the middle of what the first one made it say
        return 130
    except BaseException as error:
        if interrupted and not isinstance(error, SystemExit):
            # a module being loaded made another error of it: Rust's panics are no Exception
            os.write(
                2, b"interrupted; what is not finished was not written\n"
            )
            return 130
        if not isinstance(error, Exception):
            raise
        from dr_sim.errors.bugs import report

        return report(error)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(
                number, signal.SIG_IGN
            )  # what is done is done: its exit code stands
        # Python's end would look for cycles in all that a run has left, a second of a busy machine,
        # and the system takes it back anyway
        gc.freeze()
        # An interrupt that crossed an exec (dataclasses are made by one) makes CPython die by the
        # signal at its very end, though it was caught; the next exec takes that back
        # (run_eval_code_obj in Python/pythonrun.c).
        exec("")


if __name__ == "__main__":
    sys.exit(run())
