"""One hand on many records is one piece of news."""

from datetime import datetime
from typing import Any

import pytest

from pipelines.changes.bulk import BULK, bulk
from pipelines.changes.summary import folded
from tests.watching import night


def row(number: int, event: str = "attribute_changed", subject: str | None = "minimum_hours", at: datetime | None = None) -> dict[str, Any]:
    return {
        "detected_at": at or night(1),
        "reference": f"ST{number:04d}",
        "version": "1.1",
        "event": event,
        "subject": subject,
        "rule": "R-TRAINING",
        "summary": "Minimum training hours not set → 326.",
    }


def test_the_same_field_in_many_standards_is_one_bulk_change() -> None:
    rows = [row(number) for number in range(BULK)]
    (many,), rest = bulk([*rows, row(1, subject="title")])
    assert (many.event, many.subject, many.standards, many.versions) == ("attribute_changed", "minimum_hours", BULK, BULK)
    assert [other["subject"] for other in rest] == ["title"]
    line = list(folded(rows))
    assert len(line) == 1
    assert line[0]["reference"] == f"{BULK} standards"
    assert f"{BULK} versions" in line[0]["summary"]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(number) for number in range(BULK - 1)], id="too few"),
        pytest.param([row(1) for _ in range(BULK)], id="one standard many times"),
        pytest.param([row(number, at=night(1 + number % 2)) for number in range(BULK)], id="over two looks"),
        pytest.param([row(number, subject=f"column_{number % 2}") for number in range(BULK)], id="different fields"),
        pytest.param([row(number, "version_live", None) for number in range(2 * BULK)], id="versions that go live on one day"),
    ],
)
def test_what_is_no_bulk_change(rows: list[dict[str, Any]]) -> None:
    assert bulk(rows) == ([], rows)


def test_codes_differ_from_standard_to_standard() -> None:
    (many,), _ = bulk([row(number, "core_flag_changed", f"Duty {number}") for number in range(BULK)])
    assert (many.event, many.subject) == ("core_flag_changed", None)
