"""The course of what the end of a run cut off: when a file would have landed, and a restore would
have begun and ended, had the run continued.

Theory of operation. That something had not happened when the run ended does not mean that it never
would. A restore that is under way ends when its cost says, at the end of the run at the earliest. A
file that is on its way lands when the link has carried it, and what waits for its turn begins when
that comes, if that is after the end. What should have come before the end and has not is held by
something else: that continues as it stands at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.outage_now.way_over import Slowness
from dr_sim.measures.tables import Ints, Tables, run_end_us
from dr_sim.record.sets import among
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.throughput import stream_cap_bit_s

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class RestoreTimes:
    """Restores of one copy, in order: when each began and ended (NEVER_US: not by the end of the
    run), and how long it takes. They are written into.
    """

    begun_us: Ints
    done_us: Ints
    takes_us: Ints


@dataclass(frozen=True, slots=True)
class WaitingFiles:
    """The files of one copy, which exists since since_us: when each lies here, and until when a
    delay holds it.
    """

    since_us: int
    files: dict[str, Ints]
    here_us: Ints
    due_us: Ints


def go_on(
    t: Tables,
    scenario: Scenario,
    database: int,
    waits: WaitingFiles,
    times: RestoreTimes,
    slow: Slowness,
) -> None:
    """Let restores continue after the end of the run, as slow as they are then."""
    end_us = run_end_us(t, scenario)
    later = np.flatnonzero(times.done_us == NEVER_US)
    times.begun_us[later] = NEVER_US  # what was tried by then has failed
    begun = restore_under_way(t, database, waits.since_us, NEVER_US)
    name, since_us = (-1, end_us) if begun is None else begun
    under_way = later[waits.files["name"][later] == name][:1]
    begins_us = np.full(len(times.takes_us), end_us)
    begins_us[under_way] = since_us
    takes_us = slow.slowed(times.takes_us[later], begins_us[later])
    times.takes_us[later] = takes_us
    for place in under_way.tolist():
        ends_later(
            times, place, since_us, int(times.takes_us[place]), end_us
        )
    begin_later(
        times, _could_begin_us(t, scenario, database, waits), end_us
    )


def restore_under_way(
    t: Tables, database: int, from_us: int, at_us: int
) -> tuple[int, int] | None:
    """Return the name of the file that was being restored at at_us (NEVER_US: when the run ended),
    and since when; None: nothing was. from_us: since when there is this copy.
    """
    commands = t.of("seen.Restore", database)
    times = commands["time_us"]
    mine = np.flatnonzero((times >= from_us) & (times < at_us))
    if not len(mine):
        return None
    since_us = int(times[mine[-1]])
    over = [
        t.of(kind, database)["time_us"]
        for kind in ("seen.Restored", "seen.RestoreFailed", "seen.NoRoom")
    ]
    lives = t["truth.manager"]
    over.append(lives["time_us"][lives["up"] == 0])
    for times_over in over:
        if ((times_over > since_us) & (times_over < at_us)).any():
            return None
    return int(commands["name"][mine[-1]]), since_us


def ends_later(
    times: RestoreTimes,
    place: int,
    since_us: int,
    takes_us: int,
    end_us: int,
) -> None:
    """Let the restore at that place, which is under way, come to its end."""
    times.begun_us[place] = since_us
    times.takes_us[place] = takes_us
    times.done_us[place] = max(since_us + takes_us, end_us)


def begin_later(times: RestoreTimes, ready_us: Ints, end_us: int) -> None:
    """Let what waits for its turn begin, one after the other. ready_us: from when on each could
    be.
    """
    waits = np.flatnonzero(times.done_us == NEVER_US)
    first = int(waits[0]) if len(waits) else len(ready_us)
    free_us = int(times.done_us[:first].max(initial=0))
    for place in range(first, len(ready_us)):
        done_us = int(times.done_us[place])
        if done_us == NEVER_US:
            begins_us = max(free_us, int(ready_us[place]))
            if not end_us <= begins_us < NEVER_US:
                return
            done_us = begins_us + int(times.takes_us[place])
            times.begun_us[place] = begins_us
            times.done_us[place] = done_us
        free_us = max(free_us, done_us)


def _could_begin_us(
    t: Tables, scenario: Scenario, database: int, waits: WaitingFiles
) -> Ints:
    """Return from when on each file could be restored: it is here and its hash has agreed, its
    delay is over, and the restore job runs.
    """
    files, here_us = waits.files, waits.here_us
    end_us = run_end_us(t, scenario)
    spec = scenario.secondary
    rate = min(spec.hash_bytes_s, spec.disk_bytes_s)
    hashed_us = -(-files["nominal_bytes"] * _SECOND_US // rate)
    known = among(files["name"], t.of("seen.Validated", database)["name"])
    there = here_us < NEVER_US
    checked_us = np.maximum(np.where(there, here_us, 0) + hashed_us, end_us)
    found = np.maximum(np.where(known, here_us, checked_us), waits.due_us)
    every_us = scenario.replay.every_us
    if every_us:
        found = -(-found // every_us) * every_us
    return np.asarray(np.where(there, found, NEVER_US))


def lands_us(
    t: Tables,
    scenario: Scenario,
    files: dict[str, Ints],
    landed_us: Ints,
) -> Ints:
    """Return when each file lay at the secondary or, where it was on its way at the end, when the
    link has carried it, one after the other; NEVER_US: it should have landed before.
    """
    found = landed_us.copy()
    link = scenario.link
    cap_bit_s = stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb)
    stream_bit_s = min(link.bandwidth_bit_s, cap_bit_s)
    end_us = run_end_us(t, scenario)
    on_way = np.flatnonzero(found == NEVER_US)
    first = int(on_way[0]) if len(on_way) else len(found)
    free_us = int(found[:first].max(initial=0))
    for place in range(first, len(found)):
        here_us = int(found[place])
        if here_us == NEVER_US:
            bits = int(files["nominal_bytes"][place]) * 8
            sent_us = -(-bits * _SECOND_US // stream_bit_s)
            begins_us = max(free_us, int(files["time_us"][place]))
            here_us = begins_us + sent_us + link.distance_us
            if here_us < end_us:
                break
            found[place] = here_us
        free_us = max(free_us, here_us)
    return found
