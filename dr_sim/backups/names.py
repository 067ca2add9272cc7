"""Names of backup files: database_year_month_day_hour_minutes_seconds_kind_attempts, in UTC (R4).

Theory of operation. The eight fields after the database's name have fixed places from the right, so
the name itself may hold underscores. Every number is zero-padded, so a plain sort of one database's
names is the order in time. A name has to survive Windows and POSIX, file systems that fold case,
that normalise Unicode and that reserve device names; so only a-z, 0-9, '_' and '-' stand for
themselves, an ASCII capital becomes '!' and its small letter, and every other byte of the UTF-8
text becomes '%' and two hex digits. Beyond 180 bytes the text is cut and '~' with a 128-bit hash of
the whole name ends it: then the whole name is known from the backup's header only.

Two backups in one second: the later one moves to the next second that is free. The exact start
stands in the header, and what to restore is never planned by name (dr_sim/backups/plan.py), so a
second costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b

from dr_sim.backups.model import KIND_OF_WORD, Kind

# R4; with 35 bytes at most for the other fields a name stays under the usual limit of 255
MAX_DATABASE_BYTES = 180
# retries every 5 minutes (R8) stay below 1,000 for more than three days; more digits still parse
ATTEMPTS_DIGITS = 3

_HASH_DIGITS = 32
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)]
)  # names that Windows keeps for devices, with any extension, as a file or as a folder
_SECOND_US = 1_000_000
_DAY_S = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TWO = tuple(f"_{value:02d}" for value in range(60))
_FIRST_ATTEMPT = "_" + "0" * ATTEMPTS_DIGITS
_KIND_ENDS = tuple(f"_{kind.word}{_FIRST_ATTEMPT}" for kind in Kind)
# Kind words sort full < incremental < log. A name given later must sort later, so a full also
# avoids a second in which an incremental or a log already has a name.
_KINDS_NOT_BEFORE = tuple(_KIND_ENDS[kind:] for kind in Kind)


@dataclass(slots=True)
class ParsedName:
    """Holds what a file name says. started_utc_us is a whole second; if shortened, database is the
    cut and hashed text (the same for all files of that database) and the real name has to be read
    from the header.
    """

    database: str
    started_utc_us: int
    kind: Kind
    attempts: int
    shortened: bool


def backup_name(
    database: str,
    started_utc_us: int,
    kind: int,
    attempts: int = 0,
    taken: Collection[str] = (),
) -> str:
    """Name of a backup that started at started_utc_us (microseconds since 1970 UTC, years 1 to
    9999).

    taken holds the names (attempts 0) already given to this database, at least the recent ones: the
    name is in the first second from the start on in which it is new and sorts after those of the
    same second. Raises ValueError for an empty database name, a date out of range or negative
    attempts.
    """
    prefix = encode_database(database)
    second = started_utc_us // _SECOND_US
    stem = _stem(prefix, second)
    if taken:
        blockers = _KINDS_NOT_BEFORE[kind]
        following = _stem(prefix, second + 1)
        # a name in the following second was moved there from this one, or this one would sort
        # before it
        while _any_taken(stem, blockers, taken) or _any_taken(
            following, _KIND_ENDS, taken
        ):
            second += 1
            stem, following = following, _stem(prefix, second + 1)
    name = stem + _KIND_ENDS[kind]
    return name if attempts == 0 else with_attempts(name, attempts)


def names_apart(
    database: str, started_utc_us: Iterable[int], kind: int
) -> list[str]:
    """Return what backup_name gives each of several backups that start so far apart that no name is
    in another's way.
    """
    prefix, end = encode_database(database), _KIND_ENDS[kind]
    return [
        _stem(prefix, at_us // _SECOND_US) + end for at_us in started_utc_us
    ]


def with_attempts(name: str, attempts: int) -> str:
    """The same name with another count of attempts. Raises ValueError if attempts is negative."""
    if attempts < 0:
        raise ValueError(f"attempts must not be negative: {attempts}")
    return f"{name.rpartition('_')[0]}_{attempts:0{ATTEMPTS_DIGITS}d}"


def parse_name(text: str) -> ParsedName:
    """The parts of a name, the inverse of backup_name. Raises ValueError if backup_name never made
    this text.
    """
    parts = text.rsplit("_", 8)
    if len(parts) != 9:
        raise ValueError(f"not a backup's name: {text!r}")
    encoded, *numbers, word, attempts = parts
    kind = KIND_OF_WORD.get(word)
    if kind is None or [len(number) for number in numbers] != [
        4,
        2,
        2,
        2,
        2,
        2,
    ]:
        raise ValueError(f"not a backup's name: {text!r}")
    padded = len(attempts) == ATTEMPTS_DIGITS or (
        len(attempts) > ATTEMPTS_DIGITS and attempts[0] != "0"
    )
    digits = "".join(numbers) + attempts
    if not padded or not digits.isascii() or not digits.isdigit():
        raise ValueError(f"not a backup's name: {text!r}")
    year, month, day, hour, minute, second = map(int, numbers)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(
            f"not a time of day, in the backup's name {text!r}"
        )
    try:
        ordinal = date(year, month, day).toordinal()
    except ValueError:
        raise ValueError(
            f"not a date, in the backup's name {text!r}"
        ) from None
    database, shortened = _decoded(encoded)
    started_s = (
        (ordinal - _EPOCH_DAY) * _DAY_S + hour * 3600 + minute * 60 + second
    )
    return ParsedName(
        database, started_s * _SECOND_US, kind, int(attempts), shortened
    )


@lru_cache(maxsize=4096)
def encode_database(database: str) -> str:
    """A database's name as it stands in file and folder names, with the '_' that follows it in a
    file's name.

    Raises ValueError if the name is empty.
    """
    if not database:
        raise ValueError("a database's name must not be empty")
    tokens = [_token(character) for character in database]
    if (
        database[0] == "-" or database in _DEVICES
    ):  # a leading '-' reads as an option in a shell
        tokens[0] = f"%{ord(database[0]):02x}"
    encoded = "".join(tokens)
    if len(encoded) <= MAX_DATABASE_BYTES:
        return encoded + "_"
    room = MAX_DATABASE_BYTES - _HASH_DIGITS - 1
    kept = 0
    for index, token in enumerate(tokens):  # cut between characters
        if kept + len(token) > room:
            return f"{''.join(tokens[:index])}~{_hash(database)}_"
        kept += len(token)
    raise AssertionError("a text over the limit is cut before its end")


def _token(character: str) -> str:
    if character in _PLAIN:
        return character
    if "A" <= character <= "Z":
        return "!" + character.lower()
    # SQL Server's names are UTF-16 units: half a surrogate pair is legal in one
    return "".join(
        f"%{byte:02x}"
        for byte in character.encode("utf-8", "surrogatepass")
    )


def _stem(prefix: str, second: int) -> str:
    return prefix + _second_text(second)


# the databases of a fleet are backed up at the same instants
@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    day, clock = divmod(second, _DAY_S)
    minutes, seconds = divmod(clock, 60)
    return (
        _day_text(day)
        + _TWO[minutes // 60]
        + _TWO[minutes % 60]
        + _TWO[seconds]
    )


def _any_taken(
    stem: str, ends: tuple[str, ...], taken: Collection[str]
) -> bool:
    for end in (
        ends
    ):  # a plain loop: any() with a generator costs three times as much
        if stem + end in taken:
            return True
    return False


def _hash(database: str) -> str:
    return blake2b(
        database.encode("utf-8", "surrogatepass"),
        digest_size=_HASH_DIGITS // 2,
    ).hexdigest()


@lru_cache(maxsize=1024)
def _day_text(day: int) -> str:
    try:
        when = date.fromordinal(day + _EPOCH_DAY)
    except (ValueError, OverflowError):
        raise ValueError(
            f"a backup's start lies outside the years 1 to 9999: day {day} since 1970"
        ) from None
    return f"{when.year:04d}_{when.month:02d}_{when.day:02d}"


@lru_cache(maxsize=4096)
def _decoded(encoded: str) -> tuple[str, bool]:
    """(database's name, False), or (encoded, True) if it was shortened. Raises ValueError if it was
    not made here.
    """
    kept, mark, digest = encoded.partition("~")
    if mark:
        wrong = len(digest) != _HASH_DIGITS or any(
            digit not in "0123456789abcdef" for digit in digest
        )
        # the cut leaves no room for one more character, the longest of which takes 12 bytes
        wrong = (
            wrong
            or not MAX_DATABASE_BYTES - 12
            < len(encoded)
            <= MAX_DATABASE_BYTES
        )
        if wrong or encode_database(_text(kept)) != kept + "_":
            raise ValueError(f"not a shortened database name: {encoded!r}")
        return encoded, True
    database = _text(encoded)
    if encode_database(database) != encoded + "_":
        raise ValueError(f"not an encoded database name: {encoded!r}")
    return database, False


def _text(encoded: str) -> str:
    """Undo the tokens; what is not one is left as it is (the caller encodes again and compares)."""
    data = bytearray()
    index = 0
    while index < len(encoded):
        character = encoded[index]
        if character == "!" and index + 1 < len(encoded):
            data += (
                encoded[index + 1].upper().encode("utf-8", "surrogatepass")
            )
            index += 2
        elif character == "%":
            try:
                data.append(int(encoded[index + 1 : index + 3], 16))
            except ValueError:
                raise ValueError(
                    f"not an encoded database name: {encoded!r}"
                ) from None
            index += 3
        else:
            data += character.encode("utf-8", "surrogatepass")
            index += 1
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError(
            f"not an encoded database name: {encoded!r}"
        ) from None
