"""Differences between two texts, word by word.

Belongs here: which words came and went, and what kind of edit that is. Not here: whose text it is.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Final, Literal

from rapidfuzz.distance import OSA

_TOKEN_RE: Final = re.compile(r"[£$€]\d[\d.,]*|\w+|[^\w\s]|\s+")
# A point or a sign beside figures is no punctuation: 2.4 is not 24, and 5 % not £5; nor is a sign that compares.
_FIGURE_RE: Final = re.compile(r"(?:[£$€]\s?)?\d+(?:[.,]\d+)*(?:\s?%)?|[<>=≤≥±+×÷°&]")
_WORD_RE: Final = re.compile(r"\w+")
# Above this many tokens on both sides together, sentences are paired first: the words of two long texts take quadratic time, and
# what is new as a whole reads better as a whole.
_MANY_TOKENS: Final = 1200
_SENTENCE_RE: Final = re.compile(r".+?(?:[.;:!?]\s+|\Z)", re.DOTALL)
# Shorter words are too close to each other: now and not, eight and eighty.
_TYPING_WORD: Final = 7
# The vowels people mix up; any other letter for a letter is another word (prescribe, proscribe).
_MIXED_UP: Final = frozenset("aei")

Edit = Literal["spacing", "case", "punctuation", "typing", "wording"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of text that stayed, came or went."""

    kind: Literal["same", "added", "removed"]
    text: str


def word_diff(before: str, after: str) -> tuple[Span, ...]:
    """The spans that turn one text into the other; leaving out either kind gives back a whole text."""
    old, new = _TOKEN_RE.findall(before), _TOKEN_RE.findall(after)
    if len(old) + len(new) <= _MANY_TOKENS:
        return tuple(_spans(old, new))
    return _joined(_by_sentence(_SENTENCE_RE.findall(before), _SENTENCE_RE.findall(after)))


def _by_sentence(old: Sequence[str], new: Sequence[str]) -> Iterator[Span]:
    for op, i1, i2, j1, j2 in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        before, after = "".join(old[i1:i2]), "".join(new[j1:j2])
        words = (_TOKEN_RE.findall(before), _TOKEN_RE.findall(after)) if op == "replace" else ((), ())
        if op == "replace" and len(words[0]) + len(words[1]) <= _MANY_TOKENS:
            yield from _spans(*words)
        elif op == "equal":
            yield Span(kind="same", text=before)
        else:
            yield Span(kind="removed", text=before)
            yield Span(kind="added", text=after)


def _spans(old: Sequence[str], new: Sequence[str]) -> Iterator[Span]:
    for op, i1, i2, j1, j2 in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if op == "equal":
            yield Span(kind="same", text="".join(old[i1:i2]))
            continue
        if i2 > i1:
            yield Span(kind="removed", text="".join(old[i1:i2]))
        if j2 > j1:
            yield Span(kind="added", text="".join(new[j1:j2]))


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Neighbours of one kind as one, and none that is empty."""
    groups = groupby((span for span in spans if span.text), key=lambda span: span.kind)
    return tuple(Span(kind=kind, text="".join(span.text for span in group)) for kind, group in groups)


def edit(before: str, after: str) -> Edit:
    """The least that explains the difference between two texts."""
    if _figures(before) != _figures(after):
        return "wording"
    if _without_spaces(before) == _without_spaces(after):
        return "spacing"
    if _without_spaces(before).casefold() == _without_spaces(after).casefold():
        return "case"
    if _letters(before) == _letters(after):
        return "punctuation"
    if _is_typing(before, after):
        return "typing"
    return "wording"


def _figures(text: str) -> list[str]:
    return [_without_spaces(figure) for figure in _FIGURE_RE.findall(text)]


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _letters(text: str) -> str:
    return "".join(_WORD_RE.findall(text)).casefold()


def _is_typing(before: str, after: str) -> bool:
    old, new = (_WORD_RE.findall(text.casefold()) for text in (before, after))
    return len(old) == len(new) and all(_is_slip(a, b) for a, b in zip(old, new, strict=True) if a != b)


def _is_slip(old: str, new: str) -> bool:
    """Whether one word is the other mistyped: long, the same beginning, and one letter more, less, swapped or mixed up.

    What stands at the beginning can turn a word round (asymptomatic, unable), so it has to stay.
    """
    if min(len(old), len(new)) < _TYPING_WORD or old[:2] != new[:2] or OSA.distance(old, new) != 1:
        return False
    if len(old) != len(new):
        return True
    apart = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    return len(apart) == 2 or {letter for pair in apart for letter in pair} <= _MIXED_UP
