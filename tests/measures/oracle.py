"""What the record says of a file at one instant, and so what a ledger must say: an oracle that
shares no code with the measures.

It reads the rows of the journal one after another into lists of turns (instant, value), and asks
each for its value at the instant in question. Of each line of a ledger it says whether that cause
was true then: the file that would have carried the first lacking commit was in that state, the link
was down, a backup of that kind was being made, and so on.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Scenario

FULL, INCREMENTAL, LOG = 0, 1, 2
WORD = {FULL: "full", INCREMENTAL: "incremental", LOG: "log"}
NEVER = 1 << 62
WAITS = ("queued", "staging", "no_room", "off", "backoff", "waiting", "stopped")


@dataclass
class Turns:
    """A value that changes: (instant, value), in the order of the record."""

    at: list[int] = field(default_factory=list)
    value: list[Any] = field(default_factory=list)

    def add(self, time: int, value: Any) -> None:
        self.at.append(time)
        self.value.append(value)

    def when(self, time: int, before: Any = None) -> Any:
        i = bisect_right(self.at, time)
        return self.value[i - 1] if i else before

    def within(self, begin: int, end: int) -> list[Any]:
        """The values that were taken on in [begin, end)."""
        return [v for t, v in zip(self.at, self.value, strict=True) if begin <= t < end]


@dataclass
class Backup:
    number: int
    kind: int
    begin: int
    commits: int
    first_lsn: int = 0
    name: str = ""
    end: int = NEVER  # of its job
    made: bool = False
    dead: str = ""  # cut off, failed, empty
    state: Turns = field(default_factory=Turns)  # on its way
    there: Turns = field(default_factory=Turns)  # whole, damaged or not at all at the secondary
    crossed: list[int] = field(default_factory=list)
    share: Turns = field(default_factory=Turns)  # in the primary's share
    told: Turns = field(default_factory=Turns)


class Oracle:
    def __init__(self, journal: Journal, scenario: Scenario) -> None:
        self.scenario = scenario
        self.link = Turns()
        self.strangers: dict[int, Backup] = {}
        # commits that the secondary's copy holds, None: there is none
        self.copy: dict[int, Turns] = defaultdict(Turns)
        self.backups: dict[int, dict[int, Backup]] = defaultdict(dict)
        self.skips: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
        self.truncated: dict[int, list[tuple[int, int]]] = defaultdict(list)  # when, up to where
        self.events: list[list[Any]] = []  # number, what, database, begin, end
        self.failed: set[int] = set()
        self.online: dict[int, int] = {}
        for i, d in enumerate(scenario.databases):
            if d.seeded:
                self.copy[i].add(0, 0)
        for row in journal.rows():
            read = getattr(self, "_" + row.kind.replace(".", "_"), None)
            if read is not None:
                read(row.time_us, row.entity, row.values)

    # ---- reading
    def _file(self, number: int) -> Backup:
        found = self.backups[number >> 32].get(number)
        if found is None:  # a duplicate that no job has made: it takes of the link all the same
            found = self.strangers.setdefault(number, Backup(number, -1, 0, 0))
        return found

    def _truth_backup_begin(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.backups[db][v["file"]] = Backup(v["file"], v["kind"], t, v["commits"], v["first_lsn"])

    def _truth_backup_finished(self, t: int, db: int, v: dict[str, Any]) -> None:
        b = self.backups[db][v["file"]]
        b.end, b.made, b.commits, b.name = t, True, v["commits"], v["name"]
        b.share.add(t, True)

    def _truth_backup_cut_off(self, t: int, db: int, v: dict[str, Any]) -> None:
        b = self.backups[db][v["file"]]
        b.end, b.dead = t, "cut off"

    def _truth_backup_failed(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.backups[db][v["file"]].dead = "failed"

    def _truth_backup_empty(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.backups[db][v["file"]].dead = "empty"

    def _truth_backup_skipped(self, t: int, db: int, v: dict[str, Any]) -> None:
        reason = v["reason"]
        word = WORD[v["kind"]]
        if reason.startswith("paused"):
            cause = f"{word} backups paused"
        elif reason.startswith(("4208", "4214")) or reason == "refused by the engine":
            cause = f"{word} backup refused"
        else:
            cause = f"{word} backup skipped"
        self.skips[db].append((t, v["kind"], cause))

    def _truth_backup_waits(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.skips[db].append((t, v["kind"], f"{WORD[v['kind']]} backup waits"))

    def _truth_log_truncated(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.truncated[db].append((t, v["last_lsn"]))

    def _truth_file_state(self, t: int, db: int, v: dict[str, Any]) -> None:
        b = self._file(v["file"])
        b.state.add(t, v["state"])

    def _truth_transfer_bytes(self, t: int, db: int, v: dict[str, Any]) -> None:
        b = self._file(v["file"])
        b.crossed.append(t)

    def _truth_landed(self, t: int, db: int, v: dict[str, Any]) -> None:
        b = self._file(v["file"])
        b.there.add(t, "whole" if v["intact"] else "damaged")

    def _truth_damaged(self, t: int, db: int, v: dict[str, Any]) -> None:
        b = self._file(v["file"])
        if v["where"] == "secondary":
            b.there.add(t, "damaged")

    def _truth_file_gone(self, t: int, db: int, v: dict[str, Any]) -> None:
        b = self._file(v["file"])
        if v["where"] == "secondary":
            b.there.add(t, "gone")
        else:
            b.share.add(t, False)

    def _truth_restored(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.copy[db].add(t, v["commits"])

    def _truth_copy_gone(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.copy[db].add(t, None)

    def _truth_link(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.link.add(t, bool(v["up"] and v["bit_s"]))

    def _truth_failed(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.failed.add(t)

    def _truth_promoted(self, t: int, db: int, v: dict[str, Any]) -> None:
        self.online.setdefault(db, t)

    def _truth_event(self, t: int, db: int, v: dict[str, Any]) -> None:
        if v["begins"]:
            self.events.append([v["number"], v["what"], db, t, NEVER])
            return
        for e in self.events:
            if e[:3] == [v["number"], v["what"], db] and e[4] == NEVER:
                e[4] = t
                return

    # ---- answers
    def disagrees(
        self, database: int, commits: int, lacking: int, until: int, time: int, cause: str
    ) -> str:
        """'' if that cause was true at that instant of a ledger whose first lacking commit was made
        then; else why not.
        """
        label = re.search(r" \(((event|drawn) [^)]*)\)", cause)
        if label:
            lasts = "link down" in cause
            begun = time if lasts else until
            if "lost later" in cause:
                begun = self._restorable_until(database, until)
            wrong = self._wrong_label(label.group(1), database, begun)
            if wrong:
                return wrong
        bare = re.sub(r" \((event|drawn)[^)]*\)", "", cause)
        expected = self._expected(database, commits, lacking, until, time)
        return "" if bare in expected else f"the record says {sorted(expected)}"

    def _restorable_until(self, database: int, until: int) -> int:
        """Return until when what lies at the secondary must lie there to be had: the end of the
        ledger, or of a failure's ledger when the database comes online.
        """
        if until not in self.failed:
            return until
        return max(until, self.online.get(database, 1 << 62))

    def _wrong_label(self, label: str, database: int, until: int) -> str:
        for number in re.findall(r"event (\d+)", label):
            if not any(
                e[0] == int(number) and e[2] in (-1, database) and e[3] <= until
                for e in self.events
            ):
                return f"event {number} had not begun, or is another database's"
        return ""

    def _expected(
        self, database: int, commits: int, lacking: int, until: int, time: int
    ) -> set[str]:
        if self.scenario.databases[database].log.kind == "none":
            return self._without_logs(database, commits, lacking, until, time)
        logs = sorted(
            (b for b in self.backups[database].values() if b.kind == LOG), key=lambda b: b.begin
        )
        carrier = next(
            (
                b
                for b in logs
                if lacking <= b.begin < until
                and b.commits > commits
                and not self._came_to_nothing(b)
            ),
            None,
        )
        cut = until if carrier is None else carrier.begin
        broken = [
            t
            for t, lsn in self.truncated[database]
            # a log that is begun at that instant, behind that part of it, does not hold it
            if lacking <= t < cut or (carrier and t == cut and carrier.first_lsn >= lsn)
        ]
        if broken and time >= broken[0]:
            return self._way_out(database, commits, until, time, "repair", {"log chain broken"})
        if time < cut:
            return {self._marker(database, (LOG,), lacking, time, "log interval")}
        assert carrier is not None
        return self._of_carrier(database, carrier, commits, until, time)

    def _came_to_nothing(self, b: Backup) -> bool:
        return bool(b.dead) and (b.dead != "cut off" or b.end not in self.failed)

    def _marker(
        self, database: int, kinds: tuple[int, ...], since: int, time: int, own: str
    ) -> str:
        """The last thing that went wrong with a backup that was due."""
        turns = []
        for t, kind, cause in self.skips[database]:
            waited = [
                w
                for w, k, c in self.skips[database]
                if k == kind and c.endswith(" waits") and w <= t
            ]
            begun = [
                b.begin for b in self.backups[database].values() if b.kind == kind and b.begin < t
            ]
            if any(
                b.kind == kind and self._came_to_nothing(b) and b.begin < t < b.end
                for b in self.backups[database].values()
            ):
                continue
            if kind in kinds and (
                cause.endswith(" waits") or not waited or max(waited) <= max(begun, default=-1)
            ):
                turns.append((t, cause))
        for b in self.backups[database].values():
            if b.kind in kinds and self._came_to_nothing(b):
                word = WORD[b.kind]
                turns.append(
                    (
                        b.begin,
                        f"empty {word} backups" if b.dead == "empty" else f"{word} backup {b.dead}",
                    )
                )
        turns = sorted(
            (turn for turn in turns if since <= turn[0] <= time), key=lambda turn: turn[0]
        )
        return turns[-1][1] if turns else own

    def _without_logs(
        self, database: int, commits: int, lacking: int, until: int, time: int
    ) -> set[str]:
        backups = sorted(
            (b for b in self.backups[database].values() if b.kind != LOG), key=lambda b: b.begin
        )
        since, own = lacking, "backup interval"
        for b in backups:
            if b.begin >= until or self._came_to_nothing(b) or (b.made and b.commits <= commits):
                continue
            if time < b.begin:
                return {self._marker(database, (FULL, INCREMENTAL), since, time, own)}
            if time < min(b.end, until):
                return {f"{WORD[b.kind]} backup"}
            lost = self._lost_at(b, commits, until)
            if lost is None or time < lost[0] or not lost[1]:
                return self._of_carrier(database, b, commits, until, time)
            since, own = max(since, lost[0]), "backup lost"
        return {self._marker(database, (FULL, INCREMENTAL), since, time, own)}

    def _of_carrier(
        self, database: int, b: Backup, commits: int, until: int, time: int
    ) -> set[str]:
        if time < min(b.end, until):
            return {f"{WORD[b.kind]} backup"}
        lost = self._lost_at(b, commits, until)
        if lost is None or time < lost[0]:
            return self._on_the_way(b, commits, until, time)
        if lost[1]:
            return self._way_out(database, commits, until, time, "repair", lost[2])
        never = not self._based_before(database, lost[0])
        waits = {"waits for a full"} if never else {"waits for a re-seed"}
        found = self._way_out(database, commits, until, time, "re-seed", waits)
        # an older full is there again: onto it the carrier can be restored
        if self._based(database, time):
            again = self._on_the_way(b, commits, until, time)
            found |= again | {cause.removeprefix("recopy: ") for cause in again}
        return found

    # ---- is it lost?
    def _based(self, database: int, time: int) -> bool:
        """Is there anything at the secondary to restore onto?"""
        if self.copy[database].when(time) is not None:
            return True
        return any(
            b.kind == FULL and b.there.when(time) == "whole"
            for b in self.backups[database].values()
        )

    def _based_before(self, database: int, time: int) -> bool:
        times = {t for t in self.copy[database].at if t < time}
        times |= {
            t
            for b in self.backups[database].values()
            if b.kind == FULL
            for t in b.there.at
            if t < time
        }
        return any(self._based(database, t) for t in times)

    def _safe(self, b: Backup, commits: int, time: int) -> bool:
        held = self.copy[b.number >> 32].when(time)
        return b.there.when(time) == "whole" or (held is not None and held > commits)

    def _changes(self, b: Backup) -> list[int]:
        database = b.number >> 32
        times = {*b.state.at, *b.there.at, *b.share.at, *b.told.at, *self.copy[database].at}
        times |= {t for f in self.backups[database].values() if f.kind == FULL for t in f.there.at}
        return sorted(times)

    def _lost_at(self, b: Backup, commits: int, until: int) -> tuple[int, bool, set[str]] | None:
        """(instant, whether there is something to restore onto, causes) from which the backup is of
        no use any more.
        """
        database = b.number >> 32
        landed = [t for t in b.there.at if b.there.when(t) in ("whole", "damaged")]
        first = min(landed, default=NEVER)
        gone = next(
            (
                t
                for t, here in zip(b.share.at, b.share.value, strict=True)
                if not here and t <= first
            ),
            NEVER,
        )
        if gone < min(first, until):
            return max(gone, b.end), True, {"hole in the chain"}
        was_whole = False
        for t in self._changes(b):
            if not b.end <= t < until:
                continue
            state = b.state.when(t)
            if state == "gone" and b.state.at[-1] <= t:
                return t, True, {"hole in the chain"}
            if state != "landed":
                was_whole = False
                continue
            there = b.there.when(t)
            was_whole = was_whole or there == "whole"
            if not was_whole:
                continue  # it landed damaged: what is told of that decides
            if b.kind != FULL and not self._based(database, t):
                return t, False, set()
            if not self._safe(b, commits, t):
                if not self._based(database, t):
                    return t, False, set()
                if all(s <= t for s in b.state.at):  # it does not come again
                    word = "damaged at rest" if there == "damaged" else "deleted at the secondary"
                    return t, True, {word, "copy asked for again", "hole in the chain"}
        return None

    # ---- on its way
    def _on_the_way(
        self, b: Backup, commits: int, until: int, time: int, prefix: str = ""
    ) -> set[str]:
        database = b.number >> 32
        if not prefix and any(
            t < time for t in b.there.at if b.there.when(t) in ("whole", "damaged")
        ):
            current = b.state.when(time)
            landings = [
                t
                for t, s in zip(b.state.at, b.state.value, strict=True)
                if s == "landed" and t <= time
            ]
            again = len(landings) > 1 or (landings and current != "landed")
            prefix = "recopy: " if again else ""
        state = b.state.when(time)
        up = self.link.when(time, True)
        if state in WAITS and state in ("queued", "backoff", "waiting") and not up:
            return {prefix + "link down"}
        if state == "queued":
            return {prefix + self._queued(b, database, time)}
        plain = {
            "staging": "staging full",
            "no_room": "secondary's share full",
            "off": "replication switched off",
            "backoff": "replicator back-off",
            "waiting": "replicator waits",
            "stopped": "replication stopped",
            "gone": "not in the primary's share",
        }
        if state in plain:
            return {prefix + plain[state]}
        if state == "sending":
            return {prefix + cause for cause in self._sending(b, time)}
        if state == "landed":
            return {prefix + cause for cause in self._landed(b, commits, until, time)}
        return {"unexplained"}

    def _queued(self, b: Backup, database: int, time: int) -> str:
        every = self.scenario.replication.every_us
        if every:
            rests = [
                t
                for t, s in zip(b.state.at, b.state.value, strict=True)
                if s in ("landed", "gone") and t <= time
            ]
            offered = next(t for t in b.state.at if t > (rests[-1] if rests else -1))
            if time < -(-offered // every) * every:
                return "copy job"
        folder = next(
            (
                f.databases
                for f in self.scenario.replication.folders
                if self._name(database) in f.databases
            ),
            None,
        )
        every_file = [f for its in (*self.backups.values(), self.strangers) for f in its.values()]
        for f in every_file:
            if f.state.when(time) == "staging" and (
                folder is None or self._name(f.number >> 32) in folder
            ):
                return "staging full"
        if any(f.state.when(time) == "no_room" for f in every_file):
            return "secondary's share full"
        return "queued"

    def _name(self, database: int) -> str:
        return self.scenario.databases[database].name

    def _crosses(self, b: Backup, time: int) -> bool:
        if b.state.when(time) != "sending":
            return False
        since = b.state.at[bisect_right(b.state.at, time) - 1]
        return not any(since < t <= time for t in b.crossed)

    def _sending(self, b: Backup, time: int) -> set[str]:
        if not self._crosses(b, time):
            return {"held back on its way"}
        if not self.link.when(time, True):
            return {"link down"}
        slow = [
            e
            for e in self.events
            if e[1] in ("throttle", "packet_loss", "latency") and e[3] <= time < e[4]
        ]
        if slow:
            names = ", ".join(f"event {e[0]}" for e in slow)
            return {"transfer, link slowed", f"transfer, link slowed ({names})"}
        every = [f for its in (*self.backups.values(), self.strangers) for f in its.values()]
        beside = any(self._crosses(f, time) for f in every if f is not b)
        return (
            {"transfer, sharing the link", "transfer, capped by loss"}
            if beside
            else {"transfer", "transfer, capped by loss"}
        )

    def _landed(self, b: Backup, commits: int, until: int, time: int) -> set[str]:
        since = b.state.at[bisect_right(b.state.at, time) - 1]
        if b.there.when(since) == "damaged":
            return {
                "landed damaged, being validated",
                "damaged copy, nothing done yet",
                "copy asked for again",
                "landed damaged, taken as it was",
            }
        if not self._safe(b, commits, time):
            return {
                "damaged at rest"
                if b.there.when(time) == "damaged"
                else "deleted at the secondary",
                "copy asked for again",
            }
        until = self._restorable_until(b.number >> 32, until)
        later = [t for t in self._changes(b) if time < t < until]
        lost = [
            t
            for t in later
            if not self._safe(b, commits, t)
            or (b.kind != FULL and not self._based(b.number >> 32, t))
        ]
        if lost:
            return {"landed whole, lost later"}
        return {
            "landed, being validated",
            "landed, the recovery manager is down",
            "landed, waits for a restore worker",
            "being restored",
            "landed, restores are off",
            "landed, restore refused",
            "landed, waits behind another restore",
            "replay delay",
            "landed, not restored",
        }

    # ---- the way out of a hole
    def _way_out(
        self, database: int, commits: int, until: int, time: int, what: str, waits: set[str]
    ) -> set[str]:
        """While nothing is done: waits. Else what any backup that would help is doing then."""
        found = set()
        idle = set(waits) | {"waits for a full", "waits for a re-seed", "hole in the chain"}
        for word in (what, "re-seed", "seed"):
            kinds = (FULL, INCREMENTAL) if word == "repair" else (FULL,)
            refused = [
                (t, cause)
                for t, kind, cause in self.skips[database]
                if t <= time and kind in kinds and cause.endswith(("paused", "refused"))
            ]
            if refused:  # the last one that could not be begun
                idle.add(f"{word}: {max(refused)[1]}")
        busy = False  # one that would help is being made, or is on its way
        for b in self.backups[database].values():
            if (
                b.kind == LOG
                or b.begin > time
                or (b.made and b.commits <= commits and what == "repair")
            ):
                continue
            if b.made and b.commits > commits and (b.kind == FULL or what == "repair"):
                busy = (
                    busy
                    or time < b.end
                    or (bool(b.share.when(time)) and b.state.when(time) in (*WAITS, "sending"))
                )
            for word in (what, "re-seed", "seed"):
                if b.kind != FULL and word != "repair":
                    continue
                prefix = f"{word}: "
                kind = WORD[b.kind]
                if self._came_to_nothing(b):
                    nothing = prefix + (
                        f"empty {kind} backups" if b.dead == "empty" else f"{kind} backup {b.dead}"
                    )
                    (found if time < b.end else idle).add(nothing)
                elif time < b.end:
                    found.add(f"{prefix}{kind} backup")
                elif b.made:
                    for recopy in ("", "recopy: "):
                        found |= self._on_the_way(
                            b, b.commits - 1, until, time, f"{prefix}{kind} {recopy}"
                        )
        return found if busy else found | idle
