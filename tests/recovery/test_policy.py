"""Which of several copies is taken, by the policy and by what each says of itself (W2)."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.recovery.failover.policy import KEYS, CopyChoice, CopyPolicy, Offer, best_first

P = CopyPolicy
BEHIND = Offer("behind", 0, True, holds_until_utc_us=100, takes_us=10)
SLOW = Offer("slow", 1, True, holds_until_utc_us=200, takes_us=90)
GOOD = Offer("good", 2, True, holds_until_utc_us=200, takes_us=50)
TWIN = Offer("twin", 3, True, holds_until_utc_us=200, takes_us=50)
GONE = Offer("gone", 4, False, holds_until_utc_us=999, takes_us=1)
ALL = (BEHIND, SLOW, GOOD, TWIN, GONE)

TABLE = [
    (P.PREFERRED, 0, "behind slow good twin"),
    (P.LEAST_LOSS, 0, "good twin slow behind"),
    (P.FASTEST, 0, "behind good twin slow"),
    (P.LEAST_LOSS_WITHIN, 90, "good twin slow behind"),
    (P.LEAST_LOSS_WITHIN, 89, "good twin behind slow"),
    (P.LEAST_LOSS_WITHIN, 49, "behind good twin slow"),
    (P.LEAST_LOSS_WITHIN, 9, "behind good twin slow"),
]


@pytest.mark.parametrize(("policy", "within", "expected"), TABLE)
def test_the_table_gives_the_order(policy: CopyPolicy, within: int, expected: str) -> None:
    for offers in permutations(ALL):
        found = best_first(offers, CopyChoice(policy, within))
        assert " ".join(offer.place for offer in found) == expected


@pytest.mark.parametrize("policy", CopyPolicy)
def test_a_copy_that_lacks_a_database_comes_last(policy: CopyPolicy) -> None:
    """It holds nothing of that database: its offer names no instant."""
    lacks = Offer("lacks", 0, True, holds_until_utc_us=0, takes_us=1)
    assert best_first((lacks, *ALL[1:]), CopyChoice(policy, 90))[-1] is lacks


def test_each_policy_has_its_keys() -> None:
    assert set(KEYS) == set(CopyPolicy)


OFFERS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=5
)


@given(offers=OFFERS, within=st.integers(0, 5))
def test_nobody_is_better_than_the_one_that_is_chosen(
    offers: list[tuple[bool, int, int]], within: int
) -> None:
    """The meaning of each policy, without keys: pair by pair."""
    made = [Offer(f"p{rank}", rank, *values) for rank, values in enumerate(offers)]
    opened = [offer for offer in made if offer.open]
    for policy in CopyPolicy:
        chosen = best_first(made, CopyChoice(policy, within))[:1]
        assert [offer.open for offer in chosen] == [True] * bool(opened)
        for one in chosen:
            assert not [x for x in opened if _is_better(x, one, policy, within)]


def _is_better(one: Offer, than: Offer, policy: CopyPolicy, within: int) -> bool:
    lacks, than_lacks = (not offer.holds_until_utc_us for offer in (one, than))
    if lacks != than_lacks:
        return than_lacks
    less = one.holds_until_utc_us > than.holds_until_utc_us
    faster = one.takes_us < than.takes_us
    if policy is P.PREFERRED:
        return one.rank < than.rank
    if policy is P.LEAST_LOSS:
        return less
    if policy is P.FASTEST:
        return faster
    in_time, than_in_time = one.takes_us <= within, than.takes_us <= within
    if in_time != than_in_time:
        return in_time
    return less if in_time else faster
