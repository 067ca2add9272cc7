"""The callers of the API: a token for each, with what it may use.

A file of one line for each caller: `NAME TOKEN`, and after that, where it may not use all that the
scenario gives it, `networks=A,B` or `operations=A,B`. Names that have spaces stand in quotes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dr_sim.cloud.texts import wrong_caller
from dr_sim.errors import InputError, Problem, input_error
from dr_sim.files.output import read_bytes

_OTHERS = 0o077
_BYTES = 32
_SHORTEST = 16
_HEAD = """\
# callers of the cloud manager: NAME TOKEN [networks=A,B] [operations=A,B]
"""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """A caller. networks, operations: those that it may use; None: all that the scenario says."""

    name: str
    networks: tuple[str, ...] | None = None
    operations: tuple[str, ...] | None = None


class Tokens:
    """Token -> caller. Only hashes of tokens are kept in memory."""

    def __init__(self, holders: dict[str, TokenHolder]) -> None:
        self._holders = {
            _hash(token): holder for token, holder in holders.items()
        }

    @property
    def holders(self) -> tuple[TokenHolder, ...]:
        return tuple(self._holders.values())

    def holder(self, authorization: str) -> TokenHolder | None:
        """Return the caller that a header `Bearer TOKEN` belongs to; None if there is none."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer":
            return None
        return self._holders.get(_hash(token.strip()))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def make_tokens(path: Path, names: Iterable[str]) -> None:
    """Write a file with a new token for each caller, which nobody else can read."""
    lines = _new_lines(names)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        raise input_error(
            str(path), f"cannot be written ({error.strerror})"
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_HEAD + "".join(lines))


def add_tokens(path: Path, names: Iterable[str]) -> None:
    """Write a new token for each of these callers at the end of a file."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            text = file.read()
            ends = "" if text.endswith("\n") or not text else "\n"
            file.write(ends + "".join(_new_lines(names)))
    except OSError as error:
        raise input_error(
            str(path), f"cannot be written ({error.strerror})"
        ) from None


def _new_lines(names: Iterable[str]) -> list[str]:
    return [
        f"{shlex.quote(name)} {secrets.token_urlsafe(_BYTES)}\n"
        for name in names
    ]


def read_tokens(path: Path) -> Tokens:
    """Read a file of tokens. Raises InputError with every mistake in it."""
    text = read_bytes(path).decode("utf-8", "replace")
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        raise input_error(
            str(path), "others can read it; take that away (chmod 600)"
        )
    holders: dict[str, TokenHolder] = {}
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
            if words:
                token, holder = _holder(words)
                if token in holders:
                    raise ValueError("another caller has the same token")
                if holder.name in {each.name for each in holders.values()}:
                    raise ValueError(f"{holder.name} has a token already")
                holders[token] = holder
        except ValueError as error:
            problems.append(Problem(str(path), number, 1, str(error)))
    if problems:
        raise InputError(problems)
    return Tokens(holders)


def _holder(words: list[str]) -> tuple[str, TokenHolder]:
    if len(words) < 2:
        raise ValueError("write NAME TOKEN")
    name, token, *rest = words
    if wrong := wrong_caller(name):
        raise ValueError(f"{name}: {wrong}")
    if len(token) < _SHORTEST:
        raise ValueError(
            f"the token is too short: {_SHORTEST} characters at least"
        )
    limits: dict[str, tuple[str, ...]] = {}
    for each in rest:
        key, _, value = each.partition("=")
        if key not in ("networks", "operations") or not value:
            raise ValueError(
                f"{each}: write networks=A,B or operations=A,B"
            )
        limits[key] = tuple(value.split(","))
    return token, TokenHolder(
        name, limits.get("networks"), limits.get("operations")
    )
