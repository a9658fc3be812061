"""The crosswalk between two contents: every old and new code once, and what became of it.

Belongs here: the rows of a crosswalk and what they add up to. Not here: matching (align), events (compare).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from pipelines.changes.align import match_duties, match_ksbs
from schemas.change import Relation
from schemas.record import KINDS, Content, Ksb

# How much of a new item's words an old one must hold to be where it was split from, and how much of
# the old one its parts must hold together.
_PART_OF: Final = 0.75
_WHOLE_OF: Final = 0.7
_WORD_RE: Final = re.compile(r"\w{4,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One old item and what it became; K, S and B by code, duties (kind D) by `Duty 3`."""

    kind: str
    from_code: str | None
    to_code: str | None
    relation: Relation
    similarity: float | None
    from_text: str | None
    to_text: str | None
    note: str | None = None


def crosswalk(before: Content, after: Content) -> tuple[Link, ...]:
    """Every old code and every new code exactly once, in the new order, what was removed last in its kind."""
    matched = match_ksbs(before, after)
    links = [
        _link(old.kind if old.kind == new.kind else new.kind, old.code, new.code, old.text, new.text, score)
        for old, new, score in matched.pairs
    ]
    links += [
        Link(kind=k.kind, from_code=k.code, to_code=None, relation="removed", similarity=None, from_text=k.text, to_text=None)
        for k in matched.removed
    ]
    links += [
        Link(kind=k.kind, from_code=None, to_code=k.code, relation="added", similarity=None, from_text=None, to_text=k.text)
        for k in matched.added
    ]
    duties = match_duties(before, after)
    for pair in duties.pairs:
        old, new = before.duties[pair.before], after.duties[pair.after]
        links.append(_link("D", old.label, new.label, old.text, new.text, pair.similarity))
    for index in duties.removed:
        duty = before.duties[index]
        links.append(
            Link(kind="D", from_code=duty.label, to_code=None, relation="removed", similarity=None, from_text=duty.text, to_text=None)
        )
    for index in duties.added:
        duty = after.duties[index]
        links.append(
            Link(kind="D", from_code=None, to_code=duty.label, relation="added", similarity=None, from_text=None, to_text=duty.text)
        )
    return tuple(sorted(links, key=_reading_order))


def _link(kind: str, from_code: str, to_code: str, from_text: str, to_text: str, similarity: float) -> Link:
    relation: Relation
    if from_code[0] != to_code[0]:
        relation = "moved"
    elif from_text != to_text:
        relation = "reworded"
    else:
        relation = "unchanged" if from_code == to_code else "relabelled"
    return Link(
        kind=kind, from_code=from_code, to_code=to_code, relation=relation, similarity=similarity, from_text=from_text, to_text=to_text
    )


def _reading_order(link: Link) -> tuple[int, bool, int]:
    code = link.to_code or link.from_code or ""
    return [*KINDS, "D"].index(link.kind), link.to_code is None, int("".join(filter(str.isdigit, code)))


def tally(links: Sequence[Link]) -> dict[Relation, int]:
    """How many links of each relation there are; every relation is there."""
    counted = Counter(link.relation for link in links)
    return {relation: counted[relation] for relation in get_args(Relation)}


def splits_and_merges(before: Sequence[Ksb], after: Sequence[Ksb]) -> Iterator[str]:
    """Likely splits and merges among the items without the same words: a hint for a person, never a link."""
    yield from (f"{old} was probably split into {' and '.join(parts)}" for old, parts in _parts(before, after))
    yield from (f"{' and '.join(parts)} were probably merged into {new}" for new, parts in _parts(after, before))


def _parts(wholes: Sequence[Ksb], others: Sequence[Ksb]) -> Iterator[tuple[str, list[str]]]:
    same = {ksb.text for ksb in wholes} & {ksb.text for ksb in others}
    changed = [(ksb.code, ksb.kind, _words(ksb.text)) for ksb in others if ksb.text not in same]
    for whole in wholes:
        words = _words(whole.text)
        if whole.text in same or not words:
            continue
        parts = [(code, bag) for code, kind, bag in changed if kind == whole.kind and bag and len(bag & words) / len(bag) >= _PART_OF]
        held = set().union(*(bag for _, bag in parts)) if parts else set()
        if len(parts) > 1 and len(held & words) / len(words) >= _WHOLE_OF:
            yield whole.code, [code for code, _ in parts]


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD_RE.findall(text.casefold()))
