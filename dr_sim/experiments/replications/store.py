"""A folder that keeps finished replications: one small file a batch, whole or not at all, so that
nothing is done twice.

A batch is made beside its place and moved there, and begins with a hash of the rest: what a crash
or a full disk leaves behind is passed over, and its replications are played again. The folder
belongs to one scenario, one seed and one version of dr_sim's own code (its key); it is never mixed
with another's.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

import dr_sim
from dr_sim.errors import InputError, input_error
from dr_sim.experiments.replications.sample import Sample, unpack
from dr_sim.files.making import folder_made, tidy, why_not
from dr_sim.files.output import write_whole
from dr_sim.scenario.model import Scenario
from dr_sim.world.own_logic import source_digest

KEY_FILE = "replications.json"
BATCHES = "batches"
# what changes no replication
_NOT_THE_RUN = (
    "replications",
    "on_unknown",
    "sweep",
    "answer",
    "description",
    "prices",
)


def key_of(scenario: Scenario) -> str:
    """Names what the replications of a scenario are: two scenarios with one key have the same
    ones.
    """
    said = {
        name: value
        for name, value in scenario.resolved.items()
        if name not in _NOT_THE_RUN
    }
    steps = (
        ["steps"] if scenario.steps else []
    )  # who doubts the fast paths wants each run played
    tilts = [repr(scenario.tilts)] if scenario.tilts else []
    own = (
        [scenario.manager, source_digest(scenario.manager)]
        if scenario.manager
        else []
    )
    text = json.dumps(
        [
            said or scenario.spelled_out(),
            scenario.seed,
            code_digest(),
            *steps,
            *tilts,
            *own,
        ],
        sort_keys=True,
    )
    return blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def code_digest() -> str:
    """Return the digest of every source file of dr_sim: another version's replications are other
    replications.
    """
    root = Path(dr_sim.__file__).parent
    digest = blake2b(digest_size=16)
    for path in sorted(root.rglob("*.py")):
        digest.update(
            str(path.relative_to(root)).encode()
            + b"\0"
            + path.read_bytes()
            + b"\0"
        )
    return digest.hexdigest()


class BatchStore:
    """The batches in one folder. `samples` holds every replication that is there, by number."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        """Opens the folder, made if need be. Raises InputError if it holds something else."""
        self.folder = folder
        self.key = key_of(scenario)
        self.samples: dict[int, Sample] = {}
        self._made: list[Path] = []
        try:
            self._claim()
            for path in sorted((folder / BATCHES).glob("*.batch")):
                for sample in _read(path):
                    self.samples.setdefault(sample.number, sample)
        except OSError as error:
            raise _refused(
                folder, f"cannot be used ({why_not(error)})"
            ) from None

    def _claim(self) -> None:
        mark = self.folder / KEY_FILE
        if mark.exists():
            try:
                found = json.loads(mark.read_text(encoding="utf-8"))["key"]
            except (ValueError, KeyError, TypeError):
                raise _refused(
                    self.folder, f"holds a {KEY_FILE} that cannot be read"
                ) from None
            if found != self.key:
                raise _refused(
                    self.folder,
                    "holds replications of another scenario, seed or version of dr_sim",
                )
        elif self.folder.is_dir() and any(self.folder.iterdir()):
            raise _refused(
                self.folder, "is there and holds no replications"
            )
        batches = self.folder / BATCHES
        self._made = [
            place
            for place in (batches, *batches.parents)
            if not place.exists()
        ]
        with folder_made(batches):
            tidy(batches)
            if not mark.exists():
                write_whole(mark, json.dumps({"key": self.key}) + "\n")

    def keep(self, samples: list[Sample], packed: bytes) -> None:
        """Put a finished batch on disk, as it came."""
        first, last = samples[0].number, samples[-1].number
        try:
            write_whole(
                self.folder / BATCHES / f"{first:07}-{last:07}.batch",
                _hash(packed) + b"\n" + packed,
                tidy_first=False,
            )
        except OSError as error:
            self._leave_nothing()
            raise _refused(
                self.folder,
                f"cannot be written ({why_not(error)})",
            ) from None

    def _leave_nothing(self) -> None:
        """Remove the folders that were made here, if no batch was kept in them."""
        if not self._made or any((self.folder / BATCHES).iterdir()):
            return
        (self.folder / KEY_FILE).unlink(missing_ok=True)
        for place in self._made:
            with suppress(OSError):
                place.rmdir()


def _read(path: Path) -> list[Sample]:
    """The replications of one batch; none if it is not whole."""
    try:
        told, _, packed = path.read_bytes().partition(b"\n")
        return unpack(packed) if told == _hash(packed) else []
    except (ValueError, TypeError):
        return []


def _hash(packed: bytes) -> bytes:
    return blake2b(packed, digest_size=16).hexdigest().encode()


def _refused(folder: Path, why: str) -> InputError:
    return input_error(
        str(folder), f"{why}; name another folder with --out"
    )
