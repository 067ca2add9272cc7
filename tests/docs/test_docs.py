"""The documentation is true: its commands run, its scenarios load, its generated pages are up to
date.

Blocks marked `sh` and `python` are executed, page by page, in a folder beside the library, and so
are the commands in the README's table. Blocks marked `yaml` are loaded. A command anywhere else on
a page (in a sentence, or in a block without a mark) is read by the parser of the command line.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dr_sim.cli.help import commands_of
from dr_sim.cli.main import parser_of_all
from dr_sim.loading import validate
from dr_sim.recovery.alerts import alerts

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BASE = "run_for: 14 days\ndatabases: {crm: {size: 500 GB}}\nlink: {bandwidth: 200 Mbit/s}\n"
NOT_OURS = ("# GitHub workflow", "# GitLab pipeline")
QUICK = ("README.md",)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *words: str) -> list[tuple[str, str]]:
    return [(m[1], m[2]) for m in BLOCK.finditer(page.read_text(encoding="utf-8")) if m[1] in words]


def of(page: Path) -> str:
    return page.name


RUNNING = [
    pytest.param(page, id=page.name, marks=[] if page.name in QUICK else [pytest.mark.long])
    for page in PAGES
    if blocks(page, "sh", "python")
]


@pytest.fixture
def beside_the_library(tmp_path: Path) -> Path:
    for name in ("scenarios", "examples", "notebooks", "Makefile"):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in (("dr-sim", "dr_sim"), ("pytest", "pytest")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("page", RUNNING)
def test_what_a_page_says_can_be_run(page: Path, beside_the_library: Path) -> None:
    here = beside_the_library
    path = os.pathsep.join([str(here / "bin"), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    for word, text in blocks(page, "sh", "python"):
        command = ["sh", "-e", "-c", text] if word == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=here, env=env, capture_output=True, text=True, timeout=600
        )
        codes = (0, DIFFERS) if "differ from HEAD" in done.stdout else (0,)
        assert done.returncode in codes, f"{text}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_what_a_page_shows_as_a_scenario_loads(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _, text in blocks(page, "yaml"):
        if text.startswith(NOT_OURS):
            YAML(typ="safe").load(text)
            continue
        whole = text if "run_for" in text or "extends" in text else BASE + text
        Path("s.yaml").write_text(whole, encoding="utf-8")
        assert [str(problem) for problem in validate("s.yaml")] == [], text


# ---- commands in sentences and tables
PARSER = parser_of_all()
COMMANDS = dict(commands_of(PARSER))
MENTIONED = re.compile(r"`(dr-sim [^`]+)`")
BLOCKS = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
STOPS = re.compile(r" [|>#].*|\\\n *")
"""The rest of a line that the shell reads, and where a command goes on in the next line."""


def commands_shown(text: str) -> list[str]:
    """Commands on a page that are not in a block that is executed."""
    shown = [line for line in BLOCKS.sub("", text).split("\n\n") if "`dr-sim " in line]
    found = [" ".join(one.split()) for line in shown for one in MENTIONED.findall(line)]
    for word, block in BLOCKS.findall(text):
        if word not in ("sh", "python", "yaml"):
            lines = STOPS.sub(" ", block).splitlines()
            found += [line.strip() for line in lines if line.strip().startswith("dr-sim ")]
    return found


def not_understood(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The parser's words about a command, '' if it takes it. One that is only named, without the
    files that it needs, must have its options.
    """
    words = shlex.split(STOPS.sub(" ", line))[1:]
    try:
        _, extra = PARSER.parse_known_args(words)
    except SystemExit as stopped:
        said = capsys.readouterr().err
        if stopped.code == 0:
            return ""
        if "arguments are required" not in said:
            return said
        name = " ".join(words[: 2 if " ".join(words[:2]) in COMMANDS else 1])
        options = {option for each in COMMANDS[name]._actions for option in each.option_strings}
        extra = [word for word in words if word.startswith("--") and word not in options]
    return " ".join(extra)


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_the_parser_takes_every_command_that_a_page_names(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in commands_shown(page.read_text(encoding="utf-8")):
        assert not_understood(line, capsys) == "", line


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Now `dr-sim runs mine.yaml`.", True),
        ("Now `dr-sim run\nmine.yaml --reps 3`.", True),
        ("Now `dr-sim sweep --measures outage`.", True),
        ("```\n$ ls\ndr-sim run --steps=2 mine.yaml\n```", True),
        ("Now `dr-sim run\nmine.yaml --steps | head`.", False),
        ("Now `dr-sim sweep --measure outage`, or `dr-sim check`, or `dr-sim keys --help`.", False),
        ("```\ndr-sim run \\\n  mine.yaml --steps   # all\n```", False),
        ("```sh\ndr-sim runs mine.yaml\n```", False),  # it is executed
    ],
)
def test_a_command_that_does_not_exist_is_found(
    text: str, wrong: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [not_understood(line, capsys) for line in commands_shown(text)]
    assert any(told) is wrong


README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(dr-sim .+?)` \|", README, re.MULTILINE)
IN_SHORT = {
    "--budget '10 min'": "--budget '20 s' --against none",
    "--replications 300": "--replications 3",
    "-o mine.yaml": "-o yours.yaml",  # mine.yaml is there
}
"""Words of the README's table that a test replaces: they would take too long, or need a new name."""
DIFFERS, FOUND = 3, 4
"""The exit codes of an exploration: some runs differ from those of other code, and none is worse;
something was found.
"""
SERVES = "dr-sim cloud serve"
"""It does not end by itself. tests/live/cloud runs it."""


def made_history() -> list[dict[str, Any]]:
    """A full and a log every 15 min, as SQL Server tells of them, around the README's instant."""
    begun = datetime(2024, 4, 30, 22, tzinfo=UTC)
    rows = []
    for number in range(60):
        at = begun + number * timedelta(minutes=15)
        rows.append(
            {
                "DatabaseName": "crm",
                "Type": "Transaction Log" if number else "Database",
                "BackupSetGUID": f"guid-{number}",
                "FirstLSN": 10**15 + max(number - 1, 0) * 10**8,
                "LastLSN": 10**15 + max(number, 1) * 10**8,
                "CheckpointLSN": 10**15,
                "DatabaseBackupLSN": 10**15 if number else 0,
                "BackupStartDate": at.strftime("%Y-%m-%dT%H:%M:%S"),
                "BackupFinishDate": (at + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S"),
                "TotalSize": 20_000_000 if number else 500_000_000_000,
            }
        )
    return rows


@pytest.mark.long
def test_the_commands_in_the_table_of_the_readme_can_be_run(beside_the_library: Path) -> None:
    here = beside_the_library
    ((_, scenario),) = blocks(ROOT / "README.md", "yaml")
    (here / "mine.yaml").write_text(scenario)
    (here / "a.yaml").write_text(scenario)
    (here / "b.yaml").write_text(scenario.replace("200 Mbit/s", "100 Mbit/s"))
    (here / "history.json").write_text(json.dumps(made_history()))
    env = {**os.environ, "PATH": f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    env["PYTHONPATH"] = str(ROOT)
    run = [line for line in ROWS if not line.startswith(SERVES)]
    assert len(run) > 10
    for line in ["dr-sim run scenarios/quickstart.yaml", *run]:
        for long, short in IN_SHORT.items():
            line = line.replace(long, short)
        done = subprocess.run(
            line, shell=True, cwd=here, env=env, capture_output=True, text=True, timeout=600
        )
        codes = (0, FOUND) if " explore " in line else (0, 1)
        assert done.returncode in codes, f"{line}\n{done.stdout[-800:]}\n{done.stderr[-800:]}"


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def anchors_of(text: str) -> set[str]:
    """The anchors of a page's headings, as the site and GitHub make them."""
    heads = re.findall(r"^#+ (.+)$", BLOCKS.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def anchors_lacking(page: Path, text: str) -> list[str]:
    """Links of a page to a heading that is not there."""
    found = []
    for target, anchor in re.findall(r"\]\((?!https:)([^)#\s]*)#([^)\s]+)\)", text):
        there = (page.parent / target).read_text(encoding="utf-8") if target else text
        if anchor not in anchors_of(there):
            found.append(f"{target}#{anchor}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_links_to_headings_lead_somewhere(page: Path) -> None:
    assert anchors_lacking(page, page.read_text(encoding="utf-8")) == []


def test_a_link_to_a_heading_that_is_not_there_is_found() -> None:
    text = "## Who takes over?\n[a](#who-takes-over), [b](#who), [c](stores.md#after-a-restore)\n"
    text += "```\n## who\n```\n[d](stores.md#before-it), [e](https://example.com/#who)\n"
    assert anchors_lacking(ROOT / "docs/x.md", text) == ["#who", "stores.md#before-it"]


def not_listed(readme: str, index: str) -> list[str]:
    """Pages that the README or the site's index does not lead to. Those that only include a file of
    the root folder are listed as that.
    """
    found = []
    for page in PAGES[1:]:
        if page.stem == "index":
            continue
        listed = f"docs/{page.name}" in readme or f"({page.stem.upper()}.md)" in readme
        if not listed or page.stem not in index:
            found.append(page.name)
    return found


def test_every_page_is_listed_in_the_readme_and_the_index() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert not_listed(readme, index) == []
    assert not_listed(readme.replace("docs/stores.md", ""), index) == ["stores.md"]
    assert not_listed(readme, index.replace("stores", "")) == ["stores.md"]
    assert 4_000 <= len(readme.encode()) <= 6_000


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_scenarios_and_tests_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(
        r"`((?:scenarios|tests|benchmarks|notebooks|examples|dr_sim)/[\w./*-]+)`", text
    ):
        assert list(ROOT.glob(target.rstrip("/"))), target


def test_every_alert_is_documented() -> None:
    ids = set(alerts.AlertId)
    text = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    told = {int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert ids == {number for number in told if number < 100}


def folders_left_out(text: str) -> list[str]:
    """Folders of the library that a page does not name."""
    folders = sorted(path for path in (ROOT / "scenarios").iterdir() if path.is_dir())
    return [path.name for path in folders if f"`scenarios/{path.name}/`" not in text]


def test_every_folder_of_the_library_is_described() -> None:
    text = (ROOT / "docs/first-scenario.md").read_text(encoding="utf-8")
    assert folders_left_out(text) == []
    assert folders_left_out(text.replace("`scenarios/stores/`", "")) == ["stores"]


def modules_that_are_not(text: str) -> list[str]:
    """Modules that a page names, with or without their folder, and that the package has not."""
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "dr_sim").rglob("*.py")]
    modules += [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")]
    named = re.findall(r"`([\w/]+\.py)`", text)
    return [name for name in named if not any(f"/{each}".endswith(f"/{name}") for each in modules)]


def test_every_module_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\.py`", text)) > 20
    assert modules_that_are_not(text) == []
    assert modules_that_are_not("`world/site.py`, `world/sight.py`") == ["world/sight.py"]
