"""The choice of the copy that takes over, by the offer of each copy (W2).

Theory of operation. Each copy makes an offer: up to when it holds all writes, and how long the
outage would be if it took over. A copy with nothing that could be brought online says so, and the
others do not wait for it. The policy sorts the open offers, the best first. One literal table gives
the keys of the order; the first key that differs decides. So every copy that has received the same
offers finds the same order by itself, and each waits for its turn in it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

NEVER_US = 1 << 60
"""The outage by a copy that is never back: its site is never configured."""


class CopyPolicy(enum.StrEnum):
    """By what one of several copies is chosen."""

    PREFERRED = "preferred"
    LEAST_LOSS = "least_loss"
    FASTEST = "fastest"
    LEAST_LOSS_WITHIN = "least_loss_within"


@dataclass(frozen=True, slots=True)
class CopyChoice:
    """The policy. within_us: of LEAST_LOSS_WITHIN, how long the outage may be."""

    policy: CopyPolicy
    within_us: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """The word of one copy on itself. place: where it is; rank: its place in the order in which the
    copies are written. open: something of it could be brought online. holds_until_utc_us: the
    instant, by the primary's clock, up to which it could have all writes. takes_us: the outage in
    all, from when the machines fell silent.
    """

    place: str
    rank: int
    open: bool
    holds_until_utc_us: int = 0
    takes_us: int = 0


Key = Callable[[Offer, CopyChoice], int]


# ---- the smaller, the better
def _lacks_some(offer: Offer, choose: CopyChoice) -> int:
    return int(not offer.holds_until_utc_us)


def _rank(offer: Offer, choose: CopyChoice) -> int:
    return offer.rank


def _loss(offer: Offer, choose: CopyChoice) -> int:
    return -offer.holds_until_utc_us


def _time(offer: Offer, choose: CopyChoice) -> int:
    return offer.takes_us


def _too_long(offer: Offer, choose: CopyChoice) -> int:
    return int(offer.takes_us > choose.within_us)


def _time_if_too_long(offer: Offer, choose: CopyChoice) -> int:
    return offer.takes_us if _too_long(offer, choose) else 0


KEYS: dict[CopyPolicy, tuple[Key, ...]] = {
    CopyPolicy.PREFERRED: (_rank,),
    CopyPolicy.LEAST_LOSS: (_loss, _time, _rank),
    CopyPolicy.FASTEST: (_time, _loss, _rank),
    # where none is back in time, the fastest
    CopyPolicy.LEAST_LOSS_WITHIN: (
        _too_long,
        _time_if_too_long,
        _loss,
        _time,
        _rank,
    ),
}


def best_first(offers: Iterable[Offer], choose: CopyChoice) -> list[Offer]:
    """Return the open offers in the order in which they are taken: first those that bring back
    every database.
    """
    keys = (_lacks_some, *KEYS[choose.policy])

    def place(offer: Offer) -> tuple[int, ...]:
        return tuple(key(offer, choose) for key in keys)

    return sorted((o for o in offers if o.open), key=place)
