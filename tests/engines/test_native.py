"""What PostgreSQL's own files hold, read without a server."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dr_sim.engines.port import EngineError
from dr_sim.engines.postgres.database import PostgresDatabase
from dr_sim.engines.postgres.native import MANIFEST, manifest, segment_name
from dr_sim.engines.postgres.server import FULL, SEGMENT_BYTES
from dr_sim.engines.postgres.spool import LogSpool


def tar_of(*files: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


BASE = [("base/1/1259", bytes(8192)), ("backup_label", MANIFEST.encode())]


def test_the_manifest_of_a_base_backup_is_its_last_file() -> None:
    assert manifest(tar_of(*BASE, (MANIFEST, b"{1}"))) == b"{1}"
    assert manifest(tar_of(("old", tar_of((MANIFEST, b"{0}"))), (MANIFEST, b"{1}"))) == b"{1}"


def test_a_base_backup_without_a_manifest_or_with_a_damaged_one_has_none() -> None:
    assert manifest(b"") == b""
    assert manifest(tar_of(*BASE)) == b""
    whole = tar_of((MANIFEST, b"{1}"))
    assert manifest(b"B" + whole[1:]) == b""
    flipped = whole[:130] + b"7" + whole[131:]  # its size: the checksum does not fit
    assert manifest(flipped) == b""
    assert manifest(whole[:300]) == b""


# ---- what a fallen server has gathered
LAST = 15
"""The segment whose end was cut off by the fall; the server goes on in the next one."""


class Restarted:
    """A server that offers its last closed segment to the archiver at the third checkpoint, when
    the summarizer has read it.
    """

    running = False

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.checkpoints = folder, folder / "data", 0
        (self.data / "pg_wal/archive_status").mkdir(parents=True)
        (folder / "spool").mkdir()
        (folder / FULL).touch()

    def start(self) -> None:
        self.mark(LAST - 2, "done")
        self.mark(LAST - 1, "ready")

    def mark(self, segment: int, how: str) -> None:
        (self.data / f"pg_wal/archive_status/{segment_name(1, segment)}.{how}").touch()

    def execute(self, sql: str) -> None:
        assert sql == "CHECKPOINT"
        self.checkpoints += 1
        if self.checkpoints == 3:
            self.mark(LAST, "ready")

    def row(self, sql: str) -> tuple[object, ...]:
        return (f"0/{(LAST + 1) * SEGMENT_BYTES + 100:X}",)

    def wait(self, done: Callable[[], bool], limit_s: float) -> bool:
        return any(done() for _ in range(10))


def test_checkpoints_are_made_until_the_archiver_is_given_the_segment_that_was_cut_off(
    tmp_path: Path,
) -> None:
    server: Any = Restarted(tmp_path)
    spool = LogSpool(server, tmp_path)
    spool.begins_at((LAST - 2) * SEGMENT_BYTES)
    fallen: Any = PostgresDatabase.__new__(PostgresDatabase)
    fallen.server, fallen.spool, fallen.fell = server, spool, EngineError(1, "PANIC")
    fallen.has_room()
    assert server.checkpoints == 3 and spool.is_offered() and fallen.fell is None
    assert not (tmp_path / FULL).exists()


@pytest.mark.parametrize(("how", "offered"), [("", False), ("ready", True), ("done", True)])
def test_a_closed_segment_that_nobody_was_given_is_not_offered(
    how: str, offered: bool, tmp_path: Path
) -> None:
    server: Any = Restarted(tmp_path)
    spool = LogSpool(server, tmp_path)
    spool.begins_at(LAST * SEGMENT_BYTES)
    if how:
        server.mark(LAST, how)
    assert spool.is_offered() is offered
    (tmp_path / "spool" / segment_name(1, LAST)).touch()
    assert spool.is_offered()
