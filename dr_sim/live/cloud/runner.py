"""The runner of one script: a program of its own, which needs nothing but Python's `os`.

    python -I -S runner.py FOLDER LOCK PROGRAM

It leads a session of its own. It writes its process id into the folder, then runs the program,
writes the program's exit code, and ends everything that the program has left behind. LOCK is the
number of an open file that whoever started the runner has locked (processes.py). The program
inherits it.
"""

from __future__ import annotations

import os
import signal
import sys

LEADER, OUTCOME, OUTPUT, WORK = "leader", "outcome", "output", "work"
CANNOT_RUN = 126
"""Exit code where the program cannot be run, as shells give it."""


def write_whole(folder: str, name: str, text: str) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    part = os.path.join(folder, f"{name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(handle, text.encode())
    os.fsync(handle)
    os.close(handle)
    os.replace(part, os.path.join(folder, name))
    place = os.open(folder, os.O_RDONLY)
    os.fsync(place)
    os.close(place)


def started_at(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks since boot; '' where it is not
    known. Two processes of one id differ in it.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def run_program(folder: str, program: str) -> int:
    """Run the program in the folder's working directory; return its exit code."""
    output = os.path.join(folder, OUTPUT)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    try:
        out = os.open(output, flags, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(os.path.join(folder, WORK))
        os.execv(program, [program])
    except OSError as error:
        os.write(2, f"{program}: {error.strerror}\n".encode())
    os._exit(CANNOT_RUN)


def main(folder: str, lock: str, program: str) -> None:
    os.set_inheritable(int(lock), True)
    pid = os.getpid()
    write_whole(folder, LEADER, f"{pid} {started_at(pid)}")
    code = run_program(folder, program)
    write_whole(folder, OUTCOME, str(code))
    os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
