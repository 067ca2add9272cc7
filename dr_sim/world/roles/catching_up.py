"""A standby that is behind the first position of a new primary, and catches up without a new seed.

Theory of operation. One of several standbys behind one primary takes over. Another one may have
replayed less, because its link is slow or it waits on purpose (a replay delay). The logs that it
lacks up to the first position of the new primary are logs of the old primary. They are in its own
share, or in the share of the new primary, which has replayed them. So it keeps its copy and its
files, restores these logs, and continues with the new primary's own logs. PostgreSQL does the same
with recovery_target_timeline = latest and the old timeline's segments in the archive or in pg_wal.
By SQL Server's rules the old log backups are restored up to the point where the new primary was
brought online, and its log backups follow.

A log that reaches beyond that position is of no use: it holds writes that the new primary does not
have. So whole logs must lead there, one after the other. If no log does, or the copy has gone
further or holds other data, the database is seeded again, and the record says why
(truth.cannot_follow).

Each log between the copy's position and the new primary goes into the new pair. Logs at the standby
belong to the new pair from then on. Logs at the new primary stay where they are, and the new pair
sends them from there.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.backups.chain import Fit, applies, leads_to
from dr_sim.backups.model import Kind, RestoreState
from dr_sim.engines.port import EngineError, WitnessReading
from dr_sim.oracle.witnessed import Lineage
from dr_sim.world.primary.backup_file import (
    BackupFile,
    CarriedFile,
    LeftFile,
)
from dr_sim.world.roles.left_behind import left_at

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair


class WhySeeded(enum.StrEnum):
    """Why a standby's copy cannot follow a new primary."""

    NO_COPY = "it holds no copy that logs can be restored into"
    NO_LOGS = "the database takes no log backups"
    FURTHER = "its copy has gone further than the new primary begins"
    ANOTHER = "its copy holds something else than the new primary"
    HOLE = "a log up to the new primary's first position lies at neither of the two"


@dataclass(frozen=True, slots=True)
class Behind:
    """Names what a copy lacks that can follow. state: where it stands; commits: so many it holds,
    which are those up to cut_us; files: the logs that it continues with.
    """

    state: RestoreState
    commits: int
    cut_us: int
    files: tuple[CarriedFile, ...]

    def take_files(self) -> None:
        """Take the files at the standby over from the pair that had them."""
        for file in self.files:
            if file.own is not None:
                file.own.set_lies(False)


def look_behind(
    pair: Pair,
    index: int,
    lineage: Lineage,
    new_primary: str,
    earlier: Sequence[Pair],
) -> Behind | WhySeeded:
    """Return how the copy of another standby of the same primary can follow the new one, or why it
    cannot. earlier: all pairs up to now.
    """
    engine = pair.context.secondary_engine
    spec = pair.context.scenario.databases[index]
    state = pair.secondary.copies.standing(index)
    if state is None:
        return WhySeeded.NO_COPY
    if spec.log.kind == "none":
        return WhySeeded.NO_LOGS
    forks = {
        fork: (branch.left, branch.lsn)
        for fork, branch in lineage.parents.items()
    }
    if not leads_to(state.fork, state.redo_lsn, lineage.fork, forks):
        return WhySeeded.FURTHER
    try:
        reading = engine.read_witness(spec.name)
    except EngineError:
        return WhySeeded.ANOTHER
    if not pair.context.witness.is_prefix(index, state.fork, reading):
        return WhySeeded.ANOTHER
    files = _on_the_way(
        state,
        lineage,
        forks,
        left_at(earlier, pair.roles.secondary, index),
        left_at(earlier, new_primary, index),
    )
    end = _end_of(state, reading, files, forks)
    if end[0] != lineage.lsn:
        return WhySeeded.HOLE
    if end[1] != lineage.commits or not is_right(pair, index, lineage):
        return WhySeeded.ANOTHER
    cut_us = pair.promotion.holds_until_us(index)
    return Behind(state, reading.commits, cut_us, tuple(files))


def _on_the_way(
    state: RestoreState,
    lineage: Lineage,
    forks: dict[int, tuple[int, int]],
    here: Iterable[LeftFile],
    there: Iterable[LeftFile],
) -> list[CarriedFile]:
    """Return the logs past a position that lie on the path to the new primary's first, in order."""

    def wanted(file: BackupFile) -> bool:
        header = file.header
        return (
            header.kind is Kind.LOG
            and file.whole
            and file.content is file
            and header.last_lsn >= state.redo_lsn
            and leads_to(header.fork, header.last_lsn, lineage.fork, forks)
        )

    own = {
        left.file.number: left
        for left in here
        if left.side == "secondary" and wanted(left.file)
    }
    theirs = {left.file.number: left for left in there if wanted(left.file)}
    files = [
        CarriedFile(own.get(number), theirs.get(number))
        for number in sorted(own.keys() | theirs.keys())
    ]
    ahead = [
        file
        for file in files
        if file.header.last_lsn > state.redo_lsn
        or file.header.fork != state.fork
    ]
    return ahead


def _end_of(
    state: RestoreState,
    reading: WitnessReading,
    files: Sequence[CarriedFile],
    forks: dict[int, tuple[int, int]],
) -> tuple[int, int]:
    """Return where these logs lead from a position: the LSN, and the commits up to there."""
    at = RestoreState(state.fork, state.redo_lsn, 0)
    commits = reading.commits
    for file in sorted(files, key=lambda file: _order(file)):
        if applies(file.header, at, forks) is Fit.APPLIES:
            at.fork, at.redo_lsn = file.header.fork, file.header.last_lsn
            commits = file.commits
    return at.redo_lsn, commits


def _order(file: CarriedFile) -> tuple[int, int, int]:
    return file.header.first_lsn, file.header.last_lsn, file.number


def is_right(pair: Pair, index: int, lineage: Lineage) -> bool:
    """Return whether the new primary holds what its logs say, no less and nothing else."""
    parent = lineage.parents[lineage.fork].left
    held = WitnessReading(lineage.commits, lineage.digest)
    return pair.context.witness.is_prefix(index, parent, held)
