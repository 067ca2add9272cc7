"""Files that the witness knows of, and how far a chain of them leads."""

from __future__ import annotations

from operator import attrgetter

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import BackupHeader


class SurvivingFile:
    """A finished backup and where intact bytes of it lie."""

    __slots__ = (
        "attempts",
        "base_lsn",
        "carries_lsn",
        "commits",
        "copy_only",
        "first_lsn",
        "fork",
        "kind",
        "last_lsn",
        "listed",
        "primary",
        "restored",
        "rotten",
        "secondary",
        "spoilt",
        "unheard",
        "was_whole",
    )

    def __init__(self, header: BackupHeader, commits: int) -> None:
        self.kind = header.kind
        self.fork = header.fork
        self.first_lsn = header.first_lsn
        self.last_lsn = header.last_lsn
        self.base_lsn = header.differential_base_lsn
        # a log's base: in dr_sim a full's checkpoint is its first LSN
        self.carries_lsn = header.database_backup_lsn
        self.copy_only = header.copy_only
        self.commits = commits  # 0..commits-1 are acknowledged at last_lsn
        self.primary = True  # intact in the primary's share
        self.secondary = False  # intact at the secondary
        self.spoilt = False  # the copy at the secondary landed damaged
        self.was_whole = False  # and took the place of a whole one
        self.unheard = False  # while no manager was up
        self.rotten = (
            False  # a full, with pages that had rotted at the primary
        )
        self.attempts = 0  # in the store at the last hand-over
        self.restored = False
        # among those of which intact bytes lie somewhere
        self.listed = False


class SurvivingRun(SurvivingFile):
    """A run of logs of which intact bytes lie on both sides, as if it were one log: where it is of
    use at all, it leads to its end.
    """

    __slots__ = ("run",)

    def __init__(self, run: LogRun) -> None:
        last = len(run) - 1
        super().__init__(run.header(last), run.commits[-1])
        self.first_lsn = run.lsn[0]
        self.secondary = self.listed = self.restored = True
        self.attempts = 1
        self.run = run

    def one(self, i: int) -> SurvivingFile:
        """Return the log at that place of the run as it stands."""
        run = self.run
        file = SurvivingFile(run.header(i), run.commits[i + 1])
        file.primary, file.secondary = self.primary, self.secondary
        file.listed, file.restored, file.attempts = True, True, 1
        return file


_ALL_OF = attrgetter(*SurvivingFile.__slots__)


def is_same(one: SurvivingFile, other: SurvivingFile) -> bool:
    """Return whether both say the same of a file."""
    return bool(_ALL_OF(one) == _ALL_OF(other))


class Front:
    """The furthest position that would survive one class of failure."""

    __slots__ = (
        "by_logs",
        "commits",
        "fork",
        "lsn",
        "name",
        "shown_commits",
        "shown_fork",
        "stuck",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.fork = 0
        self.lsn = -1  # nothing survives
        self.commits = 0
        self.stuck = False
        self.by_logs = False  # it rests on a base that only logs bring, replayed or not
        self.shown_fork = self.shown_commits = -1

    def follows(self, f: SurvivingFile) -> bool:
        """f is a log on its fork that begins no further than it, and nothing is stuck: it continues
        to where f ends. Has it reached another commit?
        """
        return self.goes_on_to(f.last_lsn, f.commits, f.fork)

    def goes_on_to(self, lsn: int, commits: int, fork: int) -> bool:
        """The same for such a log that ends there."""
        if lsn <= self.lsn:
            return False
        self.lsn, self.commits = lsn, commits
        if commits == self.shown_commits:
            return False
        self.shown_commits, self.shown_fork = commits, fork
        return True
