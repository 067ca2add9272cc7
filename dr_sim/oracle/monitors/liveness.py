"""A monitor of what must happen in the end: after a storm that the design can handle there is calm,
and then everything is restored again (R7, R11).

Theory of operation. The calm begins when the last event is over, nothing more happens to the copy
or the manager, and the primary is alive. A full may have to come then: one that is requested, or
the next that is due (where the policy waits for it). After three times the time that all this
needs, a database is stuck for good if its logs land completely and nothing has been restored into
it in all that time. Three things excuse it: events that the design cannot handle by itself
(`EventKind.heals`), a disk without room, and a first full that is still on its way. A link may
carry the backups of days to a place that was lost for so long.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.story import (
    FULL,
    LOG,
    MINUTE_US,
    SECOND_US,
    Breach,
    Story,
    is_restoring,
)
from dr_sim.scenario.schedule import longest_gap_us

_SPARE_US = 60 * MINUTE_US
_TIMES = 3
"""How many times over there must have been time."""


def restored_after_the_storm(story: Story) -> Iterator[Breach]:
    """Nothing happens any more, logs land whole (or fulls, where there are no logs), and the
    database is not restored any further.
    """
    if story.scenario.store is not None or not _heals(story):
        return
    calm_us = _calm_since_us(story)
    if calm_us is None:
        return
    left_us = [row.time_us for row in story.phases[-1:]]  # of a failover
    for database in story.databases:
        restored = story.of("seen.Restored", database)["time_us"]
        since_us = max([calm_us, *left_us, *restored[-1:].tolist()])
        due_us = since_us + _needed_us(story, database)
        if due_us >= story.end_us or not story.quiet_between(
            since_us, due_us
        ):
            continue
        came = _landed_whole(story, database, since_us, due_us)
        if came is None or _moved(story, database, since_us + 1, due_us):
            continue
        if is_restoring(story, database, due_us):
            continue
        if _first_full_is_on_its_way(story, database, due_us):
            continue
        what = (
            "logs land"
            if story.log_interval_us(database)
            else "a full lands"
        )
        yield Breach(
            "R7",
            came,
            due_us,
            database,
            f"everything is well again for hours, {what} whole, and nothing is restored",
        )


def _heals(story: Story) -> bool:
    """Return whether the design can get past all that the scenario brings."""
    return all(kind.heals for kind in story.kinds_of_event())


def _calm_since_us(story: Story) -> int | None:
    """Return when the last event was over; None: one lasts, or the primary is lost or stopped."""
    if story.count("truth.failed") or _stays_stopped(story):
        return None
    last_us = story.lives[-1][0]
    going: dict[tuple[int, str], int] = {}
    for row in story.rows("truth.event"):
        key = row.values["number"], row.values["what"]
        step = 1 if row.values["begins"] else -1
        going[key] = going.get(key, 0) + step
        last_us = max(last_us, row.time_us)
    if any(open_ones > 0 for open_ones in going.values()):
        return None
    for kind in ("truth.copy_gone", "truth.promoted", "truth.link"):
        times = story[kind]["time_us"]
        last_us = max([last_us, *times[-1:].tolist()])
    return last_us


def _stays_stopped(story: Story) -> bool:
    """Return whether a fence has stopped the primary, and it never takes writes again: it makes no
    full either, for a copy that is lost.
    """
    unfenced = story["truth.unfenced"]["seq"]
    last = int(unfenced[-1]) if len(unfenced) else -1
    return any(
        row.seq > last and row.values["writes_stop"]
        for row in story.rows("truth.fenced")
    )


def _needed_us(story: Story, database: int) -> int:
    """Return what may pass until the database is restored again: a full is made, sent, hashed and
    restored, with all others on the link.
    """
    scenario = story.scenario
    size = sum(each.size_bytes for each in scenario.databases)
    sent_us = size * 8 * SECOND_US // scenario.link.bandwidth_bit_s
    replay = scenario.replay
    needed_us = _SPARE_US + sent_us + replay.age_us + story.patience_us
    if "skip_ahead" in (replay.on_hole, replay.otherwise):
        needed_us += longest_gap_us(scenario.databases[database].full)
    return _TIMES * needed_us


def _landed_whole(
    story: Story, database: int, from_us: int, until_us: int
) -> int | None:
    """Return the row of a log that landed whole early in that time; None: none did. Where there are
    no logs a full is meant: an incremental may stand on another.
    """
    kind = LOG if story.log_interval_us(database) else FULL
    rows = story.of("truth.landed", database)
    found = story.within("truth.landed", database, from_us, until_us)
    whole = (rows["kind"][found] == kind) & (rows["intact"][found] == 1)
    whole &= rows["last_lsn"][found] > _stands_at(story, database, from_us)
    early = rows["time_us"][found] < (from_us + until_us) // 2
    seqs = rows["seq"][found][whole & early]
    return int(seqs[0]) if len(seqs) else None


def _first_full_is_on_its_way(
    story: Story, database: int, at_us: int
) -> bool:
    """Return whether there was never a copy here, no full has landed, and one is on its way."""
    seeded = story.scenario.databases[database].seeded
    if seeded or _stands_at(story, database, at_us) >= 0:
        return False
    landed = story.of("truth.landed", database)
    fulls = (landed["kind"] == FULL) & (landed["time_us"] <= at_us)
    if fulls.any():
        return False
    made = story.of("truth.backup_finished", database)
    made = made["file"][made["kind"] == FULL]
    states = story.of("truth.file_state", database)
    for number in made.tolist():
        known = (states["file"] == number) & (states["time_us"] <= at_us)
        last = states["state"][known][-1:].tolist()
        if last and story.text(last[0]) in ("queued", "sending"):
            return True
    return False


def _stands_at(story: Story, database: int, at_us: int) -> int:
    rows = story.of("seen.Restored", database)
    place = int(np.searchsorted(rows["time_us"], at_us)) - 1
    return int(rows["redo_lsn"][place]) if place >= 0 else -1


def _moved(
    story: Story, database: int, from_us: int, until_us: int
) -> bool:
    """Return whether anything is restored, or has no room."""
    kinds = ("seen.Restored", "seen.NoRoom", "truth.promoted")
    return story.any_within(kinds, database, from_us, until_us)
