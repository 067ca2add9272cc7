"""Quiet logs in one step: the changes of a history that the witness would record log by log.

A quiet log is made, lands intact and is restored at the first attempt before the next one is made.
The fast paths of the world record a whole stretch of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dr_sim.backups.model import BackupHeader, RestoreState
from dr_sim.oracle.survival import (
    Front,
    History,
    SurvivingFile,
    WitnessedReading,
)


def is_quiet(
    d: History, state: RestoreState, reading: WitnessedReading
) -> bool:
    """Return whether whole logs from that state on would move the fronts and show nothing else.
    state and reading are the database's at the secondary.
    """
    return (
        not d.promoted
        and d.exists
        and d.sound
        and _is_as_recorded(d, state, reading)
        and d.log_whole
        and d.log_follows()
        and _follows_logs(d.host, state)
        and _follows_logs(d.site, state)
    )


def _is_as_recorded(
    d: History, state: RestoreState, reading: WitnessedReading
) -> bool:
    """Return whether the database stands where the history has it, on the primary's fork."""
    base_lsn = state.differential_base_lsn
    return (
        d.primary_fork == d.fork == state.fork
        and d.lsn == state.redo_lsn
        and d.commits == reading.commits
        and reading.digest == d.digest(state.fork, reading.commits)
        and (base_lsn == d.base_lsn or not (base_lsn or d.has_base))
    )


def _follows_logs(front: Front, state: RestoreState) -> bool:
    """Return whether each new log moves a front on."""
    reaches = front.fork == state.fork and front.lsn >= state.redo_lsn
    return reaches and not (front.stuck or front.by_logs)


def take_quiet_logs(
    d: History,
    headers: Sequence[BackupHeader],
    commits: Sequence[int],
    ack_instant: Callable[[int, int, int], int],
) -> tuple[list[int], list[int]]:
    """Record logs that were made and landed; all but the last were restored too.

    Return for failures of class 'host', as each log was made, and of class 'site', as each landed:
    the instant of the first commit that a survivor lacks from then on, -1 where that is unchanged.
    """
    at_host, at_site = d.host.follows, d.site.follows
    host_us: list[int] = []
    site_us: list[int] = []
    made: list[SurvivingFile] = []
    for header, reached in zip(headers, commits, strict=True):
        file = SurvivingFile(header, reached)
        file.secondary = file.listed = True
        made.append(file)
        at_us = -1
        moves_host, moves_site = at_host(file), at_site(file)
        if moves_host or moves_site:
            at_us = ack_instant(d.index, file.fork, reached)
        host_us.append(at_us if moves_host else -1)
        site_us.append(at_us if moves_site else -1)
    numbers = [header.backup_id for header in headers]
    d.files.update(zip(numbers, made, strict=True))
    d.somewhere += made
    for file in made[:-1]:
        file.attempts, file.restored = 1, True
    last = headers[-1]
    if len(made) > 1:
        d.lsn, d.commits = last.first_lsn, made[-2].commits
        d.claimed = max(d.claimed, d.commits)
    d.log_lsn = max(d.log_lsn, last.last_lsn)
    return host_us, site_us


def delete_unnoticed(d: History, files: Iterable[int], where: str) -> bool:
    """Record that files were deleted at 'primary' or 'secondary', if that shows nothing. Return
    False, with nothing recorded, if it would show something.
    """
    numbers = [number for number in files if number in d.files]
    known = [d.files[number] for number in numbers]
    log_turns = d.log_follows() is not d.log_whole
    if (
        d.host.by_logs
        or d.site.by_logs
        or log_turns
        or not all(map(d.needless, known))
    ):
        return False
    for number, file in zip(numbers, known, strict=True):
        if where == "primary":
            file.primary = False
        else:
            file.secondary = False
        d.forget_gone(number, file)
    return True
