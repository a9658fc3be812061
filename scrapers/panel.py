"""The panel "Key information": a page's facts, each under its label.

Belongs here: the labels, the forms of their values, and where the panel ends. Not here: the rest of
the page.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from schemas.rules import Finding
from schemas.text import plain, said
from scrapers.api import version_number
from scrapers.lines import Line, Path, after_lead, common_path, is_under, label_key, labelled
from scrapers.reading import ParseError

TITLE: Final = "key information"
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAY_RE: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4})")
_LONG_DAY_RE: Final = re.compile(r"(\d{1,2}) ([A-Za-z]+) (\d{4})")
_MONTHS_RE: Final = re.compile(r"(\d{1,3})(?: months?)?(?: \(this does not include EPA period\))?", re.IGNORECASE)
_POUNDS_RE: Final = re.compile(r"£ ?(\d{1,3}(?:,\d{3})+|\d+)(?:\.00)?")
_NUMBER_RE: Final = re.compile(r"\d{1,6}")
_LEVEL_RE: Final = re.compile(r"(?:Level )?([0-8])", re.IGNORECASE)
_REFERENCE_RE: Final = re.compile(r"(?:ST|OCC)\d{4}")
_ANY_REFERENCE_RE: Final = re.compile(r"\b(?:ST|OCC|FA|AU)\d{4}\b", re.IGNORECASE)
_NOT_SET: Final = frozenset(("", "-", "n/a", "none", "not set", "tbc"))
# Below a panel that nothing holds together a line with a colon may be a notice as well: in words.
_LONGEST_LABEL: Final = 4
# What an In-development page ticks off; the ticks say less than the dates the API gives.
_TICK_RE: Final = re.compile(r"(?:(?:un|not )?ticked )?[a-z][a-z -]{0,40} approved", re.IGNORECASE)

Value = str | int | bool | date | None


def _reference(text: str) -> str:
    reference = text.upper()
    if not _REFERENCE_RE.fullmatch(reference):
        raise ValueError
    return reference


def _version(text: str) -> str | None:
    return version_number(text) if text else None


def _number(text: str) -> int | None:
    return None if text.casefold() in _NOT_SET else int(_matched(_NUMBER_RE, text)[0]) or None


def _level(text: str) -> int | None:
    return int(_matched(_LEVEL_RE, text)[1]) or None


def _months(text: str) -> int | None:
    return None if text.casefold() in _NOT_SET else int(_matched(_MONTHS_RE, text)[1]) or None


def _pounds(text: str) -> int | None:
    return None if text.casefold() in _NOT_SET else int(_matched(_POUNDS_RE, text)[1].replace(",", "")) or None


def read_day(text: str) -> date | None:
    """A date as the site writes it, `05/04/2022`; "Not set" is none.

    Raises ValueError for anything else.
    """
    if text.casefold() in _NOT_SET:
        return None
    match = _matched(_DAY_RE, text)
    return date(int(match[3]), int(match[2]), int(match[1]))


def _any_day(text: str) -> date | None:
    match = _LONG_DAY_RE.fullmatch(text)
    return date(int(match[3]), _MONTHS.index(match[2].casefold()) + 1, int(match[1])) if match else read_day(text)


def _yes(text: str) -> bool | None:
    if text.casefold() not in ("yes", "no", ""):
        raise ValueError
    return text.casefold() == "yes" if text else None


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError
    return match


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The column a label fills and how its words are read."""

    column: str
    read: Callable[[str], Value]


FIELDS: Final[Mapping[str, Field]] = {
    "status": Field(column="status", read=str),
    "reference": Field(column="reference", read=_reference),
    "version": Field(column="version", read=_version),
    "level": Field(column="level", read=_level),
    "typical duration": Field(column="typical_duration_months", read=_months),
    "typical duration to gateway": Field(column="typical_duration_months", read=_months),
    "typical epa period": Field(column="epa_period_months", read=_months),
    "maximum funding": Field(column="max_funding_gbp", read=_pounds),
    "route": Field(column="route", read=said),
    "integration": Field(column="integration", read=said),
    "date updated": Field(column="changed_on", read=read_day),
    "approved for delivery": Field(column="approved_on", read=_any_day),
    "lars code": Field(column="lars_code", read=_number),
    "eqa provider": Field(column="eqa_provider", read=said),
    "regulated occupation": Field(column="is_regulated", read=_yes),
}
_INNER_LABEL_RE: Final = re.compile(rf"(?:{'|'.join(FIELDS)}|review|contact) ?:", re.IGNORECASE)
# Labels that are known and not read: the words say nothing a record keeps, or name people.
_PERSONAL_RE: Final = re.compile(r"(?:.* )?(?:contacts?(?:\(s\))?|e-?mail)(?: .*)?")
_IGNORED_RE: Final = re.compile(rf"review|example progression routes?|employers involved.*|involved employers|{_PERSONAL_RE.pattern}")


# Forms that no other fact has; a number or a word may be anything.
_TELLING: Final = (_months, _pounds, _version)
_INTEGRATIONS: Final = frozenset(
    (
        "degree-apprenticeship",
        "mandatory qualification only",
        "mandatory qualification with apprenticeship assessment",
        "statutory integration",
    )
)
_LONGEST_QUOTE: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The words under each known label and under each unknown one, and the lines of the page they take up."""

    words: Mapping[str, str]
    unknown: tuple[tuple[str, str], ...] = ()
    lines: frozenset[int]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One for each label that is not known; what stands under it may name a person and is not quoted."""
        return tuple(Finding(rule="P-UNKNOWN-FIELD", message=label[:_LONGEST_QUOTE]) for label, _ in self.unknown)

    def values(self) -> dict[str, Value]:
        """The columns the panel fills.

        Raises ParseError (P-BAD-VALUE) for words that do not have the form of their field.
        """
        values: dict[str, Value] = {}
        for label, words in self.words.items():
            column, text = FIELDS[label].column, plain(words)
            if ":" in text and _INNER_LABEL_RE.search(text):
                raise ParseError("P-BAD-VALUE", f"{label}: another label stands among its words.")
            try:
                value = FIELDS[label].read(text)
            except ValueError as error:
                raise ParseError("P-BAD-VALUE", f"{label}: {text[:60]!r}") from error
            if values.setdefault(column, value) != value:
                raise ParseError("P-BAD-VALUE", f"{label} stands under two labels.")
        return values

    def refuse_renamed(self, usual: Collection[str]) -> None:
        """An unknown label may be one of ours under a new name: then its value is not gone. `usual` are columns such pages fill.

        Raises ParseError (P-MISSING-FIELD) where the words under it would do for a label that is missing: in a form that
        nothing else has, or in any form where no more usual labels are missing than there are unknown ones.
        """
        there = {FIELDS[label].column for label in self.words}
        missing = {column for column in usual if column not in there}
        due = missing if len(missing) <= len(self.unknown) else frozenset[str]()
        for name, words in self.unknown:
            for label, field in FIELDS.items():
                if field.column not in there and _would_do(field, plain(words), is_due=field.column in due):
                    raise ParseError("P-MISSING-FIELD", f"{label}; it may be what {name[:_LONGEST_QUOTE]!r} is.")


def _would_do(field: Field, text: str, *, is_due: bool) -> bool:
    if field.column == "integration":
        return text.casefold() in _INTEGRATIONS
    try:
        return field.read(text) is not None and (is_due or (field.read in _TELLING and not text.isdecimal()))
    except (ValueError, ParseError):
        return False


def is_label(key: str) -> bool:
    """Whether the words are a label of the panel."""
    return key in FIELDS or _IGNORED_RE.fullmatch(key) is not None


def find_panel(lines: Sequence[Line]) -> int | None:
    """The line that a panel without its title begins with: the first label of the list that names the reference.

    Raises ParseError (P-BAD-VALUE) for lists of two standards without a title: nothing says which is the page's own.
    """
    labels = [_label(line) for line in lines]
    found = [
        index
        for index, label in enumerate(labels)
        if label in ("reference", "status") and "reference" in labels[index : index + 6] and "level" in labels[index : index + 24]
    ]
    if not found:
        return None
    others = {match[0] for line in lines[found[0] :] if _label(line) == "reference" and (match := _ANY_REFERENCE_RE.search(line.text))}
    if len(others) > 1:
        raise ParseError("P-BAD-VALUE", f"reference: the page shows {' and '.join(sorted(others))}.")
    return found[0]


def find_titled(lines: Sequence[Line]) -> list[int]:
    """The titles of panels; some pages show theirs twice, once for small screens."""
    return [index for index, line in enumerate(lines) if line.key == TITLE and _heads_panel(lines[index + 1 : index + 4])]


def _heads_panel(near: Sequence[Line]) -> bool:
    return bool(near) and near[0].key != TITLE and any(_label(line) in FIELDS for line in near)


def _label(line: Line) -> str | None:
    found = labelled(line, is_label)
    return found[0] if found else None


@dataclass(slots=True, kw_only=True)
class _Draft:
    """The panel being read: what its rows look like, the label whose words are due, and its row."""

    depth: int
    level: int
    words: dict[str, list[str]]
    unknown: list[tuple[str, list[str]]]
    label: str = ""
    is_waiting: bool = False
    row: Path = ()


def read_panel(lines: Sequence[Line], begin: int, end: int, outside: Sequence[Line]) -> Panel:
    """Read the panel that begins at a line and ends before `end`. `outside` are lines that are surely not in it.

    Raises ParseError (P-BAD-VALUE) for a label with two different values.
    """
    has_title = lines[begin].key == TITLE
    known = [index for index in range(begin + has_title, end) if _label(lines[index])]
    if not known:
        return Panel(words={}, lines=frozenset((begin,)))
    labels = [lines[index] for index in known]
    rows = common_path(labels)
    wide = common_path([*labels, lines[begin]])
    home = next((path for path in (wide, rows) if not any(is_under(line, path) for line in outside)), None)
    is_list = all(line.tag == "li" for line in labels)
    draft = _Draft(
        depth=min(len(line.path) for line in labels) if is_list else len(rows) + 1,
        level=labels[0].level if len({line.level for line in labels}) == 1 else 0,
        words={},
        unknown=[],
    )
    taken = {begin} if has_title else set()
    for index in range(begin + has_title, end):
        line = lines[index]
        if home is not None and not is_under(line, home):
            if index > begin + 1 and draft.label:
                break
            continue
        if line.level and 0 < lines[begin].level >= line.level and index not in known:
            break
        if _take(draft, line, is_inside=home is not None or index < known[-1]):
            taken.add(index)
    return Panel(
        words={label: _once(label, told) for label, told in draft.words.items()},
        unknown=tuple((label, " ".join(told).strip()) for label, told in draft.unknown),
        lines=frozenset(taken),
    )


def _once(label: str, told: Sequence[str]) -> str:
    """The words under a label; where it stands more than once they are the same, or nothing."""
    said_words = list(dict.fromkeys(words.lstrip(": ") for words in told if words)) or [""]
    if len(said_words) > 1:
        raise ParseError("P-BAD-VALUE", f"{label} stands twice.")
    return said_words[0]


def _take(draft: _Draft, line: Line, *, is_inside: bool) -> bool:
    """Read one line into the panel; False for a line that is not part of it."""
    row = line.path[: draft.depth]
    has_row = len(line.path) >= draft.depth
    is_new_row = has_row and row != draft.row
    is_head = line.tag in ("dt", "th")
    is_value = draft.is_waiting and not is_head and (line.tag == "dd" or (has_row and not is_new_row))
    is_status = draft.label == "status" and (draft.is_waiting or line.text.startswith("("))
    found = None if is_value else labelled(line, is_label) or _bare(line, draft)
    if found and not (is_status and found[0] == "approved for delivery"):
        _begin(draft, *found, row)
    elif is_value or is_status or (draft.is_waiting and not is_head and line.level == 0):
        _add(draft, line.text)
    elif _TICK_RE.fullmatch(line.text):
        draft.label = ""
    elif found := _unknown(line, draft, is_new_row=is_new_row or not has_row, is_inside=is_inside):
        draft.unknown.append((found[0], []))
        _begin(draft, "?", found[1], row)
    elif not is_inside and (is_new_row or not has_row):
        return False
    else:
        _add(draft, line.text)
    return True


def _begin(draft: _Draft, label: str, words: str, row: Path) -> None:
    if label in FIELDS:
        draft.words.setdefault(label, []).append(words)
    elif label == "?":
        draft.unknown[-1][1].append(words)
    draft.label, draft.is_waiting, draft.row = label, not words, row


def _add(draft: _Draft, text: str) -> None:
    if draft.label in FIELDS:
        told = draft.words[draft.label]
        if not draft.is_waiting and FIELDS[draft.label].read is said:
            raise ParseError("P-BAD-VALUE", f"{draft.label}: it is not clear where its words end.")
        told[-1] = f"{told[-1]} {text}".strip()
    elif draft.label == "?":
        draft.unknown[-1][1].append(text)
    draft.is_waiting = False


def _bare(line: Line, draft: _Draft) -> tuple[str, str] | None:
    """`Level 3`, one text without a colon: counts where nothing else is due and the words fit."""
    if draft.is_waiting or len(line.pieces) > 1:
        return None
    for label, field in FIELDS.items():
        words = line.text[len(label) :].strip()
        if label not in draft.words and words and label_key(line.text).startswith(f"{label} "):
            try:
                return (label, words) if field.read(plain(words)) is not None else None
            except (ValueError, ParseError):
                return None
    return None


def _unknown(line: Line, draft: _Draft, *, is_new_row: bool, is_inside: bool) -> tuple[str, str] | None:
    """A label that is not known, by its place or form, and the words after it."""
    if line.tag in ("dt", "th") or (line.level and line.level == draft.level and line.key):
        return line.text.rstrip(" :"), ""
    if _PERSONAL_RE.fullmatch(draft.label):
        return None
    lead = " ".join(line.pieces[0].split())
    if len(line.pieces) > 1:
        is_label = lead.endswith(":") or "".join(line.pieces[1:]).lstrip().startswith(":")
        return (lead.rstrip(" :"), after_lead(line)) if is_label or (is_new_row and is_inside and line.tag != "dd") else None
    head, colon, rest = line.text.partition(":")
    if colon and is_new_row and (len(head) <= 40 if is_inside else len(head.split()) <= _LONGEST_LABEL):
        return head, rest.strip()
    has_row = len(line.path) >= draft.depth
    return (line.text, "") if is_new_row and has_row and is_inside and line.tag != "dd" else None
