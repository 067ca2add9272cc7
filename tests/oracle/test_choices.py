"""A choice that is worse than what was at hand is found, in journals that were doctored."""

from __future__ import annotations

import json
from dataclasses import replace

from dr_sim.oracle.monitors import Monitor, alert_texts, choices
from dr_sim.record.journal import Row
from oracle.test_monitors import CRM, Edit, found, recorded

BRIDGED = CRM.replace("full: none, incremental: none", "full: daily 00:01, incremental: every 1 h")
BRIDGED += "replay: {on_hole: bridge}\nevents: [{at: 70 min, missing_file: crm}]\n"
GONE = CRM.replace("full: none", "full: daily 00:05") + (
    "failover: {mode: automatic, drain_limit: 2 h}\nevents:\n"
    "- {at: 40 min, lose_secondary: 30 min}\n- {at: 60 min, lose: host}\n"
)
SLOW = CRM.replace("full: none", "full: daily 00:05") + (
    "events: [{at: 59 min, slow_restore: {by: 2000, duration: 1 h}}]\n"
)
OTHER = "crm_2026_01_05_02_00_01_{}_000"


def broken(text: str, monitor: Monitor, edit: Edit) -> set[str]:
    of, rows = recorded(text)
    return found(monitor, of, [new for row in rows for new in edit(row)])


def untouched(row: Row) -> list[Row]:
    return [row]


def is_bridge(row: Row) -> bool:
    return row.kind == "seen.Restore" and "_incremental_" in row.values["name"]


def whole(text: str, kind: int) -> Row:
    """Return the row that says of the last backup of a kind that it is whole."""
    _, rows = recorded(text)
    said = [row for row in rows if row.kind == "seen.Validated"]
    return [row for row in said if row.values["header.kind"] == kind][-1]


def with_another(kind: int, more: dict[str, object], at: dict[str, object]) -> Edit:
    """Let another backup of a kind be found whole just before the bridge is restored. more: of what
    it says of itself; at: what the row of the restore says instead.
    """
    word = ("full", "incremental")[kind]
    said = whole(BRIDGED, kind)

    def edit(row: Row) -> list[Row]:
        if not is_bridge(row):
            return [row]
        values = {**said.values, "name": OTHER.format(word), **more}
        other = replace(said, time_us=row.time_us, values=values)
        return [other, replace(row, values={**row.values, **at})]

    return edit


def test_what_was_chosen_in_a_sound_run_was_the_best() -> None:
    assert any(is_bridge(row) for row in recorded(BRIDGED)[1])
    assert not broken(BRIDGED, choices.the_best_backup_gets_past, untouched)


def test_a_larger_incremental_than_needed_is_found() -> None:
    smaller = with_another(1, {"header.nominal_bytes": 1}, {})
    assert broken(BRIDGED, choices.the_best_backup_gets_past, smaller) == {"R11"}
    alike = with_another(1, {}, {})
    assert not broken(BRIDGED, choices.the_best_backup_gets_past, alike)


def test_an_older_full_than_needed_is_found() -> None:
    older = {"name": whole(BRIDGED, 0).values["name"], "replace": 1}
    newer = with_another(0, {"header.last_lsn": 10**12}, older)
    assert broken(BRIDGED, choices.the_best_backup_gets_past, newer) == {"R11"}


def fetched(edit_names: Edit) -> Edit:
    def edit(row: Row) -> list[Row]:
        return edit_names(row) if row.kind == "seen.Fetch" else [row]

    return edit


def in_reverse(row: Row) -> list[Row]:
    names = json.loads(row.values["names"])[::-1]
    return [replace(row, values={**row.values, "names": json.dumps(names)})]


def test_files_that_are_sent_in_the_wrong_order_are_found() -> None:
    assert not broken(GONE, choices.files_are_sent_in_order, untouched)
    assert broken(GONE, choices.files_are_sent_in_order, fetched(in_reverse)) == {"R11"}


def test_a_full_that_is_sent_in_vain_is_found() -> None:
    def is_here(row: Row) -> list[Row]:
        return [replace(whole(GONE, 0), time_us=row.time_us), row]

    assert not broken(GONE, choices.no_full_is_sent_in_vain, untouched)
    assert broken(GONE, choices.no_full_is_sent_in_vain, fetched(is_here)) == {"R11"}


def test_a_wrong_number_of_logs_that_wait_is_found() -> None:
    def one_more(row: Row) -> list[Row]:
        if row.kind != "seen.RaiseAlert" or row.values["event_id"] != 18:
            return [row]
        words = row.values["text"].split("[")
        number, rest = words[2].split("]", 1)
        words[2] = f"{int(number) + 1}]{rest}"
        return [replace(row, values={**row.values, "text": "[".join(words)})]

    monitor = alert_texts.the_number_that_waits_is_right
    assert not broken(SLOW, monitor, untouched)
    assert broken(SLOW, monitor, one_more) == {"R13"}
