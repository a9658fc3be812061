"""A standard's own page: read by its words, alike in any mark-up, and refused where it does not say enough."""

import importlib.util
import json
import os
import re
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
from tests.skins import FACTS, LOG, LOG_ROWS, PANEL, RECORD, SKINS, Facts, Skin, Tables, render

PAGES = Path(__file__).parents[1] / "pages"
CASES = sorted({path.stem for path in PAGES.iterdir() if path.suffix in (".html", ".json")})
SHARED = Path(__file__).parents[2].parent / "shared"
EVERY_SKIN = [pytest.param(skin, id=skin.name) for skin in SKINS]


def parse(body: bytes) -> Reading:
    return page.parse(page.evidence(body))


def shown(skin: Skin, /, **changes: Any) -> bytes:
    """The page of the facts, some of them changed."""
    return render(replace(FACTS, **changes), skin)


def with_fact(label: str, value: str | None) -> tuple[tuple[str, str], ...]:
    """The panel with one value changed, added, or left out."""
    kept = tuple(
        (name, value if name == label and value is not None else words) for name, words in PANEL if name != label or value is not None
    )
    return kept if value is None or label in dict(PANEL) else (*kept, (label, value))


# --- golden pages ---------------------------------------------------------------------------------


def golden(reading: Reading) -> dict[str, Any]:
    """A reading as its expectation is written down: what the page does not say is left out."""
    record = reading.record
    facts = {name: value for name, value in record.attributes.items() if value not in (None, ())}
    facts["ksbs"] = {ksb.code: ksb.text for ksb in record.content.ksbs}
    facts["duties"] = [
        {"number": duty.number, "text": duty.text, "criteria": duty.criteria, "codes": " ".join(duty.codes)}
        for duty in record.content.duties
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
    assert parse(render(FACTS, skin)) == Reading(record=RECORD, log=LOG_ROWS)


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_without_duties_nor_log_nor_notice(skin: Skin) -> None:
    reading = parse(shown(skin, duties=(), log=(), notices=(), job_titles=(), entry=""))
    unsaid: dict[str, Any] = {"notice": None, "job_titles": (), "entry_requirements": None, "change_note": None, "earliest_start_on": None}
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
    "K1 and more of it",
    "caf\u00e9 na\u0131ve\u00a0 spaces",
)
# No duty ends with a code, and no criteria do: where nothing else parts words from codes, such a page is refused.
PHRASES = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(alphabet="abcdefghijklmnop KSBD0123456789-,.'()&<>", min_size=3, max_size=40)
    .map(lambda words: f"x{words}")
    .filter(lambda words: not re.search(r"[KSB]\s?\d{1,2}[\s).\]]*$", words)),
)
# After a label a colon belongs to the label.
CRITERIA = PHRASES.filter(lambda words: not words.startswith(":"))
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
            (f"Duty {n}", detail, draw(CRITERIA) if met else "", tuple(tuple(c for c in need if c[0] == kind) for kind in "KSB"))
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


def may_be_refused(told: Facts, skin: Skin) -> bool:
    """Where the page itself does not say which of two things it means.

    Nothing shows where codes would stand; a duty names two among its words; a heading of prose is as high as the title above; an
    item under a duty has its words without a label that is typed into them; prose tells a panel of its own.
    """
    names_two = any(len(re.findall(r"[KSB]\d", detail)) > 1 for _, detail, _, _ in told.duties)
    has_place = any(any(groups) for _, _, _, groups in told.duties) or skin.name in ("tables", "cards", "soup", "layout")
    has_headings = "<h3>" in told.summary and skin.name == "one-table"
    has_panel = "Key information" in told.summary and any(told.summary.count(f"<p>{label}</p>") > 1 for label, _ in told.panel)
    return names_two or not has_place or has_headings or has_panel or skin.name == "grouped"


@settings(max_examples=100, deadline=None)
@given(facts(), st.sampled_from(SKINS))
def test_invented_facts_read_as_told(told: Facts, skin: Skin) -> None:
    try:
        reading = parse(render(told, skin))
    except ParseError:
        assert may_be_refused(told, skin)
    else:
        assert reading == Reading(record=expected(told), log=LOG_ROWS) or (reading.findings and may_be_refused(told, skin))


# --- faults ---------------------------------------------------------------------------------------

GOOD = render(FACTS, Tables()).decode()
NO_DETAILS = re.sub(r"<h2>Details of.*(?=<h2>Version log)", "", GOOD, flags=re.DOTALL)
TABS = '<h2>Contents</h2><div role="tabpanel">Content loading...</div><div role="tabpanel">Content loading...</div>'


def panel_with(label: str, value: str | None) -> str:
    return shown(Tables(), panel=with_fact(label, value)).decode()


def ksbs_with(**codes: str) -> str:
    """The page with the codes of some items replaced, in the list and not in the mapping."""
    ksbs = {heading: tuple((codes.get(code, code), words) for code, words in rows) for heading, rows in FACTS.ksbs.items()}
    return shown(Tables(), duties=(), ksbs=ksbs).decode()


def duties_with(*rows: tuple[str, str]) -> str:
    return shown(Tables(), duties=tuple((label, words, "", (("K1",),)) for label, words in rows)).decode()


FAULTS = {
    "P-NOT-A-STANDARD": {
        "nothing": "",
        "JSON": '{"status": "Approved for delivery"}',
        "an error page": "<html><body><h1>Sorry, there is a problem with the service</h1><p>Try again later. Level: 3</p></body></html>",
        "a page not found": "<html><body><main><h1>Page not found</h1><p>Check the web address.</p></main></body></html>",
        "a login": '<html><body><h1>Sign in</h1><form><label>E-mail</label><input type="email"></form></body></html>',
        "a bot check": "<html><head><title>Just a moment...</title></head><body><noscript>Enable JavaScript</noscript></body></html>",
        "a feed": '<?xml version="1.0"?><rss><channel><title>Standards</title></channel></rss>',
        "no panel": re.sub(r"<section><h2>Key information.*?</section>", "", GOOD, flags=re.DOTALL),
        "no title": GOOD.replace("<h1>Lantern keeper</h1>", "<p>Lantern keeper</p>"),
    },
    "P-LOADING": {
        "the base page": NO_DETAILS.replace("<h2>Version log", TABS + "<h2>Version log"),
        "another view": NO_DETAILS.replace("<h2>Version log", TABS + "<h2>Assessment plan</h2><p>K1 K2</p><h2>Version log"),
        "lists that are to come": re.sub(r"<h3>Occupation duties.*(?=<h2>Version log)", "<p>Content loading...</p>", GOOD, flags=re.DOTALL),
        "details that are to come": NO_DETAILS.replace(
            "<h2>Version log", "<h2>Details of the occupational standard</h2><p>Content loading...</p><h2>Version log"
        ),
    },
    "P-MISSING-FIELD": {
        "no status": panel_with("Status", None),
        "no reference": panel_with("Reference", None),
        "no level": panel_with("Level", None),
        "an empty status": panel_with("Status", ""),
        "an empty level": panel_with("Level", ""),
        "no details": NO_DETAILS,
        "empty details": shown(Tables(), summary="", entry="", job_titles=(), duties=(), ksbs={}).decode(),
        "a page cut short": GOOD[: GOOD.index("Calm in")],
        "a log without this version": shown(Tables(), log=LOG[1:]).decode(),
        "a log with this version twice": shown(Tables(), log=(LOG[0], *LOG)).decode(),
        "a duty without words": duties_with(("Duty 1", "")),
    },
    "P-BAD-VALUE": {
        "a status not known": panel_with("Status", "Abandoned"),
        "no status at all": panel_with("Status", "None"),
        "a bracket not known": panel_with("Status", "Approved for delivery (perhaps)"),
        "a reference": panel_with("Reference", "ST901"),
        "another kind of reference": panel_with("Reference", "FA0001"),
        "a reference of an occupation": panel_with("Reference", "OCC9001"),
        "a version": panel_with("Version", "one"),
        "a level": panel_with("Level", "three"),
        "a duration": panel_with("Typical duration to gateway", "18 weeks"),
        "an EPA period": panel_with("Typical EPA period", "some months"),
        "funding in dollars": panel_with("Maximum funding", "$7000"),
        "funding with a comma astray": panel_with("Maximum funding", "£70,00"),
        "a date the other way round": panel_with("Date updated", "2022-04-05"),
        "a date that is none": panel_with("Date updated", "31/02/2022"),
        "a month that is none": panel_with("Approved for delivery", "6 Maius 2018"),
        "a LARS code": panel_with("Lars code", "9,154"),
        "a regulation": panel_with("Regulated occupation", "Perhaps"),
        "a label twice": shown(Tables(), panel=(*PANEL, ("Level", "4"))).decode(),
        "a date of the log": shown(Tables(), log=(("1.1", "", "2022", "Not set"),)).decode(),
        "a log of another kind": re.sub(
            r"<h2>Version log</h2><table>.*</table>", "<h2>Version log</h2><p>See overleaf</p>", GOOD, flags=re.DOTALL
        ),
        "words among the codes": GOOD.replace("<td>K1, K2, S1</td>", "<td>K1, K2, see below</td>"),
    },
    "P-KSB-CODES": {
        "a gap": ksbs_with(K2="K3"),
        "a duplicate": ksbs_with(K2="K1"),
        "a late beginning": ksbs_with(S1="S2"),
        "a first list that begins late": ksbs_with(K1="K2", K2="K3"),
        "a kind within another": ksbs_with(K2="S1", S1="S2", B1="K2"),
        "no words": GOOD.replace("S355 steel brackets", ""),
        "no words and no way back": GOOD.replace('<td>Calm in the dark</td><td><a href="#d">Back to Duty</a></td>', "<td></td>"),
        "a title without items": re.sub(r"<h3>KSBs</h3>.*(?=<h2>Version log)", "<h3>KSBs</h3>", GOOD, flags=re.DOTALL),
        "items without codes": re.sub(r'<th scope="row">[KSB]\d</th>', "", shown(Tables(), duties=()).decode()),
    },
    "P-DUTY-NUMBERS": {
        "a gap": duties_with(("Duty 1", "Light"), ("Duty 3", "Douse")),
        "a duplicate": duties_with(("Duty 1", "Light"), ("Duty 1", "Douse")),
        "a late beginning": duties_with(("Duty 2", "Light")),
        "a row without a number": duties_with(("Duty 1", "Light"), ("", "Douse")),
        "a title without duties": re.sub(
            r"(<h3>Occupation duties</h3>)<table>.*?</table>", r"\1<p>The keeper lights lanterns.</p>", GOOD, flags=re.DOTALL
        ),
    },
    "P-MAPPED-CODE-MISSING": {
        "one too high": GOOD.replace("<td>K1, K2, S1</td>", "<td>K1, K2, K3, S1</td>"),
        "none of its kind": GOOD.replace("<td>B1</td>", "<td>B1, S9</td>"),
    },
}


@pytest.mark.parametrize(
    ("rule", "body"), [pytest.param(rule, body, id=f"{rule} {name}") for rule, cases in FAULTS.items() for name, body in cases.items()]
)
def test_a_fault_meets_its_rule(rule: str, body: str) -> None:
    with pytest.raises(ParseError) as raised:
        parse(body.encode())
    assert raised.value.rule == rule


def test_the_page_the_faults_are_made_of_has_none() -> None:
    assert parse(GOOD.encode()) == Reading(record=RECORD, log=LOG_ROWS)


@pytest.mark.parametrize("skin", EVERY_SKIN)
@pytest.mark.parametrize("place", [0, 5, len(PANEL)], ids=["first", "among", "last"])
def test_an_unknown_label_is_reported_and_the_rest_loads(skin: Skin, place: int) -> None:
    panel = (*PANEL[:place], ("Colour of the cover", "Blue"), *PANEL[place:])
    reading = parse(shown(skin, panel=panel))
    assert [(finding.rule, finding.message.casefold()) for finding in reading.findings] == [("P-UNKNOWN-FIELD", "colour of the cover")]
    assert reading.record == RECORD


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            GOOD.replace("<h2>Version log", "<h3>Moon phases</h3><p>All of them</p><h2>Version log"),
            "Moon phases",
            id="a section below the KSBs",
        ),
        pytest.param(
            GOOD.replace("<h2>Version log", "<p>All moons</p><p>of June</p><h2>Version log"),
            "words under no heading that is known",
            id="words below the KSBs",
        ),
        pytest.param(
            re.sub(r"<td><span>Duty", "<td>x</td><td><span>Duty", GOOD.replace("<th>Duty</th>", "<th>Core</th><th>Duty</th>")),
            "column Core",
            id="a column of the duties",
        ),
        pytest.param(
            GOOD.replace("</ul></div><h3>Entry", "</ul><p>And more</p></div><h3>Entry"),
            "words under no heading that is known",
            id="words after the job titles",
        ),
    ],
)
def test_what_is_not_known_in_the_details_is_reported(body: str, message: str) -> None:
    reading = parse(body.encode())
    assert [(finding.rule, finding.message) for finding in reading.findings] == [("P-UNKNOWN-FIELD", message)]
    assert reading.record == RECORD


# --- what counts as an item -----------------------------------------------------------------------


def listed(items: str, *, heading: str = "<h3>KSBs</h3>") -> dict[str, str]:
    """The items read from some mark-up."""
    body = re.sub(r"<h3>KSBs</h3>.*(?=<h2>Version log)", heading + items, shown(Tables(), duties=()).decode(), flags=re.DOTALL)
    return {ksb.code: ksb.text for ksb in parse(body.encode()).record.content.ksbs}


@pytest.mark.parametrize(
    ("items", "read"),
    [
        pytest.param("<p>K1: a</p><p>K2 b</p><p>K3: c</p>", {"K1": "a", "K2": "b", "K3": "c"}, id="the next number without a colon"),
        pytest.param("<p>K1: a</p><p>K3 b</p><p>K2: c</p>", {"K1": "a K3 b", "K2": "c"}, id="another number without a colon"),
        pytest.param(
            "<p>K1: Law:</p><ul><li>K2 Criminal law</li></ul><p>K2: c</p>",
            {"K1": "Law: K2 Criminal law", "K2": "c"},
            id="a number in a text",
        ),
        pytest.param(
            "<dl><dt>K1</dt><dd>K2 Criminal law</dd><dt>K2</dt><dd>c</dd></dl>", {"K1": "Criminal law", "K2": "c"}, id="a number as a text"
        ),
        pytest.param("<p><b>K1</b> a</p><p><b>K2</b>b</p>", {"K1": "a", "K2": "b"}, id="an element of its own"),
        pytest.param("<p>K1 a</p><p>K2 b</p>", {"K1": "a", "K2": "b"}, id="neither colon nor element"),
        pytest.param("<p>K1 - a</p><p>K2 - - b</p>", {"K1": "a", "K2": "- b"}, id="a dash"),
        pytest.param("<p>K1 a</p><p>K2 : b</p><p>K3 c</p>", {"K1": "a", "K2": ": b", "K3": "c"}, id="a colon of one text"),
        pytest.param("<p>K1: a</p><p>K2: : b</p>", {"K1": "a", "K2": ": b"}, id="a colon of one text after the list's"),
        pytest.param("<p>K1: S355 steel</p><p>S355 steel is</p><p>K2: b</p>", {"K1": "S355 steel S355 steel is", "K2": "b"}, id="steel"),
        pytest.param("<p>K1: a</p><ul><li>Skills</li><li>x</li></ul><p>K2: b</p>", {"K1": "a Skills x", "K2": "b"}, id="a title in a text"),
        pytest.param("<p>K1: a</p><h4>Skills</h4><p>S1: b</p>", {"K1": "a", "S1": "b"}, id="a title between kinds"),
        pytest.param(
            "<ul><li>K1: a<br>Skills</li></ul><ul><li>S1: b</li></ul>",
            {"K1": "a Skills", "S1": "b"},
            id="a title in the last text of a list",
        ),
        pytest.param("<p>K1: a [Back to Duty]</p><p>K2: b ↑ Back to Duties</p>", {"K1": "a", "K2": "b"}, id="the way back"),
        pytest.param("<p>K1: back to duty calls</p><p>K2: b</p>", {"K1": "back to duty calls", "K2": "b"}, id="no way back"),
        pytest.param("<p>K1: a</p><p>K2: b</p><h3>Review</h3><p>soon</p>", {"K1": "a", "K2": "b"}, id="a heading below"),
        pytest.param("<p>K1: a</p><p>K2: b</p><p>Employers involved: c</p>", {"K1": "a", "K2": "b"}, id="words below"),
        pytest.param(
            "<table><tr><td>Knowledge</td><td>K1</td><td>a</td></tr><tr><td>Knowledge</td><td>K2</td><td>b</td></tr>"
            "<tr><td>Skills</td><td>S1</td><td>c</td></tr></table>",
            {"K1": "a", "K2": "b", "S1": "c"},
            id="the kind in a column",
        ),
        pytest.param(
            "<p>K1: a</p><p>K2: b</p><p><b>What they do</b></p><p>S1: c</p>", {"K1": "a", "K2": "b", "S1": "c"}, id="a title not known"
        ),
        pytest.param("<ul><li>K1: a</li><li>K2: b<p>c</p></li></ul><p>d</p>", {"K1": "a", "K2": "b c"}, id="the end of a list"),
    ],
)
def test_what_counts_as_an_item(items: str, read: dict[str, str]) -> None:
    assert listed(items) == read


@pytest.mark.parametrize(
    ("heading", "items"),
    [
        ("<h3>Knowledge</h3>", "<p>K1: a</p><h3>Skills</h3><p>S1: b</p><h3>Behaviours</h3><p>B1: c</p>"),
        ("<h3>Knowledge, skills and behaviours</h3>", "<p>K1 a</p><p>S1 b</p><p>B1 c</p>"),
        ("", "<p>K1: a Back to Duty</p><p>S1: b Back to Duty</p><p>B1: c Back to Duty</p>"),
    ],
)
def test_lists_are_known_by_their_titles_or_the_way_back(heading: str, items: str) -> None:
    assert listed(items, heading=heading) == {"K1": "a", "S1": "b", "B1": "c"}


@pytest.mark.parametrize(
    "items",
    [
        pytest.param("<p>K1: a</p><p>K2: b</p><ul><li>c</li></ul><p>d</p><p>e</p>", id="unlike any other"),
        pytest.param("<ul><li>K1: a</li><li>K2: b</li></ul><p>words</p><ul><li>S1: c</li></ul>", id="words between lists"),
        pytest.param("<p>K1 a</p><p>K2 b</p><p>K1 c</p>", id="a number again"),
    ],
)
def test_an_item_without_a_clear_end_is_refused(items: str) -> None:
    with pytest.raises(ParseError) as raised:
        listed(items)
    assert raised.value.rule == "P-KSB-CODES"


# --- single values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "value", "column", "read"),
    [
        ("Status", "Approved for delivery (paused for starts)", "is_paused_for_starts", True),
        ("Status", "Approved for delivery", "is_paused_for_starts", None),
        ("Status", "approved for delivery (Available for starts)", "status", "Approved for delivery"),
        ("Reference", "st9001", "reference", "ST9001"),
        ("Level", "Level 3", "level", 3),
        ("Typical duration to gateway", "1 month", "typical_duration_months", 1),
        ("Typical duration to gateway", "", "typical_duration_months", None),
        ("Maximum funding", "£27,000", "max_funding_gbp", 27000),
        ("Maximum funding", "£0", "max_funding_gbp", None),
        ("Integration", "Statutory integration", "integration", "Statutory integration"),
        ("Date updated", "Not set", "changed_on", None),
        ("Approved for delivery", "16 December 2016", "approved_on", date(2016, 12, 16)),
        ("Lars code", "0", "lars_code", None),
        ("Regulated occupation", "Yes", "is_regulated", True),
        ("Regulated occupation", "No", "is_regulated", False),
        ("EQA provider", "None", "eqa_provider", None),
    ],
)
@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_a_value_is_read_in_its_form(skin: Skin, label: str, value: str, column: str, read: object) -> None:
    assert getattr(parse(shown(skin, panel=with_fact(label, value))).record, column) == read


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_names_and_addresses_of_people_are_left_out(skin: Skin) -> None:
    panel = (*PANEL, ("Trailblazer contact(s)", "Wick Trimmer wick.trimmer@example.org"), ("Contact", "Wick Trimmer"))
    notices = (*FACTS.notices, "Write to wick.trimmer@example.org or wick&#64;example.org by May")
    reading = page.parse(
        shown(skin, panel=panel, notices=notices, entry="<p>Ask <a href='mailto:wick@example.org'>wick@example.org</a></p>")
    )
    told = repr(reading)
    assert "@" not in told
    assert "Trimmer" not in told
    assert reading.record.notice == "Lamp oil changes on 1 March; Write to [e-mail address] or [e-mail address] by May"
    assert reading.findings == ()


# --- evidence -------------------------------------------------------------------------------------


def visit(number: int) -> bytes:
    """The golden page as one visitor gets it."""
    body = (PAGES / "typical.html").read_bytes()
    for old, new in (
        (b'nonce="4f2a"', b'nonce="%d"' % number),
        (b'value="b0f1"', b'value="%d"' % number),
        (b'content="c2FtcGxl"', b"content='%d'" % number),
        (b'"K9: not an item"', b"%d" % number),
        (b'"Level: 9"', b"'%d'" % number),
        (b"lamps@example.org", b"lamps%d@example.org" % number),
        (b"<body>", b'<body data-csrf-token="%d"><!-- served by %d -->' % (number, number)),
        (b"<footer>", b"<footer><INPUT name=__RequestVerificationToken type='hidden' value=%d>" % number),
    ):
        assert old in body
        body = body.replace(old, new)
    return body


def test_two_visits_leave_the_same_evidence() -> None:
    assert visit(1) != visit(2)
    assert page.evidence(visit(1)) == page.evidence(visit(2))


def test_evidence_holds_no_address_and_no_script() -> None:
    kept = page.evidence(visit(7))
    assert b"@" not in kept
    assert b"window" not in kept
    assert b"content:" not in kept


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'<a href="mailto:a.b@c.org?subject=x">a.b@c.org</a>', b'<a href="mailto:">[e-mail address]</a>'),
        (b"<p>a&#46;b&#x40;c&period;org</p>", b"<p>[e-mail address]</p>"),
        (b"<p>a&amp;#64;c.org</p>", b"<p>[e-mail address]</p>"),
        (b'<a href="/cdn-cgi/l/email-protection#5a2b">x</a>', b'<a href="/cdn-cgi/l/email-protection">x</a>'),
        (b"<!-- <script> --><p>x</p><script>y</script>", b"<!----><p>x</p><script></script>"),
        (b"<SCRIPT src='a>b'>x</SCRIPT >", b"<script></script>"),
        (b"<scripture>x</scripture>", b"<scripture>x</scripture>"),
        (b'<input name="words" value="x">', b'<input name="words" value="x">'),
        (b'<p>nonce="x", 5 @ 3 and @home</p>', b'<p>nonce="x", 5 @ 3 and @home</p>'),
        (b"<p>K1 &#8211; &amp; &#39;x&#39;</p>", b"<p>K1 &#8211; &amp; &#39;x&#39;</p>"),
    ],
)
def test_evidence_blanks_no_more_than_it_must(body: bytes, kept: bytes) -> None:
    assert page.evidence(body) == kept


MARK_UP = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(b"<script>", b"<script nonce='a'>", b"</script>", b"<style>", b"</style>", b"<!--", b"-->", b"<!-->", b"<!"),
                *(b"<input type=hidden value='", b"<meta name=csrf ", b'content="', b'">', b"'>", b">", b"<", b" nonce=", b" data-token="),
                *(b"&#", b"&#64;", b"&amp;", b"#64;", b"x40;", b"&commat;", b"a.b@c.org", b"@", b".org", b"mailto:", b"<p>", b"</p>"),
            ]
        ),
        st.binary(max_size=3),
    ),
    max_size=30,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(MARK_UP)
def test_evidence_of_evidence_is_the_same(body: bytes) -> None:
    kept = page.evidence(body)
    assert page.evidence(kept) == kept


@settings(max_examples=100, deadline=None)
@given(MARK_UP)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(ParseError) as raised:
        parse(body)
    assert raised.value.rule == "P-NOT-A-STANDARD"


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("occupation")])
def test_evidence_reads_as_the_page_does(case: str) -> None:
    body = (PAGES / f"{case}.html").read_bytes()
    assert page.parse(body) == page.parse(page.evidence(body))


def test_a_page_in_another_encoding() -> None:
    body = GOOD.replace('<meta charset="utf-8">', '<meta charset="windows-1252">').encode("windows-1252")
    assert page.parse(body).record == RECORD


# --- recorded pages -------------------------------------------------------------------------------

RECORDED = pytest.mark.skipif(not SHARED.is_dir(), reason="the real records are not here")
# One in so many is looked at, so that the default run stays short; 1 looks at all of them.
STRIDE = int(os.environ.get("RECORDED_STRIDE", "5"))
SHOWN = ("Approved for delivery", "In development")
TOLD = (
    *("title", "status", "is_paused_for_starts", "level", "route", "typical_duration_months", "epa_period_months", "max_funding_gbp"),
    *("integration", "changed_on", "approved_on", "lars_code", "eqa_provider", "occupation_summary", "entry_requirements", "job_titles"),
)
LOGGED = ("change_note", "earliest_start_on", "latest_start_on")


@cache
def loopback() -> ModuleType:
    """The stand-in for the real site."""
    spec = importlib.util.spec_from_file_location("loopback_site", SHARED / "site" / "serve.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def recorded() -> Any:
    """The records of one night, as the stand-in serves them."""
    serve = loopback()
    return serve.Records(SHARED / "data" / "standards-2026-08-22.jsonl.xz", None)


def site(skin: Skin | None = None) -> Any:
    return loopback().Site(recorded(), date(2026, 8, 22), skin)


def by_api(raw: dict[str, Any]) -> Record:
    (entry,), _, _ = api.split(orjson.dumps([raw]))
    return api.parse(entry.evidence).record


def as_notice(text: str | None) -> str:
    return re.sub(r"[;\s]+", " ", text or "").strip()


def as_content(record: Record) -> tuple[object, ...]:
    """What a page shows of the content: neither options nor core duties."""
    content = record.content
    return (
        [(ksb.code, ksb.text) for ksb in content.ksbs],
        [(duty.number, duty.text, duty.criteria, duty.codes) for duty in content.duties],
    )


def differences(raw: dict[str, Any], versions: list[dict[str, Any]], body: bytes) -> list[str]:
    """What the page tells otherwise than the API does."""
    told, reading = by_api(raw), parse(body)
    shown_record = reading.record
    named = list(TOLD)
    rows = [version for version in versions if version["versionNumber"] == raw["versionNumber"]]
    if len(rows) == 1:
        named += LOGGED
    if not told.content.ksbs and not told.content.duties:
        named.append("standard_information")
    found = [name for name in named if getattr(shown_record, name) != getattr(told, name)]
    if as_content(shown_record) != as_content(told):
        found.append("content")
    if as_notice(shown_record.notice) != as_notice(told.notice):
        found.append("notice")
    return found + [finding.message for finding in reading.findings]


def shown_records(of: Any, stride: int) -> Iterator[tuple[str, dict[str, Any]]]:
    pages = [(path, raw) for path, raw in of.pages.items() if raw["status"] in SHOWN]
    yield from pages[::stride]


@pytest.mark.recorded
@RECORDED
def test_recorded_pages_read_as_the_api_does() -> None:
    served = site()
    found = {}
    for path, raw in shown_records(served, STRIDE):
        status, _, body = served.answer(path, {"view": ["standard"]})
        assert status == 200
        if different := differences(raw, served.by_reference[raw["referenceNumber"].strip()], body):
            found[path] = different
    assert found == {}


@pytest.mark.recorded
@RECORDED
@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_recorded_pages_read_as_the_api_does_in_any_skin(skin: Skin) -> None:
    served = site(skin)
    found = {}
    for path, raw in shown_records(served, STRIDE if STRIDE == 1 else STRIDE * 5):
        body = served.answer(path, {"view": ["standard"]})[2]
        if different := differences(raw, served.by_reference[raw["referenceNumber"].strip()], body):
            found[path] = different
    assert found == {}


@pytest.mark.recorded
@RECORDED
def test_recorded_base_pages_only_promise_their_content() -> None:
    served = site()
    for path, _ in shown_records(served, STRIDE if STRIDE == 1 else STRIDE * 5):
        with pytest.raises(ParseError) as raised:
            parse(served.answer(path, {})[2])
        assert raised.value.rule == "P-LOADING"


@pytest.mark.recorded
@RECORDED
def test_recorded_occupations_read_as_the_api_does() -> None:
    served = site()
    found = {}
    codes = sorted({raw["occupationCode"] for raw in served.state.values() if raw.get("occupationCode") and raw["status"] == SHOWN[0]})
    for code in codes[::STRIDE]:
        of_code = [raw for raw in served.state.values() if raw.get("occupationCode") == code]
        told = by_api(served.current(of_code[-1]["referenceNumber"].strip()))
        reading = occupation.parse(page.evidence(served.answer(f"/occupations/{code.lower()}", {})[2]))
        names = ("title", "level", "route", "is_regulated", "changed_on", "occupation_summary", "entry_requirements", "job_titles")
        different = [name for name in names if getattr(reading.record, name) != getattr(told, name)]
        if different or as_content(reading.record) != as_content(told) or reading.findings:
            found[code] = different
        assert reading.record.reference == reading.record.occupation_code == code
    assert found == {}
