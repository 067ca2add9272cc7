"""Faults that have to do with each other: in change windows, with the loss of the site, clustered
by disk.
"""

from __future__ import annotations

from itertools import pairwise
from math import comb
from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario

from .runs import DAY, HOUR, SCENARIOS, at, failover, ran, rows, times

pytestmark = pytest.mark.usefixtures("files_from_anywhere")


def test_most_losses_fall_into_the_change_window() -> None:
    result = ran("correlated/change_windows")
    lost = times(result, "truth.event", what="missing_file", begins=1)
    inside = sum(DAY + 21 * HOUR <= t % (7 * DAY) < 2 * DAY for t in lost)
    n = len(lost)
    below = sum(comb(n, k) * 0.8**k * 0.2 ** (n - k) for k in range(inside))
    assert 1e-4 < below < 1 - 1e-4 and n > 40
    assert times(ran("correlated/change_windows"), "truth.event", begins=1) == lost


def test_what_comes_with_the_site_comes_at_its_instant() -> None:
    result = ran("correlated/with_the_site")
    lost = at(1, "10:03")
    assert times(result, "truth.damaged") == [lost] * 3
    assert [r.seq for r in rows(result, "truth.damaged")] < [
        r.seq for r in rows(result, "truth.failed")
    ]
    assert failover(result)["data_loss_us"] == 180_000_000
    delayed = failover(ran("correlated/with_the_site", "replay.delay=1 h"))
    assert delayed["data_loss_us"] == lost - at(1, "09:45")
    spared = ran("correlated/with_the_site", "faults.corrupt_at_rest.with_site_loss=0 %")
    assert rows(spared, "truth.damaged") == []


def test_corruption_comes_in_clusters_on_all_databases_of_the_disk() -> None:
    result = ran("correlated/clustered_by_disk")
    blows = times(result, "truth.event", what="corrupt_at_rest", begins=1)
    hit = {t: {r.entity for r in rows(result, "truth.damaged") if r.time_us == t} for t in blows}
    assert all(found == {0, 1} for found in hit.values())
    gaps = [b - a for a, b in pairwise(blows)]
    # evenly spread they would be days apart
    assert sum(gap < 12 * HOUR for gap in gaps) > len(gaps) // 2 > 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "missing_file: {rate: 1 per week, database: crm, in_change_windows: 30 %}",
            "there are no change windows",
        ),
        (
            "missing_file: {rate: 1 per week, database: crm, again: {chance: 100 %, after: 1 h}}",
            "at most 99 %",
        ),
        ("missing_file: {database: crm, in_change_windows: 30 %}", "needs a rate"),
        (
            "missing_file: {rate: 1 per week, database: crm, again: {chance: 10 %}}",
            "after is missing",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"extends: {SCENARIOS}/faults/base.yaml\nfaults:\n  {line}\n")
    with pytest.raises(InputError) as error:
        load_scenario(path)
    assert told in str(error.value) and "s.yaml:3:" in str(error.value)
