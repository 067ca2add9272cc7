"""A notice of a wrong identifier is true, or is found."""

from __future__ import annotations

import pytest

from dr_sim.cloud.mirror.mapping import Mapping, UntranslatableError
from dr_sim.explore.case import Tree, load
from dr_sim.oracle.cloud.blocked import blocked_in_vain
from dr_sim.world.play import play

MIRRORED: Tree = {
    "run_for": "2 h",
    "databases": {"crm": {"size": "200 MB", "full": "none", "incremental": "none", "log": "none"}},
    "link": {"bandwidth": "200 Mbit/s"},
    "cloud": {"mirror": {"mode": "jobs"}},
    "clients": {"portal": {"calls": "20 per h", "actions": "50 %"}},
}
WRONG = {"at": "10 min", "wrong_mapping": {"entity": "crm", "leads_to": "primary"}}


def blocked(tree: Tree) -> list[str]:
    scenario = load(tree)
    assert scenario is not None
    return [each.sentence for each in blocked_in_vain(play(scenario), scenario)]


def test_what_people_have_set_wrong_is_told() -> None:
    assert not blocked(MIRRORED)
    assert not blocked({**MIRRORED, "events": [WRONG]})


def test_a_notice_without_a_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    translated = Mapping.translated

    def refuses(self: Mapping, params: str, site: str) -> str:
        if site == "B":
            raise UntranslatableError("it belongs to A, not to B")
        return translated(self, params, site)

    monkeypatch.setattr(Mapping, "translated", refuses)
    assert "nobody has changed the mapping table" in blocked(MIRRORED)[0]
