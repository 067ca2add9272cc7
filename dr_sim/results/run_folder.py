"""The folder of a run: its scenario, journals, summary, pictures and page, both ways."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dr_sim.errors import InputError, input_error
from dr_sim.errors.bugs import BUILT_IN
from dr_sim.files.making import (
    folder_made,
    making,
    move_to_free_number,
    replace_folder,
    tidy,
    why_not,
)
from dr_sim.files.output import json_rows
from dr_sim.loading import load_scenario
from dr_sim.measures.legs import Leg, legs_of
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Verdict
from dr_sim.measures.whole import Whole
from dr_sim.record import journal_file
from dr_sim.record.journal import Journal
from dr_sim.results.long_lists import (
    ALERTS_FILE,
    DANGERS_FILE,
    with_short_lists,
    write_long_lists,
)
from dr_sim.runs.run import Result
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.model import Scenario
from dr_sim.version import VERSION

if TYPE_CHECKING:
    from dr_sim.figures.timeline import Timeline

SCENARIO_FILE, MANIFEST_FILE, JOURNAL_FILE, SUMMARY_FILE = (
    "scenario.yaml",
    "manifest.json",
    "journal.parquet",
    "summary.json",
)
TIMELINE_FILE, EXPOSURE_FILE, REPORT_FILE = (
    "timeline.svg",
    "exposure.svg",
    "report.html",
)
RUN_FILES = (
    SCENARIO_FILE,
    MANIFEST_FILE,
    JOURNAL_FILE,
    SUMMARY_FILE,
    TIMELINE_FILE,
    EXPOSURE_FILE,
    REPORT_FILE,
    ALERTS_FILE,
    DANGERS_FILE,
)
_LIBRARIES = (
    "simpy",
    "numpy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "pydantic",
    "ruamel.yaml",
)


# ---- files
def results_parent(scenario: Scenario, root: Path) -> Path:
    """Return results/<scenario>: its runs lie in 1, 2, ... there."""
    return root / safe_name(scenario.name)


def safe_name(name: str) -> str:
    """A scenario's name as a folder's: at most 200 bytes of letters, digits and -_. and spaces."""
    safe = (
        "".join(c if c.isalnum() or c in "-_. " else "_" for c in name)
        .encode()[:200]
        .decode(errors="ignore")
    )
    return safe.strip(". ") or "scenario"


def check_target(folder: Path, *, replaced: bool = True) -> None:
    """Refuse what cannot be written, and to replace what is not a run of ours.

    replaced: what lies there is to be replaced; otherwise the run goes beside it.
    """
    try:
        if not replaced:
            folder = folder.parent
        elif folder.is_symlink():
            raise _refused(
                folder, "is a link, which a folder would replace"
            )
        elif Path.cwd().resolve().is_relative_to(folder.resolve()):
            raise _refused(
                folder, "is the folder that you are in, or one above it"
            )
        else:
            tidy(folder)
            if folder.exists() and not _is_run(folder):
                raise _refused(folder, _why_no_run(folder))
        above = next(
            parent
            for parent in folder.absolute().parents
            if parent.exists()
        )
        if not above.is_dir():
            raise _refused(
                folder, f"cannot be written ({above} is no folder)"
            )
        if not os.access(above, os.W_OK | os.X_OK):
            raise _refused(
                folder,
                f"cannot be written (nothing may be put into {above})",
            )
    except OSError as error:
        raise _refused(
            folder, f"cannot be written ({error.strerror})"
        ) from None


def _why_no_run(folder: Path) -> str:
    """Say why a folder is not replaced; where it holds a run and more, name what would be lost."""
    no_run = "is there and holds no run of dr-sim"
    if not (folder / MANIFEST_FILE).is_file():
        return no_run
    others = {path.name for path in folder.iterdir()} - set(RUN_FILES)
    if not others:
        return no_run
    return f"holds {sorted(others)[0]!r} beside a run, and all of it would be replaced"


def _is_run(folder: Path) -> bool:
    """A folder that holds the files of a run and nothing else, or nothing at all."""
    if not folder.is_dir():
        return False
    there = {path.name for path in folder.iterdir()}
    if not there:
        return True
    try:
        manifest = json.loads(
            (folder / MANIFEST_FILE).read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return False
    return (
        there <= set(RUN_FILES)
        and isinstance(manifest, dict)
        and "journal_digest" in manifest
    )


def _refused(folder: Path, why: str) -> InputError:
    return input_error(
        str(folder), f"{why}; name another folder with --out"
    )


@dataclass(frozen=True, slots=True)
class Drawing:
    """Whether a run's page and pictures are drawn too, and who is notified of the progress."""

    pictures: bool = True
    progress: Callable[[float], None] | None = None

    def done(self, part: float) -> None:
        if self.progress is not None:
            self.progress(part)


def write_results(
    result: Result, folder: Path, drawing: Drawing = Drawing()
) -> None:
    """Write all files of a run, whole or not at all: made beside the folder, then moved into its
    place.
    """
    check_target(folder)
    try:
        with folder_made(folder.parent), making(folder.parent) as new:
            _fill(result, new, drawing)
            replace_folder(new, folder)
    except OSError as error:
        raise _refused(
            folder, f"cannot be written ({why_not(error)})"
        ) from None


def write_next_results(
    result: Result, parent: Path, drawing: Drawing = Drawing()
) -> Path:
    """Write all files of a run into the first of parent/1, parent/2, ... that is free; return
    which.
    """
    try:
        with folder_made(parent):
            # runs of other scenarios may have been killed
            for other in parent.parent.iterdir():
                tidy(other)
            with making(parent) as new:
                _fill(result, new, drawing)
                return move_to_free_number(new, parent)
    except OSError as error:
        raise _refused(
            parent, f"cannot be written ({why_not(error)})"
        ) from None


def _fill(result: Result, folder: Path, drawing: Drawing) -> None:
    resolved = dump_resolved(result.scenario)
    (folder / SCENARIO_FILE).write_text(resolved, encoding="utf-8")
    summary = json_rows(full_summary(result)) + "\n"
    manifest = {
        "scenario": result.scenario.name,
        "seed": result.scenario.seed,
        "replication": result.scenario.replication_no,
        "manager": result.scenario.manager or BUILT_IN,
        "journal_digest": result.digest,
        "journal_rows": len(result.journal),
        "engine": _engine(result.journal),
        "python": platform.python_version(),
        "versions": {
            "dr-sim": VERSION,
            **{name: version(name) for name in _LIBRARIES},
        },
        "scenario_digest": _digest(resolved),
        "summary_digest": _digest(summary),
    }
    manifest["seal"] = _seal(manifest)
    _write_text(folder / MANIFEST_FILE, json_rows(manifest) + "\n")
    journal_file.save(result.journal, folder / JOURNAL_FILE)
    _write_text(folder / SUMMARY_FILE, summary)
    write_long_lists(result.summary, folder)
    drawing.done(0.2)
    if drawing.pictures:
        draw_pictures(result, folder, drawing)


def draw_pictures(result: Result, folder: Path, drawing: Drawing) -> None:
    """The page and the pictures."""
    # here: a run without them need not import what draws
    from dr_sim.figures.pictures import exposure_picture, timeline_picture
    from dr_sim.figures.svg import svg_text
    from dr_sim.figures.timeline import Timeline
    from dr_sim.figures.views import views_of

    timeline = Timeline(views_of(result.whole))
    still = svg_text(timeline_picture(timeline))
    _write_text(folder / TIMELINE_FILE, still)
    drawing.done(0.4)
    still = svg_text(exposure_picture(timeline))
    _write_text(folder / EXPOSURE_FILE, still)
    drawing.done(0.6)
    write_report(timeline, result, folder / REPORT_FILE)
    drawing.done(1.0)


def write_report(timeline: Timeline, result: Result, path: Path) -> None:
    """Write the page about one run."""
    # here: its library takes longer to import than all the rest
    from dr_sim.report import Shown, report_html

    shown = Shown(result.summary, result.verdict, result.digest)
    path.write_text(report_html(timeline, shown), encoding="utf-8")


def _engine(journal: Journal) -> dict[str, str]:
    """Return what held the databases, and its version; the model's is dr_sim's own."""
    row = next(journal.rows("truth.engine")).values
    return {"name": row["name"], "version": row["version"] or VERSION}


def full_summary(result: Result) -> dict[str, Any]:
    """The summary with the verdict and the digest: what summary.json and --json hold."""
    return {
        "journal_digest": result.digest,
        "verdict": verdict_json(result.verdict),
        **summary_json(with_short_lists(result.summary)),
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    lines = [
        {
            "id": j.line.id,
            "measure": j.line.measure,
            "database": j.line.database or None,
            "tenant": j.line.tenant or None,
            "class": j.line.failure_class or None,
            "fault": j.line.fault or None,
            "at_most": j.line.at_most,
            "bound": j.line.bound,
            "value": j.value,
            "unit": j.unit,
            "outcome": j.outcome.name.lower(),
            "reason": j.reason,
        }
        for j in verdict.lines
    ]
    return {
        "outcome": verdict.outcome.name.lower(),
        "exit_code": verdict.exit_code,
        "lines": lines,
    }


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _digest(text: str) -> str:
    """Return the digest of a file beside the journal: what is read back is what was written, or it
    is refused.
    """
    return blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


def _seal(manifest: dict[str, Any]) -> str:
    """Return the digest of the manifest itself, but for the seal."""
    return _digest(
        json.dumps(
            {
                key: value
                for key, value in manifest.items()
                if key != "seal"
            },
            sort_keys=True,
        )
    )


@dataclass(slots=True)
class StoredRun:
    """A run read back from its folder. checks: the row hashes stored with its journal; digest: as
    the manifest has it.
    """

    scenario: Scenario
    journal: Journal
    checks: Any
    digest: str

    @property
    def whole(self) -> Whole:
        return Whole.of(self.journal, self.scenario)

    @property
    def legs(self) -> list[Leg]:
        return legs_of(self.journal, self.scenario)


def read_results(
    folder: Path, *, journal_as_written: bool = True
) -> StoredRun:
    """A run of this version from its folder. InputError with one clear line if it is not one, or if
    a file of it is not as it was written. journal_as_written: False leaves the journal to who
    looks at it row by row.
    """
    manifest = _manifest(folder)
    scenario = load_scenario(folder / SCENARIO_FILE)
    if manifest["manager"] != BUILT_IN:
        scenario = replace(scenario, manager=str(manifest["manager"]))
    path = folder / JOURNAL_FILE
    journal, checks = journal_file.load(path)
    digest = str(manifest["journal_digest"])
    if journal_as_written and journal.digest() != digest:
        told = (
            "is not as dr-sim wrote it: its digest differs; `dr-sim verify` says where, "
            "and the scenario can be run again"
        )
        raise input_error(str(path), told)
    return StoredRun(scenario, journal, checks, digest)


def _newest_run(folder: Path) -> str:
    """Return words that name the newest run right below a folder; '' if there is none."""
    try:
        runs = [
            (path.stat().st_mtime_ns, str(path.parent))
            for path in folder.glob(f"*/{MANIFEST_FILE}")
        ]
    except OSError:
        return ""
    return f"; the newest run there is {max(runs)[1]}" if runs else ""


def _manifest(folder: Path) -> dict[str, Any]:
    """The manifest, as it was written, of a folder whose scenario and summary are as they were
    written.
    """
    manifest_path = folder / MANIFEST_FILE
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        if manifest["seal"] != _seal(manifest) or not manifest["manager"]:
            raise ValueError("it has been changed")
    except (FileNotFoundError, NotADirectoryError):
        raise input_error(
            str(folder),
            f"holds no {MANIFEST_FILE}; name the folder of a run, as `dr-sim run` "
            f"printed it{_newest_run(folder)}",
        ) from None
    except OSError as error:
        raise input_error(
            str(manifest_path), f"cannot be read ({error.strerror})"
        ) from None
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ):
        raise input_error(
            str(manifest_path),
            "is not as dr-sim wrote it; run the scenario again",
        ) from None
    _unchanged(folder / SCENARIO_FILE, str(manifest["scenario_digest"]))
    return dict(manifest)


def _unchanged(path: Path, digest: str) -> str:
    """A file's text. Raises InputError if it cannot be read, or is another than was written."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise input_error(
            str(path), f"cannot be read ({why}); run the scenario again"
        ) from None
    if _digest(text) != digest:
        raise input_error(
            str(path),
            "has been changed since dr-sim wrote it; run the scenario again",
        )
    return text


def check_summary(folder: Path) -> None:
    """InputError with one clear line if a run's summary.json cannot be read, or is not as it was
    written.
    """
    _unchanged(
        folder / SUMMARY_FILE, str(_manifest(folder)["summary_digest"])
    )
