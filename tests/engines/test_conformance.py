"""Every engine against the one suite. An engine is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dr_sim.engines.backup_set import BODY_BYTES, END_MARK
from dr_sim.engines.files import DiskFiles, MemoryFiles
from dr_sim.engines.model import ModelEngine

from .conformance import Behaviour, Conformance, Server, Servers

MODEL_REFUSALS = {
    "gap": {4305}, "stale": {4326}, "wrong_database": {3154}, "wrong_base": {3136}, "log_before_full": {4214},
    "nothing_restored": {3117}, "recovered": {3117}, "wrong_fork": {4330}, "no_file": {3201}, "cut_in_header": {3241},
    "cut": {3203}, "flip_in_header": {3241}, "flip_in_body": {3183, 3189}, "flip_in_tail": {3189},
    "zero_tail": {3189}, "cut_off_in_backup": {3256, 3241},
}  # fmt: skip


def model_zone(checksum: bool) -> Callable[[bytes, str], range]:
    def zone(data: bytes, name: str) -> range:
        tail = len(data) - len(END_MARK)
        body = tail - (4 if checksum else 0) - BODY_BYTES
        return {"header": range(body), "body": range(body, body + BODY_BYTES), "tail": range(tail, len(data))}[name]

    return zone


def model(folder: Path, *, checksum: bool, disk: bool) -> Servers:
    count = iter(range(100))

    def server() -> Server:
        files = DiskFiles(folder / str(next(count))) if disk else MemoryFiles()
        return Server(ModelEngine(files, checksum=checksum), files)

    return Servers(Behaviour(MODEL_REFUSALS, model_zone(checksum), notices_body_damage=checksum), server)


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
