"""Published incidents: what dr_sim predicts is what the arithmetic in each file's head says, and
the page shows just that beside what was published (W10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from dr_sim.measures.verdict import Outcome
from dr_sim.units import clock

from .runs import HOUR, MINUTE, SCENARIOS, SECOND, ceil_div, failover, ran

PAGE = (SCENARIOS.parent / "docs/incidents.md").read_text(encoding="utf-8")
SNAPSHOT = SECOND // 2
"""What one takes at most here, 34 TB at 100 TB/s, and a commit."""
SERVED = 10 * SECOND + 60 * SECOND + 8_460_000
"""Online, users sent over, warm."""
FENCE = 21 * SECOND
MACHINE = 10 * MINUTE
GB, MB = 10**9, 10**6


@dataclass(frozen=True)
class Incident:
    loss_us: int
    outage_us: int
    published_us: int
    is_near: bool
    """Whether the prediction lies within half to twice the published outage."""


def log_at(rate: int, size: int = 20 * MB) -> int:
    return SECOND + ceil_div(size, rate)


GITLAB_COPY = ceil_div(300 * GB, 7_500_000) + SECOND
MATRIX_FULL = ceil_div(51_000 * GB, 1012 * MB) + SECOND
MATRIX_LOG = ceil_div(1200 * MB, 56_667_000)
INCIDENTS = {
    "gitlab_2017": Incident(
        6 * HOUR + 10 * MINUTE,
        40 * SECOND + FENCE + MACHINE + GITLAB_COPY + SERVED,
        18 * HOUR + 30 * MINUTE,
        is_near=True,
    ),
    "matrix_2025": Incident(
        MINUTE,
        40 * SECOND + FENCE + MACHINE + MATRIX_FULL + 532 * MATRIX_LOG + SERVED,
        24 * HOUR + 15 * MINUTE,
        is_near=True,
    ),
    "keepthescore_2020": Incident(
        6 * HOUR + 58 * MINUTE,
        30 * SECOND + 5 * MINUTE + FENCE + MACHINE + log_at(200 * MB, GB) + SERVED,
        30 * MINUTE,
        is_near=True,
    ),
    "resend_2024": Incident(
        MINUTE + 27 * SECOND,
        23 * SECOND + 4 * MINUTE + FENCE + 6 * HOUR + MINUTE + 59 * log_at(356 * MB) + SERVED,
        12 * HOUR + 9 * MINUTE,
        is_near=True,
    ),
    "digitalocean_2017": Incident(
        0,
        40 * SECOND
        + 10 * MINUTE
        + 5 * SECOND
        + 2 * HOUR
        + 57 * MINUTE
        + 124 * log_at(356 * MB)
        + log_at(356 * MB, 16 * MB)
        + SERVED,
        4 * HOUR + 56 * MINUTE,
        is_near=True,
    ),
    "tarsnap_2023": Incident(
        58 * SECOND,
        22 * SECOND
        + 7 * MINUTE
        + FENCE
        + MACHINE
        + 18 * HOUR
        + 787 * log_at(356 * MB, 4 * MB)
        + SERVED,
        26 * HOUR + 16 * MINUTE,
        is_near=True,
    ),
    "gliffy_2016": Incident(
        0,
        45 * SECOND
        + 11 * HOUR
        + 23 * log_at(356 * MB, 240 * MB)
        + log_at(356 * MB, 120 * MB)
        + SERVED,
        71 * HOUR,
        is_near=False,
    ),
    "stardock_2025": Incident(
        5 * HOUR,
        40 * SECOND + FENCE + MACHINE + log_at(356 * MB, 34_000 * GB) + SERVED,
        14 * 24 * HOUR,
        is_near=False,
    ),
}
SOME_READS = SECOND // 5
"""Rounding, and what little the log holds beside the users' commits."""


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_prediction_is_the_arithmetic(name: str) -> None:
    by_hand, found = INCIDENTS[name], failover(ran(f"incidents/{name}"))
    assert abs(found["databases"][0]["data_loss_us"] - by_hand.loss_us) <= SNAPSHOT
    assert abs(found["outage_us"] - by_hand.outage_us) <= SOME_READS


def test_people_who_answer_late_are_no_repairs() -> None:
    """SoylentNews: what is predicted is the answer, whatever it was, and a short restore."""
    found = failover(ran("incidents/soylentnews_2019"))
    answer = found["phases_us"]["decide"]
    assert found["outage_us"] == (
        30 * SECOND + answer + FENCE + MACHINE + log_at(200 * MB, 10 * GB) + SERVED
    )
    assert found["outage_us"] < (8 * HOUR + 20 * MINUTE) // 2


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_page_says_which_predictions_are_near(name: str) -> None:
    incident = INCIDENTS[name]
    outage = failover(ran(f"incidents/{name}"))["outage_us"]
    near = incident.published_us <= 2 * outage and outage <= 2 * incident.published_us
    assert near == incident.is_near
    share = re.search(rf"^\| `{name}` .*\| (?:below )?([\d.]+) \|$", PAGE, re.MULTILINE)
    assert share is not None
    assert abs(float(share[1]) - outage / incident.published_us) <= 0.006


@pytest.mark.long
def test_the_page_shows_what_the_runs_give() -> None:
    """Each scenario's row, and no row without a scenario."""
    rows = re.findall(r"^\| `(\w+_\d{4}\w*)` \| (.*) \|$", PAGE, re.MULTILINE)
    shown: dict[str, set[str]] = {}
    for name, cells in rows:
        shown.setdefault(name, set()).update(cells.split(" | "))
    assert set(shown) == {path.stem for path in (SCENARIOS / "incidents").glob("*.yaml")}
    for name in (RESTORED_TWICE, *ONE_TENANT):
        del shown[name]
    for name, cells in shown.items():
        found = failover(ran(f"incidents/{name}"))
        loss = clock(found["databases"][0]["data_loss_us"])
        assert {loss, clock(found["outage_us"])} <= cells, name


RESTORED_TWICE = "resend_2024_restored_twice"


ONE_TENANT = {"atlassian_2022": 48, "atlassian_2022_rehearsed": 12}
"""Hours that a site's restore takes."""


@pytest.mark.parametrize(("name", "hours"), ONE_TENANT.items())
def test_a_customer_s_site_is_down_while_the_others_serve(name: str, hours: int) -> None:
    """46 min, 2:49, the hours, and 80 logs from 01:05 to 07:40."""
    result = ran(f"incidents/{name}")
    (mistake,) = result.summary.mistakes
    by_hand_us = 3 * HOUR + 35 * MINUTE + hours * HOUR + 80 * log_at(356 * MB)
    assert abs(mistake.lasted_us - by_hand_us) <= SOME_READS
    assert mistake.stopped == ["acme"]
    assert {line.outcome for line in result.verdict.lines} == {Outcome.PASS}
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert f"| {clock(mistake.lasted_us)} |" in row
    if hours == ONE_TENANT["atlassian_2022"]:
        assert f"| {mistake.lasted_us / (72 * HOUR):.2f} |" in row


def test_a_restore_to_a_wrong_instant_is_begun_again() -> None:
    """4:33, then 6 h 01 and 61 logs, then 6 h 01 and 60 logs."""
    result = ran(f"incidents/{RESTORED_TWICE}")
    (mistake,) = result.summary.mistakes
    restores = 2 * (6 * HOUR + MINUTE) + 121 * log_at(356 * MB)
    assert abs(mistake.degraded_us - (4 * MINUTE + 33 * SECOND + restores)) <= SOME_READS
    assert f"| none | {clock(mistake.degraded_us)} |" in PAGE
    assert result.summary.violations == []


@pytest.mark.parametrize("name", ["gliffy_2016", "stardock_2025", "digitalocean_2017"])
def test_what_was_lost_at_the_same_instant_is_no_way_back(name: str) -> None:
    """It was listed as possible, with nothing to lose and minutes to wait."""
    first, second = failover(ran(f"incidents/{name}"))["ways"]
    assert first["standing"] == "closed"
    assert first["why"] == "the place was lost at the same instant (event 1)"
    assert second["standing"] == "taken"


def test_without_its_store_gitlab_would_have_lost_everything() -> None:
    """The negative case: the prediction hangs on what lies at the staging site."""
    burns = [
        "events=[{at: 'Tue 23:00', lose_secondary: 30 days, copy: db2},"
        " {at: 'Tue 23:10', lose_secondary: 30 days, copy: staging},"
        " {at: 'Tue 23:30', lose: site}]"
    ]
    assert failover(ran("incidents/gitlab_2017", *burns))["outage_us"] is None
