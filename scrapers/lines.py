"""A page as a person reads it: one visible line after the other.

Belongs here: the tree of a page turned into lines, and what mark-up itself says of a line (heading,
place, link). Not here: what the words mean. No class name is ever looked at: the mark-up of a site
changes, its words stay.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from scrapers.prose import INLINE

_INLINE: Final = INLINE | frozenset(("data", "dfn", "kbd", "output", "samp", "time", "var", "wbr"))
_BOLD: Final = frozenset(("b", "strong"))
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
# A table's row groups are no level of their own, so that the rows below a head count on from it.
_ROW_GROUPS: Final = frozenset(("tbody", "tfoot", "thead"))
_CELLS: Final = frozenset(("td", "th"))
# A paragraph in one of these says no more than its holder does.
_HOLDERS: Final = frozenset(("dd", "dt", "li", "td", "th"))
_WRAPPERS: Final = frozenset(("div", "p"))
_UNSEEN: Final = frozenset(
    (
        *("audio", "canvas", "iframe", "math", "object", "svg", "video"),
        *("datalist", "select", "textarea"),
        *("head", "noscript", "script", "style", "template", "title"),
        "nav",
    )
)
_UNSEEN_ROLES: Final = frozenset(("navigation", "tab", "tablist"))
_SECTIONS: Final = frozenset(("article", "aside", "main", "section"))
_LONGEST_LABEL: Final = 80
# The attributes that can hide an element.
_HIDING: Final = frozenset(("aria-hidden", "hidden", "role", "style"))
_COUNT_RE: Final = re.compile(r" ?\(\d{1,3}\)$")
_HIDDEN_STYLE_RE: Final = re.compile(r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)

Path = tuple[int, ...]


# A tuple, since a page makes hundreds of them and parsing one is to cost little beside its tree.
class Line(NamedTuple):
    """What stands between two cuts. Every element that is not inline cuts, and so does `<br>`.

    `key` is the text to know a label or title by, '' for one too long for either. `path` is the place
    of the block the line stands in: the position among its sibling blocks, from
    the root down; for a cell its column. `tag` is the block's element, for a paragraph in a cell or
    list item that one. `pieces` are its texts as the inline elements divide it; `is_lead_apart`: the
    first of them fills an element of its own.
    """

    text: str
    key: str
    pieces: tuple[str, ...]
    is_lead_apart: bool
    path: Path
    tag: str
    level: int
    is_bold: bool
    is_link: bool
    is_main: bool


def label_key(text: str) -> str:
    """Words as labels are told apart: no case, no colon at the end, one space for any white space."""
    return " ".join(text.split()).rstrip(" :").casefold()


def title_key(line: Line) -> str:
    """The key of a line that may be a title with a count: `Knowledge (25)`."""
    return _COUNT_RE.sub("", line.key) if line.key.endswith(")") else line.key


def labelled(line: Line, is_label: Callable[[str], bool]) -> tuple[str, str] | None:
    """The label a line begins with and the words after it, or None.

    A label is the whole line, what stands before the first colon, or the first piece.
    """
    if is_label(line.key):
        return line.key, ""
    head, colon, rest = line.text.partition(":")
    if colon and is_label(label_key(head)):
        return label_key(head), rest.strip()
    if len(line.pieces) > 1 and is_label(label_key(line.pieces[0])):
        return label_key(line.pieces[0]), after_lead(line)
    return None


def after_lead(line: Line) -> str:
    """The words after the first piece, without the colon that may stand between."""
    words = " ".join("".join(line.pieces[1:]).split())
    return words[1:].lstrip() if words.startswith(":") else words


def common_path(lines: Sequence[Line]) -> Path:
    """The innermost block that holds all the lines."""
    low, high = min(line.path for line in lines), max(line.path for line in lines)
    for depth, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return low[:depth]
    return low


def is_under(line: Line, path: Path) -> bool:
    """Whether the line stands in the block, at any depth."""
    return line.path[: len(path)] == path


def words_of(lines: Sequence[Line]) -> str:
    """The lines as one text."""
    return " ".join(line.text for line in lines)


def visible_lines(soup: BeautifulSoup) -> tuple[Line, ...]:
    """The lines a visitor sees, in document order, without the site's own header, navigation and footer."""
    reader = _Reader()
    root = _Block((), "", 0, is_main=False, is_section=False)
    reader.children(soup, root, is_bold=False, is_link=False)
    reader.cut(root)
    return tuple(reader.lines[: reader.end()])


class _Block:
    """The block being read; `seats` is the next free place in it.

    `reach` is shared by a table and its rows: how many more rows a cell above takes a column of.
    `taken` are the columns that such cells take from this row.
    """

    __slots__ = ("is_main", "is_section", "level", "path", "reach", "seats", "tag", "taken")

    def __init__(self, path: Path, tag: str, level: int, *, is_main: bool, is_section: bool) -> None:
        self.path = path
        self.tag = tag
        self.level = level
        self.is_main = is_main
        self.is_section = is_section
        self.seats = 0
        self.reach: dict[int, int] | None = None
        self.taken: frozenset[int] = frozenset()


class _Reader:
    """The one walk over the tree; the line being read is kept until something cuts it."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._pieces: list[str] = []
        self._is_lead_apart = False
        self._is_bold = False
        self._is_link = False
        self._footers: list[tuple[int, int]] = []
        self._has_title = False

    def children(self, tag: Tag, block: _Block, *, is_bold: bool, is_link: bool, is_inline: bool = False) -> None:
        """Read what an element holds; `is_inline`: the element itself does not cut."""
        contents = tag.contents
        for child in contents:
            if type(child) is NavigableString:
                pieces = self._pieces
                if child.isspace() or not child:
                    if pieces and pieces[-1] != " ":
                        pieces.append(" ")
                    continue
                if not pieces:
                    self._is_lead_apart = is_inline and len(contents) == 1
                    self._is_bold = is_bold
                    self._is_link = is_link
                else:
                    self._is_bold = self._is_bold and is_bold
                    self._is_link = self._is_link and is_link
                pieces.append(str(child))
            elif isinstance(child, Tag):
                name = child.name
                if child.attrs and not _HIDING.isdisjoint(child.attrs) and _is_hidden(child, is_inline=name in _INLINE):
                    continue
                if name in _INLINE:
                    self.children(child, block, is_bold=is_bold or name in _BOLD, is_link=is_link or name == "a", is_inline=True)
                elif name == "br":
                    self.cut(block)
                elif name not in _UNSEEN and not (name == "dialog" and "open" not in child.attrs):
                    self._block(child, name, block, is_bold=is_bold, is_link=is_link or name == "button")

    def cut(self, block: _Block) -> None:
        """End the line being read."""
        pieces = self._pieces
        if not pieces:
            return
        self._pieces = []
        if pieces[-1] == " ":
            pieces.pop()
        text = " ".join((pieces[0] if len(pieces) == 1 else "".join(pieces)).split())
        self.lines.append(
            Line(
                text,
                text.rstrip(" :").casefold() if len(text) <= _LONGEST_LABEL else "",
                tuple(pieces),
                self._is_lead_apart,
                block.path,
                block.tag,
                block.level,
                self._is_bold,
                self._is_link,
                block.is_main,
            )
        )

    def end(self) -> int:
        """Where the page's own footer begins: only what is last on a page is its footer, any other footer is a card's."""
        end = len(self.lines)
        while self._footers and self._footers[-1][1] == end:
            end = self._footers.pop()[0]
        return end

    def _block(self, tag: Tag, name: str, parent: _Block, *, is_bold: bool, is_link: bool) -> None:
        role = tag.attrs.get("role") if tag.attrs else None
        if (name == "header" or role == "banner") and not (parent.is_section or self._has_title) and tag.find("h1") is None:
            return
        self.cut(parent)
        if name in _ROW_GROUPS:
            self.children(tag, parent, is_bold=is_bold, is_link=is_link)
            self.cut(parent)
            return
        block = self._enter(tag, name, parent, is_main=name == "main" or role == "main")
        begin = len(self.lines)
        self.children(tag, block, is_bold=is_bold, is_link=is_link)
        self.cut(block)
        if (name == "footer" or role == "contentinfo") and not parent.is_section:
            self._footers.append((begin, len(self.lines)))

    def _enter(self, tag: Tag, name: str, parent: _Block, *, is_main: bool) -> _Block:
        level = _HEADINGS.get(name, parent.level)
        if tag.attrs and tag.attrs.get("role") == "heading":
            level = _number(tag, "aria-level", otherwise=2)
        if level == 1:
            self._has_title = True
        if name in _CELLS:
            seat = _seat(tag, parent)
        else:
            seat = parent.seats
            parent.seats += 1
        block = _Block(
            (*parent.path, seat),
            parent.tag if name in _WRAPPERS and parent.tag in _HOLDERS else name,
            level,
            is_main=is_main or parent.is_main,
            is_section=is_main or parent.is_section or name in _SECTIONS,
        )
        if name == "table":
            block.reach = {}
        elif name == "tr" and parent.reach is not None:
            block.reach = parent.reach
            block.taken = frozenset(parent.reach)
            for column in block.taken:
                parent.reach[column] -= 1
                if not parent.reach[column]:
                    del parent.reach[column]
        return block


def _seat(cell: Tag, row: _Block) -> int:
    """The column of a cell, and the row made ready for the next one."""
    seat = row.seats
    while seat in row.taken:
        seat += 1
    width = _number(cell, "colspan")
    row.seats = seat + width
    rows = _number(cell, "rowspan")
    if rows > 1 and row.reach is not None:
        row.reach.update(dict.fromkeys(range(seat, seat + width), rows - 1))
    return seat


def _number(tag: Tag, name: str, *, otherwise: int = 1) -> int:
    value = str(tag.attrs.get(name, ""))
    return max(1, min(int(value), 1000)) if value.isdecimal() else otherwise


def _is_hidden(tag: Tag, *, is_inline: bool) -> bool:
    """What no visitor is shown.

    `aria-hidden` keeps an element from screen readers only. On a piece of a line that is an ornament;
    a block so marked is one that opens on a click, and is read.
    """
    attrs = tag.attrs
    if "hidden" in attrs and attrs["hidden"] != "until-found":
        return True
    if is_inline and attrs.get("aria-hidden") == "true":
        return True
    return attrs.get("role") in _UNSEEN_ROLES or ("style" in attrs and _HIDDEN_STYLE_RE.search(str(attrs["style"])) is not None)
