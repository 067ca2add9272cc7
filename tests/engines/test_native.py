"""What PostgreSQL's own files hold, read without a server."""

from __future__ import annotations

import io
import tarfile

from dr_sim.engines.postgres.native import MANIFEST, manifest


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
