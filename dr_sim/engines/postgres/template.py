"""A fresh cluster to copy databases from: initdb takes a second, a copy of 7 MB a few milliseconds.

Made once per process. Of the three databases that initdb makes only `postgres` is kept, so a full
backup is 8 MB. Copies share PostgreSQL's system identifier; which database a backup is of, its
header says.
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from dr_sim.engines.postgres.contents import SCHEMA
from dr_sim.engines.postgres.home import Home
from dr_sim.engines.postgres.server import SEGMENT_BYTES, PostgresServer


def copy_template(home: Home, data: Path) -> None:
    """Make `data` a fresh cluster. Raises EngineError, initdb's or the server's."""
    folder = home.folder / "template"
    if not (folder / "made").exists():
        shutil.rmtree(
            folder, ignore_errors=True
        )  # of an attempt that failed
        _make(home, folder)
    home.run("/bin/cp", "-Rp", folder / "data", data)


def _make(home: Home, folder: Path) -> None:
    home.make_folder(folder)
    home.run(
        "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "--locale=C",
        "-E",
        "UTF8",
        "-k",
        "--no-sync",
        f"--wal-segsize={SEGMENT_BYTES >> 20}",
        "--no-instructions",
    )
    server = PostgresServer(home, folder, "template")
    server.start(archive_mode="off", summarize_wal="off")
    try:
        server.execute("UPDATE pg_database SET datistemplate = false")
        for name in ("template1", "template0"):
            server.execute(f"DROP DATABASE {name}")
        server.execute(SCHEMA)
    finally:
        server.stop(
            signal.SIGINT
        )  # a clean shutdown: a copy starts without recovering
    (folder / "made").touch()
