"""The gallery is true: its answers are what the scenarios give now, and its pictures are there."""

from __future__ import annotations

import importlib.util
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def _gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gallery"] = module
    spec.loader.exec_module(module)
    return module


GALLERY = _gallery()
NAMES = [entry.name for entry in GALLERY.ENTRIES]


def test_there_are_ten_questions() -> None:
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert len(NAMES) == len(re.findall(r"^## ", page, re.MULTILINE)) == 10
    assert sorted(p.stem for p in (DOCS / "images/gallery").glob("*.svg")) == sorted(NAMES)
    assert sum(p.stat().st_size for p in (DOCS / "images/gallery").iterdir()) < 1_000_000


@pytest.mark.parametrize("entry", GALLERY.ENTRIES, ids=NAMES)
def test_the_answer_is_what_the_run_gives(entry) -> None:  # type: ignore[no-untyped-def]
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert GALLERY.section(entry) in page, "run: python docs/gallery.py"
    committed = (DOCS / f"images/gallery/{entry.name}.svg").read_text(encoding="utf-8")
    assert committed == GALLERY.picture(entry), "run: python docs/gallery.py"
    assert ET.fromstring(committed)[0].text == entry.question


def test_a_figure_that_is_another_is_noticed() -> None:
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    entry = GALLERY.ENTRIES[0]
    assert GALLERY.section(entry) not in page.replace("5:01", "5:02")
