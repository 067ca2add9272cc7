"""Both sides' engines and the files they share with the world, opened by the engine's name and closed again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dr_sim.engines.files import DiskFiles, MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.port import Engine
from dr_sim.engines.sqlite import SqliteEngine

ENGINES = ("model", "sqlite", "postgres")


@dataclass(slots=True)
class Sides:
    """The primary's and the secondary's server, and where their backup files lie."""

    primary_files: Any  # port.Files, with what faults need: see files.py
    secondary_files: Any
    primary: Engine
    secondary: Engine


def model_sides() -> Sides:
    """Everything in memory. Backups are made with checksums: what goes bad between validation and read is refused."""
    primary, secondary = MemoryFiles(), MemoryFiles()
    return Sides(primary, secondary, ModelEngine(primary, checksum=True), ModelEngine(secondary, checksum=True))


def _server(engine: str, files: DiskFiles, home: Path) -> Any:
    if engine == "sqlite":
        return SqliteEngine(files, home, checksum=True)
    from dr_sim.engines.postgres import PostgresEngine  # only here: it brings a server with it

    return PostgresEngine(files, checksum=True)


@contextmanager
def open_sides(engine: str) -> Iterator[Sides]:
    """Engines by name, on real files in a temporary folder that is gone afterwards, whatever happens."""
    if engine == "model":
        yield model_sides()
        return
    home = Path(tempfile.mkdtemp(prefix="dr-sim-"))
    try:
        primary, secondary = DiskFiles(home / "primary"), DiskFiles(home / "secondary")
        with ExitStack() as opened:
            servers: list[Engine] = []
            for side, files in (("primary", primary), ("secondary", secondary)):
                server = _server(engine, files, home / f"{side} databases")
                opened.callback(server.close)
                servers.append(server)
            yield Sides(primary, secondary, servers[0], servers[1])
    finally:
        shutil.rmtree(home, ignore_errors=True)
