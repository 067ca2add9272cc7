"""Fulls that hold pages which had rotted at the primary (W3).

Theory of operation. Such a full has the right hash, is restored without an error, and no header
tells it from a sound one. People find it out: a query, a check or a backup reads a rotten page, and
they look at the fulls and at the copies. They say the names of the fulls, and whether the copy here
holds such pages. A full that they name is of no use any more: it is not restored, not fetched, and
retention counts it no longer. Logs hold changes and no pages, so they stay of use. A copy that
holds such pages is restored again, from a full that is sound.

What people have said is durable. `RottenFulls` writes to nothing but itself.
"""

from __future__ import annotations

import json

from dr_sim.machines import Command, Save
from dr_sim.recovery import events
from dr_sim.recovery.saved import of_type, read


def _stored(text: str) -> tuple[list[str], bool]:
    names, copy = of_type(json.loads(text), list)
    return [of_type(name, str) for name in of_type(names, list)], of_type(
        copy, bool
    )


class RottenFulls:
    """The fulls of one database that people have named. names: of these; copy: the copy here holds
    such pages.
    """

    __slots__ = ("_key", "copy", "names")

    def __init__(self, database: str, saved: dict[str, str]) -> None:
        self._key = f"rot/{database}"
        text = saved.get(self._key, "")
        names, self.copy = (
            read(self._key, text, _stored) if text else ([], False)
        )
        self.names = frozenset(names)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def said(self, e: events.PagesRot, out: list[Command]) -> None:
        """Note what people say."""
        self.names |= frozenset(e.fulls)
        self.copy = self.copy or e.copy
        self._save(out)

    def copy_comes_from(self, full: str, out: list[Command]) -> None:
        """Note that the copy was restored from that full."""
        rotten = full in self.names
        if rotten is not self.copy:
            self.copy = rotten
            self._save(out)

    def _save(self, out: list[Command]) -> None:
        text = json.dumps([sorted(self.names), self.copy])
        out.append(Save(self._key, text))
