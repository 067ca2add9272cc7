"""A PostgreSQL database for stores: one server for each process of tests, whose changes are forced
to disk. Root runs it as another user (dr_sim/engines/postgres/home.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

import psycopg

from dr_sim.engines.postgres.home import home
from dr_sim.engines.postgres.server import PostgresServer
from dr_sim.engines.postgres.template import copy_template

FORCED = {"fsync": "on", "archive_mode": "off", "summarize_wal": "off"}


@dataclass
class Database:
    server: PostgresServer

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.server.folder), safe='')}"

    def execute(self, sql: str, *values: bytes) -> None:
        """Change something from another session."""
        with psycopg.connect(self.url, autocommit=True) as session:
            session.execute(sql.encode(), values)

    def fall(self, **settings: str) -> None:
        """End the server at once, as a crash of its machine does, and start it again."""
        self.server.stop()
        self.server.start(**{**FORCED, **settings})


@cache
def database() -> Database:
    here = home()
    folder = here.new_folder()
    copy_template(here, folder / "data")
    server = PostgresServer(here, folder, "store")
    server.start(**FORCED)
    return Database(server)
