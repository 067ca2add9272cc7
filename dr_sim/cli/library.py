"""The face of what comes with dr_sim: templates of new scenarios, the library."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from dr_sim.cli.printing import show
from dr_sim.cli.reference import unknown, wrapped
from dr_sim.errors import input_error
from dr_sim.files.output import argument, write_together
from dr_sim.formatting.words import counted


def add_library(commands: Any) -> None:
    """Add `dr-sim new` and `dr-sim library`."""
    new = commands.add_parser(
        "new", help="write a scenario of your own, from a template"
    )
    new.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="scenario file to write",
    )
    new.add_argument(
        "--template",
        metavar="NAME",
        help="use this template with its usual values, without questions",
    )
    new.add_argument(
        "--list", action="store_true", help="list the templates"
    )
    new.set_defaults(command=_new)

    library = commands.add_parser(
        "library",
        help="list the scenarios that come with dr_sim; copy them",
    )
    library.add_argument(
        "word",
        nargs="?",
        default="",
        metavar="WORD",
        help="only scenarios with this word in their path or description",
    )
    library.add_argument(
        "--copy",
        type=Path,
        metavar="FOLDER",
        help="copy all scenarios and notebooks into this folder",
    )
    library.set_defaults(command=_library)


def _new(a: argparse.Namespace) -> int:
    from dr_sim.library import new
    from dr_sim.loading.editor import SCHEMA_FILE, json_schema

    known = new.template_names()
    if a.list:
        for name in known:
            show(
                "\n".join(wrapped(f"{name:<12}", new.template_about(name)))
            )
        return 0
    if a.template is not None and a.template not in known:
        raise unknown("new --list", a.template, known, "new --template")
    if a.file is None:
        raise input_error(
            "new", "name the file to write, as in `dr-sim new mine.yaml`"
        )
    if a.file.exists():
        raise input_error(
            str(a.file),
            "is there already; name another file, or move it away",
        )
    template = a.template or new.DEFAULT_TEMPLATE
    answers: dict[str, str] = {}
    if a.template is None and sys.stdin.isatty():
        template, answers = _ask(known)
    text = new.new_scenario(template, a.file.stem, answers)
    schema = a.file.parent / SCHEMA_FILE
    write_together(
        {
            a.file: text,
            schema: json.dumps(json_schema(), indent=1, ensure_ascii=False)
            + "\n",
        }
    )
    show(f"{a.file}: from the template {template}; {schema} is for editors")
    show(f"now: dr-sim {_next_command(template)} {a.file}")
    return 0


def _next_command(template: str) -> str:
    return {"ci": "check", "capacity": "sweep"}.get(template, "run")


def _ask(known: list[str]) -> tuple[str, dict[str, str]]:
    """Ask a person; an empty answer takes what stands in brackets."""
    from dr_sim.library import new
    from dr_sim.units import UnitError

    for name in known:
        show("\n".join(wrapped(f"  {name:<12}", new.template_about(name))))
    template = _answer(f"template [{known[0]}]: ") or known[0]
    while template not in known:
        show(f"there is {', '.join(known)}")
        template = _answer(f"template [{known[0]}]: ") or known[0]
    answers = {}
    for question in new.QUESTIONS:
        while question.key not in answers:
            given = _answer(
                f"{question.text} [{new.usual(question, template)}]: "
            )
            try:
                answers[question.key] = new.checked(
                    question, template, given
                )
            except UnitError as error:
                show(str(error))
    return template, answers


def _answer(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        raise input_error(
            "new", "the answers ended early; nothing was written"
        ) from None


def _library(a: argparse.Namespace) -> int:
    from dr_sim.library import library_files, library_scenarios

    if a.copy is not None:
        return _copy(a.copy, dict(library_files()))
    found = [
        each
        for each in library_scenarios()
        if a.word.lower() in f"{each.path} {each.about}".lower()
    ]
    if not found:
        raise input_error(
            "library",
            f"no scenario has {a.word[:40]!r} in its path or description",
        )
    for each in found:
        lines = wrapped("    ", each.about) if each.about else []
        show("\n".join([each.path, *lines]))
    return 0


def _copy(folder: Path, files: dict[str, Path]) -> int:

    taken = next(
        (folder / name for name in files if (folder / name).exists()), None
    )
    if taken is not None:
        raise input_error(
            str(taken), "is there already; name another folder"
        )
    write_together(
        {folder / name: path.read_bytes() for name, path in files.items()}
    )
    first = argument(folder / "scenarios/quickstart.yaml")
    show(
        f"{folder}/  {counted(len(files), 'file')}; now: dr-sim run {first}"
    )
    return 0
