"""Lists that are too long for summary.json are summed there, and lie in files beside it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from world.build import ONE, ran

from dr_sim.files.output import json_rows
from dr_sim.measures.standing import summary_of
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.summary.types import Summary
from dr_sim.measures.whole import Whole
from dr_sim.results.long_lists import (
    ALERTS_FILE,
    DANGERS_FILE,
    MOST_LISTED,
    with_short_lists,
    write_long_lists,
)


@pytest.fixture(scope="module")
def one_alert() -> Summary:
    text = ONE + "events: [{at: 1 h, link_outage: {duration: 3 h}}]\n"
    run = ran(text)
    summary = summary_of(Whole.of(run.journal, run.scenario))
    assert summary.alerts.each
    assert summary.alerts.episodes
    return summary


def with_so_many(summary: Summary, alerts: int, dangers: int) -> Summary:
    first, danger = summary.alerts.each[0], summary.alerts.episodes[0]
    told = [replace(first, number=i + 1, time_us=first.time_us + i) for i in range(alerts)]
    lasted = [replace(danger, onset_us=danger.onset_us - i) for i in range(dangers)]
    return replace(summary, alerts=replace(summary.alerts, each=told, episodes=lasted))


def test_as_many_as_are_listed_stay_as_they_are(one_alert: Summary, tmp_path: Path) -> None:
    summary = with_so_many(one_alert, MOST_LISTED, MOST_LISTED)
    assert with_short_lists(summary) == summary
    write_long_lists(summary, tmp_path)
    assert not list(tmp_path.iterdir())


def test_more_alerts_are_summed_and_each_is_in_a_file(one_alert: Summary, tmp_path: Path) -> None:
    summary = with_so_many(one_alert, MOST_LISTED + 1, 3)
    first = summary.alerts.each[0]
    short = with_short_lists(summary).alerts
    assert short.each == []
    assert short.summed is not None
    (kind,) = short.summed
    assert (kind.count, kind.databases, kind.text) == (MOST_LISTED + 1, 1, first.text)
    assert (kind.first_us, kind.last_us) == (first.time_us, first.time_us + MOST_LISTED)
    assert short.episodes == summary.alerts.episodes
    assert short.by_database == summary.alerts.by_database
    write_long_lists(summary, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ALERTS_FILE]
    rows = pq.read_table(tmp_path / ALERTS_FILE).to_pylist()
    assert rows == [asdict(alert) for alert in summary.alerts.each]


def test_more_dangers_are_summed_by_what_became_of_them(one_alert: Summary, tmp_path: Path) -> None:
    summary = with_so_many(one_alert, 1, MOST_LISTED)
    danger = summary.alerts.episodes[0]
    other = replace(danger, missed=not danger.missed, end_us=danger.end_us + 7)
    summary.alerts.episodes.append(other)
    short = with_short_lists(summary).alerts
    assert short.dangers_summed is not None
    most, one = short.dangers_summed
    assert (most.count, one.count) == (MOST_LISTED, 1)
    assert most.first_us == danger.onset_us - MOST_LISTED + 1
    assert (one.missed, one.last_us) == (not danger.missed, danger.end_us + 7)
    write_long_lists(summary, tmp_path)
    rows = pq.read_table(tmp_path / DANGERS_FILE).to_pylist()
    assert rows == [asdict(each) for each in summary.alerts.episodes]


def test_a_hundred_thousand_alerts_make_no_large_summary(one_alert: Summary) -> None:
    summary = with_so_many(one_alert, 100_000, 0)
    listed = len(json_rows(summary_json(summary)))
    short = len(json_rows(summary_json(with_short_lists(summary))))
    assert listed > 10_000_000
    assert short < 50_000
