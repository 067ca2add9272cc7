"""Several copies with a manager each, one place where they claim, and one primary that dies: never
two take over, the one that does is the best that the policy could choose, and somebody does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from dr_sim.backups.model import Kind
from dr_sim.recovery import events as e
from dr_sim.recovery.failover import choosing, policy
from dr_sim.recovery.failover.policy import CopyChoice, CopyPolicy
from dr_sim.world.roles.claims import Claims
from tests.recovery.fake_world import MINUTE, SECOND, FakeWorld, config

COPIES = 3
LEASE_US = 30 * SECOND
ONLINE = ("recovering", "redirecting", "serving")


@dataclass
class Later:
    at_us: int
    do: Any
    about: tuple[Any, ...]
    off: bool = False

    def cancel(self) -> None:
        self.off = True


@dataclass
class FewAlarms:
    """What the place of the claims needs of an agenda."""

    now_us: int = 0
    later: list[Later] = field(default_factory=list)

    def at(self, at_us: int, cls: object, entity: int, do: Any, *about: Any) -> Later:
        self.later.append(Later(at_us, do, about))
        return self.later[-1]


class Service(RuleBasedStateMachine):
    """A primary, and copies that are fed by it."""

    broken = False

    @initialize(
        policy=st.sampled_from(list(CopyPolicy)),
        stores=st.lists(st.booleans(), min_size=COPIES, max_size=COPIES),
    )
    def begin(self, policy: CopyPolicy, stores: list[bool]) -> None:
        self.agenda = FewAlarms()
        self.claims = Claims(self.agenda, LEASE_US)  # type: ignore[arg-type]
        self.choose = CopyChoice(policy, 2 * MINUTE)
        self.dead: set[int] = set()
        self.lost = False
        self.damaged = False
        self.worlds = []
        for rank, is_store in enumerate(stores):
            settled = config(standbys=(COPIES, rank), choose=self.choose, keeps=is_store)
            world = FakeWorld(settled, exists=not is_store)
            world.claims, world.place = self.claims, f"place {rank}"
            world.backups_refused = "another one is running"
            self.worlds.append(world)
            world.start()
            self.claims.lives(world.place)
        self.settle()
        self.cut(Kind.FULL, [True] * COPIES)

    # ---- one time for all
    def settle(self) -> None:
        for _ in range(50):
            if not any(self.worlds[i].answers for i in self.alive()):
                return
            for i in self.alive():
                self.worlds[i].settle()
        self.fail("they never come to rest")

    def alive(self) -> list[int]:
        return [i for i in range(COPIES) if i not in self.dead]

    def wait_for(self, us: int) -> None:
        until = self.agenda.now_us + us
        for _ in range(3000):
            due = [x for x in self.agenda.later if not x.off]
            times = [x.at_us for x in due]
            times += [min(w.alarms.values()) for i, w in enumerate(self.worlds)
                      if w.alarms and i not in self.dead]  # fmt: skip
            at = min(times, default=until + 1)
            if at > until:
                break
            self.now(max(at, self.agenda.now_us))
            for one in [x for x in due if x.at_us <= at]:
                one.off = True
                one.do(*one.about)
            for i in self.alive():
                self.worlds[i].wait(0)
            self.settle()
            self.look()
        else:
            self.fail("alarms without end")
        self.now(until)

    def now(self, at_us: int) -> None:
        self.agenda.now_us = at_us
        for world in self.worlds:
            world.mono_us = at_us

    def fail(self, text: str) -> None:
        self.broken = True
        raise AssertionError(text)

    # ---- what happens
    def cut(self, kind: Kind, lands: list[bool]) -> None:
        first = self.worlds[0]
        name = first.backup(kind)
        for world, comes in zip(self.worlds, lands, strict=True):
            world.written, world.log_start = first.written, first.log_start
            world.full_first = first.full_first
            world.backups[name] = first.backups[name]
            if name not in world.on_way:
                world.on_way.append(name)
            if not comes or self.worlds.index(world) in self.dead:
                world.on_way.remove(name)
        for i in self.alive():
            self.worlds[i].land_all()
        self.settle()

    @rule(lands=st.lists(st.booleans(), min_size=COPIES, max_size=COPIES))
    def log(self, lands: list[bool]) -> None:
        if not self.lost:
            self.wait_for(MINUTE)
            self.cut(Kind.LOG, lands)

    @rule(copy=st.integers(0, COPIES - 1), nth=st.integers(0, 4))
    def damage(self, copy: int, nth: int) -> None:
        here = list(self.worlds[copy].share.values())
        if here:
            here[nth % len(here)].damaged = True
            self.damaged = True

    @rule(copy=st.integers(0, COPIES - 1))
    def manager_dies(self, copy: int) -> None:
        if copy not in self.dead and len(self.dead) < COPIES - 1:
            self.dead.add(copy)
            self.worlds[copy].answers.clear()
            self.claims.died(self.worlds[copy].place)

    @rule(copy=st.integers(0, COPIES - 1))
    def manager_is_back(self, copy: int) -> None:
        if copy in self.dead:
            self.dead.discard(copy)
            self.worlds[copy].answers.clear()
            self.worlds[copy].start()
            self.claims.lives(self.worlds[copy].place)
            self.settle()

    @rule()
    def primary_dies(self) -> None:
        if self.lost:
            return
        self.lost = True
        for i, world in enumerate(self.worlds):
            world.reachable = False
            world.on_way.clear()
            for machine in ("sql1", "sql2"):
                world.silent[machine] = world.mono_us
                if i not in self.dead:
                    world.tell(
                        e.HeartbeatLost(world.mono_us, world.utc_us, 0, machine, world.mono_us)
                    )
        self.settle()

    @rule(us=st.sampled_from([SECOND, 10 * SECOND, 31 * SECOND, 2 * MINUTE]))
    def wait(self, us: int) -> None:
        self.wait_for(us)

    # ---- what must hold
    def taken(self) -> list[int]:
        return [i for i, world in enumerate(self.worlds) if world.recovers]

    def look(self) -> None:
        if len(self.taken()) > 1:
            self.fail("two have taken over")

    def could(self, i: int) -> bool:
        """Whether something of it could be brought online: known to the test alone."""
        world = self.worlds[i]
        fulls = [h for h in world.share.values() if h.backup.header.kind is Kind.FULL]
        return world.exists or any(not h.damaged for h in fulls)

    def teardown(self) -> None:
        if not hasattr(self, "worlds") or self.broken:
            return
        for copy in sorted(self.dead):
            self.manager_is_back(copy)
        before = self.taken()
        self.primary_dies()
        held = [world.redo for world in self.worlds]
        self.wait_for(60 * MINUTE)
        taken = self.taken()
        if not taken and any(map(self.could, range(COPIES))):
            self.fail("nobody has taken over")
        if taken and not before and not self.damaged and self.choose.policy in LOSSES:
            most = max(w.redo for i, w in enumerate(self.worlds) if self.could(i))
            most = max(most, *(self.reach(i, held[i]) for i in range(COPIES)))
            if self.worlds[taken[0]].redo < most:
                self.fail("one that loses more has taken over")

    def reach(self, i: int, redo: int) -> int:
        """How far a copy that is whole would get, by its own logs: the test's own rule."""
        world = self.worlds[i]
        headers = [h.backup.header for h in world.share.values()]
        if not world.exists:
            redo = max((h.last_lsn for h in headers if h.kind is Kind.FULL), default=0)
        for header in sorted(headers, key=lambda h: h.first_lsn):
            if header.kind is Kind.LOG and header.first_lsn <= redo:
                redo = max(redo, header.last_lsn)
        return redo


LOSSES = (CopyPolicy.LEAST_LOSS,)
SHORT = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
HUNT = settings(SHORT, max_examples=2000, phases=(Phase.generate,), database=None, derandomize=True)


def test_one_takes_over_and_it_is_the_best() -> None:
    run_state_machine_as_test(Service, settings=SHORT)


@pytest.mark.long
def test_one_takes_over_and_it_is_the_best_at_length() -> None:
    run_state_machine_as_test(Service, settings=settings(SHORT, max_examples=1500))


def _takes_the_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    least = (lambda offer, choose: offer.holds_until_utc_us, *policy.KEYS[CopyPolicy.LEAST_LOSS])
    monkeypatch.setitem(policy.KEYS, CopyPolicy.LEAST_LOSS, least)


def _never_changes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "leaves", lambda f, e, out: False)


def _does_not_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claims, "claim", lambda claims, place, freed, ready: place)


@pytest.mark.parametrize(
    "plant",
    [
        _takes_the_worse,
        pytest.param(_never_changes_over, marks=pytest.mark.long),
        _does_not_claim,
    ],
)
def test_a_planted_bug_is_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Service, settings=HUNT)
