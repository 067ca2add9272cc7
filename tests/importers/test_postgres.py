"""Histories of PostgreSQL's backup tools: every oddity of what they print, and the scenarios made
of them.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.backups.model import Kind
from dr_sim.cli.main import main
from dr_sim.errors import InputError
from dr_sim.importers.cells import BadInstantError, BadValueError
from dr_sim.importers.import_postgres import Tool, import_postgres, read_clusters
from dr_sim.importers.json_values import instant_of, number_of
from dr_sim.importers.postgres_backups import Cluster, Positions
from dr_sim.importers.wal_names import wal_names
from dr_sim.importers.wal_placement import place
from dr_sim.loading.load import load_scenario

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
START_S = 1_714_557_600  # 2024-05-01 10:00 UTC
MIB = 2**20


def stanza(**changes: Any) -> dict[str, Any]:
    made = {
        "name": "main",
        "status": {"code": 0},
        "db": [{"id": 1, "repo-key": 1, "system-id": 77, "version": "16"}],
        "archive": [{"database": {"id": 1, "repo-key": 1}, "min": wal(1, 1), "max": wal(1, 9)}],
        "backup": [
            backup("F", 0, 2),
            backup("I", 3600, 4, type="incr", prior="F", reference=["F"]),
        ],
    }
    return made | changes


def wal(timeline: int, number: int) -> str:
    return f"{timeline:08X}{0:08X}{number:08X}"


def backup(label: str, at_s: int, segment: int, **changes: Any) -> dict[str, Any]:
    made = {
        "label": label,
        "type": "full",
        "prior": None,
        "reference": None,
        "error": False,
        "database": {"id": 1, "repo-key": 1},
        "timestamp": {"start": START_S + at_s, "stop": START_S + at_s + 100},
        "archive": {"start": wal(1, segment), "stop": wal(1, segment)},
        "lsn": {
            "start": f"0/{segment * 16 * MIB + 40:X}",
            "stop": f"0/{segment * 16 * MIB + 400:X}",
        },
        "info": {"size": 10**9, "delta": 10**9, "repository": {"delta": 10**8, "size": 10**8}},
    }
    return {key: value for key, value in (made | changes).items() if value != "absent"}


def clusters(tool: Tool, *values: Any) -> list[Cluster]:
    return read_clusters("\n".join(json.dumps(value) for value in values).encode(), "h.json", tool)


def complaint(tool: Tool, data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        import_postgres(data, "h.json", "mine", tool)
    text = str(caught.value)
    assert text.startswith("h.json") and "\n" not in text
    return text


# ---- pgBackRest
def test_pgbackrest() -> None:
    (cluster,) = clusters(Tool.PGBACKREST, [stanza()])
    full, incremental = cluster.backups
    assert (full.label, full.kind, full.started_utc_us, full.finished_utc_us) == (
        "F", Kind.FULL, START_S * 10**6, (START_S + 100) * 10**6,
    )  # fmt: skip
    assert (full.timeline, full.first_lsn, full.cluster_bytes, full.moved_bytes) == (
        1,
        2 * 16 * MIB + 40,
        10**9,
        10**8,
    )
    assert (incremental.kind, incremental.parent) == (Kind.INCREMENTAL, "F")
    assert cluster.positions() is Positions.LSN and cluster.system_id == "77"


def test_two_repositories_hold_one_cluster_under_different_ids() -> None:
    copy = backup("F", 0, 2, database={"id": 5, "repo-key": 2})
    other = backup("G", 7200, 6, database={"id": 5, "repo-key": 2})
    db = [{"id": 1, "repo-key": 1, "system-id": 77}, {"id": 5, "repo-key": 2, "system-id": 77}]
    (cluster,) = clusters(Tool.PGBACKREST, [stanza(db=db, backup=[backup("F", 0, 2), copy, other])])
    assert [b.label for b in cluster.backups] == ["F", "G"]
    assert cluster.remarks == ["F lies in two repositories: counted once"]


def test_an_upgrade_leaves_two_system_ids_and_the_newer_is_played() -> None:
    db = [{"id": 1, "repo-key": 1, "system-id": 77}, {"id": 2, "repo-key": 1, "system-id": 88}]
    later = backup("N", 90_000, 1, database={"id": 2, "repo-key": 1})
    history = [stanza(db=db, backup=[backup("F", 0, 2), later])]
    found = clusters(Tool.PGBACKREST, history)
    assert [(c.name, [b.label for b in c.backups]) for c in found] == [
        ("main (77)", ["F"]),
        ("main (88)", ["N"]),
    ]
    made = import_postgres(json.dumps(history).encode(), "h.json", "mine", Tool.PGBACKREST)
    assert '"main (88)"' in made.scenario and '"main (77)"' not in made.scenario
    assert "main (77) has no backup since another cluster took its place" in made.report


def test_a_backup_may_begin_on_one_timeline_and_end_on_the_next() -> None:
    crossing = backup("X", 3600, 4, archive={"start": wal(1, 4), "stop": wal(2, 4)})
    (cluster,) = clusters(Tool.PGBACKREST, [stanza(backup=[backup("F", 0, 2), crossing])])
    header = place(cluster, {}).backups["X"]
    assert (header.first_fork, header.fork, header.fork_point_lsn) == (1, 2, header.first_lsn)


@pytest.mark.parametrize(
    "changes",
    [{"lsn": "absent"}, {"lsn": None}, {"lsn": {"start": "285/89000028", "stop": "285/89001F88"}},
     {"archive": {"start": wal(1, 2), "stop": None}}],
)  # fmt: skip
def test_null_and_absent_fields(changes: dict[str, Any]) -> None:
    """Without LSNs, or with LSNs that cannot be of that segment, positions go by the WAL names."""
    (cluster,) = clusters(
        Tool.PGBACKREST, [stanza(backup=[backup("F", 0, 2, **changes), backup("G", 3600, 4)])]
    )
    placed = place(cluster, {})
    assert cluster.positions() is (Positions.LSN if "archive" in changes else Positions.WAL)
    assert placed.backups["F"].last_lsn < placed.backups["G"].first_lsn


def test_nothing_tells_positions() -> None:
    bare = [
        backup(label, at, 0, lsn=None, archive={"start": None, "stop": None})
        for label, at in (("F", 0), ("G", 3600))
    ]
    (cluster,) = clusters(Tool.PGBACKREST, [stanza(backup=bare, archive=[])])
    assert cluster.positions() is Positions.TIME


def test_page_checksum_errors_leave_a_backup() -> None:
    (cluster,) = clusters(Tool.PGBACKREST, [stanza(backup=[backup("F", 0, 2, error=True)])])
    assert (
        cluster.backups[0].has_page_errors
        and "page checksums were wrong in F" in cluster.remarks[0]
    )


def test_timestamps_are_trusted_and_not_the_label() -> None:
    labels = [backup("20240501-100000F", 7200, 6), backup("20240503-100000F", 0, 2)]
    (cluster,) = clusters(Tool.PGBACKREST, [stanza(backup=labels)])
    assert [b.label for b in cluster.backups] == ["20240503-100000F", "20240501-100000F"]


def test_warnings_stand_around_the_json() -> None:
    text = (
        "WARN: option ignored\n[2024] P00 WARN: odd\n"
        + json.dumps([stanza()], indent=1)
        + "\nINFO: done\n"
    )
    (cluster,) = read_clusters(text.encode(), "h.json", Tool.PGBACKREST)
    assert len(cluster.backups) == 2


@pytest.mark.parametrize(
    ("segment_mib", "expected"), [(16, 16), (64, 64), (1, 1), (1024, 1024)],
)  # fmt: skip
def test_segment_sizes_are_found_out(segment_mib: int, expected: int) -> None:
    size = segment_mib * MIB
    backups = []
    for number, segment in enumerate((3, 700)):
        lsn = segment * size + 40
        (name,) = wal_names(1, lsn, lsn + 1, size)
        ends = {
            "start": f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}",
            "stop": f"{lsn >> 32:X}/{(lsn & 0xFFFFFFFF) + 99:X}",
        }
        backups.append(
            backup(f"F{number}", number * 3600, 0, archive={"start": name, "stop": name}, lsn=ends)
        )
    (cluster,) = clusters(Tool.PGBACKREST, [stanza(backup=backups)])
    assert cluster.segment_bytes == expected * MIB and cluster.positions() is Positions.LSN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "no backup of pgbackrest"), ("", "no JSON"), ("[{", "not valid JSON"), ("hello", "no JSON"),
        (json.dumps([stanza(backup=[])]), "no finished backup"),
        (json.dumps([stanza(backup=[backup("F", 0, 1, type="odd")])]), "one of full, diff, incr"),
        (json.dumps([stanza(backup=[backup("F", 0, 1, timestamp={"start": "x", "stop": 1})])]), "timestamp.start is 'x'"),
        (json.dumps([stanza(backup=[backup("F", 0, 1, timestamp={"start": 9e9, "stop": 8e9})])]), "timestamp.start is"),
        (json.dumps([stanza(backup=[backup("F", 0, 1, timestamp={"start": 200, "stop": 100})])]), "ends before it starts"),
        (json.dumps([stanza(backup=[backup("F", 0, 1, info={"size": "NaN"})])]), "info.size is 'NaN', a number"),
        ('[{"backup": [], "status": NaN}]', "a number that none is"),
        ('[{"backup_name": "base_1"}]', "it looks like `wal-g"),
    ],
)  # fmt: skip
def test_what_is_no_history_is_refused_in_one_line(text: str, words: str) -> None:
    assert words in complaint(Tool.PGBACKREST, text.encode())


def test_an_unfinished_backup_is_skipped() -> None:
    half = backup("H", 3600, 4, timestamp={"start": START_S + 3600, "stop": None})
    (cluster,) = clusters(Tool.PGBACKREST, [stanza(backup=[backup("F", 0, 2), half])])
    assert [b.label for b in cluster.backups] == ["F"] and "unfinished" in cluster.remarks[0]


# ---- WAL-G
def walg(name: str, at_s: int, segment: int, **changes: Any) -> dict[str, Any]:
    made = {
        "backup_name": name,
        "time": f"2024-05-01T{10 + at_s // 3600:02}:05:00Z",
        "wal_file_name": wal(1, segment),
        "start_time": f"2024-05-01T{10 + at_s // 3600:02}:00:00.5Z",
        "finish_time": f"2024-05-01T{10 + at_s // 3600:02}:02:00Z",
        "start_lsn": segment * 16 * MIB + 40,
        "finish_lsn": segment * 16 * MIB + 400,
        "system_identifier": 77,
        "uncompressed_size": 10**9,
        "compressed_size": 4 * 10**8,
    }
    return {key: value for key, value in (made | changes).items() if value != "absent"}


def test_walg_deltas_name_the_segment_of_their_base() -> None:
    rows = [
        walg("base_" + wal(1, 2), 0, 2),
        walg(f"base_{wal(1, 4)}_D_{wal(1, 2)}", 3600, 4),
        walg(f"base_{wal(1, 6)}_D_{wal(1, 4)}", 7200, 6),
        walg(f"base_{wal(1, 8)}_D_{wal(1, 7)}", 10800, 8),
    ]
    (cluster,) = clusters(Tool.WALG, rows)
    assert [b.parent for b in cluster.backups] == [
        "",
        rows[0]["backup_name"],
        rows[1]["backup_name"],
        "base_" + wal(1, 7),
    ]
    placed = place(cluster, {})
    assert placed.bases == {2: 1, 3: 2, 4: -1}
    assert cluster.backups[0].started_utc_us == START_S * 10**6 + 500_000


def test_walg_keeps_clusters_apart_and_does_without_much() -> None:
    rows = [
        walg("base_" + wal(1, 2), 0, 2),
        walg("base_" + wal(1, 2), 0, 2, system_identifier=88),
        walg(
            "base_" + wal(1, 9),
            3600,
            9,
            start_time="absent",
            finish_time=None,
            start_lsn=None,
            compressed_size=None,
        ),
    ]
    found = clusters(Tool.WALG, rows)
    assert [(c.system_id, len(c.backups)) for c in found] == [("77", 2), ("88", 1)]
    late = found[0].backups[1]
    assert (late.starts_are_known, late.started_utc_us) == (False, late.finished_utc_us)


# ---- Barman
def listed(backup_id: str, at_s: int, **changes: Any) -> dict[str, Any]:
    made = {
        "backup_id": backup_id,
        "end_time": "Wed May  1 10:00:00 2024",
        "end_time_timestamp": str(START_S + at_s),
        "size": "52.7 MiB",
        "size_bytes": 55_210_396,
        "status": "DONE",
        "wal_size_bytes": 48 * MIB,
    }
    return {key: value for key, value in (made | changes).items() if value != "absent"}


def test_barman_lists_only_ends() -> None:
    (cluster,) = clusters(
        Tool.BARMAN, {"pg": [listed("B", 3600), listed("A", 0), listed("C", 7200, status="FAILED")]}
    )
    assert [(b.label, b.starts_are_known, b.wal_bytes) for b in cluster.backups] == [
        ("A", False, 48 * MIB),
        ("B", False, 48 * MIB),
    ]
    assert cluster.positions() is Positions.TIME
    assert cluster.remarks == ["C has the status FAILED: skipped"]


def test_barman_instants_without_a_zone_are_utc() -> None:
    (cluster,) = clusters(Tool.BARMAN, {"pg": [listed("A", 0, end_time_timestamp="absent")]})
    assert cluster.backups[0].finished_utc_us == START_S * 10**6
    assert cluster.remarks == ["instants name no time zone: taken as UTC"]


def shown(backup_id: str, at_s: int, **changes: Any) -> dict[str, Any]:
    base = {
        "begin_time_timestamp": str(START_S + at_s - 60),
        "end_time_timestamp": str(START_S + at_s),
        "begin_lsn": "0/3000028",
        "end_lsn": "0/4000000",
        "begin_wal": wal(1, 3),
        "end_wal": wal(1, 3),
        "disk_usage_bytes": 38_000_000,
        "timeline": 1,
    }
    return {
        "backup_id": backup_id,
        "status": "DONE",
        "base_backup_information": base | changes,
        "wal_information": {"last_available": wal(1, 5), "disk_usage_bytes": 32 * MIB},
    }


def test_barman_show_adds_what_a_list_lacks_and_both_may_stand_in_one_file() -> None:
    (cluster,) = clusters(
        Tool.BARMAN, {"pg": [listed("A", 0), listed("B", 9000)]}, {"pg": shown("A", 0)}
    )
    first = cluster.backups[0]
    assert (first.starts_are_known, first.first_lsn, first.moved_bytes, first.wal_bytes) == (
        True,
        0x3000028,
        38_000_000,
        32 * MIB,
    )
    assert cluster.archive == [(wal(1, 3), wal(1, 5))]


def test_barman_incrementals_name_their_parents() -> None:
    child = shown(
        "B",
        3600,
        begin_lsn="0/6000028",
        end_lsn="0/6000100",
        begin_wal=wal(1, 6),
        end_wal=wal(1, 6),
    )
    child |= {"backup_type": "incremental", "parent_backup_id": "A"}
    (cluster,) = clusters(Tool.BARMAN, {"pg": shown("A", 0)}, {"pg": child})
    assert [(b.kind, b.parent) for b in cluster.backups] == [
        (Kind.FULL, ""),
        (Kind.INCREMENTAL, "A"),
    ]


def test_barman_cloud() -> None:
    row = {
        "backup_id": "A",
        "status": "DONE",
        "server_name": "cloud",
        "systemid": "77",
        "timeline": 1,
        "size": None,
        "begin_time": "Wed May  1 10:00:00 2024",
        "end_time": "Wed May  1 10:00:10 2024",
        "begin_xlog": "0/8000028",
        "end_xlog": "0/8000138",
        "begin_wal": wal(1, 2),
        "end_wal": wal(1, 2),
        "xlog_segment_size": 64 * MIB,
    }
    (cluster,) = clusters(Tool.BARMAN, {"backups_list": [row, {"backup_id": "half"}]})
    assert (cluster.name, cluster.segment_bytes, cluster.positions()) == (
        "cloud",
        64 * MIB,
        Positions.LSN,
    )
    assert "half has the status none: skipped" in cluster.remarks


@pytest.mark.parametrize(
    ("texts", "ends_us"),
    [
        ({"end_time": "2024-05-01 12:00:00.750000+02:00"}, START_S * 10**6 + 750_000),
        ({"end_time": "2024-05-01 03:00:00.5-0700"}, START_S * 10**6 + 500_000),
        ({"end_time": "Wed May  1 12:00:00 2024"}, START_S * 10**6),  # its zone is not told
        (
            {
                "end_time": "Wed May  1 12:00:00 2024",
                "end_time_iso": "2024-05-01T12:00:00.25+02:00",
                "end_time_timestamp": None,
            },
            START_S * 10**6 + 250_000,
        ),
    ],
)
def test_barman_instants_that_name_a_zone_have_parts_of_a_second(
    texts: dict[str, Any], ends_us: int
) -> None:
    (cluster,) = clusters(Tool.BARMAN, {"pg": shown("A", 0, **texts)})
    assert [backup.finished_utc_us for backup in cluster.backups] == [ends_us]
    assert cluster.remarks == []


@pytest.mark.parametrize("key", ["system_id", "systemid"])
def test_barman_keeps_the_clusters_of_an_upgraded_server_apart(key: str) -> None:
    """A list tells no system id: its backups are of the cluster of their neighbours."""
    shows = [{"pg": shown(name, at) | {key: own}} for name, at, own in
             [("B", 100, "77"), ("E", 400, "88")]]  # fmt: skip
    rows = [listed(name, at) for name, at in
            [("A", 0), ("B", 100), ("C", 200), ("E", 400), ("F", 500)]]  # fmt: skip
    found = clusters(Tool.BARMAN, {"pg": rows}, *shows)
    assert [(c.name, [b.label for b in c.backups]) for c in found] == [
        ("pg (77)", ["A", "B"]),
        ("pg (no system id)", ["C"]),
        ("pg (88)", ["E", "F"]),
    ]
    (alone,) = clusters(Tool.BARMAN, {"pg": rows[:3]}, shows[0])
    assert [backup.label for backup in alone.backups] == ["A", "B", "C"]


# ---- scenarios
def imported(
    tmp_path: Path, tool: Tool, *values: Any, timeout_us: int | None = None
) -> tuple[Any, str]:
    text = "\n".join(json.dumps(value) for value in values)
    made = import_postgres(text.encode(), "h.json", "mine", tool, timeout_us)
    for name, series in made.series.items():
        (tmp_path / name).write_text(series, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(made.scenario, encoding="utf-8")
    return load_scenario(tmp_path / "mine.yaml"), made.report


def test_the_volume_of_wal_is_the_distance_between_neighbours(tmp_path: Path) -> None:
    """From 10:00 to 11:00 two segments of 16 MiB; a segment fills in 30 min."""
    scenario, report = imported(tmp_path, Tool.PGBACKREST, [stanza()])
    (database,) = scenario.databases
    assert database.log_volume.series_bytes == (32 * MIB,)
    assert database.log.interval_us == 30 * 60 * 10**6 and database.size_bytes == 10**9
    assert scenario.engine.imitates == "postgres"
    assert "2.00 GB of plain bytes lie in 200 MB of stored ones" in report
    capped, _ = imported(tmp_path, Tool.PGBACKREST, [stanza()], timeout_us=60_000_000)
    assert capped.databases[0].log.interval_us == 60_000_000


def test_the_volume_never_spans_two_clusters(tmp_path: Path) -> None:
    rows = [
        walg("base_" + wal(1, 2), 0, 2),
        walg("base_" + wal(1, 200), 3600, 200, system_identifier=88),
    ]
    scenario, report = imported(tmp_path, Tool.WALG, rows)
    assert len(scenario.databases) == 1 and "log volume" not in report


def test_incrementals_made_by_hand_within_minutes_are_no_schedule(tmp_path: Path) -> None:
    rows = [walg("base_" + wal(1, 2), 0, 2)]
    for n in (1, 2, 3):
        when = {
            key: f"2024-05-0{7}T12:0{n}:0{s}Z" for key, s in (("start_time", 0), ("finish_time", 9))
        }
        rows.append(walg(f"base_{wal(1, 2 + 2 * n)}_D_{wal(1, 2 * n)}", 0, 2 + 2 * n, **when))
    scenario, report = imported(tmp_path, Tool.WALG, rows)
    assert scenario.databases[0].incremental.interval_us > 48 * 3600 * 10**6
    assert "3 in 6.1 days, most of them close together" in report


SAMPLES = [
    (tool, path) for tool in Tool for path in sorted((DATA / tool.value).glob("*.json"))
    # an incremental alone, whose full is gone: nothing to make a scenario of but that
    if path.name != "infoTest_line2237.json"
]  # fmt: skip


@pytest.mark.skipif(not SAMPLES, reason="no ../shared/data beside the project")
@pytest.mark.parametrize(("tool", "path"), SAMPLES, ids=lambda value: getattr(value, "stem", value))
def test_every_real_history_becomes_a_scenario_that_loads(
    tool: Tool, path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.yaml"
    assert main(["import", tool.value, str(path), "-o", str(out)]) == 0
    assert load_scenario(out).databases


@pytest.mark.skipif(not SAMPLES, reason="no ../shared/data beside the project")
def test_the_real_walg_history(tmp_path: Path) -> None:
    """560 GB of WAL in ten days; the newest full tells the size."""
    out = tmp_path / "mine.yaml"
    assert main(["import", "walg", str(DATA / "walg" / "backup-list.json"), "-o", str(out)]) == 0
    (database,) = load_scenario(out).databases
    assert database.size_bytes == 2_791_393_810
    assert sum(database.log_volume.series_bytes) == 3_885_989_101_608 - 3_325_915_299_880


def test_a_wrong_timeout_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "h.json").write_text(json.dumps([stanza()]))
    arguments = [
        "import",
        "pgbackrest",
        str(tmp_path / "h.json"),
        "-o",
        str(tmp_path / "o.yaml"),
        "--archive-timeout",
    ]
    for wrong in ("soon", "0 s"):
        assert main([*arguments, wrong]) == 2
        assert capsys.readouterr().err.startswith("--archive-timeout: ")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(Tool), st.data())
def test_damaged_output_never_ends_in_a_traceback(tool: Tool, data: st.DataObject) -> None:
    whole: dict[Tool, Any] = {
        Tool.PGBACKREST: [stanza()],
        Tool.WALG: [
            walg("base_" + wal(1, 2), 0, 2),
            walg(f"base_{wal(1, 4)}_D_{wal(1, 2)}", 3600, 4),
        ],
        Tool.BARMAN: {"pg": [listed("A", 0), shown("B", 3600)]},
    }
    value = json.loads(json.dumps(whole[tool]))
    for _ in range(data.draw(st.integers(0, 3))):
        spoil(value, data)
    text = json.dumps(value)
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text) - 1))
        text = (
            text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
        )
    try:
        import_postgres(text.encode("utf-8", errors="ignore"), "h.json", "mine", tool)
    except InputError as refused:
        assert str(refused).startswith("h.json")


def spoil(value: Any, data: st.DataObject) -> None:
    """Put something else in the place of one value in a tree."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(value[key], (dict, list)) and value[key] and data.draw(st.integers(0, 4)):
            value = value[key]
            continue
        scalars = st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.text(max_size=5),
            st.floats(),
            st.just("0/FFFFFFFFF"),
        )
        value[key] = data.draw(st.one_of(scalars, st.just([]), st.just({}), st.just(10**30)))
        return


@pytest.mark.parametrize("text", ["1e999999999", "-1e999999999", "1e999990", "1" * 5000])
def test_a_number_with_absurdly_many_digits_is_refused_at_once(text: str) -> None:
    """As an int it would take hours to make."""
    for value in (text, Decimal(text)):
        with pytest.raises(BadValueError, match="a number is needed"):
            number_of({"id": value}, "id")
        with pytest.raises(BadInstantError):
            instant_of({"stop": value}, "stop")
