"""A full and an incremental that begin at one instant, by PostgreSQL's rules.

By hand: a full of 5 GB is on a link of 20 Mbit/s for at least 2,000 s. The full of 2:00 is not here
before 2:33:20, but the incremental of 2:30, which stands on it, is. An incremental of 2:00 began at
the same position as that full. Incrementals name their base by its position: the copy that has
restored the one of 2:00 must not take the one of 2:30 for its own.
"""

from __future__ import annotations

import pytest

from dr_sim.engines import backup_set
from dr_sim.loading import load_scenario
from dr_sim.record.journal import Journal
from dr_sim.world.play import play

SCENARIO = {
    "run_for": "3 h",
    "databases": {
        "web": {
            "size": "5 GB",
            "log_volume": "1 MB per 5 min",
            "full": "every 2 h",
            "incremental": "every 30 min",
            "log": "none",
        }
    },
    "link": {"bandwidth": "20 Mbit/s"},
    "engine": {"imitates": "postgres"},
}


def played() -> Journal:
    return play(load_scenario(SCENARIO))


def test_an_incremental_waits_for_the_full_on_which_it_stands() -> None:
    journal = played()
    assert not list(journal.rows("truth.violation"))
    restored = [(row.time_us, row.values["file"]) for row in journal.rows("truth.restored")]
    names = {
        row.values["file"]: row.values["name"] for row in journal.rows("truth.backup_finished")
    }
    last_two = [names[file].removeprefix("web_2026_01_05_") for _, file in restored[-2:]]
    assert last_two == ["02_00_00_full_000", "02_30_00_incremental_000"]
    assert restored[-2][0] > (7_200 + 2_000) * 1_000_000


def test_without_the_mark_the_copy_is_no_prefix_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_set, "tell_apart", lambda *given, **more: None)
    broken = [row.values["invariant"] for row in played().rows("truth.violation")]
    assert broken == ["prefix"]
