"""The duties on a page, and the codes each of them names.

Belongs here: the table, list or cards of duties. Not here: the items the codes stand for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Final, NoReturn

from schemas.record import Duty
from schemas.rules import Finding
from schemas.text import duty_text, plain
from scrapers.api import code_order
from scrapers.grids import find_grid, rows_of
from scrapers.items import Mark, last_end, mark_of, separator, starts, words_after
from scrapers.ksbs import codes_in, is_codes, item_mark
from scrapers.lines import Line, common_path, is_under, labelled, title_key
from scrapers.reading import ParseError

TITLES: Final = frozenset(("duties", "occupation duties", "occupational duties"))
# Heads of columns; all but the duty's own are labels inside a card as well.
_ROLES: Final[Mapping[str, str]] = {
    "duty": "duty",
    "duties": "duty",
    "duty detail": "duty",
    "description": "duty",
    "criteria": "criteria",
    "criteria for measuring performance": "criteria",
    "ksb": "codes",
    "ksbs": "codes",
    "knowledge, skills and behaviours": "codes",
    "knowledge": "codes",
    "skills": "codes",
    "behaviours": "codes",
}
_LABELS: Final = frozenset(label for label, role in _ROLES.items() if role != "duty")
_ORDER: Final = cache(code_order)
_MARK_RE: Final = re.compile(r"(?P<series>Duty)\s?(?P<number>[1-9]\d{0,2})(?!\d)", re.IGNORECASE)
# What no duty says of itself, nor its criteria, on any of 1,950 records: the last word is no code, and no colon follows one. Nor does a duty name two.
_LAST_CODE_RE: Final = re.compile(r"[KSB]\s?\d{1,2}(?:[\s).\]]*$|\s?:)")
_TWO_CODES_RE: Final = re.compile(r"\b[KSB]\s?\d{1,2}\b.*\b[KSB]\s?\d{1,2}\b", re.DOTALL)
_A_CODE_RE: Final = re.compile(r"[KSB]\d")
_NOTHING: Final = frozenset(("", "-", "–", "none", "n/a", "not applicable"))
_REACH: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An item shown with its words under a duty that needs it."""

    duty: int
    code: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """The duties, and the lines of the page they take up: from `begin` to `end`.

    `has_codes`: the page has a place where a duty's codes would stand, even if none does.
    """

    duties: tuple[Duty, ...] = ()
    begin: int
    end: int
    has_codes: bool = False
    quotes: tuple[Quote, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A duty being read, its texts by role."""

    mark: Mark
    duty: list[str] = field(default_factory=list)
    criteria: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    quotes: list[tuple[str, list[str]]] = field(default_factory=list)
    has_codes: bool = False

    def add(self, role: str, text: str) -> None:
        if role == "codes":
            if text.casefold() not in _NOTHING:
                if not is_codes(text):
                    raise ParseError("P-BAD-VALUE", f"Duty {self.mark.number} names {text[:60]!r}, which is no code.")
                self.codes += codes_in(text)
        elif role == "quote":
            self.quotes[-1][1].append(text)
        elif role == "criteria":
            if is_codes(text):
                raise ParseError("P-BAD-VALUE", f"Duty {self.mark.number} has codes where its criteria are due.")
            self.criteria.append(text)
        elif text:
            self.duty.append(text)


def duty_mark(line: Line) -> Mark | None:
    """The number of the duty a line begins with."""
    return mark_of(line, _MARK_RE) if line.text[0] in "Dd" else None


def is_of_duty(line: Line) -> bool:
    """Whether a line begins a duty or is one of the labels inside one."""
    return line.key in _ROLES or duty_mark(line) is not None


def find_duties(lines: Sequence[Line]) -> int | None:
    """The title of the duties: the nearest above the first of them, or at least the site's own."""
    for index, line in enumerate(lines):
        mark = duty_mark(line)
        if mark:
            above = [i for i in range(max(0, index - _REACH), index) if title_key(lines[i]) in TITLES]
            own = [i for i in above if title_key(lines[i]) != "duties"]
            if own or (above and mark.number == 1):
                return (own or above)[-1]
    return next((i for i, line in enumerate(lines) if title_key(line) == "occupation duties" and (line.level or line.is_bold)), None)


def read_table(lines: Sequence[Line], begin: int) -> Duties | None:
    """The duties after a line, where they stand in rows and columns with words at their head; else None.

    Raises ParseError (P-DUTY-NUMBERS, P-BAD-VALUE).
    """
    grid = find_grid(lines[begin:], _ROLES, "duty")
    if grid is None:
        return None
    try:
        drafts = _rows(rows_of(grid, lines[begin:]).values())
    except ParseError:
        if grid.width is None:
            raise
        return None
    if not drafts:
        return None
    end = max(index for index in range(begin, len(lines)) if grid.place(lines[index]) is not None) + 1
    first = next(index for index in range(begin, end) if grid.place(lines[index]) is not None)
    apart = next((line for line in lines[first:end] if grid.place(line) is None and not is_under(line, grid.head)), None)
    if apart is not None:
        raise ParseError("P-BAD-VALUE", f"Among the duties stands {apart.text[:60]!r}, in none of their columns.")
    findings = tuple(Finding(rule="P-UNKNOWN-FIELD", message=f"column {text[:40]}") for text in grid.unknown)
    if grid.unknown and "criteria" not in grid.roles.values():
        raise ParseError("P-BAD-VALUE", f"The duties have a column that is not known; it may be their criteria: {grid.unknown[0][:40]!r}")
    has_codes = "codes" in grid.roles.values()
    return Duties(duties=_duties(drafts), begin=begin, end=end, has_codes=has_codes, findings=findings)


def _rows(rows: Iterable[Mapping[str, list[Line]]]) -> list[_Draft]:
    """The duties of a table; a row without one goes on with the duty above."""
    drafts: list[_Draft] = []
    for row in rows:
        told = row.get("duty", [])
        mark = duty_mark(told[0]) if told else None
        if mark is not None:
            drafts.append(_Draft(mark=mark))
            told = told[1:]
        elif not drafts:
            return []
        elif told:
            _fail(f"{told[0].text[:60]!r} stands where a duty is due.")
        elif "criteria" in row and "codes" in row and drafts[-1].criteria and drafts[-1].codes:
            _fail(f"Criteria and codes of another duty stand below Duty {drafts[-1].mark.number}.")
        for role, cells in {**row, "duty": told}.items():
            for line in cells if role else ():
                drafts[-1].add(role, line.text)
    return drafts


def read_list(lines: Sequence[Line], begin: int, end: int, *, is_bounded: bool) -> Duties:
    """The duties between two lines, as a list or cards. `is_bounded`: they end right at `end`.

    Raises ParseError (P-DUTY-NUMBERS, P-BAD-VALUE).
    """
    marks = [duty_mark(line) if begin < index < end else None for index, line in enumerate(lines)]
    begins = starts(marks, "P-DUTY-NUMBERS")
    if not begins:
        _fail(f"{lines[begin].text[:60]!r} is not followed by Duty 1.")
    if not is_bounded:
        others = [lines[one:other] for one, other in pairwise(begins)]
        home = common_path([lines[index] for index in begins]) if others else lines[begins[0]].path[:-1]
        last = last_end(others, home, lines, begins[-1], end, before=lines[begin])
        end = _fail("It is not clear where the last duty ends.") if last is None else last
    drafts = [_draft(mark, lines[one:other]) for one, other in zip(begins, [*begins[1:], end], strict=True) if (mark := marks[one])]
    if any(_ROLES.get(line.key) == "criteria" for line in lines[begin : begins[0]]) and not any(draft.criteria for draft in drafts):
        raise ParseError("P-BAD-VALUE", "There are criteria, but nothing says which words they are.")
    for draft in drafts:
        told = (draft.mark.rest, *draft.duty)
        if any(map(_TWO_CODES_RE.search, told)) or any(map(_LAST_CODE_RE.search, (*told, *draft.criteria))):
            raise ParseError("P-BAD-VALUE", f"Duty {draft.mark.number} names codes among its words.")
    quotes = [Quote(duty=draft.mark.number, code=code, words=" ".join(words)) for draft in drafts for code, words in draft.quotes]
    has_codes = any(draft.has_codes for draft in drafts)
    return Duties(duties=_duties(drafts), begin=begin, end=end, has_codes=has_codes, quotes=tuple(quotes))


def _draft(mark: Mark, lines: Sequence[Line]) -> _Draft:
    """Read one duty of a list. Its words stand in one block; what has a block of its own has a label, and one that is known."""
    draft, role = _Draft(mark=mark), "duty"
    home = None if mark.is_alone else lines[0].path
    told: set[str] = set()
    for line in lines[1:]:
        found = labelled(line, _LABELS.__contains__)
        if found and (_ROLES[found[0]] != "codes" or not found[1] or _A_CODE_RE.search(found[1])):
            role, text = _ROLES[found[0]], found[1]
            if found[0] in told or (role == "codes" and _A_CODE_RE.search(text) and not is_codes(text)):
                raise ParseError("P-BAD-VALUE", f"Duty {mark.number} has {found[0]!r} twice, or with other words than codes.")
            told.add(found[0])
        elif is_codes(line.text):
            role, text = "codes", line.text
        elif (item := item_mark(line)) and item.is_sure and not item.is_alone:
            role, text = "quote", item.rest.lstrip(" :")
            draft.quotes.append((f"{item.series}{item.number}", []))
        else:
            text = line.text
        draft.has_codes = draft.has_codes or role in ("codes", "quote")
        if role == "duty":
            home = line.path if home is None else home
            if line.path != home or (line.is_lead_apart and len(line.pieces) > 1):
                raise ParseError("P-BAD-VALUE", f"Duty {mark.number} has words that nothing known heads: {text[:60]!r}")
        if text:
            draft.add(role, text)
    return draft


def check_none(lines: Sequence[Line]) -> None:
    """Raises ParseError (P-DUTY-NUMBERS) when lines in which no duties were found show that there are some."""
    first: Line | None = None
    for line in lines:
        mark = duty_mark(line)
        if title_key(line) == "occupation duties":
            _fail("Nothing that could be read goes with their title.")
        if mark and mark.number == 1:
            first = line
        elif mark and mark.number == 2 and first is not None and first.tag == line.tag and len(first.path) == len(line.path):
            _fail(f"No title of duties goes with {first.text[:60]!r}.")


def _duties(drafts: Sequence[_Draft]) -> tuple[Duty, ...]:
    numbers = [draft.mark.number for draft in drafts]
    if numbers != list(range(1, len(numbers) + 1)):
        _fail(", ".join(map(str, numbers)))
    sign = separator([draft.mark for draft in drafts])
    return tuple(_duty(draft, sign) for draft in drafts)


def _duty(draft: _Draft, sign: str) -> Duty:
    if not (draft.codes or draft.quotes) and _LAST_CODE_RE.search(" ".join((words_after(draft.mark, sign), *draft.duty))):
        raise ParseError("P-BAD-VALUE", f"Duty {draft.mark.number} has its codes among its words.")
    text = duty_text(" ".join([words_after(draft.mark, sign), *draft.duty]))
    if not text:
        raise ParseError("P-MISSING-FIELD", f"Duty {draft.mark.number} has no words.")
    codes = {*draft.codes, *(code for code, _ in draft.quotes)}
    return Duty(
        number=draft.mark.number,
        text=text,
        codes=tuple(sorted(codes, key=_ORDER)),
        criteria=plain(" ".join(draft.criteria)),
    )


def _fail(detail: str) -> NoReturn:
    raise ParseError("P-DUTY-NUMBERS", detail)
