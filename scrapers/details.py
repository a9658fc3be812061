"""The details of the occupational standard: everything on a page but the panel, the notices and the log.

Belongs here: which lines belong to which section. Not here: how duties and KSBs are read.

The sections follow one another without an end of their own, and their prose may hold any word a
title is made of. So a title counts by its words, by looking like the others, and by what follows.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Final, cast

from schemas.record import Content, Kind
from schemas.rules import Finding
from schemas.text import plain, visible
from scrapers import duties, ksbs
from scrapers.lines import Line, common_path, is_under, labelled, words_of
from scrapers.reading import ParseError

TITLES: Final = frozenset(("details of the occupational standard", "details of occupational standard"))
SUMMARY_TITLES: Final = frozenset(("occupation summary", "occupational summary"))
_JOBS_TITLE: Final = "typical job titles include"
_JOBS_TITLES: Final = frozenset((_JOBS_TITLE, "typical job titles"))
_ENTRY_TITLES: Final = frozenset(("entry requirements",))
SECTION_TITLES: Final = SUMMARY_TITLES | _JOBS_TITLES | _ENTRY_TITLES
_NAMES: Final = {"summary": "occupation summary", "jobs": "typical job titles", "entry": "entry requirements"}
_REFERENCE_RE: Final = re.compile(r"\b(?:ST|OCC|FA|AU)\d{4}\b", re.IGNORECASE)
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
    _check_codes(content, found_duties)
    firsts = [found.begin for found in (found_duties, found_ksbs) if found]
    prose = lines[: min(firsts) if firsts else _prose_end(lines, is_draft=is_draft)]
    findings = [*(found_duties.findings if found_duties else ())]
    if not found_duties:
        duties.check_none([*prose, *(lines[found_ksbs.end :] if found_ksbs else ())])
    is_old = not firsts and not is_draft
    if not is_old:
        ksbs.check_prose(prose)
        refuse_another(prose)
    following = [lines[begin] for begin in firsts]
    sections, unknown = _sections(prose, following, is_old=is_old)
    facts = {name: visible(words_of(part)) or None for name, part in sections.items() if name in ("summary", "entry")}
    findings += [_unknown(title) for title in unknown]
    titles, rest = _listed(sections.get("jobs", []))
    others = [*sections.get("", []), *rest, *sections.get("rest", [])]
    if rest and not is_old and "entry" not in sections and not all(map(_is_known, rest)):
        raise ParseError("P-MISSING-FIELD", "entry requirements; they may be what stands below the job titles.")
    information = None
    if is_old:
        information = visible(words_of([line for line in others if not _CHROME_RE.fullmatch(line.text)])) or None
        if information is None:
            information = facts.pop("summary", None)
    else:
        findings += _strays(others)
    refuse_strays(prose, content)
    if found_duties:
        refuse_strays(lines[found_duties.end : found_ksbs.begin if found_ksbs else len(lines)], content)
        findings += _strays(lines[found_duties.end : found_ksbs.begin if found_ksbs else len(lines)])
    if found_ksbs:
        refuse_strays(lines[found_ksbs.end :], content)
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


def _check_codes(content: Content, found: duties.Duties | None) -> None:
    """What the duties say of the items is what the lists say."""
    listed = {ksb.code: ksb.text for ksb in content.ksbs}
    for duty in content.duties:
        missing = [code for code in duty.codes if code not in listed]
        if missing:
            raise ParseError("P-MAPPED-CODE-MISSING", f"{duty.label}: {', '.join(missing)}")
    if found is None:
        return
    for quote in found.quotes:
        if ksbs.quoted_text(quote.words, quote.code) != listed[quote.code]:
            raise ParseError("P-BAD-VALUE", f"Duty {quote.duty} has other words for {quote.code} than its list.")
    if content.ksbs and content.duties and not found.has_codes:
        raise ParseError("P-MISSING-FIELD", "The KSBs that each duty needs: no place for them was found.")


def _sections(lines: Sequence[Line], following: Sequence[Line], *, is_old: bool) -> tuple[Mapping[str, list[Line]], Sequence[Line]]:
    """The lines of each section, without its title, and the titles of sections nobody knows, whose lines are left out.

    What stands before the first section has the name ''. `following` are the titles of duties and KSBs.
    Raises ParseError (P-MISSING-FIELD) for an unknown title where a known one is missing: it may be that one's new name.
    """
    titles = _own_titles(lines) if is_old else _titles(lines)
    strange = frozenset[int]() if is_old else _strange_titles(lines, titles, following)
    missing = [name for name in _NAMES if name not in titles.values()]
    if missing and not is_old:
        _refuse_renamed(lines, titles, strange, missing)
    sections: dict[str, list[Line]] = {}
    name: str | None = ""
    for index, line in enumerate(lines):
        if index in titles:
            name = titles[index]
        elif index in strange:
            name = None
        elif name is not None:
            if is_old and name == "entry" and line.level:
                name = "rest"
            sections.setdefault(name, []).append(line)
    return sections, [lines[index] for index in sorted(strange)]


def _refuse_renamed(lines: Sequence[Line], titles: Mapping[int, str], strange: Set[int], missing: Sequence[str]) -> None:
    """Raises ParseError (P-MISSING-FIELD) where a section that is missing may be there under another name."""
    first = min(titles, default=len(lines))
    models = [lines[index] for index in titles]
    for index, line in enumerate(lines):
        is_stray = "summary" in missing and index < first and not (_is_known(line) or line.is_link)
        is_bold = line.is_bold and not line.level and bool(line.key) and index not in titles
        if index in strange or is_stray or (is_bold and any(_is_like(line, model) and model.level == 0 for model in models)):
            raise ParseError("P-MISSING-FIELD", f"{_NAMES[missing[0]]}; it may be what {line.text[:40]!r} is.")


def _strange_titles(lines: Sequence[Line], titles: Mapping[int, str], following: Sequence[Line]) -> frozenset[int]:
    """Where sections begin that are none of ours: in a box of its own where each of ours has one, else a heading like ours."""
    own = [lines[index] for index in titles]
    depth = len(common_path([*own, *following])) if len(own) + len(following) > 1 else None
    strange: set[int] = set()
    for begin, end in pairwise((*titles, len(lines))):
        title, section = lines[begin], lines[begin + 1 : end]
        is_boxed = depth is not None and len(title.path) > depth + 1 and bool(section) and is_under(section[0], title.path[: depth + 1])
        box = title.path[: depth + 1] if is_boxed and depth is not None else ()
        for index in range(begin + 1, end):
            line = lines[index]
            is_own = is_under(line, box)
            if is_boxed and not is_own:
                if is_under(lines[index - 1], box) or line.path[: len(box)] != lines[index - 1].path[: len(box)]:
                    strange.add(index)
            elif not is_boxed and 0 < line.level <= title.level and line.path[:-1] == title.path[:-1] and not _is_known(line):
                strange.add(index)
    return frozenset(strange)


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
        elif line.key == _JOBS_TITLE and index + 1 < len(lines) and (lines[index + 1].tag == "li" or _is_title_like(line, model)):
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


def _is_title_like(line: Line, model: Line | None) -> bool:
    return model is not None and line.level == model.level and _is_like(line, model)


def _listed(lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """A list and what follows it: the first line and all like it in the same block, up to a heading."""
    if not lines:
        return lines, lines
    first = lines[0]
    home = common_path(lines[:2])
    end = next((i for i, line in enumerate(lines) if line.level or not _is_like(line, first) or not is_under(line, home)), len(lines))
    return lines[:end], lines[end:]


def _is_like(line: Line, other: Line) -> bool:
    return (line.tag, len(line.path), line.is_bold) == (other.tag, len(other.path), other.is_bold)


def _prose_end(lines: Sequence[Line], *, is_draft: bool) -> int:
    """Where prose gives way to what the site puts below it; the old template's prose has such headings of its own."""
    return next((i for i, line in enumerate(lines) if _BELOW_RE.fullmatch(line.text) or (is_draft and _is_known_heading(line))), len(lines))


def _is_known_heading(line: Line) -> bool:
    return line.level > 0 and line.key in _KNOWN_HEADINGS


def _is_known(line: Line) -> bool:
    text = line.text
    return bool(_CHROME_RE.fullmatch(text) or _BELOW_RE.fullmatch(text)) or _is_known_heading(line)


def refuse_another(lines: Sequence[Line]) -> None:
    """Raises ParseError (P-BAD-VALUE) for the facts of a standard where there is only prose: nothing says whose they are."""
    for line, following in zip_longest(lines, lines[1:]):
        if line.key.startswith("reference") and (found := labelled(line, "reference".__eq__)):
            match = _REFERENCE_RE.match(found[1]) or (_REFERENCE_RE.match(following.text) if following and not found[1] else None)
            if match:
                raise ParseError("P-BAD-VALUE", f"The facts of {match[0]} stand outside the panel.")


def refuse_strays(lines: Iterable[Line], content: Content) -> None:
    """Raises ParseError (P-DUTY-NUMBERS, P-KSB-CODES) where the next duty or item of a list stands apart from it."""
    for line in lines:
        if line.text[0] not in "DdKSB":
            continue
        duty, item = duties.duty_mark(line), ksbs.item_mark(line)
        if duty and duty.is_sure and content.duties and duty.number == len(content.duties) + 1:
            raise ParseError("P-DUTY-NUMBERS", f"Duty {duty.number} stands apart from the others.")
        if item and item.is_sure and content.ksbs and item.number == content.count(cast(Kind, item.series)) + 1:
            raise ParseError("P-KSB-CODES", f"{item.series}{item.number} stands apart from the others.")


def _unknown(line: Line) -> Finding:
    """A heading is quoted; other words may be anything, also a name."""
    return Finding(rule="P-UNKNOWN-FIELD", message=line.text[:40] if line.level else "words under no heading that is known")


def _strays(lines: Sequence[Line]) -> list[Finding]:
    """One finding for each heading that is not known, and for words under none. What a known one heads is passed over."""
    findings = []
    is_told = False
    for line in lines:
        if _is_known(line):
            is_told = True
        elif line.level or not (is_told or line.is_link):
            findings.append(_unknown(line))
            is_told = True
    return findings
