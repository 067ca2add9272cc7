"""An order that another copy could not carry out: each copy takes its turn with it (W2, W4)."""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.failover.policy import CopyChoice, CopyPolicy
from tests.recovery.fake_world import SECOND, FakeWorld, begun, config
from tests.recovery.test_claiming import count, refusals, standby
from tests.recovery.test_failover import order, phases


def passed_on(world: FakeWorld, operator: str = "anna", planned: bool = False) -> None:
    world.tell(e.OrderPassedOn(world.mono_us, world.utc_us, 0, operator, planned))
    world.settle()


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize(("rank", "turn_s"), [(1, 10), (2, 20)])
def test_each_copy_waits_its_turn_and_carries_out_the_order(
    rank: int, turn_s: int, planned: bool
) -> None:
    world = standby(rank)
    passed_on(world, planned=planned)
    world.wait((turn_s - 1) * SECOND)
    assert phases(world) == []
    world.wait(SECOND)
    assert phases(world)[:3] == ["claiming", "fencing", "draining"]
    fences = [command.planned for command in world.done if isinstance(command, c.Fence)]
    assert fences[0] is planned


def test_by_a_policy_offers_are_made_first() -> None:
    choose = CopyChoice(CopyPolicy.LEAST_LOSS)
    world = begun(FakeWorld(config(standbys=(2, 1), choose=choose)))
    world.backup(Kind.LOG)
    world.land_all()
    passed_on(world)
    assert count(world, c.MakeOffer) == 1
    world.wait(30 * SECOND)
    assert "claiming" in phases(world) and count(world, c.Fence) >= 1


def test_an_order_of_somebody_who_may_not_give_one_is_not_carried_out() -> None:
    world = standby(1)
    passed_on(world, "mallory")
    world.wait(60 * SECOND)
    assert phases(world) == []


def test_a_copy_of_which_nothing_is_here_leaves_it_to_others() -> None:
    world = begun(FakeWorld(config(standbys=(2, 1)), exists=False))
    passed_on(world)
    world.wait(60 * SECOND)
    assert phases(world) == []


def test_a_copy_alone_is_passed_nothing() -> None:
    world = begun(FakeWorld(config()))
    passed_on(world)
    world.wait(60 * SECOND)
    assert phases(world) == []


def test_one_whose_turn_comes_too_late_refuses_no_order() -> None:
    """The order was not given to it, so there is nobody to be told of a refusal."""
    world = standby(1, claimed_by="near")
    passed_on(world)
    world.wait(60 * SECOND)
    assert phases(world) == ["claiming", "watching"]
    assert refusals(world) == []
    order(world, "anna")  # one that is given to it is refused, as ever
    world.settle()
    assert len(refusals(world)) == 1
