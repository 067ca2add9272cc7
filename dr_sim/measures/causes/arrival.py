"""The way of a finished backup until its copy lies whole at the secondary and helps there."""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.causes import BackupFate, Causes, joined
from dr_sim.measures.causes.on_the_way import sending, waiting
from dr_sim.measures.causes.pieces import (
    UNEXPLAINED,
    Hopes,
    Lost,
    holding_at,
    noted,
    value_or,
)
from dr_sim.measures.causes.waits import unrestored
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.scenario.kind import Explains


def way_across(
    causes: Causes,
    file: BackupFate,
    commits: int,
    until_us: int,
    prefix: str,
    since_us: int = -NEVER_US,
) -> Hopes:
    """Yield the pieces from the end of a backup, or from an instant on, until its copy lies whole
    at the secondary and is of use there.
    """
    gone = causes.gone_unlanded(file)
    limit = until_us if gone is None else min(gone, until_us)
    states = [s for s in causes.states(file.number) if s[0] < limit]
    current = max(
        (i for i, (begin, _) in enumerate(states) if begin <= since_us),
        default=0,
    )
    states = states[current:]
    offered = None  # since when it has been on its way
    lost = None
    for i, (begin, state) in enumerate(states):
        end = limit if i + 1 == len(states) else states[i + 1][0]
        if end <= begin:
            continue
        yield begin, prefix + UNEXPLAINED, ""
        lost = None
        if state == "landed":
            offered = None
            last = i + 1 == len(states)
            lost = yield from _landed(
                causes,
                file,
                commits,
                (begin, max(begin, since_us), end, until_us, last),
                prefix,
            )
            if lost is not None and not lost.based:
                return lost
            prefix = (
                prefix
                if prefix.endswith("recopy: ")
                else prefix + "recopy: "
            )
        elif state == "gone":
            offered, lost = None, Lost(begin, True)
            if i + 1 < len(states):
                yield (
                    end,
                    prefix + "not in the primary's share",
                    "until it was there again",
                )
        elif state == "sending":
            yield from sending(causes, file, begin, end, prefix)
        else:
            offered = begin if offered is None else offered
            yield from waiting(
                causes, file, state, (offered, begin, end), prefix
            )
    if lost is None and gone is not None and gone < until_us:
        return Lost(gone, True)
    return lost


def _landed(
    causes: Causes,
    file: BackupFate,
    commits: int,
    times: tuple[int, int, int, int, bool],
    prefix: str,
) -> Hopes:
    """Yield the pieces of a copy that lies at the secondary and did not help: it landed damaged,
    was lost again, was not restored, or there is nothing to restore it onto. times: when it landed,
    the begin of the pieces, the end of this state, the end of the ledger, and whether no other
    state follows.
    """
    landed, begin, end, until_us, last = times
    database = file.database
    lies = holding_at(causes.lies(file), landed)
    if lies is None:
        return (
            yield from _landed_damaged(causes, file, landed, end, prefix)
        )
    kept = holding_at(
        joined([*causes.lies(file), *causes.holds(database, commits)]),
        begin,
    )
    base = (
        kept
        if file.kind == Kind.FULL
        else holding_at(causes.based(database), begin)
    )
    if base is None:  # it is whole, and of no use
        return Lost(begin, False)
    lost_us = begin if kept is None else min(kept.end_us, base.end_us)
    if lost_us >= until_us:
        fails = until_us in causes.failed_us
        if fails and _is_lost_in_failover(causes, database, lost_us):
            label = loser(causes, file, lost_us)
            words = prefix + noted("landed whole, lost later", label)
            yield end, words, file.name
        else:
            yield from unrestored(causes, file, begin, end, prefix)
        return None
    label = loser(causes, file, lost_us)
    yield (
        min(lost_us, end),
        prefix + noted("landed whole, lost later", label),
        file.name,
    )
    if lost_us >= end:
        return None
    if holding_at(causes.based(database), lost_us) is None:
        return Lost(lost_us, False)
    word = (
        "damaged at rest"
        if (kept or lies).why == "damaged"
        else "deleted at the secondary"
    )
    label = loser(
        causes, file, lost_us if kept is not None else lies.end_us
    )
    cause = (prefix + noted(word, label), file.name)
    asked = next(
        (
            x
            for x in causes.told("seen.Recopy", file.name)
            if lost_us <= x < end
        ),
        None,
    )
    if asked is None and last:
        return Lost(lost_us, True, cause)
    asked = value_or(asked, end)
    given_up = next(
        (
            x
            for x in causes.told("seen.RecopyFailed", file.name)
            if asked <= x <= end
        ),
        None,
    )
    yield asked, *cause
    yield (
        value_or(given_up, end),
        prefix + "copy asked for again",
        file.name,
    )
    return None if given_up is None else Lost(given_up, True)


def _is_lost_in_failover(
    causes: Causes, database: int, lost_us: int
) -> bool:
    """Return whether what was lost then, after the failure, was lost before the database came
    online: a failover could not restore it.
    """
    online_us = causes.t.of("truth.promoted", database)["time_us"]
    return lost_us < causes.end_us and not (online_us <= lost_us).any()


def _landed_damaged(
    causes: Causes, file: BackupFate, begin: int, end: int, prefix: str
) -> Hopes:
    database = file.database
    noticed = next(
        (
            x
            for x in causes.told("seen.ValidationFailed", file.name)
            if begin <= x < end
        ),
        end,
    )
    asked = next(
        (
            x
            for x in causes.told("seen.Recopy", file.name)
            if noticed <= x < end
        ),
        end,
    )
    given_up = next(
        (
            x
            for x in causes.told("seen.RecopyFailed", file.name)
            if asked <= x <= end
        ),
        None,
    )
    label = causes.during(begin, begin + 1, Explains.DAMAGED_COPY, database)
    # nobody validates here
    if any(
        begin <= x < noticed
        for x in causes.told("seen.Validated", file.name)
    ):
        yield (
            end,
            prefix + noted("landed damaged, taken as it was", label),
            file.name,
        )
        return None
    yield (
        noticed,
        prefix + noted("landed damaged, being validated", label),
        file.name,
    )
    yield (
        asked,
        prefix + noted("damaged copy, nothing done yet", label),
        file.name,
    )
    yield (
        value_or(given_up, end),
        prefix + "copy asked for again",
        file.name,
    )
    return None if given_up is None else Lost(given_up, True)


def loser(causes: Causes, file: BackupFate, time_us: int) -> str:
    """Return the event that took or damaged something at the secondary at an instant; '' if there
    is none.
    """
    database = file.database
    for why in (
        Explains.COPY_LOST,
        Explains.FILE_LOST,
        Explains.DAMAGED_COPY,
    ):
        label = causes.during(time_us, time_us + 1, why, database)
        if label:
            return label
    return ""
