"""The order of things at one instant, as tiny stories: (round, class, entity, order of entry)."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.world.kernel.agenda import Agenda, Class


class Story:
    """What happened, as (time, who)."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.told: list[tuple[int, str]] = []

    def tell(self, who: str) -> None:
        self.told.append((self.agenda.now_us, who))

    def at(self, time_us: int, cls: Class, entity: int, who: str) -> None:
        self.agenda.at(time_us, cls, entity, self.tell, who)


def test_what_ends_comes_before_what_begins_whoever_entered_first() -> None:
    for order in permutations(list(Class), 3):
        story = Story()
        for cls in order:
            story.at(5, cls, 0, cls.name)
        story.agenda.run_until(5)
        assert story.told == [(5, cls.name) for cls in sorted(order)]


def test_within_a_class_the_service_comes_first_and_then_the_databases_in_order() -> None:
    story = Story()
    for entity in (2, 0, 1, -1):
        story.at(5, Class.JOB, entity, f"db {entity}")
    story.agenda.run_until(9)
    assert story.told == [(5, "db -1"), (5, "db 0"), (5, "db 1"), (5, "db 2")]


def test_the_same_place_is_first_come_first_served() -> None:
    story = Story()
    for who in "abc":
        story.at(5, Class.ANSWER, 3, who)
    story.agenda.run_until(5)
    assert story.told == [(5, "a"), (5, "b"), (5, "c")]


def test_consequences_at_the_same_instant_form_the_next_round() -> None:
    """A fault at 5 causes a link change at 5: it comes after all that stood at 5 before, END
    included.
    """
    story = Story()

    def fault() -> None:
        story.tell("fault")
        story.at(5, Class.LINK, -1, "its consequence")

    story.agenda.at(5, Class.FAULT, -1, fault)
    story.at(5, Class.ALARM, 0, "alarm")
    story.at(5, Class.END, 0, "end")
    story.agenda.run_until(5)
    assert [who for _, who in story.told] == ["fault", "alarm", "end", "its consequence"]


def test_rounds_go_on_until_it_is_quiet_and_are_ordered_within() -> None:
    story = Story()

    def cause(depth: int) -> None:
        story.tell(f"cause {depth}")
        if depth < 3:
            story.agenda.at(5, Class.ALARM, 1, cause, depth + 1)
            story.at(5, Class.LINK, 0, f"effect {depth + 1}")

    story.agenda.at(5, Class.JOB, 0, cause, 0)
    story.agenda.run_until(5)
    assert [who for _, who in story.told] == [
        "cause 0", "effect 1", "cause 1", "effect 2", "cause 2", "effect 3", "cause 3",
    ]  # fmt: skip


def test_a_new_instant_begins_with_a_first_round() -> None:
    story = Story()
    story.agenda.at(
        5,
        Class.JOB,
        0,
        lambda: story.agenda.at(5, Class.JOB, 0, lambda: story.at(6, Class.JOB, 0, "b")),
    )
    story.at(6, Class.LINK, 0, "a")
    story.at(6, Class.ALARM, 0, "c")
    story.agenda.run_until(6)
    assert story.told == [(6, "a"), (6, "b"), (6, "c")]


def test_what_is_cancelled_does_not_happen_and_cancelling_twice_is_no_harm() -> None:
    story = Story()
    entry = story.agenda.at(5, Class.JOB, 0, story.tell, "never")
    story.at(5, Class.JOB, 0, "always")
    entry.cancel()
    entry.cancel()
    story.agenda.run_until(10)
    entry.cancel()
    assert story.told == [(5, "always")]


def test_the_past_is_refused() -> None:
    agenda = Agenda()
    agenda.run_until(7)
    assert agenda.now_us == 7
    with pytest.raises(ValueError, match="6 us is past"):
        agenda.at(6, Class.JOB, 0, lambda: None)


def test_run_until_includes_its_instant_and_can_be_cut_anywhere() -> None:
    def told(steps: list[int]) -> list[tuple[int, str]]:
        story = Story()
        for t in (0, 3, 3, 7, 10):
            story.at(t, Class.JOB, 0, str(t))
        for step in steps:
            story.agenda.run_until(step)
        return story.told

    whole = told([10])
    assert whole == [(0, "0"), (3, "3"), (3, "3"), (7, "7"), (10, "10")]
    assert told([0, 1, 2, 3, 5, 7, 9, 10]) == whole


def test_simpys_own_processes_work_on_it() -> None:
    story = Story()

    def process(env: Agenda):  # type: ignore[no-untyped-def]
        yield env.timeout(4)
        story.tell("process")
        yield env.timeout(4)
        story.tell("process")

    story.agenda.process(process(story.agenda))
    story.at(6, Class.JOB, 0, "entry")
    story.agenda.run_until(8)
    assert story.told == [(4, "process"), (6, "entry"), (8, "process")]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(list(Class)), st.integers(-1, 3)), max_size=30
    )
)
def test_any_heap_of_entries_comes_in_the_order_of_time_class_entity_entry(
    entries: list[tuple[int, Class, int]],
) -> None:
    agenda = Agenda()
    done: list[int] = []
    for i, (time_us, cls, entity) in enumerate(entries):
        agenda.at(time_us + 1, cls, entity, done.append, i)
    agenda.run_until(9)
    assert done == sorted(range(len(entries)), key=lambda i: (*entries[i], i))
