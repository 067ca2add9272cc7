"""Whether what an alert says was true when it was raised, by what really happened (`truth.*`) and
what engines answered.

An alert that names a real trouble is no false alarm even where nobody's data or outage was in
danger: a clock that is wrong, a full that is hollow, a file that is damaged, a restore that the
engine refused, a log that is lost while the copy still needs it (an incremental beside it may keep
everyone's data out of danger). That no log came is judged by danger alone (alerts.py): that is what
it warns of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.happenings import turns_of
from dr_sim.measures.exposure.lag import replay_lag
from dr_sim.measures.tables import Ints, Tables
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import Scenario, Schedule
from dr_sim.scenario.schedule import longest_gap_us

(
    MISSING,
    ERRORS,
    DAMAGED,
    LAGGING,
    BACKUP_FAILED,
    NO_ROOM,
    CLOCKS_DIFFER,
    FELL_SHORT,
    WAITING,
) = (
    1,
    3,
    4,
    8,
    9,
    11,
    16,
    17,
    18,
)
NOT_PROTECTED, OVERDUE, LANDED_LATE, FULL_OVERDUE = 19, 22, 23, 24
PAGES_ROT = 27
OUT_OF_SYNC = 14421  # of the monitor
"""Event ids as documented in dr_sim/recovery/alerts/alerts.py: measures import nothing of the
logic that they judge.
"""


def says_the_truth(
    t: Tables,
    scenario: Scenario,
    event_id: int,
    database: int,
    time_us: int,
    name: str,
) -> bool:
    """Return whether what that alert says is true at that instant. name: of the file that it is
    about, '' if it is about none.
    """
    check = _CHECKS.get(event_id)
    return (
        database >= 0
        and check is not None
        and check(_Said(t, scenario, database, time_us, name))
    )


class _Said:
    """One alert to be checked."""

    def __init__(
        self,
        t: Tables,
        scenario: Scenario,
        database: int,
        time_us: int,
        name: str,
    ) -> None:
        self.t = t
        self.scenario = scenario
        self.database = database
        self.time_us = time_us
        self.name = name

    def times(self, kind: str) -> list[int]:
        """Return when rows of that kind of the database were written, up to the alert."""
        times = self.t.of(kind, self.database)["time_us"]
        return [int(at) for at in times[times <= self.time_us]]

    def files(self) -> list[int]:
        """The files that bear the name."""
        found = self.t.journal.texts.get(self.name, -1)
        kinds = ("truth.backup_finished", "truth.landed")
        return sorted(
            {
                int(f)
                for kind in kinds
                for f in self._where(kind, "name", found)
            }
        )

    def _where(self, kind: str, column: str, value: int) -> list[int]:
        rows = self.t.of(kind, self.database)
        return [int(f) for f in rows["file"][rows[column] == value]]

    def happened_to(self, kind: str, files: list[int]) -> bool:
        rows = self.t.of(kind, self.database)
        return bool(
            (
                np.isin(rows["file"], files)
                & (rows["time_us"] <= self.time_us)
            ).any()
        )


def _clock_is_wrong(said: _Said) -> bool:
    """A clock of either side is wrong, or was less than an age limit ago: what it stamped is still
    looked at.
    """
    since: dict[int, int] = {}
    for row in turns_of(said.t, said.scenario, Explains.WRONG_TIME):
        if row.time_us <= said.time_us:
            number = row.values["number"]
            since[number] = 0 if row.values["begins"] else row.time_us
    reach = said.scenario.replay.age_us + said.scenario.replay.retry_us
    return any(
        not ended or said.time_us - ended <= reach
        for ended in since.values()
    )


def _file_is_bad(said: _Said) -> bool:
    """Return whether it landed damaged, was cut off or is empty, or is not there."""
    files = said.files()
    landed = said.t.of("truth.landed", said.database)
    mine = np.isin(landed["file"], files) & (
        landed["time_us"] <= said.time_us
    )
    if (landed["intact"][mine] == 0).any():
        return True
    kinds = (
        "truth.damaged",
        "truth.backup_cut_off",
        "truth.backup_empty",
        "truth.file_gone",
    )
    return any(
        said.happened_to(kind, files) for kind in kinds
    ) or _was_never_made(said, files)


def _was_never_made(said: _Said, files: list[int]) -> bool:
    """A backup that reported success without a file of that name that is whole."""
    finished = said.t.of("truth.backup_finished", said.database)
    return bool(said.name) and not np.isin(finished["file"], files).any()


def _a_log_is_lost(said: _Said) -> bool:
    """A log past the copy's position was cut off, was empty, was damaged on its way or vanished,
    wherever, and does not lie whole at the secondary.
    """
    t = said.t
    made = t.of("truth.backup_finished", said.database)
    restored = t.of("truth.restored", said.database)
    reached = restored["redo_lsn"][restored["time_us"] <= said.time_us]
    stands = int(reached[-1]) if len(reached) else -1
    logs = (made["kind"] == Kind.LOG) & (made["time_us"] <= said.time_us)
    needed = made["file"][logs & (made["last_lsn"] > stands)]
    landed = t.of("truth.landed", said.database)
    whole = landed["file"][
        (landed["intact"] == 1) & (landed["time_us"] <= said.time_us)
    ]
    gone = t.of("truth.file_gone", said.database)
    before = gone["time_us"] <= said.time_us
    from_there = gone["file"][
        before & t.has_text(gone["where"], "secondary")
    ]
    lacking = [int(f) for f in needed if f not in whole or f in from_there]
    if bool(np.isin(lacking, gone["file"][before]).any()):
        return True
    kinds = ("truth.damaged", "truth.backup_cut_off", "truth.backup_empty")
    return any(said.happened_to(kind, lacking) for kind in kinds)


def _restore_was_refused(said: _Said) -> bool:
    """The engine refused it, or its bytes are not those that were made, and it has not been
    restored since.
    """
    refused = [
        at
        for kind in ("seen.RestoreFailed", "seen.NoRoom")
        for at in said.times(kind)
    ]
    if not refused:
        return _file_is_bad(said)
    restored = said.t.of("truth.restored", said.database)
    mine = np.isin(restored["file"], said.files()) & (
        restored["time_us"] <= said.time_us
    )
    return not mine.any()


def _replay_is_behind(said: _Said) -> bool:
    """Return whether what the copy lacks is older than the age limit, or was until a moment ago."""
    t, scenario = said.t, said.scenario
    curve = replay_lag(t, scenario, said.database)
    around = curve.window(
        said.time_us - scenario.replay.retry_us, said.time_us + 1
    )
    return around.max_us() >= scenario.replay.age_us


def _out_of_sync(said: _Said) -> bool:
    """Replay is behind, or what was restored last was made longer ago than the age limit: a copy
    that is being rebuilt begins with a full of days ago.
    """
    restored = said.t.of("truth.restored", said.database)
    before = restored["file"][restored["time_us"] <= said.time_us]
    made = said.t.of("truth.backup_finished", said.database)
    ended = (
        made["time_us"][made["file"] == before[-1]]
        if len(before)
        else before
    )
    old = (
        bool(len(ended))
        and said.time_us - int(ended[0]) >= said.scenario.replay.age_us
    )
    return old or _replay_is_behind(said)


def _a_backup_failed(said: _Said) -> bool:
    """One failed, was refused or cut off since a retry interval and the danger limit ago."""
    since = said.time_us - said.scenario.danger_us
    kinds = (
        "truth.backup_failed",
        "truth.backup_skipped",
        "truth.backup_cut_off",
        "truth.backup_empty",
    )
    return any(at >= since for kind in kinds for at in said.times(kind))


def _no_room(said: _Said) -> bool:
    """A full did not fit, and none has been restored since."""
    refused = said.times("seen.NoRoom")
    return (
        bool(refused) and not (_fulls_restored(said) >= refused[-1]).any()
    )


def _fulls_restored(said: _Said) -> Ints:
    """Return when fulls of the database were restored, up to the alert."""
    restored = said.t.of("truth.restored", said.database)
    files = said.t.of("truth.backup_finished", said.database)
    fulls = files["file"][files["kind"] == Kind.FULL]
    return restored["time_us"][
        np.isin(restored["file"], fulls)
        & (restored["time_us"] <= said.time_us)
    ]


def _copy_is_gone(said: _Said) -> bool:
    """The copy was dropped or broken, and no full has been restored since; or there never was
    one.
    """
    there = bool(said.times("truth.copy_there"))
    seeded = said.scenario.databases[said.database].seeded or there
    if not seeded and not said.times("truth.restored"):
        return True
    gone = said.times("truth.copy_gone")
    return bool(gone) and not (_fulls_restored(said) >= gone[-1]).any()


def _fell_short(said: _Said) -> bool:
    """A restore ended before the end of its file, or another backup than the file's name says was
    restored.
    """
    restored = said.t.of("truth.restored", said.database)
    made = said.t.of("truth.backup_finished", said.database)
    files = said.files()
    ends = made["last_lsn"][np.isin(made["file"], files)]
    stands = restored["redo_lsn"][restored["time_us"] <= said.time_us]
    if not len(ends) or not len(stands):
        return _file_is_bad(said)
    return int(stands[-1]) < int(ends.max()) or _file_is_bad(said)


def _none_came(said: _Said) -> bool:
    """Return whether no full or incremental has landed whole for longer than they are apart."""
    spec = said.scenario.databases[said.database]
    kinds = {Kind.FULL: spec.full, Kind.INCREMENTAL: spec.incremental}
    return _none_of_came(said, kinds)


def _no_full_came(said: _Said) -> bool:
    """Return whether no full has landed whole for longer than they are apart."""
    spec = said.scenario.databases[said.database]
    return _none_of_came(said, {Kind.FULL: spec.full})


def _none_of_came(said: _Said, kinds: Mapping[Kind, Schedule]) -> bool:
    gaps = [longest_gap_us(s) for s in kinds.values() if s.kind != "none"]
    landed = said.t.of("truth.landed", said.database)
    times_us = landed["time_us"]
    until = int(times_us.searchsorted(said.time_us, side="right"))
    of_kind = [landed["kind"][:until] == kind for kind in kinds]
    came = np.logical_or.reduce(of_kind) & (landed["intact"][:until] == 1)
    places = came.nonzero()[0]
    last_us = int(times_us[places[-1]]) if len(places) else 0
    return said.time_us - last_us > min(gaps, default=0)


def _landed_late(said: _Said) -> bool:
    """Return whether that log landed more than the age limit after it was finished."""
    t = said.t
    files = said.files()
    landed = t.of("truth.landed", said.database)
    made = t.of("truth.backup_finished", said.database)
    came_us = landed["time_us"][np.isin(landed["file"], files)]
    done_us = made["time_us"][np.isin(made["file"], files)]
    if not len(came_us) or not len(done_us):
        return False
    late_us = int(came_us[0]) - int(done_us[-1])
    return late_us > said.scenario.replay.age_us


def _pages_have_rotted(said: _Said) -> bool:
    """Return whether pages have rotted, and no sound ones have been put in their place since."""
    rotted = said.times("truth.rot")
    restored = said.times("truth.pages_restored")
    return bool(rotted) and max(restored, default=-1) <= rotted[-1]


_CHECKS: dict[int, Callable[[_Said], bool]] = {
    MISSING: _a_log_is_lost,
    ERRORS: _restore_was_refused,
    DAMAGED: _file_is_bad,
    LAGGING: _replay_is_behind,
    BACKUP_FAILED: _a_backup_failed,
    NO_ROOM: _no_room,
    CLOCKS_DIFFER: _clock_is_wrong,
    FELL_SHORT: _fell_short,
    WAITING: _out_of_sync,
    NOT_PROTECTED: _copy_is_gone,
    OVERDUE: _none_came,
    LANDED_LATE: _landed_late,
    FULL_OVERDUE: _no_full_came,
    PAGES_ROT: _pages_have_rotted,
    OUT_OF_SYNC: _out_of_sync,
}
