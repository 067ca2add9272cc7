"""Every screen fits the terminal, and no word of it is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.formatting import layout
from dr_sim.formatting.layout import fitted, table_lines

ROOT = Path(__file__).parent.parent
SCENARIOS = ROOT / "scenarios"
COLUMNS = 80


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))


def too_long(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) > COLUMNS]


# ---- lines
def test_a_long_line_goes_on_below_its_last_column() -> None:
    line = "  0:05  log interval  " + "until the next log was cut " * 4
    first, *more = fitted(line).splitlines()
    assert len(first) <= COLUMNS
    assert first.split() == line.split()[: len(first.split())]
    assert [len(each) - len(each.lstrip()) for each in more] == [22] * len(more)
    assert " ".join([first, *more]).split() == line.split()


def test_a_line_without_columns_goes_on_a_little_further_in() -> None:
    line = "Why: " + "word " * 30
    first, second, *_ = fitted(line).splitlines()
    assert first.startswith("Why: word")
    assert second.startswith("  word")


def test_a_word_is_never_cut() -> None:
    path = "/a/folder/" + "x" * 100
    assert fitted(f"see {path} there").split() == ["see", path, "there"]


def test_a_command_stays_in_one_line() -> None:
    command = "`dr-sim advise mine.yaml`"
    line = "word " * 12 + command + " tells which changes would help"
    assert any(command in part for part in fitted(line).splitlines())


def test_an_interval_and_a_number_with_its_unit_stay_together() -> None:
    line = "a " * 37 + "0 % [0, 17] of runs"
    assert fitted(line).splitlines() == [("a " * 37 + "0 %").rstrip(), "  [0, 17] of runs"]


def test_colours_take_no_room() -> None:
    red = "\x1b[1;31mFAIL\x1b[0m"
    line = f"{red} " * 16
    assert fitted(line.rstrip()) == line.rstrip()


def test_a_line_that_fits_stays_as_it_is() -> None:
    text = "a   b\n\n  c" + " " * 20 + "d"
    assert fitted(text) == text


def test_a_line_for_a_file_is_not_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr("sys.__stdout__", None)
    line = "Why: " + "word " * 100 + "end"
    assert fitted(line) == line
    assert len(table_lines([["", *"abc"], ["x" * 60, *["y" * 60] * 3]])) == 2


def test_a_wide_terminal_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert layout.width() == layout.WIDEST


# ---- tables
def test_a_table_that_is_too_wide_is_printed_in_parts() -> None:
    head = ["", *(f"column {i}" for i in range(9))]
    row = ["crm", *(f"2:0{i} [2:00, 2:09]" for i in range(9))]
    lines = table_lines([head, row])
    assert not too_long("\n".join(lines))
    assert sum(line.startswith("crm") for line in lines) > 1
    assert [line for line in lines if "column 8" in line]
    assert {cell for cell in row if any(cell in line for line in lines)} == set(row)


def test_both_names_of_a_row_are_in_each_part() -> None:
    rows = [["a", "b", *"xy"], ["10 Mbit/s", "resync", "1" * 40, "2" * 40]]
    lines = table_lines(rows, names=2)
    assert len([line for line in lines if line.startswith("10 Mbit/s  resync")]) == 2


def test_a_long_last_cell_goes_on_below_itself() -> None:
    rows = [["", "worst cause"], ["crm", "the link was down " * 8]]
    _, first, second, *_ = table_lines(rows)
    assert len(first) <= COLUMNS
    assert second[:5] == "     " and second[5] != " "


def test_the_last_column_of_a_part_is_as_wide_as_its_cells() -> None:
    rows = [["", "one", "alerts", "cause"], ["crm", "1" * 60, "211", "why " * 8]]
    lines = table_lines(rows, right=(1, 2))
    assert lines[1] == "crm  " + "1" * 60 + "     211"
    assert not too_long("\n".join(lines))


def test_long_names_make_room_for_the_other_columns() -> None:
    rows = [["", *"abc"], ["a link twice as wide and a failover", "1" * 18, "2" * 16, "3" * 9]]
    lines = table_lines(rows)
    assert lines[1].endswith("3" * 9)
    assert lines[1].startswith("a link twice")


# ---- screens
AFTER_A_RUN = [
    ["explain", "r"],
    ["explain", "r", "--alerts"],
    ["explain", "r", "--ways"],
    ["plan", "r"],
    ["cutsets", "r", "--count", "2", "--at", "2 h"],
    ["verify", "r"],
]
RUNS = [
    "quickstart.yaml",
    "copies/two.yaml",
    "after_failover/tenants.yaml",
    "cloud/upgrade_night.yaml",
]


def screen(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(list(words))
    return capsys.readouterr().out


@pytest.mark.parametrize("name", RUNS)
def test_a_run_and_its_explanation_fit(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(SCENARIOS / name)
    text = screen(capsys, "run", path, "--no-report", "--allow-outside", "-o", "r")
    for words in AFTER_A_RUN:
        text += screen(capsys, *words)
    assert "PASS" in text or "FAIL" in text or "DONE" in text or "UNKNOWN" in text
    assert too_long(text) == []


MANY = [
    ["run", "quickstart.yaml", "--replications", "3"],
    ["check", "quickstart.yaml", "--replications", "3"],
    ["ways", "quickstart.yaml", "--at", "Wed 02:40"],
    [
        "sweep",
        "quickstart.yaml",
        "--vary",
        "link.bandwidth=10..1000Mbit/s:log2",
        "--replications",
        "2",
    ],
    ["compare", "quickstart.yaml", "copies/two.yaml", "--replications", "2"],
    ["validate", "quickstart.yaml"],
    ["keys"],
    ["faults"],
    ["faults", "link_outage"],
    ["library"],
    ["library", "outage"],
    ["new", "--list"],
    ["new", "mine.yml", "--template", "postgres"],
    ["advise", "advice/narrow_link.yaml", "--replications", "2"],
    ["explore", "quickstart.yaml", "--runs", "4", "--against", "none", "-o", "found"],
    ["shrink", "quickstart.yaml"],
    ["import", "sqlserver", "--how"],
]


def played(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> str:
    patch.chdir(folder)
    given = [str(SCENARIOS / word) if word.endswith(".yaml") else word for word in words]
    allowed = ["--allow-outside"] if given != words else []
    return screen(capsys, *given, *allowed)


@pytest.mark.parametrize("words", MANY, ids=lambda words: " ".join(words[:2]))
def test_screens_of_commands_fit(
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = played(words, tmp_path, capsys, monkeypatch)
    # a command that people copy keeps its words, and a path is a word
    assert too_long(text.replace(str(SCENARIOS), "").replace(str(ROOT), "")) == []


def test_a_screen_that_is_not_fitted_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dr_sim.cli.printing.fitted", lambda text: text)
    text = played(["run", "quickstart.yaml", "--no-report"], tmp_path, capsys, monkeypatch)
    assert too_long(text)


@pytest.mark.parametrize("to_screen", [True, False])
def test_what_a_command_says_beside_its_results_fits_a_screen(
    to_screen: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program reads one line, a person reads what fits."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: to_screen, raising=False)
    long = ["x"] * 60
    for words in (["run", f"{'no ' * 40}.yaml"], ["run", "a.yaml", *long]):
        try:
            assert main(words) == 2
        except SystemExit as stopped:
            assert stopped.code == 2
        said = capsys.readouterr().err
        assert bool(too_long(said)) is not to_screen
