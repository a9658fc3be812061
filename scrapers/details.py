"""The details of the occupational standard: everything on a page but the panel, the notices and the log.

Belongs here: which lines belong to which section. Not here: how duties and KSBs are read.

The sections follow one another without an end of their own, and their prose may hold any word a
title is made of. So a title counts by its words, by looking like the others, and by what follows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.record import Content
from schemas.rules import Finding
from schemas.text import plain, visible
from scrapers import duties, ksbs
from scrapers.lines import Line, words_of
from scrapers.reading import ParseError

TITLES: Final = frozenset(("details of the occupational standard", "details of occupational standard"))
SUMMARY_TITLES: Final = frozenset(("occupation summary", "occupational summary"))
_JOBS_TITLE: Final = "typical job titles include"
_JOBS_TITLES: Final = frozenset((_JOBS_TITLE, "typical job titles"))
_ENTRY_TITLES: Final = frozenset(("entry requirements",))
_LOADING_RE: Final = re.compile(r"content loading\W*", re.IGNORECASE)
# What the site puts between the sections: known, and not read.
_CHROME_RE: Final = re.compile(
    r"information symbol|t-levels? ?logo|(?:t-levels? ?logo)?t levels focus on .*|print occupational standard|back to top|content loading\W*",
    re.IGNORECASE,
)
# What the site puts below the sections.
_BELOW_RE: Final = re.compile(
    r"""(?:
      t[\ -]levels?\ in\b.* | qualification\ (?:type|level)\b.* | awarding\ organisation\b.* | approval\ date\b.*
    | available\ from\b.* | occupational\ specialism\b.* | product\ page | aligned\ occupational\ standards?
    | employers\ involved\b.* | involved\ employers\b.* | crown\ copyright.* | is\ this\ (?:web)?page\ useful.*
    | thank\ you\ for\ your\ feedback.* | tell\ us\ about\ your\ experience.*
    )""",
    re.VERBOSE | re.IGNORECASE,
)
# Sections of the site that say nothing a record keeps; only a heading is taken for one.
_KNOWN_HEADINGS: Final = frozenset(
    (
        "additional details",
        "duration (months)",
        "end-point assessment",
        "english & maths",
        "english and maths",
        "occupational level",
        "professional recognition",
        "qualifications",
        "regulated standard",
        "regulation",
        "review",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the details say; `findings` name what is in them and could not be read."""

    occupation_summary: str | None = None
    job_titles: tuple[str, ...] = ()
    entry_requirements: str | None = None
    standard_information: str | None = None
    content: Content
    findings: tuple[Finding, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Neither prose nor duties nor KSBs."""
        prose = self.occupation_summary or self.standard_information or self.entry_requirements
        return not (prose or self.content.ksbs or self.content.duties)


def is_loading(line: Line) -> bool:
    """Whether the line only promises content that a script would fetch."""
    return _LOADING_RE.fullmatch(line.text) is not None


def read_details(lines: Sequence[Line], *, is_draft: bool) -> Details:
    """Read the lines that follow the title of the details.

    `is_draft`: a standard still being written has a summary before it has KSBs; without KSBs any
    other one is of the old template, all prose.
    Raises ParseError (P-KSB-CODES, P-DUTY-NUMBERS, P-MAPPED-CODE-MISSING, P-BAD-VALUE, P-MISSING-FIELD).
    """
    found_duties = _duties(lines)
    found_ksbs = _ksbs(lines, found_duties)
    content = Content(
        ksbs=found_ksbs.items if found_ksbs else (),
        duties=found_duties.duties if found_duties else (),
    )
    _check_codes(content)
    firsts = [found.begin for found in (found_duties, found_ksbs) if found]
    prose = lines[: min(firsts) if firsts else _prose_end(lines, is_draft=is_draft)]
    findings = [*(found_duties.findings if found_duties else ())]
    is_old = not firsts and not is_draft
    sections = _sections(prose, is_old=is_old)
    facts = {name: visible(words_of(part)) or None for name, part in sections.items() if name in ("summary", "entry")}
    titles, rest = _listed(sections.get("jobs", []))
    others = [*sections.get("", []), *rest, *sections.get("rest", [])]
    information = None
    if is_old:
        information = visible(words_of([line for line in others if not _CHROME_RE.fullmatch(line.text)])) or None
        if information is None:
            information = facts.pop("summary", None)
    else:
        findings += _strays(others)
    if found_duties:
        findings += _strays(lines[found_duties.end : found_ksbs.begin if found_ksbs else len(lines)])
    if found_ksbs:
        findings += _strays(lines[found_ksbs.end :])
    return Details(
        occupation_summary=facts.get("summary"),
        job_titles=tuple(sorted({title for line in titles if (title := plain(line.text))})),
        entry_requirements=facts.get("entry"),
        standard_information=information,
        content=content,
        findings=tuple(findings),
    )


def _duties(lines: Sequence[Line]) -> duties.Duties | None:
    """The duties; a title that nothing follows is no duty."""
    title = duties.find_duties(lines)
    if title is None:
        return None
    if table := duties.read_table(lines, title):
        return table
    first = next((i for i in range(title, len(lines)) if duties.duty_mark(lines[i])), title)
    marks = ksbs.marks_of(lines, first + 1)
    begin = ksbs.find_ksbs(lines, marks, first + 1, has_duties=True, is_of_duty=duties.is_of_duty)
    end = begin if begin is not None else title + 1 + _prose_end(lines[title + 1 :], is_draft=True)
    if first == title and all(duties.is_of_duty(line) or _is_known(line) for line in lines[title + 1 : end]):
        return duties.Duties(begin=title, end=end)
    return duties.read_list(lines, title, end, is_bounded=begin is not None)


def _ksbs(lines: Sequence[Line], found: duties.Duties | None) -> ksbs.Ksbs | None:
    has_duties = found is not None and bool(found.duties)
    after = found.end if found else 0
    marks = ksbs.marks_of(lines, after)
    begin = ksbs.find_ksbs(lines, marks, after, has_duties=has_duties, is_of_duty=duties.is_of_duty)
    ksbs.check_none(lines[after:begin], marks[after:begin], has_duties=has_duties)
    return None if begin is None else ksbs.read_ksbs(lines, marks, begin, is_below=_is_known)


def _check_codes(content: Content) -> None:
    listed = {ksb.code for ksb in content.ksbs}
    for duty in content.duties:
        missing = [code for code in duty.codes if code not in listed]
        if missing:
            raise ParseError("P-MAPPED-CODE-MISSING", f"{duty.label}: {', '.join(missing)}")


def _sections(lines: Sequence[Line], *, is_old: bool) -> Mapping[str, list[Line]]:
    """The lines of each section, without its title; what stands before the first one has the name ''."""
    titles = _own_titles(lines) if is_old else _titles(lines)
    sections: dict[str, list[Line]] = {}
    name = ""
    for index, line in enumerate(lines):
        if index in titles:
            name = titles[index]
        else:
            if is_old and name == "entry" and line.level:
                name = "rest"
            sections.setdefault(name, []).append(line)
    return sections


def _titles(lines: Sequence[Line]) -> dict[int, str]:
    """Where each section's title stands. A line of prose with the same words does not look like a title."""
    summary = next((i for i, line in enumerate(lines) if line.key in SUMMARY_TITLES), None)
    model = lines[summary] if summary is not None else None
    found = {} if summary is None else {summary: "summary"}
    begin = 0 if summary is None else summary + 1
    jobs = [i for i in range(begin, len(lines)) if lines[i].key in _JOBS_TITLES and _looks_alike(lines[i], model)]
    jobs = [i for i in jobs if lines[i].key == _JOBS_TITLE] or jobs
    if jobs:
        found[jobs[-1]] = "jobs"
    entry = [i for i in range(begin, len(lines)) if lines[i].key in _ENTRY_TITLES and _looks_alike(lines[i], model)]
    if entry:
        found[next((i for i in entry if jobs and i > jobs[-1]), entry[0])] = "entry"
    return found


def _own_titles(lines: Sequence[Line]) -> dict[int, str]:
    """The site's own titles on a page of the old template: the prose below them has titles of its own, often in the same words."""
    own: dict[int, str] = {}
    model: Line | None = None
    for index, line in enumerate(lines):
        if line.key in SUMMARY_TITLES and not own:
            own[index], model = "summary", line
        elif line.key == _JOBS_TITLE and index + 1 < len(lines) and lines[index + 1].tag == "li":
            own[index] = "jobs"
        elif line.key in _ENTRY_TITLES and _looks_alike(line, model):
            own[index] = "entry"
        elif line.level:
            break
    return own


def _looks_alike(line: Line, model: Line | None) -> bool:
    if model is None or line.key == _JOBS_TITLE:
        return True
    return bool(line.level) if model.level else line.is_bold >= model.is_bold


def _listed(lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """A list and what follows it: the first line and all like it, up to a heading."""
    end = next((i for i, line in enumerate(lines) if line.level or line.tag != lines[0].tag), len(lines))
    return lines[:end], lines[end:]


def _prose_end(lines: Sequence[Line], *, is_draft: bool) -> int:
    """Where prose gives way to what the site puts below it; the old template's prose has such headings of its own."""
    return next((i for i, line in enumerate(lines) if _BELOW_RE.fullmatch(line.text) or (is_draft and _is_known_heading(line))), len(lines))


def _is_known_heading(line: Line) -> bool:
    return line.level > 0 and line.key in _KNOWN_HEADINGS


def _is_known(line: Line) -> bool:
    text = line.text
    return bool(_CHROME_RE.fullmatch(text) or _BELOW_RE.fullmatch(text)) or _is_known_heading(line)


def _strays(lines: Sequence[Line]) -> list[Finding]:
    """One finding for each heading that is not known, and for words under none. What a known one heads is passed over."""
    findings = []
    is_told = False
    for line in lines:
        if _is_known(line):
            is_told = True
        elif line.level or not (is_told or line.is_link):
            findings.append(Finding(rule="P-UNKNOWN-FIELD", message=line.text[:60]))
            is_told = True
    return findings
