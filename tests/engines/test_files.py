"""Files and what faults do to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.engines.files import DiskFiles, MemoryFiles, actual_span, flipped


@pytest.fixture(params=["memory", "disk"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryFiles | DiskFiles:
    return MemoryFiles() if request.param == "memory" else DiskFiles(tmp_path / "side")


def test_write_rename_delete(files: MemoryFiles | DiskFiles) -> None:
    files.write("share/a b", b"12345")
    files.write("share/a b", b"123456")
    files.rename("share/a b", "work/c")
    assert not files.exists("share/a b") and files.exists("work/c") and files.size("work/c") == 6
    files.delete("work/c")
    files.delete("work/c")
    with pytest.raises(KeyError):
        files.read("work/c")
    with pytest.raises(KeyError):
        files.rename("work/c", "work/d")


def test_a_copy_is_another_file(files: MemoryFiles | DiskFiles) -> None:
    files.write("share/a", b"12345")
    files.copy("share/a", "restore/b")
    files.truncate("restore/b", 2)
    assert (files.read("share/a"), files.read("restore/b")) == (b"12345", b"12")
    files.copy("share/a", "restore/b")
    assert files.read("restore/b") == b"12345"
    with pytest.raises(KeyError):
        files.copy("share/c", "restore/c")
    assert not files.exists("restore/c")


def test_faults_change_the_bytes_they_name(files: MemoryFiles | DiskFiles) -> None:
    files.write("f", bytes(range(10)))
    files.flip("f", 2, 3, 0x0F)
    assert files.read("f") == bytes([0, 1, 2 ^ 15, 3 ^ 15, 4 ^ 15, 5, 6, 7, 8, 9])
    files.truncate("f", 3)
    assert files.read("f") == bytes([0, 1, 2 ^ 15])


def test_a_path_may_not_leave_its_folder(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path / "side")
    for path in ("../outside", "/../outside", "a/../..", ".", "/"):
        with pytest.raises(ValueError, match="leaves"):
            files.write(path, b"")
    files.write("//primary/backup/log", b"1")
    assert (tmp_path / "side/primary/backup/log").read_bytes() == b"1"


def test_flips_outside_a_file_are_mistakes() -> None:
    for offset, length, mask in ((5, 1, 255), (-1, 1, 255), (0, 0, 255), (0, 1, 0), (0, 1, 256)):
        with pytest.raises(ValueError):
            flipped(b"12345", offset, length, mask)
    assert flipped(b"12345", 4, 100, 1) == b"12344"


def test_nominal_spans_map_in_proportion() -> None:
    assert actual_span(0, 500_000_000_000, 500_000_000_000, 290) == (0, 290)
    assert actual_span(250_000_000_000, 65_536, 500_000_000_000, 290) == (145, 1)
    assert actual_span(499_999_999_999, 1, 500_000_000_000, 290) == (289, 1)
    assert actual_span(3, 4, 10, 20) == (6, 8)
    with pytest.raises(ValueError):
        actual_span(9, 2, 10, 20)
