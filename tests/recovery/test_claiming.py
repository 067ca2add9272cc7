"""Several standbys: one of them takes over, the others leave it to it (R14, W5)."""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.failover.failover_table import FailoverPhase
from dr_sim.recovery.repair.refusals import OrderRefused, WhyNoFailover
from tests.recovery.fake_world import DB, SECOND, FakeWorld, begun, config
from tests.recovery.test_failover import WAY, dies, order, phases, shipped

CLAIMED = ["claiming", *WAY]


def standby(rank: int = 0, mode: str = "automatic", claimed_by: str = "") -> FakeWorld:
    world = begun(FakeWorld(config(mode=mode, standbys=(2, rank))))
    world.claimed_by = claimed_by
    return shipped(world)


def freed(world: FakeWorld, declined: bool = False) -> None:
    world.claimed_by = ""
    world.tell(e.ClaimFreed(world.mono_us, world.utc_us, 0, declined))


def count(world: FakeWorld, kind: type) -> int:
    return sum(isinstance(command, kind) for command in world.done)


def refusals(world: FakeWorld) -> list[OrderRefused]:
    return [command.reason for command in world.done if isinstance(command, c.RefuseOrder)]


@pytest.mark.parametrize(("rank", "second"), [(0, 30), (1, 40), (2, 50)])
def test_each_standby_waits_its_turn_and_claims_before_anything_is_stopped(
    rank: int, second: int
) -> None:
    world = standby(rank)
    dies(world)
    world.wait((second - 1) * SECOND)
    assert phases(world) == []
    world.wait(SECOND)
    assert phases(world) == CLAIMED
    kinds = [type(command) for command in world.done]
    assert kinds.index(c.Claim) < kinds.index(c.Fence)


@pytest.mark.parametrize(("rank", "second"), [(0, 50), (1, 60)])
def test_one_that_lacks_a_database_lets_all_others_go_first(rank: int, second: int) -> None:
    """Nothing of erp is here: two standbys, two turns of 10 s more."""
    world = begun(FakeWorld(config(databases=(DB, "erp"), standbys=(2, rank))))
    shipped(world)
    dies(world)
    world.wait((second - 1) * SECOND)
    assert phases(world) == []
    world.wait(SECOND)
    assert phases(world)[0] == "claiming"


def test_a_single_standby_claims_nothing() -> None:
    world = shipped(begun(FakeWorld(config())))
    dies(world)
    world.wait(60 * SECOND)
    assert phases(world) == WAY
    assert count(world, c.Claim) == 0


def test_one_that_is_refused_stops_nothing_and_goes_on_replaying() -> None:
    world = standby(1, claimed_by="near")
    dies(world)
    world.wait(600 * SECOND)
    assert phases(world) == ["claiming", "watching"]
    assert count(world, c.Claim) == 1  # it does not ask again and again
    assert count(world, c.Fence) == count(world, c.Recover) == 0


@pytest.mark.parametrize(("declined", "found"), [(False, CLAIMED), (True, [])])
def test_when_the_other_lets_go_it_takes_over_unless_the_operator_said_no(
    declined: bool, found: list[str]
) -> None:
    world = standby(1, claimed_by="near")
    dies(world)
    world.wait(60 * SECOND)
    freed(world, declined)
    world.wait(9 * SECOND)
    assert phases(world) == ["claiming", "watching"]
    world.wait(SECOND)
    assert phases(world) == ["claiming", "watching", *found]


def test_that_the_operator_of_the_other_said_no_is_saved() -> None:
    world = standby(1, claimed_by="near")
    dies(world)
    world.wait(60 * SECOND)
    assert '"declined": []' in world.store["failover"]
    freed(world, declined=True)
    assert '"declined": []' not in world.store["failover"]


@pytest.mark.parametrize("heard", [True, False])
def test_that_a_no_is_over_is_saved_when_the_machines_are_heard_after_a_restart(
    heard: bool,
) -> None:
    """They are heard while the manager is down. They fall silent again, and it restarts again: a
    later life must not take that silence for the one that the operator has declined.
    """
    world = standby(1, claimed_by="near")
    dies(world)
    world.wait(60 * SECOND)
    freed(world, declined=True)
    if heard:
        world.silent.clear()
    world.start()
    world.settle()
    assert ('"declined": []' in world.store["failover"]) == heard
    dies(world)
    world.start()
    world.settle()
    claims = count(world, c.Claim)
    world.wait(60 * SECOND)
    assert count(world, c.Claim) == claims + heard


def test_that_a_no_is_over_is_saved_when_the_machine_is_heard() -> None:
    world = standby(1, claimed_by="near")
    dies(world)
    world.wait(60 * SECOND)
    freed(world, declined=True)
    for machine in ("sql1", "sql2"):
        world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, machine))
    assert '"declined": []' in world.store["failover"]


def test_an_order_is_refused_where_another_takes_over() -> None:
    world = standby(0, claimed_by="far")
    order(world, "anna", planned=True)
    world.settle()
    assert refusals(world) == [OrderRefused(WhyNoFailover.ANOTHER_TAKES_OVER, ("far",))]
    assert phases(world) == ["claiming", "watching"]
    assert count(world, c.Fence) == 0


def test_an_order_claims_without_waiting_for_a_turn() -> None:
    world = standby(2)
    order(world, "anna", planned=True)
    world.settle()
    assert phases(world) == CLAIMED[:4]  # then it waits for the tail


def test_by_hand_the_operator_is_paged_by_the_one_that_has_claimed() -> None:
    world = standby(0, mode="manual")
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world) == ["claiming", "deciding"]
    assert count(world, c.PageOperator) == 1
    world.tell(e.OperatorAnswered(world.mono_us, world.utc_us, 1, "anna", False))
    assert [x for x in world.done if isinstance(x, c.ReleaseClaim)][-1] == c.ReleaseClaim(True)


def test_a_failover_that_is_called_off_lets_go() -> None:
    world = standby(0)
    world.fence_hangs = True
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world)[-1] == "fencing"
    begun_with = count(world, c.ReleaseClaim)
    for machine in ("sql1", "sql2"):
        world.silent.pop(machine)
        world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, machine))
    unreachable = e.NotFenced.UNREACHABLE
    world.tell(e.FenceFailed(world.mono_us, world.utc_us, 1, unreachable))
    assert phases(world)[-2:] == ["abandoned", "watching"]
    assert count(world, c.ReleaseClaim) == begun_with + 1


@pytest.mark.parametrize("mode", ["automatic", "manual"])
def test_a_claim_that_is_given_when_nothing_is_to_be_done_any_more_is_let_go(mode: str) -> None:
    """Its answer was on its way when the failover was left. Nobody else could take over."""
    world = standby(0, mode)
    before = count(world, c.ReleaseClaim)
    world.tell(e.ClaimGiven(world.mono_us, world.utc_us, 1))
    assert count(world, c.ReleaseClaim) == before + 1
    assert phases(world)[-1:] in ([], ["watching"])


@pytest.mark.parametrize("other", ["", "far"])
def test_one_that_died_in_the_middle_claims_again_and_yields_to_another(other: str) -> None:
    world = standby(0)
    world.fence_hangs = True
    dies(world)
    world.wait(30 * SECOND)
    world.claimed_by, world.fence_hangs = other, False
    world.start()
    world.settle()
    world.wait(60 * SECOND)
    if other:
        assert "abandoned" in phases(world) and phases(world)[-1] == "watching"
        assert count(world, c.Recover) == 0
    else:
        assert phases(world)[-1] == "serving"
        assert count(world, c.Recover) == 1


@pytest.mark.parametrize("other", ["", "far"])
def test_one_that_died_just_before_its_first_order_online_claims_again(other: str) -> None:
    """The last phase before that order is durable, and the claim may be lost all the same."""
    world = standby(0)

    def dies_once(command: c.Command) -> str:
        if command != c.EnterPhase(FailoverPhase.RECOVERING) or world.incarnation > 1:
            return ""
        world.claimed_by = other
        return "crash"

    world.crash_before = dies_once
    dies(world)
    world.wait(300 * SECOND)
    assert world.incarnation == 2
    if other:
        assert phases(world)[-5:-2] == ["recovering", "abandoned", "watching"]
        assert count(world, c.Recover) == 0
        before = world.redo
        world.backup(Kind.LOG)
        world.land_all()
        assert world.redo > before  # it goes on as a standby
    else:
        assert phases(world)[-1] == "serving"
        assert count(world, c.Recover) == 1


def test_an_order_that_comes_before_a_restart_has_its_claim_back_is_obeyed() -> None:
    world = standby(0, mode="manual")
    dies(world)
    world.wait(30 * SECOND)
    world.start()
    inventory = world.answers.pop(0)
    assert isinstance(inventory, e.Inventory)
    world.tell(inventory)
    order(world, "anna")
    assert phases(world)[-2:] == ["deciding", "claiming"]
    world.settle()
    world.wait(60 * SECOND)
    assert phases(world)[-1] == "serving"
    assert refusals(world) == []


def test_a_fence_that_is_out_when_the_failover_is_left_is_asked_for_anew() -> None:
    world = standby(0)
    world.fence_hangs = True
    dies(world)
    world.wait(30 * SECOND)
    assert phases(world)[-1] == "fencing"
    world.claimed_by = "far"
    world.start()
    world.settle()
    assert phases(world)[-1] == "watching"
    world.fence_hangs = False
    freed(world)
    world.wait(60 * SECOND)
    assert phases(world)[-1] == "serving"


@pytest.mark.parametrize("again", ["the same", "another"])
def test_an_order_that_is_given_again_after_a_crash_is_the_same_one(again: str) -> None:
    """It was durable, and the claim was not answered, when the manager died."""
    world = standby(0)

    def dies_once(command: c.Command) -> str:
        return "crash" if command == c.Claim(True, True) and world.incarnation == 1 else ""

    world.crash_before = dies_once
    order(world, "anna", planned=True)
    inventory = world.answers.pop()
    assert isinstance(inventory, e.Inventory)
    world.tell(inventory)
    assert phases(world)[-1] == "claiming"
    order(world, "anna", planned=again == "the same")
    assert bool(refusals(world)) == (again == "another")
    world.settle()
    assert "fencing" in phases(world)
