"""Small cases of the cloud manager, each with the right answer by hand arithmetic.

A request is 15 ms on its way to the manager, and so are orders to agents and their words. A script
takes 2 s to start and 30 s. A change that is asked for at 61:00 begins at 61:00.030 and is done at
61:32.030. The mirror is due at 65:00; it begins at the other side at 65:00.015 and is done there at
65:32.015. So drift is 3:59.985 at most: that is PLAIN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.oracle.cloud.witness import cloud_broken
from dr_sim.screen.cloud import cloud_lines
from dr_sim.world.cloud.configuration import Configuration
from dr_sim.world.world import World

BASE = """\
run_for: 3 h
databases: {crm: {size: 1 GB, log_volume: 1 MB per 30 min}}
link: {bandwidth: 200 Mbit/s}
networks: {prod: {farms: [web]}}
cloud: {mirror: {mode: jobs, every: 5 min, audit: 0 s, on_failure: retry}, restart_after: 7 s}
jobs: {time_limit: 4 min, retry: 1 min, attempts: 2, start: 2 s, clean_up: 5 s, set: 30 s, rebuild: 1 min,
       by_hand: 2 min, forgotten: 0 %}
changes: {rate: 0 per day, takes: 30 s, fail: 0 %}
"""
CHANGE = "{at: 61 min, admin_change: {rotate_secret: crm}}"
FAILS_TWICE = ("{at: 64 min, script_fails: {site: B, times: 2}}",)
BY_HAND = "{at: 61 min, changed_by_hand: {entity: web, site: B}}"
MS = 1_000
S = 1_000_000
PLAIN = 239_985 * MS


@dataclass(frozen=True, slots=True)
class Case:
    """more: events beside the change (or, with alone, in its place). sets: of the scenario. drift:
    the largest. effects: 'site how' to how many. notices: to how many.
    """

    name: str
    drift: int
    more: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    effects: dict[str, int] = field(default_factory=lambda: {"A script": 1, "B script": 1})
    notices: dict[str, int] = field(default_factory=dict)
    alone: bool = False


CASES = (
    Case("plain", PLAIN),
    # the request was heard, only its answers were not: nothing is done again
    Case("answers lost", PLAIN, ("{at: 60 min, lost_answer: {share: 100 %, duration: 2 min}}",)),
    # tries at 61:00, 61:06, 61:13, 61:22 are lost; that of 61:35 arrives: 35 s later at A
    Case(
        "requests lost", PLAIN - 35 * S, ("{at: 60 min, lost_request: {share: 100 %, duration: 89 s}}",)
    ),
    Case("twice at once", PLAIN, ("{at: 60 min, duplicate_request: {share: 100 %, duration: 2 min}}",)),
    Case(
        "once more when all is done", PLAIN,
        ("{at: 60 min, late_duplicate: {share: 100 %, later: 10 min, duration: 2 min}}",),
    ),
    # the attempt at B fails at 65:32.015; that is heard, a minute passes, and 32 s: 1:32.030 later
    Case("fails once", PLAIN + 92_030 * MS, ("{at: 64 min, script_fails: {site: B, times: 1}}",)),
    Case("half done", PLAIN + 92_030 * MS, ("{at: 64 min, script_half_done: {site: B, times: 1}}",)),
    # both attempts fail; it is cleaned up by 67:09.090, and goes along when the mirror is due at 70:00
    Case("retry", PLAIN + 300 * S, FAILS_TWICE, notices={"job failed": 1}),
    # it is never made at B: 180:00 - 61:32.030
    Case(
        "skip", 7_107_970 * MS, FAILS_TWICE, ("cloud.mirror.on_failure=skip",), {"A script": 1},
        {"job failed": 1, "skipped": 1, "drift": 104},
    ),
    # made anew from 67:09.105 on, in 62 s
    Case(
        "rebuild", 399_075 * MS, FAILS_TWICE, ("cloud.mirror.on_failure=rebuild",),
        {"A script": 1, "B set": 1}, {"job failed": 1},
    ),
    # ended after its four minutes and cleaned up: nothing was changed
    Case("hangs", 0, ("{at: 60 min, script_hangs: {site: A}}",), (), {}, {"job overdue": 1}),
    # switched on again at 72:00, it goes at once: seven minutes later
    Case("mirror off", PLAIN + 420 * S, ("{at: 62 min, mirror_off: 10 min}",)),
    # told at 65:00 and at 70:00; the row is right at 72:00, and goes along at 75:00
    Case(
        "no mapping", PLAIN + 600 * S,
        ("{at: 60 min, wrong_mapping: {entity: crm, leads_to: nothing, duration: 12 min}}",),
        notices={"blocked": 2},
    ),
    # compared at 90:00, heard 30 ms later, set from 90:00.045 on in 32 s
    Case(
        "by hand, compared", 1_772_045 * MS, (BY_HAND,), ("cloud.mirror.audit=30 min",),
        {"B hand": 1, "B set": 1}, {"different": 1}, True,
    ),
    # nobody looks: to the end of the run
    Case(
        "by hand, reconcile without a change", 7_140 * S, (BY_HAND,), ("cloud.mirror.mode=reconcile",),
        {"B hand": 1}, {}, True,
    ),
    # found at 90:00, heard 30 ms later; people set the thing in two minutes
    Case(
        "by hand, runbook", 1_860_030 * MS, (BY_HAND,),
        ("cloud.mirror.mode=runbook", "cloud.mirror.audit=30 min"), {"B hand": 2}, {"different": 1}, True,
    ),
    # the audit of 90:00 is missed: up at 90:30, it looks for 30 ms, reads for 30 ms, and sets in 32.015 s
    Case(
        "by hand, down when compared", 1_802_075 * MS,
        (BY_HAND, "{at: 89 min 50 s, cloud_crash: {duration: 40 s}}"), ("cloud.mirror.audit=30 min",),
        {"B hand": 1, "B set": 1}, {"different": 1}, True,
    ),
    # read at 65:00, heard 30 ms later, set from 65:00.045 on in 32 s
    Case("reconcile", PLAIN + 30 * MS, (), ("cloud.mirror.mode=reconcile",), {"A script": 1, "B set": 1}),
    # heard at 61:32.045, read in 30 ms, set in 32.015 s: 32.060 s after it was done
    Case(
        "reconcile at once", 32_060 * MS, (), ("cloud.mirror.mode=reconcile", "cloud.mirror.every=0 s"),
        {"A script": 1, "B set": 1},
    ),
    # B is silent to 65:30; read each minute, at last from 65:32.165 on: set by 66:04.210
    Case(
        "reconcile at once, silent agents", 272_180 * MS,
        ("{at: 61 min 30 s, agent_silent: {site: B, duration: 4 min}}",),
        ("cloud.mirror.mode=reconcile", "cloud.mirror.every=0 s"), {"A script": 1, "B set": 1},
    ),
    # heard 15 ms after it was done
    Case(
        "runbook at once", 120_015 * MS, (), ("cloud.mirror.mode=runbook", "cloud.mirror.every=0 s"),
        {"A script": 1, "B hand": 1},
    ),
    # asked at 65:00, done two minutes later
    Case("runbook", 327_970 * MS, (), ("cloud.mirror.mode=runbook",), {"A script": 1, "B hand": 1}),
    # the script goes on while the manager is down, and it hears of that when it is up
    Case("crash", PLAIN, ("{at: 61 min 10 s, cloud_crash: {duration: 2 min}}",)),
    # down when the mirror is due: up at 65:30, it looks for 30 ms, and mirrors
    Case("crash when due", PLAIN + 30_030 * MS, ("{at: 64 min 50 s, cloud_crash: {duration: 40 s}}",)),
    # a newer version's script is copied first: refused, heard, and started again 30 ms later
    Case(
        "crash in an upgrade", PLAIN + 30 * MS,
        ("{at: 61 min 10 s, cloud_upgrade: {style: in_place, takes: 2 min}}", "{at: 61 min 30 s, cloud_crash: {}}"),
    ),
    # the older manager is asked first, and cannot save; 5 s until the caller gives up, 1 s of pause
    Case("two managers", PLAIN - 6 * S, ("{at: 60 min, two_managers: {}}",)),
    # at 65:00 nobody hears at B; asked each minute, it says at 68:00 that it knows nothing
    Case("silent agents", PLAIN + 180_030 * MS, ("{at: 64 min, agent_silent: {site: B, duration: 4 min}}",)),
    # the copy of 60:00 is back at 61:10, while the script runs: its agent says so at 61:17
    Case("old store while a script runs", PLAIN, ("{at: 60 min, cloud_store_restored: 70 s}",)),
    # the copy of 60:00 is back at 63:00: the change is forgotten. Up at 63:07, the manager looks for
    # 30 ms, reads for 30 ms, and sets in 32.015 s: that is over at 63:39.075
    Case(
        "old store", 127_045 * MS, ("{at: 60 min, cloud_store_restored: 3 min}",),
        ("cloud.mirror.audit=30 min",), {"A script": 1, "B set": 1}, {"different": 1},
    ),
)  # fmt: skip


def played(case: Case, folder: Path) -> Whole:
    path = folder / "s.yaml"
    events = case.more if case.alone else (*case.more, CHANGE)
    path.write_text(BASE + "events:\n" + "".join(f"  - {event}\n" for event in events))
    scenario = load_scenario(path, case.sets)
    journal = World(scenario).run()
    assert cloud_broken(journal, scenario) == []
    return Whole.of(journal, scenario)


def counted(whole: Whole, kind: str, *names: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in whole.legs[0].journal.rows(kind):
        key = " ".join(row.values[name] for name in names)
        found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_comes_out_as_by_hand(case: Case, tmp_path: Path) -> None:
    whole = played(case, tmp_path)
    assert whole.drift().max_us() == case.drift
    assert counted(whole, "truth.cloud_effect", "site", "how") == case.effects
    assert counted(whole, "cloud.Notify", "notice") == case.notices


# ---- a failover, one change before the site is lost
LOST = ("{at: 62 min, lose: site}",)


@pytest.mark.parametrize(
    ("at_most", "waits_us", "ready"),
    [("30 min", 32_030 * MS, True), ("10 s", 10 * S, False)],
)
def test_a_failover_waits_for_what_is_missing_or_as_long_as_it_may(
    at_most: str, waits_us: int, ready: bool, tmp_path: Path
) -> None:
    sets = (f"cloud.provision.at_most={at_most}", "failover.mode=automatic")
    whole = played(Case("lost", 0, LOST, sets), tmp_path)
    begins, ends = whole.legs[0].journal.rows("truth.cloud_provision")
    assert (ends.time_us - begins.time_us, bool(ends.values["ready"])) == (waits_us, ready)
    # what the limit left out is brought in afterwards, and the new second side is made anew
    effects = counted(whole, "truth.cloud_effect", "site", "how")
    assert effects == {"A script": 1, "B script": 1, "C set": 1}


def test_a_skipped_change_is_named_where_drift_is_shown(tmp_path: Path) -> None:
    for policy, shown in (("skip", 1), ("retry", 0)):
        case = Case("", 0, FAILS_TWICE, (f"cloud.mirror.on_failure={policy}",))
        whole = played(case, tmp_path)
        lines = cloud_lines(summarise(whole), whole.scenario)
        assert sum("1 change was skipped at the secondary" in line for line in lines) == shown


@pytest.mark.parametrize("tenant", ["", ", tenant: other"])
def test_a_call_in_anothers_network_that_cannot_be_says_so(tenant: str, tmp_path: Path) -> None:
    """A client without a tenant may use every network; one of another tenant may not."""
    two = BASE.replace("{prod: {farms: [web]}}", "{prod: {farms: [web]}, gov: {tenant: acme}}")
    two = two.replace("databases: {crm: {", "databases: {crm: {tenants: other, ")
    two += f"clients: {{p: {{calls: 1 per min, actions: 50 %{tenant}}}}}\n"
    case = ("{at: 60 min, wrong_tenant_call: {share: 100 %, duration: 10 min}}",)
    path = tmp_path / "s.yaml"
    path.write_text(two + f"events: [{case[0]}]\n")
    journal = World(load_scenario(path)).run()
    details = {row.values["detail"] for row in journal.rows("truth.event")}
    assert ("nothing: each client may use every network" in details) is (not tenant)


TWO_SIDES: Any = SimpleNamespace(places=("B",), sites=("A", "B"))
"""What a configuration needs of a scenario's cloud."""


def test_two_sides_of_one_value_are_the_same_however_they_came_to_it() -> None:
    """A new side is set to what the active one was before its last change, and gets that change."""
    told: list[int] = []
    of = Configuration(("crm",), TWO_SIDES, lambda: 7, lambda: told.append(1))
    of.apply("A", "crm", "c1")
    before = of.sides["A"].things["crm"].value
    of.apply("A", "crm", "c2")
    of.go_over("A")
    of.stands("C", True)
    of.set("C", "crm", before)
    assert of.behind() == (7, 2)
    of.apply("A", "crm", "c3")
    of.apply("C", "crm", "c2")
    assert of.behind() == (7, 1) and of.missing() == [("crm", "c3")]
    assert not of.apply("C", "crm", "c1"), "it is in the value that both have"
    of.apply("C", "crm", "c3")
    assert of.behind() == (-1, 0)


def test_what_a_thing_loses_when_it_is_set_as_a_whole_may_take_effect_once_more() -> None:
    """The side that is second again had c2 alone; it is set to what the active one is."""
    of = Configuration(("crm",), TWO_SIDES, lambda: 7, lambda: None)
    of.apply("A", "crm", "c1")
    of.apply("B", "crm", "c1")
    of.apply("A", "crm", "c2")
    of.go_over("B")
    of.stands("A", False)
    of.set("A", "crm", of.sides["B"].things["crm"].value)
    assert of.behind() == (-1, 0)
    assert of.apply("B", "crm", "c2") and of.apply("A", "crm", "c2")
    assert of.behind() == (-1, 0)
    assert not of.apply("A", "crm", "c1"), "it is in what the thing was set to"


def test_a_side_that_had_more_is_set_to_one_that_has_nothing() -> None:
    """A site that is back has c1, and the active one, which was made anew, has not."""
    of = Configuration(("crm",), TWO_SIDES, lambda: 7, lambda: None)
    of.go_over("A")
    of.apply("B", "crm", "c1")
    of.stands("B", False)
    assert of.behind() == (7, 1)
    of.set("B", "crm", of.sides["A"].things["crm"].value)
    assert of.behind() == (-1, 0)
