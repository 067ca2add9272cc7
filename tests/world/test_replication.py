"""Replication: cuts, back-off, resuming, staging, copy jobs, files that overtake each other. All
instants by hand.
"""

from __future__ import annotations

import pytest

from dr_sim.record.journal import Journal
from world.build import HOUR, MINUTE, ONE, SECOND, ran, rows, violations

FAST = "primary.log={fixed: 1 s, rate: 1 TB/s}"
FIRST = 5 * MINUTE  # the first log is cut


def told(*events: str, sets: tuple[str, ...] = (), text: str = ONE) -> Journal:
    with_events = text + ("events:\n" + "".join(f"  - {e}\n" for e in events) if events else "")
    built = ran(with_events, FAST, *sets)
    assert violations(built.journal) == []
    return built.journal


def finished(journal: Journal, nth: int) -> tuple[int, int]:
    """(when, bytes) of the nth backup."""
    at, size = rows(journal, "truth.backup_finished", "nominal_bytes")[nth]
    return at, size


def states(journal: Journal, nth: int) -> list[tuple[int, str]]:
    file = next(
        r.values["file"] for i, r in enumerate(journal.rows("truth.backup_finished")) if i == nth
    )
    return [(t, s) for t, f, s in rows(journal, "truth.file_state", "file", "state") if f == file]


def sent(journal: Journal, nth: int) -> list[int]:
    """Bytes of each transfer of the nth backup, whole or cut."""
    file = next(
        r.values["file"] for i, r in enumerate(journal.rows("truth.backup_finished")) if i == nth
    )
    return [b for _, f, b in rows(journal, "truth.transfer_bytes", "file", "bytes") if f == file]


def transfer_us(size: int, bit_s: int = 100_000_000) -> int:
    return -(-size * 8 * SECOND // bit_s)


def test_a_file_goes_as_soon_as_it_is_finished() -> None:
    journal = told()
    for nth in range(3):
        at, size = finished(journal, nth)
        assert states(journal, nth) == [(at, "sending"), (at + transfer_us(size), "landed")]
        assert sent(journal, nth) == [size]


# ---- cuts and back-off
def cut(*sets: str, duration: str = "1 s") -> tuple[Journal, int, int, int]:
    """The link goes at 301.5 s, in the middle of the first log. -> journal, cut, when it was
    finished, its size.
    """
    journal = told(f"{{at: 301.5 s, link_outage: {duration}}}", sets=sets)
    return journal, 301_500_000, *finished(journal, 0)


def test_a_large_file_resumes_after_the_back_off() -> None:
    journal, at, made, size = cut("replication.retry=3 min")
    done = (at - made) * 100 // 8  # 100 bits a microsecond
    again = at + 3 * MINUTE
    assert sent(journal, 0) == [done, size - done]
    assert states(journal, 0) == [
        (made, "sending"),
        (at, "backoff"),
        (again, "sending"),
        (again + transfer_us(size - done), "landed"),
    ]


def test_a_small_file_starts_again() -> None:
    journal, at, made, size = cut("replication.retry=3 min", "replication.resume_above=1 GB")
    again = at + 3 * MINUTE
    assert sent(journal, 0) == [(at - made) * 100 // 8, size]
    assert states(journal, 0)[-1] == (again + transfer_us(size), "landed")


def test_tries_are_a_back_off_apart_until_the_link_is_there() -> None:
    """Down from 301.5 s for 10 min: tries at 3, 6, 9 min find nothing, the one at 12 min does."""
    journal, at, _, _ = cut("replication.retry=3 min", duration="10 min")
    assert [s for _, s in states(journal, 0)] == ["sending", "backoff", "sending", "landed"]
    assert states(journal, 0)[2][0] == at + 12 * MINUTE


def test_what_is_finished_meanwhile_waits_with_it_and_all_go_at_once() -> None:
    journal, at, _, _ = cut("replication.retry=3 min", duration="10 min")
    second, _ = finished(journal, 1)
    assert states(journal, 1)[:2] == [(second, "backoff"), (at + 12 * MINUTE, "sending")]
    third = finished(journal, 2)[0]
    assert third < at + 12 * MINUTE
    assert (at + 12 * MINUTE, "sending") in states(journal, 2)


@pytest.mark.parametrize(("retry", "held"), [("3 min", "backoff"), ("0 s", "waiting")])
def test_after_an_outage_what_waits_for_a_slot_is_queued(retry: str, held: str) -> None:
    """One slot: when the link is used again the first file goes, and the others do not back off any
    more.
    """
    journal, at, _, _ = cut(f"replication.retry={retry}", "replication.slots=1", duration="10 min")
    again = at + (12 if held == "backoff" else 10) * MINUTE
    second, third = (states(journal, n) for n in (1, 2))
    assert (again, "queued") in second
    assert (again, "queued") in third
    waited = second[second.index((again, "queued")) + 1]
    assert waited[0] > again
    assert waited[1] == "sending"


def test_without_a_back_off_it_goes_on_when_the_link_does() -> None:
    journal, at, made, size = cut("replication.retry=0 s", duration="10 min")
    left = size - (at - made) * 100 // 8
    again = at + 10 * MINUTE
    assert [s for _, s in states(journal, 0)] == ["sending", "waiting", "sending", "landed"]
    assert states(journal, 0)[2][0] == again
    # the logs that were finished meanwhile go beside it, in the order in which they were made
    landed = [t for t, _ in rows(journal, "truth.landed", "file")]
    assert landed[:3] == sorted(landed[:3])
    assert landed[0] > again + transfer_us(left)


def test_a_link_that_is_down_is_found_down_by_the_next_file() -> None:
    """Down from 320 s, when nothing is on its way, for 10 min: the log of 601 s finds it, and tries
    each 3 min.
    """
    journal = told("{at: 320 s, link_outage: 10 min}", sets=("replication.retry=3 min",))
    second, _ = finished(journal, 1)
    assert states(journal, 1)[:2] == [(second, "backoff"), (second + 6 * MINUTE, "sending")]


@pytest.mark.parametrize(
    ("way", "held"), [("to_secondary", True), ("both", True), ("to_primary", False)]
)
def test_a_partition_holds_files_only_on_their_way(way: str, held: bool) -> None:
    journal = told(f"{{at: 320 s, partition: {{cut: {way}, duration: 10 min}}}}")
    assert ("backoff" in {s for _, s in states(journal, 1)}) == held


def test_a_cut_gives_every_byte_once_however_often_it_comes() -> None:
    journal = told(
        *(f"{{at: {301_100 + 2_000 * i} ms, link_outage: 300 ms}}" for i in range(8)),
        sets=("replication.retry=1 s", "link.bandwidth=20 Mbit/s"),
    )  # fmt: skip
    _, size = finished(journal, 0)
    assert len(sent(journal, 0)) > 4
    assert sum(sent(journal, 0)) == size


# ---- slots
THREE = """\
run_for: 30 min
databases: {a: &d {size: 1 GB, full: none, incremental: none}, b: *d, c: *d}
link: {bandwidth: 100 Mbit/s}
"""


def test_no_more_files_than_slots_are_under_way() -> None:
    journal = told(sets=("replication.slots=2", "primary.disk=100 TB/s"), text=THREE)
    at, size = finished(journal, 2)
    assert [s for _, s in states(journal, 0)] == ["sending", "landed"]
    assert states(journal, 2)[:2] == [(at, "queued"), (at + transfer_us(2 * size), "sending")]


def test_under_priority_logs_go_before_a_full() -> None:
    text = """\
run_for: 1 h
start: 2026-01-04 23:59
databases: {crm: {size: 2 GB, full: daily 00:00, incremental: none}}
link: {bandwidth: 100 Mbit/s, sharing: priority}
"""
    journal = told(text=text)
    for nth, row in enumerate(journal.rows("truth.backup_finished")):
        if row.values["kind"] == 2:
            assert states(journal, nth)[-1] == (
                row.time_us + transfer_us(row.values["nominal_bytes"]),
                "landed",
            )


# ---- staging
STAGING = ("replication.staging=100 MB", "replication.purge_rate=1 MB/s")


def test_above_the_high_watermark_replication_pauses_while_it_purges_down_to_the_low_one() -> None:
    """Logs of 20 MB: the fifth would bring 100 MB above 90; the two oldest go, at 1 MB/s, until 60
    would be kept.
    """
    journal = told(sets=STAGING)
    assert all(states(journal, n)[0][1] == "sending" for n in range(4))
    at, size = finished(journal, 4)
    purged = finished(journal, 0)[1] + finished(journal, 1)[1]
    assert states(journal, 4) == [
        (at, "staging"), (at + purged, "sending"), (at + purged + transfer_us(size), "landed"),
    ]  # fmt: skip
    # at 60 MB there is room for one more
    assert [s for _, s in states(journal, 5)] == ["sending", "landed"]
    assert [s for _, s in states(journal, 6)] == ["staging", "sending", "landed"]


def test_a_file_that_is_being_sent_is_not_purged() -> None:
    """At 0.3 Mbit/s a log of 20 MB takes 533 s: at 0:15 the first has been sent and the second is
    on its way. A third would bring 60 MB above 45; down to 30 only the first can go.
    """
    slow = ("link.bandwidth=300 kbit/s", "link.sharing=fifo")
    journal = told(sets=("replication.staging=50 MB", "replication.purge_rate=1 MB/s", *slow))
    at, _ = finished(journal, 2)
    first, second = (finished(journal, n)[1] for n in (0, 1))
    assert states(journal, 2)[:2] == [(at, "staging"), (at + first, "sending")]
    assert sent(journal, 1) == [second]


def test_a_file_larger_than_the_quota_passes() -> None:
    journal = told(sets=("replication.staging=10 MB", "replication.purge_rate=1 MB/s"))
    assert {s for n in range(10) for _, s in states(journal, n)} == {"sending", "landed"}


def test_a_cut_file_is_staged_once() -> None:
    """Cut eight times, its 20 MB are still 20 MB: three more logs pass before a purge is due."""
    cuts = [f"{{at: {301_100 + 1_000 * i} ms, link_outage: 100 ms}}" for i in range(8)]
    journal = told(*cuts, sets=(*STAGING, "replication.retry=0 s", "link.bandwidth=20 Mbit/s"))
    assert len(sent(journal, 0)) > 4
    assert all("staging" not in {s for _, s in states(journal, n)} for n in range(4))
    assert "staging" in {s for _, s in states(journal, 4)}


# ---- retention
def test_what_has_not_crossed_is_not_pruned_however_old_it_is() -> None:
    """Cut off from 1:00 on. At midnight all but the last hour is past its retention and no full
    needs any of it: what has crossed goes, what waits for the link stays, and crosses when that is
    back.
    """
    journal = told(
        "{at: 1 h, link_outage: 24 h}",
        sets=(
            "run_for=26 h",
            "primary.retention=1 h",
            "primary.keep_fulls=0",
            "databases.crm.log=every 30 min",
            "failover.mode=manual",
        ),
    )
    gone = {
        f for _, f, where in rows(journal, "truth.file_gone", "file", "where") if where == "primary"
    }
    landed = {f: t for t, f in rows(journal, "truth.landed", "file")}
    made = {f: t for t, f in rows(journal, "truth.backup_finished", "file")}
    assert gone == {f for f, t in made.items() if t < HOUR}
    # 1:00 to 5:00
    assert sum(landed[f] - t > 20 * HOUR for f, t in made.items() if t < 24 * HOUR) == 9


# ---- copy jobs
def test_a_folder_that_is_off_and_full_keeps_its_files_for_the_reason_that_is_left() -> None:
    journal = told("{at: 301.2 s, replication_off: 10 min}", "{at: 6 min, staging_full: 14 min}")
    at, _ = finished(journal, 1)
    assert states(journal, 1)[:3] == [
        (at, "off"),
        (301_200_000 + 10 * MINUTE, "staging"),
        (20 * MINUTE, "sending"),
    ]


def test_what_waits_for_a_copy_job_is_not_kept_by_a_staging_area_that_was_full_meanwhile() -> None:
    journal = told("{at: 6 min, staging_full: 7 min}", sets=("replication.every=15 min",))
    (first, _), (second, _) = finished(journal, 0), finished(journal, 1)
    assert states(journal, 0)[:4] == [
        (first, "queued"),
        (6 * MINUTE, "staging"),
        (13 * MINUTE, "queued"),
        (15 * MINUTE, "sending"),
    ]
    assert states(journal, 1)[:3] == [
        (second, "staging"),
        (13 * MINUTE, "queued"),
        (15 * MINUTE, "sending"),
    ]


def test_a_copy_job_runs_at_whole_multiples_and_takes_what_is_there() -> None:
    journal = told(sets=("replication.every=15 min",))
    for nth in range(6):
        at, _ = finished(journal, nth)
        due = -(-at // (15 * MINUTE)) * 15 * MINUTE
        assert states(journal, nth)[:2] == [(at, "queued"), (due, "sending")]


def test_what_is_finished_while_a_copy_job_is_copying_waits_for_the_next_one() -> None:
    """At 1 Mbit/s two logs take 5:20: the job of 0:15 is still at it when the log of 0:20 is
    finished.
    """
    journal = told(
        sets=("replication.every=15 min", "link.bandwidth=1 Mbit/s", "link.sharing=fifo")
    )
    third, _ = finished(journal, 3)
    assert states(journal, 1)[-1][0] > third
    assert [t for t, s in states(journal, 3) if s == "sending"] == [30 * MINUTE]


# ---- order
def test_a_late_file_is_overtaken_and_nothing_is_lost_by_it() -> None:
    journal = told("{at: 301 s, late_file: {database: crm, by: 12 min}}")
    names = [r.values["name"] for r in journal.rows("truth.backup_finished")]
    landed = [r.values["name"] for r in journal.rows("truth.landed")]
    assert landed[:4] == [names[1], names[2], names[0], names[3]]
    first_landed = rows(journal, "truth.landed")[2]
    at, size = finished(journal, 0)
    assert first_landed == at + transfer_us(size) + 12 * MINUTE
    restored = rows(journal, "truth.restored", "redo_lsn")
    assert [lsn for _, lsn in restored] == sorted(lsn for _, lsn in restored)
    assert restored[0][0] > first_landed  # nothing is replayed over the gap
    assert len(restored) == len(landed)


def test_each_of_several_late_files_has_its_own_delay() -> None:
    journal = told(
        "{at: 301 s, late_file: {database: crm, by: {from: 1 min, to: 20 min}, files: 4}}"
    )
    late = []
    for nth in range(4):
        at, size = finished(journal, nth)
        late.append(states(journal, nth)[-1][0] - at - transfer_us(size))
    assert all(MINUTE <= us <= 20 * MINUTE for us in late)
    assert len(set(late)) == 4


def test_a_file_damaged_on_its_way_is_sent_once_more() -> None:
    journal = told("{at: 301 s, corrupt_in_transit: crm}")
    _, size = finished(journal, 0)
    assert sent(journal, 0) == [size, size]
    assert [intact for _, intact in rows(journal, "truth.landed", "intact")][:3] == [0, 1, 1]


def test_only_the_delta_of_a_changed_file_crosses() -> None:
    journal = told("{at: 301 s, corrupt_in_transit: crm}", sets=("replication.delta=25 %",))
    _, size = finished(journal, 0)
    assert sent(journal, 0) == [size, size // 4]


def test_a_file_that_is_lost_at_the_primary_is_not_sent() -> None:
    journal = told("{at: 301 s, missing_file: crm}", sets=("run_for=30 min",))
    assert states(journal, 0) == []
    gone = next(journal.rows("truth.file_gone"))
    assert (gone.values["where"], gone.values["why"]) == ("primary", "lost")


def test_nothing_is_sent_once_the_site_is_gone() -> None:
    journal = told("{at: 1 h, lose: site}", sets=("link.bandwidth=1 Mbit/s",))
    assert max(t for t, _ in rows(journal, "truth.transfer_bytes", "file")) <= HOUR
    assert max(rows(journal, "truth.landed")) < HOUR


def test_corruptions_at_one_instant_do_not_skip_each_other() -> None:
    """Three at once: all of them hurt the next file, and none is left for the one after it."""
    at_once = "\n".join(["events:", *["  - {at: 30 min, corrupt_in_transit: crm}"] * 3])
    journal = ran(ONE + at_once).journal
    hurt = [file for _, file in rows(journal, "truth.damaged", "file")]
    assert len(hurt) == 3 and len(set(hurt)) == 1
    assert sum(not begins for _, begins in rows(journal, "truth.event", "begins")) == 3
