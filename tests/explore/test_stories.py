"""Stories: a few events that belong together (dr_sim/explore/stories.py)."""

from __future__ import annotations

import random

import pytest

from dr_sim.explore import draw, search
from dr_sim.explore.case import Looked, Tree, load
from dr_sim.explore.services import NAMES, Service, machines_of, service
from dr_sim.explore.stories import STORIES, EventStory, named, told_of
from dr_sim.scenario.kind import MachinesThere

HOUR_US = 3600 * 1_000_000
ANY = MachinesThere({}, (), ())


def fitting(story: EventStory) -> tuple[Service, list[str]]:
    """Return the first drawn service that a story can be told of, and what may happen to it."""
    for seed in range(200):
        tree = service(random.Random(seed))
        if not story.fits(Service(tree, (), machines=ANY if "physical" in tree else None)):
            continue
        scenario = load(tree)
        assert scenario is not None
        base = Service(tree, (2 * HOUR_US, 3 * HOUR_US), machines=machines_of(scenario))
        possible = draw.kinds_for(base)
        if story in told_of(base, possible):
            return base, possible
    raise AssertionError("no service fits")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: named(story.begins[0])[0])
def test_each_can_be_told(story: EventStory) -> None:
    follows = [event for event, _ in story.follows]
    kinds = {named(each)[0] for each in (*story.begins, *follows, *story.goes_wrong)}
    assert kinds <= NAMES
    base, possible = fitting(story)
    r = random.Random(7)
    tree: Tree = {**base.tree}
    tree["events"] = draw._told(r, base, story, tree, possible)
    begins = {named(each)[0] for each in story.begins}
    assert begins.intersection(tree["events"][0])
    assert 2 <= len(tree["events"]) <= 4 + len(follows) + 1
    assert load(tree) is not None


def test_a_part_of_the_cases_tells_one() -> None:
    base, possible = fitting(STORIES[0])
    told = told_of(base, possible)
    orders = [{"by": "dba", "planned": "true"}, {"by": "dba", "planned": "false"}]
    assert STORIES[0] in told and all(story.fits(base) for story in told)
    cases = [draw.draw(search.Services.of(base), 1, number) for number in range(100)]
    ordered = [case for case in cases if case["events"][0].get("order_failover") in orders]
    assert 5 < len(ordered) < 50


def test_a_cheap_case_is_changed_rather_than_a_dear_one() -> None:
    state = search.Exploration(1)
    for number in range(20):
        rows = 1000 if number % 2 else 9000
        state.take_up({"n": number}, Looked(reached=frozenset({number}), rows=rows))
    r = random.Random(3)
    cheap = sum(search._one_kept(state.corpus, r).rows == 1000 for _ in range(200))
    assert 150 < cheap < 200


def test_a_case_of_many_events_loses_one() -> None:
    base, _ = fitting(STORIES[0])
    tree = {**base.tree, "events": [{"at": "1 h", "link_outage": "1 min"} for _ in range(12)]}
    services = search.Services.of(base)
    for seed in range(20):
        assert len(draw.mutate(tree, services, random.Random(seed))["events"]) < 12
