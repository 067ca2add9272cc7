"""One backup file in the world: where it lies, in what state, and its content when it was made."""

from __future__ import annotations

from hashlib import blake2b

from dr_sim.backups.model import BackupHeader
from dr_sim.engines.files import Unread

# file numbers are (database index << 32) + its number there: one database's numbers shift nobody's
FILE_BITS = 32


class BackupFile:
    """A backup file. made: the bytes when it was finished; None if it never was (it was cut
    off).
    """

    __slots__ = (
        "at_primary",
        "at_secondary",
        "begun_us",
        "commits",
        "database",
        "database_name",
        "ends_us",
        "header",
        "hollow",
        "kind",
        "landings",
        "made",
        "modified_utc_us",
        "name",
        "nominal_bytes",
        "number",
        "replaced_by",
        "sent_bytes",
        "state",
        "validated",
    )

    copied = True  # to backups.retention, unless it is on its way

    def __init__(
        self,
        number: int,
        database: int,
        name: str,
        header: BackupHeader,
        commits: int,
        begun_us: int,
    ) -> None:
        self.number = number
        self.database = database
        self.database_name = header.database
        self.kind = header.kind
        self.name = name
        self.header = header
        self.nominal_bytes = header.nominal_bytes
        self.commits = (
            commits  # 0..commits-1 are in the database up to its end
        )
        self.begun_us = begun_us  # by a clock that cannot be wrong
        # up to when it holds what was written: of a log its cut, of the others their end
        self.ends_us = begun_us
        self.made: bytes | Unread | None = None
        self.hollow = False  # its job reported success, but it holds no backup
        self.modified_utc_us = 0
        # what arrived at the secondary under this name, if not itself
        self.replaced_by: BackupFile | None = None
        self.at_primary = False
        self.at_secondary = False
        self.sent_bytes = (
            0  # of the transfer under way, kept over a cut if it resumes
        )
        self.state = ""
        self.validated = False
        self.landings = 0  # how often it has been written at the secondary

    @property
    def content(self) -> BackupFile:
        """Return the backup whose bytes, manifest, size and time of last write lie at the secondary
        under this name.
        """
        return self.replaced_by or self

    @property
    def properties(self) -> tuple[int, int]:
        """Return the size and the time of last write, as a share lists them."""
        return self.nominal_bytes, self.modified_utc_us

    def finished(
        self, header: BackupHeader, made: bytes | Unread, commits: int
    ) -> None:
        """Record that the backup is whole."""
        self.header = header
        self.commits = commits
        # of one that was shown while it was being written, less until now
        self.nominal_bytes = header.nominal_bytes
        self.modified_utc_us = header.finished_utc_us
        self.made = made

    @property
    def whole(self) -> bool:
        """Return whether it was finished and holds a backup."""
        return self.made is not None and not self.hollow

    @property
    def manifest(self) -> bytes | None:
        """Return the hash that was computed when the backup finished, and that is kept with it."""
        made = (
            self.made.bytes() if isinstance(self.made, Unread) else self.made
        )
        return None if made is None else content_hash(made)

    def agrees(self, data: bytes) -> bool:
        """Return whether these bytes have the hash in the manifest. The object that was made itself
        is not hashed.
        """
        made = (
            self.made.bytes() if isinstance(self.made, Unread) else self.made
        )
        return made is not None and (
            data is made or content_hash(data) == content_hash(made)
        )


class TwinFile(BackupFile):
    """The same file as another standby knows it: what was made is the same, and so is whether it
    lies at the primary; where it is on its way, and what lies at that standby, is not.
    """

    __slots__ = ("_of",)

    def __init__(self, of: BackupFile) -> None:
        self._of = of
        self.replaced_by = None
        self.at_secondary = False
        self.sent_bytes = 0
        self.state = ""
        self.validated = False
        self.landings = 0


def _as_the_other(name: str) -> property:
    return property(lambda twin: getattr(twin._of, name))


_OF_ITS_OWN = (
    "at_secondary",
    "landings",
    "replaced_by",
    "sent_bytes",
    "state",
    "validated",
)
for _name in BackupFile.__slots__:
    if _name not in _OF_ITS_OWN:
        setattr(TwinFile, _name, _as_the_other(_name))


def content_hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
