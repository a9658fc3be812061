"""What a message says, and that untrusted words stay words."""

import json
import re
from typing import Any

import pytest
from pydantic import TypeAdapter

from pipelines.alerts.messages import Message, Payload, as_brief, as_html, as_json, as_text, digest_lead, subject_of
from pipelines.alerts.sample import sample_message
from pipelines.changes.telling import sections
from tests.pipelines.alerts.conftest import change
from tests.watching import night

HOSTILE = '<script>alert("1")</script> & [link](javascript:x) \x00\x0b\u2028 {{ 7*7 }} Bcc: all@example.org\r\nSubject: gone'


def row(reference: str = "ST9001", **told: Any) -> dict[str, Any]:
    known = {"detected_at": night(1), "route": "Digital", "level": 3, "page_url": f"https://example.org/{reference.lower()}"}
    return change(reference, **(known | told))


def reworded(**told: Any) -> dict[str, Any]:
    return row(
        family="content",
        event="ksb_reworded",
        subject="K8",
        before="Plan the work for the day.",
        after="Plan and document the work for the week.",
        rule="R-CONTENT",
        is_declared=False,
        summary="K8 reworded. Edited in place: no version, date or change note moved.",
        **told,
    )


def message(*rows: dict[str, Any], crosswalks: Any = ()) -> Message:
    told = tuple(sections(rows, crosswalks))
    return Message(
        message_id="0" * 32,
        kind="standard" if len(told) == 1 else "digest",
        subject=subject_of(told, "immediate"),
        at=night(1),
        lead=digest_lead(told) if len(told) > 1 else (),
        sections=told,
        subscriptions=("ours",),
        public_url="https://standards.example.org/",
    )


def walk(relation: str, old: str | None, new: str | None, before: str | None, after: str | None) -> dict[str, Any]:
    return {
        "reference": "ST9001",
        "from_version": "1.0",
        "to_version": "1.1",
        "kind": (old or new or "")[0],
        "from_code": old,
        "to_code": new,
        "relation": relation,
        "similarity": None,
        "from_text": before,
        "to_text": after,
    }


def test_plain_text_shows_deletions_and_insertions_and_says_how() -> None:
    text = as_text(message(reworded()))
    assert "Plan{+ and document+} the work for the [-day-]{+week+}." in text
    assert "[-words-] were taken out, {+words+} were put in." in text


def test_all_that_a_person_needs_is_in_it() -> None:
    flat = " ".join(as_text(message(reworded())).split())
    for said in (
        "ST9001 Tidal turbine technician",
        "Route: Digital. Level 3",
        "REVISION · version 1.0 · silent: the publisher said nothing · seen 1 March 2026",
        "Rule R-CONTENT: What is learnt changes: an item, a duty, an option or a link between them.",
        "The publisher's page: https://example.org/st9001",
        "https://standards.example.org/standards/ST9001/",
        "You get this for: ours.",
        "Open Government Licence v3.0",
    ):
        assert said in flat


def test_what_a_new_version_changes_is_told_with_its_words() -> None:
    live = row(version="1.1", family="lifecycle", event="version_live", rule="R-IN-FORCE", summary="Version 1.1 takes over.")
    rows = [
        walk("unchanged", "K1", "K1", "Same", "Same"),
        walk("relabelled", "K3", "K2", "Moved up", "Moved up"),
        walk("removed", "K2", None, "Gone", None),
        walk("added", None, "S9", None, "New thing"),
        walk("reworded", "S1", "S2", "Do it well", "Do it very well"),
    ]
    text = as_text(message(live, crosswalks=rows))
    assert "What 1.1 changes against 1.0: 1 added, 1 removed, 1 reworded, 1 renumbered, 1\nunchanged." in text
    assert "K2 removed: [-Gone-]" in text
    assert "S9 added: {+New thing+}" in text
    assert "S1 → S2 reworded: Do it {+very +}well" in text
    assert "Same" not in text


def test_the_gravest_change_leads_and_what_moved_along_is_one_line() -> None:
    renumbered = [
        row(
            family="content",
            event="ksb_relabelled",
            subject=f"S{n}",
            before=f"S{n + 1}",
            after=f"S{n}",
            severity="none",
            rule="R-LABEL",
            summary=f"S{n + 1} is now S{n}.",
        )
        for n in (7, 8, 9)
    ]
    (section,) = sections([*renumbered, reworded()])
    assert [entry.summary for entry in section.entries] == ["K8 reworded.", "3 skills renumbered with the same words (S8 to S10)."]
    assert len(section.entries[1].change_ids) == 3
    assert section.headline == "K8 reworded (and 1 more)"


def test_a_bulk_change_is_one_section_that_lists_the_standards() -> None:
    rows = [
        row(f"ST9{n:03}", subject="minimum_hours", before=None, after="326", summary="Minimum training hours: not set → 326.")
        for n in range(150)
    ]
    bulk = message(*rows)
    (section,) = bulk.sections
    assert section.reference is None
    assert len(section.standards) == 150
    assert "150 versions of 150 standards" in bulk.subject
    assert "ST9007 1.0 Tidal turbine technician: not set → 326" in " ".join(as_text(bulk).split())
    assert "and 50 more" in as_text(bulk)


def test_a_long_text_is_told_around_its_changes_and_a_new_one_whole() -> None:
    long = "Every word of this stays as it was. " * 60
    (section,) = sections([reworded() | {"before": long + "Old end.", "after": long + "New end."}])
    assert sum(len(span.text) for span in section.entries[0].words) < 300
    (section,) = sections([reworded() | {"before": "Bake bread in the morning", "after": "Weld pipes under water at night"}])
    assert [(span.kind, span.text) for span in section.entries[0].words] == [
        ("removed", "Bake bread in the morning"),
        ("added", "Weld pipes under water at night"),
    ]


def test_untrusted_words_stay_words() -> None:
    hostile = message(
        reworded() | {"title": HOSTILE, "after": HOSTILE, "summary": HOSTILE, "page_url": "javascript:alert(1)", "route": HOSTILE}
    )
    page = as_html(hostile)
    assert "<script" not in page
    assert "javascript:alert" not in page
    assert 'href="javascript' not in page
    assert "7*7" in page
    assert "\x00" not in page
    assert "\n" not in hostile.subject
    assert "\r" not in hostile.subject
    assert json.loads(as_json(hostile))["sections"][0]["title"] == HOSTILE


def test_html_has_inline_styles_only_and_asks_nobody_for_anything() -> None:
    page = as_html(sample_message("me", night(1), None))
    assert "<style" not in page
    assert "class=" not in page
    assert not re.search(r"\s(?:src|srcset|background)=", page)


@pytest.mark.parametrize("count", [1, 40])
def test_a_chat_gets_no_more_than_it_takes(count: int) -> None:
    brief = as_brief(
        message(*(row(f"ST9{n:03}", summary="A sentence of some length about a change. " * 3, subject=f"K{n}") for n in range(count)))
    )
    assert len(brief) <= 1800
    assert brief.endswith("Skills England.")


def test_the_json_is_what_its_schema_says() -> None:
    payload = TypeAdapter(Payload).validate_json(as_json(message(reworded())))
    assert (payload.schema_version, payload.kind, payload.message_id) == (1, "standard", "0" * 32)
    assert payload.links == {"ST9001": "https://standards.example.org/standards/ST9001/"}
    assert payload.sections[0].entries[0].words[1].text == " and document"


@pytest.mark.parametrize(
    ("references", "subject"),
    [
        (["ST9001"], "Daily digest: ST9001 Tidal turbine technician: Maximum funding £5,000 → £6,000"),
        (["ST9001", "ST9002"], "Daily digest: 2 standards changed (ST9001, ST9002)"),
        (["ST9001", "ST9002", "ST9003", "ST9004", "ST9005"], "Daily digest: 5 standards changed (ST9001, ST9002, ST9003 and 2 more)"),
    ],
)
def test_the_subject_of_a_digest(references: list[str], subject: str) -> None:
    assert subject_of(sections([row(reference) for reference in references]), "daily") == subject


def test_a_subject_fits_a_line() -> None:
    assert len(subject_of(sections([row(title="Very long " * 40)]), "immediate")) <= 152
