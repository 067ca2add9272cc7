"""The public Python face: tidy tables, a picture of everything, and one clear line for what is no
input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import dr_sim
from dr_sim.errors import InputError
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.sweeps.sweep import Point
from dr_sim.screen import progress
from tests.experiments.worlds import small, small_file

QUIET = (
    "name: quiet\nrun_for: 1 h\ndatabases: {crm: {size: 1 GB, full: none, incremental: "
    "none}}\nlink: {bandwidth: 100 Mbit/s}\n"
)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> dr_sim.Scenario:
    return small(
        tmp_path_factory.mktemp("api"),
        "sla: {exposure.p95: at most 10 min, outage.p95: at most 5 min}\n",
    )


@pytest.fixture(scope="module")
def found(scenario: dr_sim.Scenario) -> Distribution:
    return dr_sim.replicate(scenario, 6, workers=1)


def text_of(figure: Any) -> str:
    return "\n".join(t.get_text() for ax in figure.axes for t in ax.findobj(Text))


def test_everything_has_tables_and_a_picture(
    scenario: dr_sim.Scenario, found: Distribution
) -> None:
    one = dr_sim.run(scenario)
    assert set(one.measures.columns) == set(found.measures.columns)
    assert isinstance(one.plot(), Figure) and "small: the run" in text_of(one.plot())
    assert "small: exposure" in text_of(one.plot("exposure"))
    with pytest.raises(ValueError, match="'timeline' or 'exposure', not 'lag'"):
        one.plot("lag")
    assert "small: 6 runs" in text_of(found.plot())
    slower = dr_sim.load_scenario(scenario.sla[0].file, ["failover.silent_for=90 s"])
    beside = dr_sim.compare(scenario, slower, 6, workers=1)
    rows = text_of(beside.plot()).splitlines()
    assert "outage (site)" in rows
    # a row that reaches beyond the axis says its number
    assert any(row.startswith("outage: detect (site)") for row in rows)
    assert "no measure differs" in text_of(dr_sim.Comparison(found, found).plot())


def test_what_they_are_fits_a_line(scenario: dr_sim.Scenario, found: Distribution) -> None:
    ran_once = dr_sim.run(scenario)
    many = len(ran_once.summary.failovers)
    failovers = "1 failover" if many == 1 else f"{many} failovers"
    assert repr(ran_once).startswith(f"Run(small, seed 1, {failovers}, ")
    assert repr(ran_once.summary) == f"Summary(small, seed 1, {failovers})"
    assert repr(found) == "Distribution(small, seed 1, 6 replications)"


WRONG: list[tuple[str, Callable[[dr_sim.Scenario, Path], object], type[Exception], str]] = [
    (
        "no file",
        lambda s, p: dr_sim.load_scenario("nowhere.yaml"),
        InputError,
        "cannot be read: No such file",
    ),
    (
        "one text",
        lambda s, p: dr_sim.load_scenario(p, "link.loss=1 %"),
        TypeError,
        r"overrides is a list of texts, as in \['link.loss=1%'\]",
    ),
    (
        "a mapping",
        lambda s, p: dr_sim.load_scenario(p, {"link.loss": "1 %"}),
        TypeError,
        "overrides is a list of texts",
    ),  # type: ignore[arg-type]
    (
        "run a number",
        lambda s, p: dr_sim.run(3),
        TypeError,
        "takes a scenario, its file's path or a mapping, not 3",
    ),  # type: ignore[arg-type]
    ("replicate a list", lambda s, p: dr_sim.replicate([s], 2), TypeError, "takes a scenario"),  # type: ignore[arg-type]
    ("compare a list", lambda s, p: dr_sim.compare(s, [p], 2), TypeError, "takes a scenario"),  # type: ignore[arg-type]
    (
        "side by side",
        lambda s, p: dr_sim.side_by_side([s, s], 2),
        TypeError,
        "takes scenarios by name",
    ),  # type: ignore[arg-type]
    (
        "a number by name",
        lambda s, p: dr_sim.side_by_side({"a": 3}, 2),
        TypeError,
        "takes a scenario",
    ),  # type: ignore[dict-item]
    (
        "engine",
        lambda s, p: dr_sim.run(s, engine="oracle"),
        ValueError,
        "engine is 'model', 'sqlite' or 'postgres', not 'oracle'",
    ),
    (
        "number",
        lambda s, p: dr_sim.run(s, number=-1),
        ValueError,
        "number is a whole number from 0, not -1",
    ),
    (
        "none of them",
        lambda s, p: dr_sim.replicate(s, 0),
        ValueError,
        "n is a whole number from 1, not 0",
    ),
    (
        "compare none",
        lambda s, p: dr_sim.compare(s, s, -3),
        ValueError,
        "n is a whole number from 1, not -3",
    ),
    (
        "workers",
        lambda s, p: dr_sim.replicate(s, 2, workers=0),
        ValueError,
        "workers is a whole number from 1, not 0",
    ),
    ("on", lambda s, p: dr_sim.replicate(s, 2, on="nowhere"), InputError, "write dask://HOST:PORT"),
    (
        "sweep a scenario",
        lambda s, p: dr_sim.sweep(s, {"replay.workers": "1,2"}, 1),
        TypeError,
        "sweep takes the path of a scenario file",
    ),  # type: ignore[arg-type]
    (
        "sweep texts",
        lambda s, p: dr_sim.sweep(p, ["replay.workers=1,2"], 1),
        TypeError,
        "vary is a mapping, as in",
    ),  # type: ignore[arg-type]
    ("sweep nothing", lambda s, p: dr_sim.sweep(p, n=1), ValueError, "says nothing to vary"),
    (
        "no values",
        lambda s, p: dr_sim.sweep(p, {"replay.workers": []}, 1),
        ValueError,
        "replay.workers has no values",
    ),
    (
        "no database",
        lambda s, p: dr_sim.run(s).exposure("erp"),
        ValueError,
        "no database 'erp'; there is 'crm'",
    ),
    (
        "no class",
        lambda s, p: dr_sim.run(s).exposure("", "rack"),
        ValueError,
        "no class of failure 'rack'; there is",
    ),
    (
        "no record",
        lambda s, p: dr_sim.run(s).records("truth.fail"),
        ValueError,
        "no records 'truth.fail'; did you mean 'truth.failed'",
    ),
]


@pytest.mark.parametrize(
    ("call", "error", "told"), [x[1:] for x in WRONG], ids=[x[0] for x in WRONG]
)
def test_what_is_no_input_is_one_line(
    tmp_path: Path,
    call: Callable[[dr_sim.Scenario, Path], object],
    error: type[Exception],
    told: str,
) -> None:
    path = tmp_path / "quiet.yaml"
    path.write_text(QUIET, encoding="utf-8")
    with pytest.raises(error, match=told) as caught:
        call(dr_sim.load_scenario(path), path)
    assert "\n" not in str(caught.value)


def test_a_measure_of_what_is_not_there(found: Distribution) -> None:
    for ask in (
        lambda: found.interval("exposure.p95", "erp"),
        lambda: found.values("outage", "erp"),
        lambda: found.exposure_curve("site", "erp"),
    ):
        with pytest.raises(ValueError, match="no database 'erp'"):
            ask()
    with pytest.raises(ValueError, match="no class of failure 'rack'"):
        found.interval("exposure.p95", failure_class="rack")
    with pytest.raises(ValueError, match="no measure 'outages'; did you mean 'outage'"):
        found.values("outages")


def test_values_of_a_sweep_may_be_numbers(tmp_path: Path) -> None:
    swept = dr_sim.sweep(
        small_file(tmp_path),
        {"replay.workers": [1, 2]},
        1,
        overrides=["run_for=1 h", "faults="],
        workers=1,
    )
    assert list(swept.curve("exposure.mean")["replay.workers"]) == ["1", "2"]
    with pytest.raises(ValueError, match="the SLA of small has no lines"):
        swept.answer("largest replay.workers")


PLAIN = {
    "run_for": "1 day",
    "seed": 4,
    "databases": {"crm": {"size": "1 GB", "log": "every 15 min"}},
    "link": {"bandwidth": "200 Mbit/s", "loss": "0 %"},
    "replay": {"workers": 2},
    "events": [{"at": "10 h", "index_maintenance": {"database": "crm", "log": "1 GB"}}],
}


def test_a_mapping_is_the_scenario_that_a_file_would_be(tmp_path: Path) -> None:
    of_mapping = dr_sim.load_scenario(PLAIN, ["link.rtt=10 ms"])
    path = tmp_path / "scenario.yaml"
    path.write_text(json.dumps({**PLAIN, "replay": {"workers": "2"}}))
    of_file = dr_sim.load_scenario(path, ["link.rtt=10 ms"])
    assert replace(of_mapping, resolved={}) == replace(of_file, resolved={})
    assert of_mapping.name == "scenario"


def test_a_mistake_in_a_mapping_has_the_path_of_its_key() -> None:
    wrong = {
        **PLAIN,
        "databases": {"crm": {"size": "5 GX", "ful": "daily 01:00"}},
        "events": [{"at": "10 h", "lose": "moon"}],
    }
    with pytest.raises(InputError) as caught:
        dr_sim.load_scenario(wrong)
    assert str(caught.value).splitlines() == [
        "databases.crm.ful: unknown key 'databases.crm.ful'; did you mean 'full'?",
        "databases.crm.size: '5 GX': 'GX' is no unit of size; write B, kB, MB, GB, TB, KiB, MiB, "
        "GiB or TiB",
        "events.1.lose.what: 'moon' is not one of site, host, database; of one database write "
        "{what: database, database: moon}",
    ]


def test_what_no_file_could_hold_is_told_alone() -> None:
    with pytest.raises(InputError) as caught:
        dr_sim.load_scenario({**PLAIN, "databases": {"erp": {"size": b"1"}}, 7: "x"})
    assert str(caught.value).splitlines() == [
        "scenario: a key is a text, not 7",
        "databases.erp.size: b'1' (bytes) is no text, number, list or mapping; write it as in a "
        "file, for example '15 min'",
    ]


def test_a_cell_shows_the_screen_and_a_repr_is_one_short_line(found: Distribution) -> None:
    scenario = dr_sim.load_scenario(PLAIN)
    assert repr(scenario) == "Scenario(scenario, seed 4, 1 d, 1 database)"
    shown = found._repr_html_()
    assert shown.startswith("<pre") and "Distribution(small, seed 1" in shown
    assert " UNKNOWN  exposure.p95" in shown and "<td>outage</td>" in shown
    beside = dr_sim.Comparison(found, found)
    assert "Comparison(Distribution(small" in beside._repr_html_()
    swept = dr_sim.Swept(("seed",), [Point({"seed": "1"}, found.scenario)], [found])
    assert repr(swept) == "Swept(1 value of seed, 6 runs a point)"
    assert "outage.p95" in swept._repr_html_()


def test_a_cell_has_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, html: str) -> None:
            shown.append(html)

    def display(html: str, display_id: bool) -> Handle:
        shown.append(html)
        return Handle()

    fake = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=1), display=display, HTML=lambda text: text
    )
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    monkeypatch.setattr(progress, "SHOW_AFTER_S", 0.0)
    with progress.progress_bar("<many>") as (told, _):
        assert told is not None
        told(0.25)
    assert "&lt;many&gt;" in shown[0] and "25 %" in shown[1] and shown[-1] == ""


def test_a_path_or_a_mapping_may_stand_where_a_scenario_may(tmp_path: Path) -> None:
    file = small_file(tmp_path)
    loaded = dr_sim.load_scenario(file)
    one = dr_sim.run(loaded)
    assert dr_sim.run(file).digest == dr_sim.run(str(file)).digest == one.digest
    found = dr_sim.replicate(file, 2, workers=1)
    assert found.interval("exposure.p50") == dr_sim.replicate(loaded, 2, workers=1).interval(
        "exposure.p50"
    )
    same = dr_sim.compare(str(file), loaded, 2, workers=1)
    assert "no measure differs" in text_of(same.plot())
    assert len(dr_sim.side_by_side({"a": file, "b": loaded}, 1, workers=1).points) == 2
    mapping = {
        "run_for": "1 h",
        "databases": {"crm": {"size": "1 GB", "full": "none", "incremental": "none"}},
        "link": {"bandwidth": "100 Mbit/s"},
    }
    assert dr_sim.run(mapping).scenario.run_for_us == 3_600_000_000
    with pytest.raises(InputError, match="nowhere"):
        dr_sim.run(tmp_path / "nowhere.yaml")
