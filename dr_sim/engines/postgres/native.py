"""PostgreSQL's own positions and files: LSNs, segments, what the body of a backup file holds.

A body begins with a table (its length, its CRC-32, JSON): the native positions, which are
PostgreSQL's and differ from run to run, and the parts that follow. A log's parts are segments, each
only as far as it was written (a closed segment's rest says nothing and is put back as zeros), and
the histories of timelines. A full's or an incremental's one part is the tar that pg_basebackup
gave.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from dr_sim.engines.backup_set import DamagedError
from dr_sim.engines.postgres.server import SEGMENT_BYTES

_TABLE = struct.Struct("<II")
_PAGE_BYTES = 8192  # XLOG_BLCKSZ
_PAGE_HEADER_BYTES = 24  # SizeOfXLogShortPHD
_A_LOG_FILE = (
    1 << 32
) // SEGMENT_BYTES  # segments whose names share the middle eight digits


def lsn(text: str) -> int:
    """'1/30000A8' as an integer."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def lsn_text(value: int) -> str:
    return f"{value >> 32:X}/{value & 0xFFFFFFFF:X}"


def segment_of(value: int) -> int:
    return value // SEGMENT_BYTES


def segment_name(timeline: int, segment: int) -> str:
    return f"{timeline:08X}{segment // _A_LOG_FILE:08X}{segment % _A_LOG_FILE:08X}"


def segment_number(name: str) -> tuple[int, int]:
    """(timeline, segment) of such a name; timeline 0: it is none."""
    if len(name) != 24 or not all(c in "0123456789ABCDEF" for c in name):
        return 0, 0
    return int(name[:8], 16), int(name[8:16], 16) * _A_LOG_FILE + int(
        name[16:], 16
    )


def trimmed(segment: bytes) -> bytes:
    """A segment without the pages at its end that say nothing: zeros, or a header and zeros (after
    a switch).
    """
    end = len(segment)
    while end > _PAGE_BYTES and _says_nothing(
        segment[end - _PAGE_BYTES : end]
    ):
        end -= _PAGE_BYTES
    return (
        segment[:end]
        if end > _PAGE_BYTES or segment[:_PAGE_BYTES].strip(b"\0")
        else b""
    )


def _says_nothing(page: bytes) -> bool:
    # xlp_rem_len in the header: a record that continues into this page may consist of zeros
    return (
        page.count(0, _PAGE_HEADER_BYTES)
        == _PAGE_BYTES - _PAGE_HEADER_BYTES
        and page[16:20] == b"\0\0\0\0"
    )


@dataclass(slots=True)
class Native:
    """timeline and the LSNs [begin, end) of what a backup holds; end 0: as far as its segments
    go. ends: of a log, where each transaction ends: the world's LSN, and PostgreSQL's.
    """

    timeline: int
    begin: int
    end: int
    parts: list[tuple[str, bytes]] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)

    def encode(self) -> bytes:
        ends = [(str(world), own) for world, own in self.ends]
        said = {
            "timeline": self.timeline,
            "begin": self.begin,
            "end": self.end,
            "parts": [(name, len(part)) for name, part in self.parts],
            "ends": ends,
        }
        table = json.dumps(said, separators=(",", ":")).encode()
        return b"".join(
            (
                _TABLE.pack(len(table), crc32(table)),
                table,
                *(part for _, part in self.parts),
            )
        )

    @staticmethod
    def decode(body: bytes) -> Native:
        """Raises DamagedError 'mark' if it does not add up."""
        try:
            length, check = _TABLE.unpack_from(body)
            at = _TABLE.size + length
            table = body[_TABLE.size : at]
            if crc32(table) != check:
                raise DamagedError("mark")
            said: dict[str, Any] = json.loads(table)
            native = Native(said["timeline"], said["begin"], said["end"])
            for world, own in said["ends"]:
                native.ends.append((int(world), int(own)))
            for name, size in said["parts"]:
                native.parts.append((name, body[at : at + size]))
                at += size
        except (struct.error, ValueError, KeyError, TypeError):
            raise DamagedError("mark") from None
        if at != len(body):
            raise DamagedError("mark")
        return native


# ---- the tar of a full or an incremental
MANIFEST = "backup_manifest"


def extract(
    tar: bytes, target: Path, owner: tuple[int, int] | None
) -> None:
    """Lay out a base backup. Raises DamagedError 'mark' if this is no tar; a tar that ends early is
    left to its manifest.
    """
    target.mkdir(mode=0o700)
    root = f"{target}/"
    places = [str(target)]
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for member in archive:
                if member.name.startswith("/") or ".." in member.name.split(
                    "/"
                ):
                    raise DamagedError("mark")
                place = root + member.name
                if member.isdir():
                    os.makedirs(place, 0o700, exist_ok=True)
                elif member.isreg():
                    begin = member.offset_data
                    with open(
                        os.open(
                            place,
                            os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                            0o600,
                        ),
                        "wb",
                        0,
                    ) as file:
                        file.write(tar[begin : begin + member.size])
                else:
                    raise DamagedError(
                        "mark"
                    )  # we have no tablespaces, so no links either
                places.append(place)
    except (tarfile.TarError, OSError, ValueError, EOFError):
        raise DamagedError("mark") from None
    if owner is not None:
        for place in places:
            os.chown(place, *owner)


def manifest(tar: bytes) -> bytes:
    """The manifest in a base backup, the last file of it; empty if there is none."""
    header = tar.rfind(MANIFEST.encode().ljust(tarfile.LENGTH_NAME, b"\0"))
    begin = header + tarfile.BLOCKSIZE
    try:
        member = tarfile.TarInfo.frombuf(
            tar[header:begin], "ascii", "surrogateescape"
        )
    except tarfile.TarError:
        return b""
    return tar[begin : begin + member.size]


def log_range(manifest: bytes) -> tuple[int, int, int]:
    """The timeline and the LSNs between which the base backup of that manifest was taken."""
    ranges = json.loads(manifest)["WAL-Ranges"]
    last = ranges[-1]
    return (
        last["Timeline"],
        lsn(ranges[0]["Start-LSN"]),
        lsn(last["End-LSN"]),
    )
