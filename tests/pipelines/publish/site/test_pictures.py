"""What is drawn or laid out: time lines, months, the mapping, pairs of versions, days to come, facts."""

import csv
import io
from datetime import date, datetime
from typing import Any

import pytest
from icalendar import Calendar

from pipelines.publish.site import addresses, comparing, drawing, mapping, upcoming
from pipelines.publish.site.rendering import web
from pipelines.publish.site.sheets import as_csv
from schemas.record import APPROVED, IN_DEVELOPMENT, RETIRED, WITHDRAWN, Content, Duty, Ksb


def version(number: str, status: str, first: date | None = None, last: date | None = None, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "reference": "ST0001",
        "version": number,
        "status": status,
        "title": "Baker",
        "earliest_start_on": first,
        "latest_start_on": last,
        "is_missing": False,
        "page_url": None,
        "seen_from_at": datetime(2026, 1, 1),  # noqa: DTZ001 - naive UTC, as stored
    }
    return row | more


OLD = version("1.0", RETIRED, date(2020, 1, 1), date(2023, 12, 31))
LIVE = version("1.1", APPROVED, date(2024, 1, 1), date(2026, 12, 31))
NEXT = version("2.0", IN_DEVELOPMENT, date(2027, 1, 1))


def test_a_time_line_is_to_scale() -> None:
    picture = drawing.timeline([OLD, LIVE, NEXT, version("2.1", WITHDRAWN)], 2026)
    assert picture is not None
    old, live, coming = picture.bars
    assert [old.left, live.left, coming.left] == pytest.approx([0, 50, 87.5], abs=0.1)
    assert old.left + old.width == pytest.approx(live.left, abs=0.1)
    assert (coming.is_open, coming.left + coming.width) == (True, 100.0)
    assert [bar.kind for bar in picture.bars] == ["over", "live", "coming"]
    assert [year for _, year in picture.years] == [2020, 2022, 2024, 2026]
    assert [row["version"] for row in picture.undated] == ["2.1"]
    assert drawing.timeline([version("0.0", WITHDRAWN)], 2026) is None


def test_months_share_one_scale_and_none_is_left_out() -> None:
    rows = [
        {"month": date(2025, 12, 1), "family": "content", "changes": 10},
        {"month": date(2026, 2, 1), "family": "content", "changes": 2},
        {"month": date(2026, 2, 1), "family": "notice", "changes": 3},
    ]
    found = drawing.months(rows, 12)
    assert [(one.month, one.total) for one in found] == [(date(2026, 2, 1), 5), (date(2026, 1, 1), 0), (date(2025, 12, 1), 10)]
    assert [part[1:] for part in found[0].parts if part[1]] == [(2, 0.0, 20.0), (3, 20.0, 30.0)]
    assert len(drawing.months(rows, 2)) == 2
    assert drawing.months([], 12) == []


def test_the_grid_says_what_carries_most_and_what_nothing_needs() -> None:
    content = Content(
        ksbs=(Ksb(kind="K", position=1, text="a"), Ksb(kind="K", position=2, text="b"), Ksb(kind="S", position=1, text="c")),
        duties=(Duty(number=1, text="x", codes=("K1", "S1")), Duty(number=2, text="y", codes=("K1",))),
    )
    found = mapping.grid(content)
    assert found is not None
    assert [(row.ksb.code, row.cells, row.duties) for row in found.rows] == [
        ("K1", (True, True), 2),
        ("K2", (False, False), 0),
        ("S1", (True, False), 1),
    ]
    assert found.most == "K1 carries the most: 2 duties of 2."
    assert found.unmapped == "No duty needs K2."
    assert mapping.grid(Content(ksbs=content.ksbs)) is None


def test_pairs_are_those_a_cohort_moves_between() -> None:
    versions = [OLD, version("1.1", RETIRED), version("1.2", WITHDRAWN), version("1.3", APPROVED), NEXT]
    found = [(old["version"], new["version"]) for old, new in comparing.pairs(versions)]
    assert found == [("1.3", "2.0"), ("1.2", "1.3"), ("1.1", "1.3"), ("1.0", "1.3"), ("1.1", "1.2"), ("1.0", "1.1")]
    assert comparing.pairs([OLD]) == []


def test_days_to_come_know_who_takes_over() -> None:
    found = upcoming.dates(
        [[OLD, LIVE, NEXT], [version("1.0", APPROVED, date(2020, 1, 1), date(2026, 11, 1), reference="ST0002")]], date(2026, 8, 1)
    )
    assert [(one.day, one.reference, one.kind) for one in found] == [
        (date(2026, 11, 1), "ST0002", "closing"),
        (date(2026, 12, 31), "ST0001", "last"),
        (date(2027, 1, 1), "ST0001", "first"),
    ]
    assert found[1].note == "Version 2.0 takes over on 1 January 2027."
    assert found[2].note == "It takes over from version 1.1."
    sheets = upcoming.months(found, date(2026, 11, 20))
    assert [sheet.first for sheet in sheets] == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
    assert [len(sheet.dates) for sheet in sheets] == [1, 1, 1]
    assert all(len(week) == 7 for sheet in sheets for week in sheet.weeks)


def test_a_day_that_is_moved_keeps_its_id_and_text_stays_text_in_the_calendar() -> None:
    title = "Baker;X-EVIL:1\r\nEND:VEVENT, and more"
    one, other = (
        upcoming.as_calendar(upcoming.dates([[version("1.0", APPROVED, day, title=title)]], date(2026, 1, 1)))
        for day in (date(2026, 9, 1), date(2026, 9, 8))
    )
    (first,), (later,) = (Calendar.from_ical(raw).walk("VEVENT") for raw in (one, other))
    assert first["UID"] == later["UID"]
    assert (first.decoded("DTSTART"), later.decoded("DTSTART")) == (date(2026, 9, 1), date(2026, 9, 8))
    assert "X-EVIL" not in first


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("http://example.org", "http://example.org"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.org/x", None),
        ("https://[", None),
        ("", None),
        (None, None),
    ],
)
def test_only_addresses_of_the_web_become_links(address: str | None, link: str | None) -> None:
    assert web(address) == link


def test_a_sheet_runs_no_formula() -> None:
    text = as_csv(("a", "b"), [{"a": "=1+1", "b": -3}, {"a": 'é, "x"', "b": ["y", "z"]}])
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff")))) == [["a", "b"], ["'=1+1", "-3"], ['é, "x"', "y; z"]]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Health and science", "health-and-science"),
        ("Legal, finance", "legal-finance"),
        ("../../etc", "etc"),
        (None, "none"),
        ("…", "none"),
    ],
)
def test_a_route_s_name_is_no_path(name: str | None, slug: str) -> None:
    assert addresses.route(name) == f"routes/{slug}.html"
