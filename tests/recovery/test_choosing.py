"""Several copies say what they offer, and the policy chooses (W2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.failover.policy import NEVER_US, CopyChoice, CopyPolicy, Offer
from tests.recovery.fake_world import MINUTE, SECOND, START_UTC, FakeWorld, begun, config
from tests.recovery.test_claiming import count, freed
from tests.recovery.test_failover import WAY, dies, order, phases, shipped

LEAST_LOSS = CopyChoice(CopyPolicy.LEAST_LOSS)
LAST_CUT = START_UTC + 15 * MINUTE
ALONE_US = (30 + 20 + 60) * SECOND
"""Silence, then what is known to pass before the first restore and after the last one."""


def copy(mode: str = "automatic", rank: int = 0, choose: CopyChoice = LEAST_LOSS) -> FakeWorld:
    return shipped(begun(FakeWorld(config(mode=mode, standbys=(3, rank), choose=choose))))


def hears(world: FakeWorld, *others: Offer, awaited: int = 0) -> None:
    """Its own offer, and those of others."""
    made = [x for x in world.done if isinstance(x, c.MakeOffer)][-1]
    own = Offer("here", made.rank, made.open, made.holds_until_utc_us, made.takes_us)
    offers = (own, *others) if own.open else others
    world.tell(e.OffersHeard(world.mono_us, world.utc_us, 0, offers, awaited))
    world.settle()


def offered(world: FakeWorld) -> list[tuple[bool, int, int]]:
    made = [x for x in world.done if isinstance(x, c.MakeOffer)]
    return [(x.open, x.holds_until_utc_us, x.takes_us) for x in made]


def other(rank: int, later_us: int, takes_us: int = ALONE_US) -> Offer:
    """The offer of a copy that holds so much more."""
    return Offer(f"place {rank}", rank, True, LAST_CUT + later_us, takes_us)


def test_it_says_up_to_when_it_holds_all_writes_and_how_long_it_would_take() -> None:
    world = copy()
    dies(world)
    world.wait(29 * SECOND)
    assert phases(world) == []
    world.wait(SECOND)
    assert phases(world) == ["choosing"]
    assert offered(world) == [(True, LAST_CUT, ALONE_US)]
    assert count(world, c.Claim) == 0


@pytest.mark.parametrize(("later_us", "turn"), [(-1, 0), (0, 0), (1, 1)])
def test_the_one_that_loses_least_claims_at_once_and_the_next_a_turn_later(
    later_us: int, turn: int
) -> None:
    world = copy()
    dies(world)
    world.wait(30 * SECOND)
    hears(world, other(1, later_us))
    assert ("claiming" in phases(world)) is (turn == 0)
    world.wait(10 * SECOND - 1)
    assert ("claiming" in phases(world)) is (turn == 0)
    world.wait(1)
    assert phases(world) == ["choosing", "claiming", *WAY]


def test_offers_are_waited_for_a_turn_and_no_longer() -> None:
    world = copy()
    dies(world)
    world.wait(30 * SECOND)
    hears(world, awaited=2)
    world.wait(10 * SECOND - 1)
    assert phases(world) == ["choosing"]
    world.wait(1)
    assert phases(world) == ["choosing", "claiming", *WAY]


def test_a_copy_of_which_nothing_is_here_says_so_and_claims_nothing() -> None:
    world = FakeWorld(config(standbys=(3, 0), choose=LEAST_LOSS), exists=False)
    begun(world)
    dies(world)
    world.wait(60 * SECOND)
    assert offered(world)[0] == (False, 0, 0)
    assert phases(world) == []


@pytest.mark.parametrize(
    ("told_us", "at_most_us", "counts_us"),
    [
        (3 * MINUTE, None, 3 * MINUTE),
        (3 * MINUTE, 2 * MINUTE, 2 * MINUTE),
        (-1, 2 * MINUTE, 2 * MINUTE),  # nobody answers, so nobody configures anything
        (-1, None, NEVER_US),
    ],
)
def test_the_time_of_the_configuration_is_in_what_it_offers(
    told_us: int, at_most_us: int | None, counts_us: int
) -> None:
    of = config(standbys=(3, 0), choose=LEAST_LOSS)
    costs = replace(of.failover.costs, asks=True, configured_at_most_us=at_most_us)
    of = replace(of, failover=replace(of.failover, costs=costs))
    world = shipped(begun(FakeWorld(of)))
    dies(world)
    world.wait(30 * SECOND)
    assert (count(world, c.AskConfigurationTime), offered(world)) == (1, [])
    world.tell(e.ConfigurationTimeTold(world.mono_us, world.utc_us, 0, told_us))
    assert offered(world) == [(True, LAST_CUT, min(ALONE_US + counts_us, NEVER_US))]


def test_an_offer_is_withdrawn_when_the_machines_are_heard_again() -> None:
    world = copy()
    dies(world)
    world.wait(30 * SECOND)
    hears(world, other(1, 1))
    for machine in ("sql1", "sql2"):
        world.silent.pop(machine)
        world.tell(e.HeartbeatBack(world.mono_us, world.utc_us, 0, machine))
    assert isinstance(world.done[-1], c.ReleaseClaim) or count(world, c.ReleaseClaim) >= 2
    world.wait(10 * MINUTE)
    assert phases(world) == ["choosing", "watching"]


def test_one_that_is_refused_offers_anew_when_the_other_lets_go() -> None:
    world = copy()
    world.claimed_by = "far"
    dies(world)
    world.wait(30 * SECOND)
    hears(world)
    assert phases(world) == ["choosing", "claiming", "watching"]
    freed(world)
    world.settle()
    world.wait(0)
    assert len(offered(world)) == 2
    assert phases(world)[3:] == ["choosing"]


def test_one_that_restarts_while_it_chooses_offers_again() -> None:
    world = copy()
    dies(world)
    world.wait(30 * SECOND)
    world.start()
    world.settle()
    world.wait(0)
    assert phases(world) == ["choosing", "choosing", "watching", "choosing"]
    assert len(offered(world)) == 2


def test_an_order_is_obeyed_while_offers_are_awaited() -> None:
    world = copy()
    dies(world)
    world.wait(30 * SECOND)
    order(world, "anna", planned=False)
    world.settle()
    assert phases(world)[:3] == ["choosing", "claiming", "fencing"]


def test_by_hand_the_page_names_the_ways_and_the_first_is_taken() -> None:
    world = copy("manual")
    dies(world)
    world.wait(30 * SECOND)
    hears(world, other(1, -60 * SECOND), other(2, -30 * SECOND, 3 * ALONE_US))
    assert phases(world) == ["choosing", "claiming", "deciding"]
    (page,) = [x for x in world.done if isinstance(x, c.PageOperator)]
    assert page.reason.machines == ("sql1", "sql2")
    assert page.reason.ways == (
        "here loses 0:00:00 and is back in 0:01:50",
        "place 2 loses 0:00:30 and is back in 0:05:30",
        "place 1 loses 0:01:00 and is back in 0:01:50",
    )
    assert c.PageReason.from_words(page.reason.words) == page.reason


def test_by_hand_in_the_written_order_the_page_names_no_ways() -> None:
    world = copy("manual", choose=CopyChoice(CopyPolicy.PREFERRED))
    dies(world)
    world.wait(30 * SECOND)
    (page,) = [x for x in world.done if isinstance(x, c.PageOperator)]
    assert page.reason.words == "no heartbeat of sql1, sql2"


# ---- an attempt that fails
def store(rank: int = 0, choose: CopyChoice = LEAST_LOSS) -> FakeWorld:
    world = FakeWorld(config(standbys=(2, rank), choose=choose, keeps=True), exists=False)
    begun(world)
    world.wait(MINUTE)
    world.backup(Kind.FULL)
    world.land_all()
    return shipped(world)


@pytest.mark.parametrize("policy", [CopyPolicy.PREFERRED, CopyPolicy.LEAST_LOSS])
def test_where_nothing_could_be_restored_it_is_left_to_another_copy(policy: CopyPolicy) -> None:
    world = store(choose=CopyChoice(policy))
    for here in world.share.values():
        here.damaged = True  # since they were hashed
    dies(world)
    world.wait(30 * SECOND)
    if policy is not CopyPolicy.PREFERRED:
        hears(world)
    world.wait(2 * MINUTE)
    assert phases(world)[-2:] == ["abandoned", "watching"]
    assert count(world, c.Recover) == 0
    assert [alert.event_id for _, alert in world.alerts][-1] == 15
    kinds = [type(x) for x in world.done]
    assert c.ReleaseClaim in kinds[kinds.index(c.GetMachine) :]
    if policy is not CopyPolicy.PREFERRED:
        assert offered(world)[-1] == (False, 0, 0)
    again = len(phases(world))
    world.wait(10 * MINUTE)
    assert phases(world)[again:] == []


def test_a_copy_alone_is_never_left() -> None:
    """The negative case: nobody else could take over."""
    world = FakeWorld(config(keeps=True), exists=False)
    begun(world)
    world.backup(Kind.FULL)
    world.land_all()
    shipped(world)
    for here in world.share.values():
        here.damaged = True
    dies(world)
    world.wait(2 * MINUTE)
    assert "recovering" in phases(world)


@pytest.mark.parametrize(("later_us", "left"), [(-1, False), (1, True)])
def test_where_less_came_than_was_offered_a_better_copy_takes_over(
    later_us: int, left: bool
) -> None:
    """The newest log is damaged, and nobody knew. The other copy holds a little less, or more, than
    what could be restored.
    """
    world = store()
    logs = [n for n, here in world.share.items() if here.backup.header.kind is Kind.LOG]
    world.share[logs[-1]].damaged = True
    left_until = world.share[logs[-2]].backup.header.started_utc_us
    dies(world)
    world.wait(30 * SECOND)
    hears(world, Offer("other", 1, True, left_until + later_us, 99 * ALONE_US))
    world.wait(0)
    if left:
        assert phases(world)[-3:] == ["abandoned", "watching", "choosing"]
        assert offered(world)[-1][:2] == (True, left_until)
        assert count(world, c.Recover) == 0
        world.wait(MINUTE)  # the other has died meanwhile: it is not waited for
    assert phases(world)[-1] == "serving"


@pytest.mark.parametrize("another_waits", [True, False])
def test_what_may_never_come_is_not_waited_for_while_another_copy_waits(
    another_waits: bool,
) -> None:
    """The full here is damaged, and another copy of it is on its way that does not come."""
    world = store(choose=CopyChoice(CopyPolicy.PREFERRED))
    full = next(n for n, x in world.share.items() if x.backup.header.kind is Kind.FULL)
    world.share[full].damaged = True
    dies(world)
    world.reachable = world.host_lost = True
    world.wait(30 * SECOND + 10 * MINUTE - 1)
    assert phases(world)[-1] == "draining" and count(world, c.YieldClaim) == 0
    world.wait(1)
    assert count(world, c.YieldClaim) == 1
    if another_waits:
        world.tell(e.ClaimYielded(world.mono_us, world.utc_us, world.incarnation))
        assert phases(world)[-2:] == ["abandoned", "watching"]
    else:
        world.wait(5 * MINUTE)
        assert phases(world)[-1] == "draining" and count(world, c.YieldClaim) == 2
