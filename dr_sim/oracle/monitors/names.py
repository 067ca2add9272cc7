"""A monitor of names (R4): a plain sort of one database's backups is the order in time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import Breach, Story


def names_sort_as_time(story: Story) -> Iterator[Breach]:
    """A backup that was begun later bears a name that sorts later. What came under another file's
    name is left out: it is not what it seems to be.
    """
    if clocks_may_be_wrong(story) or not _names_are_true(story):
        return
    for database in story.databases:
        rows = story.of("seen.Validated", database)
        _, places = np.unique(rows["name"], return_index=True)
        begun = rows["header.started_utc_us"][places]
        order = np.argsort(begun, kind="stable")
        for one, two in pairwise(places[order].tolist()):
            names = [
                story.text(rows["name"][place]) for place in (one, two)
            ]
            later = (
                rows["header.started_utc_us"][one]
                < rows["header.started_utc_us"][two]
            )
            if later and names[0] > names[1]:
                yield Breach(
                    "R4", int(rows["seq"][two]), int(rows["time_us"][two]), database,
                    f"{names[1]} was begun after {names[0]}, and sorts before it",
                )  # fmt: skip


def _names_are_true(story: Story) -> bool:
    """Return whether no file comes under the name of another."""
    return all(kind.heals for kind in story.kinds_of_event())
