"""The suite that every store behind the port must pass, whatever it is made of
(dr_sim/stores/port.py).

A `Backend` says how one is opened, cut off in the middle of a save, and damaged; what comes of that
is asserted here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import pytest

from dr_sim.stores import Store, StoreError

KEYS = (
    "failover",
    "attempts/crm/crm_2026_01_05_10_00_00_log_000",
    "attempts/a b/c",
    "restored/größe",
    "header/\ud83d/x",
    "alert/..",
    "a/b",
    "A/B",
    "/",
    " ",
    "\n",
    "k" * 5000,
    "attempts/" + "漢" * 128 + "/x",
)
VALUES = ("1", " ", "\n", '{"chain": [1, 2]}', "ä漢\ud83d", "0" * 100_000)
UNKNOWN = "written by a later version/of dr_sim"


class Backend(ABC):
    @abstractmethod
    def open(self) -> Store:
        """The store, again if it has been closed or its process has died: with what it kept."""

    @abstractmethod
    def cut_off(self, entries: dict[str, str]) -> Iterator[tuple[str, bool]]:
        """Every way in which a crash or a loss of power can fall into a save of these entries, as
        words and whether the save had returned before; at each yield it has just happened to the
        store, which is closed, as it was before.
        """

    @abstractmethod
    def failing(self, entries: dict[str, str]) -> Iterator[tuple[str, Store]]:
        """Every way in which a save of these entries raises StoreError; at each yield it has, and
        what had failed works again. The store is still open.
        """

    @abstractmethod
    def damages(self) -> dict[str, Callable[[], None]]:
        """Ways to damage the entry 'a' of a closed store; none only where nothing outlives the
        process.
        """

    second_opener: str  # 'refused', or 'harmless': it shares nothing with the first
    remedy: str = ""  # what a damaged entry's error says at its end


class Conformance:
    # ---- save, load, delete
    def test_a_new_store_is_empty(self, backend: Backend) -> None:
        store = backend.open()
        assert store.load() == {}
        assert store.get("a") == ""

    def test_what_is_saved_is_there_and_is_there_again(self, backend: Backend) -> None:
        store = backend.open()
        kept = {}
        for n, key in enumerate(KEYS):
            kept[key] = VALUES[n % len(VALUES)]
            store.save(key, kept[key])
            assert store.get(key) == kept[key]
        assert store.load() == kept
        store.close()
        store = backend.open()
        assert store.load() == kept
        assert {key: store.get(key) for key in KEYS} == kept

    def test_saving_again_replaces_that_key_alone(self, backend: Backend) -> None:
        store = backend.open()
        for value in VALUES:
            store.save("a", value)
            store.save("b", "other")
            assert store.load() == {"a": value, "b": "other"}

    def test_an_empty_value_removes_and_what_is_not_there_may_be_removed(
        self, backend: Backend
    ) -> None:
        store = backend.open()
        store.save("nobody", "")
        store.save("a", "1")
        store.save("b", "2")
        store.save("a", "")
        store.save("a", "")
        assert store.load() == {"b": "2"}
        assert store.get("a") == ""
        store.close()
        assert backend.open().load() == {"b": "2"}

    def test_what_was_loaded_belongs_to_the_caller(self, backend: Backend) -> None:
        store = backend.open()
        store.save("a", "1")
        loaded = store.load()
        loaded["a"] = "changed"
        loaded["b"] = "added"
        assert store.load() == {"a": "1"}

    def test_keys_that_nobody_knows_stay(self, backend: Backend) -> None:
        store = backend.open()
        store.save(UNKNOWN, "whatever")
        store.save("a", "1")
        store.save("a", "")
        store.close()
        assert backend.open().load() == {UNKNOWN: "whatever"}

    def test_closing_twice_is_no_error(self, backend: Backend) -> None:
        store = backend.open()
        store.close()
        store.close()

    # ---- a save that is cut off, or fails
    @pytest.mark.parametrize(
        ("old", "new"), [("", "new"), ("old", "new"), ("old", ""), ("o" * 9000, "n" * 70_000)]
    )
    def test_cut_off_anywhere_it_is_the_old_or_the_new_and_the_new_once_it_has_returned(
        self, backend: Backend, old: str, new: str
    ) -> None:
        store = backend.open()
        store.save("a", old)
        store.save("b", "other")
        store.close()
        seen = set()
        for how, returned in backend.cut_off({"a": new}):
            store = backend.open()
            loaded = store.load()
            assert loaded.pop("b") == "other", how
            assert loaded in ({"a": old} if old else {}, {"a": new} if new else {}), how
            if returned:
                assert loaded.get("a", "") == new, how
            seen.add(loaded.get("a", ""))
            store.save("a", "goes on")
            assert store.get("a") == "goes on"
            store.save("a", old)
            store.close()
        assert seen == {old, new}

    @pytest.mark.parametrize("again", [False, True], ids=["same store", "opened again"])
    def test_a_save_that_fails_says_so_and_leaves_the_old_or_the_new(
        self, backend: Backend, again: bool
    ) -> None:
        store = backend.open()
        store.save("a", "old")
        store.close()
        ways = 0
        for how, store in backend.failing({"a": "new"}):
            ways += 1
            if again:
                store.close()
                store = backend.open()
            assert store.load() in ({"a": "old"}, {"a": "new"}), how
            store.save("a", "old")
            store.close()
        assert ways or not backend.damages()

    # ---- several keys together
    def test_several_keys_are_saved_and_removed_together(self, backend: Backend) -> None:
        store = backend.open()
        store.save("a", "1")
        store.save("other", "stays")
        store.save_all({"a": "", "b": "2", "never there": "", **dict.fromkeys(KEYS, "3")})
        kept = {"b": "2", "other": "stays", **dict.fromkeys(KEYS, "3")}
        assert store.load() == kept
        store.save_all({})
        store.save_all({"b": "4"})
        store.save_all({"b": "5", "c": "6"})
        kept |= {"b": "5", "c": "6"}
        store.close()
        store = backend.open()
        assert store.load() == kept
        assert [store.get(key) for key in "abc"] == ["", "5", "6"]

    def test_cut_off_anywhere_all_keys_are_old_or_all_are_new(self, backend: Backend) -> None:
        old = {"a": "old", "b": "o" * 9000, "other": "stays"}
        change = {"a": "new", "b": "", "c": "n" * 70_000}
        new = {"a": "new", "c": "n" * 70_000, "other": "stays"}
        store = backend.open()
        for key, value in old.items():
            store.save(key, value)
        store.close()
        seen = set()
        for how, returned in backend.cut_off(change):
            store = backend.open()
            loaded = store.load()
            assert loaded in (old, new), how
            if returned:
                assert loaded == new, how
            seen.add(loaded["a"])
            store.save_all({"a": "goes", "b": "on"})
            assert (store.get("a"), store.get("b")) == ("goes", "on"), how
            store.save_all({**old, "c": ""})
            assert store.load() == old
            store.close()
        assert seen == {"old", "new"}

    @pytest.mark.parametrize("again", [False, True], ids=["same store", "opened again"])
    def test_where_it_fails_all_keys_are_old_or_all_are_new(
        self, backend: Backend, again: bool
    ) -> None:
        old, new = {"a": "1", "b": "2"}, {"a": "3", "c": "4"}
        store = backend.open()
        store.save_all(old)
        store.close()
        ways = 0
        for how, store in backend.failing({"a": "3", "b": "", "c": "4"}):
            ways += 1
            if again:
                store.close()
                store = backend.open()
            found = {key: store.get(key) for key in "abc" if store.get(key)}
            assert found in (old, new), how
            store.save("a", "newer")  # what was begun before does not undo it
            assert store.load() == {**found, "a": "newer"}, how
            store.save_all({**old, "c": ""})
            store.close()
        assert ways or not backend.damages()

    # ---- others
    def test_a_second_opener_is_refused_or_harmless(self, backend: Backend) -> None:
        first = backend.open()
        first.save("a", "1")
        if backend.second_opener == "refused":
            with pytest.raises(StoreError, match=r"in use by process \d+"):
                backend.open()
        else:
            backend.open().save("a", "2")
        assert first.load() == {"a": "1"}
        first.save("a", "3")
        first.close()

    # ---- damage
    def test_a_damaged_entry_is_told_once_and_never_guessed(self, backend: Backend) -> None:
        for how, damage in backend.damages().items():
            store = backend.open()
            store.save("a", "1" * 3000)
            store.save("b", "2")
            store.close()
            damage()
            store = backend.open()
            with pytest.raises(StoreError) as told:
                store.load()
            text = str(told.value)
            assert "1 of 2 entries" in text and "\n" not in text, how
            assert backend.remedy in text, how
            assert store.get("b") == "2", how
            store.save("a", "mended")  # written anew it is whole
            assert store.load() == {"a": "mended", "b": "2"}, how
            store.close()
