"""Tells what the store must hold, and must not hold any more: an alert that is up is durable before
people are alerted, and nothing stays of a file that was deleted (S1, R18).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dr_sim.oracle.monitors.restarts import list_around
from dr_sim.oracle.monitors.story import Breach, Ints, Story

_ATTEMPTS, _HEADER = "attempts", "header"


def alerts_are_durable_first(story: Story) -> Iterator[Breach]:
    """That something is reported is saved before it is reported: a restart in between is to go on
    with its clock (S1). What is saved just after the alert should have been before.
    """
    alerts = story.rows("seen.RaiseAlert")
    names = {row.values["database"] for row in alerts}
    key_of = {name: story.text_id(f"alert/{name}") for name in names}
    saves = _saves_under(story, [*key_of.values()])
    kinds: Ints | None = None
    nothing = story.text_id("")
    for row in alerts:
        seqs, values = saves[key_of[row.values["database"]]]
        before = int(seqs.searchsorted(row.seq))
        if before and int(values[before - 1]) != nothing:
            continue
        if kinds is None:
            kinds = story.journal.kinds()
        _, last = list_around(kinds, row.seq)
        after = values[before : int(seqs.searchsorted(last))]
        if (after != nothing).any():
            yield Breach(
                "S1",
                row.seq,
                row.time_us,
                row.entity,
                f"event {row.values['event_id']} is raised before it is durable that it is up",
            )


def _saves_under(
    story: Story, keys: Sequence[int]
) -> dict[int, tuple[Ints, Ints]]:
    """Return the seqs and the values of what was saved under each of these keys. A fleet saves a
    million values, and most are of other keys.
    """
    saves = story["seen.Save"]
    ours = np.flatnonzero(np.isin(saves["key"], keys))
    ours = ours[np.argsort(saves["key"][ours], kind="stable")]
    of, seqs, values = (
        saves[name][ours] for name in ("key", "seq", "value")
    )
    parts = {}
    for key in keys:
        begin, end = of.searchsorted(key), of.searchsorted(key, "right")
        parts[key] = seqs[begin:end], values[begin:end]
    return parts


def nothing_stays_of_what_is_deleted(story: Story) -> Iterator[Breach]:
    """The counter and the header of a file go from the store when the file is deleted (R18)."""
    stays: dict[str, int] | None = None
    died_us = story.deaths_us()
    for database in story.databases:
        rows = story.of("seen.Delete", database)
        if not len(rows["name"]):
            continue
        if stays is None:
            stays = _stays(story)
        names, back = np.unique(rows["name"][::-1], return_index=True)
        deleted = len(rows["name"]) - 1 - back
        seqs, times_us = rows["seq"][deleted], rows["time_us"][deleted]
        for name, seq, at_us in zip(
            story.texts(names),
            seqs.tolist(),
            times_us.tolist(),
            strict=True,
        ):
            what = f"{story.name(database)}/{name}"
            for kind in (_ATTEMPTS, _HEADER):
                if stays.get(f"{kind}/{what}", seq) >= seq:
                    continue
                if at_us not in died_us:  # else in the middle, perhaps
                    yield Breach(
                        "R18",
                        seq,
                        at_us,
                        database,
                        f"{name} is deleted, and its {kind} stays in the store",
                    )
                break


def _stays(story: Story) -> dict[str, int]:
    """Return the keys of files that the store holds at the end, each with the seq of the row that
    saved it last.
    """
    saves = story["seen.Save"]
    keys, back = np.unique(saves["key"][::-1], return_index=True)
    last = len(saves["key"]) - 1 - back
    there = saves["value"][last] != story.text_id("")
    texts = story.texts(keys[there])
    seqs = saves["seq"][last[there]].tolist()
    return dict(zip(texts, seqs, strict=True))
