"""One scenario and seed, one digest; and what one more fault leaves as it was.

The two databases of the scenario share the link, the staging area, the secondary's disk and its
workers. The staging area is never full; their logs are cut two minutes apart and each is through
within seconds, so a fault that slows or repeats files of one of them within those two minutes
touches nothing that the other needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from world.build import scenario, violations

from dr_sim.record.journal import Journal
from dr_sim.streams import Stream, Streams
from dr_sim.world.world import World

ROOT = Path(__file__).resolve().parents[1]

TEXT = """\
run_for: 12 h
seed: 11
machines: [one, two]
databases:
  a: {size: 20 GB, "on": one, full: none, incremental: daily 06:00, log: every 5 min}
  b: {size: 10 GB, "on": two, full: none, incremental: daily 09:00, log: every 5 min offset 2 min}
link: {bandwidth: 1 Gbit/s}
replication: {retry: 20 s, staging: 1 TB}
secondary: {restore_tail: {p50: 1, p95: 4}}
replay: {reverify: 4 h}
failover: {operator: {answers_in: {p50: 4 min, p95: 20 min}}}
"""
BUSY = """\
faults:
  link_outage: [{rate: 20 per day, duration: {p50: 1 min, p95: 9 min}}, {rate: 9 per day, duration: 30 s}]
  packet_loss: {rate: 12 per day, duration: {mean: 5 min}, loss: 0.1 %}
  corrupt_in_transit: {rate: 12 per day, database: a, files: 2}
  late_file: {rate: 6 per day, database: b, by: {from: 1 min, to: 9 min}}
events:
  - {at: 5 h, manager_crash: {}}
  - {at: 7 h, backup_cut_off: a}
  - {at: 8 h, corrupt_at_rest: {database: b, files: 3}}
  - {at: 9 h, missing_file: a}
  - {at: 11 h 1 min, lose: site}
"""


@cache
def run(text: str) -> World:
    world = World(scenario(text))
    world.run()
    assert violations(world.journal) == []
    return world


# ---- one digest
def digest(**how: Any) -> str:
    world = World(scenario(TEXT + BUSY), **how)
    world.run()
    return world.journal.digest()


def test_the_run_is_not_a_quiet_one() -> None:
    kinds = [r.kind for r in run(TEXT + BUSY).journal.rows()]
    for kind in (
        "truth.damaged",
        "truth.backup_cut_off",
        "truth.promoted",
        "seen.TakeBackup",
        "seen.OperatorAnswered",
    ):
        assert kind in kinds
    assert kinds.count("truth.event") > 40


def test_twice_in_one_process() -> None:
    assert digest() == run(TEXT + BUSY).journal.digest()


@pytest.mark.parametrize("block_words", [4, 8, 64, 1024])
def test_for_any_size_of_blocks_of_draws(block_words: int) -> None:
    assert digest(block_words=block_words) == run(TEXT + BUSY).journal.digest()


def test_with_and_without_the_express_lane() -> None:
    assert digest(express=False) == run(TEXT + BUSY).journal.digest()


@pytest.mark.parametrize("slow", [
    "primary.log={fixed: 299 s, rate: 1 MB/s}", "primary.log={fixed: 4 min, rate: 1 GB/s}", "link.bandwidth=300 kbit/s",
    "secondary.restore_fixed=298 s", "secondary.restore_fixed=10 min", "replay.delay=7 min", "replay.every=15 min",
    "replication.every=15 min", "secondary.restore_tail={p50: 9, p95: 400}",
])  # fmt: skip
def test_the_lane_takes_no_log_that_another_overtakes_or_holds_up(slow: str) -> None:
    with_it, without = (
        World(scenario(TEXT, slow), express=express).run().digest() for express in (True, False)
    )
    assert with_it == without


def test_whether_or_not_someone_watches_the_progress() -> None:
    world = World(scenario(TEXT + BUSY))
    parts: list[float] = []
    world.run(parts.append)
    assert world.journal.digest() == run(TEXT + BUSY).journal.digest()
    assert parts == sorted(parts) and parts[-1] == 1


def test_in_other_processes_with_other_hash_seeds() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); import test_bit_for_bit as t; print(t.digest())"
    )  # fmt: skip
    found = set()
    for seed in ("0", "4242"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=env,
        )
        found.add(done.stdout.strip())
    assert found == {run(TEXT + BUSY).journal.digest()}


def test_another_seed_or_replication_is_another_run() -> None:
    digests = {World(scenario(TEXT + BUSY, f"seed={s}")).run().digest() for s in (11, 12)}
    assert len(digests) == 2


# ---- one more fault
def rows_of(journal: Journal, entity: int) -> list[tuple[Any, ...]]:
    """A database's rows as they read: texts spelled out, without their place among all rows."""
    return [(r.kind, r.time_us, *r.values.items()) for r in journal.rows() if r.entity == entity]


MORE = [
    "{at: 121 min, corrupt_in_transit: {database: a, files: 3}}",
    "{at: 121 min, backup_cut_off: a}",
    "{at: 122.5 min, missing_file: a}",
    "{at: 121 min, late_file: {database: a, by: 9 min}}",
    "{at: 121 min, late_file: {database: a, by: {from: 1 min, to: 20 min}, files: 4}}",
    "{at: 121 min, paused_backups: {database: a, duration: 25 min}}",
    "{at: 121 min, index_maintenance: {database: a, log: 500 MB}}",
    "{at: 123 min, corrupt_at_rest: {database: a, files: 4}}",
    "{at: 123 min, corrupt_at_rest: {database: a, files: 4, where: primary}}",
]


@pytest.mark.parametrize("event", MORE)
def test_one_more_fault_leaves_the_records_of_the_other_database(event: str) -> None:
    quiet, more = run(TEXT).journal, run(f"{TEXT}events: [{event}]\n").journal
    assert rows_of(more, 0) != rows_of(quiet, 0), "the fault did something"
    assert rows_of(more, 1) == rows_of(quiet, 1)


def test_one_more_database_leaves_the_records_of_the_others() -> None:
    """A third database, on a machine of its own, its logs two minutes from both."""
    text = TEXT.replace("[one, two]", "[one, two, three]").replace(
        "link:",
        '  c: {size: 1 GB, "on": three, full: none, incremental: none, log: every 5 min '
        "offset 3.5 min}\nlink:",
    )
    for entity in (0, 1):
        assert rows_of(run(text).journal, entity) == rows_of(run(TEXT).journal, entity)


# ---- all draws stay
class Drawn(Streams):
    """Remembers every draw that a run makes."""

    def __init__(self, seed: int, replication: int = 0) -> None:
        super().__init__(seed, replication)
        self.made: dict[tuple[str, str, str, int], int] = {}

    def of(self, entity: str, purpose: str, lane: str = "") -> Stream:
        stream = super().of(entity, purpose, lane)
        made = self.made

        class Watched:
            def __getattr__(self, name: str) -> Any:
                def draw(occurrence: int, *how: Any) -> int:
                    made[entity, purpose, lane, occurrence] = stream.word(occurrence)
                    value: int = getattr(stream, name)(occurrence, *how)
                    return value

                return draw

        return Watched()  # type: ignore[return-value]


def draws(text: str) -> dict[tuple[str, str, str, int], int]:
    world = World(scenario(text))
    world.context.streams = Drawn(world.context.scenario.seed)
    world.run()
    return world.context.streams.made


def test_no_two_draws_of_a_busy_run_are_the_same_word() -> None:
    made = draws(TEXT + BUSY)
    assert len(made) > 300
    assert len(set(made.values())) == len(made)


EXTRA = [
    "  - {at: 1 h 1 min, link_outage: {duration: {mean: 10 min}}}\n",
    "  - {at: 2 h, corrupt_in_transit: {database: b, files: 5}}\n",
    "  - {at: 3 h, manager_crash: {}}\n  - {at: 3 h 3 s, manager_crash: {}}\n",
    "  - {at: 4 h, paused_backups: {database: a, duration: 40 min}}\n",
    "  - {at: 8 h, corrupt_at_rest: {database: a, files: 3}}\n",
    "  - {at: 1 h, partition: {cut: both, duration: 1 h}}\n",
]


@pytest.mark.parametrize("extra", EXTRA)
def test_with_one_more_fault_all_draws_stay(extra: str) -> None:
    """Every draw of the quieter run that is made in the other too has the same word: it is a
    function of its name. What the first asks for of faults, operators and backups by the schedule,
    the other asks for under the same names.
    """
    before = draws(TEXT + BUSY)
    after = draws(TEXT + BUSY.replace("events:\n", f"events:\n{extra}"))
    assert {name: after[name] for name in before if name in after} == {
        n: w for n, w in before.items() if n in after
    }
    gone = [name for name in before if name not in after]
    allowed = {
        "late 1",
        "damage size 0",
        "damage place 0",
        "damage size 1",
        "damage place 1",
        "restore tail",
    }
    assert {purpose for _, purpose, _, _ in gone} <= allowed
    # of restores only some are missing: of files that the fault itself took, and of retries
    first_reads = [n for n in gone if n[1] == "restore tail" and not n[2]]
    assert len(first_reads) <= 15
