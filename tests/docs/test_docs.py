"""The documentation is true: its commands run, its scenarios load, its generated pages are up to
date.

Blocks marked `sh` and `python` are executed, page by page, in a folder beside the library. Blocks
marked `yaml` are loaded. Blocks without a mark are not for running.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

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
        assert done.returncode == 0, f"{text}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"


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
