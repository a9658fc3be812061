"""What is coming: days that the publisher has set and that have not come yet.

Belongs here: first and last days for starts, as a list, as months and as a calendar feed. Not here: what is only said in a notice.
"""

import calendar
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from icalendar import Calendar, Event

from pipelines.changes.summary import in_words
from pipelines.diff import ATTRIBUTION
from pipelines.publish.site import addresses
from pipelines.publish.site.comparing import previous
from pipelines.publish.site.rendering import web
from schemas.record import APPROVED, IN_DEVELOPMENT

Row = Mapping[str, Any]
Kind = Literal["first", "last", "closing"]
KIND_WORDS: Final[Mapping[Kind, str]] = {"first": "First starts", "last": "Last starts", "closing": "Closes to starts"}
# A calendar that asks seldom keeps what has just passed.
_KEPT: Final = timedelta(days=31)
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Date:
    """A day that is set for a version."""

    day: date
    kind: Kind
    reference: str
    version: str
    title: str
    words: str
    note: str
    first_seen_at: datetime
    page_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month as weeks from Monday; a day outside of the month is None, one inside has its dates."""

    first: date
    weeks: tuple[tuple[tuple[date, tuple[Date, ...]] | None, ...], ...]
    dates: tuple[Date, ...]


def dates(standards: Iterable[Sequence[Row]], since: date) -> list[Date]:
    """Every first and last day for starts from a day on, of versions in force or in development; in their order."""
    found = [one for versions in standards for one in _dates([row for row in versions if not row["is_missing"]]) if one.day >= since]
    return sorted(found, key=lambda one: (one.day, one.reference, one.version))


def _dates(versions: Sequence[Row]) -> Iterator[Date]:
    for index, row in enumerate(versions):
        if row["status"] not in (APPROVED, IN_DEVELOPMENT):
            continue
        first, last = row["earliest_start_on"], row["latest_start_on"]
        if first:
            before = previous(versions[:index])
            note = f"It takes over from version {before['version']}." if before else "It is the first version of this standard."
            yield _date(row, first, "first", f"First day for starts on version {row['version']}", note)
        if last:
            heirs = [
                other
                for other in versions
                if other["status"] in (APPROVED, IN_DEVELOPMENT) and (other["earliest_start_on"] or date.min) > last
            ]
            if heirs:
                note = f"Version {heirs[0]['version']} takes over on {in_words(heirs[0]['earliest_start_on'])}."
            else:
                note = "No later version has a date: the standard closes to new starts."
            yield _date(row, last, "last" if heirs else "closing", f"Last day for starts on version {row['version']}", note)


def _date(row: Row, day: date, kind: Kind, words: str, note: str) -> Date:
    return Date(
        day=day,
        kind=kind,
        reference=row["reference"],
        version=row["version"],
        title=row["title"],
        words=words,
        note=note,
        first_seen_at=row["seen_from_at"],
        page_url=web(row["page_url"]),
    )


def months(every: Sequence[Date], today: date) -> list[Month]:
    """Calendar sheets from this month to the last one with a date, at most twelve."""
    if not every:
        return []
    count = min((every[-1].day.year - today.year) * 12 + every[-1].day.month - today.month + 1, _MONTHS)
    firsts = [date(today.year + (today.month - 1 + n) // 12, (today.month - 1 + n) % 12 + 1, 1) for n in range(count)]
    return [_month(first, [one for one in every if (one.day.year, one.day.month) == (first.year, first.month)]) for first in firsts]


def _month(first: date, every: Sequence[Date]) -> Month:
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return Month(
        first=first,
        weeks=tuple(
            tuple((day, tuple(one for one in every if one.day == day)) if day.month == first.month else None for day in week)
            for week in weeks
        ),
        dates=tuple(every),
    )


def as_calendar(every: Iterable[Date]) -> bytes:
    """The dates as iCalendar: all-day events whose ids survive when a day is moved."""
    sheet = Calendar()
    sheet.add("prodid", "-//Standards Watch//Coming up//EN")
    sheet.add("version", "2.0")
    sheet.add("method", "PUBLISH")
    sheet.add("x-wr-calname", "Occupational standards: first and last starts")
    sheet.add("x-wr-caldesc", ATTRIBUTION)
    for one in every:
        event = Event()
        # The id names which day it is, not when: a calendar moves the event along.
        event.add("uid", f"{one.reference}-{one.version}-{'first' if one.kind == 'first' else 'last'}-start@standards-watch")
        event.add("dtstamp", one.first_seen_at.replace(tzinfo=None), parameters={"VALUE": "DATE-TIME"})
        event.add("dtstart", one.day)
        event.add("dtend", one.day + timedelta(days=1))
        event.add("transp", "TRANSPARENT")
        event.add("summary", f"{one.reference} {one.title}: {one.words}")
        event.add("description", f"{one.note} Standards Watch: {addresses.standard(one.reference)}")
        event.add("categories", [KIND_WORDS[one.kind]])
        if one.page_url:
            event.add("url", one.page_url)
        sheet.add_component(event)
    return bytes(sheet.to_ical())


def kept_since(today: date) -> date:
    """The first day that the calendar feed still holds."""
    return today - _KEPT
