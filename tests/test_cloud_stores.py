"""A cloud manager and stores: the machine onto which a store was restored stands at a new site, of
which nothing is configured.

A thing made anew takes 302.03 s, and the agents are first asked what they are doing: 302.06 s (see
test_cloud_several_standbys.py). Without that a restore takes 30 s of silence, 21 s for the fence, 10 min for
the machine, 6 s for 1 GB, 1.006 s for the incremental of an hour, 10 s to come online, 60 s to redirect, and
8.46 s to warm up.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.manager import CloudManager
from dr_sim.loading import load_scenario, validate
from dr_sim.measures.outage_now.outage_now import outage_at
from dr_sim.measures.outage_now.way_over import SITE
from dr_sim.measures.outage_now.ways import ways_at
from dr_sim.measures.summary import summarise
from dr_sim.screen.explain import Wanted, explain
from tests.test_cloud_several_standbys import (
    ANEW_US,
    BASE,
    LOST,
    MINUTE_US,
    MS,
    THREE,
    Run,
    played,
)

ALONE = BASE.replace("{near: {}, far: {}}", "{vault: {store: {}}}")
BESIDE = BASE.replace("{near: {}, far: {}}", "{vault: {store: {}}, near: {}}")
NEAR_IS_GONE = "{at: 60 min, lose_secondary: 100 min, copy: near}"
AGAIN = "{at: 120 min, lose: site}"
RESTORE_US = (30 + 21 + 600 + 10 + 60) * 1_000 * MS + 8_460 * MS
READ_US = 6_000 * MS + 1_006 * MS
"""Of the first loss, at 65 min: the full and the incremental."""
LIMIT_US = 40 * MINUTE_US


def foretold_us(run: Run, lost_us: int) -> dict[str, int | None]:
    """The ways back of a loss of the site at that instant, by place."""
    whole = run.whole
    leg = [leg for leg in whole.legs if leg.begins_us <= lost_us][-1]
    at_us = lost_us - leg.begins_us
    return {way.place: way.outage_us for way in ways_at(whole, leg, at_us, SITE)}


def outages_us(run: Run) -> list[int | None]:
    return [each.outage_us for each in summarise(run.whole).failovers]


def test_a_restore_waits_until_all_of_its_new_site_is_made(tmp_path: Path) -> None:
    run = played(tmp_path, *THREE, LOST, AGAIN, base=ALONE)
    first, second = outages_us(run)
    assert first == RESTORE_US + READ_US + ANEW_US
    assert run.waits_us() == [("C", ANEW_US), ("D", ANEW_US)]
    assert run.scripts_at("C") == ["rebuild"] * 3
    assert run.broken == set()
    # it was known before each of them
    assert foretold_us(run, 65 * MINUTE_US) == {"vault": first}
    assert foretold_us(run, 120 * MINUTE_US) == {"vault": second}
    best = outage_at(run.whole.outage_if_now(), run.whole.scenario, 65 * MINUTE_US)
    assert best == first
    # there never were two sides
    assert not run.whole.drift().duration_us
    assert not run.whole.provision_if_now().duration_us


def test_a_manager_that_is_lost_with_the_site_configures_nothing(tmp_path: Path) -> None:
    sets = ("cloud.at=primary",)
    run = played(tmp_path, *THREE, LOST, base=ALONE, sets=sets)
    (outage,) = outages_us(run)
    assert outage == RESTORE_US + READ_US + LIMIT_US
    assert foretold_us(run, 65 * MINUTE_US) == {"vault": outage}
    assert run.broken == set()


def test_after_the_manager_is_lost_a_standby_waits_for_the_limit_again(tmp_path: Path) -> None:
    """Nobody tells it of the new second side; a failover waits for it all the same."""
    base = BASE.replace("copies: {near: {}, far: {}}", "after_failover: {new_secondary: 1 min}")
    sets = ("cloud.at=primary", "cloud.provision.at_most=5 min")
    run = played(tmp_path, LOST, AGAIN, base=base, sets=sets)
    first, second = outages_us(run)
    assert first is not None and first > 5 * MINUTE_US
    (way,) = foretold_us(run, 120 * MINUTE_US).values()
    assert way == second is not None and second > 5 * MINUTE_US


def test_beside_a_standby_the_store_is_not_mirrored_to(tmp_path: Path) -> None:
    """The store is written first, and the standby is the second side all the same."""
    run = played(tmp_path, NEAR_IS_GONE, *THREE, LOST, base=BESIDE, sets=("cloud.at=secondary",))
    assert run.waits_us() == [("D", ANEW_US)]
    assert run.broken == set()
    (outage,) = outages_us(run)
    assert foretold_us(run, 65 * MINUTE_US) == {"vault": outage, "near": None}
    stands = [row.values["site"] for row in run.rows("truth.cloud_stands")]
    assert stands == ["D", "near"]


def test_an_instant_is_explained_with_the_wait(tmp_path: Path) -> None:
    run = played(tmp_path, *THREE, base=ALONE)
    text = explain(run.whole, Wanted(at="70 min"))
    assert "0:15:02.060000  provision" in text


def test_a_site_that_is_taken_for_configured_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the manager does not learn that a new site stands there."""
    monkeypatch.setattr(CloudManager, "_stands", lambda self, e, out: None)
    run = played(tmp_path, *THREE, LOST, base=ALONE, sets=("run_for=6 h",))
    assert run.broken == {"cloud 14"}


MACHINES = """\
physical: {A: {compute: 4}}
images: {web 1: {size: 8 GB, cpus: 8, ram: 32 GB, at: [A, vault]}}
farms: {web: {network: prod, image: web 1, front_end: 4}}
deployment: {takes: 1 min, install_rate: 1 Gbit/s}
"""


def test_an_image_that_the_store_has_is_at_the_new_site(tmp_path: Path) -> None:
    """3 scripts of 302 s run first; the fourth place is free: a deployment takes 2 s + 64 s + 60 s."""
    run = played(tmp_path, *THREE, LOST, base=ALONE + MACHINES)
    assert run.broken == set()
    machines = summarise(run.whole).cloud
    assert machines is not None and machines.machines is not None
    (short,) = machines.machines.degraded
    assert short.over and short.least_ppm == 0
    without = played(tmp_path, *THREE, LOST, base=ALONE + MACHINES.replace("[A, vault]", "[A]"))
    found = summarise(without.whole).cloud
    assert found is not None and found.machines is not None
    assert not found.machines.degraded[0].over
    assert "no image" in found.jobs.notices


def test_a_manager_cannot_stand_at_a_standby_that_there_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(ALONE.replace("cloud: {", "cloud: {at: secondary, "))
    (problem,) = validate(path)
    assert problem.message == (
        "cloud.at: secondary, and this service has stores and no standby; write apart or primary"
    )
    path.write_text(BESIDE.replace("cloud: {", "cloud: {at: secondary, "))
    assert load_scenario(path).cloud is not None
