"""Ten ways to mark the same facts up, and what else a page may show: it reads the same, says what it did not read, or is refused."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from scrapers import page
from scrapers.reading import ParseError, Reading
from scrapers.sample import pages
from scrapers.sample.pages import standard_page
from scrapers.sample.records import sample_records
from tests.skins import FACTS, LOG_ROWS, PANEL, RECORD, SKINS, Facts, Skin, render

EVERY_SKIN = [pytest.param(skin, id=skin.name) for skin in SKINS]
SAMPLES = sample_records()
WHOLE = Reading(record=RECORD, log=LOG_ROWS)


def read(body: bytes) -> Reading:
    return page.parse(page.evidence(body))


def outcome(body: bytes, whole: Reading = WHOLE) -> str:
    try:
        reading = read(body)
    except ParseError as error:
        return error.rule
    if reading == whole:
        return "same"
    return "named" if reading.record == whole.record and len(reading.findings) > len(whole.findings) else f"other: {reading}"


# --- the sample site ------------------------------------------------------------------------------


def versions_of(reference: str) -> Sequence[Mapping[str, Any]]:
    return [record for name, record in SAMPLES.items() if name.startswith(reference)]


def in_force(reference: str) -> Mapping[str, Any]:
    approved = [record for record in versions_of(reference) if record["status"] == "Approved for delivery"]
    return (approved or versions_of(reference))[-1]


def facts_of(record: Mapping[str, Any]) -> Facts:
    """What the sample site shows of a record."""
    reference = record["referenceNumber"].strip()
    codes = pages._codes(record)
    mapped = ("mappedKnowledge", "mappedSkills", "mappedBehaviour")
    lists = (("Knowledge", "K", "knowledges"), ("Skills", "S", "skills"), ("Behaviours", "B", "behaviours"))
    notices = re.findall(r"<p>(.*?)</p>", pages._notices(record, in_force(reference)))
    ksbs = {
        heading: tuple((f"{kind}{number}", html.unescape(item["detail"]).strip()) for number, item in enumerate(record[name] or [], 1))
        for heading, kind, name in lists
    }
    return Facts(
        title=html.unescape(record["title"]),
        notices=tuple(html.unescape(re.sub(r"<[^>]+>", "", line)) for line in notices),
        panel=tuple((label, html.unescape(value)) for label, value in pages._key_information(record)),
        log=tuple(
            (
                version["versionNumber"] or "Revised version awaiting implementation",
                html.unescape(version["change"]),
                pages._day(version["earliestStartDate"]),
                pages._day(version["latestStartDate"]),
            )
            for version in reversed(versions_of(reference))
        ),
        summary=pages._prose(record, "occupationalSummary"),
        job_titles=tuple(map(html.unescape, record["typicalJobTitles"])),
        entry=pages._prose(record, "entryRequirements"),
        duties=tuple(
            (
                f"Duty {number}",
                html.unescape(duty["dutyDetail"]).strip(),
                html.unescape(duty["criteriaForMeasuringPerformance"]),
                tuple(tuple(sorted({codes[i] for i in duty[key] or [] if i in codes}, key=lambda code: int(code[1:]))) for key in mapped),
            )
            for number, duty in enumerate(record["duties"] or [], 1)
        ),
        ksbs=ksbs,
        information="" if any(ksbs.values()) else pages._prose(record, "standardInformation"),
    )


@pytest.mark.parametrize("skin", EVERY_SKIN)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_sample_site_reads_alike_in_every_skin(skin: Skin, name: str) -> None:
    record = SAMPLES[name]
    reference = record["referenceNumber"].strip()
    whole = read(standard_page(record, versions_of(reference), in_force(reference)).encode())
    assert outcome(render(facts_of(record), skin), whole) == "same"


# --- other names ----------------------------------------------------------------------------------

# A label or title under another name. Where the words still tell what it is the page reads the same; else it is refused.
RENAMED = {
    "Status": "State",
    "Reference": "Code of the standard",
    "Version": "Edition",
    "Level": "Grade",
    "Typical duration to gateway": "Time to gateway",
    "Typical EPA period": "Time of assessment",
    "Maximum funding": "Funding cap",
    "Route": "Sector",
    "Date updated": "Changed",
    "Approved for delivery": "First approved",
    "Lars code": "LARS",
    "EQA provider": "Quality assured by",
    "Key information": "At a glance",
    "Details of the occupational standard": "The standard",
    "Occupation summary": "About",
    "Typical job titles include:": "Also called",
    "Entry requirements": "How to get in",
    "Occupation duties": "What a keeper does",
    "Criteria for measuring performance": "How well",
    "KSBs": "What is learnt",
    "Knowledge": "Knowledge and understanding",
    "Skills": "What they can do",
    "Behaviours": "How they act",
    "Version log": "History",
    "Change detail": "What changed",
    "Earliest start date": "Starts from",
    "Latest start date": "Starts until",
    "Duty": "Task",
}


def renamed(body: str, old: str, new: str) -> str:
    """The page with every label or title of that name changed, whatever stands around it."""
    if old == "Duty":
        return re.sub(r"Duty(?= \d|<!-- -->)", new, body)
    spaced = old.replace(" ", "(?:&nbsp;| |<!-- --> <!-- -->)")
    return re.sub(rf"(?<=>)(\s*){spaced}(?=[:\s<(&])", lambda found: found[1] + new, body, flags=re.IGNORECASE)


@pytest.mark.parametrize("skin", EVERY_SKIN)
@pytest.mark.parametrize("old", RENAMED)
def test_what_has_another_name_is_known_named_or_refused(skin: Skin, old: str) -> None:
    body = render(FACTS, skin).decode()
    changed = renamed(body, old, RENAMED[old])
    assert changed != body
    found = outcome(changed.encode())
    assert found in ("same", "named") or found.startswith("P-"), found


@pytest.mark.parametrize("skin", EVERY_SKIN)
@pytest.mark.parametrize(
    "integration", ["Degree-apprenticeship", "Statutory integration", "Mandatory qualification with apprenticeship assessment"]
)
def test_a_fact_that_few_pages_have_is_known_by_its_words(skin: Skin, integration: str) -> None:
    panel = tuple(("Integrated", integration) if label == "Integration" else (label, words) for label, words in PANEL)
    assert outcome(render(Facts(**{**vars(FACTS), "panel": panel}), skin)) == "P-MISSING-FIELD"


# --- what else a page may show --------------------------------------------------------------------

CARD = (
    '<div class="card"><h4><a href="/x">Beacon engineer</a></h4><p>Reference: ST0999</p><p>Level: 4</p><p>Maximum funding: £9000</p></div>'
)
ANOTHER = (("Reference", "ST0999"), ("Level", "4"), ("Maximum funding", "£9000"), ("Status", "Retired"))
HIDDEN = (
    "<div hidden><h2>Key information</h2><p>Level: 9</p></div><template><p>Duty 1 x</p></template>"
    '<div style="display: none"><p>K1: x</p></div><noscript>K1</noscript><script>K1</script>'
)
EXTRAS: Mapping[str, Callable[[Skin], str]] = {
    "a section of items": lambda skin: skin.section(
        "Why keep lanterns?", "<p>K1 is the key.</p><ul><li>K1: words</li><li>K2: words</li></ul>"
    ),
    "cards of other standards": lambda skin: skin.section("Related standards", CARD * 2),
    "cards without a title": lambda _: CARD * 2,
    "the panel of another standard": lambda skin: skin.panel(ANOTHER),
    "the panel of another standard under another title": lambda skin: re.sub(
        r"Key(<!-- --> <!-- -->| )information", "Related standard", skin.panel(ANOTHER)
    ),
    "what nobody is shown": lambda _: HIDDEN,
    "a copy of the panel": lambda skin: skin.panel(PANEL),
    "a copy of the duties": lambda skin: skin.duties(FACTS.duties, True),
    "a copy of the KSBs": lambda skin: "<h3>KSBs</h3>" + "".join(skin.ksbs(heading, rows) for heading, rows in FACTS.ksbs.items()),
    "other KSBs": lambda skin: (
        "<h3>KSBs</h3>"
        + "".join(skin.ksbs(heading, tuple((code, f"{words} x") for code, words in rows)) for heading, rows in FACTS.ksbs.items())
    ),
    "another version log": lambda skin: skin.version_log((("1.1", "Another", "01/01/2001", "Not set"),)),
}
PLACES = ("top", "title", "notices", "panel", "head", "summary", "titles", "entry", "duties", "ksbs", "log")


@pytest.mark.parametrize("skin", EVERY_SKIN)
@pytest.mark.parametrize("extra", EXTRAS)
def test_what_else_a_page_shows_is_no_part_of_the_record(skin: Skin, extra: str) -> None:
    found = {place: outcome(render(FACTS, skin, {place: EXTRAS[extra](skin)})) for place in PLACES}
    assert {place: end for place, end in found.items() if end.startswith("other")} == {}
    if extra in ("what nobody is shown", "a copy of the panel"):
        assert set(found.values()) == {"same"}


@pytest.mark.parametrize("skin", EVERY_SKIN)
@pytest.mark.parametrize("place", ["titles", "duties", "ksbs", "log"])
def test_a_section_that_nobody_knows_is_named_and_left_out(skin: Skin, place: str) -> None:
    news = skin.section("Lanterns in the news", "<p>A lantern won a prize.</p><ul><li>Read more</li></ul>")
    assert outcome(render(FACTS, skin, {place: news})) in ("same", "named", "P-KSB-CODES", "P-DUTY-NUMBERS", "P-BAD-VALUE")


# --- codes ----------------------------------------------------------------------------------------


def mapped(codes: str) -> tuple[str, ...]:
    """The codes that a page with these words in a duty's cell maps it to."""
    shown = render(FACTS, SKINS[0]).decode().replace("<td>K1, K2, S1</td>", f"<td>{codes}</td>")
    return read(shown.encode()).record.content.duties[0].codes


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("K1 to K2, S1", ("K1", "K2", "S1")),
        ("K1-K2; S1", ("K1", "K2", "S1")),
        ("K1–K2 and S1", ("K1", "K2", "S1")),
        ("S1, K2, K1, K1", ("K1", "K2", "S1")),
        ("<span>K</span>1 K<!-- -->2", ("K1", "K2")),
        ("K1 to K1", ("K1",)),
    ],
)
def test_codes_are_read_in_any_order_and_as_ranges(words: str, codes: tuple[str, ...]) -> None:
    assert mapped(words) == codes


@pytest.mark.parametrize("words", ["K1 - K2", "K1-K2-K1", "K2 to K1", "K1 to S1", "K1-S1", "K1 (core)", "all of them", "K to K2", "k1"])
def test_codes_that_may_mean_two_things_are_refused(words: str) -> None:
    with pytest.raises(ParseError) as raised:
        mapped(words)
    assert raised.value.rule == "P-BAD-VALUE"
