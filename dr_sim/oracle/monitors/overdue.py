"""A monitor of backups that do not come: a database without logs whose next full or incremental is
overdue is reported (R12). That it is not reported too early is checked in untrue.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import minutes_text
from dr_sim.oracle.monitors.lacking import was_there
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import LOG, SLACK_US, Breach, Story
from dr_sim.scenario.schedule import longest_gap_us


def overdue_is_told(story: Story) -> Iterator[Breach]:
    """A backup is overdue when one interval has passed since the last one began, and twice the time
    that it took, and the window; after a restart, two intervals and the window. Whatever else is
    reported about that database, or about the service, may be why. A first copy that is awaited is
    another matter: that of event 19.
    """
    if clocks_may_be_wrong(story) or story.scenario.store is not None:
        return
    for database in story.databases:
        if story.log_interval_us(database) or not was_there(
            story, database
        ):
            continue
        for begin_us, until_us, most_us in _gaps(story, database):
            due_us = begin_us + most_us
            if due_us >= until_us or not story.quiet_between(
                due_us - story.retry_us - SLACK_US, due_us
            ):
                continue
            if story.any_within(
                ("truth.promoted", "truth.copy_gone"), database, 0, due_us
            ):
                continue
            if not _is_told(story, database, begin_us, due_us):
                yield Breach(
                    "R12",
                    _last_seq(story, database, begin_us),
                    due_us,
                    database,
                    f"no full or incremental has come for {minutes_text(due_us - begin_us)}, and "
                    "no alert says so",
                )


def _is_told(
    story: Story, database: int, from_us: int, until_us: int
) -> bool:
    about = (story.name(database), "")
    return any(
        from_us <= row.time_us <= until_us
        and row.values["database"] in about
        for row in story.rows("seen.RaiseAlert")
    )


def _gaps(story: Story, database: int) -> Iterator[tuple[int, int, int]]:
    """Yield the stretches between fulls and incrementals that landed: begin, end, and how long one
    may last before it must have been reported.
    """
    of = story.scenario.databases[database]
    intervals = (longest_gap_us(of.full), longest_gap_us(of.incremental))
    interval_us = min((each for each in intervals if each), default=0)
    if not interval_us:
        return
    rows, begun = (
        story.of(kind, database)
        for kind in ("truth.landed", "truth.backup_begin")
    )
    began = dict(
        zip(begun["file"].tolist(), begun["time_us"].tolist(), strict=True)
    )
    landed = np.flatnonzero(rows["kind"] != LOG)
    came = [(story.first_start_us, 0)]
    for file, time_us in zip(
        rows["file"][landed].tolist(),
        rows["time_us"][landed].tolist(),
        strict=True,
    ):
        came.append((time_us, time_us - began.get(file, time_us)))
    ends = [*(time_us for time_us, _ in came[1:]), story.end_us]
    for (begin_us, took_us), end_us in zip(came, ends, strict=True):
        usual_us = interval_us + max(interval_us, 2 * took_us)
        spare_us = story.window_us(database) + story.retry_us + SLACK_US
        yield begin_us, end_us, usual_us + spare_us


def _last_seq(story: Story, database: int, time_us: int) -> int:
    rows = story.of("truth.landed", database)
    place = int(rows["time_us"].searchsorted(time_us, side="right"))
    return int(rows["seq"][place - 1]) if place else 0
