"""Names round-trip for every legal database name, sort in the order in time, and never collide."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dr_sim.backups.model import Kind
from dr_sim.backups.names import (
    MAX_DATABASE_BYTES,
    backup_name,
    encode_database,
    parse_name,
    with_attempts,
)

DATABASES = st.text(st.characters(), min_size=1, max_size=128)
INSTANTS_US = st.integers(-60_000_000_000_000_000, 250_000_000_000_000_000)
KINDS = st.sampled_from(list(Kind))


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_the_pattern_of_the_requirement() -> None:
    assert (
        backup_name("crm", us("2025-03-04T05:06:07") + 999_999, Kind.LOG)
        == "crm_2025_03_04_05_06_07_log_000"
    )
    assert (
        backup_name("crm", us("1970-01-01T00:00:00"), Kind.FULL, 12)
        == "crm_1970_01_01_00_00_00_full_012"
    )
    assert with_attempts("crm_2025_03_04_05_06_07_log_000", 3) == "crm_2025_03_04_05_06_07_log_003"


@given(DATABASES, INSTANTS_US, KINDS, st.integers(0, 20_000))
@example("Test, command and conquer ", 0, Kind.LOG, 0)
@example("a_2024_01_01_00_00_00_log_000", 1, Kind.LOG, 1000)
@example("CON", 0, Kind.FULL, 0)
@example("-rf", 0, Kind.FULL, 0)
@example("\ud800", 0, Kind.LOG, 999)
@example("100%~!", 0, Kind.LOG, 999)
@example("../../etc", 0, Kind.INCREMENTAL, 0)
def test_round_trip(database: str, started_utc_us: int, kind: Kind, attempts: int) -> None:
    name = backup_name(database, started_utc_us, kind, attempts)
    parsed = parse_name(name)
    assert (parsed.started_utc_us, parsed.kind, parsed.attempts) == (
        started_utc_us // 10**6 * 10**6,
        kind,
        attempts,
    )
    if parsed.shortened:
        assert len(encode_database(database)) == len(parsed.database) + 1
    else:
        assert parsed.database == database
    assert with_attempts(name, 0) == backup_name(database, started_utc_us, kind)


@given(DATABASES, KINDS)
@example("nul", Kind.FULL)
@example('Ünïcödé / 数据库 : * ? " < > |', Kind.LOG)
def test_safe_on_every_file_system(database: str, kind: Kind) -> None:
    name = backup_name(database, 0, kind)
    # one case, ASCII, no separator, no dot
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-!%~")
    assert len(name) < 255 and not name.startswith("-")
    folder = encode_database(database)[:-1]
    assert len(folder) <= MAX_DATABASE_BYTES
    assert folder not in {"con", "prn", "aux", "nul", "com1", "lpt9"}


@given(st.lists(DATABASES, unique=True, max_size=8))
@example(["crm", "CRM", "Crm", "%63rm", "!crm"])
def test_different_databases_have_different_names(databases: list[str]) -> None:
    assert len({encode_database(database) for database in databases}) == len(databases)


def test_beyond_180_bytes_the_name_is_shortened_with_a_hash() -> None:
    at_limit, over = "x" * 180, "x" * 181
    assert parse_name(backup_name(at_limit, 0, Kind.LOG)).database == at_limit
    parsed = parse_name(backup_name(over, 0, Kind.LOG))
    assert (
        parsed.shortened
        and len(parsed.database) == 180
        and parsed.database.startswith("x" * 147 + "~")
    )
    assert encode_database("x" * 200 + "a") != encode_database("x" * 200 + "b")
    assert parse_name(backup_name("数" * 100, 0, Kind.LOG)).shortened


@given(
    st.lists(st.tuples(st.integers(0, 3_000_000), KINDS), min_size=1, max_size=25),
    INSTANTS_US,
)
def test_a_plain_sort_is_the_order_in_time_and_no_two_are_alike(
    steps: list[tuple[int, Kind]], now_us: int
) -> None:
    taken: list[str] = []
    for wait_us, kind in steps:
        now_us += wait_us
        taken.append(backup_name("a_b", now_us, kind, taken=taken))
    assert sorted(taken) == taken
    assert len(set(taken)) == len(taken)


def test_a_clock_that_falls_back_takes_no_name_twice() -> None:
    first = backup_name("crm", us("2025-10-26T02:30:00"), Kind.LOG)
    again = backup_name("crm", us("2025-10-26T02:30:00"), Kind.LOG, taken={first})
    assert again == "crm_2025_10_26_02_30_01_log_000"
    assert backup_name(
        "crm", us("2025-12-31T23:59:59"), Kind.LOG, taken={"crm_2025_12_31_23_59_59_log_000"}
    ) == ("crm_2026_01_01_00_00_00_log_000")


def test_attempts_sort_last_and_zero_padded() -> None:
    name = backup_name("crm", 0, Kind.LOG)
    tried = [with_attempts(name, count) for count in range(0, 120, 7)]
    assert sorted(tried) == tried


@pytest.mark.parametrize(
    "text",
    [
        "", "crm", "crm_2025_13_01_00_00_00_log_000", "crm_2025_02_30_00_00_00_log_000",
        "crm_2025_02_03_24_00_00_log_000",
        "crm_2025_02_03_23_60_00_log_000", "crm_2025_02_03_23_59_60_log_000", "crm_2025_2_3_23_59_00_log_000",
        "crm_2025_02_03_23_59_00_logs_000", "crm_2025_02_03_23_59_00_log_00", "crm_2025_02_03_23_59_00_log_0001",
        "CRM_2025_02_03_23_59_00_log_000", "%63rm_2025_02_03_23_59_00_log_000", "%4_2025_02_03_23_59_00_log_000",
        "a%_2025_02_03_23_59_00_log_000", "%ff_2025_02_03_23_59_00_log_000", "!1_2025_02_03_23_59_00_log_000",
        "!_2025_02_03_23_59_00_log_000", "_2025_02_03_23_59_00_log_000", "crm~00_2025_02_03_23_59_00_log_000",
        "con_2025_02_03_23_59_00_log_000", "crm_٢٠٢٥_02_03_23_59_00_log_000", "crm_2025_02_03_23_59_00_log_-01",
    ],
)  # fmt: skip
def test_what_was_never_made_here_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_name(text)


@given(st.text(st.sampled_from("ab_!%~-0123456789Az"), max_size=40))
def test_whatever_parses_is_what_would_be_made(text: str) -> None:
    name = text + "_2025_02_03_23_59_00_log_000"
    try:
        parsed = parse_name(name)
    except ValueError:
        return
    if not parsed.shortened:
        assert (
            backup_name(parsed.database, parsed.started_utc_us, parsed.kind, parsed.attempts)
            == name
        )


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        backup_name("", 0, Kind.LOG)
    with pytest.raises(ValueError, match="negative"):
        with_attempts("crm_2025_02_03_23_59_00_log_000", -1)
    with pytest.raises(ValueError, match="outside"):
        backup_name("crm", 10**18, Kind.LOG)
