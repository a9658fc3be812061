"""The lists of knowledge, skills and behaviours on a page.

Belongs here: where the lists begin and end, and the words of each item. Not here: the duties that
name their codes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from schemas.record import Kind, Ksb
from schemas.text import ksb_text
from scrapers.items import Mark, last_end, list_end, mark_of, separator, starts, words_after
from scrapers.lines import Line, Path, common_path
from scrapers.reading import ParseError

TITLES: Final = frozenset(
    (
        "ksbs",
        "knowledge skills and behaviours",
        "knowledge, skills & behaviours",
        "knowledge, skills and behaviours",
        "knowledge, skills and behaviours (ksbs)",
    )
)
KIND_TITLES: Final[Mapping[str, Kind]] = {
    "knowledge": "K",
    "skill": "S",
    "skills": "S",
    "behaviour": "B",
    "behaviours": "B",
}
CODES_RE: Final = re.compile(r"(?:[\s,;.•·]|and\b)*(?:[KSB]\d{1,3}(?!\d)(?:[\s,;./&|•·]|and\b)*)+")
CODE_RE: Final = re.compile(r"[KSB]\d{1,3}")
_MARK_RE: Final = re.compile(r"(?P<series>[KSB])(?P<number>[1-9]\d{0,2})(?!\d)")
# The link that ends every item on the site's own pages, with what an editor may put around it.
_BACK_RE: Final = re.compile(r"[\s\[(↑^<«]*back to dut(?:y|ies)(?:\s(?:\d{1,2}|[KSB]\d{1,3}))?[\s\])↑^>».]*$", re.IGNORECASE)
# A title may have a head row or a sentence between itself and the first item, no more.
_TITLE_REACH: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ksbs:
    """The items, and the lines of the page they take up: from `begin` to `end`."""

    items: tuple[Ksb, ...]
    begin: int
    end: int


def is_codes(text: str) -> bool:
    """Whether the words are codes and nothing else."""
    return CODES_RE.fullmatch(text) is not None


def find_ksbs(lines: Sequence[Line], after: int, *, has_duties: bool, is_of_duty: Callable[[Line], bool]) -> int | None:
    """Where the lists begin, at or after a line; their title counts as theirs.

    Prose may speak of "K1" as well. The lists are what stands under their own title, else what leads
    back to the duties, else what stands after the duties or under the title of a kind.
    """
    marks = [mark_of(line, _MARK_RE) for line in lines]
    best, rank = None, 0
    for index in range(after, len(lines)):
        mark = marks[index]
        if mark is None or mark.number != 1 or not _has_words(lines, marks, index, is_of_duty):
            continue
        title = _title_before(lines, index, after)
        if title is not None and lines[title].key in TITLES:
            own = 3
        elif _leads_back(lines, marks, index):
            own = 2
        else:
            own = int((title is not None and (mark.is_sure or has_duties)) or (has_duties and mark.is_sure))
        if own > rank:
            best, rank = (index if title is None else title), own
    return best


def check_none(lines: Sequence[Line], *, has_duties: bool) -> None:
    """Raises ParseError (P-KSB-CODES) when lines in which no list was found show that there is one."""
    titles = TITLES if has_duties else ("ksbs",)
    told = next((line for line in lines if line.key in titles or ("ack to" in line.text and _BACK_RE.search(line.text))), None)
    if told is not None:
        raise ParseError("P-KSB-CODES", f"No item that could be read goes with {told.text[:60]!r}.")


def read_ksbs(lines: Sequence[Line], begin: int) -> Ksbs:
    """Read the lists that begin at a line.

    Raises ParseError (P-KSB-CODES) for a gap, a duplicate, an item without words or without an end.
    """
    marks = [mark_of(line, _MARK_RE) if index >= begin else None for index, line in enumerate(lines)]
    begins = starts(marks, "P-KSB-CODES")
    ends = [*_inner_ends(lines, marks, begins), 0]
    ends[-1] = _outer_end(lines, marks, begins, ends)
    sign = separator([mark for start in begins if (mark := marks[start])])
    items = tuple(_ksb(lines[start:end], cast(Mark, marks[start]), sign) for start, end in zip(begins, ends, strict=True))
    return Ksbs(items=items, begin=begin, end=ends[-1])


def _has_words(lines: Sequence[Line], marks: Sequence[Mark | None], index: int, is_of_duty: Callable[[Line], bool]) -> bool:
    """Whether a first code begins an item, and is not just one that a duty needs."""
    mark = marks[index]
    if mark is None or not mark.is_alone:
        return mark is not None and not is_codes(lines[index].text)
    if index + 1 == len(lines):
        return False
    follower, follower_mark = lines[index + 1], marks[index + 1]
    if is_codes(follower.text) or _is_title(follower) or is_of_duty(follower):
        return False
    if follower_mark is None or not follower_mark.is_sure:
        return True
    second = next((other for other in marks[index + 2 :] if other and other.is_sure and other.series == mark.series and other.number == 2), None)
    return follower_mark.series == mark.series and second is not None and second.is_alone


def _is_title(line: Line) -> bool:
    return line.key in TITLES or line.key in KIND_TITLES


def _title_before(lines: Sequence[Line], index: int, after: int) -> int | None:
    """The first of the titles right above an item."""
    title = None
    for above in range(index - 1, max(after, index - _TITLE_REACH) - 1, -1):
        if _is_title(lines[above]):
            title = above
        elif lines[above].level or is_codes(lines[above].text):
            break
    return title


def _leads_back(lines: Sequence[Line], marks: Sequence[Mark | None], index: int) -> bool:
    """Whether an item ends with the way back to the duties."""
    for offset in range(index, len(lines)):
        if "ack to" in lines[offset].text and _BACK_RE.search(lines[offset].text):
            return True
        if marks[offset] and offset > index + 1:
            return False
    return False


def _inner_ends(lines: Sequence[Line], marks: Sequence[Mark | None], begins: Sequence[int]) -> list[int]:
    """Where every item but the last ends: where the next one begins, or the title or head of the next kind."""
    ends = []
    for begin, following in zip(begins, begins[1:], strict=False):
        one, other = marks[begin], marks[following]
        if one and other and one.series != other.series:
            titles = (i for i in range(begin + 1, following) if lines[i].key in TITLES or KIND_TITLES.get(lines[i].key) == other.series)
            end = next(titles, following)
            home = _home(lines, marks, begins, one.series)
            ends.append(_kind_end(lines, begin, end, home))
        else:
            ends.append(following)
    return ends


def _kind_end(lines: Sequence[Line], begin: int, end: int, home: Path) -> int:
    """The last item of a kind ends with its list; headings and heads of a table may follow before the next."""
    stop = list_end(home, lines, begin, end)
    for line in lines[stop:end]:
        if not (line.level or line.is_link or line.tag == "th"):
            raise ParseError("P-KSB-CODES", f"It is not clear whether {line.text[:60]!r} belongs to the item before.")
    return stop


def _outer_end(lines: Sequence[Line], marks: Sequence[Mark | None], begins: Sequence[int], ends: Sequence[int]) -> int:
    """Where the last item of all ends: with the way back to the duties if all others do, else with its list."""
    last = begins[-1]
    others = [lines[begin:end] for begin, end in zip(begins, ends[:-1], strict=False)]
    if all(any(_BACK_RE.search(line.text) for line in item) for item in others):
        for index in range(last, len(lines)):
            if _BACK_RE.search(lines[index].text):
                return index + 1
    mark = marks[last]
    home = _home(lines, marks, begins, mark.series if mark else "")
    end = last_end(others, home, lines, last, len(lines))
    if end is None:
        raise ParseError("P-KSB-CODES", f"It is not clear where the last item ends: {lines[last].text[:60]!r}")
    return end


def _home(lines: Sequence[Line], marks: Sequence[Mark | None], begins: Sequence[int], series: str) -> Path:
    """The block that holds the list of a kind; a list of one item has it as deep as the other lists."""
    kinds: dict[str, list[Line]] = {}
    for begin in begins:
        mark = marks[begin]
        if mark:
            kinds.setdefault(mark.series, []).append(lines[begin])
    own = kinds[series]
    if len(own) > 1:
        return common_path(own)
    depths = [len(common_path(items)) for items in kinds.values() if len(items) > 1]
    return own[0].path[: min(depths)] if depths else own[0].path[:-1]


def _ksb(lines: Sequence[Line], mark: Mark, sign: str) -> Ksb:
    words = [words_after(mark, sign), *(line.text for line in lines[1:])]
    text = ksb_text(" ".join(_BACK_RE.sub("", part) if "ack to" in part.casefold() else part for part in words), mark.series)
    if not text:
        raise ParseError("P-KSB-CODES", f"{mark.series}{mark.number} has no words.")
    return Ksb(kind=cast(Kind, mark.series), position=mark.number, text=text)
