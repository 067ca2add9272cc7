"""The durable memory of the agents: attempts at jobs, what was made of each thing, and versions of
scripts. It is apart from the manager's store, which may be put back to an old copy.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

from dr_sim.cloud.mirror.inventory import EMPTY
from dr_sim.cloud.words import WhyFailed, Word
from dr_sim.stores import Store

_ATTEMPT, _THING, _SCRIPT = "attempt/", "thing/", "script/"
_NEWEST, _OWN_SCRIPTS = "newest", "own scripts"

AttemptKey = tuple[str, str, str, int]  # network, site, job, attempt


@dataclass(slots=True)
class AttemptRecord:
    """An attempt that an agent was told of. number: of its run and of this record. script, change,
    params: '' where it was asked about before it was ordered to start it. cleaning: number of the
    run of its clean-up, 0 if none is under way.
    """

    number: int
    network: str
    site: str
    job: str
    attempt: int
    word: Word
    reason: WhyFailed = WhyFailed.NONE
    script: str = ""
    change: str = ""
    params: str = ""
    entity: str = ""
    cleaning: int = 0

    @property
    def key(self) -> AttemptKey:
        return (self.network, self.site, self.job, self.attempt)

    def text(self) -> str:
        return json.dumps(astuple(self))

    @classmethod
    def from_text(cls, text: str) -> AttemptRecord:
        number, network, site, job, attempt, word, reason, *rest = (
            json.loads(text)
        )
        return cls(
            number,
            network,
            site,
            job,
            attempt,
            Word(word),
            WhyFailed(reason),
            *rest,
        )


class AgentMemory:
    """Memory of all agents. Everything that is changed is durable when a method returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.attempts: dict[AttemptKey, AttemptRecord] = {}
        self._things: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._made: set[tuple[str, str, str]] = set()
        self._last = 0
        stored = store.load()
        self._own_scripts = stored.get(_OWN_SCRIPTS, '["", 0]')
        self.newest = int(stored.get(_NEWEST, "0"))
        for key, text in stored.items():
            if key.startswith(_ATTEMPT):
                self._enter(AttemptRecord.from_text(text))
            elif key.startswith(_THING):
                self._things[key] = text
            elif key.startswith(_SCRIPT):
                self._versions[key] = int(text)

    def _enter(self, record: AttemptRecord) -> None:
        self.attempts[record.key] = record
        self._last = max(self._last, record.number, record.cleaning)
        if record.word is Word.DONE:
            self._made.add((record.network, record.site, record.change))

    def next_number(self) -> int:
        """Return a number that no run had."""
        self._last += 1
        return self._last

    def keep(self, record: AttemptRecord, value: str = "") -> None:
        """Keep an attempt as it stands. value: what its thing is from now on; '': as it was."""
        self._enter(record)
        entries = {f"{_ATTEMPT}{record.number}": record.text()}
        if value:
            key = _thing(record.network, record.site, record.entity)
            entries[key] = self._things[key] = value
        self._store.save_all(entries)

    def heard_from(self, life: int) -> None:
        """Remember the newest life of a manager."""
        if life > self.newest:
            self._store.save(_NEWEST, str(life))
            self.newest = life

    def made(self, network: str, site: str, change: str) -> bool:
        """Tell whether a change has been made at a side."""
        return (network, site, change) in self._made

    def value(self, network: str, site: str, entity: str) -> str:
        return self._things.get(_thing(network, site, entity), EMPTY)

    def version(self, network: str, site: str, script: str) -> int:
        """Return the version of an agent's copy of a script; 0: it has none."""
        return self._versions.get(_script(network, site, script), 0)

    def version_of(self, scripts: str) -> int:
        """Return the version of the manager's scripts, by what tells them from others: a new one
        where they are others than before.
        """
        before, version = json.loads(self._own_scripts)
        if scripts != before:
            self._own_scripts = json.dumps([scripts, version + 1])
            self._store.save(_OWN_SCRIPTS, self._own_scripts)
            return int(version) + 1
        return int(version)

    def has_script(
        self, network: str, site: str, script: str, version: int
    ) -> None:
        key = _script(network, site, script)
        self._store.save(key, str(version))
        self._versions[key] = version


def _thing(network: str, site: str, entity: str) -> str:
    return _THING + json.dumps([network, site, entity])


def _script(network: str, site: str, script: str) -> str:
    return _SCRIPT + json.dumps([network, site, script])
