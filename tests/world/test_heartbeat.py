"""Heartbeats: when the last was seen, and that one period later the next is missed; flaps in
between.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world.build import MINUTE, ONE, SECOND, World, rows, world

TEXT = (
    ONE.replace("run_for: 2 h", "run_for: 10 min") + "heartbeat: {path: data link, every: 10 s}\n"
)


def flapping(*changes: tuple[float, bool], text: str = TEXT) -> World:
    """The link goes up or down at these seconds."""
    built = world(text)
    for at_s, up in changes:
        do = built.link.up if up else built.link.down
        built.context.agenda.at(round(at_s * SECOND), 5, -1, do)
    built.run()
    return built


def told(built: World) -> list[tuple[str, int] | tuple[str, int, int]]:
    """('lost', when, last seen) and ('back', when), in seconds."""
    found = []
    for row in built.journal.rows("seen.HeartbeatLost", "seen.HeartbeatBack"):
        if row.kind == "seen.HeartbeatLost":
            found.append(("lost", row.time_us // SECOND, row.values["last_seen_mono_us"] // SECOND))
        else:
            found.append(("back", row.time_us // SECOND))
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(12, False)], [("lost", 20, 10)]),
        # this instant's beat came through before the path went
        ([(10, False)], [("lost", 20, 10)]),
        ([(12, False), (14, True)], []),  # no beat was due meanwhile
        # this instant's was missed before it came back
        ([(12, False), (20, True)], [("lost", 20, 10), ("back", 30)]),
        ([(12, False), (21, True)], [("lost", 20, 10), ("back", 30)]),
        # down, up, down between two beats
        ([(12, False), (14, True), (16, False)], [("lost", 20, 10)]),
        ([(12, False), (14, True), (16, False), (18, True)], []),
        # back between two beats only: nobody heard it
        ([(12, False), (25, True), (28, False)], [("lost", 20, 10)]),
        ([(12, False), (25, True), (28, False), (45, True)], [("lost", 20, 10), ("back", 50)]),
        ([(12, False), (45, True), (55, False)], [("lost", 20, 10), ("back", 50), ("lost", 60, 50)]),
        # two reasons, one of them gone
        ([(12, False), (13, False), (45, True)], [("lost", 20, 10)]),
    ],
)  # fmt: skip
def test_flaps_of_the_path(
    changes: list[tuple[float, bool]], expected: list[tuple[str, int]]
) -> None:
    assert told(flapping(*changes)) == expected


def test_a_path_of_their_own_does_not_care_for_the_link() -> None:
    assert told(flapping((12, False), text=ONE.replace("2 h", "10 min"))) == []


def test_a_dead_machine_is_silent_on_any_path_and_does_not_come_back() -> None:
    text = ONE.replace("run_for: 2 h", "run_for: 10 min") + "events: [{at: 61 s, lose: host}]\n"
    assert told(flapping((80, False), (90, True), text=text)) == [("lost", 70, 60)]


def test_only_the_machine_that_died_is_silent() -> None:
    text = """\
run_for: 10 min
machines: [a, b]
databases: {x: {size: 1 GB, "on": a}, y: {size: 1 GB, "on": b}}
link: {bandwidth: 100 Mbit/s}
events: [{at: 61 s, lose: {what: host, machine: b}}]
"""
    built = world(text)
    built.run()
    assert rows(built.journal, "seen.HeartbeatLost", "machine", "last_seen_mono_us") == [
        (70 * SECOND, "b", MINUTE)
    ]


@given(
    st.lists(st.integers(1, 4_000).map(lambda t: t * SECOND // 10), max_size=8, unique=True).map(
        sorted
    )
)
def test_what_is_told_is_what_someone_who_counts_beats_would_say(flips: list[int]) -> None:
    """Against a listener who looks at every beat: a beat comes through if the path is up at its
    instant, where a change at that very instant comes after it.
    """
    expected = []
    silent = False
    for beat in range(10 * SECOND, 600 * SECOND, 10 * SECOND):
        up = sum(t < beat for t in flips) % 2 == 0
        if up and silent:
            expected.append(("back", beat // SECOND))
        if not up and not silent:
            expected.append(("lost", beat // SECOND, beat // SECOND - 10))
        silent = not up
    built = flapping(*((t / SECOND, i % 2 == 1) for i, t in enumerate(flips)))
    assert told(built) == expected
