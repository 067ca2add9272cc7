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
        order = np.argsort(
            rows["header.started_utc_us"][places], kind="stable"
        )
        places = places[order]
        begun = rows["header.started_utc_us"][places].tolist()
        names = story.texts(rows["name"][places])
        files = zip(begun, names, places, strict=True)
        for one, two in pairwise(files):
            if one[0] < two[0] and one[1] > two[1]:
                seq, at_us = rows["seq"][two[2]], rows["time_us"][two[2]]
                yield Breach(
                    "R4",
                    int(seq),
                    int(at_us),
                    database,
                    f"{two[1]} was begun after {one[1]}, and sorts before it",
                )


def _names_are_true(story: Story) -> bool:
    """Return whether no file comes under the name of another."""
    return all(kind.heals for kind in story.kinds_of_event())
