"""Errors as people are told: SQL Server's by number, PostgreSQL's by SQLSTATE."""

from __future__ import annotations

import pytest

from dr_sim.backups.said import said


@pytest.mark.parametrize(
    ("number", "message", "expected"),
    [
        (3101, "Exclusive access", "3101 Exclusive access"),
        (int("55006", 36), "55006 database is in use", "55006 database is in use"),
        (int("XX001", 36), "XX001 invalid page", "XX001 invalid page"),
        (int("08006", 36), "08006 connection failure", "08006 connection failure"),
        (60001, "60001 rows differ", "60001 60001 rows differ"),  # five digits, but no SQLSTATE
        (60017, "", "60017 "),
    ],
)
def test_a_sqlstate_is_told_once(number: int, message: str, expected: str) -> None:
    assert said(number, message) == expected
