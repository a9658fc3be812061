"""The lists of knowledge, skills and behaviours on a page.

Belongs here: where the lists begin and end, and the words of each item. Not here: the duties that
name their codes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

from schemas.record import KINDS, Kind, Ksb
from schemas.text import ksb_text
from scrapers.items import Mark, last_end, list_end, mark_of, separator, starts, words_after
from scrapers.lines import Line, Path, common_path, is_under, title_key
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
    "knowledge and understanding": "K",
    "skill": "S",
    "skills": "S",
    "behaviour": "B",
    "behaviours": "B",
}
# `K1`, `K1 to K5`, `K1-K5`. A dash between two spaces may as well part two codes: then they are no codes.
_RUN: Final = r"([KSB])(\d{1,3})(?!\d)(?:(?:\s+to\s+|[-–—])\1(\d{1,3})(?![\d–—-]))?"
_RUN_RE: Final = re.compile(_RUN)
_CODES_RE: Final = re.compile(rf"(?:[\s,;.•·]|and\b)*(?:{_RUN}(?:[\s,;./&|•·]|and\b)*)+")
_INNER_CODE_RE: Final = re.compile(r"\b[KSB]\d{1,3}\s?:")
_MARK_RE: Final = re.compile(r"(?P<series>[KSB])(?P<number>[1-9]\d{0,2})(?!\d)")
# The link that ends every item on the site's own pages, with what an editor may put around it.
_LONGEST_WAY_BACK: Final = 32
_BACK_RE: Final = re.compile(
    r"\s*[↑←«]?\s*(?:\[{0}\]|\({0}\)|{0})\s*[↑»]?\.?$".format(r"[Bb]ack to [Dd]ut(?:y|ies)(?:\s(?:\d{1,2}|[KSB]\d{1,3}))?")
)
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
    return _CODES_RE.fullmatch(text) is not None


def codes_in(text: str) -> list[str]:
    """The codes that such words name, with every one of a range.

    Raises ParseError (P-BAD-VALUE) for a range that does not rise within one kind.
    """
    codes = []
    for match in _RUN_RE.finditer(text):
        kind, first, last = match[1], int(match[2]), int(match[3] or match[2])
        codes += [match[0]] if match[3] is None else [f"{kind}{number}" for number in range(first, last + 1)]
        if last < first:
            raise ParseError("P-BAD-VALUE", f"{match[0]!r} is no range of codes.")
    return codes


def marks_of(lines: Sequence[Line], after: int) -> list[Mark | None]:
    """The code each line begins with; what stands before `after` begins no item."""
    return [item_mark(line) if index >= after and line.text[0] in KINDS else None for index, line in enumerate(lines)]


def item_mark(line: Line) -> Mark | None:
    """The code a line begins with."""
    return mark_of(line, _MARK_RE) if line.text[0] in KINDS else None


def quoted_text(words: str, code: str) -> str:
    """The words of an item that is shown away from the lists."""
    return ksb_text(_forth(words), code[0])


def find_ksbs(
    lines: Sequence[Line], marks: Sequence[Mark | None], after: int, *, has_duties: bool, is_of_duty: Callable[[Line], bool]
) -> int | None:
    """Where the lists begin, at or after a line; their title counts as theirs.

    Prose may speak of "K1" as well. The lists are what stands under their own title, else what leads
    back to the duties, else what stands after the duties, else three whole lists.
    """
    best, rank = None, 0
    for index in range(after, len(lines)):
        mark = marks[index]
        if mark is None or mark.number != 1 or not _has_words(lines, marks, index, is_of_duty):
            continue
        title = _title_before(lines, index, after, is_of_duty)
        if title is not None and title_key(lines[title]) in TITLES:
            own = 3
        elif _leads_back(lines, marks, index):
            own = 2
        else:
            own = int(has_duties and (mark.is_sure or title is not None))
        if own > rank:
            best, rank = (index if title is None else title), own
    return best if best is not None or has_duties else _whole_lists(lines, marks)


def _whole_lists(lines: Sequence[Line], marks: Sequence[Mark | None]) -> int | None:
    """The title of the first of three lists, one after the other, each whole and under the title of its kind.

    A stray "K1" is prose, and so is a title; three whole lists are not.
    """
    titles: dict[str, int] = {}
    counts = dict.fromkeys(KINDS, 0)
    for index, mark in enumerate(marks):
        if mark is None:
            continue
        kind = cast(Kind, mark.series)
        title = next((i for i in range(index - 1, max(-1, index - _TITLE_REACH), -1) if KIND_TITLES.get(title_key(lines[i])) == kind), None)
        if counts[kind] == 0 and title is not None:
            titles[kind] = title
        counts[kind] += 1
        if mark.number != counts[kind] or kind != next(reversed(titles), None):
            return None
    return min(titles.values()) if len(titles) == len(KINDS) else None


def check_none(lines: Sequence[Line], marks: Sequence[Mark | None], *, has_duties: bool) -> None:
    """Raises ParseError (P-KSB-CODES) when lines in which no list was found show that there is one."""
    titles = TITLES if has_duties else ("ksbs",)
    for line, mark in zip(lines, marks, strict=True):
        is_item = has_duties and mark is not None and mark.is_sure and not is_codes(line.text)
        if is_item or title_key(line) in titles or _way_back(line.text):
            raise ParseError("P-KSB-CODES", f"No item that could be read goes with {line.text[:60]!r}.")


def check_prose(lines: Sequence[Line]) -> None:
    """Raises ParseError (P-KSB-CODES) when prose holds a list of items: its second one under the first."""
    first: Line | None = None
    for line in lines:
        mark = item_mark(line) if line.text[0] in KINDS else None
        if mark is None or not mark.is_sure:
            continue
        if first is not None and mark.number == 2 and mark.series == first.text[0] and line.tag == first.tag:
            raise ParseError("P-KSB-CODES", f"A list that begins {first.text[:60]!r} stands above the duties.")
        if mark.number == 1:
            first = line


def read_ksbs(lines: Sequence[Line], all_marks: Sequence[Mark | None], begin: int, *, is_below: Callable[[Line], bool]) -> Ksbs:
    """Read the lists that begin at a line. `is_below` tells what a page shows below them.

    Raises ParseError (P-KSB-CODES) for a gap, a duplicate, an item without words or without an end.
    """
    marks = [mark if index >= begin else None for index, mark in enumerate(all_marks)]
    begins = starts(marks, "P-KSB-CODES")
    ends = [*_inner_ends(lines, marks, begins), 0]
    ends[-1] = _outer_end(lines, marks, begins, ends, is_below)
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
    second = next(
        (other for other in marks[index + 2 :] if other and other.is_sure and (other.series, other.number) == (mark.series, 2)), None
    )
    return follower_mark.series == mark.series and second is not None and second.is_alone


def _is_title(line: Line) -> bool:
    return title_key(line) in TITLES or title_key(line) in KIND_TITLES


def _title_before(lines: Sequence[Line], index: int, after: int, is_of_duty: Callable[[Line], bool]) -> int | None:
    """The first of the titles right above an item; above the site's own title there is none."""
    title = None
    for above in range(index - 1, max(after, index - _TITLE_REACH) - 1, -1):
        line = lines[above]
        if title_key(line) in TITLES:
            return above
        if title_key(line) in KIND_TITLES:
            title = above
        elif line.level or is_codes(line.text) or is_of_duty(line):
            break
    return title


def _leads_back(lines: Sequence[Line], marks: Sequence[Mark | None], index: int) -> bool:
    """Whether an item ends with the way back to the duties."""
    for offset in range(index, len(lines)):
        if _way_back(lines[offset].text):
            return True
        if marks[offset] and offset > index + 1:
            return False
    return False


def _inner_ends(lines: Sequence[Line], marks: Sequence[Mark | None], begins: Sequence[int]) -> list[int]:
    """Where every item but the last ends: where the next one begins, or the title or head of the next kind."""
    ends = []
    for begin, following in pairwise(begins):
        one, other = marks[begin], marks[following]
        is_cell = lines[begin].tag in ("td", "th")
        if one and other and (is_cell or one.series != other.series):
            home = _home(lines, marks, begins, one.series)
            end = _title_above(lines, begin, following, home, other.series) if one.series != other.series else following
            if is_cell and _are_rows(lines, marks, begins, home):
                row = lines[begin].path[: len(home) + 1]
                end = _row_end(lines, begin, end, row, lines[following].path[: len(row)])
            ends.append(_kind_end(lines, begin, end, home) if one.series != other.series else end)
        else:
            ends.append(following)
    return ends


def _are_rows(lines: Sequence[Line], marks: Sequence[Mark | None], begins: Sequence[int], home: Path) -> bool:
    """Whether most items of a table have their words in the row of their code."""
    own = [begin for begin in begins if is_under(lines[begin], home)]
    whole = sum(
        not mark.is_alone or (begin + 1 < len(lines) and is_under(lines[begin + 1], lines[begin].path[: len(home) + 1]))
        for begin in own
        if (mark := marks[begin])
    )
    return whole * 2 > len(own)


def _title_above(lines: Sequence[Line], begin: int, following: int, home: Path, series: str) -> int:
    """Where the title of the next kind stands, above its first item; the last item's own words may be the same."""
    is_shared = is_under(lines[following], home)
    own = lines[begin].path[: len(home) + 1] if is_shared else home
    for index in range(following - 1, begin, -1):
        line = lines[index]
        is_title = title_key(line) in TITLES or KIND_TITLES.get(title_key(line)) == series
        is_title = is_title or (index == following - 1 and line.is_bold and not lines[begin].is_bold)
        if is_title and (not is_under(line, own) or (is_shared and line.path == home)):
            return index
    return following


def _row_end(lines: Sequence[Line], begin: int, end: int, row: Path, next_row: Path) -> int:
    """An item in a row of a table ends with its row; the next one's row may begin with another cell."""
    stop = next((index for index in range(begin + 1, end) if not is_under(lines[index], row)), end)
    for line in lines[stop:end]:
        if not (is_under(line, next_row) or line.level or line.is_link or line.tag == "th" or _is_title(line)):
            raise ParseError("P-KSB-CODES", f"It is not clear whether {line.text[:60]!r} belongs to the item before.")
    return stop


def _kind_end(lines: Sequence[Line], begin: int, end: int, home: Path) -> int:
    """The last item of a kind ends with its list; headings and heads of a table may follow before the next."""
    stop = list_end(home, lines, begin, end)
    for line in lines[stop:end]:
        if not (line.level or line.is_link or line.tag == "th"):
            raise ParseError("P-KSB-CODES", f"It is not clear whether {line.text[:60]!r} belongs to the item before.")
    return stop


def _outer_end(
    lines: Sequence[Line], marks: Sequence[Mark | None], begins: Sequence[int], ends: Sequence[int], is_below: Callable[[Line], bool]
) -> int:
    """Where the last item of all ends: with the way back to the duties if all others do, else with its list."""
    last = begins[-1]
    others = [lines[begin:end] for begin, end in zip(begins, ends[:-1], strict=False)]
    if all(_way_back(item[-1].text) for item in others):
        for index in range(last, len(lines)):
            if _way_back(lines[index].text):
                return index + 1
    mark = marks[last]
    home = _home(lines, marks, begins, mark.series if mark else "")
    limit = next((index for index in range(last + 1, len(lines)) if is_below(lines[index])), len(lines))
    end = last_end(others, home, lines, last, limit, before=lines[max(0, begins[0] - 1)])
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


def _way_back(text: str) -> re.Match[str] | None:
    """The link at the end of an item; it is short, and a text is not searched for it from the beginning."""
    if "ack to" not in text[-_LONGEST_WAY_BACK:]:
        return None
    return _BACK_RE.search(text, max(0, len(text) - _LONGEST_WAY_BACK))


def _forth(text: str) -> str:
    back = _way_back(text)
    return text[: back.start()] if back else text


def _ksb(lines: Sequence[Line], mark: Mark, sign: str) -> Ksb:
    if any(_way_back(line.text) for line in lines[:-1]):
        raise ParseError("P-KSB-CODES", f"{mark.series}{mark.number} goes on after the way back.")
    words = [_forth(words_after(mark, sign)), *(_forth(line.text) for line in lines[1:])]
    text = ksb_text(" ".join(words), mark.series)
    if not text:
        raise ParseError("P-KSB-CODES", f"{mark.series}{mark.number} has no words.")
    if ":" in text and _INNER_CODE_RE.search(text):
        raise ParseError("P-KSB-CODES", f"Another item stands among the words of {mark.series}{mark.number}.")
    return Ksb(kind=cast(Kind, mark.series), position=mark.number, text=text)
