"""The cloud manager as a process of its own, with scripts that write down what they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

SCENARIO = """
name: served
run_for: 1 h
databases: {crm: {size: 1 GB}, shop: {size: 1 GB}}
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


@dataclass
class Served:
    """A cloud manager in a folder: started, stopped by its id, asked."""

    folder: Path
    set: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    port: int = 0
    lives: list[int] = field(default_factory=list)

    def __enter__(self) -> Served:
        scenario = self.folder / "served.yaml"
        if not scenario.exists():
            scenario.write_text(SCENARIO)
        return self

    def __exit__(self, *error: object) -> None:
        if self.process is not None:
            self.kill()

    def command(self) -> list[str]:
        options = ["served.yaml", "--store", "cloud.db", "--scripts", "scripts"]
        return [sys.executable, "-m", "dr_sim", "cloud", "serve", *options]

    def start(self) -> str:
        """Start it; the line that it prints."""
        self.process = subprocess.Popen(
            self.command(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        address, life = line.split()[0], line.split()[-1]
        self.port = int(address.rpartition(":")[2])
        self.lives.append(int(life))
        return line

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> tuple[int, str]:
        """End it by SIGTERM; its exit code, and what it said about errors."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> tuple[int, str]:
        assert self.process is not None
        process, self.process = self.process, None
        _, errors = process.communicate(timeout=LONGEST_S)
        return process.returncode, errors

    def token(self, caller: str) -> str:
        for line in (self.folder / "cloud.db.tokens").read_text().splitlines():
            if line.startswith(f"{caller} "):
                return line.split()[1]
        raise AssertionError(caller)

    def http(
        self, method: str, path: str, body: bytes | None = None, token: str = ""
    ) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_S)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
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
