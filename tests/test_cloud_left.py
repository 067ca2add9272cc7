"""A side that a failover leaves may be silent and not lost: its scripts go on. When it is used again
its agents are heard first; what they have done, or still do, is done once.

In BASE a script takes 302 s, and a failover is ordered at 60 min.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from dr_sim.cloud.jobs.jobs import JobBook
from dr_sim.cloud.machines.farm_goals import FarmGoals
from dr_sim.cloud.manager import CloudManager
from dr_sim.cloud.mirror import mirror
from dr_sim.cloud.mirror.pending import PendingChanges
from dr_sim.cloud.mirror.sending import Sending
from dr_sim.oracle.cloud import machines as cloud_machines
from dr_sim.world.cloud.configuration import Configuration
from dr_sim.world.world import World
from tests.test_cloud_failovers import CHANGE, PLANNED, played, scripts

SILENT_FOR = "{{at: {} min, agent_silent: {{site: A, duration: {} min}}}}"

# done at A two minutes after its agents fell silent; they are heard when A is the second side
DONE_UNHEARD = [
    f"{{at: 54 min, {CHANGE}}}",
    SILENT_FOR.format(58, 17),
    PLANNED,
    f"{{at: 80 min, {CHANGE}}}",
]


def test_what_was_done_at_a_silent_side_is_not_done_there_again(tmp_path: Path) -> None:
    of, broken = played(DONE_UNHEARD, tmp_path)
    assert broken == set()
    assert [job for _, job in scripts(of, "B", "begins")] == ["operators/e1@B", "operators/e2"]
    assert [job for _, job in scripts(of, "A", "begins")] == ["operators/e1", "operators/e2>A.0"]


def test_two_sides_are_the_same_when_the_active_one_gets_what_the_other_had_before(
    tmp_path: Path,
) -> None:
    """e1 is done at A at 59:02 and at B at 65:19: from then on nothing is apart."""
    of, _ = played(DONE_UNHEARD[:3], tmp_path)
    (at_b,) = [
        row.time_us for row in of.journal.rows("truth.cloud_effect") if row.values["site"] == "B"
    ]
    *_, apart, same = of.journal.rows("truth.cloud_drift")
    assert apart.values["since_us"] >= 0
    assert (same.time_us, same.values["since_us"], same.values["changes"]) == (at_b, -1, 0)


def test_who_takes_a_side_for_empty_that_it_has_not_read_does_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PendingChanges, "to_set", lambda *each: None)
    assert "cloud 1" in played(DONE_UNHEARD, tmp_path)[1]


LIMIT = ("jobs.time_limit=15 min", "jobs.rebuild=3 min")
# it hangs at A, which is heard again after 40 minutes, as the second side
HANGS_UNHEARD = [
    "{at: 57 min, script_hangs: {site: A, times: 1}}",
    f"{{at: 58 min, {CHANGE}}}",
    SILENT_FOR.format(59, 40),
    PLANNED,
]


def test_what_still_runs_at_a_side_that_is_used_again_is_ended_and_cleaned_up_first(
    tmp_path: Path,
) -> None:
    of, broken = played(HANGS_UNHEARD, tmp_path, *LIMIT)
    assert broken == set()
    (ended,) = scripts(of, "A", "killed")
    (cleaned,) = scripts(of, "A", "cleaned")
    (mirrored,) = scripts(of, "A", "begins")[1:]
    assert (ended[1], cleaned[1]) == ("operators/e1", "operators/e1")
    assert 39 * 60 < ended[0] < cleaned[0] <= mirrored[0]
    assert scripts(of, "A", "done")[-1][0] > mirrored[0]


def test_who_does_not_ask_what_runs_there_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobBook, "adopt", lambda self, job, out: None)
    found = played(HANGS_UNHEARD, tmp_path, *LIMIT)[1]
    assert "cloud 9" in found


def test_what_ran_at_a_silent_side_is_begun_at_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent cannot be told from lost: the failover does not wait. A manager that forgets the
    change is caught after the calm.
    """
    events = [f"{{at: 58 min, {CHANGE}}}", SILENT_FOR.format(59, 20), PLANNED]
    of, broken = played(events, tmp_path, "run_for=10 h")
    assert broken == set()
    assert scripts(of, "B", "begins")[0][1] == "operators/e1@B"
    monkeypatch.setattr(CloudManager, "_closed", lambda self, closed, site, out: None)
    assert "cloud 14" in played(events, tmp_path, "run_for=10 h")[1]


def test_what_is_done_while_a_new_second_side_is_compared_goes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """e2 runs at B as A is read, and is done before the two are compared; nothing waits for a time
    of the mirror that never comes (`every: 0 s`).
    """
    events = [f"{{at: 58 min, {CHANGE}}}", PLANNED, f"{{at: 61 min, {CHANGE}}}"]
    of, _ = played(events, tmp_path, "cloud.mirror.every=0 s")
    assert scripts(of, "A", "done")[-1][1] == "operators/e2>A.0"

    def forgetful(self: Sending, entity: str, out: object) -> None:
        self.backlog.was_set(entity, 0, out)  # type: ignore[arg-type]

    monkeypatch.setattr(Sending, "need_not_be_set", forgetful)
    of, _ = played(events, tmp_path, "cloud.mirror.every=0 s")
    assert scripts(of, "A", "done")[-1][1] == "operators/e1"


# e1 is done at A unheard; a manager that is started anew, and has forgotten that it has not read A,
# has A made what B is, without e1
SET_BACK = [*DONE_UNHEARD[:3], "{at: 62 min, cloud_crash: {}}"]


class Forgotten(str):
    """A key of the store under which nothing is found again."""

    def __new__(cls) -> Forgotten:
        return super().__new__(cls, "forgotten/")

    def __add__(self, name: str) -> str:
        return f"{uuid4()}/{name}"


def test_what_a_thing_lost_when_it_was_set_as_a_whole_is_mirrored_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manager that remembers reads A, and finds e1 there."""
    of, broken = played(SET_BACK, tmp_path)
    assert broken == set()
    assert [what for _, what in scripts(of, "A", "done") if "web" not in what] == ["operators/e1"]
    monkeypatch.setattr(mirror, "UNREAD", Forgotten())
    of, _ = played(SET_BACK, tmp_path)
    at_a = [what for _, what in scripts(of, "A", "done") if "web" not in what]
    assert at_a == ["operators/e1", "set/prod/crm>A.1.2", "operators/e1>A.0"]
    assert [*of.journal.rows("truth.cloud_drift")][-1].values["since_us"] == -1
    monkeypatch.setattr(Configuration, "_takes", lambda *each: None)
    of, _ = played(SET_BACK, tmp_path)
    assert [*of.journal.rows("truth.cloud_drift")][-1].values["since_us"] >= 0


def test_what_was_left_and_done_may_be_under_way_at_the_new_side(tmp_path: Path) -> None:
    """The manager hears at 60:04 that e2 is done at A, which it has left; it is being done at B when
    e1 has come over and the failover ends.
    """
    events = [
        f"{{at: 50 min, {CHANGE}}}",
        f"{{at: 54 min, {CHANGE}}}",
        SILENT_FOR.format(58, 2),
        "{at: 58 min, order_failover: {by: dba, planned: true}}",
    ]
    of, broken = played(events, tmp_path, "cloud.mirror.every=0 s")
    assert [row.values["change"] for row in of.journal.rows("truth.cloud_left_behind")] == [
        "operators/e2"
    ]
    assert broken == set()


# ---- machines
FARMS = """\
run_for: 3 h
databases: {crm: {size: 1 GB}}
link: {bandwidth: 200 Mbit/s}
physical: {A: {compute: 3}, B: {compute: 3}}
images:
  web 1: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}
  web 2: {role: front_end, size: 4 GB, cpus: 8, ram: 32 GB, at: [A, B]}
farms: {content: {image: web 1, front_end: 2, timer: 1}}
failover: {mode: automatic}
after_failover: {new_secondary: 60 min}
cloud: {mirror: {mode: jobs, every: 5 min, audit: 0 s}}
changes: {rate: 0 per day}
"""


def with_farms(events: str, folder: Path, *sets: str) -> tuple[World, set[str]]:
    return played([events], folder, *sets, base=FARMS)


UPGRADED_ALONE = (
    "{at: 10 min, lose: host}, {at: 15 min, upgrade: {farm: content, to: web 2, style: new_farm}}"
)


def test_a_side_that_missed_an_upgrade_keeps_its_machines_until_new_ones_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upgrade is over at B when A is used again, with machines of the image before."""
    of, broken = with_farms(UPGRADED_ALONE, tmp_path)
    assert broken == set()
    images: Counter[str] = Counter()
    for row in of.journal.rows("truth.cloud_machine"):
        if row.values["site"] == "A":
            images[row.values["image"]] += {"running": 1, "removed": -1}.get(row.values["what"], 0)
    assert (images["web 1"], images["web 2"]) == (0, 3)
    monkeypatch.setattr(FarmGoals, "_left_over", lambda self, of, side: 0)
    assert "cloud 24" in with_farms(UPGRADED_ALONE, tmp_path)[1]


def test_where_it_has_no_room_for_both_one_machine_goes_at_a_time(tmp_path: Path) -> None:
    """Two deployments at A fail: only where an old machine runs there is room for a third try."""
    events = f"{UPGRADED_ALONE}, {{at: 65 min, script_fails: {{site: A, script: deploy_machine, times: 2}}}}"
    assert with_farms(events, tmp_path)[1] == set()


def test_a_machine_that_waits_behind_other_scripts_is_no_record_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One script runs at one time, and changes that go first leave no room for others."""
    sets = (
        *("jobs.at_once=1", "changes.rate=30 per hour", "changes.takes=5 min"),
        *("jobs.attempts=1", "jobs.time_limit=25 min", "run_for=6 h"),
    )
    events = "{at: 30 min, set_goals: {farm: content, front_end: 4}}"
    of, broken = with_farms(events, tmp_path, *sets)
    waits = [
        row
        for row in of.journal.rows("cloud.SaveAll")
        if "provisioning" in json.dumps(row.values["entries"])
    ]
    assert waits and broken == set()
    monkeypatch.setattr(cloud_machines, "full_sides", lambda *each: set())
    assert with_farms(events, tmp_path, *sets)[1] == {"cloud 11"}


def test_a_machine_that_its_site_says_runs_is_silent_no_more(tmp_path: Path) -> None:
    """All of B were silent; the manager was down when two of three were heard again, and reads the
    site when it is back.
    """
    events = (
        "{at: 20 min, bad_machine: {machine: B-compute-1, duration: 2 h}}, "
        "{at: 25 min, agent_silent: {site: B, duration: 20 min}}, "
        "{at: 40 min, cloud_crash: {duration: 10 min}}"
    )
    of, broken = with_farms(events, tmp_path)
    assert "replaced" in {row.values["notice"] for row in of.journal.rows("cloud.Notify")}
    assert broken == set()


def test_where_a_machine_runs_is_saved_though_no_other_word_of_it_changes(tmp_path: Path) -> None:
    """Its deployment was left at A, as its record was of no place; it is heard before A is read."""
    events = (
        "{at: 10 min, set_goals: {farm: content, front_end: 3}}, "
        "{at: 11 min, agent_silent: {site: A, duration: 40 min}}, "
        "{at: 12 min, order_failover: {by: dba, planned: true}}"
    )
    assert with_farms(events, tmp_path)[1] == set()


def test_an_upgrade_that_a_store_forgot_moved_nobody(tmp_path: Path) -> None:
    """Machines were replaced from 21 min on, and the store is of 20 min from 25 min on: what was
    made of the new image goes again, and what is made of the old one serves.
    """
    events = (
        "{at: 20 min, cloud_store_restored: 5 min}, "
        "{at: 1254 s, upgrade: {farm: content, to: web 2, style: replaced}}, "
        "{at: 1488 s, order_failover: {by: dba, planned: false}}"
    )
    sets = (
        *("after_failover.new_secondary=10 min", "jobs.retry=5 min", "jobs.by_hand=10 min"),
        *("changes.rate=20 per hour", "changes.takes=30 s"),
        *("cloud.mirror.mode=runbook", "cloud.mirror.every=0 s", "cloud.provision.at_most=5 min"),
    )
    assert with_farms(events, tmp_path, *sets)[1] == set()
