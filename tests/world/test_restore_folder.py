"""R5: restores read working copies that bear their attempts; the share is never written to by
reading it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest

from dr_sim.backups.names import parse_name
from dr_sim.engines.port import EngineError
from dr_sim.engines.sides import open_sides
from dr_sim.record.verify import verify
from dr_sim.scenario.model import Scenario
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.own_logic import builders
from dr_sim.world.secondary.restore_folder import FOLDER, PART
from dr_sim.world.secondary.secondary import SHARE
from dr_sim.world.world import World

from .build import MINUTE, ONE, SECOND, rows, scenario, violations

FAST = (
    "primary.log={fixed: 1 s, rate: 1 TB/s}",
    "link.bandwidth=1 Tbit/s",
    "primary.disk=100 TB/s",
    "run_for=32 min",
)
SLOW_COPY = "secondary.copy_rate=1 MB/s"  # 20 MB in 20 s
LOG = "crm_2026_01_05_00_05_00_log_"
Doing = tuple[int, Callable[[World], object]]


@dataclass
class Spied:
    """A run, with everything that was done to the secondary's files: (what, path, to where)."""

    world: World
    done: list[tuple[str, str, str]] = field(default_factory=list)

    def in_folder(self) -> list[tuple[str, str, str]]:
        """What was done in the restore folder, by the names in it."""
        return [
            (
                what,
                old.removeprefix(FOLDER + "/").removeprefix(SHARE + "/"),
                new.removeprefix(FOLDER + "/"),
            )
            for what, old, new in self.done
            if FOLDER in old + new
        ]

    def in_share(self) -> list[tuple[str, str]]:
        """What was written to the share."""
        return [
            (what, (new or old).removeprefix(SHARE + "/"))
            for what, old, new in self.done
            if (new or old).startswith(SHARE) or (what == "rename" and old.startswith(SHARE))
        ]


def spy(files: Any, done: list[tuple[str, str, str]]) -> None:
    kind: Any = type(files)

    class Spy(kind):  # type: ignore[misc]
        __slots__ = ()

        def write(self, path: str, data: bytes) -> None:
            done.append(("write", path, ""))
            super().write(path, data)

        def copy(self, old: str, new: str) -> None:
            super().copy(old, new)
            done.append(("copy", old, new))

        def rename(self, old: str, new: str) -> None:
            done.append(("rename", old, new))
            super().rename(old, new)

        def delete(self, path: str) -> None:
            done.append(("delete", path, ""))
            super().delete(path)

    files.__class__ = Spy


def spied(
    of: Scenario,
    *doings: Doing,
    engine: str = "model",
    after: Callable[[World], object] = lambda world: None,
) -> Spied:
    with open_sides(engine) as sides:
        run = Spied(World(of, sides=sides, express=False))
        spy(run.world.context.secondary_files, run.done)
        for at_us, do in doings:
            run.world.context.agenda.at(at_us, Class.FAULT, -1, do, run.world)
        run.world.run()
        after(run.world)
    assert violations(run.world.journal) == []
    assert verify(run.world.journal, builders(run.world.journal, of)).mismatch is None
    return run


def refusing(times: int) -> Callable[[World], None]:
    """The engine refuses so many restores, for reasons of its own."""

    def arrange(world: World) -> None:
        engine, left = world.context.secondary_engine, [times]
        begin = engine.begin_restore

        def begin_restore(
            database: str, path: str, *, replace: bool = False, stop_at: Any = None
        ) -> Any:
            if left[0]:
                left[0] -= 1
                raise EngineError(3101, "in use")
            return begin(database, path, replace=replace)

        engine.begin_restore = begin_restore  # type: ignore[method-assign]

    return arrange


# ---- the life of a copy
def test_a_log_is_restored_from_a_copy_that_bears_its_attempts_and_is_gone_afterwards() -> None:
    there = []

    def look(world: World) -> None:
        there.extend(
            path for path in world.context.secondary_files.paths() if path.startswith(FOLDER)
        )

    # its restore takes a second from 5:01.04 on
    run = spied(scenario(ONE, *FAST), (5 * MINUTE + 1_500_000, look))
    assert there == [f"{FOLDER}/{LOG}001"]
    assert parse_name(there[0].rpartition("/")[2]).attempts == 1
    assert run.in_folder()[:2] == [("copy", LOG + "000", LOG + "001"), ("delete", LOG + "001", "")]
    assert len(run.in_folder()) == 2 * len(rows(run.world.journal, "truth.restored")) == 12
    assert not [
        path for path in run.world.context.secondary_files.paths() if path.startswith(FOLDER)
    ]


def test_the_engine_is_given_the_copy() -> None:
    given = []

    def watch(world: World) -> None:
        begin = world.context.secondary_engine.begin_restore

        def begin_restore(
            database: str, path: str, *, replace: bool = False, stop_at: Any = None
        ) -> Any:
            given.append(path)
            return begin(database, path, replace=replace)

        world.context.secondary_engine.begin_restore = begin_restore  # type: ignore[method-assign]

    spied(scenario(ONE, *FAST, "run_for=6 min"), (1, watch))
    assert given == [f"{FOLDER}/{LOG}001"]


def test_at_each_further_attempt_it_is_renamed() -> None:
    run = spied(scenario(ONE, *FAST), (1, refusing(2)))
    assert run.in_folder()[:4] == [
        ("copy", LOG + "000", LOG + "001"),
        ("rename", LOG + "001", LOG + "002"),
        ("rename", LOG + "002", LOG + "003"),
        ("delete", LOG + "003", ""),
    ]
    assert rows(run.world.journal, "seen.RenameWorkingCopy", "attempts")[:3] == [
        (t, n) for t, n in zip(rows(run.world.journal, "seen.Restore"), (1, 2, 3), strict=False)
    ]


def test_a_copy_of_bytes_that_had_gone_bad_is_made_anew_when_the_file_has_landed_again() -> None:
    """The engine refuses what went bad between validation and copy; the hash tells why, the file is
    sent again.
    """
    text = ONE + "events: [{at: 8 min, corrupt_at_rest: {database: crm, kind: log}}]\n"
    run = spied(scenario(text, *FAST, "replay.delay=5 min"))
    assert len(rows(run.world.journal, "seen.RestoreFailed")) == 1
    assert run.in_folder()[:4] == [
        ("copy", LOG + "000", LOG + "001"),
        ("delete", LOG + "001", ""),
        ("copy", LOG + "000", LOG + "002"),
        ("delete", LOG + "002", ""),
    ]


def test_a_file_that_is_deleted_takes_its_copy_along() -> None:
    def delete(world: World) -> None:
        world.secondary.delete(world.pair.files_at("secondary", 0)[0], "test")

    run = spied(scenario(ONE, *FAST, "run_for=7 min"), (1, refusing(1)), (6 * MINUTE, delete))
    assert run.in_folder() == [("copy", LOG + "000", LOG + "001"), ("delete", LOG + "001", "")]


# ---- what it costs
def ceil_us(amount: int, rate: int) -> int:
    return -(-amount * SECOND // rate)


def test_it_takes_no_time_unless_the_scenario_says_how_fast() -> None:
    took = {}
    for rate in ("clone", "1 MB/s"):
        journal = spied(scenario(ONE, *FAST, f"secondary.copy_rate={rate}")).world.journal
        size = rows(journal, "truth.backup_finished", "nominal_bytes")[0][1]
        took[rate] = rows(journal, "seen.Restored")[0] - rows(journal, "seen.Restore")[0]
        assert took["clone"] == SECOND + ceil_us(size, 356_000_000)
    assert took["1 MB/s"] == took["clone"] + ceil_us(size, 1_000_000)


def test_a_further_attempt_copies_nothing_again() -> None:
    journal = spied(
        scenario(ONE, *FAST, SLOW_COPY, "run_for=14 min"), (1, refusing(1))
    ).world.journal
    size = rows(journal, "truth.backup_finished", "nominal_bytes")[0][1]
    (failed,) = rows(journal, "seen.RestoreFailed")
    first, second = rows(journal, "seen.Restore")[:2]
    assert failed - first == ceil_us(size, 1_000_000) + SECOND
    assert rows(journal, "seen.Restored")[0] - second == SECOND + ceil_us(size, 356_000_000)


def test_it_shares_the_disk() -> None:
    """Two databases, 5 MB/s for each while both copy."""
    text = (
        "run_for: 12 min\ndatabases: {a: &d {size: 1 GB, full: none, incremental: none}, b: "
        "*d}\nlink: {bandwidth: 1 Tbit/s}\n"
    )
    sets = (
        *FAST,
        "run_for=12 min",
        "secondary.disk=10 MB/s",
        "secondary.hash_rate=10 MB/s",
        "secondary.copy_rate=10 MB/s",
        "secondary.restore_rate=10 MB/s",
        "secondary.restore_fixed=0 s",
    )
    journal = spied(scenario(text, *sets)).world.journal
    size = rows(journal, "truth.backup_finished", "nominal_bytes")[0][1]
    for begun, ended in zip(
        rows(journal, "seen.Restore")[:2], rows(journal, "seen.Restored")[:2], strict=True
    ):
        assert abs(ended - begun - 2 * ceil_us(size, 5_000_000)) <= 10


def test_it_takes_room_beside_the_share_until_it_is_gone() -> None:
    """Logs of 20 MB, two of them fit: one in the share and its copy. So the second lands, and
    cannot be copied.
    """
    used: list[int] = []

    def look(world: World) -> None:
        used.append(world.secondary.share.used_bytes)

    at = [5 * MINUTE + n * SECOND for n in (0, 10, 30)]
    sets = (*FAST, SLOW_COPY, "secondary.share_capacity=59 MB", "run_for=14 min")
    run = spied(scenario(ONE, *sets), *[(t, look) for t in at])
    size = rows(run.world.journal, "truth.backup_finished", "nominal_bytes")[0][1]
    assert used == [0, 2 * size, size]
    (failed,) = rows(run.world.journal, "seen.RestoreFailed", "error_number")
    assert failed[1] == 60007
    assert len(rows(run.world.journal, "truth.restored")) == 1
    cloned = spied(
        scenario(ONE, *FAST, "secondary.share_capacity=59 MB", "run_for=14 min"),
        *[(t, look) for t in at],
    )
    assert used[3:] == [0, size, size]
    assert len(rows(cloned.world.journal, "truth.restored")) == 2


# ---- crashes
def crash(world: World) -> None:
    world.driver.crash()


def test_a_crash_in_the_middle_of_a_copy_leaves_a_part_that_the_next_life_clears() -> None:
    """20 MB at 1 MB/s from 5:01.04 on; at 5:06.04 a quarter is there."""
    left: list[tuple[str, bytes, bytes]] = []

    def look(world: World) -> None:
        files = world.context.secondary_files
        whole = files.read(f"{SHARE}/{LOG}000")
        left.extend(
            (path, files.read(path), whole) for path in files.paths() if path.startswith(FOLDER)
        )

    run = spied(
        scenario(ONE, *FAST, SLOW_COPY),
        (5 * MINUTE + 6_040_000, crash),
        (5 * MINUTE + 7_000_000, look),
    )
    ((path, part, whole),) = left
    assert path == f"{FOLDER}/{LOG}001{PART}"
    quarter = len(whole) // 4
    # a copy sets its file's size before it writes
    assert part == whole[:quarter] + bytes(len(whole) - quarter)
    assert run.in_folder()[:4] == [
        ("write", LOG + "001" + PART, ""),
        ("delete", LOG + "001" + PART, ""),
        ("copy", LOG + "000", LOG + "002"),
        ("delete", LOG + "002", ""),
    ]


def test_a_crash_in_the_middle_of_a_restore_leaves_a_copy_that_the_next_life_clears() -> None:
    run = spied(
        scenario(ONE, *FAST, "secondary.restore_fixed=20 s"), (5 * MINUTE + 10 * SECOND, crash)
    )
    assert run.in_folder()[:4] == [
        ("copy", LOG + "000", LOG + "001"),
        ("delete", LOG + "001", ""),
        ("copy", LOG + "000", LOG + "002"),
        ("delete", LOG + "002", ""),
    ]
    restart = 5 * MINUTE + 40 * SECOND
    assert rows(run.world.journal, "seen.ClearRestoreFolder") == [0, restart]


def test_crashes_again_and_again_leave_nothing_behind() -> None:
    at = [5 * MINUTE + n * 33_700_000 for n in range(1, 30)]
    run = spied(scenario(ONE, *FAST, SLOW_COPY, "run_for=1 h"), *[(t, crash) for t in at])
    assert max(int(name[-3:]) for what, _, name in run.in_folder() if what == "copy") > 3
    assert {what for what, *_ in run.in_folder()} == {"copy", "write", "delete"}
    assert not [
        path for path in run.world.context.secondary_files.paths() if path.startswith(FOLDER)
    ]


# ---- the share
EVERYTHING = """\
run_for: 80 min
start: 2026-01-04 23:50
databases: {crm: {size: 1 GB, full: none, incremental: daily 00:20}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
secondary: {restore_fixed: 3 s, copy_rate: 10 MB/s}
manager: {restart_after: 20 s}
replay: {reverify: 20 min, age: 7 min, retry: 3 min}
events:
  - {at: 301 s, corrupt_in_transit: crm}
  - {at: 603500 ms, manager_crash: {}}
  - {at: 906 s, manager_crash: {}}
  - {at: 15 min 2 s, missing_file: crm}
  - {at: 61 min, lose: site}
"""


@pytest.mark.parametrize(
    "engine", ["model", "sqlite", pytest.param("postgres", marks=pytest.mark.long)]
)
def test_the_share_is_written_to_by_replication_alone(engine: str) -> None:
    """Every write to it is a landing, of the bytes that landed; nothing is renamed there, nothing
    else touched, on disk not even a file's time: through validation, re-verification, restores,
    attempts, crashes, a bridge and a promotion.
    """
    landed: dict[str, tuple[str, int]] = {}

    def fingerprint(world: World, name: str) -> tuple[str, int]:
        files = world.context.secondary_files
        at = files.place(f"{SHARE}/{name}").stat().st_mtime_ns if engine != "model" else 0
        return sha256(files.read(f"{SHARE}/{name}")).hexdigest(), at

    def watch(world: World) -> None:
        tell = world.secondary.landed_hook

        def hook(file: Any) -> None:
            landed[file.name] = fingerprint(world, file.name)
            tell(file)

        world.secondary.landed_hook = hook

    def compare(world: World) -> None:
        assert {
            f.name: fingerprint(world, f.name) for f in world.pair.files_at("secondary", 0)
        } == landed

    run = spied(scenario(EVERYTHING), (1, watch), engine=engine, after=compare)
    journal = run.world.journal
    assert run.in_share() == [("write", name) for _, name in rows(journal, "truth.landed", "name")]
    assert len(landed) > 10
    kinds = {row.kind for row in journal.rows()}
    assert {"truth.promoted", "seen.ValidationFailed", "seen.Recopy"} <= kinds
    assert max(n for _, n in rows(journal, "seen.RenameWorkingCopy", "attempts")) == 2


def test_a_hand_that_reads_in_the_share_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the watch over the share has something to catch: renaming there what is to be read."""
    from dr_sim.world.secondary.restore_folder import RestoreFolder

    def in_place(self: RestoreFolder, file: Any, attempts: int) -> str:
        self._files.rename(f"{SHARE}/{file.name}", f"{SHARE}/{file.name}x")
        self._files.rename(f"{SHARE}/{file.name}x", f"{SHARE}/{file.name}")
        return f"{SHARE}/{file.name}"

    monkeypatch.setattr(RestoreFolder, "make", in_place)
    with pytest.raises(AssertionError):
        test_the_share_is_written_to_by_replication_alone("model")
