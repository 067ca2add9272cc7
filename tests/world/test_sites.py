"""Sites and links outlive the pairs that refer to them: nothing is made again when roles change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.world.world import World

from .build import MINUTE, SECOND, rows

Play = Callable[..., World]

SWAPS = """\
run_for: 6 h
databases:
  crm: {size: 5 GB, log_volume: 1 MB per 5 min, full: daily 01:00, differential: none}
link: {bandwidth: 10 Mbit/s}
replication: {retry: 3 min}
events:
  - {at: 80 min, order_failover: {by: dba, planned: true}}
  - {at: 200 min, order_failover: {by: dba, planned: true}}
"""


@pytest.fixture(name="play")
def _play(tmp_path: Path) -> Play:
    def play(events: str = "") -> World:
        path = tmp_path / "swaps.yaml"
        path.write_text(SWAPS + events, encoding="utf-8")
        world = World(load_scenario(path))
        world.run()
        assert not list(world.journal.rows("truth.violation"))
        return world

    return play


def test_nothing_that_stands_at_a_site_is_made_again(play: Play) -> None:
    first, second, third = play().pairs
    a, b = first.roles.primary_site, first.roles.secondary_site
    assert (second.roles.primary_site, second.roles.secondary_site) == (b, a)
    assert (third.roles.primary_site, third.roles.secondary_site) == (a, b)
    assert first.primary.share is third.primary.share
    assert first.primary.disks is third.primary.disks
    assert first.secondary.share is third.secondary.share
    assert first.secondary.disk is third.secondary.disk
    assert first.secondary.data is third.secondary.data
    # A has a landing share now, too: it is another disk than that of its backups
    assert second.secondary.share is a.landing_share
    assert second.secondary.share is not first.primary.share


def test_two_sites_have_one_link_with_two_directions(play: Play) -> None:
    first, second, third = play().pairs
    assert first.link.link is second.link.link is third.link.link
    assert first.link.shared is third.link.shared
    assert second.link.shared is not first.link.shared


def test_an_outage_after_the_swap_cuts_what_the_old_primary_still_sends(play: Play) -> None:
    """The full of 5 GB that began to cross at 10 Mbit/s in the first pair is under way when roles
    change at 80 min. The link is down from 90 to 100 min, so its transfer is cut at 90 min. It is
    tried again each 3 min: at 93, 96, 99 and 102 min. The bytes that were left then cross by
    themselves, as the logs of the new primary take the other direction.
    """
    world = play("  - {at: 90 min, link_outage: 10 min}\n")
    size = 5_000_000_000
    full = max(rows(world.journal, "truth.transfer_bytes", "bytes"), key=lambda row: row[1])
    parts = [
        (at, moved)
        for at, number, moved in rows(world.journal, "truth.transfer_bytes", "file", "bytes")
        if moved > size // 10
    ]
    assert full in parts and len(parts) == 2
    (cut_us, before), (landed_us, after) = parts
    assert cut_us == 90 * MINUTE
    assert before + after == size
    assert landed_us == 102 * MINUTE + -(-after * 8 * SECOND // 10_000_000)


def test_a_clock_that_is_wrong_is_moved_once_however_often_roles_change(play: Play) -> None:
    wrong = "{side: secondary, ahead: 2 min, duration: 180 min}"
    world = play(f"  - {{at: 70 min, wrong_clock: {wrong}}}\n")
    began = [
        at
        for at, what, on in rows(world.journal, "truth.event", "what", "begins")
        if what == "wrong_clock" and on
    ]
    # it is recorded as it happens, and in each pair in which it goes on
    assert began == [70 * MINUTE, *(pair.roles.begins_us for pair in world.pairs[1:])]
    wall = world.pairs[0].roles.secondary_site.wall
    assert wall.before == [(70 * MINUTE, 0), (250 * MINUTE, 2 * MINUTE)]
    assert wall.beyond_us == 0


def test_room_that_a_site_has_taken_is_taken_when_it_is_in_that_role_again(play: Play) -> None:
    world = play()
    third = world.pairs[2]
    lies = sum(
        file.nominal_bytes
        for pair in world.pairs
        for file in pair.context.by_name[0].values()
        if pair.roles.secondary == third.roles.secondary and file.at_secondary
    )
    assert third.secondary.share.used_bytes == lies > 0
    assert third.secondary.data.used_bytes == 5_000_000_000
