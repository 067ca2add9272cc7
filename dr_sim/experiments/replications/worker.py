"""One worker: a fresh Python process that plays batches of replications until its standard input
ends.

It is started with nothing but pipes: no fork, so threads and open files of the caller do not
matter, and no `__main__` guard is asked of a caller's script. Its input ends when its parent dies,
however it dies, and so does it.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import IO, Any

import dr_sim
from dr_sim.errors import DrSimError

HEAD = struct.Struct("<Q")
# room for what a batch says (256 replications of some kilobytes each), so that no worker waits to
# be heard
PIPE_BYTES = 1 << 20


def start(idle_s: float = 0.0) -> subprocess.Popen[bytes]:
    """A new worker; first it says ('ready',). idle_s: it ends when it was given nothing for that
    long; 0: it waits for ever.
    """
    root = str(Path(dr_sim.__file__).parents[1])
    paths = [root, *(path for path in sys.path if path)]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "dr_sim.experiments.replications.worker",
            str(idle_s),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
            "PYTHONSAFEPATH": "1",
        },
        process_group=0,  # Ctrl-C is the parent's to answer
    )
    if sys.platform == "linux":
        import fcntl

        with suppress(
            OSError
        ):  # a user may have used up what pipes may hold
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)  # type: ignore[arg-type]
    return process


def send(stream: IO[bytes] | RawIOBase, message: Any) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(HEAD.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes] | RawIOBase) -> Any:
    """Return the next message, and read no byte beyond it. Raises EOFError at the end.

    Whoever selects among several streams gives a raw one: in a buffered one, a second message that
    has come with the first is out of sight of the selector, and is waited for without end.
    """
    (length,) = HEAD.unpack(_exactly(stream, HEAD.size))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes] | RawIOBase, length: int) -> bytes:
    """Return that many bytes. A read from a pipe may return fewer."""
    data = bytearray()
    while len(data) < length:
        part = stream.read(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def main() -> None:
    """Wait until the parent process ends, however it ends."""
    # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGALRM):
        # real engines leave no files and no servers behind
        signal.signal(number, lambda number, frame: sys.exit(0))
    # nothing is left to be said at the end, when nobody may listen
    talk = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever prints must not get in between
    with suppress(EOFError, BrokenPipeError):
        _work(sys.stdin.buffer, talk, float(sys.argv[1]))


def _work(listen: IO[bytes], talk: RawIOBase, idle_s: float) -> None:
    """Messages in: ('scenario', key, Scenario) and ('run', key, first, count). Out: ('ready',),
    then for each batch ('done', packed samples (b'' if there are none), seconds, list of Broken) or
    ('refused', DrSimError).
    """
    from dr_sim.experiments.replications.sample import pack
    from dr_sim.experiments.replications.take import take_several

    send(talk, ("ready",))
    scenarios: dict[str, Any] = {}
    while True:
        signal.setitimer(
            signal.ITIMER_REAL, idle_s
        )  # its signal ends the process
        message = receive(listen)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if message[0] == "scenario":
            scenarios[message[1]] = message[2]
            continue
        _, key, first, count = message
        began = time.perf_counter()
        try:
            done, broken = take_several(scenarios[key], first, count)
        except DrSimError as error:
            send(talk, ("refused", error))
            continue
        send(
            talk,
            (
                "done",
                pack(done) if done else b"",
                time.perf_counter() - began,
                broken,
            ),
        )


if __name__ == "__main__":
    main()
