"""What the manager finds in its store: what it has written comes back, and what is damaged raises
one clear error, whatever it is.
"""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.recovery import events as e
from dr_sim.recovery.failover.failover_table import FailoverPhase
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.recovery.repair.repair import RepairPhase
from dr_sim.recovery.saved import (
    DamagedStoreError,
    LastRestore,
    header_from_text,
    header_text,
    last_restore_from_text,
)
from tests.recovery.fake_world import DB, MINUTE, FakeWorld, begun, config


@cache
def stored() -> dict[str, str]:
    """A store with something under every kind of key: a repair is on, people have been told, and an
    operator was paged.
    """
    world = begun(FakeWorld(config(on_hole="resync", mode="manual")))
    world.backup(Kind.FULL)
    world.land_all()
    for _ in range(8):
        world.wait(5 * MINUTE)
        name = world.backup(Kind.LOG)
        if len(world.backups) == 4:
            world.on_way.remove(name)
            world.backups[name].at_primary = False
            world.backups_refused = "paused: move"
        world.land_all()
    for machine in ("sql1", "sql2"):
        world.tell(e.HeartbeatLost(world.mono_us, world.utc_us, 0, machine, world.mono_us))
    world.wait(MINUTE)
    return dict(world.store)


def resumed(store: dict[str, str]) -> RecoveryManager:
    return RecoveryManager(config(on_hole="resync", mode="manual"), 2, store)


def test_a_database_keeps_what_is_of_another_one_whose_name_begins_like_its_own() -> None:
    """'crm' and 'crm/eu': a restart of one forgets headers of files that are not here any more."""
    key, text = next((k, v) for k, v in stored().items() if k.startswith(f"header/{DB}/"))
    other = key.replace(f"/{DB}/", f"/{DB}/eu/")
    world = FakeWorld(config(), store={other: text})
    begun(world)
    assert world.store[other] == text
    # the negative case: of a file of its own that is gone
    world = begun(FakeWorld(config(), store={key: text}))
    assert key not in world.store


def test_what_was_written_comes_back() -> None:
    store = stored()
    kinds = {key.split("/")[0] for key in store}
    assert kinds == {"attempts", "restored", "header", "alert", "repair", "failover"}
    manager = resumed(store)
    db = manager.databases[DB]
    assert db.repair.phase in (RepairPhase.SEEKING, RepairPhase.UNANSWERED)
    assert manager.failover.phase is FailoverPhase.DECIDING
    assert db.last is not None and db.last.text() == store[f"restored/{DB}"]
    assert db.alerts.begun.keys() == json.loads(store[f"alert/{DB}"]).keys()


def test_a_restore_that_stopped_before_an_instant_comes_back() -> None:
    for last in (LastRestore(4, 5, 6, 7, "crm log", 9), LastRestore(4, 5, 6, 7, "crm log")):
        assert last_restore_from_text(last.text()) == last


DAMAGE = [
    "",
    "0",
    "-1",
    "null",
    "[]",
    "{}",
    "[1, 2]",
    '{"policy": "bridge"}',
    "not JSON",
    "\x00",
    "1 2 3 4",
    "1 2 3 four crm",
    "1 2 3 4 <crm",
]
READABLE = {
    "attempts": {"", "0"},
    "restored": {""},
    "header": {""},
    "alert": {"", "{}"},
    "repair": {""},
    "failover": {""},
}
"""What is no damage: nothing, and what says nothing."""


@pytest.mark.parametrize("text", DAMAGE)
@pytest.mark.parametrize("kind", sorted(READABLE))
def test_a_damaged_value_is_one_clear_error(kind: str, text: str) -> None:
    key = next(key for key in stored() if key.split("/")[0] == kind)
    if text in READABLE[kind]:
        resumed({**stored(), key: text})
        return
    with pytest.raises(DamagedStoreError) as caught:
        resumed({**stored(), key: text})
    assert caught.value.key == key
    assert str(caught.value).startswith(f"the store's value under '{key}' is damaged")
    assert "\n" not in str(caught.value)


@given(data=st.data())
def test_one_wrong_value_inside_is_found_or_is_of_its_type(data: st.DataObject) -> None:
    """Half of it would be worse than none: nothing but DamagedStoreError is raised, and what is
    read has the types that were written.
    """
    store = stored()
    keys = [key for key in store if key.split("/")[0] in ("header", "alert", "repair", "failover")]
    key = data.draw(st.sampled_from(sorted(keys)))
    found = json.loads(store[key])
    place = data.draw(st.sampled_from(sorted(found) if isinstance(found, dict) else range(16)))
    found[place] = data.draw(
        st.sampled_from([None, True, 0, -1, 7, 1.5, "", "x", [], [1, 2], {}, {"x": 1}])
    )
    try:
        manager = resumed({**store, key: json.dumps(found)})
    except DamagedStoreError as error:
        assert error.key == key
        return
    repair = manager.databases[DB].repair
    assert type(repair.failures) is int and type(repair.name) is str
    assert all(type(clock) is int for pair in _begun(manager) for clock in pair)


def _begun(manager: RecoveryManager) -> list[tuple[int, int]]:
    return list(manager.databases[DB].alerts.begun.values())


def test_a_header_comes_back_whole() -> None:
    header = BackupHeader("a\udc80", 7, Kind.LOG, 1, 2**70, 20, 1, 1, 0, 1, 0, 5, 6, True, False, 9)
    assert header_from_text(header_text(header)) == header
