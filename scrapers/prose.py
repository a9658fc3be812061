"""Prose fields: HTML written in an editor, read as the text a person sees.

Belongs here: HTML fragments inside the API's fields. Not here: pages.
"""

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import lxml.html
from lxml import etree

from schemas.text import plain, visible

_UNSEEN: Final = frozenset({"style", "script", "title"})
_TAG_RE: Final = re.compile(r"<[a-zA-Z/!]")
# Elements that do not end a word; the text around any other one is apart.
INLINE: Final = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "em",
        "font",
        "i",
        "ins",
        "mark",
        "q",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
    ]
)


# The states of a version mostly have their prose in common, and reading it is half of reading a record.
@lru_cache(maxsize=4_096)
def prose_text(field: str) -> str:
    """The visible text of a field that is escaped HTML, plain text, or a mixture.

    An editor's re-save (`&nbsp;`, `<br />`, other tags) gives the same text.
    """
    markup = html.unescape(field)
    if not _TAG_RE.search(markup):
        return plain(markup)
    root = lxml.html.document_fromstring(f"<html><body><div>{markup}</div></body></html>")
    return visible("".join(_pieces(root)))


def _pieces(root: lxml.html.HtmlElement) -> Iterator[str]:
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        is_apart = event in ("start", "end") and element.tag not in INLINE
        if event == "start":
            yield " " if is_apart else ""
            yield "" if element.tag in _UNSEEN else element.text or ""
        else:
            yield " " if is_apart else ""
            yield element.tail or ""
