"""A database under restore and a maker of true histories, both independent of dr_sim: what plans
are judged by.

The standby here knows contents, not LSNs: a database is the sequence of its writes, each with an
identity of its own, and it takes a backup only if that leaves exactly a prefix of somebody's true
history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from dr_sim.backups.model import BackupHeader, Kind, RestoreState

MINUTE_US = 60_000_000
Writes = tuple[tuple[int, int], ...]  # (fork, number of the write) for every write ever, in order


@dataclass(frozen=True)
class Content:
    """What a backup really holds: all writes up to its end, or those from `begin` on; and the base
    it names.
    """

    writes: Writes
    begin: int
    # all writes before the full that was the differential base when the backup was made
    base: Writes | None


Made = tuple[BackupHeader, Content]


@dataclass
class Standby:
    """A database that is being restored. An incremental needs its base; a copy-only full is
    none.
    """

    writes: Writes | None = None
    base: Writes | None = None
    is_base: bool = False

    def takes(self, made: Made) -> bool:
        """Restore it if that leaves a true state; else refuse and stay."""
        header, content = made
        held = self.writes
        if header.kind is Kind.FULL:
            self.writes, self.base, self.is_base = (
                content.writes,
                content.writes[: content.begin],
                not header.copy_only,
            )
            return True
        if held is None or len(held) >= len(content.writes) or content.writes[: len(held)] != held:
            return False
        if header.kind is Kind.INCREMENTAL:
            if not self.is_base or content.base != self.base:
                return False
        elif len(held) < content.begin:
            return False
        elif (
            content.base is not None
            and self.base is not None
            and len(content.base) > len(self.base)
        ):
            self.base, self.is_base = content.base, True  # a log carries the base forward
        self.writes = content.writes
        return True

    def state(self) -> RestoreState:
        if self.writes is None:
            return RestoreState(0, 0, 0, exists=False)
        assert self.base is not None and self.is_base
        return RestoreState(self.writes[-1][0], len(self.writes) * 10, len(self.base) * 10)


@dataclass
class History:
    """A primary that writes, takes backups and fails over. The LSN after n writes is 10 n."""

    now_us: int = 0
    writes: list[tuple[int, int]] = field(default_factory=list)
    fork: int = 1
    forked_at: int = 0
    log_begin: int = 0
    log_fork: int = 1
    base: BackupHeader | None = None
    made: list[Made] = field(default_factory=list)
    # fork -> its whole path, when it was left
    ends: dict[int, Writes] = field(default_factory=dict)

    def write(self, count: int) -> None:
        self.writes.extend((self.fork, len(self.writes) + i) for i in range(count))

    def back_up(
        self,
        kind: Kind,
        size: int,
        *,
        copy_only: bool = False,
        meanwhile: int = 0,
        log_meanwhile: bool = False,
    ) -> None:
        """A log holds what was written before its start; the others also what was written while
        they ran.
        """
        if kind is Kind.INCREMENTAL and self.base is None:
            return
        self.now_us += 5 * MINUTE_US
        started_us, base, begin = (
            self.now_us,
            self.base,
            self.log_begin if kind is Kind.LOG else len(self.writes),
        )
        if kind is not Kind.LOG:
            self.write(meanwhile)
            if log_meanwhile:
                self.back_up(Kind.LOG, 1)
                self.write(meanwhile)
        end = len(self.writes)
        crosses = kind is Kind.LOG and self.log_fork != self.fork
        header = BackupHeader(
            "db",
            len(self.made) + 1,
            kind,
            self.fork,
            begin * 10,
            end * 10,
            begin * 10,
            base.checkpoint_lsn if base else 0,
            base.first_lsn if base and kind is Kind.INCREMENTAL else 0,
            self.log_fork if crosses else self.fork,
            self.forked_at * 10 if crosses else 0,
            started_us,
            self.now_us + MINUTE_US,
            copy_only,
            False,
            size,
        )
        base_writes = None if base is None else tuple(self.writes[: base.first_lsn // 10])
        self.made.append((header, Content(tuple(self.writes), begin, base_writes)))
        if kind is Kind.LOG and not copy_only:
            self.log_begin, self.log_fork = end, self.fork
        elif kind is Kind.FULL and not copy_only:
            self.base = header

    def fail_over(self, lost: int, overlap: int) -> None:
        """The last `lost` writes are gone; a new fork begins there. Its first log may begin before
        the fork point.
        """
        self.ends[self.fork] = tuple(self.writes)
        at = max(len(self.writes) - lost, self.forked_at + 1)
        del self.writes[at:]
        self.log_begin, self.log_fork = max(at - overlap, self.forked_at), self.fork
        self.fork, self.forked_at = self.fork + 1, at
        if self.base is not None and self.base.last_lsn > at * 10:
            self.base = None
        self.write(1)

    def path_to(self, fork: int) -> Writes:
        return self.ends.get(fork, tuple(self.writes))


STEPS = st.one_of(
    st.tuples(st.just("log"), st.integers(0, 9), st.sampled_from([False, False, False, True])),
    st.tuples(st.just("log"), st.integers(0, 9), st.just(False)),
    st.tuples(st.just("incremental"), st.integers(0, 30), st.integers(0, 3), st.booleans()),
    st.tuples(
        st.just("full"),
        st.integers(0, 90),
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from([False, False, True]),
    ),
    st.tuples(st.just("fail_over"), st.integers(0, 5), st.integers(0, 2)),
    st.tuples(st.just("pause"), st.integers(1, 600)),
)


@st.composite
def histories(draw: st.DrawFn, steps: int = 12, forks: int = 3) -> History:
    """A history that starts with a full, so that most of it can be restored."""
    history = History()
    history.write(draw(st.integers(1, 3)))
    history.back_up(Kind.FULL, draw(st.integers(0, 90)))
    for step in draw(st.lists(STEPS, min_size=1, max_size=steps)):
        if step[0] == "fail_over":
            if history.fork < forks:
                history.fail_over(step[1], step[2])
        elif step[0] == "log":
            history.write(draw(st.integers(0, 3)))
            history.back_up(Kind.LOG, step[1], copy_only=step[2])
        elif step[0] == "incremental":
            history.back_up(Kind.INCREMENTAL, step[1], meanwhile=step[2], log_meanwhile=step[3])
        elif step[0] == "full":
            history.back_up(
                Kind.FULL, step[1], meanwhile=step[2], log_meanwhile=step[3], copy_only=step[4]
            )
        else:
            history.now_us += step[1] * MINUTE_US
    return history


def reachable(made: Iterable[Made], start: Standby) -> dict[Writes, int]:
    """By trying everything: every state that can be reached from start, with the fewest bytes it
    takes.
    """
    files = list(made)
    first = (start.writes, start.base, start.is_base)
    cheapest = {first: 0}
    pending = [first]
    while pending:
        state = pending.pop()
        for item in files:
            standby = Standby(*state)
            if standby.takes(item):
                cost = (0 if item[0].kind is Kind.FULL else cheapest[state]) + item[0].nominal_bytes
                after = (standby.writes, standby.base, standby.is_base)
                if after not in cheapest or cost < cheapest[after]:
                    cheapest[after] = cost
                    pending.append(after)
    found: dict[Writes, int] = {}
    for (writes, _, _), cost in cheapest.items():
        if writes is not None:
            found[writes] = min(cost, found.get(writes, cost))
    return found
