"""The time unprotected after a failover, in which nothing stands behind a new primary: how long it
is, and why, as a ledger.

The time goes from the promotion to the first backup that is restored at the second side, or that a
service without standbys has in a store (protected.py). Until that side is in place there is none;
then the database is seeded, or, where its copy follows without a new seed, the first log comes by
its schedule.
"""

from __future__ import annotations

from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.ledger import Ledger
from dr_sim.measures.causes.life import cut_up, seeded_anew
from dr_sim.measures.causes.pieces import LedgerLine
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.legs import Leg
from dr_sim.measures.outcome.outcome import FailoverOutcome
from dr_sim.measures.outcome.protected import (
    begins_with_all,
    counts,
    protected_us,
)
from dr_sim.measures.tables import Tables, run_end_us
from dr_sim.measures.whole import Whole

NO_SECOND_SIDE = "no second side"
NEW_FULL = "a new full"
"""The text in the record for a copy that no backups at hand restore."""
SEED_LOGS = "seed: logs on the full"
SEED_LOGS_UNTIL = "up to where the new primary begins"


# ---- how long
def unprotected_spans(whole: Whole) -> dict[int, tuple[int, int]]:
    """Return, by leg, [from its first promotion, until every database is protected at one place
    behind the new primary, or its end), in the run's time.
    """
    found: dict[int, tuple[int, int]] = {}
    for leg, t in whole.each:
        promoted = [r.time_us for r in t.rows("truth.promoted")]
        if not promoted:
            continue
        begin, end = leg.begins_us + min(promoted), whole.end_us
        following = whole.after(leg)
        if following is not None:
            until = _all_protected_us(whole, *following)
            end = end if until is None else following[0].begins_us + until
        found[leg.number] = (begin, max(begin, end))
    return found


def _all_protected_us(whole: Whole, later: Leg, t: Tables) -> int | None:
    """Return when the first place had protected every database of a leg, or when its primary was
    lost before one had; None: neither.
    """
    databases = range(len(later.scenario.databases))
    found = []
    for place, rows in whole.at(later):
        each = [protected_us(rows, place.scenario, i) for i in databases]
        known = [us for us in each if us is not None]
        if len(known) == len(each):
            found.append(max(known))
    return min(found) if found else _lost_us(t)


def _lost_us(t: Tables) -> int | None:
    """Return when the primary of a leg failed or was replaced; None: it never was."""
    kinds = ("truth.failed", "truth.promoted")
    return next((r.time_us for kind in kinds for r in t.rows(kind)), None)


def unprotected(
    whole: Whole, leg: Leg, failover: FailoverOutcome
) -> dict[str, tuple[int, bool]]:
    """Return, by database that was promoted, (for how long nothing protected it behind the new
    primary, whether the run ended before it did; the primary's own failure ends that time too);
    and of the service under '': from the first promotion until every one of them is protected
    (protected.py). Empty if nothing was promoted.
    """
    names = [d.name for d in leg.scenario.databases]
    promoted = {
        names[x.database]: x.promoted_us
        for x in failover.losses
        if x.promoted_us is not None
    }
    if not promoted:
        return {}
    following = whole.after(leg)
    if following is None:
        end = run_end_us(whole.opened[leg.number - 1], leg.scenario)
        until = dict.fromkeys(promoted, (end, True))
    else:
        later_us = following[0].begins_us - leg.begins_us
        until = {
            name: (later_us + us, open_end)
            for name, (us, open_end) in _until(whole, *following).items()
        }
    last, censored = max(
        until.values()
    )  # what is not restored counts to the end
    each = {
        name: (us - promoted[name], open_end)
        for name, (us, open_end) in until.items()
    }
    return {"": (last - min(promoted.values()), censored), **each}


def _until(
    whole: Whole, later: Leg, t: Tables
) -> dict[str, tuple[int, bool]]:
    """Return, by database, (when the time ends in which a leg's primary has nothing behind it, in
    the leg's time; whether the run ended before).
    """
    lost_us = _lost_us(t)
    never = (run_end_us(t, later.scenario), True)
    if lost_us is not None:  # it failed before anything was restored
        never = (lost_us, False)
    found = {}
    for i, database in enumerate(later.scenario.databases):
        each = [
            protected_us(rows, place.scenario, i)
            for place, rows in whole.at(later)
        ]
        known = [us for us in each if us is not None]
        found[database.name] = (min(known), False) if known else never
    return found


# ---- why
def unprotected_ledger(
    whole: Whole, leg: Leg, failover: FailoverOutcome, database: str = ""
) -> Ledger | None:
    """Explain it for one database, or for the one that waited longest; in the leg's time. None: no
    database was promoted.
    """
    found = unprotected(whole, leg, failover)
    names = [name for name in found if name and database in ("", name)]
    if not names:
        return None
    name = max(names, key=lambda each: found[each][0])
    length_us, open_end = found[name]
    index = [d.name for d in leg.scenario.databases].index(name)
    promoted_us = failover.losses[index].promoted_us
    assert promoted_us is not None
    lines = _lines(whole, leg, name, promoted_us, promoted_us + length_us)
    note = (
        "it was not protected by the end of the run: at least the sum"
        if open_end
        else ""
    )
    return Ledger(f"time unprotected of {name}", length_us, lines, note)


def _lines(
    whole: Whole, leg: Leg, name: str, from_us: int, until_us: int
) -> list[LedgerLine]:
    following = whole.after(leg)
    if following is None:
        detail = "none is ever put in place"
        return _some(
            LedgerLine(from_us, until_us - from_us, NO_SECOND_SIDE, detail)
        )
    later, t = _first_to_protect(whole, following, name)
    if not counts(later.scenario):
        detail = "only a store is behind it"
        return _some(
            LedgerLine(from_us, until_us - from_us, NO_SECOND_SIDE, detail)
        )
    shift_us = later.begins_us - leg.begins_us
    begins_us, ends_us = from_us - shift_us, until_us - shift_us
    in_place_us = min(
        max(later.scenario.secondary_from_us, begins_us), ends_us
    )
    detail = until_in_place(t, later)
    lines = _some(
        LedgerLine(
            begins_us, in_place_us - begins_us, NO_SECOND_SIDE, detail
        )
    )
    index = [d.name for d in later.scenario.databases].index(name)
    causes = Causes(t, later.scenario)
    if follows(t, later, index):
        commits = int(t.of("truth.begins", index)["commits"][0])
        lines += cut_up(
            causes, index, commits, in_place_us, ends_us, begins_us
        )
    elif restored_at_hand(t, index):
        lines += _from_at_hand(
            causes, index, in_place_us, ends_us, begins_us
        )
    else:
        lines += seeded_anew(causes, index, in_place_us, ends_us)
    for line in lines:
        line.begin_us += shift_us
    return [line for line in lines if line.duration_us]


def _from_at_hand(
    causes: Causes,
    database: int,
    from_us: int,
    ends_us: int,
    begins_us: int,
) -> list[LedgerLine]:
    """Return the lines of a copy that is restored from backups at hand: the full, the logs up to
    where the new primary begins, and the first log of that one.
    """
    t = causes.t
    commits = int(t.of("truth.begins", database)["commits"][0])
    rows = t.of("truth.restored", database)
    times = rows["time_us"][rows["time_us"] < ends_us]
    reached = times[rows["commits"][: len(times)] >= commits]
    full_us = int(times[0]) if len(times) else ends_us
    up_us = int(reached[0]) if len(reached) else ends_us
    lines = seeded_anew(causes, database, from_us, full_us)
    logs = LedgerLine(full_us, up_us - full_us, SEED_LOGS, SEED_LOGS_UNTIL)
    lines += _some(logs)
    if up_us < ends_us:
        lines += cut_up(
            causes, database, commits, up_us, ends_us, begins_us
        )
    return lines


def _first_to_protect(
    whole: Whole, following: tuple[Leg, Tables], name: str
) -> tuple[Leg, Tables]:
    """Return what the place has recorded that was the first to protect that database: it ended the
    time. If none has: what one has recorded that could have, of those that need no new seed, if any
    does.
    """
    places = [
        one for one in whole.at(following[0]) if counts(one[0].scenario)
    ]
    if not places:
        return following
    places.sort(key=lambda one: one[0].scenario.rank)
    found, first_us = places[0], NEVER_US
    if counts(following[0].scenario):
        found = following
    index = [d.name for d in following[0].scenario.databases].index(name)
    if not follows(found[1], found[0], index):
        going = (one for one in places if follows(one[1], one[0], index))
        found = next(going, found)
    for leg, t in places:
        at_us = protected_us(t, leg.scenario, index)
        if at_us is not None and at_us < first_us:
            found, first_us = (leg, t), at_us
    return found


def _some(line: LedgerLine) -> list[LedgerLine]:
    return [line] if line.duration_us else []


def follows(t: Tables, leg: Leg, database: int) -> bool:
    """Return whether a copy, or a store, goes on behind the primary of a leg without a new seed."""
    there = t.of("truth.copy_there", database)["time_us"]
    return begins_with_all(t, leg.scenario, database) or bool(len(there))


def restored_at_hand(t: Tables, database: int) -> bool:
    """Return whether a copy that cannot follow is restored from backups at hand."""
    rows = t.of("truth.cannot_follow", database)
    return any(t.text(by) != NEW_FULL for by in rows["by"].tolist())


def until_in_place(t: Tables, leg: Leg) -> str:
    """Say what was waited for."""
    back = t.rows("truth.second_side")
    if back and leg.scenario.new_secondary_built:
        return f"until site {leg.secondary} was in place"
    if back:
        return f"until site {leg.secondary} was back"
    end_us = leg.scenario.run_for_us
    if leg.scenario.secondary_from_us > end_us:
        return "none was put in place"
    return "until a new secondary was in place"
