"""Texts of rows as numbers: each text is kept once, and a row's field holds its number."""

from __future__ import annotations


class Texts(dict[str, int]):
    """Interned texts: table[text] is its id, given on first sight."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def __missing__(self, text: str) -> int:
        if text.__class__ is not str:
            text = str(text)  # an enum's member: its value
        self[text] = number = len(self.all)
        self.all.append(text)
        return number

    def several(self, texts: list[str]) -> list[int]:
        """The ids of texts, interned in their order."""
        first = len(self.all)
        numbers = range(first, first + len(texts))
        new = dict(zip(texts, numbers, strict=True))
        if len(new) < len(texts) or not self.keys().isdisjoint(new):
            return [self[text] for text in texts]
        self.update(new)  # none of them has been seen before
        self.all += texts
        return list(numbers)


class KnownTexts:
    """Interned texts that grow by no text that is asked for: its number is -1."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __getitem__(self, text: str) -> int:
        return self._texts.get(text, -1)
