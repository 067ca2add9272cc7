"""Reading of backup histories: every way in which exports differ, and one clear line for each
mistake.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.backups.model import Kind
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.importers.how import HOW_TSQL
from dr_sim.importers.import_history import import_history
from dr_sim.importers.sqlserver_history import HistoryEntry, parse_history, read_history
from dr_sim.importers.sqlserver_ties import NO_BASE
from dr_sim.loading.load import load_scenario

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "dbatools"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no ../shared/data beside the project")
START_US = 1_500_000_000_000_000


def row(number: int = 0, kind: str = "Transaction Log", **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "DatabaseName": "crm", "Type": kind, "BackupSetGUID": f"guid-{number}",
        "FirstLSN": 10**15 + number * 10**8, "LastLSN": 10**15 + (number + 1) * 10**8,
        "CheckpointLSN": 10**15 + number * 10**8, "DatabaseBackupLSN": 10**15,
        "BackupStartDate": f"/Date({START_US // 1000 + number * 300_000})/",
        "BackupFinishDate": f"/Date({START_US // 1000 + number * 300_000 + 2000})/",
    }  # fmt: skip
    return {key: value for key, value in (made | changes).items() if value is not None}


def read(*rows: dict[str, Any]) -> list[HistoryEntry]:
    return parse_history(json.dumps(list(rows)).encode())


def complaint(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse_history(data, "h.json")
    text = str(caught.value)
    assert text.startswith("h.json")
    return text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    text = json.dumps([row(DatabaseName="Ünïcode 数据")], ensure_ascii=False)
    assert parse_history(text.encode(encoding))[0].header.database == "Ünïcode 数据"


@pytest.mark.parametrize(
    "written", ["1234567890123456789012345", '"1234567890123456789012345"', "1234567890123456789012345.0",
                '"1234567890123456789012345.000"', "1.234567890123456789012345e24", '" 1234567890123456789012345 "'],
)  # fmt: skip
def test_an_lsn_of_25_digits_keeps_every_digit(written: str) -> None:
    text = json.dumps([row(LastLSN="HERE")]).replace('"HERE"', written)
    assert parse_history(text.encode())[0].header.last_lsn == 1234567890123456789012345


def test_key_case_and_words_vary() -> None:
    for kind, words in {
        Kind.FULL: ("Database", "D", "Full"),
        Kind.INCREMENTAL: ("Database Differential", "I"),
        Kind.LOG: ("Transaction Log", "L", "log"),
    }.items():
        for word in words:
            lower = {key.lower(): value for key, value in row(kind=word).items()}
            assert read(lower)[0].header.kind is kind


@pytest.mark.parametrize(
    ("written", "zone", "utc_us", "guessed"),
    [
        ("/Date(1500136200000)/", None, 1_500_136_200_000_000, False),
        ("2017-07-15T16:30:00Z", None, 1_500_136_200_000_000, False),
        ("2017-07-15T18:30:00+02:00", None, 1_500_136_200_000_000, False),
        # msdb: quarter hours ahead of UTC
        ("2017-07-15 18:30:00.000", 8, 1_500_136_200_000_000, False),
        ("2017-07-15 11:00:00", -22, 1_500_136_200_000_000, False),
        ("2017-07-15 16:30:00", 127, 1_500_136_200_000_000, True),
        ("2017-07-15T16:30:00", None, 1_500_136_200_000_000, True),
        ({"value": "/Date(1500136200000)/", "DisplayHint": 2}, None, 1_500_136_200_000_000, False),
    ],
)
def test_instants(written: object, zone: int | None, utc_us: int, guessed: bool) -> None:
    entry = read(row(BackupStartDate=written, BackupFinishDate=written, time_zone=zone))[0]
    assert (entry.header.started_utc_us, entry.utc_guessed) == (utc_us, guessed)


def test_forks_become_numbers_in_the_order_in_which_they_are_met() -> None:
    entries = read(
        row(0, RecoveryForkID="AAAA", FirstRecoveryForkID="aaaa"),
        row(
            1,
            last_recovery_fork_guid="bbbb",
            first_recovery_fork_guid="aaaa",
            fork_point_lsn=10**15 + 10**8,
        ),
    )
    headers = [entry.header for entry in entries]
    assert [(h.first_fork, h.fork, h.fork_point_lsn) for h in headers] == [
        (1, 1, 0),
        (1, 2, 10**15 + 10**8),
    ]


def test_the_base_of_a_differential_is_named_by_its_first_lsn() -> None:
    base = row(0, "Database", FirstLSN=10**15 - 7)
    # older exports have no such column; some name the checkpoint
    for named in ({}, {"DifferentialBaseLSN": 10**15}):
        headers = [entry.header for entry in read(base, row(5, "Database Differential", **named))]
        assert headers[1].differential_base_lsn == headers[0].first_lsn == 10**15 - 7
    alone = read(row(5, "Database Differential"))[0].header
    assert alone.differential_base_lsn == 10**15


def test_a_list_that_windows_powershell_wrapped() -> None:
    text = json.dumps({"value": [row(0), row(1)], "Count": 2})
    assert len(parse_history(text.encode())) == 2


def test_csv_of_backupset() -> None:
    text = (
        "database_name;type;backup_start_date;backup_finish_date;time_zone;first_lsn;last_lsn;is_copy_only;backup_size\n"
        "-------------;----;-----------------;------------------;---------;---------;--------;------------;-----------\n"
        "crm;D;2017-07-15 18:30:00;2017-07-15 18:31:00;8;1000;2000;1;5000\n"
        "crm;L;2017-07-15 18:35:00;2017-07-15 18:35:01;8;1500;2500;0;NULL\n"
        "\n(2 rows affected)\n"
    )
    entries = parse_history(text.encode("utf-16"))
    full, log = (entry.header for entry in entries)
    assert (full.kind, full.copy_only, full.nominal_bytes) == (Kind.FULL, True, 5000)
    assert (log.kind, log.first_lsn, log.started_utc_us) == (Kind.LOG, 1500, 1_500_136_500_000_000)


# ---- CSV of objects, as Get-DbaDbBackupHistory | Export-Csv writes it
DBATOOLS_HEADS = (
    "ComputerName,SqlInstance,Database,Start,End,Path,TotalSize,CompressedBackupSize,Type,"
    "BackupSetId,DeviceType,FirstLsn,DatabaseBackupLsn,CheckpointLsn,LastLsn,IsCopyOnly,"
    "LastRecoveryForkGUID,RecoveryModel"
)


def dbatools_csv(*backups: tuple[str, str, str], size: str = "4.48 MB") -> bytes:
    """(kind, start, end) of each; their LSNs follow each other."""
    lines = ["#TYPE Dataplat.Dbatools.Database.BackupHistory", DBATOOLS_HEADS]
    for number, (kind, start, end) in enumerate(backups, 1):
        first = 1000 * number
        base = 0 if number == 1 else 1000
        cells = ("SQL1", "SQL1", "crm", start, end, "System.String[]", size, "1.00 MB", kind, number,
                 "Disk", first, base, first, first + 1000, "False", "aaaa", "Full")  # fmt: skip
        lines.append(",".join(f'"{cell}"' for cell in cells))
    return "\r\n".join(lines).encode("utf-8-sig")


@pytest.mark.parametrize(
    ("starts", "dates"),
    [
        # an hour is told by AM and PM; the parts of a date by one beyond 12
        (("5/14/2017 12:42:17 AM", "5/15/2017 1:05:00 PM"), ("05-14T00:42:17", "05-15T13:05:00")),
        (("14/05/2017 00:42:17", "15/05/2017 13:05:00"), ("05-14T00:42:17", "05-15T13:05:00")),
        (("04.05.2017 00:42:17", "05.05.2017 13:05:00"), ("05-04T00:42:17", "05-05T13:05:00")),
        # by the order of the LSNs: 4 May and 3 June, never 5 April and 6 March
        (("04/05/2017 00:42:17", "03/06/2017 13:05:00"), ("05-04T00:42:17", "06-03T13:05:00")),
        (("5/4/2017 12:42:17 AM", "6/3/2017 1:05:00 PM"), ("05-04T00:42:17", "06-03T13:05:00")),
        (("2017-05-04 00:42:17", "2017-06-03T13:05:00"), ("05-04T00:42:17", "06-03T13:05:00")),
    ],
)
def test_csv_of_dbatools(starts: tuple[str, str], dates: tuple[str, str]) -> None:
    data = dbatools_csv(("Full", starts[0], starts[0]), ("Log", starts[1], starts[1]))
    entries = parse_history(data)
    told = [
        datetime.fromtimestamp(e.header.started_utc_us / 10**6, UTC).isoformat() for e in entries
    ]
    assert told == [f"2017-{date}+00:00" for date in dates]
    assert [e.header.kind for e in entries] == [Kind.FULL, Kind.LOG]
    assert entries[0].header.nominal_bytes == int(4.48 * 2**20)
    assert (entries[0].paths, entries[0].name, entries[1].utc_guessed) == ((), "set 1", True)


def test_dates_whose_day_nothing_tells_are_refused() -> None:
    either = ("Log", "04/05/2017 01:00:00", "04/05/2017 01:10:00")
    assert "whether the day or the month comes first" in complaint(dbatools_csv(either))
    neither = [("Log", f"{date}/2017 01:00:00", f"{date}/2017 01:00:00") for date in
               ("14/05", "05/15")]  # fmt: skip
    assert "whether the day or the month comes first" in complaint(dbatools_csv(*neither))


@pytest.mark.parametrize(
    ("size", "size_bytes"),
    [("512 B", 512), ("1,023.50 KB", 1048064), ("1.023,50 KB", 1048064), ("1 023,50 KB", 1048064),
     ("2 GB", 2**31), ("3.00 TB", 3 * 2**40)],
)  # fmt: skip
def test_sizes_as_people_read_them(size: str, size_bytes: int) -> None:
    data = dbatools_csv(("Full", "2017-05-04", "2017-05-04"), size=size)
    assert parse_history(data)[0].header.nominal_bytes == size_bytes


def test_numbers_of_backup_sets_count_for_each_server() -> None:
    """backup_set_id is msdb's own; two replicas of one database both have a set 7."""
    mine = row(0, "Database", BackupSetGUID=None, BackupSetId=7, SqlInstance="A", Start=None)
    other = row(1, BackupSetGUID=None, BackupSetId=7, SqlInstance="B")
    stripe = mine | {"BackupPath": "E:\\2.bak"}
    assert [e.header.backup_id for e in read(mine, stripe, other)] == [1, 1, 2]


def test_a_backup_during_which_the_clock_was_put_back_is_kept() -> None:
    """It starts at 02:59:58 and ends at 02:00:03, five seconds later."""
    start, end = "2017-10-29T02:59:58", "2017-10-29T02:00:03"
    found = read_history(
        json.dumps([row(BackupStartDate=start, BackupFinishDate=end), row(1)]).encode()
    )
    header = found.entries[0].header
    assert header.finished_utc_us - header.started_utc_us == 5_000_000
    assert any("the clock was put back" in remark for remark in found.remarks)


def test_mistakes_are_told_all_at_once_each_in_a_line() -> None:
    rows = [
        row(0, FirstLSN="12x"),
        row(1),
        row(2, Type="Banana"),
        row(3, BackupStartDate="soon"),
        row(4, LastLSN=None),
        row(5, FirstLSN=9 * 10**15),
        row(6, LastLSN=10**25),
        row(7, BackupFinishDate="/Date(0)/"),
    ]
    lines = complaint(json.dumps(rows).encode()).splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"backup {n}" for n in (1, 3, 4, 5, 6, 7, 8)]
    assert "FirstLSN is '12x', a whole number of at most 25 digits is needed" in lines[0]
    assert "it has no LastLSN" in lines[3]


def test_one_mistake_in_every_row_is_told_once_with_its_count() -> None:
    rows = [row(n, FirstLSN=f"{n}x") for n in range(40)] + [row(41, Type="Banana"), row(42)]
    lines = complaint(json.dumps(rows).encode()).splitlines()
    assert len(lines) == 2 and lines[0].endswith(
        "digits is needed (and 39 more rows with this mistake)"
    )
    assert "'Banana'" in lines[1] and "more rows" not in lines[1]


@pytest.mark.parametrize("written", ["1.71267E+22", "1.7126681000010739e22", '"17E21"'])
def test_an_lsn_that_a_spreadsheet_rounded_is_refused(written: str) -> None:
    """All logs of a VLF would seem to begin at one LSN and hold nothing."""
    text = json.dumps([row(LastLSN="HERE")]).replace('"HERE"', written)
    assert "has lost its last digits" in complaint(text.encode())


@pytest.mark.parametrize("zone", [57, -49, 126, 9999])
def test_a_zone_that_is_none_is_refused(zone: int) -> None:
    told = complaint(json.dumps([row(time_zone=zone)]).encode())
    assert f"time_zone is '{zone}', quarter hours from UTC are needed, -48 to 56" in told


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no backups"), (b"[]", "no backups"), (b"{}", "no backups"), (b"null", "no backups"),
        (b'{"DatabaseName": "a"}', "has no Type"), (b"nul", "neither JSON"),
        (b"[1]", "an object"), (b"[{}", "not valid JSON"),
        (b"\xff\xfe\x00", "neither UTF-8"), (b"\x80abc", "neither UTF-8"), (b"a,b\n1,2\n", "neither JSON, CLIXML nor CSV"),
        (b"database_name,type\ncrm\n", "1 column here"), (b"[" * 100_000, "not a backup history"),
        (b'[{"FirstLSN": ' + b"9" * 5000 + b"}]", "not a backup history"), (b'{"FirstLSN": 1e999999999}', "backup 1"),
    ],
)  # fmt: skip
def test_what_is_no_history_is_refused_in_one_line(data: bytes, words: str) -> None:
    text = complaint(data)
    assert words in text and "\n" not in text


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_history_never_ends_in_a_traceback(data: st.DataObject) -> None:
    rows = [row(0, "Database"), *(row(n) for n in range(4))]
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from(rows))
        key = data.draw(st.sampled_from(sorted(row())))
        scalars = st.one_of(
            st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats()
        )
        target[key] = data.draw(st.one_of(scalars, st.just([]), st.just({})))
    text = json.dumps(rows).encode()
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text) - 1))
        text = (
            text[:at] + data.draw(st.binary(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
        )
    try:
        made = import_history(text)
    except InputError as refused:
        assert str(refused).startswith("history")
    else:
        assert made.scenario.startswith("#")


# ---- foreign rows, and databases of one name
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Type": "F"}, "1 file backup"), ({"Type": "G"}, "1 differential file backup"), ({"Type": "P"}, "1 partial backup"),
        ({"Type": "Q"}, "1 differential partial backup"), ({"Type": "Partial Full"}, "1 partial backup"),
        ({"Type": "Differential File"}, "1 differential file backup"), ({"Type": 4}, "1 file backup"),
        ({"BackupFinishDate": ""}, "1 unfinished backup"), ({"BackupFinishDate": "0001-01-01T00:00:00"}, "1 unfinished backup"),
        ({"BackupFinishDate": "/Date(-62135596800000)/"}, "1 unfinished backup"), ({"is_damaged": 1}, "1 damaged backup"),
    ],
)  # fmt: skip
def test_foreign_rows_are_skipped_with_a_remark(changes: dict[str, Any], words: str) -> None:
    rows = [row(0, "Database"), row(1), row(2, **changes), row(3)]
    found = read_history(json.dumps(rows).encode())
    assert [entry.number for entry in found.entries] == [1, 2, 4]
    assert found.remarks == [f"{words}: skipped"]
    assert f"{words}: skipped" in import_history(json.dumps(rows).encode()).report
    assert "no backup that can be restored (1 " in complaint(json.dumps([rows[2]]).encode())


ABSURD = (
    {"BackupFinishDate": "9999-12-31T00:00:00"},
    {"BackupFinishDate": "/Date(0)/"},
    {"BackupStartDate": None},
    {"BackupStartDate": "13/07/2017"},
    {"BackupStartDate": 10**40},
    {"time_zone": 9999},
)


@pytest.mark.parametrize("changes", ABSURD)
def test_a_row_of_an_absurd_instant_is_skipped_with_a_remark(changes: dict[str, Any]) -> None:
    rows = [row(0, "Database"), row(1), row(2, **changes), row(3)]
    found = read_history(json.dumps(rows).encode())
    assert [entry.number for entry in found.entries] == [1, 2, 4]
    (remark,) = found.remarks
    assert remark.startswith("backup 3: ") and remark.endswith(": skipped")
    assert remark in import_history(json.dumps(rows).encode()).report
    assert [(each.name, each.lsns) for each in found.strange] == [
        ("crm", (10**15 + 2 * 10**8, 10**15 + 3 * 10**8))
    ]


def test_a_history_most_rows_of_which_have_absurd_instants_is_a_wrong_export() -> None:
    wrong = [row(n, BackupStartDate="13/07/2017 03:00") for n in range(3)]
    assert "(and 2 more rows with this mistake)" in complaint(
        json.dumps([row(3), row(4), *wrong]).encode()
    )
    remarks = read_history(json.dumps([row(3), row(4), row(5), *wrong]).encode()).remarks
    assert remarks[0].endswith("(and 2 more rows with this mistake): skipped")


@pytest.mark.parametrize("size", [2**60 + 1, -1, "a lot", 1.5, True])
def test_an_absurd_size_is_unknown(size: object) -> None:
    rows = [row(0, "Database"), row(1), row(2, BackupSize=size, CompressedBackupSize=size)]
    found = read_history(json.dumps(rows).encode())
    assert [entry.header.nominal_bytes for entry in found.entries][2:] == [0]
    for key, remark in zip(("BackupSize", "CompressedBackupSize"), found.remarks, strict=True):
        assert remark.startswith(f"backup 3: {key} is '{size}', a whole number of bytes")
        assert remark.endswith(": taken as unknown")


def test_an_unfinished_backup_whose_date_is_null_is_skipped() -> None:
    rows = [row(0, "Database"), row(1) | {"BackupFinishDate": None}]
    assert read_history(json.dumps(rows).encode()).remarks == ["1 unfinished backup: skipped"]


@pytest.mark.parametrize(
    "device", ["Disk", "disk", 2, "2", "Virtual Device", "URL", "Cassette", None]
)
def test_a_device_is_a_word_or_a_number(device: object) -> None:
    assert read(row(0, "Database", DeviceType=device))[0].device_type in (0, 2, 7, 9, None)


def test_plain_and_compressed_bytes(tmp_path: Path) -> None:
    """332 MB of log in 15.5 MB of files: plain bytes are written and restored, compressed ones
    cross the link.
    """
    rows = [row(0, "Database", BackupSize=10**9, CompressedBackupSize=10**8)]
    rows += [row(n, BackupSize=27_666_667, CompressedBackupSize=1_291_667) for n in range(1, 13)]
    entry = read(*rows)[1]
    assert (entry.header.nominal_bytes, entry.stored_bytes) == (27_666_667, 1_291_667)
    scenario, report = imported(tmp_path, json.dumps(rows).encode())
    (database,) = scenario.databases
    assert database.size_bytes == 10**9 and sum(database.log_volume.series_bytes) == 12 * 27_666_667
    assert "(logs: 332 MB in 15.5 MB): plain bytes drive size, log volume and restores" in report
    assert scenario.link.bandwidth_bit_s == 200_000_000 * 214 // 10
    only = read(row(0, CompressedBackupSize=7))[0]
    assert (only.header.nominal_bytes, only.stored_bytes) == (7, 7)


def test_a_size_beyond_the_bound_names_the_bound() -> None:
    assert read(row(0, BackupSize=2**60))[0].header.nominal_bytes == 2**60
    told = complaint(json.dumps([row(0, BackupSize=2**60 + 1)]).encode())
    assert f"a whole number of bytes from 0 to {2**60} (1 EiB) is needed" in told


def test_a_size_that_cannot_be_widens_no_link(tmp_path: Path) -> None:
    rows = [row(0, "Database", BackupSize=10**9, CompressedBackupSize=10**8)]
    rows += [row(n, BackupSize=27_666_667, CompressedBackupSize=1_291_667) for n in range(1, 12)]
    damaged = row(12, BackupSize=10**11, CompressedBackupSize=1)
    scenario, _ = imported(tmp_path, json.dumps([*rows, damaged]).encode())
    assert scenario.link.bandwidth_bit_s == 200_000_000


def identified(
    number: int, family: str | None, guid: str | None, fork: str | None, **more: Any
) -> dict[str, Any]:
    return row(number, family_guid=family, database_guid=guid, last_recovery_fork_guid=fork, **more)


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        (("A", "a", "f1"), ("B", "b", "f2"), True),  # two databases of one name on two servers
        (("A", "a", "f1"), ("A", "b", "f2"), True),  # a test copy, restored under the same name
        (("A", "a", "f1"), ("A", "b", "f1"), False),  # one that went on after a failover
        (("A", "a", "f1"), ("A", "a", "f2"), False),  # restored in place
        ((None, "a", None), (None, "b", None), True),
        (("A", None, None), ("B", None, None), True),
        ((None, None, None), (None, None, None), False),
        (("A", "a", None), (None, "a", None), False),
    ],
)
def test_two_databases_of_one_name_are_kept_apart(first: Any, second: Any, apart: bool) -> None:
    rows = [
        identified(0, *first, kind="Database"),
        identified(1, *first),
        identified(0, *second, kind="Database"),
        identified(2, *second),
    ]
    found = read_history(json.dumps(rows).encode())
    names = [entry.header.database for entry in found.entries]
    assert names == (["crm", "crm", "crm (2)", "crm (2)"] if apart else ["crm"] * 4)
    assert len(found.remarks) == apart


def test_a_log_across_a_fork_ties_two_database_guids_together() -> None:
    rows = [
        identified(0, "A", "a", "f1", kind="Database"),
        identified(1, "A", "b", "f2", first_recovery_fork_guid="f1", fork_point_lsn=10**15),
        identified(2, "A", "b", "f2"), identified(3, "A", "c", "f3"),
    ]  # fmt: skip
    names = [entry.header.database for entry in read(*rows)]
    assert names == ["crm", "crm", "crm", "crm (2)"]


def by_server(number: int, server: str | None, fork: str, **more: Any) -> dict[str, Any]:
    return row(number, ServerName=server, last_recovery_fork_guid=fork, **more)


@pytest.mark.parametrize(
    ("second", "fork", "changes", "apart", "remarks"),
    [
        ("s2", "f2", {}, True, 1),
        ("s1", "f2", {}, False, 1),  # dropped and created anew, or two of one name
        ("s2", "f1", {}, False, 0),  # two replicas take backups by turns
        ("s2", "f2", {"kind": "Transaction Log"}, False, 0),  # no full of its own
        # it goes on where a log of the other ended: a failover
        ("s2", "f2", {"FirstLSN": 10**15 + 2 * 10**8}, False, 1),
        (None, "f2", {}, False, 1),  # nobody says where
    ],
)
def test_servers_and_forks_tell_databases_apart_where_no_guid_does(
    second: str | None, fork: str, changes: dict[str, Any], apart: bool, remarks: int
) -> None:
    kind = changes.get("kind", "Database")
    of_log = {key: value for key, value in changes.items() if key != "kind"}
    rows = [
        by_server(0, "s1", "f1", kind="Database"),
        by_server(1, "s1", "f1"),
        by_server(20, second, fork, kind=kind),
        by_server(21, second, fork, **of_log),
    ]
    rows[2] |= {key: rows[0][key] for key in ("BackupStartDate", "BackupFinishDate")}
    found = read_history(json.dumps(rows).encode())
    names = [entry.header.database for entry in found.entries]
    assert names == (["crm", "crm", "crm (2)", "crm (2)"] if apart else ["crm"] * 4)
    assert len(found.remarks) == remarks


def test_an_old_fork_that_ended_before_is_no_other_database() -> None:
    """After a failover the crossing log may be lost: nothing overlaps in time, but it is said."""
    rows = [
        by_server(0, "s1", "f1", kind="Database"),
        by_server(1, "s1", "f1"),
        by_server(20, "s2", "f2", kind="Database"),
        by_server(21, "s2", "f2"),
    ]
    found = read_history(json.dumps(rows).encode())
    assert {entry.header.database for entry in found.entries} == {"crm"}
    assert "crm has fulls on 2 recovery forks that no log joins" in found.remarks[0]


def test_a_base_lsn_of_0_names_no_full() -> None:
    """Without a base column an incremental must not stand on the first full."""
    first = row(0, "Database", CheckpointLSN=None, DatabaseBackupLSN=None)
    later = row(20, "Database", CheckpointLSN=None, DatabaseBackupLSN=None)
    named = row(
        30, "Database Differential", DatabaseBackupLSN=None, DifferentialBaseLSN=later["FirstLSN"]
    )
    unnamed = row(40, "Database Differential", DatabaseBackupLSN=0, DifferentialBaseLSN=0)
    found = read_history(json.dumps([first, later, named, unnamed]).encode())
    bases = [entry.header.differential_base_lsn for entry in found.entries]
    assert bases == [0, 0, later["FirstLSN"], NO_BASE]
    assert "1 differential without a base LSN" in found.remarks[0]


# ---- CLIXML
CLIXML = """<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">
 <Obj RefId="0"><TN RefId="0"><T>Selected</T></TN><ToString>crm</ToString><MS>
  <S N="DatabaseName">cr_x006D_</S><S N="Type">Full</S><S N="BackupSetID">s-1</S><S N="DeviceType">Disk</S>
  <Obj N="FirstLsn" RefId="1"><TN RefId="1"><T>System.Numerics.BigInteger</T></TN>
   <ToString>1234567890123456789012345</ToString><Props><B N="IsEven">false</B></Props></Obj>
  <Ref N="LastLsn" RefId="1"/><Ref N="CheckpointLsn" RefId="1"/>
  <DT N="Start">2017-07-15T18:30:00.0000000+02:00</DT><DT N="End">2017-07-15T18:31:00+02:00</DT>
  <Obj N="FullName" RefId="2"><TN RefId="2"><T>System.Object[]</T></TN><LST><S>D:\\b\\crm.bak</S><S>E:\\2</S></LST></Obj>
  <Obj N="TotalSize" RefId="3"><ToString>1 KB</ToString><Props><D N="Byte">1024</D></Props></Obj>
  <B N="IsCopyOnly">true</B><Nil N="RecoveryModel"/></MS></Obj>
 <Obj RefId="4"><TNRef RefId="0"/><MS>
  <S N="DatabaseName">crm</S><S N="Type">Log</S><S N="FirstLsn">7</S><S N="LastLsn">9</S>
  <DT N="Start">2017-07-15T16:35:00Z</DT><DT N="End">2017-07-15T16:35:01Z</DT></MS></Obj>
</Objs>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_clixml(encoding: str) -> None:
    full, log = parse_history(CLIXML.encode(encoding))
    header = full.header
    assert (header.database, header.kind, header.copy_only, header.nominal_bytes) == (
        "crm",
        Kind.FULL,
        True,
        1024,
    )
    assert header.first_lsn == header.last_lsn == 1234567890123456789012345
    assert (header.started_utc_us, full.utc_guessed, full.name) == (
        1_500_136_200_000_000,
        False,
        "crm.bak",
    )
    assert (log.header.kind, log.header.last_lsn, log.name) == (Kind.LOG, 9, "row 2")


def test_a_list_of_backups_in_one_object_is_clixml_too() -> None:
    inside = CLIXML.partition(">")[2].rpartition("</Objs>")[0]
    head, _, tail = CLIXML.partition(inside)
    assert len(parse_history(f'{head}<Obj RefId="9"><LST>{inside}</LST></Obj>{tail}'.encode())) == 2


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(CLIXML) - 1), st.integers(0, 12), st.text(max_size=4))
def test_damaged_clixml_never_ends_in_a_traceback(at: int, length: int, inserted: str) -> None:
    text = CLIXML[:at] + inserted + CLIXML[at + length :]
    try:
        import_history(text.encode("utf-8", errors="ignore"))
    except InputError as refused:
        assert str(refused).startswith("history")


# ---- scenarios
def imported(tmp_path: Path, data: bytes) -> tuple[Any, str]:
    """The scenario that the loader makes of an import, and the report."""
    made = import_history(data, "h.json", "mine")
    for name, text in made.series.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(made.scenario, encoding="utf-8")
    return load_scenario(tmp_path / "mine.yaml"), made.report


@pytest.mark.parametrize(
    ("first_lsn", "begins", "expected"),
    [
        # the full ends 1 min after midnight at LSN 1010, the log begins 19 min later: 4 + 3 x 5 min
        (1010, "00:00", (400, 500, 500, 500)),
        (1000, "23:55", (400, 500, 500, 500, 500)),  # where the full began, at 23:56
        (990, "00:15", (1900,)),  # before the full: nobody knows when
        (1011, "00:15", (1900,)),
    ],
)
def test_a_long_first_log_begins_where_its_full_does(
    tmp_path: Path, first_lsn: int, begins: str, expected: tuple[int, ...]
) -> None:
    """100 MB a minute up to 00:20; the interval is 5 min, as a single log tells none."""
    full = row(0, "Database", FirstLSN=1000, LastLSN=1010)
    full |= {"BackupStartDate": "2024-04-30T23:56:00Z", "BackupFinishDate": "2024-05-01T00:01:00Z"}
    log = row(1, FirstLSN=first_lsn, LastLSN=2100, BackupSize=sum(expected) * 10**6)
    log |= {"BackupStartDate": "2024-05-01T00:20:00Z", "BackupFinishDate": "2024-05-01T00:21:00Z"}
    scenario, _ = imported(tmp_path, json.dumps([full, log]).encode())
    series = scenario.databases[0].log_volume.series_bytes
    assert series == tuple(mb * 10**6 for mb in expected)
    assert f"{begins}:00" in next(
        line for line in (tmp_path / "mine.yaml").read_text().splitlines() if "start:" in line
    )


def test_a_log_after_a_pause_was_written_during_the_pause(tmp_path: Path) -> None:
    """Logs every 5 min, 512 kB each; four are left out, and the next one holds theirs as well."""
    rows = [row(0, "Database"), *(row(n) for n in range(8)), *(row(n) for n in range(13, 18))]
    rows[9]["FirstLSN"] = rows[8]["LastLSN"]
    scenario, _ = imported(tmp_path, json.dumps(rows).encode())
    assert scenario.databases[0].log_volume.series_bytes == (512_000,) * 18


@needs_data
def test_the_real_history_becomes_a_scenario(tmp_path: Path) -> None:
    scenario, report = imported(tmp_path, (DATA / "DiffIssues.json").read_bytes())
    (database,) = scenario.databases
    series = database.log_volume.series_bytes
    # the figures of diffissues_5min_log_bytes.csv, made from the same LSNs: 15.7 GB in 779 logs, at
    # most 3,553 MB
    assert (len(series), sum(series), max(series)) == (779, 15_695_990_272, 3_553_248_256)
    assert sorted(series)[389] == pytest.approx(4.27e6, rel=0.01)
    assert (database.log.kind, database.log.interval_us) == ("every", 300_000_000)
    assert (database.full.kind, database.full.weekdays, database.incremental.kind) == (
        "weekly",
        (5,),
        "daily",
    )
    assert (
        scenario.start_utc_us == 1_500_135_900_000_000 and scenario.run_for_us == 3 * 86_400_000_000
    )
    assert "645 logs near-exact, 134 assume" in report and "gaps        0" in report
    assert len(scenario.events) == 2


@needs_data
@pytest.mark.parametrize(
    "file", ["AgDiffRestore", "RestoreCommaIssues", "TLogBWFirstLastLsn", "broken_chain"]
)
def test_every_history_becomes_a_scenario_that_loads(tmp_path: Path, file: str) -> None:
    scenario, _ = imported(tmp_path, (DATA / f"{file}.json").read_bytes())
    assert len(scenario.databases) == 1 and sum(scenario.databases[0].log_volume.series_bytes) > 0


def test_what_is_odd_is_reported(tmp_path: Path) -> None:
    rows = [
        row(0, "Database"),
        row(3, "Database", IsCopyOnly=True, BackupSetGUID="copy"),
        *(row(n) for n in range(12)),
    ]
    for other in rows:
        other["physical_device_name"] = "D:\\backup\\file.trn"
    rows[8]["physical_device_name"] = "E:\\elsewhere\\file.trn"
    del rows[6]
    scenario, report = imported(tmp_path, json.dumps(rows).encode())
    assert (
        "gap: LSN 1000000400000000 to 1000000500000000 (about 512,000 bytes), in no log" in report
    )
    assert "1 copy-only full, " in report
    assert "foreign device: 1 log went to device type 2, E:/elsewhere" in report
    series = scenario.databases[0].log_volume.series_bytes
    # nothing is lost: the hole's bytes were written before the log after it began
    assert series == (512_000,) * 12


def test_no_logs_and_unknown_sizes_are_marked_as_guessed(tmp_path: Path) -> None:
    scenario, report = imported(
        tmp_path, json.dumps([row(0, "Database", BackupSize=7_000_000)]).encode()
    )
    assert (
        scenario.databases[0].log.kind == "none" and scenario.databases[0].size_bytes == 7_000_000
    )
    assert "full        weekly Fri 02:40  (guessed: from a single one; weekly is usual)" in report


def test_names_that_no_scenario_can_hold(tmp_path: Path) -> None:
    rows = [
        row(0, DatabaseName="a\tb"),
        row(1, DatabaseName='"q": #'),
        row(2, DatabaseName="database 2"),
    ]
    scenario, report = imported(tmp_path, json.dumps(rows).encode())
    assert {database.name for database in scenario.databases} == {
        "database 2'",
        '"q": #',
        "database 2",
    }
    assert "its real name, a?b, cannot stand in a scenario" in report


def test_the_export_statement_names_what_the_reader_needs() -> None:
    for column in (
        "first_lsn",
        "last_lsn",
        "time_zone",
        "is_copy_only",
        "backup_set_uuid",
        "device_type",
    ):
        assert column in HOW_TSQL


def test_a_scenario_that_was_edited_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same import again writes the same file; what people have put right since stays."""
    monkeypatch.chdir(tmp_path)
    made = subprocess.run(
        [sys.executable, str(NOTEBOOKS / "example_history.py")], capture_output=True, check=True
    )
    Path("history.csv").write_bytes(made.stdout)
    words = ["import", "sqlserver", "history.csv", "-o", "mine.yaml"]
    assert main(words) == 0 and main(words) == 0
    capsys.readouterr()
    text = Path("mine.yaml").read_text(encoding="utf-8")
    assert "size: 40 GB" in text and re.search(r"at: \d+ h [^,]*, lose: site", text)
    edited = text.replace("bandwidth: 200 Mbit/s", "bandwidth: 50 Mbit/s")
    Path("mine.yaml").write_text(edited, encoding="utf-8")
    assert main(words) == 2
    assert "mine.yaml: is there already and would be replaced; " in capsys.readouterr().err
    assert Path("mine.yaml").read_text(encoding="utf-8") == edited
