"""Tells what is kept, and for how long (R18): never deleted while it is needed, and gone when it is
not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dr_sim.oracle.monitors.alert_rows import position_before
from dr_sim.oracle.monitors.kept_files import gone_seqs, leads_on
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import (
    DAY_US,
    FULL,
    INCREMENTAL,
    LOG,
    RETENTION,
    Breach,
    Ints,
    Story,
    kind_in_name,
    lost_here,
)
from dr_sim.record.journal import Row


# ---- at the secondary
@dataclass(slots=True)
class _Shelf:
    """Headers of whole files, as columns. links: incrementals stand on incrementals (PostgreSQL's
    rule).
    """

    kind: Ints
    first: Ints
    last: Ints
    base: Ints
    copy_only: Ints
    finished_us: Ints
    links: bool

    def where(self, mask: np.ndarray | slice) -> _Shelf:
        return _Shelf(
            self.kind[mask],
            self.first[mask],
            self.last[mask],
            self.base[mask],
            self.copy_only[mask],
            self.finished_us[mask],
            self.links,
        )

    def starts(self) -> Ints:
        """Return where the fulls end, and the incrementals whose base is here."""
        fulls = self.kind == FULL
        return np.sort(self.last[fulls | self.stands()])

    def begun(self, kind: int) -> Ints:
        """Return the LSNs by which incrementals name bases of that kind."""
        begun: Ints = self.first[
            (self.kind == kind) & (self.copy_only == 0)
        ]
        return begun

    def stands(self) -> np.ndarray:
        """Return which are incrementals whose base is here, with all that it stands on in turn."""
        bases = self.begun(FULL)
        stands = np.zeros(len(self.kind), dtype=bool)
        while True:
            more = (
                (self.kind == INCREMENTAL)
                & np.isin(self.base, bases)
                & ~stands
            )
            if not more.any():
                return stands
            stands |= more
            if self.links:
                named = more & (self.copy_only == 0)
                bases = np.append(bases, self.first[named])

    def restorable(self, ends: Ints) -> np.ndarray:
        """Return which of these positions logs lead to from a full or an incremental."""
        starts = self.starts()
        logs = (self.kind == LOG) & (self.last > self.first)
        order = np.argsort(self.first[logs], kind="stable")
        first, last = self.first[logs][order], self.last[logs][order]
        if not len(starts):
            return np.zeros(len(ends), dtype=bool)
        if not len(first):
            return np.isin(ends, starts)
        reached = np.maximum.accumulate(last)
        breaks = np.append(True, first[1:] > reached[:-1])
        begins = first[breaks]
        # the unbroken stretch of logs that a position lies in begins there
        stretch = np.searchsorted(begins, ends, side="right") - 1
        begin = np.where(stretch >= 0, begins[np.maximum(stretch, 0)], ends)
        place = np.searchsorted(starts, ends, side="right") - 1
        nearest = np.where(place >= 0, starts[np.maximum(place, 0)], -1)
        led_to: np.ndarray = (place >= 0) & (
            (nearest >= begin) | (nearest == ends)
        )
        return led_to


def deletes_take_nothing_needed(story: Story) -> Iterator[Breach]:
    """Check that after every delete what was restorable and young is restorable still; incrementals
    keep their base, and the newest fulls stay by count (R18).
    """
    for database in story.databases:
        deletes = story.of("seen.Delete", database)
        if len(deletes["seq"]):
            yield from _deletes_of(story, database, deletes)


def _deletes_of(
    story: Story, database: int, deletes: dict[str, Ints]
) -> Iterator[Breach]:
    rows = story.of("seen.Validated", database)
    _, oldest_rows = np.unique(rows["name"], return_index=True)
    _, back = np.unique(rows["name"][::-1], return_index=True)
    order = np.argsort(oldest_rows, kind="stable")
    last_rows = (len(rows["name"]) - 1 - back)[
        order
    ]  # of each name the last header
    names, known_seq = (
        rows["name"][last_rows],
        rows["seq"][oldest_rows[order]],
    )
    fields = (
        "kind",
        "first_lsn",
        "last_lsn",
        "differential_base_lsn",
        "copy_only",
    )
    kind, first, last, base, copy_only = (
        rows[f"header.{field}"][last_rows] for field in fields
    )
    finished = rows["header.finished_utc_us"][last_rows]
    links = story.scenario.engine.postgres_rules
    shelf = _Shelf(kind, first, last, base, copy_only, finished, links)
    forks = rows["header.fork"][last_rows]
    if len(np.unique(forks)) > 1:
        return  # which of two histories a file belongs to is the planner's business
    gone_seq = gone_seqs(story, database, names, rows["seq"][last_rows])
    times, begins = np.unique(deletes["time_us"], return_index=True)
    died_us = story.deaths_us()
    oldest = 0  # no file before that one is there any more
    for at_us, begin in zip(times.tolist(), begins.tolist(), strict=True):
        seq = int(deletes["seq"][begin])
        there = slice(oldest, int(np.searchsorted(known_seq, seq)))
        before = gone_seq[there] >= seq
        leaves = int(deletes["seq"][deletes["time_us"] == at_us][-1])
        after = gone_seq[there] > leaves
        if before.any():
            oldest += int(np.argmax(before))
        if at_us in died_us:
            continue  # in the middle, perhaps: the rest goes at the next time
        whole = shelf.where(there)
        wrong = _wrong_delete(
            story,
            whole,
            before,
            after,
            _young_since(story, database, at_us),
        )
        if wrong:
            yield Breach("R18", seq, at_us, database, wrong)


def _young_since(story: Story, database: int, at_us: int) -> int:
    """Return what is young then, by the clock that the logic has."""
    found = story.within("seen.Alarm", database, at_us, at_us)
    told = story.of("seen.Alarm", database)["utc_us"][found]
    utc_us = (
        int(told[-1]) if len(told) else story.scenario.start_utc_us + at_us
    )
    return utc_us - story.scenario.secondary.retention_us


def _wrong_delete(
    story: Story,
    whole: _Shelf,
    before: np.ndarray,
    after: np.ndarray,
    young_us: int,
) -> str:
    """Return what a batch of deletes took that was needed; '' if nothing."""
    was, stays = whole.where(before), whole.where(after)
    fulls_before = int(((was.kind == FULL) & (was.copy_only == 0)).sum())
    fulls_after = int(((stays.kind == FULL) & (stays.copy_only == 0)).sum())
    keep = story.scenario.secondary.retention_count
    if fulls_after < min(keep, fulls_before):
        return f"a delete leaves {fulls_after} fulls; {keep} are to be kept whatever their age"
    needed = stays.base[stays.kind == INCREMENTAL]
    for kind in (FULL, INCREMENTAL) if whole.links else (FULL,):
        bases_before, bases_after = was.begun(kind), stays.begun(kind)
        if (
            np.isin(needed, bases_before) & ~np.isin(needed, bases_after)
        ).any():
            return "an incremental is kept, and the backup that it stands on is deleted"
        needed = needed[~np.isin(needed, bases_before)]
    ends = was.last[was.finished_us >= young_us]
    if (was.restorable(ends) & ~stays.restorable(ends)).any():
        return "a delete takes what a younger backup needs to be restored"
    return ""


# ---- at the primary, and the other way round
def the_primary_keeps_what_is_not_copied(story: Story) -> Iterator[Breach]:
    """Retention at the primary takes no file that has never landed, or that is on its way: what
    landed damaged is sent again (R18).
    """
    gone = story["truth.file_gone"]
    by_age = (gone["why"] == story.text_id(RETENTION)) & (
        gone["where"] == story.text_id("primary")
    )
    if not by_age.any():
        return
    landed = story["truth.landed"]
    came = landed[
        "file"
    ]  # damaged or not: what no copy makes whole is got past otherwise
    torn = np.concatenate(
        [
            story[kind]["file"]
            for kind in ("truth.backup_cut_off", "truth.backup_empty")
        ]
    )
    lost = gone["file"][gone["why"] != story.text_id(RETENTION)]
    never = by_age & ~np.isin(
        gone["file"], np.concatenate([came, torn, lost, _not_taken(story)])
    )
    bad = landed["file"][landed["intact"] == 0]
    again = by_age & np.isin(gone["file"], np.concatenate([bad, lost]))
    coming = _on_their_way(
        story, gone, again & ~np.isin(gone["file"], torn)
    )
    for place in np.flatnonzero(never | coming)[:1].tolist():
        what = "has never landed" if never[place] else "is on its way"
        yield Breach(
            "R18",
            int(gone["seq"][place]),
            int(gone["time_us"][place]),
            int(gone["entity"][place]),
            f"retention at the primary deletes a backup that {what}",
        )


def _not_taken(story: Story) -> Ints:
    """Return the files of kinds that the store does not take: they never land there."""
    begun, store = story["truth.backup_begin"], story.scenario.store
    if store is None:
        return begun["file"][:0]
    kinds = {"full": FULL, "incremental": INCREMENTAL, "log": LOG}
    taken = [kinds[word] for word in store.kinds]
    return begun["file"][~np.isin(begun["kind"], taken)]


def _on_their_way(
    story: Story, gone: dict[str, Ints], which: np.ndarray
) -> np.ndarray:
    """Return which of the files that are deleted wait to be sent, or are being sent, then; asked of
    the few that were damaged or lost at the other side.
    """
    found = np.zeros(len(which), dtype=bool)
    at_rest = [story.text_id("landed"), story.text_id("gone")]
    for place in np.flatnonzero(which).tolist():
        states = story.of("truth.file_state", int(gone["entity"][place]))
        mine = states["file"] == gone["file"][place]
        before = states["state"][
            mine & (states["seq"] < gone["seq"][place])
        ]
        found[place] = len(before) > 0 and int(before[-1]) not in at_rest
    return found


def nothing_is_deleted_while_it_may_be_the_way_back(
    story: Story,
) -> Iterator[Breach]:
    """Retention takes no file while a failover empties the pipes (R18)."""
    ends = [*(row.seq for row in story.phases[1:]), len(story.journal)]
    for begin, end in zip(story.phases, ends, strict=False):
        if begin.phase not in ("draining", "tail"):
            continue
        for row in story.rows_in(begin.seq, end, "seen.Delete"):
            yield Breach(
                "R18",
                row.seq,
                row.time_us,
                row.entity,
                f"{row.values['name']} is deleted in the middle of a failover",
            )


def old_logs_go_every_day(story: Story) -> Iterator[Breach]:
    """Check that every day all logs go that end before the newest old full, or incremental with its
    base, if the logs here lead from there to the end without a hole (R18).
    """
    if story.scenario.store is not None:
        return
    for database in story.databases:
        rows = story.of("seen.Validated", database)
        one_fork = len(np.unique(rows["header.fork"])) == 1
        if not one_fork or story.scenario.engine.postgres_rules:
            continue
        for alarm in _daily(story, database):
            left = _left(story, database, rows, alarm)
            if left:
                yield Breach(
                    "R18",
                    alarm.seq,
                    alarm.time_us,
                    database,
                    f"{left} is past the retention and ends before an old backup from which all "
                    "logs lead on, and it is not deleted",
                )
                break


def _daily(story: Story, database: int) -> Iterator[Row]:
    """Yield the alarms at which retention runs and has read all headers: after a restart it may
    have to read some first, and deletes nothing. No failover is on, and the manager does not die in
    the middle.
    """
    died_us = story.deaths_us()
    alarms = story.of("seen.Alarm", database)
    whole = alarms["mono_us"] % DAY_US == 0
    for seq in alarms["seq"][whole].tolist():
        row = story.journal.row(seq)
        if row.values["what"] != "prune" or row.time_us in died_us:
            continue
        begin_us = story.life_at(row.time_us)[0]
        is_first = begin_us == story.first_start_us
        has_read = is_first or row.time_us - begin_us > DAY_US
        has_read |= story.any_within(
            ("seen.Delete",), database, row.time_us, row.time_us
        )
        if has_read and not story.failing_over(row.seq):
            yield row


def _left(
    story: Story, database: int, rows: dict[str, Ints], alarm: Row
) -> str:
    """Return the name of a log that should have gone by then; '' if none should."""
    known = rows["seq"] < alarm.seq
    _, back = np.unique(rows["name"][known][::-1], return_index=True)
    place = int(known.sum()) - 1 - back
    names, seqs = rows["name"][place], rows["seq"][place]
    gone = gone_seqs(story, database, names, seqs)
    now = story.of("seen.Alarm", database)["time_us"] == alarm.time_us
    last_seq = int(story.of("seen.Alarm", database)["seq"][now][-1])
    here = gone >= alarm.seq
    place, names, gone = place[here], names[here], gone[here]
    kind, last = rows["header.kind"][place], rows["header.last_lsn"][place]
    first = rows["header.first_lsn"][place]
    young_us = _young_since(story, database, alarm.time_us)
    old = rows["header.finished_utc_us"][place] < young_us
    fulls = (kind == FULL) & (rows["header.copy_only"][place] == 0)
    bases = rows["header.differential_base_lsn"][place]
    strays = (kind == INCREMENTAL) & ~np.isin(bases, first[fulls])
    logs = (kind == LOG) & (last > first)
    starts = old & (fulls | (kind == INCREMENTAL))
    if not starts.any() or strays.any() or not (logs & ~old).any():
        return ""
    anchor = int(last[starts].max())
    if not leads_on(first[logs], last[logs], anchor):
        return ""
    behind = old & (kind == LOG) & (last <= anchor)
    behind &= last <= position_before(story, database, alarm.seq)[1]
    times = story.of("seen.Delete", database)
    deleted = times["name"][times["time_us"] == alarm.time_us]
    left = names[behind & (gone > last_seq) & ~np.isin(names, deleted)]
    return story.text(left[0]) if len(left) else ""


def old_files_go(story: Story) -> Iterator[Breach]:
    """A log that is older than the retention, and than a full that is old itself, goes within a day
    (R18); after a restart, which may have to read headers first, within two.
    """
    never_died = story.up_between(story.first_start_us, story.end_us)
    days = 1 if never_died else 2
    since_us = story.end_us - days * DAY_US - story.retry_us
    if since_us <= 0 or not story.quiet_between(since_us, story.end_us):
        return
    retention_us = story.scenario.secondary.retention_us
    old_us = story.scenario.start_utc_us + since_us - retention_us
    for database in story.databases:
        rows = story.of("seen.Validated", database)
        finished, kinds = (
            rows["header.finished_utc_us"],
            rows["header.kind"],
        )
        old = finished < old_us
        fulls = np.unique(rows["header.last_lsn"][old & (kinds == FULL)])
        keep = max(1, story.scenario.secondary.retention_count)
        if len(fulls) < keep or len(np.unique(rows["header.fork"])) > 1:
            continue
        # so many fulls lie past it, all of them old themselves
        behind = (
            old & (kinds == LOG) & (rows["header.last_lsn"] < fulls[-keep])
        )
        if story.scenario.store is None:  # what waits for its turn stays
            redo = position_before(story, database, len(story.journal))[1]
            behind &= rows["header.last_lsn"] <= redo
        names = rows["name"][behind]
        gone = story.of("seen.Delete", database)["name"]
        left = names[~np.isin(names, gone)]
        if len(left) and not lost_here(story, database, 0, story.end_us):
            yield Breach(
                "R18",
                int(rows["seq"][behind][~np.isin(names, gone)][0]),
                story.end_us,
                database,
                f"{story.text(left[0])} is long past the retention, nothing needs it, and it is "
                "not deleted",
            )


def damaged_logs_go(story: Story) -> Iterator[Breach]:
    """A log that never was whole here goes once it is older than the retention and a log that was
    begun after its end has been restored (R18). As with `old_files_go`, it may take a day, after a
    restart two.
    """
    never_died = story.up_between(story.first_start_us, story.end_us)
    days = 1 if never_died else 2
    since_us = story.end_us - days * DAY_US - story.retry_us
    if story.scenario.store is not None or clocks_may_be_wrong(story):
        return
    if since_us <= 0 or not story.quiet_between(since_us, story.end_us):
        return
    for database in story.databases:
        if lost_here(story, database, 0, story.end_us):
            continue
        left = _damaged_left(story, database, since_us)
        if left is not None:
            yield Breach(
                "R18",
                left.seq,
                story.end_us,
                database,
                f"{left.values['name']} is damaged and long past the retention, nothing needs it, "
                "and it is not deleted",
            )


def _damaged_left(story: Story, database: int, since_us: int) -> Row | None:
    """Return the row with which a log landed that is damaged, and should have gone since."""
    reached_us = _restored_from_us(story, database, since_us)
    retention_us = story.scenario.secondary.retention_us
    old_us = min(
        reached_us,
        story.scenario.start_utc_us + since_us - retention_us,
    )
    landed = story.of("seen.Landed", database)
    old = (landed["modified_utc_us"] < old_us) & (
        landed["time_us"] < since_us
    )
    known = [
        story.of(kind, database)["name"]
        for kind in ("seen.Validated", "seen.Delete")
    ]
    failed = story.of("seen.ValidationFailed", database)
    mine = old & np.isin(landed["name"], failed["name"])
    mine &= ~np.isin(landed["name"], np.concatenate(known))
    for place in np.flatnonzero(mine).tolist():
        if kind_in_name(story.text(int(landed["name"][place]))) == LOG:
            return story.journal.row(int(landed["seq"][place]))
    return None


def _restored_from_us(story: Story, database: int, before_us: int) -> int:
    """Return when the newest log that was restored before that instant was begun; 0: none was."""
    restored = story.of("seen.Restored", database)
    names = restored["name"][restored["time_us"] < before_us]
    whole = story.of("seen.Validated", database)
    logs = (whole["header.kind"] == LOG) & np.isin(whole["name"], names)
    begun_us = whole["header.started_utc_us"][logs]
    return int(begun_us.max()) if len(begun_us) else 0
