"""The way to live that the documentation shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dr_sim.live.life import LIFE
from dr_sim.recovery import commands
from dr_sim.stores import FileStore
from tests.live.service import LOGS, NAMES, AllDone, FolderHands


def documented() -> Callable[..., None]:
    page = (Path(__file__).parents[2] / "docs/own-logic.md").read_text(encoding="utf-8")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def live(" in c]
    names: dict[str, Any] = {}
    exec(code, names)
    live: Callable[..., None] = names["live"]
    return live


class Faints(FolderHands):
    """Its process ends as it is to restore the first log."""

    def carry_out(self, command: commands.Command, incarnation: int) -> None:
        super().carry_out(command, incarnation)
        if isinstance(command, commands.Restore):
            (self.folder / "restored").write_text("0")
            raise ConnectionError


def test_a_second_life_resumes_from_what_the_first_has_saved(tmp_path: Path) -> None:
    """A log is read once more, not for the first time."""
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(
        "run_for: 1 day\ndatabases: {crm: {size: 1 GB}}\nlink: {bandwidth: 100 Mbit/s}\n"
    )
    live = documented()
    ends: list[tuple[FolderHands, type[Exception]]] = [
        (Faints(tmp_path), ConnectionError),
        (FolderHands(tmp_path), AllDone),
    ]
    for hands, end in ends:
        with pytest.raises(end):
            live(hands, str(scenario), str(tmp_path / "store"))
    assert FolderHands(tmp_path).restored == LOGS
    with FileStore(tmp_path / "store") as store:
        assert [store.get(f"attempts/crm/{name}") for name in NAMES] == ["2", "1", "1"]
        assert store.get(LIFE) == "2"
