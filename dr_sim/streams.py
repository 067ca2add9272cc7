"""Named random streams: a draw is a function of (seed, replication, entity, purpose, lane,
occurrence) and of nothing else.

Each name keys a counter-based generator (Philox 4x64, its key the BLAKE2b of the name); occurrence
i is the i-th raw 64-bit word of that generator, turned into a value by inverse transform. Nothing
is drawn by order of consumption: one more fault, database or retry shifts nobody's draws, and words
come in blocks of any size with the same result. Values are computed with `math` and rounded to an
integer once, halves up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dr_sim.scenario.model import Law

BLOCK_WORDS = 256
# 285 years, or a factor of nine billion: no run lasts so long, and sums of it stay within 64 bits
MOST_DRAWN = 2**53
MOST_OPEN = 20_000  # streams that are kept, of about 8 kB each
# 1.6449: the lognormal's 95th percentile lies 1.6449 sigmas above its median
_Z95 = NormalDist().inv_cdf(0.95)
_NORMAL = NormalDist()
_WORDS = (
    9007199254740992.0  # 2 to the 53: the bits of a word that a float holds
)


class Stream:
    """One name's words, by occurrence."""

    __slots__ = ("_block_words", "_blocks", "_key")

    def __init__(self, key: int, block_words: int = BLOCK_WORDS) -> None:
        if block_words % 4:
            raise ValueError(
                "a Philox block is 4 words: block_words must be a multiple of 4"
            )
        self._key = key
        self._block_words = block_words
        self._blocks: tuple[int, list[int]] = (-1, [])

    def word(self, occurrence: int) -> int:
        """The raw 64-bit word of that occurrence."""
        block, place = divmod(occurrence, self._block_words)
        if self._blocks[0] != block:
            # numpy steps the counter before its first block of four words
            bits = np.random.Philox(
                key=self._key, counter=block * (self._block_words // 4)
            )
            self._blocks = (
                block,
                bits.random_raw(self._block_words).tolist(),
            )
        return self._blocks[1][place]

    def words(self, first: int, last: int) -> NDArray[np.uint64]:
        """The words of all occurrences in [first, last)."""
        counter = first // 4
        bits = np.random.Philox(key=self._key, counter=counter)
        found: NDArray[np.uint64] = bits.random_raw(last - 4 * counter)[
            first - 4 * counter :
        ]
        return found

    def uniform(self, occurrence: int) -> float:
        """Return a value in the open interval (0, 1): 53 bits, never 0 and never 1."""
        return ((self.word(occurrence) >> 11) + 0.5) / _WORDS

    def below(self, occurrence: int, n: int) -> int:
        """A whole number in 0..n-1 (by multiplication; the bias is below n / 2**64)."""
        return (self.word(occurrence) * n) >> 64

    def law(self, occurrence: int, law: Law) -> int:
        """A value of a law, as its unit's whole number. A tail that has no end is cut off at
        MOST_DRAWN.
        """
        kind = law.kind
        if kind == "fixed":
            return law.a
        u = ((self.word(occurrence) >> 11) + 0.5) / _WORDS
        if kind == "exponential":
            return min(MOST_DRAWN, half_up(-law.a * math.log(u)))
        if kind == "uniform":
            return half_up(law.a + (law.b - law.a) * u)
        if kind == "lognormal":
            sigma = _sigma_of(law)
            return min(
                MOST_DRAWN,
                half_up(law.a * math.exp(sigma * _NORMAL.inv_cdf(u))),
            )
        raise ValueError(f"no such law: {law.kind}")

    def arrivals(self, gaps: Law, until_us: int) -> Iterator[int]:
        """The instants before until_us at which something comes, from 0 on: their gaps follow the
        law, and are a microsecond at least.
        """
        at_us, occurrence = 0, 0
        while True:
            at_us += max(1, self.law(occurrence, gaps))
            if at_us >= until_us:
                return
            yield at_us
            occurrence += 1


def chance_above(law: Law, value: int) -> float:
    """Return how likely a law draws more than that."""
    if law.kind == "fixed":
        return float(law.a > value)
    if law.kind == "uniform":
        within = (law.b - value) / (law.b - law.a) if law.b > law.a else 0.0
        return min(1.0, max(0.0, within))
    if law.kind == "exponential":
        return math.exp(-max(0, value) / law.a)
    if value <= 0:
        return 1.0
    return _NORMAL.cdf(-math.log(value / law.a) / _sigma_of(law))


def exceeded_with(law: Law, chance: float) -> int:
    """Return the value that a law exceeds with that chance, above 0 and below 1."""
    if law.kind == "exponential":
        return min(MOST_DRAWN, half_up(-law.a * math.log(chance)))
    if law.kind == "uniform":
        return half_up(law.b - (law.b - law.a) * chance)
    if law.kind == "lognormal":
        z = -_NORMAL.inv_cdf(chance)
        return min(
            MOST_DRAWN, half_up(law.a * math.exp(_sigma_of(law) * z))
        )
    return law.a


def _sigma_of(law: Law) -> float:
    """Return the spread of a lognormal law: of the logarithm of what it draws."""
    return math.log(law.b / law.a) / _Z95


class OnceStream(Stream):
    """A name of which a word or two are asked for: each word is a hash of its own, which is several
    times cheaper than to begin a generator for it.
    """

    __slots__ = ("_bytes",)

    def __init__(self, key: bytes) -> None:
        self._bytes = key

    def word(self, occurrence: int) -> int:
        hashed = blake2b(
            occurrence.to_bytes(8, "little"), digest_size=8, key=self._bytes
        )
        return int.from_bytes(hashed.digest(), "little")


def half_up(x: float) -> int:
    return math.floor(x + 0.5)


class Streams:
    """All the streams of one replication of one seed."""

    def __init__(
        self,
        seed: int,
        replication: int = 0,
        block_words: int = BLOCK_WORDS,
    ) -> None:
        self._prefix = f"{seed}\0{replication}\0"
        self._block_words = block_words
        self._open: dict[tuple[str, str, str], Stream] = {}

    def of(self, entity: str, purpose: str, lane: str = "") -> Stream:
        """The stream of that name. A retry has a lane of its own."""
        name = (entity, purpose, lane)
        stream = self._open.get(name)
        if stream is None:
            if len(self._open) >= MOST_OPEN:
                self._open.clear()  # any of them can be had again by its name
            stream = self._open[name] = Stream(
                int.from_bytes(self._bytes_of(name), "little"),
                self._block_words,
            )
        return stream

    def once(self, entity: str, purpose: str, lane: str = "") -> OnceStream:
        """A stream for a name that is used once or twice, such as that of a single job."""
        text = f"{self._prefix}{entity}\0{purpose}\0{lane}"
        return OnceStream(blake2b(text.encode(), digest_size=16).digest())

    def _bytes_of(self, name: tuple[str, str, str]) -> bytes:
        text = self._prefix + "\0".join(name)
        return blake2b(text.encode(), digest_size=16).digest()


class StreamsAt(Streams):
    """The draws of what happens at one place: named by it, so that two standbys do not share their
    luck.
    """

    def __init__(self, streams: Streams, place: str) -> None:
        self._streams = streams
        self._at = f" at {place}"

    def of(self, entity: str, purpose: str, lane: str = "") -> Stream:
        return self._streams.of(entity + self._at, purpose, lane)

    def once(self, entity: str, purpose: str, lane: str = "") -> OnceStream:
        return self._streams.once(entity + self._at, purpose, lane)


def streams_at(streams: Streams, place: str) -> Streams:
    """Return the draws of a place; '': the same draws, as if there were no other standby."""
    return StreamsAt(streams, place) if place else streams
