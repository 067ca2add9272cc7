"""Both sides' engines and the files they share with the world, opened by the engine's name and
closed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from dr_sim.engines.files import DiskFiles, MemoryFiles
from dr_sim.engines.model import ModelEngine
from dr_sim.engines.port import Engine
from dr_sim.engines.scratch import scratch_folder

ENGINES = ("model", "sqlite", "postgres")
TIMINGS = ("modelled", "measured")


@dataclass(slots=True)
class Sides:
    """The primary's and the secondary's server, and where their backup files lie."""

    primary_files: Any  # port.Files, with what faults need: see files.py
    secondary_files: Any
    primary: Engine
    secondary: Engine
    # a server at a place of its own, and its files; given some, it works on those
    another: Callable[..., tuple[Any, Engine]]

    def turned(self) -> Sides:
        """The roles after a failover: the secondary's server is the primary's now, and the old
        primary, with the databases that it has, is the secondary. Files stay where they lie.
        """
        second = (self.primary_files, self.primary)
        return Sides(
            self.secondary_files,
            second[0],
            self.secondary,
            second[1],
            self.another,
        )

    def beside(self, files: Any, engine: Engine) -> Sides:
        """The same primary, with that server as the secondary."""
        return Sides(
            self.primary_files, files, self.primary, engine, self.another
        )


def model_sides(
    checksum: bool = True, imitates: str = "sql_server"
) -> Sides:
    """Everything in memory. Backups are made with checksums: what goes bad between validation and
    read is refused.
    """

    def another(
        files: MemoryFiles | None = None,
    ) -> tuple[MemoryFiles, ModelEngine]:
        files = MemoryFiles() if files is None else files
        return files, ModelEngine(
            files, checksum=checksum, imitates=imitates
        )

    (primary_files, primary), (secondary_files, secondary) = (
        another(),
        another(),
    )
    return Sides(
        primary_files, secondary_files, primary, secondary, another
    )


def open_server(
    engine: str, files: DiskFiles, home: Path, scale: int, checksum: bool
) -> Engine:
    """One real server; home: a folder of its own that it may make. To be closed by close()."""
    # only here: a run on the model needs neither
    if engine == "sqlite":
        from dr_sim.engines.sqlite import SqliteEngine

        return SqliteEngine(files, home, checksum=checksum, scale=scale)
    from dr_sim.engines.postgres import PostgresEngine

    return PostgresEngine(files, checksum=checksum, scale=scale)


@contextmanager
def open_sides(
    engine: str,
    scale: int = 0,
    checksum: bool = True,
    imitates: str = "sql_server",
) -> Iterator[Sides]:
    """Engines by name, on real files in a temporary folder that is gone afterwards, whatever
    happens.

    imitates: whose rules the model follows. scale: nominal bytes for each on disk, 0: none but the
    witness's rows. checksum: they validate what they restore.
    """
    if engine == "model":
        sides = model_sides(checksum, imitates)
        with closing(sides.primary), closing(sides.secondary):
            yield sides
        return
    with scratch_folder() as home, ExitStack() as opened:
        names = chain(
            ("primary", "secondary"), (f"another {n}" for n in count(1))
        )

        def another(
            files: DiskFiles | None = None,
        ) -> tuple[DiskFiles, Engine]:
            side = next(names)
            files = DiskFiles(home / side) if files is None else files
            server = open_server(
                engine, files, home / f"{side} databases", scale, checksum
            )
            return files, opened.enter_context(closing(server))

        (primary_files, primary), (secondary_files, secondary) = (
            another(),
            another(),
        )
        yield Sides(
            primary_files, secondary_files, primary, secondary, another
        )
