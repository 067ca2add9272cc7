"""One backup file in the world: where it lies, in what state, and its content when it was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import BackupHeader
from dr_sim.engines.files import Unread, bytes_of
from dr_sim.world.primary.transfer_state import TransferState

# file numbers are (database index << 32) + its number there: one database's numbers shift nobody's
FILE_BITS = 32
# a member costs several times a name
_NEW, _LANDED = TransferState.NEW, TransferState.LANDED


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
        "rotten",
        "sent_bytes",
        "set_aside",
        "state",
        "validated",
    )

    copied = True  # to backups.retention, unless it is on its way
    carried = False  # an earlier pair made it (CarriedFile)
    folder = (
        ""  # where it lies at the primary; '': in the primary's own share
    )

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
        self.hollow = (
            False  # its job reported success, but it holds no backup
        )
        self.rotten = False  # a full, with pages that had rotted
        self.set_aside = False  # people know it, and nobody uses it again
        self.modified_utc_us = 0
        # what arrived at the secondary under this name, if not itself
        self.replaced_by: BackupFile | None = None
        self.at_primary = False
        self.at_secondary = False
        self.sent_bytes = (
            0  # of the transfer under way, kept over a cut if it resumes
        )
        self.state = _NEW
        self.validated = False
        self.landings = 0  # how often it has been written at the secondary

    @property
    def content(self) -> BackupFile:
        """Return the backup whose bytes, manifest, size and time of last write lie at the secondary
        under this name.
        """
        return self.replaced_by or self

    @property
    def at_home(self) -> BackupFile:
        """Return the file as the primary knows it."""
        return self

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
    def of_use(self) -> bool:
        """Return whether it is whole, and people have not set it aside."""
        return self.whole and not self.set_aside

    @property
    def manifest(self) -> bytes | None:
        """Return the hash that was computed when the backup finished, and that is kept with it."""
        if self.made is None:
            return None
        return content_hash(bytes_of(self.made))

    def agrees(self, data: bytes) -> bool:
        """Return whether these bytes have the hash in the manifest. The object that was made itself
        is not hashed.
        """
        if self.made is None:
            return False
        made = bytes_of(self.made)
        return data is made or content_hash(data) == content_hash(made)


def quiet_file(
    index: int,
    name: str,
    header: BackupHeader,
    commits: int,
    cut_us: int,
    made: Unread,
) -> BackupFile:
    """Return a log that has landed, was found whole and is restored, and lies on both sides."""
    file = BackupFile(
        header.backup_id, index, name, header, commits, cut_us
    )
    file.finished(header, made, commits)
    file.at_primary = file.at_secondary = file.validated = True
    file.state = _LANDED
    file.landings = 1
    return file


class FilesOfRun:
    """Where the logs of a run lie, and the function that makes the file of each. contents(i): the
    bytes of the log at that place.
    """

    __slots__ = (
        "_contents",
        "at_primary",
        "at_secondary",
        "database",
        "run",
    )

    def __init__(
        self, database: int, run: LogRun, contents: Callable[[int], Unread]
    ) -> None:
        self._contents = contents
        self.database = database
        self.run = run
        self.at_primary = self.at_secondary = True

    def __call__(self, i: int) -> BackupFile:
        run = self.run
        file = quiet_file(
            self.database,
            run.name(i),
            run.header(i),
            run.commits[i + 1],
            run.cut_us[i],
            self._contents(i),
        )
        file.at_primary, file.at_secondary = (
            self.at_primary,
            self.at_secondary,
        )
        return file

    @property
    def size_bytes(self) -> int:
        return self.run.lsn[-1] - self.run.lsn[0]


class TwinFile(BackupFile):
    """The same file as another standby knows it: what was made is the same, and so is whether it
    lies at the primary; where it is on its way, and what lies at that standby, is not.
    """

    __slots__ = ("_of",)

    def __init__(self, of: BackupFile) -> None:
        self._of = of
        _lies_not_yet(self)

    @property
    def at_home(self) -> BackupFile:
        return self._of


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A file that lies at a site since an earlier role of that site: as the pair of that role knows
    it. side: the site's in that pair; folder: where it lies.
    """

    file: BackupFile
    side: str
    folder: str

    @property
    def lies(self) -> bool:
        file = self.file
        return (
            file.at_primary if self.side == "primary" else file.at_secondary
        )

    def set_lies(self, lies: bool) -> None:
        if self.side == "primary":
            self.file.at_primary = lies
        else:
            self.file.at_secondary = lies


class CarriedFile(BackupFile):
    """A file of an earlier pair as a later one knows it. What was made is the same. It lies at the
    primary where that site has kept it in an earlier role, which owns it there.

    there: at the new primary's site, if it lies there; own: at the standby's. of: the file as an
    earlier pair knows it, where it lies at neither: it is on its way to a store.
    """

    __slots__ = ("_of", "folder", "own", "there")
    carried = True

    def __init__(
        self,
        own: LeftFile | None,
        there: LeftFile | None,
        of: BackupFile | None = None,
    ) -> None:
        found = own or there
        if of is None:
            assert found is not None
            of = found.file
        self._of = of
        self.own = own
        self.there = there
        self.folder = there.folder if there is not None else ""
        _lies_not_yet(self)
        if own is not None:
            self.at_secondary = True
            self.state = _LANDED
            self.landings = 1

    @property
    def at_primary(self) -> bool:
        return self.there is not None and self.there.lies

    @at_primary.setter
    def at_primary(self, lies: bool) -> None:
        assert self.there is not None
        self.there.set_lies(lies)

    @property
    def lay_in_backup_share(self) -> bool:
        """Return whether it takes room on the disk of the primary's backups: the site was the
        primary before.
        """
        return self.there is not None and self.there.side == "primary"


def _lies_not_yet(file: TwinFile | CarriedFile) -> None:
    """Begin the life of a file at a standby that has not got it."""
    file.replaced_by = None
    file.at_secondary = False
    file.sent_bytes = 0
    file.state = _NEW
    file.validated = False
    file.landings = 0


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
        if _name != "at_primary":
            setattr(CarriedFile, _name, _as_the_other(_name))


def content_hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
