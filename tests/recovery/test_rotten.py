"""What people say of fulls with rotten pages: events and expected commands (W3)."""

from __future__ import annotations

import pytest

from dr_sim.machines import Command, Save
from dr_sim.recovery.events import PagesRot
from dr_sim.recovery.files.file_life import CONTENT, Content, FileEvent
from dr_sim.recovery.files.rotten import FIRST_WAIT_US, LONGEST_WAIT_US, RottenFulls
from dr_sim.recovery.saved import DamagedStoreError

KEY = "rot/app"
SAID = [
    # what people say, and then from which full the copy is restored; what is stored after each
    ([PagesRot(0, 0, 1, "app", ("b", "a"), False)], '[["a", "b"], false]'),
    ([PagesRot(0, 0, 1, "app", ("a",), True)], '[["a"], true]'),
    ([PagesRot(0, 0, 1, "app", ("a",), True), "s"], '[["a"], false]'),
    ([PagesRot(0, 0, 1, "app", ("a",), True), "a"], None),
    ([PagesRot(0, 0, 1, "app", ("a",), False), "s"], None),
    ([PagesRot(0, 0, 1, "app", ("a",), False), "a"], '[["a"], true]'),
    (
        [PagesRot(0, 0, 1, "app", ("a",), True), PagesRot(0, 0, 1, "app", ("b",), False)],
        '[["a", "b"], true]',
    ),
]


@pytest.mark.parametrize(("events", "stored"), SAID)
def test_what_people_say_is_stored(events: list[PagesRot | str], stored: str | None) -> None:
    """None: the last event stores nothing."""
    rotten = RottenFulls("app", {})
    out: list[Command] = []
    for event in events:
        out.clear()
        if isinstance(event, str):
            rotten.copy_comes_from(event, out)
        else:
            rotten.said(event, out)
    assert out == ([] if stored is None else [Save(KEY, stored)])
    if stored is not None:
        resumed = RottenFulls("app", {KEY: stored})
        assert (resumed.names, resumed.copy) == (rotten.names, rotten.copy)


@pytest.mark.parametrize(
    "text", ["[]", '["a", true]', '[["a"], 1]', "[[1], true]", "{", "[[], true, 1]"]
)
def test_a_damaged_store_is_said(text: str) -> None:
    with pytest.raises(DamagedStoreError, match=KEY):
        RottenFulls("app", {KEY: text})


def test_a_full_that_is_set_aside_is_of_no_use_until_it_lands_again() -> None:
    for content in (Content.WHOLE, Content.CHECKING, Content.BAD, Content.LOST):
        assert CONTENT.after(content, FileEvent.SET_ASIDE) is Content.LOST
    assert not CONTENT.allows(Content.UNREAD, FileEvent.SET_ASIDE)
    assert CONTENT.after(Content.LOST, FileEvent.LANDED) is Content.CHECKING


@pytest.mark.parametrize("restarts", [False, True])
def test_the_wait_for_the_next_full_grows_until_the_pages_are_sound(restarts: bool) -> None:
    """An hour, and twice as long each time, up to a day. A restart forgets nothing of it."""
    rotten, out = RottenFulls("app", {}), list[Command]()
    now_us, waits = 0, []
    for number in range(7):
        named = PagesRot(now_us, now_us, 1, "app", (str(number),), False)
        rotten.said(named, out)
        assert rotten.may_ask(named)
        rotten.asked_in_vain(named, out)
        if restarts:
            last = out[-1]
            assert isinstance(last, Save)
            rotten = RottenFulls("app", {KEY: last.value})
        begun_us = now_us
        while not rotten.may_ask(PagesRot(now_us, now_us, 1, "app", (), False)):
            now_us += FIRST_WAIT_US
        waits.append((now_us - begun_us) // FIRST_WAIT_US)
    assert waits == [1, 2, 4, 8, 16, 24, 24]
    assert waits[-1] * FIRST_WAIT_US == LONGEST_WAIT_US
    rotten.asked_in_vain(PagesRot(now_us, now_us, 1, "app", (), False), out)
    rotten.sound(out)
    assert rotten.may_ask(PagesRot(now_us, now_us, 1, "app", (), False))
    assert out[-1] == Save(KEY, '[["0", "1", "2", "3", "4", "5", "6"], false]')
