"""Recorded conditions: excerpts of our own making to exact figures, and real series where they are
at hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import run

from .runs import (
    HOUR,
    MINUTE,
    SCENARIOS,
    SECOND,
    at,
    ceil_div,
    peak_lag_us,
    peak_us,
    ran,
    rows,
    times,
)

pytestmark = pytest.mark.usefixtures("files_from_anywhere")

DATA = SCENARIOS.parents[1] / "shared/data"
real = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")


def test_the_link_follows_the_series_to_scale() -> None:
    result = ran("recorded/link")
    assert result.verdict.exit_code == 0
    capacity = [
        (r.time_us, int(r.values["bit_s"]))
        for r in rows(result, "truth.link")
        if r.time_us < 2 * HOUR
    ]
    lines = (SCENARIOS / "recorded/link.csv").read_text().splitlines()[1:]
    shape = [float(line.split(",")[1]) for line in lines]
    mean = sum(shape) / len(shape)
    wanted = [round(value / mean * 20_000_000) for value in shape]
    held = [value for i, value in enumerate(wanted) if i == 0 or value != wanted[i - 1]]
    assert [bit_s for _, bit_s in capacity] == pytest.approx(held, abs=1)
    again = [
        int(r.values["bit_s"])
        for r in rows(result, "truth.link")
        if 2 * HOUR <= r.time_us < 4 * HOUR
    ]
    assert again == [bit_s for _, bit_s in capacity]  # begun anew


def test_the_link_is_down_when_the_site_was() -> None:
    result = ran("recorded/outages")
    down = times(result, "truth.event", what="recorded_outage", begins=1)
    period = 12 * HOUR + 1  # a microsecond after its last row it begins anew
    assert down == [
        at(1, "01:00"),
        at(1, "07:30"),
        at(1, "01:00") + period,
        at(1, "07:30") + period,
    ]
    assert peak_us(result) == at(1, "01:12:48") + 3 * 800_000 + 2 - at(1, "00:55")


def test_restores_are_as_slow_as_the_disk_was() -> None:
    result = ran("recorded/restores")
    assert peak_lag_us(result) == pytest.approx(302_840_000 + 10 * 1_056_180, abs=20)
    assert peak_us(result) == 302_800_000


def test_writes_follow_the_series_to_scale() -> None:
    result = ran("recorded/writes")
    (total,) = rows(result, "truth.commits_total")
    assert total.values["user_bytes"] == pytest.approx(86_400 * 100_000, abs=288)
    sizes = [int(r.values["nominal_bytes"]) for r in rows(result, "truth.backup_finished", kind=2)]
    # the burst of 01:10 to 01:15
    assert max(sizes) == sizes[14] > 10 * sorted(sizes)[len(sizes) // 2]
    assert peak_us(result) > 300 * SECOND + ceil_div(8 * max(sizes), 200_000_000)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("link: {file: gone.csv, at: seconds, mean: 1 Mbit/s}", "cannot read the series"),
        ("link: {file: ok.csv, at: seconds}", "write how much it carries on average"),
        ("link: {file: ok.csv, mean: 1 Mbit/s}", "write either the column of instants"),
        ("link: {file: ok.csv, at: second, mean: 1 Mbit/s}", "did you mean 'seconds'?"),
        (
            "link: {file: back.csv, at: seconds, mean: 1 Mbit/s}",
            "back.csv row 4: '30' lies before the row above",
        ),
        (
            "link: {file: word.csv, at: seconds, mean: 1 Mbit/s}",
            "row 2: 'many' is no number from 0 up",
        ),
        ("restores: {file: zero.csv, at: seconds}", "a rate of restores must be above 0"),
        ("restores: {file: wide.csv, at: seconds}", "cannot read the series "),
        ("restores: {file: utf16.csv, at: seconds}", "it is UTF-16; save it as UTF-8"),
        ("restores: {file: marked.csv, at: seconds}", "a rate of restores must be above 0"),
        ("outages: {file: ok.csv, at: seconds, value: v, down: down}", "no row says 'down'"),
        ("outages: {spans: 5-2, period: 1 h}", "'5-2' does not come after the one before it"),
        ("link: {values: 1 x, step: 1 min}", "whole numbers above 0"),
    ],
)
def test_a_series_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "ok.csv").write_text("seconds,v\n0,5\n60,6\n120,7\n")
    (tmp_path / "back.csv").write_text("seconds,v\n0,5\n60,6\n30,7\n")
    (tmp_path / "word.csv").write_text("seconds,v\n0,5\n60,many\n")
    (tmp_path / "zero.csv").write_text("seconds,v\n0,0\n60,0\n")
    (tmp_path / "wide.csv").write_text(f"seconds,v\n0,{'5' * 200_000}\n60,6\n")
    (tmp_path / "utf16.csv").write_text("seconds,v\n0,5\n60,6\n", encoding="utf-16")
    (tmp_path / "marked.csv").write_bytes("\ufeffseconds;v\r\n0;0\r\n\r\n60;0\r\n".encode())
    path = tmp_path / "s.yaml"
    path.write_text(f"extends: {SCENARIOS}/faults/base.yaml\nrecorded:\n  {text}\n")
    with pytest.raises(InputError) as error:
        load_scenario(path)
    assert told in str(error.value) and "s.yaml:3:" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@real
@pytest.mark.parametrize(
    "text",
    [
        "link: {file: puffer/puffer_long_3.txt, at: '1', value: '2', mean: 20 Mbit/s, step: 1 min}",
        "link: {file: skyplane/throughput_reduced.csv, every: 10 min, value: "
        "throughput_sent, mean: 50 Mbit/s,"
        " only: {src_region: 'aws:eu-west-3', dst_tier: STANDARD}}",
        "outages: {file: upptime/manticoresoftware+upptime.csv, at: committed_at, value: "
        "state, down: down}",
        "restores: {file: "
        "azure-vm-noise/fio_randwrite64k_remote_short_vm_region-eastus_vm_sku-B8ms_unit-MiB_s.csv,"
        " every: 5 min, value: value}",
    ],
)
def test_real_series_drive_a_day(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        f"extends: {SCENARIOS}/faults/base.yaml\nrecorded:\n  "
        f"{text.replace('file: ', f'file: {DATA}/')}\nsla: {{}}\n"
    )
    result = run(load_scenario(path))
    assert summary_json(result.summary)["violations"] == []
    assert summary_json(result.summary)["exposure"]["mean_us"] > 150 * SECOND


@real
def test_real_writes_drive_a_day(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    series = f"{{series: {DATA}/nab/ec2_disk_write_bytes_c0d644.csv, column: value, mean: 60 kB/s}}"
    path.write_text(
        f"extends: {SCENARIOS}/faults/base.yaml\ndatabases: {{crm: {{log_volume: "
        f"{series}}}}}\nsla: {{}}\n"
    )
    result = run(load_scenario(path))
    (total,) = rows(result, "truth.commits_total")
    assert summary_json(result.summary)["violations"] == [] and total.values["user_bytes"] > 0
    assert max(times(result, "truth.backup_begin", kind=2)) > 23 * HOUR + 50 * MINUTE
