"""Fulls that hold pages which had rotted at the primary (W3).

Theory of operation. Such a full has the right hash, is restored without an error, and no header
tells it from a sound one. People find it out: a query, a check or a backup reads a rotten page, and
they look at the fulls and at the copies. They say the names of the fulls, and whether the copy here
holds such pages. A full that they name is of no use any more: it is not restored, not fetched, and
retention counts it no longer. Logs hold changes and no pages, so they stay of use. A copy that
holds such pages is restored again, from a full that is sound.

While the pages at the primary are rotten, each full that it takes holds them. So when people name a
full that was asked for here, the next one is asked for after a wait, and each wait is twice as long
as the one before (ROT). A sound full, or the news that the pages are sound, ends the waiting.

What people have said, and the wait, are durable. `RottenFulls` writes to nothing but itself.
"""

from __future__ import annotations

import enum
import json

from dr_sim.backups.model import BackupHeader
from dr_sim.machines import Command, Event, Phase, Save, Transitions
from dr_sim.recovery import events
from dr_sim.recovery.replay.limits import DAY_US, MINUTE_US, elapsed_us
from dr_sim.recovery.saved import of_type, read

FIRST_WAIT_US = 60 * MINUTE_US
LONGEST_WAIT_US = DAY_US
"""The waits before a full is asked for again (assumed: a full keeps the primary's disk and the link
busy for minutes to an hour, and people need hours to a day to get sound pages).
"""


class RotPhase(enum.StrEnum):
    FREE = "a full may be asked for"
    WAITING = "the full that was asked for is rotten: the next one waits"


class RotEvent(enum.StrEnum):
    NAMED = "people name a full that was asked for"
    WAITED = "the wait is over"
    SOUND = "the pages are sound, or a sound full is here"


ROT: Transitions[RotPhase, RotEvent] = Transitions(
    "asking for fulls while pages are rotten",
    RotPhase.FREE,
    {
        RotPhase.FREE: {
            RotEvent.NAMED: RotPhase.WAITING,
            RotEvent.SOUND: RotPhase.FREE,
        },
        RotPhase.WAITING: {
            RotEvent.NAMED: RotPhase.WAITING,
            RotEvent.WAITED: RotPhase.FREE,
            RotEvent.SOUND: RotPhase.FREE,
        },
    },
)


_NO_WAIT = [0, 0, 0]


def _stored(text: str) -> tuple[list[str], bool, list[int]]:
    names, copy, *wait = of_type(json.loads(text), list)
    waits, mono_us, utc_us = wait or _NO_WAIT
    named = [of_type(name, str) for name in of_type(names, list)]
    numbers = [of_type(each, int) for each in (waits, mono_us, utc_us)]
    return named, of_type(copy, bool), numbers


class RottenFulls:
    """The fulls of one database that people have named. names: of these; copy: the copy here holds
    such pages.
    """

    __slots__ = (
        "_key",
        "_phase",
        "_since_mono_us",
        "_since_utc_us",
        "_waits",
        "copy",
        "names",
    )

    def __init__(self, database: str, saved: dict[str, str]) -> None:
        self._key = f"rot/{database}"
        text = saved.get(self._key, "")
        names, self.copy, wait = (
            read(self._key, text, _stored)
            if text
            else ([], False, _NO_WAIT)
        )
        self.names = frozenset(names)
        # fulls in a row that were asked for and are rotten; when people named the last one
        self._waits, self._since_mono_us, self._since_utc_us = wait
        self._phase = Phase(ROT)
        if self._waits:
            self._phase.move(RotEvent.NAMED)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def said(self, e: events.PagesRot, out: list[Command]) -> None:
        """Note what people say."""
        self.names |= frozenset(e.fulls)
        self.copy = self.copy or e.copy
        self._save(out)

    def copy_comes_from(self, full: str, out: list[Command]) -> None:
        """Note that the copy was restored from that full."""
        rotten = full in self.names
        if rotten is not self.copy:
            self.copy = rotten
            self._save(out)

    # ---- asking for another full
    def asked_in_vain(self, e: Event, out: list[Command]) -> None:
        """Note that the full that was asked for holds rotten pages: the next one waits."""
        self._phase.move(RotEvent.NAMED)
        self._waits += 1
        self._since_mono_us, self._since_utc_us = e.mono_us, e.utc_us
        self._save(out)

    def may_ask(self, e: Event) -> bool:
        """Return whether a full may be asked for now."""
        if self._phase.state is RotPhase.FREE:
            return True
        since = self._since_mono_us, self._since_utc_us
        if elapsed_us(e.mono_us, e.utc_us, *since) < self._wait_us:
            return False
        self._phase.move(RotEvent.WAITED)
        return True

    @property
    def _wait_us(self) -> int:
        doublings = min(self._waits - 1, LONGEST_WAIT_US.bit_length())
        return min(FIRST_WAIT_US << doublings, LONGEST_WAIT_US)

    def sound(self, out: list[Command]) -> None:
        """Note that the pages at the primary are sound: the next full need not wait."""
        self._phase.move(RotEvent.SOUND)
        if self._waits:
            self._waits = 0
            self._save(out)

    def full_is_sound(
        self, header: BackupHeader, out: list[Command]
    ) -> None:
        """Note a full that nobody has named: if it is newer than the last rotten one, the pages are
        sound.
        """
        if self._waits and header.started_utc_us > self._since_utc_us:
            self.sound(out)

    def _save(self, out: list[Command]) -> None:
        stored: list[object] = [sorted(self.names), self.copy]
        if self._waits:
            stored += [self._waits, self._since_mono_us, self._since_utc_us]
        out.append(Save(self._key, json.dumps(stored)))
