"""`dr-sim new` writes scenarios that load and keep their editor's schema beside them; `dr-sim
library` lists and copies what comes with dr_sim, from a wheel as well.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dr_sim.cli.main import main
from dr_sim.library import library_files, library_scenarios, new
from dr_sim.loading import load_scenario, validate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("template", new.template_names())
def test_every_template_loads_and_says_where_its_schema_is(
    template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    assert main(["new", str(file), "--template", template]) == 0
    assert validate(file) == []
    assert file.read_text().startswith("# yaml-language-server: $schema=dr-sim.schema.json\n")
    schema = json.loads((tmp_path / "dr-sim.schema.json").read_text())
    assert schema["$id"].startswith("urn:dr-sim:scenario:")
    command = capsys.readouterr().out.splitlines()[-1].split()[2]
    scenario = load_scenario(file)
    assert (command == "check") == (scenario.replications is not None)
    assert (command == "sweep") == bool(scenario.sweep)


def test_a_file_that_is_there_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine")
    assert main(["new", str(file)]) == 2
    assert "is there already" in capsys.readouterr().err and file.read_text() == "mine"
    assert main(["new"]) == 2
    assert main(["new", str(tmp_path / "x.yaml"), "--template", "sqlserver"]) == 2
    assert "did you mean sql-server?" in capsys.readouterr().err
    assert not (tmp_path / "x.yaml").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_asks_until_each_answer_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [
        "postgre",
        "postgres",
        "crm, erp",
        "10",
        "10 GB",
        "",
        "",
        "daily 02:00",
        "every 1 min",
    ]
    answers += ["", "", ""]
    monkeypatch.setattr("sys.stdin", Terminal("\n".join(answers) + "\n"))
    assert main(["new", str(tmp_path / "asked.yaml")]) == 0
    told = capsys.readouterr().out
    assert "'10' has no unit" in told and "there is sql-server" in told and "every 5 min" in told
    scenario = load_scenario(tmp_path / "asked.yaml")
    assert [d.name for d in scenario.databases] == ["crm", "erp"]
    assert scenario.databases[0].size_bytes == 10 * 10**9
    assert scenario.engine.imitates == "postgres"
    assert scenario.databases[0].log.interval_us == 60 * 10**6


def test_answers_that_end_early_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("postgres\n"))
    assert main(["new", str(tmp_path / "asked.yaml")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_library_is_listed_with_what_each_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["library", "outlasting"]) == 0
    assert capsys.readouterr().out.startswith(
        "scenarios/after_failover/outlasting.yaml\n    effects "
    )
    assert main(["library", "no such word"]) == 2
    silent = [each.path for each in library_scenarios() if not each.about]
    assert silent == []


def test_a_copy_of_the_library_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["library", "--copy", str(tmp_path / "mine")]) == 0
    assert validate(tmp_path / "mine/scenarios/faults/link_outage.yaml") == []
    assert (tmp_path / "mine/notebooks/policy.ipynb").exists()
    assert main(["library", "--copy", str(tmp_path / "mine")]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.long
def test_a_wheel_holds_the_library_and_the_templates(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv", "results", "build", ".*_cache")
    )
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*build, "-w", str(tmp_path), str(source)], check=True, timeout=300)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
        wheel.extractall(tmp_path / "site")
    assert {f"dr_sim/library/{name}" for name, _ in library_files()} <= held
    assert "dr_sim/library/templates/sql-server.yaml" in held
    code = "from dr_sim.cli.main import main; main(['library', 'quickstart'])"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "site",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "scenarios/quickstart.yaml" in told.stdout
