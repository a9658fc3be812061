"""A third party's page: facts by their labels and sentences, no prose, and refused where its shape is another one."""

import html
import re
from datetime import date
from pathlib import Path

import pytest

from schemas.conflict import Republished
from scrapers import ksb_planner
from scrapers.reading import ParseError
from scrapers.sample.pages import planner_page
from scrapers.sample.records import sample_records

SEED = Path(__file__).resolve().parents[3] / "shared" / "seeds" / "ksb-planner-st0128.txt"
LINES = (
    "Tidal turbine technician",
    "A Tidal turbine technician Level 3 apprenticeship prepares people for the sea.",
    "A Level 4 apprenticeship may follow.",
    "Get the ST9001 Delivery Guide",
    "See also ST9002",
    "OTJ Hours",
    "1,010",
    "Knowledge",
    "25",
    "K1: How tides turn blades, and why they somet...",
    "Skills (32)",
    "S1: Align a gearbox",
    "Duties (15)",
    "D1: Maintain a nacelle",
    "Version & Source",
    "Version",
    "1.1",
    "Approved for delivery",
    "Last changed",
    "4 Apr 2022",
    "Earliest start",
    "15 September 2022",
    "Approved for delivery",
    "16 Dec 2016",
    "EQA Provider",
    "Ofqual",
    "Sector Subject Area",
    "4.1 Engineering",
    "Trailblazer",
    "TB9001",
    "Last checked",
    "Not set",
    "Frequently Asked Questions",
    "The Tidal turbine technician apprenticeship has 25 knowledge items, 32 skills, and 5 behaviours that apprentices must demonstrate.",
    "The typical duration is 18 months, with a maximum funding band of £15,000.",
)
FACTS = Republished(
    reference="ST9001",
    version="1.1",
    level=3,
    typical_duration_months=18,
    minimum_hours=1010,
    max_funding_gbp=15000,
    ssa_tier_2="4.1 Engineering",
    eqa_provider="Ofqual",
    trailblazer_reference="TB9001",
    change_note="Approved for delivery",
    changed_on=date(2022, 4, 4),
    approved_on=date(2016, 12, 16),
    earliest_start_on=date(2022, 9, 15),
    knowledge_count=25,
    skill_count=32,
    behaviour_count=5,
    duty_count=15,
)


def paragraphs(lines: tuple[str, ...]) -> bytes:
    return f"<html><body>{''.join(f'<p>{html.escape(line)}</p>' for line in lines)}</body></html>".encode()


def headings(lines: tuple[str, ...]) -> bytes:
    titles = re.compile(r"Version & Source|Frequently.*|Knowledge|Skills.*|Duties.*")
    body = "".join(f"<h2>{html.escape(line)}</h2>" if titles.fullmatch(line) else f"<div>{html.escape(line)}</div>" for line in lines)
    return f"<html><body><main>{body}</main></body></html>".encode()


def without(*left_out: str) -> tuple[str, ...]:
    return tuple(line for line in LINES if line not in left_out)


def instead(old: str, new: str) -> tuple[str, ...]:
    assert old in LINES
    return tuple(new if line == old else line for line in LINES)


@pytest.mark.parametrize("mark_up", [paragraphs, headings])
def test_the_facts_are_read_by_their_words(mark_up: object) -> None:
    assert callable(mark_up)
    assert ksb_planner.parse(mark_up(LINES)) == FACTS


@pytest.mark.parametrize("name", ["ST9001 1.2", "ST9003 1.0", "ST9009 1.0"])
def test_the_sample_s_page(name: str) -> None:
    record = sample_records()[name]
    facts = ksb_planner.parse(planner_page(record).encode())
    assert (facts.reference, facts.version, facts.level) == (record["referenceNumber"], record["version"], record["level"])
    assert facts.knowledge_count == len(record["knowledges"])
    assert facts.max_funding_gbp == (record["maxFunding"] or None)


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        (without("OTJ Hours", "1,010"), "minimum_hours"),
        (without("Duties (15)"), "duty_count"),
        (without("Trailblazer", "TB9001"), "trailblazer_reference"),
        (instead("Ofqual", "TBC"), "eqa_provider"),
        (instead("4 Apr 2022", "-"), "changed_on"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_said_is_none(lines: tuple[str, ...], missing: str) -> None:
    assert getattr(ksb_planner.parse(paragraphs(lines)), missing) is None


@pytest.mark.parametrize(
    ("lines", "rule", "detail"),
    [
        pytest.param(("Nothing here",), "P-NOT-A-STANDARD", "no standard", id="no reference"),
        pytest.param(without("Version & Source"), "P-MISSING-FIELD", "Version & Source", id="no section"),
        pytest.param(without("Version", "1.1", "Approved for delivery"), "P-MISSING-FIELD", "version", id="no version"),
        pytest.param(instead("1.1", "one"), "P-BAD-VALUE", "version", id="no number"),
        pytest.param(instead("4 Apr 2022", "04/04/2022"), "P-BAD-VALUE", "date", id="another date"),
        pytest.param(instead("4 Apr 2022", "31 Feb 2022"), "P-BAD-VALUE", "date", id="no day"),
        pytest.param(instead("Trailblazer", "Employer group"), "P-BAD-VALUE", "Employer group", id="a label that is not known"),
        pytest.param(instead("Trailblazer", "EQA Provider"), "P-BAD-VALUE", "twice", id="a label twice"),
        pytest.param(instead("25", "24"), "P-BAD-VALUE", "knowledge_count", id="two counts"),
        pytest.param(instead("Get the ST9001 Delivery Guide", "See also ST9003"), "P-BAD-VALUE", "several", id="several standards"),
    ],
)
def test_another_shape_is_refused(lines: tuple[str, ...], rule: str, detail: str) -> None:
    with pytest.raises(ParseError, match=detail) as error:
        ksb_planner.parse(paragraphs(lines))
    assert error.value.rule == rule


def test_half_a_page_is_refused() -> None:
    with pytest.raises(ParseError) as error:
        ksb_planner.parse(headings(LINES)[:-20])
    assert error.value.rule == "P-MISSING-FIELD"


def test_the_evidence_is_the_facts_and_nothing_else() -> None:
    kept = ksb_planner.evidence(FACTS)
    assert ksb_planner.facts_of(kept) == FACTS
    assert ksb_planner.evidence(ksb_planner.facts_of(kept)) == kept
    assert b"nacelle" not in kept


def test_personal_data_is_not_kept() -> None:
    facts = ksb_planner.parse(paragraphs(instead("Ofqual", "Ofqual, ann@example.org")))
    assert facts.eqa_provider == "Ofqual, [e-mail address]"


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("https://planner.example/standards/{reference}", "https://planner.example/standards/st9001"),
        (
            "https://planner.example/s/{reference}-{title}-standard?x=1",
            "https://planner.example/s/st9001-tidal-turbine-technician-l3-standard?x=1",
        ),
    ],
)
def test_the_address_of_a_standard(template: str, address: str) -> None:
    assert ksb_planner.TEMPLATE_RE.fullmatch(template)
    assert ksb_planner.address(template, "ST9001", "Tidal turbine technician (L3)") == address
    assert ksb_planner.root_of(template) == "https://planner.example"


@pytest.mark.parametrize(
    "template",
    [
        "",
        "planner.example/{reference}",
        "https://planner.example/st9001",
        "https://{reference}.example/",
        "https://planner.example/{reference}/{0}",
    ],
)
def test_what_is_no_address_of_a_standard(template: str) -> None:
    assert ksb_planner.TEMPLATE_RE.fullmatch(template) is None


@pytest.mark.recorded
@pytest.mark.skipif(not SEED.is_file(), reason="the real page's text is not here")
def test_the_text_of_a_real_page() -> None:
    lines: list[str] = []
    for line in SEED.read_text(encoding="utf-8").splitlines():
        # The text has a count and the item after it in one line.
        count = re.match(r"(\d+)- [KSB]1", line)
        lines += [count[1], line[len(count[1]) + 2 :]] if count else [line.removeprefix("- ")]
    assert ksb_planner.parse(paragraphs(tuple(lines))) == Republished(
        reference="ST0128",
        version="1.1",
        level=3,
        typical_duration_months=18,
        max_funding_gbp=15000,
        ssa_tier_2="6.1 Digital technology (practitioners)",
        eqa_provider="Ofqual",
        trailblazer_reference="TB0558",
        change_note="End-point assessment plan, standard and funding band revised.",
        changed_on=date(2022, 4, 4),
        approved_on=date(2016, 12, 16),
        earliest_start_on=date(2022, 5, 15),
        knowledge_count=25,
        skill_count=32,
        behaviour_count=5,
        duty_count=15,
        last_checked_on=date(2026, 3, 11),
    )
