"""When two texts are the same text.

Belongs here: the one normalisation that every source passes through. Not here: how a source is
read (scrapers), or what a difference means (pipelines.changes).
"""

import html
import re
import unicodedata
from typing import Final

# Zero-width characters and the byte-order mark are editor residue; a reader cannot see them.
_INVISIBLE: Final = ("\u200b", "\u2060", "\ufeff")
# "K1: ", "k6:", "S1 Client": with a colon any number, with a space at most two digits, so that a
# skill about "S355 structural steel" keeps its words.
_KSB_LABEL_RE: Final = re.compile(r"^([KSB])\s?(?:\d{1,3}\s*[:.)](?!\d)\s*|\d{1,2}(?:\s+[-–]\s*|\s+))(?=\S)", re.IGNORECASE)
_DUTY_LABEL_RE: Final = re.compile(r"^D(?:uty)?\s?(?:\d{1,2}\s*[:.)](?!\d)\s*|\d{1,2}(?:\s+[-–]\s*|\s+))(?=\S)", re.IGNORECASE)


def plain(text: str | None) -> str:
    """Text as it is compared: unescaped once, NFC, one space for any white space, stripped."""
    if not text:
        return ""
    return visible(html.unescape(text) if "&" in text else text)


def visible(text: str) -> str:
    """Text that is unescaped already, as it is compared."""
    if not text.isascii():
        for character in _INVISIBLE:
            text = text.replace(character, "")
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def said(words: str) -> str | None:
    """None for nothing, and for the word "None", which the publisher uses for it."""
    return None if words in ("", "None") else words


def ksb_text(text: str | None, kind: str) -> str:
    """The words of one knowledge, skill or behaviour, without a label typed into them ("K1: ")."""
    words = plain(text)
    label = _KSB_LABEL_RE.match(words)
    return words[label.end() :] if label and label[1].upper() == kind else words


def duty_text(text: str | None) -> str:
    """The words of one duty, without a label typed into them ("D1: ", "Duty 1 ")."""
    return _DUTY_LABEL_RE.sub("", plain(text), count=1)
