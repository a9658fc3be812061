"""Match the items of two lists by their words, never by their codes.

Belongs here: which old item is which new item. Not here: what a pair with other words means.

Equal texts are paired first, as a multiset. What is left is paired by similarity: the assignment with
the greatest sum, over pairs at or above a threshold. Measured on the 1,031 adjacent pairs of versions
published on 2026-08-22 (10,482 items without an equal partner, best assignment within K, S and B):

    similarity   <40   40s    50s   60s   70s   80s   90s
    items         814  3,627  1,548  667   500   545  2,781
    same id       6 %    3 %    7 %  15 %  30 %  42 %  82 %

The trough is at 70 to 80: below it lie unrelated texts, above it other words for the same thing, and
the publisher's ids, which decide nothing, agree. Between the kinds there is no second hump (40: 2,547,
50s 1,214, 60s 128, 70s 18, 80s 8, 90s 2), and up to 85 a skill merely repeats what a knowledge item
names; so an item counts as moved from one kind to another only from there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from rapidfuzz import fuzz, process
from scipy.optimize import linear_sum_assignment

from schemas.record import KINDS, Content, Ksb

REWORDED: Final = 72.0
MOVED: Final = 85.0
# Less than the smallest difference in similarity that means anything: they only break ties.
_SAME_ID: Final = 1.0
_SAME_PLACE: Final = 0.5
# More than any distance within a list: the place only decides where nothing else does.
_FAR: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The words of an item, and what tells twins apart: what it is mapped to, and the publisher's id where the source tells one."""

    text: str
    publisher_id: str | None = None
    mapped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An old item and the new one it became, by index; 100 is the same text."""

    before: int
    after: int
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Every index of both lists exactly once; pairs in the order of the new list."""

    pairs: tuple[Pair, ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KsbMatch:
    """Every item of two contents exactly once."""

    pairs: tuple[tuple[Ksb, Ksb, float], ...]
    removed: tuple[Ksb, ...]
    added: tuple[Ksb, ...]


def align(before: Sequence[Item], after: Sequence[Item], threshold: float = REWORDED) -> Alignment:
    """Match two lists; the same pairs come out whichever of them is the old one."""
    if _texts(after) < _texts(before):
        mirrored = align(after, before, threshold)
        pairs = [Pair(before=pair.after, after=pair.before, similarity=pair.similarity) for pair in mirrored.pairs]
        return Alignment(pairs=_ordered(pairs), removed=mirrored.added, added=mirrored.removed)
    pairs = _equal(before, after)
    old = _rest(len(before), {pair.before for pair in pairs})
    new = _rest(len(after), {pair.after for pair in pairs})
    pairs += _similar(before, after, old, new, threshold)
    return Alignment(
        pairs=_ordered(pairs),
        removed=tuple(_rest(len(before), {pair.before for pair in pairs})),
        added=tuple(_rest(len(after), {pair.after for pair in pairs})),
    )


def match_ksbs(before: Content, after: Content) -> KsbMatch:
    """Match within K, S and B, then look for items that moved between them."""
    needed_by = tuple(_needed_by(content) for content in (before, after))
    pairs: list[tuple[Ksb, Ksb, float]] = []
    removed: list[Ksb] = []
    added: list[Ksb] = []
    for kind in KINDS:
        old, new = ([ksb for ksb in content.ksbs if ksb.kind == kind] for content in (before, after))
        found = align(_ksb_items(old, needed_by[0]), _ksb_items(new, needed_by[1]))
        pairs += [(old[pair.before], new[pair.after], pair.similarity) for pair in found.pairs]
        removed += [old[index] for index in found.removed]
        added += [new[index] for index in found.added]
    # Left over within each kind, so whatever pairs here went from one kind to another.
    across = align(_ksb_items(removed, needed_by[0]), _ksb_items(added, needed_by[1]), MOVED)
    crossing = [pair for pair in across.pairs if removed[pair.before].kind != added[pair.after].kind]
    pairs += [(removed[pair.before], added[pair.after], pair.similarity) for pair in crossing]
    gone, come = {pair.before for pair in crossing}, {pair.after for pair in crossing}
    return KsbMatch(
        pairs=tuple(pairs),
        removed=tuple(ksb for index, ksb in enumerate(removed) if index not in gone),
        added=tuple(ksb for index, ksb in enumerate(added) if index not in come),
    )


def match_duties(before: Content, after: Content) -> Alignment:
    """Match duties by their words."""
    return align(_duty_items(before), _duty_items(after))


def _ksb_items(ksbs: Sequence[Ksb], needed_by: Mapping[str, frozenset[str]]) -> list[Item]:
    return [Item(text=ksb.text, publisher_id=ksb.publisher_id, mapped=needed_by.get(ksb.code, frozenset())) for ksb in ksbs]


def _duty_items(content: Content) -> list[Item]:
    texts = {ksb.code: ksb.text for ksb in content.ksbs}
    return [
        Item(text=duty.text, publisher_id=duty.publisher_id, mapped=frozenset(texts[code] for code in duty.codes if code in texts))
        for duty in content.duties
    ]


def _needed_by(content: Content) -> dict[str, frozenset[str]]:
    """The words of the duties that need each code."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for duty in content.duties:
        for code in duty.codes:
            found[code].add(duty.text)
    return {code: frozenset(texts) for code, texts in found.items()}


def _texts(items: Sequence[Item]) -> list[tuple[str, str, list[str]]]:
    return [(item.text, item.publisher_id or "", sorted(item.mapped)) for item in items]


def _ordered(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(pairs, key=lambda pair: pair.after))


def _rest(length: int, taken: set[int]) -> list[int]:
    return [index for index in range(length) if index not in taken]


def _equal(before: Sequence[Item], after: Sequence[Item]) -> list[Pair]:
    """Pairs of equal texts. Twins go by what they are mapped to, then by the publisher's id, then in order or to the nearest place."""
    places: Mapping[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((before, after)):
        for index, item in enumerate(items):
            places[item.text][side].append(index)
    pairs = []
    for old, new in places.values():
        if len(old) <= 1 and len(new) <= 1:
            rows, columns = range(min(len(old), len(new))), range(min(len(old), len(new)))
        else:
            cost = np.array([[_apart(before[i], after[j], i - j) for j in new] for i in old]).reshape(len(old), len(new))
            rows, columns = linear_sum_assignment(cost)
        pairs += [Pair(before=old[row], after=new[column], similarity=100.0) for row, column in zip(rows, columns, strict=True)]
    return pairs


def _apart(old: Item, new: Item, distance: int) -> float:
    # Squared, so that of several ways with the same sum the one that keeps the order is the least.
    return distance**2 + _FAR * ((old.mapped != new.mapped) * 2 + (old.publisher_id != new.publisher_id))


def _similar(before: Sequence[Item], after: Sequence[Item], old: Sequence[int], new: Sequence[int], threshold: float) -> list[Pair]:
    if not old or not new:
        return []
    scores = process.cdist(
        [before[index].text for index in old],
        [after[index].text for index in new],
        scorer=fuzz.ratio,
        score_cutoff=threshold,
        dtype=np.float64,
    )
    if not scores.any():
        return []
    same_id = np.array([[before[i].publisher_id is not None and before[i].publisher_id == after[j].publisher_id for j in new] for i in old])
    nearness = 1 - np.abs(np.subtract.outer(old, new)) / max(len(before), len(after))
    weights = np.where(scores > 0, scores + _SAME_ID * same_id + _SAME_PLACE * nearness, 0)
    rows, columns = linear_sum_assignment(weights, maximize=True)
    return [
        Pair(before=old[row], after=new[column], similarity=round(float(scores[row, column]), 1))
        for row, column in zip(rows, columns, strict=True)
        if scores[row, column] > 0
    ]
