"""Quotas of tenants that share a network: whole runs by hand, restarts, wrong lines, a planted bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.machines import limits
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.screen.cloud import cloud_lines
from dr_sim.world.world import World
from tests.cloud.dying import dies_before_commands, fails_at_saves
from tests.test_cloud_machines import (
    DEPLOY,
    HOUR_US,
    MINUTE,
    MS,
    Edits,
    S,
    end,
    ran,
    rows,
    summary,
    told,
    world,
)

NETWORK = "networks: {prod: {farms: [content]}}"
FARMS = "farms: {content: {network: prod, image: web 12.3, front_end: 12, timer: 2}}"
OURS = "ours: {network: prod, image: web 12.3, front_end: 4, tenant: acme}"
THEIRS = "theirs: {network: prod, image: web 12.3, front_end: 4, tenant: contoso}"
QUOTAS = (
    "networks: {prod: {farms: [ours, theirs], most_machines: 14, quotas: {acme: 6, contoso: 8}}}"
)
SHARED: Edits = ((NETWORK, QUOTAS), (FARMS, f"farms: {{{OURS}, {THEIRS}}}"))
GROWS = (
    "events:\n- {at: 1 h, set_goals: {farm: theirs, front_end: 20}}\n"
    "- {at: 2 h, set_goals: {farm: ours, front_end: 6}}\n"
)


def test_who_grows_beyond_a_quota_takes_nothing_of_anothers(tmp_path: Path) -> None:
    """contoso gets 4 more, and is told of the 12 beyond; acme gets its 2 when it asks for them."""
    of = ran(tmp_path, GROWS, SHARED)
    words = "12 machines of contoso are beyond 8 at {}"
    assert told(of) == [("at the quota", words.format(site)) for site in "AB"]
    goals = [each for each in summary(of).cloud.machines.to_goal if each.farm == "ours"]
    assert [(each.began_us, each.lasted_us) for each in goals] == [
        (2 * HOUR_US, 15 * MS + DEPLOY)
    ] * 2
    used = {each.tenant: (each.most, each.quota) for each in summary(of).cloud.machines.quotas}
    assert used == {"acme": (6, 6), "contoso": (8, 8)}
    assert "contoso in prod: at the most 8 of 8 machines ran" in "\n".join(
        cloud_lines(summary(of), of.scenario)
    )


def test_without_quotas_the_first_takes_all_that_the_balancer_takes(tmp_path: Path) -> None:
    none = (SHARED[0][0], QUOTAS.replace(", quotas: {acme: 6, contoso: 8}", ""))
    farms = f"farms: {{{OURS}, {THEIRS}}}"
    nobodys = farms.replace(", tenant: acme", "").replace(", tenant: contoso", "")
    of = ran(tmp_path, GROWS, (none, (FARMS, nobodys)))
    assert ("at the limit", "12 machines of prod are beyond 14 at A") in told(of)
    (ours,) = {each.over for each in summary(of).cloud.machines.to_goal if each.farm == "ours"}
    assert not ours
    assert summary(of).cloud.machines.quotas is None


def test_at_a_quota_a_silent_machine_is_replaced_when_it_is_removed(tmp_path: Path) -> None:
    """Known after 1 min, retired 5 min later, removed in 62 s, and then another is deployed."""
    full = (SHARED[0][0], QUOTAS.replace("acme: 6", "acme: 4"))
    few = "deployment: {most_silent: 60 %, "
    more = ("deployment: {", few)
    dies = "events: [{at: 1 h, bad_machine: {machine: A-compute-1}}]\n"
    of = ran(tmp_path, dies, (full, SHARED[1], more))
    mine = [each for each in summary(of).cloud.machines.to_goal if each.farm == "ours"]
    assert [each.began_us for each in mine] == [HOUR_US]
    assert mine[0].lasted_us >= 6 * MINUTE + 62 * S + DEPLOY


def test_a_load_is_followed_within_the_quota(tmp_path: Path) -> None:
    """Nine times four front ends are wanted from the beginning: eight are there."""
    follows = THEIRS.replace("front_end: 4", "front_end: 4, load: 360 per s, per_machine: 10 per s")
    of = ran(tmp_path, "", (SHARED[0], (FARMS, f"farms: {{{OURS}, {follows}}}")))
    words = "28 machines of contoso are beyond 8 at {}"
    assert told(of) == [("at the quota", words.format(site)) for site in "AB"]
    assert summary(of).cloud.machines.counts == {"running": 24}


def test_who_does_not_look_at_quotas_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.Room, "over_quota", lambda self, farm: "")
    of = world(tmp_path, GROWS, SHARED)
    of.run()
    assert {breach.invariant for breach in cloud_broken(of.journal, of.scenario)} == {"cloud 26"}


# ---- restarts
FEW: Edits = (
    (NETWORK, QUOTAS.replace("acme: 6", "acme: 2").replace("contoso: 8", "contoso: 2")),
    (FARMS, f"farms: {{{OURS}, {THEIRS}}}".replace("front_end: 4", "front_end: 1")),
    ("run_for: 4 h", "run_for: 2 h"),
)


def make(folder: Path) -> World:
    return world(folder, "events: [{at: 30 min, set_goals: {farm: theirs, front_end: 4}}]\n", FEW)


def test_dead_before_any_command_it_keeps_to_the_quota(tmp_path: Path) -> None:
    wanted = dies_before_commands(lambda: make(tmp_path), end, 2)
    assert wanted[1:] == (6, [])


def test_at_a_save_that_fails_it_keeps_to_the_quota(tmp_path: Path) -> None:
    fails_at_saves(lambda: make(tmp_path), end, 2)


# ---- wrong lines
@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("tenant: acme}", "tenant: acne}", "none for 'acne'; did you mean 'acme'"),
        (", tenant: acme}", "}", "the farm is nobody's; write one of acme, contoso"),
        ("tenant: acme}", "tenant: [acme, contoso]}", "count for one tenant's quota; name one"),
        ("acme: 6", "acme: 7", "15 in all, and the network may have 14"),
        ("acme: 6", "acme: 3", "to have 4 machines, and 3 may be"),
        ("acme: 6", "acme: 0", "above 0"),
        ("most_machines: 14", "tenants: [contoso], most_machines: 14", "and not to 'acme'"),
    ],
)
def test_a_wrong_line_is_one_clear_error(old: str, new: str, wanted: str, tmp_path: Path) -> None:
    edits = tuple((here, text.replace(old, new)) for here, text in SHARED)
    with pytest.raises(InputError, match=wanted) as found:
        world(tmp_path, "", edits)
    assert len(str(found.value).splitlines()) == 1 and "s.yaml:" in str(found.value)


# ---- the scenario
def test_the_scenario_of_quotas_is_as_by_hand() -> None:
    path = Path(__file__).parent.parent / "scenarios" / "cloud" / "quotas.yaml"
    of = World(load_scenario(path))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    used = {each.tenant: (each.most, each.quota) for each in summary(of).cloud.machines.quotas}
    assert used == {"acme": (20, 20), "contoso": (20, 20)}
    mine = [each for each in summary(of).cloud.machines.to_goal if each.farm == "acme web"]
    assert [each.lasted_us for each in mine] == [15 * S + 15 * MS + DEPLOY] * 2
    assert len(rows(of, "cloud.Notify")) == 2
