"""The server is killed with kill -9 at random instants, while callers call and scripts run: nothing
that was acknowledged is lost, and everything is done once.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections import defaultdict
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread

import pytest

from dr_sim.cloud.commands import AnswerCall
from dr_sim.live.life import Live
from dr_sim.stores.postgres import TABLE
from tests.live.cloud.serving import IN_A_FILE, Served, script, within
from tests.stores.own_postgres import database

THINGS = (("prod", "crm"), ("gov", "shop"))
LONGEST_LIFE_S = 0.5
LONGEST_SCRIPT_S = 0.3


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


class Caller(Thread):
    """Asks for one change after the other, each until it is answered."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self.served = served
        self.over = Event()
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.over.is_set():
            number = len(self.acknowledged)
            self._ask(f"r{number}", *THINGS[number % 2])

    def _ask(self, request: str, network: str, thing: str) -> None:
        while not self.over.is_set():
            try:
                status, answer = self.served.put(request, network=network, thing=thing)
                if status in (200, 202):
                    self.acknowledged[request] = (network, thing)
                    return
                if status != 503:  # it is ending
                    self.wrong.append(f"{request}: {status} {answer}")
                    return
            except (OSError, HTTPException, ValueError):
                time.sleep(0.01)


def killed(
    folder: Path,
    kills: int,
    seed: int,
    store: tuple[str, ...] = IN_A_FILE,
    tokens: str = "cloud.db.tokens",
) -> None:
    """Kill it so often, at instants drawn from that seed; then see what is there."""
    draws = random.Random(seed)
    script(folder, "rotate_secret", "sleep 0.1")
    port = free_port()
    at = ("--port", str(port))
    with Served(folder, at, store, tokens, port=port) as served, ExitStack() as pipes:
        served.start()
        caller = Caller(served)
        caller.start()
        for number in range(kills):
            time.sleep(draws.uniform(0, LONGEST_LIFE_S))
            served.kill()
            told = pipes.enter_context(os.fdopen(served.begin()))
            if number % 3:  # else it may be killed before it serves
                told.readline()
        before = len(caller.acknowledged)
        within(30, lambda: len(caller.acknowledged) > before)
        caller.over.set()
        caller.join()
        assert caller.wrong == []
        all_is_there(served, caller.acknowledged)


def all_is_there(served: Served, acknowledged: dict[str, tuple[str, str]]) -> None:
    token = served.token("operators")
    for request in acknowledged:
        assert served.http("GET", f"/v1/requests/{request}", None, token)[0] == 200, request
    wanted = len(acknowledged)
    # a fast machine accepts requests faster than their scripts can run, one by one for each thing
    longest_s = 60 + wanted * LONGEST_SCRIPT_S
    within(longest_s, lambda: sum("done" in line for line in served.effects()) >= 2 * wanted)
    order: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in served.effects():
        site, thing, change, _, what = line.split()
        if what == "begun":
            order[thing, site].append(change)
    for _, thing in THINGS:
        asked = [f"operators/{r}" for r, (_, of) in acknowledged.items() if of == thing]
        assert order[thing, "A"] == asked  # once each, in their order
        assert order[thing, "B"] == asked
    assert len(served.effects()) == 4 * wanted
    for request in acknowledged:
        assert served.state(request) == "done"


def test_nothing_is_lost_by_kill_9(tmp_path: Path) -> None:
    killed(tmp_path, kills=5, seed=1)


@pytest.mark.long
def test_nothing_is_lost_by_50_kills(tmp_path: Path) -> None:
    killed(tmp_path, kills=50, seed=2)


def in_a_database() -> tuple[str, ...]:
    """The options of a store in an empty PostgreSQL database."""
    here = database()
    here.execute(f"DROP TABLE IF EXISTS {TABLE}")
    return ("--store", here.url, "--agents", "agents")


def test_nothing_is_lost_by_kill_9_in_a_postgresql_database(tmp_path: Path) -> None:
    killed(tmp_path, 5, 3, in_a_database(), "agents/tokens")


def answered_and_killed(folder: Path) -> int:
    """Kill it as soon as a request is answered; how the next life answers when it is asked."""
    script(folder, "rotate_secret")
    with Served(folder) as served:
        served.start()
        assert served.put("r0")[0] == 202
        served.kill()
        served.start()
        return served.http("GET", "/v1/requests/r0", None, served.token("operators"))[0]


def test_a_save_that_comes_after_the_answer_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: a request is saved a moment after it is answered."""
    (tmp_path / "right").mkdir()
    assert answered_and_killed(tmp_path / "right") == 200
    usual = Live._carry_out

    def saves_last(self: Live, commands: list[object]) -> None:
        if any(isinstance(each, AnswerCall) for each in commands):
            usual(self, commands[1:])
            time.sleep(2)
            commands = commands[:1]
        usual(self, commands)

    monkeypatch.setattr(Live, "_carry_out", saves_last)
    (tmp_path / "wrong").mkdir()
    assert answered_and_killed(tmp_path / "wrong") == 404
