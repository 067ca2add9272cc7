"""What the agents remember, and what they say about it in the next life of the manager."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dr_sim.cloud.commands import AskScript, CleanUp, CopyScript, StartScript
from dr_sim.cloud.config import EntityConfig, NetworkConfig
from dr_sim.cloud.events import FoundAttempt
from dr_sim.cloud.words import WhyFailed, Word
from dr_sim.live.cloud.agents import AgentTools, Identifiers, LocalAgents
from dr_sim.live.cloud.memory import AgentMemory, AttemptRecord
from dr_sim.live.cloud.processes import ScriptRuns
from dr_sim.live.cloud.scripts import ScriptFolders
from dr_sim.stores import MemoryStore
from tests.live.cloud.serving import script, within

CRM = EntityConfig("crm", "database", (("A", "crm-at-A"), ("B", "crm-at-B")))
NETWORK = NetworkConfig("prod", ("A", "B"), (CRM,))


class Agents:
    """One life of the agents of a folder. said: (attempt, word, reason)."""

    def __init__(self, folder: Path, store: MemoryStore) -> None:
        self.said: list[tuple[int, Word, WhyFailed]] = []
        self._later: list[Callable[[], None]] = []
        self.memory = AgentMemory(store)
        self.runs = ScriptRuns(folder / "runs")
        tools = AgentTools(
            self.memory,
            self.runs,
            ScriptFolders(folder / "scripts", folder / "copies"),
            Identifiers((NETWORK,)),
            10.0,
        )
        self.agents = LocalAgents(tools, self._say, self._later.append)
        self.agents.wake()

    def _say(self, record: AttemptRecord, word: Word) -> None:
        self.said.append((record.attempt, word, record.reason))

    def copied(self, version: int = 1) -> None:
        self.agents.told(CopyScript("prod", "A", "rotate_secret", version), 1)

    def start(self, attempt: int, change: str = "c1", params: str = '{"id": "crm-at-A"}') -> None:
        asked = ("prod", "A", f"job of {change}", attempt, "rotate_secret", 1, change, params)
        self.agents.told(StartScript(*asked), 1)

    def wait(self) -> None:
        """Until something has ended."""
        within(20, lambda: self._later)
        self._later.pop()()


def test_a_script_must_be_there_first_and_is_then_run_once(tmp_path: Path) -> None:
    script(tmp_path, "rotate_secret")
    store = MemoryStore()
    life = Agents(tmp_path, store)
    life.start(1)
    life.copied()
    life.start(2)
    life.wait()
    life.start(2)
    none = WhyFailed.NONE
    assert life.said == [
        (1, Word.FAILED, WhyFailed.NO_SCRIPT),
        (2, Word.STARTED, none),
        (2, Word.DONE, none),
        (2, Word.DONE_BEFORE, none),
    ]
    # the same change, asked for by another job in another life: it has been made
    later = Agents(tmp_path, store)
    later.start(3)
    assert later.said == [(3, Word.DONE, none)]
    assert len((tmp_path / "effects").read_text().splitlines()) == 2


def test_identifiers_of_another_site_and_of_nothing_are_refused(tmp_path: Path) -> None:
    script(tmp_path, "rotate_secret")
    life = Agents(tmp_path, MemoryStore())
    life.copied()
    life.start(1, params='{"id": "crm-at-A", "from": "crm-at-B"}')
    life.start(2, params='{"id": "shop-at-A"}')
    reasons = [reason for _, _, reason in life.said]
    assert reasons == [WhyFailed.FOREIGN_ID, WhyFailed.UNKNOWN_ID]


def test_what_was_remembered_and_never_begun_costs_no_attempt(tmp_path: Path) -> None:
    """The manager died between the two: the next life says that it was never started."""
    script(tmp_path, "rotate_secret")
    store = MemoryStore()
    life = Agents(tmp_path, store)
    life.copied()
    life.runs.start = lambda *asked: None  # type: ignore[method-assign]
    life.agents._watch = lambda *asked: None  # type: ignore[method-assign]
    life.start(1)
    later = Agents(tmp_path, store)
    assert later.agents.of_jobs({"job of c1"}) == [
        FoundAttempt("job of c1", 1, Word.UNKNOWN, WhyFailed.NONE)
    ]
    later.start(1)
    assert later.said == [(1, Word.UNKNOWN, WhyFailed.NONE)]
    assert not (tmp_path / "effects").exists()


def test_what_was_asked_about_first_is_never_started(tmp_path: Path) -> None:
    script(tmp_path, "rotate_secret")
    life = Agents(tmp_path, MemoryStore())
    life.copied()
    life.agents.told(AskScript("prod", "A", "job of c1", 1), 1)
    life.start(1)
    assert [word for _, word, _ in life.said] == [Word.UNKNOWN, Word.UNKNOWN]
    assert not (tmp_path / "effects").exists()


def test_a_clean_up_that_fails_is_said_and_may_be_tried_again(tmp_path: Path) -> None:
    script(tmp_path, "rotate_secret", "exit 1")
    script(tmp_path, "rotate_secret.clean_up", "[ -e mended ]")
    life = Agents(tmp_path, MemoryStore())
    life.copied()
    life.start(1)
    life.wait()
    clean_up = CleanUp("prod", "A", "job of c1", 1, "{}")
    life.agents.told(clean_up, 1)
    life.wait()
    (tmp_path / "mended").touch()
    life.agents.told(clean_up, 1)
    life.wait()
    life.agents.told(clean_up, 1)
    words = [word for _, word, _ in life.said]
    assert words == [Word.STARTED, Word.FAILED, Word.NOT_CLEANED, Word.CLEANED, Word.CLEANED]


def test_an_older_manager_is_not_obeyed(tmp_path: Path) -> None:
    script(tmp_path, "rotate_secret")
    store = MemoryStore()
    life = Agents(tmp_path, store)
    life.agents.told(CopyScript("prod", "A", "rotate_secret", 1), 2)
    life.start(1)
    assert life.said == [] and Agents(tmp_path, store).memory.newest == 2
