"""Files that are kept, as the monitors of keeping and of hashing see them."""

from __future__ import annotations

import numpy as np

from dr_sim.oracle.monitors.story import (
    RETENTION,
    Ints,
    Story,
    rot_said,
)


def gone_seqs(
    story: Story, database: int, names: Ints, whole_seq: Ints
) -> Ints:
    """Return the row with which each of these files was deleted, was found not to be whole any more
    (for good), or was said to hold rotten pages; a row beyond the end if none.
    """
    gone = np.full(len(names), len(story.journal) + 1, dtype=np.int64)
    order = np.argsort(names, kind="stable")
    for kind in ("seen.ValidationFailed", "seen.Delete"):
        rows = story.of(kind, database)
        places = np.searchsorted(names[order], rows["name"])
        known = places < len(names)
        known[known] = names[order][places[known]] == rows["name"][known]
        which, seqs = order[places[known]], rows["seq"][known]
        if kind == "seen.ValidationFailed":
            lasting = seqs > whole_seq[which]
            which, seqs = which[lasting], seqs[lasting]
        np.minimum.at(gone, which, seqs)
    for name, said in rot_said(story, database).items():
        mine = names == story.text_id(name)
        gone[mine] = np.minimum(gone[mine], said.seq)
    _lost_here(story, database, names, whole_seq, gone)
    return gone


def _lost_here(
    story: Story, database: int, names: Ints, whole_seq: Ints, gone: Ints
) -> None:
    """Take out what was lost with its place, and not validated again since."""
    landed = story.of("truth.landed", database)
    name_of = dict(
        zip(landed["file"].tolist(), landed["name"].tolist(), strict=True)
    )
    place_of = {name: place for place, name in enumerate(names.tolist())}
    lost = story.of("truth.file_gone", database)
    here = lost["where"] == story.text_id("secondary")
    here &= lost["why"] != story.text_id(RETENTION)
    for number, seq in zip(
        lost["file"][here].tolist(), lost["seq"][here].tolist(), strict=True
    ):
        place = place_of.get(name_of.get(number, -1), -1)
        if place >= 0 and seq > whole_seq[place]:
            gone[place] = min(gone[place], seq)


def leads_on(first: Ints, last: Ints, reached: int) -> bool:
    """Return whether logs lead from a position to the end of them all without a hole."""
    for place in np.argsort(first, kind="stable").tolist():
        if last[place] > reached:
            if first[place] > reached:
                return False
            reached = int(last[place])
    return True
