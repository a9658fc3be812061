"""An occupation's page: the standard's details, without version, status and log."""

import re
from dataclasses import replace
from datetime import date

import pytest

from schemas.record import Content, Record
from scrapers import occupation, page
from scrapers.reading import ParseError, Reading
from tests.skins import FACTS, RECORD, SKINS, Skin, Tables, render

EVERY_SKIN = [pytest.param(skin, id=skin.name) for skin in SKINS]
PANEL = (
    ("Reference", "OCC9001"),
    ("Date updated", "05/04/2022"),
    ("Level", "3"),
    ("Route", "Transport and logistics"),
    ("Regulated occupation", "No"),
)
OCCUPATION = replace(FACTS, panel=PANEL, log=(), notices=())
UNSAID = (
    *("is_paused_for_starts", "typical_duration_months", "epa_period_months", "max_funding_gbp", "lars_code", "eqa_provider"),
    *("approved_on", "change_note", "earliest_start_on", "notice"),
)
EXPECTED = replace(
    RECORD,
    **dict.fromkeys(UNSAID),  # type: ignore[arg-type]
    reference="OCC9001",
    version=None,
    status=None,
    occupation_code="OCC9001",
    is_regulated=False,
)
BELOW = """
<div><p>T Level in harbour lighting</p><p>Qualification type: T Level</p><p>Qualification level: 3</p>
<p>Awarding organisation: Pier and Sons</p><p>Approval date: 01/04/2020</p><p>Available from: 01/09/2020</p>
<p>Occupational specialism: Lights</p><p><a href="/t">Product page</a></p></div>
<h2>Aligned occupational standards</h2><p>ST9001 Lantern keeper</p><p>ST9002 Wick trimmer</p>
<p>Crown copyright © 2024. You may re-use this information</p><p>Is this webpage useful?</p>
"""
# What follows the lists on the page, in the words and order of a real one, nothing but line breaks around it.
FLAT_BELOW = re.sub(r"<[^>]+>\s*", "<br>", BELOW)


def parse(body: bytes) -> Reading:
    return occupation.parse(page.evidence(body))


def shown(skin: Skin, below: str = "", **panel: str | None) -> bytes:
    """The occupation's page with something below its lists and some facts of its panel changed or left out."""
    named = {label.casefold().replace(" ", "_"): label for label, _ in PANEL}
    changed = {named[name]: value for name, value in panel.items()}
    rows = tuple((label, value) for label, words in PANEL if (value := changed.get(label, words)) is not None)
    return render(replace(OCCUPATION, panel=rows, information=below), skin)


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_every_skin_reads_alike(skin: Skin) -> None:
    assert parse(shown(skin)) == Reading(record=EXPECTED)


@pytest.mark.parametrize("skin", EVERY_SKIN)
@pytest.mark.parametrize("below", [BELOW, FLAT_BELOW], ids=["blocks", "breaks"])
def test_what_stands_below_the_lists_is_no_behaviour(skin: Skin, below: str) -> None:
    assert parse(shown(skin, below)) == Reading(record=EXPECTED)


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_the_box_about_t_levels_is_no_summary(skin: Skin) -> None:
    box = "<div><p>Information Symbol</p><p>T-Levels logo</p><p>T Levels focus on vocational skills.</p></div>"
    title = "<h2>Details of the occupational standard</h2>"
    assert parse(shown(skin).replace(title.encode(), (title + box).encode())) == Reading(record=EXPECTED)


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_a_page_may_go_by_the_reference_of_its_standard(skin: Skin) -> None:
    assert parse(shown(skin, reference="st9001")).record == replace(EXPECTED, reference="ST9001", occupation_code=None)


@pytest.mark.parametrize("skin", EVERY_SKIN)
def test_prose_alone_is_the_old_template(skin: Skin) -> None:
    bare = replace(OCCUPATION, summary="", entry="", job_titles=(), duties=(), ksbs={}, information="<h3>Profile</h3><p>Lanterns.</p>")
    record = parse(render(bare, skin)).record
    assert (record.standard_information, record.occupation_summary, record.content) == ("Profile Lanterns.", None, Content())


def test_facts_of_the_panel() -> None:
    record: Record = parse(shown(Tables())).record
    assert (record.changed_on, record.level, record.route, record.is_regulated) == (date(2022, 4, 5), 3, "Transport and logistics", False)


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        pytest.param("P-MISSING-FIELD", shown(Tables(), reference=None), id="no reference"),
        pytest.param("P-MISSING-FIELD", shown(Tables(), level=None), id="no level"),
        pytest.param(
            "P-MISSING-FIELD", render(replace(OCCUPATION, summary="", entry="", duties=(), ksbs={}), Tables()), id="nothing in it"
        ),
        pytest.param("P-BAD-VALUE", shown(Tables(), regulated_occupation="Perhaps"), id="a regulation"),
        pytest.param("P-BAD-VALUE", shown(Tables(), reference="OCC901"), id="a reference"),
        pytest.param("P-NOT-A-STANDARD", b"<html><body><h1>Page not found</h1></body></html>", id="a page not found"),
        pytest.param("P-KSB-CODES", shown(Tables()).replace(b">B1</th>", b">B2</th>"), id="a gap"),
    ],
)
def test_a_fault_meets_its_rule(rule: str, body: bytes) -> None:
    with pytest.raises(ParseError) as raised:
        parse(body)
    assert raised.value.rule == rule


def test_it_shows_no_version_of_a_standard() -> None:
    with pytest.raises(ParseError) as raised:
        page.parse(page.evidence(shown(Tables(), reference="ST9001")))
    assert raised.value.rule == "P-MISSING-FIELD"
