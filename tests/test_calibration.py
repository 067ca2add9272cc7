"""What an operation costs: the line through measured durations, its uncertainty, the section a
scenario extends; and the prediction made of it beside what is observed.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dr_sim.calibrate import calibration, compare_engines
from dr_sim.calibrate.calibration import Measured, calibrate
from dr_sim.calibrate.compare_engines import Compared, compare, median_error, table
from dr_sim.calibrate.cost_line import FASTEST_BYTES_S, LineFit, fit
from dr_sim.calibrate.cost_section import FittedCosts, cost_section, read_costs
from dr_sim.cli.main import main
from dr_sim.engines.port import BackupOrder
from dr_sim.engines.sides import open_sides
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario

SIZES = [10_000, 100_000, 1_000_000, 8_000_000] * 5
KINDS = ("full", "incremental", "log")


def line(fixed_s: float, rate: float) -> LineFit:
    return LineFit(fixed_s, fixed_s / 10, 1 / rate, 0.1 / rate, 20, 10**4, 10**7)


def made_up(engine: str = "sqlite") -> FittedCosts:
    fits = {
        f"{k} {what}": line(0.01 * (i + 1), 10**8)
        for i, k in enumerate(KINDS)
        for what in ("backup", "restore")
    }
    return FittedCosts(engine, "SQLite 3", {**fits, "hash": line(0.0, 4e8)}, [0.3, 0.1, 0.2])


# ---- the line
def test_a_line_without_scatter_is_found_exactly() -> None:
    found = fit(SIZES, [0.05 + size / 40e6 for size in SIZES])
    assert (found.fixed_us, found.rate_bytes_s) == (50_000, 40_000_000)
    assert found.fixed_half_s < 1e-9 and found.slope_half_s < 1e-15
    assert (found.count, found.smallest, found.largest) == (20, 10_000, 8_000_000)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """1,000 calibrations with 10 % of scatter: 95 % of the intervals hold the true cost, give or
    take 4 standard errors (0.7 % each).
    """
    draw = random.Random(5)
    held = [0, 0]
    for _ in range(1000):
        found = fit(SIZES, [(0.05 + size / 40e6) * draw.gauss(1, 0.1) for size in SIZES])
        held[0] += abs(found.fixed_s - 0.05) <= found.fixed_half_s
        held[1] += abs(found.slope_s - 1 / 40e6) <= found.slope_half_s
    assert all(922 <= count <= 978 for count in held), held


def test_a_slow_minute_moves_the_line_little() -> None:
    """A third of the durations three to six times too long: the mean of them all is more than twice
    the truth.
    """
    draw = random.Random(6)
    truth = [0.05 + size / 40e6 for size in SIZES]
    seen = [
        t * draw.gauss(1, 0.03) * (draw.uniform(3, 6) if i % 6 in (0, 3) else 1)
        for i, t in enumerate(truth)
    ]
    found = fit(SIZES, seen)
    assert 0.04 < found.fixed_s < 0.06 and 30e6 < found.rate_bytes_s < 50e6
    assert found.fixed_s - found.fixed_half_s < 0.05 < found.fixed_s + found.fixed_half_s


def test_no_cost_is_negative() -> None:
    rising = fit(SIZES, [max(1e-6, size / 40e6 - 1e-4) for size in SIZES])
    assert rising.fixed_us == 0 and rising.rate_bytes_s > 0 and "no fixed cost" in rising.words()
    falling = fit(SIZES, [0.2 - size / 1e9 for size in SIZES])
    assert 0.19 < falling.fixed_s < 0.2 and falling.rate_bytes_s == FASTEST_BYTES_S
    assert "whatever the size" in falling.words()


# ---- measuring and writing
@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "DATABASES", (200_000, 400_000, 800_000))
    monkeypatch.setattr(calibration, "LOGS", (10_000, 40_000, 160_000))
    monkeypatch.setattr(calibration, "INCREMENTALS", (50_000, 100_000, 200_000))
    monkeypatch.setattr(calibration, "ROUNDS", 1)


def test_every_operation_of_a_real_engine_is_measured(small: None) -> None:
    costs = calibrate("sqlite", rounds=1)
    assert set(costs.fits) == {f"{k} {what}" for k in KINDS for what in ("backup", "restore")} | {
        "hash"
    }
    for what, found in costs.fits.items():
        assert found.count >= 6 and found.fixed_s + found.slope_s * found.largest > 0, what
    assert len(costs.recover_s) == 3 and costs.version.startswith("SQLite 3.")


def test_the_cost_section_is_one_that_a_scenario_extends(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", "--engine", "sqlite", "-o", "costs.yaml"]) == 0
    assert capsys.readouterr().out == Path("costs.yaml").read_text(encoding="utf-8")
    Path("mine.yaml").write_text(
        "extends: costs.yaml\nrun_for: 1 h\ndatabases: {crm: {size: 1 GB}}\nlink: "
        "{bandwidth: 1 Gbit/s}\n"
    )
    assert main(["validate", "mine.yaml"]) == 0
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["costs.yaml", "mine.yaml"]


def test_the_section_says_what_was_measured(tmp_path: Path) -> None:
    costs = made_up()
    (tmp_path / "costs.yaml").write_text(cost_section(costs, "costs.yaml"), encoding="utf-8")
    (tmp_path / "s.yaml").write_text(
        "extends: costs.yaml\nrun_for: 1 h\ndatabases: {crm: {size: 1 GB}}\nlink: "
        "{bandwidth: 1 Gbit/s}\n"
    )
    s = load_scenario(tmp_path / "s.yaml")
    assert (s.primary.full.fixed_us, s.primary.log.fixed_us, s.primary.log.rate_bytes_s) == (
        10_000,
        30_000,
        10**8,
    )
    assert (s.secondary.restore[2].fixed_us, s.secondary.hash_bytes_s, s.failover.recover.a) == (
        30_000,
        4 * 10**8,
        200_000,
    )
    scaled = load_scenario(tmp_path / "s.yaml", costs.overrides(50))
    assert (scaled.primary.log.fixed_us, scaled.primary.log.rate_bytes_s) == (30_000, 5 * 10**9)
    assert [cost.fixed_us for cost in scaled.secondary.restore] == [10_000, 20_000, 30_000]
    assert [cost.rate_bytes_s for cost in scaled.secondary.restore] == [5 * 10**9] * 3
    assert scaled.secondary.disk_bytes_s == scaled.primary.disk_bytes_s == 50 * FASTEST_BYTES_S


def test_a_section_that_is_read_again_says_the_same(tmp_path: Path) -> None:
    costs = made_up()
    (tmp_path / "costs.yaml").write_text(cost_section(costs, "costs.yaml"), encoding="utf-8")
    (tmp_path / "s.yaml").write_text(
        "run_for: 1 h\ndatabases: {crm: {size: 1 GB}}\nlink: {bandwidth: 1 Gbit/s}\n"
    )
    read = read_costs(tmp_path / "costs.yaml")
    for scale in (1, 50, 100_000):
        direct, stored = (
            load_scenario(tmp_path / "s.yaml", of.overrides(scale)) for of in (costs, read)
        )
        assert (direct.primary, direct.secondary, direct.failover) == (
            stored.primary,
            stored.secondary,
            stored.failover,
        )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no costs; write one with dr-sim calibrate"),
        ("primary: {disk: 1 GB/s}", "holds no primary.full.fixed; write a file of costs"),
        (
            "run_for: 1 h",
            "1:1: run_for is no cost; a file of costs holds primary, secondary and failover",
        ),
        ("secondary: {hash_rate: fast}", "1:24: secondary.hash_rate: "),
        ("primary: [1", "1:"),
    ],
)
def test_another_file_than_of_costs_is_refused_before_anything_runs(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "costs.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    assert (
        main(
            [
                "compare-engines",
                str(tmp_path / "s.yaml"),
                "--costs",
                f"sqlite={tmp_path}/costs.yaml",
            ]
        )
        == 2
    )
    out, err = capsys.readouterr()
    assert out == "" and told in err and err.startswith(f"{tmp_path}/costs.yaml:")
    assert (
        main(["compare-engines", str(tmp_path / "s.yaml"), "--costs", f"{tmp_path}/costs.yaml"])
        == 2
    )
    assert "write the engine and its file" in capsys.readouterr().err


def test_costs_that_no_scenario_asks_for_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "costs.yaml").write_text(cost_section(made_up(), "costs.yaml"), encoding="utf-8")
    (tmp_path / "s.yaml").write_text(SCENARIO, encoding="utf-8")
    command = [
        "compare-engines",
        str(tmp_path / "s.yaml"),
        "--costs",
        f"postgres={tmp_path}/costs.yaml",
    ]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "--costs: no scenario here runs on postgres, only on sqlite; give the costs of "
        "that, or leave them out\n"
    )
    assert main([*command, *command[2:]]) == 2
    assert capsys.readouterr().err == "--costs: the costs of postgres are given twice\n"


@pytest.mark.parametrize("out", ["folder", "file/inside"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calibration, "calibrate", None)
    Path("folder").mkdir()
    Path("file").write_text("")
    assert main(["calibrate", "--engine", "sqlite", "-o", out]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# ---- prediction
SCENARIO = """\
run_for: 1 h
databases:
  crm: {size: 100 MB, log_volume: 20 MB per 5 min, full: every 30 min, incremental: none}
link: {bandwidth: 200 Mbit/s}
failover: {mode: automatic}
engine: {kind: sqlite, scale: 100}
events: [{at: 48 min, lose: site}]
"""


def test_predicted_stands_beside_observed(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    found = {c.quantity: c for c in compare([path], stored={"sqlite": made_up()})}
    assert found["data loss"].predicted_us == found["data loss"].observed_us == 180_000_000
    assert found["log backup"].predicted_us == 30_000 + 2_000  # 20 MB at a hundred times 100 MB/s
    assert found["outage: recover"].predicted_us == 200_000
    observed = found["outage: recover"].observed_us
    assert observed is not None and 0 < observed < 200_000
    clocked = {c.quantity for c in found.values() if c.clocked}
    assert clocked >= {
        "outage: recover",
        "log backup",
        "full backup",
        "log restore",
        "log: from its begin until restored",
    }
    assert found["log restore"].predicted_us == 30_000 + 2_000
    assert not clocked & {"data loss", "outage: detect", "outage", "replay lag p50"}
    shown = table(list(found.values()))
    assert "as written" in shown and "median error of the" in shown.splitlines()[-1]


def test_costs_are_measured_before_and_after_what_they_predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look between two runs is good for both. What was measured before is pooled with what was
    measured after.
    """
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    looks: list[float] = []

    def look(engine: str, *, rounds: int) -> Measured:
        looks.append(0.01 * 2 ** len(looks))
        sizes = [10**5, 10**6, 10**7]
        durations = [looks[-1] + size / 1e9 for size in sizes]
        whats = [f"{k} {what}" for k in KINDS for what in ("backup", "restore")] + ["hash"]
        return Measured(
            engine,
            "SQLite 3",
            dict.fromkeys(whats, sizes),
            dict.fromkeys(whats, durations),
            [looks[-1]],
        )

    monkeypatch.setattr(compare_engines, "measure", look)
    found = [c.predicted_us for c in compare([path, path]) if c.quantity == "outage: recover"]
    assert found == [15_000, 30_000] and len(looks) == 3


def test_errors_are_relative_to_what_was_observed_and_their_median_is_of_what_the_clock_decides() -> (
    None
):
    found = [
        Compared("s", "a", 110, 100, True),
        Compared("s", "b", 80, 100, True),
        Compared("s", "c", 100, 0, True),
        Compared("s", "d", 1, 100, False),
        Compared("s", "e", 100, 103, True),
        Compared("s", "f", None, 1, True),
    ]
    assert [c.error for c in found[:3]] == [pytest.approx(0.1), pytest.approx(-0.2), None]
    assert median_error(found) == pytest.approx(0.1)
    assert (
        table(found).splitlines()[-1]
        == "median error of the 3 that the clock decides: 10.0%; 1 of them worse than 15%"
    )


def test_a_scenario_on_the_model_has_nothing_to_compare_with(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.replace("kind: sqlite, ", ""), encoding="utf-8")
    with pytest.raises(InputError, match="names no real engine"):
        compare([path])


def test_what_lies_on_disk_weighs_what_it_should() -> None:
    """1 GB and a log of 20 MB at a thousandth: a megabyte and 20 kB, and what the engine adds."""
    from dr_sim.backups.model import Kind

    with open_sides("sqlite", scale=1000) as sides:
        sides.primary.create("crm", 10**9)
        sides.primary.commit_to("crm", 10, 1)
        full = sides.primary.begin_backup(
            "crm", BackupOrder(Kind.FULL, "full", 0, 10**9, backup_id=1)
        ).finish(10, 1, 1)
        assert 10**6 <= full.actual_bytes <= 1.6 * 10**6
        sizes = []
        for n in range(1, 31):
            sides.primary.commit_to("crm", 10 + n, n * 20_000_000)
            sizes.append(
                sides.primary.begin_backup("crm", BackupOrder(Kind.LOG, "log", 0, 1, backup_id=n))
                .finish(0, 0, 1)
                .actual_bytes
            )
        assert 20_000 * 30 <= sum(sizes) <= 2 * 20_000 * 30
