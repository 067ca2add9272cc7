"""The histories of pgBackRest, WAL-G and Barman in; a scenario by PostgreSQL's rules, its series
and a report out.

What is implied: schedules, as for SQL Server; size from the latest full; the volume of WAL from the
distance between neighbouring backups of one cluster (Barman tells it), spread evenly between them;
the log interval from the segment's size and that rate, at most archive_timeout, which no history
tells; the rate of fulls from their bytes and durations.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

from dr_sim import units
from dr_sim.backups.model import Kind
from dr_sim.formatting.words import counted, size
from dr_sim.importers import barman, pgbackrest, walg
from dr_sim.importers.cells import decoded, error
from dr_sim.importers.fit import (
    ASSUMED_SIZE_BYTES,
    DatabaseFit,
    Fitted,
    slow_schedule,
)
from dr_sim.importers.import_history import (
    Imported,
    Settings,
    report_of,
    scenario_of,
    series_of,
)
from dr_sim.importers.json_values import json_values
from dr_sim.importers.postgres_backups import Cluster, Positions
from dr_sim.importers.wal_placement import Placed, place
from dr_sim.scenario.fields.values import is_name
from dr_sim.units import DAY_US, HOUR_US, MINUTE_US, SECOND_US

SERIES_INTERVAL_US = HOUR_US
ASSUMED_LOG_US = 5 * MINUTE_US
MOST_US = 35 * DAY_US  # of a history that are played: five weekly fulls


class Tool(enum.Enum):
    """A backup tool of PostgreSQL; the value is its name on the command line."""

    PGBACKREST = "pgbackrest"
    WALG = "walg"
    BARMAN = "barman"


_READERS: dict[
    Tool,
    tuple[
        Callable[[Sequence[object]], bool],
        Callable[[Sequence[object], str], list[Cluster]],
        str,
    ],
] = {
    Tool.PGBACKREST: (
        pgbackrest.is_pgbackrest,
        pgbackrest.read_pgbackrest,
        "`pgbackrest info --output=json`",
    ),
    Tool.WALG: (
        walg.is_walg,
        walg.read_walg,
        "`wal-g backup-list --json --detail`",
    ),
    Tool.BARMAN: (
        barman.is_barman,
        barman.read_barman,
        "`barman list-backups` or `show-backup` with `-f json`",
    ),
}


def tool_of(values: Sequence[object]) -> Tool | None:
    """Return which tool wrote these values; None if it is none of them."""
    return next(
        (tool for tool, (is_it, _, _) in _READERS.items() if is_it(values)),
        None,
    )


def read_clusters(data: bytes, file: str, tool: Tool) -> list[Cluster]:
    """The clusters in the output of a tool. Raises InputError if it is not that tool's, or nothing
    can be made of it.
    """
    values = json_values(decoded(data, file), file)
    is_it, read, what = _READERS[tool]
    if not is_it(values):
        other = tool_of(values)
        hint = (
            f"it looks like {_READERS[other][2]}"
            if other is not None
            else f"what {what} prints is needed"
        )
        raise error(file, f"holds no backup of {tool.value}; {hint}")
    return read(values, file)


def import_postgres(
    data: bytes,
    file: str,
    name: str,
    tool: Tool,
    archive_timeout_us: int | None = None,
) -> Imported:
    """Make a scenario of a history. archive_timeout_us: the server's setting, None if it is not
    given.

    Raises InputError if the history cannot be read, or holds no backup that ended.
    """
    clusters = read_clusters(data, file, tool)
    with_backups = [cluster for cluster in clusters if cluster.backups]
    newest = {
        cluster.place: cluster
        for cluster in sorted(with_backups, key=_last_backup)
    }
    placed = [
        place(cluster, {})
        for cluster in clusters
        if newest.get(cluster.place) is cluster
    ]
    if not placed:
        raise error(
            file, "holds no finished backup: at least one is needed"
        )
    fits = [fit_cluster(each, archive_timeout_us) for each in placed]
    taken: set[str] = set()
    for number, fit in enumerate(fits, 1):
        if not is_name(fit.name) or fit.name in taken:
            fit.remarks.append(
                f"its real name, {_printable(fit.name)}, cannot stand in a scenario"
            )
            fit.name = f"cluster {number}"
        taken.add(fit.name)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", name) or "imported"
    files = {
        fit.name: f"{stem}_log_{number}.csv"
        for number, fit in enumerate(fits, 1)
        if fit.series_bytes
    }
    settings = Settings(
        {},
        [
            f"{each.cluster.name}: {remark}"
            for each in placed
            for remark in each.remarks
        ],
    )
    rate = _backup_rate([each.cluster for each in placed])
    if rate is not None:
        settings.values["primary", "full"] = rate
    made = scenario_of(
        fits,
        files,
        file,
        stem,
        settings,
        "engine: {imitates: postgres}  # its chain rules, on the model",
    )
    skipped = [
        f"{c.name} holds no finished backup: left out"
        for c in clusters
        if not c.backups
    ]
    skipped += [
        f"{c.name} has no backup since another cluster took its place (an upgrade, say): left out"
        for c in clusters
        if c.backups and newest[c.place] is not c
    ]
    backups = sum(len(cluster.backups) for cluster in clusters)
    series = {
        files[fit.name]: series_of(fit) for fit in fits if fit.series_bytes
    }
    return Imported(
        made, series, report_of(fits, backups, skipped, file, settings)
    )


def _last_backup(cluster: Cluster) -> int:
    return cluster.backups[-1].finished_utc_us


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:200]


def fit_cluster(
    placed: Placed, archive_timeout_us: int | None
) -> DatabaseFit:
    """Fit the history of one cluster that has backups."""
    cluster = placed.cluster
    backups = cluster.backups
    headers = sorted(
        placed.backups.values(), key=lambda h: h.started_utc_us
    )
    fulls = [h for h in headers if h.kind is Kind.FULL]
    incrementals = [h for h in headers if h.kind is Kind.INCREMENTAL]
    ends_us = max(b.finished_utc_us for b in backups)
    begins_us = max(
        min(b.started_utc_us for b in backups), ends_us - MOST_US
    )
    span_us = ends_us - headers[0].started_utc_us
    stretches = [each for each in _volumes(placed) if each[0] >= begins_us]
    log = _log_interval(cluster, stretches, archive_timeout_us)
    fit = DatabaseFit(
        name=cluster.name,
        entries=len(backups),
        begins_utc_us=begins_us,
        ends_utc_us=ends_us,
        full=slow_schedule(fulls, "weekly", "weekly Sun 01:00", span_us),
        incremental=slow_schedule(incrementals, "daily", "none", span_us),
        log=log,
        size=_size(cluster),
        interval_us=SERIES_INTERVAL_US,
        remarks=list(cluster.remarks),
    )
    fit.log_interval_us = units.parse_duration(
        log.text.removeprefix("every ")
    )
    if headers[0].started_utc_us < begins_us:
        fit.remarks.append(
            f"of {span_us // DAY_US} days the last {MOST_US // DAY_US} are played"
        )
    _fill(fit, stretches)
    _remark_bytes(fit, cluster)
    return fit


def _volumes(placed: Placed) -> list[tuple[int, int, int]]:
    """(from, to, bytes of WAL) between neighbouring backups, in time; only where something
    tells.
    """
    found: list[tuple[int, int, int]] = []
    for before, after in pairwise(placed.cluster.backups):
        begin, end = before.started_utc_us, after.started_utc_us
        if end <= begin:
            continue
        if placed.positions is not Positions.TIME:
            distance = (
                placed.backups[after.label].first_lsn
                - placed.backups[before.label].first_lsn
            )
        elif before.wal_bytes is not None:
            distance = before.wal_bytes
        else:
            continue
        found.append((begin, end, max(distance, 0)))
    return found


def _log_interval(
    cluster: Cluster,
    stretches: Sequence[tuple[int, int, int]],
    timeout_us: int | None,
) -> Fitted:
    """Return how long a segment takes to fill, at most archive_timeout."""
    total = sum(size for _, _, size in stretches)
    time_us = sum(end - begin for begin, end, _ in stretches)
    segment = cluster.segment_bytes
    if not total:
        text = units.format_duration(timeout_us or ASSUMED_LOG_US)
        return Fitted(
            f"every {text}",
            ""
            if timeout_us
            else "nothing tells the volume of WAL; give --archive-timeout",
        )
    fills_us = (
        max(round(segment * time_us / total / SECOND_US), 1) * SECOND_US
    )
    if timeout_us is not None:
        return Fitted(
            f"every {units.format_duration(min(fills_us, timeout_us))}"
        )
    words = (
        f"a segment of {units.format_size(segment)} fills in that time on average; "
        "archive_timeout may be shorter"
    )
    return Fitted(
        f"every {units.format_duration(min(fills_us, HOUR_US))}", words
    )


def _size(cluster: Cluster) -> Fitted:
    known = [
        b
        for b in cluster.backups
        if b.kind is Kind.FULL and b.cluster_bytes > 0
    ]
    if known:
        return Fitted(units.format_size(known[-1].cluster_bytes))
    other = [b for b in cluster.backups if b.cluster_bytes > 0]
    if other:
        return Fitted(
            units.format_size(other[-1].cluster_bytes),
            "as an incremental tells it",
        )
    return Fitted(
        units.format_size(ASSUMED_SIZE_BYTES), "the history tells no size"
    )


def _fill(
    fit: DatabaseFit, stretches: Sequence[tuple[int, int, int]]
) -> None:
    """WAL of each hour: evenly between two backups, whole bytes, none lost by rounding."""
    if not stretches:
        return
    interval_us = fit.interval_us
    first, last = (
        stretches[0][0] // interval_us,
        -(-stretches[-1][1] // interval_us),
    )
    fit.begins_utc_us = first * interval_us
    fit.series_bytes = [0] * (last - first)
    for begin, end, volume in stretches:
        given = 0
        at = begin
        while at < end:
            until = min((at // interval_us + 1) * interval_us, end)
            share = volume * (until - begin) // (end - begin)
            fit.series_bytes[at // interval_us - first] += share - given
            given, at = share, until
    fit.series_guess = "spread evenly between neighbouring backups"


def _remark_bytes(fit: DatabaseFit, cluster: Cluster) -> None:
    """Remark on which bytes drive what, where plain and stored ones are both given."""
    both = [
        b
        for b in cluster.backups
        if b.read_bytes and b.moved_bytes and b.read_bytes != b.moved_bytes
    ]
    if not both:
        return
    plain = sum(b.read_bytes for b in both)
    stored = sum(b.moved_bytes for b in both)
    fit.remarks.append(
        f"{size(plain)} of plain bytes lie in {size(stored)} of stored ones: plain bytes drive "
        "size and restores; the history does not say how far WAL is compressed"
    )


def _backup_rate(clusters: Sequence[Cluster]) -> Fitted | None:
    """Bytes read by fulls over their durations: the median, where three fulls or more tell."""
    rates = [
        b.read_bytes * SECOND_US // (b.finished_utc_us - b.started_utc_us)
        for cluster in clusters
        for b in cluster.backups
        if b.kind is Kind.FULL
        and b.read_bytes
        and b.starts_are_known
        and b.finished_utc_us - b.started_utc_us >= 5 * SECOND_US
    ]
    if len(rates) < 3 or median(rates) < 1:
        return None
    text = units.format_disk_rate(
        max(units.three_figures(int(median(rates))), 1)
    )
    return Fitted(
        f"{{fixed: 0 s, rate: {text}}}",
        f"median of {counted(len(rates), 'full')}: bytes read over stop minus start",
    )
