"""The time of a file between the two sides: it waits to be sent, and it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from dr_sim.measures.causes.causes import BackupFate, Causes
from dr_sim.measures.causes.pieces import Piece, noted
from dr_sim.measures.link_use import link_pieces
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.throughput import stream_cap_bit_s
from dr_sim.units import format_duration, format_ppb


def waiting(
    causes: Causes,
    file: BackupFate,
    state: str,
    times: tuple[int, int, int],
    prefix: str,
) -> Iterator[Piece]:
    """Yield the pieces of a file that is not being sent, by its state in the record. While the link
    is down, that is the cause. A file that queues behind one for which a staging area is purged, or
    room is missing, waits for the same. times: since when it has been on its way, and the begin and
    end of this state.
    """
    offered, begin, end = times
    database = file.database
    replication = causes.scenario.replication
    filled = causes.during(begin, end, Explains.STAGING_FULL)
    purged = (
        "nothing more can be staged"
        if filled
        else "replication pauses while it is purged"
    )
    staging = (noted("staging full", filled), purged)
    share_filled = causes.during(begin, end, Explains.NO_ROOM)
    no_room = (
        noted("secondary's share full", share_filled),
        "replication pauses until there is room",
    )
    switched_off = causes.during(begin, end, Explains.SWITCHED_OFF)
    stopped = causes.during(begin, end, Explains.STOPPED)
    own = {
        "no_room": no_room,
        "off": (
            noted("replication switched off", switched_off),
            "a membership of its folder",
        ),
        "backoff": (
            "replicator back-off",
            "it tries again at intervals, not when the link is back",
        ),
        "waiting": ("replicator waits", "for the link"),
        "staging": staging,
        "stopped": (
            noted("replication stopped", stopped),
            "until somebody resumes it",
        ),
        "before": (
            "on its way to the store before",
            _source(causes.scenario),
        ),
        "kept": ("stays at its source", _fetched(causes.scenario)),
        "on the road": (
            "on the road",
            "a courier, or what else takes transit",
        ),
        "queued": ("queued", f"waits for one of {replication.slots} slots"),
    }[state]
    over: list[tuple[tuple[int, int], tuple[str, str]]] = []
    if state in ("backoff", "waiting", "queued"):
        over = list(_link_down(causes, begin, end))
    if state == "queued":
        if replication.every_us:
            due = -(-offered // replication.every_us) * replication.every_us
            over.append(
                ((begin, due), ("copy job", "files go at its next run"))
            )
        folder = _folder(causes, database)
        over += [
            (span, staging)
            for span in causes.any_in("staging", begin, end, folder)
        ]
        over += [
            (span, no_room) for span in causes.any_in("no_room", begin, end)
        ]
    yield from _overlaid(begin, end, over, own, prefix)


def _source(scenario: Scenario) -> str:
    return "" if scenario.store is None else scenario.store.source


def _fetched(scenario: Scenario) -> str:
    store = scenario.store
    if store is None or store.every.kind == "none":
        return "for the time that it is held"
    return "until it is fetched"


def _folder(causes: Causes, database: int) -> frozenset[int]:
    """Return the databases whose files share a staging area with those of this one."""
    names = [each.name for each in causes.scenario.databases]
    for folder in causes.scenario.replication.folders:
        if names[database] in folder.databases:
            return frozenset(
                i
                for i, name in enumerate(names)
                if name in folder.databases
            )
    return frozenset(range(len(names)))


def _link_down(
    causes: Causes, begin: int, end: int
) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    for down, back in causes.link_down:
        left, right = max(down, begin), min(back, end)
        if left >= right:
            continue
        turns = causes.turns(left, right, Explains.LINK_DOWN, -1)
        for since, until in pairwise(sorted({left, right} | turns)):
            label = causes.during(since, until, Explains.LINK_DOWN)
            yield (since, until), (noted("link down", label), "")


def _overlaid(
    begin: int,
    end: int,
    over: list[tuple[tuple[int, int], tuple[str, str]]],
    own: tuple[str, str],
    prefix: str,
) -> Iterator[Piece]:
    """Yield [begin, end) by the first of `over` that covers it. `own` is the cause where none of
    them does.
    """
    cuts = {begin, end}
    for span, _ in over:
        cuts.update(at for at in span if begin < at < end)
    for left, right in pairwise(sorted(cuts)):
        cause, detail = next(
            (why for (b, e), why in over if b <= left and right <= e), own
        )
        yield right, prefix + cause, detail


def sending(
    causes: Causes, file: BackupFate, begin: int, end: int, prefix: str
) -> Iterator[Piece]:
    """Yield a transfer, cut where the link or the files beside it change. After its last byte has
    crossed, a file may still be held back on its way.
    """
    crossed = [
        x
        for x in causes.times("truth.transfer_bytes", file.number)
        if begin < x <= end
    ]
    arrived = crossed[0] if crossed else end
    others = causes.sent_beside(file.number, begin, arrived)
    down = list(_link_down(causes, begin, arrived))
    cuts = {begin, arrived}
    for since, until, _ in others:
        cuts |= {since, until}
    for span, _ in down:
        cuts.update(span)
    cuts |= causes.turns(begin, arrived, Explains.SLOW_LINK, -1)
    rates = [
        (b, e, bit_s)
        for b, e, _, bit_s in link_pieces(causes.t, causes.scenario)
        if b < arrived and e > begin
    ]
    cuts |= {b for b, _, _ in rates if b > begin}
    for left, right in pairwise(sorted(cuts)):
        beside = [
            other
            for since, until, other in others
            if since <= left and right <= until
        ]
        why = next(
            (why for (b, e), why in down if b <= left and right <= e), None
        )
        if why is None:
            bit_s = next(
                (rate for b, e, rate in rates if b <= left < e),
                causes.scenario.link.bandwidth_bit_s,
            )
            why = _crossing(causes, (left, right), beside, bit_s)
        yield right, prefix + why[0], why[1]
    if arrived < end:
        label = causes.during(begin, end, Explains.HELD_BACK, file.database)
        yield end, prefix + noted("held back on its way", label), ""


def _crossing(
    causes: Causes, span: tuple[int, int], beside: list[int], bit_s: int
) -> tuple[str, str]:
    """Return what limits a transfer while the same files cross a link that carries bit_s."""
    link = causes.scenario.link
    files = [file for file in map(causes.file, beside) if file is not None]
    largest = "beside another file" if beside else ""
    if files:
        largest = (
            f"beside {max(files, key=lambda file: file.nominal_bytes).name}"
        )
    slow = causes.during(*span, Explains.SLOW_LINK)
    if slow:
        return f"transfer, link slowed ({slow})", largest
    cap = stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb)
    if beside and not (
        link.sharing == "fair" and cap * (len(beside) + 1) <= bit_s
    ):
        return "transfer, sharing the link", largest
    if cap < bit_s:
        most = (
            f"one stream carries {cap / 1e6:.3g} Mbit/s at {format_ppb(link.loss_ppb)} and "
            f"{format_duration(link.rtt_us)}"
        )
        return "transfer, capped by loss", most
    return "transfer", ""
