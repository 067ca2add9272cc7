"""Texts in a file, found by their number and by what they say.

In memory there are about 20 bytes of each: where it begins, and a hash of it with its number. A
filter of bits tells of nearly every text that was never put away that it is new.
"""

from __future__ import annotations

import mmap
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from dr_sim.record.blocks import unnamed_file

_FILTER_BITS = 27
_FILTER_MASK = (1 << _FILTER_BITS) - 1
_AT_ONCE = 1 << 16  # texts that are read together


class OldTexts:
    """The texts. count: how many there are; their numbers are 0 to count - 1."""

    def __init__(self) -> None:
        self.count = 0
        self._file = unnamed_file()
        self._mapped: mmap.mmap | None = None
        self._begins: list[NDArray[np.int64]] = []  # by block
        self._firsts: list[int] = []  # the first number of each block
        self._end = 0
        # by block: hashes in their order, and the numbers of their texts
        self._hashes: list[NDArray[np.int64]] = []
        self._numbers: list[NDArray[np.int32]] = []
        self._filter = bytearray(1 << (_FILTER_BITS - 3))

    def put(self, texts: Sequence[str]) -> None:
        """Put texts after those that there are."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        lengths = np.array([len(text) for text in encoded], dtype=np.int64)
        begins = np.empty(len(texts) + 1, dtype=np.int64)
        begins[0] = self._end
        begins[1:] = self._end + np.cumsum(lengths)
        self._file.seek(self._end)
        self._file.write(b"".join(encoded))
        self._end = int(begins[-1])
        self._mapped = None
        self._begins.append(begins)
        self._firsts.append(self.count)
        hashes = _hashes(texts)
        order = np.argsort(hashes, kind="stable")
        self._hashes.append(hashes[order])
        self._numbers.append((self.count + order).astype(np.int32))
        bits = hashes & _FILTER_MASK
        held = np.frombuffer(self._filter, dtype=np.uint8)
        np.bitwise_or.at(
            held, bits >> 3, np.left_shift(1, bits & 7).astype(np.uint8)
        )
        self.count += len(texts)

    def number(self, text: Any) -> int:
        """Return the number of a text; -1: it is none of these."""
        hashed = hash(text)
        bit = hashed & _FILTER_MASK
        if not self._filter[bit >> 3] >> (bit & 7) & 1:
            return -1
        for hashes, numbers in zip(
            self._hashes, self._numbers, strict=True
        ):
            place = int(np.searchsorted(hashes, hashed))
            while place < len(hashes) and hashes[place] == hashed:
                if self[int(numbers[place])] == text:
                    return int(numbers[place])
                place += 1
        return -1

    def any_of(self, texts: Sequence[str]) -> bool:
        """Return whether one of these texts is here."""
        bits = _hashes(texts) & _FILTER_MASK
        held = np.frombuffer(self._filter, dtype=np.uint8)
        maybe = (held[bits >> 3] >> (bits & 7).astype(np.uint8)) & 1
        return any(
            self.number(texts[i]) >= 0
            for i in np.flatnonzero(maybe).tolist()
        )

    def __getitem__(self, number: int) -> str:
        block = bisect_right(self._firsts, number) - 1
        begins = self._begins[block]
        place = number - self._firsts[block]
        # as plain numbers: one text is asked for at a time, a million times
        begin, end = begins.item(place), begins.item(place + 1)
        return self._content()[begin:end].decode("utf-8", "surrogatepass")

    def several(self, numbers: NDArray[np.int64]) -> list[str]:
        """Return the texts with these numbers."""
        blocks = np.searchsorted(self._firsts, numbers, side="right") - 1
        spans = np.empty((2, len(numbers)), dtype=np.int64)
        for block in np.unique(blocks).tolist():
            mine = blocks == block
            places = numbers[mine] - self._firsts[block]
            begins = self._begins[block]
            spans[:, mine] = begins[places], begins[places + 1]
        content = self._content()
        found = []
        for begin, end in spans.T.tolist():
            text = content[begin:end]
            found.append(text.decode("utf-8", "surrogatepass"))
        return found

    def __iter__(self) -> Iterator[str]:
        for begins in self._begins:
            for first in range(0, len(begins) - 1, _AT_ONCE):
                ends = begins[first : first + _AT_ONCE + 1].tolist()
                content = self._content()[ends[0] : ends[-1]]
                for begin, end in pairwise(ends):
                    text = content[begin - ends[0] : end - ends[0]]
                    yield text.decode("utf-8", "surrogatepass")

    def _content(self) -> mmap.mmap:
        if self._mapped is None:
            self._file.flush()
            self._mapped = mmap.mmap(
                self._file.fileno(), self._end, access=mmap.ACCESS_READ
            )
        return self._mapped


class OldThenNew(Sequence[str]):
    """All texts of a run by their numbers: those in the file, then those at hand."""

    def __init__(self, old: OldTexts, new: list[str]) -> None:
        self._old = old
        self._new = new

    def __len__(self) -> int:
        return self._old.count + len(self._new)

    @overload
    def __getitem__(self, number: int) -> str: ...

    @overload
    def __getitem__(self, number: slice) -> list[str]: ...

    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if number < 0:
            number += len(self)
        old = self._old.count
        return (
            self._old[number] if number < old else self._new[number - old]
        )

    def __iter__(self) -> Iterator[str]:
        yield from self._old
        yield from self._new


def _hashes(texts: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(hash, texts), dtype=np.int64, count=len(texts))
