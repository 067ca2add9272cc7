"""The rules by which retention keeps files: what a chain, a count or a standby still needs."""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.backups.chain import (
    NO_FORKS,
    ends_of_history,
    forks_of,
    leads_to,
    on_path,
    order,
    stands_on_full,
    type_forks,
)
from dr_sim.backups.model import (
    BackupHeader,
    Kind,
    RestoreState,
    finishing_order,
)
from dr_sim.backups.plan import plan
from dr_sim.backups.stored import Stored


def lsn_needed_from(
    known: Sequence[BackupHeader],
    old: set[int],
    begin: int,
    first_end: int,
    old_end: int,
) -> int | None:
    """Return where the anchor ends: the newest old full, or incremental with its base, that ends in
    there. Beyond all old logs if there is none and nothing old can be needed: nothing restores from
    the start before the first young full ends. None: it is not that simple.
    """
    for header in reversed(known):
        if (
            header.backup_id not in old
            or not begin <= header.last_lsn <= first_end
        ):
            continue
        if header.kind is Kind.FULL or _has_its_chain(header, known):
            alike = sum(h.last_lsn == header.last_lsn for h in known)
            return header.last_lsn if alike == 1 else None
        if may_be_led_to(header, known):
            return None
    fulls = [h for h in known if h.kind is Kind.FULL]
    starts = min((h.last_lsn for h in fulls), default=old_end)
    reach = max(
        (h.last_lsn for h in known if h.backup_id in old), default=old_end
    )
    if (
        any(h.backup_id in old for h in fulls)
        or max(reach, old_end) > starts
    ):
        return None
    return max(reach, old_end) + 1


def may_be_led_to(
    incremental: BackupHeader, known: Sequence[BackupHeader]
) -> bool:
    """Return whether there is a full from which logs could lead to where it ends."""
    return any(
        h.kind is Kind.FULL and h.last_lsn <= incremental.last_lsn
        for h in known
    )


def _has_its_chain(
    incremental: BackupHeader,
    known: Sequence[BackupHeader],
    forks: type_forks = NO_FORKS,
) -> bool:
    """Return whether everything is here that an incremental depends on, down to a full."""
    under = bases_under(incremental, known, forks)
    while under and under[0].kind is Kind.INCREMENTAL:
        under = bases_under(under[0], known, forks)
    return bool(under)


def bases_under(
    incremental: BackupHeader,
    known: Sequence[BackupHeader],
    forks: type_forks = NO_FORKS,
) -> list[BackupHeader]:
    """Return what an incremental names as its base: fulls (one may stand in several files), else
    one incremental. Empty if it is not here.
    """
    under = [h for h in known if _stands_on(incremental, h, forks)]
    fulls = [h for h in under if h.kind is Kind.FULL]
    return fulls or sorted(under, key=order)[-1:]


def _stands_on(
    above: BackupHeader, base: BackupHeader, forks: type_forks
) -> bool:
    """Return whether that backup is the one that an incremental names as its base by its LSN. Where
    nothing was written in between both end at one LSN.
    """
    if (
        base.first_lsn != above.differential_base_lsn
        or base.last_lsn > above.last_lsn
    ):
        return False
    if base.kind is Kind.INCREMENTAL:
        possible = base.first_lsn < above.first_lsn and not stands_on_full(
            above
        )
    else:
        possible = base.kind is Kind.FULL and not base.copy_only
    return possible and leads_to(
        base.fork, base.last_lsn, above.fork, forks
    )


def generally_gone(
    files: Sequence[Stored],
    old_before_us: int,
    keep_fulls: int,
    standby: RestoreState | None,
) -> list[Stored]:
    headers = {file.header.backup_id: file.header for file in files}
    old = {
        i
        for i, header in headers.items()
        if header.finished_utc_us < old_before_us
    }
    if not old:
        return []
    known = list(headers.values())
    forks = forks_of(known)
    newest = max(known, key=finishing_order)
    kept = headers.keys() - old | {newest.backup_id}
    kept |= {file.header.backup_id for file in files if not file.copied}
    kept |= newest_fulls(known, keep_fulls)
    for end in ends_of_history(known, forks):
        path = on_path(known, end, forks)
        anchor = _anchor(path, old, known, forks)
        if anchor is not None:
            kept.add(anchor.backup_id)
            kept.update(
                h.backup_id
                for h in path
                if h.kind is Kind.LOG and h.last_lsn > anchor.last_lsn
            )
        is_newest = leads_to(newest.fork, newest.last_lsn, end, forks)
        if is_newest and (anchor is None or not _unbroken(anchor, path)):
            kept.update(
                step.backup_id for step in plan(known, fork=end).steps
            )
    if standby is not None and standby.exists:
        kept |= ahead(known, standby)
    kept |= _bases_of([headers[i] for i in sorted(kept)], known, forks)
    kept |= _tellers_of_forks(known, kept, forks)
    return [file for file in files if file.header.backup_id not in kept]


def newest_fulls(headers: Sequence[BackupHeader], count: int) -> set[int]:
    fulls = [
        header
        for header in headers
        if header.kind is Kind.FULL and not header.copy_only
    ]
    fulls.sort(key=finishing_order)
    return {full.backup_id for full in fulls[max(len(fulls) - count, 0) :]}


def _anchor(
    path: Sequence[BackupHeader],
    old: set[int],
    headers: Sequence[BackupHeader],
    forks: type_forks,
) -> BackupHeader | None:
    """The newest old backup from which logs without a hole lead into the young logs of a path. An
    incremental whose base is not here (someone took a full to a place of his own) needs older logs
    to be led to: it is the last resort.
    """
    logs = [header for header in path if header.kind is Kind.LOG]
    young = [log for log in logs if log.backup_id not in old]
    if not young:
        return None
    begin = min(log.first_lsn for log in young)
    first_end = young[0].last_lsn
    for log in reversed(
        logs
    ):  # by falling end: once one ends before the run begins, all do
        if log.last_lsn < begin:
            break
        begin = min(begin, log.first_lsn)
    others = [header for header in path if header.kind is not Kind.LOG]
    last_resort: BackupHeader | None = None
    for anchor in reversed(path):
        if anchor.last_lsn < begin:
            break
        if (
            anchor.last_lsn > first_end
            or anchor.backup_id not in old
            or anchor.kind is Kind.LOG
        ):
            continue
        if anchor.kind is Kind.FULL or _has_its_chain(
            anchor, others, forks
        ):
            return anchor
        if last_resort is None and _way_to(anchor, headers):
            last_resort = anchor
    return last_resort


def _way_to(
    incremental: BackupHeader, headers: Sequence[BackupHeader]
) -> list[BackupHeader]:
    """A way to where an incremental ends although its base is lost: logs after an older full carry
    the base forward.
    """
    way = plan(
        [h for h in headers if h.last_lsn <= incremental.last_lsn],
        fork=incremental.fork,
    )
    return (
        way.steps
        if way.reaches == (incremental.fork, incremental.last_lsn)
        else []
    )


def _unbroken(anchor: BackupHeader, path: Sequence[BackupHeader]) -> bool:
    """Do the logs lead from the anchor to the end of the path?"""
    reached = anchor.last_lsn
    for log in path:  # by end: if one that begins later is met first, there is a hole before it
        if log.kind is Kind.LOG and log.last_lsn > reached:
            if log.first_lsn > reached:
                return False
            reached = log.last_lsn
    return reached >= path[-1].last_lsn


def ahead(
    headers: Sequence[BackupHeader], standby: RestoreState
) -> set[int]:
    """Logs and incrementals past a standby's position, on any fork: whatever continues from there
    has higher LSNs.
    """
    return {
        h.backup_id
        for h in headers
        if h.kind is not Kind.FULL and h.last_lsn > standby.redo_lsn
    }


def _bases_of(
    kept: Sequence[BackupHeader],
    headers: Sequence[BackupHeader],
    forks: type_forks,
) -> set[int]:
    """Return what the incrementals among the kept stand on, and what that stands on in turn, or
    where it is lost the way by older ones.
    """
    needed: set[int] = set()
    others = [header for header in headers if header.kind is not Kind.LOG]
    standing = [
        header for header in kept if header.kind is Kind.INCREMENTAL
    ]
    while standing:
        incremental = standing.pop()
        bases = bases_under(incremental, others, forks) or _way_to(
            incremental, headers
        )
        standing += [
            base
            for base in bases
            if base.kind is Kind.INCREMENTAL
            and base.backup_id not in needed
        ]
        needed.update(base.backup_id for base in bases)
    return needed


def _tellers_of_forks(
    headers: Sequence[BackupHeader], kept: set[int], forks: type_forks
) -> set[int]:
    """The logs that tell how the forks of kept files hang together."""
    if not forks:
        return set()
    tellers: dict[int, int] = {}
    for header in sorted(headers, key=order):
        if header.first_fork != header.fork and forks[header.fork] == (
            header.first_fork,
            header.fork_point_lsn,
        ):
            tellers.setdefault(header.fork, header.backup_id)
    present = {
        header.fork for header in headers if header.backup_id in kept
    }
    needed: set[int] = set()
    for fork in present:
        way: list[int] = []
        # headers of damaged origin may name forks in a circle
        while fork in tellers and tellers[fork] not in way:
            way.append(tellers[fork])
            fork = forks[fork][0]
            if fork in present:
                needed.update(way)
    return needed
