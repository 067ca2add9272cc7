"""An idempotent HTTP API of one's own, under the clients and faults of dr_sim.

    dr-sim cloud chaos examples/own_api.yaml --api examples.own_api:Api

`Api` is what dr_sim needs: four methods around any service. The service here keeps requests in an
SQLite file and does its work at once, in the transaction that takes the request in.
"""

import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from dr_sim.chaos import CallAnswered, EffectSeen

TABLES = """
CREATE TABLE IF NOT EXISTS requests(name TEXT PRIMARY KEY, asks TEXT);
CREATE TABLE IF NOT EXISTS effects(number INTEGER PRIMARY KEY, name TEXT, asks TEXT);
"""


# ---- the service
class Handler(BaseHTTPRequestHandler):
    """POST / with what is asked for as JSON; the answer is one word."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = f"{asked['caller']}/{asked['request']}"
        asks = json.dumps([asked[key] for key in ("operation", "network", "thing", "params")])
        with self.server.db as db:  # one transaction
            found = db.execute("SELECT asks FROM requests WHERE name = ?", [name]).fetchone()
            if asked["operation"] == "read":
                outcome = "found" if found else "unknown"
            elif found:
                outcome = "again" if found[0] == asks else "conflict"
            else:
                outcome = "accepted"
                db.execute("INSERT INTO requests VALUES(?, ?)", [name, asks])
                db.execute("INSERT INTO effects(name, asks) VALUES(?, ?)", [name, asks])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(outcome.encode())

    def log_message(self, *words):
        """Say nothing."""


def serve(file, port):
    server = HTTPServer(("127.0.0.1", int(port)), Handler)
    server.db = sqlite3.connect(file)
    server.db.executescript(TABLES)
    server.serve_forever()


# ---- what dr_sim needs
class Api:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "requests.db"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None

    def start(self):
        self.process = subprocess.Popen([sys.executable, __file__, self.file, str(self.port)])
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the service does not start")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def call(self, asked):
        names = ("caller", "request", "operation", "network", "thing", "params")
        body = json.dumps({name: getattr(asked, name) for name in names})
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/", body)
        answer = connection.getresponse().read().decode()
        connection.close()
        return CallAnswered(answer)

    def effects(self):
        db = sqlite3.connect(self.file)
        rows = db.execute("SELECT name, asks FROM effects ORDER BY number").fetchall()
        db.close()
        found = []
        for name, asks in rows:
            _, network, thing, _ = json.loads(asks)
            found.append(EffectSeen("here", network, thing, name))
        return found


if __name__ == "__main__":
    serve(*sys.argv[1:])
