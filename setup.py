"""Puts the library of scenarios and notebooks into the wheel; all else is in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PARTS = ("scenarios", "notebooks")


class BuildWithLibrary(build_py):
    """Copies both folders beside the templates of dr_sim.library."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for part in PARTS:
            shutil.copytree(
                ROOT / part,
                Path(self.build_lib) / "dr_sim" / "library" / part,
                ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"),
                dirs_exist_ok=True,
            )


setup(cmdclass={"build_py": BuildWithLibrary})
