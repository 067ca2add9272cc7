"""Texts of rows as numbers: each text is kept once, and a row's field holds its number.

Nearly all texts of a run are of one log each: its name, the key of its counter. After a while
nobody asks for them any more until the run is measured, so the older ones are put in a file
(old_texts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.old_texts import OldTexts, OldThenNew

AT_HAND = 600_000
"""The number of texts that stay at hand: all those of a year of one database do."""

_FEW = 20
"""Texts that are read one by one in less time than together."""


class Texts(dict[str, int]):
    """Interned texts: table[text] is its id, given on first sight. all: the texts, by id."""

    def __init__(self, at_hand: int = AT_HAND) -> None:
        super().__init__()
        self._new: list[str] = []  # those that are at hand
        self.all: Sequence[str] = self._new
        self._at_hand = at_hand
        self._old: OldTexts | None = None

    def __missing__(self, text: str) -> int:
        if text.__class__ is not str:
            text = str(text)  # an enum's member: its value
        number = -1 if self._old is None else self._old.number(text)
        if number < 0:
            if len(self._new) > self._at_hand:
                self._put_away()
            number = len(self.all)
            self._new.append(text)
        self[text] = number
        return number

    def __contains__(self, text: object) -> bool:
        return super().__contains__(text) or self._of_old(text) >= 0

    def get(self, text: str, otherwise: Any = None) -> Any:
        number = super().get(text, -1)
        if number < 0:
            number = self._of_old(text)
        return otherwise if number < 0 else number

    def several(self, texts: list[str]) -> list[int]:
        """The ids of texts, interned in their order."""
        if len(self._new) + len(texts) > self._at_hand:
            self._put_away()
        first = len(self.all)
        numbers = range(first, first + len(texts))
        new = dict(zip(texts, numbers, strict=True))
        if (
            len(new) < len(texts)
            or not self.keys().isdisjoint(new)
            or (self._old is not None and self._old.any_of(texts))
        ):
            return [self[text] for text in texts]
        self.update(new)  # none of them has been seen before
        self._new += texts
        return list(numbers)

    def spelled(self, numbers: NDArray[np.int64]) -> list[str]:
        """Return the texts with these numbers."""
        old = self._old
        if old is None or len(numbers) < _FEW:
            return [self.all[i] for i in numbers.tolist()]
        aside = numbers < old.count
        from_file = iter(old.several(numbers[aside]))
        found = []
        for number, is_old in zip(
            (numbers - old.count).tolist(), aside.tolist(), strict=True
        ):
            found.append(next(from_file) if is_old else self._new[number])
        return found

    def _of_old(self, text: Any) -> int:
        return -1 if self._old is None else self._old.number(text)

    def _put_away(self) -> None:
        """Put the older half of the texts that are at hand in the file."""
        if self._old is None:
            self._old = OldTexts()
        half = len(self._new) // 2
        self._old.put(self._new[:half])
        del self._new[:half]
        first = self._old.count
        # what is asked for often comes back at once
        self.clear()
        numbers = range(first, first + len(self._new))
        self.update(zip(self._new, numbers, strict=True))
        self.all = OldThenNew(self._old, self._new)


class KnownTexts:
    """Interned texts that grow by no text that is asked for: its number is -1."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __getitem__(self, text: str) -> int:
        number: int = self._texts.get(text, -1)
        return number
