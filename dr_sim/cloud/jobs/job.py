"""A job: what it is to change, where, and how it stands, with the literal table of its states."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as quoted

from dr_sim.cloud.words import JobKind, JobMove, JobState
from dr_sim.machines import Transitions

JOBS: Transitions[JobState, JobMove] = Transitions(
    "job",
    JobState.QUEUED,
    {
        JobState.QUEUED: {
            JobMove.START: JobState.STARTING,
            JobMove.FOUND: JobState.RUNNING,
            JobMove.SIDE_GONE: JobState.CANCELLED,
            JobMove.NOT_BEGUN: JobState.CANCELLED,
        },
        JobState.STARTING: {
            JobMove.STARTED: JobState.RUNNING,
            JobMove.DONE: JobState.DONE,
            JobMove.AGAIN: JobState.QUEUED,
            JobMove.CLEAN: JobState.CLEANING,
            JobMove.SIDE_GONE: JobState.CANCELLED,
            JobMove.NOT_BEGUN: JobState.CANCELLED,
        },
        JobState.RUNNING: {
            JobMove.DONE: JobState.DONE,
            JobMove.AGAIN: JobState.QUEUED,
            JobMove.CLEAN: JobState.CLEANING,
            JobMove.LIMIT: JobState.OVERDUE,
            JobMove.SIDE_GONE: JobState.CANCELLED,
        },
        JobState.OVERDUE: {
            JobMove.DONE: JobState.DONE,
            JobMove.AGAIN: JobState.QUEUED,
            JobMove.CLEAN: JobState.CLEANING,
            JobMove.KILL: JobState.KILLING,
            JobMove.SIDE_GONE: JobState.CANCELLED,
        },
        JobState.KILLING: {
            JobMove.DONE: JobState.DONE,
            JobMove.CLEAN: JobState.CLEANING,
            JobMove.SIDE_GONE: JobState.CANCELLED,
        },
        JobState.CLEANING: {
            JobMove.CLEANED_FAILED: JobState.FAILED,
            JobMove.CLEANED_CANCELLED: JobState.CANCELLED,
            JobMove.SIDE_GONE: JobState.CANCELLED,
        },
        JobState.DONE: {},
        JobState.FAILED: {},
        JobState.CANCELLED: {},
    },
)
_CHANGE = JobKind.CHANGE  # a member costs several times a name
AS_A_WHOLE = (JobKind.SET, JobKind.REBUILD)
"""Jobs that set a thing as a whole."""

OPEN, ENDED = "job/", "ended/"
"""Keys in the store: of a job that is open, and of the state in which one ended."""


@dataclass(slots=True)
class CloudJob:
    """change: the change that it makes, the same at both sides. number: of the change in its
    network, 0 if it has none. tries: attempts that failed. aim: how it ends once it is clean.
    """

    id: str
    order: int
    kind: JobKind
    network: str
    site: str
    entity: str
    script: str
    params: str
    change: str
    number: int = 0
    state: JobState = JobState.QUEUED
    attempt: int = 0
    tries: int = 0
    aim: JobState = JobState.FAILED
    due_us: int = 0  # when it is looked at next; of this life, never stored
    # since when nobody has said that its attempt has begun, None once people know; never stored
    unheard_us: int | None = None
    copies: int = (
        0  # of its script, that this life has ordered; never stored
    )
    waits: bool = (
        False  # for the mapping table, as this life has told; never stored
    )
    done_before: bool = (
        False  # it was done in a life that the store has forgotten
    )
    never_begun: bool = (
        False  # it was closed, and its agent has begun no attempt
    )
    lane: tuple[str, str, str] = field(init=False)
    agent: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.lane = (self.network, self.site, self.entity)
        self.agent = (self.network, self.site)

    @property
    def is_moved(self) -> bool:
        """Return whether it took the place of a job at another site."""
        return is_moved(self.id, self.change, self.site)

    @property
    def rank(self) -> int:
        """Return its place among jobs of one thing that have not begun: what was done at the other
        side is older than what is to be done instead of it, and that is older than what is asked
        for.
        """
        if self.kind is not _CHANGE:
            return 0
        return 1 if self.id != self.change else 2

    def is_behind(self, other: CloudJob) -> bool:
        """Return whether it has not begun, and the other one goes before it."""
        return not self.attempt and self.rank > other.rank

    def text(self) -> str:
        """Return what `listed` gives for all of it but its id."""
        return (
            f'[{self.order}, "{self.kind._value_}", {quoted(self.network)}, {quoted(self.site)}, '
            f"{quoted(self.entity)}, {quoted(self.script)}, {quoted(self.params)}, "
            f'{quoted(self.change)}, {self.number}, "{self.state._value_}", {self.attempt}, '
            f'{self.tries}, "{self.aim._value_}"]'
        )

    @classmethod
    def from_text(cls, name: str, text: str) -> CloudJob:
        (
            order,
            kind,
            network,
            site,
            entity,
            script,
            params,
            change,
            *rest,
        ) = json.loads(text)
        number, state, attempt, tries, aim = rest
        return cls(
            id=name,
            order=order,
            kind=JobKind(kind),
            network=network,
            site=site,
            entity=entity,
            script=script,
            params=params,
            change=change,
            number=number,
            state=JobState(state),
            attempt=attempt,
            tries=tries,
            aim=JobState(aim),
        )


def moved_to(change: str, site: str, number: int = 1) -> str:
    """Return the name of the job that makes a change at that site instead of the one before.
    number: of such jobs of that change, as it may come to a site more than once.
    """
    return f"{change}@{site}" + (f".{number}" if number > 1 else "")


def is_moved(job: str, change: str, site: str) -> bool:
    """Return whether a job of that name makes a change at a site instead of one before."""
    first = moved_to(change, site)
    return job == first or job.startswith(f"{first}.")
