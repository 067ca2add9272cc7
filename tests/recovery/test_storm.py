"""Storm, then calm, then 'did it converge?': the manager in a world that damages, loses, delays and
crashes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from dr_sim.backups.chain import Fit
from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.alerts.alerts import AlertBook
from dr_sim.recovery.config import RestoreCost
from dr_sim.recovery.files.file import File, kind_of
from dr_sim.recovery.replay import replay, waiting
from tests.recovery.fake_world import (
    DAY,
    DB,
    MINUTE,
    RESTORE,
    SECOND,
    BrokenError,
    FakeWorld,
    config,
)

LASTING_US = 55 * MINUTE
"""Silence is told after 15 minutes; a log that lands just before and is damaged is told 15 minutes
after it was made; a restore job comes every 15 minutes; after a landing of something useless it may
all begin once more.
"""


class Storm(RuleBasedStateMachine):
    """Faults in any order; at the end they stop, and everything must have been replayed or
    repaired.
    """

    def __init__(self) -> None:
        super().__init__()
        self.countdown = -1
        self.how = ""
        self.seen_redo = 0
        self.moved_mono_us = 0

    def crash_before(self, command: c.Command) -> str:
        if self.countdown < 0 or (self.how == "fail" and not isinstance(command, c.Save)):
            return ""
        self.countdown -= 1
        return self.how if self.countdown < 0 else ""

    @initialize(
        on_hole=st.sampled_from(["bridge", "skip_ahead", "resync"]), otherwise=st.sampled_from(["skip_ahead", "resync", "bridge"]),
        scheduled=st.booleans(), every=st.sampled_from([0, 15 * MINUTE]), reverify=st.sampled_from([0, 30 * MINUTE]),
        light=st.booleans(),
    )  # fmt: skip
    def begin(
        self,
        on_hole: str,
        otherwise: str,
        scheduled: bool,
        every: int,
        reverify: int,
        light: bool = False,
    ) -> None:
        """light: many logs weigh less than a full."""
        settled = config(
            on_hole,
            otherwise,
            full_interval_us=scheduled * DAY,
            every_us=every,
            reverify_us=reverify,
        )
        if light:
            costs = (RESTORE[0], RESTORE[1], RestoreCost(SECOND // 50, 1000))
            settled = replace(settled, replay=replace(settled.replay, restore=costs))
        self.world = FakeWorld(settled, self.crash_before)
        self.world.start()
        self.world.settle()

    @rule(cut_off=st.booleans())
    def take_log(self, cut_off: bool) -> None:
        self.world.backup(Kind.LOG, cut_off)

    @rule(kind=st.sampled_from([Kind.FULL, Kind.INCREMENTAL]))
    def take_other(self, kind: Kind) -> None:
        self.world.backup(kind)

    @rule(index=st.integers(0, 9), damaged=st.booleans())
    def land_one(self, index: int, damaged: bool) -> None:
        if self.world.on_way:
            self.world.land(self.world.on_way[index % len(self.world.on_way)], damaged)
            self.world.settle()

    @rule()
    def land_all(self) -> None:
        self.world.land_all()

    @rule(index=st.integers(0, 9), for_good=st.booleans())
    def lose(self, index: int, for_good: bool) -> None:
        if self.world.on_way:
            name = self.world.on_way.pop(index % len(self.world.on_way))
            self.world.backups[name].at_primary = not for_good

    @rule(index=st.integers(0, 9))
    def spoil_at_primary(self, index: int) -> None:
        if self.world.on_way:
            self.world.backups[
                self.world.on_way[index % len(self.world.on_way)]
            ].bad_at_primary = True

    @rule(index=st.integers(0, 99))
    def spoil_at_rest(self, index: int) -> None:
        if self.world.share:
            names = sorted(self.world.share)
            self.world.share[names[index % len(names)]].damaged = True

    @rule(files=st.booleans())
    def lose_copy(self, files: bool) -> None:
        """The copy is no more; with its files, or without them."""
        self.world.wiped = True
        if files:
            self.world.share.clear()

    @rule(times=st.integers(1, 5))
    def refuse(self, times: int) -> None:
        self.world.engine_refuses = times

    @rule(copies=st.integers(0, 2))
    def fill_disk(self, copies: int) -> None:
        self.world.room = copies

    @rule(reachable=st.booleans(), paused=st.sampled_from(["", "move"]))
    def primary(self, reachable: bool, paused: str) -> None:
        self.world.reachable = reachable
        self.world.paused = paused

    @rule(idle=st.booleans())
    def users(self, idle: bool) -> None:
        self.world.idle = idle

    @rule(after=st.integers(0, 12), how=st.sampled_from(["crash", "fail"]))
    def crash(self, after: int, how: str) -> None:
        self.countdown, self.how = after, how

    @rule()
    def crash_now(self) -> None:
        self.world.start()
        self.world.settle()

    @rule(us=st.sampled_from([SECOND, MINUTE, 5 * MINUTE, 20 * MINUTE]))
    def wait(self, us: int) -> None:
        self.world.wait(us)
        self.everyone_knows()

    def everyone_knows(self) -> None:
        """A database that has not moved for so long must have been told of, and lately: at every
        retry, but for a log that has just landed and is of no use, which ends the silence and is
        told when it has been in trouble for its age.
        """
        world = self.world
        if world.redo != self.seen_redo or (world.idle and world.redo == world.written):
            self.seen_redo, self.moved_mono_us = world.redo, world.mono_us
        if (DB, "job") in world.alarms:
            return  # whole logs wait for the restore job's hour
        if world.mono_us - self.moved_mono_us > LASTING_US:
            lately_us = (
                5 * MINUTE if world.mono_us - world.landed_mono_us > 20 * MINUTE else 20 * MINUTE
            )
            lately = [
                a
                for at, a in world.alerts
                if world.mono_us - at <= lately_us and a.event_id in (1, 2, 3, 19)
            ]
            if not lately:
                world.fail(
                    f"no restore for {(world.mono_us - self.moved_mono_us) // MINUTE} "
                    "minutes, and nobody was told"
                )

    def teardown(self) -> None:
        if not hasattr(self, "world") or self.world.broken:
            return
        world = self.world
        self.countdown = -1
        world.engine_refuses, world.falls_short = 0, False
        world.room = max(1, world.room)
        world.reachable, world.paused = True, ""
        for i in range(36):  # three quiet hours
            world.wait(5 * MINUTE)
            world.backup(Kind.LOG)
            if i in (4, 16):  # what the schedule would bring sooner or later
                world.backup(Kind.FULL)
            world.land_all()
        everything = world.log_start
        world.wait(15 * MINUTE)
        world.land_all()
        if world.redo < everything:
            world.fail(f"did not converge: at {world.redo} of {everything}")
        world.backup(Kind.LOG)
        world.land_all()
        told = json.loads(world.store.get(f"alert/{DB}", "{}"))
        lasting = [
            danger for danger in told if kind_of(danger) is None or world.can_be_copied(danger)
        ]
        if lasting or f"repair/{DB}" in world.store:
            world.fail(
                f"still told or repaired in the calm: {lasting} {world.store.get(f'repair/{DB}')}"
            )


class HalfDone(Storm):
    """The same, and now and then a log is applied up to its middle and called a success."""

    @rule()
    def fall_short(self) -> None:
        self.world.falls_short = True


SHORT = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
HUNT = settings(SHORT, max_examples=3000, phases=(Phase.generate,), database=None, derandomize=True)
"""To find a planted bug: nothing is shrunk, and the same examples come every time."""


def test_storm_then_calm() -> None:
    run_state_machine_as_test(Storm, settings=SHORT)


def test_storm_of_restores_that_are_half_done() -> None:
    run_state_machine_as_test(HalfDone, settings=settings(SHORT, max_examples=25))


@pytest.mark.long
def test_long_storm() -> None:
    run_state_machine_as_test(HalfDone, settings=settings(SHORT, max_examples=500))
    run_state_machine_as_test(
        Storm, settings=settings(SHORT, max_examples=2000, stateful_step_count=50)
    )


def test_a_manager_that_dies_over_the_news_of_damage_reads_the_full_once_more() -> None:
    """The next one knows it as whole, and the engine says what is true: no harm is done."""
    storm = Storm()
    storm.begin("skip_ahead", "skip_ahead", scheduled=False, every=0, reverify=0)
    storm.take_log(cut_off=False)
    storm.spoil_at_primary(index=0)
    storm.take_other(kind=Kind.FULL)
    storm.wait(us=20 * MINUTE)
    storm.land_one(damaged=False, index=1)
    storm.spoil_at_rest(index=0)
    storm.land_one(damaged=False, index=0)
    storm.lose(for_good=True, index=0)
    storm.crash_now()
    storm.crash(after=3, how="fail")
    storm.wait(us=SECOND)
    storm.teardown()


def dangers(world: FakeWorld) -> dict[str, list[int]]:
    told: dict[str, list[int]] = json.loads(world.store.get(f"alert/{DB}") or "{}")
    return told


def test_no_room_for_a_full_is_over_when_the_lost_log_comes_after_all() -> None:
    """Nobody needs the full then. While the hole stands, the alert about the room stands too."""
    storm = Storm()
    storm.begin("resync", "resync", scheduled=False, every=0, reverify=0)
    world, world.room = storm.world, 0
    lost = world.backup(Kind.LOG)
    storm.lose(index=0, for_good=True)
    world.wait(MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    world.wait(20 * MINUTE)  # the hole is old, a full is asked for and does not fit
    world.land_all()
    assert set(dangers(world)) == {"chain", "room"}
    world.on_way.append(lost)
    world.land_all()
    assert world.redo == world.log_start
    assert dangers(world) == {}


def test_a_lost_copy_is_over_when_the_news_of_its_restore_is_lost() -> None:
    """The manager dies over the news. The next one finds a copy, and the logs lead on."""
    storm = Storm()
    storm.begin("skip_ahead", "skip_ahead", scheduled=False, every=0, reverify=0)
    world = storm.world
    storm.lose_copy(files=False)
    storm.wait(us=20 * MINUTE)
    storm.crash_now()
    storm.lose(index=0, for_good=True)
    storm.wait(us=SECOND)
    storm.crash(after=7, how="fail")
    storm.land_one(index=0, damaged=False)  # a full, and people are told that there is no copy
    storm.lose_copy(files=False)
    storm.crash_now()
    assert "unprotected" in dangers(world)
    storm.crash_now()
    assert world.redo > 0  # the full is restored by now
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    assert dangers(world) == {}


def test_an_empty_log_says_that_nothing_is_missing_after_a_restart() -> None:
    """The damaged log is gone with the restart, and nobody writes."""
    storm = Storm()
    storm.begin("bridge", "skip_ahead", scheduled=False, every=0, reverify=0)
    storm.users(idle=True)
    storm.take_log(cut_off=True)
    storm.land_all()
    storm.world.share.clear()
    storm.wait(us=20 * MINUTE)
    storm.crash_now()
    assert "chain" in dangers(storm.world)
    old = storm.world.on_way[0]  # begun before people were told: it says nothing
    storm.world.backups[old].header = replace(
        storm.world.backups[old].header, started_utc_us=storm.world.utc_us - 20 * MINUTE
    )
    storm.land_one(index=0, damaged=False)
    assert "chain" in dangers(storm.world)
    storm.take_log(cut_off=False)
    storm.land_all()
    assert dangers(storm.world) == {}


# ---- planted bugs: each must be found


def found(storm: type[Storm] = Storm) -> str:
    with pytest.raises(BrokenError) as caught:
        run_state_machine_as_test(storm, settings=HUNT)
    return str(caught.value)


def test_finds_a_replay_that_skips_the_gap_check(monkeypatch: pytest.MonkeyPatch) -> None:
    real = waiting.applies
    monkeypatch.setattr(
        waiting, "applies", lambda h, s: Fit.APPLIES if real(h, s) is Fit.GAP else real(h, s)
    )
    assert "a gap" in found()


def test_finds_a_replay_that_forgets_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    real = replay.DatabaseReplay.hand_over

    def forgetful(
        self: replay.DatabaseReplay, file: File, replace: bool, out: list[c.Command]
    ) -> None:
        real(self, file, replace, out)
        del out[-3]

    monkeypatch.setattr(replay.DatabaseReplay, "hand_over", forgetful)
    assert "counter" in found()


def test_finds_a_counter_that_starts_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    real = replay.DatabaseReplay.__init__

    def forgetful(self: replay.DatabaseReplay, *args: Any) -> None:
        real(self, *args)
        self.files._stored_attempts = {}

    monkeypatch.setattr(replay.DatabaseReplay, "__init__", forgetful)
    assert "attempts/" in found()


def test_finds_a_replay_of_the_same_log_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    real = waiting.applies
    monkeypatch.setattr(
        waiting, "applies", lambda h, s: Fit.APPLIES if real(h, s) is Fit.STALE else real(h, s)
    )
    assert "twice" in found()


def test_finds_a_replay_that_skips_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeWorld, "validate", FakeWorld.believe)
    assert "not whole" in found()


def test_finds_a_manager_that_takes_every_success_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "watch_end", lambda *args: None)
    assert "up to its middle, and nobody was told" in found(HalfDone)


def test_finds_a_mute_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AlertBook, "tell", lambda *args: None)
    assert "nobody was told" in found()
