"""The backup files of engines that have no format of their own: real bytes in three zones, header,
body, end mark.

Header: magic, version, the fields of BackupHeader, the range of commits n0..n1, the differential
base that a log carries, the path of forks, the body's length, a CRC-32. Body: the engine's own.
With checksums (an option of the backup) a CRC-32 of the body follows. End mark: written when a
backup is ended. The header's `ended` bit is written then as well, so a backup that was cut off
while it was made and a file that was cut off later can be told apart, as they can on SQL Server
(3256, 3203).

Integers that fit 64 bits are packed (version 1, about 170 bytes); others, and databases that have
been through a failover, take version 2, which writes them as decimal text: LSNs have no bound.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import NamedTuple, Protocol
from zlib import crc32

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.engines.commits import MASK, content

Path = tuple[tuple[int, int, int], ...]
"""Forks from the oldest on: (fork, the LSN at which it began, the commits there)."""

END_MARK = b"DRBS set ends.\r\n"
_END_BYTES = len(END_MARK)
_COPY_ONLY, _TAIL, _ENDED, _CHECKSUM = 1, 2, 4, 8
# magic, version, kind, flags; bytes of the name, of the integers of version 2, of the body
_PREFIX = struct.Struct("<4sBBBxHHQ")
_PREFIX_BYTES = _PREFIX.size
_NARROW = struct.Struct("<4sBBBxHHQ16q")
_NARROW_BYTES = _NARROW.size
_INTEGERS = struct.Struct("<16q")
_tuple = tuple.__new__
_CRC = struct.Struct("<I")
_KINDS = tuple(Kind)


class DamagedError(Exception):
    """The bytes are not a whole backup set; what: 'header', 'cut', 'not_ended', 'mark',
    'checksum'.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class BackupSet(NamedTuple):
    """Holds what the header says; the integers in the order in which they are packed."""

    database: str
    kind: int
    flags: int
    path: Path
    body_at: int
    body_bytes: int
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
    # logs: first_lsn of the full that was the differential base when it was cut; 0: none
    base_lsn: int
    base_commits: int  # at that full's end

    def header(self) -> BackupHeader:
        return BackupHeader(
            self.database,
            self.backup_id,
            _KINDS[self.kind],
            self.fork,
            self.first_lsn,
            self.last_lsn,
            self.checkpoint_lsn,
            self.database_backup_lsn,
            self.differential_base_lsn,
            self.first_fork,
            self.fork_point_lsn,
            self.started_utc_us,
            self.finished_utc_us,
            bool(self.flags & _COPY_ONLY),
            bool(self.flags & _TAIL),
            self.nominal_bytes,
        )


def is_copy_only(s: BackupSet) -> bool:
    return bool(s.flags & _COPY_ONLY)


def is_tail(s: BackupSet) -> bool:
    return bool(s.flags & _TAIL)


def path_digest(database: str, path: Path, n: int) -> int:
    """Digest of commits 0..n-1 along a path of forks; on a path of one it is mark(n)."""
    digest = 0
    for i, (fork, _, begins) in enumerate(path):
        ends = n if i + 1 == len(path) else min(n, path[i + 1][2])
        if ends > begins:
            digest += content(database, fork, begins, ends)
    return digest & MASK


class HasLog(Protocol):
    """A database at its primary: where its log begins, that no backup holds yet."""

    log_fork: int
    log_lsn: int
    log_commits: int


class HasBase(Protocol):
    """A database: the backup that the next incremental stands on."""

    has_base: bool
    base_lsn: int
    base_checkpoint_lsn: int


class BaseMoves(HasBase, Protocol):
    """The same of a primary's database. fulls_begun: where fulls that are being taken began."""

    base_checkpoint_lsn: int
    fulls_begun: list[int]


def tell_apart(
    header: BackupHeader,
    base_lsn: int | None,
    links: bool,
    fulls_begun: Collection[int] = (),
) -> None:
    """Mark a finished backup as copy-only that would be taken for another one, as incrementals name
    their base by its LSN. base_lsn: what names the present base; None: there is none. links: as of
    becomes_base. fulls_begun: where fulls that are being taken began.

    A full is one that begins at the LSN of the base and holds what was written since: an idle
    database is first written to during the full. By PostgreSQL's rule an incremental is one that
    began together with a full, as both were due at one instant, and does not stand on that. (A
    PostgreSQL server gives each backup a start of its own.)
    """
    at = header.first_lsn
    if header.kind is Kind.FULL:
        twin = at == base_lsn and header.last_lsn > at
    else:
        began_with_full = at == base_lsn or at in fulls_begun
        stands_before = header.differential_base_lsn < at
        twin = links and began_with_full and stands_before
    if twin:
        header.copy_only = True


def base_of(db: HasBase) -> int | None:
    """Return the LSN that names the base of the next incremental; None: there is no base."""
    return db.base_lsn if db.has_base else None


def log_has_begun(db: HasBase) -> bool:
    """Return whether the log may be backed up: a full that is not copy-only has begun its chain. A
    copy that was restored from a copy-only full remembers that.
    """
    return db.has_base or db.base_checkpoint_lsn > 0


def base_after(header: BackupHeader, base_lsn: int) -> int:
    """Return the LSN that names the base of the next incremental, once this one is finished (at a
    primary) or restored (at its copy), by PostgreSQL's rule: an incremental stands on the last
    backup of either kind. base_lsn: what named it before.

    A copy-only one does not move the base (tell_apart), nor does one that began before a full which
    was finished first: it lies behind that.
    """
    return base_lsn if header.copy_only else max(base_lsn, header.first_lsn)


def log_ends(db: HasLog, header: BackupHeader, commits: int) -> bool:
    """Note that a log backup is finished, and return whether its range leaves the log: that of a
    copy-only one does not, nor that of one which a later one has overtaken.
    """
    if header.copy_only or header.last_lsn < db.log_lsn:
        return False
    db.log_fork, db.log_lsn = header.fork, header.last_lsn
    db.log_commits = commits
    return True


def becomes_base(db: BaseMoves, header: BackupHeader, links: bool) -> bool:
    """Note that a full or an incremental is finished, and return whether the next incremental
    stands on it. links: incrementals stand on incrementals (PostgreSQL's rule).
    """
    if header.kind is Kind.FULL:
        db.fulls_begun.remove(header.first_lsn)
    if header.copy_only:
        return False
    if header.kind is Kind.INCREMENTAL:
        base_lsn = base_after(header, db.base_lsn)
        return links and base_lsn != db.base_lsn
    db.has_base, db.base_checkpoint_lsn = True, header.checkpoint_lsn
    return True


class SetContents(NamedTuple):
    """Holds what a backup set says beside its header: the forks, the commits from n0 on and before
    n1, and the differential base that a log carries (see BackupSet).
    """

    path: Path
    n0: int
    n1: int
    base_lsn: int = 0
    base_commits: int = 0


def encode(
    magic: bytes,
    h: BackupHeader,
    written: SetContents,
    body: bytes,
    *,
    ended: bool = True,
    checksum: bool = False,
) -> bytes:
    """Return a whole backup set; not ended: what would lie there had it been cut off just before
    its end.
    """
    path, n0, n1, base_lsn, base_commits = written
    name = h.database.encode()
    flags = (
        h.copy_only * _COPY_ONLY
        | h.is_tail * _TAIL
        | ended * _ENDED
        | checksum * _CHECKSUM
    )
    integers = (
        h.backup_id,
        h.fork,
        h.first_fork,
        h.fork_point_lsn,
        h.first_lsn,
        h.last_lsn,
        h.checkpoint_lsn,
        h.database_backup_lsn,
        h.differential_base_lsn,
        h.started_utc_us,
        h.finished_utc_us,
        h.nominal_bytes,
        n0,
        n1,
        base_lsn,
        base_commits,
    )
    try:
        if len(path) > 1:
            raise struct.error
        head = (
            _NARROW.pack(
                magic, 1, h.kind, flags, len(name), 0, len(body), *integers
            )
            + name
        )
    except struct.error:
        forks = [value for step in path for value in step]
        text = b"%b;%b" % (
            ",".join(map(str, integers)).encode(),
            ",".join(map(str, forks)).encode(),
        )
        head = (
            _PREFIX.pack(
                magic, 2, h.kind, flags, len(name), len(text), len(body)
            )
            + text
            + name
        )
    if checksum:
        return b"".join(
            (
                head,
                _CRC.pack(crc32(head)),
                body,
                _CRC.pack(crc32(body)),
                END_MARK,
            )
        )
    return head + _CRC.pack(crc32(head)) + body + END_MARK


def decode(magic: bytes, data: bytes) -> BackupSet:
    """The header alone. Raises DamagedError 'header'."""
    try:
        found, version, kind, flags, name_bytes, text_bytes, body_bytes = (
            _PREFIX.unpack_from(data)
        )
        fixed = (
            _NARROW_BYTES if version == 1 else _PREFIX_BYTES + text_bytes
        )
        head = fixed + name_bytes
        if found != magic or _CRC.unpack_from(data, head)[0] != crc32(
            data[:head]
        ):
            raise DamagedError("header")
        name = data[fixed:head].decode()
        if version == 1:
            integers = _INTEGERS.unpack_from(data, _PREFIX_BYTES)
            # not BackupSet(...): its Python-level __new__ costs a microsecond a log
            return _tuple(
                BackupSet,
                (
                    name,
                    kind,
                    flags,
                    ((integers[1], 0, 0),),
                    head + 4,
                    body_bytes,
                    *integers,
                ),
            )
        first, _, second = data[_PREFIX_BYTES:fixed].decode().partition(";")
        forks = [int(word) for word in second.split(",")]
        path = tuple(
            zip(forks[0::3], forks[1::3], forks[2::3], strict=True)
        )
        return BackupSet(
            name,
            kind,
            flags,
            path,
            head + 4,
            body_bytes,
            *map(int, first.split(",")),
        )
    except (struct.error, ValueError):
        raise DamagedError("header") from None


def check_length(s: BackupSet, data: bytes) -> None:
    """Raises DamagedError 'not_ended' or 'cut'."""
    if not s.flags & _ENDED:
        raise DamagedError("not_ended")
    if (
        len(data)
        < s.body_at
        + s.body_bytes
        + (4 if s.flags & _CHECKSUM else 0)
        + _END_BYTES
    ):
        raise DamagedError("cut")


def read_body(s: BackupSet, data: bytes) -> bytes:
    """The body; without checksums damage in it goes unnoticed here.

    Raises DamagedError 'not_ended', 'cut', 'mark', and with checksums 'checksum'.
    """
    begin, flags = s.body_at, s.flags
    end = begin + s.body_bytes
    if not flags & _ENDED or len(data) < end + _END_BYTES:
        check_length(s, data)
    body = data[begin:end]
    if flags & _CHECKSUM:
        check_length(s, data)
        if _CRC.unpack_from(data, end)[0] != crc32(body):
            raise DamagedError("checksum")
        end += 4
    if data[end : end + _END_BYTES] != END_MARK:
        raise DamagedError("mark")
    return body


def on_path(path: Path, fork: int, lsn: int) -> bool:
    """Return whether the position (fork, lsn) lies on that path of forks. The LSN where a fork
    begins lies on both.
    """
    for i, step in enumerate(path):
        if step[0] == fork:
            return i + 1 == len(path) or lsn <= path[i + 1][1]
    return False


def left_at(path: Path, first_fork: int) -> int:
    """The LSN at which the path left that fork."""
    return next(
        path[i + 1][1]
        for i, step in enumerate(path)
        if step[0] == first_fork
    )


def obstacle(
    s: BackupSet, path: Path, redo_lsn: int, base_lsn: int | None
) -> str | None:
    """Return why a log or an incremental does not fit a database that is being restored and stands
    at redo_lsn on that path.

    'wrong_fork', 'wrong_base' (incrementals; base_lsn None: it carries none), 'gap' (logs),
    'stale'; None: it fits. Forks come before LSNs. A log fits if it covers the position; an empty
    one at the position fits and does nothing.
    """
    if (
        len(s.path) > 1 or len(path) > 1 or s.fork != path[0][0]
    ) and not on_path(s.path, path[-1][0], redo_lsn):
        return (
            "stale"
            if s.last_lsn <= redo_lsn and on_path(path, s.fork, s.last_lsn)
            else "wrong_fork"
        )
    if s.kind == Kind.LOG:
        if s.first_lsn > redo_lsn:
            return "gap"
        return (
            "stale"
            if s.last_lsn <= redo_lsn and s.first_lsn < redo_lsn
            else None
        )
    if base_lsn is None or s.differential_base_lsn != base_lsn:
        return "wrong_base"
    return "stale" if s.last_lsn <= redo_lsn else None
