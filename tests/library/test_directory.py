"""Directory data that replicates apart from files, with its own lag: what is missing at a failover
costs time (R3).
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import run
from dr_sim.streams import Streams

from .runs import DAY, MINUTE, SCENARIOS, SECOND, at, failover, ran, rows

pytestmark = pytest.mark.usefixtures("files_from_anywhere")


def made(from_us: int, until_us: int) -> int:
    """Accounts made in that time, from the scenario's own draws: 200 a day on average."""
    gaps = Streams(1, 0).of("directory", "change")
    t, i, count = 0, 0, 0
    while True:
        t += max(1, math.floor(-(DAY // 200) * math.log(gaps.uniform(i)) + 0.5))
        if t >= until_us:
            return count
        count += t >= from_us
        i += 1


def test_what_is_missing_is_made_by_hand_and_the_outage_waits() -> None:
    result = ran("directory/missing_accounts")
    found = failover(result)
    missing = made(at(1, "09:00"), at(1, "10:30"))
    assert missing > 5
    assert [r.values["missing"] for r in rows(result, "truth.directory")] == [missing]
    assert found["phases_us"]["provision"] == missing * 2 * MINUTE
    without = failover(ran("directory/missing_accounts", "directory.changes=0 per day"))
    assert without["phases_us"]["provision"] == 0
    assert found["outage_us"] == without["outage_us"] + missing * 2 * MINUTE
    assert (
        found["data_loss_us"]
        == without["data_loss_us"]
        == 30 * MINUTE % (5 * MINUTE) + 300 * SECOND
    )
    lines = [
        line["detail"] for line in found["outage_ledger"]["lines"] if line["cause"] == "provision"
    ]
    assert lines == [f"{missing} directory entries made by hand"]


def test_what_can_be_reached_replicates_once_more() -> None:
    found = failover(ran("directory/planned"))
    assert found["phases_us"]["provision"] == MINUTE
    assert [r.values["entries"] for r in rows(ran("directory/planned"), "seen.Provisioned")] == [0]


def test_a_replication_that_has_not_arrived_brings_nothing(tmp_path: Path) -> None:
    # the one of 09:00 arrives at 11:00
    late = ran("directory/missing_accounts", "directory.lag=2 h")
    wanted = made(at(1, "06:00"), at(1, "10:30"))
    assert [r.values["missing"] for r in rows(late, "truth.directory")] == [wanted]
    path = tmp_path / "s.yaml"
    # the link is down when it begins, or when it would have arrived
    for begins in ("08:59", "09:00:30"):
        events = f'[{{at: "Mon {begins}", link_outage: 10 min}}, {{at: "Mon 10:30", lose: site}}]'
        path.write_text(f"extends: {SCENARIOS}/directory/missing_accounts.yaml\nevents: {events}\n")
        cut = run(load_scenario(path))
        assert [r.values["missing"] for r in rows(cut, "truth.directory")] == [wanted]
    assert wanted > made(at(1, "09:00"), at(1, "10:30"))


def test_a_crash_of_the_manager_makes_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    events = '[{at: "Mon 10:30", lose: site}, {at: "Mon 10:40", manager_crash: {}}]'
    path.write_text(f"extends: {SCENARIOS}/directory/missing_accounts.yaml\nevents: {events}\n")
    crashed = run(load_scenario(path))
    assert len(rows(crashed, "seen.Provision")) == 2 and len(rows(crashed, "truth.directory")) == 1
    assert (
        failover(crashed)["outage_us"] == failover(ran("directory/missing_accounts"))["outage_us"]
    )


# ---- what an outage would be
LOST_HOST = "{at: 'Mon 10:31', lose: host}"
LOST_SITE = "{at: 'Mon 10:31', lose: site}"


def cut_at(begins: str, lasts: str) -> str:
    return f"{{at: 'Mon {begins}', link_outage: {lasts}}}"


@pytest.mark.parametrize(
    "events, waits",
    [
        # the share is left, and the directory replicates once more
        ((LOST_HOST,), MINUTE),
        # the link is down as the host is lost, and carries again as a failover comes to it
        ((cut_at("10:30:30", "1 min"), LOST_HOST), MINUTE),
        # it is down then: what was made since 09:00 is made by hand
        ((cut_at("10:30:30", "20 min"), LOST_HOST), None),
        # it goes down after the loss, before a failover comes to it
        ((LOST_HOST, cut_at("10:31:05", "20 min")), None),
        # the site is lost, so the link does not matter
        ((cut_at("10:30:30", "1 min"), LOST_SITE), None),
        # the replication of 09:00 was cut off
        ((cut_at("09:00:30", "1 min"), LOST_SITE), "06:00"),
    ],
)
def test_an_outage_now_holds_what_the_directory_lacks(
    events: tuple[str, ...], waits: int | str | None
) -> None:
    """What is foretold of the way that is taken comes true, to the microsecond."""
    result = ran(
        "directory/missing_accounts",
        f"events=[{', '.join(events)}]",
        "heartbeat.path=own",
        "copies={near: {}, far: {}}",
    )
    found = failover(result)
    if not isinstance(waits, int):
        waits = made(at(1, waits or "09:00"), at(1, "10:31")) * 2 * MINUTE
    assert found["phases_us"]["provision"] == waits
    [taken] = [way for way in found["ways"] if way["standing"] == "taken"]
    assert taken["outage_us"] == taken["came_outage_us"] == found["outage_us"]


def test_a_ledger_names_the_directory_and_the_cloud_manager() -> None:
    cloud = "cloud={mirror: {mode: runbook}}"
    people = "clients={portal: {calls: 20 per h, actions: 50 %}}"
    found = failover(ran("directory/missing_accounts", cloud, people))
    [line] = [
        line["detail"] for line in found["outage_ledger"]["lines"] if line["cause"] == "provision"
    ]
    missing = made(at(1, "09:00"), at(1, "10:30"))
    assert line.startswith(f"{missing} directory entries made by hand; by hand ")


def test_the_longest_outage_now_comes_just_before_a_replication_arrives() -> None:
    """Entries are made by hand, so the outage grows with each, until 09:01."""
    result = ran("directory/missing_accounts", "events=[]")
    without = ran("directory/missing_accounts", "events=[]", "directory.changes=0 per day")
    longest = max(
        made(at(day, f"{hour:02d}:00"), at(day, f"{hour + 3:02d}:01"))
        for day in range(1, 2)
        for hour in range(0, 21, 3)
    )
    most = [summary_json(one.summary)["outage_if_now"]["max_us"] for one in (result, without)]
    assert most[0] >= most[1] + longest * 2 * MINUTE - 2 * SECOND
