"""What an order is refused for is compared with what was true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dr_sim.oracle.monitors import refusals
from dr_sim.record.journal import Row
from oracle.test_monitors import BESIDE, REFUSED_ORDERS, Edit, change, found, recorded

REFUSED = "seen.RefuseOrder"


def doctored(text: str, edit: Edit) -> set[str]:
    of, rows = recorded(text)
    return found(refusals.refusals_are_true, of, [new for row in rows for new in edit(row)])


def said(reason: str, operator: str = "mallory") -> Edit:
    return change(REFUSED, {"reason": reason, "operator": operator}, operator="mallory")


def test_refusals_of_a_sound_run_are_true() -> None:
    _, rows = recorded(REFUSED_ORDERS)
    reasons = [row.values["reason"] for row in rows if row.kind == REFUSED]
    assert reasons == ["not authorised", "a failover is fencing already"]
    assert not doctored(REFUSED_ORDERS, lambda row: [row])


@pytest.mark.parametrize(
    "reason",
    [
        "a failover is fencing already",
        "no usable copy of any database is here",
        "database [crm] is already being restored beside the service",
    ],
)
def test_a_reason_that_is_not_true_is_found(reason: str) -> None:
    assert doctored(REFUSED_ORDERS, said(reason)) == {"R14"}


def test_who_may_order_is_not_said_to_be_unauthorised() -> None:
    assert doctored(REFUSED_ORDERS, said("not authorised", "dba")) == {"R14"}


def refused_beside(reason: str) -> Edit:
    """Put a refusal in the place of the request for a server."""

    def edit(row: Row) -> list[Row]:
        if row.kind != "seen.GetServerBeside":
            return [row]
        values = {"database": "crm", "operator": "dba", "reason": reason}
        return [replace(row, kind="seen.RefuseBeside", values=values)]

    return edit


@pytest.mark.parametrize(
    "reason",
    [
        "no usable full of database [crm] that ended before 2026-01-05T01:00:00Z is here",
        "database [crm] is already being restored beside the service",
    ],
)
def test_a_restore_beside_is_not_refused_for_what_is_not_true(reason: str) -> None:
    assert doctored(BESIDE, refused_beside(reason)) == {"R14"}


def test_a_full_that_nobody_found_whole_is_no_full() -> None:
    reason = "no usable full of database [crm] that ended before 2026-01-05T01:00:00Z is here"
    of, rows = recorded(BESIDE)
    edited = [new for row in rows for new in refused_beside(reason)(row)]
    without = [row for row in edited if row.kind != "seen.Validated"]
    assert not found(refusals.refusals_are_true, of, without)


def test_nobody_else_has_a_database_restored_beside_the_service() -> None:
    of, rows = recorded(BESIDE)
    monitor = refusals.nobody_else_restores_beside
    assert not found(monitor, of, rows)
    edit = change("seen.BesideOrdered", {"operator": "mallory"})
    assert found(monitor, of, [new for row in rows for new in edit(row)]) == {"R14"}
    assert any(row.kind == "seen.BesideOrdered" for row in rows)
