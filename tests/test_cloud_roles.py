"""Who is active and who is second: after a failover the old side may be unharmed; and a store that was
put back to an old copy knows older roles, which the manager is told again before it does anything.

A failover of a lost site begins a minute after the loss, and a change takes 32.03 s.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.mirror import Mirror
from dr_sim.cloud.out import Out
from dr_sim.loading import load_scenario
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.oracle.cloud_witness import cloud_broken
from dr_sim.record.journal import Row
from dr_sim.units import MINUTE_US
from dr_sim.world.cloud.agents import Agent
from dr_sim.world.cloud.sites import CloudSites
from dr_sim.world.world import World

BASE = """\
run_for: 3 h
databases: {crm: {size: 1 GB, log_volume: 1 MB per 30 min}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}}
cloud: {mirror: {mode: MODE, every: 5 min, audit: AUDIT}}
jobs: {start: 2 s, set: 2 min, rebuild: 5 min}
changes: {rate: 0 per day, takes: 30 s, fail: 0 %}
failover: {mode: automatic}
"""
EARLY = "{at: 30 min, admin_change: {rotate_secret: crm}}"
LATER = "{at: 100 min, admin_change: {rotate_secret: crm}}"
LOST = "{at: 60 min, lose: site}"
ORDERED = "{at: 60 min, order_failover: dba}"


def played(
    folder: Path, events: tuple[str, ...], mode: str = "jobs", audit: str = "20 min", more: str = ""
) -> tuple[Whole, set[str]]:
    path = folder / "s.yaml"
    text = BASE.replace("MODE", mode).replace("AUDIT", audit) + more
    path.write_text(text + "events:\n" + "".join(f"  - {event}\n" for event in events))
    scenario = load_scenario(path)
    journal = World(scenario).run()
    found = {breach.invariant for breach in cloud_broken(journal, scenario)}
    return Whole.of(journal, scenario), found


def rows(whole: Whole, kind: str, after_us: int = 0) -> list[Row]:
    return [row for row in whole.legs[0].journal.rows(kind) if row.time_us > after_us]


def effects(whole: Whole) -> list[tuple[str, str]]:
    found = rows(whole, "truth.cloud_effect")
    return [(row.values["site"], row.values["how"]) for row in found]


# ---- an old side that is unharmed
@pytest.mark.parametrize("mode", ["jobs", "reconcile", "runbook"])
def test_an_unharmed_side_is_compared_and_not_made_anew(mode: str, tmp_path: Path) -> None:
    """A has all of it: the failover back waits for nothing, as provision_if_now says."""
    back = "{at: 70 min, lose: site}"
    whole, broken = played(tmp_path, (EARLY, ORDERED, back), mode)
    assert broken == set()
    assert whole.provision_if_now().at(69 * MINUTE_US) == 0
    begins, ends = rows(whole, "truth.cloud_provision", 70 * MINUTE_US)
    assert begins.values["site"] == "A"
    assert ends.time_us == begins.time_us
    assert ("A", "set") not in effects(whole)


def test_a_side_that_is_not_there_yet_is_made_anew(tmp_path: Path) -> None:
    whole, broken = played(tmp_path, (EARLY, LOST))
    assert broken == set()
    assert effects(whole) == [("A", "script"), ("B", "script"), ("C", "set")]
    (stands,) = rows(whole, "truth.cloud_stands")
    made = rows(whole, "truth.cloud_effect")[-1]
    # read in 30 ms, ordered in 15 ms, started in 2 s, made in 5 min
    assert made.time_us - stands.time_us == 302_045_000


def test_what_an_unharmed_side_lacks_is_made_anew(tmp_path: Path) -> None:
    """Changed at B by hand just before B is active: A lacks it, and nothing else."""
    by_hand = "{at: 59 min, changed_by_hand: {entity: web, site: B}}"
    whole, broken = played(tmp_path, (EARLY, by_hand, ORDERED), audit="0 s")
    assert broken == set()
    sets = [row for row in rows(whole, "truth.cloud_effect") if row.values["how"] == "set"]
    assert [(row.values["site"], row.values["entity_name"]) for row in sets] == [("A", "web")]


def test_the_witness_knows_of_events_that_befall_a_later_primary(tmp_path: Path) -> None:
    """The row of crm leads to web while a change of crm is on its way to A, the second side by then:
    both are set right, at once, and in the wrong place. Without that event it would be a fault.
    """
    change = "{at: 89 min, admin_change: {change_schema: crm}}"
    astray = "{at: 89 min 30 s, wrong_mapping: {entity: crm, leads_to: other, duration: 30 min}}"
    whole, broken = played(tmp_path, (ORDERED, change, astray))
    assert broken == set()
    assert [v for v in summarise(whole).violations if v.invariant.startswith("cloud")] == []
    before = whole.legs[0]
    assert {b.invariant for b in cloud_broken(before.journal, before.scenario)} == {"cloud 9"}


# ---- a store that was put back over a failover
OVER = "{at: 58 min, cloud_store_restored: 20 min}"


@pytest.mark.parametrize("failover", [LOST, ORDERED])
def test_a_store_that_was_put_back_over_a_failover_acts_at_the_right_side(
    failover: str, tmp_path: Path
) -> None:
    whole, broken = played(tmp_path, (EARLY, OVER, failover, LATER))
    second = "C" if failover == LOST else "A"
    assert broken == set()
    done = [row.values["site"] for row in rows(whole, "truth.cloud_effect", 90 * MINUTE_US)]
    assert done == ["B", second]
    assert rows(whole, "truth.cloud_drift")[-1].values["changes"] == 0


def test_a_store_that_was_put_back_while_a_failover_waits_is_told_where_it_goes(
    tmp_path: Path,
) -> None:
    """The change is done at A at 59:02; the copy comes back at 61:10, in the wait from 61:00 on."""
    late = "{at: 58 min 30 s, admin_change: {rotate_secret: crm}}"
    over = "{at: 55 min, cloud_store_restored: 370 s}"
    whole, broken = played(tmp_path, (EARLY, late, over, LOST, LATER))
    assert broken == set()
    done = [row.values["site"] for row in rows(whole, "truth.cloud_effect", 90 * MINUTE_US)]
    assert done == ["B", "C"]


def test_a_store_that_was_put_back_to_a_copy_of_the_same_wait_goes_on(tmp_path: Path) -> None:
    """The mirror is off, so B gets the change from 61:00 to 61:32 only. The copy of 61:10, back at
    once, knows of the failover: the manager goes on with it when it is up.
    """
    late = "{at: 59 min, admin_change: {rotate_secret: crm}}"
    over = "{at: 61 min 10 s, cloud_store_restored: 1 us}"
    off = "{at: 58 min, mirror_off: 30 min}"
    whole, broken = played(tmp_path, (EARLY, late, off, over, LOST, LATER))
    assert broken == set()
    begins, ends = rows(whole, "truth.cloud_provision")[:2]
    assert ends.values["ready"] == 1
    assert 32_000_000 < ends.time_us - begins.time_us < 60_000_000
    done = [row.values["site"] for row in rows(whole, "truth.cloud_effect", 90 * MINUTE_US)]
    assert done == ["B", "C"]


def test_a_manager_that_is_not_told_again_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CloudSites, "tell_roles", lambda self, known_us: None)
    assert "cloud 13" in played(tmp_path, (EARLY, OVER, ORDERED, LATER))[1]


def test_drift_after_a_failover_is_told_of_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mirror, "stands", lambda self, *what: None)
    assert "cloud 15" in played(tmp_path, (EARLY, LOST))[1]


# ---- a request that the store has forgotten is made once more
TWICE = (
    "{at: 60 min, cloud_store_restored: 10 min}",
    "{at: 61 min, late_duplicate: {share: 100 %, later: 20 min, duration: 2 min}}",
    "{at: 62 min, admin_change: {rotate_secret: crm}}",
    "{at: 75 min, admin_change: {rotate_secret: crm}}",
)


def test_a_forgotten_request_that_comes_again_is_done_once_and_in_its_place(tmp_path: Path) -> None:
    """It is accepted anew at 82:00, when its agent says that it was done before the one of 75:00. So
    both sides are compared; nothing is put after what came later.
    """
    whole, broken = played(tmp_path, TWICE, audit="0 s")
    assert broken == set()
    at_a = [at for at in effects(whole) if at[0] == "A"]
    assert at_a == [("A", "script"), ("A", "script")]
    assert rows(whole, "truth.cloud_drift")[-1].values["changes"] == 0


def test_one_that_is_numbered_as_new_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mirror is off until the copy is back, so B gets the later one first."""
    off = "{at: 61 min, mirror_off: 12 min}"
    assert played(tmp_path, (*TWICE, off), audit="0 s")[1] == set()
    monkeypatch.setattr(Agent, "_say_again", Agent._say)
    assert "cloud 9" in played(tmp_path, (*TWICE, off), audit="0 s")[1]


def test_what_nobody_could_see_before_a_failover_is_told_of_by_the_next_audits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Web is changed at B by hand a minute before, and C is not compared when it is in place: drift
    from 61:00 on, above its limit at 76:00. The audit of 90:00 tells of it; where none does, the
    witness waits two audits and the limit more, not for ever.
    """
    by_hand = "{at: 59 min, changed_by_hand: {entity: web, site: B}}"

    def stands(self: Mirror, site: str, ids: dict[str, str], out: Out) -> None:
        real(self, site, ids, out)
        self.backlog.forget(out)
        self.comparison._reading += 1  # its answers are too late
        self.direction.is_new_side = False

    real = Mirror.stands
    monkeypatch.setattr(Mirror, "stands", stands)
    whole, broken = played(tmp_path, (by_hand, LOST), audit="30 min")
    assert broken == set()
    assert [r.values["notice"] for r in rows(whole, "cloud.Notify", 70 * MINUTE_US)] == [
        "different"
    ]
    monkeypatch.setattr(Mirror, "_compare", lambda self, *what: None)
    assert played(tmp_path, (by_hand, LOST), audit="30 min")[1] == {"cloud 15"}
