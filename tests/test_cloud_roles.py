"""Who is active and who is second: after a failover the old side may be unharmed; and a store that was
put back to an old copy knows older roles, which the manager is told again before it does anything.

A failover of a lost site begins a minute after the loss, and a change takes 32.03 s.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cloud.mirror.mirror import Mirror
from dr_sim.cloud.out import Out
from dr_sim.cloud.words import WhyFailed, Word
from dr_sim.loading import load_scenario
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.oracle.cloud import witness as cloud_witness
from dr_sim.oracle.cloud.witness import cloud_broken
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
    folder: Path,
    events: tuple[str, ...],
    mode: str = "jobs",
    audit: str = "20 min",
    more: str = "",
    takes: str = "30 s",
    base: str = BASE,
) -> tuple[Whole, set[str]]:
    path = folder / "s.yaml"
    text = base.replace("MODE", mode).replace("AUDIT", audit) + more
    text = text.replace("takes: 30 s", f"takes: {takes}")
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


def test_the_witness_knows_of_events_that_befall_a_later_primary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of crm leads to web while a change of crm is on its way to A, the second side by then:
    both are set right, at once, and in the wrong place. If nobody had set the row wrong, it would
    be a fault.
    """
    change = "{at: 89 min, admin_change: {change_schema: crm}}"
    astray = "{at: 89 min 30 s, wrong_mapping: {entity: crm, leads_to: other, duration: 30 min}}"
    whole, broken = played(tmp_path, (ORDERED, change, astray))
    assert broken == set()
    assert [v for v in summarise(whole).violations if v.invariant.startswith("cloud")] == []
    before = whole.legs[0]
    assert cloud_broken(before.journal, before.scenario) == []
    monkeypatch.setitem(cloud_witness._NOTES, "cloud.MappingEdited", lambda row, seen: None)
    assert "cloud 9" in {b.invariant for b in cloud_broken(before.journal, before.scenario)}


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


SILENT = "{at: 4920010 ms, agent_silent: {site: A, duration: 1 min}}"
"""Begins 10 ms after the late request has come: the answer 'done before' is on its way, and is lost."""


def test_an_answer_that_it_was_done_before_is_given_again_when_it_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manager asks at 87:00 and is told again that it was done before."""
    off = "{at: 61 min, mirror_off: 12 min}"
    events = (*TWICE, off, SILENT)
    whole, broken = played(tmp_path, events, audit="0 s")
    assert broken == set()
    words = [r.values["word"] for r in rows(whole, "cloud.AgentSaid", 82 * MINUTE_US)]
    assert words[0] == "done before"
    assert rows(whole, "truth.cloud_drift")[-1].values["changes"] == 0

    def forgetful(self: Agent, key: tuple[str, int]) -> None:
        self._world.heard(self, key, (Word.DONE_BEFORE, WhyFailed.NONE))

    monkeypatch.setattr(Agent, "_say_again", forgetful)
    assert "cloud 9" in played(tmp_path, events, audit="0 s")[1]


# ---- upgrades, and things that are changed all the time
def test_an_upgrade_within_another_one_does_nothing_and_says_so(tmp_path: Path) -> None:
    for style in ("in_place", "side_by_side"):
        first = f"{{at: 60 min, cloud_upgrade: {{style: {style}, takes: 10 min}}}}"
        within = "{at: 65 min, cloud_upgrade: {style: in_place, takes: 1 min}}"
        after = "{at: 71 min, cloud_upgrade: {style: in_place, takes: 1 min}}"
        whole, broken = played(tmp_path, (first, within, after))
        assert broken == set()
        marks = rows(whole, "truth.cloud_upgrade")
        assert [row.time_us // MINUTE_US for row in marks] == [60, 70, 71, 72]
        told = [row.values["detail"] for row in rows(whole, "truth.event")]
        assert any("upgraded already" in detail for detail in told)


def test_a_thing_that_is_changed_all_the_time_is_named_until_it_can_be_compared(
    tmp_path: Path,
) -> None:
    """Twenty changes of web, of 5:02 each, are under way from 30:00 to 130:40. What was done to it by
    hand at B is found when it stands still.
    """
    often = [f"{{at: {30 + i} min, admin_change: {{set_version: web}}}}" for i in range(20)]
    by_hand = "{at: 35 min, changed_by_hand: {entity: web, site: B}}"
    base = BASE.replace("audit: AUDIT", "audit: AUDIT, limit: 3 h")
    whole, broken = played(tmp_path, (*often, by_hand), takes="5 min", base=base)
    assert broken == set()
    notices = rows(whole, "cloud.Notify")
    named = [
        row.time_us // MINUTE_US
        for row in notices
        if (row.values["notice"], row.values["about"]) == ("not compared", "web")
    ]
    assert named == [60, 80, 100, 120, 140]
    assert "different" in {row.values["notice"] for row in notices}
    assert rows(whole, "truth.cloud_drift")[-1].values["changes"] == 0


def test_farms_of_one_name_in_two_networks_are_told_apart(tmp_path: Path) -> None:
    base = BASE.replace("{prod: {farms: [web]}}", "{prod: {farms: [web]}, gov: {farms: [web]}}")
    of_gov = "{at: 30 min, changed_by_hand: {entity: web, network: gov}}"
    of_first = "{at: 40 min, changed_by_hand: {entity: web}}"
    whole, _ = played(tmp_path, (of_gov, of_first), base=base)
    found = rows(whole, "truth.cloud_effect")
    assert [row.entity for row in found if row.values["how"] == "hand"] == [1, 0]
    told = {row.values["detail"] for row in rows(whole, "truth.event")}
    assert {"web of gov changed by hand at A", "web of prod changed by hand at A"} <= told
