"""Every engine against the one suite. An engine is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dr_sim.engines.backup_set import END_MARK, decode
from dr_sim.engines.files import DiskFiles, MemoryFiles
from dr_sim.engines.model import MAGIC, ModelEngine

from .conformance import Behaviour, Conformance, Server, Servers

MODEL_REFUSALS = {
    "gap": {4305}, "stale": {4326}, "wrong_database": {3154}, "wrong_base": {3136}, "log_before_full": {4214},
    "nothing_restored": {3117}, "recovered": {3117}, "wrong_fork": {4330}, "no_file": {3201}, "cut_in_header": {3241},
    "cut": {3203}, "flip_in_header": {3241}, "flip_in_body": {3183, 3189}, "flip_in_tail": {3189},
    "zero_tail": {3189}, "cut_off_in_backup": {3256, 3241},
}  # fmt: skip


def zone(magic: bytes) -> Callable[[bytes, str], range]:
    def of(data: bytes, name: str) -> range:
        s = decode(magic, data)
        body = range(s.body_at, s.body_at + s.body_bytes)
        return {"header": range(s.body_at), "body": body, "tail": range(len(data) - len(END_MARK), len(data))}[name]

    return of


def model(folder: Path, *, checksum: bool, disk: bool) -> Servers:
    count = iter(range(100))

    def server() -> Server:
        files = DiskFiles(folder / str(next(count))) if disk else MemoryFiles()
        return Server(ModelEngine(files, checksum=checksum), files)

    return Servers(Behaviour(MODEL_REFUSALS, zone(MAGIC), notices_body_damage=checksum), server)


ENGINES: dict[str, Callable[[Path], Servers]] = {
    "model": lambda folder: model(folder, checksum=False, disk=False),
    "model with checksum": lambda folder: model(folder, checksum=True, disk=False),
    "model on disk": lambda folder: model(folder, checksum=False, disk=True),
}


@pytest.fixture(params=ENGINES.values(), ids=ENGINES)
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    yield request.param(tmp_path)


class TestConformance(Conformance):
    pass
