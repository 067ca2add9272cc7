"""The witness of an API: each rule broken once, and a right run about which it says nothing."""

from __future__ import annotations

import pytest

from dr_sim.chaos.api import CallAnswered, CallMade, EffectSeen
from dr_sim.chaos.judging import WhatHappened, broken
from dr_sim.chaos.rows import first_difference, other_orders

Call = tuple[str, str, str]  # request, operation and thing, outcome


def made(request: str, what: str) -> CallMade:
    operation, _, thing = what.partition(" ")
    return CallMade("portal", request, operation, "prod" if thing else "", thing, ())


def happened(calls: list[Call], effects: list[str]) -> WhatHappened:
    """effects: 'side thing request' each."""
    found = WhatHappened()
    for request, what, outcome in calls:
        found.calls.append((made(request, what), CallAnswered(outcome)))
    for line in effects:
        side, thing, request = line.split()
        found.effects.append(EffectSeen(side, "prod", thing, f"portal/{request}"))
    return found


RIGHT: list[Call] = [
    ("1", "read", "unknown"),
    ("1", "rotate crm", "accepted"),
    ("1", "rotate crm", "again"),
    ("1", "rotate shop", "conflict"),
    ("2", "drop crm", "unknown"),
    ("2", "rotate crm", "accepted"),
    ("1", "read", "found"),
]
EFFECTS = ["A crm 1", "A crm 2", "B crm 1", "B crm 2"]


def test_a_right_run() -> None:
    assert broken(happened(RIGHT, EFFECTS)) == []


@pytest.mark.parametrize(
    ("more", "effects", "wanted"),
    [
        ([], [*EFFECTS, "A crm 1"], ["1: portal/1 took effect at A more than once"]),
        ([], EFFECTS[:3], ["1: portal/2 was accepted, and never took effect at B"]),
        ([], [], ["1: 2 accepted requests, and nothing took effect"]),
        (
            [("1", "rotate crm", "accepted")],
            EFFECTS,
            ["2: portal/1 was accepted, and the same call is answered 'accepted'"],
        ),
        (
            [("1", "read", "unknown")],
            EFFECTS,
            ["2: portal/1 was accepted, and a read is answered 'unknown'"],
        ),
        (
            [("1", "rotate shop", "again")],
            EFFECTS,
            ["3: portal/1 asks for something else than before, and is answered 'again'"],
        ),
        (
            [],
            ["A shop 1", *EFFECTS[1:]],
            ["3: portal/1 asks for crm, and shop was changed"],
        ),
        (
            [],
            [*EFFECTS, "A crm 3", "B crm 3"],
            [f"11: portal/3 took effect at {side}, and was never accepted" for side in "AB"],
        ),
        (
            [("3", "read", "found")],
            EFFECTS,
            ["11: portal/3 is found, and was never accepted"],
        ),
        (
            [("3", "rotate crm", "again")],
            [*EFFECTS, "A crm 3", "B crm 3"],
            ["11: portal/3 is answered 'again', and was never accepted"],
        ),
        (
            [],
            [*EFFECTS[:2], "B crm 2", "B crm 1"],
            ["9: changes of crm took effect in another order at B than at A"],
        ),
    ],
)
def test_what_it_finds(more: list[Call], effects: list[str], wanted: list[str]) -> None:
    assert broken(happened([*RIGHT, *more], effects)) == wanted


def test_rows_that_differ_are_found() -> None:
    assert first_difference([(1, "a"), (2, "b")], [(1, "a"), (2, "b")]) == ""
    assert first_difference([(1, "a"), (2, "b")], [(1, "a"), (2, "c")]).startswith("row 1: ")
    assert first_difference([(1, "a")], []) == "the model has 1 row, the API 0"


def test_the_api_may_have_done_more_than_the_model_but_nothing_else() -> None:
    model = happened([], EFFECTS[:3]).effects
    assert other_orders(model, happened([], EFFECTS).effects) == []
    (found,) = other_orders(model, happened([], ["A crm 2", "A crm 1", "B crm 1"]).effects)
    assert found.startswith("changes of crm at A: ")
    assert len(other_orders(model, [])) == 2
