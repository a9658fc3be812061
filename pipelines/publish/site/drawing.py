"""Pictures as figures: the time line of versions, and bars of changes per month.

Belongs here: places and lengths, in percent of the width, so that a picture fits any screen and its letters stay their size.
Not here: lines and colours (templates, style).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pipelines.changes.summary import in_words
from schemas.events import Family
from schemas.record import APPROVED, IN_DEVELOPMENT

Row = Mapping[str, Any]
FAMILIES: Final[Mapping[Family, str]] = {
    "lifecycle": "Versions and starts",
    "content": "Knowledge, skills, behaviours, duties",
    "attribute": "Funding, training and other facts",
    "notice": "Notices",
}
_TICKS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The window in which starts on a version are possible; `kind` is live, coming or over."""

    version: str
    kind: str
    left: float
    width: float
    is_open: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Versions on one scale, with the years; those without dates are only named."""

    bars: tuple[Bar, ...]
    years: tuple[tuple[float, int], ...]
    undated: tuple[Row, ...]


def timeline(versions: Sequence[Row], last_year: int) -> Timeline | None:
    """The start windows of a standard's versions, drawn to scale; an open end runs to the end of the picture.

    `last_year` is the year of the last look, the least the picture reaches to. None where no version has a date.
    """
    dated = [row for row in versions if row["earliest_start_on"]]
    if not dated:
        return None
    ends = [day for row in dated for day in (row["earliest_start_on"], row["latest_start_on"]) if day]
    first = date(min(row["earliest_start_on"] for row in dated).year, 1, 1)
    last = date(max(last_year, *(day.year for day in ends)) + 1, 1, 1)
    length = (last - first).days

    def at(day: date) -> float:
        return round(100 * (day - first).days / length, 2)

    step = -(-(last.year - first.year) // _TICKS)
    return Timeline(
        bars=tuple(_bar(row, at) for row in dated),
        years=tuple((at(date(year, 1, 1)), year) for year in range(first.year, last.year, step)),
        undated=tuple(row for row in versions if not row["earliest_start_on"]),
    )


def _bar(row: Row, at: Any) -> Bar:
    start, end = row["earliest_start_on"], row["latest_start_on"]
    left = at(start)
    right = max(at(end), left) if end else 100.0
    kind = {APPROVED: "live", IN_DEVELOPMENT: "coming"}.get(row["status"], "over")
    window = f"{in_words(start)} to {in_words(end)}" if end else f"from {in_words(start)}"
    return Bar(version=row["version"], kind=kind, left=left, width=round(max(right - left, 0.6), 2), is_open=end is None, words=window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The changes of a month: of each family how many, and where its part of the bar lies."""

    month: date
    total: int
    parts: tuple[tuple[Family, int, float, float], ...]


def months(rows: Iterable[Row], most: int) -> list[Month]:
    """The newest months, newest first, with bars on one scale. A month without a change between two others is there too."""
    counts: dict[date, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row["month"], {})[row["family"]] = row["changes"]
    if not counts:
        return []
    shown = list(_every_month(min(counts), max(counts)))[-most:]
    top = max(sum(counts.get(day, {}).values()) for day in shown) or 1
    return [_month(day, counts.get(day, {}), top) for day in reversed(shown)]


def _every_month(first: date, last: date) -> Iterable[date]:
    day = first
    while day <= last:
        yield day
        day = date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _month(day: date, counts: Mapping[str, int], top: int) -> Month:
    parts, left = [], 0.0
    for family in FAMILIES:
        width = 100 * counts.get(family, 0) / top
        parts.append((family, counts.get(family, 0), round(left, 2), round(width, 2)))
        left += width
    return Month(month=day, total=sum(counts.values()), parts=tuple(parts))
