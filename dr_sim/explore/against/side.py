"""The other side: a program that plays cases with the code of another folder, for as long as it is
asked to.

It is run as a script, not imported: the `dr_sim` that it imports is the other one. So it uses only
what has been there for long, and it does not matter what is new beside this file. One line of JSON
comes in, one goes out. Its input ends when its parent dies, however it dies, and so does it, also
in the middle of a run.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO


class _OtherPlayer:
    """Plays cases with the code of a folder. journal, scenario: those of the last case."""

    def __init__(self) -> None:
        self.journal: Any = None
        self.scenario: Any = None

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["do"] == "play":
            return self._played(asked)
        if asked["do"] == "summary":
            return {"summary": self._summary()}
        begin, end = asked["rows"]
        return {"rows": rows_of(self.journal, begin, end)}

    def _played(self, asked: dict[str, Any]) -> dict[str, Any]:
        from dataclasses import replace

        from dr_sim.errors import InputError
        from dr_sim.loading import load_scenario
        from dr_sim.world.own_logic import with_manager
        from dr_sim.world.play import play
        from dr_sim.world.world import Stops

        tree, manager = asked["tree"], asked["manager"]
        self.journal = None
        try:
            loaded = load_scenario(tree, engine="model", timing="modelled")
            scenario = replace(loaded, steps=True)
            if manager:
                scenario = with_manager(scenario, manager)
        except InputError as error:
            return {"refused": str(error)}
        self.scenario = scenario
        try:
            stops = Stops(asked["stops"], _catch_up)
            self.journal = play(scenario, stops=stops)
        except Exception as error:
            return {"raises": f"{type(error).__name__}: {error}"}
        digest = self.journal.digest()
        return {"digest": digest, "count": len(self.journal)}

    def _summary(self) -> Any:
        from dr_sim.measures.summary import summarise
        from dr_sim.measures.summary.plain import summary_json
        from dr_sim.measures.whole import Whole

        return summary_json(
            summarise(Whole.of(self.journal, self.scenario))
        )


def _catch_up(world: Any) -> None:
    """Let a cloud manager come to the present, as the run here does (explore/case.py)."""
    cloud = world.pairs[0].cloud
    if cloud is not None:
        cloud.catch_up()


def rows_of(journal: Any, begin: int, end: int) -> list[list[Any]]:
    """Return rows of a journal as plain values: instant, kind, and what they hold."""
    found = []
    for seq in range(begin, min(end, len(journal))):
        row = journal.row(seq)
        values = [f"{name}: {value}" for name, value in row.values.items()]
        found.append([row.time_us, row.kind, ", ".join(values)])
    return found


def _listen(lines: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)  # nobody is there to be answered


def _say(talk: BinaryIO, told: dict[str, Any]) -> None:
    talk.write(json.dumps(told).encode() + b"\n")
    talk.flush()


def main(folders: list[str]) -> None:
    """Answer until the input ends."""
    talk = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get in between
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    sys.path[:0] = folders
    try:
        import dr_sim
        from dr_sim.world.own_logic import look_here_too

        here = Path(dr_sim.__file__).resolve()
        for folder in folders:
            there = Path(folder, "dr_sim").resolve()
            if there.exists() and here.parent != there:
                raise ImportError(f"dr_sim was imported from {here}")
        look_here_too()
    except Exception as error:
        _say(talk, {"broken": f"{type(error).__name__}: {error}"})
        return
    _say(talk, {"ready": True})
    other = _OtherPlayer()
    while True:
        asked = json.loads(lines.get())
        began = time.process_time()
        try:
            told = other.answer(asked)
        except Exception as error:
            told = {"broken": f"{type(error).__name__}: {error}"}
        told["cpu_s"] = time.process_time() - began
        _say(talk, told)


if __name__ == "__main__":
    main(sys.argv[1:])
