"""Scripts: the manager's own in one folder, and the copies that each agent has been given.

A script is a program whose file name is the operation that a caller asks for. A program
`NAME.clean_up` beside it is its clean-up.
"""

from __future__ import annotations

import os
import shutil
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

from dr_sim.errors import InputError, Problem, input_error

CLEAN_UP = ".clean_up"
AS_A_WHOLE = ("set", "rebuild")
"""Scripts that set a thing as a whole; no caller asks for them."""


def _programs(folder: Path) -> list[Path]:
    """Return the files of a folder, but for those whose names begin with a dot."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    )


class ScriptFolders:
    """The manager's scripts in `own`, the agents' copies below `copies`. Raises InputError for a
    folder that is not there or has a file that cannot be run.
    """

    def __init__(self, own: Path, copies: Path) -> None:
        if not own.is_dir():
            raise input_error(
                str(own), "there is no such folder; name one with scripts"
            )
        self._own = own
        self._copies = copies
        found = _programs(own)
        wrong = [path for path in found if not os.access(path, os.X_OK)]
        if wrong:
            raise InputError(
                Problem(
                    str(path),
                    0,
                    0,
                    "cannot be run; make it executable (chmod +x), or move it out of the folder",
                )
                for path in wrong
            )
        self.names = tuple(
            path.name for path in found if not path.name.endswith(CLEAN_UP)
        )

    @property
    def operations(self) -> tuple[str, ...]:
        """Return what a caller may ask for."""
        return tuple(name for name in self.names if name not in AS_A_WHOLE)

    def digest(self) -> str:
        """Return what tells these scripts from others."""
        found = blake2b(digest_size=16)
        for path in _programs(self._own):
            content = path.read_bytes()
            head = f"{path.name} {len(content)} {path.stat().st_mode}\n"
            found.update(head.encode("utf-8", "surrogateescape") + content)
        return found.hexdigest()

    def copy(self, network: str, site: str, name: str) -> bool:
        """Give an agent a script and its clean-up. Return False if there is none of that name, or
        it is gone.
        """
        if not (name in self.names and (self._own / name).exists()):
            return False
        place = self._at(network, site)
        place.mkdir(parents=True, exist_ok=True)
        for each in (name, name + CLEAN_UP):
            if (self._own / each).exists():
                part = place / f".{each}.part"
                shutil.copy2(self._own / each, part)
                part.replace(place / each)
            else:
                (place / each).unlink(missing_ok=True)
        return True

    def program(self, network: str, site: str, name: str) -> Path:
        """Return where an agent's copy of a script is."""
        return self._at(network, site) / name

    def clean_up(self, network: str, site: str, name: str) -> Path | None:
        """Return where an agent's copy of a script's clean-up is; None if the script has none."""
        path = self._at(network, site) / (name + CLEAN_UP)
        return path if path.exists() else None

    def _at(self, network: str, site: str) -> Path:
        place = f"{quote(network, safe='')}@{quote(site, safe='')}"
        return self._copies / place
