"""A cloud manager and several standbys: it mirrors to the preferred one that is in place, and a failover
to another one waits until all is made there.

A script is ordered and heard of in 15 ms each and takes 2 s to start. A change takes 30 s: 32.03 s. A
thing made anew takes 5 min: 302.03 s, and the agents are first asked what they are doing: 30 ms. Both changes of crm and the one of web are done by 64:34, and the
mirror is due at 70:00: a failover to near waits for 64.06 s, one to far for 302.06 s. The failover of a
site that is lost at 65:00 begins a minute later, so nothing is mirrored in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.manager import CloudManager
from dr_sim.loading import load_scenario
from dr_sim.measures.outage_now.outage_now import outage_at
from dr_sim.measures.outage_now.way_over import SITE
from dr_sim.measures.outage_now.ways import CLOSED, ways_at
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.record.journal import Row
from dr_sim.scenario.cloud_model import FIRST
from dr_sim.world.world import World

BASE = """\
run_for: 3 h
databases: {crm: {size: 1 GB, log_volume: 1 MB per 30 min}}
link: {bandwidth: 200 Mbit/s}
copies: {near: {}, far: {}}
networks: {prod: {farms: [web, other]}}
cloud: {mirror: {mode: jobs, every: 10 min, audit: 0 s}, provision: {at_most: 40 min}}
jobs: {time_limit: 15 min, retry: 10 s, attempts: 2, start: 2 s, clean_up: 5 s, set: 2 min, rebuild: 5 min,
       by_hand: 10 min, forgotten: 0 %}
changes: {rate: 0 per day, takes: 30 s, fail: 0 %}
failover: {mode: automatic}
"""
THREE = (
    "{at: 63 min, admin_change: {rotate_secret: crm}}",
    "{at: 64 min, admin_change: {rotate_secret: crm}}",
    "{at: 64 min, admin_change: {add_machine: web}}",
)
NEAR_IS_GONE = "{at: 60 min, lose_secondary: 100 min, copy: near}"
LOST = "{at: 65 min, lose: site}"
SWAP = "{at: 65 min, order_failover: {by: dba, planned: true}, copy: far}"
HANGS = "{at: 30 min, script_hangs: {site: near, times: 1}}"
MS = 1_000
MINUTE_US = 60_000_000
CHANGES_US, ANEW_US = 64_060 * MS, 302_060 * MS
CHANGES_AT_ONCE = "cloud.mirror.every=0 s"


@dataclass(frozen=True, slots=True)
class Run:
    whole: Whole
    broken: set[str]

    def rows(self, *kinds: str) -> list[Row]:
        return list(self.whole.journal.rows(*kinds))

    def scripts_at(self, site: str) -> list[str]:
        """The scripts that began at a site, in order."""
        return [
            row.values["script"]
            for row in self.rows("truth.cloud_script")
            if row.values["site"] == site and row.values["what"] == "begins"
        ]

    def waits_us(self) -> list[tuple[str, int]]:
        """The sites that failovers waited for, and how long."""
        found = self.rows("truth.cloud_provision")
        begins = [row for row in found if row.values["begins"]]
        ends = [row for row in found if not row.values["begins"]]
        return [
            (a.values["site"], b.time_us - a.time_us) for a, b in zip(begins, ends, strict=True)
        ]


def played(folder: Path, *events: str, sets: tuple[str, ...] = (), base: str = BASE) -> Run:
    path = folder / "s.yaml"
    path.write_text(base + "events:\n" + "".join(f"  - {event}\n" for event in events))
    scenario = load_scenario(path, sets)
    journal = World(scenario).run()
    broken = {breach.invariant for breach in cloud_broken(journal, scenario)}
    return Run(Whole.of(journal, scenario), broken)


def test_each_standby_waits_for_what_it_lacks(tmp_path: Path) -> None:
    """near lacks three changes and far all of it, as the ways back say, and the curves of each."""
    run = played(tmp_path, *THREE, LOST)
    whole, lost_us = run.whole, 65 * MINUTE_US
    (leg, *_) = whole.legs
    ways = {way.place: way.outage_us for way in ways_at(whole, leg, lost_us, SITE)}
    waits = {}
    for one in whole.at(leg):
        without_us = outage_at(whole.outage_of_copy(one), whole.scenario, lost_us)
        waits[one[0].secondary] = (ways[one[0].secondary] or 0) - without_us
    assert waits == {"near": CHANGES_US, "far": ANEW_US}
    assert whole.provision_if_now().at(lost_us) == CHANGES_US
    best = outage_at(whole.outage_if_now(), whole.scenario, lost_us)
    assert best == ways["near"]
    assert run.waits_us() == [("near", CHANGES_US)]
    assert run.broken == set()


@pytest.mark.parametrize(
    ("at", "takes_over"), [("apart", "near"), ("secondary", "near"), ("primary", "far")]
)
def test_a_policy_counts_the_wait(at: str, takes_over: str, tmp_path: Path) -> None:
    """near waits on purpose: 12 logs of 1.002 s, 12.03 s more. It is configured, and far is not: 302.06 s.
    If the manager is lost with the site each of them waits for the limit, and far is the faster one.
    """
    base = BASE.replace("near: {}", "near: {replay: {delay: 2 h}}")
    base = base.replace("size: 1 GB", "size: 1 GB, incremental: none")
    sets = ("failover.choose=fastest", f"cloud.at={at}")
    run = played(tmp_path, LOST, sets=sets, base=base)
    whole = run.whole
    (leg, *_) = whole.legs
    ways = {way.place: way.outage_us for way in ways_at(whole, leg, 65 * MINUTE_US, SITE)}
    assert [site for site, _ in run.waits_us()] == [takes_over]
    offers = [row.values["takes_us"] for row in run.rows("seen.MakeOffer")]
    for offer_us, way_us in zip(offers, ways.values(), strict=True):
        assert way_us is not None and abs(offer_us - way_us) < 3_000 * MS
    (failover,) = summarise(whole).failovers
    assert failover.outage_us == ways[takes_over]
    assert run.broken == set()


def test_the_other_standby_is_made_when_it_takes_over(tmp_path: Path) -> None:
    run = played(tmp_path, NEAR_IS_GONE, *THREE, LOST)
    assert run.waits_us() == [("far", ANEW_US)]
    assert run.scripts_at("far") == ["rebuild"] * 3
    told = run.rows("cloud.SiteStands", "cloud.ProvisionAsked")
    sites = [(row.kind.partition(".")[2], row.values["site"]) for row in told]
    assert sites[:2] == [("SiteStands", "far"), ("ProvisionAsked", "far")]
    assert run.broken == set()
    (failover,) = summarise(run.whole).failovers
    lines = failover.outage_ledger.lines
    assert [(x.duration_us, x.detail) for x in lines if x.cause == "provision"] == [
        (ANEW_US, "things set or made again 5:02")
    ]


def test_near_is_mirrored_again_behind_the_other_one(tmp_path: Path) -> None:
    """far has ended its failover at 71:13; near, which is there, is compared, and made the same."""
    run = played(tmp_path, NEAR_IS_GONE, *THREE, LOST)
    stands = [row.values["site"] for row in run.rows("truth.cloud_stands")]
    assert stands == ["far", "near"]
    assert run.scripts_at("near") == ["rebuild", "rebuild"]
    drift = run.whole.drift()
    assert drift.at(170 * MINUTE_US) == 0
    # while a failover goes on there are no two sides
    (first, second) = [(part.begin_us, part.end_us) for part in drift.parts()]
    assert first == (0, 65 * MINUTE_US)
    assert second[0] > 70 * MINUTE_US


def test_after_a_planned_swap_the_old_primary_is_the_second_side(tmp_path: Path) -> None:
    """A is the first in the order, and has all of it: it is compared, and nothing is made anew."""
    run = played(tmp_path, *THREE, SWAP)
    assert run.waits_us() == [("far", ANEW_US)]
    stands = [row.values["site"] for row in run.rows("truth.cloud_stands")]
    assert stands == ["far", FIRST]
    assert "rebuild" not in run.scripts_at(FIRST)
    assert run.broken == set()


def test_a_way_back_without_a_limit_ends_with_what_is_made(tmp_path: Path) -> None:
    """The manager stands at the mirrored standby, and goes on when that place's share is lost."""
    sets = ("cloud.at=secondary", "cloud.provision.at_most=none")
    run = played(tmp_path, NEAR_IS_GONE, *THREE, LOST, sets=sets)
    assert run.waits_us() == [("far", ANEW_US)]
    assert run.broken == set()
    at_primary = ("cloud.at=primary", "cloud.provision.at_most=none")
    whole = played(tmp_path, *THREE, sets=at_primary).whole
    ways = ways_at(whole, whole.legs[0], 65 * MINUTE_US, SITE)
    assert [way.standing for way in ways] == [CLOSED, CLOSED]


def test_a_script_that_goes_on_at_the_standby_that_is_left_holds_its_place(
    tmp_path: Path,
) -> None:
    """It hangs at near from 63:30 on, and is ended at 78:30. near is the second side again from 71:13
    on: crm is made anew there only after that.
    """
    run = played(tmp_path, NEAR_IS_GONE, HANGS, *THREE, LOST, sets=(CHANGES_AT_ONCE,))
    assert run.broken == set()
    scripts = [
        (row.values["what"], row.time_us)
        for row in run.rows("truth.cloud_script")
        if row.values["site"] == "near" and row.values["entity_name"] == "crm"
    ]
    killed = next(us for what, us in scripts if what == "killed")
    begins = [us for what, us in scripts if what == "begins"]
    assert killed > 75 * MINUTE_US
    assert [us for us in begins[1:] if us < killed] == []
    assert run.whole.drift().at(170 * MINUTE_US) == 0


def test_the_witness_sees_a_script_that_was_forgotten_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: nobody asks the agents of a side that is used again what they are doing."""
    monkeypatch.setattr(JobBook, "not_heard", lambda self, agent, out: None)
    run = played(tmp_path, NEAR_IS_GONE, HANGS, *THREE, LOST, sets=(CHANGES_AT_ONCE,))
    assert "cloud 9" in run.broken


def test_the_witness_sees_a_failover_to_a_site_that_nobody_was_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the manager takes far for the side that it mirrors to."""
    monkeypatch.setattr(CloudManager, "_stands", lambda self, e, out: None)
    run = played(tmp_path, NEAR_IS_GONE, *THREE, LOST, sets=("run_for=6 h",))
    assert run.broken == {"cloud 14"}


@pytest.mark.parametrize("mode", ["reconcile", "runbook"])
def test_the_other_standby_is_made_by_scripts_in_every_mode(mode: str, tmp_path: Path) -> None:
    run = played(tmp_path, NEAR_IS_GONE, *THREE, LOST, sets=(f"cloud.mirror.mode={mode}",))
    assert run.waits_us() == [("far", ANEW_US)]
    assert run.broken == set()


def test_one_standby_of_another_name_is_the_second_side(tmp_path: Path) -> None:
    """As B is where none is named."""
    base = BASE.replace("copies: {near: {}, far: {}}", "copies: {east: {}}")
    run = played(tmp_path, *THREE, LOST, base=base)
    assert run.broken == set()
    assert run.waits_us()[0] == ("east", CHANGES_US)


def test_what_the_other_standby_would_wait_for_follows_the_mapping_table(tmp_path: Path) -> None:
    """A thing whose row leads to no identifier there is made by people, beside the scripts: 10 min."""
    path = tmp_path / "s.yaml"
    path.write_text(BASE)
    cloud = World(load_scenario(path)).pair.cloud
    assert cloud is not None
    missing, crm = cloud.missing, (0, "far", "crm")
    assert missing.elsewhere_us("far") == ANEW_US
    missing.lead_astray(crm, True)
    by_hand_us = missing.elsewhere_us("far")
    assert by_hand_us >= 10 * MINUTE_US
    astray = missing.astray()
    missing.lead_astray(crm, False)
    assert missing.elsewhere_us("far") == ANEW_US
    missing.put_back(astray)
    assert missing.elsewhere_us("far") == by_hand_us


SWAPPED_IN_A_MOVE = """\
run_for: 3 h
databases: {a: {size: 1 GB}, b: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
copies: {B: {}, C: {}}
physical: {A: {compute: 3}, B: {compute: 3}, C: {compute: 3}}
images: {web 1: {size: 4 GB, at: [A, B, C]}, web 2: {size: 4 GB, at: [A, B, C]}}
farms: {content: {image: web 1, front_end: 3}}
deployment: {takes: 6 min}
cloud: {mirror: {mode: reconcile, every: 1 min, audit: 0 s}}
jobs: {set: 10 s}
changes: {takes: 5 min, fail: 0 %}
events:
  - {at: 60 min, upgrade: {farm: content, to: web 2}}
  - {at: 70 min, order_failover: {by: dba, planned: true}}
"""


def test_a_move_that_a_swap_brings_over_counts_at_the_new_side(tmp_path: Path) -> None:
    """Of three sites the new one gets what the old primary has, not what C has."""
    path = tmp_path / "s.yaml"
    path.write_text(SWAPPED_IN_A_MOVE)
    of = World(load_scenario(path))
    of.run()
    assert cloud_broken(of.journal, of.scenario) == []
    last = list(of.journal.rows("cloud.ReportUpgrade"))[-1]
    assert last.values["phase"] == "over"
