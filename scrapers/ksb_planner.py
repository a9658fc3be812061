"""Read a page of KSB Planner, a third party that republishes the standards: a second opinion on their facts.

Belongs here: its address, its labels and sentences, and the facts as they are kept. Not here: what the facts are
compared with (pipelines.changes.sources).

Its prose is its own work, and what it takes over from the publisher is cut short: neither is read or kept. The
evidence of a visit is therefore no page, but its facts as JSON. Of its mark-up nothing is known but the words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from schemas.conflict import Republished
from schemas.text import plain, said
from scrapers.addresses import without_addresses
from scrapers.api import version_number
from scrapers.lines import Line, labelled
from scrapers.page import lines_of
from scrapers.reading import ParseError

NAME: Final = "ksb_planner"
TEMPLATE_RE: Final = re.compile(r"https?://[^/\s{}?#]+/(?:[^\s{}#]|\{title\})*\{reference\}(?:[^\s{}#]|\{title\})*")

_MENTION_RE: Final = re.compile(r"\b(?:ST|FA|AU)\d{4}\b")
# Other standards may be linked to; these words name the page's own.
_OWN_RE: Final = re.compile(r"\bthe ((?:ST|FA|AU)\d{4}) (?:standard|delivery guide)\b", re.IGNORECASE)
_TITLES: Final = frozenset(("version & source", "version and source"))
_END: Final = "frequently asked questions"
_LABELS: Final = {
    "version": "version",
    "last changed": "changed_on",
    "earliest start": "earliest_start_on",
    "approved for delivery": "approved_on",
    "eqa provider": "eqa_provider",
    "sector subject area": "ssa_tier_2",
    "trailblazer": "trailblazer_reference",
    "last checked": "last_checked_on",
}
# A label of a date, and the words of many a version's change note.
_NOTE: Final = "approved for delivery"
# Lines that state facts, whole or by how they begin, so that a word in the prose is never taken for one.
_FACTS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"A .{1,200}? Level (?P<level>\d) apprenticeship prepares\b.*",
        r"Level:? (?P<level>\d)",
        r"The .{1,200} apprenticeship has (?P<knowledge_count>\d+) knowledge items?, (?P<skill_count>\d+) skills?,? "
        r"and (?P<behaviour_count>\d+) behaviours? that apprentices must demonstrate\.",
        r"The typical duration is (?P<typical_duration_months>\d+) months?(?:, with a maximum funding band of £(?P<max_funding_gbp>[\d,]+))?\.",
        r"OTJ Hours:? (?P<minimum_hours>[\d,]+)",
        r"Knowledge:? \(?(?P<knowledge_count>\d+)\)?",
        r"Skills:? \(?(?P<skill_count>\d+)\)?",
        r"Behaviours:? \(?(?P<behaviour_count>\d+)\)?",
        r"Duties:? \(?(?P<duty_count>\d+)\)?",
    )
)
# A number may stand on a line of its own, below what it counts.
_NUMBER_RE: Final = re.compile(r"\(?[\d,]+\)?")
_DAY_RE: Final = re.compile(r"(\d{1,2}) ([A-Za-z]{3,9}) (\d{4})")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NOT_SET: Final = frozenset(("", "-", "–", "n/a", "none", "not set", "tbc", "unknown"))


def address(template: str, reference: str, title: str) -> str:
    """The address of a standard: `{reference}` in the template is st0128, `{title}` software-development-technician."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return template.replace("{reference}", reference.lower()).replace("{title}", slug)


def root_of(template: str) -> str:
    """`https://host`: the site the template leads to."""
    parts = urlsplit(template)
    return f"{parts.scheme}://{parts.netloc}"


def evidence(facts: Republished) -> bytes:
    """The facts as they are kept: JSON in one form only."""
    return orjson.dumps(asdict(facts), option=orjson.OPT_SORT_KEYS)


def facts_of(body: bytes) -> Republished:
    """The facts that `evidence` kept."""
    values: dict[str, Any] = {
        name: date.fromisoformat(value) if value is not None and name.endswith("_on") else value
        for name, value in orjson.loads(body).items()
    }
    return Republished(**values)


def parse(body: bytes) -> Republished:
    """Read a page as it was served.

    Raises ParseError (P-NOT-A-STANDARD where it names none, P-MISSING-FIELD, P-BAD-VALUE).
    """
    lines = lines_of(body)
    reference = _reference(lines)
    values: dict[str, Any] = {"reference": reference, **_labelled_facts(lines)}
    for name, number in _stated_facts(lines):
        if values.setdefault(name, number) != number:
            raise ParseError("P-BAD-VALUE", f"{name} stands twice: {values[name]} and {number}")
    return Republished(**values)


def _reference(lines: Sequence[Line]) -> str:
    text = "\n".join(line.text for line in lines)
    found = {match[1].upper() for match in _OWN_RE.finditer(text)} or {match[0] for match in _MENTION_RE.finditer(text)}
    if not found:
        raise ParseError("P-NOT-A-STANDARD", "It names no standard.")
    if len(found) > 1:
        raise ParseError("P-BAD-VALUE", f"It names several standards: {', '.join(sorted(found)[:5])}")
    (reference,) = found
    return reference


def _labelled_facts(lines: Sequence[Line]) -> dict[str, Any]:
    """What stands under "Version & Source", each label followed by its words; the version's are its number and the change note."""
    at = next((i for i, line in enumerate(lines) if line.key in _TITLES), None)
    if at is None:
        raise ParseError("P-MISSING-FIELD", "Version & Source")
    words: dict[str, list[str]] = {}
    column = ""
    for index, line in enumerate(lines[at + 1 :], at + 2):
        found = labelled(line, _LABELS.__contains__)
        if found == (_NOTE, "") and column == "version" and not _has_day(lines[index : index + 1]):
            found = None
        if line.key == _END or (not found and 0 < line.level <= (lines[at].level or line.level)):
            break
        if found:
            column = _LABELS[found[0]]
            if column in words:
                raise ParseError("P-BAD-VALUE", f"{found[0]} stands twice.")
            words[column] = [found[1]] if found[1] else []
        elif not column:
            raise ParseError("P-BAD-VALUE", f"no label: {line.text[:60]!r}")
        else:
            words[column].append(line.text)
    number, *note = words.pop("version", None) or [""]
    if not number:
        raise ParseError("P-MISSING-FIELD", "version")
    values: dict[str, Any] = {"version": version_number(number), "change_note": _text(" ".join(note))}
    for name, parts in words.items():
        if len(parts) > 1:
            raise ParseError("P-BAD-VALUE", f"{name}: {' / '.join(parts)[:80]!r}")
        values[name] = (_day if name.endswith("_on") else _text)("".join(parts))
    return values


def _has_day(lines: Sequence[Line]) -> bool:
    return any(_DAY_RE.fullmatch(line.text) or line.text.casefold() in _NOT_SET for line in lines)


def _stated_facts(lines: Sequence[Line]) -> Iterator[tuple[str, int]]:
    for index, line in enumerate(lines):
        below = lines[index + 1].text if index + 1 < len(lines) else ""
        texts = (line.text, f"{line.text} {below}") if _NUMBER_RE.fullmatch(below) else (line.text,)
        for match in (pattern.fullmatch(text) for text in texts for pattern in _FACTS):
            for name, digits in match.groupdict().items() if match else ():
                if digits:
                    yield name, int(digits.replace(",", ""))


def _text(words: str) -> str | None:
    text = said(without_addresses(plain(words)))
    return None if text is None or text.casefold() in _NOT_SET else text


def _day(words: str) -> date | None:
    text = plain(words)
    if text.casefold() in _NOT_SET:
        return None
    match = _DAY_RE.fullmatch(text)
    months = [month for month, name in enumerate(_MONTHS, 1) if match and name.startswith(match[2].casefold().removesuffix("."))]
    try:
        if match and len(months) == 1:
            return date(int(match[3]), months[0], int(match[1]))
    except ValueError:
        pass
    raise ParseError("P-BAD-VALUE", f"a date: {text[:40]!r}")
