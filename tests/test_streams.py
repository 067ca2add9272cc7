"""Draws: each has a name, and nothing but its name decides it. Intervals are computed, not
tuned.
"""

from __future__ import annotations

import math
import subprocess
import sys
from hashlib import blake2b
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.scenario.model import Law
from dr_sim.streams import Stream, Streams, half_up

N = 20_000
SURE = NormalDist().inv_cdf(1 - 1e-9)  # a sound generator fails such a bound once in 500 million


def draws(law: Law, n: int = N) -> list[int]:
    stream = Streams(1).of("crm", "test")
    return [stream.law(i, law) for i in range(n)]


# ---- names
@given(st.integers(0, 10**6), st.sampled_from([4, 8, 64, 256, 1024]))
def test_a_word_is_the_same_for_any_size_of_blocks(occurrence: int, block_words: int) -> None:
    assert Stream(77, block_words).word(occurrence) == Stream(77, 4).word(occurrence)


def test_a_word_does_not_depend_on_what_was_asked_before() -> None:
    forwards, at_random = Stream(5), Stream(5)
    words = [forwards.word(i) for i in range(1000)]
    order = np.random.Generator(np.random.PCG64(1)).permutation(1000).tolist()
    assert [at_random.word(i) for i in order] == [words[i] for i in order]


def test_words_are_those_of_philox_keyed_by_the_hash_of_the_name() -> None:
    key = int.from_bytes(
        blake2b(b"7\x003\x00crm\x00restore tail\x00retry", digest_size=16).digest(), "little"
    )
    expected = np.random.Philox(key=key).random_raw(600).tolist()
    stream = Streams(7, 3).of("crm", "restore tail", "retry")
    assert [stream.word(i) for i in range(600)] == expected


def test_no_draw_is_shared_between_names() -> None:
    """Every part of the name counts, and parts do not run into each other."""
    names = [
        (seed, replication, entity, purpose, lane)
        for seed in (1, 2, 11)
        for replication in (0, 1)
        for entity in ("a", "ab", "b", "")
        for purpose in ("a", "b", "bc", "")
        for lane in ("", "c", "retry")
    ]
    words = set()
    for seed, replication, entity, purpose, lane in names:
        stream = Streams(seed, replication).of(entity, purpose, lane)
        words.update(stream.word(i) for i in range(8))
    assert len(words) == 8 * len(names)


def test_a_stream_is_opened_once_and_asking_twice_gives_the_same() -> None:
    streams = Streams(1)
    assert streams.of("a", "b") is streams.of("a", "b")
    assert [streams.of("a", "b").word(i) for i in range(9)] == [
        Streams(1).of("a", "b").word(i) for i in range(9)
    ]


def test_another_process_with_another_hash_seed_draws_the_same() -> None:
    code = "from dr_sim.streams import Streams; print(Streams(1).of('crm', 'x').word(300))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "12345")
    }
    assert found == {f"{Streams(1).of('crm', 'x').word(300)}\n"}


def test_blocks_are_whole_philox_blocks() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        Stream(1, 6)


# ---- values
def test_uniform_has_the_mean_and_the_spread_that_it_must() -> None:
    stream = Streams(1).of("crm", "u")
    u = [stream.uniform(i) for i in range(N)]
    assert all(0 < x < 1 for x in u)
    assert abs(sum(u) / N - 0.5) < SURE * math.sqrt(1 / 12 / N)
    assert abs(sum(x * x for x in u) / N - 1 / 3) < SURE * math.sqrt(4 / 45 / N)


def test_uniform_fills_every_tenth_evenly_and_follows_no_neighbour() -> None:
    stream = Streams(2).of("crm", "u")
    u = [stream.uniform(i) for i in range(N)]
    bound = SURE * math.sqrt(N * 0.1 * 0.9)
    assert all(abs(sum(k / 10 <= x < (k + 1) / 10 for x in u) - N / 10) < bound for k in range(10))
    product = sum((a - 0.5) * (b - 0.5) for a, b in pairwise(u)) / (N - 1)
    assert abs(product) < SURE / 12 / math.sqrt(N - 1)


def test_below_gives_each_number_its_part_and_no_other() -> None:
    stream = Streams(1).of("crm", "b")
    got = [stream.below(i, 10) for i in range(N)]
    bound = SURE * math.sqrt(N * 0.1 * 0.9)
    assert all(abs(got.count(k) - N / 10) < bound for k in range(10))
    assert set(got) == set(range(10))
    assert {stream.below(i, 1) for i in range(100)} == {0}


def test_a_fixed_law_is_no_draw() -> None:
    assert set(draws(Law("fixed", 7), 10)) == {7}


def test_an_exponential_law_has_its_mean_and_its_memory() -> None:
    got = draws(Law("exponential", 10**9))
    assert abs(sum(got) / N - 10**9) < SURE * 10**9 / math.sqrt(N)
    beyond = sum(x > 10**9 for x in got) / N
    assert abs(beyond - math.exp(-1)) < SURE * math.sqrt(math.exp(-1) * (1 - math.exp(-1)) / N)


def test_a_uniform_law_stays_within_its_bounds_and_fills_them() -> None:
    got = draws(Law("uniform", 100, 109))
    assert set(got) == set(range(100, 110))
    bound = SURE * math.sqrt(N / 9)
    inner = [got.count(k) for k in range(101, 109)]
    assert all(abs(c - N / 9) < bound for c in inner)  # the two ends round half as often


@pytest.mark.parametrize(
    ("p50", "p95"), [(240_000_000, 1_200_000_000), (1_000_000, 5_000_000), (1000, 1001)]
)
def test_a_lognormal_law_has_the_percentiles_that_are_written(p50: int, p95: int) -> None:
    """Each word is turned by the exact quantile function, so its percentile is the law's at that u,
    rounded once.
    """
    stream, law = Streams(1).of("crm", "test"), Law("lognormal", p50, p95)
    got = draws(law)
    normal = NormalDist()
    sigma = math.log(p95 / p50) / normal.inv_cdf(0.95)
    for i in range(0, N, 97):
        exact = p50 * math.exp(sigma * normal.inv_cdf(stream.uniform(i)))
        assert abs(got[i] - exact) <= 0.5 + exact * 1e-12
    for q, at in ((0.5, p50), (0.95, p95)):
        part = sum(x <= at for x in got) / N
        tied = sum(x == at for x in got) / N
        assert abs(part - q) < SURE * math.sqrt(q * (1 - q) / N) + tied


def test_a_larger_word_gives_no_smaller_value_so_policies_meet_the_same_luck() -> None:
    stream = Streams(1).of("crm", "test")
    order = sorted(range(2000), key=stream.uniform)
    for law in (Law("uniform", 5, 500), Law("lognormal", 1000, 9000)):
        values = [stream.law(i, law) for i in order]
        assert values == sorted(values)
    falling = [stream.law(i, Law("exponential", 10**6)) for i in order]
    assert falling == sorted(falling, reverse=True)


def test_rounding_is_half_up_once() -> None:
    assert [half_up(x) for x in (0.49, 0.5, 1.5, 2.5, -0.5, -0.51)] == [0, 1, 2, 3, 0, -1]


def test_a_law_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such law: weibull"):
        Streams(1).of("a", "b").law(0, Law("weibull", 1))
