"""Storm, then calm, then 'did it converge?': the manager in a world that damages, loses, delays and crashes."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from dr_sim.backups.chain import Fit
from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import replay
from tests.recovery.fake_world import DB, MINUTE, SECOND, Broken, FakeWorld, config


class Storm(RuleBasedStateMachine):
    """Faults in any order; at the end they stop, and everything must have been replayed or repaired."""

    def __init__(self) -> None:
        super().__init__()
        self.countdown = -1
        self.how = ""

    def crash_before(self, command: c.Command) -> str:
        if self.countdown < 0 or (self.how == "fail" and not isinstance(command, c.Save)):
            return ""
        self.countdown -= 1
        return self.how if self.countdown < 0 else ""

    @initialize(
        on_hole=st.sampled_from(["bridge", "skip_ahead", "resync"]), otherwise=st.sampled_from(["skip_ahead", "resync"]),
        scheduled=st.booleans(), every=st.sampled_from([0, 15 * MINUTE]), reverify=st.sampled_from([0, 30 * MINUTE]),
    )  # fmt: skip
    def begin(self, on_hole: str, otherwise: str, scheduled: bool, every: int, reverify: int) -> None:
        settled = config(on_hole, otherwise, full_scheduled=scheduled, every_us=every, reverify_us=reverify)
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
            self.world.backups[self.world.on_way[index % len(self.world.on_way)]].bad_at_primary = True

    @rule(index=st.integers(0, 99))
    def spoil_at_rest(self, index: int) -> None:
        if self.world.share:
            names = sorted(self.world.share)
            self.world.share[names[index % len(names)]].damaged = True

    @rule(times=st.integers(1, 5))
    def refuse(self, times: int) -> None:
        self.world.engine_refuses = times

    @rule(reachable=st.booleans(), paused=st.sampled_from(["", "move"]))
    def primary(self, reachable: bool, paused: str) -> None:
        self.world.reachable = reachable
        self.world.paused = paused

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

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        self.countdown = -1
        world.engine_refuses = 0
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
            raise Broken(f"did not converge: at {world.redo} of {everything}")
        world.backup(Kind.LOG)
        world.land_all()
        told = json.loads(world.store.get(f"alert/{DB}", "{}"))
        lasting = [danger for danger in told if danger in ("chain", "silence") or world.can_be_copied(danger)]
        if lasting or f"repair/{DB}" in world.store:
            raise Broken(f"still told or repaired in the calm: {lasting} {world.store.get(f'repair/{DB}')}")


SHORT = settings(max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


def test_storm_then_calm() -> None:
    run_state_machine_as_test(Storm, settings=SHORT)
