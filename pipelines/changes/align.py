"""Match the items of two lists by their words, never by their codes.

Belongs here: which old item is which new item. Not here: what a pair with other words means.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Index pairs (before, after) in the order of `after`, and what has no partner."""

    pairs: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def align(before: Sequence[str], after: Sequence[str]) -> Alignment:
    """Match equal texts as a multiset; equal texts pair in order."""
    places: defaultdict[str, deque[int]] = defaultdict(deque)
    for index, text in enumerate(before):
        places[text].append(index)
    pairs, added = [], []
    for index, text in enumerate(after):
        if places[text]:
            pairs.append((places[text].popleft(), index))
        else:
            added.append(index)
    matched = {old for old, _ in pairs}
    removed = tuple(index for index in range(len(before)) if index not in matched)
    return Alignment(pairs=tuple(pairs), removed=removed, added=tuple(added))
