"""What is told of a day's changes: headlines, leads, and which words stand beside each other."""

from datetime import date, datetime
from typing import Any

import pytest

from pipelines.changes.severity import RULES
from pipelines.changes.summary import SILENT
from pipelines.publish.site.stories import days, story
from schemas.events import EVENTS

SEEN = datetime(2026, 8, 14, 5)  # noqa: DTZ001 - naive UTC, as stored


def change(event: str, subject: str | None = None, rule: str = "R-CONTENT", **more: Any) -> dict[str, Any]:
    """A row of changes."""
    row: dict[str, Any] = {
        "change_id": f"{event}-{subject}-{more.get('version', '1.0')}-{more.get('reference', 'ST0001')}",
        "detected_at": SEEN,
        "reference": "ST0001",
        "version": "1.0",
        "title": "Baker",
        "family": EVENTS[event].family,
        "event": event,
        "subject": subject,
        "before": None,
        "after": None,
        "similarity": None,
        "severity": RULES[rule].severity,
        "rule": rule,
        "is_declared": True,
        "effective_on": None,
        "reverts": None,
        "sources": ["api"],
        "evidence_before": None,
        "evidence_after": None,
        "summary": f"{subject or event}.",
    }
    return row | more


def told(*rows: dict[str, Any], notes: dict[str, str | None] | None = None) -> Any:
    return story(list(rows), notes or {}, {}, {})


@pytest.mark.parametrize(
    ("rows", "headline"),
    [
        pytest.param(
            [
                change("ksb_removed", "K20", summary=f"K20 removed: words. {SILENT}", is_declared=False),
                change("ksb_removed", "S17", summary=f"S17 removed: words. {SILENT}", is_declared=False),
                change("ksb_relabelled", "S17", "R-LABEL"),
            ],
            "One knowledge item and one skill removed without notice",
            id="a silent removal",
        ),
        pytest.param(
            [change("ksb_reworded", "K1"), change("ksb_reworded", "K2"), change("duty_added", "Duty 3")],
            "Two knowledge items reworded, one duty added",
            id="several things",
        ),
        pytest.param(
            [change("version_live", rule="R-IN-FORCE", summary="Version 2.0 takes over on 12 August 2026: funding £1 → £2.")],
            "Version 2.0 takes over on 12 August 2026",
            id="a new version",
        ),
        pytest.param(
            [change("attribute_changed", "max_funding_gbp", "R-FUNDING", summary="Maximum funding £7,000 → £9,000.")],
            "Maximum funding £7,000 → £9,000",
            id="a fact",
        ),
        pytest.param([change("notice_changed", rule="R-NOTICE", summary="Notice taken down.")], "Notice taken down", id="a notice"),
    ],
)
def test_the_headline_is_the_gravest_news(rows: list[dict[str, Any]], headline: str) -> None:
    assert told(*rows).headline == headline


def test_a_silent_edit_is_explained_to_a_stranger() -> None:
    found = told(
        change("ksb_removed", "K20", summary=f"K20 removed: words. {SILENT}", is_declared=False),
        change("ksb_relabelled", "K20", "R-LABEL", before="K21", after="K20"),
    )
    assert found.is_silent
    assert "edited version 1.0 in place" in found.lead[0]
    assert "1 item kept its words but not its code" in found.lead[1]
    (chapter,) = found.chapters
    assert [entry.heading for entry in chapter.entries] == ["K20 removed"]
    assert [row["before"] for row in chapter.renumbered] == ["K21"]


def test_old_and_new_words_stand_beside_each_other_whole() -> None:
    (chapter,) = told(change("ksb_reworded", "K1", before="Use simple hand tools.", after="Use safe hand tools.")).chapters
    (entry,) = chapter.entries
    assert "".join(span.text for span in entry.left) == "Use simple hand tools."
    assert "".join(span.text for span in entry.right) == "Use safe hand tools."
    assert {span.kind for span in entry.left} == {"same", "removed"}


def test_a_quoted_text_stands_once_and_what_the_publisher_claims_stays() -> None:
    text = "End-to-end production workflow from pre-production to distribution."
    claim = "The publisher's note says only “Funding revised”, yet the content changed."
    (chapter,) = told(change("ksb_removed", "K20", before=text, summary=f"K20 removed (a duplicate of K11): {text} {claim}")).chapters
    assert chapter.entries[0].summary == f"K20 removed (a duplicate of K11). {claim}"


def test_the_newer_version_comes_first_and_what_it_takes_back_is_linked() -> None:
    rows = [
        change("version_retired", rule="R-IN-FORCE", version="1.9"),
        change("version_live", rule="R-IN-FORCE", version="1.10", reverts="abc"),
    ]
    found = story(rows, {}, {"abc": date(2026, 8, 1)}, {})
    assert [chapter.version for chapter in found.chapters] == ["1.10", "1.9"]
    assert found.chapters[0].entries[0].reverts == "standards/ST0001/2026-08-01.html#abc"


def test_a_day_tells_what_many_did_once_and_the_gravest_first() -> None:
    hours = [
        change(
            "attribute_changed", "minimum_hours", "R-TRAINING", reference=f"ST{number:04}", summary="Minimum training hours: not set → 3."
        )
        for number in range(1, 25)
    ]
    rows = [*hours, change("ksb_reworded", "K1", "R-CASE", reference="ST0100"), change("ksb_added", "K1", reference="ST0200")]
    (day,) = days(rows)
    assert (day.changes, day.standards) == (26, 26)
    assert [(item.reference, len(item.members)) for item in day.items] == [(None, 24), ("ST0200", 0), ("ST0100", 0)]
    assert day.items[1].address == "standards/ST0200/2026-08-14.html"
