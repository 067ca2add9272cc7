"""A new secondary that is built: it is in place when the machines of all farms run there.

An order to an agent takes 15 ms, and so does its word. The image crosses the link in 1600 s, alone. 14
machines are deployed in four rounds of 682 s.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.world.world import World
from tests.test_cloud_machines import COPY, DEPLOY, MS, Edits, ran, rows, summary, told

LONG = ("run_for: 4 h", "run_for: 6 h")
READ = 30 * MS  # the site is asked what is there
BUILT_IN = READ + COPY + 30 * MS + 4 * DEPLOY + 3 * 30 * MS


def built(*events: str) -> str:
    lines = ", ".join(["{at: 2 h, lose: site}", *events])
    return f"after_failover: {{new_secondary: built}}\nevents: [{lines}]\n"


def in_place(of: World) -> list[tuple[int, str]]:
    return [(at_us, v["site"]) for at_us, v in rows(of, "truth.second_side")]


def stands_us(of: World) -> int:
    """When the cloud manager was told of the new site."""
    ((at_us, _),) = rows(of, "cloud.SiteStands")
    return at_us


def test_it_is_in_place_when_its_machines_run_and_is_seeded_then(tmp_path: Path) -> None:
    of = ran(tmp_path, built(), (LONG,))
    at_us = stands_us(of) + BUILT_IN
    assert in_place(of) == [(at_us, "C")]
    begun = [
        row.time_us for row in of.journal.rows("truth.backup_begin") if row.time_us > stands_us(of)
    ]
    assert begun[0] == at_us


def test_what_is_asked_for_meanwhile_is_waited_for(tmp_path: Path) -> None:
    """Two machines more, while the first four are deployed: 16 are four rounds as well. Six more are
    five rounds.
    """
    more = "{{at: 150 min, set_goals: {{farm: content, front_end: {}}}}}"
    for front_ends, rounds in ((14, 4), (18, 5)):
        edits = (LONG, ("A: {compute: 10}, B: {compute: 4}", "A: {compute: 10}, B: {compute: 5}"))
        of = ran(tmp_path, built(more.format(front_ends)), edits)
        by = READ + COPY + 30 * MS + rounds * DEPLOY + (rounds - 1) * 30 * MS
        assert in_place(of) == [(stands_us(of) + by, "C")]


def test_where_the_machines_are_there_it_is_in_place_at_once(tmp_path: Path) -> None:
    """A host is lost, and the machines of its site still run."""
    text = built().replace("lose: site", "lose: host")
    of = ran(tmp_path, text)
    ((at_us, site),) = in_place(of)
    (begins, _) = rows(of, "truth.begins")[-1]
    assert (at_us, site) == (begins, "A")


def test_a_site_that_is_back_before_it_is_built_takes_its_part(tmp_path: Path) -> None:
    of = ran(tmp_path, built("{at: 140 min, site_returns: A}"), (LONG,))
    assert [site for _, site in in_place(of)] == ["A"]


NO_ROOM: Edits = (("B: {compute: 4}}", "B: {compute: 4}, C: {compute: 2}}"),)


def test_where_its_machines_have_no_room_it_is_never_in_place(tmp_path: Path) -> None:
    of = ran(tmp_path, built(), NO_ROOM)
    assert in_place(of) == []
    assert ("no room", "6 machines of content have no room at C") in told(of)
    (failover,) = summary(of).failovers
    assert failover.unprotected_censored
    (why,) = failover.unprotected_ledger.lines
    assert why.detail == "none was put in place"


def test_there_must_be_machines_to_build_it_of(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("databases: {crm: {}}\nafter_failover: {new_secondary: built}\n")
    with pytest.raises(InputError, match="no machines to build it of"):
        load_scenario(path)


# ---- beside other copies
TWO: Edits = (
    LONG,
    (
        "B: {compute: 4}}",
        "B: {compute: 4}, C: {compute: 4}, D: {compute: 4}}\ncopies: {B: {}, C: {}}",
    ),
    ("at: [A, B]", "at: [A, B, C]"),
)


def told_us(of: World, site: str) -> int:
    """When the cloud manager was first told to build a site."""
    found = rows(of, "cloud.SitesToBuild")
    return next(at_us for at_us, v in found if f'"{site}"' in v["sites"])


def test_beside_a_standby_it_is_built_while_that_one_is_mirrored(tmp_path: Path) -> None:
    of = ran(tmp_path, built(), TWO)
    assert [v["site"] for _, v in rows(of, "truth.cloud_stands")] == ["C"]
    assert in_place(of) == [(told_us(of, "D") + BUILT_IN, "D")]
    # C gets its machines at the same time: it has the image, and had none before
    to_goal = {each.site: each for each in summary(of).cloud.machines.to_goal}
    assert to_goal["C"].lasted_us < to_goal["D"].lasted_us and to_goal["D"].reached


def test_what_is_being_built_goes_on_behind_the_next_primary(tmp_path: Path) -> None:
    """The next loss is 50 min later: the image is at D, and its machines are half made."""
    of = ran(tmp_path, built("{at: 170 min, lose: site}"), TWO)
    assert in_place(of)[0] == (told_us(of, "D") + BUILT_IN, "D")
    assert in_place(of)[1] == (told_us(of, "E") + BUILT_IN, "E")


def test_an_image_that_was_cut_off_is_copied_from_the_next_primary(tmp_path: Path) -> None:
    of = ran(tmp_path, built("{at: 130 min, lose: site}"), TWO)
    images = summary(of).cloud.machines.images
    assert [(x.site, x.arrived) for x in images] == [("D", False), ("D", True), ("E", True)]
    at_us = told_us(of, "E") + BUILT_IN
    assert in_place(of) == [(at_us, "D"), (at_us, "E")]


def test_a_site_that_is_back_first_ends_what_is_built_beside(tmp_path: Path) -> None:
    of = ran(tmp_path, built("{at: 140 min, site_returns: A}"), TWO)
    assert [site for _, site in in_place(of)] == ["A"]
    assert rows(of, "cloud.SitesToBuild")[-1][1]["sites"] == "[]"


def test_beside_a_store_it_is_built_too(tmp_path: Path) -> None:
    edits = (TWO[0], ("B: {compute: 4}}", "B: {compute: 4}}\ncopies: {B: {}, vault: {store: {}}}"))
    of = ran(tmp_path, built(), edits)
    ((at_us, site),) = in_place(of)
    assert at_us == told_us(of, site) + BUILT_IN
