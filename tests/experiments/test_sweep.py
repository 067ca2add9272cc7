"""Sweeps: ranges as people write them, one row a point, resumed, drawn."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dr_sim import api
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.experiments.judging.words import shown_value_and_bound
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.sweeps.sweep import Point, Swept, points_of, vary
from dr_sim.experiments.sweeps.sweep_answer import SweepVerdict, answers, text
from dr_sim.figures.sweep import DrawnMeasure, sweep_chart
from dr_sim.formatting.numbers import in_order
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.report.sweep import SweepShown, sweep_html
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.keys.experiment import parse_answer, sweep_values
from dr_sim.scenario.keys.sla import bound_of
from dr_sim.units import UnitError
from tests.experiments.worlds import S, sample, small, small_file
from tests.measures.make import MIN, a_scenario

VARY = ["--vary", "link.bandwidth=1Mbit/s,200Mbit/s", "--vary", "replay.on_hole=bridge,resync"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("10..1000Mbit/s:log3", ("10 Mbit/s", "100 Mbit/s", "1000 Mbit/s")),
        ("10..1000 Mbit/s, 3 log steps", ("10 Mbit/s", "100 Mbit/s", "1000 Mbit/s")),
        ("1 %..2 %, 3 steps", ("1 %", "1.5 %", "2 %")),
        ("50..200, 4 linear steps", ("50", "100", "150", "200")),
        ("5..15 min:lin3", ("5 min", "10 min", "15 min")),
        ("resync, bridge", ("resync", "bridge")),
        ("5,10, 20 Mbit/s", ("5 Mbit/s", "10 Mbit/s", "20 Mbit/s")),
        ("5 Mbit/s, 10, 20", ("5 Mbit/s", "10 Mbit/s", "20 Mbit/s")),
        ("every 5, 10, 15 min", ("every 5 min", "every 10 min", "every 15 min")),
        ("0,1.5,2%", ("0 %", "1.5 %", "2 %")),
        ("100,200 Mbit/s", ("100 Mbit/s", "200 Mbit/s")),
        ("1, 500 Mbit/s", ("1 Mbit/s", "500 Mbit/s")),
        ("500 MB, 1 GB, 2", ("500 MB", "1 GB", "2")),
        ("1, 2, 4", ("1", "2", "4")),
        ("1..10 s:log3", ("1 s", "3.162 s", "10 s")),
        ("1..16:log6", ("1", "2", "3", "5", "9", "16")),
        ("1..4:lin7", ("1", "1.5", "2", "2.5", "3", "3.5", "4")),
    ],
)
def test_ranges(text: str, values: tuple[str, ...]) -> None:
    assert sweep_values(text) == values


@pytest.mark.parametrize(
    "text",
    [
        "1..2",
        "1..2 s, many",
        "0..5 s:log3",
        "1..2 s:log1",
        "",
        "1 s..2 h, 3 steps",
        "a..b, 3 steps",
        "1,000 Mbit/s",
        "1,500 Mbit/s",
        "100,000",
    ],
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UnitError):
        sweep_values(text)


def test_every_combination_on_the_same_luck(tmp_path: Path) -> None:
    path = small_file(tmp_path)
    found = api.sweep(
        path,
        {"link.bandwidth": ["1 Mbit/s", "200 Mbit/s"], "replay.workers": ["1", "2"]},
        6,
        workers=1,
    )
    assert [tuple(p.values.values()) for p in found.points] == [
        ("1 Mbit/s", "1"), ("1 Mbit/s", "2"), ("200 Mbit/s", "1"), ("200 Mbit/s", "2")
    ]  # fmt: skip
    table = found.table
    means = table[
        (table["measure"] == "exposure")
        & (table["class"] == "site")
        & (table["statistic"] == "mean")
    ]
    assert len(means) == 4 and means["estimate"].iloc[0] > means["estimate"].iloc[2] > 0
    # one database: a second worker has nothing to do
    assert means["estimate"].iloc[2] == means["estimate"].iloc[3]
    failed = [
        [v.high for s in d.samples for v in s.values if v.measure == "outage.detect"]
        for d in found.distributions
    ]
    assert failed[0] == failed[2]  # the site is lost at the same instants
    assert set(found.measures.columns) >= {
        "link.bandwidth",
        "replay.workers",
        "replication",
        "measure",
        "value",
    }


def test_the_command_writes_tables_and_pictures_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = small_file(tmp_path), tmp_path / "out"
    command = [
        "sweep",
        str(path),
        *VARY,
        "--replications",
        "3",
        "--workers",
        "1",
        "--measure",
        "exposure.p95",
        "--out",
        str(out),
    ]
    assert main(command) == 0
    assert "exposure.p95.svg" in capsys.readouterr().out
    table = pd.read_parquet(out / "sweep.parquet")
    assert set(table["link.bandwidth"]) == {"1Mbit/s", "200Mbit/s"}
    assert (out / "exposure.p95.svg").read_text().startswith("<svg")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert 'id="chart-sweep-exposure.p95"' in page and "<th>link.bandwidth</th>" in page
    assert page.count(">200Mbit/s</td>") == 2  # a row for each point
    kept = {p: p.stat().st_mtime_ns for p in out.glob("points/*/batches/*.batch")}
    assert len(list(out.glob("points/*"))) == 4
    assert main([*command[:7], "5", *command[8:]]) == 0  # two more of each, and none again
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert pd.read_parquet(out / "measures.parquet")["replication"].max() == 4


def test_bad_sweeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(small_file(tmp_path))
    for arguments, told in (
        ([], "says nothing to vary"),
        (["--vary", "link.bandwidth"], "write --vary key.path=values"),
        (
            ["--vary", "link.bandwith=1 Mbit/s,2 Mbit/s"],
            "--vary link.bandwith=1 Mbit/s: unknown key 'link.bandwith'; did you mean 'bandwidth'?",
        ),
        (["--vary", "run_for=12 h,0 s"], "--vary run_for=0 s: run_for: "),
        (
            ["--vary", "replay.workers=1", "--vary", "replay.workers=2"],
            "--vary replay.workers: is varied twice",
        ),
        (
            ["--vary", "link.bandwidth=1 Gbit/s,1000Mbit/s"],
            "--vary link.bandwidth=1000Mbit/s: makes the same runs as link.bandwidth=1 Gbit/s",
        ),
        (["--vary", "replications=2,3"], "makes the same runs as replications=2"),
        (["--vary", "replay.workers=1,2", "--measure", "outage"], "is no measure with a statistic"),
    ):
        assert main(["sweep", path, *arguments, "--out", str(tmp_path / "out")]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="more than 10,000"):
        points_of(path, vary(["replay.workers=1..200:lin200", "users.utilisation=1..99 %:lin99"]))


def test_a_swept_key_that_is_none_is_told_of_by_validate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = "sweep: {link.bandwith: '1, 2 Mbit/s', link.rtt: '5..10, 2 steps'}\n"
    path = small_file(tmp_path, more)
    assert main(["validate", str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: sweep.link.bandwith: unknown key 'link.bandwith'; did you mean 'bandwidth'?",
        f"{path}: sweep.link.rtt: link.rtt: '5' has no unit; write '5 ms'",
    ]


def test_a_scenario_may_say_what_to_sweep(tmp_path: Path) -> None:
    scenario = small(
        tmp_path,
        "sweep:\n  link.bandwidth: 10..1000 Mbit/s, 3 log steps\n  replay.on_hole: "
        "[resync, bridge]\n",
    )
    assert [(s.key, s.values) for s in scenario.sweep] == [
        ("link.bandwidth", ("10 Mbit/s", "100 Mbit/s", "1000 Mbit/s")),
        ("replay.on_hole", ("resync", "bridge")),
    ]


def test_the_edge_of_a_bound_and_scenarios_side_by_side(tmp_path: Path) -> None:
    path = small_file(tmp_path, "sla: {exposure.mean: at most 1 h}\n")
    found = api.sweep(
        path, {"link.bandwidth": ["100 kbit/s", "10 Mbit/s", "200 Mbit/s"]}, 5, workers=1
    )
    # 70 kB/s are 560 kbit/s: the first link falls behind for ever, and the second seeds 1 GB anew
    # in time
    edge = found.edge("exposure.mean")
    assert (edge.key, edge.meets, edge.misses) == ("link.bandwidth", "10 Mbit/s", "100 kbit/s")
    assert found.edge("exposure.mean", at_most=1.0).meets is None
    with pytest.raises(ValueError, match="has none"):
        found.edge("exposure.p99")
    with pytest.raises(ValueError, match="along one key"):
        api.sweep(
            path, {"link.bandwidth": ["1 Mbit/s"], "replay.workers": ["1"]}, 1, workers=1
        ).edge("exposure.mean")
    both = {
        "thin": api.load_scenario(path, ["link.bandwidth=100 kbit/s"]),
        "as it is": api.load_scenario(path, seed=9),
    }
    beside = api.side_by_side(both, 12, workers=1)
    assert beside.keys == ("scenario",) and [p.values["scenario"] for p in beside.points] == [
        "thin",
        "as it is",
    ]
    assert beside.points[1].scenario.seed == both["thin"].seed  # one luck for all, the first one's
    thin, usual = beside.distributions
    compared = api.Comparison(usual, thin)
    longer, fewer = compared.interval("exposure.mean"), compared.interval("link_sent")
    assert longer.low > 600 and fewer.high < 0
    sent = thin.values("link_sent").mean() - usual.values("link_sent").mean()
    assert (
        fewer.estimate
        == pytest.approx(sent)
        == thin.interval("link_sent.mean").estimate - usual.interval("link_sent.mean").estimate
    )
    assert compared.interval("exposure.above_15_min").low > 0
    # nobody has named that limit before
    shares = [d.interval("exposure.above_37_min").estimate for d in (thin, usual)]
    assert compared.interval("exposure.above_37_min").low > 0 and 0 < shares[1] < shares[0]
    assert (
        compared.interval("exposure.above_15_min").estimate
        > compared.interval("exposure.above_37_min").estimate
        > 0
    )
    with pytest.raises(ValueError, match="no replay_lag of crm in common"):
        compared.interval("replay_lag", "crm")
    with pytest.raises(ValueError, match="no measure 'link_sent'"):
        thin.interval("link_sent")
    with pytest.raises(ValueError, match="no scenarios"):
        api.side_by_side({})


# ---- answers
@pytest.mark.parametrize(
    ("text", "key", "smallest", "line"),
    [
        (
            "smallest link.bandwidth with exposure.p99 at most 15 min",
            "link.bandwidth",
            True,
            ("exposure.p99", True, 900 * S),
        ),
        (
            "largest databases.crm.copies with alerts_missed at most 0",
            "databases.crm.copies",
            False,
            ("alerts_missed", True, 0),
        ),
        (
            "smallest replay.workers with outage.p95 at least 1 h",
            "replay.workers",
            True,
            ("outage.p95", False, 3600 * S),
        ),
        (
            "largest link.rtt with exposure.above_15_min at most 1 %",
            "link.rtt",
            False,
            ("exposure.above_15_min", True, 10_000),
        ),
        (" smallest  link.bandwidth ", "link.bandwidth", True, None),
    ],
)
def test_what_a_sweep_is_asked(
    text: str, key: str, smallest: bool, line: tuple[str, bool, int] | None
) -> None:
    asked = parse_answer(text)
    assert (asked.key, asked.smallest) == (key, smallest)
    assert (
        None if asked.line is None else (asked.line.measure, asked.line.at_most, asked.line.bound)
    ) == line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("link.bandwidth", "asks for nothing; write 'smallest link.bandwidth with"),
        (
            "smallest link.bandwidth with exposures.p99 at most 15 min",
            "did you mean 'exposure.p99'",
        ),
        ("smallest link.bandwidth with exposure.p99 15 min", "a bound is written 'at most 15 min'"),
        ("smallest link.bandwidth with exposure.p99 at most 15", "has no unit"),
        (
            "smallest replay.workers",
            "'replay.workers' does not vary; did you mean 'replay.on_hole'",
        ),
    ],
)
def test_what_no_sweep_can_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = small_file(
        tmp_path,
        f"sla: {{outage: at most 1 h}}\nsweep: {{replay.on_hole: 'bridge, resync', "
        f"link.bandwidth: '1 Mbit/s, 2 Mbit/s'}}\nanswer: {text}\n",
    )
    assert main(["validate", str(path)]) == 2
    said = capsys.readouterr().err
    assert told in said and f"{path}:12:9: answer: " in said
    path = small_file(tmp_path, "sla: {outage: at most 1 h}\n")
    vary = ["--vary", "replay.on_hole=bridge,resync", "--vary", "link.bandwidth=1 Mbit/s,2 Mbit/s"]
    assert main(["sweep", str(path), *vary, "--answer", text, "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def answered(
    tmp_path: Path, values: list[str], outages_s: list[list[int]], bound_s: int, asked: str | None
) -> list[SweepVerdict]:
    """Of a sweep along link.bandwidth (and, in pairs of points, replay.on_hole) in which runs had
    these outages.
    """
    scenario = small(tmp_path, f"sla: {{outage.p50: at most {bound_s} s}}\n")
    points = [Point({"link.bandwidth": v}, scenario) for v in values]
    found = [
        Distribution(scenario, [sample(i, {"outage": us * S}) for i, us in enumerate(of)])
        for of in outages_s
    ]
    return answers(
        Swept(("link.bandwidth",), points, found), parse_answer(asked) if asked else None
    )


def test_the_page_judges_each_point_as_the_answer_does(tmp_path: Path) -> None:
    """One interval, one verdict, one number of runs: the answer's, which tries both ends."""
    scenario = small(tmp_path, "sla: {outage.mean: at most 230 s, outage.p50: at most 9 min}\n")
    runs = [sample(i, {"outage": (60 + i * 15) * S}) for i in range(20)]
    swept = Swept(
        ("link.rtt",), [Point({"link.rtt": "1 ms"}, scenario)], [Distribution(scenario, runs)]
    )
    (told,) = answers(swept, None)
    decided = told.because["1 ms"]
    by_itself = Distribution(scenario, runs).verdict[0]
    assert (by_itself.low, by_itself.more) != (decided.low, decided.more)
    page = sweep_html(swept, SweepShown(["outage.mean"], [told], None, 20))
    shown, _ = shown_value_and_bound(decided)
    assert f">? {shown}</td>" in page
    assert page.count("would decide") == 1 and " more runs" not in page.split("Each point")[1]


def test_an_answer_that_is_the_last_value_tried_says_so(tmp_path: Path) -> None:
    scenario = small(tmp_path, "sla: {outage.mean: at most 230 s}\n")
    short = Distribution(scenario, [sample(i, {"outage": (60 + i % 2) * S}) for i in range(20)])
    points = [Point({"link.bandwidth": f"{n} Mbit/s"}, scenario) for n in (1, 2)]
    swept = Swept(("link.bandwidth",), points, [short, short])
    page = sweep_html(swept, SweepShown(["outage.mean"], answers(swept, None), None, 20))
    assert "1 Mbit/s, as every value that was tried." in page
    (said,) = re.findall(r"[^<>\n]*1 Mbit/s, as every value that was tried", page)
    assert said.strip()[0].isupper()


def test_every_cell_of_the_page_sorts_by_its_number(tmp_path: Path) -> None:
    """'10:00' comes after '9:00', '10 Mbit/s' after '9 Mbit/s', 'never' last, unknown first."""
    scenario = small(tmp_path, "sla: {outage.mean: at most 9 min}\n")
    texts = ("10 Mbit/s", "9 Mbit/s", "8 Mbit/s", "1 Gbit/s")
    outages = (600 * S, 540 * S, NO_WAY_US)
    runs = [[sample(i, {"outage": us}) for i in range(4)] for us in outages]
    runs.append([sample(i, {"data_loss": 0}) for i in range(4)])  # no run tells how long
    points = [Point({"link.bandwidth": text}, scenario) for text in texts]
    swept = Swept(("link.bandwidth",), points, [Distribution(scenario, of) for of in runs])
    page = sweep_html(swept, SweepShown(["outage.mean"], answers(swept, None), None, 4))
    rows = re.findall(r"<tr>(<td .*?)</tr>", page.split("Each point")[1])
    keys = [[float(key) for key in re.findall(r'data-value="(.*?)"', row)] for row in rows]
    assert [of[0] for of in keys] == [2, 1, 0, 3]
    for column in (1, 2):
        found = [of[column] for of in keys]
        assert found[3] < found[1] < found[0] < found[2], found
        assert all(of[column] == -math.inf for column in (1, 2) for of in keys[3:])


LONG, SHORT, OPEN = [900] * 60, [60] * 60, [60, 900] * 30


@pytest.mark.parametrize(
    ("asked", "values", "outages_s", "edge"),
    [
        (
            "smallest link.bandwidth",
            ["1 Mbit/s", "2 Mbit/s", "5 Mbit/s"],
            [LONG, OPEN, SHORT],
            ("5 Mbit/s", ("2 Mbit/s",), "1 Mbit/s"),
        ),
        (
            None,
            ["1 Mbit/s", "2 Mbit/s", "5 Mbit/s"],
            [LONG, OPEN, SHORT],
            ("5 Mbit/s", ("2 Mbit/s",), "1 Mbit/s"),
        ),
        (
            "smallest link.bandwidth",
            ["10 Mbit/s", "9 Mbit/s", "100 Mbit/s"],
            [SHORT, LONG, SHORT],
            ("10 Mbit/s", (), "9 Mbit/s"),
        ),
        (
            "largest link.bandwidth",
            ["1 Mbit/s", "2 Mbit/s", "5 Mbit/s"],
            [SHORT, SHORT, LONG],
            ("2 Mbit/s", (), "5 Mbit/s"),
        ),
        (
            None,
            ["1 Mbit/s", "2 Mbit/s", "5 Mbit/s"],
            [SHORT, SHORT, LONG],
            ("2 Mbit/s", (), "5 Mbit/s"),
        ),
        ("smallest link.bandwidth", ["1 Mbit/s", "2 Mbit/s"], [LONG, LONG], (None, (), "2 Mbit/s")),
        (
            "smallest link.bandwidth with outage.p50 at least 10 min",
            ["1 Mbit/s", "2 Mbit/s"],
            [SHORT, LONG],
            ("2 Mbit/s", (), "1 Mbit/s"),
        ),
    ],
)
def test_the_answer_of_a_sweep(
    tmp_path: Path,
    asked: str | None,
    values: list[str],
    outages_s: list[list[int]],
    edge: tuple[str | None, tuple[str, ...], str | None],
) -> None:
    (told,) = answered(tmp_path, values, outages_s, 300, asked)
    assert (told.edge.meets, told.edge.unknown, told.edge.misses) == edge
    said = text([told], parse_answer(asked) if asked else None, 60)
    assert (
        f"  {edge[0]}: PASS" if edge[0] else "  none of 2: not even 2 Mbit/s surely does: FAIL"
    ) in said
    assert all(f"  not known at {value}: UNKNOWN" in said for value in edge[1])


def test_a_line_that_fails_is_enough_to_miss_an_sla(tmp_path: Path) -> None:
    scenario = small(tmp_path, "sla: {outage.p50: at most 5 min, alerts_missed: at most 0}\n")
    runs = [sample(i, {"outage": 60 * S, "alerts_missed": int(i == 7)}) for i in range(60)]
    (told,) = answers(
        Swept(
            ("link.rtt",), [Point({"link.rtt": "1 ms"}, scenario)], [Distribution(scenario, runs)]
        ),
        None,
    )
    assert (
        told.edge.meets is None
        and "alerts_missed at most 0, found 1; broken in 1 of 60 runs" in text([told], None, 60)
    )


def test_words_have_no_smallest_and_each_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = small_file(tmp_path, "sla: {exposure.mean: at most 1 h}\n"), tmp_path / "out"
    command = [
        "sweep",
        str(path),
        "--vary",
        "replay.on_hole=bridge,resync",
        "--replications",
        "5",
        "--workers",
        "1",
        "--out",
        str(out),
    ]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert (
        "ANSWER  with which replay.on_hole the SLA is met (95 % confidence, 5 runs a point)" in said
    )
    assert "  bridge: PASS exposure.mean" in said and "  resync: PASS exposure.mean" in said
    (kept,) = json.loads((out / "answer.json").read_text())
    assert kept == {
        "key": "replay.on_hole",
        "asked": "each",
        "verdicts": {"bridge": "pass", "resync": "pass"},
    }


def test_one_run_a_point_is_no_confidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_file(tmp_path, "sla: {exposure.p95: at most 1 h}\n")
    assert (
        main(
            [
                "sweep",
                str(path),
                "--vary",
                "replay.workers=1,2",
                "--out",
                str(tmp_path / "out"),
                "--workers",
                "1",
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert (
        "one run a point, and nothing is said of other luck: ask for more with --replications"
        in said
        and "confidence" not in said
    )


def test_each_point_is_held_against_its_own_sla(tmp_path: Path) -> None:
    path = small_file(tmp_path, "sla: {exposure.mean: at most 1 h}\n")
    found = api.sweep(path, {'sla."exposure.mean"': ["at most 1 s", "at most 1 h"]}, 5, workers=1)
    assert {
        v: j.outcome.name for v, j in found.answer('largest sla."exposure.mean"')[0].because.items()
    } == {"at most 1 s": "FAIL", "at most 1 h": "PASS"}
    spec = sweep_chart(found, DrawnMeasure("exposure.mean")).spec
    (sla,) = (mark for mark in spec["marks"] if mark["label"] == "SLA")
    assert sla["y"] == [1_000.0, 3_600_000.0]  # milliseconds


@pytest.mark.parametrize(
    ("measure", "bound"),
    [
        ("data_loss", 900.0),
        ("data_loss.max", 900.0),  # of every failover, so of the worst
        ("data_loss.p95", None),
        ("outage.max", 60.0),
        ("replay_lag.max", None),
    ],
)
def test_a_line_about_every_failover_bounds_the_worst(measure: str, bound: float | None) -> None:
    lines = (
        SlaLine("rpo", "data_loss", True, 15 * MIN),
        SlaLine("worst", "outage.max", True, MIN),
        SlaLine("any", "outage", True, 2 * MIN),
    )
    scenario = replace(a_scenario(), sla=lines)
    assert bound_of(scenario, measure) == bound
    assert bound_of(scenario, measure, "another") is None


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        (["200Mbit/s", "1 Gbit/s", "5 Mbit/s"], ["5 Mbit/s", "200Mbit/s", "1 Gbit/s"]),
        (["every 1 h", "every 5 min"], ["every 5 min", "every 1 h"]),
        (["100", "20"], ["20", "100"]),
        (["5 %", "0.1 %"], ["0.1 %", "5 %"]),
        (["resync", "bridge", "5 min"], ["resync", "bridge", "5 min"]),
        (["5 min", "2 Mbit/s"], ["5 min", "2 Mbit/s"]),
    ],
)
def test_values_in_their_own_order(values: list[str], ordered: list[str]) -> None:
    assert in_order(values) == ordered


@pytest.mark.long
def test_an_edge_does_not_depend_on_the_order_in_which_values_were_given(tmp_path: Path) -> None:
    path = small_file(tmp_path, "sla: {exposure.mean: at most 1 h}\n")
    found = api.sweep(
        path, {"link.bandwidth": ["1 Gbit/s", "100 kbit/s", "10 Mbit/s"]}, 5, workers=1
    )
    edge = found.edge("exposure.mean")
    assert (edge.meets, edge.unknown, edge.misses) == ("10 Mbit/s", (), "100 kbit/s")
    axis = sweep_chart(found, DrawnMeasure("exposure.mean")).spec["x"]
    assert [text for _, text in axis["ticks"]] == ["100 kbit/s", "10 Mbit/s", "1 Gbit/s"]
    assert [at for at, _ in axis["ticks"]] == [5.0, 7.0, 9.0]  # by their logarithm


@pytest.mark.long
def test_a_table_of_cells_says_where_the_sla_is_met(tmp_path: Path) -> None:
    path = small_file(tmp_path, "sla: {exposure.mean: at most 1 h}\n")
    found = api.sweep(
        path,
        {"link.bandwidth": ["100 kbit/s", "10 Mbit/s"], "replay.workers": ["1", "2"]},
        5,
        workers=1,
    )
    for sla, said in (
        (None, {"meets the SLA": 2, "misses it": 2}),
        (1.0, {"misses it": 4}),
        (9e6, {"meets the SLA": 4}),
    ):
        marks = sweep_chart(found, DrawnMeasure("exposure.mean", sla=sla)).spec["marks"]
        assert {mark["label"]: len(mark["items"]) for mark in marks} == said
    signs = sorted(t.get_text()[:1] for t in found.plot("exposure.mean").axes[0].texts)
    assert signs.count("✓") == signs.count("✗") == 2  # not by colour alone
    one = api.sweep(path, {"link.bandwidth": ["10 Mbit/s"]}, 5, workers=1)
    intervals = sweep_chart(one, DrawnMeasure("exposure.mean")).spec["marks"][0]
    # one point has an interval too
    assert intervals["label"].startswith("95 % interval") and len(intervals["items"]) == 1
    calm = api.sweep(path, {"link.bandwidth": ["10 Mbit/s"]}, 2, workers=1, overrides=["faults="])
    assert sweep_chart(calm, DrawnMeasure("outage.p95")).words == "10 Mbit/s: ?."
    calm.plot("outage.p95")


@pytest.mark.long
def test_the_command_answers_for_each_value_of_the_other_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = (
        small_file(tmp_path, "answer: smallest link.bandwidth with exposure.mean at most 1 h\n"),
        tmp_path / "out",
    )
    vary = [
        "--vary",
        "replay.on_hole=bridge,resync",
        "--vary",
        "link.bandwidth=100 kbit/s,200 Mbit/s",
    ]
    assert (
        main(
            ["sweep", str(path), *vary, "--replications", "5", "--workers", "1", "--out", str(out)]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert (
        "ANSWER  smallest link.bandwidth with which exposure.mean is at most 1 h 00 (95 % "
        "confidence, 5 runs a point)" in said
    )
    assert "  at replay.on_hole resync:\n  200 Mbit/s: PASS exposure.mean" in said
    kept = json.loads((out / "answer.json").read_text())
    assert [(of["replay.on_hole"], of["meets"], of["misses"]) for of in kept] == [
        (x, "200 Mbit/s", "100 kbit/s") for x in ("bridge", "resync")
    ]
    assert (out / "exposure.mean.svg").exists()
