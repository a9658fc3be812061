"""Thousands of damaged pages and records: each reads the same, is refused by a coded rule, or says what it visibly says.

Belongs here: how a page or a record is damaged, and what a visitor still sees of it. What a visitor sees is found
without the parsers: all words of the page that no attribute or element hides, one after the other.

    same        the record of the whole page
    refused     a ParseError with a rule
    complained  another record, with a finding that names what was not read
    other       another record, and nothing a visitor sees contradicts it: a word changed, the last item gone
"""

import copy
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import lxml.html
import orjson
import pytest
from lxml.html import HtmlElement

from schemas.record import Record
from schemas.rules import RULES
from scrapers import api, occupation, page
from scrapers.reading import ParseError, Reading
from scrapers.sample.records import sample_records
from tests.scrapers.test_occupation import PANEL as OCCUPATION_PANEL
from tests.skins import FACTS, SKINS, Facts, Skin, render

# How many mutants of each page and record; more of them look further.
TIMES = int(os.environ.get("MUTANTS", "1"))
PAGES_EACH, OCCUPATIONS_EACH, RECORDS_EACH = 220 * TIMES, 80 * TIMES, 250 * TIMES

Outcome = Literal["same", "refused", "complained", "other"]
Damage = Callable[[random.Random, HtmlElement], None]

RICH = replace(
    FACTS,
    duties=(
        ("Duty 1", "Light the lanterns on the northern quay", "At dusk, all of them", (("K1", "K2"), ("S1",), ())),
        ("Duty 2", "Trim wicks and fill reservoirs", "Before the flood tide", (("K3",), ("S2", "S3"), ("B1",))),
        ("Duty 3", "Report lamps that failed overnight", "By eight in the morning", (("K4",), (), ("B2",))),
    ),
    ksbs={
        "Knowledge": (
            ("K1", "Oils, wicks and their storage"),
            ("K2", "Tide tables of the estuary"),
            ("K3", "Signals between vessels and shore"),
            ("K4", "Law of harbours at night"),
        ),
        "Skills": (("S1", "Climb ladders carrying equipment"), ("S2", "Splice ropes under load"), ("S3", "Mend brass fittings")),
        "Behaviours": (("B1", "Calm in the dark"), ("B2", "Honest about mistakes made")),
    },
)
OCCUPATION = replace(RICH, panel=OCCUPATION_PANEL, log=(), notices=())


# --- what a visitor sees --------------------------------------------------------------------------

UNSEEN = frozenset(("script", "style", "template", "noscript", "title", "head", "svg"))


def squeezed(words: str) -> str:
    """Words without spaces and what nobody sees, so that mark-up between them does not count."""
    return re.sub(r"[\s\u00ad\u200b-\u200d\u2060\ufeff]+", "", words)


def seen(root: HtmlElement) -> Iterator[str]:
    """Every word that a visitor is shown."""
    is_hidden = (
        not isinstance(root.tag, str)
        or root.tag in UNSEEN
        or "hidden" in root.attrib
        or "none" in (root.get("style") or "")
        or (root.tag in ("span", "i") and root.get("aria-hidden") == "true")
    )
    if not is_hidden:
        yield root.text or ""
        for child in root:
            yield from seen(child)
    yield root.tail or ""


# --- damage ---------------------------------------------------------------------------------------


def elements(root: HtmlElement) -> list[HtmlElement]:
    return [element for element in root.iter() if isinstance(element.tag, str) and element.tag not in ("html", "head", "body", "meta")]


def with_text(root: HtmlElement) -> list[HtmlElement]:
    return [element for element in elements(root) if element.text and element.text.strip() and element.tag not in UNSEEN]


def drop(rng: random.Random, root: HtmlElement) -> None:
    rng.choice(elements(root)).drop_tree()


def unwrap(rng: random.Random, root: HtmlElement) -> None:
    rng.choice(elements(root)).drop_tag()


def duplicate(rng: random.Random, root: HtmlElement) -> None:
    element = rng.choice(elements(root))
    element.addnext(copy.deepcopy(element))


def swap(rng: random.Random, root: HtmlElement) -> None:
    element = rng.choice(elements(root))
    following = element.getnext()
    if following is not None:
        following.addnext(element)


def move(rng: random.Random, root: HtmlElement) -> None:
    element, other = rng.sample(elements(root), 2)
    if element not in other.iterancestors() and element is not other:
        other.addnext(element)


def rename_tag(rng: random.Random, root: HtmlElement) -> None:
    rng.choice(elements(root)).tag = rng.choice(
        ("div", "span", "p", "section", "td", "li", "b", "h3", "dd", "dt", "ul", "th", "tr", "article")
    )


def empty(rng: random.Random, root: HtmlElement) -> None:
    rng.choice(with_text(root)).text = None


def cut_text(rng: random.Random, root: HtmlElement) -> None:
    element = rng.choice(with_text(root))
    element.text = element.text[: rng.randrange(len(element.text))]


def flip(rng: random.Random, root: HtmlElement) -> None:
    element = rng.choice(with_text(root))
    at = rng.randrange(len(element.text))
    element.text = element.text[:at] + rng.choice("abkKsSB1235£:.-, \u00a0é") + element.text[at + 1 :]


def inject(rng: random.Random, root: HtmlElement) -> None:
    element = rng.choice(elements(root))
    words = rng.choice(
        ("Lorem ipsum", "K1", "K9", "Level: 9", "Duty 2", "S1: words", "Skills", "Version log", "£9", "see overleaf", "Reference")
    )
    element.insert(rng.randrange(len(element) + 1), lxml.html.fragment_fromstring(f"<{rng.choice(('p', 'span', 'div'))}>{words}</{'p'}>"))


def swap_texts(rng: random.Random, root: HtmlElement) -> None:
    one, other = rng.sample(with_text(root), 2)
    one.text, other.text = other.text, one.text


def rename_label(rng: random.Random, root: HtmlElement) -> None:
    element = rng.choice(with_text(root))
    element.text = rng.choice(("Colour", "Funding cap", "About it", "What they know", "Task 1", "History"))


def change_code(rng: random.Random, root: HtmlElement) -> None:
    coded = [element for element in with_text(root) if re.search(r"[KSB]\d", element.text)]
    if coded:
        element = rng.choice(coded)
        element.text = re.sub(r"([KSB])(\d)", lambda code: rng.choice("KSB") + rng.choice("12345"), element.text, count=1)


def drop_column(rng: random.Random, root: HtmlElement) -> None:
    tables = [table for table in root.iter("table") if next(table.iter("tr"), None) is not None]
    if tables:
        table = rng.choice(tables)
        column = rng.randrange(4)
        for row in list(table.iter("tr")):
            if len(row) > column:
                row[column].drop_tree()


def swap_columns(rng: random.Random, root: HtmlElement) -> None:
    rows = [row for row in root.iter("tr") if len(row) > 1]
    if rows:
        table = rng.choice(rows).getparent()
        for row in table.iter("tr"):
            if len(row) > 1:
                row.insert(0, row[1])


def merge_cells(rng: random.Random, root: HtmlElement) -> None:
    rows = [row for row in root.iter("tr") if len(row) > 1]
    if rows:
        row = rng.choice(rows)
        words = " ".join(row[1].text_content().split())
        row[0].tail, row[0].text = None, " ".join((row[0].text_content(), words))
        for child in list(row[0]):
            child.drop_tree()
        row.remove(row[1])


def join_siblings(rng: random.Random, root: HtmlElement) -> None:
    element = rng.choice(elements(root))
    following = element.getnext()
    if following is not None:
        for child in list(following):
            element.append(child)


def hide(rng: random.Random, root: HtmlElement) -> None:
    rng.choice(elements(root)).set("hidden", "")


TREE_DAMAGE: tuple[Damage, ...] = (
    *(drop, unwrap, duplicate, swap, move, rename_tag, empty, cut_text, flip, inject, swap_texts),
    *(rename_label, change_code, drop_column, swap_columns, merge_cells, join_siblings, hide),
)


def cut_bytes(rng: random.Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body))]


def lose_bytes(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + body[at + rng.randrange(1, 60) :]


def noise(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4))) + body[at + 1 :]


def other_encoding(rng: random.Random, body: bytes) -> bytes:
    return body.decode().encode(rng.choice(("utf-16", "utf-8-sig", "windows-1252", "utf-7")), "replace")


def entities(rng: random.Random, body: bytes) -> bytes:
    """Letters of the words as numbers, soft hyphens and joiners between them: a visitor sees no difference."""

    def noisy(match: re.Match[str]) -> str:
        return re.sub(r"[A-Za-z]", lambda letter: letter[0] if rng.random() < 0.9 else f"&#{ord(letter[0])};", match[0])

    return re.sub(r"(?<=>)[^<>&]+(?=<)", noisy, body.decode()).encode()


BYTE_DAMAGE = (cut_bytes, lose_bytes, noise, other_encoding, entities)


def damaged(rng: random.Random, body: bytes) -> tuple[str, bytes]:
    """The page with one thing wrong; its name, and the mutant."""
    if rng.random() < 0.15:
        hurt = rng.choice(BYTE_DAMAGE)
        return hurt.__name__, hurt(rng, body)
    root = lxml.html.document_fromstring(body, parser=lxml.html.HTMLParser(encoding="utf-8"))
    harm = rng.choice(TREE_DAMAGE)
    harm(rng, root)
    mutant: bytes = lxml.html.tostring(root, encoding="utf-8", doctype="<!DOCTYPE html>")
    return harm.__name__, mutant


# --- what is wrong --------------------------------------------------------------------------------


def texts_of(record: Record) -> list[str]:
    """Every text that a record tells, each once as its own."""
    texts = [ksb.text for ksb in record.content.ksbs]
    texts += [text for duty in record.content.duties for text in (duty.text, duty.criteria) if text]
    texts += [text for text in (record.title, record.occupation_summary, record.entry_requirements, record.standard_information) if text]
    return [*texts, *record.job_titles, *(part for part in (record.notice or "").split("; ") if part)]


def words_seen(body: bytes) -> str:
    """Every word of a page that a visitor is shown, without spaces."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("windows-1252", "replace")
    return squeezed("".join(seen(lxml.html.document_fromstring(text))))


def wrongs(facts: Facts, whole: Record, shown_before: str, body: bytes, found: Record, *, is_moved: bool) -> list[str]:
    """What the record tells and no visitor sees, and what a visitor sees and the record silently leaves out."""
    visible = words_seen(body)
    return [
        *(f"invented: {text!r}" for text in texts_of(found) if squeezed(text) not in visible and not is_spread(squeezed(text), visible)),
        *lost_texts(whole, found, visible, is_moved=is_moved),
        *mixed_items(whole, found, visible),
        *misread_values(facts, whole, found, visible, is_moved=is_moved),
        *(() if is_moved else lost_links(whole, found, visible, shown_before)),
    ]


def lost_texts(whole: Record, found: Record, visible: str, *, is_moved: bool) -> Iterator[str]:
    """Texts of the whole record that are still there and told nowhere; moved ones only if they still stand beside their label."""
    everything = "\n".join(map(squeezed, [*texts_of(found), *map(str, found.attributes.values())]))
    # What stands above the title is the site's own.
    below = visible.partition(squeezed(whole.title))[2] if is_moved else visible
    labels = {ksb.text: ksb.code for ksb in whole.content.ksbs} | {duty.text: squeezed(duty.label) for duty in whole.content.duties}
    for text in texts_of(whole):
        words = re.escape(squeezed(text))
        is_there = text in labels and re.search(rf"{labels[text]}:?{words}", below) is not None
        if squeezed(text) not in everything and (is_there or (not is_moved and text != whole.title and squeezed(text) in visible)):
            yield f"lost: {text!r}"


def mixed_items(whole: Record, found: Record, visible: str) -> Iterator[str]:
    """Items that hold the words of two, or stand away from their code."""
    own = [squeezed(ksb.text) for ksb in whole.content.ksbs]
    for ksb in found.content.ksbs:
        words = squeezed(ksb.text)
        if sum(text in words for text in own) > 1:
            yield f"merged: {ksb.text!r}"
        if not re.search(rf"{ksb.code}\D{{0,12}}?{re.escape(words)}", visible):
            yield f"not beside its code: {ksb.code} {ksb.text!r}"


def lost_links(whole: Record, found: Record, visible: str, shown_before: str) -> Iterator[str]:
    """Links of a duty that came or went although the page names the code as often as before."""
    before = {duty.text: set(duty.codes) for duty in whole.content.duties}
    for duty in found.content.duties:
        for code in before.get(duty.text, set(duty.codes)) ^ set(duty.codes):
            if len(re.findall(rf"{code}(?!\d)", visible)) == len(re.findall(rf"{code}(?!\d)", shown_before)):
                yield f"mapping: {duty.label} {code}"


def misread_values(facts: Facts, whole: Record, found: Record, visible: str, *, is_moved: bool) -> Iterator[str]:
    """Facts of the panel that still stand there and are told otherwise, or not at all."""
    for label, value in facts.panel:
        column, words = page_column(label), squeezed(value)
        if column is None or getattr(found, column) == getattr(whole, column):
            continue
        if f"{squeezed(label)}:{words}" in visible.replace("::", ":"):
            yield f"misread: {label}"
        elif not is_moved and len(value) > 2 and getattr(found, column) is None and re.search(rf"(?<!\d){re.escape(words)}", visible):
            yield f"lost value: {label}"


def is_spread(words: str, visible: str) -> bool:
    """Whether words stand in the page in order, with nothing but a code, a link or a label between their parts."""
    at = 0
    while words:
        size = next((size for size in range(min(len(words), 200), 3, -1) if visible.find(words[:size], at) >= 0), 0)
        if not size:
            return False
        at = visible.find(words[:size], at) + size
        words = words[size:]
    return True


def page_column(label: str) -> str | None:
    """The column of a label whose value is like no other."""
    columns = {
        "Typical duration to gateway": "typical_duration_months",
        "Typical EPA period": "epa_period_months",
        "Maximum funding": "max_funding_gbp",
        "Route": "route",
        "Lars code": "lars_code",
        "EQA provider": "eqa_provider",
    }
    return columns.get(label)


def outcome(
    facts: Facts, whole: Reading, shown_before: str, read: Callable[[bytes], Reading], body: bytes, damage: str
) -> tuple[Outcome, str]:
    try:
        reading = read(page.evidence(body))
    except ParseError as error:
        return ("refused", "") if RULES[error.rule].outcome == "hold" else ("other", f"refused by {error.rule}, which only warns")
    if reading == whole:
        return "same", ""
    if reading.findings != whole.findings:
        return "complained", reading.findings[0].rule if reading.findings else ""
    wrong = wrongs(
        facts, whole.record, shown_before, body, reading.record, is_moved=damage in ("move", "swap", "swap_texts", "swap_columns")
    )
    return "other", "; ".join(wrong)


def survey(facts: Facts, skin: Skin, read: Callable[[bytes], Reading], times: int) -> tuple[Counter[str], dict[str, str]]:
    """How the mutants of one page end, and those that end wrongly."""
    body = render(facts, skin)
    whole = read(page.evidence(body))
    shown_before = words_seen(body)
    counts: Counter[str] = Counter()
    bad: dict[str, str] = {}
    for number in range(times):
        rng = random.Random(f"{skin.name} {number}")
        name, mutant = damaged(rng, body)
        end, why = outcome(facts, whole, shown_before, read, mutant, name)
        counts[end] += 1
        if end == "other" and why:
            bad[f"{skin.name} {number} {name}"] = why
    return counts, bad


@pytest.mark.parametrize("skin", [pytest.param(skin, id=skin.name) for skin in SKINS])
def test_a_damaged_page_is_never_read_wrongly(skin: Skin) -> None:
    counts, bad = survey(RICH, skin, page.parse, PAGES_EACH)
    assert bad == {}, counts


@pytest.mark.parametrize("skin", [pytest.param(skin, id=skin.name) for skin in SKINS])
def test_a_damaged_occupation_page_is_never_read_wrongly(skin: Skin) -> None:
    counts, bad = survey(OCCUPATION, skin, occupation.parse, OCCUPATIONS_EACH)
    assert bad == {}, counts


# --- records of the API ---------------------------------------------------------------------------

# What each key is read into; a key that is not here is kept and not read.
READ_INTO = {
    "title": "title",
    "status": "status",
    "approvedForDeliveryPausedStarts": "is_paused_for_starts",
    "level": "level",
    "route": "route",
    "typicalDuration": "typical_duration_months",
    "ePALength": "epa_period_months",
    "minimumHoursForCompliance": "minimum_hours",
    "maxFunding": "max_funding_gbp",
    "larsCode": "lars_code",
    "occupationCode": "occupation_code",
    "ssa1": "ssa_tier_1",
    "ssa2": "ssa_tier_2",
    "eQAProvider": "eqa_provider",
    "regulated": "is_regulated",
    "regulatedBody": "regulated_body",
    "integration": "integration",
    "integratedDegree": "integrated_degree",
    "coreAndOptions": "is_core_and_options",
    "templateType": "template_type",
    "tbReference": "trailblazer_reference",
    "change": "change_note",
    "changedDate": "changed_on",
    "approvedForDelivery": "approved_on",
    "publishDate": "published_on",
    "earliestStartDate": "earliest_start_on",
    "latestStartDate": "latest_start_on",
    "assessmentPlanUrl": "assessment_plan_url",
    "standardPageUrl": "page_url",
    "banners": "notice",
    "overviewOfRole": "overview",
    "occupationalSummary": "occupation_summary",
    "entryRequirements": "entry_requirements",
    "standardInformation": "standard_information",
    "typicalJobTitles": "job_titles",
    "qualifications": "qualifications",
    "professionalRecognition": "professional_recognition",
    "regulationDetail": "regulation",
    **dict.fromkeys(
        ("knowledges", "skills", "behaviours", "duties", "options", "optionsUnstructuredTemplate", "optionsUnstructuredKsbMapping"),
        "content",
    ),
}
NOISE: tuple[Any, ...] = (
    *(None, "", "x", "\u0000\ud7ff\U0001f9ff", " \u200b", 0, -1, 10**12, 1.5, True, [], {}, [None], [[]], {"a": 1}, "0001-01-01T00:00:00"),
    *("2024-02-31T00:00:00", "12", ["a", "a"], "K1: ", "&lt;p&gt;", "<b>", "9" * 400, [{"detail": "x"}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value inside a record stands."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*path, key))


def broken(rng: random.Random, record: dict[str, Any]) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The record with one thing wrong: how, where, and the mutant."""
    mutant = copy.deepcopy(record)
    top = rng.choice(list(mutant))
    path = rng.choice([place for place in places(mutant) if place[0] == top])
    holder: Any = mutant
    for key in path[:-1]:
        holder = holder[key]
    key, value = path[-1], holder[path[-1]]
    how = rng.choice(("drop", "rename", "replace", "wrap", "retype", "again", "reverse", "noise"))
    if how == "drop":
        del holder[key]
    elif how == "rename" and isinstance(holder, dict):
        holder[rng.choice((f"{key}s", f"{key}New", str(key).upper(), str(key)[1:]))] = holder.pop(key)
    elif how == "replace":
        holder[key] = rng.choice(NOISE)
    elif how == "wrap":
        holder[key] = rng.choice(([value], {"value": value}))
    elif how == "retype":
        holder[key] = str(value) if not isinstance(value, str) else int(value) if value.isdecimal() else [value]
    elif how == "again" and isinstance(value, list) and value:
        value.append(copy.deepcopy(rng.choice(value)))
    elif how == "reverse" and isinstance(value, list):
        value.reverse()
    elif isinstance(value, str) and value:
        at = rng.randrange(len(value))
        holder[key] = value[:at] + rng.choice(("\u00a0", "\r\n", "\ufeff", "e\u0301", "&amp;", "<br />", "\U0001f9ff", "@")) + value[at:]
    return how, path, mutant


SAMPLES = sample_records()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_record_is_never_read_wrongly(name: str) -> None:
    (entry,), _, _ = api.split(orjson.dumps([SAMPLES[name]]))
    whole = api.parse(entry.evidence)
    counts: Counter[str] = Counter()
    bad = {}
    for number in range(RECORDS_EACH):
        how, path, mutant = broken(random.Random(f"{name} {number}"), SAMPLES[name])
        try:
            entries, found, unplaced = api.split(orjson.dumps([mutant, SAMPLES[OTHER[name]]]))
            readings = [api.parse(entry.evidence) for entry in entries if entry.reference == whole.record.reference]
        except ParseError as error:
            counts["refused" if RULES[error.rule].outcome == "hold" else "uncoded"] += 1
            continue
        if len(readings) != 1:
            assert found or unplaced
            counts["refused"] += 1
            continue
        (reading,) = readings
        different = {
            column for column in (*whole.record.attributes, "content") if getattr(reading.record, column) != getattr(whole.record, column)
        }
        counts["other" if different else "same"] += 1
        if wrong := different - {READ_INTO.get(path[0], "version" if path[0] == "version" else "")}:
            bad[f"{number} {how} {path}"] = f"reads {wrong} otherwise"
        elif different and len(path) == 1 and how in ("drop", "rename"):
            bad[f"{number} {how} {path}"] = f"reads {different} as nothing"
    assert bad == {}, counts
    assert not counts["uncoded"]


# Another standard to stand in the same array.
OTHER = {name: next(other for other in SAMPLES if other[:6] != name[:6]) for name in SAMPLES}
