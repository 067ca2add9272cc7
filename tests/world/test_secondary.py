"""The secondary: hashing and restoring share its disk, restores share the workers, and a dying
manager kills both.
"""

from __future__ import annotations

from typing import Any

import pytest

from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Law
from dr_sim.streams import Streams
from world.build import MINUTE, ONE, SECOND, World, during, ran, rows, violations

FAST = (
    "primary.log={fixed: 1 s, rate: 1 TB/s}",
    "link.bandwidth=1 Tbit/s",
    "primary.disk=100 TB/s",
)
TWO = """\
run_for: 12 min
databases: {a: &d {size: 1 GB, full: none, incremental: none}, b: *d}
link: {bandwidth: 1 Tbit/s}
"""
SLOW_DISK = (
    "secondary.disk=10 MB/s",
    "secondary.hash_rate=10 MB/s",
    "secondary.restore_rate=10 MB/s",
)


def first(journal: Journal, kind: str, database: int = 0) -> Any:
    return next(r for r in journal.rows(kind) if r.entity == database)


def span(journal: Journal, begin: str, end: str, database: int = 0) -> tuple[int, int]:
    return first(journal, begin, database).time_us, first(journal, end, database).time_us


def ceil_us(amount: int, rate: int) -> int:
    return -(-amount * SECOND // rate)


# ---- what each costs
def test_a_log_is_hashed_and_restored_at_their_rates_and_fixed_costs() -> None:
    journal = ran(
        ONE,
        *FAST,
        "secondary.hash_rate=500 MB/s",
        "secondary.restore_rate=40 MB/s",
        "secondary.restore_fixed=3 s",
    ).journal
    size = first(journal, "truth.backup_finished").values["nominal_bytes"]
    landed, checked = span(journal, "seen.Landed", "seen.Validated")
    assert checked - landed == ceil_us(size, 500_000_000)
    handed, restored = span(journal, "seen.Restore", "seen.Restored")
    assert handed == checked
    assert restored - handed == 3 * SECOND + ceil_us(size, 40_000_000)


@pytest.mark.parametrize(("policy", "kind"), [("bridge", 1), ("resync", 0)])
def test_each_kind_of_backup_has_its_own_cost_of_a_restore(policy: str, kind: int) -> None:
    """A lost log brings an incremental or a full. Only that kind's restore takes 77 s and 50 MB/s,
    each twice.
    """
    own = (
        f"secondary.{('restore_full', 'restore_incremental')[kind]}={{fixed: 77 s, rate: 50 MB/s}}"
    )
    lost = "\nevents: [{at: 21 min, missing_file: crm}]\n"
    journal = ran(
        ONE + lost, *FAST, own, "secondary.restore_tail=2", f"replay.on_hole={policy}"
    ).journal
    begun = {r.values["name"]: r.time_us for r in journal.rows("seen.Restore")}
    made = {r.values["name"]: r.values for r in journal.rows("truth.backup_finished")}
    took: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
    for end in journal.rows("seen.Restored"):
        of = made[end.values["name"]]
        rate = 50_000_000 if of["kind"] == kind else 356_000_000
        took[of["kind"]].add(
            end.time_us - begun[end.values["name"]] - ceil_us(2 * of["nominal_bytes"], rate)
        )
    assert took == {kind: {2 * 77 * SECOND}, 1 - kind: set(), 2: {2 * SECOND}}


def test_a_heavy_tail_is_a_draw_named_by_the_minute_in_which_the_log_was_cut() -> None:
    built = ran(ONE, *FAST, "secondary.restore_tail={p50: 1, p95: 5}")
    law = Law("lognormal", 1_000_000, 5_000_000)
    draws = Streams(built.context.scenario.seed).of("crm", "restore tail")
    handed, restored = rows(built.journal, "seen.Restore"), rows(built.journal, "seen.Restored")
    sizes = [b for _, b in rows(built.journal, "truth.backup_finished", "nominal_bytes")]
    factors = []
    for i in range(20):
        factor = draws.law(5 * (i + 1), law)
        amount = sizes[i] * factor // 1_000_000
        # fixed cost: 1 s times the factor
        assert restored[i] - handed[i] == factor + ceil_us(amount, 356_000_000)
        factors.append(factor)
    assert max(factors) > 2 * min(factors)


def test_a_fixed_factor_is_no_draw() -> None:
    journal = ran(ONE, *FAST, "secondary.restore_tail=3", "secondary.restore_fixed=1 s").journal
    size = first(journal, "truth.backup_finished").values["nominal_bytes"]
    handed, restored = span(journal, "seen.Restore", "seen.Restored")
    assert restored - handed == 3 * SECOND + ceil_us(3 * size, 356_000_000)


# ---- sharing
def test_two_hashes_share_the_disk() -> None:
    journal = ran(TWO, *FAST, *SLOW_DISK).journal
    size = first(journal, "truth.backup_finished").values["nominal_bytes"]
    for database in (0, 1):
        landed, checked = span(journal, "seen.Landed", "seen.Validated", database)
        assert abs(checked - landed - ceil_us(size, 5_000_000)) <= 5


def test_two_restores_share_the_disk_and_one_worker_has_them_wait() -> None:
    fixed = "secondary.restore_fixed=0 s"
    together = ran(TWO, *FAST, *SLOW_DISK, fixed, "replay.workers=2").journal
    size = first(together, "truth.backup_finished").values["nominal_bytes"]
    for database in (0, 1):
        handed, restored = span(together, "seen.Restore", "seen.Restored", database)
        assert abs(restored - handed - ceil_us(size, 5_000_000)) <= 5
    one = ran(TWO, *FAST, *SLOW_DISK, fixed, "replay.workers=1").journal
    handed, done = span(one, "seen.Restore", "seen.Restored", 0)
    assert abs(done - handed - ceil_us(size, 10_000_000)) <= 5
    _, second = span(one, "seen.Restore", "seen.Restored", 1)
    assert abs(second - done - ceil_us(size, 10_000_000)) <= 5


def test_more_workers_than_databases_change_nothing() -> None:
    a, b = (ran(TWO, *FAST, f"replay.workers={n}").journal for n in (2, 16))
    assert a.digest() == b.digest()


# ---- what validation finds
def damaged(event: str, *sets: str) -> Journal:
    journal = ran(ONE + f"events: [{{at: 301 s, {event}}}]\n", *FAST, *sets).journal
    assert violations(journal) == []
    return journal


@pytest.mark.parametrize(
    ("event", "outcome", "number"),
    [
        ("corrupt_in_transit: crm", "hash_mismatch", 60001),
        ("backup_cut_off: crm", "no_manifest", 60003),
    ],
)
def test_outcomes_of_validation(event: str, outcome: str, number: int) -> None:
    row = first(damaged(event), "seen.ValidationFailed")
    assert (row.values["outcome"], row.values["error_number"]) == (outcome, number)


def validated(built: World, told: list[Any]) -> None:
    """Have the newest file hashed beside the manager's own asking; `told` is how that ended."""
    built.secondary.validation.begin(
        built.pair.files_at("secondary", 0)[-1], 1, lambda work, *what: told.append(what)
    )


def test_a_file_that_is_gone_is_missing() -> None:
    told: list[Any] = []

    def delete_while_hashing(built: World) -> None:
        validated(built, told)
        built.secondary.delete(built.pair.files_at("secondary", 0)[-1], "test")

    during(ONE, FAST, (6 * MINUTE, delete_while_hashing))
    assert told == [("missing", None, 60005, "The file is not in the share.")]


@pytest.mark.parametrize(
    ("validate", "outcome"), [("[hash, properties]", "properties_mismatch"), ("[hash]", "ok")]
)
def test_properties_are_compared_where_configured(validate: str, outcome: str) -> None:
    told: list[Any] = []

    def swap(built: World) -> None:
        older, file = built.pair.files_at("secondary", 0)
        file.replaced_by = older
        context = built.context
        files = context.secondary_files
        files.write(context.at_secondary(file), files.read(context.at_secondary(older)))
        validated(built, told)

    during(ONE, (*FAST, f"replay.validate={validate}"), (11 * MINUTE, swap))
    assert [what[0] for what in told] == [outcome]


# ---- a manager that dies
def test_a_log_whose_restore_is_killed_leaves_the_database_where_it_stood_and_is_counted_again() -> (
    None
):
    stood = []

    def crash(built: World) -> None:
        stood.append(built.context.secondary_engine.state("crm"))
        built.driver.crash()
        stood.append(built.context.secondary_engine.state("crm"))

    built = during(ONE, (*FAST, "secondary.restore_fixed=100 s"), (6 * MINUTE, crash))
    assert stood[0] == stood[1]
    assert rows(built.journal, "truth.restored")[0] > 6 * MINUTE
    assert [n for _, n in rows(built.journal, "seen.RenameWorkingCopy", "attempts")][:3] == [
        1,
        2,
        1,
    ]
    assert violations(built.journal) == []


def test_what_waited_for_a_worker_or_a_hash_dies_with_the_manager_and_is_asked_for_again() -> None:
    """Two hashes of 2 s are under way at 302 s, two restores of 2 s each for one worker at 606
    s.
    """
    sets = (*FAST, *SLOW_DISK, "replay.workers=1", "run_for=30 min")
    built = during(
        TWO,
        sets,
        (302 * SECOND, lambda b: b.driver.crash()),
        (606 * SECOND, lambda b: b.driver.crash()),
    )
    assert violations(built.journal) == []
    for database in (0, 1):
        mine = [r for r in built.journal.rows("seen.Validated") if r.entity == database]
        assert mine[0].values["incarnation"] == 2
        assert len([r for r in built.journal.rows("truth.restored") if r.entity == database]) == 5


def test_a_full_that_replaces_leaves_nothing_usable_when_it_is_killed() -> None:
    text = """\
run_for: 1 h
start: 2026-01-04 23:50
databases: {crm: {size: 1 GB, full: daily 00:00, incremental: none, log: daily 12:00}}
link: {bandwidth: 1 Tbit/s}
"""
    told: list[Any] = []
    stood: list[bool] = []

    def replace(built: World) -> None:
        (full,) = built.pair.files_at("secondary", 0)
        built.secondary.restore(full, True, 1, lambda work, *what: told.append(what))

    def kill(built: World) -> None:
        engine = built.context.secondary_engine
        stood.append(engine.state("crm").exists)
        built.secondary.abort_all()
        stood.append(engine.state("crm").exists)

    during(
        text, (*FAST, "secondary.restore_fixed=30 min"), (20 * MINUTE, replace), (30 * MINUTE, kill)
    )
    assert stood == [True, False]
    assert told == []  # nobody is left to be told
