"""A standard's own page: read by its words, alike in any mark-up, and refused where it does not say enough."""

import importlib.util
import json
import lzma
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.record import Content, Duty, Kind, Ksb, Record
from schemas.text import duty_text, ksb_text, plain
from scrapers import api, occupation, page
from scrapers.notice import notice_text
from scrapers.prose import prose_text
from scrapers.reading import ParseError, Reading
from tests.skins import SKINS, Facts, Paragraphs, Skin, Tables, render

PAGES = Path(__file__).parents[1] / "pages"
CASES = sorted({path.stem for path in PAGES.iterdir() if path.suffix in (".html", ".json")})
SHARED = Path(__file__).parents[2].parent / "shared"
EVERY_SKIN = [pytest.param(skin, id=skin.name) for skin in SKINS]

PANEL = (
    ("Status", "Approved for delivery (available for starts)"),
    ("Reference", "ST9001"),
    ("Version", "1.1"),
    ("Level", "3"),
    ("Typical duration to gateway", "18 months"),
    ("Typical EPA period", "3 months"),
    ("Maximum funding", "£7000"),
    ("Route", "Transport and logistics"),
    ("Integration", "None"),
    ("Date updated", "05/04/2022"),
    ("Approved for delivery", "6 May 2018"),
    ("Lars code", "9154"),
    ("EQA provider", "Board of Lights"),
    ("Review", "this apprenticeship will be reviewed"),
)
LOG = (
    ("1.1", "Occupational standard revised", "16/05/2022", "Not set"),
    ("1.0", "Approved for delivery", "06/05/2018", "15/05/2022"),
)
FACTS = Facts(
    notices=("This apprenticeship has been retired", "Lamp oil changes on 1 March"),
    panel=PANEL,
    log=LOG,
    summary="<p>Lanterns are <b>kept</b> alight.</p><p>On quays.</p>",
    job_titles=("Wick trimmer", "Lamp lighter"),
    entry="<p>Employers decide.</p>",
    duties=(
        ("Duty 1", "Light the lanterns", "At dusk", (("K1", "K2"), ("S1",), ())),
        ("Duty 2", "Duty of care", "", ((), (), ("B1",))),
    ),
    ksbs={
        "Knowledge": (("K1", "Oils and wicks"), ("K2", "Tides")),
        "Skills": (("S1", "S355 steel brackets"),),
        "Behaviours": (("B1", "Calm in the dark"),),
    },
)
RECORD = Record(
    reference="ST9001",
    version="1.1",
    title="Lantern keeper",
    status="Approved for delivery",
    is_paused_for_starts=False,
    level=3,
    route="Transport and logistics",
    typical_duration_months=18,
    epa_period_months=3,
    max_funding_gbp=7000,
    lars_code=9154,
    eqa_provider="Board of Lights",
    changed_on=date(2022, 4, 5),
    approved_on=date(2018, 5, 6),
    change_note="Occupational standard revised",
    earliest_start_on=date(2022, 5, 16),
    notice="Lamp oil changes on 1 March",
    occupation_summary="Lanterns are kept alight. On quays.",
    entry_requirements="Employers decide.",
    job_titles=("Lamp lighter", "Wick trimmer"),
    content=Content(
        ksbs=(
            Ksb(kind="K", position=1, text="Oils and wicks"),
            Ksb(kind="K", position=2, text="Tides"),
            Ksb(kind="S", position=1, text="S355 steel brackets"),
            Ksb(kind="B", position=1, text="Calm in the dark"),
        ),
        duties=(
            Duty(number=1, text="Light the lanterns", criteria="At dusk", codes=("K1", "K2", "S1")),
            Duty(number=2, text="Duty of care", codes=("B1",)),
        ),
    ),
)


def parse(body: bytes) -> Reading:
    return page.parse(page.evidence(body))


def shown(skin: Skin, /, **changes: Any) -> bytes:
    """The page of the facts, some of them changed."""
    return render(replace(FACTS, **changes), skin)


def with_fact(label: str, value: str | None) -> tuple[tuple[str, str], ...]:
    """The panel with one value changed, added, or left out."""
    kept = tuple((name, value if name == label and value is not None else words) for name, words in PANEL if name != label or value is not None)
    return kept if value is None or label in dict(PANEL) else (*kept, (label, value))


# --- golden pages ---------------------------------------------------------------------------------


def golden(reading: Reading) -> dict[str, Any]:
    """A reading as its expectation is written down: what the page does not say is left out."""
    record = reading.record
    facts = {name: value for name, value in record.attributes.items() if value not in (None, ())}
    facts["ksbs"] = {ksb.code: ksb.text for ksb in record.content.ksbs}
    facts["duties"] = [
        {"number": duty.number, "text": duty.text, "criteria": duty.criteria, "codes": " ".join(duty.codes)} for duty in record.content.duties
    ]
    facts["findings"] = [f"{finding.rule} {finding.message}" for finding in reading.findings]
    written: dict[str, Any] = json.loads(orjson.dumps(facts))
    return written


@pytest.mark.parametrize("case", CASES)
def test_a_golden_page_reads_as_expected(case: str) -> None:
    body, expected = PAGES / f"{case}.html", PAGES / f"{case}.json"
    assert body.exists(), f"{expected.name} has no page"
    read = occupation.parse if case.startswith("occupation") else page.parse
    found = golden(read(page.evidence(body.read_bytes())))
    if not expected.exists():
        expected.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        pytest.fail(f"{expected.name} was missing and has been written: review it.")
    assert found == json.loads(expected.read_text(encoding="utf-8"))


# --- mark-up --------------------------------------------------------------------------------------


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_every_skin_reads_alike(skin: Skin) -> None:
    assert parse(render(FACTS, skin)) == Reading(record=RECORD)


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_without_duties_nor_log_nor_notice(skin: Skin) -> None:
    reading = parse(shown(skin, duties=(), log=(), notices=(), job_titles=(), entry=""))
    unsaid = {"notice": None, "job_titles": (), "entry_requirements": None, "change_note": None, "earliest_start_on": None}
    assert reading == Reading(record=replace(RECORD, **unsaid, content=replace(RECORD.content, duties=())))


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_duties_without_ksbs(skin: Skin) -> None:
    duties = tuple((label, detail, met, ()) for label, detail, met, _ in FACTS.duties)
    content = parse(shown(skin, duties=duties, ksbs={})).record.content
    assert content == Content(duties=tuple(replace(duty, codes=()) for duty in RECORD.content.duties))


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_a_page_in_revision_takes_the_row_that_says_so(skin: Skin) -> None:
    log = (("Revised version awaiting implementation", "Plan revised", "01/06/2031", "Not set"), *LOG)
    panel = (("Status", "In development"), *with_fact("Version", None)[1:])
    record = parse(shown(skin, panel=panel, log=log)).record
    assert (record.version, record.status, record.is_paused_for_starts) == (None, "In development", None)
    assert (record.change_note, record.earliest_start_on, record.latest_start_on) == ("Plan revised", date(2031, 6, 1), None)


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_two_rows_in_revision_say_nothing_of_one(skin: Skin) -> None:
    row = ("Revised version awaiting implementation", "Plan revised", "01/06/2031", "Not set")
    panel = (("Status", "In development"), *with_fact("Version", None)[1:])
    assert parse(shown(skin, panel=panel, log=(row, row, *LOG))).record.change_note is None


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_the_old_template_is_prose(skin: Skin) -> None:
    prose = "<h3>Role profile</h3><p>Level: 2, and K1 is but a road.</p><h3>Knowledge</h3><ul><li>Duty 1 of a keeper</li></ul>"
    record = parse(shown(skin, summary="", entry="", job_titles=(), duties=(), ksbs={}, information=prose)).record
    assert record.standard_information == prose_text(prose)
    assert (record.occupation_summary, record.content) == (None, Content())


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_a_draft_may_show_nothing_yet(skin: Skin) -> None:
    panel = (("Status", "In development"), *with_fact("Version", None)[1:])
    record = parse(shown(skin, panel=panel, summary="", entry="", job_titles=(), duties=(), ksbs={}, log=())).record
    assert (record.occupation_summary, record.standard_information, record.content) == (None, None, Content())


AWKWARD = (
    "S355 steel fixing",
    "B2B sales",
    "the Knowledge of London",
    "Duty of care to others",
    "Level 3 qualifications: Version 1.1",
    ": a text that begins with a colon",
    "Status quo & <what> follows",
    "Skills matter",
    "10: ten green bottles",
    "“quoted”, e.g. 50% – or 3/4",
    "Review: how it works",
    "Back to basics",
    "K1 & S1",
    "caf\u00e9 na\u0131ve\u00a0 spaces",
)
PHRASES = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(alphabet="abcdefghijklmnop KSBD0123456789-,.'()&<>", min_size=3, max_size=40).map(lambda words: f"x{words}").filter(plain),
)
TEXTS = st.lists(PHRASES, min_size=1, max_size=3).map("\n".join)
PROSE = st.lists(
    st.sampled_from(
        (
            "<h3>Knowledge</h3>",
            "<p>K1: a code</p>",
            "<ul><li>Duty 1</li><li>Level: 3</li></ul>",
            "<p>Version</p><p>1.7</p>",
            "<table><tr><td>S1</td><td>S1 and more</td></tr></table>",
            "<p>A <em>plain</em> word<br>and another</p>",
            "<p>Key information</p>",
        )
    ),
    max_size=5,
).map(lambda parts: "<p>Lanterns.</p>" + "".join(parts))


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Invented facts, with words that look like labels, codes and titles where they are none."""
    texts = draw(st.lists(TEXTS, min_size=4, max_size=10, unique=True))
    counts = {"Knowledge": len(texts) - 2, "Skills": 1, "Behaviours": 1}
    ksbs = {heading: tuple((f"{heading[0]}{n}", texts.pop()) for n in range(1, count + 1)) for heading, count in counts.items()}
    codes = [code for rows in ksbs.values() for code, _ in rows]
    details = draw(st.lists(TEXTS, max_size=4, unique=True))
    needs = [draw(st.lists(st.sampled_from(codes), unique=True)) for _ in details]
    met = draw(st.booleans())
    return replace(
        FACTS,
        notices=tuple(draw(st.lists(PHRASES, max_size=3, unique=True))),
        summary=draw(PROSE),
        job_titles=tuple(draw(st.lists(PHRASES, min_size=1, max_size=3, unique=True))),
        entry=draw(st.sampled_from(("", "<p>Level: 2 is needed.</p>"))),
        duties=tuple(
            (f"Duty {n}", detail, draw(PHRASES) if met else "", tuple(tuple(c for c in need if c[0] == kind) for kind in "KSB"))
            for n, (detail, need) in enumerate(zip(details, needs, strict=True), 1)
        ),
        ksbs=ksbs,
    )


def expected(told: Facts) -> Record:
    """The record that says what the facts say."""
    kinds: dict[str, Kind] = {"Knowledge": "K", "Skills": "S", "Behaviours": "B"}
    return replace(
        RECORD,
        notice=notice_text(told.notices),
        occupation_summary=prose_text(told.summary),
        entry_requirements=prose_text(told.entry) or None,
        job_titles=tuple(sorted({plain(title) for title in told.job_titles})),
        content=Content(
            ksbs=tuple(
                Ksb(kind=kinds[heading], position=position, text=ksb_text(words, kinds[heading]))
                for heading, rows in told.ksbs.items()
                for position, (_, words) in enumerate(rows, 1)
            ),
            duties=tuple(
                Duty(
                    number=number,
                    text=duty_text(detail),
                    criteria=plain(met),
                    codes=tuple(sorted((code for group in groups for code in group), key=api.code_order)),
                )
                for number, (_, detail, met, groups) in enumerate(told.duties, 1)
            ),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(facts(), st.sampled_from(SKINS))
def test_invented_facts_read_as_told(told: Facts, skin: Skin) -> None:
    assert parse(render(told, skin)) == Reading(record=expected(told))
