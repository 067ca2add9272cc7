"""The room in a store's share is what its files need: before the first failover, and after one in
which files were on their way.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.world.world import World

STORE = Path(__file__).parents[2] / "scenarios" / "stores" / "vault_only.yaml"
SMALL = (
    "databases.crm.size=10 GB",
    "databases.crm.log=every 15 min",
    "copies.vault.store.machine=1 min",
    "sla=[]",
)
HOST = "events=[{at: 'Mon 01:10', lose: host}]"


def after(*overrides: str) -> World:
    """The world at the end of a run."""
    world = World(load_scenario(STORE, [*SMALL, *overrides]))
    world.run()
    return world


def in_its_files(world: World) -> int:
    """The bytes of the files that lie in the store, of whatever role."""
    return sum(file.nominal_bytes for pair in world.pairs for file in pair.files_at("secondary", 0))


def test_the_full_that_it_begins_with_needs_room() -> None:
    world = after("run_for=20 min", "events=[]")
    used = world.secondary.share.used_bytes
    assert used == in_its_files(world) > 10 * 10**9


@pytest.mark.parametrize(
    "on_its_way",
    [
        ("databases.crm.full=daily 01:00", "link.bandwidth=10 Mbit/s"),
        ("copies.vault.store.transit=30 min",),
    ],
    ids=["on the link", "on the road"],
)
def test_what_was_on_its_way_at_a_failover_keeps_no_room(on_its_way: tuple[str, ...]) -> None:
    """The full of 01:00 crosses the link until long after the restore, or logs are on the road. At the
    end the last logs of the new primary may be on the road, too, and have claimed their room.
    """
    world = after("run_for=3 h 10 min", HOST, *on_its_way)
    feed = world.replication
    assert (world.pair.roles.primary, len(world.pairs)) == ("C", 2)
    claimed = sum(file.nominal_bytes for file in feed.under_way())
    assert world.secondary.share.used_bytes == in_its_files(world) + claimed
