"""The oracle itself: each invariant is broken once on purpose, and what would survive is compared
with a search of everything that could be restored.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.engines.commits import MASK, content, mark, rot
from dr_sim.engines.port import WitnessReading
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.oracle import laws, quiet_logs, survival, surviving, witness, witnessed
from dr_sim.oracle.laws import INVARIANTS
from dr_sim.oracle.witness import Witness
from dr_sim.oracle.witnessed import HandOver
from dr_sim.runs.run import run

DB = "crm"
FULL, INCREMENTAL, LOG = Kind


def header(
    kind: Kind,
    first: int,
    last: int,
    *,
    base: int = 0,
    fork: int = 1,
    first_fork: int = 0,
    copy_only: bool = False,
    carries: int = 0,
) -> BackupHeader:
    return BackupHeader(
        DB, 0, kind, fork, first, last, first, carries, base, first_fork or fork, 0, 0, 0, copy_only
    )


class Watch:
    """A witness of one database in which commit n ends at LSN 10 n; seeded with 1 commit. Files are
    numbered from 0.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, int, tuple[int | str, ...]]] = []
        self.witness = Witness(
            [DB], lambda *row: self.rows.append(row), lambda db, fork, n: 1000 * n + fork
        )
        self.witness.seeded(0, 0, 1, 10, 1, 10)
        self.headers: list[BackupHeader] = []
        self.base = 10
        self.clock = 0

    def made(self, kind: Kind, n0: int, n1: int, *, land: bool = True, **how: int) -> int:
        self.clock += 1
        self.headers.append(header(kind, 10 * n0, 10 * n1, **how))  # type: ignore[arg-type]
        file = len(self.headers) - 1
        self.witness.made(self.clock, 0, file, self.headers[file], n1)
        if land:
            self.witness.landed(self.clock, 0, file, True)
        return file

    def hand_over(
        self, file: int, attempts: int = 1, *, intact: bool = True, validated: bool = True
    ) -> None:
        self.clock += 1
        self.witness.handed_over(self.clock, 0, HandOver(file, attempts, intact, validated))

    def restored(
        self, file: int, *, commits: int = -1, digest: int = -1, lsn: int = -1, fork: int = 0
    ) -> None:
        self.clock += 1
        h = self.headers[file]
        n = h.last_lsn // 10 if commits < 0 else commits
        self.base = h.first_lsn if h.kind is FULL else max(self.base, h.database_backup_lsn)
        state = RestoreState(fork or h.fork, h.last_lsn if lsn < 0 else lsn, self.base)
        reading = WitnessReading(n, mark(DB, 1, n) if digest < 0 else digest)
        self.witness.restored(self.clock, 0, file, state, reading)

    def restore(self, file: int, attempts: int = 1) -> None:
        self.hand_over(file, attempts)
        self.restored(file)

    def promote(self, n: int, cls: str = "site", acknowledged: int = 100, digest: int = -1) -> None:
        self.clock += 1
        reading = WitnessReading(n, mark(DB, 1, n) if digest < 0 else digest)
        self.witness.promoted(self.clock, 0, 2, reading, cls, acknowledged)

    @property
    def broken(self) -> list[str]:
        assert [v.invariant for v in self.witness.violations] == [
            r[3][0] for r in self.rows if r[0] == "truth.violation"
        ]
        return [v.invariant for v in self.witness.violations]


@pytest.fixture
def w() -> Watch:
    return Watch()


# ---- what must not be objected to
def test_an_undisturbed_run_breaks_nothing(w: Watch) -> None:
    for i in range(1, 6):
        w.restore(w.made(LOG, i, i + 1))
    w.restore(w.made(LOG, 6, 6))  # idle: an empty log
    w.promote(6, acknowledged=6)
    assert w.broken == []


def test_damage_bridges_resyncs_and_crashes_break_nothing(w: Watch) -> None:
    logs = [w.made(LOG, i, i + 1, land=i != 2) for i in range(1, 5)]
    w.restore(logs[0])
    w.witness.landed(9, 0, logs[1], False)
    w.witness.restore_failed(9, 0, RestoreState(1, 20, 10))
    w.hand_over(w.made(INCREMENTAL, 1, 6, base=10))
    w.restored(4)
    full = w.made(FULL, 5, 7)
    w.hand_over(full)
    w.witness.restore_failed(9, 0, RestoreState(0, 0, 0, exists=False))  # killed in mid-replace
    w.restore(full, 2)
    w.restore(w.made(LOG, 5, 9))
    w.promote(9)
    assert w.broken == []


def test_after_a_skip_back_to_an_old_full_its_logs_are_replayed_again(w: Watch) -> None:
    full = w.made(FULL, 1, 1)
    logs = [w.made(LOG, i, i + 1) for i in range(1, 4)]
    for log in logs:
        w.restore(log)
    w.restore(full)
    for log in logs:
        w.restore(log, 2)
    assert w.broken == []


@pytest.mark.parametrize(
    ("whole_before", "heard", "again", "broken"),
    [
        (True, False, False, []),
        (True, True, False, ["damaged_file"]),  # who hears of it can hash it
        (False, False, False, ["damaged_file"]),  # it was never found to be whole
        (True, False, True, ["damaged_file"]),  # another copy landed, and somebody heard of it
    ],
)
def test_a_damaged_copy_that_nobody_hears_of_is_like_damage_at_rest(
    w: Watch, whole_before: bool, heard: bool, again: bool, broken: list[str]
) -> None:
    """It lands in the place of a whole one of the same name, size and time."""
    log = w.made(LOG, 1, 2, land=whole_before)
    w.witness.landed(5, 0, log, False)
    if not heard:
        w.witness.nobody_hears(0, log)
    if again:
        w.witness.landed(6, 0, log, False)
    w.hand_over(log, intact=False, validated=False)
    assert w.broken == broken


# ---- each invariant, broken
def break_attempts(w: Watch) -> None:
    log = w.made(LOG, 1, 2)
    w.hand_over(log, 1)
    w.witness.restore_failed(9, 0, RestoreState(1, 10, 10))
    w.hand_over(log, 1)  # read again, and the counter forgotten


def break_damaged_file(w: Watch) -> None:
    w.hand_over(w.made(LOG, 1, 2), intact=False, validated=False)  # the hash was skipped


def break_damaged_file_landed(w: Watch) -> None:
    log = w.made(LOG, 1, 2, land=False)
    w.witness.landed(5, 0, log, False)
    w.hand_over(log, intact=False, validated=True)  # the hash was computed and not heeded


def break_damaged_file_unfinished(w: Watch) -> None:
    # its backup never finished: there is no hash to agree with
    w.hand_over(77, intact=False, validated=True)


def break_gap(w: Watch) -> None:
    w.made(LOG, 1, 2)
    w.hand_over(w.made(LOG, 2, 3))


def break_wrong_fork(w: Watch) -> None:
    w.promote(1)
    w.witness.seeded(9, 0, 2, 10, 1, 10)
    w.witness.made(9, 0, 0, header(LOG, 10, 30, fork=2), 3)
    after = (mark(DB, 1, 1) + content(DB, 2, 1, 3)) & MASK
    w.headers.append(header(LOG, 10, 30, fork=2))
    w.hand_over(0)
    w.restored(0, commits=3, digest=after)
    # the old primary's own
    w.witness._databases[0].files[1] = surviving.SurvivingFile(header(LOG, 20, 40, fork=1), 4)
    w.hand_over(1)


def break_replayed_twice(w: Watch) -> None:
    log = w.made(LOG, 1, 2)
    w.restore(log)
    w.hand_over(log, 2)


def break_replayed_twice_by_the_engine(w: Watch) -> None:
    log = w.made(LOG, 1, 2)
    w.restore(log)
    w.restored(log)


def break_regression(w: Watch) -> None:
    logs = [w.made(LOG, 1, 2), w.made(LOG, 2, 3)]
    w.restore(logs[0])
    w.restore(logs[1])
    w.headers.append(header(LOG, 10, 20))
    w.restored(2)


def break_position(w: Watch) -> None:
    w.restored(w.made(LOG, 1, 3), lsn=20)


def break_position_on_failure(w: Watch) -> None:
    w.made(LOG, 1, 3)
    w.witness.restore_failed(9, 0, RestoreState(1, 30, 10))


def break_prefix(w: Watch) -> None:
    w.restored(w.made(LOG, 1, 3), digest=mark(DB, 1, 3) ^ 1)


def break_prefix_at_promotion(w: Watch) -> None:
    w.promote(1, digest=5)


def break_short_restore(w: Watch) -> None:
    w.restored(w.made(LOG, 1, 3), commits=2)  # the last commit dropped in silence


def break_short_recovery(w: Watch) -> None:
    w.made(LOG, 1, 3)
    w.promote(1)


def break_short_recovery_host(w: Watch) -> None:
    w.made(LOG, 1, 3, land=False)
    w.promote(1, "host")


def break_short_recovery_tail(w: Watch) -> None:
    w.restore(w.made(LOG, 1, 3))
    w.promote(3, "database", acknowledged=4)  # the tail could have been had


def break_short_recovery_over_a_hole(w: Watch) -> None:
    w.made(LOG, 1, 2, land=False)
    w.made(LOG, 2, 3)
    w.made(INCREMENTAL, 1, 4, base=10)
    w.promote(1)  # the hole was bridged by what had landed


@pytest.mark.parametrize(
    ("set_up_us", "recovers_us", "breaks"),
    [(200, 150, []), (200, 260, []), (200, 261, ["short_recovery"])],
    ids=["after recovery has begun", "after the last retry", "before the last retry"],
)
def test_who_sets_the_secondary_up_after_the_last_retry_is_too_late(
    w: Watch, set_up_us: int, recovers_us: int, breaks: list[str]
) -> None:
    """Commit 2 changes something that the secondary is not set up for. Retries come every 60 us."""
    w.made(LOG, 1, 3)
    w.witness.stops_at(100, 0, [20])
    acts = [
        (set_up_us, lambda: w.witness.stops_at(set_up_us, 0, [])),
        (recovers_us, lambda: w.witness.recovery_begins(recovers_us, 0, 60)),
    ]
    for _, act in sorted(acts, key=lambda each: each[0]):
        act()
    w.promote(1)
    assert w.broken == breaks


def break_past_the_stop(w: Watch) -> None:
    w.witness.stop_ordered(0, 2)
    w.restore(w.made(LOG, 1, 3))
    w.promote(3)


def break_short_recovery_before_the_stop(w: Watch) -> None:
    """The log leads to commit 4; replay was to stop after the third, and stopped after the first."""
    w.witness.stop_ordered(0, 3)
    w.made(LOG, 1, 4)
    w.promote(1)


def break_short_recovery_of_an_order_that_was_refused(w: Watch) -> None:
    before = w.witness.stop_ordered(0, 1)
    w.witness.stop_ordered(0, before)
    w.made(LOG, 1, 3)
    w.promote(1)


def break_beside_too_late(w: Watch) -> None:
    w.witness.copies_back(9, 0, 1, WitnessReading(3, mark(DB, 1, 3)), 2)


def break_beside_too_early(w: Watch) -> None:
    w.witness.copies_back(9, 0, 1, WitnessReading(1, mark(DB, 1, 1)), 2)


def break_beside_with_other_commits(w: Watch) -> None:
    w.witness.copies_back(9, 0, 1, WitnessReading(2, 12345), 2)


def rotten_full(w: Watch, n0: int, n1: int) -> int:
    w.headers.append(header(FULL, 10 * n0, 10 * n1))
    file = len(w.headers) - 1
    w.witness.made_rotten(0, file, w.headers[file], n1)
    w.witness.landed(w.clock, 0, file, True)
    return file


def with_rot(n: int) -> int:
    return (mark(DB, 1, n) + rot(DB)) & MASK


def break_rot_handed_over(w: Watch) -> None:
    full = rotten_full(w, 1, 2)
    w.witness.rot_is_known(0)
    w.hand_over(full)


def break_rot_promoted(w: Watch) -> None:
    full = rotten_full(w, 1, 2)
    w.hand_over(full)
    w.restored(full, digest=with_rot(2))
    w.witness.rot_is_known(0)
    w.promote(2, digest=with_rot(2))


def break_prefix_by_more_than_rot(w: Watch) -> None:
    full = rotten_full(w, 1, 2)
    w.hand_over(full)
    w.restored(full, digest=with_rot(2) ^ 1)


def break_prefix_by_rot_that_no_full_held(w: Watch) -> None:
    log = w.made(LOG, 1, 2)
    w.hand_over(log)
    w.restored(log, digest=with_rot(2))


def break_beside_with_rot(w: Watch) -> None:
    w.witness.rot_is_known(0)
    w.witness.copies_back(9, 0, 1, WitnessReading(2, with_rot(2)), 2)


def break_unacknowledged(w: Watch) -> None:
    w.restore(w.made(LOG, 1, 3))
    w.promote(3, acknowledged=2)


def break_after_promotion(w: Watch) -> None:
    log = w.made(LOG, 1, 2, land=False)
    w.promote(1)
    w.witness.landed(9, 0, log, True)
    w.restored(log)


def break_after_promotion_again(w: Watch) -> None:
    w.promote(1)
    w.promote(1)


def break_other_database(w: Watch) -> None:
    log = w.made(LOG, 0, 1)
    w.clock += 1
    w.witness.handed_over(w.clock, 0, HandOver(log, 1, True, True, 1 << 32, True))


def break_fast_path(w: Watch) -> None:
    """What finds it is a spot check: tests/world/test_spot_check.py."""
    w.witness.told_otherwise(1, 0, "row 7: one thing was recorded; another is what the machine did")


BREAKS = {
    name.removeprefix("break_"): f
    for name, f in list(globals().items())
    if name.startswith("break_")
}


@pytest.mark.parametrize("case", BREAKS)
def test_each_breach_is_found_and_nothing_else(w: Watch, case: str) -> None:
    BREAKS[case](w)
    invariant = max((name for name in INVARIANTS if case.startswith(name)), key=len)
    expected = {"regression": {"regression", "prefix"}}.get(invariant, {invariant})
    assert invariant in w.broken and set(w.broken) <= expected, w.broken


def test_every_invariant_has_a_case() -> None:
    for invariant in INVARIANTS:
        assert any(case.startswith(invariant) for case in BREAKS), invariant


def test_rot_that_nobody_knows_breaks_nothing_and_no_way_leads_over_it(w: Watch) -> None:
    """The copy is restored from a full that holds rotten pages, and from a log: nobody could know.
    It survives nothing, and that it was promoted is told.
    """
    full = rotten_full(w, 1, 2)
    w.hand_over(full)
    w.restored(full, digest=with_rot(2))
    assert w.witness.holds_rot(0)
    assert w.witness.survivable(0, "site") == (1, 0)
    log = w.made(LOG, 2, 3)
    w.hand_over(log)
    w.restored(log, digest=with_rot(3))
    assert w.witness.survivable(0, "site") == (1, 0)
    w.promote(3, digest=with_rot(3))
    assert w.broken == []
    assert [row[3] for row in w.rows if row[0] == "truth.rot_promoted"] == [(3,)]


def test_a_sound_full_takes_the_rot_away(w: Watch) -> None:
    sound, rotten = w.made(FULL, 0, 1), rotten_full(w, 1, 2)
    w.hand_over(rotten)
    w.restored(rotten, digest=with_rot(2))
    w.witness.rot_is_known(0)
    w.restore(sound)
    assert not w.witness.holds_rot(0)
    w.restore(w.made(LOG, 1, 2))
    w.promote(2)
    assert w.broken == []


def test_a_restore_beside_with_all_before_the_mistake_breaks_nothing(w: Watch) -> None:
    w.witness.copies_back(9, 0, 1, WitnessReading(2, mark(DB, 1, 2)), 2)
    assert w.broken == []


def test_a_stop_beyond_a_hole_that_only_a_later_full_gets_past_owes_what_the_logs_reach(
    w: Watch,
) -> None:
    """The full holds commits 1 to 6, and replay was to stop after the fourth."""
    w.restore(w.made(LOG, 1, 2))
    w.made(LOG, 2, 3, land=False)
    w.made(LOG, 3, 5)
    w.made(FULL, 5, 6)
    w.witness.stop_ordered(0, 4)
    w.promote(2)
    assert w.broken == []


# ---- what would survive
def test_rows_are_written_when_the_number_of_commits_changes_and_only_then(w: Watch) -> None:
    log = w.made(LOG, 1, 2, land=False)
    w.made(LOG, 2, 2)
    w.witness.landed(7, 0, log, True)
    w.restore(log)
    assert w.rows == [
        ("truth.survivable", 0, 0, ("site", 1, 1, 1001)),
        ("truth.survivable", 0, 0, ("host", 1, 1, 1001)),
        ("truth.survivable", 1, 0, ("host", 1, 2, 2001)),
        ("truth.survivable", 7, 0, ("site", 1, 2, 2001)),
    ]


def test_with_its_log_a_database_keeps_everything_unless_the_chain_has_a_hole(w: Watch) -> None:
    assert w.witness.survivable(0, "database", 7) == (1, 7)
    log = w.made(LOG, 1, 5, land=False)
    assert w.witness.survivable(0, "database", 7) == (1, 7)
    w.witness.gone(3, 0, log, "primary")
    assert w.witness.survivable(0, "database", 7) == (1, 1)


def test_rows_of_class_database_are_written_only_while_the_log_does_not_go_on_from_the_files(
    w: Watch,
) -> None:
    def rows() -> list[tuple[int, tuple[int | str, ...]]]:
        return [(row[1], row[3]) for row in w.rows if row[3][0] == "database"]

    for i in range(1, 4):
        w.restore(w.made(LOG, i, i + 1))
    assert rows() == [], "not one for a quiet log"
    log = w.made(LOG, 4, 6, land=False)
    w.witness.gone(20, 0, log, "primary")
    w.made(LOG, 6, 7)  # beyond the hole
    w.clock = 29
    w.made(INCREMENTAL, 7, 8, base=10)
    assert rows() == [
        (20, ("database", 1, 4, 4001)),
        (30, ("database", 1, 8, 8001)),
        (30, ("database", 1, -1, -1)),
    ]
    w.witness.log_kept(40, 0, False)
    w.witness.log_kept(50, 0, True)
    assert rows()[3:] == [(40, ("database", 1, 8, 8001)), (50, ("database", 1, -1, -1))]


def test_nothing_survives_of_a_database_never_seeded_until_a_full_has_landed() -> None:
    w = Watch()
    w.rows.clear()
    w.witness.opened(0, 0, 1)
    full = w.made(FULL, 2, 4, land=False)
    w.made(LOG, 2, 6, land=False)
    assert w.witness.survivable(0, "site") == (1, 0) and w.witness.survivable(0, "host") == (1, 6)
    w.witness.landed(5, 0, full, True)
    assert w.witness.survivable(0, "site") == (1, 4)
    assert [row[3] for row in w.rows[:2]] == [("site", 1, 0, 1), ("host", 1, 0, 1)]


def test_a_log_across_a_failover_carries_the_front_to_the_new_fork(w: Watch) -> None:
    w.restore(w.made(LOG, 1, 3))
    w.promote(3)
    assert w.witness.survivable(0, "site") == (0, 0)
    w.witness.seeded(9, 0, 2, 30, 3, 10)
    w.witness._databases[0].fork = 1  # a third server that stands where the fork leaves
    w.witness._databases[0].afresh(9)
    w.witness.made(10, 0, 5, header(LOG, 30, 60, fork=2, first_fork=1), 6)
    assert w.witness.survivable(0, "host") == (2, 6)
    w.witness.made(11, 0, 6, header(LOG, 30, 90, fork=1), 9)  # the old primary's own
    assert w.witness.survivable(0, "host") == (2, 6)


def test_a_full_that_is_lost_takes_its_incrementals_with_it_even_if_the_position_is_past_it(
    w: Watch,
) -> None:
    for i in range(1, 5):
        w.restore(w.made(LOG, i, i + 1))
    w.made(FULL, 3, 4)
    full = len(w.headers) - 1
    w.made(INCREMENTAL, 7, 8, base=30)
    assert w.witness.survivable(0, "site") == w.witness.survivable(0, "host") == (1, 8)
    w.witness.damaged(50, 0, full, "secondary")
    assert (w.witness.survivable(0, "site"), w.witness.survivable(0, "host")) == ((1, 5), (1, 8))
    w.witness.gone(51, 0, full, "primary")
    assert w.witness.survivable(0, "host") == (1, 5)
    w.made(INCREMENTAL, 8, 9, base=30)
    assert w.witness.survivable(0, "site") == (1, 5)


def test_a_copy_only_full_is_no_base_even_where_a_full_was() -> None:
    w = Watch()
    w.witness.opened(0, 0, 1)
    copy = w.made(FULL, 0, 0, copy_only=True)
    w.made(INCREMENTAL, 3, 4, base=0)
    assert w.witness.survivable(0, "site") == (1, 0)
    w.hand_over(copy)
    w.witness.restored(9, 0, copy, RestoreState(1, 0, 0), WitnessReading(0, 0))
    assert w.witness.survivable(0, "site") == (1, 0)


def test_the_base_that_logs_bring_counts_once_they_can_be_replayed_and_after_they_have_been(
    w: Watch,
) -> None:
    late = w.made(LOG, 1, 2, land=False, carries=10)
    full = w.made(FULL, 2, 3, land=False)
    log = w.made(LOG, 2, 4, carries=20)
    lost = w.made(LOG, 4, 5, land=False, carries=20)
    w.witness.gone(40, 0, full, "primary")
    w.witness.gone(40, 0, lost, "primary")
    w.made(INCREMENTAL, 5, 6, base=20)
    assert (w.witness.survivable(0, "site"), w.witness.survivable(0, "host")) == ((1, 1), (1, 6))
    w.witness.landed(50, 0, late, True)
    assert w.witness.survivable(0, "site") == (1, 6)
    w.witness.damaged(51, 0, late, "secondary")
    assert w.witness.survivable(0, "site") == (1, 1)
    w.witness.landed(52, 0, late, True)
    w.restore(late)
    w.restore(log)
    for file in (late, log):
        w.witness.gone(60, 0, file, "secondary")
        w.witness.gone(60, 0, file, "primary")
    assert w.witness.survivable(0, "site") == w.witness.survivable(0, "host") == (1, 6)
    w.made(INCREMENTAL, 6, 7, base=10)
    assert w.witness.survivable(0, "site") == (1, 6)
    assert w.broken == []


def test_the_copy_that_has_moved_on_to_the_next_base_is_past_incrementals_on_the_last(
    w: Watch,
) -> None:
    log = w.made(LOG, 1, 3, carries=20)
    w.made(INCREMENTAL, 4, 5, base=10)  # begun before that full had ended
    assert w.witness.survivable(0, "site") == (1, 5)
    w.restore(log)
    assert w.witness.survivable(0, "site") == w.witness.survivable(0, "host") == (1, 3)


def test_ways_over_logs_that_the_copy_has_passed_open_and_close(w: Watch) -> None:
    early = w.made(LOG, 1, 2, land=False, carries=10)
    log = w.made(LOG, 2, 3, carries=20)
    bridge = w.made(INCREMENTAL, 5, 6, base=10)
    w.made(INCREMENTAL, 8, 9, base=20)
    assert (w.witness.survivable(0, "site"), w.witness.survivable(0, "host")) == ((1, 6), (1, 9))
    w.restore(bridge)  # from here those logs are behind
    assert w.witness.survivable(0, "site") == w.witness.survivable(0, "host") == (1, 6)
    w.made(FULL, 1, 1, copy_only=True)  # not from there
    assert (w.witness.survivable(0, "site"), w.witness.survivable(0, "host")) == ((1, 6), (1, 9))
    w.witness.landed(50, 0, early, True)
    assert w.witness.survivable(0, "site") == (1, 9)
    w.witness.damaged(51, 0, log, "secondary")
    assert (w.witness.survivable(0, "site"), w.witness.survivable(0, "host")) == ((1, 6), (1, 9))
    w.witness.gone(52, 0, log, "primary")
    assert w.witness.survivable(0, "host") == (1, 6)
    assert w.broken == []


def test_holes_close_in_whatever_order_the_late_files_come(w: Watch) -> None:
    # 1-2, 3-4 and 5-6 are late
    logs = [w.made(LOG, i, i + 1, land=i % 2 == 0) for i in range(1, 7)]
    assert w.witness.survivable(0, "site") == (1, 1)
    for file, reaches in ((logs[2], 1), (logs[0], 5), (logs[4], 7)):
        w.witness.landed(50, 0, file, True)
        assert w.witness.survivable(0, "site") == (1, reaches)


def test_superseded_files_are_forgotten(w: Watch) -> None:
    for week in range(6):
        w.restore(w.made(FULL, 1 + 10 * week, 1 + 10 * week))
        for i in range(10):
            w.restore(w.made(LOG, 1 + 10 * week + i, 2 + 10 * week + i))
    assert len(w.witness._databases[0].files) <= survival.KEPT_CHAINS * 11
    assert w.broken == [] and w.witness.survivable(0, "site") == (1, 61)


def test_the_witness_shares_no_code_with_what_it_watches() -> None:
    modules = (witness, laws, quiet_logs, survival, surviving, witnessed)
    own = {module.__name__ for module in modules}
    for module in modules:
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        ours = {name for name in names if name and name.startswith("dr_sim")}
        data = {"dr_sim.backups.model", "dr_sim.backups.log_run", "dr_sim.backups.run_tables"}
        assert ours <= {*data, "dr_sim.engines.commits", *own}


# ---- against a search of everything
State = tuple[int, int, bool]
"""Position, first_lsn of the full that is carried, and whether that is a base."""


class Exhaustive:
    """A primary and its files by the plainest rules, and all positions that any order of restores
    reaches.
    """

    def __init__(self) -> None:
        self.n = 1
        self.log_lsn = 10
        self.base = self.last_base = 10
        self.files: list[tuple[BackupHeader, dict[str, bool]]] = []
        self.state: State | None = (10, 10, True)  # the secondary's copy

    @staticmethod
    def step(state: State | None, h: BackupHeader) -> State | None:
        """What restoring h makes of a state; None if it is refused."""
        if h.kind is FULL:
            return h.last_lsn, h.first_lsn, not h.copy_only
        if state is None or h.last_lsn <= state[0]:
            return None
        if h.kind is INCREMENTAL:
            return (
                (h.last_lsn, *state[1:]) if (h.differential_base_lsn, True) == state[1:] else None
            )
        if h.first_lsn > state[0]:
            return None
        return (
            (h.last_lsn, h.database_backup_lsn, True)
            if h.database_backup_lsn > state[1]
            else (h.last_lsn, *state[1:])
        )

    def furthest(self, sides: tuple[str, ...]) -> int:
        there = [h for h, where in self.files if any(where[s] for s in sides)]
        seen, todo = {self.state}, [self.state]
        while todo:
            state = todo.pop()
            for h in there:
                after = self.step(state, h)
                if after is not None and after not in seen:
                    seen.add(after)
                    todo.append(after)
        return max((s[0] for s in seen if s is not None), default=0) // 10


ACTS = st.one_of(
    st.tuples(
        st.sampled_from(["log", "log", "log", "full", "copy", "incremental"]),
        st.integers(0, 2),
        st.booleans(),
    ),
    st.tuples(
        st.sampled_from(["land", "spoil", "damage", "gone"]), st.integers(0, 30), st.booleans()
    ),
    st.tuples(st.sampled_from(["restore", "restore", "kill"]), st.integers(0, 30), st.booleans()),
)


def act(w: Watch, truth: Exhaustive, what: str, number: int, flag: bool) -> None:
    if what in ("log", "full", "copy", "incremental"):
        begin = truth.n * 10
        truth.n += number
        end = truth.n * 10
        if what == "log":
            h, truth.log_lsn = header(LOG, truth.log_lsn, end, carries=truth.base), end
        elif (
            what == "incremental"
        ):  # on the last base but one: it was begun before the last full ended
            h = header(INCREMENTAL, begin, end, base=truth.last_base if flag else truth.base)
        else:
            h = header(FULL, begin, end, copy_only=what == "copy")
            if what == "full":
                truth.last_base, truth.base = truth.base, begin
        truth.files.append((h, {"primary": True, "secondary": False}))
        w.headers.append(h)
        w.witness.made(0, 0, len(truth.files) - 1, h, truth.n)
        if not flag or what != "log":
            return
        number, what = len(truth.files) - 1, "land"
    if not truth.files:
        return
    file = number % len(truth.files)
    h, where = truth.files[file]
    side = "primary" if flag else "secondary"
    if what == "land":
        where["secondary"] = True
        w.witness.landed(0, 0, file, True)
    elif what == "spoil":
        where["secondary"] = False
        w.witness.landed(0, 0, file, False)
    elif what in ("damage", "gone"):
        where[side] = False
        (w.witness.damaged if what == "damage" else w.witness.gone)(0, 0, file, side)
    elif what == "kill":
        truth.state = None
        w.witness.restore_failed(0, 0, RestoreState(0, 0, 0, exists=False))
    elif where["secondary"] and (after := truth.step(truth.state, h)) is not None:
        truth.state = after
        n = after[0] // 10
        w.witness.restored(
            0,
            0,
            file,
            RestoreState(1, after[0], after[1] * after[2]),
            WitnessReading(n, mark(DB, 1, n)),
        )


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=st.lists(ACTS, min_size=12, max_size=40))
def test_survivable_is_what_an_exhaustive_search_finds(
    monkeypatch: pytest.MonkeyPatch, acts: list[tuple[str, int, bool]]
) -> None:
    monkeypatch.setattr(survival, "KEPT_CHAINS", 1000)
    w, truth = Watch(), Exhaustive()
    for what, number, flag in acts:
        act(w, truth, what, number, flag)
        assert w.witness.survivable(0, "site")[1] == truth.furthest(("secondary",)), (
            what,
            number,
            flag,
        )
        assert w.witness.survivable(0, "host")[1] == truth.furthest(("primary", "secondary")), (
            what,
            number,
            flag,
        )
        shown = {row[3][0]: row[3][2] for row in w.rows if row[0] == "truth.survivable"}
        reached, host = shown.pop("database", -1), w.witness.survivable(0, "host")[1]
        assert reached == (-1 if host >= truth.log_lsn // 10 else host), (
            "by the log, or where the files end before it"
        )
        assert w.witness.survivable(0, "database", truth.n)[1] == (truth.n if reached < 0 else host)
        assert shown == {cls: w.witness.survivable(0, cls)[1] for cls in ("site", "host")}
    assert set(w.broken) <= {"replayed_twice"}


def test_an_incremental_that_the_copy_is_past_is_no_base_of_the_next(tmp_path: Path) -> None:
    """By PostgreSQL's rule each incremental stands on the one before it. Those of 2:00 and 4:00 are
    behind the copy, which has replayed logs since, so that of 6:00 cannot be restored on it: what
    it holds beyond the log cut at 6:00 does not survive (found by exploration).
    """
    path = tmp_path / "s.yaml"
    path.write_text(
        "run_for: 7 h\n"
        "databases: {crm: {size: 200 MB, incremental: every 2 h, log: every 15 min}}\n"
        "link: {bandwidth: 200 Mbit/s}\n"
        "engine: {imitates: postgres}\n"
        "failover: {mode: automatic}\n"
        "events: [{at: 22380 s, lose: site}]\n"
    )
    result = run(load_scenario(path))
    summary = summary_json(result.summary)
    assert summary["violations"] == []
    assert summary["failovers"][0]["data_loss_us"] == (22_380 - 6 * 3_600) * 1_000_000
