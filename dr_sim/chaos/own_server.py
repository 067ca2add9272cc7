"""dr_sim's own cloud manager as an API under test: a server of its own over loopback, whose scripts
write down what they do.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING
from urllib.parse import quote

from dr_sim.chaos.api import CallAnswered, CallMade, EffectSeen
from dr_sim.errors import DrSimError, input_error
from dr_sim.scenario.cloud_model import OPERATIONS
from dr_sim.stores import StoreError

if TYPE_CHECKING:  # the extra is needed where the store is a database
    from dr_sim.stores.postgres import PostgresStore

_LONGEST_S = 60.0
_NOT_FOUND = 404
_READ, _ACCEPTED, _AGAIN = "read", "accepted", "again"
_SCRIPT = """#!/bin/sh
exec "{python}" -I -S "{effect}" "{effects}"
"""
_EFFECT = """
import json, os, sys
names = ("site", "network", "thing", "change")
effect = {name: os.environ["DR_SIM_" + name.upper()] for name in names}
handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.write(handle, (json.dumps(effect) + "\\n").encode())  # one write: whole, or not there
"""
_AT_ONCE = ("cloud.mirror.every=0s", "cloud.mirror.audit=0s")
"""Keys that are set for the server: mirroring does not wait for the wall clock."""


class NoServerError(DrSimError):
    """The server did not start, or did not answer."""


@dataclass(frozen=True, slots=True)
class ServedScenario:
    """A scenario file, and the keys that are set in it (KEY=VALUE). store: URL of the PostgreSQL
    database for the server's state; '' for a file.
    """

    path: Path
    set: tuple[str, ...] = ()
    store: str = ""


@contextmanager
def emptied(store: str) -> Iterator[None]:
    """Empty a server's database at the end; '' is none. Raises InputError where it holds something
    at the beginning: a cloud manager may need that.
    """
    if not store:
        yield
        return
    with _opened(store) as database:
        if database.load():
            raise input_error(
                "--store",
                f"{database.place} holds the state of a cloud manager; name an empty database",
            )
    try:
        yield
    finally:
        with _opened(store) as database:
            database.save_all(dict.fromkeys(database.load(), ""))


@contextmanager
def _opened(store: str) -> Iterator[PostgresStore]:
    """Open a database. Raises InputError where it cannot be used."""
    from dr_sim.stores.postgres import PostgresStore

    try:
        with PostgresStore(store) as database:
            yield database
    except StoreError as error:
        raise input_error("--store", str(error)) from None


class OwnServer:
    """ApiUnderTest in an empty folder. callers: their names.

    cuts: the number of a call, from 1, to the seconds after its beginning at which the server is
    killed. lost: what it has forgotten by that, a sentence each.
    """

    def __init__(
        self,
        scenario: ServedScenario,
        folder: Path,
        callers: Sequence[str],
    ) -> None:
        self._scenario = scenario
        self.folder = folder
        self._tokens = {
            name: f"token-of-caller-{i:04}"
            for i, name in enumerate(callers)
        }
        self._process: subprocess.Popen[str] | None = None
        self._connection: HTTPConnection | None = None
        self.lives = 0
        self.cuts: dict[int, float] = {}
        self.lost: list[str] = []
        self._calls = 0
        self._accepted: set[str] = set()
        effect = folder / "effect.py"
        effect.write_text(_EFFECT)
        script = _SCRIPT.format(
            python=sys.executable,
            effect=effect,
            effects=folder / "effects",
        )
        scripts = folder / "scripts"
        scripts.mkdir()
        for name, _, _ in OPERATIONS:
            path = scripts / name
            path.write_text(script)
            path.chmod(0o755)
        lines = [f"{json.dumps(n)} {t}\n" for n, t in self._tokens.items()]
        tokens = folder / "tokens"
        tokens.touch(0o600)
        tokens.write_text("".join(lines))

    def start(self) -> None:
        folder = self.folder
        command = [
            *(sys.executable, "-m", "dr_sim", "cloud", "serve"),
            *(
                str(self._scenario.path),
                "--store",
                self._scenario.store or str(folder / "cloud.db"),
            ),
            *("--agents", str(folder / "agents")),
            *("--scripts", str(folder / "scripts")),
            *("--tokens", str(folder / "tokens")),
        ]
        for key in (*self._scenario.set, *_AT_ONCE):
            command += ["--set", key]
        with open(folder / "errors", "ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.kill()
            told = (folder / "errors").read_text(errors="replace")
            raise NoServerError(f"the server did not start: {told.strip()}")
        port = int(line.split()[0].rpartition(":")[2])
        self._connection = HTTPConnection(
            "127.0.0.1", port, timeout=_LONGEST_S
        )
        self.lives += 1

    def kill(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._connection = self._process = None

    def call(self, asked: CallMade) -> CallAnswered:
        self._calls += 1
        after_s = self.cuts.pop(self._calls, None)
        if after_s is None:
            answered = self._call(asked)
        else:
            answered = self._cut(asked, after_s)
        if answered.outcome == _ACCEPTED:
            self._accepted.add(asked.name)
        return answered

    def _cut(self, asked: CallMade, after_s: float) -> CallAnswered:
        """Make a call, kill the server so long after its beginning, and make the same call again.
        Return the first answer; where there was none, what the second one says of it.
        """
        assert self._process is not None
        known = asked.name in self._accepted
        killing = Timer(after_s, self._process.kill)
        killing.start()
        first = ""
        with suppress(NoServerError):  # killed before it had answered
            first = self._call(asked).outcome
        killing.join()
        self.kill()
        self.start()
        second = self._call(asked).outcome
        if not first:
            new = second == _AGAIN and not known
            return CallAnswered(_ACCEPTED if new else second)
        wanted = _AGAIN if first == _ACCEPTED else first
        if second != wanted:
            self.lost.append(
                f"2: {asked.name} was answered {first!r}, and {second!r} after kill -9"
            )
        return CallAnswered(first)

    def _call(self, asked: CallMade) -> CallAnswered:
        assert self._connection is not None, "it has been started"
        token = self._tokens[asked.caller]
        headers = {"Authorization": f"Bearer {token}"}
        path = f"/v1/requests/{quote(asked.request, safe='')}"
        method, body = "GET", b""
        if asked.operation != _READ:
            method = "PUT"
            wanted = {
                "operation": asked.operation,
                "network": asked.network,
                "thing": asked.thing,
                "params": dict(asked.params),
            }
            body = json.dumps(wanted).encode()
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise NoServerError(
                f"the server did not answer {asked}: {error}"
            ) from None
        if not asked.request and answer.status == _NOT_FOUND:
            return CallAnswered("unknown")  # no request has an empty id
        if "outcome" not in told:
            raise NoServerError(f"the server refused {asked}: {told}")
        return CallAnswered(told["outcome"])

    def effects(self) -> list[EffectSeen]:
        path = self.folder / "effects"
        if not path.exists():
            return []
        found = [json.loads(line) for line in path.read_text().splitlines()]
        return [
            EffectSeen(v["site"], v["network"], v["thing"], v["change"])
            for v in found
        ]
