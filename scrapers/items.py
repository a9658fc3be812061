"""Lists whose items carry a number: K1, K2 …, Duty 1, Duty 2 …

Belongs here: where an item begins and where the last one ends. Not here: what an item holds.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scrapers.lines import Line, Path, is_under
from scrapers.reading import ParseError

_SEPARATORS: Final = (":", ".", ")", "-", "–", "—")
_ENDS: Final = frozenset(("", *_SEPARATORS))
_LONGEST_MARK: Final = 16
# In a list without colons a number this much too high is a number missed, and no chance word.
_NEAR: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A number at the beginning of a line, and the words after it.

    `is_sure`: it stands in an element of its own or before a colon; else a text may begin so by chance.
    """

    series: str
    number: int
    rest: str
    is_sure: bool

    @property
    def is_alone(self) -> bool:
        """Nothing but the number."""
        return not self.rest.strip(" :.)-–—")


def mark_of(line: Line, mark_re: re.Pattern[str]) -> Mark | None:
    """The mark a line begins with; `mark_re` has the groups series and number."""
    if len(line.pieces) > 1:
        piece = line.pieces[0].strip()
        lead = mark_re.match(piece) if len(piece) <= _LONGEST_MARK else None
        if lead and piece[lead.end() :].strip() in _ENDS:
            rest = line.text[lead.end() :].lstrip()
            return _mark(lead, rest, is_sure=line.is_lead_apart or rest.startswith(":"))
    match = mark_re.match(line.text)
    if match is None:
        return None
    rest = line.text[match.end() :]
    if rest[:1].isalnum():
        return None
    rest = rest.lstrip()
    return _mark(match, rest, is_sure=not rest or rest.startswith(":"))


def _mark(match: re.Match[str], rest: str, *, is_sure: bool) -> Mark:
    return Mark(series=match["series"], number=int(match["number"]), rest=rest, is_sure=is_sure)


def starts(marks: Sequence[Mark | None], fault: str) -> list[int]:
    """Where the items begin: each series runs 1, 2, 3 …, and the series follow one another.

    A sure mark counts always, another one only when it is the next number and no sure one has it.
    Raises ParseError with the rule `fault` for a gap, a duplicate or an item without words.
    """
    sure = {(mark.series, mark.number): index for index, mark in enumerate(marks) if mark and mark.is_sure}
    found: list[int] = []
    counts: dict[str, int] = {}
    last: Mark | None = None
    is_waiting = is_sure = is_apart = False
    for index, mark in enumerate(marks):
        is_next = mark is not None and mark.number == counts.get(mark.series, 0) + 1
        if is_waiting and last:
            if mark and (mark.is_alone or (is_next and mark.series == last.series and not is_apart)):
                raise ParseError(fault, f"{last.series}{last.number} has no words.")
            is_waiting = False
            continue
        if mark is None:
            continue
        is_next = is_next and (last is None or mark.series == last.series or mark.series not in counts)
        is_item = mark.is_sure or (is_next and sure.get((mark.series, mark.number), -1) < index)
        if (is_item and not is_next) or (not is_item and last and not is_sure and mark.number <= counts.get(mark.series, 0) + _NEAR):
            raise ParseError(fault, f"{mark.series}{mark.number} stands after {last.series if last else ''}{last.number if last else 0}.")
        if is_item:
            if last is None:
                is_apart = mark.is_alone
            found.append(index)
            counts[mark.series] = mark.number
            last, is_sure, is_waiting = mark, mark.is_sure, mark.is_alone
    return found


def list_end(home: Path, lines: Sequence[Line], begin: int, end: int) -> int:
    """Where the block `home` ends, or a heading no deeper than the item that begins last."""
    level = lines[begin].level or 7
    return next((i for i in range(begin + 1, end) if not is_under(lines[i], home) or 0 < lines[i].level <= level), end)


def last_end(others: Sequence[Sequence[Line]], home: Path, lines: Sequence[Line], begin: int, end: int, *, before: Line) -> int | None:
    """Where the item that begins last ends, at the latest at `end`; None where the mark-up leaves it open.

    Its list stands in the block `home`. Where that holds the list alone, and not what stands `before`
    it, the item ends with it; else it is taken to be made of the same blocks as one of the others.
    """
    stop = list_end(home, lines, begin, end)
    if not is_under(before, home):
        return stop
    shapes = {tuple(_blocks(item, len(home))) for item in others}
    blocks = [(begin + index, tag) for index, tag in _block_starts(lines[begin:stop], len(home))]
    if not shapes or len(blocks) == 1:
        return stop
    tags = tuple(tag for _, tag in blocks)
    size = next((size for size in range(min(len(tags), max(map(len, shapes))), 0, -1) if tags[:size] in shapes), None)
    if size is None or size == len(tags):
        return None if size is None else stop
    following, tag = blocks[size]
    return following if tag == tags[0] else None


def _blocks(lines: Sequence[Line], depth: int) -> list[str]:
    return [tag for _, tag in _block_starts(lines, depth)]


def _block_starts(lines: Sequence[Line], depth: int) -> Iterator[tuple[int, str]]:
    """The blocks right below the common one: where each begins, and its element. A line outside any is one of its own."""
    seat: Path | None = None
    for index, line in enumerate(lines):
        if len(line.path) <= depth or line.path[: depth + 1] != seat:
            yield index, line.tag
        seat = line.path[: depth + 1] if len(line.path) > depth else None


def separator(marks: Sequence[Mark]) -> str:
    """The sign that this page puts between number and words: the one that most items have, or ''."""
    rests = [mark.rest for mark in marks if not mark.is_alone]
    for sign in _SEPARATORS:
        if sum(rest.startswith(sign) for rest in rests) * 2 > len(rests):
            return sign
    return ""


def words_after(mark: Mark, sign: str) -> str:
    """The words on the marked line, without the page's sign."""
    return "" if mark.is_alone else mark.rest.removeprefix(sign).lstrip()
