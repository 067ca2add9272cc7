"""Tells whether what is kept is hashed again (R6)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from dr_sim.oracle.monitors.kept_files import gone_seqs, leads_on
from dr_sim.oracle.monitors.story import (
    FULL,
    LOG,
    SLACK_US,
    Breach,
    Ints,
    Story,
    rot_said,
)
from dr_sim.record.journal import Row


def hashed_again(story: Story) -> Iterator[Breach]:
    """The newest full is hashed again periodically, where that is configured. One whose pages have
    rotted, as people say, is of no use: the newest of the others is hashed.
    """
    every_us = story.scenario.replay.reverify_us
    if not every_us:
        return
    for database in story.databases:
        rows = story.of("seen.Validated", database)
        fulls = np.flatnonzero(rows["header.kind"] == FULL)
        names, firsts = np.unique(rows["name"][fulls], return_index=True)
        asked = story.of("seen.Validate", database)
        for place, name in zip(
            fulls[firsts].tolist(), names.tolist(), strict=True
        ):
            times = asked["time_us"][asked["name"] == name]
            for begin_us, until_us in _newest(
                story, database, rows, fulls[firsts], place
            ):
                due_us = _not_hashed(
                    story, times, begin_us, until_us, every_us
                )
                if due_us:
                    yield Breach(
                        "R6",
                        int(rows["seq"][place]),
                        due_us,
                        database,
                        f"{story.text(name)} is kept, and is not hashed again in time",
                    )
                    break


def logs_are_hashed_again(story: Story) -> Iterator[Breach]:
    """When kept files are hashed again, so is the newest log, if logs lead up to it from the newest
    full (R6). A restart may have yet to read the headers of old logs.
    """
    if not story.scenario.replay.reverify_us:
        return
    for database in story.databases:
        rows = story.of("seen.Validated", database)
        one_fork = len(np.unique(rows["header.fork"])) == 1
        if not one_fork or rot_said(story, database):
            continue
        for alarm in story.rows_of("seen.Alarm", database):
            if alarm.values["what"] != "reverify":
                continue
            if not story.quiet_between(
                story.first_start_us, alarm.time_us + SLACK_US
            ):
                break
            newest = _newest_log(story, database, rows, alarm)
            asked = story.of("seen.Validate", database)
            now = asked["time_us"] == alarm.time_us
            if newest >= 0 and newest not in asked["name"][now]:
                yield Breach(
                    "R6",
                    alarm.seq,
                    alarm.time_us,
                    database,
                    f"{story.text(newest)} is kept, and is not hashed again with the others",
                )
                break


def _newest_log(
    story: Story, database: int, rows: dict[str, Ints], alarm: Row
) -> int:
    """Return the name of the newest log here, to which logs lead from the newest full; -1 if they
    do not, or if a full or an incremental ends later.
    """
    known = rows["seq"] < alarm.seq
    _, back = np.unique(rows["name"][known][::-1], return_index=True)
    place = int(known.sum()) - 1 - back
    names = rows["name"][place]
    gone = gone_seqs(story, database, names, rows["seq"][place])
    landed = story.of("seen.Landed", database)
    came = landed["seq"] < alarm.seq
    hashed = np.append(rows["seq"][place], 0)
    to = np.searchsorted(names, landed["name"][came])
    overtaken = landed["seq"][came] > hashed[to]
    again = landed["name"][came][overtaken]
    here = (gone >= alarm.seq) & ~np.isin(names, again)
    place, names = place[here], names[here]
    kind = rows["header.kind"][place]
    first = rows["header.first_lsn"][place]
    last = rows["header.last_lsn"][place]
    logs = (kind == LOG) & (last > first)
    fulls = kind == FULL
    if not logs.any() or not fulls.any():
        return -1
    if last[logs].max() <= last[kind != LOG].max():
        return -1
    if not leads_on(first[logs], last[logs], int(last[fulls].max())):
        return -1
    return int(names[logs][np.argmax(last[logs])])


def _not_hashed(
    story: Story, times: Ints, begin_us: int, until_us: int, every_us: int
) -> int:
    """Return when a full should have been hashed again at the latest, if it was not; 0 if it was.
    times: when it was hashed. It is the newest between the two instants.
    """
    inside = times[(times > begin_us) & (times < until_us)].tolist()
    for at_us, then_us in pairwise([begin_us, *inside, until_us]):
        due_us = at_us + 2 * every_us + SLACK_US
        if then_us > due_us and story.quiet_between(at_us, due_us):
            return int(due_us)
    return 0


def _newest(
    story: Story,
    database: int,
    rows: dict[str, Ints],
    fulls: Ints,
    place: int,
) -> list[tuple[int, int]]:
    """Return from when to when a full is the newest that is of use. place: its row. fulls: the row
    of each full.
    """
    name = int(rows["name"][place])
    begin_us = int(rows["time_us"][place])
    finished_us = rows["header.finished_utc_us"][place]
    begun = rows["time_us"][fulls]
    finished = rows["header.finished_utc_us"][fulls]
    # fulls may come in another order than they were taken in, and one may lie here twice,
    # where an older version of a file has come: one of the two is hashed
    twice = (finished == finished_us) & (begun > begin_us)
    newer = fulls[(finished > finished_us) | twice]
    rotten = rot_said(story, database)

    def of_use_until(full: int) -> int:
        said = rotten.get(story.text(full))
        return story.end_us if said is None else said.time_us

    until_us = min(
        _kept_until(story, database, name, begin_us, story.end_us),
        of_use_until(name),
    )
    found, from_us = list[tuple[int, int]](), begin_us
    order = np.argsort(rows["time_us"][newer], kind="stable")
    for each in newer[order].tolist():
        comes_us = int(rows["time_us"][each])
        said_us = of_use_until(int(rows["name"][each]))
        if said_us <= comes_us:
            continue
        found.append((from_us, min(comes_us, until_us)))
        from_us = max(from_us, said_us)
        if from_us >= until_us:
            break
    found.append((from_us, until_us))
    return [(first, last) for first, last in found if first < last]


def _kept_until(
    story: Story, database: int, name: int, begin_us: int, until_us: int
) -> int:
    for kind in ("seen.ValidationFailed", "seen.Delete", "seen.Landed"):
        rows = story.of(kind, database)
        times = rows["time_us"][
            (rows["name"] == name) & (rows["time_us"] > begin_us)
        ]
        until_us = min([until_us, *times[:1].tolist()])
    for kind in ("truth.promoted", "truth.copy_gone"):
        times = story.of(kind, database)["time_us"]
        until_us = min([until_us, *times[times > begin_us][:1].tolist()])
    return until_us
