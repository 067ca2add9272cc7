"""The rows of waves: all steps of the logs of many databases in their order, and the rows of each.

Arrays hold one value for each log, database after database, and within a database in the order of
the cuts. The place of a log in these arrays is its name here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any

import numpy as np

from dr_sim.world.lane.cut_stream import Member
from dr_sim.world.lane.express import ExpressLane
from dr_sim.world.lane.quiet_logs import Left
from dr_sim.world.lane.staging_plan import Purge
from dr_sim.world.lane.wave_plan import Ints, Step, Waits, Wave
from dr_sim.world.lane.wave_texts import WaveTexts
from dr_sim.world.primary.transfer_state import TransferState

_STATE_AFTER = (
    (Step.HELD, TransferState.STAGING),
    (Step.SENT, TransferState.SENDING),
)
"""The state of a log after a step that changes it."""

_ROWS_OF = np.array(
    [1, 2, 1, 1, 5, 4, 3], dtype=np.int64
)  # by Step, without those of the witness


@dataclass(slots=True)
class Steps:
    """All steps of waves in their order: the kind, and the place of the log.

    keys: the place of each in time (wave_plan.py), absolute; at_us: the instant by step and log, of
    no meaning for a step that a log does not take; waits: by log (Waits). purges: those of the
    staging areas, with the number of logs that are sent before.
    """

    kinds: Ints
    logs: Ints
    keys: Ints
    at_us: Ints
    waits: Ints
    purges: list[Purge]


def steps_of(
    members: Sequence[Member], waves: list[tuple[int, Wave]]
) -> Steps:
    """Return the steps of waves. members: those that have logs in them; waves: each with the
    instant at which it begins.
    """
    next_of: dict[int, int] = {}
    first = 0
    for member in members:
        next_of[member.db.index] = first
        first += len(member.cuts)
    places: list[int] = []
    for _, wave in waves:
        for log in chain.from_iterable([logs for _, logs in wave.cuts]):
            place = next_of[log.database]
            places.append(place)
            next_of[log.database] = place + 1
    place_of = np.array(places, dtype=np.int64)
    sizes = [wave.at_us.shape[1] for _, wave in waves]
    firsts = np.cumsum(sizes) - sizes
    lengths = [len(wave.kinds) for _, wave in waves]
    begins = np.array([begin for begin, _ in waves], dtype=np.int64)
    logs = np.concatenate([wave.logs for _, wave in waves])
    logs += np.repeat(firsts, lengths)
    keys = np.concatenate([wave.keys for _, wave in waves])
    keys += 4 * np.repeat(begins, lengths)
    since_us = np.concatenate([wave.at_us for _, wave in waves], axis=1)
    at_us = np.empty_like(since_us)
    at_us[:, place_of] = since_us + np.repeat(begins, sizes)
    waits = np.empty_like(place_of)
    waits[place_of] = np.concatenate([wave.waits for _, wave in waves])
    kinds = np.concatenate([wave.kinds for _, wave in waves])
    purges = [
        replace(purge, sent=before + purge.sent)
        for before, (_, wave) in zip(firsts.tolist(), waves, strict=True)
        for purge in wave.purges
    ]
    return Steps(kinds, place_of[logs], keys, at_us, waits, purges)


class WaveRows:
    """The writer. members: all whose alarms go off or whose logs are in the waves, in the order of
    their databases; with_logs: those with logs; left: their remains.
    """

    def __init__(
        self,
        lane: ExpressLane,
        members: Sequence[Member],
        with_logs: Sequence[Member],
        left: Sequence[Left],
        steps: Steps,
    ) -> None:
        self._lane = lane
        self._journal = lane.context.journal
        self._start_utc_us = lane.context.scenario.start_utc_us
        self._members = members
        self._with_logs = with_logs
        self._left = left
        self._steps = steps
        self._counts = [len(member.cuts) for member in with_logs]
        self._host_us = _joined([its.host_us for its in left])
        self._site_us = _joined([its.site_us for its in left])

    def write(self) -> None:
        """Write the rows, intern their texts, and stage the files, in the order of the steps."""
        rings = self._put_in_order()
        self._send()
        steps = self._steps
        texts = WaveTexts(
            self._journal.texts, self._left, np.array(self._counts)
        )
        texts.intern(steps.kinds, steps.logs, steps.waits)
        ids = texts.columns(steps.waits)
        self._write_logs(ids)
        self._write_rings(rings)

    def _put_in_order(self) -> list[int]:
        """Give each step the seq of its first row; return the seqs of the alarms."""
        steps = self._steps
        rows = _ROWS_OF[steps.kinds]
        for kind, shown_us in (
            (Step.FINISHED, self._host_us),
            (Step.LANDED, self._site_us),
        ):
            these = steps.kinds == kind
            rows[these] += (shown_us >= 0)[steps.logs[these]]
        rung = np.array(
            [
                4 * ring.at_us + 1
                for member in self._members
                for ring in member.rings
            ],
            dtype=np.int64,
        )
        # members are in the order of their entities
        order = np.argsort(
            np.concatenate((steps.keys, rung)), kind="stable"
        )
        rows = np.concatenate(
            (rows, np.full(len(rung), 2, dtype=np.int64))
        )[order]
        seqs = np.empty(len(order), dtype=np.int64)
        seqs[order] = (
            np.cumsum(rows) - rows + self._journal.take(int(rows.sum()))
        )
        self._at = np.full_like(steps.at_us, -1)
        self._at[steps.kinds, steps.logs] = seqs[: len(steps.keys)]
        rings: list[int] = seqs[len(steps.keys) :].tolist()
        return rings

    def _send(self) -> None:
        """Stage and send the logs, in the order in which they are sent, with the purges between."""
        steps, replication = self._steps, self._lane.replication
        sent = (steps.kinds == Step.SENT) | (
            (steps.kinds == Step.FINISHED)
            & (steps.waits[steps.logs] == Waits.NOT)
        )
        these = steps.logs[sent]
        indices = self._each(
            [member.db.index for member in self._with_logs]
        )
        databases = indices[these].tolist()
        numbers = self._numbers()[these].tolist()
        sizes = (self._last_lsn() - self._first_lsn())[these].tolist()
        begin = 0
        for purge in steps.purges:
            part = slice(begin, purge.sent)
            replication.sent(databases[part], numbers[part], sizes[part])
            replication.purged(purge.database, purge.files)
            begin = purge.sent
        replication.sent(databases[begin:], numbers[begin:], sizes[begin:])

    def _write_logs(self, ids: dict[str, Any]) -> None:
        rows, steps = self._lane.rows, self._steps
        texts = self._journal.texts
        host, site = self._host_us, self._site_us
        at = self._at
        cut, finished, _, _, landed, hashed, restored = steps.at_us
        members = self._with_logs
        firsts = [its.first for its in self._left]
        indices = [member.db.index for member in members]
        forks = [header.fork for header in firsts]
        commits = [member.commits for member in members]
        same = {
            "index": self._each(indices),
            "fork": self._each(forks),
            "commits": _joined(commits),
        }
        numbers = self._numbers()
        bases = [member.state.differential_base_lsn for member in members]
        sites = at[Step.LANDED] + 3
        columns = {
            "number": numbers,
            "first_lsn": self._first_lsn(),
            "last_lsn": self._last_lsn(),
            "base": self._each(
                [header.checkpoint_lsn for header in firsts]
            ),
            "differential_base": self._each(bases),
            "cut": cut,
            "finished": finished,
            "landed": landed,
            "hashed": hashed,
            "restored": restored,
            "at_cut": at[Step.CUT],
            "at_landing": at[Step.LANDED],
            "at_hash": at[Step.HASHED],
            "at_restore": at[Step.RESTORED],
            # after the row of the witness, if there is one
            "at_finish": at[Step.FINISHED] + (host >= 0),
            "at_told": sites + (site >= 0),
        }
        rows.logs({**same, **self._who(), **ids, **columns})
        finish = {"seq": at[Step.FINISHED], "at": finished}
        rows.survivable_of_waves("host", host, {**same, **finish})
        landing = {"seq": sites, "at": landed}
        rows.survivable_of_waves("site", site, {**same, **landing})
        for step, state in _STATE_AFTER:
            these = at[step] >= 0
            if these.any():
                rows.changed_state(
                    {
                        "seq": at[step][these],
                        "at": steps.at_us[step][these],
                        "index": same["index"][these],
                        "number": numbers[these],
                        "state": repeat(texts[state]),
                    }
                )

    def _write_rings(self, seqs: list[int]) -> None:
        rung = [
            (member.db, ring)
            for member in self._members
            for ring in member.rings
        ]
        if not rung:
            return
        texts = self._journal.texts
        rings = [ring for _, ring in rung]
        indices = [db.index for db, _ in rung]
        names = [texts[db.spec.name] for db, _ in rung]
        self._lane.rows.rings(
            rings,
            {
                "seq": seqs,
                "index": indices,
                "scope": names,
                **self._who(),
            },
        )

    # ---- columns
    def _who(self) -> dict[str, Any]:
        return {
            "start": repeat(self._start_utc_us),
            "incarnation": repeat(self._lane.driver.incarnation),
        }

    def _each(self, values: list[int]) -> Ints:
        """Repeat the value of each member for its logs."""
        return np.repeat(np.array(values, dtype=np.int64), self._counts)

    def _numbers(self) -> Ints:
        return _joined([its.numbers for its in self._left])

    def _last_lsn(self) -> Ints:
        return _joined([member.reached for member in self._with_logs])

    def _first_lsn(self) -> Ints:
        last_lsn = self._last_lsn()
        first_lsn = np.empty_like(last_lsn)
        first_lsn[1:] = last_lsn[:-1]
        begins = np.cumsum(self._counts) - self._counts
        first_lsn[begins] = [its.first.first_lsn for its in self._left]
        return first_lsn


def _joined(columns: Sequence[Sequence[int]]) -> Ints:
    """Return one array of the columns of all members, one after the other."""
    return np.concatenate(
        [np.array(column, dtype=np.int64) for column in columns]
    )
