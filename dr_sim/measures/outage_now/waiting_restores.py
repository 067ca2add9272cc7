"""The restores that wait at each instant in the life of one copy: the files that have landed, when
each was or would have been begun, and how long it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.happenings import turns_of
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.outage_now.after_the_end import (
    RestoreTimes,
    WaitingFiles,
    ends_later,
    go_on,
    lands_us,
    restore_under_way,
)
from dr_sim.measures.outage_now.over_a_hole import (
    in_order,
    leads_over,
    without_what_is_passed,
)
from dr_sim.measures.outage_now.past_the_logs import (
    BesideTheLogs,
    past_the_logs,
)
from dr_sim.measures.outage_now.undo import undo_us
from dr_sim.measures.outage_now.way_over import NO_WAY_US, Slowness
from dr_sim.measures.tables import (
    Bools,
    Ints,
    Tables,
    first_of,
    pick,
    run_end_us,
    up_until_us,
)
from dr_sim.record.sets import among
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import Scenario

_ALL_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Barred:
    """Says that in [from_us, until_us) neither the job of that place nor any after it can be
    restored. again: its file can be copied again where the primary's share is left.
    """

    place: int
    from_us: int
    until_us: int
    again: bool = False


@dataclass(slots=True)
class Jobs:
    """Restores of one database in the order in which they must come. landed_us ascends: when it and
    all before it were there. begun_us, done_us: of its restore; NEVER_US if it never came to that.
    takes_us: as long as that took in the run; plain_us: what it would have taken had restores not
    been slow just then. due_us: a replay delay holds it until then.
    """

    landed_us: Ints
    begun_us: Ints
    done_us: Ints
    takes_us: Ints
    plain_us: Ints
    due_us: Ints
    full: Bools
    undo_us: Ints
    made_us: Ints  # it was finished at the primary
    ready_us: Ints  # it lay at the secondary: landed_us, but where the primary's share is left
    barred: Sequence[Barred] = ()

    def __post_init__(self) -> None:
        """Cut off what takes so long that a sum of it would leave 64 bits is cut off: it never
        comes to an end.
        """
        most = NO_WAY_US // max(1, len(self.takes_us))
        self.takes_us, self.plain_us = (
            np.minimum(self.takes_us, most),
            np.minimum(self.plain_us, most),
        )


@dataclass(slots=True)
class Life:
    """From begin_us on until end_us the copy is one: it was there from the beginning (whole), or a
    full was restored first. past: what a failover restores beside the logs.
    """

    begin_us: int
    end_us: int
    whole: bool
    jobs: Jobs
    past: BesideTheLogs = field(default_factory=BesideTheLogs)


def past_logs_of(
    t: Tables, scenario: Scenario, database: int
) -> BesideTheLogs:
    """Return what a failover restores beside the logs of a copy."""
    files = _files(t, database, 0)
    beside = past_the_logs(
        t, scenario, database, files, cost_us(scenario, files)
    )
    return beside.without(leads_over(t, database, files))


def lives_of(t: Tables, scenario: Scenario, database: int) -> list[Life]:
    """The copies that there were of a database, one after the other."""
    end = run_end_us(t, scenario)
    lost = [
        at
        for at in t.of("truth.copy_gone", database)["time_us"].tolist()
        if at < end
    ]
    turns = [
        (0, scenario.databases[database].seeded),
        *((at, False) for at in lost),
    ]
    there = t.of("truth.copy_there", database)["time_us"].tolist()
    turns += [(at, True) for at in there if (at, True) not in turns]
    begins, whole = map(list, zip(*sorted(turns), strict=True))
    past = past_logs_of(t, scenario, database)
    return [
        Life(
            begin,
            stop,
            there,
            _jobs(
                t,
                scenario,
                database,
                (begin, stop),
                past if there else None,
            ),
            past,
        )
        for begin, stop, there in zip(
            begins, [*begins[1:], NEVER_US], whole, strict=True
        )
    ]


def _jobs(
    t: Tables,
    scenario: Scenario,
    database: int,
    span: tuple[int, int],
    past: BesideTheLogs | None,
) -> Jobs:
    """past: what a failover restores beside the logs of a copy that is whole; None: it is not."""
    begin_us, end_us = span
    whole = past is not None
    restored = t.of("truth.restored", database)
    restored = pick(
        restored,
        (restored["time_us"] >= begin_us) & (restored["time_us"] < end_us),
    )
    files = _files(t, database, begin_us)
    reached = (
        np.maximum.accumulate(restored["redo_lsn"])
        if len(restored["redo_lsn"])
        else restored["redo_lsn"]
    )
    logs = files["kind"] == Kind.LOG
    # fulls and incrementals count if they were restored, or lead over a hole
    first = among(files["file"], restored["file"]) & ~logs
    if past is not None:
        first |= among(files["file"], leads_over(t, database, files))
        first &= ~among(files["file"], past.file)
    else:
        first |= _a_full_that_could_be(files, restored, begin_us, end_us)
    from_lsn = _begins_at(files, restored, first, whole)
    empty = (
        files["last_lsn"] <= files["first_lsn"]
    )  # nothing to restore in it
    wanted = (logs & ~empty & (files["last_lsn"] > from_lsn)) | first
    files = without_what_is_passed(in_order(pick(files, wanted)))
    replay = _ReplayedFiles(files, restored, reached)
    return _timed(t, scenario, database, replay, (begin_us, end_us))


def _files(t: Tables, database: int, begin_us: int) -> dict[str, Ints]:
    """Finished backups, and when each first lay whole at the secondary: of a copy that begins at
    begin_us only what has not been deleted there by then.
    """
    f = t.of("truth.backup_finished", database)
    landed = t.of("truth.landed", database)
    landed = pick(landed, landed["intact"] == 1)
    gone = t.of("truth.file_gone", database)
    gone = pick(
        gone,
        t.has_text(gone["where"], "secondary")
        & (gone["time_us"] <= begin_us),
    )
    if len(gone["file"]):
        last = -first_of(
            gone["file"][::-1],
            -gone["time_us"][::-1],
            landed["file"],
            NEVER_US,
        )
        landed = pick(landed, landed["time_us"] > last)
    names = (
        "file",
        "kind",
        "first_lsn",
        "last_lsn",
        "nominal_bytes",
        "time_us",
        "name",
    )
    return {
        **{key: f[key] for key in names},
        # what lay there when the leg began counts from then on
        "landed_us": np.maximum(
            first_of(
                landed["file"], landed["time_us"], f["file"], NEVER_US
            ),
            0,
        ),
    }


def _a_full_that_could_be(
    files: dict[str, Ints],
    restored: dict[str, Ints],
    begin_us: int,
    end_us: int,
) -> Bools:
    """Return, where no full was restored after the copy was gone, the newest that lay there then,
    or else the first that landed afterwards, if any.
    """
    fulls = files["kind"] == Kind.FULL
    none = np.zeros(len(fulls), np.bool_)
    if among(files["file"][fulls], restored["file"]).any():
        return none
    landed = np.flatnonzero(fulls & (files["landed_us"] < end_us))
    if len(landed):
        before = landed[files["landed_us"][landed] <= begin_us]
        none[before[-1] if len(before) else landed[0]] = True
    return none


def _begins_at(
    files: dict[str, Ints],
    restored: dict[str, Ints],
    first: Bools,
    whole: bool,
) -> int:
    """Return where the first log begins that this copy needs."""
    if whole or not first.any():
        return -1 if whole else NEVER_US
    return int(files["last_lsn"][np.flatnonzero(first)[0]])


@dataclass(frozen=True, slots=True)
class _ReplayedFiles:
    """The files of a copy, what was restored of them, and the LSN that each restore reached."""

    files: dict[str, Ints]
    restored: dict[str, Ints]
    reached: Ints


def _timed(
    t: Tables,
    scenario: Scenario,
    database: int,
    replay: _ReplayedFiles,
    span: tuple[int, int],
) -> Jobs:
    files, restored, reached = replay.files, replay.restored, replay.reached
    slow = Slowness.of(t, scenario)
    off = _job_off(t, scenario, database)
    commands = t.of("seen.Restore", database)
    at = np.searchsorted(reached, files["last_lsn"])
    there = at < len(reached)
    row = np.minimum(at, max(0, len(reached) - 1))
    done = np.full(len(at), NEVER_US, np.int64)
    begun, takes = done.copy(), cost_us(scenario, files)
    if len(reached):
        done[there] = restored["time_us"][row[there]]
        own = there & (restored["file"][row] == files["file"])
        asked = (
            np.searchsorted(commands["time_us"], done[own], side="left") - 1
        )
        begun[there] = done[there]
        asked_us = (
            commands["time_us"][np.maximum(asked, 0)]
            if len(commands["time_us"])
            else done[own]
        )
        for off_us, on_us in off:
            asked_us = np.where(
                (asked_us >= off_us) & (asked_us < on_us),
                np.minimum(on_us, done[own]),
                asked_us,
            )
        took = done[own] - asked_us
        if (
            len(scenario.databases) > scenario.replay.workers
        ):  # some of that it waited for a worker
            took = np.minimum(took, takes[own])
        begun[own] = done[own] - took
        takes = np.where(there, 0, takes)
        takes[own] = took
    landed = (
        np.maximum.accumulate(np.minimum(files["landed_us"], done))
        if len(done)
        else done
    )
    delay = scenario.replay.delay_us
    due = (
        files["time_us"] + delay if delay else np.zeros(len(done), np.int64)
    )
    ready = lands_us(t, scenario, files, landed)
    times = RestoreTimes(begun, done, takes)
    _had_nothing_failed(t, scenario, database, (span[0], files), times)
    end_us = run_end_us(t, scenario)
    switched_off = any(since <= end_us < on for since, on in off)
    if span[1] > end_us and not switched_off:
        waits = WaitingFiles(span[0], files, ready, due)
        go_on(t, scenario, database, waits, times, slow)
    plain = takes * _ALL_PPM // slow.at(np.minimum(begun, NEVER_US - 1))
    plain = np.where(there, plain, cost_us(scenario, files))
    return Jobs(
        landed,
        begun,
        np.maximum.accumulate(done) if len(done) else done,
        takes,
        plain,
        due,
        files["kind"] == Kind.FULL,
        undo_us(t, scenario, database, files),
        files["time_us"],
        ready,
        _barred(t, scenario, database, files, done),
    )


def _had_nothing_failed(
    t: Tables,
    scenario: Scenario,
    database: int,
    copy: tuple[int, dict[str, Ints]],
    times: RestoreTimes,
) -> None:
    """Let a restore that was under way when the primary failed, and that the failover ended or cut
    off, continue as long as it would have: until the failure nobody knows of that end. copy: since
    when there is this copy, and its files.
    """
    since_us, files = copy
    failed_us = up_until_us(t, scenario, database)
    if failed_us >= run_end_us(t, scenario):
        return
    under_way = restore_under_way(t, database, since_us, failed_us)
    if under_way is None:
        return
    name, begun_us = under_way
    slow = Slowness.of(t, scenario)
    for place in np.flatnonzero(files["name"] == name).tolist():
        cost = cost_us(scenario, files)[place : place + 1]
        takes_us = int(slow.slowed(cost, np.array([begun_us]))[0])
        again_us = int(times.begun_us[place])
        # one that had waited for a worker by then was begun soon afterwards
        ended = failed_us < again_us < begun_us + takes_us
        if ended or again_us == NEVER_US:
            ends_later(times, place, begun_us, takes_us, failed_us)


def _barred(
    t: Tables,
    scenario: Scenario,
    database: int,
    files: dict[str, Ints],
    done_us: Ints,
) -> list[Barred]:
    """Return what stands in the way of restores: a hole that nothing has bridged, a file that was
    damaged or deleted where it waits or before it came, and a set-up that the secondary does not
    have.
    """
    found = [Barred(i, 0, NEVER_US) for i in _after_a_hole(files)]
    landed = t.of("truth.landed", database)
    landed = pick(landed, landed["intact"] == 1)
    for kind in ("truth.damaged", "truth.file_gone"):
        bad = t.of(kind, database)
        bad = pick(bad, t.has_text(bad["where"], "secondary"))
        # what had been restored by then, as what retention deletes, is in nobody's way
        waits = first_of(files["file"], done_us, bad["file"], -1)
        bad = pick(bad, waits > bad["time_us"])
        place_of = _places(files, bad)
        for file, at_us in zip(
            bad["file"].tolist(), bad["time_us"].tolist(), strict=True
        ):
            again = (landed["file"] == file) & (landed["time_us"] > at_us)
            back = landed["time_us"][again]
            until_us = int(back[0]) if len(back) else NEVER_US
            found.append(Barred(place_of[file], at_us, until_us, True))
        found += _not_in_the_share(t, database, files, kind)
    return found + _refused(t, scenario, database, files)


def _not_in_the_share(
    t: Tables, database: int, files: dict[str, Ints], kind: str
) -> list[Barred]:
    """Return the files that went, or were damaged, before they had been copied: they never come."""
    bad = t.of(kind, database)
    bad = pick(bad, t.has_text(bad["where"], "primary"))
    landed = first_of(files["file"], files["landed_us"], bad["file"], -1)
    bad = pick(bad, landed > bad["time_us"])
    places = _places(files, bad)
    found: list[Barred] = []
    for file, at_us in zip(
        bad["file"].tolist(), bad["time_us"].tolist(), strict=True
    ):
        place = places[file]
        until_us = int(files["landed_us"][place])
        found.append(Barred(place, at_us, until_us))
    return found


def _places(files: dict[str, Ints], bad: dict[str, Ints]) -> dict[int, int]:
    """Return the place of each file, if any of them is bad."""
    if not len(bad["file"]):
        return {}
    return {file: i for i, file in enumerate(files["file"].tolist())}


def _after_a_hole(files: dict[str, Ints]) -> list[int]:
    """Find the place of the first log that begins beyond all that comes before it."""
    reached = np.maximum.accumulate(files["last_lsn"])
    beyond = files["first_lsn"][1:] > reached[:-1]
    beyond &= files["kind"][1:] == Kind.LOG
    first: list[int] = (np.flatnonzero(beyond)[:1] + 1).tolist()
    return first


def _refused(
    t: Tables, scenario: Scenario, database: int, files: dict[str, Ints]
) -> list[Barred]:
    """Whatever was begun after a change at the primary, until the secondary is set up for it."""
    name = scenario.databases[database].name
    begun = t.of("truth.backup_begin", database)
    begun_us = first_of(
        begun["file"], begun["time_us"], files["file"], NEVER_US
    )
    found: list[Barred] = []
    for row in turns_of(t, scenario, Explains.NOT_SET_UP, name):
        if row.values["begins"]:
            later = np.flatnonzero(begun_us >= row.time_us)
            place = int(later[0]) if len(later) else len(begun_us)
            found.append(Barred(place, row.time_us, NEVER_US))
        elif found:
            found[-1] = replace(found[-1], until_us=row.time_us)
    return found


def _job_off(
    t: Tables, scenario: Scenario, database: int
) -> list[tuple[int, int]]:
    """Return when no restore of that database began, as its job did not run: until it ran again, or
    a failover drained by its own script.
    """
    name = scenario.databases[database].name
    drains = [
        r.time_us
        for r in t.rows("seen.EnterPhase")
        if r.values["phase"] == "draining"
    ]
    found: list[tuple[int, int]] = []
    since: list[int] = []
    for row in turns_of(t, scenario, Explains.RESTORES_OFF, name):
        if row.values["begins"]:
            since.append(row.time_us)
        elif since:
            found.append((since.pop(0), row.time_us))
    found += [(begin, NO_WAY_US) for begin in since]
    spans = []
    for begin, end in found:
        spans.append(
            (
                begin,
                min(
                    (at for at in drains if begin <= at < end), default=end
                ),
            )
        )
    return spans


def cost_us(scenario: Scenario, files: dict[str, Ints]) -> Ints:
    """Return what each restore costs by its kind and size."""
    spec = scenario.secondary
    takes = np.zeros(len(files["file"]), np.int64)
    for kind in Kind:
        cost = spec.restore[kind]
        rate = min(cost.rate_bytes_s, spec.disk_bytes_s)
        mine = files["kind"] == kind
        size = files["nominal_bytes"][mine]
        takes[mine] = cost.fixed_us + -(-size * _ALL_PPM // rate)
    return takes
