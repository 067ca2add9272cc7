"""Disks that can be full: at which instant the last free byte is written, who fails then, and what
is free again.
"""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from dr_sim.world.kernel.agenda import Agenda, Class
from dr_sim.world.kernel.sharing import Flow, SharedRate
from dr_sim.world.kernel.volume import NO_LIMIT_BYTES, BackupShare, Volume, Writing

from .build import MINUTE, ONE, SECOND, ran, rows, scenario
from .test_express import both_ways, taken


# ---- one disk
def test_what_lies_there_and_what_something_else_takes() -> None:
    told: list[int] = []
    volume = Volume(100)
    volume.changed.append(lambda: told.append(volume.free_bytes))
    volume.put(30)
    assert volume.fits(70) and not volume.fits(71)
    back = volume.take(50)
    assert volume.free_bytes == 20
    more = volume.take(None)  # all that is left
    assert not volume.fits(1)
    volume.remove(30)
    more()
    back()
    assert told == [20, 0, 30, 50, 100]


def test_a_disk_without_limit_is_full_only_while_something_else_has_the_rest() -> None:
    volume = Volume(0)
    volume.put(30)
    assert volume.free_bytes == NO_LIMIT_BYTES
    back = volume.take(None)
    assert volume.free_bytes == 0
    volume.remove(10)  # retention makes room, even so
    assert volume.free_bytes == 10
    back()
    assert volume.free_bytes == NO_LIMIT_BYTES


# ---- files that grow
def written(
    free: int, jobs: list[tuple[int, int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """jobs (begin_us, bytes, rate), each on a disk of its own: (who, when) of those that ended and
    of those that failed.
    """
    agenda = Agenda()
    ended, failed = [], []
    disks: list[SharedRate] = []
    flows: dict[int, Flow] = {}

    def fail(who: int) -> None:
        failed.append((who, agenda.now_us))
        disks[who].stop(flows[who])
        share.end(who)

    def done(who: int) -> None:
        ended.append((who, agenda.now_us))
        share.end(who)
        share.put(jobs[who][1])
        share.plan()

    def begin(who: int) -> None:
        _, size, rate = jobs[who]
        flows[who] = disks[who].start(who, size, rate, done, who)
        share.begin(who, Writing(disks[who], flows[who], size, partial(fail, who)))

    share = BackupShare(agenda, free)
    for who, (at, _, _) in enumerate(jobs):
        disks.append(SharedRate(agenda, Class.DISK, 1 << 40))
        disks[-1].replanned = share.plan
        agenda.at(at, Class.JOB, who, begin, who)
    agenda.run_until(1 << 50)
    return ended, failed


def test_a_backup_fails_when_the_last_byte_is_written_not_when_it_begins() -> None:
    assert written(100, [(0, 150, 10)]) == ([], [(0, 10 * SECOND)])
    assert written(100, [(0, 100, 10)]) == ([(0, 10 * SECOND)], [])  # it just fits


def test_two_that_write_at_once_fail_together_and_what_they_wrote_is_free_again() -> None:
    # 10 and 20 bytes a second from 0 s and 4 s on: 40 + 30 t = 100 at 6 s; the third finds all of
    # it free
    ended, failed = written(100, [(0, 90, 10), (4 * SECOND, 100, 20), (7 * SECOND, 100, 50)])
    assert failed == [(0, 6 * SECOND), (1, 6 * SECOND)]
    assert ended == [(2, 9 * SECOND)]


def test_one_that_has_ended_leaves_less() -> None:
    # 60 bytes by 2 s; of the 40 that are left the second has used 20 by then, and the rest by 4 s
    assert written(100, [(0, 60, 30), (0, 70, 10)]) == ([(0, 2 * SECOND)], [(1, 4 * SECOND)])


JOBS = st.lists(
    st.tuples(st.integers(0, 20).map(lambda s: s * SECOND), st.integers(1, 60), st.integers(1, 30)),
    min_size=1,
    max_size=5,
)


@given(st.integers(1, 120), JOBS)
def test_as_in_small_steps(free: int, jobs: list[tuple[int, int, int]]) -> None:
    """Against a walk in steps of a millisecond: who fails and ends, and when to a step or two."""
    ended, failed = written(free, jobs)
    assert sorted(who for who, _ in ended + failed) == list(range(len(jobs)))
    size = {who: jobs[who][1] for who in range(len(jobs))}
    for _, at in failed:  # full then: what had ended, and what all others had written
        still = {
            who: min(size[who] * SECOND, jobs[who][2] * (at - jobs[who][0]))
            for who, _ in failed
            if jobs[who][0] <= at and dict(failed)[who] >= at
        }
        running = {
            who: min(size[who] * SECOND, jobs[who][2] * (at - jobs[who][0]))
            for who, t in ended
            if jobs[who][0] <= at < t
        }
        there = (
            sum(size[who] * SECOND for who, t in ended if t <= at)
            + sum(still.values())
            + sum(running.values())
        )
        slack = sum(rate for _, _, rate in jobs)  # ends are rounded up to a microsecond
        assert there >= free * SECOND
        assert there <= free * SECOND + slack or at in [jobs[who][0] for who, _ in failed]
    for who, at in ended:
        assert at == jobs[who][0] - (-size[who] * SECOND // jobs[who][2])
        assert sum(size[w] for w, t in ended if t <= at) <= free


# ---- in the world
def test_a_full_share_costs_no_log() -> None:
    """20 MB logs into 50 MB: two fit. The third writes its 10 MB, fails, and truncates nothing."""
    w = ran(
        ONE,
        "primary.share_capacity=50 MB",
        "primary.log.fixed=0 s",
        "primary.log.rate=10 MB/s",
        "run_for=21 min",
    )
    failed = rows(w.journal, "truth.backup_failed", "number")
    assert failed[0] == (15 * MINUTE + SECOND, 3202)
    begun = rows(w.journal, "truth.backup_begin", "first_lsn", "last_lsn")
    assert [(b[1], b[2]) for b in begun if b[0] in (15 * MINUTE, 20 * MINUTE)] == [
        (40_000_001, 60_000_001),
        (40_000_001, 80_000_001),
    ]
    assert [f.header.last_lsn for f in w.context.by_name[0].values()] == [20_000_001, 40_000_001]
    assert w.primary.share.used_bytes == 40_000_000


def test_the_lane_looks_at_the_room() -> None:
    for limits in (
        ("primary.share_capacity=1 GB",),
        ("secondary.share_capacity=1 GB",),
        ("databases.crm.full=every 50 min", "primary.share_capacity=2 GB"),
    ):
        w = both_ways(scenario(ONE, "run_for=6 h", *limits))
        assert taken(w) > 5
        assert w.primary.share.used_bytes == sum(
            f.nominal_bytes for f in w.context.by_name[0].values() if f.at_primary
        )
        assert w.secondary.share.used_bytes == sum(
            f.nominal_bytes for f in w.context.by_name[0].values() if f.at_secondary
        )
        assert w.primary.share.used_bytes <= (w.primary.share.capacity_bytes or 1 << 62)
        assert w.secondary.share.used_bytes <= (w.secondary.share.capacity_bytes or 1 << 62)


def test_what_is_used_is_what_lies_there() -> None:
    """After a week of faults: cut transfers, copies sent again, files lost and pruned."""
    w = ran(
        ONE + "faults:\n  link_outage: {rate: 5 per day, duration: 20 min}\n  "
        "corrupt_in_transit: {rate: 9 per day}\n"
        "  missing_file: {rate: 5 per day, database: crm}\n  backup_cut_off: {rate: 5 per "
        "day, database: crm}\n",
        "run_for=5 days",
        "databases.crm.full=every 5 h",
        "primary.retention=10 h",
        "secondary.retention=6 h",
        "primary.share_capacity=14 GB",
        "secondary.share_capacity=9 GB",
        "secondary.data_capacity=1.5 GB",
    )
    files = w.context.by_name[0].values()
    assert w.primary.share.used_bytes == sum(f.nominal_bytes for f in files if f.at_primary)
    claimed = w.replication._room.claimed_bytes
    assert (
        w.secondary.share.used_bytes
        == sum(f.nominal_bytes for f in files if f.at_secondary) + claimed
    )
    assert w.secondary.data.used_bytes == 10**9
    assert rows(w.journal, "truth.violation") == []
    assert any(row[1] == "no_room" for row in rows(w.journal, "truth.file_state", "state"))
