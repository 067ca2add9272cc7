"""Quiet logs in one step: the changes of a history that the witness would record log by log.

A quiet log is made, lands intact and is restored at the first attempt before the next one lands.
The fast paths of the world record a whole stretch of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import RestoreState
from dr_sim.oracle.survival import History, WitnessedReading
from dr_sim.oracle.surviving import (
    Front,
    SurvivingFile,
    SurvivingRun,
    is_same,
)
from dr_sim.oracle.witnessed import WitnessedLogs


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
    logs: WitnessedLogs,
    ack_instant: Callable[[int, int, int], int],
) -> tuple[list[int], list[int]]:
    """Record logs that were made and landed; all but the last were restored too.

    Return for failures of class 'host', as each log was made, and of class 'site', as each landed:
    the instant of the first commit that a survivor lacks from then on, -1 where that is unchanged.
    """
    host_us, site_us = _move_fronts(d, logs, ack_instant)
    last, run = logs.last, logs.run
    if run is not None:
        logs_of_run = SurvivingRun(run)
        if d.files.add_run(run, logs_of_run.one):
            d.in_runs[run] = logs_of_run
            d.somewhere.append(logs_of_run)
        else:
            d.somewhere += [d.files[number] for number in run.numbers]
        d.lsn, d.commits = run.lsn[-1], run.commits[-1]
        d.claimed = max(d.claimed, d.commits)
    file = SurvivingFile(last, logs.commits[-1])
    file.secondary = file.listed = True
    d.files[last.backup_id] = file
    d.somewhere.append(file)
    d.log_lsn = max(d.log_lsn, last.last_lsn)
    return host_us, site_us


def hold_as_runs(d: History, run: LogRun) -> None:
    """Hold those of a run's logs that were recorded one by one, and of which intact bytes lie on
    both sides, as runs from now on. They show the same.
    """
    whole = SurvivingRun(run)
    one_by_one: list[SurvivingFile | None] = [None] * len(run)
    found: dict[LogRun, tuple[SurvivingRun, int]] = {}

    def fits(i: int, file: SurvivingFile) -> bool:
        one_by_one[i] = file
        return is_same(file, whole.one(i))

    def maker(part: LogRun, first: int) -> Callable[[int], SurvivingFile]:
        logs = SurvivingRun(part)
        found[part] = logs, first
        return logs.one

    d.files.hold_as_runs(run, fits, maker)
    run_of: dict[int, SurvivingRun] = {}
    for part, (logs, first) in found.items():
        d.in_runs[part] = logs
        for file in one_by_one[first : first + len(part)]:
            run_of[id(file)] = logs
    somewhere: dict[int, SurvivingFile] = {}
    for file in d.somewhere if found else ():
        its = run_of.get(id(file), file)
        somewhere.setdefault(id(its), its)
    if found:
        d.somewhere = list(somewhere.values())


def _move_fronts(
    d: History,
    logs: WitnessedLogs,
    ack_instant: Callable[[int, int, int], int],
) -> tuple[list[int], list[int]]:
    """Move both fronts on, log by log; return what `take_quiet_logs` does."""
    at_host, at_site = d.host.goes_on_to, d.site.goes_on_to
    index, fork = d.index, logs.last.fork
    host_us: list[int] = []
    site_us: list[int] = []
    for lsn, commits in zip(logs.lsn, logs.commits, strict=True):
        moves_host = at_host(lsn, commits, fork)
        moves_site = at_site(lsn, commits, fork)
        at_us = -1
        if moves_host or moves_site:
            at_us = ack_instant(index, fork, commits)
        host_us.append(at_us if moves_host else -1)
        site_us.append(at_us if moves_site else -1)
    return host_us, site_us


def delete_unnoticed(
    d: History, files: Iterable[int | LogRun], where: str
) -> bool:
    """Record that files were deleted at 'primary' or 'secondary', if that shows nothing. Return
    False, with nothing recorded, if it would show something. files: numbers, or runs.
    """
    known = [
        (number, file) for each in files for number, file in _known(d, each)
    ]
    log_turns = d.log_follows() is not d.log_whole
    if (
        d.host.by_logs
        or d.site.by_logs
        or log_turns
        or not all(d.needless(file) for _, file in known)
    ):
        return False
    for number, file in known:
        if where == "primary":
            file.primary = False
        else:
            file.secondary = False
        d.forget_gone(number, file)
    return True


def _known(
    d: History, each: int | LogRun
) -> Iterator[tuple[int, SurvivingFile]]:
    """Return what the history has of a file or of a run, by number (of a run that of its first)."""
    if isinstance(each, LogRun) and each in d.in_runs:
        yield each.first_number, d.in_runs[each]
        return
    numbers = each.numbers if isinstance(each, LogRun) else (each,)
    for number in numbers:
        file = d.files.get(number)
        if file is not None:
            yield number, file
