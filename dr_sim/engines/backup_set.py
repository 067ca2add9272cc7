"""The model engine's backup files: real bytes in three zones, header, body and end mark.

Header: magic, version, the fields of BackupHeader, the range of commits n0..n1, the path of forks, a CRC-32.
Body: 16 pages of 8 bytes, each holding the content digest; whoever reads it takes what the pages say, and pages that
disagree yield some other content, as damaged pages do. With checksums (an option of the backup) a CRC-32 follows.
End mark: written when a backup is ended. The header's `ended` bit is written then as well, so a backup that was cut
off while it was made and a file that was cut off later can be told apart, as they can on SQL Server (3256, 3203).

Integers that fit 64 bits are packed (version 1, about 290 bytes in all); others, and databases that have been through
a failover, take version 2, which writes them as decimal text: LSNs have no bound.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.commits import MASK, content

Path = tuple[tuple[int, int, int], ...]
"""Forks from the oldest on: (fork, the LSN at which it began, the commits there)."""

MAGIC = b"DRBS"
END_MARK = b"DRBS set ends.\r\n"
PAGES = 16
BODY_BYTES = 8 * PAGES
_REST_BYTES = BODY_BYTES + len(END_MARK)
_COPY_ONLY, _TAIL, _ENDED, _CHECKSUM = 1, 2, 4, 8
_PREFIX = struct.Struct("<4sBBBxHH")  # magic, version, kind, flags, bytes of the name, bytes of version 2's integers
_NARROW = struct.Struct("<4sBBBxHH14q")
_NARROW_BYTES = _NARROW.size
_INTEGERS = struct.Struct("<14q")
_tuple = tuple.__new__
_CRC = struct.Struct("<I")
_KINDS = tuple(Kind)


class DamagedError(Exception):
    """The bytes are not a whole backup set; what: 'header', 'cut', 'not_ended', 'mark', 'page', 'checksum'."""

    def __init__(self, what: str, page: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.page = page


class BackupSet(NamedTuple):
    """What the header says; the integers in the order in which they are packed."""

    database: str
    kind: int
    flags: int
    path: Path
    body_at: int
    backup_id: int
    fork: int
    first_fork: int
    fork_point_lsn: int
    first_lsn: int
    last_lsn: int
    checkpoint_lsn: int
    database_backup_lsn: int
    differential_base_lsn: int
    started_utc_us: int
    finished_utc_us: int
    nominal_bytes: int
    n0: int
    n1: int

    def header(self) -> BackupHeader:
        return BackupHeader(
            self.database, self.backup_id, _KINDS[self.kind], self.fork, self.first_lsn, self.last_lsn,
            self.checkpoint_lsn, self.database_backup_lsn, self.differential_base_lsn, self.first_fork,
            self.fork_point_lsn, self.started_utc_us, self.finished_utc_us, bool(self.flags & _COPY_ONLY),
            bool(self.flags & _TAIL), self.nominal_bytes,
        )  # fmt: skip


def is_copy_only(s: BackupSet) -> bool:
    return bool(s.flags & _COPY_ONLY)


def path_digest(database: str, path: Path, n: int) -> int:
    """Digest of commits 0..n-1 along a path of forks; on a path of one it is mark(n)."""
    digest = 0
    for i, (fork, _, begins) in enumerate(path):
        ends = n if i + 1 == len(path) else min(n, path[i + 1][2])
        if ends > begins:
            digest += content(database, fork, begins, ends)
    return digest & MASK


def encode(
    h: BackupHeader, path: Path, n0: int, n1: int, body_content: int, *, ended: bool = True, checksum: bool = False
) -> bytes:
    """A whole backup set; not ended: what would lie there had it been cut off just before its end."""
    name = h.database.encode()
    flags = h.copy_only * _COPY_ONLY | h.is_tail * _TAIL | ended * _ENDED | checksum * _CHECKSUM
    integers = (
        h.backup_id, h.fork, h.first_fork, h.fork_point_lsn, h.first_lsn, h.last_lsn, h.checkpoint_lsn,
        h.database_backup_lsn, h.differential_base_lsn, h.started_utc_us, h.finished_utc_us, h.nominal_bytes, n0, n1,
    )  # fmt: skip
    try:
        if len(path) > 1:
            raise struct.error
        head = _NARROW.pack(MAGIC, 1, h.kind, flags, len(name), 0, *integers) + name
    except struct.error:
        forks = [value for step in path for value in step]
        text = b"%b;%b" % (",".join(map(str, integers)).encode(), ",".join(map(str, forks)).encode())
        head = _PREFIX.pack(MAGIC, 2, h.kind, flags, len(name), len(text)) + text + name
    body = body_content.to_bytes(8, "little") * PAGES
    if checksum:
        body += _CRC.pack(crc32(body))
    return head + _CRC.pack(crc32(head)) + body + END_MARK


def decode(data: bytes) -> BackupSet:
    """The header alone. Raises DamagedError 'header'."""
    try:
        magic, version, kind, flags, name_bytes, text_bytes = _PREFIX.unpack_from(data)
        fixed = _NARROW_BYTES if version == 1 else _PREFIX.size + text_bytes
        head = fixed + name_bytes
        if magic != MAGIC or _CRC.unpack_from(data, head)[0] != crc32(data[:head]):
            raise DamagedError("header")
        name = data[fixed:head].decode()
        if version == 1:
            integers = _INTEGERS.unpack_from(data, _PREFIX.size)
            # not BackupSet(...): its Python-level __new__ costs a microsecond a log
            return _tuple(BackupSet, (name, kind, flags, ((integers[1], 0, 0),), head + 4, *integers))
        first, _, second = data[_PREFIX.size : fixed].decode().partition(";")
        forks = [int(word) for word in second.split(",")]
        path = tuple(zip(forks[0::3], forks[1::3], forks[2::3], strict=True))
        return BackupSet(name, kind, flags, path, head + 4, *map(int, first.split(",")))
    except (struct.error, ValueError):
        raise DamagedError("header") from None


def check_length(s: BackupSet, data: bytes) -> None:
    """Raises DamagedError 'not_ended' or 'cut'."""
    if not s.flags & _ENDED:
        raise DamagedError("not_ended")
    if len(data) < s.body_at + _REST_BYTES + (4 if s.flags & _CHECKSUM else 0):
        raise DamagedError("cut")


def read_body(s: BackupSet, data: bytes) -> int:
    """The content the pages hold. Without checksums a damaged page goes unnoticed and just holds something else.

    Raises DamagedError 'not_ended', 'cut', 'mark', and with checksums 'page' (data pages) or 'checksum' (a log).
    """
    begin, flags = s.body_at, s.flags
    end = begin + BODY_BYTES
    if not flags & _ENDED or len(data) < end + len(END_MARK):
        check_length(s, data)
    body = data[begin:end]
    if flags & _CHECKSUM:
        check_length(s, data)
        if _CRC.unpack_from(data, end)[0] != crc32(body):
            pages = [body[i : i + 8] for i in range(0, BODY_BYTES, 8)]
            usual = max(pages, key=pages.count)
            odd = next((i for i, page in enumerate(pages) if page != usual), -1)
            raise DamagedError("checksum" if s.kind == Kind.LOG or odd < 0 else "page", odd)
        end += 4
    if data[end : end + len(END_MARK)] != END_MARK:
        raise DamagedError("mark")
    page = body[:8]
    if page * PAGES == body:
        return int.from_bytes(page, "little")
    return int.from_bytes(blake2b(body, digest_size=8).digest(), "little")
