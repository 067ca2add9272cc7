"""The cloud manager as a process of its own, with scripts that write down what they do."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NoReturn

import dr_sim.live.cloud.serve  # loaded here, so that each child has it
import dr_sim.loading
import dr_sim.world.cloud.manager_config  # noqa: F401
from dr_sim.cli.main import main

SCENARIO = """
name: served
run_for: 1 h
databases: {crm: {size: 1 GB, tenants: other}, shop: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
networks:
  prod: {tenants: shared, databases: crm}
  gov: {tenant: acme, databases: shop}
cloud: {mirror: {mode: jobs, every: 0 s, audit: 0 s}}
jobs: {time_limit: 3 s, retry: 1 s, attempts: 2, at_once: 4, start: 0 s, set: 1 s, rebuild: 1 s}
changes: {takes: 1 s}
clients: {portal: {calls: 1 per min, tenant: other}, crew: {calls: 1 per min}}
"""
SCRIPT = """#!/bin/sh
set -eu
cd "{folder}"
say() {{ echo "$DR_SIM_SITE $DR_SIM_THING $DR_SIM_CHANGE $DR_SIM_ATTEMPT $1" >> effects; }}
say begun
{lines}
say done
"""
LONGEST_S = 60


def script(folder: Path, name: str, lines: str = "") -> None:
    path = folder / "scripts" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(SCRIPT.format(folder=folder, lines=lines))
    path.chmod(0o755)


def within(seconds: float, what: Callable[[], Any]) -> Any:
    """What that gives, once it is true."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it has not come to that"
        time.sleep(0.02)
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and that nobody has asked about does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


OPTIONS = ["cloud", "serve", "served.yaml", "--scripts", "scripts"]
IN_A_FILE = ("--store", "cloud.db")


def run_here(folder: Path, arguments: list[str], out: int, errors: int) -> NoReturn:
    """Be `dr-sim` in that folder, in a child: what it needs is loaded already."""
    code = 70
    try:
        os.chdir(folder)
        os.dup2(out, 1)
        os.dup2(errors, 2)
        sys.stdout = os.fdopen(1, "w")
        sys.stderr = os.fdopen(2, "w")
        code = main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


@dataclass
class Served:
    """A cloud manager in a folder: started, stopped by its id, asked."""

    folder: Path
    more: tuple[str, ...] = ()
    store: tuple[str, ...] = IN_A_FILE
    tokens: str = "cloud.db.tokens"
    pid: int = 0
    port: int = 0
    lives: list[int] = field(default_factory=list)

    def __enter__(self) -> Served:
        scenario = self.folder / "served.yaml"
        if not scenario.exists():
            scenario.write_text(SCENARIO)
        return self

    def __exit__(self, *error: object) -> None:
        if self.pid:
            self.kill()

    def start(self) -> str:
        """Start it; the line that it prints, '' if it printed none."""
        with os.fdopen(self.begin()) as told:
            line = told.readline()
        if line:
            self.port = int(line.split()[0].rpartition(":")[2])
            self.lives.append(int(line.split()[-1]))
        return line

    def begin(self) -> int:
        """Start it, and wait for nothing; the pipe with what it prints."""
        reading, out = os.pipe()
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
        errors = os.open(self.folder / "errors", flags)
        self.pid = os.fork()
        if not self.pid:
            run_here(self.folder, [*OPTIONS, *self.store, *self.more], out, errors)
        os.close(out)
        os.close(errors)
        return reading

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.ended()

    def stop(self) -> tuple[int, str]:
        """End it by SIGTERM; its exit code, and what it said about errors."""
        os.kill(self.pid, signal.SIGTERM)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for its end."""
        pid, self.pid = self.pid, 0
        _, status = os.waitpid(pid, 0)
        errors = (self.folder / "errors").read_text()
        return os.waitstatus_to_exitcode(status), errors

    def token(self, caller: str) -> str:
        for line in (self.folder / self.tokens).read_text().splitlines():
            if line.startswith(f"{caller} "):
                return line.split()[1]
        raise AssertionError(caller)

    def http(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        token: str = "",
        more: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_S)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more or {}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def put(self, request: str, caller: str = "operators", **asked: Any) -> tuple[int, Any]:
        asked = {"operation": "rotate_secret", "network": "prod", "thing": "crm", **asked}
        token = self.token(caller)
        return self.http("PUT", f"/v1/requests/{request}", json.dumps(asked).encode(), token)

    def state(self, request: str, caller: str = "operators") -> str:
        _, found = self.http("GET", f"/v1/requests/{request}", None, self.token(caller))
        state: str = found["state"]
        return state

    def effects(self) -> list[str]:
        path = self.folder / "effects"
        return path.read_text().splitlines() if path.exists() else []
