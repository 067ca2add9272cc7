"""Schedules and instants as people write them, in local time of a named zone.

A local time that a clock change skips is taken as if the clock had not been changed yet; one that
comes twice is the first of the two.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dr_sim import units
from dr_sim.scenario.fields import bounds
from dr_sim.scenario.model import Schedule
from dr_sim.scenario.schedule import LAST
from dr_sim.units import UnitError

MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_LEAP_YEARS = 8
"""Years within which each day of the calendar comes, 29 February too."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL_NAMES = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?"
_TIME_OF_DAY = re.compile(_TIME)
_AND = r"\s*(?:,|\band\b)\s*"
_ONE_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_CALENDAR = re.compile(
    r"(?:(?P<word>daily|weekly|monthly)\s+)?"
    r"(?P<days>.*?)\s*"
    rf"(?P<times>(?<![\d:]){_ONE_TIME}(?:{_AND}{_ONE_TIME})*)"
    r"(?:\s+(?P<zone>\S+))?"
)
_MONTH_DAY = re.compile(r"(?:day\s+)?(\d{1,2})(?:st|nd|rd|th)?")
_NTH_WEEKDAY = re.compile(r"(first|second|third|fourth|last)\s+([A-Za-z]+)")
_EVERY = re.compile(r"every\s+(.+?)(?:\s+offset\s+(.+))?")
_ON_WEEKDAY = re.compile(rf"([A-Za-z]+)\s+{_TIME}(?:\s+(\S+))?")
_ON_DAY = re.compile(rf"[Dd]ay\s+(\d{{1,9}})\s+{_TIME}(?:\s+(\S+))?")
_AS_SHOWN = re.compile(
    rf"([A-Za-z]+)\s+(\d{{1,2}})\s+([A-Za-z]{{3}}[a-z]*)\s+{_TIME}(?:\s+(\S+))?"
)
"""An instant as the screen and the page show it: 'Fri 16 Jan 10:00:01'."""
_SCHEDULES = (
    "'weekly Sun 01:00', 'Mon-Fri 22:00', 'daily 01:00', 'daily 06:00 and 18:00', "
    "'monthly first Sun 03:00', 'every 5 min' or none"
)
_MONTH_DAYS = "'monthly day 1 03:00', 'monthly last day 03:00' or 'monthly first Sun 03:00'"
_NTH = ("first", "second", "third", "fourth")
_CRON = re.compile(r"@\w+|[\d*/,-]+(\s+[\w*/,#-]+){4,5}")
_HABITS = {
    "hourly": "'every 1 h'",
    "nightly": "'daily 01:00'",
    "daily": "'daily 01:00'",
    "weekly": "'weekly Sun 01:00'",
    "monthly": "'monthly first Sun 03:00'",
    "never": "none",
    "off": "none",
}
_EVERY_DAY = re.compile(r"every\s+([A-Za-z]+)(?:\s+at)?(?:\s+(\d.*))?")
_DAILY = {
    "day": "daily",
    "night": "daily",
    "weekday": "Mon-Fri",
    "week": "weekly Sun",
    "month": "monthly first Sun",
}
_SEVERAL_DAYS = {
    **dict.fromkeys(
        ("weekday", "weekdays", "workday", "workdays"), "Mon-Fri"
    ),
    **dict.fromkeys(("weekend", "weekends"), "Sat and Sun"),
    "biweekly": "every 2 weeks",
    "fortnightly": "every 2 weeks",
}
"""Words that people write where the names of days stand, and what is right."""
_GERMAN_DAYS = ("mo", "di", "mi", "do", "fr", "sa", "so")
_DAY_FIRST = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2((?:19|20)?\d\d)(?:,?\s+(\d{1,2}):(\d\d))?(\D.*)?"
)
"""A date as it is written in Germany, India or the United States."""
_ZONES = {
    "ist": "Asia/Kolkata",
    "cest": "Europe/Berlin",
    "mez": "Europe/Berlin",
    "mesz": "Europe/Berlin",
    "bst": "Europe/London",
    "est": "America/New_York",
    "edt": "America/New_York",
    "cdt": "America/Chicago",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "aest": "Australia/Sydney",
    "jst": "Asia/Tokyo",
}
"""Abbreviations that people write, and the zone that they mostly mean."""
_UNITS = {"second": "s", "minute": "min", "hour": "h"}
_SHORT_NAMES = tuple(name.lower() for name in WEEKDAYS)
_HALVES_OF_A_DAY = ("am", "pm", "a.m.", "p.m.")
MOST_TIMES = 48  # of one schedule on one day
EVERY_MONTH_HAS = 28  # days
_INSTANTS = "'Tue 21:30', 'day 9 02:47:12', '2 h 5 min' (after the start) or '2026-01-06 21:30'"


# ---- the same for editors, which know regular expressions only
def _in_any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter.lower()}]" for letter in word)


_EDITOR_DAY = "|".join(
    f"{_in_any_case(full[:3])}({_in_any_case(full[3:])})?"
    for full in _FULL_NAMES
)
_EDITOR_MONTHS = "|".join(map(_in_any_case, MONTHS))
_EDITOR_DAYS = rf"({_EDITOR_DAY})(\s*-\s*({_EDITOR_DAY}))?"
_EDITOR_TIME = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_EDITOR_AND = r"(\s*,\s*|\s+and\s+)"
_EDITOR_TIMES = (
    rf"{_EDITOR_TIME}({_EDITOR_AND}{_EDITOR_TIME})*(\s+[A-Za-z]\S*)?"
)
_EDITOR_WEEK = rf"{_EDITOR_DAYS}({_EDITOR_AND}{_EDITOR_DAYS})*"
_EDITOR_MONTH = (
    r"((day\s+)?(0?[1-9]|1\d|2[0-8])(st|nd|rd|th)?|last day|"
    rf"(first|second|third|fourth|last)\s+({_EDITOR_DAY}))"
)
_EDITOR_CALENDAR = (
    rf"(daily\s+|(weekly\s+)?{_EDITOR_WEEK}\s+|monthly\s+{_EDITOR_MONTH}\s+)"
    rf"{_EDITOR_TIMES}"
)
SCHEDULE_PATTERN = rf"^\s*(none|every\s+\d.*|{_EDITOR_CALENDAR})\s*$"
RECURRENCE_PATTERN = rf"^\s*((every\s+)?\d.*|{_EDITOR_CALENDAR})\s*$"
INSTANT_PATTERN = (
    rf"^\s*((({_EDITOR_DAY})(\s+\d{{1,2}}\s+({_EDITOR_MONTHS})[a-z]*)?|[Dd]ay\s+[1-9]\d*)"
    rf"\s+{_EDITOR_TIME}(\s+[A-Za-z]\S*)?"
    r"|\d{4}-\d\d-\d\d.*|\d[\d.,]*\s*[A-Za-zµ].*)\s*$"
)
SHORTEST_INTERVAL_US = units.SECOND_US
_LONGEST = 120
LAST_DAY = 40_000  # a hundred years and more
FIRST_YEAR, LAST_YEAR = 1970, 2200


def zone(name: str) -> zoneinfo.ZoneInfo:
    """A named zone; raises UnitError with the nearest name."""
    if name.lower() in _HALVES_OF_A_DAY:
        raise UnitError(
            f"{name!r} means nothing here; write 24 hours a day, as in 14:05"
        )
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        by_lower = {
            known.lower(): known
            for known in sorted(zoneinfo.available_timezones())
        }
        usual = _ZONES.get(name.lower())
        near = difflib.get_close_matches(
            name.lower(), list(by_lower), 1, 0.6
        )
        hint = (
            f"write a place, as in {usual!r}"
            if usual
            else f"did you mean {by_lower[near[0]]!r}?"
            if near
            else "write one such as Europe/Berlin or UTC"
        )
        raise UnitError(
            f"unknown time zone {name[:60]!r}; {hint}"
        ) from None


def parse_schedule(text: str) -> Schedule:
    """The schedules named in _SCHEDULES; zone '' if none is written. Raises UnitError."""
    text = text.strip()
    if text == "none":
        return Schedule("none", zone="")
    if match := _EVERY_DAY.fullmatch(text):
        raise UnitError(
            f"{text[:60]!r} is not a schedule; write {_meant_days(match)}"
        )
    if match := _EVERY.fullmatch(text):
        interval_us = bounds.duration(match[1])
        offset_us = bounds.duration(match[2]) if match[2] else 0
        if interval_us < SHORTEST_INTERVAL_US:
            raise UnitError(
                f"{text!r}: an interval is at least 1 s; write none for no such backups"
            )
        if offset_us >= interval_us:
            raise UnitError(
                f"{text!r}: the offset must be shorter than the interval"
            )
        return Schedule(
            "every", interval_us=interval_us, offset_us=offset_us, zone=""
        )
    match = _CALENDAR.fullmatch(text)
    if match is None or not (match["word"] or match["days"]):
        raise UnitError(
            f"{text[:60]!r} is not a schedule; write {_meant_schedule(text)}"
        )
    return _on_calendar(match, text)


def _meant_schedule(text: str) -> str:
    """Return what to write instead, by what people know from other tools."""
    if _CRON.fullmatch(text):
        return f"it in words, not as cron does: {_SCHEDULES}"
    if _is_interval(text):
        return f"'every {text}'"
    return _HABITS.get(text.lower(), _SCHEDULES)


def _meant_days(match: re.Match[str]) -> str:
    """Return what to write for 'every day 01:00', 'every Sunday', 'every month'."""
    word, times = match[1].lower(), match[2] or "01:00"
    if word in _DAILY:
        return repr(f"{_DAILY[word]} {times}")
    if word in _UNITS:
        return repr(f"every 1 {_UNITS[word]}")
    day = difflib.get_close_matches(
        word, [*_FULL_NAMES, *_SHORT_NAMES], 1, 0.7
    )
    if day:
        return repr(f"weekly {day[0][:3].capitalize()} {times}")
    return _SCHEDULES


def _is_interval(text: str) -> bool:
    try:
        return units.parse_duration(text) > 0
    except UnitError:
        return False


def _on_calendar(match: re.Match[str], text: str) -> Schedule:
    word, days = match["word"] or "weekly", match["days"]
    times_us = _times_of_day(match["times"], text)
    zone_name = _zone_name(match["zone"])
    if word == "daily" and not days:
        return Schedule("daily", times_us=times_us, zone=zone_name)
    if word == "weekly" and days:
        return Schedule(
            "weekly",
            weekdays=_weekdays(days),
            times_us=times_us,
            zone=zone_name,
        )
    if word == "monthly" and days:
        month_day, nth, weekdays = _day_of_month(days)
        return Schedule(
            "monthly",
            weekdays=weekdays,
            times_us=times_us,
            month_day=month_day,
            nth=nth,
            zone=zone_name,
        )
    raise UnitError(f"{text[:60]!r} is not a schedule; write {_SCHEDULES}")


def _times_of_day(words: str, text: str) -> tuple[int, ...]:
    times = []
    for word in re.split(_AND, words):
        match = _TIME_OF_DAY.fullmatch(word)
        assert match is not None
        times.append(_time_us(match, 1))
    if len(set(times)) < len(times):
        raise UnitError(
            f"{text[:60]!r}: one time stands there twice; leave one out"
        )
    if len(times) > MOST_TIMES:
        raise UnitError(
            f"{text[:60]!r}: at most {MOST_TIMES} times a day; write for example 'every 15 min'"
        )
    return tuple(sorted(times))


def _weekdays(words: str) -> tuple[int, ...]:
    """Days of the week, as in 'Mon-Fri', 'Sat and Sun', 'Mon, Wed'."""
    found: set[int] = set()
    for part in re.split(_AND, words):
        first, dash, last = (word.strip() for word in part.partition("-"))
        begin = _weekday(first)
        end = _weekday(last) if dash else begin
        days = {(begin + i) % 7 for i in range((end - begin) % 7 + 1)}
        if found & days:
            raise UnitError(
                f"{words[:60]!r}: one day stands there twice; leave one out"
            )
        found |= days
    return tuple(sorted(found))


def _day_of_month(words: str) -> tuple[int, int, tuple[int, ...]]:
    """(day of the month, which of a weekday, that weekday)."""
    if words == "last day":
        return LAST, 0, ()
    if match := _MONTH_DAY.fullmatch(words):
        day = int(match[1])
        if not 1 <= day <= EVERY_MONTH_HAS:
            raise UnitError(
                f"'monthly {words}': not every month has that day; write a day from 1 to "
                f"{EVERY_MONTH_HAS}, or 'monthly last day'"
            )
        return day, 0, ()
    if match := _NTH_WEEKDAY.fullmatch(words):
        nth = LAST if match[1] == "last" else _NTH.index(match[1]) + 1
        return 0, nth, (_weekday(match[2]),)
    raise UnitError(
        f"'monthly {words[:40]}' is no day of a month; write {_MONTH_DAYS}"
    )


def parse_recurrence(text: str) -> Schedule:
    """A schedule of something that happens again and again; 'every' may be left out, as in
    '6 h'. Raises UnitError.
    """
    try:
        bounds.duration(text)
    except UnitError:
        found = parse_schedule(text)
    else:
        found = parse_schedule(f"every {text.strip()}")
    if found.kind == "none":
        raise UnitError(
            "none: leave the event out, or write how often it happens"
        )
    return found


@dataclass(frozen=True, slots=True)
class Instant:
    """When something happens, before the start is known. kind: 'offset', 'weekday', 'day',
    'date', 'shown' (the first such day of a month from the start on).
    """

    kind: str
    us: int = 0  # since the start, or since local midnight
    number: int = 0  # weekday 0 = Monday, or day 1 = the start's date
    moment: datetime | None = None
    zone: str = ""
    month: tuple[int, int] = (0, 0)  # and the day in it

    def resolve(self, start_utc_us: int, default_zone: str) -> int:
        """Microseconds since the start; negative if it lies before it. Raises UnitError if out of
        the calendar.
        """
        if self.kind == "offset":
            return self.us
        tz = zone(self.zone or default_zone)
        if self.kind == "date":
            assert self.moment is not None
            return (
                to_utc_us(
                    self.moment
                    if self.moment.tzinfo
                    else self.moment.replace(tzinfo=tz)
                )
                - start_utc_us
            )
        start = (_EPOCH + timedelta(microseconds=start_utc_us)).astimezone(
            tz
        )
        if self.kind == "shown":
            return self._on(self._as_shown(start.date()), tz) - start_utc_us
        if self.kind == "day":
            return (
                self._on(start.date() + timedelta(days=self.number - 1), tz)
                - start_utc_us
            )
        ahead = (self.number - start.weekday()) % 7
        at_us = (
            self._on(start.date() + timedelta(days=ahead), tz)
            - start_utc_us
        )
        return (
            at_us
            if at_us >= 0
            else self._on(start.date() + timedelta(days=ahead + 7), tz)
            - start_utc_us
        )

    def _as_shown(self, start: date) -> date:
        """Return the first day from the start on that is that day of that month. Raises UnitError
        if it is another day of the week.
        """
        month, number = self.month
        for year in range(start.year, start.year + _LEAP_YEARS + 1):
            try:
                found = date(year, month, number)
            except ValueError:
                continue
            if found < start:
                continue
            if found.weekday() != self.number:
                raise UnitError(
                    f"{number} {MONTHS[month - 1]} {year} is a {found:%A}; write "
                    f"'{found:%a} {number} {MONTHS[month - 1]} ...', or the date as in "
                    f"'{found:%Y-%m-%d} 21:30'"
                )
            return found
        raise UnitError(f"there is no {number} {MONTHS[month - 1]}")

    def _on(self, day: date, tz: zoneinfo.ZoneInfo) -> int:
        return to_utc_us(
            datetime.combine(day, time()).replace(tzinfo=tz)
            + timedelta(microseconds=self.us)
        )


def parse_instant(text: str) -> Instant:
    """The instants named in _INSTANTS, local times with an optional zone behind them. Raises
    UnitError.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise UnitError(
            f"{text[:20]!r}... is too long for an instant; write {_INSTANTS}"
        )
    if match := _ON_DAY.fullmatch(text):
        day = int(match[1])
        if not 1 <= day <= LAST_DAY:
            raise UnitError(
                f"{text!r}: days count from 1, the date of the start, to {LAST_DAY}"
            )
        return Instant(
            "day",
            us=_time_us(match, 2),
            number=day,
            zone=_zone_name(match[6]),
        )
    if (match := _AS_SHOWN.fullmatch(text)) and match[1].lower() != "day":
        return Instant(
            "shown",
            us=_time_us(match, 4),
            number=_weekday(match[1]),
            zone=_zone_name(match[8]),
            month=(_month(match[3]), int(match[2])),
        )
    if match := _ON_WEEKDAY.fullmatch(text):
        return Instant(
            "weekday",
            us=_time_us(match, 2),
            number=_weekday(match[1]),
            zone=_zone_name(match[6]),
        )
    if re.match(r"\d{4}-", text) or _DAY_FIRST.fullmatch(text):
        return Instant("date", moment=parse_moment(text))
    if re.match(r"\d+:\d", text):
        raise UnitError(
            f"{text[:60]!r} does not say which day; write {_INSTANTS}"
        )
    try:
        return Instant("offset", us=bounds.duration(text))
    except UnitError as error:
        if re.match(r"[+-]?\d", text):
            raise
        raise UnitError(
            f"{text[:60]!r} is not an instant; write {_INSTANTS}"
        ) from error


def parse_moment(text: str) -> datetime:
    """'2026-01-05', '2026-01-05 08:00', '2026-01-05T08:00:00Z' -> naive (local) or aware. Raises
    UnitError.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        right = _year_first(text.strip())
        if not right:
            right = "for example 2026-01-05 or '2026-01-05 08:00'"
        raise UnitError(
            f"{text[:60]!r} is not a date; write {right}"
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise UnitError(
            f"{text[:60]!r}: write a year from {FIRST_YEAR} to {LAST_YEAR}"
        )
    return moment


def _year_first(text: str) -> str:
    """Return a date with the year first, both if day and month can be told apart no more; '' if the
    text is none.
    """
    match = _DAY_FIRST.fullmatch(text)
    if match is None:
        return ""
    one, between, two = int(match[1]), match[2], int(match[3])
    year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
    clock = ""
    if match[5]:
        is_later = "pm" in (match[7] or "").lower() and int(match[5]) < 12
        clock = f" {int(match[5]) + 12 * is_later:02}:{match[6]}"
    orders = [(two, one)] if between == "." else [(two, one), (one, two)]
    orders = [(month, day) for month, day in orders if 1 <= month <= 12]
    found = [
        f"'{year}-{month:02}-{day:02}{clock}'" for month, day in orders
    ]
    return " or ".join(dict.fromkeys(found))


def to_utc_us(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware instant."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def _weekday(word: str) -> int:
    for number, (short, full) in enumerate(
        zip(WEEKDAYS, _FULL_NAMES, strict=True)
    ):
        if word.lower() in (short.lower(), full):
            return number
    if several := _SEVERAL_DAYS.get(word.lower().split(" ")[0]):
        raise UnitError(
            f"{word[:20]!r} is no day of the week; write {several}"
        )
    near = difflib.get_close_matches(
        word.capitalize()[:3], WEEKDAYS, 1, 0.6
    )
    if (
        word[:2].lower() in _GERMAN_DAYS
        and word.lower() not in _SHORT_NAMES
    ):
        german = _GERMAN_DAYS.index(word[:2].lower())
        is_german = len(word) == 2 or word.lower().endswith(("tag", "woch"))
        near = [WEEKDAYS[german]] if is_german else near
    raise UnitError(
        f"{word[:20]!r} is no day of the week; "
        + (
            f"did you mean {near[0]}?"
            if near
            else "write " + ", ".join(WEEKDAYS)
        )
    )


def _month(word: str) -> int:
    """Return the number of a month, January as 1, by its name or the first three letters."""
    short = word[:3].capitalize()
    if short not in MONTHS:
        raise UnitError(
            f"{word[:20]!r} is no month; write {', '.join(MONTHS)}"
        )
    return MONTHS.index(short) + 1


def _time_us(match: re.Match[str], first: int) -> int:
    hour, minute, second = (
        int(match[first]),
        int(match[first + 1]),
        int(match[first + 2] or 0),
    )
    if hour > 23 or minute > 59 or second > 59:
        raise UnitError(
            f"{match[0]!r}: a time of day runs from 00:00 to 23:59:59"
        )
    decimals = (match[first + 3] or ".0")[1:].ljust(6, "0")
    return ((hour * 60 + minute) * 60 + second) * units.SECOND_US + int(
        decimals
    )


def _zone_name(name: str | None) -> str:
    return zone(name).key if name else ""
